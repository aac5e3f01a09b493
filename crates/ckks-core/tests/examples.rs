//! Runs every program in `examples/`: what they print is what they assert.
//!
//! Without the usual harness, because the last example starts its own executable a second time, which is this one.

#[path = "../examples/01_encrypt_add_multiply.rs"]
mod encrypt_add_multiply;
#[path = "../examples/04_a_polynomial.rs"]
mod polynomial;
#[path = "../examples/03_rotations_and_a_matrix.rs"]
mod rotations_and_a_matrix;
#[path = "../examples/05_save_keys_and_compute_elsewhere.rs"]
mod save_keys_and_compute_elsewhere;
#[path = "../examples/02_scales_and_levels.rs"]
mod scales_and_levels;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some(save_keys_and_compute_elsewhere::COMPUTE) {
        return save_keys_and_compute_elsewhere::main();
    }
    println!("--- 01_encrypt_add_multiply");
    encrypt_add_multiply::main()?;
    println!("--- 02_scales_and_levels");
    scales_and_levels::main()?;
    println!("--- 03_rotations_and_a_matrix");
    rotations_and_a_matrix::main()?;
    println!("--- 04_a_polynomial");
    polynomial::main()?;
    println!("--- 05_save_keys_and_compute_elsewhere");
    save_keys_and_compute_elsewhere::main()?;
    println!("--- all examples ran");
    Ok(())
}
