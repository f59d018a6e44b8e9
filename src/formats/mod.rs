//! Bytes to columns: one file or folder a format, no science.

pub mod bbp;
pub mod hdf5;
pub mod table;
pub mod paths;
pub mod sniff;
pub mod text;
pub mod write;
