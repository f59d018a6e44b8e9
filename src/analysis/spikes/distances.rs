//! How different trains are: Victor–Purpura, van Rossum, and the ISI, SPIKE and SPIKE-synchronization measures of Kreuz
//! and colleagues (PySpike's conventions).

use rayon::prelude::*;

use super::{Pairs, Window, positive};
use crate::diag::{Error, Result};

/// The distance of Victor and Purpura (1996): the least cost to turn one train into the other, where adding or removing
/// a spike costs 1 and moving one costs `q` (Hz) times the time it is moved by
/// (`elephant.spike_train_dissimilarity.victor_purpura_distance`, whose `cost_factor` is `q`). `q` is 0 or more.
pub fn victor_purpura(a: &[f64], b: &[f64], q: f64) -> f64 {
    let per_ms = q / 1000.0;
    // Row by row: the cost to turn the first i spikes of `a` into the first j of `b`.
    let mut row: Vec<f64> = (0..=b.len()).map(|j| j as f64).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i as f64 + 1.0);
        for (j, &y) in b.iter().enumerate() {
            let moved = diagonal + per_ms * (x - y).abs();
            diagonal = row[j + 1];
            row[j + 1] = moved.min(diagonal + 1.0).min(row[j] + 1.0);
        }
    }
    row[b.len()]
}

/// [`victor_purpura`] of each two trains.
///
/// # Errors
/// When `q` is negative or not finite, or there are too many pairs.
pub fn victor_purpura_of_pairs(trains: &[&[f64]], q: f64) -> Result<Pairs> {
    if !(q.is_finite() && q >= 0.0) {
        return Err(Error::argument(format!("moving a spike costs 0 Hz or more, not {q} Hz")));
    }
    Pairs::compute(trains.len(), "comparing spike trains", |i, j| {
        if i == j { 0.0 } else { victor_purpura(trains[i], trains[j], q) }
    })
}

/// The distance of van Rossum (2001) with elephant's normalization, √(Sₐₐ + S_bb − 2Sₐb) with S = Σ exp(−|t − t′|/τ) over
/// pairs of spikes: a train of one spike is 1 away from none. τ is `tau` in ms.
pub fn van_rossum(a: &[f64], b: &[f64], tau: f64) -> f64 {
    (kernel_sum(a, a, tau) + kernel_sum(b, b, tau) - 2.0 * kernel_sum(a, b, tau)).max(0.0).sqrt()
}

/// [`van_rossum`] of each two trains.
///
/// # Errors
/// When `tau` is not above 0, or there are too many pairs.
pub fn van_rossum_of_pairs(trains: &[&[f64]], tau: f64) -> Result<Pairs> {
    positive("the time constant", tau)?;
    let own: Vec<f64> = trains.par_iter().map(|train| kernel_sum(train, train, tau)).collect();
    Pairs::compute(trains.len(), "comparing spike trains", |i, j| {
        let squared = own[i] + own[j] - 2.0 * kernel_sum(trains[i], trains[j], tau);
        if i == j { 0.0 } else { squared.max(0.0).sqrt() }
    })
}

/// Σ exp(−|t − t′|/τ) over t in `a` and t′ in `b`, in one pass over both: each spike meets what is left of the earlier
/// ones of the other train (Houghton and Kreuz 2012).
fn kernel_sum(a: &[f64], b: &[f64], tau: f64) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    let (mut left_a, mut left_b, mut now) = (0.0, 0.0, 0.0);
    while i < a.len() || j < b.len() {
        let from_a = j == b.len() || (i < a.len() && a[i] <= b[j]);
        let t = if from_a { a[i] } else { b[j] };
        let decay = ((now - t) / tau).exp();
        (left_a, left_b, now) = if i + j == 0 { (0.0, 0.0, t) } else { (left_a * decay, left_b * decay, t) };
        if from_a {
            sum += left_b;
            left_a += 1.0;
            i += 1;
        } else {
            sum += left_a;
            left_b += 1.0;
            j += 1;
        }
    }
    sum
}

/// The ISI distance (Kreuz et al. 2007): the mean over the window of |ν₁ − ν₂| / max(ν₁, ν₂), ν being the interval that a
/// train is in; from 0 to 1 (`pyspike.isi_distance`).
///
/// Before the first spike ν is the larger of the time from the start of the window and the first interval, after the last
/// spike likewise; a silent train is one interval. Spikes at the same time are one.
pub fn isi_distance(a: &[f64], b: &[f64], window: Window) -> f64 {
    let (a, b) = (distinct(a, window), distinct(b, window));
    mean_over(&stretches(&a, &b, window), &stretches(&b, &a, window), window, |a, b, _| {
        (a.interval - b.interval).abs() / a.interval.max(b.interval)
    })
}

