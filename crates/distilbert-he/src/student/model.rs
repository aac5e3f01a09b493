//! A student on plain numbers: loading, saving, the exact and the polynomial forward.

use std::borrow::Cow;
use std::path::Path;

use ckks_core::circuits::polynomial::ChebyshevPolynomial;
use hnn_layers::bilinear_conv::BilinearConv;
use hnn_layers::parameters::{Parameters, Real};
use hnn_layers::pool;
use hnn_layers::quadratic_head::QuadraticHead;
use hnn_layers::ragged::Ragged;
use hnn_layers::soft_argmax::SoftArgmax;
use ndarray::{Array1, Array2, ArrayD, ArrayView2, Axis, concatenate};
use safetensors::tensor::{Dtype, View};

use super::{EmbeddingTable, StudentConfig};
use crate::weights::{Weights, WeightsFile};
use crate::{Error, Result};

/// The part of a student that the server runs up to the margin: blocks, mean, head.
#[derive(Clone, Debug, PartialEq)]
pub struct Network<T> {
    /// Bilinear convolution blocks, first to last.
    pub blocks: Vec<BilinearConv<T>>,
    /// Quadratic head on the mean.
    pub head: QuadraticHead<T>,
}

impl<T: Real> Network<T> {
    /// All zero, in the shape of `config`.
    pub fn zeros(config: &StudentConfig) -> Self {
        let blocks = BilinearConv::chain(config.dim, config.blocks.iter().map(|b| (b.join, b.rank)));
        let features = blocks.last().map_or(config.dim, BilinearConv::features_out);
        Self { blocks, head: QuadraticHead::zeros(features, config.head_size) }
    }

    /// Margins of the sentences in `batch`; `x` is (all their tokens below each other) × dim.
    pub fn margins(&self, x: ArrayView2<'_, T>, batch: &Ragged) -> Array1<T> {
        let mut state = ndarray::CowArray::from(x);
        for block in &self.blocks {
            state = block.forward(state.view(), batch).0.into();
        }
        self.head.forward(pool::mean(state.view(), batch).view()).1
    }
}

impl<T: Real> Parameters<T> for Network<T> {
    fn parameters(&self) -> Vec<(String, ndarray::ArrayViewD<'_, T>)> {
        let blocks = self.blocks.iter().enumerate();
        let mut list: Vec<_> = blocks
            .flat_map(|(i, b)| hnn_layers::parameters::prefixed(&format!("blocks.{i}"), b.parameters()).collect::<Vec<_>>())
            .collect();
        list.extend(hnn_layers::parameters::prefixed("head", self.head.parameters()));
        list
    }

    fn parameters_mut(&mut self) -> Vec<(String, ndarray::ArrayViewMutD<'_, T>)> {
        let blocks = self.blocks.iter_mut().enumerate();
        let mut list: Vec<_> = blocks
            .flat_map(|(i, b)| hnn_layers::parameters::prefixed(&format!("blocks.{i}"), b.parameters_mut()).collect::<Vec<_>>())
            .collect();
        list.extend(hnn_layers::parameters::prefixed("head", self.head.parameters_mut()));
        list
    }
}

/// Which σ a forward uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigmoidForm {
    /// 1/(1 + e⁻ˣ).
    Exact,
    /// The polynomial that the circuit evaluates.
    Polynomial,
}

/// A complete student on plain numbers.
#[derive(Clone, Debug)]
pub struct Student {
    config: StudentConfig,
    embedding: EmbeddingTable,
    network: Network<f64>,
    beta: f64,
    sigmoid: ChebyshevPolynomial,
    digest: [u8; 32],
}

