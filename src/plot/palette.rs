//! Which series has which colour: the same name has the same colour in all panels of a figure.

use std::collections::HashMap;

use super::scene::{Shape, Stroke};
use super::theme::{Colour, Ink};
use super::{Figure, Layer};

/// The named series of a whole figure, in the order of their first appearance.
pub(super) struct Palette {
    places: HashMap<String, usize>,
}

impl Palette {
    pub fn new(figure: &Figure) -> Self {
        let mut palette = Palette { places: HashMap::new() };
        palette.collect(figure);
        palette
    }

    fn collect(&mut self, figure: &Figure) {
        for name in figure.layers.iter().flat_map(|l| l.series()).filter(|name| !name.is_empty()) {
            let next = self.places.len();
            self.places.entry(name.clone()).or_insert(next);
        }
        figure.panels.iter().flatten().for_each(|panel| self.collect(panel));
    }

    /// The number of the series `name` of the `i`th layer. Series without a name are counted in their own figure,
    /// after the named ones if it has any.
    pub fn number(&self, figure: &Figure, i: usize, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let nameless = |l: &&std::sync::Arc<Layer>| l.series().first().is_some_and(String::is_empty);
        let before = figure.layers.iter().take(i).filter(nameless).count();
        let named = figure.layers.iter().flat_map(|l| l.series()).any(|name| !name.is_empty());
        if named { self.places.len() + before } else { before }
    }
}

/// How one series looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub line: Colour,
    pub fill: Colour,
    pub shape: Shape,
    pub dash: &'static [f32],
}

impl Look {
    pub fn new(ink: &Ink, n: usize) -> Self {
        let shapes = [Shape::Disc, Shape::Square, Shape::Triangle, Shape::Diamond];
        let turn = if ink.grey_safe { n } else { n / ink.series.len() };
        Look { line: ink.line(n), fill: ink.fill(n), shape: shapes[turn % shapes.len()], dash: ink.dash(n) }
    }

    /// The look of the series `name` of the `i`th layer. A series that is alone between its axes needs no dashes to be
    /// told apart.
    pub fn of(ink: &Ink, palette: &Palette, figure: &Figure, i: usize, name: &str) -> Self {
        let look = Look::new(ink, palette.number(figure, i, name));
        let mut series = figure.layers.iter().filter(|l| l.name().is_some()).flat_map(|l| l.series());
        let alone = series.all(|other| other == name && !name.is_empty());
        if alone { Look { dash: &[], ..look } } else { look }
    }

    pub fn stroke(&self, width: f64) -> Stroke {
        Stroke { colour: self.line, width, dash: self.dash, round: self.dash.is_empty() }
    }
}

/// The mark beside a name in the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Swatch {
    Patch(Look),
    Line(Look, bool),
    Dot(Look),
}

/// A name in the legend.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub name: String,
    pub swatch: Swatch,
}

/// The legend's heading and names, each name once.
pub(super) fn entries(figure: &Figure, palette: &Palette, ink: &Ink) -> (String, Vec<Entry>) {
    let mut heading = figure.heading.clone();
    let mut entries: Vec<Entry> = Vec::new();
    for (i, layer) in figure.layers.iter().enumerate() {
        if let Layer::Scatter { colour: super::Colouring::Category { label, .. }, .. } = &**layer
            && heading.is_empty()
        {
            heading.clone_from(label);
        }
        for name in layer.series().iter().filter(|name| !name.is_empty()) {
            if matches!(**layer, Layer::Pie { .. }) || entries.iter().any(|e| e.name == *name) {
                continue;
            }
            let look = Look::of(ink, palette, figure, i, name);
            let swatch = match &**layer {
                Layer::Line { markers, .. } => Swatch::Line(look, *markers),
                Layer::Steps { .. } | Layer::Segments { .. } | Layer::Bundle { .. } => {
                    Swatch::Line(look, false)
                }
                Layer::Scatter { .. } => Swatch::Dot(look),
                _ => Swatch::Patch(look),
            };
            entries.push(Entry { name: name.clone(), swatch });
        }
    }
    // One name alone says nothing that a title or the axis does not say.
    let told_by_colour = figure.layers.iter().any(|l| {
        matches!(
            **l,
            Layer::Segments { .. } | Layer::Scatter { colour: super::Colouring::Category { .. }, .. }
        )
    });
    let told = !figure.title.is_empty() || entries.iter().all(|e| e.name == figure.y.label);
    if entries.len() < 2 && told && !told_by_colour {
        entries.clear();
    }
    (heading, entries)
}
