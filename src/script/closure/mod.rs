//! Closures are queries: a Rhai closure over a row becomes an [`Expr`], once, before any row is read.
//!
//! A native method that receives a function pointer finds the script function behind it, walks its syntax tree and
//! builds the expression ([`translator`], with [`reach`], [`calls`] and [`natives`]). Captured variables become constants, `let`, `return`, `if` and `switch`
//! become choices, calls of other script functions are written out in place. What cannot be translated is not an
//! error: it becomes an [`Expr::Script`] that calls the function for each row ([`rowwise`]) and remembers why.
//!
//! One thing differs on purpose: floats compare as IEEE 754 has it, while Rhai takes two for equal that differ in
//! the last bit (and any number for equal to infinity).
//!
//! This folder is the only place that uses Rhai's `internals`, which differ from version to version.

mod calls;
mod cases;
mod natives;
mod reach;
mod rowwise;
mod translator;
mod uses;

use std::fmt;
use std::sync::Arc;

use rhai::{
    AST, ASTNode, Dynamic, Engine, FnPtr, ImmutableString, Module, NativeCallContext, Position,
    ScriptFuncDef, Stmt,
};

use crate::diag::{Error, Result};
use crate::query::Expr;

/// Teaches an engine what translated and interpreted closures need.
pub(super) fn register(engine: &mut Engine) {
    rowwise::register(engine);
    cases::register(engine);
}

/// The expression that a closure over a row computes.
///
/// # Errors
/// When the function does not exist, or takes another number of parameters than one row.
pub(super) fn translate(ctx: &NativeCallContext, function: &FnPtr) -> Result<Expr> {
    let functions = Functions::of(ctx);
    let captured: Vec<Dynamic> = function.iter_curry().map(settled).collect();
    let Some(lambda) = functions.find(function.fn_name(), captured.len() + 1, None) else {
        return unknown(ctx, function, &functions);
    };
    match translator::translate(ctx, &functions, &lambda, captured) {
        Ok(expr) => Ok(expr),
        Err(reason) => {
            Ok(Expr::Script(Arc::new(rowwise::RowClosure::new(ctx, function, &functions, &lambda, &reason))))
        }
    }
}

/// There is no script function of that name that takes one row: a native one may be meant.
fn unknown(ctx: &NativeCallContext, function: &FnPtr, functions: &Functions) -> Result<Expr> {
    let name = function.fn_name();
    let captured = function.curry().len();
    if let Some(parameters) = functions.parameters_of(name) {
        let own = parameters.saturating_sub(captured);
        let what = if function.is_anonymous() { "the closure".to_owned() } else { format!("`{name}`") };
        let plural = if own == 1 { "parameter" } else { "parameters" };
        return Err(Error::argument(format!("{what} takes {own} {plural}, but it is called with one row"))
            .help("write it as |row| …"));
    }
    let reason = Reason::new(format!("`{name}` is no function of the script"), Position::NONE);
    Ok(Expr::Script(Arc::new(rowwise::RowClosure::of_native(ctx, function, &reason))))
}

/// A captured value on its own: captured variables are shared with the script, and two threads that read one
/// at the same time would fail.
fn settled(value: &Dynamic) -> Dynamic {
    let value = value.flatten_clone();
    match value.read_lock::<FnPtr>() {
        Some(inner) if inner.is_curried() => {
            let mut alone = inner.clone();
            alone.set_curry(inner.iter_curry().map(settled));
            alone.into()
        }
        _ => value.clone(),
    }
}

/// Why a closure cannot be translated, as the end of a sentence that begins with "it", and where.
#[derive(Clone, Debug)]
struct Reason {
    what: String,
    at: Position,
}

/// The result of a step of the translation.
type Step<T> = std::result::Result<T, Reason>;

impl Reason {
    fn new(what: impl Into<String>, at: Position) -> Self {
        Reason { what: what.into(), at }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (self.at.line(), self.at.position()) {
            (Some(line), Some(column)) => write!(f, ", line {line}, position {column}"),
            (Some(line), None) => write!(f, ", line {line}"),
            _ => Ok(()),
        }
    }
}

