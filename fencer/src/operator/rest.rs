//! A pause between two looks.

use nix::errno::Errno;
use nix::poll::{PollTimeout, poll};

use super::exit::progress;

/// Rests until the next look; a signal cuts it short.
pub(super) fn rest(ms: u16) {
    match poll(&mut [], PollTimeout::from(ms)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => progress(&format!("poll: {error}")),
    }
}
