//! What a figure shows, as plain data: axes, layers and the words around them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::layer::drawable;
use super::ticks::count;
use super::{Layer, Theme};
use crate::diag::{Error, Result};

/// How an axis maps values to places.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scale {
    /// Equal steps for equal differences.
    #[default]
    Linear,
    /// Equal steps for equal ratios; only values above zero have a place.
    Log,
    /// Names in this order, from left to right and from top to bottom. The number `i` stands for the middle of the
    /// `i`th name.
    Category(Vec<String>),
}

/// One axis of a figure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What is measured: `delay`.
    pub label: String,
    /// Its unit, empty where there is none: `ms`.
    pub unit: String,
    /// The values at its two ends, where they are not to follow from the data. The first may be the larger one.
    pub limits: Option<(f64, f64)>,
    /// How values become places.
    pub scale: Scale,
    /// Values with what is written at them, where the ticks are not to follow from the range. Where they have too little
    /// room, every second is written, or every third …
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// A linear axis; `unit` may be empty.
    pub fn new(label: impl Into<String>, unit: impl Into<String>) -> Self {
        Axis { label: label.into(), unit: unit.into(), ..Axis::default() }
    }

    /// An axis of names.
    pub fn names(label: impl Into<String>, names: Vec<String>) -> Self {
        Axis { label: label.into(), scale: Scale::Category(names), ..Axis::default() }
    }

    /// The label with its unit: `delay (ms)`.
    pub fn text(&self) -> String {
        with_unit(&self.label, &self.unit)
    }

    /// The names of an axis of names.
    pub fn categories(&self) -> Option<&[String]> {
        match &self.scale {
            Scale::Category(names) => Some(names),
            _ => None,
        }
    }

    /// Sets the label; a unit in parentheses at its end is taken as the unit.
    fn relabel(&mut self, text: &str) {
        text.clone_into(&mut self.label);
        self.unit.clear();
        if let Some((label, rest)) = text.trim_end().rsplit_once(" (")
            && let Some(unit) = rest.strip_suffix(')')
            && !unit.contains(['(', ')'])
        {
            label.clone_into(&mut self.label);
            unit.clone_into(&mut self.unit);
        }
    }

    fn limit(&mut self, letter: char, a: f64, b: f64) -> Result<()> {
        if self.categories().is_some() {
            return Err(Error::argument(format!("the {letter} axis shows names, so it has no limits"))
                .help("choose the rows before drawing them"));
        }
        if !drawable(a, false) || !drawable(b, false) || a == b {
            return Err(Error::argument(format!(
                "the limits {a} and {b} of the {letter} axis span no range"
            )));
        }
        self.limits = Some((a, b));
        Ok(())
    }

    fn rescale(&mut self, letter: char, name: &str) -> Result<()> {
        let scale = match name {
            "linear" => Scale::Linear,
            "log" => Scale::Log,
            _ => return Err(Error::unknown("scale", name, ["linear", "log"])),
        };
        if self.categories().is_some() {
            return Err(Error::argument(format!("the {letter} axis shows names, so it has no {name} scale")));
        }
        self.scale = scale;
        Ok(())
    }
}

/// `label (unit)`, or the one of them that is there.
pub(super) fn with_unit(label: &str, unit: &str) -> String {
    match (label.is_empty(), unit.is_empty()) {
        (_, true) => label.to_owned(),
        (true, false) => unit.to_owned(),
        (false, false) => format!("{label} ({unit})"),
    }
}

/// Where the names of the series stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Legend {
    /// In a free corner, else beside the axes; left out where there is only one series.
    #[default]
    Auto,
    /// Beside the axes.
    Outside,
    /// Nowhere.
    Hidden,
}

/// What is shown. Cheap to clone: the layers are shared.
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// Above the axes, may be empty.
    pub title: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What stands between the axes, drawn in this order.
    pub layers: Vec<Arc<Layer>>,
    /// Where the names of the series stand.
    pub legend: Legend,
    /// Written above them: what they are, as `layer`. May be empty.
    pub heading: String,
    /// Width and height in pixels; where nobody chose it, it follows from the theme and from the room that names need.
    pub size: Option<(u32, u32)>,
    /// The look.
    pub theme: Theme,
    /// What a reader must know, in small print below the axes.
    pub notes: Vec<String>,
    /// Several series of bars stand on each other, not beside each other.
    pub stacked: bool,
    /// One unit has the same length on both axes.
    pub equal: bool,
    /// Rows of figures; where there are any, the figure is a grid and has no axes of its own.
    pub panels: Vec<Vec<Figure>>,
    /// The panels bear the letters A, B, C …
    pub lettered: bool,
    /// The panels of a grid share one horizontal axis, which is written once, below each column. The label of the grid's
    /// own vertical axis, if it has one, stands beside all of them, and all notes stand at its foot.
    pub shared: bool,
    /// How it stands in such a grid.
    pub panel: Panel,
    /// No axes are drawn: the layers bring their own, as a box seen in perspective.
    pub bare: bool,
}

