//! `Pathway` and `Pathways`: connectivity between groups of cells.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use rhai::{Dynamic, Map, NativeCallContext};
use serde_json::{Value as Json, json};

use super::circuit::{Circuit, Origin};
use super::synapses::{Synapses, connections_between};
use crate::analysis::connectivity::{self, Probability};
use crate::analysis::{self, CommonNeighbours, Graph, Metric, Rows, Within, distance};
use crate::diag::{Error, Result};
use crate::model::{CellTable, Column, ColumnSpec, Frame, IdSet, SparseMatrix, units};
use crate::plot::Figure;
use crate::query::{Aggregate, BinaryOp, Expr, Group, JoinKind, Named, Table, Value, value_at};
use crate::script::args::{group, number};
use crate::script::registry::{Answer, Api};

/// The synapses and connections from a group of cells to a group of cells.
#[derive(Clone)]
pub struct Pathway {
    origin: Origin,
    pre: Option<IdSet>,
    post: Option<IdSet>,
}

/// A pathway's connections as a graph over its cells.
struct Net {
    ids: Vec<i64>,
    graph: Graph,
    pre: Vec<u32>,
    post: Vec<u32>,
    positions: Option<Vec<[f64; 3]>>,
}

/// Marks the ids of presynaptic cells that are another population than the postsynaptic ones: both count from 0.
const OTHER: i64 = 1 << 60;

impl Net {
    fn pathway(&self) -> Result<analysis::Pathway<'_>> {
        let pathway = analysis::Pathway::new(&self.graph, &self.pre, &self.post)?;
        match &self.positions {
            Some(positions) => pathway.at(positions),
            None => Ok(pathway),
        }
    }

    fn id(&self, row: u32) -> i64 {
        self.ids[row as usize] & !OTHER
    }
}

fn ints(frame: &Frame, column: &str) -> Result<Vec<i64>> {
    let array = frame.column(column)?;
    if let Some(numbers) = array.as_primitive_opt::<Int64Type>()
        && numbers.null_count() == 0
    {
        return Ok(numbers.values().to_vec());
    }
    let one = |i| if let Value::Int(v) = value_at(array, i) { v } else { -1 };
    Ok((0..frame.rows()).map(one).collect())
}

/// Positions of the cells on both sides, if both are known.
fn positions_of_both(origin: &Origin, ids: &[i64]) -> Result<Option<Vec<[f64; 3]>>> {
    // Marked ids are the largest.
    let (posts, pres) = ids.split_at(ids.partition_point(|id| id & OTHER == 0));
    let pres: Vec<i64> = pres.iter().map(|id| id & !OTHER).collect();
    let (posts, pres) = (positions(&origin.post.0.cells, posts)?, positions(&origin.pre.0.cells, &pres)?);
    Ok(posts.zip(pres).map(|(mut posts, pres)| {
        posts.extend(pres);
        posts
    }))
}

/// Positions of cells, if the circuit has all of them and knows where they are.
fn positions(cells: &CellTable, ids: &[i64]) -> Result<Option<Vec<[f64; 3]>>> {
    let rows: Option<Vec<usize>> = ids.iter().map(|&id| cells.row_of(id)).collect();
    let axes: Option<Vec<usize>> = ["x", "y", "z"].iter().map(|axis| cells.schema().find(axis)).collect();
    let (Some(rows), Some(axes)) = (rows, axes) else { return Ok(None) };
    let columns = axes.iter().map(|&axis| cells.column(axis)).collect::<Result<Vec<_>>>()?;
    let at = |column: &ArrayRef, row| value_at(column, row).as_f64().unwrap_or(f64::NAN);
    Ok(Some(rows.iter().map(|&row| std::array::from_fn(|i| at(columns[i], row))).collect()))
}

impl Pathway {
    /// The pathway between two groups.
    pub(super) fn between(
        ctx: &NativeCallContext,
        origin: &Origin,
        pre: &Dynamic,
        post: &Dynamic,
    ) -> Result<Self> {
        let (pre, post) = (group(ctx, pre)?, group(ctx, post)?);
        if matches!((&pre, &post), (Group::All, Group::All)) {
            return Err(Error::argument("a pathway needs a group on one side at least")
                .help("all synapses are `.synapses()`, all connections `.connections()`"));
        }
        let (pre, post) = (pre.resolve(&origin.pre.0)?, post.resolve(&origin.post.0)?);
        Ok(Pathway { origin: origin.clone(), pre, post })
    }

