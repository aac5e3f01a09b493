//! Texts for the teacher to label, with the length distribution of whole sentences.
//!
//! Text `i` depends on the seed and `i` alone. 40 % are one row, 30 % a whole sentence with one constituent replaced by
//! another row, 30 % two rows joined; 70 % of all then get noise on their tokens.

use serde::{Deserialize, Serialize};

use super::neighbours::Neighbours;
use super::random::{Purpose, Stream, stream};
use super::split::{Span, Split, index_rows, spans};
use super::tsv::Row;

/// Shares and rates of the augmentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AugmentConfig {
    /// Share of texts that are one row.
    pub one_row: f32,
    /// Share of texts with a constituent replaced; the rest are two rows joined.
    pub swap: f32,
    /// Share of texts whose tokens get noise.
    pub noisy: f32,
    /// Of noisy texts: highest rate of tokens replaced by `[MASK]`.
    pub mask: f32,
    /// Of noisy texts: highest rate of tokens dropped.
    pub drop: f32,
    /// Of noisy texts: lowest and highest rate of tokens replaced by a near neighbour.
    pub neighbour: [f32; 2],
    /// Of noisy texts: lowest and highest rate of tokens replaced by a random token.
    pub random: [f32; 2],
    /// Neighbours to choose from.
    pub neighbours: usize,
    /// Longest text in tokens, without `[CLS]` and `[SEP]`.
    pub max_tokens: usize,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        AugmentConfig {
            one_row: 0.4,
            swap: 0.3,
            noisy: 0.7,
            mask: 0.1,
            drop: 0.05,
            neighbour: [0.05, 0.25],
            random: [0.02, 0.05],
            neighbours: 8,
            max_tokens: 64,
        }
    }
}

/// Makes augmented texts from the training side of a split.
pub struct Augmenter<'a> {
    rows: &'a [Row],
    config: AugmentConfig,
    seed: u64,
    /// Whole sentences with the constituents inside them.
    sentences: Vec<(usize, Vec<Span>)>,
    /// Training rows by their number of tokens.
    by_length: Vec<Vec<usize>>,
    neighbours: &'a Neighbours,
    /// Tokens that random replacement draws from.
    tokens: Vec<u32>,
    mask_id: u32,
}

