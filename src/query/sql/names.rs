//! What names mean in a statement: the relations of its FROM and their columns.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diag::{Error, Result};
use crate::model::Schema;
use crate::query::Expr;
use crate::query::bind::{Resolved, resolve as find, spec_of};

/// One table of FROM, and how its columns are reached in the table that the joins have made.
pub(super) struct Relation {
    /// Its name or alias; empty for a sub-select without one.
    pub(super) name: String,
    /// Its own columns.
    pub(super) schema: Arc<Schema>,
    pub(super) via: Via,
}

/// How the columns of a relation are reached.
pub(super) enum Via {
    /// Under their own names.
    Same,
    /// Under others, since a table before it has columns of the same names.
    Renamed(HashMap<String, String>),
    /// Over a link from a column of ids: `pre` reaches the cells.
    Link(String),
}

impl Relation {
    /// The column of the joined table that a name means, if this relation has such a column.
    pub(super) fn column(&self, name: &str) -> Option<String> {
        let found = find(name, &self.schema).ok()?;
        match &self.via {
            Via::Same => Some(name.to_owned()),
            Via::Link(path) => Some(format!("{path}.{name}")),
            Via::Renamed(names) => match found {
                Resolved::Own(index) => names.get(&self.schema.columns()[index].name).cloned(),
                Resolved::Linked { .. } => names.get(name).cloned(),
            },
        }
    }

    /// All columns for `*`, with the names that they have in the output.
    pub(super) fn all(&self, qualified: bool) -> Vec<(String, String)> {
        let names = self.schema.columns().iter().map(|c| c.name.clone());
        names
            .filter_map(|name| {
                let column = self.column(&name)?;
                let shown =
                    if qualified && !self.name.is_empty() { format!("{}.{name}", self.name) } else { name };
                Some((shown, column))
            })
            .collect()
    }

    /// As an error writes a column of it.
    fn written(&self, name: &str) -> String {
        if self.name.is_empty() { name.to_owned() } else { format!("{}.{name}", self.name) }
    }
}

/// The column (or computed output) that some words mean.
pub(super) fn resolve(words: &[&str], relations: &[Relation], outputs: &[(String, Expr)]) -> Result<Expr> {
    let whole = words.join(".");
    if relations.is_empty() {
        return Ok(Expr::Column(whole));
    }
    if let [qualifier, rest @ ..] = words
        && !rest.is_empty()
        && let Some(relation) = relations.iter().find(|r| r.name.eq_ignore_ascii_case(qualifier))
    {
        let name = rest.join(".");
        let known = relation.schema.reachable_names();
        return match relation.column(&name) {
            Some(column) => Ok(Expr::Column(column)),
            None => Err(Error::unknown(&format!("column in `{qualifier}` called"), &name, known)),
        };
    }
    let mut found: Vec<(&Relation, String)> = Vec::new();
    for relation in relations {
        if let Some(column) = relation.column(&whole)
            && !found.iter().any(|(_, known)| *known == column)
        {
            found.push((relation, column));
        }
    }
    match found.as_slice() {
        [(_, column)] => Ok(Expr::Column(column.clone())),
        [] => match outputs.iter().find(|(name, _)| *name == whole) {
            Some((_, expr)) => Ok(expr.clone()),
            None => Err(unknown(&whole, relations)),
        },
        several => {
            let ways: Vec<String> = several.iter().map(|(r, _)| format!("`{}`", r.written(&whole))).collect();
            Err(Error::argument(format!("SQL: `{whole}` stands in more than one table"))
                .help(format!("write {}", ways.join(" or "))))
        }
    }
}

fn unknown(name: &str, relations: &[Relation]) -> Error {
    if let [one] = relations
        && let Err(error) = spec_of(name, &one.schema)
    {
        return error;
    }
    Error::unknown("column", name, relations.iter().flat_map(|r| r.schema.reachable_names()))
}
