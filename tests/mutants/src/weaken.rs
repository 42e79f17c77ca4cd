//! Sources with every weakening in them, each behind its switch.

use std::collections::BTreeMap;

use crate::catalogue::{Edit, Mutant};
use crate::failure::Failure;

/// The texts of the sources that are weakened, by their path from the top.
pub(crate) type Texts = BTreeMap<String, String>;

/// Puts every edit of every mutant into `texts`, in order; a mutant's number is its place, from 1.
///
/// # Errors
/// [`Failure::Misfit`] if a text to be replaced does not stand there exactly once.
pub(crate) fn apply(texts: &mut Texts, mutants: &[Mutant]) -> Result<(), Failure> {
    for (number, mutant) in (1_u16..).zip(mutants) {
        for edit in &mutant.edits {
            let text = texts.entry(edit.file.clone()).or_default();
            let count = text.matches(&edit.find).count();
            if count != 1 {
                return Err(Failure::Misfit {
                    mutant: mutant.name.clone(),
                    file: edit.file.clone(),
                    find: edit.find.clone(),
                    count,
                });
            }
            *text = text.replacen(&edit.find, &switched(edit, number), 1);
        }
    }
    Ok(())
}

/// The new text with its switches spelled out.
fn switched(edit: &Edit, number: u16) -> String {
    let ours = edit.file.starts_with("protocol/src/");
    let switch = if ours { "crate::mutant" } else { "palisade_protocol::mutant" };
    edit.with
        .replace("$on", &format!("{switch}::is({number})"))
        .replace("$scene", &format!("{switch}::scene({number})"))
}

/// The switch itself: a module of the protocol, which every core reaches.
pub(crate) const SWITCH: &str = "//! Which rule is weakened.
#![allow(missing_docs)]
use core::sync::atomic::{AtomicU16, Ordering::Relaxed};

static CHOSEN: AtomicU16 = AtomicU16::new(0);
const SCENE_ONLY: u16 = 1 << 15;

pub fn choose(number: u16, scene_only: bool) {
    CHOSEN.store(if scene_only { number | SCENE_ONLY } else { number }, Relaxed);
}

#[inline(always)]
pub fn is(number: u16) -> bool {
    CHOSEN.load(Relaxed) == number
}

#[inline(always)]
pub fn scene(number: u16) -> bool {
    CHOSEN.load(Relaxed) & !SCENE_ONLY == number
}
";

/// What stands in place of the simulator's own `mutants.rs`: the names, and the way to the switch.
/// `NAME:scene` is the world of that mutant with nothing weakened.
pub(crate) fn names(mutants: &[Mutant]) -> String {
    let rows: String = mutants
        .iter()
        .map(|mutant| format!("    ({:?}, {:?}),\n", mutant.name, mutant.weakens))
        .collect();
    format!(
        "//! The weakened rules of this copy.
#![allow(missing_docs)]
const NAMES: &[(&str, &str)] = &[
{rows}];

pub const fn names() -> &'static [(&'static str, &'static str)] {{
    NAMES
}}

pub fn choose(name: &str) -> Result<(), String> {{
    let (mutant, scene_only) = match name.strip_suffix(\":scene\") {{
        Some(mutant) => (mutant, true),
        None => (name, false),
    }};
    let place = NAMES.iter().position(|(known, _)| *known == mutant);
    let place = place.ok_or_else(|| format!(\"no weakening is called {{mutant}}\"))?;
    let number = u16::try_from(place + 1).map_err(|error| error.to_string())?;
    palisade_protocol::mutant::choose(number, scene_only);
    Ok(())
}}
"
    )
}