impl<'a> Augmenter<'a> {
    /// Prepares constituents and length classes. `mask_id` is `[MASK]`; `is_continuation` marks word pieces that continue
    /// a word.
    pub fn new(
        rows: &'a [Row],
        split: &Split,
        neighbours: &'a Neighbours,
        config: AugmentConfig,
        seed: u64,
        mask_id: u32,
        is_continuation: &dyn Fn(u32) -> bool,
    ) -> Augmenter<'a> {
        let by_ids = index_rows(rows);
        let is_train: Vec<bool> = {
            let mut v = vec![false; rows.len()];
            split.train.iter().for_each(|&i| v[i] = true);
            v
        };
        let sentences = split
            .whole
            .iter()
            .map(|&i| {
                let n = rows[i].ids.len();
                let inner = spans(&rows[i].ids, &by_ids, is_continuation)
                    .into_iter()
                    .filter(|s| is_train[s.row] && s.end - s.start < n)
                    .collect();
                (i, inner)
            })
            .collect();
        let mut by_length = vec![Vec::new(); config.max_tokens + 1];
        let mut tokens = Vec::new();
        for &i in &split.train {
            if let Some(class) = by_length.get_mut(rows[i].ids.len()) {
                class.push(i);
            }
            tokens.extend_from_slice(&rows[i].ids);
        }
        tokens.sort_unstable();
        tokens.dedup();
        Augmenter { rows, config, seed, sentences, by_length, neighbours, tokens, mask_id }
    }

    /// Text `index`: word pieces, between 1 and `max_tokens` of them.
    pub fn text(&self, index: u64) -> Vec<u32> {
        let mut rng = stream(self.seed, Purpose::Augment, index);
        let kind = rng.uniform();
        let (sentence, inner) = &self.sentences[rng.below(self.sentences.len())];
        let sentence = &self.rows[*sentence].ids;
        let target = sentence.len().clamp(1, self.config.max_tokens);
        let mut ids = if kind < self.config.one_row {
            self.row_near(target, &mut rng).to_vec()
        } else if kind < self.config.one_row + self.config.swap {
            self.swapped(sentence, inner, &mut rng)
        } else {
            let first = 1 + rng.below(target.max(2) - 1);
            let mut ids = self.row_near(first, &mut rng).to_vec();
            ids.extend_from_slice(self.row_near(target.saturating_sub(ids.len()).max(1), &mut rng));
            ids
        };
        if rng.uniform() < self.config.noisy {
            self.add_noise(&mut ids, &mut rng);
        }
        ids.truncate(self.config.max_tokens);
        ids
    }

    /// A training row of about `length` tokens.
    fn row_near(&self, length: usize, rng: &mut Stream) -> &[u32] {
        let widest = self.by_length.len();
        let mut reach = 1;
        loop {
            let low = length.saturating_sub(reach);
            let high = (length + reach).min(widest - 1);
            let total: usize = self.by_length[low.min(widest - 1)..=high].iter().map(Vec::len).sum();
            if total > 0 {
                let mut k = rng.below(total);
                for class in &self.by_length[low.min(widest - 1)..=high] {
                    if k < class.len() {
                        return &self.rows[class[k]].ids;
                    }
                    k -= class.len();
                }
            }
            if low == 0 && high == widest - 1 {
                return &[];
            }
            reach *= 2;
        }
    }

    fn swapped(&self, sentence: &[u32], inner: &[Span], rng: &mut Stream) -> Vec<u32> {
        if inner.is_empty() {
            return sentence.to_vec();
        }
        let span = inner[rng.below(inner.len())];
        let mut ids = sentence[..span.start].to_vec();
        ids.extend_from_slice(self.row_near(span.end - span.start, rng));
        ids.extend_from_slice(&sentence[span.end..]);
        ids
    }

    fn add_noise(&self, ids: &mut Vec<u32>, rng: &mut Stream) {
        let c = &self.config;
        let mask = rng.between(0.0, c.mask);
        let drop = rng.between(0.0, c.drop);
        let neighbour = rng.between(c.neighbour[0], c.neighbour[1]);
        let random = rng.between(c.random[0], c.random[1]);
        let before = std::mem::take(ids);
        for &id in &before {
            let u = rng.uniform();
            let near = self.neighbours.of(id);
            if u < mask {
                ids.push(self.mask_id);
            } else if u < mask + drop {
            } else if u < mask + drop + neighbour && !near.is_empty() {
                ids.push(near[rng.below(near.len())]);
            } else if u >= 1.0 - random {
                ids.push(self.tokens[rng.below(self.tokens.len())]);
            } else {
                ids.push(id);
            }
        }
        if ids.is_empty() {
            *ids = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::split;

    #[test]
    fn texts_are_repeatable_and_in_range() {
        let rows: Vec<Row> =
            (0..40u32).map(|i| Row { ids: (0..=i % 9).map(|k| 10 + (i * 7 + k * k) % 50).collect(), label: 0 }).collect();
        let s = split(&rows, 3, 1, &|_| false);
        let e = ndarray::Array2::from_shape_fn((64, 4), |(i, j)| ((i * (j + 3)) % 11) as f32);
        let n = Neighbours::find(e.view(), &[true; 64], &[true; 64], 3);
        let make = || Augmenter::new(&rows, &s, &n, AugmentConfig { max_tokens: 12, ..Default::default() }, 5, 1, &|_| false);
        let (a, b) = (make(), make());
        let mut different = std::collections::HashSet::new();
        for i in 0..500 {
            let t = a.text(i);
            assert_eq!(t, b.text(i));
            assert!((1..=12).contains(&t.len()));
            different.insert(t);
        }
        assert!(different.len() > 250, "{} different texts of 500", different.len());
    }
}
