//! What is said at the end.

use light_client::{Fault, FaultKind};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Why a verification stops.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A rule is broken.
    Refused { rule: &'static str, kind: &'static str, message: String },
    /// What is trusted is too far from what it is to bear out: something nearer may do.
    TooFar { rule: &'static str, message: String },
    /// A file cannot be read, or is no text of a form that is known.
    Unreadable { message: String },
}

impl Stop {
    /// A refusal by a rule of this tool.
    pub(super) fn refused(rule: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { rule, kind: "rejected", message: message.into() }
    }

    /// A refusal of something that has not the form it must have.
    pub(super) fn malformed(rule: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { rule, kind: "malformed", message: message.into() }
    }
}

impl<E: Fault> From<E> for Stop {
    fn from(error: E) -> Self {
        let kind = match error.kind() {
            FaultKind::Malformed => "malformed",
            FaultKind::Rejected => "rejected",
            FaultKind::InsufficientTrust => "insufficient-trust",
            FaultKind::Expired => "expired",
            FaultKind::Frozen => "frozen",
            FaultKind::Misuse => "misuse",
        };
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::Refused { rule: error.rule(), kind, message }
    }
}

/// How a verification ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Stopped(Stop),
}

impl From<Result<(), Stop>> for Outcome {
    fn from(result: Result<(), Stop>) -> Self {
        result.map_or_else(Self::Stopped, |()| Self::Accepted)
    }
}

impl Outcome {
    pub(super) fn exit_status(&self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Stopped(Stop::Refused { .. }) => 1,
            Self::Stopped(Stop::Unreadable { .. }) => 2,
            Self::Stopped(Stop::TooFar { .. }) => 3,
        }
    }
}

/// The values that a verdict rests on, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    values: Vec<(&'static str, Value)>,
}

impl Verdict {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Notes a value.
    pub(super) fn note(&mut self, name: &'static str, value: impl Into<Value>) {
        self.values.push((name, value.into()));
    }

    pub(super) fn print(&self, outcome: &Outcome, json: bool, out: &mut dyn Write) -> io::Result<()> {
        if json {
            writeln!(out, "{:#}", self.to_json(outcome))?;
        } else {
            for (name, value) in &self.values {
                print_value(out, 0, name, value)?;
            }
            match outcome {
                Outcome::Accepted => writeln!(out, "accepted")?,
                Outcome::Stopped(Stop::Refused { rule, message, .. }) => writeln!(out, "refused: {message}\n{rule}")?,
                Outcome::Stopped(Stop::TooFar { rule, message }) => {
                    writeln!(out, "not enough trust, try a nearer height: {message}\n{rule}")?;
                }
                Outcome::Stopped(Stop::Unreadable { message }) => writeln!(out, "{message}\nunreadable")?,
            }
        }
        out.flush()
    }

    fn to_json(&self, outcome: &Outcome) -> Value {
        let values: Map<String, Value> =
            self.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        match outcome {
            Outcome::Accepted => json!({"accepted": true, "verdict": "accepted", "values": values}),
            Outcome::Stopped(Stop::Refused { rule, kind, message }) => json!({
                "accepted": false, "verdict": "refused", "rule": rule, "kind": kind, "message": message, "values": values,
            }),
            Outcome::Stopped(Stop::TooFar { rule, message }) => json!({
                "accepted": false, "verdict": "not-enough-trust", "rule": rule, "kind": "insufficient-trust",
                "message": message, "values": values,
            }),
            Outcome::Stopped(Stop::Unreadable { message }) => json!({
                "accepted": false, "verdict": "unreadable", "message": message, "values": values,
            }),
        }
    }
}

fn print_value(out: &mut dyn Write, depth: usize, name: &str, value: &Value) -> io::Result<()> {
    let indent = " ".repeat(depth * 2);
    match value {
        Value::Object(fields) => {
            writeln!(out, "{indent}{name}:")?;
            fields.iter().try_for_each(|(name, value)| print_value(out, depth + 1, name, value))
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            writeln!(out, "{indent}{name}:")?;
            items.iter().try_for_each(|item| print_value(out, depth + 1, "-", item))
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(plain).collect();
            writeln!(out, "{indent}{name}: {}", texts.join(" "))
        }
        other => writeln!(out, "{indent}{name}: {}", plain(other)),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
