//! Linear warm-up, then a cosine down to zero.

/// Factor on the learning rate at step `number` (from 1) of `total`.
pub fn factor(number: u64, warm_up: u64, total: u64) -> f32 {
    if number < warm_up {
        return number as f32 / warm_up as f32;
    }
    let done = (number - warm_up) as f64 / (total.saturating_sub(warm_up)).max(1) as f64;
    (0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_then_falls_to_zero() {
        assert_eq!(factor(50, 100, 1000), 0.5);
        assert_eq!(factor(100, 100, 1000), 1.0);
        assert!((factor(550, 100, 1000) - 0.5).abs() < 1e-6);
        assert!(factor(1000, 100, 1000) < 1e-6);
    }
}
