//! `Cells`: a group of cells, which is also a table with one row a cell.

use std::sync::{Arc, OnceLock};

use rhai::{Array, Dynamic, ImmutableString, Map, NativeCallContext};

use super::circuit::{Circuit, Origin};
use super::space::Region;
use super::synapses::{Synapses, connections_between};
use super::table::Rows;
use crate::analysis;
use crate::analysis::figures::{self, View};
use crate::diag::{Error, Result, once};
use crate::model::{IdSet, Side};
use crate::plot::Figure;
use crate::query::{Group, Table, Value, cells_of};
use crate::script::args::{group, number};
use crate::script::registry::{Answer, Api};
use crate::script::value::{from_json, from_query, plain, row_of};

/// Some cells of a circuit, in a defined order.
#[derive(Clone)]
pub struct Cells {
    /// Their circuit.
    pub circuit: Circuit,
    /// Their properties.
    pub table: Table,
    ids: Arc<OnceLock<Result<IdSet>>>,
    single: bool,
}

impl Rows for Cells {
    fn table(&self) -> &Table {
        &self.table
    }

    fn with_rows(&self, table: Table) -> Self {
        Cells { circuit: self.circuit.clone(), table, ids: Arc::default(), single: false }
    }
}

impl Cells {
    /// All cells of a circuit.
    pub fn all(circuit: &Circuit) -> Self {
        Cells {
            circuit: circuit.clone(),
            table: cells_of(&circuit.0, None),
            ids: Arc::default(),
            single: false,
        }
    }

    /// The cells with these ids, in this order. Ids that the circuit lacks are kept: a target may name virtual cells.
    pub fn of_ids(circuit: &Circuit, ids: IdSet) -> Self {
        let table = cells_of(&circuit.0, Some(&ids));
        Cells { circuit: circuit.clone(), table, ids: Arc::new(OnceLock::from(Ok(ids))), single: false }
    }

    /// One cell.
    ///
    /// # Errors
    /// When the circuit does not have it.
    pub fn one(circuit: &Circuit, id: i64) -> Result<Self> {
        let ids =
            Group::Ids(IdSet::new(vec![id])).resolve(&circuit.0)?.unwrap_or_else(|| IdSet::new(vec![id]));
        let cells = &circuit.0.cells;
        if ids.len() > 1 {
            return Err(Error::argument(format!("there is a cell {id} in several populations"))
                .help(format!("name one: {}", circuit.0.populations.join(", ")))
                .help(format!("circuit.nodes(\"{}\", {id})", circuit.0.populations[0])));
        }
        if ids.listed().iter().any(|&id| cells.row_of(id).is_none()) {
            return Err(Error::new(crate::diag::Code::Name, format!("the circuit has no cell {id}"))
                .help(cells.describe_ids()));
        }
        Ok(Cells { single: true, ..Self::of_ids(circuit, ids) })
    }

    /// The ids of the cells, in their order.
    ///
    /// # Errors
    /// When a property that they were chosen by cannot be read.
    pub fn ids(&self) -> Result<IdSet> {
        let read = || {
            let column = self.table.column("id")?;
            let id = |i: usize| match crate::query::value_at(&column.values, i) {
                Value::Int(id) => Ok(id),
                other => Err(Error::argument(format!("`id` holds {other}"))),
            };
            (0..column.values.len()).map(id).collect::<Result<IdSet>>()
        };
        once(&self.ids, read).clone()
    }

    /// What the configuration says of their population.
    fn config(&self) -> Result<serde_json::Value> {
        match (&self.circuit.0.network, self.circuit.0.populations.as_slice()) {
            (Some(network), [population]) => Ok(network.node(population)?.config.clone()),
            (_, populations) => Err(Error::argument(format!(
                "these are cells of {} populations, and a configuration speaks of one",
                populations.len()
            ))
            .help("name it: `circuit.nodes(population).config`; that of the circuit is `circuit.config`")),
        }
    }

    /// The ids; `None` if these are all cells of the circuit.
    pub(in crate::script) fn group(&self) -> Result<Group> {
        Ok(Group::Of(self.circuit.0.populations.clone(), self.ids()?))
    }

    /// The synapses among which these cells are those that make them.
    pub(super) fn makers(&self) -> Result<Origin> {
        let origin = self.circuit.origin()?;
        if !Arc::ptr_eq(&origin.pre.0, &self.circuit.0) {
            return Err(self.no_synapses("start from"));
        }
        Ok(origin)
    }

