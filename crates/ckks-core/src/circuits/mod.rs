//! Circuits written once over any arithmetic on slots.
