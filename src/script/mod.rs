//! The language: Rhai with the words of the field.
//!
//! Nothing here computes; every word checks its arguments, calls the query core or the analysis, and hands back
//! what they give. A word is declared once, in `api/`, with its documentation ([`registry`]).

mod api;
mod args;
mod closure;
mod convert;
mod error;
mod propmap;
pub mod registry;
mod saving;
mod value;

use std::sync::{Arc, OnceLock};

use rhai::module_resolvers::DummyModuleResolver;
use rhai::{AST, Dynamic, Engine, ParseErrorType, Scope};

pub use api::circuit::{Circuit, findings_table};
pub use api::opening::{open, open_circuit, open_simulation};
pub use api::simulation::Simulation;
pub use saving::{save_figure, screen, set_screen};
pub use value::{Screen, display, to_json_value};

use crate::diag::{Result, work};

/// How deep functions may call each other. It fits a stack of 256 MB (see [`STACK`]).
const CALL_DEPTH: usize = 512;
/// How deep expressions may be nested.
const EXPRESSION_DEPTH: usize = 256;
/// The stack that a thread needs to run scripts: nested values overflow the usual 8 MB.
pub const STACK: usize = 256 << 20;

/// Registers the whole language with an engine: for Rust programs that bring their own.
pub fn register(engine: &mut Engine) {
    api::register(engine);
    closure::register(engine);
}

/// An engine with the language and with limits that are the same in debug and release builds.
fn build_engine() -> Engine {
    let mut engine = Engine::new();
    // Scripts import libraries through our own resolver or not at all: Rhai's follows `..` and links.
    engine.set_module_resolver(DummyModuleResolver::new());
    engine.set_max_call_levels(CALL_DEPTH);
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    engine.on_progress(|_| work::stopped().then_some(Dynamic::UNIT));
    unlock_captured(&mut engine);
    engine.on_print(|text| println!("{text}"));
    engine.on_debug(|text, _, position| eprintln!("{position:?}: {text}"));
    register(&mut engine);
    engine
}

/// A variable that a closure captures is shared, and Rhai locks it for as long as a chain of calls on it lasts: in
/// `circuit.cells.ids().map(|id| circuit.cell(id).mtype)` the closure would find it locked. What the language hands
/// out never changes, so a copy is as good.
fn unlock_captured(engine: &mut Engine) {
    #[allow(deprecated)] // not deprecated, only marked as volatile
    engine.on_var(|name, _, context| {
        let shared = context.scope().get(name).filter(|value| value.is_shared());
        Ok(shared.map(Dynamic::flatten_clone).filter(api::never_changes))
    });
}

/// The engine of all sessions.
pub fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Arc::new(build_engine())).clone()
}

/// A conversation with the language: variables and functions stay from one text to the next.
pub struct Session {
    engine: Arc<Engine>,
    scope: Scope<'static>,
    functions: AST,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session without variables.
    pub fn new() -> Self {
        Session { engine: engine(), scope: Scope::new(), functions: AST::empty() }
    }

    /// Binds a variable.
    pub fn set(&mut self, name: &str, value: impl Into<Dynamic>) {
        self.scope.set_value(name.to_owned(), value.into());
    }

    /// The names of the variables.
    pub fn variables(&self) -> Vec<String> {
        let mut names: Vec<String> = self.scope.iter_raw().map(|(name, ..)| name.to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Runs a text and gives the value of its last expression. `name` is what errors call the text.
    ///
    /// # Errors
    /// A syntax error, or whatever the script fails with; its place in the text is in the error.
    pub fn run(&mut self, text: &str, name: &str) -> Result<Dynamic> {
        let source: Arc<str> = text.into();
        let ast = self
            .engine
            .compile_with_scope(&self.scope, text)
            .map_err(|e| error::from_parse(&e, name, &source))?;
        self.functions = self.functions.merge(&ast);
        let result = self.engine.eval_ast_with_scope::<Dynamic>(&mut self.scope, &self.functions);
        self.functions.clear_statements();
        let value = result.map_err(|e| error::from_eval(&e, name, &source, &self.variables()))?;
        Ok(value.flatten())
    }

    /// Whether a text is the beginning of something longer: brackets, a string or a block stand open.
    pub fn is_incomplete(&self, text: &str) -> bool {
        match self.engine.compile_with_scope(&self.scope, text) {
            Ok(_) => false,
            Err(e) => {
                let end = e.position().line().is_none_or(|line| line >= text.lines().count());
                match &*e.0 {
                    ParseErrorType::UnexpectedEOF => true,
                    ParseErrorType::MissingToken(token, _) => {
                        end && matches!(token.as_str(), "}" | ")" | "]")
                    }
                    ParseErrorType::BadInput(lexical) => {
                        matches!(lexical, rhai::LexError::UnterminatedString)
                    }
                    _ => false,
                }
            }
        }
    }
}

/// Runs a text with some constants bound, and gives its value as JSON.
///
/// # Errors
/// As [`Session::run`].
pub fn eval_json(text: &str, name: &str, constants: &[(&str, String)]) -> Result<serde_json::Value> {
    let mut session = Session::new();
    for (name, value) in constants {
        session.set(name, value.clone());
    }
    to_json_value(&session.run(text, name)?)
}
