//! The synapses onto a cell, row by row as the files hold them. Each cell's synapses follow from the seed and the
//! cell alone.

use std::path::Path;

use rand::RngExt;
use rayon::prelude::*;

use super::branches::{Branches, Kind, Segment, Site, distance};
use super::cells::{Cell, Population};
use super::random::{Positive, Purpose, Random, direction, stream, unit};
use super::recipe::{self, CLASSES, Dynamics, Family, MTYPES, Mtype, Zone};
use super::wiring::{Candidates, Connection, Wiring};
use crate::diag::Result;
use crate::diag::work::Progress;
use crate::formats::bbp::write::nrn::{self, POSITION_WIDTH, VERSION, WIDTH};

/// Synapses that are made together.
const BATCH: u32 = 150_000;

/// µm that an action potential runs in a millisecond.
const VELOCITY: f32 = 300.0;

/// ms from the action potential's arrival to the current.
const TRANSMISSION: f32 = 0.5;

/// Axons do not run straight: the path is longer than the distance.
const DETOUR: f32 = 1.2;

/// The synapses onto one cell.
pub(super) struct Incoming {
    /// Place of the cell.
    pub(super) post: u32,
    /// [`WIDTH`] values each.
    pub(super) rows: Vec<f32>,
    /// [`POSITION_WIDTH`] values each.
    pub(super) positions: Vec<f32>,
}

/// Where a synapse is on one of its cells.
pub(super) struct Contact<'a> {
    pub(super) segment: &'a Segment,
    /// In µm from the start of the segment; -1 at the soma.
    pub(super) offset: f32,
    /// In the circuit.
    pub(super) point: [f32; 3],
}

/// Makes the synapses of a circuit.
pub(super) struct Synapses<'a> {
    cells: &'a Population,
    wiring: Wiring<'a>,
    seed: u64,
}

impl<'a> Synapses<'a> {
    pub(super) fn new(cells: &'a Population, synapses_per_cell: u32, seed: u64) -> Self {
        Synapses { cells, wiring: Wiring::new(cells, synapses_per_cell), seed }
    }

    /// Writes the synapses of all cells; how many connections and synapses there are.
    pub(super) fn write(
        &self,
        folder: &Path,
        synapses_per_cell: u32,
        progress: &Progress,
    ) -> Result<(u64, u64)> {
        let cells = self.cells.cells.len() as u32;
        let expected = u64::from(cells) * u64::from(synapses_per_cell);
        let mut family = nrn::Family::new(folder, cells, expected, VERSION, true)?;
        let step = batch(synapses_per_cell);
        for start in (0..cells).step_by(step as usize) {
            let range = start..cells.min(start.saturating_add(step));
            let length = range.len() as u64;
            let batch: Vec<Incoming> =
                range.into_par_iter().map_init(Candidates::default, |c, post| self.onto(post, c)).collect();
            batch.iter().try_for_each(|cell| family.put(cell.post, &cell.rows, &cell.positions))?;
            progress.advance(length)?;
        }
        family.finish(folder, progress)
    }

    /// All synapses onto a cell.
    pub(super) fn onto(&self, post: u32, candidates: &mut Candidates) -> Incoming {
        let mut random = stream(self.seed, Purpose::Synapses, u64::from(post));
        let connections = self.wiring.onto(post, &mut random, candidates);
        let count: usize = connections.iter().map(|c| usize::from(c.synapses)).sum();
        let mut incoming = Incoming {
            post,
            rows: Vec::with_capacity(count * WIDTH),
            positions: Vec::with_capacity(count * POSITION_WIDTH),
        };
        let post = &self.cells.cells[post as usize];
        for &connection in &connections {
            self.connect(connection, post, &mut random, &mut incoming);
        }
        incoming
    }

    fn connect(&self, connection: Connection, post: &Cell, random: &mut Random, out: &mut Incoming) {
        let pre = &self.cells.cells[connection.pre as usize];
        let (pre_type, post_type) = (&MTYPES[usize::from(pre.mtype)], &MTYPES[usize::from(post.mtype)]);
        let (axon, dendrite) = (self.branches(pre), self.branches(post));
        let class = &CLASSES[recipe::class(pre_type, pre.etype, post_type)];
        let vesicles = recipe::vesicles(pre_type, post_type);
        let soma = pre.position.map(|c| c as f32);
        for _ in 0..connection.synapses {
            let on = contact(
                post,
                dendrite,
                target(pre_type, post_type, connection.zone, dendrite, random),
                random,
            );
            // Of some places on the axon, the one nearest to where it should be.
            let mut from = contact(pre, axon, axon.pick(Site::Axon, random), random);
            for _ in 0..2 {
                let other = contact(pre, axon, axon.pick(Site::Axon, random), random);
                if distance(other.point, on.point) < distance(from.point, on.point) {
                    from = other;
                }
            }
            let delay = delay(distance(soma, on.point), random);
            let gid = (connection.pre + 1) as f32;
            put_row(
                gid,
                delay,
                &on,
                &from,
                class,
                f32::from(pre.mtype),
                drawn_vesicles(vesicles, random),
                random,
                &mut out.rows,
            );
            put_positions(gid, &on, &from, random, &mut out.positions);
        }
    }

