//! The files of a trained student, written by the crate that reads them.

use std::path::Path;

use distilbert_he::student::MODEL_TYPE;
use distilbert_he::student::{BlockShape, EmbeddingTable, Network, SoftArgmaxShape, Student as Model, StudentConfig};

use crate::config::NetworkConfig;
use crate::student::Student;
use crate::trainer::checkpoint::write_atomically;
use crate::{Error, Result};

/// The model's configuration for a network with `vocabulary` tokens.
pub fn model_config(name: &str, network: &NetworkConfig, vocabulary: usize) -> StudentConfig {
    StudentConfig {
        model_type: MODEL_TYPE.into(),
        name: name.into(),
        vocab_size: vocabulary,
        dim: network.features,
        mask_feature: true,
        buckets: network.buckets.clone(),
        blocks: vec![BlockShape { rank: network.rank, join: network.join }; network.blocks],
        head_size: network.hidden,
        soft_argmax: SoftArgmaxShape { degree: network.score_degree, bound: network.score_bound },
        params: network.parameters.clone(),
        labels: ["NEGATIVE".into(), "POSITIVE".into()],
    }
}

/// Refuses a network that cannot be delivered.
///
/// # Errors
/// [`Error::Config`] for a network with attention.
pub fn check(network: &NetworkConfig) -> Result<()> {
    if network.attention.is_some() {
        return Err(Error::Config(
            "a network with attention cannot be delivered: the student's files and its compiled circuit have no place for the layer; \
             compare it with `cargo xtask train --ablations --only attention`"
                .into(),
        ));
    }
    Ok(())
}

/// The trained student as a model and its files.
///
/// # Errors
/// A network with attention; the model's definition refuses configuration or weights.
pub fn model(
    name: &str,
    network: &NetworkConfig,
    student: &Student<f32>,
    embedding: &EmbeddingTable,
) -> Result<(Model, [Vec<u8>; 2])> {
    check(network)?;
    let config = model_config(name, network, embedding.vocab_size());
    let layers = Network { blocks: student.blocks.clone(), head: student.head.clone() };
    let beta = student.beta.sum();
    let files = Model::files(&config, embedding, &layers, beta)?;
    Ok((Model::new(config, embedding.clone(), layers, beta)?, files))
}

/// Writes configuration, weights and vocabulary into `out_dir`, which exists.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(out_dir: &Path, files: &[Vec<u8>; 2], vocabulary: &Path) -> Result<()> {
    let vocabulary = std::fs::read(vocabulary).map_err(Error::io(vocabulary))?;
    write_atomically(&out_dir.join("vocab.txt"), &vocabulary)?;
    for (name, content) in Model::FILES.iter().zip(files) {
        write_atomically(&out_dir.join(name), content)?;
    }
    Ok(())
}
