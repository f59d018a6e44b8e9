//! `node_sets.json`: named groups of cells, given by rules that hold for any population.
//!
//! ```text
//! { "L5":     {"layer": 5, "mtype": ["L5_TPC:A", "L5_TPC:B"]},        all of it, one of a list
//!   "deep":   {"layer": {"$gte": 5}, "mtype": {"$regex": "^L[56]_"}},  a pattern is looked for anywhere
//!   "some":   {"population": "cells", "node_id": [1, 2]},
//!   "others": {"$or": [{"$node_set": "some"}, {"$not": {"layer": 5}}]},
//!   "both":   ["L5", "some"] }                                         the cells of either
//! ```
//! The name of a population stands for all its cells, unless a set has that name. A set that is bound to another
//! population is empty, whatever else it asks for; an id that a population does not have is left out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow_buffer::BooleanBuffer;
use serde_json::Value;

use super::json;
use crate::diag::{Code, Error, Result, work};
use crate::model::{CellTable, IdSet, TargetEntry, Targets};

use self::rule::Rule;

mod columns;
mod examine;
mod rule;
#[cfg(test)]
mod tests;

/// The node sets of a circuit or a simulation, in the order of their files.
#[derive(Clone, Debug, Default)]
pub struct NodeSets {
    sets: Vec<NodeSet>,
    by_name: HashMap<String, usize>,
    populations: Vec<String>,
    /// The names that a file has, but says nothing of: `{}`. They are no sets.
    hollow: Vec<String>,
}

#[derive(Clone, Debug)]
struct NodeSet {
    name: String,
    file: Arc<Path>,
    rule: Rule,
    /// The sets that the rule names.
    members: Vec<String>,
}

impl NodeSets {
    /// Reads a file of node sets.
    ///
    /// # Errors
    /// A file that cannot be read or is not JSON (with line and column), a rule that no population can follow, and a
    /// set that contains itself (the way round is shown).
    pub fn read(path: &Path) -> Result<Self> {
        Self::of_value(&json::read(path)?, path)
    }

    /// The same for a text; `file` is where it stands.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of_json(text: &str, file: &Path) -> Result<Self> {
        Self::of_value(&json::parse(text.as_bytes(), file)?, file)
    }

    fn of_value(value: &Value, path: &Path) -> Result<Self> {
        let sets = Self::with_faults(value, path, &mut Err)?;
        let all: Vec<usize> = (0..sets.sets.len()).collect();
        sets.in_order(&all, |_, _| Ok(()))?;
        Ok(sets)
    }

    fn with_faults(value: &Value, path: &Path, faults: &mut dyn FnMut(Error) -> Result<()>) -> Result<Self> {
        let Value::Object(named) = value else {
            return Err(json::expected("a file of node sets", "a map", value).in_file(path));
        };
        let file: Arc<Path> = path.into();
        let mut sets = NodeSets::default();
        for (name, value) in named {
            if value.as_object().is_some_and(serde_json::Map::is_empty) {
                sets.hollow.push(name.clone());
                continue;
            }
            let rule = match Rule::of_set(value) {
                Ok(rule) => rule,
                Err(error) => {
                    faults(about(name, &error).in_file(path))?;
                    continue;
                }
            };
            let members = rule.members();
            sets.put(NodeSet { name: name.clone(), file: file.clone(), rule, members });
        }
        Ok(sets)
    }

    /// Adds a set; gives whether another of its name was there.
    fn put(&mut self, set: NodeSet) -> bool {
        if let Some(&known) = self.by_name.get(&set.name) {
            self.sets[known] = set;
            return true;
        }
        self.by_name.insert(set.name.clone(), self.sets.len());
        self.sets.push(set);
        false
    }

    /// The names, in the order of the files.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sets.iter().map(|s| s.name.as_str())
    }

    /// Adds the sets of `other`, which override those of the same name; gives the overridden names. A set that names
    /// an overridden one means the new one.
    pub fn update(&mut self, other: NodeSets) -> Vec<String> {
        self.add_populations(other.populations);
        self.hollow.extend(other.hollow);
        let mut overridden = Vec::new();
        for set in other.sets {
            let name = set.name.clone();
            if self.put(set) {
                overridden.push(name);
            }
        }
        overridden
    }

    /// The names of the circuit's populations, each of which stands for all its cells.
    pub fn add_populations(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if !self.populations.contains(&name) {
                self.populations.push(name);
            }
        }
    }

    /// Checks that every name that a set mentions is that of a set or of a population: without it, this is told when
    /// the set is asked for.
    ///
    /// # Errors
    /// A name that does not exist (with the nearest ones), a set that contains itself.
    pub fn check(&self) -> Result<()> {
        let all: Vec<usize> = (0..self.sets.len()).collect();
        let known = |set: &NodeSet, member: &str| {
            if self.populations.iter().any(|p| p == member) {
                Ok(())
            } else {
                Err(self.no_member(set, member))
            }
        };
        self.in_order(&all, known).map(drop)
    }

    /// The named groups of one population. `kind` is its type, such as `biophysical`.
    pub fn of_population(
        self: &Arc<Self>,
        population: &str,
        kind: &str,
        cells: &Arc<CellTable>,
    ) -> Arc<PopulationSets> {
        Arc::new(PopulationSets {
            sets: self.clone(),
            population: population.to_owned(),
            kind: kind.to_owned(),
            cells: cells.clone(),
            resolved: self.sets.iter().map(|_| OnceLock::new()).collect(),
        })
    }

    /// The sets that are needed for some of them, each after its members. A member that is no set is left to `others`.
    fn in_order(&self, roots: &[usize], others: impl Fn(&NodeSet, &str) -> Result<()>) -> Result<Vec<usize>> {
        let members = |set: usize| -> Result<std::vec::IntoIter<usize>> {
            let set = &self.sets[set];
            let mut found = Vec::with_capacity(set.members.len());
            for member in &set.members {
                match self.by_name.get(member) {
                    Some(&member) => found.push(member),
                    None => others(set, member)?,
                }
            }
            Ok(found.into_iter())
        };
        let mut state = vec![State::New; self.sets.len()];
        let mut order = Vec::new();
        let mut path = Vec::new();
        for &root in roots {
            let mut next = Some(root);
            loop {
                match next.map(|set| (set, state[set])) {
                    Some((set, State::New)) => {
                        state[set] = State::OnPath;
                        path.push((set, members(set)?));
                    }
                    Some((set, State::OnPath)) => return Err(self.round(path.iter().map(|p| p.0), set)),
                    Some((_, State::Done)) | None => {}
                }
                let Some((set, members)) = path.last_mut() else { break };
                next = members.next();
                if next.is_none() {
                    state[*set] = State::Done;
                    order.push(*set);
                    path.pop();
                }
            }
        }
        Ok(order)
    }

    /// The error for a set that contains itself.
    fn round(&self, path: impl Iterator<Item = usize>, set: usize) -> Error {
        let round = path.skip_while(|s| *s != set).chain([set]);
        let names: Vec<&str> = round.map(|s| self.sets[s].name.as_str()).collect();
        Error::format(format!("node set `{}` contains itself: {}", names[0], names.join(" → ")))
            .in_file(&self.sets[set].file)
    }

    /// The error for a name that a set mentions and that does not exist.
    fn no_member(&self, set: &NodeSet, member: &str) -> Error {
        let error = self.unknown(member, None);
        let message = format!("node set `{}` contains `{member}`, but there is no such node set", set.name);
        with_message(&error, message).in_file(&set.file)
    }

    /// The error for a name that does not exist.
    fn unknown(&self, name: &str, population: Option<&str>) -> Error {
        let populations = self.populations.iter().map(String::as_str).chain(population);
        let error = Error::unknown("node set", name, self.names().chain(populations));
        if self.hollow.iter().any(|h| h == name) {
            return error
                .help(format!("`{name}` stands in the file as `{{}}`, which says nothing of its cells"));
        }
        error
    }
}

