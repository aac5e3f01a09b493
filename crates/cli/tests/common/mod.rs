//! What the tests of the real program share: small models, one set of keys, and how to call it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use distilbert_he::student::{EmbeddingTable, MODEL_TYPE, Network, SoftArgmaxShape, Student, StudentConfig};
use hnn_layers::parameters::Parameters;
use hnn_layers::ragged::LengthBucket;
use ndarray::Array2;

/// Every token of the small models.
const WORDS: [&str; 12] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "fine", "film", "dull", "mess", "電", "影", "!"];

/// The program under test.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cli"))
}

/// Runs the program with nothing on stdin.
pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    program().args(args).stdin(Stdio::null()).output().unwrap()
}

/// Exit code, stdout and stderr.
pub fn parts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Expects success and returns stdout.
#[track_caller]
pub fn succeeds(output: &Output) -> String {
    let (code, stdout, stderr) = parts(output);
    assert_eq!(code, Some(0), "{stderr}");
    stdout
}

/// Expects success and returns the JSON object on the last line of stdout.
#[track_caller]
pub fn json(output: &Output) -> serde_json::Value {
    let stdout = succeeds(output);
    serde_json::from_str(stdout.lines().last().unwrap()).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

/// Expects this exit code, an error on stderr that contains all of `words`, nothing on stdout, and no trace of a panic.
#[track_caller]
pub fn fails(output: &Output, code: i32, words: &[&str]) {
    let (found, stdout, stderr) = parts(output);
    assert_eq!(found, Some(code), "{stderr}{stdout}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(stdout, "", "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` is not in: {stderr}");
    }
}

/// Names of everything in a folder, hidden files included.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Writes a small model with random weights: the same for the same seed.
pub fn write_model(folder: &Path, params: &str, seed: u64) {
    write_model_of(folder, params, seed, |_| ());
}

/// [`write_model`] with another configuration.
pub fn write_model_of(folder: &Path, params: &str, seed: u64, change: impl FnOnce(&mut StudentConfig)) {
    let mut state = seed;
    let mut uniform = move || {
        // Knuth's 64-bit linear congruential generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut config = StudentConfig {
        model_type: MODEL_TYPE.to_owned(),
        name: format!("small-{seed}"),
        vocab_size: WORDS.len(),
        dim: 4,
        mask_feature: true,
        buckets: vec![LengthBucket { positions: 4, divisor: 3.0 }, LengthBucket { positions: 8, divisor: 6.0 }],
        blocks: Vec::new(),
        head_size: 3,
        soft_argmax: SoftArgmaxShape { degree: 7, bound: 8.0 },
        params: params.to_owned(),
        labels: ["NEGATIVE".to_owned(), "POSITIVE".to_owned()],
    };
    change(&mut config);
    let table = Array2::from_shape_fn((config.vocab_size, config.table_columns()), |_| uniform());
    let mut network = Network::<f32>::zeros(&config);
    for (_, mut array) in network.parameters_mut() {
        array.mapv_inplace(|_| 0.5 * uniform());
    }
    let embedding = EmbeddingTable::quantise(table.view(), config.mask_feature);
    let files = Student::files(&config, &embedding, &network, 1.0).unwrap();
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in Student::FILES.iter().zip(files) {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
    std::fs::write(folder.join("vocab.txt"), WORDS.join("\n") + "\n").unwrap();
}

/// A small model, keys for it, a query and its answer; made once per test program and never written to by a test.
pub struct Fixture {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Fixture {
    pub fn model(&self) -> PathBuf {
        self.root.join("model")
    }

    /// The folder of keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub fn eval_keys(&self) -> PathBuf {
        self.keys().join("eval.keys")
    }

    pub fn query(&self) -> PathBuf {
        self.root.join("q.ct")
    }

    pub fn answer(&self) -> PathBuf {
        self.root.join("r.ct")
    }

    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Self { root: folder.path().to_owned(), _folder: folder };
        write_model(&fixture.model(), "n14-leveled", 1);
        succeeds(&program().arg("keygen").arg("--model").arg(fixture.model()).arg("--out").arg(fixture.keys()).output().unwrap());
        succeeds(&encrypt(&fixture, &fixture.query()).args(["--text", "a fine film"]).output().unwrap());
        succeeds(&infer(&fixture, &fixture.query(), &fixture.answer()).output().unwrap());
        fixture
    }
}

/// The fixture of this test program.
pub fn fixture() -> &'static Fixture {
    static FIXTURE: OnceLock<Fixture> = OnceLock::new();
    FIXTURE.get_or_init(Fixture::make)
}

/// `encrypt` under the fixture's model and keys, the sentence still to be given.
pub fn encrypt(fixture: &Fixture, out: &Path) -> Command {
    let mut command = program();
    command.arg("encrypt").arg("--model").arg(fixture.model()).arg("--keys").arg(fixture.keys()).arg("--out").arg(out);
    command
}

/// `infer` with the fixture's model and keys.
pub fn infer(fixture: &Fixture, input: &Path, out: &Path) -> Command {
    infer_with(&fixture.model(), &fixture.eval_keys(), input, out)
}

/// `infer` with any files.
pub fn infer_with(model: &Path, eval_keys: &Path, input: &Path, out: &Path) -> Command {
    let mut command = program();
    command
        .arg("infer")
        .arg("--model")
        .arg(model)
        .arg("--eval-keys")
        .arg(eval_keys)
        .arg("--input")
        .arg(input)
        .arg("--out")
        .arg(out);
    command
}

/// `decrypt` with any files.
pub fn decrypt(keys: &Path, input: &Path) -> Command {
    let mut command = program();
    command.arg("decrypt").arg("--keys").arg(keys).arg("--input").arg(input);
    command
}
