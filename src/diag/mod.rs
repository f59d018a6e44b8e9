//! The one error type of the project.
//!
//! An [`Error`] is a short sentence that names the culprit, the place where it stands (a file, a dataset or a
//! line in it, a position in the user's script), and a help line with what to do next. Errors are cheap to
//! clone, because a circuit remembers why a part of it could not be opened.

mod render;
mod suggest;
pub mod work;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use render::{render, render_json};
pub use suggest::{did_you_mean, nearest};

/// What every fallible function of the crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong. It decides nothing but how an embedding program may react.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A file or folder is missing, unreadable or cannot be written.
    Io,
    /// A file is damaged, cut short, or not of the format that it should be.
    Format,
    /// A name (column, target, option, report …) that does not exist.
    Name,
    /// An argument of the wrong kind or out of range.
    Argument,
    /// The script itself: syntax, an unknown function, a failed computation.
    Script,
    /// The user pressed Ctrl-C.
    Cancelled,
}

/// A place in a file: `circuit.mvd2, line 14, column 3` or `nrn.h5, dataset a17`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Line and column, from 1; column 0 stands for the whole line.
    pub line: Option<(usize, usize)>,
    /// The dataset or group inside an HDF5 file.
    pub dataset: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.line {
            Some((line, 0)) => write!(f, ", line {line}")?,
            Some((line, column)) => write!(f, ", line {line}, column {column}")?,
            None => {}
        }
        match &self.dataset {
            Some(dataset) => write!(f, ", dataset {dataset}"),
            None => Ok(()),
        }
    }
}

/// A place in a script that the user wrote, with the text around it.
#[derive(Clone, Debug)]
pub struct ScriptPlace {
    /// The script's name as shown (`pathways.rhai`, `<eval>`).
    pub name: String,
    /// The whole text of the script.
    pub source: Arc<str>,
    /// Line and column, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The calls that led here, innermost first, as `function (line 3)`.
    pub calls: Vec<String>,
}

#[derive(Clone, Debug)]
struct Inner {
    code: Code,
    message: String,
    place: Option<Place>,
    script: Option<ScriptPlace>,
    help: Vec<String>,
}

/// One message for the user. See the [module](self).
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

impl Error {
    /// An error of the given kind. The message is one sentence without a full stop that names the culprit.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { code, message: message.into(), place: None, script: None, help: Vec::new() }))
    }

    /// A file is damaged or of another kind.
    pub fn format(message: impl Into<String>) -> Self {
        Self::new(Code::Format, message)
    }

    /// An argument is wrong.
    pub fn argument(message: impl Into<String>) -> Self {
        Self::new(Code::Argument, message)
    }

    /// A script failed for a reason of its own.
    pub fn script(message: impl Into<String>) -> Self {
        Self::new(Code::Script, message)
    }

    /// The user stopped the work.
    pub fn cancelled() -> Self {
        Self::new(Code::Cancelled, "stopped")
    }

    /// `what` (such as "column") has no member `name`; the nearest of `known` is offered.
    pub fn unknown<S: AsRef<str>>(what: &str, name: &str, known: impl IntoIterator<Item = S>) -> Self {
        let known: Vec<String> = known.into_iter().map(|k| k.as_ref().to_owned()).collect();
        let mut error = Self::new(Code::Name, format!("there is no {what} `{name}`"));
        if let Some(help) = did_you_mean(name, &known) {
            error = error.help(help);
        } else if !known.is_empty() && known.len() <= 24 {
            error = error.help(format!("there are: {}", known.join(", ")));
        }
        error
    }

    /// The operating system refused something about `path`; `doing` completes "cannot … PATH".
    pub fn io(doing: &str, path: &Path, cause: &std::io::Error) -> Self {
        let why = match cause.kind() {
            std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
            std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
            std::io::ErrorKind::NotADirectory => "a part of the path is no folder".to_owned(),
            std::io::ErrorKind::StorageFull => "no space left on the disk".to_owned(),
            _ => cause.to_string(),
        };
        Self::new(Code::Io, format!("cannot {doing} {}: {why}", path.display()))
    }

    /// Adds the file, unless a place nearer to the fault is already known.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Self {
        self.0.place.get_or_insert_with(|| Place { path: path.to_owned(), line: None, dataset: None });
        self
    }

    /// Adds the file and the line (from 1) and column (from 1, or 0 for the whole line).
    #[must_use]
    pub fn at_line(mut self, path: &Path, line: usize, column: usize) -> Self {
        self.0.place = Some(Place { path: path.to_owned(), line: Some((line, column)), dataset: None });
        self
    }

    /// Adds the file and the dataset (or group) in it.
    #[must_use]
    pub fn in_dataset(mut self, path: &Path, dataset: impl Into<String>) -> Self {
        self.0.place = Some(Place { path: path.to_owned(), line: None, dataset: Some(dataset.into()) });
        self
    }

    /// Adds a help line: what to do, or the nearest valid name.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help.push(help.into());
        self
    }

    /// Adds the place in the user's script; the innermost one wins.
    #[must_use]
    pub fn in_script(mut self, place: ScriptPlace) -> Self {
        self.0.script.get_or_insert(place);
        self
    }

    /// The kind of the error.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file and the place in it.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The place in the user's script.
    pub fn script_place(&self) -> Option<&ScriptPlace> {
        self.0.script.as_ref()
    }

    /// The help lines.
    pub fn helps(&self) -> &[String] {
        &self.0.help
    }
}

impl fmt::Display for Error {
    /// The sentence and its place on one line, then the help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(place) = &self.0.place {
            write!(f, " ({place})")?;
        }
        for help in &self.0.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The value of a cell, made if it is not there. Two threads may both make it, and one of them keeps its own: a lock
/// held while it is made would hang, since making it in parallel lets a waiting worker begin other work that may ask for
/// the same cell.
pub fn once<T>(cell: &std::sync::OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(value) = cell.get() {
        return value;
    }
    let made = make();
    cell.get_or_init(|| made)
}

/// Something opened or computed when it is first asked for; a failure is remembered like a value.
pub struct Deferred<T> {
    cell: std::sync::OnceLock<Result<T>>,
    make: Box<dyn Fn() -> Result<T> + Send + Sync>,
}

impl<T> Deferred<T> {
    /// Defers `make` to the first [`get`](Self::get).
    pub fn new(make: impl Fn() -> Result<T> + Send + Sync + 'static) -> Self {
        Deferred { cell: std::sync::OnceLock::new(), make: Box::new(make) }
    }

    /// A value that is there already.
    pub fn ready(value: T) -> Self {
        let cell = std::sync::OnceLock::new();
        let _ = cell.set(Ok(value));
        Deferred { cell, make: Box::new(|| Err(Error::script("a ready value has no maker"))) }
    }

    /// The value, made at the first call.
    ///
    /// # Errors
    /// The error with which making it failed, the same at each call.
    pub fn get(&self) -> Result<&T> {
        once(&self.cell, &self.make).as_ref().map_err(Clone::clone)
    }
}

impl<T> fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cell.get().is_some() { "Deferred(made)" } else { "Deferred" })
    }
}
