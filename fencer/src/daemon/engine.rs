//! The core and everything that carries out what it wants: one input in, its effects out.
//!
//! Has no opinion: each effect is done once, each result is fed back as an input. A claim that a node is
//! fenced leaves this file only with the core's proof in hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use log::Level;
use palisade_fencer_core::news::{News, Refused};
use palisade_fencer_core::{Effects, FencerCore, Input, PowerAct, PowerOrder, Proof};
use palisade_host::clock;
use palisade_host::config::Cluster;
use palisade_host::journal::{By, Event, Scribe, What};
use palisade_protocol::ids::{LinkId, NodeId};
use palisade_protocol::span::Span;
use palisade_protocol::time::Instant;
use palisade_protocol::wire::{ProofKind, Why};

use super::desk::{Desk, Word};
use super::disk::{Disk, Written};
use super::herald::{self, Line};
use super::ledger::Ledger;
use super::mail::Mail;
use super::names::Names;
use super::raises::Raises;
use super::rehearsal::{Finding, Rehearsals};
use super::view::View;
use crate::hooks;
use crate::status::{End, Status};

/// Frames handled before everything else gets its turn again.
const BURST_MAX: usize = 64;

/// The parts of a running fencer.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) cluster: Arc<Cluster>,
    pub(super) me: NodeId,
    pub(super) names: Names,
    pub(super) core: FencerCore,
    pub(super) mail: Mail,
    pub(super) disk: Disk,
    pub(super) desk: Desk,
    pub(super) rehearsals: Rehearsals,
    pub(super) raises: Raises,
    pub(super) programs: hooks::Setting,
    pub(super) hooks: hooks::Running,
    pub(super) scribe: Scribe,
    pub(super) ledger: Ledger,
    pub(super) had_majority: bool,
}

/// Orders that were refused within one turn.
pub(super) type Refusals = BTreeMap<NodeId, Refused>;

impl Engine {
    /// Gives the core one input and does what it wants.
    pub(super) fn turn(&mut self, input: Input) -> Refusals {
        let now = clock::now();
        let mut effects = Effects::default();
        self.core.handle(now, input, &mut effects);
        self.carry_out(now, effects)
    }

    /// A deadline of the core has passed.
    pub(super) fn tick(&mut self) {
        self.read_all();
        self.turn(Input::Tick);
        let now = clock::now();
        let cases: Vec<NodeId> = self.core.cases().map(|case| case.target).collect();
        self.rehearsals.start_due(now, |node| cases.contains(&node));
        self.raise_due(now);
        self.watch_majority(now);
    }

    /// Hands over the frames that have arrived: whatever is decided next is decided knowing them.
    fn read_all(&mut self) {
        let links: Vec<LinkId> = self.mail.links().collect();
        links.into_iter().for_each(|link| self.read(link));
    }

    /// Hands over the frames that arrived on a link.
    pub(super) fn read(&mut self, link: LinkId) {
        for _ in 0..BURST_MAX {
            let Some(frame) = self.mail.take(link) else { return };
            self.turn(Input::Heard(frame));
        }
        self.mail.more(link);
    }

    /// A write of condemnations has ended.
    pub(super) fn written(&mut self, written: Written) {
        let version = written.version;
        self.turn(match written.result {
            Ok(()) => Input::Durable { version },
            Err(error) => {
                log::error!("{error}");
                Input::DurableFailed { version }
            }
        });
    }

    /// The power desk asks or tells.
    pub(super) fn hear(&mut self, word: Word) {
        match word {
            Word::Asking { order, reply } => {
                self.read_all();
                let now = clock::now();
                let warrant = self.core.warrant(now, order.id);
                if warrant.is_ok() {
                    self.leaving(now, order);
                }
                if reply.send(warrant).is_err() {
                    log::warn!("order {:?} was given up before its warrant came", order.id);
                }
            }
            Word::Ended { order, report, said } => {
                if self.ledger.say(order.id.target, &said) {
                    let name = self.names.node(order.id.target);
                    log::info!("{name}: power order {:?}: {said}", order.act);
                }
                self.turn(Input::Power { order: order.id, report });
            }
        }
    }

    /// A hook has ended.
    pub(super) fn hook_ended(&mut self, report: &hooks::Report) {
        let level = if report.outcome.is_done() { Level::Info } else { Level::Error };
        let detail = format!("{}: {}", report.occasion, report.outcome);
        let target = self.names.id(&report.target);
        self.note(clock::now(), &Line { what: What::Hook, target, detail, level });
    }

    /// A rehearsal has ended; a change is told.
    pub(super) fn rehearsed(&self, finding: &Finding, changed: bool) {
        let name = self.names.node(finding.node);
        match &finding.result {
            Ok(_) if changed => log::info!("{name}: its power can be cut again"),
            Ok((on, took)) => log::debug!("{name}: power on: {on}, in {}", Span(*took)),
            Err(error) if changed => log::error!("{name}: its power cannot be cut now: {error}"),
            Err(error) => log::debug!("{name}: {error}"),
        }
    }

    /// Notes something about this daemon itself.
    pub(super) fn note_own(&self, what: What, detail: &str) {
        let detail = detail.to_owned();
        self.note(clock::now(), &Line { what, target: None, detail, level: Level::Info });
    }

