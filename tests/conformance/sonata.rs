//! The questions of the SONATA oracle are expressions of Python over SNAP, libsonata and pandas. Rules turn them into
//! scripts of our language, whatever their arguments are.
//!
//! `sonata.scripts` has three kinds of sections:
//!
//! ```text
//! --- name = expression     a name of the oracle's surroundings, in Python
//! === pattern               how a call is asked in our language; several headers may share a template
//! +++                       lines put before every script: helper functions
//! ~~~ pattern               calls whose peer is narrower than we are: an answer is right where it refuses
//! ```
//!
//! A pattern is an expression of Python, in which a name with `_` before it stands for anything; an argument `_x=1` may
//! be left out, `**_x` are all further named ones. In the template `{_x}` is what it stands for, in our language;
//! `{_x:group}` reads it as a group of cells (a tuple is a range, a `CircuitNodeId` a map), `{_x:file}` as the name of
//! a file in `scratch` that holds the text, `{_x:condition}` as a condition of pandas, `{_x:aggregates}` and `{_x:names}` as the named aggregates of pandas and their names.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::python::{Argument, Comprehension, Loop, Py, parse};
use crate::scripts::Prepared;

/// A rule: what it applies to, and what is written for it.
struct Rule {
    pattern: Py,
    template: String,
}

/// The sections of `sonata.scripts`.
pub struct Rules {
    names: HashMap<String, Py>,
    calls: Vec<Rule>,
    before: String,
    /// The files that the call at hand wants.
    files: RefCell<Vec<(String, String)>>,
}

/// What the `_x` of a pattern stand for.
type Found = BTreeMap<String, Py>;

/// Why a call cannot be asked: the part for which there is no rule.
type Lacks = String;

impl Rules {
    /// Reads the file; what it says wrongly is a mistake of the file.
    pub fn read(path: &Path) -> Rules {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let wrong = |line: usize, why: &str| -> ! { panic!("{}, line {}: {why}", path.display(), line + 1) };
        let read = |line: usize, text: &str| parse(text).unwrap_or_else(|why| wrong(line, &why));
        let mut rules = Rules {
            names: HashMap::new(),
            calls: Vec::new(),
            before: String::new(),
            files: RefCell::default(),
        };
        let mut headers: Vec<Py> = Vec::new();
        let mut template = String::new();
        let mut before = false;
        for (at, line) in text.lines().enumerate() {
            let header = line.strip_prefix("=== ");
            if header.is_some() || line.starts_with("--- ") || line.trim() == "+++" {
                if !template.trim().is_empty() {
                    rules.add(&mut headers, &mut template);
                }
                before = line.trim() == "+++";
            }
            if let Some(pattern) = header {
                headers.push(read(at, pattern));
            } else if let Some(named) = line.strip_prefix("--- ") {
                let Some((name, value)) = named.split_once(" = ") else { wrong(at, "`name = expression`") };
                let value = rules.settled(&read(at, value));
                rules.names.insert(name.trim().to_owned(), value);
            } else if line.trim() == "+++" || line.starts_with("//") && !before {
            } else if before {
                rules.before.extend([line, "\n"]);
            } else if headers.is_empty() {
                assert!(line.trim().is_empty(), "{}, line {}: no section yet", path.display(), at + 1);
            } else {
                template.extend([line, "\n"]);
            }
        }
        rules.add(&mut headers, &mut template);
        rules
    }

    fn add(&mut self, headers: &mut Vec<Py>, template: &mut String) {
        for pattern in std::mem::take(headers) {
            let pattern = self.settled(&pattern);
            self.calls.push(Rule { pattern, template: template.trim().to_owned() });
        }
        template.clear();
    }

    /// The script for a call.
    pub fn prepare(&self, call: &str) -> Result<Prepared, Lacks> {
        self.files.take();
        let call = self.settled(&parse(call)?);
        let question = self.value(&call)?;
        let source = format!("{}{question}\n", self.before);
        Ok(Prepared { source, files: self.files.take(), question: self.before.len() })
    }

    /// A call without lambdas that are applied at once, without names, and without loops over what is listed.
    fn settled(&self, py: &Py) -> Py {
        let mut py = py.rewritten(&applied);
        for _ in 0..16 {
            let next = py
                .rewritten(&|part| match part {
                    Py::Name(name) => self.names.get(name).cloned(),
                    _ => None,
                })
                .rewritten(&unrolled);
            if next == py {
                break;
            }
            py = next;
        }
        py
    }

