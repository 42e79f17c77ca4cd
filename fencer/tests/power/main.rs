//! `palisade power` and `palisade check-config --bmc` as a person runs them: the real binary, at
//! simulated BMCs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod audit;
mod lossy;
mod rack;
#[path = "../said/mod.rs"]
mod said;
mod silent;

use std::io::Read as _;
use std::process::{Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_hw::fault::{Kind, Times};
use rack::{Rack, USER};
use said::{code, err, out};
use serde_json::Value;
use silent::{Silent, unresolving};

#[test]
fn many_machines_in_the_same_state_are_one_line() {
    let rack = Rack::new(5);
    let read = rack.power(&["status"]);
    assert_eq!((code(&read), out(&read)), (0, format!("{} on\n", rack.list())), "{}", err(&read));
    assert_eq!(err(&read), "", "nobody looks on: no progress is shown");
}

#[test]
fn a_machine_that_cannot_be_read_has_a_line_of_its_own_and_the_code_is_3() {
    let rack = Rack::new(5);
    rack.break_one(2, Kind::Hang);
    let read = rack.power(&["status", "--timeout", "300ms"]);
    assert_eq!(code(&read), 3, "{}", err(&read));
    let text = out(&read);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    let silent = rack.host(2);
    assert!(lines[1].starts_with(&format!("{silent} unknown: ")), "{text}");
    assert!(lines[1].contains("silent"), "{text}");
    assert!(!lines[0].contains(&silent), "no machine stands twice: {text}");
    assert!(err(&read).contains("4 of 5 read"), "{}", err(&read));
}

#[test]
fn off_is_done_when_every_machine_was_read_off_twice_and_on_brings_them_back() {
    let rack = Rack::new(3);
    let off = rack.power(&["off", "--json"]);
    assert_eq!(code(&off), 0, "{}", err(&off));
    let rows = rows(&off);
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!((&row["power"], &row["ok"]), (&"off".into(), &true.into()), "{row}");
        let proof = row["proof"].as_str().unwrap();
        assert!(proof.matches("read off").count() >= 2, "{proof}");
    }
    assert!((0..3).all(|number| !rack.is_on(number)));
    let on = rack.power(&["on"]);
    assert_eq!((code(&on), out(&on)), (0, format!("{} on\n", rack.list())), "{}", err(&on));
}

#[test]
fn a_machine_that_stays_on_is_told_and_the_code_is_1() {
    let rack = Rack::new(3);
    rack.break_one(0, Kind::IgnoreOff(Times::Always));
    let off = rack.power(&["off", "--timeout", "1s"]);
    assert_eq!(code(&off), 1, "{}", err(&off));
    let text = out(&off);
    assert!(text.contains(&format!("{} on: ", rack.host(0))), "{text}");
    assert!(text.lines().next().unwrap().ends_with(" off"), "{text}");
    assert!(err(&off).contains("2 of 3 off, 1 not"), "{}", err(&off));
}

#[test]
fn more_than_sixteen_machines_go_off_only_with_their_number_said() {
    let rack = Rack::new(17);
    for words in [&["off"][..], &["off", "--yes", "16"]] {
        let refused = rack.power(words);
        assert_eq!(code(&refused), 4, "{}", err(&refused));
        assert!(err(&refused).contains("--yes 17"), "{}", err(&refused));
        assert!((0..17).all(|number| rack.is_on(number)), "nothing was sent");
    }
    assert_eq!(code(&rack.power(&["off", "--yes", "17"])), 0);
    assert!((0..17).all(|number| !rack.is_on(number)));
}

#[test]
fn a_mistake_on_the_command_line_ends_with_2_before_anything_is_sent() {
    let rack = Rack::new(1);
    let list = rack.list();
    let secret = rack.secret();
    let account = ["--user", USER, "--password-file", &secret];
    let mistakes: [(&[&str], &str); 6] = [
        (&["power", "off"], "which machines"),
        (&["power", "off", "-h", &list], "--user"),
        (&["power", "off", "node1", "-h", &list], "cannot be used with"),
        (&["power", "cycle", "-h", &list], "status, on, off"),
        (
            &["power", "off", "node9"],
            "no node \"node9\" in the configuration; allowed: node1, node2",
        ),
        (&["power", "off", "--all", "--user", USER], "--hosts"),
    ];
    for (words, told) in mistakes {
        let refused = rack.palisade(words);
        assert_eq!(code(&refused), 2, "{words:?}: {}", err(&refused));
        assert!(err(&refused).contains(told), "{words:?}: {}", err(&refused));
    }
    let wrong = [&["power", "off", "-h", "10.0.0.[9-1]"], &account[..]].concat();
    let refused = rack.palisade(&wrong);
    assert_eq!(code(&refused), 2, "{}", err(&refused));
    assert!(err(&refused).contains("host list, column 9: the range 9-1"), "{}", err(&refused));
    assert!(rack.is_on(0));
    assert_eq!(code(&rack.palisade(&["power", "--help"])), 0);
}

