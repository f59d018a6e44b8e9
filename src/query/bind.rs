//! From names to positions: an [`Expr`] becomes a [`Bound`] one over the columns of a schema, with every type
//! checked, so that a mistake is found before a row is read.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_schema::DataType;
use regex::Regex;

use super::computed::computed;
use super::{BinaryOp, Expr, Function, Members, Pattern, RowFunction, Value};
use crate::diag::{Error, Result};
use crate::model::{CellTable, ColumnSpec, IdSet, Schema};

/// The type of an expression's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing at all (the literal `()`), or a value that only a script's function will tell.
    Any,
    /// Truth values.
    Bool,
    /// Whole numbers.
    Int,
    /// Numbers.
    Float,
    /// Texts.
    Text,
}

impl Kind {
    /// The kind of an Arrow type; lists and other nested types have none.
    pub fn of(data_type: &DataType) -> Kind {
        match data_type {
            DataType::Boolean => Kind::Bool,
            t if t.is_integer() => Kind::Int,
            t if t.is_floating() => Kind::Float,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Dictionary(..) => Kind::Text,
            _ => Kind::Any,
        }
    }

    fn of_value(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Any,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Float(_) => Kind::Float,
            Value::Text(_) => Kind::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Any => "nothing",
            Kind::Bool => "a truth value",
            Kind::Int | Kind::Float => "a number",
            Kind::Text => "text",
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Kind::Int | Kind::Float | Kind::Any)
    }

    /// The Arrow type in which results of this kind are held.
    pub fn data_type(self) -> DataType {
        match self {
            Kind::Any => DataType::Null,
            Kind::Bool => DataType::Boolean,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Text => DataType::Utf8,
        }
    }
}

/// An expression over the columns of one schema, ready to be computed over blocks.
pub(super) enum Bound {
    Column(usize),
    /// A cell property over a link: `pre.mtype`.
    Linked {
        via: usize,
        cells: Arc<CellTable>,
        column: usize,
    },
    /// The id in its population, of a column of ids of several populations.
    OwnId(usize),
    Literal(Value),
    Not(Box<Bound>),
    Negate(Box<Bound>),
    Arithmetic {
        op: BinaryOp,
        left: Box<Bound>,
        right: Box<Bound>,
        kind: Kind,
    },
    Concat(Box<Bound>, Box<Bound>),
    Compare {
        op: BinaryOp,
        left: Box<Bound>,
        right: Box<Bound>,
        kind: Kind,
    },
    And(Box<Bound>, Box<Bound>),
    Or(Box<Bound>, Box<Bound>),
    InNumbers(Box<Bound>, Vec<f64>),
    InTexts(Box<Bound>, HashSet<Arc<str>>),
    InIds(Box<Bound>, IdSet),
    Match(Box<Bound>, Regex),
    IsNull(Box<Bound>),
    Call {
        function: Function,
        arguments: Vec<Bound>,
        kind: Kind,
    },
    If {
        condition: Box<Bound>,
        then: Box<Bound>,
        otherwise: Box<Bound>,
        kind: Kind,
    },
    Script {
        function: Arc<dyn RowFunction>,
        schema: Arc<Schema>,
    },
}

impl Bound {
    /// What it is computed of.
    fn parts(&self) -> Vec<&Bound> {
        match self {
            Bound::Column(_)
            | Bound::OwnId(_)
            | Bound::Linked { .. }
            | Bound::Literal(_)
            | Bound::Script { .. } => Vec::new(),
            Bound::Not(e)
            | Bound::Negate(e)
            | Bound::InNumbers(e, _)
            | Bound::InTexts(e, _)
            | Bound::InIds(e, _)
            | Bound::Match(e, _)
            | Bound::IsNull(e) => vec![e],
            Bound::Arithmetic { left: a, right: b, .. }
            | Bound::Concat(a, b)
            | Bound::Compare { left: a, right: b, .. }
            | Bound::And(a, b)
            | Bound::Or(a, b) => vec![a, b],
            Bound::Call { arguments, .. } => arguments.iter().collect(),
            Bound::If { condition, then, otherwise, .. } => vec![condition, then, otherwise],
        }
    }

