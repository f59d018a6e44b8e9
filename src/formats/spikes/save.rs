//! Writes spikes; the extension says in which format.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use super::binary::{MARK, VERSION};
use super::{SpikeOptions, extension};
use crate::diag::{Error, Result, work};
use crate::formats::write::hdf5::{Array, File, Number, Spec, Type};
use crate::formats::write::{AtomicFile, write_file};
use crate::model::{Spikes, merged};

/// Spikes that one core makes text of at a time.
const ROWS: usize = 1 << 14;
/// So many pieces are held in memory.
const PIECES: usize = 64;
/// What a population is called of which nobody says the name.
const UNNAMED: &str = "default";
/// The extensions, with what they stand for.
const EXTENSIONS: &str =
    "`.dat` (text, time and id), `.gdf` (text, id and time), `.spikes` (binary) and `.h5` (SONATA)";

/// Writes spikes by the extension of the path: `.dat` and `.gdf` (text with all digits), `.spikes` (32-bit times and ids),
/// `.h5` (SONATA; the node id is the id less `first_id`). The file is there when it is complete, or not at all.
///
/// # Errors
/// An extension that is not known, ids or populations that the format cannot hold, a file that cannot be written.
pub fn save(spikes: &Spikes, path: &Path, options: &SpikeOptions) -> Result<()> {
    match extension(path).as_str() {
        "dat" => lines(spikes, path, "/scatter\n", |text, t, id| writeln!(text, "{t}\t{id}")),
        "gdf" => lines(spikes, path, "", |text, t, id| writeln!(text, "{id}\t{t}")),
        "spikes" => binary(spikes, path),
        "h5" => sonata(spikes, path, options),
        "" => Err(unknown(format!("{} has no extension, which says the format of spikes", path.display()))),
        other => Err(unknown(format!("`.{other}` is no extension of a file of spikes"))),
    }
}

fn unknown(message: String) -> Error {
    Error::argument(message).help(format!("there are {EXTENSIONS}"))
}

/// An error where ids would lose their populations.
fn check_alone(spikes: &Spikes, path: &Path) -> Result<()> {
    let Some(names) = spikes.populations() else { return Ok(()) };
    let message =
        format!("a file of this kind has no populations, but these are spikes of {}", names.join(", "));
    Err(Error::argument(message).in_file(path).help("save one, .population(name), or all in a file `.h5`"))
}

fn lines(
    spikes: &Spikes,
    path: &Path,
    header: &str,
    line: impl Fn(&mut String, f64, i64) -> std::fmt::Result + Sync,
) -> Result<()> {
    check_alone(spikes, path)?;
    let mut file = AtomicFile::create(path)?;
    let mut put = |bytes: &[u8]| file.write_all(bytes).map_err(|e| file.fault(&e));
    put(header.as_bytes())?;
    let pieces: Vec<_> = spikes.times().chunks(ROWS).zip(spikes.ids().chunks(ROWS)).collect();
    for some in pieces.chunks(PIECES) {
        work::check()?;
        let text = |(times, ids): &(&[f64], &[i64])| {
            let mut text = String::new();
            // Writing into a String cannot fail.
            for (&t, &id) in times.iter().zip(*ids) {
                let _ = line(&mut text, t, id);
            }
            text
        };
        let texts: Vec<String> = some.par_iter().map(text).collect();
        texts.iter().try_for_each(|text| put(text.as_bytes()))?;
    }
    file.commit()
}

fn binary(spikes: &Spikes, path: &Path) -> Result<()> {
    check_alone(spikes, path)?;
    let refused = |message: String| Error::argument(message).in_file(path).help("a file `.h5` holds 64 bits");
    if let Some(id) = spikes.ids().iter().find(|&&id| u32::try_from(id).is_err()) {
        return Err(refused(format!("the id {id} does not fit into the 32 bits of this format")));
    }
    if let Some(t) = spikes.times().iter().find(|&&t| !(t as f32).is_finite()) {
        return Err(refused(format!("the time {t} ms does not fit into the 32 bits of this format")));
    }
    write_file(path, |out| {
        out.write_all(&MARK.to_le_bytes())?;
        out.write_all(&VERSION.to_le_bytes())?;
        for (&t, &id) in spikes.times().iter().zip(spikes.ids()) {
            out.write_all(&(t as f32).to_le_bytes())?;
            out.write_all(&(id as u32).to_le_bytes())?;
        }
        Ok(())
    })
}

fn sonata(spikes: &Spikes, path: &Path, options: &SpikeOptions) -> Result<()> {
    let names = spikes.population_names();
    let unnamed = [options.population.as_deref().unwrap_or(UNNAMED)];
    let mut file = File::create(path)?;
    let root = file.root();
    let all = file.group(root, "spikes")?;
    let sorting = Type::enumeration(u8::TYPE, [("none", 0), ("by_id", 1), ("by_time", 2)]);
    for (at, name) in if names.is_empty() { &unnamed } else { names.as_slice() }.iter().enumerate() {
        work::check()?;
        let group = file.group(all, name)?;
        file.attribute(group, "sorting", &Array::enumeration(sorting.clone(), &[2]).shape(&[]))?;
        let mine = |id: i64| match spikes.populations() {
            Some(_) => Some(merged::unpack(id)).filter(|(population, _)| *population == at).map(|(_, id)| id),
            None => Some(id),
        };
        let (times, ids): (Vec<f64>, Vec<i64>) =
            spikes.times().iter().zip(spikes.ids()).filter_map(|(&t, &id)| Some((t, mine(id)?))).unzip();
        let node = |&id: &i64| {
            u64::try_from(id.saturating_sub(options.first_id)).map_err(|_| {
                Error::argument(format!(
                    "the id {id} cannot be one of a node, which count from {}",
                    options.first_id
                ))
                .in_file(path)
            })
        };
        let nodes = ids.iter().map(node).collect::<Result<Vec<u64>>>()?;
        let stamps = file.dataset(group, "timestamps", &Spec::fixed(f64::TYPE, &[times.len() as u64]))?;
        file.append(stamps, &Array::numbers(&times))?;
        file.attribute(stamps, "units", &Array::text("ms"))?;
        file.write(group, "node_ids", &Array::numbers(&nodes))?;
    }
    file.finish()
}
