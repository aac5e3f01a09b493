//! The circuit against the plain student: exact values, levels, keys, on simulator and cost counter.

mod common;

use ckks_core::params::{Params, ParamsLiteral};
use distilbert_he::Error;
use distilbert_he::compile::CompiledStudent;
use distilbert_he::student::{BlockShape, SigmoidForm, SoftArgmaxShape, Student};
use he_tensor::evaluator::{Encryption, Simulator};
use hnn_layers::bilinear_conv::Join;

fn params(levels: usize) -> Params {
    Params::new_insecure(ParamsLiteral::toy(10, levels)).unwrap()
}

/// Largest distance between circuit and plain polynomial forward over all sentences, and the largest watched range.
fn largest_error(student: &Student, params: &Params) -> (f64, f64) {
    let compiled = CompiledStudent::new(student, params).unwrap();
    let sentences = common::sentences();
    let margins = student.margins(&sentences).unwrap();
    let mut worst: f64 = 0.0;
    let mut range: f64 = 0.0;
    for (ids, margin) in sentences.iter().zip(margins) {
        let positions = student.config().buckets.iter().map(|b| b.positions).find(|&p| p >= ids.len()).unwrap();
        let simulator = Simulator::new(params);
        let slots = common::slots(student, &compiled, ids, positions);
        let tokens = simulator.encrypt_at(&slots, compiled.input_level(), Encryption::Symmetric).unwrap();
        let score = compiled.circuit(positions).unwrap().run(&simulator, &tokens, &mut |_| ()).unwrap();
        assert_eq!(score.level(), 0, "the circuit uses exactly the levels that it announces");
        let wanted = student.score(margin, SigmoidForm::Polynomial);
        for found in score.real() {
            worst = worst.max((found - wanted).abs());
        }
        range = range.max(simulator.ranges()["soft-argmax"]);
        assert!((simulator.ranges()["soft-argmax"] - (student.beta() * margin / 8.0).abs()).abs() < 1e-9);
    }
    (worst, range)
}

#[test]
fn the_circuit_computes_the_polynomial_student_for_any_blocks() {
    use Join::{Added, Appended};
    let lists: [&[Join]; 7] = [&[], &[Added], &[Appended], &[Added; 2], &[Appended; 2], &[Added, Appended], &[Appended, Added]];
    for joins in lists {
        let mut config = common::config(joins.len());
        config.blocks.iter_mut().zip(joins).for_each(|(block, &join)| block.join = join);
        let (worst, range) = largest_error(&common::student_with(config, 1), &params(10));
        assert!(worst < 1e-9, "{joins:?}: off by {worst:e}");
        assert!(range > 0.01 && range < 1.0, "{joins:?}: margins at {range} of the interval test nothing or leave it");
    }
}

#[test]
fn a_head_may_be_wider_than_a_token() {
    // 8 slots a token, 4 to 16 tokens: h takes one, two and four of them.
    for (head_size, head_period) in [(8, 8), (13, 16), (32, 32)] {
        let mut config = common::config(1);
        config.head_size = head_size;
        assert_eq!((config.period(), config.head_period()), (8, head_period));
        let (worst, _) = largest_error(&common::student_with(config, 1), &params(10));
        assert!(worst < 1e-9, "{head_size}: off by {worst:e}");
    }
}

#[test]
fn depth_is_two_levels_a_block_two_for_the_head_and_the_polynomial() {
    for blocks in 0..=2 {
        let student = common::student(blocks);
        let compiled = CompiledStudent::new(&student, &params(10)).unwrap();
        assert_eq!(compiled.input_level(), 2 * blocks + 2 + 4);
        let plan = compiled.plan().unwrap();
        assert_eq!(plan.levels_used, compiled.input_level());
        assert_eq!(plan.keys, compiled.key_requirements().count());
        assert!(compiled.key_requirements().levels().all(|level| level <= compiled.input_level()));
    }
}

#[test]
fn all_length_classes_share_their_keys() {
    let student = common::student(2);
    let compiled = CompiledStudent::new(&student, &params(10)).unwrap();
    let plan = compiled.plan().unwrap();
    let counts: Vec<usize> = plan.buckets.iter().map(|b| b.cost.keys.count()).collect();
    // All steps are small numbers times the sentences in a vector, and those differ by powers of two.
    let (union, sum) = (compiled.key_requirements().count(), counts.iter().sum::<usize>());
    assert!(3 * union < 2 * sum, "{union} keys for classes of {counts:?}");
}

