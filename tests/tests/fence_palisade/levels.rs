//! A node with several ways to its power: one after the other, each judged by itself.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Output};
use std::time::Duration;

use palisade_host::clock;
use palisade_tests::ipmi_sim::{IpmiSim, PASSWORD};
use tempfile::TempDir;

use super::cluster::written;
use super::rig::{
    access, assert_fails, by_stdin, code, free_port, ours, start, stderr, stdout, with, words,
};

/// What every agent answers to `metadata`; then `$action` is the one asked for, and noted.
const PREAMBLE: &str = "#!/bin/bash\nwhile IFS= read -r line; do\n\
    case $line in action=*) action=${line#action=} ;; esac\ndone\n\
    [ $action = metadata ] && { echo '<resource-agent name=\"fence_script\">'; exit 0; }\n\
    cd $(dirname $0) && echo -n \"$action \" >>seen\n";

/// A fence agent of a few lines, in a folder of its own.
pub(super) struct Script(TempDir);

impl Script {
    /// Does what `body` says with `$action`, in its folder.
    pub(super) fn new(body: &str) -> Self {
        let script = Self(tempfile::tempdir().unwrap());
        let program = script.path("fence_script");
        fs::write(&program, format!("{PREAMBLE}{body}\n")).unwrap();
        fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
        script
    }

    /// Switches a machine that is on.
    pub(super) fn of_a_machine() -> Self {
        let body = "case $action in on|off) echo $action >power ;;\n\
                    *) [ $(cat power) = on ] && exit 0; exit 2 ;; esac";
        let script = Self::new(body);
        fs::write(script.path("power"), "on").unwrap();
        script
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Its machine's power.
    pub(super) fn power(&self) -> String {
        fs::read_to_string(self.path("power")).unwrap().trim().to_owned()
    }

    /// The actions it was asked for.
    fn seen(&self) -> String {
        fs::read_to_string(self.path("seen")).unwrap_or_default().trim().to_owned()
    }

    /// As a way to the power of the node before it in a configuration.
    pub(super) fn level(&self) -> String {
        agent(&self.path("fence_script").display().to_string(), "plug = \"3\"")
    }
}

/// `options` as in an inline table.
fn agent(program: &str, options: &str) -> String {
    format!(
        "[[node.power]]\ndevice = \"agent\"\nprogram = \"{program}\"\noptions = {{ {options} }}\n"
    )
}

/// A configuration with one node, `alpha`.
pub(super) struct Alpha(TempDir);

impl Alpha {
    /// With a BMC at an address, then these levels.
    fn with(bmc: SocketAddr, levels: &str) -> Self {
        let alpha = Self(tempfile::tempdir().unwrap());
        let file = written(alpha.0.path(), &[("alpha", bmc)], "");
        fs::write(&file, fs::read_to_string(&file).unwrap() + levels).unwrap();
        alpha
    }

    /// With these levels alone.
    pub(super) fn without_bmc(levels: &str) -> Self {
        let alpha = Self::with(free_port(), levels);
        let file = alpha.0.path().join("palisade.toml");
        let text = fs::read_to_string(&file).unwrap();
        let (before, after) = text.split_once("[node.bmc]").unwrap();
        let rest = after.split_once("[[node.power]]").unwrap().1;
        fs::write(&file, format!("{before}[[node.power]]{rest}")).unwrap();
        alpha
    }

    pub(super) fn ask(&self, more: &str) -> Output {
        by_stdin(ours(), &self.options(more))
    }

    /// Our agent, begun and not waited for, which sees an off through for a minute.
    pub(super) fn start_off(&self) -> Child {
        let options = self.options("plug=alpha power_timeout=60 action=off");
        start(ours(), &[], &(options.join("\n") + "\n"))
    }