    fn groups(&self) -> (Group, Group) {
        let group = |ids: &Option<IdSet>, circuit: &Circuit| {
            ids.clone().map_or(Group::All, |ids| Group::Of(circuit.0.populations.clone(), ids))
        };
        (group(&self.pre, &self.origin.pre), group(&self.post, &self.origin.post))
    }

    fn synapses(&self) -> Result<Synapses> {
        let (pre, post) = self.groups();
        Synapses::between(&self.origin, &pre, &post)
    }

    fn connections(&self) -> Result<Table> {
        let (pre, post) = self.groups();
        connections_between(&self.origin, &pre, &post)
    }

    /// The ids of both sides, ascending. The whole presynaptic side of a projection is who makes synapses.
    fn sides(&self) -> Result<(Vec<i64>, Vec<i64>)> {
        let all = |circuit: &Circuit| circuit.0.cells.ids().sorted().to_vec();
        let pre = match &self.pre {
            Some(ids) => ids.sorted().to_vec(),
            None if self.origin.from_fibres => self.connections()?.distinct_ids("pre")?.sorted().to_vec(),
            None => all(&self.origin.pre),
        };
        let post = self.post.as_ref().map_or_else(|| all(&self.origin.post), |ids| ids.sorted().to_vec());
        Ok((pre, post))
    }

    /// The graph of the pathway; with `both`, also of what leads back and within either side.
    fn net(&self, both: bool) -> Result<Net> {
        let (mut pre, post) = self.sides()?;
        let mark = if self.origin.is_within() { 0 } else { OTHER };
        mark_all(&mut pre, mark);
        let mut ids: Vec<i64> = pre.iter().chain(&post).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        // Between two populations nothing leads back.
        let table = if both && self.origin.is_within() {
            let group = Group::Of(self.origin.post.0.populations.clone(), IdSet::new(ids.clone()));
            connections_between(&self.origin, &group, &group)?
        } else {
            self.connections()?
        };
        let frame = table.frame()?;
        let (mut from, to) = (ints(&frame, "pre")?, ints(&frame, "post")?);
        mark_all(&mut from, mark);
        let graph = Graph::from_ids(&ids, &from, &to, Some(&ints(&frame, "n_synapses")?))?;
        let rows = Rows::new(&ids)?;
        let positions = positions_of_both(&self.origin, &ids)?;
        Ok(Net { pre: rows.of(&pre), post: rows.of(&post), ids, graph, positions })
    }

    /// Its facts.
    ///
    /// # Errors
    /// When a file is damaged.
    pub fn card(&self) -> Result<Json> {
        let (pre, post) = self.sides()?;
        Ok(json!({"pathway": format!("{} cells to {} cells", pre.len(), post.len())}))
    }

    fn matrix(&self) -> Result<SparseMatrix> {
        let net = self.net(false)?;
        let (rows, columns) = (place(&net.pre, net.ids.len()), place(&net.post, net.ids.len()));
        let mut entries: Vec<(u32, u32, f64)> = net
            .pathway()?
            .connections()
            .into_iter()
            .map(|(pre, post, n)| (rows[pre as usize], columns[post as usize], f64::from(n)))
            .collect();
        entries.sort_unstable_by_key(|e| (e.0, e.1));
        let labels = |side: &[u32], end: &Circuit| side.iter().map(|&r| end.0.id_text(net.id(r))).collect();
        Ok(SparseMatrix {
            rows: labels(&net.pre, &self.origin.pre),
            columns: labels(&net.post, &self.origin.post),
            entries,
            value: "synapses".to_owned(),
        })
    }
}

fn mark_all(ids: &mut [i64], mark: i64) {
    for id in ids {
        *id |= mark;
    }
}

/// Where each row of the graph stands on a side.
fn place(side: &[u32], nodes: usize) -> Vec<u32> {
    let mut place = vec![u32::MAX; nodes];
    for (at, &row) in side.iter().enumerate() {
        place[row as usize] = at as u32;
    }
    place
}

fn column(name: &str, unit: Option<&str>, meaning: &str, values: ArrayRef) -> Column {
    let mut spec = ColumnSpec::new(name, values.data_type().clone()).meaning(meaning);
    spec.unit = unit.map(str::to_owned);
    Column { spec, values }
}

