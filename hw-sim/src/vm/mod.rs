//! The wire between a virtual machine and its BMC: QEMU's device `ipmi-bmc-extern`, which speaks the
//! "VM" protocol of OpenIPMI's simulator.
//!
//! Bytes in, bytes out: this owns no socket, and knows nothing of power.
//!
//! ```text
//!     message  = sequence  netfn<<2|lun  command  data...  checksum  A0
//!     control  = number  data...  A1
//!     A0, A1 and AA inside either are sent as AA and the byte with bit 4 set
//! ```
//!
//! A message's bytes sum to 0. An answer repeats the sequence number, and begins its data with the
//! completion code. Both sides first say their version; the machine then says what it can do.

mod codec;
mod link;

pub use codec::{Capabilities, Control, Frame, MESSAGE_MAX, Message, Order, Parser, Unreadable};
pub use link::{Heard, Link};
