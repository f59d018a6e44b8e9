//! Random graphs that keep something of a given one, to tell what of its shape is chance.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::distance::DistanceBins;
use super::{Graph, Metric};
use crate::diag::{Error, Result, work};

/// Swaps that are tried for each connection.
const SWAPS: usize = 10;

/// Steps between two looks at whether to stop.
const STEPS: usize = 65_536;

/// What a random graph keeps. All keep the number of cells, and of connections without autapses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control<'a> {
    /// Nothing else: connections between random pairs (Erdős and Rényi 1959).
    Size,
    /// The in- and the out-degree of each cell: the targets of random pairs of connections are swapped, ten tries
    /// for each connection (Maslov and Sneppen 2002).
    Degrees,
    /// The number of connections in each distance bin: in each, random pairs are connected. Connections beyond the
    /// last edge are random among the pairs beyond.
    Distance {
        /// x, y, z of each cell in µm.
        positions: &'a [[f64; 3]],
        /// The edges of the bins in µm, ascending.
        edges: &'a [f64],
        /// Which distance.
        metric: Metric,
    },
}

impl Control<'_> {
    /// A random graph, the same for the same seed on every machine. Each connection has one synapse.
    ///
    /// # Errors
    /// When positions or edges do not fit, or the work is stopped.
    pub fn random(&self, graph: &Graph, seed: u64) -> Result<Graph> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let pairs: Vec<(u32, u32)> =
            graph.iter().filter(|(pre, post, _)| pre != post).map(|(pre, post, _)| (pre, post)).collect();
        let pairs = match self {
            Control::Size => {
                let at = |_, _| 0;
                redrawn(graph.nodes(), &pairs, 1, at, &mut random)?
            }
            Control::Degrees => swapped(pairs, &mut random)?,
            Control::Distance { positions, edges, metric } => {
                let bins = DistanceBins::new(edges)?;
                if positions.len() != graph.nodes() {
                    return Err(Error::argument(format!(
                        "{} positions for {} cells",
                        positions.len(),
                        graph.nodes()
                    )));
                }
                let at = |pre: u32, post: u32| {
                    let square = metric.squared(positions[pre as usize], positions[post as usize]);
                    bins.of(square).unwrap_or(bins.len())
                };
                redrawn(graph.nodes(), &pairs, bins.len() + 1, at, &mut random)?
            }
        };
        let (pre, post): (Vec<u32>, Vec<u32>) = pairs.into_iter().unzip();
        Graph::new(graph.nodes(), &pre, &post, None)
    }
}

/// As many random pairs in each bin as there are pairs given in it. All pairs of different cells are gone through
/// twice: once to count those of each bin, once to take each with the probability left/pairs left (Knuth's
/// algorithm S), so that no list of pairs is needed.
fn redrawn(
    nodes: usize,
    given: &[(u32, u32)],
    bins: usize,
    bin: impl Fn(u32, u32) -> usize,
    random: &mut Xoshiro256PlusPlus,
) -> Result<Vec<(u32, u32)>> {
    let (mut wanted, mut left) = (vec![0u64; bins], vec![0u64; bins]);
    for &(pre, post) in given {
        wanted[bin(pre, post)] += 1;
    }
    let others = |pre: u32| (0..nodes as u32).filter(move |post| *post != pre);
    for pre in 0..nodes as u32 {
        work::check()?;
        others(pre).for_each(|post| left[bin(pre, post)] += 1);
    }
    let mut taken = Vec::with_capacity(given.len());
    for pre in 0..nodes as u32 {
        work::check()?;
        for post in others(pre) {
            let k = bin(pre, post);
            if wanted[k] > 0 && random.random_range(0..left[k]) < wanted[k] {
                taken.push((pre, post));
                wanted[k] -= 1;
            }
            left[k] -= 1;
        }
    }
    Ok(taken)
}

