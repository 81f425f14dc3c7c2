//! Logs: sentences with fields on standard error, JSON when it is not a terminal's.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// Starts logging. `SHANTY_LOG` chooses what, for example `debug` or `shanty_controller=debug`.
pub fn init() {
    let filter = EnvFilter::try_from_env("SHANTY_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        builder.with_target(false).try_init()
    } else {
        builder.json().try_init()
    };
    started.ok(); // a test in the same process was first
}
