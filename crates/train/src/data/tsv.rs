//! SST-2 in its GLUE form: `sentence<TAB>label`, one header line.

use std::path::Path;

use distilbert_he::tokenizer::{LongText, Tokenizer};
use rayon::prelude::*;

use crate::{Error, Result};

/// Longest row in tokens, `[CLS]` and `[SEP]` included: no sentence of the corpus comes near.
const LONGEST: usize = 512;

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
    sentences
        .par_iter()
        .zip(labels)
        .enumerate()
        .map(|(i, (sentence, label))| {
            let text = tokenizer
                .encode(sentence, LONGEST, LongText::Refuse)
                .map_err(|e| Error::malformed(path, format!("line {}: {e}", i + 2), "a sentence"))?;
            Ok(Row { ids: text.ids[1..text.ids.len() - 1].to_vec(), label })
        })
        .collect()
}
