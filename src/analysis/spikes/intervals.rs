//! Intervals between spikes, and how irregular they are.

use rayon::prelude::*;

use super::trains_of;
use crate::analysis::statistics::{mean, std, sum_of};
use crate::model::Trains;

/// The refractoriness R of [`lvr`] (ms) that Shinomoto et al. (2009) found best, and elephant's default.
pub const REFRACTORINESS: f64 = 5.0;

/// The intervals between the spikes of a train (ms).
pub fn isi(train: &[f64]) -> Vec<f64> {
    train.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// The coefficient of variation: std (ddof 0) / mean of the intervals (`elephant.statistics.cv`). Of one interval 0;
/// `None` of none, and where all of them are 0.
pub fn cv(isi: &[f64]) -> Option<f64> {
    let mean = mean(isi);
    (mean > 0.0).then(|| std(isi, 0) / mean)
}

/// CV₂, the mean of 2|I₂ − I₁| / (I₂ + I₁) over successive intervals (Holt et al. 1996, `elephant.statistics.cv2`).
/// `None` of fewer than two. Two intervals of 0 do not vary.
pub fn cv2(isi: &[f64]) -> Option<f64> {
    over_successive(isi, |a, b| 2.0 * (b - a).abs() / (a + b))
}

/// The local variation, the mean of 3 ((I₁ − I₂) / (I₁ + I₂))² over successive intervals (Shinomoto et al. 2003,
/// `elephant.statistics.lv`): 0 for a regular train, 1 for a Poisson process. `None` of fewer than two intervals.
pub fn lv(isi: &[f64]) -> Option<f64> {
    over_successive(isi, |a, b| 3.0 * ((a - b) / (a + b)).powi(2))
}

/// The revised local variation, 3/(n − 1) Σ (1 − 4 I₁I₂/(I₁ + I₂)²)(1 + 4R/(I₁ + I₂)) with n intervals and the
/// `refractoriness` R in ms (Shinomoto et al. 2009, `elephant.statistics.lvr`; see [`REFRACTORINESS`]). `None` of fewer
/// than two intervals.
pub fn lvr(isi: &[f64], refractoriness: f64) -> Option<f64> {
    over_successive(isi, |a, b| {
        3.0 * (1.0 - 4.0 * a * b / (a + b).powi(2)) * (1.0 + 4.0 * refractoriness / (a + b))
    })
}

/// The mean of a measure of two successive intervals, which is 0 where both are 0.
fn over_successive(isi: &[f64], measure: impl Fn(f64, f64) -> f64 + Sync) -> Option<f64> {
    let pairs = isi.len().checked_sub(1).filter(|&n| n > 0)?;
    let of = |i: usize| if isi[i] + isi[i + 1] > 0.0 { measure(isi[i], isi[i + 1]) } else { 0.0 };
    Some(sum_of(pairs, &of) / pairs as f64)
}

/// How irregular the cells fire: columns of equal length, a row for each cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Irregularity {
    /// The cells.
    pub ids: Vec<i64>,
    /// How many intervals each has.
    pub n_isi: Vec<i64>,
    /// [`cv`].
    pub cv: Vec<Option<f64>>,
    /// [`cv2`].
    pub cv2: Vec<Option<f64>>,
    /// [`lv`].
    pub lv: Vec<Option<f64>>,
    /// [`lvr`] with R = 5 ms.
    pub lvr: Vec<Option<f64>>,
}

/// The irregularity of some cells, in their order, those that are silent among them.
pub fn irregularity(trains: &Trains, ids: &[i64]) -> Irregularity {
    let row = |train: &[f64]| {
        let isi = isi(train);
        (isi.len() as i64, [cv(&isi), cv2(&isi), lv(&isi), lvr(&isi, REFRACTORINESS)])
    };
    let trains = trains_of(trains, ids);
    let rows: Vec<(i64, [Option<f64>; 4])> = trains.into_par_iter().map(row).collect();
    let column = |k: usize| rows.iter().map(|row| row.1[k]).collect();
    Irregularity {
        ids: ids.to_vec(),
        n_isi: rows.iter().map(|row| row.0).collect(),
        cv: column(0),
        cv2: column(1),
        lv: column(2),
        lvr: column(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Spikes;

    #[test]
    fn regular_trains_do_not_vary() {
        let isi = isi(&[0.0, 10.0, 20.0, 30.0]);
        assert_eq!(isi, [10.0, 10.0, 10.0]);
        assert_eq!(
            (cv(&isi), cv2(&isi), lv(&isi), lvr(&isi, 5.0)),
            (Some(0.0), Some(0.0), Some(0.0), Some(0.0))
        );
    }

    #[test]
    fn two_intervals_by_hand() {
        // Mean 20, std 10; difference 20 and sum 40.
        let isi = [10.0, 30.0];
        assert_eq!((cv(&isi), cv2(&isi), lv(&isi)), (Some(0.5), Some(1.0), Some(0.75)));
        // 3 (1 − 4·300/1600)(1 + 20/40) = 3 · 0.25 · 1.5.
        assert_eq!(lvr(&isi, 5.0), Some(1.125));
    }

    #[test]
    fn too_few_intervals_are_undefined() {
        assert_eq!((cv(&[]), cv(&[7.0]), cv(&[0.0, 0.0])), (None, Some(0.0), None));
        assert_eq!((cv2(&[7.0]), lv(&[7.0]), lvr(&[], 5.0)), (None, None, None));
        assert_eq!(cv2(&[0.0, 0.0]), Some(0.0));
        assert!(isi(&[]).is_empty() && isi(&[1.0]).is_empty());
    }

    #[test]
    fn silent_cells_have_rows() {
        let spikes = Spikes::new("out.dat", vec![0.0, 10.0, 40.0, 5.0], vec![3, 3, 3, 4]);
        let found = irregularity(spikes.trains(), &[2, 3, 4]);
        assert_eq!((found.ids, found.n_isi), (vec![2, 3, 4], vec![0, 2, 0]));
        assert_eq!((found.cv, found.cv2), (vec![None, Some(0.5), None], vec![None, Some(1.0), None]));
        assert_eq!((found.lv[1], found.lvr[1]), (Some(0.75), Some(1.125)));
    }
}
