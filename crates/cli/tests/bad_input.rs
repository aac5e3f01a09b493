//! What people give by mistake or malice: each is refused with what was found, what was needed and how to get it.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{
    decrypt, encrypt, fails, fixture, infer, infer_with, json, names, parts, program, run, succeeds, write_model, write_model_of,
};
use distilbert_he::student::BlockShape;
use hnn_layers::bilinear_conv::Join;

/// Encrypts a text and expects a refusal that leaves nothing behind.
#[track_caller]
fn text_refused(text: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fails(&encrypt(fixture(), &folder.path().join("q.ct")).args(["--text", text]).output().unwrap(), 1, words);
    assert_eq!(names(folder.path()), [""; 0]);
}

/// Encrypts a text and returns the report.
#[track_caller]
fn text_taken(text: &str) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("q.ct");
    let report = json(&encrypt(fixture(), &out).args(["--json", "--text", text]).output().unwrap());
    assert_eq!(report["query_bytes"], fs::metadata(&out).unwrap().len());
    report
}

#[test]
fn an_empty_text() {
    text_refused("", &["the text is empty", "needed"]);
    fails(&run(["demo", ""]), 1, &["the text is empty"]);
}

#[test]
fn only_spaces() {
    text_refused("  \t \n\u{3000}", &["only white space", "needed"]);
}

#[test]
fn only_control_characters() {
    text_refused("\u{1}\u{7f}", &["only control characters"]);
}

#[test]
fn emoji_and_chinese_and_control_characters_among_words() {
    let report = text_taken("🙂 film");
    assert_eq!((&report["tokens"], &report["unknown_tokens"]), (&4.into(), &1.into()));
    assert!(report["warnings"][0].as_str().unwrap().contains("not in the vocabulary"), "{report}");
    assert_eq!(text_taken("電影")["unknown_tokens"], 0);
    let report = text_taken("fine\u{7} film\u{1b}");
    assert_eq!(report["removed_characters"], 2);
    assert!(report["warnings"][0].as_str().unwrap().contains("control characters"), "{report}");
}

#[test]
fn ten_thousand_words() {
    let text = "film ".repeat(10_000);
    let report = text_taken(&text);
    assert_eq!((&report["tokens"], &report["cut_tokens"], &report["kept_bytes"]), (&8.into(), &9_994.into(), &29.into()));
    assert!(report["warnings"][0].as_str().unwrap().contains("9994 tokens after them were cut"), "{report}");

    let folder = tempfile::tempdir().unwrap();
    let strict = encrypt(fixture(), &folder.path().join("q.ct")).args(["--strict", "--text", &text]).output().unwrap();
    fails(&strict, 1, &["10002 tokens", "takes 8"]);
    assert_eq!(names(folder.path()), [""; 0]);
}

