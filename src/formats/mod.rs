//! Bytes to columns: one file or folder a format, no science.

pub mod table;
pub mod write;
