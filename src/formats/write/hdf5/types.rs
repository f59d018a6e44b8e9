//! The types of elements, and how a file describes them.

use super::bytes::Bytes;
use crate::diag::{Error, Result};

/// What the elements of a dataset or attribute are. Numbers are stored in little-endian order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A whole number of 1, 2, 4 or 8 bytes.
    Int {
        /// Its width in bytes.
        size: u8,
        /// Whether it has a sign.
        signed: bool,
    },
    /// An IEEE 754 number of 4 or 8 bytes.
    Float {
        /// Its width in bytes.
        size: u8,
    },
    /// UTF-8 text of any length.
    Text,
    /// UTF-8 text of at most so many bytes.
    FixedText(u32),
    /// Names for whole numbers.
    Enumeration {
        /// What is stored, an [`Int`](Type::Int).
        base: Box<Type>,
        /// Each name with its number.
        members: Vec<(String, i64)>,
    },
    /// Named values side by side, without gaps: numbers, texts of fixed length, enumerations, compounds.
    Compound(Vec<(String, Type)>),
    /// A pointer to a group or dataset of the same file.
    Reference,
}

impl Type {
    /// Bytes of one element in the file.
    pub fn size(&self) -> u64 {
        match self {
            Type::Int { size, .. } | Type::Float { size } => u64::from(*size),
            Type::Text => 16,
            Type::FixedText(size) => u64::from(*size),
            Type::Enumeration { base, .. } => base.size(),
            Type::Compound(members) => members.iter().map(|(_, kind)| kind.size()).sum(),
            Type::Reference => 8,
        }
    }

    /// The enumeration that h5py reads as boolean.
    pub fn boolean() -> Type {
        Self::enumeration(Type::Int { size: 1, signed: true }, [("FALSE", 0), ("TRUE", 1)])
    }

    /// An enumeration of names for numbers of the given type.
    pub fn enumeration<'a>(base: Type, members: impl IntoIterator<Item = (&'a str, i64)>) -> Type {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Type::Enumeration { base: Box::new(base), members }
    }

    /// An error if a file cannot express the type.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::argument(why));
        match self {
            Type::Int { size: 1 | 2 | 4 | 8, .. }
            | Type::Float { size: 4 | 8 }
            | Type::Text
            | Type::Reference => Ok(()),
            Type::Int { size, .. } | Type::Float { size } => refuse(format!("numbers of {size} bytes")),
            Type::FixedText(0) => refuse("texts of fixed length need at least one byte".to_owned()),
            Type::FixedText(_) => Ok(()),
            Type::Enumeration { base, members } => {
                let Type::Int { size, signed } = **base else {
                    return refuse("an enumeration stands for whole numbers".to_owned());
                };
                base.check()?;
                check_names("enumeration", members.iter().map(|m| m.0.as_str()))?;
                let mut values: Vec<i64> = members.iter().map(|m| m.1).collect();
                values.sort_unstable();
                if let Some([twice, ..]) = values.windows(2).find(|w| w[0] == w[1]) {
                    return refuse(format!("two names of an enumeration stand for {twice}"));
                }
                match members.iter().find(|m| !fits(m.1, size, signed)) {
                    Some((name, value)) => {
                        refuse(format!("{value} of `{name}` does not fit in {size} bytes"))
                    }
                    None => Ok(()),
                }
            }
            Type::Compound(members) => {
                check_names("compound", members.iter().map(|m| m.0.as_str()))?;
                for (name, kind) in members {
                    if matches!(kind, Type::Text | Type::Reference) {
                        return refuse(format!("member `{name}` of a compound must have a fixed length"));
                    }
                    kind.check()?;
                }
                if self.size() > u64::from(u32::MAX) {
                    return refuse("a compound is too large".to_owned());
                }
                Ok(())
            }
        }
    }

    /// The description of the type.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Type::Int { size, signed } => {
                head(out, 0x10, if *signed { 8 } else { 0 }, u32::from(*size));
                out.put16(0);
                out.put16(u16::from(*size) * 8);
            }
            Type::Float { size } => {
                let (exponent, mantissa, bias) = if *size == 8 { (11, 52, 1023) } else { (8, 23, 127) };
                let bits = u16::from(*size) * 8;
                // The leading bit of the mantissa is implied; then the place of the sign.
                head(out, 0x11, 0x20 | u32::from(bits - 1) << 8, u32::from(*size));
                out.put16(0);
                out.put16(bits);
                out.extend([mantissa, exponent, 0, mantissa]);
                out.put32(bias);
            }
            Type::Text => {
                // A sequence that is a text, of UTF-8; libsonata asks for bytes below it, not for characters.
                head(out, 0x19, 0x101, 16);
                Type::Int { size: 1, signed: false }.encode(out);
            }
            // Padded with zeros, UTF-8.
            Type::FixedText(size) => head(out, 0x13, 0x11, *size),
            Type::Reference => head(out, 0x17, 0, 8),
            Type::Enumeration { base, members } => {
                head(out, 0x18, members.len() as u32, base.size() as u32);
                base.encode(out);
                for (name, _) in members {
                    out.put_padded_name(name);
                }
                for (_, value) in members {
                    out.extend_from_slice(&value.to_le_bytes()[..base.size() as usize]);
                }
            }
            Type::Compound(members) => {
                head(out, 0x26, members.len() as u32, self.size() as u32);
                let mut offset = 0;
                for (name, kind) in members {
                    out.put_padded_name(name);
                    out.put32(offset);
                    kind.encode(out);
                    offset += kind.size() as u32;
                }
            }
        }
    }
}

/// Version and class, 24 bits about the class, size.
fn head(out: &mut Vec<u8>, version_and_class: u8, bits: u32, size: u32) {
    out.put32(u32::from(version_and_class) | bits << 8);
    out.put32(size);
}

fn fits(value: i64, size: u8, signed: bool) -> bool {
    match (size, signed) {
        (8, true) => true,
        (8, false) => value >= 0,
        (_, true) => value >> (8 * size - 1) == 0 || value >> (8 * size - 1) == -1,
        (_, false) => value >> (8 * size) == 0,
    }
}

/// Names of members: some, each once, within what the 16 bits of their number can tell.
fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut sorted: Vec<&str> = names.collect();
    if sorted.is_empty() || sorted.len() > usize::from(u16::MAX) {
        return Err(Error::argument(format!("a type of {} members: {what} takes 1 to 65535", sorted.len())));
    }
    sorted.sort_unstable();
    if let Some([twice, ..]) = sorted.windows(2).find(|w| w[0] == w[1]) {
        return Err(Error::argument(format!("two members of the {what} are named `{twice}`")));
    }
    match sorted.iter().find(|name| name.is_empty() || name.contains('\0')) {
        Some(name) => Err(Error::argument(format!("{name:?} cannot name a member of the {what}"))),
        None => Ok(()),
    }
}
