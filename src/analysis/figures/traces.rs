//! What was recorded over time.

use super::activity::{Rates, check_window, psth};
use super::{plural, same, time};
use crate::analysis::statistics::Binning;
use crate::diag::{Error, Result, work};
use crate::model::units;
use crate::plot::{Axis, Bins, Colours, Figure, Layer, Legend, Panel, Values, short};

/// Up to so many lines have a colour and a name each.
const FEW: usize = 12;
/// So many cells have a panel each, at most.
const PANELS: usize = 100;

/// What was recorded of one cell, or of a place on it.
#[derive(Clone, Debug, Default)]
pub struct Trace<'a> {
    /// Whose it is: the id.
    pub name: String,
    /// What kind of cell that is, as its e-type; may be empty.
    pub kind: String,
    /// The times (ms).
    pub t: &'a [f64],
    /// What was recorded at them.
    pub values: &'a [f64],
}

impl Trace<'_> {
    fn line(&self) -> Layer {
        Layer::line(self.t.to_vec(), self.values.to_vec())
    }
}

/// The mean of what was recorded of many cells, with its spread.
#[derive(Clone, Debug, Default)]
pub struct MeanTrace<'a> {
    /// Of which cells.
    pub name: String,
    /// How many they are.
    pub cells: usize,
    /// The times (ms).
    pub t: &'a [f64],
    /// The mean at each time.
    pub mean: &'a [f64],
    /// The standard deviation at each time; may be empty.
    pub sd: &'a [f64],
}

/// The axis of a recorded variable: a voltage by its unit, anything else by its own name.
pub fn quantity(variable: &str, unit: &str) -> Axis {
    let label = if unit == units::MV { "membrane voltage".to_owned() } else { variable.replace('_', " ") };
    Axis::new(label, unit)
}

fn check<'a>(traces: impl IntoIterator<Item = &'a Trace<'a>>) -> Result<()> {
    let mut any = false;
    for trace in traces {
        same(&format!("times of `{}`", trace.name), trace.t.len(), "values", trace.values.len())?;
        any |= !trace.t.is_empty();
    }
    if any { Ok(()) } else { Err(Error::argument("there are no traces to draw")) }
}

