//! Which machines are meant, and the BMC of each. Never guesses: what may mean two machines is refused.

use std::net::Ipv6Addr;
use std::path::Path;

use palisade_host::config::Cluster;
use palisade_host::secret::Secret;

use super::answer::Failed;
use super::option;
use super::values::Values;
use crate::place;
use crate::power::{self, BmcConfig, BmcKey, Guid, NoGuid, Privilege, Suite};

/// The machines behind this device.
#[derive(Debug)]
pub(super) enum Targets {
    /// One BMC given by its address; its password is still to come.
    One { bmc: Box<BmcConfig>, node: Option<String> },
    /// Nodes of a cluster. `asked` are the plugs named, all in the file.
    Cluster { cluster: Box<Cluster>, asked: Vec<String>, bmc_key: Option<BmcKey> },
}

/// A machine to act on.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its plug; none behind a single address.
    pub(super) plug: Option<String>,
    /// The node that the cluster manager calls it, if it says.
    pub(super) node: Option<String>,
    pub(super) bmc: BmcConfig,
}

impl Targets {
    /// What the options mean.
    pub(super) fn of(values: &Values) -> Result<Self, Failed> {
        let ip = values.filled(&option::IP);
        match (values.filled(&option::CONFIG), ip) {
            (Some(_), Some(_)) => {
                Err(Failed::new("config and ip both say where the BMC is; give one of them"))
            }
            (Some(file), None) => in_cluster(values, file),
            (None, _) => {
                let node = values.nodename.as_deref().or(values.filled(&option::PLUG));
                let bmc = Box::new(at_address(values)?);
                Ok(Self::One { bmc, node: node.map(str::to_owned) })
            }
        }
    }

    /// The machines asked for: one at least.
    pub(super) fn named(&self, password: Secret) -> Result<Vec<Target>, Failed> {
        match self {
            Self::One { bmc, node } => {
                let bmc = BmcConfig { password, ..BmcConfig::clone(bmc) };
                Ok(vec![Target { plug: None, node: node.clone(), bmc }])
            }
            Self::Cluster { asked, .. } if asked.is_empty() => Err(Failed::new(
                "no plug: say which node of the configuration is meant (plug=NODE)",
            )),
            Self::Cluster { cluster, asked, bmc_key } => {
                asked.iter().map(|name| node_target(cluster, name, bmc_key.as_ref())).collect()
            }
        }
    }

    /// The machines asked for, or else all that have a BMC.
    pub(super) fn all(&self, password: Secret) -> Result<Vec<Target>, Failed> {
        match self {
            Self::Cluster { cluster, asked, bmc_key } if asked.is_empty() => {
                let plugs = self.plugs();
                plugs.iter().map(|name| node_target(cluster, name, bmc_key.as_ref())).collect()
            }
            Self::One { .. } | Self::Cluster { .. } => self.named(password),
        }
    }

    /// The names of all nodes with a BMC.
    pub(super) fn plugs(&self) -> Vec<String> {
        let Self::Cluster { cluster, .. } = self else { return Vec::new() };
        let with_bmc = cluster.nodes.iter().filter(|node| node.bmc.is_some());
        with_bmc.map(|node| node.name.clone()).collect()
    }
}

/// The plugs named, each once.
pub(super) fn plugs(values: &Values) -> Vec<String> {
    let separator = values.filled(&option::PLUG_SEPARATOR).unwrap_or(",");
    let plugs = values.filled(&option::PLUG).or(values.nodename.as_deref()).unwrap_or_default();
    let mut asked: Vec<String> = Vec::new();
    for plug in plugs.split(separator).map(str::trim).filter(|plug| !plug.is_empty()) {
        if !asked.iter().any(|name| name == plug) {
            asked.push(plug.to_owned());
        }
    }
    asked
}

