//! The spikes of the thalamic fibres.

use rand::RngExt;
use rand_distr::{Distribution, Normal};

use super::STEPS_PER_MS;
use crate::demo::random::{Purpose, Random, stream};

/// How often a fibre fires on its own (Hz).
const SPONTANEOUS: f64 = 3.0;

/// How the spikes of a volley are spread over time: mean and deviation from its time (ms).
const VOLLEY: (f64, f64) = (2.0, 0.8);

/// The chance that a fibre takes part in a volley, and that it fires a second time in it, how much later (ms).
const TAKES_PART: f64 = 0.9;
const AGAIN: f64 = 0.5;
const LATER: (f64, f64) = (6.0, 1.0);

/// The spikes of `fibres` fibres, as steps and numbers of fibres in the order of time: each fires as a Poisson process,
/// and nearly all fire around the time of the volley (ms).
pub(super) fn spikes(fibres: u32, steps: u32, volley: Option<f64>, seed: u64) -> Vec<(u32, u32)> {
    let mut spikes: Vec<(u32, u32)> = (0..fibres)
        .flat_map(|fibre| {
            let mut random = stream(seed, Purpose::Stimulus, u64::from(fibre));
            let mut times = poisson(f64::from(steps) / f64::from(STEPS_PER_MS), &mut random);
            times.extend(volley.into_iter().flat_map(|at| answer(at, &mut random)));
            let step = |t: f64| (t * f64::from(STEPS_PER_MS)).round();
            let inside = move |step: &f64| (0.0..f64::from(steps)).contains(step);
            times.into_iter().map(step).filter(inside).map(move |step| (step as u32, fibre))
        })
        .collect();
    spikes.sort_unstable();
    spikes.dedup();
    spikes
}

/// Times of spikes that come independently of each other (ms).
fn poisson(duration: f64, random: &mut Random) -> Vec<f64> {
    let mut next = || -(1.0 - random.random::<f64>()).ln() * 1000.0 / SPONTANEOUS;
    let mut times = vec![next()];
    while times[times.len() - 1] < duration {
        times.push(times[times.len() - 1] + next());
    }
    times
}

/// What a fibre contributes to a volley.
fn answer(at: f64, random: &mut Random) -> Vec<f64> {
    if random.random::<f64>() >= TAKES_PART {
        return Vec::new();
    }
    let mut drawn =
        |(mean, deviation)| Normal::new(mean, deviation).map_or(mean, |normal| normal.sample(random));
    let first = at + drawn(VOLLEY).max(0.0);
    let second = first + drawn(LATER).max(2.0);
    if random.random::<f64>() < AGAIN { vec![first, second] } else { vec![first] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fibres_fire_on_their_own_and_together() {
        let spikes = spikes(200, 10_000, Some(700.0), 1);
        assert!(spikes.is_sorted() && spikes.iter().all(|&(step, fibre)| step < 10_000 && fibre < 200));
        let between = |from: u32, to: u32| spikes.iter().filter(|s| (from..to).contains(&s.0)).count();
        // 3 Hz in 600 ms, and 0.9 spikes of each in the first milliseconds of the volley.
        assert!((300..420).contains(&between(0, 6000)), "{}", between(0, 6000));
        assert!((160..205).contains(&between(7000, 7050)), "{}", between(7000, 7050));
    }

    #[test]
    fn a_volley_at_the_end_stays_inside() {
        assert!(spikes(50, 100, Some(9.0), 1).iter().all(|s| s.0 < 100));
        assert!(spikes(0, 100, None, 1).is_empty());
        assert_eq!(spikes(20, 5000, Some(100.0), 4), spikes(20, 5000, Some(100.0), 4));
        assert_ne!(spikes(20, 5000, Some(100.0), 4), spikes(20, 5000, Some(100.0), 5));
    }
}
