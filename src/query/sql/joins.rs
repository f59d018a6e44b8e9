//! FROM: relations, and how they are joined.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlparser::ast;

use super::expr::Scope;
use super::names::{Relation, Via};
use super::{Tables, place, select, unsupported};
use crate::diag::{Error, Result};
use crate::model::{Link, Schema};
use crate::query::{BinaryOp, Expr, JoinKind, Named, Table};

/// The prefix of the right side's columns while the ON of a join is read.
const RIGHT: &str = "#right";

/// The rows of FROM, with the joins; the scope learns what names mean.
pub(super) fn from(
    body: &ast::Select,
    order: &[ast::OrderByExpr],
    scope: &mut Scope,
    tables: &dyn Tables,
) -> Result<Table> {
    let (first, rest) = match body.from.as_slice() {
        [] => return Err(Error::script("SQL: a SELECT needs a FROM")),
        [first, rest @ ..] => (first, rest),
    };
    if !rest.is_empty() {
        return Err(unsupported("a list of tables: write JOIN … ON instead, which", ""));
    }
    let (mut table, name) = relation(&first.relation, tables)?;
    scope.relations.push(Relation { name, schema: table.schema().clone(), via: Via::Same });
    let wanted = if first.joins.is_empty() { HashSet::new() } else { words_of(body, order) };
    for join in &first.joins {
        table = joined(table, join, &wanted, scope, tables)?;
    }
    Ok(table)
}

/// A table and the name by which its columns may be qualified.
fn relation(factor: &ast::TableFactor, tables: &dyn Tables) -> Result<(Table, String)> {
    let alias = |alias: &Option<ast::TableAlias>| match alias {
        Some(alias) if !alias.columns.is_empty() => {
            Err(unsupported("a list of column names after an alias", ""))
        }
        Some(alias) => Ok(Some(alias.name.value.clone())),
        None => Ok(None),
    };
    match factor {
        ast::TableFactor::Table {
            name,
            alias: a,
            args: None,
            sample: None,
            version: None,
            json_path: None,
            ..
        } => {
            let name = super::plain(name);
            Ok((tables.table(&name)?, alias(a)?.unwrap_or(name)))
        }
        ast::TableFactor::Derived { lateral: false, subquery, alias: a, sample: None } => {
            Ok((select::query(subquery, tables)?, alias(a)?.unwrap_or_default()))
        }
        other => Err(unsupported(format!("`{other}` in FROM"), &place(other))),
    }
}

/// One more relation beside a table.
fn joined(
    table: Table,
    join: &ast::Join,
    wanted: &HashSet<String>,
    scope: &mut Scope,
    tables: &dyn Tables,
) -> Result<Table> {
    let (kind, constraint) = kind_of(join)?;
    let (right, name) = relation(&join.relation, tables)?;
    if scope.relations.iter().any(|r| r.name.eq_ignore_ascii_case(&name)) {
        return Err(Error::argument(format!("SQL: two tables are called `{name}`"))
            .help(format!("give one of them another name: JOIN {name} AS other ON …")));
    }
    let schema = right.schema().clone();
    let merged = match constraint {
        ast::JoinConstraint::Using(names) => names.iter().map(super::plain).collect(),
        _ => Vec::new(),
    };
    let on = match constraint {
        ast::JoinConstraint::On(e) => {
            // While ON is read, the right side's columns stand behind a prefix.
            let via = Via::Link(RIGHT.to_owned());
            scope.relations.push(Relation { name: name.clone(), schema: schema.clone(), via });
            let on = scope.expr(e);
            scope.relations.pop();
            parts_of(on?)?
        }
        ast::JoinConstraint::Using(_) => using(&merged, scope)?,
        _ => return Err(unsupported("a JOIN without ON or USING", "")),
    };
    if let Some((path, inner)) = linked(&table, &schema, &on, kind) {
        // Synapses joined with cells over `pre` or `post`: the cells' properties are in reach already.
        scope.relations.push(Relation { name, schema, via: Via::Link(path.clone()) });
        let known = Expr::IsNull(Box::new(Expr::Column(format!("{path}.id")))).negated();
        return if inner { table.filter(known) } else { Ok(table) };
    }
    beside(&table, right, name, on, &merged, kind, wanted, scope)
}

