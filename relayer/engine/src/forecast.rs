//! Whether a hosted client will be refreshed before it expires.

use crate::Forecast;
use relayer_core::{ClientReport, UnixMillis};

/// A client is in danger when less than this share of its life is left although its refresh is due: one in so many.
const ENDANGERED_SHARE: u64 = 3;

/// What is to be expected of a client, by the relayer's clock; `None` before it was first read.
pub(crate) fn forecast(report: &ClientReport, now: UnixMillis) -> Option<Forecast> {
    let client = report.client.as_ref()?;
    let Some(expires) = client.expires.map(|expires| expires.unix_seconds()) else { return Some(Forecast::Never) };
    let left = expires.saturating_sub(now.seconds());
    let life = expires.saturating_sub(client.latest.time.unix_seconds());
    let is_due = report.refresh.is_some_and(|refresh| now.seconds() >= refresh.unix_seconds());
    Some(match (left, is_due) {
        (0, _) => Forecast::Expired,
        (_, false) => Forecast::InTime,
        (left, true) if left.saturating_mul(ENDANGERED_SHARE) < life => Forecast::Endangered,
        (_, true) => Forecast::Late,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use light_client::{Height, Status, Timestamp};
    use relayer_core::{HostedClient, Trusted};

    fn report(expires: Option<u64>, refresh: Option<u64>) -> ClientReport {
        let time = Timestamp::from_unix_seconds(1_000);
        let latest = Trusted { height: Height::new(1), time, client: Vec::new(), consensus: Vec::new() };
        let expires = expires.map(Timestamp::from_unix_seconds);
        ClientReport {
            client: Some(HostedClient { status: Status::Active, latest, expires, updates_from_any_state: false }),
            refresh: refresh.map(Timestamp::from_unix_seconds),
            verified: None,
        }
    }

    #[test]
    fn danger_comes_when_a_refresh_that_is_due_does_not() {
        // A life of 300 s, refreshed after 150.
        let at = |seconds: u64| forecast(&report(Some(1_300), Some(1_150)), UnixMillis::new(seconds * 1_000));
        assert_eq!(at(1_000), Some(Forecast::InTime));
        assert_eq!(at(1_149), Some(Forecast::InTime));
        assert_eq!(at(1_150), Some(Forecast::Late));
        assert_eq!(at(1_200), Some(Forecast::Late), "a third is left");
        assert_eq!(at(1_201), Some(Forecast::Endangered));
        assert_eq!(at(1_299), Some(Forecast::Endangered));
        assert_eq!(at(1_300), Some(Forecast::Expired));
        assert_eq!(at(9_999), Some(Forecast::Expired));
        let never = ClientReport { client: None, refresh: None, verified: None };
        assert_eq!(forecast(&never, UnixMillis::new(0)), None, "not read yet");
    }

    #[test]
    fn a_refresh_that_is_planned_late_is_no_danger_before_its_time() {
        let planned = report(Some(1_300), Some(1_290));
        assert_eq!(forecast(&planned, UnixMillis::new(1_280_000)), Some(Forecast::InTime));
        assert_eq!(forecast(&planned, UnixMillis::new(1_290_000)), Some(Forecast::Endangered));
        assert_eq!(forecast(&report(None, None), UnixMillis::new(u64::MAX)), Some(Forecast::Never));
    }
}