/// A function of the script, taken apart.
struct Lambda {
    name: ImmutableString,
    params: Vec<ImmutableString>,
    body: Vec<Stmt>,
    /// The imported module that it was found in.
    home: Option<Arc<Module>>,
}

impl Lambda {
    fn new(definition: &Arc<ScriptFuncDef>, home: Option<Arc<Module>>) -> Self {
        // The type of the body is not exported; a syntax tree with this one function is, and can be walked.
        let mut module = Module::new();
        module.set_script_fn(definition.clone());
        let mut body = Vec::new();
        AST::new_from_module(module).walk(&mut |path: &[ASTNode]| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        Lambda { name: definition.name.clone(), params: definition.params.to_vec(), body, home }
    }

    /// What an explanation calls it: `|s| …`, or `strong(s)`.
    fn text(&self, captured: usize) -> String {
        let own =
            self.params.iter().skip(captured).map(ImmutableString::as_str).collect::<Vec<_>>().join(", ");
        if self.name.starts_with("anon$") { format!("|{own}| …") } else { format!("{}({own})", self.name) }
    }
}

/// The script functions that can be called from where a closure was handed over.
struct Functions {
    /// Those of the running script, innermost first.
    own: Vec<Arc<Module>>,
    /// The imported modules with their names, last import first.
    imported: Vec<(ImmutableString, Arc<Module>)>,
}

impl Functions {
    fn of(ctx: &NativeCallContext) -> Self {
        let imported = ctx.global_runtime_state().iter_imports_raw();
        Functions {
            own: ctx.namespaces().iter().rev().cloned().collect(),
            imported: imported.map(|(name, module)| (name.clone(), module.clone())).collect(),
        }
    }

    /// The function of that name and number of parameters, as seen from a function of `home`.
    fn find(&self, name: &str, parameters: usize, home: Option<&Arc<Module>>) -> Option<Lambda> {
        let plain = |module: &Module| {
            module.get_script_fn(name, parameters).filter(|f| f.this_type.is_none()).cloned()
        };
        if let Some(home) = home
            && let Some(definition) = plain(home)
        {
            return Some(Lambda::new(&definition, Some(home.clone())));
        }
        if let Some(definition) = self.own.iter().find_map(|module| plain(module)) {
            return Some(Lambda::new(&definition, None));
        }
        // A closure that a library's function made carries no trace of the library; its name is unique.
        if !name.starts_with("anon$") {
            return None;
        }
        let home = self.imported.iter().find_map(|(_, module)| holder(module, name, parameters))?;
        Some(Lambda::new(&plain(&home)?, Some(home)))
    }

    /// The module that `a::b` stands for.
    fn module<'n>(&self, mut path: impl Iterator<Item = &'n str>) -> Option<Arc<Module>> {
        let root = path.next()?;
        let (_, module) = self.imported.iter().find(|(name, _)| name == root)?;
        path.try_fold(module.clone(), |module, name| {
            module.iter_sub_modules().find(|(sub, _)| *sub == name).map(|(_, m)| m.clone())
        })
    }

    /// How many parameters a function of that name takes, whatever their number.
    fn parameters_of(&self, name: &str) -> Option<usize> {
        let modules = self.own.iter().chain(self.imported.iter().map(|(_, m)| m));
        modules.flat_map(|m| m.iter_script_fn_info()).find(|f| f.2 == name).map(|f| f.3)
    }
}

/// The module, or the one inside it, that holds a function.
fn holder(module: &Arc<Module>, name: &str, parameters: usize) -> Option<Arc<Module>> {
    if module.get_script_fn(name, parameters).is_some() {
        return Some(module.clone());
    }
    module.iter_sub_modules().find_map(|(_, sub)| holder(sub, name, parameters))
}

#[cfg(test)]
mod tests;
