//! The file container: whatever is damaged, forged, of another kind or absurd is refused, and for the right reason.

use ckks_core::Error;
use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::file::{self, Storable};
use ckks_core::keys::{EvaluationKeys, PublicKey, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

mod file_set;
use file_set::*;

#[test]
fn truncation_is_refused_at_every_boundary() {
    let s = set();
    let bytes = bytes_of(&s.ciphertext, &s.params);
    let (json_end, start) = (64 + header_len(&bytes), payload_start(&bytes));
    let mut cuts = vec![0, 1, 7, 8, 11, 12, 16, 48, 52, 56, 63, 64, 65, json_end, json_end + 32, start, start + 1];
    // After every limb of both parts, in front of and inside the digest.
    cuts.extend([8, 12, 16, 24, 28, 32].map(|kib| start + kib * 1024));
    cuts.extend([bytes.len() - 33, bytes.len() - 32, bytes.len() - 1]);
    for cut in cuts {
        let error = parse::<Ciphertext>(&bytes[..cut], &s.params).err().unwrap_or_else(|| panic!("cut at {cut} was read"));
        match error {
            Error::NotAContainer { .. } => assert_eq!(cut, 0),
            Error::FileLength { found, needed } => {
                assert_eq!(found, cut as u64);
                assert_eq!(needed, if cut < 64 { 64 } else { bytes.len() as u64 });
            }
            other => panic!("cut at {cut}: {other}"),
        }
    }
    let longer = [&bytes[..], &[0; 64]].concat();
    assert!(matches!(parse::<Ciphertext>(&longer, &s.params), Err(Error::FileLength { .. })));
}

#[test]
fn any_flipped_byte_is_refused() {
    fn check<T: Storable>(value: &T, params: &Params) {
        let mut bytes = bytes_of(value, params);
        let start = payload_start(&bytes);
        // Everything up to the payload and the final digest, and every 97th byte between.
        let places = (0..start).chain((start..bytes.len() - 32).step_by(97)).chain(bytes.len() - 32..bytes.len());
        for (count, place) in places.enumerate() {
            let flip = 1u8 << (count % 8);
            bytes[place] ^= flip;
            assert!(parse::<T>(&bytes, params).is_err(), "{}: byte {place} ^ {flip:#x} was not noticed", T::TYPE.name());
            if place < start {
                let inspected = file::inspect_from(&mut &bytes[..], bytes.len() as u64);
                assert!(inspected.is_err(), "{}: header byte {place} was not noticed", T::TYPE.name());
            }
            bytes[place] ^= flip;
        }
        assert!(parse::<T>(&bytes, params).is_ok());
    }
    let s = set();
    check(&literal(), &s.params);
    check(&s.secret, &s.params);
    check(&s.public, &s.params);
    check(&s.keys, &s.params);
    check(&s.seeded, &s.params);
    check(&s.ciphertext, &s.params);
}

#[test]
fn other_versions_types_and_parameters_are_named() {
    let s = set();
    let mut bytes = bytes_of(&s.ciphertext, &s.params);
    bytes[8] = 2;
    assert!(matches!(parse::<Ciphertext>(&bytes, &s.params), Err(Error::FormatVersion { found: 2, needed: 1 })));
    assert!(
        matches!(parse::<Ciphertext>(b"GIF89a and more", &s.params), Err(Error::NotAContainer { found }) if found == "GIF89a a")
    );

    let secret = bytes_of(&s.secret, &s.params);
    let error = parse::<EvaluationKeys>(&secret, &s.params).err().unwrap();
    assert_eq!(error.to_string(), "the file holds: secret key, needed: evaluation keys");
    assert!(matches!(parse::<SeededCiphertext>(&bytes_of(&s.ciphertext, &s.params), &s.params), Err(Error::FileType { .. })));

    let other = Params::new_insecure(ParamsLiteral::toy(10, 2)).unwrap();
    let error = parse::<SecretKey>(&secret, &other).err().unwrap();
    assert!(matches!(error, Error::ParamsMismatch { .. }), "{error}");
    // Nor are values written under parameters that they do not have.
    let mut sink = Vec::new();
    assert!(matches!(file::write_to(&mut sink, &s.secret, &other, &Map::new()), Err(Error::ParamsMismatch { .. })));
    assert!(matches!(file::write_to(&mut sink, &s.keys, &other, &Map::new()), Err(Error::ParamsMismatch { .. })));
    let larger = Params::new_insecure(ParamsLiteral::toy(11, 2)).unwrap();
    assert!(matches!(file::write_to(&mut sink, &s.ciphertext, &larger, &Map::new()), Err(Error::LengthMismatch { .. })));
    let shorter = Params::new_insecure(ParamsLiteral::toy(10, 1)).unwrap();
    assert!(matches!(file::write_to(&mut sink, &s.public, &shorter, &Map::new()), Err(Error::LengthMismatch { .. })));
    assert!(sink.is_empty());
}

#[test]
fn absurd_claims_are_refused_before_anything_is_allocated() {
    // An allocation of any of these sizes would abort the process.
    let s = set();
    let good = bytes_of(&s.ciphertext, &s.params);
    for (place, claim) in [(48, vec![0xff; 4]), (56, vec![0xff; 8]), (56, (1u64 << 60).to_le_bytes().to_vec())] {
        let mut bytes = good.clone();
        bytes[place..place + claim.len()].copy_from_slice(&claim);
        let error = parse::<Ciphertext>(&bytes, &s.params).err().unwrap();
        assert!(matches!(error, Error::FileHeader { .. } | Error::FileLength { .. }), "{error}");
    }
    for level in [json!(3), json!(u64::MAX), json!(1u64 << 40), json!(-1), json!(1.5), json!("2"), Value::Null] {
        let bytes = forged(&good, |h| h["content"]["level"] = level.clone(), |_| ());
        let error = parse::<Ciphertext>(&bytes, &s.params).err().unwrap();
        assert!(matches!(error, Error::FileHeader { .. }), "level {level}: {error}");
    }
    // A level that the parameters have, but the payload does not.
    let bytes = forged(&good, |h| h["content"]["level"] = json!(1), |_| ());
    assert!(matches!(parse::<Ciphertext>(&bytes, &s.params), Err(Error::FileLength { .. })));

    let good = bytes_of(&s.keys, &s.params);
    let edits: [fn(&mut Value); 9] = [
        |h| h["content"]["keys"][0]["digit_limbs"] = json!(0),
        |h| h["content"]["keys"][0]["digit_limbs"] = json!(u64::MAX),
        |h| h["content"]["keys"][0]["digit_limbs"] = json!(3),
        |h| h["content"]["keys"][0]["special"] = json!(0),
        |h| h["content"]["keys"][0]["special"] = json!(1 << 20),
        |h| h["content"]["keys"][1]["level"] = json!(99),
        |h| h["content"]["keys"][1]["galois_element"] = json!(4),
        |h| h["content"]["keys"][1]["galois_element"] = json!(2049),
        |h| h["content"]["keys"][1] = h["content"]["keys"][0].clone(),
    ];
    for (k, edit) in edits.into_iter().enumerate() {
        let error = parse::<EvaluationKeys>(&forged(&good, edit, |_| ()), &s.params).err().unwrap();
        assert!(matches!(error, Error::FileHeader { .. }), "edit {k}: {error}");
    }
    let repeat = |h: &mut Value| {
        let keys = h["content"]["keys"].as_array_mut().unwrap();
        for g in 0..500u64 {
            let mut entry = keys[0].clone();
            entry["galois_element"] = json!(1001 + 2 * g);
            keys.push(entry);
        }
    };
    assert!(matches!(parse::<EvaluationKeys>(&forged(&good, repeat, |_| ()), &s.params), Err(Error::FileLength { .. })));
}

#[test]
fn forged_headers_and_payloads_are_refused() {
    let s = set();
    let good = bytes_of(&s.ciphertext, &s.params);
    assert!(parse::<Ciphertext>(&forged(&good, |_| (), |_| ()), &s.params).is_ok(), "the forger itself works");
    let edits: [fn(&mut Value); 7] = [
        |h| h["unknown"] = json!(1),
        |h| h["content"]["unknown"] = json!(1),
        |h| h["content"]["scale"]["mantissa"] = json!("00000000000000000000000000000001"),
        |h| h["content"]["scale"]["exponent"] = json!(i32::MAX),
        |h| h["extra"] = json!([]),
        |h| h["content"] = json!(7),
        |h| *h = json!([]),
    ];
    for (k, edit) in edits.into_iter().enumerate() {
        let error = parse::<Ciphertext>(&forged(&good, edit, |_| ()), &s.params).err().unwrap();
        assert!(matches!(error, Error::FileHeader { .. }), "edit {k}: {error}");
    }
    // A residue equal to its prime.
    let prime = s.params.q(0).value();
    let bytes = forged(&good, |_| (), |payload| payload[8 * 5..8 * 6].copy_from_slice(&prime.to_le_bytes()));
    assert!(
        matches!(parse::<Ciphertext>(&bytes, &s.params), Err(Error::ResidueOutOfRange { index: 5, found, modulus }) if found == prime && modulus == prime)
    );
    let prime = s.params.q(1).value() as u32;
    let bytes = forged(&good, |_| (), |payload| payload[8192..8196].copy_from_slice(&prime.to_le_bytes()));
    assert!(matches!(parse::<Ciphertext>(&bytes, &s.params), Err(Error::ResidueOutOfRange { index: 0, .. })));
    let bytes = forged(&bytes_of(&s.secret, &s.params), |_| (), |payload| payload[7] = 2);
    assert!(matches!(parse::<SecretKey>(&bytes, &s.params), Err(Error::Corrupt { .. })));
}

#[test]
fn what_is_no_file_is_refused_with_its_name() {
    let s = set();
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("missing")] {
        let error = file::read::<SecretKey>(&path, &s.params).err().unwrap();
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(matches!(problem(error), Error::Io { action: "open", .. }));
    }
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(problem(file::inspect(&empty).unwrap_err()), Error::NotAContainer { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Mutations with valid checksums, so that they reach the parsers: no panic, and what is accepted can be written again.
    #[test]
    fn mutated_files_never_panic(
        which in 0usize..6,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        resize in prop::option::of(0usize..400),
    ) {
        fn run<T: Storable>(bytes: Vec<u8>, params: &Params) {
            if let Ok(value) = parse::<T>(&bytes, params) {
                assert!(file::write_to(&mut Vec::new(), &value, params, &Map::new()).is_ok());
            }
        }
        thread_local!(static SET: Set = set());
        SET.with(|s| {
            let original = match which {
                0 => bytes_of(&s.keys, &s.params),
                1 => bytes_of(&s.seeded, &s.params),
                2 => bytes_of(&s.secret, &s.params),
                3 => bytes_of(&s.public, &s.params),
                4 => bytes_of(&s.ciphertext, &s.params),
                _ => bytes_of(&literal(), &s.params),
            };
            let mut bytes = original.clone();
            let start = payload_start(&original);
            if let Some(length) = resize {
                bytes.truncate(length.max(100));
            }
            let header_end = (64 + header_len(&original)).min(bytes.len());
            for (place, value) in &edits {
                let at = place.index(header_end);
                bytes[at] = *value;
            }
            if bytes.len() == original.len() {
                // The claimed lengths stay as the file is, the rest of the header is free.
                bytes[48..64].copy_from_slice(&original[48..64]);
                let checksum = *blake3::hash(&bytes[..header_end]).as_bytes();
                bytes[header_end..header_end + 32].copy_from_slice(&checksum);
                assert!(header_end + 32 <= start);
                let end = bytes.len() - 32;
                let digest = *blake3::hash(&bytes[..end]).as_bytes();
                bytes[end..].copy_from_slice(&digest);
            }
            match which {
                0 => run::<EvaluationKeys>(bytes, &s.params),
                1 => run::<SeededCiphertext>(bytes, &s.params),
                2 => run::<SecretKey>(bytes, &s.params),
                3 => run::<PublicKey>(bytes, &s.params),
                4 => run::<Ciphertext>(bytes, &s.params),
                _ => run::<ParamsLiteral>(bytes, &s.params),
            }
        });
    }

    /// Bytes that were never a container.
    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), with_magic in any::<bool>()) {
        let params = Params::new_insecure(literal()).unwrap();
        let mut bytes = bytes;
        if with_magic && bytes.len() > 12 {
            bytes[..12].copy_from_slice(b"\x89CKKS\r\n\x1a\x01\0\0\0");
        }
        prop_assert!(parse::<Ciphertext>(&bytes, &params).is_err());
    }
}
