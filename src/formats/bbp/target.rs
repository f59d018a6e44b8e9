//! Target files: named groups of cells.
//!
//! ```text
//! Target Cell mc2_Column
//! {
//!     a1 a12  Layer4      # gids, and names of other targets
//! }
//! Target Section axons { mc2_Column axon }
//! ```
//! Opening finds where each target stands; members are read when a target is asked for, a big one by all cores.
//! A target of type Section, Compartment or Synapse may say, on each line after its members, on which sections
//! (`soma`, `axon`, `dend`, `apic`) and where on them (`0.5`); that part names no cells.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memchr::{memchr, memchr3};
use rayon::prelude::*;

use crate::diag::{Code, Error, Result, did_you_mean, work};
use crate::formats::text::{Text, cut};
use crate::model::{CellTable, IdSet, TargetEntry, Targets};

/// The types of targets.
const KINDS: [&str; 4] = ["Cell", "Compartment", "Section", "Synapse"];
/// The words that name sections of a cell.
const SECTIONS: [&str; 4] = ["soma", "axon", "dend", "apic"];
/// Bytes of a big target that one task reads.
const PIECE: usize = 512 * 1024;

/// Reads target files. A name may stand for one target only.
///
/// # Errors
/// A file that cannot be read or is no target file (with the line), a name that is defined twice (with both
/// places).
pub fn read_targets(files: &[PathBuf]) -> Result<Arc<dyn Targets>> {
    let mut targets = TargetFiles::default();
    for file in files {
        targets.add(file)?;
    }
    Ok(Arc::new(targets))
}

/// Reads the target files of a circuit: `start.target`, then the user's. A later file that is damaged, or
/// defines a name anew, is left out as a whole; asking for a name that is then missing tells why. A gid of the
/// circuit (`a12`) stands for that cell.
///
/// # Errors
/// When the first file cannot be used.
pub fn read_circuit_targets(files: &[PathBuf], cells: &Arc<CellTable>) -> Result<Arc<dyn Targets>> {
    let mut targets = TargetFiles { cells: Some(cells.clone()), ..TargetFiles::default() };
    for (order, file) in files.iter().enumerate() {
        match targets.add(file) {
            Err(error) if order > 0 => targets.refused.push(error),
            added => added?,
        }
    }
    Ok(Arc::new(targets))
}

/// The gid that a word such as `a42` names.
pub fn parse_gid(word: &str) -> Option<i64> {
    gid(word.as_bytes())
}

/// The same; a word that is no gid is an error.
///
/// # Errors
/// When the word is not `a` and digits.
pub fn expect_gid(word: &str) -> Result<i64> {
    parse_gid(word).ok_or_else(|| Error::argument(format!("`{word}` is not a gid such as `a42`")))
}

fn gid(word: &[u8]) -> Option<i64> {
    let digits = word.strip_prefix(b"a").filter(|d| !d.is_empty())?;
    digits.iter().try_fold(0i64, |gid, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        gid.checked_mul(10)?.checked_add(digit.into())
    })
}

/// The gid at the start of a line, and the length of its word. Words of very many digits are left to [`gid`].
fn leading_gid(line: &[u8]) -> Option<(i64, usize)> {
    let digits = line.strip_prefix(b"a")?;
    let (mut gid, mut count) = (0i64, 0);
    for digit in digits.iter().map(|byte| byte.wrapping_sub(b'0')).take_while(|&digit| digit <= 9) {
        gid = gid.wrapping_mul(10).wrapping_add(digit.into());
        count += 1;
    }
    let ends = digits.get(count).is_none_or(u8::is_ascii_whitespace);
    (ends && (1..=18).contains(&count)).then_some((gid, count + 1))
}

/// Where a target stands.
struct Definition {
    name: String,
    kind: &'static str,
    file: usize,
    /// Its keyword.
    at: usize,
    /// What is between its braces.
    body: Range<usize>,
}

/// The members of one target, without those of its members.
#[derive(Default)]
struct Members {
    /// Gids, ascending, each once.
    ids: Vec<i64>,
    /// Other targets, with the place where each is named.
    targets: Vec<(usize, usize)>,
}

#[derive(Default)]
struct TargetFiles {
    files: Vec<Text>,
    targets: Vec<Definition>,
    by_name: HashMap<String, usize>,
    resolved: Vec<OnceLock<IdSet>>,
    cells: Option<Arc<CellTable>>,
    refused: Vec<Error>,
}

