//! Texts for the teacher to label, with the length distribution of whole sentences.
//!
//! Text `i` depends on the seed and `i` alone. Some are one row, some a whole sentence with constituents replaced by other
//! rows, some two rows joined; some of each then get noise on their tokens.

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
    /// Share of texts with constituents replaced; the rest are two rows joined.
    pub swap: f32,
    /// Of these: fewest and most constituents drawn for replacement; one that overlaps another is left.
    #[serde(skip_serializing_if = "is_one_swap")]
    pub swaps: [usize; 2],
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

const ONE_SWAP: [usize; 2] = [1, 1];

// At its default it stays out of the JSON, and with it out of the digest of cached labels, which is older than the field.
fn is_one_swap(swaps: &[usize; 2]) -> bool {
    *swaps == ONE_SWAP
}

impl Default for AugmentConfig {
    fn default() -> Self {
        AugmentConfig {
            one_row: 0.4,
            swap: 0.3,
            swaps: ONE_SWAP,
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
    /// Prepares constituents and length classes. Of `neighbours` the nearest are drawn from, as many as `config` says. `mask_id`
    /// is `[MASK]`; `is_continuation` marks word pieces that continue a word.
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
        let [fewest, most] = self.config.swaps;
        let count = if fewest < most { fewest + rng.below(most - fewest + 1) } else { fewest };
        let mut chosen: Vec<Span> = Vec::new();
        for _ in 0..count {
            let span = inner[rng.below(inner.len())];
            if chosen.iter().all(|c| span.end <= c.start || c.end <= span.start) {
                chosen.push(span);
            }
        }
        chosen.sort_unstable_by_key(|c| c.start);
        let (mut ids, mut kept) = (Vec::new(), 0);
        for span in chosen {
            ids.extend_from_slice(&sentence[kept..span.start]);
            ids.extend_from_slice(self.row_near(span.end - span.start, rng));
            kept = span.end;
        }
        ids.extend_from_slice(&sentence[kept..]);
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
            let near = &near[..near.len().min(c.neighbours)];
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

    #[test]
    fn several_constituents_are_replaced_and_the_rest_stays() {
        // A sentence 1 … 9 with constituents of one token at its odd places, and tokens 100 … 104 to put there.
        let row = |ids: &[u32]| Row { ids: ids.to_vec(), label: 0 };
        let sentence: Vec<u32> = (1..=9).collect();
        let mut rows = vec![row(&sentence)];
        rows.extend([1, 3, 5, 7, 9, 100, 101, 102, 103, 104].map(|id| row(&[id])));
        let split = Split { whole: vec![0], train: (0..rows.len()).collect(), held_out: vec![], held_out_rows: vec![] };
        let neighbours = Neighbours::find(ndarray::Array2::zeros((200, 1)).view(), &[false; 200], &[false; 200], 1);
        let config = AugmentConfig { one_row: 0.0, swap: 1.0, swaps: [2, 4], noisy: 0.0, max_tokens: 9, ..Default::default() };
        let augmenter = Augmenter::new(&rows, &split, &neighbours, config, 3, 0, &|_| false);
        let mut counts = std::collections::BTreeSet::new();
        for i in 0..200 {
            let text = augmenter.text(i);
            assert_eq!(text.len(), 9, "{text:?}");
            assert!((1..9).step_by(2).all(|k| text[k] == sentence[k]), "an even token changed: {text:?}");
            counts.insert(text.iter().zip(&sentence).filter(|(a, b)| a != b).count());
        }
        assert!(counts.iter().any(|&c| c > 1), "never more than one replaced: {counts:?}");
        assert!(counts.iter().all(|&c| c <= 4), "more than four replaced: {counts:?}");
    }
}
