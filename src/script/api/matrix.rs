//! `Matrix`: a sparse matrix of connections, and the topology of its graph.

use std::path::Path;

use arrow_array::StringArray;
use arrow_schema::DataType;
use rhai::{Array, Dynamic, ImmutableString, Map};

use super::pathway::{float, float_column, int_column, matrix_of_cells, reciprocity_map};
use crate::analysis::connectivity;
use crate::analysis::{Control, Graph, Metric, Pathway, Shared, Within, distance, topology};
use crate::diag::{Error, Result};
use crate::model::{Column, ColumnSpec, Frame, SparseMatrix};
use crate::plot::Figure;
use crate::query::Table;
use crate::script::args::{number, point};
use crate::script::registry::{Answer, Api};
use crate::script::saving;

/// More numbers than this are not written out as arrays.
const MOST_NUMBERS: usize = 25_000_000;

/// The graph of a matrix whose rows and columns are the same cells.
fn graph(matrix: &SparseMatrix) -> Result<Graph> {
    if matrix.rows != matrix.columns {
        return Err(Error::argument("the matrix leads from some cells to others, and is no graph")
            .help("take the matrix of one group: circuit.cells(group).matrix()"));
    }
    let pre: Vec<u32> = matrix.entries.iter().map(|e| e.0).collect();
    let post: Vec<u32> = matrix.entries.iter().map(|e| e.1).collect();
    let synapses: Vec<u32> = matrix.entries.iter().map(|e| e.2.max(0.0) as u32).collect();
    Graph::new(matrix.rows.len(), &pre, &post, Some(&synapses))
}

/// A matrix of `n` cells from `[pre, post]` or `[pre, post, synapses]`, positions from 0.
fn from_edges(n: i64, edges: &Array) -> Result<SparseMatrix> {
    let size = u32::try_from(n).map_err(|_| Error::argument(format!("{n} is not a number of cells")))?;
    let mut entries = edges
        .iter()
        .map(|edge| {
            let parts = edge.read_lock::<Array>();
            let numbers = parts.map(|p| p.iter().map(number).collect::<Result<Vec<_>>>()).transpose()?;
            let (pre, post, synapses) = match numbers.as_deref() {
                Some(&[pre, post]) => (pre, post, 1.0),
                Some(&[pre, post, synapses]) => (pre, post, synapses),
                _ => {
                    return Err(Error::argument(format!(
                        "`{edge}` is not [pre, post] or [pre, post, synapses]"
                    )));
                }
            };
            let row = |x: f64| {
                let inside = x.fract() == 0.0 && x >= 0.0 && x < f64::from(size);
                if inside {
                    Ok(x as u32)
                } else {
                    Err(Error::argument(format!("there is no cell {x} among {n}")))
                }
            };
            Ok((row(pre)?, row(post)?, synapses))
        })
        .collect::<Result<Vec<_>>>()?;
    entries.sort_by_key(|e| (e.0, e.1));
    let mut merged: Vec<(u32, u32, f64)> = Vec::with_capacity(entries.len());
    for entry in entries {
        match merged.last_mut() {
            Some(last) if (last.0, last.1) == (entry.0, entry.1) => last.2 += entry.2,
            _ => merged.push(entry),
        }
    }
    let labels: Vec<String> = (0..size).map(|i| i.to_string()).collect();
    Ok(SparseMatrix { rows: labels.clone(), columns: labels, entries: merged, value: "synapses".to_owned() })
}

fn label(text: &String) -> Dynamic {
    text.parse::<i64>().map_or_else(|_| Dynamic::from(ImmutableString::from(text)), Dynamic::from)
}

fn labels(of: &[String]) -> Array {
    of.iter().map(label).collect()
}

fn nested(rows: Vec<Vec<f64>>) -> Array {
    let whole = rows.iter().flatten().all(|v| v.fract() == 0.0);
    let value = |v: f64| if whole { Dynamic::from(v as i64) } else { Dynamic::from(v) };
    rows.into_iter().map(|row| Dynamic::from(row.into_iter().map(value).collect::<Array>())).collect()
}

fn to_array(matrix: &SparseMatrix) -> Result<Array> {
    let numbers = matrix.rows.len().saturating_mul(matrix.columns.len());
    if numbers > MOST_NUMBERS {
        return Err(Error::argument(format!("a full matrix of {numbers} numbers does not fit"))
            .help("save it as `.mtx` or `.npz` instead"));
    }
    Ok(nested(matrix.dense()))
}

