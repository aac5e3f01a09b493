//! The half that computes: model and evaluation keys, never a secret.
//!
//! Built with the feature `server` alone, this crate and everything under it have no type that could hold a secret key.

use std::path::Path;
use std::time::{Duration, Instant};

use ckks_core::circuits::Arithmetic;
use ckks_core::file::Hex;
use ckks_core::keys::EvaluationKeys;
use ckks_core::parallel::awake;
use ckks_core::params::Params;
use he_tensor::evaluator::CkksEvaluator;

use crate::compile::{CompiledStudent, Plan};
use crate::message::{Answer, Query};
use crate::student::{Stage, Student};
use crate::{Error, Result};

/// A model that is ready to answer.
pub struct ServerModel {
    compiled: CompiledStudent,
}

/// Where a computation stands.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The stage that begins.
    pub stage: Stage,
    /// Time since the computation began.
    pub elapsed: Duration,
}

impl ServerModel {
    /// Reads a student's directory and compiles it for the parameter set that its configuration names.
    ///
    /// # Errors
    /// Files, weights or parameters that do not fit: see [`Error`].
    pub fn load(dir: impl AsRef<Path>) -> Result<Self> {
        let student = Student::load(dir)?;
        let params = CompiledStudent::preset(student.config())?;
        Self::new(&student, &params)
    }

    /// Compiles a student for any parameters.
    ///
    /// # Errors
    /// As [`CompiledStudent::new`].
    pub fn new(student: &Student, params: &Params) -> Result<Self> {
        Ok(Self { compiled: CompiledStudent::new(student, params)? })
    }

    /// The circuits and what they need.
    pub fn compiled(&self) -> &CompiledStudent {
        &self.compiled
    }

    /// The parameters that queries and keys have to be made under.
    pub fn params(&self) -> &Params {
        self.compiled.params()
    }
}

/// Levels, keys, bytes and predicted seconds of a model.
///
/// # Errors
/// As [`CompiledStudent::plan`].
pub fn plan(model: &ServerModel) -> Result<Plan> {
    model.compiled.plan()
}

/// Runs the model on a ciphertext of one or several texts, on the threads of the current rayon pool, which look for work without sleeping
/// until it is done. `progress` is told about each stage before it begins, on one of them.
///
/// # Errors
/// [`Error::Foreign`] for a query to another model or keys of another secret key; [`Error::Malformed`] for a query whose
/// length class, level or scale is not the model's; [`ckks_core::Error::MissingKey`] for incomplete keys.
pub fn infer(
    model: &ServerModel,
    keys: &EvaluationKeys,
    query: &Query,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Answer> {
    let start = Instant::now();
    let compiled = &model.compiled;
    let params = compiled.params();
    check(compiled, keys, query)?;
    let circuit = compiled.circuit(query.positions).ok_or_else(|| Error::Malformed {
        what: "query",
        field: "number of positions",
        found: query.positions.to_string(),
        needed: format!("one of {:?}", compiled.config().buckets.iter().map(|b| b.positions).collect::<Vec<_>>()),
    })?;
    let places = circuit.layout().sentences();
    if !(1..=places).contains(&query.sentences) {
        let needed = format!("1 to {places}, what a ciphertext of {} positions holds", query.positions);
        return Err(Error::Malformed { what: "query", field: "number of sentences", found: query.sentences.to_string(), needed });
    }
    keys.check(params, compiled.key_requirements_of(query.positions))?;
    let score = awake(|| {
        let evaluator = CkksEvaluator::new(params, keys)?;
        let tokens = evaluator.admit(query.tokens.expand(params))?;
        let score = circuit.run(&evaluator, &tokens, &mut |stage| progress(Progress { stage, elapsed: start.elapsed() }))?;
        // The answer needs no more than the lowest limb, whatever levels are left.
        Ok::<_, Error>(evaluator.drop_to_level(&score, 0)?)
    })?;
    Ok(Answer {
        key_id: query.key_id,
        query_id: query.query_id,
        model: compiled.digest(),
        model_name: compiled.config().name.clone(),
        labels: compiled.config().labels.clone(),
        sentences: query.sentences,
        places: circuit.layout().sentences(),
        score,
    })
}

fn check(compiled: &CompiledStudent, keys: &EvaluationKeys, query: &Query) -> Result<()> {
    if query.model != compiled.digest() {
        return Err(Error::Foreign {
            what: "the query",
            owner: "this model",
            found: format!("model digest {}", Hex(query.model)),
            needed: Hex(compiled.digest()).to_string(),
            advice: "encrypt the text again with the files of the model that is to answer",
        });
    }
    if keys.id() != query.key_id {
        return Err(Error::Foreign {
            what: "the query",
            owner: "these evaluation keys",
            found: format!("key id {}", Hex(query.key_id)),
            needed: Hex(keys.id()).to_string(),
            advice: "use the evaluation keys that were made together with the key that encrypted the query",
        });
    }
    let (params, poly) = (compiled.params(), query.tokens.c0());
    let malformed = |field, found: String, needed: String| Err(Error::Malformed { what: "query", field, found, needed });
    if poly.n() != params.n() {
        return malformed("ring degree", poly.n().to_string(), params.n().to_string());
    }
    let (level, needed) = (query.tokens.level(), compiled.input_level());
    if level != needed || poly.basis().p != 0 {
        return malformed("level", level.to_string(), format!("{needed}, the depth of the model's circuit"));
    }
    let (found, scale) = (query.tokens.scale(), params.scale_at(level));
    if !found.matches(scale) {
        return malformed("scale", found.to_string(), scale.to_string());
    }
    Ok(())
}
