//! What nobody may read in our messages, and a stranger's words without it.
//!
//! A service may say what it was sent: in a message, a state or a link. It is known there as it is, and as
//! JSON and URLs write it, and struck before the words are cut. Never shown, and wiped when dropped.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use palisade_host::secret::Secret;
use zeroize::Zeroizing;

use crate::power::trouble::quoted;

/// What stands in the place of a secret.
const MARK: &str = "(secret)";

/// An account's password, its basic login, and the token of its session.
#[derive(Default)]
pub struct Secrets {
    /// Every form of each, the longest first.
    forms: Vec<Zeroizing<String>>,
}

impl Secrets {
    /// None.
    pub const fn none() -> Self {
        Self { forms: Vec::new() }
    }

    /// Those of an account.
    pub(super) fn of(user: &str, password: &Secret) -> Self {
        let mut secrets = Self::none();
        secrets.add(password.expose());
        // Whether its end is filled up or not.
        secrets.add(basic(user, password).trim_end_matches('='));
        secrets
    }

    /// One more.
    pub(super) fn add(&mut self, secret: &str) {
        let (json, ascii) = (in_json(secret), in_ascii_json(secret));
        // JSON in a text that is quoted as a whole is escaped twice.
        let twice = [&json, &ascii].map(|once| in_json(once));
        let written = [Zeroizing::new(secret.to_owned()), json, ascii].into_iter().chain(twice);
        let in_links = ['x', 'X'].map(|digits| in_link(secret, digits));
        self.forms.extend(written.chain(in_links).filter(|form| !form.is_empty()));
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        self.forms.dedup();
    }

    /// `text` without any of them.
    pub fn struck(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(next) = rest.chars().next() {
            let found = self.forms.iter().find(|form| rest.starts_with(form.as_str()));
            match found {
                Some(_) => out.push_str(MARK),
                None => out.push(next),
            }
            let taken = found.map_or(next.len_utf8(), |form| form.len());
            rest = rest.get(taken..).unwrap_or_default();
        }
        out
    }

    /// `text` without any of them, on one line, not too long.
    pub fn quoted(&self, text: &str) -> String {
        quoted(&self.struck(text))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secrets(redacted)")
    }
}

/// A basic login. [RFC 7617]
pub(super) fn basic(user: &str, password: &Secret) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    Zeroizing::new(BASE64_STANDARD.encode(pair.as_bytes()))
}

/// As it stands between the quotation marks of JSON, and of Rust.
fn in_json(text: &str) -> Zeroizing<String> {
    let json = Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Zeroizing::new(inner.unwrap_or_default().to_owned())
}

/// The same as those write it who write nothing but ASCII.
fn in_ascii_json(text: &str) -> Zeroizing<String> {
    let json = in_json(text);
    // Never grown, so that no copy is left behind.
    let mut out = Zeroizing::new(String::with_capacity(json.len() * 6));
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => out.push(byte.into()),
            Ok(_) | Err(_) => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out
}

/// With all but the plainest characters as `%` and hexadecimal digits. [RFC3986 §2.1]
fn in_link(text: &str, digits: char) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(text.len() * 3));
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => out.push(byte.into()),
            _ if digits == 'X' => out.push_str(&format!("%{byte:02X}")),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::of("Aladdin", &Secret::new("open \"sesame\\ü/".to_owned()));
        secrets.add("token-1");
        secrets
    }

    #[test]
    fn a_secret_is_struck_however_it_is_written() {
        for said in [
            r#"open "sesame\ü/"#,
            r#"open \"sesame\\ü/"#,
            r#"open \"sesame\\\u00fc/"#,
            r#"open \\\"sesame\\\\ü/"#,
            "open%20%22sesame%5C%C3%BC%2F",
            "open%20%22sesame%5c%c3%bc%2f",
            "token-1",
        ] {
            let struck = secrets().struck(&format!("so: {said}, {said}."));
            assert_eq!(struck, "so: (secret), (secret).", "{said}");
        }
        let login = basic("Aladdin", &Secret::new("open sesame".to_owned()));
        assert_eq!(login.as_str(), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let secrets = Secrets::of("Aladdin", &Secret::new("open sesame".to_owned()));
        assert_eq!(secrets.struck("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "(secret)==");
    }

    #[test]
    fn a_secret_is_struck_before_the_words_are_cut() {
        for blanks in 200..260 {
            let said = secrets().quoted(&format!("{}open \"sesame\\ü/", "a".repeat(blanks)));
            assert!(!said.contains("op"), "{said}");
        }
    }

    #[test]
    fn short_secrets_are_struck_once_and_none_at_all_changes_nothing() {
        let mut secrets = Secrets::of("a", &Secret::new("s".to_owned()));
        secrets.add("");
        assert_eq!(secrets.struck("yes"), "ye(secret)");
        assert_eq!(Secrets::none().struck("yes"), "yes");
    }
}
