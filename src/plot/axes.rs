//! The ranges of the axes, and the way from a value to its place on paper.

use super::layer::drawable;
use super::ticks::{self, Manner, Ticks};
use super::{Axis, Figure, Layer, Scale};

/// What an axis spans. `from` stands at its left or lower end, and may be the larger one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub from: f64,
    pub to: f64,
    pub log: bool,
    pub manner: Manner,
    /// Nothing that could be drawn gave the range.
    pub empty: bool,
}

/// The smallest and largest of some values.
#[derive(Clone, Copy)]
struct Extent {
    lo: f64,
    hi: f64,
}

impl Extent {
    const NONE: Extent = Extent { lo: f64::INFINITY, hi: f64::NEG_INFINITY };

    fn see(&mut self, v: f64) {
        self.lo = self.lo.min(v);
        self.hi = self.hi.max(v);
    }
}

/// The ranges of both axes of a figure.
pub(super) fn ranges(figure: &Figure) -> (Range, Range) {
    let (logx, logy) = (figure.x.scale == Scale::Log, figure.y.scale == Scale::Log);
    let mut tight = [Extent::NONE; 2];
    let mut loose = [Extent::NONE; 2];
    let mut see = |x: Option<f64>, y: Option<f64>, end: bool| {
        // A point counts only if both of its values have a place.
        if x.is_some_and(|v| !drawable(v, logx)) || y.is_some_and(|v| !drawable(v, logy)) {
            return;
        }
        for (axis, v) in [x, y].into_iter().enumerate() {
            if let Some(v) = v {
                if end { tight[axis].see(v) } else { loose[axis].see(v) }
            }
        }
    };
    for layer in &figure.layers {
        layer.extents(figure, &mut see);
    }
    for horizontal in [false, true] {
        if let Some(sums) = stacked(figure, horizontal) {
            for (below, above) in sums {
                let (low, high) = (Some(below), Some(above));
                for v in [low, high] {
                    if horizontal { see(v, None, false) } else { see(None, v, false) }
                }
            }
        }
    }
    let range = |axis: &Axis, i: usize| {
        let standing = figure.layers.iter().any(|l| standing(l) == Some(i == 0));
        let whole = standing && figure.layers.iter().all(|l| whole(l));
        let manner = Manner { whole, bare: axis.unit.is_empty() };
        range(axis, tight[i], loose[i], manner, standing)
    };
    (range(&figure.x, 0), range(&figure.y, 1))
}

/// Whether bars of the layer stand on the vertical line x = 0 (true) or on the horizontal line y = 0 (false).
fn standing(layer: &Layer) -> Option<bool> {
    match layer {
        Layer::Bars { horizontal, .. } => Some(*horizontal),
        Layer::Histogram { .. } => Some(false),
        _ => None,
    }
}

/// Whether the layer adds nothing but whole numbers.
fn whole(layer: &Layer) -> bool {
    match layer {
        Layer::Bars { values, .. } | Layer::Histogram { counts: values, .. } => {
            values.iter().all(|v| v.is_nan() || v.fract() == 0.0)
        }
        Layer::VLine { .. }
        | Layer::HLine { .. }
        | Layer::Rules { .. }
        | Layer::Span { .. }
        | Layer::Text { .. } => true,
        _ => false,
    }
}

/// For each name, how far its stack of bars reaches below and above zero; nothing if bars do not stand on each other.
pub(super) fn stacked(figure: &Figure, lying: bool) -> Option<Vec<(f64, f64)>> {
    if !figure.stacked {
        return None;
    }
    let mut sums: Vec<(f64, f64)> = Vec::new();
    for layer in &figure.layers {
        if let Layer::Bars { values, horizontal, .. } = &**layer
            && *horizontal == lying
        {
            sums.resize(sums.len().max(values.len()), (0.0, 0.0));
            for (sum, v) in sums.iter_mut().zip(values).filter(|(_, v)| drawable(**v, false)) {
                if *v < 0.0 { sum.0 += v } else { sum.1 += v }
            }
        }
    }
    Some(sums)
}

