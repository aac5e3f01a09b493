//! Which sentences of a list share a ciphertext.

use std::collections::BTreeMap;

use super::ClientModel;
use crate::Result;
use crate::message::BatchGroup;

/// The queries of a batch: length classes in ascending order, as many sentences in each ciphertext as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPlan {
    /// The queries in their order.
    pub queries: Vec<PlannedQuery>,
    /// What the server sees of it.
    pub groups: Vec<BatchGroup>,
}

/// One ciphertext of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedQuery {
    /// Its length class.
    pub positions: usize,
    /// Numbers of its sentences, in the order of their places.
    pub members: Vec<usize>,
}

impl BatchPlan {
    /// Groups sentences, given by number and tokens, by length class.
    ///
    /// # Errors
    /// A sentence without tokens or too long for every class.
    pub fn new(model: &ClientModel, sentences: impl IntoIterator<Item = (usize, usize)>) -> Result<Self> {
        let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, tokens) in sentences {
            classes.entry(model.positions_of(tokens)?).or_default().push(number);
        }
        let mut plan = Self { queries: Vec::new(), groups: Vec::new() };
        for (positions, members) in classes {
            let before = plan.queries.len();
            let together = members.chunks(model.compiled().layout(positions)?.sentences());
            plan.queries.extend(together.map(|some| PlannedQuery { positions, members: some.to_vec() }));
            plan.groups.push(BatchGroup { positions, sentences: members.len(), queries: plan.queries.len() - before });
        }
        Ok(plan)
    }
}
