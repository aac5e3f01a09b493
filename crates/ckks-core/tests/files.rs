//! The file container: what was written is read, and everything else is refused.

use std::path::Path;

use ckks_core::Error;
use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::{encrypt_public, encrypt_symmetric};
use ckks_core::eval::Evaluator;
use ckks_core::file::{self, FileType, PayloadLen, PayloadReader, PayloadWriter, Storable, WriteOptions};
use ckks_core::keys::{EvaluationKeys, KeyGenerator, KeyRequirements, PublicKey, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// N = 2^10 with primes on both sides of 2^32, so that both word lengths occur.
fn literal() -> ParamsLiteral {
    ParamsLiteral::leveled(10, 36, 2, 28, 1, 40)
}

struct Set {
    params: Params,
    secret: SecretKey,
    public: PublicKey,
    keys: EvaluationKeys,
    seeded: SeededCiphertext,
    ciphertext: Ciphertext,
    message: Vec<f64>,
}

fn set() -> Set {
    let params = Params::new_insecure(literal()).unwrap();
    let mut randomness = Randomness::insecure_from_seed(3);
    let secret = SecretKey::generate(&params, &mut randomness);
    let generator = KeyGenerator::new(&params, &secret).unwrap();
    let public = generator.public_key(&mut randomness);
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(2);
    needed.need_rotation(&params, 1, 1);
    let keys = generator.evaluation_keys(&needed, &mut randomness, |_, _| ());
    let message: Vec<f64> = (0..64).map(|j| (j as f64 * 0.2).sin()).collect();
    let plaintext = Encoder::new(&params).unwrap().encode(&message, 2, params.scale_at(2)).unwrap();
    let seeded = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness).unwrap();
    let ciphertext = encrypt_public(&params, &public, &plaintext, &mut randomness);
    Set { params, secret, public, keys, seeded, ciphertext, message }
}

fn bytes_of<T: Storable>(value: &T, params: &Params) -> Vec<u8> {
    let mut bytes = Vec::new();
    let written = file::write_to(&mut bytes, value, params, &Map::new()).unwrap();
    assert_eq!(written, bytes.len() as u64);
    bytes
}

fn parse<T: Storable>(bytes: &[u8], params: &Params) -> ckks_core::Result<T> {
    file::read_from(&mut &bytes[..], bytes.len() as u64, params).map(|(value, _)| value)
}

/// The problem inside the file's name.
fn problem(error: Error) -> Error {
    match error {
        Error::InFile { problem, .. } => *problem,
        other => panic!("no file name in: {other}"),
    }
}

fn header_len(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[48..52].try_into().unwrap()) as usize
}

fn payload_start(bytes: &[u8]) -> usize {
    (64 + header_len(bytes) + 32).next_multiple_of(64)
}

/// The same file with another JSON header and payload, and with valid checksums: what someone malicious would write.
fn forged(original: &[u8], header: impl FnOnce(&mut Value), payload: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(&original[64..64 + header_len(original)]).unwrap();
    header(&mut json);
    let json = serde_json::to_vec(&json).unwrap();
    let mut body = original[payload_start(original)..original.len() - 32].to_vec();
    payload(&mut body);
    let mut bytes = original[..64].to_vec();
    bytes[48..52].copy_from_slice(&(json.len() as u32).to_le_bytes());
    bytes[56..64].copy_from_slice(&(body.len() as u64).to_le_bytes());
    bytes.extend(json);
    let checksum = *blake3::hash(&bytes).as_bytes();
    bytes.extend(checksum);
    bytes.resize(bytes.len().next_multiple_of(64), 0);
    bytes.extend(body);
    let digest = *blake3::hash(&bytes).as_bytes();
    bytes.extend(digest);
    bytes
}