#[test]
fn a_machine_named_twice_is_said_and_asked_once() {
    let rack = Rack::new(2);
    let list = format!("{},{}", rack.list(), rack.host(1));
    let read = rack.power_at(&list, &["status", "--json"]);
    assert_eq!(code(&read), 0, "{}", err(&read));
    assert_eq!(rows(&read).len(), 2);
    assert!(err(&read).contains(&format!("asked once: {}", rack.host(1))), "{}", err(&read));
}

#[test]
fn a_password_that_is_refused_is_told_and_never_shown() {
    let rack = Rack::new(1);
    let other = rack.file("other", "wrong horse 13");
    let words = ["power", "status", "-h", &rack.list(), "--user", USER, "--password-file", &other];
    let read = rack.palisade(&words);
    assert_eq!(code(&read), 3, "{}", err(&read));
    assert!(out(&read).contains("wrong password"), "{}", out(&read));
    assert!(!out(&read).contains("horse") && !err(&read).contains("horse"));
}

#[test]
fn nodes_of_the_configuration_need_no_list_and_no_account() {
    let rack = Rack::new(3);
    let off = rack.palisade(&["power", "off", "node2"]);
    assert_eq!((code(&off), out(&off)), (0, "node2 off\n".to_owned()), "{}", err(&off));
    assert!(err(&off).contains("palisade fence NODE"), "{}", err(&off));
    assert!(rack.is_on(0) && !rack.is_on(1) && rack.is_on(2));
    let all = rack.palisade(&["power", "status", "--all"]);
    assert_eq!(out(&all), "node[1,3] on\nnode2 off\n", "{}", err(&all));
}

