//! Where everything stands: margins from the measured words, ticks from the room, legends beside the data.

use super::axes::{Map, Range, ranges};
use super::figure::plural;
use super::font;
use super::key::ColourKey;
use super::layer::{BoxStats, drawable};
use super::legend::{Bar, Block};
use super::palette::{Entry, Palette, entries};
use super::pixels::{Heat, MANY};
use super::scene::{Anchor, Mark, Point, Rect, Stroke, Text};
use super::theme::{Colour, Ink};
use super::ticks::{Ticks, count};
use super::{Bins, Figure, Layer, Legend, Marker, draw};
use crate::diag::{Error, Result};

/// The measures of a figure in pixels.
pub(super) struct Style {
    pub ink: &'static Ink,
    /// The size of tick labels, from which all other measures come.
    pub em: f64,
    /// The size of axis labels.
    pub label: f64,
    /// The size of the title.
    pub title: f64,
    /// The size of notes.
    pub small: f64,
    /// The width of axes and grid lines.
    pub hair: f64,
    /// The width of data lines.
    pub stroke: f64,
    /// The length of ticks.
    pub tick: f64,
    /// Pixels of an image for each pixel of the figure.
    pub detail: f64,
    /// The figure goes to a vector file.
    pub vector: bool,
}

impl Style {
    pub fn new(ink: &'static Ink, scale: f64, detail: f64) -> Self {
        let em = ink.em * scale;
        Style {
            ink,
            em,
            label: em * 1.1,
            title: em * 1.2,
            small: em * 0.75,
            hair: (em * 0.07).round().max(1.0),
            stroke: em * ink.stroke,
            tick: (em * 0.3).round(),
            detail,
            vector: detail > 1.0,
        }
    }

    /// A place at which a hair line covers whole pixels.
    pub fn snap(&self, v: f64) -> f64 {
        if self.hair % 2.0 == 0.0 { v.round() } else { v.floor() + 0.5 }
    }
}

/// Room around the axes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Margins {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

impl Margins {
    pub fn max(self, other: Margins) -> Margins {
        Margins {
            left: self.left.max(other.left),
            right: self.right.max(other.right),
            top: self.top.max(other.top),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn inside(self, outer: Rect) -> Rect {
        let (x0, y0) = ((outer.x0 + self.left).round(), (outer.y0 + self.top).round());
        let (x1, y1) = ((outer.x1 - self.right).round(), (outer.y1 - self.bottom).round());
        Rect { x0, y0, x1: x1.max(x0 + 1.0), y1: y1.max(y0 + 1.0) }
    }
}

/// The ticks and their labels on one side of the axes.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    /// Places of the ticks, in pixels, with their labels.
    pub major: Vec<(f64, String)>,
    pub minor: Vec<f64>,
    /// The size of the labels.
    pub size: f64,
    /// How far they are turned.
    pub angle: f64,
    /// How far they reach away from the axis.
    pub depth: f64,
    /// How far they reach beyond the left (or lower) and the right (or upper) end of the axis.
    pub over: (f64, f64),
    /// Only every so manieth name is written.
    pub every: usize,
}

/// The label of an axis.
#[derive(Clone, Debug, Default)]
struct Caption {
    lines: Vec<String>,
    size: f64,
    /// The length of the longest line.
    width: f64,
}

impl Caption {
    /// The text in lines that fit along an axis of this length; if a word alone is longer, in smaller letters.
    fn new(text: &str, room: f64, style: &Style) -> Self {
        let wide = |text: &str, size: f64| font::width(text, size, false);
        let longest = text.split_whitespace().map(|w| wide(w, style.label)).fold(1.0, f64::max);
        let size = style.label * (room / longest).clamp(0.6, 1.0);
        let lines = font::wrap(text, room.max(longest * size / style.label), size, false);
        let width = lines.iter().map(|l| wide(l, size)).fold(0.0, f64::max);
        Caption { lines, size, width }
    }

    /// The room that it takes beside the tick labels.
    fn height(&self, style: &Style) -> f64 {
        if self.lines.is_empty() {
            0.0
        } else {
            0.3 * style.em + self.lines.len() as f64 * self.size * font::LINE
        }
    }
}

/// A figure with axes, made ready to be measured.
pub(super) struct Chart<'a> {
    pub figure: &'a Figure,
    pub style: &'a Style,
    pub palette: &'a Palette,
    pub keys: Vec<ColourKey>,
    pub key_of: Vec<Option<usize>>,
    heading: String,
    entries: Vec<Entry>,
    ranges: (Range, Range),
    names: (Option<Names>, Option<Names>),
    lost: usize,
    letter: Option<String>,
    /// The user chose the size, so that names must make do with it.
    pub fixed: bool,
    /// It stands in a grid with one horizontal axis, and whether this is where the axis is written.
    shared: Option<bool>,
}

