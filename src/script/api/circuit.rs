//! `Circuit`, `Projection`, `Targets`: the things that a file opens as.

use std::sync::Arc;

use arrow_array::StringArray;
use arrow_schema::DataType;
use rhai::{Array, Dynamic, Map, NativeCallContext};
use serde_json::{Value as Json, json};

use super::cells::{Cells, cells_of_group};
use super::pathway::{Pathway, Pathways};
use super::space::Region;
use super::synapses::{Synapses, connections_between};
use crate::diag::{Error, Result};
use crate::formats::check::{self, Finding};
use crate::formats::sonata::open as sonata;
use crate::model::{self, Column, ColumnSpec, Connectome, Frame};
use crate::query::{CircuitTables, Group, Table, Value, sql, targets_table};
use crate::script::args::{group, text_of};
use crate::script::registry::{Answer, Api};
use crate::script::value::from_json;

/// A circuit in a script.
#[derive(Clone)]
pub struct Circuit(pub Arc<model::Circuit>);

/// A projection of a circuit.
#[derive(Clone)]
pub struct Projection {
    circuit: Circuit,
    name: String,
}

/// Where synapses are looked up, and the cells at both ends.
#[derive(Clone)]
pub struct Origin {
    /// The circuit whose cells make them.
    pub pre: Circuit,
    /// The circuit whose cells they end on.
    pub post: Circuit,
    /// The synapses.
    pub connectome: Arc<dyn Connectome>,
    /// Whether they come from fibres that are not among any cells: a projection of the legacy format.
    pub from_fibres: bool,
}

impl Origin {
    /// Whether both ends are the same cells, so that an id means the same on both sides.
    pub fn is_within(&self) -> bool {
        Arc::ptr_eq(&self.pre.0, &self.post.0)
    }
}

impl Circuit {
    /// The circuit's own synapses.
    ///
    /// # Errors
    /// When their file cannot be opened, or there are none.
    pub fn origin(&self) -> Result<Origin> {
        let connectome = self.0.connectome.get()?.clone();
        let end =
            |name: &Option<String>| name.as_ref().map_or_else(|| Ok(self.clone()), |name| self.view(name));
        Ok(Origin { pre: end(&self.0.ends.0)?, post: end(&self.0.ends.1)?, connectome, from_fibres: false })
    }

    /// The synapses of a projection.
    ///
    /// # Errors
    /// When there is none of that name, or its file cannot be opened.
    pub fn projected(&self, name: &str) -> Result<Origin> {
        let connectome = self.0.projection(name)?.connectome.get()?.clone();
        match &self.0.network {
            Some(_) => self.population_of_edges(name),
            None => Ok(Origin { pre: self.clone(), post: self.clone(), connectome, from_fibres: true }),
        }
    }

    /// A population of edges.
    ///
    /// # Errors
    /// When there is none of that name, or its file cannot be opened.
    pub fn population_of_edges(&self, name: &str) -> Result<Origin> {
        let edges = self.network()?.edge(name)?;
        let (source, target) = edges.ends.clone()?;
        let pre = self.view(&source)?;
        let post = if source == target { pre.clone() } else { self.view(&target)? };
        Ok(Origin { pre, post, connectome: edges.connectome.get()?.clone(), from_fibres: false })
    }

    fn network(&self) -> Result<&Arc<model::Network>> {
        self.0.network.as_ref().ok_or_else(|| {
            Error::argument("a circuit of the legacy format has no populations")
                .help("its cells are `circuit.cells`, its synapses `circuit.synapses()` and `circuit.projection(name)`")
        })
    }

    /// The circuit as it is seen from one population of cells.
    ///
    /// # Errors
    /// When there is none of that name, or its file is damaged.
    pub fn view(&self, population: &str) -> Result<Circuit> {
        if self.0.populations == [population] {
            return Ok(self.clone());
        }
        Ok(Circuit(Arc::new(sonata::view(self.network()?, population)?)))
    }

