//! Picking rows by position, order or chance, and pairing rows of two tables.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef, UInt32Array};

use super::bind::Bound;
use super::eval::{evaluate, ok};
use super::exec::{collect, fold};
use super::grouping::Keys;
use super::table::{JoinKind, SortKey, sorted};
use super::{Expr, exec};
use crate::diag::{Error, Result, once, work};
use crate::model::{Block, Frame, Morsel, Schema, Source};

/// All columns of a block.
pub(super) fn whole(block: &dyn Block, schema: &Arc<Schema>) -> Result<Frame> {
    let columns = (0..schema.columns().len()).map(|i| block.column(i)).collect::<Result<Vec<_>>>()?;
    Frame::with_schema(schema.clone(), columns, block.rows())
}

/// The first rows of a block, without reading more than is asked for.
pub(super) fn first_rows(block: &dyn Block, rows: usize) -> impl Block {
    struct First<'a>(&'a dyn Block, usize);
    impl Block for First<'_> {
        fn rows(&self) -> usize {
            self.1
        }
        fn column(&self, index: usize) -> Result<ArrayRef> {
            Ok(self.0.column(index)?.slice(0, self.1))
        }
    }
    First(block, rows.min(block.rows()))
}

/// Glues frames of one schema together.
fn glue(schema: &Arc<Schema>, parts: &[Frame]) -> Result<Frame> {
    if let [one] = parts {
        return Ok(one.clone());
    }
    let mut columns = Vec::with_capacity(schema.columns().len());
    for (i, spec) in schema.columns().iter().enumerate() {
        let pieces: Vec<&dyn Array> = parts.iter().map(|p| p.columns()[i].as_ref()).collect();
        columns.push(match pieces.as_slice() {
            [] => arrow_array::new_empty_array(&spec.data_type),
            _ => ok(arrow_select::concat::concat(&pieces))?,
        });
    }
    Frame::with_schema(schema.clone(), columns, parts.iter().map(Frame::rows).sum())
}

/// The first `count` rows in the order of some keys, without holding more than a few times as many.
pub(super) fn top(source: &dyn Source, keys: &[SortKey], count: usize) -> Result<Frame> {
    if count == 0 {
        return collect(source, Some(0));
    }
    let schema = source.schema();
    let settle = |parts: &mut Vec<Frame>| -> Result<()> {
        let best = sorted(&glue(schema, parts)?, keys)?.slice(0, count);
        *parts = vec![best];
        Ok(())
    };
    let parts = fold(
        source,
        &[],
        Vec::new,
        |parts: &mut Vec<Frame>, block| {
            let best = best_of(block, schema, keys, count)?;
            parts.push(best);
            if parts.iter().map(Frame::rows).sum::<usize>() > 4 * count.max(4096) {
                settle(parts)?;
            }
            Ok(())
        },
        |parts, mut later| {
            parts.append(&mut later);
            settle(parts)
        },
    )?;
    let mut parts = parts;
    settle(&mut parts)?;
    Ok(parts.remove(0))
}

/// The best rows of one block: only the keys are read for all rows.
fn best_of(block: &dyn Block, schema: &Arc<Schema>, keys: &[SortKey], count: usize) -> Result<Frame> {
    if block.rows() <= count {
        return whole(block, schema);
    }
    let mut specs = Vec::new();
    let mut values = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let array = evaluate(&super::bind::bind(&key.expr, schema)?.0, block)?;
        specs.push(crate::model::ColumnSpec::new(format!("key {i}"), array.data_type().clone()));
        values.push(array);
    }
    let key_frame = Frame::with_schema(Arc::new(Schema::new(specs)), values, block.rows())?;
    let by_position: Vec<SortKey> = keys
        .iter()
        .enumerate()
        .map(|(i, k)| SortKey { expr: Expr::column(format!("key {i}")), descending: k.descending })
        .collect();
    let order = super::table::order(&key_frame, &by_position)?;
    // In row order again, so that equal rows keep theirs.
    let mut rows = order.values()[..count].to_vec();
    rows.sort_unstable();
    let rows = UInt32Array::from(rows);
    let columns = (0..schema.columns().len())
        .map(|i| ok(arrow_select::take::take(&block.column(i)?, &rows, None)))
        .collect::<Result<Vec<_>>>()?;
    Frame::with_schema(schema.clone(), columns, count)
}

