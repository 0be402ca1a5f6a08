//! The count: what was issued is live on exactly one chain, on its way, or redeemed.

use super::Followed;
use adapter_evm::receipts::Location;
use serde::{Serialize, Serializer};

/// Base units by where they are. Receipts of different units are counted together: it is the balance that matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Supply {
    /// Of all receipts known.
    #[serde(serialize_with = "as_text")]
    pub(crate) issued: u128,
    /// Live, by chain.
    pub(crate) live: Vec<LiveOn>,
    /// Left one chain and not live on another.
    #[serde(serialize_with = "as_text")]
    pub(crate) in_flight: u128,
    /// Ended against the goods.
    #[serde(serialize_with = "as_text")]
    pub(crate) redeemed: u128,
    /// No receipt is on its way.
    pub(crate) settled: bool,
    /// Every receipt is in exactly one place.
    pub(crate) right: bool,
}

/// What is live on one chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LiveOn {
    pub(crate) chain: String,
    #[serde(serialize_with = "as_text")]
    pub(crate) quantity: u128,
}

/// A count and what is wrong with it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SupplyCheck {
    #[serde(flatten)]
    pub(crate) supply: Supply,
    /// Base units in escrow on all chains.
    #[serde(serialize_with = "as_text")]
    pub(crate) escrow: u128,
    /// Base units that are out.
    #[serde(serialize_with = "as_text")]
    pub(crate) outstanding: u128,
    /// What is not as it should be; nothing when all is well.
    pub(crate) wrong: Vec<String>,
}

impl Supply {
    /// Counts the receipts; the records of each are in the order of the chains.
    pub(super) fn count(followed: &[Followed], chains: &[String]) -> Self {
        let live = chains.iter().map(|chain| LiveOn { chain: chain.clone(), quantity: 0 }).collect();
        let mut supply = Self { issued: 0, live, in_flight: 0, redeemed: 0, settled: true, right: true };
        for one in followed {
            supply.issued = supply.issued.saturating_add(one.quantity);
            let mut places = 0;
            for (live, (location, _)) in supply.live.iter_mut().zip(&one.records) {
                if location.is_live() {
                    live.quantity = live.quantity.saturating_add(one.quantity);
                    places += 1;
                }
                supply.settled &= !matches!(location, Location::LockPending | Location::ReturnPending);
            }
            if one.records.iter().any(|(location, _)| *location == Location::Redeemed) {
                supply.redeemed = supply.redeemed.saturating_add(one.quantity);
                places += 1;
            }
            match places {
                0 => {
                    supply.in_flight = supply.in_flight.saturating_add(one.quantity);
                    supply.settled = false;
                }
                1 => {}
                _ => supply.right = false,
            }
        }
        let live = supply.live.iter().fold(0_u128, |sum, live| sum.saturating_add(live.quantity));
        supply.right &= supply.issued == live.saturating_add(supply.in_flight).saturating_add(supply.redeemed);
        supply
    }
}

impl SupplyCheck {
    pub(super) fn of(supply: Supply) -> Self {
        let mut wrong = Vec::new();
        if !supply.right {
            wrong.push(format!("issued = live + in flight + redeemed does not hold: {supply:?}"));
        }
        Self { supply, escrow: 0, outstanding: 0, wrong }
    }

    /// Takes one receipt's escrow at its home into the count.
    pub(super) fn add_escrow(&mut self, chain: &str, uid: [u8; 32], escrow: u128, outstanding: u128) {
        self.escrow = self.escrow.saturating_add(escrow);
        self.outstanding = self.outstanding.saturating_add(outstanding);
        if escrow != outstanding {
            let uid = hex::encode(uid);
            self.wrong.push(format!("{chain}: receipt 0x{uid}: expected {outstanding} in escrow, found {escrow}"));
        }
    }
}

// Numbers beyond 2^53 would not survive a browser.
fn as_text<S: Serializer>(number: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(home: Location, abroad: Location) -> Followed {
        Followed { content: Default::default(), quantity: 10, records: vec![(home, [1; 32]), (abroad, [2; 32])] }
    }

    fn count(receipts: &[Followed]) -> Supply {
        Supply::count(receipts, &["a".to_owned(), "b".to_owned()])
    }

    #[test]
    fn each_receipt_is_in_one_place() {
        use Location::{Active, Gone, Live, LockPending, None, Redeemed, Remote, ReturnPending};
        for (home, abroad, live, in_flight, redeemed, settled) in [
            (Active, None, [10, 0], 0, 0, true),
            (LockPending, None, [0, 0], 10, 0, false),
            (LockPending, Live, [0, 10], 0, 0, false),
            (Remote, Live, [0, 10], 0, 0, true),
            (Remote, ReturnPending, [0, 0], 10, 0, false),
            (Active, ReturnPending, [10, 0], 0, 0, false),
            (Active, Gone, [10, 0], 0, 0, true),
            (Redeemed, Gone, [0, 0], 0, 10, true),
        ] {
            let supply = count(&[receipt(home, abroad)]);
            let found: Vec<_> = supply.live.iter().map(|live| live.quantity).collect();
            assert_eq!((found.as_slice(), supply.in_flight, supply.redeemed), (live.as_slice(), in_flight, redeemed));
            assert_eq!((supply.settled, supply.right, supply.issued), (settled, true, 10), "{home:?} {abroad:?}");
        }
    }

    #[test]
    fn a_receipt_in_two_places_is_wrong() {
        assert!(!count(&[receipt(Location::Active, Location::Live)]).right);
        assert!(!count(&[receipt(Location::Redeemed, Location::Live)]).right);
        assert!(!SupplyCheck::of(count(&[receipt(Location::Active, Location::Live)])).wrong.is_empty());
    }

    #[test]
    fn escrow_that_does_not_fit_is_told() {
        let mut check = SupplyCheck::of(count(&[receipt(Location::Remote, Location::Live)]));
        check.add_escrow("a", [7; 32], 10, 10);
        assert!(check.wrong.is_empty());
        check.add_escrow("a", [8; 32], 0, 10);
        assert_eq!(check.wrong.len(), 1);
    }
}
