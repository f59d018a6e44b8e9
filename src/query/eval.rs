//! Computing a bound expression over a block, with Arrow's kernels.
//!
//! Numbers are computed as 64-bit integers or floats. What is asked of a text is asked once of each different
//! text of a dictionary, then spread over the rows.

use std::sync::Arc;

use arrow_arith::{boolean, numeric};
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Datum, Float64Array, Int64Array, Scalar, StringArray, UInt32Array,
    new_null_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{ArrowError, DataType};

use super::bind::{Bound, Kind};
use super::exec::Kept;
use super::rows::call_rows;
use super::{BinaryOp, Function, Value};
use crate::diag::{Error, Result};
use crate::model::{Block, CellTable, IdSet, merged};

/// Values of an expression over a block: one for each row, or one for all.
pub(super) enum Evaluated {
    Rows(ArrayRef),
    /// An array of length 1.
    Constant(ArrayRef),
}

impl Evaluated {
    fn array(&self) -> &ArrayRef {
        match self {
            Evaluated::Rows(a) | Evaluated::Constant(a) => a,
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self, Evaluated::Constant(_))
    }

    fn datum(&self) -> Box<dyn Datum> {
        match self {
            Evaluated::Rows(a) => Box::new(a.clone()),
            Evaluated::Constant(a) => Box::new(Scalar::new(a.clone())),
        }
    }

    fn like(&self, array: ArrayRef) -> Evaluated {
        if self.is_constant() { Evaluated::Constant(array) } else { Evaluated::Rows(array) }
    }

    /// One value for each row.
    pub(super) fn into_rows(self, rows: usize) -> Result<ArrayRef> {
        match self {
            Evaluated::Rows(a) => Ok(a),
            Evaluated::Constant(a) => spread(&a, rows),
        }
    }
}

fn arrow(error: &ArrowError) -> Error {
    match error {
        ArrowError::DivideByZero => Error::script("division by zero")
            .help("whole numbers are divided as whole numbers; use `to_float`"),
        ArrowError::ArithmeticOverflow(_) => Error::script("a whole number grew too large for 64 bits"),
        other => Error::script(other.to_string()),
    }
}

/// Shorthand for Arrow's results.
pub(super) fn ok<T>(result: std::result::Result<T, ArrowError>) -> Result<T> {
    result.map_err(|e| arrow(&e))
}

fn spread(one: &ArrayRef, rows: usize) -> Result<ArrayRef> {
    ok(arrow_select::take::take(one, &UInt32Array::from(vec![0u32; rows]), None))
}

/// The values of an expression, one for each row of the block.
pub(super) fn evaluate(bound: &Bound, block: &dyn Block) -> Result<ArrayRef> {
    eval(bound, block)?.into_rows(block.rows())
}

/// A condition as a mask: rows where it is unknown (null) are left out.
pub(super) fn mask(bound: &Bound, block: &dyn Block) -> Result<BooleanBuffer> {
    let array = as_bool(&evaluate(bound, block)?)?;
    Ok(match array.nulls() {
        Some(nulls) => array.values() & nulls.inner(),
        None => array.values().clone(),
    })
}

fn as_bool(array: &ArrayRef) -> Result<BooleanArray> {
    match array.data_type() {
        DataType::Boolean => Ok(array.as_boolean().clone()),
        DataType::Null => Ok(BooleanArray::new_null(array.len())),
        other => Err(Error::script(format!("a condition must be true or false, not {other}"))),
    }
}

/// The array in the form in which its kind is computed: 64-bit numbers, truth values, text.
pub(super) fn normalised(array: ArrayRef) -> Result<ArrayRef> {
    let wanted = match array.data_type() {
        DataType::Int64 | DataType::Float64 | DataType::Boolean | DataType::Utf8 | DataType::Null => {
            return Ok(array);
        }
        DataType::Dictionary(key, value) if **key == DataType::Int32 && **value == DataType::Utf8 => {
            return Ok(array);
        }
        t if t.is_integer() => DataType::Int64,
        t if t.is_floating() => DataType::Float64,
        DataType::LargeUtf8 | DataType::Dictionary(..) => DataType::Utf8,
        _ => return Ok(array),
    };
    ok(arrow_cast::cast(&array, &wanted))
}

