//! What is printed in the end: every machine once, and how many are as asked.

use serde_json::json;

use super::super::exit::Failure;
use super::super::hosts::{Host, folded};
use super::act::Report;
use super::machines::Machine;
use super::wish::Act;

/// The machines with their reports.
#[derive(Debug)]
pub(super) struct Table<'a> {
    act: Act,
    rows: Vec<Row<'a>>,
}

#[derive(Debug)]
struct Row<'a> {
    machine: &'a Machine,
    report: &'a Report,
}

impl<'a> Table<'a> {
    /// # Panics
    /// If there is not one report for each machine.
    pub(super) fn new(act: Act, machines: &'a [Machine], reports: &'a [Report]) -> Self {
        assert_eq!(machines.len(), reports.len(), "every machine has a report");
        let rows = machines.iter().zip(reports);
        Self { act, rows: rows.map(|(machine, report)| Row { machine, report }).collect() }
    }

    /// For people: those without a remark in one line for each state, the others in a line each.
    pub(super) fn text(&self) -> String {
        let plain = [true, false].map(|on| self.plain(on));
        let remarked = self.rows.iter().filter_map(Row::remark);
        plain.into_iter().flatten().chain(remarked).collect()
    }

    /// For machines: a JSON object and a line end each.
    pub(super) fn json(&self) -> String {
        self.rows.iter().map(|row| row.json(self.act)).collect()
    }

    /// Errs with 3 if one is not known, else with 1 if one is not as asked.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let unknown = self.count(|row| row.report.power.is_none());
        let wrong = self.count(|row| row.is_wrong(self.act));
        let summary = format!(
            "{} of {} {}, {wrong} not, {unknown} unknown",
            self.rows.len() - wrong - unknown,
            self.rows.len(),
            if self.act == Act::Status { "read" } else { self.act.word() },
        );
        match (unknown, wrong) {
            (0, 0) => Ok(()),
            (0, _) => Err(Failure::not_so(summary)),
            (_, _) => Err(Failure::unknown(summary)),
        }
    }

    fn count(&self, what: impl Fn(&Row<'_>) -> bool) -> usize {
        self.rows.iter().filter(|row| what(row)).count()
    }

    /// Such as `10.0.0.[1-98] on`.
    fn plain(&self, on: bool) -> Option<String> {
        let rows = self.rows.iter().filter(|row| row.is_plain(on));
        let hosts: Vec<&Host> = rows.map(|row| &row.machine.name).collect();
        (!hosts.is_empty()).then(|| format!("{} {}\n", folded(hosts), word(Some(on))))
    }
}

impl Row<'_> {
    fn is_plain(&self, on: bool) -> bool {
        self.report.power == Some(on) && self.report.why.is_none()
    }

    fn is_wrong(&self, act: Act) -> bool {
        let asked = match act {
            Act::Status => return false,
            Act::On => true,
            Act::Off => false,
        };
        self.report.power.is_some_and(|on| on != asked)
    }

    /// Such as `10.0.0.99 unknown: …`.
    fn remark(&self) -> Option<String> {
        let why = self.report.why.as_deref()?;
        Some(format!("{} {}: {why}\n", self.machine.name, word(self.report.power)))
    }

    fn json(&self, act: Act) -> String {
        let Self { machine, report } = self;
        let ok = report.power.is_some() && !self.is_wrong(act);
        let ms = report.took.as_secs_f64() * 1e3;
        let row = json!({
            "host": machine.name.to_string(),
            "bmc": machine.bmc.address,
            "act": act.word(),
            "power": word(report.power),
            "ok": ok,
            "why": report.why,
            "proof": report.proof.as_ref().map(ToString::to_string),
            "ms": (ms * 1e3).round() / 1e3,
        });
        format!("{row}\n")
    }
}

const fn word(power: Option<bool>) -> &'static str {
    match power {
        Some(true) => "on",
        Some(false) => "off",
        None => "unknown",
    }
}
