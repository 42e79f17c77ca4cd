//! The contract of fence agents: actions, exit codes, options, what is refused.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::sync::mpsc;

use palisade_hw::bmc::{Bmc, Privilege, Settings};
use palisade_hw::face::rmcp::RmcpFace;
use palisade_tests::bmc::user;
use palisade_tests::ipmi_sim::{IpmiSim, PASSWORD, USER};

use super::rig::{
    AMPLE, access, assert_fails, by_stdin, code, free_port, long, ours, run, short, stderr, with,
    words, write_private,
};

/// One form of asking the agent at an address for an action.
type Form = fn(SocketAddr, &str) -> Output;

/// The test of fence-agents for every agent, in its three forms.
#[test]
fn on_is_0_and_status_0_and_off_is_0_and_status_2_in_all_three_forms() {
    let simulator = IpmiSim::start();
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
            let output = ask(simulator.address(), action);
            assert_eq!(code(&output), wanted, "{form} {action}: {}", stderr(&output));
            assert_eq!(stderr(&output), "", "{form} {action}");
            assert_eq!(simulator.power(), power, "{form} {action}");
        }
    }
}

/// The first socket would have the number of a closed stream, and be printed to.
#[test]
fn an_agent_whose_standard_streams_are_closed_does_what_it_is_told_and_no_more() {
    let simulator = IpmiSim::start();
    let status = Command::new("sh")
        .args(["-c", "exec \"$0\" \"$@\" <&- >&- 2>&-"])
        .arg(ours())
        .args(with(&short(simulator.address()), "-o off -v"))
        .status()
        .unwrap();
    assert_eq!((status.code(), simulator.power().as_str()), (Some(0), "0"));
}

#[test]
fn an_agent_to_which_nobody_listens_fails_and_is_not_killed_by_a_signal() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(ours()).args(["-o", "metadata"]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_refused_in_one_line_each() {
    let simulator = IpmiSim::start();
    let wrong = with(&access(simulator.address()), "password=not-the-password action=off");
    let output = by_stdin(ours(), &wrong);
    assert_fails(&output, "wrong password");
    assert!(!stderr(&output).contains("not-the-password"));
    let unknown = with(&access(simulator.address()), "username=nobody action=off");
    assert_fails(&by_stdin(ours(), &unknown), "no such user");
    assert_eq!(simulator.power(), "1");
}

#[test]
fn a_bmc_is_found_by_its_name_and_a_name_that_nobody_knows_is_told() {
    let simulator = IpmiSim::start_at(Ipv4Addr::LOCALHOST, "");
    let named = |name: &str| with(&access(simulator.address()), &format!("ip={name} action=off"));
    assert_eq!(code(&by_stdin(ours(), &named("localhost"))), 0);
    assert_eq!(simulator.power(), "0");
    for unknown in ["no-such-machine.invalid", "--help"] {
        assert_fails(&by_stdin(ours(), &named(unknown)), "name does not resolve");
    }
}

/// `ipmi_sim` does not hold accounts to their limits; our own BMC does.
#[test]
fn a_rehearsal_finds_an_account_that_may_not_switch_power() {
    for (privilege, wanted) in [(Privilege::User, 1), (Privilege::Operator, 0)] {
        let user = user(PASSWORD, privilege);
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
        assert_fails(&output, " s (");
    });
}

#[test]
fn a_machine_that_takes_the_order_and_stays_on_is_no_success() {
    let simulator = IpmiSim::start();
    simulator.stick("0");
    for action in ["off", "reboot"] {
        let options =
            with(&access(simulator.address()), &format!("power_timeout=1 action={action}"));
        assert_fails(&by_stdin(ours(), &options), "power is still on after 1.0 s: ");
    }
}

#[test]
fn a_reboot_is_done_when_the_machine_is_off_also_if_it_stays_there() {
    let simulator = IpmiSim::start();
    simulator.stick("1");
    let output = by_stdin(ours(), &with(&access(simulator.address()), "retry_on=3 action=reboot"));
    assert_eq!((code(&output), simulator.power().as_str()), (0, "0"), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains("off, verified; still off after on, ordered "), "{said}");
    let orders = simulator.orders();
    assert!(orders.len() >= 3 && orders.iter().skip(1).all(|order| order == "1"), "{orders:?}");
}

#[test]
fn what_would_be_unsafe_is_refused_with_the_reason() {
    let simulator = IpmiSim::start();
    for (options, evidence) in [
        ("method=cycle action=reboot", "method_force=1"),
        ("target=0x24 action=off", "bridging"),
        ("cipher=20 action=off", "suite \"20\""),
        ("privlvl=user action=off", "cannot switch power"),
        ("username= action=off", "user name is empty"),
        ("hexadecimal_kg=xyz action=off", "hexadecimal"),
        ("delay=soon action=off", "option delay"),
        ("config=/etc/palisade/none.toml action=off", "give one of them"),
    ] {
        let output = by_stdin(ours(), &with(&access(simulator.address()), options));
        assert_fails(&output, evidence);
        assert_eq!(simulator.power(), "1", "{options}");
    }
    let forced = with(&access(simulator.address()), "method=cycle method_force=1 action=reboot");
    assert_eq!(code(&by_stdin(ours(), &forced)), 0);
}

#[test]
fn a_slip_that_says_nothing_about_the_machine_is_a_warning_and_the_machine_is_fenced() {
    let simulator = IpmiSim::start();
    for slip in ["verbose_level=much", "quiet=maybe", "delay=-1", "ipmitool_timeout=0"] {
        simulator.set_power("1");
        let output =
            by_stdin(ours(), &with(&access(simulator.address()), &format!("{slip} action=off")));
        let (said, option) = (stderr(&output), slip.split('=').next().unwrap());
        assert_eq!((code(&output), said.lines().count()), (0, 1), "{slip}: {said}");
        assert!(said.contains(&format!("warning: option {option}: ")), "{slip}: {said}");
        assert_eq!(simulator.power(), "0", "{slip}");
    }
}

