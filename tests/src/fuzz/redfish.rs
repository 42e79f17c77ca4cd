//! The border to a Redfish service: its replies, and the JSON in them.
//!
//! An input is how large the pieces are in which a reply comes in, and the reply.

use palisade_fencer::power::redfish::model;
use palisade_fencer::power::redfish::reply::{BODY_MAX, Reader, Reply, Rubbish};
use palisade_fencer::power::redfish::secrets::Secrets;
use palisade_host::config::HttpPlace;
use serde_json::Value;

const NONE: &Secrets = &Secrets::none();

/// Reads `input` as a reply, whole and in pieces, and its body as everything that is asked for.
pub(super) fn run(input: &[u8]) {
    let Some((size, bytes)) = input.split_first() else { return };
    let whole = read(bytes, bytes.len().max(1));
    let again = read(bytes, usize::from(*size).max(1));
    match (whole, again) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.status, other.status, "one reply has one status");
            assert_eq!(one.body, other.body, "and one body, however it comes in");
            assert!(one.body.len() <= BODY_MAX, "of a bounded length");
            judge(&one);
        }
        (one, other) => {
            assert!(one.is_err() && other.is_err(), "{one:?} in one piece, in several {other:?}");
        }
    }
    // Bodies alone, so that no head stands in the way of what explores.
    judge(&Reply { status: 200, token: None, location: None, is_kept: true, body: bytes.to_vec() });
}

fn read(bytes: &[u8], size: usize) -> Result<Reply, Rubbish> {
    let mut reader = Reader::default();
    for piece in bytes.chunks(size) {
        if let Some(reply) = reader.hear(piece)? {
            return Ok(reply);
        }
    }
    reader.close()
}

fn judge(reply: &Reply) {
    assert!((200..=599).contains(&reply.status), "an interim reply is none");
    if let Ok(system) = model::system(&reply.body, NONE) {
        let plain: Result<Value, _> = serde_json::from_slice(&reply.body);
        // A number too large to be told is passed over where it does not matter.
        if let Ok(plain) = plain {
            let is_off = plain.get("PowerState") == Some(&Value::from("Off"));
            assert_eq!(!system.on, is_off, "only Off is off");
        }
        if let Some(reset) = system.reset {
            follow(&reset.target);
        }
    }
    for link in model::own_link(&reply.body).iter().chain(&reply.location) {
        follow(link);
    }
    for link in model::members(&reply.body, NONE).map(|(members, _)| members).unwrap_or_default() {
        follow(&link);
    }
    let said = model::said(&reply.body, NONE);
    for words in said.words.iter().chain([&said.name]) {
        assert!(
            !words.contains(char::is_control) && words.chars().count() < 1_000,
            "one short line"
        );
    }
    drop(model::allowed(&reply.body, NONE));
}

/// A link becomes a path that a request line can hold, or is not followed.
fn follow(link: &str) {
    let Some(place) = HttpPlace::parse("https://10.9.0.1") else { return };
    let Some(path) = model::path_within(link, &place) else { return };
    assert!(path.starts_with('/') && !path.starts_with("//"), "{path:?} leads elsewhere");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?} is no path");
    let elsewhere =
        link.contains("://") && !link.starts_with('/') && !link.starts_with("https://10.9.0.1");
    assert!(!elsewhere, "{link:?} was followed");
}

/// Replies as services give them: a system, a collection, a new session, a failure, in chunks and plain.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let system = br##"{"PowerState":"On","PowerRestorePolicy":"AlwaysOff","Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/1/Reset","ResetType@Redfish.AllowableValues":["On","ForceOff"]}}}"##;
    let off = br#"{"@odata.id":"/redfish/v1/Systems/1","PowerState":"Off"}"#;
    let members = br#"{"Members":[{"@odata.id":"https://10.9.0.1/redfish/v1/Systems/1"}]}"#;
    let info = br#"{"Parameters":[{"Name":"ResetType","AllowableValues":["On","ForceOff"]}]}"#;
    let failure = br#"{"error":{"code":"Base.1.8.GeneralError","message":"no","@Message.ExtendedInfo":[{"MessageId":"Base.1.8.NoOperation","Message":"no"}]}}"#;
    let mut all: Vec<Vec<u8>> = [&system[..], off, members, info, failure]
        .iter()
        .flat_map(|body| [plain(body), chunked(body)])
        .collect();
    all.push(b"\x03HTTP/1.1 201 Created\r\nX-Auth-Token: t\r\nLocation: /redfish/v1/SessionService/Sessions/1\r\nContent-Length: 0\r\n\r\n".to_vec());
    all.push(
        b"\x07HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n{\"PowerState\":\"Off\"}"
            .to_vec(),
    );
    all
}

fn plain(body: &[u8]) -> Vec<u8> {
    let head = format!("\x05HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let head = "\x0bHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = body
        .chunks(40)
        .map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    [head.as_bytes(), &chunks.collect::<Vec<_>>().concat(), b"0\r\n\r\n"].concat()
}
