//! `neurhai check`: what is wrong with a circuit.

use std::path::Path;

use rhai::Dynamic;

use super::screen;
use crate::diag::Result;
use crate::formats::check::{Finding, Severity, check};
use crate::formats::paths::PathMap;
use crate::script::{Screen, findings_table};

/// Checks a circuit, prints what was found, and gives the exit status: 1 when something is fatal.
pub(super) fn run(path: &Path, json: bool) -> Result<u8> {
    let findings = check(path, &PathMap::default())?;
    if json || !findings.is_empty() {
        let table = Dynamic::from(findings_table(&findings)?);
        // Every finding, and each of them whole.
        screen::print_in(&table, json, &Screen { rows: usize::MAX, width: 0, ..screen::size() })?;
    }
    screen::end_progress();
    eprintln!("{}", summary(path, &findings));
    let fatal = findings.iter().any(|f| f.severity == Severity::Fatal);
    Ok(u8::from(fatal))
}

/// One line: how much was found.
fn summary(path: &Path, findings: &[Finding]) -> String {
    let count = |severity| findings.iter().filter(|f| f.severity == severity).count();
    let counts: Vec<String> = [Severity::Fatal, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| (count(severity), severity.name()))
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    let found = if counts.is_empty() { "nothing is wrong".to_owned() } else { counts.join(", ") };
    format!("{}: {found}", path.display())
}
