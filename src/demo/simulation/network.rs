//! The circuit as a network of point neurons.

use rand_distr::{Distribution, Normal};
use rayon::prelude::*;

use super::dendrites::{Compartments, Dendrites};
use super::{BLOCK, REST, STEPS_PER_MS};
use crate::demo::cells::{Cell, Population};
use crate::demo::random::{Purpose, stream};
use crate::demo::recipe::{ETYPES, MTYPES};
use crate::demo::synapses::Synapses;
use crate::demo::thalamus::Thalamus;
use crate::demo::wiring::Candidates;
use crate::demo::{Options, check};
use crate::diag::{Result, work};
use crate::formats::bbp::write::nrn::WIDTH;

/// The synapses of a demonstration circuit stand for many more of a real one. They are made this much stronger, times
/// 100 over the synapses of a cell, so that circuits of all sizes behave alike.
const STRENGTH: f32 = 1.5;

/// Thalamic fibres stand for still more.
const THALAMIC_STRENGTH: f32 = 5.0;

/// The decay of the conductances of a cell (ms), excitatory and inhibitory. A synapse with another decay time carries
/// the same charge.
pub(super) const DECAY: [f32; 2] = [1.74, 8.3];

/// What a cell is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neuron {
    /// pF.
    pub(super) capacitance: f32,
    /// nS.
    pub(super) leak: f32,
    /// mV.
    pub(super) rest: f32,
    pub(super) threshold: f32,
    pub(super) reset: f32,
    /// Steps.
    pub(super) refractory: u16,
    /// By how much a spike raises the current of adaptation (pA), and how much of it is left after a step.
    pub(super) adaptation: f32,
    pub(super) adaptation_left: f32,
    /// The constant current (pA), and the deviation of the noise about it.
    pub(super) current: f32,
    pub(super) noise: f32,
}

/// All synapses from one cell to another as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    pub(super) post: u32,
    /// Steps, at least [`BLOCK`].
    pub(super) delay: u16,
    /// Place in [`DECAY`].
    pub(super) kind: u8,
    /// nS.
    pub(super) conductance: f32,
    /// Utilization, and the rates of recovery from depression and facilitation (per step).
    pub(super) u: f32,
    pub(super) depression: f32,
    pub(super) facilitation: f32,
}

/// The cells and connections of a demonstration circuit, ready to be simulated.
pub struct Network {
    pub(super) neurons: Vec<Neuron>,
    pub(super) fibres: u32,
    first_fibre: u32,
    /// The connections of a source are those from its start to the next; fibres come after the cells.
    pub(super) starts: Vec<usize>,
    pub(super) connections: Vec<Connection>,
    pub(super) watched: Vec<Dendrites>,
}

impl Network {
    /// The network of the circuit that these options make, with the dendrites of `watched` cells to be recorded.
    ///
    /// # Errors
    /// When an option is out of range, or the work is stopped.
    pub fn of(options: &Options, watched: usize) -> Result<Self> {
        check(options)?;
        let cells = Population::new(options.cells, options.seed);
        let synapses = Synapses::new(&cells, options.synapses_per_cell, options.seed);
        let thalamus = Thalamus::new(&cells, options.seed);
        Self::new(&cells, &synapses, &thalamus, options, watched)
    }

    /// The same of a circuit that is there.
    pub(in crate::demo) fn new(
        cells: &Population,
        synapses: &Synapses,
        thalamus: &Thalamus,
        options: &Options,
        watched: usize,
    ) -> Result<Self> {
        let fibres = thalamus.gids();
        let sources = cells.cells.len() + fibres.len();
        // The place of a presynaptic gid among the sources.
        let source = |gid: u32| match gid.checked_sub(fibres.start) {
            Some(fibre) => cells.cells.len() + fibre as usize,
            None => gid as usize - 1,
        };
        let scale = STRENGTH * 100.0 / options.synapses_per_cell.max(1) as f32;
        let wanted = thalamus.wanted(options.synapses_per_cell);
        let onto = |candidates: &mut Candidates, post: u32| -> Result<Vec<(u32, Connection)>> {
            work::check()?;
            let within = connections(&synapses.onto(post, candidates).rows, post, scale);
            let rows = thalamus.onto(post as usize, wanted[post as usize]);
            Ok([within, connections(&rows, post, scale * THALAMIC_STRENGTH)].concat())
        };
        let incoming: Vec<Vec<(u32, Connection)>> = (0..cells.cells.len() as u32)
            .into_par_iter()
            .map_init(Candidates::default, onto)
            .collect::<Result<_>>()?;
        let mut counts = vec![0; sources];
        incoming.iter().flatten().for_each(|(gid, _)| counts[source(*gid)] += 1);
        let starts: Vec<usize> = std::iter::once(0)
            .chain(counts.iter().scan(0, |sum, n| {
                *sum += n;
                Some(*sum)
            }))
            .collect();
        // Stable: the connections of a source stay in the order of their targets.
        let mut ordered: Vec<(u32, Connection)> = incoming.into_iter().flatten().collect();
        ordered.par_sort_by_key(|(gid, _)| *gid);
        let step = cells.cells.len().div_ceil(watched.max(1)).max(1);
        let dendrites = |at: usize| Dendrites::of(at, &cells.branches[cells.cells[at].morphology as usize]);
        Ok(Network {
            neurons: (0..).zip(&cells.cells).map(|(at, cell)| neuron(cell, options.seed, at)).collect(),
            fibres: fibres.len() as u32,
            first_fibre: fibres.start,
            starts,
            connections: ordered.into_iter().map(|(_, connection)| connection).collect(),
            watched: (step / 2..cells.cells.len()).step_by(step).take(watched).map(dendrites).collect(),
        })
    }