/// How far a walk over the sets has come with one of them.
#[derive(Clone, Copy)]
enum State {
    New,
    OnPath,
    Done,
}

/// The same error, about a set.
fn about(name: &str, error: &Error) -> Error {
    with_message(error, format!("node set `{name}`: {}", error.message()))
}

fn with_message(error: &Error, message: String) -> Error {
    let renamed = Error::new(error.code(), message);
    error.helps().iter().fold(renamed, |e, help| e.help(help.clone()))
}

/// The node sets of a circuit, as they are in one of its populations.
pub struct PopulationSets {
    sets: Arc<NodeSets>,
    population: String,
    kind: String,
    cells: Arc<CellTable>,
    resolved: Vec<OnceLock<IdSet>>,
}

impl PopulationSets {
    /// As [`resolve`](Targets::resolve), except that no cell has a property that the population lacks: for a question
    /// that is put to all populations.
    ///
    /// # Errors
    /// As [`resolve`](Targets::resolve), without that of a property that does not exist.
    pub fn resolve_lenient(&self, name: &str) -> Result<IdSet> {
        self.cells_of(name, false)
    }

    fn cells_of(&self, name: &str, strict: bool) -> Result<IdSet> {
        let Some(&root) = self.sets.by_name.get(name) else {
            return self.whole(name).map(|mask| self.ids(&mask)).ok_or_else(|| self.unknown(name));
        };
        if let Some(known) = self.resolved[root].get() {
            return Ok(known.clone());
        }
        let mask = self.mask_of(root, strict)?;
        let ids = self.ids(&mask);
        Ok(if strict { self.resolved[root].get_or_init(|| ids).clone() } else { ids })
    }

