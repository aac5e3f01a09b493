//! What an optimiser sees of a layer: its arrays by name.

use ndarray::{Array, ArrayViewD, ArrayViewMutD, Dimension, NdFloat};

/// A number of training (f32) or checking (f64).
pub trait Real: NdFloat {
    /// The nearest number of this type.
    fn of(value: f64) -> Self;
    /// As f64, exactly.
    fn as_f64(self) -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn as_f64(self) -> f64 {
        self
    }
}

/// Arrays of a layer in one fixed order, each with its name. A gradient has the type of the layer that it belongs to, so
/// that the two lists pair up.
pub trait Parameters<T: Real> {
    /// All arrays.
    fn parameters(&self) -> Vec<(String, ArrayViewD<'_, T>)>;

    /// All arrays, to be changed.
    fn parameters_mut(&mut self) -> Vec<(String, ArrayViewMutD<'_, T>)>;

    /// Adds `other`, array by array.
    fn add_assign(&mut self, other: &Self) {
        for ((_, mut a), (_, b)) in self.parameters_mut().into_iter().zip(other.parameters()) {
            a += &b;
        }
    }
}

/// Names the arrays of an inner layer: `prefix.name`.
pub fn prefixed<V>(prefix: &str, list: Vec<(String, V)>) -> impl Iterator<Item = (String, V)> {
    list.into_iter().map(move |(name, v)| (format!("{prefix}.{name}"), v))
}

/// One named array.
pub(crate) fn named<'a, T, D: Dimension>(name: &str, a: &'a Array<T, D>) -> (String, ArrayViewD<'a, T>) {
    (name.to_string(), a.view().into_dyn())
}

/// One named array, to be changed.
pub(crate) fn named_mut<'a, T, D: Dimension>(name: &str, a: &'a mut Array<T, D>) -> (String, ArrayViewMutD<'a, T>) {
    (name.to_string(), a.view_mut().into_dyn())
}