/// The column of ids of a table with one row a cell.
fn id_column(matrix: &SparseMatrix) -> Column {
    let ids: Option<Vec<i64>> = matrix.rows.iter().map(|r| r.parse().ok()).collect();
    if let Some(ids) = ids {
        return int_column("id", "id of the cell", ids.into_iter());
    }
    let names = StringArray::from(matrix.rows.iter().map(String::as_str).collect::<Vec<_>>());
    Column { spec: ColumnSpec::new("id", DataType::Utf8), values: std::sync::Arc::new(names) }
}

fn table(columns: Vec<Column>) -> Result<Table> {
    Ok(Table::in_memory(Frame::new(columns)?))
}

fn degrees(matrix: &SparseMatrix) -> Result<Table> {
    let degrees = connectivity::degrees(&graph(matrix)?);
    let each =
        |f: &dyn Fn(&connectivity::Degree) -> i64| degrees.iter().map(f).collect::<Vec<_>>().into_iter();
    table(vec![
        id_column(matrix),
        int_column("in_degree", "cells that make synapses onto it", each(&|d| i64::from(d.sources))),
        int_column("out_degree", "cells that it makes synapses onto", each(&|d| i64::from(d.targets))),
        int_column("total_degree", "connections in both directions", each(&|d| d.total() as i64)),
        int_column("in_synapses", "synapses onto it", each(&|d| d.synapses_in as i64)),
        int_column("out_synapses", "synapses that it makes", each(&|d| d.synapses_out as i64)),
    ])
}

fn common_neighbours(matrix: &SparseMatrix, side: &str) -> Result<SparseMatrix> {
    let shared = shared_of(side)?;
    let graph = graph(matrix)?;
    let mut counts = vec![0; graph.nodes()];
    let mut entries = Vec::new();
    for row in 0..graph.nodes() as u32 {
        crate::diag::work::check()?;
        shared.count_with_all(&graph, row, &mut counts);
        let found = counts.iter().enumerate().filter(|(_, n)| **n > 0);
        entries.extend(found.map(|(column, &n)| (row, column as u32, f64::from(n))));
    }
    Ok(SparseMatrix { entries, value: "common neighbours".to_owned(), ..matrix.clone() })
}

/// Which common neighbours: cells that both target, or cells that target both.
pub(super) fn shared_of(side: &str) -> Result<Shared> {
    match side {
        "targets" | "out" => Ok(Shared::Targets),
        "sources" | "in" => Ok(Shared::Sources),
        other => Err(Error::unknown("side", other, ["targets", "sources"])),
    }
}

/// The 16 kinds of triads by name.
pub(super) fn triads(matrix: &SparseMatrix) -> Result<Map> {
    let counts = topology::triad_census(&graph(matrix)?)?;
    Ok(topology::TRIADS
        .iter()
        .zip(counts)
        .map(|(name, n)| ((*name).into(), Dynamic::from(n as i64)))
        .collect())
}

/// Directed simplices by dimension.
pub(super) fn simplices(matrix: &SparseMatrix, dimension: i64) -> Result<Table> {
    let most = crate::script::args::count(dimension, "a dimension")?;
    let counts = topology::simplices(&graph(matrix)?, most)?;
    table(vec![
        int_column("dimension", "cells of a simplex less one", 0..counts.len() as i64),
        int_column("count", "directed simplices", counts.into_iter().map(|n| n as i64)),
    ])
}

fn positions(of: &Array) -> Result<Vec<[f64; 3]>> {
    let one = |p: &Dynamic| match p.read_lock::<Array>() {
        Some(p) => point(&p),
        None => Err(Error::argument(format!("`{p}` is not a position [x, y, z]"))),
    };
    of.iter().map(one).collect()
}

/// Runs something on the pathway from all cells to all, with positions.
fn placed<R>(matrix: &SparseMatrix, at: &Array, f: impl FnOnce(&Pathway) -> Result<R>) -> Result<R> {
    let (graph, at) = (graph(matrix)?, positions(at)?);
    let all: Vec<u32> = (0..graph.nodes() as u32).collect();
    f(&Pathway::among(&graph, &all)?.at(&at)?)
}

