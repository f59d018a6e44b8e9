//! Running the network through time.

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::network::{DECAY, Network, Neuron};
use super::{BLOCK, DT, FRAME_MS, REST, stimulus, time};
use crate::demo::random::{Purpose, Random, stream};
use crate::diag::work::Progress;
use crate::diag::{Error, Result};

/// The longest simulation (ms).
const LONGEST: f64 = 1e7;

/// What recorded voltages show where a cell fired since the frame before (mV): the model has no action potentials.
const PEAK: f32 = 20.0;

/// The reversal potentials of synapses, excitatory and inhibitory (mV).
const REVERSAL: [f32; 2] = [0.0, -80.0];

/// How fast the noisy current changes (ms).
const NOISE_TIME: f32 = 5.0;

/// Steps before the time 0, which are not recorded: cells begin at rest, all at once, and take a while to forget it.
const WARM_UP: u32 = 300 * super::STEPS_PER_MS;

/// Cells that are computed by one task.
const TOGETHER: usize = 512;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// ms.
    pub duration: f64,
    /// When the fibres of the thalamus fire together (ms), if they do.
    pub volley: Option<f64>,
    /// Of the noise and of the fibres: the same circuit with another seed is another trial.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { duration: 1000.0, volley: Some(700.0), seed: 1 }
    }
}

/// The voltages (mV) at a time.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// ms, a multiple of [`FRAME_MS`], from 0 on.
    pub time: f64,
    /// Of all cells, in the order of their gids. +20 mV where a cell fired since the frame before.
    pub soma: &'a [f32],
    /// Of the compartments of the recorded cells, one cell after the other.
    pub compartments: &'a [f32],
}

/// The spikes of a simulation: times (ms) and gids, by time, then by gid.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// Of the cells.
    pub spikes: Vec<(f64, i64)>,
    /// Of the thalamic fibres.
    pub fibres: Vec<(f64, i64)>,
}

/// A cell in time.
struct State {
    voltage: f32,
    /// nS.
    conductance: [f32; 2],
    /// pA.
    adaptation: f32,
    /// In its own deviation.
    noise: f32,
    /// Steps that it still cannot fire.
    refractory: u16,
    /// The step of the block in which it fired, from 1; 0 where it did not.
    fired: u8,
    random: Random,
}

/// A connection in time.
#[derive(Clone, Copy)]
struct Release {
    used: f32,
    ready: f32,
    last: u32,
}

/// What arrives at the cells in the steps to come: a ring of slots for each cell, conductances in nS.
struct Mail {
    slots: usize,
    arriving: Vec<[f32; 2]>,
}

impl Network {
    /// Simulates, and hands a frame to `record` each [`FRAME_MS`], from 0 up to, not including, the duration.
    ///
    /// # Errors
    /// When a setting is out of range, `record` fails, or the work is stopped.
    pub fn run(&self, settings: &Settings, record: &mut dyn FnMut(&Frame) -> Result<()>) -> Result<Activity> {
        settings.check()?;
        let blocks = (settings.duration / FRAME_MS).ceil() as u32;
        let volley = settings.volley.map(|at| at + time(WARM_UP));
        let arriving = stimulus::spikes(self.fibres, WARM_UP + blocks * BLOCK, volley, settings.seed);
        let mut states: Vec<State> =
            self.neurons.iter().zip(0..).map(|(neuron, at)| State::new(neuron, settings.seed, at)).collect();
        let mut releases: Vec<Release> =
            self.connections.iter().map(|c| Release { used: c.u, ready: 1.0, last: 0 }).collect();
        let mut mail = Mail::new(self);
        let mut soma = vec![REST; self.neurons.len()];
        let mut compartments = vec![REST; self.watched.iter().map(super::dendrites::Dendrites::count).sum()];
        let (mut fibres, mut fired, mut spikes) = (arriving.iter().peekable(), Vec::new(), Vec::new());
        let progress = Progress::new("simulating the demonstration circuit", blocks.into());
        for block in 0..WARM_UP / BLOCK + blocks {
            let start = block * BLOCK;
            self.show(&states, &mut soma, &mut compartments);
            if let Some(step) = start.checked_sub(WARM_UP) {
                record(&Frame { time: time(step), soma: &soma, compartments: &compartments })?;
                progress.advance(1)?;
            }
            states
                .par_chunks_mut(TOGETHER)
                .zip(self.neurons.par_chunks(TOGETHER))
                .zip(mail.arriving.par_chunks_mut(TOGETHER * mail.slots))
                .for_each(|((states, neurons), mail)| advance(states, neurons, mail, start));
            fired.clear();
            let of_cells = states.iter().enumerate().filter(|(_, state)| state.fired > 0);
            fired.extend(of_cells.map(|(cell, state)| (start + u32::from(state.fired) - 1, cell)));
            spikes.extend_from_slice(&fired);
            while let Some(&(step, fibre)) = fibres.next_if(|spike| spike.0 < start + BLOCK) {
                fired.push((step, self.neurons.len() + fibre as usize));
            }
            for &(step, source) in &fired {
                self.deliver(step, source, &mut releases, &mut mail);
            }
        }
        spikes.sort_unstable();
        let shown = |(step, source): (u32, usize)| Some((time(step.checked_sub(WARM_UP)?), self.gid(source)));
        Ok(Activity {
            spikes: spikes.into_iter().filter_map(shown).collect(),
            fibres: arriving
                .iter()
                .filter_map(|&(step, fibre)| shown((step, self.neurons.len() + fibre as usize)))
                .collect(),
        })
    }

