//! How a scenario is told: step by step, each with its time, and every expectation with what was found.

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Longest wait for anything that takes seconds when nothing is wrong, on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Does one step and says how long it took, at once also where tests' output is kept back: the whole takes minutes.
pub(crate) fn told<T>(step: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let start = Instant::now();
    let result = work().map_err(|error| format!("step {step}: {error}").into());
    let seconds = start.elapsed().as_secs_f32();
    let word = if result.is_ok() { "done" } else { "failed" };
    writeln!(std::io::stderr().lock(), "   step {step}: {word} after {seconds:.1} s")?;
    result
}

/// Fails the step with what was expected and what is so.
pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Outcome {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}").into()) }
}