    fn branches(&self, cell: &Cell) -> &Branches {
        &self.cells.branches[cell.morphology as usize]
    }
}

/// How many cells are worked on together.
pub(super) fn batch(synapses_per_cell: u32) -> u32 {
    (BATCH / synapses_per_cell.max(1)).clamp(8, 2048)
}

/// The time that an action potential takes to a place so far away.
pub(super) fn delay(distance: f32, random: &mut Random) -> f32 {
    TRANSMISSION + DETOUR * distance / VELOCITY * random.random_range(0.9..1.1)
}

fn drawn_vesicles(mean: f32, random: &mut Random) -> f32 {
    if mean <= 1.0 { 1.0 } else { Positive::new(mean, 0.6 * mean).draw(random).round().max(1.0) }
}

/// The place on a cell that an axon of the given type looks for.
fn target<'a>(
    pre: &Mtype,
    post: &Mtype,
    zone: Zone,
    branches: &'a Branches,
    random: &mut Random,
) -> Option<&'a Segment> {
    // How many of the synapses are on the soma.
    let soma = match (pre.family, post.is_excitatory()) {
        (Family::Chandelier, _) => 0.0,
        (family, true) if family.is_basket() => 0.12,
        (family, true) => {
            if family.is_excitatory() {
                0.0
            } else {
                0.01
            }
        }
        (family, false) => {
            if family.is_excitatory() || family.is_basket() {
                0.25
            } else {
                0.1
            }
        }
    };
    if unit(random) < soma {
        return Some(&branches.soma);
    }
    let site = match (pre.family, zone) {
        (Family::Chandelier, _) => Site::Initial,
        (family, _) if family.is_basket() => Site::Proximal,
        (Family::Martinotti | Family::Neurogliaform | Family::LayerOne, Zone::Basal) => Site::Distal,
        (_, Zone::Basal) => Site::Basal,
        (_, Zone::Oblique) => Site::Oblique,
        (_, Zone::Tuft) => Site::Tuft,
    };
    branches.pick(site, random)
}

/// A synapse somewhere in a segment of a cell, or at its soma.
pub(super) fn contact<'a>(
    cell: &Cell,
    branches: &'a Branches,
    segment: Option<&'a Segment>,
    random: &mut Random,
) -> Contact<'a> {
    let segment = segment.unwrap_or(&branches.soma);
    let along = unit(random);
    let soma = cell.position.map(|c| c as f32);
    let [x, y, z] = branches.point(segment, along, soma[1]);
    let (sine, cosine) = (cell.angle.to_radians().sin() as f32, cell.angle.to_radians().cos() as f32);
    let point = [soma[0] + cosine * x + sine * z, soma[1] + y, soma[2] - sine * x + cosine * z];
    let offset = if segment.kind == Kind::Soma { -1.0 } else { along * segment.length() };
    Contact { segment, offset, point }
}

/// Appends a row of nrn.h5.
#[expect(clippy::too_many_arguments, reason = "a row has so many columns")]
pub(super) fn put_row(
    gid: f32,
    delay: f32,
    on: &Contact,
    from: &Contact,
    class: &Dynamics,
    pre_mtype: f32,
    vesicles: f32,
    random: &mut Random,
    out: &mut Vec<f32>,
) {
    let place = |c: &Contact| [f32::from(c.segment.section), f32::from(c.segment.index), c.offset];
    out.extend([gid, delay]);
    out.extend(place(on));
    out.extend(place(from));
    out.extend([
        class.conductance.draw(random),
        class.u.draw(random).min(1.0),
        class.d.draw(random),
        class.f.draw(random),
        class.decay.draw(random),
        class.id,
        pre_mtype,
        // Orders are stored one higher.
        f32::from(on.segment.order) + 1.0,
        f32::from(from.segment.order) + 1.0,
        vesicles,
        f32::from(on.segment.kind as u8),
    ]);
}

/// Appends a row of nrn_positions.h5: the axis of the dendrite, its surface, a narrow gap, the axon.
fn put_positions(gid: f32, on: &Contact, from: &Contact, random: &mut Random, out: &mut Vec<f32>) {
    let towards = direction(random);
    let gap = 2.0 * unit(random);
    let at = |away: f32| [0, 1, 2].map(|i| on.point[i] + away * towards[i]);
    let surface = on.segment.radius;
    out.push(gid);
    out.extend(at(surface + gap));
    out.extend(at(surface));
    out.extend(at(surface + gap + from.segment.radius));
    out.extend(on.point);
}
