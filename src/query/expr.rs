//! The one expression language. Closures, SQL conditions, property maps and column names all become an [`Expr`].
//!
//! An expression is plain data: it names columns and knows nothing of files, Rhai or SQL. The one exception is
//! [`Expr::Script`], the row-by-row fallback for what cannot be translated.

use std::fmt;
use std::sync::Arc;

use crate::diag::Result;
use crate::model::IdSet;

/// One value: a constant in an expression, a result, a cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: `()` in a script, NULL in SQL.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(Arc<str>),
}

impl Value {
    /// The name of its type, as an error message says it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a truth value",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
        }
    }

    /// The number in it.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Value::Int(i) => Some(i as f64),
            Value::Float(f) => Some(f),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("()"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => write!(f, "{x:?}"),
            Value::Text(t) => write!(f, "\"{t}\""),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Value::Int(i)
    }
}
impl From<f64> for Value {
    fn from(f: f64) -> Self {
        Value::Float(f)
    }
}
impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

/// An operator between two expressions.
#[allow(missing_docs)] // the names say it
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    /// Between whole numbers the whole part, as in Rhai and SQL; else the quotient.
    Divide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl BinaryOp {
    /// The sign, as a script writes it.
    pub fn sign(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
            BinaryOp::Power => "**",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::And => "&&",
            BinaryOp::Or => "||",
        }
    }

    /// Whether it is a comparison.
    pub fn compares(self) -> bool {
        use BinaryOp::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        matches!(self, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
    }
}

/// A function of one or two expressions.
#[allow(missing_docs)] // the names say it
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Abs,
    Sqrt,
    Exp,
    Ln,
    Log10,
    Sin,
    Cos,
    Atan2,
    Floor,
    Ceiling,
    Round,
    /// The whole part, as an integer.
    ToInt,
    ToFloat,
    Lower,
    Upper,
    /// The number of characters.
    Length,
    /// The smaller of two.
    Min,
    /// The larger of two.
    Max,
}

impl Function {
    /// Each function and the names under which closures and SQL know it; the first is shown.
    pub const NAMES: &[(Function, &[&str])] = &[
        (Function::Abs, &["abs"]),
        (Function::Sqrt, &["sqrt"]),
        (Function::Exp, &["exp"]),
        (Function::Ln, &["ln"]),
        (Function::Log10, &["log", "log10"]),
        (Function::Sin, &["sin"]),
        (Function::Cos, &["cos"]),
        (Function::Atan2, &["atan2", "atan"]),
        (Function::Floor, &["floor"]),
        (Function::Ceiling, &["ceiling", "ceil"]),
        (Function::Round, &["round"]),
        (Function::ToInt, &["to_int", "int"]),
        (Function::ToFloat, &["to_float", "float"]),
        (Function::Lower, &["to_lower", "lower"]),
        (Function::Upper, &["to_upper", "upper"]),
        (Function::Length, &["len", "length"]),
        (Function::Min, &["min", "least"]),
        (Function::Max, &["max", "greatest"]),
    ];

    /// The function of that name with so many arguments.
    pub fn named(name: &str, arguments: usize) -> Option<Function> {
        let (function, _) = Self::NAMES.iter().find(|(_, names)| names.contains(&name))?;
        (function.arity() == arguments).then_some(*function)
    }

    /// The name that is shown.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(f, _)| *f == self).map_or("?", |(_, names)| names[0])
    }

    /// How many arguments it takes.
    pub fn arity(self) -> usize {
        if matches!(self, Function::Atan2 | Function::Min | Function::Max) { 2 } else { 1 }
    }
}

/// How a text is matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// SQL's LIKE: `%` any text, `_` one character; case counts.
    Like(String),
    /// SQL's ILIKE: the same, case does not count.
    ILike(String),
    /// A regular expression that must match the whole text.
    Regex(String),
    /// The text begins with this.
    StartsWith(String),
    /// The text ends with this.
    EndsWith(String),
    /// The text holds this.
    Contains(String),
}

/// What a value may be a member of.
#[derive(Clone, Debug)]
pub enum Members {
    /// Some constants.
    Values(Vec<Value>),
    /// A set of cell ids.
    Ids(IdSet),
    /// The cells of a target or node set, looked up when the circuit is known.
    Group(String),
}

/// A function that a script computes row by row, because it could not be translated.
pub trait RowFunction: Send + Sync {
    /// The value for one row.
    ///
    /// # Errors
    /// Whatever the script's code fails with.
    fn call(&self, row: &Arc<dyn Row>) -> Result<Value>;

    /// The columns that it may ask for, as names and paths (`pre.mtype`); `None` if that cannot be known.
    fn columns(&self) -> Option<Vec<String>>;

    /// The text of the function, for `explain()`.
    fn text(&self) -> String;

    /// Why it could not be translated, with the place, for `explain()`.
    fn reason(&self) -> String;

    /// Whether rows must be computed one after the other (the function changes a captured variable).
    fn serial(&self) -> bool;
}

/// One row, as a [`RowFunction`] sees it.
pub trait Row: Send + Sync {
    /// The value of a column by name, alias or path (`pre.mtype`).
    ///
    /// # Errors
    /// When there is no such column, or its file is damaged.
    fn get(&self, column: &str) -> Result<Value>;

    /// Every name that [`get`](Self::get) accepts without navigation.
    fn names(&self) -> Vec<String>;
}