impl TargetFiles {
    fn add(&mut self, path: &Path) -> Result<()> {
        let mut text = Text::open(path)?;
        if let Some(link) = linked(&text) {
            text = Text::open(&link)?;
        }
        let found = index(&text, self.files.len())?;
        let mut names = HashMap::with_capacity(found.len());
        for (order, target) in found.iter().enumerate() {
            let first = match (self.by_name.get(&target.name), names.entry(&target.name)) {
                (Some(&known), _) => Some(&self.targets[known]),
                (None, Entry::Occupied(known)) => Some(&found[*known.get()]),
                (None, Entry::Vacant(free)) => {
                    free.insert(order);
                    None
                }
            };
            if let Some(first) = first {
                let file = self.files.get(first.file).unwrap_or(&text);
                let message = format!("target `{}` is defined more than once", target.name);
                let other =
                    format!("first in {}, line {}", file.path().display(), file.line_column(first.at).0);
                return Err(text.error(target.at, message).help(other));
            }
        }
        for target in found {
            self.by_name.insert(target.name.clone(), self.targets.len());
            self.targets.push(target);
            self.resolved.push(OnceLock::new());
        }
        self.files.push(text);
        Ok(())
    }

    /// The members of a target: an error where one of them does not exist.
    fn members(&self, target: usize) -> Result<Members> {
        let Definition { name, kind, file, body, .. } = &self.targets[target];
        let text = &self.files[*file];
        let bytes = text.bytes();
        let sections = *kind != "Cell";
        let by_line = sections || memchr(b'#', &bytes[body.clone()]).is_some();
        let is_cut = |b: u8| if by_line { b == b'\n' } else { b.is_ascii_whitespace() };
        let read = |piece: &Range<usize>| Piece::read(bytes, piece.clone(), by_line, sections);
        let pieces = cut(bytes, body.clone(), PIECE, is_cut);
        let pieces: Vec<_> = match pieces.as_slice() {
            [one] => vec![read(one)],
            many => many.par_iter().map(read).collect(),
        };
        let pieces = pieces.into_iter().collect::<Result<Vec<_>, Wrong>>();
        let mut pieces =
            pieces.map_err(|wrong| text.error(wrong.at, format!("target `{name}`: {}", wrong.message)))?;

        let mut targets = Vec::new();
        for range in pieces.iter().flat_map(|p| &p.names) {
            let member = String::from_utf8_lossy(&bytes[range.clone()]);
            match self.by_name.get(member.as_ref()) {
                Some(&other) => targets.push((other, range.start)),
                None => return Err(text.place(range.start, self.no_member(name, &member))),
            }
        }
        let section = pieces.iter().find_map(|p| p.section);
        let ids = union(pieces.iter_mut().map(|p| std::mem::take(&mut p.ids)).collect());
        match section {
            Some(at) if ids.is_empty() && targets.is_empty() => {
                Err(text.error(at, format!("target `{name}` names sections, but no cells")))
            }
            _ => Ok(Members { ids, targets }),
        }
    }

    fn no_member(&self, target: &str, member: &str) -> Error {
        let message = format!("target `{target}` contains `{member}`, but there is no such target");
        let error = self.explain(Error::new(Code::Name, message), member);
        let glued = member.strip_prefix('a').is_some_and(|m| m.split('a').all(|d| d.parse::<u64>().is_ok()));
        if glued { error.help("a blank between two gids seems to be missing") } else { error }
    }

    /// Adds what may help with a name that does not exist.
    fn explain(&self, error: Error, name: &str) -> Error {
        let known: Vec<&str> = self.targets.iter().map(|t| t.name.as_str()).collect();
        let near = did_you_mean(name, &known).into_iter();
        let refused = self.refused.iter().map(|e| {
            let first = e.helps().first().map(|h| format!(", {h}")).unwrap_or_default();
            let place = e.place().map(|p| format!(" ({p}{first})")).unwrap_or_default();
            format!("a target file is not used: {}{place}", e.message())
        });
        near.chain(refused).fold(error, Error::help)
    }

    fn unknown(&self, name: &str) -> Error {
        let error = match (&self.cells, gid(name.as_bytes())) {
            (Some(cells), Some(gid)) => Error::new(
                Code::Name,
                format!(
                    "there is no target `{name}`, and the circuit of {} cells has no cell {gid}",
                    cells.count()
                ),
            ),
            _ => Error::new(Code::Name, format!("there is no target `{name}`")),
        };
        self.explain(error, name)
    }

