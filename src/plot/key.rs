//! Colour keys: how the numbers of heat maps and of coloured points become colours.

use super::axes::{Map, Range};
use super::figure::with_unit;
use super::layer::{Colouring, Colours, drawable};
use super::theme::{Colour, ColourMap};
use super::ticks::{self, Manner, Ticks};
use super::{Figure, Layer};

/// One colour bar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ColourKey {
    /// What the colours show, with the unit.
    pub label: String,
    map: ColourMap,
    lo: f64,
    hi: f64,
    log: bool,
    bare: bool,
    whole: bool,
}

impl ColourKey {
    /// The keys of a figure, and for each layer which of them is its own. Layers that show the same quantity share one.
    pub fn of(figure: &Figure) -> (Vec<ColourKey>, Vec<Option<usize>>) {
        let mut keys: Vec<ColourKey> = Vec::new();
        let mut of = Vec::new();
        for layer in &figure.layers {
            let Some(new) = ColourKey::new(layer) else {
                of.push(None);
                continue;
            };
            let shared = keys.iter().position(|k| (&k.label, k.map, k.log) == (&new.label, new.map, new.log));
            match shared.and_then(|i| keys.get_mut(i)) {
                Some(old) => {
                    (old.lo, old.hi) = (old.lo.min(new.lo), old.hi.max(new.hi));
                    old.whole &= new.whole;
                }
                None => keys.push(new),
            }
            of.push(Some(shared.unwrap_or(keys.len() - 1)));
        }
        (keys, of)
    }

    /// The key of one layer, if it has one and any value to show.
    fn new(layer: &Layer) -> Option<ColourKey> {
        let (label, unit, colours) = match layer {
            Layer::Heatmap { label, unit, colours, .. } => (label, unit, *colours),
            Layer::Scatter { colour: Colouring::Value { label, unit, .. }, .. } => {
                (label, unit, Colours::Linear)
            }
            _ => return None,
        };
        let log = colours == Colours::Log;
        let (mut lo, mut hi, mut whole) = (f64::INFINITY, f64::NEG_INFINITY, true);
        let mut see = |v: f64| {
            if drawable(v, log) {
                (lo, hi, whole) = (lo.min(v), hi.max(v), whole && v.fract() == 0.0);
            }
        };
        match layer {
            Layer::Heatmap { values, .. } => values.cells(1).for_each(|(_, _, v)| see(v)),
            Layer::Scatter { colour: Colouring::Value { of, .. }, .. } => of.iter().for_each(|v| see(*v)),
            _ => {}
        }
        if lo > hi {
            return None;
        }
        let map = if let Colours::Diverging(middle) = colours {
            let reach = (hi - middle).abs().max((lo - middle).abs());
            (lo, hi) = (middle - reach, middle + reach);
            ColourMap::Diverging
        } else {
            ColourMap::Sequential
        };
        if hi - lo <= lo.abs().max(hi.abs()) * 1e-13 {
            // One value everywhere: it has the colour of the middle.
            let room = if log { 0.0 } else { (lo.abs() * 0.1).max(if lo == 0.0 { 1.0 } else { 0.0 }) };
            (lo, hi) = if log { (lo / 2.0, hi * 2.0) } else { (lo - room, hi + room) };
        }
        Some(ColourKey { label: with_unit(label, unit), map, lo, hi, log, bare: unit.is_empty(), whole })
    }

    /// Where a value lies between the ends of the key, 0 to 1; nothing if it has no colour.
    pub fn place(&self, v: f64) -> Option<f64> {
        if !drawable(v, self.log) {
            return None;
        }
        let scale = |v: f64| if self.log { v.log10() } else { v };
        let (lo, hi) = (scale(self.lo), scale(self.hi));
        Some(((scale(v) - lo) / (hi - lo)).clamp(0.0, 1.0))
    }

    pub fn colour(&self, v: f64) -> Option<Colour> {
        self.place(v).map(|t| self.map.at(t))
    }

    /// Whether white, or nearly so, is one of its colours.
    pub fn has_white(&self) -> bool {
        self.map == ColourMap::Diverging
    }

    pub fn is_log(&self) -> bool {
        self.log
    }

    /// The colour at `t` along the bar.
    pub fn along(&self, t: f64) -> Colour {
        self.map.at(t)
    }

    pub fn ticks(&self, count: usize) -> Ticks {
        if self.log {
            ticks::logarithmic(self.lo, self.hi, count)
        } else {
            ticks::linear(self.lo, self.hi, count, Manner { whole: self.whole, bare: self.bare })
        }
    }

    /// From values to pixels along the bar.
    pub fn places(&self, start: f64, end: f64) -> Map {
        let manner = Manner::default();
        Map::new(Range { from: self.lo, to: self.hi, log: self.log, manner, empty: false }, start, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Bins, Values};

    fn heat(values: Vec<f64>, colours: Colours) -> Figure {
        let n = values.len();
        Figure::new(Axis::default(), Axis::default()).layer(Layer::Heatmap {
            columns: Bins::Even { start: 0.0, width: 1.0, n },
            rows: Bins::Even { start: 0.0, width: 1.0, n: 1 },
            values: Values::Dense(values),
            label: "p".into(),
            unit: "%".into(),
            colours,
        })
    }

    #[test]
    fn ends_follow_the_values() {
        let (keys, of) = ColourKey::of(&heat(vec![1.0, f64::NAN, 3.0], Colours::Linear));
        assert_eq!(of, [Some(0)]);
        assert_eq!(
            (keys[0].place(1.0), keys[0].place(2.0), keys[0].place(f64::NAN)),
            (Some(0.0), Some(0.5), None)
        );
        assert_eq!(keys[0].label, "p (%)");
        let (keys, _) = ColourKey::of(&heat(vec![-1.0, 4.0], Colours::Diverging(0.0)));
        assert_eq!((keys[0].place(0.0), keys[0].place(-4.0)), (Some(0.5), Some(0.0)));
        let (keys, _) = ColourKey::of(&heat(vec![-1.0, 1.0, 100.0], Colours::Log));
        assert_eq!((keys[0].place(10.0), keys[0].place(-1.0)), (Some(0.5), None));
    }

    #[test]
    fn one_value_or_none() {
        for v in [0.0, 7.0, -1e-20] {
            let (keys, _) = ColourKey::of(&heat(vec![v, v], Colours::Linear));
            let place = keys[0].place(v).unwrap();
            assert!((place - 0.5).abs() < 1e-6, "{v} at {place}");
        }
        assert!(ColourKey::of(&heat(vec![f64::NAN], Colours::Linear)).0.is_empty());
        assert!(ColourKey::of(&heat(vec![], Colours::Log)).0.is_empty());
    }
}
