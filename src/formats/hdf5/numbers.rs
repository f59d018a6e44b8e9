//! Numbers as they are stored, and the loop that gathers one column of a table out of the bytes of its rows.

use std::ops::Range;

use crate::model::Frames;

/// What kind of number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Float,
    Signed,
    Unsigned,
}

/// The type of a stored number: its kind, width and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    class: Class,
    size: u8,
    big_endian: bool,
}

impl Element {
    /// An element of a width that can be read.
    pub(super) fn new(class: Class, size: u8, big_endian: bool) -> Option<Self> {
        let known = match class {
            Class::Float => matches!(size, 4 | 8),
            Class::Signed | Class::Unsigned => matches!(size, 1 | 2 | 4 | 8),
        };
        known.then_some(Element { class, size, big_endian })
    }

    /// A 32-bit float.
    pub fn float32(big_endian: bool) -> Self {
        Element { class: Class::Float, size: 4, big_endian }
    }

    /// Its width in bytes.
    pub fn size(self) -> usize {
        self.size.into()
    }

    /// Its name, such as `float32` or `uint64`.
    pub fn name(self) -> String {
        let class = match self.class {
            Class::Float => "float",
            Class::Signed => "int",
            Class::Unsigned => "uint",
        };
        format!("{class}{}", u32::from(self.size) * 8)
    }

    /// Whether it is a whole number that cannot be negative.
    pub fn is_unsigned(self) -> bool {
        self.class == Class::Unsigned
    }

    /// Whether it is a floating-point number.
    pub fn is_float(self) -> bool {
        self.class == Class::Float
    }

    /// Whether it holds values that 32-bit floating point cannot.
    pub fn needs_64_bits(self) -> bool {
        self.size == 8 || (self.size == 4 && self.class != Class::Float)
    }
}

/// How a stored number becomes a value of a column.
pub trait Convert {
    /// The value.
    type Out: Copy;
    /// From a 32-bit float.
    fn float32(stored: f32) -> Self::Out;
    /// From a 64-bit float.
    fn float64(stored: f64) -> Self::Out;
    /// From a whole number. Unsigned numbers beyond the signed range wrap.
    fn int(stored: i64) -> Self::Out;
}

/// As a 32-bit float.
pub enum Float32 {}

impl Convert for Float32 {
    type Out = f32;
    fn float32(stored: f32) -> f32 {
        stored
    }
    fn float64(stored: f64) -> f32 {
        stored as f32
    }
    fn int(stored: i64) -> f32 {
        stored as f32
    }
}

/// As a 64-bit float.
pub enum Float64 {}

impl Convert for Float64 {
    type Out = f64;
    fn float32(stored: f32) -> f64 {
        stored.into()
    }
    fn float64(stored: f64) -> f64 {
        stored
    }
    fn int(stored: i64) -> f64 {
        stored as f64
    }
}

/// As a whole number; a fraction is cut off.
pub enum Truncated {}

impl Convert for Truncated {
    type Out = i64;
    fn float32(stored: f32) -> i64 {
        stored as i64
    }
    fn float64(stored: f64) -> i64 {
        stored as i64
    }
    fn int(stored: i64) -> i64 {
        stored
    }
}

/// As the nearest whole number: ids that went through floating point.
pub enum Rounded {}

impl Convert for Rounded {
    type Out = i64;
    fn float32(stored: f32) -> i64 {
        Self::float64(stored.into())
    }
    fn float64(stored: f64) -> i64 {
        // Not `round()`, which is a call on processors before SSE 4.1.
        (stored + 0.5_f64.copysign(stored)) as i64
    }
    fn int(stored: i64) -> i64 {
        stored
    }
}

/// Calls `$with!(stored type, conversion)` for the type of an element.
macro_rules! stored {
    ($element:expr, $with:ident, $convert:ident) => {
        match ($element.class, $element.size) {
            (Class::Float, 4) => $with!(f32, $convert::float32),
            (Class::Float, _) => $with!(f64, $convert::float64),
            (Class::Signed, 1) => $with!(i8, |v| $convert::int(i64::from(v))),
            (Class::Signed, 2) => $with!(i16, |v| $convert::int(i64::from(v))),
            (Class::Signed, 4) => $with!(i32, |v| $convert::int(i64::from(v))),
            (Class::Signed, _) => $with!(i64, $convert::int),
            (Class::Unsigned, 1) => $with!(u8, |v| $convert::int(i64::from(v))),
            (Class::Unsigned, 2) => $with!(u16, |v| $convert::int(i64::from(v))),
            (Class::Unsigned, 4) => $with!(u32, |v| $convert::int(i64::from(v))),
            (Class::Unsigned, _) => $with!(u64, |v| $convert::int(v as i64)),
        }
    };
}

/// Appends the numbers of a column. `rows` are the bytes of whole rows of `stride` bytes, `at` the column's place in
/// a row; a rest that is shorter than a row is left out.
pub(super) fn gather<C: Convert>(
    rows: &[u8],
    stride: usize,
    at: usize,
    element: Element,
    out: &mut Vec<C::Out>,
) {
    macro_rules! with {
        ($stored:ty, $make:expr) => {
            if element.big_endian {
                strided(rows, stride, at, out, |b| $make(<$stored>::from_be_bytes(b)))
            } else {
                strided(rows, stride, at, out, |b| $make(<$stored>::from_le_bytes(b)))
            }
        };
    }
    stored!(element, with, C);
}