/// An expression over the columns of a table.
#[derive(Clone)]
pub enum Expr {
    /// A column by name, alias or path: `delay`, `g_syn`, `pre.mtype`.
    Column(String),
    /// A constant.
    Literal(Value),
    /// Logical not.
    Not(Box<Expr>),
    /// The negative number.
    Negate(Box<Expr>),
    /// An operator between two expressions.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Membership.
    In(Box<Expr>, Members),
    /// A text pattern.
    Match(Box<Expr>, Pattern),
    /// Whether there is no value.
    IsNull(Box<Expr>),
    /// A function.
    Call(Function, Vec<Expr>),
    /// A choice: condition, then, else.
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// The row-by-row fallback.
    Script(Arc<dyn RowFunction>),
}

impl Expr {
    /// The column of that name.
    pub fn column(name: impl Into<String>) -> Expr {
        Expr::Column(name.into())
    }

    /// A constant.
    pub fn literal(value: impl Into<Value>) -> Expr {
        Expr::Literal(value.into())
    }

    /// An operator between two expressions.
    pub fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
        Expr::Binary(op, Box::new(left), Box::new(right))
    }

    /// Both of two conditions.
    #[must_use]
    pub fn and(self, other: Expr) -> Expr {
        Expr::binary(BinaryOp::And, self, other)
    }

    /// The opposite condition.
    #[must_use]
    pub fn negated(self) -> Expr {
        Expr::Not(Box::new(self))
    }

    /// `low <= self && self <= high`, both ends included, as in SQL.
    #[must_use]
    pub fn between(self, low: Expr, high: Expr) -> Expr {
        Expr::binary(BinaryOp::GreaterOrEqual, self.clone(), low).and(Expr::binary(
            BinaryOp::LessOrEqual,
            self,
            high,
        ))
    }

    /// Calls `see` with every part of the expression, outermost first.
    pub fn walk(&self, see: &mut dyn FnMut(&Expr)) {
        see(self);
        match self {
            Expr::Column(_) | Expr::Literal(_) | Expr::Script(_) => {}
            Expr::Not(e) | Expr::Negate(e) | Expr::In(e, _) | Expr::Match(e, _) | Expr::IsNull(e) => {
                e.walk(see);
            }
            Expr::Binary(_, a, b) => {
                a.walk(see);
                b.walk(see);
            }
            Expr::Call(_, arguments) => arguments.iter().for_each(|a| a.walk(see)),
            Expr::If(c, a, b) => {
                c.walk(see);
                a.walk(see);
                b.walk(see);
            }
        }
    }

    /// The same with every column replaced by what `define` gives for its name.
    #[must_use]
    pub fn substitute(&self, define: &dyn Fn(&str) -> Option<Expr>) -> Expr {
        let go = |e: &Expr| Box::new(e.substitute(define));
        match self {
            Expr::Column(name) => define(name).unwrap_or_else(|| self.clone()),
            Expr::Literal(_) | Expr::Script(_) => self.clone(),
            Expr::Not(e) => Expr::Not(go(e)),
            Expr::Negate(e) => Expr::Negate(go(e)),
            Expr::Binary(op, a, b) => Expr::Binary(*op, go(a), go(b)),
            Expr::In(e, members) => Expr::In(go(e), members.clone()),
            Expr::Match(e, pattern) => Expr::Match(go(e), pattern.clone()),
            Expr::IsNull(e) => Expr::IsNull(go(e)),
            Expr::Call(f, arguments) => {
                Expr::Call(*f, arguments.iter().map(|a| a.substitute(define)).collect())
            }
            Expr::If(c, a, b) => Expr::If(go(c), go(a), go(b)),
        }
    }

    /// Whether some part is computed row by row.
    pub fn has_script(&self) -> bool {
        let mut found = false;
        self.walk(&mut |e| found |= matches!(e, Expr::Script(_)));
        found
    }

    /// The parts of a conjunction, in order.
    pub fn conjuncts(self) -> Vec<Expr> {
        match self {
            Expr::Binary(BinaryOp::And, a, b) => {
                let mut parts = a.conjuncts();
                parts.extend(b.conjuncts());
                parts
            }
            other => vec![other],
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Column(name) => f.write_str(name),
            Expr::Literal(value) => write!(f, "{value}"),
            Expr::Not(e) => write!(f, "!({e})"),
            Expr::Negate(e) => write!(f, "-({e})"),
            Expr::Binary(op, a, b) => {
                let part = |f: &mut fmt::Formatter<'_>, e: &Expr| match e {
                    Expr::Binary(inner, ..) if inner != op || inner.compares() => write!(f, "({e})"),
                    _ => write!(f, "{e}"),
                };
                part(f, a)?;
                write!(f, " {} ", op.sign())?;
                part(f, b)
            }
            Expr::In(e, Members::Values(values)) => {
                write!(f, "{e} in [")?;
                for (i, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Expr::In(e, Members::Ids(ids)) => write!(f, "{e} in {{{} cells}}", ids.sorted().len()),
            Expr::In(e, Members::Group(name)) => write!(f, "{e} in \"{name}\""),
            Expr::Match(e, Pattern::Like(p)) => write!(f, "{e} like \"{p}\""),
            Expr::Match(e, Pattern::ILike(p)) => write!(f, "{e} ilike \"{p}\""),
            Expr::Match(e, Pattern::Regex(p)) => write!(f, "{e} matches \"{p}\""),
            Expr::Match(e, Pattern::StartsWith(p)) => write!(f, "{e}.starts_with(\"{p}\")"),
            Expr::Match(e, Pattern::EndsWith(p)) => write!(f, "{e}.ends_with(\"{p}\")"),
            Expr::Match(e, Pattern::Contains(p)) => write!(f, "{e}.contains(\"{p}\")"),
            Expr::IsNull(e) => write!(f, "{e} == ()"),
            Expr::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                for (i, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            Expr::If(c, a, b) => write!(f, "if {c} {{ {a} }} else {{ {b} }}"),
            Expr::Script(function) => f.write_str(&function.text()),
        }
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
