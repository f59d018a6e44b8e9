//! A SELECT as a lazy table.

use std::collections::HashSet;

use sqlparser::ast;

use super::expr::Scope;
use super::{Tables, unsupported};
use crate::diag::{Error, Result};
use crate::query::{Aggregate, BinaryOp, Expr, JoinKind, Named, SortKey, Table};

/// Runs a query.
pub(super) fn query(query: &ast::Query, tables: &dyn Tables) -> Result<Table> {
    if query.with.is_some() {
        return Err(unsupported("WITH"));
    }
    let body = match &*query.body {
        ast::SetExpr::Select(select) => select,
        ast::SetExpr::Query(inner) => return self::query(inner, tables),
        ast::SetExpr::SetOperation { op, .. } => return Err(unsupported(op)),
        _ => return Err(unsupported("this statement")),
    };
    if query.fetch.is_some() || !query.pipe_operators.is_empty() || body.top.is_some() {
        return Err(unsupported("FETCH and TOP: use LIMIT, which"));
    }
    let order: &[ast::OrderByExpr] = match query.order_by.as_ref().map(|o| &o.kind) {
        None => &[],
        Some(ast::OrderByKind::Expressions(keys)) => keys,
        Some(ast::OrderByKind::All(_)) => return Err(unsupported("ORDER BY ALL")),
    };
    let table = select(body, order, window(query)?, tables)?;
    Ok(table)
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
    ] {
        if present {
            return Err(unsupported(what));
        }
    }
    let mut scope = Scope::new(tables);
    let mut table = from(body, &mut scope, tables)?;
    if let Some(condition) = &body.selection {
        table = table.filter(scope.expr(condition)?)?;
    }
    scope.aggregates = Some(Vec::new());
    let mut items = items(body, &table, &mut scope)?;
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

/// The rows of FROM, with the joins.
fn from(body: &ast::Select, scope: &mut Scope, tables: &dyn Tables) -> Result<Table> {
    let (first, rest) = match body.from.as_slice() {
        [] => return Err(Error::script("SQL: a SELECT needs a FROM")),
        [first, rest @ ..] => (first, rest),
    };
    if !rest.is_empty() {
        return Err(unsupported("a list of tables: write JOIN … ON instead, which"));
    }
    let (mut table, names) = relation(&first.relation, tables)?;
    scope.prefixes.extend(names.into_iter().map(|n| (n, String::new())));
    for join in &first.joins {
        table = joined(&table, join, body, scope, tables)?;
    }
    Ok(table)
}

/// A table and the names by which its columns may be qualified.
fn relation(factor: &ast::TableFactor, tables: &dyn Tables) -> Result<(Table, Vec<String>)> {
    match factor {
        ast::TableFactor::Table { name, alias, args: None, .. } => {
            let name = name.to_string().trim_matches('"').to_owned();
            let table = tables.table(&name)?;
            let names = alias.as_ref().map_or_else(|| vec![name.clone()], |a| vec![a.name.value.clone()]);
            Ok((table, names))
        }
        ast::TableFactor::Derived { subquery, alias, .. } => {
            let names = alias.iter().map(|a| a.name.value.clone()).collect();
            Ok((query(subquery, tables)?, names))
        }
        other => Err(unsupported(format!("`{other}` in FROM"))),
    }
}

