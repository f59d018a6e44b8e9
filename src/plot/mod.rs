//! Figures: [`Figure`] says what is shown, as plain data; [`Figure::to_png`] and [`Figure::to_svg`] draw it.
//!
//! ```text
//! Figure ─▶ axes, key ─▶ layout ─▶ draw, pixels ─▶ scene ─▶ png, svg
//!           ranges       places     layers           marks    bytes
//! ```
//!
//! Both renderers hand the same marks to a backend of plotters, measured with one embedded font, so that a figure looks
//! the same everywhere.
//! What has no place on the axes, or is too much to be drawn one by one, is told in a note below the axes.
//!
//! ```
//! use neurhai::plot::{Axis, Figure, Layer};
//!
//! let figure = Figure::new(Axis::new("delay", "ms"), Axis::new("synapses", "")).layer(Layer::Histogram {
//!     name: String::new(),
//!     edges: vec![0.0, 1.0, 2.0, 3.0],
//!     counts: vec![10.0, 40.0, 5.0],
//! });
//! assert_eq!(figure.describe(), "histogram of delay (ms), 3 bins, 55 values");
//! let svg = figure.title("Delays").theme("print")?.to_svg()?;
//! assert!(svg.contains("delay (ms)"));
//! # Ok::<(), neurhai::Error>(())
//! ```

// Colours are written as everywhere else: six digits together.
#![allow(clippy::unreadable_literal)]

mod axes;
mod draw;
mod figure;
mod font;
mod ink;
mod key;
mod layer;
mod layout;
mod legend;
mod palette;
mod paths;
mod pixels;
mod png;
mod render;
mod scene;
mod svg;
mod theme;
mod ticks;

#[cfg(test)]
mod tests;

pub use figure::{Axis, Figure, Legend, Panel, Scale};
pub use layer::{Bins, BoxStats, Colouring, Colours, Layer, Marker, Values};
pub use scene::Anchor;
pub use theme::Theme;
pub(crate) use ticks::{count, short};
