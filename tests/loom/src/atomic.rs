//! The atomics under the mailbox: here loom's, which try every order that the language allows.

pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
