//! From the syntax tree of a script function to an expression over the columns of its row.

use std::sync::Arc;

use rhai::{
    ASTFlags, Array, Dynamic, Expr as Ast, FlowControl, ImmutableString, Module, NativeCallContext, Position,
    RangeCase, Stmt, SwitchCasesCollection,
};

use super::{Functions, Lambda, Reason, Step, cases, settled};
use crate::query::{BinaryOp, Expr, Members, Value};
use crate::script::convert::scalar;

/// How many parts an expression may have: a `let` that is used often is written out as often.
const PARTS: usize = 4096;

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
pub(super) enum Term {
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
pub(super) struct Scope {
    variables: Vec<Variable>,
    this: Option<Term>,
    pub(super) home: Option<Arc<Module>>,
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
pub(super) fn unit() -> Term {
    Term::Constant(Dynamic::UNIT)
}

pub(super) fn expr_of(term: Term, at: Position) -> Step<Expr> {
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

pub(super) fn kind(value: &Dynamic) -> String {
    let name = crate::script::error::type_name(value.type_name());
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// One of two terms.
fn either(condition: Expr, then: Term, otherwise: Term, at: Position) -> Step<Term> {
    let (then, otherwise) = (expr_of(then, at)?, expr_of(otherwise, at)?);
    Ok(Term::Computed(choice(condition, then, otherwise)))
}

pub(super) fn choice(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    Expr::If(Box::new(condition), Box::new(then), Box::new(otherwise))
}

pub(super) struct Translator<'a> {
    pub(super) ctx: &'a NativeCallContext<'a>,
    pub(super) functions: &'a Functions,
    /// How many parts were written out more than once.
    parts: usize,
    /// How many script functions are open.
    pub(super) depth: usize,
}

impl Translator<'_> {
    // ---- functions and statements --------------------------------------------------------------------------

    /// The value of a script function for some arguments, the first of which are captured variables.
    pub(super) fn inline(
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
        Self::value(flow)
    }

    /// The value of a function from what its body does.
    fn value(flow: Flow) -> Step<Term> {
        let at = Position::NONE;
        let mut value = flow.end;
        for (condition, returned) in flow.returns.into_iter().rev() {
            value = Some(match (condition, value) {
                (Some(condition), Some(rest)) => either(condition, returned, rest, at)?,
                // The last way out is always taken where the others are not.
                _ => returned,
            });
        }
        Ok(value.unwrap_or_else(unit))
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
        either(condition.clone(), a, b, at)
    }

    /// The variables after an `if`: those that a branch has assigned become choices.
    fn join(&mut self, condition: &Expr, yes: Scope, no: Scope, into: &mut Scope, at: Position) -> Step<()> {
        for ((variable, a), b) in into.variables.iter_mut().zip(yes.variables).zip(no.variables) {
            if a.version == variable.version && b.version == variable.version {
                continue;
            }
            self.spend(condition, at)?;
            variable.term = either(condition.clone(), a.term, b.term, at)?;
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

    pub(super) fn term(&mut self, expr: &Ast, scope: &mut Scope) -> Step<Term> {
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
    pub(super) fn spend(&mut self, expr: &Expr, at: Position) -> Step<()> {
        expr.walk(&mut |_| self.parts += 1);
        if self.parts > PARTS {
            return Err(Reason::new("is too long when all its variables and functions are written out", at));
        }
        Ok(())
    }

    pub(super) fn spent(&mut self, term: Term, at: Position) -> Step<Term> {
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

    pub(super) fn module(&self, path: &[&str], scope: &Scope) -> Option<Arc<Module>> {
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
                either(Expr::IsNull(Box::new(value.clone())), rest, Term::Computed(value), at)
            }
        })
    }
}

/// The values of a list, if all are known.
pub(super) fn list(items: Vec<Term>) -> Term {
    let known: Option<Array> = items
        .iter()
        .map(|item| if let Term::Constant(value) = item { Some(value.clone()) } else { None })
        .collect();
    known.map_or(Term::List(items), |array| Term::Constant(array.into()))
}

pub(super) fn within(item: Expr, low: Expr, high: Expr, end: bool) -> Expr {
    let op = if end { BinaryOp::LessOrEqual } else { BinaryOp::Less };
    Expr::binary(BinaryOp::GreaterOrEqual, item.clone(), low).and(Expr::binary(op, item, high))
}
