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

/// Reads the sentences of a TSV file and their labels, 1 positive and 0 negative.
///
/// # Errors
/// A missing file, a line without a tab or with a label other than 0 and 1.
pub fn sentences(path: &Path) -> Result<Vec<(String, u8)>> {
    if !path.exists() {
        return Err(Error::MissingData { what: "SST-2", path: path.to_path_buf() });
    }
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let parse = |(number, line): (usize, &str)| {
        let refuse = || Error::malformed(path, format!("line {}: {line:?}", number + 1), "sentence, tab, 0 or 1");
        let (sentence, label) = line.rsplit_once('\t').ok_or_else(refuse)?;
        let label = match label.trim() {
            "0" => 0,
            "1" => 1,
            _ => return Err(refuse()),
        };
        Ok((sentence.trim().to_string(), label))
    };
    text.lines().enumerate().skip(1).map(parse).collect()
}

/// Reads a TSV file and tokenises its sentences.
///
/// # Errors
/// As [`sentences`], and a sentence without tokens.
pub fn read(path: &Path, tokenizer: &Tokenizer) -> Result<Vec<Row>> {
    sentences(path)?
        .into_par_iter()
        .enumerate()
        .map(|(i, (sentence, label))| {
            let text = tokenizer
                .encode(&sentence, LONGEST, LongText::Refuse)
                .map_err(|e| Error::malformed(path, format!("line {}: {e}", i + 2), "a sentence"))?;
            Ok(Row { ids: text.ids[1..text.ids.len() - 1].to_vec(), label })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_bad_ones_named() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("dev.tsv");
        std::fs::write(&path, "sentence\tlabel\na fine film \t1\na mess\t0\n")?;
        assert_eq!(sentences(&path)?, [("a fine film".to_owned(), 1), ("a mess".to_owned(), 0)]);
        for bad in ["sentence\tlabel\na fine film 1\n", "sentence\tlabel\na fine film\t2\n"] {
            std::fs::write(&path, bad)?;
            let message = sentences(&path).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains("line 2"), "{message}");
        }
        Ok(())
    }
}