    /// Whether rows must be computed one after the other.
    pub(super) fn in_order(&self) -> bool {
        let itself = matches!(self, Bound::Script { function, .. } if function.serial());
        itself || self.parts().into_iter().any(Bound::in_order)
    }

    /// Whether computing it over a row may fail, so that it must not be computed where `&&` or `if` leave it out.
    pub(super) fn can_fail(&self) -> bool {
        let itself = match self {
            Bound::Script { .. } => true,
            Bound::Arithmetic { kind, .. } => *kind == Kind::Int,
            Bound::Call { function, .. } => *function == Function::ToInt,
            _ => false,
        };
        itself || self.parts().into_iter().any(Bound::can_fail)
    }
}

/// Binds an expression to a schema.
pub(super) fn bind(expr: &Expr, schema: &Arc<Schema>) -> Result<(Bound, Kind)> {
    let one = |e: &Expr| bind(e, schema);
    Ok(match expr {
        Expr::Column(name) => match (resolve(name, schema), computed(name, schema)) {
            (Err(_), Some((_, made_of))) => bind(&made_of, schema)?,
            (found, _) => bind_column(found?, schema),
        },
        Expr::Literal(value) => (Bound::Literal(value.clone()), Kind::of_value(value)),
        Expr::Not(e) => {
            let inner = bind_condition(e, schema)?;
            (Bound::Not(Box::new(inner)), Kind::Bool)
        }
        Expr::Negate(e) => {
            let (inner, kind) = one(e)?;
            require(kind.is_number(), || format!("`-` needs a number, but `{e}` is {}", kind.name()))?;
            (Bound::Negate(Box::new(inner)), kind)
        }
        Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
            let (a, b) = (Box::new(bind_condition(a, schema)?), Box::new(bind_condition(b, schema)?));
            (if *op == BinaryOp::And { Bound::And(a, b) } else { Bound::Or(a, b) }, Kind::Bool)
        }
        Expr::Binary(op, a, b) if op.compares() => bind_comparison(*op, a, b, schema)?,
        Expr::Binary(op, a, b) => bind_arithmetic(*op, a, b, schema)?,
        Expr::In(e, members) => (bind_membership(e, members, schema)?, Kind::Bool),
        Expr::Match(e, pattern) => {
            let (inner, kind) = one(e)?;
            require(matches!(kind, Kind::Text | Kind::Any), || {
                format!("a text pattern needs text, but `{e}` is {}", kind.name())
            })?;
            (Bound::Match(Box::new(inner), regex_of(pattern)?), Kind::Bool)
        }
        Expr::IsNull(e) => (Bound::IsNull(Box::new(one(e)?.0)), Kind::Bool),
        Expr::Call(function, arguments) => bind_call(*function, arguments, schema)?,
        Expr::If(condition, then, otherwise) => {
            let condition = Box::new(bind_condition(condition, schema)?);
            let ((then, kind_then), (otherwise, kind_else)) = (one(then)?, one(otherwise)?);
            let kind = common(kind_then, kind_else).ok_or_else(|| {
                Error::argument(format!(
                    "one branch of `{expr}` is {}, the other {}",
                    kind_then.name(),
                    kind_else.name()
                ))
            })?;
            (Bound::If { condition, then: Box::new(then), otherwise: Box::new(otherwise), kind }, kind)
        }
        Expr::Script(function) => {
            (Bound::Script { function: function.clone(), schema: schema.clone() }, Kind::Any)
        }
    })
}

/// Binds what is computed with: an id of several populations counts as the number that a user sees.
fn bind_operand(expr: &Expr, schema: &Arc<Schema>) -> Result<(Bound, Kind)> {
    Ok(match bind(expr, schema)? {
        (Bound::Column(at), kind) if schema.columns()[at].populations.is_some() => (Bound::OwnId(at), kind),
        other => other,
    })
}

