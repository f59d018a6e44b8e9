//! The arrows of the map in `src/lib.rs`: who may import whom, and which words belong to one place only.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// Each layer and the layers that it may name. `formats::write` counts as a layer of its own.
const ARROWS: &[(&str, &[&str])] = &[
    ("diag", &[]),
    ("model", &["diag"]),
    ("formats", &["diag", "model", "formats::write"]),
    ("formats::write", &["diag", "model", "formats"]),
    ("query", &["diag", "model"]),
    ("plot", &["diag", "model"]),
    ("analysis", &["diag", "model", "query", "plot"]),
    ("demo", &["diag", "model", "formats", "formats::write"]),
    ("script", &["diag", "model", "formats", "formats::write", "query", "plot", "analysis", "demo"]),
    ("cli", &["diag", "model", "formats", "formats::write", "query", "plot", "analysis", "demo", "script"]),
];

/// A word, where it may stand, and why nowhere else.
const RESERVED: &[(&str, &[&str], &str)] = &[
    (r"\bhdf5_reader\b", &["formats/hdf5"], "one folder knows the HDF5 crate"),
    (
        r"\brhai::(?:.*\b)?(?:Expr|Stmt|ASTNode|FnCallExpr|BinaryExpr|StmtBlock)\b",
        &["script/closure"],
        "one file knows Rhai's syntax trees",
    ),
];

/// What a user or a file could make panic.
const FORBIDDEN: &[(&str, &str)] = &[
    (r"\.unwrap\(\)", "a value that may be missing is an error with a name"),
    (r"\btodo!|\bunimplemented!", "nothing is promised and not there"),
    (r"\bdbg!", "left over"),
];

struct Line {
    file: PathBuf,
    number: usize,
    text: String,
}

#[test]
fn imports_follow_the_arrows() {
    let wrong = against_the_arrows(&lines());
    assert!(wrong.is_empty(), "imports against the arrows of src/lib.rs:\n{wrong}");
}

#[test]
fn words_stay_in_their_place() {
    let wrong = out_of_place(&lines());
    assert!(wrong.is_empty(), "words out of their place:\n{wrong}");
}

#[test]
fn nothing_panics_on_purpose() {
    let wrong = forbidden(&lines());
    assert!(wrong.is_empty(), "outside tests:\n{wrong}");
}

/// What the three tests above would find, so that they cannot pass by being blind.
#[test]
fn the_checks_see_what_is_wrong() {
    let lines = |file: &str, text: &str| {
        let line = |(number, text)| Line { file: file.into(), number, text };
        code(text).into_iter().map(line).collect::<Vec<_>>()
    };
    let wrong = [
        ("model/ids.rs", "use crate::query::Expr;"),
        ("analysis/mod.rs", "use crate::{diag::Error,\n    formats::hdf5::{File, Group}};"),
        ("query/exec.rs", "let x = super::super::plot::Figure::new();"),
        ("query/mod.rs", "use super::plot;"),
        ("diag/mod.rs", "fn f() -> crate::model::Block { g() }"),
        ("plot/mod.rs", "use crate::{model, formats};"),
        ("formats/bbp/mod.rs", "use crate::{model, analysis};"),
    ];
    for (file, text) in wrong {
        assert!(!against_the_arrows(&lines(file, text)).is_empty(), "not seen in {file}: {text}");
    }
    let right = [
        ("query/exec.rs", "use super::plan::{self, x};\nuse crate::{diag::Error, model::Block};"),
        ("model/ids.rs", "#[cfg(test)]\nmod tests {\n    use crate::query::Expr;\n}"),
        ("script/api/cells.rs", "use crate::formats::write;\n// use crate::cli;"),
        ("demo/mod.rs", "use crate::formats::write::hdf5;"),
    ];
    for (file, text) in right {
        assert_eq!(against_the_arrows(&lines(file, text)), "", "{file}: {text}");
    }
    assert!(!out_of_place(&lines("query/rows.rs", "use hdf5_reader::File;")).is_empty());
    assert!(!out_of_place(&lines("script/engine.rs", "use rhai::{\n    Engine,\n    Stmt,\n};")).is_empty());
    assert_eq!(out_of_place(&lines("script/closure.rs", "use rhai::{Expr, Stmt};")), "");
    assert_eq!(out_of_place(&lines("script/api/table.rs", "use crate::query::Expr;\nuse rhai::Engine;")), "");
    assert!(!forbidden(&lines("cli/mod.rs", "x.unwrap();")).is_empty());
    assert_eq!(forbidden(&lines("cli/mod.rs", "#[cfg(test)]\nmod tests {\n    x.unwrap();\n}\nx?;")), "");
}

#[test]
fn the_layering_test_reads_the_sources() {
    let count = lines().len();
    assert!(count > 1000, "only {count} lines found under src");
    let layers: std::collections::BTreeSet<String> =
        lines().iter().filter_map(|line| layer_of(&line.file)).collect();
    let unknown: Vec<_> =
        layers.iter().filter(|layer| !ARROWS.iter().any(|(name, _)| name == layer)).collect();
    assert!(unknown.is_empty(), "layers without arrows: {unknown:?}");
}

