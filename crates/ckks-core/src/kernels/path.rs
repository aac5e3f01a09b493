//! Which implementation runs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Result};

/// An implementation of the kernels. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KernelPath {
    /// Plain Rust throughout.
    Portable,
    /// Transforms by the `concrete-ntt` crate (which has vector code of its own), the rest in plain Rust.
    ConcreteNtt,
    /// AVX-512 with 52-bit multiply-add.
    Ifma,
}

impl KernelPath {
    /// The name that the environment variable `CKKS_KERNELS` and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::ConcreteNtt => "concrete-ntt",
            Self::Ifma => "ifma",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Portable, Self::ConcreteNtt, Self::Ifma].into_iter().find(|p| p.name() == name)
    }

    /// True if this CPU has what the path needs.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable | Self::ConcreteNtt => true,
            Self::Ifma => ifma_available(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn ifma_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512ifma")
}

#[cfg(not(target_arch = "x86_64"))]
fn ifma_available() -> bool {
    false
}

/// 0: nothing forced; otherwise the path's number plus one.
static FORCED: AtomicU8 = AtomicU8::new(0);

/// The path of this process: the forced one, else the one in `CKKS_KERNELS` if this CPU has it, else the fastest.
#[inline]
pub fn active_path() -> KernelPath {
    match FORCED.load(Ordering::Relaxed) {
        1 => KernelPath::Portable,
        2 => KernelPath::ConcreteNtt,
        3 => KernelPath::Ifma,
        _ => default_path(),
    }
}

#[inline]
fn default_path() -> KernelPath {
    static DEFAULT: OnceLock<KernelPath> = OnceLock::new();
    *DEFAULT.get_or_init(|| {
        let wanted = std::env::var("CKKS_KERNELS").ok().and_then(|name| KernelPath::from_name(&name));
        let fastest = if KernelPath::Ifma.is_available() { KernelPath::Ifma } else { KernelPath::ConcreteNtt };
        wanted.filter(|p| p.is_available()).unwrap_or(fastest)
    })
}

/// True where the kernels other than the transforms run on the IFMA path.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(super) fn ifma_active() -> bool {
    active_path() == KernelPath::Ifma
}

/// Forces a path for the whole process, or with `None` goes back to the default: for tests and benchmarks.
///
/// # Errors
/// [`Error::ValueOutOfRange`] if this CPU does not have what the path needs.
pub fn force_path(path: Option<KernelPath>) -> Result<()> {
    if let Some(path) = path
        && !path.is_available()
    {
        return Err(Error::ValueOutOfRange {
            what: format!("the kernel path {} needs AVX-512 F, DQ and IFMA, which this CPU does not have", path.name()),
        });
    }
    let number = match path {
        None => 0,
        Some(KernelPath::Portable) => 1,
        Some(KernelPath::ConcreteNtt) => 2,
        Some(KernelPath::Ifma) => 3,
    };
    FORCED.store(number, Ordering::Relaxed);
    Ok(())
}
