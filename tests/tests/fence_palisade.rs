//! The fence agent as its callers see it, beside `fence_ipmilan`, against OpenIPMI's `ipmi_sim`.
//!
//! Needs the Debian packages `openipmi`, `fence-agents`, `ipmitool` and `libxml2-utils`. Only
//! processes started here are ended, and only loopback is used.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use palisade_host::clock;
use palisade_hw::bmc::{Bmc, Privilege, Secret, Settings, User};
use palisade_hw::face::rmcp::RmcpFace;
use tempfile::TempDir;

const USER: &str = "palisade";
const PASSWORD: &str = "s3cret-of-the-bmc";

/// Far longer than anything here takes, so that only a hang meets it.
const AMPLE: Duration = Duration::from_secs(10);

/// Where fence-agents keeps the rules for metadata.
const SCHEMA: &str = "/usr/share/cluster/relaxng/metadata.rng";

/// The chassis of the simulated machine: one file with 0 or 1 in it. Beside it, `.stuck-0` and
/// `.stuck-1` make it take an order and ignore it.
const CHASSIS: &str = r#"#!/bin/sh
case "$2 $3" in
"get power") echo "power:$(cat "$1")" ;;
"get boot") echo "boot:default" ;;
"set power") [ -e "$1.stuck-$4" ] || echo "$4" >"$1" ;;
esac
"#;

const EMULATOR: &str = "mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
";

/// A running `ipmi_sim` on a free loopback port.
struct Simulator {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Simulator {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_port();
        write_files(&folder, address);
        let path = |name: &str| folder.path().join(name);
        let log = File::create(path("log")).unwrap();
        let child = Command::new("ipmi_sim")
            .args(["-n", "-c"])
            .arg(path("lan.conf"))
            .arg("-f")
            .arg(path("bmc.emu"))
            .arg("-s")
            .arg(path("state"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("ipmi_sim is missing: apt-get install openipmi");
        let simulator = Self { child, address, folder };
        simulator.wait_until_it_answers();
        simulator
    }

    fn power(&self) -> String {
        fs::read_to_string(self.path("power")).unwrap().trim().to_owned()
    }

    fn set_power(&self, power: &str) {
        fs::write(self.path("power"), power).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let ping = palisade_ipmi::wire::asf_ping(1);
        let by = clock::now() + AMPLE;
        while clock::now() < by {
            let sent = socket.send_to(&ping, self.address);
            if sent.is_ok() && socket.recv(&mut [0; 64]).is_ok() {
                return;
            }
        }
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        panic!("ipmi_sim does not answer at {}: {log}", self.address);
    }

    /// The options to reach it, as `name=value` words.
    fn access(&self) -> Vec<String> {
        access(self.address)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.expect("ipmi_sim can be ended");
    }
}

fn write_files(folder: &TempDir, address: SocketAddr) {
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("state")).unwrap();
    fs::write(path("power"), "1\n").unwrap();
    fs::write(path("chassis"), CHASSIS).unwrap();
    fs::set_permissions(path("chassis"), fs::Permissions::from_mode(0o755)).unwrap();
    let auths: String = ["callback", "user", "operator", "admin"]
        .map(|level| format!("allowed_auths_{level} none md2 md5 straight\n"))
        .concat();
    let text = format!(
        "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\naddr {ip} {port}\npriv_limit admin\n{auths}\
         guid a123456789abcdefa123456789abcdef\nendlan\n\
         chassis_control \"{chassis} {power}\"\nstartnow false\n\
         user 1 true \"\" \"test\" user 10 none md2 md5 straight\n\
         user 2 true \"{USER}\" \"{PASSWORD}\" admin 10 none md2 md5 straight\n",
        ip = address.ip(),
        port = address.port(),
        chassis = path("chassis").display(),
        power = path("power").display(),
    );
    fs::write(path("lan.conf"), text).unwrap();
    fs::write(path("bmc.emu"), EMULATOR).unwrap();
}

/// A loopback address that no other test of this process uses, and a port free there.
fn free_port() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [low, high, ..] = std::process::id().to_le_bytes();
    let last = NEXT.fetch_add(1, Ordering::Relaxed);
    let address = Ipv4Addr::new(127, 128 | high & 0x3f, low, last);
    UdpSocket::bind((address, 0)).unwrap().local_addr().unwrap()
}

fn access(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), address.port());
    words(&format!(
        "ip={ip} ipport={port} username={USER} password={PASSWORD} lanplus=1 cipher=3 power_wait=0"
    ))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The agent under test, built if need be.
