//! Sets of cell ids.

use std::sync::{Arc, OnceLock};

/// A list of cell ids in the order in which the user gave them, with fast membership.
///
/// Ids are those of the circuit's own convention: gids from 1 in the legacy format, node ids from 0 in SONATA.
#[derive(Clone, Debug)]
pub struct IdSet(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    listed: Vec<i64>,
    /// Whether they are listed in ascending order, each once.
    ascending: bool,
    sorted: OnceLock<Vec<i64>>,
    bits: OnceLock<Vec<u64>>,
}

impl IdSet {
    /// The ids as listed; order and repetitions are kept.
    pub fn new(listed: Vec<i64>) -> Self {
        let ascending = listed.windows(2).all(|w| w[0] < w[1]);
        IdSet(Arc::new(Inner { listed, ascending, sorted: OnceLock::new(), bits: OnceLock::new() }))
    }

    /// The ids in the order given, with repetitions.
    pub fn listed(&self) -> &[i64] {
        &self.0.listed
    }

    /// How many were listed.
    pub fn len(&self) -> usize {
        self.0.listed.len()
    }

    /// Whether none was listed.
    pub fn is_empty(&self) -> bool {
        self.0.listed.is_empty()
    }

    /// The ids in ascending order, each once.
    pub fn sorted(&self) -> &[i64] {
        let listed = &self.0.listed;
        if self.0.ascending {
            return listed;
        }
        self.0.sorted.get_or_init(|| {
            let mut sorted = listed.clone();
            sorted.sort_unstable();
            sorted.dedup();
            sorted
        })
    }

    /// Whether `id` is in the set. The first call on a large set builds a bitmap where the ids are dense enough.
    pub fn contains(&self, id: i64) -> bool {
        let sorted = self.sorted();
        let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else { return false };
        if id < low || id > high {
            return false;
        }
        let span = (high - low) as u128 + 1;
        if sorted.len() as u128 == span {
            return true;
        }
        // A bitmap of at most 64 bits for each member; else a binary search.
        if sorted.len() < 16 || span > sorted.len() as u128 * 4096 {
            return sorted.binary_search(&id).is_ok();
        }
        let bits = self.0.bits.get_or_init(|| {
            let mut bits = vec![0u64; (span as usize).div_ceil(64)];
            for &member in sorted {
                let at = (member - low) as usize;
                bits[at / 64] |= 1 << (at % 64);
            }
            bits
        });
        let at = (id - low) as usize;
        bits[at / 64] >> (at % 64) & 1 == 1
    }
}

impl FromIterator<i64> for IdSet {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> Self {
        IdSet::new(ids.into_iter().collect())
    }
}

impl From<std::ops::Range<i64>> for IdSet {
    fn from(range: std::ops::Range<i64>) -> Self {
        range.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_listed_and_finds_members() {
        let set = IdSet::new(vec![2, 1, 2]);
        assert_eq!((set.listed(), set.sorted()), (&[2, 1, 2][..], &[1, 2][..]));
        let sparse: IdSet = (0..40).map(|i| i * 3).collect();
        let spread: IdSet = (0..40).map(|i| i * 1_000_000).collect();
        for id in -2..125 {
            assert_eq!(sparse.contains(id), (0..120).contains(&id) && id % 3 == 0, "{id}");
        }
        assert!(spread.contains(39_000_000) && !spread.contains(39_000_001));
        assert!(!IdSet::new(vec![]).contains(0));
    }
}
