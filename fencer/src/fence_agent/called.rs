//! The name under which the agent was started. Under that of an agent of fence-agents, for example by a
//! symbolic link, it has that one's name and defaults.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;

/// A name and what is different under it.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) name: &'static str,
    /// What the metadata of fence-agents says of it as a symbolic link.
    pub(super) about: &'static str,
    /// Defaults that differ, by the options' names.
    defaults: &'static [(&'static str, &'static str)],
}

const PALISADE: Called =
    Called { name: "fence_palisade", about: "Fence agent for IPMI 2.0", defaults: &[] };

const LANPLUS: (&str, &str) = ("lanplus", "1");

/// The names that it stands in for.
pub(super) const OTHERS: [Called; 7] = [
    Called { name: "fence_ipmilan", about: "Fence agent for IPMI", defaults: &[] },
    Called {
        name: "fence_ilo3",
        about: "Fence agent for HP iLO3",
        defaults: &[LANPLUS, ("power_wait", "4")],
    },
    Called { name: "fence_ilo4", about: "Fence agent for HP iLO4", defaults: &[LANPLUS] },
    Called { name: "fence_ilo5", about: "Fence agent for HP iLO5", defaults: &[LANPLUS] },
    Called {
        name: "fence_ipmilanplus",
        about: "Fence agent for IPMIv2 lanplus",
        defaults: &[LANPLUS],
    },
    Called {
        name: "fence_imm",
        about: "Fence agent for IBM Integrated Management Module",
        defaults: &[],
    },
    Called { name: "fence_idrac", about: "Fence agent for Dell iDRAC", defaults: &[] },
];

static NOW: OnceLock<&'static Called> = OnceLock::new();

/// Notes the program's name, once.
pub(super) fn note(program: Option<&OsStr>) {
    NOW.get_or_init(|| find(program));
}

/// The name in force.
pub(super) fn now() -> &'static Called {
    NOW.get().copied().unwrap_or(find(None))
}

impl Called {
    /// The default of the option called `name`, where it differs.
    pub(super) fn default_of(&self, name: &str) -> Option<&'static str> {
        self.defaults.iter().find(|(option, _)| *option == name).map(|(_, default)| *default)
    }
}

fn find(program: Option<&OsStr>) -> &'static Called {
    static PALISADE: Called = super::called::PALISADE;
    static ALL: [Called; 7] = OTHERS;
    let name = program.and_then(|program| Path::new(program).file_name());
    let found = ALL.iter().find(|called| name == Some(OsStr::new(called.name)));
    found.unwrap_or(&PALISADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(program: &str) -> &'static str {
        find(Some(OsStr::new(program))).name
    }

    #[test]
    fn a_symbolic_link_gives_it_another_name_and_nothing_else_does() {
        assert_eq!(name("/usr/sbin/fence_ilo3"), "fence_ilo3");
        assert_eq!(name("fence_idrac"), "fence_idrac");
        for other in ["/usr/sbin/fence_palisade", "fence_ilo3/", "fence_ilo3x", "sh", ""] {
            assert!(matches!(name(other), "fence_palisade" | "fence_ilo3"), "{other}");
        }
        assert_eq!(find(None).name, "fence_palisade");
        assert_eq!(find(Some(OsStr::new("fence_ilo3"))).default_of("power_wait"), Some("4"));
    }
}