/// A matrix of numbers that lies row by row in bytes.
pub struct Rows<'a> {
    /// The bytes, from the first row on.
    pub bytes: &'a [u8],
    /// The numbers of a row.
    pub columns: usize,
    /// Their type.
    pub element: Element,
}

impl Rows<'_> {
    /// Copies some columns of some rows, row by row, into `out`, which has room for exactly these. Nothing, where rows or
    /// columns lie outside of the bytes.
    pub fn copy<C: Convert>(&self, rows: Frames, columns: &[Range<usize>], out: &mut [C::Out]) -> Option<()> {
        let runs = joined(columns);
        macro_rules! with {
            ($stored:ty, $make:expr) => {
                if self.element.big_endian {
                    self.rows(rows, &runs, out, |b| $make(<$stored>::from_be_bytes(b)))
                } else {
                    self.rows(rows, &runs, out, |b| $make(<$stored>::from_le_bytes(b)))
                }
            };
        }
        stored!(self.element, with, C)
    }

    fn rows<const N: usize, T>(
        &self,
        rows: Frames,
        runs: &[Range<usize>],
        out: &mut [T],
        decode: impl Fn([u8; N]) -> T,
    ) -> Option<()> {
        let stride = self.columns.checked_mul(N)?;
        let width: usize = runs.iter().map(Range::len).sum();
        for (row, mut out) in rows.iter().zip(out.chunks_exact_mut(width.max(1))) {
            let start = row.checked_mul(stride)?;
            let row = self.bytes.get(start..start.checked_add(stride)?)?;
            for run in runs {
                let numbers = row.get(run.start * N..run.end * N)?.as_chunks::<N>().0;
                let (now, rest) = out.split_at_mut_checked(numbers.len())?;
                now.iter_mut().zip(numbers).for_each(|(value, number)| *value = decode(*number));
                out = rest;
            }
        }
        Some(())
    }
}

/// Columns in the order in which they are asked for, neighbours as one.
pub(super) fn joined(columns: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for column in columns.iter().filter(|column| !column.is_empty()) {
        match runs.last_mut() {
            Some(last) if last.end == column.start => last.end = column.end,
            _ => runs.push(column.clone()),
        }
    }
    runs
}

#[inline]
fn strided<const N: usize, T>(
    rows: &[u8],
    stride: usize,
    at: usize,
    out: &mut Vec<T>,
    decode: impl Fn([u8; N]) -> T,
) {
    let place: Range<usize> = at..at + N;
    if stride == 0 || place.end > stride {
        return;
    }
    if stride == N {
        // One column alone: numbers side by side, which the compiler decodes many at a time.
        let (numbers, _) = rows.as_chunks::<N>();
        out.extend(numbers.iter().map(|&number| decode(number)));
        return;
    }
    out.extend(rows.chunks_exact(stride).map(|row| {
        let mut number = [0; N];
        number.copy_from_slice(&row[place.clone()]);
        decode(number)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column<C: Convert>(bytes: &[u8], stride: usize, at: usize, element: Option<Element>) -> Vec<C::Out> {
        let mut out = Vec::new();
        gather::<C>(bytes, stride, at, element.expect("a known element"), &mut out);
        out
    }

    #[test]
    fn every_width_and_byte_order_comes_out() {
        let rows: Vec<u8> = [1.5f32, 2.5, -3.5, 4.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(column::<Float32>(&rows, 8, 4, Element::new(Class::Float, 4, false)), [2.5, 4.5]);
        assert_eq!(column::<Truncated>(&rows, 8, 0, Element::new(Class::Float, 4, false)), [1, -3]);
        assert_eq!(column::<Rounded>(&rows, 8, 0, Element::new(Class::Float, 4, false)), [2, -4]);
        let rows: Vec<u8> = [7i16, -8].iter().flat_map(|v| v.to_be_bytes()).collect();
        assert_eq!(column::<Float64>(&rows, 2, 0, Element::new(Class::Signed, 2, true)), [7.0, -8.0]);
        let big = u64::from(u32::MAX).to_be_bytes();
        assert_eq!(column::<Truncated>(&big, 8, 0, Element::new(Class::Unsigned, 8, true)), [4_294_967_295]);
        assert_eq!(Element::new(Class::Float, 2, false), None);
    }

    #[test]
    fn ids_round_even_where_a_float_holds_no_half() {
        let id = 8_388_609.0_f32;
        assert_eq!(Rounded::float32(id), 8_388_609);
        assert_eq!(Rounded::float32(-1.0), -1);
        assert_eq!(Rounded::float64(2.999_999_9), 3);
    }

    #[test]
    fn a_cut_row_is_left_out() {
        assert_eq!(column::<Truncated>(&[1, 2, 3], 2, 0, Element::new(Class::Unsigned, 1, false)), [1]);
        assert!(column::<Truncated>(&[1, 2], 2, 2, Element::new(Class::Unsigned, 1, false)).is_empty());
    }
}
