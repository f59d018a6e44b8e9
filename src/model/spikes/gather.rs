//! Spikes put together by several threads.

use std::ops::Range;

use rayon::prelude::*;

use super::order::Rows;
use super::room::Room;
use crate::diag::Result;

/// Spikes that one thread puts.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// The most that there may be.
    pub room: usize,
    /// The position of their population.
    pub population: usize,
}

/// Takes the spikes of a batch.
pub struct Sink<'a> {
    times: &'a mut [[u8; 8]],
    ids: &'a mut [[u8; 8]],
    /// What makes an id one of the population.
    population: i64,
    count: usize,
}

impl Sink<'_> {
    /// Takes a spike: a finite time (ms) and the id of a cell. What goes beyond the room of the batch is left out.
    #[inline]
    pub fn push(&mut self, t: f64, id: i64) {
        if let (Some(time), Some(cell)) = (self.times.get_mut(self.count), self.ids.get_mut(self.count)) {
            *time = t.to_ne_bytes();
            *cell = (id | self.population).to_ne_bytes();
            self.count += 1;
        }
    }
}

/// Calls `put` for each batch, with its position, in parallel. `mark` gives what an id of a population is marked with.
///
/// # Errors
/// The first, in the order of the batches, that `put` fails with.
pub(super) fn rows(
    batches: &[Batch],
    mark: impl Fn(usize) -> i64,
    put: impl Fn(usize, &mut Sink<'_>) -> Result<()> + Sync,
) -> Result<Rows> {
    let room = batches.iter().map(|batch| batch.room).sum();
    let (mut times, mut ids) = (Room::new(room, 8), Room::new(room, 8));
    let (mut all_times, mut all_ids) = (times.slots(), ids.slots());
    let mut sinks = Vec::with_capacity(batches.len());
    for batch in batches {
        let times = all_times.split_off_mut(..batch.room).unwrap_or_default();
        let ids = all_ids.split_off_mut(..batch.room).unwrap_or_default();
        sinks.push(Sink { times, ids, population: mark(batch.population), count: 0 });
    }
    let counts: Vec<Result<usize>> = sinks
        .into_par_iter()
        .enumerate()
        .map(|(at, mut sink)| put(at, &mut sink).map(|()| sink.count))
        .collect();
    let (mut filled, mut start): (Vec<Range<usize>>, usize) = (Vec::with_capacity(batches.len()), 0);
    for (batch, count) in batches.iter().zip(counts) {
        let count = count?;
        if count > 0 {
            filled.push(start..start + count);
        }
        start += batch.room;
    }
    Ok(Rows { times, ids, filled })
}