fn joined(
    table: &Table,
    join: &ast::Join,
    body: &ast::Select,
    scope: &mut Scope,
    tables: &dyn Tables,
) -> Result<Table> {
    use ast::{JoinConstraint, JoinOperator};
    let (kind, constraint) = match &join.join_operator {
        JoinOperator::Join(c) | JoinOperator::Inner(c) => (JoinKind::Inner, c),
        JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (JoinKind::Left, c),
        JoinOperator::Semi(c) | JoinOperator::LeftSemi(c) => (JoinKind::Semi, c),
        JoinOperator::Anti(c) | JoinOperator::LeftAnti(c) => (JoinKind::Anti, c),
        _ => return Err(unsupported("this kind of JOIN (INNER, LEFT, SEMI and ANTI are); it")),
    };
    let (right, names) = relation(&join.relation, tables)?;
    let own: Vec<(String, String)> = names.iter().map(|n| (n.clone(), "#right".to_owned())).collect();
    let mut both = Scope::new(tables);
    both.prefixes = scope.prefixes.iter().cloned().chain(own).collect();
    let on: Vec<(String, String)> = match constraint {
        JoinConstraint::On(e) => equalities(&both.expr(e)?, table, &right)?,
        JoinConstraint::Using(columns) => columns.iter().map(|c| (c.to_string(), c.to_string())).collect(),
        _ => return Err(Error::script("SQL: a JOIN needs ON or USING")),
    };
    if let [(left, key)] = on.as_slice()
        && key == "id"
        && let Some(via) = table.schema().find(left)
        && let Some(link) = table.schema().link_at(via)
        && same_cells(&right, link)
        && matches!(kind, JoinKind::Inner | JoinKind::Left)
    {
        // Synapses joined with cells over `pre` or `post`: the cells' properties are in reach already.
        scope.prefixes.extend(names.into_iter().map(|n| (n, left.clone())));
        let known = Expr::IsNull(Box::new(Expr::Column(format!("{left}.id")))).negated();
        return if kind == JoinKind::Inner { table.filter(known) } else { Ok(table.clone()) };
    }
    // Only what the statement speaks of is read of either side.
    let wanted = words_of(body);
    let keep = |t: &Table, keys: &HashSet<&String>| -> Result<Table> {
        let names = t.schema().columns().iter().map(|c| c.name.clone());
        let all = wanted.contains("*");
        let kept: Vec<String> = names
            .filter(|n| all || wanted.contains(n.as_str()) || keys.contains(n))
            .chain(wanted.iter().filter(|w| w.contains('.') && t.named(w).is_ok()).cloned())
            .collect();
        t.select(&kept)
    };
    let left = keep(table, &on.iter().map(|o| &o.0).collect())?;
    let right = keep(&right, &on.iter().map(|o| &o.1).collect())?;
    scope.prefixes.extend(names.into_iter().map(|n| (n, String::new())));
    left.join(&right, on, kind)
}

/// Whether a table is all cells that a link leads to.
fn same_cells(table: &Table, link: &crate::model::Link) -> bool {
    std::sync::Arc::ptr_eq(table.schema(), link.cells.schema())
}

/// The pairs of columns in `a = b AND c = d`.
fn equalities(on: &Expr, left: &Table, right: &Table) -> Result<Vec<(String, String)>> {
    let wrong = || Error::script("SQL: the ON of a JOIN is `left.column = right.column`, several with AND");
    on.clone()
        .conjuncts()
        .into_iter()
        .map(|part| {
            let Expr::Binary(BinaryOp::Equal, a, b) = part else { return Err(wrong()) };
            let (Expr::Column(a), Expr::Column(b)) = (*a, *b) else { return Err(wrong()) };
            let (a, b) = match (a.strip_prefix("#right."), b.strip_prefix("#right.")) {
                (None, Some(r)) => (a.clone(), r.to_owned()),
                (Some(r), None) => (b.clone(), r.to_owned()),
                // Unqualified: whichever side has the column.
                (None, None) if right.schema().find(&b).is_some() && left.named(&a).is_ok() => (a, b),
                (None, None) => (b, a),
                (Some(_), Some(_)) => return Err(wrong()),
            };
            left.named(&a)?;
            right.schema().position(&b)?;
            Ok((a, b))
        })
        .collect()
}

/// Every name in a statement, with and without its qualifier; `*` for all.
fn words_of(body: &ast::Select) -> HashSet<String> {
    let text = body.to_string();
    let mut words: HashSet<String> = HashSet::new();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@' | ':');
    for word in text.split(|c: char| !is_name(c)).filter(|w| !w.is_empty()) {
        words.insert(word.to_owned());
        let parts: Vec<&str> = word.split('.').collect();
        for start in 1..parts.len() {
            words.insert(parts[start..].join("."));
        }
    }
    let whole = |i: &ast::SelectItem| {
        matches!(i, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..))
    };
    if body.projection.iter().any(whole) {
        words.insert("*".to_owned());
    }
    words
}

