//! Secret, public and switching keys.