/// The names of an axis as they are written.
struct Names {
    words: Vec<String>,
    /// The width of the widest, in em.
    widest: f64,
}

/// The size of words on the right of a panel, in em.
const SIDE: f64 = 0.85;

/// A measured figure.
pub(super) struct Plan {
    pub outer: Rect,
    pub area: Rect,
    pub margins: Margins,
    pub x: Side,
    pub y: Side,
    pub mapx: Map,
    pub mapy: Map,
    title: Vec<String>,
    xlabel: Caption,
    ylabel: Caption,
    notes: Vec<String>,
    /// What is written on the right.
    side: Vec<String>,
    outside: bool,
}

impl<'a> Chart<'a> {
    pub fn new(
        figure: &'a Figure,
        style: &'a Style,
        palette: &'a Palette,
        letter: Option<String>,
        fixed: bool,
    ) -> Self {
        let (keys, key_of) = ColourKey::of(figure);
        let (heading, entries) = entries(figure, palette, style.ink);
        let log = |axis: &super::Axis| axis.scale == super::Scale::Log;
        let lost = figure.layers.iter().map(|l| l.lost(log(&figure.x), log(&figure.y))).sum();
        let hide = figure.legend == Legend::Hidden;
        let entries = if hide { Vec::new() } else { entries };
        Chart {
            figure,
            style,
            palette,
            keys,
            key_of,
            heading,
            entries,
            ranges: ranges(figure),
            names: (Names::new(figure, false), Names::new(figure, true)),
            lost,
            letter,
            fixed,
            shared: None,
        }
    }

    /// Puts it into a grid with one horizontal axis of this range; `written` where the axis stands below this chart.
    pub fn share(&mut self, x: Option<Range>, written: bool) {
        if let Some(x) = x.filter(|_| self.names.0.is_none()) {
            self.ranges.0 = x;
        }
        self.shared = Some(written);
    }

    /// The range of its horizontal axis, unless that shows names.
    pub fn across(&self) -> Option<Range> {
        self.names.0.is_none().then_some(self.ranges.0)
    }

    /// Whether labels stand along the horizontal axis.
    fn written(&self) -> bool {
        self.shared.unwrap_or(true)
    }

    /// The plan has neither ticks nor labels of axes.
    fn axisless(&self) -> bool {
        self.figure.bare || self.pie()
    }

    pub fn pie(&self) -> bool {
        self.figure.layers.iter().any(|l| matches!(**l, Layer::Pie { .. }))
    }

    /// Nothing that could be drawn has a place.
    pub fn nothing(&self) -> bool {
        match self.figure.layers.iter().find(|l| matches!(***l, Layer::Pie { .. })) {
            Some(pie) => match &**pie {
                Layer::Pie { values, .. } => !values.iter().any(|v| *v > 0.0 && drawable(*v, false)),
                _ => false,
            },
            None => self.ranges.0.empty || self.ranges.1.empty || self.dataless(),
        }
    }

    /// Axes of names always have a range; whether there are data is another matter.
    fn dataless(&self) -> bool {
        self.figure.layers.iter().all(|l| match &**l {
            Layer::Heatmap { .. } => self.keys.is_empty(),
            Layer::Boxes { boxes, .. } => boxes.iter().all(|b| b.n == 0),
            Layer::Scatter { x, .. } => x.is_empty(),
            Layer::Bars { values, .. } => values.iter().all(|v| v.is_nan()),
            _ => false,
        })
    }

    /// Measures the figure for this place on paper. `least` are margins that it must keep at least.
    pub fn plan(&self, outer: Rect, outside: bool, least: Margins) -> Plan {
        let mut margins = least;
        let mut plan = self.attempt(outer, outside, margins);
        // Words need room, and the room decides which words. Should the two never agree, margins only grow in the end.
        for round in 0..12 {
            let mut wanted = least.max(self.margins(&plan));
            if round > 5 {
                wanted = margins.max(wanted);
            }
            if wanted == margins {
                break;
            }
            margins = wanted;
            plan = self.attempt(outer, outside, margins);
        }
        plan
    }

