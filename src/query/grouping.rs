//! Aggregation: rows are numbered by their group, and accumulators add whole blocks at a time.
//!
//! A group number is made of the codes of the key columns. Texts with a dictionary have theirs already; two small
//! dictionaries make a group by arithmetic alone, everything else is hashed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;

use super::bind::{Bound, Kind};
use super::eval::{evaluate, ok, value_at};
use super::exec::fold;
use super::{Aggregate, Value};
use crate::diag::{Error, Result};
use crate::model::{Block, Source};

/// Two dictionaries whose product is at most this are combined by arithmetic.
const DENSE: usize = 1 << 16;

/// Whole numbers from 0 to this are looked up in a list, others in a hash table: ids of cells are numbers from 0 or 1.
const LISTED: usize = 1 << 24;

/// The code of a number that has none yet.
const NEW: u32 = u32::MAX;

/// What to compute: the aggregate, its bound argument, and the argument's kind.
pub(super) struct Measure {
    pub(super) aggregate: Aggregate,
    pub(super) argument: Option<(Bound, Kind)>,
}

/// The keys and measures of an aggregation.
pub(super) struct Grouping {
    pub(super) keys: Vec<Bound>,
    pub(super) measures: Vec<Measure>,
}

impl Grouping {
    fn bounds(&self) -> Vec<&Bound> {
        self.keys.iter().chain(self.measures.iter().filter_map(|m| Some(&m.argument.as_ref()?.0))).collect()
    }
}

/// Groups in ascending order of their keys, with one value for each measure.
pub(super) struct Groups {
    pub(super) keys: Vec<Vec<Value>>,
    pub(super) measures: Vec<Vec<Value>>,
}

/// Aggregates a source. Without keys there is exactly one group, also over no rows.
pub(super) fn aggregate(source: &dyn Source, grouping: &Grouping) -> Result<Groups> {
    let state = fold(
        source,
        &grouping.bounds(),
        || State::new(grouping),
        |state, block| state.add(grouping, block),
        State::merge,
    )?;
    Ok(state.finish(grouping))
}

struct State {
    keys: Keys,
    rows: Vec<i64>,
    accumulators: Vec<Accumulator>,
}

impl State {
    fn new(grouping: &Grouping) -> Self {
        let keys = Keys::new(grouping.keys.len());
        let accumulators = grouping.measures.iter().map(Accumulator::new).collect();
        let mut state = State { keys, rows: Vec::new(), accumulators };
        if grouping.keys.is_empty() {
            state.grow(1);
        }
        state
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.rows.len() {
            self.rows.resize(groups, 0);
            self.accumulators.iter_mut().for_each(|a| a.grow(groups));
        }
    }

    fn add(&mut self, grouping: &Grouping, block: &dyn Block) -> Result<()> {
        let rows = block.rows();
        if rows == 0 {
            return Ok(());
        }
        let ids = if grouping.keys.is_empty() {
            None
        } else {
            let columns = grouping.keys.iter().map(|k| evaluate(k, block)).collect::<Result<Vec<_>>>()?;
            let (ids, groups) = self.keys.number(&columns);
            self.grow(groups);
            Some(ids)
        };
        match &ids {
            None => self.rows[0] += rows as i64,
            Some(ids) => ids.iter().for_each(|&g| self.rows[g as usize] += 1),
        }
        for (measure, accumulator) in grouping.measures.iter().zip(&mut self.accumulators) {
            if let Some((bound, _)) = &measure.argument {
                accumulator.add(&evaluate(bound, block)?, ids.as_deref())?;
            }
        }
        Ok(())
    }

    fn merge(&mut self, later: State) -> Result<()> {
        let map: Vec<(usize, usize)> = if self.keys.columns.is_empty() {
            vec![(0, 0)]
        } else {
            let seen = (0..later.rows.len()).filter(|&g| later.rows[g] > 0);
            seen.map(|theirs| (theirs, self.keys.number_of(&later.keys, theirs as u32))).collect()
        };
        let groups = map.iter().map(|m| m.1 + 1).max().unwrap_or(0);
        self.grow(groups);
        for &(theirs, ours) in &map {
            self.rows[ours] += later.rows[theirs];
        }
        for (mine, other) in self.accumulators.iter_mut().zip(later.accumulators) {
            mine.merge(other, &map)?;
        }
        Ok(())
    }

