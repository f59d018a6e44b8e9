//! `neurhai doc`, and the pages of the reference: both come from the registry.

use std::fmt::Write;

use crate::diag::{Error, Result};
use crate::script::registry::{Entry, entries};

/// The registry, filled.
fn words() -> Vec<Entry> {
    crate::script::engine();
    entries()
}

/// The order of the pages.
const TYPES: &[(&str, &str)] = &[
    ("", "Functions"),
    ("Circuit", "A reconstructed circuit."),
    ("Cells", "A group of cells; also a table with one row a cell, with all verbs of Table."),
    ("Synapses", "Synapses; a lazy table with one row a synapse, with all verbs of Table."),
    ("Table", "Everything that has rows."),
    ("Grouped", "Groups of rows: what `by` gives."),
    ("Pathway", "The connections from a group of cells to another."),
    ("Pathways", "All pathways between the values of a cell property."),
    ("Projection", "Synapses that come from outside."),
    ("Targets", "Named groups, opened by themselves."),
    ("Matrix", "A sparse matrix, presynaptic cells by postsynaptic cells."),
    ("Region", "A region of space."),
    ("Figure", "What is drawn."),
];

/// The reference as one page of Markdown.
pub fn reference() -> String {
    let words = words();
    let mut page = String::from(
        "# Reference\n\nGenerated from the registry of the language (`neurhai doc`); do not edit. Each example runs on \
         the demonstration circuit, bound to `circuit`; `sonata` is the same circuit in SONATA's format.\n",
    );
    for (name, about) in TYPES {
        let own: Vec<&Entry> = words.iter().filter(|e| e.on == *name).collect();
        if own.is_empty() {
            continue;
        }
        let title = if name.is_empty() { *about } else { *name };
        let _ = write!(page, "\n## {title}\n");
        if !name.is_empty() {
            let _ = write!(page, "\n{about}\n");
        }
        for entry in own {
            let _ = write!(
                page,
                "\n### `{}`\n\n{}\n\n```rhai\n{}\n```\n",
                entry.signature, entry.doc, entry.example
            );
        }
    }
    page
}

/// Shows all words, or one.
pub(super) fn show(name: Option<&str>) -> Result<()> {
    let words = words();
    let Some(name) = name else {
        for entry in &words {
            let owner = if entry.on.is_empty() { String::new() } else { format!("{}.", entry.on) };
            println!("{owner}{}", entry.signature);
        }
        return Ok(());
    };
    let found: Vec<&Entry> = words.iter().filter(|e| e.name == name || e.on == name).collect();
    if found.is_empty() {
        let mut known: Vec<&str> = words.iter().map(|e| e.name).collect();
        known.extend(TYPES.iter().map(|t| t.0));
        known.sort_unstable();
        known.dedup();
        return Err(Error::unknown("word", name, known));
    }
    for entry in found {
        let owner = if entry.on.is_empty() { String::new() } else { format!("{}.", entry.on) };
        println!("{owner}{}\n  {}\n  example: {}\n", entry.signature, entry.doc, entry.example);
    }
    Ok(())
}
