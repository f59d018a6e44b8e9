//! The kinds of things that stand between the axes, with their data.

use super::figure::{Move, plural, with_unit};
use super::ticks::{count, short};
use super::{Anchor, Axis, Figure};
use crate::diag::{Error, Result};

/// The five numbers of a box, with what lies outside its whiskers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BoxStats {
    /// The end of the lower whisker.
    pub low: f64,
    /// The lower quartile.
    pub q1: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub q3: f64,
    /// The end of the upper whisker.
    pub high: f64,
    /// Values beyond the whiskers.
    pub outliers: Vec<f64>,
    /// How many values there are; 0 leaves the place empty.
    pub n: usize,
}

/// How points get their colours.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Colouring {
    /// All the same.
    #[default]
    Series,
    /// By a name: `of[i]` is the index in `names` of the `i`th point.
    Category {
        /// The heading of the legend: `layer`.
        label: String,
        /// The names, in the order of the legend.
        names: Vec<String>,
        /// One index for each point.
        of: Vec<u32>,
    },
    /// By a number, with a colour bar.
    Value {
        /// What the colour shows: `depth`.
        label: String,
        /// Its unit, may be empty.
        unit: String,
        /// One value for each point.
        of: Vec<f64>,
    },
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marker {
    /// A disc.
    #[default]
    Dot,
    /// An upright stroke, as in a raster of spikes; as high as one unit of the vertical axis, within reason.
    Tick,
}

/// The rows or columns of a heat map.
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// One for each name of the axis.
    Names,
    /// Equal steps: `n` of `width` from `start`.
    Even {
        /// The lower edge of the first.
        start: f64,
        /// The width of each.
        width: f64,
        /// How many.
        n: usize,
    },
    /// One more edge than there are rows or columns, rising.
    Edges(Vec<f64>),
}

impl Bins {
    /// How many there are on this axis.
    pub fn len(&self, axis: &Axis) -> usize {
        match self {
            Bins::Names => axis.categories().map_or(0, <[String]>::len),
            Bins::Even { n, .. } => *n,
            Bins::Edges(edges) => edges.len().saturating_sub(1),
        }
    }

    /// The `i`th edge in the axis' values; an axis of names has its edges half way between them.
    pub(super) fn edge(&self, i: usize) -> f64 {
        match self {
            Bins::Names => i as f64 - 0.5,
            Bins::Even { start, width, .. } => start + width * i as f64,
            Bins::Edges(edges) => edges.get(i).copied().unwrap_or(f64::NAN),
        }
    }
}

/// The numbers of a heat map.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Row after row; NaN is an empty cell.
    Dense(Vec<f64>),
    /// Row, column and value of the cells that are not empty.
    Sparse(Vec<(u32, u32, f64)>),
}

impl Values {
    /// The cells that have a finite value, as row, column and value.
    pub(super) fn cells(&self, columns: usize) -> Box<dyn Iterator<Item = (usize, usize, f64)> + '_> {
        match self {
            Values::Dense(all) => Box::new(
                all.iter()
                    .enumerate()
                    .filter(|(_, v)| v.is_finite())
                    .map(move |(i, v)| (i / columns.max(1), i % columns.max(1), *v)),
            ),
            Values::Sparse(cells) => Box::new(
                cells
                    .iter()
                    .filter(|(_, _, v)| v.is_finite())
                    .map(|(r, c, v)| (*r as usize, *c as usize, *v)),
            ),
        }
    }
}

/// How a heat map's numbers become colours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Colours {
    /// From the smallest to the largest value.
    #[default]
    Linear,
    /// By the logarithm; only values above zero have a colour.
    Log,
    /// Both ways from this value, which is white.
    Diverging(f64),
}

