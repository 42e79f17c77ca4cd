//! `palisade check-config --bmc`: what each node's BMC is fit for, and what should be changed there.
//!
//! It reads, logs in with the account of the configuration, and changes nothing. Power is never
//! switched; a password that was refused is not tried again; without authentication one Open Session is
//! asked for and nothing more.

mod finding;
mod gather;
mod judge;
mod probe;
mod table;

use std::path::Path;

use palisade_host::config::{Cluster, Node};
use palisade_host::lockdown::forbid_dumps;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::exit::{Failure, progress, result};
use crate::place;
use crate::power::{BmcConfig, Engine, PowerError};
use finding::{Finding, Grade};
use gather::Facts;

/// What was found at one node's BMC.
#[derive(Debug)]
struct Audit {
    node: String,
    bmc: String,
    facts: Option<Facts>,
    findings: Vec<Finding>,
}

/// Audits every BMC of the file; errs with 1 if something must be changed, with 3 if one could not be
/// found out.
pub(super) fn run(file: &Path, json: bool) -> Result<(), Failure> {
    if let Err(weakness) = forbid_dumps() {
        progress(&weakness.to_string());
    }
    let cluster = place::load(file).map_err(Failure::usage)?;
    let nodes: Vec<&Node> = cluster.nodes.iter().filter(|node| node.bmc.is_some()).collect();
    if nodes.is_empty() {
        return Err(Failure::usage("no node has a [node.bmc]: nobody can cut its power"));
    }
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::unknown)?;
    let audits = runtime.block_on(all(&cluster, &nodes))?;
    result(&if json { table::json(&audits) } else { table::text(&audits) })?;
    verdict(&audits)
}

/// All of them at once, told in the order of the file.
async fn all(cluster: &Cluster, nodes: &[&Node]) -> Result<Vec<Audit>, Failure> {
    let engine = Engine::start().map_err(Failure::unknown)?;
    let mut tasks = JoinSet::new();
    for (place, node) in nodes.iter().enumerate() {
        let (engine, name) = (engine.clone(), node.name.clone());
        let stays_off = !cluster.fencer.power_on;
        let bmc = node.bmc.as_ref().map(BmcConfig::read);
        let address = node.bmc.as_ref().map(|bmc| bmc.address.clone()).unwrap_or_default();
        tasks.spawn(async move { (place, one(&engine, name, address, bmc, stays_off).await) });
    }
    let mut audits = tasks.join_all().await;
    audits.sort_by_key(|(place, _)| *place);
    Ok(audits.into_iter().map(|(_, audit)| audit).collect())
}

async fn one(
    engine: &Engine,
    node: String,
    bmc: String,
    config: Option<Result<BmcConfig, PowerError>>,
    stays_off: bool,
) -> Audit {
    match config {
        Some(Ok(config)) => {
            let facts = gather::from(engine, &config).await;
            let findings = judge::findings(&config, &facts, stays_off);
            Audit { node, bmc, facts: Some(facts), findings }
        }
        Some(Err(error)) => {
            let findings = vec![Finding::failed("login", error)];
            Audit { node, bmc, facts: None, findings }
        }
        None => Audit { node, bmc, facts: None, findings: Vec::new() },
    }
}

fn verdict(audits: &[Audit]) -> Result<(), Failure> {
    let having = |grade| audits.iter().filter(|audit| audit.worst() == grade).count();
    let (failed, unknown) = (having(Grade::Fail), having(Grade::Unknown));
    let summary = format!("{} bmcs: {failed} failed, {unknown} not found out", audits.len());
    match (unknown, failed) {
        (0, 0) => Ok(()),
        (0, _) => Err(Failure::not_so(summary)),
        (_, _) => Err(Failure::unknown(summary)),
    }
}

impl Audit {
    fn worst(&self) -> Grade {
        self.findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Pass)
    }
}
