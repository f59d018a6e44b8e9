//! From the syntax tree of a script function to an expression over the columns of its row.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use rhai::{
    ASTFlags, Array, Blob, Dynamic, Expr as Ast, FlowControl, FnCallExpr, FnPtr, ImmutableString, Map,
    Module, NativeCallContext, Position, RangeCase, Stmt, SwitchCasesCollection,
};

use super::uses::is_getter;
use super::{Functions, Lambda, Reason, Step, cases, settled};
use crate::query::{BinaryOp, Expr, Function, Members, Pattern, Value};
use crate::script::api::cells::Cells;
use crate::script::convert::{UNITS, scalar};

/// How deep calls of script functions are written out in place.
const DEPTH: usize = 24;
/// How many parts an expression may have: a `let` that is used often is written out as often.
const PARTS: usize = 4096;
/// The largest captured map whose look-up is written as a choice.
const LOOK_UP: usize = 64;

/// Translates a function whose first parameters are bound to captured values and whose last is the row.
pub(super) fn translate(
    ctx: &NativeCallContext,
    functions: &Functions,
    lambda: &Lambda,
    captured: Vec<Dynamic>,
) -> Step<Expr> {
    let captured_count = captured.len();
    let mut arguments: Vec<Term> = captured.into_iter().map(Term::Constant).collect();
    arguments.push(Term::Path(String::new()));
    let mut translator = Translator { ctx, functions, parts: 0, depth: 0 };
    let result = translator.inline(lambda, captured_count, arguments, None)?;
    expr_of(result, Position::NONE)
}

/// What a part of the script stands for.
#[derive(Clone)]
enum Term {
    /// The row (an empty path), or what is reached from it.
    Path(String),
    /// A value that is known now.
    Constant(Dynamic),
    /// An array of which not everything is known now.
    List(Vec<Term>),
    /// A range of which not everything is known now, and whether it has its end.
    Span(Box<Term>, Box<Term>, bool),
    /// Something computed of each row.
    Computed(Expr),
}

/// A local variable.
#[derive(Clone)]
struct Variable {
    name: ImmutableString,
    term: Term,
    /// How often it was assigned, so that branches can be compared.
    version: usize,
    /// It belongs to the script around the closure.
    captured: bool,
}

/// What names mean where a statement stands.
#[derive(Clone, Default)]
struct Scope {
    variables: Vec<Variable>,
    this: Option<Term>,
    home: Option<Arc<Module>>,
}

/// What a block does: it returns under some conditions, tried in order, or else comes to its end with a value.
struct Flow {
    returns: Vec<(Option<Expr>, Term)>,
    /// Nothing, if it always returns.
    end: Option<Term>,
}

impl Flow {
    fn ends(term: Term) -> Self {
        Flow { returns: Vec::new(), end: Some(term) }
    }
}

/// The value of an expression; `()` for `()`.
fn unit() -> Term {
    Term::Constant(Dynamic::UNIT)
}

fn expr_of(term: Term, at: Position) -> Step<Expr> {
    match term {
        Term::Path(path) if path.is_empty() => Err(Reason::new("uses the row as a whole", at)),
        Term::Path(path) => Ok(Expr::Column(path)),
        Term::Constant(value) => match scalar(&value) {
            Some(value) => Ok(Expr::Literal(value)),
            None => Err(Reason::new(format!("uses {} as a value", kind(&value)), at)),
        },
        Term::List(_) => Err(Reason::new("makes an array", at)),
        Term::Span(..) => Err(Reason::new("makes a range", at)),
        Term::Computed(expr) => Ok(expr),
    }
}

fn kind(value: &Dynamic) -> String {
    let name = super::super::error::type_name(value.type_name());
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {name}")
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

fn choice(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    Expr::If(Box::new(condition), Box::new(then), Box::new(otherwise))
}

struct Translator<'a> {
    ctx: &'a NativeCallContext<'a>,
    functions: &'a Functions,
    parts: usize,
    depth: usize,
}