    /// The synapses among which these cells are those that they end on.
    pub(super) fn takers(&self) -> Result<Origin> {
        let origin = self.circuit.origin()?;
        if !Arc::ptr_eq(&origin.post.0, &self.circuit.0) {
            return Err(self.no_synapses("end on"));
        }
        Ok(origin)
    }

    fn no_synapses(&self, what: &str) -> Error {
        Error::argument(format!("no synapses {what} the cells of {}", self.circuit.0.populations.join(", ")))
    }

    /// Whether these are all cells of the circuit: then none needs to be looked for.
    pub(super) fn is_all(&self) -> Result<bool> {
        Ok(self.ids()?.sorted().len() == self.circuit.0.cells.count())
    }

    /// A property of a single cell.
    ///
    /// # Errors
    /// When there is no such property, or these are several cells.
    pub fn property(&self, name: &str) -> Result<Value> {
        let at = self.table.schema().position(name)?;
        if !self.single {
            return Err(Error::argument(format!(
                "`{name}` is a property of one cell, and these are several"
            ))
            .help(format!("write `.column(\"{name}\")` for all, or `circuit.cell(id).{name}` for one")));
        }
        // Straight from the column: a script asks this of many cells, one after the other.
        let cells = &self.circuit.0.cells;
        match self.ids()?.listed().first().and_then(|&id| cells.row_of(id)) {
            Some(row) => Ok(crate::query::value_at(cells.column(at)?, row)),
            None => Ok(Value::Null),
        }
    }

    fn orientations(&self) -> Result<Vec<[[f64; 3]; 3]>> {
        let names = ["orientation_w", "orientation_x", "orientation_y", "orientation_z"];
        if self.table.schema().find(names[0]).is_none() {
            return Err(Error::argument("the circuit's cell file has no orientations"));
        }
        let columns = names.iter().map(|n| Ok(self.table.column(n)?.values)).collect::<Result<Vec<_>>>()?;
        let number = |a: &arrow_array::ArrayRef, i| crate::query::value_at(a, i).as_f64().unwrap_or(f64::NAN);
        Ok((0..columns[0].len())
            .map(|i| analysis::rotation_of_quaternion(std::array::from_fn(|q| number(&columns[q], i))))
            .collect())
    }
}

/// A group's cells.
pub(super) fn cells_of_group(ctx: &NativeCallContext, circuit: &Circuit, value: &Dynamic) -> Result<Cells> {
    if let Some(cells) = value.read_lock::<Cells>()
        && Arc::ptr_eq(&cells.circuit.0, &circuit.0)
    {
        return Ok(cells.clone());
    }
    Ok(match group(ctx, value)?.resolve(&circuit.0)? {
        None => Cells::all(circuit),
        Some(ids) => Cells::of_ids(circuit, ids),
    })
}

/// A 3 × 3 matrix as an array of rows.
pub(super) fn matrix_array(matrix: [[f64; 3]; 3]) -> Dynamic {
    matrix
        .iter()
        .map(|row| Dynamic::from(row.iter().copied().map(Dynamic::from).collect::<Array>()))
        .collect::<Array>()
        .into()
}

pub(super) fn register(api: &mut Api) {
    api.on::<Cells>("Cells");
    ids(api);
    sets(api);
    synapses(api);
    api.call(
        "connections(post) -> Table",
        "A row for each connected pair from these cells to a group: `pre`, `post`, `n_synapses`.",
        "circuit.cells(\"L4_PC\").connections(\"L5_TTPC1\").count()",
        |ctx: NativeCallContext, c: &mut Cells, post: Dynamic| -> Answer<Table> {
            Ok(connections_between(&c.makers()?, &c.group()?, &group(&ctx, &post)?)?)
        },
    );
    api.also("connections", |c: &mut Cells| -> Answer<Table> {
        Ok(connections_between(&c.makers()?, &c.group()?, &Group::All)?)
    });
    api.call(
        "degrees() -> Table",
        "In- and out-degree of each cell, zeros included: `id, in_degree, out_degree, total_degree` (connected \
         cells) and `in_synapses, out_synapses`. Partners are counted in the whole circuit.",
        "circuit.cells(\"L5_TTPC1\").degrees().mean(\"in_degree\")",
        |c: &mut Cells| -> Answer<Table> { Ok(super::pathway::degrees(c)?) },
    );
    api.call(
        "reciprocity() -> map",
        "Pairs of these cells that are connected in both directions: `pairs`, the `fraction` of connections that are \
         answered, the pairs `expected` if connections fell by chance, and the `ratio` to it.",
        "circuit.cells(\"L5_TTPC1\").reciprocity().pairs",
        |c: &mut Cells| -> Answer<Map> { Ok(super::pathway::reciprocity_of_cells(c)?) },
    );
    api.call(
        "density(region) -> float",
        "Cells per cubic millimetre in a region.",
        "circuit.cells.density(cuboid([-50, 0, -50], [50, 2000, 50]))",
        |c: &mut Cells, region: Region| -> Answer<Dynamic> {
            let inside = c.table.filter(region.condition())?.count()?;
            let density = analysis::cell_density(inside, region.volume());
            Ok(from_query(Value::Float(density), Some("1/mm³")))
        },
    );
    geometry(api);
    super::table::register::<Cells>(api.as_for("Cells"));
    // A single cell's properties: `circuit.cell(7).mtype`.
    api.engine().register_indexer_get(|c: &mut Cells, name: ImmutableString| -> Answer<Dynamic> {
        Ok(plain(c.property(&name)?))
    });
}