    /// The facts that a person wants to see first. What cannot be opened is said, not an error.
    ///
    /// # Errors
    /// Never in practice.
    pub fn card(&self) -> Result<Json> {
        let circuit = &self.0;
        let mut card = json!({
            "circuit": circuit.path.display().to_string(),
            "format": circuit.format.name(),
            "cells": circuit.cells.count(),
        });
        let said = |r: Result<Json>| r.unwrap_or_else(|e| e.message().into());
        card["synapses"] = said(circuit.connectome.get().and_then(|c| Ok(c.synapses()?.row_count().into())));
        card["targets"] = said(circuit.targets.get().map(|t| t.entries().len().into()));
        if !circuit.projections.is_empty() {
            let names: Vec<&str> = circuit.projections.iter().map(|p| p.name.as_str()).collect();
            card["projections"] = names.join(", ").into();
        }
        let columns: Vec<&str> = circuit.cells.schema().columns().iter().map(|c| c.name.as_str()).collect();
        card["properties"] = columns.join(", ").into();
        Ok(card)
    }

    /// The populations of cells and of edges, each with type, size and what is at its ends.
    fn populations(&self) -> Json {
        let size = |r: Result<Option<u64>>| r.ok().flatten().map_or(Json::Null, Json::from);
        let synapses = |c: &Arc<dyn Connectome>| c.synapses().map(|s| s.row_count());
        let (mut nodes, mut edges) = (serde_json::Map::new(), serde_json::Map::new());
        if let Some(network) = &self.0.network {
            for p in &network.nodes {
                let cells = size(p.cells.get().map(|cells| Some(cells.count() as u64)));
                nodes.insert(p.name.clone(), json!({"type": p.kind, "size": cells}));
            }
            for p in &network.edges {
                let (source, target) = p.ends.clone().map_or((None, None), |(a, b)| (Some(a), Some(b)));
                let n = size(p.connectome.get().and_then(synapses));
                edges.insert(
                    p.name.clone(),
                    json!({"type": p.kind, "size": n, "source": source, "target": target}),
                );
            }
            return json!({"nodes": nodes, "edges": edges});
        }
        nodes.insert("default".into(), json!({"type": "biophysical", "size": self.0.cells.count()}));
        let own = size(self.0.connectome.get().and_then(synapses));
        edges.insert("default".into(), json!({"type": "chemical", "size": own}));
        for projection in &self.0.projections {
            let kind = projection.config.get("Type").and_then(Json::as_str).unwrap_or("Synaptic");
            let n = size(projection.connectome.get().and_then(synapses));
            edges.insert(projection.name.clone(), json!({"type": kind, "size": n}));
        }
        json!({"nodes": nodes, "edges": edges})
    }
}

fn text_column(name: &str, values: Vec<Option<String>>) -> Column {
    Column { spec: ColumnSpec::new(name, DataType::Utf8), values: Arc::new(StringArray::from(values)) }
}

/// Findings as a table, in their order.
///
/// # Errors
/// Never in practice.
pub fn findings_table(findings: &[Finding]) -> Result<Table> {
    let text = |of: &dyn Fn(&Finding) -> String| findings.iter().map(|f| Some(of(f))).collect();
    Ok(Table::in_memory(Frame::new(vec![
        text_column("severity", text(&|f| f.severity.name().to_owned())),
        text_column("file", text(&|f| f.file.display().to_string())),
        text_column("where", text(&|f| f.place.clone())),
        text_column("message", text(&|f| f.message.clone())),
    ])?))
}

fn projections_table(circuit: &model::Circuit) -> Result<Table> {
    let text = |key: &str| {
        let of = |p: &model::Projection| p.config.get(key).and_then(Json::as_str).map(str::to_owned);
        circuit.projections.iter().map(of).collect::<Vec<_>>()
    };
    let names = circuit.projections.iter().map(|p| Some(p.name.clone())).collect();
    let files = circuit.projections.iter().map(|p| Some(p.path.display().to_string())).collect();
    Ok(Table::in_memory(Frame::new(vec![
        text_column("name", names),
        text_column("source", text("Source")),
        text_column("type", text("Type")),
        text_column("file", files),
    ])?))
}

