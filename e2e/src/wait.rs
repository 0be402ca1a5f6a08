//! Waiting for a condition.

use std::time::{Duration, Instant};

/// Pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(25);

/// A condition that did not come true in time.
#[derive(Debug, thiserror::Error)]
#[error("{what} did not happen within {limit:?}; last seen: {last_seen}")]
pub struct NeverHappened {
    /// What was waited for.
    pub what: String,
    /// How long.
    pub limit: Duration,
    /// What the last look found.
    pub last_seen: String,
}

/// Looks until `look` answers `Ok`, and returns what it answered.
///
/// `look` answers `Err` with what it saw instead; the last of those is in the error.
///
/// # Errors
/// [`NeverHappened`] when `limit` has passed and a further look still did not find it.
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> Result<T, NeverHappened> {
    let began = Instant::now();
    loop {
        // Read before the look, so that one look always follows the end of the limit.
        let late = began.elapsed() >= limit;
        match look() {
            Ok(found) => return Ok(found),
            Err(last_seen) if late => return Err(NeverHappened { what: what.to_owned(), limit, last_seen }),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_true_is_returned() {
        let mut looks = 0;
        let found = until("three looks", Duration::from_secs(10), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(looks.to_string()) }
        });
        assert_eq!(found.expect("comes true"), 3);
    }

    #[test]
    fn what_never_comes_true_says_what_was_seen() {
        let error = until("a miracle", Duration::ZERO, || Err::<(), _>("nothing".to_owned())).expect_err("never");
        assert_eq!(error.to_string(), "a miracle did not happen within 0ns; last seen: nothing");
    }
}
