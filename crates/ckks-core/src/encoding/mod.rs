//! Slots to polynomials and back.
