//! The tables `[[node.power]]` of one node.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use toml_edit::Value;

use super::cluster::with_name;
use super::power::{FenceAgent, HttpPlace, PowerLevel, Redfish, RedfishLogin, Trust};
use super::register::Register;
use super::section::{Found, Section, Sheet};

/// Reads all of them. What two nodes must not share is claimed from `hardware`.
pub(super) fn levels(
    sheet: &Sheet<'_>,
    node: &mut Section<'_>,
    name: &str,
    hardware: &mut Register,
) -> Vec<PowerLevel> {
    let sections = node.sections("power");
    if sections.len() > LEVELS_MAX {
        let allowed = format!("at most {LEVELS_MAX} tables [[node.power]]");
        node.mark(node.line_of("power"), "power", &format!("{} tables", sections.len()), &allowed);
    }
    sections.into_iter().filter_map(|section| level(sheet, section, name, hardware)).collect()
}

/// Each level must have a share of the time that one order has.
const LEVELS_MAX: usize = 4;

#[derive(Clone, Copy)]
enum Device {
    Redfish,
    Agent,
}

fn level(
    sheet: &Sheet<'_>,
    mut section: Section<'_>,
    name: &str,
    hardware: &mut Register,
) -> Option<PowerLevel> {
    if !section.has("device") {
        section.miss("device", "\"redfish\" or \"agent\"");
    }
    let all = [("redfish", Device::Redfish), ("agent", Device::Agent)];
    let read = match section.choice("device", &all)? {
        Device::Redfish => redfish(&mut section, name, hardware).map(PowerLevel::Redfish),
        Device::Agent => agent(&mut section, name, hardware).map(PowerLevel::Agent),
    };
    if let Some(weakness) = read.as_ref().and_then(PowerLevel::weakness) {
        sheet.warn(section.line(), &format!("{}: {weakness}", section.key("url")));
    }
    section.close();
    read
}

const URL_ALLOWED: &str = "https://host[:port] (or http:// to this machine), without a path";

fn redfish(section: &mut Section<'_>, name: &str, hardware: &mut Register) -> Option<Redfish> {
    let place = section
        .needed("url", URL_ALLOWED, |it, allowed| it.parsed("url", allowed, HttpPlace::parse));
    let user = section.needed("user", USER_ALLOWED, |it, allowed| {
        it.parsed("user", allowed, |text| is_user(text).then(|| text.to_owned()))
    });
    let password_file = password_file(section, name);
    if password_file.is_none() && !section.has("password_file") {
        section.miss("password_file", PASSWORD_ALLOWED);
    }
    let all = [("session", RedfishLogin::Session), ("basic", RedfishLogin::Basic)];
    let login = section.choice("login", &all).unwrap_or_default();
    let system = section.parsed("system", SYSTEM_ALLOWED, |text| {
        is_system(text).then(|| text.trim_end_matches('/').to_owned())
    });
    let trust = trust(section, place.as_ref());
    let (place, system) = (place?, system.map(|found| found.value));
    let claimed = format!("{}{}", place.value, system.as_deref().unwrap_or_default());
    hardware.claim(section, "url", place.line, &claimed);
    Some(Redfish {
        place: place.value,
        user: user?.value,
        password_file: password_file?,
        login,
        system,
        trust: trust?,
    })
}

const USER_ALLOWED: &str = "1 to 64 printable ASCII characters, without \":\"";