impl Translator<'_> {
    // ---- functions and statements --------------------------------------------------------------------------

    /// The value of a script function for some arguments, the first of which are captured variables.
    fn inline(
        &mut self,
        lambda: &Lambda,
        captured: usize,
        arguments: Vec<Term>,
        this: Option<Term>,
    ) -> Step<Term> {
        let names = lambda.params.iter().cloned().zip(arguments).enumerate();
        let variables = names
            .map(|(i, (name, term))| Variable { name, term, version: 0, captured: i < captured })
            .collect();
        let mut scope = Scope { variables, this, home: lambda.home.clone() };
        let flow = self.statements(&lambda.body, &mut scope)?;
        self.value(flow)
    }

    /// The value of a function from what its body does.
    fn value(&mut self, flow: Flow) -> Step<Term> {
        let at = Position::NONE;
        let mut value = flow.end;
        for (condition, returned) in flow.returns.into_iter().rev() {
            value = Some(match (condition, value) {
                (Some(condition), Some(rest)) => self.either(condition, returned, rest, at)?,
                // The last way out is always taken where the others are not.
                _ => returned,
            });
        }
        Ok(value.unwrap_or_else(unit))
    }

    /// One of two terms.
    fn either(&mut self, condition: Expr, then: Term, otherwise: Term, at: Position) -> Step<Term> {
        let (then, otherwise) = (expr_of(then, at)?, expr_of(otherwise, at)?);
        Ok(Term::Computed(choice(condition, then, otherwise)))
    }

    /// Statements in a scope that stays as they leave it.
    fn statements(&mut self, statements: &[Stmt], scope: &mut Scope) -> Step<Flow> {
        let mut flow = Flow::ends(unit());
        for statement in statements {
            if flow.end.is_none() {
                break;
            }
            let next = self.statement(statement, scope)?;
            flow.returns.extend(next.returns);
            flow.end = next.end;
        }
        Ok(flow)
    }

    /// A block with its own variables.
    fn block(&mut self, statements: &[Stmt], scope: &mut Scope) -> Step<Flow> {
        let outside = scope.variables.len();
        let flow = self.statements(statements, scope)?;
        scope.variables.truncate(outside);
        Ok(flow)
    }

    fn statement(&mut self, statement: &Stmt, scope: &mut Scope) -> Step<Flow> {
        let at = statement.position();
        match statement {
            Stmt::Noop(_) => Ok(Flow::ends(unit())),
            Stmt::Expr(expr) => match expr.as_ref() {
                // `{ … }` at the end of a body: what returns in it returns from the function.
                Ast::Stmt(block) => self.block(block.statements(), scope),
                expr => Ok(Flow::ends(self.term(expr, scope)?)),
            },
            Stmt::FnCall(call, at) => Ok(Flow::ends(self.call(call, *at, scope)?)),
            Stmt::Block(block) => self.block(block.statements(), scope),
            Stmt::Var(variable, ..) => {
                let (name, value, _) = variable.as_ref();
                let term = self.term(value, scope)?;
                scope.variables.push(Variable { name: name.name.clone(), term, version: 0, captured: false });
                Ok(Flow::ends(unit()))
            }
            Stmt::Assignment(parts) => {
                self.assign(
                    &parts.1.lhs,
                    parts.0.get_op_assignment_info().map(|i| i.5),
                    &parts.1.rhs,
                    at,
                    scope,
                )?;
                Ok(Flow::ends(unit()))
            }
            Stmt::Return(value, flags, _) if !flags.contains(ASTFlags::BREAK) => {
                let term = match value {
                    Some(value) => self.term(value, scope)?,
                    None => unit(),
                };
                Ok(Flow { returns: vec![(None, term)], end: None })
            }
            Stmt::If(parts, _) => self.branches(parts, scope),
            Stmt::Switch(parts, at) => Ok(Flow::ends(self.switch(&parts.0, &parts.1, *at, scope)?)),
            Stmt::While(..) => Err(Reason::new("uses a `while` or `loop` loop", at)),
            Stmt::Do(..) => Err(Reason::new("uses a `do` loop", at)),
            Stmt::For(..) => Err(Reason::new("uses a `for` loop", at)),
            Stmt::Return(..) => Err(Reason::new("throws an error", at)),
            Stmt::TryCatch(..) => Err(Reason::new("uses `try`", at)),
            Stmt::Import(..) => Err(Reason::new("imports a library", at)),
            Stmt::Share(..) => Err(Reason::new("makes a closure", at)),
            _ => Err(Reason::new("uses a statement that only Rhai can run", at)),
        }
    }

    fn assign(
        &mut self,
        to: &Ast,
        op: Option<&str>,
        value: &Ast,
        at: Position,
        scope: &mut Scope,
    ) -> Step<()> {
        let target = match to {
            Ast::Variable(variable, ..) if variable.2.is_empty() => {
                scope.variables.iter().rposition(|v| v.name == variable.1)
            }
            _ => None,
        };
        let Some(target) = target else { return Err(Reason::new("assigns to a part of a variable", at)) };
        if scope.variables[target].captured {
            return Err(Reason::new(
                format!("changes the captured variable `{}`", scope.variables[target].name),
                at,
            ));
        }
        let mut term = self.term(value, scope)?;
        if let Some(sign) = op {
            let old = self.spent(scope.variables[target].term.clone(), at)?;
            term = self.operation(sign, old, term, at)?;
        }
        let variable = &mut scope.variables[target];
        variable.term = term;
        variable.version += 1;
        Ok(())
    }

    /// `if`: both branches are followed, and what they leave behind is chosen between.
    fn branches(&mut self, parts: &FlowControl, scope: &mut Scope) -> Step<Flow> {
        let at = parts.expr.position();
        let condition = match self.term(&parts.expr, scope)? {
            Term::Constant(value) => {
                let holds = value
                    .as_bool()
                    .map_err(|_| Reason::new("has an `if` on something else than a condition", at))?;
                let taken = if holds { &parts.body } else { &parts.branch };
                return self.block(taken.statements(), scope);
            }
            term => expr_of(term, at)?,
        };
        let (mut yes_scope, mut no_scope) = (scope.clone(), scope.clone());
        let yes = self.block(parts.body.statements(), &mut yes_scope)?;
        let no = self.block(parts.branch.statements(), &mut no_scope)?;
        let guard = |other: Option<Expr>| {
            Some(match other {
                None => condition.clone(),
                Some(inner) => condition.clone().and(inner),
            })
        };
        let yes_always = yes.end.is_none();
        let mut returns: Vec<_> = yes.returns.into_iter().map(|(c, term)| (guard(c), term)).collect();
        for (inner, term) in no.returns {
            // Where the first branch always returns, what comes here did not take it.
            let guarded = match (inner, yes_always) {
                (inner, true) => inner,
                (None, false) => Some(condition.clone().negated()),
                (Some(inner), false) => Some(condition.clone().negated().and(inner)),
            };
            returns.push((guarded, term));
        }
        let end = match (yes.end, no.end) {
            (Some(a), Some(b)) => {
                self.join(&condition, yes_scope, no_scope, scope, at)?;
                Some(self.value_of_branches(&condition, a, b, at)?)
            }
            (Some(a), None) => {
                *scope = yes_scope;
                Some(a)
            }
            (None, Some(b)) => {
                *scope = no_scope;
                Some(b)
            }
            (None, None) => None,
        };
        Ok(Flow { returns, end })
    }

    /// The value of an `if` whose branches both come to their ends. That of a mere statement is not asked for.
    fn value_of_branches(&mut self, condition: &Expr, a: Term, b: Term, at: Position) -> Step<Term> {
        if let (Term::Constant(a), Term::Constant(b)) = (&a, &b)
            && a.is_unit()
            && b.is_unit()
        {
            return Ok(unit());
        }
        self.spend(condition, at)?;
        self.either(condition.clone(), a, b, at)
    }

    /// The variables after an `if`: those that a branch has assigned become choices.
    fn join(&mut self, condition: &Expr, yes: Scope, no: Scope, into: &mut Scope, at: Position) -> Step<()> {
        for ((variable, a), b) in into.variables.iter_mut().zip(yes.variables).zip(no.variables) {
            if a.version == variable.version && b.version == variable.version {
                continue;
            }
            self.spend(condition, at)?;
            variable.term = self.either(condition.clone(), a.term, b.term, at)?;
            variable.version = a.version.max(b.version) + 1;
        }
        Ok(())
    }

    /// `switch`: a chain of choices, in the order in which the script writes them.
    fn switch(
        &mut self,
        on: &Ast,
        cases: &SwitchCasesCollection,
        at: Position,
        scope: &mut Scope,
    ) -> Step<Term> {
        let on = expr_of(self.term(on, scope)?, at)?;
        // The values of each block, since `1 | 2 => …` and several blocks for one value are both allowed.
        let mut values: Vec<Vec<Value>> = vec![Vec::new(); cases.expressions.len()];
        let range_of = |range: &RangeCase| match range {
            RangeCase::ExclusiveInt(_, block) | RangeCase::InclusiveInt(_, block) => *block,
        };
        for (hash, list) in &cases.cases {
            let Some(value) = cases::value_of(*hash) else {
                // A range is listed here, too.
                if list.blocks.iter().all(|block| cases.ranges.iter().any(|r| range_of(r) == *block)) {
                    continue;
                }
                return Err(Reason::new("uses a `switch` on a value that cannot be read", at));
            };
            for &block in &list.blocks {
                if let Some(slot) = values.get_mut(block) {
                    slot.push(value.clone());
                }
            }
        }
        let mut ways: Vec<(usize, Expr)> = Vec::new();
        for (block, mut values) in values.into_iter().enumerate() {
            values.sort_by_key(ToString::to_string);
            let member = match values.as_slice() {
                [] => continue,
                [Value::Null] => Expr::IsNull(Box::new(on.clone())),
                [one] => Expr::binary(BinaryOp::Equal, on.clone(), Expr::Literal(one.clone())),
                _ => Expr::In(Box::new(on.clone()), Members::Values(values)),
            };
            ways.push((block, member));
        }
        for range in &cases.ranges {
            let (low, high, end, block) = match range {
                RangeCase::ExclusiveInt(r, block) => (r.start, r.end, false, *block),
                RangeCase::InclusiveInt(r, block) => (*r.start(), *r.end(), true, *block),
            };
            ways.push((block, within(on.clone(), Expr::literal(low), Expr::literal(high), end)));
        }
        let mut value = match cases.def_case.and_then(|block| cases.expressions.get(block)) {
            Some(block) => expr_of(self.term(&block.rhs, scope)?, at)?,
            None => Expr::Literal(Value::Null),
        };
        for (block, member) in ways.into_iter().rev() {
            let Some(block) = cases.expressions.get(block) else { continue };
            let condition = match self.term(&block.lhs, scope)? {
                Term::Constant(v) if v.as_bool() == Ok(true) => member,
                term => member.and(expr_of(term, at)?),
            };
            self.spend(&condition, at)?;
            value = choice(condition, expr_of(self.term(&block.rhs, scope)?, at)?, value);
        }
        Ok(Term::Computed(value))
    }

    // ---- expressions ---------------------------------------------------------------------------------------

    fn term(&mut self, expr: &Ast, scope: &mut Scope) -> Step<Term> {
        let at = expr.position();
        if expr.is_constant()
            && let Some(value) = expr.get_literal_value(None)
        {
            return Ok(Term::Constant(value));
        }
        match expr {
            Ast::Variable(variable, _, at) if variable.2.is_empty() => self.variable(&variable.1, *at, scope),
            Ast::Variable(variable, _, at) => {
                let path: Vec<&str> = variable.2.path.iter().map(|ident| ident.name.as_str()).collect();
                self.qualified(&path, &variable.1, *at, scope)
            }
            Ast::ThisPtr(at) => match scope.this.clone() {
                Some(this) => self.spent(this, *at),
                None => Err(Reason::new("uses `this`", *at)),
            },
            Ast::Array(items, _) => {
                let items = items.iter().map(|item| self.term(item, scope)).collect::<Step<Vec<_>>>()?;
                Ok(list(items))
            }
            Ast::And(parts, _) => self.logical(parts, true, scope),
            Ast::Or(parts, _) => self.logical(parts, false, scope),
            Ast::Coalesce(parts, at) => self.coalesce(parts, *at, scope),
            Ast::Dot(parts, ..) | Ast::Index(parts, ..) => {
                let start = self.term(&parts.lhs, scope)?;
                self.chain(start, expr, scope)
            }
            Ast::FnCall(call, at) => self.call(call, *at, scope),
            Ast::Stmt(block) => {
                let flow = self.block(block.statements(), scope)?;
                if flow.returns.is_empty() {
                    Ok(flow.end.unwrap_or_else(unit))
                } else {
                    Err(Reason::new("returns from inside an expression", at))
                }
            }
            Ast::InterpolatedString(..) => Err(Reason::new("builds a text with `${…}`", at)),
            Ast::Map(..) => Err(Reason::new("makes a map", at)),
            _ => Err(Reason::new("uses an expression that only Rhai can compute", at)),
        }
    }

    /// Counts the parts of an expression that is written out once more.
    fn spend(&mut self, expr: &Expr, at: Position) -> Step<()> {
        expr.walk(&mut |_| self.parts += 1);
        if self.parts > PARTS {
            return Err(Reason::new("is too long when all its variables and functions are written out", at));
        }
        Ok(())
    }

    fn spent(&mut self, term: Term, at: Position) -> Step<Term> {
        if let Term::Computed(expr) = &term {
            self.spend(expr, at)?;
        }
        Ok(term)
    }

    fn variable(&mut self, name: &str, at: Position, scope: &Scope) -> Step<Term> {
        if let Some(variable) = scope.variables.iter().rev().find(|v| v.name == name) {
            return self.spent(variable.term.clone(), at);
        }
        Err(Reason::new(
            format!("uses the variable `{name}`, which is not known before the rows are read"),
            at,
        ))
    }

    /// `global::name` and `library::name`.
    fn qualified(&mut self, path: &[&str], name: &str, at: Position, scope: &Scope) -> Step<Term> {
        let shown = || {
            format!("uses `{}::{name}`, whose value is not known before the rows are read", path.join("::"))
        };
        let value = if path == ["global"] {
            let constants = self.ctx.global_runtime_state().constants.as_ref();
            constants.and_then(|c| c.read().ok()?.get(name).cloned())
        } else {
            self.module(path, scope).and_then(|module| module.get_var(name))
        };
        value.map(|v| Term::Constant(settled(&v))).ok_or_else(|| Reason::new(shown(), at))
    }

    fn module(&self, path: &[&str], scope: &Scope) -> Option<Arc<Module>> {
        // A library's own imports are its sub-modules.
        let inside = scope.home.as_ref().and_then(|home| {
            path.iter().try_fold(home.clone(), |module, name| {
                module.iter_sub_modules().find(|(sub, _)| sub == name).map(|(_, m)| m.clone())
            })
        });
        inside.or_else(|| self.functions.module(path.iter().copied()))
    }

    /// `&&` and `||`.
    fn logical(&mut self, parts: &[Ast], and: bool, scope: &mut Scope) -> Step<Term> {
        let op = if and { BinaryOp::And } else { BinaryOp::Or };
        let mut result: Option<Expr> = None;
        for part in parts {
            let at = part.position();
            let next = match self.term(part, scope)? {
                Term::Constant(value) => match value.as_bool() {
                    // `true && x` is x, and `x && false` is false.
                    Ok(value) if value == and => continue,
                    Ok(value) => return Ok(Term::Constant(value.into())),
                    Err(_) => return Err(Reason::new(format!("uses {} as a condition", kind(&value)), at)),
                },
                term => expr_of(term, at)?,
            };
            result = Some(match result {
                Some(before) => Expr::binary(op, before, next),
                None => next,
            });
        }
        Ok(result.map_or_else(|| Term::Constant(and.into()), Term::Computed))
    }

    /// `a ?? b`.
    fn coalesce(&mut self, parts: &[Ast], at: Position, scope: &mut Scope) -> Step<Term> {
        let mut terms = parts.iter().map(|p| self.term(p, scope)).collect::<Step<Vec<_>>>()?;
        let Some(last) = terms.pop() else { return Ok(unit()) };
        terms.into_iter().rev().try_fold(last, |rest, term| match term {
            Term::Constant(value) => Ok(if value.is_unit() { rest } else { Term::Constant(value) }),
            term => {
                let value = expr_of(term, at)?;
                self.spend(&value, at)?;
                self.either(Expr::IsNull(Box::new(value.clone())), rest, Term::Computed(value), at)
            }
        })
    }

    // ---- chains of dots and brackets -----------------------------------------------------------------------

    /// Follows the links of a chain from what its first part stands for.
    fn chain(&mut self, start: Term, link: &Ast, scope: &mut Scope) -> Step<Term> {
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

    // ---- calls ---------------------------------------------------------------------------------------------

    fn method(
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
        let mut all = vec![on];
        all.extend(arguments);
        self.native(name, all, at)
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, scope: &mut Scope) -> Step<Term> {
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

    fn operation(&mut self, sign: &str, left: Term, right: Term, at: Position) -> Step<Term> {
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

    /// What Rhai makes of constants.
    fn evaluated(&self, name: &str, mut arguments: Vec<Dynamic>, at: Position) -> Step<Term> {
        let mut references: Vec<&mut Dynamic> = arguments.iter_mut().collect();
        let result = self.ctx.call_native_fn_raw(name, false, &mut references);
        result
            .map(|value| Term::Constant(value.flatten()))
            .map_err(|_| Reason::new(format!("fails at `{name}`"), at))
    }

    /// A native function: those that have a counterpart in the expression language.
    fn native(&mut self, name: &str, mut arguments: Vec<Term>, at: Position) -> Step<Term> {
        let refuse = || Reason::new(format!("calls `{name}`, which only Rhai can run"), at);
        let constants: Option<Vec<Dynamic>> = arguments
            .iter()
            .map(|a| if let Term::Constant(value) = a { Some(value.clone()) } else { None })
            .collect();
        let known = Function::named(name, arguments.len()).is_some() || EVALUATED.contains(&name);
        if let Some(constants) = constants
            && known
        {
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
    fn membership(&mut self, container: Term, item: Term, at: Position) -> Step<Term> {
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
        } else if let Some(map) = container.read_lock::<Map>() {
            Some(map.keys().map(|key| Value::from(key.as_str())).collect())
        } else {
            None
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

/// The values of a list, if all are known.
fn list(items: Vec<Term>) -> Term {
    let known: Option<Array> = items
        .iter()
        .map(|item| if let Term::Constant(value) = item { Some(value.clone()) } else { None })
        .collect();
    known.map_or(Term::List(items), |array| Term::Constant(array.into()))
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

fn within(item: Expr, low: Expr, high: Expr, end: bool) -> Expr {
    let op = if end { BinaryOp::LessOrEqual } else { BinaryOp::Less };
    Expr::binary(BinaryOp::GreaterOrEqual, item.clone(), low).and(Expr::binary(op, item, high))
}

/// The place in an array that an index means; a negative one counts from the end.
fn position(index: i64, length: usize) -> Option<usize> {
    if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok()
    }
}
