//! A SELECT as a lazy table.

use sqlparser::ast;

use super::expr::Scope;
use super::joins::from;
use super::names::{Relation, Via};
use super::{Tables, unsupported};
use crate::diag::{Error, Result};
use crate::model::IdSet;
use crate::query::{Aggregate, Expr, SortKey, Table};

/// Runs a query.
pub(super) fn query(query: &ast::Query, tables: &dyn Tables) -> Result<Table> {
    let Some(with) = &query.with else { return body(query, &query.body, tables) };
    if with.recursive {
        return Err(unsupported("WITH RECURSIVE", ""));
    }
    let mut named = Named { outer: tables, tables: Vec::new() };
    for part in &with.cte_tables {
        if !part.alias.columns.is_empty() {
            return Err(unsupported("a list of column names after the name of a WITH", ""));
        }
        let table = self::query(&part.query, &named)?;
        named.tables.push((part.alias.name.value.clone(), table));
    }
    body(query, &query.body, &named)
}

/// The tables that WITH has named, in front of those there are.
struct Named<'a> {
    outer: &'a dyn Tables,
    tables: Vec<(String, Table)>,
}

impl Tables for Named<'_> {
    fn table(&self, name: &str) -> Result<Table> {
        match self.tables.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, table)) => Ok(table.clone()),
            None => self.outer.table(name),
        }
    }

    fn group(&self, name: &str) -> Result<IdSet> {
        self.outer.group(name)
    }
}

fn body(query: &ast::Query, body: &ast::SetExpr, tables: &dyn Tables) -> Result<Table> {
    let limited = query.fetch.is_some() || !query.pipe_operators.is_empty();
    for (present, what) in [
        (limited, "FETCH: use LIMIT, which"),
        (!query.locks.is_empty() || query.for_clause.is_some(), "FOR"),
        (query.settings.is_some() || query.format_clause.is_some(), "SETTINGS or FORMAT"),
    ] {
        if present {
            return Err(unsupported(what, ""));
        }
    }
    let order: &[ast::OrderByExpr] = match query.order_by.as_ref().map(|o| &o.kind) {
        None => &[],
        Some(ast::OrderByKind::Expressions(keys)) => keys,
        Some(ast::OrderByKind::All(_)) => return Err(unsupported("ORDER BY ALL", "")),
    };
    let window = window(query)?;
    match body {
        ast::SetExpr::Select(one) => select(one, order, window, tables),
        other => {
            let table = combined(other, tables)?;
            let relation = Relation { name: String::new(), schema: table.schema().clone(), via: Via::Same };
            let mut scope = Scope::new(tables);
            let items = relation.all(false).into_iter().map(|(name, c)| Item { name, expr: Expr::Column(c) });
            let items: Vec<Item> = items.collect();
            scope.relations.push(relation);
            let sort = sort_keys(order, &items, &mut scope)?;
            finish(&table, items, sort, false, window.0, window.1)
        }
    }
}

/// A part of a UNION, or a query in brackets.
fn combined(set: &ast::SetExpr, tables: &dyn Tables) -> Result<Table> {
    match set {
        ast::SetExpr::Select(one) => select(one, &[], (0, None), tables),
        ast::SetExpr::Query(inner) => query(inner, tables),
        ast::SetExpr::SetOperation { op: ast::SetOperator::Union, set_quantifier, left, right } => {
            let all = match set_quantifier {
                ast::SetQuantifier::All => true,
                ast::SetQuantifier::None | ast::SetQuantifier::Distinct => false,
                other => return Err(unsupported(format!("UNION {other}"), "")),
            };
            let (left, right) = (combined(left, tables)?, combined(right, tables)?);
            let names = |t: &Table| t.schema().columns().iter().map(|c| c.name.clone()).collect::<Vec<_>>();
            let (own, other) = (names(&left), names(&right));
            if own.len() != other.len() {
                let (own, other) = (own.len(), other.len());
                return Err(Error::argument(format!(
                    "SQL: the parts of a UNION have {own} and {other} columns"
                )));
            }
            // Columns of a UNION go by their places; the names are those of the first part.
            let renamed: Vec<(String, String)> = other.into_iter().zip(own).filter(|(a, b)| a != b).collect();
            let both = left.concat(&right.rename(&renamed)?)?;
            if all { Ok(both) } else { both.distinct(&[]) }
        }
        ast::SetExpr::SetOperation { op, .. } => Err(unsupported(op, "")),
        _ => Err(unsupported("this statement", "")),
    }
}

