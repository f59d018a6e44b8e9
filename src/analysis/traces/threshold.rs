//! Spikes found in voltages.

use super::Trace;

/// Finds the spikes of many cells in frames given one after the other: a cell fires at the first frame whose voltage is
/// above the threshold after one at or below it. NEURON's `NetCon` and elephant's `threshold_detection` count the same
/// way, so that the spikes of a soma report agree with those of the simulator up to a time step of the report; they are
/// never earlier. A cell that is above the threshold in the first frame has not crossed it.
#[derive(Clone, Debug)]
pub struct Crossings {
    threshold: f64,
    above: Vec<bool>,
}

impl Crossings {
    /// Of so many cells, at a threshold in mV.
    pub fn new(cells: usize, threshold: f64) -> Self {
        Crossings { threshold, above: vec![true; cells] }
    }

    /// The voltages (mV) of all cells at the next time; the cells that fire are handed to `fire` in their order. A
    /// voltage that is not a number is not above the threshold.
    pub fn push(&mut self, voltages: impl IntoIterator<Item = f64>, mut fire: impl FnMut(usize)) {
        for (cell, (above, v)) in self.above.iter_mut().zip(voltages).enumerate() {
            let now = v > self.threshold;
            if now && !*above {
                fire(cell);
            }
            *above = now;
        }
    }
}

/// The spikes (ms) of a trace at a threshold (mV), as [`Crossings`] finds them.
pub fn threshold_spikes(trace: &Trace, threshold: f64) -> Vec<f64> {
    let (mut crossings, mut spikes) = (Crossings::new(1, threshold), Vec::new());
    for (at, &v) in trace.values().iter().enumerate() {
        crossings.push([v], |_| spikes.push(trace.time(at)));
    }
    spikes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_at_the_first_sample_above() {
        let values = [0.0, -65.0, -20.0, 10.0, 20.0, -70.0, -65.0, 30.0];
        let trace = Trace::new(100.0, 0.5, &values).unwrap();
        assert_eq!(threshold_spikes(&trace, -20.0), [101.5, 103.5]);
        assert!(threshold_spikes(&trace, 40.0).is_empty());
    }

    #[test]
    fn cells_cross_on_their_own() {
        let mut crossings = Crossings::new(3, 0.0);
        let mut fired = Vec::new();
        for frame in [[-1.0, -1.0, f64::NAN], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, 1.0, 1.0]] {
            let mut now = Vec::new();
            crossings.push(frame, |cell| now.push(cell));
            fired.push(now);
        }
        assert_eq!(fired, [vec![], vec![0, 2], vec![1], vec![2]]);
    }
}
