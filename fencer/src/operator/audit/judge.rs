//! What the facts mean, and what to do about them. Pure: nothing is asked here.

use palisade_ipmi::watchdog::TimeoutAction;

use super::finding::{Finding, Grade};
use super::gather::{Facts, Seen};
use crate::power::{
    BmcConfig, PowerError, PowerErrorKind, Privilege, RestorePolicy, Suite, TimerState,
};

/// Bits of the logins that a BMC says it has. [IPMI2 §22.13]
const ANONYMOUS: u8 = 0x01;
const NULL_USERS: u8 = 0x02;

/// Suites without authentication, without integrity, or readable by anybody. [IPMI2 §22.15.2]
const WEAK: [u8; 6] = [0, 1, 6, 11, 2, 7];

/// Every line about a BMC. `stays_off`: a fenced node is not powered on again by the fencers.
pub(super) fn findings(config: &BmcConfig, facts: &Facts, stays_off: bool) -> Vec<Finding> {
    let seen = &facts.seen;
    vec![
        login(seen),
        suites(config, facts),
        suite_zero(facts),
        anonymous(facts),
        privilege(config, facts),
        restore(seen, stays_off),
        identity(config, seen),
        watchdog(seen),
    ]
}

/// The only line about a BMC that did not let us in.
pub(super) fn locked_out(error: &PowerError) -> Finding {
    if error.is_definite() || error.kind() == PowerErrorKind::PortRefused {
        return Finding::failed("login", error);
    }
    Finding::unknown("login", error)
}

fn login(seen: &Seen) -> Finding {
    let ms = |span: std::time::Duration| span.as_secs_f64() * 1e3;
    let Seen { suite, login, round_trip, .. } = seen;
    let says = format!("{suite}, in {:.1} ms; round trip {:.2} ms", ms(*login), ms(*round_trip));
    if seen.power.control_fault {
        let remedy = "look into the bmc's event log: it may not be able to switch power";
        return Finding::warned(
            "login",
            format!("{says}; the last attempt to switch power failed"),
            remedy,
        );
    }
    Finding::passed("login", says)
}

fn suites(config: &BmcConfig, facts: &Facts) -> Finding {
    const CHECK: &str = "suites";
    let work = joined(facts.suites.work.iter().map(|suite| suite.id()));
    let list = match &facts.doors.listed {
        Ok(ids) if ids.is_empty() => "it lists none".to_owned(),
        Ok(ids) => format!("it lists {}", joined(ids.iter().copied())),
        Err(unsaid) => format!("which it lists is not known: {unsaid}"),
    };
    let unknown = facts.suites.unknown.iter().map(|(suite, error)| format!("; {suite}: {error}"));
    let says = format!("{work} worked; {list}{}", unknown.collect::<String>());
    let remedy = suite_remedy(config, facts);
    let grade = match remedy {
        _ if facts.doors.listed.is_err() || !facts.suites.unknown.is_empty() => Grade::Unknown,
        Some(_) => Grade::Warn,
        None => Grade::Pass,
    };
    Finding { check: CHECK, grade, says, remedy: remedy.unwrap_or_default().to_owned() }
}

/// What is to be done about the suites, as far as they are known.
fn suite_remedy(config: &BmcConfig, facts: &Facts) -> Option<&'static str> {
    let lists = |wanted: &dyn Fn(u8) -> bool| {
        facts.doors.listed.as_ref().is_ok_and(|ids| ids.iter().any(|id| wanted(*id)))
    };
    let works = facts.suites.work.contains(&Suite::Sha256);
    let is_known = facts.suites.unknown.iter().all(|(suite, _)| *suite != Suite::Sha256);
    if !works && is_known && lists(&|id| id == Suite::Sha256.id()) {
        return Some(
            "it lists cipher suite 17 (sha256) and does not open it: update the firmware, and make \
             sure that nobody on the way changes packets: audit from the bmc's own network",
        );
    }
    if !works && is_known {
        return Some("enable cipher suite 17 (sha256) if the firmware has it, or update it");
    }
    if works && !config.suites.contains(&Suite::Sha256) {
        return Some("put 17 first into suites of [node.bmc]");
    }
    lists(&|id| id != 0 && WEAK.contains(&id))
        .then_some("disable the suites without integrity or encryption on the lan channel")
}

fn suite_zero(facts: &Facts) -> Finding {
    const CHECK: &str = "suite 0";
    let remedy = "disable cipher suite 0 on the lan channel: with it anybody who reaches the bmc can \
                  switch power without a password";
    match &facts.doors.suite_zero {
        Ok(true) => {
            Finding::warned(CHECK, "an open session without authentication was granted", remedy)
        }
        Ok(false) => Finding::passed(CHECK, "refused"),
        Err(unsaid) => Finding::unknown(CHECK, unsaid),
    }
}