fn as_kind(value: &Evaluated, kind: Kind) -> Result<Evaluated> {
    let array = value.array();
    let wanted = kind.data_type();
    if kind == Kind::Any || *array.data_type() == wanted || Kind::of(array.data_type()) == kind {
        return Ok(value.like(array.clone()));
    }
    Ok(value.like(ok(arrow_cast::cast(array, &wanted))?))
}

fn constant(value: &Value) -> ArrayRef {
    match value {
        Value::Null => new_null_array(&DataType::Null, 1),
        Value::Bool(b) => Arc::new(BooleanArray::from(vec![*b])),
        Value::Int(i) => Arc::new(Int64Array::from(vec![*i])),
        Value::Float(f) => Arc::new(Float64Array::from(vec![*f])),
        Value::Text(t) => Arc::new(StringArray::from(vec![t.as_ref()])),
    }
}

pub(super) fn eval(bound: &Bound, block: &dyn Block) -> Result<Evaluated> {
    Ok(match bound {
        Bound::Column(index) => Evaluated::Rows(normalised(block.column(*index)?)?),
        Bound::OwnId(index) => Evaluated::Rows(own_ids(&block.column(*index)?)?),
        Bound::Linked { via, cells, column } => {
            Evaluated::Rows(normalised(follow(&block.column(*via)?, cells, *column)?)?)
        }
        Bound::Literal(value) => Evaluated::Constant(constant(value)),
        Bound::Not(e) => {
            let e = eval(e, block)?;
            e.like(Arc::new(ok(boolean::not(&as_bool(e.array())?))?))
        }
        Bound::Negate(e) => {
            let e = eval(e, block)?;
            e.like(ok(numeric::neg(e.array()))?)
        }
        Bound::Arithmetic { op, left, right, kind } => {
            let (left, right) = (as_kind(&eval(left, block)?, *kind)?, as_kind(&eval(right, block)?, *kind)?);
            arithmetic(*op, &left, &right, *kind)?
        }
        Bound::Concat(a, b) => concat(&eval(a, block)?, &eval(b, block)?, block.rows())?,
        Bound::Compare { op, left, right, kind } => {
            let (left, right) = (as_kind(&eval(left, block)?, *kind)?, as_kind(&eval(right, block)?, *kind)?);
            compare(*op, &left, &right)?
        }
        Bound::And(a, b) => both(a, b, true, block)?,
        Bound::Or(a, b) => both(a, b, false, block)?,
        Bound::InNumbers(e, numbers) => {
            let e = eval(e, block)?;
            let values = ok(arrow_cast::cast(e.array(), &DataType::Float64))?;
            let found = |x: f64| {
                numbers.binary_search_by(|n| n.total_cmp(&x)).is_ok() || (x == 0.0 && numbers.contains(&0.0))
            };
            e.like(Arc::new(BooleanArray::from_unary(values.as_primitive::<Float64Type>(), found)))
        }
        Bound::InTexts(e, texts) => {
            let e = eval(e, block)?;
            e.like(map_texts(e.array(), |t| Some(texts.contains(t)))?)
        }
        Bound::InIds(e, ids) => {
            let e = eval(e, block)?;
            e.like(in_ids(e.array(), ids)?)
        }
        Bound::Match(e, regex) => {
            let e = eval(e, block)?;
            e.like(map_texts(e.array(), |t| Some(regex.is_match(t)))?)
        }
        Bound::IsNull(e) => {
            let e = eval(e, block)?;
            e.like(Arc::new(ok(boolean::is_null(e.array()))?))
        }
        Bound::Call { function, arguments, kind } => call(*function, arguments, *kind, block)?,
        Bound::If { condition, then, otherwise, kind } => {
            let yes = mask(condition, block)?;
            let no = !&yes;
            let then = as_kind(&Evaluated::Rows(eval_where(then, block, &yes)?), *kind)?;
            let otherwise = as_kind(&Evaluated::Rows(eval_where(otherwise, block, &no)?), *kind)?;
            let (then, otherwise) = (plain_text(then.array())?, plain_text(otherwise.array())?);
            Evaluated::Rows(ok(arrow_select::zip::zip(&BooleanArray::new(yes, None), &then, &otherwise))?)
        }
        Bound::Script { function, schema } => Evaluated::Rows(call_rows(function, schema, block)?),
    })
}