fn range(axis: &Axis, tight: Extent, loose: Extent, manner: Manner, standing: bool) -> Range {
    let log = axis.scale == Scale::Log;
    let of = |from, to, empty| Range { from, to, log, manner, empty };
    if let Some(names) = axis.categories() {
        return of(-0.5, names.len().max(1) as f64 - 0.5, names.is_empty());
    }
    // A line at zero is not yet something to see.
    let empty = loose.lo > loose.hi && (tight.lo >= tight.hi || standing);
    if let Some((from, to)) = axis.limits {
        return of(from, to, empty);
    }
    if empty && tight.lo > tight.hi {
        return if log { of(1.0, 10.0, true) } else { of(0.0, 1.0, true) };
    }
    let scale = |v: f64| if log { v.log10() } else { v };
    let unscale = |v: f64| if log { 10f64.powf(v) } else { v };
    let (tight, loose) = (
        Extent { lo: scale(tight.lo), hi: scale(tight.hi) },
        Extent { lo: scale(loose.lo), hi: scale(loose.hi) },
    );
    let (mut lo, mut hi) = (lesser(tight.lo, loose.lo), -lesser(-tight.hi, -loose.hi));
    let air = (hi - lo) * 0.045;
    if !(air > 0.0 && air > lo.abs().max(hi.abs()) * 1e-14 && air > 1e-290) {
        // A single value: some room on both sides of it, or above it where bars stand on zero.
        let room = if log { 0.5 } else { (lo.abs() * 0.1).max(if lo == 0.0 { 1.0 } else { 0.0 }) };
        let floor = match (standing, log) {
            (true, true) => (lo - 0.15).floor(),
            (true, false) if lo == 0.0 => 0.0,
            _ => lo - room,
        };
        return of(unscale(floor), unscale(hi + room), empty);
    }
    // The ends of the drawing itself stand at the ends of the axis; what lies beyond them gets some air.
    if lo < tight.lo || tight.lo.is_nan() {
        lo -= air;
    }
    if hi > tight.hi || tight.hi.is_nan() {
        hi += air;
    }
    if log && standing {
        // Bars begin at the power of ten below the smallest, so that this one is seen too.
        lo = (lo - 0.15).floor();
    }
    of(unscale(lo), unscale(hi), empty)
}

fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() { b } else { a.min(b) }
}

impl Range {
    /// The smallest range that holds both; none where they have different scales or directions.
    pub fn united(self, other: Range) -> Option<Range> {
        if self.empty || other.empty {
            return (self.log == other.log).then_some(if self.empty { other } else { self });
        }
        let rising = self.from < self.to;
        if self.log != other.log || rising != (other.from < other.to) {
            return None;
        }
        let (from, to) = if rising {
            (self.from.min(other.from), self.to.max(other.to))
        } else {
            (self.from.max(other.from), self.to.min(other.to))
        };
        Some(Range { from, to, ..self })
    }

    /// The ticks, at most about `count`.
    pub fn ticks(&self, count: usize) -> Ticks {
        let (lo, hi) = (self.from.min(self.to), self.from.max(self.to));
        match (self.empty, self.log) {
            (true, _) => Ticks::default(),
            (_, true) => ticks::logarithmic(lo, hi, count),
            (_, false) => ticks::linear(lo, hi, count, self.manner),
        }
    }
}

/// From values to pixels along one axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    from: f64,
    scale: f64,
    start: f64,
    log: bool,
}

/// No mark is placed further away than this, so that no renderer has to cope with more.
const EDGE: f64 = 1e6;

impl Map {
    /// `range.from` comes to `start`, `range.to` to `end`.
    pub fn new(range: Range, start: f64, end: f64) -> Self {
        let scale = |v: f64| if range.log { v.log10() } else { v };
        let (from, to) = (scale(range.from), scale(range.to));
        Map { from, scale: (end - start) / (to - from), start, log: range.log }
    }

    /// The place of a value; NaN if it has none.
    pub fn at(&self, v: f64) -> f64 {
        // Ticks and the ends of the axes lie a little beyond what data may have.
        if !drawable(v * 1e-3, false) || (self.log && v <= 0.0) {
            return f64::NAN;
        }
        let v = if self.log { v.log10() } else { v };
        (self.start + (v - self.from) * self.scale).clamp(-EDGE, EDGE)
    }

    /// Where bars begin: at zero, or at the beginning of a logarithmic axis.
    pub fn base(&self) -> f64 {
        if self.log { self.start } else { self.at(0.0) }
    }