fn kind_of(join: &ast::Join) -> Result<(JoinKind, &ast::JoinConstraint)> {
    use ast::JoinOperator;
    if join.global {
        return Err(unsupported("GLOBAL JOIN", ""));
    }
    match &join.join_operator {
        JoinOperator::Join(c) | JoinOperator::Inner(c) => Ok((JoinKind::Inner, c)),
        JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => Ok((JoinKind::Left, c)),
        JoinOperator::Semi(c) | JoinOperator::LeftSemi(c) => Ok((JoinKind::Semi, c)),
        JoinOperator::Anti(c) | JoinOperator::LeftAnti(c) => Ok((JoinKind::Anti, c)),
        _ => Err(unsupported("this kind of JOIN (INNER, LEFT, SEMI and ANTI are); it", "")),
    }
}

/// What ON says: expressions of either side that are equal, conditions on the right side, and other conditions.
#[derive(Default)]
struct On {
    equal: Vec<(Expr, Expr)>,
    right: Vec<Expr>,
    both: Vec<Expr>,
}

fn parts_of(on: Expr) -> Result<On> {
    let mut parts = On::default();
    for part in on.conjuncts() {
        if let Expr::Binary(BinaryOp::Equal, a, b) = &part {
            let pair = match (sides(a), sides(b)) {
                ((true, false), (false, true)) => Some((a, b)),
                ((false, true), (true, false)) => Some((b, a)),
                _ => None,
            };
            if let Some((left, right)) = pair {
                parts.equal.push(((**left).clone(), without_prefix(right)));
                continue;
            }
        }
        match sides(&part) {
            (false, _) => parts.right.push(without_prefix(&part)),
            _ => parts.both.push(part),
        }
    }
    if parts.equal.is_empty() {
        return Err(Error::script("SQL: the ON of a JOIN says which columns are equal: ON a.x = b.y"));
    }
    Ok(parts)
}

/// Whether an expression speaks of the left side, and of the right.
fn sides(e: &Expr) -> (bool, bool) {
    let mut found = (false, false);
    e.walk(&mut |part| {
        if let Expr::Column(name) = part {
            if right_name(name).is_some() { found.1 = true } else { found.0 = true }
        }
    });
    found
}

fn right_name(column: &str) -> Option<&str> {
    column.strip_prefix(RIGHT)?.strip_prefix('.')
}

fn without_prefix(e: &Expr) -> Expr {
    e.substitute(&|name| right_name(name).map(Expr::column))
}

fn using(names: &[String], scope: &Scope) -> Result<On> {
    let equal = names.iter().map(|name| {
        let left = super::names::resolve(&[name.as_str()], &scope.relations, &[])?;
        Ok((left, Expr::column(name)))
    });
    Ok(On { equal: equal.collect::<Result<_>>()?, ..On::default() })
}

/// The link that a join follows, if it joins all cells over one, and whether rows without a cell are left out.
fn linked(table: &Table, right: &Arc<Schema>, on: &On, kind: JoinKind) -> Option<(String, bool)> {
    let [(Expr::Column(left), Expr::Column(key))] = on.equal.as_slice() else { return None };
    let link: &Link = table.schema().find(left).and_then(|via| table.schema().link_at(via))?;
    let whole = Arc::ptr_eq(right, link.cells.schema()) && right.find(key) == right.find("id");
    let plain = on.right.is_empty() && on.both.is_empty();
    (whole && plain && matches!(kind, JoinKind::Inner | JoinKind::Left))
        .then(|| (left.clone(), kind == JoinKind::Inner))
}

