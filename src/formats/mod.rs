//! Bytes to columns: one file or folder a format, no science.
pub mod write;
