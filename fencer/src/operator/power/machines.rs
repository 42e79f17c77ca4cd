//! Which machines are meant, and how their BMCs are logged in to. Nothing is sent here.

use std::path::Path;

use palisade_host::config::{Cluster, Node};
use palisade_host::secret::read_secret_file;

use super::super::args::Place;
use super::super::exit::{Failure, progress};
use super::super::hosts::{Host, HostList, folded, read_file};
use super::elsewhere::other_ways;
use super::wish::{Act, Level, Wish};
use crate::place;
use crate::power::{BmcConfig, BmcKey, Password, Privilege, Suite, bmc_key};

/// A machine and its BMC.
#[derive(Debug)]
pub(super) struct Machine {
    /// The host of the list, or the node.
    pub(super) name: Host,
    pub(super) bmc: BmcConfig,
}

/// All machines that are meant, each once; errs with 2.
pub(super) fn all(place: &Place, wish: &Wish) -> Result<Vec<Machine>, Failure> {
    match &wish.hosts {
        Some(hosts) => of_list(hosts, wish),
        None => of_cluster(place, wish),
    }
}

fn of_list(text: &str, wish: &Wish) -> Result<Vec<Machine>, Failure> {
    let list = HostList::parse(text, &read_file).map_err(Failure::usage)?;
    if !list.repeated().is_empty() {
        progress(&format!("named again, and asked once: {}", folded(list.repeated())));
    }
    let account = account(wish)?;
    let machine = |host: &Host| Machine {
        name: host.clone(),
        bmc: BmcConfig { address: host.address(), ..account.clone() },
    };
    Ok(list.hosts().iter().map(machine).collect())
}

/// The account on every BMC of a list, and no address yet.
fn account(wish: &Wish) -> Result<BmcConfig, Failure> {
    let mut suites = Vec::new();
    for id in &wish.suites {
        let unknown = || Failure::usage(format!("cipher suite {id} is not spoken; allowed: 17, 3"));
        suites.push(Suite::from_id(*id).ok_or_else(unknown)?);
    }
    let privilege = match wish.privilege {
        Level::Operator => Privilege::Operator,
        Level::Admin => Privilege::Admin,
    };
    let account = BmcConfig {
        address: String::new(),
        user: wish.user.clone().unwrap_or_default(),
        password: password(wish.password_file.as_deref())?,
        privilege,
        suites,
        bmc_key: wish.bmc_key_file.as_deref().map(key).transpose()?,
        guid: None,
    };
    account.check().map_err(Failure::usage)?;
    Ok(account)
}

/// The command line has seen to it that the file is named.
fn password(file: Option<&Path>) -> Result<Password, Failure> {
    let file = file.unwrap_or(Path::new(""));
    let secret = read_secret_file(file).map_err(Failure::usage)?;
    Ok(Password::new(secret, format!("--password-file {}", file.display())))
}

/// The BMC key in a file, in hexadecimal digits.
fn key(file: &Path) -> Result<BmcKey, Failure> {
    let digits = read_secret_file(file).map_err(Failure::usage)?;
    bmc_key(&digits).map_err(|error| Failure::usage(format!("{}: {error}", file.display())))
}

fn of_cluster(place: &Place, wish: &Wish) -> Result<Vec<Machine>, Failure> {
    if wish.nodes.is_empty() && !wish.all {
        return Err(Failure::usage(
            "which machines? name nodes, or --all of them, or BMCs with -h",
        ));
    }
    let cluster = place::load(&place.config).map_err(Failure::usage)?;
    let machines = if wish.all { all_nodes(&cluster)? } else { named(&cluster, &wish.nodes)? };
    if wish.act != Act::Status {
        progress("no fencer is asked; with their consent: palisade fence NODE");
    }
    Ok(machines)
}

fn named(cluster: &Cluster, names: &[String]) -> Result<Vec<Machine>, Failure> {
    let mut machines: Vec<Machine> = Vec::new();
    for name in names {
        let machine = of_node(cluster, name)?;
        if machines.iter().any(|known| known.name == machine.name) {
            progress(&format!("named again, and asked once: {name}"));
        } else {
            machines.push(machine);
        }
    }
    Ok(machines)
}

/// All that have a BMC; those that have only other ways are told.
fn all_nodes(cluster: &Cluster) -> Result<Vec<Machine>, Failure> {
    let (with_bmc, without): (Vec<&Node>, Vec<&Node>) =
        cluster.nodes.iter().partition(|node| node.bmc.is_some());
    let elsewhere = without.into_iter().filter(|node| node.has_power_device()).map(only_elsewhere);
    let elsewhere: Vec<String> = elsewhere.collect();
    if with_bmc.is_empty() {
        let none = vec!["no node has a [node.bmc]".to_owned()];
        return Err(Failure::usage([none, elsewhere].concat().join("; ")));
    }
    elsewhere.iter().for_each(|text| progress(&format!("left out: {text}")));
    with_bmc.into_iter().map(|node| of_node(cluster, &node.name)).collect()
}

fn of_node(cluster: &Cluster, name: &str) -> Result<Machine, Failure> {
    let view = cluster.for_node(name).ok_or_else(|| Failure::usage(unknown(cluster, name)))?;
    let no_bmc = || Failure::usage(only_elsewhere(view.node));
    let bmc = BmcConfig::read(view.node.bmc.as_ref().ok_or_else(no_bmc)?);
    Ok(Machine { name: Host::node(name), bmc: bmc.map_err(Failure::usage)? })
}

fn unknown(cluster: &Cluster, name: &str) -> String {
    let known: Vec<&str> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    format!("no node {name:?} in the configuration; allowed: {}", known.join(", "))
}

/// Why a node without a BMC cannot be asked here, and who can.
fn only_elsewhere(node: &Node) -> String {
    let (name, ways) = (&node.name, other_ways(node));
    if ways.is_empty() {
        return format!(
            "node {name} has no [node.bmc] or [[node.power]]: nobody can cut its power"
        );
    }
    format!(
        "node {name} has no [node.bmc], which is all that palisade power speaks to; its ways are {}: \
         use fence_palisade with config and plug={name}, or palisade fence {name}",
        ways.join(", ")
    )
}