pub(super) fn int_column(name: &str, meaning: &str, values: impl Iterator<Item = i64>) -> Column {
    column(name, None, meaning, Arc::new(values.collect::<Int64Array>()))
}

/// A column of ids of a circuit's cells.
fn id_column(name: &str, circuit: &Circuit, values: impl Iterator<Item = i64>) -> Column {
    let mut column = int_column(name, "id of the cell", values);
    column.spec.populations = circuit.0.several_populations();
    column
}

pub(super) fn float_column(
    name: &str,
    unit: Option<&str>,
    meaning: &str,
    values: impl Iterator<Item = f64>,
) -> Column {
    column(name, unit, meaning, Arc::new(values.collect::<Float64Array>()))
}

pub(super) fn float(value: f64) -> Dynamic {
    if value.is_nan() { Dynamic::UNIT } else { value.into() }
}

pub(super) fn probability_map(p: &Probability, within: Option<f64>) -> Map {
    let mut map = Map::new();
    map.insert("probability".into(), float(p.p));
    map.insert("connected".into(), (p.connected as i64).into());
    map.insert("pairs".into(), (p.pairs as i64).into());
    map.insert("ci_low".into(), float(p.low));
    map.insert("ci_high".into(), float(p.high));
    if let Some(within) = within {
        map.insert("within".into(), within.into());
    }
    map
}

fn within_of(um: &Dynamic) -> Result<Within> {
    Within::um(number(um)?)
}

/// A table of one side's cells with their partners.
fn partners_table(
    net: &Net,
    side: &str,
    circuit: &Circuit,
    partners: &connectivity::Partners,
) -> Result<Table> {
    let other = if side == "post" { "pre" } else { "post" };
    Ok(Table::in_memory(Frame::new(vec![
        id_column(side, circuit, partners.rows.iter().map(|&r| net.id(r))),
        int_column(
            "n_cells",
            &format!("{other} cells that it is connected with"),
            partners.n_cells.iter().map(|&n| i64::from(n)),
        ),
        int_column(
            "n_synapses",
            "synapses of these connections",
            partners.n_synapses.iter().map(|&n| n as i64),
        ),
    ])?))
}

/// In- and out-degrees of some cells in the whole circuit, zeros included.
pub(super) fn degrees(cells: &super::cells::Cells) -> Result<Table> {
    let (ids, origin) = (cells.ids()?, cells.circuit.origin()?);
    let ids = ids.sorted();
    let populations = &cells.circuit.0.populations;
    let mine = |end: &Circuit| std::sync::Arc::ptr_eq(&end.0, &cells.circuit.0);
    let side = |own: &str, pre: Group, post: Group| -> Result<std::collections::HashMap<i64, (i64, i64)>> {
        // Fibres take no synapses, and what only takes synapses makes none.
        if !mine(if own == "pre" { &origin.pre } else { &origin.post }) {
            return Ok(std::collections::HashMap::new());
        }
        let table = connections_between(&origin, &pre, &post)?;
        let counted = table.aggregate(
            vec![table.named(own)?],
            vec![
                ("n".to_owned(), Aggregate::Count),
                ("s".to_owned(), Aggregate::Sum(Expr::column("n_synapses"))),
            ],
        )?;
        let frame = counted.frame()?;
        let (cells, n, s) = (ints(&frame, own)?, ints(&frame, "n")?, ints(&frame, "s")?);
        Ok(cells.into_iter().zip(n.into_iter().zip(s)).collect())
    };
    let all = cells.is_all()?;
    let group = || if all { Group::All } else { Group::Of(populations.clone(), IdSet::new(ids.to_vec())) };
    let (incoming, outgoing) = (side("post", Group::All, group())?, side("pre", group(), Group::All)?);
    let get = |map: &std::collections::HashMap<i64, (i64, i64)>, id| map.get(&id).copied().unwrap_or((0, 0));
    let each = |f: &dyn Fn((i64, i64), (i64, i64)) -> i64| -> Vec<i64> {
        ids.iter().map(|&id| f(get(&incoming, id), get(&outgoing, id))).collect()
    };
    Ok(Table::in_memory(Frame::new(vec![
        id_column("id", &cells.circuit, ids.iter().copied()),
        int_column("in_degree", "cells that make synapses onto it", each(&|i, _| i.0).into_iter()),
        int_column("out_degree", "cells that it makes synapses onto", each(&|_, o| o.0).into_iter()),
        int_column("total_degree", "connections in both directions", each(&|i, o| i.0 + o.0).into_iter()),
        int_column("in_synapses", "synapses onto it", each(&|i, _| i.1).into_iter()),
        int_column("out_synapses", "synapses that it makes", each(&|_, o| o.1).into_iter()),
    ])?))
}

