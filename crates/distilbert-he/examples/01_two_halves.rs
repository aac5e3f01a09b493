//! One sentence through both halves: what the client keeps, what the server sees, what it costs.
//!
//! `cargo run -p distilbert-he --example 01_two_halves -- "a sentence" [model directory]`

use std::path::PathBuf;
use std::time::Instant;

use ckks_core::ring::sampling::Randomness;
use distilbert_he::Result;
use distilbert_he::client::{ClientModel, decrypt_answer, encrypt_text, keygen};
use distilbert_he::server::{ServerModel, infer, plan};
use distilbert_he::student::SigmoidForm;
use distilbert_he::tokenizer::LongText;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let text = arguments.next().unwrap_or_else(|| "a gorgeous, witty, seductive movie".to_owned());
    let committed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data/hnn-fast");
    let dir = arguments.next().map_or(committed, PathBuf::from);
    let seconds = |start: Instant| start.elapsed().as_secs_f64();

    // Before any key is made: what the model needs under its parameters.
    let server = ServerModel::load(&dir)?;
    let cost = plan(&server)?;
    println!(
        "{} under {}: {} of {} levels, {} bits of security",
        cost.model, cost.parameters, cost.levels_used, cost.levels_available, cost.security_bits
    );
    println!("{} evaluation keys, {:.0} MB in a file", cost.keys, cost.key_file_bytes as f64 / 1e6);

    // Client: keys, then the encrypted text. The secret key and the report never leave it.
    let client = ClientModel::load(&dir)?;
    let mut randomness = Randomness::from_os()?;
    let start = Instant::now();
    let keys = keygen(&client, &mut randomness, |_, _| ())?;
    println!("keys made in {:.2} s", seconds(start));
    let (query, report) = encrypt_text(&client, &keys.secret, &text, LongText::Cut, &mut randomness)?;
    println!("client: {} tokens, {} cut, {} unknown", report.tokens, report.cut_tokens, report.unknown_tokens);

    // Server: evaluation keys and query, nothing else.
    println!("server sees: {} positions, level {}, {} bytes", query.positions, query.tokens.level(), cost.query_bytes);
    let start = Instant::now();
    let answer =
        infer(&server, &keys.evaluation, &query, &mut |p| println!("  {:.2} s {}", p.elapsed.as_secs_f64(), p.stage.name))?;
    println!("answered in {:.2} s with {} bytes", seconds(start), cost.answer_bytes);

    // Client again.
    let prediction = decrypt_answer(client.params(), &keys.secret, &answer)?;
    println!("{} {:.3}, {:.1} bits of precision", prediction.label, prediction.score, prediction.precision_bits);
    let ids = client.tokenizer().encode(&text, client.student().config().max_tokens(), LongText::Cut)?.ids;
    let margin = client.student().margins(&[ids])?[0];
    let plain = client.student().score(margin, SigmoidForm::Polynomial);
    println!("the same student on plain numbers differs by {:.1e}", (prediction.unrounded - plain).abs());
    Ok(())
}
