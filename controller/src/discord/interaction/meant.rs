//! A run that was refused where something near was probably meant: another name, or plain characters. One press runs that. What is asked
//! then is kept under a key that stands in the button, and decided anew for whoever presses it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shanty_core::admission::plain_command;
use shanty_core::ask::{Ask, RunRequest};
use shanty_core::refusal::{Code, Meant, Refusal};
use shanty_core::run::Colours;
use shanty_core::view::{self, Audience, Card};

use super::{asked, list, show};
use crate::clock::now_ms;
use crate::discord::Edge;
use crate::discord::commands::Invocation;
use crate::store::StoreError;

/// Where requests are kept for the buttons of refusals.
const KEPT: &str = "meant/";

/// When it was kept, and the request; none when it was pressed.
type Kept = (u64, Option<Request>);

/// A request as it is kept. What earlier versions kept has fewer fields, or is a list of the first five or six.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Request {
    on: String,
    command: String,
    timeout: Option<String>,
    run_as: Option<String>,
    offline: Option<String>,
    #[serde(default)]
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
            let key = keep(edge, invocation, Request { on, ..request }).await?;
            Ok(view::name_card(typed, name, key))
        }
        Meant::Plain { kind, shown } => {
            let exact = Request {
                exact: true,
                ..request
            };
            let as_typed = keep(edge, invocation, exact.clone()).await?;
            let plain = Request {
                command: plain_command(&exact.command),
                ..exact
            };
            let plain = keep(edge, invocation, plain).await?;
            Ok(view::plain_card(refusal, kind, shown, plain, as_typed))
        }
    }
}

/// Keeps a request for a button of the answer to this interaction. Where it is kept already it stays as it is: after a restart Discord
/// tells again what it told before.
async fn keep(
    edge: &Edge,
    invocation: &Invocation,
    request: Request,
) -> Result<String, StoreError> {
    let key = view::key_of(&format!("{} {request:?}", invocation.interaction));
    let known = edge.kept.read::<Kept>(&format!("{KEPT}{key}")).await?;
    if known.is_none() {
        list::try_keep(&edge.kept, KEPT, &key, &Some(request)).await?;
    }
    Ok(key)
}

/// Runs what was meant: once, however often it is pressed. Who is refused may press again.
pub(super) async fn run(edge: &Arc<Edge>, invocation: &Invocation, key: &str) {
    let place = format!("{KEPT}{key}");
    let pressed: Kept = (now_ms(), None);
    let kept = edge.kept.exchange(&place, &pressed).await;
    let kept = kept.unwrap_or_else(|error| {
        tracing::warn!(%error, "what the button of a refusal runs could not be read");
        None
    });
    let Some((_, Some(request))) = kept else {
        let refusal = Refusal::new(
            Code::Stale,
            "This was pressed already, or is too old. Nothing was run now.",
            "Type the command again.",
        );
        return super::refuse(edge, invocation, &refusal).await;
    };
    let admitted = Box::pin(asked(edge, invocation, request.clone().ask())).await;
    if !admitted {
        let again = list::try_keep(&edge.kept, KEPT, key, &Some(request)).await;
        if let Err(error) = again {
            tracing::warn!(%error, "a request could not be kept again for the button of its refusal");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_kept_is_read() {
        let named = r#"{"on":"web","command":"id","timeout":"5s","run_as":null,"offline":null,"streams":null}"#;
        for kept in [
            r#"["web","id","5s",null,null]"#,
            r#"["web","id","5s",null,null,null]"#,
            named,
        ] {
            let (_, request): Kept = serde_json::from_str(&format!("[7,{kept}]")).unwrap();
            let request = request.unwrap();
            let told = (request.on.as_str(), request.command.as_str());
            assert_eq!(told, ("web", "id"), "{kept}");
            assert_eq!(request.timeout.as_deref(), Some("5s"), "{kept}");
            assert!(!request.exact && !request.color, "{kept}");
        }
    }
}
