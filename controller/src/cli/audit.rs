//! `shanty audit`: whether the journal is what was written, and all of it for other programs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use shanty_core::causes::chain;
use shanty_core::journal::Anchor;
use shanty_core::output::mask::SecretFiles;
use shanty_core::text::thousands;
use shanty_core::view::terminal::one_line;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::{AdminArgs, exit, out};
use crate::audit::Audit;
use crate::store::{self, StoreError, Unsound, Verified};

#[derive(Args, Debug)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Check that the journal is what was written: exit 0 when it is, 2 when a record is not, 3 when it ends too early
    Verify(VerifyArgs),
    /// Print every record as a line of JSON, with the digest of all up to it
    Export(ExportArgs),
    /// Accept a journal that ends earlier than it did, because an older one was put back on purpose
    Accept(AcceptArgs),
}

#[derive(Args, Debug)]
struct VerifyArgs {
    /// An anchor that was posted or printed before; can be given several times
    #[arg(long = "anchor", value_name = "NUMBER:DIGEST")]
    anchors: Vec<Anchor>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Args, Debug)]
struct ExportArgs {
    /// Only the records after this one
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Args, Debug)]
struct AcceptArgs {
    /// The data directory of a controller that does not run
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Args, Debug)]
struct Place {
    /// Read this data directory instead of asking the controller, which need not run. Files named in [mask] are not read then
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl AuditArgs {
    pub(super) const fn admin(&self) -> &AdminArgs {
        match &self.command {
            Command::Verify(args) => &args.admin,
            Command::Export(args) => &args.admin,
            Command::Accept(args) => &args.admin,
        }
    }
}

pub(super) async fn audit(args: AuditArgs) -> Result<u8, Failure> {
    match args.command {
        Command::Verify(args) => verify(args).await,
        Command::Export(args) => export(args).await,
        Command::Accept(args) => accept(&args),
    }
}

impl Place {
    /// The journal there; nothing when the controller is to be asked.
    fn audit(&self) -> Result<Option<Audit>, Failure> {
        let Some(dir) = &self.data_dir else {
            return Ok(None);
        };
        if !dir.join(store::JOURNAL).is_file() {
            let text = format!("{} holds no journal ({})", dir.display(), store::JOURNAL);
            let next = "Name the directory that `data_dir` of the configuration names.";
            return Err(Failure::new("E_NOT_FOUND", exit::DATA, text, next));
        }
        let masks = SecretFiles::default().load(|_| Ok(Vec::new()));
        Ok(Some(Audit::of(dir, masks.unwrap_or_default())))
    }
}

async fn verify(args: VerifyArgs) -> Result<u8, Failure> {
    let reply = match args.place.audit()? {
        Some(audit) => here(audit.verify(&args.anchors))?,
        None => {
            let anchors = args.anchors.iter().map(ToString::to_string).collect();
            let request = v1::AuditVerifyRequest { anchors };
            let client = Client::connect(&args.admin).await?;
            let asked = client.call(|mut admin| async move { admin.audit_verify(request).await });
            asked.await?
        }
    };
    if let Some(failure) = failure(&reply) {
        return Err(failure);
    }
    if args.admin.json {
        out::line(serde_json::json!({
            "event": "audit", "intact": true, "records": reply.records, "anchor": reply.anchor,
        }))?;
    } else {
        out::line(format_args!(
            "The journal is intact: {} records. Its anchor now: {}",
            thousands(reply.records),
            one_line(&reply.anchor)
        ))?;
    }
    Ok(exit::OK)
}

/// What was found without a controller, as it would tell it.
fn here(verified: Result<Verified, StoreError>) -> Result<v1::AuditVerifyReply, Failure> {
    crate::audit::reply(verified).map_err(|error| unreadable(&error))
}

/// What is wrong, if something is.
fn failure(reply: &v1::AuditVerifyReply) -> Option<Failure> {
    let next = "Stop the controller and put a backup back: `shanty restore --help`. `shanty audit export` shows what can be read.";
    if !reply.wrong.is_empty() {
        let code = match reply.known {
            0 => exit::BROKEN,
            _ => exit::SHORT,
        };
        return Some(Failure::new("E_DAMAGED", code, &reply.wrong, next));
    }
    // The first that is another one says the most.
    let differs = reply.missed.iter().find(|missed| missed.differs);
    let missed = differs.or_else(|| reply.missed.first())?;
    let text = match missed.differs {
        true => format!(
            "the journal is not the one of the anchor {}: its records up to there are others",
            missed.anchor
        ),
        false => format!(
            "the journal ends at record {}, before the anchor {}: records are missing",
            reply.records, missed.anchor
        ),
    };
    let code = match missed.differs {
        true => exit::BROKEN,
        false => exit::SHORT,
    };
    Some(Failure::new("E_DAMAGED", code, text, next))
}

async fn export(args: ExportArgs) -> Result<u8, Failure> {
    if let Some(audit) = args.place.audit()? {
        let mut printed = Ok(());
        let read = audit.export(args.after, |line| {
            printed = out::line(line);
            printed.is_ok()
        });
        printed?;
        read.map_err(|error| unreadable(&error))?;
        return Ok(exit::OK);
    }
    let request = v1::AuditExportRequest { after: args.after };
    let client = Client::connect(&args.admin).await?;
    let asked = client.call(|mut admin| async move { admin.audit_export(request).await });
    let mut records = asked.await?;
    while let Some(record) = records.message().await? {
        out::line(record.json)?;
    }
    Ok(exit::OK)
}

fn accept(args: &AcceptArgs) -> Result<u8, Failure> {
    let accepted = store::accept(&args.data_dir).map_err(|error| unreadable(&error))?;
    let lost = accepted.known.saturating_sub(accepted.newest.seq);
    if args.admin.json {
        out::line(serde_json::json!({
            "event": "accepted", "records": accepted.newest.seq, "lost": lost, "anchor": accepted.newest.to_string(),
        }))?;
        return Ok(exit::OK);
    }
    let what = match lost {
        0 => "Nothing was missing".to_owned(),
        lost => format!(
            "{} records after record {} are given up: removed hosts may be let in again, and a hold may be gone",
            thousands(lost),
            accepted.newest.seq
        ),
    };
    out::line(format_args!(
        "{what}. The next start goes on from record {}.",
        accepted.newest.seq
    ))?;
    Ok(exit::OK)
}

fn unreadable(error: &StoreError) -> Failure {
    let code = match error.unsound() {
        Some(Unsound::Short { .. }) => exit::SHORT,
        Some(Unsound::Broken) => exit::BROKEN,
        None => exit::DATA,
    };
    Failure::new("E_DAMAGED", code, chain(error), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_has_its_exit_code() {
        let missed = |differs| v1::AuditMissed {
            anchor: "9:ab".to_owned(),
            differs,
        };
        let reply = |wrong: &str, known, missed| v1::AuditVerifyReply {
            wrong: wrong.to_owned(),
            known,
            missed,
            records: 7,
            anchor: "7:cd".to_owned(),
        };
        let told = |reply| failure(&reply).map(|failure| (failure.exit, failure.text));
        assert_eq!(told(reply("", 0, vec![])), None);
        assert_eq!(
            told(reply("broken at 3", 0, vec![])),
            Some((2, "broken at 3".to_owned()))
        );
        assert_eq!(
            told(reply("ends at 3", 5, vec![])),
            Some((3, "ends at 3".to_owned()))
        );
        let (code, text) = told(reply("", 0, vec![missed(false)])).unwrap();
        assert_eq!(
            (
                code,
                text.contains("ends at record 7, before the anchor 9:ab")
            ),
            (3, true)
        );
        let (code, text) = told(reply("", 0, vec![missed(false), missed(true)])).unwrap();
        assert_eq!(
            (code, text.contains("not the one of the anchor")),
            (2, true)
        );
    }
}
