//! `Figure`: what is drawn.

use std::path::Path;

use rhai::{Array, Dynamic, NativeCallContext};

use super::table::Rows;
use crate::analysis::figures::{self, Animation};
use crate::diag::{Error, Result};
use crate::model::SparseMatrix;
use crate::plot::Figure;
use crate::query::Table;
use crate::script::args::{count, expression, number};
use crate::script::registry::{Answer, Api};
use crate::script::saving;

pub(super) fn default_plot(table: &Table) -> Result<Figure> {
    figures::default_figure(table)
}

pub(super) fn matrix(of: &SparseMatrix) -> Result<Figure> {
    figures::matrix(of)
}

pub(super) fn scatter(table: &Table, x: &str, y: &str, colour: Option<&str>) -> Result<Figure> {
    figures::scatter(table, x, y, colour)
}

/// The figures that can be asked of anything with rows, by name.
pub(super) fn register_plots<T: Rows>(api: &mut Api) {
    api.call(
        "plot_hist(column, bins) -> Figure",
        "A histogram; the number of bins follows from the values, if none is given.",
        "circuit.synapses().plot_hist(\"delay\", 40)",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic, bins: i64| -> Answer<Figure> {
            let bins = count(bins, "a number of bins")?;
            Ok(figures::histogram(t.table(), &expression(&ctx, &c)?, Some(bins))?)
        },
    );
    api.also("plot_hist", |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<Figure> {
        Ok(figures::histogram(t.table(), &expression(&ctx, &c)?, None)?)
    });
    api.call(
        "plot_bar(x, y) -> Figure",
        "A bar of height `y` for each `x`.",
        "circuit.cells.by(\"mtype\").count().plot_bar(\"mtype\", \"count\")",
        |t: &mut T, x: &str, y: &str| -> Answer<Figure> { Ok(figures::bars(t.table(), x, y)?) },
    );
    api.call(
        "plot_line(x, y) -> Figure",
        "A line through the rows in their order.",
        "circuit.synapses().histogram(\"delay\", 40).plot_line(\"low\", \"count\")",
        |t: &mut T, x: &str, y: &str| -> Answer<Figure> { Ok(figures::line(t.table(), x, y)?) },
    );
    api.call(
        "plot_scatter(x, y, colour) -> Figure",
        "A point for each row; coloured by a third column, if one is given. Very many points are drawn as an image, \
         and the figure says so.",
        "circuit.cells.plot_scatter(\"x\", \"y\", \"layer\")",
        |t: &mut T, x: &str, y: &str, colour: &str| -> Answer<Figure> {
            Ok(figures::scatter(t.table(), x, y, Some(colour))?)
        },
    );
    api.also("plot_scatter", |t: &mut T, x: &str, y: &str| -> Answer<Figure> {
        Ok(figures::scatter(t.table(), x, y, None)?)
    });
    api.call(
        "plot_box(column, by) -> Figure",
        "A box for each value of `by`: median, quartiles, whiskers to the last value within 1.5 quartile distances \
         (Tukey), and what lies beyond.",
        "circuit.synapses().plot_box(\"conductance\", \"pre.synapse_class\")",
        |t: &mut T, c: &str, by: &str| -> Answer<Figure> { Ok(figures::boxes(t.table(), c, by)?) },
    );
    api.call(
        "plot_heatmap(row, column, value) -> Figure",
        "A coloured cell for each pair of values of two columns.",
        "circuit.synapses().by([\"pre.layer\", \"post.layer\"]).count().plot_heatmap(\"pre.layer\", \"post.layer\", \"count\")",
        |t: &mut T, row: &str, column: &str, value: &str| -> Answer<Figure> {
            Ok(figures::heatmap(t.table(), row, column, value)?)
        },
    );
}

/// Figures that need columns of a certain meaning.
pub(super) fn register_plots_by_meaning<T: Rows>(api: &mut Api) {
    api.call(
        "plot_pie(names, counts) -> Figure",
        "A slice for each name. Slices below two per cent are gathered, and a note says which.",
        "circuit.cells(\"Layer5\").by(\"mtype\").count().plot_pie(\"mtype\", \"count\")",
        |t: &mut T, names: &str, counts: &str| -> Answer<Figure> {
            Ok(figures::pie_of(t.table(), names, counts)?)
        },
    );
    api.call(
        "plot_latencies(latency, layer, class) -> Figure",
        "How soon cells answer a stimulus: a box for each class in each layer, the layers stacked as they lie in the cortex \
         (Markram et al. 2015, figure 20).",
        "sim.spikes.latency(700, 50).plot_latencies(\"latency\", \"layer\", \"synapse_class\")",
        |t: &mut T, latency: &str, layer: &str, class: &str| -> Answer<Figure> {
            Ok(figures::latencies_of(t.table(), latency, layer, class)?)
        },
    );
}

