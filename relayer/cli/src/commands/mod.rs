//! One file for each command.

pub(crate) mod check;
pub(crate) mod devchain;
pub(crate) mod init;
pub(crate) mod keys;
