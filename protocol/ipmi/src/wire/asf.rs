//! The ASF presence ping that some consoles send first. Our client never does. [IPMI2 §13.2.3]

/// IANA enterprise number of ASF.
const ASF_IANA: [u8; 4] = [0x00, 0x00, 0x11, 0xBE];
const RMCP_ASF: [u8; 4] = [0x06, 0x00, 0xFF, 0x06];

/// A whole presence ping datagram with the given tag.
pub fn asf_ping(tag: u8) -> Vec<u8> {
    [&RMCP_ASF[..], &ASF_IANA, &[0x80, tag, 0x00, 0x00]].concat()
}

/// A whole presence pong datagram that answers a ping of tag `tag`: IPMI supported, nothing else.
pub fn asf_pong(tag: u8) -> Vec<u8> {
    let entities = [0x00, 0x00, 0x11, 0xBE, 0, 0, 0, 0, 0x81, 0x00, 0, 0, 0, 0, 0, 0];
    [&RMCP_ASF[..], &ASF_IANA, &[0x40, tag, 0x00, 0x10], &entities].concat()
}
