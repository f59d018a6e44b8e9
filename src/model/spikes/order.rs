//! Spikes in order: by time, then by id. Millions of them come in any order (each process of a simulation writes its
//! own), so they are first distributed over windows of time, and then each window, which fits a cache, is sorted.

use std::ops::Range;

use arrow_buffer::{ScalarBuffer, ToByteSlice};
use rayon::prelude::*;

use super::room::Room;

/// So many are sorted at once.
const FEW: usize = 1 << 14;
/// Spikes in a window of time, about.
const WINDOW: usize = 1 << 14;
/// A window of more is sorted by all cores.
const CROWDED: usize = 1 << 17;
/// Rows that one core takes at a time.
const ROWS: usize = 1 << 18;
/// How many times are looked at to see how they are spread.
const SAMPLES: usize = 1 << 12;

/// Times (ms, finite) and ids, in native byte order.
pub(super) struct Rows {
    pub(super) times: Room,
    pub(super) ids: Room,
    /// Where there are any, ascending.
    pub(super) filled: Vec<Range<usize>>,
}

impl Rows {
    /// Rows with the same times and ids.
    pub(super) fn copied(times: &[f64], ids: &[i64]) -> Self {
        fn copy(bytes: &[u8], count: usize) -> Room {
            let mut room = Room::new(count, 8);
            let all = room.slots().par_chunks_mut(ROWS).zip(bytes.as_chunks::<8>().0.par_chunks(ROWS));
            all.for_each(|(to, from)| to.copy_from_slice(from));
            room
        }
        let count = times.len();
        let (times, ids) = (copy(times.to_byte_slice(), count), copy(ids.to_byte_slice(), count));
        let filled = Vec::from_iter((count > 0).then_some(0..count));
        Rows { times, ids, filled }
    }

    /// All of them, in order.
    pub(super) fn by_time(mut self) -> (ScalarBuffer<f64>, ScalarBuffer<i64>) {
        let count = self.filled.iter().map(Range::len).sum();
        self.order(count);
        (self.times.values(count), self.ids.values(count))
    }

    /// Puts the `count` rows in order, at the beginning.
    fn order(&mut self, count: usize) {
        let whole = self.filled.windows(2).all(|pair| pair[0].end == pair[1].start)
            && self.filled.first().is_none_or(|first| first.start == 0);
        let (times, ids) = (self.times.slots(), self.ids.slots());
        let parts = parts_of(times, ids, &self.filled);
        if whole && in_order(&parts) {
            return;
        }
        if count <= FEW {
            let mut keys: Vec<u128> = parts.iter().flat_map(Part::keys).collect();
            keys.sort_unstable();
            for ((time, id), key) in times.iter_mut().zip(ids).zip(keys) {
                (*time, *id) = spike(key);
            }
            return;
        }
        let mut keys = Room::new(count, size_of::<u128>()).ready();
        let windows = Windows::over(&parts, count);
        let sizes = distribute(&parts, &windows, keys.slots());
        let mut rest = (keys.slots(), times, ids);
        let mut tasks = Vec::with_capacity(sizes.len());
        for size in sizes {
            tasks.push((
                rest.0.split_off_mut(..size).unwrap_or_default(),
                rest.1.split_off_mut(..size).unwrap_or_default(),
                rest.2.split_off_mut(..size).unwrap_or_default(),
            ));
        }
        tasks.into_par_iter().for_each_init(Sorter::default, |sorter, (keys, times, ids)| {
            sorter.sort(keys, times, ids);
        });
    }
}

/// Whether spikes are in order.
pub(super) fn is_ordered(times: &[f64], ids: &[i64]) -> bool {
    let (times, ids) = (times.to_byte_slice().as_chunks().0, ids.to_byte_slice().as_chunks().0);
    in_order(&parts_of(times, ids, std::slice::from_ref(&(0..times.len()))))
}

/// Some rows.
struct Part<'a> {
    times: &'a [[u8; 8]],
    ids: &'a [[u8; 8]],
}

impl Part<'_> {
    fn times(&self) -> impl Iterator<Item = f64> {
        self.times.iter().map(|&bytes| f64::from_ne_bytes(bytes))
    }

    fn keys(&self) -> impl Iterator<Item = u128> {
        self.times().zip(self.ids).map(|(t, &id)| key(t, i64::from_ne_bytes(id)))
    }

    fn at(&self, row: usize) -> (f64, i64) {
        (f64::from_ne_bytes(self.times[row]), i64::from_ne_bytes(self.ids[row]))
    }
}

