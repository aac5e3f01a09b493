//! Weights from safetensors files, addressed by Hugging Face names through path prefixes, so that a model's constructor reads
//! like its checkpoint: `weights.pp("attention").pp("q_lin").matrix("weight", [768, 768])`.

use std::path::{Path, PathBuf};

use ndarray::{Array1, Array2};
use safetensors::tensor::{Dtype, Metadata, SafeTensors};

use crate::{Error, Result};

/// A number type that weights can be read into.
pub trait Weight: Copy + Send + Sync + 'static {
    /// Rounds from double precision, in which every stored format is exact.
    fn from_f64(value: f64) -> Self;
}

impl Weight for f32 {
    fn from_f64(value: f64) -> Self {
        value as Self
    }
}

impl Weight for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
}

/// A safetensors file in memory, its header checked.
pub struct WeightsFile {
    path: PathBuf,
    bytes: Vec<u8>,
    metadata: Metadata,
    data_start: usize,
}

impl WeightsFile {
    /// Reads a whole file; the header's offsets are checked against the file's length.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotSafetensors`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        Self::from_bytes(bytes, path)
    }

    /// The same from bytes; `path` only names them in messages.
    ///
    /// # Errors
    /// [`Error::NotSafetensors`].
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self> {
        let (header, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|e| Error::NotSafetensors { path: path.to_owned(), reason: e.to_string() })?;
        // Eight bytes of header length come first.
        Ok(Self { path: path.to_owned(), data_start: header + 8, bytes, metadata })
    }

    /// The file's bytes, for its digest.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Access from the root of the names.
    pub fn root(&self) -> Weights<'_> {
        Weights { file: self, prefix: String::new() }
    }
}

/// A position in the tree of tensor names.
#[derive(Clone)]
pub struct Weights<'a> {
    file: &'a WeightsFile,
    prefix: String,
}

impl<'a> Weights<'a> {
    /// Goes one name further down ("push prefix"): `pp("layer").pp(3)` addresses `layer.3.…`.
    #[must_use]
    pub fn pp(&self, name: impl std::fmt::Display) -> Self {
        Self { file: self.file, prefix: self.name(&name.to_string()) }
    }

    /// Whether a tensor of this name is here.
    pub fn has(&self, name: &str) -> bool {
        self.file.metadata.info(&self.name(name)).is_some()
    }

