//! Features of action potentials, with eFEL's names and definitions.

use super::{SLACK, Trace};
use crate::analysis::spikes::{Window, intervals::isi};
use crate::analysis::statistics::{mean, std};
use crate::diag::{Error, Result};

/// The time step to which eFEL interpolates a trace before all else (`interp_step`, ms).
const STEP: f64 = 0.1;

/// An action potential begins where the voltage rises faster than this for [`RISING`] samples (`DerivativeThreshold`,
/// mV/ms), and ends where it falls slower than [`FALL`] again (`DownDerivativeThreshold`).
const RISE: f64 = 10.0;
const RISING: usize = 3;
const FALL: f64 = -12.0;

/// The part after a stimulus over which the decay is fitted (`decay_start_after_stim`, `decay_end_after_stim`, ms).
const DECAY: (f64, f64) = (1.0, 10.0);

/// The most samples of a trace.
const SAMPLES_MAX: f64 = 1e8;

/// What eFEL calls the features of a trace. Lists have a value for each action potential; a NaN stands where it has no
/// such value (eFEL leaves it out). `None` where the feature is not defined.
#[derive(Clone, Debug, PartialEq)]
pub struct ApFeatures {
    /// `Spikecount`: action potentials in the whole trace.
    pub spike_count: usize,
    /// `peak_time` (ms).
    pub peak_time: Vec<f64>,
    /// `peak_voltage` (mV).
    pub peak_voltage: Vec<f64>,
    /// `AP_begin_time` (ms).
    pub ap_begin_time: Vec<f64>,
    /// `AP_begin_voltage` (mV).
    pub ap_begin_voltage: Vec<f64>,
    /// `AP_amplitude` (mV): from the onset, not from the base, to the peak.
    pub ap_amplitude: Vec<f64>,
    /// `AP_duration_half_width` (ms).
    pub ap_duration_half_width: Vec<f64>,
    /// `AHP_depth_abs` (mV): the first minimum after the peak, which neither of the next two samples undercuts.
    pub ahp_depth_abs: Vec<f64>,
    /// `AHP_depth` (mV): the same from the base.
    pub ahp_depth: Vec<f64>,
    /// `mean_frequency` (Hz): action potentials during the stimulus, over the time from its start to the last of them.
    pub mean_frequency: Option<f64>,
    /// `ISI_values` (ms): intervals between peaks, but for the first.
    pub isi_values: Vec<f64>,
    /// `ISI_CV`: std (ddof 1) over mean of these.
    pub isi_cv: Option<f64>,
    /// `adaptation_index2`: the mean of (I₂ − I₁)/(I₂ + I₁) of these.
    pub adaptation_index2: Option<f64>,
    /// `time_to_first_spike` (ms): from the start of the stimulus to the first peak after it.
    pub time_to_first_spike: Option<f64>,
    /// `voltage_base` (mV): the mean over the last tenth of the time before the stimulus.
    pub voltage_base: Option<f64>,
    /// `steady_state_voltage_stimend` (mV): the mean over the last tenth of the stimulus.
    pub steady_state_voltage_stimend: Option<f64>,
    /// `decay_time_constant_after_stim` (ms): of an exponential fitted to the distance from the voltage at the start of the
    /// stimulus, from 1 to 10 ms after its end.
    pub decay_time_constant_after_stim: Option<f64>,
    /// `maximum_voltage` (mV) during the stimulus.
    pub maximum_voltage: Option<f64>,
    /// `minimum_voltage` (mV) during the stimulus.
    pub minimum_voltage: Option<f64>,
}

impl ApFeatures {
    /// eFEL's name, the unit and the values of each feature; no value where it is not defined.
    pub fn entries(&self) -> Vec<(&'static str, &'static str, Vec<f64>)> {
        let one = |value: Option<f64>| value.into_iter().collect::<Vec<_>>();
        vec![
            ("Spikecount", "", vec![self.spike_count as f64]),
            ("mean_frequency", "Hz", one(self.mean_frequency)),
            ("time_to_first_spike", "ms", one(self.time_to_first_spike)),
            ("peak_time", "ms", self.peak_time.clone()),
            ("peak_voltage", "mV", self.peak_voltage.clone()),
            ("AP_begin_time", "ms", self.ap_begin_time.clone()),
            ("AP_begin_voltage", "mV", self.ap_begin_voltage.clone()),
            ("AP_amplitude", "mV", self.ap_amplitude.clone()),
            ("AP_duration_half_width", "ms", self.ap_duration_half_width.clone()),
            ("AHP_depth_abs", "mV", self.ahp_depth_abs.clone()),
            ("AHP_depth", "mV", self.ahp_depth.clone()),
            ("ISI_values", "ms", self.isi_values.clone()),
            ("ISI_CV", "", one(self.isi_cv)),
            ("adaptation_index2", "", one(self.adaptation_index2)),
            ("voltage_base", "mV", one(self.voltage_base)),
            ("steady_state_voltage_stimend", "mV", one(self.steady_state_voltage_stimend)),
            ("decay_time_constant_after_stim", "ms", one(self.decay_time_constant_after_stim)),
            ("maximum_voltage", "mV", one(self.maximum_voltage)),
            ("minimum_voltage", "mV", one(self.minimum_voltage)),
        ]
    }
}