fn ours() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let exe = std::env::current_exe().unwrap();
        let place = exe.ancestors().nth(2).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--locked", "--quiet", "-p", "palisade-fencer"]);
        build.args(["--bin", "fence_palisade"]);
        if place.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "fence_palisade does not build");
        place.join("fence_palisade")
    })
}

/// The agent of fence-agents.
fn theirs() -> &'static Path {
    let path = Path::new("/usr/sbin/fence_ipmilan");
    assert!(path.is_file(), "fence_ipmilan is missing: apt-get install fence-agents ipmitool");
    path
}

fn start(agent: &Path, args: &[String], input: &str) -> Child {
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

fn run(agent: &Path, args: &[String], input: &str) -> Output {
    start(agent, args, input).wait_with_output().unwrap()
}

/// `name=value` words on standard input.
fn by_stdin(agent: &Path, options: &[String]) -> Output {
    run(agent, &[], &(options.join("\n") + "\n"))
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("the agent was ended by a signal")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// It failed with exit code 1 and one line that has `evidence` and not the password.
fn assert_fails(output: &Output, evidence: &str) {
    let said = stderr(output);
    assert_eq!(code(output), 1, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains(evidence), "{evidence:?} is missing: {said}");
    assert!(!said.contains(PASSWORD) && output.stdout.is_empty(), "{said}");
}

/// `options` and then `more`, which overwrite them.
fn with(options: &[String], more: &str) -> Vec<String> {
    let mut all = options.to_vec();
    all.extend(words(more));
    all
}

/// The short form of the options to reach a simulator.
fn short(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), address.port());
    words(&format!("-a {ip} -u {port} -l {USER} -p {PASSWORD} -PC3 --power-wait=0"))
}

/// The long form of them.
fn long(address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), address.port());
    words(&format!(
        "--ip={ip} --ipport {port} --username={USER} --password={PASSWORD} --lanplus --cipher 3 \
         --power-wait=0"
    ))
}

/// One form of asking the agent at an address for an action.
type Form = fn(SocketAddr, &str) -> Output;

/// The test of fence-agents for every agent, in its three forms.
#[test]
fn on_is_0_and_status_0_and_off_is_0_and_status_2_in_all_three_forms() {
    let simulator = Simulator::start();
    let forms: [(&str, Form); 3] = [
        ("stdin", |at, action| by_stdin(ours(), &with(&access(at), &format!("action={action}")))),
        ("getopt", |at, action| run(ours(), &with(&short(at), &format!("-o {action}")), "")),
        ("long", |at, action| run(ours(), &with(&long(at), &format!("--action={action}")), "")),
    ];
    for (form, ask) in forms {
        simulator.set_power("0");
        for (action, wanted, power) in
            [("on", 0, "1"), ("status", 0, "1"), ("off", 0, "0"), ("status", 2, "0")]
        {
            let output = ask(simulator.address, action);
            assert_eq!(code(&output), wanted, "{form} {action}: {}", stderr(&output));
            assert_eq!(stderr(&output), "", "{form} {action}");
            assert_eq!(simulator.power(), power, "{form} {action}");
        }
    }
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_in_one_line_each() {
    let simulator = Simulator::start();
    let wrong = with(&simulator.access(), "password=not-the-password action=off");
    let output = by_stdin(ours(), &wrong);
    assert_fails(&output, "wrong password");
    assert!(!stderr(&output).contains("not-the-password"));
    let unknown = with(&simulator.access(), "username=nobody action=off");
    assert_fails(&by_stdin(ours(), &unknown), "no such user");
    assert_eq!(simulator.power(), "1");
}

/// `ipmi_sim` does not hold accounts to their limits; our own BMC does.
#[test]
fn a_rehearsal_finds_an_account_that_may_not_switch_power() {
    for (privilege, wanted) in [(Privilege::User, 1), (Privilege::Operator, 0)] {
        let password = Secret::new(PASSWORD.as_bytes()).unwrap();
        let user = User { name: USER.to_owned(), password, privilege };
        let listen = SocketAddr::new(free_port().ip(), 0);
        let bmc = Bmc::new(Settings::simple(user, 1));
        let face = RmcpFace::start(vec![(listen, bmc)], |_event| ()).unwrap();
        let options = with(&access(face.address(0).unwrap()), "action=monitor");
        let output = by_stdin(ours(), &options);
        assert_eq!(code(&output), wanted, "{}", stderr(&output));
        assert_eq!(stderr(&output).contains("privilege"), wanted == 1, "{}", stderr(&output));
    }
}

/// The silent one is asked first and answered for last.
#[test]
fn a_refused_port_is_told_at_once_and_a_silent_bmc_given_up() {
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = access(mute.local_addr().unwrap());
    let refused = access(free_port());
    ours();
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for (name, options) in [("silent", silent), ("refused", refused)] {
            let tell = tell.clone();
            scope.spawn(move || {
                let output = by_stdin(ours(), &with(&options, "action=off"));
                tell.send((name, output)).unwrap();
            });
        }
        let (first, output) = told.recv_timeout(AMPLE).unwrap();
        assert_eq!(first, "refused");
        assert_fails(&output, "port refused");
        let (_, output) = told.recv_timeout(AMPLE).unwrap();
        assert_fails(&output, "timed out");
    });
}

