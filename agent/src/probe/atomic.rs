//! The atomics under the mailbox. `tests/loom` compiles the mailbox over loom's in their place; this
//! file holds no code.

pub(super) use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
