//! Lists of hosts in pages. Where a button leads stands in its id, so it works after a restart; a selector that is too long for one is kept.

use serde::Serialize;
use serde::de::DeserializeOwned;
use shanty_core::ask::{Answer, Ask, HostsView, Question};
use shanty_core::ids::HostName;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{self, Audience, Listed, Listing};

use super::{change, refuse, show};
use crate::clock::now_ms;
use crate::discord::Edge;
use crate::discord::commands::Invocation;
use crate::store::{Kept, StoreError};

/// Where selectors are kept that are too long for an id.
const KEPT: &str = "listing/";
/// Things that are kept in one place; the oldest make room.
const KEPT_MAX: usize = 200;

/// Shows another page of a list, or a list anew to who pressed on what everybody sees.
pub(super) async fn page(edge: &Edge, invocation: &Invocation, listing: Listing, turns: bool) {
    let view = match selector_of(edge, &listing).await {
        Ok(on) => hosts(edge, invocation, on).await,
        Err(refusal) => Err(refusal),
    };
    match view {
        Ok(view) => {
            let card = match view.rows.len() {
                1 if !turns => view::one_host_card(&view, None, now_ms()),
                _ => view::hosts_page_card(&view, &listing, now_ms()),
            };
            match turns {
                true => change(edge, invocation, &card).await,
                false => show(edge, invocation, &card, Audience::Asker).await,
            }
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

/// Shows one host of a list whole.
pub(super) async fn pick(edge: &Edge, invocation: &Invocation, listing: Listing, host: HostName) {
    match hosts(edge, invocation, host.to_string()).await {
        Ok(view) => {
            let card = view::one_host_card(&view, Some(listing), now_ms());
            change(edge, invocation, &card).await;
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

async fn hosts(edge: &Edge, invocation: &Invocation, on: String) -> Result<HostsView, Refusal> {
    match edge
        .hub
        .ask(invocation.asker(), Ask::Look(Question::Hosts { on }))
        .await?
    {
        Answer::Hosts(view) => Ok(view),
        _ => Err(gone()),
    }
}

/// Keeps the selector of a list of several hosts, when its buttons have no room for it.
pub(super) async fn keep_selector(edge: &Edge, ask: &Ask, answer: &Answer) {
    if let (Ask::Look(Question::Hosts { on }), Answer::Hosts(view)) = (ask, answer)
        && let Listed::Kept(key) = Listing::of(on).hosts
        && view.rows.len() > 1
    {
        keep(edge, &key, on).await;
    }
}

async fn selector_of(edge: &Edge, listing: &Listing) -> Result<String, Refusal> {
    let key = match &listing.hosts {
        Listed::Selector(selector) => return Ok(selector.clone()),
        Listed::Kept(key) => format!("{KEPT}{key}"),
    };
    let kept = edge.kept.read(&key).await.ok().flatten();
    let (_, selector): (u64, String) = kept.ok_or_else(gone)?;
    Ok(selector)
}

/// Keeps a selector for the buttons of its list. One that cannot be kept only means that they say so.
async fn keep(edge: &Edge, key: &str, selector: &str) {
    if let Err(error) = try_keep(&edge.kept, KEPT, key, &selector.to_owned()).await {
        tracing::warn!(%error, "a selector could not be kept for the buttons of its list");
    }
}

/// Keeps something for a button under a key below a place; the oldest there make room.
pub(super) async fn try_keep<T: Serialize + DeserializeOwned + Send + Sync>(
    kept: &Kept,
    below: &str,
    key: &str,
    value: &T,
) -> Result<(), StoreError> {
    let key = format!("{below}{key}");
    let mut all: Vec<(String, (u64, T))> = kept.below(below).await?;
    all.retain(|(known, _)| *known != key);
    all.sort_by_key(|(_, (at_ms, _))| *at_ms);
    let too_many = (all.len() + 1).saturating_sub(KEPT_MAX);
    for (old, _) in all.iter().take(too_many) {
        kept.forget(old).await?;
    }
    kept.keep(&key, &(now_ms(), value)).await
}

/// What is kept under such a key below a place; nothing when it made room.
pub(super) async fn kept_at<T: DeserializeOwned>(kept: &Kept, below: &str, key: &str) -> Option<T> {
    let value = kept.read(&format!("{below}{key}")).await.ok().flatten();
    value.map(|(_, value): (u64, T)| value)
}

fn gone() -> Refusal {
    Refusal::new(
        Code::Stale,
        "This list is too old to be turned.",
        "Type /hosts again.",
    )
}
