//! The server half cannot name a secret: programs against it that try do not compile, and one that does not try does.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a program against the server half may name.
const ALLOWED: &str = "
    pub fn answer(
        model: &distilbert_he::server::ServerModel,
        keys: &ckks_core::keys::EvaluationKeys,
        query: &distilbert_he::message::Query,
    ) -> Option<distilbert_he::message::Answer> {
        distilbert_he::server::infer(model, keys, query, &mut |_| ()).ok()
    }
";

/// What it may not: a path and the name that the compiler has to miss.
const FORBIDDEN: [(&str, &str); 4] = [
    ("pub use ckks_core::keys::SecretKey;", "SecretKey"),
    ("pub use ckks_core::keys::KeyGenerator;", "KeyGenerator"),
    ("pub use ckks_core::decrypt::decrypt;", "decrypt"),
    ("pub use distilbert_he::client::decrypt_answer;", "client"),
];

/// A package of its own that depends on the server half only, checked with this workspace's versions.
struct Outsider {
    dir: PathBuf,
}

impl Outsider {
    fn new() -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outsider");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::create_dir_all(dir.join("src")).unwrap();
        let manifest = format!(
            "[package]\nname = \"outsider\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             distilbert-he = {{ path = {:?}, default-features = false, features = [\"server\"] }}\n\
             ckks-core = {{ path = {:?}, default-features = false }}\n",
            root.join("crates/distilbert-he"),
            root.join("crates/ckks-core"),
        );
        std::fs::write(dir.join("Cargo.toml"), manifest).unwrap();
        std::fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
        Self { dir }
    }

    /// Whether `source` compiles, and what the compiler said.
    fn check(&self, source: &str) -> (bool, String) {
        std::fs::write(self.dir.join("src/lib.rs"), source).unwrap();
        let output = Command::new(env!("CARGO"))
            .args(["check", "--offline", "--quiet", "--target-dir", "target"])
            .current_dir(&self.dir)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_program_against_the_server_half_cannot_name_a_secret() {
    let outsider = Outsider::new();
    let (compiles, messages) = outsider.check(ALLOWED);
    assert!(compiles, "the control has to compile, so that failures below mean something:\n{messages}");
    for (source, name) in FORBIDDEN {
        let (compiles, messages) = outsider.check(source);
        assert!(!compiles, "`{source}` compiles against the server half");
        // E0432: unresolved import. Any other failure would say nothing about secrets.
        assert!(messages.contains("E0432") && messages.contains(name), "`{source}` fails for another reason:\n{messages}");
    }
}
