//! What a Redfish service says about its systems, as far as power is concerned.
//!
//! Pure. Only `"Off"` is off; a state on the way there is on, and a state that nobody has heard of is
//! none. A link is followed only within the service it came from. What is quoted of it has no secret in it. [DMTF DSP0266] [DMTF DSP0268]

use palisade_host::config::HttpPlace;
use serde::Deserialize;

use super::secrets::Secrets;
use crate::power::trouble::quoted;
use crate::power::{Passage, RestorePolicy};

/// A system, as far as power is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Power is on, or not yet off.
    pub on: bool,
    /// Where it is on the way to.
    pub passage: Option<Passage>,
    /// What happens when mains power comes back.
    pub restore_policy: RestorePolicy,
    /// How it is reset; none if it cannot be.
    pub reset: Option<Reset>,
}

/// How a system is reset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Where the order goes.
    pub target: String,
    /// What can be ordered, if the service says so here.
    pub allowed: Option<Vec<String>>,
    /// Where else it says so.
    pub info: Option<String>,
}

/// Why a body was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// Not JSON, nested too deeply, or without what it must have.
    #[error("its answer was not understood: {0}")]
    NotUnderstood(String),
    /// A power state that is neither on nor off nor on the way.
    #[error("its power state is {0:?}")]
    State(String),
}

#[derive(Deserialize)]
struct SystemText {
    #[serde(rename = "PowerState")]
    power_state: Option<String>,
    #[serde(rename = "PowerRestorePolicy")]
    restore_policy: Option<String>,
    #[serde(rename = "Actions")]
    actions: Option<ActionsText>,
}

#[derive(Deserialize)]
struct ActionsText {
    #[serde(rename = "#ComputerSystem.Reset")]
    reset: Option<ResetText>,
}

#[derive(Deserialize)]
struct ResetText {
    target: String,
    #[serde(rename = "ResetType@Redfish.AllowableValues")]
    allowed: Option<Vec<String>>,
    #[serde(rename = "@Redfish.ActionInfo")]
    info: Option<String>,
}

#[derive(Deserialize)]
struct CollectionText {
    #[serde(rename = "Members")]
    members: Vec<LinkText>,
    #[serde(rename = "Members@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct LinkText {
    #[serde(rename = "@odata.id")]
    id: String,
}

#[derive(Deserialize)]
struct InfoText {
    #[serde(rename = "Parameters")]
    parameters: Vec<ParameterText>,
}

#[derive(Deserialize)]
struct ParameterText {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "AllowableValues")]
    allowed: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct FailureText {
    error: ErrorText,
}

#[derive(Deserialize)]
struct ErrorText {
    message: Option<String>,
    #[serde(rename = "@Message.ExtendedInfo", default)]
    infos: Vec<MessageText>,
}

#[derive(Deserialize)]
struct MessageText {
    #[serde(rename = "MessageId")]
    id: Option<String>,
    #[serde(rename = "Message")]
    message: Option<String>,
}

/// The system that `body` describes.
///
/// # Errors
/// [`Misread`]: also for a state that is not one of on, off and the two between.
pub fn system(body: &[u8], secrets: &Secrets) -> Result<System, Misread> {
    let text: SystemText = read(body, secrets)?;
    let (on, passage) = match text.power_state.as_deref() {
        Some("On") => (true, None),
        Some("PoweringOn") => (true, Some(Passage::PoweringOn)),
        Some("PoweringOff") => (true, Some(Passage::PoweringOff)),
        Some("Off") => (false, None),
        other => return Err(Misread::State(secrets.quoted(other.unwrap_or("not told")))),
    };
    let restore_policy = match text.restore_policy.as_deref() {
        Some("AlwaysOn") => RestorePolicy::AlwaysOn,
        Some("AlwaysOff") => RestorePolicy::StayOff,
        Some("LastState") => RestorePolicy::Previous,
        _ => RestorePolicy::Unknown,
    };
    let reset = text.actions.and_then(|actions| actions.reset);
    let reset = reset.map(|ResetText { target, allowed, info }| Reset { target, allowed, info });
    Ok(System { on, passage, restore_policy, reset })
}

/// The links to the members of a collection, and to the rest of it.
///
/// # Errors
/// [`Misread::NotUnderstood`].
pub fn members(body: &[u8], secrets: &Secrets) -> Result<(Vec<String>, Option<String>), Misread> {
    let text: CollectionText = read(body, secrets)?;
    Ok((text.members.into_iter().map(|link| link.id).collect(), text.next))
}

/// What can be ordered as `ResetType`, by a description of the action.
///
/// # Errors
/// [`Misread::NotUnderstood`].
pub fn allowed(body: &[u8], secrets: &Secrets) -> Result<Option<Vec<String>>, Misread> {
    let text: InfoText = read(body, secrets)?;
    let found = text.parameters.into_iter().find(|parameter| parameter.name == "ResetType");
    Ok(found.and_then(|parameter| parameter.allowed))
}

/// The link that a body gives as its own.
pub fn own_link(body: &[u8]) -> Option<String> {
    // It is followed or dropped, and never quoted from here.
    read::<LinkText>(body, &Secrets::none()).ok().map(|link| link.id)
}

/// What a service says about a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Its words, on one line, not too long; none if it has none.
    pub words: Option<String>,
    /// The name of its message, such as `SessionLimitExceeded`, without registry and version: to be compared,
    /// never shown.
    pub name: String,
}

