//! stub
use std::path::Path;
/// o
#[derive(Default)]
pub struct Options {
    /// c
    pub cells: u32,
    /// s
    pub synapses_per_cell: u32,
    /// s
    pub seed: u64,
    /// o
    pub overwrite: bool,
}
/// s
pub struct Summary {
    /// c
    pub cells: u64,
    /// s
    pub synapses: u64,
}
/// w
pub fn write(_: &Path, _: &Options) -> crate::Result<Summary> {
    Err(crate::Error::script("not yet"))
}
