//! A held-out slice of whole sentences.
//!
//! Rows of SST-2's training file are phrases of the same sentences. A slice of rows drawn at random would share almost
//! all its words with the rest; so whole sentences are held out, and with them every row that occurs in one of them.

use std::collections::{HashMap, HashSet};

use super::random::{Purpose, stream};
use super::tsv::Row;

/// What a split makes of the training rows: indices into them.
#[derive(Clone, Debug)]
pub struct Split {
    /// Whole sentences for training.
    pub whole: Vec<usize>,
    /// Rows for training, whole sentences among them.
    pub train: Vec<usize>,
    /// Held-out whole sentences.
    pub held_out: Vec<usize>,
    /// Held-out rows: these sentences and every row that occurs in one of them.
    pub held_out_rows: Vec<usize>,
}

/// A row inside a longer sentence: tokens `start..end` are row `row`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First token.
    pub start: usize,
    /// One past the last token.
    pub end: usize,
    /// Index of the row.
    pub row: usize,
}

/// All rows that occur inside `sentence` as runs of its tokens, itself among them. `by_ids` is from [`index_rows`];
/// `is_continuation` says which word pieces continue a word, so that no span ends inside one.
pub fn spans(sentence: &[u32], by_ids: &HashMap<&[u32], usize>, is_continuation: &dyn Fn(u32) -> bool) -> Vec<Span> {
    let mut out = Vec::new();
    for start in 0..sentence.len() {
        for end in start + 1..=sentence.len() {
            if end < sentence.len() && is_continuation(sentence[end]) {
                continue;
            }
            if let Some(&row) = by_ids.get(&sentence[start..end]) {
                out.push(Span { start, end, row });
            }
        }
    }
    out
}

/// Rows by their tokens; of equal rows the first.
pub fn index_rows(rows: &[Row]) -> HashMap<&[u32], usize> {
    let mut map = HashMap::with_capacity(rows.len());
    for (i, row) in rows.iter().enumerate() {
        map.entry(row.ids.as_slice()).or_insert(i);
    }
    map
}

/// Splits training rows: a whole sentence is a row that occurs in no longer row; `count` of them, drawn with `seed`, are
/// held out together with every row that occurs in one of them.
pub fn split(rows: &[Row], count: usize, seed: u64, is_continuation: &dyn Fn(u32) -> bool) -> Split {
    let by_ids = index_rows(rows);
    let mut inner = HashSet::new();
    let mut by_length: Vec<usize> = by_ids.values().copied().collect();
    by_length.sort_by_key(|&i| (std::cmp::Reverse(rows[i].ids.len()), i));
    for &i in &by_length {
        // What is inside an inner row is inside the row around it.
        if !inner.contains(&i) {
            let found = spans(&rows[i].ids, &by_ids, is_continuation);
            inner.extend(found.into_iter().map(|s| s.row).filter(|&r| r != i));
        }
    }
    let mut whole: Vec<usize> = by_length.into_iter().filter(|i| !inner.contains(i)).collect();
    whole.sort_unstable();
    let order = stream(seed, Purpose::HoldOut, 0).permutation(whole.len());
    let mut held_out: Vec<usize> = order.into_iter().take(count).map(|i| whole[i]).collect();
    held_out.sort_unstable();
    let mut taken = HashSet::new();
    for &i in &held_out {
        taken.extend(spans(&rows[i].ids, &by_ids, is_continuation).into_iter().map(|s| s.row));
    }
    let is_free = |row: &Row| by_ids.get(row.ids.as_slice()).is_none_or(|first| !taken.contains(first));
    let (train, held_out_rows) = (0..rows.len()).partition(|&i| is_free(&rows[i]));
    Split { whole: whole.into_iter().filter(|i| !taken.contains(i)).collect(), train, held_out, held_out_rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ids: &[u32]) -> Row {
        Row { ids: ids.to_vec(), label: 0 }
    }

    #[test]
    fn nothing_of_a_held_out_sentence_stays_in_training() {
        // Two sentences, 1 2 3 4 and 5 6 7, with phrases; 9 is a phrase of neither, 2 3 occurs twice as a row.
        let rows = [row(&[1, 2, 3, 4]), row(&[2, 3]), row(&[5, 6, 7]), row(&[6]), row(&[2, 3]), row(&[4]), row(&[9])];
        let s = split(&rows, 1, 0, &|_| false);
        assert_eq!(s.held_out.len(), 1);
        for &t in &s.train {
            for &h in &s.held_out {
                let (t, h) = (&rows[t].ids, &rows[h].ids);
                assert!(!h.windows(t.len()).any(|w| w == t.as_slice()), "{t:?} is part of held-out {h:?}");
            }
        }
        assert_eq!(s.whole.len(), 2, "two of three whole sentences stay: {s:?}");
    }

    #[test]
    fn a_span_does_not_end_inside_a_word() {
        let rows = [row(&[1, 2]), row(&[1])];
        let by_ids = index_rows(&rows);
        // Token 2 continues the word begun by token 1.
        assert_eq!(spans(&[1, 2], &by_ids, &|id| id == 2), [Span { start: 0, end: 2, row: 0 }]);
    }
}