/// One thing between the axes. A `name` may be empty; named things stand in the legend.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// Counts (or densities) of bins: one more edge than counts.
    Histogram {
        /// The name in the legend.
        name: String,
        /// The rising edges of the bins.
        edges: Vec<f64>,
        /// One number for each bin.
        counts: Vec<f64>,
    },
    /// A bar for each name of an axis. Several of these layers stand beside each other, or on each other in a stacked
    /// figure.
    Bars {
        /// The name in the legend.
        name: String,
        /// One value for each name; NaN for none.
        values: Vec<f64>,
        /// The lower and upper end of each error bar, or empty.
        errors: Vec<(f64, f64)>,
        /// The names stand on the vertical axis.
        horizontal: bool,
    },
    /// A line through points, in their order. NaN interrupts it.
    Line {
        /// The name in the legend.
        name: String,
        /// Horizontal positions.
        x: Vec<f64>,
        /// Vertical positions.
        y: Vec<f64>,
        /// The lower end of the error of each point, or empty.
        lower: Vec<f64>,
        /// The upper end of the error of each point, or empty.
        upper: Vec<f64>,
        /// The points are marked, and the errors are bars instead of a band.
        markers: bool,
    },
    /// Many lines of one colour, thin and translucent, so that one sees where most of them run.
    Bundle {
        /// The name in the legend.
        name: String,
        /// The horizontal and the vertical positions of each line. A vertical NaN interrupts it.
        lines: Vec<(Vec<f64>, Vec<f64>)>,
    },
    /// A line that is level within each bin: one more edge than values.
    Steps {
        /// The name in the legend.
        name: String,
        /// The rising edges of the bins.
        edges: Vec<f64>,
        /// One value for each bin.
        values: Vec<f64>,
    },
    /// Points.
    Scatter {
        /// The name in the legend.
        name: String,
        /// Horizontal positions.
        x: Vec<f64>,
        /// Vertical positions.
        y: Vec<f64>,
        /// How they get their colours.
        colour: Colouring,
        /// Their shape.
        marker: Marker,
    },
    /// A box for each name of an axis.
    Boxes {
        /// The name in the legend.
        name: String,
        /// One for each name.
        boxes: Vec<BoxStats>,
        /// The names stand on the vertical axis.
        horizontal: bool,
    },
    /// Coloured cells with a colour bar. Rows with names stand from top to bottom, rows with numbers from bottom to top.
    Heatmap {
        /// The columns, along the horizontal axis.
        columns: Bins,
        /// The rows, along the vertical axis.
        rows: Bins,
        /// The numbers.
        values: Values,
        /// What the colour shows: `connection probability`.
        label: String,
        /// Its unit, may be empty.
        unit: String,
        /// How numbers become colours.
        colours: Colours,
    },
    /// Strokes with a thickness, as the branches of a neuron.
    Segments {
        /// From x, y, to x, y, and the thickness, all in the units of the axes.
        segments: Vec<[f64; 5]>,
        /// The kinds of strokes: `axon`, `basal dendrite`.
        names: Vec<String>,
        /// For each stroke the index of its kind in `names`; empty where there are no kinds.
        of: Vec<u32>,
    },
    /// Thin straight lines in the ink of the axes: the edges of a box, borders between groups.
    Rules {
        /// From x, y, to x, y.
        lines: Vec<[f64; 4]>,
    },
    /// Shares of a whole, clockwise from the top. A figure with a pie has no axes.
    Pie {
        /// The names of the slices.
        names: Vec<String>,
        /// Their sizes, in any unit.
        values: Vec<f64>,
    },
    /// A line across the axes at this horizontal position.
    VLine {
        /// The position.
        x: f64,
        /// Written beside it, may be empty.
        label: String,
    },
    /// A line across the axes at this height.
    HLine {
        /// The height.
        y: f64,
        /// Written on it, may be empty.
        label: String,
    },
    /// A shaded range of the horizontal axis, behind everything, as the time of a stimulus.
    Span {
        /// Where it begins.
        from: f64,
        /// Where it ends.
        to: f64,
        /// Written at its top, may be empty.
        label: String,
    },
    /// A word at a position.
    Text {
        /// Horizontal position.
        x: f64,
        /// Height of its middle.
        y: f64,
        /// The word.
        text: String,
        /// Which part of it stands at the horizontal position.
        anchor: Anchor,
    },
}

/// Values beyond this size have no place on an axis: differences of them would overflow.
const FAR: f64 = 1e150;

/// Whether a value can be drawn on an axis.
pub(super) fn drawable(v: f64, log: bool) -> bool {
    v.abs() < FAR && (!log || v > 1e-150)
}