/// A colon would end the name in a basic login. [RFC7617 §2]
fn is_user(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

const PASSWORD_ALLOWED: &str = "the path of a 0600 file with the password";

fn password_file(section: &mut Section<'_>, name: &str) -> Option<PathBuf> {
    section.path("password_file").map(|path| with_name(&path, name))
}

const SYSTEM_ALLOWED: &str = "the path of a system, such as \"/redfish/v1/Systems/1\"";

fn is_system(text: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\');
    text.starts_with("/redfish/") && text.len() <= 256 && text.bytes().all(fine)
}

/// Where Debian and Red Hat's `ca-certificates` keep the authorities of the world.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Whom to believe; nothing if that was marked.
fn trust(section: &mut Section<'_>, place: Option<&Found<HttpPlace>>) -> Option<Trust> {
    let file = section.path("ca_file");
    let pin = section.parsed("certificate_sha256", PIN_ALLOWED, fingerprint);
    let anyone = section.flag("tls_insecure").unwrap_or(false);
    let plain = section.flag("plain_http").unwrap_or(false);
    let place = place?;
    let asked = usize::from(file.is_some()) + usize::from(pin.is_some()) + usize::from(anyone);
    if asked > 1 {
        let allowed = "one of ca_file, certificate_sha256 and tls_insecure";
        section.mark(section.line(), "ca_file", &format!("{asked} of them"), allowed);
    }
    if !place.value.tls {
        return without_tls(section, place, plain);
    }
    if plain {
        section.exclude("plain_http", "only with an http:// url");
    }
    if anyone {
        return Some(Trust::Anyone);
    }
    let unpinned = || Trust::Authorities(file.unwrap_or_else(|| PathBuf::from(AUTHORITIES)));
    Some(pin.map_or_else(unpinned, |pin| Trust::Pinned(pin.value)))
}

fn without_tls(section: &Section<'_>, place: &Found<HttpPlace>, plain: bool) -> Option<Trust> {
    for key in ["ca_file", "certificate_sha256", "tls_insecure"] {
        section.exclude(key, "only with an https:// url");
    }
    if place.value.is_loopback() {
        return Some(Trust::Plain);
    }
    if !plain {
        let found = format!("\"http://{}\"", place.value.authority());
        let allowed = "https://, or plain_http = true beside it: passwords travel in the clear";
        section.mark(place.line, "url", &found, allowed);
        return None;
    }
    Some(Trust::Plain)
}

const PIN_ALLOWED: &str =
    "64 hexadecimal digits, with or without colons (openssl x509 -noout -fingerprint -sha256)";

fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let is_hex = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut pin = [0; 32];
    for (place, byte) in pin.iter_mut().enumerate() {
        let pair = digits.get(2 * place..2 * place + 2).filter(|_| is_hex)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(pin)
}

const PROGRAM_ALLOWED: &str =
    "the name of a fence agent in /usr/sbin, such as \"fence_ilo5\", or the absolute path of one";

/// Where distributions and Pacemaker keep fence agents. [Pacemaker, PCMK__FENCE_BINDIR]
const PROGRAMS: &str = "/usr/sbin";

fn agent(section: &mut Section<'_>, name: &str, hardware: &mut Register) -> Option<FenceAgent> {
    let program = section
        .needed("program", PROGRAM_ALLOWED, |it, allowed| it.parsed("program", allowed, program));
    let password_file = password_file(section, name);
    let options =
        section.entries("options", OPTIONS_ALLOWED, |key, value| option(key, value, name));
    let (program, options) = (program?, options?);
    let claimed = format!("{} {}", program.value.display(), digest(&options));
    hardware.claim(section, "program", program.line, &claimed);
    Some(FenceAgent { program: program.value, options, password_file })
}

/// Which options these are, without showing them: some are as good as a password.
fn digest(options: &[(String, String)]) -> String {
    let mut hash = Sha256::new();
    options.iter().for_each(|(key, value)| hash.update(format!("{key}={value}\n")));
    let digits: String = hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("with options of digest {digits}")
}

fn program(text: &str) -> Option<PathBuf> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if text.starts_with("fence_") && text.bytes().all(fine) {
        return Some(PathBuf::from(PROGRAMS).join(text));
    }
    (text.starts_with('/') && !text.contains(char::is_control)).then(|| PathBuf::from(text))
}

const OPTIONS_ALLOWED: &str = "texts, whole numbers or true and false on one line each, but no \
     action, no password (password_file reads it from a file) and nothing that writes a debug log";

/// Options that are not the file's to give: what is to be done is Palisade's to say, and a password
/// stands in a file of its own, or would be written into one.
const FORBIDDEN: [&str; 10] = [
    "action",
    "option",
    "password",
    "passwd",
    "password_script",
    "passwd_script",
    "debug",
    "debug_file",
    "verbose",
    "verbose_level",
];

/// One option as the agent reads it; `{node}` stands for the node's name.
fn option(key: &str, value: &Value, name: &str) -> Option<(String, String)> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let plain = key.replace('-', "_").to_ascii_lowercase();
    let allowed = !FORBIDDEN.contains(&plain.as_str());
    let is_key = (1..=64).contains(&key.len()) && key.bytes().all(fine) && allowed;
    let text = match value {
        Value::String(text) => text.value().replace("{node}", name),
        Value::Integer(number) => number.value().to_string(),
        Value::Boolean(flag) => u8::from(*flag.value()).to_string(),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::InlineTable(_) => {
            return None;
        }
    };
    let is_text = text.len() <= 1024 && !text.contains(char::is_control) && text.trim() == text;
    (is_key && is_text).then(|| (key.to_owned(), text))
}
