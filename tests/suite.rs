//! The suite: scripts in `tests/suite/*.rhai` with the results that are expected.
//!
//! A file is cut into sections by lines `//--- name`. A section is a session of its own, with these names bound:
//! `circuit` (the demonstration circuit, written once for each run), `sim` (its simulation), `demo` (its folder), `sonata` (the folder of the
//! same circuit in SONATA's format) and `scratch` (an empty folder). Each expectation belongs to the code between it and the one before:
//!
//! ```text
//! circuit.cells.count() //= 42          the value, as JSON; tables and other things as they are shown
//! circuit.cells("Nope") //! no target   what the message of the error contains, a line for each part
//! circuit.cells.plot()
//! //fig histogram                       what the description of the figure contains
//! ```
//!
//! `UPDATE_SUITE=1` writes what comes out into the files; empty expectations are filled in that way. `TMP` stands for
//! the folders of the run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Arguments, Failed, Trial};
use neurhai::script::{Screen, Session, display, to_json_value};
use serde_json::Value;

/// What is expected after some code.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Value,
    Refusal,
    Figure,
}

const MARKS: &[(&str, Kind)] = &[("//=", Kind::Value), ("//!", Kind::Refusal), ("//fig", Kind::Figure)];

/// Some code and its expectation.
struct Step {
    /// The line in the file at which the code starts, from 1.
    line: usize,
    code: String,
    expected: Option<(Kind, Vec<String>)>,
    /// Whether the expectation stands behind the code on its last line.
    inline: bool,
}

struct Section {
    file: PathBuf,
    name: String,
    steps: Vec<Step>,
}

