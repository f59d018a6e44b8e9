//! Short-term plasticity of a synapse in closed form.

use crate::diag::{Error, Result};

/// The parameters of Tsodyks and Markram's model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TsodyksMarkram {
    /// Utilization of synaptic efficacy, U, in [0, 1] (`u_syn`).
    pub u: f64,
    /// Recovery from depression, D, in ms (`depression_time`).
    pub d: f64,
    /// Recovery from facilitation, F, in ms (`facilitation_time`).
    pub f: f64,
}

/// The mean amplitude of the response to each of `spikes` (times in ms, ascending), as a fraction of the absolute
/// efficacy: uₙRₙ with u₁ = U, R₁ = 1 and, Δ the interval to the next spike,
/// Rₙ₊₁ = 1 − (1 − Rₙ(1 − uₙ))·exp(−Δ/D), uₙ₊₁ = U + uₙ(1 − U)·exp(−Δ/F)
/// (Markram, Wang and Tsodyks 1998; the mean of BBP's stochastic synapse; NEST's `tsodyks2_synapse`). A time
/// constant of 0 recovers at once.
///
/// # Errors
/// When U is not in [0, 1], a time constant is negative, or the times do not ascend.
pub fn tm_train(synapse: TsodyksMarkram, spikes: &[f64]) -> Result<Vec<f64>> {
    let TsodyksMarkram { u, d, f } = synapse;
    if !((0.0..=1.0).contains(&u) && d >= 0.0 && f >= 0.0) {
        return Err(Error::argument(format!(
            "a synapse has U in [0, 1] and D, F of at least 0 ms, not U = {u}, D = {d}, F = {f}"
        )));
    }
    if spikes.iter().any(|t| t.is_nan()) || !spikes.is_sorted() {
        return Err(Error::argument("the times of a spike train ascend"));
    }
    let decay = |interval: f64, tau: f64| if tau == 0.0 { 0.0 } else { (-interval / tau).exp() };
    let (mut used, mut ready, mut amplitudes) = (u, 1.0, Vec::with_capacity(spikes.len()));
    for (i, time) in spikes.iter().enumerate() {
        if i > 0 {
            let interval = time - spikes[i - 1];
            ready = 1.0 - (1.0 - ready * (1.0 - used)) * decay(interval, d);
            used = u + used * (1.0 - u) * decay(interval, f);
        }
        amplitudes.push(used * ready);
    }
    Ok(amplitudes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_memory_every_response_is_u() {
        let synapse = TsodyksMarkram { u: 0.3, d: 0.0, f: 0.0 };
        assert_eq!(tm_train(synapse, &[0.0, 1.0, 5.0]).unwrap(), [0.3; 3]);
    }

    #[test]
    fn without_recovery_half_of_the_rest_is_used() {
        let synapse = TsodyksMarkram { u: 0.5, d: f64::INFINITY, f: 0.0 };
        assert_eq!(tm_train(synapse, &[0.0, 1.0, 2.0]).unwrap(), [0.5, 0.25, 0.125]);
    }

    #[test]
    fn impossible_synapses_and_trains_are_refused() {
        let good = TsodyksMarkram { u: 0.5, d: 1.0, f: 1.0 };
        assert!(tm_train(good, &[1.0, 0.0]).is_err());
        assert!(tm_train(TsodyksMarkram { u: 1.5, ..good }, &[]).is_err());
        assert!(tm_train(TsodyksMarkram { d: f64::NAN, ..good }, &[]).is_err());
    }
}
