//! Running a file that somebody attached, and the form for a command of several lines.
//!
//! The file is fetched when it is known that the run would be admitted, kept, and then asked for: nothing runs with other bytes than those.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use shanty_core::ask::{Ask, RunRequest};
use shanty_core::causes::chain;
use shanty_core::hub::Would;
use shanty_core::limits;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Input, InputKind};
use shanty_core::view::{self, Audience};

use super::promised::promise;
use super::{asked, meant, refuse, send};
use crate::discord::Edge;
use crate::discord::commands::{Attached, Invocation};
use crate::discord::sender::FetchError;
use crate::store::InputError;

/// A file that is here by then is answered at once: the answer to its interaction must be at Discord within three seconds.
const SOON: Duration = Duration::from_millis(1_200);
/// One that is not here by then, after the answer was promised, does not come: nobody expects a run to begin long after it was asked for.
const LATE: Duration = Duration::from_secs(30);

/// What is asked with a file, as that is announced: whether it may be is known before it is fetched.
pub(super) fn announced(request: &RunRequest, file: &Attached) -> Ask {
    Ask::Run(RunRequest {
        input: Some(Input::announced(&file.name, file.bytes)),
        ..request.clone()
    })
}

/// Runs an attached file; false when it was refused, or did not come.
pub(super) async fn run(
    edge: &Arc<Edge>,
    invocation: &Invocation,
    request: &RunRequest,
    file: &Attached,
) -> bool {
    let ask = announced(request, file);
    let would = match edge.hub.would(&invocation.asker(), &ask).await {
        Ok(would) => would,
        Err(refusal) => {
            meant::refuse_run(edge, invocation, request, Some(file), &refusal).await;
            return false;
        }
    };
    // Who will see the answer is said with a promise.
    let to_whom = match would {
        Would::BeDone => Audience::Channel,
        Would::BeShown => Audience::Asker,
    };
    let mut invocation = invocation.clone();
    let given = match fetch(edge, &mut invocation, file, to_whom).await {
        Ok(script) => keep(edge, file, &script).await,
        Err(missing) => return not_fetched(edge, &invocation, missing).await,
    };
    match given {
        Ok(input) => {
            let input = Some(input);
            let request = request.clone();
            let ask = Ask::Run(RunRequest { input, ..request });
            Box::pin(asked(edge, &invocation, ask)).await
        }
        Err(error) => {
            refuse(edge, &invocation, &error.refusal()).await;
            false
        }
    }
}

/// Fetches an attached file. One that is not here soon is waited for, once its answer was promised to these.
pub(super) async fn fetch(
    edge: &Edge,
    invocation: &mut Invocation,
    file: &Attached,
    to_whom: Audience,
) -> Result<Bytes, Missing> {
    let bytes_max = usize::try_from(limits::SCRIPT_BYTES_MAX).unwrap_or(usize::MAX);
    let mut fetch = pin!(edge.sender.fetch(&file.url, bytes_max));
    tokio::select! {
        fetched = &mut fetch => return fetched.map_err(Missing::Refused),
        () = tokio::time::sleep(SOON) => {}
        () = edge.shutdown.cancelled() => return Err(Missing::Stopping),
    }
    if !promise(edge, invocation, to_whom).await {
        return Err(Missing::NoPromise);
    }
    invocation.promised = Some(to_whom);
    tokio::select! {
        fetched = fetch => fetched.map_err(Missing::Refused),
        () = tokio::time::sleep(LATE) => Err(Missing::Late),
        () = edge.shutdown.cancelled() => Err(Missing::Stopping),
    }
}

/// Opens the form for a command.
pub(super) async fn write(edge: &Edge, invocation: &Invocation, request: &RunRequest) {
    // Who may not, or names no hosts, is told before writing.
    let ask = Ask::Run(RunRequest {
        command: "true".to_owned(),
        ..request.clone()
    });
    if let Err(refusal) = edge.hub.would(&invocation.asker(), &ask).await {
        return meant::refuse_run(edge, invocation, request, None, &refusal).await;
    }
    match view::write_sheet(request) {
        Ok(sheet) => {
            let call = edge.requests.open_form(invocation.reply_to(), &sheet);
            send(edge, call, "a form").await;
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

/// Why a file is not here.
pub(super) enum Missing {
    Refused(FetchError),
    Late,
    Stopping,
    /// Discord did not take the promise of an answer: nobody hears of it.
    NoPromise,
}

/// Says that a file did not come.
async fn not_fetched(edge: &Edge, invocation: &Invocation, missing: Missing) -> bool {
    let (code, what) = match missing {
        Missing::NoPromise => return false,
        Missing::Refused(error) => {
            tracing::warn!("an attached script could not be fetched: {}", chain(&error));
            let what = "Discord did not give the script to the controller. Nothing was run.";
            (Code::Storage, what)
        }
        Missing::Late => {
            let what = "The script did not come from Discord in time. Nothing was run.";
            (Code::Storage, what)
        }
        Missing::Stopping => {
            let what =
                "The controller is stopping, and the script was not here yet. Nothing was run.";
            (Code::Stopping, what)
        }
    };
    let refusal = Refusal::new(
        code,
        what,
        "Attach it again with /script, or run it with `shanty run --script FILE` on the controller's machine.",
    );
    refuse(edge, invocation, &refusal).await;
    false
}

async fn keep(edge: &Edge, file: &Attached, script: &[u8]) -> Result<Input, InputError> {
    let mut coming = edge.inputs.begin(InputKind::Script, &file.name).await?;
    for slice in script.chunks(1 << 20) {
        coming.push(slice).await?;
    }
    coming.finish().await
}
