//! Completion codes in words. [IPMI2 §5.2]

use ipmi_rs_core::connection::CompletionErrorCode;

/// The bytes that a BMC puts on the wire.
pub mod code {
    /// Done.
    pub const OK: u8 = 0x00;
    /// Busy.
    pub const BUSY: u8 = 0xC0;
    /// Unknown command.
    pub const INVALID_COMMAND: u8 = 0xC1;
    /// Processing took too long.
    pub const TIMEOUT: u8 = 0xC3;
    /// Out of space.
    pub const OUT_OF_SPACE: u8 = 0xC4;
    /// Wrong length of the request.
    pub const INVALID_LENGTH: u8 = 0xC7;
    /// A parameter is out of range.
    pub const OUT_OF_RANGE: u8 = 0xC9;
    /// Invalid data field.
    pub const INVALID_FIELD: u8 = 0xCC;
    /// The same request has already been executed.
    pub const DUPLICATE: u8 = 0xCF;
    /// The BMC is still starting.
    pub const INITIALISING: u8 = 0xD2;
    /// Not enough privilege.
    pub const PRIVILEGE: u8 = 0xD4;
    /// Not possible in the present state.
    pub const STATE: u8 = 0xD5;
    /// Unspecified error.
    pub const UNSPECIFIED: u8 = 0xFF;
}

/// What a completion code other than success says.
pub fn words(code: u8) -> &'static str {
    match CompletionErrorCode::try_from(code) {
        Err(()) => "done",
        Ok(error) => words_of(error),
    }
}

/// Whether the BMC may well answer otherwise in a moment: busy, timeout, updating, initialising,
/// destination not available, unspecified.
pub const fn is_passing(code: u8) -> bool {
    matches!(code, 0xC0 | 0xC3 | 0xCE | 0xD0..=0xD3 | 0xFF)
}

fn words_of(error: CompletionErrorCode) -> &'static str {
    use CompletionErrorCode as E;
    match error {
        E::NodeBusy => "busy",
        E::InvalidCommand => "unknown command",
        E::InvalidCommandForLun => "unknown command for this logical unit",
        E::ProcessingTimeout => "timeout while processing",
        E::OutOfSpace => "out of space",
        E::ReservationCancelledOrInvalidId => "reservation cancelled",
        E::RequestDataTruncated => "request truncated",
        E::RequestDataLenInvalid => "invalid request length",
        E::RequestDataLengthLimitExceeded => "request too long",
        E::ParameterOutOfRange => "parameter out of range",
        E::CannotReturnNumOfRequestedBytes => "cannot return that many bytes",
        E::RequestedDatapointNotPresent => "not present",
        E::InvalidDataFieldInRequest => "invalid data field",
        E::CommandIllegalForSensorOrRecord => "illegal for this sensor or record",
        E::ResponseUnavailable { .. } => "cannot answer yet: updating or initialising",
        E::CannotExecuteDuplicateRequest => "duplicate request",
        E::DestinationUnavailable => "destination unavailable",
        E::InsufficientPrivilege => "insufficient privilege",
        E::CannotExecuteCommandInCurrentState => "not possible in the present state",
        E::SubFunctionDisabled => "disabled",
        E::Unspecified => "unspecified error",
        E::Oem(_) => "code of the maker",
        E::CommandSpecific(_) => "code specific to the command",
        E::Reserved(_) => "reserved code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_bmc_may_answer_otherwise_in_a_moment() {
        for passing in [code::BUSY, code::TIMEOUT, code::INITIALISING, code::UNSPECIFIED] {
            assert!(is_passing(passing), "{passing:#x}");
        }
    }

    #[test]
    fn a_refusal_for_lack_of_privilege_stands() {
        for standing in [code::OK, code::PRIVILEGE, code::STATE, code::INVALID_COMMAND, 0x80] {
            assert!(!is_passing(standing), "{standing:#x}");
        }
    }

    #[test]
    fn every_code_has_words() {
        assert!((0..=u8::MAX).all(|code| !words(code).is_empty()));
        assert_eq!(words(code::STATE), "not possible in the present state");
    }
}
