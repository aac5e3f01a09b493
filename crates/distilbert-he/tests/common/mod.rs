//! A small random student, the same in every test.

use distilbert_he::compile::CompiledStudent;
use distilbert_he::student::{BlockShape, EmbeddingTable, Network, SoftArgmaxShape, Student, StudentConfig};
use hnn_layers::bilinear_conv::Join;
use hnn_layers::parameters::Parameters;
use hnn_layers::ragged::LengthBucket;
use ndarray::Array2;
use num_complex::Complex64;

/// Uniform numbers in [−1, 1) from a 64-bit linear congruential generator (Knuth's constants).
pub struct Uniform(pub u64);

impl Uniform {
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

pub fn config(blocks: usize) -> StudentConfig {
    StudentConfig {
        model_type: "hnn-student".to_owned(),
        name: format!("toy-{blocks}"),
        vocab_size: 50,
        dim: 8,
        mask_feature: true,
        buckets: [(4, 3.0), (8, 6.0), (16, 12.0)].map(|(positions, divisor)| LengthBucket { positions, divisor }).to_vec(),
        blocks: vec![BlockShape { rank: 6, join: Join::Appended }; blocks],
        head_size: 7,
        soft_argmax: SoftArgmaxShape { degree: 15, bound: 8.0 },
        params: "n14-leveled".to_owned(),
        labels: ["NEGATIVE".to_owned(), "POSITIVE".to_owned()],
    }
}

pub fn student(blocks: usize) -> Student {
    student_with(config(blocks), 1)
}

/// Random weights of a size that keeps products near one and margins inside the interval.
pub fn student_with(config: StudentConfig, seed: u64) -> Student {
    let mut uniform = Uniform(seed);
    let table = Array2::from_shape_fn((config.vocab_size, config.table_columns()), |_| uniform.next());
    let mut network = Network::<f32>::zeros(&config);
    for (name, mut array) in network.parameters_mut() {
        let size = match name.rsplit('.').next() {
            Some("taps" | "global") => 0.25,
            _ => 0.5,
        };
        array.mapv_inplace(|_| size * uniform.next());
        if name.ends_with("output") {
            // The mask feature passes through a block unchanged.
            array.index_axis_mut(ndarray::Axis(1), config.dim - 1).fill(0.0);
        }
    }
    let embedding = EmbeddingTable::quantise(table.view(), config.mask_feature);
    Student::new(config, embedding, network, 1.25).unwrap()
}

/// Token sequences of every length from 3 to 16.
pub fn sentences() -> Vec<Vec<u32>> {
    let mut uniform = Uniform(99);
    let token = |u: &mut Uniform| 5 + ((u.next() + 1.0) * 22.0) as u32;
    (3..=16).map(|n| std::iter::once(2).chain((0..n - 2).map(|_| token(&mut uniform))).chain([3]).collect()).collect()
}

/// The slots of a query for one token sequence.
pub fn slots(student: &Student, compiled: &CompiledStudent, ids: &[u32], positions: usize) -> Vec<Complex64> {
    let values = compiled.layout(positions).unwrap().pack(&[student.embedding().embed(ids).unwrap()]).unwrap();
    values.into_iter().map(Into::into).collect()
}
