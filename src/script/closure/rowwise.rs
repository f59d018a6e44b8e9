//! The way back: a closure that cannot be translated is called for each row.
//!
//! It gets a [`RowView`], whose properties are the row's columns. A link (`s.pre`) is a plain whole number, so that
//! it can be compared and handed to functions; that `s.pre.layer` still works is the doing of getters for whole
//! numbers that look for the link with this id in the row that is being computed.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use rhai::{
    Array, Blob, Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, ImmutableString, Map, Module,
    NativeCallContext, Position,
};

use super::uses::{Uses, changes_captured};
use super::{Functions, Lambda, Reason, settled};
use crate::diag::{Error, Result};
use crate::query::{Row, RowFunction, Value};
use crate::script::convert::{from_value, to_value};

/// How many calls a closure may nest: it runs on threads whose stacks are smaller than that of the script.
const LEVELS: usize = 48;

/// A row as a script sees it.
#[derive(Clone)]
struct RowView {
    row: Arc<dyn Row>,
    /// What the names are reached through: empty, or `pre.`.
    prefix: String,
}

impl RowView {
    fn get(&self, name: &str) -> Result<Dynamic> {
        let path = format!("{}{name}", self.prefix);
        match self.row.get(&path) {
            Ok(value) => Ok(from_value(&value)),
            Err(error) => {
                let prefix = format!("{path}.");
                // A table may have a column `pre.mtype` but none `pre`.
                if self.row.names().iter().any(|n| n.starts_with(&prefix)) {
                    Ok(Dynamic::from(RowView { row: self.row.clone(), prefix }))
                } else {
                    Err(error)
                }
            }
        }
    }
}

thread_local! {
    /// The rows that this thread computes, innermost last: a script may ask one table inside another.
    static ROWS: RefCell<Vec<Arc<dyn Row>>> = const { RefCell::new(Vec::new()) };
}

/// Keeps a row as the current one.
struct Current;

impl Current {
    fn set(row: &Arc<dyn Row>) -> Self {
        ROWS.with_borrow_mut(|rows| rows.push(row.clone()));
        Current
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        ROWS.with_borrow_mut(Vec::pop);
    }
}

/// A property of the cell with this id, through any link of the current row that holds it.
fn linked(id: i64, name: &str) -> Option<Value> {
    let row = ROWS.with_borrow(|rows| rows.last().cloned())?;
    row.names()
        .into_iter()
        .filter(|link| row.get(link).is_ok_and(|v| v == Value::Int(id)))
        .find_map(|link| row.get(&format!("{link}.{name}")).ok())
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<RowView>("Row");
    engine.register_indexer_get(
        |view: &mut RowView, name: ImmutableString| -> std::result::Result<Dynamic, Box<EvalAltResult>> {
            Ok(view.get(&name)?)
        },
    );
    engine.register_fn("contains", |view: &mut RowView, name: &str| view.get(name).is_ok());
}

/// Getters for whole numbers, so that a link can be followed.
fn followers(properties: &BTreeSet<String>) -> Module {
    let mut module = Module::new();
    for name in properties {
        let property = name.clone();
        module.set_getter_fn(name.as_str(), move |id: &mut i64| {
            linked(*id, &property).map(|value| from_value(&value)).ok_or_else(|| {
                let what =
                    format!("Unknown property '{property}' - a getter is not registered for type 'i64'");
                Box::new(EvalAltResult::ErrorDotExpr(what, Position::NONE))
            })
        });
    }
    module
}

/// A closure with all that it needs to be called later, on any thread.
pub(super) struct RowClosure {
    engine: Arc<Engine>,
    state: GlobalRuntimeState,
    function: FnPtr,
    columns: Option<Vec<String>>,
    text: String,
    reason: String,
    serial: bool,
}

impl RowClosure {
    pub(super) fn new(
        ctx: &NativeCallContext,
        function: &FnPtr,
        functions: &Functions,
        lambda: &Lambda,
        reason: &Reason,
    ) -> Self {
        let captured = function.curry().len();
        let collections: Vec<bool> = function.iter_curry().map(is_collection).collect();
        let serial = changes_captured(lambda, &collections);
        let uses = Uses::of(lambda, captured, functions);
        let mut state = state_of(ctx);
        if let Some(home) = &lambda.home {
            state.lib.push(home.clone());
        }
        state.lib.push(Arc::new(followers(&uses.properties)));
        RowClosure {
            engine: crate::script::engine(),
            state,
            // One that changes what it has captured must share it with the script; others must not.
            function: if serial { function.clone() } else { alone(function) },
            columns: uses.columns(),
            text: lambda.text(captured),
            reason: reason.to_string(),
            serial,
        }
    }

    /// A native function that takes a row.
    pub(super) fn of_native(ctx: &NativeCallContext, function: &FnPtr, reason: &Reason) -> Self {
        RowClosure {
            engine: crate::script::engine(),
            state: state_of(ctx),
            function: alone(function),
            columns: None,
            text: format!("{}(row)", function.fn_name()),
            reason: reason.to_string(),
            serial: false,
        }
    }
}

/// What the script knows where the closure was handed over.
fn state_of(ctx: &NativeCallContext) -> GlobalRuntimeState {
    let mut state = ctx.global_runtime_state().clone();
    state.level = state.level.max(ctx.engine().max_call_levels().saturating_sub(LEVELS));
    state
}

fn alone(function: &FnPtr) -> FnPtr {
    let mut alone = function.clone();
    alone.set_curry(function.iter_curry().map(settled));
    alone
}

/// Whether methods can change the value in place.
fn is_collection(value: &Dynamic) -> bool {
    let value = value.flatten_clone();
    value.is_array()
        || value.is_map()
        || value.is::<Array>()
        || value.is::<Map>()
        || value.is::<Blob>()
        || value.is_string()
}

impl RowFunction for RowClosure {
    fn call(&self, row: &Arc<dyn Row>) -> Result<Value> {
        let _current = Current::set(row);
        let name = self.function.fn_name();
        let ctx =
            NativeCallContext::new_with_all_fields(&self.engine, name, None, &self.state, Position::NONE);
        let view = Dynamic::from(RowView { row: row.clone(), prefix: String::new() });
        match self.function.call_raw(&ctx, None, [view]) {
            Ok(value) => to_value(&value.flatten()).map_err(|e| named(e, &self.text)),
            Err(error) => Err(named(crate::script::error::from_row(&error), &self.text)),
        }
    }

    fn columns(&self) -> Option<Vec<String>> {
        self.columns.clone()
    }

    fn text(&self) -> String {
        self.text.clone()
    }

    fn reason(&self) -> String {
        self.reason.clone()
    }

    fn serial(&self) -> bool {
        self.serial
    }
}

fn named(error: Error, text: &str) -> Error {
    if error.code() == crate::diag::Code::Cancelled {
        error
    } else {
        error.help(format!("it happened in `{text}`"))
    }
}
