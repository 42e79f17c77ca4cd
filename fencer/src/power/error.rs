//! Why power could not be ordered or read: which BMC, as whom, what came back, what to do.
//!
//! No error means `off`, and none ever carries the password.

use std::borrow::Cow;
use std::fmt;

use palisade_ipmi::client::{ClientError, Declined, LoginError, Step};
use palisade_ipmi::secret::SECRET_MAX;

use super::trouble::Trouble;

/// A failure at one BMC. `Display` is one line with evidence and remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerError {
    account: Box<Account>,
    fault: Fault,
}

/// Where it happened, as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Account {
    address: String,
    user: String,
    password_from: Option<Cow<'static, str>>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerErrorKind {
    /// The password (or the BMC key) is not the BMC's.
    WrongPassword,
    /// Another BMC than the one that is pinned answered at the address.
    OtherBmc,
    /// The BMC does not know the user.
    NoSuchUser,
    /// The user may not have the privilege.
    PrivilegeRefused,
    /// No answer in time.
    Silent,
    /// Nobody listens at the port.
    PortRefused,
    /// No network path.
    Unreachable,
    /// The BMC has no session slot free.
    NoSlots,
    /// No configured cipher suite is accepted, or the answer was a downgrade.
    CipherRefused,
    /// The BMC declined the order with this completion code.
    Refused(u8),
    /// The BMC answered what the specification does not know there.
    Protocol,
    /// It took the order, and power did not change in time.
    Stuck,
    /// The deadline had passed before anything was sent.
    TooLate,
    /// The login cannot be tried as configured.
    BadConfig,
    /// The host name does not resolve.
    Unresolved,
    /// This host failed us: no socket or no random bytes.
    Local,
    /// The certificate that a service showed is not believed.
    Certificate,
    /// A service declined the order with this HTTP status.
    HttpStatus(u16),
    /// A fence agent failed with this exit code; none if a signal ended it.
    Agent(Option<i32>),
}

/// The evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Login(ClientError),
    Declined(Declined),
    BadLogin(LoginError),
    PasswordTooLong {
        length: usize,
    },
    BadPasswordFile(String),
    Unresolved {
        why: String,
    },
    /// The system's words, and what the login had come to.
    Unreachable {
        why: String,
        login: ClientError,
    },
    Local {
        why: String,
    },
    /// The answer belongs to another order: a mistake of ours.
    Mismatch,
    /// At a device that is no BMC reached by IPMI.
    Elsewhere(Trouble),
}

impl PowerError {
    /// A failure at `device`, named as an operator would, that is no BMC reached by IPMI.
    pub(super) fn at(device: String, trouble: Trouble) -> Self {
        Self::new(&device, "", Fault::Elsewhere(trouble))
    }

    pub(super) fn new(address: &str, user: &str, fault: Fault) -> Self {
        let (address, user) = (address.to_owned(), user.to_owned());
        Self { account: Box::new(Account { address, user, password_from: None }), fault }
    }

    /// The same of an account whose password was found there.
    pub(super) fn with_password_from(mut self, from: Cow<'static, str>) -> Self {
        self.account.password_from = Some(from);
        self
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> PowerErrorKind {
        match &self.fault {
            Fault::Login(error) => kind_of(error),
            Fault::Declined(Declined::Code { code, .. }) => PowerErrorKind::Refused(*code),
            Fault::Declined(Declined::Malformed { .. }) | Fault::Mismatch => {
                PowerErrorKind::Protocol
            }
            Fault::BadLogin(_) | Fault::PasswordTooLong { .. } | Fault::BadPasswordFile(_) => {
                PowerErrorKind::BadConfig
            }
            Fault::Unresolved { .. } => PowerErrorKind::Unresolved,
            Fault::Unreachable { .. } => PowerErrorKind::Unreachable,
            Fault::Local { .. } => PowerErrorKind::Local,
            Fault::Elsewhere(trouble) => trouble.kind,
        }
    }

    /// Whether asking again without a change of configuration is of no use, and may lock the
    /// account.
    pub const fn is_definite(&self) -> bool {
        match &self.fault {
            Fault::Login(error) => error.is_definite(),
            Fault::Elsewhere(trouble) => trouble.is_definite,
            Fault::BadLogin(_) | Fault::PasswordTooLong { .. } | Fault::BadPasswordFile(_) => true,
            Fault::Declined(_)
            | Fault::Unresolved { .. }
            | Fault::Unreachable { .. }
            | Fault::Local { .. }
            | Fault::Mismatch => false,
        }
    }

    /// Whether another address of the same name may do better, and nothing has been ordered at this one.
    pub(super) const fn is_about_the_address(&self) -> bool {
        matches!(self.kind(), PowerErrorKind::PortRefused | PowerErrorKind::Local)
            || matches!(
                &self.fault,
                Fault::Login(ClientError::Silent { step: Step::OpenSession, .. })
                    | Fault::Unreachable {
                        login: ClientError::Silent { step: Step::OpenSession, .. },
                        ..
                    }
            )
    }

    /// Whether the session has no number left for another order, so that a new one may do better.
    pub(super) const fn is_used_up(&self) -> bool {
        matches!(&self.fault, Fault::Login(ClientError::Exhausted))
    }

    fn remedy(&self) -> Cow<'_, str> {
        if let (Fault::Login(ClientError::WrongPassword { .. }), Some(from)) =
            (&self.fault, &self.account.password_from)
        {
            return Cow::Owned(format!(
                "set the same password in {from} and on the bmc; not tried again, so as not to lock the \
                 account"
            ));
        }
        Cow::Borrowed(self.usual_remedy())
    }