    fn attempt(&self, outer: Rect, outside: bool, margins: Margins) -> Plan {
        let style = self.style;
        let area = margins.inside(outer);
        let ranges = if self.figure.equal { equalised(self.ranges, area) } else { self.ranges };
        let down = self.names.1.is_some();
        let mapx = Map::new(ranges.0, area.x0, area.x1);
        let mapy =
            if down { Map::new(ranges.1, area.y0, area.y1) } else { Map::new(ranges.1, area.y1, area.y0) };
        let (mut x, y) = if self.axisless() {
            (Side::default(), Side::default())
        } else {
            (self.below(area, &ranges.0, &mapx), self.beside(area, &ranges.1, &mapy))
        };
        let (mut xtext, ytext) = if self.axisless() {
            (String::new(), String::new())
        } else {
            (self.figure.x.text(), self.figure.y.text())
        };
        if !self.written() {
            (x.depth, x.over) = (0.0, (0.0, 0.0));
            xtext.clear();
        }
        let right = outer.x1 - 0.8 * style.em;
        let notes = if self.shared.is_some() { Vec::new() } else { self.remarks(area, &x, &y) };
        let side = self.figure.panel.label.lines().map(font::clean).collect();
        Plan {
            side,
            title: font::wrap(&self.figure.title, right - self.title_start(outer, area), style.title, true),
            xlabel: Caption::new(&xtext, area.width(), style),
            ylabel: Caption::new(&ytext, area.height(), style),
            notes: self.lines(&notes, right - area.x0),
            outer,
            area,
            margins,
            x,
            y,
            mapx,
            mapy,
            outside,
        }
    }

    /// Where the title begins: above the axes, or after the letter of the panel.
    fn title_start(&self, outer: Rect, area: Rect) -> f64 {
        let after = self
            .letter
            .as_ref()
            .map_or(0.0, |l| font::width(l, self.style.title * 1.15, true) + self.style.em);
        area.x0.max(outer.x0 + 0.4 * self.style.em + after)
    }

    /// The room that the words of a plan need.
    fn margins(&self, plan: &Plan) -> Margins {
        let style = self.style;
        let air = 0.7 * style.em;
        let lines = |n: usize, size: f64| n as f64 * size * font::LINE;
        let gap = |side: &Side| if side.major.is_empty() { 0.0 } else { 0.35 * style.em };
        let tick = |side: &Side| if side.major.is_empty() { 0.0 } else { style.tick };
        let mut left = air + tick(&plan.y) + gap(&plan.y) + plan.y.depth + plan.ylabel.height(style);
        left = left.max(air + plan.x.over.0);
        let mut bottom = air + tick(&plan.x) + gap(&plan.x) + plan.x.depth + plan.xlabel.height(style);
        let mut below = air;
        if !self.written() {
            below = 0.15 * style.em;
            bottom = below + tick(&plan.x);
        }
        if !plan.notes.is_empty() {
            bottom += lines(plan.notes.len(), style.small) + 0.4 * style.em;
        }
        let titled = plan.title.len().max(usize::from(self.letter.is_some()));
        // Charts below each other on one axis stand close together.
        let above = if self.shared.is_some() { 0.25 * style.em } else { air };
        let mut top = above + lines(titled, style.title) + if titled > 0 { 0.35 * style.em } else { 0.0 };
        top = top.max(above + plan.y.over.1);
        let mut right = (air + plan.x.over.1).max(self.side_width(plan));
        for key in &self.keys {
            let bar = Bar::new(key, style, plan.area.height());
            right += bar.width + style.em;
            top = top.max(air + bar.over);
        }
        if let Some(block) = self.block(plan.area.height()).filter(|_| plan.outside) {
            right += block.width + style.em;
        }
        Margins { left, right, top, bottom: bottom.max(below + plan.y.over.0) }
    }

    /// The room that the words on the right need.
    fn side_width(&self, plan: &Plan) -> f64 {
        let style = self.style;
        let wide = |line: &String| font::width(line, style.em * SIDE, false);
        match plan.side.iter().map(wide).reduce(f64::max) {
            Some(widest) => widest + style.em,
            None => 0.0,
        }
    }

