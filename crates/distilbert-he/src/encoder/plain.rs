//! The exact forward of `DistilBertForSequenceClassification` for any size of the family.
//!
//! Post-norm transformer layers (Sanh et al. 2019, arXiv:1910.01108; tensor names of Hugging Face `transformers`). Generic over
//! the number type: f64 is the reference, f32 labels large corpora. Sentences are processed in ragged batches without padding,
//! so a sentence's logits do not depend on its neighbours beyond the rounding of a matrix product's blocking.

use std::ops::Range;
use std::path::Path;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::Real;
use super::attention::attend;
use crate::config::EncoderConfig;
use crate::weights::{Weights, WeightsFile};
use crate::{Error, Result};

/// LayerNorm's ε in the DistilBERT family.
const LAYER_NORM_EPSILON: f64 = 1e-12;

/// Sentences are grouped until a group has this many tokens: enough rows for the matrix products to run at full speed, few
/// enough for the widest activation (tokens × hidden_dim) to stay in a core's cache.
const TOKENS_PER_BATCH: usize = 384;

/// y = x W + b with W kept (in × out), the transpose of the checkpoint's: a matrix product packs its rows faster than strided
/// columns.
struct Linear<F> {
    weight: Array2<F>,
    bias: Array1<F>,
}

impl<F: Real> Linear<F> {
    fn load(weights: &Weights, outputs: usize, inputs: usize) -> Result<Self> {
        let stored: Array2<F> = weights.matrix("weight", (outputs, inputs))?;
        Ok(Self { weight: stored.t().as_standard_layout().into_owned(), bias: weights.vector("bias", outputs)? })
    }

    fn forward(&self, x: ArrayView2<F>) -> Array2<F> {
        affine(x, self.weight.view(), self.bias.view())
    }
}

fn affine<F: Real>(x: ArrayView2<F>, weight: ArrayView2<F>, bias: ArrayView1<F>) -> Array2<F> {
    let mut y = x.dot(&weight);
    y += &bias;
    y
}

/// LayerNorm over the features of each row (Ba et al. 2016, arXiv:1607.06450).
struct LayerNorm<F> {
    weight: Array1<F>,
    bias: Array1<F>,
}

impl<F: Real> LayerNorm<F> {
    fn load(weights: &Weights, dim: usize) -> Result<Self> {
        Ok(Self { weight: weights.vector("weight", dim)?, bias: weights.vector("bias", dim)? })
    }

    fn apply(&self, x: &mut Array2<F>) {
        let inverse_width = F::from_f64(1.0 / x.ncols() as f64);
        for mut row in x.rows_mut() {
            let mean = row.sum() * inverse_width;
            row -= mean;
            let variance = row.dot(&row) * inverse_width;
            let inverse = F::one() / (variance + F::from_f64(LAYER_NORM_EPSILON)).sqrt();
            ndarray::Zip::from(row).and(&self.weight).and(&self.bias).for_each(|x, &w, &b| *x = *x * inverse * w + b);
        }
    }
}

struct Layer<F> {
    /// Query, key and value projections stacked: one product instead of three.
    qkv: Linear<F>,
    out: Linear<F>,
    attention_norm: LayerNorm<F>,
    lin1: Linear<F>,
    lin2: Linear<F>,
    output_norm: LayerNorm<F>,
}

impl<F: Real> Layer<F> {
    fn load(weights: &Weights, config: &EncoderConfig) -> Result<Self> {
        let (d, attention, ffn) = (config.dim, weights.pp("attention"), weights.pp("ffn"));
        let mut qkv = Linear { weight: Array2::zeros((d, 3 * d)), bias: Array1::zeros(3 * d) };
        for (i, name) in ["q_lin", "k_lin", "v_lin"].into_iter().enumerate() {
            let part = Linear::load(&attention.pp(name), d, d)?;
            qkv.weight.slice_mut(s![.., i * d..(i + 1) * d]).assign(&part.weight);
            qkv.bias.slice_mut(s![i * d..(i + 1) * d]).assign(&part.bias);
        }
        Ok(Self {
            qkv,
            out: Linear::load(&attention.pp("out_lin"), d, d)?,
            attention_norm: LayerNorm::load(&weights.pp("sa_layer_norm"), d)?,
            lin1: Linear::load(&ffn.pp("lin1"), config.hidden_dim, d)?,
            lin2: Linear::load(&ffn.pp("lin2"), d, config.hidden_dim)?,
            output_norm: LayerNorm::load(&weights.pp("output_layer_norm"), d)?,
        })
    }

