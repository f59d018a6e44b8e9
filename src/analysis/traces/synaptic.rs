//! Features of postsynaptic potentials.

use super::Trace;
use crate::analysis::statistics::mean;
use crate::diag::{Error, Result};

/// Which way a potential goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Up: the peak is the largest voltage.
    Excitatory,
    /// Down: the peak is the smallest.
    Inhibitory,
}

/// A postsynaptic potential.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Psp {
    /// The voltage before (mV).
    pub base: f64,
    /// How far the peak is from it (mV), not negative.
    pub amplitude: f64,
    /// When the peak is (ms).
    pub peak_time: f64,
    /// From 20 % to 80 % of the amplitude (ms); `None` where there is no amplitude.
    pub rise_20_80: Option<f64>,
    /// From the stimulus to 5 % of the amplitude (ms); `None` where there is no amplitude.
    pub latency: Option<f64>,
}

/// The potential that a stimulus (a presynaptic spike) at `stimulus` ms evokes in a trace.
///
/// The base is the mean over the last tenth of the time before the stimulus, the amplitude |V_peak − base| with the peak
/// from the stimulus on (`psp_validation`'s `get_peak_amplitudes`). Latency to 5 % and rise from 20 % to 80 %, as the NMC
/// portal has them, are read off where the trace first reaches these parts, interpolated between samples.
///
/// # Errors
/// When the stimulus is not inside of the trace.
pub fn psp(trace: &Trace, stimulus: f64, sign: Sign) -> Result<Psp> {
    let first = trace.first_at(stimulus);
    let before = trace.between(stimulus - 0.1 * (stimulus - trace.time(0)), stimulus);
    if stimulus.is_nan() || stimulus <= trace.time(0) || before.is_empty() || first == trace.values().len() {
        return Err(Error::argument(format!("the stimulus at {stimulus} ms is not inside of the trace"))
            .help(format!(
                "it lasts from {} to {} ms",
                trace.time(0),
                trace.time(trace.values().len() - 1)
            )));
    }
    let base = mean(before);
    let upright = match sign {
        Sign::Excitatory => 1.0,
        Sign::Inhibitory => -1.0,
    };
    // The first of equal ones.
    let height = |at: usize| upright * (trace.values()[at] - base);
    let peak = (first..trace.values().len())
        .reduce(|a, b| if height(b) > height(a) { b } else { a })
        .unwrap_or(first);
    let amplitude = height(peak).max(0.0);
    let reached = |share: f64| {
        let level = share * amplitude;
        let at = (first..=peak).find(|&at| amplitude > 0.0 && height(at) >= level)?;
        let below = at.checked_sub(1).map_or(level, height);
        let back = if below < level { (height(at) - level) / (height(at) - below) } else { 0.0 };
        Some(trace.time(at) - back * trace.dt)
    };
    Ok(Psp {
        base,
        amplitude,
        peak_time: trace.time(peak),
        rise_20_80: reached(0.8).zip(reached(0.2)).map(|(high, low)| high - low),
        latency: reached(0.05).map(|t| t - stimulus),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_by_hand() {
        // Rest until 20 ms, then 1 mV each ms up to 10 mV.
        let up: Vec<f64> = (0..50).map(|t| -70.0 + f64::from(t - 20).clamp(0.0, 10.0)).collect();
        let found = psp(&Trace::new(0.0, 1.0, &up).unwrap(), 20.0, Sign::Excitatory).unwrap();
        assert_eq!((found.base, found.amplitude, found.peak_time), (-70.0, 10.0, 30.0));
        assert_eq!((found.rise_20_80, found.latency), (Some(6.0), Some(0.5)));
        let down: Vec<f64> = up.iter().map(|v| -140.0 - v).collect();
        let turned = psp(&Trace::new(0.0, 1.0, &down).unwrap(), 20.0, Sign::Inhibitory).unwrap();
        assert_eq!(turned, found);
    }

    #[test]
    fn nothing_has_no_rise_and_stimuli_are_inside() {
        let trace = Trace::new(0.0, 1.0, &[-70.0; 30]).unwrap();
        let found = psp(&trace, 20.0, Sign::Excitatory).unwrap();
        assert_eq!((found.amplitude, found.rise_20_80, found.latency), (0.0, None, None));
        assert!(psp(&trace, 0.0, Sign::Excitatory).is_err() && psp(&trace, 30.0, Sign::Excitatory).is_err());
        assert!(psp(&trace, f64::NAN, Sign::Excitatory).is_err());
    }
}
