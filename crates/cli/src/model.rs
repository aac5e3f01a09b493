//! Models: the embedded one, or a folder.

use std::path::Path;

use anyhow::{Context, Result};
use distilbert_he::client::ClientModel;
use distilbert_he::compile::CompiledStudent;
use distilbert_he::server::ServerModel;
use distilbert_he::student::Student;
use distilbert_he::tokenizer::Tokenizer;

/// Name of the model that is part of the program, so that it answers from any folder.
pub const EMBEDDED: &str = "hnn-fast";

const CONFIG: &[u8] = include_bytes!("../../../data/hnn-fast/config.json");
const WEIGHTS: &[u8] = include_bytes!("../../../data/hnn-fast/model.safetensors");
const VOCABULARY: &str = include_str!("../../../data/hnn-fast/vocab.txt");

/// The client's half of a model.
///
/// # Errors
/// A folder without a usable model.
pub fn client(name: &str) -> Result<ClientModel> {
    if name != EMBEDDED {
        return ClientModel::load(name).with_context(|| about(name));
    }
    let student = embedded()?;
    let params = CompiledStudent::preset(student.config())?;
    let tokenizer = Tokenizer::from_vocab(VOCABULARY, Path::new("the embedded vocab.txt"))?;
    Ok(ClientModel::new(student, tokenizer, &params)?)
}

/// The server's half of a model.
///
/// # Errors
/// A folder without a usable model.
pub fn server(name: &str) -> Result<ServerModel> {
    if name != EMBEDDED {
        return ServerModel::load(name).with_context(|| about(name));
    }
    let student = embedded()?;
    let params = CompiledStudent::preset(student.config())?;
    Ok(ServerModel::new(&student, &params)?)
}

fn embedded() -> Result<Student> {
    let [config, weights] = ["the embedded config.json", "the embedded model.safetensors"].map(Path::new);
    Ok(Student::from_bytes(CONFIG, WEIGHTS.to_vec(), config, weights)?)
}

fn about(name: &str) -> String {
    format!("--model {name}: needed {EMBEDDED} (embedded) or a folder with config.json, model.safetensors and vocab.txt")
}