    fn usual_remedy(&self) -> &str {
        match &self.fault {
            Fault::Elsewhere(trouble) => &trouble.remedy,
            Fault::Login(error) => error.remedy(),
            Fault::Declined(declined) => declined.remedy(),
            Fault::Unresolved { .. } => "use an address, or mend name resolution on this host",
            Fault::Unreachable { .. } => "check route, cable and the power of the bmc",
            Fault::Local { .. } => "look into this host's limits and kernel log",
            Fault::PasswordTooLong { .. } => "choose a shorter one; it is never cut",
            Fault::BadLogin(_) => "correct the configuration",
            Fault::BadPasswordFile(_) => "correct the file, or password_file in the configuration",
            Fault::Mismatch => "report this as a defect of palisade",
        }
    }
}

/// For example `bmc 10.9.0.1:623 as palisade: wrong password: …; set the same password …`.
impl fmt::Display for PowerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, fault } = self;
        let Account { address, user, .. } = account.as_ref();
        if let Fault::Elsewhere(trouble) = fault {
            return write!(out, "{address}: {trouble}");
        }
        write!(out, "bmc {address} as {user:?}: {fault}; {}", self.remedy())
    }
}

impl std::error::Error for PowerError {}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login(error) => error.fmt(out),
            Self::Declined(declined) => declined.fmt(out),
            Self::BadLogin(error) => error.fmt(out),
            Self::PasswordTooLong { length } => {
                write!(out, "the password has {length} bytes, IPMI 2.0 allows {SECRET_MAX}")
            }
            Self::BadPasswordFile(why) => out.write_str(why),
            Self::Unresolved { why } => write!(out, "name does not resolve: {why}"),
            Self::Unreachable { why, login } => write!(out, "unreachable: {why} ({login})"),
            Self::Local { why } => write!(out, "not tried: {why}"),
            Self::Mismatch => out.write_str("an answer to another order"),
            Self::Elsewhere(trouble) => trouble.fmt(out),
        }
    }
}

const fn kind_of(error: &ClientError) -> PowerErrorKind {
    match error {
        ClientError::WrongPassword { .. } | ClientError::WrongBmcKey { .. } => {
            PowerErrorKind::WrongPassword
        }
        ClientError::OtherBmc { .. } => PowerErrorKind::OtherBmc,
        ClientError::NoSuchUser { .. } => PowerErrorKind::NoSuchUser,
        ClientError::PrivilegeRefused { .. } => PowerErrorKind::PrivilegeRefused,
        ClientError::NoSlots { .. } => PowerErrorKind::NoSlots,
        ClientError::SuitesRefused { .. } | ClientError::Downgrade { .. } => {
            PowerErrorKind::CipherRefused
        }
        ClientError::Silent { .. } => PowerErrorKind::Silent,
        ClientError::PortRefused { .. } => PowerErrorKind::PortRefused,
        ClientError::StillBusy { code, .. } => PowerErrorKind::Refused(*code),
        ClientError::TooLate { .. } => PowerErrorKind::TooLate,
        ClientError::HandshakeRefused { .. } | ClientError::Exhausted | ClientError::Over => {
            PowerErrorKind::Protocol
        }
    }
}
