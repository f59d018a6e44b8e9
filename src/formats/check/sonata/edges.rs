//! The edges of a population: the nodes at their ends, their attributes, and the indices.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::columns::{About, Numbers, Seen, attribute, fold};
use super::super::{Findings, Severity, counted};
use super::index::{DIRECTIONS, Direction, Index};
use super::nodes::{all_of, attributes, storage, types_described};
use super::{Population, rules};
use crate::diag::work::Progress;
use crate::diag::{Error, Result};
use crate::formats::hdf5::{Kind, Member, Series, Truncated};
use crate::formats::sonata::edges;
use crate::model::CellTable;

const NOUN: &str = "edge";

/// A population of nodes as its edges see it.
pub(super) struct End {
    pub(super) name: String,
    pub(super) kind: String,
    /// Its cells, if they can be opened.
    pub(super) cells: Option<Arc<CellTable>>,
}

/// Checks a population.
///
/// # Errors
/// When the work was stopped.
pub(super) fn check(
    findings: &mut Findings,
    population: &Population<'_>,
    nodes: &[End],
    rows_of_edges: &dyn Fn(&str) -> Option<u64>,
) -> Result<()> {
    let (config, file) = (population.config, population.file);
    let path = format!("edges/{}", config.name);
    if let Some(error) = population.absent("edges", "edge population")? {
        return findings.error(Severity::Fatal, &config.file, &error);
    }
    let open = |name: &str| Series::open(file, &format!("{path}/{name}"));
    let ids = DIRECTIONS.each_ref().map(|d| open(d.ids));
    let [sources, targets] = ids;
    let (sources, targets) = (
        findings.take(Severity::Fatal, &config.file, sources)?,
        findings.take(Severity::Fatal, &config.file, targets)?,
    );
    let ends = [end(findings, population, nodes, 0)?, end(findings, population, nodes, 1)?];
    let Some(rows) = targets.as_ref().or(sources.as_ref()).map(Series::rows) else { return Ok(()) };
    if let (Some(sources), Some(targets)) = (&sources, &targets)
        && sources.rows() != targets.rows()
    {
        let (from, onto) =
            (counted(sources.rows() as u64, "source"), counted(targets.rows() as u64, "target"));
        findings.add(Severity::Fatal, &config.file, &path, format!("there are {from} for {onto}"));
    }
    for (side, ids) in [&sources, &targets].into_iter().enumerate() {
        let Some(ids) = ids else { continue };
        check_side(findings, population, ids, &DIRECTIONS[side], ends[side], rows)?;
    }
    check_types(findings, population, &path, rows)?;
    let from_virtual = ends[0].is_some_and(|end| end.kind == "virtual");
    let glia = [ends[0], ends[1]].iter().flatten().any(|end| end.kind == "astrocyte");
    let mut names = check_groups(findings, population, &path, rows, glia)?;
    if config.types_file.is_some() {
        names.extend(types_columns(population));
    }
    let needed = population.needed(rules::of_edges(&config.kind, from_virtual));
    let lacking: Vec<&str> = needed.into_iter().filter(|n| !names.contains(*n)).collect();
    if !lacking.is_empty() {
        let message = format!("edges of type {} lack {}", config.kind, all_of(&lacking));
        findings.add(population.lacking(), &config.file, &path, message);
    }
    check_synapses_of_glia(findings, population, &path, rows_of_edges)
}

