//! Branching of the morphologies that the cells are named after: enough of it (sections, segments, points) to say
//! where on a cell a synapse is.

use super::random::{Purpose, Random, direction, stream, unit};
use super::recipe::{Family, HEIGHT, LAYERS, Mtype, Zone};

/// The type of a section, as the synapse files number it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Soma = 0,
    Axon,
    Basal,
    Apical,
}

/// A piece of a section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// Relative to the soma, upright.
    pub(super) start: [f32; 3],
    pub(super) end: [f32; 3],
    pub(super) radius: f32,
    /// From 1; 0 is the soma. Axon first, then basal and apical dendrites, each tree from its root to its tips.
    pub(super) section: u16,
    /// In its section, from 0.
    pub(super) index: u16,
    /// Bifurcations between here and the soma.
    pub(super) order: u8,
    pub(super) kind: Kind,
}

impl Segment {
    pub(super) fn length(&self) -> f32 {
        distance(self.start, self.end)
    }
}

/// Where synapses look for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Site {
    Basal,
    Oblique,
    Tuft,
    /// Dendrites near the soma.
    Proximal,
    /// Dendrites after the second bifurcation.
    Distal,
    /// The beginning of the axon.
    Initial,
    /// The rest of the axon.
    Axon,
}

const SITES: [Site; 7] =
    [Site::Basal, Site::Oblique, Site::Tuft, Site::Proximal, Site::Distal, Site::Initial, Site::Axon];

/// The branches of a morphology.
pub(super) struct Branches {
    pub(super) segments: Vec<Segment>,
    pub(super) soma: Segment,
    /// For each site its segments, with the length up to their ends.
    sites: [Vec<(f32, u32)>; SITES.len()],
    /// The height of the soma that the apical dendrite was grown for, and the height that it reaches.
    grown_for: (f32, f32),
}

impl Branches {
    /// Grows a morphology of a type.
    pub(super) fn grow(mtype: &Mtype, seed: u64, index: u64) -> Self {
        let mut tree = Tree {
            random: stream(seed, Purpose::Branches, index),
            segments: Vec::new(),
            sections: 0,
            zones: Vec::new(),
        };
        let radius = if mtype.name.starts_with("L5_TTPC") { 9.0 } else { 7.0 };
        let soma_height = typical_height(mtype);
        tree.grow_axon(mtype, radius);
        let stems =
            if mtype.family == Family::Bipolar { 2 } else { 5 + (unit(&mut tree.random) * 3.0) as usize };
        for stem in 0..stems {
            let mut towards = direction(&mut tree.random);
            if mtype.dendrite.sideways < 50.0 {
                // Bipolar and bitufted dendrites stand upright.
                towards =
                    normal([towards[0] * 0.3, if stem % 2 == 0 { 1.0 } else { -1.0 }, towards[2] * 0.3]);
            }
            let root = Root { kind: Kind::Basal, zone: Zone::Basal, length: 45.0, radius: 0.8, depth: 2 };
            tree.grow(&root, scaled(towards, radius), towards, 0);
        }
        for direction in [1.0, -1.0] {
            tree.grow_apical(mtype, soma_height, direction, radius);
        }
        let reached = tree.segments.iter().map(|s| s.end[1]).fold(0.0, f32::max) + soma_height;
        tree.finish(radius, (soma_height, reached))
    }

    /// A place of a kind, with the chance that its length gives it; `None` where the morphology has no such place.
    pub(super) fn pick(&self, site: Site, random: &mut Random) -> Option<&Segment> {
        let table = &self.sites[site as usize];
        let &(total, _) = table.last()?;
        let wanted = unit(random) * total;
        let at = table.partition_point(|&(end, _)| end <= wanted).min(table.len() - 1);
        self.segments.get(table[at].1 as usize)
    }

    /// A point of a segment, relative to a soma at height `soma`. Apical dendrites are stretched to reach as high as
    /// their type does, whatever the height of the soma.
    pub(super) fn point(&self, segment: &Segment, along: f32, soma: f32) -> [f32; 3] {
        let mut point = [0, 1, 2].map(|i| segment.start[i] + along * (segment.end[i] - segment.start[i]));
        let (usual, reached) = self.grown_for;
        if segment.kind == Kind::Apical && point[1] > 0.0 && reached > usual + 1.0 {
            point[1] *= ((reached - soma) / (reached - usual)).clamp(0.2, 2.0);
        }
        point[1] = point[1].min(HEIGHT - soma);
        point
    }
}

