//! Talks to a controller over its admin socket, and turns its refusals into exit codes.

use std::future::Future;
use std::path::PathBuf;

use hyper_util::rt::TokioIo;
use shanty_core::causes::innermost;
use shanty_core::refusal::{Code, UnknownCode};
use shanty_proto::v1::admin_client::AdminClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use super::{AdminArgs, exit};
use crate::status::{CODE_KEY, NEXT_KEY};

/// The code of an answer that has none: it does not come from the controller's own decisions.
const NO_CODE: &str = "E_CONTROLLER";

/// Nothing listens on the socket.
const NO_CONTROLLER: &str = "E_NO_CONTROLLER";

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

    /// True when it says nothing but that the controller is not there now.
    pub(super) fn is_gone(&self) -> bool {
        [NO_CODE, NO_CONTROLLER, Code::Stopping.as_str()].contains(&self.code.as_str())
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
        let next = status
            .metadata()
            .get_bin(NEXT_KEY)
            .and_then(|next| next.to_bytes().ok())
            .map(|next| String::from_utf8_lossy(&next).into_owned())
            .unwrap_or_default();
        let exit = match code.map(str::parse) {
            Some(Ok(code)) => exit_code(code),
            // A newer controller refuses for a reason that this program does not know.
            Some(Err(UnknownCode)) => exit::FAILED,
            None if status.code() == tonic::Code::PermissionDenied => exit::REFUSED,
            None => exit::TRY_AGAIN,
        };
        if code.is_none() && is_cut_off(&status) {
            let text = "the controller went away before it answered";
            let next = "Whether it did what was asked is not known: `shanty runs list` shows it when it is back.";
            return Self::new(NO_CODE, exit::TRY_AGAIN, text, next);
        }
        Self {
            code: code.unwrap_or(NO_CODE).to_owned(),
            text: status.message().to_owned(),
            next,
            exit,
        }
    }
}

/// Whether a connection ended, rather than that somebody answered.
fn is_cut_off(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<tonic::transport::Error>() || error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What scripts get for a refusal.
const fn exit_code(code: Code) -> u8 {
    match code {
        Code::Denied | Code::Guild | Code::GuildOnly | Code::Hold => exit::REFUSED,
        Code::NotFound
        | Code::Action
        | Code::ActionUnknown
        | Code::Closed
        | Code::MaxFail
        | Code::Paused
        | Code::Stale
        | Code::Damaged
        | Code::Deleted => exit::DATA,
        Code::AllOffline
        | Code::Offline
        | Code::Draining
        | Code::Expired
        | Code::ControllerRestart
        | Code::AckFailed
        | Code::Storage
        | Code::Stopping
        | Code::Rate => exit::TRY_AGAIN,
        Code::Selector
        | Code::EmptyCommand
        | Code::Masked
        | Code::TooLong
        | Code::BadChar
        | Code::Duration
        | Code::BadOption
        | Code::RunAs
        | Code::Token
        | Code::NameTaken
        | Code::NameConfusable
        | Code::Name
        | Code::Label
        | Code::Csr
        | Code::Param
        | Code::On
        | Code::Unsupported
        | Code::Version => exit::USAGE,
        Code::Agent => exit::FAILED,
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
                let why = innermost(&error);
                Failure::new(
                    NO_CONTROLLER,
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shanty_core::refusal::Refusal;

    use super::*;

    #[test]
    fn every_refusal_crosses_the_socket_and_has_its_exit_code() {
        let mut by_exit: BTreeMap<u8, Vec<String>> = BTreeMap::new();
        for code in Code::ALL {
            let refusal = Refusal::new(code, "What happened.", "What to do: ✓.");
            let failure = Failure::from(crate::status::status(&refusal));
            assert_eq!(failure.code, code.as_str());
            assert_eq!((failure.text, failure.next), (refusal.what, refusal.next));
            by_exit.entry(failure.exit).or_default().push(failure.code);
        }
        let lines = by_exit
            .iter()
            .map(|(exit, codes)| format!("{exit}: {}", codes.join(" ")));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
        1: E_AGENT
        64: E_SELECTOR E_EMPTY_COMMAND E_MASKED E_TOO_LONG E_BAD_CHAR E_DURATION E_OPTION E_RUN_AS E_TOKEN E_NAME_TAKEN E_NAME_CONFUSABLE E_NAME E_LABEL E_CSR E_PARAM E_ON E_UNSUPPORTED E_VERSION
        65: E_NOT_FOUND E_CLOSED E_STALE E_DAMAGED E_DELETED E_MAX_FAIL E_PAUSED E_ACTION E_ACTION_UNKNOWN
        75: E_ALL_OFFLINE E_STORAGE E_OFFLINE E_DRAINING E_EXPIRED E_CONTROLLER_RESTART E_ACK_FAILED E_RATE E_STOPPING
        77: E_DENIED E_GUILD E_GUILD_ONLY E_HOLD
        ");
    }

    #[test]
    fn codes_of_a_newer_controller_are_failures_and_not_mistakes_of_the_caller() {
        let mut status = Status::failed_precondition("the moon is full");
        status.metadata_mut().insert(
            CODE_KEY,
            tonic::metadata::MetadataValue::from_static("E_MOON"),
        );
        let failure = Failure::from(status);
        assert_eq!(
            (failure.code.as_str(), failure.exit),
            ("E_MOON", exit::FAILED)
        );
    }

    #[test]
    fn answers_without_a_code_are_not_the_callers_fault() {
        let exit = |status: Status| {
            let failure = Failure::from(status);
            assert_eq!(failure.code, NO_CODE);
            failure.exit
        };
        assert_eq!(exit(Status::permission_denied("not you")), exit::REFUSED);
        assert_eq!(exit(Status::unavailable("gone")), exit::TRY_AGAIN);
    }
}
