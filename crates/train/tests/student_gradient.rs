//! The whole student's gradient against finite differences, with blocks alone and with attention behind them.

use hnn_layers::bilinear_conv::Join;
use hnn_layers::parameters::Parameters;
use hnn_layers::ragged::{LengthBucket, Ragged};
use ndarray::{Array1, Array2};
use train::Result;
use train::config::{AttentionShape, NetworkConfig};
use train::student::Student;

fn network(join: Join, attention: bool) -> NetworkConfig {
    NetworkConfig {
        features: 6,
        rank: 5,
        hidden: 4,
        blocks: if attention { 1 } else { 2 },
        join,
        buckets: vec![LengthBucket { positions: 4, divisor: 3.0 }, LengthBucket { positions: 16, divisor: 9.0 }],
        attention: attention.then_some(AttentionShape { heads: 2, exponent: 2, divisor: 6.0 }),
        ..Default::default()
    }
}

fn tokens(n: usize) -> Array2<f64> {
    let mut x = Array2::from_shape_fn((n, 6), |(t, f)| ((t * 17 + f * 29 + t * f * 5) % 23) as f64 / 23.0 - 0.5);
    x.column_mut(5).fill(1.0);
    x
}

#[test]
fn every_weight_and_the_input() -> Result<()> {
    for (join, attention) in [(Join::Added, false), (Join::Added, true), (Join::Appended, false)] {
        let network = network(join, attention);
        let student = Student::<f64>::random(&network, 0.3, 7)?;
        let batch = Ragged::new([3, 8, 1], &network.buckets)?;
        let x = tokens(12);
        // The sum of weighted margins is the loss.
        let weights = Array1::from_vec(vec![0.7, -1.1, 0.4]);
        let loss = |s: &Student<f64>, x: &Array2<f64>| s.forward(x.clone(), &batch, &mut |_, _| ()).margins.dot(&weights);

        let mut gradient = student.zero_gradient();
        let pass = student.forward(x.clone(), &batch, &mut |_, _| ());
        let dx = student.backward(&pass, &batch, weights.view(), &mut |_| (), &|_| 0.0, &mut gradient);

        let h = 1e-5;
        let close = |name: &str, found: f64, difference: f64| {
            assert!((found - difference).abs() < 1e-7 * (1.0 + difference.abs()), "{name}: {found} against {difference}");
        };
        let names: Vec<(String, usize)> = student.parameters().iter().map(|(n, a)| (n.clone(), a.len())).collect();
        for (which, (name, len)) in names.iter().enumerate() {
            for i in (0..*len).step_by(len / 7 + 1) {
                let shifted = |by: f64| {
                    let mut other = student.clone();
                    if let Some(v) = other.parameters_mut()[which].1.iter_mut().nth(i) {
                        *v += by;
                    }
                    loss(&other, &x)
                };
                let found = gradient.parameters()[which].1.iter().nth(i).copied().unwrap_or(f64::NAN);
                // The mask feature is carried on as it is: its column of the output matrices is held at zero.
                let held = name.ends_with("output") && i % 6 == 5;
                close(name, found, if held { 0.0 } else { (shifted(h) - shifted(-h)) / (2.0 * h) });
            }
        }
        for i in 0..x.len() {
            let shifted = |by: f64| {
                let mut other = x.clone();
                if let Some(v) = other.iter_mut().nth(i) {
                    *v += by;
                }
                loss(&student, &other)
            };
            close("input", dx.iter().nth(i).copied().unwrap_or(f64::NAN), (shifted(h) - shifted(-h)) / (2.0 * h));
        }
        assert_eq!(gradient.parameters().iter().any(|(n, _)| n == "attention.query"), attention);
    }
    Ok(())
}