    fn block(&self, height: f64) -> Option<Block<'_>> {
        Block::new(&self.heading, &self.entries, self.style, height)
    }

    /// What a reader must know of this chart, where the grid that it stands in tells it.
    pub fn told(&self, plan: &Plan) -> Vec<String> {
        if self.shared.is_some() { self.remarks(plan.area, &plan.x, &plan.y) } else { Vec::new() }
    }

    /// Notes as lines.
    fn lines(&self, notes: &[String], width: f64) -> Vec<String> {
        notes
            .iter()
            .flat_map(|note| font::wrap(note, width.max(10.0 * self.style.em), self.style.small, false))
            .collect()
    }

    /// The notes, with what happened to the data.
    fn remarks(&self, area: Rect, x: &Side, y: &Side) -> Vec<String> {
        let mut notes = self.figure.notes.clone();
        if self.lost > 0 {
            let log = self.ranges.0.log || self.ranges.1.log || self.keys.iter().any(ColourKey::is_log);
            let or = if log { ", or not above zero on a logarithmic scale" } else { "" };
            let are = if self.lost == 1 { "is" } else { "are" };
            notes.push(format!(
                "{} without a place {are} not drawn (not finite{or})",
                plural(self.lost, "value")
            ));
        }
        for layer in &self.figure.layers {
            match &**layer {
                Layer::Scatter { x, marker, .. } if x.len() > MANY => {
                    let points = if *marker == Marker::Tick { "events" } else { "points" };
                    notes.push(format!(
                        "{} {points}, drawn as a density image: the ink grows with the logarithm of the {points} in \
                         a pixel",
                        count(x.len())
                    ));
                }
                Layer::Line { y, .. } if self.style.vector && y.len() > MANY => notes.push(format!(
                    "{} points of the line: detail below half a pixel is not in this file",
                    count(y.len())
                )),
                Layer::Heatmap { columns, rows, values, .. } => {
                    let heat = Heat { figure: self.figure, columns, rows, values };
                    if heat.merged(area, self.style.detail) {
                        let (columns, rows) = (columns.len(&self.figure.x), rows.len(&self.figure.y));
                        notes.push(format!(
                            "{} × {} cells: a pixel is the mean of the cells on it that are not empty",
                            count(rows),
                            count(columns)
                        ));
                    }
                }
                _ => {}
            }
        }
        for (side, names, letter) in [(x, &self.names.0, 'x'), (y, &self.names.1, 'y')] {
            if side.every > 1 {
                let all = names.as_ref().map_or(0, |n| n.words.len());
                notes.push(format!(
                    "the {letter} axis has {} names, of which it shows every {}",
                    count(all),
                    ordinal(side.every)
                ));
            }
        }
        notes.dedup();
        notes
    }

    /// The ticks that the figure chose itself, as many as have room: `room` is how far the word of one reaches to either
    /// side of its place.
    fn chosen(
        ticks: &[(f64, String)],
        map: &Map,
        (from, to): (f64, f64),
        room: impl Fn(&str) -> f64,
    ) -> Vec<(f64, String)> {
        let mut ordered: Vec<&(f64, String)> = ticks.iter().collect();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
        let placed = |(v, word): &(f64, String)| (map.at(*v), font::clean(word));
        let mut all: Vec<(f64, String)> = ordered.into_iter().map(placed).collect();
        // NaN is in no range.
        all.retain(|(place, _)| *place >= from - 0.5 && *place <= to + 0.5);
        let free = |every: &usize| {
            let some: Vec<&(f64, String)> = all.iter().step_by(*every).collect();
            some.windows(2).all(|w| (w[1].0 - w[0].0).abs() >= room(&w[1].1) + room(&w[0].1))
        };
        let every = (1..all.len()).find(free).unwrap_or(all.len().max(1));
        all.into_iter().step_by(every).collect()
    }

    /// The ticks and labels of the horizontal axis.
    fn below(&self, area: Rect, range: &Range, map: &Map) -> Side {
        let style = self.style;
        if let Some(names) = &self.names.0 {
            return self.names_below(names, area, map);
        }
        let mut best = Side { size: style.em, depth: style.em * 1.0, every: 1, ..Side::default() };
        let half = |label: &str| font::width(label, style.em, false) / 2.0;
        let own = &self.figure.x.ticks;
        let most = if own.is_empty() { 9 } else { 1 };
        for n in (1..=most).rev() {
            let ticks = if own.is_empty() { range.ticks(n) } else { Ticks::default() };
            let places: Vec<(f64, String)> = if own.is_empty() {
                ticks.major.iter().map(|(v, l)| (map.at(*v), l.clone())).collect()
            } else {
                Self::chosen(own, map, (area.x0, area.x1), |word| half(word) + 0.45 * style.em)
            };
            let mut ordered: Vec<(f64, f64)> = places.iter().map(|(p, l)| (*p, half(l))).collect();
            ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
            let free = ordered.windows(2).all(|w| w[1].0 - w[1].1 - (w[0].0 + w[0].1) >= 0.9 * style.em);
            if free {
                best.over.0 = ordered.first().map_or(0.0, |(p, h)| area.x0 - (p - h)).max(0.0);
                best.over.1 = ordered.last().map_or(0.0, |(p, h)| p + h - area.x1).max(0.0);
                best.minor = minor(&ticks, map);
                best.major = places;
                break;
            }
        }
        if best.major.is_empty() {
            best.depth = 0.0;
        }
        best
    }

    /// Names below the axes: level if they fit, else turned, else smaller, else (in a figure of fixed size) not all.
    fn names_below(&self, names: &Names, area: Rect, map: &Map) -> Side {
        let style = self.style;
        let pitch = map.unit();
        let widest = |size: f64| names.widest * size;
        let mut side = Side { size: style.em, every: 1, ..Side::default() };
        let step = |size: f64| size * 1.12;
        if widest(style.em) + 0.7 * style.em > pitch {
            side.angle = -90.0;
            let least = self.least();
            side.size = (pitch / 1.12).clamp(least, style.em);
            if pitch >= 1.6 * style.em && widest(style.em) < 14.0 * style.em {
                side.angle = -45.0;
                side.size = style.em;
            } else if self.fixed {
                side.every = (step(side.size) / pitch).ceil().max(1.0) as usize;
                // Very long names are written smaller, before they push the data out of the figure.
                while widest(side.size) > 0.55 * (area.height() + widest(side.size)) && side.size > least {
                    side.size = (side.size * 0.92).max(least);
                }
            }
        }
        let half = style.em * 0.5;
        side.depth = match side.angle {
            0.0 => side.size,
            -90.0 => widest(side.size),
            _ => (widest(side.size) + side.size) * std::f64::consts::FRAC_1_SQRT_2,
        };
        for (i, name) in names.words.iter().enumerate().step_by(side.every) {
            let place = map.at(i as f64);
            let wide = font::width(name, side.size, false);
            let (before, after) = match side.angle {
                0.0 => (wide / 2.0, wide / 2.0),
                -90.0 => (half, half),
                _ => (wide * std::f64::consts::FRAC_1_SQRT_2, half),
            };
            side.over.0 = side.over.0.max(area.x0 - (place - before));
            side.over.1 = side.over.1.max(place + after - area.x1);
            side.major.push((place, name.clone()));
        }
        if names.words.is_empty() {
            side.depth = 0.0;
        }
        side
    }

    /// The smallest size of names.
    fn least(&self) -> f64 {
        if self.fixed { (self.style.em * 0.5).max(7.0) } else { self.style.em * 0.72 }
    }

    /// The ticks and labels of the vertical axis.
    fn beside(&self, area: Rect, range: &Range, map: &Map) -> Side {
        let style = self.style;
        let mut side = Side { size: style.em, every: 1, ..Side::default() };
        if let Some(names) = &self.names.1 {
            let pitch = map.unit();
            side.size = (pitch / 1.12).clamp(self.least(), style.em);
            if self.fixed {
                side.every = (side.size * 1.12 / pitch).ceil().max(1.0) as usize;
            }
            side.major = names
                .words
                .iter()
                .enumerate()
                .step_by(side.every)
                .map(|(i, n)| (map.at(i as f64), n.clone()))
                .collect();
        } else if !self.figure.y.ticks.is_empty() {
            let half = |_: &str| 0.55 * style.em;
            side.major = Self::chosen(&self.figure.y.ticks, map, (area.y0, area.y1), half);
        } else {
            let room = |each: f64| (area.height() / (each * style.em) + 0.2) as usize;
            let usual = room(2.4).clamp(1, 8);
            // One tick alone tells no scale: a thin panel has as many as can still be read.
            let ticks = (usual..=room(1.1).clamp(usual, 8)).map(|n| range.ticks(n));
            let ticks =
                ticks.reduce(|best, next| if best.major.len() < 2 { next } else { best }).unwrap_or_default();
            side.minor = minor(&ticks, map);
            side.major = ticks.major.into_iter().map(|(v, l)| (map.at(v), l)).collect();
        }
        let half = side.size * 0.55;
        side.depth = side.major.iter().map(|(_, l)| font::width(l, side.size, false)).fold(0.0, f64::max);
        for (place, _) in &side.major {
            side.over.0 = side.over.0.max(place + half - area.y1);
            side.over.1 = side.over.1.max(area.y0 - (place - half));
        }
        side
    }

    /// How wide and high the area between the axes would like to be, where nobody chose the size.
    pub fn wish(&self, plan: &Plan) -> Point {
        let em = self.style.em;
        let (mut width, mut height) = (plan.area.width().max(9.0 * em), plan.area.height().max(7.0 * em));
        // At the smallest size of names; 55 of them still fit into the default width.
        let row = self.least() * 1.12;
        if let (Some(columns), Some(rows)) = (&self.names.0, &self.names.1) {
            // Cells are squares of a size at which their names can be read.
            let cell =
                (28.0 * em / columns.words.len().max(rows.words.len()).max(1) as f64).clamp(row, 3.5 * em);
            (width, height) = (cell * columns.words.len() as f64, cell * rows.words.len() as f64);
            (width, height) = (width.max(9.0 * em), height.max(7.0 * em));
        } else if let Some(names) = &self.names.0 {
            width = width.max(row * names.words.len() as f64);
            if plan.x.angle != 0.0 {
                height = height.max(14.0 * em);
            }
        } else if let Some(names) = &self.names.1 {
            height = ((1.0 + 1.2 * self.beside_each_other() as f64) * em * names.words.len() as f64)
                .clamp(7.0 * em, height)
                .max(row * names.words.len() as f64);
            width = width.max(20.0 * em);
        } else if self.figure.equal {
            let span = |r: &Range| (r.to - r.from).abs();
            let slope = span(&self.ranges.1) / span(&self.ranges.0);
            width = (height / slope).clamp(14.0 * em, width.max(14.0 * em));
            height = (width * slope).clamp(7.0 * em, height);
        } else if plan.outside {
            // A legend beside the axes does not squeeze them.
            width = width.max(24.0 * em);
        }
        if let Some(block) = self.block(height).filter(|_| plan.outside) {
            height = height.max(block.height);
        }
        if self.pie() {
            height = height.max(self.pie_rows() as f64 * 0.75 * em);
        }
        (width.ceil(), height.ceil())
    }

    /// How many bars or boxes share the place of one name on the vertical axis.
    fn beside_each_other(&self) -> usize {
        let count = |of: fn(&Layer) -> bool| self.figure.layers.iter().filter(|l| of(l)).count();
        let bars = count(|l| matches!(l, Layer::Bars { horizontal: true, .. }));
        let boxes = count(|l| matches!(l, Layer::Boxes { horizontal: true, .. }));
        if self.figure.stacked { boxes.max(1) } else { bars.max(boxes).max(1) }
    }

    fn pie_rows(&self) -> usize {
        self.figure.layers.iter().map(|l| l.series().len()).max().unwrap_or(0)
    }

    /// Refuses a plan in which words have left no room for the data.
    pub fn verify(&self, plan: &Plan) -> Result<()> {
        let (free, least) = (plan.outer, 3.0 * self.style.em);
        let need = |margins: f64| (margins + least).ceil();
        let (across, down) = (plan.margins.left + plan.margins.right, plan.margins.top + plan.margins.bottom);
        let width = need(across).max((across + plan.xlabel.width - 0.5 * self.style.em).ceil());
        let height = need(down).max((down + plan.ylabel.width - 0.5 * self.style.em).ceil());
        if width <= free.width() && height <= free.height() {
            return Ok(());
        }
        let (w, h) = (free.width().round(), free.height().round());
        Err(Error::argument(format!("{w} × {h} pixels are too few for the words of this figure"))
            .help(format!("they need about {} × {} pixels", width.max(w), height.max(h)))
            .help("or leave the size open, and the figure takes the room that it needs"))
    }

    /// All marks of the figure, and whether its legend had to go beside the axes.
    pub fn draw(&self, plan: &Plan) -> Vec<Mark> {
        let style = self.style;
        let mut marks = Vec::new();
        let area = plan.area;
        if self.pie() {
            if !self.nothing() {
                marks.extend(draw::pie(self, plan));
            }
        } else if self.figure.bare {
            let ink = draw::layers(self, plan, false);
            marks.extend(ink.behind.into_iter().chain(ink.data).chain(ink.words));
        } else {
            let ink = draw::layers(self, plan, false);
            marks.extend(ink.behind);
            marks.extend(self.grid(plan));
            marks.extend(ink.data);
            marks.extend(self.axes(plan));
            marks.extend(ink.words);
        }
        if self.nothing() {
            let at = (area.centre().0, area.centre().1 + font::CAP / 2.0 * style.label);
            marks.push(word("no data", at, style.label, Anchor::Middle, 0.0, style.ink.faint));
        }
        let mut x = area.x1 + style.em;
        for key in &self.keys {
            let bar = Bar::new(key, style, area.height());
            marks.extend(bar.draw(x, area, style));
            x += bar.width + style.em;
        }
        if let Some(block) = self.block(area.height()) {
            if plan.outside {
                marks.extend(block.draw((x, area.y0), style));
            } else if let Some(corner) = self.corner(plan, &marks) {
                let rect = Rect::new(corner.0, corner.1, corner.0 + block.width, corner.1 + block.height);
                marks.push(Mark::Box {
                    rect: rect.grown(0.25 * style.em),
                    fill: style.ink.background,
                    edge: None,
                });
                marks.extend(block.draw(corner, style));
            }
        }
        marks.extend(self.words(plan));
        marks
    }

    /// A plan with the legend in a free corner, else beside the axes.
    pub fn settle(&self, outer: Rect, least: Margins) -> Plan {
        let inside = self.plan(outer, false, least);
        if self.entries.is_empty() || self.pie() {
            return inside;
        }
        if self.figure.legend == Legend::Auto {
            let ink = draw::layers(self, &inside, true);
            let marks: Vec<Mark> = ink.data.into_iter().chain(ink.words).collect();
            if self.corner(&inside, &marks).is_some() {
                return inside;
            }
        }
        self.plan(outer, true, least)
    }

    /// The upper left corner of a legend where it hides no mark.
    fn corner(&self, plan: &Plan, marks: &[Mark]) -> Option<Point> {
        let area = plan.area;
        let block = self.block(area.height() * 0.6)?;
        if block.width > area.width() * 0.45 || block.height > area.height() * 0.6 {
            return None;
        }
        let inset = 0.6 * self.style.em;
        let (left, right) = (area.x0 + inset, area.x1 - inset - block.width);
        let (top, bottom) = (area.y0 + inset, area.y1 - inset - block.height);
        // The grid and the axes are no data.
        let data: Vec<&Mark> =
            marks.iter().filter(|m| matches!(m, Mark::Clip { .. } | Mark::Text(_))).collect();
        [(right, top), (left, top), (right, bottom), (left, bottom)].into_iter().find(|(x, y)| {
            let rect = Rect::new(*x, *y, x + block.width, y + block.height).grown(0.4 * self.style.em);
            !data.iter().any(|m| m.touches(&rect))
        })
    }

    /// Light lines at the ticks of numbers.
    fn grid(&self, plan: &Plan) -> Vec<Mark> {
        let heat = self.figure.layers.iter().any(|l| matches!(**l, Layer::Heatmap { .. }));
        if heat
            || self.nothing()
            || matches!(self.figure.layers.first().map(|l| &**l), Some(Layer::Segments { .. }))
        {
            return Vec::new();
        }
        let (style, area) = (self.style, plan.area);
        let mut paths = Vec::new();
        let standing = self
            .figure
            .layers
            .iter()
            .any(|l| matches!(**l, Layer::Histogram { .. } | Layer::Bars { .. } | Layer::Boxes { .. }));
        // Bars and boxes are read along their values only.
        if self.names.0.is_none() && (!standing || self.names.1.is_some()) {
            paths.extend(
                plan.x.major.iter().map(|(x, _)| vec![(style.snap(*x), area.y0), (style.snap(*x), area.y1)]),
            );
        }
        if self.names.1.is_none() {
            paths.extend(
                plan.y.major.iter().map(|(y, _)| vec![(area.x0, style.snap(*y)), (area.x1, style.snap(*y))]),
            );
        }
        vec![Mark::Lines { paths, stroke: Stroke::new(style.ink.grid, style.hair) }]
    }

    /// The axes with their ticks and labels.
    fn axes(&self, plan: &Plan) -> Vec<Mark> {
        let (style, area) = (self.style, plan.area);
        let stroke = Stroke::new(style.ink.axis, style.hair);
        let (left, bottom) = (style.snap(area.x0), style.snap(area.y1));
        let heat = self.figure.layers.iter().any(|l| matches!(**l, Layer::Heatmap { .. }));
        let mut paths = vec![vec![(left, area.y0), (left, bottom), (area.x1, bottom)]];
        if heat {
            let (right, top) = (style.snap(area.x1), style.snap(area.y0));
            paths = vec![vec![(left, top), (left, bottom), (right, bottom), (right, top), (left, top)]];
        }
        // Names need no ticks where bars or cells show what they belong to.
        let ticked = |names: &Option<Names>| if names.is_some() { 0.0 } else { style.tick };
        let (down, out) = (ticked(&self.names.0), ticked(&self.names.1));
        for (x, _) in &plan.x.major {
            paths.push(vec![(style.snap(*x), bottom), (style.snap(*x), bottom + down)]);
        }
        for x in &plan.x.minor {
            paths.push(vec![(style.snap(*x), bottom), (style.snap(*x), bottom + down * 0.55)]);
        }
        for (y, _) in &plan.y.major {
            paths.push(vec![(left - out, style.snap(*y)), (left, style.snap(*y))]);
        }
        for y in &plan.y.minor {
            paths.push(vec![(left - out * 0.55, style.snap(*y)), (left, style.snap(*y))]);
        }
        let mut marks = vec![Mark::Lines { paths, stroke }];
        let top = area.y1 + style.tick + 0.35 * style.em;
        let below = if self.written() { plan.x.major.as_slice() } else { &[] };
        for (x, label) in below {
            let size = plan.x.size;
            let (at, anchor) = match plan.x.angle {
                0.0 => ((*x, top + font::ASCENT * size), Anchor::Middle),
                -90.0 => ((x + font::CAP / 2.0 * size, top), Anchor::End),
                _ => ((x + 0.35 * size, top + 0.5 * size), Anchor::End),
            };
            marks.push(word(label, at, size, anchor, plan.x.angle, style.ink.text));
        }
        for (y, label) in &plan.y.major {
            let at = (area.x0 - style.tick - 0.35 * style.em, y + font::CAP / 2.0 * plan.y.size);
            marks.push(word(label, at, plan.y.size, Anchor::End, 0.0, style.ink.text));
        }
        marks
    }

    /// Title, letter, labels of the axes and notes.
    fn words(&self, plan: &Plan) -> Vec<Mark> {
        let (style, area, outer) = (self.style, plan.area, plan.outer);
        let ink = style.ink;
        let air = 0.7 * style.em;
        let mut marks = Vec::new();
        let bold = |text: &str, at: Point, size: f64| {
            let (text, colour) = (text.to_owned(), ink.text);
            Mark::Text(Text { words: text, at, size, bold: true, anchor: Anchor::Start, angle: 0.0, colour })
        };
        let first = outer.y0 + air + font::ASCENT * style.title;
        if let Some(letter) = &self.letter {
            marks.push(bold(letter, (outer.x0 + 0.4 * style.em, first), style.title * 1.15));
        }
        let start = self.title_start(outer, area);
        for (i, line) in plan.title.iter().enumerate() {
            marks.push(bold(line, (start, first + i as f64 * style.title * font::LINE), style.title));
        }
        let (cx, cy) = area.centre();
        let used = |side: &Side| if side.major.is_empty() { 0.0 } else { style.tick + 0.35 * style.em };
        let mut y = area.y1 + used(&plan.x) + plan.x.depth;
        for (i, line) in plan.xlabel.lines.iter().enumerate() {
            let base = y + 0.3 * style.em + (i as f64 + 0.8) * plan.xlabel.size * font::LINE;
            marks.push(word(line, (cx, base), plan.xlabel.size, Anchor::Middle, 0.0, ink.text));
        }
        y += plan.xlabel.height(style);
        let right = area.x0 - used(&plan.y) - plan.y.depth - 0.3 * style.em;
        for (i, line) in plan.ylabel.lines.iter().rev().enumerate() {
            let base = right - (i as f64 + 0.25) * plan.ylabel.size * font::LINE;
            marks.push(word(line, (base, cy), plan.ylabel.size, Anchor::Middle, -90.0, ink.text));
        }
        let size = style.em * SIDE;
        for (i, line) in plan.side.iter().enumerate() {
            let lines = plan.side.len() as f64;
            let base = cy + (i as f64 + 0.5 - lines / 2.0) * size * font::LINE + font::CAP / 2.0 * size;
            let at = (area.x1 + 0.5 * style.em, base);
            marks.push(word(line, at, size, Anchor::Start, 0.0, ink.text));
        }
        for (i, line) in plan.notes.iter().enumerate() {
            let base = y + 0.4 * style.em + (i as f64 + 0.8) * style.small * font::LINE;
            marks.push(word(line, (area.x0, base), style.small, Anchor::Start, 0.0, ink.faint));
        }
        marks
    }
}

