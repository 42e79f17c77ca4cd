//! The golden vectors of the peers' protocol, as bytes. Judges nothing.

use palisade_protocol::keys::PrivateKey;

const TEXT: &str = include_str!("../../../protocol/vectors/v1.txt");

/// Every datagram of the file, those that must be refused too, with the link it came over.
pub(super) fn datagrams() -> impl Iterator<Item = (u8, Vec<u8>)> {
    let stanzas = TEXT.split("\n\n").filter(|stanza| field(stanza, "datagram").is_some());
    stanzas.filter_map(|stanza| {
        let link = field(stanza, "link").and_then(|link| link.parse().ok()).unwrap_or(0);
        Some((link, unhex(field(stanza, "datagram")?)))
    })
}

/// The private key called `name`.
pub(super) fn key(name: &str) -> Option<PrivateKey> {
    let title = format!("key {name}\n");
    let stanza = TEXT.split("\n\n").find_map(|stanza| stanza.strip_prefix(&title))?;
    let bytes = unhex(field(stanza, "private")?);
    Some(PrivateKey::from_bytes(bytes.try_into().ok()?))
}

fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.trim().strip_prefix(name)?.strip_prefix(" = ");
    stanza.lines().find_map(value)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok());
    digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}