/// How many rows to skip, and how many to give.
fn window(query: &ast::Query) -> Result<(usize, Option<usize>)> {
    let number = |e: &ast::Expr| match e {
        ast::Expr::Value(v) => v.value.to_string().parse::<usize>().ok(),
        _ => None,
    };
    let number = |e: &ast::Expr| {
        number(e).ok_or_else(|| Error::argument(format!("SQL: `{e}` is not a number of rows")))
    };
    match &query.limit_clause {
        None => Ok((0, None)),
        Some(ast::LimitClause::LimitOffset { limit_by, .. }) if !limit_by.is_empty() => {
            Err(unsupported("LIMIT … BY", ""))
        }
        Some(ast::LimitClause::LimitOffset { limit, offset, .. }) => {
            let skip = offset.as_ref().map(|o| number(&o.value)).transpose()?.unwrap_or(0);
            Ok((skip, limit.as_ref().map(number).transpose()?))
        }
        Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => {
            Ok((number(offset)?, Some(number(limit)?)))
        }
    }
}

/// An output column before it is computed.
struct Item {
    name: String,
    expr: Expr,
}

fn select(
    body: &ast::Select,
    order: &[ast::OrderByExpr],
    (skip, limit): (usize, Option<usize>),
    tables: &dyn Tables,
) -> Result<Table> {
    for (present, what) in [
        (body.qualify.is_some(), "QUALIFY"),
        (!body.named_window.is_empty(), "WINDOW"),
        (body.into.is_some(), "INTO"),
        (matches!(body.distinct, Some(ast::Distinct::On(_))), "DISTINCT ON"),
        (body.top.is_some(), "TOP: use LIMIT, which"),
        (body.exclude.is_some(), "EXCLUDE"),
        (!body.lateral_views.is_empty(), "LATERAL VIEW"),
        (body.prewhere.is_some(), "PREWHERE"),
        (!body.connect_by.is_empty(), "CONNECT BY"),
        (!body.cluster_by.is_empty() || !body.distribute_by.is_empty(), "CLUSTER BY or DISTRIBUTE BY"),
        (!body.sort_by.is_empty(), "SORT BY: use ORDER BY, which"),
        (body.value_table_mode.is_some(), "SELECT AS"),
    ] {
        if present {
            return Err(unsupported(what, ""));
        }
    }
    let mut scope = Scope::new(tables);
    let mut table = from(body, order, &mut scope, tables)?;
    if let Some(condition) = &body.selection {
        table = table.filter(scope.expr(condition)?)?;
    }
    scope.aggregates = Some(Vec::new());
    let mut items = items(body, &mut scope)?;
    scope.outputs = items.iter().map(|i| (i.name.clone(), i.expr.clone())).collect();
    let keys = group_keys(body, &items, &mut scope)?;
    let mut having = body.having.as_ref().map(|h| scope.expr(h)).transpose()?;
    let mut sort = sort_keys(order, &items, &mut scope)?;
    let aggregates = scope.aggregates.take().unwrap_or_default();
    if !keys.is_empty() || !aggregates.is_empty() {
        table = grouped(&table, &keys, aggregates)?;
        let by_key = |e: &Expr| over_keys(e, &keys, &table);
        for item in &mut items {
            item.expr = by_key(&item.expr)?;
        }
        having = having.as_ref().map(by_key).transpose()?;
        for key in &mut sort {
            key.expr = by_key(&key.expr)?;
        }
        if let Some(condition) = having {
            table = table.filter(condition)?;
        }
    } else if having.is_some() {
        return Err(Error::argument("SQL: HAVING needs a GROUP BY or an aggregate"));
    }
    finish(&table, items, sort, body.distinct.is_some(), skip, limit)
}

