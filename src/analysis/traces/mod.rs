//! Recorded voltages: spikes at a threshold, features of action potentials and of synaptic potentials, synchrony.

pub mod action_potentials;
mod chi;
pub mod synaptic;
mod threshold;

pub use action_potentials::{ApFeatures, ap_features};
pub use chi::Chi;
pub use synaptic::{Psp, Sign, psp};
pub use threshold::{Crossings, threshold_spikes};

use crate::diag::{Error, Result};

/// How far from a sample a time may be and still be meant as that sample (ms).
const SLACK: f64 = 1e-9;

/// A voltage (mV) at evenly spaced times.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    start: f64,
    dt: f64,
    values: &'a [f64],
}

impl<'a> Trace<'a> {
    /// Values (mV), the first at `start` ms, each `dt` ms after the one before.
    ///
    /// # Errors
    /// When `dt` is not above 0, `start` is not finite, there are no values, or one of them is not a number.
    pub fn new(start: f64, dt: f64, values: &'a [f64]) -> Result<Self> {
        if !(dt.is_finite() && dt > 0.0 && start.is_finite()) {
            return Err(Error::argument(format!(
                "a trace from {start} ms in steps of {dt} ms is impossible"
            )));
        }
        if values.is_empty() {
            return Err(Error::argument("the trace has no values"));
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            let t = start + at as f64 * dt;
            return Err(Error::argument(format!("the voltage at {t} ms is {}, not a number", values[at])));
        }
        Ok(Trace { start, dt, values })
    }

    /// The values (mV).
    pub fn values(&self) -> &'a [f64] {
        self.values
    }

    /// The time of a sample (ms).
    pub fn time(&self, at: usize) -> f64 {
        self.start + at as f64 * self.dt
    }

    /// The first sample at or after a time; the number of samples where there is none.
    fn first_at(&self, t: f64) -> usize {
        (((t - self.start - SLACK) / self.dt).ceil().max(0.0) as usize).min(self.values.len())
    }

    /// The values from `start` to `end` (ms), both included.
    fn between(&self, start: f64, end: f64) -> &'a [f64] {
        let first = self.first_at(start);
        let last = ((end - self.start + SLACK) / self.dt).floor() + 1.0;
        &self.values[first..(last.max(0.0) as usize).clamp(first, self.values.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_samples_in_spite_of_rounding() {
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        let trace = Trace::new(0.0, 0.1, &values).unwrap();
        assert_eq!(
            (trace.first_at(0.3), trace.first_at(0.25), trace.first_at(-1.0), trace.first_at(9.0)),
            (3, 3, 0, 10)
        );
        assert_eq!(trace.between(0.3, 0.6), [3.0, 4.0, 5.0, 6.0]);
        assert!(trace.between(0.6, 0.3).is_empty() && trace.between(5.0, 9.0).is_empty());
    }

    #[test]
    fn impossible_traces_are_refused() {
        assert!(Trace::new(0.0, 0.0, &[1.0]).is_err() && Trace::new(0.0, 1.0, &[]).is_err());
        let error = Trace::new(0.0, 0.5, &[1.0, f64::NAN]).unwrap_err().to_string();
        assert!(error.contains("at 0.5 ms"), "{error}");
    }
}