/// The rows of some ranges, so many that there is something to do for every core. No part is empty.
fn parts_of<'a>(times: &'a [[u8; 8]], ids: &'a [[u8; 8]], filled: &[Range<usize>]) -> Vec<Part<'a>> {
    let ranges = filled
        .iter()
        .flat_map(|range| times[range.clone()].chunks(ROWS).zip(ids[range.clone()].chunks(ROWS)));
    ranges.map(|(times, ids)| Part { times, ids }).collect()
}

fn in_order(parts: &[Part<'_>]) -> bool {
    let joints = parts.windows(2).all(|pair| pair[0].at(pair[0].times.len() - 1) <= pair[1].at(0));
    joints && parts.par_iter().all(|part| (1..part.times.len()).all(|row| part.at(row - 1) <= part.at(row)))
}

/// A number that is greater the later the spike, and in the same moment the greater the id.
fn key(t: f64, id: i64) -> u128 {
    // The sum makes one zero of two.
    let bits = (t + 0.0).to_bits();
    let time = if bits >> 63 == 0 { bits | 1 << 63 } else { !bits };
    u128::from(time) << 64 | u128::from(id as u64 ^ 1 << 63)
}

/// The bytes of what [`key`] was made from.
fn spike(key: u128) -> ([u8; 8], [u8; 8]) {
    let (time, id) = ((key >> 64) as u64, key as u64);
    let bits = if time >> 63 == 1 { time & !(1 << 63) } else { !time };
    (bits.to_ne_bytes(), (id ^ 1 << 63).to_ne_bytes())
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
        let mut sample: Vec<f64> = parts.iter().flat_map(|part| part.times().step_by(step)).collect();
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
fn distribute(parts: &[Part<'_>], windows: &Windows, keys: &mut [[u8; 16]]) -> Vec<usize> {
    let counts: Vec<Vec<usize>> = parts
        .par_iter()
        .map(|part| {
            let mut counts = vec![0; windows.count];
            part.times().for_each(|t| counts[windows.of(t)] += 1);
            counts
        })
        .collect();
    let mut rest = keys;
    let mut places: Vec<Vec<&mut [[u8; 16]]>> =
        counts.iter().map(|_| Vec::with_capacity(windows.count)).collect();
    for window in 0..windows.count {
        for (places, counts) in places.iter_mut().zip(&counts) {
            places.push(rest.split_off_mut(..counts[window]).unwrap_or_default());
        }
    }
    parts.par_iter().zip(places).for_each(|(part, mut places)| {
        for (t, key) in part.times().zip(part.keys()) {
            if let Some(place) = places[windows.of(t)].split_off_first_mut() {
                *place = key.to_ne_bytes();
            }
        }
    });
    (0..windows.count).map(|window| counts.iter().map(|counts| counts[window]).sum()).collect()
}

/// Sorts windows, one after the other.
#[derive(Default)]
struct Sorter {
    narrow: Vec<u64>,
    spare: Vec<u64>,
    wide: Vec<u128>,
}

impl Sorter {
    /// Sorts the keys of a window, and gives the spikes. Within a window, times and ids differ in few bits: mostly both
    /// fit into 64, which sort faster.
    fn sort(&mut self, keys: &[[u8; 16]], times: &mut [[u8; 8]], ids: &mut [[u8; 8]]) {
        let keys = keys.iter().map(|&bytes| u128::from_ne_bytes(bytes));
        let (mut low, mut high) = ((u64::MAX, u64::MAX), (0, 0));
        for key in keys.clone() {
            let (time, id) = ((key >> 64) as u64, key as u64);
            low = (low.0.min(time), low.1.min(id));
            high = (high.0.max(time), high.1.max(id));
        }
        let bits = |low: u64, high: u64| 64 - high.saturating_sub(low).leading_zeros();
        let (shift, width) = (bits(low.1, high.1), bits(low.0, high.0));
        let mut put = |(row, key): (usize, u128)| (times[row], ids[row]) = spike(key);
        if shift < 64 && width + shift <= 64 {
            self.narrow.clear();
            self.narrow.extend(keys.map(|key| ((key >> 64) as u64 - low.0) << shift | (key as u64 - low.1)));
            self.sort_narrow(width + shift);
            let whole = |key: &u64| {
                u128::from((key >> shift) + low.0) << 64 | u128::from((key & ((1 << shift) - 1)) + low.1)
            };
            self.narrow.iter().map(whole).enumerate().for_each(put);
        } else {
            self.wide.clear();
            self.wide.extend(keys);
            sort(&mut self.wide);
            self.wide.iter().copied().enumerate().for_each(&mut put);
        }
    }

    /// Sorts the narrow keys, which have so many bits: first by the highest of them.
    fn sort_narrow(&mut self, bits: u32) {
        const FIRST: u32 = 9;
        let keys = &mut self.narrow;
        if keys.len() < 1 << FIRST || keys.len() > CROWDED {
            return sort(keys);
        }
        let group = |key: u64| (key >> bits.saturating_sub(FIRST)) as usize;
        let mut ends = [0; 1 << FIRST];
        for &key in &*keys {
            ends[group(key)] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            start += std::mem::replace(end, start);
        }
        self.spare.resize(keys.len(), 0);
        for &key in &*keys {
            let end = &mut ends[group(key)];
            self.spare[*end] = key;
            *end += 1;
        }
        let mut start = 0;
        for end in ends {
            self.spare[start..end].sort_unstable();
            start = end;
        }
        std::mem::swap(keys, &mut self.spare);
    }
}

fn sort<T: Ord + Send>(keys: &mut [T]) {
    if keys.len() > CROWDED { keys.par_sort_unstable() } else { keys.sort_unstable() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Spike = (f64, i64);

    /// The spikes of some parts in order; after each part stays some room that nothing was put into.
    fn ordered(parts: &[Vec<Spike>], unused: usize) -> Vec<Spike> {
        let count = parts.iter().map(|part| part.len() + unused).sum();
        let mut rows = Rows { times: Room::new(count, 8), ids: Room::new(count, 8), filled: Vec::new() };
        let mut at = 0;
        for part in parts {
            rows.filled.push(at..at + part.len());
            for (row, &(t, id)) in (at..).zip(part) {
                rows.times.slots()[row] = t.to_ne_bytes();
                rows.ids.slots()[row] = id.to_ne_bytes();
            }
            at += part.len() + unused;
        }
        let (times, ids) = rows.by_time();
        times.iter().copied().zip(ids.iter().copied()).collect()
    }

    #[test]
    fn keys_are_ordered_as_the_spikes_are() {
        let times = [f64::MIN, -1.5, -f64::MIN_POSITIVE, 0.0, 5e-324, 0.1, 7.0, f64::MAX];
        let ids = [i64::MIN, -1, 0, 1, i64::MAX];
        let spikes: Vec<Spike> = times.iter().flat_map(|&t| ids.map(|id| (t, id))).collect();
        let keys: Vec<u128> = spikes.iter().map(|&(t, id)| key(t, id)).collect();
        assert!(keys.is_sorted());
        let back = keys.into_iter().map(spike).map(|(t, id)| (f64::from_ne_bytes(t), i64::from_ne_bytes(id)));
        assert_eq!(back.collect::<Vec<_>>(), spikes);
        assert_eq!(key(-0.0, 3), key(0.0, 3));
    }

    /// Many spikes of some way to be spread in time: `spread` makes a time of a number from 0 to 1.
    fn check(spread: impl Fn(f64) -> f64, parts: usize, unused: usize) {
        let mut state = 7_u64;
        let mut number = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut spike = || (spread((number() as f64) / f64::from(1_u32 << 31)), (number() % 500) as i64 - 3);
        let parts: Vec<Vec<Spike>> = (0..parts).map(|_| (0..FEW).map(|_| spike()).collect()).collect();
        let mut expected = parts.concat();
        expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        assert!(ordered(&parts, unused) == expected);
    }

    #[test]
    fn many_are_sorted_however_they_are_spread() {
        check(|x| x * 1000.0, 4, 0);
        check(|x| (x * 1000.0).round() * 0.025, 3, 1);
        check(|x| x.powi(40) * 1e6 - 3.0, 3, 0);
        check(|x| if x < 0.001 { 1e300 } else { x - 0.5 }, 3, 7);
        check(|x| if x < 0.5 { f64::MIN } else { f64::MAX }, 2, 0);
        check(|_| 5.0, 3, 0);
        check(|x| if x < 0.9 { 5.0 } else { x }, 11, 2);
    }

    proptest! {
        #[test]
        fn few_are_sorted(parts: Vec<Vec<(i8, i64)>>, unused in 0..3usize) {
            let parts: Vec<Vec<Spike>> =
                parts.iter().map(|part| part.iter().map(|&(t, id)| (f64::from(t), id)).collect()).collect();
            let mut expected = parts.concat();
            expected.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            prop_assert_eq!(ordered(&parts, unused), expected);
        }
    }
}
