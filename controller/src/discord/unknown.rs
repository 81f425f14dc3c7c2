//! Tells operators once of hosts that hold executions of runs that are not known here: the journal is older than they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use shanty_core::causes::chain;
use shanty_core::hub::Known;
use shanty_core::view;

use super::Edge;
use super::requests::{Content, NewMessage, Nonce, Sound};

/// Between two looks. Hosts come back together, so that most are told together.
const LOOK: Duration = Duration::from_secs(5);

/// Where it is kept which runs were told.
const KEPT: &str = "unknown runs";

/// Looks until shutdown.
pub(super) async fn tell(edge: Arc<Edge>) -> anyhow::Result<()> {
    let shutdown = edge.shutdown.clone();
    let Some(channel) = edge.ops_channel else {
        shutdown.cancelled().await;
        return Ok(());
    };
    let mut told: BTreeSet<String> = match edge.kept.read(KEPT).await {
        Ok(told) => told.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "which unknown runs were told is not known");
            BTreeSet::new()
        }
    };
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = looks.tick() => {}
        }
        let Ok(known) = edge.hub.known().await else {
            shutdown.cancelled().await;
            return Ok(());
        };
        let held = held(&known);
        let is_new = held.values().flatten().any(|one| !told.contains(one));
        if !is_new {
            continue;
        }
        let hosts: Vec<(String, usize)> = held
            .iter()
            .map(|(name, runs)| (name.clone(), runs.len()))
            .collect();
        told = held.into_values().flatten().collect();
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = say(&edge, channel, &hosts, &told) => {}
        }
    }
}

/// What hosts hold, by their names: what identifies each execution.
fn held(known: &Known) -> BTreeMap<String, BTreeSet<String>> {
    let hosts = known.state.hosts.iter().filter(|(_, host)| !host.revoked);
    let held = hosts.filter_map(|(agent, host)| {
        let unknown = &known.fleet.get(*agent)?.unknown;
        let ids = unknown.iter().map(|run| format!("{run} {agent}")).collect();
        let name = host.enrolment.name.to_string();
        (!unknown.is_empty()).then_some((name, ids))
    });
    held.collect()
}

async fn say(edge: &Edge, channel: u64, hosts: &[(String, usize)], told: &BTreeSet<String>) {
    let card = view::unknown_runs_card(hosts);
    let all: Vec<&str> = told.iter().map(String::as_str).collect();
    let message = NewMessage {
        content: Content::Card(&card),
        nonce: Nonce::named(&format!("unknown {}", all.join(" "))),
        sound: Sound::Loud,
        mention: None,
    };
    let call = match edge.requests.create_message(channel, &message) {
        Ok(call) => call,
        Err(error) => {
            return tracing::error!("what hosts hold could not be formed: {}", chain(&error));
        }
    };
    match edge.sender.call(&call).await {
        Ok(_) => {
            if let Err(error) = edge.kept.keep(KEPT, told).await {
                tracing::warn!(%error, "that unknown runs were told could not be kept");
            }
        }
        // The log says it too, and so does `shanty hosts show`.
        Err(error) => tracing::warn!("what hosts hold did not reach Discord: {}", chain(&error)),
    }
}
