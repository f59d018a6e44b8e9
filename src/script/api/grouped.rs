//! Groups of rows: what `by` gives.

use rhai::{Array, Dynamic, FnPtr, Map, NativeCallContext};

use super::table::ddof;
use crate::diag::{Error, Result};
use crate::model::{Column, ColumnSpec, Frame};
use crate::query::{Aggregate, BinaryOp, Expr, Named, Table, Value, row_values};
use crate::script::args::{expression, number, text_of};
use crate::script::convert;
use crate::script::registry::{Answer, Api};
use crate::script::value::plain;

/// Rows in groups, waiting to be asked for a number of each.
#[derive(Clone)]
pub struct Grouped {
    table: Table,
    keys: Vec<Named>,
}

/// An aggregate in a script: what `mean("delay")` gives inside `agg`.
#[derive(Clone)]
pub struct Measure(Aggregate);

/// What is in groups: rows, spikes, the cells of a report.
pub(in crate::script) trait Groups: rhai::Variant + Clone {
    /// Its rows, in groups.
    fn grouped(&self) -> &Grouped;
}

impl Groups for Grouped {
    fn grouped(&self) -> &Grouped {
        self
    }
}

impl Grouped {
    pub(super) fn new(table: Table, keys: Vec<Named>) -> Self {
        Grouped { table, keys }
    }

    /// Its facts.
    pub fn card(&self) -> serde_json::Value {
        let keys: Vec<&str> = self.keys.iter().map(|k| k.spec.name.as_str()).collect();
        serde_json::json!({"groups": format!("of rows by {}", keys.join(", "))})
    }

    /// The keys and one column for each measured column, called after the aggregate.
    fn measured(
        &self,
        ctx: &NativeCallContext,
        c: &Dynamic,
        make: impl Fn(Expr) -> Aggregate,
    ) -> Answer<Table> {
        let one = |c: &Dynamic| Ok::<_, Error>(make(expression(ctx, c)?));
        let measures = if let Some(columns) = c.read_lock::<Array>() {
            let named = |c: &Dynamic| {
                let aggregate = one(c)?;
                Ok((format!("{} {}", aggregate.name(), text_of(c).unwrap_or_default()), aggregate))
            };
            columns.iter().map(named).collect::<Result<Vec<_>>>()?
        } else {
            let aggregate = one(c)?;
            vec![(aggregate.name().to_owned(), aggregate)]
        };
        Ok(self.table.aggregate(self.keys.clone(), measures)?)
    }

    fn describe(&self, column: &Expr) -> Result<Table> {
        let e = || column.clone();
        let measures = [
            ("count", Aggregate::CountValues(e())),
            ("mean", Aggregate::Mean(e())),
            ("std", Aggregate::Std(e(), 0)),
            ("min", Aggregate::Min(e())),
            ("25%", Aggregate::Quantile(e(), 0.25)),
            ("median", Aggregate::Median(e())),
            ("75%", Aggregate::Quantile(e(), 0.75)),
            ("max", Aggregate::Max(e())),
        ];
        self.table.aggregate(self.keys.clone(), measures.map(|(n, a)| (n.to_owned(), a)).to_vec())
    }

    /// Each group as a table, with its key.
    fn groups(&self) -> Result<Vec<(Vec<Value>, Table)>> {
        let counted =
            self.table.aggregate(self.keys.clone(), vec![("count".into(), Aggregate::Count)])?.frame()?;
        (0..counted.rows())
            .map(|row| {
                let mut key = row_values(&counted, row);
                key.truncate(self.keys.len());
                let conditions = self.keys.iter().zip(&key).map(|(named, value)| match value {
                    Value::Null => Expr::IsNull(Box::new(named.expr.clone())),
                    v => Expr::binary(BinaryOp::Equal, named.expr.clone(), Expr::Literal(v.clone())),
                });
                let all = conditions.reduce(Expr::and).unwrap_or_else(|| Expr::literal(true));
                Ok((key, self.table.filter(all)?))
            })
            .collect()
    }

    fn map(&self, ctx: &NativeCallContext, f: &FnPtr) -> Answer<Table> {
        let mut keys: Vec<Vec<Value>> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let mut results: Vec<Map> = Vec::new();
        for (key, table) in self.groups()? {
            let result: Dynamic = f.call_within_context(ctx, (table,))?;
            let map = match result.try_cast_result::<Map>() {
                Ok(map) => map,
                Err(one) => Map::from([("value".into(), one)]),
            };
            for name in
                map.keys().filter(|n| !names.iter().any(|known| known == n.as_str())).collect::<Vec<_>>()
            {
                names.push(name.to_string());
            }
            keys.push(key);
            results.push(map);
        }
        let mut columns = Vec::new();
        for (i, named) in self.keys.iter().enumerate() {
            let values: Vec<Value> = keys.iter().map(|k| k[i].clone()).collect();
            columns.push(column(named.spec.clone(), &values));
        }
        for name in names {
            let values =
                results.iter().map(|m| m.get(name.as_str()).map_or(Ok(Value::Null), convert::to_value));
            columns.push(column(
                ColumnSpec::new(name.clone(), arrow_schema::DataType::Null),
                &values.collect::<Result<Vec<_>>>()?,
            ));
        }
        Ok(Table::in_memory(Frame::new(columns)?))
    }
}

