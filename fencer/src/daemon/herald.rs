//! The core's news in words: which event of the journal, about whom, what it says, who should care.
//!
//! Pure. Never says more than the core knows.

use log::Level;
use palisade_fencer_core::news::{Alarm, News, Refused};
use palisade_host::journal::What;
use palisade_protocol::ids::NodeId;
use palisade_protocol::wire::Why;

use super::names::Names;

/// One line for the journal and the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) what: What,
    pub(super) target: Option<NodeId>,
    pub(super) detail: String,
    pub(super) level: Level,
}

/// The line for a piece of news; nothing for what only the log is told (see [`aside`]) or what is
/// told with its proof.
pub(super) fn line(news: &News, names: &Names) -> Option<Line> {
    let (what, target, detail, level) = match news {
        News::Admitted { node, boot, rejoined } => {
            let again = if *rejoined { "again, after it was fenced; " } else { "" };
            (What::Admitted, Some(*node), format!("{again}boot {boot}"), Level::Info)
        }
        News::Left { node } => {
            (What::Lost, Some(*node), "left: gave its lease up".to_owned(), Level::Info)
        }
        News::Suspected { target, silent_for } => {
            let detail = format!("silent for {} ms", silent_for.as_millis());
            (What::Suspected, Some(*target), detail, Level::Warn)
        }
        News::Cleared { target } => (
            What::Rejoined,
            Some(*target),
            "heard again, nobody had agreed".to_owned(),
            Level::Info,
        ),
        News::Ordered { target, why } => {
            (What::Suspected, Some(*target), format!("ordered: {}", because(*why)), Level::Warn)
        }
        News::OrderRefused { target, because } => {
            (What::Declined, Some(*target), refusal(*because).to_owned(), Level::Warn)
        }
        News::Warranted { target, boot, votes } => {
            let detail = format!("{votes} voters agree; boot {boot}");
            (What::Warrant, Some(*target), detail, Level::Warn)
        }
        News::OffVerified { target } => {
            (What::OffVerified, Some(*target), "read off twice".to_owned(), Level::Info)
        }
        News::OnVerified { target } => {
            (What::OnVerified, Some(*target), "read on".to_owned(), Level::Info)
        }
        News::Failed { target } => (What::Alarm, Some(*target), UNPROVEN.to_owned(), Level::Error),
        News::VoterHeard { voter } => {
            (What::Rejoined, Some(*voter), "its fencer is heard".to_owned(), Level::Info)
        }
        News::VoterLost { voter } => {
            (What::Lost, Some(*voter), "its fencer is no longer heard".to_owned(), Level::Warn)
        }
        News::LinkLost { peer, link } => {
            let detail = format!("link {} from the {}", names.link(*link), names.peer(*peer));
            (What::Lost, Some(peer.node), detail, Level::Warn)
        }
        News::LinkBack { peer, link } => {
            let detail = format!("link {} from the {}", names.link(*link), names.peer(*peer));
            (What::Rejoined, Some(peer.node), detail, Level::Info)
        }
        News::Alarm(alarm) => {
            let (target, detail) = alarmed(*alarm, names);
            (What::Alarm, target, detail, Level::Error)
        }
        News::HoldOver => (
            What::Quorum,
            None,
            "hold after the start is over: grants and agrees".into(),
            Level::Info,
        ),
        News::Fenced { .. } | News::Stalled { .. } => return None,
    };
    Some(Line { what, target, detail, level })
}

/// What only the log is told.
pub(super) fn aside(news: &News) -> Option<String> {
    if let News::Stalled { late_by } = news {
        let late = late_by.as_millis();
        Some(format!(
            "this loop came {late} ms late: silence counts anew; is the machine overloaded?"
        ))
    } else {
        None
    }
}

/// Why a case ends without a proof that will come by itself; nothing for other news.
pub(super) fn setback(news: &News) -> Option<(NodeId, &'static str)> {
    if let News::Failed { target } = news {
        Some((*target, UNPROVEN))
    } else if let News::Alarm(Alarm::FenceLoop { target }) = news {
        Some((*target, FENCE_LOOP))
    } else if let News::Alarm(Alarm::TooMany { target }) = news {
        Some((*target, TOO_MANY))
    } else {
        None
    }
}

const UNPROVEN: &str = "not proven dead: its BMC does not obey and its lease proves nothing; it is tried \
                        on; if it is off, confirm it by name";

const FENCE_LOOP: &str = "fenced too often within an hour: left alone until somebody orders it; find out \
                          why it fails";

const TOO_MANY: &str = "more nodes are lost at once than fences_at_once_max: it waits; look at the \
                        network first";

/// Why a life is to be ended, in words.
pub(super) const fn because(why: Why) -> &'static str {
    match why {
        Why::Silence => "silence",
        Why::Operator => "the operator",
        Why::Health => "its service failed and could not be helped",
    }
}

/// Why an order is refused, and what to do.
pub(super) const fn refusal(refused: Refused) -> &'static str {
    match refused {
        Refused::Unknown => "it runs no agent: there is no lease to end",
        Refused::NeverSeen => "no life of it was seen since this fencer started: nothing to end",
        Refused::NotFromHere => {
            "this node is the target, or is condemned itself: order it on another node"
        }
        Refused::StillHeard => {
            "its agent was heard a moment ago: it is not dead; look again which machine is off"
        }
        Refused::TooMany => {
            "as many fences as fences_at_once_max are under way: wait for their end"
        }
    }
}

fn alarmed(alarm: Alarm, names: &Names) -> (Option<NodeId>, String) {
    match alarm {
        Alarm::Twin { peer } => (
            Some(peer.node),
            format!("two processes claim to be the {}: stop one, or correct its --node", names.peer(peer)),
        ),
        Alarm::Zombie { node } => (
            Some(node),
            "a life that was proven over still speaks: cut its power by hand, then look for the reason"
                .to_owned(),
        ),
        Alarm::ConfigDiffers { peer } => (
            Some(peer.node),
            format!("the {} has another configuration: copy the file, restart it", names.peer(peer)),
        ),
        Alarm::FenceLoop { target } => (Some(target), FENCE_LOOP.to_owned()),
        Alarm::TooMany { target } => (Some(target), TOO_MANY.to_owned()),
        Alarm::DiskFailed => {
            (None, "a condemnation could not be written: this voter cannot agree; mend the disk".to_owned())
        }
        Alarm::StaysOff { target } => {
            (Some(target), "it does not come up again: switch it on by hand, look at its BMC".to_owned())
        }
    }
}
