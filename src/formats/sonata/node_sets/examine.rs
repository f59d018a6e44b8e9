//! Everything that is wrong with node sets, instead of the first fault only.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::rule::Rule;
use super::{NodeSets, about, json};
use crate::diag::{Code, Error, Result};
use crate::model::CellTable;

/// A population of the circuit: name, type, cells.
type Population<'a> = (&'a str, &'a str, &'a Arc<CellTable>);

/// Ids that are shown of those that do not exist.
const SHOWN: usize = 5;

impl NodeSets {
    /// Reads the sets that can be read, and gives what is wrong with the others. Members are not looked up.
    ///
    /// # Errors
    /// A file that cannot be read or is not JSON.
    pub fn examine(path: &Path) -> Result<(Self, Vec<Error>)> {
        let mut faults = Vec::new();
        let mut keep = |fault| {
            faults.push(fault);
            Ok(())
        };
        let sets = Self::with_faults(&json::read(path)?, path, &mut keep)?;
        Ok((sets, faults))
    }

    /// The sets that no population can be asked for: members that do not exist, and sets that contain themselves.
    pub fn broken(&self) -> Vec<Error> {
        let mut faults = Vec::new();
        let mut rounds: BTreeSet<BTreeSet<String>> = BTreeSet::new();
        for (at, set) in self.sets.iter().enumerate() {
            let unknown =
                |member: &&String| !self.by_name.contains_key(*member) && !self.populations.contains(member);
            faults.extend(set.members.iter().filter(unknown).map(|member| self.no_member(set, member)));
            if let Err(error) = self.in_order(&[at], |_, _| Ok(())) {
                // The same round is met from each of its sets, and from those that lead into it.
                let names = error.message().rsplit(": ").next().unwrap_or_default();
                if rounds.insert(names.split(" → ").map(str::to_owned).collect()) {
                    faults.push(error);
                }
            }
        }
        faults
    }

    /// The sets that are not what they seem to be: a property that no population has, or that is compared with what it
    /// is not; ids and populations that do not exist.
    ///
    /// # Errors
    /// When the work was stopped.
    pub fn doubts(&self, populations: &[Population<'_>]) -> Result<Vec<Error>> {
        let shared = Arc::new(self.clone());
        let mut faults = Vec::new();
        for (at, set) in self.sets.iter().enumerate() {
            let mut said = Vec::new();
            for &(name, kind, cells) in populations {
                // Its own copy: what is resolved is not kept.
                match shared.of_population(name, kind, cells).mask_of(at, true) {
                    Ok(_) => said.push(None),
                    Err(error) if error.code() == Code::Cancelled => return Err(error),
                    Err(error) => said.push(Some(error)),
                }
            }
            let wrong: Vec<&Error> = said.iter().flatten().collect();
            // A property may be that of some populations only.
            let comparison = wrong.iter().find(|e| e.code() == Code::Argument);
            let nowhere = wrong.first().filter(|_| wrong.len() == said.len());
            let whole = self.in_order(&[at], |set, member| {
                if self.populations.iter().any(|p| p == member) {
                    Ok(())
                } else {
                    Err(self.no_member(set, member))
                }
            });
            if whole.is_ok() {
                faults.extend(comparison.or(nowhere).map(|e| (*e).clone()));
            }
            let mut strange = Vec::new();
            self.strangers(&set.rule, populations, &mut strange);
            faults.extend(strange.iter().map(|e| about(&set.name, e).in_file(&set.file)));
        }
        Ok(faults)
    }

    /// Ids and populations that a rule names and that do not exist.
    fn strangers(&self, rule: &Rule, populations: &[Population<'_>], found: &mut Vec<Error>) {
        match rule {
            Rule::All(rules) => {
                let bound = rules.iter().find_map(|r| match r {
                    Rule::Population(names) => Some(names),
                    _ => None,
                });
                let mine = populations.iter().filter(|p| bound.is_none_or(|names| names.contains(p.0)));
                let mine: Vec<Population<'_>> = mine.copied().collect();
                rules.iter().for_each(|rule| self.strangers(rule, &mine, found));
            }
            Rule::Any(rules) => rules.iter().for_each(|rule| self.strangers(rule, populations, found)),
            Rule::Not(rule) => self.strangers(rule, populations, found),
            Rule::Population(names) => {
                for name in names.iter().filter(|name| !self.populations.contains(name)) {
                    found.push(Error::unknown("population", name, &self.populations));
                }
            }
            Rule::Ids(ids) if !populations.is_empty() => {
                let gone = ids.iter().filter(|&&id| populations.iter().all(|p| p.2.row_of(id).is_none()));
                let gone: BTreeSet<i64> = gone.copied().collect();
                if gone.is_empty() {
                    return;
                }
                let shown: Vec<String> = gone.iter().take(SHOWN).map(i64::to_string).collect();
                let names: Vec<&str> = populations.iter().map(|p| p.0).collect();
                let more = if gone.len() > SHOWN {
                    format!(" and {} more", gone.len() - SHOWN)
                } else {
                    String::new()
                };
                found.push(Error::argument(format!(
                    "there is no node {}{more} in {}",
                    shown.join(", "),
                    names.join(", ")
                )));
            }
            _ => {}
        }
    }
}
