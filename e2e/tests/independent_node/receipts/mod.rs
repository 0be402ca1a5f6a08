//! A receipt between our devchain and go-ethereum, through the real program: the scenario of `e2e/README.md`, step by
//! step. What is asserted is read from the chains; only the last step compares the relayer's own words with them.

mod chain;
mod crossing;
mod people;
mod restart;
mod stage;
mod sum;
mod traffic;
mod validators;

use e2e::program::LogsOnFailure;
use stage::Stage;
use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Longest wait for anything that takes seconds when nothing is wrong, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn independent_node_and_our_devchain_exchange_receipts() {
    let directory = tempfile::tempdir().expect("a directory");
    // Dropped after everything that the story starts has ended, and before the folder goes.
    let _logs = LogsOnFailure(directory.path().to_owned());
    if let Err(error) = story(directory.path()) {
        panic!("{error}");
    }
}

fn story(directory: &Path) -> Outcome {
    told("0: lighterman and the node are built", || {
        e2e::program::build()?;
        Ok(e2e::node::build()?)
    })?;
    let mut stage = told("1: chains, contracts, clients, relayer", || Stage::set(directory))?;
    told("1: the clients hold the other chain's states", || crossing::clients_hold_real_states(&stage))?;
    let [a, b] = &stage.sides;
    let mut of_a = told("2, 3: A's receipt goes to B and back", || crossing::there_and_back(a, b))?;
    let of_b = told("4: B's receipt goes to A and back", || crossing::there_and_back(b, a))?;
    of_a.extend(told("5: a fifth validator is voted in", || validators::a_fifth_is_voted_in(&stage))?);
    of_a.extend(told("6: one validator is offline", || validators::one_is_offline(&stage))?);
    let expired = told("7: a timeout is refunded", || validators::a_timeout_is_refunded(&stage))?;
    of_a.push(expired.0.clone());
    of_a.extend(told("8: the relayer is killed", || restart::the_relayer_is_killed(&mut stage))?);
    told("9: all is accounted for", || sum::all_is_accounted_for(&stage, [of_a, of_b], &expired))?;
    stage.relayer.end()
}

/// Does one step and says how long it took, at once also where tests' output is kept back: the whole takes minutes.
fn told<T>(step: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let start = Instant::now();
    let result = work().map_err(|error| format!("step {step}: {error}").into());
    let seconds = start.elapsed().as_secs_f32();
    let word = if result.is_ok() { "done" } else { "failed" };
    writeln!(std::io::stderr().lock(), "   step {step}: {word} after {seconds:.1} s")?;
    result
}

/// Fails the step with what was expected and what is so.
fn expect<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, found: T) -> Outcome {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}").into()) }
}
