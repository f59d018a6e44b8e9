//! What cells did: rasters, rates over time, intervals between spikes, latencies.

use std::collections::BTreeMap;

use super::table::box_stats;
use super::{plural, same, time};
use crate::analysis::statistics::{self, Bins};
use crate::diag::{Error, Result};
use crate::model::merged;
use crate::plot::{Axis, Colouring, Figure, Layer, Legend, Marker, Panel, Scale, short};

/// Cells by a property, as their layer.
#[derive(Clone, Copy, Debug)]
pub struct Groups<'a> {
    /// The property: `layer`.
    pub label: &'a str,
    /// Its values, in the order in which they are shown.
    pub names: &'a [String],
    /// For each cell the index of its value in `names`.
    pub of: &'a [u32],
}

impl Groups<'_> {
    /// Checks that each of so many cells has a group that there is.
    pub(super) fn check(&self, cells: usize) -> Result<()> {
        same("cells with a group", self.of.len(), "cells", cells)?;
        match self.of.iter().find(|of| **of as usize >= self.names.len()) {
            None => Ok(()),
            Some(of) => Err(Error::argument(format!(
                "a cell is in group {of}, but there are {} only",
                plural(self.names.len(), "group")
            ))),
        }
    }

    /// The groups that have cells, and for each group its place among them.
    fn present(&self) -> (Vec<String>, Vec<u32>) {
        let mut has = vec![false; self.names.len()];
        self.of.iter().for_each(|of| has[*of as usize] = true);
        let mut places = Vec::with_capacity(has.len());
        let mut next = 0;
        for has in &has {
            places.push(next);
            next += u32::from(*has);
        }
        let names = self.names.iter().zip(has).filter(|(_, has)| *has).map(|(name, _)| name.clone());
        (names.collect(), places)
    }
}

/// Spikes of some cells in a window of time.
#[derive(Clone, Copy, Debug)]
pub struct Raster<'a> {
    /// When a cell fired (ms).
    pub times: &'a [f64],
    /// Which one it was: the position in `ids`, for each time.
    pub rows: &'a [u32],
    /// All cells, those that are silent too.
    pub ids: &'a [i64],
    /// The names of the populations where ids are [packed](merged), else nothing.
    pub populations: &'a [String],
    /// What is shown (ms), whether there are spikes or not.
    pub window: (f64, f64),
    /// By what cells are ordered and coloured.
    pub groups: Option<Groups<'a>>,
}

impl Raster<'_> {
    fn check(&self) -> Result<()> {
        same("times", self.times.len(), "cells that fired", self.rows.len())?;
        check_window(self.window)?;
        if let Some(row) = self.rows.iter().find(|row| **row as usize >= self.ids.len()) {
            return Err(Error::argument(format!(
                "a spike belongs to cell {row}, but there are {} only",
                plural(self.ids.len(), "cell")
            )));
        }
        self.groups.map_or(Ok(()), |groups| groups.check(self.ids.len()))
    }
}

pub(super) fn check_window((start, end): (f64, f64)) -> Result<()> {
    if start.is_finite() && end.is_finite() && start < end {
        return Ok(());
    }
    Err(Error::argument(format!("a window from {start} to {end} ms spans no time")))
}

/// Firing rates of groups of cells over time.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    /// What the groups differ in: `layer`. May be empty.
    pub label: String,
    /// The rising edges of the bins (ms): one more than rates.
    pub edges: Vec<f64>,
    /// The name of each group, and its rate (Hz) in each bin.
    pub groups: Vec<(String, Vec<f64>)>,
}

impl Rates {
    pub(super) fn check(&self) -> Result<()> {
        if self.groups.is_empty() || self.edges.len() < 2 {
            return Err(Error::argument("there are no rates to draw"));
        }
        for (name, rates) in &self.groups {
            let what = if name.is_empty() { "rates".to_owned() } else { format!("rates of `{name}`") };
            same(&what, rates.len(), "bins", self.edges.len() - 1)?;
        }
        Ok(())
    }

    pub(super) fn window(&self) -> (f64, f64) {
        (self.edges.first().copied().unwrap_or(0.0), self.edges.last().copied().unwrap_or(0.0))
    }
}

