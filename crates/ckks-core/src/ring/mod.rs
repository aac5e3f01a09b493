//! RNS polynomials.