/// How a figure stands in a grid whose panels [share](Figure::shared) an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Written on the right of the axes, as whose trace it is; may have several lines.
    pub label: String,
    /// How high its row is, relative to the others.
    pub height: f64,
    /// It takes what is left of its row.
    pub wide: bool,
}

impl Default for Panel {
    fn default() -> Self {
        Panel { label: String::new(), height: 1.0, wide: false }
    }
}

/// The smallest and the largest side of a figure in pixels, and the most pixels of it.
const SIDES: (u32, u32) = (100, 20_000);
const PIXELS: u64 = 120_000_000;

impl Figure {
    /// An empty figure with these axes.
    pub fn new(x: Axis, y: Axis) -> Self {
        Figure { x, y, ..Figure::default() }
    }

    /// Adds a layer on top.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Adds a note in small print.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Sets the title.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Sets the label of the horizontal axis (of each panel, in a grid), with the unit in parentheses, if any.
    pub fn xlabel(mut self, label: &str) -> Self {
        self.each(&mut |figure| {
            figure.x.relabel(label);
            Ok(())
        })
        .unwrap_or_default();
        self
    }

    /// Sets the label of the vertical axis (of each panel, in a grid), with the unit in parentheses, if any.
    pub fn ylabel(mut self, label: &str) -> Self {
        if !self.panels.is_empty() && !self.y.label.is_empty() {
            self.y.relabel(label);
            return self;
        }
        self.each(&mut |figure| {
            figure.y.relabel(label);
            Ok(())
        })
        .unwrap_or_default();
        self
    }

    /// Sets the ends of the horizontal axis; `a` stands left, also where it is the larger one.
    ///
    /// # Errors
    /// When the axis shows names, or the limits are equal or not finite.
    pub fn xlim(mut self, a: f64, b: f64) -> Result<Self> {
        self.each(&mut |figure| figure.x.limit('x', a, b))?;
        Ok(self)
    }

    /// Sets the ends of the vertical axis; `a` stands at the bottom.
    ///
    /// # Errors
    /// As for [`xlim`](Self::xlim).
    pub fn ylim(mut self, a: f64, b: f64) -> Result<Self> {
        self.each(&mut |figure| figure.y.limit('y', a, b))?;
        Ok(self)
    }

    /// Makes the horizontal axis `"linear"` or `"log"`.
    ///
    /// # Errors
    /// When there is no such scale, or the axis shows names.
    pub fn xscale(mut self, name: &str) -> Result<Self> {
        self.each(&mut |figure| figure.x.rescale('x', name))?;
        Ok(self)
    }

    /// Makes the vertical axis `"linear"` or `"log"`.
    ///
    /// # Errors
    /// As for [`xscale`](Self::xscale).
    pub fn yscale(mut self, name: &str) -> Result<Self> {
        self.each(&mut |figure| figure.y.rescale('y', name))?;
        Ok(self)
    }

    /// Sets the size in pixels.
    ///
    /// # Errors
    /// When a side is below 100 or above 20,000 pixels, or there are more than 120 million pixels.
    pub fn size(mut self, width: u32, height: u32) -> Result<Self> {
        let fits = |side| (SIDES.0..=SIDES.1).contains(&side);
        if !fits(width) || !fits(height) || u64::from(width) * u64::from(height) > PIXELS {
            return Err(Error::argument(format!("a figure cannot have {width} × {height} pixels"))
                .help("a side may have 100 to 20,000 pixels, the whole 120 million"));
        }
        self.size = Some((width, height));
        Ok(self)
    }

    /// Sets the look: `"light"`, `"dark"` or `"print"`.
    ///
    /// # Errors
    /// When there is no such theme.
    pub fn theme(mut self, name: &str) -> Result<Self> {
        let theme = Theme::named(name)?;
        self.theme = theme;
        self.each(&mut |figure| {
            figure.theme = theme;
            Ok(())
        })?;
        Ok(self)
    }

    /// Gives one unit the same length on both axes, as positions need it.
    pub fn equal(mut self) -> Self {
        self.each(&mut |figure| {
            figure.equal = true;
            Ok(())
        })
        .unwrap_or_default();
        self
    }

    /// Several series of bars stand on each other.
    pub fn stacked(mut self) -> Self {
        self.each(&mut |figure| {
            figure.stacked = true;
            Ok(())
        })
        .unwrap_or_default();
        self
    }