/// A join of any two tables. Only what the statement speaks of is read of either side.
#[allow(clippy::too_many_arguments)] // the parts of one join
fn beside(
    left: &Table,
    right: Table,
    name: String,
    on: On,
    merged: &[String],
    kind: JoinKind,
    wanted: &HashSet<String>,
    scope: &mut Scope,
) -> Result<Table> {
    if !on.both.is_empty() && kind != JoinKind::Inner {
        return Err(unsupported(
            "a condition on both sides in the ON of this JOIN (only equal columns are); it",
            "",
        ));
    }
    let schema = right.schema().clone();
    let right = on.right.into_iter().try_fold(right, |table, condition| table.filter(condition))?;
    let mut left_columns: Vec<Named> =
        spoken_of(left, wanted).iter().map(|c| left.named(c)).collect::<Result<_>>()?;
    let taken: HashSet<String> = left_columns.iter().map(|c| c.spec.name.clone()).collect();

    let mut renamed: HashMap<String, String> = HashMap::new();
    let mut right_columns: Vec<Named> = Vec::new();
    for column in spoken_of(&right, wanted) {
        let mut named = right.named(&column)?;
        if merged.contains(&column) {
            // A column of USING is one for both sides.
            if let Ok(Expr::Column(left)) = super::names::resolve(&[column.as_str()], &scope.relations, &[]) {
                renamed.insert(column, left);
                continue;
            }
        }
        if taken.contains(&named.spec.name) {
            named.spec.name = free(&format!("{name}.{column}"), &taken);
        }
        renamed.insert(column, named.spec.name.clone());
        right_columns.push(named);
    }
    // The keys stand beside the columns: those of the right side are dropped by the join.
    let mut keys = Vec::with_capacity(on.equal.len());
    for (i, (a, b)) in on.equal.into_iter().enumerate() {
        let right_key = free(&format!("#right key {i}"), &taken);
        right_columns.push(right.computed(right_key.clone(), b)?);
        let left_key = match a {
            Expr::Column(name) if taken.contains(&name) => name,
            a => {
                let key = free(&format!("#left key {i}"), &taken);
                left_columns.push(left.computed(key.clone(), a)?);
                key
            }
        };
        keys.push((left_key, right_key));
    }
    let table = left.project(left_columns)?.join(&right.project(right_columns)?, keys, kind)?;
    if matches!(kind, JoinKind::Inner | JoinKind::Left) {
        scope.relations.push(Relation { name, schema, via: Via::Renamed(renamed) });
    }
    let both = on.both.into_iter().map(|condition| {
        let relation = scope.relations.last();
        condition.substitute(&|column| {
            let name = right_name(column)?;
            relation.and_then(|r| r.column(name)).map(Expr::Column)
        })
    });
    both.collect::<Vec<_>>().into_iter().try_fold(table, |table, condition| table.filter(condition))
}

/// A name that is not taken.
fn free(name: &str, taken: &HashSet<String>) -> String {
    let mut name = name.to_owned();
    while taken.contains(&name) {
        name.push('\'');
    }
    name
}

/// The columns of a table, and the paths over its links, that a statement speaks of.
fn spoken_of(table: &Table, wanted: &HashSet<String>) -> Vec<String> {
    let columns = table.schema().columns();
    let all = wanted.contains("*");
    // What earlier joins have added is there because it is wanted.
    let spoken = |c: &&crate::model::ColumnSpec| {
        all || wanted.contains(&c.name)
            || c.aliases.iter().any(|a| wanted.contains(a))
            || c.name.contains(['.', '#'])
    };
    let own: Vec<String> = columns.iter().filter(spoken).map(|c| c.name.clone()).collect();
    let mut paths: Vec<String> = wanted
        .iter()
        .filter(|w| w.contains('.') && table.schema().find(w).is_none() && table.named(w).is_ok())
        .cloned()
        .collect();
    paths.sort();
    own.into_iter().chain(paths).collect()
}

/// Every name in a statement, with and without its qualifier; `*` for all.
fn words_of(body: &ast::Select, order: &[ast::OrderByExpr]) -> HashSet<String> {
    let mut text = body.to_string();
    for key in order {
        text.push(' ');
        text.push_str(&key.to_string());
    }
    let mut words: HashSet<String> = HashSet::new();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | ':');
    for word in text.split(|c: char| !is_name(c)).filter(|w| !w.is_empty()) {
        words.insert(word.to_owned());
        let parts: Vec<&str> = word.split('.').collect();
        for start in 1..parts.len() {
            words.insert(parts[start..].join("."));
        }
    }
    // A quoted name may hold anything.
    words.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
    let whole = |i: &ast::SelectItem| {
        matches!(i, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..))
    };
    if body.projection.iter().any(whole) {
        words.insert("*".to_owned());
    }
    words
}
