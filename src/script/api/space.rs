//! Regions of space.

use rhai::{Array, Dynamic};

use crate::diag::{Error, Result};
use crate::query::{self, Expr};
use crate::script::args::{number, point};
use crate::script::registry::{Answer, Api};

/// A closed region of space (µm).
#[derive(Clone, Debug)]
pub enum Region {
    /// All points within a distance of a centre.
    Sphere { center: [f64; 3], radius: f64 },
    /// All points between two corners.
    Cuboid { low: [f64; 3], high: [f64; 3] },
}

impl Region {
    /// The condition that a soma lies in it.
    pub fn condition(&self) -> Expr {
        self.holds(["x", "y", "z"])
    }

    /// The condition that the place in the columns of three coordinates lies in it.
    pub fn holds(&self, columns: [&str; 3]) -> Expr {
        match self {
            Region::Sphere { center, radius } => query::sphere(columns, *center, *radius),
            Region::Cuboid { low, high } => query::cuboid(columns, *low, *high),
        }
    }

    /// Its volume (µm³).
    pub fn volume(&self) -> f64 {
        self.shape().volume()
    }

    fn shape(&self) -> crate::analysis::Region {
        match *self {
            Region::Sphere { center, radius } => crate::analysis::Region::Sphere { center, radius },
            Region::Cuboid { low, high } => crate::analysis::Region::Cuboid { low, high },
        }
    }
}

fn sphere(center: &Array, radius: &Dynamic) -> Result<Region> {
    let (center, radius) = (point(center)?, number(radius)?);
    if radius < 0.0 || !radius.is_finite() {
        return Err(Error::argument(format!("the radius of a sphere is a length in µm, not {radius}")));
    }
    Ok(Region::Sphere { center, radius })
}

fn cuboid(a: &Array, b: &Array) -> Result<Region> {
    let (a, b) = (point(a)?, point(b)?);
    let pair = |pick: fn(f64, f64) -> f64| std::array::from_fn(|i| pick(a[i], b[i]));
    Ok(Region::Cuboid { low: pair(f64::min), high: pair(f64::max) })
}

fn array(point: [f64; 3]) -> Dynamic {
    point.into_iter().map(Dynamic::from).collect::<Array>().into()
}

pub(super) fn register(api: &mut Api) {
    api.functions();
    api.call(
        "sphere([x, y, z], radius) -> Region",
        "The points within a distance of a centre (µm), the surface included.",
        "circuit.cells(sphere([0, 1000, 0], 100.um)).count()",
        |center: Array, radius: Dynamic| -> Answer<Region> { Ok(sphere(&center, &radius)?) },
    );
    api.call(
        "cuboid([x0, y0, z0], [x1, y1, z1]) -> Region",
        "The points between two corners (µm), the sides included.",
        "circuit.cells(cuboid([-50, 500, -50], [50, 900, 50])).by(\"mtype\").count()",
        |a: Array, b: Array| -> Answer<Region> { Ok(cuboid(&a, &b)?) },
    );
    api.on::<Region>("Region");
    api.property(
        "volume -> float",
        "Its volume (µm³).",
        "sphere([0, 0, 0], 2.0).volume",
        |r: &mut Region| r.volume(),
    );
    api.property(
        "bounds -> array",
        "The two corners of the box around it.",
        "sphere([0, 0, 0], 2.0).bounds",
        |r: &mut Region| -> Array {
            let [low, high] = r.shape().bounding_box();
            vec![array(low), array(high)]
        },
    );
    api.call(
        "contains([x, y, z]) -> bool",
        "Whether a point lies in it.",
        "sphere([0, 0, 0], 2.0).contains([2, 0, 0])",
        |r: &mut Region, p: Array| -> Answer<bool> { Ok(r.shape().contains(point(&p)?)) },
    );
    api.call(
        "contains_strictly([x, y, z]) -> bool",
        "Whether a point lies in it, and not on its surface.",
        "sphere([0, 0, 0], 2.0).contains_strictly([2, 0, 0])",
        |r: &mut Region, p: Array| -> Answer<bool> { Ok(r.shape().contains_strictly(point(&p)?)) },
    );
}