/// A stroke for each spike: time against cell, over the whole window. Cells of groups are ordered and coloured by them,
/// the first group on top; without groups the axis tells their ids. More than 20,000 spikes are drawn as an image, and
/// a note says so.
///
/// # Errors
/// When there are no spikes in the window, or lengths do not agree.
pub fn raster(spikes: &Raster<'_>) -> Result<Figure> {
    spikes.check()?;
    let (start, end) = spikes.window;
    let inside = |t: f64| t >= start && t <= end;
    let shown = spikes.times.iter().filter(|t| inside(**t)).count();
    if shown == 0 {
        return Err(if spikes.times.is_empty() {
            Error::argument("there are no spikes to draw")
                .help("are there spikes of these cells in this window?")
        } else {
            let (from, to) = (short(start), short(end));
            Error::argument(format!("there are no spikes to draw between {from} and {to} ms"))
        });
    }
    let places = places(spikes);
    let here = || spikes.times.iter().zip(spikes.rows).filter(|(t, _)| inside(**t));
    // A cell fills the row from its place to the next.
    let y = here().map(|(_, row)| f64::from(places[*row as usize]) + 0.5).collect();
    let colour = spikes.groups.map_or(Colouring::Series, |groups| {
        let (names, place) = groups.present();
        let of = here().map(|(_, row)| place[groups.of[*row as usize] as usize]).collect();
        Colouring::Category { label: groups.label.to_owned(), names, of }
    });
    let x = here().map(|(t, _)| *t).collect();
    let dots = Layer::Scatter { name: String::new(), x, y, colour, marker: Marker::Tick };
    let x = Axis { limits: Some(spikes.window), ..time() };
    let mut figure = Figure::new(x, cells_axis(spikes)).layer(dots);
    if shown < spikes.times.len() {
        let outside = plural(spikes.times.len() - shown, "spike");
        figure = figure.note(format!("{outside} outside of the window: not shown"));
    }
    Ok(figure)
}

/// Where each cell stands: in its own order, or group after group.
fn places(spikes: &Raster<'_>) -> Vec<u32> {
    let n = spikes.ids.len() as u32;
    let Some(groups) = spikes.groups else { return (0..n).collect() };
    let mut order: Vec<u32> = (0..n).collect();
    order.sort_by_key(|row| groups.of[*row as usize]);
    let mut places = vec![0; order.len()];
    (0..).zip(order).for_each(|(place, row): (u32, u32)| places[row as usize] = place);
    places
}

/// The axis of cells: their ids from bottom to top, or how many they are, from the first group on top downwards.
fn cells_axis(spikes: &Raster<'_>) -> Axis {
    let n = spikes.ids.len();
    let every = round_step(n, if spikes.groups.is_some() || n > 25 { 8 } else { 25 });
    if let Some(groups) = spikes.groups {
        let ticks = (0..=n).step_by(every).map(|k| (k as f64, crate::plot::count(k))).collect();
        let label = format!("cells by {}", groups.label);
        return Axis { limits: Some((n as f64, 0.0)), ticks, ..Axis::new(label, "") };
    }
    let written = |row: usize| merged::id_text(spikes.ids[row], spikes.populations);
    let ticks = (0..n).step_by(every).map(|row| (row as f64 + 0.5, written(row))).collect();
    Axis { limits: Some((0.0, n as f64)), ticks, ..Axis::new("cell", "") }
}

/// The smallest of 1, 2, 5, 10, 20 … that cuts `n` into `most` pieces at most.
fn round_step(n: usize, most: usize) -> usize {
    let mut decade = 1_usize;
    loop {
        for step in [1, 2, 5].map(|k| k * decade) {
            if n / step <= most {
                return step;
            }
        }
        decade *= 10;
    }
}

/// Firing rates over time as steps (a peristimulus time histogram): a line for each group, and an upright one at each
/// time (ms) of a stimulus.
///
/// # Errors
/// When there are no rates, or their lengths do not agree with the bins.
pub fn psth(rates: &Rates, stimuli: &[f64]) -> Result<Figure> {
    rates.check()?;
    let x = Axis { limits: Some(rates.window()), ..time() };
    let mut figure = Figure::new(x, Axis::new("firing rate", "Hz"));
    let alone = rates.groups.len() == 1;
    if !alone {
        figure.heading.clone_from(&rates.label);
    }
    for (name, values) in &rates.groups {
        let name = if alone { String::new() } else { name.clone() };
        figure = figure.layer(Layer::steps(rates.edges.clone(), values.clone()).named(name));
    }
    Ok(with_stimuli(figure, stimuli, "stimulus"))
}

/// An upright line at each time of a stimulus; the first one says what they are.
pub(super) fn with_stimuli(figure: Figure, stimuli: &[f64], label: &str) -> Figure {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    stimuli
        .iter()
        .zip(labels)
        .fold(figure, |figure, (x, label)| figure.layer(Layer::VLine { x: *x, label: label.to_owned() }))
}

/// How a time between two spikes of a cell is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interval {
    /// As it is (ms).
    #[default]
    Time,
    /// As the rate 1000 / interval (Hz).
    Rate,
}

