//! Keys. Everything that can read a ciphertext stands behind the feature `secret`.

mod evaluation;
#[cfg(feature = "secret")]
mod generate;
mod public;
mod requirements;
#[cfg(feature = "secret")]
mod secret;
mod switching;

pub use evaluation::EvaluationKeys;
#[cfg(feature = "secret")]
pub use generate::KeyGenerator;
pub use public::PublicKey;
pub use requirements::KeyRequirements;
#[cfg(feature = "secret")]
pub use secret::SecretKey;
pub use switching::{GadgetShape, SwitchingKey};

/// A random identifier that a secret key and everything made with it carry.
pub type KeyId = [u8; 16];
