//! `shanty backup` and `shanty restore`.

use std::path::PathBuf;

use clap::Args;
use shanty_core::causes::chain;
use shanty_core::text::{count, size, utc};
use shanty_core::view::terminal::one_line;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::{AdminArgs, exit, out};
use crate::backup::{self, BackupError, Restored};
use crate::clock::now_ms;

#[derive(Args, Debug)]
#[command(after_long_help = "\
A backup holds the journal, output, what commands were given, and the authority with its key: whoever can read it can speak for the
controller. search.db is not in it, since it is made again.")]
pub(super) struct BackupArgs {
    /// A directory that is empty or not there yet
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// Copy this data directory instead of asking the controller, which need not run
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(super) struct RestoreArgs {
    /// What `shanty backup` made
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The data directory, empty or not there yet, of a controller that does not run
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

pub(super) async fn backup(args: BackupArgs) -> Result<u8, Failure> {
    let to = std::path::absolute(&args.to).unwrap_or(args.to);
    let made = match &args.data_dir {
        Some(data_dir) => {
            let made = backup::make(data_dir, &to, now_ms()).map_err(|error| failed(&error))?;
            v1::BackupReply {
                path: made.path.display().to_string(),
                anchor: made.anchor.to_string(),
                bytes: made.bytes,
                sha256: made.sha256,
            }
        }
        None => {
            let path = to.to_str().map(str::to_owned);
            let path = path.ok_or_else(|| Failure::usage("the directory's name is no UTF-8"))?;
            let request = v1::BackupRequest { path };
            let client = Client::connect(&args.admin).await?;
            let asked = client.call(|mut admin| async move { admin.backup(request).await });
            asked.await?
        }
    };
    if args.admin.json {
        out::line(serde_json::json!({
            "event": "backup", "path": made.path, "bytes": made.bytes, "anchor": made.anchor,
            "manifest_sha256": made.sha256,
        }))?;
    } else {
        out::line(format_args!(
            "{} in {}. The journal's anchor: {}",
            size(made.bytes),
            one_line(&made.path),
            one_line(&made.anchor)
        ))?;
        out::line(format_args!(
            "SHA-256 of its manifest.json, which names those of all files: {}",
            one_line(&made.sha256)
        ))?;
    }
    Ok(exit::OK)
}

pub(super) fn restore(args: &RestoreArgs) -> Result<u8, Failure> {
    let restored = backup::restore(&args.backup, &args.data_dir, now_ms());
    let restored = restored.map_err(|error| failed(&error))?;
    if args.admin.json {
        out::line(serde_json::json!({
            "event": "restored", "data_dir": restored.data_dir.display().to_string(),
            "made_ms": restored.made_ms, "anchor": restored.anchor.to_string(), "given_up": restored.given_up,
        }))?;
    } else {
        out::text(&told(&restored))?;
    }
    Ok(exit::OK)
}

fn told(restored: &Restored) -> String {
    let mut text = format!(
        "{} holds the backup of {} UTC. What was done since is not known there: hosts that were removed or tokens that were revoked since \
         must be so again.\n",
        one_line(&restored.data_dir.display().to_string()),
        utc(restored.made_ms)
    );
    if restored.given_up > 0 {
        text.push_str(&format!(
            "{} waited then and will not start: whether that was done since is not known.\n",
            count(restored.given_up, "execution")
        ));
    }
    text.push_str("Give it to the controller's user if that is another one, and start it: hosts come back by themselves, and what they hold of later runs is told.\n");
    text
}

fn failed(error: &BackupError) -> Failure {
    let (code, exit) = match error {
        BackupError::NotEmpty(_) => ("E_NOT_EMPTY", exit::CREATE),
        BackupError::None(_) | BackupError::Manifest { .. } | BackupError::Differs { .. } => {
            ("E_DAMAGED", exit::DATA)
        }
        BackupError::Newer { .. } => ("E_VERSION", exit::DATA),
        BackupError::Store(_) => ("E_STORAGE", exit::DATA),
        BackupError::Copy { .. } | BackupError::Directory(_) => ("E_STORAGE", exit::CREATE),
    };
    Failure::new(code, exit, chain(error), "")
}

#[cfg(test)]
mod tests {
    use shanty_core::journal::Anchor;

    use super::*;

    #[test]
    fn what_is_not_known_any_more_is_said() {
        let restored = |given_up| Restored {
            data_dir: "/var/lib/shanty".into(),
            made_ms: 1_795_341_000_000,
            anchor: Anchor::beginning(),
            given_up,
        };
        insta::assert_snapshot!(format!("{}---\n{}", told(&restored(0)), told(&restored(2))));
    }
}