/// The features of a trace with a step stimulus, for a spike `threshold` in mV (eFEL's `Threshold`, by default −20 mV).
///
/// As eFEL 5 with its default settings: the trace is interpolated to steps of 0.1 ms; a spike reaches from the first
/// sample above the threshold to the first below it, and its peak is the largest of these; the features are those of
/// samples, without interpolation between them. eFEL's times are sums of steps, so that some are a hair before the time
/// that is meant and its windows begin one sample later: these do too.
///
/// # Errors
/// When the trace is too long for steps of 0.1 ms.
pub fn ap_features(trace: &Trace, stimulus: Window, threshold: f64) -> Result<ApFeatures> {
    let samples = Samples::of(trace)?;
    let (start, end) = (stimulus.start(), stimulus.end());
    let spikes = samples.spikes(stimulus, threshold);
    let v = |at: Option<usize>| at.map_or(f64::NAN, |at| samples.values[at]);
    let t = |at: Option<usize>| at.map_or(f64::NAN, |at| samples.times[at]);
    let all = |f: &dyn Fn(&Spike) -> f64| spikes.iter().map(f).collect::<Vec<f64>>();
    let peak_time = all(&|s| samples.times[s.peak]);
    let during: Vec<f64> = peak_time.iter().copied().filter(|t| *t >= start && *t <= end).collect();
    let base = mean_of(samples.base(start));
    let isi_values: Vec<f64> = isi(&peak_time).into_iter().skip(1).collect();
    let inside = samples.before(start, end);
    Ok(ApFeatures {
        spike_count: spikes.len(),
        peak_voltage: all(&|s| samples.values[s.peak]),
        ap_begin_time: all(&|s| t(s.begin)),
        ap_begin_voltage: all(&|s| v(s.begin)),
        ap_amplitude: all(&|s| samples.values[s.peak] - v(s.begin)),
        ap_duration_half_width: all(&|s| t(s.fall) - t(s.rise)),
        ahp_depth_abs: all(&|s| v(s.lowest)),
        ahp_depth: all(&|s| v(s.lowest) - base.unwrap_or(f64::NAN)),
        mean_frequency: during
            .last()
            .filter(|t| **t > start)
            .map(|t| during.len() as f64 / (t - start) * 1000.0),
        isi_cv: (isi_values.len() > 1).then(|| std(&isi_values, 1) / mean(&isi_values)),
        adaptation_index2: adaptation(&isi_values),
        time_to_first_spike: peak_time.iter().find(|t| **t >= start).map(|t| t - start),
        voltage_base: base,
        steady_state_voltage_stimend: mean_of(samples.before(end - 0.1 * (end - start), end)),
        decay_time_constant_after_stim: samples.decay(stimulus),
        maximum_voltage: inside.iter().copied().reduce(f64::max),
        minimum_voltage: inside.iter().copied().reduce(f64::min),
        isi_values,
        peak_time,
    })
}

/// The samples of an action potential.
struct Spike {
    peak: usize,
    /// The onset.
    begin: Option<usize>,
    /// The samples nearest to half of the height, before and after the peak.
    rise: Option<usize>,
    fall: Option<usize>,
    /// Of the afterhyperpolarization.
    lowest: Option<usize>,
}

/// A trace in steps of [`STEP`].
struct Samples {
    times: Vec<f64>,
    values: Vec<f64>,
}

impl Samples {
    /// Interpolates linearly.
    fn of(trace: &Trace) -> Result<Self> {
        let (v, last) = (trace.values(), trace.values().len() - 1);
        let count = ((trace.time(last) - trace.time(0)) / STEP).ceil();
        if count > SAMPLES_MAX {
            return Err(Error::argument(format!(
                "{count} samples of 0.1 ms are too many for the features of a trace"
            ))
            .help("take a part of it with .between(t0, t1)"));
        }
        let mut times = vec![trace.time(0)];
        while times.len() < count as usize || times[times.len() - 1] < trace.time(last) {
            times.push(times[times.len() - 1] + STEP);
        }
        let value = |t: &f64| {
            let at = ((t - trace.time(0)) / trace.dt).clamp(0.0, last as f64);
            let low = at as usize;
            v[low] + (v[(low + 1).min(last)] - v[low]) * at.fract()
        };
        let values = times.iter().map(value).collect();
        Ok(Samples { times, values })
    }

