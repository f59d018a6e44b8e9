//! Overviews of a table: its schema, its columns in numbers, histograms, and a table turned on its side.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::DataType;

use super::bind::{Kind, bind};
use super::eval::{evaluate, ok, value_at};
use super::exec::fold;
use super::grouping::{array_of as array_of_kind, compare_values};
use super::{Aggregate, Expr, Table, Value};
use crate::diag::{Error, Result};
use crate::model::{Block, Column, ColumnSpec, Frame};

/// A column of values; its kind is that of the first value.
pub fn array_of(values: &[Value]) -> ArrayRef {
    array_of_kind(values, Kind::Any)
}

/// How a type is called in `schema()`.
pub fn type_text(data_type: &DataType) -> &'static str {
    match Kind::of(data_type) {
        Kind::Bool => "bool",
        Kind::Int => "int",
        Kind::Float => "float",
        Kind::Text => "text",
        Kind::Any => "any",
    }
}

impl Table {
    /// The columns as a table: `name`, `type`, `unit`, `meaning`; then the cell properties behind id columns.
    ///
    /// # Errors
    /// Never in practice.
    pub fn schema_table(&self) -> Result<Table> {
        let own = self.schema().columns().iter().cloned();
        let linked = self.schema().links().iter().flat_map(|link| {
            let via = self.schema().columns()[link.column].name.clone();
            link.cells.schema().columns().iter().map(move |c| {
                let mut spec = c.clone();
                spec.name = format!("{via}.{}", c.name);
                spec
            })
        });
        let all: Vec<ColumnSpec> = own.chain(linked).collect();
        let text = |name: &str, of: &dyn Fn(&ColumnSpec) -> Option<String>| Column {
            spec: ColumnSpec::new(name, DataType::Utf8),
            values: Arc::new(all.iter().map(of).collect::<StringArray>()),
        };
        Ok(Table::in_memory(Frame::new(vec![
            text("name", &|c| Some(c.name.clone())),
            text("type", &|c| Some(type_text(&c.data_type).to_owned())),
            text("unit", &|c| c.unit.clone()),
            text("meaning", &|c| (!c.meaning.is_empty()).then(|| c.meaning.clone())),
        ])?))
    }

    /// Each numeric column in numbers: `column`, `unit`, `count`, `mean`, `std`, `min`, quartiles, `max`.
    ///
    /// # Errors
    /// When a file is damaged or a condition fails.
    pub fn describe(&self) -> Result<Table> {
        let numeric = |c: &&ColumnSpec| matches!(Kind::of(&c.data_type), Kind::Int | Kind::Float);
        let columns: Vec<&ColumnSpec> = self.schema().columns().iter().filter(numeric).collect();
        // One column after the other: quartiles need its values in memory.
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for column in &columns {
            let e = || Expr::column(&column.name);
            let measures = [
                Aggregate::CountValues(e()),
                Aggregate::Mean(e()),
                Aggregate::Std(e(), 0),
                Aggregate::Min(e()),
                Aggregate::Quantile(e(), 0.25),
                Aggregate::Median(e()),
                Aggregate::Quantile(e(), 0.75),
                Aggregate::Max(e()),
            ];
            let measures = measures.into_iter().enumerate().map(|(i, m)| (format!("{i}"), m)).collect();
            let frame = self.aggregate(Vec::new(), measures)?.frame()?;
            rows.push(super::row_values(&frame, 0));
        }
        let names = ["count", "mean", "std", "min", "25%", "median", "75%", "max"];
        let mut out = vec![
            Column {
                spec: ColumnSpec::new("column", DataType::Utf8),
                values: Arc::new(columns.iter().map(|c| Some(c.name.as_str())).collect::<StringArray>()),
            },
            Column {
                spec: ColumnSpec::new("unit", DataType::Utf8),
                values: Arc::new(columns.iter().map(|c| c.unit.as_deref()).collect::<StringArray>()),
            },
        ];
        for (i, name) in names.iter().enumerate() {
            let values: Vec<Value> = rows.iter().map(|r| r[i].clone()).collect();
            let kind = if i == 0 { Kind::Int } else { Kind::Float };
            let values = array_of_kind(&values, kind);
            out.push(Column { spec: ColumnSpec::new(*name, values.data_type().clone()), values });
        }
        Ok(Table::in_memory(Frame::new(out)?))
    }