/// The words of an animation.
fn register_animation(api: &mut Api) {
    api.on::<Animation>("Animation");
    let example = "sim.firing_animation(#{dt: 5}).describe()";
    api.call("describe() -> text", "The animation in one line.", example, |a: &mut Animation| {
        a.describe().to_owned()
    });
    api.call(
        "save(path) -> text",
        "Writes it as a page for the browser (`.html`), which needs nothing else. Gives the path.",
        "sim.firing_animation(#{dt: 5}).save(\"firing.html\")",
        |a: &mut Animation, path: &str| -> Answer<String> { Ok(saving::save_animation(a, Path::new(path))?) },
    );
}

pub(super) fn register(api: &mut Api) {
    register_animation(api);
    api.on::<Figure>("Figure");
    let example = "circuit.cells.by(\"layer\").count().plot().title(\"Cells\")";
    api.call("title(text) -> Figure", "The same with a title.", example, |f: &mut Figure, text: &str| {
        f.clone().title(text)
    });
    api.call(
        "xlabel(text) -> Figure",
        "The same with a label at the horizontal axis.",
        example,
        |f: &mut Figure, text: &str| f.clone().xlabel(text),
    );
    api.call(
        "ylabel(text) -> Figure",
        "The same with a label at the vertical axis.",
        example,
        |f: &mut Figure, text: &str| f.clone().ylabel(text),
    );
    api.call(
        "xlim(from, to) -> Figure",
        "The same with limits of the horizontal axis.",
        example,
        |f: &mut Figure, a: Dynamic, b: Dynamic| -> Answer<Figure> {
            Ok(f.clone().xlim(number(&a)?, number(&b)?)?)
        },
    );
    api.call(
        "ylim(from, to) -> Figure",
        "The same with limits of the vertical axis.",
        example,
        |f: &mut Figure, a: Dynamic, b: Dynamic| -> Answer<Figure> {
            Ok(f.clone().ylim(number(&a)?, number(&b)?)?)
        },
    );
    api.call(
        "xscale(name) -> Figure",
        "A `linear` or `log` horizontal axis.",
        example,
        |f: &mut Figure, name: &str| -> Answer<Figure> { Ok(f.clone().xscale(name)?) },
    );
    api.call(
        "yscale(name) -> Figure",
        "A `linear` or `log` vertical axis.",
        example,
        |f: &mut Figure, name: &str| -> Answer<Figure> { Ok(f.clone().yscale(name)?) },
    );
    api.call(
        "size(width, height) -> Figure",
        "The same in another size, in pixels.",
        example,
        |f: &mut Figure, w: i64, h: i64| -> Answer<Figure> {
            let side = |n: i64| {
                u32::try_from(n).map_err(|_| Error::argument(format!("{n} is not a size in pixels")))
            };
            Ok(f.clone().size(side(w)?, side(h)?)?)
        },
    );
    api.call(
        "theme(name) -> Figure",
        "The same in another look: `light`, `dark`, `print`.",
        example,
        |f: &mut Figure, name: &str| -> Answer<Figure> { Ok(f.clone().theme(name)?) },
    );
    api.call(
        "overlay(other) -> Figure",
        "Another figure drawn into the same axes.",
        example,
        |f: &mut Figure, other: Figure| -> Answer<Figure> { Ok(f.clone().overlay(other)?) },
    );
    api.call("describe() -> text", "The figure in one line.", example, |f: &mut Figure| f.describe());
    api.call(
        "save(path) -> text",
        "Draws the figure into a file: `.png` or `.svg`. The file is written whole or not at all. Gives the path.",
        "circuit.cells.by(\"layer\").count().plot().save(\"layers.svg\")",
        |f: &mut Figure, path: &str| -> Answer<String> { Ok(saving::save_figure(f, Path::new(path))?) },
    );
    api.functions();
    api.call(
        "grid([[a, b], [c, d]]) -> Figure",
        "Several figures in rows, as the panels of one.",
        "grid([[circuit.cells.by(\"layer\").count().plot(), circuit.synapses().plot_hist(\"delay\")]])",
        |rows: Array| -> Answer<Figure> {
            let figure = |v: &Dynamic| {
                let figure = v.read_lock::<Figure>().map(|f| f.clone());
                figure.ok_or_else(|| Error::argument(format!("`{v}` is not a figure")))
            };
            let row = |r: &Dynamic| match r.read_lock::<Array>() {
                Some(figures) => figures.iter().map(figure).collect::<Result<Vec<_>>>(),
                None => Ok(vec![figure(r)?]),
            };
            Ok(Figure::grid(rows.iter().map(row).collect::<Result<Vec<_>>>()?)?)
        },
    );
}