    /// A vector of `len` floating-point weights (f16, bf16, f32 or f64 in the file).
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`], [`Error::TensorType`], [`Error::NotFinite`].
    pub fn vector<F: Weight>(&self, name: &str, len: usize) -> Result<Array1<F>> {
        Ok(Array1::from_vec(self.floats(name, &[len])?))
    }

    /// A row-major matrix of floating-point weights, `shape` = (rows, columns).
    ///
    /// # Errors
    /// As [`Weights::vector`].
    pub fn matrix<F: Weight>(&self, name: &str, shape: (usize, usize)) -> Result<Array2<F>> {
        let values = self.floats(name, &[shape.0, shape.1])?;
        Array2::from_shape_vec(shape, values).map_err(|_| self.shape_error(name, &[], &[shape.0, shape.1]))
    }

    /// A row-major matrix of signed bytes.
    ///
    /// # Errors
    /// [`Error::MissingTensor`], [`Error::TensorShape`], [`Error::TensorType`].
    pub fn matrix_i8(&self, name: &str, shape: (usize, usize)) -> Result<Array2<i8>> {
        let (dtype, bytes) = self.find(name, &[shape.0, shape.1])?;
        if dtype != Dtype::I8 {
            return Err(self.type_error(name, dtype, "I8"));
        }
        let values = bytes.iter().map(|&b| b as i8).collect();
        Array2::from_shape_vec(shape, values).map_err(|_| self.shape_error(name, &[], &[shape.0, shape.1]))
    }

    fn name(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    fn find(&self, name: &str, shape: &[usize]) -> Result<(Dtype, &'a [u8])> {
        let full = self.name(name);
        let Some(info) = self.file.metadata.info(&full) else {
            let names = self.file.metadata.offset_keys();
            return Err(Error::MissingTensor {
                path: self.file.path.clone(),
                needed: format!("shape {shape:?}"),
                count: names.len(),
                nearest: nearest(&full, &names),
                name: full,
            });
        };
        if info.shape != shape {
            return Err(self.shape_error(name, &info.shape, shape));
        }
        let (from, to) = info.data_offsets;
        let start = self.file.data_start;
        let bytes = self.file.bytes.get(start + from..start + to).ok_or_else(|| Error::NotSafetensors {
            path: self.file.path.clone(),
            reason: format!("tensor `{full}` lies outside the file"),
        })?;
        Ok((info.dtype, bytes))
    }

    fn floats<F: Weight>(&self, name: &str, shape: &[usize]) -> Result<Vec<F>> {
        let (dtype, bytes) = self.find(name, shape)?;
        let values: Vec<f64> = match dtype {
            Dtype::F16 => bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f64()).collect(),
            Dtype::BF16 => bytes.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f64()).collect(),
            Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b).into()).collect(),
            Dtype::F64 => bytes.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
            other => return Err(self.type_error(name, other, "F16, BF16, F32 or F64")),
        };
        if let Some(index) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::NotFinite { path: self.file.path.clone(), name: self.name(name), index, value: values[index] });
        }
        Ok(values.into_iter().map(F::from_f64).collect())
    }

    fn shape_error(&self, name: &str, found: &[usize], needed: &[usize]) -> Error {
        Error::TensorShape { path: self.file.path.clone(), name: self.name(name), found: found.to_vec(), needed: needed.to_vec() }
    }

    fn type_error(&self, name: &str, found: Dtype, needed: &'static str) -> Error {
        Error::TensorType { path: self.file.path.clone(), name: self.name(name), found: found.to_string(), needed }
    }
}

/// The name that shares the longest ending with `wanted`: another prefix is the commonest reason for a missing tensor.
fn nearest(wanted: &str, names: &[String]) -> String {
    let common = |name: &String| wanted.bytes().rev().zip(name.bytes().rev()).take_while(|(a, b)| a == b).count();
    names.iter().max_by_key(|name| common(name)).cloned().unwrap_or_else(|| "none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn file(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> WeightsFile {
        let views = tensors.iter().map(|(n, d, s, b)| (*n, TensorView::new(*d, s.to_vec(), b).unwrap()));
        let bytes = safetensors::serialize(views, None).unwrap();
        WeightsFile::from_bytes(bytes, Path::new("w.safetensors")).unwrap()
    }

    fn f32s(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn every_float_format_is_read_exactly() {
        let values = [1.0f32, -0.5, 0.25, 6.5];
        let half16: Vec<u8> = values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect();
        let brain16: Vec<u8> = values.iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect();
        let double: Vec<u8> = values.iter().flat_map(|&v| f64::from(v).to_le_bytes()).collect();
        let file = file(&[
            ("a.b.f16", Dtype::F16, &[2, 2], half16),
            ("a.b.bf16", Dtype::BF16, &[2, 2], brain16),
            ("a.b.f32", Dtype::F32, &[2, 2], f32s(&values)),
            ("a.b.f64", Dtype::F64, &[2, 2], double),
            ("a.i8", Dtype::I8, &[1, 2], vec![255, 127]),
        ]);
        let weights = file.root().pp("a").pp("b");
        for name in ["f16", "bf16", "f32", "f64"] {
            assert_eq!(weights.matrix::<f64>(name, (2, 2)).unwrap(), ndarray::arr2(&[[1.0, -0.5], [0.25, 6.5]]));
        }
        assert_eq!(file.root().pp("a").matrix_i8("i8", (1, 2)).unwrap(), ndarray::arr2(&[[-1, 127]]));
        assert!(weights.has("f16") && !weights.has("f17"));
    }

    #[test]
    fn refusals_name_the_tensor_and_both_shapes() {
        let file = file(&[
            ("x.weight", Dtype::F32, &[2, 1], f32s(&[1.0, 2.0])),
            ("nan.weight", Dtype::F32, &[2, 1], f32s(&[1.0, f32::NAN])),
            ("inf.weight", Dtype::F32, &[2], f32s(&[f32::NEG_INFINITY, 0.0])),
            ("byte.weight", Dtype::I8, &[2], vec![0, 1]),
        ]);
        let root = file.root();
        let message = root.pp("x").matrix::<f32>("weight", (1, 2)).unwrap_err().to_string();
        assert!(message.contains("`x.weight`") && message.contains("[2, 1]") && message.contains("[1, 2]"), "{message}");
        let message = root.pp("model").pp("x").matrix::<f32>("weight", (2, 1)).unwrap_err().to_string();
        assert!(message.contains("no tensor `model.x.weight`") && message.contains("nearest name `x.weight`"), "{message}");
        let message = root.pp("nan").matrix::<f32>("weight", (2, 1)).unwrap_err().to_string();
        assert!(message.contains("`nan.weight`") && message.contains("NaN at flat index 1"), "{message}");
        let message = root.pp("inf").vector::<f64>("weight", 2).unwrap_err().to_string();
        assert!(message.contains("-inf at flat index 0"), "{message}");
        let message = root.pp("byte").vector::<f32>("weight", 2).unwrap_err().to_string();
        assert!(message.contains("holds I8") && message.contains("F16, BF16, F32 or F64"), "{message}");
        assert!(root.pp("x").matrix_i8("weight", (2, 1)).is_err());
    }

    #[test]
    fn files_that_are_no_safetensors_are_refused() {
        let good = file(&[("x", Dtype::F32, &[2], f32s(&[1.0, 2.0]))]);
        for cut in 0..good.bytes().len() {
            let result = WeightsFile::from_bytes(good.bytes()[..cut].to_vec(), Path::new("w"));
            assert!(matches!(result, Err(Error::NotSafetensors { .. })), "cut to {cut} bytes");
        }
    }
}