impl Layer {
    /// The name in the legend; `None` for what is not a single series.
    pub fn name(&self) -> Option<&str> {
        match self {
            Layer::Histogram { name, .. }
            | Layer::Bars { name, .. }
            | Layer::Line { name, .. }
            | Layer::Bundle { name, .. }
            | Layer::Steps { name, .. }
            | Layer::Boxes { name, .. }
            | Layer::Scatter { name, colour: Colouring::Series | Colouring::Value { .. }, .. } => Some(name),
            _ => None,
        }
    }

    /// The names of all series in it, for the legend.
    pub(super) fn series(&self) -> &[String] {
        match self {
            Layer::Histogram { name, .. }
            | Layer::Bars { name, .. }
            | Layer::Line { name, .. }
            | Layer::Bundle { name, .. }
            | Layer::Steps { name, .. }
            | Layer::Boxes { name, .. }
            | Layer::Scatter { name, colour: Colouring::Series, .. } => std::slice::from_ref(name),
            Layer::Scatter { colour: Colouring::Category { names, .. }, .. }
            | Layer::Segments { names, .. }
            | Layer::Pie { names, .. } => names,
            _ => &[],
        }
    }

    /// Counts (or densities) of bins between rising edges.
    pub fn histogram(edges: Vec<f64>, counts: Vec<f64>) -> Self {
        Layer::Histogram { name: String::new(), edges, counts }
    }

    /// An upright bar for each name of the horizontal axis.
    pub fn bars(values: Vec<f64>) -> Self {
        Layer::Bars { name: String::new(), values, errors: Vec::new(), horizontal: false }
    }

    /// A line through points.
    pub fn line(x: Vec<f64>, y: Vec<f64>) -> Self {
        Layer::Line { name: String::new(), x, y, lower: Vec::new(), upper: Vec::new(), markers: false }
    }

    /// A line that is level between rising edges.
    pub fn steps(edges: Vec<f64>, values: Vec<f64>) -> Self {
        Layer::Steps { name: String::new(), edges, values }
    }

    /// Points of one colour.
    pub fn scatter(x: Vec<f64>, y: Vec<f64>) -> Self {
        Layer::Scatter { name: String::new(), x, y, colour: Colouring::Series, marker: Marker::Dot }
    }

    /// An upright box for each name of the horizontal axis.
    pub fn boxes(boxes: Vec<BoxStats>) -> Self {
        Layer::Boxes { name: String::new(), boxes, horizontal: false }
    }

    /// The same with this name in the legend; no change for what is not a single series.
    #[must_use]
    pub fn named(self, to: impl Into<String>) -> Self {
        let mut layer = self;
        if let Layer::Histogram { name, .. }
        | Layer::Bars { name, .. }
        | Layer::Line { name, .. }
        | Layer::Bundle { name, .. }
        | Layer::Steps { name, .. }
        | Layer::Boxes { name, .. }
        | Layer::Scatter { name, .. } = &mut layer
        {
            *name = to.into();
        }
        layer
    }