pub(super) fn register(api: &mut Api) {
    api.on::<Circuit>("Circuit");
    facts(api);
    api.property("cells -> Cells", "All cells.", "circuit.cells.count()", |c: &mut Circuit| Cells::all(c));
    api.call(
        "cells(group) -> Cells",
        "The cells of a group: a target's name, an SQL condition, a map of properties, a closure, ids, a region.",
        "circuit.cells(\"layer = 5 AND synapse_class = 'EXC'\").count()",
        |ctx: NativeCallContext, c: &mut Circuit, g: Dynamic| -> Answer<Cells> { Ok(cells_of_group(&ctx, c, &g)?) },
    );
    api.also("cells", |c: &mut Circuit| Cells::all(c));
    api.call(
        "cell(id) -> Cells",
        "One cell. Its properties can be read directly: `circuit.cell(7).mtype`.",
        "circuit.cell(7).mtype",
        |c: &mut Circuit, id: i64| -> Answer<Cells> { Ok(Cells::one(c, id)?) },
    );
    api.property(
        "targets -> Table",
        "The named groups: `name`, `kind`, `count`, `file`. Also called `node_sets`.",
        "circuit.targets.head(5)",
        |c: &mut Circuit| -> Answer<Table> { Ok(targets_table(c.0.targets.get()?.as_ref())?) },
    );
    api.call(
        "targets(name) -> Cells",
        "The cells of a target.",
        "circuit.targets(\"Excitatory\").count()",
        |c: &mut Circuit, name: &str| -> Answer<Cells> {
            Ok(Cells::of_ids(c, c.0.targets.get()?.resolve(name)?))
        },
    );
    api.also_property("node_sets", |c: &mut Circuit| -> Answer<Table> {
        Ok(targets_table(c.0.targets.get()?.as_ref())?)
    });
    api.also("targets", |c: &mut Circuit| -> Answer<Table> {
        Ok(targets_table(c.0.targets.get()?.as_ref())?)
    });
    api.call(
        "check() -> Table",
        "Everything that is found wrong with the circuit's files, the worst first: `severity` (`fatal`: a part cannot be \
         used, or answers would be wrong; `warning`: something is probably wrong, or other programs refuse it; `info`), \
         `file`, `where` in it, `message`. Every row of every file is read once.",
        "circuit.check().filter(\"severity = 'fatal'\").count()",
        |c: &mut Circuit| -> Answer<Table> {
            Ok(findings_table(&check::check_circuit(&c.0, &super::opening::path_map())?)?)
        },
    );
    populations(api);
    connectivity(api);
    projections(api);
    api.call(
        "sql(query) -> Table",
        "Any SELECT over `cells`, `synapses`, `connections`, `targets`.",
        "circuit.sql(\"SELECT mtype, count(*) AS n, avg(y) AS height FROM cells GROUP BY mtype ORDER BY n DESC LIMIT 5\")",
        |c: &mut Circuit, query: &str| -> Answer<Table> { Ok(sql::select(query, &CircuitTables(&c.0))?) },
    );
    api.call(
        "emodel(id) -> map",
        "The e-model of a cell: its row of the me-combo table, and its hoc file.",
        "circuit.emodel(7)",
        |c: &mut Circuit, id: i64| -> Answer<Map> { Ok(emodel(c, id)?) },
    );
    register_targets(api);
}

