//! One machine: what is done at its BMC, and what came of it.

use std::time::Duration;

use palisade_host::clock;

use super::wish::Act;
use crate::power::{BmcConfig, Engine, Evidence, PowerError, Raised, Terms, Verdict};

/// A BMC that says nothing for so long is given up, however long power may take to change.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What is known of one machine in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Whether it is on; nothing: not known.
    pub(super) power: Option<bool>,
    /// Why it is not known, or not as ordered.
    pub(super) why: Option<String>,
    /// What an order came to.
    pub(super) proof: Option<Evidence>,
    /// How long it took.
    pub(super) took: Duration,
}

impl Report {
    /// The work was ended before anything was done about this machine.
    pub(super) fn not_begun() -> Self {
        Self::unknown("interrupted; not begun, nothing was sent")
    }

    /// The work was ended while this machine's was under way.
    pub(super) fn interrupted(act: Act) -> Self {
        Self::unknown(match act {
            Act::Status => "interrupted while it was read; no order was sent",
            Act::On | Act::Off => "interrupted; an order may have been sent",
        })
    }

    /// For a machine whose task has told nothing.
    pub(super) fn lost() -> Self {
        Self::unknown("its task broke; report this as a defect of palisade")
    }

    fn unknown(why: &str) -> Self {
        Self { power: None, why: Some(why.to_owned()), proof: None, took: Duration::ZERO }
    }

    /// The line names the machine already.
    fn failed(bmc: &BmcConfig, error: &PowerError) -> Self {
        let (text, whose) = (error.to_string(), format!("bmc {} as {:?}: ", bmc.address, bmc.user));
        Self::unknown(text.strip_prefix(whose.as_str()).unwrap_or(&text))
    }

    fn read(on: bool) -> Self {
        Self { power: Some(on), why: None, proof: None, took: Duration::ZERO }
    }

    fn ordered(on: bool, proof: Evidence) -> Self {
        Self { proof: Some(proof), ..Self::read(on) }
    }

    fn stuck(on: bool, proof: Evidence) -> Self {
        let why = format!("{proof}; look at the machine, or allow more with --timeout");
        Self { why: Some(why), ..Self::ordered(on, proof) }
    }
}

/// Does it; `longest` is what it may take once the engine has begun.
pub(super) async fn carry_out(
    engine: &Engine,
    act: Act,
    bmc: &BmcConfig,
    longest: Duration,
) -> Report {
    let began = clock::now();
    let silence = longest.min(SILENCE_MAX);
    let (login, change) = (Some(longest), Some(longest));
    let terms = Terms { silence, login, change, ..Terms::default() };
    let report = match act {
        Act::Status => match engine.power_status(bmc, &terms).await {
            Ok(status) => Report::read(status.on),
            Err(error) => Report::failed(bmc, &error),
        },
        Act::On => match engine.power_on(bmc, &terms).await {
            Raised::On(proof) => Report::ordered(true, proof),
            Raised::StillOff(proof) => Report::stuck(false, proof),
            Raised::Unknown(error) => Report::failed(bmc, &error),
        },
        Act::Off => match engine.fence(bmc, &terms).await {
            Verdict::Dead(proof) => Report::ordered(false, proof),
            Verdict::StillOn(proof) => Report::stuck(true, proof),
            Verdict::Unknown(error) => Report::failed(bmc, &error),
        },
    };
    Report { took: clock::now().since(began), ..report }
}
