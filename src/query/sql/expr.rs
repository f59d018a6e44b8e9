//! SQL's expressions to ours.

use sqlparser::ast::{self, BinaryOperator, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator};

use super::names::{Relation, resolve};
use super::{Tables, place, select, unsupported};
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

/// Functions that are made of others.
const COMPOSED: &[&str] = &[
    "coalesce",
    "ifnull",
    "nullif",
    "if",
    "iif",
    "power",
    "pow",
    "mod",
    "concat",
    "starts_with",
    "ends_with",
    "contains",
    "regexp_matches",
    "isnan",
    "tan",
    "pi",
];

/// How deep expressions may be nested.
const DEPTH: usize = 200;

/// What names mean while an expression is read, and the aggregates met on the way.
pub(super) struct Scope<'a> {
    pub(super) tables: &'a dyn Tables,
    /// What stands in FROM; empty for a condition on its own, whose names mean columns.
    pub(super) relations: Vec<Relation>,
    /// The columns of the output, whose names may be used where no table has such a column.
    pub(super) outputs: Vec<(String, Expr)>,
    /// Aggregates are collected here, if they are allowed; each stands as a column `#n` in the expression.
    pub(super) aggregates: Option<Vec<Aggregate>>,
    depth: usize,
}

impl<'a> Scope<'a> {
    pub(super) fn new(tables: &'a dyn Tables) -> Self {
        Scope { tables, relations: Vec::new(), outputs: Vec::new(), aggregates: None, depth: 0 }
    }

    fn boxed(&mut self, e: &ast::Expr) -> Result<Box<Expr>> {
        Ok(Box::new(self.expr(e)?))
    }