/// A line of plain text.
fn word(text: &str, at: Point, size: f64, anchor: Anchor, angle: f64, colour: Colour) -> Mark {
    Mark::Text(Text { words: text.to_owned(), at, size, bold: false, anchor, angle, colour })
}

fn minor(ticks: &Ticks, map: &Map) -> Vec<f64> {
    ticks.minor.iter().map(|v| map.at(*v)).collect()
}

fn ordinal(n: usize) -> String {
    let ending = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{}{ending}", count(n))
}

impl Names {
    /// The names of an axis, if it has any; boxes tell how many values they stand for.
    fn new(figure: &Figure, vertical: bool) -> Option<Names> {
        let axis = if vertical { &figure.y } else { &figure.x };
        let names = axis.categories()?;
        let boxes = figure.layers.iter().filter_map(|l| match &**l {
            Layer::Boxes { boxes, horizontal, .. } if *horizontal == vertical => Some(boxes),
            _ => None,
        });
        let boxes: Vec<&Vec<BoxStats>> = boxes.collect();
        let written = |(i, name): (usize, &String)| {
            let sizes: Vec<String> = boxes.iter().filter_map(|of| of.get(i)).map(|b| count(b.n)).collect();
            // One number for each box, in the order of the legend.
            let n = if sizes.is_empty() { String::new() } else { format!(" (n={})", sizes.join(" | ")) };
            font::clean(name).trim_end().to_owned() + n.as_str()
        };
        let words: Vec<String> = names.iter().enumerate().map(written).collect();
        let widest = words.iter().map(|w| font::width(w, 1.0, false)).fold(0.0, f64::max);
        Some(Names { words, widest })
    }
}

/// Widens one of two linear ranges so that one unit has the same length on both.
fn equalised((x, y): (Range, Range), area: Rect) -> (Range, Range) {
    let (dx, dy) = ((x.to - x.from).abs(), (y.to - y.from).abs());
    if x.log || y.log || !(dx > 0.0 && dy > 0.0) {
        return (x, y);
    }
    let widen = |r: Range, by: f64| {
        let (middle, half) = (f64::midpoint(r.from, r.to), (r.to - r.from) / 2.0 * by);
        Range { from: middle - half, to: middle + half, ..r }
    };
    let (unit_x, unit_y) = (area.width() / dx, area.height() / dy);
    if unit_x > unit_y { (widen(x, unit_x / unit_y), y) } else { (x, widen(y, unit_y / unit_x)) }
}

/// Whether the cells of a heat map have names on both axes.
pub(super) fn square(figure: &Figure) -> bool {
    let named = |l: &Layer| matches!(l, Layer::Heatmap { columns: Bins::Names, rows: Bins::Names, .. });
    figure.layers.iter().any(|l| named(l))
}