    /// Counts in bins of equal width: `low`, `high`, `count`. Bins hold their lower end, the last one both, as in
    /// numpy. Without `range` it spans the finite values; without `bins` Freedman and Diaconis' rule gives their
    /// number (10 to 200), for whole numbers at most one for each.
    ///
    /// # Errors
    /// When the expression is not a number, there are no values to span, or the range is empty.
    pub fn histogram(&self, of: &Expr, bins: Option<usize>, range: Option<(f64, f64)>) -> Result<Table> {
        let (_, kind) = bind(of, self.schema())?;
        if matches!(kind, Kind::Text | Kind::Bool) {
            return Err(Error::argument(format!("a histogram needs numbers, but `{of}` is not a number"))
                .help("`value_counts` counts texts"));
        }
        let (low, high, bins) = self.histogram_bins(of, kind, bins, range)?;
        let (bound, _) = bind(of, self.schema())?;
        let width = (high - low) / bins as f64;
        let scale = bins as f64 / (high - low);
        let edge = |i: usize| if i == bins { high } else { low + width * i as f64 };
        let counts = fold(
            self.source()?.as_ref(),
            || vec![0i64; bins],
            |counts, block| {
                for_numbers(&evaluate(&bound, block)?, |x| {
                    if x >= low && x <= high {
                        let mut bin = (((x - low) * scale) as usize).min(bins - 1);
                        // The scaled place may be off by one next to an edge.
                        if x < edge(bin) {
                            bin -= 1;
                        } else if bin + 1 < bins && x >= edge(bin + 1) {
                            bin += 1;
                        }
                        counts[bin] += 1;
                    }
                })
            },
            |counts, later| {
                counts.iter_mut().zip(later).for_each(|(a, b)| *a += b);
                Ok(())
            },
        )?;
        let mut spec = self.computed("low", of.clone())?.spec;
        spec.data_type = DataType::Float64;
        spec.meaning = format!("lower end of the bin of {of}");
        let mut upper = spec.clone();
        "high".clone_into(&mut upper.name);
        upper.meaning = format!("upper end of the bin of {of}");
        Ok(Table::in_memory(Frame::new(vec![
            Column { spec, values: Arc::new((0..bins).map(edge).collect::<Float64Array>()) },
            Column { spec: upper, values: Arc::new((1..=bins).map(edge).collect::<Float64Array>()) },
            Column {
                spec: ColumnSpec::new("count", DataType::Int64).meaning(format!("values of {of}")),
                values: Arc::new(Int64Array::from(counts)),
            },
        ])?))
    }

    fn histogram_bins(
        &self,
        of: &Expr,
        kind: Kind,
        bins: Option<usize>,
        range: Option<(f64, f64)>,
    ) -> Result<(f64, f64, usize)> {
        if bins == Some(0) {
            return Err(Error::argument("a histogram needs at least one bin"));
        }
        if let Some((low, high)) = range
            && (low >= high || !low.is_finite() || !high.is_finite())
        {
            return Err(Error::argument(format!("the range [{low}, {high}] of a histogram is empty")));
        }
        let (mut low, mut high) = match range {
            Some(range) => range,
            None => self.extent(of)?.ok_or_else(|| {
                Error::argument(format!("there is no number to make a histogram of `{of}`"))
                    .help("give a range")
            })?,
        };
        if low == high {
            (low, high) = (low - 0.5, high + 0.5);
        }
        if let Some(bins) = bins {
            return Ok((low, high, bins));
        }
        let quartile = |q: f64| self.value(Aggregate::Quantile(of.clone(), q));
        let spread = match (quartile(0.75)?.as_f64(), quartile(0.25)?.as_f64()) {
            (Some(upper), Some(lower)) => upper - lower,
            _ => 0.0,
        };
        let count = self.value(Aggregate::CountValues(of.clone()))?.as_f64().unwrap_or(1.0);
        let width = 2.0 * spread / count.cbrt();
        let mut bins = if width > 0.0 { ((high - low) / width).ceil() as usize } else { 10 };
        bins = bins.clamp(10, 200);
        if kind == Kind::Int {
            // Bins around whole numbers, each holding equally many of them.
            let values = (high - low) as usize + 1;
            let per_bin = values.div_ceil(bins.max(10));
            bins = values.div_ceil(per_bin);
            low -= 0.5;
            high = low + (bins * per_bin) as f64;
        }
        Ok((low, high, bins))
    }

