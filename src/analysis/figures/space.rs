//! Positions seen from a direction.

use super::same;
use crate::diag::{Error, Result};
use crate::plot::{Anchor, Axis, Colouring, Figure, Layer, Marker, short};

/// From where positions are seen, in degrees. At 0 and 0 one looks along the z axis, x to the right and y upwards, as
/// the depth of a cortical circuit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// How far one has walked around the y axis, to the right.
    pub azimuth: f64,
    /// How far one has risen above the plane of x and z.
    pub elevation: f64,
}

impl Default for View {
    fn default() -> Self {
        View { azimuth: 30.0, elevation: 20.0 }
    }
}

type Point = [f64; 3];

/// An orthographic projection: to the right, upwards, and towards the eye.
struct Projection {
    right: Point,
    up: Point,
    towards: Point,
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

impl Projection {
    fn new(view: View) -> Result<Self> {
        if !(view.azimuth.is_finite() && view.elevation.is_finite()) {
            return Err(Error::argument(format!(
                "one cannot look from an azimuth of {} and an elevation of {} degrees",
                view.azimuth, view.elevation
            )));
        }
        let (sin_a, cos_a) = view.azimuth.to_radians().sin_cos();
        let (sin_e, cos_e) = view.elevation.to_radians().sin_cos();
        Ok(Projection {
            right: [cos_a, 0.0, -sin_a],
            up: [-sin_a * sin_e, cos_e, -cos_a * sin_e],
            towards: [sin_a * cos_e, sin_e, cos_a * cos_e],
        })
    }

    fn flat(&self, p: Point) -> (f64, f64) {
        (dot(p, self.right), dot(p, self.up))
    }

    fn depth(&self, p: Point) -> f64 {
        dot(p, self.towards)
    }
}

/// The box around points.
struct Cuboid {
    low: Point,
    high: Point,
}

impl Cuboid {
    /// None where no point is finite. A side of no length gets one, so that the box has edges.
    fn around(points: &[Point]) -> Option<Cuboid> {
        let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for p in points.iter().filter(|p| p.iter().all(|v| v.is_finite())) {
            for i in 0..3 {
                (low[i], high[i]) = (low[i].min(p[i]), high[i].max(p[i]));
            }
        }
        let largest = (0..3).map(|i| high[i] - low[i]).fold(0.0, f64::max);
        for i in 0..3 {
            if high[i] <= low[i] {
                let room = if largest > 0.0 { largest * 0.05 } else { 1.0 };
                (low[i], high[i]) = (low[i] - room, high[i] + room);
            }
        }
        low[0].is_finite().then_some(Cuboid { low, high })
    }

    /// A corner: `at[i]` is whether the larger end of axis `i` is meant.
    fn corner(&self, at: [bool; 3]) -> Point {
        std::array::from_fn(|i| if at[i] { self.high[i] } else { self.low[i] })
    }

    fn corners() -> impl Iterator<Item = [bool; 3]> {
        (0..8_u8).map(|k| [k & 1 > 0, k & 2 > 0, k & 4 > 0])
    }

    /// The twelve edges, as the axis along which each runs and the corner where it begins.
    fn edges() -> impl Iterator<Item = (usize, [bool; 3])> {
        Self::corners().flat_map(|at| (0..3).filter(move |i| !at[*i]).map(move |i| (i, at)))
    }

    fn ends(&self, (axis, at): (usize, [bool; 3])) -> (Point, Point) {
        let mut other = at;
        other[axis] = true;
        (self.corner(at), self.corner(other))
    }
}

/// Points (µm) as seen from a direction, without perspective: nearer points hide those behind them. The box around them
/// is drawn with the ends of its three sides.
///
/// # Errors
/// When there are no positions, colours do not agree with them in number, or the view is not finite.
pub fn positions_3d(points: &[[f64; 3]], colour: Colouring, view: View) -> Result<Figure> {
    let projection = Projection::new(view)?;
    let cuboid = Cuboid::around(points).ok_or_else(|| Error::argument("there are no positions to draw"))?;
    match &colour {
        Colouring::Series => {}
        Colouring::Category { of, .. } => same("colours", of.len(), "positions", points.len())?,
        Colouring::Value { of, .. } => same("colours", of.len(), "positions", points.len())?,
    }
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| projection.depth(points[*a]).total_cmp(&projection.depth(points[*b])));
    let (x, y) = order.iter().map(|i| projection.flat(points[*i])).unzip();
    let colour = match colour {
        Colouring::Series => Colouring::Series,
        Colouring::Category { label, names, of } => {
            Colouring::Category { label, names, of: order.iter().map(|i| of[*i]).collect() }
        }
        Colouring::Value { label, unit, of } => {
            Colouring::Value { label, unit, of: order.iter().map(|i| of[*i]).collect() }
        }
    };
    let dots = Layer::Scatter { name: String::new(), x, y, colour, marker: Marker::Dot };
    Ok(in_a_box(dots, &cuboid, &projection))
}

