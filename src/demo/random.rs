//! Random numbers that depend on the seed and on what they are for, and not on who asks first.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Gamma, Normal};

/// A stream of random numbers.
pub(super) type Random = Xoshiro256PlusPlus;

/// What random numbers are for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Cells = 1,
    Branches,
    Models,
    Synapses,
    Fibres,
    Thalamus,
    Neurons,
    Noise,
    Stimulus,
}

/// The stream of one cell (or branch, model …) for one purpose.
pub(super) fn stream(seed: u64, purpose: Purpose, index: u64) -> Random {
    // Odd multipliers keep the three apart; seeding then mixes all bits.
    let mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (purpose as u64).wrapping_mul(0xD1B5_4A32_D192_ED03)
        ^ index.wrapping_mul(0x8CB9_2BA7_2F3D_8DD7);
    Random::seed_from_u64(mixed)
}

/// Positive numbers with a mean and a standard deviation: normal where that is safely above zero, else gamma.
#[derive(Clone, Copy, Debug)]
pub(super) enum Positive {
    Normal(Normal<f32>, f32),
    Gamma(Gamma<f32>),
    Constant(f32),
}

impl Positive {
    pub(super) fn new(mean: f32, deviation: f32) -> Self {
        if deviation <= 0.0 || mean <= 0.0 {
            return Positive::Constant(mean);
        }
        let (variance, normal) = (deviation * deviation, Normal::new(mean, deviation));
        match normal {
            // Beyond four deviations nothing noticeable is cut off.
            Ok(normal) if mean >= 4.0 * deviation => Positive::Normal(normal, mean),
            _ => Gamma::new(mean * mean / variance, variance / mean)
                .map_or(Positive::Constant(mean), Positive::Gamma),
        }
    }

    pub(super) fn draw(&self, random: &mut Random) -> f32 {
        match self {
            Positive::Constant(value) => *value,
            Positive::Gamma(gamma) => gamma.sample(random).max(1e-4),
            Positive::Normal(normal, mean) => {
                let drawn = normal.sample(random);
                if drawn > 0.0 { drawn } else { *mean }
            }
        }
    }
}

/// A direction, every one as likely as any other.
pub(super) fn direction(random: &mut Random) -> [f32; 3] {
    rand_distr::UnitSphere.sample(random)
}

/// A number between 0 and 1.
pub(super) fn unit(random: &mut Random) -> f32 {
    random.random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_apart() {
        let first = |seed, purpose, index| stream(seed, purpose, index).random::<u64>();
        assert_eq!(first(1, Purpose::Cells, 7), first(1, Purpose::Cells, 7));
        let all = [
            first(1, Purpose::Cells, 7),
            first(2, Purpose::Cells, 7),
            first(1, Purpose::Branches, 7),
            first(1, Purpose::Cells, 8),
            first(0, Purpose::Cells, 0),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
        }
    }

    #[test]
    fn means_and_deviations_are_as_asked() {
        let mut random = stream(3, Purpose::Synapses, 0);
        for (mean, deviation) in [(0.5, 0.011), (143.0, 107.0), (2.2, 1.9), (6.2, 2.6), (0.02, 0.001)] {
            let positive = Positive::new(mean, deviation);
            let drawn: Vec<f64> = (0..40_000).map(|_| f64::from(positive.draw(&mut random))).collect();
            assert!(drawn.iter().all(|&v| v > 0.0));
            let average = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let variance = drawn.iter().map(|v| (v - average).powi(2)).sum::<f64>() / drawn.len() as f64;
            let near = |a: f64, b: f32| (a / f64::from(b) - 1.0).abs() < 0.03;
            assert!(near(average, mean) && near(variance.sqrt(), deviation), "{mean}: {average} {variance}");
        }
    }
}