pub(super) fn register(api: &mut Api) {
    api.on::<Pathway>("Pathway");
    rows(api);
    probabilities(api);
    partners(api);
    facts(api);
    pathways(api);
}

fn rows(api: &mut Api) {
    api.call(
        "synapses() -> Synapses",
        "The synapses of the pathway.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").synapses().mean(\"u_syn\")",
        |p: &mut Pathway| -> Answer<Synapses> { Ok(p.synapses()?) },
    );
    api.call(
        "connections() -> Table",
        "A row for each connected pair: `pre`, `post`, `n_synapses`.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").connections().count()",
        |p: &mut Pathway| -> Answer<Table> { Ok(p.connections()?) },
    );
    api.call(
        "n_synapses() -> Table",
        "Synapses per connection, a row for each connection: `pre`, `post`, `n_synapses`.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").n_synapses().mean(\"n_synapses\")",
        |p: &mut Pathway| -> Answer<Table> { Ok(p.connections()?) },
    );
    api.also("nsyn", |p: &mut Pathway| -> Answer<Table> { Ok(p.connections()?) });
    api.call(
        "matrix() -> Matrix",
        "The adjacency matrix, sparse: rows are presynaptic cells, columns postsynaptic ones, values synapses.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").matrix().nonzero",
        |p: &mut Pathway| -> Answer<SparseMatrix> { Ok(p.matrix()?) },
    );
}

fn probabilities(api: &mut Api) {
    api.call(
        "probability(within) -> map",
        "How likely two cells are connected: `probability` (0 to 1), `connected` and `pairs`, with a 95 % interval \
         (Wilson). Pairs of a cell with itself are not counted. With a distance (µm) only pairs of somata within it \
         are: a published local probability is one of these.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").probability(100.um)",
        |p: &mut Pathway, um: Dynamic| -> Answer<Map> {
            let within = within_of(&um)?;
            let found = p.net(false)?.pathway()?.probability(Some(within))?;
            Ok(probability_map(&found, Some(within.um)))
        },
    );
    api.also("probability", |p: &mut Pathway| -> Answer<Map> {
        Ok(probability_map(&p.net(false)?.pathway()?.probability(None)?, None))
    });
    api.call(
        "by_distance(bin, max) -> Table",
        "The probability of a connection by the distance between somata: `low`, `high` (µm), `pairs`, `connected`, \
         `probability`, and its 95 % interval (Wilson). Bins hold their lower end, the last one both. An array of edges may stand for \
         `bin, max`.",
        "circuit.pathway(\"Excitatory\", \"Excitatory\").by_distance(50.um, 400.um)",
        |p: &mut Pathway, bin: Dynamic, max: Dynamic| -> Answer<Table> {
            let edges = distance::edges(number(&bin)?, number(&max)?)?;
            let bins = p.net(false)?.pathway()?.by_distance(&edges, Metric::Full)?;
            Ok(by_distance_table(&bins)?)
        },
    );
    api.also("by_distance", |p: &mut Pathway, edges: rhai::Array| -> Answer<Table> {
        let edges = edges.iter().map(number).collect::<Result<Vec<_>>>()?;
        let bins = p.net(false)?.pathway()?.by_distance(&edges, Metric::Full)?;
        Ok(by_distance_table(&bins)?)
    });
}