    /// The first sample at or after a time.
    fn first_at(&self, t: f64) -> usize {
        self.times.partition_point(|&time| time < t)
    }

    /// The values from `start` up to, not including, `end`.
    fn before(&self, start: f64, end: f64) -> &[f64] {
        let first = self.first_at(start);
        &self.values[first..self.first_at(end).max(first)]
    }

    /// The last tenth of the time before a stimulus, both ends included.
    fn base(&self, stimulus: f64) -> &[f64] {
        let first = self.first_at(self.times[0] + 0.9 * (stimulus - self.times[0]));
        let last = self.times.partition_point(|&t| t - stimulus < SLACK);
        if stimulus > self.times[0] { &self.values[first.min(last)..last] } else { &[] }
    }

    /// The action potentials.
    fn spikes(&self, stimulus: Window, threshold: f64) -> Vec<Spike> {
        let v = &self.values;
        let (peaks, slopes) = (peaks(v, threshold), slopes(v));
        // Two samples early, so that a spike right at the start of the stimulus is not missed.
        let mut from = self.first_at(stimulus.start()).saturating_sub(2);
        let spike = |(number, &peak): (usize, &usize)| {
            let next = peaks.get(number + 1).copied().unwrap_or(v.len());
            let lowest = first_minimum(v, peak..next);
            let begin = onset(&slopes, from.min(peak), peak);
            let end = offset(&slopes, peak, next);
            let half = begin.map(|begin| f64::midpoint(v[peak], v[begin]));
            from = from.max(lowest);
            Spike {
                peak,
                begin,
                rise: half.zip(begin).and_then(|(half, begin)| nearest(v, half, begin..peak)),
                fall: half.zip(end).and_then(|(half, end)| nearest(v, half, peak..end)),
                // A trace that still falls at its end has no lowest point.
                lowest: Some(lowest).filter(|at| at + 1 < v.len()),
            }
        };
        peaks.iter().enumerate().map(spike).collect()
    }

    /// −1 / slope of the straight line through ln |V − V(start of the stimulus)|.
    fn decay(&self, stimulus: Window) -> Option<f64> {
        let reference = *self.values.get(self.first_at(stimulus.start()))?;
        let part = self.before(stimulus.end() + DECAY.0, stimulus.end() + DECAY.1);
        let logs: Vec<f64> = part.iter().map(|v| (v - reference).abs().ln()).collect();
        let times: Vec<f64> = (0..logs.len()).map(|at| at as f64 * STEP).collect();
        let (t0, l0) = (mean(&times), mean(&logs));
        let (mut with_time, mut spread) = (0.0, 0.0);
        for (t, l) in times.iter().zip(&logs) {
            with_time += (t - t0) * (l - l0);
            spread += (t - t0).powi(2);
        }
        let constant = (spread / with_time).abs();
        constant.is_finite().then_some(constant)
    }
}

/// The largest sample of each stretch above the threshold; the first of equal ones.
fn peaks(v: &[f64], threshold: f64) -> Vec<usize> {
    let mut peaks = Vec::new();
    let mut at = 1;
    while at < v.len() {
        if v[at - 1] <= threshold && v[at] > threshold {
            let end = (at + 1..v.len()).find(|&k| v[k] < threshold).unwrap_or(v.len());
            peaks.push((at..end).reduce(|a, b| if v[b] > v[a] { b } else { a }).unwrap_or(at));
            at = end;
        }
        at += 1;
    }
    peaks
}

/// dV/dt (mV/ms), central differences.
fn slopes(v: &[f64]) -> Vec<f64> {
    let last = v.len() - 1;
    let slope = |at: usize| {
        let (a, b) = (at.saturating_sub(1), (at + 1).min(last));
        if a == b { 0.0 } else { (v[b] - v[a]) / ((b - a) as f64 * STEP) }
    };
    (0..v.len()).map(slope).collect()
}

/// The last sample after `from` and up to the peak where the voltage begins to rise fast.
fn onset(slopes: &[f64], from: usize, peak: usize) -> Option<usize> {
    let begins = |at: &usize| {
        slopes[at - 1] <= RISE
            && slopes.get(*at..at + RISING).is_some_and(|next| next.iter().all(|slope| *slope >= RISE))
    };
    (from + 1..=peak).rev().find(begins)
}

/// Where the voltage no longer falls fast, after it fell fastest.
fn offset(slopes: &[f64], peak: usize, next: usize) -> Option<usize> {
    let steepest = (peak + 1..next).reduce(|a, b| if slopes[b] < slopes[a] { b } else { a })?;
    (steepest..next).find(|&at| slopes[at] >= FALL)
}

