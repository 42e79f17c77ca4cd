//! The power engine against a foreign BMC: OpenIPMI's `ipmi_sim`, whose power is a file.
//!
//! Needs the Debian package `openipmi`. Only processes started here are ended, and only loopback
//! is used.
#![cfg(test)]

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use palisade_fencer::power::{
    Ack, Bmc, BmcConfig, Engine, PowerDevice, PowerError, PowerErrorKind, Privilege, Session, Suite,
};
use palisade_host::clock;
use palisade_protocol::time::Instant;
use palisade_tests::bmc;
use palisade_tests::ipmi_sim::{IpmiSim, PASSWORD, free_port_at, own_address};

/// Far longer than anything here takes, so that only a hang meets it.
const AMPLE: Duration = Duration::from_secs(10);

fn config(address: String) -> BmcConfig {
    bmc::config(address, PASSWORD)
}

fn config_of(simulator: &IpmiSim) -> BmcConfig {
    config(simulator.address().to_string())
}

async fn open(config: &BmcConfig, by: Instant) -> Result<Session, PowerError> {
    Engine::start().unwrap().open(config, by).await
}

fn soon() -> Instant {
    clock::now() + AMPLE
}

/// Evidence, address and user are in the one line; the password is not.
fn assert_tells(error: &PowerError, kind: PowerErrorKind, config: &BmcConfig, evidence: &str) {
    let line = error.to_string();
    assert_eq!(error.kind(), kind, "{line}");
    for part in [config.address.as_str(), config.user.as_str(), evidence, "; "] {
        assert!(line.contains(part), "{part:?} is missing: {line}");
    }
    assert!(!line.contains(PASSWORD) && !line.contains('\n'), "{line}");
}

#[tokio::test]
async fn a_machine_is_switched_off_and_read_off_and_switched_on_and_read_on() {
    let simulator = IpmiSim::start();
    let mut session = open(&config_of(&simulator), soon()).await.unwrap();
    assert!(session.status().await.unwrap().on);

    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    assert!(!session.status().await.unwrap().on);
    assert_eq!(simulator.power(), "0");

    assert_eq!(session.on().await.unwrap(), Ack::Accepted);
    assert!(session.status().await.unwrap().on);
    assert_eq!(simulator.power(), "1");
    session.close();
}

#[tokio::test]
async fn a_device_behind_the_trait_does_the_same() {
    let simulator = IpmiSim::start();
    let device: Box<dyn PowerDevice> =
        Box::new(Bmc::new(Engine::start().unwrap(), config_of(&simulator)));
    assert_eq!(device.describe(), format!("bmc {}", simulator.address()));
    let mut session = device.open(soon()).await.unwrap();
    session.off().await.unwrap();
    assert!(!session.status().await.unwrap().on);
    assert_eq!(simulator.power(), "0");
}

/// A name may stand for several addresses, of which only the last need answer.
#[tokio::test]
async fn a_session_as_admin_at_a_host_name_works_too() {
    let simulator = IpmiSim::start_at(Ipv4Addr::LOCALHOST, "");
    let config = BmcConfig {
        address: format!("localhost:{}", simulator.address().port()),
        privilege: Privilege::Admin,
        ..config_of(&simulator)
    };
    let mut session = open(&config, soon()).await.unwrap();
    assert!(session.status().await.unwrap().on);
}

#[tokio::test]
async fn a_wrong_password_is_refused_as_such() {
    let simulator = IpmiSim::start();
    let wrong = bmc::password("not-the-password");
    let config = BmcConfig { password: wrong, ..config_of(&simulator) };
    let error = open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::WrongPassword, &config, "wrong password");
    assert!(error.is_definite());
    assert_eq!(simulator.power(), "1");
}

#[tokio::test]
async fn an_unknown_user_is_refused_as_such() {
    let simulator = IpmiSim::start();
    let config = BmcConfig { user: "nobody".to_owned(), ..config_of(&simulator) };
    let error = open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::NoSuchUser, &config, "no such user");
    assert!(error.is_definite());
}

#[tokio::test]
async fn a_bmc_without_the_only_suite_wanted_is_told_apart_from_a_silent_one() {
    let simulator = IpmiSim::start();
    let config = BmcConfig { suites: vec![Suite::Sha256], ..config_of(&simulator) };
    let error = open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::CipherRefused, &config, "suite 17");
}

#[tokio::test]
async fn a_bmc_that_dies_between_order_and_reading_is_never_read_as_off() {
    let mut simulator = IpmiSim::start();
    let config = config_of(&simulator);
    let mut session = open(&config, soon()).await.unwrap();
    session.off().await.unwrap();
    simulator.kill();

    let began = clock::now();
    session.set_deadline(began + Duration::from_secs(2));
    let error = session.status().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::PortRefused, &config, "port refused");
    assert!(clock::now().since(began) < Duration::from_secs(3));
    assert!(session.status().await.is_err(), "a dead session stays dead");
}

#[tokio::test]
async fn a_closed_port_is_refused_long_before_the_deadline() {
    let config = config(free_port_at(own_address()).to_string());
    let began = clock::now();
    let error = open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::PortRefused, &config, "nothing listens");
    assert!(clock::now().since(began) < Duration::from_secs(3));
}

#[tokio::test]
async fn a_bmc_that_says_nothing_is_silent_at_the_deadline_and_not_later() {
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = config(mute.local_addr().unwrap().to_string());
    let (began, patience) = (clock::now(), Duration::from_millis(700));
    let error = open(&config, began + patience).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Silent, &config, "silent");
    let took = clock::now().since(began);
    assert!(took >= patience && took < patience + Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_apart_from_a_silent_bmc() {
    let config = config("no-such-bmc.invalid:623".to_owned());
    let by = clock::now() + Duration::from_secs(2);
    let error = open(&config, by).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::Unresolved, &config, "does not resolve");
}

#[tokio::test]
async fn a_password_that_would_have_to_be_cut_is_refused_before_anything_is_sent() {
    let long = bmc::password("twenty-one characters");
    let config = BmcConfig { password: long, ..config(free_port_at(own_address()).to_string()) };
    let error = open(&config, soon()).await.unwrap_err();
    assert_tells(&error, PowerErrorKind::BadConfig, &config, "21 bytes");
}

/// `ipmi_sim` has 63 slots and keeps a forgotten session for 30 s.
#[tokio::test]
async fn a_hundred_logins_in_a_row_leave_no_slot_behind() {
    let simulator = IpmiSim::start();
    for _ in 0..100 {
        let mut session = open(&config_of(&simulator), soon()).await.unwrap();
        assert!(session.status().await.unwrap().on);
    }
}
