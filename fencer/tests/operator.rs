//! The operator's command as a person runs it: the real binary, its words and its exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod said;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::JoinHandle;

use palisade_fencer::control::{Answer, Request};
use palisade_fencer::status::{CaseStatus, End, NodeStatus, Stand, Status, Verdict};
use said::{code, err, out};
use tempfile::TempDir;

#[test]
fn help_ends_with_0_and_a_mistyped_command_with_2() {
    let place = Place::new();
    assert_eq!(code(&place.palisade(&["--help"])), 0);
    assert_eq!(code(&place.palisade(&["fnece", "node3"])), 2);
    assert_eq!(code(&place.palisade(&["confirm", "node3"])), 2, "--by is not optional");
}

#[test]
fn keygen_prints_the_line_to_paste_and_never_overwrites() {
    let place = Place::new();
    let file = place.path("new.key");
    let made = place.palisade(&["keygen", file.to_str().unwrap()]);
    assert_eq!(code(&made), 0);
    assert!(out(&made).starts_with("public_key = \""), "{}", out(&made));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&file).unwrap();
    let again = place.palisade(&["keygen", file.to_str().unwrap()]);
    assert_eq!(code(&again), 4, "{}", err(&again));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn check_config_prints_the_sum_of_a_good_file_and_every_mistake_of_a_bad_one() {
    let place = Place::new();
    let good = place.palisade(&["check-config"]);
    assert_eq!(code(&good), 0, "{}", err(&good));
    assert!(out(&good).contains('≥'), "{}", out(&good));
    let bad = place.path("bad.toml");
    let text = fs::read_to_string(place.config()).unwrap();
    fs::write(&bad, text.replace("lan-fast", "warp").replace("id = 3", "id = 300")).unwrap();
    let refused = place.palisade(&["check-config", bad.to_str().unwrap()]);
    assert_eq!(code(&refused), 2);
    assert!(err(&refused).contains("warp") && err(&refused).contains("300"), "{}", err(&refused));
}

#[test]
fn a_machine_that_the_configuration_does_not_name_is_told_the_names() {
    let place = Place::new();
    let asked = place.run(&["--node", "node9", "status"]);
    assert_eq!(code(&asked), 2);
    assert!(err(&asked).contains("node1, node2, node3"), "{}", err(&asked));
}

#[test]
fn without_a_daemon_nothing_can_be_found_out() {
    let place = Place::new();
    for words in [&["status"][..], &["fence", "node3"], &["confirm", "node3", "--by", "ann"]] {
        let asked = place.palisade(words);
        assert_eq!(code(&asked), 3, "{words:?}: {}", err(&asked));
        assert!(err(&asked).contains("palisade-fencer"), "{}", err(&asked));
    }
}

#[test]
fn status_is_a_table_for_people_and_one_line_for_machines() {
    let place = Place::new();
    let fencer = place.fencer(vec![status(None), status(None)]);
    let table = place.palisade(&["status"]);
    assert_eq!(code(&table), 0, "{}", err(&table));
    assert!(out(&table).contains("cluster pair, seen from node1: serving"), "{}", out(&table));
    let json = place.palisade(&["status", "--json"]);
    let read: Status = serde_json::from_str(out(&json).trim_end()).unwrap();
    assert_eq!(read.voters, 3);
    assert_eq!(fencer.join().unwrap(), [Request::Status, Request::Status]);
}

#[test]
fn a_fence_waits_for_a_proof_that_is_younger_than_the_order() {
    let place = Place::new();
    let stale = verdict(End::Fenced, "power off, of last week", 9);
    let proven = verdict(End::Fenced, "power off", 12);
    let fencer = place.fencer(vec![
        Answer::Accepted { at_ns: 10 },
        status(Some(stale)),
        status(Some(proven)),
    ]);
    let done = place.palisade(&["fence", "node3", "--why", "smoke"]);
    assert_eq!(code(&done), 0, "{}", err(&done));
    assert_eq!(out(&done), "node3: fenced, proof: power off\n");
    assert!(err(&done).contains("node3: off sent"), "{}", err(&done));
    let asked = fencer.join().unwrap();
    assert_eq!(asked[0], Request::Fence { node: "node3".into(), why: "smoke".into() });
}

