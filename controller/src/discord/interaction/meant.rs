//! A run that was refused where something near was probably meant: another name, or plain characters. One press runs that. What is asked
//! then is kept under a key that stands in the button, and decided anew for whoever presses it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shanty_core::admission::plain_command;
use shanty_core::ask::{Ask, RunRequest};
use shanty_core::causes::chain;
use shanty_core::refusal::{Code, Meant, Refusal};
use shanty_core::run::Colours;
use shanty_core::view::{self, Audience, Card};

use super::{asked, list, show};
use crate::discord::Edge;
use crate::discord::commands::Invocation;
use crate::store::StoreError;

/// Where requests are kept for the buttons of refusals.
const KEPT: &str = "meant/";

/// A request as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Request {
    on: String,
    command: String,
    timeout: Option<String>,
    run_as: Option<String>,
    offline: Option<String>,
    streams: Option<String>,
    #[serde(default)]
    exact: bool,
    #[serde(default)]
    color: bool,
}

impl Request {
    fn of(request: &RunRequest) -> Self {
        let RunRequest {
            on,
            command,
            timeout,
            run_as,
            offline,
            streams,
            exact,
            colours,
        } = request.clone();
        Self {
            on,
            command,
            timeout,
            run_as,
            offline,
            streams,
            exact,
            color: colours.kept(),
        }
    }

    fn ask(self) -> Ask {
        Ask::Run(RunRequest {
            on: self.on,
            command: self.command,
            timeout: self.timeout,
            run_as: self.run_as,
            offline: self.offline,
            streams: self.streams,
            exact: self.exact,
            colours: Colours::asked(self.color),
        })
    }
}

/// Tells somebody why not, and offers what was probably meant.
pub(super) async fn refuse(edge: &Edge, invocation: &Invocation, ask: &Ask, refusal: &Refusal) {
    let (Ask::Run(request), Some(meant)) = (ask, &refusal.meant) else {
        return super::refuse(edge, invocation, refusal).await;
    };
    match offer(edge, invocation, refusal, Request::of(request), meant).await {
        Ok(card) => show(edge, invocation, &card, Audience::Asker).await,
        Err(error) => {
            tracing::warn!(%error, "a request could not be kept for the button of its refusal");
            super::refuse(edge, invocation, refusal).await;
        }
    }
}

/// The card with what was probably meant, once that is kept.
async fn offer(
    edge: &Edge,
    invocation: &Invocation,
    refusal: &Refusal,
    request: Request,
    meant: &Meant,
) -> Result<Card, StoreError> {
    match meant {
        Meant::Name { typed, name, on } => {
            let on = on.clone();
            let key = keep(edge, invocation, &Request { on, ..request }).await?;
            Ok(view::name_card(typed, name, key))
        }
        Meant::Plain { kind, shown } => {
            let exact = Request {
                exact: true,
                ..request
            };
            let as_typed = keep(edge, invocation, &exact).await?;
            let plain = Request {
                command: plain_command(&exact.command),
                ..exact
            };
            let plain = keep(edge, invocation, &plain).await?;
            Ok(view::plain_card(refusal, kind, shown, plain, as_typed))
        }
    }
}

/// Keeps a request for a button of the answer to this interaction.
async fn keep(
    edge: &Edge,
    invocation: &Invocation,
    request: &Request,
) -> Result<String, StoreError> {
    let key = view::key_of(&format!("{} {request:?}", invocation.interaction));
    list::try_keep(&edge.kept, KEPT, &key, request).await?;
    Ok(key)
}

/// Runs what was meant: once, however often it is pressed. Who is refused may press again.
pub(super) async fn run(edge: &Arc<Edge>, invocation: &Invocation, key: &str) {
    let place = format!("{KEPT}{key}");
    let taken = edge.kept.take::<(u64, Request)>(&place).await;
    let taken = taken.unwrap_or_else(|error| {
        tracing::error!("what was meant could not be read: {}", chain(&error));
        None
    });
    let Some((_, request)) = taken else {
        let refusal = Refusal::new(
            Code::Stale,
            "This was pressed already, or is too old. Nothing was run now.",
            "Type the command again.",
        );
        return super::refuse(edge, invocation, &refusal).await;
    };
    let admitted = Box::pin(asked(edge, invocation, request.clone().ask())).await;
    if !admitted && let Err(error) = list::try_keep(&edge.kept, KEPT, key, &request).await {
        tracing::warn!(
            "a request could not be kept again for the button of its refusal: {}",
            chain(&error)
        );
    }
}
