//! Many sentences in one file, through the real program.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::{decrypt, encrypt, fails, fixture, infer, json, names, parts, run, succeeds};
use distilbert_he::student::{SigmoidForm, Student};
use distilbert_he::tokenizer::{LongText, Tokenizer};
use serde_json::Value;

/// Encrypts lines under the fixture's model and keys, with further arguments.
fn encrypt_lines(folder: &Path, lines: &str, more: &[&str]) -> Output {
    let input = folder.join("lines");
    fs::write(&input, lines).unwrap();
    encrypt(fixture(), &folder.join("q.ct")).arg("--json").args(more).arg("--input").arg(input).output().unwrap()
}

/// Probability of the second label that the plain polynomial student gives.
fn plain_scores(model: &Path, lines: &[&str]) -> Vec<f64> {
    let (student, tokenizer) = (Student::load(model).unwrap(), Tokenizer::load(model).unwrap());
    let limit = student.config().max_tokens();
    let ids: Vec<_> = lines.iter().map(|line| tokenizer.encode(line, limit, LongText::Cut).unwrap().ids).collect();
    student.margins(&ids).unwrap().iter().map(|&m| student.score(m, SigmoidForm::Polynomial)).collect()
}

fn answers(folder: &Path) -> Vec<Value> {
    succeeds(&infer(fixture(), &folder.join("q.ct"), &folder.join("r.ct")).output().unwrap());
    let output = decrypt(&fixture().keys(), &folder.join("r.ct")).arg("--json").output().unwrap();
    succeeds(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn is_near(found: &Value, wanted: f64) -> bool {
    let probability = if found["label"] == "POSITIVE" { wanted } else { 1.0 - wanted };
    (found["score"].as_f64().unwrap() - probability).abs() < 1.0 / 128.0
}

#[test]
fn one_line_comes_out_for_each_line_that_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        ["a fine film !", "dull", "", "a mess", "fine 電影", "  ", "film film film film film film film film film", "mess !"];
    let output = encrypt_lines(folder.path(), &(lines.join("\n") + "\n"), &[]);
    let stderr = parts(&output).2;
    assert!(stderr.contains("2 lines hold no sentence") && stderr.contains("the first is line 3"), "{stderr}");
    assert!(stderr.contains("1 lines are too long") && stderr.contains("line 7"), "{stderr}");
    let report = json(&output);
    let numbers = ["lines", "sentences", "empty_lines", "cut_lines", "queries"].map(|field| report[field].as_u64().unwrap());
    assert_eq!(numbers, [8, 6, 2, 1, 2]);
    assert_eq!(report["query_bytes"], fs::metadata(folder.path().join("q.ct")).unwrap().len());

    let found = answers(folder.path());
    assert_eq!(found.len(), lines.len());
    let sentences: Vec<&str> = lines.iter().copied().filter(|line| !line.trim().is_empty()).collect();
    let mut wanted = plain_scores(&fixture().model(), &sentences).into_iter();
    for (i, (line, found)) in lines.iter().zip(&found).enumerate() {
        assert_eq!(found["line"], i + 1);
        if line.trim().is_empty() {
            assert!(found["label"].is_null() && found["score"].is_null(), "{found}");
        } else {
            let wanted = wanted.next().unwrap();
            assert!(is_near(found, wanted), "{line}: {found}, wanted {wanted}");
        }
    }
    let text = succeeds(&decrypt(&fixture().keys(), &folder.path().join("r.ct")).output().unwrap());
    let text: Vec<&str> = text.lines().collect();
    assert_eq!(text.len(), lines.len());
    assert!(text[2].is_empty() && text[5].is_empty() && text[0].contains("bits of precision"), "{text:?}");
}

#[test]
fn what_the_server_sees_of_a_batch_is_classes_and_numbers() {
    let headers = |lines: &str| {
        let folder = tempfile::tempdir().unwrap();
        json(&encrypt_lines(folder.path(), lines, &[]));
        let mut info = json(&run(["inspect".as_ref(), "--json".as_ref(), folder.path().join("q.ct").as_os_str()]));
        assert_eq!((&info["type"], &info["whole"]), (&"series".into(), &true.into()));
        assert!(info["content"]["about"]["batch_id"].take().is_string());
        (info["content"].take(), info["file_bytes"].clone())
    };
    // Other words, other lengths within the classes, another order.
    let (one, other) = (headers("a fine film\ndull\na mess"), headers("mess\nfine fine film film\nfilm"));
    assert_eq!(one.0["about"]["groups"][0]["sentences"], 2);
    assert_eq!(one, other);
    assert_ne!(one, headers("a\ndull\nmess"));
}

#[test]
fn ten_thousand_lines() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = ["fine", "a mess", "a fine film", "dull dull dull dull !"];
    let lines: Vec<&str> = (0..10_000).map(|i| kinds[i * i % 7 % 4]).collect();
    let report = json(&encrypt_lines(folder.path(), &lines.join("\n"), &[]));
    assert_eq!(report["sentences"], 10_000);
    let found = answers(folder.path());
    assert_eq!(found.len(), lines.len());
    let wanted = plain_scores(&fixture().model(), &kinds);
    for (line, found) in lines.iter().zip(&found) {
        let wanted = wanted[kinds.iter().position(|kind| kind == line).unwrap()];
        assert!(is_near(found, wanted), "{line}: {found}, wanted {wanted}");
    }
}

#[test]
fn bad_lines_are_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |lines: &str, more: &[&str], words: &[&str]| {
        fails(&encrypt_lines(folder.path(), lines, more), 1, words);
        assert_eq!(names(folder.path()), ["lines"]);
    };
    refused("fine\n\ndull", &["--strict"], &["line 2", "is empty"]);
    refused("fine\nfilm film film film film film film", &["--strict"], &["line 2", "9 tokens", "takes 8"]);
    refused("fine\nfi\0lm", &[], &["line 2", "NUL character"]);
    refused("\n \n\t\n", &[], &["none of 3 lines"]);
}

#[test]
fn damaged_batches_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (query, answer) = (folder.path().join("q.ct"), folder.path().join("r.ct"));
    json(&encrypt_lines(folder.path(), "fine\na fine film\nmess", &[]));
    let whole = fs::read(&query).unwrap();
    let attempt = |bytes: &[u8], words: &[&str]| {
        fs::write(&query, bytes).unwrap();
        fails(&infer(fixture(), &query, &answer).output().unwrap(), 1, words);
        fails(&run(["inspect".as_ref(), query.as_os_str()]), 1, &[]);
        assert_eq!(names(folder.path()), ["lines", "q.ct"]);
    };
    attempt(&whole[..whole.len() - 100], &["q.ct"]);
    attempt(&[&whole[..], b"more"].concat(), &["q.ct"]);
    let mut flipped = whole.clone();
    let last = flipped.len() - 1000;
    flipped[last] ^= 1;
    attempt(&flipped, &["q.ct"]);
    fs::write(&query, &whole).unwrap();
    succeeds(&infer(fixture(), &query, &answer).output().unwrap());

    // Elsewhere nobody knows which line is where.
    let keys = tempfile::tempdir().unwrap();
    fs::copy(fixture().keys().join("secret.key"), keys.path().join("secret.key")).unwrap();
    fails(&decrypt(keys.path(), &answer).output().unwrap(), 1, &["batches", "which line of the batch is where"]);
    // A single answer where a batch is expected, and the other way round, are told apart.
    fails(&infer(fixture(), &answer, &folder.path().join("x")).output().unwrap(), 1, &["answer", "query"]);
}