pub(super) fn by_distance_table(bins: &[connectivity::DistanceBin]) -> Result<Table> {
    let um = Some(units::UM);
    Ok(Table::in_memory(Frame::new(vec![
        float_column("low", um, "lower end of the bin of distances", bins.iter().map(|b| b.from)),
        float_column("high", um, "upper end of the bin of distances", bins.iter().map(|b| b.to)),
        int_column("pairs", "ordered pairs of cells", bins.iter().map(|b| b.probability.pairs as i64)),
        int_column(
            "connected",
            "pairs with a connection",
            bins.iter().map(|b| b.probability.connected as i64),
        ),
        float_column("probability", None, "connected / pairs", bins.iter().map(|b| b.probability.p)),
        float_column(
            "ci_low",
            None,
            "lower end of the 95 % interval",
            bins.iter().map(|b| b.probability.low),
        ),
        float_column(
            "ci_high",
            None,
            "upper end of the 95 % interval",
            bins.iter().map(|b| b.probability.high),
        ),
    ])?))
}

fn partners(api: &mut Api) {
    api.call(
        "convergence() -> Table",
        "For each post cell, how many pre cells it is connected with, and by how many synapses: `post`, `n_cells`, \
         `n_synapses`. Cells without any are there with zeros.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").convergence().mean(\"n_cells\")",
        |p: &mut Pathway| -> Answer<Table> {
            let net = p.net(false)?;
            Ok(partners_table(&net, "post", &p.origin.post, &net.pathway()?.convergence())?)
        },
    );
    api.call(
        "divergence() -> Table",
        "The same from the other side: `pre`, `n_cells`, `n_synapses`.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").divergence().mean(\"n_cells\")",
        |p: &mut Pathway| -> Answer<Table> {
            let net = p.net(false)?;
            Ok(partners_table(&net, "pre", &p.origin.pre, &net.pathway()?.divergence())?)
        },
    );
}

fn facts(api: &mut Api) {
    let reciprocity = |p: &Pathway, bin: f64| -> Answer<Map> {
        Ok(reciprocity_map(&p.net(true)?.pathway()?.reciprocity(bin)?))
    };
    api.call(
        "reciprocity(bin) -> map",
        "Pairs that are connected both ways: `pairs`; `fraction` of the connections that are answered; `expected` \
         pairs if connections fell by chance (p² of all pairs) and `ratio` to it; the same by chance at the same \
         distance, in bins of 50 µm unless another width is given.",
        "circuit.pathway(\"Excitatory\", \"Excitatory\").reciprocity()",
        move |p: &mut Pathway, bin: Dynamic| -> Answer<Map> { reciprocity(p, number(&bin)?) },
    );
    api.also("reciprocity", move |p: &mut Pathway| -> Answer<Map> { reciprocity(p, 50.0) });
    api.call(
        "common_neighbours(side) -> map",
        "Whether connected cells share more partners than unconnected ones: `bias` (mean common neighbours of \
         connected over that of unconnected ordered pairs), `bias_normalised` (over what is expected at the same \
         distance, bins of 50 µm), `fit` (least squares CN = x·C + y·distance). `side` is `\"targets\"` (cells that \
         both target; the default) or `\"sources\"`.",
        "circuit.pathway(\"L5_TTPC1\", \"L5_TTPC1\").common_neighbours()",
        |p: &mut Pathway, side: &str| -> Answer<Map> { Ok(common_neighbours(p, side)?) },
    );
    api.also("common_neighbours", |p: &mut Pathway| -> Answer<Map> { Ok(common_neighbours(p, "targets")?) });
    api.call(
        "factsheet(within) -> map",
        "The pathway in the keys and units of the NMC portal: synapses, synapses per connection, convergence, \
         divergence, and the connection probability in percent within a distance (100 µm, unless another is given).",
        "circuit.pathway(\"L5_TTPC1\", \"L5_TTPC1\").factsheet()",
        |p: &mut Pathway, within: Dynamic| -> Answer<Map> { Ok(factsheet(p, Some(within_of(&within)?))?) },
    );
    api.also("factsheet", |p: &mut Pathway| -> Answer<Map> { Ok(factsheet(p, Some(Within::um(100.0)?))?) });
    api.call(
        "plot() -> Figure",
        "Synapses per connection as a histogram.",
        "circuit.pathway(\"L4_PC\", \"L5_TTPC1\").plot()",
        |p: &mut Pathway| -> Answer<Figure> {
            Ok(analysis::figures::histogram(&p.connections()?, &Expr::column("n_synapses"), None)?
                .xlabel("synapses per connection"))
        },
    );
}

