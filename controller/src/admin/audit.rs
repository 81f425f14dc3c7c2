//! The journal as a whole and backups, asked for on the admin socket.

use std::path::PathBuf;

use shanty_core::causes::chain;
use shanty_core::journal::Anchor;
use shanty_core::refusal::{Code, Refusal};
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::{Admin, Answered};
use crate::clock::now_ms;
use crate::status::status;
use crate::store::StoreError;

/// Records that wait for the command line.
const RECORDS_MAX: usize = 64;

impl Admin {
    pub(super) async fn verified(
        &self,
        request: v1::AuditVerifyRequest,
    ) -> Answered<v1::AuditVerifyReply> {
        let anchors: Result<Vec<Anchor>, _> =
            request.anchors.iter().map(|text| text.parse()).collect();
        let anchors = anchors.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let audit = self.audit.clone();
        let verified = tokio::task::spawn_blocking(move || audit.verify(&anchors)).await;
        let verified = verified.unwrap_or(Err(StoreError::Stopped));
        let reply = crate::audit::reply(verified).map_err(|error| refused(&error))?;
        Ok(Response::new(reply))
    }

    pub(super) async fn back_up(&self, request: v1::BackupRequest) -> Answered<v1::BackupReply> {
        let to = PathBuf::from(request.path);
        if !to.is_absolute() {
            return Err(Status::invalid_argument("`path` must start with /"));
        }
        let data_dir = self.audit.data_dir().to_owned();
        let made = move || crate::backup::make(&data_dir, &to, now_ms());
        let made = tokio::task::spawn_blocking(made).await;
        match made {
            Ok(Ok(made)) => Ok(Response::new(v1::BackupReply {
                path: made.path.display().to_string(),
                anchor: made.anchor.to_string(),
                bytes: made.bytes,
                sha256: made.sha256,
            })),
            Ok(Err(error)) => {
                tracing::error!(error = chain(&error), "a backup could not be made");
                let what = format!("The backup was not made: {}.", chain(&error));
                let next = "Name an empty directory that the controller's user may write to, on a disk with room.";
                Err(status(&Refusal::new(Code::Storage, what, next)))
            }
            Err(_) => Err(Status::internal("the backup ended early")),
        }
    }

    /// All records after a place, as lines of JSON.
    pub(super) fn records(&self, after: u64) -> ReceiverStream<Result<v1::AuditRecord, Status>> {
        let (tx, rx) = mpsc::channel(RECORDS_MAX);
        let audit = self.audit.clone();
        self.spawner.spawn(async move {
            let to = tx.clone();
            let read = move || {
                audit.export(after, |json| {
                    to.blocking_send(Ok(v1::AuditRecord { json })).is_ok()
                })
            };
            let read = tokio::task::spawn_blocking(read).await;
            if let Err(error) = read.unwrap_or(Err(StoreError::Stopped)) {
                tx.send(Err(refused(&error))).await.ok(); // it left
            }
        });
        ReceiverStream::new(rx)
    }
}

fn refused(error: &StoreError) -> Status {
    tracing::error!(error = chain(error), "the journal cannot be read");
    status(&Refusal::new(
        Code::Storage,
        format!("The journal cannot be read: {}.", chain(error)),
        "Look at the controller's log and its disk.",
    ))
}
