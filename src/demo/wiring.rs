//! Who connects to whom: arbours that meet in space connect, more of them where more axon meets more dendrite.

use rand::RngExt;

use super::cells::Population;
use super::random::{Positive, Random, unit};
use super::recipe::{self, CLOUDS, MTYPES, Mtype, Zone};

/// The most likely that two cells can be to connect.
const MOST_LIKELY: f32 = 0.9;

/// Arbours that are farther apart than this (in squared deviations, halved) do not meet.
const APART: f32 = 9.0;

/// The cells that a cell gets synapses from, in the order of their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connection {
    /// Place of the presynaptic cell.
    pub(super) pre: u32,
    pub(super) synapses: u16,
    /// Where on the dendrites the arbours meet.
    pub(super) zone: Zone,
}

/// How an axonal cloud meets a dendritic one.
#[derive(Clone, Copy)]
struct Meeting {
    axon: usize,
    dendrite: usize,
    /// One over twice the squared spread.
    narrowness: f32,
    strength: f32,
}

/// What two m-types have to do with each other.
struct Pathway {
    /// One over twice the squared reach sideways.
    narrowness: f32,
    meetings: Vec<Meeting>,
    contacts: Positive,
    mean_contacts: f32,
}

/// The presynaptic side of a cell.
struct Axon {
    x: f32,
    z: f32,
    mtype: u8,
    /// The heights of its clouds.
    heights: [f32; CLOUDS],
}

/// The rules of a circuit, ready to be asked for the connections of each cell.
pub(super) struct Wiring<'a> {
    cells: &'a Population,
    axons: Vec<Axon>,
    /// By postsynaptic, then presynaptic m-type.
    pathways: Vec<Pathway>,
    /// Synapses that a cell of appetite 1 takes.
    per_appetite: f32,
}

/// Memory that is used again for each cell: candidates and how readily they connect, of one class of cells.
#[derive(Default)]
pub(super) struct Candidates {
    excitatory: Vec<(u32, f32)>,
    inhibitory: Vec<(u32, f32)>,
}

impl<'a> Wiring<'a> {
    /// The wiring of cells that get so many synapses on average.
    pub(super) fn new(cells: &'a Population, synapses_per_cell: u32) -> Self {
        let axons = cells.cells.iter().map(|cell| {
            let soma = cell.position[1] as f32;
            let clouds = &MTYPES[usize::from(cell.mtype)].axon.clouds;
            let mut heights = [0.0; CLOUDS];
            for (height, cloud) in heights.iter_mut().zip(clouds) {
                *height = cloud.centre.above(soma);
            }
            Axon { x: cell.position[0] as f32, z: cell.position[2] as f32, mtype: cell.mtype, heights }
        });
        let pathways = MTYPES.iter().flat_map(|post| MTYPES.iter().map(move |pre| Pathway::new(pre, post)));
        let appetite: f32 = cells.cells.iter().map(|c| MTYPES[usize::from(c.mtype)].appetite).sum();
        let mean = appetite / cells.cells.len().max(1) as f32;
        Wiring {
            cells,
            axons: axons.collect(),
            pathways: pathways.collect(),
            per_appetite: synapses_per_cell as f32 / mean.max(f32::MIN_POSITIVE),
        }
    }

    /// The connections onto a cell.
    pub(super) fn onto(
        &self,
        post: u32,
        random: &mut Random,
        candidates: &mut Candidates,
    ) -> Vec<Connection> {
        let cell = &self.cells.cells[post as usize];
        let mtype = &MTYPES[usize::from(cell.mtype)];
        let position = cell.position.map(|c| c as f32);
        let pathways = &self.pathways[usize::from(cell.mtype) * MTYPES.len()..][..MTYPES.len()];
        let heights: Vec<f32> = mtype.dendrite.clouds.iter().map(|c| c.centre.above(position[1])).collect();
        self.gather(post, position, &heights, pathways, candidates);

        // Population of a type differ in how much they take.
        let wanted = self.per_appetite * mtype.appetite * Positive::new(1.0, 0.2).draw(random);
        let mut connections = Vec::new();
        let classes =
            [(&candidates.excitatory, 1.0 - mtype.inhibition), (&candidates.inhibitory, mtype.inhibition)];
        for (candidates, share) in classes {
            let scale = self.scale(candidates, pathways, wanted * share);
            for &(pre, strength) in candidates {
                if unit(random) < (scale * strength).min(MOST_LIKELY) {
                    let axon = &self.axons[pre as usize];
                    let pathway = &pathways[usize::from(axon.mtype)];
                    let synapses = pathway.contacts.draw(random).round().clamp(1.0, 200.0) as u16;
                    let dendrite = pathway.meet(axon, &heights, random);
                    let zone = mtype.dendrite.clouds[dendrite].zone;
                    connections.push(Connection { pre, synapses, zone });
                }
            }
        }
        connections.sort_unstable_by_key(|c| c.pre);
        connections
    }