fn facts(api: &mut Api) {
    api.property("path -> text", "The configuration file.", "circuit.path", |c: &mut Circuit| {
        c.0.path.display().to_string()
    });
    api.property("format -> text", "`\"bbp\"` or `\"sonata\"`.", "circuit.format", |c: &mut Circuit| {
        c.0.format.name().to_owned()
    });
    api.property(
        "config -> map",
        "Every key of the configuration: section type, section name, key. The files that were found are under \
         `paths`.",
        "circuit.config.Run.Default.CircuitPath",
        |c: &mut Circuit| from_json(&c.0.config),
    );
    api.property(
        "populations -> map",
        "The populations of `nodes` and `edges`: each name with type and size.",
        "circuit.populations",
        |c: &mut Circuit| from_json(&c.populations()),
    );
    api.property(
        "metadata -> map",
        "Facts of the synapse files: version, files, columns, number of synapses.",
        "circuit.metadata",
        |c: &mut Circuit| -> Answer<Dynamic> { Ok(from_json(&c.0.connectome.get()?.facts()?)) },
    );
}

fn populations(api: &mut Api) {
    api.call(
        "nodes(population) -> Cells",
        "The cells of one population of a SONATA circuit; of these a group, if one is given.",
        "sonata.nodes(\"default\").by(\"mtype\").count()",
        |c: &mut Circuit, population: &str| -> Answer<Cells> { Ok(Cells::all(&c.view(population)?)) },
    );
    api.also(
        "nodes",
        |ctx: NativeCallContext, c: &mut Circuit, population: &str, g: Dynamic| -> Answer<Cells> {
            Ok(cells_of_group(&ctx, &c.view(population)?, &g)?)
        },
    );
    api.call(
        "edges(population) -> Synapses",
        "The edges of one population of a SONATA circuit, whatever they are: synapses, gap junctions, end feet.",
        "sonata.edges(\"default__default__chemical\").mean(\"delay\")",
        |c: &mut Circuit, population: &str| -> Answer<Synapses> {
            Ok(Synapses::all(&c.population_of_edges(population)?)?)
        },
    );
}

fn connectivity(api: &mut Api) {
    api.call(
        "synapses() -> Synapses",
        "All synapses among the cells.",
        "circuit.synapses().count()",
        |c: &mut Circuit| -> Answer<Synapses> { Ok(Synapses::all(&c.origin()?)?) },
    );
    api.call(
        "synapses(region) -> Synapses",
        "Those in a region of space, by their place on the postsynaptic neurite: on its axis (`afferent_center_x` …), \
         or where the files do not have that, on its surface (`afferent_surface_x` …).",
        "circuit.synapses(sphere([0, 1000, 0], 100.um)).count()",
        |c: &mut Circuit, region: Region| -> Answer<Synapses> { Ok(Synapses::all(&c.origin()?)?.inside(&region)?) },
    );
    api.call(
        "pathway(pre, post) -> Pathway",
        "The pathway from a group of cells to another. A property's value names a group too: an m-type, a layer's \
         name.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").synapses().count()",
        |ctx: NativeCallContext, c: &mut Circuit, pre: Dynamic, post: Dynamic| -> Answer<Pathway> {
            Ok(Pathway::between(&ctx, &c.origin()?, &pre, &post)?)
        },
    );
    api.call(
        "pathways(property) -> Pathways",
        "All pairs of values of a cell property, as a set of pathways.",
        "circuit.pathways(\"synapse_class\").probability()",
        |c: &mut Circuit, property: &str| -> Answer<Pathways> { Ok(Pathways::new(&c.origin()?, property)?) },
    );
    api.call(
        "connections(pre, post) -> Table",
        "A row for each connected pair of cells: `pre`, `post`, `n_synapses`. Both groups are optional.",
        "circuit.connections(\"L4_PC\", \"L5_TTPC1\").mean(\"n_synapses\")",
        |ctx: NativeCallContext, c: &mut Circuit, pre: Dynamic, post: Dynamic| -> Answer<Table> {
            Ok(connections_between(&c.origin()?, &group(&ctx, &pre)?, &group(&ctx, &post)?)?)
        },
    );
    api.also("connections", |c: &mut Circuit| -> Answer<Table> {
        Ok(connections_between(&c.origin()?, &Group::All, &Group::All)?)
    });
    api.also("connections", |ctx: NativeCallContext, c: &mut Circuit, pre: Dynamic| -> Answer<Table> {
        Ok(connections_between(&c.origin()?, &group(&ctx, &pre)?, &Group::All)?)
    });
}

