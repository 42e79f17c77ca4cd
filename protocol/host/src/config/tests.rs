//! Files as operators write them, right and wrong.

use std::path::Path;

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;

use super::*;
use crate::keys::{PrivateKey, PublicKey, generate};

/// Three nodes on two links; every test starts from this and spoils one thing.
fn good() -> String {
    let mut text = String::from(
        r#"[cluster]
name = "pair"
profile = "lan-fast"
[timing]
promise_ms = 1600
[agent]
control_socket = "/run/palisade/{node}/agent.sock"
[[link]]
name = "ring0"
[[link]]
name = "ring1"
"#,
    );
    for id in 1..=3 {
        text.push_str(&node(id));
    }
    text
}

fn node(id: u8) -> String {
    let key = PublicKey::from_bytes([id; 32]);
    format!(
        r#"[[node]]
name = "node{id}"
id = {id}
public_key = "{key}"
addresses = ["10.0.0.{id}", "fd00::{id}"]
[node.watchdog]
backend = "linux"
timeout_ms = 1000
fire_ms = 1000
certified = true
class = "physical"
[node.bmc]
address = "10.9.0.{id}"
user = "palisade"
password_file = "/etc/palisade/bmc-{{node}}.pw"
[node.check]
profile = "bitbucket"
url = "http://127.0.0.1:7990/status"
"#
    )
}