    /// Applies a change to the figure with axes, or to each panel of a grid.
    fn each(&mut self, change: &mut dyn FnMut(&mut Figure) -> Result<()>) -> Result<()> {
        if self.panels.is_empty() {
            return change(self);
        }
        self.panels.iter_mut().flatten().try_for_each(|panel| panel.each(change))
    }

    /// Puts `other` into the axes of this figure. Series are told apart by their names; a series without a name takes
    /// the title of its figure. Names on an axis are united, in the order of this figure.
    ///
    /// # Errors
    /// When one of them is a grid, a pie or a second heat map, when an axis shows names in one and numbers in the other,
    /// or when the units of an axis differ.
    pub fn overlay(self, other: Figure) -> Result<Figure> {
        if !self.panels.is_empty() || !other.panels.is_empty() {
            return Err(Error::argument("a grid of figures cannot be laid over another figure")
                .help("lay the panels over each other before making the grid"));
        }
        let both = || self.layers.iter().chain(&other.layers);
        if both().any(|l| matches!(**l, Layer::Pie { .. })) {
            return Err(Error::argument("a pie has no axes that another figure could share"));
        }
        if both().filter(|l| matches!(***l, Layer::Heatmap { .. })).count() > 1 {
            return Err(Error::argument("one heat map would hide the other")
                .help("put them side by side: grid([[a, b]])"));
        }
        let mut figure = self.clone();
        let x = unite('x', &mut figure.x, &other.x)?;
        let y = unite('y', &mut figure.y, &other.y)?;
        let by_title = !self.title.is_empty() && !other.title.is_empty() && self.title != other.title;
        let name = |f: &Figure| if by_title { f.title.clone() } else { f.y.label.clone() };
        let named = by_title || self.y.label != other.y.label;
        let take = |of: &Figure, x: Option<Move>, y: Option<Move>| -> Vec<Arc<Layer>> {
            let placed = |l: &Arc<Layer>| {
                let still = x.is_none() && y.is_none();
                let layer = if still { l.clone() } else { Arc::new(l.moved(x.as_ref(), y.as_ref())) };
                if named && layer.name() == Some("") {
                    Arc::new(layer.as_ref().clone().named(name(of)))
                } else {
                    layer
                }
            };
            of.layers.iter().map(placed).collect()
        };
        figure.layers = take(&self, Move::widening(&self.x, &figure.x), Move::widening(&self.y, &figure.y));
        figure.layers.extend(take(&other, x, y));
        if by_title {
            figure.title.clear();
        } else if figure.title.is_empty() {
            figure.title = other.title;
        }
        figure.notes.extend(other.notes.into_iter().filter(|note| !self.notes.contains(note)));
        figure.equal |= other.equal;
        Ok(figure)
    }

    /// Puts figures into rows, the panels lettered A, B, C … where there are several.
    ///
    /// # Errors
    /// When there is no figure, or a panel is itself a grid.
    pub fn grid(rows: Vec<Vec<Figure>>) -> Result<Figure> {
        let panels: Vec<Vec<Figure>> = rows.into_iter().filter(|row| !row.is_empty()).collect();
        let all = || panels.iter().flatten();
        if all().any(|panel| !panel.panels.is_empty()) {
            return Err(Error::argument("a grid cannot be a panel of another grid")
                .help("give all figures in one grid: grid([[a, b], [c, d]])"));
        }
        let Some(first) = all().next() else {
            return Err(Error::argument("a grid needs at least one figure").help("grid([[a, b], [c, d]])"));
        };
        let (theme, lettered) = (first.theme, all().nth(1).is_some());
        Ok(Figure { theme, panels, lettered, ..Figure::default() })
    }

    /// Puts figures below each other on one horizontal axis, which is written once. The notes of all stand at the foot.
    ///
    /// # Errors
    /// As for [`grid`](Self::grid).
    pub fn stack(rows: Vec<Vec<Figure>>) -> Result<Figure> {
        let mut figure = Figure { shared: true, lettered: false, ..Figure::grid(rows)? };
        for panel in figure.panels.iter_mut().flatten() {
            figure.notes.append(&mut panel.notes);
        }
        figure.notes = distinct(std::mem::take(&mut figure.notes));
        Ok(figure)
    }

