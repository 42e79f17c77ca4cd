//! What the agent tells: journal lines for scripts, log lines for people, last words for the next life.
//!
//! Everything here returns at once: what a slow disk or a stuck reader does not take is dropped and counted.

use core::fmt::{self, Write};
use heapless::String;
use palisade_agent_core::health::Answer;
use palisade_agent_core::news::News;
use palisade_agent_core::pet::Refusal;
use palisade_host::journal::{By, Event, Scribe, What};
use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{Verdict, Withheld};

use crate::last_words::LastWords;

/// Longest detail of a journal line.
const DETAIL_MAX: usize = 320;

/// The agent's three voices.
#[derive(Debug)]
pub(crate) struct Telling {
    node: std::string::String,
    names: Vec<(NodeId, std::string::String)>,
    scribe: Scribe,
    last_words: LastWords,
}

impl Telling {
    /// For `node`, in a cluster of `names`.
    pub(crate) const fn new(
        node: std::string::String,
        names: Vec<(NodeId, std::string::String)>,
        scribe: Scribe,
        last_words: LastWords,
    ) -> Self {
        Self { node, names, scribe, last_words }
    }

    /// Lines and words that were lost.
    pub(crate) fn dropped(&self) -> u64 {
        self.scribe.dropped().saturating_add(self.last_words.lost())
    }

    /// Writes one journal line.
    pub(crate) fn note(&self, at: Instant, what: What, detail: fmt::Arguments<'_>) {
        let mut text: String<DETAIL_MAX> = String::new();
        // Failure means that the rest did not fit.
        text.write_fmt(detail).ok();
        self.scribe.note(&Event {
            at,
            node: &self.node,
            by: By::Agent,
            what,
            target: None,
            detail: &text,
        });
    }

    /// Somebody has to look.
    pub(crate) fn alarm(&self, at: Instant, what: fmt::Arguments<'_>) {
        log::error!("{what}");
        self.note(at, What::Alarm, what);
    }

    /// A pet of an armed watchdog is refused, for a reason that is new.
    pub(crate) fn refused(&mut self, at: Instant, refusal: &Refusal) {
        log::error!("the watchdog is not petted: {refusal}");
        self.note(at, What::RefusedPet, format_args!("{refusal}"));
        self.last_words.say(at, format_args!("refused a pet: {refusal}"));
    }

    /// Says what the next life should read.
    pub(crate) fn remember(&mut self, at: Instant, what: fmt::Arguments<'_>) {
        self.last_words.say(at, what);
    }

    /// Tells one change.
    pub(crate) fn news(&mut self, at: Instant, news: &News) {
        match *news {
            News::QuorumGained => {
                log::info!("quorum: a majority of the fencers grants leases");
                self.note(at, What::Quorum, format_args!("gained"));
            }
            News::QuorumLost { granted, needed } => {
                log::error!(
                    "quorum lost: {granted} of {needed} needed grant leases; the watchdog will bite"
                );
                self.note(at, What::Quorum, format_args!("lost: {granted} of {needed} needed"));
            }
            News::Admitted { voter } => {
                log::info!("admitted by {}", self.name(voter));
                self.note(at, What::Admitted, format_args!("by {}", self.name(voter)));
            }
            News::Withheld { voter, why } => self.withheld(at, voter, why),
            News::TwinVoter { voter } => {
                self.alarm(
                    at,
                    format_args!("two fencers claim to be {}'s; stop one", self.name(voter)),
                );
            }
            News::Health { verdict, answer } => self.health(at, verdict, answer),
            News::Stalled { late_by } => {
                log::warn!(
                    "the loop came {} ms late; what held this machine up?",
                    late_by.as_millis()
                );
            }
            News::TakeoverRequested => {
                log::error!("the service has failed: the fencers are asked to take over");
                self.last_words.say(
                    at,
                    format_args!("asked the fencers to take over: the service has failed"),
                );
            }
            News::FencingSelf(reason) => {
                log::error!("this machine ends its own life: {reason}");
                self.note(at, What::SelfReset, format_args!("{reason}"));
                self.last_words.say(at, format_args!("ended this life: {reason}"));
            }
            News::LeaveRefused => {
                log::error!(
                    "not leaving: the service's check is armed here; disarm it first, then leave"
                );
            }
            News::Leaving => {
                log::info!("leaving: the lease is given up, waiting for a majority to note it");
            }
            News::Left => {
                log::info!("left: a majority has noted it");
                self.last_words.say(at, format_args!("left the cluster in order"));
            }
        }
    }

    fn withheld(&self, at: Instant, voter: NodeId, why: Withheld) {
        let name = self.name(voter);
        match why {
            Withheld::BootHold | Withheld::Amnesia | Withheld::Fencing => {
                log::info!("{name} does not grant a lease yet: {why:?}");
                self.note(at, What::Declined, format_args!("{name} does not grant yet: {why:?}"));
            }
            Withheld::Condemned | Withheld::Twin | Withheld::Stranger => {
                self.alarm(at, format_args!("{name} does not grant a lease: {why:?}"));
            }
        }
    }

    fn health(&self, at: Instant, verdict: Verdict, answer: Option<Answer>) {
        let because: &dyn fmt::Debug = match &answer {
            Some(answer) => answer,
            None => &"no answer in its time",
        };
        match verdict {
            Verdict::Down => self.alarm(at, format_args!("the service has failed: {because:?}")),
            Verdict::Grace => log::warn!("the service is given time: {because:?}"),
            Verdict::Up => log::info!("the service is healthy: {because:?}"),
            Verdict::Unknown | Verdict::Idle => log::info!("the service's health is {verdict:?}"),
        }
    }

    fn name(&self, node: NodeId) -> &str {
        let known = self.names.iter().find(|(id, _)| *id == node);
        known.map_or("an unknown node", |(_, name)| name.as_str())
    }
}
