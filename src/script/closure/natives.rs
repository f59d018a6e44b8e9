//! Native functions that have a counterpart in the expression language, and membership.

use std::ops::{Range, RangeInclusive};

use rhai::{Array, Blob, Dynamic, Map, Position};

use super::calls::known;
use super::translator::{Term, Translator, expr_of, kind, unit, within};
use super::{Reason, Step, settled};
use crate::query::{BinaryOp, Expr, Function, Members, Pattern, Value};
use crate::script::api::cells::Cells;
use crate::script::convert::scalar;

impl Translator<'_> {
    /// A native function: those that have a counterpart in the expression language.
    pub(super) fn native(&mut self, name: &str, mut arguments: Vec<Term>, at: Position) -> Step<Term> {
        let refuse = || Reason::new(format!("calls `{name}`, which only Rhai can run"), at);
        let pure = Function::named(name, arguments.len()).is_some() || EVALUATED.contains(&name);
        if pure && let Some(constants) = known(&arguments) {
            return self.evaluated(name, constants, at);
        }
        let text = |term: Option<Term>| match term {
            Some(Term::Constant(value)) => match scalar(&value) {
                Some(Value::Text(text)) => Ok(text.to_string()),
                _ => Err(refuse()),
            },
            _ => Err(Reason::new(
                format!("calls `{name}` with a text that is not known before the rows are read"),
                at,
            )),
        };
        match (name, arguments.len()) {
            ("contains", 2) => {
                let item = arguments.pop().unwrap_or_else(unit);
                let container = arguments.pop().unwrap_or_else(unit);
                return self.membership(container, item, at);
            }
            ("starts_with" | "ends_with", 2) => {
                let part = text(arguments.pop())?;
                let of = expr_of(arguments.pop().unwrap_or_else(unit), at)?;
                let pattern =
                    if name == "starts_with" { Pattern::StartsWith(part) } else { Pattern::EndsWith(part) };
                return Ok(Term::Computed(Expr::Match(Box::new(of), pattern)));
            }
            _ => {}
        }
        let arguments = arguments.into_iter().map(|a| expr_of(a, at)).collect::<Step<Vec<_>>>()?;
        let parts = |translator: &mut Self| arguments.iter().try_for_each(|a| translator.spend(a, at));
        let call = |function: Function, arguments: Vec<Expr>| Expr::Call(function, arguments);
        let expr = match (name, arguments.as_slice()) {
            ("is_nan", [x]) => {
                parts(self)?;
                Expr::binary(BinaryOp::NotEqual, x.clone(), x.clone())
            }
            ("is_empty", [x]) => {
                Expr::binary(BinaryOp::Equal, call(Function::Length, vec![x.clone()]), Expr::literal(0))
            }
            ("is_zero", [x]) => Expr::binary(BinaryOp::Equal, x.clone(), Expr::literal(0)),
            ("is_odd" | "is_even", [x]) => {
                let remainder = Expr::binary(BinaryOp::Remainder, x.clone(), Expr::literal(2));
                let op = if name == "is_odd" { BinaryOp::NotEqual } else { BinaryOp::Equal };
                Expr::binary(op, remainder, Expr::literal(0))
            }
            ("tan", [x]) => {
                parts(self)?;
                let (sin, cos) = (call(Function::Sin, vec![x.clone()]), call(Function::Cos, vec![x.clone()]));
                Expr::binary(BinaryOp::Divide, sin, cos)
            }
            ("log", [x, base]) => {
                let ln = |x: &Expr| call(Function::Ln, vec![x.clone()]);
                Expr::binary(BinaryOp::Divide, ln(x), ln(base))
            }
            ("atan", [x]) => call(Function::Atan2, vec![x.clone(), Expr::literal(1.0)]),
            ("hypot", [x, y]) => {
                parts(self)?;
                let square = |e: &Expr| Expr::binary(BinaryOp::Multiply, e.clone(), e.clone());
                call(Function::Sqrt, vec![Expr::binary(BinaryOp::Add, square(x), square(y))])
            }
            // Rhai's `int` and `fraction` of a float are floats.
            ("int" | "fraction" | "is_finite" | "is_infinite", _) => return Err(refuse()),
            (_, arguments) => match Function::named(name, arguments.len()) {
                Some(function) => call(function, arguments.to_vec()),
                None => return Err(refuse()),
            },
        };
        Ok(Term::Computed(expr))
    }

    /// `item in container`, which Rhai writes as `contains(container, item)`.
    pub(super) fn membership(&mut self, container: Term, item: Term, at: Position) -> Step<Term> {
        match (container, item) {
            (Term::Constant(container), Term::Constant(item)) => {
                self.evaluated("contains", vec![container, item], at)
            }
            (Term::Constant(container), item) => self.among(&container, expr_of(item, at)?, at),
            (Term::List(items), item) => {
                let item = expr_of(item, at)?;
                let mut any: Option<Expr> = None;
                for one in items {
                    self.spend(&item, at)?;
                    let equal = self.operation("==", Term::Computed(item.clone()), one, at)?;
                    let equal = expr_of(equal, at)?;
                    any = Some(any.map_or(equal.clone(), |before| Expr::binary(BinaryOp::Or, before, equal)));
                }
                Ok(any.map_or(Term::Constant(false.into()), Term::Computed))
            }
            (Term::Span(low, high, end), item) => {
                let (item, low, high) = (expr_of(item, at)?, expr_of(*low, at)?, expr_of(*high, at)?);
                self.spend(&item, at)?;
                Ok(Term::Computed(within(item, low, high, end)))
            }
            (container, Term::Constant(item)) => match scalar(&item) {
                Some(Value::Text(part)) => {
                    let of = expr_of(container, at)?;
                    Ok(Term::Computed(Expr::Match(Box::new(of), Pattern::Contains(part.to_string()))))
                }
                _ => Err(Reason::new(format!("looks for {} in a value of the row", kind(&item)), at)),
            },
            _ => Err(Reason::new("looks for a text that is not known before the rows are read", at)),
        }
    }

    /// Membership in something that is known.
    fn among(&mut self, container: &Dynamic, item: Expr, at: Position) -> Step<Term> {
        if let Some(range) = container.read_lock::<Range<i64>>() {
            self.spend(&item, at)?;
            // An open range ends at the largest number there is.
            let low = Expr::literal(range.start);
            return Ok(Term::Computed(if range.end == i64::MAX {
                Expr::binary(BinaryOp::GreaterOrEqual, item, low)
            } else {
                within(item, low, Expr::literal(range.end), false)
            }));
        }
        if let Some(range) = container.read_lock::<RangeInclusive<i64>>() {
            self.spend(&item, at)?;
            return Ok(Term::Computed(within(
                item,
                Expr::literal(*range.start()),
                Expr::literal(*range.end()),
                true,
            )));
        }
        if let Some(cells) = container.read_lock::<Cells>() {
            let ids = cells
                .ids()
                .map_err(|e| Reason::new(format!("asks for cells that fail: {}", e.message()), at))?;
            return Ok(Term::Computed(Expr::In(Box::new(item), Members::Ids(ids))));
        }
        let values: Option<Vec<Value>> = if let Some(array) = container.read_lock::<Array>() {
            array.iter().map(|v| scalar(&settled(v))).collect()
        } else if let Some(blob) = container.read_lock::<Blob>() {
            Some(blob.iter().map(|b| Value::Int(i64::from(*b))).collect())
        } else {
            let map = container.read_lock::<Map>();
            map.map(|map| map.keys().map(|key| Value::from(key.as_str())).collect())
        };
        match values {
            Some(values) => Ok(Term::Computed(Expr::In(Box::new(item), Members::Values(values)))),
            None => Err(Reason::new(format!("looks for a value of the row in {}", kind(container)), at)),
        }
    }
}

/// Functions that have no counterpart but can be computed at once where all is known; none depends on anything else.
const EVALUATED: &[&str] = &[
    "PI",
    "E",
    "contains",
    "starts_with",
    "ends_with",
    "sub_string",
    "to_string",
    "trim",
    "hypot",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "log",
    "parse_int",
    "parse_float",
    "to_degrees",
    "to_radians",
    "is_nan",
    "is_empty",
    "is_zero",
    "is_odd",
    "is_even",
    "int",
    "fraction",
    "keys",
    "values",
    "split",
    "index_of",
];
