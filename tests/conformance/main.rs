//! Conformance: the questions of the oracles, asked in our language, against the answers of the peers.
//!
//! Prints how many cases of each area pass, differ, or have no script yet, and fails when a case that is listed in
//! `passing.txt` does not pass any more. `UPDATE_CONFORMANCE=1` adds what passes now; nothing is ever taken off.
//! `CONFORMANCE_ORACLES` is the folder of the oracles, where they are not in `../shared/oracle`.
//! A word on the command line (`cargo test --test conformance -- nrn-`) shows the reasons of the cases whose id or
//! area holds it.

mod compare;
mod oracle;
mod python;
mod scripts;
mod sonata;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use oracle::Case;
use scripts::{Prepared, Scripts};
use serde_json::Value;
use sonata::Rules;

const ORACLES: &[&str] = &["bluepy", "brion", "science", "sonata"];

/// How the questions of an oracle become scripts.
enum Asking {
    /// By their ids or machine forms.
    Table(Scripts),
    /// By rules, from the call that the peer answers.
    Rules(Box<Rules>),
}

impl Asking {
    fn of(oracle: &str, path: &Path) -> Asking {
        match oracle {
            "sonata" => Asking::Rules(Box::new(Rules::read(path))),
            _ => Asking::Table(Scripts::read(path)),
        }
    }

    /// The script for a case, or what it lacks.
    fn prepare(&self, case: &Case) -> Result<Prepared, String> {
        match self {
            Asking::Table(scripts) => scripts.prepare(case).ok_or_else(|| "its script".to_owned()),
            Asking::Rules(rules) => rules.prepare(&case.op),
        }
    }
}

#[derive(Default)]
struct Tally {
    pass: usize,
    differ: usize,
    not_yet: usize,
}

fn main() {
    let thread = std::thread::Builder::new().stack_size(neurhai::script::STACK).spawn(all).expect("a thread");
    let failed = thread.join().unwrap_or(true);
    std::process::exit(i32::from(failed));
}

/// Asks everything; whether something that is listed does not pass.
fn all() -> bool {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if std::env::args().any(|word| word == "--list") {
        println!("conformance: test");
        return false;
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed_in = here.join("tests/conformance/passing.txt");
    let listed: BTreeSet<String> =
        std::fs::read_to_string(&listed_in).unwrap_or_default().lines().map(str::to_owned).collect();
    let mut passing = BTreeSet::new();
    let mut failures = Vec::new();
    println!("{:8} {:18} {:>5} {:>5} {:>7}", "oracle", "area", "pass", "differ", "not yet");
    let oracles =
        std::env::var_os("CONFORMANCE_ORACLES").map_or_else(|| here.join("../shared/oracle"), PathBuf::from);
    for name in ORACLES {
        let folder = oracles.join(name);
        let Some(cases) = oracle::read(&folder) else {
            println!("{name:8} skipped: {} is not here", folder.display());
            continue;
        };
        let folder = folder.canonicalize().unwrap_or(folder);
        let scripts = Asking::of(name, &here.join(format!("tests/conformance/{name}.scripts")));
        let mut areas: BTreeMap<&str, Tally> = BTreeMap::new();
        for case in &cases {
            let tally = areas.entry(&case.area).or_default();
            let id = format!("{name} {}", case.id);
            let asked = |words: &[String]| words.iter().any(|w| case.id.contains(w) || case.area.contains(w));
            let prepared = match scripts.prepare(case) {
                Ok(prepared) => prepared,
                Err(lacks) => {
                    tally.not_yet += 1;
                    if asked(&words) {
                        println!("\n{id}: {}\n{}\n  not yet: {lacks}", case.question, case.op);
                    }
                    if listed.contains(&id) {
                        failures.push(format!("{id}: it has no script any more"));
                    }
                    continue;
                }
            };
            match run(case, &folder, &prepared) {
                Ok(()) => {
                    tally.pass += 1;
                    passing.insert(id);
                }
                Err(reason) => {
                    tally.differ += 1;
                    if asked(&words) {
                        println!("\n{id}: {}\n{}\n  {reason}", case.question, prepared.asks());
                    }
                    if listed.contains(&id) {
                        failures.push(format!("{id}: {reason}"));
                    }
                }
            }
        }
        for (area, tally) in areas {
            println!("{name:8} {area:18} {:5} {:6} {:7}", tally.pass, tally.differ, tally.not_yet);
        }
    }
    let new = passing.difference(&listed).count();
    println!("{} cases pass, {new} of them not yet listed", passing.len());
    if new > 0 && std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        let all: Vec<&str> = passing.union(&listed).map(String::as_str).collect();
        std::fs::write(&listed_in, all.join("\n") + "\n").expect("passing.txt can be written");
    }
    if !failures.is_empty() {
        println!("\nlisted as passing, and do not pass:\n  {}", failures.join("\n  "));
    }
    !failures.is_empty()
}

/// Runs a case's script in an empty folder of its own, and compares.
fn run(case: &Case, data: &Path, prepared: &Prepared) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    for (name, text) in &prepared.files {
        let text = text.replace("${data}", &data.display().to_string());
        std::fs::write(scratch.path().join(name), text).map_err(|e| e.to_string())?;
    }
    let constants = [
        ("data", data.display().to_string()),
        ("file", case.file.clone()),
        ("scratch", scratch.path().display().to_string()),
    ];
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
        neurhai::script::eval_json(&prepared.source, &case.id, &constants)
    }));
    let outcome: Result<Value, neurhai::Error> = outcome.map_err(|_| "it panics".to_owned())?;
    let mut roots: Vec<PathBuf> = case.roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
    roots.extend(case.roots.iter().cloned());
    roots.push(scratch.path().to_owned());
    compare::check(case, &roots, &outcome, prepared.asks())
}
