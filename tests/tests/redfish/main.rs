//! Redfish services as power devices: one that nobody here wrote, and one that misbehaves in every way.
#![cfg(test)]

mod sushy;

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use palisade_fencer::power::redfish::{End, Redfish, farewell};
use palisade_fencer::power::{
    Ack, PowerDevice, PowerError, PowerErrorKind, PowerSession, Raised, RestorePolicy, Terms,
    Verdict,
};
use palisade_host::clock;
use palisade_host::config::{self, HttpPlace, RedfishLogin, Trust};
use palisade_protocol::time::Instant;
use palisade_tests::redfish::{self as stub, Answer, Stub};
use tempfile::TempDir;

use self::sushy::{Sushy, Valid};

/// Far longer than anything here takes unless it is broken.
const AMPLE: Duration = Duration::from_secs(30);

fn soon() -> Instant {
    clock::now() + AMPLE
}

/// What a test changes of an account's configuration.
struct Account {
    folder: TempDir,
    config: config::Redfish,
}

impl Account {
    fn at(address: SocketAddr, user: &str, password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password_file = folder.path().join("password");
        let config = config::Redfish {
            place: HttpPlace::parse(&format!("http://{address}")).unwrap(),
            user: user.to_owned(),
            password_file,
            login: RedfishLogin::Session,
            system: None,
            trust: Trust::Plain,
        };
        Self { folder, config }.with_password(password)
    }

    /// At the foreign service, which knows basic logins only.
    fn at_sushy(sushy: &Sushy) -> Self {
        let mut account = Self::at(sushy.address, sushy::USER, sushy::PASSWORD);
        account.config.login = RedfishLogin::Basic;
        account
    }

    fn at_stub(stub: &Stub) -> Self {
        Self::at(stub.address, stub::USER, stub::PASSWORD)
    }