fn anonymous(facts: &Facts) -> Finding {
    const CHECK: &str = "anonymous";
    let remedy = "disable the users without a name on the lan channel, or give them passwords and no \
                  privilege";
    let logins = match &facts.doors.logins {
        Ok(says) => says.logins,
        Err(unsaid) => return Finding::unknown(CHECK, unsaid),
    };
    match (logins & ANONYMOUS != 0, logins & NULL_USERS != 0) {
        (true, _) => {
            Finding::warned(CHECK, "it says that it has a login without name and password", remedy)
        }
        (false, true) => {
            Finding::warned(CHECK, "it says that it has a login without a name", remedy)
        }
        (false, false) => Finding::passed(CHECK, "it says that it has none"),
    }
}

fn privilege(config: &BmcConfig, facts: &Facts) -> Finding {
    const CHECK: &str = "privilege";
    match &facts.may_be_admin {
        Ok(true) if config.privilege == Privilege::Admin => Finding::warned(
            CHECK,
            "admin, as configured; operator is enough to switch power",
            "give the account operator privilege, and say privilege = \"operator\"",
        ),
        Ok(true) => Finding::warned(
            CHECK,
            "the account may be admin; operator is enough to switch power",
            "lower the account to operator: a leaked password then cannot add users",
        ),
        Ok(false) => Finding::passed(CHECK, "operator; more is refused"),
        Err(error) => Finding::unknown(CHECK, format!("whether it may be admin: {error}")),
    }
}

/// When this matters: a node that is fenced is off because nobody may use what it owned.
fn restore(seen: &Seen, stays_off: bool) -> Finding {
    const CHECK: &str = "restore";
    let policy = seen.power.restore_policy;
    let remedy = "ipmitool chassis policy always-off";
    match policy {
        RestorePolicy::StayOff => {
            Finding::passed(CHECK, format!("{policy}: a fenced node stays off after a power cut"))
        }
        RestorePolicy::AlwaysOn if stays_off => Finding::warned(
            CHECK,
            format!("{policy}: a power cut powers a fenced node on, against power_on = false"),
            remedy,
        ),
        RestorePolicy::AlwaysOn => Finding::warned(
            CHECK,
            format!(
                "{policy}: a power cut powers a fenced node on before the fencers do; harmless only \
                 if its service waits for the lease"
            ),
            remedy,
        ),
        RestorePolicy::Previous => Finding::warned(
            CHECK,
            format!(
                "{policy}: a fenced node stays off, but one whose bmc lost mains with it, and that \
                 was proven dead by its lease, comes back by itself"
            ),
            remedy,
        ),
        RestorePolicy::Unknown => {
            Finding::unknown(CHECK, "the bmc does not know it; look into the firmware's setup")
        }
    }
}

fn identity(config: &BmcConfig, seen: &Seen) -> Finding {
    const CHECK: &str = "identity";
    let found = seen.guid;
    match config.guid {
        Some(pinned) if pinned == found => Finding::passed(CHECK, format!("{found}, as pinned")),
        Some(pinned) => Finding::failed(
            CHECK,
            format!(
                "another bmc: {found} answers where {pinned} is pinned; whoever fences this node \
                 would shoot another; correct the address, or after an exchange of hardware write \
                 guid = \"{found}\""
            ),
        ),
        None if found.is_blank() => Finding::warned(
            CHECK,
            "its guid is blank: nothing but the address tells it from another",
            "set one with the maker's tools",
        ),
        None => Finding {
            check: CHECK,
            grade: Grade::Pass,
            says: format!("{found}, not pinned"),
            remedy: format!("to pin it, write guid = \"{found}\" under [node.bmc]"),
        },
    }
}

fn watchdog(seen: &Seen) -> Finding {
    const CHECK: &str = "watchdog";
    match &seen.watchdog {
        Ok(timer) => timer_of(CHECK, timer),
        Err(error) if matches!(error.kind(), PowerErrorKind::Refused(_)) => {
            Finding::passed(CHECK, "the bmc has none")
        }
        Err(error) => Finding::unknown(CHECK, error),
    }
}

fn timer_of(check: &'static str, timer: &TimerState) -> Finding {
    let seconds = |tenths: u16| f64::from(tenths) / 10.0;
    if !timer.running {
        return Finding::passed(check, "not running");
    }
    let says = format!(
        "running, {:.1} s of {:.1} s left, then {}",
        seconds(timer.present),
        seconds(timer.initial),
        deed(timer.action)
    );
    match timer.action {
        Some(TimeoutAction::Reset | TimeoutAction::Off | TimeoutAction::Cycle) => {
            Finding::passed(check, says)
        }
        Some(TimeoutAction::None) | None => Finding::warned(
            check,
            says,
            "a watchdog without an action saves nobody: set reset or off where it is configured",
        ),
    }
}

