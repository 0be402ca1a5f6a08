use crate::Limits;

/// How long to wait after `tries` failures, in milliseconds: doubling, bounded, with jitter of up to a quarter.
///
/// `key` tells the waiting things apart, so that those that failed together do not come back together. The same
/// arguments always give the same delay.
pub fn back_off_millis(limits: &Limits, seed: u64, key: u64, tries: u32) -> u64 {
    let doublings = tries.saturating_sub(1).min(32);
    let whole = limits.back_off_first_millis.saturating_mul(1_u64 << doublings).min(limits.back_off_last_millis);
    let jitter = mix(seed ^ mix(key) ^ u64::from(tries)) % (whole / 4).max(1);
    whole - jitter
}

/// The finaliser of SplitMix64: spreads every bit of the input over the output.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 (constants of variant 13).
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_stay_bounded_and_repeat() {
        let limits = Limits { back_off_first_millis: 100, back_off_last_millis: 5_000, ..Limits::default() };
        let delays: Vec<u64> = (1..=64).map(|tries| back_off_millis(&limits, 7, 3, tries)).collect();
        for (tries, delay) in (1_u32..).zip(&delays) {
            let whole = 100_u64.saturating_mul(1 << (tries - 1).min(32)).min(5_000);
            assert!((whole - whole / 4..=whole).contains(delay), "{tries}: {delay}");
        }
        assert_eq!(delays, (1..=64).map(|tries| back_off_millis(&limits, 7, 3, tries)).collect::<Vec<_>>());
        assert_ne!(back_off_millis(&limits, 7, 3, 6), back_off_millis(&limits, 7, 4, 6));
        assert!(back_off_millis(&limits, 7, 3, u32::MAX) <= 5_000);
    }
}