/// Where cells of a type usually have their soma.
fn typical_height(mtype: &Mtype) -> f32 {
    let (low, high) = match mtype.layer {
        2 => (LAYERS[2].0, LAYERS[1].1),
        layer => LAYERS[usize::from(layer) - 1],
    };
    f32::midpoint(low, high)
}

/// How a tree grows.
struct Root {
    kind: Kind,
    zone: Zone,
    /// Of a section, in µm.
    length: f32,
    radius: f32,
    /// Bifurcations from the root to the tips.
    depth: u8,
}

struct Tree {
    random: Random,
    segments: Vec<Segment>,
    sections: u16,
    /// The zone of each segment.
    zones: Vec<Zone>,
}

impl Tree {
    /// One unbranched section of about the given length; where it ends, and in which direction.
    fn section(
        &mut self,
        root: &Root,
        start: [f32; 3],
        towards: [f32; 3],
        length: f32,
        order: u8,
    ) -> ([f32; 3], [f32; 3]) {
        self.sections += 1;
        let pieces = (length / 12.0).ceil().max(1.0);
        let (mut from, mut towards) = (start, towards);
        for index in 0..pieces as u16 {
            let aside = direction(&mut self.random);
            towards = normal([0, 1, 2].map(|i| towards[i] + 0.2 * aside[i]));
            let end = [0, 1, 2].map(|i| from[i] + towards[i] * length / pieces);
            let radius = root.radius;
            let section = self.sections;
            self.segments.push(Segment { start: from, end, radius, section, index, order, kind: root.kind });
            self.zones.push(root.zone);
            from = end;
        }
        (from, towards)
    }

    /// A section and all that branches off at its end.
    fn grow(&mut self, root: &Root, start: [f32; 3], towards: [f32; 3], order: u8) {
        let length = root.length * (0.6 + 0.8 * unit(&mut self.random));
        let (end, towards) = self.section(root, start, towards, length, order);
        if root.depth == 0 {
            return;
        }
        let child = Root { depth: root.depth - 1, radius: root.radius * 0.75, ..*root };
        for _ in 0..2 {
            let aside = direction(&mut self.random);
            self.grow(&child, end, normal([0, 1, 2].map(|i| towards[i] + 0.6 * aside[i])), order + 1);
        }
    }

    fn grow_axon(&mut self, mtype: &Mtype, radius: f32) {
        let rises = matches!(mtype.family, Family::Martinotti | Family::LayerOne);
        let towards = [0.0, if rises { 1.0 } else { -1.0 }, 0.0];
        let root = Root {
            kind: Kind::Axon,
            zone: Zone::Basal,
            length: mtype.axon.sideways * 0.5,
            radius: 0.3,
            depth: 4,
        };
        self.grow(&root, scaled(towards, radius), towards, 0);
    }

    /// The apical dendrite upwards (or downwards): a trunk with obliques, and a tuft at its end.
    fn grow_apical(&mut self, mtype: &Mtype, soma: f32, up: f32, radius: f32) {
        let apical = mtype.dendrite.clouds.iter().filter(|c| c.zone != Zone::Basal);
        let reaches: Vec<(f32, Zone)> = apical
            .map(|cloud| ((cloud.centre.above(soma) - soma) * up, cloud.zone))
            .filter(|(reach, _)| *reach > 0.0)
            .collect();
        let farthest = reaches.iter().map(|r| r.0).fold(0.0, f32::max);
        if farthest <= radius {
            return;
        }
        let tufted = reaches.iter().any(|r| r.1 == Zone::Tuft);
        let pieces = (farthest / 80.0).ceil().max(2.0) as u8;
        self.grow_trunk(
            tufted,
            [0.0, up * radius, 0.0],
            [0.0, up, 0.0],
            farthest / f32::from(pieces),
            pieces,
            0,
        );
    }

    fn grow_trunk(
        &mut self,
        tufted: bool,
        start: [f32; 3],
        up: [f32; 3],
        length: f32,
        pieces: u8,
        order: u8,
    ) {
        let trunk = Root { kind: Kind::Apical, zone: Zone::Oblique, length, radius: 1.3, depth: 0 };
        // A trunk goes straight: its sections start over in the old direction.
        let (end, _) = self.section(&trunk, start, up, length, order);
        let side = direction(&mut self.random);
        let side = normal([side[0], 0.3 * side[1], side[2]]);
        let oblique = Root { length: 55.0, radius: 0.5, depth: 1, ..trunk };
        self.grow(&oblique, end, side, order + 1);
        if pieces > 1 {
            return self.grow_trunk(tufted, end, up, length, pieces - 1, order + 1);
        }
        let zone = if tufted { Zone::Tuft } else { Zone::Oblique };
        let tip = Root { zone, length: 60.0, radius: 0.6, depth: if tufted { 3 } else { 1 }, ..trunk };
        let aside = direction(&mut self.random);
        self.grow(&tip, end, normal([0, 1, 2].map(|i| up[i] + 0.5 * aside[i])), order + 1);
    }

