//! Numbers with units, and small functions.

use std::ops::{Range, RangeInclusive};

use rhai::{Array, Dynamic, FnPtr, Map, NativeCallContext, Variant};

use super::cells::matrix_array;
use crate::analysis;
use crate::diag::{Error, Result};
use crate::formats::bbp::target::{expect_gid, parse_gid};
use crate::query::Table;
use crate::script::args::number;
use crate::script::convert::UNITS;
use crate::script::registry::{Answer, Api};

/// The numbers under a key of a map.
fn list(map: &Map, key: &str) -> Result<Vec<f64>> {
    let Some(value) = map.get(key) else { return Ok(Vec::new()) };
    match value.read_lock::<Array>() {
        Some(array) => array.iter().map(number).collect(),
        None => Ok(vec![number(value)?]),
    }
}

/// Ranges of whole numbers answer what arrays answer.
fn ranges<R: Iterator<Item = i64> + Variant + Clone>(api: &mut Api) {
    fn test(ctx: &NativeCallContext, f: &FnPtr, i: i64) -> Answer<bool> {
        f.call_within_context(ctx, (i,))
    }
    api.also("map", |ctx: NativeCallContext, r: &mut R, f: FnPtr| -> Answer<Array> {
        r.clone().map(|i| f.call_within_context::<Dynamic>(&ctx, (i,))).collect()
    });
    api.also("filter", |ctx: NativeCallContext, r: &mut R, f: FnPtr| -> Answer<Array> {
        let mut kept = Array::new();
        for i in r.clone() {
            if test(&ctx, &f, i)? {
                kept.push(i.into());
            }
        }
        Ok(kept)
    });
    api.also("all", |ctx: NativeCallContext, r: &mut R, f: FnPtr| -> Answer<bool> {
        for i in r.clone() {
            if !test(&ctx, &f, i)? {
                return Ok(false);
            }
        }
        Ok(true)
    });
    api.also("some", |ctx: NativeCallContext, r: &mut R, f: FnPtr| -> Answer<bool> {
        for i in r.clone() {
            if test(&ctx, &f, i)? {
                return Ok(true);
            }
        }
        Ok(false)
    });
    api.also("to_array", |r: &mut R| -> Array { r.clone().map(Dynamic::from).collect() });
}

pub(super) fn register(api: &mut Api) {
    for &(name, factor) in UNITS {
        let engine = api.engine();
        engine.register_get(name, move |x: &mut f64| *x * factor);
        #[allow(clippy::cast_precision_loss)]
        engine.register_get(name, move |x: &mut i64| *x as f64 * factor);
    }
    ranges::<Range<i64>>(api);
    ranges::<RangeInclusive<i64>>(api);
    api.functions();
    api.call(
        "gid(text) -> int",
        "The gid in a target file's word: `a42` is 42.",
        "gid(\"a42\")",
        |text: &str| -> Answer<i64> { Ok(expect_gid(text)?) },
    );
    api.call(
        "is_gid(text) -> bool",
        "Whether a word of a target file is a gid.",
        "is_gid(\"a42\")",
        |text: &str| parse_gid(text).is_some(),
    );
    api.call(
        "rotation_euler(#{x, y, z}) -> array",
        "Rotation matrices from lists of angles about the axes (radians): R = Rx·Ry·Rz. Missing angles are 0.",
        "rotation_euler(#{y: [0.0, 1.5707963]})",
        |angles: Map| -> Answer<Array> {
            let [x, y, z] = [list(&angles, "x")?, list(&angles, "y")?, list(&angles, "z")?];
            let rows = x.len().max(y.len()).max(z.len());
            if [&x, &y, &z].iter().any(|l| !l.is_empty() && l.len() != rows) {
                return Err(Error::argument("the lists of angles have different lengths").into());
            }
            let at = |l: &[f64], i: usize| l.get(i).copied().unwrap_or(0.0);
            Ok((0..rows)
                .map(|i| matrix_array(analysis::rotation_of_angles([at(&x, i), at(&y, i), at(&z, i)])))
                .collect())
        },
    );
    api.call(
        "rotation_quaternion(#{w, x, y, z}) -> array",
        "Rotation matrices from lists of quaternions, which need not be normalised.",
        "rotation_quaternion(#{w: [1.0], x: [0.0], y: [0.0], z: [0.0]})",
        |q: Map| -> Answer<Array> {
            let lists = [list(&q, "w")?, list(&q, "x")?, list(&q, "y")?, list(&q, "z")?];
            let rows = lists.iter().map(Vec::len).max().unwrap_or(0);
            if lists.iter().any(|l| l.len() != rows) {
                return Err(
                    Error::argument("the lists of a quaternion's parts have different lengths").into()
                );
            }
            Ok((0..rows)
                .map(|i| matrix_array(analysis::rotation_of_quaternion(std::array::from_fn(|p| lists[p][i]))))
                .collect())
        },
    );
    api.call(
        "table(rows) -> Table",
        "A table from an array of maps with the same keys.",
        "table([#{a: 1, b: \"x\"}, #{a: 2, b: \"y\"}])",
        |rows: Array| -> Answer<Table> { Ok(super::table::table_of_maps(&rows)?) },
    );
    api.engine().register_fn("is_nan", |x: Dynamic| x.as_float().is_ok_and(f64::is_nan));
}