/// Dictionaries as plain text, where two different ones must be mixed.
fn plain_text(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(..) => ok(arrow_cast::cast(array, &DataType::Utf8)),
        _ => Ok(array.clone()),
    }
}

/// The values of a cell property for a column of cell ids; null where the circuit has no such cell.
pub(super) fn follow(ids: &ArrayRef, cells: &CellTable, column: usize) -> Result<ArrayRef> {
    let ids = ok(arrow_cast::cast(ids, &DataType::Int64))?;
    let rows = cells.rows_of(ids.as_primitive::<Int64Type>());
    // A null index must not point outside either: Arrow reads only valid ones.
    ok(arrow_select::take::take(cells.column(column)?, &rows, None))
}

/// Ids of several populations as the numbers in their populations.
fn own_ids(ids: &ArrayRef) -> Result<ArrayRef> {
    let ids = ok(arrow_cast::cast(ids, &DataType::Int64))?;
    Ok(Arc::new(ids.as_primitive::<Int64Type>().unary::<_, Int64Type>(|id| merged::unpack(id).1)))
}

fn in_ids(array: &ArrayRef, ids: &IdSet) -> Result<ArrayRef> {
    let array = ok(arrow_cast::cast(array, &DataType::Int64))?;
    let array = array.as_primitive::<Int64Type>();
    // Synapses of one cell stand together: the last answer is mostly the next one.
    let mut last = (i64::MIN, ids.contains(i64::MIN));
    let bits = BooleanBuffer::collect_bool(array.len(), |i| {
        let id = array.value(i);
        if id != last.0 {
            last = (id, ids.contains(id));
        }
        last.1
    });
    Ok(Arc::new(BooleanArray::new(bits, array.nulls().cloned())))
}

/// Answers a question of each text: once for each text of a dictionary.
fn map_texts(array: &ArrayRef, ask: impl Fn(&str) -> Option<bool>) -> Result<ArrayRef> {
    let answer = |texts: &StringArray| -> ArrayRef {
        Arc::new(texts.iter().map(|t| t.and_then(&ask)).collect::<BooleanArray>())
    };
    over_texts(array, answer)
}

/// Applies a function of a column of texts: over the dictionary where there is one.
fn over_texts(array: &ArrayRef, apply: impl Fn(&StringArray) -> ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            let answers = apply(dictionary.values().as_string::<i32>());
            ok(arrow_select::take::take(&answers, dictionary.keys(), None))
        }
        DataType::Utf8 => Ok(apply(array.as_string::<i32>())),
        DataType::Null => Ok(new_null_array(&DataType::Boolean, array.len())),
        other => Err(Error::script(format!("text was expected, not {other}"))),
    }
}

fn compare(op: BinaryOp, left: &Evaluated, right: &Evaluated) -> Result<Evaluated> {
    if let Evaluated::Constant(text) = right
        && matches!(left.array().data_type(), DataType::Dictionary(..))
        && *text.data_type() == DataType::Utf8
    {
        let text = Scalar::new(text.clone());
        let answer = |texts: &StringArray| compare_datums(op, texts, &text);
        let dictionary = left.array().as_dictionary::<Int32Type>();
        let answers: ArrayRef = Arc::new(answer(dictionary.values().as_string::<i32>())?);
        return Ok(left.like(ok(arrow_select::take::take(&answers, dictionary.keys(), None))?));
    }
    if left.is_constant() && !right.is_constant() {
        return compare(mirrored(op), right, left);
    }
    if *left.array().data_type() == DataType::Null || *right.array().data_type() == DataType::Null {
        return Ok(left.like(new_null_array(&DataType::Boolean, left.array().len())));
    }
    let (a, b) = (left.like(plain_text(left.array())?), right.like(plain_text(right.array())?));
    Ok(left.like(Arc::new(compare_datums(op, &*a.datum(), &*b.datum())?)))
}

fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessOrEqual => BinaryOp::GreaterOrEqual,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterOrEqual => BinaryOp::LessOrEqual,
        other => other,
    }
}

