//! The border to virtual machines: a stream of any bytes, cut anywhere, to the simulated BMC.
//!
//! An event is how many bytes arrive together; then the bytes. What is taken for a message reads back as
//! it was written; no frame is longer than it may be; a good request behind anything is heard; and
//! nobody over there switches power except by the commands for it.

use palisade_hw::bmc::{Bmc, Ipmb, Privilege, Secret, Settings, User};
use palisade_hw::power::Wish;
use palisade_hw::vm::{Frame, Heard, Link, MESSAGE_MAX, Message, Parser};
use palisade_protocol::time::Instant;

use super::pieces::{piece, pieces};

const NOW: Instant = Instant::from_millis(1_000);
/// An end, so that nothing that came before is in its way, and Get Device ID.
const GOOD: [u8; 6] = [0xA1, 0x07, 0x18, 0x01, 0xE0, 0xA0];
/// What QEMU says when it has connected.
const HELLO: [u8; 6] = [0xFF, 0x01, 0xA1, 0x08, 0x3F, 0xA1];

/// Gives the bytes to one link, and what it makes of them to a BMC.
pub(super) fn run(input: &[u8]) {
    let (mut link, mut parser, mut bmc) = (Link::default(), Parser::default(), bmc());
    for (_, bytes) in pieces(input) {
        bytes.iter().for_each(|byte| judge(parser.push(*byte).and_then(Result::ok)));
        for heard in link.hear(bytes) {
            obey(&mut bmc, heard);
        }
    }
    let good = link.hear(&GOOD);
    assert!(matches!(good.last(), Some(Heard::Request(request)) if request.command == 1));
    link.tell(Wish::Cut);
}

/// What is honest, and what is cut, escaped, too long or of a kind that does not exist.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let data = vec![0x00, 0xA0, 0xA1, 0xAA, 0x10];
    let watchdog = vec![0x04, 0x02, 0x00, 0x00, 0x03, 0x00];
    let messages = [
        Message { sequence: 0xA1, netfn: 6, lun: 0, command: 0x01, data: Vec::new() },
        Message { sequence: 1, netfn: 6, lun: 1, command: 0x24, data: watchdog },
        Message { sequence: 2, netfn: 0, lun: 0, command: 0x02, data: vec![0] },
        Message { sequence: 3, netfn: 0x30, lun: 3, command: 0xAA, data },
    ];
    let all: Vec<u8> = messages.iter().flat_map(Message::encode).collect();
    let long = [vec![1; MESSAGE_MAX + 2], vec![0xA0]].concat();
    let streams = [HELLO.to_vec(), all.clone(), vec![0x04, 0xA1, 0x77, 0xA1], vec![0xAA], long];
    let joined = [&HELLO[..], &all].concat();
    streams.iter().map(|bytes| in_pieces(bytes, 200)).chain([in_pieces(&joined, 3)]).collect()
}

fn in_pieces(bytes: &[u8], len: usize) -> Vec<u8> {
    bytes.chunks(len).flat_map(|bytes| piece(0, bytes)).collect()
}

fn judge(frame: Option<Frame>) {
    let Some(Frame::Message(message)) = frame else { return };
    assert!(message.data.len() < MESSAGE_MAX, "a frame is bounded");
    let mut parser = Parser::default();
    let again = message.encode().into_iter().find_map(|byte| parser.push(byte));
    assert_eq!(again, Some(Ok(Frame::Message(message))), "what is read reads back");
}

fn obey(bmc: &mut Bmc, heard: Heard) {
    let was_on = bmc.is_on(NOW);
    let Heard::Request(request) = heard else {
        bmc.machine_restarted(NOW);
        assert_eq!(bmc.is_on(NOW), was_on, "a reset is no power off");
        return;
    };
    let frame = Ipmb {
        to: 0x20,
        netfn: request.netfn,
        to_lun: request.lun,
        from: 0x41,
        sequence: 0,
        from_lun: 0,
        command: request.command,
        data: &request.data,
    };
    let answer = bmc.receive_local(NOW, &frame).unwrap_or_default();
    assert!(!answer.is_empty(), "every request is answered");
    assert!(Link::answer(&request, &answer).ends_with(&[0xA0]));
    // Chassis Control, or a watchdog that expires at once.
    let may_switch = matches!((request.netfn, request.command), (0x00, 0x02) | (0x06, 0x22 | 0x24));
    assert!(may_switch || bmc.is_on(NOW) == was_on, "switched by {request:?}");
}

#[expect(clippy::expect_used, reason = "broken settings of this file must stop the run")]
fn bmc() -> Bmc {
    let password = Secret::new(b"correct horse 12").expect("a password of 16 bytes");
    let user = User { name: "palisade".to_owned(), password, privilege: Privilege::Admin };
    Bmc::new(Settings::simple(user, 1))
}
