//! 5. Save keys, send a ciphertext to a process that does not have the secret, read its answer.
//!
//! `cargo run -p ckks-core --example 05_save_keys_and_compute_elsewhere`
//!
//! The program starts itself a second time as the computing side, in a directory that holds evaluation keys and a query.

use std::path::Path;
use std::process::Command;

use ckks_core::Error;
use ckks_core::ciphertext::{Ciphertext, SeededCiphertext};
use ckks_core::circuits::{Arithmetic, CkksEvaluator};
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::file::{self, Hex, WriteOptions};
use ckks_core::keys::{EvaluationKeys, KeyGenerator, KeyRequirements, SecretKey};
use ckks_core::params::{Params, ParamsLiteral};
use ckks_core::ring::sampling::Randomness;

/// First argument of the second process.
pub const COMPUTE: &str = "compute-in";

/// Runs the example: the whole of it, or the computing side if the arguments say so.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1..) {
        Some([role, directory]) if role == COMPUTE => Ok(compute(Path::new(directory))?),
        _ => ask(),
    }
}

/// Who has the question and the secret.
fn ask() -> Result<(), Box<dyn std::error::Error>> {
    let (mine, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let params = Params::new(ParamsLiteral::leveled(13, 45, 2, 30, 1, 50))?;
    let top = params.max_level();
    let mut randomness = Randomness::from_os()?;
    let secret = SecretKey::generate(&params, &mut randomness);
    let mut needed = KeyRequirements::default();
    needed.need_relinearisation(top);
    needed.need_rotation(&params, 1, top - 1);
    let keys = KeyGenerator::new(&params, &secret)?.evaluation_keys(&needed, &mut randomness, |_, _| ());

    // A secret key file is readable by its owner only, is never replaced unless asked, and appears whole or not at all.
    let once = WriteOptions::default();
    let secret_path = mine.path().join("secret.key");
    println!("secret.key       {:>9} bytes", file::write(&secret_path, &secret, &params, &once)?);
    let again = file::write(&secret_path, &secret, &params, &once).err().ok_or("a secret key was replaced")?;
    println!("a second time:   {}", short(&again));

    // Evaluation keys and fresh ciphertexts go out with their uniform halves as seeds, and in four bytes a word where the prime
    // is that short. Any further fields can be added to the header.
    let mut options = WriteOptions::default();
    options.extra.insert("question".into(), "sum of neighbours' squares".into());
    let x: Vec<f64> = (0..16).map(|j| f64::from(j) / 16.0).collect();
    let encoder = Encoder::new(&params)?;
    let plaintext = encoder.encode(&x, top, params.scale_at(top))?;
    let query = encrypt_symmetric(&params, &secret, &plaintext, &mut randomness)?;
    println!("evaluation.keys  {:>9} bytes", file::write(theirs.path().join("evaluation.keys"), &keys, &params, &once)?);
    println!("query.ct         {:>9} bytes", file::write(theirs.path().join("query.ct"), &query, &params, &options)?);

    // The other side: another process, which finds no secret in its directory.
    let status = Command::new(std::env::current_exe()?).args([COMPUTE.as_ref(), theirs.path().as_os_str()]).status()?;
    assert!(status.success(), "the computing side failed: {status}");

    // Everything about a file is checked before it is used. A damaged answer, for instance:
    let answer_path = theirs.path().join("answer.ct");
    let mut damaged = std::fs::read(&answer_path)?;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let error = file::read_from::<Ciphertext>(&mut damaged.as_slice(), damaged.len() as u64, &params).err();
    println!("one flipped bit: {}", error.as_ref().map_or("accepted?".into(), Error::to_string));
    assert!(error.is_some());
    // … or a secret key where evaluation keys belong:
    let error = file::read::<EvaluationKeys>(&secret_path, &params).err().ok_or("a secret key was taken for evaluation keys")?;
    println!("the wrong file:  {}", short(&error));

    // Read the key back and decrypt.
    let secret: SecretKey = file::read(&secret_path, &params)?;
    let (answer, extra) = file::read_with_extra::<Ciphertext>(&answer_path, &params)?;
    assert_eq!(extra["key_id"], Hex(secret.id()).to_string());
    let got = encoder.decode_period(&decrypt(&params, &secret, &answer)?, x.len())?;
    let mut largest = 0.0f64;
    for j in 0..x.len() {
        let wanted = x[j] * x[j] + x[(j + 1) % 16] * x[(j + 1) % 16];
        largest = largest.max((got[j].re - wanted).abs());
    }
    println!("answer: {:.4} {:.4} {:.4} …, largest error 2^{:.1}", got[0].re, got[1].re, got[2].re, largest.log2());
    // A rescaling at a 30-bit scale leaves 2^-18 in a slot of N = 2^13; the mean over 256 copies leaves less.
    assert!(largest < 2f64.powi(-16));
    Ok(())
}

/// Who computes: sees evaluation keys and a query, nothing else.
fn compute(directory: &Path) -> ckks_core::Result<()> {
    // The files say under which parameters they were made; whether those are acceptable is decided here.
    let info = file::inspect(directory.join("query.ct"))?;
    let params = Params::new(info.parameters)?;
    let keys: EvaluationKeys = file::read(directory.join("evaluation.keys"), &params)?;
    let query: SeededCiphertext = file::read(directory.join("query.ct"), &params)?;
    println!("  [computing side, process {}] question: {}", std::process::id(), info.extra["question"]);
    assert!(!directory.join("secret.key").exists());

    let evaluator = CkksEvaluator::new(&params, &keys)?;
    let squares = evaluator.square(&query.expand(&params))?;
    let answer = evaluator.add(&squares, &evaluator.rotate(&squares, 1)?)?;
    let mut options = WriteOptions::default();
    options.extra.insert("key_id".into(), Hex(keys.id()).to_string().into());
    let bytes = file::write(directory.join("answer.ct"), &answer, &params, &options)?;
    println!("  [computing side] answer.ct {bytes} bytes");
    Ok(())
}

/// An error about a file in a temporary directory, without the directory.
fn short(error: &Error) -> String {
    match error {
        Error::InFile { problem, .. } => problem.to_string(),
        other => other.to_string(),
    }
}
