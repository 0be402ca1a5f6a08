/// How much of a total must agree, counted by multiplication.
///
/// `AtLeast(2, 3)` and `MoreThan(2, 3)` differ whenever the total is a multiple of three. Floor division would make
/// both too weak (4 × 2 / 3 is 2), so none is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// At least `numerator / denominator` of the total.
    AtLeast(u32, u32),
    /// More than `numerator / denominator` of the total.
    MoreThan(u32, u32),
}

impl Quorum {
    /// ⌈2N/3⌉, the rule of QBFT and IBFT 2.0.
    pub const AT_LEAST_TWO_THIRDS: Self = Self::AtLeast(2, 3);
    /// The rule of Tendermint and TBFT.
    pub const MORE_THAN_TWO_THIRDS: Self = Self::MoreThan(2, 3);
    /// The smallest share that holds an honest member when fewer than a third are faulty.
    pub const MORE_THAN_ONE_THIRD: Self = Self::MoreThan(1, 3);

    /// Whether `tally` of `total` meets the rule. An empty total never does.
    pub fn is_met(self, tally: u64, total: u64) -> bool {
        if total == 0 {
            return false;
        }
        match self {
            Self::AtLeast(numerator, denominator) => {
                u128::from(tally) * u128::from(denominator) >= u128::from(total) * u128::from(numerator)
            }
            Self::MoreThan(numerator, denominator) => {
                u128::from(tally) * u128::from(denominator) > u128::from(total) * u128::from(numerator)
            }
        }
    }

    /// The smallest tally of `total` that meets the rule, for messages to people.
    pub fn needed(self, total: u64) -> u64 {
        let (product, denominator, strict) = match self {
            Self::AtLeast(n, d) => (u128::from(total) * u128::from(n), u128::from(d.max(1)), false),
            Self::MoreThan(n, d) => (u128::from(total) * u128::from(n), u128::from(d.max(1)), true),
        };
        let needed = if strict { product / denominator + 1 } else { product.div_ceil(denominator) };
        u64::try_from(needed).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Quorum;

    /// (total, smallest tally of `AtLeast(2, 3)`, of `MoreThan(2, 3)`, of `MoreThan(1, 3)`).
    const TABLE: [(u64, u64, u64, u64); 8] = [
        (1, 1, 1, 1),
        (2, 2, 2, 1),
        (3, 2, 3, 2),
        (4, 3, 3, 2),
        (5, 4, 4, 2),
        (6, 4, 5, 3),
        (7, 5, 5, 3),
        (9, 6, 7, 4),
    ];

    #[test]
    fn thresholds_are_exact_at_small_totals() {
        for (total, at_least, more_than, one_third) in TABLE {
            for (quorum, needed) in [
                (Quorum::AT_LEAST_TWO_THIRDS, at_least),
                (Quorum::MORE_THAN_TWO_THIRDS, more_than),
                (Quorum::MORE_THAN_ONE_THIRD, one_third),
            ] {
                assert_eq!(quorum.needed(total), needed, "{quorum:?} of {total}");
                for tally in 0..=total {
                    assert_eq!(quorum.is_met(tally, total), tally >= needed, "{tally} of {total} by {quorum:?}");
                }
            }
        }
    }

    #[test]
    fn an_empty_total_never_meets_a_quorum() {
        assert!(!Quorum::AT_LEAST_TWO_THIRDS.is_met(0, 0));
        assert!(!Quorum::AtLeast(0, 1).is_met(0, 0));
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        assert!(Quorum::AtLeast(u32::MAX, u32::MAX).is_met(u64::MAX, u64::MAX));
        assert!(!Quorum::MoreThan(u32::MAX, u32::MAX).is_met(u64::MAX, u64::MAX));
    }
}
