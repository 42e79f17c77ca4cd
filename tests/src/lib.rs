//! What the tests and measurements of this folder share. Holds no test and no product code.

pub mod bmc;
pub mod fuzz;
pub mod guest;
pub mod ipmi_sim;
pub mod programs;
pub mod redfish;
pub mod series;
pub mod smt;
pub mod tree;
