//! A request as it goes out.
//!
//! Wiped when it was sent: it may carry a password or a token.

use std::io::Write as _;

use palisade_host::config::HttpPlace;
use palisade_host::secret::Secret;
use serde::Serialize;
use zeroize::Zeroizing;

use super::secrets::basic;

/// Room for the longest request, so that none is ever moved and leaves a copy behind.
const ROOM: usize = 16 * 1024;

/// How a request shows whose it is.
#[derive(Clone, Debug)]
pub(super) enum Badge {
    /// It does not.
    None,
    /// By the token of a session.
    Token(Secret),
    /// By an account. [RFC 7617]
    Basic {
        /// Its name.
        user: String,
        /// Its password.
        password: Secret,
    },
}

/// The bytes of a request; `body` becomes JSON.
pub(super) fn request(
    method: &str,
    path: &str,
    place: &HttpPlace,
    badge: &Badge,
    body: Option<&impl Serialize>,
) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(ROOM));
    let mut line = |text: &str| out.extend_from_slice(text.as_bytes());
    line(&format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", host(place)));
    line("Accept: application/json\r\nOData-Version: 4.0\r\nUser-Agent: palisade\r\n");
    match badge {
        Badge::None => {}
        Badge::Token(token) => {
            line("X-Auth-Token: ");
            line(token.expose());
            line("\r\n");
        }
        Badge::Basic { user, password } => {
            line("Authorization: Basic ");
            line(&basic(user, password));
            line("\r\n");
        }
    }
    match body {
        Some(body) => with_body(&mut out, body),
        None => out.extend_from_slice(b"\r\n"),
    }
    out
}

fn with_body(out: &mut Zeroizing<Vec<u8>>, body: &impl Serialize) {
    let mut json = Zeroizing::new(Vec::with_capacity(ROOM));
    let written = serde_json::to_writer(&mut *json, body).is_ok()
        && write!(out, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", json.len())
            .is_ok();
    assert!(written, "a body of texts can be written to memory");
    out.extend_from_slice(&json);
}

/// As the `Host` of a request: the port only if it is not the scheme's own. [RFC9110 §7.2]
fn host(place: &HttpPlace) -> String {
    let authority = place.authority();
    let own = if place.tls { ":443" } else { ":80" };
    authority.strip_suffix(own).map_or_else(|| authority.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_where_whose_and_what() {
        let place = HttpPlace::parse("https://[fd00::9]").unwrap();
        let password = Secret::new("open sesame".to_owned());
        let badge = Badge::Basic { user: "Aladdin".to_owned(), password };
        let bytes = request("POST", "/r", &place, &badge, Some(&["ForceOff"]));
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text.starts_with("POST /r HTTP/1.1\r\nHost: [fd00::9]\r\n"), "{text}");
        assert!(
            text.contains("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
            "{text}"
        );
        assert!(text.ends_with("\r\nContent-Length: 12\r\n\r\n[\"ForceOff\"]"), "{text}");
        assert!(!format!("{badge:?}").contains("sesame"));
    }
}
