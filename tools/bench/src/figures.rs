//! Medians, percentiles and spread.

/// The median; 0 without values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

/// The range of the values in percent of their median.
pub fn spread_percent(values: &[f64]) -> f64 {
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let middle = median(values);
    if middle > 0.0 { (high - low) / middle * 100.0 } else { 0.0 }
}

/// The value below which `percent` of all samples lie; sorts them. 0 without any.
pub fn percentile(samples: &mut [u64], percent: f64) -> u64 {
    samples.sort_unstable();
    let place = (samples.len() as f64 * percent / 100.0) as usize;
    samples.get(place.min(samples.len().saturating_sub(1))).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_ends() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
        assert_eq!(spread_percent(&[90.0, 100.0, 110.0]), 20.0);
        let mut samples: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(percentile(&mut samples, 50.0), 51);
        assert_eq!(percentile(&mut samples, 99.0), 100);
        assert_eq!(percentile(&mut [], 50.0), 0);
    }
}