fn ids(api: &mut Api) {
    api.property(
        "config -> map",
        "What the configuration says of their population: its type, its file, and the folders of its models.",
        "sonata.nodes(\"default\").config.type",
        |c: &mut Cells| -> Answer<Dynamic> { Ok(from_json(&c.config()?)) },
    );
    api.call(
        "ids() -> array",
        "The ids of the cells, in their order; as `population:id` in a circuit of several populations of neurons.",
        "circuit.cells(\"Layer1\").head(5).ids()",
        |c: &mut Cells| -> Answer<Array> {
            if c.circuit.0.populations.len() > 1 {
                return Ok(super::super::value::array_of(&c.table.column("id")?)?);
            }
            Ok(c.ids()?.listed().iter().copied().map(Dynamic::from).collect())
        },
    );
    api.call(
        "contains(id) -> bool",
        "Whether a cell is among them.",
        "circuit.cells(\"Excitatory\").contains(7)",
        |c: &mut Cells, id: i64| -> Answer<bool> {
            let (ids, populations) = (c.ids()?, c.circuit.0.populations.len().max(1));
            Ok((0..populations).any(|at| ids.contains(crate::model::merged::pack(at, id))))
        },
    );
    api.call(
        "row() -> map",
        "All properties of the first cell.",
        "circuit.cell(7).row()",
        |c: &mut Cells| -> Answer<Map> {
            let frame = c.table.head(1).frame()?;
            if frame.rows() == 0 {
                return Err(Error::argument("there is no cell in the group").into());
            }
            Ok(row_of(&frame, 0))
        },
    );
}

fn sets(api: &mut Api) {
    let set = |keep_other: bool, keep: fn(bool) -> bool| {
        move |ctx: NativeCallContext, c: &mut Cells, other: Dynamic| -> Answer<Cells> {
            let other = cells_of_group(&ctx, &c.circuit, &other)?.ids()?;
            let mine = c.ids()?;
            let mut ids: Vec<i64> =
                mine.sorted().iter().copied().filter(|&id| keep(other.contains(id))).collect();
            if keep_other {
                ids.extend(other.sorted());
                ids.sort_unstable();
                ids.dedup();
            }
            Ok(Cells::of_ids(&c.circuit, IdSet::new(ids)))
        }
    };
    let (union, minus, intersect) =
        (set(true, |_| true), set(false, |found| !found), set(false, |found| found));
    api.call(
        "union(group) -> Cells",
        "These cells and those of a group, ascending; `+` does the same.",
        "(circuit.cells(\"Layer1\") + circuit.cells(\"Layer2\")).count()",
        union,
    );
    api.call(
        "minus(group) -> Cells",
        "These cells without those of a group; `-` does the same.",
        "circuit.cells(\"Excitatory\").minus(\"Layer4\").count()",
        minus,
    );
    api.call(
        "intersect(group) -> Cells",
        "The cells that are also in a group; `&` does the same.",
        "circuit.cells(\"Excitatory\").intersect(\"Layer4\").count()",
        intersect,
    );
    api.also("+", union);
    api.also("-", minus);
    api.also("&", intersect);
}

