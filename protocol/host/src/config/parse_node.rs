//! One `[[node]]` and the tables below it.

use std::net::IpAddr;
use std::path::PathBuf;

use palisade_protocol::ids::NodeId;
use palisade_protocol::time::Duration;
use toml_edit::Value;

use super::cluster::with_name;
use super::node::{
    Bmc, Check, CheckProfile, DogClass, Node, Privilege, Suite, Watchdog, WatchdogBackend,
};
use super::parse::{NAME_ALLOWED, is_name};
use super::parse_power::levels;
use super::register::Register;
use super::section::{Found, Section, Sheet};
use crate::keys::PublicKey;

/// What nodes claim for themselves alone, and how many have which role.
pub(super) struct Claims {
    names: Register,
    ids: Register,
    keys: Register,
    endpoints: Register,
    binds: Register,
    hardware: Register,
    pub(super) voters: usize,
    pub(super) members: usize,
}

impl Claims {
    pub(super) fn new() -> Self {
        let new = Register::new;
        Self {
            names: new(),
            ids: new(),
            keys: new(),
            endpoints: new(),
            binds: new(),
            hardware: new(),
            voters: 0,
            members: 0,
        }
    }
}

/// Reads one node; nothing if something is marked without which it is none.
pub(super) fn node(
    sheet: &Sheet<'_>,
    mut section: Section<'_>,
    links: usize,
    claims: &mut Claims,
) -> Option<Node> {
    let name = name(&mut section, claims);
    let id = id(&mut section, claims);
    let (agent, fencer) = roles(&mut section, claims);
    let public_key = key(&mut section, "public_key", true, claims);
    let next_public_key = key(&mut section, "next_public_key", false, claims);
    let addresses = addresses_read(&mut section, "addresses", links);
    if addresses.is_none() && !section.has("addresses") {
        section.miss("addresses", &addresses_allowed(links));
    }
    let bind = addresses_read(&mut section, "bind", links).or_else(|| addresses.clone());
    let agent_port = port(&mut section, "agent_port").unwrap_or(AGENT_PORT);
    let fencer_port = port(&mut section, "fencer_port").unwrap_or(FENCER_PORT);
    let label = name.clone().unwrap_or_default();
    let node = Node {
        agent,
        fencer,
        next_public_key,
        agent_port,
        fencer_port,
        agent_bind_port: port(&mut section, "agent_bind_port").unwrap_or(agent_port),
        fencer_bind_port: port(&mut section, "fencer_bind_port").unwrap_or(fencer_port),
        watchdog: watchdog(&mut section, agent, &label, claims),
        bmc: bmc(&mut section, &label, claims),
        power: levels(sheet, &mut section, &label, &mut claims.hardware),
        check: check(&mut section),
        addresses: addresses.unwrap_or_default(),
        bind: bind.unwrap_or_default(),
        name: name.unwrap_or_default(),
        id: id?,
        public_key: public_key?,
    };
    claim_endpoints(&section, &node, claims);
    weigh(sheet, &section, &node);
    section.close();
    Some(node)
}

/// Ports when the file gives none: next to each other, unassigned by IANA.
const AGENT_PORT: u16 = 7405;
const FENCER_PORT: u16 = 7406;

fn name(section: &mut Section<'_>, claims: &mut Claims) -> Option<String> {
    let accept = |text: &str| is_name(text).then(|| text.to_owned());
    let found = section
        .needed("name", NAME_ALLOWED, |section, allowed| section.parsed("name", allowed, accept))?;
    section.rename(format!("node[{}]", found.value));
    claims.names.claim(section, "name", found.line, &found.value);
    Some(found.value)
}

fn id(section: &mut Section<'_>, claims: &mut Claims) -> Option<NodeId> {
    let found = section.needed("id", "a whole number from 1 to 64", |section, _allowed| {
        section.number("id", "a whole number", 1..=64)
    })?;
    claims.ids.claim(section, "id", found.line, &found.value.to_string());
    u8::try_from(found.value).ok().and_then(NodeId::new)
}