const fn deed(action: Option<TimeoutAction>) -> &'static str {
    match action {
        Some(TimeoutAction::None) => "nothing",
        Some(TimeoutAction::Reset) => "reset",
        Some(TimeoutAction::Off) => "off",
        Some(TimeoutAction::Cycle) => "off and on",
        None => "something unknown",
    }
}

/// Such as `3, 17`.
fn joined(ids: impl Iterator<Item = u8>) -> String {
    let mut ids: Vec<u8> = ids.collect();
    ids.sort_unstable();
    let texts: Vec<String> = ids.iter().map(u8::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use palisade_ipmi::app::AuthCapabilities;

    use super::super::gather::{Doors, Suites};
    use super::super::unsaid::Unsaid;
    use super::*;
    use crate::power::{Guid, LastPowerEvent, Password, PowerStatus};

    fn config() -> BmcConfig {
        BmcConfig {
            address: "10.9.0.1:623".to_owned(),
            user: "palisade".to_owned(),
            password: Password::none(),
            privilege: Privilege::Operator,
            suites: vec![Suite::Sha256, Suite::Sha1],
            bmc_key: None,
            guid: None,
        }
    }

    fn facts(policy: RestorePolicy) -> Facts {
        let power = PowerStatus {
            on: true,
            passage: None,
            control_fault: false,
            restore_policy: policy,
            last_event: LastPowerEvent::default(),
        };
        let seen = Seen {
            address: "10.9.0.1:623".parse().unwrap(),
            suite: Suite::Sha256,
            guid: Guid([7, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
            login: Duration::from_millis(3),
            round_trip: Duration::from_millis(1),
            power,
            watchdog: Ok(TimerState {
                timer_use: None,
                running: true,
                dont_log: false,
                action: Some(TimeoutAction::None),
                pre_timeout: palisade_ipmi::watchdog::PreTimeout::default(),
                expired: 0,
                initial: 100,
                present: 73,
            }),
        };
        Facts {
            seen,
            suites: Suites { work: vec![Suite::Sha256, Suite::Sha1], unknown: Vec::new() },
            may_be_admin: Ok(false),
            doors: Doors {
                logins: Ok(AuthCapabilities { channel: 1, types: 0x80, logins: 4, extended: 2 }),
                listed: Ok(vec![3, 17]),
                suite_zero: Ok(false),
            },
        }
    }

    fn grade(facts: &Facts, check: &str) -> (Grade, String) {
        let all = findings(&config(), facts, false);
        let found = all.into_iter().find(|finding| finding.check == check).unwrap();
        (found.grade, found.says)
    }

    #[test]
    fn a_door_without_a_lock_is_warned_of() {
        let mut facts = facts(RestorePolicy::StayOff);
        facts.doors.suite_zero = Ok(true);
        facts.doors.logins =
            Ok(AuthCapabilities { channel: 1, types: 0x80, logins: 0x05, extended: 2 });
        facts.doors.listed = Ok(vec![0, 1, 17]);
        for check in ["suite 0", "anonymous", "suites"] {
            assert_eq!(grade(&facts, check).0, Grade::Warn, "{check}");
        }
    }

    #[test]
    fn what_was_not_found_out_never_passes() {
        let mut facts = facts(RestorePolicy::Unknown);
        facts.doors.suite_zero = Err(Unsaid::Silent);
        facts.doors.logins = Err(Unsaid::Declined(0xC1));
        facts.doors.listed = Err(Unsaid::Silent);
        for check in ["suite 0", "anonymous", "suites", "restore"] {
            assert_eq!(grade(&facts, check).0, Grade::Unknown, "{check}");
        }
    }

    #[test]
    fn power_that_comes_back_by_itself_is_explained() {
        for (policy, told) in [
            (RestorePolicy::AlwaysOn, "before the fencers do"),
            (RestorePolicy::Previous, "comes back by itself"),
        ] {
            let (grade, says) = grade(&facts(policy), "restore");
            assert_eq!(grade, Grade::Warn);
            assert!(says.contains(told), "{says}");
        }
    }

    #[test]
    fn a_watchdog_without_an_action_is_warned_of() {
        let (grade, says) = grade(&facts(RestorePolicy::StayOff), "watchdog");
        assert_eq!(grade, Grade::Warn);
        assert_eq!(says, "running, 7.3 s of 10.0 s left, then nothing");
    }

    #[test]
    fn a_suite_that_does_not_work_is_no_good_however_often_it_is_listed() {
        let mut facts = facts(RestorePolicy::StayOff);
        facts.suites.work = vec![Suite::Sha1];
        let found = suites(&config(), &facts);
        assert_eq!((found.grade, found.says.as_str()), (Grade::Warn, "3 worked; it lists 3, 17"));
        assert!(found.remedy.contains("nobody on the way"), "{}", found.remedy);
    }
}
