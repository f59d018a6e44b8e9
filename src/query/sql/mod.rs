//! SQL: conditions, and whole SELECTs over the tables of a circuit.
//!
//! `sqlparser` reads the text; [`expr`] turns its expressions into ours, [`joins`] its FROM and [`select`] its SELECTs
//! into lazy tables; [`names`] knows what a name means where several tables are joined.

mod expr;
mod joins;
mod names;
mod select;

use sqlparser::ast::{self, Spanned};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Expr, Table};
use crate::diag::{Code, Error, Result};
use crate::model::IdSet;

/// Where the tables of a FROM come from.
pub trait Tables {
    /// A table by name.
    ///
    /// # Errors
    /// When there is none of that name.
    fn table(&self, name: &str) -> Result<Table>;

    /// The cells of a named group.
    ///
    /// # Errors
    /// When there is none of that name.
    fn group(&self, name: &str) -> Result<IdSet>;
}

/// A world without tables: for conditions on their own.
pub struct NoTables;

impl Tables for NoTables {
    fn table(&self, name: &str) -> Result<Table> {
        Err(Error::argument(format!("the table `{name}` cannot be reached from a condition on its own"))
            .help("use circuit.sql(\"SELECT …\")"))
    }

    fn group(&self, name: &str) -> Result<IdSet> {
        Err(Error::argument(format!("the target `{name}` cannot be reached from a condition on its own")))
    }
}

/// A condition such as `layer = 5 AND etype LIKE 'c%' AND y BETWEEN 600 AND 900`.
///
/// # Errors
/// When the text is not SQL, or uses what a condition cannot hold.
pub fn condition(text: &str) -> Result<Expr> {
    condition_over(text, &NoTables)
}

/// A condition that may hold sub-selects over some tables.
///
/// # Errors
/// As [`condition`].
pub fn condition_over(text: &str, tables: &dyn Tables) -> Result<Expr> {
    let mut parser = parser(text)?;
    let parsed = parser.parse_expr().map_err(|e| wrong(&e))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let at = rest.span.start;
        return Err(Error::script(format!("SQL: `{}` was not expected (column {})", rest.token, at.column)));
    }
    expr::Scope::new(tables).expr(&parsed)
}

/// Runs a SELECT; the table that it gives is lazy as far as the statement allows.
///
/// # Errors
/// When the text is not a SELECT that is supported, or names what does not exist.
pub fn select(text: &str, tables: &dyn Tables) -> Result<Table> {
    let mut parser = parser(text)?;
    let mut statements = parser.parse_statements().map_err(|e| wrong(&e))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(ast::Statement::Query(query)), true) => select::query(&query, tables),
        (None, _) => Err(Error::script("SQL: the statement is empty")),
        (Some(ast::Statement::Query(_)), false) => Err(Error::script("SQL: one statement at a time")),
        (Some(_), _) => {
            Err(Error::script("SQL: only SELECT is supported").help("circuits are read, not changed"))
        }
    }
}

fn parser(text: &str) -> Result<Parser<'_>> {
    if text.len() > LONGEST {
        return Err(Error::argument("SQL: the text is longer than 16 MB"));
    }
    Parser::new(&GenericDialect {}).with_recursion_limit(64).try_with_sql(text).map_err(|e| wrong(&e))
}

fn wrong(error: &ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    };
    // ` at Line: 1, Column: 20` is worth keeping, in our words.
    let text = text.replace(" at Line: 1, Column: ", " (column ").replace(" at Line: ", " (line ");
    let open = text.contains(" (column ") || text.contains(" (line ");
    Error::new(Code::Script, format!("SQL: {}{}", text.trim(), if open { ")" } else { "" }))
}

/// Something that is not supported, and where it stands (see [`place`]).
fn unsupported(what: impl std::fmt::Display, at: &str) -> Error {
    Error::script(format!("SQL: {what} is not supported{at}")).help(
        "SELECT … FROM cells, synapses, connections or targets, with WITH, JOIN … ON, WHERE, GROUP BY, HAVING, \
         UNION, ORDER BY, LIMIT and OFFSET is",
    )
}

/// Where a part of the text stands, as ` (column 12)`; nothing if that is not known.
fn place(part: &impl Spanned) -> String {
    let start = part.span().start;
    match (start.line, start.column) {
        (0, _) => String::new(),
        (1, column) => format!(" (column {column})"),
        (line, column) => format!(" (line {line}, column {column})"),
    }
}

/// A name without its quotes.
fn plain(name: &ast::ObjectName) -> String {
    let part =
        |p: &ast::ObjectNamePart| p.as_ident().map_or_else(|| p.to_string(), |ident| ident.value.clone());
    name.0.iter().map(part).collect::<Vec<_>>().join(".")
}

/// A text of a script may be long, but not so long that reading it takes all memory.
const LONGEST: usize = 16 << 20;

#[cfg(test)]
mod tests;
