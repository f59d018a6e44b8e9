//! How soon cells answer to a stimulus.

use rayon::prelude::*;

use super::{Window, positive};
use crate::analysis::statistics::mean;
use crate::diag::{Error, Result};
use crate::model::Trains;

/// One presentation of a stimulus: the spikes, and when it came (ms). Trials may be separate simulations, or several
/// times of one.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    /// The spikes.
    pub trains: &'a Trains,
    /// When the stimulus came (ms).
    pub stimulus: f64,
}

/// How soon cells answer: columns of equal length, a row for each cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    /// The cells.
    pub ids: Vec<i64>,
    /// The mean over the trials in which the cell answered (ms); `None` where it answered in none.
    pub latency: Vec<Option<f64>>,
    /// In how many trials it answered.
    pub answered: Vec<i64>,
}

/// The first spike of a train in a window, both ends included (ms).
pub fn first_spike(train: &[f64], window: Window) -> Option<f64> {
    window.of(train).first().copied()
}

/// The latency of each cell: the time from the stimulus to its first spike at or after it and at most `within` ms later,
/// averaged over the trials with such a spike (Markram et al. 2015, figure 20; BluePy's use case 7).
///
/// # Errors
/// When there is no trial, `within` is not above 0, or a stimulus is not at a finite time.
pub fn latencies(trials: &[Trial], ids: &[i64], within: f64) -> Result<Latencies> {
    positive("the time to answer", within)?;
    if trials.is_empty() {
        return Err(Error::argument("a latency needs a stimulus, and no time of one is given"));
    }
    let windows = trials.iter().map(|trial| Window::new(trial.stimulus, trial.stimulus + within));
    let windows: Vec<Window> = windows.collect::<Result<_>>()?;
    let row = |&id: &i64| {
        let answer = |(trial, window): (&Trial, &Window)| {
            first_spike(trial.trains.of(id), *window).map(|t| t - trial.stimulus)
        };
        let answers: Vec<f64> = trials.iter().zip(&windows).filter_map(answer).collect();
        ((!answers.is_empty()).then(|| mean(&answers)), answers.len() as i64)
    };
    let (latency, answered) = ids.par_iter().map(row).unzip();
    Ok(Latencies { ids: ids.to_vec(), latency, answered })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spikes;

    #[test]
    fn latencies_are_averaged_over_trials_with_an_answer() {
        let one = Spikes::new("1", vec![99.0, 100.0, 104.0, 131.0], vec![1, 1, 2, 3]);
        let two = Spikes::new("2", vec![205.0, 210.0, 230.0], vec![1, 1, 4]);
        let trials = [(&one, 100.0), (&two, 200.0)]
            .map(|(spikes, stimulus)| Trial { trains: spikes.trains(), stimulus });
        let found = latencies(&trials, &[1, 2, 3, 4], 30.0).unwrap();
        assert_eq!(found.latency, [Some(2.5), Some(4.0), None, Some(30.0)]);
        assert_eq!(found.answered, [2, 1, 0, 1]);
    }

    #[test]
    fn stimuli_must_be_given() {
        let spikes = Spikes::default();
        let trial = Trial { trains: spikes.trains(), stimulus: f64::NAN };
        assert!(latencies(&[], &[1], 30.0).is_err() && latencies(&[trial], &[1], 30.0).is_err());
        assert!(latencies(&[Trial { stimulus: 0.0, ..trial }], &[1], 0.0).is_err());
        assert_eq!(latencies(&[Trial { stimulus: 0.0, ..trial }], &[1], 1.0).unwrap().latency, [None]);
    }
}