    /// The smallest and the largest finite value.
    pub(super) fn extent(&self, of: &Expr) -> Result<Option<(f64, f64)>> {
        let (bound, _) = bind(of, self.schema())?;
        let (low, high) = fold(
            self.source()?.as_ref(),
            || (f64::INFINITY, f64::NEG_INFINITY),
            |extent, block| {
                for_numbers(&evaluate(&bound, block)?, |x| {
                    if x.is_finite() {
                        extent.0 = extent.0.min(x);
                        extent.1 = extent.1.max(x);
                    }
                })
            },
            |extent, later| {
                *extent = (extent.0.min(later.0), extent.1.max(later.1));
                Ok(())
            },
        )?;
        Ok((low <= high).then_some((low, high)))
    }

    /// A row for each value of `row`, a column for each value of `column`, and `value` where they meet.
    ///
    /// # Errors
    /// When a column does not exist, two rows meet in one place, or there would be more than 10,000 columns.
    pub fn pivot(&self, row: &str, column: &str, value: &str) -> Result<Table> {
        let frame = self.select(&[row, column, value])?.frame()?;
        let (row_spec, value_spec) = (&frame.schema().columns()[0], &frame.schema().columns()[2]);
        let distinct = |i: usize| {
            let mut values: Vec<Value> =
                (0..frame.rows()).map(|r| value_at(&frame.columns()[i], r)).collect();
            values.sort_by(compare_values);
            values.dedup();
            values
        };
        let (rows, columns) = (distinct(0), distinct(1));
        if columns.len() > 10_000 {
            return Err(Error::argument(format!(
                "`{column}` has {} values: too many columns",
                columns.len()
            )));
        }
        let mut places = vec![vec![Value::Null; rows.len()]; columns.len()];
        let find = |all: &[Value], v: &Value| all.binary_search_by(|x| compare_values(x, v)).unwrap_or(0);
        for r in 0..frame.rows() {
            let (row_key, column_key) = (value_at(&frame.columns()[0], r), value_at(&frame.columns()[1], r));
            let place = &mut places[find(&columns, &column_key)][find(&rows, &row_key)];
            if *place != Value::Null {
                return Err(Error::argument(format!(
                    "two rows have {row} {row_key} and {column} {column_key}"
                ))
                .help("group by both first, and pivot the result"));
            }
            *place = value_at(&frame.columns()[2], r);
        }
        let keys = array_of(&rows);
        let mut spec = row_spec.clone();
        spec.data_type = keys.data_type().clone();
        let mut out = vec![Column { spec, values: keys }];
        for (key, values) in columns.iter().zip(places) {
            let values = array_of(&values);
            let name = if let Value::Text(t) = key { t.to_string() } else { key.to_string() };
            let mut spec = ColumnSpec::new(name, values.data_type().clone());
            spec.unit.clone_from(&value_spec.unit);
            out.push(Column { spec, values });
        }
        Ok(Table::in_memory(Frame::new(out)?))
    }
}

/// Calls `see` with every value of a numeric column that is there.
fn for_numbers(array: &ArrayRef, mut see: impl FnMut(f64)) -> Result<()> {
    let array = ok(arrow_cast::cast(array, &DataType::Float64))?;
    let numbers = array.as_primitive::<Float64Type>();
    if numbers.null_count() == 0 {
        numbers.values().iter().for_each(|&x| see(x));
    } else {
        numbers.iter().flatten().for_each(see);
    }
    Ok(())
}

/// A block's worth of one expression, for tests and embedding programs.
///
/// # Errors
/// When the expression does not fit the block's columns.
pub fn compute(expr: &Expr, frame: &Frame) -> Result<ArrayRef> {
    let (bound, _) = bind(expr, frame.schema())?;
    let block: &dyn Block = frame;
    evaluate(&bound, block)
}