/// The SPIKE distance (Kreuz et al. 2013): the mean over the window of (S₁ν₂ + S₂ν₁) / (2⟨ν⟩²), where S is the distance to
/// the nearest spike of the other train, interpolated between the spikes around (`pyspike.spike_distance`, not adaptive).
///
/// Edges as in [`isi_distance`]. Each train has an auxiliary spike at the start of the window, or one first interval before
/// its first spike where that is earlier, and one at the end likewise.
pub fn spike_distance(a: &[f64], b: &[f64], window: Window) -> f64 {
    let (a, b) = (distinct(a, window), distinct(b, window));
    mean_over(&stretches(&a, &b, window), &stretches(&b, &a, window), window, |a, b, t| {
        let mean = f64::midpoint(a.interval, b.interval);
        (a.away_at(t) * b.interval + b.away_at(t) * a.interval) / (2.0 * mean * mean)
    })
}

/// SPIKE synchronization (Kreuz et al. 2015): the share of spikes that are coincident, 1 where all are
/// (`pyspike.spike_sync`). Two spikes are coincident when they are nearer than half of the shortest interval next to one of
/// them. Of several trains, the coincidences of all pairs over the spikes of all pairs, which is not the mean over pairs.
/// Where there are no spikes at all, 1.
///
/// # Errors
/// When there are too many pairs.
pub fn spike_sync(trains: &[&[f64]], window: Window) -> Result<f64> {
    let trains: Vec<Vec<f64>> = trains.iter().map(|train| distinct(train, window)).collect();
    let coincident = Pairs::compute(trains.len(), "comparing spike trains", |i, j| {
        if i == j { 0.0 } else { coincidences(&trains[i], &trains[j], window) as f64 }
    })?;
    // Whole numbers: the sums are exact in any order.
    let coincident: f64 = coincident.upper.iter().sum();
    let spikes: usize = trains.iter().map(Vec::len).sum();
    let of_pairs = (spikes * trains.len().saturating_sub(1)) as f64;
    Ok(if of_pairs == 0.0 { 1.0 } else { 2.0 * coincident / of_pairs })
}

/// [`isi_distance`] of each two trains; the distance of the population is the mean over pairs.
///
/// # Errors
/// When there are too many pairs.
pub fn isi_distance_of_pairs(trains: &[&[f64]], window: Window) -> Result<Pairs> {
    of_pairs(trains, |a, b| isi_distance(a, b, window))
}

/// [`spike_distance`] of each two trains; the distance of the population is the mean over pairs.
///
/// # Errors
/// When there are too many pairs.
pub fn spike_distance_of_pairs(trains: &[&[f64]], window: Window) -> Result<Pairs> {
    of_pairs(trains, |a, b| spike_distance(a, b, window))
}

fn of_pairs(trains: &[&[f64]], distance: impl Fn(&[f64], &[f64]) -> f64 + Sync) -> Result<Pairs> {
    Pairs::compute(trains.len(), "comparing spike trains", |i, j| {
        if i == j { 0.0 } else { distance(trains[i], trains[j]) }
    })
}

/// The spikes of a train in the window, each time once.
fn distinct(train: &[f64], window: Window) -> Vec<f64> {
    let mut distinct = window.of(train).to_vec();
    distinct.dedup();
    distinct
}

/// The time between two spikes of a train, or between a spike and the edge of the window.
#[derive(Clone, Copy)]
struct Stretch {
    start: f64,
    end: f64,
    /// The interspike interval that stands for it (ms).
    interval: f64,
    /// How far the nearest spike of the other train is from the spikes at its ends (ms).
    away: [f64; 2],
}

impl Stretch {
    /// The distance to the other train at a time, interpolated.
    fn away_at(&self, t: f64) -> f64 {
        let [from, to] = self.away;
        if from == to {
            return from;
        }
        (from * (self.end - t) + to * (t - self.start)) / (self.end - self.start)
    }
}