    fn with_password(self, password: &str) -> Self {
        let path = self.folder.path().join("password");
        fs::write(&path, format!("{password}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        self
    }

    fn with_trust(mut self, trust: Trust) -> Self {
        self.config.place.tls = true;
        self.config.trust = trust;
        self
    }

    fn device(&self) -> Redfish {
        Redfish::new(self.config.clone())
    }

    async fn open(&self) -> Box<dyn PowerSession> {
        self.device().open(soon()).await.unwrap()
    }

    async fn refused(&self) -> PowerError {
        self.refused_within(AMPLE).await
    }

    async fn refused_within(&self, patience: Duration) -> PowerError {
        let opened = self.device().open(clock::now() + patience).await;
        opened.err().expect("there is nothing to open")
    }
}

fn assert_tells(error: &PowerError, kind: PowerErrorKind, evidence: &str) {
    let line = error.to_string();
    assert_eq!(error.kind(), kind, "{line}");
    for part in ["redfish http", "as \"palisade\": ", evidence, "; "] {
        assert!(line.contains(part), "{part:?} is missing: {line}");
    }
    for secret in [sushy::PASSWORD, stub::PASSWORD, "not-the-password", "token-"] {
        assert!(!line.contains(secret), "{line}");
    }
    assert!(!line.contains('\n') && line.len() < 1000, "{line}");
}

/// Reads until the machine is `on` as wanted, which it may take a second for.
async fn until(session: &mut dyn PowerSession, on: bool) {
    let by = soon();
    while session.status().await.unwrap().on != on {
        assert!(clock::now() < by, "it does not obey");
    }
}

#[tokio::test]
async fn a_foreign_service_switches_its_machine_off_and_on() {
    let sushy = Sushy::start(1);
    let account = Account::at_sushy(&sushy);
    let mut session = account.open().await;
    assert!(session.status().await.unwrap().on);
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    until(session.as_mut(), false).await;
    assert_eq!(session.on().await.unwrap(), Ack::Accepted);
    until(session.as_mut(), true).await;
}

#[tokio::test]
async fn a_service_without_sessions_is_told_apart() {
    let sushy = Sushy::start(1);
    let account = Account { folder: tempfile::tempdir().unwrap(), ..Account::at_sushy(&sushy) };
    let mut account = account.with_password(sushy::PASSWORD);
    account.config.password_file = account.folder.path().join("password");
    account.config.login = RedfishLogin::Session;
    // It asks for a basic login before it says that there is no such thing.
    let error = account.refused().await;
    assert_tells(&error, PowerErrorKind::WrongPassword, "status 401");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_system_are_told_apart() {
    let sushy = Sushy::start(1);
    let error = Account::at_sushy(&sushy).with_password("not-the-password").refused().await;
    assert_tells(&error, PowerErrorKind::WrongPassword, "status 401");
    assert!(error.is_definite());
    let mut account = Account::at_sushy(&sushy);
    account.config.system = Some("/redfish/v1/Systems/nobody".to_owned());
    let error = account.refused().await;
    assert_tells(&error, PowerErrorKind::BadConfig, "Fake system nobody was not found");
}

#[tokio::test]
async fn among_several_systems_one_must_be_chosen() {
    let sushy = Sushy::start(2);
    let mut account = Account::at_sushy(&sushy);
    let error = account.refused().await;
    assert_tells(&error, PowerErrorKind::BadConfig, "it has 2 systems and none was chosen");
    assert!(error.to_string().contains(sushy::SYSTEM) && error.is_definite(), "{error}");
    account.config.system = Some(sushy::SYSTEM.to_owned());
    assert!(account.open().await.status().await.unwrap().on);
}

#[tokio::test]
async fn a_certificate_is_believed_if_signed_by_an_authority_that_was_named() {
    let sushy = Sushy::start_with_tls("FALSE");
    let own = Trust::Authorities(sushy.certificate());
    let account = Account::at_sushy(&sushy).with_trust(own);
    assert!(account.open().await.status().await.unwrap().on);
}

/// The certificate's fingerprint, as `openssl` gives it.
fn pin(sushy: &Sushy) -> [u8; 32] {
    let told = sushy::fingerprint(&sushy.certificate());
    let bytes = told.split(':').map(|byte| u8::from_str_radix(byte, 16).unwrap());
    bytes.collect::<Vec<u8>>().try_into().unwrap()
}

#[tokio::test]
async fn a_certificate_is_believed_if_pinned_and_not_otherwise() {
    let sushy = Sushy::start_with_tls("TRUE");
    let account = || Account::at_sushy(&sushy);
    let mut pin = pin(&sushy);
    let fingerprint: String = pin.iter().map(|byte| format!("{byte:02x}")).collect();
    for trust in [Trust::Pinned(pin), Trust::Anyone] {
        let session = account().with_trust(trust.clone()).device().open(soon()).await;
        assert!(session.unwrap().status().await.unwrap().on, "{trust:?}");
    }
    let world = Trust::Authorities(PathBuf::from("/etc/ssl/certs/ca-certificates.crt"));
    pin[31] ^= 1;
    for trust in [Trust::Pinned(pin), world] {
        let error = account().with_trust(trust).refused().await;
        assert_tells(&error, PowerErrorKind::Certificate, &fingerprint);
        assert!(error.is_definite(), "{error}");
    }
    let nothing = Trust::Authorities(PathBuf::from("/dev/null"));
    let error = account().with_trust(nothing).refused().await;
    assert_tells(&error, PowerErrorKind::BadConfig, "no certificate of an authority");
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_told_with_this_machines_clock_and_a_pin_goes_by_none() {
    let past = Valid { from: "20190101000000Z", until: "20200229120000Z" };
    let to_come = Valid { from: "24000229120000Z", until: "99991231235959Z" };
    for (valid, told) in [
        (past, "valid until 2020-02-29 12:00:00Z, and this machine's clock says 2"),
        (to_come, "valid from 2400-02-29 12:00:00Z, and this machine's clock says 2"),
    ] {
        let sushy = Sushy::start_with_certificate("FALSE", valid);
        let account = || Account::at_sushy(&sushy);
        let error = account().with_trust(Trust::Authorities(sushy.certificate())).refused().await;
        assert_tells(&error, PowerErrorKind::Certificate, told);
        assert!(!error.is_definite() && error.to_string().contains("set this machine's clock"));
        let pinned = Trust::Pinned(pin(&sushy));
        assert!(account().with_trust(pinned).open().await.status().await.unwrap().on);
    }
}

#[tokio::test]
async fn tls_and_none_do_not_understand_each_other_and_say_so() {
    let sushy = Sushy::start_with_tls("TRUE");
    let error = Account::at_sushy(&sushy).refused().await;
    assert_tells(&error, PowerErrorKind::Protocol, "GET /redfish/v1/Systems");
    let stub = Stub::start().await;
    let error = Account::at_stub(&stub).with_trust(Trust::Anyone).refused_within(secs(2)).await;
    assert!(error.to_string().contains("TLS"), "{error}");
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn a_session_is_made_used_over_one_connection_and_given_back() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    assert_eq!(stub.inner().sessions.len(), 1);
    let status = session.status().await.unwrap();
    assert_eq!((status.on, status.restore_policy), (true, RestorePolicy::StayOff));
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    assert!(!session.status().await.unwrap().on);
    assert_eq!(session.off().await.unwrap(), Ack::NotInThisState);
    assert_eq!(session.on().await.unwrap(), Ack::Accepted);
    assert!(session.status().await.unwrap().on);
    drop(session);
    farewell(End::Done).await;
    assert_eq!(stub.inner().sessions.len(), 0);
    assert_eq!(stub.inner().connections, 1);
}

#[tokio::test]
async fn a_connection_that_was_hung_up_is_replaced_and_the_session_goes_on() {
    let stub = Stub::start().await;
    stub.inner().requests_max = Some(1);
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    assert!(!session.status().await.unwrap().on);
    drop(session);
    farewell(End::Done).await;
    let inner = stub.inner();
    assert_eq!(inner.sessions.len(), 0);
    assert_eq!(inner.connections, inner.seen.len(), "each request over a connection of its own");
}

#[tokio::test]
async fn logins_that_fail_leave_no_session_behind() {
    let stub = Stub::start().await;
    stub.answer(&format!("GET {}", stub::SYSTEM), Answer::Raw(stub::reply(500, "", "")));
    for _ in 0..6 {
        let error = Account::at_stub(&stub).refused().await;
        assert_tells(&error, PowerErrorKind::HttpStatus(500), "status 500, no reason given");
        farewell(End::Done).await;
    }
    assert_eq!(stub.inner().sessions.len(), 0);
}

#[tokio::test]
async fn a_service_without_a_free_session_says_so() {
    let stub = Stub::start().await;
    stub.inner().sessions.extend(100..104);
    let error = Account::at_stub(&stub).refused().await;
    assert_tells(&error, PowerErrorKind::NoSlots, "too many sessions");
    assert!(!error.is_definite());
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let stub = Stub::start().await;
    let error = Account::at_stub(&stub).with_password("not-the-password").refused().await;
    assert_tells(&error, PowerErrorKind::WrongPassword, "who are you?");
    assert!(error.is_definite());
    assert_eq!(stub.inner().seen.len(), 1);
}

#[tokio::test]
async fn a_session_that_the_service_ended_leaves_the_power_unknown_and_the_password_is_not_blamed()
{
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    stub.inner().sessions.clear();
    for error in [session.status().await.unwrap_err(), session.off().await.unwrap_err()] {
        assert_tells(&error, PowerErrorKind::HttpStatus(401), "the service ended our session");
        assert!(!error.is_definite() && !error.to_string().contains("same user and password"));
    }
    assert_eq!(stub.inner().state, "On");
}

/// So many orders of this kind were taken by the service.
fn ordered(stub: &Stub, order: &str) -> usize {
    let inner = stub.inner();
    inner.seen.iter().filter(|seen| seen.contains("/Reset ") && seen.contains(order)).count()
}

#[tokio::test]
async fn an_order_whose_session_was_ended_is_begun_anew_and_nothing_read_before_counts() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let terms = Terms { rise: secs(1), ..Terms::default() };
    // It is read at the login, before the order and once off, and then its session is over.
    stub.inner().ends_sessions = Some((format!("GET {}", stub::SYSTEM), 4));
    let Verdict::Dead(evidence) = account.device().fence(&terms).await else {
        panic!("it is off");
    };
    assert_eq!(evidence.before, Some(false), "{evidence}");
    assert_eq!(evidence.acked.1, Ack::NotInThisState, "the second order, at a machine that is off");
    assert!(evidence.readings.len() >= 2, "{evidence}");
    assert!(evidence.readings.iter().all(|read| read.asked_at >= evidence.acked.0), "{evidence}");
    assert!(ordered(&stub, "ForceOff") >= 2);
    stub.inner().ends_sessions = Some((format!("GET {}", stub::SYSTEM), 2));
    let raised = account.device().raise(&terms).await;
    assert!(matches!(raised, Raised::On(_)), "{raised:?}");
    assert_eq!(ordered(&stub, "\"On\""), 2);
}

#[tokio::test]
async fn a_service_that_ends_every_session_is_given_up() {
    let stub = Stub::start().await;
    let system = format!("GET {}", stub::SYSTEM);
    stub.answer(&system, Answer::Raw(stub::failure(401, "NoValidSession", "log in first")));
    let Verdict::Unknown(error) = Account::at_stub(&stub).device().fence(&Terms::default()).await
    else {
        panic!("nothing was read");
    };
    assert_tells(&error, PowerErrorKind::HttpStatus(401), "the service ended our session");
    assert_eq!(stub.inner().seen.iter().filter(|seen| seen.starts_with(&system)).count(), 2);
}

#[tokio::test]
async fn a_session_is_given_back_by_whichever_of_its_links_leads_to_the_service() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    for (location, own_link) in
        [("https://ilo-7.example.net", ""), ("", "https://ilo-7.example.net")]
    {
        stub.inner().location = location.to_owned();
        stub.inner().own_link = Some(own_link.to_owned());
        for _ in 0..6 {
            drop(account.open().await);
            farewell(End::Done).await;
        }
    }
    assert!(stub.inner().sessions.is_empty());
}

#[tokio::test]
async fn a_session_that_nobody_can_end_is_told_with_what_to_do() {
    let stub = Stub::start().await;
    stub.inner().location = "https://ilo-7.example.net".to_owned();
    let device = Account::at_stub(&stub).device();
    assert!(device.troubles().is_empty());
    let account = Account::at_stub(&stub);
    let device = account.device();
    device.read(&Terms::default()).await.unwrap();
    let [told] = &device.troubles()[..] else { panic!("one trouble, once") };
    for part in ["left open", "ilo-7.example.net", "login = \"basic\""] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// The password and what stands for it, however they are written.
const SECRETS: [&str; 5] =
    [stub::PASSWORD, "pass\\\"word", "word\\", "cGFsaXNhZGU6cGFzcyJ3b3JkXM", "token-1"];

/// `said` by the service, with all it was sent, is told, and without that.
fn assert_struck(error: &PowerError, told: &str) {
    let line = error.to_string();
    assert!(line.contains(told) && line.contains("(secret)"), "{told}: {line}");
    for secret in SECRETS {
        assert!(!line.contains(secret), "{secret}: {line}");
    }
}

#[tokio::test]
async fn what_a_service_was_sent_is_never_told_when_the_service_tells_it() {
    let stub = Stub::start().await;
    let json = serde_json::Value::from(stub::PASSWORD);
    let echo = format!(
        "{} you sent {} as {json}, or cGFsaXNhZGU6cGFzcyJ3b3JkXMO8, then token-1",
        stub::PASSWORD,
        stub::PASSWORD
    );
    let failure = Answer::Raw(stub::failure(400, "General", &echo));
    let log_in = "POST /redfish/v1/SessionService/Sessions";
    stub.answer(log_in, failure.clone());
    let account = Account::at_stub(&stub);
    let line = account.refused().await.to_string();
    for secret in &SECRETS[..4] {
        assert!(!line.contains(secret), "{secret}: {line}");
    }
    stub.inner().odd.clear();
    let mut session = account.open().await;
    stub.answer(&format!("POST {}/Reset", stub::SYSTEM), failure);
    assert_struck(&session.off().await.unwrap_err(), "status 400");
    let get = format!("GET {}", stub::SYSTEM);
    let text = serde_json::Value::from(echo);
    for (body, told) in [
        (format!(r#"{{"PowerState":{text}}}"#), "its power state is"),
        (format!(r#"{{"PowerState":"On","Actions":{text}}}"#), "was not understood"),
    ] {
        stub.answer(&get, Answer::Raw(stub::reply(200, "", &body)));
        assert_struck(&session.status().await.unwrap_err(), told);
    }
}

#[tokio::test]
async fn links_and_names_that_have_a_secret_in_them_are_told_without() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    let get = format!("GET {}", stub::SYSTEM);
    for (target, allowed, told) in [
        ("/reset?as=token-1", "ForceOff", "ForceOff at /reset?as=(secret): status 404"),
        ("http://elsewhere/token-1", "ForceOff", "it points elsewhere"),
        ("/reset", "token-1", "it takes: (secret)"),
    ] {
        let body = format!(
            r##"{{"PowerState":"On","Actions":{{"#ComputerSystem.Reset":{{"target":"{target}",
            "ResetType@Redfish.AllowableValues":["{allowed}"]}}}}}}"##
        );
        stub.answer(&get, Answer::Raw(stub::reply(200, "", &body)));
        session.status().await.unwrap();
        assert_struck(&session.off().await.unwrap_err(), told);
    }
}