/// Both sides of a comparison. Two ids of several populations are compared with their populations.
fn bind_operands(a: &Expr, b: &Expr, schema: &Arc<Schema>) -> Result<((Bound, Kind), (Bound, Kind))> {
    match (bind_operand(a, schema)?, bind_operand(b, schema)?) {
        ((Bound::OwnId(a), kind_a), (Bound::OwnId(b), kind_b)) => {
            Ok(((Bound::Column(a), kind_a), (Bound::Column(b), kind_b)))
        }
        both => Ok(both),
    }
}

/// Binds what must be a condition.
pub(super) fn bind_condition(expr: &Expr, schema: &Arc<Schema>) -> Result<Bound> {
    let (bound, kind) = bind(expr, schema)?;
    require(matches!(kind, Kind::Bool | Kind::Any), || {
        format!("a condition must be true or false, but `{expr}` is {}", kind.name())
    })?;
    Ok(bound)
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::argument(message())) }
}

/// The kind that holds both.
fn common(a: Kind, b: Kind) -> Option<Kind> {
    match (a, b) {
        (a, b) if a == b => Some(a),
        (Kind::Any, k) | (k, Kind::Any) => Some(k),
        (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int) => Some(Kind::Float),
        _ => None,
    }
}

fn bind_column(found: Resolved, schema: &Schema) -> (Bound, Kind) {
    match found {
        Resolved::Own(index) => (Bound::Column(index), Kind::of(&schema.columns()[index].data_type)),
        Resolved::Linked { via, cells, column } => {
            let kind = Kind::of(&cells.schema().columns()[column].data_type);
            (Bound::Linked { via, cells, column }, kind)
        }
    }
}

/// What a column name stands for.
pub(super) enum Resolved {
    Own(usize),
    Linked { via: usize, cells: Arc<CellTable>, column: usize },
}

/// Looks a name or a path up: an own column first, then over a link.
pub(super) fn resolve(name: &str, schema: &Schema) -> Result<Resolved> {
    if let Some(index) = schema.find(name) {
        return Ok(Resolved::Own(index));
    }
    if let Some((head, tail)) = name.split_once('.')
        && let Some(via) = schema.find(head)
        && let Some(link) = schema.link_at(via)
    {
        let properties = link.cells.schema();
        let Some(column) = properties.find(tail) else {
            let known = properties.columns().iter().map(|c| format!("{head}.{}", c.name));
            return Err(Error::unknown("column", name, known));
        };
        return Ok(Resolved::Linked { via, cells: link.cells.clone(), column });
    }
    // Where a row is about one cell, the cell's properties are the row's, too.
    if let Some(link) = schema.own_link()
        && let Some(column) = link.cells.schema().find(name)
    {
        return Ok(Resolved::Linked { via: link.column, cells: link.cells.clone(), column });
    }
    Err(schema.unknown(name))
}

/// What the column of a name or path is: the cell's property keeps its unit, under the name that was asked for.
pub(super) fn spec_of(name: &str, schema: &Schema) -> Result<ColumnSpec> {
    let found = match (resolve(name, schema), computed(name, schema)) {
        (Err(_), Some((spec, _))) => return Ok(spec),
        (found, _) => found?,
    };
    let mut spec = match found {
        Resolved::Own(index) => schema.columns()[index].clone(),
        Resolved::Linked { cells, column, .. } => cells.schema().columns()[column].clone(),
    };
    if spec.name != name {
        spec.aliases.clear();
    }
    name.clone_into(&mut spec.name);
    Ok(spec)
}

