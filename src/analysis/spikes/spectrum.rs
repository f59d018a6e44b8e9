//! Power spectra of signals and of population rates.

use rayon::prelude::*;
use realfft::RealFftPlanner;

use super::{TimeBins, Window};
use crate::analysis::statistics::mean;
use crate::diag::{Error, Result, work};

/// The longest segment, in samples.
pub const SEGMENT_MAX: usize = 1 << 24;

/// Segments that one task transforms, whatever the number of cores: so that sums come out the same on each machine.
const TOGETHER: usize = 16;

/// A one-sided power spectral density: columns of equal length.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Hz, from 0 to half of the sampling rate.
    pub frequency: Vec<f64>,
    /// The unit of the signal squared, per Hz.
    pub density: Vec<f64>,
}

/// Welch's estimate (1967) of the power spectral density of a signal sampled `rate` times a second, from segments of
/// `segment` samples: Hann window (periodic), half overlapping, the mean of each segment taken off, density scaling
/// (`scipy.signal.welch` with its defaults). A signal shorter than a segment is one segment. What is left after the last
/// full segment is not used.
///
/// # Errors
/// When the signal or the segment is empty, the segment is longer than [`SEGMENT_MAX`], or the rate is not above 0.
pub fn welch(signal: &[f64], rate: f64, segment: usize) -> Result<Spectrum> {
    if !(rate.is_finite() && rate > 0.0) {
        return Err(Error::argument(format!("the sampling rate is {rate} Hz, not above 0")));
    }
    let segment = segment.min(signal.len());
    if segment == 0 || segment > SEGMENT_MAX {
        return Err(Error::argument(format!(
            "a spectrum is of segments of 1 to {SEGMENT_MAX} samples, not {segment}"
        )));
    }
    let step = segment - segment / 2;
    let starts: Vec<usize> = (0..=signal.len() - segment).step_by(step).collect();
    let hann = hann(segment);
    let transform = RealFftPlanner::<f64>::new().plan_fft_forward(segment);
    let power = |starts: &[usize]| -> Result<Vec<f64>> {
        let (mut input, mut output) = (transform.make_input_vec(), transform.make_output_vec());
        let mut scratch = transform.make_scratch_vec();
        let mut sum = vec![0.0; output.len()];
        for &start in starts {
            work::check()?;
            let part = &signal[start..start + segment];
            let offset = mean(part);
            for ((to, from), weight) in input.iter_mut().zip(part).zip(&hann) {
                *to = (from - offset) * weight;
            }
            transform
                .process_with_scratch(&mut input, &mut output, &mut scratch)
                .map_err(|e| Error::argument(format!("the signal cannot be transformed: {e}")))?;
            sum.iter_mut().zip(&output).for_each(|(sum, value)| *sum += value.norm_sqr());
        }
        Ok(sum)
    };
    let sums: Vec<Vec<f64>> = starts.par_chunks(TOGETHER).map(power).collect::<Result<_>>()?;
    let scale = 1.0 / (rate * hann.iter().map(|w| w * w).sum::<f64>() * starts.len() as f64);
    // The power of the negative frequencies is that of the positive ones; 0 and half of the sampling rate are their own.
    let alone = |k: usize| k == 0 || 2 * k == segment;
    let density =
        |k: usize| sums.iter().map(|s| s[k]).sum::<f64>() * if alone(k) { scale } else { 2.0 * scale };
    let bins = segment / 2 + 1;
    Ok(Spectrum {
        frequency: (0..bins).map(|k| k as f64 * rate / segment as f64).collect(),
        density: (0..bins).map(density).collect(),
    })
}

/// The power spectral density of the rate of a population (Hz²/Hz): spikes `times` (in any order) of `cells` cells,
/// counted in bins of `bin` ms and divided by cells and time, with segments of `segment` ms. The finest frequency is
/// 1000/`segment` Hz, the highest 500/`bin` Hz.
///
/// # Errors
/// As [`TimeBins::whole`] and [`welch`], and when there are no cells.
pub fn rate_spectrum(
    times: &[f64],
    window: Window,
    bin: f64,
    cells: usize,
    segment: f64,
) -> Result<Spectrum> {
    if cells == 0 {
        return Err(Error::argument("a rate needs at least one cell, and there is none"));
    }
    super::positive("the segment", segment)?;
    let bins = TimeBins::whole(window, bin)?;
    let hz = |n: u64| n as f64 / cells as f64 / bin * 1000.0;
    let rate: Vec<f64> = bins.counts(times).into_iter().map(hz).collect();
    welch(&rate, 1000.0 / bin, (segment / bin).round().max(1.0) as usize)
}

/// The periodic Hann window.
fn hann(n: usize) -> Vec<f64> {
    if n == 1 {
        return vec![1.0];
    }
    (0..n).map(|k| 0.5 - 0.5 * (std::f64::consts::TAU * k as f64 / n as f64).cos()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: f64, n: usize) -> Vec<f64> {
        (0..n).map(|k| (std::f64::consts::TAU * hz * k as f64 / rate).sin()).collect()
    }

    #[test]
    fn a_sine_has_its_power_at_its_frequency() {
        let found = welch(&sine(8.0, 1000.0, 5000), 1000.0, 1000).unwrap();
        assert_eq!((found.frequency.len(), found.frequency[8]), (501, 8.0));
        // Power ½, of which a Hann window leaves ⅔ in the middle bin.
        assert!((found.density[8] - 1.0 / 3.0).abs() < 1e-9, "{}", found.density[8]);
        assert!((found.density[7] - found.density[9]).abs() < 1e-9 && found.density[20] < 1e-20);
        let power: f64 = found.density.iter().sum();
        assert!((power - 0.5).abs() < 1e-9, "{power}");
    }

    #[test]
    fn constants_have_no_power_and_short_signals_are_one_segment() {
        let found = welch(&[3.0; 7], 10.0, 100).unwrap();
        assert_eq!(found.frequency.len(), 4);
        assert!(found.density.iter().all(|d| *d < 1e-25));
        assert_eq!(welch(&[3.0], 10.0, 100).unwrap().density, [0.0]);
        assert!(
            welch(&[], 10.0, 5).is_err() && welch(&[1.0], 0.0, 5).is_err() && welch(&[1.0], 1.0, 0).is_err()
        );
    }

    #[test]
    fn it_is_the_same_on_any_number_of_threads() {
        let signal: Vec<f64> =
            sine(3.3, 100.0, 20_000).iter().enumerate().map(|(k, v)| v + (k % 7) as f64).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let alone = pool.install(|| welch(&signal, 100.0, 256).unwrap());
        assert_eq!(alone, welch(&signal, 100.0, 256).unwrap());
    }

    #[test]
    fn a_rhythm_of_spikes_is_found() {
        // A volley each 25 ms.
        let times: Vec<f64> = (0..400).map(|k| f64::from(k / 10) * 25.0).collect();
        let window = Window::new(0.0, 1000.0).unwrap();
        let found = rate_spectrum(&times, window, 1.0, 10, 500.0).unwrap();
        let peak = (1..30).max_by(|a, b| found.density[*a].total_cmp(&found.density[*b])).unwrap();
        assert_eq!(found.frequency[peak], 40.0);
        assert!(rate_spectrum(&times, window, 1.0, 0, 500.0).is_err());
    }
}
