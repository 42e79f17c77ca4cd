//! Where a password may be seen: not among processes, not in a core, not where it was read.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use palisade_host::clock;
use palisade_tests::ipmi_sim::{IpmiSim, PASSWORD, USER};

use super::metadata::parameters;
use super::rig::{
    AMPLE, access, by_stdin, ended_by, free_port, ours, run, stderr, stdout, with, words,
};

/// An agent in the middle of its work: the machine takes the order and stays on.
fn waiting(simulator: &IpmiSim, more: &str) -> Child {
    simulator.stick("0");
    let options =
        with(&access(simulator.address()), &format!("power_timeout=60 action=off {more}"));
    let trace = simulator.path("trace");
    let options = with(&options, &format!("debug_file={} verbose_level=2", trace.display()));
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "ulimit -c unlimited; exec \"$0\""]).arg(ours());
    let said = File::create(simulator.path("said")).unwrap();
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(said).spawn().unwrap();
    child.stdin.take().unwrap().write_all((options.join("\n") + "\n").as_bytes()).unwrap();
    // By then it has logged in, ordered, and read.
    let by = clock::now() + AMPLE;
    while !simulator.was_ordered("0") {
        assert!(clock::now() < by, "no order came");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    child
}

/// Whatever `ps` shows of a process and its children: words, and environment to those who may. A child
/// that is not yet another program still has its parent's memory, and so its parent's environment.
fn shown_by_ps(root: u32) -> Vec<(String, Vec<u8>)> {
    let mut shown = Vec::new();
    for id in family(root) {
        let program = fs::read_link(format!("/proc/{id}/exe"));
        let is_other = program.is_ok_and(|program| program != ours());
        let files = if is_other { &["cmdline", "environ"][..] } else { &["cmdline"] };
        let paths = files.iter().map(|file| format!("/proc/{id}/{file}"));
        // A process may end meanwhile.
        shown.extend(paths.filter_map(|path| fs::read(&path).ok().map(|bytes| (path, bytes))));
    }
    shown
}

/// A process, its children, and theirs.
fn family(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(one) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, parent)| *parent == one).map(|(id, _)| *id));
        next += 1;
    }
    family
}

