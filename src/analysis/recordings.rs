//! What is computed of a report: means over cells at each step of time, traces, moments. A report is read once, in
//! blocks, whatever its size; what is held is the answer.

use rayon::prelude::*;

use crate::diag::{Result, work::Progress};
use crate::model::{Frames, Recording};

/// How many values of a report are read at a time.
const VALUES_PER_BLOCK: usize = 1 << 16;

/// Sums are kept apart in so many lanes, so that an addition need not wait for the one before it.
const LANES: usize = 4;

/// Values of each group at each frame: `of[n * groups + g]`.
pub struct GroupFrames {
    /// The number of groups.
    pub groups: usize,
    /// One value for each frame and group.
    pub of: Vec<f64>,
}

impl GroupFrames {
    /// The values of a group, frame after frame.
    pub fn trace(&self, group: usize) -> Vec<f64> {
        self.of.iter().skip(group).step_by(self.groups.max(1)).copied().collect()
    }
}

/// Reads a recording block by block in parallel, and computes a row of `width` numbers for each frame from the frame's
/// values (in the order of [`Recording::columns`]).
///
/// # Errors
/// When the file is damaged, or the user stopped the work.
pub fn each_frame(
    recording: &Recording,
    width: usize,
    row_of: impl Fn(&[f32], &mut [f64]) + Sync,
) -> Result<Vec<f64>> {
    // Before there is room made for frames that a damaged file only announces.
    recording.report.facts().check(recording.frames)?;
    let columns: Vec<_> = recording.columns().into_iter().map(|(_, columns)| columns).collect();
    let values = recording.width();
    let step = recording.frames_for(VALUES_PER_BLOCK);
    let mut out = vec![0.0; width * recording.frames.count];
    let progress = Progress::new("frames", recording.frames.count as u64);
    out.par_chunks_mut((width * step).max(1)).enumerate().try_for_each(|(block, rows)| {
        let frames: Frames = recording.frames.slice(block * step..block * step + rows.len() / width.max(1));
        let mut read = vec![0.0; values * frames.count];
        recording.report.read(frames, &columns, &mut read)?;
        for (row, values) in rows.chunks_exact_mut(width.max(1)).zip(read.chunks_exact(values.max(1))) {
            row_of(values, row);
        }
        progress.advance(frames.count as u64)
    })?;
    Ok(out)
}

/// The mean of each group at each frame. `group_of` has the group of each value of a frame, or nothing for those that
/// are in none; a group without values has no mean (NaN).
///
/// # Errors
/// When the file is damaged, or the user stopped the work.
pub fn group_means(recording: &Recording, group_of: &[Option<u32>], groups: usize) -> Result<GroupFrames> {
    // Values of no group are added to one more, which is dropped.
    let slots = groups + 1;
    let slot: Vec<u32> = group_of.iter().map(|g| g.unwrap_or(groups as u32)).collect();
    let mut sizes = vec![0.0; slots];
    for &group in &slot {
        sizes[group as usize] += 1.0;
    }
    let of = each_frame(recording, groups, |values, row| {
        let mut sums = vec![0.0; slots * LANES];
        for (values, slots_of) in values.chunks(LANES).zip(slot.chunks(LANES)) {
            for (lane, (value, &g)) in values.iter().zip(slots_of).enumerate() {
                sums[lane * slots + g as usize] += f64::from(*value);
            }
        }
        for (g, mean) in row.iter_mut().enumerate() {
            let sum: f64 = (0..LANES).map(|lane| sums[lane * slots + g]).sum();
            *mean = sum / sizes[g];
        }
    })?;
    Ok(GroupFrames { groups, of })
}

/// Least, largest and mean value and standard deviation (of the population) at each frame, over all values.
///
/// # Errors
/// When the file is damaged, or the user stopped the work.
pub fn moments(recording: &Recording) -> Result<GroupFrames> {
    let of = each_frame(recording, 4, |values, row| {
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let square = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        let (low, high) = values.iter().fold((f32::NAN, f32::NAN), |(l, h), v| (l.min(*v), h.max(*v)));
        row.copy_from_slice(&[f64::from(low), f64::from(high), mean, square.sqrt()]);
    })?;
    Ok(GroupFrames { groups: 4, of })
}