/// Reciprocity in the words of the language.
pub(super) fn reciprocity_map(found: &connectivity::Reciprocity) -> Map {
    let mut map = Map::new();
    map.insert("pairs".into(), (found.pairs as i64).into());
    map.insert("fraction".into(), float(found.fraction));
    map.insert("expected".into(), float(found.expected_er));
    map.insert("ratio".into(), float(found.ratio));
    if let (Some(expected), Some(ratio)) = (found.expected_distance, found.ratio_distance) {
        map.insert("expected_by_distance".into(), float(expected));
        map.insert("ratio_by_distance".into(), float(ratio));
    }
    map
}

/// The adjacency matrix among some cells.
pub(super) fn matrix_of_cells(cells: &super::cells::Cells) -> Result<SparseMatrix> {
    let ids = Some(cells.ids()?);
    let origin = cells.makers()?;
    if !origin.is_within() {
        return Err(Error::argument("there are no synapses among these cells"));
    }
    Pathway { origin, pre: ids.clone(), post: ids }.matrix()
}

/// Reciprocity among some cells, without regard to distance.
pub(super) fn reciprocity_of_cells(cells: &super::cells::Cells) -> Result<Map> {
    let ids = if cells.is_all()? { None } else { Some(cells.ids()?) };
    let net = Pathway { origin: cells.makers()?, pre: ids.clone(), post: ids }.net(false)?;
    let found = Net { positions: None, ..net };
    Ok(reciprocity_map(&found.pathway()?.reciprocity(1.0)?))
}

fn common_neighbours(p: &Pathway, side: &str) -> Result<Map> {
    let shared = super::matrix::shared_of(side)?;
    let net = p.net(true)?;
    Ok(common_neighbours_map(&net.pathway()?.common_neighbours(shared, &analysis::Control::default())?))
}

/// Common neighbours in the words of the language.
pub(super) fn common_neighbours_map(found: &CommonNeighbours) -> Map {
    let mut map = Map::new();
    map.insert("bias".into(), float(found.bias_raw));
    map.insert("bias_normalised".into(), found.bias_normalised.map_or(Dynamic::UNIT, float));
    if let Some((x, y)) = found.fit {
        let fit = Map::from([("x".into(), float(x)), ("y".into(), float(y))]);
        map.insert("fit".into(), fit.into());
    }
    let counts = |histogram: &[u64]| -> Dynamic {
        histogram.iter().map(|&n| Dynamic::from(n as i64)).collect::<rhai::Array>().into()
    };
    map.insert("connected".into(), counts(&found.connected));
    map.insert("unconnected".into(), counts(&found.unconnected));
    map
}

fn factsheet(p: &Pathway, within: Option<Within>) -> Result<Map> {
    let net = p.net(false)?;
    let within = within.filter(|_| net.positions.is_some());
    let sheet = net.pathway()?.factsheet(within, None)?;
    // What is counted is a whole number.
    let number = |value: f64, unit: &str| match unit {
        "cells" | "synapses" | "connections" if value.fract() == 0.0 => Dynamic::from(value as i64),
        _ => float(value),
    };
    let counted = ["n_pre", "n_post", "n_connections", "total_synapse_count"];
    let entries = sheet.entries().into_iter();
    Ok(entries
        .map(|(k, v, unit)| (k.into(), number(v, if counted.contains(&k) { unit } else { "" })))
        .collect())
}

/// All pathways between the values of a cell property.
#[derive(Clone)]
pub struct Pathways {
    origin: Origin,
    property: String,
}

impl Pathways {
    pub(super) fn new(origin: &Origin, property: &str) -> Result<Self> {
        for end in [&origin.pre, &origin.post] {
            end.0.cells.schema().position(property)?;
        }
        Ok(Pathways { origin: origin.clone(), property: property.to_owned() })
    }

    /// Its facts.
    pub fn card(&self) -> Json {
        json!({"pathways": format!("between the values of {}", self.property)})
    }

    /// The property of both sides, called `pre` and `post`.
    fn keys(&self, table: &Table) -> Result<Vec<Named>> {
        ["pre", "post"]
            .iter()
            .map(|side| table.computed(*side, Expr::Column(format!("{side}.{}", self.property))))
            .collect()
    }

    fn connections(&self) -> Result<Table> {
        connections_between(&self.origin, &Group::All, &Group::All)
    }

