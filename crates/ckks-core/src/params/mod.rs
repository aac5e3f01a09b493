//! Parameters and their security.
