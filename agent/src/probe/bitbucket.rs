//! What an answer of Bitbucket Server / Data Center (Stash) at `/status` means.
//!
//! A table, no judgement over time: graces and tolerated misses are the core's.

use palisade_agent_core::health::{Answer, FailKind};
use serde::Deserialize;

/// Longest body that is looked at, in bytes; the real one has about 20.
pub const BODY_MAX: usize = 4096;

/// The body of an answer, as far as it matters.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    state: &'a str,
}

/// The verdict on a complete answer. A body longer than [`BODY_MAX`] is unreadable.
///
/// | status | state | verdict |
/// |---|---|---|
/// | 200 | `RUNNING` | running |
/// | 200 | `MAINTENANCE` | maintenance: reported, never failed over |
/// | 200 | `FIRST_RUN` | first run: reported, never failed over |
/// | 503 | `STARTING` | starting, within its grace |
/// | 503 | `STOPPING` | stopping, within its grace |
/// | 404 | | failed: the web application was not deployed |
/// | 500 | | failed: `ERROR` |
/// | 3xx | | failed: a redirect is not followed |
/// | any other | | failed |
/// | 200, 503 | anything else | failed: unreadable |
pub fn classify(status: u16, body: &[u8]) -> Answer {
    match status {
        200 => healthy(state_of(body)),
        503 => passing(state_of(body)),
        300..=399 => Answer::Failed(FailKind::Redirect),
        404 => Answer::Failed(FailKind::NotDeployed),
        500 => Answer::Failed(FailKind::Error),
        other => Answer::Failed(FailKind::Status(other)),
    }
}

fn healthy(state: Option<&str>) -> Answer {
    match state {
        Some("RUNNING") => Answer::Running,
        Some("MAINTENANCE") => Answer::Maintenance,
        Some("FIRST_RUN") => Answer::FirstRun,
        _ => Answer::Failed(FailKind::Unreadable),
    }
}

fn passing(state: Option<&str>) -> Answer {
    match state {
        Some("STARTING") => Answer::Starting,
        Some("STOPPING") => Answer::Stopping,
        _ => Answer::Failed(FailKind::Unreadable),
    }
}

/// `state` of one JSON object and nothing around it; serde alone would read an array as well.
fn state_of(body: &[u8]) -> Option<&str> {
    if body.len() > BODY_MAX || !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice::<Body<'_>>(body).ok().map(|body| body.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_of_the_table_has_its_verdict() {
        let rows: [(u16, &[u8], Answer); 9] = [
            (200, br#"{"state":"RUNNING"}"#, Answer::Running),
            (200, br#"{"state":"MAINTENANCE"}"#, Answer::Maintenance),
            (200, br#"{"state":"FIRST_RUN"}"#, Answer::FirstRun),
            (503, br#"{"state":"STARTING"}"#, Answer::Starting),
            (503, br#"{"state":"STOPPING"}"#, Answer::Stopping),
            (404, b"<html>", Answer::Failed(FailKind::NotDeployed)),
            (500, br#"{"state":"ERROR"}"#, Answer::Failed(FailKind::Error)),
            (418, br#"{"state":"RUNNING"}"#, Answer::Failed(FailKind::Status(418))),
            (200, b"RUNNING", Answer::Failed(FailKind::Unreadable)),
        ];
        for (status, body, verdict) in rows {
            assert_eq!(
                classify(status, body),
                verdict,
                "{status} {}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn a_redirect_is_a_failure_whatever_it_says() {
        for status in [300, 301, 302, 303, 304, 307, 308, 399] {
            assert_eq!(
                classify(status, br#"{"state":"RUNNING"}"#),
                Answer::Failed(FailKind::Redirect)
            );
        }
    }

    #[test]
    fn a_state_under_the_wrong_status_is_unreadable() {
        for (status, body) in [
            (503, r#"{"state":"RUNNING"}"#),
            (503, r#"{"state":"MAINTENANCE"}"#),
            (200, r#"{"state":"STARTING"}"#),
            (200, r#"{"state":"ERROR"}"#),
        ] {
            assert_eq!(
                classify(status, body.as_bytes()),
                Answer::Failed(FailKind::Unreadable),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn only_one_spelling_of_a_state_is_read() {
        for body in [
            "",
            "{}",
            r#"{"state":"running"}"#,
            r#"{"state":"RUNNING "}"#,
            r#"{"State":"RUNNING"}"#,
            r#"{"state":["RUNNING"]}"#,
            r#"{"state":null}"#,
            r#"{"state":"RUNNING"} {}"#,
            r#"{"state":"RUNNING""#,
            r#"{"state":"STARTING","state":"RUNNING"}"#,
            r#"["RUNNING"]"#,
            "\u{feff}{\"state\":\"RUNNING\"}",
        ] {
            assert_eq!(
                classify(200, body.as_bytes()),
                Answer::Failed(FailKind::Unreadable),
                "{body}"
            );
        }
    }

    #[test]
    fn white_space_and_further_fields_do_no_harm() {
        assert_eq!(
            classify(200, b" { \"state\" : \"RUNNING\", \"nodes\": 1 }\r\n"),
            Answer::Running
        );
    }

    #[test]
    fn a_body_too_long_is_unreadable_even_if_it_starts_well() {
        let mut body = br#"{"state":"RUNNING"}"#.to_vec();
        body.resize(BODY_MAX, b' ');
        assert_eq!(classify(200, &body), Answer::Running);
        body.push(b' ');
        assert_eq!(classify(200, &body), Answer::Failed(FailKind::Unreadable));
    }
}
