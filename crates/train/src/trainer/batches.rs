//! Which sentences a step sees: a function of the seed and the step's number.

use crate::config::RecipeConfig;
use crate::data::random::{Purpose, stream};

/// One place in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// In the augmented texts, otherwise in the training rows.
    pub augmented: bool,
    /// Index there.
    pub index: usize,
}

/// One kind of data, gone through in a new random order every epoch.
struct Source {
    len: usize,
    per_step: usize,
    purpose_index: u64,
    seed: u64,
    /// The order of one epoch, kept because the next step most likely needs it again.
    order: Option<(u64, Vec<usize>)>,
}

impl Source {
    fn at(&mut self, k: u64) -> usize {
        let (epoch, place) = (k / self.len as u64, (k % self.len as u64) as usize);
        let order = match &mut self.order {
            Some((e, order)) if *e == epoch => order,
            slot => {
                let order = stream(self.seed, Purpose::Batch, 2 * epoch + self.purpose_index).permutation(self.len);
                &mut slot.insert((epoch, order)).1
            }
        };
        order[place]
    }
}

/// Draws batches.
pub struct Batches {
    sources: [Source; 2],
}

impl Batches {
    /// For `rows` training rows and `augmented` texts; without the latter all sentences are rows.
    pub fn new(recipe: &RecipeConfig, rows: usize, augmented: usize) -> Batches {
        let share = if augmented == 0 { 1.0 } else { recipe.labelled_share };
        let labelled = ((recipe.batch as f64 * share).round() as usize).min(recipe.batch);
        let source = |len, per_step, purpose_index| Source { len, per_step, purpose_index, seed: recipe.seed, order: None };
        Batches { sources: [source(rows, labelled, 0), source(augmented, recipe.batch - labelled, 1)] }
    }

    /// The sentences of step `number` (from 1), rows and augmented texts mixed so that chunks cost about the same.
    pub fn draw(&mut self, number: u64) -> Vec<Place> {
        let mut places = Vec::new();
        for (source, augmented) in self.sources.iter_mut().zip([false, true]) {
            let first = (number - 1) * source.per_step as u64;
            for k in 0..source.per_step as u64 {
                places.push(Place { augmented, index: source.at(first + k) });
            }
        }
        let n = places.len();
        // A fixed stride that is coprime to n deals both kinds out evenly.
        let stride = (n / 3..).find(|s| *s > 0 && num_gcd(*s, n) == 1).unwrap_or(1);
        (0..n).map(|i| places[i * stride % n]).collect()
    }
}

fn num_gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { num_gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_every_row_once_and_resuming_changes_nothing() {
        let recipe = RecipeConfig { batch: 8, labelled_share: 0.5, ..Default::default() };
        let mut batches = Batches::new(&recipe, 20, 12);
        let mut rows = Vec::new();
        for number in 1..=5 {
            let drawn = batches.draw(number);
            assert_eq!(drawn.len(), 8);
            assert_eq!(drawn, Batches::new(&recipe, 20, 12).draw(number));
            rows.extend(drawn.iter().filter(|p| !p.augmented).map(|p| p.index));
        }
        rows.sort_unstable();
        assert_eq!(rows, (0..20).collect::<Vec<_>>());
    }
}
