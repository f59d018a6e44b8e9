//! Which columns a script function may ask its row for, and which names it assigns to.

use std::collections::BTreeSet;

use rhai::{ASTNode, Expr, FnCallExpr, FnPtr, Stmt};

use super::{Functions, Lambda};

/// How deep calls are followed.
const DEPTH: usize = 16;

/// Properties that Rhai has on numbers and texts: after a column they are functions of it, not part of its path.
pub(super) const GETTERS: &[&str] = &[
    "len",
    "is_empty",
    "floor",
    "ceiling",
    "round",
    "int",
    "fraction",
    "is_nan",
    "is_finite",
    "is_infinite",
    "is_zero",
    "is_odd",
    "is_even",
    "bytes",
    "chars",
];

/// Whether a property of that name belongs to a value and not to a row.
pub(super) fn is_getter(name: &str) -> bool {
    GETTERS.contains(&name) || crate::script::convert::UNITS.iter().any(|(unit, _)| *unit == name)
}

/// What a function does with its row.
#[derive(Default)]
pub(super) struct Uses {
    /// The paths that are asked for, with all that lies on the way: `pre`, `pre.layer`.
    columns: BTreeSet<String>,
    /// The row itself is handed on to where it cannot be followed.
    escapes: bool,
    /// Every property that is asked for anywhere, also of what was reached from the row earlier.
    pub properties: BTreeSet<String>,
}

impl Uses {
    pub(super) fn of(lambda: &Lambda, parameter: usize, functions: &Functions) -> Uses {
        let mut uses = Uses::default();
        uses.follow(lambda, parameter, functions, 0);
        uses.collect_properties(lambda, functions, &mut BTreeSet::new());
        uses
    }

    /// The columns that may be asked for; some of them may not exist. `None` if that cannot be known.
    pub(super) fn columns(&self) -> Option<Vec<String>> {
        if self.escapes {
            return None;
        }
        // `let p = s.pre; p.layer`: what was reached earlier may be followed by any property.
        let later = self.columns.iter().flat_map(|c| self.properties.iter().map(move |p| format!("{c}.{p}")));
        let all: BTreeSet<String> = later.chain(self.columns.iter().cloned()).collect();
        Some(all.into_iter().collect())
    }

    fn collect_properties(
        &mut self,
        lambda: &Lambda,
        functions: &Functions,
        seen: &mut BTreeSet<(String, usize)>,
    ) {
        let mut called = BTreeSet::new();
        walk(&lambda.body, &mut |path| {
            match path.last() {
                Some(ASTNode::Expr(Expr::Property(property, _))) if !is_getter(&property.2) => {
                    self.properties.insert(property.2.to_string());
                }
                Some(
                    ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
                    | ASTNode::Stmt(Stmt::FnCall(call, _)),
                ) => {
                    called.insert((call.name.to_string(), call.args.len()));
                }
                Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                    if let Some(pointer) = value.read_lock::<FnPtr>() {
                        let parameters = functions.parameters_of(pointer.fn_name());
                        called.extend(parameters.map(|n| (pointer.fn_name().to_owned(), n)));
                    }
                }
                _ => {}
            }
            true
        });
        for (name, parameters) in called {
            if seen.insert((name.clone(), parameters))
                && let Some(callee) = functions.find(&name, parameters, lambda.home.as_ref())
            {
                self.collect_properties(&callee, functions, seen);
            }
        }
    }

    fn follow(&mut self, lambda: &Lambda, parameter: usize, functions: &Functions, depth: usize) {
        let Some(row) = lambda.params.get(parameter).filter(|_| depth < DEPTH) else {
            self.escapes = true;
            return;
        };
        let row = row.clone();
        let mut handed_on = Vec::new();
        walk(&lambda.body, &mut |path| {
            match path {
                [.., ASTNode::Stmt(Stmt::Var(variable, ..))] if variable.0.name == row => self.escapes = true,
                [.., ASTNode::Stmt(Stmt::For(parts, _))] if parts.0.name == row => self.escapes = true,
                [.., ASTNode::Expr(Expr::Variable(variable, ..))]
                    if variable.1 == row && variable.2.is_empty() =>
                {
                    self.occurrence(path, &mut handed_on);
                }
                _ => {}
            }
            true
        });
        for (name, arguments, position) in handed_on {
            match functions.find(&name, arguments, lambda.home.as_ref()) {
                Some(callee) => self.follow(&callee, position, functions, depth + 1),
                None => self.escapes = true,
            }
        }
    }

    /// The row's variable stands at the end of a path of nodes; what is around it?
    fn occurrence(&mut self, path: &[ASTNode], handed_on: &mut Vec<(String, usize, usize)>) {
        let [.., parent, ASTNode::Expr(this)] = path else {
            self.escapes = true;
            return;
        };
        match parent {
            ASTNode::Expr(Expr::Dot(chain, ..)) if std::ptr::eq(&raw const chain.lhs, *this) => {
                let mut column = String::new();
                self.chain(&chain.rhs, &mut column);
                self.escapes |= column.is_empty();
            }
            ASTNode::Expr(Expr::Index(chain, ..)) if std::ptr::eq(&raw const chain.lhs, *this) => {
                match &chain.rhs {
                    Expr::StringConstant(name, _) => {
                        self.columns.insert(name.to_string());
                    }
                    _ => self.escapes = true,
                }
            }
            ASTNode::Expr(Expr::FnCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => {
                self.handed_on(call, this, handed_on);
            }
            _ => self.escapes = true,
        }
    }

    fn handed_on(&mut self, call: &FnCallExpr, this: &Expr, handed_on: &mut Vec<(String, usize, usize)>) {
        match call.args.iter().position(|a| std::ptr::eq(a, this)) {
            Some(position) if !call.is_qualified() => {
                handed_on.push((call.name.to_string(), call.args.len(), position));
            }
            _ => self.escapes = true,
        }
    }

    /// Takes in a chain of properties; whether it may go on behind them.
    fn chain(&mut self, expr: &Expr, column: &mut String) -> bool {
        match expr {
            Expr::Property(property, _) => {
                let name = property.2.as_str();
                if !column.is_empty() {
                    if is_getter(name) {
                        return false;
                    }
                    column.push('.');
                }
                column.push_str(name);
                self.columns.insert(column.clone());
                true
            }
            Expr::Dot(parts, ..) => self.chain(&parts.lhs, column) && self.chain(&parts.rhs, column),
            Expr::Index(parts, ..) => {
                self.chain(&parts.lhs, column);
                false
            }
            _ => false,
        }
    }
}

