//! Where a program stands: which configuration, which node of it.
//!
//! Never guesses: a machine that the configuration does not name is told the names that it has.

use std::path::{Path, PathBuf};

use palisade_host::config::{Cluster, FencerSettings, NodeView};

/// The configuration's place unless the command line says otherwise.
pub const CONFIG: &str = "/etc/palisade/palisade.toml";

/// The configuration in `path`; the error is a text with every mistake, and what to do.
pub fn load(path: &Path) -> Result<Cluster, String> {
    Cluster::load(path).map_err(|error| error.to_string())
}

/// The node named on the command line, or by the host name up to its first dot.
pub fn node<'a>(cluster: &'a Cluster, asked: Option<&str>) -> Result<NodeView<'a>, String> {
    let name = match asked {
        Some(name) => name.to_owned(),
        None => host_name()?,
    };
    cluster.for_node(&name).ok_or_else(|| {
        let names: Vec<&str> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
        format!(
            "node {name:?} is not in the configuration, which has: {}; say --node NAME",
            names.join(", ")
        )
    })
}

/// The folder of what was learned of each BMC, which a fencer and the fence agent beside it share.
pub fn learned(settings: &FencerSettings) -> PathBuf {
    settings.state_dir.join("bmc")
}

fn host_name() -> Result<String, String> {
    let full = nix::unistd::gethostname()
        .map_err(|error| format!("the host name could not be read: {error}; say --node NAME"))?;
    let full = full.to_string_lossy();
    Ok(full.split('.').next().unwrap_or_default().to_owned())
}
