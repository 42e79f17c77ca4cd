//! The packets of a simulated dog: one line of text each.
//!
//! Nothing here opens a socket.

use palisade_protocol::time::Duration;
use palisade_protocol::wire::DogClass;

/// What the simulator says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// Boot id of the simulated machine.
    pub(super) boot_id: u128,
    /// How far its bite can be trusted.
    pub(super) class: DogClass,
}

impl Hello {
    /// Reads `hello boot=<32 hex digits> class=<class> …`; further fields are left alone.
    pub(super) fn parse(packet: &str) -> Option<Self> {
        let fields = packet.strip_prefix("hello ")?;
        let boot = field(fields, "boot").filter(|digits| digits.len() == 32)?;
        let boot_id = u128::from_str_radix(boot, 16).ok()?;
        Some(Self { boot_id, class: class(field(fields, "class")?)? })
    }
}

/// The time in an answer `armed timeout_ms=<n>`.
pub(super) fn armed_timeout(packet: &str) -> Option<Duration> {
    let fields = packet.strip_prefix("armed ")?;
    field(fields, "timeout_ms")?.parse().ok().map(Duration::from_millis)
}

fn class(word: &str) -> Option<DogClass> {
    match word {
        "physical" => Some(DogClass::Physical),
        "virtual" => Some(DogClass::Virtual),
        "software" => Some(DogClass::Software),
        _ => None,
    }
}

fn field<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = fields.split_ascii_whitespace().filter_map(|word| word.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_names_the_boot_and_the_class() {
        let packet = "hello boot=000000000000000000000000000000ff class=virtual timeout_ms=1000 fire_ms=1000";
        assert_eq!(Hello::parse(packet), Some(Hello { boot_id: 0xff, class: DogClass::Virtual }));
    }

    #[test]
    fn a_greeting_that_lacks_something_is_none() {
        for packet in [
            "",
            "hello",
            "hello boot=ff class=physical",
            "hello boot=000000000000000000000000000000ff",
        ] {
            assert_eq!(Hello::parse(packet), None, "{packet}");
        }
        assert_eq!(Hello::parse("hello boot=000000000000000000000000000000ff class=big"), None);
    }

    #[test]
    fn the_armed_time_is_read_back() {
        assert_eq!(armed_timeout("armed timeout_ms=1000"), Some(Duration::from_secs(1)));
        assert_eq!(armed_timeout("ok"), None);
        assert_eq!(armed_timeout("armed timeout_ms=-1"), None);
    }
}
