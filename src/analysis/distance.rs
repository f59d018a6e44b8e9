//! Pairs of cells by their distance: how many there are within a radius or in distance bins, without listing them.
//!
//! Points are `[x, y, z]` in µm. Cells go into the boxes of a grid as wide as the largest distance asked for, so
//! that a cell is compared with its neighbourhood only; where that is everything, all pairs are compared, on all
//! cores, a few per nanosecond.

use std::ops::Range;

use rayon::prelude::*;

use super::statistics::{self, Bins};
use crate::diag::{Error, Result, work};

/// Points that one task compares with all others: small enough to stop soon, large enough to be worth a task.
const TASK: usize = 64;

/// What is called distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Metric {
    /// √(Δx² + Δy² + Δz²).
    #[default]
    Full,
    /// √(Δx² + Δz²): the distance seen along y, which is the depth of a cortical column.
    Horizontal,
}

impl Metric {
    /// The distance of two points, in µm.
    pub fn between(self, a: [f64; 3], b: [f64; 3]) -> f64 {
        self.squared(a, b).sqrt()
    }

    /// The square of the distance, in µm².
    pub(super) fn squared(self, a: [f64; 3], b: [f64; 3]) -> f64 {
        let (a, b) = (self.project(a), self.project(b));
        squared(a[0] - b[0], a[1] - b[1], a[2] - b[2])
    }

    fn project(self, point: [f64; 3]) -> [f64; 3] {
        match self {
            Metric::Full => point,
            Metric::Horizontal => [point[0], 0.0, point[2]],
        }
    }
}

/// In one order everywhere, so that the same pair has the same distance wherever it is looked at.
fn squared(dx: f64, dy: f64, dz: f64) -> f64 {
    dx * dx + dy * dy + dz * dz
}

/// A neighbourhood: pairs at most so far apart (closed).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Within {
    /// The largest distance in µm.
    pub um: f64,
    /// Which distance.
    pub metric: Metric,
}

impl Within {
    /// Pairs at most `um` apart in space.
    ///
    /// # Errors
    /// When the distance is negative or NaN.
    pub fn um(um: f64) -> Result<Self> {
        Within::by(um, Metric::Full)
    }

    /// Pairs at most `um` apart in a metric.
    ///
    /// # Errors
    /// When the distance is negative or NaN.
    pub fn by(um: f64, metric: Metric) -> Result<Self> {
        if um >= 0.0 {
            Ok(Within { um, metric })
        } else {
            Err(Error::argument(format!("{um} µm is not a distance")))
        }
    }

    /// Whether two points are.
    pub fn holds(&self, a: [f64; 3], b: [f64; 3]) -> bool {
        self.metric.between(a, b) <= self.um
    }
}

/// The edges 0, bin, 2·bin … up to `max`, which ends the last bin whether it is a multiple or not. In µm.
///
/// # Errors
/// When `bin` or `max` is not positive, or there would be more than a million bins.
pub fn edges(bin: f64, max: f64) -> Result<Vec<f64>> {
    if !(bin > 0.0 && bin.is_finite() && max > 0.0 && max.is_finite()) {
        return Err(Error::argument(format!("distance bins of {bin} µm up to {max} µm do not exist")));
    }
    let full = (max / bin).floor();
    if full > statistics::BINS_MAX as f64 {
        return Err(Error::argument(format!("bins of {bin} µm up to {max} µm are more than a million")));
    }
    let mut edges: Vec<f64> = (0..=full as usize).map(|k| k as f64 * bin).filter(|e| *e < max).collect();
    // A last bin that only rounding makes is not one.
    if edges.len() > 1 && edges.last().is_some_and(|last| max - last < bin * 1e-9) {
        edges.pop();
    }
    edges.push(max);
    Ok(edges)
}

/// How many pairs (a from `from`, b from `to`) are within a distance, coinciding points included. Points with NaN
/// are within no distance.
///
/// # Errors
/// When the work is stopped.
pub fn count_within(from: &[[f64; 3]], to: &[[f64; 3]], within: Within) -> Result<u64> {
    let grid = Grid::new(to, within.um, within.metric);
    let limit = last_square_within(within.um);
    fold(
        from,
        || 0u64,
        |total, point| {
            let p = within.metric.project(point);
            grid.around(p, |range| *total += grid.squares(p, range).filter(|d2| *d2 <= limit).count() as u64);
        },
        |a, b| a + b,
    )
}

