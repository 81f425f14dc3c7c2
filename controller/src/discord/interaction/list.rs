//! `/hosts`: a list in pages, and one host whole. Where a button leads stands in its id, so it works after a restart.

use shanty_core::ids::HostName;
use shanty_core::principal;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{
    self, Button, ButtonStyle, ButtonTarget, Card, HostDetail, HostsPage, Turn,
};

use super::{change, show};
use crate::clock::now_ms;
use crate::discord::Edge;
use crate::discord::commands::{Asker, Listing, Of};
use crate::discord::requests::Audience;
use crate::hub::HostsView;

/// Where selectors are kept that are too long for an id.
const KEPT: &str = "listing/";
/// Selectors that are kept; the oldest make room.
const KEPT_MAX: usize = 200;

/// Lists hosts; a selector that stands for one shows it whole.
pub(super) async fn hosts(edge: &Edge, asker: &Asker, who: principal::Asker, on: String) {
    let of = Of::new(&on);
    let view = edge.hub.hosts(who, on.clone()).await;
    if let (Of::Kept(key), Ok(view)) = (&of, &view)
        && view.rows.len() > 1
    {
        keep(edge, key, &on).await;
    }
    let listing = Listing { page: 0, of };
    let card = view.map(|view| match &view.rows[..] {
        [_] => one(&view, None),
        _ => page(&view, &listing),
    });
    show(edge, asker, card, Audience::Asker).await;
}

/// Turns to a page of a list.
pub(super) async fn turn(edge: &Edge, asker: &Asker, who: principal::Asker, listing: Listing) {
    let card = match selector_of(edge, &listing).await {
        Ok(on) => edge
            .hub
            .hosts(who, on)
            .await
            .map(|view| page(&view, &listing)),
        Err(refusal) => Err(refusal),
    };
    change(edge, asker, card).await;
}

/// Shows one host of a list whole.
pub(super) async fn pick(
    edge: &Edge,
    asker: &Asker,
    who: principal::Asker,
    listing: Listing,
    host: HostName,
) {
    let back = Button {
        label: "◀ Back to the list".to_owned(),
        target: ButtonTarget::Press(listing.page_id()),
        style: ButtonStyle::Secondary,
    };
    let view = edge.hub.hosts(who, host.to_string()).await;
    change(edge, asker, view.map(|view| one(&view, Some(back)))).await;
}

fn page(view: &HostsView, listing: &Listing) -> Card {
    let rows: Vec<_> = view.rows.iter().map(|(_, _, row)| row.clone()).collect();
    let ids = |turn| match turn {
        Turn::To(page) => at(listing, page).page_id(),
        Turn::Pick(page) => at(listing, page).menu_id(),
    };
    let list = HostsPage {
        rows: &rows,
        selector: &view.normal,
        page: listing.page,
        ids: &ids,
    };
    view::hosts_card(list, now_ms())
}

fn at(listing: &Listing, page: usize) -> Listing {
    Listing {
        page,
        of: listing.of.clone(),
    }
}

fn one(view: &HostsView, back: Option<Button>) -> Card {
    match view.rows.first() {
        Some((agent, enrolled_ms, row)) => {
            let detail = HostDetail {
                row,
                agent: *agent,
                enrolled_ms: *enrolled_ms,
                runs: &view.runs,
            };
            view::host_card(detail, back, now_ms())
        }
        None => view::refusal_card(&gone()),
    }
}

async fn selector_of(edge: &Edge, listing: &Listing) -> Result<String, Refusal> {
    let key = match &listing.of {
        Of::Selector(selector) => return Ok(selector.clone()),
        Of::Kept(key) => format!("{KEPT}{key}"),
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
