//! What somebody should do about a status: one sentence per trouble, the most urgent first.
//!
//! Pure: the same status gives the same advice. Never says that a node is dead unless it is proven.

use super::{
    BmcStatus, CaseStatus, End, Heard, Member, MemberState, NodeStatus, Stand, Status, span,
};

/// A link on which a peer was not heard for this long is named as lost, if another link hears it.
const LINK_SILENT_MS: u64 = 2_000;

/// From this loss on a link is named as bad: one frame in twenty.
const LOSS_BAD_PERMILLE: u16 = 50;

/// What to do, most urgent first; empty when all is well.
pub fn advice(status: &Status) -> Vec<String> {
    let mut all = quorum(status);
    all.extend(status.cases.iter().map(|case| open_case(status, case)));
    all.extend(status.nodes.iter().filter_map(|node| stuck(status, node)));
    all.extend(status.nodes.iter().filter_map(unfenceable));
    all.extend(status.nodes.iter().filter_map(unhealthy));
    all.extend(status.nodes.iter().flat_map(weak));
    all.extend(status.nodes.iter().flat_map(|node| links(status, node)));
    all.extend(strange_keys(status));
    all
}

fn quorum(status: &Status) -> Vec<String> {
    let (heard, needed) = (status.voters_heard, status.majority());
    let mut all = Vec::new();
    if heard < needed {
        all.push(format!(
            "no majority: {heard} of {} fencers heard, {needed} needed; nobody can be fenced and leases \
             run out; look at the links below and at palisade-fencer on the silent nodes",
            status.voters
        ));
    }
    if status.stand == Stand::Holding {
        all.push(
            "wait: this fencer has just started and keeps the promises of its former run".into(),
        );
    }
    all
}

fn open_case(status: &Status, case: &CaseStatus) -> String {
    let CaseStatus { node, state, since_ms, .. } = case;
    let power = status.node(node).and_then(|node| node.bmc.as_ref()).and_then(|bmc| bmc.ready);
    match power {
        Some(false) => format!(
            "{node}: {state} for {}, and its BMC does not obey; if you are standing before it and it is \
             off: palisade confirm {node} --by YOUR-NAME",
            span(*since_ms)
        ),
        Some(true) | None => format!("{node}: {state}, begun {} ago; wait", span(*since_ms)),
    }
}

/// A node whose case is over without proof.
fn stuck(status: &Status, node: &NodeStatus) -> Option<String> {
    let verdict = node.verdict.as_ref()?;
    if status.case(&node.name).is_some() || is_member(node) {
        return None;
    }
    let name = &node.name;
    match verdict.end {
        End::Fenced => None,
        End::Failed => Some(format!(
            "{name}: not fenced ({}); make sure that it is off, then: palisade confirm {name} --by \
             YOUR-NAME",
            verdict.detail
        )),
        End::Declined => Some(format!(
            "{name}: fencing was declined ({}); if it must be: palisade fence {name} --why REASON",
            verdict.detail
        )),
    }
}

fn is_member(node: &NodeStatus) -> bool {
    node.member.as_ref().is_some_and(|member| member.state == MemberState::Member)
}

fn unfenceable(node: &NodeStatus) -> Option<String> {
    let member = node.member.as_ref()?;
    let name = &node.name;
    match (&node.bmc, member.lease_proof) {
        (Some(BmcStatus { ready: Some(false), finding, .. }), proof) => Some(format!(
            "{name}: cannot be switched off now: {finding}{}",
            if proof { "; its watchdog still proves its death" } else { "" }
        )),
        (None, false) => Some(format!(
            "{name}: nobody could prove its death: it has no BMC and no certified physical watchdog; \
             add [node.bmc] or [[node.power]], or measure the watchdog and set certified = true"
        )),
        (None, true) | (Some(_), _) => None,
    }
}

fn weak(node: &NodeStatus) -> Vec<String> {
    let all = node.bmc.iter().flat_map(|bmc| &bmc.weaknesses);
    all.map(|weakness| format!("{}: {weakness}", node.name)).collect()
}

fn unhealthy(node: &NodeStatus) -> Option<String> {
    let member = node.member.as_ref()?;
    let name = &node.name;
    match member.state {
        MemberState::Unseen => Some(format!(
            "{name}: its agent was never heard; on it: systemctl status palisade-agent"
        )),
        MemberState::Member => disarmed(name, member),
        MemberState::Silent | MemberState::Condemned | MemberState::Fenced | MemberState::Left => {
            None
        }
    }
}

fn disarmed(name: &str, member: &Member) -> Option<String> {
    let dog = member.dog.as_ref()?;
    (!dog.armed).then(|| format!("{name}: its watchdog is not armed; see the log of its agent"))
}

/// Links that are lost or bad while the peer is heard on another.
fn links(status: &Status, node: &NodeStatus) -> Vec<String> {
    let agent = node.member.iter().map(|member| ("agent", &member.heard));
    let fencer = node.voter.iter().map(|voter| ("fencer", &voter.heard));
    agent.chain(fencer).flat_map(|(who, heard)| bad_links(status, &node.name, who, heard)).collect()
}

fn bad_links(status: &Status, name: &str, who: &str, heard: &[Heard]) -> Vec<String> {
    if !heard.iter().any(is_fresh) {
        return Vec::new();
    }
    let named = heard.iter().zip(&status.links);
    named.filter_map(|(heard, link)| bad_link(heard, link, name, who)).collect()
}

