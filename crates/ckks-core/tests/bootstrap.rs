//! Bootstrapping on toy parameters.

use ckks_core::bootstrap::{BootstrapKeys, BootstrapParams, BootstrapParamsLiteral, Bootstrapper, Slots};
use ckks_core::ciphertext::Ciphertext;
use ckks_core::decrypt::decrypt;
use ckks_core::encoding::Encoder;
use ckks_core::encrypt::encrypt_symmetric;
use ckks_core::keys::{KeyGenerator, SecretKey};
use ckks_core::ring::sampling::Randomness;
use num_complex::Complex64;

struct Setup {
    params: BootstrapParams,
    secret: SecretKey,
    keys: BootstrapKeys,
    encoder: Encoder,
    randomness: Randomness,
}

impl Setup {
    fn new(literal: BootstrapParamsLiteral) -> Self {
        let params = BootstrapParams::new_insecure(literal).unwrap();
        let mut randomness = Randomness::insecure_from_seed(5);
        let secret = SecretKey::generate(params.scheme(), &mut randomness);
        let generator = KeyGenerator::new(params.scheme(), &secret).unwrap();
        let needed = params.key_requirements();
        let keys = generator.bootstrap_keys(params.literal().sparse_weight, &needed, &mut randomness, |_, _| ());
        let encoder = Encoder::new(params.scheme()).unwrap();
        Self { params, secret, keys, encoder, randomness }
    }

    fn encrypt(&mut self, values: &[Complex64], level: usize) -> Ciphertext {
        let scheme = self.params.scheme();
        let plaintext = self.encoder.encode_complex(values, level, scheme.scale_at(level)).unwrap();
        encrypt_symmetric(scheme, &self.secret, &plaintext, &mut self.randomness).unwrap().expand(scheme)
    }

    fn decrypt(&self, ciphertext: &Ciphertext) -> Vec<Complex64> {
        self.encoder.decode(&decrypt(self.params.scheme(), &self.secret, ciphertext).unwrap()).unwrap()
    }

    fn vector(&self) -> Vec<Complex64> {
        (0..self.params.slots()).map(|j| Complex64::new((j as f64 * 0.7).sin(), (j as f64 * 1.9 + 1.0).cos())).collect()
    }
}

fn rms(got: &[Complex64], wanted: impl Fn(usize) -> Complex64) -> f64 {
    (got.iter().enumerate().map(|(j, z)| (z - wanted(j)).norm_sqr()).sum::<f64>() / got.len() as f64).sqrt()
}

#[test]
fn complex_and_real_and_sparse() {
    for log_slots in [9, 5, 1] {
        let mut setup = Setup::new(BootstrapParamsLiteral::toy(10, log_slots, 2));
        let x = setup.vector();
        let ciphertext = setup.encrypt(&x, setup.params.input_level());
        let period = x.len();
        let bootstrapper = Bootstrapper::new(&setup.params, &setup.keys).unwrap();
        let complex = bootstrapper.bootstrap(&ciphertext, Slots::Complex).unwrap();
        assert_eq!(complex.level(), setup.params.output_level());
        let error = rms(&setup.decrypt(&complex), |j| x[j % period]);
        println!("slots 2^{log_slots}: complex 2^{:.2}", error.log2());
        assert!(error < 2f64.powi(-17));
    }
}