    /// How it stands in a grid whose panels share an axis.
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panel = panel;
        self
    }

    /// The whole figure in one line, for a terminal: `histogram of delay (ms), 40 bins, 1,234 values`.
    pub fn describe(&self) -> String {
        if !self.panels.is_empty() {
            let panels: Vec<String> = self.panels.iter().flatten().map(Figure::describe).collect();
            let columns = self.panels.iter().map(Vec::len).max().unwrap_or(0);
            let text = format!(
                "grid of {} × {} figures: {}",
                self.panels.len(),
                columns,
                distinct(panels).join("; ")
            );
            return if self.title.is_empty() { text } else { format!("{}: {text}", self.title) };
        }
        let mut words: Vec<String> = self.layers.iter().filter_map(|l| l.describe(self)).collect();
        if words.is_empty() {
            words.push("empty figure".to_owned());
        }
        words.dedup();
        let text = words.join("; ");
        if self.title.is_empty() { text } else { format!("{}: {text}", self.title) }
    }

    /// The bytes of the file `path`, in the format that its extension names.
    ///
    /// # Errors
    /// When the extension is neither `png` nor `svg`, and as for [`to_png`](Self::to_png).
    pub fn encode(&self, path: &Path) -> Result<Vec<u8>> {
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        match extension.as_str() {
            "png" => self.to_png(),
            "svg" => self.to_svg().map(String::into_bytes),
            "" => {
                Err(Error::argument(format!("{} does not say which kind of picture it is", path.display()))
                    .help("end its name with .png or .svg"))
            }
            _ => Err(Error::unknown("kind of picture", &extension, ["png", "svg"]).in_file(path)),
        }
    }

    /// Checks what the types cannot: lengths that must agree, ranges that rise.
    pub(super) fn check(&self) -> Result<()> {
        for panel in self.panels.iter().flatten() {
            panel.check()?;
        }
        for (letter, axis) in [('x', &self.x), ('y', &self.y)] {
            if let (Scale::Log, Some((a, b))) = (&axis.scale, axis.limits)
                && !(drawable(a, true) && drawable(b, true))
            {
                return Err(Error::argument(format!(
                    "a logarithmic {letter} axis cannot reach from {a} to {b}"
                ))
                .help("its limits must be above zero"));
            }
        }
        if self.layers.len() > 1 && self.layers.iter().any(|l| matches!(**l, Layer::Pie { .. })) {
            return Err(Error::argument("a pie has no axes that another figure could share"));
        }
        self.layers.iter().try_for_each(|layer| layer.check(self))
    }
}

/// Each once, in the order of their first appearance.
pub(super) fn distinct(all: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    all.into_iter().filter(|one| seen.insert(one.clone())).collect()
}

/// Where the names of an axis stand after it was united with another.
pub(super) struct Move {
    /// The new place of each name.
    pub to: Vec<usize>,
    /// How many names there are now.
    pub len: usize,
}

impl Move {
    /// From the axis `before` to the same axis with more names at its end.
    fn widening(before: &Axis, after: &Axis) -> Option<Move> {
        let (before, after) = (before.categories()?.len(), after.categories()?.len());
        (before != after).then(|| Move { to: (0..before).collect(), len: after })
    }
}

/// Extends `axis` by the names of `other`; the answer says where the names of `other` stand now, if it has names.
fn unite(letter: char, axis: &mut Axis, other: &Axis) -> Result<Option<Move>> {
    if !axis.unit.is_empty() && !other.unit.is_empty() && axis.unit != other.unit {
        return Err(Error::argument(format!(
            "the {letter} axes have different units: {} and {}",
            axis.text(),
            other.text()
        )));
    }
    if axis.unit.is_empty() && axis.label == other.label {
        axis.unit.clone_from(&other.unit);
    }
    axis.limits = match (axis.limits, other.limits) {
        (Some((a, b)), Some((c, d))) if (a < b) == (c < d) => {
            Some(if a < b { (a.min(c), b.max(d)) } else { (a.max(c), b.min(d)) })
        }
        (mine, other) => mine.or(other),
    };
    match (&mut axis.scale, &other.scale) {
        (Scale::Category(names), Scale::Category(more)) => {
            if names == more {
                return Ok(None);
            }
            let mut places: HashMap<String, usize> =
                names.iter().enumerate().map(|(i, name)| (name.clone(), i)).collect();
            let mut to = Vec::with_capacity(more.len());
            for name in more {
                let place = *places.entry(name.clone()).or_insert_with(|| {
                    names.push(name.clone());
                    names.len() - 1
                });
                if to.contains(&place) {
                    return Err(Error::argument(format!("`{name}` stands twice on the {letter} axis")));
                }
                to.push(place);
            }
            Ok(Some(Move { to, len: names.len() }))
        }
        (Scale::Category(_), _) | (_, Scale::Category(_)) => Err(Error::argument(format!(
            "one figure has names on its {letter} axis and the other has numbers"
        ))
        .help("put them side by side: grid([[a, b]])")),
        _ => Ok(None),
    }
}

/// `1 bin`, `40 bins`.
pub(super) fn plural(n: usize, noun: &str) -> String {
    let ending = match noun {
        _ if n == 1 => "",
        "box" => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", count(n))
}