    /// The voltages that are recorded.
    fn show(&self, states: &[State], soma: &mut [f32], compartments: &mut [f32]) {
        for (shown, state) in soma.iter_mut().zip(states) {
            *shown = if state.fired > 0 { PEAK } else { state.voltage };
        }
        let mut rest = compartments;
        for dendrites in &self.watched {
            let (own, others) = rest.split_at_mut(dendrites.count());
            dendrites.follow(soma[dendrites.cell], own);
            rest = others;
        }
    }

    /// A spike opens the synapses of a source, as much of each as Tsodyks and Markram's model releases.
    fn deliver(&self, step: u32, source: usize, releases: &mut [Release], mail: &mut Mail) {
        let range = self.connections_of(source);
        for (connection, release) in self.connections[range.clone()].iter().zip(&mut releases[range]) {
            let waited = (step - release.last) as f32;
            release.ready = 1.0 - (1.0 - release.ready) * (-waited * connection.depression).exp();
            release.used =
                connection.u + (release.used - connection.u) * (-waited * connection.facilitation).exp();
            let released = release.used * release.ready;
            release.ready -= released;
            release.used += connection.u * (1.0 - release.used);
            release.last = step;
            mail.put(
                connection.post,
                step + u32::from(connection.delay),
                connection.kind,
                connection.conductance * released,
            );
        }
    }
}

impl Settings {
    fn check(&self) -> Result<()> {
        if !(self.duration > 0.0 && self.duration <= LONGEST) {
            return Err(Error::argument(format!(
                "a simulation lasts more than 0 and at most {LONGEST} ms, not {} ms",
                self.duration
            )));
        }
        match self.volley {
            Some(volley) if !(0.0..self.duration).contains(&volley) => Err(Error::argument(format!(
                "the volley at {volley} ms is not within the {} ms of the simulation",
                self.duration
            ))),
            _ => Ok(()),
        }
    }
}

impl Mail {
    fn new(network: &Network) -> Self {
        let longest = network.connections.iter().map(|c| usize::from(c.delay)).max().unwrap_or(0);
        // What is sent in a block arrives at most so long after its start.
        let slots = (longest + BLOCK as usize).next_power_of_two();
        Mail { slots, arriving: vec![[0.0; 2]; slots * network.neurons.len()] }
    }

    fn put(&mut self, cell: u32, step: u32, kind: u8, conductance: f32) {
        let slot = step as usize % self.slots;
        self.arriving[cell as usize * self.slots + slot][usize::from(kind)] += conductance;
    }
}

impl State {
    /// Somewhere between reset and threshold.
    fn new(neuron: &Neuron, seed: u64, at: u64) -> Self {
        let mut random = stream(seed, Purpose::Noise, at);
        let part: f32 = crate::demo::random::unit(&mut random);
        State {
            voltage: neuron.reset + part * (neuron.threshold - neuron.reset),
            conductance: [0.0; 2],
            adaptation: 0.0,
            noise: StandardNormal.sample(&mut random),
            refractory: 0,
            fired: 0,
            random,
        }
    }
}

/// Moves some cells on by a block that starts at a step; `mail` holds their slots.
fn advance(states: &mut [State], neurons: &[Neuron], mail: &mut [[f32; 2]], start: u32) {
    let left = DECAY.map(|decay| (-DT / decay).exp());
    let noise_left = (-(FRAME_MS as f32) / NOISE_TIME).exp();
    let fresh = (1.0 - noise_left * noise_left).sqrt();
    let slots = mail.len() / states.len().max(1);
    for ((state, neuron), mail) in states.iter_mut().zip(neurons).zip(mail.chunks_exact_mut(slots)) {
        let drawn: f32 = StandardNormal.sample(&mut state.random);
        state.noise = noise_left * state.noise + fresh * drawn;
        state.fired = 0;
        // Slow noise is filtered by the membrane: this factor makes up for it.
        let filtered = (1.0 + neuron.capacitance / neuron.leak / NOISE_TIME).sqrt();
        let current = neuron.current + neuron.noise * filtered * state.noise;
        let per_nanosiemens = DT / neuron.capacitance;
        for step in 0..BLOCK {
            let slot = &mut mail[(start + step) as usize % slots];
            let arrived = std::mem::take(slot);
            let [g_e, g_i] = &mut state.conductance;
            *g_e = *g_e * left[0] + arrived[0];
            *g_i = *g_i * left[1] + arrived[1];
            state.adaptation *= neuron.adaptation_left;
            if state.refractory > 0 {
                state.refractory -= 1;
                continue;
            }
            let pulled = neuron.leak * neuron.rest + *g_e * REVERSAL[0] + *g_i * REVERSAL[1];
            let total = neuron.leak + *g_e + *g_i;
            // Backward Euler: stable whatever the conductances.
            state.voltage = (state.voltage + per_nanosiemens * (pulled + current - state.adaptation))
                / (1.0 + per_nanosiemens * total);
            if state.voltage >= neuron.threshold {
                state.voltage = neuron.reset;
                state.refractory = neuron.refractory;
                state.adaptation += neuron.adaptation;
                state.fired = step as u8 + 1;
            }
        }
    }
}
