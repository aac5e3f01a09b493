//! The teacher: a sentence classifier of the DistilBERT family in f32, and what its table is asked for.

use std::path::Path;

use distilbert_he::encoder::Encoder;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

use crate::{Error, Result};

/// A classifier with two classes, negative first.
pub struct Teacher {
    encoder: Encoder<f32>,
    digest: [u8; 32],
}

/// Single tokens that share a matrix product.
const TOKENS_PER_CHUNK: usize = 128;

impl Teacher {
    /// Loads `config.json` and `model.safetensors` of a directory.
    ///
    /// # Errors
    /// Missing or malformed files; another number of classes than two.
    pub fn load(dir: &Path) -> Result<Teacher> {
        let path = dir.join("model.safetensors");
        if !path.exists() {
            return Err(Error::MissingData { what: "the teacher", path });
        }
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let encoder = Encoder::load(dir)?;
        let classes = encoder.config().labels.len();
        if classes != 2 {
            return Err(Error::malformed(dir.join("config.json"), format!("{classes} classes"), "2, negative first"));
        }
        Ok(Teacher { encoder, digest: *blake3::hash(&bytes).as_bytes() })
    }

    /// Word embeddings, vocabulary × width, as stored.
    pub fn word_embeddings(&self) -> ArrayView2<'_, f32> {
        self.encoder.word_embeddings()
    }

    /// BLAKE3 digest of the weights file.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Logits of texts given as token ids with `[CLS]` and `[SEP]`, on all threads of the current pool.
    ///
    /// # Errors
    /// A text that is empty, too long, or holds an id outside the vocabulary.
    pub fn logits(&self, texts: &[Vec<u32>]) -> Result<Vec<[f32; 2]>> {
        Ok(self.encoder.logits(texts)?.outer_iter().map(|r| [r[0], r[1]]).collect())
    }

    /// The last hidden state of every token of the vocabulary alone between `cls` and `sep`: vocabulary × width.
    ///
    /// # Errors
    /// `cls` or `sep` outside the vocabulary.
    pub fn isolated_token_states(&self, cls: u32, sep: u32) -> Result<Array2<f32>> {
        let ids: Vec<u32> = (0..self.word_embeddings().nrows() as u32).collect();
        let parts: Vec<Array2<f32>> = ids
            .par_chunks(TOKENS_PER_CHUNK)
            .map(|chunk| {
                let texts: Vec<[u32; 3]> = chunk.iter().map(|&id| [cls, id, sep]).collect();
                Ok(self.encoder.last_states(&texts)?.slice(s![1..;3, ..]).to_owned())
            })
            .collect::<Result<_>>()?;
        let views: Vec<_> = parts.iter().map(|p| p.view()).collect();
        concatenate(Axis(0), &views).map_err(|e| Error::Config(e.to_string()))
    }
}