#[test]
fn a_fence_that_fails_ends_with_1_and_a_declined_or_refused_one_with_4() {
    let place = Place::new();
    for (end, expected) in [(End::Failed, 1), (End::Declined, 4)] {
        let verdict = verdict(end, "bmc silent", 12);
        let fencer = place.fencer(vec![Answer::Accepted { at_ns: 10 }, status(Some(verdict))]);
        let ended = place.palisade(&["fence", "node3"]);
        assert_eq!(code(&ended), expected, "{}", err(&ended));
        assert!(err(&ended).contains("bmc silent"), "{}", err(&ended));
        fencer.join().unwrap();
    }
    let fencer = place.fencer(vec![Answer::Refused { reason: "no majority".into() }]);
    let refused = place.palisade(&["fence", "node3"]);
    assert_eq!(code(&refused), 4, "{}", err(&refused));
    assert!(err(&refused).contains("no majority"), "{}", err(&refused));
    fencer.join().unwrap();
}

#[test]
fn with_no_wait_the_order_alone_is_enough() {
    let place = Place::new();
    let fencer = place.fencer(vec![Answer::Accepted { at_ns: 10 }]);
    assert_eq!(code(&place.palisade(&["fence", "node3", "--no-wait"])), 0);
    assert_eq!(fencer.join().unwrap().len(), 1);
}

#[test]
fn a_case_without_an_end_is_not_called_done() {
    let place = Place::new();
    let fencer = place.fencer(vec![Answer::Accepted { at_ns: 10 }, status(None)]);
    let asked = place.palisade(&["fence", "node3", "--timeout", "0"]);
    assert_eq!(code(&asked), 3);
    assert!(err(&asked).contains("no end within 0 ms"), "{}", err(&asked));
    fencer.join().unwrap();
}

#[test]
fn a_confirmation_carries_the_name_of_whoever_vouches() {
    let place = Place::new();
    let proven = verdict(End::Fenced, "ann confirmed it", 12);
    let fencer = place.fencer(vec![Answer::Accepted { at_ns: 10 }, status(Some(proven))]);
    let done = place.palisade(&["confirm", "node3", "--by", "ann"]);
    assert_eq!(code(&done), 0, "{}", err(&done));
    let asked = fencer.join().unwrap();
    assert_eq!(asked[0], Request::Confirm { node: "node3".into(), by: "ann".into() });
}

#[test]
fn waiting_for_a_majority_ends_with_1_when_none_comes_and_with_0_when_it_is_there() {
    let place = Place::new();
    let alone = Answer::Status(Box::new(Status {
        voters: 3,
        voters_heard: 1,
        stand: Stand::Serving,
        ..Status::default()
    }));
    let fencer = place.fencer(vec![alone.clone()]);
    let none = place.palisade(&["wait-quorum", "--timeout", "0"]);
    assert_eq!(code(&none), 1, "{}", err(&none));
    assert!(err(&none).contains("1 of 3 fencers heard"), "{}", err(&none));
    fencer.join().unwrap();
    let fencer = place.fencer(vec![alone, status(None)]);
    assert_eq!(code(&place.palisade(&["wait-quorum", "--timeout", "30"])), 0);
    fencer.join().unwrap();
}

#[test]
fn a_node_leaves_through_its_agent_and_the_command_waits_for_it() {
    let place = Place::new();
    let agent =
        place.answering("agent.sock", ["accepted", "leaving", "left"].map(str::to_owned).to_vec());
    let left = place.palisade(&["leave"]);
    assert_eq!(code(&left), 0, "{}", err(&left));
    assert_eq!(agent.join().unwrap().len(), 3);
    let unknown = place.palisade(&["arm", "jira"]);
    assert_eq!(code(&unknown), 2, "{}", err(&unknown));
}

#[test]
fn a_node_that_is_not_configured_is_not_even_asked_for() {
    let place = Place::new();
    let asked = place.palisade(&["fence", "node7"]);
    assert_eq!(code(&asked), 2);
    assert!(err(&asked).contains("node1, node2, node3"), "{}", err(&asked));
}

