//! Options as lines `name=value` on standard input, as Pacemaker gives them.

use std::io::Read;

use zeroize::Zeroizing;

use super::answer::Failed;
use super::option::{self, Opt};
use super::values::Values;

/// More than any cluster manager sends.
const INPUT_MAX: u64 = 65_536;

/// Reads to the end. Unknown names are warned about and ignored.
pub(super) fn read(input: impl Read) -> Result<Values, Failed> {
    let failed = |why: &str| Failed::new(format!("standard input: {why}; give name=value lines"));
    // One allocation, so that no copy of a password is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(65_537));
    let read = input.take(INPUT_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|error| failed(&error.to_string()))?;
    if bytes.len() as u64 > INPUT_MAX {
        return Err(failed("longer than 65536 bytes"));
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<Values, Failed> {
    let mut values = Values::default();
    for line in bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match std::str::from_utf8(line) {
            Ok(line) => {
                let (name, value) = line.split_once('=').unwrap_or((line, ""));
                take(&mut values, name.trim(), unquoted(value.trim()))?;
            }
            Err(_) => refuse_if_known(&mut values, line)?,
        }
    }
    Ok(values)
}

/// A line that is no UTF-8 may be anything but an option that we know.
fn refuse_if_known(values: &mut Values, line: &[u8]) -> Result<(), Failed> {
    let name = line.split(|byte| *byte == b'=').next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).trim().replace('-', "_");
    if option::ALL.iter().any(|option| has_name(option, &name)) {
        return Err(Failed::new(format!(
            "option {name}: its value is not UTF-8; write it in UTF-8"
        )));
    }
    values.warn("a line that is not UTF-8 ignored");
    Ok(())
}

fn take(values: &mut Values, name: &str, value: &str) -> Result<(), Failed> {
    let name = name.replace('-', "_");
    match option::ALL.iter().find(|option| has_name(option, &name)) {
        Some(option) => values.set(option, value)?,
        None if name == "nodename" => values.nodename = Some(value.to_owned()),
        None => values.warn(&format!("unknown option {} ignored", shown(&name))),
    }
    Ok(())
}

fn has_name(option: &Opt, name: &str) -> bool {
    option.name == name || option.old == Some(name) || option.long.replace('-', "_") == name
}

/// The name, if it looks like one; a line that is no option may be anything, also a password.
fn shown(name: &str) -> String {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && name.len() <= 40 { format!("{name:?}") } else { "(not shown)".to_owned() }
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_begins_after_the_first_equals_sign_and_the_last_line_holds() {
        let text =
            "# what\n\n ipaddr = 10.0.0.1\nlogin=\"a b\"\npasswd=a=b c\nip=10.0.0.2\naction=OFF\n";
        let values = read(text.as_bytes()).unwrap();
        assert_eq!(values.get(&option::IP), Some("10.0.0.2"));
        assert_eq!(values.get(&option::USERNAME), Some("a b"));
        assert_eq!(values.get(&option::PASSWORD), Some("a=b c"));
        assert_eq!(values.get(&option::ACTION), Some("OFF"));
    }

    #[test]
    fn hyphen_and_underline_are_one_and_the_node_name_is_kept_apart() {
        let values = read(&b"power-wait=7\nport_as_ip\nnodename=n1\nnonsense=1\n"[..]).unwrap();
        assert_eq!(values.get(&option::POWER_WAIT), Some("7"));
        assert!(values.flag(&option::PORT_AS_IP).unwrap());
        assert_eq!(values.nodename.as_deref(), Some("n1"));
    }

    #[test]
    fn a_line_that_may_be_a_password_is_not_shown() {
        assert_eq!(shown("s3cret of mine"), "(not shown)");
        assert_eq!(shown("pcmk_foo"), "\"pcmk_foo\"");
    }

    #[test]
    fn a_byte_that_is_no_utf_8_harms_the_option_that_has_it_and_no_other() {
        let values =
            read(&b"# caf\xe9\nunheard_of=\xe9\nnodename=n\xe9\naction=off\n"[..]).unwrap();
        assert_eq!(values.get(&option::ACTION), Some("off"));
        assert!(read(&b"password=\xe9\naction=off\n"[..]).is_err());
    }

    #[test]
    fn a_flood_is_refused() {
        assert!(read(vec![b'#'; 70_000].as_slice()).is_err());
    }
}
