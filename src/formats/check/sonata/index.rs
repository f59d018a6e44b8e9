//! The index of a population of edges against its data: every node's ranges, and every edge exactly once.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use rayon::prelude::*;

use super::super::columns::{Seen, fold};
use super::super::ledger::{Ledger, entry, spread};
use super::super::{Findings, Severity, counted};
use crate::diag::work::Progress;
use crate::diag::{Error, Result, nearest};
use crate::formats::hdf5::{File, Member, Series, Truncated};
use crate::formats::sonata::edges::open_tables;
use crate::formats::table::format_count;

/// Edges of a section of the ledger.
const SECTION: u64 = 1 << 16;
/// Sections that are looked at edge by edge, where index and data differ.
const LOOKED_AT: usize = 32;
/// Nodes whose ranges one task reads.
const NODES: usize = 1024;
/// Ranges that are read together.
const RANGES: usize = 1 << 16;

/// The way of the index to one side of the edges.
pub(super) struct Direction {
    /// The group of its tables.
    pub(super) name: &'static str,
    /// The dataset of the nodes that it is about.
    pub(super) ids: &'static str,
}

pub(super) const DIRECTIONS: [Direction; 2] = [
    Direction { name: "source_to_target", ids: "source_node_id" },
    Direction { name: "target_to_source", ids: "target_node_id" },
];

/// The name of the group of indices, and those that older writers spelt differently.
const FOLDERS: [&str; 3] = ["indices", "indicies", "incidies"];
const NODE_TABLE: &str = "node_id_to_ranges";

/// The index of one side.
pub(super) struct Index {
    nodes: Series,
    ranges: Series,
    edges: u64,
}

impl Index {
    /// Opens an index, and tells of names that only we understand.
    ///
    /// # Errors
    /// When the work was stopped. An index that is missing or damaged is a finding.
    pub(super) fn open(
        findings: &mut Findings,
        file: &File,
        group: &str,
        direction: &Direction,
        edges: u64,
    ) -> Result<Option<Self>> {
        let found = FOLDERS.iter().map(|f| format!("{group}/{f}/{}", direction.name));
        let Some(folder) = found.into_iter().find(|f| file.find(f) == Some(Member::Group)) else {
            let message =
                format!("there is no index `{}`: its questions need a scan of all edges", direction.name);
            findings.add(Severity::Warning, file.path(), group, message);
            return Ok(None);
        };
        if !folder.starts_with(&format!("{group}/{}/", FOLDERS[0])) {
            let message = format!("other programs look for the index in `{}`", FOLDERS[0]);
            findings.add(Severity::Warning, file.path(), &folder, message);
        }
        let tables = Self::tables(findings, file, &folder);
        let Some((nodes, ranges)) = findings.take(Severity::Fatal, file.path(), tables)? else {
            return Ok(None);
        };
        Ok(Some(Index { nodes, ranges, edges }))
    }

    fn tables(findings: &mut Findings, file: &File, folder: &str) -> Result<(Series, Series)> {
        let known = file.names(folder, Member::Dataset)?;
        let nodes = match known.iter().find(|n| *n == NODE_TABLE) {
            Some(name) => name,
            None => known.iter().find(|n| n.starts_with("node_id_to_range")).map_or_else(
                || {
                    let error = Error::format(format!("the index has no `{NODE_TABLE}`"))
                        .in_dataset(file.path(), folder);
                    Err(nearest(NODE_TABLE, &known)
                        .map_or(error.clone(), |n| error.help(format!("there is `{n}`"))))
                },
                |name| {
                    let message = format!(
                        "`{name}` is called `{NODE_TABLE}` in the specification; libsonata does not find it"
                    );
                    findings.add(Severity::Warning, file.path(), folder, message);
                    Ok(name)
                },
            )?,
        };
        open_tables(file, folder, nodes)
    }

    /// How many rows will be read.
    pub(super) fn rows(&self) -> u64 {
        (self.nodes.rows() + self.ranges.rows()) as u64
    }