    /// The same on axes whose names have moved.
    pub(super) fn moved(&self, x: Option<&Move>, y: Option<&Move>) -> Layer {
        let mut layer = self.clone();
        match &mut layer {
            Layer::Bars { values, errors, horizontal, .. } => {
                if let Some(by) = if *horizontal { y } else { x } {
                    *values = spread(values, by, &f64::NAN);
                    if !errors.is_empty() {
                        *errors = spread(errors, by, &(f64::NAN, f64::NAN));
                    }
                }
            }
            Layer::Boxes { boxes, horizontal, .. } => {
                if let Some(by) = if *horizontal { y } else { x } {
                    *boxes = spread(boxes, by, &BoxStats::default());
                }
            }
            Layer::Heatmap { columns, rows, values, .. } => {
                let place = |by: Option<&Move>, bins: &Bins, i: usize| match by {
                    Some(by) if *bins == Bins::Names => by.to.get(i).copied().unwrap_or(i),
                    _ => i,
                };
                let across = match columns {
                    Bins::Names => x.map_or(0, |by| by.to.len()),
                    Bins::Even { n, .. } => *n,
                    Bins::Edges(edges) => edges.len().saturating_sub(1),
                };
                // Without a move of its columns, only the width of the rows of dense values is needed.
                let across = match values {
                    Values::Dense(all) if across == 0 => all.len() / y.map_or(1, |by| by.to.len().max(1)),
                    _ => across,
                };
                let moved = values
                    .cells(across)
                    .map(|(r, c, v)| (place(y, rows, r) as u32, place(x, columns, c) as u32, v))
                    .collect();
                *values = Values::Sparse(moved);
            }
            Layer::Line { x: xs, y: ys, .. } | Layer::Scatter { x: xs, y: ys, .. } => {
                shift(xs, x);
                shift(ys, y);
            }
            Layer::Bundle { lines, .. } => {
                for (xs, ys) in lines {
                    shift(xs, x);
                    shift(ys, y);
                }
            }
            Layer::VLine { x: at, .. } => shift(std::slice::from_mut(at), x),
            Layer::HLine { y: at, .. } => shift(std::slice::from_mut(at), y),
            Layer::Text { x: a, y: b, .. } => {
                shift(std::slice::from_mut(a), x);
                shift(std::slice::from_mut(b), y);
            }
            _ => {}
        }
        layer
    }

    /// Calls `see` with each horizontal and each vertical value that the layer shows. The flag says that the value is
    /// an end of the drawing itself, which needs no air beside it.
    #[allow(clippy::needless_for_each, reason = "one line for each kind of value reads best")]
    pub(super) fn extents(&self, figure: &Figure, see: &mut dyn FnMut(Option<f64>, Option<f64>, bool)) {
        let mut along = |horizontal: bool, category: Option<f64>, value: Option<f64>, tight: bool| {
            if horizontal { see(value, category, tight) } else { see(category, value, tight) }
        };
        match self {
            Layer::Histogram { edges, counts, .. } => {
                along(false, None, Some(0.0), true);
                edges.iter().for_each(|e| along(false, Some(*e), None, true));
                counts.iter().for_each(|c| along(false, None, Some(*c), false));
            }
            Layer::Bars { values, errors, horizontal, .. } => {
                along(*horizontal, None, Some(0.0), true);
                values.iter().for_each(|v| along(*horizontal, None, Some(*v), false));
                for (lower, upper) in errors {
                    along(*horizontal, None, Some(*lower), false);
                    along(*horizontal, None, Some(*upper), false);
                }
            }
            Layer::Line { x, y, lower, upper, markers, .. } => {
                x.iter().for_each(|x| see(Some(*x), None, !markers));
                [y, lower, upper].into_iter().flatten().for_each(|y| see(None, Some(*y), false));
            }
            Layer::Bundle { lines, .. } => {
                for (x, y) in lines {
                    x.iter().for_each(|x| see(Some(*x), None, true));
                    y.iter().for_each(|y| see(None, Some(*y), false));
                }
            }
            Layer::Steps { edges, values, .. } => {
                edges.iter().for_each(|e| see(Some(*e), None, true));
                values.iter().for_each(|v| see(None, Some(*v), false));
                if values.iter().all(|v| v.is_nan() || *v >= 0.0) {
                    see(None, Some(0.0), true);
                }
            }
            Layer::Scatter { x, y, .. } => x.iter().zip(y).for_each(|(x, y)| see(Some(*x), Some(*y), false)),
            Layer::Boxes { boxes, horizontal, .. } => {
                for b in boxes.iter().filter(|b| b.n > 0) {
                    [b.low, b.high].into_iter().for_each(|v| along(*horizontal, None, Some(v), false));
                    b.outliers.iter().for_each(|v| along(*horizontal, None, Some(*v), false));
                }
            }
            Layer::Heatmap { columns, rows, .. } => {
                for i in [0, columns.len(&figure.x)] {
                    see(Some(columns.edge(i)), None, true);
                }
                for i in [0, rows.len(&figure.y)] {
                    see(None, Some(rows.edge(i)), true);
                }
            }
            Layer::Segments { segments, .. } => {
                for [x0, y0, x1, y1, _] in segments {
                    see(Some(*x0), Some(*y0), false);
                    see(Some(*x1), Some(*y1), false);
                }
            }
            Layer::Rules { lines } => {
                for [x0, y0, x1, y1] in lines {
                    see(Some(*x0), Some(*y0), false);
                    see(Some(*x1), Some(*y1), false);
                }
            }
            Layer::VLine { x, .. } => see(Some(*x), None, false),
            Layer::HLine { y, .. } => see(None, Some(*y), false),
            Layer::Span { from, to, .. } => {
                see(Some(*from), None, true);
                see(Some(*to), None, true);
            }
            Layer::Text { x, y, .. } => see(Some(*x), Some(*y), false),
            Layer::Pie { .. } => {}
        }
    }