fn roles(section: &mut Section<'_>, claims: &mut Claims) -> (bool, bool) {
    let agent = section.flag("agent").unwrap_or(true);
    let fencer = section.flag("fencer").unwrap_or(true);
    claims.members += usize::from(agent);
    claims.voters += usize::from(fencer);
    if !agent && !fencer {
        section.mark(section.line(), "agent", "neither agent nor fencer", "one of them true");
    }
    (agent, fencer)
}

fn key(
    section: &mut Section<'_>,
    key: &'static str,
    is_needed: bool,
    claims: &mut Claims,
) -> Option<PublicKey> {
    let allowed = "the base64 of 32 bytes that `palisade keygen FILE` prints";
    let accept = |text: &str| text.parse().ok();
    let found = if is_needed {
        section.needed(key, allowed, |section, allowed| section.parsed(key, allowed, accept))
    } else {
        section.parsed(key, allowed, accept)
    };
    let Found { value, line } = found?;
    let shown: PublicKey = value;
    claims.keys.claim(section, key, line, &shown.to_string());
    Some(shown)
}

fn addresses_allowed(links: usize) -> String {
    format!("an array of {links} IPv4 or IPv6 addresses, one for each [[link]]")
}

fn addresses_read(
    section: &mut Section<'_>,
    key: &'static str,
    links: usize,
) -> Option<Vec<IpAddr>> {
    let accept = |value: &Value| value.as_str()?.parse().ok();
    let allowed = addresses_allowed(links);
    let Found { value, line } = section.list(key, &allowed, accept)?;
    if value.len() != links {
        section.mark(line, key, &format!("{} addresses", value.len()), &allowed);
        return None;
    }
    Some(value)
}

fn port(section: &mut Section<'_>, key: &'static str) -> Option<u16> {
    let found = section.number(key, "a port", 1..=65_535)?;
    u16::try_from(found.value).ok()
}

fn claim_endpoints(section: &Section<'_>, node: &Node, claims: &mut Claims) {
    let line = section.line_of("addresses");
    let line_of_bind = if section.has("bind") { section.line_of("bind") } else { line };
    if node.agent {
        claim_all(section, "addresses", line, &node.agent_addresses(), &mut claims.endpoints);
        claim_all(section, "bind", line_of_bind, &node.agent_binds(), &mut claims.binds);
    }
    if node.fencer {
        claim_all(section, "addresses", line, &node.fencer_addresses(), &mut claims.endpoints);
        claim_all(section, "bind", line_of_bind, &node.fencer_binds(), &mut claims.binds);
    }
}

fn claim_all(
    section: &Section<'_>,
    key: &str,
    line: usize,
    endpoints: &[std::net::SocketAddr],
    register: &mut Register,
) {
    for endpoint in endpoints {
        register.claim(section, key, line, &endpoint.to_string());
    }
}

/// Warns of what is allowed but weak.
fn weigh(sheet: &Sheet<'_>, section: &Section<'_>, node: &Node) {
    let (line, name) = (section.line(), &node.name);
    let unfenceable = node.agent && !node.has_power_device();
    let certified = node.watchdog.as_ref().is_some_and(|dog| dog.certified);
    if unfenceable && certified {
        let text = format!(
            "{name} has no [node.bmc] or [[node.power]]: only its watchdog can prove it dead"
        );
        sheet.warn(line, &text);
    }
    if unfenceable && !certified {
        let text = format!(
            "{name} has no [node.bmc] or [[node.power]], and no certified watchdog: nobody can \
             prove it dead; it will need `palisade confirm`"
        );
        sheet.warn(line, &text);
    }
    if !node.agent && (node.watchdog.is_some() || node.check.is_some()) {
        sheet.warn(line, &format!("{name} runs no agent: its watchdog and check are not used"));
    }
}

fn watchdog(
    node: &mut Section<'_>,
    agent: bool,
    name: &str,
    claims: &mut Claims,
) -> Option<Watchdog> {
    let mut section = node.section("watchdog");
    if !section.is_there() {
        if agent {
            node.miss(
                "watchdog",
                "a table [node.watchdog]: without one an agent cannot keep its word",
            );
        }
        return None;
    }
    let backend = backend(&mut section, name, claims);
    let timeout = timeout(&mut section, matches!(backend, Some(WatchdogBackend::Linux { .. })));
    let fire_measured = fire(&mut section, timeout);
    let certified = section.flag("certified").unwrap_or(false);
    if certified && !section.has("fire_ms") {
        let allowed = "true only together with fire_ms, the time that was measured";
        section.mark(section.line_of("certified"), "certified", "true", allowed);
    }
    let all = [DogClass::Physical, DogClass::Virtual, DogClass::Software].map(|it| (it.name(), it));
    let class = section.choice("class", &all);
    section.close();
    Some(Watchdog { backend: backend?, timeout, fire_measured, certified, class })
}