fn in_cluster(values: &Values, file: &str) -> Result<Targets, Failed> {
    let cluster = place::load(Path::new(file)).map_err(Failed::new)?;
    let asked = plugs(values);
    for plug in &asked {
        let view = cluster.for_node(plug).filter(|view| view.node.bmc.is_some());
        view.ok_or_else(|| Failed::new(no_such(&cluster, plug)))?;
    }
    if values.filled(&option::GUID).is_some() {
        return Err(Failed::new(
            "guid: one identity for several machines; with config write it as guid below each [node.bmc]",
        ));
    }
    Ok(Targets::Cluster { cluster: Box::new(cluster), asked, bmc_key: bmc_key(values)? })
}

fn no_such(cluster: &Cluster, plug: &str) -> String {
    let with_bmc = cluster.nodes.iter().filter(|node| node.bmc.is_some());
    let names: Vec<&str> = with_bmc.map(|node| node.name.as_str()).collect();
    format!(
        "plug {plug:?}: no node with a BMC of that name; the configuration has: {}",
        names.join(", ")
    )
}

fn node_target(cluster: &Cluster, name: &str, bmc_key: Option<&BmcKey>) -> Result<Target, Failed> {
    let found = cluster.for_node(name).and_then(|view| view.node.bmc.as_ref());
    let bmc = found.ok_or_else(|| Failed::new(no_such(cluster, name)))?;
    let bmc = BmcConfig::read(bmc).map_err(|error| Failed::new(format!("{name}: {error}")))?;
    let bmc = BmcConfig { bmc_key: bmc_key.cloned().or(bmc.bmc_key.clone()), ..bmc };
    Ok(Target { plug: Some(name.to_owned()), node: Some(name.to_owned()), bmc })
}

fn bmc_key(values: &Values) -> Result<Option<BmcKey>, Failed> {
    let Some(digits) = values.filled(&option::HEXADECIMAL_KG) else { return Ok(None) };
    let key = power::bmc_key(&Secret::new(digits.to_owned()));
    key.map(Some).map_err(|error| Failed::new(format!("option hexadecimal_kg: {error}")))
}

fn guid(values: &Values) -> Result<Option<Guid>, Failed> {
    let guid = values.filled(&option::GUID).map(str::parse).transpose();
    guid.map_err(|error: NoGuid| Failed::new(format!("option guid: {error}")))
}

fn at_address(values: &Values) -> Result<BmcConfig, Failed> {
    let host = if values.flag(&option::PORT_AS_IP)? {
        values.filled(&option::PLUG).or(values.filled(&option::IP))
    } else {
        values.filled(&option::IP)
    };
    let host = host.ok_or_else(|| {
        Failed::new("no BMC: give ip, or plug with port_as_ip, or config with plug")
    })?;
    let port = values.number(&option::IPPORT)?;
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| Failed::new("option ipport: not a port from 1 to 65535"))?;
    let bmc = BmcConfig {
        address: with_port(host, port),
        user: values.get(&option::USERNAME).unwrap_or_default().to_owned(),
        password: Secret::new(String::new()),
        privilege: privilege(values)?,
        suites: suites(values)?,
        bmc_key: bmc_key(values)?,
        guid: guid(values)?,
    };
    bmc.check().map_err(Failed::new)?;
    Ok(bmc)
}

fn with_port(host: &str, port: u16) -> String {
    if host.parse::<Ipv6Addr>().is_ok() {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

fn privilege(values: &Values) -> Result<Privilege, Failed> {
    match values.get(&option::PRIVLVL).unwrap_or_default().to_ascii_lowercase().as_str() {
        "operator" => Ok(Privilege::Operator),
        "administrator" => Ok(Privilege::Admin),
        level => Err(Failed::new(format!(
            "option privlvl: {level} cannot switch power; use operator or administrator"
        ))),
    }
}

fn suites(values: &Values) -> Result<Vec<Suite>, Failed> {
    let Some(asked) = values.filled(&option::CIPHER) else {
        return Ok(vec![Suite::Sha256, Suite::Sha1]);
    };
    let suite = asked.parse().ok().and_then(Suite::from_id);
    suite.map(|suite| vec![suite]).ok_or_else(|| {
        Failed::new(format!(
            "option cipher: suite {asked:?} is not spoken, because its session would not be both \
             authenticated and encrypted, or is unknown; use 17 or 3, or leave it out"
        ))
    })
}
