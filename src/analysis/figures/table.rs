//! From a table to the figure that one expects of it. Labels and units come from the columns.

use arrow_array::Array;

use super::same;
use super::{Rates, Trace, View, latency_boxes, positions_3d, psth, traces};
use crate::analysis::statistics::box_summary;
use crate::diag::{Error, Result};
use crate::model::{ColumnSpec, Frame, SparseMatrix};
use crate::plot::{Axis, Bins, BoxStats, Colouring, Colours, Figure, Layer, Marker, Values, short};
use crate::query::{Aggregate, Expr, Kind, Table, Value, kind_of, value_at};

/// More names than this do not stand on an axis.
const MOST_NAMES: usize = 200;

/// What stands at an axis: `mean conductance (nS)` for a column `mean` that was computed of `conductance`.
fn axis(spec: &ColumnSpec) -> Axis {
    let of =
        spec.meaning.strip_prefix(spec.name.as_str()).and_then(|m| m.strip_prefix('(')?.strip_suffix(')'));
    let label = match of {
        Some(argument) if !argument.is_empty() => format!("{} {argument}", spec.name),
        _ => spec.name.replace('_', " "),
    };
    let label = match label.split_once('.') {
        Some(("pre", property)) => format!("presynaptic {property}"),
        Some(("post", property)) => format!("postsynaptic {property}"),
        _ => label,
    };
    Axis::new(label, spec.unit.clone().unwrap_or_default())
}

fn is_number(spec: &ColumnSpec) -> bool {
    matches!(kind_of(&spec.data_type), Kind::Int | Kind::Float)
}