    /// All cells whose axons come near enough.
    fn gather(
        &self,
        post: u32,
        position: [f32; 3],
        heights: &[f32],
        pathways: &[Pathway],
        candidates: &mut Candidates,
    ) {
        candidates.excitatory.clear();
        candidates.inhibitory.clear();
        for (pre, axon) in (0..).zip(&self.axons) {
            let pathway = &pathways[usize::from(axon.mtype)];
            let (dx, dz) = (position[0] - axon.x, position[2] - axon.z);
            let aside = (dx * dx + dz * dz) * pathway.narrowness;
            if aside > APART || pre == post {
                continue;
            }
            let strength: f32 = pathway.meetings.iter().map(|m| m.strength(aside, axon, heights)).sum();
            if strength > 0.0 {
                let class = if MTYPES[usize::from(axon.mtype)].is_excitatory() {
                    &mut candidates.excitatory
                } else {
                    &mut candidates.inhibitory
                };
                class.push((pre, strength));
            }
        }
    }

    /// By what strengths are multiplied to become probabilities that give so many synapses.
    fn scale(&self, candidates: &[(u32, f32)], pathways: &[Pathway], wanted: f32) -> f32 {
        let contacts = |pre: u32| pathways[usize::from(self.axons[pre as usize].mtype)].mean_contacts;
        let total: f32 = candidates.iter().map(|&(pre, strength)| strength * contacts(pre)).sum();
        if total <= 0.0 {
            return 0.0;
        }
        let mut scale = wanted / total;
        // Where probabilities are at their limit, the others make up for it.
        for _ in 0..4 {
            let likely = |strength: f32| (scale * strength).min(MOST_LIKELY);
            let got: f32 = candidates.iter().map(|&(pre, strength)| likely(strength) * contacts(pre)).sum();
            if got > 0.99 * wanted {
                break;
            }
            scale *= wanted / got;
        }
        scale
    }
}

impl Meeting {
    fn strength(&self, aside: f32, axon: &Axon, heights: &[f32]) -> f32 {
        let up = axon.heights[self.axon] - heights[self.dendrite];
        let apart = aside + up * up * self.narrowness;
        if apart > APART { 0.0 } else { self.strength * (-apart).exp() }
    }
}

impl Pathway {
    fn new(pre: &Mtype, post: &Mtype) -> Self {
        let sideways = pre.axon.sideways.powi(2) + post.dendrite.sideways.powi(2);
        let strength = recipe::affinity(pre, post) * pre.boutons / sideways;
        let mut meetings = Vec::new();
        for (a, axon) in pre.axon.clouds.iter().enumerate() {
            for (d, dendrite) in post.dendrite.clouds.iter().enumerate() {
                let spread = axon.spread.powi(2) + dendrite.spread.powi(2);
                let strength = strength * axon.share * dendrite.share / spread.sqrt();
                if strength > 0.0 {
                    meetings.push(Meeting { axon: a, dendrite: d, narrowness: 0.5 / spread, strength });
                }
            }
        }
        let (mean_contacts, deviation) = recipe::contacts(pre, post);
        let contacts = Positive::new(mean_contacts, deviation);
        Pathway { narrowness: 0.5 / sideways, meetings, contacts, mean_contacts }
    }

    /// The dendritic cloud in which two cells meet.
    fn meet(&self, axon: &Axon, heights: &[f32], random: &mut Random) -> usize {
        let strengths = || self.meetings.iter().map(|m| m.strength(0.0, axon, heights));
        let mut left = random.random::<f32>() * strengths().sum::<f32>();
        for (meeting, strength) in self.meetings.iter().zip(strengths()) {
            if left < strength {
                return meeting.dendrite;
            }
            left -= strength;
        }
        self.meetings.last().map_or(0, |m| m.dendrite)
    }
}