    /// Checks the index against the ids of the edges. `last` is the greatest id of the population; `noun` what an edge is
    /// to its node.
    ///
    /// # Errors
    /// When the work was stopped, or a table is damaged.
    pub(super) fn check(
        &self,
        findings: &mut Findings,
        ids: &Series,
        last: Option<i64>,
        progress: &Progress,
    ) -> Result<()> {
        let ledger = Ledger::new(self.edges.div_ceil(SECTION) as usize);
        let walked = self.walk(progress, &|node, edges| entered(&ledger, node, edges))?;
        self.tell_walk(findings, &walked, last);
        if walked.flooded {
            return Ok(());
        }
        let visit = |(): &mut (), start: usize, nodes: &[Vec<i64>]| {
            let mut at = start as u64;
            for piece in by_section(start as u64..start as u64 + nodes[0].len() as u64) {
                let own =
                    &nodes[0][(piece.start - start as u64) as usize..][..(piece.end - piece.start) as usize];
                let sum = own.iter().fold(0u64, |sum, &node| {
                    at += 1;
                    sum.wrapping_add(entry(at - 1, spread(node as u64)))
                });
                ledger.take((piece.start / SECTION) as usize, sum);
            }
        };
        fold::<Truncated, ()>(&[(ids, 0)], progress, visit, |(), ()| ())?;
        let differing = ledger.differing();
        if differing.is_empty() { Ok(()) } else { self.explain(findings, ids, &differing) }
    }

    /// Calls `each` with all ranges of all nodes.
    fn walk(&self, progress: &Progress, each: &(dyn Fn(i64, Range<u64>) + Sync)) -> Result<Walked> {
        // A damaged index could name the same ranges, and the same edges, again and again.
        let listed = AtomicU64::new(0);
        let visited = AtomicU64::new(0);
        let flooded = || {
            listed.load(Ordering::Relaxed) > self.edges.saturating_mul(2)
                || visited.load(Ordering::Relaxed) > (self.ranges.rows() as u64).saturating_mul(2)
        };
        let starts: Vec<usize> = (0..self.nodes.rows()).step_by(NODES).collect();
        let mut walked = starts
            .into_par_iter()
            .map(|start| {
                let end = (start + NODES).min(self.nodes.rows());
                let mut walked = Walked::default();
                let mut reader = Reader { table: &self.ranges, ahead: 0..0, rows: Vec::new() };
                for ((first, last), node) in pairs(&self.nodes, start..end)?.into_iter().zip(start..) {
                    if first < 0 || last <= first {
                        continue;
                    }
                    walked.greatest = Some(node as i64);
                    let wanted = first as usize..last as usize;
                    if wanted.end > self.ranges.rows() {
                        walked.beyond.see(node as u64, last as f64);
                        continue;
                    }
                    visited.fetch_add(wanted.len() as u64, Ordering::Relaxed);
                    reader.each(wanted, |start, end| {
                        if start >= end {
                            return true;
                        }
                        if start < 0 || end as u64 > self.edges {
                            walked.outside.see(node as u64, end as f64);
                            return true;
                        }
                        listed.fetch_add((end - start) as u64, Ordering::Relaxed);
                        if flooded() {
                            return false;
                        }
                        each(node as i64, start as u64..end as u64);
                        true
                    })?;
                    if flooded() {
                        break;
                    }
                }
                progress.advance((end - start) as u64)?;
                Ok(walked)
            })
            .try_reduce(Walked::default, |a, b| Ok(a.and(b)))?;
        walked.flooded = flooded();
        progress.advance(self.ranges.rows() as u64)?;
        Ok(walked)
    }

