//! What the contracts say and are told: calls, events and errors, from the committed artefacts.

pub(crate) mod artefact;
#[rustfmt::skip]
pub(crate) mod bindings;
pub(crate) mod calls;
pub(crate) mod packet;
pub(crate) mod reason;
pub(crate) mod strict;

/// Why data is not the ABI encoding that it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset}: expected {expected}, found {found}")]
pub(crate) struct AbiFault {
    pub(crate) what: &'static str,
    pub(crate) offset: usize,
    pub(crate) expected: &'static str,
    pub(crate) found: usize,
}