    fn value(&self, py: &Py) -> Result<String, Lacks> {
        for rule in &self.calls {
            let mut found = Found::new();
            if matches(&rule.pattern, py, &mut found) {
                return self.filled(&rule.template, &found);
            }
        }
        let all = |items: &[Py]| -> Result<String, Lacks> {
            Ok(items.iter().map(|item| self.value(item)).collect::<Result<Vec<_>, _>>()?.join(", "))
        };
        match py {
            Py::None => Ok("()".to_owned()),
            Py::Bool(truth) => Ok(truth.to_string()),
            Py::Number(number) => number_of(number),
            Py::Text(text) => Ok(format!("{text:?}")),
            Py::Format(pieces) => {
                let pieces = pieces.iter().map(|p| Ok(format!("`${{{}}}`", self.value(p)?)));
                Ok(format!("({})", pieces.collect::<Result<Vec<_>, Lacks>>()?.join(" + ")))
            }
            Py::Name(name) => match name.strip_prefix(VARIABLE) {
                Some(_) => Ok(name.clone()),
                None => Err(format!("the name `{name}`")),
            },
            Py::List(items) | Py::Tuple(items) | Py::Set(items) => Ok(format!("[{}]", all(items)?)),
            Py::Dict(pairs) => self.dictionary(pairs),
            Py::Comprehension(made) => self.comprehension(made),
            Py::Index(of, index) => match &**index {
                Py::Slice(from, to) => {
                    let end =
                        |end: &Option<Box<Py>>| end.as_ref().map_or(Ok("()".to_owned()), |e| self.value(e));
                    Ok(format!("cut({}, {}, {})", self.value(of)?, end(from)?, end(to)?))
                }
                index => Ok(format!("item({}, {})", self.value(of)?, self.value(index)?)),
            },
            Py::Unary("not", of) => Ok(format!("!({})", self.value(of)?)),
            Py::Unary(sign, of) => Ok(format!("({sign}{})", self.value(of)?)),
            Py::Binary(sign, a, b) => self.operation(sign, a, b),
            Py::If(condition, a, b) => {
                let (condition, a, b) = (self.value(condition)?, self.value(a)?, self.value(b)?);
                Ok(format!("if {condition} {{ {a} }} else {{ {b} }}"))
            }
            Py::Lambda(names, body) => {
                let variables: Vec<String> = names.iter().map(|name| variable(name)).collect();
                let body = names
                    .iter()
                    .fold((**body).clone(), |body, name| body.with(name, &Py::Name(variable(name))));
                Ok(format!("|{}| {}", variables.join(", "), self.value(&body)?))
            }
            Py::Attribute(_, name) => Err(format!("the attribute `{name}`")),
            Py::Call(of, _) => Err(match &**of {
                Py::Attribute(_, name) | Py::Name(name) => format!("the call of `{name}`"),
                _ => "a call".to_owned(),
            }),
            Py::Slice(..) => Err("a slice".to_owned()),
        }
    }

    fn operation(&self, sign: &str, a: &Py, b: &Py) -> Result<String, Lacks> {
        let (a, b) = (self.value(a)?, self.value(b)?);
        Ok(match sign {
            "and" => format!("({a} && {b})"),
            "or" => format!("({a} || {b})"),
            "not in" => format!("!({a} in {b})"),
            "/" => format!("(to_float({a}) / to_float({b}))"),
            "//" => format!("({a} / {b})"),
            "is" => format!("({a} == {b})"),
            "is not" => format!("({a} != {b})"),
            _ => format!("({a} {sign} {b})"),
        })
    }

    fn dictionary(&self, pairs: &[(Option<Py>, Py)]) -> Result<String, Lacks> {
        let mut parts = vec!["#{}".to_owned()];
        for (key, value) in pairs {
            parts.push(match key {
                Some(Py::Text(key) | Py::Number(key)) => format!("#{{{key:?}: {}}}", self.value(value)?),
                Some(key) => format!("map_of([[{}, {}]])", self.value(key)?, self.value(value)?),
                None => self.value(value)?,
            });
        }
        let plain = pairs.iter().all(|(key, _)| matches!(key, Some(Py::Text(_) | Py::Number(_))));
        if plain {
            let inner = parts[1..].iter().map(|part| part[2..part.len() - 1].to_owned());
            return Ok(format!("#{{{}}}", inner.collect::<Vec<_>>().join(", ")));
        }
        Ok(format!("({})", parts.join(" + ")))
    }

