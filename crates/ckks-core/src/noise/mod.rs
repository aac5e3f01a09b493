//! How many bits are right.
