//! Told to end, the agent and a fencer give back what sessions they hold at a Redfish service: it has few, and keeps
//! one that is forgotten for half an hour.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::Signal;
use palisade_tests::redfish::{Answer, PASSWORD, SYSTEM, Stub, USER};
use tempfile::NamedTempFile;

use super::keeper::Keeper;
use super::levels::Alpha;
use super::outlived::wait_until;
use super::rig::{ended_by, free_port, write_private};

const LOG_IN: &str = "POST /redfish/v1/SessionService/Sessions";

/// A service, and an account there.
struct Account {
    stub: Stub,
    password: NamedTempFile,
}

impl Account {
    async fn new() -> Self {
        let (stub, password) = (Stub::start().await, NamedTempFile::new().unwrap());
        write_private(password.path(), &format!("{PASSWORD}\n"));
        Self { stub, password }
    }

    /// As a way to the power of the node before it in a configuration.
    fn level(&self) -> String {
        format!(
            "[[node.power]]\ndevice = \"redfish\"\nurl = \"http://{}\"\nuser = \"{USER}\"\n\
             password_file = \"{}\"\nplain_http = true\n",
            self.stub.address,
            self.password.path().display()
        )
    }

    fn wait_until_asked(&self, what: &str) {
        let is_it = |seen: &String| seen.starts_with(what);
        wait_until(what, || self.stub.inner().seen.iter().any(is_it));
    }

    fn assert_all_given_back(&self) {
        let inner = self.stub.inner();
        assert!(inner.sessions.is_empty(), "{:?} are left of {:?}", inner.sessions, inner.seen);
    }

    /// Our agent while it sees an order through.
    fn ordering(&self) -> Child {
        self.stub.inner().is_stuck = true;
        let alpha = Alpha::without_bmc(&self.level());
        let agent = alpha.start_off();
        self.wait_until_asked(&format!("POST {SYSTEM}/Reset"));
        assert_eq!(self.stub.inner().sessions.len(), 1);
        agent
    }
}

fn told_to_end(mut agent: Child) {
    let ended = ended_by(&mut agent, Signal::SIGTERM);
    assert_eq!(ended.signal(), Some(15), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_told_to_end_gives_its_session_back_and_ends_by_that_signal() {
    let account = Account::new().await;
    told_to_end(account.ordering());
    account.assert_all_given_back();
}

/// Whoever told it waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_takes_nothing_back_does_not_keep_the_agent_from_its_end() {
    let account = Account::new().await;
    let agent = account.ordering();
    let sessions = "/redfish/v1/SessionService/Sessions";
    account.stub.answer(&format!("DELETE {sessions}/1"), Answer::Silence);
    told_to_end(agent);
    account.wait_until_asked("DELETE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fencer_told_to_end_gives_back_what_it_looks_at_power_in() {
    let account = Account::new().await;
    account.stub.answer(&format!("GET {SYSTEM}"), Answer::Silence);
    let mut keeper = Keeper::begun(&[("alpha", free_port())], &account.level());
    account.wait_until_asked(&format!("GET {SYSTEM}"));
    assert_eq!(account.stub.inner().sessions.len(), 1);
    assert!(keeper.stop().success());
    account.assert_all_given_back();
}

/// The service has made a session, and has not said so yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_fencer_told_to_end_in_a_login_gives_back_what_comes_of_it() {
    let account = Account::new().await;
    let pause = Duration::from_millis(300);
    account.stub.inner().slow.insert(LOG_IN.to_owned(), pause);
    let mut keeper = Keeper::begun(&[("alpha", free_port())], &account.level());
    account.wait_until_asked(LOG_IN);
    assert!(keeper.stop().success());
    account.assert_all_given_back();
}
