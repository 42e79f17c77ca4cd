//! What the facts mean, and what to do about them. Pure: nothing is asked here.

use palisade_ipmi::watchdog::TimeoutAction;

use super::finding::{Finding, Grade};
use super::gather::{Facts, Seen};
use crate::power::{BmcConfig, PowerErrorKind, Privilege, RestorePolicy, Suite, TimerState};

/// Bits of the logins that a BMC says it has. [IPMI2 §22.13]
const ANONYMOUS: u8 = 0x01;
const NULL_USERS: u8 = 0x02;

/// Suites without authentication, without integrity, or readable by anybody. [IPMI2 §22.15.2]
const WEAK: [u8; 6] = [0, 1, 6, 11, 2, 7];

/// Every line about a BMC. `stays_off`: a fenced node is not powered on again by the fencers.
pub(super) fn findings(config: &BmcConfig, facts: &Facts, stays_off: bool) -> Vec<Finding> {
    let seen = match &facts.login {
        Ok(seen) => seen,
        Err(error) if error.is_definite() || error.kind() == PowerErrorKind::PortRefused => {
            return vec![Finding::failed("login", error)];
        }
        Err(error) => return vec![Finding::unknown("login", error)],
    };
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
    let work = joined(facts.suites_work.iter().map(|suite| suite.id()));
    let listed = facts.suites_listed.as_ref();
    let list = listed.map_or("it lists none".to_owned(), |ids| {
        format!("it lists {}", joined(ids.iter().copied()))
    });
    let says = format!("{work} worked; {list}");
    if !facts.suites_work.contains(&Suite::Sha256) {
        let remedy = "enable cipher suite 17 (sha256) if the firmware has it, or update it";
        return Finding::warned("suites", says, remedy);
    }
    if !config.suites.contains(&Suite::Sha256) {
        return Finding::warned("suites", says, "put 17 first into suites of [node.bmc]");
    }
    let weak = listed.is_some_and(|ids| ids.iter().any(|id| *id != 0 && WEAK.contains(id)));
    if weak {
        let remedy = "disable the suites without integrity or encryption on the lan channel";
        return Finding::warned("suites", says, remedy);
    }
    Finding::passed("suites", says)
}

fn suite_zero(facts: &Facts) -> Finding {
    const CHECK: &str = "suite 0";
    let remedy = "disable cipher suite 0 on the lan channel: with it anybody who reaches the bmc can \
                  switch power without a password";
    match facts.suite_zero {
        Some(true) => {
            Finding::warned(CHECK, "an open session without authentication was granted", remedy)
        }
        Some(false) => Finding::passed(CHECK, "refused"),
        None => Finding::passed(CHECK, "not answered"),
    }
}

fn anonymous(facts: &Facts) -> Finding {
    const CHECK: &str = "anonymous";
    let remedy = "disable the users without a name on the lan channel, or give them passwords and no \
                  privilege";
    let Some(logins) = facts.logins.map(|logins| logins.logins) else {
        return Finding::passed(CHECK, "it does not say which logins it has");
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
    match facts.may_be_admin {
        Some(true) if config.privilege == Privilege::Admin => Finding::warned(
            CHECK,
            "admin, as configured; operator is enough to switch power",
            "give the account operator privilege, and say privilege = \"operator\"",
        ),
        Some(true) => Finding::warned(
            CHECK,
            "the account may be admin; operator is enough to switch power",
            "lower the account to operator: a leaked password then cannot add users",
        ),
        Some(false) => Finding::passed(CHECK, "operator, and not more"),
        None => Finding::passed(CHECK, "operator; more is refused"),
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
        RestorePolicy::Unknown => Finding::passed(CHECK, "it does not say"),
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
        Err(error) => Finding::passed(CHECK, format!("not readable: {error}")),
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

    use palisade_host::secret::Secret;
    use palisade_ipmi::app::AuthCapabilities;

    use super::*;
    use crate::power::{Guid, LastPowerEvent, PowerStatus};

    fn config() -> BmcConfig {
        BmcConfig {
            address: "10.9.0.1:623".to_owned(),
            user: "palisade".to_owned(),
            password: Secret::new("secret".to_owned()),
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
            login: Ok(seen),
            suites_work: vec![Suite::Sha256, Suite::Sha1],
            suites_listed: Some(vec![3, 17]),
            logins: Some(AuthCapabilities { channel: 1, types: 0x80, logins: 0x04, extended: 2 }),
            suite_zero: Some(false),
            may_be_admin: Some(false),
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
        facts.suite_zero = Some(true);
        facts.logins =
            Some(AuthCapabilities { channel: 1, types: 0x80, logins: 0x05, extended: 2 });
        facts.suites_listed = Some(vec![0, 1, 17]);
        for check in ["suite 0", "anonymous", "suites"] {
            assert_eq!(grade(&facts, check).0, Grade::Warn, "{check}");
        }
    }

    #[test]
    fn a_bmc_that_says_nothing_about_its_doors_is_not_accused() {
        let mut facts = facts(RestorePolicy::StayOff);
        (facts.suite_zero, facts.logins, facts.suites_listed) = (None, None, None);
        for check in ["suite 0", "anonymous", "suites", "restore"] {
            assert_eq!(grade(&facts, check).0, Grade::Pass, "{check}");
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
        facts.suites_work = vec![Suite::Sha1];
        let (grade, says) = grade(&facts, "suites");
        assert_eq!((grade, says.as_str()), (Grade::Warn, "3 worked; it lists 3, 17"));
    }
}
