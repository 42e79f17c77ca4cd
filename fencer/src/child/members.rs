//! Who is in a process group, by `/proc`. Signals nobody.

use std::fs;
use std::path::Path;

use nix::unistd::Pid;

/// Whether a process of `group` can still act. One that only waits to be reaped cannot. Reads every
/// process's file: not on the loop.
pub(super) fn any_acts(group: Pid) -> bool {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|process| acts_in(group, &process).unwrap_or(false))
}

fn acts_in(group: Pid, process: &Path) -> Option<bool> {
    let id = process.file_name()?.to_str()?;
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    says_so(group, &fs::read_to_string(process.join("stat")).ok()?)
}

/// A process's `stat`: its name is in parentheses and may hold anything; then state, parent, group.
/// [proc_pid_stat(5)]
fn says_so(group: Pid, stat: &str) -> Option<bool> {
    let mut words = stat.rsplit_once(')')?.1.split_whitespace();
    let (state, its) = (words.next()?, words.nth(1)?);
    Some(its.parse() == Ok(group.as_raw()) && !matches!(state, "Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_dead_or_elsewhere_does_not_act_here() {
        let group = Pid::from_raw(71);
        let says = |stat: &str| says_so(group, stat);
        assert_eq!(says("72 (sleep) S 1 71 70 0"), Some(true));
        assert_eq!(says("72 (a) Z 1 (b) R 1 71 70"), Some(true), "names are free");
        assert_eq!(says("72 (sleep) Z 1 71 70 0"), Some(false));
        assert_eq!(says("72 (sleep) S 71 7 71 0"), Some(false));
        assert_eq!(says("72 (sleep"), None);
        assert!(any_acts(nix::unistd::getpgrp()));
    }
}
