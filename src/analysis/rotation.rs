//! Rotations: quaternions and angles as matrices.

/// The rotation matrix of a quaternion `[w, x, y, z]`, which need not be normalised.
///
/// A quaternion of length 0 gives NaN: it is no rotation.
pub fn rotation_of_quaternion(quaternion: [f64; 4]) -> [[f64; 3]; 3] {
    let length = quaternion.iter().map(|q| q * q).sum::<f64>().sqrt();
    let [w, x, y, z] = quaternion.map(|q| q / length);
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

/// The rotation matrix of angles about the axes x, y, z (radians): R = Rx·Ry·Rz, as SONATA defines it.
pub fn rotation_of_angles([x, y, z]: [f64; 3]) -> [[f64; 3]; 3] {
    let ((sx, cx), (sy, cy), (sz, cz)) = (x.sin_cos(), y.sin_cos(), z.sin_cos());
    [
        [cy * cz, -cy * sz, sy],
        [sx * sy * cz + cx * sz, cx * cz - sx * sy * sz, -sx * cy],
        [sx * sz - cx * sy * cz, cx * sy * sz + sx * cz, cx * cy],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_about_y_is_the_same_in_both() {
        let angle: f64 = 0.3;
        let q = rotation_of_quaternion([(angle / 2.0).cos() * 2.0, 0.0, (angle / 2.0).sin() * 2.0, 0.0]);
        let a = rotation_of_angles([0.0, angle, 0.0]);
        for (x, y) in q.iter().flatten().zip(a.iter().flatten()) {
            assert!((x - y).abs() < 1e-15);
        }
        assert!((a[0][2] - angle.sin()).abs() < 1e-15 && (a[2][0] + angle.sin()).abs() < 1e-15);
    }
}