/// The output: columns computed, rows ordered, then cut.
fn finish(
    table: &Table,
    items: Vec<Item>,
    sort: Vec<SortKey>,
    distinct: bool,
    skip: usize,
    limit: Option<usize>,
) -> Result<Table> {
    let outputs = items.into_iter().map(|i| table.computed(i.name, i.expr)).collect::<Result<Vec<_>>>()?;
    let names: Vec<String> = outputs.iter().map(|o| o.spec.name.clone()).collect();
    let mut columns = outputs;
    let mut keys = Vec::with_capacity(sort.len());
    for (i, key) in sort.into_iter().enumerate() {
        // What is only ordered by stands beside the output until the rows are in order.
        let name = format!("#order {i}");
        columns.push(table.computed(name.clone(), key.expr)?);
        keys.push(SortKey { expr: Expr::Column(name), descending: key.descending });
    }
    let mut result = table.project(columns)?;
    if distinct {
        result = result.distinct(&names)?;
    }
    let ordered = !keys.is_empty();
    if ordered {
        result = result.sort(keys)?;
    }
    if let Some(limit) = limit {
        result = result.slice(skip, limit);
    } else if skip > 0 {
        result = result.slice(skip, usize::MAX - skip);
    }
    if ordered { result.select(&names) } else { Ok(result) }
}

fn items(body: &ast::Select, scope: &mut Scope) -> Result<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    for item in &body.projection {
        match item {
            ast::SelectItem::UnnamedExpr(e) => {
                let expr = scope.expr(e)?;
                let name = title(e, &expr, scope, &items);
                items.push(Item { name, expr });
            }
            ast::SelectItem::ExprWithAlias { expr, alias } => {
                items.push(Item { name: alias.value.clone(), expr: scope.expr(expr)? });
            }
            ast::SelectItem::Wildcard(options) => {
                plain_star(options)?;
                scope.relations.iter().for_each(|relation| all_of(relation, &mut items));
            }
            ast::SelectItem::QualifiedWildcard(kind, options) => {
                plain_star(options)?;
                let ast::SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
                    return Err(unsupported(format!("`{item}`"), ""));
                };
                let name = super::plain(name);
                let relation = scope.relations.iter().find(|r| r.name.eq_ignore_ascii_case(&name));
                let known = || scope.relations.iter().map(|r| r.name.as_str());
                all_of(relation.ok_or_else(|| Error::unknown("table", &name, known()))?, &mut items);
            }
            other @ ast::SelectItem::ExprWithAliases { .. } => {
                return Err(unsupported(format!("`{other}`"), ""));
            }
        }
    }
    Ok(items)
}

/// The name of an output column that has no alias: the column's own, with that of its table where the plain one is
/// taken, or the expression as it is written.
fn title(e: &ast::Expr, expr: &Expr, scope: &Scope, items: &[Item]) -> String {
    match (e, expr) {
        (ast::Expr::Identifier(name), _) => name.value.clone(),
        (ast::Expr::CompoundIdentifier(parts), _) => {
            let words: Vec<&str> = parts.iter().map(|p| p.value.as_str()).collect();
            let (whole, rest) = (words.join("."), words.get(1..).unwrap_or_default().join("."));
            let qualified =
                scope.relations.iter().any(|r| words.first().is_some_and(|w| r.name.eq_ignore_ascii_case(w)));
            if qualified && !items.iter().any(|i| i.name == rest) { rest } else { whole }
        }
        (_, Expr::Column(name)) if !name.starts_with('#') => name.clone(),
        _ => e.to_string(),
    }
}

fn plain_star(options: &ast::WildcardAdditionalOptions) -> Result<()> {
    let text = options.to_string();
    if text.is_empty() { Ok(()) } else { Err(unsupported(format!("`*{text}`"), "")) }
}

/// All columns of a relation; those whose names are taken get the relation's name in front.
fn all_of(relation: &Relation, items: &mut Vec<Item>) {
    for ((plain, column), (qualified, _)) in relation.all(false).into_iter().zip(relation.all(true)) {
        let name = if items.iter().any(|i| i.name == plain) { qualified } else { plain };
        items.push(Item { name, expr: Expr::Column(column) });
    }
}

