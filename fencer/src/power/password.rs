//! A password, and where it was found: a wrong one is mended there.

use std::borrow::Cow;

use palisade_host::secret::Secret;

/// The password of an account. `Debug` does not show it.
#[derive(Clone, Debug)]
pub struct Password {
    /// The password itself.
    pub secret: Secret,
    /// Where it was found, in an operator's words, such as `password_file /etc/palisade/node2.password`.
    pub from: Cow<'static, str>,
}

impl Password {
    /// One that was found there.
    pub fn new(secret: Secret, from: impl Into<Cow<'static, str>>) -> Self {
        Self { secret, from: from.into() }
    }

    /// An empty one, where none is needed yet or none was given.
    pub fn none() -> Self {
        let from = "option password, password_file or password_script (none was given)";
        Self::new(Secret::new(String::new()), from)
    }
}
