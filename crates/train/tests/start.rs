//! Training that goes on from the files of a student.

use distilbert_he::student::{EmbeddingTable, Student as Model};
use hnn_layers::parameters::Parameters;
use ndarray::Array2;
use train::config::{NetworkConfig, TrainConfig};
use train::data::corpus::{Example, TrainingSet};
use train::student::Student;
use train::trainer::Trainer;
use train::{Result, Trained, export};

const VOCABULARY: usize = 20;

fn network() -> NetworkConfig {
    NetworkConfig { features: 8, rank: 6, hidden: 5, ..Default::default() }
}

/// Files of a random student in a folder.
fn files(folder: &std::path::Path) -> Result<Student<f32>> {
    let mut student = Student::random(&network(), 0.5, 3)?;
    student.beta.fill(1.25);
    let table = Array2::from_shape_fn((VOCABULARY, 7), |(i, j)| ((i * 13 + j * 29) % 17) as f32 / 17.0 - 0.5);
    let (_, files) = export::model("small", &network(), &student, &EmbeddingTable::quantise(table.view(), true))?;
    for (name, content) in Model::FILES.iter().zip(files) {
        std::fs::write(folder.join(name), content).expect("a file in a folder that is there");
    }
    Ok(student)
}

fn bits(student: &Student<f32>) -> Vec<u32> {
    student.parameters().iter().flat_map(|(_, a)| a.iter().map(|v| v.to_bits()).collect::<Vec<_>>()).collect()
}

#[test]
fn the_weights_of_the_files_are_those_that_training_begins_with() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = files(folder.path())?;
    let start = Trained::load(folder.path(), &network())?;
    assert_eq!(bits(&start.student), bits(&written));
    let model = Model::load(folder.path())?;
    let ids: Vec<u32> = (0..VOCABULARY as u32).collect();
    let stored = model.embedding().embed::<f32>(&ids)?;
    assert_eq!(start.table, stored.slice(ndarray::s![.., ..7]));

    let rows = vec![Example { ids: vec![1, 2, 3], teacher: 0.5, label: Some(1) }; 4];
    let data = TrainingSet { rows, augmented: Vec::new(), digest: [1; 32] };
    let mut config = TrainConfig { network: network(), ..Default::default() };
    config.recipe.noise_budget = None;
    let mut trainer = Trainer::starting_from(&config, &data, &start)?;
    let (student, table) = trainer.averaged();
    assert_eq!(bits(student), bits(&written));
    assert_eq!(table, start.table);
    trainer.step()?;
    assert_ne!(bits(trainer.averaged().0), bits(&written), "a step changes weights");
    Ok(())
}

#[test]
fn another_shape_is_refused_with_both_shapes() -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    files(folder.path())?;
    let wider = NetworkConfig { rank: 7, ..network() };
    let error = Trained::load(folder.path(), &wider).expect_err("another rank").to_string();
    assert!(error.contains("[8, 6]") && error.contains("[8, 7]"), "{error}");
    Ok(())
}
