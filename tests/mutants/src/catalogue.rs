//! The weakenings as `mutants.toml` lists them.

use serde::Deserialize;

use crate::failure::Failure;

/// All weakenings, in the order in which they are applied.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    /// Each of them; its number is its place, from 1.
    #[serde(rename = "mutant")]
    pub(crate) mutants: Vec<Mutant>,
}

/// One rule, weakened.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// Its name on the command line.
    pub(crate) name: String,
    /// The rule that it weakens, where that is written, and how.
    pub(crate) weakens: String,
    /// The promise that breaks.
    pub(crate) breaks: String,
    /// How it is found.
    pub(crate) hunt: Hunt,
    /// What changes in the sources.
    #[serde(rename = "edit")]
    pub(crate) edits: Vec<Edit>,
}

/// One change of one source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Edit {
    /// The file, from the top of the tree.
    pub(crate) file: String,
    /// What stands there, once.
    pub(crate) find: String,
    /// What stands there instead; `$on` is whether the rule is weakened, `$scene` whether the world
    /// is the one in which that shows, weakened or not.
    pub(crate) with: String,
}

/// How a weakening is hunted.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(tag = "with", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Hunt {
    /// By many worlds in virtual time.
    Explore {
        /// The kinds of faults; all kinds if none is named.
        #[serde(default)]
        only: Vec<String>,
        /// The timing; drawn for each world if not said.
        profile: Option<String>,
        /// Members; drawn for each world if not said.
        nodes: Option<u8>,
        /// Voters; drawn for each world if not said.
        voters: Option<u8>,
    },
    /// By every schedule of a few faults.
    Check {
        /// A part of the name of the settings.
        only: String,
        /// Faults in a run; what the plan says if not said.
        faults: Option<u8>,
        /// Ticks of a run; what the plan says if not said.
        ticks: Option<u32>,
    },
}

impl Catalogue {
    /// Reads the catalogue.
    ///
    /// # Errors
    /// [`Failure::Catalogue`], with the line.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        Ok(toml::from_str(text)?)
    }

    /// Those named, or all.
    ///
    /// # Errors
    /// [`Failure::Unknown`] with the first that there is not.
    pub(crate) fn chosen(&self, names: &[String]) -> Result<Vec<&Mutant>, Failure> {
        if names.is_empty() {
            return Ok(self.mutants.iter().collect());
        }
        let named = |name: &String| {
            let found = self.mutants.iter().find(|mutant| mutant.name == *name);
            found.ok_or_else(|| Failure::Unknown(name.clone()))
        };
        names.iter().map(named).collect()
    }
}

impl Mutant {
    /// The name of the world in which alone it shows, with nothing weakened, if it needs one.
    pub(crate) fn scene(&self) -> Option<String> {
        let has_scene = self.edits.iter().any(|edit| edit.with.contains("$scene"));
        has_scene.then(|| format!("{}:scene", self.name))
    }
}

impl Hunt {
    /// The words that say so to the simulator.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![self.engine().to_owned()];
        let mut say = |name: &str, value: Option<String>| {
            words.extend(value.into_iter().flat_map(|value| [format!("--{name}"), value]));
        };
        match self {
            Self::Explore { only, profile, nodes, voters } => {
                say("only", (!only.is_empty()).then(|| only.join(",")));
                say("profile", profile.clone());
                say("nodes", nodes.map(|nodes| nodes.to_string()));
                say("voters", voters.map(|voters| voters.to_string()));
            }
            Self::Check { only, faults, ticks } => {
                say("only", Some(only.clone()));
                say("faults", faults.map(|faults| faults.to_string()));
                say("ticks", ticks.map(|ticks| ticks.to_string()));
            }
        }
        words
    }

    /// Who hunts.
    pub(crate) const fn engine(&self) -> &'static str {
        match self {
            Self::Explore { .. } => "explore",
            Self::Check { .. } => "check",
        }
    }
}
