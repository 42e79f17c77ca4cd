//! The actions of the fence-agent contract.

use super::answer::Failed;
use super::option;
use super::shown::shown;
use super::values::Values;

/// What the agent is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Off,
    On,
    Reboot,
    Status,
    Diag,
    Monitor,
    List,
    ListStatus,
    ValidateAll,
    Metadata,
    Manpage,
}

impl Action {
    /// Each action with its name, in the order of the metadata.
    pub(super) const ALL: [(&'static str, Self); 11] = [
        ("on", Self::On),
        ("off", Self::Off),
        ("reboot", Self::Reboot),
        ("status", Self::Status),
        ("list", Self::List),
        ("list-status", Self::ListStatus),
        ("monitor", Self::Monitor),
        ("metadata", Self::Metadata),
        ("manpage", Self::Manpage),
        ("validate-all", Self::ValidateAll),
        ("diag", Self::Diag),
    ];

    /// The names that the metadata offers. Pacemaker asks an agent that offers `list` which nodes it can
    /// fence, also where no configuration names any; one that does not is asked about each node's status.
    pub(super) fn offered() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(|(_, action)| !action.lists()).map(|(name, _)| *name)
    }

    /// The action asked for, in any case of letters; `reboot` if none is.
    pub(super) fn of(values: &Values) -> Result<Self, Failed> {
        let asked = values.get(&option::ACTION).unwrap_or_default().to_ascii_lowercase();
        let asked = if asked == "meta-data" { "metadata" } else { &asked };
        let found = Self::ALL.iter().find(|(name, _)| *name == asked);
        found.map(|(_, action)| *action).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            Failed::new(format!("unrecognised action {}; use one of: {names}", shown(asked)))
        })
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }

    /// Whether it lists plugs.
    pub(super) const fn lists(self) -> bool {
        matches!(self, Self::List | Self::ListStatus)
    }

    /// Whether it does something to a machine.
    pub(super) const fn changes(self) -> bool {
        matches!(self, Self::Off | Self::On | Self::Reboot | Self::Diag)
    }

    /// Whether it only looks whether the others could be done.
    pub(super) const fn rehearses(self) -> bool {
        matches!(self, Self::Monitor | Self::ValidateAll)
    }

    /// Whether it takes power from a machine, so that `delay` holds it up.
    pub(super) const fn fences(self) -> bool {
        matches!(self, Self::Off | Self::Reboot)
    }
}