    fn finish(mut self, grouping: &Grouping) -> Groups {
        let with_keys = !grouping.keys.is_empty();
        let mut groups: Vec<(Vec<Value>, usize)> = (0..self.rows.len())
            .filter(|&g| self.rows[g] > 0 || !with_keys)
            .map(|g| (if with_keys { self.keys.values(g as u32) } else { Vec::new() }, g))
            .collect();
        groups.sort_by(|a, b| compare_keys(&a.0, &b.0));
        let mut measures = Vec::with_capacity(grouping.measures.len());
        for (measure, accumulator) in grouping.measures.iter().zip(&mut self.accumulators) {
            let one = |&(_, g): &(Vec<Value>, usize)| match measure.aggregate {
                Aggregate::Count => Value::Int(self.rows[g]),
                _ => accumulator.value(g, &measure.aggregate),
            };
            measures.push(groups.iter().map(one).collect());
        }
        Groups { keys: groups.into_iter().map(|g| g.0).collect(), measures }
    }
}

/// Rows numbered by their group.
pub struct Labels {
    /// The keys of each group, in ascending order; nothing comes last.
    pub keys: Vec<Vec<Value>>,
    /// The group of each row.
    pub of: Vec<u32>,
}

/// Numbers rows by the values of these columns, in the order of the keys.
pub(super) fn label(columns: &[ArrayRef]) -> Labels {
    let mut keys = Keys::new(columns.len());
    let (mut of, groups) = keys.number(columns);
    // A dictionary may hold values that no row has.
    let mut seen = vec![false; groups];
    for &group in &of {
        seen[group as usize] = true;
    }
    let mut ordered: Vec<(Vec<Value>, u32)> =
        (0..groups as u32).filter(|&g| seen[g as usize]).map(|g| (keys.values(g), g)).collect();
    ordered.sort_by(|a, b| compare_keys(&a.0, &b.0));
    let mut place = vec![0; groups];
    for (at, (_, group)) in (0..).zip(&ordered) {
        place[*group as usize] = at;
    }
    for group in &mut of {
        *group = place[*group as usize];
    }
    Labels { keys: ordered.into_iter().map(|group| group.0).collect(), of }
}

/// Keys in ascending order; nothing comes last.
pub(super) fn compare_keys(a: &[Value], b: &[Value]) -> Ordering {
    a.iter().zip(b).map(|(a, b)| compare_values(a, b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
}

/// Values in ascending order: numbers as numbers, texts as texts, nothing last.
pub(super) fn compare_values(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => Ordering::Equal,
        },
    }
}

/// The key columns' codes and how they are combined to group numbers.
pub(super) struct Keys {
    columns: Vec<Codes>,
    /// One step for each column after the first.
    steps: Vec<Step>,
}

/// How the number so far and the next column's code make a number.
enum Step {
    /// `left * width + right`.
    Dense {
        width: u32,
    },
    Hashed {
        numbers: HashMap<(u32, u32), u32>,
        pairs: Vec<(u32, u32)>,
    },
}

impl Keys {
    pub(super) fn new(columns: usize) -> Self {
        Keys { columns: (0..columns).map(|_| Codes::default()).collect(), steps: Vec::new() }
    }

    /// The group number of each row, and how many numbers may be in use.
    pub(super) fn number(&mut self, columns: &[ArrayRef]) -> (Vec<u32>, usize) {
        let mut codes = Vec::with_capacity(columns.len());
        for (column, array) in self.columns.iter_mut().zip(columns) {
            codes.push(column.encode(array));
        }
        self.choose_steps();
        let mut codes = codes.into_iter();
        let mut numbers = codes.next().unwrap_or_default();
        for (step, right) in self.steps.iter_mut().zip(codes) {
            step.combine(&mut numbers, &right);
        }
        let count = numbers.iter().max().map_or(0, |&m| m as usize + 1);
        (numbers, count)
    }

