//! Paths: cut to what is seen, cut into dashes, and the surfaces at their corners.

use super::scene::{Point, Rect};

/// No place is farther away than this, so that sums of places are places again.
const FAR: f64 = 1e7;

/// The point at this distance at most; none if it has no place at all.
pub(super) fn held((x, y): Point) -> Option<Point> {
    let held = (x.clamp(-FAR, FAR), y.clamp(-FAR, FAR));
    (!x.is_nan() && !y.is_nan()).then_some(held)
}

/// The part of a straight line inside the rectangle, as shares of its length.
fn seen(a: Point, b: Point, window: &Rect) -> Option<(f64, f64)> {
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (from, to, lo, hi) in [(a.0, b.0, window.x0, window.x1), (a.1, b.1, window.y0, window.y1)] {
        let step = to - from;
        if step == 0.0 {
            if from < lo || from > hi {
                return None;
            }
            continue;
        }
        let (t0, t1) = ((lo - from) / step, (hi - from) / step);
        enter = enter.max(t0.min(t1));
        leave = leave.min(t0.max(t1));
    }
    (enter <= leave).then_some((enter, leave))
}

fn between(a: Point, b: Point, t: f64) -> Point {
    (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t)
}

/// The pieces of an open path that are drawn: what lies in the window, without the gaps of the dash pattern (lengths of
/// dashes and gaps by turns; empty for a whole line). The pattern starts where the path starts, seen or not.
pub(super) fn pieces(path: &[Point], dash: &[f64], window: &Rect) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = Vec::new();
    let period: f64 = dash.iter().sum();
    let mut along = 0.0;
    for pair in path.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let visible = seen(a, b, window);
        for (from, to) in visible.into_iter().flat_map(|seen| dashes(seen, along, length, dash, period)) {
            if from > 0.0 || piece.last() != Some(&a) {
                pieces.push(std::mem::replace(&mut piece, vec![between(a, b, from)]));
            }
            piece.push(if to < 1.0 { between(a, b, to) } else { b });
            if to < 1.0 {
                pieces.push(std::mem::take(&mut piece));
            }
        }
        if visible.is_none_or(|(_, leave)| leave < 1.0) {
            pieces.push(std::mem::take(&mut piece));
        }
        along = if period > 0.0 { (along + length) % period } else { 0.0 };
    }
    pieces.push(piece);
    pieces.retain(|p| p.len() > 1);
    pieces
}

/// The dashes on the visible part of one straight line, as shares of its length; `along` is where the pattern stands.
fn dashes((enter, leave): (f64, f64), along: f64, length: f64, dash: &[f64], period: f64) -> Vec<(f64, f64)> {
    if period <= 0.0 || length <= 0.0 {
        return vec![(enter, leave)];
    }
    let mut out = Vec::new();
    let mut start = ((along + enter * length) / period).floor() * period - along;
    while start < leave * length {
        for (i, step) in dash.iter().enumerate() {
            let (from, to) = ((start / length).max(enter), ((start + step) / length).min(leave));
            if i % 2 == 0 && from < to {
                out.push((from, to));
            }
            start += step;
        }
    }
    out
}

/// The part of a closed path inside the window. Where a path leaves the window several times, its parts are joined along
/// the border, which has no width.
pub(super) fn cut(path: &[Point], window: &Rect) -> Vec<Point> {
    type Side = (fn(Point) -> f64, f64, f64);
    let sides: [Side; 4] = [
        (|p| p.0, window.x0, 1.0),
        (|p| p.0, window.x1, -1.0),
        (|p| p.1, window.y0, 1.0),
        (|p| p.1, window.y1, -1.0),
    ];
    sides.iter().fold(path.to_vec(), |path, (of, limit, sign)| {
        let depth = |p: Point| (of(p) - limit) * sign;
        let mut out = Vec::with_capacity(path.len() + 4);
        for (a, b) in path.iter().zip(path.iter().cycle().skip(1)) {
            let (da, db) = (depth(*a), depth(*b));
            if da >= 0.0 {
                out.push(*a);
            }
            if (da < 0.0) != (db < 0.0) {
                out.push(between(*a, *b, da / (da - db)));
            }
        }
        out
    })
}

/// The surface of a straight line.
pub(super) fn band(a: Point, b: Point, half: f64) -> [Point; 4] {
    let (nx, ny) = normal(a, b, half);
    [(a.0 + nx, a.1 + ny), (b.0 + nx, b.1 + ny), (b.0 - nx, b.1 - ny), (a.0 - nx, a.1 - ny)]
}

