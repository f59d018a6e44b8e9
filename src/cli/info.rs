//! `neurhai info`: what a path holds.

use std::path::Path;

use super::screen;
use crate::diag::Result;
use crate::script;

/// Shows the facts of what a path holds.
pub(super) fn show(path: &Path, json: bool) -> Result<()> {
    screen::print(&script::open(path)?, json)
}
