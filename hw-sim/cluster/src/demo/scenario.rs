//! What can be played: each scenario is a script of acts and the end it must come to.
//!
//! A table; carries nothing out and judges nothing.

use super::chance::Chance;
use super::node::Node;
use palisade_protocol::time::Duration;

/// One thing the simulator does to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Every process of the victim dies; its BMC and its mains live.
    Crash,
    /// The victim and its BMC lose their mains together.
    LoseMains,
    /// The mains of the victim come back.
    MainsBack,
    /// Every machine loses its mains.
    LoseAllMains,
    /// The mains of every machine come back.
    AllMainsBack,
    /// The victim's agent is stopped (SIGSTOP).
    StopAgent,
    /// From now on the victim's BMC holds the power button for seconds before power goes.
    HoldPowerButton,
    /// The service on the victim answers 500 ERROR.
    ServiceFails,
    /// The service on the victim accepts connections and says nothing.
    ServiceFreezes,
    /// The service on the victim answers again.
    ServiceThaws,
    /// The victim neither hears nor is heard, on every link.
    Isolate,
    /// The victim hears but is not heard, on every link.
    Mute,
    /// One link of the victim is cut, both ways.
    CutLink,
    /// Every link carries again.
    Heal,
    /// The victim's fencer dies (SIGKILL).
    KillFencer,
    /// The victim's fencer is started again.
    StartFencer,
    /// The fencer of the machine so many places after the victim is stopped cleanly and started.
    UpgradeFencer(u8),
    /// The agent of the machine so many places after the victim leaves and is started again.
    UpgradeAgent(u8),
    /// Recorded datagrams of the victim are sent once more, as somebody on the wire could.
    Replay,
}

impl Act {
    /// In words, for acts that follow the fault.
    pub const fn aftermath(self) -> Option<&'static str> {
        match self {
            Self::MainsBack | Self::AllMainsBack => Some("the mains are back"),
            Self::ServiceThaws => Some("the service answers again"),
            Self::Heal => Some("the links carry again"),
            Self::StartFencer => Some("the fencer is started again"),
            Self::HoldPowerButton => Some("its BMC is one that holds the power button for seconds"),
            Self::Replay => Some("recorded datagrams of the victim are sent once more"),
            Self::Crash
            | Self::LoseMains
            | Self::LoseAllMains
            | Self::StopAgent
            | Self::ServiceFails
            | Self::ServiceFreezes
            | Self::Isolate
            | Self::Mute
            | Self::CutLink
            | Self::KillFencer
            | Self::UpgradeFencer(_)
            | Self::UpgradeAgent(_) => None,
        }
    }
}

/// An act and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds after the fault.
    pub at_ms: u32,
    /// What is done.
    pub act: Act,
}

/// The kind of proof that must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofKind {
    /// Read off twice by a fencer.
    PowerOff,
    /// Every promise to the node is over and its watchdog is trusted.
    LeaseExpired,
    /// Whichever is first: every promise is over, or the node is heard in its next life.
    LeaseExpiredOrReborn,
}

/// Where a scenario must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The victim is fenced, the standby serves, the victim is a member again.
    Replaced(ProofKind),
    /// Nobody is fenced and the service stays where it is.
    Spared(Sign),
    /// Everybody starts again, nobody is fenced, the service runs once.
    ColdStart,
}

/// What else must be seen when nobody is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Nothing in particular.
    Quiet,
    /// An event names the lost link.
    LinkNamed,
    /// The restarted daemons have begun again.
    BegunAgain,
}

/// Whom a scenario may hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The machine that runs the service.
    Owner,
    /// Any machine, as the seed says.
    Any,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The name on the command line.
    pub name: &'static str,
    /// One line for `--list`.
    pub about: &'static str,
    /// Whom it hits.
    pub victim: Victim,
    /// What is done, in order of time; the first step is the fault.
    pub script: &'static [Step],
    /// Where it must end.
    pub ending: Ending,
    /// Milliseconds after the fault before which it does not end.
    pub watch_ms: u32,
    /// Milliseconds after the fault after which the end has not been reached.
    pub patience_ms: u32,
}

impl Scenario {
    /// The scenario of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLE.iter().find(|scenario| scenario.name == name)
    }

    /// Who plays whom under `seed`.
    pub fn cast(&self, seed: u64) -> Cast {
        let mut chance = Chance::new(seed);
        let any = usize::try_from(chance.below(3)).ok().and_then(|n| Node::ALL.get(n).copied());
        let victim = match self.victim {
            Victim::Owner => Node::OWNER,
            Victim::Any => any.unwrap_or(Node::OWNER),
        };
        let link = if chance.below(2) == 0 { 0 } else { 1 };
        Cast { victim, link, delay: Duration::from_millis(chance.below(DELAY_MAX_MS)) }
    }

    /// Whether `act` is part of the script.
    pub fn does(&self, act: Act) -> bool {
        self.script.iter().any(|step| step.act == act)
    }

    /// Whether the end is reached at once or only after the time of watching.
    pub fn watch(&self) -> Duration {
        Duration::from_millis(self.watch_ms.into())
    }

    /// How long after the fault the end must be reached.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.into())
    }
}

/// What the seed decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// The machine that is hit.
    pub victim: Node,
    /// The link that is hit, where one is.
    pub link: usize,
    /// How long after readiness the fault strikes.
    pub delay: Duration,
}

/// The fault strikes within half a second of readiness: ten beats, so that every phase is met.
const DELAY_MAX_MS: u64 = 500;

const fn step(at_ms: u32, act: Act) -> Step {
    Step { at_ms, act }
}

