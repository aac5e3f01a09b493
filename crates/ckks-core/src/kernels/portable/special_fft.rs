//! Transforms of slots, stage by stage.

use crate::kernels::special_fft::ComplexRoots;

#[inline(always)]
pub fn embed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    bit_reverse(re);
    bit_reverse(im);
    let mut half = 1;
    while half < re.len() {
        for_pairs(roots, re, im, half, |a_re, a_im, b_re, b_im, w_re, w_im| {
            let (t_re, t_im) = (*b_re * w_re - *b_im * w_im, *b_re * w_im + *b_im * w_re);
            (*b_re, *b_im) = (*a_re - t_re, *a_im - t_im);
            (*a_re, *a_im) = (*a_re + t_re, *a_im + t_im);
        });
        half *= 2;
    }
}

#[inline(always)]
pub fn unembed(roots: &ComplexRoots, re: &mut [f64], im: &mut [f64]) {
    let mut half = re.len() / 2;
    while half >= 1 {
        for_pairs(roots, re, im, half, |a_re, a_im, b_re, b_im, w_re, w_im| {
            let (d_re, d_im) = (*a_re - *b_re, *a_im - *b_im);
            (*a_re, *a_im) = (*a_re + *b_re, *a_im + *b_im);
            (*b_re, *b_im) = (d_re * w_re + d_im * w_im, d_im * w_re - d_re * w_im);
        });
        half /= 2;
    }
    let factor = 1.0 / re.len() as f64; // a power of two: exact
    for part in [re, im] {
        bit_reverse(part);
        part.iter_mut().for_each(|x| *x *= factor);
    }
}

/// Runs `f` on every pair of a stage, with its root.
#[inline(always)]
fn for_pairs(
    roots: &ComplexRoots,
    re: &mut [f64],
    im: &mut [f64],
    half: usize,
    f: impl Fn(&mut f64, &mut f64, &mut f64, &mut f64, f64, f64),
) {
    let (w_re, w_im) = roots.parts();
    let (w_re, w_im) = (&w_re[half..2 * half], &w_im[half..2 * half]);
    for (re, im) in re.chunks_exact_mut(2 * half).zip(im.chunks_exact_mut(2 * half)) {
        let ((a_re, b_re), (a_im, b_im)) = (re.split_at_mut(half), im.split_at_mut(half));
        let (b_re, a_im, b_im) = (&mut b_re[..half], &mut a_im[..half], &mut b_im[..half]);
        for i in 0..half {
            f(&mut a_re[i], &mut a_im[i], &mut b_re[i], &mut b_im[i], w_re[i], w_im[i]);
        }
    }
}

fn bit_reverse(values: &mut [f64]) {
    let n = values.len();
    if n <= 2 {
        return;
    }
    let shift = usize::BITS - n.ilog2();
    for i in 0..n {
        let j = i.reverse_bits() >> shift;
        if i < j {
            values.swap(i, j);
        }
    }
}
