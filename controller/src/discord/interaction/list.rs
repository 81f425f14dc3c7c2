//! Lists of hosts in pages. Where a button leads stands in its id, so it works after a restart; a selector that is too long for one is kept.

use shanty_core::ask::{Answer, Ask, HostsView};
use shanty_core::ids::HostName;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{self, Listed, Listing};

use super::{change, refuse};
use crate::clock::now_ms;
use crate::discord::Edge;
use crate::discord::commands::Invocation;

/// Where selectors are kept that are too long for an id.
const KEPT: &str = "listing/";
/// Selectors that are kept; the oldest make room.
const KEPT_MAX: usize = 200;

/// Shows another page of a list.
pub(super) async fn page(edge: &Edge, invocation: &Invocation, listing: Listing) {
    let view = match selector_of(edge, &listing).await {
        Ok(on) => hosts(edge, invocation, on).await,
        Err(refusal) => Err(refusal),
    };
    match view {
        Ok(view) => {
            let card = view::hosts_page_card(&view, &listing, now_ms());
            change(edge, invocation, &card).await;
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
    match edge.hub.ask(invocation.asker(), Ask::Hosts { on }).await? {
        Answer::Hosts(view) => Ok(view),
        _ => Err(gone()),
    }
}

/// Keeps the selector of a list of several hosts, when its buttons have no room for it.
pub(super) async fn keep_selector(edge: &Edge, ask: &Ask, answer: &Answer) {
    if let (Ask::Hosts { on }, Answer::Hosts(view)) = (ask, answer)
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
    let journal = edge.journal.clone();
    let kept = tokio::task::spawn_blocking(move || journal.kept(&key)).await;
    let kept = kept.ok().and_then(Result::ok).flatten().ok_or_else(gone)?;
    let (_, selector) = read(&kept).ok_or_else(gone)?;
    Ok(selector)
}

/// Keeps a selector for the buttons of its list. One that cannot be kept only means that they say so.
async fn keep(edge: &Edge, key: &str, selector: &str) {
    let journal = edge.journal.clone();
    let key = format!("{KEPT}{key}");
    let value = format!("{:013} {selector}", now_ms());
    let kept = tokio::task::spawn_blocking(move || {
        let mut all = journal.kept_below(KEPT)?;
        all.retain(|(known, _)| *known != key);
        all.sort_by(|(_, a), (_, b)| a.cmp(b));
        let too_many = (all.len() + 1).saturating_sub(KEPT_MAX);
        for (old, _) in all.iter().take(too_many) {
            journal.forget(old)?;
        }
        journal.keep(&key, value.as_bytes())
    });
    if let Ok(Err(error)) = kept.await {
        tracing::warn!(%error, "a selector could not be kept for the buttons of its list");
    }
}

fn read(kept: &[u8]) -> Option<(u64, String)> {
    let (at, selector) = std::str::from_utf8(kept).ok()?.split_once(' ')?;
    Some((at.parse().ok()?, selector.to_owned()))
}

fn gone() -> Refusal {
    Refusal::new(
        Code::Stale,
        "This list is too old to be turned.",
        "Type /hosts again.",
    )
}