#[test]
fn a_head_without_a_square_saves_a_level() {
    let mut config = common::config(0);
    config.head_size = 1;
    let base = common::student_with(config.clone(), 3);
    let mut network = distilbert_he::student::Network::<f32>::zeros(&config);
    network.head.projection.weight.assign(&base.network().head.projection.weight.mapv(|v| v as f32));
    network.head.projection.bias.fill(0.5);
    network.head.linear.fill(0.75);
    let student = Student::new(config, base.embedding().clone(), network, 1.25).unwrap();
    let parameters = params(10);
    assert_eq!(CompiledStudent::new(&student, &parameters).unwrap().input_level(), 1 + 4);
    assert!(largest_error(&student, &parameters).0 < 1e-9);
}

#[test]
fn too_few_levels_and_too_few_slots_are_refused_with_both_numbers() {
    let message = CompiledStudent::new(&common::student(2), &params(9)).unwrap_err();
    assert!(matches!(message, Error::TooManyLevels { needed: 10, available: 9, .. }), "{message}");
    assert!(message.to_string().contains("needs 10 levels") && message.to_string().contains("have 9"), "{message}");

    let mut config = common::config(0);
    config.buckets.last_mut().unwrap().positions = 128;
    let message = CompiledStudent::new(&common::student_with(config, 1), &params(10)).unwrap_err().to_string();
    assert!(message.contains("512") && message.contains("1024"), "{message}");
}

#[test]
fn unusable_configurations_are_refused_by_field() {
    let refused = |change: fn(&mut distilbert_he::student::StudentConfig)| {
        let mut config = common::config(1);
        change(&mut config);
        config.check(std::path::Path::new("config.json")).expect_err("must be refused").to_string()
    };
    assert!(refused(|c| c.soft_argmax = SoftArgmaxShape { degree: 16, bound: 8.0 }).contains("`soft_argmax.degree`: found 16"));
    assert!(refused(|c| c.soft_argmax.bound = f64::NAN).contains("`soft_argmax.bound`: found NaN"));
    assert!(refused(|c| c.buckets.clear()).contains("`buckets`"));
    assert!(refused(|c| c.buckets[1].positions = 12).contains("`buckets[1].positions`: found 12"));
    assert!(refused(|c| c.buckets.reverse()).contains("ascending"));
    assert!(refused(|c| c.mask_feature = false).contains("`mask_feature`"));
    assert!(refused(|c| c.head_size = 33).contains("`head_size`: found 33"));
    assert!(refused(|c| c.blocks[0].rank = 4096).contains("`blocks[0].rank`: found 4096, needed 1 to 4088"));
    assert!(refused(|c| c.dim = 0).contains("`dim`: found 0"));
    assert!(refused(|c| c.model_type = "bert".to_owned()).contains("\"bert\""));
}

#[test]
fn blocks_of_older_files_add_their_products() {
    let block: BlockShape = serde_json::from_str("{\"rank\": 3}").unwrap();
    assert_eq!(block, BlockShape { rank: 3, join: Join::Added });
}

#[test]
fn a_student_survives_its_files_and_bad_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let student = common::student(1);
    let network = {
        let mut network = distilbert_he::student::Network::<f32>::zeros(student.config());
        use hnn_layers::parameters::Parameters;
        let wide = student.network().clone();
        for ((_, mut to), (_, from)) in network.parameters_mut().into_iter().zip(wide.parameters()) {
            to.assign(&from.mapv(|v| v as f32));
        }
        network
    };
    let files = Student::files(student.config(), student.embedding(), &network, student.beta() as f32).unwrap();
    for (name, bytes) in Student::FILES.iter().zip(&files) {
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    let read = Student::load(dir.path()).unwrap();
    assert_eq!(read.digest(), student.digest());
    assert_eq!(read.margins(&common::sentences()).unwrap(), student.margins(&common::sentences()).unwrap());

    let text = String::from_utf8(files[0].clone()).unwrap();
    std::fs::write(dir.path().join("config.json"), text.replace("\"head_size\": 7", "\"head_size\": 9")).unwrap();
    let message = Student::load(dir.path()).unwrap_err().to_string();
    assert!(
        message.contains("`head.projection.weight`") && message.contains("[14, 7]") && message.contains("[14, 9]"),
        "{message}"
    );
    std::fs::write(dir.path().join("config.json"), text.replace("\"dim\"", "\"width\"")).unwrap();
    assert!(Student::load(dir.path()).unwrap_err().to_string().contains("width"));
    assert!(student.margins(&[vec![2u32; 17]]).unwrap_err().to_string().contains("1 to 16"));
    assert!(student.margins(&[vec![50u32]]).unwrap_err().to_string().contains("token id 50"));
}
