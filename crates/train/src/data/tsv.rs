//! SST-2 in its GLUE form: `sentence<TAB>label`, one header line.

use std::path::Path;

use tokenizers::Tokenizer;

use crate::{Error, Result};

/// One labelled text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Word pieces, without `[CLS]` and `[SEP]`.
    pub ids: Vec<u32>,
    /// 1 positive, 0 negative.
    pub label: u8,
}

/// Reads a TSV file and tokenises its sentences.
///
/// # Errors
/// A missing file, a line without a tab or with a label other than 0 and 1, a sentence without tokens.
pub fn read(path: &Path, tokenizer: &Tokenizer) -> Result<Vec<Row>> {
    if !path.exists() {
        return Err(Error::MissingData { what: "SST-2", path: path.to_path_buf() });
    }
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let mut sentences = Vec::new();
    let mut labels = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let refuse = || Error::malformed(path, format!("line {}: {line:?}", number + 1), "sentence, tab, 0 or 1");
        let (sentence, label) = line.rsplit_once('\t').ok_or_else(refuse)?;
        labels.push(match label.trim() {
            "0" => 0,
            "1" => 1,
            _ => return Err(refuse()),
        });
        sentences.push(sentence.trim().to_string());
    }
    let encodings = tokenizer.encode_batch(sentences, false).map_err(|e| Error::Tokenizer(e.to_string()))?;
    encodings
        .iter()
        .zip(labels)
        .enumerate()
        .map(|(i, (e, label))| match e.get_ids() {
            [] => Err(Error::malformed(path, format!("line {} has no tokens", i + 2), "a sentence")),
            ids => Ok(Row { ids: ids.to_vec(), label }),
        })
        .collect()
}