impl Student {
    /// Names of the two files of a student's directory that [`Student::load`] reads.
    pub const FILES: [&'static str; 2] = ["config.json", "model.safetensors"];

    /// Puts a student together from trained weights, as if written by [`Student::files`] and read again.
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that contradicts itself, [`Error::TensorShape`] for weights of other shapes.
    pub fn new(config: StudentConfig, embedding: EmbeddingTable, network: Network<f32>, beta: f32) -> Result<Self> {
        let [config_bytes, weights_bytes] = serialise(&config, &embedding, &network, beta)?;
        Self::from_bytes(&config_bytes, weights_bytes, Path::new(Self::FILES[0]), Path::new(Self::FILES[1]))
    }

    /// Reads `config.json` and `model.safetensors` from a model directory.
    ///
    /// # Errors
    /// A file that is missing or damaged; a configuration or a tensor that does not fit: see [`Error`].
    pub fn load(dir: impl AsRef<Path>) -> Result<Self> {
        let [config_path, weights_path] = Self::FILES.map(|name| dir.as_ref().join(name));
        let config_bytes = std::fs::read(&config_path).map_err(Error::io(&config_path))?;
        let weights_bytes = std::fs::read(&weights_path).map_err(Error::io(&weights_path))?;
        Self::from_bytes(&config_bytes, weights_bytes, &config_path, &weights_path)
    }

    /// Takes the content of `config.json` and `model.safetensors`; the paths only name them in messages.
    ///
    /// # Errors
    /// As [`Student::load`], without [`Error::Io`].
    pub fn from_bytes(config_bytes: &[u8], weights_bytes: Vec<u8>, config_path: &Path, weights_path: &Path) -> Result<Self> {
        let config = StudentConfig::parse(config_bytes, config_path)?;
        let file = WeightsFile::from_bytes(weights_bytes, weights_path)?;
        let root = file.root();
        let embedding = EmbeddingTable::load(&root.pp("embedding"), &config)?;
        let mut network = Network::zeros(&config);
        for (name, mut array) in network.parameters_mut() {
            let stored = read(&root, &name, array.shape())?;
            array.assign(&stored);
        }
        let beta = root.pp("soft_argmax").vector::<f64>("beta", 1)?[0];
        let sigmoid = sigmoid_polynomial(config.soft_argmax.degree, config.soft_argmax.bound)?;
        let mut hasher = blake3::Hasher::new();
        for bytes in [config_bytes, file.bytes()] {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
        Ok(Self { embedding, network, beta, sigmoid, digest: *hasher.finalize().as_bytes(), config })
    }

    /// The bytes of `config.json` and `model.safetensors`, in the order of [`Student::FILES`].
    ///
    /// # Errors
    /// [`Error::NotSafetensors`] if the format's writer refuses.
    pub fn files(config: &StudentConfig, embedding: &EmbeddingTable, network: &Network<f32>, beta: f32) -> Result<[Vec<u8>; 2]> {
        serialise(config, embedding, network, beta)
    }

    /// Shape and labels.
    pub fn config(&self) -> &StudentConfig {
        &self.config
    }

    /// The table that the client applies.
    pub fn embedding(&self) -> &EmbeddingTable {
        &self.embedding
    }

    /// What the server runs up to the margin.
    pub fn network(&self) -> &Network<f64> {
        &self.network
    }

    /// Inverse temperature β of the Soft-Argmax.
    pub fn beta(&self) -> f64 {
        self.beta
    }

    /// The polynomial for σ(x) − 1/2 on [−bound, bound].
    pub fn sigmoid(&self) -> &ChebyshevPolynomial {
        &self.sigmoid
    }

    /// BLAKE3 of both files: what a query and a model must share.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Margins of token sequences, in order. Positive margins mean the second label.
    ///
    /// # Errors
    /// [`Error::TokenIds`] for an empty or too long sequence or an id outside the table.
    pub fn margins(&self, sentences: &[impl AsRef<[u32]>]) -> Result<Array1<f64>> {
        let limit = self.config.max_tokens();
        let mut states: Vec<Array2<f64>> = Vec::with_capacity(sentences.len());
        for ids in sentences {
            let ids = ids.as_ref();
            if ids.is_empty() || ids.len() > limit {
                return Err(Error::TokenIds { found: format!("{} tokens", ids.len()), needed: format!("1 to {limit} tokens") });
            }
            states.push(self.embedding.embed(ids)?);
        }
        let batch = Ragged::new(states.iter().map(|x| x.nrows()), &self.config.buckets)?;
        let views: Vec<_> = states.iter().map(|x| x.view()).collect();
        let x = if views.is_empty() { Array2::zeros((0, self.config.dim)) } else { stack(&views)? };
        Ok(self.network.margins(x.view(), &batch))
    }

    /// Probability of the second label for a margin: σ(β·margin).
    pub fn score(&self, margin: f64, form: SigmoidForm) -> f64 {
        let x = self.beta * margin;
        match form {
            SigmoidForm::Exact => 1.0 / (1.0 + (-x).exp()),
            SigmoidForm::Polynomial => 0.5 + self.sigmoid.eval(x),
        }
    }
}

fn stack(views: &[ArrayView2<'_, f64>]) -> Result<Array2<f64>> {
    concatenate(Axis(0), views)
        .map_err(|e| Error::TokenIds { found: e.to_string(), needed: "embeddings of one width".to_owned() })
}

/// The best odd polynomial of σ(x) − 1/2 on ±bound ([`SoftArgmax`], with β left to the margin). Where the degree is so high that
/// rounding hides the best one, the interpolating polynomial, whose error is rounding as well.
fn sigmoid_polynomial(degree: usize, bound: f64) -> Result<ChebyshevPolynomial> {
    match SoftArgmax::new(1.0, bound, degree) {
        Ok(layer) => Ok(layer.polynomial().clone()),
        Err(hnn_layers::Error::Approximation { .. }) => {
            let fit = ChebyshevPolynomial::interpolate(|x| 0.5 * (0.5 * x).tanh(), degree, (-bound, bound))?;
            let odd = fit.coefficients().iter().enumerate().map(|(n, &c)| if n % 2 == 1 { c } else { 0.0 });
            Ok(ChebyshevPolynomial::new(odd.collect::<Vec<_>>(), (-bound, bound))?)
        }
        Err(error) => Err(error.into()),
    }
}

fn read(root: &Weights, name: &str, shape: &[usize]) -> Result<ArrayD<f64>> {
    match *shape {
        [n] => Ok(root.vector(name, n)?.into_dyn()),
        [rows, columns] => Ok(root.matrix(name, (rows, columns))?.into_dyn()),
        _ => Err(Error::TensorShape { path: Path::new("").into(), name: name.to_owned(), found: shape.to_vec(), needed: vec![] }),
    }
}

/// A tensor on its way into a file.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Stored {
    fn floats<'a>(shape: &[usize], values: impl Iterator<Item = &'a f32>) -> Self {
        Self { dtype: Dtype::F32, shape: shape.to_vec(), bytes: values.flat_map(|v| v.to_le_bytes()).collect() }
    }
}

fn serialise(config: &StudentConfig, embedding: &EmbeddingTable, network: &Network<f32>, beta: f32) -> Result<[Vec<u8>; 2]> {
    let (quantised, scales) = embedding.parts();
    let mut tensors = vec![
        (
            "embedding.weight".to_owned(),
            Stored { dtype: Dtype::I8, shape: quantised.shape().to_vec(), bytes: quantised.iter().map(|&q| q as u8).collect() },
        ),
        ("embedding.scale".to_owned(), Stored::floats(&[scales.len()], scales.iter())),
        ("soft_argmax.beta".to_owned(), Stored::floats(&[1], std::iter::once(&beta))),
    ];
    for (name, array) in network.parameters() {
        tensors.push((name, Stored::floats(array.shape(), array.iter())));
    }
    let weights = safetensors::serialize(tensors, None)
        .map_err(|e| Error::NotSafetensors { path: Student::FILES[1].into(), reason: e.to_string() })?;
    let mut text = serde_json::to_vec_pretty(config).map_err(|source| Error::Json {
        path: Student::FILES[0].into(),
        kind: "student configuration",
        source,
    })?;
    text.push(b'\n');
    Ok([text, weights])
}