    pub(super) fn status(&self) -> Status {
        let view = View {
            cluster: &self.cluster,
            me: self.me,
            now: clock::now(),
            core: &self.core,
            ledger: &self.ledger,
            rehearsals: &self.rehearsals,
            dropped: self.mail.dropped(),
            raises: &self.raises,
            hooks_running: self.hooks.count(),
        };
        view.status()
    }

    fn carry_out(&mut self, now: Instant, effects: Effects) -> Refusals {
        let Effects { posts, persist, orders, news, proofs } = effects;
        for post in &posts {
            self.mail.send(post);
        }
        if let Some(state) = persist {
            self.disk.write(state);
        }
        for order in orders {
            self.desk.take(order);
        }
        let refusals = news.iter().filter_map(refused).collect();
        for news in &news {
            self.tell(now, news);
        }
        for proof in proofs {
            self.proven(now, proof);
        }
        refusals
    }

    fn tell(&mut self, now: Instant, news: &News) {
        if let Some(text) = herald::aside(news) {
            log::warn!("{text}");
        }
        if let Some(mut line) = herald::line(news, &self.names) {
            if let News::Ordered { target, why: Why::Operator } = news {
                line.detail +=
                    &self.ledger.wish(*target).map_or_else(String::new, |why| format!(": {why}"));
            }
            self.note(now, &line);
            self.remember(now, news, &line);
        }
        if *news == News::HoldOver {
            self.disk.begin_anew();
        }
    }

    /// Hooks and the ledger.
    fn remember(&mut self, now: Instant, news: &News, line: &Line) {
        let Some(target) = line.target else { return };
        let (name, detail) = (self.names.node(target), line.detail.as_str());
        let call = match news {
            News::Suspected { .. } => {
                self.ledger.begin(target, detail.to_owned());
                self.programs.lost(name, detail, now)
            }
            News::Ordered { .. } => {
                self.ledger.begin(target, detail.to_owned());
                None
            }
            News::Admitted { rejoined: true, .. } => self.programs.rejoined(name, detail, now),
            News::Cleared { .. } => {
                self.ledger.end(target, End::Declined, detail, now);
                None
            }
            News::Failed { .. } | News::Alarm(_) => self.set_back(now, news),
            News::Admitted { .. }
            | News::Left { .. }
            | News::OrderRefused { .. }
            | News::Warranted { .. }
            | News::OffVerified { .. }
            | News::Fenced { .. }
            | News::OnVerified { .. }
            | News::VoterHeard { .. }
            | News::VoterLost { .. }
            | News::LinkLost { .. }
            | News::LinkBack { .. }
            | News::HoldOver
            | News::Stalled { .. } => None,
        };
        call.into_iter().for_each(|call| self.hooks.start(call));
    }

    fn set_back(&mut self, now: Instant, news: &News) -> Option<hooks::Call> {
        let (target, why) = herald::setback(news)?;
        let end = if matches!(news, News::Failed { .. }) { End::Failed } else { End::Declined };
        self.ledger.end(target, end, why, now);
        self.programs.failed(self.names.node(target), why, now)
    }

    /// A life is proven over: journal, ledger, and the hook that may start its service elsewhere.
    fn proven(&mut self, now: Instant, proof: Proof) {
        let target = proof.target();
        let voucher = self.ledger.voucher(target).filter(|_| proof.kind() == ProofKind::Operator);
        let by = voucher.map_or(String::new(), |name| format!(" ({name})"));
        let detail = format!("{}{by}; boot {}", proof.evidence(), proof.boot());
        let what = What::Fenced;
        let line = Line { what, target: Some(target), detail, level: Level::Warn };
        self.note(now, &line);
        self.ledger.end(target, End::Fenced, &line.detail, now);
        let reason = self.ledger.reason(target).unwrap_or("found out by another fencer");
        let call = self.programs.fenced(proof, self.names.node(target), reason);
        call.into_iter().for_each(|call| self.hooks.start(call));
    }

    /// A power command leaves now.
    fn leaving(&self, now: Instant, order: PowerOrder) {
        let what = if order.act == PowerAct::Off { What::OffSent } else { What::OnSent };
        let target = Some(order.id.target);
        let detail = format!("order {} of case {}", order.id.number, order.id.case);
        self.note(now, &Line { what, target, detail, level: Level::Warn });
    }

    fn watch_majority(&mut self, now: Instant) {
        let (heard, needed) = self.core.quorum(now);
        let has_majority = heard >= needed;
        if has_majority == self.had_majority {
            return;
        }
        self.had_majority = has_majority;
        let (word, level) =
            if has_majority { ("majority", Level::Info) } else { ("NO majority", Level::Error) };
        let detail = format!("{word}: {heard} fencers heard, {needed} needed");
        self.note(now, &Line { what: What::Quorum, target: None, detail, level });
    }

    pub(super) fn note(&self, at: Instant, line: &Line) {
        let target = line.target.map(|node| self.names.node(node));
        let detail = line.detail.as_str();
        log::log!(line.level, "{:?} {}: {detail}", line.what, target.unwrap_or("-"));
        let node = self.names.node(self.me);
        // Counted by the scribe if its queue is full.
        self.scribe.note(&Event { at, node, by: By::Fencer, what: line.what, target, detail });
    }
}

fn refused(news: &News) -> Option<(NodeId, Refused)> {
    if let News::OrderRefused { target, because } = news { Some((*target, *because)) } else { None }
}