#[tokio::test]
async fn a_basic_login_is_told_by_nobody() {
    let stub = Stub::start().await;
    let mut account = Account::at_stub(&stub);
    account.config.login = RedfishLogin::Basic;
    let echo = stub::failure(500, "General", "you sent cGFsaXNhZGU6cGFzcyJ3b3JkXMO8");
    stub.answer("GET /redfish/v1/Systems", Answer::Raw(echo));
    assert_struck(&account.refused().await, "status 500, \"you sent (secret)\"");
}

#[tokio::test]
async fn only_off_is_off() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    for (state, on) in [("PoweringOff", true), ("PoweringOn", true), ("On", true), ("Off", false)] {
        stub.inner().state = state.to_owned();
        let status = session.status().await.unwrap();
        assert_eq!(status.on, on, "{state}");
        assert_eq!(status.power().replace(' ', ""), state.to_lowercase());
    }
    for state in ["OFF", "Paused", "", "Null"] {
        stub.inner().state = state.to_owned();
        let error = session.status().await.unwrap_err();
        assert_tells(&error, PowerErrorKind::Protocol, "its power state is");
    }
}

#[tokio::test]
async fn a_machine_on_the_way_is_told_as_such_and_is_not_off() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    stub.inner().is_stuck = true;
    for state in ["PoweringOff", "PoweringOn"] {
        stub.inner().state = state.to_owned();
        let terms = Terms { change: Some(Duration::from_millis(500)), ..Terms::default() };
        let Verdict::StillOn(evidence) = account.device().fence(&terms).await else {
            panic!("{state} is not off");
        };
        let told = evidence.to_string().replace(' ', "");
        assert!(told.contains(&format!("read{}at", state.to_lowercase())), "{evidence}");
        assert!(!told.contains("readonat"), "{evidence}");
    }
}