    fn tell_walk(&self, findings: &mut Findings, walked: &Walked, last: Option<i64>) {
        let tell = |findings: &mut Findings, table: &Series, severity, message: String| {
            let dataset = table.dataset();
            findings.add(severity, dataset.file().path(), dataset.path(), message);
        };
        if walked.beyond.count > 0 {
            let (nodes, ranges) = (walked.beyond.rows("node"), counted(self.ranges.rows() as u64, "range"));
            let message = format!("of {ranges}, it names number {} for {nodes}", walked.beyond.id());
            tell(findings, &self.nodes, Severity::Fatal, message);
        }
        if walked.outside.count > 0 {
            let (nodes, edges) = (walked.outside.rows("node"), counted(self.edges, "edge"));
            let message = format!("a range ends at {}, and there are {edges}: {nodes}", walked.outside.id());
            tell(findings, &self.ranges, Severity::Fatal, message);
        }
        if walked.flooded {
            let message =
                format!("it lists more than twice the {} that there are", counted(self.edges, "edge"));
            tell(findings, &self.nodes, Severity::Fatal, message);
        }
        let rows = self.nodes.rows() as i64;
        match last {
            Some(last) if rows <= last => {
                let message = format!(
                    "the index ends before node {}, and the nodes go up to {last}",
                    format_count(rows as u64)
                );
                tell(findings, &self.nodes, Severity::Info, message);
            }
            Some(last) if walked.greatest.is_some_and(|node| node > last) => {
                let message = format!(
                    "it lists edges of node {}, and the nodes go up to {last}",
                    walked.greatest.unwrap_or_default()
                );
                tell(findings, &self.nodes, Severity::Fatal, message);
            }
            _ => {}
        }
    }

    /// Looks at some of the sections in which index and data differ, edge by edge.
    fn explain(&self, findings: &mut Findings, ids: &Series, differing: &[usize]) -> Result<()> {
        let looked_at = &differing[..differing.len().min(LOOKED_AT)];
        let claims = Claims::new(looked_at);
        self.walk(&Progress::new("comparing the index", self.rows()), &|node, edges| {
            claims.enter(node, edges);
        })?;
        let mut wrong = Wrong::default();
        for (slot, &section) in looked_at.iter().enumerate() {
            let first = section as u64 * SECTION;
            let nodes =
                ids.read::<Truncated>(first as usize..(first + SECTION).min(self.edges) as usize, 0)?;
            for (&node, at) in nodes.iter().zip(0..) {
                wrong.see(first + at as u64, node, claims.of(slot, at));
            }
        }
        let dataset = self.nodes.dataset();
        let place = dataset.path().rsplit_once('/').map_or(dataset.path(), |(folder, _)| folder);
        let more = if differing.len() > looked_at.len() { "at least " } else { "" };
        for (seen, what) in [
            (wrong.foreign, "listed for another node"),
            (wrong.missing, "not listed"),
            (wrong.twice, "listed more than once"),
        ] {
            if seen.0.count == 0 {
                continue;
            }
            let (count, first) = (counted(seen.0.count, "edge"), format_count(seen.0.row()));
            let of = match seen.1 {
                Some((claimed, node)) if claimed != node && claimed >= 0 => {
                    format!("edge {first} is listed for node {claimed}, its `{}` is {node}", last_name(ids))
                }
                Some((_, node)) => format!("the first is edge {first}, of node {node}"),
                None => format!("the first is edge {first}"),
            };
            let message = format!("{more}{count} {what}: {of}");
            findings.add(Severity::Fatal, dataset.file().path(), place, message);
        }
        Ok(())
    }
}