/// Encrypts the content of a file.
fn encrypt_file(content: &[u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("text");
    fs::write(&input, content).unwrap();
    let output = encrypt(fixture(), &folder.path().join("q.ct")).arg("--input").arg(&input).output().unwrap();
    if !output.status.success() {
        assert_eq!(names(folder.path()), ["text"]);
    }
    output
}

#[test]
fn a_nul_byte() {
    fails(&encrypt_file(b"a fine\0film"), 1, &["NUL character (character 7)"]);
}

#[test]
fn invalid_utf8() {
    fails(&encrypt_file(b"a fine \xff film"), 1, &["not UTF-8", "0xff at offset 7", "iconv"]);
    fails(&encrypt_file(b"a fine \xe9\x9b"), 1, &["not UTF-8", "offset 7"]);
}

#[test]
fn a_text_file_of_many_megabytes() {
    fails(&encrypt_file(&b"film ".repeat(1 << 20)), 1, &["more than 1048576 bytes"]);
}

#[cfg(unix)]
#[test]
fn invalid_utf8_on_the_command_line() {
    use std::os::unix::ffi::OsStrExt;
    let output = program().arg("demo").arg(std::ffi::OsStr::from_bytes(b"fine \xff")).output().unwrap();
    fails(&output, 1, &["UTF-8"]);
}

#[test]
fn a_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    let (absent, out) = (folder.path().join("absent"), folder.path().join("out"));
    let fixture = fixture();
    fails(&encrypt(fixture, &out).arg("--input").arg(&absent).output().unwrap(), 1, &["absent", "No such file"]);
    fails(&infer(fixture, &absent, &out).output().unwrap(), 1, &["absent", "No such file"]);
    fails(&infer_with(&fixture.model(), &absent, &fixture.query(), &out).output().unwrap(), 1, &["absent", "No such file"]);
    fails(
        &infer_with(&absent, &fixture.eval_keys(), &fixture.query(), &out).output().unwrap(),
        1,
        &["--model", "absent", "hnn-fast"],
    );
    fails(&decrypt(&absent, &fixture.answer()).output().unwrap(), 1, &["absent", "keygen --out"]);
    fails(&decrypt(&fixture.keys(), &absent).output().unwrap(), 1, &["absent", "No such file"]);
    fails(&program().arg("inspect").arg(&absent).output().unwrap(), 1, &["absent", "No such file"]);
    let nowhere = absent.join("q.ct");
    fails(&encrypt(fixture, &nowhere).args(["--text", "film"]).output().unwrap(), 1, &["q.ct"]);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_directory_where_a_file_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, out) = (folder.path(), folder.path().join("out"));
    let fixture = fixture();
    fails(&encrypt(fixture, &out).arg("--input").arg(directory).output().unwrap(), 1, &["directory"]);
    fails(&encrypt(fixture, directory).args(["--text", "film"]).output().unwrap(), 1, &["is a directory"]);
    fails(&encrypt(fixture, directory).args(["--force", "--text", "film"]).output().unwrap(), 1, &["is a directory"]);
    fails(&infer(fixture, directory, &out).output().unwrap(), 1, &["directory"]);
    fails(&infer_with(&fixture.model(), directory, &fixture.query(), &out).output().unwrap(), 1, &["directory"]);
    fails(&decrypt(&fixture.keys(), directory).output().unwrap(), 1, &["directory"]);
    fails(&program().arg("inspect").arg(directory).output().unwrap(), 1, &["directory"]);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_file_where_a_folder_belongs() {
    let fixture = fixture();
    let file = fixture.query();
    fails(&program().arg("keygen").arg("--out").arg(&file).output().unwrap(), 1, &["is not a folder"]);
    fails(&decrypt(&file, &fixture.answer()).output().unwrap(), 1, &["is not a folder", "--keys"]);
    fails(&decrypt(&fixture.model(), &fixture.answer()).output().unwrap(), 1, &["has no secret.key", "keygen"]);
}

#[test]
fn a_bootstrapping_set_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let keygen =
        |args: &[&str]| program().arg("keygen").arg("--out").arg(folder.path().join("keys")).args(args).output().unwrap();
    fails(&keygen(&["--bootstrap", "n99-boot"]), 1, &["n99-boot", "n16-boot"]);
    // Nothing is known about its sparse secret.
    fails(&keygen(&["--bootstrap", "n15-boot"]), 1, &["n15-boot", "no cited 128-bit bound"]);
    fails(&keygen(&["--bootstrap", "n16-boot", "--log-slots", "16"]), 1, &["--log-slots 16", "needed 1 to 15"]);
    fails(&keygen(&["--bootstrap", "n16-boot", "--model", "hnn-fast"]), 1, &["cannot be used with"]);
    fails(&keygen(&["--log-slots", "10"]), 1, &["--bootstrap"]);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn keys_of_another_parameter_set() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (folder.path().join("model"), folder.path().join("out"));
    write_model(&model, "n15-leveled", 1);
    let fixture = fixture();
    let other = ["belongs to other parameters", "found digest", "needed"];
    fails(&infer_with(&model, &fixture.eval_keys(), &fixture.query(), &out).output().unwrap(), 1, &other);
    let mut command = program();
    command
        .arg("encrypt")
        .arg("--model")
        .arg(&model)
        .arg("--keys")
        .arg(fixture.keys())
        .arg("--out")
        .arg(&out)
        .args(["--text", "film"]);
    fails(&command.output().unwrap(), 1, &["belongs to other parameters", "keygen --model"]);
    assert_eq!(names(folder.path()), ["model"]);
}

#[test]
fn a_query_for_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (folder.path().join("model"), folder.path().join("out"));
    write_model(&model, "n14-leveled", 2);
    let fixture = fixture();
    let output = infer_with(&model, &fixture.eval_keys(), &fixture.query(), &out).output().unwrap();
    fails(&output, 1, &["does not belong to this model", "found model digest", "encrypt the text again"]);
    assert_eq!(names(folder.path()), ["model"]);
}