/// The first sample of a range that neither of the next two undercuts; the lowest where there is none.
fn first_minimum(v: &[f64], range: std::ops::Range<usize>) -> usize {
    let mut lowest = range.start;
    for at in range {
        if v[at] < v[lowest] {
            lowest = at;
        } else if at >= lowest + 2 {
            break;
        }
    }
    lowest
}

/// The sample whose voltage is nearest to a level.
fn nearest(v: &[f64], level: f64, range: std::ops::Range<usize>) -> Option<usize> {
    range.reduce(|a, b| if (v[b] - level).abs() < (v[a] - level).abs() { b } else { a })
}

fn mean_of(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| mean(values))
}

fn adaptation(isi: &[f64]) -> Option<f64> {
    let changes: Vec<f64> = isi.windows(2).map(|pair| (pair[1] - pair[0]) / (pair[1] + pair[0])).collect();
    mean_of(&changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Triangles of 4 ms and 80 mV on a base of −70 mV, peaks at the given times.
    fn triangles(dt: f64, length: f64, peaks: &[f64]) -> Vec<f64> {
        let at =
            |t: f64| peaks.iter().map(|p| (1.0 - (t - p).abs() / 2.0).max(0.0) * 80.0).sum::<f64>() - 70.0;
        (0..(length / dt).round() as usize).map(|k| at(k as f64 * dt)).collect()
    }

    #[test]
    fn triangles_by_hand() {
        let values = triangles(0.1, 200.0, &[60.0, 80.0, 110.0, 160.0]);
        let trace = Trace::new(0.0, 0.1, &values).unwrap();
        let found = ap_features(&trace, Window::new(50.0, 150.0).unwrap(), -20.0).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert_eq!(found.spike_count, 4);
        assert!(found.peak_voltage.iter().all(|v| near(*v, 10.0)));
        // The slope is 40 mV/ms; the central difference sees half of it at the corner.
        assert!(
            found.ap_begin_time.iter().zip([58.0, 78.0, 108.0, 158.0]).all(|(a, b)| near(*a, b)),
            "{found:?}"
        );
        assert!(found.ap_amplitude.iter().all(|v| near(*v, 80.0)));
        assert!(found.ap_duration_half_width.iter().all(|w| near(*w, 2.0)));
        assert!(found.ahp_depth.iter().all(|d| near(*d, 0.0)));
        assert!(found.isi_values.iter().zip([30.0, 50.0]).all(|(a, b)| near(*a, b)));
        assert!(near(found.mean_frequency.unwrap(), 50.0) && near(found.time_to_first_spike.unwrap(), 10.0));
        assert!(near(found.adaptation_index2.unwrap(), 0.25));
        assert_eq!((found.voltage_base, found.minimum_voltage), (Some(-70.0), Some(-70.0)));
        assert_eq!(found.decay_time_constant_after_stim, None);
        assert!(
            found
                .entries()
                .iter()
                .any(|(name, unit, values)| *name == "ISI_CV" && unit.is_empty() && values.len() == 1)
        );
    }

    #[test]
    fn other_time_steps_are_interpolated() {
        let (fine, coarse) = (triangles(0.025, 100.0, &[60.0]), triangles(0.5, 100.0, &[60.0]));
        for (dt, values) in [(0.025, fine), (0.5, coarse)] {
            let trace = Trace::new(0.0, dt, &values).unwrap();
            let found = ap_features(&trace, Window::new(50.0, 90.0).unwrap(), -20.0).unwrap();
            assert!((found.ap_duration_half_width[0] - 2.0).abs() < 1e-6, "{dt}: {found:?}");
        }
        let long = [0.0; 12];
        assert!(
            ap_features(&Trace::new(0.0, 1e9, &long).unwrap(), Window::new(0.0, 1.0).unwrap(), 0.0).is_err()
        );
    }

    #[test]
    fn quiet_and_short_traces_have_no_spikes() {
        for values in [&[-70.0][..], &[-70.0, -70.0], &[30.0, 30.0, 30.0]] {
            let trace = Trace::new(0.0, 0.1, values).unwrap();
            let found = ap_features(&trace, Window::new(0.0, 50.0).unwrap(), -20.0).unwrap();
            assert_eq!((found.spike_count, found.mean_frequency, found.isi_cv), (0, None, None));
        }
        // Never below the threshold again.
        let values = [-70.0, -70.0, 10.0, 20.0, 30.0];
        let trace = Trace::new(0.0, 0.1, &values).unwrap();
        let found = ap_features(&trace, Window::new(0.0, 50.0).unwrap(), -20.0).unwrap();
        assert_eq!(found.peak_voltage, [30.0]);
        assert!(found.ahp_depth_abs[0].is_nan() && found.ap_duration_half_width[0].is_nan());
    }
}
