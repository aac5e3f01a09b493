//! The files of a trained student: `config.json`, `model.safetensors`, `vocab.txt`, `README.md`.

use std::path::Path;

use hnn_layers::parameters::Parameters;
use hnn_layers::ragged::LengthBucket;
use ndarray::{Array1, Array2, ArrayView2, Axis};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Serialize;

use crate::config::NetworkConfig;
use crate::student::{Ranges, Student};
use crate::trainer::checkpoint::{bytes_of, write_atomically};
use crate::{Error, Result};

/// An embedding table with one byte per value: value = byte · scale of its row.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantisedTable {
    /// Tokens × features.
    pub values: Array2<i8>,
    /// One scale per token.
    pub scales: Array1<f32>,
}

impl QuantisedTable {
    /// Rounds every row to multiples of its largest absolute value / 127: the error is at most half of that.
    pub fn new(table: ArrayView2<'_, f32>) -> QuantisedTable {
        let scales = table.map_axis(Axis(1), |row| row.fold(0.0f32, |m, v| m.max(v.abs())) / 127.0);
        let mut values = Array2::zeros(table.raw_dim());
        for ((mut out, row), &scale) in values.axis_iter_mut(Axis(0)).zip(table.axis_iter(Axis(0))).zip(&scales) {
            if scale > 0.0 {
                ndarray::Zip::from(&mut out).and(row).for_each(|q, &v| *q = (v / scale).round() as i8);
            }
        }
        QuantisedTable { values, scales }
    }

    /// The values that the bytes stand for.
    pub fn values(&self) -> Array2<f32> {
        let mut out = self.values.mapv(f32::from);
        out *= &self.scales.view().insert_axis(Axis(1));
        out
    }
}

#[derive(Serialize)]
struct ConfigFile<'a> {
    model_type: &'static str,
    format: u32,
    vocab_size: usize,
    features: usize,
    rank: usize,
    hidden: usize,
    blocks: usize,
    buckets: &'a [LengthBucket],
    soft_argmax: SoftArgmaxFile,
    parameters: &'a str,
    ranges: &'a Ranges,
}

#[derive(Serialize)]
struct SoftArgmaxFile {
    beta: f64,
    bound: f64,
    degree: usize,
}

/// Writes configuration, weights and vocabulary into `out_dir`, which exists.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(
    out_dir: &Path,
    network: &NetworkConfig,
    student: &Student<f32>,
    table: &QuantisedTable,
    ranges: &Ranges,
    vocabulary: &Path,
) -> Result<()> {
    let weights_path = out_dir.join("model.safetensors");
    let refuse = |e: safetensors::SafeTensorError| Error::malformed(&weights_path, e.to_string(), "arrays that safetensors takes");
    let mut contents: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = vec![
        ("embeddings.table".into(), Dtype::I8, table.values.shape().to_vec(), table.values.iter().map(|&q| q as u8).collect()),
        ("embeddings.scale".into(), Dtype::F32, vec![table.scales.len()], bytes_of(&table.scales.view().into_dyn())),
    ];
    // β stands in the configuration.
    for (name, a) in student.parameters().into_iter().filter(|(name, _)| name != "soft_argmax.beta") {
        contents.push((name, Dtype::F32, a.shape().to_vec(), bytes_of(&a)));
    }
    let views = contents
        .iter()
        .map(|(name, dtype, shape, data)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), data)?)))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(refuse)?;
    let weights = safetensors::serialize(views, None).map_err(refuse)?;
    let config = ConfigFile {
        model_type: "hnn-student",
        format: 1,
        vocab_size: table.values.nrows(),
        features: network.features,
        rank: network.rank,
        hidden: network.hidden,
        blocks: network.blocks,
        buckets: &network.buckets,
        soft_argmax: SoftArgmaxFile { beta: student.beta.sum().into(), bound: network.score_bound, degree: network.score_degree },
        parameters: &network.parameters,
        ranges,
    };
    let mut config = serde_json::to_vec_pretty(&config).map_err(|e| Error::Config(e.to_string()))?;
    config.push(b'\n');
    let vocabulary = std::fs::read(vocabulary).map_err(Error::io(vocabulary))?;
    write_atomically(&weights_path, &weights)?;
    write_atomically(&out_dir.join("vocab.txt"), &vocabulary)?;
    write_atomically(&out_dir.join("config.json"), &config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_row_is_off_by_at_most_half_its_scale() {
        let table = array![[1.0f32, -0.3, 0.004], [0.0, 0.0, 0.0], [-5.0, 4.9, 1e-3]];
        let quantised = QuantisedTable::new(table.view());
        for ((row, back), scale) in table.rows().into_iter().zip(quantised.values().rows()).zip(&quantised.scales) {
            for (a, b) in row.iter().zip(back) {
                assert!((a - b).abs() <= 0.5001 * scale, "{a} {b}");
            }
        }
        assert_eq!(quantised.values[[2, 0]], -127);
    }
}
