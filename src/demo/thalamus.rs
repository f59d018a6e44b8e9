//! The projection from the ventral posteromedial nucleus of the thalamus: fibres that rise from the white matter and
//! make synapses in layer 4 and at the border of layers 5 and 6.

use std::path::Path;

use rand::RngExt;
use rayon::prelude::*;

use super::branches::{Branches, Kind, Segment};
use super::cells::{Cell, Population};
use super::random::{Positive, Purpose, stream, unit};
use super::recipe::{CLASSES, COLUMN_CELLS, MTYPES, THALAMIC};
use super::synapses::{batch, contact, delay, put_row};
use crate::diag::Result;
use crate::formats::bbp::write::nrn::{self, VERSION, WIDTH};

/// The projection's name.
pub(super) const NAME: &str = "Thalamocortical_input_VPM";

/// Fibres of one column in the published circuit.
const COLUMN_FIBRES: f64 = 310.0;

/// Synapses per connection (Gil et al. 1999).
const CONTACTS: (f32, f32) = (7.0, 4.9);

/// How far a fibre branches sideways, in µm.
const SIDEWAYS: f32 = 120.0;

/// Thalamic synapses, in proportion to those from within the circuit.
const SHARE: f32 = 0.1;

/// The fibres of a circuit.
pub(super) struct Thalamus<'a> {
    cells: &'a Population,
    /// x and z.
    fibres: Vec<[f32; 2]>,
    first_gid: u32,
    seed: u64,
}

impl<'a> Thalamus<'a> {
    pub(super) fn new(cells: &'a Population, seed: u64) -> Self {
        let mut random = stream(seed, Purpose::Fibres, 0);
        let count = cells.cells.len();
        let fibres = (count as f64 / f64::from(COLUMN_CELLS) * COLUMN_FIBRES).ceil().max(12.0) as usize;
        let radius = cells.radius as f32;
        let at = |i: usize| {
            let centre = cells.centres[i % cells.centres.len()];
            let (away, angle) =
                (radius * 0.9 * unit(&mut random).sqrt(), std::f32::consts::TAU * unit(&mut random));
            [centre[0] as f32 + away * angle.cos(), centre[1] as f32 + away * angle.sin()]
        };
        // Gids that no cell has, and that start at a round number.
        let first_gid = (count as u32).next_multiple_of(1_000_000) + 1;
        Thalamus { cells, fibres: (0..fibres).map(at).collect(), first_gid, seed }
    }

    /// The gids of the fibres.
    pub(super) fn gids(&self) -> std::ops::Range<u32> {
        self.first_gid..self.first_gid + self.fibres.len() as u32
    }

    /// Writes proj_nrn.h5; how many synapses it has.
    pub(super) fn write(&self, folder: &Path, synapses_per_cell: u32) -> Result<u64> {
        let cells = &self.cells.cells;
        let wanted = self.wanted(synapses_per_cell);
        let mut file = nrn::begin(&folder.join("proj_nrn.h5"), VERSION)?;
        let mut total = 0;
        let step = batch(synapses_per_cell) as usize;
        for start in (0..cells.len()).step_by(step) {
            let range = start..cells.len().min(start + step);
            let batch: Vec<Vec<f32>> =
                range.into_par_iter().map(|post| self.onto(post, wanted[post])).collect();
            for (post, rows) in (start as u32..).zip(&batch) {
                nrn::put(&mut file, post, rows, WIDTH)?;
                total += (rows.len() / WIDTH) as u64;
            }
        }
        file.finish()?;
        Ok(total)
    }

    /// How many synapses each cell gets, about, where it gets so many from within the circuit on average.
    pub(super) fn wanted(&self, synapses_per_cell: u32) -> Vec<f32> {
        let cells = &self.cells.cells;
        let appeal: Vec<f32> = cells.par_iter().map(|cell| appeal(cell, self.branches(cell))).collect();
        let mean = appeal.iter().sum::<f32>() / appeal.len().max(1) as f32;
        let per_appeal = SHARE * synapses_per_cell as f32 / mean.max(f32::MIN_POSITIVE);
        appeal.into_iter().map(|appeal| appeal * per_appeal).collect()
    }

    /// About so many synapses onto a cell, row by row.
    pub(super) fn onto(&self, post: usize, wanted: f32) -> Vec<f32> {
        let mut random = stream(self.seed, Purpose::Thalamus, post as u64);
        let cell = &self.cells.cells[post];
        let branches = self.branches(cell);
        let places = places(cell, branches);
        let Some(&(all, _)) = places.last() else { return Vec::new() };
        let near = |fibre: &[f32; 2]| {
            let (dx, dz) = (fibre[0] - cell.position[0] as f32, fibre[1] - cell.position[2] as f32);
            (-(dx * dx + dz * dz) / (2.0 * SIDEWAYS * SIDEWAYS)).exp()
        };
        let nearness: Vec<f32> = self.fibres.iter().map(near).collect();
        let total = nearness.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let contacts = Positive::new(CONTACTS.0, CONTACTS.1);
        let mut rows = Vec::new();
        for (gid, near) in self.gids().zip(&nearness) {
            if unit(&mut random) >= (wanted / CONTACTS.0 * near / total).min(0.9) {
                continue;
            }
            for _ in 0..contacts.draw(&mut random).round().max(1.0) as u32 {
                let at = unit(&mut random) * all;
                let place = places.partition_point(|p| p.0 <= at).min(places.len() - 1);
                let on = contact(cell, branches, Some(places[place].1), &mut random);
                // The fibre is bare: its first section leads up to the synapse.
                let fibre = Segment { section: 1, index: 0, order: 0, kind: Kind::Axon, ..branches.soma };
                let from = super::synapses::Contact {
                    segment: &fibre,
                    offset: on.point[1].max(0.0),
                    point: on.point,
                };
                let delay = delay(on.point[1].max(0.0), &mut random);
                let vesicles = random.random_range(1..=4_u8).into();
                put_row(
                    gid as f32,
                    delay,
                    &on,
                    &from,
                    &CLASSES[THALAMIC],
                    0.0,
                    vesicles,
                    &mut random,
                    &mut rows,
                );
            }
        }
        rows
    }

    fn branches(&self, cell: &Cell) -> &'a Branches {
        &self.cells.branches[cell.morphology as usize]
    }
}

/// How much dendrite a cell has where the fibres branch.
fn appeal(cell: &Cell, branches: &Branches) -> f32 {
    // Interneurons other than baskets get little.
    let mtype = &MTYPES[usize::from(cell.mtype)];
    let taste = if mtype.is_excitatory() || mtype.family.is_basket() { 1.0 } else { 0.3 };
    taste * places(cell, branches).last().map_or(0.0, |p| p.0)
}

/// Density of thalamic boutons at a height.
fn density(height: f32) -> f32 {
    let bump = |centre: f32, spread: f32| (-((height - centre) / spread).powi(2) / 2.0).exp();
    bump(1330.0, 90.0) + 0.5 * bump(710.0, 70.0)
}

/// Dendritic segments, with the attraction summed up to each.
fn places<'b>(cell: &Cell, branches: &'b Branches) -> Vec<(f32, &'b Segment)> {
    let soma = cell.position[1] as f32;
    let mut sum = 0.0;
    let dendrites = branches.segments.iter().filter(|s| s.kind != Kind::Axon);
    dendrites
        .map(|segment| {
            sum += segment.length() * density(soma + branches.point(segment, 0.5, soma)[1]);
            (sum, segment)
        })
        .collect()
}
