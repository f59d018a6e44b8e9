//! SQL's expressions to ours.

use sqlparser::ast::{self, BinaryOperator, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator};

use super::{Tables, select, unsupported};
use crate::diag::{Error, Result};
use crate::query::{Aggregate, BinaryOp, Expr, Function, Members, Pattern, Value};

/// The aggregates and their names in SQL.
const AGGREGATES: &[&str] = &[
    "count",
    "sum",
    "avg",
    "mean",
    "min",
    "max",
    "stddev",
    "stddev_pop",
    "std",
    "stddev_samp",
    "variance",
    "var",
    "var_pop",
    "var_samp",
    "median",
    "quantile",
    "quantile_cont",
    "percentile",
    "bool_or",
    "bool_and",
    "any",
    "all",
    "first",
];

/// What names mean while an expression is read, and the aggregates met on the way.
pub(super) struct Scope<'a> {
    tables: &'a dyn Tables,
    /// Table names and aliases, and the prefix that stands for each: `c` → `pre` after `JOIN cells c ON pre = c.id`.
    pub(super) prefixes: Vec<(String, String)>,
    /// Aggregates are collected here, if they are allowed; each stands as a column `#n` in the expression.
    pub(super) aggregates: Option<Vec<Aggregate>>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(tables: &'a dyn Tables) -> Self {
        Scope { tables, prefixes: Vec::new(), aggregates: None }
    }

    pub(super) fn condition(&mut self, e: &ast::Expr) -> Result<Expr> {
        self.expr(e)
    }

    fn boxed(&mut self, e: &ast::Expr) -> Result<Box<Expr>> {
        Ok(Box::new(self.expr(e)?))
    }

    pub(super) fn expr(&mut self, e: &ast::Expr) -> Result<Expr> {
        Ok(match e {
            ast::Expr::Identifier(name) => Expr::column(&name.value),
            ast::Expr::CompoundIdentifier(parts) => Expr::Column(self.path(parts)),
            ast::Expr::Nested(inner) => self.expr(inner)?,
            ast::Expr::Value(value) => Expr::Literal(literal(&value.value)?),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right)?,
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.expr(expr)?.negated(),
            ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match self.expr(expr)? {
                Expr::Literal(Value::Int(i)) => Expr::literal(-i),
                Expr::Literal(Value::Float(f)) => Expr::literal(-f),
                inner => Expr::Negate(Box::new(inner)),
            },
            ast::Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.expr(expr)?,
            ast::Expr::IsNull(inner) => Expr::IsNull(self.boxed(inner)?),
            ast::Expr::IsNotNull(inner) => Expr::IsNull(self.boxed(inner)?).negated(),
            ast::Expr::IsTrue(inner) => self.expr(inner)?,
            ast::Expr::IsFalse(inner) => self.expr(inner)?.negated(),
            ast::Expr::Between { expr, negated, low, high } => {
                let between = self.expr(expr)?.between(self.expr(low)?, self.expr(high)?);
                not_if(*negated, between)
            }
            ast::Expr::In { expr, target, negated, .. } => {
                let members = self.members(target)?;
                not_if(*negated, Expr::In(self.boxed(expr)?, members))
            }
            ast::Expr::Like { negated, expr, pattern, escape_char: None, .. } => {
                not_if(*negated, Expr::Match(self.boxed(expr)?, Pattern::Like(text(pattern)?)))
            }
            ast::Expr::ILike { negated, expr, pattern, escape_char: None, .. } => {
                not_if(*negated, Expr::Match(self.boxed(expr)?, Pattern::ILike(text(pattern)?)))
            }
            ast::Expr::RLike { negated, expr, pattern, .. }
            | ast::Expr::SimilarTo { negated, expr, pattern, escape_char: None } => {
                not_if(*negated, Expr::Match(self.boxed(expr)?, Pattern::Regex(text(pattern)?)))
            }
            ast::Expr::Cast { expr, data_type, .. } => self.cast(expr, data_type)?,
            ast::Expr::Floor { expr, .. } => Expr::Call(Function::Floor, vec![self.expr(expr)?]),
            ast::Expr::Ceil { expr, .. } => Expr::Call(Function::Ceiling, vec![self.expr(expr)?]),
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())?
            }
            ast::Expr::Function(function) => self.function(function)?,
            ast::Expr::Subquery(query) => {
                let table = select::query(query, self.tables)?;
                let frame = table.frame()?;
                if frame.rows() != 1 || frame.columns().len() != 1 {
                    return Err(Error::script("SQL: a sub-select in an expression must give one value"));
                }
                Expr::Literal(crate::query::value_at(&frame.columns()[0], 0))
            }
            other => return Err(unsupported(format!("`{other}`"))),
        })
    }

    /// `alias.column`, `pre.mtype`, `s.pre.mtype`.
    fn path(&self, parts: &[ast::Ident]) -> String {
        let words: Vec<&str> = parts.iter().map(|p| p.value.as_str()).collect();
        let prefix = self.prefixes.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(words[0]));
        match prefix {
            Some((_, prefix)) if prefix.is_empty() => words[1..].join("."),
            Some((_, prefix)) => format!("{prefix}.{}", words[1..].join(".")),
            None => words.join("."),
        }
    }

    fn binary(&mut self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Result<Expr> {
        let op = match op {
            BinaryOperator::Plus => BinaryOp::Add,
            BinaryOperator::Minus => BinaryOp::Subtract,
            BinaryOperator::Multiply => BinaryOp::Multiply,
            BinaryOperator::Divide => BinaryOp::Divide,
            BinaryOperator::Modulo => BinaryOp::Remainder,
            BinaryOperator::Eq => BinaryOp::Equal,
            BinaryOperator::NotEq => BinaryOp::NotEqual,
            BinaryOperator::Lt => BinaryOp::Less,
            BinaryOperator::LtEq => BinaryOp::LessOrEqual,
            BinaryOperator::Gt => BinaryOp::Greater,
            BinaryOperator::GtEq => BinaryOp::GreaterOrEqual,
            BinaryOperator::And => BinaryOp::And,
            BinaryOperator::Or => BinaryOp::Or,
            BinaryOperator::StringConcat => BinaryOp::Add,
            other => return Err(unsupported(format!("the operator `{other}`"))),
        };
        Ok(Expr::binary(op, self.expr(left)?, self.expr(right)?))
    }

    fn members(&mut self, target: &ast::InTarget) -> Result<Members> {
        match target {
            ast::InTarget::List(list) => {
                let constant = |e: Expr| match e {
                    Expr::Literal(value) => Ok(value),
                    other => Err(unsupported(format!("`{other}` in the list of an IN"))),
                };
                let values = list.iter().map(|e| constant(self.expr(e)?));
                Ok(Members::Values(values.collect::<Result<_>>()?))
            }
            ast::InTarget::Subquery(query) => {
                let frame = select::query(query, self.tables)?.frame()?;
                let Some(column) = frame.columns().first() else {
                    return Err(Error::script("SQL: the sub-select of an IN has no column"));
                };
                let value = |i| crate::query::value_at(column, i);
                let values: Vec<Value> = (0..frame.rows()).map(value).collect();
                let id = |v: &Value| if let Value::Int(i) = v { Some(*i) } else { None };
                match values.iter().map(id).collect::<Option<Vec<i64>>>() {
                    Some(ids) => Ok(Members::Ids(ids.into_iter().collect())),
                    None => Ok(Members::Values(values)),
                }
            }
            ast::InTarget::Table { name, args: None } => {
                Ok(Members::Ids(self.tables.group(&name.to_string())?))
            }
            other => Err(unsupported(format!("IN {other}"))),
        }
    }

    fn cast(&mut self, e: &ast::Expr, data_type: &ast::DataType) -> Result<Expr> {
        use ast::DataType;
        let function = match data_type {
            DataType::Int(_) | DataType::Integer(_) | DataType::BigInt(_) => Function::ToInt,
            DataType::Double(_) | DataType::DoublePrecision | DataType::Float(_) | DataType::Real => {
                Function::ToFloat
            }
            other => return Err(unsupported(format!("CAST to {other}"))),
        };
        Ok(Expr::Call(function, vec![self.expr(e)?]))
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Result<Expr> {
        let mut result = match otherwise {
            Some(e) => self.expr(e)?,
            None => Expr::Literal(Value::Null),
        };
        for when in conditions.iter().rev() {
            let condition = match operand {
                None => self.expr(&when.condition)?,
                Some(e) => Expr::binary(BinaryOp::Equal, self.expr(e)?, self.expr(&when.condition)?),
            };
            let then = self.expr(&when.result)?;
            result = Expr::If(Box::new(condition), Box::new(then), Box::new(result));
        }
        Ok(result)
    }

    fn function(&mut self, function: &ast::Function) -> Result<Expr> {
        let name = function.name.to_string().to_lowercase();
        if function.over.is_some() {
            return Err(unsupported("a window function"));
        }
        let (arguments, distinct) = arguments(function)?;
        if AGGREGATES.contains(&name.as_str())
            && !(matches!(name.as_str(), "min" | "max") && arguments.len() == 2)
        {
            if function.filter.is_some() {
                return Err(unsupported("FILTER in an aggregate"));
            }
            return self.aggregate(&name, &arguments, distinct);
        }
        let Some(known) = Function::named(&name, arguments.len()) else {
            let names = Function::NAMES.iter().flat_map(|(_, names)| names.iter().copied());
            let arity = Function::NAMES.iter().find(|(_, names)| names.contains(&name.as_str()));
            return Err(match arity {
                Some((f, _)) => Error::argument(format!(
                    "SQL: `{name}` takes {} arguments, not {}",
                    f.arity(),
                    arguments.len()
                )),
                None => Error::unknown("SQL function", &name, names.chain(AGGREGATES.iter().copied())),
            });
        };
        let arguments = arguments.iter().map(|a| match a {
            Some(e) => self.expr(e),
            None => Err(unsupported(format!("`*` in {name}"))),
        });
        Ok(Expr::Call(known, arguments.collect::<Result<_>>()?))
    }

    fn aggregate(&mut self, name: &str, arguments: &[Option<&ast::Expr>], distinct: bool) -> Result<Expr> {
        if self.aggregates.is_none() {
            return Err(Error::argument(format!("SQL: the aggregate `{name}` cannot stand here"))
                .help("aggregates stand in SELECT, HAVING and ORDER BY, not inside each other or in WHERE"));
        }
        // What stands inside an aggregate is computed of each row: no aggregates there.
        let outer = self.aggregates.take();
        let made = self.aggregate_of(name, arguments, distinct);
        self.aggregates = outer;
        let made = made?;
        let aggregates = self.aggregates.get_or_insert_default();
        let shown = made.to_string();
        let at = aggregates.iter().position(|a| a.to_string() == shown).unwrap_or_else(|| {
            aggregates.push(made);
            aggregates.len() - 1
        });
        Ok(Expr::Column(format!("#{at}")))
    }

    fn aggregate_of(
        &mut self,
        name: &str,
        arguments: &[Option<&ast::Expr>],
        distinct: bool,
    ) -> Result<Aggregate> {
        let argument = match arguments {
            [] | [None] if name == "count" => return Ok(Aggregate::Count),
            [Some(e)] => self.expr(e)?,
            [Some(e), Some(q)] if name.starts_with("quantile") || name == "percentile" => {
                let Expr::Literal(q) = self.expr(q)? else {
                    return Err(Error::argument(format!("SQL: the second argument of `{name}` is a number")));
                };
                let q = q.as_f64().ok_or_else(|| Error::argument(format!("SQL: {q} is not a quantile")))?;
                let q = if name == "percentile" { q / 100.0 } else { q };
                return Ok(Aggregate::Quantile(self.expr(e)?, q));
            }
            _ => {
                return Err(Error::argument(format!(
                    "SQL: `{name}` does not take {} arguments",
                    arguments.len()
                )));
            }
        };
        if distinct && name != "count" {
            return Err(unsupported(format!("DISTINCT in {name}")));
        }
        Ok(match name {
            "count" if distinct => Aggregate::CountDistinct(argument),
            "count" => Aggregate::CountValues(argument),
            "sum" => Aggregate::Sum(argument),
            "avg" | "mean" => Aggregate::Mean(argument),
            "min" => Aggregate::Min(argument),
            "max" => Aggregate::Max(argument),
            "stddev" | "stddev_pop" | "std" => Aggregate::Std(argument, 0),
            "stddev_samp" => Aggregate::Std(argument, 1),
            "variance" | "var" | "var_pop" => Aggregate::Var(argument, 0),
            "var_samp" => Aggregate::Var(argument, 1),
            "median" => Aggregate::Median(argument),
            "bool_or" | "any" => Aggregate::Any(argument),
            "bool_and" | "all" => Aggregate::All(argument),
            "first" => Aggregate::First(argument),
            other => {
                return Err(Error::argument(format!(
                    "SQL: `{other}` needs a quantile as its second argument"
                )));
            }
        })
    }
}

fn not_if(negated: bool, e: Expr) -> Expr {
    if negated { e.negated() } else { e }
}

fn literal(value: &ast::Value) -> Result<Value> {
    Ok(match value {
        ast::Value::Number(text, _) => match text.parse::<i64>() {
            Ok(whole) => Value::Int(whole),
            Err(_) => text
                .parse::<f64>()
                .map(Value::Float)
                .map_err(|_| Error::script(format!("SQL: `{text}` is not a number")))?,
        },
        ast::Value::SingleQuotedString(text) | ast::Value::EscapedStringLiteral(text) => {
            Value::Text(text.as_str().into())
        }
        ast::Value::Boolean(b) => Value::Bool(*b),
        ast::Value::Null => Value::Null,
        other => return Err(unsupported(format!("the constant `{other}`"))),
    })
}

fn text(e: &ast::Expr) -> Result<String> {
    match e {
        ast::Expr::Value(value) => match literal(&value.value)? {
            Value::Text(text) => Ok(text.to_string()),
            other => Err(Error::argument(format!("SQL: a pattern is a text, not {other}"))),
        },
        other => Err(unsupported(format!("the pattern `{other}`"))),
    }
}

/// The arguments of a call (`None` for `*`), and whether DISTINCT stands before them.
fn arguments(function: &ast::Function) -> Result<(Vec<Option<&ast::Expr>>, bool)> {
    let list = match &function.args {
        FunctionArguments::None => return Ok((Vec::new(), false)),
        FunctionArguments::Subquery(_) => return Err(unsupported("a sub-select as an argument")),
        FunctionArguments::List(list) => list,
    };
    let one = |a: &'_ FunctionArg| match a {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(_) | FunctionArgExpr::Wildcard) => Ok(()),
        other => Err(unsupported(format!("the argument `{other}`"))),
    };
    list.args.iter().try_for_each(one)?;
    let arguments = list.args.iter().map(|a| match a {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    });
    let distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
    Ok((arguments.collect(), distinct))
}