    fn comprehension(&self, made: &Comprehension) -> Result<String, Lacks> {
        let value = match &made.key {
            Some(key) => Py::List(vec![key.clone(), made.value.clone()]),
            None => made.value.clone(),
        };
        let list = self.looped(&made.loops, &value)?;
        Ok(if made.key.is_some() { format!("map_of({list})") } else { list })
    }

    fn looped(&self, loops: &[Loop], value: &Py) -> Result<String, Lacks> {
        let Some((first, rest)) = loops.split_first() else { return self.value(value) };
        // Variables of ours, so that none is a word of the language.
        let renamed = |py: &Py| {
            first.targets.iter().fold(py.clone(), |py, name| py.with(name, &Py::Name(variable(name))))
        };
        let rest: Vec<Loop> = rest
            .iter()
            .map(|l| Loop {
                targets: l.targets.clone(),
                items: renamed(&l.items),
                conditions: l.conditions.iter().map(&renamed).collect(),
            })
            .collect();
        let closure = |body: String| match first.targets.as_slice() {
            [one] => format!("|{}| {body}", variable(one)),
            several => {
                let lets =
                    several.iter().enumerate().map(|(i, name)| format!("let {} = it[{i}]; ", variable(name)));
                format!("|it| {{ {}{body} }}", lets.collect::<String>())
            }
        };
        let mut list = format!("list({})", self.value(&first.items)?);
        for condition in &first.conditions {
            list = format!("{list}.filter({})", closure(self.value(&renamed(condition))?));
        }
        let mapped = format!("{list}.map({})", closure(self.looped(&rest, &renamed(value))?));
        Ok(if rest.is_empty() { mapped } else { format!("flat({mapped})") })
    }

    fn filled(&self, template: &str, found: &Found) -> Result<String, Lacks> {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once("{_") {
            let Some((hole, behind)) = behind.split_once('}') else { break };
            out.push_str(before);
            let (name, reading) = hole.split_once(':').unwrap_or((hole, ""));
            let py = found.get(name).unwrap_or_else(|| panic!("no `_{name}` for the template {template}"));
            out.push_str(&match reading {
                "" => self.value(py)?,
                "group" => self.group(py)?,
                "file" => self.file(py)?,
                "condition" => condition(py)?,
                "aggregates" => aggregates(py)?,
                "names" => names(py)?,
                other => panic!("`{other}` is no way to read a value, in {template}"),
            });
            rest = behind;
        }
        out.push_str(rest);
        Ok(if out.trim_end().contains('\n') { format!("{{ {out} }}") } else { out })
    }

    /// A file that holds a text.
    fn file(&self, py: &Py) -> Result<String, Lacks> {
        let Py::Text(text) = py else { return Err("a file that is no text".to_owned()) };
        let mut files = self.files.borrow_mut();
        let name = format!("text{}.json", files.len());
        files.push((name.clone(), text.clone()));
        Ok(format!("{name:?}"))
    }

    /// A group of cells or edges: tuples as values are ranges, ids of several populations are maps.
    fn group(&self, py: &Py) -> Result<String, Lacks> {
        let call = |name: &str| parse(name).expect("a pattern");
        let mut found = Found::new();
        if matches(&call("CircuitNodeId(_p, _i)"), py, &mut found)
            || matches(&call("CircuitEdgeId(_p, _i)"), py, &mut found)
        {
            return self.filled("#{population: {_p}, node_id: {_i}}", &found);
        }
        for name in [
            "CircuitNodeIds.from_arrays(_p, _i, _sort_index=1)",
            "CircuitEdgeIds.from_arrays(_p, _i, _sort_index=1)",
        ] {
            if matches(&call(name), py, &mut found) {
                return self.filled("of_arrays({_p}, {_i})", &found);
            }
        }
        for name in ["CircuitNodeIds.from_dict(_d)", "CircuitEdgeIds.from_dict(_d)"] {
            if matches(&call(name), py, &mut found) {
                return self.filled("of_dictionary({_d})", &found);
            }
        }
        match py {
            Py::Dict(pairs) => {
                let pair = |(key, value): &(Option<Py>, Py)| match (key, value) {
                    (Some(Py::Text(key)), Py::Tuple(ends)) if ends.len() == 2 => Ok(format!(
                        "{key:?}: #{{\"$between\": [{}, {}]}}",
                        self.value(&ends[0])?,
                        self.value(&ends[1])?
                    )),
                    (Some(Py::Text(key)), value) => Ok(format!("{key:?}: {}", self.group(value)?)),
                    _ => Err("a dictionary of other keys than texts".to_owned()),
                };
                let pairs = pairs.iter().map(pair).collect::<Result<Vec<_>, Lacks>>()?;
                Ok(format!("#{{{}}}", pairs.join(", ")))
            }
            Py::List(items) => {
                let items = items.iter().map(|item| self.group(item)).collect::<Result<Vec<_>, Lacks>>()?;
                Ok(format!("[{}]", items.join(", ")))
            }
            other => self.value(other),
        }
    }
}