fn bind_comparison(op: BinaryOp, a: &Expr, b: &Expr, schema: &Arc<Schema>) -> Result<(Bound, Kind)> {
    let ((mut left, mut kind_a), (mut right, mut kind_b)) = bind_operands(a, b, schema)?;
    if matches!(op, BinaryOp::Equal | BinaryOp::NotEqual) {
        as_written(&mut left, &mut kind_a, kind_b);
        as_written(&mut right, &mut kind_b, kind_a);
    }
    let kind = common(kind_a, kind_b).ok_or_else(|| {
        Error::argument(format!(
            "`{a}` is {} and cannot be compared with `{b}`, which is {}",
            kind_a.name(),
            kind_b.name()
        ))
    })?;
    Ok((Bound::Compare { op, left: Box::new(left), right: Box::new(right), kind }, Kind::Bool))
}

/// Names made of digits: some files hold layers as numbers, others as texts, and a script says `layer == 5` or
/// `layer == "5"` to both.
fn as_written(literal: &mut Bound, kind: &mut Kind, other: Kind) {
    if let Bound::Literal(value) = literal {
        *value = named(value, other);
        *kind = Kind::of_value(value);
    }
}

/// A value as a name of the kind that it is compared with, if it is one.
fn named(value: &Value, kind: Kind) -> Value {
    match (value, kind) {
        (Value::Int(number), Kind::Text) => Value::Text(number.to_string().into()),
        (Value::Text(text), Kind::Int) => text.parse().map_or_else(|_| value.clone(), Value::Int),
        _ => value.clone(),
    }
}

fn bind_arithmetic(op: BinaryOp, a: &Expr, b: &Expr, schema: &Arc<Schema>) -> Result<(Bound, Kind)> {
    let ((left, kind_a), (right, kind_b)) = (bind_operand(a, schema)?, bind_operand(b, schema)?);
    let (left, right) = (Box::new(left), Box::new(right));
    if op == BinaryOp::Add && kind_a == Kind::Text && kind_b == Kind::Text {
        return Ok((Bound::Concat(left, right), Kind::Text));
    }
    for (e, kind) in [(a, kind_a), (b, kind_b)] {
        require(kind.is_number(), || format!("`{}` needs numbers, but `{e}` is {}", op.sign(), kind.name()))?;
    }
    let kind = common(kind_a, kind_b).filter(|k| *k != Kind::Any).unwrap_or(Kind::Float);
    Ok((Bound::Arithmetic { op, left, right, kind }, kind))
}

fn bind_membership(e: &Expr, members: &Members, schema: &Arc<Schema>) -> Result<Bound> {
    // Sets of ids name cells with their populations; what a user lists are plain numbers.
    let as_set = matches!(members, Members::Ids(_));
    let (inner, kind) = if as_set { bind(e, schema)? } else { bind_operand(e, schema)? };
    let inner = Box::new(inner);
    match members {
        Members::Group(name) => {
            Err(Error::argument(format!("the target `{name}` can only be asked for of cells")))
        }
        Members::Ids(ids) => {
            require(matches!(kind, Kind::Int | Kind::Any), || format!("`{e}` is not a cell id"))?;
            Ok(Bound::InIds(inner, ids.clone()))
        }
        Members::Values(values) => {
            let wrong = |v: &Value| {
                Error::argument(format!("`{e}` is {} and cannot be {v}, which is {}", kind.name(), v.kind()))
            };
            // Null is a member of nothing, as in SQL.
            let values = values.iter().filter(|v| **v != Value::Null).map(|v| named(v, kind));
            if kind == Kind::Text {
                let texts = values.map(|v| if let Value::Text(t) = v { Ok(t) } else { Err(wrong(&v)) });
                return Ok(Bound::InTexts(inner, texts.collect::<Result<_>>()?));
            }
            let number = |v: Value| match v {
                Value::Bool(b) if kind == Kind::Bool => Ok(f64::from(u8::from(b))),
                _ => v.as_f64().filter(|_| kind != Kind::Bool).ok_or_else(|| wrong(&v)),
            };
            let mut numbers = values.map(number).collect::<Result<Vec<f64>>>()?;
            numbers.sort_by(f64::total_cmp);
            Ok(Bound::InNumbers(inner, numbers))
        }
    }
}

