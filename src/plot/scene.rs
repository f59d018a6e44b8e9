//! Marks on paper: what both renderers draw. Positions are pixels of the figure, y grows downwards.

use super::font;
use super::theme::Colour;

pub(super) type Point = (f64, f64);

/// A rectangle with `x0 <= x1` and `y0 <= y1`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    pub x0: f64,
    pub y0: f64,
    pub x1: f64,
    pub y1: f64,
}

impl Rect {
    pub fn new(x0: f64, y0: f64, x1: f64, y1: f64) -> Self {
        Rect { x0: x0.min(x1), y0: y0.min(y1), x1: x0.max(x1), y1: y0.max(y1) }
    }

    pub fn width(&self) -> f64 {
        self.x1 - self.x0
    }

    pub fn height(&self) -> f64 {
        self.y1 - self.y0
    }

    pub fn contains(&self, (x, y): Point) -> bool {
        x >= self.x0 && x <= self.x1 && y >= self.y0 && y <= self.y1
    }

    pub fn overlaps(&self, other: &Rect) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }

    pub fn grown(&self, by: f64) -> Rect {
        Rect { x0: self.x0 - by, y0: self.y0 - by, x1: self.x1 + by, y1: self.y1 + by }
    }

    pub fn centre(&self) -> Point {
        (f64::midpoint(self.x0, self.x1), f64::midpoint(self.y0, self.y1))
    }
}

/// How a line is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stroke {
    pub colour: Colour,
    pub width: f64,
    /// Lengths of dashes and gaps in units of the width; empty for a whole line.
    pub dash: &'static [f32],
    /// Ends and corners are round.
    pub round: bool,
}

impl Stroke {
    pub fn new(colour: Colour, width: f64) -> Self {
        Stroke { colour, width, dash: &[], round: false }
    }
}

/// Which part of a word stands at its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// Its beginning.
    #[default]
    Start,
    /// Its middle.
    Middle,
    /// Its end.
    End,
}

/// The outline of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Disc,
    Square,
    Triangle,
    Diamond,
    /// An upright stroke of this half height.
    Tick(f64),
}

/// One line of text; `at` is the anchor on the baseline, `angle` in degrees, clockwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub words: String,
    pub at: Point,
    pub size: f64,
    pub bold: bool,
    pub anchor: Anchor,
    pub angle: f64,
    pub colour: Colour,
}

impl Text {
    /// How far the text begins before its anchor.
    pub fn shift(&self) -> f64 {
        match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => font::width(&self.words, self.size, self.bold) / 2.0,
            Anchor::End => font::width(&self.words, self.size, self.bold),
        }
    }

    /// The corners of the box around the letters, in order.
    pub fn corners(&self) -> [Point; 4] {
        let (left, width) = (-self.shift(), font::width(&self.words, self.size, self.bold));
        let (top, bottom) = (-font::ASCENT * self.size, font::DESCENT * self.size);
        let (sin, cos) = self.angle.to_radians().sin_cos();
        let turn = |x: f64, y: f64| (self.at.0 + x * cos - y * sin, self.at.1 + x * sin + y * cos);
        [turn(left, top), turn(left + width, top), turn(left + width, bottom), turn(left, bottom)]
    }

    /// The upright rectangle around the letters.
    pub fn bounds(&self) -> Rect {
        bounds(&self.corners())
    }
}

/// Something to draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A filled rectangle.
    Box { rect: Rect, fill: Colour, edge: Option<Stroke> },
    /// Open paths.
    Lines { paths: Vec<Vec<Point>>, stroke: Stroke },
    /// A filled, closed path.
    Area { points: Vec<Point>, fill: Colour, edge: Option<Stroke> },
    /// Points of one shape; one colour for all or one for each.
    Dots { points: Vec<Point>, colours: Vec<Colour>, radius: f64, shape: Shape },
    /// Words.
    Text(Text),
    /// Filled rectangles side by side, without seams between them.
    Cells(Vec<(Rect, Colour)>),
    /// Pixels, `columns` in each row, stretched over the rectangle.
    Image { rect: Rect, columns: usize, pixels: Vec<[u8; 4]> },
    /// Marks of which only what is inside the rectangle is seen. `heavy` ones become pixels in a vector file.
    Clip { rect: Rect, marks: Vec<Mark>, heavy: bool },
}

/// All marks of a figure.
pub(super) struct Scene {
    pub width: u32,
    pub height: u32,
    pub background: Colour,
    pub dpi: f64,
    /// The figure in words, for readers who do not see it.
    pub words: String,
    pub marks: Vec<Mark>,
}

/// The corners of a point's outline around the origin; none for a disc. The shapes have about equal areas.
pub(super) fn corners(shape: Shape, radius: f64) -> Vec<Point> {
    let r = radius;
    match shape {
        Shape::Disc => Vec::new(),
        Shape::Square => {
            vec![(-0.88 * r, -0.88 * r), (0.88 * r, -0.88 * r), (0.88 * r, 0.88 * r), (-0.88 * r, 0.88 * r)]
        }
        Shape::Triangle => vec![(0.0, -1.3 * r), (1.2 * r, 0.85 * r), (-1.2 * r, 0.85 * r)],
        Shape::Diamond => vec![(0.0, -1.3 * r), (1.2 * r, 0.0), (0.0, 1.3 * r), (-1.2 * r, 0.0)],
        Shape::Tick(half) => vec![(-r, -half), (r, -half), (r, half), (-r, half)],
    }
}