    /// How many cells there are. Their gids are 1 to this number.
    pub fn cells(&self) -> usize {
        self.neurons.len()
    }

    /// The recorded cells with their compartments, in the order of the frames.
    pub fn compartments(&self) -> Vec<Compartments> {
        self.watched.iter().map(Dendrites::compartments).collect()
    }

    /// The gid of a source: cells, then fibres.
    pub(super) fn gid(&self, source: usize) -> i64 {
        match source.checked_sub(self.neurons.len()) {
            Some(fibre) => i64::from(self.first_fibre) + fibre as i64,
            None => source as i64 + 1,
        }
    }

    pub(super) fn connections_of(&self, source: usize) -> std::ops::Range<usize> {
        self.starts[source]..self.starts[source + 1]
    }
}

/// The connections onto a cell with the gids that they come from, from the rows of its synapses, which are grouped by
/// these. Conductances add up; all else is the mean, weighted by conductance.
fn connections(rows: &[f32], post: u32, scale: f32) -> Vec<(u32, Connection)> {
    let rows: Vec<&[f32]> = rows.chunks_exact(WIDTH).collect();
    let connection = |same: &[&[f32]]| {
        let sum = |of: &dyn Fn(&[f32]) -> f32| same.iter().map(|row| of(row)).sum::<f32>();
        let total = sum(&|row| row[8]).max(f32::MIN_POSITIVE);
        let mean = |column: usize| sum(&|row| row[8] * row[column]) / total;
        let kind = u8::from(same[0][13] < 100.0);
        let per_step = |ms: f32| 1.0 / (ms.max(0.1) * STEPS_PER_MS as f32);
        let delay = (mean(1) * STEPS_PER_MS as f32).round().clamp(BLOCK as f32, f32::from(u16::MAX));
        let connection = Connection {
            post,
            delay: delay as u16,
            kind,
            conductance: scale * total * mean(12) / DECAY[usize::from(kind)],
            u: mean(9).clamp(0.0, 1.0),
            depression: per_step(mean(10)),
            facilitation: per_step(mean(11)),
        };
        (same[0][0] as u32, connection)
    };
    rows.chunk_by(|a, b| a[0] == b[0]).map(connection).collect()
}

/// Deviations of rest and threshold among cells (mV).
const SPREAD: f32 = 1.0;

/// A cell of a type; what differs among cells of a type follows from the seed of the circuit.
fn neuron(cell: &Cell, seed: u64, at: u64) -> Neuron {
    let mut random = stream(seed, Purpose::Neurons, at);
    let mut vary =
        |mean: f32, deviation: f32| Normal::new(mean, deviation).map_or(mean, |n| n.sample(&mut random));
    let accommodates =
        ETYPES[usize::from(cell.etype)].contains("AC") && !ETYPES[usize::from(cell.etype)].contains("NAC");
    let excitatory = MTYPES[usize::from(cell.mtype)].is_excitatory();
    // How far the constant current brings the voltage (mV) from rest, where the threshold is 20 away.
    let (capacitance, leak, refractory, adaptation, depolarized, noise) = match (excitatory, accommodates) {
        (true, _) => (180.0, 9.0, 2.5, 40.0, vary(14.5, 3.5), 2.8),
        (false, true) => (100.0, 8.0, 1.5, 12.0, vary(17.0, 3.0), 2.8),
        (false, false) => (100.0, 9.0, 1.0, 0.0, vary(16.0, 3.0), 2.6),
    };
    let rest = vary(REST, SPREAD);
    Neuron {
        capacitance,
        leak,
        rest,
        threshold: rest + 20.0 + vary(0.0, SPREAD),
        reset: rest + 7.0,
        refractory: (refractory * STEPS_PER_MS as f32) as u16,
        adaptation,
        adaptation_left: (-1.0 / (120.0 * STEPS_PER_MS as f32)).exp(),
        current: depolarized * leak,
        noise: noise * leak,
    }
}