fn subset(matrix: &SparseMatrix, keep: &[u32]) -> SparseMatrix {
    let mut place = vec![None; matrix.rows.len()];
    for (new, &old) in keep.iter().enumerate() {
        if let Some(slot) = place.get_mut(old as usize) {
            *slot = Some(new as u32);
        }
    }
    let labels: Vec<String> = keep.iter().filter_map(|&i| matrix.rows.get(i as usize).cloned()).collect();
    let entries =
        matrix.entries.iter().filter_map(|&(r, c, v)| Some((place[r as usize]?, place[c as usize]?, v)));
    let mut entries: Vec<(u32, u32, f64)> = entries.collect();
    entries.sort_by_key(|e| (e.0, e.1));
    SparseMatrix { rows: labels.clone(), columns: labels, entries, value: matrix.value.clone() }
}

fn rows_of(matrix: &SparseMatrix, ids: &Array) -> Result<Vec<u32>> {
    let find = |id: &Dynamic| {
        let name = id.to_string();
        let at = matrix.rows.iter().position(|r| *r == name);
        at.map(|a| a as u32).ok_or_else(|| Error::argument(format!("the matrix has no cell {name}")))
    };
    ids.iter().map(find).collect()
}

const M: &str = "circuit.cells(\"L5_TTPC1\").matrix()";

pub(super) fn register(api: &mut Api) {
    api.functions();
    api.call(
        "matrix(n, connections) -> Matrix",
        "The matrix of `n` cells with these connections: `[pre, post]` or `[pre, post, synapses]`, cells counted \
         from 0.",
        "matrix(3, [[0, 1], [1, 2, 5]]).density()",
        |n: i64, edges: Array| -> Answer<SparseMatrix> { Ok(from_edges(n, &edges)?) },
    );
    api.on::<SparseMatrix>("Matrix");
    values(api);
    degrees_and_chance(api);
    shape(api);
    space(api);
    cells(api);
}

fn values(api: &mut Api) {
    api.property("shape -> array", "Rows and columns.", M, |m: &mut SparseMatrix| -> Array {
        vec![(m.rows.len() as i64).into(), (m.columns.len() as i64).into()]
    });
    api.property("nonzero -> int", "How many values are stored.", M, |m: &mut SparseMatrix| {
        m.entries.len() as i64
    });
    api.call("sum() -> number", "The sum of the values.", M, |m: &mut SparseMatrix| -> Dynamic {
        let sum: f64 = m.entries.iter().map(|e| e.2).sum();
        if sum.fract() == 0.0 { Dynamic::from(sum as i64) } else { sum.into() }
    });
    api.call("rows() -> array", "The ids of the rows: presynaptic cells.", M, |m: &mut SparseMatrix| {
        labels(&m.rows)
    });
    api.call(
        "columns() -> array",
        "The ids of the columns: postsynaptic cells.",
        M,
        |m: &mut SparseMatrix| labels(&m.columns),
    );
    api.call(
        "dense() -> array",
        "The full matrix, row by row; for small ones.",
        M,
        |m: &mut SparseMatrix| -> Answer<Array> { Ok(to_array(m)?) },
    );
    api.also("to_array", |m: &mut SparseMatrix| -> Answer<Array> { Ok(to_array(m)?) });
    api.call(
        "of(ids) -> Matrix",
        "The part of it among some cells.",
        M,
        |m: &mut SparseMatrix, ids: Array| -> Answer<SparseMatrix> { Ok(subset(m, &rows_of(m, &ids)?)) },
    );
    api.call(
        "condense(classes) -> array",
        "Connections from class to class: `classes` gives the class of each cell, in the order of the rows. Rows and \
         columns are the classes in ascending order.",
        M,
        |m: &mut SparseMatrix, classes: Array| -> Answer<Array> { Ok(condense(m, &classes)?) },
    );
    api.call(
        "save(path) -> text",
        "Writes the matrix: `.mtx` (MatrixMarket), `.npz` (scipy.sparse), or a table with a row for each value.",
        "circuit.cells(\"L5_TTPC1\").matrix().save(\"adjacency.mtx\")",
        |m: &mut SparseMatrix, path: &str| -> Answer<String> { Ok(saving::matrix(m, Path::new(path))?) },
    );
    api.call("plot() -> Figure", "A heatmap of the matrix.", M, |m: &mut SparseMatrix| -> Answer<Figure> {
        Ok(super::figure::matrix(m)?)
    });
}

fn condense(matrix: &SparseMatrix, classes: &Array) -> Result<Array> {
    let names: Vec<String> = classes.iter().map(ToString::to_string).collect();
    let mut all = names.clone();
    all.sort();
    all.dedup();
    let class: Vec<u32> = names.iter().map(|n| all.binary_search(n).unwrap_or(0) as u32).collect();
    let counts = graph(matrix)?.condensed(&class, all.len())?;
    Ok(nested(counts.into_iter().map(|row| row.into_iter().map(|n| n as f64).collect()).collect()))
}

