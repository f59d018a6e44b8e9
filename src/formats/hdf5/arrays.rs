//! A dataset, and its values as Arrow arrays.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array, StringArray,
};
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::messages::layout::DataLayout;
use hdf5_reader::{Attribute, ByteOrder, Datatype, EnumMember, SliceInfo, SliceInfoElem};
use serde_json::Value;

use super::numbers::{self, Class, Convert, Element, Float32, Float64, Truncated};
use super::{File, MOST_COLUMNS, decoded_limit};
use crate::diag::{Error, Result};
use crate::model::Frames;

/// Where fewer than one in so many of the columns between the first and the last are wanted, they are picked one by one.
const DENSE: usize = 4;

/// Calls `$typed!(stored type, conversion)` for the type of a dataset's numbers.
macro_rules! decoded {
    ($dataset:ident, $typed:ident, $convert:ident) => {
        match *$dataset.inner.dtype() {
            Datatype::FloatingPoint { size: 4, .. } => $typed!(f32, $convert::float32),
            Datatype::FloatingPoint { size: 8, .. } => $typed!(f64, $convert::float64),
            Datatype::FixedPoint { size: 1, signed: true, .. } => $typed!(i8, |v| $convert::int(v.into())),
            Datatype::FixedPoint { size: 2, signed: true, .. } => $typed!(i16, |v| $convert::int(v.into())),
            Datatype::FixedPoint { size: 4, signed: true, .. } => $typed!(i32, |v| $convert::int(v.into())),
            Datatype::FixedPoint { size: 8, signed: true, .. } => $typed!(i64, $convert::int),
            Datatype::FixedPoint { size: 1, .. } => $typed!(u8, |v| $convert::int(v.into())),
            Datatype::FixedPoint { size: 2, .. } => $typed!(u16, |v| $convert::int(v.into())),
            Datatype::FixedPoint { size: 4, .. } => $typed!(u32, |v| $convert::int(v.into())),
            Datatype::FixedPoint { size: 8, .. } => $typed!(u64, |v| $convert::int(v as i64)),
            ref other => Err($dataset.error(format!("numbers of this kind cannot be read: {other:?}"))),
        }
    };
}

/// What the elements of a dataset are, and with it the Arrow type of its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers of any width: Int64.
    Int,
    /// 32-bit floating point: Float32.
    Float32,
    /// 64-bit floating point: Float64.
    Float64,
    /// Text of fixed or variable length: Utf8.
    Text,
    /// A truth value as h5py writes it: Boolean.
    Bool,
    /// An enumeration: Dictionary of Int32 and Utf8.
    Enumeration,
    /// Anything else; it cannot be read.
    Other,
}

/// A dataset of an open file.
#[derive(Clone)]
pub struct Dataset {
    file: File,
    path: String,
    inner: hdf5_reader::Dataset,
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dataset({} of {})", self.path, self.file.path().display())
    }
}

impl Dataset {
    pub(super) fn new(file: File, path: String, inner: hdf5_reader::Dataset) -> Self {
        Dataset { file, path, inner }
    }

    /// Its path in the file.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The file that it was asked from.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its dimensions; none for a single value.
    pub fn shape(&self) -> &[u64] {
        self.inner.shape()
    }

    /// The size of its first dimension; 1 for a single value.
    ///
    /// # Errors
    /// When the file claims more than can be addressed.
    pub fn rows(&self) -> Result<usize> {
        match self.shape().first() {
            None => Ok(1),
            Some(&rows) => usize::try_from(rows).map_err(|_| self.error(format!("{rows} rows"))),
        }
    }

