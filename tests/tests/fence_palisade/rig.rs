//! How both agents are called, and what they are asked of them.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::ipmi_sim::{PASSWORD, USER, free_port_at, own_address};
use palisade_tests::programs::tested;

/// Far longer than anything here takes, so that only a hang meets it.
pub(super) const AMPLE: Duration = Duration::from_secs(10);
/// A port at which nothing listens, at an address that no other test of this process uses.
pub(super) fn free_port() -> SocketAddr {
    free_port_at(own_address())
}

/// The options to reach a BMC, as `name=value` words.
pub(super) fn access(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), address.port());
    words(&format!(
        "ip={ip} ipport={port} username={USER} password={PASSWORD} lanplus=1 cipher=3 power_wait=0"
    ))
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The same for an account that may not administer.
pub(super) fn access_operator(address: SocketAddr) -> Vec<String> {
    with(&access(address), "privlvl=operator")
}

/// The agent under test, built if need be.
pub(super) fn ours() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| tested("palisade-fencer", "fence_palisade").unwrap())
}

/// The agent of fence-agents.
pub(super) fn theirs() -> &'static Path {
    let path = Path::new("/usr/sbin/fence_ipmilan");
    assert!(path.is_file(), "fence_ipmilan is missing: apt-get install fence-agents ipmitool");
    path
}

pub(super) fn start(agent: &Path, args: &[String], input: &str) -> Child {
    let mut child = Command::new(agent)
        .args(args)
        .env_remove("PCMK_service")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // An agent that takes its options from the command line may be gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap_or_default();
    child
}

/// Sends a signal, and waits for the end that it makes.
pub(super) fn ended_by(child: &mut Child, signal: Signal) -> ExitStatus {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    child.wait().unwrap()
}

/// A file that only this user may read.
pub(super) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// `program` as root: this user, or by `sudo` that asks nothing and keeps these variables.
pub(super) fn as_root(program: &str, kept: &str) -> Command {
    if nix::unistd::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", &format!("--preserve-env={kept}"), program]);
    command
}

pub(super) fn run(agent: &Path, args: &[String], input: &str) -> Output {
    start(agent, args, input).wait_with_output().unwrap()
}

/// `name=value` words on standard input.
pub(super) fn by_stdin(agent: &Path, options: &[String]) -> Output {
    run(agent, &[], &(options.join("\n") + "\n"))
}

pub(super) fn code(output: &Output) -> i32 {
    output.status.code().expect("the agent was ended by a signal")
}

pub(super) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(super) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// It failed with exit code 1 and one line that has `evidence` and not the password.
pub(super) fn assert_fails(output: &Output, evidence: &str) {
    let said = stderr(output);
    assert_eq!(code(output), 1, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(evidence), "{evidence:?} is missing: {said}");
    assert!(!said.contains(PASSWORD) && output.stdout.is_empty(), "{said}");
}

/// `options` and then `more`, which overwrite them.
pub(super) fn with(options: &[String], more: &str) -> Vec<String> {
    let mut all = options.to_vec();
    all.extend(words(more));
    all
}

/// The short form of the options to reach a simulator.
pub(super) fn short(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), address.port());
    words(&format!("-a {ip} -u {port} -l {USER} -p {PASSWORD} -PC3 --power-wait=0"))
}

/// The long form of them.
pub(super) fn long(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), address.port());
    words(&format!(
        "--ip={ip} --ipport {port} --username={USER} --password={PASSWORD} --lanplus --cipher 3 \
         --power-wait=0"
    ))
}