/// Which of the two backends a file asks for.
#[derive(Clone, Copy)]
enum BackendName {
    Linux,
    Sim,
}

fn backend(section: &mut Section<'_>, name: &str, claims: &mut Claims) -> Option<WatchdogBackend> {
    let all = [("linux", BackendName::Linux), ("sim", BackendName::Sim)];
    let asked = section.choice("backend", &all);
    let device = section.path("device").map(|path| with_name(&path, name));
    let socket = section.path("socket").map(|path| with_name(&path, name));
    match asked.unwrap_or(BackendName::Linux) {
        BackendName::Linux => {
            section.exclude("socket", "only with backend = \"sim\"");
            let device = device.unwrap_or_else(|| PathBuf::from("/dev/watchdog0"));
            Some(WatchdogBackend::Linux { device })
        }
        BackendName::Sim => {
            section.exclude("device", "only with backend = \"linux\"");
            if !section.has("socket") {
                section.miss("socket", "the path of the simulator's socket");
            }
            let socket = socket?;
            let line = section.line_of("socket");
            claims.hardware.claim(section, "socket", line, &socket.display().to_string());
            Some(WatchdogBackend::Sim { socket })
        }
    }
}

/// Timeout when the file gives none: what most drivers accept and most machines survive.
const TIMEOUT: Duration = Duration::from_secs(10);

fn timeout(section: &mut Section<'_>, whole_seconds: bool) -> Duration {
    let timeout = section.millis("timeout_ms", 100..=600_000).unwrap_or(TIMEOUT);
    if whole_seconds && timeout.subsec_nanos() != 0 {
        let found = timeout.as_millis().to_string();
        let allowed = "whole seconds (a multiple of 1000): Linux watchdogs count in them";
        section.mark(section.line_of("timeout_ms"), "timeout_ms", &found, allowed);
    }
    timeout
}

fn fire(section: &mut Section<'_>, timeout: Duration) -> Option<Duration> {
    let fire = section.millis("fire_ms", 100..=3_600_000)?;
    if fire < timeout {
        let found = fire.as_millis().to_string();
        let allowed = format!("at least timeout_ms ({})", timeout.as_millis());
        section.mark(section.line_of("fire_ms"), "fire_ms", &found, &allowed);
    }
    Some(fire)
}

fn bmc(node: &mut Section<'_>, name: &str, claims: &mut Claims) -> Option<Bmc> {
    let mut section = node.section("bmc");
    if !section.is_there() {
        return None;
    }
    let address = bmc_address(&mut section, claims);
    let user = section.needed("user", USER_ALLOWED, |section, allowed| {
        section.parsed("user", allowed, |text| is_bmc_user(text).then(|| text.to_owned()))
    });
    let password_file = section.path("password_file").map(|path| with_name(&path, name));
    if password_file.is_none() && !section.has("password_file") {
        section.miss("password_file", "the path of a 0600 file with the password");
    }
    let all = [("operator", Privilege::Operator), ("admin", Privilege::Admin)];
    let privilege = section.choice("privilege", &all).unwrap_or_default();
    let suites = suites(&mut section);
    let bmc_key_file = section.path("bmc_key_file").map(|path| with_name(&path, name));
    let guid = guid(&mut section, claims);
    section.close();
    let (address, user, password_file) = (address?, user?.value, password_file?);
    Some(Bmc { address, user, password_file, privilege, suites, bmc_key_file, guid })
}

/// Two nodes with one identity would be two names for one machine.
fn guid(section: &mut Section<'_>, claims: &mut Claims) -> Option<[u8; 16]> {
    let allowed =
        "32 hexadecimal digits, not all zero, as `palisade check-config --bmc` prints them";
    let Found { value, line } = section.parsed("guid", allowed, guid_of)?;
    claims.hardware.claim(section, "guid", line, &format!("{:032x}", u128::from_be_bytes(value)));
    Some(value)
}

