//! Which figure numbers become: tables by their columns, and the figures of the field for simulations and positions.
//!
//! | file | figures |
//! |---|---|
//! | `table` | what a table with such columns shows |
//! | `activity` | spikes: rasters, rates, intervals, latencies |
//! | `traces` | what was recorded over time: lines, means, a panel for each cell, voltages as a heat map |
//! | `population` | a page with traces, rates and spikes of some groups of cells |
//! | `space` | positions in perspective |
//! | `animation` | a page for the browser on which cells light up when they fire |
//!
//! All take slices, not files. Times are in ms; rows count cells `0..n`; a figure never leaves out data without a note.

mod activity;
mod animation;
mod population;
mod space;
mod table;
mod traces;

pub use activity::{Groups, Interval, Raster, Rates, isi, latency_boxes, psth, raster, raster_with_psth};
pub use animation::{Animation, Firing, firing_animation};
pub use population::{Population, population_summary};
pub use space::{View, positions_3d};
pub use table::{
    bars, boxes, default_figure, heatmap, histogram, latencies_of, line, matrix, pie, pie_of,
    positions_in_space, scatter,
};
pub use traces::{
    MeanTrace, Trace, VoltageHistogram, collage, mean_traces, quantity, traces, traces_by_group,
};

use crate::diag::{Error, Result};
use crate::plot::{Axis, count};

/// The axis of time.
fn time() -> Axis {
    Axis::new("time", "ms")
}

/// An error where two lengths that belong together differ.
fn same(what: &str, a: usize, than: &str, b: usize) -> Result<()> {
    if a == b {
        return Ok(());
    }
    Err(Error::argument(format!("there are {} {what} and {} {than}", count(a), count(b))))
}

/// `1 spike`, `2 spikes`.
fn plural(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
