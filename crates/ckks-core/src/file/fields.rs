//! Header fields that JSON has no form for: byte strings and exact scales.

use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::params::Scale;

/// `L` bytes, in JSON as 2·L hexadecimal digits: key identifiers, seeds, digests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const L: usize>(pub [u8; L]);

impl<const L: usize> fmt::Display for Hex<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl<const L: usize> fmt::Debug for Hex<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const L: usize> Serialize for Hex<L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const L: usize> Deserialize<'de> for Hex<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits<const L: usize>;
        impl<const L: usize> Visitor<'_> for Digits<L> {
            type Value = Hex<L>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} lower-case hexadecimal digits", 2 * L)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Hex<L>, E> {
                let digit = |c: u8| match c {
                    b'0'..=b'9' => Some(c - b'0'),
                    b'a'..=b'f' => Some(c - b'a' + 10),
                    _ => None,
                };
                let mut bytes = [0; L];
                if text.len() != 2 * L {
                    return Err(E::invalid_length(text.len(), &self));
                }
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    match (digit(pair[0]), digit(pair[1])) {
                        (Some(high), Some(low)) => *byte = high << 4 | low,
                        _ => return Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                    }
                }
                Ok(Hex(bytes))
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

/// A scale to the last bit: `{"mantissa": 32 hexadecimal digits, "exponent": e}` for mantissa · 2^(e − 127).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredScale(pub Scale);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleParts {
    mantissa: Hex<16>,
    exponent: i32,
}

impl Serialize for StoredScale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (mantissa, exponent) = self.0.to_parts();
        ScaleParts { mantissa: Hex(mantissa.to_be_bytes()), exponent }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StoredScale {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = ScaleParts::deserialize(deserializer)?;
        Scale::from_parts(u128::from_be_bytes(parts.mantissa.0), parts.exponent)
            .map(Self)
            .ok_or_else(|| D::Error::custom("a scale needs a mantissa of 128 bits and an exponent within ±4096"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_scales_survive_json() {
        let id = Hex([0x00, 0xff, 0x1a]);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"00ff1a\"");
        assert_eq!(serde_json::from_str::<Hex<3>>("\"00ff1a\"").unwrap(), id);
        for bad in ["\"00ff1\"", "\"00ff1a00\"", "\"00FF1A\"", "\"00ff1ä\"", "\"gg0000\"", "17", "[0,255,26]"] {
            assert!(serde_json::from_str::<Hex<3>>(bad).is_err(), "{bad}");
        }
        let scale = Scale::from_f64(1.1e12).unwrap().times(Scale::from_f64(0.3).unwrap());
        let json = serde_json::to_string(&StoredScale(scale)).unwrap();
        assert_eq!(serde_json::from_str::<StoredScale>(&json).unwrap(), StoredScale(scale));
        for bad in [json.replace("\"exponent\":", "\"exponent\":99"), json.replacen("\":\"", "\":\"0", 1)] {
            assert!(serde_json::from_str::<StoredScale>(&bad).is_err(), "{bad}");
        }
    }
}