/// A takeover in which the wire also repeats the victim's former words.
const fn takeover(
    name: &'static str,
    about: &'static str,
    script: &'static [Step],
    proof: ProofKind,
) -> Scenario {
    Scenario {
        name,
        about,
        victim: Victim::Owner,
        script,
        ending: Ending::Replaced(proof),
        watch_ms: 0,
        patience_ms: 15_000,
    }
}

/// A fault that must fence nobody.
const fn spared(
    name: &'static str,
    about: &'static str,
    victim: Victim,
    script: &'static [Step],
    sign: Sign,
    watch_ms: u32,
) -> Scenario {
    let patience_ms = watch_ms + 5_000;
    Scenario { name, about, victim, script, ending: Ending::Spared(sign), watch_ms, patience_ms }
}

/// From one fencer's restart to the next one's: the first must serve again, which it does after
/// `P`, or `P + W` if it has lost its memory.
const UPGRADE_MS: u32 = 4_000;

/// Every scenario, the default first.
pub const TABLE: &[Scenario] = &[
    takeover(
        "kill",
        "every process of the active node dies; its BMC lives",
        &[step(0, Act::Crash), step(150, Act::Replay)],
        ProofKind::PowerOff,
    ),
    takeover(
        "hang",
        "the active node's agent is stopped (SIGSTOP); its watchdog bites before its slow BMC obeys",
        &[step(0, Act::StopAgent), step(0, Act::HoldPowerButton), step(150, Act::Replay)],
        ProofKind::LeaseExpiredOrReborn,
    ),
    takeover(
        "status-error",
        "the service answers 500 ERROR; its own agent asks to be taken over",
        &[step(0, Act::ServiceFails)],
        ProofKind::PowerOff,
    ),
    spared(
        "status-stop-the-world",
        "the service says nothing for 350 ms (garbage collection), two checks at most; nobody is fenced",
        Victim::Owner,
        &[step(0, Act::ServiceFreezes), step(350, Act::ServiceThaws)],
        Sign::Quiet,
        3_000,
    ),
    takeover(
        "partition",
        "the active node is cut off from the other two on both links",
        &[step(0, Act::Isolate), step(150, Act::Replay), step(2_500, Act::Heal)],
        ProofKind::PowerOff,
    ),
    spared(
        "one-link",
        "one of a node's two links is cut; nobody is fenced and the link is named",
        Victim::Any,
        &[step(0, Act::CutLink), step(3_000, Act::Heal)],
        Sign::LinkNamed,
        4_000,
    ),
    takeover(
        "one-way",
        "the active node hears but is not heard, on both links",
        &[step(0, Act::Mute), step(150, Act::Replay), step(2_500, Act::Heal)],
        ProofKind::PowerOff,
    ),
    takeover(
        "bmc-dead",
        "the active node and its BMC lose power together; the expired lease is the proof",
        &[step(0, Act::LoseMains), step(150, Act::Replay), step(3_500, Act::MainsBack)],
        ProofKind::LeaseExpired,
    ),
    spared(
        "voter-restart",
        "one of three fencers dies and is started again; nobody is fenced",
        Victim::Any,
        &[step(0, Act::KillFencer), step(300, Act::StartFencer)],
        Sign::BegunAgain,
        5_000,
    ),
    Scenario {
        name: "reboot-all",
        about: "all three nodes lose power and come back; nobody is fenced, one serves",
        victim: Victim::Owner,
        script: &[step(0, Act::LoseAllMains), step(500, Act::AllMainsBack)],
        ending: Ending::ColdStart,
        watch_ms: 5_000,
        patience_ms: 15_000,
    },
    spared(
        "rolling-upgrade",
        "every daemon is restarted, one after another, the owner's agent too; nobody is fenced",
        Victim::Any,
        &[
            step(0, Act::UpgradeFencer(0)),
            step(UPGRADE_MS, Act::UpgradeFencer(1)),
            step(2 * UPGRADE_MS, Act::UpgradeFencer(2)),
            step(3 * UPGRADE_MS, Act::UpgradeAgent(0)),
            step(3 * UPGRADE_MS + 1_500, Act::UpgradeAgent(1)),
            step(3 * UPGRADE_MS + 3_000, Act::UpgradeAgent(2)),
        ],
        Sign::BegunAgain,
        3 * UPGRADE_MS + 5_000,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_the_contract_is_there_and_kill_is_the_default() {
        let contract = "kill hang status-error status-stop-the-world partition one-link one-way \
                        bmc-dead voter-restart reboot-all rolling-upgrade";
        let names: Vec<_> = TABLE.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names, contract.split_whitespace().collect::<Vec<_>>());
        assert_eq!(names[0], "kill");
    }

    #[test]
    fn a_script_begins_with_the_fault_and_goes_on_in_order() {
        for scenario in TABLE {
            assert_eq!(scenario.script[0].at_ms, 0, "{}", scenario.name);
            assert!(scenario.script.is_sorted_by_key(|step| step.at_ms), "{}", scenario.name);
            assert!(scenario.watch_ms < scenario.patience_ms, "{}", scenario.name);
        }
    }

    #[test]
    fn the_owner_is_hit_where_the_service_must_move() {
        for scenario in TABLE {
            if let Ending::Replaced(_) = scenario.ending {
                assert_eq!(scenario.victim, Victim::Owner, "{}", scenario.name);
            }
        }
    }

    #[test]
    fn the_seed_decides_whom_one_link_hits() {
        let scenario = Scenario::named("one-link").unwrap();
        let victims: std::collections::BTreeSet<_> =
            (0..40).map(|seed| scenario.cast(seed).victim).collect();
        assert_eq!(victims.len(), 3);
        assert_eq!(scenario.cast(3), scenario.cast(3));
    }
}