    /// The cells of a target and of all targets in it.
    fn cells_of(&self, root: usize) -> Result<IdSet> {
        let mut members: HashMap<usize, Members> = HashMap::new();
        let mut known = Vec::new();
        let mut frontier = vec![root];
        // What is new is read together, by all cores; a target that was resolved before is not opened again.
        while !frontier.is_empty() {
            work::check()?;
            let read: Vec<_> = frontier.par_iter().map(|&target| self.members(target)).collect();
            let mut next = HashSet::new();
            for (target, read) in std::mem::take(&mut frontier).into_iter().zip(read) {
                let read = read?;
                next.extend(read.targets.iter().map(|t| t.0));
                members.insert(target, read);
            }
            next.retain(|target| !members.contains_key(target));
            for target in next {
                match self.resolved[target].get() {
                    Some(cells) => known.push(cells.clone()),
                    None => frontier.push(target),
                }
            }
            frontier.sort_unstable();
        }
        self.check_cycles(root, &members)?;
        let lists: Vec<Vec<i64>> = members.into_values().map(|m| m.ids).collect();
        Ok(IdSet::new(union(lists.into_iter().chain(known.iter().map(|k| k.listed().to_vec())).collect())))
    }

    /// An error that shows the way round, where a target contains itself.
    fn check_cycles(&self, root: usize, members: &HashMap<usize, Members>) -> Result<()> {
        let mut path = vec![(root, 0)];
        let mut on_path = HashSet::from([root]);
        let mut done = HashSet::new();
        while let Some((target, next)) = path.last_mut() {
            let target = *target;
            let member = members.get(&target).and_then(|m| m.targets.get(*next));
            *next += 1;
            match member {
                None => {
                    path.pop();
                    on_path.remove(&target);
                    done.insert(target);
                }
                Some(&(inner, at)) if on_path.contains(&inner) => {
                    let around = path.iter().map(|p| p.0).skip_while(|&t| t != inner).chain([inner]);
                    let names: Vec<&str> = around.map(|t| self.targets[t].name.as_str()).collect();
                    let message = format!("target `{}` contains itself: {}", names[0], names.join(" → "));
                    return Err(self.files[self.targets[target].file].error(at, message));
                }
                Some(&(inner, _)) if !done.contains(&inner) => {
                    path.push((inner, 0));
                    on_path.insert(inner);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl Targets for TargetFiles {
    fn entries(&self) -> Vec<TargetEntry> {
        self.targets.iter().map(|t| self.describe(t)).collect()
    }

    fn entry(&self, name: &str) -> Option<TargetEntry> {
        self.by_name.get(name).map(|&t| self.describe(&self.targets[t]))
    }

    fn resolve(&self, name: &str) -> Result<IdSet> {
        let Some(&target) = self.by_name.get(name) else {
            let cells = self.cells.as_ref();
            let cell = gid(name.as_bytes()).filter(|&gid| cells.is_some_and(|c| c.row_of(gid).is_some()));
            return cell.map(|gid| IdSet::new(vec![gid])).ok_or_else(|| self.unknown(name));
        };
        // Not `get_or_init`: a worker that waits for a piece of this target may begin to resolve it once more.
        if let Some(cells) = self.resolved[target].get() {
            return Ok(cells.clone());
        }
        let cells = self.cells_of(target)?;
        Ok(self.resolved[target].get_or_init(|| cells).clone())
    }

    fn parts(&self, name: &str) -> Result<Option<Vec<String>>> {
        let Some(&target) = self.by_name.get(name) else { return Ok(None) };
        let members = self.members(target)?;
        let names = members.targets.iter().map(|&(t, _)| self.targets[t].name.clone());
        Ok((members.ids.is_empty() && !members.targets.is_empty()).then(|| names.collect()))
    }
}

impl TargetFiles {
    fn describe(&self, target: &Definition) -> TargetEntry {
        let file = self.files[target.file].path().to_owned();
        TargetEntry { name: target.name.clone(), kind: target.kind.to_owned(), file }
    }
}

/// Something wrong at a byte of a file.
struct Wrong {
    at: usize,
    message: String,
}

/// What stands in a piece of a target's body.
#[derive(Default)]
struct Piece {
    ids: Vec<i64>,
    names: Vec<Range<usize>>,
    /// Where the first word for a section stands.
    section: Option<usize>,
}

impl Piece {
    fn read(bytes: &[u8], range: Range<usize>, by_line: bool, sections: bool) -> Result<Self, Wrong> {
        let mut piece = Piece { ids: Vec::with_capacity(range.len() / 4), ..Piece::default() };
        if !by_line {
            piece.line(bytes, range, sections)?;
            return Ok(piece);
        }
        let mut start = range.start;
        while start < range.end {
            let end = memchr(b'\n', &bytes[start..range.end]).map_or(range.end, |n| start + n);
            let code = memchr(b'#', &bytes[start..end]).map_or(end, |n| start + n);
            piece.line(bytes, start..code, sections)?;
            start = end + 1;
        }
        Ok(piece)
    }

    fn line(&mut self, bytes: &[u8], range: Range<usize>, sections: bool) -> Result<(), Wrong> {
        let line = &bytes[range.clone()];
        let mut section: Option<&[u8]> = None;
        let mut at = 0;
        while at < line.len() {
            if line[at].is_ascii_whitespace() {
                at += 1;
                continue;
            }
            let start = at;
            if let Some((gid, length)) = leading_gid(&line[start..]) {
                self.ids.push(gid);
                at += length;
                continue;
            }
            let end = line[at..].iter().position(u8::is_ascii_whitespace).map_or(line.len(), |n| at + n);
            let word = &line[start..end];
            at = end;
            if let Some(gid) = gid(word) {
                self.ids.push(gid);
            } else if sections && SECTIONS.iter().any(|s| s.as_bytes() == word) {
                if let Some(other) = section.filter(|&other| other != word) {
                    let [first, second] = [other, word].map(String::from_utf8_lossy);
                    let message = format!("`{first}` and `{second}` are both named in one line");
                    return Err(Wrong { at: range.start + start, message });
                }
                section = Some(word);
                self.section.get_or_insert(range.start + start);
            } else if section.is_none()
                || std::str::from_utf8(word).map_or(true, |w| w.parse::<f64>().is_err())
            {
                self.names.push(range.start + start..range.start + end);
            }
        }
        Ok(())
    }
}

/// The file that a symbolic link means which was copied as text: archives and checkouts of repositories leave
/// files that hold nothing but the path of another one.
fn linked(text: &Text) -> Option<PathBuf> {
    let content = text.bytes().trim_ascii();
    let is_path = (1..1024).contains(&content.len()) && !content.iter().any(u8::is_ascii_whitespace);
    let path = Path::new(std::str::from_utf8(content).ok().filter(|_| is_path)?);
    let file = text.path().parent()?.join(path);
    (file.is_file() && file != text.path()).then_some(file)
}

/// Where the targets of a file stand.
fn index(text: &Text, file: usize) -> Result<Vec<Definition>> {
    let bytes = text.bytes();
    let mut found = Vec::new();
    let mut at = skip(bytes, 0);
    while at < bytes.len() {
        // A brace that closes nothing occurs in real files.
        if bytes[at] == b'}' {
            at = skip(bytes, at + 1);
            continue;
        }
        let target = header(text, at, file)?;
        at = skip(bytes, target.body.end + 1);
        found.push(target);
    }
    Ok(found)
}

/// The place after blanks and comments.
fn skip(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' => at = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n),
            _ if byte.is_ascii_whitespace() => at += 1,
            _ => break,
        }
    }
    at
}

/// The word that starts at a place; empty at a brace and at the end.
fn word(bytes: &[u8], at: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    let is_end = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'{' | b'}' | b'#');
    &rest[..rest.iter().position(is_end).unwrap_or(rest.len())]
}

/// The target whose keyword stands at `at`.
fn header(text: &Text, at: usize, file: usize) -> Result<Definition> {
    let bytes = text.bytes();
    let keyword = word(bytes, at);
    let expected = "a target file is made of `Target TYPE NAME { … }`";
    if keyword != b"Target" {
        let found = if keyword.is_empty() { b"{" } else { keyword };
        let message = format!("`{}` where a target is expected", String::from_utf8_lossy(found));
        return Err(text.error(at, message).help(expected));
    }
    let kind_at = skip(bytes, at + keyword.len());
    let kind_word = word(bytes, kind_at);
    let name_at = skip(bytes, kind_at + kind_word.len());
    let name = word(bytes, name_at);
    let open = skip(bytes, name_at + name.len());
    if kind_word.is_empty() || name.is_empty() || bytes.get(open) != Some(&b'{') {
        let message = match bytes.get(open) {
            None => "the file ends in the header of a target",
            Some(_) => "the header of a target is not `Target TYPE NAME {`",
        };
        return Err(text.error(at, message).help(expected));
    }
    let kind_text = String::from_utf8_lossy(kind_word);
    let kind = KINDS.into_iter().find(|k| *k == kind_text);
    let kind =
        kind.ok_or_else(|| text.place(kind_at, Error::unknown("type of target", &kind_text, KINDS)))?;
    let name = String::from_utf8_lossy(name).into_owned();
    let body = open + 1;
    let end = close(bytes, body)
        .ok_or_else(|| text.error(at, format!("target `{name}` is not closed: there is a missing `}}`")))?;
    Ok(Definition { name, kind, file, at, body: body..end })
}

/// The brace that closes the body that starts at `at`; none if another body starts or the file ends before.
fn close(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr3(b'}', b'{', b'#', bytes.get(at..)?)?;
        match bytes[at] {
            b'}' => return Some(at),
            b'{' => return None,
            _ => at += memchr(b'\n', &bytes[at..])?,
        }
    }
}

/// The lists one after the other, copied by all cores.
fn concat(lists: &[Vec<i64>]) -> Vec<i64> {
    let mut all = vec![0; lists.iter().map(Vec::len).sum()];
    let mut rest = all.as_mut_slice();
    let mut copies = Vec::with_capacity(lists.len());
    for list in lists {
        let (place, after) = rest.split_at_mut(list.len());
        copies.push((place, list));
        rest = after;
    }
    copies.into_par_iter().for_each(|(place, list)| place.copy_from_slice(list));
    all
}

/// All ids of some lists, ascending, each once.
fn union(mut lists: Vec<Vec<i64>>) -> Vec<i64> {
    lists.retain(|l| !l.is_empty());
    // The lowest and the highest id of a list, and whether it ascends.
    let facts = |list: &Vec<i64>| {
        let start = (i64::MAX, i64::MIN, true);
        list.iter().fold(start, |(low, high, up), &id| (low.min(id), high.max(id), up && id > high))
    };
    let facts: Vec<(i64, i64, bool)> = lists.par_iter().map(facts).collect();
    if facts.iter().all(|f| f.2) && facts.windows(2).all(|w| w[0].1 < w[1].0) {
        return match <[_; 1]>::try_from(lists) {
            Ok([one]) => one,
            Err(lists) => concat(&lists),
        };
    }
    let low = facts.iter().map(|f| f.0).min().unwrap_or_default();
    let high = facts.iter().map(|f| f.1).max().unwrap_or_default();
    let count: usize = lists.iter().map(Vec::len).sum();
    let span = high.abs_diff(low);
    if span / 64 > count as u64 {
        let mut ids = concat(&lists);
        ids.par_sort_unstable();
        ids.dedup();
        return ids;
    }
    // Dense ids: a bit for each.
    let mut bits = vec![0u64; (span / 64 + 1) as usize];
    for id in lists.into_iter().flatten() {
        let at = id.abs_diff(low) as usize;
        bits[at / 64] |= 1 << (at % 64);
    }
    let mut ids = Vec::with_capacity(count);
    for (at, mut word) in bits.into_iter().enumerate() {
        while word != 0 {
            ids.push(low + (at * 64) as i64 + i64::from(word.trailing_zeros()));
            word &= word - 1;
        }
    }
    ids
}

#[cfg(test)]
#[allow(clippy::format_push_string, clippy::format_collect)] // texts are put together as they read
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn write(texts: &[&str]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let file = |(n, text): (usize, &&str)| {
            let path = folder.path().join(format!("{n}.target"));
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = texts.iter().enumerate().map(file).collect();
        (folder, files)
    }

    fn read(texts: &[&str]) -> Result<Arc<dyn Targets>> {
        read_targets(&write(texts).1)
    }

    fn ids(targets: &Arc<dyn Targets>, name: &str) -> Vec<i64> {
        targets.resolve(name).unwrap_or_else(|e| panic!("{e}")).listed().to_vec()
    }

    fn names(targets: &Arc<dyn Targets>) -> Vec<String> {
        targets.entries().into_iter().map(|e| e.name).collect()
    }

    fn at(error: &Error) -> Option<(usize, usize)> {
        error.place().and_then(|p| p.line)
    }

    #[test]
    fn reads_all_that_files_hold() {
        let first = "\u{feff}# comment { with } braces, ä\r\nTarget Cell A\r\n{\r\n a3 a00012 a3 # two\r\n}\r\n}\n\
                     Target\n # between\n Compartment\npop:A;b-c.d@e {B a17sources}Target Cell a17sources{a7}\n";
        let second = "Target Cell B { A a1 }\nTarget Synapse Empty {}";
        let targets = read(&[first, second]).unwrap();
        assert_eq!(names(&targets), ["A", "pop:A;b-c.d@e", "a17sources", "B", "Empty"]);
        assert_eq!(targets.entry("pop:A;b-c.d@e").unwrap().kind, "Compartment");
        assert_eq!(ids(&targets, "A"), [3, 12]);
        assert_eq!(ids(&targets, "pop:A;b-c.d@e"), [1, 3, 7, 12]);
        assert_eq!(ids(&targets, "B"), [1, 3, 12]);
        assert!(ids(&targets, "Empty").is_empty());
        assert!(names(&read(&["", "# no more"]).unwrap()).is_empty());
        assert!(read_targets(&["no/such.target".into()]).is_err());
    }

    #[test]
    fn tells_sections_from_members() {
        let targets = read(&["Target Section S {\n a1 soma 0.5\n axon\n a2 M dend 0.1 9e-1 a3 apic\n}\n\
             Target Cell M { axon }\nTarget Cell axon { a9 }\n\
             Target Section two {\n a1 a2\n M axon soma\n}\nTarget Compartment none {\n soma\n}\n\
             Target Compartment number { a1 0.5 }"]);
        let targets = targets.unwrap();
        let error = targets.resolve("S").unwrap_err();
        assert!(error.message().contains("`dend` and `apic`") && at(&error) == Some((4, 24)), "{error}");
        assert_eq!(ids(&targets, "M"), [9]);
        let error = targets.resolve("two").unwrap_err();
        assert!(error.message().contains("`axon` and `soma`") && at(&error) == Some((10, 9)), "{error}");
        let error = targets.resolve("none").unwrap_err();
        assert!(error.message().contains("no cells"), "{error}");
        assert!(targets.resolve("number").unwrap_err().message().contains("`0.5`"));
    }

    #[test]
    fn names_what_is_wrong_and_where() {
        let cases = [
            ("Target Cell A { a1\nTarget Cell B { a2 }", (1, 1), "missing `}`"),
            ("\n Target Cell A { a1", (2, 2), "missing `}`"),
            ("Target Cell A { a1 # }", (1, 1), "missing `}`"),
            ("Target Cell A\n", (1, 1), "ends in the header"),
            ("Target Cell {", (1, 1), "`Target TYPE NAME {`"),
            ("Target Cell A a1 }", (1, 1), "`Target TYPE NAME {`"),
            ("Target", (1, 1), "ends in the header"),
            ("target cell A { a1 }", (1, 1), "`target` where a target is expected"),
            ("Target Report A { a1 }", (1, 8), "no type of target `Report`"),
            ("{ a1 }", (1, 1), "`{` where a target is expected"),
            ("Target Cell A {}\nTarget Cell A {}", (2, 1), "`A` is defined more than once"),
        ];
        for (text, place, message) in cases {
            let error = read(&[text]).err().unwrap();
            assert!(error.to_string().contains(message), "{text}: {error}");
            assert_eq!(at(&error), Some(place), "{text}: {error}");
        }
        let error = read(&["Target Cell A {}", "\nTarget Cell B {}\nTarget Cell A {}"]).err().unwrap();
        assert!(error.to_string().contains("1.target, line 3, column 1)\n  help: first in"), "{error}");
        assert!(error.to_string().ends_with("0.target, line 1"), "{error}");
    }

    #[test]
    fn names_members_that_do_not_exist_and_cycles() {
        let targets = read(&["Target Cell Layer1 { a1 Layr2 }\nTarget Cell Layer2 { a344a1 }\n\
             Target Cell A { B }\nTarget Cell B { a1 C }\nTarget Cell C { a2 B }\nTarget Cell S { S a1 }\n\
             Target Cell D { E F }\nTarget Cell E { F }\nTarget Cell F { a1 }"]);
        let targets = targets.unwrap();
        let error = targets.resolve("Layer1").unwrap_err().to_string();
        assert!(
            error.contains("target `Layer1` contains `Layr2`") && error.contains("did you mean `Layer"),
            "{error}"
        );
        let error = targets.resolve("Layer2").unwrap_err().to_string();
        assert!(error.contains("`a344a1`") && error.contains("a blank between"), "{error}");
        let error = targets.resolve("A").unwrap_err();
        assert!(error.message().ends_with("B → C → B") && at(&error) == Some((5, 20)), "{error}");
        assert!(targets.resolve("S").unwrap_err().message().ends_with("S → S"));
        assert_eq!(ids(&targets, "D"), [1]);
        let error = targets.resolve("layer1").unwrap_err().to_string();
        assert!(error.contains("no target `layer1`") && error.contains("did you mean `Layer1`"), "{error}");
        assert!(targets.resolve("a1").is_err());
    }

    #[test]
    fn deep_and_wide_nesting_is_resolved() {
        let deep: String = (0..20_000)
            .map(|n| format!("Target Cell T{n} {{ a{} T{} T{} }}\n", n + 1, n + 1, n + 2))
            .collect();
        let targets = read(&[&deep, "Target Cell T20000 {}\nTarget Cell T20001 { a7 }"]).unwrap();
        assert_eq!(ids(&targets, "T19990"), [vec![7], (19_991..=20_000).collect()].concat());
        assert_eq!(ids(&targets, "T0"), (1..=20_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_circuit_keeps_what_was_defined_first() {
        let (_folder, files) = write(&[
            "Target Cell A { a1 }",
            "Target Cell B { A }\nTarget Cell A { a2 }",
            "Target Cell C { A a2 }",
        ]);
        let cells = CellTable::new(1, 3, vec![], "cells");
        let targets = read_circuit_targets(&files, &cells).unwrap();
        assert_eq!(names(&targets), ["A", "C"]);
        assert_eq!(
            (ids(&targets, "A"), ids(&targets, "C"), ids(&targets, "a3")),
            (vec![1], vec![1, 2], vec![3])
        );
        let error = targets.resolve("B").unwrap_err().to_string();
        assert!(error.contains("`A` is defined more than once") && error.contains("line 1"), "{error}");
        assert!(targets.resolve("a4").unwrap_err().message().contains("no cell 4"));
        assert!(read_circuit_targets(&files[1..2], &cells).is_ok());
        std::fs::write(&files[0], "Target").unwrap();
        assert!(read_circuit_targets(&files, &cells).is_err());
    }

    #[test]
    fn a_link_that_became_text_is_followed() {
        let (folder, files) =
            write(&["Target Cell A { a1 }", "0.target", "1.target\n", "2.target", "gone.target"]);
        for file in &files[..2] {
            let targets = read_targets(std::slice::from_ref(file)).unwrap();
            assert_eq!(targets.entries()[0].file, folder.path().join("0.target"));
        }
        // One step only, so that links cannot go round.
        assert!(files[2..].iter().all(|file| read_targets(std::slice::from_ref(file)).is_err()));
    }

    #[test]
    fn words_that_are_gids() {
        assert_eq!(["a42", "a0", "a007"].map(parse_gid), [Some(42), Some(0), Some(7)]);
        let others = ["a42z", "L23", "23", "", "a", "a-1", "a+1", "A1", "a1 ", "a99999999999999999999"];
        assert!(others.iter().all(|w| parse_gid(w).is_none()));
        assert!(expect_gid("a42z").unwrap_err().message().contains("a42z"));
    }

    #[test]
    fn a_big_target_is_read_in_pieces() {
        let count = 300_000;
        let list = |step: i64| (0..count).map(|n| format!("a{} ", n * step % 600_011)).collect::<String>();
        let text = format!("Target Cell A {{ {} }}\nTarget Cell B {{\n{}# x\n a5 }}", list(1), list(7));
        let targets = read(&[&text]).unwrap();
        assert_eq!(ids(&targets, "A"), (0..count).collect::<Vec<_>>());
        let expected: std::collections::BTreeSet<i64> =
            (0..count).map(|n| n * 7 % 600_011).chain([5]).collect();
        assert_eq!(ids(&targets, "B"), expected.into_iter().collect::<Vec<_>>());
        let broken = text.replacen("a299999 ", "a299999 nope ", 1);
        let error = read(&[&broken]).unwrap().resolve("A").unwrap_err();
        assert!(error.message().contains("`nope`"), "{error}");
    }

    fn shared(path: &str) -> Option<PathBuf> {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
        if !path.exists() {
            println!("skipped: no {}", path.display());
        }
        path.exists().then_some(path)
    }

    #[test]
    fn the_oracle_of_small_files() {
        let Some(folder) = shared("oracle/bluepy") else { return };
        let open = |names: &[&str]| read_targets(&names.iter().map(|n| folder.join(n)).collect::<Vec<_>>());
        let sections = open(&["data/section.target"]).unwrap();
        let cases: [(&str, &[i64]); 6] = [
            ("single_cell", &[1]),
            ("mosaic_axon", &[1, 2]),
            ("axon_comp_mosaic", &[1, 2]),
            ("axon_comp_mosaic_others", &[1, 2, 3, 4]),
            ("mosaic_other_soma", &[1, 2, 3, 4]),
            ("mosaic_3_soma", &[1, 2, 3]),
        ];
        for (name, expected) in cases {
            assert_eq!(ids(&sections, name), expected, "{name}");
        }
        assert!(sections.resolve("mosaic_axon_soma").is_err() && sections.resolve("soma").is_err());
        let colon = open(&["data/colon.target"]).unwrap();
        assert_eq!(
            ["A", "default:A", "default2:A"].map(|n| ids(&colon, n)),
            [vec![1, 2], vec![1, 3], vec![1]]
        );
        assert!(open(&["data/A.target", "data/A.target"]).is_err());
        let resolve =
            |name: &str, target: &str| open(&[&format!("derived/bad/{name}.target")])?.resolve(target);
        let cases: [(&str, &str, &[i64]); 10] = [
            ("zeros", "A", &[7, 12]),
            ("stray", "B", &[2]),
            ("commented_target", "A", &[1, 2]),
            ("comment_body", "A", &[1, 2, 3]),
            ("crlf", "B", &[3]),
            ("utf8", "B", &[33, 44]),
            ("section_lines", "S", &[1, 2]),
            ("section_dend", "S", &[1]),
            ("comp_values", "S", &[1, 2]),
            ("names", "U", &[4, 17]),
        ];
        for (file, name, expected) in cases {
            assert_eq!(resolve(file, name).unwrap_or_else(|e| panic!("{e}")).listed(), expected, "{file}");
        }
        for file in ["glued", "noclose", "dup", "cycle", "selfref", "undefined", "unknown_type"] {
            assert!(resolve(file, "A").is_err_and(|e| e.place().is_some()), "{file}");
        }
        assert!(open(&["derived/bad/commented_target.target"]).unwrap().entry("B").is_none());
    }

    #[test]
    fn production_targets_resolve() {
        let Some(folder) = shared("real/blueconfigs") else { return };
        let (mut targets, mut gids) = (0, 0);
        for path in std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path().join("user.target")) {
            if !path.exists() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let read = read_targets(std::slice::from_ref(&path)).unwrap_or_else(|e| panic!("{e}"));
            for entry in read.entries() {
                targets += 1;
                // Members of another file are unknown here; everything else must resolve.
                match read.resolve(&entry.name) {
                    Ok(cells) => gids += cells.len(),
                    Err(error) => assert!(error.message().contains("there is no such target"), "{error}"),
                }
            }
            let code = text.lines().filter(|l| l.trim_start().starts_with("Target "));
            assert_eq!(read.entries().len(), code.count(), "{}", path.display());
        }
        assert!(targets > 300 && gids > 1_000_000, "{targets} targets, {gids} gids");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            lists in proptest::collection::vec(
                (proptest::collection::vec(0i64..500, 0..20), proptest::collection::vec(0usize..100, 0..4)), 1..12,
            ),
            blank in "[ \t\n\r]{1,3}",
            comment in proptest::option::of("[ -~ä]{0,10}"),
        ) {
            // A target may only contain later ones, so there is no cycle.
            let blank = format!("{blank}{}", comment.map(|c| format!("#{c}\n")).unwrap_or_default());
            let name = |n: usize| format!("a{n}T:{n}");
            let mut text = String::new();
            let mut expected: BTreeMap<usize, std::collections::BTreeSet<i64>> = BTreeMap::new();
            for (n, (gids, inner)) in lists.iter().enumerate().rev() {
                let inner: Vec<usize> = inner.iter().map(|i| n + 1 + i).filter(|&i| i < lists.len()).collect();
                let words = gids.iter().map(|g| format!("a{g}")).chain(inner.iter().map(|&i| name(i)));
                text += &format!("Target{blank}Cell{blank}{}{blank}{{", name(n));
                for word in words {
                    text += &format!("{blank}{word}{blank}");
                }
                text += &format!("}}{blank}");
                let mut all: std::collections::BTreeSet<i64> = gids.iter().copied().collect();
                all.extend(inner.iter().flat_map(|i| expected[i].clone()));
                expected.insert(n, all);
            }
            let targets = read(&[&text]).unwrap();
            for (n, all) in expected {
                prop_assert_eq!(ids(&targets, &name(n)), all.into_iter().collect::<Vec<_>>());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "(Target |Cell |A|[ \n{}#a1]|soma ){0,40}") {
            if let Ok(targets) = read(&[&text]) {
                for entry in targets.entries() {
                    let _ = targets.resolve(&entry.name);
                }
            }
        }

        #[test]
        fn union_sorts_and_removes_doubles(lists in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![0i64..200, 0i64..1_000_000_000_000], 0..30), 0..5,
        )) {
            let expected: std::collections::BTreeSet<i64> = lists.iter().flatten().copied().collect();
            prop_assert_eq!(union(lists), expected.into_iter().collect::<Vec<_>>());
        }
    }
}