    /// Decides once, at the first block, how codes are combined.
    fn choose_steps(&mut self) {
        if !self.steps.is_empty() || self.columns.len() < 2 {
            return;
        }
        let mut bound = self.columns[0].bound();
        for column in &self.columns[1..] {
            let product = bound.zip(column.bound()).map(|(a, b)| a * b).filter(|p| *p <= DENSE);
            self.steps.push(match product {
                Some(_) => Step::Dense { width: column.bound().unwrap_or(0) as u32 },
                None => Step::Hashed { numbers: HashMap::new(), pairs: Vec::new() },
            });
            bound = product;
        }
    }

    /// The group number of a key of another numbering, new if need be.
    fn number_of(&mut self, other: &Keys, number: u32) -> usize {
        match (self.columns.as_mut_slice(), other.columns.as_slice()) {
            ([mine], [theirs]) => mine.encode_value(&theirs.value(number)) as usize,
            _ => self.number_values(&other.values(number)),
        }
    }

    /// The group number of a key, new if need be.
    fn number_values(&mut self, values: &[Value]) -> usize {
        let codes: Vec<u32> = self.columns.iter_mut().zip(values).map(|(c, v)| c.encode_value(v)).collect();
        if self.steps.is_empty() && self.columns.len() > 1 {
            // This side has seen no rows, and the other's dictionaries are not ours: hash.
            self.steps = (1..self.columns.len())
                .map(|_| Step::Hashed { numbers: HashMap::new(), pairs: Vec::new() })
                .collect();
        }
        let mut number = vec![codes[0]];
        for (step, &right) in self.steps.iter_mut().zip(&codes[1..]) {
            step.combine(&mut number, &[right]);
        }
        number[0] as usize
    }

    /// The key of a group number.
    fn values(&self, number: u32) -> Vec<Value> {
        let mut number = number;
        let mut values = Vec::with_capacity(self.columns.len());
        for (step, column) in self.steps.iter().zip(&self.columns[1..]).rev() {
            let (left, right) = step.split(number);
            values.push(column.value(right));
            number = left;
        }
        values.push(self.columns[0].value(number));
        values.reverse();
        values
    }
}

impl Step {
    fn combine(&mut self, numbers: &mut [u32], right: &[u32]) {
        if let Step::Dense { width } = *self
            && right.iter().any(|&code| code >= width)
        {
            // A dictionary grew beyond what the arithmetic was chosen for.
            let pairs: Vec<(u32, u32)> = (0..DENSE as u32).map(|n| (n / width, n % width)).collect();
            let numbers = pairs.iter().enumerate().map(|(n, &pair)| (pair, n as u32)).collect();
            *self = Step::Hashed { numbers, pairs };
        }
        match self {
            Step::Dense { width } => {
                for (number, &code) in numbers.iter_mut().zip(right) {
                    *number = *number * *width + code;
                }
            }
            Step::Hashed { numbers: known, pairs } => {
                let mut last = ((u32::MAX, u32::MAX), u32::MAX);
                for (number, &code) in numbers.iter_mut().zip(right) {
                    let pair = (*number, code);
                    if pair != last.0 || last.1 == u32::MAX {
                        let next = pairs.len() as u32;
                        let found = *known.entry(pair).or_insert(next);
                        if found == next {
                            pairs.push(pair);
                        }
                        last = (pair, found);
                    }
                    *number = last.1;
                }
            }
        }
    }

    fn split(&self, number: u32) -> (u32, u32) {
        match self {
            Step::Dense { width } => (number / width, number % width),
            Step::Hashed { pairs, .. } => pairs[number as usize],
        }
    }
}

/// One key column's values as small numbers.
#[derive(Default)]
struct Codes {
    /// The dictionary whose own keys are the codes; nothing is the code after the last.
    dictionary: Option<ArrayRef>,
    interned: HashMap<Key, u32>,
    /// The codes of small whole numbers.
    listed: Vec<u32>,
    values: Vec<Value>,
}

