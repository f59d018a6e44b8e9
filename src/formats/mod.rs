//! Bytes to columns: one file or folder a format, no science.

pub mod bbp;
mod cells;
pub mod check;
pub mod hdf5;
pub mod open;
pub mod paths;
pub mod sniff;
pub mod sonata;
pub mod table;
pub mod text;
pub mod write;
