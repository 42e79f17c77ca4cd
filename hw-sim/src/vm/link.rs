//! One machine that has connected: what it said, and what may be said to it.
//!
//! Decides nothing about power.

use super::codec::{Capabilities, Control, Frame, Message, Order, Parser, greeting};
use crate::power::Wish;

/// Something a machine said that its BMC must hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Its operating system asks.
    Request(Message),
    /// It has started anew by itself.
    Restarted,
}

/// One connection, from its beginning to its end.
#[derive(Clone, Debug, Default)]
pub struct Link {
    parser: Parser,
    capabilities: Option<Capabilities>,
    resets_ordered: u32,
}

impl Link {
    /// What is said to a machine that has connected.
    pub fn greeting() -> Vec<u8> {
        [greeting(), Order::NoAttention.encode()].concat()
    }

    /// Takes what the machine sent. What is unreadable is left out.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<Heard> {
        bytes.iter().filter_map(|byte| self.hear_byte(*byte)).collect()
    }

    /// The answer to `request`; `answer` begins with the completion code.
    pub fn answer(request: &Message, answer: &[u8]) -> Vec<u8> {
        let (netfn, data) = (request.netfn | 1, answer.to_vec());
        Message { netfn, data, ..Message::clone(request) }.encode()
    }

    /// The bytes by which the machine is told to do what its power supply wishes. `None`: it
    /// cannot, or has to be started by somebody else.
    pub fn tell(&mut self, wish: Wish) -> Option<Vec<u8>> {
        let order = match wish {
            Wish::Start => return None,
            Wish::Cut => Order::PowerOff,
            Wish::Reset => Order::Reset,
            Wish::Interrupt => Order::Interrupt,
            Wish::ShutDown => Order::ShutDown,
        };
        if self.capabilities.is_some_and(|capabilities| !capabilities.allow(order)) {
            log::warn!("the virtual machine cannot be told: {order:?}");
            return None;
        }
        self.resets_ordered += u32::from(order == Order::Reset);
        Some(order.encode())
    }

    fn hear_byte(&mut self, byte: u8) -> Option<Heard> {
        match self.parser.push(byte)? {
            Ok(Frame::Message(message)) => {
                // An answer was asked for by nobody.
                (message.netfn & 1 == 0).then_some(Heard::Request(message))
            }
            Ok(Frame::Control(control)) => self.hear_control(control),
            Err(problem) => {
                log::debug!("the virtual machine sent {problem}");
                None
            }
        }
    }

    fn hear_control(&mut self, control: Control) -> Option<Heard> {
        match control {
            Control::Capabilities(capabilities) => self.capabilities = Some(capabilities),
            Control::Reset if self.resets_ordered == 0 => return Some(Heard::Restarted),
            Control::Reset => self.resets_ordered -= 1,
            Control::Version(_) | Control::Other(_) => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What QEMU says when it has connected: version 1, every capability.
    const HELLO: [u8; 6] = [0xFF, 0x01, 0xA1, 0x08, 0x3F, 0xA1];

    #[test]
    fn a_request_is_heard_however_it_is_cut_and_answered_by_its_number() {
        let request = [0x07, 0x18, 0x01, 0xE0, 0xA0];
        for cut in 0..request.len() {
            let mut link = Link::default();
            let mut heard = link.hear(&HELLO);
            heard.extend(link.hear(&request[..cut]));
            heard.extend(link.hear(&request[cut..]));
            let [Heard::Request(message)] = &heard[..] else { panic!("{heard:?}") };
            assert_eq!(Link::answer(message, &[0xC1]), [0x07, 0x1C, 0x01, 0xC1, 0x1B, 0xA0]);
        }
    }

    #[test]
    fn a_machine_is_told_what_it_can_do_and_no_more() {
        let mut link = Link::default();
        assert_eq!(link.tell(Wish::Cut), Some(vec![0x03, 0xA1]), "before it said what it can");
        link.hear(&[0x08, 0x02, 0xA1]);
        assert_eq!(link.tell(Wish::Cut), None);
        assert_eq!(link.tell(Wish::Reset), Some(vec![0x04, 0xA1]));
        assert_eq!(link.tell(Wish::Start), None);
    }

    #[test]
    fn an_ordered_reset_is_not_taken_for_one_by_itself() {
        let mut link = Link::default();
        link.tell(Wish::Reset);
        assert_eq!(link.hear(&[0x04, 0xA1]), []);
        assert_eq!(link.hear(&[0x04, 0xA1]), [Heard::Restarted]);
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_left_out() {
        let answer = Link::answer(
            &Message { sequence: 1, netfn: 6, lun: 0, command: 1, data: vec![] },
            &[0],
        );
        assert_eq!(Link::default().hear(&answer), []);
    }
}
