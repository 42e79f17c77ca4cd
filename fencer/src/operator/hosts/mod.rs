//! Lists of hosts as operators write them: `10.0.0.[1-100],bmc[01-20].lan:6230,[fd00::[1-9]]:623,@FILE`.
//!
//! A list is read once, into hosts that can be asked; a mistake is told with its place. Never resolves
//! a name, and never leaves out what it does not understand.

mod error;
mod expand;
mod fold;
mod host;
mod list;
mod read;
#[cfg(test)]
mod tests;

pub use error::{HostListError, Problem};
pub use fold::folded;
pub use host::{Host, PORT};
pub use list::{HOSTS_MAX, HostList};
pub use read::read_file;