    pub(super) fn expr(&mut self, e: &ast::Expr) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Error::script("SQL: the expression is nested too deeply"));
        }
        let result = self.part(e);
        self.depth -= 1;
        result
    }

    fn part(&mut self, e: &ast::Expr) -> Result<Expr> {
        Ok(match e {
            ast::Expr::Identifier(name) => self.name(std::slice::from_ref(name))?,
            ast::Expr::CompoundIdentifier(parts) => self.name(parts)?,
            ast::Expr::Nested(inner) | ast::Expr::IsTrue(inner) => self.expr(inner)?,
            ast::Expr::Value(value) => Expr::Literal(literal(&value.value)?),
            ast::Expr::BinaryOp { left, op, right } => self.binary(e, left, op, right)?,
            ast::Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.expr(expr)?.negated(),
            ast::Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match self.expr(expr)? {
                Expr::Literal(Value::Int(i)) => Expr::literal(i.saturating_neg()),
                Expr::Literal(Value::Float(f)) => Expr::literal(-f),
                inner => Expr::Negate(Box::new(inner)),
            },
            ast::Expr::UnaryOp { op: UnaryOperator::Plus, expr } => self.expr(expr)?,
            ast::Expr::IsNull(inner) => Expr::IsNull(self.boxed(inner)?),
            ast::Expr::IsNotNull(inner) => Expr::IsNull(self.boxed(inner)?).negated(),
            ast::Expr::IsFalse(inner) => self.expr(inner)?.negated(),
            ast::Expr::Between { expr, negated, low, high } => {
                let between = self.expr(expr)?.between(self.expr(low)?, self.expr(high)?);
                not_if(*negated, between)
            }
            ast::Expr::In { expr, target, negated, .. } => {
                let tested = self.expr(expr)?;
                not_if(*negated, self.member(tested, target)?)
            }
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.matches(expr, *negated, Pattern::Like(like(pattern, escape_char.as_deref())?))?
            }
            ast::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.matches(expr, *negated, Pattern::ILike(like(pattern, escape_char.as_deref())?))?
            }
            ast::Expr::RLike { negated, expr, pattern, .. } => {
                self.matches(expr, *negated, somewhere(&text(pattern)?, ""))?
            }
            ast::Expr::SimilarTo { negated, expr, pattern, escape_char: None } => {
                let pattern = text(pattern)?.replace('%', ".*").replace('_', ".");
                self.matches(expr, *negated, Pattern::Regex(pattern))?
            }
            ast::Expr::Cast { expr, data_type, .. } => self.cast(expr, data_type)?,
            ast::Expr::Floor {
                expr,
                field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime),
            } => Expr::Call(Function::Floor, vec![self.expr(expr)?]),
            ast::Expr::Ceil {
                expr,
                field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime),
            } => Expr::Call(Function::Ceiling, vec![self.expr(expr)?]),
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())?
            }
            ast::Expr::Function(function) => self.function(function)?,
            ast::Expr::Subquery(query) => {
                let table = select::query(query, self.tables)?;
                let frame = table.head(2).frame()?;
                if frame.rows() != 1 || frame.columns().len() != 1 {
                    return Err(Error::script("SQL: a sub-select in an expression must give one value"));
                }
                Expr::Literal(crate::query::value_at(&frame.columns()[0], 0))
            }
            other => return Err(unsupported(format!("`{other}`"), &place(other))),
        })
    }

    /// `mtype`, `pre.mtype`, `alias.column`, `alias.pre.mtype`, or the name of an output column.
    fn name(&self, parts: &[ast::Ident]) -> Result<Expr> {
        let words: Vec<&str> = parts.iter().map(|p| p.value.as_str()).collect();
        let quoted = parts.len() == 1 && parts[0].quote_style == Some('"');
        resolve(&words, &self.relations, &self.outputs).map_err(|error| {
            let text = &words[0];
            if quoted { error.help(format!("a text stands in single quotes: '{text}'")) } else { error }
        })
    }

    fn matches(&mut self, e: &ast::Expr, negated: bool, pattern: Pattern) -> Result<Expr> {
        Ok(not_if(negated, Expr::Match(self.boxed(e)?, pattern)))
    }

    fn binary(
        &mut self,
        whole: &ast::Expr,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
    ) -> Result<Expr> {
        let op = match op {
            BinaryOperator::Plus | BinaryOperator::StringConcat => BinaryOp::Add,
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
            BinaryOperator::And => return self.chain(whole, &BinaryOperator::And, BinaryOp::And),
            BinaryOperator::Or => return self.chain(whole, &BinaryOperator::Or, BinaryOp::Or),
            BinaryOperator::PGRegexMatch => return self.matches(left, false, somewhere(&text(right)?, "")),
            BinaryOperator::PGRegexNotMatch => return self.matches(left, true, somewhere(&text(right)?, "")),
            BinaryOperator::PGRegexIMatch => return self.matches(left, false, somewhere(&text(right)?, "i")),
            BinaryOperator::PGRegexNotIMatch => {
                return self.matches(left, true, somewhere(&text(right)?, "i"));
            }
            other => return Err(unsupported(format!("the operator `{other}`"), &place(left))),
        };
        Ok(Expr::binary(op, self.expr(left)?, self.expr(right)?))
    }

    /// A long row of ANDs or ORs, which the parser nests to the left, as a tree of little depth.
    fn chain(&mut self, whole: &ast::Expr, sign: &BinaryOperator, op: BinaryOp) -> Result<Expr> {
        let mut parts = Vec::new();
        let mut rest = whole;
        while let ast::Expr::BinaryOp { left, op, right } = rest
            && op == sign
        {
            parts.push(self.expr(right)?);
            rest = left;
        }
        parts.push(self.expr(rest)?);
        parts.reverse();
        while parts.len() > 1 {
            let mut halves = Vec::with_capacity(parts.len().div_ceil(2));
            let mut pairs = parts.into_iter();
            while let Some(first) = pairs.next() {
                halves.push(match pairs.next() {
                    Some(second) => Expr::binary(op, first, second),
                    None => first,
                });
            }
            parts = halves;
        }
        Ok(parts.pop().unwrap_or_else(|| Expr::literal(true)))
    }

    fn member(&mut self, tested: Expr, target: &ast::InTarget) -> Result<Expr> {
        let members = match target {
            ast::InTarget::List(list) => {
                let list = list.iter().map(|e| self.expr(e)).collect::<Result<Vec<_>>>()?;
                let constant =
                    |e: &Expr| if let Expr::Literal(value) = e { Some(value.clone()) } else { None };
                let Some(values) = list.iter().map(constant).collect::<Option<Vec<Value>>>() else {
                    let equal = |e| Expr::binary(BinaryOp::Equal, tested.clone(), e);
                    let any = list.into_iter().map(equal).reduce(|a, b| Expr::binary(BinaryOp::Or, a, b));
                    return Ok(any.unwrap_or_else(|| Expr::literal(false)));
                };
                Members::Values(values)
            }
            ast::InTarget::Subquery(query) => {
                let frame = select::query(query, self.tables)?.frame()?;
                let [column] = frame.columns() else {
                    return Err(Error::script("SQL: the sub-select of an IN must have one column"));
                };
                let value = |i| crate::query::value_at(column, i);
                let values: Vec<Value> = (0..frame.rows()).map(value).collect();
                let id = |v: &Value| if let Value::Int(i) = v { Some(*i) } else { None };
                match values.iter().map(id).collect::<Option<Vec<i64>>>() {
                    Some(ids) => Members::Ids(ids.into_iter().collect()),
                    None => Members::Values(values),
                }
            }
            ast::InTarget::Table { name, args: None } => {
                Members::Ids(self.tables.group(&super::plain(name))?)
            }
            other => return Err(unsupported(format!("IN {other}"), "")),
        };
        Ok(Expr::In(Box::new(tested), members))
    }

    fn cast(&mut self, e: &ast::Expr, data_type: &ast::DataType) -> Result<Expr> {
        use ast::DataType;
        let function = match data_type {
            DataType::Int(_)
            | DataType::Integer(_)
            | DataType::BigInt(_)
            | DataType::SmallInt(_)
            | DataType::Int64
            | DataType::Int32 => Function::ToInt,
            DataType::Double(_)
            | DataType::DoublePrecision
            | DataType::Float(_)
            | DataType::Real
            | DataType::Float64
            | DataType::Float32 => Function::ToFloat,
            other => {
                return Err(unsupported(format!("CAST to {other} (INT and DOUBLE are); it"), &place(e)));
            }
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
        let at = place(function);
        let name = super::plain(&function.name).to_lowercase();
        if function.over.is_some() {
            return Err(unsupported("a window function", &at));
        }
        if !function.within_group.is_empty() {
            return Err(unsupported("WITHIN GROUP: write quantile(x, 0.9), which", &at));
        }
        let (arguments, distinct) = arguments(function)?;
        let pairwise = matches!(name.as_str(), "min" | "max") && arguments.len() == 2;
        if AGGREGATES.contains(&name.as_str()) && !pairwise {
            return self.aggregate(&name, &arguments, distinct, function.filter.as_deref(), &at);
        }
        if distinct || function.filter.is_some() {
            return Err(Error::argument(format!(
                "SQL: `{name}` is no aggregate: DISTINCT and FILTER have no meaning{at}"
            )));
        }
        let arguments: Vec<Expr> = arguments
            .iter()
            .map(|a| match a {
                Some(e) => self.expr(e),
                None => Err(unsupported(format!("`*` in {name}"), &at)),
            })
            .collect::<Result<_>>()?;
        if let Some(known) = Function::named(&name, arguments.len()) {
            return Ok(Expr::Call(known, arguments));
        }
        if let Some(composed) = composed(&name, &arguments)? {
            return Ok(composed);
        }
        if let Some((f, _)) = Function::NAMES.iter().find(|(_, names)| names.contains(&name.as_str())) {
            let count = arguments.len();
            return Err(Error::argument(format!(
                "SQL: `{name}` takes {} arguments, not {count}{at}",
                f.arity()
            )));
        }
        if COMPOSED.contains(&name.as_str()) {
            return Err(Error::argument(format!(
                "SQL: `{name}` does not take {} arguments{at}",
                arguments.len()
            )));
        }
        let names = Function::NAMES.iter().flat_map(|(_, names)| names.iter().copied());
        let error =
            Error::unknown("SQL function", &name, names.chain(AGGREGATES.iter().chain(COMPOSED).copied()));
        Err(if at.is_empty() {
            error
        } else {
            error.help(format!("it stands at{}", at.replace(['(', ')'], "")))
        })
    }

    fn aggregate(
        &mut self,
        name: &str,
        arguments: &[Option<&ast::Expr>],
        distinct: bool,
        filter: Option<&ast::Expr>,
        at: &str,
    ) -> Result<Expr> {
        if self.aggregates.is_none() {
            return Err(Error::argument(format!("SQL: the aggregate `{name}` cannot stand here{at}"))
                .help("aggregates stand in SELECT, HAVING and ORDER BY, not inside each other or in WHERE"));
        }
        // What stands inside an aggregate is computed of each row: no aggregates there.
        let outer = self.aggregates.take();
        let made = self.aggregate_of(name, arguments, distinct, at);
        let filter = filter.map(|f| self.expr(f)).transpose();
        self.aggregates = outer;
        let made = match filter? {
            Some(condition) => only_where(made?, &condition),
            None => made?,
        };
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
        at: &str,
    ) -> Result<Aggregate> {
        let argument = match arguments {
            [] | [None] if name == "count" && !distinct => return Ok(Aggregate::Count),
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
                let count = arguments.len();
                return Err(Error::argument(format!("SQL: `{name}` does not take {count} arguments{at}")));
            }
        };
        if distinct && !matches!(name, "count" | "min" | "max") {
            return Err(unsupported(format!("DISTINCT in {name}"), at));
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

/// The aggregate over the rows where a condition holds.
fn only_where(aggregate: Aggregate, condition: &Expr) -> Aggregate {
    let when =
        |e: Expr| Expr::If(Box::new(condition.clone()), Box::new(e), Box::new(Expr::Literal(Value::Null)));
    match aggregate {
        Aggregate::Count => Aggregate::CountValues(when(Expr::literal(1))),
        Aggregate::CountValues(e) => Aggregate::CountValues(when(e)),
        Aggregate::CountDistinct(e) => Aggregate::CountDistinct(when(e)),
        Aggregate::Sum(e) => Aggregate::Sum(when(e)),
        Aggregate::Mean(e) => Aggregate::Mean(when(e)),
        Aggregate::Std(e, ddof) => Aggregate::Std(when(e), ddof),
        Aggregate::Var(e, ddof) => Aggregate::Var(when(e), ddof),
        Aggregate::Min(e) => Aggregate::Min(when(e)),
        Aggregate::Max(e) => Aggregate::Max(when(e)),
        Aggregate::Median(e) => Aggregate::Median(when(e)),
        Aggregate::Quantile(e, q) => Aggregate::Quantile(when(e), q),
        Aggregate::Any(e) => Aggregate::Any(condition.clone().and(e)),
        Aggregate::All(e) => Aggregate::All(Expr::binary(BinaryOp::Or, condition.clone().negated(), e)),
        Aggregate::First(e) => Aggregate::First(when(e)),
    }
}

/// Functions that are made of what there is.
fn composed(name: &str, arguments: &[Expr]) -> Result<Option<Expr>> {
    let choice = |c: Expr, a: Expr, b: Expr| Expr::If(Box::new(c), Box::new(a), Box::new(b));
    let null = |e: &Expr| Expr::IsNull(Box::new(e.clone()));
    let part = |e: &Expr| match e {
        Expr::Literal(Value::Text(text)) => Ok(text.to_string()),
        other => Err(Error::argument(format!("SQL: the second argument of `{name}` is a text, not {other}"))),
    };
    let matches = |e: &Expr, pattern| Expr::Match(Box::new(e.clone()), pattern);
    Ok(Some(match (name, arguments) {
        ("coalesce" | "ifnull", [first, rest @ ..]) => {
            let Some((last, others)) = rest.split_last() else { return Ok(Some(first.clone())) };
            let others = std::iter::once(first).chain(others);
            others.rev().fold(last.clone(), |rest, e| choice(null(e), rest, e.clone()))
        }
        ("nullif", [a, b]) => {
            choice(Expr::binary(BinaryOp::Equal, a.clone(), b.clone()), Expr::Literal(Value::Null), a.clone())
        }
        ("if" | "iif", [c, a, b]) => choice(c.clone(), a.clone(), b.clone()),
        ("power" | "pow", [a, b]) => {
            Expr::binary(BinaryOp::Power, Expr::Call(Function::ToFloat, vec![a.clone()]), b.clone())
        }
        ("mod", [a, b]) => Expr::binary(BinaryOp::Remainder, a.clone(), b.clone()),
        ("concat", [first, rest @ ..]) => {
            let add = |a, b: &Expr| Expr::binary(BinaryOp::Add, a, b.clone());
            rest.iter().fold(first.clone(), add)
        }
        ("starts_with", [e, p]) => matches(e, Pattern::StartsWith(part(p)?)),
        ("ends_with", [e, p]) => matches(e, Pattern::EndsWith(part(p)?)),
        ("contains", [e, p]) => matches(e, Pattern::Contains(part(p)?)),
        ("regexp_matches", [e, p]) => matches(e, somewhere(&part(p)?, "")),
        ("isnan", [e]) => Expr::binary(BinaryOp::NotEqual, e.clone(), e.clone()),
        ("tan", [e]) => {
            let (sin, cos) =
                (Expr::Call(Function::Sin, vec![e.clone()]), Expr::Call(Function::Cos, vec![e.clone()]));
            Expr::binary(BinaryOp::Divide, sin, cos)
        }
        ("pi", []) => Expr::literal(std::f64::consts::PI),
        _ => return Ok(None),
    }))
}

/// A regular expression that may match a part of the text, as REGEXP and `~` mean it.
fn somewhere(pattern: &str, flags: &str) -> Pattern {
    Pattern::Regex(if flags.is_empty() {
        format!(".*(?:{pattern}).*")
    } else {
        format!(".*(?{flags}:{pattern}).*")
    })
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
        other => return Err(unsupported(format!("the constant `{other}`"), "")),
    })
}

