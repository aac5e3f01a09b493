//! The file container: what was written is read, whole or not at all.

#[cfg(unix)]
use std::path::Path;

use ckks_core::Error;
use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::eval::Evaluator;
use ckks_core::file::{self, FileType, PayloadLen, PayloadReader, PayloadWriter, Storable, WriteOptions};
use ckks_core::keys::{EvaluationKeys, PublicKey, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use serde_json::json;

mod file_set;
use file_set::*;

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
    assert_eq!(error.to_string(), "the file holds: query, needed: ciphertext");
    for note_len in [u64::MAX, 1 << 50, 65, 0] {
        let bytes = forged(&bytes, |h| h["content"]["note_len"] = json!(note_len), |_| ());
        let error = parse::<Query>(&bytes, &s.params).err().unwrap();
        assert!(matches!(error, Error::FileLength { .. } | Error::Corrupt { .. }), "{note_len}: {error}");
    }
}
