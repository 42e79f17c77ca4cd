//! The fence agent; see `fence_palisade --help`.
//!
//! Starts where the C library does. What the standard library does before a `main` of its own is a tenth of the time
//! that this program lives: to tell of a stack that overflows it looks the stack up in `/proc/self/maps`. The two
//! things that this agent needs of it are done here: standard streams that are open, and no signal for one that
//! nobody reads.

#![no_main]

use std::ffi::{OsString, c_char, c_int};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::panic::catch_unwind;
use std::process::exit;

use palisade_fencer::fence_agent::main_with;
use palisade_fencer::streams;

/// How the long options begin that may have a password or a key.
const SECRETS: [&[u8]; 2] = [b"--pa", b"--hex"];

/// Whoever broke an invariant has been told of on standard error, and has fenced nothing.
const BROKEN: u8 = 1;

#[expect(unsafe_code, reason = "the C library calls it by this name")]
#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, values: *const *mut c_char) -> c_int {
    let args: Vec<OsString> = std::env::args_os().collect();
    blot_passwords(&args, count, values);
    let ran = catch_unwind(|| {
        streams::fill(File::options().read(true).write(true))?;
        streams::block_broken_pipes()?;
        Ok::<u8, io::Error>(main_with(args))
    });
    exit(i32::from(ran.map_or(BROKEN, |code| code.unwrap_or(BROKEN))))
}

/// What a process was started with anybody can read as long as it lives: what may be a password there gives way to
/// as many `x`. `args` are copies of all words.
fn blot_passwords(args: &[OsString], count: c_int, values: *const *mut c_char) {
    let mut is_next = false;
    for (place, word) in args.iter().enumerate().take(usize::try_from(count).unwrap_or(0)) {
        let word = word.as_bytes();
        let shown = if is_next { 0 } else { shown_part(word) };
        is_next = !is_next && place > 0 && lacks_password(word);
        if place > 0 && shown < word.len() {
            #[expect(unsafe_code, reason = "only the words themselves are what others read")]
            // SAFETY: the C library hands over `count` words, each writable and ended by a zero byte; `word` is a copy
            // of this one, so that it is as long, and nothing else refers to it.
            unsafe {
                let begin = (*values.add(place)).add(shown);
                begin.cast::<u8>().write_bytes(b'x', word.len() - shown);
            }
        }
    }
}

/// How much of a word stands before what may be a password or a key.
fn shown_part(word: &[u8]) -> usize {
    let after = |byte: u8| word.iter().position(|one| *one == byte).map(|place| place + 1);
    let is_secret = SECRETS.iter().any(|begun| word.starts_with(begun));
    match word {
        [b'-', b'-', ..] if is_secret => after(b'=').unwrap_or(word.len()),
        [b'-', b'-', ..] => word.len(),
        [b'-', ..] => after(b'p').unwrap_or(word.len()),
        _ => word.len(),
    }
}

/// Whether the next word may be a password or a key.
fn lacks_password(word: &[u8]) -> bool {
    let is_long = SECRETS.iter().any(|begun| word.starts_with(begun));
    let is_short = word.starts_with(b"-") && !word.starts_with(b"--") && word.ends_with(b"p");
    is_short || (is_long && !word.contains(&b'='))
}
