//! Bytes to columns: one file or folder a format, no science.

pub mod bbp;
mod cells;
pub mod check;
pub mod hdf5;
pub mod open;
pub mod paths;
pub mod reports;
pub mod sniff;
pub mod sonata;
pub mod spikes;
pub mod table;
pub mod text;
pub mod write;
mod written;

/// All files below some folders of the field's files, which stand beside the project on some machines.
#[cfg(test)]
fn files_of_the_field(folders: &[&str]) -> Vec<std::path::PathBuf> {
    let shared = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let mut folders: Vec<_> = folders.iter().map(|folder| shared.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|e| e.path()) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