    /// One row a pathway that has connections: cells, connections, synapses, and what follows from them.
    fn anatomy(&self) -> Result<Table> {
        let connections = self.connections()?;
        let n = || Expr::column("n_synapses");
        // Between two populations the same number is another cell.
        let only_within = |condition: Expr| {
            if self.origin.is_within() { condition } else { Expr::literal(false) }
        };
        let itself = only_within(Expr::binary(BinaryOp::Equal, Expr::column("pre"), Expr::column("post")));
        let autapse = Expr::If(Box::new(itself), Box::new(Expr::literal(1)), Box::new(Expr::literal(0)));
        let counted = connections.aggregate(
            self.keys(&connections)?,
            vec![
                ("n_connections".to_owned(), Aggregate::Count),
                ("n_synapses".to_owned(), Aggregate::Sum(n())),
                ("synapses_per_connection".to_owned(), Aggregate::Mean(n())),
                ("synapses_per_connection_std".to_owned(), Aggregate::Std(n(), 0)),
                ("autapses".to_owned(), Aggregate::Sum(autapse)),
            ],
        )?;
        let sizes = |name: &str, circuit: &Circuit| -> Result<Table> {
            let cells = Table::of(circuit.0.cells.clone());
            let key = cells.computed("key", Expr::column(&self.property))?;
            cells.aggregate(vec![key], vec![(name.to_owned(), Aggregate::Count)])
        };
        let joined = counted
            .join(&sizes("n_pre", &self.origin.pre)?, vec![("pre".into(), "key".into())], JoinKind::Inner)?
            .join(
                &sizes("n_post", &self.origin.post)?,
                vec![("post".into(), "key".into())],
                JoinKind::Inner,
            )?;
        let c = Expr::column;
        let real = |e: Expr| Expr::Call(crate::query::Function::ToFloat, vec![e]);
        let ratio = |a: Expr, b: Expr| Expr::binary(BinaryOp::Divide, real(a), real(b));
        let same = only_within(Expr::binary(BinaryOp::Equal, c("pre"), c("post")));
        let own = Expr::If(Box::new(same), Box::new(c("n_pre")), Box::new(Expr::literal(0)));
        let product = Expr::binary(BinaryOp::Multiply, c("n_pre"), c("n_post"));
        let pairs = Expr::binary(BinaryOp::Subtract, product, own);
        let without = Expr::binary(BinaryOp::Subtract, c("n_connections"), c("autapses"));
        let derived = joined.derive(vec![
            ("pairs".to_owned(), pairs.clone()),
            ("probability".to_owned(), ratio(without, pairs)),
            ("convergence".to_owned(), ratio(c("n_connections"), c("n_post"))),
            ("divergence".to_owned(), ratio(c("n_connections"), c("n_pre"))),
        ])?;
        derived.select(&[
            "pre",
            "post",
            "n_pre",
            "n_post",
            "n_connections",
            "n_synapses",
            "synapses_per_connection",
            "synapses_per_connection_std",
            "convergence",
            "divergence",
            "pairs",
            "probability",
        ])
    }

    /// Of the anatomy, the keys and some columns.
    fn part(&self, columns: &[&str]) -> Result<Table> {
        let mut names = vec!["pre", "post"];
        names.extend(columns);
        self.anatomy()?.select(&names)
    }

    /// The probability of connections within a distance, one row a pathway.
    fn within(&self, within: Within) -> Result<Table> {
        if !self.origin.is_within() {
            return Err(Error::argument("the distance counts among the cells of one population")
                .help("of a projection take one pathway: .pathway(pre, post).probability(distance)"));
        }
        let cells = &self.origin.post.0.cells;
        let ids = cells.ids();
        let ids = ids.listed();
        let Some(at) = positions(cells, ids)? else {
            return Err(Error::argument("the circuit's cell file has no positions"));
        };
        let frame = self.connections()?.frame()?;
        let (pre, post) = (ints(&frame, "pre")?, ints(&frame, "post")?);
        let graph = Graph::from_ids(ids, &pre, &post, Some(&ints(&frame, "n_synapses")?))?;
        let property = Table::of(cells.clone()).column(&self.property)?;
        let (classes, names) = classes(&property);
        let sheets = connectivity::pathways(&graph, &classes, names.len(), Some((&at, within)))?;
        let mut keys = (Vec::new(), Vec::new());
        let mut found = Vec::new();
        for (i, row) in sheets.iter().enumerate() {
            for (j, sheet) in row.iter().enumerate().filter(|(_, s)| s.n_connections > 0) {
                keys.0.push(names[i].clone());
                keys.1.push(names[j].clone());
                found.push(sheet.local.unwrap_or(sheet.overall));
            }
        }
        let key = |name: &str, values: &[Value]| column(name, None, "", crate::query::array_of(values));
        Ok(Table::in_memory(Frame::new(vec![
            key("pre", &keys.0),
            key("post", &keys.1),
            int_column(
                "pairs",
                "ordered pairs of cells within the distance",
                found.iter().map(|p| p.pairs as i64),
            ),
            int_column("connected", "pairs with a connection", found.iter().map(|p| p.connected as i64)),
            float_column("probability", None, "connected / pairs", found.iter().map(|p| p.p)),
        ])?))
    }
}