    /// What its elements are.
    pub fn kind(&self) -> Kind {
        match self.inner.dtype() {
            Datatype::FixedPoint { .. } => Kind::Int,
            Datatype::FloatingPoint { size: 4, .. } => Kind::Float32,
            Datatype::FloatingPoint { size: 8, .. } => Kind::Float64,
            Datatype::String { .. } => Kind::Text,
            Datatype::VarLen { base, .. } if base.is_vlen_string_base() => Kind::Text,
            Datatype::Enum { members, .. } if is_bool(members) => Kind::Bool,
            Datatype::Enum { .. } => Kind::Enumeration,
            _ => Kind::Other,
        }
    }

    /// All values, row by row.
    ///
    /// # Errors
    /// When the dataset is damaged, or holds what has no Arrow type here.
    pub fn read(&self) -> Result<ArrayRef> {
        self.read_rows(0..self.rows()?)
    }

    /// The values of some rows (of the first dimension), row by row.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when the rows lie outside of the dataset.
    pub fn read_rows(&self, rows: Range<usize>) -> Result<ArrayRef> {
        let all = self.rows()?;
        if rows.start > rows.end || rows.end > all {
            return Err(self.error(format!("rows {} to {} of {all}", rows.start, rows.end)));
        }
        let width = self.row_elements()?;
        // A text takes more room in memory than in the file.
        let room =
            rows.len().saturating_mul(width).saturating_mul(if self.kind() == Kind::Text { 8 } else { 1 });
        if room > decoded_limit(self.file.bytes().len()) {
            return Err(self.error(format!("{} × {width} values cannot come out of this file", rows.len())));
        }
        match self.inner.dtype() {
            Datatype::FixedPoint { .. } => {
                let values = self.numbers::<Truncated>(&rows)?;
                self.check_range(&values)?;
                Ok(Arc::new(Int64Array::from(values)))
            }
            Datatype::FloatingPoint { size: 4, .. } => {
                Ok(Arc::new(Float32Array::from(self.numbers::<Float32>(&rows)?)))
            }
            Datatype::FloatingPoint { size: 8, .. } => {
                Ok(Arc::new(Float64Array::from(self.numbers::<Float64>(&rows)?)))
            }
            Datatype::Enum { members, .. } => self.enumeration(members, &rows),
            _ if self.kind() == Kind::Text => {
                let texts = self.inner.read_strings().map_err(|e| self.file.fault(&self.path, &e))?;
                let texts = texts.get(rows.start * width..rows.end * width);
                let texts = texts.ok_or_else(|| self.error("fewer texts than its shape says"))?;
                Ok(Arc::new(StringArray::from_iter_values(texts)))
            }
            other => Err(self.error(format!("values of this kind cannot be read: {other:?}"))),
        }
    }

    /// The columns of a table of two dimensions.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when it does not have two dimensions or does not hold numbers.
    pub fn columns(&self) -> Result<Vec<ArrayRef>> {
        let &[rows, columns] = self.shape() else {
            return Err(self.error(format!("{} dimensions where a table has two", self.shape().len())));
        };
        let element = self.element().ok_or_else(|| self.error("it does not hold numbers"))?;
        if columns > MOST_COLUMNS {
            return Err(self.error(format!("a table of {columns} columns")));
        }
        let bytes = self.raw()?;
        let (rows, columns, size) = (rows as usize, columns as usize, element.size());
        (0..columns)
            .map(|column| {
                let at = column * size;
                Ok(match self.kind() {
                    Kind::Float32 => {
                        let mut out = Vec::with_capacity(rows);
                        numbers::gather::<Float32>(&bytes, columns * size, at, element, &mut out);
                        Arc::new(Float32Array::from(out)) as ArrayRef
                    }
                    Kind::Float64 => {
                        let mut out = Vec::with_capacity(rows);
                        numbers::gather::<Float64>(&bytes, columns * size, at, element, &mut out);
                        Arc::new(Float64Array::from(out))
                    }
                    _ => {
                        let mut out = Vec::with_capacity(rows);
                        numbers::gather::<Truncated>(&bytes, columns * size, at, element, &mut out);
                        self.check_range(&out)?;
                        Arc::new(Int64Array::from(out))
                    }
                })
            })
            .collect()
    }