fn bad_link(heard: &Heard, link: &str, name: &str, who: &str) -> Option<String> {
    if !is_fresh(heard) {
        let since = heard.last_ms.map_or("never".to_owned(), |ms| format!("{} ago", span(ms)));
        return Some(format!(
            "link {link} from {name} ({who}) is lost, last heard {since}; check cable, switch and \
             firewall before the other link fails too"
        ));
    }
    let loss = heard.loss_permille.filter(|loss| *loss >= LOSS_BAD_PERMILLE)?;
    Some(format!("link {link} from {name} ({who}) loses {}; check cable and switch", percent(loss)))
}

/// Wrong tags while somebody was never heard: their key is not the one in the configuration.
fn strange_keys(status: &Status) -> Option<String> {
    let mute =
        |heard: &[Heard]| !heard.is_empty() && heard.iter().all(|link| link.last_ms.is_none());
    let is_mute = |node: &&NodeStatus| {
        node.member.as_ref().is_some_and(|member| mute(&member.heard))
            || node.voter.as_ref().is_some_and(|voter| mute(&voter.heard))
    };
    let mute: Vec<&str> =
        status.nodes.iter().filter(is_mute).map(|node| node.name.as_str()).collect();
    let forged = status.dropped.forged;
    (forged > 0 && !mute.is_empty()).then(|| {
        format!(
            "{forged} datagrams with a wrong tag were dropped, and nothing was ever heard from {}: compare \
             public_key with the key files, and the configuration files with each other",
            mute.join(", ")
        )
    })
}

fn is_fresh(heard: &Heard) -> bool {
    heard.last_ms.is_some_and(|ms| ms < LINK_SILENT_MS)
}

/// Thousandths as per cent.
pub(super) fn percent(permille: u16) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::super::{Dog, Verdict, Voter};
    use super::*;

    #[test]
    fn a_cluster_that_is_well_needs_nothing() {
        assert_eq!(advice(&well()), Vec::<String>::new());
    }

    #[test]
    fn a_lost_link_is_named_while_the_other_still_hears() {
        let mut status = well();
        status.nodes[0].member.as_mut().unwrap().heard[1].last_ms = Some(9_000);
        let said = advice(&status);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("link ring1 from node1 (agent) is lost"), "{said:?}");
    }

    #[test]
    fn a_weak_way_to_power_is_said_until_it_is_mended() {
        let mut status = well();
        status.nodes[0].bmc.as_mut().unwrap().weaknesses.push("anyone is believed".into());
        assert_eq!(advice(&status), ["node1: anyone is believed"]);
    }

    #[test]
    fn a_minority_comes_first() {
        let mut status = well();
        status.voters_heard = 1;
        status.nodes[0].bmc.as_mut().unwrap().ready = Some(false);
        assert!(advice(&status)[0].starts_with("no majority: 1 of 3"), "{:?}", advice(&status));
    }

    #[test]
    fn a_failed_fencing_asks_for_a_human_by_name() {
        let mut status = well();
        let node = &mut status.nodes[0];
        node.member.as_mut().unwrap().state = MemberState::Condemned;
        node.verdict = Some(Verdict { end: End::Failed, detail: "bmc silent".into(), at_ns: 1 });
        assert!(
            advice(&status)[0].contains("palisade confirm node1 --by"),
            "{:?}",
            advice(&status)
        );
    }

    #[test]
    fn a_member_that_is_back_is_not_held_against_its_last_case() {
        let mut status = well();
        status.nodes[0].verdict =
            Some(Verdict { end: End::Failed, detail: "bmc silent".into(), at_ns: 1 });
        assert_eq!(advice(&status), Vec::<String>::new());
    }

    #[test]
    fn a_wrong_key_is_told_from_a_dead_node() {
        let mut status = well();
        let heard = &mut status.nodes[0].member.as_mut().unwrap().heard;
        heard.iter_mut().for_each(|link| link.last_ms = None);
        let silent = advice(&status);
        assert!(silent.iter().all(|line| !line.contains("public_key")), "{silent:?}");
        status.dropped.forged = 40;
        assert!(advice(&status)[0].contains("public_key"), "{:?}", advice(&status));
    }

    fn well() -> Status {
        let fresh = || Heard { last_ms: Some(12), loss_permille: Some(0) };
        let member = Member {
            state: MemberState::Member,
            lease_left_ms: Some(1_580),
            dog: Some(Dog {
                armed: true,
                class: "physical".into(),
                fire_ms: 1_000,
                certified: true,
            }),
            lease_proof: true,
            heard: vec![fresh(), fresh()],
            ..Member::default()
        };
        let node = NodeStatus {
            name: "node1".into(),
            id: 1,
            member: Some(member),
            voter: Some(Voter { me: true, heard_now: true, ..Voter::default() }),
            bmc: Some(BmcStatus { ready: Some(true), ..BmcStatus::default() }),
            verdict: None,
        };
        Status {
            cluster: "pair".into(),
            voters: 3,
            voters_heard: 3,
            stand: Stand::Serving,
            links: vec!["ring0".into(), "ring1".into()],
            nodes: vec![node],
            ..Status::default()
        }
    }
}
