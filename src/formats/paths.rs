//! Finding files: roots that moved, folders in which a name may mean something, and what to say when it is missing.

use std::path::{Component, Path, PathBuf};

use crate::diag::{Code, Error, Result, did_you_mean};

/// Roots that have moved: a path that starts with an old one is read from the new one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMap(Vec<(PathBuf, PathBuf)>);

impl PathMap {
    /// Adds a pair: `/gpfs/bbp` is now `/data`. A later pair for the same old root replaces an earlier one.
    pub fn add(&mut self, old: impl Into<PathBuf>, new: impl Into<PathBuf>) {
        let old = old.into();
        self.0.retain(|pair| pair.0 != old);
        self.0.push((old, new.into()));
    }

    /// The pairs, old and new.
    pub fn pairs(&self) -> &[(PathBuf, PathBuf)] {
        &self.0
    }

    /// Where a path leads. Roots are matched by whole names, and the longest one counts.
    pub fn apply(&self, path: &Path) -> PathBuf {
        let fitting = self.0.iter().filter_map(|(old, new)| Some((old, new, path.strip_prefix(old).ok()?)));
        match fitting.max_by_key(|(old, ..)| old.components().count()) {
            Some((_, new, rest)) if rest.as_os_str().is_empty() => new.clone(),
            Some((_, new, rest)) => new.join(rest),
            None => path.to_owned(),
        }
    }
}

/// A path without `.` in it.
pub fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().filter(|c| *c != Component::CurDir).collect();
    if tidy.as_os_str().is_empty() { PathBuf::from(".") } else { tidy }
}

/// The folder of a file; `.` for a bare name.
pub fn folder_of(path: &Path) -> PathBuf {
    tidy(path.parent().unwrap_or(Path::new("")))
}

/// The names in a folder, in order; none if it cannot be read.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The error for a path that does not exist: it names the first folder on the way that is missing, and what
/// stands there instead.
pub fn missing(path: &Path) -> Error {
    let error = Error::new(Code::Io, format!("{} does not exist", path.display()));
    let ways: Vec<&Path> = path.ancestors().filter(|p| !p.as_os_str().is_empty()).collect();
    let Some(gone) = ways.iter().rev().find(|p| !p.exists()) else { return error };
    let (folder, name) = (folder_of(gone), gone.file_name().unwrap_or_default().to_string_lossy());
    let error = if *gone == path {
        error
    } else {
        error.help(format!("there is no `{name}` in {}", folder.display()))
    };
    match did_you_mean(&name, &names_in(&folder)) {
        Some(help) => error.help(help),
        None => error,
    }
}

/// The path, if something is there.
///
/// # Errors
/// [`missing`].
pub fn existing(path: &Path) -> Result<&Path> {
    if path.exists() { Ok(path) } else { Err(missing(path)) }
}

/// Where the relative paths of a configuration may lead.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    map: PathMap,
    folders: Vec<PathBuf>,
}

impl Roots {
    /// Relative paths are tried in these folders, in this order, and last in the working directory.
    pub fn new(map: &PathMap, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut roots = Roots { map: map.clone(), folders: Vec::new() };
        roots.extend(folders);
        roots
    }

    /// Adds folders, to be tried after the others.
    pub fn extend(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        for folder in folders {
            let folder = tidy(&folder);
            if !self.folders.contains(&folder) {
                self.folders.push(folder);
            }
        }
    }

    /// The same with a folder that is tried before the others.
    #[must_use]
    pub fn first(&self, folder: &Path) -> Self {
        Roots::new(&self.map, std::iter::once(folder.to_owned()).chain(self.folders.iter().cloned()))
    }