/// Numbers that span more than this ratio stand on a logarithmic axis.
const WIDE: f64 = 100.0;

/// A histogram of the times between two spikes of a cell (ms), on a logarithmic axis where they span more than two
/// decades.
///
/// # Errors
/// When there are no intervals.
pub fn isi(intervals: &[f64], shown: Interval) -> Result<Figure> {
    if intervals.is_empty() {
        return Err(Error::argument("there are no intervals to draw").help("a cell that fires once has none"));
    }
    let (axis, values): (Axis, Vec<f64>) = match shown {
        Interval::Time => (Axis::new("interval between spikes", "ms"), intervals.to_vec()),
        Interval::Rate => {
            let rate = |isi: &f64| 1000.0 / isi;
            (Axis::new("instantaneous firing rate", "Hz"), intervals.iter().map(rate).collect())
        }
    };
    let positive = || values.iter().copied().filter(|v| *v > 0.0 && v.is_finite());
    let (low, high) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
    let log = high > WIDE * low;
    let kept: Vec<f64> = if log {
        positive().map(f64::log10).collect()
    } else {
        values.iter().copied().filter(|v| v.is_finite()).collect()
    };
    if kept.is_empty() {
        return Err(Error::argument("no interval is above zero, so that none has a rate"));
    }
    let found = statistics::histogram(&kept, &Bins::Auto)?;
    let edges = if log { found.edges.iter().map(|e| 10_f64.powf(*e)).collect() } else { found.edges };
    let counts = found.counts.iter().map(|n| *n as f64).collect();
    let x = Axis { scale: if log { Scale::Log } else { Scale::Linear }, ..axis };
    let figure = Figure::new(x, Axis::new("intervals", "")).layer(Layer::histogram(edges, counts));
    let lost = values.len() - kept.len();
    Ok(match (lost, shown) {
        (0, _) => figure,
        (_, Interval::Time) => {
            figure.note(format!("{} of 0 ms: no place on a logarithmic axis", plural(lost, "interval")))
        }
        (_, Interval::Rate) => figure.note(format!("{} of 0 ms: no rate", plural(lost, "interval"))),
    })
}

/// Firing rates above the spikes that they are of, on one axis of time.
///
/// # Errors
/// As [`psth`] and [`raster`].
pub fn raster_with_psth(spikes: &Raster<'_>, rates: &Rates, stimuli: &[f64]) -> Result<Figure> {
    let mut above = psth(rates, stimuli)?.xlim(spikes.window.0, spikes.window.1)?;
    let below = with_stimuli(raster(spikes)?, stimuli, "");
    // The colours are explained once, beside the spikes if these have them too.
    above.legend = if spikes.groups.is_some() { Legend::Hidden } else { Legend::Outside };
    let panel = |height: f64| Panel { height, ..Panel::default() };
    Figure::stack(vec![vec![above.panel(panel(0.7))], vec![below.panel(panel(1.7))]])
}

/// How long after a stimulus cells answer, layer by layer as they lie in the cortex: the first layer on top, a box for
/// each class of cells (Figure 20 of Markram et al. 2015, Cell 163). `classes` are names with the latencies (ms) of
/// their cells in each layer; a cell that did not answer has none, or NaN.
///
/// # Errors
/// When there are no latencies, or a class does not have as many layers as there are names.
pub fn latency_boxes(layers: &[String], classes: &[(String, Vec<Vec<f64>>)]) -> Result<Figure> {
    let mut silent = 0;
    let mut figure = Figure::new(Axis::new("response latency", "ms"), Axis::names("layer", layers.to_vec()));
    let mut answered: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, latencies) in classes {
        same(&format!("layers of `{name}`"), latencies.len(), "names of layers", layers.len())?;
        let boxes: Vec<_> = latencies
            .iter()
            .map(|all| {
                let finite: Vec<f64> = all.iter().copied().filter(|v| v.is_finite()).collect();
                silent += all.len() - finite.len();
                *answered.entry(name).or_default() += finite.len();
                box_stats(&finite)
            })
            .collect();
        figure = figure.layer(Layer::Boxes { name: name.clone(), boxes, horizontal: true });
    }
    if answered.values().sum::<usize>() == 0 {
        return Err(Error::argument("there are no latencies to draw")
            .help("does any cell fire between the stimulus and the end of the window?"));
    }
    let names: Vec<&str> = classes.iter().map(|(name, _)| name.as_str()).collect();
    figure = figure.note(format!("n: cells that answered, {}", names.join(" | ")));
    if silent > 0 {
        figure = figure.note(format!("{} did not answer", plural(silent, "cell")));
    }
    figure.legend = Legend::Outside;
    Ok(figure)
}