fn projections(api: &mut Api) {
    api.property(
        "projections -> Table",
        "The projections: `name`, `source`, `type`, `file`.",
        "circuit.projections",
        |c: &mut Circuit| -> Answer<Table> { Ok(projections_table(&c.0)?) },
    );
    api.call(
        "projection(name) -> Projection",
        "A projection: synapses that come from outside.",
        "circuit.projection(\"Thalamocortical_input_VPM\").synapses().by(\"post.layer\").count()",
        |c: &mut Circuit, name: &str| -> Answer<Projection> {
            c.0.projection(name)?;
            Ok(Projection { circuit: c.clone(), name: name.to_owned() })
        },
    );
    api.on::<Projection>("Projection");
    api.property(
        "name -> text",
        "Its name.",
        "circuit.projection(\"Thalamocortical_input_VPM\").name",
        |p: &mut Projection| p.name.clone(),
    );
    api.property(
        "config -> map",
        "Everything that the configuration says about it.",
        "circuit.projection(\"Thalamocortical_input_VPM\").config",
        |p: &mut Projection| -> Answer<Dynamic> { Ok(from_json(&p.circuit.0.projection(&p.name)?.config)) },
    );
    api.property(
        "metadata -> map",
        "Facts of its synapse files.",
        "circuit.projection(\"Thalamocortical_input_VPM\").metadata",
        |p: &mut Projection| -> Answer<Dynamic> { Ok(from_json(&p.origin()?.connectome.facts()?)) },
    );
    api.call(
        "sources() -> array",
        "The ids of its source cells: those of the target that the configuration names, else those that have \
         synapses.",
        "circuit.projection(\"Thalamocortical_input_VPM\").sources().len()",
        |p: &mut Projection| -> Answer<Array> { Ok(p.sources()?.into_iter().map(Dynamic::from).collect()) },
    );
    api.call(
        "synapses(post) -> Synapses",
        "Its synapses; onto a group of cells, if one is given.",
        "circuit.projection(\"Thalamocortical_input_VPM\").synapses(\"Layer4\").count()",
        |ctx: NativeCallContext, p: &mut Projection, post: Dynamic| -> Answer<Synapses> {
            Ok(Synapses::between(&p.origin()?, &Group::All, &group(&ctx, &post)?)?)
        },
    );
    api.also("synapses", |p: &mut Projection| -> Answer<Synapses> { Ok(Synapses::all(&p.origin()?)?) });
    api.call(
        "pathway(pre, post) -> Pathway",
        "The part of it from a group of source cells to a group of the circuit's.",
        "circuit.projection(\"Thalamocortical_input_VPM\").pathway((), \"Layer4\").n_synapses().mean(\"n_synapses\")",
        |ctx: NativeCallContext, p: &mut Projection, pre: Dynamic, post: Dynamic| -> Answer<Pathway> {
            Ok(Pathway::between(&ctx, &p.origin()?, &pre, &post)?)
        },
    );
    api.call(
        "connections(pre, post) -> Table",
        "A row for each connected pair: `pre`, `post`, `n_synapses`. Both groups are optional.",
        "circuit.projection(\"Thalamocortical_input_VPM\").connections().count()",
        |ctx: NativeCallContext, p: &mut Projection, pre: Dynamic, post: Dynamic| -> Answer<Table> {
            Ok(connections_between(&p.origin()?, &group(&ctx, &pre)?, &group(&ctx, &post)?)?)
        },
    );
    api.also("connections", |p: &mut Projection| -> Answer<Table> {
        Ok(connections_between(&p.origin()?, &Group::All, &Group::All)?)
    });
}

impl Projection {
    fn origin(&self) -> Result<Origin> {
        self.circuit.projected(&self.name)
    }