    /// All rows of the next state.
    fn forward(&self, x: &Array2<F>, spans: &[Range<usize>], n_heads: usize) -> Array2<F> {
        let d = x.ncols();
        let qkv = self.qkv.forward(x.view());
        let (q, k, v) = (qkv.slice(s![.., ..d]), qkv.slice(s![.., d..2 * d]), qkv.slice(s![.., 2 * d..]));
        self.after_attention(x, attend(q, k, v, spans, spans, n_heads))
    }

    /// Only each sentence's first row (`[CLS]`) of the next state: all that the classification head reads.
    fn forward_cls(&self, x: &Array2<F>, spans: &[Range<usize>], n_heads: usize) -> Array2<F> {
        let d = x.ncols();
        let first: Vec<usize> = spans.iter().map(|span| span.start).collect();
        let cls = x.select(Axis(0), &first);
        let (weight, bias) = (&self.qkv.weight, &self.qkv.bias);
        let q = affine(cls.view(), weight.slice(s![.., ..d]), bias.slice(s![..d]));
        let kv = affine(x.view(), weight.slice(s![.., d..]), bias.slice(s![d..]));
        let rows: Vec<_> = (0..spans.len()).map(|i| i..i + 1).collect();
        let context = attend(q.view(), kv.slice(s![.., ..d]), kv.slice(s![.., d..]), &rows, spans, n_heads);
        self.after_attention(&cls, context)
    }

    fn after_attention(&self, x: &Array2<F>, context: Array2<F>) -> Array2<F> {
        let mut y = self.out.forward(context.view());
        y += x;
        self.attention_norm.apply(&mut y);
        let mut hidden = self.lin1.forward(y.view());
        hidden.mapv_inplace(F::gelu);
        let mut z = self.lin2.forward(hidden.view());
        z += &y;
        self.output_norm.apply(&mut z);
        z
    }
}

/// A sentence classifier of the DistilBERT family on plain numbers.
pub struct Encoder<F> {
    config: EncoderConfig,
    words: Array2<F>,
    positions: Array2<F>,
    embedding_norm: LayerNorm<F>,
    layers: Vec<Layer<F>>,
    pre_classifier: Linear<F>,
    classifier: Linear<F>,
}

impl<F: Real> Encoder<F> {
    /// Reads `config.json` and `model.safetensors` from a model directory.
    ///
    /// # Errors
    /// Whatever [`EncoderConfig::load`], [`WeightsFile::open`] and [`Encoder::new`] refuse.
    pub fn load(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let config = EncoderConfig::load(dir.join("config.json"))?;
        Self::new(config, &WeightsFile::open(dir.join("model.safetensors"))?.root())
    }

    /// Takes the weights of `DistilBertForSequenceClassification` from `root`.
    ///
    /// # Errors
    /// A tensor that is missing or has another shape than `config` asks for; a weight that is not finite.
    pub fn new(config: EncoderConfig, root: &Weights) -> Result<Self> {
        let (d, body) = (config.dim, root.pp("distilbert"));
        let embeddings = body.pp("embeddings");
        let layers = body.pp("transformer").pp("layer");
        Ok(Self {
            words: embeddings.pp("word_embeddings").matrix("weight", (config.vocab_size, d))?,
            positions: embeddings.pp("position_embeddings").matrix("weight", (config.max_position_embeddings, d))?,
            embedding_norm: LayerNorm::load(&embeddings.pp("LayerNorm"), d)?,
            layers: (0..config.n_layers).map(|i| Layer::load(&layers.pp(i), &config)).collect::<Result<_>>()?,
            pre_classifier: Linear::load(&root.pp("pre_classifier"), d, d)?,
            classifier: Linear::load(&root.pp("classifier"), config.labels.len(), d)?,
            config,
        })
    }

