//! `palisade check-config --bmc`: what each node's BMC is fit for, and what should be changed there.
//!
//! It reads, logs in with the account of the configuration, and changes nothing. Power is never
//! switched; a password that was refused is not tried again; without authentication an Open Session is
//! asked for, again once if no answer comes, and nothing more. What was not found out never passes.

mod finding;
mod gather;
mod judge;
mod probe;
mod table;
mod unsaid;

use std::path::Path;

use palisade_host::config::{Cluster, Node};
use palisade_host::lockdown::forbid_dumps;
use tokio::task::JoinSet;

use super::exit::{Failure, progress, result};
use super::power::{carry_out, other_ways};
use crate::place;
use crate::power::{BmcConfig, Engine, PowerError};
use finding::{Finding, Grade};
use gather::Facts;

/// What was found of one node's ways to power.
#[derive(Debug, Default)]
struct Audit {
    node: String,
    /// None if it has no BMC reached by IPMI.
    bmc: Option<String>,
    /// None if the BMC did not let us in.
    facts: Option<Facts>,
    findings: Vec<Finding>,
}

/// Audits every BMC of the file; errs with 1 if something must be changed, with 3 if something could not
/// be found out.
pub(super) fn run(file: &Path, json: bool) -> Result<(), Failure> {
    if let Err(weakness) = forbid_dumps() {
        progress(&weakness.to_string());
    }
    let cluster = place::load(file).map_err(Failure::usage)?;
    for warning in &cluster.warnings {
        progress(&format!("warning: {warning}"));
    }
    if !cluster.nodes.iter().any(Node::has_power_device) {
        return Err(Failure::usage(
            "no node has a [node.bmc] or [[node.power]]: nobody can cut its power",
        ));
    }
    let audits = carry_out(all(&cluster))?;
    result(&if json { table::json(&audits) } else { table::text(&audits) })?;
    verdict(&audits)
}

/// All of them at once, told in the order of the file.
async fn all(cluster: &Cluster) -> Result<Vec<Audit>, Failure> {
    let engine = Engine::start().map_err(Failure::unknown)?;
    let mut tasks = JoinSet::new();
    let nodes = cluster.nodes.iter().filter(|node| node.has_power_device());
    for (place, node) in nodes.cloned().enumerate() {
        let (engine, stays_off) = (engine.clone(), !cluster.fencer.power_on);
        tasks.spawn(async move { (place, Audit::of(&engine, &node, stays_off).await) });
    }
    let mut audits = tasks.join_all().await;
    audits.sort_by_key(|(place, _)| *place);
    Ok(audits.into_iter().map(|(_, audit)| audit).collect())
}

fn verdict(audits: &[Audit]) -> Result<(), Failure> {
    let having = |grade| audits.iter().filter(|audit| audit.has(grade)).count();
    let (failed, unknown) = (having(Grade::Fail), having(Grade::Unknown));
    let summary = format!("{} nodes: {failed} failed, {unknown} not found out", audits.len());
    match (unknown, failed) {
        (0, 0) => Ok(()),
        (0, _) => Err(Failure::not_so(summary)),
        (_, _) => Err(Failure::unknown(summary)),
    }
}

impl Audit {
    async fn of(engine: &Engine, node: &Node, stays_off: bool) -> Self {
        let mut audit = Self { node: node.name.clone(), ..Self::default() };
        if let Some(bmc) = &node.bmc {
            audit.bmc = Some(bmc.address.clone());
            audit.ask(engine, BmcConfig::read(bmc), stays_off).await;
        }
        audit.findings.extend(other_ways(node).iter().map(unaudited));
        audit
    }

    async fn ask(
        &mut self,
        engine: &Engine,
        config: Result<BmcConfig, PowerError>,
        stays_off: bool,
    ) {
        let asked = match &config {
            Ok(config) => gather::from(engine, config).await.map(|facts| (config, facts)),
            Err(error) => Err(error.clone()),
        };
        match asked {
            Ok((config, facts)) => {
                self.findings = judge::findings(config, &facts, stays_off);
                self.facts = Some(facts);
            }
            Err(error) => self.findings = vec![judge::locked_out(&error)],
        }
    }

    fn has(&self, grade: Grade) -> bool {
        self.findings.iter().any(|finding| finding.grade == grade)
    }

    fn worst(&self) -> Grade {
        self.findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Pass)
    }
}

/// A way to power that an audit cannot judge.
fn unaudited(way: &String) -> Finding {
    let remedy =
        "an audit speaks ipmi alone; fence_palisade with config and action=monitor tries every way";
    Finding {
        remedy: remedy.to_owned(),
        ..Finding::unknown("other way", format!("not audited: {way}"))
    }
}