/// An item by its position (from 1) or its name.
fn item_of<'i>(e: &ast::Expr, items: &'i [Item]) -> Result<Option<&'i Item>> {
    match e {
        ast::Expr::Value(v) => {
            let text = v.value.to_string();
            let at = text.parse::<usize>().ok().filter(|n| (1..=items.len()).contains(n));
            match at {
                Some(n) => Ok(Some(&items[n - 1])),
                None => Err(Error::argument(format!("SQL: there is no column {text} in the SELECT"))),
            }
        }
        ast::Expr::Identifier(name) => Ok(items.iter().find(|i| i.name == name.value)),
        _ => Ok(None),
    }
}

fn group_keys(body: &ast::Select, items: &[Item], scope: &mut Scope) -> Result<Vec<Item>> {
    let keys = match &body.group_by {
        ast::GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => keys,
        _ => return Err(unsupported("GROUP BY ALL, ROLLUP or CUBE", "")),
    };
    keys.iter()
        .map(|e| {
            if let Some(item) = item_of(e, items)? {
                return Ok(Item { name: item.name.clone(), expr: item.expr.clone() });
            }
            let expr = scope.expr(e)?;
            Ok(Item { name: expr.to_string(), expr })
        })
        .collect()
}

fn sort_keys(order: &[ast::OrderByExpr], items: &[Item], scope: &mut Scope) -> Result<Vec<SortKey>> {
    order
        .iter()
        .map(|key| {
            if key.options.nulls_first == Some(true) || key.with_fill.is_some() {
                return Err(unsupported("NULLS FIRST or WITH FILL (nothing comes last); it", ""));
            }
            let descending = match &key.options.sort {
                None | Some(ast::OrderBySort::Asc) => false,
                Some(ast::OrderBySort::Desc) => true,
                Some(ast::OrderBySort::Using(_)) => return Err(unsupported("ORDER BY … USING", "")),
            };
            let expr = match item_of(&key.expr, items)? {
                Some(item) => item.expr.clone(),
                None => scope.expr(&key.expr)?,
            };
            Ok(SortKey { expr, descending })
        })
        .collect()
}

/// One row a group: the keys under their own names, the aggregates as `#0`, `#1` …
fn grouped(table: &Table, keys: &[Item], aggregates: Vec<Aggregate>) -> Result<Table> {
    let keys =
        keys.iter().map(|k| table.computed(k.name.clone(), k.expr.clone())).collect::<Result<Vec<_>>>()?;
    let mut measures: Vec<(String, Aggregate)> =
        aggregates.into_iter().enumerate().map(|(i, a)| (format!("#{i}"), a)).collect();
    if measures.is_empty() {
        measures.push(("#count".to_owned(), Aggregate::Count));
    }
    table.aggregate(keys, measures)
}

/// An expression over the groups: what is a key becomes its column; other columns are an error.
fn over_keys(e: &Expr, keys: &[Item], grouped: &Table) -> Result<Expr> {
    let shown = e.to_string();
    if let Some(key) = keys.iter().find(|k| k.expr.to_string() == shown) {
        return Ok(Expr::column(&key.name));
    }
    let go = |e: &Expr| over_keys(e, keys, grouped).map(Box::new);
    Ok(match e {
        Expr::Column(name) if name.starts_with('#') => e.clone(),
        Expr::Column(name) => {
            // A property of a key that is an id: `GROUP BY post`, then `post.mtype`.
            if name.contains('.') && grouped.named(name).is_ok() {
                return Ok(e.clone());
            }
            return Err(Error::argument(format!(
                "SQL: `{name}` is neither in GROUP BY nor inside an aggregate"
            )));
        }
        Expr::Literal(_) | Expr::Script(_) => e.clone(),
        Expr::Not(a) => Expr::Not(go(a)?),
        Expr::Negate(a) => Expr::Negate(go(a)?),
        Expr::Binary(op, a, b) => Expr::Binary(*op, go(a)?, go(b)?),
        Expr::In(a, members) => Expr::In(go(a)?, members.clone()),
        Expr::Match(a, pattern) => Expr::Match(go(a)?, pattern.clone()),
        Expr::IsNull(a) => Expr::IsNull(go(a)?),
        Expr::Call(f, arguments) => {
            let arguments = arguments.iter().map(|a| over_keys(a, keys, grouped)).collect::<Result<_>>()?;
            Expr::Call(*f, arguments)
        }
        Expr::If(c, a, b) => Expr::If(go(c)?, go(a)?, go(b)?),
    })
}
