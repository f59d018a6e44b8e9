//! Transcripts of the command line: `tests/cli/*.txt`, run with the built program.
//!
//! ```text
//! $ neurhai eval '1 + 1'      the command; quotes as in a shell, nothing else of a shell
//! > 2                         standard output, every line of it
//! >~ part of a line           or: what standard output contains
//! !~ part of a line           what standard error contains
//! ? 1                         the exit status, if it is not 0
//! ```
//!
//! Without `>` lines standard output must be empty, without `!~` lines standard error. Commands run one after the
//! other in a folder that holds a small demonstration circuit, `demo`; files that a transcript itself needs stand
//! above its first command, as `@ name` and indented lines. `UPDATE_CLI=1` writes the output into the transcripts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};

#[derive(Default)]
struct Step {
    line: usize,
    command: String,
    output: Vec<String>,
    output_parts: Vec<String>,
    error_parts: Vec<String>,
    status: i32,
}

/// What a command did.
struct Done {
    status: i32,
    output: String,
    error: String,
}

fn main() {
    let arguments = Arguments::from_args();
    let run = tempfile::tempdir().expect("a temporary folder");
    let made = Command::new(env!("CARGO_BIN_EXE_neurhai"))
        .args(["demo", "demo", "--no-tour", "--cells", "60", "--synapses", "40"])
        .current_dir(run.path())
        .output()
        .expect("the program runs");
    assert!(made.status.success(), "no demonstration circuit: {}", String::from_utf8_lossy(&made.stderr));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("tests/cli is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let root: Arc<Path> = run.path().into();
    let trials = files.into_iter().map(|file| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let root = Arc::clone(&root);
        Trial::test(name, move || transcript(&file, &root))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    drop(run);
    conclusion.exit();
}

fn transcript(file: &Path, root: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(file)?;
    let (files, steps) = read(&text);
    let place = tempfile::tempdir_in(root)?;
    for (name, content) in files {
        std::fs::write(place.path().join(name), content)?;
    }
    copy_link(&root.join("demo"), &place.path().join("demo"))?;
    let mut faults = String::new();
    let mut updated = text.clone();
    for step in &steps {
        let done = run(step, place.path())?;
        let reasons = differences(step, &done);
        if !reasons.is_empty() {
            let _ = writeln!(faults, "{}:{}\n$ {}\n{reasons}", file.display(), step.line, step.command);
        }
        updated = updated.replacen(&expected_text(step), &text_of(step, &done), 1);
    }
    if std::env::var_os("UPDATE_CLI").is_some() && updated != text {
        std::fs::write(file, updated)?;
        return Ok(());
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.into()) }
}

/// The circuit under another name: commands must not change it.
fn copy_link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_link(&entry.path(), &target)?;
        } else {
            std::fs::hard_link(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The files and the steps of a transcript.
fn read(text: &str) -> (Vec<(String, String)>, Vec<Step>) {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { line: index + 1, command: command.to_owned(), ..Step::default() });
        } else if let Some(name) = line.strip_prefix("@ ") {
            files.push((name.to_owned(), String::new()));
        } else if let Some(step) = steps.last_mut() {
            if let Some(part) = line.strip_prefix(">~ ") {
                step.output_parts.push(part.to_owned());
            } else if let Some(part) = line.strip_prefix("!~ ") {
                step.error_parts.push(part.to_owned());
            } else if let Some(status) = line.strip_prefix("? ") {
                step.status = status.trim().parse().unwrap_or_else(|_| panic!("a status, not {status}"));
            } else if let Some(output) = line.strip_prefix('>') {
                step.output.push(output.strip_prefix(' ').unwrap_or(output).to_owned());
            }
        } else if let (Some(file), Some(content)) = (files.last_mut(), line.strip_prefix("    ")) {
            let _ = writeln!(file.1, "{content}");
        }
    }
    (files, steps)
}

fn run(step: &Step, place: &Path) -> Result<Done, Failed> {
    let words = words(&step.command);
    let (program, arguments) = words.split_first().ok_or("an empty command")?;
    if program != "neurhai" {
        return Err(format!("only neurhai can be run, not {program}").into());
    }
    let done = Command::new(env!("CARGO_BIN_EXE_neurhai"))
        .args(arguments)
        .current_dir(place)
        .env("HOME", place)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()?;
    let tidy = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(&place.display().to_string(), "TMP");
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    Ok(Done {
        status: done.status.code().unwrap_or(-1),
        output: tidy(&done.stdout),
        error: tidy(&done.stderr),
    })
}

/// Splits a command into words: blanks divide, single and double quotes hold together.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in command.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c == ' ' => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn differences(step: &Step, done: &Done) -> String {
    let mut reasons = String::new();
    if done.status != step.status {
        let _ = writeln!(reasons, "  status {}, expected {}", done.status, step.status);
    }
    let whole = step.output.join("\n");
    if step.output_parts.is_empty() && done.output != whole {
        let _ = writeln!(reasons, "  output:\n{}\n  expected:\n{whole}", done.output);
    }
    let missing = |parts: &[String], text: &str| -> Vec<String> {
        parts.iter().filter(|part| !text.contains(part.as_str())).cloned().collect()
    };
    for part in missing(&step.output_parts, &done.output) {
        let _ = writeln!(reasons, "  no `{part}` in the output:\n{}", done.output);
    }
    for part in missing(&step.error_parts, &done.error) {
        let _ = writeln!(reasons, "  no `{part}` in the errors:\n{}", done.error);
    }
    if step.error_parts.is_empty() && !done.error.is_empty() {
        let _ = writeln!(reasons, "  errors that are not expected:\n{}", done.error);
    }
    reasons
}

/// A step as it stands in the file.
fn expected_text(step: &Step) -> String {
    let mut text = format!("$ {}\n", step.command);
    step.output.iter().for_each(|line| text += &marked(">", line));
    text
}

/// A step with the output that there was.
fn text_of(step: &Step, done: &Done) -> String {
    let mut text = format!("$ {}\n", step.command);
    if step.output_parts.is_empty() {
        done.output.lines().for_each(|line| text += &marked(">", line));
    }
    text
}

fn marked(mark: &str, line: &str) -> String {
    format!("{mark} {line}").trim_end().to_owned() + "\n"
}
