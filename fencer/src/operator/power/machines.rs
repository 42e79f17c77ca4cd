//! Which machines are meant, and how their BMCs are logged in to. Nothing is sent here.

use std::path::Path;

use palisade_host::config::Cluster;
use palisade_host::secret::{Secret, read_secret_file};

use super::super::args::Place;
use super::super::exit::{Failure, progress};
use super::super::hosts::{Host, HostList, folded, read_file};
use super::wish::{Act, Level, Wish};
use crate::place;
use crate::power::{BmcConfig, BmcKey, Privilege, Suite, bmc_key};

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
        password: secret(wish.password_file.as_deref())?,
        privilege,
        suites,
        bmc_key: wish.bmc_key_file.as_deref().map(key).transpose()?,
        guid: None,
    };
    account.check().map_err(Failure::usage)?;
    Ok(account)
}

/// The command line has seen to it that the file is named.
fn secret(file: Option<&Path>) -> Result<Secret, Failure> {
    read_secret_file(file.unwrap_or(Path::new(""))).map_err(Failure::usage)
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
    let machines = if wish.all {
        let nodes = cluster.nodes.iter().filter(|node| node.bmc.is_some());
        nodes.map(|node| of_node(&cluster, &node.name)).collect::<Result<Vec<_>, _>>()?
    } else {
        named(&cluster, &wish.nodes)?
    };
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

fn of_node(cluster: &Cluster, name: &str) -> Result<Machine, Failure> {
    let with_bmc = cluster.nodes.iter().filter(|node| node.bmc.is_some());
    let known: Vec<&str> = with_bmc.map(|node| node.name.as_str()).collect();
    let unknown = || {
        let known = known.join(", ");
        Failure::usage(format!("no node {name:?} with a BMC; allowed: {known}"))
    };
    let view = cluster.for_node(name).ok_or_else(unknown)?;
    let bmc = view.node.bmc.as_ref().ok_or_else(unknown)?;
    let bmc = BmcConfig::read(bmc).map_err(Failure::usage)?;
    Ok(Machine { name: Host::node(name), bmc })
}
