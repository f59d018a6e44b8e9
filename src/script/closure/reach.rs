//! Dots and brackets: what is reached from the row, and from values that are known.

use rhai::{ASTFlags, Array, Dynamic, Expr as Ast, ImmutableString, Map, Position};

use super::translator::{Scope, Term, Translator, choice, expr_of, kind};
use super::uses::is_getter;
use super::{Reason, Step, settled};
use crate::query::{BinaryOp, Expr, Value};
use crate::script::convert::{UNITS, scalar};

/// The largest captured map whose look-up is written as a choice.
const LOOK_UP: usize = 64;

impl Translator<'_> {
    /// Follows the links of a chain from what its first part stands for.
    pub(super) fn chain(&mut self, start: Term, link: &Ast, scope: &mut Scope) -> Step<Term> {
        let (parts, flags, dot) = match link {
            Ast::Dot(parts, flags, _) => (parts, flags, true),
            Ast::Index(parts, flags, _) => (parts, flags, false),
            _ => return Err(Reason::new("uses a chain that only Rhai can follow", link.position())),
        };
        // `a.b.c` is a, then b.c; the flag says that nothing follows.
        if !flags.contains(ASTFlags::BREAK)
            && let Ast::Dot(rest, ..) | Ast::Index(rest, ..) = &parts.rhs
        {
            let next = self.link(start, &rest.lhs, dot, scope)?;
            return self.chain(next, &parts.rhs, scope);
        }
        self.link(start, &parts.rhs, dot, scope)
    }

    fn link(&mut self, on: Term, link: &Ast, dot: bool, scope: &mut Scope) -> Step<Term> {
        let at = link.position();
        if !dot {
            let index = self.term(link, scope)?;
            return self.element(on, index, at);
        }
        match link {
            Ast::Property(property, at) => self.property(on, &property.2, *at),
            Ast::MethodCall(call, at) => {
                let arguments = call.args.iter().map(|a| self.term(a, scope)).collect::<Step<Vec<_>>>()?;
                self.method(on, &call.name, arguments, *at, scope)
            }
            _ => Err(Reason::new("uses a chain that only Rhai can follow", at)),
        }
    }

    fn property(&mut self, on: Term, name: &str, at: Position) -> Step<Term> {
        match on {
            Term::Path(path) if path.is_empty() => Ok(Term::Path(name.to_owned())),
            Term::Path(path) if !is_getter(name) => Ok(Term::Path(format!("{path}.{name}"))),
            Term::Computed(expr) if !is_getter(name) => match reached(&expr, name) {
                Some(expr) => Ok(Term::Computed(expr)),
                None => Err(Reason::new(format!("asks for `{name}` of a computed value"), at)),
            },
            Term::Constant(value) => self.constant_property(value, name, at),
            Term::List(_) | Term::Span(..) => {
                Err(Reason::new(format!("asks for `{name}` of something that is made for each row"), at))
            }
            Term::Path(_) | Term::Computed(_) => match UNITS.iter().find(|(unit, _)| *unit == name) {
                Some((_, factor)) => self.operation("*", on, Term::Constant((*factor).into()), at),
                None => self.native(name, vec![on], at),
            },
        }
    }

    /// A property of a value that is known: a number with a unit, a key of a map, a fact of a circuit.
    fn constant_property(&self, mut value: Dynamic, name: &str, at: Position) -> Step<Term> {
        if let Some(number) = scalar(&value).and_then(|v| v.as_f64())
            && let Some((_, factor)) = UNITS.iter().find(|(unit, _)| *unit == name)
        {
            return Ok(Term::Constant((number * factor).into()));
        }
        if let Some(map) = value.read_lock::<Map>() {
            return Ok(Term::Constant(map.get(name).map_or(Dynamic::UNIT, settled)));
        }
        let result = self.ctx.call_native_fn_raw(format!("get${name}"), true, &mut [&mut value]);
        result
            .map(Term::Constant)
            .map_err(|_| Reason::new(format!("asks for `{name}` of {}", kind(&value)), at))
    }

    /// `a[b]`.
    fn element(&mut self, on: Term, index: Term, at: Position) -> Step<Term> {
        let by_name = match &index {
            Term::Constant(index) => index.read_lock::<ImmutableString>().map(|name| name.clone()),
            _ => None,
        };
        let by_number = match &index {
            Term::Constant(index) => index.as_int().ok(),
            _ => None,
        };
        match (on, by_name, by_number) {
            // A column's name may hold anything, also what a path cannot.
            (Term::Path(path), Some(name), _) if path.is_empty() => Ok(Term::Path(name.to_string())),
            (Term::Path(path), Some(name), _) => Ok(Term::Path(format!("{path}.{name}"))),
            (Term::List(items), _, Some(i)) => match position(i, items.len()).and_then(|i| items.get(i)) {
                Some(item) => self.spent(item.clone(), at),
                None => Err(Reason::new("asks an array for an element that it does not have", at)),
            },
            (Term::Constant(value), name, number) => self.constant_element(&value, name, number, index, at),
            _ => Err(Reason::new("uses an index that only Rhai can follow", at)),
        }
    }

    fn constant_element(
        &mut self,
        value: &Dynamic,
        name: Option<ImmutableString>,
        number: Option<i64>,
        index: Term,
        at: Position,
    ) -> Step<Term> {
        if let Some(map) = value.read_lock::<Map>() {
            return match name {
                Some(name) => Ok(Term::Constant(map.get(name.as_str()).map_or(Dynamic::UNIT, settled))),
                None => self.look_up(&map, index, at),
            };
        }
        if let Some(array) = value.read_lock::<Array>()
            && let Some(number) = number
        {
            let item = position(number, array.len()).and_then(|i| array.get(i));
            return match item {
                Some(item) => Ok(Term::Constant(settled(item))),
                None => Err(Reason::new("asks an array for an element that it does not have", at)),
            };
        }
        Err(Reason::new(format!("uses an index into {}", kind(value)), at))
    }

    /// `names[s.mtype]` with a map that is known: a choice between its values.
    fn look_up(&mut self, map: &Map, key: Term, at: Position) -> Step<Term> {
        if map.len() > LOOK_UP {
            return Err(Reason::new(format!("looks things up in a map with {} keys", map.len()), at));
        }
        let key = expr_of(key, at)?;
        let mut value = Expr::Literal(Value::Null);
        for (name, item) in map.iter().rev() {
            self.spend(&key, at)?;
            let item = expr_of(Term::Constant(item.clone()), at)?;
            value =
                choice(Expr::binary(BinaryOp::Equal, key.clone(), Expr::literal(name.as_str())), item, value);
        }
        Ok(Term::Computed(value))
    }
}

/// A cell's property through a choice between links: `(if a { s.pre } else { s.post }).layer`.
fn reached(expr: &Expr, name: &str) -> Option<Expr> {
    match expr {
        Expr::Column(path) => Some(Expr::Column(format!("{path}.{name}"))),
        Expr::If(condition, a, b) => {
            Some(choice((**condition).clone(), reached(a, name)?, reached(b, name)?))
        }
        _ => None,
    }
}

/// The place in an array that an index means; a negative one counts from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok()
    }
}