/// The points in their box: the edges that meet at the nearest corner are before the points, all others behind them.
fn in_a_box(dots: Layer, cuboid: &Cuboid, projection: &Projection) -> Figure {
    let depth = |at: &[bool; 3]| projection.depth(cuboid.corner(*at));
    let nearest = Cuboid::corners().max_by(|a, b| depth(a).total_cmp(&depth(b))).unwrap_or_default();
    let before = |edge: &(usize, [bool; 3])| (0..3).all(|i| i == edge.0 || edge.1[i] == nearest[i]);
    let line = |edge: (usize, [bool; 3])| {
        let (a, b) = cuboid.ends(edge);
        let ((x0, y0), (x1, y1)) = (projection.flat(a), projection.flat(b));
        [x0, y0, x1, y1]
    };
    let rules = |near: bool| Layer::Rules {
        lines: Cuboid::edges().filter(|e| before(e) == near).map(line).collect(),
    };
    let paper = Paper::new(cuboid, projection);
    let axis = |(low, high): (f64, f64)| Axis { limits: Some((low, high)), ..Axis::default() };
    let mut figure =
        Figure::new(axis(paper.x), axis(paper.y)).equal().layer(rules(false)).layer(dots).layer(rules(true));
    figure.bare = true;
    (0..3).flat_map(|i| paper.words(i)).fold(figure, Figure::layer)
}

/// Where the words around the box stand.
struct Paper<'a> {
    cuboid: &'a Cuboid,
    projection: &'a Projection,
    centre: (f64, f64),
    /// The larger side of the projected box.
    size: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl<'a> Paper<'a> {
    fn new(cuboid: &'a Cuboid, projection: &'a Projection) -> Self {
        let flat: Vec<(f64, f64)> = Cuboid::corners().map(|at| projection.flat(cuboid.corner(at))).collect();
        let span = |of: fn(&(f64, f64)) -> f64| {
            flat.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
        };
        let (x, y) = (span(|p| p.0), span(|p| p.1));
        let size = (x.1 - x.0).max(y.1 - y.0);
        let centre = (f64::midpoint(x.0, x.1), f64::midpoint(y.0, y.1));
        let (x, y) = ((x.0 - 0.25 * size, x.1 + 0.25 * size), (y.0 - 0.14 * size, y.1 + 0.05 * size));
        Paper { cuboid, projection, centre, size, x, y }
    }

    /// The ends and the middle of one side of the box, written beside an edge on its outline; all in one where that edge
    /// looks short. A side that points to the eye has no words.
    fn words(&self, axis: usize) -> Vec<Layer> {
        let flat = |edge: (usize, [bool; 3])| {
            let (a, b) = self.cuboid.ends(edge);
            (self.projection.flat(a), self.projection.flat(b))
        };
        let middle = |(a, b): ((f64, f64), (f64, f64))| (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1));
        // The upright side is read at the left, the others at the bottom.
        let wanted = |edge: &(usize, [bool; 3])| {
            let (x, y) = middle(flat(*edge));
            if axis == 1 { -x } else { -y }
        };
        let edges = Cuboid::edges().filter(|edge| edge.0 == axis);
        let Some(edge) = edges.max_by(|a, b| wanted(a).total_cmp(&wanted(b))) else { return Vec::new() };
        let (a, b) = flat(edge);
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx.hypot(dy);
        if length < 0.02 * self.size {
            return Vec::new();
        }
        let m = middle((a, b));
        let (along, mut out) = ((dx / length, dy / length), (dy / length, -dx / length));
        if out.0 * (m.0 - self.centre.0) + out.1 * (m.1 - self.centre.1) < 0.0 {
            out = (-out.0, -out.1);
        }
        // The words of two short sides would meet: they go to the left and to the right.
        let short = length < 0.24 * self.size;
        let upright = if short { 0.02 } else { 0.25 };
        let anchor = match out.0 {
            o if o > upright => Anchor::Start,
            o if o < -upright => Anchor::End,
            _ => Anchor::Middle,
        };
        let word = |from: (f64, f64), inwards: f64, outwards: f64, text: String| Layer::Text {
            x: from.0 + self.size * (along.0 * inwards + out.0 * outwards),
            y: from.1 + self.size * (along.1 * inwards + out.1 * outwards),
            text,
            anchor,
        };
        let name = ["x", "y", "z"][axis];
        let [low, high] = [self.cuboid.low[axis], self.cuboid.high[axis]].map(|v| end(v, self.cuboid, axis));
        if short {
            return vec![word(m, 0.0, 0.04, format!("{name} {low} to {high} µm"))];
        }
        // Two sides meet at the lowest corner: their ends stand a little away from it.
        let inwards = if axis == 1 { 0.0 } else { 0.03 };
        vec![
            word(a, inwards, 0.035, low),
            word(b, -inwards, 0.035, high),
            word(m, 0.0, if axis == 1 { 0.035 } else { 0.06 }, format!("{name} (µm)")),
        ]
    }
}

/// An end of a side: whole µm, where they tell the two ends apart.
fn end(v: f64, cuboid: &Cuboid, axis: usize) -> String {
    short(if cuboid.high[axis] - cuboid.low[axis] > 20.0 { v.round() } else { v })
}
