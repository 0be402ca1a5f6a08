//! One file for each command.

pub(crate) mod check;
pub(crate) mod deploy;
pub(crate) mod devchain;
pub(crate) mod evidence;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod link;
pub(crate) mod packets;
pub(crate) mod start;
pub(crate) mod status;
