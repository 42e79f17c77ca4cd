//! Faces: real sockets on loopback for the models, each with one thread that waits and never spins.
//!
//! A face is a handle: `start` binds and begins, controls act on the model at once, `stop` (or
//! dropping the handle) ends the thread and joins it. What happens is told to a sink that is
//! called in the face's thread without any lock held, so that it may use the handle.

pub mod dog;
pub mod http;
mod ports;
pub mod qemu;
mod rack;
pub mod rmcp;
mod wake;