/// Swaps the targets of two random connections again and again, where that makes no autapse and no pair twice.
fn swapped(mut pairs: Vec<(u32, u32)>, random: &mut Xoshiro256PlusPlus) -> Result<Vec<(u32, u32)>> {
    if pairs.len() < 2 {
        return Ok(pairs);
    }
    let mut present: PairSet = pairs.iter().copied().map(key).collect();
    for step in 0..pairs.len() * SWAPS {
        if step % STEPS == 0 {
            work::check()?;
        }
        let (i, j) = (random.random_range(0..pairs.len()), random.random_range(0..pairs.len()));
        let ((a, b), (c, d)) = (pairs[i], pairs[j]);
        if a == c || b == d || a == d || c == b {
            continue;
        }
        if present.contains(&key((a, d))) || present.contains(&key((c, b))) {
            continue;
        }
        for pair in [(a, b), (c, d)] {
            present.remove(&key(pair));
        }
        for pair in [(a, d), (c, b)] {
            present.insert(key(pair));
        }
        (pairs[i], pairs[j]) = ((a, d), (c, b));
    }
    Ok(pairs)
}

fn key((pre, post): (u32, u32)) -> u64 {
    u64::from(pre) << 32 | u64::from(post)
}

type PairSet = HashSet<u64, BuildHasherDefault<PairHasher>>;

/// Spreads the bits of a pair over a word; pairs are not chosen by an adversary.
#[derive(Default)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 << 8 | u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        self.0 ^= self.0 >> 32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analysis::Pathway;

    fn degrees(graph: &Graph) -> Vec<(usize, usize)> {
        (0..graph.nodes() as u32).map(|row| (graph.targets(row).len(), graph.sources(row).len())).collect()
    }

    proptest! {
        #[test]
        fn controls_keep_what_they_say(
            edges in prop::collection::hash_set((0u32..30, 0u32..30).prop_filter("autapse", |(a, b)| a != b), 0..200),
            seed in any::<u64>(),
        ) {
            let (pre, post): (Vec<u32>, Vec<u32>) = edges.iter().copied().unzip();
            let graph = Graph::new(30, &pre, &post, None).unwrap();
            let random = Control::Size.random(&graph, seed).unwrap();
            prop_assert_eq!((random.connections(), random.autapses()), (edges.len(), 0));
            let random = Control::Degrees.random(&graph, seed).unwrap();
            prop_assert_eq!(degrees(&random), degrees(&graph));
            prop_assert_eq!(random.autapses(), 0);
            let positions: Vec<[f64; 3]> = (0..30).map(|i| [f64::from(i * 17 % 30) * 10.0, 0.0, 0.0]).collect();
            let bins = [0.0, 50.0, 100.0, 200.0];
            let control = Control::Distance { positions: &positions, edges: &bins, metric: Metric::Full };
            let random = control.random(&graph, seed).unwrap();
            let rows: Vec<u32> = (0..30).collect();
            let connected = |graph: &Graph| -> Vec<u64> {
                let pathway = Pathway::among(graph, &rows).unwrap().at(&positions).unwrap();
                let bins = pathway.by_distance(&bins, Metric::Full).unwrap();
                bins.iter().map(|bin| bin.probability.connected).collect()
            };
            prop_assert_eq!(connected(&random), connected(&graph));
            prop_assert_eq!(random.connections(), edges.len());
            prop_assert_eq!(control.random(&graph, seed).unwrap(), random);
        }
    }

    #[test]
    fn swapping_mixes() {
        let edges: Vec<(u32, u32)> = (0..100).flat_map(|i| (1..6).map(move |k| (i, (i + k) % 100))).collect();
        let (pre, post): (Vec<u32>, Vec<u32>) = edges.into_iter().unzip();
        let graph = Graph::new(100, &pre, &post, None).unwrap();
        let random = Control::Degrees.random(&graph, 3).unwrap();
        let kept = graph.iter().filter(|(i, j, _)| random.connects(*i, *j)).count();
        assert!(kept < 100, "{kept} of 500 connections are where they were");
        assert_ne!(random, Control::Degrees.random(&graph, 4).unwrap());
    }

    #[test]
    fn wrong_places_are_refused() {
        let graph = Graph::new(3, &[0], &[1], None).unwrap();
        let wrong = Control::Distance { positions: &[[0.0; 3]; 2], edges: &[0.0, 1.0], metric: Metric::Full };
        assert!(wrong.random(&graph, 0).is_err());
        let wrong = Control::Distance { positions: &[[0.0; 3]; 3], edges: &[1.0, 0.0], metric: Metric::Full };
        assert!(wrong.random(&graph, 0).is_err());
    }
}