fn main() {
    let arguments = Arguments::from_args();
    let update = std::env::var_os("UPDATE_SUITE").is_some();
    let run = tempfile::tempdir().expect("a temporary folder");
    let root = run.path().to_owned();
    write_demo(&root.join("demo"), "bbp");
    write_demo(&root.join("sonata"), "sonata");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("tests/suite is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    files.sort();
    if update {
        for file in &files {
            rewrite(file, &root);
        }
    }
    let mut trials = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a readable file");
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for section in sections(file, &text) {
            let root = root.clone();
            let name = format!("{stem}::{}", section.name);
            trials.push(Trial::test(name, move || check(&section, &root)));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(run);
    conclusion.exit();
}

fn write_demo(folder: &Path, format: &str) {
    let made = Command::new(env!("CARGO_BIN_EXE_neurhai"))
        .arg("demo")
        .arg(folder)
        .args(["--no-tour", "--cells", "400", "--synapses", "60", "--format", format])
        .output()
        .expect("the program runs");
    assert!(made.status.success(), "no demonstration circuit: {}", String::from_utf8_lossy(&made.stderr));
}

/// Cuts a file into its sections.
fn sections(file: &Path, text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut step: Option<Step> = None;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if let Some(name) = line.strip_prefix("//--- ") {
            if let (Some(section), Some(last)) = (sections.last_mut(), step.take()) {
                section.steps.push(last);
            }
            let name = name.trim().trim_end_matches('-').trim_end().to_owned();
            sections.push(Section { file: file.to_owned(), name, steps: Vec::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else { continue };
        let (code, mark) = split(line);
        match mark {
            None if code.trim().is_empty() && step.as_ref().is_none_or(|open| open.expected.is_some()) => {}
            None => {
                let open = step.get_or_insert_with(|| new_step(number));
                if open.expected.is_some() {
                    section.steps.extend(step.replace(new_step(number)));
                }
                if let Some(open) = &mut step {
                    open.code += code;
                    open.code.push('\n');
                }
            }
            Some((kind, text)) => {
                let inline = !code.trim().is_empty();
                if inline && step.as_ref().is_some_and(|open| open.expected.is_some()) {
                    section.steps.extend(step.take());
                }
                let open = step.get_or_insert_with(|| new_step(number));
                if inline {
                    open.code += code;
                    open.code.push('\n');
                    open.inline = true;
                }
                open.expected.get_or_insert_with(|| (kind, Vec::new())).1.push(text.to_owned());
            }
        }
    }
    if let (Some(section), Some(last)) = (sections.last_mut(), step) {
        section.steps.push(last);
    }
    sections
}

fn new_step(line: usize) -> Step {
    Step { line, code: String::new(), expected: None, inline: false }
}

/// A line's code, and its expectation if it has one.
fn split(line: &str) -> (&str, Option<(Kind, &str)>) {
    let found = MARKS.iter().filter_map(|&(mark, kind)| Some((line.find(mark)?, mark, kind)));
    match found.min_by_key(|&(at, ..)| at) {
        Some((at, mark, kind)) => {
            let text = &line[at + mark.len()..];
            (&line[..at], Some((kind, text.strip_prefix(' ').unwrap_or(text).trim_end())))
        }
        None => (line, None),
    }
}

/// What came out of some code, as an expectation of that kind is written.
fn outcome(session: &mut Session, step: &Step, file: &Path, root: &Path) -> (Kind, String) {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    // Lines in messages count from the top of the file.
    let source = "\n".repeat(step.line - 1) + step.code.as_str();
    let result = session.run(&source, &name).and_then(|value| {
        let figure = matches!(step.expected, Some((Kind::Figure, _)));
        let shown = display(&value, &Screen::default())?.unwrap_or_default();
        if figure || !is_plain(&value) {
            return Ok((if figure { Kind::Figure } else { Kind::Value }, shown));
        }
        Ok((Kind::Value, to_json_value(&value)?.to_string()))
    });
    let (kind, text) = result.unwrap_or_else(|error| (Kind::Refusal, error.to_string()));
    let tidy = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    (kind, tidy.replace(&root.display().to_string(), "TMP"))
}

/// Whether JSON says it best.
fn is_plain(value: &rhai::Dynamic) -> bool {
    let map = |map: &rhai::Map| map.values().all(is_plain);
    let array = |array: &rhai::Array| array.iter().all(is_plain);
    value.is_unit()
        || value.is_int()
        || value.is_float()
        || value.is_bool()
        || value.is_string()
        || value.read_lock::<rhai::Map>().is_some_and(|found| map(&found))
        || value.read_lock::<rhai::Array>().is_some_and(|found| array(&found))
}

fn session(root: &Path) -> (Session, tempfile::TempDir) {
    let scratch = tempfile::tempdir_in(root).expect("a temporary folder");
    let mut session = Session::new();
    for name in ["demo", "sonata"] {
        session.set(name, root.join(name).display().to_string());
    }
    session.set("scratch", scratch.path().display().to_string());
    let _ = session
        .run("let sim = open_simulation(demo); let circuit = sim.circuit;", "circuit")
        .expect("the demonstration circuit opens");
    (session, scratch)
}

/// Runs on a stack that is large enough for scripts.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().stack_size(neurhai::script::STACK);
        let thread = builder.spawn_scoped(scope, work).expect("a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn check(section: &Section, root: &Path) -> Result<(), Failed> {
    let faults = on_large_stack(|| {
        let (mut session, _scratch) = session(root);
        let mut faults = String::new();
        for step in &section.steps {
            let (kind, got) = outcome(&mut session, step, &section.file, root);
            if let Err(expected) = meets(step, kind, &got) {
                let at = format!("{}:{}", section.file.display(), step.line);
                let _ =
                    writeln!(faults, "{at}\n  {}\n expected: {expected}\n got:      {got}", step.code.trim());
            }
        }
        faults
    });
    if faults.is_empty() { Ok(()) } else { Err(faults.into()) }
}

/// Whether an outcome is the expected one; what was expected otherwise.
fn meets(step: &Step, kind: Kind, got: &str) -> Result<(), String> {
    let Some((wanted, lines)) = &step.expected else {
        return if kind == Kind::Refusal { Err("no error".to_owned()) } else { Ok(()) };
    };
    let text = lines.join("\n");
    let met = kind == *wanted
        && match wanted {
            Kind::Value => text == got || same_numbers(&text, got),
            Kind::Refusal | Kind::Figure => {
                lines.iter().all(|line| !line.is_empty() && got.contains(line.as_str()))
            }
        };
    let word = match wanted {
        Kind::Value => "",
        Kind::Refusal => "an error with ",
        Kind::Figure => "a figure with ",
    };
    if met { Ok(()) } else { Err(format!("{word}{text}")) }
}

/// JSON texts whose numbers agree to twelve digits: the last ones depend on the machine's mathematical library.
fn same_numbers(expected: &str, got: &str) -> bool {
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-12 * a.abs(),
                _ => a == b,
            },
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            _ => a == b,
        }
    }
    match (serde_json::from_str(expected), serde_json::from_str(got)) {
        (Ok(expected), Ok(got)) => same(&expected, &got),
        _ => false,
    }
}

/// Writes what comes out in place of every expectation that is not met.
fn rewrite(file: &Path, root: &Path) {
    let text = std::fs::read_to_string(file).expect("a readable file");
    let first = text.lines().take_while(|line| !line.starts_with("//--- "));
    let mut out: String = first.map(|line| line.to_owned() + "\n").collect();
    for section in sections(file, &text) {
        let _ = writeln!(out, "//--- {} ---", section.name);
        on_large_stack(|| {
            let (mut session, _scratch) = session(root);
            for step in &section.steps {
                let (kind, got) = outcome(&mut session, step, file, root);
                write_step(&mut out, step, kind, &got);
            }
        });
        out.push('\n');
    }
    let out = out.trim_end().to_owned() + "\n";
    if out != text {
        std::fs::write(file, out).expect("a writable file");
    }
}

fn write_step(out: &mut String, step: &Step, kind: Kind, got: &str) {
    let code = step.code.trim_end();
    let (kind, lines): (Kind, Vec<String>) = match &step.expected {
        None => return out.extend([code, "\n"]),
        Some((wanted, lines)) if meets(step, kind, got).is_ok() => (*wanted, lines.clone()),
        Some(_) => (kind, got.lines().map(str::to_owned).collect()),
    };
    let mark = MARKS.iter().find(|m| m.1 == kind).map_or("//=", |m| m.0);
    match &lines[..] {
        [one] if step.inline => {
            let _ = writeln!(out, "{code} {mark} {one}");
        }
        lines => {
            let _ = writeln!(out, "{code}");
            let lines = lines.iter().map(|line| format!("{mark} {line}").trim_end().to_owned());
            lines.for_each(|line| out.extend([line.as_str(), "\n"]));
        }
    }
}
