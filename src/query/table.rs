//! Lazy tables: a plan that is run when a result is asked for.
//!
//! A [`Table`] is a node over other tables. Stages that let rows pass one by one (filter, projection) become
//! sources over sources and stream; the others (sorting, grouping, joining) compute their result once and keep it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use arrow_array::{Array, ArrayRef, Int64Array, UInt32Array};
use arrow_ord::sort::{SortColumn, SortOptions, lexsort_to_indices};
use arrow_schema::DataType;

use super::bind::{Bound, Kind, bind, bind_condition, spec_of, unit_of};
use super::eval::{evaluate, ok, value_at};
use super::exec::{Filtered, Projected, collect, fold, take};
use super::grouping::{Grouping, Labels, Measure, aggregate, array_of, label};
use super::pick;
use super::scan::SynapseScan;
use super::{Aggregate, Expr, Value};
use crate::diag::{Error, Result, once};
use crate::model::{Column, ColumnSpec, Frame, IdSet, Schema, Source};

/// A table that is computed when it is looked at. Cheap to clone.
#[derive(Clone)]
pub struct Table(Arc<Node>);

struct Node {
    op: Op,
    schema: Arc<Schema>,
    result: OnceLock<Result<Frame>>,
}

/// A named expression of a projection or a grouping.
#[derive(Clone, Debug)]
pub struct Named {
    /// What the column is.
    pub spec: ColumnSpec,
    /// How it is computed.
    pub expr: Expr,
}

/// One key of an order.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// By what.
    pub expr: Expr,
    /// Largest first.
    pub descending: bool,
}

/// How rows without a partner are treated by [`Table::join`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Left out.
    Inner,
    /// Kept on the left side, with nothing on the right.
    Left,
    /// Only the left rows that have a partner, without its columns.
    Semi,
    /// Only the left rows that have none.
    Anti,
}

/// Which rows by position.
#[derive(Clone, Copy, Debug)]
enum Window {
    /// `take` rows after `skip`.
    Slice { skip: usize, take: usize },
    /// The last rows.
    Tail(usize),
}

enum Op {
    Source(Arc<dyn Source>),
    Scan(SynapseScan),
    Filter(Table, Expr),
    Project(Table, Vec<Named>),
    Aggregate { input: Table, keys: Vec<Named>, measures: Vec<(ColumnSpec, Aggregate)> },
    Sort(Table, Vec<SortKey>),
    Rows(Table, Window),
    Sample { input: Table, count: usize, seed: u64 },
    Distinct(Table, Vec<String>),
    Join { left: Table, right: Table, on: Vec<(String, String)>, kind: JoinKind },
    Concat(Table, Table),
}

impl Table {
    fn new(op: Op, schema: Arc<Schema>) -> Self {
        Table(Arc::new(Node { op, schema, result: OnceLock::new() }))
    }

    /// The rows of a source.
    pub fn of(source: Arc<dyn Source>) -> Self {
        let schema = source.schema().clone();
        Self::new(Op::Source(source), schema)
    }

    /// A table in memory.
    pub fn in_memory(frame: Frame) -> Self {
        Self::of(Arc::new(frame))
    }

    /// A scan of synapses or connections.
    pub fn scan(scan: SynapseScan) -> Self {
        let schema = scan.schema();
        Self::new(Op::Scan(scan), schema)
    }

