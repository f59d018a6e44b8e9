//! Reports of each format, written and read.