#[test]
fn everything_survives_and_still_works() {
    let s = set();
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let plain = WriteOptions::default();
    let tagged = WriteOptions { extra: json!({"model": "none", "n": 3}).as_object().unwrap().clone(), overwrite: false };
    file::write(at("params"), &literal(), &s.params, &plain).unwrap();
    file::write(at("secret"), &s.secret, &s.params, &plain).unwrap();
    file::write(at("public"), &s.public, &s.params, &plain).unwrap();
    file::write(at("keys"), &s.keys, &s.params, &plain).unwrap();
    file::write(at("query"), &s.seeded, &s.params, &tagged).unwrap();

    // A reader that knows nothing starts from the header.
    let info = file::inspect(at("params")).unwrap();
    assert_eq!((info.type_name.as_str(), info.version, &info.parameters), ("parameters", 1, &literal()));
    let params = Params::new_insecure(info.parameters).unwrap();
    assert_eq!(file::read::<ParamsLiteral>(at("params"), &params).unwrap(), literal());
    let info = file::verify(at("keys")).unwrap();
    assert_eq!(info.content["key_id"], file::Hex(s.secret.id()).to_string());
    assert_eq!(info.file_bytes, at("keys").metadata().unwrap().len());

    // The server: keys and query, no secret. x·rot(x, 1).
    let keys: EvaluationKeys = file::read(at("keys"), &params).unwrap();
    let (query, extra): (SeededCiphertext, _) = file::read_with_extra(at("query"), &params).unwrap();
    assert_eq!((&extra["model"], &extra["n"]), (&json!("none"), &json!(3)));
    let evaluator = Evaluator::new(&params, &keys).unwrap();
    let x = query.expand(&params);
    let rotated = evaluator.rotate(&evaluator.drop_to_level(&x, 1).unwrap(), 1).unwrap();
    let dropped = evaluator.drop_to_level(&x, 1).unwrap();
    let answer = evaluator.mul_rescale(&rotated, &dropped).unwrap();
    file::write(at("answer"), &answer, &params, &plain).unwrap();

    // The client, from files again.
    let secret: SecretKey = file::read(at("secret"), &params).unwrap();
    let answer: Ciphertext = file::read(at("answer"), &params).unwrap();
    assert_eq!((secret.id(), keys.id()), (s.secret.id(), s.secret.id()));
    let decoded = Encoder::new(&params).unwrap().decode(&decrypt(&params, &secret, &answer).unwrap()).unwrap();
    for j in 0..64 {
        let wanted = s.message[j] * s.message[(j + 1) % 64];
        // Key switching and rescaling at a 28-bit scale leave about 2^-17; a wrong key or half would leave noise of size 2^7.
        assert!((decoded[j].re - wanted).abs() < 2f64.powi(-12), "slot {j}: {} against {wanted}", decoded[j]);
    }
    let public: PublicKey = file::read(at("public"), &params).unwrap();
    assert_eq!(bytes_of(&public, &params), bytes_of(&s.public, &params));
    assert_eq!(bytes_of(&keys, &params), bytes_of(&s.keys, &params));
    assert_eq!(bytes_of(&secret, &params), bytes_of(&s.secret, &params));
}

#[test]
fn short_primes_take_four_bytes_a_word() {
    let s = set();
    // Three limbs: one of 36 bits, two of 28.
    let bytes = bytes_of(&s.seeded, &s.params);
    assert_eq!(bytes.len() - payload_start(&bytes) - 32, 1024 * (8 + 4 + 4));
    let bytes = bytes_of(&s.secret, &s.params);
    assert_eq!(bytes.len() - payload_start(&bytes) - 32, 1024);
}

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
    assert_eq!(error.to_string(), "the file holds a secret key, needed: evaluation keys");
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
    let edits: [fn(&mut Value); 8] = [
        |h| h["content"]["keys"][0]["digit_limbs"] = json!(0),
        |h| h["content"]["keys"][0]["digit_limbs"] = json!(u64::MAX),
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
fn files_appear_whole_or_not_at_all() {
    /// Fails in the middle of its payload.
    struct Broken;
    impl Storable for Broken {
        const TYPE: FileType = FileType::new(*b"TEST", "test");
        type Header = ();
        fn header(&self, _: &Params) -> ckks_core::Result<()> {
            Ok(())
        }
        fn payload_len((): &(), _: &Params) -> ckks_core::Result<PayloadLen> {
            Ok(PayloadLen::new().bytes(1 << 20))
        }
        fn write_payload(&self, _: &Params, writer: &mut PayloadWriter<'_>) -> ckks_core::Result<()> {
            writer.bytes(&[7; 1 << 19])?;
            Err(Error::Corrupt { what: "on purpose" })
        }
        fn read_payload((): (), _: &Params, _: &mut PayloadReader<'_>) -> ckks_core::Result<Self> {
            Ok(Self)
        }
    }
    let s = set();
    let dir = tempfile::tempdir().unwrap();
    let count = || dir.path().read_dir().unwrap().count();
    let path = dir.path().join("key");
    let write = |overwrite| file::write(&path, &s.secret, &s.params, &WriteOptions { overwrite, ..Default::default() });

    assert!(matches!(
        problem(file::write(&path, &Broken, &s.params, &WriteOptions::default()).unwrap_err()),
        Error::Corrupt { .. }
    ));
    assert_eq!(count(), 0);
    write(false).unwrap();
    let first = std::fs::read(&path).unwrap();
    assert!(matches!(problem(write(false).unwrap_err()), Error::FileExists));
    let forced = WriteOptions { overwrite: true, ..Default::default() };
    assert!(file::write(&path, &Broken, &s.params, &forced).is_err());
    assert_eq!((count(), std::fs::read(&path).unwrap()), (1, first));
    file::write(&path, &s.public, &s.params, &forced).unwrap();
    assert_eq!((count(), file::inspect(&path).unwrap().type_name.as_str()), (1, "public key"));
    assert!(matches!(problem(file::write(dir.path(), &s.secret, &s.params, &forced).unwrap_err()), Error::Io { .. }));
    let nowhere = dir.path().join("missing/key");
    assert!(matches!(problem(file::write(&nowhere, &s.secret, &s.params, &forced).unwrap_err()), Error::Io { .. }));
    assert_eq!(count(), 1);
}

#[cfg(unix)]
#[test]
fn secret_keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let s = set();
    let dir = tempfile::tempdir().unwrap();
    let (secret, public) = (dir.path().join("secret"), dir.path().join("public"));
    file::write(&secret, &s.secret, &s.params, &WriteOptions::default()).unwrap();
    file::write(&public, &s.public, &s.params, &WriteOptions::default()).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&secret), 0o600);
    // Whatever the umask leaves of 0666, as for any file.
    let ordinary = dir.path().join("ordinary");
    std::fs::write(&ordinary, "").unwrap();
    assert_eq!(mode(&public), mode(&ordinary));
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

