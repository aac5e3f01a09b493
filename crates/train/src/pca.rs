//! Principal components: the student's embedding table starts as a projection of what the teacher knows of each token.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};

use crate::teacher::Teacher;
use crate::{Error, Result};

/// Root mean square of the initial table.
const TABLE_SCALE: f32 = 0.5;

/// The student's first embedding table, vocabulary × `features`: principal components of the teacher's last hidden state
/// of each token alone, beside its word embedding, both with unit mean variance. `special` are `[CLS]` and `[SEP]` first.
///
/// # Errors
/// The teacher refuses the special tokens, or has fewer than half as many features.
pub fn initial_table(teacher: &Teacher, special: [u32; 3], features: usize) -> Result<Array2<f32>> {
    let unit = |mut a: Array2<f32>| {
        if let Some(mean) = a.mean_axis(Axis(0)) {
            a -= &mean;
        }
        let square = a.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / a.len().max(1) as f64;
        a / (square.sqrt().max(1e-12) as f32)
    };
    let states = unit(teacher.isolated_token_states(special[0], special[1])?);
    let words = unit(teacher.word_embeddings().to_owned());
    let both = concatenate(Axis(1), &[states.view(), words.view()]).map_err(|e| Error::Config(e.to_string()))?;
    if both.ncols() < features {
        return Err(Error::Config(format!(
            "a table of {features} features was asked for, the teacher gives {} to choose from",
            both.ncols()
        )));
    }
    Ok(unit(project(both.view(), features)) * TABLE_SCALE)
}

/// Rounds of subspace iteration: directions whose eigenvalue is 0.8 of the last kept one are damped to 0.8^60 ≈ 2^-19.
const ROUNDS: usize = 60;

/// The `count` leading principal components of the rows of `data` as a projection of the rows: rows × count, centred.
/// Subspace iteration with Gram–Schmidt in f64; the start is fixed, so equal data give equal bits.
pub fn project(data: ArrayView2<'_, f32>, count: usize) -> Array2<f32> {
    let width = data.ncols();
    let count = count.min(width);
    let mean = data.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(width));
    let centred = &data - &mean;
    let covariance = centred.t().dot(&centred).mapv(f64::from);
    // A fixed, dense start: no direction is left out by symmetry.
    let mut basis =
        Array2::from_shape_fn((width, count), |(i, j)| ((i * 31 + j * 17 + i * j) as f64 * 0.618_033_988_75).fract() - 0.5);
    for _ in 0..ROUNDS {
        basis = covariance.dot(&basis);
        orthonormalise(&mut basis);
    }
    centred.dot(&basis.mapv(|v| v as f32))
}

/// Modified Gram–Schmidt, twice per column for full orthogonality; a column that vanishes becomes zero.
fn orthonormalise(basis: &mut Array2<f64>) {
    for j in 0..basis.ncols() {
        for _ in 0..2 {
            for k in 0..j {
                let (earlier, mut column) = basis.multi_slice_mut((s![.., k], s![.., j]));
                let overlap = earlier.dot(&column);
                column.scaled_add(-overlap, &earlier);
            }
        }
        let mut column = basis.column_mut(j);
        let norm = column.dot(&column).sqrt();
        column.mapv_inplace(|v| if norm > 0.0 { v / norm } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_have_the_known_variances() {
        // Variances 9, 4, 1 along three known orthogonal directions, nothing elsewhere.
        let n = 64;
        let wave = |i: usize, k: usize| (std::f32::consts::TAU * (i * k) as f32 / n as f32).cos() * 2f32.sqrt();
        let data = Array2::from_shape_fn((n, 5), |(i, j)| match j {
            0 => 0.6 * 3.0 * wave(i, 1) + 0.8 * 2.0 * wave(i, 2),
            1 => 0.8 * 3.0 * wave(i, 1) - 0.6 * 2.0 * wave(i, 2),
            2 => wave(i, 3) + 7.0,
            _ => 0.0,
        });
        let p = project(data.view(), 3);
        for (j, expected) in [9.0, 4.0, 1.0].into_iter().enumerate() {
            let variance = p.column(j).dot(&p.column(j)) / n as f32;
            assert!((variance - expected).abs() < 1e-3, "component {j}: {variance}");
        }
    }
}