    /// An attribute: a number or a text, or an array of them where it has several.
    ///
    /// # Errors
    /// When it is neither number nor text.
    pub fn attribute(&self, name: &str) -> Result<Option<Value>> {
        self.file.attribute_value(&self.path, name, self.inner.attribute(name))
    }

    /// The type of its numbers, if it holds numbers of a known width.
    pub fn element(&self) -> Option<Element> {
        element_of(self.inner.dtype())
    }

    /// The bytes of all elements, decoded, in the byte order of the file.
    pub(super) fn raw(&self) -> Result<Vec<u8>> {
        // The crate would keep a copy of what it decodes for as long as the file is open, except of typed reads.
        macro_rules! typed {
            ($stored:ty, $order:expr) => {{
                let array = self.inner.read_array_uncached::<$stored>();
                let (values, _) =
                    array.map_err(|e| self.file.fault(&self.path, &e))?.into_raw_vec_and_offset();
                Ok(match $order {
                    ByteOrder::BigEndian => values.iter().flat_map(|v| v.to_be_bytes()).collect(),
                    ByteOrder::LittleEndian => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
                })
            }};
        }
        match *self.inner.dtype() {
            _ if self.inner.chunks().is_none() => {}
            Datatype::FloatingPoint { size: 4, byte_order } => return typed!(f32, byte_order),
            Datatype::FloatingPoint { size: 8, byte_order } => return typed!(f64, byte_order),
            Datatype::FixedPoint { size: 4, signed: true, byte_order } => return typed!(i32, byte_order),
            Datatype::FixedPoint { size: 4, signed: false, byte_order } => return typed!(u32, byte_order),
            Datatype::FixedPoint { size: 8, signed: true, byte_order } => return typed!(i64, byte_order),
            Datatype::FixedPoint { size: 8, signed: false, byte_order } => return typed!(u64, byte_order),
            _ => {}
        }
        self.inner.read_raw_bytes().map_err(|e| self.file.fault(&self.path, &e))
    }

    /// The first byte of its elements, where they lie in one piece as they are read.
    pub(super) fn in_place(&self) -> Option<usize> {
        let header = self.file.0.reader.get_or_parse_header(self.inner.address()).ok()?;
        let mut start = None;
        for message in &header.messages {
            match message {
                HdfMessage::DataLayout(layout) => {
                    if let DataLayout::Contiguous { address, .. } = layout.layout {
                        start = usize::try_from(address).ok().filter(|_| address != nowhere(&self.file));
                    }
                }
                HdfMessage::FilterPipeline(_) | HdfMessage::ExternalFiles(_) => return None,
                _ => {}
            }
        }
        start
    }

    /// How many rows are stored together in a chunk.
    pub(super) fn chunk_rows(&self) -> Option<usize> {
        self.inner.chunks().and_then(|chunk| chunk.first().map(|&rows| rows as usize))
    }

