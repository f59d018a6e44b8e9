//! The verbs of everything that has rows: `Table`, `Cells`, `Synapses`.

use std::path::Path;

use rhai::{Array, Dynamic, FnPtr, Map, NativeCallContext, Variant};

use super::figure::{self, default_plot};
use super::grouped::{Grouped, measures_of};
use crate::diag::{Error, Result};
use crate::model::{Column, ColumnSpec, Frame};
use crate::plot::Figure;
use crate::query::{Aggregate, Expr, JoinKind, Named, SortKey, Table, Value, row_values};
use crate::script::args::{condition, count, expression, names, number, text_of};
use crate::script::registry::{Answer, Api};
use crate::script::value::{array_of, from_query, plain, row_of, rows_of};
use crate::script::{closure, saving, value};

/// What shares the verbs of a table.
pub(in crate::script) trait Rows: Variant + Clone {
    /// Its rows.
    fn table(&self) -> &Table;

    /// The same thing with fewer rows: cells stay cells.
    fn with_rows(&self, table: Table) -> Self;
}

impl Rows for Table {
    fn table(&self) -> &Table {
        self
    }

    fn with_rows(&self, table: Table) -> Self {
        table
    }
}

/// Registers the verbs for a type; they are documented once, for `Table`.
pub(super) fn register<T: Rows>(api: &mut Api) {
    choose_rows::<T>(api);
    make_columns::<T>(api);
    order::<T>(api);
    one_number::<T>(api);
    overview::<T>(api);
    combine::<T>(api);
    out::<T>(api);
    figure::register_plots::<T>(api);
    figure::register_plots_by_meaning::<T>(api);
}

fn choose_rows<T: Rows>(api: &mut Api) {
    api.call(
        "filter(condition) -> same kind",
        "The rows for which a condition holds. The condition is a closure, an SQL condition or a map of \
         properties; the three cost the same.",
        "circuit.synapses().filter(|s| s.conductance > 0.5 && s.post.layer == 5).count()",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<T> {
            let condition = condition(&ctx, &c)?;
            Ok(t.with_rows(t.table().filter(condition)?))
        },
    );
    api.call(
        "head(n) -> same kind",
        "The first rows; 10 if no number is given.",
        "circuit.cells.head(3)",
        |t: &mut T, n: i64| -> Answer<T> { Ok(t.with_rows(t.table().head(count(n, "a number of rows")?))) },
    );
    api.also("head", |t: &mut T| t.with_rows(t.table().head(10)));
    api.call(
        "tail(n) -> same kind",
        "The last rows; 10 if no number is given.",
        "circuit.cells.tail(3)",
        |t: &mut T, n: i64| -> Answer<T> { Ok(t.with_rows(t.table().tail(count(n, "a number of rows")?))) },
    );
    api.also("tail", |t: &mut T| t.with_rows(t.table().tail(10)));
    api.call(
        "slice(from, to) -> same kind",
        "The rows from position `from` up to, not including, `to`; positions count from 0.",
        "circuit.cells.slice(10, 20)",
        |t: &mut T, a: i64, b: i64| -> Answer<T> {
            let (a, b) = (count(a, "a position")?, count(b, "a position")?);
            Ok(t.with_rows(t.table().slice(a, b.saturating_sub(a))))
        },
    );
    api.call(
        "sample(n, seed) -> same kind",
        "`n` rows chosen by chance, each at most once, in their own order. The same seed chooses the same rows; \
         all rows, if there are fewer.",
        "circuit.cells(\"Excitatory\").sample(5, 42)",
        |t: &mut T, n: i64, seed: i64| -> Answer<T> {
            Ok(t.with_rows(t.table().sample(count(n, "a sample")?, seed as u64)))
        },
    );
    api.also("sample", |_: &mut T, n: i64| -> Answer<T> {
        Err(Error::argument("a sample needs a seed, so that it can be drawn again")
            .help(format!("write `sample({n}, 1)`"))
            .into())
    });
    api.call(
        "distinct(columns) -> same kind",
        "The first row of each combination of values of these columns.",
        "circuit.cells.distinct([\"layer\", \"synapse_class\"])",
        |t: &mut T, c: Dynamic| -> Answer<T> { Ok(t.with_rows(t.table().distinct(&names(&c)?)?)) },
    );
    api.also("distinct", |t: &mut T| -> Answer<T> { Ok(t.with_rows(t.table().distinct(&[])?)) });
}