/// A value as a hash key.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Null,
    Bool(bool),
    Int(i64),
    Float(u64),
    Text(Arc<str>),
}

impl From<&Value> for Key {
    fn from(value: &Value) -> Key {
        match value {
            Value::Null => Key::Null,
            Value::Bool(b) => Key::Bool(*b),
            Value::Int(i) => Key::Int(*i),
            Value::Float(f) => Key::Float(if *f == 0.0 { 0 } else { f.to_bits() }),
            Value::Text(t) => Key::Text(t.clone()),
        }
    }
}

impl Codes {
    /// How many codes there can be, if that is known.
    fn bound(&self) -> Option<usize> {
        self.dictionary.as_ref().map(|d| d.len() + 1)
    }

    fn encode(&mut self, array: &ArrayRef) -> Vec<u32> {
        if let DataType::Dictionary(..) = array.data_type() {
            let dictionary = array.as_dictionary::<Int32Type>();
            if self.dictionary.is_none() && self.values.is_empty() && unique(dictionary.values()) {
                self.dictionary = Some(dictionary.values().clone());
            }
            if let Some(known) = &self.dictionary
                && same(known, dictionary.values())
            {
                let null = known.len() as u32;
                return match dictionary.nulls() {
                    None => dictionary.keys().values().iter().map(|&k| k as u32).collect(),
                    Some(_) => dictionary.keys().iter().map(|k| k.map_or(null, |k| k as u32)).collect(),
                };
            }
        }
        if let Some(ints) = array.as_primitive_opt::<Int64Type>()
            && self.dictionary.is_none()
        {
            return self.encode_ints(ints);
        }
        (0..array.len()).map(|i| self.encode_value(&value_at(array, i))).collect()
    }

    fn encode_ints(&mut self, ints: &Int64Array) -> Vec<u32> {
        let mut last: Option<(Option<i64>, u32)> = None;
        ints.iter()
            .map(|value| match last {
                Some((known, code)) if known == value => code,
                _ => {
                    let code = match value {
                        Some(value) => self.encode_int(value),
                        None => self.encode_value(&Value::Null),
                    };
                    last = Some((value, code));
                    code
                }
            })
            .collect()
    }

    fn encode_value(&mut self, value: &Value) -> u32 {
        if let Some(dictionary) = self.dictionary.clone() {
            match self.in_dictionary(&dictionary, value) {
                Some(code) => return code,
                // Another dictionary than the one that the codes were taken from: go over to hashing. The codes
                // given so far keep their meaning.
                None => self.leave_dictionary(&dictionary),
            }
        }
        match value {
            Value::Int(value) => self.encode_int(*value),
            _ => self.intern(value),
        }
    }

    fn intern(&mut self, value: &Value) -> u32 {
        let next = self.values.len() as u32;
        let code = *self.interned.entry(Key::from(value)).or_insert(next);
        if code == next {
            self.values.push(value.clone());
        }
        code
    }

    fn encode_int(&mut self, value: i64) -> u32 {
        let Some(at) = usize::try_from(value).ok().filter(|&at| at < LISTED) else {
            return self.intern(&Value::Int(value));
        };
        if at >= self.listed.len() {
            self.listed.resize((at + 1).next_power_of_two(), NEW);
        }
        if self.listed[at] == NEW {
            self.listed[at] = self.values.len() as u32;
            self.values.push(Value::Int(value));
        }
        self.listed[at]
    }

    fn in_dictionary(&mut self, dictionary: &ArrayRef, value: &Value) -> Option<u32> {
        if *value == Value::Null {
            return Some(dictionary.len() as u32);
        }
        if self.interned.is_empty() {
            for i in 0..dictionary.len() {
                self.interned.insert(Key::from(&value_at(dictionary, i)), i as u32);
            }
        }
        self.interned.get(&Key::from(value)).copied()
    }