fn items(body: &ast::Select, table: &Table, scope: &mut Scope) -> Result<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    for item in &body.projection {
        match item {
            ast::SelectItem::UnnamedExpr(e) => {
                let expr = scope.expr(e)?;
                let name = match &expr {
                    Expr::Column(name) if !name.starts_with('#') => name.clone(),
                    _ => e.to_string(),
                };
                items.push(Item { name, expr });
            }
            ast::SelectItem::ExprWithAlias { expr, alias } => {
                items.push(Item { name: alias.value.clone(), expr: scope.expr(expr)? });
            }
            ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..) => {
                let all = table.schema().columns().iter();
                items.extend(all.map(|c| Item { name: c.name.clone(), expr: Expr::column(&c.name) }));
            }
            other @ ast::SelectItem::ExprWithAliases { .. } => return Err(unsupported(format!("`{other}`"))),
        }
    }
    Ok(items)
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
        _ => return Err(unsupported("GROUP BY ALL, ROLLUP or CUBE")),
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
            let descending = match &key.options.sort {
                None | Some(ast::OrderBySort::Asc) => false,
                Some(ast::OrderBySort::Desc) => true,
                Some(ast::OrderBySort::Using(_)) => return Err(unsupported("ORDER BY … USING")),
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
    let keys = keys
        .iter()
        .map(|k| table.computed(k.name.clone(), k.expr.clone()))
        .collect::<Result<Vec<Named>>>()?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Float64Array, Int64Array, StringArray};
    use arrow_schema::DataType;

    use super::*;
    use crate::model::{Column, ColumnSpec, Frame, IdSet};
    use crate::query::Value;

    struct One(Table);

    impl Tables for One {
        fn table(&self, name: &str) -> Result<Table> {
            if name == "cells" { Ok(self.0.clone()) } else { Err(Error::unknown("table", name, ["cells"])) }
        }

        fn group(&self, name: &str) -> Result<IdSet> {
            Err(Error::unknown::<&str>("target", name, []))
        }
    }

    fn cells() -> One {
        let column = |name: &str, values: arrow_array::ArrayRef| Column {
            spec: ColumnSpec::new(name, values.data_type().clone()),
            values,
        };
        let mut y = column("y", Arc::new(Float64Array::from(vec![10.0, 20.0, 30.0, 40.0])));
        y.spec = ColumnSpec::new("y", DataType::Float64).unit("µm");
        One(Table::in_memory(
            Frame::new(vec![
                column("id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
                column("mtype", Arc::new(StringArray::from(vec!["A", "B", "A", "A"]))),
                y,
            ])
            .unwrap(),
        ))
    }

    fn rows(text: &str) -> Vec<Vec<Value>> {
        let frame = super::super::select(text, &cells()).unwrap().frame().unwrap();
        (0..frame.rows()).map(|r| crate::query::row_values(&frame, r)).collect()
    }

    fn fails(text: &str) -> String {
        super::super::select(text, &cells()).and_then(|t| t.frame()).unwrap_err().to_string()
    }

    #[test]
    fn groups_orders_and_limits() {
        let text = "SELECT mtype, count(*) AS n, avg(y) / 2 AS half FROM cells GROUP BY mtype HAVING count(*) > 0 \
                    ORDER BY n DESC LIMIT 1";
        assert_eq!(rows(text), [[Value::from("A"), Value::Int(3), Value::Float((10.0 + 30.0 + 40.0) / 6.0)]]);
        assert_eq!(
            rows("SELECT count(DISTINCT mtype) FROM cells WHERE y BETWEEN 15 AND 40"),
            [[Value::Int(2)]]
        );
        assert_eq!(
            rows(
                "SELECT id FROM cells WHERE id IN (SELECT id FROM cells WHERE mtype = 'A') ORDER BY y DESC LIMIT 2 OFFSET 1"
            ),
            [[Value::Int(3)], [Value::Int(1)]]
        );
        assert_eq!(
            rows("SELECT DISTINCT c.mtype FROM cells c ORDER BY 1 DESC"),
            [[Value::from("B")], [Value::from("A")]]
        );
        assert_eq!(
            rows("SELECT a.id, b.y FROM cells a JOIN cells b ON a.id = b.id WHERE a.id > 3"),
            [[Value::Int(4), Value::Float(40.0)]]
        );
    }

    #[test]
    fn says_what_is_wrong() {
        assert!(fails("SELECT mtyp FROM cells").contains("did you mean `mtype`"));
        assert!(fails("SELECT y, count(*) FROM cells GROUP BY mtype").contains("`y` is neither in GROUP BY"));
        assert!(fails("SELECT averag(y) FROM cells").contains("there is no SQL function `averag`"));
        assert!(fails("SELECT * FROM cels").contains("did you mean `cells`"));
        assert!(fails("DELETE FROM cells").contains("only SELECT"));
        assert!(fails("SELECT FROM WHERE").contains("SQL:"));
        assert!(fails("WITH a AS (SELECT 1) SELECT * FROM a").contains("WITH is not supported"));
    }
}
