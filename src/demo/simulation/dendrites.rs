//! What is shown of the dendrites of a few cells.

use super::{FRAME_MS, REST};
use crate::demo::branches::{Branches, Kind, distance};

/// At most so many dendritic sections of a cell are recorded, two compartments each.
const SECTIONS: usize = 8;

/// Over this distance from the soma (µm) the voltage falls to 1/e.
const LENGTH: f32 = 350.0;

/// The voltage follows that of the soma within this time (ms), and later by a millisecond for so many µm.
const FASTEST: f32 = 0.4;
const SPEED: f32 = 150.0;

/// The compartments of a recorded cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compartments {
    /// The cell.
    pub gid: i64,
    /// The section of each compartment: 0 is the soma; a section is there once for each of its compartments.
    pub sections: Vec<u32>,
}

/// The dendrites of a cell while it is simulated.
#[derive(Clone, Debug)]
pub(super) struct Dendrites {
    /// Place of the cell.
    pub(super) cell: usize,
    /// Of each dendritic compartment: section, share of the soma's deflection, and how much of the way to it the voltage goes in a frame.
    places: Vec<(u32, f32, f32)>,
}

impl Dendrites {
    /// Some dendritic sections, evenly taken from all of a morphology.
    pub(super) fn of(cell: usize, branches: &Branches) -> Self {
        let dendritic: Vec<_> =
            branches.segments.iter().filter(|s| matches!(s.kind, Kind::Basal | Kind::Apical)).collect();
        let sections: Vec<_> = dendritic.chunk_by(|a, b| a.section == b.section).collect();
        let step = sections.len().div_ceil(SECTIONS).max(1);
        let mut places = Vec::new();
        for section in sections.into_iter().step_by(step) {
            let (Some(first), Some(last)) = (section.first(), section.last()) else { continue };
            for along in [0.25, 0.75] {
                let point = [0, 1, 2].map(|i| first.start[i] + along * (last.end[i] - first.start[i]));
                let away = distance(point, branches.soma.start);
                let follows = 1.0 - (-FRAME_MS as f32 / (FASTEST + away / SPEED)).exp();
                places.push((section[0].section.into(), (-away / LENGTH).exp(), follows));
            }
        }
        Dendrites { cell, places }
    }

    /// How many compartments there are, that of the soma included.
    pub(super) fn count(&self) -> usize {
        1 + self.places.len()
    }

    pub(super) fn compartments(&self) -> Compartments {
        let gid = self.cell as i64 + 1;
        Compartments {
            gid,
            sections: std::iter::once(0).chain(self.places.iter().map(|place| place.0)).collect(),
        }
    }

    /// Moves the voltages on by a frame.
    pub(super) fn follow(&self, soma: f32, voltages: &mut [f32]) {
        let Some((own, dendritic)) = voltages.split_first_mut() else { return };
        *own = soma;
        for (voltage, &(_, share, follows)) in dendritic.iter_mut().zip(&self.places) {
            let target = REST + share * (soma - REST);
            *voltage += follows * (target - *voltage);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::recipe::MTYPES;

    #[test]
    fn dendrites_follow_the_soma_less_and_later_with_distance() {
        let mtype = MTYPES.iter().find(|m| m.name == "L5_TTPC1").expect("the type");
        let dendrites = Dendrites::of(3, &Branches::grow(mtype, 1, 0));
        let layout = dendrites.compartments();
        assert_eq!((layout.gid, layout.sections[0], layout.sections.len()), (4, 0, dendrites.count()));
        assert!(layout.sections.is_sorted() && layout.sections.len() <= 1 + 2 * SECTIONS);
        assert!(layout.sections[1..].chunks(2).all(|pair| pair[0] == pair[1]));
        let mut voltages = vec![REST; dendrites.count()];
        dendrites.follow(20.0, &mut voltages);
        assert_eq!(voltages[0], 20.0);
        assert!(voltages[1..].iter().all(|v| *v > REST && *v < 20.0));
        let shares = dendrites.places.iter().map(|place| place.1);
        let farthest = shares.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).expect("one").0;
        assert!(voltages[1..].iter().all(|v| *v >= voltages[1 + farthest]));
        for _ in 0..1000 {
            dendrites.follow(REST, &mut voltages);
        }
        assert!(voltages.iter().all(|v| (v - REST).abs() < 0.1));
    }
}