    fn leave_dictionary(&mut self, dictionary: &ArrayRef) {
        self.values = (0..dictionary.len()).map(|i| value_at(dictionary, i)).collect();
        self.values.push(Value::Null);
        self.interned = self.values.iter().enumerate().map(|(i, v)| (Key::from(v), i as u32)).collect();
        self.dictionary = None;
    }

    fn value(&self, code: u32) -> Value {
        match &self.dictionary {
            Some(dictionary) if (code as usize) < dictionary.len() => value_at(dictionary, code as usize),
            Some(_) => Value::Null,
            None => self.values[code as usize].clone(),
        }
    }
}

fn same(a: &ArrayRef, b: &ArrayRef) -> bool {
    Arc::ptr_eq(a, b) || (a.len() == b.len() && a.to_data().ptr_eq(&b.to_data())) || **a == **b
}

fn unique(values: &ArrayRef) -> bool {
    let texts = values.as_string::<i32>();
    let distinct: std::collections::HashSet<Option<&str>> = texts.iter().collect();
    distinct.len() == texts.len() && texts.null_count() == 0
}

/// What is known of each group for one measure.
enum Accumulator {
    Nothing,
    Counts(Vec<i64>),
    Distinct(Vec<std::collections::HashSet<Key>>),
    IntSums { sums: Vec<i64>, counts: Vec<i64> },
    FloatSums { sums: Vec<f64>, counts: Vec<i64> },
    Moments { counts: Vec<i64>, means: Vec<f64>, squares: Vec<f64> },
    Extremes { best: Vec<Value>, largest: bool },
    Numbers(Vec<Vec<f64>>),
    Truth { seen: Vec<Option<bool>>, any: bool },
    Firsts(Vec<Option<Value>>),
}

impl Accumulator {
    fn new(measure: &Measure) -> Self {
        let int = measure.argument.as_ref().is_some_and(|(_, kind)| *kind == Kind::Int);
        match &measure.aggregate {
            Aggregate::Count => Accumulator::Nothing,
            Aggregate::CountValues(_) => Accumulator::Counts(Vec::new()),
            Aggregate::CountDistinct(_) => Accumulator::Distinct(Vec::new()),
            Aggregate::Sum(_) if int => Accumulator::IntSums { sums: Vec::new(), counts: Vec::new() },
            Aggregate::Sum(_) | Aggregate::Mean(_) => {
                Accumulator::FloatSums { sums: Vec::new(), counts: Vec::new() }
            }
            Aggregate::Std(..) | Aggregate::Var(..) => {
                Accumulator::Moments { counts: Vec::new(), means: Vec::new(), squares: Vec::new() }
            }
            Aggregate::Min(_) => Accumulator::Extremes { best: Vec::new(), largest: false },
            Aggregate::Max(_) => Accumulator::Extremes { best: Vec::new(), largest: true },
            Aggregate::Median(_) | Aggregate::Quantile(..) => Accumulator::Numbers(Vec::new()),
            Aggregate::Any(_) => Accumulator::Truth { seen: Vec::new(), any: true },
            Aggregate::All(_) => Accumulator::Truth { seen: Vec::new(), any: false },
            Aggregate::First(_) => Accumulator::Firsts(Vec::new()),
        }
    }

    fn grow(&mut self, groups: usize) {
        match self {
            Accumulator::Nothing => {}
            Accumulator::Counts(counts) => counts.resize(groups, 0),
            Accumulator::Distinct(sets) => sets.resize_with(groups, Default::default),
            Accumulator::IntSums { sums, counts } => {
                sums.resize(groups, 0);
                counts.resize(groups, 0);
            }
            Accumulator::FloatSums { sums, counts } => {
                sums.resize(groups, 0.0);
                counts.resize(groups, 0);
            }
            Accumulator::Moments { counts, means, squares } => {
                counts.resize(groups, 0);
                means.resize(groups, 0.0);
                squares.resize(groups, 0.0);
            }
            Accumulator::Extremes { best, .. } => best.resize(groups, Value::Null),
            Accumulator::Numbers(numbers) => numbers.resize_with(groups, Vec::new),
            Accumulator::Truth { seen, .. } => seen.resize(groups, None),
            Accumulator::Firsts(firsts) => firsts.resize(groups, None),
        }
    }