    /// How many values have no place: not finite, or not above zero on a logarithmic axis. NaN stands for "no value"
    /// where a layer allows it, and is not counted there.
    pub(super) fn lost(&self, logx: bool, logy: bool) -> usize {
        let beyond = |v: f64, log: bool| !v.is_nan() && !drawable(v, log);
        let bad = |values: &[f64], log: bool| values.iter().filter(|v| beyond(**v, log)).count();
        let off = |x: &[f64], y: &[f64]| {
            x.iter().zip(y).filter(|(x, y)| !drawable(**x, logx) || beyond(**y, logy)).count()
        };
        match self {
            Layer::Scatter { x, y, .. } => {
                x.iter().zip(y).filter(|(x, y)| !drawable(**x, logx) || !drawable(**y, logy)).count()
            }
            Layer::Line { x, y, .. } => off(x, y),
            Layer::Bundle { lines, .. } => lines.iter().map(|(x, y)| off(x, y)).sum(),
            Layer::Bars { values, horizontal, .. } => bad(values, if *horizontal { logx } else { logy }),
            // A count of zero has no bar on any axis.
            Layer::Histogram { counts, .. } => {
                counts.iter().filter(|v| **v != 0.0 && !drawable(**v, logy)).count()
            }
            Layer::Steps { values, .. } => bad(values, logy),
            Layer::Boxes { boxes, horizontal, .. } => {
                let log = if *horizontal { logx } else { logy };
                let five = |b: &BoxStats| [b.low, b.q1, b.median, b.q3, b.high];
                let boxes = boxes.iter().filter(|b| b.n > 0);
                boxes
                    .map(|b| bad(&five(b), log) + b.outliers.iter().filter(|v| !drawable(**v, log)).count())
                    .sum()
            }
            Layer::Segments { segments, .. } => segments
                .iter()
                .filter(|[a, b, c, d, w]| {
                    !(drawable(*a, logx)
                        && drawable(*c, logx)
                        && drawable(*b, logy)
                        && drawable(*d, logy)
                        && w.is_finite())
                })
                .count(),
            Layer::Pie { values, .. } => values.iter().filter(|v| !drawable(**v, false)).count(),
            Layer::Heatmap { values, colours: Colours::Log, .. } => {
                values.cells(1).filter(|(_, _, v)| !drawable(*v, true)).count()
            }
            _ => 0,
        }
    }