    /// The columns.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.0.schema
    }

    // ---- choosing rows -------------------------------------------------------------------------------------

    /// The rows for which a condition holds.
    ///
    /// # Errors
    /// When it names a column that does not exist, or is not a condition.
    pub fn filter(&self, condition: Expr) -> Result<Table> {
        bind_condition(&condition, self.schema())?;
        Ok(Self::new(Op::Filter(self.clone(), condition), self.schema().clone()))
    }

    /// The first rows.
    pub fn head(&self, rows: usize) -> Table {
        self.slice(0, rows)
    }

    /// The last rows.
    pub fn tail(&self, rows: usize) -> Table {
        Self::new(Op::Rows(self.clone(), Window::Tail(rows)), self.schema().clone())
    }

    /// `take` rows after the first `skip`.
    pub fn slice(&self, skip: usize, take: usize) -> Table {
        Self::new(Op::Rows(self.clone(), Window::Slice { skip, take }), self.schema().clone())
    }

    /// `count` rows chosen by chance, each at most once, in their own order. The same seed chooses the same.
    pub fn sample(&self, count: usize, seed: u64) -> Table {
        Self::new(Op::Sample { input: self.clone(), count, seed }, self.schema().clone())
    }

    /// The first row of each combination of values of these columns (of all columns, if none is given).
    ///
    /// # Errors
    /// When a column does not exist.
    pub fn distinct(&self, columns: &[String]) -> Result<Table> {
        for column in columns {
            spec_of(column, self.schema())?;
        }
        Ok(Self::new(Op::Distinct(self.clone(), columns.to_vec()), self.schema().clone()))
    }

    // ---- choosing and making columns -----------------------------------------------------------------------

    /// These columns, in this order; paths over links (`pre.mtype`) are allowed.
    ///
    /// # Errors
    /// When a column does not exist.
    pub fn select<S: AsRef<str>>(&self, columns: &[S]) -> Result<Table> {
        let named = columns.iter().map(|c| self.named(c.as_ref())).collect::<Result<Vec<_>>>()?;
        self.project(named)
    }

    /// A column under its own name, as part of a projection.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn named(&self, column: &str) -> Result<Named> {
        Ok(Named { spec: spec_of(column, self.schema())?, expr: Expr::column(column) })
    }

    /// All columns but these.
    ///
    /// # Errors
    /// When a column does not exist.
    pub fn drop(&self, columns: &[String]) -> Result<Table> {
        let schema = self.schema();
        let gone = columns.iter().map(|c| schema.position(c)).collect::<Result<HashSet<_>>>()?;
        let kept: Vec<&str> = schema
            .columns()
            .iter()
            .enumerate()
            .filter(|(i, _)| !gone.contains(i))
            .map(|(_, c)| c.name.as_str())
            .collect();
        self.select(&kept)
    }

    /// All columns, with some computed anew or added at the end.
    ///
    /// # Errors
    /// When an expression does not fit the columns.
    pub fn derive(&self, added: Vec<(String, Expr)>) -> Result<Table> {
        let mut named: Vec<Named> =
            self.schema().columns().iter().map(|c| self.named(&c.name)).collect::<Result<_>>()?;
        for (name, expr) in added {
            let new = self.computed(name, expr)?;
            match named.iter_mut().find(|n| n.spec.name == new.spec.name) {
                Some(old) => *old = new,
                None => named.push(new),
            }
        }
        self.project(named)
    }

    /// A computed column, as part of a projection. What a script's function gives is seen at the first rows.
    ///
    /// # Errors
    /// When the expression does not fit the columns.
    pub fn computed(&self, name: impl Into<String>, expr: Expr) -> Result<Named> {
        let name = name.into();
        if let Expr::Column(column) = &expr {
            let mut spec = spec_of(column, self.schema())?;
            spec.name = name;
            spec.aliases.clear();
            return Ok(Named { spec, expr });
        }
        let (bound, mut kind) = bind(&expr, self.schema())?;
        if bound.in_order() {
            // Its type is seen by trying, and trying it would change the variable, too.
            return Err(Error::argument("a closure that changes a captured variable cannot make a column")
                .help("tables are computed when they are looked at, maybe more than once: write `for row in table { … }`"));
        }
        if kind == Kind::Any {
            kind = self.probe(&bound)?;
        }
        let mut spec = ColumnSpec::new(name, kind.data_type());
        spec.unit = unit_of(&expr, self.schema());
        spec.meaning = expr.to_string();
        Ok(Named { spec, expr })
    }

    /// The kind of what a script's function gives: asked of the first rows.
    fn probe(&self, bound: &Bound) -> Result<Kind> {
        let source = self.source()?;
        let mut kind = Kind::Any;
        for morsel in source.morsels() {
            let block = source.open(&morsel)?;
            if block.rows() > 0 {
                let some = pick::first_rows(block.as_ref(), 64);
                kind = Kind::of(evaluate(bound, &some)?.data_type());
                break;
            }
        }
        Ok(kind)
    }

    /// Exactly these columns.
    ///
    /// # Errors
    /// When an expression does not fit the columns, or a name stands twice.
    pub fn project(&self, columns: Vec<Named>) -> Result<Table> {
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|c| !seen.insert(c.spec.name.as_str())) {
            return Err(Error::argument(format!("column `{}` stands twice", twice.spec.name)));
        }
        for column in &columns {
            bind(&column.expr, self.schema())?;
        }
        let mut schema = Schema::new(columns.iter().map(|c| c.spec.clone()).collect());
        for column in &columns {
            if let Expr::Column(name) = &column.expr
                && let Some(link) = self.schema().find(name).and_then(|i| self.schema().link_at(i))
            {
                schema = schema.linked(&column.spec.name, &link.cells);
            }
        }
        Ok(Self::new(Op::Project(self.clone(), columns), Arc::new(schema)))
    }

    /// Other names for some columns.
    ///
    /// # Errors
    /// When a column does not exist.
    pub fn rename(&self, names: &[(String, String)]) -> Result<Table> {
        let schema = self.schema();
        let new: HashMap<usize, &str> = names
            .iter()
            .map(|(old, new)| Ok((schema.position(old)?, new.as_str())))
            .collect::<Result<_>>()?;
        let columns = schema.columns().iter().enumerate().map(|(i, spec)| {
            let mut column = Named { spec: spec.clone(), expr: Expr::column(&spec.name) };
            if let Some(name) = new.get(&i) {
                (*name).clone_into(&mut column.spec.name);
                column.spec.aliases.clear();
            }
            column
        });
        self.project(columns.collect())
    }

    /// The same with a unit for a column.
    ///
    /// # Errors
    /// When the column does not exist.
    pub fn with_unit(&self, column: &str, unit: &str) -> Result<Table> {
        let at = self.schema().position(column)?;
        let columns = self.schema().columns().iter().enumerate().map(|(i, spec)| {
            let mut spec = spec.clone();
            let expr = Expr::column(&spec.name);
            if i == at {
                spec.unit = (!unit.is_empty()).then(|| unit.to_owned());
            }
            Named { spec, expr }
        });
        self.project(columns.collect())
    }

    // ---- order, groups, combination ------------------------------------------------------------------------

    /// The rows in another order; nothing comes last, equal rows keep their order.
    ///
    /// # Errors
    /// When a key does not fit the columns.
    pub fn sort(&self, keys: Vec<SortKey>) -> Result<Table> {
        for key in &keys {
            if bind(&key.expr, self.schema())?.0.in_order() {
                return Err(Error::argument(
                    "rows cannot be sorted by a closure that changes a captured variable",
                ));
            }
        }
        Ok(Self::new(Op::Sort(self.clone(), keys), self.schema().clone()))
    }

    /// One row a group, ordered by the keys: the keys, then a column for each aggregate.
    ///
    /// # Errors
    /// When an expression does not fit the columns, or an aggregate does not fit its column.
    pub fn aggregate(&self, keys: Vec<Named>, measures: Vec<(String, Aggregate)>) -> Result<Table> {
        let mut specs: Vec<ColumnSpec> = Vec::with_capacity(keys.len() + measures.len());
        for key in &keys {
            let (_, kind) = bind(&key.expr, self.schema())?;
            let mut spec = key.spec.clone();
            if kind != Kind::Any {
                spec.data_type = kind.data_type();
            }
            specs.push(spec);
        }
        let mut named = Vec::with_capacity(measures.len());
        for (name, measure) in measures {
            let spec = self.measure_spec(name, &measure)?;
            specs.push(spec.clone());
            named.push((spec, measure));
        }
        let mut schema = Schema::new(specs);
        for key in &keys {
            if let Expr::Column(name) = &key.expr
                && let Some(link) = self.schema().find(name).and_then(|i| self.schema().link_at(i))
            {
                schema = schema.linked(&key.spec.name, &link.cells);
            }
        }
        Ok(Self::new(Op::Aggregate { input: self.clone(), keys, measures: named }, Arc::new(schema)))
    }

    /// The group of each row by these keys.
    ///
    /// # Errors
    /// When an expression does not fit the columns, or a file is damaged.
    pub fn labels(&self, keys: &[Named]) -> Result<Labels> {
        Ok(label(self.project(keys.to_vec())?.frame()?.columns()))
    }

    fn measure_spec(&self, name: String, measure: &Aggregate) -> Result<ColumnSpec> {
        let Some(argument) = measure.argument() else {
            return Ok(ColumnSpec::new(name, DataType::Int64).meaning("number of rows"));
        };
        let (_, kind) = bind(argument, self.schema())?;
        let needs_number = matches!(
            measure,
            Aggregate::Sum(_)
                | Aggregate::Mean(_)
                | Aggregate::Std(..)
                | Aggregate::Var(..)
                | Aggregate::Median(_)
                | Aggregate::Quantile(..)
        );
        if needs_number && kind == Kind::Text {
            return Err(Error::argument(format!(
                "`{}` needs numbers, but `{argument}` is text",
                measure.name()
            )));
        }
        if let Aggregate::Quantile(_, q) = measure
            && !(0.0..=1.0).contains(q)
        {
            return Err(Error::argument(format!("a quantile is between 0 and 1, not {q}")));
        }
        let out = match measure {
            Aggregate::Count | Aggregate::CountValues(_) | Aggregate::CountDistinct(_) => Kind::Int,
            Aggregate::Any(_) | Aggregate::All(_) => Kind::Bool,
            Aggregate::Min(_) | Aggregate::Max(_) | Aggregate::First(_) => kind,
            Aggregate::Sum(_) if kind == Kind::Int => Kind::Int,
            _ => Kind::Float,
        };
        let mut spec = ColumnSpec::new(name, out.data_type()).meaning(measure.to_string());
        let unit = unit_of(argument, self.schema());
        spec.unit = match measure {
            Aggregate::Var(..) => unit.map(|u| format!("{u}²")),
            _ if matches!(out, Kind::Bool)
                || matches!(measure, Aggregate::CountValues(_) | Aggregate::CountDistinct(_)) =>
            {
                None
            }
            _ => unit,
        };
        Ok(spec)
    }

    /// Rows side by side with those of another table that have the same keys.
    ///
    /// # Errors
    /// When a key does not exist on its side.
    pub fn join(&self, right: &Table, on: Vec<(String, String)>, kind: JoinKind) -> Result<Table> {
        for (left_key, right_key) in &on {
            spec_of(left_key, self.schema())?;
            right.schema().position(right_key)?;
        }
        let mut specs: Vec<ColumnSpec> = self.schema().columns().to_vec();
        if matches!(kind, JoinKind::Inner | JoinKind::Left) {
            let keys: HashSet<usize> = on.iter().filter_map(|(_, r)| right.schema().find(r)).collect();
            let taken: HashSet<String> = specs.iter().map(|s| s.name.clone()).collect();
            for (_, spec) in right.schema().columns().iter().enumerate().filter(|(i, _)| !keys.contains(i)) {
                let mut spec = spec.clone();
                spec.aliases.clear();
                if taken.contains(&spec.name) {
                    spec.name.push_str("_right");
                }
                specs.push(spec);
            }
        }
        let mut schema = Schema::new(specs);
        for link in self.schema().links() {
            schema = schema.linked(&self.schema().columns()[link.column].name, &link.cells);
        }
        let op = Op::Join { left: self.clone(), right: right.clone(), on, kind };
        Ok(Self::new(op, Arc::new(schema)))
    }

    /// The rows of this table, then those of another with the same columns.
    ///
    /// # Errors
    /// When the columns differ.
    pub fn concat(&self, other: &Table) -> Result<Table> {
        let names: Vec<&str> = self.schema().columns().iter().map(|c| c.name.as_str()).collect();
        for spec in other.schema().columns() {
            self.schema().position(&spec.name)?;
        }
        let other = other.select(&names)?;
        for (a, b) in self.schema().columns().iter().zip(other.schema().columns()) {
            let (x, y) = (Kind::of(&a.data_type), Kind::of(&b.data_type));
            let numbers = matches!((x, y), (Kind::Int | Kind::Float, Kind::Int | Kind::Float));
            if x != y && !numbers && x != Kind::Any && y != Kind::Any {
                return Err(Error::argument(format!(
                    "column `{}` is of another kind in the second table",
                    a.name
                )));
            }
        }
        Ok(Self::new(Op::Concat(self.clone(), other), self.schema().clone()))
    }

    // ---- results -------------------------------------------------------------------------------------------

    /// The number of rows.
    ///
    /// # Errors
    /// When a file is damaged or a condition fails.
    pub fn count(&self) -> Result<u64> {
        let source = self.source_in(false)?;
        if let Some(rows) = source.row_count() {
            return Ok(rows);
        }
        fold(
            source.as_ref(),
            &[],
            || 0u64,
            |n, block| {
                *n += block.rows() as u64;
                Ok(())
            },
            |n, later| {
                *n += later;
                Ok(())
            },
        )
    }

    /// One value of all rows.
    ///
    /// # Errors
    /// When the aggregate does not fit the columns, or a file is damaged.
    pub fn value(&self, measure: Aggregate) -> Result<Value> {
        let name = measure.name().to_owned();
        self.measure_spec(name, &measure)?;
        let source = self.source_in(matches!(measure, Aggregate::First(_)))?;
        let argument = measure.argument().map(|e| bind(e, source.schema())).transpose()?;
        let grouping =
            Grouping { keys: Vec::new(), measures: vec![Measure { aggregate: measure, argument }] };
        let groups = aggregate(source.as_ref(), &grouping)?;
        Ok(groups.measures.into_iter().next().and_then(|m| m.into_iter().next()).unwrap_or(Value::Null))
    }

    /// The values of one column, in row order.
    ///
    /// # Errors
    /// When there is no such column, or a file is damaged.
    pub fn column(&self, name: &str) -> Result<Column> {
        let frame = self.select(&[name])?.frame()?;
        Ok(Column { spec: frame.schema().columns()[0].clone(), values: frame.columns()[0].clone() })
    }

    /// All rows, in memory.
    ///
    /// # Errors
    /// When a file is damaged or a condition fails.
    pub fn frame(&self) -> Result<Frame> {
        match &self.0.op {
            Op::Source(_) | Op::Filter(..) | Op::Project(..) | Op::Scan(_) => {
                collect(self.source()?.as_ref(), None)
            }
            _ => once(&self.0.result, || self.compute()).clone(),
        }
    }

    /// All rows, a piece at a time and in order, so that a large table can be written in bounded memory. The last
    /// piece is followed by `None`.
    ///
    /// # Errors
    /// When a file is damaged or a condition fails.
    pub fn pieces(&self) -> Result<impl FnMut() -> Result<Option<Frame>> + use<>> {
        let source = self.source()?;
        let schema = self.schema().clone();
        let total = source.morsels().iter().map(|m| m.rows as u64).sum();
        let progress = crate::diag::work::Progress::new("writing", total);
        let mut morsels = source.morsels().into_iter();
        Ok(move || {
            for morsel in morsels.by_ref() {
                let block = source.open(&morsel)?;
                progress.advance(morsel.rows as u64)?;
                if block.rows() > 0 {
                    return Ok(Some(pick::whole(block.as_ref(), &schema)?));
                }
            }
            Ok(None)
        })
    }

    /// The different values of a column of cell ids, ascending.
    ///
    /// # Errors
    /// When there is no such column, or a file is damaged.
    pub fn distinct_ids(&self, column: &str) -> Result<IdSet> {
        let groups =
            self.aggregate(vec![self.named(column)?], vec![("count".to_owned(), Aggregate::Count)])?;
        let ids = groups.frame()?;
        let id = |i: usize| if let Value::Int(id) = value_at(&ids.columns()[0], i) { Some(id) } else { None };
        Ok((0..ids.rows()).filter_map(id).collect())
    }

    /// Synapses counted for each connected pair: `pre`, `post`, `n_synapses`, ordered by post, then pre.
    ///
    /// # Errors
    /// When there are no columns `pre` and `post`.
    pub fn connections(&self) -> Result<Table> {
        let keys = vec![self.named("post")?, self.named("pre")?];
        self.aggregate(keys, vec![("n_synapses".to_owned(), Aggregate::Count)])?.select(&[
            "pre",
            "post",
            "n_synapses",
        ])
    }

    /// What will be read and how it runs, one step a line.
    ///
    /// # Errors
    /// When a file is missing or damaged.
    pub fn explain(&self) -> Result<String> {
        let mut lines = Vec::new();
        self.explain_into(&mut lines)?;
        Ok(lines.join("\n"))
    }

    fn explain_into(&self, lines: &mut Vec<String>) -> Result<()> {
        match &self.0.op {
            Op::Source(_) | Op::Scan(_) | Op::Filter(..) => {
                lines.extend(self.source()?.describe());
                self.explain_scripts(lines);
            }
            Op::Project(input, columns) => {
                input.explain_into(lines)?;
                lines.push(projection_text(columns));
            }
            Op::Aggregate { input, keys, measures } => {
                input.explain_into(lines)?;
                let measures: Vec<String> = measures.iter().map(|m| m.1.to_string()).collect();
                let keys: Vec<String> = keys.iter().map(|k| k.expr.to_string()).collect();
                lines.push(format!("group by {}: {}", keys.join(", "), measures.join(", ")));
            }
            Op::Sort(input, keys) => {
                input.explain_into(lines)?;
                let text =
                    |k: &SortKey| format!("{}{}", k.expr, if k.descending { " (largest first)" } else { "" });
                lines.push(format!("sort by {}", keys.iter().map(text).collect::<Vec<_>>().join(", ")));
            }
            Op::Rows(input, window) => {
                input.explain_into(lines)?;
                lines.push(match window {
                    Window::Slice { skip: 0, take } => format!("the first {take} rows"),
                    Window::Slice { skip, take } => format!("{take} rows after the first {skip}"),
                    Window::Tail(rows) => format!("the last {rows} rows"),
                });
            }
            Op::Sample { input, count, seed } => {
                input.explain_into(lines)?;
                lines.push(format!("a sample of {count} rows, seed {seed}"));
            }
            Op::Distinct(input, columns) => {
                input.explain_into(lines)?;
                lines.push(format!("the first row of each {}", columns.join(", ")));
            }
            Op::Join { left, right, on, kind } => {
                left.explain_into(lines)?;
                right.explain_into(lines)?;
                let keys: Vec<String> = on.iter().map(|(a, b)| format!("{a} = {b}")).collect();
                lines.push(format!("join ({kind:?}) on {}", keys.join(", ")).to_lowercase());
            }
            Op::Concat(a, b) => {
                a.explain_into(lines)?;
                b.explain_into(lines)?;
                lines.push("one after the other".to_owned());
            }
        }
        Ok(())
    }

    fn explain_scripts(&self, lines: &mut Vec<String>) {
        let mut node = self.clone();
        while let Op::Filter(input, condition) = &node.0.op {
            condition.walk(&mut |e| {
                if let Expr::Script(function) = e {
                    let how =
                        if function.serial() { "one row after the other" } else { "row by row, in parallel" };
                    lines.push(format!("computed {how}, because it {}", function.reason()));
                }
            });
            let input = input.clone();
            node = input;
        }
    }

    // ---- running -------------------------------------------------------------------------------------------

    /// The table as a source of rows. Stages that must see all rows first compute their result here.
    ///
    /// # Errors
    /// When a file is missing or damaged, or an earlier stage fails.
    pub fn source(&self) -> Result<Arc<dyn Source>> {
        self.source_in(true)
    }

    /// The same; `ordered` is not set by who does not mind in which order the rows come.
    fn source_in(&self, ordered: bool) -> Result<Arc<dyn Source>> {
        match &self.0.op {
            Op::Source(source) => Ok(source.clone()),
            Op::Scan(_) | Op::Filter(..) => self.filtered(ordered),
            Op::Project(input, columns) => {
                let input = input.source_in(ordered)?;
                let bound =
                    columns.iter().map(|c| Ok(bind(&c.expr, input.schema())?.0)).collect::<Result<_>>()?;
                let shown = projection_text(columns);
                Ok(Arc::new(Projected { input, schema: self.schema().clone(), columns: bound, shown }))
            }
            _ => Ok(Arc::new(self.frame()?)),
        }
    }

    /// A chain of filters down to a scan, which takes over what it can.
    fn filtered(&self, ordered: bool) -> Result<Arc<dyn Source>> {
        let mut conditions = Vec::new();
        let mut node = self;
        while let Op::Filter(input, condition) = &node.0.op {
            // Earlier filters come first: a later one may rely on them.
            let mut parts = condition.clone().conjuncts();
            parts.append(&mut conditions);
            conditions = parts;
            node = input;
        }
        let (input, conditions, reordered) = match &node.0.op {
            Op::Scan(scan) => {
                let opened = scan.open(conditions)?;
                (opened.source, opened.conditions, opened.reordered)
            }
            _ => (node.source_in(ordered)?, conditions, false),
        };
        let mut source = input;
        if !conditions.is_empty() {
            let shown = conditions.iter().map(ToString::to_string).collect();
            let bound =
                conditions.iter().map(|c| bind_condition(c, source.schema())).collect::<Result<_>>()?;
            source = Arc::new(Filtered { input: source, conditions: bound, shown });
        }
        if reordered && ordered { Ok(Arc::new(pick::Reordered::new(source))) } else { Ok(source) }
    }

    fn compute(&self) -> Result<Frame> {
        match &self.0.op {
            Op::Aggregate { input, keys, measures } => self.compute_aggregate(input, keys, measures),
            Op::Sort(input, keys) => sorted(&input.frame()?, keys),
            Op::Rows(input, window) => compute_rows(input, *window),
            Op::Sample { input, count, seed } => pick::sample(input.source()?.as_ref(), *count, *seed),
            Op::Distinct(input, columns) => {
                let source = input.source()?;
                let all: Vec<String>;
                let columns = if columns.is_empty() {
                    all = source.schema().columns().iter().map(|c| c.name.clone()).collect();
                    &all
                } else {
                    columns
                };
                let keys = columns
                    .iter()
                    .map(|c| Ok(bind(&Expr::column(c), source.schema())?.0))
                    .collect::<Result<Vec<_>>>()?;
                pick::distinct(source.as_ref(), &keys)
            }
            Op::Join { left, right, on, kind } => self.compute_join(left, right, on, *kind),
            Op::Concat(a, b) => {
                let (a, b) = (a.frame()?, b.frame()?);
                let columns = a.columns().iter().zip(b.columns()).zip(self.schema().columns());
                let columns = columns.map(|((a, b), spec)| concat_arrays(a, b, &spec.data_type));
                let columns = columns.collect::<Result<Vec<_>>>()?;
                Frame::with_schema(self.schema().clone(), columns, a.rows() + b.rows())
            }
            Op::Source(_) | Op::Scan(_) | Op::Filter(..) | Op::Project(..) => {
                collect(self.source()?.as_ref(), None)
            }
        }
    }

    fn compute_aggregate(
        &self,
        input: &Table,
        keys: &[Named],
        measures: &[(ColumnSpec, Aggregate)],
    ) -> Result<Frame> {
        let in_order = measures.iter().any(|(_, m)| matches!(m, Aggregate::First(_)));
        let source = input.source_in(in_order)?;
        let schema = source.schema();
        let grouping = Grouping {
            keys: keys.iter().map(|k| Ok(bind(&k.expr, schema)?.0)).collect::<Result<_>>()?,
            measures: measures
                .iter()
                .map(|(_, aggregate)| {
                    let argument = aggregate.argument().map(|e| bind(e, schema)).transpose()?;
                    Ok(Measure { aggregate: aggregate.clone(), argument })
                })
                .collect::<Result<_>>()?,
        };
        let groups = aggregate(source.as_ref(), &grouping)?;
        let rows = groups.measures.first().map_or(groups.keys.len(), Vec::len);
        let key_columns =
            (0..keys.len()).map(|i| groups.keys.iter().map(|k| k[i].clone()).collect::<Vec<_>>());
        let columns: Vec<ArrayRef> = key_columns
            .chain(groups.measures.iter().cloned())
            .zip(self.schema().columns())
            .map(|(values, spec)| array_of(&values, Kind::of(&spec.data_type)))
            .collect();
        Frame::with_schema(self.schema().clone(), columns, rows)
    }

    fn compute_join(
        &self,
        left: &Table,
        right: &Table,
        on: &[(String, String)],
        kind: JoinKind,
    ) -> Result<Frame> {
        let (left_frame, right_frame) = (left.frame()?, right.frame()?);
        let left_keys = on
            .iter()
            .map(|(l, _)| evaluate(&bind(&Expr::column(l), left_frame.schema())?.0, &left_frame))
            .collect::<Result<Vec<_>>>()?;
        let right_keys =
            on.iter().map(|(_, r)| right_frame.column(r).cloned()).collect::<Result<Vec<_>>>()?;
        let pairs = pick::join_pairs(&left_keys, &right_keys, kind)?;
        let mut columns = take(&left_frame, &pairs.left)?.columns().to_vec();
        if matches!(kind, JoinKind::Inner | JoinKind::Left) {
            let keys: HashSet<usize> = on.iter().filter_map(|(_, r)| right_frame.schema().find(r)).collect();
            for (_, column) in right_frame.columns().iter().enumerate().filter(|(i, _)| !keys.contains(i)) {
                columns.push(ok(arrow_select::take::take(column, &pairs.right, None))?);
            }
        }
        Frame::with_schema(self.schema().clone(), columns, pairs.left.len())
    }
}

