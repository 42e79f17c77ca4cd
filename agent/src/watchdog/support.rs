//! What a watchdog driver says of itself: options, identity, boot status. Pure decoding.
//!
//! Nothing here touches a device.

/// The timer does not reset the machine (`WDIOF_ALARMONLY`).
const ALARM_ONLY: u32 = 0x0400;
/// A pet by ioctl is understood (`WDIOF_KEEPALIVEPING`).
const KEEPALIVE_PING: u32 = 0x8000;
/// The time can be set (`WDIOF_SETTIMEOUT`).
const SET_TIMEOUT: u32 = 0x0080;
/// Closing after the magic character stops the timer (`WDIOF_MAGICCLOSE`).
const MAGIC_CLOSE: u32 = 0x0100;
/// The last reset was the watchdog's (`WDIOF_CARDRESET`).
const CARD_RESET: u32 = 0x0020;
/// The last reset came from heat (`WDIOF_OVERHEAT`).
const OVERHEAT: u32 = 0x0001;
/// The last reset came from a power fault (`WDIOF_POWERUNDER`).
const POWER_UNDER: u32 = 0x0010;

/// Drivers outside the kernel's watchdog core that advertise nothing and can do everything.
const MODEST: [&str; 1] = ["IPMI"];

/// `struct watchdog_info` of `linux/watchdog.h`, as the kernel fills it in.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawSupport {
    /// Bits `WDIOF_*`.
    pub(super) options: u32,
    /// Of the card; often 0.
    pub(super) firmware_version: u32,
    /// NUL-padded name of the driver or card.
    pub(super) identity: [u8; 32],
}

/// What a driver can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The name that it gives itself.
    pub identity: String,
    options: u32,
}

impl Support {
    /// Reads the kernel's answer.
    pub(super) fn from_raw(raw: &RawSupport) -> Self {
        Self { identity: text_of(&raw.identity), options: raw.options }
    }

    /// Whether it rings and does not reset.
    pub const fn is_alarm_only(&self) -> bool {
        self.options & ALARM_ONLY != 0
    }

    /// Whether a pet may be an ioctl; otherwise it is a written byte, which every driver takes.
    pub const fn pets_by_ioctl(&self) -> bool {
        self.options & KEEPALIVE_PING != 0
    }

    /// Whether its time can be set.
    pub fn sets_timeout(&self) -> bool {
        self.options & SET_TIMEOUT != 0 || self.is_modest()
    }

    /// Whether `V` before the close stops it.
    pub fn has_magic_close(&self) -> bool {
        self.options & MAGIC_CLOSE != 0 || self.is_modest()
    }

    fn is_modest(&self) -> bool {
        MODEST.contains(&self.identity.as_str())
    }
}

/// Why the machine booted, as far as the watchdog knows (`WDIOC_GETBOOTSTATUS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootStatus(u32);

impl BootStatus {
    /// From the bits `WDIOF_*`.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Whether this watchdog bit.
    pub const fn is_bite(self) -> bool {
        self.0 & CARD_RESET != 0
    }

    /// In words. Zero means little: many drivers always say so.
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            bits if bits & CARD_RESET != 0 => "the watchdog reset the machine",
            bits if bits & OVERHEAT != 0 => "the machine was too hot",
            bits if bits & POWER_UNDER != 0 => "the power was bad",
            0 => "the driver says nothing",
            _ => "the driver says something else",
        }
    }
}

/// The text before the first NUL; what is not ASCII becomes `?`.
fn text_of(bytes: &[u8]) -> String {
    let used = bytes.iter().take_while(|&&byte| byte != 0);
    used.map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn support(identity: &str, options: u32) -> Support {
        let mut raw = RawSupport { options, ..RawSupport::default() };
        raw.identity[..identity.len()].copy_from_slice(identity.as_bytes());
        Support::from_raw(&raw)
    }

    #[test]
    fn the_structure_is_as_large_as_the_kernels() {
        assert_eq!(size_of::<RawSupport>(), 40);
    }

    #[test]
    fn an_intel_chipset_says_what_it_can() {
        let itco = support("iTCO_wdt", 0x8180);
        assert_eq!(itco.identity, "iTCO_wdt");
        assert!(itco.pets_by_ioctl() && itco.sets_timeout() && itco.has_magic_close());
        assert!(!itco.is_alarm_only());
    }

    #[test]
    fn ipmi_advertises_nothing_and_is_known_to_do_it() {
        let ipmi = support("IPMI", 0);
        assert!(ipmi.sets_timeout() && ipmi.has_magic_close());
        assert!(!ipmi.pets_by_ioctl(), "then it is petted by a written byte");
    }

    #[test]
    fn an_unknown_driver_without_options_can_do_nothing() {
        let other = support("other", 0);
        assert!(!other.sets_timeout() && !other.has_magic_close());
    }

    #[test]
    fn an_alarm_is_seen_as_one() {
        assert!(support("bell", 0x0400).is_alarm_only());
    }

    #[test]
    fn a_name_without_an_end_is_cut_at_its_room() {
        let raw = RawSupport { identity: [b'x'; 32], ..RawSupport::default() };
        assert_eq!(Support::from_raw(&raw).identity.len(), 32);
    }

    #[test]
    fn a_bite_is_told_from_heat_and_from_silence() {
        assert!(BootStatus::from_bits(0x20).is_bite());
        assert!(!BootStatus::from_bits(0x01).is_bite());
        assert_eq!(BootStatus::from_bits(0).as_str(), "the driver says nothing");
    }
}