fn make_columns<T: Rows>(api: &mut Api) {
    api.call(
        "select(columns) -> Table",
        "These columns, in this order. Paths lead over ids to cells: `\"pre.mtype\"`.",
        "circuit.synapses().select([\"pre\", \"pre.mtype\", \"delay\"]).head(5)",
        |t: &mut T, c: Dynamic| -> Answer<Table> { Ok(t.table().select(&names(&c)?)?) },
    );
    api.also("get", |t: &mut T, c: Dynamic| -> Answer<Table> { Ok(t.table().select(&names(&c)?)?) });
    api.call(
        "drop(columns) -> Table",
        "All columns but these.",
        "circuit.cells.drop(\"morphology\").head(3)",
        |t: &mut T, c: Dynamic| -> Answer<Table> { Ok(t.table().drop(&names(&c)?)?) },
    );
    api.call(
        "rename(#{old: new}) -> Table",
        "Other names for some columns.",
        "circuit.cells.rename(#{y: \"height\"}).head(3)",
        |t: &mut T, map: Map| -> Answer<Table> {
            let pairs = map.iter().map(|(old, new)| {
                let new =
                    text_of(new).ok_or_else(|| Error::argument(format!("`{new}` is not a column name")))?;
                Ok((old.to_string(), new))
            });
            Ok(t.table().rename(&pairs.collect::<Result<Vec<_>>>()?)?)
        },
    );
    api.call(
        "derive(#{name: closure}) -> Table",
        "All columns, with some computed anew or added at the end.",
        "circuit.synapses().derive(#{charge: |s| s.conductance * s.decay_time}).mean(\"charge\")",
        |ctx: NativeCallContext, t: &mut T, map: Map| -> Answer<Table> {
            let added = map.iter().map(|(name, e)| Ok((name.to_string(), expression(&ctx, e)?)));
            Ok(t.table().derive(added.collect::<Result<Vec<_>>>()?)?)
        },
    );
    api.call(
        "with_unit(column, unit) -> Table",
        "The same with a unit for a column; it shows in headers, labels and files.",
        "circuit.cells.derive(#{depth: |c| 2000.0 - c.y}).with_unit(\"depth\", \"µm\").head(3)",
        |t: &mut T, column: &str, unit: &str| -> Answer<Table> { Ok(t.table().with_unit(column, unit)?) },
    );
}

/// `"delay"`, or `"-delay"` for the largest first.
pub(super) fn sort_keys(columns: &[String]) -> Vec<SortKey> {
    columns
        .iter()
        .map(|c| match c.strip_prefix('-') {
            Some(column) => SortKey { expr: Expr::column(column), descending: true },
            None => SortKey { expr: Expr::column(c), descending: false },
        })
        .collect()
}

fn order<T: Rows>(api: &mut Api) {
    api.call(
        "sort(columns) -> same kind",
        "The rows in the order of a column or several, smallest first; a minus before a name sorts largest \
         first. A closure gives what to sort by.",
        "circuit.cells.sort([\"layer\", \"-y\"]).head(5)",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<T> {
            let keys = if c.is::<FnPtr>() {
                vec![SortKey { expr: expression(&ctx, &c)?, descending: false }]
            } else {
                sort_keys(&names(&c)?)
            };
            Ok(t.with_rows(t.table().sort(keys)?))
        },
    );
    api.call(
        "top(n, column) -> same kind",
        "The `n` rows with the largest values of a column, largest first.",
        "circuit.synapses().top(3, \"conductance\")",
        |t: &mut T, n: i64, c: &str| -> Answer<T> {
            let keys = vec![SortKey { expr: Expr::column(c), descending: true }];
            Ok(t.with_rows(t.table().sort(keys)?.head(count(n, "a number of rows")?)))
        },
    );
}

/// One number of a column, with the column's unit remembered for the prompt.
fn one(
    ctx: &NativeCallContext,
    table: &Table,
    c: &Dynamic,
    make: impl Fn(Expr) -> Aggregate,
) -> Answer<Dynamic> {
    let measure = make(expression(ctx, c)?);
    let named = table.aggregate(Vec::new(), vec![("value".to_owned(), measure.clone())])?;
    let unit = named.schema().columns()[0].unit.clone();
    Ok(from_query(table.value(measure)?, unit.as_deref()))
}

/// The degrees of freedom to take off: 0 or 1.
pub(super) fn ddof(n: i64) -> Result<u8> {
    u8::try_from(n)
        .ok()
        .filter(|n| *n <= 1)
        .ok_or_else(|| Error::argument(format!("the degrees of freedom taken off are 0 or 1, not {n}")))
}