    /// What a text may mean, the likeliest first.
    pub fn candidates(&self, text: &str) -> Vec<PathBuf> {
        let path = self.map.apply(Path::new(text));
        if path.is_absolute() {
            return vec![tidy(&path)];
        }
        let mut found: Vec<PathBuf> = Vec::new();
        for folder in self.folders.iter().map(PathBuf::as_path).chain([Path::new("")]) {
            let candidate = tidy(&folder.join(&path));
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
        found
    }

    /// The first candidate for which `is_there` holds.
    ///
    /// # Errors
    /// When none is there; the message tells where it was looked for.
    pub fn find(&self, text: &str, is_there: impl Fn(&Path) -> bool) -> Result<PathBuf> {
        let candidates = self.candidates(text);
        if let Some(found) = candidates.iter().find(|c| is_there(c)) {
            return Ok(found.clone());
        }
        let first = missing(candidates.first().map_or(Path::new(text), PathBuf::as_path));
        if Path::new(text).is_absolute() {
            let mapped = candidates.first().is_some_and(|c| c != Path::new(text));
            let beside =
                self.folders.iter().find(|f| Path::new(text).file_name().is_some_and(|n| f.join(n).exists()));
            let first = match beside {
                Some(folder) => first.help(format!("a file of that name is in {}", folder.display())),
                None => first,
            };
            let help = "path_map(\"/old/root\", \"/new/root\") replaces a root that has moved";
            return Err(if mapped { first } else { first.help(help) });
        }
        let folders: Vec<String> = candidates.iter().map(|c| folder_of(c).display().to_string()).collect();
        let error =
            Error::new(Code::Io, format!("`{text}` does not exist, neither in {}", folders.join(" nor in ")));
        let error = match folders.as_slice() {
            [one] => Error::new(Code::Io, format!("`{text}` does not exist in {one}")),
            _ => error,
        };
        Err(first.helps().iter().fold(error, |e, help| e.help(help.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_roots_are_replaced() {
        let mut map = PathMap::default();
        map.add("/gpfs", "/data");
        map.add("/gpfs/bbp", "/old");
        map.add("/gpfs/bbp", "/b");
        let cases = [
            ("/gpfs/bbp/x/y", "/b/x/y"),
            ("/gpfs/bbp", "/b"),
            ("/gpfs/bbp2/x", "/data/bbp2/x"),
            ("/home/x", "/home/x"),
            ("gpfs/x", "gpfs/x"),
        ];
        for (old, new) in cases {
            assert_eq!(map.apply(Path::new(old)), Path::new(new));
        }
        assert_eq!(map.pairs().len(), 2);
    }

    #[test]
    fn relative_paths_are_looked_for_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        for path in [&a, &b] {
            std::fs::create_dir(path).unwrap();
        }
        std::fs::write(b.join("circuit.mvd3"), "").unwrap();
        let roots = Roots::new(&PathMap::default(), [a.join("."), b.clone(), a.clone()]);
        assert_eq!(roots.candidates("./x"), [a.join("x"), b.join("x"), PathBuf::from("x")]);
        assert_eq!(roots.find("circuit.mvd3", Path::exists).unwrap(), b.join("circuit.mvd3"));
        let error = roots.first(&b).find("circuit.mvd4", Path::exists).unwrap_err().to_string();
        assert!(
            error.contains("`circuit.mvd4` does not exist, neither in") && error.contains("circuit.mvd3"),
            "{error}"
        );
        let error = roots.find("/gone/for/ever", Path::exists).unwrap_err().to_string();
        assert!(error.contains("no `gone` in /") && error.contains("path_map"), "{error}");
    }

    #[test]
    fn a_missing_path_names_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("circuit")).unwrap();
        let error = missing(&folder.path().join("cirkuit/x")).to_string();
        assert!(error.contains("no `cirkuit`") && error.contains("did you mean `circuit`"), "{error}");
        assert!(existing(folder.path()).is_ok() && existing(Path::new("no such")).is_err());
        assert_eq!(tidy(Path::new("./a/./b")), Path::new("a/b"));
        assert_eq!((folder_of(Path::new("x")), tidy(Path::new("."))), (".".into(), PathBuf::from(".")));
    }
}