fn bind_call(function: Function, arguments: &[Expr], schema: &Arc<Schema>) -> Result<(Bound, Kind)> {
    require(arguments.len() == function.arity(), || {
        format!("`{}` takes {} arguments, not {}", function.name(), function.arity(), arguments.len())
    })?;
    let mut bound = Vec::with_capacity(arguments.len());
    let mut kinds = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let (b, kind) = bind_operand(argument, schema)?;
        let fits = match function {
            Function::Lower | Function::Upper | Function::Length => matches!(kind, Kind::Text | Kind::Any),
            Function::ToInt | Function::ToFloat => kind != Kind::Text,
            _ => kind.is_number(),
        };
        require(fits, || {
            format!("`{}` cannot be used on `{argument}`, which is {}", function.name(), kind.name())
        })?;
        bound.push(b);
        kinds.push(kind);
    }
    let kind = match function {
        Function::Lower | Function::Upper => Kind::Text,
        Function::Length | Function::ToInt => Kind::Int,
        Function::Abs | Function::Min | Function::Max if kinds.iter().all(|k| *k == Kind::Int) => Kind::Int,
        _ => Kind::Float,
    };
    Ok((Bound::Call { function, arguments: bound, kind }, kind))
}

/// Every pattern is a regular expression over the whole text.
fn regex_of(pattern: &Pattern) -> Result<Regex> {
    let (text, is_regex) = match pattern {
        Pattern::Like(p) => (like_to_regex(p, ""), false),
        Pattern::ILike(p) => (like_to_regex(p, "i"), false),
        Pattern::Regex(p) => (format!("(?s)^(?:{p})$"), true),
        Pattern::StartsWith(p) => (format!("(?s)^{}", regex::escape(p)), false),
        Pattern::EndsWith(p) => (format!("(?s){}$", regex::escape(p)), false),
        Pattern::Contains(p) => (format!("(?s){}", regex::escape(p)), false),
    };
    Regex::new(&text).map_err(|e| {
        let reason = e.to_string();
        let reason = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
        let shown = if let (Pattern::Regex(p), true) = (pattern, is_regex) { p } else { &text };
        Error::argument(format!("`{shown}` is not a regular expression: {reason}"))
    })
}

fn like_to_regex(pattern: &str, flags: &str) -> String {
    let mut text = format!("(?s{flags})^");
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => text.push_str(".*"),
            '_' => text.push('.'),
            '\\' => text.push_str(&regex::escape(&chars.next().unwrap_or('\\').to_string())),
            c => text.push_str(&regex::escape(&c.to_string())),
        }
    }
    text.push('$');
    text
}

/// The unit of an expression's values, where the arithmetic keeps one: sums and differences of the same unit,
/// and products with a plain number.
pub(super) fn unit_of(expr: &Expr, schema: &Schema) -> Option<String> {
    let literal = |e: &Expr| matches!(e, Expr::Literal(_));
    match expr {
        Expr::Column(name) => spec_of(name, schema).ok()?.unit,
        Expr::Negate(e) => unit_of(e, schema),
        Expr::Call(
            Function::Abs | Function::Floor | Function::Ceiling | Function::Round | Function::ToFloat,
            a,
        ) => unit_of(a.first()?, schema),
        Expr::Call(Function::Min | Function::Max, a) => {
            let first = unit_of(a.first()?, schema);
            first.filter(|u| a.get(1).is_some_and(|b| literal(b) || unit_of(b, schema).as_ref() == Some(u)))
        }
        Expr::If(_, a, b) | Expr::Binary(BinaryOp::Add | BinaryOp::Subtract, a, b) => {
            let (left, right) = (unit_of(a, schema), unit_of(b, schema));
            match (literal(a), literal(b)) {
                (false, true) => left,
                (true, false) => right,
                _ => left.filter(|l| right.as_ref() == Some(l)),
            }
        }
        Expr::Binary(BinaryOp::Multiply, a, b) if literal(a) => unit_of(b, schema),
        Expr::Binary(BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Remainder, a, b) if literal(b) => {
            unit_of(a, schema)
        }
        _ => None,
    }
}
