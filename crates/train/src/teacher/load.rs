//! Reading the teacher's weights by their Hugging Face names.

use std::path::Path;

use ndarray::{Array1, Array2, Axis, concatenate};
use safetensors::{Dtype, SafeTensors};

use super::{Dense, Layer, Norm, Teacher};
use crate::{Error, Result};

/// Reads tensors of one file, naming the tensor and both shapes when it refuses.
struct Reader<'a> {
    tensors: SafeTensors<'a>,
    path: &'a Path,
}

impl Reader<'_> {
    fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let tensor = self.tensors.tensor(name).map_err(|e| {
            Error::malformed(self.path, format!("tensor {name}: {e}"), "every tensor of DistilBertForSequenceClassification")
        })?;
        if tensor.shape() != shape {
            return Err(Error::malformed(
                self.path,
                format!("tensor {name} of shape {:?}", tensor.shape()),
                format!("shape {shape:?}"),
            ));
        }
        let data = tensor.data();
        let values: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Dtype::F16 => data.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
            other => {
                return Err(Error::malformed(self.path, format!("tensor {name} of type {other:?}"), "F32 or F16"));
            }
        };
        match values.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(Error::malformed(self.path, format!("tensor {name} holds {} at {i}", values[i]), "finite weights")),
            None => Ok(values),
        }
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Array2<f32>> {
        let values = self.values(name, &[rows, cols])?;
        Array2::from_shape_vec((rows, cols), values)
            .map_err(|e| Error::malformed(self.path, format!("tensor {name}: {e}"), format!("{rows} × {cols} values")))
    }

    fn vector(&self, name: &str, len: usize) -> Result<Array1<f32>> {
        Ok(Array1::from_vec(self.values(name, &[len])?))
    }

    fn dense(&self, prefix: &str, inputs: usize, outputs: usize) -> Result<Dense> {
        let weight = self.matrix(&format!("{prefix}.weight"), outputs, inputs)?;
        Ok(Dense { weight: weight.t().as_standard_layout().to_owned(), bias: self.vector(&format!("{prefix}.bias"), outputs)? })
    }

    fn norm(&self, prefix: &str, width: usize) -> Result<Norm> {
        Ok(Norm {
            weight: self.vector(&format!("{prefix}.weight"), width)?,
            bias: self.vector(&format!("{prefix}.bias"), width)?,
        })
    }
}

#[derive(serde::Deserialize)]
struct Shape {
    dim: usize,
    hidden_dim: usize,
    max_position_embeddings: usize,
    n_heads: usize,
    n_layers: usize,
    vocab_size: usize,
}

impl Teacher {
    /// Loads `config.json` and `model.safetensors` of a directory.
    ///
    /// # Errors
    /// Missing or malformed files; shapes that disagree with the configuration; weights that are not finite.
    pub fn load(dir: &Path) -> Result<Teacher> {
        let config_path = dir.join("config.json");
        if !config_path.exists() {
            return Err(Error::MissingData { what: "the teacher", path: config_path });
        }
        let text = std::fs::read_to_string(&config_path).map_err(Error::io(&config_path))?;
        let shape: Shape = serde_json::from_str(&text)
            .map_err(|e| Error::malformed(&config_path, e.to_string(), "a DistilBERT configuration"))?;
        let path = dir.join("model.safetensors");
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let tensors =
            SafeTensors::deserialize(&bytes).map_err(|e| Error::malformed(&path, e.to_string(), "a safetensors file"))?;
        let reader = Reader { tensors, path: &path };
        let d = shape.dim;
        if shape.n_heads == 0 || d % shape.n_heads != 0 {
            return Err(Error::malformed(
                &config_path,
                format!("{} heads for width {d}", shape.n_heads),
                "a divisor of the width",
            ));
        }
        let mut layers = Vec::with_capacity(shape.n_layers);
        for i in 0..shape.n_layers {
            let p = format!("distilbert.transformer.layer.{i}");
            let (q, k, v) = (
                reader.dense(&format!("{p}.attention.q_lin"), d, d)?,
                reader.dense(&format!("{p}.attention.k_lin"), d, d)?,
                reader.dense(&format!("{p}.attention.v_lin"), d, d)?,
            );
            let join = |e: ndarray::ShapeError| Error::malformed(&path, e.to_string(), "equal shapes of q, k and v");
            layers.push(Layer {
                qkv: Dense {
                    weight: concatenate(Axis(1), &[q.weight.view(), k.weight.view(), v.weight.view()]).map_err(join)?,
                    bias: concatenate(Axis(0), &[q.bias.view(), k.bias.view(), v.bias.view()]).map_err(join)?,
                },
                out: reader.dense(&format!("{p}.attention.out_lin"), d, d)?,
                attention_norm: reader.norm(&format!("{p}.sa_layer_norm"), d)?,
                lin1: reader.dense(&format!("{p}.ffn.lin1"), d, shape.hidden_dim)?,
                lin2: reader.dense(&format!("{p}.ffn.lin2"), shape.hidden_dim, d)?,
                output_norm: reader.norm(&format!("{p}.output_layer_norm"), d)?,
            });
        }
        Ok(Teacher {
            word: reader.matrix("distilbert.embeddings.word_embeddings.weight", shape.vocab_size, d)?,
            position: reader.matrix("distilbert.embeddings.position_embeddings.weight", shape.max_position_embeddings, d)?,
            norm: reader.norm("distilbert.embeddings.LayerNorm", d)?,
            layers,
            heads: shape.n_heads,
            pre_classifier: reader.dense("pre_classifier", d, d)?,
            classifier: reader.dense("classifier", d, 2)?,
            digest: *blake3::hash(&bytes).as_bytes(),
        })
    }
}