    /// Shape and labels.
    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    /// Classification logits of sentences of any lengths, one row (of `labels.len()` values) per sentence, in order.
    ///
    /// Runs on all threads of the current rayon pool; sentences of similar length are grouped so that the groups cost the same.
    ///
    /// # Errors
    /// [`Error::TokenIds`] for an empty or too long sequence or an id outside the vocabulary.
    pub fn logits(&self, sentences: &[impl AsRef<[u32]> + Sync]) -> Result<Array2<F>> {
        for ids in sentences {
            self.check(ids.as_ref())?;
        }
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(sentences[i].as_ref().len()));
        let groups: Vec<Vec<usize>> = group(&order, |i| sentences[i].as_ref().len());
        let rows: Vec<Array2<F>> = groups
            .par_iter()
            .map(|group| self.batch_logits(&group.iter().map(|&i| sentences[i].as_ref()).collect::<Vec<_>>()))
            .collect();
        let mut logits = Array2::zeros((sentences.len(), self.config.labels.len()));
        for (group, rows) in groups.iter().zip(rows) {
            for (&i, row) in group.iter().zip(rows.rows()) {
                logits.row_mut(i).assign(&row);
            }
        }
        Ok(logits)
    }

    /// The residual stream of one sentence: after the embedding's LayerNorm and after each layer, each (tokens × dim).
    ///
    /// # Errors
    /// [`Error::TokenIds`] as for [`Encoder::logits`].
    pub fn hidden_states(&self, ids: &[u32]) -> Result<Vec<Array2<F>>> {
        self.check(ids)?;
        let (mut x, spans) = self.embed(&[ids]);
        let mut states = Vec::with_capacity(self.layers.len() + 1);
        for layer in &self.layers {
            let next = layer.forward(&x, &spans, self.config.n_heads);
            states.push(std::mem::replace(&mut x, next));
        }
        states.push(x);
        Ok(states)
    }

    /// Word embeddings as stored, vocabulary × dim.
    pub fn word_embeddings(&self) -> ArrayView2<'_, F> {
        self.words.view()
    }

    /// The last hidden states of sentences, all their tokens below each other, on the calling thread alone.
    ///
    /// # Errors
    /// [`Error::TokenIds`] as for [`Encoder::logits`].
    pub fn last_states(&self, sentences: &[impl AsRef<[u32]>]) -> Result<Array2<F>> {
        for ids in sentences {
            self.check(ids.as_ref())?;
        }
        let sentences: Vec<&[u32]> = sentences.iter().map(AsRef::as_ref).collect();
        let (mut x, spans) = self.embed(&sentences);
        for layer in &self.layers {
            x = layer.forward(&x, &spans, self.config.n_heads);
        }
        Ok(x)
    }

    fn check(&self, ids: &[u32]) -> Result<()> {
        let limit = self.config.max_position_embeddings;
        if ids.is_empty() || ids.len() > limit {
            return Err(Error::TokenIds { found: format!("{} tokens", ids.len()), needed: format!("1 to {limit} tokens") });
        }
        match ids.iter().find(|&&id| id as usize >= self.config.vocab_size) {
            Some(id) => {
                Err(Error::TokenIds { found: format!("token id {id}"), needed: format!("ids below {}", self.config.vocab_size) })
            }
            None => Ok(()),
        }
    }

    /// Word plus position embeddings, normalised, of all sentences below each other, and each sentence's rows.
    fn embed(&self, sentences: &[&[u32]]) -> (Array2<F>, Vec<Range<usize>>) {
        let total = sentences.iter().map(|ids| ids.len()).sum();
        let mut x = Array2::zeros((total, self.config.dim));
        let mut spans = Vec::with_capacity(sentences.len());
        let mut start = 0;
        for ids in sentences {
            for (position, &id) in ids.iter().enumerate() {
                let mut row = x.row_mut(start + position);
                row += &self.words.row(id as usize);
                row += &self.positions.row(position);
            }
            spans.push(start..start + ids.len());
            start += ids.len();
        }
        self.embedding_norm.apply(&mut x);
        (x, spans)
    }

    fn batch_logits(&self, sentences: &[&[u32]]) -> Array2<F> {
        let (mut x, spans) = self.embed(sentences);
        let cls = match self.layers.split_last() {
            Some((last, body)) => {
                for layer in body {
                    x = layer.forward(&x, &spans, self.config.n_heads);
                }
                last.forward_cls(&x, &spans, self.config.n_heads)
            }
            None => x.select(Axis(0), &spans.iter().map(|span| span.start).collect::<Vec<_>>()),
        };
        let mut pooled = self.pre_classifier.forward(cls.view());
        pooled.mapv_inplace(|v| v.max(F::zero()));
        self.classifier.forward(pooled.view())
    }
}

/// Splits `order` into runs whose lengths sum to about [`TOKENS_PER_BATCH`].
fn group(order: &[usize], length: impl Fn(usize) -> usize) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut tokens = usize::MAX;
    for &i in order {
        let length = length(i);
        match groups.last_mut() {
            Some(group) if tokens.saturating_add(length) <= TOKENS_PER_BATCH => {
                group.push(i);
                tokens += length;
            }
            _ => {
                groups.push(vec![i]);
                tokens = length;
            }
        }
    }
    groups
}
