//! The embedded model through the real program: in one process, and in four that share nothing but files.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use common::{decrypt, encrypt, fails, fixture, json, names, parts, program, run, succeeds};
use serde_json::Value;

const POSITIVE: &str = "a gorgeous, witty, seductive movie";
const NEGATIVE: &str = "the plot is a lifeless, tedious mess";

/// Keys for the embedded model, made once per test program.
fn keys() -> &'static Path {
    static KEYS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let report = json(&program().args(["keygen", "--json", "--out"]).arg(folder.path()).output().unwrap());
        for (field, file) in
            [("secret_key_bytes", "secret.key"), ("public_key_bytes", "public.key"), ("eval_keys_bytes", "eval.keys")]
        {
            assert_eq!(report[field], fs::metadata(folder.path().join(file)).unwrap().len(), "{field}");
        }
        assert!(report["seconds"].as_f64().unwrap() > 0.0);
        folder
    });
    folder.path()
}

fn infer_command(folder: &Path) -> Command {
    let mut command = program();
    command.current_dir(folder).args(["infer", "--json", "--eval-keys", "eval.keys", "--input", "q.ct", "--out", "r.ct"]);
    command
}

/// A folder with nothing but evaluation keys and a query.
fn server_folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let query = folder.path().join("q.ct");
    succeeds(&program().args(["encrypt", "--text", text, "--keys"]).arg(keys()).arg("--out").arg(&query).output().unwrap());
    fs::copy(keys().join("eval.keys"), folder.path().join("eval.keys")).unwrap();
    folder
}

#[test]
fn the_demo_and_four_processes_agree() {
    for (text, label) in [(POSITIVE, "POSITIVE"), (NEGATIVE, "NEGATIVE")] {
        let demo = json(&run(["demo", "--json", text]));
        assert_eq!(demo["label"], label);
        assert_eq!(demo["security_bits"], 128);
        for field in ["score", "precision_bits", "seconds", "peak_memory_bytes"] {
            assert!(demo[field].as_f64().is_some_and(|value| value > 0.0), "{field}: {demo}");
        }
        let folder = server_folder(text);
        let report = json(&infer_command(folder.path()).output().unwrap());
        for field in ["seconds", "total_seconds", "peak_memory_bytes", "levels_used"] {
            assert!(report[field].as_f64().is_some_and(|value| value > 0.0), "{field}: {report}");
        }
        assert_eq!(report["levels_used"], demo["levels_used"]);
        let answer = json(&decrypt(keys(), &folder.path().join("r.ct")).arg("--json").output().unwrap());
        assert_eq!(answer["label"], label);
        let distance = answer["score"].as_f64().unwrap() - demo["score"].as_f64().unwrap();
        assert!(distance.abs() <= 1.0 / 128.0, "{answer} {demo}");
        let text = succeeds(&decrypt(keys(), &folder.path().join("r.ct")).output().unwrap());
        assert!(text.starts_with(label), "{text}");
    }
}

#[test]
fn the_demo_for_people_ends_with_the_label() {
    let text = succeeds(&run(["demo", POSITIVE]));
    assert!(text.lines().last().unwrap().starts_with("POSITIVE  "), "{text}");
    for word in ["server  saw", "security 128 bits", "peak memory", "bits of precision", "of 11 levels"] {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
}

#[test]
fn queries_of_one_bucket_look_alike() {
    let header = |text: &str| -> (Value, u64) {
        let folder = server_folder(text);
        let info = json(&program().arg("inspect").arg("--json").arg(folder.path().join("q.ct")).output().unwrap());
        assert_eq!(info["whole"], true);
        let mut content = info["content"].clone();
        for random in ["query_id", "tokens.seed"] {
            let field = random.split('.').fold(&mut content, |value, name| &mut value[name]);
            assert!(field.is_string(), "{random} in {info}");
            *field = Value::Null;
        }
        (content, info["file_bytes"].as_u64().unwrap())
    };
    assert_eq!(header("a"), header(POSITIVE));
}

#[test]
fn the_sentence_from_stdin() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let mut command = encrypt(fixture(), &folder.path().join("q.ct"));
    let mut child = command.args(["--json", "--input", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a fine film\n").unwrap();
    assert_eq!(json(&child.wait_with_output().unwrap())["tokens"], 5);
}

#[cfg(unix)]
#[test]
fn the_secret_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&fixture().keys().join("secret.key")), 0o600);
    assert_eq!(mode(&fixture().keys()), 0o700);
}

#[cfg(unix)]
#[test]
fn an_interrupt_during_infer_leaves_nothing() {
    let folder = server_folder(POSITIVE);
    let mut interrupted = 0;
    // A fast machine may be done before the signal comes: then it comes earlier the next time.
    for milliseconds in [400, 250, 150, 100, 60, 40] {
        let mut child = infer_command(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        // Fails if the process is gone already.
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).output().unwrap();
        let code = child.wait().unwrap().code();
        match code {
            Some(130) => {
                interrupted += 1;
                assert_eq!(names(folder.path()), ["eval.keys", "q.ct"]);
            }
            Some(0) => {
                assert_eq!(names(folder.path()), ["eval.keys", "q.ct", "r.ct"]);
                fs::remove_file(folder.path().join("r.ct")).unwrap();
            }
            other => panic!("ended with {other:?}"),
        }
    }
    assert!(interrupted > 0, "no run was interrupted");
}

