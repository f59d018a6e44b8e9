//! node_sets.json, from the named groups of a circuit.
//!
//! A target that consists of other targets becomes a set of those sets, any other one a list of nodes. A list belongs
//! to one population, so a target with cells and fibres becomes two lists, and a set of both.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::diag::{Result, work};
use crate::formats::write::AtomicFile;
use crate::formats::write::circuit::{Population, listed};
use crate::model::Targets;

/// How many sets may stand in each other. libsonata stops at 10.
const DEEPEST: usize = 8;

/// The kinds of groups that are groups of cells.
const KINDS: [&str; 2] = ["Cell", "node_set"];

/// Writes the groups. What cannot be written is left out, and told.
pub(super) fn write(
    path: &Path,
    targets: &dyn Targets,
    populations: &[Population],
    notes: &mut Vec<String>,
) -> Result<()> {
    let mut names = Vec::new();
    let mut others = Vec::new();
    for entry in targets.entries() {
        work::check()?;
        if !KINDS.contains(&entry.kind.as_str()) {
            others.push(entry.name);
        } else if let Err(error) = targets.resolve(&entry.name) {
            notes.push(format!("target `{}` is left out: {}", entry.name, error.message()));
        } else {
            names.push(entry.name);
        }
    }
    if !others.is_empty() {
        notes.push(format!("targets of sections or synapses are left out: {}", listed(&others)));
    }
    let shared = names.iter().filter(|name| populations.iter().any(|p| p.name() == *name));
    let shared: Vec<String> = shared.cloned().collect();
    if !shared.is_empty() {
        let names = listed(&shared);
        notes.push(format!("targets named like a population, for which readers may take it: {names}"));
    }
    let mut sets = Sets { file: AtomicFile::create(path)?, first: true };
    let mut nesting = Nesting::new(targets, &names);
    let mut strangers = Vec::new();
    for name in &names {
        work::check()?;
        if let Some(parts) = nesting.parts(name)? {
            sets.put(name, &json!(parts))?;
            continue;
        }
        let ids = targets.resolve(name)?;
        let members: Vec<(&Population, Vec<u64>)> = populations
            .iter()
            .map(|population| {
                (population, ids.sorted().iter().filter_map(|&id| population.place(id)).collect())
            })
            .filter(|(_, nodes): &(_, Vec<u64>)| !nodes.is_empty())
            .collect();
        if ids.sorted().iter().any(|&id| populations.iter().all(|p| p.place(id).is_none())) {
            strangers.push(name.clone());
        }
        match members.as_slice() {
            [] => sets.put(name, &json!({"node_id": [], "population": populations[0].name()}))?,
            [(population, nodes)] => sets.put(name, &rule(population, nodes))?,
            several => {
                let mut parts = Vec::new();
                for (population, nodes) in several {
                    let part = free(&format!("{name}@{}", population.name()), &nesting.known);
                    sets.put(&part, &rule(population, nodes))?;
                    nesting.known.insert(part.clone());
                    parts.push(part);
                }
                sets.put(name, &json!(parts))?;
            }
        }
    }
    if !strangers.is_empty() {
        let names = listed(&strangers);
        notes.push(format!("cells of these targets are in no population, and left out: {names}"));
    }
    sets.finish()
}

/// The rule for some nodes of a population, which are ascending.
fn rule(population: &Population, nodes: &[u64]) -> Value {
    if nodes.len() as u64 == population.count() {
        json!({"population": population.name()})
    } else {
        json!({"node_id": nodes, "population": population.name()})
    }
}

/// A name that is not taken.
fn free(name: &str, taken: &HashSet<String>) -> String {
    let mut free = name.to_owned();
    while taken.contains(&free) {
        free.push('_');
    }
    free
}

/// The file, a set a line.
struct Sets {
    file: AtomicFile,
    first: bool,
}

impl Sets {
    fn put(&mut self, name: &str, rule: &Value) -> Result<()> {
        let start = if self.first { "{\n" } else { ",\n" };
        self.first = false;
        let written = write!(self.file, "{start}  {}: {rule}", json!(name));
        written.map_err(|e| self.file.fault(&e))
    }

    fn finish(mut self) -> Result<()> {
        let end = if self.first { "{}\n" } else { "\n}\n" };
        self.file.write_all(end.as_bytes()).map_err(|e| self.file.fault(&e))?;
        self.file.commit()
    }
}

/// Which targets become sets of sets.
struct Nesting<'a> {
    targets: &'a dyn Targets,
    /// All names of sets.
    known: HashSet<String>,
    /// For each target that was looked at: its parts, and how many sets stand in each other below it.
    seen: HashMap<String, (Option<Vec<String>>, usize)>,
}

impl<'a> Nesting<'a> {
    fn new(targets: &'a dyn Targets, names: &[String]) -> Self {
        Nesting { targets, known: names.iter().cloned().collect(), seen: HashMap::new() }
    }

    /// The sets that a target becomes a set of; `None` where it becomes a list.
    fn parts(&mut self, name: &str) -> Result<Option<Vec<String>>> {
        let mut open = vec![name.to_owned()];
        while let Some(top) = open.last().cloned() {
            if self.seen.contains_key(&top) {
                open.pop();
                continue;
            }
            let parts = self.targets.parts(&top)?;
            // A part that became no set, or stands in itself, cannot be named.
            let named = |part: &String| self.known.contains(part) && !open.contains(part);
            let parts = parts.filter(|parts| parts.iter().all(named));
            let ahead: Vec<String> =
                parts.iter().flatten().filter(|part| !self.seen.contains_key(*part)).cloned().collect();
            if !ahead.is_empty() {
                open.extend(ahead.into_iter().take(1));
                continue;
            }
            let depth = parts.iter().flatten().map(|part| self.seen[part].1 + 1).max().unwrap_or(0);
            let kept = if depth > DEEPEST { (None, 0) } else { (parts, depth) };
            self.seen.insert(top, kept);
        }
        Ok(self.seen.get(name).and_then(|(parts, _)| parts.clone()))
    }
}