    fn sources(&self) -> Result<Vec<i64>> {
        let projection = self.circuit.0.projection(&self.name)?;
        if let Some(target) = &projection.source
            && let Ok(targets) = self.circuit.0.targets.get()
            && targets.entry(target).is_some()
        {
            return Ok(targets.resolve(target)?.sorted().to_vec());
        }
        let pairs = connections_between(&self.origin()?, &Group::All, &Group::All)?;
        Ok(pairs.distinct_ids("pre")?.sorted().to_vec())
    }

    /// Its facts.
    ///
    /// # Errors
    /// Never in practice.
    pub fn card(&self) -> Result<Json> {
        let projection = self.circuit.0.projection(&self.name)?;
        let synapses = projection.connectome.get().and_then(|c| Ok(c.synapses()?.row_count()));
        Ok(json!({
            "projection": self.name,
            "file": projection.path.display().to_string(),
            "source": projection.source,
            "synapses": synapses.map_or_else(|e| e.message().into(), Json::from),
        }))
    }
}

fn emodel(circuit: &Circuit, id: i64) -> Result<Map> {
    let cell = Cells::one(circuit, id)?;
    let combo = cell.property("me_combo").and_then(|v| match v {
        Value::Text(t) => Ok(t.to_string()),
        _ => Err(Error::argument(format!("cell {id} has no me-combo"))),
    })?;
    let emodels = circuit.0.emodels.get()?;
    let mut map = Map::new();
    let hoc = |name: &str| emodels.folder.join(format!("{name}.hoc")).display().to_string();
    match &emodels.by_combo {
        None => {
            map.insert("hoc".into(), hoc(&combo).into());
        }
        Some(table) => {
            let row = table
                .get(&combo)
                .ok_or_else(|| Error::unknown("me-combo", &combo, table.keys().map(String::as_str)))?;
            for (key, value) in row {
                map.insert(key.as_str().into(), from_json(value));
            }
            if let Some(emodel) = row.get("emodel").and_then(Json::as_str) {
                map.insert("hoc".into(), hoc(emodel).into());
            }
        }
    }
    Ok(map)
}

/// Named groups opened by themselves.
#[derive(Clone)]
pub struct Targets(pub Arc<dyn model::Targets>);

fn register_targets(api: &mut Api) {
    api.on::<Targets>("Targets");
    api.property(
        "list -> Table",
        "The named groups: `name`, `kind`, `count`, `file`.",
        "open_targets(circuit.config.paths.targets).list",
        |t: &mut Targets| -> Answer<Table> { Ok(targets_table(t.0.as_ref())?) },
    );
    api.call(
        "names() -> array",
        "The names, in the order of the files.",
        "open_targets(circuit.config.paths.targets).names()",
        |t: &mut Targets| -> Array { t.0.entries().into_iter().map(|e| e.name.into()).collect() },
    );
    api.call(
        "ids(name) -> array",
        "The ids of a group's cells, ascending, each once.",
        "open_targets(circuit.config.paths.targets).ids(\"Layer1\").len()",
        |t: &mut Targets, name: &str| -> Answer<Array> {
            Ok(t.0.resolve(name)?.sorted().iter().copied().map(Dynamic::from).collect())
        },
    );
    api.call(
        "kind(name) -> text",
        "Its kind: `Cell`, `Compartment`, `Section` and so on.",
        "open_targets(circuit.config.paths.targets).kind(\"Layer1\")",
        |t: &mut Targets, name: &str| -> Answer<String> {
            let known = || t.0.entries().into_iter().map(|e| e.name);
            Ok(t.0.entry(name).ok_or_else(|| Error::unknown("target", name, known()))?.kind)
        },
    );
}

/// A list of texts: one, or an array of them.
pub(super) fn texts(value: &Dynamic) -> Result<Vec<String>> {
    if let Some(text) = text_of(value) {
        return Ok(vec![text]);
    }
    let wrong = || Error::argument(format!("`{value}` is not a path or an array of them"));
    let array = value.read_lock::<Array>().ok_or_else(wrong)?;
    array.iter().map(|v| text_of(v).ok_or_else(wrong)).collect()
}
