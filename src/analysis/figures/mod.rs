//! Which figure numbers become: tables by their columns, and the figures of the field for simulations and positions.

mod table;

pub use table::{bars, boxes, default_figure, heatmap, histogram, line, matrix, scatter};
