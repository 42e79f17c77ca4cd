//! Frames of the VM protocol: taken apart byte by byte, and put together.
//!
//! What a peer sends costs no more memory than one frame, however long it is.

use std::fmt;

/// Longest message or control that is read, its checksum included: QEMU's longest IPMI message has
/// 300 bytes.
pub const MESSAGE_MAX: usize = 302;
/// The version of the protocol that both sides speak.
const VERSION: u8 = 1;

const END_OF_MESSAGE: u8 = 0xA0;
const END_OF_CONTROL: u8 = 0xA1;
const ESCAPE: u8 = 0xAA;
const ESCAPED: u8 = 0x10;

const RESET: u8 = 0x04;
const CAPABILITIES: u8 = 0x08;
const SAY_VERSION: u8 = 0xFF;

/// An IPMI message. In an answer `data` begins with the completion code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Repeated in the answer.
    pub sequence: u8,
    /// Network function, even for a request, odd for an answer; 6 bits.
    pub netfn: u8,
    /// Logical unit; 2 bits.
    pub lun: u8,
    /// Command byte.
    pub command: u8,
    /// Everything between command and checksum.
    pub data: Vec<u8>,
}

/// What a machine says besides messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// It speaks this version of the protocol.
    Version(u8),
    /// It can do this.
    Capabilities(Capabilities),
    /// It has started anew.
    Reset,
    /// Something that this side does not know.
    Other(u8),
}

/// What a machine can do: the bits as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(pub u8);

impl Capabilities {
    /// Whether it obeys `order`.
    pub const fn allow(self, order: Order) -> bool {
        let bit = match order {
            Order::PowerOff => 0x01,
            Order::Reset => 0x02,
            Order::Interrupt => 0x08,
            Order::NoAttention => 0x10,
            Order::ShutDown => 0x20,
        };
        self.0 & bit != 0
    }
}

/// What a BMC orders a machine to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing is waiting for it.
    NoAttention,
    /// Lose power.
    PowerOff,
    /// Start anew.
    Reset,
    /// A non-maskable interrupt.
    Interrupt,
    /// Ask its operating system to shut down.
    ShutDown,
}

impl Order {
    const fn number(self) -> u8 {
        match self {
            Self::NoAttention => 0x00,
            Self::PowerOff => 0x03,
            Self::Reset => RESET,
            Self::Interrupt => 0x07,
            Self::ShutDown => 0x09,
        }
    }

    /// The order as bytes.
    pub fn encode(self) -> Vec<u8> {
        control(&[self.number()])
    }
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// A control.
    Control(Control),
}

/// A frame that means nothing; what follows it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Longer than [`MESSAGE_MAX`].
    TooLong,
    /// Ended before its header did, or behind an escape.
    TooShort,
    /// A message whose bytes do not sum to 0.
    Checksum,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TooLong => "a frame longer than any message",
            Self::TooShort => "a frame that ends too soon",
            Self::Checksum => "a message with a wrong checksum",
        })
    }
}

/// What this side says first.
pub(super) fn greeting() -> Vec<u8> {
    control(&[SAY_VERSION, VERSION])
}

impl Message {
    /// The message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let head = [self.sequence, self.netfn << 2 | self.lun & 3, self.command];
        let plain: Vec<u8> = head.into_iter().chain(self.data.iter().copied()).collect();
        let mut out = escaped(plain.iter().copied().chain([sum(&plain).wrapping_neg()]));
        out.push(END_OF_MESSAGE);
        out
    }

    fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        let [sequence, function, command, data @ .., _] = bytes else {
            return Err(Unreadable::TooShort);
        };
        if sum(bytes) != 0 {
            return Err(Unreadable::Checksum);
        }
        let (netfn, lun) = (function >> 2, function & 3);
        Ok(Self { sequence: *sequence, netfn, lun, command: *command, data: data.to_vec() })
    }
}

impl Control {
    fn parse(bytes: &[u8]) -> Result<Self, Unreadable> {
        match bytes {
            [SAY_VERSION, version, ..] => Ok(Self::Version(*version)),
            [CAPABILITIES, bits, ..] => Ok(Self::Capabilities(Capabilities(*bits))),
            [] | [SAY_VERSION | CAPABILITIES] => Err(Unreadable::TooShort),
            [RESET, ..] => Ok(Self::Reset),
            [other, ..] => Ok(Self::Other(*other)),
        }
    }
}

/// Finds frames in a stream, wherever it is cut.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    frame: Vec<u8>,
    is_escaped: bool,
    is_too_long: bool,
}