fn one_number<T: Rows>(api: &mut Api) {
    api.call(
        "count() -> int",
        "The number of rows.",
        "circuit.cells(\"Excitatory\").count()",
        |t: &mut T| -> Answer<i64> { Ok(t.table().count()? as i64) },
    );
    api.also("len", |t: &mut T| -> Answer<i64> { Ok(t.table().count()? as i64) });
    macro_rules! numbers {
        ($($name:literal, $signature:literal, $doc:literal, $example:literal, $make:expr;)*) => {$(
            api.call($signature, $doc, $example, |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<Dynamic> {
                one(&ctx, t.table(), &c, $make)
            });
        )*};
    }
    numbers! {
        "sum", "sum(column) -> number", "The sum of a column (or of what a closure gives).",
            "circuit.synapses().sum(\"conductance\")", Aggregate::Sum;
        "mean", "mean(column) -> number", "The arithmetic mean.",
            "circuit.synapses().mean(\"delay\")", Aggregate::Mean;
        "std", "std(column, ddof = 0) -> number",
            "The standard deviation: of the population, as in numpy and BluePy; `std(c, 1)` is the sample's.",
            "circuit.synapses().std(\"delay\")", |e| Aggregate::Std(e, 0);
        "var", "var(column, ddof = 0) -> number", "The variance, as `std`. Also called `variance`.",
            "circuit.synapses().var(\"delay\")", |e| Aggregate::Var(e, 0);
        "min", "min(column) -> value", "The smallest value.",
            "circuit.synapses().min(\"delay\")", Aggregate::Min;
        "max", "max(column) -> value", "The largest value.",
            "circuit.synapses().max(\"delay\")", Aggregate::Max;
        "median", "median(column) -> number", "The median.",
            "circuit.synapses().median(\"delay\")", Aggregate::Median;
        "any", "any(closure) -> bool", "Whether a condition holds for some row.",
            "circuit.cells.any(|c| c.layer == 4)", Aggregate::Any;
        "all", "all(closure) -> bool", "Whether a condition holds for all rows.",
            "circuit.synapses().all(|s| s.delay > 0.0)", Aggregate::All;
    }
    api.also("std", |ctx: NativeCallContext, t: &mut T, c: Dynamic, n: i64| -> Answer<Dynamic> {
        let n = ddof(n)?;
        one(&ctx, t.table(), &c, |e| Aggregate::Std(e, n))
    });
    api.also("variance", |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<Dynamic> {
        one(&ctx, t.table(), &c, |e| Aggregate::Var(e, 0))
    });
    for name in ["var", "variance"] {
        api.also(name, |ctx: NativeCallContext, t: &mut T, c: Dynamic, n: i64| -> Answer<Dynamic> {
            let n = ddof(n)?;
            one(&ctx, t.table(), &c, |e| Aggregate::Var(e, n))
        });
    }
    api.call(
        "quantile(column, q) -> number",
        "A quantile, `q` between 0 and 1, by linear interpolation (numpy's default).",
        "circuit.synapses().quantile(\"delay\", 0.9)",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic, q: Dynamic| -> Answer<Dynamic> {
            let q = number(&q)?;
            one(&ctx, t.table(), &c, |e| Aggregate::Quantile(e, q))
        },
    );
    api.call(
        "agg(#{name: aggregate}) -> map",
        "Several numbers at once, in one pass: `count()`, `mean(c)`, `quantile(c, q)` and so on.",
        "circuit.synapses().agg(#{n: count(), g: mean(\"conductance\"), p90: quantile(\"delay\", 0.9)})",
        |t: &mut T, map: Map| -> Answer<Map> {
            let frame = t.table().aggregate(Vec::new(), measures_of(&map)?)?.frame()?;
            Ok(row_of(&frame, 0))
        },
    );
    api.call(
        "count_distinct(column) -> int",
        "How many different values a column has.",
        "circuit.synapses().count_distinct(\"pre\")",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<Dynamic> {
            one(&ctx, t.table(), &c, Aggregate::CountDistinct)
        },
    );
}

/// Prints a table as the prompt shows it.
fn show(ctx: &NativeCallContext, table: &Table, rows: Option<usize>) -> Answer<()> {
    let usual = saving::screen();
    let screen = value::Screen { rows: rows.unwrap_or(usual.rows), ..usual };
    if let Some(text) = value::display(&Dynamic::from(table.clone()), &screen)? {
        let _: Dynamic = ctx.call_native_fn("print", (text,))?;
    }
    Ok(())
}

