use crate::{End, UnixMillis};
use light_client::Height;
use serde::{Deserialize, Serialize};

/// The most of each [`PassedOverKind`] that is kept for each end of a path; the oldest make room.
pub const PASSED_OVER_KEPT: usize = 32;

/// What the relayer has left out, so that it holds up nothing that comes after it: nobody looks at it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The end whose chain's blocks they are, or which hosts the client that stores the states.
    pub end: End,
    /// What it is.
    pub kind: PassedOverKind,
    /// The height of the first one.
    pub first: Height,
    /// The height of the last one.
    pub last: Height,
    /// Why, in words.
    pub reason: String,
    /// When, of the last one.
    pub at: UnixMillis,
}

/// What can be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedOverKind {
    /// A block whose events no node shows in a form that can be read.
    Block,
    /// States that a hosted client stores and that could not be compared with what its chain leads to.
    States,
}

impl PassedOverKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Block, Self::States];

    /// Its name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::States => "states",
        }
    }
}
