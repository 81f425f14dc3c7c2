//! Running a file that somebody attached, and the form for a command of several lines.
//!
//! The file is fetched when it is known that the run would be admitted, kept, and then asked for: nothing runs with other bytes than those.

use std::sync::Arc;
use std::time::Duration;

use shanty_core::ask::{Ask, RunRequest};
use shanty_core::causes::chain;
use shanty_core::limits;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{About, Input, InputKind, script_name};
use shanty_core::view;

use super::{asked, refuse, send};
use crate::discord::Edge;
use crate::discord::commands::{Attached, Invocation};
use crate::store::InputError;

/// The file must be here by then: the answer to its interaction must be at Discord within three seconds.
const FETCH: Duration = Duration::from_millis(1_200);

/// Runs an attached file.
pub(super) async fn run(
    edge: &Arc<Edge>,
    invocation: &Invocation,
    request: RunRequest,
    file: Attached,
) {
    match given(edge, invocation, &request, &file).await {
        Ok(input) => {
            let input = Some(input);
            let request = RunRequest { input, ..request };
            Box::pin(asked(edge, invocation, Ask::Run(request))).await;
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

/// Opens the form for a command.
pub(super) async fn write(edge: &Edge, invocation: &Invocation, request: &RunRequest) {
    // Who may not, or names no hosts, is told before writing.
    let ask = Ask::Run(RunRequest {
        command: "true".to_owned(),
        ..request.clone()
    });
    let would = edge.hub.would(&invocation.asker(), &ask).await;
    match would.and_then(|()| view::write_sheet(request)) {
        Ok(sheet) => {
            let call = edge.requests.open_form(invocation.reply_to(), &sheet);
            send(edge, call, "a form").await;
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

async fn given(
    edge: &Edge,
    invocation: &Invocation,
    request: &RunRequest,
    file: &Attached,
) -> Result<Input, Refusal> {
    // As it is announced: who may not, and what is too long, costs nothing.
    let announced = Input {
        kind: InputKind::Script,
        name: script_name(&file.name),
        bytes: file.bytes,
        sha256: [0; 32],
        about: About::default(),
    };
    let ask = Ask::Run(RunRequest {
        input: Some(announced),
        ..request.clone()
    });
    edge.hub.would(&invocation.asker(), &ask).await?;
    let bytes_max = usize::try_from(limits::SCRIPT_BYTES_MAX).unwrap_or(usize::MAX);
    let fetched = tokio::time::timeout(FETCH, edge.sender.fetch(&file.url, bytes_max)).await;
    let script = match fetched {
        Ok(Ok(script)) => script,
        Ok(Err(error)) => {
            tracing::warn!("an attached script could not be fetched: {}", chain(&error));
            return Err(Refusal::new(
                Code::Storage,
                "Discord did not give the script to the controller. Nothing was run.",
                "Try again; its log says more.",
            ));
        }
        Err(_) => {
            return Err(Refusal::new(
                Code::Storage,
                "The script did not come from Discord in time. Nothing was run.",
                "Try again, or run it with `shanty run --script FILE` on the controller's machine.",
            ));
        }
    };
    let kept = keep(edge, file, &script).await;
    kept.map_err(|error| error.refusal())
}

async fn keep(edge: &Edge, file: &Attached, script: &[u8]) -> Result<Input, InputError> {
    let mut coming = edge.inputs.begin(InputKind::Script, &file.name).await?;
    for slice in script.chunks(1 << 20) {
        coming.push(slice).await?;
    }
    coming.finish().await
}
