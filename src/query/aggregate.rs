//! What can be computed of a group of rows, as plain data.

use std::fmt;

use super::Expr;

/// One number (or value) of many rows.
#[derive(Clone, Debug)]
pub enum Aggregate {
    /// The number of rows.
    Count,
    /// The number of rows where the expression has a value.
    CountValues(Expr),
    /// The number of different values.
    CountDistinct(Expr),
    /// The sum; of nothing it is 0.
    Sum(Expr),
    /// The arithmetic mean.
    Mean(Expr),
    /// The standard deviation with so many degrees of freedom taken off (0: of the population).
    Std(Expr, u8),
    /// The variance, likewise.
    Var(Expr, u8),
    /// The smallest value.
    Min(Expr),
    /// The largest value.
    Max(Expr),
    /// The median.
    Median(Expr),
    /// A quantile between 0 and 1, by linear interpolation.
    Quantile(Expr, f64),
    /// Whether the condition holds for some row.
    Any(Expr),
    /// Whether the condition holds for all rows.
    All(Expr),
    /// The value of the first row.
    First(Expr),
}

impl Aggregate {
    /// What it is computed of.
    pub fn argument(&self) -> Option<&Expr> {
        match self {
            Aggregate::Count => None,
            Aggregate::CountValues(e)
            | Aggregate::CountDistinct(e)
            | Aggregate::Sum(e)
            | Aggregate::Mean(e)
            | Aggregate::Std(e, _)
            | Aggregate::Var(e, _)
            | Aggregate::Min(e)
            | Aggregate::Max(e)
            | Aggregate::Median(e)
            | Aggregate::Quantile(e, _)
            | Aggregate::Any(e)
            | Aggregate::All(e)
            | Aggregate::First(e) => Some(e),
        }
    }

    /// The name of its verb, which is also the name of its column.
    pub fn name(&self) -> &'static str {
        match self {
            Aggregate::Count | Aggregate::CountValues(_) => "count",
            Aggregate::CountDistinct(_) => "count_distinct",
            Aggregate::Sum(_) => "sum",
            Aggregate::Mean(_) => "mean",
            Aggregate::Std(..) => "std",
            Aggregate::Var(..) => "variance",
            Aggregate::Min(_) => "min",
            Aggregate::Max(_) => "max",
            Aggregate::Median(_) => "median",
            Aggregate::Quantile(..) => "quantile",
            Aggregate::Any(_) => "any",
            Aggregate::All(_) => "all",
            Aggregate::First(_) => "first",
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.argument()) {
            (Aggregate::Quantile(_, q), Some(e)) => write!(f, "quantile({e}, {q})"),
            (Aggregate::Std(_, 1) | Aggregate::Var(_, 1), Some(e)) => write!(f, "{}({e}, 1)", self.name()),
            (_, Some(e)) => write!(f, "{}({e})", self.name()),
            (_, None) => write!(f, "{}()", self.name()),
        }
    }
}