    /// Adds a block: `ids` gives each row's group, or all rows belong to group 0.
    fn add(&mut self, array: &ArrayRef, ids: Option<&[u32]>) -> Result<()> {
        let group = |i: usize| ids.map_or(0, |ids| ids[i] as usize);
        match self {
            Accumulator::Nothing => {}
            Accumulator::Counts(counts) => {
                (0..array.len()).filter(|&i| array.is_valid(i)).for_each(|i| counts[group(i)] += 1);
            }
            Accumulator::Distinct(sets) => {
                for i in (0..array.len()).filter(|&i| array.is_valid(i)) {
                    sets[group(i)].insert(Key::from(&value_at(array, i)));
                }
            }
            Accumulator::IntSums { sums, counts } => {
                let array = ok(arrow_cast::cast(array, &DataType::Int64))?;
                for (i, value) in array.as_primitive::<Int64Type>().iter().enumerate() {
                    let Some(value) = value else { continue };
                    let sum = &mut sums[group(i)];
                    *sum = sum.checked_add(value).ok_or_else(|| {
                        Error::script("the sum grew too large for 64 bits")
                            .help("sum `to_float` of the column")
                    })?;
                    counts[group(i)] += 1;
                }
            }
            Accumulator::FloatSums { sums, counts } => {
                let numbers = floats(array)?;
                match (ids, numbers.nulls()) {
                    (None, None) => {
                        sums[0] += sum(numbers.values());
                        counts[0] += numbers.len() as i64;
                    }
                    (Some(ids), None) => {
                        for (&g, &value) in ids.iter().zip(numbers.values()) {
                            sums[g as usize] += value;
                            counts[g as usize] += 1;
                        }
                    }
                    _ => each_valid(&numbers, |i, value| {
                        sums[group(i)] += value;
                        counts[group(i)] += 1;
                    }),
                }
            }
            Accumulator::Moments { counts, means, squares } => {
                let numbers = floats(array)?;
                if ids.is_none() && numbers.null_count() == 0 {
                    let block = moments(numbers.values());
                    merge_moments(&mut counts[0], &mut means[0], &mut squares[0], block);
                } else {
                    each_valid(&numbers, |i, value| {
                        let g = group(i);
                        merge_moments(&mut counts[g], &mut means[g], &mut squares[g], (1, value, 0.0));
                    });
                }
            }
            Accumulator::Extremes { best, largest } => extremes(array, best, *largest, &group),
            Accumulator::Numbers(lists) => {
                each_valid(&floats(array)?, |i, value| lists[group(i)].push(value));
            }
            Accumulator::Truth { seen, any } => {
                let array = ok(arrow_cast::cast(array, &DataType::Boolean))?;
                for (i, value) in array.as_boolean().iter().enumerate() {
                    let Some(value) = value else { continue };
                    let slot = &mut seen[group(i)];
                    *slot = Some(slot.map_or(value, |s| if *any { s || value } else { s && value }));
                }
            }
            Accumulator::Firsts(firsts) => {
                for i in 0..array.len() {
                    firsts[group(i)].get_or_insert_with(|| value_at(array, i));
                }
            }
        }
        Ok(())
    }

