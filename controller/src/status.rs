//! Refusals as gRPC statuses: a short set of codes, our own code beside, and nothing internal.

use shanty_core::refusal::{Code, Refusal};
use tonic::metadata::MetadataValue;
use tonic::{Code as Grpc, Status};

/// The metadata key of our own code.
pub const CODE_KEY: &str = "shanty-code";
/// The metadata key of what to do next.
pub const NEXT_KEY: &str = "shanty-next-bin";

/// A refusal as a peer gets it.
#[must_use]
pub fn status(refusal: &Refusal) -> Status {
    let grpc = match refusal.code {
        Code::Denied | Code::Guild | Code::GuildOnly | Code::Token => Grpc::PermissionDenied,
        Code::NotFound | Code::Deleted => Grpc::NotFound,
        Code::NameTaken | Code::NameConfusable => Grpc::AlreadyExists,
        Code::Storage | Code::Stopping | Code::AllOffline | Code::Offline | Code::Draining => {
            Grpc::Unavailable
        }
        Code::Damaged => Grpc::DataLoss,
        Code::Rate => Grpc::ResourceExhausted,
        Code::Hold
        | Code::Closed
        | Code::Stale
        | Code::Expired
        | Code::MaxFail
        | Code::Paused
        | Code::ControllerRestart
        | Code::AckFailed => Grpc::FailedPrecondition,
        Code::Selector
        | Code::EmptyCommand
        | Code::Masked
        | Code::TooLong
        | Code::BadChar
        | Code::Duration
        | Code::BadOption
        | Code::RunAs
        | Code::Name
        | Code::Label
        | Code::Csr
        | Code::Agent
        | Code::Action
        | Code::ActionUnknown
        | Code::Param
        | Code::On
        | Code::Unsupported
        | Code::Version => Grpc::InvalidArgument,
    };
    let mut status = Status::new(grpc, refusal.what.clone());
    status
        .metadata_mut()
        .insert(CODE_KEY, MetadataValue::from_static(refusal.code.as_str()));
    status
        .metadata_mut()
        .insert_bin(NEXT_KEY, MetadataValue::from_bytes(refusal.next.as_bytes()));
    status
}
