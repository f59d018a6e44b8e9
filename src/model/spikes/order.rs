//! Spikes in order: by time, then by id. Millions of them come in any order (each process of a simulation writes its
//! own), so they are first distributed over windows of time, and then each window, which fits a cache, is sorted.

use std::mem::take;

use rayon::prelude::*;

/// Times (ms, finite) and ids, of equal length.
pub type Piece = (Vec<f64>, Vec<i64>);

/// So many are sorted at once.
const FEW: usize = 1 << 14;
/// Spikes in a window of time, about.
const WINDOW: usize = 1 << 12;
/// A window of more is sorted by all cores.
const CROWDED: usize = 1 << 17;
/// Rows that one core takes at a time.
const ROWS: usize = 1 << 18;
/// How many times are looked at to see how they are spread.
const SAMPLES: usize = 1 << 12;

/// All spikes of some pieces, in order.
pub(super) fn by_time(pieces: Vec<Piece>) -> Piece {
    let parts = parts_of(&pieces);
    if in_order(&parts) {
        return joined(pieces);
    }
    let count = parts.iter().map(|part| part.0.len()).sum();
    if count <= FEW {
        let mut keys: Vec<u128> = parts.iter().flat_map(Part::keys).collect();
        keys.sort_unstable();
        return keys.into_iter().map(spike).unzip();
    }
    let windows = Windows::over(&parts, count);
    let mut keys = vec![0; count];
    let sizes = distribute(&parts, &windows, &mut keys);
    drop(pieces);
    let (mut times, mut ids) = (vec![0.0; count], vec![0; count]);
    let mut rest = (keys.as_mut_slice(), times.as_mut_slice(), ids.as_mut_slice());
    let mut tasks = Vec::with_capacity(sizes.len());
    for size in sizes {
        tasks.push((head(&mut rest.0, size), head(&mut rest.1, size), head(&mut rest.2, size)));
    }
    tasks.into_par_iter().for_each_init(Vec::new, |narrow, (keys, times, ids)| {
        sort_window(keys, narrow, times, ids);
    });
    (times, ids)
}

/// Some rows of a piece.
struct Part<'a>(&'a [f64], &'a [i64]);

impl Part<'_> {
    fn keys(&self) -> impl Iterator<Item = u128> {
        self.0.iter().zip(self.1).map(|(&t, &id)| key(t, id))
    }
}

fn parts_of(pieces: &[Piece]) -> Vec<Part<'_>> {
    let chunks = pieces.iter().flat_map(|piece| piece.0.chunks(ROWS).zip(piece.1.chunks(ROWS)));
    chunks.map(|(times, ids)| Part(times, ids)).collect()
}

fn in_order(parts: &[Part<'_>]) -> bool {
    let last = |part: &Part<'_>| Some((*part.0.last()?, *part.1.last()?));
    let joints = parts.windows(2).all(|pair| last(&pair[0]) <= Some((pair[1].0[0], pair[1].1[0])));
    joints
        && parts.par_iter().all(|Part(times, ids)| {
            let pairs = times.windows(2).zip(ids.windows(2));
            pairs.into_iter().all(|(t, id)| t[0] < t[1] || (t[0] == t[1] && id[0] <= id[1]))
        })
}

/// The pieces one after the other.
fn joined(mut pieces: Vec<Piece>) -> Piece {
    if pieces.len() < 2 {
        return pieces.pop().unwrap_or_default();
    }
    let count = pieces.iter().map(|piece| piece.0.len()).sum();
    let (mut times, mut ids) = (vec![0.0; count], vec![0; count]);
    let mut rest = (times.as_mut_slice(), ids.as_mut_slice());
    let mut tasks = Vec::with_capacity(pieces.len());
    for piece in &pieces {
        tasks.push((piece, head(&mut rest.0, piece.0.len()), head(&mut rest.1, piece.0.len())));
    }
    tasks.into_par_iter().for_each(|(piece, times, ids)| {
        times.copy_from_slice(&piece.0);
        ids.copy_from_slice(&piece.1);
    });
    (times, ids)
}

/// Takes the first elements off a slice.
fn head<'a, T>(slice: &mut &'a mut [T], count: usize) -> &'a mut [T] {
    let (head, tail) = take(slice).split_at_mut(count);
    *slice = tail;
    head
}

/// A number that is greater the later the spike, and in the same moment the greater the id.
fn key(t: f64, id: i64) -> u128 {
    // The sum makes one zero of two.
    let bits = (t + 0.0).to_bits();
    let time = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    u128::from(time) << 64 | u128::from(id as u64 ^ 1 << 63)
}

/// What [`key`] was made from.
fn spike(key: u128) -> (f64, i64) {
    let (time, id) = ((key >> 64) as u64, key as u64);
    let bits = if time >> 63 == 1 { time & !(1 << 63) } else { !time };
    (f64::from_bits(bits), (id ^ 1 << 63) as i64)
}

/// Windows of time of equal length; what is before or after them falls into the first and the last.
struct Windows {
    count: usize,
    start: f64,
    per_ms: f64,
}