#[test]
fn a_secret_key_given_to_infer() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let fixture = fixture();
    let secret = fixture.keys().join("secret.key");
    let words = ["holds a secret key", "must never get a secret key"];
    fails(&infer_with(&fixture.model(), &secret, &fixture.query(), &out).output().unwrap(), 1, &words);
    fails(&infer(fixture, &secret, &out).output().unwrap(), 1, &words);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn files_of_another_type() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let fixture = fixture();
    fails(
        &infer_with(&fixture.model(), &fixture.query(), &fixture.query(), &out).output().unwrap(),
        1,
        &["holds: query", "needed: evaluation keys"],
    );
    fails(&infer(fixture, &fixture.answer(), &out).output().unwrap(), 1, &["holds: answer", "needed: query"]);
    fails(&decrypt(&fixture.keys(), &fixture.query()).output().unwrap(), 1, &["holds: query", "needed: answer"]);
    let text = folder.path().join("text");
    fs::write(&text, "a fine film, and long enough to be a file of some kind; it only is none of ours").unwrap();
    fails(&infer(fixture, &text, &out).output().unwrap(), 1, &["not a file of this library"]);
    fails(&program().arg("inspect").arg(&text).output().unwrap(), 1, &["not a file of this library"]);
    assert_eq!(names(folder.path()), ["text"]);
}

#[test]
fn an_answer_under_someone_elses_key() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let fixture = fixture();
    succeeds(&program().arg("keygen").arg("--model").arg(fixture.model()).arg("--out").arg(&keys).output().unwrap());
    let words = ["does not belong to this secret key", "found key id", "use the secret key that encrypted the query"];
    fails(&decrypt(&keys, &fixture.answer()).output().unwrap(), 1, &words);
    // Their evaluation keys are of no use for my query either.
    let out = folder.path().join("out");
    let output = infer_with(&fixture.model(), &keys.join("eval.keys"), &fixture.query(), &out).output().unwrap();
    fails(&output, 1, &["does not belong to these evaluation keys"]);
    assert_eq!(names(folder.path()), ["keys"]);
}

/// Copies a file with a change.
fn damaged(original: &Path, folder: &Path, change: impl FnOnce(&mut Vec<u8>)) -> std::path::PathBuf {
    let mut bytes = fs::read(original).unwrap();
    change(&mut bytes);
    let path = folder.join("damaged");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn damaged_files() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let fixture = fixture();
    let length = fs::metadata(fixture.query()).unwrap().len() as usize;
    for at in [0, 9, 200, length / 2, length - 1] {
        let query = damaged(&fixture.query(), folder.path(), |bytes| bytes[at] ^= 1);
        fails(&infer(fixture, &query, &out).output().unwrap(), 1, &["damaged"]);
    }
    for keep in [0, 7, 100, length / 2, length - 1] {
        let query = damaged(&fixture.query(), folder.path(), |bytes| bytes.truncate(keep));
        fails(&infer(fixture, &query, &out).output().unwrap(), 1, &["damaged"]);
    }
    let answer = damaged(&fixture.answer(), folder.path(), |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
    });
    fails(&decrypt(&fixture.keys(), &answer).output().unwrap(), 1, &["damaged"]);
    fails(&program().arg("inspect").arg(&answer).output().unwrap(), 1, &["damaged"]);
    assert_eq!(names(folder.path()), ["damaged"]);
}

/// Runs the program in a shell that limits the size of files to `blocks` of 512 or 1024 bytes, as a full disk would.
fn with_file_limit(blocks: usize, command: &Command) -> Output {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(command.get_program()).args(command.get_args());
    shell.output().unwrap()
}

#[test]
fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let fixture = fixture();
    let words = ["out", "cannot write the file", "File too large"];
    let mut command = encrypt(fixture, &out);
    fails(&with_file_limit(20, command.args(["--text", "film"])), 2, &words);
    fails(&with_file_limit(20, &infer(fixture, &fixture.query(), &out)), 2, &words);
    assert_eq!(names(folder.path()), [""; 0]);

    // The secret key fits, the evaluation keys do not: none of them stays.
    let mut keygen = program();
    keygen.arg("keygen").arg("--json").arg("--model").arg(fixture.model()).arg("--out").arg(folder.path().join("keys"));
    fails(&with_file_limit(2000, &keygen), 2, &["eval.keys", "File too large"]);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn an_output_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::write(&out, "precious").unwrap();
    let fixture = fixture();
    let words = ["out exists", "--force"];
    fails(&encrypt(fixture, &out).args(["--text", "film"]).output().unwrap(), 1, &words);
    fails(&infer(fixture, &fixture.query(), &out).output().unwrap(), 1, &words);
    assert_eq!(fs::read(&out).unwrap(), b"precious");
    succeeds(&encrypt(fixture, &out).args(["--force", "--text", "film"]).output().unwrap());
    succeeds(&infer(fixture, &fixture.query(), &out).arg("--force").output().unwrap());
    succeeds(&decrypt(&fixture.keys(), &out).output().unwrap());
}