/// The last rows.
pub(super) fn tail(source: &dyn Source, rows: usize) -> Result<Frame> {
    let mut parts = Vec::new();
    let mut missing = rows;
    for morsel in source.morsels().iter().rev() {
        if missing == 0 {
            break;
        }
        work::check()?;
        let block = source.open(morsel)?;
        let piece = whole(block.as_ref(), source.schema())?;
        let keep = piece.rows().min(missing);
        parts.push(piece.slice(piece.rows() - keep, keep));
        missing -= keep;
    }
    parts.reverse();
    glue(source.schema(), &parts)
}

/// `count` rows by chance, in their own order.
pub(super) fn sample(source: &dyn Source, count: usize, seed: u64) -> Result<Frame> {
    let morsels = source.morsels();
    let sizes = if source.row_count().is_some() {
        morsels.iter().map(|m| m.rows).collect()
    } else {
        row_counts(source)?
    };
    let total: usize = sizes.iter().sum();
    let chosen = choose(total, count, seed);
    let mut parts = Vec::new();
    let (mut next, mut before) = (0, 0);
    for (morsel, size) in morsels.iter().zip(sizes) {
        let begin = next;
        while next < chosen.len() && chosen[next] < before + size {
            next += 1;
        }
        if begin < next {
            work::check()?;
            let block = source.open(morsel)?;
            let rows: UInt32Array = chosen[begin..next].iter().map(|&r| (r - before) as u32).collect();
            let columns = (0..source.schema().columns().len())
                .map(|i| ok(arrow_select::take::take(&block.column(i)?, &rows, None)))
                .collect::<Result<Vec<_>>>()?;
            parts.push(Frame::with_schema(source.schema().clone(), columns, rows.len())?);
        }
        before += size;
    }
    glue(source.schema(), &parts)
}

fn row_counts(source: &dyn Source) -> Result<Vec<usize>> {
    fold(
        source,
        &[],
        Vec::new,
        |sizes, block| {
            sizes.push(block.rows());
            Ok(())
        },
        |sizes, mut later| {
            sizes.append(&mut later);
            Ok(())
        },
    )
}

/// `count` different numbers below `total` in ascending order (Floyd's algorithm). The generator is spelt out
/// here, so that a seed chooses the same rows in every version: SplitMix64 (Steele, Lea and Flood 2014).
pub fn choose(total: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let count = count.min(total);
    let mut chosen = std::collections::BTreeSet::new();
    for upper in total - count..total {
        let at = ((u128::from(random()) * (upper as u128 + 1)) >> 64) as usize;
        if !chosen.insert(at) {
            chosen.insert(upper);
        }
    }
    chosen.into_iter().collect()
}

/// The first row of each combination of keys.
pub(super) fn distinct(source: &dyn Source, keys: &[Bound]) -> Result<Frame> {
    struct Seen {
        keys: Keys,
        numbers: HashSet<u32>,
        parts: Vec<(Frame, Vec<ArrayRef>)>,
    }
    let schema = source.schema();
    let add = |seen: &mut Seen, block: &dyn Block, key_columns: Vec<ArrayRef>| -> Result<()> {
        let (numbers, _) = seen.keys.number(&key_columns);
        let mut first = HashMap::new();
        for (row, &number) in numbers.iter().enumerate() {
            first.entry(number).or_insert(row as u32);
        }
        let mut fresh: Vec<u32> =
            first.into_iter().filter(|&(n, _)| seen.numbers.insert(n)).map(|(_, row)| row).collect();
        fresh.sort_unstable();
        if fresh.is_empty() {
            return Ok(());
        }
        let rows = UInt32Array::from(fresh);
        let pick = |a: &ArrayRef| ok(arrow_select::take::take(a, &rows, None));
        let columns =
            (0..schema.columns().len()).map(|i| pick(&block.column(i)?)).collect::<Result<Vec<_>>>()?;
        let kept = key_columns.iter().map(pick).collect::<Result<Vec<_>>>()?;
        seen.parts.push((Frame::with_schema(schema.clone(), columns, rows.len())?, kept));
        Ok(())
    };
    let seen = fold(
        source,
        &keys.iter().collect::<Vec<_>>(),
        || Seen { keys: Keys::new(keys.len()), numbers: HashSet::new(), parts: Vec::new() },
        |seen, block| {
            let columns = keys.iter().map(|k| evaluate(k, block)).collect::<Result<Vec<_>>>()?;
            add(seen, block, columns)
        },
        |seen, later| later.parts.into_iter().try_for_each(|(frame, kept)| add(seen, &frame, kept)),
    )?;
    let parts: Vec<Frame> = seen.parts.into_iter().map(|p| p.0).collect();
    glue(schema, &parts)
}

