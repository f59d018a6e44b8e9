//! Calls of script functions, which are written out in place, and operators.

use rhai::{Dynamic, FnCallExpr, FnPtr, Position};

use super::translator::{Scope, Term, Translator, expr_of};
use super::{Lambda, Reason, Step, settled};
use crate::query::{BinaryOp, Expr, Value};

/// How deep calls of script functions are written out in place.
const DEPTH: usize = 24;
/// Methods that do something besides giving a value: they are not called before the rows are read.
const ACTING: &[&str] = &["save", "show", "plot", "print", "debug"];

impl Translator<'_> {
    pub(super) fn method(
        &mut self,
        on: Term,
        name: &str,
        arguments: Vec<Term>,
        at: Position,
        scope: &Scope,
    ) -> Step<Term> {
        if let Term::Constant(value) = &on
            && let Some(function) = value.read_lock::<FnPtr>()
            && name == "call"
        {
            return self.pointer(&function.clone(), arguments, at, scope);
        }
        // A method that the script defines for this very type is Rhai's business; a general one sees `this`.
        if let Some(lambda) = self.functions.find(name, arguments.len(), scope.home.as_ref()) {
            return self.script(&lambda, 0, arguments, Some(on), at);
        }
        if let Term::Constant(value) = &on
            && self.is_ours(value)
            && !ACTING.iter().any(|acting| name.starts_with(acting))
            && let Some(arguments) = known(&arguments)
        {
            return self.evaluated(name, std::iter::once(value.clone()).chain(arguments).collect(), at);
        }
        let mut all = vec![on];
        all.extend(arguments);
        self.native(name, all, at)
    }

    pub(super) fn call(&mut self, call: &FnCallExpr, at: Position, scope: &mut Scope) -> Step<Term> {
        let name = call.name.as_str();
        if call.capture_parent_scope {
            return Err(Reason::new(format!("calls `{name}!`, which sees the variables around it"), at));
        }
        // `x in a..b` has its range as an argument; both ends may depend on the row.
        let arguments = call.args.iter().map(|a| self.term(a, scope)).collect::<Step<Vec<_>>>()?;
        if call.is_qualified() {
            let path: Vec<&str> = call.namespace.path.iter().map(|ident| ident.name.as_str()).collect();
            let module = self.module(&path, scope);
            let found = module.and_then(|m| {
                let definition = m.get_script_fn(name, arguments.len())?.clone();
                Some(Lambda::new(&definition, Some(m)))
            });
            return match found {
                Some(lambda) => self.script(&lambda, 0, arguments, None, at),
                None => Err(Reason::new(
                    format!("calls `{}::{name}`, which is no script function", path.join("::")),
                    at,
                )),
            };
        }
        if call.is_operator_call() {
            return self.signed(name, arguments, at);
        }
        if let Some(lambda) = self.functions.find(name, arguments.len(), scope.home.as_ref()) {
            return self.script(&lambda, 0, arguments, None, at);
        }
        if name == "call"
            && let Some(Term::Constant(value)) = arguments.first()
            && let Some(function) = value.read_lock::<FnPtr>()
        {
            let rest = arguments[1..].to_vec();
            return self.pointer(&function.clone(), rest, at, scope);
        }
        self.native(name, arguments, at)
    }

    /// A call through a function pointer that is known.
    fn pointer(&mut self, function: &FnPtr, arguments: Vec<Term>, at: Position, scope: &Scope) -> Step<Term> {
        let mut all: Vec<Term> = function.iter_curry().map(|v| Term::Constant(settled(v))).collect();
        all.extend(arguments);
        match self.functions.find(function.fn_name(), all.len(), scope.home.as_ref()) {
            Some(lambda) => self.script(&lambda, function.curry().len(), all, None, at),
            None => self.native(function.fn_name(), all, at),
        }
    }

    /// A script function is written out in place.
    fn script(
        &mut self,
        lambda: &Lambda,
        captured: usize,
        arguments: Vec<Term>,
        this: Option<Term>,
        at: Position,
    ) -> Step<Term> {
        let name = &lambda.name;
        if self.depth >= DEPTH {
            return Err(Reason::new(format!("calls `{name}`, which calls others too deeply"), at));
        }
        self.depth += 1;
        let result = self.inline(lambda, captured, arguments, this);
        self.depth -= 1;
        result.map_err(|inner| {
            // A long chain of calls says no more than its end.
            if inner.what.matches(", which ").count() > 2 {
                return inner;
            }
            let at = if inner.at.is_none() { at } else { inner.at };
            Reason::new(format!("calls `{name}`, which {}", inner.what), at)
        })
    }

    /// An operator in front of one thing or between two.
    fn signed(&mut self, sign: &str, mut arguments: Vec<Term>, at: Position) -> Step<Term> {
        if arguments.len() == 2
            && let (Some(right), Some(left)) = (arguments.pop(), arguments.pop())
        {
            return match sign {
                ".." | "..=" => Ok(Term::Span(Box::new(left), Box::new(right), sign == "..=")),
                "contains" => self.membership(left, right, at),
                _ => self.operation(sign, left, right, at),
            };
        }
        let Some(one) = arguments.pop() else { return Err(Reason::new(format!("uses `{sign}`"), at)) };
        match (sign, one) {
            ("+", one) => Ok(one),
            ("-" | "!", Term::Constant(value)) => self.evaluated(sign, vec![value], at),
            ("-", one) => Ok(Term::Computed(Expr::Negate(Box::new(expr_of(one, at)?)))),
            ("!", one) => Ok(Term::Computed(expr_of(one, at)?.negated())),
            _ => Err(Reason::new(format!("uses the operator `{sign}`"), at)),
        }
    }

    pub(super) fn operation(&mut self, sign: &str, left: Term, right: Term, at: Position) -> Step<Term> {
        if let (Term::Constant(a), Term::Constant(b)) = (&left, &right) {
            return self.evaluated(sign, vec![a.clone(), b.clone()], at);
        }
        let is_unit = |term: &Term| matches!(term, Term::Constant(value) if value.is_unit());
        if matches!(sign, "==" | "!=") && (is_unit(&left) || is_unit(&right)) {
            let tested = expr_of(if is_unit(&left) { right } else { left }, at)?;
            let null = Expr::IsNull(Box::new(tested));
            return Ok(Term::Computed(if sign == "==" { null } else { null.negated() }));
        }
        let (left, right) = (expr_of(left, at)?, expr_of(right, at)?);
        let op = match operator(sign) {
            Some(op) => op,
            // Between conditions, `&` and `|` are `&&` and `||` that do not stop early.
            None if matches!(sign, "&" | "|") && is_condition(&left) && is_condition(&right) => {
                if sign == "&" { BinaryOp::And } else { BinaryOp::Or }
            }
            None => return Err(Reason::new(format!("uses the operator `{sign}`"), at)),
        };
        Ok(Term::Computed(Expr::binary(op, left, right)))
    }

    /// Whether a captured value is a thing of the language (a circuit, cells, a table): none of them changes, so that
    /// what their methods give can be asked for once, before the rows are read.
    fn is_ours(&self, value: &Dynamic) -> bool {
        let name = self.ctx.engine().map_type_name(value.type_name());
        crate::script::registry::entries().iter().any(|entry| !entry.on.is_empty() && entry.on == name)
    }

    /// What Rhai makes of constants.
    pub(super) fn evaluated(&self, name: &str, mut arguments: Vec<Dynamic>, at: Position) -> Step<Term> {
        let mut references: Vec<&mut Dynamic> = arguments.iter_mut().collect();
        let result = self.ctx.call_native_fn_raw(name, false, &mut references);
        result
            .map(|value| Term::Constant(value.flatten()))
            .map_err(|_| Reason::new(format!("fails at `{name}`"), at))
    }
}

fn operator(sign: &str) -> Option<BinaryOp> {
    Some(match sign {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Subtract,
        "*" => BinaryOp::Multiply,
        "/" => BinaryOp::Divide,
        "%" => BinaryOp::Remainder,
        "**" => BinaryOp::Power,
        "==" => BinaryOp::Equal,
        "!=" => BinaryOp::NotEqual,
        "<" => BinaryOp::Less,
        "<=" => BinaryOp::LessOrEqual,
        ">" => BinaryOp::Greater,
        ">=" => BinaryOp::GreaterOrEqual,
        _ => return None,
    })
}

/// Whether the expression can only be true or false.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Not(_) | Expr::In(..) | Expr::Match(..) | Expr::IsNull(_) | Expr::Literal(Value::Bool(_)) => {
            true
        }
        Expr::Binary(op, ..) => op.compares() || matches!(op, BinaryOp::And | BinaryOp::Or),
        _ => false,
    }
}

/// The values of some terms, if all are known.
pub(super) fn known(terms: &[Term]) -> Option<Vec<Dynamic>> {
    terms.iter().map(|t| if let Term::Constant(value) = t { Some(value.clone()) } else { None }).collect()
}
