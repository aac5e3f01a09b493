//! The file container.