    /// An error about the dataset.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::format(message).in_dataset(self.file.path(), &*self.path)
    }

    /// The number of elements in a row.
    fn row_elements(&self) -> Result<usize> {
        let inner = self.shape().get(1..).unwrap_or_default();
        inner
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(usize::try_from(d).ok()?))
            .ok_or_else(|| self.error(format!("a row of {inner:?} elements")))
    }

    /// The numbers of some rows.
    pub(super) fn numbers<C: Convert>(&self, rows: &Range<usize>) -> Result<Vec<C::Out>> {
        macro_rules! typed {
            ($stored:ty, $make:expr) => {
                Ok(self.typed::<$stored>(rows)?.into_iter().map($make).collect())
            };
        }
        decoded!(self, typed, C)
    }

    /// The elements of some rows as the crate decodes them; chunks in parallel.
    fn typed<T: hdf5_reader::H5Type>(&self, rows: &Range<usize>) -> Result<Vec<T>> {
        if rows.start != 0 || rows.end != self.rows()? {
            let rest = self.shape().get(1..).unwrap_or_default();
            let first = SliceInfoElem::Slice { start: rows.start as u64, end: rows.end as u64, step: 1 };
            let rest = rest.iter().map(|&end| SliceInfoElem::Slice { start: 0, end, step: 1 });
            return self.slice(std::iter::once(first).chain(rest).collect());
        }
        let array = self.inner.read_array_uncached_parallel::<T>();
        Ok(array.map_err(|e| self.file.fault(&self.path, &e))?.into_raw_vec_and_offset().0)
    }

    fn slice<T: hdf5_reader::H5Type>(&self, selections: Vec<SliceInfoElem>) -> Result<Vec<T>> {
        let array = self.inner.read_slice_parallel::<T>(&SliceInfo { selections });
        Ok(array.map_err(|e| self.file.fault(&self.path, &e))?.into_raw_vec_and_offset().0)
    }

    /// The numbers of some columns of some rows of a matrix, row by row. Each chunk that holds some of them is decoded
    /// once.
    pub(super) fn window<C: Convert>(
        &self,
        rows: Frames,
        columns: &[Range<usize>],
        out: &mut [C::Out],
    ) -> Result<()> {
        macro_rules! typed {
            ($stored:ty, $make:expr) => {
                self.typed_window::<$stored, _>(rows, columns, out, $make)
            };
        }
        decoded!(self, typed, C)
    }

    fn typed_window<T: hdf5_reader::H5Type + Copy, O>(
        &self,
        rows: Frames,
        columns: &[Range<usize>],
        out: &mut [O],
        make: impl Fn(T) -> O,
    ) -> Result<()> {
        let runs = numbers::joined(columns);
        let width: usize = runs.iter().map(Range::len).sum();
        if width == 0 || rows.count == 0 {
            return Ok(());
        }
        let hull = runs.iter().map(|run| run.start).min().unwrap_or(0)
            ..runs.iter().map(|run| run.end).max().unwrap_or(0);
        let end = rows.at(rows.count - 1) + 1;
        let steps = (rows.first as u64, end as u64, rows.step as u64);
        // Few of many columns, or few of many rows: no array of everything in between.
        if width < hull.len() / DENSE || self.chunk_rows().is_some_and(|chunk| rows.step > chunk) {
            let wanted: Vec<u64> = runs.iter().flat_map(|run| run.start as u64..run.end as u64).collect();
            let picked = self.inner.read_rows_columns_chunked_parallel::<T>(steps, &wanted);
            if let Some(array) = picked.map_err(|e| self.file.fault(&self.path, &e))? {
                out.iter_mut().zip(array).for_each(|(value, stored)| *value = make(stored));
                return Ok(());
            }
        }
        let side = |start, end, step| SliceInfoElem::Slice { start, end, step };
        let mut selections = vec![side(steps.0, steps.1, steps.2)];
        if self.shape().len() > 1 {
            selections.push(side(hull.start as u64, hull.end as u64, 1));
        }
        let values: Vec<T> = self.slice(selections)?;
        for (values, mut out) in values.chunks_exact(hull.len()).zip(out.chunks_exact_mut(width)) {
            for run in &runs {
                let (now, rest) = out.split_at_mut(run.len());
                let part = &values[run.start - hull.start..run.end - hull.start];
                now.iter_mut().zip(part).for_each(|(value, stored)| *value = make(*stored));
                out = rest;
            }
        }
        Ok(())
    }

    /// Unsigned numbers of 64 bits wrap when they do not fit; that is never an id or a count.
    fn check_range(&self, values: &[i64]) -> Result<()> {
        let unsigned = matches!(self.inner.dtype(), Datatype::FixedPoint { size: 8, signed: false, .. });
        if unsigned && values.iter().any(|&v| v < 0) {
            return Err(self.error("it holds whole numbers beyond 2^63"));
        }
        Ok(())
    }

    fn enumeration(&self, members: &[EnumMember], rows: &Range<usize>) -> Result<ArrayRef> {
        let element = self.element().ok_or_else(|| self.error("an enumeration of no whole numbers"))?;
        let (bytes, size) = (self.raw()?, element.size());
        let width = self.row_elements()? * size;
        let bytes = bytes.get(rows.start * width..rows.end * width);
        let bytes = bytes.ok_or_else(|| self.error("fewer values than its shape says"))?;
        let mut values = Vec::with_capacity(bytes.len() / size);
        numbers::gather::<Truncated>(bytes, size, 0, element, &mut values);
        let codes: Vec<i64> = members.iter().map(|m| code(&m.value, element)).collect();
        let place = |value: i64| {
            let at = codes.iter().position(|&c| c == value);
            at.ok_or_else(|| self.error(format!("the enumeration has no name for {value}")))
        };
        if is_bool(members) {
            let truth = |v: i64| Ok(members[place(v)?].name == "TRUE");
            let values: Vec<bool> = values.into_iter().map(truth).collect::<Result<_>>()?;
            return Ok(Arc::new(BooleanArray::from(values)));
        }
        let keys: Vec<i32> =
            values.into_iter().map(|v| place(v).map(|at| at as i32)).collect::<Result<_>>()?;
        let names = StringArray::from_iter_values(members.iter().map(|m| &m.name));
        let array = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), Arc::new(names));
        Ok(Arc::new(array.map_err(|e| self.error(e.to_string()))?))
    }
}