fn compare_datums(op: BinaryOp, a: &dyn Datum, b: &dyn Datum) -> Result<BooleanArray> {
    use arrow_ord::cmp;
    // Numbers compare as in IEEE 754 (NaN equals nothing), not in Arrow's total order.
    let (array, _) = a.get();
    if *array.data_type() == DataType::Float64 {
        return Ok(compare_floats(op, a, b));
    }
    ok(match op {
        BinaryOp::Equal => cmp::eq(a, b),
        BinaryOp::NotEqual => cmp::neq(a, b),
        BinaryOp::Less => cmp::lt(a, b),
        BinaryOp::LessOrEqual => cmp::lt_eq(a, b),
        BinaryOp::Greater => cmp::gt(a, b),
        _ => cmp::gt_eq(a, b),
    })
}

fn compare_floats(op: BinaryOp, a: &dyn Datum, b: &dyn Datum) -> BooleanArray {
    match op {
        BinaryOp::Equal => zip_floats(a, b, |x, y| x == y),
        BinaryOp::NotEqual => zip_floats(a, b, |x, y| x != y),
        BinaryOp::Less => zip_floats(a, b, |x, y| x < y),
        BinaryOp::LessOrEqual => zip_floats(a, b, |x, y| x <= y),
        BinaryOp::Greater => zip_floats(a, b, |x, y| x > y),
        _ => zip_floats(a, b, |x, y| x >= y),
    }
}

fn zip_floats(a: &dyn Datum, b: &dyn Datum, test: impl Fn(f64, f64) -> bool) -> BooleanArray {
    let ((a, a_one), (b, b_one)) = (a.get(), b.get());
    let (a, b) = (a.as_primitive::<Float64Type>(), b.as_primitive::<Float64Type>());
    let rows = if a_one { b.len() } else { a.len() };
    let (x, y) = (a.values(), b.values());
    let bits = match (a_one, b_one) {
        (false, true) => {
            let y = y[0];
            BooleanBuffer::collect_bool(rows, |i| test(x[i], y))
        }
        (true, false) => {
            let x = x[0];
            BooleanBuffer::collect_bool(rows, |i| test(x, y[i]))
        }
        _ => BooleanBuffer::collect_bool(rows, |i| test(x[i], y[i])),
    };
    let nulls = |array: &Float64Array, one: bool| match (one, array.nulls()) {
        (true, Some(_)) if array.is_null(0) => Some(NullBuffer::new_null(rows)),
        (true, _) => None,
        (false, nulls) => nulls.cloned(),
    };
    BooleanArray::new(bits, NullBuffer::union(nulls(a, a_one).as_ref(), nulls(b, b_one).as_ref()))
}

/// `&&` and `||` over nulls as in SQL. The right side is computed only where the left leaves it open, if it
/// may fail there.
fn both(a: &Bound, b: &Bound, and: bool, block: &dyn Block) -> Result<Evaluated> {
    let left = as_bool(&evaluate(a, block)?)?;
    let decided = if and {
        left.true_count() + left.null_count() == 0
    } else {
        left.false_count() + left.null_count() == 0
    };
    if decided {
        return Ok(Evaluated::Rows(Arc::new(left)));
    }
    let right = if b.can_fail() {
        let open = match (and, left.nulls()) {
            (true, None) => left.values().clone(),
            (true, Some(n)) => left.values() | &!n.inner(),
            (false, None) => !left.values(),
            (false, Some(n)) => &!left.values() | &!n.inner(),
        };
        eval_where(b, block, &open)?
    } else {
        evaluate(b, block)?
    };
    let right = as_bool(&right)?;
    let result = if and { boolean::and_kleene(&left, &right) } else { boolean::or_kleene(&left, &right) };
    Ok(Evaluated::Rows(Arc::new(ok(result)?)))
}