/// The first message of a failure, whatever the body is.
pub fn said(body: &[u8], secrets: &Secrets) -> Said {
    let Ok(FailureText { error }) = read(body, secrets) else { return Said::default() };
    let first = error.infos.into_iter().next();
    let (id, message) = first.map_or((None, None), |first| (first.id, first.message));
    let words = message.or(error.message).map(|words| secrets.quoted(&words));
    let name = id.as_deref().and_then(|id| id.rsplit('.').next()).map(quoted);
    Said { words: words.filter(|words| !words.is_empty()), name: name.unwrap_or_default() }
}

/// The path of `link` if it stays within the service at `place`; none if it leads elsewhere.
pub fn path_within(link: &str, place: &HttpPlace) -> Option<String> {
    let path = if link.starts_with('/') {
        link
    } else {
        let authority = link.find("://")? + 3;
        let path = authority + link.get(authority..)?.find('/')?;
        let (base, path) = link.split_at(path);
        (HttpPlace::parse(base).as_ref() == Some(place)).then_some(path)?
    };
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    let is_path = !path.starts_with("//") && path.len() <= LINK_MAX;
    (is_plain && is_path).then(|| path.to_owned())
}

/// Longest link followed.
const LINK_MAX: usize = 512;

/// Reads JSON, all of which must be UTF-8; its depth is bounded by serde_json, its length by whoever
/// received it.
fn read<T: for<'de> Deserialize<'de>>(body: &[u8], secrets: &Secrets) -> Result<T, Misread> {
    let misread = |why: String| Misread::NotUnderstood(secrets.quoted(&why));
    let text = std::str::from_utf8(body).map_err(|error| misread(error.to_string()))?;
    serde_json::from_str(text).map_err(|error| misread(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &Secrets = &Secrets::none();

    fn state(text: &str) -> Result<bool, Misread> {
        system(format!(r#"{{"PowerState":{text}}}"#).as_bytes(), NONE).map(|system| system.on)
    }

    #[test]
    fn only_off_is_off() {
        assert_eq!(state(r#""Off""#), Ok(false));
        for on in [r#""On""#, r#""PoweringOn""#, r#""PoweringOff""#] {
            assert_eq!(state(on), Ok(true), "{on}");
        }
        for odd in [r#""OFF""#, r#""off""#, r#""Off ""#, r#""""#, "null", r#""Paused""#] {
            assert!(matches!(state(odd), Err(Misread::State(_))), "{odd}");
        }
        for odd in ["0", "false", r#"["Off"]"#, r#""Off","PowerState":"On""#] {
            assert!(matches!(state(odd), Err(Misread::NotUnderstood(_))), "{odd}");
        }
        assert!(matches!(system(b"{}", NONE), Err(Misread::State(_))));
        let odd = system(b"{\"Name\":\"\xaf\",\"PowerState\":\"Off\"}", NONE);
        assert!(matches!(odd, Err(Misread::NotUnderstood(_))), "what it passes over is read too");
    }

    #[test]
    fn a_link_is_followed_only_within_its_service() {
        let place = &HttpPlace::parse("https://10.9.0.1").unwrap();
        let system = "/redfish/v1/Systems/1";
        for base in ["", "https://10.9.0.1", "https://10.9.0.1:443"] {
            let path = path_within(&format!("{base}{system}"), place);
            assert_eq!(path.as_deref(), Some(system), "{base}");
        }
        for elsewhere in [
            "https://10.9.0.1:4430/x",
            "https://10.9.0.1:443.evil/x",
            "https://10.9.0.1.evil/x",
            "https://10.9.0.1@evil/x",
            "https://10.9.0.1\\@evil/x",
            "https://10.9.0.1",
            "https://evil/x",
            "http://10.9.0.1:443/x",
            "//evil/x",
            "redfish/v1",
            "",
            "/a b",
            "/a\r\nHost: b",
            "/a#b",
            &format!("/{}", "a".repeat(LINK_MAX)),
        ] {
            assert_eq!(path_within(elsewhere, place), None, "{elsewhere:?}");
        }
    }

    #[test]
    fn the_first_message_of_a_failure_is_quoted() {
        let body = br#"{"error":{"code":"Base.1.8.GeneralError","message":"general",
            "@Message.ExtendedInfo":[{"MessageId":"iLO.2.15.InvalidOperationForSystemState",
            "Message":"Not\r\nnow"},{"Message":"second"}]}}"#;
        let found = said(body, NONE);
        assert_eq!(found.words.as_deref(), Some("Not now"));
        assert_eq!(found.name, "InvalidOperationForSystemState");
        let plain = said(br#"{"error":{"message":"just so"}}"#, NONE);
        assert_eq!((plain.words.as_deref(), plain.name.as_str()), (Some("just so"), ""));
        assert_eq!(said(b"<html>", NONE), Said::default());
    }

    #[test]
    fn what_can_be_ordered_is_told_in_one_of_two_places() {
        let body = br##"{"PowerState":"On","PowerRestorePolicy":"LastState","Actions":{
            "#ComputerSystem.Reset":{"target":"/r","ResetType@Redfish.AllowableValues":["On"]}}}"##;
        let found = system(body, NONE).unwrap();
        assert_eq!(found.restore_policy, RestorePolicy::Previous);
        assert_eq!(found.reset.unwrap().allowed.unwrap(), ["On"]);
        let info = br#"{"Parameters":[{"Name":"ResetType","AllowableValues":["On","ForceOff"]}]}"#;
        assert_eq!(allowed(info, NONE).unwrap().unwrap(), ["On", "ForceOff"]);
    }
}
