//! Talks to a controller over its admin socket, and turns its refusals into exit codes.

use std::future::Future;
use std::path::PathBuf;

use hyper_util::rt::TokioIo;
use shanty_proto::v1::admin_client::AdminClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use super::{AdminArgs, exit};
use crate::status::{CODE_KEY, NEXT_KEY};

/// Why a subcommand failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) text: String,
    pub(super) next: String,
    pub(super) exit: u8,
}

impl Failure {
    pub(super) fn new(
        code: &str,
        exit: u8,
        text: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            code: code.to_owned(),
            text: text.into(),
            next: next.into(),
            exit,
        }
    }

    /// Something that the caller typed wrongly.
    pub(super) fn usage(text: impl Into<String>) -> Self {
        Self::new("E_USAGE", exit::USAGE, text, "")
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let code = status
            .metadata()
            .get(CODE_KEY)
            .and_then(|code| code.to_str().ok());
        let code = code.unwrap_or("E_CONTROLLER").to_owned();
        let next = status
            .metadata()
            .get_bin(NEXT_KEY)
            .and_then(|next| next.to_bytes().ok())
            .map(|next| String::from_utf8_lossy(&next).into_owned())
            .unwrap_or_default();
        let exit = match code.as_str() {
            "E_DENIED" | "E_GUILD" | "E_HOLD" => exit::REFUSED,
            "E_NOT_FOUND" | "E_CLOSED" | "E_STALE" => exit::DATA,
            "E_ALL_OFFLINE" | "E_OFFLINE" | "E_STORAGE" | "E_STOPPING" | "E_RATE" => {
                exit::TRY_AGAIN
            }
            "E_CONTROLLER" if status.code() == tonic::Code::PermissionDenied => exit::REFUSED,
            "E_CONTROLLER" => exit::TRY_AGAIN,
            _ => exit::USAGE,
        };
        Self {
            code,
            text: status.message().to_owned(),
            next,
            exit,
        }
    }
}

/// A connection to a controller.
pub(super) struct Client {
    admin: AdminClient<Channel>,
}

impl Client {
    pub(super) async fn connect(args: &AdminArgs) -> Result<Self, Failure> {
        let path: PathBuf = args.admin.clone();
        let dial = tower::service_fn(move |_: tonic::transport::Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        // The address is not used: the connector dials the socket.
        let endpoint = Endpoint::from_static("http://admin.shanty.internal");
        let channel = endpoint
            .connect_with_connector(dial)
            .await
            .map_err(|error| {
                let why = root_cause(&error);
                Failure::new(
                    "E_NO_CONTROLLER",
                    exit::TRY_AGAIN,
                    format!("no controller answers on {}: {why}", args.admin.display()),
                    "Is `shanty serve` running? Name its socket with --admin or SHANTY_ADMIN.",
                )
            })?;
        Ok(Self {
            admin: AdminClient::new(channel).max_decoding_message_size(64 * 1024 * 1024),
        })
    }

    /// One call.
    pub(super) async fn call<T, F, R>(&self, call: F) -> Result<T, Failure>
    where
        F: FnOnce(AdminClient<Channel>) -> R,
        R: Future<Output = Result<Response<T>, Status>>,
    {
        Ok(call(self.admin.clone()).await?.into_inner())
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// A small runtime for one subcommand.
pub(super) fn block_on(work: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        Failure::new(
            "E_SYSTEM",
            exit::TRY_AGAIN,
            format!("cannot start: {error}"),
            "",
        )
    })?;
    runtime.block_on(work)
}