/// How many pairs (a from `from`, b from `to`) are in each distance bin `[edge, next edge)`, the last one closed;
/// one number for each bin. Coinciding points are a pair at distance 0, points with NaN are in no pair.
///
/// # Errors
/// When the edges do not ascend or begin below 0, or the work is stopped.
pub fn count_by_distance(
    from: &[[f64; 3]],
    to: &[[f64; 3]],
    edges: &[f64],
    metric: Metric,
) -> Result<Vec<u64>> {
    let bins = DistanceBins::new(edges)?;
    let grid = Grid::new(to, bins.max(), metric);
    let empty = || vec![0u64; bins.len() + 2];
    let slots = fold(
        from,
        empty,
        |counts, point| {
            let p = metric.project(point);
            grid.around(p, |range| grid.squares(p, range).for_each(|d2| counts[bins.slot(d2)] += 1));
        },
        add,
    )?;
    Ok(slots[1..=bins.len()].to_vec())
}

/// [`count_by_distance`] of the ordered pairs of different points of one list: half of the work.
///
/// # Errors
/// As [`count_by_distance`].
pub fn count_by_distance_among(points: &[[f64; 3]], edges: &[f64], metric: Metric) -> Result<Vec<u64>> {
    let bins = DistanceBins::new(edges)?;
    let grid = Grid::new(points, bins.max(), metric);
    let empty = || vec![0u64; bins.len() + 2];
    let ordered: Vec<usize> = (0..grid.index.len()).collect();
    let slots = fold(
        &ordered,
        empty,
        |counts, at| {
            let p = [grid.x[at], grid.y[at], grid.z[at]];
            grid.around(p, |range| {
                let later = range.start.max(at + 1).min(range.end)..range.end;
                grid.squares(p, later).for_each(|d2| counts[bins.slot(d2)] += 1);
            });
        },
        add,
    )?;
    Ok(slots[1..=bins.len()].iter().map(|pairs| 2 * pairs).collect())
}

/// How many pairs (a, b) of different points are within a distance, by the class of both: `[class a][class b]`.
/// `class[i]` of point i is below `classes`.
///
/// # Errors
/// When there is not one class for each point, a class is out of range, or the work is stopped.
pub fn count_within_by_class(
    points: &[[f64; 3]],
    class: &[u32],
    classes: usize,
    within: Within,
) -> Result<Vec<Vec<u64>>> {
    if class.len() != points.len() || class.iter().any(|c| *c as usize >= classes) {
        return Err(Error::argument(format!(
            "each of {} points needs one of {classes} classes",
            points.len()
        )));
    }
    let grid = Grid::new(points, within.um, within.metric);
    let limit = last_square_within(within.um);
    let class_at: Vec<u32> = grid.index.iter().map(|i| class[*i as usize]).collect();
    let rows: Vec<u32> = (0..points.len() as u32).collect();
    let chunks: Result<Vec<Vec<u64>>> = rows
        .par_chunks(points.len().div_ceil(4 * rayon::current_num_threads()).max(TASK))
        .map(|rows| {
            let mut counts = vec![0u64; classes * classes];
            for task in rows.chunks(TASK) {
                work::check()?;
                for &row in task {
                    let p = within.metric.project(points[row as usize]);
                    let counts = &mut counts[class[row as usize] as usize * classes..][..classes];
                    grid.around(p, |range| {
                        for (d2, class) in grid.squares(p, range.clone()).zip(&class_at[range]) {
                            counts[*class as usize] += u64::from(d2 <= limit);
                        }
                    });
                    if p.iter().all(|c| c.is_finite()) {
                        counts[class[row as usize] as usize] -= 1;
                    }
                }
            }
            Ok(counts)
        })
        .collect();
    let total = chunks?.into_iter().reduce(add).unwrap_or_else(|| vec![0; classes * classes]);
    Ok((0..classes).map(|c| total[c * classes..(c + 1) * classes].to_vec()).collect())
}

/// Visits points on all cores, and looks now and then whether to stop.
fn fold<P: Copy + Sync, T: Send>(
    points: &[P],
    empty: impl Fn() -> T + Sync + Send,
    visit: impl Fn(&mut T, P) + Sync + Send,
    join: impl Fn(T, T) -> T + Sync + Send,
) -> Result<T> {
    points
        .par_chunks(TASK)
        .try_fold(&empty, |mut total, task| {
            work::check()?;
            for point in task {
                visit(&mut total, *point);
            }
            Ok(total)
        })
        .try_reduce(&empty, |a, b| Ok(join(a, b)))
}

