//! One declaration for each word of the language: the call, its help, and its page in the reference come from it.

use std::sync::Mutex;

use rhai::{Engine, EvalAltResult, FuncRegistration, RhaiNativeFunc, Variant};

use crate::diag::Error;

/// What a native function answers with.
pub type Answer<T> = std::result::Result<T, Box<EvalAltResult>>;

impl From<Error> for Box<EvalAltResult> {
    /// Our errors travel through Rhai whole, and are taken out again where the script ends.
    fn from(error: Error) -> Self {
        Box::new(EvalAltResult::ErrorRuntime(rhai::Dynamic::from(error), rhai::Position::NONE))
    }
}

/// A word of the language, as the reference shows it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The type that it belongs to; empty for a plain function.
    pub on: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The arguments and the result: `head(n) -> Table`, or `count -> int` for a property.
    pub signature: &'static str,
    /// What it does. The first sentence is the summary.
    pub doc: &'static str,
    /// A line that runs on the demonstration circuit (bound to `circuit`).
    pub example: &'static str,
}

static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Every word that was registered, in the order of registration.
pub fn entries() -> Vec<Entry> {
    ENTRIES.lock().map(|e| e.clone()).unwrap_or_default()
}

/// Registers words with an engine.
pub struct Api<'a> {
    engine: &'a mut Engine,
    on: &'static str,
    documented: bool,
}

impl<'a> Api<'a> {
    /// Words for an engine.
    pub fn new(engine: &'a mut Engine) -> Self {
        Api { engine, on: "", documented: true }
    }

    /// The engine itself, for iterators and indexers.
    pub fn engine(&mut self) -> &mut Engine {
        self.engine
    }

    /// The words that follow belong to the type `T`, shown as `name`.
    pub fn on<T: Variant + Clone>(&mut self, name: &'static str) -> &mut Self {
        self.engine.register_type_with_name::<T>(name);
        self.on = name;
        self.documented = true;
        self
    }

    /// The words that follow belong to a type that shares them with another, where they are documented.
    pub fn as_for(&mut self, name: &'static str) -> &mut Self {
        self.on = name;
        self.documented = false;
        self
    }

    /// The words that follow are plain functions.
    pub fn functions(&mut self) -> &mut Self {
        self.on = "";
        self.documented = true;
        self
    }

    /// A function or method. `signature` begins with its name.
    pub fn call<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        signature: &'static str,
        doc: &'static str,
        example: &'static str,
        function: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    {
        let name = signature.split(['(', ' ']).next().unwrap_or(signature);
        self.note(name, signature, doc, example);
        self.also(name, function)
    }

    /// Another form of a function that is documented already: fewer arguments, or an alias.
    pub fn also<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        name: &'static str,
        function: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    {
        // Pure: a circuit that is bound to a constant may be asked, too.
        FuncRegistration::new(name).with_purity(true).register_into_engine(self.engine, function);
        self
    }

    /// A property. `signature` is `name -> type`.
    pub fn property<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        signature: &'static str,
        doc: &'static str,
        example: &'static str,
        function: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    {
        let name = signature.split(' ').next().unwrap_or(signature);
        self.note(name, signature, doc, example);
        self.also_property(name, function)
    }

    /// Another name of a property that is documented already.
    pub fn also_property<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
        &mut self,
        name: &'static str,
        function: FUNC,
    ) -> &mut Self
    where
        R: Variant + Clone,
        FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
    {
        FuncRegistration::new_getter(name).with_purity(true).register_into_engine(self.engine, function);
        self
    }

    fn note(
        &mut self,
        name: &'static str,
        signature: &'static str,
        doc: &'static str,
        example: &'static str,
    ) {
        if !self.documented {
            return;
        }
        if let Ok(mut entries) = ENTRIES.lock()
            && !entries.iter().any(|e| e.on == self.on && e.signature == signature)
        {
            entries.push(Entry { on: self.on, name, signature, doc, example });
        }
    }
}