/// What variables of ours begin with.
const VARIABLE: &str = "the_";

fn variable(name: &str) -> String {
    format!("{VARIABLE}{name}")
}

fn number_of(number: &str) -> Result<String, Lacks> {
    if number.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(number.to_owned());
    }
    number.parse::<f64>().map(|value| format!("{value:?}")).map_err(|_| format!("the number {number}"))
}

/// `(lambda x: f(x))(y)` is `f(y)`.
fn applied(py: &Py) -> Option<Py> {
    let Py::Call(of, arguments) = py else { return None };
    let Py::Lambda(names, body) = &**of else { return None };
    if names.len() != arguments.len() {
        return None;
    }
    let given = names.iter().zip(arguments);
    let body = given.fold((**body).clone(), |body, (name, argument)| {
        body.with(name, &argument.value.rewritten(&applied))
    });
    Some(body.rewritten(&applied))
}

/// A loop over populations is one over their names; a loop over what is listed is a list.
fn unrolled(py: &Py) -> Option<Py> {
    let Py::Comprehension(made) = py else { return None };
    let first = made.loops.first()?;
    let replaced = |targets: Vec<String>, items: Py, name: &str, value: &Py| {
        let put = |py: &Py| py.with(name, value);
        let own = Loop { targets, items, conditions: first.conditions.iter().map(put).collect() };
        let others = made.loops[1..].iter().map(|l| Loop {
            targets: l.targets.clone(),
            items: put(&l.items),
            conditions: l.conditions.iter().map(put).collect(),
        });
        Py::Comprehension(Box::new(Comprehension {
            key: made.key.as_ref().map(put),
            value: put(&made.value),
            loops: std::iter::once(own).chain(others).collect(),
        }))
    };
    let of = |method: &str| match &first.items {
        Py::Call(of, arguments) if arguments.is_empty() => match &**of {
            Py::Attribute(of, name) if name == method && is_populations(of) => Some((**of).clone()),
            _ => None,
        },
        _ => None,
    };
    let names_of = |of: &Py| Py::Attribute(Box::new(of.clone()), "population_names".to_owned());
    let one_of = |of: Py, name: &str| Py::Index(Box::new(of), Box::new(Py::Name(name.to_owned())));
    if let (Some(of), [name, population]) = (of("items"), first.targets.as_slice()) {
        return Some(replaced(vec![name.clone()], names_of(&of), population, &one_of(of, name)));
    }
    if let (Some(of), [population]) = (of("values"), first.targets.as_slice()) {
        let name = format!("{population}_name");
        return Some(replaced(vec![name.clone()], names_of(&of), population, &one_of(of, &name)));
    }
    if is_populations(&first.items)
        && let [name] = first.targets.as_slice()
    {
        return Some(replaced(vec![name.clone()], names_of(&first.items), name, &Py::Name(name.clone())));
    }
    let (Py::List(items) | Py::Tuple(items)) = &first.items else { return None };
    let [target] = first.targets.as_slice() else { return None };
    if made.key.is_some() || made.loops.len() > 1 || !first.conditions.is_empty() {
        return None;
    }
    Some(Py::List(items.iter().map(|item| made.value.with(target, item)).collect()))
}

/// `circuit.nodes` or `circuit.edges`.
fn is_populations(py: &Py) -> bool {
    match py {
        Py::Attribute(of, name) => {
            (name == "nodes" || name == "edges")
                && matches!(&**of, Py::Call(of, _) if **of == Py::Name("Circuit".into()))
        }
        _ => false,
    }
}

