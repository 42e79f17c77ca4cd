//! `palisade check-config --bmc`: it passes what it found out, and nothing else.

use palisade_hw::bmc::Privilege;
use palisade_hw::fault::{Command, Kind, Message, Times};
use palisade_ipmi::suite::Suite;

use super::lossy::{Lossy, What, asks, opens};
use super::rack::Rack;
use super::rows;
use super::said::{code, err, out};

/// Get Channel Authentication Capabilities and Get Channel Cipher Suites.
const LOGINS: u8 = 0x38;
const SUITES: u8 = 0x54;

#[test]
fn an_audit_of_sound_bmcs_ends_with_0_and_prints_the_line_that_pins_each() {
    let rack = Rack::new(3);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    let text = out(&audit);
    assert_eq!(code(&audit), 0, "{text}{}", err(&audit));
    for node in ["node1", "node2", "node3"] {
        assert!(text.contains(&format!("{node}, bmc 127.")), "{text}");
    }
    for said in ["3, 17 worked; it lists 3, 17", "write guid = \"", "round trip", "more is refused"]
    {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!((0..3).all(|number| rack.is_on(number)), "an audit switches nothing");
}

#[test]
fn an_audit_says_what_should_be_changed_and_ends_with_0_if_it_works() {
    let rack = Rack::with(1, Privilege::Admin, |settings| settings.watchdog = true);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    let text = out(&audit);
    assert_eq!(code(&audit), 0, "{text}{}", err(&audit));
    assert!(text.contains("warn privilege"), "{text}");
    assert!(text.contains("lower the account to operator"), "{text}");
    assert!(text.contains("pass watchdog    not running"), "{text}");
}

#[test]
fn an_audit_finds_the_bmc_of_another_machine() {
    let rack = Rack::new(1);
    let pinned = "guid = \"00112233-4455-6677-8899-aabbccddeeff\"\n";
    rack.configure(pinned);
    let audit = rack.palisade(&["check-config", "--bmc", "--json"]);
    assert_eq!(code(&audit), 1, "{}", err(&audit));
    let row = &rows(&audit)[0];
    assert_eq!(row["grade"], "FAIL");
    let guid = row["guid"].as_str().unwrap();
    rack.configure(&format!("guid = \"{guid}\"\n"));
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!(code(&audit), 0, "{}", err(&audit));
    assert!(out(&audit).contains("as pinned"), "{}", out(&audit));
}

#[test]
fn an_audit_that_cannot_find_out_ends_with_3_and_a_refused_account_with_1() {
    let rack = Rack::new(2);
    rack.break_one(1, Kind::Hang);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!(code(&audit), 3, "{}", err(&audit));
    assert!(out(&audit).contains("?    login       bmc 127."), "{}", out(&audit));
    let rack = Rack::with(1, Privilege::User, |_| {});
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!(code(&audit), 1, "{}", err(&audit));
    assert!(out(&audit).contains("FAIL login"), "{}", out(&audit));
}

#[test]
fn an_open_session_without_authentication_that_is_lost_twice_is_not_known() {
    let without: What =
        |datagram| opens(datagram, |request| request.algorithms.authentication == 0);
    is_not_known_if_lost("suite 0", without);
}

#[test]
fn what_is_lost_once_is_asked_for_again() {
    let without: What =
        |datagram| opens(datagram, |request| request.algorithms.authentication == 0);
    let rack = Rack::new(1);
    let network = Lossy::before(rack.at(0), without, 1);
    rack.configure_power(&[rack.bmc(&network.address().to_string(), "")]);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!((code(&audit), network.seen()), (0, 2), "{}", err(&audit));
    assert!(out(&audit).contains("pass suite 0     refused"), "{}", out(&audit));
}

#[test]
fn whether_an_account_may_be_admin_is_not_known_if_nobody_answers() {
    let admin: What =
        |datagram| opens(datagram, |asked| asked.privilege == Privilege::Admin.bits());
    is_not_known_if_lost("privilege", admin);
}

#[test]
fn whether_a_suite_works_is_not_known_if_nobody_answers() {
    let sha1: What =
        |datagram| opens(datagram, |asked| asked.algorithms == Suite::Sha1.algorithms());
    is_not_known_if_lost("suites", sha1);
}

#[test]
fn which_suites_it_lists_is_not_known_if_nobody_answers() {
    is_not_known_if_lost("suites", |datagram| asks(datagram, SUITES));
}

#[test]
fn whether_there_is_an_anonymous_login_is_not_known_if_nobody_answers() {
    is_not_known_if_lost("anonymous", |datagram| asks(datagram, LOGINS));
}

#[test]
fn whether_there_is_a_watchdog_is_not_known_if_nobody_answers() {
    let rack = Rack::new(1);
    rack.break_one(0, Kind::Lose(Message::Request(Command::Watchdog), Times::Always));
    is_not_known(&rack, "watchdog");
}

#[test]
fn ways_that_an_audit_cannot_judge_are_named() {
    let rack = Rack::new(1);
    let redfish = rack.redfish("https://127.0.0.9");
    let both = format!("{}{redfish}", rack.bmc(&rack.host(0), ""));
    rack.configure_power(&[both, rack.redfish("https://127.0.0.8")]);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    let text = out(&audit);
    assert_eq!(code(&audit), 3, "{text}{}", err(&audit));
    for way in ["https://127.0.0.9", "https://127.0.0.8"] {
        assert!(text.contains(&format!("?    other way   not audited: redfish {way}")), "{text}");
    }
    assert!(text.contains("\nnode2\n"), "it has no bmc: {text}");
    assert!(text.contains("pass login"), "{text}");
}

#[test]
fn a_cluster_without_any_way_to_power_has_nothing_to_audit() {
    let rack = Rack::new(1);
    rack.configure_power(&[]);
    let audit = rack.palisade(&["check-config", "--bmc"]);
    assert_eq!(code(&audit), 2, "{}", err(&audit));
    assert!(err(&audit).contains("no node has a [node.bmc] or [[node.power]]"), "{}", err(&audit));
}

/// Audits a sound BMC behind a network that loses all of `what`.
fn is_not_known_if_lost(check: &str, what: What) {
    let rack = Rack::new(1);
    let network = Lossy::before(rack.at(0), what, u32::MAX);
    rack.configure_power(&[rack.bmc(&network.address().to_string(), "")]);
    is_not_known(&rack, check);
    assert!(network.seen() >= 2, "asked again once");
}

/// That check alone is not known, and the audit ends with 3.
fn is_not_known(rack: &Rack, check: &str) {
    let audit = rack.palisade(&["check-config", "--bmc", "--json"]);
    assert_eq!(code(&audit), 3, "{}{}", out(&audit), err(&audit));
    for finding in rows(&audit)[0]["findings"].as_array().unwrap() {
        let expected = if finding["check"] == check { "?" } else { "pass" };
        assert_eq!(finding["grade"], expected, "{finding}");
    }
}
