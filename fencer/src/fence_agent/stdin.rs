//! Options as lines `name=value` on standard input, as Pacemaker gives them.

use std::io::Read;

use palisade_host::secret::Secret;

use super::answer::Failed;
use super::option::{self, Opt};
use super::values::Values;

/// More than any cluster manager sends.
const INPUT_MAX: u64 = 65_536;

/// Reads to the end. Unknown names are warned about and ignored.
pub(super) fn read(input: impl Read) -> Result<Values, Failed> {
    let failed = |why: &str| Failed::new(format!("standard input: {why}; give name=value lines"));
    // One allocation, so that no copy of a password is left behind by growing.
    let mut text = String::with_capacity(65_537);
    let read = input.take(INPUT_MAX + 1).read_to_string(&mut text);
    let text = Secret::new(text);
    read.map_err(|error| failed(&error.to_string()))?;
    if text.expose().len() as u64 > INPUT_MAX {
        return Err(failed("longer than 65536 bytes"));
    }
    parse(text.expose())
}

fn parse(text: &str) -> Result<Values, Failed> {
    let mut values = Values::default();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        take(&mut values, name.trim(), unquoted(value.trim()))?;
    }
    Ok(values)
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
    fn a_flood_is_refused() {
        assert!(read(vec![b'#'; 70_000].as_slice()).is_err());
    }
}
