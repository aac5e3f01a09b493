//! Everything that a run needs to go on as if it had never stopped: weights, moments, running means and the number of
//! steps. Random streams are addressed by step, so their state is that number.

use std::collections::HashMap;
use std::path::Path;

use hnn_layers::parameters::Parameters;
use ndarray::{ArrayViewD, ArrayViewMutD};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::Trainer;
use crate::{Error, Result};

/// Little-endian bytes of an array in standard order.
pub(crate) fn bytes_of(a: &ArrayViewD<'_, f32>) -> Vec<u8> {
    a.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Writes a file that appears whole or not at all.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> Result<()> {
    let io = |e| Error::io(path)(e);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Nothing here is secret; temporary files are readable by their owner alone unless told otherwise.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    std::io::Write::write_all(&mut file, content).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

impl Trainer<'_> {
    fn arrays(&self) -> Vec<(String, ArrayViewD<'_, f32>)> {
        let mut list = Vec::new();
        for (group, part) in
            [("weights", &self.student), ("mean", &self.dense.mean), ("square", &self.dense.square), ("ema", &self.dense.ema)]
        {
            list.extend(part.parameters().into_iter().map(|(name, a)| (format!("{group}/{name}"), a)));
        }
        let t = &self.table;
        for (group, a) in [("weights", &t.weights), ("mean", &t.mean), ("square", &t.square), ("ema", &t.ema)] {
            list.push((format!("{group}/table"), a.view().into_dyn()));
        }
        list
    }

    fn arrays_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, f32>)> {
        let mut list = Vec::new();
        for (group, part) in [
            ("weights", &mut self.student),
            ("mean", &mut self.dense.mean),
            ("square", &mut self.dense.square),
            ("ema", &mut self.dense.ema),
        ] {
            list.extend(part.parameters_mut().into_iter().map(|(name, a)| (format!("{group}/{name}"), a)));
        }
        let t = &mut self.table;
        for (group, a) in [("weights", &mut t.weights), ("mean", &mut t.mean), ("square", &mut t.square), ("ema", &mut t.ema)] {
            list.push((format!("{group}/table"), a.view_mut().into_dyn()));
        }
        list
    }

    /// What a checkpoint has to agree with, by name.
    fn identity(&self) -> Result<[(&'static str, String); 2]> {
        let config = serde_json::to_string(self.config).map_err(|e| Error::Config(e.to_string()))?;
        Ok([("configuration", config), ("data", blake3::Hash::from(self.data.digest).to_hex().to_string())])
    }

    /// Writes the state to `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let refuse = |e: safetensors::SafeTensorError| Error::malformed(path, e.to_string(), "arrays that safetensors takes");
        let mut contents: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> =
            self.arrays().into_iter().map(|(name, a)| (name, Dtype::F32, a.shape().to_vec(), bytes_of(&a))).collect();
        let seen = self.table.seen.iter().flat_map(|v| v.to_le_bytes()).collect();
        contents.push(("seen/table".into(), Dtype::U64, vec![self.table.seen.len()], seen));
        let views = contents
            .iter()
            .map(|(name, dtype, shape, data)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), data)?)))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(refuse)?;
        let mut info: HashMap<String, String> = self.identity()?.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        info.insert("step".into(), self.done.to_string());
        write_atomically(path, &safetensors::serialize(views, Some(info)).map_err(refuse)?)
    }

    /// Takes over the state at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is malformed, or was written by a run with another configuration or other data. The
    /// trainer is then not to be used any more.
    pub fn restore(&mut self, path: &Path) -> Result<()> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        let refuse = |e: safetensors::SafeTensorError| Error::malformed(path, e.to_string(), "a checkpoint");
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(refuse)?;
        let info = header.metadata().clone().unwrap_or_default();
        for (field, needed) in self.identity()? {
            let found = info.get(field).cloned().unwrap_or_else(|| "nothing".into());
            if found != needed {
                return Err(Error::ForeignCheckpoint { path: path.into(), field, found, needed });
            }
        }
        let step = info.get("step").and_then(|s| s.parse().ok());
        let step = step.ok_or_else(|| Error::malformed(path, "no number of steps", "a checkpoint"))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(refuse)?;
        for (name, mut a) in self.arrays_mut() {
            let tensor = tensors.tensor(&name).map_err(refuse)?;
            if tensor.shape() != a.shape() || tensor.dtype() != Dtype::F32 {
                return Err(Error::malformed(
                    path,
                    format!("{name} of shape {:?}", tensor.shape()),
                    format!("f32 of shape {:?}", a.shape()),
                ));
            }
            for (v, b) in a.iter_mut().zip(tensor.data().chunks_exact(4)) {
                *v = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            }
        }
        let seen = tensors.tensor("seen/table").map_err(refuse)?;
        if seen.dtype() != Dtype::U64 || seen.shape() != [self.table.seen.len()] {
            return Err(Error::malformed(path, format!("seen/table of shape {:?}", seen.shape()), "one u64 per token"));
        }
        for (v, b) in self.table.seen.iter_mut().zip(seen.data().chunks_exact(8)) {
            *v = b.iter().rev().fold(0, |n, &x| n << 8 | u64::from(x));
        }
        self.done = step;
        Ok(())
    }
}
