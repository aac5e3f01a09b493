//! Training data: rows of SST-2, the held-out slice, augmented texts, the teacher's cached answers.

pub mod augment;
pub mod corpus;
pub mod labels;
pub mod neighbours;
pub mod random;
pub mod split;
pub mod tsv;
