//! Named groups of cells.

use std::path::PathBuf;

use super::IdSet;
use crate::diag::Result;

/// What a target file or a node set file says about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetEntry {
    /// The name.
    pub name: String,
    /// `Cell`, `Compartment`, `Section`, `Synapse`, `node_set` …
    pub kind: String,
    /// Where it is defined.
    pub file: PathBuf,
}

/// The named groups of a circuit, in file order.
pub trait Targets: Send + Sync {
    /// All of them, in the order of the files.
    fn entries(&self) -> Vec<TargetEntry>;

    /// One of them.
    fn entry(&self, name: &str) -> Option<TargetEntry>;

    /// The ids of a target's cells, ascending, each once. Nested targets are resolved.
    ///
    /// # Errors
    /// A name that does not exist (with the nearest ones), a member that does not exist, a cycle (shown).
    fn resolve(&self, name: &str) -> Result<IdSet>;

    /// The targets that a target consists of, where it consists of nothing else.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve), for the target itself.
    fn parts(&self, _name: &str) -> Result<Option<Vec<String>>> {
        Ok(None)
    }
}

/// A circuit without named groups.
impl Targets for () {
    fn entries(&self) -> Vec<TargetEntry> {
        Vec::new()
    }

    fn entry(&self, _: &str) -> Option<TargetEntry> {
        None
    }

    fn resolve(&self, name: &str) -> Result<IdSet> {
        Err(crate::diag::Error::unknown::<&str>("target", name, []).help("this circuit has no targets"))
    }
}