/// Cuts the window at the spikes of a train.
fn stretches(train: &[f64], other: &[f64], window: Window) -> Vec<Stretch> {
    let (from, to) = (window.start(), window.end());
    let auxiliary = outside(other, window);
    let away = |t: f64| nearest(t, other).min((t - auxiliary[0]).abs()).min((auxiliary[1] - t).abs());
    let inner =
        |start: f64, end: f64| Stretch { start, end, interval: end - start, away: [away(start), away(end)] };
    let (Some(&first), Some(&last)) = (train.first(), train.last()) else {
        return vec![inner(from, to)];
    };
    // One spike at the start of the window and nothing after it: its interval lasts to the end, as of a silent train.
    if train.len() == 1 && first == from {
        return vec![inner(from, to)];
    }
    let edge = |start: f64, end: f64, spike: f64, neighbour: Option<&f64>| {
        let interval = neighbour.map_or(0.0, |n| (n - spike).abs()).max(end - start);
        Stretch { start, end, interval, away: [away(spike); 2] }
    };
    let mut all = Vec::with_capacity(train.len() + 1);
    if first > from {
        all.push(edge(from, first, first, train.get(1)));
    }
    all.extend(train.windows(2).map(|pair| inner(pair[0], pair[1])));
    if last < to {
        all.push(edge(last, to, last, train.len().checked_sub(2).map(|at| &train[at])));
    }
    all
}

/// Where the auxiliary spikes of a train are.
fn outside(train: &[f64], window: Window) -> [f64; 2] {
    match train {
        [first, second, ..] => {
            let (last, before) = (train[train.len() - 1], train[train.len() - 2]);
            [(2.0 * first - second).min(window.start()), (2.0 * last - before).max(window.end())]
        }
        _ => [window.start(), window.end()],
    }
}

/// The distance to the nearest spike of a train; infinite where it has none.
fn nearest(t: f64, train: &[f64]) -> f64 {
    let at = train.partition_point(|&spike| spike < t);
    let after = train.get(at).map_or(f64::INFINITY, |spike| spike - t);
    let before = at.checked_sub(1).map_or(f64::INFINITY, |at| t - train[at]);
    after.min(before)
}

/// The mean over the window of a function that is linear in time while both trains stay in their stretches.
fn mean_over(
    a: &[Stretch],
    b: &[Stretch],
    window: Window,
    f: impl Fn(&Stretch, &Stretch, f64) -> f64,
) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let (start, end) = (x.start.max(y.start), x.end.min(y.end));
        if end > start {
            sum += f64::midpoint(f(x, y, start), f(x, y, end)) * (end - start);
        }
        i += usize::from(x.end <= end);
        j += usize::from(y.end <= end);
    }
    sum / window.length()
}