fn compute_rows(input: &Table, window: Window) -> Result<Frame> {
    match (window, &input.0.op) {
        (Window::Slice { skip, take }, Op::Sort(under, keys)) if input.0.result.get().is_none() => {
            let source = under.source()?;
            let best = pick::top(source.as_ref(), keys, skip.saturating_add(take))?;
            Ok(best.slice(skip, take))
        }
        (Window::Slice { skip, take }, _) => {
            let head = collect(input.source()?.as_ref(), Some(skip.saturating_add(take)))?;
            Ok(head.slice(skip, take))
        }
        (Window::Tail(rows), _) => pick::tail(input.source()?.as_ref(), rows),
    }
}

fn concat_arrays(a: &ArrayRef, b: &ArrayRef, wanted: &DataType) -> Result<ArrayRef> {
    let wanted = if Kind::of(a.data_type()) == Kind::Int && Kind::of(b.data_type()) == Kind::Float {
        b.data_type()
    } else {
        wanted
    };
    let (a, b) = (ok(arrow_cast::cast(a, wanted))?, ok(arrow_cast::cast(b, wanted))?);
    ok(arrow_select::concat::concat(&[a.as_ref(), b.as_ref()]))
}

fn projection_text(columns: &[Named]) -> String {
    let text = columns.iter().map(|c| match &c.expr {
        Expr::Column(name) if *name == c.spec.name => name.clone(),
        expr => format!("{} = {expr}", c.spec.name),
    });
    format!("columns {}", text.collect::<Vec<_>>().join(", "))
}

/// The order of rows under some keys, as positions. Equal rows keep their order.
pub(super) fn order(frame: &Frame, keys: &[SortKey]) -> Result<UInt32Array> {
    let mut columns = Vec::with_capacity(keys.len() + 1);
    for key in keys {
        let values = evaluate(&bind(&key.expr, frame.schema())?.0, frame)?;
        let options = Some(SortOptions { descending: key.descending, nulls_first: false });
        columns.push(SortColumn { values, options });
    }
    let position: ArrayRef = Arc::new((0..frame.rows() as i64).collect::<Int64Array>());
    columns.push(SortColumn { values: position, options: None });
    ok(lexsort_to_indices(&columns, None))
}

/// The rows in order.
pub(super) fn sorted(frame: &Frame, keys: &[SortKey]) -> Result<Frame> {
    take(frame, &order(frame, keys)?)
}

/// A row as values, for showing one.
pub fn row_values(frame: &Frame, row: usize) -> Vec<Value> {
    frame.columns().iter().map(|c| value_at(c, row)).collect()
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.schema().columns().iter().map(|c| c.name.as_str()).collect();
        write!(f, "Table({})", names.join(", "))
    }
}
