//! The legend as a block of names with their marks, and the colour bars.

use super::font;
use super::key::ColourKey;
use super::layout::Style;
use super::palette::{Entry, Swatch};
use super::scene::{Anchor, Mark, Point, Rect, Stroke, Text};

/// A legend that has been measured.
pub(super) struct Block<'a> {
    heading: &'a str,
    entries: &'a [Entry],
    rows: usize,
    widths: Vec<f64>,
    /// Pixels of one em of its text.
    size: f64,
    pub width: f64,
    pub height: f64,
}

const ROW: f64 = 1.4;
const SWATCH: f64 = 1.5;
const GAP: f64 = 0.5;

impl<'a> Block<'a> {
    /// A legend that is at most `height` pixels high; it has as many columns as that needs.
    pub fn new(heading: &'a str, entries: &'a [Entry], style: &Style, height: f64) -> Option<Self> {
        if entries.is_empty() {
            return None;
        }
        // Many names are written smaller before they take a third column.
        let size = style.em * if entries.len() > 24 { 0.75 } else { 0.9 };
        let top = if heading.is_empty() { 0.0 } else { ROW };
        let rows = ((height / size - top) / ROW).floor().max(1.0) as usize;
        let columns = entries.len().div_ceil(rows);
        let rows = entries.len().div_ceil(columns);
        let width = |text: &str| font::width(&font::clean(text), size, false);
        let widths: Vec<f64> = entries
            .chunks(rows)
            .map(|chunk| chunk.iter().map(|e| width(&e.name)).fold(0.0, f64::max) + (SWATCH + GAP) * size)
            .collect();
        let all = widths.iter().sum::<f64>() + (widths.len() - 1) as f64 * size;
        let height = (rows as f64 * ROW + top) * size;
        Some(Block { heading, entries, rows, size, width: all.max(width(heading)), height, widths })
    }

    /// The marks of the legend with its upper left corner at `at`.
    pub fn draw(&self, at: Point, style: &Style) -> Vec<Mark> {
        let size = self.size;
        let mut marks = Vec::new();
        let mut top = at.1;
        let words = |text: &str, x: f64, middle: f64| {
            Mark::Text(Text {
                words: font::clean(text),
                at: (x, middle + font::CAP / 2.0 * size),
                size,
                bold: false,
                anchor: Anchor::Start,
                angle: 0.0,
                colour: style.ink.text,
            })
        };
        if !self.heading.is_empty() {
            marks.push(words(self.heading, at.0, top + ROW / 2.0 * size));
            top += ROW * size;
        }
        let mut left = at.0;
        for (chunk, width) in self.entries.chunks(self.rows).zip(&self.widths) {
            for (i, entry) in chunk.iter().enumerate() {
                let middle = top + (i as f64 + 0.5) * ROW * size;
                swatch(&entry.swatch, (left, middle), size, style, &mut marks);
                marks.push(words(&entry.name, left + (SWATCH + GAP) * size, middle));
            }
            left += width + size;
        }
        marks
    }
}

/// The mark of a series, `SWATCH` em wide from `left`.
fn swatch(swatch: &Swatch, (left, middle): Point, size: f64, style: &Style, marks: &mut Vec<Mark>) {
    let centre = (left + SWATCH / 2.0 * size, middle);
    let dot = |look: &super::palette::Look, radius: f64| Mark::Dots {
        points: vec![centre],
        colours: vec![look.line],
        radius,
        shape: look.shape,
    };
    match swatch {
        Swatch::Patch(look) => {
            let (w, h) = (0.55 * size, 0.38 * size);
            let rect = Rect::new(centre.0 - w, centre.1 - h, centre.0 + w, centre.1 + h);
            let edge = style.ink.grey_safe.then(|| Stroke::new(style.ink.axis, style.hair));
            marks.push(Mark::Box { rect, fill: look.fill, edge });
        }
        Swatch::Line(look, dots) => {
            let path = vec![(left, middle), (left + SWATCH * size, middle)];
            marks.push(Mark::Lines { paths: vec![path], stroke: look.stroke(style.stroke * 1.2) });
            if *dots {
                marks.push(dot(look, 0.2 * size));
            }
        }
        Swatch::Dot(look) => marks.push(dot(look, 0.26 * size)),
    }
}

/// A colour bar with its ticks and label, measured for a height.
pub(super) struct Bar<'a> {
    key: &'a ColourKey,
    ticks: Vec<(f64, String)>,
    label: Vec<String>,
    pub width: f64,
    /// How far the labels of the ticks may reach above and below the bar.
    pub over: f64,
}

/// The width of the bar itself, in em.
const BAR: f64 = 0.9;

impl<'a> Bar<'a> {
    pub fn new(key: &'a ColourKey, style: &Style, height: f64) -> Self {
        let count = ((height / (2.2 * style.em)) as usize).clamp(1, 7);
        let ticks = key.ticks(count).major;
        let widest = ticks.iter().map(|(_, l)| font::width(l, style.em, false)).fold(0.0, f64::max);
        let label = font::wrap(&key.label, height.max(6.0 * style.em), style.label, false);
        let words = label.len() as f64 * style.label * font::LINE
            + if label.is_empty() { 0.0 } else { 0.4 * style.em };
        let width = (BAR + 0.35) * style.em + style.tick + widest + words;
        Bar { key, ticks, label, width, over: 0.5 * style.em }
    }

    /// The marks of the bar, its left side at `x`, over the height of `area`.
    pub fn draw(&self, x: f64, area: Rect, style: &Style) -> Vec<Mark> {
        let rect = Rect::new(x.round(), area.y0, (x + BAR * style.em).round(), area.y1);
        let steps = (rect.height() as usize).clamp(1, 128);
        let edge = |i: usize| (rect.y0 + rect.height() * i as f64 / steps as f64).round();
        let cell = |i: usize| {
            let colour = self.key.along(1.0 - (i as f64 + 0.5) / steps as f64);
            (Rect::new(rect.x0, edge(i), rect.x1, edge(i + 1)), colour)
        };
        let mut marks = vec![Mark::Cells((0..steps).map(cell).collect())];
        let map = self.key.places(rect.y1, rect.y0);
        let axis = Stroke::new(style.ink.axis, style.hair);
        marks.push(Mark::Box { rect, fill: style.ink.axis.alpha(0.0), edge: Some(axis.clone()) });
        let mut widest = 0.0_f64;
        for (v, label) in &self.ticks {
            let y = style.snap(map.at(*v));
            marks.push(Mark::Lines {
                paths: vec![vec![(rect.x1, y), (rect.x1 + style.tick, y)]],
                stroke: axis.clone(),
            });
            let text = Text {
                words: label.clone(),
                at: (rect.x1 + style.tick + 0.35 * style.em, y + font::CAP / 2.0 * style.em),
                size: style.em,
                bold: false,
                anchor: Anchor::Start,
                angle: 0.0,
                colour: style.ink.text,
            };
            widest = widest.max(font::width(label, style.em, false));
            marks.push(Mark::Text(text));
        }
        let left = rect.x1 + style.tick + 0.75 * style.em + widest;
        for (i, line) in self.label.iter().enumerate() {
            marks.push(Mark::Text(Text {
                words: line.clone(),
                at: (left + (i as f64 + 0.8) * style.label * font::LINE, area.centre().1),
                size: style.label,
                bold: false,
                anchor: Anchor::Middle,
                angle: -90.0,
                colour: style.ink.text,
            }));
        }
        marks
    }
}