fn against_the_arrows(lines: &[Line]) -> String {
    let mut wrong = String::new();
    for line in lines {
        let Some(layer) = layer_of(&line.file) else { continue };
        let allowed = ARROWS.iter().find(|(name, _)| *name == layer).map_or(&[][..], |(_, allowed)| *allowed);
        for named in imports(line) {
            let known = ARROWS.iter().any(|(name, _)| *name == named);
            if known && named != layer && !allowed.contains(&named.as_str()) {
                report(&mut wrong, line, &format!("imports {named} into {layer}"));
            }
        }
    }
    wrong
}

fn out_of_place(lines: &[Line]) -> String {
    let mut wrong = String::new();
    for (pattern, places, why) in RESERVED {
        let pattern = Regex::new(pattern).expect("a pattern");
        for line in lines.iter().filter(|line| pattern.is_match(&line.text)) {
            let file = line.file.with_extension("");
            if !places.iter().any(|place| file.starts_with(place)) {
                report(&mut wrong, line, why);
            }
        }
    }
    wrong
}

fn forbidden(lines: &[Line]) -> String {
    let mut wrong = String::new();
    for (pattern, why) in FORBIDDEN {
        let pattern = Regex::new(pattern).expect("a pattern");
        lines
            .iter()
            .filter(|line| pattern.is_match(&line.text))
            .for_each(|line| report(&mut wrong, line, why));
    }
    wrong
}

fn report(wrong: &mut String, line: &Line, why: &str) {
    let _ = writeln!(wrong, "  src/{}:{}: {why}: {}", line.file.display(), line.number, line.text.trim());
}

/// The layers that a line names, from the root of the crate.
fn imports(line: &Line) -> Vec<String> {
    static FROM_ROOT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bcrate::").expect("a pattern"));
    static UPWARDS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(?:super::)+").expect("a pattern"));
    let depth = module_depth(&line.file);
    let climbs = UPWARDS.find_iter(&line.text).filter(|found| found.len() / "super::".len() >= depth);
    let starts = FROM_ROOT.find_iter(&line.text).chain(climbs).map(|found| found.end());
    starts.flat_map(|start| names(&line.text[start..])).map(|path| layer_named(&path)).collect()
}

/// How many `super::` lead from a file's module to the root.
fn module_depth(file: &Path) -> usize {
    file.iter().count() - usize::from(file.ends_with("mod.rs"))
}

/// `formats/write/…` and `formats/…` are two layers; the files of `src` itself belong to none.
fn layer_of(file: &Path) -> Option<String> {
    let mut parts = file.iter().filter_map(|part| part.to_str());
    let first = parts.next()?;
    let second = parts.next()?;
    let write = first == "formats" && (second == "write" || second == "write.rs");
    Some(if write { "formats::write" } else { first }.to_owned())
}

fn layer_named(path: &str) -> String {
    let mut parts = path.split("::");
    let first = parts.next().unwrap_or_default();
    let write = first == "formats" && parts.next() == Some("write");
    if write { "formats::write" } else { first }.to_owned()
}

/// The paths that begin here: one, as in `a::b::C`, or several, as in `{a::{B, C}, d}`.
fn names(text: &str) -> Vec<String> {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let Some(inner) = text.strip_prefix('{') else {
        return vec![text.chars().take_while(|&c| word(c)).collect()];
    };
    let mut depth = 0;
    let mut paths = vec![String::new()];
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => paths.push(String::new()),
            c if depth == 0 && word(c) => paths.last_mut().into_iter().for_each(|path| path.push(c)),
            _ => {}
        }
    }
    paths
}

/// Every line of code under `src`.
fn lines() -> Vec<Line> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut lines = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = path.strip_prefix(&root).unwrap_or(&path).to_owned();
        lines.extend(code(&text).into_iter().map(|(number, text)| Line { file: file.clone(), number, text }));
    }
    lines
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_none_or(|name| name != "tests.rs")
        {
            files.push(path);
        }
    }
}

/// The lines that count, numbered from 1: without comments, an import over several lines as one, and nothing that
/// stands under `#[cfg(test)]`. Such an item ends at the first line that is indented no more than its attribute and
/// closes it.
fn code(text: &str) -> Vec<(usize, String)> {
    let mut kept: Vec<(usize, String)> = Vec::new();
    let mut test: Option<usize> = None;
    let mut open_import = false;
    for (index, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        if let Some(depth) = test {
            if indent <= depth && (trimmed.ends_with('}') || trimmed.ends_with(';')) {
                test = None;
            }
            continue;
        }
        if trimmed.starts_with("#[cfg(test)]") {
            test = Some(indent);
            continue;
        }
        if trimmed.starts_with("//") {
            continue;
        }
        let line = line.split(" // ").next().unwrap_or(line);
        match kept.last_mut() {
            Some((_, import)) if open_import => import.push_str(trimmed),
            _ => {
                kept.push((index + 1, line.to_owned()));
                open_import = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
                    .iter()
                    .any(|word| trimmed.starts_with(word));
            }
        }
        open_import &= !trimmed.ends_with(';');
    }
    kept
}