/// The values where the mask holds; null elsewhere.
fn eval_where(bound: &Bound, block: &dyn Block, mask: &BooleanBuffer) -> Result<ArrayRef> {
    let rows = mask.count_set_bits();
    if rows == block.rows() || !bound.can_fail() {
        return evaluate(bound, block);
    }
    let values = evaluate(bound, &Kept::new(block, mask.clone()))?;
    let mut next = 0;
    let indices: UInt32Array = (0..block.rows())
        .map(|i| {
            mask.value(i).then(|| {
                next += 1;
                next - 1
            })
        })
        .collect();
    ok(arrow_select::take::take(&values, &indices, None))
}

fn arithmetic(op: BinaryOp, left: &Evaluated, right: &Evaluated, kind: Kind) -> Result<Evaluated> {
    let result = match op {
        BinaryOp::Add => numeric::add(&*left.datum(), &*right.datum()),
        BinaryOp::Subtract => numeric::sub(&*left.datum(), &*right.datum()),
        BinaryOp::Multiply => numeric::mul(&*left.datum(), &*right.datum()),
        BinaryOp::Divide => numeric::div(&*left.datum(), &*right.datum()),
        BinaryOp::Remainder => numeric::rem(&*left.datum(), &*right.datum()),
        _ => return power(left, right, kind),
    };
    let array = ok(result)?;
    Ok(if left.is_constant() && right.is_constant() {
        Evaluated::Constant(array)
    } else {
        Evaluated::Rows(array)
    })
}

fn power(left: &Evaluated, right: &Evaluated, kind: Kind) -> Result<Evaluated> {
    let rows = if left.is_constant() { right.array().len() } else { left.array().len() };
    let both = left.is_constant() && right.is_constant();
    let at = |e: &Evaluated, i: usize| if e.is_constant() { 0 } else { i };
    let valid = |i: usize| left.array().is_valid(at(left, i)) && right.array().is_valid(at(right, i));
    let array: ArrayRef = if kind == Kind::Int {
        let (x, y) = (left.array().as_primitive::<Int64Type>(), right.array().as_primitive::<Int64Type>());
        let one = |i: usize| -> Result<Option<i64>> {
            if !valid(i) {
                return Ok(None);
            }
            let (x, y) = (x.value(at(left, i)), y.value(at(right, i)));
            let exponent = u32::try_from(y)
                .map_err(|_| Error::script("a whole number cannot be raised to a negative power"))?;
            let value = x.checked_pow(exponent);
            value.map(Some).ok_or_else(|| Error::script("a whole number grew too large for 64 bits"))
        };
        Arc::new((0..rows).map(one).collect::<Result<Int64Array>>()?)
    } else {
        let (x, y) =
            (left.array().as_primitive::<Float64Type>(), right.array().as_primitive::<Float64Type>());
        let one = |i: usize| valid(i).then(|| x.value(at(left, i)).powf(y.value(at(right, i))));
        Arc::new((0..rows).map(one).collect::<Float64Array>())
    };
    Ok(if both { Evaluated::Constant(array) } else { Evaluated::Rows(array) })
}

fn concat(left: &Evaluated, right: &Evaluated, rows: usize) -> Result<Evaluated> {
    let both = left.is_constant() && right.is_constant();
    let rows = if both { 1 } else { rows };
    let text = |e: &Evaluated| -> Result<ArrayRef> {
        let plain = plain_text(e.array())?;
        if e.is_constant() { spread(&plain, rows) } else { Ok(plain) }
    };
    let (a, b) = (text(left)?, text(right)?);
    let mut builder = StringBuilder::new();
    for (a, b) in a.as_string::<i32>().iter().zip(b.as_string::<i32>().iter()) {
        match (a, b) {
            (Some(a), Some(b)) => builder.append_value(format!("{a}{b}")),
            _ => builder.append_null(),
        }
    }
    let array: ArrayRef = Arc::new(builder.finish());
    Ok(if both { Evaluated::Constant(array) } else { Evaluated::Rows(array) })
}

