//! Privilege levels, and the role byte that carries one through RAKP. [IPMI2 §6.8, §13.20]

use std::fmt;

/// What a session may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Privilege {
    /// Hardly anything.
    Callback,
    /// Read state; every session begins here.
    User,
    /// Everything but configuration: enough to switch power.
    Operator,
    /// Everything.
    Admin,
    /// Whatever the maker wanted.
    Oem,
}

impl Privilege {
    /// The four bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Callback => 1,
            Self::User => 2,
            Self::Operator => 3,
            Self::Admin => 4,
            Self::Oem => 5,
        }
    }

    /// The level in the four low bits of `byte`; `None` for 0 and for values above 5.
    pub const fn from_bits(byte: u8) -> Option<Self> {
        match byte & 0x0F {
            1 => Some(Self::Callback),
            2 => Some(Self::User),
            3 => Some(Self::Operator),
            4 => Some(Self::Admin),
            5 => Some(Self::Oem),
            _ => None,
        }
    }
}

/// The specification's word in lower case, as configuration files spell it.
impl fmt::Display for Privilege {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Callback => "callback",
            Self::User => "user",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Oem => "oem",
        })
    }
}

/// The role byte exactly as sent, which is also exactly as hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(u8);

/// Look the user up by name alone, not by name and level.
const NAME_ONLY: u8 = 0x10;

impl Role {
    /// Asks for at most `level`, user looked up by name alone. Without that bit a BMC wants the
    /// user's level to be exactly the one asked for.
    pub const fn name_only(level: Privilege) -> Self {
        Self(NAME_ONLY | level.bits())
    }

    /// Whatever byte a console sent.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte to send and to hash.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// The level asked for; `None` for 0 (the highest possible) and unknown values.
    pub const fn level(self) -> Option<Privilege> {
        Privilege::from_bits(self.0)
    }

    /// Whether the user is to be looked up by name alone.
    pub const fn is_name_only(self) -> bool {
        self.0 & NAME_ONLY != 0
    }
}