    /// The pixels of one unit of a linear axis, or of one decade.
    pub fn unit(&self) -> f64 {
        self.scale.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::BoxStats;

    fn line(x: Vec<f64>, y: Vec<f64>) -> Layer {
        Layer::Line { name: String::new(), x, y, lower: vec![], upper: vec![], markers: false }
    }

    #[test]
    fn bars_stand_on_zero_and_lines_fill_their_width() {
        let figure = Figure::default().layer(Layer::Histogram {
            name: String::new(),
            edges: vec![10.0, 20.0, 30.0],
            counts: vec![3.0, 100.0],
        });
        let (x, y) = ranges(&figure);
        assert_eq!((x.from, x.to, y.from), (10.0, 30.0, 0.0));
        assert!(y.to > 100.0 && y.to < 110.0 && y.manner.whole);
        let (x, y) = ranges(&Figure::default().layer(line(vec![0.0, 4.0], vec![-70.0, 20.0])));
        assert_eq!((x.from, x.to), (0.0, 4.0));
        assert!(y.from < -70.0 && y.to > 20.0 && !y.manner.whole);
    }

    #[test]
    fn strange_data_have_sensible_ranges() {
        for y in [vec![], vec![f64::NAN], vec![f64::INFINITY, f64::NEG_INFINITY], vec![1e300]] {
            let x = vec![1.0; y.len()];
            let (_, range) = ranges(&Figure::default().layer(line(x, y)));
            assert!(range.empty && range.from == 0.0 && range.to == 1.0, "{range:?}");
        }
        for v in [0.0, 5.0, -5.0, 1e-200, 1e149, 1.0 + 1e-15] {
            let (_, range) = ranges(&Figure::default().layer(line(vec![0.0, 1.0], vec![v, v])));
            assert!(range.from < v && v < range.to && !range.empty, "{v}: {range:?}");
        }
    }

    #[test]
    fn logarithmic_ranges_skip_what_has_no_logarithm() {
        let mut figure = Figure::default().layer(line(vec![1.0, 2.0, 3.0], vec![-1.0, 10.0, 1000.0]));
        figure.y.scale = Scale::Log;
        let (_, y) = ranges(&figure);
        assert!(y.from > 5.0 && y.from < 10.0 && y.to > 1000.0 && y.to < 2000.0, "{y:?}");
        let mut bars = Figure::default().layer(Layer::Histogram {
            name: String::new(),
            edges: vec![0.0, 1.0, 2.0],
            counts: vec![0.0, 1.0],
        });
        bars.y.scale = Scale::Log;
        assert_eq!(ranges(&bars).1.from, 0.1, "the bar of one is seen");
    }

    #[test]
    fn stacks_reach_as_high_as_their_sum() {
        let bars =
            |values: Vec<f64>| Layer::Bars { name: String::new(), values, errors: vec![], horizontal: false };
        let mut figure = Figure::new(Axis::names("layer", vec!["1".into(), "2".into()]), Axis::default())
            .layer(bars(vec![5.0, 5.0]))
            .layer(bars(vec![20.0, -10.0]));
        assert!(ranges(&figure).1.to < 22.0);
        figure.stacked = true;
        let y = ranges(&figure).1;
        assert!(y.to > 25.0 && y.from < -10.0, "{y:?}");
    }

    #[test]
    fn boxes_include_their_outliers() {
        let b = BoxStats { low: 1.0, q1: 2.0, median: 3.0, q3: 4.0, high: 5.0, outliers: vec![40.0], n: 9 };
        let none = BoxStats { high: 1e9, n: 0, ..b.clone() };
        let figure = Figure::new(Axis::names("", vec!["a".into(), "b".into()]), Axis::default())
            .layer(Layer::Boxes { name: String::new(), boxes: vec![b, none], horizontal: false });
        let y = ranges(&figure).1;
        assert!(y.to > 40.0 && y.to < 50.0);
    }

    #[test]
    fn places() {
        let range = Range { from: 0.0, to: 10.0, log: false, manner: Manner::default(), empty: false };
        let map = Map::new(range, 100.0, 0.0);
        assert_eq!((map.at(0.0), map.at(5.0), map.at(10.0)), (100.0, 50.0, 0.0));
        assert!(map.at(f64::NAN).is_nan() && map.at(f64::INFINITY).is_nan());
        let log = Map::new(Range { from: 1.0, to: 100.0, log: true, ..range }, 0.0, 200.0);
        assert_eq!(log.at(10.0), 100.0);
        assert!(log.at(-3.0).is_nan());
    }
}
