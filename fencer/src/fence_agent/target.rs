//! Which machines are meant, and the ways to the power of each. Never guesses: what may mean two machines
//! is refused.

use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::Arc;

use palisade_host::config::{self, Cluster, Node, PowerLevel};
use palisade_host::secret::Secret;

use super::answer::Failed;
use super::option;
use super::shown::{is_one, shown};
use super::values::Values;
use crate::place;
use crate::power::levels::{self, Levels};
use crate::power::{
    self, Bmc, BmcConfig, BmcKey, Engine, Guid, NoGuid, Password, PowerDevice, Privilege, Suite,
};

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
    /// What tells its power from another's, to a fencer.
    pub(super) mark: String,
    /// The ways to its power, in the order of trying: one at least.
    pub(super) ways: Vec<Arc<dyn PowerDevice>>,
    /// What the configuration allows of them and is weak.
    pub(super) weaknesses: Vec<String>,
    /// All of them as one.
    pub(super) device: Arc<dyn PowerDevice>,
}

impl Targets {
    /// What the options mean.
    pub(super) fn of(values: &Values) -> Result<Self, Failed> {
        let ip = values.filled(&option::IP);
        match (values.one(&option::CONFIG)?, ip) {
            (Some(_), Some(_)) => {
                Err(Failed::new("config and ip both say where the BMC is; give one of them"))
            }
            (Some(file), None) => in_cluster(values, file),
            (None, _) => {
                let node = values.nodename.as_deref().or(values.filled(&option::PLUG));
                let node = node.filter(|node| is_one(node));
                let bmc = Box::new(at_address(values)?);
                Ok(Self::One { bmc, node: node.map(str::to_owned) })
            }
        }
    }

    /// The machines asked for: one at least.
    pub(super) fn named(&self, engine: &Engine, password: Password) -> Result<Vec<Target>, Failed> {
        match self {
            Self::One { bmc, node } => {
                let bmc = BmcConfig { password, ..BmcConfig::clone(bmc) };
                bmc.check().map_err(Failed::new)?;
                Ok(vec![alone(engine, bmc, node.clone())])
            }
            Self::Cluster { asked, .. } if asked.is_empty() => Err(Failed::new(
                "no plug: say which node of the configuration is meant (plug=NODE)",
            )),
            Self::Cluster { cluster, asked, bmc_key } => {
                asked.iter().map(|name| node_target(engine, cluster, name, bmc_key)).collect()
            }
        }
    }

    /// The machines asked for, or else all whose power can be switched.
    pub(super) fn all(&self, engine: &Engine, password: Password) -> Result<Vec<Target>, Failed> {
        match self {
            Self::Cluster { cluster, asked, bmc_key } if asked.is_empty() => {
                let plugs = self.plugs();
                plugs.iter().map(|name| node_target(engine, cluster, name, bmc_key)).collect()
            }
            Self::One { .. } | Self::Cluster { .. } => self.named(engine, password),
        }
    }

    /// The names of all nodes whose power can be switched.
    pub(super) fn plugs(&self) -> Vec<String> {
        let Self::Cluster { cluster, .. } = self else { return Vec::new() };
        switchable(cluster).map(|node| node.name.clone()).collect()
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
        node_of(&cluster, plug)?;
    }
    if values.filled(&option::GUID).is_some() {
        return Err(Failed::new(
            "guid: one identity for several machines; with config write it as guid below each [node.bmc]",
        ));
    }
    Ok(Targets::Cluster { cluster: Box::new(cluster), asked, bmc_key: bmc_key(values)? })
}

fn switchable(cluster: &Cluster) -> impl Iterator<Item = &Node> {
    cluster.nodes.iter().filter(|node| node.has_power_device())
}

fn node_of<'a>(cluster: &'a Cluster, name: &str) -> Result<&'a Node, Failed> {
    switchable(cluster).find(|node| node.name == name).ok_or_else(|| {
        let names: Vec<&str> = switchable(cluster).map(|node| node.name.as_str()).collect();
        Failed::new(format!(
            "plug {}: no node of that name whose power can be switched; the configuration has: {}",
            shown(name),
            names.join(", ")
        ))
    })
}

/// One BMC given by its address.
fn alone(engine: &Engine, bmc: BmcConfig, node: Option<String>) -> Target {
    let mark = bmc.address.clone();
    let device: Arc<dyn PowerDevice> = Arc::new(Bmc::new(engine.clone(), bmc));
    Target {
        plug: None,
        node,
        mark,
        ways: vec![Arc::clone(&device)],
        weaknesses: Vec::new(),
        device,
    }
}

fn node_target(
    engine: &Engine,
    cluster: &Cluster,
    name: &str,
    bmc_key: &Option<BmcKey>,
) -> Result<Target, Failed> {
    let node = node_of(cluster, name)?;
    let ways = levels::ways(node, |bmc| {
        let (address, bmc, key) = (bmc.address.clone(), bmc.clone(), bmc_key.clone());
        Arc::new(Bmc::reading(engine.clone(), address, move || read(&bmc, key.clone())))
    });
    let (device, mark) = (Levels::of(ways.clone()), levels::mark(node).unwrap_or_default());
    let device = device.ok_or_else(|| Failed::new(format!("{name}: no way to its power")))?;
    let name = Some(name.to_owned());
    let weaknesses = node.power.iter().filter_map(PowerLevel::weakness).collect();
    Ok(Target { plug: name.clone(), node: name, mark, ways, weaknesses, device })
}

/// The BMC with its password file read, and the key of the options rather than of the configuration.
fn read(bmc: &config::Bmc, key: Option<BmcKey>) -> Result<BmcConfig, power::PowerError> {
    let bmc = BmcConfig::read(bmc)?;
    Ok(BmcConfig { bmc_key: key.or(bmc.bmc_key.clone()), ..bmc })
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
        values.one(&option::PLUG)?.or(values.one(&option::IP)?)
    } else {
        values.one(&option::IP)?
    };
    let host = host.ok_or_else(|| {
        Failed::new("no BMC: give ip, or plug with port_as_ip, or config with plug")
    })?;
    let port = values.number(&option::IPPORT)?;
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| Failed::new("option ipport: not a port from 1 to 65535"))?;
    let bmc = BmcConfig {
        address: with_port(host, port),
        user: values.one(&option::USERNAME)?.unwrap_or_default().to_owned(),
        password: Password::none(),
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
            "option cipher: suite {} is unknown; use 17 or 3, or leave it out",
            shown(asked)
        ))
    })
}
