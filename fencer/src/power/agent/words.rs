//! What a fence agent is told, and what of it people may see.
//!
//! Never shows a password, nor any option but those that say which device it is.

use std::fmt::Write as _;

use palisade_host::secret::Secret;
use zeroize::Zeroizing;

/// Options that say which device it is. [FenceAgentAPI.md, fence-agents]
const SHOWN: [&str; 4] = ["ip", "ipaddr", "plug", "port"];

/// The lines on the agent's standard input.
pub(super) fn input(
    action: &str,
    options: &[(String, String)],
    password: Option<&Secret>,
) -> Zeroizing<String> {
    let secret = password.map_or("", Secret::expose);
    let length = options.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>();
    // Never grown, so that no copy of the password is left behind.
    let mut text = Zeroizing::new(String::with_capacity(length + action.len() + secret.len() + 32));
    let mut written = writeln!(text, "action={action}");
    for (key, value) in options {
        written = written.and_then(|()| writeln!(text, "{key}={value}"));
    }
    if password.is_some() {
        written = written.and_then(|()| writeln!(text, "password={secret}"));
    }
    assert!(written.is_ok(), "a String takes all that is written to it");
    text
}

/// The device in an operator's words, such as `fence_apc ip=10.9.0.7 plug=3`.
pub(super) fn describe(name: &str, options: &[(String, String)]) -> String {
    let shown = options.iter().filter(|(key, _)| SHOWN.contains(&key.as_str()));
    let shown = shown.map(|(key, value)| format!(" {key}={value}"));
    format!("{name}{}", shown.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_told_everything_on_lines_of_its_own() {
        let options = [("ip", "10.9.0.7"), ("snmp_version", "2c")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let password = Secret::new("a=b c".to_owned());
        let told = input("off", &options, Some(&password));
        assert_eq!(told.as_str(), "action=off\nip=10.9.0.7\nsnmp_version=2c\npassword=a=b c\n");
        assert_eq!(describe("fence_apc", &options), "fence_apc ip=10.9.0.7");
    }
}
