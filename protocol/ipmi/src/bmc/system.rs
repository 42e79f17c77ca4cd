//! The system interface: what the machine's own operating system asks its BMC, without a session.
//!
//! Everything that a session of an administrator may order, and the few commands by which a driver
//! gets to know the interface. There is never a message or an event waiting. [IPMI2 §22]

use ipmi_rs_core::connection::NetFn;
use palisade_protocol::time::Instant;

use super::commands::{Answer, Command};
use super::engine::{Engine, completed};
use super::hardware::{Declined, Hardware, Veto};
use crate::completion::code;
use crate::wire::Ipmb;

const SELF_TEST: u8 = 0x04;
const SET_ENABLES: u8 = 0x2E;
const GET_ENABLES: u8 = 0x2F;
const CLEAR_FLAGS: u8 = 0x30;
const GET_FLAGS: u8 = 0x31;
const GET_MESSAGE: u8 = 0x33;
const READ_EVENTS: u8 = 0x35;
/// Completion code of Get Message and Read Event Message Buffer: nothing is waiting.
const NOTHING_WAITING: u8 = 0x80;
/// Every self test passed. [IPMI2 §20.4]
const ALL_PASSED: [u8; 2] = [0x55, 0x00];

impl Engine {
    /// Answers the machine's own request: completion code and data. `None`: it is not answered.
    pub fn receive_local(
        &mut self,
        now: Instant,
        request: &Ipmb<'_>,
        hardware: &mut dyn Hardware,
    ) -> Option<Vec<u8>> {
        let outcome = match hardware.veto(now, request) {
            Some(Veto::Silence) => return None,
            Some(Veto::Declined(declined)) => Err(declined),
            None => match Command::of(request) {
                Some(command) => self.act(now, command, request.data, hardware),
                None => self.driver(request),
            },
        };
        Some(completed(outcome))
    }

    /// What a driver asks about the interface itself.
    fn driver(&mut self, request: &Ipmb<'_>) -> Answer {
        if NetFn::from(request.netfn) != NetFn::App {
            return Err(Declined(code::INVALID_COMMAND));
        }
        match (request.command, request.data) {
            (SELF_TEST, []) => Ok(ALL_PASSED.to_vec()),
            (SET_ENABLES, [enables]) => {
                self.enables = *enables;
                Ok(Vec::new())
            }
            (GET_ENABLES, []) => Ok(vec![self.enables]),
            (CLEAR_FLAGS, [_]) => Ok(Vec::new()),
            (GET_FLAGS, []) => Ok(vec![0]),
            (GET_MESSAGE | READ_EVENTS, []) => Err(Declined(NOTHING_WAITING)),
            (SELF_TEST | SET_ENABLES | GET_ENABLES | CLEAR_FLAGS, _)
            | (GET_FLAGS | GET_MESSAGE | READ_EVENTS, _) => Err(Declined(code::INVALID_LENGTH)),
            _ => Err(Declined(code::INVALID_COMMAND)),
        }
    }
}
