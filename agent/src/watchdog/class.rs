//! How far a watchdog's bite can be trusted, from the traces that a virtual machine leaves.
//!
//! A paused virtual machine stops its watchdog together with its clocks, so its bite proves nothing to
//! others. What cannot be shown to be a physical machine is taken for a virtual one.

use palisade_protocol::wire::DogClass;
use std::fs;

/// What software watchdogs call themselves.
const SOFTWARE: [&str; 2] = ["Software Watchdog", "softdog"];

/// Watchdogs that only hypervisors have.
const EMULATED: [&str; 3] = ["i6300ESB timer", "Xen watchdog", "QEMU"];

/// Parts of DMI names that hypervisors give their guests.
const GUESTS: [&str; 12] = [
    "qemu",
    "kvm",
    "vmware",
    "virtualbox",
    "bochs",
    "xen",
    "hvm domu",
    "virtual machine",
    "virtual platform",
    "google compute engine",
    "parallels",
    "cloud hypervisor",
];

/// Traces of a hypervisor on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// `/proc/cpuinfo`.
    pub cpuinfo: String,
    /// DMI vendor and product names, one after the other; empty if there is no DMI.
    pub dmi: String,
    /// Whether `/sys/hypervisor/type` exists.
    pub under_hypervisor: bool,
}

impl Evidence {
    /// Gathers it from `/proc` and `/sys`.
    pub fn of_this_machine() -> Self {
        Self {
            cpuinfo: fs::read_to_string("/proc/cpuinfo").unwrap_or_default(),
            dmi: ["sys_vendor", "product_name", "board_vendor"].map(dmi_name).join("\n"),
            under_hypervisor: fs::exists("/sys/hypervisor/type").unwrap_or(false),
        }
    }

    fn is_virtual(&self) -> bool {
        self.under_hypervisor
            || self.has_hypervisor_bit()
            || self.is_guest_by_name()
            || self.is_blank()
    }

    fn has_hypervisor_bit(&self) -> bool {
        let flags = self.cpuinfo.lines().filter(|line| line.starts_with("flags"));
        flags.flat_map(str::split_whitespace).any(|flag| flag == "hypervisor")
    }

    fn is_guest_by_name(&self) -> bool {
        let names = self.dmi.to_lowercase();
        GUESTS.iter().any(|guest| names.contains(guest))
    }

    fn is_blank(&self) -> bool {
        self.dmi.trim().is_empty()
    }
}

/// The class of the watchdog that calls itself `identity`, on a machine with these traces.
pub fn class_of(identity: &str, evidence: &Evidence) -> DogClass {
    if SOFTWARE.contains(&identity) {
        return DogClass::Software;
    }
    if EMULATED.contains(&identity) || evidence.is_virtual() {
        return DogClass::Virtual;
    }
    DogClass::Physical
}

fn dmi_name(of: &str) -> String {
    fs::read_to_string(format!("/sys/class/dmi/id/{of}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare_metal() -> Evidence {
        Evidence {
            cpuinfo: "processor : 0\nflags\t\t: fpu vme sse2\n".into(),
            dmi: "Dell Inc.\nPowerEdge R640\nDell Inc.\n".into(),
            under_hypervisor: false,
        }
    }

    #[test]
    fn a_chipset_timer_on_bare_metal_is_physical() {
        assert_eq!(class_of("iTCO_wdt", &bare_metal()), DogClass::Physical);
    }

    #[test]
    fn a_software_timer_is_software_wherever_it_runs() {
        assert_eq!(class_of("Software Watchdog", &bare_metal()), DogClass::Software);
    }

    #[test]
    fn the_hypervisor_bit_makes_it_virtual() {
        let guest = Evidence { cpuinfo: "flags : fpu hypervisor lahf_lm\n".into(), ..bare_metal() };
        assert_eq!(class_of("iTCO_wdt", &guest), DogClass::Virtual);
    }

    #[test]
    fn a_hypervisors_name_in_dmi_makes_it_virtual() {
        let guest =
            Evidence { dmi: "QEMU\nStandard PC (Q35 + ICH9, 2009)\n".into(), ..bare_metal() };
        assert_eq!(class_of("iTCO_wdt", &guest), DogClass::Virtual);
    }

    #[test]
    fn a_timer_that_only_hypervisors_have_is_virtual() {
        assert_eq!(class_of("i6300ESB timer", &bare_metal()), DogClass::Virtual);
    }

    #[test]
    fn no_evidence_is_no_proof_of_a_physical_machine() {
        assert_eq!(class_of("iTCO_wdt", &Evidence::default()), DogClass::Virtual);
    }
}
