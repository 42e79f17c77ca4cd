//! What the vectors call each variant of each enum of the wire.

use palisade_protocol::wire::{Decline, DogClass, ProofKind, Verdict, Why, Withheld};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::stanza::stanzas;

/// An enum of the wire whose variants have names in the vectors.
pub(crate) trait Named: Copy + PartialEq + Serialize + DeserializeOwned + 'static {
    /// Every variant.
    const ALL: &[Self];

    /// What the vectors call it.
    fn name(self) -> &'static str;

    /// The variant of that name.
    fn named(name: &str) -> Self {
        let found = Self::ALL.iter().find(|variant| variant.name() == name);
        *found.unwrap_or_else(|| panic!("{name} names no variant"))
    }
}

/// Names every variant; one without a name does not compile.
macro_rules! named {
    ($of:ident: $($variant:ident $(($inner:path))? = $name:literal,)*) => {
        impl Named for $of {
            const ALL: &[Self] = &[$($of::$variant $(($inner))?,)*];

            fn name(self) -> &'static str {
                match self { $($of::$variant $(($inner))? => $name,)* }
            }
        }
    };
}

named! { Verdict: Unknown = "unknown", Idle = "idle", Up = "up", Grace = "grace", Down = "down", }
named! { DogClass:
    Unknown = "unknown", Physical = "physical", Virtual = "virtual", Software = "software",
}
named! { Withheld:
    BootHold = "boot-hold", Amnesia = "amnesia", Condemned = "condemned", Fencing = "fencing",
    Twin = "twin", Stranger = "stranger",
}
named! { Why: Silence = "silence", Operator = "operator", Health = "health", }
named! { ProofKind:
    PowerOff = "power-off", LeaseExpired = "lease-expired", Reborn = "reborn", Left = "left",
    Operator = "operator",
}
named! { Decline:
    StillHeard = "still-heard", Holding = "holding", AskerCondemned = "asker-condemned",
    OtherShooter = "other-shooter", Writing = "writing", DiskFailed = "disk-failed",
    UnknownLife = "unknown-life",
    Over(ProofKind::PowerOff) = "over power-off", Over(ProofKind::LeaseExpired) = "over lease-expired",
    Over(ProofKind::Reborn) = "over reborn", Over(ProofKind::Left) = "over left",
    Over(ProofKind::Operator) = "over operator",
}

/// Checks that `T` has on the wire the numbers that the file says, and no other.
pub(crate) fn check_numbers<T: Named>(in_file: &str) {
    let stanza = stanzas("enum").into_iter().find(|stanza| stanza.name == in_file);
    let names: Vec<_> = stanza.expect("in the file").text("variants").split(' ').collect();
    for number in 0..=0x7f {
        let read = postcard::from_bytes::<T>(&[number, 0]).ok();
        let name = names.get(usize::from(number)).copied();
        let same = read.map(|variant| variant.name().split(' ').next().unwrap_or_default());
        assert_eq!(same, name, "{in_file} {number}");
    }
    for variant in T::ALL {
        let mut room = [0; 2];
        let written = postcard::to_slice(variant, &mut room).expect("two bytes");
        let name = names.get(usize::from(written[0])).copied();
        assert_eq!(variant.name().split(' ').next(), name, "{in_file}");
    }
}
