//! What came of the hunts, in a table.

use std::time::Duration;

use crate::catalogue::Mutant;
use crate::control::{self, Control};
use crate::hunt::Catch;

/// Each mutant with what it weakens.
pub(crate) fn list(mutants: &[Mutant]) -> String {
    let line =
        |mutant: &Mutant| format!("{:34} {:10} {}\n", mutant.name, mutant.breaks, mutant.weakens);
    mutants.iter().map(line).collect()
}

/// The top of the table.
pub(crate) fn head() -> String {
    row(["mutant", "breaks", "found by", "at", "after", "seconds"])
}

/// One hunt.
pub(crate) fn line(mutant: &Mutant, catch: &Catch) -> String {
    let promise = catch.promise.as_deref().unwrap_or("NOT FOUND");
    let unit = if mutant.hunt.engine() == "check" { "states" } else { "runs" };
    let effort = format!("{} {unit}", catch.effort);
    let took = format!("{:.1}", catch.took.as_secs_f64());
    row([&mutant.name, promise, mutant.hunt.engine(), &catch.at, &effort, &took])
}

/// What came of it all, and how to repeat what should not be.
pub(crate) fn end(caught: &[(&Mutant, Catch)], controls: &[Control]) -> String {
    let missed: String = caught
        .iter()
        .filter(|(_, catch)| !catch.is_found())
        .map(|(mutant, catch)| missed(mutant, catch))
        .collect();
    let wolves: String =
        controls.iter().filter(|control| !control::held(control)).map(wolf).collect();
    let found = caught.iter().filter(|(_, catch)| catch.is_found()).count();
    let held = controls.iter().filter(|control| control::held(control)).count();
    let took: Duration = caught.iter().map(|(_, catch)| catch.took).sum();
    let control_took: Duration = controls.iter().map(|control| control.catch.took).sum();
    format!(
        "{missed}{wolves}\n{found} of {} weakened rules found out in {:.0} s of hunting; \
         {held} of {} hunts with nothing weakened found nothing, in {:.0} s\n",
        caught.len(),
        took.as_secs_f64(),
        controls.len(),
        control_took.as_secs_f64(),
    )
}

fn missed(mutant: &Mutant, catch: &Catch) -> String {
    format!(
        "\nNOT FOUND: {}: {}\n  it should break {}\n  again: {}\n  said: {}\n",
        mutant.name,
        mutant.weakens,
        mutant.breaks,
        catch.command,
        catch.said.lines().next_back().unwrap_or("nothing"),
    )
}

fn wolf(control: &Control) -> String {
    format!(
        "\nCRIED WOLF: {:?} breaks {} with nothing weakened, {}\n  again: {}\n",
        control.hunt,
        control.catch.promise.as_deref().unwrap_or_default(),
        control.catch.at,
        control.catch.command,
    )
}

fn row([mutant, breaks, engine, at, after, seconds]: [&str; 6]) -> String {
    format!("{mutant:34} {breaks:10} {engine:8} {at:44} {after:>16} {seconds:>8}")
}