impl Parser {
    /// The next byte; the frame that it ends, if it ends one.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame, Unreadable>> {
        match byte {
            END_OF_MESSAGE => self.end(|bytes| Message::parse(bytes).map(Frame::Message)),
            END_OF_CONTROL => self.end(|bytes| Control::parse(bytes).map(Frame::Control)),
            ESCAPE => {
                self.is_escaped = true;
                None
            }
            _ => {
                self.keep(if self.is_escaped { byte & !ESCAPED } else { byte });
                self.is_escaped = false;
                None
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        self.is_too_long |= self.frame.len() >= MESSAGE_MAX;
        if !self.is_too_long {
            self.frame.push(byte);
        }
    }

    /// An end without a beginning is nothing.
    fn end(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<Frame, Unreadable>,
    ) -> Option<Result<Frame, Unreadable>> {
        let Self { mut frame, is_escaped, is_too_long } = std::mem::take(self);
        if frame.is_empty() && !is_escaped {
            self.frame = frame;
            return None;
        }
        let parsed = match (is_too_long, is_escaped) {
            (true, _) => Err(Unreadable::TooLong),
            (_, true) => Err(Unreadable::TooShort),
            (false, false) => parse(&frame),
        };
        frame.clear();
        self.frame = frame;
        Some(parsed)
    }
}

fn control(bytes: &[u8]) -> Vec<u8> {
    let mut out = escaped(bytes.iter().copied());
    out.push(END_OF_CONTROL);
    out
}

fn escaped(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        match byte {
            END_OF_MESSAGE | END_OF_CONTROL | ESCAPE => out.extend([ESCAPE, byte | ESCAPED]),
            _ => out.push(byte),
        }
    }
    out
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| byte.wrapping_add(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<Frame, Unreadable>> {
        let mut parser = Parser::default();
        bytes.iter().filter_map(|byte| parser.push(*byte)).collect()
    }

    /// Get Device ID as QEMU's KCS interface sends it, and an answer with each byte that is escaped.
    fn vectors() -> [(Message, &'static [u8]); 2] {
        let request = Message { sequence: 7, netfn: 6, lun: 0, command: 1, data: vec![] };
        let data = vec![0x00, 0xA0, 0xA1, 0xAA];
        let answer = Message { sequence: 0xA0, netfn: 7, lun: 0, command: 1, data };
        let escaped =
            &[0xAA, 0xB0, 0x1C, 0x01, 0x00, 0xAA, 0xB0, 0xAA, 0xB1, 0xAA, 0xBA, 0x58, 0xA0];
        [(request, &[0x07, 0x18, 0x01, 0xE0, 0xA0]), (answer, escaped)]
    }

    #[test]
    fn messages_have_these_bytes() {
        for (message, bytes) in vectors() {
            assert_eq!(message.encode(), bytes);
            assert_eq!(read(bytes), [Ok(Frame::Message(message))]);
        }
    }

    #[test]
    fn controls_have_these_bytes() {
        assert_eq!(greeting(), [0xFF, 0x01, 0xA1]);
        assert_eq!(Order::NoAttention.encode(), [0x00, 0xA1]);
        assert_eq!(Order::PowerOff.encode(), [0x03, 0xA1]);
        assert_eq!(Order::Reset.encode(), [0x04, 0xA1]);
        assert_eq!(Order::Interrupt.encode(), [0x07, 0xA1]);
        assert_eq!(Order::ShutDown.encode(), [0x09, 0xA1]);
        // What QEMU says when it has connected, and when it was reset.
        let said = read(&[0xFF, 0x01, 0xA1, 0x08, 0x3F, 0xA1, 0x04, 0xA1, 0x77, 0xA1]);
        let controls = [
            Control::Version(1),
            Control::Capabilities(Capabilities(0x3F)),
            Control::Reset,
            Control::Other(0x77),
        ];
        assert_eq!(said, controls.map(|control| Ok(Frame::Control(control))));
        assert!(
            Capabilities(0x3F).allow(Order::PowerOff) && !Capabilities(0x3E).allow(Order::PowerOff)
        );
    }

    #[test]
    fn what_is_unreadable_does_not_disturb_what_follows() {
        let good = vectors()[0].1;
        let long = [&[1; MESSAGE_MAX + 1][..], &[0xA0]].concat();
        let cases: [(&[u8], Unreadable); 6] = [
            (&long, Unreadable::TooLong),
            (&[0x07, 0x18, 0xA0], Unreadable::TooShort),
            (&[0x07, 0x18, 0x01, 0xAA, 0xA0], Unreadable::TooShort),
            (&[0x08, 0xA1], Unreadable::TooShort),
            (&[0x07, 0x18, 0x01, 0xE1, 0xA0], Unreadable::Checksum),
            (&[0xAA, 0xA1], Unreadable::TooShort),
        ];
        for (bytes, problem) in cases {
            let said = read(&[bytes, good].concat());
            assert_eq!(said[0], Err(problem), "{bytes:02x?}");
            assert!(matches!(said[1], Ok(Frame::Message(_))), "{bytes:02x?}");
        }
        assert_eq!(read(&[0xA0, 0xA1, 0xA0]), []);
    }

    #[test]
    fn a_stream_costs_one_frame_of_memory() {
        let mut parser = Parser::default();
        (0..100_000).for_each(|_| assert_eq!(parser.push(1), None));
        assert!(parser.frame.capacity() < 2 * MESSAGE_MAX);
    }
}