fn overview<T: Rows>(api: &mut Api) {
    api.call(
        "describe() -> Table",
        "Each numeric column in numbers: count, mean, std, min, quartiles, max.",
        "circuit.synapses().select([\"delay\", \"conductance\"]).describe()",
        |t: &mut T| -> Answer<Table> { Ok(t.table().describe()?) },
    );
    api.call(
        "value_counts(column) -> Table",
        "How often each value of a column occurs, most often first.",
        "circuit.cells.value_counts(\"etype\")",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<Table> {
            let key = key(&ctx, t.table(), &c)?;
            let counted = t.table().aggregate(vec![key], vec![("count".to_owned(), Aggregate::Count)])?;
            Ok(counted.sort(sort_keys(&["-count".to_owned()]))?)
        },
    );
    api.call(
        "histogram(column, bins, [low, high]) -> Table",
        "Counts in bins of equal width: `low`, `high`, `count`. Bins hold their lower end, the last one both \
         (numpy's rule). Without a range it spans the values; without a number of bins there are as many as \
         Freedman and Diaconis' rule gives, 10 to 200.",
        "circuit.synapses().histogram(\"delay\", 20)",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic, bins: i64| -> Answer<Table> {
            Ok(t.table().histogram(&expression(&ctx, &c)?, Some(count(bins, "a number of bins")?), None)?)
        },
    );
    api.also("histogram", |ctx: NativeCallContext, t: &mut T, c: Dynamic| -> Answer<Table> {
        Ok(t.table().histogram(&expression(&ctx, &c)?, None, None)?)
    });
    api.also(
        "histogram",
        |ctx: NativeCallContext, t: &mut T, c: Dynamic, bins: i64, range: Array| -> Answer<Table> {
            let bins = count(bins, "a number of bins")?;
            let ends = range.iter().map(number).collect::<Result<Vec<_>>>()?;
            let [low, high] = ends[..] else {
                return Err(Error::argument("the range of a histogram is [low, high]").into());
            };
            Ok(t.table().histogram(&expression(&ctx, &c)?, Some(bins), Some((low, high)))?)
        },
    );
    api.call(
        "schema() -> Table",
        "The columns: name, type, unit, meaning. Paths such as `pre.mtype` come after the own columns.",
        "circuit.synapses().schema()",
        |t: &mut T| -> Answer<Table> { Ok(t.table().schema_table()?) },
    );
    api.property(
        "columns -> array",
        "The names of the columns.",
        "circuit.cells.columns",
        |t: &mut T| -> Array { t.table().schema().columns().iter().map(|c| c.name.clone().into()).collect() },
    );
    api.call(
        "explain() -> text",
        "What will be read and how it runs.",
        "circuit.synapses().filter(|s| s.pre.layer == 4).explain()",
        |t: &mut T| -> Answer<String> { Ok(t.table().explain()?) },
    );
    api.call(
        "by(keys) -> Grouped",
        "Groups of rows with equal values of a column, of several columns, or of what a closure gives.",
        "circuit.synapses().by([\"pre.synapse_class\", \"post.synapse_class\"]).mean(\"conductance\")",
        |ctx: NativeCallContext, t: &mut T, keys: Dynamic| -> Answer<Grouped> {
            Ok(Grouped::new(t.table().clone(), self::keys(&ctx, t.table(), &keys)?))
        },
    );
}

/// One key of a grouping: a column, or a closure (then the column is called `key`).
fn key(ctx: &NativeCallContext, table: &Table, value: &Dynamic) -> Result<Named> {
    match text_of(value) {
        Some(column) => table.named(&column),
        None => table.computed("key", expression(ctx, value)?),
    }
}