/// Whether a pattern is that of an expression.
fn matches(pattern: &Py, py: &Py, found: &mut Found) -> bool {
    if let Py::Name(name) = pattern
        && let Some(hole) = name.strip_prefix('_')
        && !hole.starts_with('_')
    {
        return found.entry(hole.to_owned()).or_insert_with(|| py.clone()) == py;
    }
    let all = |a: &[Py], b: &[Py], found: &mut Found| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| matches(a, b, found))
    };
    match (pattern, py) {
        (Py::Attribute(a, name), Py::Attribute(b, other)) => name == other && matches(a, b, found),
        (Py::Index(a, i), Py::Index(b, j)) => matches(a, b, found) && matches(i, j, found),
        (Py::Call(a, wanted), Py::Call(b, given)) => matches(a, b, found) && called(wanted, given, found),
        (Py::List(a), Py::List(b)) | (Py::Tuple(a), Py::Tuple(b)) | (Py::Set(a), Py::Set(b)) => {
            all(a, b, found)
        }
        (Py::Unary(sign, a), Py::Unary(other, b)) => sign == other && matches(a, b, found),
        (Py::Binary(sign, a, c), Py::Binary(other, b, d)) => {
            sign == other && matches(a, b, found) && matches(c, d, found)
        }
        (Py::Slice(a, c), Py::Slice(b, d)) => [(a, b), (c, d)].into_iter().all(|(a, b)| match (a, b) {
            (None, None) => true,
            (Some(a), Some(b)) => matches(a, b, found),
            _ => false,
        }),
        _ => pattern == py,
    }
}

/// Whether the arguments of a call are those of a pattern, by place or by name.
fn called(wanted: &[Argument], given: &[Argument], found: &mut Found) -> bool {
    let mut given: Vec<&Argument> = given.iter().collect();
    for argument in wanted {
        let (name, default) = match (&argument.name, &argument.value) {
            (Some(stars), Py::Name(rest)) if stars == "**" => {
                let named = given
                    .iter()
                    .filter_map(|a| a.name.clone().map(|name| (Some(Py::Text(name)), a.value.clone())));
                found.insert(rest.trim_start_matches('_').to_owned(), Py::Dict(named.collect()));
                given.retain(|a| a.name.is_none());
                continue;
            }
            (Some(name), value) => (name.as_str(), Some(value)),
            (None, Py::Name(name)) => (name.as_str(), None),
            (None, _) => ("", None),
        };
        let plain = name.trim_start_matches('_');
        let place = given
            .iter()
            .position(|a| a.name.as_deref() == Some(plain))
            .or_else(|| given.first().filter(|a| a.name.is_none()).map(|_| 0));
        let hole = name.starts_with('_');
        match (place, default) {
            (Some(place), default) => {
                let value = &given.remove(place).value;
                // `by='x'` in a pattern is this very value.
                let pattern =
                    if hole { Py::Name(name.to_owned()) } else { default.unwrap_or(&argument.value).clone() };
                if !matches(&pattern, value, found) {
                    return false;
                }
            }
            (None, Some(default)) if hole => {
                found.insert(plain.to_owned(), default.clone());
            }
            (None, _) => return false,
        }
    }
    given.is_empty()
}

/// The text of a condition of pandas as one of SQL.
fn condition(py: &Py) -> Result<String, Lacks> {
    let Py::Text(text) = py else { return Err("a condition that is no text".to_owned()) };
    let sql = text.replace("==", "=").replace('&', " AND ").replace('|', " OR ").replace('"', "'");
    Ok(format!("{sql:?}"))
}

/// `n=('x', 'size')` in our language: `n: count()`.
fn aggregates(py: &Py) -> Result<String, Lacks> {
    let Py::Dict(pairs) = py else { return Err("aggregates without names".to_owned()) };
    let one = |(name, value): &(Option<Py>, Py)| match (name, value) {
        (Some(Py::Text(name)), Py::Tuple(pair)) => match pair.as_slice() {
            [Py::Text(column), Py::Text(function)] => {
                let function = match function.as_str() {
                    "size" => "count()".to_owned(),
                    "nunique" => format!("count_distinct({column:?})"),
                    "count" | "mean" | "sum" | "min" | "max" | "median" | "first" => {
                        format!("{function}({column:?})")
                    }
                    "std" => format!("std({column:?}, 1)"),
                    "var" => format!("var({column:?}, 1)"),
                    other => return Err(format!("the aggregate `{other}`")),
                };
                Ok(format!("{name:?}: {function}"))
            }
            _ => Err("an aggregate of another form".to_owned()),
        },
        _ => Err("an aggregate of another form".to_owned()),
    };
    Ok(format!("#{{{}}}", pairs.iter().map(one).collect::<Result<Vec<_>, _>>()?.join(", ")))
}

fn names(py: &Py) -> Result<String, Lacks> {
    let Py::Dict(pairs) = py else { return Err("a value without names".to_owned()) };
    let names = pairs.iter().filter_map(|(name, _)| match name {
        Some(Py::Text(name)) => Some(format!("{name:?}")),
        _ => None,
    });
    Ok(format!("[{}]", names.collect::<Vec<_>>().join(", ")))
}