/// The upright rectangle around points.
pub(super) fn bounds(points: &[Point]) -> Rect {
    let start = Rect { x0: f64::MAX, y0: f64::MAX, x1: f64::MIN, y1: f64::MIN };
    points.iter().fold(start, |r, (x, y)| Rect {
        x0: r.x0.min(*x),
        y0: r.y0.min(*y),
        x1: r.x1.max(*x),
        y1: r.y1.max(*y),
    })
}

impl Mark {
    /// Whether any ink of the mark falls into the rectangle.
    pub fn touches(&self, area: &Rect) -> bool {
        match self {
            Mark::Box { rect, fill, edge } => (fill.a > 0.0 || edge.is_some()) && rect.overlaps(area),
            Mark::Cells(cells) => cells.iter().any(|(rect, _)| rect.overlaps(area)),
            Mark::Lines { paths, stroke } => {
                let near = area.grown(stroke.width / 2.0);
                paths.iter().any(|path| path.windows(2).any(|s| crosses(s[0], s[1], &near)))
            }
            Mark::Area { points, .. } => {
                let closed = points.iter().zip(points.iter().cycle().skip(1));
                closed.into_iter().any(|(a, b)| crosses(*a, *b, area)) || inside(points, area.centre())
            }
            Mark::Dots { points, radius, shape, .. } => {
                let reach = if let Shape::Tick(half) = shape { half.max(*radius) } else { *radius };
                let near = area.grown(reach);
                points.iter().any(|p| near.contains(*p))
            }
            Mark::Text(text) => text.bounds().overlaps(area),
            Mark::Image { rect, columns, pixels } => {
                let rows = pixels.len() / (*columns).max(1);
                let (dx, dy) = (rect.width() / *columns as f64, rect.height() / rows as f64);
                pixels.iter().enumerate().any(|(i, p)| {
                    let (column, row) = ((i % columns) as f64, (i / columns) as f64);
                    p[3] > 0 && area.contains((rect.x0 + (column + 0.5) * dx, rect.y0 + (row + 0.5) * dy))
                })
            }
            Mark::Clip { rect, marks, .. } => rect.overlaps(area) && marks.iter().any(|m| m.touches(area)),
        }
    }
}

/// Whether the straight line between two points meets the rectangle.
fn crosses(a: Point, b: Point, rect: &Rect) -> bool {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (from, step, lo, hi) in [(a.0, dx, rect.x0, rect.x1), (a.1, dy, rect.y0, rect.y1)] {
        if step == 0.0 {
            if from < lo || from > hi {
                return false;
            }
            continue;
        }
        let (t0, t1) = ((lo - from) / step, (hi - from) / step);
        enter = enter.max(t0.min(t1));
        leave = leave.min(t0.max(t1));
    }
    enter <= leave
}

/// Whether a point lies inside a closed path.
fn inside(path: &[Point], (x, y): Point) -> bool {
    let edges = path.iter().zip(path.iter().cycle().skip(1));
    let crossings =
        edges.filter(|(a, b)| (a.1 > y) != (b.1 > y) && x < (b.0 - a.0) * (y - a.1) / (b.1 - a.1) + a.0);
    crossings.count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Colour = Colour::hex(0);

    #[test]
    fn marks_know_what_they_touch() {
        let area = Rect::new(10.0, 10.0, 20.0, 20.0);
        let line = |a, b| Mark::Lines { paths: vec![vec![a, b]], stroke: Stroke::new(INK, 0.1) };
        assert!(line((0.0, 0.0), (30.0, 30.0)).touches(&area));
        assert!(line((15.0, 0.0), (15.0, 30.0)).touches(&area));
        assert!(!line((0.0, 0.0), (30.0, 5.0)).touches(&area));
        assert!(!line((0.0, 15.0), (9.0, 15.0)).touches(&area));
        let around = vec![(0.0, 0.0), (40.0, 0.0), (40.0, 40.0), (0.0, 40.0)];
        assert!(Mark::Area { points: around, fill: INK, edge: None }.touches(&area), "the area lies inside");
        let dots =
            |x| Mark::Dots { points: vec![(x, 15.0)], colours: vec![INK], radius: 2.0, shape: Shape::Disc };
        assert!(dots(9.0).touches(&area) && !dots(7.0).touches(&area));
        let pixels = vec![[0, 0, 0, 0], [0, 0, 0, 255]];
        let image = |x0: f64| Mark::Image {
            rect: Rect::new(x0, 10.0, x0 + 20.0, 20.0),
            columns: 2,
            pixels: pixels.clone(),
        };
        assert!(image(0.0).touches(&area), "the inked half");
        assert!(!image(12.0).touches(&area), "the empty half");
    }

    #[test]
    fn turned_text_has_turned_corners() {
        let text = Text {
            words: "delay".into(),
            at: (100.0, 100.0),
            size: 10.0,
            bold: false,
            anchor: Anchor::End,
            angle: -90.0,
            colour: INK,
        };
        let bounds = text.bounds();
        assert!((bounds.height() - font::width("delay", 10.0, false)).abs() < 1e-9);
        assert!(bounds.y0 >= 100.0 - 1e-9, "the end of the word is at the anchor, its beginning below");
        assert!(bounds.x0 < 100.0 && bounds.x1 > 100.0);
    }
}
