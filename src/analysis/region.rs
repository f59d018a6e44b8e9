//! Regions of space, and densities of cells in them.

use std::f64::consts::PI;

use crate::diag::{Error, Result};

/// A closed region of space: what lies on its surface is inside (BluePy's `Sphere` and `Cube`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// All points at most `radius` from `center`, in µm.
    Sphere {
        /// x, y, z in µm.
        center: [f64; 3],
        /// In µm.
        radius: f64,
    },
    /// All points between two corners, in µm.
    Cuboid {
        /// The lower corner.
        low: [f64; 3],
        /// The upper corner.
        high: [f64; 3],
    },
}

impl Region {
    /// A sphere.
    ///
    /// # Errors
    /// When the center is not finite, or the radius is negative or not finite.
    pub fn sphere(center: [f64; 3], radius: f64) -> Result<Self> {
        finite(center)?;
        if !(radius >= 0.0 && radius.is_finite()) {
            return Err(Error::argument(format!("a sphere cannot have the radius {radius}")));
        }
        Ok(Region::Sphere { center, radius })
    }

    /// The cuboid between two opposite corners, in whatever order.
    ///
    /// # Errors
    /// When a corner is not finite.
    pub fn cuboid(a: [f64; 3], b: [f64; 3]) -> Result<Self> {
        finite(a)?;
        finite(b)?;
        Ok(Region::Cuboid { low: [0, 1, 2].map(|i| a[i].min(b[i])), high: [0, 1, 2].map(|i| a[i].max(b[i])) })
    }

    /// The cube of the given side around a center, as BluePy writes it.
    ///
    /// # Errors
    /// When the center is not finite, or the side is negative or not finite.
    pub fn cube(center: [f64; 3], side: f64) -> Result<Self> {
        if !(side >= 0.0 && side.is_finite()) {
            return Err(Error::argument(format!("a cube cannot have the side {side}")));
        }
        Region::cuboid(center.map(|c| c - side / 2.0), center.map(|c| c + side / 2.0))
    }

    /// In µm³.
    pub fn volume(&self) -> f64 {
        match self {
            Region::Sphere { radius, .. } => 4.0 / 3.0 * PI * radius.powi(3),
            Region::Cuboid { low, high } => (0..3).map(|i| high[i] - low[i]).product(),
        }
    }

    /// The lower and the upper corner of the smallest cuboid around it, in µm.
    pub fn bounding_box(&self) -> [[f64; 3]; 2] {
        match *self {
            Region::Sphere { center, radius } => [center.map(|c| c - radius), center.map(|c| c + radius)],
            Region::Cuboid { low, high } => [low, high],
        }
    }

    /// Whether a point is inside or on the surface. A point with NaN is not.
    pub fn contains(&self, point: [f64; 3]) -> bool {
        match self {
            Region::Sphere { center, radius } => {
                (0..3).map(|i| (point[i] - center[i]).powi(2)).sum::<f64>() <= radius * radius
            }
            Region::Cuboid { low, high } => (0..3).all(|i| point[i] >= low[i] && point[i] <= high[i]),
        }
    }

    /// Whether a point is inside and not on the surface (BluePy's `closed=False`).
    pub fn contains_strictly(&self, point: [f64; 3]) -> bool {
        match self {
            Region::Sphere { center, radius } => {
                (0..3).map(|i| (point[i] - center[i]).powi(2)).sum::<f64>() < radius * radius
            }
            Region::Cuboid { low, high } => (0..3).all(|i| point[i] > low[i] && point[i] < high[i]),
        }
    }
}

fn finite(point: [f64; 3]) -> Result<()> {
    if point.iter().all(|c| c.is_finite()) {
        return Ok(());
    }
    Err(Error::argument(format!("{point:?} is not a place")))
}

/// Cells per mm³: 10⁹·count/volume, the volume in µm³ (BluePy's `cell_density`; it does for synapses as well).
/// NaN where the volume is 0.
pub fn cell_density(count: u64, volume: f64) -> f64 {
    if volume == 0.0 { f64::NAN } else { 1e9 * count as f64 / volume }
}

/// Boutons per µm of axon: (efferent synapses / synapses per bouton) / axon length (BluePy's `bouton_density`;
/// Reimann et al. 2015 take 1.2 synapses a bouton, the CA1 model 1.15). NaN where there is no axon.
pub fn bouton_density(efferent_synapses: u64, axon_length: f64, synapses_per_bouton: f64) -> f64 {
    if axon_length == 0.0 { f64::NAN } else { efferent_synapses as f64 / synapses_per_bouton / axon_length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sphere_is_closed() {
        let sphere = Region::sphere([0.0; 3], 2.0).unwrap();
        assert!((sphere.volume() - 33.510_321_638_291_124).abs() < 1e-12);
        assert_eq!(sphere.bounding_box(), [[-2.0; 3], [2.0; 3]]);
        assert!(sphere.contains([2.0, 0.0, 0.0]) && !sphere.contains([2.001, 0.0, 0.0]));
        assert!(!sphere.contains_strictly([2.0, 0.0, 0.0]) && sphere.contains_strictly([1.0, 1.0, 1.0]));
        assert!(!sphere.contains([f64::NAN, 0.0, 0.0]));
    }

    #[test]
    fn a_cuboid_is_closed_and_takes_its_corners_in_any_order() {
        let cube = Region::cube([0.0; 3], 2.0).unwrap();
        assert!(cube.contains([1.0, 0.0, 0.0]) && !cube.contains_strictly([1.0, 0.0, 0.0]));
        let cuboid = Region::cuboid([4.0, 0.0, 1.0], [0.0, 2.0, 0.0]).unwrap();
        assert_eq!((cuboid.volume(), cuboid.bounding_box()), (8.0, [[0.0; 3], [4.0, 2.0, 1.0]]));
    }

    #[test]
    fn impossible_regions_are_refused() {
        assert!(
            Region::sphere([0.0; 3], -1.0).is_err() && Region::sphere([0.0, f64::NAN, 0.0], 1.0).is_err()
        );
        assert!(
            Region::cuboid([0.0; 3], [f64::INFINITY; 3]).is_err() && Region::cube([0.0; 3], -1.0).is_err()
        );
    }

    #[test]
    fn densities() {
        assert_eq!(cell_density(11, 300f64.powi(3)), 407.407_407_407_407_4);
        assert_eq!(bouton_density(1200, 6000.0, 1.0), 0.2);
        assert!(cell_density(3, 0.0).is_nan() && bouton_density(3, 0.0, 1.2).is_nan());
    }
}