/// The address that stands for no address.
fn nowhere(file: &File) -> u64 {
    super::header::Sizes::of(file).nowhere()
}

/// The stored type of numbers (of an enumeration: of its codes).
pub(super) fn element_of(datatype: &Datatype) -> Option<Element> {
    let big = |order: &ByteOrder| *order == ByteOrder::BigEndian;
    match datatype {
        Datatype::FloatingPoint { size, byte_order } => Element::new(Class::Float, *size, big(byte_order)),
        Datatype::FixedPoint { size, signed, byte_order } => {
            let class = if *signed { Class::Signed } else { Class::Unsigned };
            Element::new(class, *size, big(byte_order))
        }
        Datatype::Enum { base, .. } => element_of(base),
        _ => None,
    }
}

/// The numbers of an attribute.
pub(super) fn attribute_numbers(attribute: &Attribute) -> Option<Vec<Value>> {
    let element = element_of(&attribute.datatype)?;
    let (bytes, size) = (attribute.raw_data.as_slice(), element.size());
    if element.is_float() {
        let mut values = Vec::new();
        numbers::gather::<Float64>(bytes, size, 0, element, &mut values);
        return Some(values.into_iter().map(Value::from).collect());
    }
    let mut values = Vec::new();
    numbers::gather::<Truncated>(bytes, size, 0, element, &mut values);
    if let Datatype::Enum { members, .. } = &attribute.datatype {
        let name = |v: i64| members.iter().find(|m| code(&m.value, element) == v).map(|m| m.name.as_str());
        return Some(
            values.into_iter().map(|v| name(v).map_or(Value::Null, |n| truth(n, members))).collect(),
        );
    }
    Some(values.into_iter().map(Value::from).collect())
}

fn truth(name: &str, members: &[EnumMember]) -> Value {
    if is_bool(members) { (name == "TRUE").into() } else { name.into() }
}

fn code(bytes: &[u8], element: Element) -> i64 {
    let mut value = Vec::with_capacity(1);
    numbers::gather::<Truncated>(bytes, element.size(), 0, element, &mut value);
    value.first().copied().unwrap_or(i64::MIN)
}

/// Whether an enumeration is h5py's truth value.
fn is_bool(members: &[EnumMember]) -> bool {
    members.len() == 2 && members.iter().all(|m| m.name == "TRUE" || m.name == "FALSE")
}
