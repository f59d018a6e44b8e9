//! Golomb's measure of synchrony.

/// Golomb's χ of the voltages of a population, √(var_t⟨V⟩ / ⟨var_t V⟩) with ddof 0: 1 where all cells do the same, about
/// 1/√N where they have nothing to do with each other (Golomb 2007). Frames are given one after the other, and nothing of
/// them is kept.
#[derive(Clone, Debug)]
pub struct Chi {
    frames: f64,
    /// Of the mean over cells.
    population: Moment,
    cells: Vec<Moment>,
}

/// Mean and sum of squared deviations so far (Welford 1962).
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    mean: f64,
    squares: f64,
}

impl Moment {
    /// `per_value` is one over the number of values, this one counted.
    fn add(&mut self, value: f64, per_value: f64) {
        let away = value - self.mean;
        self.mean += away * per_value;
        self.squares += away * (value - self.mean);
    }
}

impl Chi {
    /// Of so many cells.
    pub fn new(cells: usize) -> Self {
        Chi { frames: 0.0, population: Moment::default(), cells: vec![Moment::default(); cells] }
    }

    /// The voltages of all cells at the next time. Values beyond the number of cells are not counted.
    pub fn push(&mut self, voltages: &[f32]) {
        self.frames += 1.0;
        let per_value = self.frames.recip();
        let mut sum = 0.0;
        for (cell, &v) in self.cells.iter_mut().zip(voltages) {
            let v = f64::from(v);
            sum += v;
            cell.add(v, per_value);
        }
        self.population.add(sum / self.cells.len() as f64, per_value);
    }

    /// χ; `None` where no voltage changed, or none was given.
    pub fn value(&self) -> Option<f64> {
        let mean = self.cells.iter().map(|cell| cell.squares).sum::<f64>() / self.cells.len() as f64;
        (mean > 0.0).then(|| (self.population.squares / mean).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chi(frames: &[[f32; 2]]) -> Option<f64> {
        let mut chi = Chi::new(2);
        for frame in frames {
            chi.push(frame);
        }
        chi.value()
    }

    #[test]
    fn chi_by_hand() {
        assert_eq!(chi(&[[-70.0, -60.0], [-50.0, -40.0], [-70.0, -60.0]]), Some(1.0));
        assert_eq!(chi(&[[1.0, -1.0], [-1.0, 1.0]]), Some(0.0));
        // Means 0 and 1: variance ¼; variances 1 and 0: mean ½.
        let found = chi(&[[-1.0, 1.0], [1.0, 1.0]]).unwrap();
        assert!((found - 0.5f64.sqrt()).abs() < 1e-15);
        assert_eq!((chi(&[]), chi(&[[1.0, 2.0]]), Chi::new(0).value()), (None, None, None));
    }
}
