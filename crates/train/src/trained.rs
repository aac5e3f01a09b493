//! A trained student from which training goes on with other data, or with which its result is compared.

use std::path::Path;

use distilbert_he::student::Student as Model;
use hnn_layers::parameters::Parameters;
use ndarray::{Array1, Array2};

use crate::config::NetworkConfig;
use crate::fit::table_values;
use crate::student::Student;
use crate::{Error, Result};

/// Weights of a trained student.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Everything behind the table.
    pub student: Student<f32>,
    /// The table: vocabulary × (features − 1).
    pub table: Array2<f32>,
    /// Digest of the student's files, hexadecimal.
    pub digest: String,
}

impl Trained {
    /// Reads the files of a student, which has to have the shape of `network`.
    ///
    /// # Errors
    /// Whatever the student's definition refuses; [`Error::Config`] for another shape.
    pub fn load(dir: &Path, network: &NetworkConfig) -> Result<Trained> {
        let model = Model::load(dir)?;
        let mut student = Student::<f32>::zeros(network)?;
        {
            let blocks = model.network().blocks.iter().flat_map(Parameters::parameters);
            let stored: Vec<_> = blocks.chain(model.network().head.parameters()).collect();
            let blocks = student.blocks.iter_mut().flat_map(Parameters::parameters_mut);
            let wanted: Vec<_> = blocks.chain(student.head.parameters_mut()).collect();
            let shapes = |found: Vec<&[usize]>| format!("arrays of shapes {found:?}");
            let found: Vec<&[usize]> = stored.iter().map(|(_, a)| a.shape()).collect();
            let needed: Vec<&[usize]> = wanted.iter().map(|(_, a)| a.shape()).collect();
            if found != needed || student.attention.is_some() {
                return Err(Error::Config(format!(
                    "the student in {} has {}, this network needs {}",
                    dir.display(),
                    shapes(found),
                    shapes(needed)
                )));
            }
            for ((_, from), (_, mut to)) in stored.into_iter().zip(wanted) {
                to.zip_mut_with(&from, |to, &from| *to = from as f32);
            }
        }
        student.beta = Array1::from_elem(1, model.beta() as f32);
        Ok(Trained { student, table: table_values(model.embedding())?, digest: ckks_core::file::Hex(model.digest()).to_string() })
    }
}