    /// Adds what later rows gave: `map` says which of their groups is which of ours.
    fn merge(&mut self, later: Accumulator, map: &[(usize, usize)]) -> Result<()> {
        match (self, later) {
            (Accumulator::Counts(mine), Accumulator::Counts(theirs)) => {
                for &(t, o) in map {
                    mine[o] += theirs[t];
                }
            }
            (Accumulator::Distinct(mine), Accumulator::Distinct(mut theirs)) => {
                for &(t, o) in map {
                    mine[o].extend(std::mem::take(&mut theirs[t]));
                }
            }
            (
                Accumulator::IntSums { sums, counts },
                Accumulator::IntSums { sums: their_sums, counts: their_counts },
            ) => {
                for &(t, o) in map {
                    let sum = sums[o].checked_add(their_sums[t]);
                    sums[o] = sum.ok_or_else(|| Error::script("the sum grew too large for 64 bits"))?;
                    counts[o] += their_counts[t];
                }
            }
            (
                Accumulator::FloatSums { sums, counts },
                Accumulator::FloatSums { sums: their_sums, counts: their_counts },
            ) => {
                for &(t, o) in map {
                    sums[o] += their_sums[t];
                    counts[o] += their_counts[t];
                }
            }
            (
                Accumulator::Moments { counts, means, squares },
                Accumulator::Moments { counts: c, means: m, squares: s },
            ) => {
                for &(t, o) in map {
                    merge_moments(&mut counts[o], &mut means[o], &mut squares[o], (c[t], m[t], s[t]));
                }
            }
            (Accumulator::Extremes { best, largest }, Accumulator::Extremes { best: theirs, .. }) => {
                for &(t, o) in map {
                    better(&mut best[o], &theirs[t], *largest);
                }
            }
            (Accumulator::Numbers(mine), Accumulator::Numbers(mut theirs)) => {
                for &(t, o) in map {
                    mine[o].append(&mut theirs[t]);
                }
            }
            (Accumulator::Truth { seen, any }, Accumulator::Truth { seen: theirs, .. }) => {
                for &(t, o) in map {
                    let Some(value) = theirs[t] else { continue };
                    seen[o] = Some(seen[o].map_or(value, |s| if *any { s || value } else { s && value }));
                }
            }
            (Accumulator::Firsts(mine), Accumulator::Firsts(mut theirs)) => {
                for &(t, o) in map {
                    if mine[o].is_none() {
                        mine[o] = theirs[t].take();
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn value(&mut self, group: usize, aggregate: &Aggregate) -> Value {
        let number = |x: Option<f64>| x.map_or(Value::Null, Value::Float);
        match (self, aggregate) {
            (Accumulator::Counts(counts), _) => Value::Int(counts[group]),
            (Accumulator::Distinct(sets), _) => Value::Int(sets[group].len() as i64),
            (Accumulator::IntSums { sums, .. }, _) => Value::Int(sums[group]),
            (Accumulator::FloatSums { sums, counts }, Aggregate::Mean(_)) => {
                number((counts[group] > 0).then(|| sums[group] / counts[group] as f64))
            }
            (Accumulator::FloatSums { sums, .. }, _) => Value::Float(sums[group]),
            (Accumulator::Moments { counts, squares, .. }, aggregate) => {
                let (ddof, root) = match aggregate {
                    Aggregate::Std(_, ddof) => (*ddof, true),
                    Aggregate::Var(_, ddof) => (*ddof, false),
                    _ => (0, false),
                };
                let free = counts[group] - i64::from(ddof);
                let variance = (free > 0).then(|| squares[group] / free as f64);
                number(variance.map(|v| if root { v.sqrt() } else { v }))
            }
            (Accumulator::Extremes { best, .. }, _) => best[group].clone(),
            (Accumulator::Numbers(lists), aggregate) => {
                let q = if let Aggregate::Quantile(_, q) = aggregate { *q } else { 0.5 };
                number(quantile(&mut lists[group], q))
            }
            // Over nothing: any is false, all is true.
            (Accumulator::Truth { seen, any }, _) => Value::Bool(seen[group].unwrap_or(!*any)),
            (Accumulator::Firsts(firsts), _) => firsts[group].clone().unwrap_or(Value::Null),
            (Accumulator::Nothing, _) => Value::Null,
        }
    }
}

fn floats(array: &ArrayRef) -> Result<Float64Array> {
    if let Some(floats) = array.as_primitive_opt::<Float64Type>() {
        return Ok(floats.clone());
    }
    Ok(ok(arrow_cast::cast(array, &DataType::Float64))?.as_primitive::<Float64Type>().clone())
}

fn each_valid(numbers: &Float64Array, mut see: impl FnMut(usize, f64)) {
    numbers.iter().enumerate().filter_map(|(i, v)| v.map(|v| (i, v))).for_each(|(i, v)| see(i, v));
}

/// The sum in eight lanes: fast, and better rounded than one long chain.
fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0f64; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

/// Count, mean and sum of squared deviations.
fn moments(values: &[f64]) -> (i64, f64, f64) {
    if values.is_empty() {
        return (0, 0.0, 0.0);
    }
    let mean = sum(values) / values.len() as f64;
    let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (values.len() as i64, mean, squares)
}

/// Chan, Golub and LeVeque: moments of two parts together.
fn merge_moments(count: &mut i64, mean: &mut f64, squares: &mut f64, other: (i64, f64, f64)) {
    let (n, m, s) = other;
    if n == 0 {
        return;
    }
    let (a, b) = (*count as f64, n as f64);
    let delta = m - *mean;
    *mean += delta * b / (a + b);
    *squares += s + delta * delta * a * b / (a + b);
    *count += n;
}

fn extremes(array: &ArrayRef, best: &mut [Value], largest: bool, group: &dyn Fn(usize) -> usize) {
    let mut see = |g: usize, value: Value| better(&mut best[g], &value, largest);
    if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        each_valid(numbers, |i, v| see(group(i), Value::Float(v)));
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        for (i, v) in numbers.iter().enumerate() {
            if let Some(v) = v {
                see(group(i), Value::Int(v));
            }
        }
    } else {
        (0..array.len()).for_each(|i| see(group(i), value_at(array, i)));
    }
}

/// Keeps the better of two values; NaN, once met, is kept: it must not go unseen.
fn better(best: &mut Value, value: &Value, largest: bool) {
    let wins = match (&*best, value) {
        (_, Value::Null) => false,
        (Value::Null, _) => true,
        (Value::Float(old), _) if old.is_nan() => false,
        (_, Value::Float(new)) if new.is_nan() => true,
        (old, new) => compare_values(new, old) == if largest { Ordering::Greater } else { Ordering::Less },
    };
    if wins {
        *best = value.clone();
    }
}

/// The quantile by linear interpolation between order statistics, as numpy's default. NaN anywhere gives NaN.
fn quantile(values: &mut [f64], q: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    if values.iter().any(|v| v.is_nan()) {
        return Some(f64::NAN);
    }
    let at = q * (values.len() - 1) as f64;
    let (below, share) = (at.floor() as usize, at.fract());
    let (_, low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + (high - low) * share)
}

/// A column of values of one kind.
pub(super) fn array_of(values: &[Value], kind: Kind) -> ArrayRef {
    match kind {
        Kind::Bool => {
            let one = |v: &Value| if let Value::Bool(b) = v { Some(*b) } else { None };
            Arc::new(values.iter().map(one).collect::<BooleanArray>())
        }
        Kind::Int => {
            let one = |v: &Value| if let Value::Int(i) = v { Some(*i) } else { None };
            Arc::new(values.iter().map(one).collect::<Int64Array>())
        }
        Kind::Float => Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>()),
        Kind::Text => {
            let one = |v: &Value| if let Value::Text(t) = v { Some(t.to_string()) } else { None };
            Arc::new(values.iter().map(one).collect::<StringArray>())
        }
        Kind::Any => match values.iter().find(|v| **v != Value::Null) {
            Some(first) => array_of(values, kind_of_value(first, values)),
            None => Arc::new(arrow_array::NullArray::new(values.len())),
        },
    }
}

/// The kind of a column whose first value is `first`: whole numbers and others together are numbers.
fn kind_of_value(first: &Value, all: &[Value]) -> Kind {
    match first {
        Value::Null => Kind::Any,
        Value::Bool(_) => Kind::Bool,
        Value::Text(_) => Kind::Text,
        Value::Float(_) => Kind::Float,
        Value::Int(_) if all.iter().any(|v| matches!(v, Value::Float(_))) => Kind::Float,
        Value::Int(_) => Kind::Int,
    }
}
