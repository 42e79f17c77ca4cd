//! Pacemaker's own fencer, alone, with the agent as its device.
//!
//! It runs whatever stands in `/usr/sbin`, and listens at one name of the machine: so all of it happens
//! in a mount and a network namespace of its own, where the agent lies over `fence_dummy`. Needs root, or
//! `sudo` that asks nothing.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use palisade_host::clock;
use palisade_tests::ipmi_sim::IpmiSim;

use super::cluster::written;
use super::rig::{AMPLE, access, as_root, ours, stderr, stdout};

const FENCED: &str = "/usr/lib/pacemaker/pacemaker-fenced";

/// The variable that says where the agent is: nothing can be built in there.
const AGENT: &str = "PALISADE_TEST_AGENT";

/// What it lies over, in the namespace only.
const COVERED: &str = "/usr/sbin/fence_dummy";

#[test]
fn pacemakers_fencer_fences_through_the_agent() {
    for needed in [FENCED, "/usr/sbin/stonith_admin", COVERED] {
        let packages = "pacemaker pacemaker-cli-utils fence-agents";
        assert!(Path::new(needed).is_file(), "{needed} is missing: apt-get install {packages}");
    }
    let agent = ours().display().to_string();
    let story = "pacemaker::within_a_namespace_of_its_own";
    let mut command = as_root("unshare", AGENT);
    command
        .env(AGENT, agent)
        .args(["--mount", "--net", "--"])
        .arg(std::env::current_exe().unwrap());
    let output = command.args(["--exact", story, "--ignored", "--nocapture"]).output().unwrap();
    let (out, err) = (stdout(&output), stderr(&output));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

#[test]
#[ignore = "started by pacemakers_fencer_fences_through_the_agent, which gives it its namespace"]
fn within_a_namespace_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder.path().join("dev"));
    let system_log = SystemLog::listen();
    let simulators = [1, 2].map(|last| IpmiSim::start_at(Ipv4Addr::new(127, 0, 0, last), ""));
    let [one, two] = &simulators;
    let config = written(folder.path(), &[("alpha", one.address()), ("beta", two.address())], "");
    let fenced = Fenced::start(folder.path());

    // It is asked which nodes it can fence.
    let config = format!("config={}", config.display());
    let debug = folder.path().join("debug");
    let debug_file = format!("debug_file={}", debug.display());
    let device = [&config, "pcmk_host_check=dynamic-list", "power_wait=0", &debug_file];
    fenced.must("-R all -a fence_dummy", &device);
    fenced.must("-B alpha -t 20", &[]);
    fenced.must("-F beta -t 20", &[]);
    assert_eq!((one.power().as_str(), two.power().as_str()), ("1", "0"));
    fenced.must("-U beta -t 20", &[]);
    assert_eq!(two.power(), "1");

    // What Pacemaker shows of a failure is what the agent said. One that it kills has said it before, at the first of
    // two orders that it gave again.
    two.stick("0");
    let killed = fenced.ask("-F beta -t 11", &[]);
    assert_ne!(killed.status.code(), Some(0));
    assert_eq!(two.power(), "1");
    let told = system_log.warnings();
    let [told] = told.as_slice() else { panic!("once, and no more: {told:?}") };
    let address = two.address().to_string();
    for part in [
        "power is still on ",
        " s after off was ordered: bmc ",
        &address,
        "ordered 2 times, read on at ",
        "look at the machine",
    ] {
        assert!(told.contains(part), "{part:?} is missing: {told}");
    }
    let shown = fs::read_to_string(&debug).unwrap();
    assert!(shown.contains("WARN: power is still on "), "{shown}");
    fenced.must("-D all", &[]);

    // One BMC by its address, as fence_ipmilan is used: nobody names its nodes, so it is asked for the
    // status of each.
    let mut options = access(one.address());
    options.retain(|word| word != "lanplus=1");
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    fenced.must("-R one -a fence_dummy", &options);
    fenced.must("-F gamma -t 20", &[]);
    assert_eq!(one.power(), "0");
    fenced.must("-D one", &[]);

    let right = options.iter().copied().filter(|word| !word.starts_with("password="));
    let wrong: Vec<&str> = right.chain(["password=wrong"]).collect();
    fenced.must("-R wrong -a fence_dummy", &wrong);
    assert_ne!(fenced.ask("-F gamma -t 20", &[]).status.code(), Some(0));
    let log = fenced.log();
    assert!(log.contains("wrong password"), "{log}");
    assert!(!log.contains(palisade_tests::ipmi_sim::PASSWORD), "{log}");
}

/// Only here: the agent in the place of another, a loopback, and devices of its own, made in the folder `dev`, which
/// have no shared memory of others and no system's log.
fn prepare(dev: &Path) {
    let agent = std::env::var(AGENT).expect("where the agent is");
    let dev = dev.display();
    do_as_told(&format!("mount --bind {agent} {COVERED}"));
    do_as_told("ip link set lo up");
    do_as_told(&format!("mkdir {dev}"));
    do_as_told(&format!("mount -t tmpfs none {dev}"));
    do_as_told(&format!("mkdir {dev}/shm"));
    for device in ["null", "zero", "random", "urandom"] {
        do_as_told(&format!("touch {dev}/{device}"));
        do_as_told(&format!("mount --bind /dev/{device} {dev}/{device}"));
    }
    do_as_told(&format!("mount --rbind {dev} /dev"));
}

fn do_as_told(line: &str) {
    let (program, args) = line.split_once(' ').unwrap();
    let done = Command::new(program).args(args.split(' ')).output().unwrap();
    assert!(done.status.success(), "{line}: {}", stderr(&done));
}

/// The system's log, of which each line is taken at once: some wait until theirs is.
struct SystemLog(Receiver<String>);

impl SystemLog {
    fn listen() -> Self {
        let (tell, lines) = channel();
        let log = UnixDatagram::bind("/dev/log").unwrap();
        std::thread::spawn(move || {
            let mut line = [0; 2_000];
            while let Ok(length) = log.recv(&mut line) {
                let told = tell.send(String::from_utf8_lossy(&line[..length]).into_owned());
                told.expect("the story goes on");
            }
        });
        Self(lines)
    }

    /// What the agent has warned of since this was asked last.
    fn warnings(&self) -> Vec<String> {
        self.0.try_iter().filter(|line| line.starts_with("<28>fence_palisade[")).collect()
    }
}

/// `pacemaker-fenced`, alone.
struct Fenced {
    running: Child,
    log: PathBuf,
}

impl Fenced {
    fn start(folder: &Path) -> Self {
        let log = folder.join("fenced.log");
        let mut command = Command::new(FENCED);
        command.args(["--stand-alone", "-V", "-l"]).arg(&log);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let fenced = Self { running: command.spawn().unwrap(), log };
        let by = clock::now() + AMPLE;
        while !fenced.ask("-L", &[]).status.success() {
            assert!(clock::now() < by, "it does not answer: {}", fenced.log());
            std::thread::park_timeout(Duration::from_millis(50));
        }
        fenced
    }

    /// `options` are for the device.
    fn ask(&self, line: &str, options: &[&str]) -> Output {
        let mut command = Command::new("/usr/sbin/stonith_admin");
        command.args(line.split(' '));
        for option in options {
            command.args(["-o", option]);
        }
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn must(&self, line: &str, options: &[&str]) {
        let done = self.ask(line, options);
        let said = format!("{}{}", stdout(&done), stderr(&done));
        assert!(done.status.success(), "{line}: {said}\n{}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        let ended = self.running.kill().and_then(|()| self.running.wait());
        ended.expect("pacemaker-fenced can be ended");
    }
}
