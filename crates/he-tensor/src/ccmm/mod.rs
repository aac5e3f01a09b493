//! Products of two encrypted matrices: what attention needs, head by head.
//!
//! Queries, keys and values are (tokens × features) matrices in one vector each (see [`crate::layout`]): slot p·t + b·h + d
//! holds feature d of head h, b features a head. **Scores** come out as dense as they can be: the vector of group g holds
//! `Σ_d q[t,h,d]·k[t+g·b+j, h, d]` in slot p·t + b·h + j, so that all T² scores of a head take T/b vectors and the polynomial
//! that follows runs on T/b vectors and not on T. `scores` has this product, `values` the way back, `row` both for one
//! query alone.
//!
//! # How it was chosen
//!
//! For T = 64 tokens, b = 32 features a head:
//!
//! | way | rotations | relinearisations | levels | vectors of scores |
//! |---|---|---|---|---|
//! | one product per token offset, log₂ b rotations each to sum a head's features, masks at the end | 64 + 31 + 64·5 | 64 | 2 | 2 |
//! | one product per offset, a tree that merges two offsets per rotation, masks in each stage | 64 + 31 + 62 | 64 | 1 + 5 | 2 |
//! | the same, first stage by a monomial X^(N/4) instead of a mask | 64 + 31 + 62 | 64 | 1 + 4 | 2 |
//! | **diagonals inside the head (here)** | 93, most of them hoisted | 4 | 2 | 2 |
//!
//! The first three sum b features for every offset; a relinearisation each, which costs as much as a rotation. Here the sum
//! over features becomes a sum over products of rotated vectors, which is relinearised once per giant step: write the feature
//! as j + e; then score j is `Σ_e q[t,h,j+e]·k[t+g·b+j, h, j+e]` over −b < e < b, where the terms with j + e outside the
//! head are masked out. With the keys aligned first, `K̃[t,h,j] = k[t+j, h, j]` (a linear transform), the second factor is
//! K̃[t−e, h, j+e]: a rotation of K̃. This is the matrix product of Jiang, Kim, Lauter, Song (eprint 2018/1041, §4) with token
//! offsets in the place of its columns, and baby and giant steps over e.
//!
//! The 93 rotations are 15 babies of Q, 63 rotations of K̃, 3 giants, 11 to align K and one to bring in the second group; 47 keys
//! together with the relinearisation and the conjugation key. P·V takes as many.
//!
//! Two groups go through one product: the second one as the imaginary part of the keys. They are split by one conjugation.
//!
//! Queries and keys lose two levels, one to the alignment (keys) or the masks (queries), one to the product. Attention weights
//! lose one level on their way back to the values, and the values, which wait anyway, two.

mod heads;
mod row;
mod scores;
mod steps;
mod values;

pub use heads::HeadLayout;
pub use row::{RowScores, RowValues};
pub use scores::ScoreProduct;
pub use values::ValueProduct;
