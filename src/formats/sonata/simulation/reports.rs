//! `reports`: what was recorded.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::schema::{Absent, Is, Key, check, said, text};
use crate::diag::{Error, Result};
use crate::model::ReportKind;

use Absent::{Nothing, Text, Truth, Wrong};

const TYPE: Key =
    ("type", Is::OneOf(&["compartment", "summation", "synapse", "lfp", "compartment_set"], &[]), Wrong);
const TIMES: &[Key] =
    &[("dt", Is::Positive, Wrong), ("start_time", Is::Number, Wrong), ("end_time", Is::Number, Wrong)];
const OF_ALL: &[Key] = &[
    ("cells", Is::Text, Nothing),
    ("unit", Is::Text, Text("mV")),
    ("enabled", Is::Truth, Truth(true)),
    ("file_name", Is::Text, Nothing),
];
const OF_CELLS: &[Key] = &[
    ("sections", Is::OneOf(&["soma", "axon", "dend", "apic", "all"], &[]), Text("soma")),
    ("scaling", Is::OneOf(&["area", "none"], &[]), Text("area")),
    ("compartments", Is::OneOf(&["center", "all"], &[]), Nothing),
];
/// A module of the Allen Institute, and the type that it stands for.
const OF_ALLEN: [(&str, &str); 3] =
    [("membrane_report", "compartment"), ("extracellular", "lfp"), ("multimeter_report", "compartment")];

/// Whether a report is written as only tools of the Allen Institute read it.
pub(super) fn is_of_allen(report: &Map<String, Value>) -> bool {
    said(report, "type").is_none() && said(report, "module").is_some()
}

/// What a report is told by the rest of its file.
pub(super) struct File<'a> {
    /// The section `run`.
    pub(super) run: &'a Map<String, Value>,
    /// The node set that was simulated.
    pub(super) node_set: Option<&'a Value>,
    /// Whether it is one of the Allen Institute, where reports may leave more unsaid.
    pub(super) allen: bool,
}

/// Checks a report and fills in what it does not say.
///
/// # Errors
/// Keys that are missing, wrong, or do not belong to the type of report.
pub(super) fn check_report(name: &str, report: &mut Map<String, Value>, file: &File<'_>) -> Result<()> {
    let place = &format!("report `{name}`");
    let allen = file.allen && said(report, "type").is_none();
    if allen {
        fill_as_allen(report, file.run);
    } else {
        check(report, &[TYPE], place)?;
        check(report, TIMES, place)?;
    }
    check(report, OF_ALL, place)?;
    if said(report, "cells").is_none()
        && let Some(node_set) = file.node_set
    {
        report.insert("cells".to_owned(), node_set.clone());
    }
    if !allen {
        match text(report, "type").unwrap_or_default() {
            "lfp" => check_lfp(report, place)?,
            "compartment_set" => check_set(report, place)?,
            _ => {
                forbid(report, &["compartment_set"], place, "only belongs to the type `compartment_set`")?;
                check(report, OF_CELLS, place)?;
                check_variables(report, place)?;
            }
        }
    }
    let soma = text(report, "sections") == Some("soma");
    let of_cells = !matches!(text(report, "type"), Some("lfp" | "compartment_set"));
    if of_cells && said(report, "compartments").is_none() {
        report.insert("compartments".to_owned(), if soma { "center" } else { "all" }.into());
    }
    let file = text(report, "file_name").unwrap_or(name).to_owned();
    let whole = std::path::Path::new(&file).extension().is_some_and(|extension| extension == "h5");
    report.insert("file_name".to_owned(), if whole { file } else { format!("{file}.h5") }.into());
    Ok(())
}

/// The tools of the Allen Institute take from the run what a report does not say.
fn fill_as_allen(report: &mut Map<String, Value>, run: &Map<String, Value>) {
    let module = text(report, "module").unwrap_or_default();
    let kind = OF_ALLEN.iter().find(|(known, _)| *known == module).map_or("compartment", |(_, kind)| *kind);
    report.insert("type".to_owned(), kind.into());
    for (key, of_run) in [("dt", "dt"), ("end_time", "tstop"), ("start_time", "tstart")] {
        if let (None, Some(value)) = (said(report, key), said(run, of_run)) {
            report.insert(key.to_owned(), value.clone());
        }
    }
    report.entry("start_time").or_insert_with(|| 0.0.into());
}

fn check_lfp(report: &mut Map<String, Value>, place: &str) -> Result<()> {
    forbid(
        report,
        &["variable_name"],
        place,
        "does not belong to the type `lfp`, which records `i_membrane`",
    )?;
    check(report, &[("electrodes_file", Is::Text, Wrong)], place)
}

fn check_set(report: &mut Map<String, Value>, place: &str) -> Result<()> {
    forbid(report, &["sections", "compartments"], place, "does not belong to the type `compartment_set`")?;
    check(report, &[("compartment_set", Is::Text, Wrong)], place)?;
    check(report, &OF_CELLS[1..2], place)?;
    check_variables(report, place)
}

fn forbid(report: &Map<String, Value>, keys: &[&str], place: &str, why: &str) -> Result<()> {
    match keys.iter().find(|key| said(report, key).is_some()) {
        Some(key) => Err(Error::format(format!("`{key}` of {place} {why}")).help("leave it out")),
        None => Ok(()),
    }
}

/// Names of variables, divided by commas, each with at most one point.
fn check_variables(report: &mut Map<String, Value>, place: &str) -> Result<()> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\w+(\.\w+)?$").ok());
    check(report, &[("variable_name", Is::Text, Wrong)], place)?;
    let names = text(report, "variable_name").unwrap_or_default();
    let wrong = |name: &&str| NAME.as_ref().is_some_and(|pattern| !pattern.is_match(name));
    match names.split(',').map(str::trim).find(wrong) {
        None => Ok(()),
        Some(wrong) => {
            Err(Error::format(format!("`variable_name` of {place}: `{wrong}` is no name of a variable"))
                .help("names such as `v` or `ProbAMPANMDA_EMS.g` are divided by commas"))
        }
    }
}

/// What was recorded.
pub(super) fn kind_of(report: &Map<String, Value>) -> Option<ReportKind> {
    let soma = text(report, "sections") == Some("soma") && text(report, "compartments") == Some("center");
    match text(report, "type")? {
        "synapse" => Some(ReportKind::Synapse),
        "lfp" => Some(ReportKind::Electrode),
        "compartment" | "summation" if soma => Some(ReportKind::Soma),
        _ => Some(ReportKind::Compartment),
    }
}
