//! Operations on ciphertexts.