fn types_columns(population: &Population<'_>) -> Vec<String> {
    let types =
        population.config.types_file.as_deref().map(|csv| {
            crate::formats::sonata::types::Types::read(csv, "edge_type_id", &population.config.name)
        });
    match types {
        Some(Ok(types)) => types.columns().iter().map(|c| c.0.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The population at one end: what the file says, and whether there is such a one.
fn end<'a>(
    findings: &mut Findings,
    population: &Population<'_>,
    nodes: &'a [End],
    side: usize,
) -> Result<Option<&'a End>> {
    let config = population.config;
    let ids = DIRECTIONS[side].ids;
    let place = format!("edges/{}/{ids}", config.name);
    let stated = edges::ends(&config.file, &config.name);
    let Some((source, target)) = findings.take(Severity::Fatal, &config.file, stated)? else {
        return Ok(None);
    };
    let stated = if side == 0 { source } else { target };
    let named = |name: &str| nodes.iter().find(|n| n.name == name);
    let parts: Vec<&str> = config.name.split("__").collect();
    let by_name = parts.get(side).filter(|_| parts.len() == 3).and_then(|name| named(name));
    let guess = by_name.or(if let [one] = nodes { Some(one) } else { None });
    match (stated, guess) {
        (Some(name), guess) => {
            let known = named(&name);
            if known.is_none() {
                let error = Error::unknown("node population", &name, nodes.iter().map(|n| n.name.as_str()));
                findings.error(Severity::Fatal, &config.file, &error.in_dataset(&config.file, place))?;
            }
            Ok(known.or(guess))
        }
        (None, Some(guess)) => {
            let message = format!(
                "it does not say that its ids are of `{}`: there is no `node_population`",
                guess.name
            );
            findings.add(population.lacking(), &config.file, place, message);
            Ok(Some(guess))
        }
        (None, None) => {
            let message = "it does not say to which population its ids belong: there is no `node_population`";
            findings.add(Severity::Fatal, &config.file, place, message);
            Ok(None)
        }
    }
}

/// The ids of one side, and the index over them.
fn check_side(
    findings: &mut Findings,
    population: &Population<'_>,
    ids: &Series,
    direction: &Direction,
    end: Option<&End>,
    rows: usize,
) -> Result<()> {
    let config = population.config;
    let dataset = ids.dataset();
    if !ids.element().is_unsigned() {
        let message = format!(
            "`{}` is stored as {}, not as unsigned whole numbers",
            direction.ids,
            ids.element().name()
        );
        findings.add(Severity::Warning, &config.file, dataset.path(), message);
    }
    let path = format!("edges/{}", config.name);
    let index = Index::open(findings, population.file, &path, direction, rows as u64)?;
    let known = end.and_then(|end| Some((end, end.cells.as_ref()?)));
    let steps = 2 * ids.rows() as u64 + index.as_ref().map_or(0, Index::rows);
    let progress = Progress::new("checking ids of edges", steps);
    if let Some((end, cells)) = known {
        let outside = |seen: &mut Seen, start: usize, values: &[Vec<i64>]| {
            let strange = values[0].iter().zip(start as u64..).filter(|(id, _)| cells.row_of(**id).is_none());
            strange.for_each(|(&id, row)| seen.see(row, id as f64));
        };
        let seen = fold::<Truncated, Seen>(&[(ids, 0)], &progress, outside, Seen::and);
        if let Some(seen) = findings.take(Severity::Fatal, &config.file, seen)?
            && seen.count > 0
        {
            let (of, edges, id) = (&end.name, seen.rows(NOUN), seen.id());
            let message = format!("`{of}` has no node {id}, of {edges}; {}", cells.describe_ids());
            findings.add(Severity::Fatal, &config.file, dataset.path(), message);
        }
    }
    let Some(index) = index else { return Ok(()) };
    let last = known.and_then(|(_, cells)| (0..cells.count()).map(|row| cells.id_of(row)).max());
    let checked = index.check(findings, ids, last, &progress);
    findings.take(Severity::Fatal, &config.file, checked).map(drop)
}

fn check_types(findings: &mut Findings, population: &Population<'_>, path: &str, rows: usize) -> Result<()> {
    let (config, file) = (population.config, population.file);
    let types = format!("{path}/edge_type_id");
    if file.find(&types) != Some(Member::Dataset) {
        findings.add(population.lacking(), &config.file, path, "there is no `edge_type_id`");
        return Ok(());
    }
    let dataset = file.dataset(&types).and_then(|d| d.rows());
    if let Some(found) = findings.take(Severity::Fatal, &config.file, dataset)?
        && found != rows
    {
        let message = format!("{} for {}", counted(found as u64, "type"), counted(rows as u64, NOUN));
        findings.add(Severity::Fatal, &config.file, types, message);
        return Ok(());
    }
    let described = types_described(population, "edge_type_id", &types);
    if let Some(strange) = findings.take(Severity::Fatal, &config.file, described)?
        && strange.count > 0
    {
        let (rows, id) = (strange.rows(NOUN), strange.id());
        findings.add(
            Severity::Warning,
            &config.file,
            types,
            format!("the types do not describe type {id}, of {rows}"),
        );
    }
    Ok(())
}

/// Checks all groups of attributes, and gives the names of the attributes.
fn check_groups(
    findings: &mut Findings,
    population: &Population<'_>,
    path: &str,
    rows: usize,
    glia: bool,
) -> Result<std::collections::BTreeSet<String>> {
    let (config, file) = (population.config, population.file);
    let groups = file.names(path, Member::Group);
    let groups = findings.take(Severity::Fatal, &config.file, groups)?.unwrap_or_default();
    let groups: Vec<(String, i64)> = groups
        .into_iter()
        .filter(|g| g.bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|g| Some((g.clone(), g.parse().ok()?)))
        .collect();
    if groups.is_empty() {
        let message = "there is no group of attributes (`0`)";
        findings.add(population.lacking(), &config.file, path, message);
    }
    let members = group_rows(population, path, rows, &groups);
    let Some(members) = findings.take(Severity::Fatal, &config.file, members)? else {
        return Ok(Default::default());
    };
    let mut names = std::collections::BTreeSet::new();
    for (group, number) in &groups {
        let rows = members.get(number).copied().unwrap_or(0);
        let folder = format!("{path}/{group}");
        let attributes = attributes(findings, file, &folder)?;
        names.extend(attributes.keys().cloned());
        storage(findings, file, &folder, &attributes, rules::edge_storage);
        let total =
            attributes.values().map(|a| rows as u64 * a.dataset.shape().get(1).copied().unwrap_or(1).max(1));
        let progress = Progress::new("checking edges", total.sum());
        for (name, found) in &attributes {
            let about = About { dataset: &found.dataset, name, noun: NOUN };
            let bounds = rules::edge_bounds(name, glia);
            let numbers = attribute(findings, &about, found.library.as_ref(), rows, &bounds, &progress)?;
            if let (Some(numbers), true) = (numbers, name.ends_with("_section_type")) {
                section_types(findings, &about, &numbers, glia);
            }
        }
    }
    Ok(names)
}

/// How many rows the attributes of each group must have: that of all edges for a single one.
fn group_rows(
    population: &Population<'_>,
    path: &str,
    rows: usize,
    groups: &[(String, i64)],
) -> Result<BTreeMap<i64, usize>> {
    if let [(_, only)] = groups {
        return Ok(BTreeMap::from([(*only, rows)]));
    }
    if groups.is_empty() {
        return Ok(BTreeMap::new());
    }
    let open = |name: &str| Series::open(population.file, &format!("{path}/{name}"));
    let (of, at) = (open("edge_group_id")?, open("edge_group_index")?);
    for series in [&of, &at] {
        if series.rows() != rows {
            return Err(series.dataset().error(format!(
                "{} rows for {}",
                series.rows(),
                counted(rows as u64, NOUN)
            )));
        }
    }
    let numbers: Vec<i64> = groups.iter().map(|g| g.1).collect();
    let visit = |found: &mut (Seen, Vec<usize>), start: usize, values: &[Vec<i64>]| {
        found.1.resize(numbers.len(), 0);
        for (row, (group, index)) in values[0].iter().zip(&values[1]).enumerate() {
            match numbers.iter().position(|n| n == group) {
                Some(at) if *index >= 0 && (*index as usize) < rows => {
                    found.1[at] = found.1[at].max(*index as usize + 1);
                }
                _ => found.0.see((start + row) as u64, *group as f64),
            }
        }
    };
    let merge = |a: (Seen, Vec<usize>), b: (Seen, Vec<usize>)| {
        let (mut longer, other) = if a.1.len() >= b.1.len() { (a.1, b.1) } else { (b.1, a.1) };
        longer.iter_mut().zip(other).for_each(|(a, b)| *a = (*a).max(b));
        (a.0.and(b.0), longer)
    };
    let progress = Progress::new("checking groups of edges", 2 * rows as u64);
    let (strange, found) = fold::<Truncated, _>(&[(&of, 0), (&at, 0)], &progress, visit, merge)?;
    if strange.count > 0 {
        let message = format!("group {} or its row is not there, for {}", strange.id(), strange.rows(NOUN));
        return Err(of.dataset().error(message));
    }
    Ok(numbers.into_iter().zip(found.into_iter().chain(std::iter::repeat(0))).collect())
}

/// Neurons count section types from 0 (legacy) or from 1 (specification); both at once cannot be.
fn section_types(findings: &mut Findings, about: &About<'_>, numbers: &Numbers, glia: bool) {
    let name = about.name;
    if glia || numbers.outside.count > 0 {
        return;
    }
    match (numbers.least, numbers.greatest) {
        (0.0, 4.0) => {
            let message = format!(
                "`{name}` is both 0 and 4: 1 is the soma where apical dendrites are 4, and the axon where the soma is 0"
            );
            about.tell(findings, Severity::Warning, message);
        }
        (0.0, _) => {
            let message =
                format!("`{name}` counts from 0 (soma, axon, basal, apical); the specification has 1 to 4");
            about.tell(findings, Severity::Info, message);
        }
        _ => {}
    }
}

/// `synapse_id` of edges between synapses and astrocytes: rows of another population of edges.
fn check_synapses_of_glia(
    findings: &mut Findings,
    population: &Population<'_>,
    path: &str,
    rows_of_edges: &dyn Fn(&str) -> Option<u64>,
) -> Result<()> {
    let (config, file) = (population.config, population.file);
    let dataset = format!("{path}/0/synapse_id");
    if config.kind != "synapse_astrocyte" || file.find(&dataset) != Some(Member::Dataset) {
        return Ok(());
    }
    let attribute =
        findings.take(Severity::Fatal, &config.file, file.attribute(&dataset, "edge_population"))?.flatten();
    let Some(name) = attribute.as_ref().and_then(Value::as_str) else {
        let message = "it does not say of which population its synapses are: there is no `edge_population`";
        findings.add(population.lacking(), &config.file, dataset, message);
        return Ok(());
    };
    let Some(edges) = rows_of_edges(name) else {
        let message = format!("its synapses are of `{name}`, which is no edge population of the circuit");
        findings.add(Severity::Fatal, &config.file, dataset, message);
        return Ok(());
    };
    let Ok(ids) = Series::open(file, &dataset) else { return Ok(()) };
    if ids.dataset().kind() != Kind::Int {
        return Ok(());
    }
    let outside = |seen: &mut Seen, start: usize, values: &[Vec<i64>]| {
        let strange = values[0].iter().zip(start as u64..).filter(|(id, _)| **id < 0 || **id as u64 >= edges);
        strange.for_each(|(&id, row)| seen.see(row, id as f64));
    };
    let progress = Progress::new("checking synapses of glia", ids.rows() as u64);
    let seen = fold::<Truncated, Seen>(&[(&ids, 0)], &progress, outside, Seen::and);
    if let Some(seen) = findings.take(Severity::Fatal, &config.file, seen)?
        && seen.count > 0
    {
        let (rows, id) = (seen.rows(NOUN), seen.id());
        let message = format!("`{name}` has {}, but {rows} is of its edge {id}", counted(edges, NOUN));
        findings.add(Severity::Fatal, &config.file, dataset, message);
    }
    Ok(())
}