#[test]
fn upper_crates_store_their_own_types() {
    struct Query {
        model: [u8; 32],
        ciphertext: SeededCiphertext,
        note: Vec<u8>,
    }
    #[derive(serde::Serialize, serde::Deserialize)]
    struct QueryHeader {
        model: file::Hex<32>,
        note_len: u64,
        ciphertext: <SeededCiphertext as Storable>::Header,
    }
    impl Storable for Query {
        const TYPE: FileType = FileType::new(*b"QURY", "query");
        type Header = QueryHeader;
        fn header(&self, params: &Params) -> ckks_core::Result<QueryHeader> {
            let ciphertext = self.ciphertext.header(params)?;
            Ok(QueryHeader { model: file::Hex(self.model), note_len: self.note.len() as u64, ciphertext })
        }
        fn payload_len(header: &QueryHeader, params: &Params) -> ckks_core::Result<PayloadLen> {
            Ok(PayloadLen::new().bytes(header.note_len).then(SeededCiphertext::payload_len(&header.ciphertext, params)?))
        }
        fn write_payload(&self, params: &Params, writer: &mut PayloadWriter<'_>) -> ckks_core::Result<()> {
            writer.bytes(&self.note)?;
            self.ciphertext.write_payload(params, writer)
        }
        fn read_payload(header: QueryHeader, params: &Params, reader: &mut PayloadReader<'_>) -> ckks_core::Result<Self> {
            let mut note = vec![0; header.note_len as usize];
            reader.bytes(&mut note)?;
            let ciphertext = SeededCiphertext::read_payload(header.ciphertext, params, reader)?;
            Ok(Self { model: header.model.0, ciphertext, note })
        }
    }
    let s = set();
    let query = Query { model: [9; 32], ciphertext: s.seeded.clone(), note: b"hello".to_vec() };
    let bytes = bytes_of(&query, &s.params);
    let back: Query = parse(&bytes, &s.params).unwrap();
    assert_eq!((back.model, &back.note[..]), ([9; 32], &b"hello"[..]));
    assert_eq!(bytes_of(&back.ciphertext, &s.params), bytes_of(&s.seeded, &s.params));
    let error = parse::<Ciphertext>(&bytes, &s.params).err().unwrap();
    assert_eq!(error.to_string(), "the file holds a query, needed: ciphertext");
    for note_len in [u64::MAX, 1 << 50, 65, 0] {
        let bytes = forged(&bytes, |h| h["content"]["note_len"] = json!(note_len), |_| ());
        let error = parse::<Query>(&bytes, &s.params).err().unwrap();
        assert!(matches!(error, Error::FileLength { .. } | Error::Corrupt { .. }), "{note_len}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Mutations with valid checksums, so that they reach the parsers: no panic, and what is accepted can be written again.
    #[test]
    fn mutated_files_never_panic(
        which in 0usize..3,
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
                _ => bytes_of(&s.secret, &s.params),
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
                _ => run::<SecretKey>(bytes, &s.params),
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