fn add(mut a: Vec<u64>, b: Vec<u64>) -> Vec<u64> {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    a
}

/// The smallest square whose root is at least `distance`.
fn first_square_at(distance: f64) -> f64 {
    let mut square = distance * distance;
    while square.sqrt() < distance {
        square = square.next_up();
    }
    while square > 0.0 && square.next_down().sqrt() >= distance {
        square = square.next_down();
    }
    square
}

/// The largest square whose root is at most `distance`: comparing squares then decides exactly as comparing
/// distances would.
fn last_square_within(distance: f64) -> f64 {
    let mut square = distance * distance;
    while square.sqrt() > distance {
        square = square.next_down();
    }
    while square.next_up().sqrt() <= distance && square < f64::INFINITY {
        square = square.next_up();
    }
    square
}

/// Cells of the table of [`DistanceBins`]; a power of two.
const TABLE: usize = 4096;

/// Distance bins that are looked up by squared distances, without a root: a table gives the bin in which a piece of
/// the squares begins, and the exact limits decide where a bin ends within the piece.
pub(super) struct DistanceBins {
    edges: Vec<f64>,
    /// The smallest square that belongs to each slot. Slot 0 is below the first edge, slot k + 1 is bin k, the last
    /// slot is beyond the last edge; an infinite limit ends the list.
    limits: Vec<f64>,
    table: Vec<u32>,
    pieces_per_square: f64,
}

impl DistanceBins {
    pub(super) fn new(edges: &[f64]) -> Result<Self> {
        statistics::bin_edges(&[], &Bins::Edges(edges.to_vec()))?;
        if edges[0] < 0.0 {
            return Err(Error::argument(format!("a distance bin cannot begin at {} µm", edges[0])));
        }
        let last = edges[edges.len() - 1];
        let mut limits = vec![0.0];
        limits.extend(edges[..edges.len() - 1].iter().map(|edge| first_square_at(*edge)));
        limits.push(last_square_within(last).next_up());
        limits.push(f64::INFINITY);
        let pieces_per_square = (TABLE - 1) as f64 / (last * last);
        let mut bins =
            DistanceBins { edges: edges.to_vec(), limits, table: vec![0; TABLE], pieces_per_square };
        // A piece begins with the first slot that any square of the piece may be in; rounding may put a square of
        // the piece before into it.
        for piece in 2..TABLE {
            let begin = (piece - 1) as f64 / pieces_per_square;
            let slot = bins.limits.partition_point(|limit| *limit <= begin) - 1;
            bins.table[piece] = slot.min(bins.limits.len() - 2) as u32;
        }
        Ok(bins)
    }

    pub(super) fn len(&self) -> usize {
        self.edges.len() - 1
    }

    fn max(&self) -> f64 {
        self.edges[self.edges.len() - 1]
    }

    /// The bin of a squared distance; `None` outside of all.
    pub(super) fn of(&self, square: f64) -> Option<usize> {
        if square.is_nan() {
            return None;
        }
        self.slot(square).checked_sub(1).filter(|bin| *bin < self.len())
    }

    /// 0 below the bins, bin + 1 in one, bins + 1 beyond them. The square is not NaN.
    #[inline]
    fn slot(&self, square: f64) -> usize {
        let piece = (square * self.pieces_per_square).min((TABLE - 1) as f64) as u32;
        let mut slot = self.table[piece as usize & (TABLE - 1)] as usize;
        while slot + 2 < self.limits.len() && square >= self.limits[slot + 1] {
            slot += 1;
        }
        slot
    }
}

/// Points in the boxes of a grid, box after box, so that the boxes of a row are one range.
struct Grid {
    low: [f64; 3],
    per_box: f64,
    reach: f64,
    boxes: [usize; 3],
    start: Vec<usize>,
    index: Vec<u32>,
    x: Vec<f64>,
    y: Vec<f64>,
    z: Vec<f64>,
}

