//! The fence agent as its callers see it, beside `fence_ipmilan`, against OpenIPMI's `ipmi_sim`.
//!
//! Needs the Debian packages `openipmi`, `fence-agents`, `ipmitool`, `libxml2-utils`, `pacemaker` and
//! `pacemaker-cli-utils`. Only processes started here are ended, and only loopback is used.
#![cfg(test)]

mod alike;
mod cluster;
mod contract;
mod exact;
mod given_back;
mod handover;
mod keeper;
mod learned;
mod levels;
mod metadata;
mod outlived;
mod pacemaker;
mod rig;
mod secrets;
mod via_fencer;