fn numbers(values: &dyn Array) -> Vec<f64> {
    (0..values.len()).map(|i| value_at(values, i).as_f64().unwrap_or(f64::NAN)).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(t) => t.to_string(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

fn texts(values: &dyn Array) -> Vec<String> {
    (0..values.len()).map(|i| text(&value_at(values, i))).collect()
}

/// Columns of a table by name, in memory.
fn read(table: &Table, names: &[&str]) -> Result<Frame> {
    table.select(names)?.frame()
}

fn need_number(spec: &ColumnSpec) -> Result<()> {
    if is_number(spec) {
        return Ok(());
    }
    Err(Error::argument(format!("`{}` is not a number", spec.name)))
}

/// A histogram of a column.
///
/// # Errors
/// When it is not a number, or there are no values.
pub fn histogram(table: &Table, of: &Expr, bins: Option<usize>) -> Result<Figure> {
    let counted = table.histogram(of, bins, None)?.frame()?;
    let label = table.computed(of.to_string(), of.clone())?.spec;
    Ok(histogram_figure(&counted, axis(&label)))
}

fn histogram_figure(counted: &Frame, x: Axis) -> Figure {
    let (low, high) = (numbers(&counted.columns()[0]), numbers(&counted.columns()[1]));
    let counts = numbers(&counted.columns()[2]);
    let mut edges = low;
    edges.extend(high.last());
    let y = axis(&counted.schema().columns()[2]);
    Figure::new(x, Axis::new(y.label.split(' ').next().unwrap_or("count"), y.unit)).layer(Layer::Histogram {
        name: String::new(),
        edges,
        counts,
    })
}

/// Bars: a value for each name.
///
/// # Errors
/// When a column does not exist, or the second is not a number.
pub fn bars(table: &Table, x: &str, y: &str) -> Result<Figure> {
    let frame = read(table, &[x, y])?;
    let specs = frame.schema().columns();
    need_number(&specs[1])?;
    let names = texts(&frame.columns()[0]);
    if names.len() > MOST_NAMES {
        return Err(Error::argument(format!("{} bars do not fit into a figure", names.len()))
            .help("group the rows first, or draw a line or a histogram"));
    }
    let values = numbers(&frame.columns()[1]);
    Ok(Figure::new(Axis::names(axis(&specs[0]).label, names), axis(&specs[1])).layer(Layer::Bars {
        name: String::new(),
        values,
        errors: Vec::new(),
        horizontal: false,
    }))
}

/// Bars for a name, with a series for each value of a second column.
fn grouped_bars(frame: &Frame) -> Figure {
    let specs = frame.schema().columns();
    let (names, series) = (texts(&frame.columns()[0]), texts(&frame.columns()[1]));
    let values = numbers(&frame.columns()[2]);
    let unique = |all: &[String]| {
        let mut seen: Vec<String> = Vec::new();
        for name in all {
            if !seen.contains(name) {
                seen.push(name.clone());
            }
        }
        seen
    };
    let categories = unique(&names);
    let mut figure = Figure::new(Axis::names(axis(&specs[0]).label, categories.clone()), axis(&specs[2]));
    for one in unique(&series) {
        let value_of = |category: &String| {
            let at = (0..names.len()).find(|&i| names[i] == *category && series[i] == one);
            at.map_or(f64::NAN, |i| values[i])
        };
        let values = categories.iter().map(value_of).collect();
        figure = figure.layer(Layer::Bars { name: one, values, errors: Vec::new(), horizontal: false });
    }
    figure
}

/// A line through the rows in their order.
///
/// # Errors
/// When a column does not exist or is not a number.
pub fn line(table: &Table, x: &str, y: &str) -> Result<Figure> {
    let frame = read(table, &[x, y])?;
    let specs = frame.schema().columns();
    specs.iter().try_for_each(need_number)?;
    Ok(Figure::new(axis(&specs[0]), axis(&specs[1])).layer(Layer::Line {
        name: String::new(),
        x: numbers(&frame.columns()[0]),
        y: numbers(&frame.columns()[1]),
        lower: Vec::new(),
        upper: Vec::new(),
        markers: frame.rows() <= 30,
    }))
}

/// A point for each row, coloured by a third column if one is given.
///
/// # Errors
/// When a column does not exist, or the first two are not numbers.
pub fn scatter(table: &Table, x: &str, y: &str, colour: Option<&str>) -> Result<Figure> {
    let mut names = vec![x, y];
    names.extend(colour.filter(|c| *c != x && *c != y));
    let frame = read(table, &names)?;
    let specs = frame.schema().columns();
    specs[..2].iter().try_for_each(need_number)?;
    let colour = match colour {
        None => Colouring::Series,
        Some(name) => colouring(&frame, frame.schema().position(name)?),
    };
    let (a, b) = (axis(&specs[0]), axis(&specs[1]));
    // Two lengths are drawn to one scale.
    let same = a.unit == b.unit && a.unit == crate::model::units::UM;
    let figure = Figure::new(a, b).layer(Layer::Scatter {
        name: String::new(),
        x: numbers(&frame.columns()[0]),
        y: numbers(&frame.columns()[1]),
        colour,
        marker: Marker::Dot,
    });
    Ok(if same { figure.equal() } else { figure })
}

/// Few whole numbers and texts are names; other numbers are a scale.
fn colouring(frame: &Frame, column: usize) -> Colouring {
    let spec = &frame.schema().columns()[column];
    let values: Vec<Value> = (0..frame.rows()).map(|i| value_at(&frame.columns()[column], i)).collect();
    let mut names: Vec<&Value> = Vec::new();
    for value in &values {
        if names.len() > 24 {
            break;
        }
        if !names.contains(&value) {
            names.push(value);
        }
    }
    let whole = kind_of(&spec.data_type) == Kind::Int;
    if names.len() > 12 && (whole || is_number(spec)) || (is_number(spec) && !whole) {
        let label = axis(spec);
        return Colouring::Value {
            label: label.label,
            unit: label.unit,
            of: values.iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect(),
        };
    }
    let mut names: Vec<String> = values.iter().map(text).collect();
    names.sort();
    names.dedup();
    let of = values.iter().map(|v| names.binary_search(&text(v)).unwrap_or(0) as u32).collect();
    Colouring::Category { label: axis(spec).label, names, of }
}

/// The box of some finite values.
pub(super) fn box_stats(values: &[f64]) -> BoxStats {
    let s = box_summary(values);
    BoxStats {
        low: s.low_whisker,
        q1: s.q25,
        median: s.median,
        q3: s.q75,
        high: s.high_whisker,
        outliers: s.outliers,
        n: s.n,
    }
}

/// Slices of a pie below this share are gathered.
const SMALL: f64 = 0.02;
/// So many of what was gathered are named in the note.
const NAMED: usize = 12;

/// A pie of names and how many there are of each, clockwise in their order. Slices below two per cent are gathered as
/// one, and a note says what is in it.
///
/// # Errors
/// When there is nothing to count, a count is negative or not finite, or names and counts differ in number.
pub fn pie(names: &[String], counts: &[f64]) -> Result<Figure> {
    same("names", names.len(), "counts", counts.len())?;
    if let Some((name, n)) = names.iter().zip(counts).find(|(_, n)| !(n.is_finite() && **n >= 0.0)) {
        return Err(Error::argument(format!("`{name}` cannot be a slice of a pie: there are {n} of it")));
    }
    let total: f64 = counts.iter().sum();
    if total <= 0.0 {
        return Err(Error::argument("there is nothing to count: all slices of the pie are empty"));
    }
    let (mut small, large): (Vec<_>, Vec<_>) =
        names.iter().zip(counts).filter(|(_, n)| **n > 0.0).partition(|(_, n)| **n < SMALL * total);
    if small.len() < 2 {
        let all = names.iter().zip(counts).filter(|(_, n)| **n > 0.0);
        let (names, values) = all.map(|(name, n)| (name.clone(), *n)).unzip();
        return Ok(Figure::default().layer(Layer::Pie { names, values }));
    }
    small.sort_by(|a, b| b.1.total_cmp(a.1));
    let rest: f64 = small.iter().map(|(_, n)| **n).sum();
    let named: Vec<String> =
        small.iter().take(NAMED).map(|(name, n)| format!("{name} ({})", short(**n))).collect();
    let more = match small.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let note = format!("others, each below 2 %: {}{more}", named.join(", "));
    let others = if names.iter().any(|name| name == "others") { "all others" } else { "others" };
    let slices = large.into_iter().map(|(name, n)| (name.clone(), *n)).chain([(others.to_owned(), rest)]);
    let (names, values) = slices.unzip();
    Ok(Figure::default().layer(Layer::Pie { names, values }).note(note))
}

/// The positions in the columns `x`, `y`, `z`, in space; coloured by another column if one is given.
///
/// # Errors
/// When a column does not exist, or there are no positions.
pub fn positions_in_space(table: &Table, colour: Option<&str>, view: View) -> Result<Figure> {
    let mut names = vec!["x", "y", "z"];
    names.extend(colour.filter(|c| !names.contains(c)));
    let frame = read(table, &names)?;
    frame.schema().columns()[..3].iter().try_for_each(need_number)?;
    let [x, y, z] = [0, 1, 2].map(|axis| numbers(&frame.columns()[axis]));
    let points: Vec<[f64; 3]> = (0..frame.rows()).map(|row| [x[row], y[row], z[row]]).collect();
    let colour = match colour {
        None => Colouring::Series,
        Some(name) => colouring(&frame, frame.schema().position(name)?),
    };
    positions_3d(&points, colour, view)
}

/// A slice of a pie for each name.
///
/// # Errors
/// As [`pie`], and when a column does not exist or the second is not a number.
pub fn pie_of(table: &Table, names: &str, counts: &str) -> Result<Figure> {
    let frame = read(table, &[names, counts])?;
    need_number(&frame.schema().columns()[1])?;
    pie(&texts(&frame.columns()[0]), &numbers(&frame.columns()[1]))
}

/// Latencies by layer and class, as [`latency_boxes`] draws them.
///
/// # Errors
/// When a column does not exist, the first is not a number, or there are no latencies.
pub fn latencies_of(table: &Table, latency: &str, layer: &str, class: &str) -> Result<Figure> {
    let frame = read(table, &[latency, layer, class])?;
    need_number(&frame.schema().columns()[0])?;
    let values = numbers(&frame.columns()[0]);
    let (layers, classes) = (texts(&frame.columns()[1]), texts(&frame.columns()[2]));
    let distinct = |all: &[String]| {
        let mut names = all.to_vec();
        names.sort();
        names.dedup();
        names
    };
    let (rows, series) = (distinct(&layers), distinct(&classes));
    let mut of: Vec<(String, Vec<Vec<f64>>)> =
        series.iter().map(|class| (class.clone(), vec![Vec::new(); rows.len()])).collect();
    for ((value, layer), class) in values.iter().zip(&layers).zip(&classes) {
        if let (Ok(row), Ok(class)) = (rows.binary_search(layer), series.binary_search(class)) {
            of[class].1[row].push(*value);
        }
    }
    latency_boxes(&rows, &of)
}

/// A box for each value of a second column: median, quartiles, Tukey's whiskers, outliers.
///
/// # Errors
/// When a column does not exist, or the first is not a number.
pub fn boxes(table: &Table, of: &str, by: &str) -> Result<Figure> {
    let frame = read(table, &[of, by])?;
    let specs = frame.schema().columns();
    need_number(&specs[0])?;
    let keys: Vec<Value> = (0..frame.rows()).map(|i| value_at(&frame.columns()[1], i)).collect();
    let values = numbers(&frame.columns()[0]);
    let mut groups: std::collections::BTreeMap<String, Vec<f64>> = std::collections::BTreeMap::new();
    for (key, value) in keys.iter().zip(values) {
        if value.is_finite() {
            groups.entry(text(key)).or_default().push(value);
        }
    }
    if groups.len() > MOST_NAMES {
        return Err(Error::argument(format!("{} boxes do not fit into a figure", groups.len())));
    }
    let boxes = groups.values().map(|values| box_stats(values)).collect();
    let names = groups.into_keys().collect();
    Ok(Figure::new(Axis::names(axis(&specs[1]).label, names), axis(&specs[0])).layer(Layer::Boxes {
        name: String::new(),
        boxes,
        horizontal: false,
    }))
}

/// A coloured cell for each pair of values of two columns.
///
/// # Errors
/// When a column does not exist, the third is not a number, or two rows meet in one cell.
pub fn heatmap(table: &Table, row: &str, column: &str, value: &str) -> Result<Figure> {
    let wide = table.pivot(row, column, value)?.frame()?;
    let frame = read(table, &[row, column, value])?;
    let specs = frame.schema().columns();
    need_number(&specs[2])?;
    let rows = texts(&wide.columns()[0]);
    let columns: Vec<String> = wide.schema().columns()[1..].iter().map(|c| c.name.clone()).collect();
    let series: Vec<Vec<f64>> = wide.columns()[1..].iter().map(|c| numbers(c)).collect();
    let dense = (0..rows.len()).flat_map(|r| series.iter().map(move |s| s[r])).collect();
    let label = axis(&specs[2]);
    Ok(Figure::new(Axis::names(axis(&specs[1]).label, columns), Axis::names(axis(&specs[0]).label, rows))
        .layer(Layer::Heatmap {
            columns: Bins::Names,
            rows: Bins::Names,
            values: Values::Dense(dense),
            label: label.label,
            unit: label.unit,
            colours: Colours::Linear,
        }))
}

/// A sparse matrix as coloured cells, presynaptic cells downwards.
///
/// # Errors
/// Never in practice.
pub fn matrix(matrix: &SparseMatrix) -> Result<Figure> {
    let bins = |labels: &[String]| {
        if labels.len() <= 60 { Bins::Names } else { Bins::Even { start: 0.0, width: 1.0, n: labels.len() } }
    };
    let axis = |label: &str, labels: &[String]| {
        if labels.len() <= 60 {
            Axis::names(format!("{label} cell"), labels.to_vec())
        } else {
            Axis::new(format!("{label} cell, position in the group"), "")
        }
    };
    Ok(Figure::new(axis("postsynaptic", &matrix.columns), axis("presynaptic", &matrix.rows)).layer(
        Layer::Heatmap {
            columns: bins(&matrix.columns),
            rows: bins(&matrix.rows),
            values: Values::Sparse(matrix.entries.clone()),
            label: matrix.value.clone(),
            unit: String::new(),
            colours: Colours::Linear,
        },
    ))
}

/// The figure that one expects of a table, from its columns.
///
/// # Errors
/// When there is no such figure: the message names those that can be asked for.
pub fn default_figure(table: &Table) -> Result<Figure> {
    let specs = table.schema().columns();
    let names: Vec<&str> = specs.iter().map(|c| c.name.as_str()).collect();
    if names.starts_with(&["low", "high", "count"]) && names.len() == 3 {
        let frame = table.frame()?;
        let of = specs[0].meaning.strip_prefix("lower end of the bin of ").unwrap_or("value");
        let x = Axis::new(of.replace('_', " "), specs[0].unit.clone().unwrap_or_default());
        return Ok(histogram_figure(&frame, x));
    }
    if let [keys @ .., "low", "high", "count", "rate"] = names.as_slice() {
        return rates_over_time(table, keys);
    }
    if let [keys @ .., "t", value] = names.as_slice()
        && !keys.is_empty()
        && is_number(&specs[names.len() - 1])
    {
        return lines_over_time(table, keys, value);
    }
    if names.contains(&"probability") && names.starts_with(&["low", "high"]) {
        return profile(table);
    }
    if ["x", "y", "layer"].iter().all(|c| names.contains(c)) {
        return scatter(table, "x", "y", Some("layer"));
    }
    match specs {
        [one] if is_number(one) => histogram(table, &Expr::column(&one.name), None),
        [one] => {
            let counted =
                table.aggregate(vec![table.named(&one.name)?], vec![("count".into(), Aggregate::Count)])?;
            bars(&counted, &one.name, "count")
        }
        [key, .., value] if specs.len() == 2 && is_number(value) => two_columns(table, key, value),
        [row, column, value, ..] if !is_number(row) && !is_number(column) && is_number(value) => {
            let frame = read(table, &[&row.name, &column.name, &value.name])?;
            let few = |i: usize| {
                let mut all = texts(&frame.columns()[i]);
                all.sort();
                all.dedup();
                all.len()
            };
            if few(1) <= 3 && few(0) <= 20 {
                Ok(grouped_bars(&frame))
            } else {
                heatmap(table, &row.name, &column.name, &value.name)
            }
        }
        [a, b, value] if is_number(value) && whole_names(table, a, b)? => {
            heatmap(table, &a.name, &b.name, &value.name)
        }
        [a, b, value] if is_number(value) && (!is_number(a) || !is_number(b)) => {
            Ok(grouped_bars(&read(table, &[&a.name, &b.name, &value.name])?))
        }
        [key, first, ..] if !is_number(key) && is_number(first) => bars(table, &key.name, &first.name),
        _ => Err(Error::argument("there is no one figure for a table with these columns").help(
            "ask for one by name: plot_hist(c), plot_bar(x, y), plot_line(x, y), plot_scatter(x, y), \
             plot_box(c, by), plot_heatmap(row, column, value)",
        )),
    }
}

/// The rows of each group, one after the other, with the name of the group.
fn runs(frame: &Frame, keys: usize) -> Vec<(String, std::ops::Range<usize>)> {
    let columns: Vec<Vec<String>> = frame.columns()[..keys].iter().map(|column| texts(column)).collect();
    let name = |row: usize| columns.iter().map(|column| column[row].as_str()).collect::<Vec<_>>().join(", ");
    let mut runs: Vec<(String, std::ops::Range<usize>)> = Vec::new();
    for row in 0..frame.rows() {
        let name = name(row);
        match runs.last_mut() {
            Some((last, rows)) if *last == name => rows.end = row + 1,
            _ => runs.push((name, row..row + 1)),
        }
    }
    runs
}

/// Rates over time, a line of steps for each group.
fn rates_over_time(table: &Table, keys: &[&str]) -> Result<Figure> {
    let frame = table.frame()?;
    let at = keys.len();
    let (low, high) = (numbers(&frame.columns()[at]), numbers(&frame.columns()[at + 1]));
    let rate = numbers(&frame.columns()[at + 3]);
    let runs = runs(&frame, at);
    let mut edges = runs.first().map_or_else(Vec::new, |(_, rows)| low[rows.clone()].to_vec());
    edges.extend(runs.first().and_then(|(_, rows)| high.get(rows.end - 1)));
    let groups = runs.into_iter().map(|(name, rows)| (name, rate[rows].to_vec())).collect();
    psth(&Rates { label: keys.join(", "), edges, groups }, &[])
}

/// A line over time for each group.
fn lines_over_time(table: &Table, keys: &[&str], value: &str) -> Result<Figure> {
    let frame = table.frame()?;
    let at = keys.len();
    let (t, values) = (numbers(&frame.columns()[at]), numbers(&frame.columns()[at + 1]));
    let runs = runs(&frame, at);
    let lines: Vec<Trace> = runs
        .iter()
        .map(|(name, rows)| Trace {
            name: name.clone(),
            kind: String::new(),
            t: &t[rows.clone()],
            values: &values[rows.clone()],
        })
        .collect();
    traces(&lines, &axis(&frame.schema().columns()[frame.schema().position(value)?]))
}

/// Whether two columns hold few whole numbers, each pair once: layers by layers.
fn whole_names(table: &Table, a: &ColumnSpec, b: &ColumnSpec) -> Result<bool> {
    if kind_of(&a.data_type) != Kind::Int || kind_of(&b.data_type) != Kind::Int {
        return Ok(false);
    }
    let few = |c: &ColumnSpec| -> Result<bool> {
        let different = table.value(Aggregate::CountDistinct(Expr::column(&c.name)))?;
        Ok(different.as_f64().is_some_and(|n| n <= 60.0))
    };
    Ok(few(a)? && few(b)? && table.count()? <= 3600)
}

/// Bars for names and a few whole numbers, a line for rising numbers, else points.
fn two_columns(table: &Table, key: &ColumnSpec, value: &ColumnSpec) -> Result<Figure> {
    if !is_number(key) {
        return bars(table, &key.name, &value.name);
    }
    let frame = read(table, &[&key.name, &value.name])?;
    let x = numbers(&frame.columns()[0]);
    let whole = kind_of(&key.data_type) == Kind::Int;
    if whole && x.len() <= 40 {
        return bars(table, &key.name, &value.name);
    }
    if x.windows(2).all(|w| w[0] < w[1]) {
        line(table, &key.name, &value.name)
    } else {
        scatter(table, &key.name, &value.name, None)
    }
}

/// A probability by distance with its confidence interval.
fn profile(table: &Table) -> Result<Figure> {
    let frame = table.frame()?;
    let get = |name: &str| frame.column(name).map(|c| numbers(c));
    let x = get("low")?.iter().zip(get("high")?).map(|(a, b)| f64::midpoint(*a, b)).collect();
    let unit = frame.schema().columns()[0].unit.clone().unwrap_or_default();
    Ok(Figure::new(Axis::new("distance between somata", unit), Axis::new("connection probability", ""))
        .layer(Layer::Line {
            name: String::new(),
            x,
            y: get("probability")?,
            lower: get("ci_low").unwrap_or_default(),
            upper: get("ci_high").unwrap_or_default(),
            markers: true,
        }))
}
