//! The prompt: lines in, values out. History, several lines, Ctrl-C.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor};

use super::screen;
use crate::diag::{self, Error, Result, work};
use crate::script::{self, Session, Simulation};

/// Times above this are shown.
const SLOW: Duration = Duration::from_millis(500);

/// Keeps a line open while its brackets are.
struct Lines {
    session: Rc<std::cell::RefCell<Session>>,
}

impl rustyline::Helper for Lines {}
impl Highlighter for Lines {}
impl Hinter for Lines {
    type Hint = String;
}
impl Completer for Lines {
    type Candidate = String;
}
impl Validator for Lines {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let open = self.session.try_borrow().is_ok_and(|s| s.is_incomplete(context.input()));
        Ok(if open { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

/// Where the history is kept: the XDG place for state.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("neurhai/history"))
}

/// Opens the prompt, with what a path holds bound to `circuit`, or `sim` and `circuit` (or `spikes`, `report`, `table`, `targets`).
pub(super) fn open(path: Option<&Path>) -> Result<()> {
    let mut session = Session::new();
    session.set("args", rhai::Array::new());
    let talks = std::io::stdin().is_terminal();
    if talks {
        println!("neurhai {}: :help shows help, Ctrl-D ends", env!("CARGO_PKG_VERSION"));
    }
    if let Some(path) = path {
        let value = script::open(path)?;
        let name = match value.type_name() {
            t if t.ends_with("Circuit") => "circuit",
            t if t.ends_with("Simulation") => "sim",
            t if t.ends_with("Spikes") => "spikes",
            t if t.ends_with("Report") => "report",
            t if t.ends_with("Targets") => "targets",
            _ => "table",
        };
        if talks {
            println!("{name} =");
            screen::print(&value, false)?;
        }
        if let Some(simulation) = value.read_lock::<Simulation>()
            && let Ok(circuit) = simulation.circuit()
        {
            session.set("circuit", rhai::Dynamic::from(circuit));
        }
        session.set(name, value);
    }
    converse(session, talks)
}

fn converse(session: Session, talks: bool) -> Result<()> {
    let session = Rc::new(std::cell::RefCell::new(session));
    let config = Config::builder().auto_add_history(true).max_history_size(10_000);
    let config = config.map_err(|e| broken(&e))?.build();
    let mut editor: Editor<Lines, DefaultHistory> = Editor::with_config(config).map_err(|e| broken(&e))?;
    editor.set_helper(Some(Lines { session: session.clone() }));
    let history = history_file().filter(|_| talks);
    if let Some(file) = &history {
        // No history yet is no reason to say anything.
        let _ = editor.load_history(file);
    }
    let mut failed = None;
    loop {
        match editor.readline(if talks { "neurhai> " } else { "" }) {
            Ok(line) => match line.trim() {
                "" => {}
                ":quit" | ":q" | "exit" | "quit" => break,
                ":help" | ":h" | "help" => println!("{HELP}"),
                ":vars" => println!("{}", session.borrow().variables().join("\n")),
                text => failed = answer(&mut session.borrow_mut(), text),
            },
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(e) => return Err(broken(&e)),
        }
        // Input from a pipe is a script: it stops at the first error.
        if !talks && let Some(error) = failed.take() {
            return Err(error);
        }
    }
    if let Some(file) = &history {
        let _ = file.parent().map(std::fs::create_dir_all);
        let _ = editor.save_history(file);
    }
    Ok(())
}

const HELP: &str = "\
Type an expression and see its value.
  let circuit = open(\"PATH/TO/CircuitConfig\");
  circuit.cells.by(\"layer\").count()
  :vars   the variables
  :quit   leave (also Ctrl-D); Ctrl-C stops what runs
`neurhai doc NAME` shows the reference of a word.";

fn broken(error: &ReadlineError) -> Error {
    Error::script(format!("the prompt cannot go on: {error}"))
}

/// Runs one input and shows its value, or its error.
fn answer(session: &mut Session, text: &str) -> Option<Error> {
    work::reset();
    let begin = Instant::now();
    let result = session.run(text, "<prompt>").and_then(|value| screen::print(&value, false));
    screen::end_progress();
    if begin.elapsed() > SLOW && std::io::stdout().is_terminal() {
        println!("({:.1} s)", begin.elapsed().as_secs_f64());
    }
    let error = result.err()?;
    if std::io::stdin().is_terminal() {
        eprint!("{}", diag::render(&error, screen::colour(std::io::stderr().is_terminal())));
    }
    Some(error)
}
