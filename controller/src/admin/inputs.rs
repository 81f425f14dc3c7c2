//! What commands are given: taken from the command line before a run of it is asked for, and shown to it afterwards.

use shanty_core::ask::{RunRequest, Typed, UpkeepRequest};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Input, InputKind, Run};
use shanty_proto::convert::{input_from_wire, input_to_wire};
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use crate::status::status;
use crate::store::{InputError, InputReader, Inputs};

/// Slices that wait for a command line that reads slowly.
pub(super) const SLICES_MAX: usize = 4;

/// Takes an input, and says what it is. What is announced as too long is refused before anything is stored.
pub(super) async fn store(
    inputs: &Inputs,
    mut coming: Streaming<v1::StoreInputRequest>,
) -> Result<v1::Input, Status> {
    use v1::store_input_request::Kind;
    let first = coming
        .next()
        .await
        .transpose()?
        .and_then(|first| first.kind);
    let Some(Kind::Begin(begin)) = first else {
        return Err(Status::invalid_argument("the first message must be Begin"));
    };
    let kind = match begin.kind() {
        v1::InputKind::Stdin => InputKind::Stdin,
        v1::InputKind::Script => InputKind::Script,
        v1::InputKind::Unspecified => {
            return Err(Status::invalid_argument(
                "an input of no kind that is known here",
            ));
        }
    };
    if begin.bytes > kind.bytes_max() {
        return Err(refused(&InputError::TooLong(kind)));
    }
    let begun = inputs.begin(kind, &begin.name).await;
    let mut kept = begun.map_err(|error| refused(&error))?;
    while let Some(message) = coming.next().await {
        match message?.kind {
            Some(Kind::Slice(slice)) => {
                let taken = kept.push(&slice).await;
                taken.map_err(|error| refused(&error))?;
            }
            Some(Kind::End(_)) => {
                let input = kept.finish().await.map_err(|error| refused(&error))?;
                return Ok(input_to_wire(&input));
            }
            Some(Kind::Begin(_)) | None => {
                return Err(Status::invalid_argument("a second Begin"));
            }
        }
    }
    // Whoever sent it was cut off: half of a script must not run.
    Err(Status::cancelled("the input did not come whole"))
}

/// The input of a run that is asked for, as it is kept here.
pub(super) async fn given(
    inputs: &Inputs,
    wire: Option<&v1::Input>,
) -> Result<Option<Input>, Status> {
    let Some(wire) = wire else {
        return Ok(None);
    };
    let said =
        input_from_wire(wire).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let found = inputs.find(said.kind, &said.name, said.sha256).await;
    let Some(mut input) = found.map_err(|error| refused(&error))? else {
        let what = format!(
            "The {} is not kept here. Nothing was run.",
            said.kind.as_str()
        );
        return Err(status(&Refusal::new(
            Code::NotFound,
            what,
            "Give it again.",
        )));
    };
    input.about.crlf = said.about.crlf;
    Ok(Some(input))
}

/// Reads what a run was given.
pub(super) async fn open(inputs: &Inputs, run: &Run) -> Result<InputReader, Status> {
    let Some(input) = &run.spec.input else {
        let what = format!(
            "{} was given neither a script nor standard input.",
            run.number
        );
        let next = format!("`shanty runs show {}` shows its command.", run.number.0);
        return Err(status(&Refusal::new(Code::NotFound, what, next)));
    };
    let reader = inputs.read(input.sha256).await;
    reader.map_err(|error| refused(&error))?.ok_or_else(|| {
        let what = format!(
            "The {} of {} is not kept any more. Its SHA-256 was {}.",
            input.kind.as_str(),
            run.number,
            input.digest()
        );
        let next = "It is deleted with old output: `[retention] output` says when.";
        status(&Refusal::new(Code::Deleted, what, next))
    })
}

/// Sends all of it, as fast as it is taken.
pub(super) async fn send(
    mut reader: InputReader,
    to: mpsc::Sender<Result<v1::InputSlice, Status>>,
) {
    loop {
        let next = match reader.next().await {
            Ok(Some(bytes)) => Ok(v1::InputSlice { bytes }),
            Ok(None) => return,
            Err(error) => Err(refused(&error)),
        };
        let failed = next.is_err();
        if to.send(next).await.is_err() || failed {
            return;
        }
    }
}

fn refused(error: &InputError) -> Status {
    status(&error.refusal())
}

/// A run as it was typed, with what it is given.
pub(super) async fn asked(
    inputs: &Inputs,
    request: v1::StartRunRequest,
) -> Result<RunRequest, Status> {
    Ok(RunRequest {
        on: request.selector,
        command: request.command,
        typed: Typed::from_names(request.options).map_err(|name| unknown_option(&name))?,
        like: None,
        input: given(inputs, request.input.as_ref()).await?,
        upkeep: request.upkeep.map(upkeep).transpose()?,
    })
}

fn upkeep(asked: v1::Upkeep) -> Result<UpkeepRequest, Status> {
    use v1::upkeep::Kind as Wire;
    match asked.kind {
        Some(Wire::Update(v1::Update { version, older })) => {
            Ok(UpkeepRequest::Update { version, older })
        }
        Some(Wire::Doctor(v1::Doctor {})) => Ok(UpkeepRequest::Doctor),
        None => Err(status(&Refusal::new(
            Code::Unsupported,
            "This controller does not know what agents shall do to themselves. Nothing was run.",
            "Use the command line of the controller's own version.",
        ))),
    }
}

/// An option of a newer command line: left out, it would silently not be done.
fn unknown_option(name: &str) -> Status {
    status(&Refusal::new(
        Code::BadOption,
        format!("This controller does not know the option `{name}`. Nothing was run."),
        "Leave it out, or use the command line of the controller's own version.",
    ))
}