#[test]
fn an_interrupt_tells_what_is_known_of_every_machine() {
    let rack = Rack::new(40);
    for number in 20..40 {
        rack.break_one(number, Kind::Hang);
    }
    let list = rack.list();
    let mut command = rack.command(&["power", "off", "-h", &list, "--json", "--yes", "40"]);
    command.args(["--user", USER, "--password-file", &rack.secret()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    rack.wait_until_off(20);
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(text.lines().count(), 40);
    assert!(text.lines().filter(|line| line.contains("interrupted")).count() >= 20, "{text}");
}

#[test]
fn an_interrupt_tells_which_machines_were_not_begun_and_that_reading_orders_nothing() {
    let (rack, silent) = (Rack::new(3), Silent::new());
    let list = format!("{},{}", silent.host(), rack.list());
    for (act, told) in [("status", "no order was sent"), ("off", "an order may have been sent")] {
        let words = [act, "--json", "--at-most", "1"];
        let ended = rack.ended_by(Signal::SIGINT, &[], &list, &words, || silent.is_asked());
        assert_eq!(code(&ended), 3, "{}", err(&ended));
        let whys = rows(&ended).iter().map(|row| row["why"].to_string()).collect::<Vec<_>>();
        assert!(whys[0].contains(told), "{whys:?}");
        assert_eq!(whys.len(), 4);
        assert!(
            whys[1..].iter().all(|why| why.contains("not begun, nothing was sent")),
            "{whys:?}"
        );
    }
    assert!((0..3).all(|number| rack.is_on(number)));
}

#[test]
fn what_is_known_is_told_when_the_terminal_is_gone() {
    let (rack, silent) = (Rack::new(1), Silent::new());
    let list = format!("{},{}", rack.list(), silent.host());
    let (starter, words) = (["env", "--default-signal=HUP"], ["off", "--json"]);
    let ended = rack.ended_by(Signal::SIGHUP, &starter, &list, &words, || silent.is_asked());
    assert_eq!(code(&ended), 3, "{}", err(&ended));
    let rows = rows(&ended);
    assert_eq!(rows.len(), 2);
    assert!(rows[1]["why"].to_string().contains("an order may have been sent"), "{}", rows[1]);
}

#[test]
fn under_nohup_a_terminal_that_is_gone_ends_nothing() {
    let (rack, silent) = (Rack::new(1), Silent::new());
    let (starter, words) = (["env", "--ignore-signal=HUP"], ["status", "--timeout", "1s"]);
    let ended =
        rack.ended_by(Signal::SIGHUP, &starter, &silent.host(), &words, || silent.is_asked());
    assert!(out(&ended).contains("silent"), "it was waited for: {}", out(&ended));
}

#[test]
fn a_name_that_nobody_resolves_holds_up_neither_the_time_limit_nor_an_interrupt() {
    let rack = Rack::new(1);
    let fifo = rack.fifo();
    let starter = unresolving(&fifo);
    let starter: Vec<&str> = starter.iter().map(String::as_str).collect();
    let words = ["power", "status", "-h", "nobody", "--user", USER, "--password-file"];
    let secret = rack.secret();
    let limited = [&words[..], &[&secret, "--timeout", "300ms"]].concat();
    let read = rack.command_under(&starter, &limited).output().unwrap();
    assert!(out(&read).contains("no answer in"), "{}{}", out(&read), err(&read));
    assert_eq!(code(&read), 3, "{}", err(&read));
    let list = format!("{},nobody", rack.list());
    let off = rack.ended_by(Signal::SIGINT, &starter, &list, &["off"], || rack.wait_until_off(1));
    assert_eq!(code(&off), 3, "{}", err(&off));
    assert!(out(&off).contains("nobody unknown: interrupted"), "{}", out(&off));
}

#[test]
fn a_name_that_nobody_resolves_does_not_hold_up_an_audit() {
    let rack = Rack::new(1);
    rack.configure_power(&[rack.bmc("nobody:623", "")]);
    let fifo = rack.fifo();
    let starter = unresolving(&fifo);
    let starter: Vec<&str> = starter.iter().map(String::as_str).collect();
    let audit = rack.command_under(&starter, &["check-config", "--bmc"]).output().unwrap();
    assert!(out(&audit).contains("no answer in"), "{}{}", out(&audit), err(&audit));
    assert_eq!(code(&audit), 3, "{}", err(&audit));
}

#[test]
fn a_node_that_ipmi_does_not_reach_is_told_with_its_other_ways() {
    let rack = Rack::new(1);
    rack.configure_power(&[rack.bmc(&rack.host(0), ""), rack.redfish("https://127.0.0.9")]);
    let one = rack.palisade(&["power", "status", "node2"]);
    assert_eq!(code(&one), 2, "{}", err(&one));
    assert!(err(&one).contains("its ways are redfish https://127.0.0.9"), "{}", err(&one));
    let all = rack.palisade(&["power", "status", "--all"]);
    assert_eq!((code(&all), out(&all).as_str()), (0, "node1 on\n"), "{}", err(&all));
    assert!(err(&all).contains("left out: node node2"), "{}", err(&all));
    rack.configure_power(&[rack.redfish("https://127.0.0.9")]);
    let none = rack.palisade(&["power", "status", "--all"]);
    assert_eq!(code(&none), 2, "{}", err(&none));
    assert!(err(&none).contains("no node has a [node.bmc]; node node1"), "{}", err(&none));
}

#[test]
fn a_result_that_nobody_gets_is_no_success() {
    let rack = Rack::new(1);
    let shell = ["sh", "-c", "exec \"$@\" >&-", "sh"];
    let (list, secret) = (rack.list(), rack.secret());
    let account = ["-h", &list, "--user", USER, "--password-file", &secret];
    let words = [&["power", "status"][..], &account].concat();
    let lost = rack.command_under(&shell, &words).output().unwrap();
    assert_eq!(code(&lost), 3, "{}", err(&lost));
    assert!(err(&lost).contains("standard output: Bad file descriptor"), "{}", err(&lost));
    let unwanted = rack.command(&words).stdout(Stdio::null()).output().unwrap();
    assert_eq!(code(&unwanted), 0, "{}", err(&unwanted));
}

#[test]
fn silent_machines_do_not_hold_up_the_others() {
    let rack = Rack::new(700);
    for number in 0..500 {
        rack.break_one(number, Kind::Hang);
    }
    let off = rack.power(&["off", "--yes", "700", "--timeout", "5s", "--json"]);
    assert_eq!(code(&off), 3, "{}", err(&off));
    let done = rows(&off).iter().filter(|row| row["ok"] == true).count();
    assert_eq!(done, 200, "all that live");
}

#[test]
fn of_ten_thousand_machines_none_is_lost() {
    let rack = Rack::new(10_000);
    rack.break_one(4_711, Kind::IgnoreOff(Times::Always));
    let off = rack.power(&["off", "--yes", "10000", "--timeout", "20s", "--json"]);
    assert_eq!(code(&off), 1, "{}", err(&off));
    let rows = rows(&off);
    assert_eq!(rows.len(), 10_000);
    let hosts = rows.iter().map(|row| row["host"].as_str().unwrap());
    assert!(hosts.eq((0..10_000).map(|number| rack.host(number))), "each once, in their order");
    let done = rows.iter().filter(|row| row["ok"] == true).count();
    assert_eq!(done, 9_999, "{:?}", rows.iter().find(|row| row["ok"] == false));
}

fn rows(output: &Output) -> Vec<Value> {
    let text = out(output);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
