use crate::UnixMillis;

/// Who may act for a path or a signer, until when; the fence counts the changes of hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The holder.
    pub owner: String,
    /// Until when, unless it is renewed.
    pub expires: UnixMillis,
    /// Grows whenever the lease changes hands; writes under an older fence are refused.
    pub fence: u64,
}

/// What becomes of a request for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseDecision {
    /// It is granted or renewed like this.
    Granted(Lease),
    /// Another holds it.
    Held(Lease),
}

/// Decides whether `owner` may have a lease at `now` for `ttl_millis`, given the present one.
///
/// The same owner renews under the same fence, as long as the lease has not run out; whoever takes over, or comes back
/// after it ran out, gets a greater fence, so that what the former holder still had under way is refused.
pub fn decide_lease(present: Option<&Lease>, owner: &str, now: UnixMillis, ttl_millis: u64) -> LeaseDecision {
    let expires = now.plus_millis(ttl_millis);
    match present {
        None => LeaseDecision::Granted(Lease { owner: owner.to_owned(), expires, fence: 1 }),
        Some(lease) if lease.expires > now && lease.owner != owner => LeaseDecision::Held(lease.clone()),
        Some(lease) if lease.expires > now => LeaseDecision::Granted(Lease { expires, ..lease.clone() }),
        Some(lease) => {
            LeaseDecision::Granted(Lease { owner: owner.to_owned(), expires, fence: lease.fence.saturating_add(1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_exclusive_renewable_and_fenced() {
        let at = UnixMillis::new;
        let LeaseDecision::Granted(first) = decide_lease(None, "x", at(0), 10) else { panic!("free") };
        assert_eq!(first, Lease { owner: "x".into(), expires: at(10), fence: 1 });
        assert_eq!(decide_lease(Some(&first), "y", at(9), 10), LeaseDecision::Held(first.clone()));
        let LeaseDecision::Granted(renewed) = decide_lease(Some(&first), "x", at(9), 10) else { panic!("own") };
        assert_eq!((renewed.fence, renewed.expires), (1, at(19)));
        let LeaseDecision::Granted(taken) = decide_lease(Some(&first), "y", at(10), 10) else { panic!("run out") };
        assert_eq!((taken.owner.as_str(), taken.fence), ("y", 2));
        let LeaseDecision::Granted(again) = decide_lease(Some(&first), "x", at(10), 10) else { panic!("run out") };
        assert_eq!(again.fence, 2, "what ran out is not renewed silently");
    }
}
