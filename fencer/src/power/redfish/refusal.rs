//! Why a service was of no use, in words: what it said, and what to do. Judges nothing.

use super::model::{Misread, Said};
use super::secrets::Secrets;
use crate::power::error::PowerErrorKind;
use crate::power::trouble::Trouble;

/// Most names in a list of systems to choose from.
const NAMED_MAX: usize = 8;

/// A reply that says no.
pub(super) fn refused(what: &str, status: u16, said: Said) -> Trouble {
    let evidence = answered(what, status, said.words);
    let (kind, remedy) = match status {
        401 => (PowerErrorKind::WrongPassword, "set the same user and password on both sides"),
        403 => (
            PowerErrorKind::PrivilegeRefused,
            "give the account the role Operator, and a password that need not be changed",
        ),
        404 => (PowerErrorKind::BadConfig, "correct system in the configuration"),
        _ if said.name == "SessionLimitExceeded" => {
            (PowerErrorKind::NoSlots, "end sessions at the bmc, or set login = \"basic\"")
        }
        _ => (PowerErrorKind::HttpStatus(status), "look into the log of the bmc"),
    };
    let trouble = Trouble::new(kind, evidence, remedy);
    if matches!(status, 401 | 403) { trouble.definite() } else { trouble }
}

/// A 401 on a token: the password was right when the token was given, so that asking anew may help.
pub(super) fn ended(what: &str, said: Said) -> Trouble {
    let evidence = format!("the service ended our session: {}", answered(what, 401, said.words));
    let remedy = "see who else ends sessions at the bmc, raise its session \
                  timeout, or set login = \"basic\"";
    Trouble::new(ENDED, evidence, remedy)
}

/// The kind of a failure because the service ended the session, and of nothing else.
pub(super) const ENDED: PowerErrorKind = PowerErrorKind::HttpStatus(401);

fn answered(what: &str, status: u16, words: Option<String>) -> String {
    let words = words.map_or_else(|| "no reason given".to_owned(), |words| format!("{words:?}"));
    format!("{what}: status {status}, {words}")
}

pub(super) fn misread(error: &Misread) -> Trouble {
    let remedy = "look at the system by hand, and at the firmware of the bmc";
    Trouble::new(PowerErrorKind::Protocol, error.to_string(), remedy)
}

/// What leads out of the service is not followed.
pub(super) fn elsewhere(link: &str, secrets: &Secrets) -> Trouble {
    let evidence = format!("it points elsewhere: {:?}", secrets.quoted(link));
    let remedy = "give the path of the system in the configuration (system)";
    Trouble::new(PowerErrorKind::Protocol, evidence, remedy)
}

/// The system `named` takes only the orders `offered`.
pub(super) fn not_offered(
    order: &str,
    named: &str,
    offered: &[String],
    secrets: &Secrets,
) -> Trouble {
    let all = secrets.quoted(&offered.join(", "));
    let all = if all.is_empty() { "none" } else { &all };
    let evidence = format!("{named} does not take the order {order}; it takes: {all}");
    let remedy = "without it nothing can be proven; use another way to this machine's power";
    Trouble::new(PowerErrorKind::BadConfig, evidence, remedy)
}

/// The system `named` has no action that switches it.
pub(super) fn no_reset(order: &str, named: &str) -> Trouble {
    let evidence = format!(
        "the order {order} cannot be given: {named} shows this account no action #ComputerSystem.Reset"
    );
    let remedy = "set system to the path of the machine itself, give the account the role Operator, or \
                  update the firmware of the bmc; until then use another way to this machine's power";
    Trouble::new(PowerErrorKind::BadConfig, evidence, remedy)
}

/// Not one system alone: which is meant?
pub(super) fn no_only(members: &[String], secrets: &Secrets) -> Trouble {
    let named = members.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    let named = secrets.quoted(&named);
    let evidence = format!("it has {} systems and none was chosen: {named}", members.len());
    let remedy = "set system to the path of this node's";
    Trouble::new(PowerErrorKind::BadConfig, evidence, remedy).definite()
}

/// A session that nobody can end, because no link to it lies within the service.
pub(super) fn leak(links: &[&str], secrets: &Secrets) -> String {
    let told = if links.is_empty() { "none".to_owned() } else { secrets.quoted(&links.join(", ")) };
    format!(
        "a session is left open at the service until it times out, because no link to it leads to url \
         (it gave: {told}); write url as the service calls itself, or set login = \"basic\", before no \
         session is left"
    )
}
