//! Status codes of Open Session and RAKP messages. [IPMI2 §13.24]

use std::fmt;

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $words:literal;)*) => {
        /// Why a step of session set-up was refused. Success is not a value of this type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RmcpStatus {
            $($(#[$doc])* $name,)*
            /// A code that the specification does not list; never 0.
            Other(u8),
        }

        impl RmcpStatus {
            /// The byte on the wire.
            pub const fn byte(self) -> u8 {
                match self { $(Self::$name => $code,)* Self::Other(code) => code }
            }

            /// The refusal behind `byte`; `None` for 0, which is success.
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { 0 => None, $($code => Some(Self::$name),)* code => Some(Self::Other(code)) }
            }

            const fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* Self::Other(_) => "unknown status" }
            }
        }
    };
}

statuses! {
    /// No free session slot; some BMCs also say this for a suite they have disabled.
    NoResources = 0x01, "insufficient resources";
    /// The session id is not one of the BMC's.
    InvalidSessionId = 0x02, "invalid session id";
    /// Payload type in an algorithm block is wrong.
    InvalidPayload = 0x03, "invalid payload type";
    /// Authentication algorithm not supported.
    InvalidAuthentication = 0x04, "invalid authentication algorithm";
    /// Integrity algorithm not supported.
    InvalidIntegrity = 0x05, "invalid integrity algorithm";
    /// No authentication payload fits.
    NoMatchingAuthentication = 0x06, "no matching authentication payload";
    /// No integrity payload fits.
    NoMatchingIntegrity = 0x07, "no matching integrity payload";
    /// The session has been given up meanwhile.
    InactiveSessionId = 0x08, "inactive session id";
    /// The role is not one the user may take.
    InvalidRole = 0x09, "invalid role";
    /// The role or privilege level is not allowed to the user or on this channel.
    UnauthorizedRole = 0x0A, "unauthorized role or privilege level";
    /// No slot left at this privilege.
    NoResourcesAtRole = 0x0B, "insufficient resources at the requested role";
    /// The user name has an impossible length.
    InvalidNameLength = 0x0C, "invalid name length";
    /// No such user.
    UnauthorizedName = 0x0D, "unauthorized name";
    /// GUID not accepted.
    UnauthorizedGuid = 0x0E, "unauthorized guid";
    /// The authentication code does not match: another password or key.
    InvalidIntegrityCheck = 0x0F, "invalid integrity check value";
    /// Confidentiality algorithm not supported.
    InvalidConfidentiality = 0x10, "invalid confidentiality algorithm";
    /// No cipher suite fits.
    NoCipherSuite = 0x11, "no cipher suite match";
    /// Some parameter is illegal.
    IllegalParameter = 0x12, "illegal or unrecognized parameter";
}

/// For example `unauthorized name (0x0d)`.
impl fmt::Display for RmcpStatus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({:#04x})", self.words(), self.byte())
    }
}
