//! Documentation that cannot be wrong: every example of the README, of `docs/` and of the reference runs on the
//! demonstration circuit, and the reference is what the registry says.
//!
//! `UPDATE_DOCS=1` writes `docs/reference.md` anew.

use std::path::{Path, PathBuf};

use neurhai::demo;
use neurhai::model::Format;
use neurhai::script::{Screen, Session, display, open_circuit, open_simulation};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A session on a small demonstration circuit, in both formats, in a scratch folder that becomes the working directory.
fn session(folder: &Path) -> Session {
    let mut session = Session::new();
    for (name, place, format) in [("circuit", "demo", Format::Bbp), ("sonata", "sonata", Format::Sonata)] {
        let options = demo::Options { cells: 300, synapses_per_cell: 60, format, ..Default::default() };
        let place = folder.join(place);
        demo::write(&place, &options).unwrap();
        session.set(name, rhai::Dynamic::from(open_circuit(&place).unwrap()));
    }
    session.set("sim", rhai::Dynamic::from(open_simulation(&folder.join("demo")).unwrap()));
    std::env::set_current_dir(folder).unwrap();
    session.set("args", rhai::Array::new());
    session
}

/// The lines of the `rhai` blocks of a page, each block with the line where it begins.
fn blocks(page: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            None if line.trim() == "```rhai" => open = Some((number + 2, String::new())),
            Some(_) if line.trim() == "```" => blocks.extend(open.take()),
            Some((_, code)) => {
                code.push_str(line);
                code.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// Statements of a block: lines are put together until they are complete.
fn statements(session: &Session, block: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut text = String::new();
    for line in block.lines() {
        text.push_str(line);
        text.push('\n');
        if !session.is_incomplete(&text) && !text.trim().is_empty() {
            statements.push(std::mem::take(&mut text));
        }
    }
    statements
}

fn run(session: &mut Session, code: &str, place: &str, failures: &mut Vec<String>) {
    let shown = session.run(code, place).and_then(|value| display(&value, &Screen::default()));
    if let Err(error) = shown {
        failures.push(format!("{place}: {code}  {error}"));
    }
}

#[test]
fn every_example_runs_and_the_reference_is_current() {
    let scratch = tempfile::tempdir().unwrap();
    let mut session = session(scratch.path());
    let mut failures = Vec::new();

    let mut pages: Vec<PathBuf> = vec![root().join("README.md")];
    let docs = std::fs::read_dir(root().join("docs")).unwrap();
    pages.extend(docs.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "md")));
    pages.sort();
    for page in pages.iter().filter(|p| !p.ends_with("reference.md")) {
        for (line, block) in blocks(page) {
            for statement in statements(&session, &block) {
                run(&mut session, &statement, &format!("{}:{line}", page.display()), &mut failures);
            }
        }
    }

    for paragraph in neurhai::cli::TOUR.split("\n\n") {
        run(&mut session, paragraph, "the tour", &mut failures);
    }
    for entry in neurhai::script::registry::entries() {
        let place = format!("{}.{}", entry.on, entry.signature);
        if !entry.doc.trim_end().ends_with(['.', ')']) || entry.example.is_empty() {
            failures.push(format!("{place}: no sentence, or no example"));
        }
        run(&mut session, entry.example, &place, &mut failures);
    }

    let reference = root().join("docs/reference.md");
    let current = neurhai::cli::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&reference, &current).unwrap();
    }
    if std::fs::read_to_string(&reference).unwrap_or_default() != current {
        failures
            .push("docs/reference.md is not current: run UPDATE_DOCS=1 cargo test --test docs".to_owned());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_script_of_the_scripts_folder_compiles() {
    for entry in std::fs::read_dir(root().join("scripts")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        neurhai::script::engine().compile(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
}