#[test]
fn a_machine_that_takes_the_order_and_stays_on_is_no_success() {
    let simulator = Simulator::start();
    fs::write(simulator.path("power.stuck-0"), "").unwrap();
    for action in ["off", "reboot"] {
        let options = with(&simulator.access(), &format!("power_timeout=1 action={action}"));
        assert_fails(&by_stdin(ours(), &options), "power is still on");
    }
}

#[test]
fn a_reboot_is_done_when_the_machine_is_off_also_if_it_stays_there() {
    let simulator = Simulator::start();
    fs::write(simulator.path("power.stuck-1"), "").unwrap();
    let output = by_stdin(ours(), &with(&simulator.access(), "action=reboot"));
    assert_eq!((code(&output), simulator.power().as_str()), (0, "0"), "{}", stderr(&output));
}

#[test]
fn what_would_be_unsafe_is_refused_with_the_reason() {
    let simulator = Simulator::start();
    for (options, evidence) in [
        ("method=cycle action=reboot", "method_force=1"),
        ("action=diag", "unsupported action"),
        ("target=0x24 action=off", "bridging"),
        ("cipher=0 action=off", "suite \"0\""),
        ("privlvl=user action=off", "cannot switch power"),
        ("username= action=off", "user name is empty"),
        ("hexadecimal_kg=xyz action=off", "hexadecimal"),
        ("delay=soon action=off", "option delay"),
        ("config=/etc/palisade/none.toml action=off", "give one of them"),
    ] {
        let output = by_stdin(ours(), &with(&simulator.access(), options));
        assert_fails(&output, evidence);
        assert_eq!(simulator.power(), "1", "{options}");
    }
    let forced = with(&simulator.access(), "method=cycle method_force=1 action=reboot");
    assert_eq!(code(&by_stdin(ours(), &forced)), 0);
}