fn degrees_and_chance(api: &mut Api) {
    api.call(
        "density() -> float",
        "Connections over ordered pairs of different cells.",
        M,
        |m: &mut SparseMatrix| -> Answer<f64> { Ok(connectivity::density(&graph(m)?)) },
    );
    api.call(
        "degrees() -> Table",
        "In- and out-degrees of its cells, among them.",
        M,
        |m: &mut SparseMatrix| -> Answer<Table> { Ok(degrees(m)?) },
    );
    api.call(
        "reciprocity() -> map",
        "Pairs that are connected both ways: `pairs`, the `fraction` of connections that are answered, `expected` by \
         chance, and the `ratio`.",
        M,
        |m: &mut SparseMatrix| -> Answer<Map> {
            let graph = graph(m)?;
            let all: Vec<u32> = (0..graph.nodes() as u32).collect();
            Ok(reciprocity_map(&Pathway::among(&graph, &all)?.reciprocity(50.0)?))
        },
    );
    api.call(
        "common_neighbours(side) -> Matrix",
        "How many partners each two cells share: cells that both target (`\"targets\"`, A·Aᵀ) or that target both \
         (`\"sources\"`, Aᵀ·A). The diagonal holds degrees.",
        M,
        |m: &mut SparseMatrix, side: &str| -> Answer<SparseMatrix> { Ok(common_neighbours(m, side)?) },
    );
    api.call(
        "neighbourhood(id) -> array",
        "The cells connected with a cell in either direction.",
        M,
        |m: &mut SparseMatrix, id: Dynamic| -> Answer<Array> {
            let row = rows_of(m, &vec![id])?[0];
            Ok(graph(m)?.neighbourhood(row).into_iter().map(|r| label(&m.rows[r as usize])).collect())
        },
    );
}

fn shape(api: &mut Api) {
    api.call(
        "triads() -> map",
        "The 16 kinds of triads (MAN names) and how often each occurs.",
        M,
        |m: &mut SparseMatrix| -> Answer<Map> { Ok(triads(m)?) },
    );
    api.call(
        "simplices(dimension) -> Table",
        "Directed simplices up to a dimension: `dimension`, `count`.",
        M,
        |m: &mut SparseMatrix, d: i64| -> Answer<Table> { Ok(simplices(m, d)?) },
    );
    api.call(
        "clustering() -> Table",
        "The directed clustering coefficient of each cell (Fagiolo 2007).",
        M,
        |m: &mut SparseMatrix| -> Answer<Table> {
            let found = topology::clustering(&graph(m)?)?;
            Ok(table(vec![
                id_column(m),
                float_column("clustering", None, "directed clustering", found.of.into_iter()),
            ])?)
        },
    );
    api.call(
        "transitivity() -> float",
        "Closed among all triads of the undirected graph.",
        M,
        |m: &mut SparseMatrix| -> Answer<Dynamic> {
            Ok(float(topology::clustering(&graph(m)?)?.transitivity))
        },
    );
    api.call(
        "path_length() -> map",
        "Shortest directed paths over reachable pairs: `n_pairs`, `mean`, `max`.",
        M,
        |m: &mut SparseMatrix| -> Answer<Map> {
            let found = topology::path_lengths(&graph(m)?, None)?;
            Ok(Map::from([
                ("n_pairs".into(), (found.pairs as i64).into()),
                ("mean".into(), float(found.mean)),
                ("max".into(), i64::from(found.max).into()),
            ]))
        },
    );
    let sizes =
        |of: &topology::Components| -> Array { of.sizes.iter().map(|&n| i64::from(n).into()).collect() };
    api.call(
        "components(strong) -> array",
        "The sizes of its components, largest first: strongly connected ones, or weakly.",
        M,
        move |m: &mut SparseMatrix, strong: bool| -> Answer<Array> {
            let graph = graph(m)?;
            Ok(sizes(&if strong {
                topology::strong_components(&graph)
            } else {
                topology::weak_components(&graph)
            }))
        },
    );
    api.call(
        "rich_club() -> map",
        "The rich-club coefficient by degree (not normalised).",
        M,
        |m: &mut SparseMatrix| -> Answer<Map> {
            let found = topology::rich_club(&graph(m)?);
            Ok(found.into_iter().enumerate().map(|(k, v)| (k.to_string().into(), float(v))).collect())
        },
    );
    api.call(
        "core_numbers() -> array",
        "The k-core of each cell in the undirected graph.",
        M,
        |m: &mut SparseMatrix| -> Answer<Array> {
            Ok(topology::core_numbers(&graph(m)?).into_iter().map(|n| i64::from(n).into()).collect())
        },
    );
    api.call(
        "betweenness() -> array",
        "The betweenness centrality of each cell, normalised.",
        M,
        |m: &mut SparseMatrix| -> Answer<Array> {
            Ok(topology::betweenness(&graph(m)?, None)?.into_iter().map(float).collect())
        },
    );
    api.call(
        "assortativity() -> float",
        "Pearson's correlation of the out-degree and in-degree at the ends of connections.",
        M,
        |m: &mut SparseMatrix| -> Answer<Dynamic> { Ok(float(topology::assortativity(&graph(m)?))) },
    );
    api.call(
        "modularity(classes) -> float",
        "The directed modularity of a partition (Leicht and Newman); a class for each cell.",
        M,
        |m: &mut SparseMatrix, classes: Array| -> Answer<Dynamic> {
            let class = classes.iter().map(|c| Ok(number(c)? as u32)).collect::<Result<Vec<_>>>()?;
            Ok(float(topology::modularity(&graph(m)?, &class, 1.0)?))
        },
    );
}