#[test]
fn keygen_where_keys_are() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let fixture = fixture();
    let keygen = |force: &[&str]| {
        program().arg("keygen").arg("--model").arg(fixture.model()).arg("--out").arg(&keys).args(force).output().unwrap()
    };
    succeeds(&keygen(&[]));
    let first = fs::read(keys.join("secret.key")).unwrap();
    fails(&keygen(&[]), 1, &["already holds secret.key, public.key, eval.keys", "--force", "never be read again"]);
    assert_eq!(fs::read(keys.join("secret.key")).unwrap(), first);
    fs::remove_file(keys.join("eval.keys")).unwrap();
    fails(&keygen(&[]), 1, &["already holds secret.key, public.key"]);
    succeeds(&keygen(&["--force"]));
    assert_ne!(fs::read(keys.join("secret.key")).unwrap(), first);
    assert_eq!(names(&keys), ["eval.keys", "public.key", "secret.key"]);
}

#[test]
fn models_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let refused = |words: &[&str]| {
        let output = program()
            .arg("keygen")
            .arg("--json")
            .arg("--model")
            .arg(&model)
            .arg("--out")
            .arg(folder.path().join("keys"))
            .output();
        fails(&output.unwrap(), 1, words);
        assert_eq!(names(folder.path()), ["model"]);
    };
    write_model(&model, "n13-leveled", 1);
    refused(&["n13-leveled", "n14-leveled"]);
    write_model(&model, "n14-leveled", 1);
    let weights = fs::read(model.join("model.safetensors")).unwrap();
    fs::write(model.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    refused(&["model.safetensors", "not a safetensors file"]);
    fs::write(model.join("config.json"), "{").unwrap();
    refused(&["config.json"]);
    fs::remove_file(model.join("vocab.txt")).unwrap();
    write_model(&model, "n14-leveled", 1);
    fs::write(model.join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n").unwrap();
    refused(&["vocab_size", "12", "5"]);
}

#[test]
fn models_with_unusable_weights() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let refused = |words: &[&str]| {
        let output = run(["plan".as_ref(), "--model".as_ref(), model.as_os_str()]);
        fails(&output, 1, words);
    };
    let weights = |change: &dyn Fn(&mut Vec<u8>)| {
        write_model(&model, "n14-leveled", 1);
        let path = model.join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    write_model(&model, "n14-leveled", 1);
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    let wider = config.replace("\"head_size\": 3", "\"head_size\": 5");
    assert_ne!(config, wider);
    fs::write(model.join("config.json"), wider).unwrap();
    refused(&["`head.projection.weight`", "[4, 3]", "[4, 5]"]);

    // Another name of the same length in the header: the tensor is missing under its own.
    let name = b"head.projection.bias";
    weights(&|bytes| {
        let at = bytes.windows(name.len()).position(|some| some == name).unwrap();
        bytes[at + name.len() - 1] = b'z';
    });
    refused(&["head.projection.bias", "model.safetensors"]);

    weights(&|bytes| {
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let json: serde_json::Value = serde_json::from_slice(&bytes[8..header]).unwrap();
        let at = header + json["head.projection.weight"]["data_offsets"][0].as_u64().unwrap() as usize;
        bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    refused(&["`head.projection.weight`", "NaN at flat index 0", "finite"]);

    write_model_of(&model, "n14-leveled", 1, |config| {
        config.blocks = vec![BlockShape { rank: 3, join: Join::Added }; 2];
        config.soft_argmax.degree = 63;
    });
    refused(&["needs 12 levels", "`n14-leveled` have 11"]);
}

#[test]
fn usage() {
    for args in [&[][..], &["nonsense"], &["demo"], &["encrypt", "--keys", "k", "--out", "q"], &["decrypt", "--nonsense"]] {
        let (code, stdout, stderr) = parts(&run(args));
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{args:?}: {stderr}");
        assert!(stderr.contains("Usage"), "{args:?}: {stderr}");
    }
    let both = ["encrypt", "--keys", "k", "--out", "q", "--text", "a", "--input", "b"];
    fails(&run(both), 1, &["cannot be used with"]);
    assert!(succeeds(&run(["--help"])).contains("Exit codes"));
    assert!(succeeds(&run(["--version"])).starts_with("cli "));
}