    /// What the layer is, for a terminal; nothing for lines and words that explain another layer.
    pub(super) fn describe(&self, figure: &Figure) -> Option<String> {
        let of =
            |axis: &Axis| if axis.label.is_empty() { String::new() } else { format!(" of {}", axis.text()) };
        let text = match self {
            Layer::Histogram { counts, .. } => {
                let total: f64 = counts.iter().filter(|c| c.is_finite()).sum();
                let whole = counts.iter().all(|c| c.fract() == 0.0);
                let values = if whole && total >= 0.0 {
                    format!(", {}", plural(total as usize, "value"))
                } else {
                    String::new()
                };
                format!("histogram{}, {}{values}", of(&figure.x), plural(counts.len(), "bin"))
            }
            Layer::Bars { values, horizontal, .. } => {
                let (names, numbers) =
                    if *horizontal { (&figure.y, &figure.x) } else { (&figure.x, &figure.y) };
                let by = if names.label.is_empty() { String::new() } else { format!(" by {}", names.label) };
                format!("bars{}{by}, {}", of(numbers), plural(values.len(), "bar"))
            }
            Layer::Line { y, .. } => format!("line{}, {}", of(&figure.y), plural(y.len(), "point")),
            Layer::Bundle { lines, .. } => format!("{}{}", plural(lines.len(), "line"), of(&figure.y)),
            Layer::Steps { values, .. } => format!("steps{}, {}", of(&figure.y), plural(values.len(), "bin")),
            Layer::Scatter { x, marker: Marker::Tick, .. } => format!("raster, {}", plural(x.len(), "event")),
            Layer::Scatter { x, .. } => {
                let axes = match (figure.x.text(), figure.y.text()) {
                    (x, y) if x.is_empty() || y.is_empty() => String::new(),
                    (x, y) => format!(" of {y} against {x}"),
                };
                format!("scatter{axes}, {}", plural(x.len(), "point"))
            }
            Layer::Boxes { boxes, horizontal, .. } => {
                let n: usize = boxes.iter().map(|b| b.n).sum();
                let axis = if *horizontal { &figure.x } else { &figure.y };
                format!("boxes{}, {}, {}", of(axis), plural(boxes.len(), "box"), plural(n, "value"))
            }
            Layer::Heatmap { columns, rows, label, unit, .. } => {
                let what = with_unit(label, unit);
                let what = if what.is_empty() { String::new() } else { format!(" of {what}") };
                let (rows, columns) = (rows.len(&figure.y), columns.len(&figure.x));
                format!("heat map{what}, {} × {}", count(rows), count(columns))
            }
            Layer::Segments { segments, .. } => format!("drawing, {}", plural(segments.len(), "segment")),
            Layer::Pie { names, .. } => format!("pie, {}", plural(names.len(), "slice")),
            Layer::VLine { .. }
            | Layer::HLine { .. }
            | Layer::Rules { .. }
            | Layer::Span { .. }
            | Layer::Text { .. } => {
                return None;
            }
        };
        Some(match self.name() {
            Some(name) if !name.is_empty() => format!("{text} ({name})"),
            _ => text,
        })
    }