/// The pairs of coincident spikes of two trains.
fn coincidences(a: &[f64], b: &[f64], window: Window) -> usize {
    // The coincidence window of a spike: half of the shorter interval next to it.
    let reach = |train: &[f64], at: usize| {
        let before = at.checked_sub(1).map_or(window.length(), |before| train[at] - train[before]);
        let after = train.get(at + 1).map_or(window.length(), |after| after - train[at]);
        before.min(after) / 2.0
    };
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let apart = (a[i] - b[j]).abs();
        if apart == 0.0 || apart < reach(a, i).min(reach(b, j)) {
            count += 1;
            i += 1;
            j += 1;
        } else if a[i] < b[j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(start: f64, end: f64) -> Window {
        Window::new(start, end).unwrap()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_least_cost_is_moving_or_replacing() {
        // 10 ms at 100 Hz cost 1, removing and adding cost 2.
        assert_eq!(victor_purpura(&[10.0], &[20.0], 100.0), 1.0);
        assert_eq!(victor_purpura(&[10.0], &[90.0], 100.0), 2.0);
        assert_eq!(victor_purpura(&[10.0, 20.0], &[], 100.0), 2.0);
        assert_eq!(victor_purpura(&[10.0, 20.0], &[30.0], 0.0), 1.0);
        let pairs = victor_purpura_of_pairs(&[&[10.0], &[20.0], &[]], 100.0).unwrap();
        assert_eq!((pairs.get(0, 0), pairs.get(1, 0), pairs.get(0, 2)), (0.0, 1.0, 1.0));
        assert!(victor_purpura_of_pairs(&[], -1.0).is_err());
    }

    #[test]
    fn a_spike_is_one_away_from_none() {
        assert_eq!(van_rossum(&[5.0], &[], 20.0), 1.0);
        assert_eq!(van_rossum(&[5.0, 9.0], &[5.0, 9.0], 20.0), 0.0);
        assert!(near(van_rossum(&[0.0], &[20.0], 20.0), (2.0 - 2.0 * (-1f64).exp()).sqrt()));
        let pairs = van_rossum_of_pairs(&[&[0.0], &[], &[1e9]], 20.0).unwrap();
        assert_eq!((pairs.get(0, 1), pairs.get(0, 0)), (1.0, 0.0));
        assert!(near(pairs.get(0, 2), 2f64.sqrt()));
        assert!(van_rossum_of_pairs(&[], 0.0).is_err());
    }

    #[test]
    fn intervals_are_compared_over_time() {
        // Intervals of 10 against 20, edges too.
        let (a, b) = ([10.0, 20.0, 30.0], [20.0]);
        assert!(near(isi_distance(&a, &b, window(0.0, 40.0)), 0.5));
        assert_eq!(isi_distance(&a, &a, window(0.0, 40.0)), 0.0);
        // A silent train is one interval of 40.
        assert!(near(isi_distance(&a, &[], window(0.0, 40.0)), 0.75));
        assert_eq!(isi_distance(&[], &[], window(0.0, 40.0)), 0.0);
    }

    #[test]
    fn spikes_are_compared_over_time() {
        let window = window(0.0, 40.0);
        assert_eq!(spike_distance(&[10.0, 20.0], &[10.0, 20.0], window), 0.0);
        assert_eq!(spike_distance(&[], &[], window), 0.0);
        // Both trains are 4 away everywhere; intervals are 18 and 22, then 22 and 18: 4 / 20.
        assert!(near(spike_distance(&[18.0], &[22.0], window), 0.9 * 0.2 + 0.1 * 4.0 / 22.0));
        let pairs = spike_distance_of_pairs(&[&[18.0], &[22.0]], window).unwrap();
        assert!(pairs.get(0, 1) > 0.0 && pairs.get(0, 0) == 0.0);
        assert_eq!(isi_distance_of_pairs(&[&[18.0], &[18.0]], window).unwrap().get(0, 1), 0.0);
    }

    #[test]
    fn coincident_spikes_are_nearer_than_half_an_interval() {
        let window = window(0.0, 100.0);
        let sync = |trains: &[&[f64]]| spike_sync(trains, window).unwrap();
        assert_eq!(sync(&[&[10.0, 20.0], &[14.0, 24.0]]), 1.0);
        assert_eq!(sync(&[&[10.0, 20.0], &[15.0, 25.0]]), 0.0);
        assert_eq!(sync(&[&[10.0, 50.0], &[10.0]]), 2.0 / 3.0);
        // Pairs: 2 of 2, 0 of 1, 0 of 1.
        assert_eq!(sync(&[&[10.0], &[10.0], &[]]), 0.5);
        assert_eq!(sync(&[&[], &[]]), 1.0);
    }

    fn train() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0u16..400, 0..15).prop_map(|mut times| {
            times.sort_unstable();
            times.into_iter().map(|t| f64::from(t) / 4.0).collect()
        })
    }

    proptest! {
        #[test]
        fn distances_are_distances(a in train(), b in train(), q in 0.0f64..500.0, tau in 0.5f64..50.0) {
            let window = window(0.0, 100.0);
            let both = |d: &dyn Fn(&[f64], &[f64]) -> f64| (d(&a, &b), d(&b, &a), d(&a, &a));
            for (there, back, own) in [
                both(&|a, b| victor_purpura(a, b, q)),
                both(&|a, b| van_rossum(a, b, tau)),
                both(&|a, b| isi_distance(a, b, window)),
                both(&|a, b| spike_distance(a, b, window)),
            ] {
                prop_assert!(there.is_finite() && there >= 0.0 && (there - back).abs() < 1e-9, "{there} {back}");
                prop_assert!(own.abs() < 1e-5, "{own}");
            }
            prop_assert!(isi_distance(&a, &b, window) <= 1.0);
            let slow: f64 = a.iter().flat_map(|x| b.iter().map(move |y| (-(x - y).abs() / tau).exp())).sum();
            prop_assert!((slow - kernel_sum(&a, &b, tau)).abs() < 1e-9);
            let sync = spike_sync(&[&a, &b], window).unwrap();
            prop_assert!((0.0..=1.0).contains(&sync));
        }
    }
}
