//! One `GET`, with one deadline for all of it.
//!
//! Follows no redirect, uses no proxy, keeps no connection, sends no credentials.

use super::bitbucket::{BODY_MAX, classify};
use palisade_agent_core::health::{Answer, FailKind};
use palisade_protocol::time::Duration;
use std::io::{self, Read};
use ureq::http::{Response, header};
use ureq::{Agent, Body, Error};

/// Asks one address for its status, time and again.
#[derive(Debug)]
pub struct Asker {
    agent: Agent,
    url: String,
}

impl Asker {
    /// For `url` (plain `http`); the whole exchange ends within `timeout`.
    pub fn new(url: &str, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .max_idle_connections(0)
            .max_idle_connections_per_host(0)
            .max_response_header_size(16 * 1024)
            .user_agent("palisade-agent")
            .build();
        Self { agent: config.new_agent(), url: url.to_owned() }
    }

    /// Asks once. Every failure is an answer too.
    pub fn ask(&self) -> Answer {
        let request = self.agent.get(&self.url).header(header::CONNECTION, "close");
        match request.call() {
            Ok(response) => verdict(response),
            Err(error) => answer_of(&error),
        }
    }
}

fn verdict(mut response: Response<Body>) -> Answer {
    let status = response.status().as_u16();
    if !needs_body(status) {
        return classify(status, &[]);
    }
    match read(response.body_mut()) {
        Ok(body) => classify(status, &body),
        Err(error) => answer_of(&Error::from(error)),
    }
}

/// Whether the status alone leaves the verdict open.
const fn needs_body(status: u16) -> bool {
    matches!(status, 200 | 503)
}

/// At most one byte more than may be looked at, which tells a body that is too long.
fn read(body: &mut Body) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(256);
    body.as_reader().take(BODY_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Only a refused connection shows that nobody is there; only nonsense shows that something else is.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else can go wrong: there was no answer"
)]
fn answer_of(error: &Error) -> Answer {
    match error {
        Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Answer::Failed(FailKind::Refused)
        }
        Error::Protocol(_)
        | Error::Http(_)
        | Error::LargeResponseHeader(..)
        | Error::BodyExceedsLimit(_) => Answer::Failed(FailKind::Unreadable),
        Error::TooManyRedirects | Error::RedirectFailed => Answer::Failed(FailKind::Redirect),
        _ => Answer::Silent,
    }
}
