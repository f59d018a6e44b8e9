//! What is wrong with a circuit: its configuration, and everything in the files that it names.
//!
//! A check goes through every row of every file once, in pieces and on all cores; what it holds in memory does not grow
//! with the number of synapses. Whatever is damaged becomes a [`Finding`], and the check goes on with the rest.
//!
//! ```no_run
//! # fn main() -> neurhai::Result<()> {
//! use neurhai::formats::check::{Severity, check};
//!
//! let findings = check("circuit_config.json".as_ref(), &Default::default())?;
//! let usable = findings.iter().all(|f| f.severity != Severity::Fatal);
//! # Ok(())
//! # }
//! ```

mod bbp;
mod columns;
mod ledger;
mod morphologies;
mod sonata;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use crate::diag::{Code, Error, Result};
use crate::formats::bbp::open::Parts;
use crate::formats::paths::{PathMap, existing, folder_of, tidy};
use crate::formats::sniff::{CIRCUITS, Kind, find_config, sniff};
use crate::formats::sonata::config::without_detours;
use crate::model::{Circuit, Format};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A part cannot be used, or answers would be wrong.
    Fatal,
    /// Everything can be used, but something is probably wrong, or other programs refuse it.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// Its name: `fatal`, `warning` or `info`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file that it is in; relative to the folder of the circuit, where it is below that.
    pub file: PathBuf,
    /// The dataset, the key or the line; empty where it is the whole file.
    pub place: String,
    /// A sentence without a full stop.
    pub message: String,
}

/// Checks the circuit at a path: a CircuitConfig, BlueConfig or `circuit_config.json`, a folder that holds one, or a
/// file of cells. The worst comes first.
///
/// # Errors
/// When there is nothing at the path, or the check was stopped. What is damaged is a finding.
pub fn check(path: &Path, path_map: &PathMap) -> Result<Vec<Finding>> {
    let path = tidy(&path_map.apply(path));
    let file = if existing(&path)?.is_dir() { find_config(&path, &CIRCUITS)? } else { path.clone() };
    let mut findings = Findings::default();
    match sniff(&file) {
        Ok(Kind::SonataCircuit | Kind::SonataSimulation) => sonata::check(&file, path_map, &mut findings)?,
        Ok(Kind::SonataNodes) => sonata::check_nodes(&file, &mut findings)?,
        Ok(Kind::CircuitConfig | Kind::BlueConfig | Kind::CircuitParts) => {
            bbp::check(&file, path_map, &mut findings)?;
        }
        // In a folder, what stands beside the cells belongs to them.
        Ok(Kind::Mvd2 | Kind::Mvd3) => bbp::check(&path, path_map, &mut findings)?,
        Ok(kind) => {
            return Err(Error::format(format!("this is {}, not a circuit", kind.name())).in_file(&file));
        }
        Err(error) => findings.error(Severity::Fatal, &file, &error)?,
    }
    Ok(findings.sorted(&folder_of(&file)))
}

/// Checks the files of a circuit that was opened.
///
/// # Errors
/// As [`check`].
pub fn check_circuit(circuit: &Circuit, path_map: &PathMap) -> Result<Vec<Finding>> {
    // A circuit of bare parts has no configuration to go by, but knows where its parts are.
    let bare = circuit.format == Format::Bbp && matches!(sniff(&circuit.path), Ok(Kind::Mvd2 | Kind::Mvd3));
    let Some(parts) = circuit.config.get("paths").filter(|_| bare).and_then(Parts::of_paths) else {
        return check(&circuit.path, path_map);
    };
    let mut findings = Findings::default();
    bbp::check_parts(&parts, &mut findings)?;
    Ok(findings.sorted(&folder_of(&circuit.path)))
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, severity: Severity, file: &Path, place: impl Into<String>, message: impl Into<String>) {
        let (place, message) = (place.into(), message.into());
        self.list.push(Finding { severity, file: file.to_owned(), place, message });
    }

    /// An error as a finding; `file` is where it is if it does not say that itself.
    ///
    /// # Errors
    /// When it tells that the work was stopped.
    fn error(&mut self, severity: Severity, file: &Path, error: &Error) -> Result<()> {
        if error.code() == Code::Cancelled {
            return Err(error.clone());
        }
        let message = std::iter::once(error.message()).chain(error.helps().iter().map(String::as_str));
        let message = message.collect::<Vec<_>>().join("; ");
        let (file, place) = match error.place() {
            None => (file, String::new()),
            Some(place) => {
                let line = place.line.map(|(line, column)| match column {
                    0 => format!("line {line}"),
                    column => format!("line {line}, column {column}"),
                });
                (place.path.as_path(), place.dataset.clone().or(line).unwrap_or_default())
            }
        };
        self.add(severity, file, place, message);
        Ok(())
    }

    /// The value, or nothing and a finding.
    ///
    /// # Errors
    /// When the work was stopped.
    fn take<T>(&mut self, severity: Severity, file: &Path, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.error(severity, file, &error).map(|()| None),
        }
    }

    /// The worst first, each once.
    fn sorted(self, folder: &Path) -> Vec<Finding> {
        let mut seen = HashSet::new();
        let mut list = self.list;
        list.retain(|f| seen.insert((f.file.clone(), f.place.clone(), f.message.clone())));
        list.sort_by_key(|f| f.severity);
        let whole =
            |path: &Path| without_detours(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        let folder = whole(folder);
        for finding in &mut list {
            let file = whole(&finding.file);
            finding.file = match file.strip_prefix(&folder) {
                Ok(below) if below.as_os_str().is_empty() => PathBuf::from("."),
                Ok(below) => below.to_owned(),
                Err(_) => file,
            };
        }
        list
    }
}

/// Whole numbers for people: 1,234,567.
fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", crate::formats::table::format_count(number))
}

/// The first few of some names, quoted, and how many there are beyond them.
fn some_of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    const SHOWN: usize = 5;
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(SHOWN).map(|n| format!("`{}`", n.as_ref())).collect();
    match names.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The distinct texts of a column.
type Texts = BTreeSet<String>;

#[cfg(test)]
mod tests;