    fn finish(self, radius: f32, grown_for: (f32, f32)) -> Branches {
        let mut sites: [Vec<(f32, u32)>; SITES.len()] = Default::default();
        for (index, (segment, zone)) in self.segments.iter().zip(&self.zones).enumerate() {
            for (site, table) in SITES.iter().zip(&mut sites) {
                if belongs(segment, *zone, *site) {
                    let so_far = table.last().map_or(0.0, |&(end, _)| end);
                    table.push((so_far + segment.length(), index as u32));
                }
            }
        }
        let here = [0.0; 3];
        let soma =
            Segment { start: here, end: here, radius, section: 0, index: 0, order: 0, kind: Kind::Soma };
        Branches { segments: self.segments, soma, sites, grown_for }
    }
}

fn belongs(segment: &Segment, zone: Zone, site: Site) -> bool {
    let dendrite = segment.kind != Kind::Axon;
    match site {
        Site::Basal => segment.kind == Kind::Basal,
        Site::Oblique => segment.kind == Kind::Apical && zone == Zone::Oblique,
        Site::Tuft => segment.kind == Kind::Apical && zone == Zone::Tuft,
        Site::Proximal => dendrite && segment.order <= 1,
        Site::Distal => dendrite && segment.order >= 2,
        Site::Initial => !dendrite && segment.order == 0,
        Site::Axon => !dendrite && segment.order > 0,
    }
}

pub(super) fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    [0, 1, 2].map(|i| (a[i] - b[i]).powi(2)).iter().sum::<f32>().sqrt()
}

fn scaled(v: [f32; 3], by: f32) -> [f32; 3] {
    v.map(|c| c * by)
}

fn normal(v: [f32; 3]) -> [f32; 3] {
    let length = distance(v, [0.0; 3]).max(1e-6);
    v.map(|c| c / length)
}

#[cfg(test)]
mod tests {
    use super::super::recipe::MTYPES;
    use super::*;

    #[test]
    fn every_type_has_the_places_that_synapses_ask_for() {
        for (index, mtype) in MTYPES.iter().enumerate() {
            let branches = Branches::grow(mtype, 1, index as u64);
            let mut random = stream(1, Purpose::Synapses, 0);
            for site in [Site::Basal, Site::Proximal, Site::Distal, Site::Initial, Site::Axon] {
                assert!(branches.pick(site, &mut random).is_some(), "{} {site:?}", mtype.name);
            }
            let apical = mtype.dendrite.clouds.iter().any(|c| c.zone != Zone::Basal);
            assert_eq!(branches.pick(Site::Oblique, &mut random).is_some(), apical, "{}", mtype.name);
            let tuft = mtype.dendrite.clouds.iter().any(|c| c.zone == Zone::Tuft);
            assert_eq!(branches.pick(Site::Tuft, &mut random).is_some(), tuft, "{}", mtype.name);
        }
    }

    #[test]
    fn sections_are_numbered_axon_first_and_hang_together() {
        for (index, mtype) in MTYPES.iter().enumerate() {
            let branches = Branches::grow(mtype, 1, index as u64);
            let kinds: Vec<u8> = branches.segments.iter().map(|s| s.kind as u8).collect();
            assert!(kinds.is_sorted(), "{}", mtype.name);
            for pair in branches.segments.windows(2) {
                let [a, b] = pair else { continue };
                if a.section == b.section {
                    assert_eq!((b.index, b.start), (a.index + 1, a.end));
                } else {
                    assert_eq!((b.section, b.index), (a.section + 1, 0));
                }
            }
        }
    }

    #[test]
    fn tufts_reach_layer_one_from_any_height() {
        let mtype = MTYPES.iter().find(|m| m.name == "L5_TTPC2").expect("the type");
        let branches = Branches::grow(mtype, 1, 0);
        for soma in [720.0, 960.0, 1200.0] {
            let mut random = stream(1, Purpose::Synapses, 0);
            let heights: Vec<f32> = (0..200)
                .filter_map(|_| branches.pick(Site::Tuft, &mut random))
                .map(|segment| soma + branches.point(segment, 0.5, soma)[1])
                .collect();
            let mean = heights.iter().sum::<f32>() / heights.len() as f32;
            assert!(mean > 1850.0 && heights.iter().all(|&h| h <= HEIGHT), "{soma}: {mean}");
        }
    }
}