/// What lies between the surfaces of two straight lines that meet in `p`: pointed, or cut off where the point is sharp.
pub(super) fn corner(before: Point, p: Point, after: Point, half: f64) -> Vec<Point> {
    let (n, m) = (normal(before, p, half), normal(p, after, half));
    // The outer side is where the path does not turn to.
    let side = if n.0 * m.1 - n.1 * m.0 > 0.0 { -1.0 } else { 1.0 };
    let at = |v: Point| (p.0 + side * v.0, p.1 + side * v.1);
    let mut out = vec![p, at(n)];
    let sum = (n.0 + m.0, n.1 + m.1);
    let square = sum.0 * sum.0 + sum.1 * sum.1;
    // The point is 2 half² / |sum| away from p: four times half at most.
    if square > 0.25 * half * half {
        let reach = 2.0 * half * half / square;
        out.push(at((sum.0 * reach, sum.1 * reach)));
    }
    out.push(at(m));
    out
}

fn normal(a: Point, b: Point, half: f64) -> Point {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = dx.hypot(dy).max(f64::MIN_POSITIVE);
    (-dy / length * half, dx / length * half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Rect = Rect { x0: 0.0, y0: 0.0, x1: 100.0, y1: 100.0 };

    fn length(pieces: &[Vec<Point>]) -> f64 {
        pieces.iter().flat_map(|p| p.windows(2)).map(|s| (s[1].0 - s[0].0).hypot(s[1].1 - s[0].1)).sum()
    }

    fn surface(path: &[Point]) -> f64 {
        let sides = path.iter().zip(path.iter().cycle().skip(1));
        sides.map(|(a, b)| (a.0 * b.1 - b.0 * a.1) / 2.0).sum::<f64>().abs()
    }

    #[test]
    fn whole_lines_are_cut_where_they_leave() {
        let path = [(-50.0, 50.0), (50.0, 50.0), (50.0, 150.0), (80.0, 150.0), (80.0, 50.0)];
        let found = pieces(&path, &[], &WINDOW);
        assert_eq!(
            found,
            [vec![(0.0, 50.0), (50.0, 50.0), (50.0, 100.0)], vec![(80.0, 100.0), (80.0, 50.0)]]
        );
        assert!(pieces(&[(-1.0, -1.0), (-1.0, 200.0)], &[], &WINDOW).is_empty());
    }

    #[test]
    fn dashes_follow_the_path_around_corners() {
        let path = [(0.0, 10.0), (15.0, 10.0), (15.0, 30.0)];
        let found = pieces(&path, &[10.0, 2.0], &WINDOW);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], [(0.0, 10.0), (10.0, 10.0)]);
        assert_eq!(found[1], [(12.0, 10.0), (15.0, 10.0), (15.0, 17.0)]);
        let near = |a: Point, b: Point| (a.0 - b.0).hypot(a.1 - b.1) < 1e-9;
        assert!(near(found[2][0], (15.0, 19.0)) && near(found[2][1], (15.0, 29.0)), "{found:?}");
    }

    #[test]
    fn the_pattern_does_not_depend_on_the_window() {
        let path = [(-1e7, 5.0), (1e7, 5.0)];
        let found = pieces(&path, &[6.0, 4.0], &WINDOW);
        assert!((length(&found) - 60.0).abs() < 4.1 && found.len() <= 11, "{found:?}");
        let half = Rect { x0: 50.0, ..WINDOW };
        let right: Vec<_> = pieces(&path, &[6.0, 4.0], &half);
        assert!((right[1][0].0 - found[found.len() - right.len() + 1][0].0).abs() < 1e-6);
    }

    #[test]
    fn corners_are_pointed_up_to_a_limit() {
        let square = corner((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), 1.0);
        assert!(square.iter().any(|p| (p.0 - 11.0).abs() < 1e-9 && (p.1 + 1.0).abs() < 1e-9), "{square:?}");
        assert_eq!(corner((0.0, 0.0), (10.0, 0.0), (0.0, 0.1), 1.0).len(), 3, "cut off");
        assert!((surface(&band((0.0, 0.0), (3.0, 4.0), 2.0)) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn surfaces_are_cut() {
        let path = [(-50.0, 20.0), (50.0, 20.0), (50.0, 40.0), (-50.0, 40.0)];
        assert!((surface(&cut(&path, &WINDOW)) - 1000.0).abs() < 1e-9);
        assert!(cut(&path, &Rect { x0: 60.0, ..WINDOW }).is_empty());
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_window(points in prop::collection::vec((-1e12..1e12_f64, -300.0..300.0_f64), 0..9), dashed: bool) {
            let points: Vec<Point> = points.into_iter().filter_map(held).collect();
            let dash: &[f64] = if dashed { &[3.0, 2.0] } else { &[] };
            let near = WINDOW.grown(1e-3);
            prop_assert!(pieces(&points, dash, &WINDOW).iter().flatten().all(|p| near.contains(*p)));
            prop_assert!(cut(&points, &WINDOW).iter().all(|p| near.contains(*p)));
        }
    }
}