    /// The cells of a set, over those of the sets that it names. A mask is kept for as long as it is needed.
    fn mask_of(&self, root: usize, strict: bool) -> Result<BooleanBuffer> {
        let order = self.sets.in_order(&[root], |set, member| match self.whole(member) {
            Some(_) => Ok(()),
            None => Err(self.sets.no_member(set, member)),
        })?;
        let mut uses: HashMap<&str, usize> = HashMap::from([(self.sets.sets[root].name.as_str(), 1)]);
        for member in order.iter().flat_map(|&set| &self.sets.sets[set].members) {
            *uses.entry(member).or_default() += 1;
        }
        let mut masks: HashMap<&str, BooleanBuffer> = HashMap::new();
        for &set in &order {
            work::check()?;
            let set = &self.sets.sets[set];
            let question = Question { asked: self, strict, masks: &masks };
            let mask = question.mask(&set.rule).map_err(|e| self.explain(set, &e))?;
            masks.insert(&set.name, mask);
            for member in &set.members {
                let left = uses.entry(member).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    masks.remove(member.as_str());
                }
            }
        }
        Ok(masks.remove(self.sets.sets[root].name.as_str()).unwrap_or_else(|| self.nobody()))
    }

    fn ids(&self, mask: &BooleanBuffer) -> IdSet {
        mask.set_indices().map(|row| self.cells.id_of(row)).collect()
    }

    /// The cells for which the name of a population stands.
    fn whole(&self, name: &str) -> Option<BooleanBuffer> {
        if name == self.population {
            Some(self.everybody())
        } else {
            self.sets.populations.iter().any(|p| p == name).then(|| self.nobody())
        }
    }

    fn everybody(&self) -> BooleanBuffer {
        BooleanBuffer::new_set(self.cells.count())
    }

    fn nobody(&self) -> BooleanBuffer {
        BooleanBuffer::new_unset(self.cells.count())
    }

    fn unknown(&self, name: &str) -> Error {
        self.sets.unknown(name, Some(&self.population))
    }

    fn explain(&self, set: &NodeSet, error: &Error) -> Error {
        about(&set.name, error)
            .help(format!("it was asked of population `{}`", self.population))
            .in_file(&set.file)
    }
}

fn entry(name: &str, file: &Path) -> TargetEntry {
    TargetEntry { name: name.to_owned(), kind: "node_set".to_owned(), file: file.to_owned() }
}

impl Targets for PopulationSets {
    fn entries(&self) -> Vec<TargetEntry> {
        self.sets.sets.iter().map(|s| entry(&s.name, &s.file)).collect()
    }

    fn entry(&self, name: &str) -> Option<TargetEntry> {
        match self.sets.by_name.get(name) {
            Some(&set) => Some(entry(name, &self.sets.sets[set].file)),
            None => self.whole(name).map(|_| entry(name, &PathBuf::from(self.cells.origin()))),
        }
    }

    fn resolve(&self, name: &str) -> Result<IdSet> {
        self.cells_of(name, true)
    }
}

/// One set, asked of one population.
struct Question<'a> {
    asked: &'a PopulationSets,
    /// Whether a property that the population lacks is an error.
    strict: bool,
    /// The cells of the sets that it names.
    masks: &'a HashMap<&'a str, BooleanBuffer>,
}

impl Question<'_> {
    /// The cells for which a rule holds.
    fn mask(&self, rule: &Rule) -> Result<BooleanBuffer> {
        let PopulationSets { population, kind, cells, .. } = self.asked;
        let all_or_none = |all: bool| if all { self.asked.everybody() } else { self.asked.nobody() };
        Ok(match rule {
            // What is bound to another population may ask for what this one lacks.
            Rule::All(rules) if rules.iter().any(|r| self.is_elsewhere(r)) => self.asked.nobody(),
            Rule::All(rules) => rules
                .iter()
                .try_fold(self.asked.everybody(), |mask, r| Ok::<_, Error>(&mask & &self.mask(r)?))?,
            Rule::Any(rules) => rules
                .iter()
                .try_fold(self.asked.nobody(), |mask, r| Ok::<_, Error>(&mask | &self.mask(r)?))?,
            Rule::Not(rule) => !&self.mask(rule)?,
            Rule::Set(name) => {
                let known = self.masks.get(name.as_str()).cloned().or_else(|| self.asked.whole(name));
                known.unwrap_or_else(|| self.asked.nobody())
            }
            Rule::Population(names) => all_or_none(names.contains(population)),
            Rule::PopulationType(kinds) => all_or_none(kinds.contains(kind)),
            Rule::Ids(ids) => {
                let mut mask = vec![false; cells.count()];
                for row in ids.iter().filter_map(|&id| cells.row_of(id)) {
                    mask[row] = true;
                }
                BooleanBuffer::from(mask)
            }
            Rule::Property(name, test) => match cells.schema().find(name) {
                Some(column) => {
                    let values = cells.column(column)?;
                    columns::passing(values.as_ref(), test).map_err(|why| {
                        Error::new(Code::Argument, format!("property `{name}` {}", why.message))
                            .help(why.help)
                    })?
                }
                None if self.strict => {
                    let names = cells.schema().columns().iter().map(|c| c.name.as_str());
                    return Err(Error::unknown("property", name, names));
                }
                None => self.asked.nobody(),
            },
        })
    }

    fn is_elsewhere(&self, rule: &Rule) -> bool {
        match rule {
            Rule::Population(names) => !names.contains(&self.asked.population),
            Rule::PopulationType(kinds) => !kinds.contains(&self.asked.kind),
            _ => false,
        }
    }
}