#[test]
fn a_password_comes_from_a_script_a_file_or_the_environment() {
    let simulator = Simulator::start();
    let base: Vec<String> =
        simulator.access().into_iter().filter(|word| !word.starts_with("password=")).collect();
    let file = simulator.path("password");
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let from = |more: &str| by_stdin(ours(), &with(&base, &format!("{more} action=status")));
    assert_eq!(code(&from(&format!("password_file={}", file.display()))), 0);

    let mut script = base.clone();
    script.push(format!("password_script=/bin/cat {}", file.display()));
    script.push("action=status".to_owned());
    assert_eq!(code(&by_stdin(ours(), &script)), 0);
    assert_fails(&from("password_script=/bin/false"), "password_script");
    assert_fails(&from(""), "wrong password");

    let environment = Command::new(ours())
        .args(["-o", "status", "-l", USER, "-C", "3"])
        .arg(format!("--ip={}", simulator.address.ip()))
        .arg(format!("--ipport={}", simulator.address.port()))
        .env("FENCE_PALISADE_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert_eq!(code(&environment), 0, "{}", stderr(&environment));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_fails(&from(&format!("password_file={}", file.display())), "chmod 600");
}

#[test]
fn verbose_and_debug_file_show_the_steps_and_no_password() {
    let simulator = Simulator::start();
    let file = simulator.path("debug");
    let more = format!("verbose_level=2 debug_file={} action=off", file.display());
    let output = by_stdin(ours(), &with(&simulator.access(), &more));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let shown = fs::read_to_string(file).unwrap();
    assert!(shown.contains("session open"), "{shown}");
    assert_eq!(stderr(&output), shown);
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[test]
fn one_device_fences_each_node_of_a_cluster_at_its_own_bmc() {
    let (one, two) = (Simulator::start(), Simulator::start());
    let folder = tempfile::tempdir().unwrap();
    let config = format!("config={}", cluster(folder.path(), &one, &two).display());
    let ask = |more: &str| by_stdin(ours(), &with(std::slice::from_ref(&config), more));

    let listed = ask("action=list");
    assert_eq!(stdout(&listed), "alpha,\nbeta,\n", "{}", stderr(&listed));
    assert_eq!(code(&ask("action=monitor")), 0);
    let powers = || (one.power(), two.power());
    assert_eq!(code(&ask("action=off plug=beta")), 0);
    assert_eq!(powers(), ("1".to_owned(), "0".to_owned()));
    assert_eq!(stdout(&ask("action=list-status")), "alpha,,ON\nbeta,,OFF\n");
    assert_eq!(code(&ask("action=status nodename=beta")), 2);
    assert_eq!(code(&ask("action=on port=beta nodename=alpha")), 0);
    assert_eq!(code(&ask("action=off plug=alpha,beta")), 0);
    assert_eq!(powers(), ("0".to_owned(), "0".to_owned()));

    assert_fails(&ask("action=off plug=gamma"), "alpha, beta");
    assert_fails(&ask("action=off"), "no plug");
    drop(two);
    assert_fails(&ask("action=off plug=alpha,beta"), "of beta failed");
    assert_fails(&ask("action=monitor"), "of beta failed");
}

/// The configuration of two nodes and their BMCs.
fn cluster(folder: &Path, one: &Simulator, two: &Simulator) -> PathBuf {
    let password = folder.join("password");
    fs::write(&password, PASSWORD).unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let mut text = "[cluster]\nname = \"pair\"\nprofile = \"lan-fast\"\n\
                    [[link]]\nname = \"ring0\"\n[[link]]\nname = \"ring1\"\n"
        .to_owned();
    let keys = [
        "DYN/22u1nyo4Plml7o9+/PBfnZDi83qNzfwCXo6oQRo=",
        "f/8G3Brli+cDH4O0XzfCQwNft6fJyc1nS9YG2BNE8yk=",
    ];
    for (index, (name, simulator)) in [("alpha", one), ("beta", two)].into_iter().enumerate() {
        text += &format!(
            "[[node]]\nname = \"{name}\"\nid = {id}\nfencer = {voter}\npublic_key = \"{key}\"\n\
             addresses = [\"10.0.0.{id}\", \"10.1.0.{id}\"]\n\
             [node.watchdog]\nbackend = \"linux\"\ndevice = \"/dev/watchdog0\"\n\
             timeout_ms = 10000\nfire_ms = 10100\ncertified = true\n\
             [node.bmc]\naddress = \"{address}\"\nuser = \"{USER}\"\n\
             password_file = \"{password}\"\n",
            id = index + 1,
            voter = index == 0,
            key = keys[index],
            address = simulator.address,
            password = password.display(),
        );
    }
    let file = folder.join("palisade.toml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn the_metadata_is_valid_by_the_schema_of_fence_agents() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metadata.xml");
    let by_argument = run(ours(), &words("-o metadata"), "");
    assert_eq!(stdout(&by_argument), stdout(&by_stdin(ours(), &words("action=metadata"))));
    fs::write(&file, &by_argument.stdout).unwrap();
    assert!(Path::new(SCHEMA).is_file(), "{SCHEMA} is missing: apt-get install fence-agents");
    let judged = Command::new("xmllint")
        .args(["--noout", "--relaxng", SCHEMA])
        .arg(&file)
        .output()
        .expect("xmllint is missing: apt-get install libxml2-utils");
    assert!(judged.status.success(), "{}", stderr(&judged));
}

#[test]
fn every_option_of_fence_ipmilan_is_there_with_its_forms_and_default() {
    let of = |agent| parameters(&stdout(&by_stdin(agent, &words("action=metadata"))));
    let (ours, theirs) = (of(ours()), of(theirs()));
    assert!(theirs.len() > 40, "read only {theirs:?}");
    for (name, wanted) in theirs {
        assert_eq!(ours.get(&name), Some(&wanted), "option {name}");
    }
}

/// Each parameter's forms, kind and default by its name.
fn parameters(metadata: &str) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for block in metadata.split("<parameter ").skip(1) {
        let name = attribute(block, "name").unwrap();
        let facts = ["required", "deprecated", "obsoletes", "mixed", "type", "default"];
        let mut facts: Vec<String> =
            facts.map(|fact| attribute(block, fact).unwrap_or_default()).to_vec();
        // What a value is called is for people; upstream forgets it once.
        facts[3] = facts[3].split('=').next().unwrap().to_owned();
        facts.extend(block.split("<option ").skip(1).filter_map(|part| attribute(part, "value")));
        all.insert(name, facts);
    }
    all
}

fn attribute(text: &str, name: &str) -> Option<String> {
    let after = text.split_once(&format!("{name}=\""))?.1;
    Some(after.split_once('"')?.0.to_owned())
}

/// Options added to those that reach the simulator, and power before: `1` or `0`.
const ALIKE: &[(&str, &str)] = &[
    ("1", "action=on"),
    ("0", "action=on"),
    ("1", "action=off"),
    ("0", "action=off"),
    ("1", "action=reboot"),
    ("0", "action=reboot"),
    ("1", "action=status"),
    ("0", "action=status"),
    ("1", "action=monitor"),
    ("0", "action=monitor"),
    ("1", "action=list"),
    ("1", "action=list-status"),
    ("1", "action=validate-all"),
    ("1", "action=metadata"),
    ("1", "action=manpage"),
    ("1", ""),
    ("1", "action=OFF"),
    ("1", "option=off"),
    ("1", "privlvl=operator action=off"),
    ("0", "privlvl=administrator action=on"),
    ("1", "auth=md5 action=status"),
    ("0", "auth=password action=status"),
    ("1", "method=onoff action=reboot"),
    ("1", "method=cycle action=off"),
    ("1", "port=n1 action=off"),
    ("0", "plug=n1 action=status"),
    ("1", "nodename=n1 action=off"),
    ("1", "delay=1 action=status"),
    ("1", "disable_timeout=1 action=off"),
    ("0", "disable_timeout=false action=status"),
    ("1", "power_timeout=5 action=off"),
    ("1", "power-timeout=5 action=off"),
    ("0", "power_timeout=5 retry_on=2 action=on"),
    ("1", "shell_timeout=5 login_timeout=7 action=status"),
    ("1", "stonith_status_sleep=2 action=off"),
    ("1", "ipmitool_timeout=3 action=status"),
    ("1", "ipmitool_path=/usr/bin/ipmitool action=off"),
    ("1", "sudo_path=/usr/bin/sudo action=status"),
    ("1", "quiet=1 action=off"),
    ("1", "verbose=1 action=status"),
    ("1", "verbose_level=2 action=status"),
    ("1", "plug_separator=; action=off"),
    ("1", "unheard_of=1 action=off"),
    ("1", "password=wrong action=off"),
    ("1", "password=wrong action=status"),
    ("1", "username=nobody action=off"),
    ("1", "cipher=nonsense action=status"),
    ("1", "action=explode"),
    ("1", "privlvl=nonsense action=off"),
    ("1", "method=nonsense action=off"),
    ("1", "ipport=nonsense action=off"),
    ("1", "delay=nonsense action=off"),
];

/// Words of a command line after the options that reach the simulator.
const ALIKE_BY_ARGUMENT: &[(&str, &str)] = &[
    ("1", "-o off"),
    ("0", "-ostatus"),
    ("1", "-qo off"),
    ("0", "-o on -L operator"),
    ("1", "--action=reboot --method=onoff"),
    ("1", "--act off"),
    ("1", "-A md5 -o status"),
    ("1", "-h"),
    ("1", "-V"),
    ("1", "--lanplus=1"),
    ("1", "-X"),
    ("1", "--nonsense"),
    ("1", "-o"),
];

/// Whoever replaces `fence_ipmilan` changes the agent's name and nothing else.
#[test]
fn the_same_options_do_the_same_in_both_agents() {
    let (one, two) = (Simulator::start(), Simulator::start());
    let mut differences = Vec::new();
    for (before, more) in ALIKE {
        let [ours, theirs] = [(&one, ours()), (&two, theirs())].map(|(simulator, agent)| {
            simulator.set_power(before);
            let output = by_stdin(agent, &with(&simulator.access(), more));
            (code(&output), simulator.power(), stderr(&output))
        });
        if (ours.0, &ours.1) != (theirs.0, &theirs.1) {
            differences.push(format!("{before} {more}: {ours:?} and {theirs:?}"));
        }
    }
    for (before, more) in ALIKE_BY_ARGUMENT {
        let [ours, theirs] = [(&one, ours()), (&two, theirs())].map(|(simulator, agent)| {
            simulator.set_power(before);
            let output = run(agent, &with(&short(simulator.address), more), "");
            (code(&output), simulator.power(), stderr(&output))
        });
        if (ours.0, &ours.1) != (theirs.0, &theirs.1) {
            differences.push(format!("{before} {more}: {ours:?} and {theirs:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