fn parent(id: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn nobody_sees_the_password_among_the_processes() {
    let simulator = IpmiSim::start();
    let file = simulator.path("secret");
    fs::write(&file, PASSWORD).unwrap();
    let script = simulator.path("script");
    fs::write(&script, format!("#!/bin/sh\nsleep 0.3\ncat {}\n", file.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = access(simulator.address());
    options.retain(|word| !word.starts_with("password="));
    let options = with(&options, &format!("password_script={} action=status", script.display()));
    let mut agent = Command::new(ours())
        // Of its own choice the caller may do this; a child inherits nothing of it.
        .env("FENCE_PALISADE_PASSWORD", "of-the-environment")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    agent.stdin.take().unwrap().write_all((options.join("\n") + "\n").as_bytes()).unwrap();
    let mut looks = 0;
    let status = loop {
        for (path, bytes) in shown_by_ps(agent.id()) {
            assert!(!contains(&bytes, PASSWORD.as_bytes()), "{path}");
            let inherited = contains(&bytes, b"of-the-environment");
            assert!(!inherited, "{path} has the agent's variable");
        }
        looks += 1;
        if let Some(status) = agent.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(0));
    assert!(looks > 3, "looked {looks} times");
}

#[test]
fn a_password_on_the_command_line_is_readable_for_no_longer_than_the_start() {
    let simulator = IpmiSim::start();
    let (ip, port) = (simulator.address().ip(), simulator.address().port());
    for password in [
        words(&format!("-p {PASSWORD}")),
        words(&format!("-Pp{PASSWORD}")),
        words(&format!("--password {PASSWORD}")),
        words(&format!("--password={PASSWORD}")),
        words(&format!("-Pp {PASSWORD} --password {PASSWORD}")),
    ] {
        simulator.set_power("1");
        simulator.stick("0");
        let mut agent = Command::new(ours());
        agent.args(words(&format!("-a {ip} -u {port} -l {USER} -o off --power-timeout=1")));
        let mut agent = agent.args(&password).stderr(Stdio::null()).spawn().unwrap();
        let by = clock::now() + AMPLE;
        // It has logged in, so that its words were read; and it is not over.
        while simulator.orders().is_empty() {
            assert!(clock::now() < by, "no order came: {password:?}");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let shown = fs::read(format!("/proc/{}/cmdline", agent.id())).unwrap();
        assert!(contains(&shown, b"--power-timeout=1"), "the rest of its words is shown");
        assert!(!contains(&shown, PASSWORD.as_bytes()), "{}", String::from_utf8_lossy(&shown));
        agent.wait().unwrap();
    }
}

#[test]
fn a_core_is_not_dumped_and_the_lines_that_it_read_are_wiped() {
    let simulator = IpmiSim::start();
    let mut agent = waiting(&simulator, "");
    let limits = fs::read_to_string(format!("/proc/{}/limits", agent.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    let raw = format!("password={PASSWORD}");
    let image = image(&agent);
    assert!(contains(&image, USER_LINE), "the image was read: the user's name stands in it");
    assert!(!contains(&image, raw.as_bytes()), "the line with the password is still in memory");

    let ended = ended_by(&mut agent, Signal::SIGABRT);
    let said = fs::read_to_string(simulator.path("said")).unwrap_or_default();
    assert!(ended.signal() == Some(6) && !ended.core_dumped(), "{ended:?} {said}");
    let trace = fs::read_to_string(simulator.path("trace")).unwrap_or_default();
    assert!(!trace.contains(PASSWORD), "{trace}");
}

/// A line end that got lost, or words that were quoted as one.
#[test]
fn no_option_shows_a_password_that_stands_in_its_line() {
    let access = access(free_port());
    let metadata = stdout(&by_stdin(ours(), &words("action=metadata")));
    let mut names: Vec<String> = parameters(&metadata).into_keys().collect();
    assert!(names.len() > 40, "read only {names:?}");
    names.push("nodename".to_owned());
    for name in &names {
        for (value, between) in
            [("1", " "), ("10.0.0.1", "\r"), ("off", " action=off "), ("", "\t")]
        {
            let mut options = with(&access, "verbose_level=2 action=off fencer_socket=/nobody");
            options.push(format!("{name}={value}{between}password={PASSWORD}"));
            shows_no_password(&by_stdin(ours(), &options), &options);
            options.push("via=fencer".to_owned());
            shows_no_password(&by_stdin(ours(), &options), &options);
        }
        let word = [format!("--{}=1 -p {PASSWORD}", name.replace('_', "-"))];
        shows_no_password(&run(ours(), &word, ""), &word);
    }
    for word in [format!("-a1 -p {PASSWORD}"), format!("--ip 1 --password {PASSWORD}")] {
        let word = [word];
        shows_no_password(&run(ours(), &word, ""), &word);
    }
}

fn shows_no_password(output: &Output, options: &[String]) {
    let shown = [stderr(output), stdout(output)].concat();
    assert!(!shown.contains(PASSWORD), "{shown} of {options:?}");
}

/// The user's name, which is no secret.
const USER_LINE: &[u8] = USER.as_bytes();

/// All writable memory of a process.
fn image(process: &Child) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.id())).unwrap();
    let mut memory = File::open(format!("/proc/{}/mem", process.id())).unwrap();
    let mut image = Vec::new();
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (begin, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let [begin, end] = [begin, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        memory.seek(SeekFrom::Start(begin)).unwrap();
        // Of a stack's guard nothing can be read.
        (&mut memory).take(end - begin).read_to_end(&mut image).unwrap_or_default();
    }
    image
}