/// Whether a function changes one of the variables that it has captured: by assignment, or by a method that may
/// change a collection.
pub(super) fn changes_captured(lambda: &Lambda, captured: &[bool]) -> bool {
    // `captured[i]` tells whether parameter i is a collection that methods can change.
    let index = |expr: &Expr| root(expr).and_then(|name| lambda.params.iter().position(|p| *p == name));
    let mut changes = false;
    walk(&lambda.body, &mut |path| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Assignment(parts))) => {
                changes |= index(&parts.1.lhs).is_some_and(|i| i < captured.len());
            }
            // A closure inside captures it, and may change it.
            Some(ASTNode::Stmt(Stmt::Share(names))) => {
                let captured = lambda.params.iter().take(captured.len());
                changes |= captured.into_iter().any(|p| names.iter().any(|(name, _)| name.name == *p));
            }
            Some(ASTNode::Expr(Expr::Dot(chain, ..))) => {
                let method = match &chain.rhs {
                    Expr::MethodCall(call, _) => Some(call.name.as_str()),
                    _ => None,
                };
                let collection = index(&chain.lhs).is_some_and(|i| captured.get(i) == Some(&true));
                changes |= collection && method.is_some_and(|m| !READING.contains(&m));
            }
            _ => {}
        }
        !changes
    });
    changes
}

/// Methods of arrays, maps and texts that leave them as they are.
const READING: &[&str] = &[
    "contains",
    "len",
    "is_empty",
    "keys",
    "values",
    "get",
    "index_of",
    "find",
    "find_index",
    "filter",
    "map",
    "reduce",
    "reduce_rev",
    "some",
    "all",
    "starts_with",
    "ends_with",
    "sub_string",
    "to_upper",
    "to_lower",
    "to_string",
    "split",
    "chars",
    "bytes",
    "extract",
    "order",
    "to_json",
    "call",
    "type_of",
    "is_shared",
    "find_map",
    "for_each",
];

/// The variable at the beginning of a chain.
fn root(expr: &Expr) -> Option<rhai::ImmutableString> {
    match expr {
        Expr::Variable(variable, ..) => Some(variable.1.clone()),
        Expr::Dot(parts, ..) | Expr::Index(parts, ..) => root(&parts.lhs),
        _ => None,
    }
}

fn walk(body: &[Stmt], see: &mut dyn FnMut(&[ASTNode]) -> bool) {
    let mut path = Vec::new();
    for statement in body {
        if !statement.walk(&mut path, see) {
            return;
        }
    }
}