/// Rows that belong together, by position; nothing on the right where there is no partner.
pub(super) struct Pairs {
    pub(super) left: UInt32Array,
    pub(super) right: UInt32Array,
}

/// Pairs the rows of two tables whose keys are equal, in the order of the left rows, then the right.
pub(super) fn join_pairs(left: &[ArrayRef], right: &[ArrayRef], kind: JoinKind) -> Result<Pairs> {
    let mut keys = Keys::new(left.len());
    let right: Vec<ArrayRef> =
        right.iter().map(|a| super::eval::normalised(a.clone())).collect::<Result<_>>()?;
    for (l, r) in left.iter().zip(&right) {
        let (a, b) = (super::bind::Kind::of(l.data_type()), super::bind::Kind::of(r.data_type()));
        if a != b {
            return Err(Error::argument("the key columns of a join are of different kinds"));
        }
    }
    let (right_numbers, groups) = keys.number(&right);
    let mut partners: Vec<Vec<u32>> = vec![Vec::new(); groups];
    for (row, &number) in right_numbers.iter().enumerate() {
        if right.iter().all(|a| a.is_valid(row)) {
            partners[number as usize].push(row as u32);
        }
    }
    let (left_numbers, _) = keys.number(left);
    let (mut left_rows, mut right_rows) = (Vec::new(), Vec::new());
    for (row, &number) in left_numbers.iter().enumerate() {
        let valid = left.iter().all(|a| a.is_valid(row));
        let found = partners.get(number as usize).filter(|p| valid && !p.is_empty());
        match (kind, found) {
            (JoinKind::Semi, Some(_)) | (JoinKind::Anti | JoinKind::Left, None) => {
                left_rows.push(row as u32);
                right_rows.push(None);
            }
            (JoinKind::Inner | JoinKind::Left, Some(found)) => {
                left_rows.extend(std::iter::repeat_n(row as u32, found.len()));
                right_rows.extend(found.iter().map(|&r| Some(r)));
            }
            _ => {}
        }
    }
    Ok(Pairs { left: UInt32Array::from(left_rows), right: UInt32Array::from(right_rows) })
}

/// Synapses that were read from the other side, in the promised order: by post cell and row, or by pre cell.
/// Sums and counts read them as they come; only who looks at rows in order pays for the sorting.
pub(super) struct Reordered {
    input: Arc<dyn Source>,
    sorted: OnceLock<Result<Frame>>,
}

impl Reordered {
    pub(super) fn new(input: Arc<dyn Source>) -> Self {
        Reordered { input, sorted: OnceLock::new() }
    }

    fn frame(&self) -> Result<&Frame> {
        let sort = || {
            let key = |name: &str| SortKey { expr: Expr::column(name), descending: false };
            let frame = exec::collect(self.input.as_ref(), None)?;
            let keys: Vec<SortKey> = ["post", "row", "pre"]
                .iter()
                .filter(|n| frame.schema().find(n).is_some())
                .map(|n| key(n))
                .collect();
            sorted(&frame, &keys)
        };
        once(&self.sorted, sort).as_ref().map_err(Clone::clone)
    }
}

impl Source for Reordered {
    fn schema(&self) -> &Arc<Schema> {
        self.input.schema()
    }

    fn row_count(&self) -> Option<u64> {
        self.input.row_count()
    }

    fn morsels(&self) -> Vec<Morsel> {
        // A failure is told when the first block is opened.
        self.frame().map_or_else(|_| vec![Morsel { units: 0..0, rows: 0 }], Source::morsels)
    }

    fn open(&self, morsel: &Morsel) -> Result<Box<dyn Block + '_>> {
        self.frame()?.open(morsel)
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = self.input.describe();
        lines.push("sort by post, row".to_owned());
        lines
    }
}