#[tokio::test]
async fn a_machine_that_was_on_its_way_up_is_looked_at_for_as_long_as_one_that_was_off() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    // So it says at the login and before the order; then it reads off, as some do while they ignore it.
    stub.inner().state = "PoweringOn".to_owned();
    stub.inner().to_come = ["PoweringOn", "Off"].into();
    let terms = Terms { rise: secs(2), ..Terms::default() };
    let Verdict::Dead(evidence) = account.device().fence(&terms).await else {
        panic!("it stays off");
    };
    assert_eq!(evidence.before, None, "{evidence}");
    let last = evidence.readings.last().unwrap();
    assert!(last.asked_at.since(evidence.acked.0) >= terms.rise, "{evidence}");
}

#[tokio::test]
async fn a_service_that_cannot_force_off_is_known_before_it_is_needed() {
    let stub = Stub::start().await;
    stub.inner().allowed = Some(r#"["On","GracefulShutdown"]"#.to_owned());
    let error = Account::at_stub(&stub).refused().await;
    assert_tells(&error, PowerErrorKind::BadConfig, "does not take the order ForceOff");
    stub.inner().allowed = None;
    let error = Account::at_stub(&stub).refused().await;
    assert_tells(&error, PowerErrorKind::BadConfig, "it takes: On");
}

#[tokio::test]
async fn a_system_that_has_no_action_to_switch_it_is_told_with_what_to_do() {
    let stub = Stub::start().await;
    let bare = stub::reply(200, "", r#"{"PowerState":"On"}"#);
    stub.answer(&format!("GET {}", stub::SYSTEM), Answer::Raw(bare));
    let error = Account::at_stub(&stub).refused().await;
    assert_tells(&error, PowerErrorKind::BadConfig, "no action #ComputerSystem.Reset");
    assert!(error.to_string().contains("give the account the role Operator"), "{error}");
}

#[tokio::test]
async fn a_service_that_offers_only_what_would_change_its_state_is_understood() {
    let stub = Stub::start().await;
    stub.inner().allowed = Some(r#"["ForceOff"]"#.to_owned());
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    assert_eq!(session.on().await.unwrap(), Ack::NotInThisState, "it is on already");
    assert_eq!(session.off().await.unwrap(), Ack::Accepted);
    stub.inner().allowed = Some(r#"["On"]"#.to_owned());
    assert_eq!(session.on().await.unwrap(), Ack::Accepted);
}

#[tokio::test]
async fn a_machine_that_is_off_already_is_no_failure_however_it_is_said() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    let reset = format!("POST {}/Reset", stub::SYSTEM);
    let name = "InvalidOperationForSystemState";
    stub.answer(&reset, Answer::Raw(stub::failure(400, name, "no")));
    assert_eq!(session.off().await.unwrap(), Ack::NotInThisState);
    stub.answer(&reset, Answer::Raw(stub::failure(400, "PropertyValueError", "no")));
    let error = session.off().await.unwrap_err();
    assert_tells(&error, PowerErrorKind::HttpStatus(400), "status 400, \"no\"");
}

#[tokio::test]
async fn links_and_redirections_elsewhere_are_not_followed() {
    let stub = Stub::start().await;
    let other = Stub::start().await;
    let elsewhere = format!("http://{}{}", other.address, stub::SYSTEM);
    let members = format!(r#"{{"Members":[{{"@odata.id":"{elsewhere}"}}]}}"#);
    stub.answer("GET /redfish/v1/Systems", Answer::Raw(stub::reply(200, "", &members)));
    let error = Account::at_stub(&stub).refused().await;
    assert_tells(&error, PowerErrorKind::Protocol, "it points elsewhere");
    let moved = format!("HTTP/1.1 307 X\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n");
    stub.answer("GET /redfish/v1/Systems", Answer::Raw(moved.into_bytes()));
    let error = Account::at_stub(&stub).refused().await;
    assert_tells(&error, PowerErrorKind::HttpStatus(307), "status 307");
    assert_eq!(other.inner().connections, 0);
}

#[tokio::test]
async fn rubbish_is_never_read_as_off() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (answer, evidence) in [
        (Answer::Last(b"220 smtp ready\r\n".to_vec()), "not HTTP"),
        (
            Answer::Last(
                b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"PowerState\":\"Off\"}".to_vec(),
            ),
            "hung up",
        ),
        (Answer::Raw(stub::reply(200, "", "{\"PowerState\":\"Off\"")), "was not understood"),
        (Answer::Raw(stub::reply(200, "", "[]")), "was not understood"),
        (Answer::Raw(stub::reply(200, "", &deep)), "was not understood"),
        (Answer::Raw(stub::reply(503, "", "{\"PowerState\":\"Off\"}")), "status 503"),
        (Answer::Endless, "longer than"),
    ] {
        stub.answer(&format!("GET {}", stub::SYSTEM), answer);
        let error = session.status().await.unwrap_err();
        assert!(error.to_string().contains(evidence), "{evidence}: {error}");
        assert!(error.to_string().len() < 1000, "{error}");
    }
}

#[tokio::test]
async fn a_service_that_takes_its_time_is_given_up_at_the_deadline() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    let mut session = account.open().await;
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"PowerState\":\"Off\"}".to_vec();
    for answer in [Answer::Silence, Answer::Drip(whole)] {
        stub.answer(&format!("GET {}", stub::SYSTEM), answer);
        let (began, patience) = (clock::now(), Duration::from_millis(1200));
        session.set_deadline(began + patience);
        assert_tells(&session.status().await.unwrap_err(), PowerErrorKind::Silent, "silent");
        let took = clock::now().since(began);
        assert!(took >= patience && took < patience + secs(2), "{took:?}");
    }
    session.set_deadline(clock::now());
    assert_tells(&session.off().await.unwrap_err(), PowerErrorKind::TooLate, "no time left");
    assert_eq!(stub.inner().state, "On");
}

#[tokio::test]
async fn a_closed_port_is_refused_at_once() {
    let account = Account::at(sushy::free_port(), "palisade", "x");
    let began = clock::now();
    assert_tells(&account.refused().await, PowerErrorKind::PortRefused, "refused");
    assert!(clock::now().since(began) < secs(5));
}

#[tokio::test]
async fn a_password_file_that_is_open_to_others_is_not_read() {
    let stub = Stub::start().await;
    let account = Account::at_stub(&stub);
    fs::set_permissions(&account.config.password_file, Permissions::from_mode(0o644)).unwrap();
    assert_tells(&account.refused().await, PowerErrorKind::BadConfig, "chmod 600");
    assert_eq!(stub.inner().connections, 0);
}