pub(super) fn keys(ctx: &NativeCallContext, table: &Table, value: &Dynamic) -> Result<Vec<Named>> {
    let Some(array) = value.read_lock::<Array>() else { return Ok(vec![key(ctx, table, value)?]) };
    let mut keys = Vec::with_capacity(array.len());
    for (i, one) in array.iter().enumerate() {
        let mut key = key(ctx, table, one)?;
        if one.is::<FnPtr>() && i > 0 {
            key.spec.name = format!("key{}", i + 1);
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(Error::argument("`by` needs a column")) } else { Ok(keys) }
}

fn combine<T: Rows>(api: &mut Api) {
    api.call(
        "join(other, keys, kind = \"inner\") -> Table",
        "Rows side by side with those of another table that have the same keys. Kinds: `inner`, `left` (all rows \
         of this table), `semi` (those that have a partner), `anti` (those that have none). A map names keys \
         that are called differently: `#{pre: \"id\"}`.",
        "circuit.synapses().by(\"post\").count().join(circuit.cells, #{post: \"id\"}).head(3)",
        |t: &mut T, other: Dynamic, on: Dynamic| -> Answer<Table> { join(t.table(), &other, &on, "inner") },
    );
    api.also("join", |t: &mut T, other: Dynamic, on: Dynamic, kind: &str| -> Answer<Table> {
        join(t.table(), &other, &on, kind)
    });
    api.call(
        "concat(other) -> Table",
        "The rows of this table, then those of another with the same columns.",
        "circuit.cells.head(2).concat(circuit.cells.tail(2)).count()",
        |t: &mut T, other: Dynamic| -> Answer<Table> { Ok(t.table().concat(&rows_argument(&other)?)?) },
    );
    api.call(
        "pivot(row, column, value) -> Table",
        "A table with a row for each value of `row`, a column for each value of `column`, and `value` where they \
         meet (nothing, where they do not).",
        "circuit.cells.by([\"layer\", \"synapse_class\"]).count().pivot(\"layer\", \"synapse_class\", \"count\")",
        |t: &mut T, row: &str, column: &str, value: &str| -> Answer<Table> {
            Ok(t.table().pivot(row, column, value)?)
        },
    );
}

fn rows_argument(value: &Dynamic) -> Result<Table> {
    value::table_of(value).ok_or_else(|| Error::argument(format!("`{value}` is not a table")))
}

fn join(table: &Table, other: &Dynamic, on: &Dynamic, kind: &str) -> Answer<Table> {
    let on = match on.read_lock::<Map>() {
        Some(map) => map
            .iter()
            .map(|(left, right)| {
                let right = text_of(right)
                    .ok_or_else(|| Error::argument(format!("`{right}` is not a column name")))?;
                Ok((left.to_string(), right))
            })
            .collect::<Result<Vec<_>>>()?,
        None => names(on)?.into_iter().map(|n| (n.clone(), n)).collect(),
    };
    let kind = match kind {
        "inner" => JoinKind::Inner,
        "left" => JoinKind::Left,
        "semi" => JoinKind::Semi,
        "anti" => JoinKind::Anti,
        other => return Err(Error::unknown("kind of join", other, ["inner", "left", "semi", "anti"]).into()),
    };
    Ok(table.join(&rows_argument(other)?, on, kind)?)
}

fn out<T: Rows>(api: &mut Api) {
    api.call(
        "column(name) -> array",
        "The values of a column.",
        "circuit.cells.head(3).column(\"mtype\")",
        |t: &mut T, name: &str| -> Answer<Array> { Ok(array_of(&t.table().column(name)?)?) },
    );
    api.call(
        "rows() -> array",
        "All rows, as an array of maps.",
        "circuit.cells.head(2).rows()",
        |t: &mut T| -> Answer<Array> { Ok(rows_of(&t.table().frame()?.readable()?)) },
    );
    api.call(
        "row(n) -> map",
        "One row as a map; positions count from 0.",
        "circuit.cells.row(0)",
        |t: &mut T, n: i64| -> Answer<Map> {
            let frame = t.table().slice(count(n, "a position")?, 1).frame()?.readable()?;
            if frame.rows() == 0 {
                return Err(Error::argument(format!("there is no row {n}")).into());
            }
            Ok(row_of(&frame, 0))
        },
    );
    api.call(
        "to_matrix() -> array",
        "All numeric columns as an array of rows.",
        "circuit.cells.head(2).select([\"x\", \"y\", \"z\"]).to_matrix()",
        |t: &mut T| -> Answer<Array> {
            let frame = t.table().frame()?;
            let row = |r: usize| -> Array {
                row_values(&frame, r)
                    .into_iter()
                    .filter(|v| !matches!(v, Value::Text(_)))
                    .map(plain)
                    .collect()
            };
            Ok((0..frame.rows()).map(|r| row(r).into()).collect())
        },
    );
    api.call(
        "save(path) -> text",
        "Writes the table; the extension decides: `.csv .tsv .json .jsonl .parquet .arrow`. Units go into headers \
         or metadata. The file is written whole or not at all. Gives the path.",
        "circuit.cells.save(\"cells.csv\")",
        |t: &mut T, path: &str| -> Answer<String> { Ok(saving::table(t.table(), Path::new(path))?) },
    );
    api.call(
        "show(rows) -> nothing",
        "Prints the table with at most so many rows, or as many as fit on the screen.",
        "circuit.cells.show(5)",
        |ctx: NativeCallContext, t: &mut T, rows: i64| -> Answer<()> {
            show(&ctx, t.table(), Some(count(rows, "a number of rows")?))
        },
    );
    api.also("show", |ctx: NativeCallContext, t: &mut T| -> Answer<()> { show(&ctx, t.table(), None) });
    api.call(
        "map(closure) -> array",
        "What a closure gives for each row.",
        "circuit.cells.head(3).map(|c| c.y / 1000.0)",
        |ctx: NativeCallContext, t: &mut T, f: FnPtr| -> Answer<Array> {
            let column = t.table().computed("value", closure::translate(&ctx, &f)?)?;
            Ok(array_of(&t.table().project(vec![column])?.column("value")?)?)
        },
    );
    api.call(
        "plot() -> Figure",
        "The figure that one expects of this kind of table: bars for counts by a text, a line for values by a \
         number, a heatmap for two keys, bars of a histogram.",
        "circuit.cells.by(\"layer\").count().plot()",
        |t: &mut T| -> Answer<Figure> { Ok(default_plot(t.table())?) },
    );
}

/// A table from an array of maps with the same keys, in a script.
pub(super) fn table_of_maps(rows: &Array) -> Result<Table> {
    let maps = rows.iter().map(|row| {
        row.read_lock::<Map>()
            .map(|m| m.clone())
            .ok_or_else(|| Error::argument(format!("`{row}` is not a map")))
    });
    let maps = maps.collect::<Result<Vec<_>>>()?;
    let mut names: Vec<String> = Vec::new();
    for map in &maps {
        for key in map.keys() {
            if !names.iter().any(|n| n == key.as_str()) {
                names.push(key.to_string());
            }
        }
    }
    let mut columns = Vec::with_capacity(names.len());
    for name in names {
        let values = maps.iter().map(|m| match m.get(name.as_str()) {
            Some(v) => crate::script::convert::to_value(v),
            None => Ok(Value::Null),
        });
        let values = crate::query::array_of(&values.collect::<Result<Vec<_>>>()?);
        columns.push(Column { spec: ColumnSpec::new(name, values.data_type().clone()), values });
    }
    Ok(Table::in_memory(Frame::new(columns)?))
}

/// `for row in table`: rows as maps, read a piece at a time.
pub struct RowIterator {
    pieces: Answer<Box<dyn FnMut() -> Result<Option<Frame>>>>,
    frame: Option<Frame>,
    next: usize,
    done: bool,
}

impl RowIterator {
    fn new(table: &Table) -> Self {
        let pieces = table.pieces().map(|p| Box::new(p) as Box<dyn FnMut() -> Result<Option<Frame>>>);
        RowIterator { pieces: pieces.map_err(Into::into), frame: None, next: 0, done: false }
    }

    fn advance(&mut self) -> Answer<Option<Dynamic>> {
        loop {
            if let Some(frame) = &self.frame
                && self.next < frame.rows()
            {
                self.next += 1;
                return Ok(Some(row_of(frame, self.next - 1).into()));
            }
            let pieces = match &mut self.pieces {
                Ok(pieces) => pieces,
                Err(error) => return Err(std::mem::replace(error, Error::cancelled().into())),
            };
            match pieces()? {
                None => return Ok(None),
                frame => (self.frame, self.next) = (frame, 0),
            }
        }
    }
}

impl Iterator for RowIterator {
    type Item = Answer<Dynamic>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.advance().transpose();
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

macro_rules! iterate {
    ($($kind:ty),*) => {$(
        impl IntoIterator for $kind {
            type Item = Answer<Dynamic>;
            type IntoIter = RowIterator;

            fn into_iter(self) -> RowIterator {
                RowIterator::new(self.table())
            }
        }
    )*};
}
iterate!(Table, super::cells::Cells, super::synapses::Synapses);

/// Makes `for row in …` work.
pub(super) fn register_iterators(api: &mut Api) {
    let engine = api.engine();
    engine.register_iterator_result::<Table, Dynamic>();
    engine.register_iterator_result::<super::cells::Cells, Dynamic>();
    engine.register_iterator_result::<super::synapses::Synapses, Dynamic>();
}