fn synapses(api: &mut Api) {
    let incoming = |ctx: NativeCallContext, c: &mut Cells, pre: Dynamic| -> Answer<Synapses> {
        Ok(Synapses::between(&c.takers()?, &group(&ctx, &pre)?, &c.group()?)?)
    };
    let all_incoming = |c: &mut Cells| -> Answer<Synapses> {
        Ok(Synapses::between(&c.takers()?, &Group::All, &c.group()?)?)
    };
    api.call(
        "incoming(pre) -> Synapses",
        "The synapses onto these cells (afferent); from a group of cells, if one is given. Also called \
         `synapses` and `afferent`.",
        "circuit.cell(7).incoming().mean(\"conductance\")",
        incoming,
    );
    for name in ["synapses", "afferent", "incoming"] {
        api.also(name, all_incoming);
        api.also(name, incoming);
    }
    let outgoing = |ctx: NativeCallContext, c: &mut Cells, post: Dynamic| -> Answer<Synapses> {
        let synapses = Synapses::between(&c.makers()?, &c.group()?, &group(&ctx, &post)?)?;
        Ok(synapses.order_by(Side::Outgoing))
    };
    let all_outgoing = |c: &mut Cells| -> Answer<Synapses> {
        Ok(Synapses::between(&c.makers()?, &c.group()?, &Group::All)?.order_by(Side::Outgoing))
    };
    api.call(
        "outgoing(post) -> Synapses",
        "The synapses that these cells make (efferent); onto a group of cells, if one is given. Also called \
         `efferent`.",
        "circuit.cell(7).outgoing().by(\"post.mtype\").count()",
        outgoing,
    );
    for name in ["efferent", "outgoing"] {
        api.also(name, all_outgoing);
        api.also(name, outgoing);
    }
    api.call(
        "sources() -> Cells",
        "The cells that make synapses onto these.",
        "circuit.cell(7).sources().count()",
        |c: &mut Cells| -> Answer<Cells> {
            let origin = c.takers()?;
            let pairs = connections_between(&origin, &Group::All, &c.group()?)?;
            Ok(Cells::of_ids(&origin.pre, pairs.distinct_ids("pre")?))
        },
    );
    api.call(
        "targets_of() -> Cells",
        "The cells that these make synapses onto.",
        "circuit.cell(7).targets_of().count()",
        |c: &mut Cells| -> Answer<Cells> {
            let origin = c.makers()?;
            let pairs = connections_between(&origin, &c.group()?, &Group::All)?;
            Ok(Cells::of_ids(&origin.post, pairs.distinct_ids("post")?))
        },
    );
}

fn geometry(api: &mut Api) {
    api.call(
        "orientations() -> array",
        "The rotation matrix of each cell, as an array of three rows; it turns the morphology's axes to the \
         circuit's.",
        "circuit.cells.head(1).orientations()",
        |c: &mut Cells| -> Answer<Array> { Ok(c.orientations()?.into_iter().map(matrix_array).collect()) },
    );
    api.call(
        "orientation() -> array",
        "The rotation matrix of one cell.",
        "circuit.cell(7).orientation()",
        |c: &mut Cells| -> Answer<Dynamic> {
            let first = c.orientations()?.into_iter().next();
            Ok(first.map_or(Dynamic::UNIT, matrix_array))
        },
    );
    api.call(
        "plot_positions(x, y, colour) -> Figure",
        "The somata seen along an axis, coloured by a property.",
        "circuit.cells.plot_positions(\"x\", \"y\", \"layer\")",
        |c: &mut Cells, x: &str, y: &str, colour: &str| -> Answer<Figure> {
            Ok(super::figure::scatter(&c.table, x, y, Some(colour))?)
        },
    );
    let in_space = |c: &Cells, colour: Option<&str>, view: View| -> Result<Figure> {
        figures::positions_in_space(&c.table, colour, view)
    };
    api.call(
        "plot_positions_3d(colour, azimuth, elevation) -> Figure",
        "The somata in space, coloured by a property, seen from a direction given in degrees. All are optional.",
        "circuit.cells.plot_positions_3d(\"layer\")",
        move |c: &mut Cells, colour: &str, azimuth: Dynamic, elevation: Dynamic| -> Answer<Figure> {
            let view = View { azimuth: number(&azimuth)?, elevation: number(&elevation)? };
            Ok(in_space(c, Some(colour), view)?)
        },
    );
    api.also("plot_positions_3d", move |c: &mut Cells, colour: &str| -> Answer<Figure> {
        Ok(in_space(c, Some(colour), View::default())?)
    });
    api.also("plot_positions_3d", move |c: &mut Cells| -> Answer<Figure> {
        Ok(in_space(c, None, View::default())?)
    });
}