#[test]
fn a_fencer_without_its_key_says_the_command_to_run() {
    let place = Place::new();
    let key = place.path("node1.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let open = place.daemon();
    assert_eq!(code(&open), 4, "{}", err(&open));
    assert!(err(&open).contains(&format!("chmod 600 {}", key.display())), "{}", err(&open));
    fs::remove_file(&key).unwrap();
    let missing = place.daemon();
    assert_eq!(code(&missing), 4, "{}", err(&missing));
    assert!(
        err(&missing).contains(&format!("palisade keygen {}", key.display())),
        "{}",
        err(&missing)
    );
}

#[test]
fn a_fencer_with_a_wrong_configuration_ends_with_2() {
    let place = Place::new();
    fs::write(place.config(), "[cluster]\nname = \"Pair!\"\n").unwrap();
    let refused = place.daemon();
    assert_eq!(code(&refused), 2);
    assert!(err(&refused).contains("palisade.toml"), "{}", err(&refused));
}

/// A folder with a configuration of three nodes and their keys.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        let nodes: String = (1..=3).map(|id| place.node(id)).collect();
        let folder = place.0.path().display();
        let text = format!(
            "[cluster]\nname = \"pair\"\nprofile = \"lan-fast\"\n\
             [agent]\nkey_file = \"{folder}/{{node}}.key\"\ncontrol_socket = \"{folder}/agent.sock\"\n\
             [fencer]\nkey_file = \"{folder}/{{node}}.key\"\nstate_dir = \"{folder}\"\n\
             journal = \"{folder}/fencer.jsonl\"\ncontrol_socket = \"{folder}/fencer.sock\"\n\
             [[link]]\nname = \"ring0\"\n[[link]]\nname = \"ring1\"\n{nodes}"
        );
        fs::write(place.config(), text).unwrap();
        place
    }

    fn node(&self, id: u8) -> String {
        let key = self.path(&format!("node{id}.key"));
        let made = Command::new(PALISADE).arg("keygen").arg(key).output().unwrap();
        format!(
            "[[node]]\nname = \"node{id}\"\nid = {id}\n{}\
             addresses = [\"127.77.0.{id}\", \"127.77.1.{id}\"]\n\
             [node.watchdog]\nbackend = \"sim\"\nsocket = \"{}\"\ntimeout_ms = 1000\nfire_ms = 1000\n",
            out(&made),
            self.path(&format!("dog{id}")).display()
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("palisade.toml")
    }

    fn palisade(&self, words: &[&str]) -> Output {
        self.run(&[&["--node", "node1"], words].concat())
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(PALISADE).arg("--config").arg(self.config()).args(words).output().unwrap()
    }

    fn daemon(&self) -> Output {
        let daemon = env!("CARGO_BIN_EXE_palisade-fencer");
        let config = self.config();
        Command::new(daemon).arg("--config").arg(config).args(["--node", "node1"]).output().unwrap()
    }

    /// An agent that takes an order up, or is in these phases, one a connection.
    fn answering(&self, socket: &str, phases: Vec<String>) -> JoinHandle<Vec<String>> {
        let listener = UnixListener::bind(self.path(socket)).unwrap();
        let say = move |phase: &String| {
            let mut asker = listener.accept().unwrap().0;
            let mut line = String::new();
            BufReader::new(asker.try_clone().unwrap()).read_line(&mut line).unwrap();
            let words = match phase.as_str() {
                "accepted" => "{\"answer\":\"accepted\",\"at_ns\":1}".to_owned(),
                phase => format!("{{\"answer\":\"status\",\"phase\":\"{phase}\"}}"),
            };
            writeln!(asker, "{words}").unwrap();
            line
        };
        std::thread::spawn(move || phases.iter().map(say).collect())
    }

    /// A fencer that gives these answers, one a connection, and then tells what it was asked.
    fn fencer(&self, answers: Vec<Answer>) -> JoinHandle<Vec<Request>> {
        let socket = self.path("fencer.sock");
        drop(fs::remove_file(&socket));
        let listener = UnixListener::bind(Path::new(&socket)).unwrap();
        std::thread::spawn(move || {
            let answer = |answer: &Answer| reply(listener.accept().unwrap().0, answer);
            answers.iter().map(answer).collect()
        })
    }
}

const PALISADE: &str = env!("CARGO_BIN_EXE_palisade");

fn reply(mut asker: UnixStream, answer: &Answer) -> Request {
    let mut line = String::new();
    BufReader::new(asker.try_clone().unwrap()).read_line(&mut line).unwrap();
    writeln!(asker, "{}", serde_json::to_string(answer).unwrap()).unwrap();
    serde_json::from_str(&line).unwrap()
}

fn status(verdict: Option<Verdict>) -> Answer {
    let node = NodeStatus { name: "node3".into(), id: 3, verdict, ..NodeStatus::default() };
    let case =
        CaseStatus { node: "node3".into(), state: "off sent".into(), ..CaseStatus::default() };
    Answer::Status(Box::new(Status {
        cluster: "pair".into(),
        node: "node1".into(),
        voters: 3,
        voters_heard: 3,
        stand: Stand::Serving,
        nodes: vec![node],
        cases: vec![case],
        ..Status::default()
    }))
}

fn verdict(end: End, detail: &str, at_ns: u64) -> Verdict {
    Verdict { end, detail: detail.into(), at_ns }
}
