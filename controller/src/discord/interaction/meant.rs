//! A run that was refused where something near was probably meant: another name, or plain characters. One press runs that. What is asked
//! then is kept under a key that stands in the button, and decided anew for whoever presses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shanty_core::admission::plain_command;
use shanty_core::ask::{Ask, RunOption, RunRequest, Typed, YES};
use shanty_core::refusal::{Code, Meant, Refusal};
use shanty_core::run::{About, Input, InputKind};
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

/// A request as it is kept: options by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Request {
    on: String,
    command: String,
    #[serde(default)]
    typed: BTreeMap<String, String>,
    #[serde(default)]
    like: Option<String>,
    #[serde(default)]
    input: Option<Given>,
}

/// What a command is given, as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Given {
    script: bool,
    name: String,
    bytes: u64,
    sha256: [u8; 32],
    lines: u64,
    head: String,
    crlf: bool,
}

impl From<&Input> for Given {
    fn from(input: &Input) -> Self {
        Self {
            script: match input.kind {
                InputKind::Script => true,
                InputKind::Stdin => false,
            },
            name: input.name.clone(),
            bytes: input.bytes,
            sha256: input.sha256,
            lines: input.about.lines,
            head: input.about.head.clone(),
            crlf: input.about.crlf,
        }
    }
}

impl From<Given> for Input {
    fn from(given: Given) -> Self {
        Self {
            kind: match given.script {
                true => InputKind::Script,
                false => InputKind::Stdin,
            },
            name: given.name,
            bytes: given.bytes,
            sha256: given.sha256,
            about: About {
                lines: given.lines,
                head: given.head,
                crlf: given.crlf,
            },
        }
    }
}

impl Request {
    fn of(request: &RunRequest) -> Self {
        let typed = request.typed.iter();
        Self {
            on: request.on.clone(),
            command: request.command.clone(),
            typed: typed
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .collect(),
            like: request.like.map(|run| run.to_string()),
            input: request.input.as_ref().map(Given::from),
        }
    }

    /// What it asks; nothing when a newer version kept what this one cannot do.
    fn ask(self) -> Option<Ask> {
        Some(Ask::Run(RunRequest {
            on: self.on,
            command: self.command,
            typed: Typed::from_names(self.typed).ok()?,
            like: match self.like {
                Some(run) => Some(run.parse().ok()?),
                None => None,
            },
            input: self.input.map(Input::from),
        }))
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
            let mut exact = request;
            let name = RunOption::Exact.name().to_owned();
            exact.typed.insert(name, YES.to_owned());
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
    let request = kept.and_then(|(_, request)| request);
    let Some((ask, request)) = request.and_then(|kept| Some((kept.clone().ask()?, kept))) else {
        let refusal = Refusal::new(
            Code::Stale,
            "This was pressed already, or is too old. Nothing was run now.",
            "Type the command again.",
        );
        return super::refuse(edge, invocation, &refusal).await;
    };
    let admitted = Box::pin(asked(edge, invocation, ask)).await;
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
    use shanty_core::ids::RunId;

    #[test]
    fn what_is_kept_is_asked_for_again_and_nothing_of_it_is_dropped() {
        let request = RunRequest {
            on: "web".to_owned(),
            command: "id".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "5s")
                .with(RunOption::Color, YES),
            like: Some(RunId::from_bytes([7; 16])),
            input: Some(Input {
                kind: InputKind::Script,
                name: "deploy.sh".to_owned(),
                bytes: 5,
                sha256: [1; 32],
                about: About::default(),
            }),
        };
        let kept = serde_json::to_string(&Request::of(&request)).unwrap();
        let read: Request = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.ask(), Some(Ask::Run(request)));
        let newer = kept.replace("color", "priority");
        let read: Request = serde_json::from_str(&newer).unwrap();
        assert_eq!(read.ask(), None);
    }
}
