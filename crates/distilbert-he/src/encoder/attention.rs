//! Multi-head self-attention on a ragged batch: sentences stand below each other without padding.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, linalg::general_mat_mul, s};

use super::Real;

/// softmax(q kᵀ / √head_dim) v for every head and sentence (Vaswani et al. 2017, arXiv:1706.03762, §3.2).
///
/// `q` has the rows `queries[i]` for sentence `i`, `k` and `v` the rows `keys[i]`; all are (rows × dim) with head h in columns
/// h·head_dim … (h+1)·head_dim. The result has `q`'s shape.
pub(super) fn attend<F: Real>(
    q: ArrayView2<F>,
    k: ArrayView2<F>,
    v: ArrayView2<F>,
    queries: &[Range<usize>],
    keys: &[Range<usize>],
    n_heads: usize,
) -> Array2<F> {
    let head_dim = q.ncols() / n_heads;
    let scale = F::from_f64(1.0 / (head_dim as f64).sqrt());
    let mut context = Array2::zeros(q.dim());
    for (rows, tokens) in queries.iter().zip(keys) {
        let mut scores = Array2::zeros((rows.len(), tokens.len()));
        for head in 0..n_heads {
            let columns = head * head_dim..(head + 1) * head_dim;
            let q = q.slice(s![rows.clone(), columns.clone()]);
            let k = k.slice(s![tokens.clone(), columns.clone()]);
            general_mat_mul(scale, &q, &k.t(), F::zero(), &mut scores);
            scores.rows_mut().into_iter().for_each(softmax);
            let v = v.slice(s![tokens.clone(), columns.clone()]);
            let mut out: ArrayViewMut2<F> = context.slice_mut(s![rows.clone(), columns]);
            general_mat_mul(F::one(), &scores, &v, F::zero(), &mut out);
        }
    }
    context
}

/// In-place softmax, shifted by the maximum so that nothing overflows.
fn softmax<F: Real>(mut row: ArrayViewMut1<F>) {
    let largest = row.iter().copied().fold(F::neg_infinity(), F::max);
    row.mapv_inplace(|x| (x - largest).exp());
    let sum = row.sum();
    row.mapv_inplace(|x| x / sum);
}