    fn options(&self, more: &str) -> Vec<String> {
        let file = self.0.path().join("palisade.toml");
        words(&format!("config={} power_wait=0 {more}", file.display()))
    }
}

#[test]
fn a_way_that_believes_anyone_is_told_by_monitor_and_nothing_is_said_of_what_succeeds() {
    let script = Script::of_a_machine();
    let password = tempfile::NamedTempFile::new().unwrap();
    fs::write(password.path(), "x\n").unwrap();
    let weak = format!(
        "[[node.power]]\ndevice = \"redfish\"\nurl = \"https://{}\"\nuser = \"palisade\"\n\
         password_file = \"{}\"\ntls_insecure = true\n",
        free_port(),
        password.path().display()
    );
    let alpha = Alpha::without_bmc(&(script.level() + &weak));
    for action in ["off", "on", "reboot", "status"] {
        let output = alpha.ask(&format!("plug=alpha action={action}"));
        assert_eq!((code(&output), stderr(&output).as_str()), (0, ""), "{action}");
    }
    let output = alpha.ask("plug=alpha action=monitor");
    let said = stderr(&output);
    assert_eq!(code(&output), 0, "{said}");
    assert!(said.contains("monitor of alpha") && said.contains("(tls_insecure)"), "{said}");
}

#[test]
fn a_dead_bmc_makes_room_for_a_fence_agent_in_every_action() {
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("status");
    fs::write(&file, "on").unwrap();
    let options = format!("type = \"file\", status_file = \"{}\", power_wait = 0", file.display());
    let alpha = Alpha::with(mute.local_addr().unwrap(), &agent("/usr/sbin/fence_dummy", &options));
    let power = || fs::read_to_string(&file).unwrap();
    for (action, wanted, after) in [
        ("status", 0, "on"),
        ("off", 0, "off"),
        ("status", 2, "off"),
        ("on", 0, "on"),
        ("reboot", 0, "on"),
        ("monitor", 0, "on"),
    ] {
        let output = alpha.ask(&format!("plug=alpha ipmitool_timeout=0.5 action={action}"));
        let said = stderr(&output);
        assert_eq!((code(&output), power().as_str()), (wanted, after), "{action}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        let told = format!("warning: {action} of alpha: level 1 of 2: bmc ");
        assert!(said.contains(&told) && !said.contains(PASSWORD), "{said}");
    }
    assert_eq!(stdout(&alpha.ask("ipmitool_timeout=0.5 action=list-status")), "alpha,,ON\n");
    assert_eq!(stdout(&alpha.ask("action=list")), "alpha,\n");
}

/// A refusal is no silence: nobody waits for the time that silence is given.
#[test]
fn a_port_that_refuses_makes_room_at_once() {
    let script = Script::of_a_machine();
    let alpha = Alpha::with(free_port(), &script.level());
    ours();
    let began = clock::now();
    let output = alpha.ask("plug=alpha ipmitool_timeout=30 action=off");
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(clock::now().since(began) < Duration::from_secs(15), "{}", stderr(&output));
    assert!(stderr(&output).contains("port refused"), "{}", stderr(&output));
    assert_eq!(script.seen(), "status off status status");
}

#[test]
fn the_first_way_is_enough_while_it_works() {
    let (simulator, script) = (IpmiSim::start(), Script::of_a_machine());
    let alpha = Alpha::with(simulator.address(), &script.level());
    let output = alpha.ask("plug=alpha action=off");
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert_eq!((simulator.power().as_str(), script.seen().as_str()), ("0", ""));
}

/// The agent itself blocks SIGPIPE, and a mask is inherited.
#[test]
fn no_signal_is_blocked_in_the_programs_that_it_starts() {
    let script = Script::new("grep SigBlk /proc/self/status >mask");
    assert_eq!(code(&Alpha::without_bmc(&script.level()).ask("plug=alpha action=status")), 0);
    let by_agent = fs::read_to_string(script.path("mask")).unwrap();

    let file = script.path("mask").display().to_string();
    let line = format!("password_script=grep SigBlk /proc/self/status >{file}; echo x");
    let options = with(&access(free_port()), "password= action=status");
    assert_fails(&by_stdin(ours(), &[&options[..], &[line]].concat()), "port refused");
    let by_script = fs::read_to_string(script.path("mask")).unwrap();
    assert_eq!([by_agent, by_script], ["SigBlk:\t0000000000000000\n"; 2]);
}

/// The first reads off once, then nothing: what the second reads must be read by it, twice.
#[test]
fn readings_of_two_ways_are_never_added_up() {
    let once = "[ $action = off ] && touch off; [ -e off -a $action = status ] || exit 0; \
                [ -e read ] && exit 1; touch read; exit 2";
    let obeys = "[ $action = off ] && touch off; [ -e off -a $action = status ] && exit 2; exit 0";
    for (body, wanted) in [(obeys, 0), ("exit 0", 1)] {
        let (first, second) = (Script::new(once), Script::new(body));
        let alpha = Alpha::without_bmc(&(first.level() + &second.level()));
        let output = alpha.ask("plug=alpha power_timeout=1 action=off");
        assert_eq!(code(&output), wanted, "{}", stderr(&output));
        assert_eq!(first.seen(), "status off status status");
        assert!(second.seen().starts_with("status off status status"), "{}", second.seen());
        if wanted == 1 {
            assert_fails(&output, "level 2: fence_script plug=3: power is still on");
        }
    }
}

#[test]
fn a_way_that_is_obeyed_in_words_only_makes_room_when_its_time_is_up() {
    let (simulator, script) = (IpmiSim::start(), Script::of_a_machine());
    simulator.stick("0");
    let alpha = Alpha::with(simulator.address(), &script.level());
    let output = alpha.ask("plug=alpha power_timeout=1 action=off");
    assert_eq!((code(&output), script.power().as_str()), (0, "off"), "{}", stderr(&output));
    assert!(stderr(&output).contains("power is still on"), "{}", stderr(&output));
}

#[test]
fn a_rehearsal_tries_every_way_and_fails_when_none_is_left() {
    let (simulator, broken) = (IpmiSim::start(), Script::new("exit 1"));
    let alpha = Alpha::with(simulator.address(), &broken.level());
    let output = alpha.ask("action=monitor");
    let said = stderr(&output);
    assert_eq!((code(&output), said.lines().count()), (0, 1), "{said}");
    assert!(said.contains("warning: monitor of alpha: level 2 of 2: fence_script"), "{said}");
    assert_eq!(simulator.power(), "1");
    drop(simulator);
    let output = alpha.ask("action=monitor");
    assert_fails(&output, "of alpha failed: level 1 of 2: bmc ");
    assert!(stderr(&output).contains(" | level 2 of 2: fence_script"), "{}", stderr(&output));
    let quiet = alpha.ask("plug=alpha quiet=1 action=off");
    assert_eq!((code(&quiet), stderr(&quiet).as_str()), (1, ""));
}
