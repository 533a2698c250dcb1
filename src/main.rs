//! The program: parse, run, exit code.

use std::process::ExitCode;

use o365_listener::cli;

/// Returns memory to the system and does not fragment over months, which the system's allocator does less well.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    cli::run().await
}