#[test]
fn inspect_names_every_kind_of_file() {
    let fixture = fixture();
    for (path, kind) in [
        (fixture.keys().join("secret.key"), "secret key"),
        (fixture.keys().join("public.key"), "public key"),
        (fixture.eval_keys(), "evaluation keys"),
        (fixture.query(), "query"),
        (fixture.answer(), "answer"),
    ] {
        let info = json(&program().arg("inspect").arg("--json").arg(&path).output().unwrap());
        assert_eq!(info["type"], kind);
        assert_eq!(info["file_bytes"], fs::metadata(&path).unwrap().len());
        let text = succeeds(&program().arg("inspect").arg(&path).output().unwrap());
        assert!(text.contains(kind) && text.contains("N = 2^14"), "{text}");
    }
}

#[test]
fn plan_predicts_what_keygen_writes() {
    let plan = json(&run(["plan", "--json"]));
    let bytes = fs::metadata(keys().join("eval.keys")).unwrap().len() as f64;
    let predicted = plan["key_file_bytes"].as_f64().unwrap();
    assert!((bytes / predicted - 1.0).abs() < 0.01, "{bytes} bytes, predicted {predicted}");
    assert_eq!(plan["security_bits"], 128);
    assert!(succeeds(&run(["plan"])).contains("up to 64 tokens"));
}

#[test]
fn doctor_finds_this_machine_well() {
    let report = json(&run(["doctor", "--json"]));
    assert!(report["tests"].as_array().unwrap().iter().all(|test| test["passed"] == true), "{report}");
    assert!(succeeds(&run(["doctor"])).contains("kernels"));
}

#[test]
fn kernels_that_there_are_not_are_refused_and_doctor_says_why() {
    let with = |kernels: &str, command: &[&str]| program().env("CKKS_KERNELS", kernels).args(command).output().unwrap();
    fails(&with("avx999", &["plan"]), 1, &["CKKS_KERNELS", "avx999", "portable"]);
    let (code, stdout, _) = parts(&with("avx999", &["doctor"]));
    assert_eq!(code, Some(1));
    assert!(stdout.contains("WRONG    environment") && stdout.contains("avx999"), "{stdout}");
    assert!(succeeds(&with("portable", &["doctor"])).contains("kernels  portable"));
}

#[test]
fn nothing_but_results_on_stdout_and_no_progress_without_a_terminal() {
    let output = run(["demo", "--json", POSITIVE]);
    assert_eq!(String::from_utf8(output.stderr.clone()).unwrap(), "");
    assert_eq!(succeeds(&output).lines().count(), 1);
    fails(&run(["demo", "--json", ""]), 1, &["error: "]);
}

/// Probabilities of the positive label of lines that share a ciphertext.
fn scores_of_batch(lines: &[&str]) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("lines");
    fs::write(&input, lines.join("\n")).unwrap();
    let query = folder.path().join("q.ct");
    let encrypted =
        program().args(["encrypt", "--json", "--keys"]).arg(keys()).arg("--out").arg(&query).arg("--input").arg(&input).output();
    // A file of one line is one text, and no batch.
    assert_eq!(json(&encrypted.unwrap())["queries"].as_u64().unwrap_or(1), 1);
    fs::copy(keys().join("eval.keys"), folder.path().join("eval.keys")).unwrap();
    succeeds(&infer_command(folder.path()).output().unwrap());
    let output = decrypt(keys(), &folder.path().join("r.ct")).arg("--json").output().unwrap();
    let answers = succeeds(&output).lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    assert_eq!(answers.len(), lines.len());
    let probability = |answer: &Value| {
        let score = answer["score"].as_f64().unwrap();
        if answer["label"] == "POSITIVE" { score } else { 1.0 - score }
    };
    answers.iter().map(probability).collect()
}

#[test]
fn neighbours_in_a_ciphertext_change_no_score() {
    let lines = [POSITIVE, NEGATIVE, "neither good nor bad", "it is what it is"];
    let together = scores_of_batch(&lines);
    for (line, together) in lines.iter().zip(together) {
        let alone = scores_of_batch(&[line])[0];
        assert!((together - alone).abs() <= 1.0 / 128.0, "{line}: {together} beside others, {alone} alone");
    }
    let other_neighbours = scores_of_batch(&[NEGATIVE, lines[2], NEGATIVE, NEGATIVE])[1];
    let alone = scores_of_batch(&[lines[2]])[0];
    assert!((other_neighbours - alone).abs() <= 1.0 / 128.0, "{other_neighbours} beside others, {alone} alone");
}