fn text(e: &ast::Expr) -> Result<String> {
    match e {
        ast::Expr::Value(value) => match literal(&value.value)? {
            Value::Text(text) => Ok(text.to_string()),
            other => Err(Error::argument(format!("SQL: a pattern is a text, not {other}"))),
        },
        other => Err(unsupported(format!("the pattern `{other}`"), &place(other))),
    }
}

/// The pattern of a LIKE, with a backslash before what stands for itself.
fn like(pattern: &ast::Expr, escape: Option<&ast::Expr>) -> Result<String> {
    let pattern = text(pattern)?;
    let Some(escape) = escape else { return Ok(pattern) };
    let escape = text(escape)?;
    let mut characters = escape.chars();
    let (Some(escape), None) = (characters.next(), characters.next()) else {
        return Err(Error::argument(format!("SQL: ESCAPE takes one character, not '{escape}'")));
    };
    let mut result = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        if c == escape || c == '\\' {
            result.push('\\');
            result.push(if c == escape { rest.next().unwrap_or(c) } else { c });
        } else {
            result.push(c);
        }
    }
    Ok(result)
}

/// The arguments of a call (`None` for `*`), and whether DISTINCT stands before them.
fn arguments(function: &ast::Function) -> Result<(Vec<Option<&ast::Expr>>, bool)> {
    let list = match &function.args {
        FunctionArguments::None => return Ok((Vec::new(), false)),
        FunctionArguments::Subquery(_) => {
            return Err(unsupported("a sub-select as an argument", &place(function)));
        }
        FunctionArguments::List(list) => list,
    };
    let one = |a: &'_ FunctionArg| match a {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(_) | FunctionArgExpr::Wildcard) => Ok(()),
        other => Err(unsupported(format!("the argument `{other}`"), &place(function))),
    };
    list.args.iter().try_for_each(one)?;
    if let Some(clause) = list.clauses.first() {
        return Err(unsupported(format!("`{clause}` in a call"), &place(function)));
    }
    let arguments = list.args.iter().map(|a| match a {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => Some(e),
        _ => None,
    });
    let distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
    Ok((arguments.collect(), distinct))
}