fn parsed(text: &str) -> Cluster {
    Cluster::parse("palisade.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

fn mistakes(text: &str) -> Vec<String> {
    let wrong = Cluster::parse("palisade.toml", text).expect_err("no mistake was found");
    wrong.all().iter().map(ToString::to_string).collect()
}

/// The good file with `from` replaced by `to`, which must be there.
fn spoiled(from: &str, to: &str) -> String {
    let text = good();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// The only mistake of the good file with `from` replaced by `to`.
fn the_mistake(from: &str, to: &str) -> String {
    let all = mistakes(&spoiled(from, to));
    assert_eq!(all.len(), 1, "{all:#?}");
    all.into_iter().next().unwrap()
}

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn a_short_file_is_enough_and_the_rest_is_the_default() {
    let cluster = parsed(&good());
    assert_eq!((cluster.name.as_str(), cluster.profile), ("pair", Profile::LanFast));
    assert_eq!((cluster.voters().count(), cluster.majority()), (3, 2));
    assert_eq!(cluster.warnings, Vec::<String>::new());
    let timing = cluster.timing.raw();
    assert_eq!((timing.beat, timing.suspect_after, timing.promise), (MS(50), MS(300), MS(1600)));
    let node = cluster.node_by_id(NodeId::new(2).unwrap()).unwrap();
    assert!(node.agent && node.fencer);
    assert_eq!(node.agent_addresses()[0], "10.0.0.2:7405".parse().unwrap());
    assert_eq!(node.fencer_binds()[1], "[fd00::2]:7406".parse().unwrap());
    let bmc = node.bmc.as_ref().unwrap();
    assert_eq!((bmc.address.as_str(), bmc.privilege), ("10.9.0.2:623", Privilege::Operator));
    assert_eq!(bmc.suites, [Suite::Seventeen, Suite::Three]);
    assert_eq!(bmc.password_file, Path::new("/etc/palisade/bmc-node2.pw"));
    let check = node.check.as_ref().unwrap();
    assert_eq!((check.every, check.tolerate, check.armed), (MS(15_000), 2, true));
}

#[test]
fn each_node_sees_paths_with_its_own_name() {
    let cluster = parsed(&good());
    let view = cluster.for_node("node3").unwrap();
    assert_eq!(view.agent().control_socket, Path::new("/run/palisade/node3/agent.sock"));
    assert_eq!(view.fencer().key_file, Path::new("/etc/palisade/node3.key"));
    assert!(cluster.for_node("node4").is_none());
}

#[test]
fn every_documented_key_is_known() {
    let text = spoiled(
        "[timing]\npromise_ms = 1600\n[agent]\n",
        r#"[timing]
beat_ms = 50
suspect_after_ms = 300
stall_ms = 20
rtt_ms = 5
margin_ms = 200
drift_ppm = 500
promise_ms = 1600
off_confirm_ms = 250
on_rest_ms = 2100
warrant_ms = 2000
[fencer]
key_file = "/etc/palisade/{node}.key"
state_dir = "/var/lib/palisade"
journal = "/var/lib/palisade/fencer.jsonl"
control_socket = "/run/palisade/fencer.sock"
power_on = true
fences_per_hour_max = 3
fences_at_once_max = 1
[hooks]
on_lost = "/a"
on_fenced = "/b-{node}"
on_failed = "/c"
on_rejoined = "/d"
timeout_ms = 10000
[agent]
key_file = "/etc/palisade/{node}.key"
state_dir = "/var/lib/palisade"
journal = "/var/lib/palisade/agent.jsonl"
realtime = true
"#,
    );
    let text = text.replacen(
        "id = 1\n",
        "id = 1\nagent = true\nfencer = true\nbind = [\"127.0.0.1\", \"127.1.0.1\"]\n\
         agent_port = 1\nfencer_port = 2\nagent_bind_port = 3\nfencer_bind_port = 4\n",
        1,
    );
    let text = text.replacen(
        "backend = \"linux\"\n",
        "backend = \"linux\"\ndevice = \"/dev/watchdog1\"\n",
        1,
    );
    let text = text.replacen(
        "url = ",
        "armed = false\nevery_ms = 200\ntimeout_ms = 100\nstart_deadline_ms = 1\n\
         stop_deadline_ms = 1\ntolerate = 0\nurl = ",
        1,
    );
    let text = text.replacen("user = ", "privilege = \"admin\"\nsuites = [3]\nuser = ", 1);
    let cluster = parsed(&text);
    let hooks = cluster.for_node("node1").unwrap().hooks();
    assert_eq!(hooks.on_fenced.as_deref(), Some(Path::new("/b-node1")));
    let node = cluster.node("node1").unwrap();
    assert_eq!(node.fencer_binds()[1], "127.1.0.1:4".parse().unwrap());
    assert_eq!(node.agent_addresses()[0], "10.0.0.1:1".parse().unwrap());
}

#[test]
fn a_mistake_names_file_line_key_what_was_found_and_what_is_allowed() {
    assert_eq!(
        the_mistake("promise_ms = 1600", "beat_ms = \"fast\""),
        "palisade.toml:5: timing.beat_ms: found \"fast\", \
         allowed: a whole number of milliseconds from 10 to 60000"
    );
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_lines() {
    let text = good()
        .replace("name = \"pair\"", "name = \"Pair!\"")
        .replace("promise_ms = 1600", "beet_ms = 50")
        .replace("id = 2", "id = 65")
        .replace("\"10.0.0.3\"", "\"10.0.0.300\"");
    let all = mistakes(&text);
    assert_eq!(all.len(), 4, "{all:#?}");
    assert!(all[0].contains(":2: cluster.name: found \"Pair!\""), "{}", all[0]);
    assert!(all[1].contains(":5: timing.beet_ms: found an unknown key"), "{}", all[1]);
    assert!(all[1].contains("did you mean \"beat_ms\"?"), "{}", all[1]);
    assert!(all[2].contains("node[node2].id: found 65"), "{}", all[2]);
    assert!(all[3].contains("node[node3].addresses"), "{}", all[3]);
}

#[test]
fn an_unknown_key_far_from_any_other_lists_those_there_are() {
    let said = the_mistake("promise_ms = 1600", "colour = \"red\"");
    assert!(said.contains("one of beat_ms, suspect_after_ms"), "{said}");
    let said = the_mistake("[agent]", "[agents]");
    assert!(said.contains(":6: agents: found an unknown key"), "{said}");
}

#[test]
fn what_is_no_toml_is_reported_with_its_line() {
    let said = the_mistake("profile = \"lan-fast\"", "profile = lan-fast\"");
    assert!(said.starts_with("palisade.toml:3: found "), "{said}");
}

#[test]
fn an_empty_file_says_all_that_is_missing() {
    let all = mistakes("").join("\n");
    for missing in ["cluster.name", "link: found 0 links", "node: found 0 nodes", "0 voters"] {
        assert!(all.contains(missing), "{missing} in\n{all}");
    }
}

#[test]
fn nobody_may_have_what_another_has() {
    let key = |id| format!("public_key = \"{}\"", PublicKey::from_bytes([id; 32]));
    for (from, to, who) in [
        ("id = 2\n", "id = 1\n", "node[node1].id, line"),
        ("name = \"node2\"", "name = \"node1\"", "node[node1].name, line"),
        ("name = \"ring1\"", "name = \"ring0\"", "link[#1].name, line"),
        (&key(2), &key(1), "node[node1].public_key, line"),
        ("10.9.0.2", "10.9.0.1:623", "node[node1].bmc.address, line"),
    ] {
        let said = the_mistake(from, to);
        assert!(said.contains("one that nobody else has") && said.contains(who), "{said}");
    }
    let said = mistakes(&spoiled("\"10.0.0.2\"", "\"10.0.0.1\"")).join("\n");
    assert!(said.contains("node[node2].addresses: found 10.0.0.1:7405"), "{said}");
}

#[test]
fn one_address_on_both_links_is_no_redundancy() {
    let said = mistakes(&spoiled("\"fd00::2\"", "\"10.0.0.2\"")).join("\n");
    assert!(said.contains("node[node2].addresses: found 10.0.0.2:7405"), "{said}");
}

#[test]
fn an_even_number_of_voters_is_refused() {
    let said = the_mistake("id = 3\n", "id = 3\nfencer = false\n");
    assert!(said.contains("found 2 voters, allowed: 1, 3, 5 or 7"), "{said}");
}

#[test]
fn one_voter_is_allowed_with_a_warning() {
    let text = good();
    let text = text.replace("id = 2\n", "id = 2\nfencer = false\n");
    let cluster = parsed(&text.replace("id = 3\n", "id = 3\nfencer = false\n"));
    assert_eq!(cluster.majority(), 1);
    assert!(cluster.warnings[0].contains("palisade.toml:1: one voter only"));
}

#[test]
fn a_cluster_without_agents_has_nothing_to_guard() {
    let mut text = good();
    for id in 1..=3 {
        text = text.replace(&format!("id = {id}\n"), &format!("id = {id}\nagent = false\n"));
    }
    let all = mistakes(&text);
    assert!(all[0].contains("no node with an agent"), "{all:#?}");
}

#[test]
fn a_node_that_does_nothing_is_a_mistake() {
    let text = good() + &node(4);
    let all = mistakes(&text.replace("id = 4\n", "id = 4\nagent = false\nfencer = false\n"));
    assert!(all[0].contains("neither agent nor fencer"), "{all:#?}");
}

#[test]
fn what_a_node_cannot_do_without_is_missed() {
    let key = format!("public_key = \"{}\"\n", PublicKey::from_bytes([2; 32]));
    for (gone, key, remedy) in [
        (key.as_str(), "node[node2].public_key: found nothing", "palisade keygen"),
        ("name = \"node2\"\n", "node[#2].name: found nothing", "1 to 32 characters"),
        ("id = 2\n", "node[node2].id: found nothing", "from 1 to 64"),
        ("addresses = [\"10.0.0.2\", \"fd00::2\"]\n", "node[node2].addresses", "an array of 2"),
    ] {
        let said = the_mistake(gone, "");
        assert!(said.contains(key) && said.contains(remedy), "{said}");
    }
}

#[test]
fn an_agent_without_a_watchdog_is_refused() {
    let text = good();
    let start = text.find("[node.watchdog]").unwrap();
    let end = text.find("[node.bmc]").unwrap();
    let all = mistakes(&(text[..start].to_owned() + &text[end..]));
    assert!(all[0].contains("node[node1].watchdog: found nothing"), "{all:#?}");
}

#[test]
fn one_address_for_each_link_and_keys_of_thirty_two_bytes() {
    let said = the_mistake(", \"fd00::2\"]", "]");
    assert!(said.contains("found 1 addresses, allowed: an array of 2"), "{said}");
    let key = PublicKey::from_bytes([2; 32]).to_string();
    for bad in
        ["c2hvcnQ=", "no base64!", &"A".repeat(43), &PublicKey::from_bytes([0; 32]).to_string()]
    {
        let said = the_mistake(&key, bad);
        assert!(said.contains("the base64 of 32 bytes"), "{said}");
    }
}

#[test]
fn a_promise_too_short_is_refused_with_the_inequality_and_its_numbers() {
    let said = the_mistake("promise_ms = 1600", "promise_ms = 1500");
    assert!(said.contains(":5: timing.promise_ms: found 1500, allowed: at least 1530"), "{said}");
    assert!(said.contains("node3 whose watchdog fires within 1000 ms"), "{said}");
    assert!(
        said.contains("P(1−2ρ)") && said.contains("1498.5 ms < (must be ≥) 1525.0 ms"),
        "{said}"
    );
}

#[test]
fn every_inequality_is_judged_and_each_names_the_key_to_change() {
    for (to, key) in [
        ("suspect_after_ms = 100", "timing.suspect_after_ms"),
        ("warrant_ms = 300\non_rest_ms = 2000", "timing.warrant_ms"),
        ("on_rest_ms = 2000", "timing.on_rest_ms"),
        ("stall_ms = 400", "timing.stall_ms"),
    ] {
        let said = the_mistake("promise_ms = 1600", to);
        assert!(said.contains(key) && said.contains("must be ≥"), "{said}");
    }
}

#[test]
fn the_promise_follows_from_the_slowest_watchdog() {
    let cluster = parsed(&spoiled("promise_ms = 1600\n", ""));
    assert_eq!(cluster.timing.raw().promise, MS(1530));
    let text = spoiled("promise_ms = 1600\n", "");
    let cluster = parsed(&text.replacen("fire_ms = 1000\ncertified = true\n", "", 1));
    assert_eq!(cluster.fire_worst(), MS(3000), "unmeasured: twice the timeout and a second");
    assert_eq!(cluster.timing.raw().promise, MS(3530));
}

#[test]
fn every_profile_is_safe_as_it_is() {
    for (name, beat, suspicion) in
        [("lan-fast", 50, 300), ("lan", 200, 1_000), ("wan", 1_000, 10_000)]
    {
        let text = spoiled("promise_ms = 1600\n", "").replace("lan-fast", name);
        let raw = *parsed(&text).timing.raw();
        assert_eq!((raw.beat, raw.suspect_after), (MS(beat), MS(suspicion)), "{name}");
    }
}

#[test]
fn watchdogs_count_whole_seconds_and_are_certified_only_when_measured() {
    let said = the_mistake("timeout_ms = 1000\n", "timeout_ms = 900\n");
    assert!(said.contains("watchdog.timeout_ms: found 900, allowed: whole seconds"), "{said}");
    let said = the_mistake("fire_ms = 1000\n", "");
    assert!(said.contains("certified: found true, allowed: true only together"), "{said}");
    let said = the_mistake("timeout_ms = 1000\n", "timeout_ms = 2000\n");
    assert!(said.contains("fire_ms: found 1000, allowed: at least timeout_ms (2000)"), "{said}");
}

#[test]
fn a_simulated_dog_has_a_socket_of_its_own() {
    let sim = "backend = \"sim\"\nsocket = \"/run/dog-{node}\"";
    let cluster = parsed(&good().replace("backend = \"linux\"", sim));
    let dog = cluster.node("node2").unwrap().watchdog.as_ref().unwrap();
    assert_eq!(dog.backend, WatchdogBackend::Sim { socket: "/run/dog-node2".into() });
    let shared = good().replace("backend = \"linux\"", "backend = \"sim\"\nsocket = \"/run/dog\"");
    assert_eq!(mistakes(&shared).len(), 2);
    let said = the_mistake("backend = \"linux\"", "backend = \"sim\"");
    assert!(said.contains("watchdog.socket: found nothing"), "{said}");
    let said = the_mistake("backend = \"linux\"", "backend = \"linux\"\nsocket = \"/run/dog\"");
    assert!(said.contains("allowed: only with backend = \"sim\""), "{said}");
}

#[test]
fn a_bmc_has_a_host_a_short_user_and_a_password_in_a_file() {
    for (from, to, words) in [
        ("\"10.9.0.2\"", "\"10.9.0.2:\"", "\"host:port\""),
        ("\"10.9.0.2\"", "\"user@bmc\"", "\"host:port\""),
        ("\"palisade\"", "\"seventeen-letters\"", "1 to 16 printable ASCII"),
        ("\"palisade\"", "\"\"", "1 to 16 printable ASCII"),
        ("user =", "suites = [0]\nuser =", "cipher suites: 17, 3 or both"),
        ("user =", "suites = []\nuser =", "cipher suites: 17, 3 or both"),
        ("user =", "privilege = \"root\"\nuser =", "\"operator\" or \"admin\""),
    ] {
        let said = the_mistake(from, to);
        assert!(said.contains(words), "{said}");
    }
    for (written, read) in [
        ("[fd00::9]:624", "[fd00::9]:624"),
        ("fd00::9", "[fd00::9]:623"),
        ("bmc.local", "bmc.local:623"),
    ] {
        let cluster = parsed(&spoiled("10.9.0.2", written));
        assert_eq!(cluster.node("node2").unwrap().bmc.as_ref().unwrap().address, read);
    }
}

#[test]
fn a_bmc_is_pinned_by_digits_with_or_without_dashes_and_each_to_one_node() {
    let guid = "a1234567-89ab-cdef-a123-456789abcdef";
    let pinned = |text: &str, guid: &str| {
        text.replacen(
            "user =",
            &format!("guid = \"{guid}\"\nbmc_key_file = \"/k-{{node}}\"\nuser ="),
            1,
        )
    };
    for written in [guid.to_owned(), guid.replace('-', "").to_uppercase()] {
        let cluster = parsed(&pinned(&good(), &written));
        let bmc = cluster.nodes.iter().find_map(|node| node.bmc.clone()).unwrap();
        assert_eq!(
            bmc.guid.map(u128::from_be_bytes),
            Some(0xa123_4567_89ab_cdef_a123_4567_89ab_cdef)
        );
        assert!(bmc.bmc_key_file.is_some_and(|file| !file.to_string_lossy().contains("{node}")));
    }
    for wrong in ["", "a1234567", "00000000-0000-0000-0000-000000000000", "g", &guid.repeat(2)] {
        let said = mistakes(&pinned(&good(), wrong)).join("\n");
        assert!(said.contains("32 hexadecimal digits"), "{wrong}: {said}");
    }
    let both = good().replace("user =", &format!("guid = \"{guid}\"\nuser ="));
    let said = mistakes(&both).join("\n");
    assert!(said.contains("guid"), "two names for one machine: {said}");
}

#[test]
fn a_password_written_into_the_file_is_not_repeated() {
    let text = good().replace("password_file = \"/etc", "password_file = \"hunter2/etc");
    let text = text.replacen("user =", "password = \"hunter2\"\nuser =", 1);
    let all = mistakes(&text).join("\n");
    assert!(!all.contains("hunter2"), "{all}");
    assert!(all.contains("did you mean \"password_file\"?"), "{all}");
}

/// Node 2 of the good file with these tables after its BMC.
fn with_power(tables: &str) -> String {
    let after = "password_file = \"/etc/palisade/bmc-{node}.pw\"\n";
    let place = good().match_indices(after).nth(1).unwrap().0 + after.len();
    let (head, tail) = (good()[..place].to_owned(), good()[place..].to_owned());
    format!("{head}{tables}{tail}")
}

const REDFISH: &str = "[[node.power]]\ndevice = \"redfish\"\nurl = \"https://10.9.0.2\"\n\
                       user = \"palisade\"\npassword_file = \"/etc/{node}.pw\"\n";
const AGENT: &str = "[[node.power]]\ndevice = \"agent\"\nprogram = \"fence_ilo5\"\n\
                     options = { ip = \"10.9.0.2\", ipport = 623, lanplus = true, plug = \"{node}\" }\n";

#[test]
fn a_node_may_have_other_ways_to_its_power_in_the_order_of_trying() {
    let text = with_power(&format!("{REDFISH}{AGENT}"));
    let cluster = parsed(&text);
    assert_eq!(cluster.warnings, Vec::<String>::new());
    let [PowerLevel::Redfish(redfish), PowerLevel::Agent(agent)] =
        cluster.node("node2").unwrap().power.as_slice()
    else {
        panic!("{:?}", cluster.node("node2"));
    };
    assert_eq!(redfish.place.to_string(), "https://10.9.0.2:443");
    assert_eq!(redfish.password_file, Path::new("/etc/node2.pw"));
    assert_eq!(redfish.login, RedfishLogin::Session);
    let world = Path::new("/etc/ssl/certs/ca-certificates.crt").to_owned();
    assert_eq!(redfish.trust, Trust::Authorities(world));
    assert_eq!(agent.program, Path::new("/usr/sbin/fence_ilo5"));
    let told: Vec<String> = agent.options.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(told, ["ip=10.9.0.2", "ipport=623", "lanplus=1", "plug=node2"]);
    assert_eq!(agent.password_file, None);
}

#[test]
fn a_redfish_service_is_believed_for_a_reason_or_loudly() {
    for (line, trust) in [
        ("ca_file = \"/etc/ca.pem\"", Trust::Authorities("/etc/ca.pem".into())),
        (&format!("certificate_sha256 = \"{}\"", "0a".repeat(32)), Trust::Pinned([10; 32])),
        (&format!("certificate_sha256 = \"0A{}\"", ":0a".repeat(31)), Trust::Pinned([10; 32])),
    ] {
        let cluster = parsed(&with_power(&format!("{REDFISH}{line}\n")));
        let level = &cluster.node("node2").unwrap().power[0];
        let PowerLevel::Redfish(redfish) = level else { panic!("{level:?}") };
        assert_eq!((&redfish.trust, cluster.warnings.len()), (&trust, 0));
    }
    let plain = REDFISH.replace("https://10.9.0.2", "http://10.9.0.2:8000") + "plain_http = true\n";
    for (tables, words) in [
        (
            format!("{REDFISH}tls_insecure = true\n"),
            "node[node2].power[#1].url: whoever answers at https://10.9.0.2:443 is believed",
        ),
        (plain, "a password travels to http://10.9.0.2:8000 in the clear"),
    ] {
        let warnings = parsed(&with_power(&tables)).warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(words), "{warnings:?}");
    }
    let loopback = REDFISH.replace("https://10.9.0.2", "http://[::1]:8000");
    assert_eq!(parsed(&with_power(&loopback)).warnings, Vec::<String>::new());
}

#[test]
fn mistakes_in_a_way_to_power_are_told_like_all_others() {
    for (table, from, to, words) in [
        (
            REDFISH,
            "\"redfish\"",
            "\"pdu\"",
            "power[#1].device: found \"pdu\", allowed: \"redfish\" or",
        ),
        (REDFISH, "device = \"redfish\"\n", "", "power[#1].device: found nothing"),
        (REDFISH, "https://10.9.0.2", "http://10.9.0.2", "plain_http = true beside it"),
        (REDFISH, "https://10.9.0.2", "https://a@10.9.0.2", "power[#1].url: found"),
        (REDFISH, "https://10.9.0.2", "https://10.9.0.2/redfish", "without a path"),
        (REDFISH, "palisade", "pali:sade", "without \":\""),
        (REDFISH, "password_file", "password_flie", "did you mean \"password_file\"?"),
        (REDFISH, "user =", "login = \"digest\"\nuser =", "\"session\" or \"basic\""),
        (REDFISH, "user =", "system = \"Systems/1\"\nuser =", "/redfish/v1/Systems/1"),
        (REDFISH, "user =", "certificate_sha256 = \"0a\"\nuser =", "64 hexadecimal digits"),
        (REDFISH, "user =", "ca_file = \"/a\"\ntls_insecure = true\nuser =", "one of ca_file"),
        (REDFISH, "user =", "plain_http = true\nuser =", "only with an http:// url"),
        (AGENT, "fence_ilo5", "ilo5", "the name of a fence agent in /usr/sbin"),
        (AGENT, "plug", "action", "no action, no password"),
        (AGENT, "{node}", "a\\nb", "on one line each"),
    ] {
        assert!(table.contains(from), "{from}");
        let all = mistakes(&with_power(&table.replacen(from, to, 1)));
        assert!(all.iter().any(|said| said.contains(words)), "{words}: {all:#?}");
    }
    let many = (1..=5).map(|n| AGENT.replace("ilo5", &n.to_string())).collect::<String>();
    assert!(mistakes(&with_power(&many))[0].contains("at most 4 tables"), "{many}");
}

#[test]
fn two_ways_to_power_never_lead_to_one_machine() {
    for table in [REDFISH, AGENT] {
        let all = mistakes(&with_power(&format!("{table}{table}")));
        assert!(all[0].contains("one that nobody else has"), "{all:?}");
    }
}

#[test]
fn a_password_among_the_options_of_an_agent_is_not_repeated() {
    for key in ["passwd", "password", "PASSWORD"] {
        let all =
            mistakes(&with_power(&AGENT.replace("plug = \"{node}", &format!("{key} = \"hunter2"))));
        assert!(all[0].contains("password_file reads it"), "{all:?}");
        assert!(!all.join("").contains("hunter2"), "{all:?}");
    }
}

#[test]
fn a_node_without_a_bmc_may_have_another_way_to_its_power() {
    let text = with_power(REDFISH);
    let start = text.match_indices("[node.bmc]").nth(1).unwrap().0;
    let end = text.find("[[node.power]]").unwrap();
    let cluster = parsed(&(text[..start].to_owned() + &text[end..]));
    assert_eq!(cluster.warnings, Vec::<String>::new());
    assert!(cluster.node("node2").unwrap().has_power_device());
}

#[test]
fn a_check_asks_over_plain_http_and_in_time() {
    for bad in ["https://127.0.0.1/status", "http://", "http://a:b@c/", "http://a b/"] {
        let said = the_mistake("http://127.0.0.1:7990/status", bad);
        assert!(said.contains("check.url") && said.contains("http://host[:port]/path"), "{said}");
    }
    let said = the_mistake("url =", "every_ms = 1000\ntimeout_ms = 2000\nurl =");
    assert!(said.contains("check.timeout_ms: found 2000, allowed: at most every_ms"), "{said}");
}

#[test]
fn a_node_that_nobody_can_prove_dead_is_warned_of() {
    let text = good();
    let start = text.find("[node.bmc]").unwrap();
    let end = text.find("[node.check]").unwrap();
    let text = text[..start].to_owned() + &text[end..];
    let warnings = parsed(&text).warnings;
    assert!(
        warnings[0].contains("node1 has no [node.bmc] or [[node.power]]: only its"),
        "{warnings:?}"
    );
    let warnings = parsed(&text.replacen("certified = true\n", "", 1)).warnings;
    assert!(warnings[0].contains("nobody can prove it dead"), "{warnings:?}");
}

#[test]
fn the_report_shows_the_sum_of_each_node() {
    let text = good().replacen("fire_ms = 1000", "fire_ms = 1050", 1);
    let text = report(&parsed(&text));
    for line in [
        "cluster pair: 3 members, 3 voters (majority 2), 2 links, profile lan-fast",
        "promise P = 1600 ms (smallest feasible 1580 ms, set by node1), drift ρ = 500 ppm",
        "node1: 1598.4 ms = P(1−2ρ) ≥ 300 + 5 + 1050 + 20 + 200 = 1575 ms  \
         (slack 23.4 ms; W measured, certified)",
        "node2: 1598.4 ms = P(1−2ρ) ≥ 300 + 5 + 1000 + 20 + 200 = 1525 ms  (slack 73.4 ms; ",
        "on_rest(1−2ρ) ≥ warrant",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
}

#[test]
fn a_key_that_is_not_the_nodes_own_is_noticed() {
    use palisade_protocol::keys::Generation;
    let folder = tempfile::tempdir().unwrap();
    let keys: Vec<PrivateKey> = (1..=3)
        .map(|id| {
            let path = folder.path().join(format!("node{id}.key"));
            generate(&path).unwrap();
            PrivateKey::load(&path).unwrap()
        })
        .collect();
    let key = |id| format!("\"{}\"", PublicKey::from_bytes([id; 32]));
    let next = format!("\"{}\"\nnext_public_key = \"{}\"", keys[0].public(), keys[1].public());
    let cluster = parsed(&spoiled(&key(1), &next));
    let view = cluster.for_node("node1").unwrap();
    assert_eq!(view.generation_of(&keys[0]), Ok(Generation::Current));
    assert_eq!(view.generation_of(&keys[1]), Ok(Generation::Next));
    let foreign = view.generation_of(&keys[2]).unwrap_err().to_string();
    assert!(foreign.contains(&keys[2].public().to_string()), "{foreign}");
}

#[test]
fn neighbours_with_other_names_have_other_tags() {
    let pair = parsed(&good());
    let other = parsed(&spoiled("\"pair\"", "\"pair2\""));
    assert_ne!(pair.tag(), other.tag());
    assert_eq!(pair.tag(), parsed(&good()).tag());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let said = Cluster::load(Path::new("/nowhere/palisade.toml")).unwrap_err().to_string();
    assert!(said.contains("/nowhere/palisade.toml") && said.contains("--config"), "{said}");
}

#[test]
fn no_truncation_and_no_missing_line_of_a_file_brings_the_reader_down() {
    let text = good();
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        drop(Cluster::parse("f", &text[..end]));
    }
    let lines: Vec<&str> = text.lines().collect();
    for gone in 0..lines.len() {
        let rest = [&lines[..gone], &lines[gone + 1..]].concat().join("\n");
        drop(Cluster::parse("f", &rest));
    }
}