impl Grid {
    /// Boxes of the width `reach`, or wider where there would be many more boxes than points. Points with NaN or
    /// infinite coordinates are left out.
    fn new(points: &[[f64; 3]], reach: f64, metric: Metric) -> Grid {
        let placed: Vec<(u32, [f64; 3])> = (0u32..)
            .zip(points.iter().map(|p| metric.project(*p)))
            .filter(|(_, p)| p.iter().all(|c| c.is_finite()))
            .collect();
        let bound = |pick: fn(f64, f64) -> f64, from: f64| {
            placed.iter().fold([from; 3], |b, (_, p)| [0, 1, 2].map(|i| pick(b[i], p[i])))
        };
        let (low, high) = (bound(f64::min, f64::INFINITY), bound(f64::max, f64::NEG_INFINITY));
        let low = if placed.is_empty() { [0.0; 3] } else { low };
        let extent = [0, 1, 2].map(|i| (high[i] - low[i]).max(0.0));
        // What rounding may move a point across, added to the reach on both sides.
        let largest = low.iter().chain(&high).filter(|c| c.is_finite()).fold(0.0f64, |m, c| m.max(c.abs()));
        let reach = reach + 1e-9 * (reach + largest);
        let mut width = reach.max(extent.iter().copied().fold(0.0, f64::max) * 1e-6).max(f64::MIN_POSITIVE);
        let boxes = loop {
            let boxes = extent.map(|e| (e / width) as usize + 1);
            if boxes.iter().map(|b| *b as f64).product::<f64>() <= 4.0 * placed.len() as f64 + 64.0 {
                break boxes;
            }
            width *= 2.0;
        };
        let mut grid = Grid {
            low,
            per_box: width.recip(),
            reach,
            boxes,
            start: Vec::new(),
            index: Vec::new(),
            x: Vec::new(),
            y: Vec::new(),
            z: Vec::new(),
        };
        grid.fill(&placed);
        grid
    }

    fn fill(&mut self, placed: &[(u32, [f64; 3])]) {
        let mut order: Vec<(usize, usize)> =
            placed.iter().enumerate().map(|(at, (_, p))| (self.box_of(*p), at)).collect();
        order.sort_unstable();
        let boxes = self.boxes.iter().product::<usize>();
        self.start = vec![0; boxes + 1];
        for (b, _) in &order {
            self.start[b + 1] += 1;
        }
        for b in 0..boxes {
            self.start[b + 1] += self.start[b];
        }
        let column = |axis: usize| order.iter().map(|(_, at)| placed[*at].1[axis]).collect();
        self.index = order.iter().map(|(_, at)| placed[*at].0).collect();
        (self.x, self.y, self.z) = (column(0), column(1), column(2));
    }

    fn along(&self, axis: usize, coordinate: f64) -> usize {
        // A float below 0 becomes 0, one beyond the last box is in the last.
        (((coordinate - self.low[axis]) * self.per_box) as usize).min(self.boxes[axis] - 1)
    }

    fn box_of(&self, p: [f64; 3]) -> usize {
        (self.along(0, p[0]) * self.boxes[1] + self.along(1, p[1])) * self.boxes[2] + self.along(2, p[2])
    }

    /// The ranges of points among which are all within reach of `p`.
    fn around(&self, p: [f64; 3], mut visit: impl FnMut(Range<usize>)) {
        if p.iter().any(|c| !c.is_finite()) {
            return;
        }
        let [first, last] =
            [-1.0, 1.0].map(|sign| [0, 1, 2].map(|i| self.along(i, p[i] + sign * self.reach)));
        for i in first[0]..=last[0] {
            for j in first[1]..=last[1] {
                let row = (i * self.boxes[1] + j) * self.boxes[2];
                let range = self.start[row + first[2]]..self.start[row + last[2] + 1];
                if !range.is_empty() {
                    visit(range);
                }
            }
        }
    }

    /// The squared distances of `p` from a range of points.
    fn squares(&self, p: [f64; 3], range: Range<usize>) -> impl Iterator<Item = f64> + '_ {
        let axes = self.x[range.clone()].iter().zip(&self.y[range.clone()]).zip(&self.z[range]);
        axes.map(move |((x, y), z)| squared(p[0] - x, p[1] - y, p[2] - z))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brute(from: &[[f64; 3]], to: &[[f64; 3]], holds: impl Fn(f64) -> bool, metric: Metric) -> u64 {
        from.iter().map(|a| to.iter().filter(|b| holds(metric.between(*a, **b))).count() as u64).sum()
    }

