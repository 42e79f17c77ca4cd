//! One input as a series of events: a byte that says what, one that says how long, and the bytes.

/// The events of an input. The last one may be shorter than it says.
pub(super) fn pieces(mut input: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let [what, len, rest @ ..] = input else { return None };
        let (bytes, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        input = rest;
        Some((*what, bytes))
    })
}

/// The event `what` with its bytes, as [`pieces`] reads it back; longer bytes are cut.
pub(super) fn piece(what: u8, bytes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    let bytes = bytes.get(..usize::from(len)).unwrap_or(bytes);
    [&[what, len], bytes].concat()
}