fn space(api: &mut Api) {
    let example = "matrix(2, [[0, 1]]).by_distance([[0, 0, 0], [10, 0, 0]], 50.0, 100.0)";
    api.call("by_distance(positions, bin, max) -> Table", "The probability of a connection by distance, of cells at these positions; an array of edges may stand for `bin, max`.", example, |m: &mut SparseMatrix, at: Array, bin: Dynamic, max: Dynamic| -> Answer<Table> {
        let edges = distance::edges(number(&bin)?, number(&max)?)?;
        let bins = placed(m, &at, |p| p.by_distance(&edges, Metric::Full))?;
        Ok(super::pathway::by_distance_table(&bins)?)
    });
    api.also("by_distance", |m: &mut SparseMatrix, at: Array, edges: Array| -> Answer<Table> {
        let edges = edges.iter().map(number).collect::<Result<Vec<_>>>()?;
        let bins = placed(m, &at, |p| p.by_distance(&edges, Metric::Full))?;
        Ok(super::pathway::by_distance_table(&bins)?)
    });
    api.call(
        "probability(positions, within) -> map",
        "The probability of a connection within a distance, of cells at these positions.",
        "matrix(2, [[0, 1]]).probability([[0, 0, 0], [10, 0, 0]], 50.0)",
        |m: &mut SparseMatrix, at: Array, um: Dynamic| -> Answer<Map> {
            let within = Within::um(number(&um)?)?;
            let found = placed(m, &at, |p| p.probability(Some(within)))?;
            Ok(super::pathway::probability_map(&found, Some(within.um)))
        },
    );
    api.call(
        "common_neighbour_bias(positions) -> map",
        "Whether connected cells share more targets than others, as `common_neighbours` of a pathway.",
        "matrix(3, [[0, 1], [0, 2], [1, 2]]).common_neighbour_bias([[0, 0, 0], [10, 0, 0], [20, 0, 0]])",
        |m: &mut SparseMatrix, at: Array| -> Answer<Map> {
            let found = placed(m, &at, |p| p.common_neighbours(Shared::Targets, &Control::default()))?;
            Ok(super::pathway::common_neighbours_map(&found))
        },
    );
}

fn cells(api: &mut Api) {
    use super::cells::Cells;
    api.on::<Cells>("Cells");
    api.call(
        "matrix() -> Matrix",
        "The adjacency matrix among these cells: rows pre, columns post, values synapses.",
        M,
        |c: &mut Cells| -> Answer<SparseMatrix> { Ok(matrix_of_cells(c)?) },
    );
    api.call(
        "triads() -> map",
        "The 16 kinds of triads among these cells and how often each occurs.",
        "circuit.cells(\"L5_TTPC1\").triads()",
        |c: &mut Cells| -> Answer<Map> { Ok(triads(&matrix_of_cells(c)?)?) },
    );
    api.call(
        "simplices(dimension) -> Table",
        "Directed simplices among these cells, up to a dimension.",
        "circuit.cells(\"L5_TTPC1\").simplices(3)",
        |c: &mut Cells, d: i64| -> Answer<Table> { Ok(simplices(&matrix_of_cells(c)?, d)?) },
    );
}