/// All traces as thin, translucent lines of one colour.
fn bundle(traces: &[Trace<'_>]) -> Layer {
    let lines = traces.iter().map(|trace| (trace.t.to_vec(), trace.values.to_vec())).collect();
    Layer::Bundle { name: String::new(), lines }
}

/// A line for each trace. More than twelve are thin and translucent, without names, and a note says how many they are.
///
/// # Errors
/// When there are no traces, or times and values differ in length.
pub fn traces(traces: &[Trace<'_>], of: &Axis) -> Result<Figure> {
    check(traces)?;
    let figure = Figure::new(time(), of.clone());
    if traces.len() > FEW {
        return Ok(figure.layer(bundle(traces)).note(plural(traces.len(), "trace")));
    }
    Ok(traces.iter().fold(figure, |figure, trace| figure.layer(trace.line().named(&*trace.name))))
}

/// A line for each mean, with a band of one standard deviation to both sides.
///
/// # Errors
/// When there are no means, or their lengths differ.
pub fn mean_traces(means: &[MeanTrace<'_>], of: &Axis) -> Result<Figure> {
    let mut figure = Figure::new(time(), of.clone());
    let mut cells = Vec::new();
    for MeanTrace { name, cells: n, t, mean, sd } in means {
        same(&format!("times of `{name}`"), t.len(), "means", mean.len())?;
        let ends = |sign: f64| mean.iter().zip(*sd).map(|(m, sd)| m + sign * sd).collect();
        if !sd.is_empty() {
            same(&format!("standard deviations of `{name}`"), sd.len(), "means", mean.len())?;
        }
        figure = figure.layer(Layer::Line {
            name: name.clone(),
            x: t.to_vec(),
            y: mean.to_vec(),
            lower: ends(-1.0),
            upper: ends(1.0),
            markers: false,
        });
        let of = if name.is_empty() || means.len() == 1 { String::new() } else { format!(" ({name})") };
        cells.push(format!("{}{of}", plural(*n, "cell")));
    }
    if means.iter().all(|mean| mean.t.is_empty()) {
        return Err(Error::argument("there are no traces to draw"));
    }
    let band = if means.iter().any(|mean| !mean.sd.is_empty()) { " ± standard deviation" } else { "" };
    Ok(figure.note(format!("mean{band} of {}", cells.join(", "))))
}

/// The smallest and the largest value of all traces, with some air.
pub(super) fn limits<'a>(traces: impl IntoIterator<Item = &'a Trace<'a>>) -> Option<(f64, f64)> {
    let values = traces.into_iter().flat_map(|trace| trace.values).filter(|v| v.is_finite());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    let air = (high - low) * 0.06;
    (air > 0.0 && air.is_finite()).then_some((low - air, high + air))
}

/// A thin panel for each trace, on one axis of time and to one scale, each with the id and the kind of its cell.
///
/// # Errors
/// When there are no traces, more than 100, or times and values differ in length.
pub fn collage(traces: &[Trace<'_>], of: &Axis) -> Result<Figure> {
    check(traces)?;
    few_panels(traces.len(), "cells")?;
    let y = Axis { limits: limits(traces), ..Axis::default() };
    let panel = |trace: &Trace<'_>| {
        let label = format!("{}\n{}", trace.name, trace.kind);
        let panel = Panel { label: label.trim_end().to_owned(), height: 0.3, wide: false };
        vec![Figure::new(time(), y.clone()).layer(trace.line()).panel(panel)]
    };
    Ok(Figure { y: of.clone(), ..Figure::stack(traces.iter().map(panel).collect())? })
}

/// A panel for each group of traces, on one axis of time and to one scale.
///
/// # Errors
/// When there are no traces, more than 100 groups, or times and values differ in length.
pub fn traces_by_group(groups: &[(String, Vec<Trace<'_>>)], of: &Axis) -> Result<Figure> {
    let all = || groups.iter().flat_map(|(_, traces)| traces);
    check(all())?;
    few_panels(groups.len(), "groups")?;
    let y = Axis { limits: limits(all()), ..Axis::default() };
    let panel = |(name, traces): &(String, Vec<Trace<'_>>)| {
        let label = format!("{name}\n{}", plural(traces.len(), "trace"));
        let layer = bundle(traces).named(&**name);
        let mut figure = Figure::new(time(), y.clone()).layer(layer);
        figure.legend = Legend::Hidden;
        vec![figure.panel(Panel { label, height: 0.8, wide: false })]
    };
    Ok(Figure { y: of.clone(), ..Figure::stack(groups.iter().map(panel).collect())? })
}

fn few_panels(n: usize, what: &str) -> Result<()> {
    if n <= PANELS {
        return Ok(());
    }
    Err(Error::argument(format!("{n} {what} do not fit into one figure, with a panel each"))
        .help(format!("choose up to {PANELS}, or draw all lines into one panel: plot_traces")))
}

/// How often which value was recorded when. Filled piece by piece, so that a report need not be in memory.
#[derive(Clone, Debug)]
pub struct VoltageHistogram {
    time: Vec<f64>,
    values: Vec<f64>,
    /// Row after row of values, from the lowest.
    counts: Vec<f64>,
    samples: usize,
    outside: usize,
}

/// More cells than this are no figure.
const CELLS: f64 = 4e6;

impl VoltageHistogram {
    /// Bins of `step` ms in a window of time (ms), and of `height` between the lowest and the highest value. The last bins
    /// are narrower where the steps do not come out even.
    ///
    /// # Errors
    /// When a range or a step is not above zero, or there are too many bins.
    pub fn new(window: (f64, f64), step: f64, range: (f64, f64), height: f64) -> Result<Self> {
        check_window(window)?;
        if !(range.0.is_finite() && range.1.is_finite() && range.0 < range.1) {
            return Err(Error::argument(format!("values from {} to {} span no range", range.0, range.1)));
        }
        let bins = |(from, to): (f64, f64), step: f64| ((to - from) / step - 1e-9).ceil();
        let (columns, rows) = (bins(window, step), bins(range, height));
        if !(step > 0.0 && height > 0.0 && columns * rows >= 1.0 && columns * rows <= CELLS) {
            return Err(Error::argument(format!(
                "bins of {step} ms and {height} do not cut {} ms and a range of {} into a figure",
                short(window.1 - window.0),
                short(range.1 - range.0)
            ))
            .help("choose wider bins"));
        }
        let edges = |(from, to): (f64, f64), step: f64, n: f64| -> Vec<f64> {
            (0..=n as usize).map(|i| (from + step * i as f64).min(to)).collect()
        };
        Ok(VoltageHistogram {
            time: edges(window, step, columns),
            values: edges(range, height, rows),
            counts: vec![0.0; columns as usize * rows as usize],
            samples: 0,
            outside: 0,
        })
    }

    /// Counts what was recorded of one cell: `values[i]` at `t[i]`.
    ///
    /// # Errors
    /// When lengths differ, or the work was stopped.
    pub fn add(&mut self, t: &[f64], values: &[f64]) -> Result<()> {
        same("times", t.len(), "values", values.len())?;
        work::check()?;
        let (columns, rows) = (Binning::new(&self.time), Binning::new(&self.values));
        let width = self.time.len() - 1;
        for (t, v) in t.iter().zip(values) {
            self.samples += 1;
            match (columns.of(*t), rows.of(*v)) {
                (Some(column), Some(row)) => self.counts[row * width + column] += 1.0,
                _ => self.outside += 1,
            }
        }
        Ok(())
    }

    /// The counts as a heat map, below the firing rates if they are given. `log` colours show what is rare.
    ///
    /// # Errors
    /// When nothing was counted, and as [`psth`].
    pub fn figure(&self, of: &Axis, rates: Option<&Rates>, log: bool) -> Result<Figure> {
        if self.outside == self.samples {
            return Err(Error::argument("there are no values to draw in this window and range"));
        }
        let empty_is_nothing = |n: &f64| if *n > 0.0 { *n } else { f64::NAN };
        let mut map = Figure::new(time(), of.clone()).layer(Layer::Heatmap {
            columns: Bins::Edges(self.time.clone()),
            rows: Bins::Edges(self.values.clone()),
            values: Values::Dense(self.counts.iter().map(empty_is_nothing).collect()),
            label: "samples".to_owned(),
            unit: String::new(),
            colours: if log { Colours::Log } else { Colours::Linear },
        });
        if self.outside > 0 {
            let outside = plural(self.outside, "sample");
            map = map.note(format!("{outside} outside of the window or the range: not counted"));
        }
        let Some(rates) = rates else { return Ok(map) };
        let window = (self.time[0], self.time[self.time.len() - 1]);
        let above = psth(rates, &[])?.xlim(window.0, window.1)?;
        let panel = |height: f64| Panel { height, ..Panel::default() };
        Figure::stack(vec![vec![above.panel(panel(0.6))], vec![map.panel(panel(1.7))]])
    }
}
