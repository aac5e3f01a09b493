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
    /// AVX2, products by fused multiply-add of doubles.
    Avx2,
    /// AVX-512 with 52-bit multiply-add.
    Ifma,
}

impl KernelPath {
    /// All there are, the slowest first.
    pub const ALL: [Self; 4] = [Self::Portable, Self::ConcreteNtt, Self::Avx2, Self::Ifma];

    /// The name that the environment variable `CKKS_KERNELS` and reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::ConcreteNtt => "concrete-ntt",
            Self::Avx2 => "avx2",
            Self::Ifma => "ifma",
        }
    }

    /// The path of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// What the path needs of a CPU, in words.
    fn needs(self) -> &'static str {
        match self {
            Self::Portable | Self::ConcreteNtt => "nothing",
            Self::Avx2 => "AVX2 and FMA",
            Self::Ifma => "AVX-512 F, BW, DQ, IFMA and VBMI",
        }
    }

    /// True if this CPU has what the path needs.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable | Self::ConcreteNtt => true,
            Self::Avx2 => avx2_available(),
            Self::Ifma => ifma_available(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn ifma_available() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("avx512vbmi")
}

#[cfg(target_arch = "x86_64")]
fn avx2_available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn ifma_available() -> bool {
    false
}

#[cfg(not(target_arch = "x86_64"))]
fn avx2_available() -> bool {
    false
}

/// 0: nothing forced; otherwise the path's number plus one.
static FORCED: AtomicU8 = AtomicU8::new(0);

/// Name of the environment variable that chooses a path.
const VARIABLE: &str = "CKKS_KERNELS";

/// The path that the environment variable `CKKS_KERNELS` asks for, if it is set. Programs call this before they begin, so that a
/// misspelt or impossible wish is an answer and not a silent change of speed.
///
/// # Errors
/// [`Error::ValueOutOfRange`] for a name that there is not, and for a path that this CPU does not have.
pub fn path_from_environment() -> Result<Option<KernelPath>> {
    std::env::var_os(VARIABLE).map(|name| wanted_path(&name.to_string_lossy())).transpose()
}

fn wanted_path(name: &str) -> Result<KernelPath> {
    let Some(path) = KernelPath::from_name(name) else {
        return Err(Error::ValueOutOfRange {
            what: format!("{VARIABLE} is {name:?}: there are ifma, avx2, concrete-ntt and portable; unset it for the fastest"),
        });
    };
    check_available(path)?;
    Ok(path)
}

/// The path of this process: the forced one, else the one in `CKKS_KERNELS` if this CPU has it, else the fastest.
#[inline]
pub fn active_path() -> KernelPath {
    match FORCED.load(Ordering::Relaxed) {
        1 => KernelPath::Portable,
        2 => KernelPath::ConcreteNtt,
        3 => KernelPath::Avx2,
        4 => KernelPath::Ifma,
        _ => default_path(),
    }
}

#[inline]
fn default_path() -> KernelPath {
    static DEFAULT: OnceLock<KernelPath> = OnceLock::new();
    *DEFAULT.get_or_init(|| {
        let fastest = KernelPath::ALL.into_iter().rfind(|path| path.is_available()).unwrap_or(KernelPath::Portable);
        path_from_environment().ok().flatten().unwrap_or(fastest)
    })
}

fn check_available(path: KernelPath) -> Result<()> {
    if path.is_available() {
        return Ok(());
    }
    Err(Error::ValueOutOfRange {
        what: format!("the kernel path {} needs {}, which this CPU does not have", path.name(), path.needs()),
    })
}

/// Forces a path for the whole process, or with `None` goes back to the default: for tests and benchmarks.
///
/// # Errors
/// [`Error::ValueOutOfRange`] if this CPU does not have what the path needs.
pub fn force_path(path: Option<KernelPath>) -> Result<()> {
    path.map_or(Ok(()), check_available)?;
    let number = match path {
        None => 0,
        Some(KernelPath::Portable) => 1,
        Some(KernelPath::ConcreteNtt) => 2,
        Some(KernelPath::Avx2) => 3,
        Some(KernelPath::Ifma) => 4,
    };
    FORCED.store(number, Ordering::Relaxed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_paths_and_nothing_else() {
        for path in [KernelPath::Portable, KernelPath::ConcreteNtt] {
            assert_eq!(wanted_path(path.name()).unwrap(), path);
        }
        for wrong in ["", "IFMA", "avx512", "portable "] {
            let error = wanted_path(wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("{wrong:?}")) && error.contains("concrete-ntt"), "{error}");
        }
        for path in KernelPath::ALL {
            match wanted_path(path.name()) {
                Ok(found) => assert!(found == path && path.is_available()),
                Err(error) => assert!(!path.is_available() && error.to_string().contains(path.needs()), "{error}"),
            }
        }
    }
}