    /// Checks the lengths and orders that the types cannot.
    pub(super) fn check(&self, figure: &Figure) -> Result<()> {
        let names = |horizontal: bool, what: &str, n: usize| {
            let (letter, axis) = if horizontal { ('y', &figure.y) } else { ('x', &figure.x) };
            match axis.categories() {
                None => Err(Error::argument(format!("{what} need an {letter} axis with names"))),
                Some(names) => same(what, n, "names", names.len()),
            }
        };
        match self {
            Layer::Histogram { edges, counts, .. } => {
                same("edges of the histogram", edges.len(), "edges that its bins need", counts.len() + 1)?;
                rising("the edges of the histogram", edges)
            }
            Layer::Steps { edges, values, .. } => {
                same("edges of the steps", edges.len(), "edges that their values need", values.len() + 1)?;
                rising("the edges of the steps", edges)
            }
            Layer::Bars { values, errors, horizontal, .. } => {
                names(*horizontal, "bars", values.len())?;
                optional("errors", errors.len(), "bars", values.len())?;
                if self_logged(figure, *horizontal) && figure.stacked {
                    return Err(Error::argument("stacked bars cannot stand on a logarithmic axis"));
                }
                Ok(())
            }
            Layer::Boxes { boxes, horizontal, .. } => names(*horizontal, "boxes", boxes.len()),
            Layer::Line { x, y, lower, upper, .. } => {
                same("x values of the line", x.len(), "y values", y.len())?;
                same("lower errors", lower.len(), "upper errors", upper.len())?;
                optional("errors", lower.len(), "points of the line", x.len())
            }
            Layer::Bundle { lines, .. } => {
                lines.iter().try_for_each(|(x, y)| same("x values of the line", x.len(), "y values", y.len()))
            }
            Layer::Scatter { x, y, colour, .. } => {
                same("x values of the points", x.len(), "y values", y.len())?;
                match colour {
                    Colouring::Series => Ok(()),
                    Colouring::Category { names, of, .. } => {
                        same("colours", of.len(), "points", x.len())?;
                        indices(of, names)
                    }
                    Colouring::Value { of, .. } => same("colours", of.len(), "points", x.len()),
                }
            }
            Layer::Segments { segments, names, of } => {
                optional("kinds", of.len(), "segments", segments.len())?;
                indices(of, names)
            }
            Layer::Heatmap { columns, rows, values, colours, .. } => {
                if let Colours::Diverging(middle) = colours
                    && !drawable(*middle, false)
                {
                    return Err(Error::argument(format!("{middle} cannot be the middle of the colours")));
                }
                for (bins, letter, axis) in [(columns, 'x', &figure.x), (rows, 'y', &figure.y)] {
                    match bins {
                        Bins::Names if axis.categories().is_none() => {
                            return Err(Error::argument(format!(
                                "the heat map needs names on its {letter} axis"
                            )));
                        }
                        Bins::Edges(edges) => rising("the edges of the heat map", edges)?,
                        Bins::Even { width, start, .. }
                            if !(*width > 0.0 && width.is_finite() && start.is_finite()) =>
                        {
                            return Err(Error::argument("the cells of a heat map need a width above zero"));
                        }
                        _ => {}
                    }
                }
                let (columns, rows) = (columns.len(&figure.x), rows.len(&figure.y));
                match values {
                    Values::Dense(all) => {
                        same("values of the heat map", all.len(), "cells", columns.saturating_mul(rows))
                    }
                    Values::Sparse(cells) => {
                        match cells.iter().find(|(r, c, _)| *r as usize >= rows || *c as usize >= columns) {
                            None => Ok(()),
                            Some((r, c, _)) => Err(Error::argument(format!(
                                "cell ({r}, {c}) is outside of the heat map of {rows} × {columns}"
                            ))),
                        }
                    }
                }
            }
            Layer::Pie { names, values } => {
                same("slices of the pie", values.len(), "names", names.len())?;
                match values.iter().zip(names).find(|(v, _)| **v < 0.0) {
                    None => Ok(()),
                    Some((v, name)) => Err(Error::argument(format!(
                        "the slice `{name}` of the pie is negative: {}",
                        short(*v)
                    ))),
                }
            }
            Layer::VLine { .. }
            | Layer::HLine { .. }
            | Layer::Rules { .. }
            | Layer::Span { .. }
            | Layer::Text { .. } => Ok(()),
        }
    }
}

fn self_logged(figure: &Figure, horizontal: bool) -> bool {
    let axis = if horizontal { &figure.x } else { &figure.y };
    axis.scale == super::Scale::Log
}

/// The items at their new places, `empty` elsewhere.
fn spread<T: Clone>(items: &[T], by: &Move, empty: &T) -> Vec<T> {
    let mut out = vec![empty.clone(); by.len];
    for (item, to) in items.iter().zip(&by.to) {
        if let Some(place) = out.get_mut(*to) {
            place.clone_from(item);
        }
    }
    out
}

/// Moves positions that stand for names; a position between names keeps its distance from the nearer one.
fn shift(values: &mut [f64], by: Option<&Move>) {
    let Some(by) = by else { return };
    for v in values {
        let near = v.round();
        if let Some(to) = by.to.get(near as usize).filter(|_| near >= 0.0) {
            *v += *to as f64 - near;
        }
    }
}

fn same(what: &str, a: usize, than: &str, b: usize) -> Result<()> {
    if a == b {
        Ok(())
    } else {
        Err(Error::argument(format!("there are {} {what} and {} {than}", count(a), count(b))))
    }
}

fn optional(what: &str, a: usize, than: &str, b: usize) -> Result<()> {
    if a == 0 { Ok(()) } else { same(what, a, than, b) }
}

fn rising(what: &str, edges: &[f64]) -> Result<()> {
    if edges.iter().any(|e| !drawable(*e, false)) || edges.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(Error::argument(format!("{what} do not rise")));
    }
    Ok(())
}

fn indices(of: &[u32], names: &[String]) -> Result<()> {
    match of.iter().find(|i| **i as usize >= names.len()) {
        None => Ok(()),
        Some(i) => Err(Error::argument(format!("colour {i} has no name: there are {}", names.len()))),
    }
}
