//! What is printed: answers on standard output, as text or JSON, and progress on standard error.

use crate::error::CliError;
use serde::Serialize;
use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Answers as text, or as JSON.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether answers are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints one answer: its text for people, or the same as JSON.
    pub(crate) fn answer<T: Serialize + Display>(self, answer: &T) -> Result<(), CliError> {
        let text = if self.json {
            serde_json::to_string_pretty(answer).map_err(|error| CliError::Output(error.into()))?
        } else {
            answer.to_string()
        };
        print(&text)
    }
}

/// Prints lines on standard output. A reader that has gone away is no error.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out
        .write_all(text.as_bytes())
        .and_then(|()| if text.ends_with('\n') { Ok(()) } else { out.write_all(b"\n") })
        .and_then(|()| out.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(error)),
        _ => Ok(()),
    }
}

/// Prints a line on standard error for the person who waits.
pub(crate) fn tell(text: impl Display) {
    // Nobody may be reading any more; the work goes on.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Asks a person, who must be at a terminal, to answer "yes".
pub(crate) fn confirm(question: &str) -> Result<bool, CliError> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [yes/no] ").and_then(|()| err.flush()).map_err(CliError::Output)?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(CliError::Output)?;
    Ok(line.trim().eq_ignore_ascii_case("yes"))
}

/// Tells of what usually takes less than a second only when it takes longer, and that it still goes on.
pub(crate) async fn patience<T>(what: impl Display, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let mut work = std::pin::pin!(work);
    let mut wait = Duration::from_secs(1);
    loop {
        tokio::select! {
            result = &mut work => return result,
            () = tokio::time::sleep(wait) => match start.elapsed().as_secs() {
                ..=1 => tell(format_args!("… {what}")),
                seconds => tell(format_args!("  {what}: {seconds} s so far")),
            },
        }
        wait = Duration::from_secs(5);
    }
}

/// Tells of a step when it begins and, when it took more than a second, when it ends; and that it still goes on.
pub(crate) async fn step<T, E>(what: impl Display, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tell(format_args!("… {what}"));
    let start = Instant::now();
    let mut work = std::pin::pin!(work);
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    tick.tick().await;
    loop {
        tokio::select! {
            result = &mut work => {
                let seconds = start.elapsed().as_secs_f32();
                if seconds >= 1.0 && result.is_ok() {
                    tell(format_args!("  {what}: done in {seconds:.1} s"));
                }
                return result;
            }
            _ = tick.tick() => tell(format_args!("  {what}: {} s so far", start.elapsed().as_secs())),
        }
    }
}