    #[test]
    fn edges_end_at_the_largest_distance() {
        assert_eq!(edges(25.0, 100.0).unwrap(), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(edges(40.0, 100.0).unwrap(), [0.0, 40.0, 80.0, 100.0]);
        assert_eq!(edges(200.0, 100.0).unwrap(), [0.0, 100.0]);
        assert_eq!(edges(0.1, 0.3).unwrap().len(), 4);
        for (bin, max) in [(0.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (1e-9, 1.0), (1.0, f64::INFINITY)] {
            assert!(edges(bin, max).is_err(), "{bin} {max}");
        }
    }

    #[test]
    fn a_distance_on_the_edge_counts_once() {
        let points = [[0.0; 3], [3.0, 4.0, 0.0], [6.0, 8.0, 0.0]];
        let within = Within::um(5.0).unwrap();
        assert_eq!(count_within(&points, &points, within).unwrap(), 3 + 4);
        let counts = count_by_distance(&points, &points, &[0.0, 5.0, 10.0], Metric::Full).unwrap();
        assert_eq!(counts, [3, 6]);
        let square = last_square_within(0.1);
        assert!(square.sqrt() <= 0.1 && square.next_up().sqrt() > 0.1);
    }

    #[test]
    fn horizontal_distance_does_not_see_depth() {
        let column = [[0.0, 0.0, 0.0], [3.0, 1000.0, 4.0]];
        assert_eq!(Metric::Horizontal.between(column[0], column[1]), 5.0);
        assert_eq!(count_within(&column, &column, Within::by(5.0, Metric::Horizontal).unwrap()).unwrap(), 4);
        assert_eq!(count_within(&column, &column, Within::um(5.0).unwrap()).unwrap(), 2);
    }

    #[test]
    fn points_without_a_place_are_in_no_pair() {
        let points = [[f64::NAN, 0.0, 0.0], [0.0; 3], [f64::INFINITY, 0.0, 0.0]];
        let everywhere = Within::um(f64::INFINITY).unwrap();
        assert_eq!(count_within(&points, &points, everywhere).unwrap(), 1);
        assert_eq!(count_within(&[], &points, everywhere).unwrap(), 0);
        assert_eq!(count_within(&points, &[], everywhere).unwrap(), 0);
        assert_eq!(count_within_by_class(&points, &[0; 3], 1, everywhere).unwrap(), [[0]]);
    }

    #[test]
    fn slots_are_decided_by_distances() {
        for edges in [&[0.0, 0.1, 0.2, 0.3][..], &[5.0, 5.5, 700.0], &[0.0, 1e-9, 1e9], &[3.0, 1e300]] {
            let bins = DistanceBins::new(edges).unwrap();
            let plain = statistics::Binning::new(edges);
            for edge in edges.iter().chain(&[0.0, 1e-300, 7.7, 1e4]) {
                for square in [
                    edge * edge,
                    (edge * edge).next_up(),
                    (edge * edge).next_down().max(0.0),
                    edge * edge / 3.0,
                ] {
                    assert_eq!(bins.of(square), plain.of(square.sqrt()), "{square} in {edges:?}");
                }
            }
            assert_eq!((bins.of(f64::NAN), bins.of(f64::INFINITY)), (None, None));
        }
    }

    fn cloud() -> impl Strategy<Value = Vec<[f64; 3]>> {
        // Whole numbers make many pairs lie exactly on an edge.
        let coordinate = prop_oneof![(-20i32..20).prop_map(f64::from), -20.0f64..20.0];
        prop::collection::vec(prop::array::uniform3(coordinate), 0..60)
    }

    proptest! {
        #[test]
        fn the_grid_finds_what_comparing_all_finds(
            from in cloud(), to in cloud(), um in prop_oneof![Just(0.0), Just(5.0), 0.0f64..60.0],
            flat in any::<bool>(),
        ) {
            let metric = if flat { Metric::Horizontal } else { Metric::Full };
            let within = Within::by(um, metric).unwrap();
            prop_assert_eq!(count_within(&from, &to, within).unwrap(), brute(&from, &to, |d| d <= um, metric));
            let edges = [0.0, 2.0, 5.0, 10.0, 12.5];
            let expected: Vec<u64> = (0..4)
                .map(|k| brute(&from, &to, |d| d >= edges[k] && (d < edges[k + 1] || k == 3 && d <= edges[4]), metric))
                .collect();
            prop_assert_eq!(count_by_distance(&from, &to, &edges, metric).unwrap(), expected);
            let mut among = count_by_distance(&from, &from, &edges, metric).unwrap();
            among[0] -= from.len() as u64;
            prop_assert_eq!(count_by_distance_among(&from, &edges, metric).unwrap(), among);
            let class: Vec<u32> = (0..from.len() as u32).map(|i| i % 3).collect();
            let by_class = count_within_by_class(&from, &class, 3, within).unwrap();
            prop_assert_eq!(
                by_class.iter().flatten().sum::<u64>() + from.len() as u64,
                brute(&from, &from, |d| d <= um, metric)
            );
        }
    }
}