impl Windows {
    fn over(parts: &[Part<'_>], count: usize) -> Self {
        let step = (count / SAMPLES).max(1);
        let mut sample: Vec<f64> =
            parts.iter().flat_map(|part| part.0.iter().step_by(step)).copied().collect();
        sample.sort_unstable_by(f64::total_cmp);
        // Some spikes far off (there are simulations with a stray one at the end of all time) must not stretch them.
        let off = sample.len() / 128;
        let (start, end) = (sample[off], sample[sample.len() - 1 - off]);
        let windows = (count / WINDOW).clamp(4, 1 << 14);
        let per_ms = (windows - 2) as f64 / (end - start);
        Windows { count: windows, start, per_ms: if per_ms > 0.0 { per_ms } else { f64::MIN_POSITIVE } }
    }

    /// The window of a time; never an earlier one for a later time.
    fn of(&self, t: f64) -> usize {
        // The cast takes what is no number (no length times endless steps) and what is negative as zero.
        (((t - self.start) * self.per_ms + 1.0) as usize).min(self.count - 1)
    }
}

/// Puts the keys of all spikes into `keys`, window after window; gives the number of keys of each.
fn distribute(parts: &[Part<'_>], windows: &Windows, keys: &mut [u128]) -> Vec<usize> {
    let counts: Vec<Vec<usize>> = parts
        .par_iter()
        .map(|part| {
            let mut counts = vec![0; windows.count];
            part.0.iter().for_each(|&t| counts[windows.of(t)] += 1);
            counts
        })
        .collect();
    let mut rest = keys;
    let mut places: Vec<Vec<&mut [u128]>> =
        counts.iter().map(|_| Vec::with_capacity(windows.count)).collect();
    for window in 0..windows.count {
        for (places, counts) in places.iter_mut().zip(&counts) {
            places.push(head(&mut rest, counts[window]));
        }
    }
    parts.par_iter().zip(places).for_each(|(part, mut places)| {
        for (&t, key) in part.0.iter().zip(part.keys()) {
            let place = &mut places[windows.of(t)];
            if let Some((first, others)) = take(place).split_first_mut() {
                *first = key;
                *place = others;
            }
        }
    });
    (0..windows.count).map(|window| counts.iter().map(|counts| counts[window]).sum()).collect()
}

/// Sorts the keys of a window, and gives the spikes. Within a window, times and ids differ in few bits: mostly both fit
/// into 64, which sort faster.
fn sort_window(keys: &mut [u128], narrow: &mut Vec<u64>, times: &mut [f64], ids: &mut [i64]) {
    let (mut low, mut high) = ((u64::MAX, u64::MAX), (0, 0));
    for key in &*keys {
        let (time, id) = ((key >> 64) as u64, *key as u64);
        low = (low.0.min(time), low.1.min(id));
        high = (high.0.max(time), high.1.max(id));
    }
    let bits = |low: u64, high: u64| 64 - high.saturating_sub(low).leading_zeros();
    let shift = bits(low.1, high.1);
    let mut put = |(row, key): (usize, u128)| (times[row], ids[row]) = spike(key);
    if shift < 64 && bits(low.0, high.0) + shift <= 64 {
        narrow.clear();
        narrow.extend(keys.iter().map(|key| ((key >> 64) as u64 - low.0) << shift | (*key as u64 - low.1)));
        sort(narrow);
        let wide = |key: &u64| {
            u128::from((key >> shift) + low.0) << 64 | u128::from((key & ((1 << shift) - 1)) + low.1)
        };
        narrow.iter().map(wide).enumerate().for_each(put);
    } else {
        sort(keys);
        keys.iter().copied().enumerate().for_each(&mut put);
    }
}

fn sort<T: Ord + Send>(keys: &mut [T]) {
    if keys.len() > CROWDED { keys.par_sort_unstable() } else { keys.sort_unstable() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_ordered_as_the_spikes_are() {
        let times = [f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 0.1, 7.0, f64::MAX];
        let ids = [i64::MIN, -1, 0, 1, i64::MAX];
        let spikes: Vec<(f64, i64)> = times.iter().flat_map(|&t| ids.map(|id| (t, id))).collect();
        let keys: Vec<u128> = spikes.iter().map(|&(t, id)| key(t, id)).collect();
        assert!(keys.is_sorted());
        assert_eq!(keys.into_iter().map(spike).collect::<Vec<_>>(), spikes);
        assert_eq!(key(-0.0, 3), key(0.0, 3));
    }

    /// Many spikes of some way to be spread in time: `spread` makes a time of a number from 0 to 1.
    fn check(spread: impl Fn(f64) -> f64, pieces: usize) {
        let mut state = 7_u64;
        let mut number = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut piece = || -> Piece {
            (0..FEW)
                .map(|_| (spread((number() as f64) / (1_u64 << 31) as f64), (number() % 500) as i64 - 3))
                .unzip()
        };
        let pieces: Vec<Piece> = (0..pieces).map(|_| piece()).collect();
        let mut expected: Vec<(f64, i64)> =
            pieces.iter().flat_map(|(t, id)| t.iter().copied().zip(id.iter().copied())).collect();
        expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (times, ids) = by_time(pieces);
        assert!(times.into_iter().zip(ids).eq(expected));
    }

    #[test]
    fn many_are_sorted_however_they_are_spread() {
        check(|x| x * 1000.0, 4);
        check(|x| (x * 1000.0).round() * 0.025, 3);
        check(|x| x.powi(40) * 1e6 - 3.0, 3);
        check(|x| if x < 0.001 { 1e300 } else { x - 0.5 }, 3);
        check(|x| if x < 0.5 { f64::MIN } else { f64::MAX }, 2);
        check(|_| 5.0, 3);
        check(|x| if x < 0.9 { 5.0 } else { x }, 11);
    }

    proptest! {
        #[test]
        fn pieces_in_order_are_joined(mut times in prop::collection::vec(-1e3..1e3f64, 0..50), cut in 0..50usize) {
            times.sort_by(f64::total_cmp);
            let cut = cut.min(times.len());
            let piece = |t: &[f64]| (t.to_vec(), vec![1; t.len()]);
            let pieces = vec![piece(&times[..cut]), piece(&[]), piece(&times[cut..])];
            prop_assert_eq!(by_time(pieces).0, times);
        }
    }
}