/// The class of each cell, and the value of each class.
fn classes(property: &Column) -> (Vec<u32>, Vec<Value>) {
    let mut names: Vec<Value> = Vec::new();
    let mut known: std::collections::HashMap<String, u32> = std::collections::HashMap::new();
    let class = (0..property.values.len()).map(|i| {
        let value = value_at(&property.values, i);
        *known.entry(value.to_string()).or_insert_with(|| {
            names.push(value);
            names.len() as u32 - 1
        })
    });
    (class.collect(), names)
}

fn pathways(api: &mut Api) {
    api.on::<Pathways>("Pathways");
    let example = "circuit.pathways(\"mtype\").anatomy().sort(\"-n_synapses\").head(5)";
    api.call(
        "anatomy() -> Table",
        "A row for each pathway that has connections: cells on both sides, connections, synapses, synapses per \
         connection (mean, std), mean convergence and divergence (cells), ordered pairs, probability.",
        example,
        |p: &mut Pathways| -> Answer<Table> { Ok(p.anatomy()?) },
    );
    api.call(
        "connections() -> Table",
        "Connections of each pathway.",
        example,
        |p: &mut Pathways| -> Answer<Table> { Ok(p.part(&["n_connections"])?) },
    );
    api.call(
        "synapses() -> Table",
        "Synapses of each pathway.",
        example,
        |p: &mut Pathways| -> Answer<Table> { Ok(p.part(&["n_synapses"])?) },
    );
    api.call(
        "n_synapses() -> Table",
        "Synapses per connection of each pathway: mean and std.",
        example,
        |p: &mut Pathways| -> Answer<Table> {
            Ok(p.part(&["synapses_per_connection", "synapses_per_connection_std"])?)
        },
    );
    api.call(
        "convergence() -> Table",
        "The mean number of pre cells of a post cell.",
        example,
        |p: &mut Pathways| -> Answer<Table> { Ok(p.part(&["convergence"])?) },
    );
    api.call(
        "divergence() -> Table",
        "The mean number of post cells of a pre cell.",
        example,
        |p: &mut Pathways| -> Answer<Table> { Ok(p.part(&["divergence"])?) },
    );
    api.call(
        "probability(within) -> Table",
        "The probability of a connection; of pairs within a distance (µm), if one is given.",
        "circuit.pathways(\"layer\").probability()",
        |p: &mut Pathways, within: Dynamic| -> Answer<Table> { Ok(p.within(within_of(&within)?)?) },
    );
    api.also("probability", |p: &mut Pathways| -> Answer<Table> {
        Ok(p.part(&["n_connections", "pairs", "probability"])?)
    });
    api.call(
        "mean(column) -> Table",
        "The mean of a synapse column in each pathway.",
        "circuit.pathways(\"synapse_class\").mean(\"conductance\")",
        |p: &mut Pathways, c: &str| -> Answer<Table> {
            let synapses = Synapses::all(&p.origin)?.table;
            let mean = Aggregate::Mean(Expr::column(c));
            Ok(synapses.aggregate(p.keys(&synapses)?, vec![("mean".to_owned(), mean)])?)
        },
    );
    api.call(
        "plot() -> Figure",
        "A heatmap of the number of synapses, from property to property.",
        "circuit.pathways(\"layer\").plot()",
        |p: &mut Pathways| -> Answer<Figure> {
            Ok(analysis::figures::heatmap(&p.part(&["n_synapses"])?, "pre", "post", "n_synapses")?)
        },
    );
}