/// The bytes of 32 hexadecimal digits; dashes between them mean nothing.
fn guid_of(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let plain = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = plain.then(|| u128::from_str_radix(&digits, 16).ok())??;
    (number != 0).then(|| number.to_be_bytes())
}

fn bmc_address(section: &mut Section<'_>, claims: &mut Claims) -> Option<String> {
    let allowed = "\"host\" or \"host:port\", IPv6 as [address]:port";
    let found = section.needed("address", allowed, |section, allowed| {
        section.parsed("address", allowed, with_bmc_port)
    })?;
    claims.hardware.claim(section, "address", found.line, &found.value);
    Some(found.value)
}

/// Port of IPMI over LAN. [ASF2 §3.2.3]
const BMC_PORT: u16 = 623;

/// `host:port` from a text that may lack the port.
fn with_bmc_port(text: &str) -> Option<String> {
    if let Ok(endpoint) = text.parse::<std::net::SocketAddr>() {
        return (endpoint.port() != 0).then(|| endpoint.to_string());
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return Some(std::net::SocketAddr::new(address, BMC_PORT).to_string());
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port != 0)?),
        None => (text, BMC_PORT),
    };
    is_host(host).then(|| format!("{host}:{port}"))
}

/// Whether `text` can be a host name. [RFC1123 §2.1]
fn is_host(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !text.is_empty() && text.len() <= 253 && text.bytes().all(fine)
}

const USER_ALLOWED: &str = "1 to 16 printable ASCII characters";

fn is_bmc_user(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn suites(section: &mut Section<'_>) -> Vec<Suite> {
    let allowed = "an array of cipher suites: 17, 3 or both, each once, in the order of trying";
    let accept = |value: &Value| match value.as_integer()? {
        3 => Some(Suite::Three),
        17 => Some(Suite::Seventeen),
        _other => None,
    };
    let both = vec![Suite::Seventeen, Suite::Three];
    let Some(Found { value, line }) = section.list("suites", allowed, accept) else { return both };
    let is_doubled = matches!(value.as_slice(), [one, other, ..] if one == other);
    if value.is_empty() || value.len() > 2 || is_doubled {
        section.mark(line, "suites", &format!("{} entries", value.len()), allowed);
    }
    value
}

fn check(node: &mut Section<'_>) -> Option<Check> {
    let mut section = node.section("check");
    if !section.is_there() {
        return None;
    }
    let profile = section.choice("profile", &[("bitbucket", CheckProfile::Bitbucket)]);
    let url = section.needed("url", URL_ALLOWED, |section, allowed| {
        section.parsed("url", allowed, |text| is_url(text).then(|| text.to_owned()))
    });
    let every = section.millis("every_ms", 10..=3_600_000).unwrap_or(Duration::from_secs(15));
    let timeout = section.millis("timeout_ms", 10..=600_000).unwrap_or(Duration::from_secs(5));
    if timeout > every {
        let found = timeout.as_millis().to_string();
        let allowed = format!("at most every_ms ({})", every.as_millis());
        section.mark(section.line_of("timeout_ms"), "timeout_ms", &found, &allowed);
    }
    let deadline = Duration::from_secs(300);
    let check = Check {
        profile: profile.unwrap_or(CheckProfile::Bitbucket),
        armed: section.flag("armed").unwrap_or(true),
        every,
        timeout,
        start_deadline: section.millis("start_deadline_ms", 0..=86_400_000).unwrap_or(deadline),
        stop_deadline: section.millis("stop_deadline_ms", 0..=86_400_000).unwrap_or(deadline),
        tolerate: section.small("tolerate", 0..=100).unwrap_or(2),
        url: url.map(|found| found.value).unwrap_or_default(),
    };
    section.close();
    Some(check)
}

const URL_ALLOWED: &str = "http://host[:port]/path, without user, spaces or #";

fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("http://") else { return false };
    let host = rest.split('/').next().unwrap_or("");
    !host.is_empty()
        && !host.contains('@')
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}
