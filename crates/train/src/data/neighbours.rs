//! Near neighbours of word pieces in the teacher's word embeddings.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

/// For some tokens the tokens of most similar embedding.
#[derive(Clone, Debug)]
pub struct Neighbours {
    lists: Vec<Vec<u32>>,
}

impl Neighbours {
    /// The `count` nearest tokens (cosine of centred embeddings) of every token that `wanted` marks. Only tokens that
    /// `candidate` marks are given as neighbours, and never the token itself. Both are as long as the vocabulary.
    pub fn find(embeddings: ArrayView2<'_, f32>, wanted: &[bool], candidate: &[bool], count: usize) -> Neighbours {
        let mut unit: Array2<f32> = embeddings.to_owned();
        if let Some(mean) = unit.mean_axis(Axis(0)) {
            unit -= &mean;
        }
        for mut row in unit.axis_iter_mut(Axis(0)) {
            let norm = row.dot(&row).sqrt().max(1e-12);
            row.mapv_inplace(|v| v / norm);
        }
        let blocks: Vec<usize> = (0..unit.nrows()).step_by(128).collect();
        let lists = blocks
            .into_par_iter()
            .flat_map_iter(|start| {
                let end = (start + 128).min(unit.nrows());
                if !wanted[start..end].iter().any(|&w| w) {
                    return vec![Vec::new(); end - start];
                }
                let similarity = unit.slice(s![start..end, ..]).dot(&unit.t());
                (start..end)
                    .map(|token| {
                        if !wanted[token] {
                            return Vec::new();
                        }
                        let row = similarity.row(token - start);
                        let mut near: Vec<u32> =
                            (0..unit.nrows() as u32).filter(|&j| j as usize != token && candidate[j as usize]).collect();
                        let by_similarity = |a: &u32, b: &u32| row[*b as usize].total_cmp(&row[*a as usize]).then(a.cmp(b));
                        if near.len() > count {
                            near.select_nth_unstable_by(count, by_similarity);
                            near.truncate(count);
                        }
                        near.sort_by(by_similarity);
                        near
                    })
                    .collect()
            })
            .collect();
        Neighbours { lists }
    }

    /// Neighbours of `token`, nearest first; empty where none were asked for.
    pub fn of(&self, token: u32) -> &[u32] {
        self.lists.get(token as usize).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_nearest_is_the_one_in_the_same_direction() {
        let e = array![[1.0, 0.1], [1.0, 0.0], [-1.0, 0.0], [0.0, -1.0]];
        let n = Neighbours::find(e.view(), &[true, false, false, false], &[true; 4], 2);
        assert_eq!(n.of(0)[0], 1);
        assert_eq!(n.of(0).len(), 2);
        assert!(n.of(1).is_empty());
    }
}