fn column(mut spec: ColumnSpec, values: &[Value]) -> Column {
    let values = crate::query::array_of(values);
    spec.data_type = values.data_type().clone();
    Column { spec, values }
}

/// The aggregates of a map, by their names.
pub(super) fn measures_of(map: &Map) -> Result<Vec<(String, Aggregate)>> {
    let measure = |(name, value): (&rhai::Identifier, &Dynamic)| match value.read_lock::<Measure>() {
        Some(m) => Ok((name.to_string(), m.0.clone())),
        None => Err(Error::argument(format!("`{name}` is not an aggregate"))
            .help("write `count()`, `mean(\"delay\")`, `quantile(\"delay\", 0.9)` …")),
    };
    map.iter().map(measure).collect()
}

/// The verbs of everything that is in groups; they are documented once, for `Grouped`.
pub(super) fn register_verbs<G: Groups>(api: &mut Api) {
    api.call(
        "count() -> Table",
        "How many rows each group has.",
        "circuit.cells.by(\"mtype\").count()",
        |g: &mut G| -> Answer<Table> {
            Ok(g.grouped()
                .table
                .aggregate(g.grouped().keys.clone(), vec![("count".into(), Aggregate::Count)])?)
        },
    );
    macro_rules! verbs {
        ($($signature:literal, $doc:literal, $make:expr;)*) => {$(
            api.call($signature, $doc, "circuit.synapses().by(\"post.layer\").mean(\"conductance\")",
                |ctx: NativeCallContext, g: &mut G, c: Dynamic| -> Answer<Table> { g.grouped().measured(&ctx, &c, $make) });
        )*};
    }
    verbs! {
        "sum(column) -> Table", "The sum in each group.", Aggregate::Sum;
        "mean(column) -> Table", "The mean in each group; of several columns, if an array is given.", Aggregate::Mean;
        "std(column, ddof = 0) -> Table", "The standard deviation in each group.", |e| Aggregate::Std(e, 0);
        "var(column, ddof = 0) -> Table", "The variance in each group.", |e| Aggregate::Var(e, 0);
        "min(column) -> Table", "The smallest value in each group.", Aggregate::Min;
        "max(column) -> Table", "The largest value in each group.", Aggregate::Max;
        "median(column) -> Table", "The median in each group.", Aggregate::Median;
        "count_distinct(column) -> Table", "How many different values each group has.", Aggregate::CountDistinct;
        "any(closure) -> Table", "Whether a condition holds for some row of each group.", Aggregate::Any;
        "all(closure) -> Table", "Whether a condition holds for all rows of each group.", Aggregate::All;
        "first(column) -> Table", "The value of each group's first row.", Aggregate::First;
    }
    api.also("std", |ctx: NativeCallContext, g: &mut G, c: Dynamic, n: i64| -> Answer<Table> {
        let n = ddof(n)?;
        g.grouped().measured(&ctx, &c, |e| Aggregate::Std(e, n))
    });
    api.also("var", |ctx: NativeCallContext, g: &mut G, c: Dynamic, n: i64| -> Answer<Table> {
        let n = ddof(n)?;
        g.grouped().measured(&ctx, &c, |e| Aggregate::Var(e, n))
    });
    api.call(
        "quantile(column, q) -> Table",
        "A quantile in each group.",
        "circuit.synapses().by(\"post.layer\").quantile(\"delay\", 0.9)",
        |ctx: NativeCallContext, g: &mut G, c: Dynamic, q: Dynamic| -> Answer<Table> {
            let q = number(&q)?;
            g.grouped().measured(&ctx, &c, |e| Aggregate::Quantile(e, q))
        },
    );
    api.call(
        "describe(column) -> Table",
        "Count, mean, std, min, quartiles and max in each group.",
        "circuit.synapses().by(\"pre.synapse_class\").describe(\"conductance\")",
        |ctx: NativeCallContext, g: &mut G, c: Dynamic| -> Answer<Table> {
            Ok(g.grouped().describe(&expression(&ctx, &c)?)?)
        },
    );
    api.call(
        "agg(#{name: aggregate}) -> Table",
        "Several numbers of each group: `count()`, `mean(c)`, `quantile(c, q)` and so on.",
        "circuit.synapses().by(\"post.layer\").agg(#{n: count(), g: mean(\"conductance\"), p90: quantile(\"delay\", 0.9)})",
        |g: &mut G, map: Map| -> Answer<Table> {
            Ok(g.grouped().table.aggregate(g.grouped().keys.clone(), measures_of(&map)?)?)
        },
    );
    api.call(
        "map(closure) -> Table",
        "What a closure makes of each group, which it gets as a table: one value, or a map of several.",
        "circuit.cells.by(\"layer\").map(|g| g.filter(#{synapse_class: \"EXC\"}).count() * 100 / g.count())",
        |ctx: NativeCallContext, g: &mut G, f: FnPtr| -> Answer<Table> { g.grouped().map(&ctx, &f) },
    );
    api.call(
        "keys() -> array",
        "The keys of the groups.",
        "circuit.cells.by(\"layer\").keys()",
        |g: &mut G| -> Answer<Array> {
            let one = |mut key: Vec<Value>| match key.len() {
                1 => plain(key.remove(0)),
                _ => key.into_iter().map(plain).collect::<Array>().into(),
            };
            Ok(g.grouped().groups()?.into_iter().map(|(key, _)| one(key)).collect())
        },
    );
}