/// A device that `fence_ipmilan` drove so is moved over by the agent's name alone.
#[test]
fn a_weak_cipher_suite_makes_room_for_a_strong_one_with_a_warning() {
    let simulator = IpmiSim::start();
    for suite in ["0", "1", "2", "15"] {
        for action in ["monitor", "off", "on"] {
            let more = format!("cipher={suite} action={action}");
            let output = by_stdin(ours(), &with(&access(simulator.address()), &more));
            let said = stderr(&output);
            assert_eq!((code(&output), said.lines().count()), (0, 1), "{said}");
            assert!(said.contains(&format!("warning: option cipher: suite \"{suite}\"")), "{said}");
        }
    }
    assert_eq!(simulator.orders(), ["0", "1"].repeat(4));
}

#[test]
fn a_device_of_which_each_reboot_is_refused_fails_its_rehearsals_too() {
    let simulator = IpmiSim::start();
    let folder = tempfile::tempdir().unwrap();
    let config = super::cluster::written(folder.path(), &[("n1", simulator.address())], "");
    let in_cluster = words(&format!("config={} plug=n1 power_wait=0", config.display()));
    for device in [access(simulator.address()), in_cluster] {
        for action in ["reboot", "monitor", "validate-all"] {
            let ask =
                |more: &str| by_stdin(ours(), &with(&device, &format!("{more} action={action}")));
            assert_fails(&ask("method=cycle"), "method_force=1");
            for allowed in ["method=cycle method_force=1", "method=onoff"] {
                let output = ask(allowed);
                assert_eq!(code(&output), 0, "{action} {allowed}: {}", stderr(&output));
            }
        }
        assert_eq!(code(&by_stdin(ours(), &with(&device, "method=cycle action=status"))), 0);
    }
}

#[test]
fn a_password_comes_from_a_script_a_file_or_the_environment() {
    let simulator = IpmiSim::start();
    let base: Vec<String> = access(simulator.address())
        .into_iter()
        .filter(|word| !word.starts_with("password="))
        .collect();
    let file = simulator.path("password");
    write_private(&file, &format!("{PASSWORD}\n"));
    let from = |more: &str| by_stdin(ours(), &with(&base, &format!("{more} action=status")));
    assert_eq!(code(&from(&format!("password_file={}", file.display()))), 0);

    let by_script = |line: &str| {
        let options = [&base[..], &[format!("password_script={line}"), "action=status".to_owned()]];
        by_stdin(ours(), &options.concat())
    };
    let path = file.display();
    for line in [
        format!("/bin/cat {path}"),
        format!("cat {path} | head -1"),
        format!("sh -c \"cat {path}\""),
        format!("echo \"$(cat {path})  \"; echo more"),
        format!("sleep 4; cat {path}"),
    ] {
        let output = by_script(&line);
        assert_eq!(code(&output), 0, "{line}: {}", stderr(&output));
    }
    for line in ["/bin/false", "cat /none-with-a-token", "exit 3", ":", "echo"] {
        let output = by_script(line);
        assert_fails(&output, "password_script: ");
        assert!(!stderr(&output).contains("token"), "{}", stderr(&output));
    }
    assert_fails(&from(""), "wrong password");

    fs::write(&file, "another\n").unwrap();
    let mend = |place: &str| format!("set the same password in {place} and on the bmc");
    let by_file = from(&format!("password_file={}", file.display()));
    assert_fails(&by_file, &mend(&format!("password_file {}", file.display())));
    assert_fails(&by_script("echo another"), &mend("the output of password_script"));
    assert_fails(&from("password=another"), &mend("option password"));

    let environment = Command::new(ours())
        .args(["-o", "status", "-l", USER, "-C", "3"])
        .arg(format!("--ip={}", simulator.address().ip()))
        .arg(format!("--ipport={}", simulator.address().port()))
        .env("FENCE_PALISADE_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert_eq!(code(&environment), 0, "{}", stderr(&environment));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_fails(&from(&format!("password_file={}", file.display())), "chmod 600");
}

#[test]
fn verbose_and_debug_file_show_the_steps_and_no_password() {
    let simulator = IpmiSim::start();
    let file = simulator.path("debug");
    let more = format!("verbose_level=2 debug_file={} action=off", file.display());
    let output = by_stdin(ours(), &with(&access(simulator.address()), &more));
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let shown = fs::read_to_string(file).unwrap();
    assert!(shown.contains("off, verified: bmc"), "{shown}");
    assert_eq!(stderr(&output), shown);
    assert!(!shown.contains(PASSWORD), "{shown}");
    for (more, power) in
        [("status", "off"), ("on", "on"), ("monitor", "on"), ("status password=x", "not known")]
    {
        let more = format!("verbose=1 action={more}");
        let output = by_stdin(ours(), &with(&access(simulator.address()), &more));
        assert!(stderr(&output).contains(&format!(": power {power}\n")), "{}", stderr(&output));
    }
}

/// Pacemaker takes what stands on standard output for plugs.
#[test]
fn without_a_configuration_nothing_is_listed() {
    for action in ["list", "list-status"] {
        let output = by_stdin(ours(), &with(&access(free_port()), &format!("action={action}")));
        assert_eq!((code(&output), output.stdout.len()), (0, 0));
        assert!(stderr(&output).contains("give config"), "{}", stderr(&output));
    }
}
