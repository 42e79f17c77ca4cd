//! The runtime of a command that asks BMCs.

use tokio::runtime::Builder;

use super::super::exit::Failure;

/// What `work` comes to. Whatever it has left behind is given up: a name that is still being resolved
/// holds a thread until the system answers, and must not hold up the end.
pub(in super::super) fn carry_out<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::unknown)?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}