fn call(function: Function, arguments: &[Bound], kind: Kind, block: &dyn Block) -> Result<Evaluated> {
    let first = eval(&arguments[0], block)?;
    if let Some(second) = arguments.get(1) {
        let second = eval(second, block)?;
        return call_two(function, &first, &second, kind, block.rows());
    }
    let array = first.array();
    let mapped: ArrayRef = match function {
        Function::Lower => map_text(array, str::to_lowercase)?,
        Function::Upper => map_text(array, str::to_uppercase)?,
        Function::Length => over_texts(array, |texts| {
            let lengths = texts.iter().map(|t| t.map(|t| t.chars().count() as i64));
            Arc::new(lengths.collect::<Int64Array>())
        })?,
        Function::Abs if kind == Kind::Int => {
            Arc::new(array.as_primitive::<Int64Type>().unary::<_, Int64Type>(i64::saturating_abs))
        }
        Function::ToInt if *array.data_type() == DataType::Int64 => array.clone(),
        Function::ToInt => to_int(&ok(arrow_cast::cast(array, &DataType::Float64))?)?,
        _ => {
            let numbers = ok(arrow_cast::cast(array, &DataType::Float64))?;
            let numbers = numbers.as_primitive::<Float64Type>();
            let apply: fn(f64) -> f64 = match function {
                Function::Abs => f64::abs,
                Function::Sqrt => f64::sqrt,
                Function::Exp => f64::exp,
                Function::Ln => f64::ln,
                Function::Log10 => f64::log10,
                Function::Sin => f64::sin,
                Function::Cos => f64::cos,
                Function::Floor => f64::floor,
                Function::Ceiling => f64::ceil,
                Function::Round => f64::round,
                _ => |x| x,
            };
            Arc::new(numbers.unary::<_, Float64Type>(apply))
        }
    };
    Ok(first.like(mapped))
}

fn to_int(array: &ArrayRef) -> Result<ArrayRef> {
    let whole = |x: f64| {
        if x.is_finite() && x.abs() < 9.3e18 {
            Ok(x.trunc() as i64)
        } else {
            Err(Error::script(format!("{x} is not a whole number")))
        }
    };
    let values = array.as_primitive::<Float64Type>().iter().map(|x| x.map(whole).transpose());
    Ok(Arc::new(values.collect::<Result<Int64Array>>()?))
}

fn map_text(array: &ArrayRef, apply: impl Fn(&str) -> String) -> Result<ArrayRef> {
    over_texts(array, |texts| Arc::new(texts.iter().map(|t| t.map(&apply)).collect::<StringArray>()))
}

fn call_two(
    function: Function,
    first: &Evaluated,
    second: &Evaluated,
    kind: Kind,
    rows: usize,
) -> Result<Evaluated> {
    let both = first.is_constant() && second.is_constant();
    let rows = if both { 1 } else { rows };
    let numbers = |e: &Evaluated| -> Result<ArrayRef> {
        let cast = ok(arrow_cast::cast(e.array(), &DataType::Float64))?;
        if e.is_constant() { spread(&cast, rows) } else { Ok(cast) }
    };
    let (a, b) = (numbers(first)?, numbers(second)?);
    let apply: fn(f64, f64) -> f64 = match function {
        Function::Min => f64::min,
        Function::Max => f64::max,
        _ => f64::atan2,
    };
    let pairs = a.as_primitive::<Float64Type>().iter().zip(b.as_primitive::<Float64Type>().iter());
    let values: Float64Array = pairs.map(|(a, b)| Some(apply(a?, b?))).collect();
    let mut array: ArrayRef = Arc::new(values);
    if kind == Kind::Int {
        array = ok(arrow_cast::cast(&array, &DataType::Int64))?;
    }
    Ok(if both { Evaluated::Constant(array) } else { Evaluated::Rows(array) })
}

/// One value of an array.
pub fn value_at(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Float32 => {
            Value::Float(f64::from(array.as_primitive::<arrow_array::types::Float32Type>().value(row)))
        }
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).into()),
        DataType::Dictionary(..) => {
            let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else {
                return cast_value(array, row);
            };
            dictionary.key(row).map_or(Value::Null, |key| value_at(dictionary.values(), key))
        }
        DataType::Null => Value::Null,
        _ => cast_value(array, row),
    }
}

fn cast_value(array: &dyn Array, row: usize) -> Value {
    let one = array.slice(row, 1);
    match normalised(one) {
        Ok(array) if !array.data_type().is_nested() => match Kind::of(array.data_type()) {
            Kind::Any => Value::Null,
            _ => value_at(&array, 0),
        },
        _ => Value::Null,
    }
}