pub(super) fn register(api: &mut Api) {
    register_verbs::<Grouped>(api.on::<Grouped>("Grouped"));
    api.functions().engine().register_type_with_name::<Measure>("Aggregate");
    api.call(
        "count() -> Aggregate",
        "The number of rows, in `agg`.",
        "circuit.cells.by(\"layer\").agg(#{n: count()})",
        || Measure(Aggregate::Count),
    );
    api.call(
        "count(column) -> Aggregate",
        "The number of values of a column that are not missing, in `agg`.",
        "circuit.cells.by(\"layer\").agg(#{n: count(\"mtype\")})",
        |c: &str| Measure(Aggregate::CountValues(Expr::column(c))),
    );
    macro_rules! measures {
        ($($signature:literal, $doc:literal, $make:expr;)*) => {$(
            api.call($signature, $doc, "circuit.synapses().by(\"post.layer\").agg(#{g: mean(\"conductance\")})",
                |ctx: NativeCallContext, c: Dynamic| -> Answer<Measure> { Ok(Measure($make(expression(&ctx, &c)?))) });
        )*};
    }
    measures! {
        "sum(column) -> Aggregate", "The sum, in `agg`.", Aggregate::Sum;
        "mean(column) -> Aggregate", "The mean, in `agg`.", Aggregate::Mean;
        "std(column) -> Aggregate", "The standard deviation, in `agg`; `std(column, 1)` is that of a sample.", |e| Aggregate::Std(e, 0);
        "var(column) -> Aggregate", "The variance, in `agg`; `var(column, 1)` is that of a sample.", |e| Aggregate::Var(e, 0);
        "median(column) -> Aggregate", "The median, in `agg`.", Aggregate::Median;
        "count_distinct(column) -> Aggregate", "How many different values, in `agg`.", Aggregate::CountDistinct;
        "first(column) -> Aggregate", "The first row's value, in `agg`.", Aggregate::First;
    }
    api.also("std", |c: &str, n: i64| -> Answer<Measure> {
        Ok(Measure(Aggregate::Std(Expr::column(c), ddof(n)?)))
    });
    api.also("var", |c: &str, n: i64| -> Answer<Measure> {
        Ok(Measure(Aggregate::Var(Expr::column(c), ddof(n)?)))
    });
    // `min`, `max`, `any` and `all` of one text: their forms for numbers and arrays are Rhai's own.
    api.call(
        "min(column) -> Aggregate",
        "The smallest value, in `agg`.",
        "circuit.synapses().by(\"post.layer\").agg(#{least: min(\"delay\")})",
        |c: &str| Measure(Aggregate::Min(Expr::column(c))),
    );
    api.call(
        "max(column) -> Aggregate",
        "The largest value, in `agg`.",
        "circuit.synapses().by(\"post.layer\").agg(#{most: max(\"delay\")})",
        |c: &str| Measure(Aggregate::Max(Expr::column(c))),
    );
    api.call(
        "quantile(column, q) -> Aggregate",
        "A quantile, in `agg`.",
        "circuit.synapses().by(\"post.layer\").agg(#{p90: quantile(\"delay\", 0.9)})",
        |ctx: NativeCallContext, c: Dynamic, q: Dynamic| -> Answer<Measure> {
            Ok(Measure(Aggregate::Quantile(expression(&ctx, &c)?, number(&q)?)))
        },
    );
}
