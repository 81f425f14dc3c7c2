//! Logs: sentences with fields on standard error, JSON when it is not a terminal's.

use std::io::IsTerminal as _;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex};

use shanty_core::ids::AgentId;
use shanty_core::quiet::{Line, Quiet};
use tracing_subscriber::EnvFilter;

use crate::clock::link_ms;

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

/// Whom lines are about that somebody outside can cause as often as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// An agent, by its certificate.
    Agent(AgentId),
    /// Whoever wants to join.
    Stranger,
    /// Somebody in this network: see [`crate::link::network`].
    Network(IpAddr),
}

static PEERS: LazyLock<Mutex<Quiet<Peer>>> = LazyLock::new(Mutex::default);

/// Writes a line that a peer caused, unless it caused too many of late: those are counted.
pub(crate) fn of(peer: Peer, write: impl FnOnce()) {
    let Ok((line, left_out)) = PEERS.lock().map(|mut peers| peers.line(peer, link_ms())) else {
        return;
    };
    if let Some((lines, peers)) = left_out {
        tracing::warn!(lines, peers, "lines about peers were left out");
    }
    match line {
        Line::Written => write(),
        Line::Last => {
            write();
            tracing::warn!(?peer, "more lines like the last are left out for a minute");
        }
        Line::Counted => {}
    }
}
