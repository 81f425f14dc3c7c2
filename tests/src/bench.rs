//! What every bench begins with.

use std::future::Future;

/// Measures when it was called as a bench: `cargo test --all-targets` calls it too, and is told nothing.
pub fn run(measured: impl Future<Output = ()>) {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime can be built").block_on(measured);
}
