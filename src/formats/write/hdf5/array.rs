//! What is put into datasets and attributes: elements with their type and shape.

use super::{Object, Type};
use crate::diag::{Error, Result};

/// A number that can be stored.
pub trait Number: Copy {
    /// Its type in the file.
    const TYPE: Type;

    /// Appends numbers in little-endian order.
    fn put(values: &[Self], out: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty => $kind:expr),* $(,)?) => {$(
        impl Number for $number {
            const TYPE: Type = $kind;

            fn put(values: &[Self], out: &mut Vec<u8>) {
                const SIZE: usize = size_of::<$number>();
                let start = out.len();
                out.resize(start + values.len() * SIZE, 0);
                for (slot, value) in out[start..].chunks_exact_mut(SIZE).zip(values) {
                    slot.copy_from_slice(&value.to_le_bytes());
                }
            }
        }
    )*};
}

numbers! {
    u8 => Type::Int { size: 1, signed: false },
    u16 => Type::Int { size: 2, signed: false },
    u32 => Type::Int { size: 4, signed: false },
    u64 => Type::Int { size: 8, signed: false },
    i8 => Type::Int { size: 1, signed: true },
    i16 => Type::Int { size: 2, signed: true },
    i32 => Type::Int { size: 4, signed: true },
    i64 => Type::Int { size: 8, signed: true },
    f32 => Type::Float { size: 4 },
    f64 => Type::Float { size: 8 },
}

/// Elements with their type and shape. A new array has one dimension; [`shape`](Array::shape) gives it others.
#[derive(Clone, Debug)]
pub struct Array {
    pub(super) kind: Type,
    pub(super) shape: Vec<u64>,
    pub(super) data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    /// Elements as they stand in the file.
    Bytes(Vec<u8>),
    Texts(Vec<String>),
    References(Vec<Object>),
}

impl Array {
    /// Numbers.
    pub fn numbers<T: Number>(values: &[T]) -> Array {
        let mut bytes = Vec::new();
        T::put(values, &mut bytes);
        Array { kind: T::TYPE, shape: vec![values.len() as u64], data: Data::Bytes(bytes) }
    }

    /// One number.
    pub fn number<T: Number>(value: T) -> Array {
        Self::numbers(&[value]).shape(&[])
    }

    /// One text.
    pub fn text(text: impl Into<String>) -> Array {
        Array { kind: Type::Text, shape: Vec::new(), data: Data::Texts(vec![text.into()]) }
    }

    /// Texts, each as long as it is.
    pub fn texts<S: AsRef<str>>(texts: &[S]) -> Array {
        let texts: Vec<String> = texts.iter().map(|t| t.as_ref().to_owned()).collect();
        Array { kind: Type::Text, shape: vec![texts.len() as u64], data: Data::Texts(texts) }
    }

    /// Texts of a fixed length of `width` bytes, or as many as the longest needs.
    pub fn fixed_texts<S: AsRef<str>>(texts: &[S], width: Option<u32>) -> Array {
        let longest = texts.iter().map(|t| t.as_ref().len()).max().unwrap_or(0).max(1);
        let kind = Type::FixedText(width.unwrap_or(longest as u32));
        let texts: Vec<String> = texts.iter().map(|t| t.as_ref().to_owned()).collect();
        Array { kind, shape: vec![texts.len() as u64], data: Data::Texts(texts) }
    }

    /// Members of an enumeration, by their numbers.
    pub fn enumeration(kind: Type, values: &[i64]) -> Array {
        let size = kind.size().min(8) as usize;
        let bytes = values.iter().flat_map(|v| v.to_le_bytes().into_iter().take(size)).collect();
        Array { kind, shape: vec![values.len() as u64], data: Data::Bytes(bytes) }
    }

    /// Pointers to objects of the same file.
    pub fn references(objects: &[Object]) -> Array {
        Array {
            kind: Type::Reference,
            shape: vec![objects.len() as u64],
            data: Data::References(objects.to_vec()),
        }
    }

    /// One pointer.
    pub fn reference(object: impl Into<Object>) -> Array {
        Self::references(&[object.into()]).shape(&[])
    }

    /// Elements of any type of fixed length, one after the other, in little-endian order: the rows of a compound.
    pub fn raw(kind: Type, bytes: Vec<u8>) -> Array {
        let rows = bytes.len() as u64 / kind.size().max(1);
        Array { kind, shape: vec![rows], data: Data::Bytes(bytes) }
    }

    /// The same elements in another shape; `&[]` is a single value without dimensions.
    pub fn shape(mut self, shape: &[u64]) -> Array {
        self.shape = shape.to_vec();
        self
    }

    /// An error if the elements do not fit their type and shape.
    pub(super) fn check(&self) -> Result<()> {
        self.kind.check()?;
        let wanted = count(&self.shape)?;
        let there = match &self.data {
            Data::Texts(texts) => {
                texts.iter().try_for_each(|text| check_text(text, &self.kind))?;
                texts.len() as u64
            }
            Data::References(objects) => objects.len() as u64,
            Data::Bytes(bytes) => {
                if matches!(self.kind, Type::Text | Type::Reference) {
                    return Err(Error::argument("texts and references are not given as bytes"));
                }
                let size = self.kind.size();
                if !(bytes.len() as u64).is_multiple_of(size) {
                    return Err(Error::argument(format!(
                        "{} bytes for elements of {size} bytes",
                        bytes.len()
                    )));
                }
                check_members(&self.kind, bytes)?;
                bytes.len() as u64 / size
            }
        };
        if there == wanted {
            return Ok(());
        }
        Err(Error::argument(format!(
            "{there} elements for a shape of {:?}, which holds {wanted}",
            self.shape
        )))
    }
}

/// An error if a number of an enumeration has no name.
fn check_members(kind: &Type, bytes: &[u8]) -> Result<()> {
    let Type::Enumeration { members, .. } = kind else { return Ok(()) };
    let size = kind.size() as usize;
    let named = |stored: &[u8]| members.iter().any(|m| m.1.to_le_bytes()[..size] == *stored);
    match bytes.chunks_exact(size).position(|stored| !named(stored)) {
        Some(at) => Err(Error::argument(format!("element {at} is no member of its enumeration"))),
        None => Ok(()),
    }
}

fn check_text(text: &str, kind: &Type) -> Result<()> {
    if text.contains('\0') {
        return Err(Error::argument(format!("the text {text:?} holds a zero, which ends texts in HDF5")));
    }
    match kind {
        Type::FixedText(width) if text.len() as u64 > u64::from(*width) => {
            Err(Error::argument(format!("the text {text:?} does not fit in {width} bytes")))
        }
        _ if u32::try_from(text.len()).is_err() => Err(Error::argument("a text of more than 4 GB")),
        _ => Ok(()),
    }
}

/// How many elements a shape holds.
pub(super) fn count(shape: &[u64]) -> Result<u64> {
    if shape.len() > 32 {
        return Err(Error::argument(format!("{} dimensions: HDF5 has at most 32", shape.len())));
    }
    let product = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
    product.ok_or_else(|| Error::argument(format!("a shape of {shape:?} holds too many elements")))
}
