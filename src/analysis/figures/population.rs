//! A simulation on one page.

use super::activity::{Raster, Rates, psth, raster, with_stimuli};
use super::traces::{MeanTrace, Trace, limits, mean_traces};
use super::{plural, same};
use crate::diag::{Error, Result};
use crate::plot::{Axis, Colouring, Figure, Layer, Legend, Panel};

/// More groups do not stand beside each other on a page.
const COLUMNS: usize = 6;
/// More single traces of a group do not stand below each other on a page.
const TRACES: usize = 8;

/// One group of cells in a [`population_summary`].
#[derive(Clone, Debug)]
pub struct Population<'a> {
    /// Its name.
    pub name: String,
    /// Its spikes.
    pub spikes: Raster<'a>,
    /// Its firing rate (Hz) in each bin.
    pub rate: Vec<f64>,
    /// What was recorded of a few of its cells; may be empty.
    pub traces: Vec<Trace<'a>>,
}

/// A page on a simulation: on top the mean of what was recorded; below, for each group, its firing rate, its spikes and
/// a few single traces. All on one axis of time, rates and traces to one scale. `edges` (ms) are the bins of all rates.
///
/// # Errors
/// When there are no groups or too many for a page, a group has no spikes, or lengths do not agree.
pub fn population_summary(
    means: &[MeanTrace<'_>],
    groups: &[Population<'_>],
    edges: &[f64],
    stimuli: &[f64],
    of: &Axis,
) -> Result<Figure> {
    check(groups)?;
    let top = with_stimuli(mean_traces(means, of)?, stimuli, "stimulus");
    let panel = |height: f64| Panel { height, ..Panel::default() };
    let most =
        groups.iter().flat_map(|group| &group.rate).copied().filter(|r| r.is_finite()).fold(0.0, f64::max);
    let highest = if most > 0.0 { most * 1.05 } else { 1.0 };
    let mut rates_row = Vec::new();
    let mut spikes_row = Vec::new();
    for group in groups {
        let name = |error: Error| error.help(format!("in the group `{}`", group.name));
        let rates = Rates {
            label: String::new(),
            edges: edges.to_vec(),
            groups: vec![(group.name.clone(), group.rate.clone())],
        };
        let mut above = with_stimuli(psth(&rates, &[]).map_err(name)?, stimuli, "");
        // The colour of a group is the same in all of its panels.
        above.layers = above
            .layers
            .iter()
            .map(|layer| match &**layer {
                Layer::Steps { .. } => layer.as_ref().clone().named(&*group.name).into(),
                _ => layer.clone(),
            })
            .collect();
        above.y.limits = Some((0.0, highest));
        above.legend = Legend::Hidden;
        let cells = plural(group.spikes.ids.len(), "cell");
        rates_row.push(above.title(format!("{} ({cells})", group.name)).panel(panel(0.6)));
        let mut below = with_stimuli(raster(&group.spikes).map_err(name)?, stimuli, "");
        if group.spikes.groups.is_none() {
            below.layers = below.layers.iter().map(|layer| in_colour(layer, &group.name)).collect();
            below.legend = Legend::Hidden;
        }
        spikes_row.push(below.panel(panel(1.5)));
    }
    let mut rows = vec![vec![top.panel(Panel { wide: true, ..panel(0.8) })], rates_row, spikes_row];
    rows.extend(single_traces(groups, of));
    for row in rows.iter_mut().skip(1) {
        // What stands at an axis is told once in each row.
        row.iter_mut().skip(1).for_each(|figure| figure.y.label.clear());
        row.iter_mut().skip(1).for_each(|figure| figure.y.unit.clear());
    }
    Figure::stack(rows)
}

fn check(groups: &[Population<'_>]) -> Result<()> {
    if groups.is_empty() {
        return Err(Error::argument("a summary needs at least one group of cells"));
    }
    if groups.len() > COLUMNS {
        return Err(Error::argument(format!("{} groups do not fit on one page", groups.len()))
            .help(format!("choose up to {COLUMNS}")));
    }
    for group in groups {
        if group.traces.len() > TRACES {
            return Err(Error::argument(format!(
                "{} single traces of `{}` do not fit on one page",
                group.traces.len(),
                group.name
            ))
            .help(format!("choose up to {TRACES} cells")));
        }
        for trace in &group.traces {
            same(&format!("times of `{}`", trace.name), trace.t.len(), "values", trace.values.len())?;
        }
    }
    Ok(())
}

/// The points of a layer as a series with a name, so that they have its colour.
fn in_colour(layer: &std::sync::Arc<Layer>, name: &str) -> std::sync::Arc<Layer> {
    match &**layer {
        Layer::Scatter { colour: Colouring::Series, .. } => layer.as_ref().clone().named(name).into(),
        _ => layer.clone(),
    }
}

/// Rows of thin panels: the first trace of each group, the second of each …
fn single_traces(groups: &[Population<'_>], of: &Axis) -> Vec<Vec<Figure>> {
    let limits = limits(groups.iter().flat_map(|group| &group.traces));
    let rows = groups.iter().map(|group| group.traces.len()).max().unwrap_or(0);
    let unit = if of.unit.is_empty() { &of.label } else { &of.unit };
    let y = Axis { limits, ..Axis::new(unit.clone(), "") };
    let panel = |row: usize, group: &Population<'_>| {
        let figure = Figure::new(super::time(), y.clone());
        let Some(trace) = group.traces.get(row) else {
            return Figure { bare: true, ..figure };
        };
        let line = Layer::line(trace.t.to_vec(), trace.values.to_vec()).named(&*group.name);
        let label = format!("{}\n{}", trace.name, trace.kind).trim_end().to_owned();
        let figure = figure.layer(line).panel(Panel { label, height: 0.3, wide: false });
        Figure { legend: Legend::Hidden, ..figure }
    };
    (0..rows).map(|row| groups.iter().map(|group| panel(row, group)).collect()).collect()
}
