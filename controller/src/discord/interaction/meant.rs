//! A run that was refused because of a name that nobody has, where another one is near: one press runs what was probably meant. What was
//! asked is kept under a key that stands in the button, and decided anew for whoever presses it.

use std::sync::Arc;

use shanty_core::ask::{Ask, RunRequest};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::view::{self, Audience};

use super::{asked, list, show};
use crate::discord::Edge;
use crate::discord::commands::Invocation;

/// Where requests are kept for the buttons of refusals.
const KEPT: &str = "meant/";

/// The hosts, the command, the time, the user, and what becomes of hosts that are away.
type Request = (
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Tells somebody why not, and offers what was probably meant.
pub(super) async fn refuse(edge: &Edge, invocation: &Invocation, ask: &Ask, refusal: &Refusal) {
    let (Ask::Run(request), Some(meant)) = (ask, &refusal.meant) else {
        return super::refuse(edge, invocation, refusal).await;
    };
    let request: Request = (
        meant.on.clone(),
        request.command.clone(),
        request.timeout.clone(),
        request.run_as.clone(),
        request.offline.clone(),
        request.streams.clone(),
    );
    let key = view::key_of(&format!("{request:?}"));
    if let Err(error) = list::try_keep(&edge.kept, KEPT, &key, &request).await {
        tracing::warn!(%error, "a request could not be kept for the button of its refusal");
        return super::refuse(edge, invocation, refusal).await;
    }
    let card = view::meant_card(meant, key);
    show(edge, invocation, &card, Audience::Asker).await;
}

/// Runs what was meant.
pub(super) async fn run(edge: &Arc<Edge>, invocation: &Invocation, key: &str) {
    let key = format!("{KEPT}{key}");
    let kept = edge.kept.read::<(u64, Request)>(&key);
    let Some((_, (on, command, timeout, run_as, offline, streams))) = kept.await.ok().flatten()
    else {
        let refusal = Refusal::new(
            Code::Stale,
            "This suggestion is too old. Nothing was run.",
            "Type the command again.",
        );
        return super::refuse(edge, invocation, &refusal).await;
    };
    let request = RunRequest {
        on,
        command,
        timeout,
        run_as,
        offline,
        streams,
    };
    Box::pin(asked(edge, invocation, Ask::Run(request))).await;
}
