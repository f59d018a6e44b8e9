//! A simulation of the demonstration circuit: point neurons over its connectome, so that there are spikes and voltages
//! to look at.
//!
//! ```text
//! cells + synapses + thalamus ─▶ network ─▶ run ─▶ spikes, and a frame of voltages each half millisecond
//!                                             ▲
//!                                   stimulus ─┘ spikes of the thalamic fibres
//! ```
//!
//! **It is a demonstration, and makes no claim about the brain.** Cells are leaky integrate-and-fire neurons with
//! adaptation, not morphologies with ion channels. What they get from the circuit is real as far as the circuit is: who
//! connects to whom, conductances, decay times, U, D and F of the synapses (Tsodyks–Markram), and their delays. What
//! makes them fire is a noisy current that differs from cell to cell, chosen so that some cells are silent, some fire
//! irregularly and some like clocks; and spikes of the thalamic fibres, with a volley at a known time. The dendrites of
//! recorded cells show the voltage of the soma, later, weaker and smoother the farther away they are: they are passive
//! copies, and act back on nothing.
//!
//! The same circuit and seed give the same spikes on any number of threads.

mod dendrites;
mod files;
mod network;
mod run;
mod stimulus;
#[cfg(test)]
mod tests;

pub use dendrites::Compartments;
pub use network::Network;
pub use run::{Activity, Frame, Settings};

pub(super) use files::{RECORDED, write};
pub(super) use network::recorded;

/// Time steps in a millisecond.
const STEPS_PER_MS: u32 = 10;

/// Time steps that cells compute on their own, before they exchange spikes: no synapse is faster. A frame is recorded
/// each time.
const BLOCK: u32 = 5;

/// The time between recorded frames (ms).
pub const FRAME_MS: f64 = BLOCK as f64 / STEPS_PER_MS as f64;

/// A time step (ms).
const DT: f32 = 1.0 / STEPS_PER_MS as f32;

/// The voltage at rest (mV), about which cells differ.
const REST: f32 = -70.0;

/// The time of a step (ms), as near to the decimal number as can be.
fn time(step: u32) -> f64 {
    f64::from(step) / f64::from(STEPS_PER_MS)
}