fn last_name(series: &Series) -> &str {
    let path = series.dataset().path();
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Some rows of a table of two columns.
fn pairs(table: &Series, rows: Range<usize>) -> Result<Vec<(i64, i64)>> {
    let firsts = table.read::<Truncated>(rows.clone(), 0)?;
    let seconds = table.read::<Truncated>(rows, 1)?;
    Ok(firsts.into_iter().zip(seconds).collect())
}

/// Edges, section by section.
fn by_section(edges: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut start = edges.start;
    std::iter::from_fn(move || {
        let end = edges.end.min((start / SECTION + 1) * SECTION);
        let piece = start..end;
        start = end;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Enters the edges of a range for a node.
fn entered(ledger: &Ledger, node: i64, edges: Range<u64>) {
    let spread = spread(node as u64);
    for piece in by_section(edges) {
        let section = (piece.start / SECTION) as usize;
        ledger.add(section, piece.fold(0u64, |sum, edge| sum.wrapping_add(entry(edge, spread))));
    }
}

/// Reads ranges: ahead, where they are asked for in the order of the file.
struct Reader<'a> {
    table: &'a Series,
    ahead: Range<usize>,
    rows: Vec<(i64, i64)>,
}

impl Reader<'_> {
    /// Calls `each` with start and end of some ranges, until it answers with false.
    fn each(&mut self, mut wanted: Range<usize>, mut each: impl FnMut(i64, i64) -> bool) -> Result<()> {
        while !wanted.is_empty() {
            if wanted.start < self.ahead.start || wanted.start >= self.ahead.end {
                let in_order = wanted.start == self.ahead.end;
                let length = if in_order { RANGES } else { wanted.len().min(RANGES) };
                let end = wanted.start.saturating_add(length).min(self.table.rows());
                self.ahead = wanted.start..end;
                self.rows = pairs(self.table, self.ahead.clone())?;
                crate::diag::work::check()?;
            }
            let end = wanted.end.min(self.ahead.end);
            for &(first, last) in &self.rows[wanted.start - self.ahead.start..end - self.ahead.start] {
                if !each(first, last) {
                    return Ok(());
                }
            }
            wanted.start = end;
        }
        Ok(())
    }
}

/// What a walk over an index met.
#[derive(Clone, Copy, Default)]
struct Walked {
    /// Nodes whose ranges are beyond the table of ranges.
    beyond: Seen,
    /// Nodes with a range beyond the edges.
    outside: Seen,
    /// The greatest node that has edges.
    greatest: Option<i64>,
    /// It lists so much that the walk was given up.
    flooded: bool,
}

impl Walked {
    fn and(self, other: Self) -> Self {
        Walked {
            beyond: self.beyond.and(other.beyond),
            outside: self.outside.and(other.outside),
            greatest: self.greatest.max(other.greatest),
            flooded: self.flooded || other.flooded,
        }
    }
}

/// For which node the index lists the edges of a few sections.
struct Claims {
    slots: std::collections::HashMap<usize, usize>,
    nodes: Vec<AtomicI64>,
}

/// No node, and more than one.
const NOBODY: i64 = -1;
const SEVERAL: i64 = -2;

impl Claims {
    fn new(sections: &[usize]) -> Self {
        let nodes = (0..sections.len() * SECTION as usize).map(|_| AtomicI64::new(NOBODY)).collect();
        Claims { slots: sections.iter().enumerate().map(|(slot, &section)| (section, slot)).collect(), nodes }
    }

    fn enter(&self, node: i64, edges: Range<u64>) {
        for piece in by_section(edges) {
            let Some(slot) = self.slots.get(&((piece.start / SECTION) as usize)) else { continue };
            for edge in piece {
                let at = slot * SECTION as usize + (edge % SECTION) as usize;
                let free =
                    self.nodes[at].compare_exchange(NOBODY, node, Ordering::Relaxed, Ordering::Relaxed);
                if free.is_err() {
                    self.nodes[at].store(SEVERAL, Ordering::Relaxed);
                }
            }
        }
    }

    fn of(&self, slot: usize, at: usize) -> i64 {
        self.nodes[slot * SECTION as usize + at].load(Ordering::Relaxed)
    }
}

/// Edges that an index lists wrongly, with the node that it names for the first one, and its own.
#[derive(Default)]
struct Wrong {
    foreign: (Seen, Option<(i64, i64)>),
    missing: (Seen, Option<(i64, i64)>),
    twice: (Seen, Option<(i64, i64)>),
}

impl Wrong {
    fn see(&mut self, edge: u64, node: i64, claimed: i64) {
        let kind = match claimed {
            NOBODY => &mut self.missing,
            SEVERAL => &mut self.twice,
            _ if claimed != node => &mut self.foreign,
            _ => return,
        };
        kind.0.see(edge, 0.0);
        kind.1.get_or_insert((claimed, node));
    }
}
