//! The teacher: a DistilBERT-family classifier, forward only, f32, many texts at once.

pub mod activations;
mod load;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use activations::{gelu_assign, layer_norm_assign, softmax_assign};

/// A linear map: `weight` is inputs × outputs.
struct Dense {
    weight: Array2<f32>,
    bias: Array1<f32>,
}

impl Dense {
    fn apply(&self, x: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut y = x.dot(&self.weight);
        y += &self.bias;
        y
    }
}

struct Norm {
    weight: Array1<f32>,
    bias: Array1<f32>,
}

impl Norm {
    fn apply(&self, x: &mut Array2<f32>) {
        layer_norm_assign(x.view_mut(), &self.weight, &self.bias, 1e-12);
    }
}

struct Layer {
    qkv: Dense,
    out: Dense,
    attention_norm: Norm,
    lin1: Dense,
    lin2: Dense,
    output_norm: Norm,
}

/// A classifier in the format of `DistilBertForSequenceClassification`, two classes, any width.
pub struct Teacher {
    word: Array2<f32>,
    position: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    heads: usize,
    pre_classifier: Dense,
    classifier: Dense,
    digest: [u8; 32],
}

/// Texts handled in one matrix product: enough rows for the product to run at full speed, few enough for the cache.
const TEXTS_PER_CHUNK: usize = 32;

impl Teacher {
    /// Word embeddings, vocabulary × width, as stored.
    pub fn word_embeddings(&self) -> ArrayView2<'_, f32> {
        self.word.view()
    }

    /// BLAKE3 digest of the weights file.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Longest text in tokens, `[CLS]` and `[SEP]` included.
    pub fn max_tokens(&self) -> usize {
        self.position.nrows()
    }

    /// Last hidden states of texts (token ids with `[CLS]` and `[SEP]`), all tokens of all texts one below the other.
    fn states(&self, texts: &[&[u32]]) -> Array2<f32> {
        let total: usize = texts.iter().map(|t| t.len()).sum();
        let width = self.word.ncols();
        let head = width / self.heads;
        let mut x = Array2::zeros((total, width));
        let mut row = 0;
        for text in texts {
            for (i, &id) in text.iter().enumerate() {
                let mut r = x.row_mut(row);
                r += &self.word.row(id as usize);
                r += &self.position.row(i);
                row += 1;
            }
        }
        self.norm.apply(&mut x);
        let scale = 1.0 / (head as f32).sqrt();
        for layer in &self.layers {
            let qkv = layer.qkv.apply(x.view());
            let mut context = Array2::zeros((total, width));
            let mut start = 0;
            for text in texts {
                let end = start + text.len();
                for h in 0..self.heads {
                    let part = |i: usize| qkv.slice(s![start..end, i * width + h * head..i * width + (h + 1) * head]);
                    let mut scores = part(0).dot(&part(1).t());
                    scores *= scale;
                    for r in scores.axis_iter_mut(Axis(0)) {
                        softmax_assign(r);
                    }
                    context.slice_mut(s![start..end, h * head..(h + 1) * head]).assign(&scores.dot(&part(2)));
                }
                start = end;
            }
            let mut attended = layer.out.apply(context.view());
            attended += &x;
            layer.attention_norm.apply(&mut attended);
            let mut inner = layer.lin1.apply(attended.view());
            if let Some(values) = inner.as_slice_mut() {
                gelu_assign(values);
            }
            x = layer.lin2.apply(inner.view());
            x += &attended;
            layer.output_norm.apply(&mut x);
        }
        x
    }

    fn chunk_logits(&self, texts: &[&[u32]]) -> Vec<[f32; 2]> {
        let x = self.states(texts);
        let mut cls = Array2::zeros((texts.len(), x.ncols()));
        let mut start = 0;
        for (i, text) in texts.iter().enumerate() {
            cls.row_mut(i).assign(&x.row(start));
            start += text.len();
        }
        let mut hidden = self.pre_classifier.apply(cls.view());
        hidden.mapv_inplace(|v| v.max(0.0));
        let logits = self.classifier.apply(hidden.view());
        logits.outer_iter().map(|r| [r[0], r[1]]).collect()
    }

    /// Logits of texts given as token ids with `[CLS]` and `[SEP]`. Texts of similar length share a matrix product; an
    /// answer does not depend on its neighbours beyond the order of f32 sums inside the product.
    ///
    /// # Errors
    /// A text that is empty, too long for the positions, or holds an id outside the vocabulary.
    pub fn logits(&self, texts: &[Vec<u32>]) -> crate::Result<Vec<[f32; 2]>> {
        for text in texts {
            self.check(text)?;
        }
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&i| texts[i].len());
        let parts: Vec<Vec<[f32; 2]>> = order
            .par_chunks(TEXTS_PER_CHUNK)
            .map(|chunk| self.chunk_logits(&chunk.iter().map(|&i| texts[i].as_slice()).collect::<Vec<_>>()))
            .collect();
        let mut out = vec![[0.0; 2]; texts.len()];
        for (&i, l) in order.iter().zip(parts.into_iter().flatten()) {
            out[i] = l;
        }
        Ok(out)
    }

    /// The last hidden state of every token of the vocabulary alone between `cls` and `sep`: vocabulary × width.
    ///
    /// # Errors
    /// `cls` or `sep` outside the vocabulary.
    pub fn isolated_token_states(&self, cls: u32, sep: u32) -> crate::Result<Array2<f32>> {
        self.check(&[cls, sep])?;
        let ids: Vec<u32> = (0..self.word.nrows() as u32).collect();
        let parts: Vec<Array2<f32>> = ids
            .par_chunks(128)
            .map(|chunk| {
                let texts: Vec<[u32; 3]> = chunk.iter().map(|&id| [cls, id, sep]).collect();
                let x = self.states(&texts.iter().map(|t| t.as_slice()).collect::<Vec<_>>());
                x.slice(s![1..;3, ..]).to_owned()
            })
            .collect();
        let mut out = Array2::zeros((ids.len(), self.word.ncols()));
        for (i, part) in parts.iter().enumerate() {
            out.slice_mut(s![i * 128..i * 128 + part.nrows(), ..]).assign(part);
        }
        Ok(out)
    }

    fn check(&self, text: &[u32]) -> crate::Result<()> {
        if text.is_empty() || text.len() > self.max_tokens() {
            return Err(crate::Error::Config(format!(
                "a text of {} tokens was given to the teacher; it takes 1 to {}",
                text.len(),
                self.max_tokens()
            )));
        }
        if let Some(id) = text.iter().find(|&&id| id as usize >= self.word.nrows()) {
            return Err(crate::Error::Config(format!(
                "token id {id} was given to the teacher; its vocabulary ends at {}",
                self.word.nrows() - 1
            )));
        }
        Ok(())
    }
}
