//! `shanty ca`: the authority that identities come from.

mod shown;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use shanty_certs::files;
use shanty_core::causes::chain;
use shanty_core::selector::fold::fold;
use shanty_core::text::{count, parse_duration};
use shanty_core::view::terminal::one_line;
use shanty_proto::v1;
use zeroize::Zeroizing;

use super::client::{Client, Failure};
use super::{AdminArgs, exit, out, plan};

/// Longest file with a key that is read, bytes.
const KEY_BYTES_MAX: u64 = 64 * 1024;

#[derive(Args, Debug)]
#[command(after_long_help = "\
Everything here is for root and the owner of the controller only; nobody in chat may do it. `docs/IDENTITIES.md` has the steps.")]
pub(super) struct CaArgs {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Subcommand, Debug)]
enum CaCommand {
    /// Show its keys, until when they are good, and which hosts have taken up what was rotated
    Status {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Put a new key in the place of one that is in use; the former stays good until all hosts have taken up the new one
    Rotate {
        /// Which key
        key: Key,
        /// Hosts that are there renew within this time, for the issuing key; of another for orders they hear at once
        #[arg(long, value_name = "DURATION", default_value = "10m")]
        over: String,
        /// The root's private key, where it is kept elsewhere, for the issuing key
        #[arg(long, value_name = "FILE")]
        root_key: Option<PathBuf>,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// End what a former key signed, which happens by itself when all hosts have taken up the new one
    Retire {
        /// Which key
        key: Key,
        /// Do not wait for hosts that have not: they have to join anew
        #[arg(long)]
        force: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Print the root certificate, or take the root's private key elsewhere
    Export {
        /// Write root.crt and root.key into this directory, for nobody but its owner to read
        #[arg(long, value_name = "DIR")]
        root: Option<PathBuf>,
        /// Then overwrite and delete the key on the controller
        #[arg(long, requires = "root")]
        shred: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// A key that can be rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Key {
    /// What certificates of hosts and of the controller come from
    Issuing,
    /// What orders to hosts are signed with
    Orders,
}

impl Key {
    const fn on_wire(self) -> v1::AuthorityKey {
        match self {
            Self::Issuing => v1::AuthorityKey::Issuing,
            Self::Orders => v1::AuthorityKey::Orders,
        }
    }
}

impl CaArgs {
    pub(super) const fn admin(&self) -> &AdminArgs {
        match &self.command {
            CaCommand::Status { admin }
            | CaCommand::Rotate { admin, .. }
            | CaCommand::Retire { admin, .. }
            | CaCommand::Export { admin, .. } => admin,
        }
    }
}

pub(super) async fn ca(args: CaArgs) -> Result<u8, Failure> {
    match args.command {
        CaCommand::Status { admin } => {
            let status = status(&Client::connect(&admin).await?).await?;
            show(&status, &admin)
        }
        CaCommand::Rotate {
            key,
            over,
            root_key,
            admin,
        } => rotate(key, &over, root_key.as_deref(), &admin).await,
        CaCommand::Retire {
            key,
            force,
            yes,
            admin,
        } => retire(key, (force, yes), &admin).await,
        CaCommand::Export { root, shred, admin } => export(root.as_deref(), shred, &admin).await,
    }
}

async fn status(client: &Client) -> Result<v1::CaStatusReply, Failure> {
    client
        .call(|mut api| async move { api.ca_status(v1::Empty {}).await })
        .await
}

fn show(status: &v1::CaStatusReply, admin: &AdminArgs) -> Result<u8, Failure> {
    match admin.json {
        true => out::line(shown::json(status))?,
        false => out::text(&shown::text(status))?,
    }
    Ok(exit::OK)
}

async fn rotate(
    key: Key,
    over: &str,
    root_key: Option<&Path>,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let over_ms = parse_duration(over)
        .ok_or_else(|| Failure::usage(format!("--over: `{}` is no duration", one_line(over))))?;
    let root_key = root_key.map(read).transpose()?.unwrap_or_default();
    let request = v1::CaRotateRequest {
        key: key.on_wire().into(),
        over_ms,
        root_key: root_key.to_vec(),
    };
    let client = Client::connect(admin).await?;
    let asked = client.call(|mut api| async move { api.ca_rotate(request).await });
    let status = asked.await?;
    if !admin.json {
        out::line(
            "Rotated. `shanty ca status` says how far hosts are; make a backup now: older ones hold the former key.",
        )?;
    }
    show(&status, admin)
}

async fn retire(key: Key, (force, yes): (bool, bool), admin: &AdminArgs) -> Result<u8, Failure> {
    let client = Client::connect(admin).await?;
    if force && !yes {
        let status = status(&client).await?;
        let of = status
            .rotations
            .iter()
            .find(|one| one.key() == key.on_wire());
        let names = of
            .into_iter()
            .flat_map(|one| one.pending.iter().chain(&one.away));
        let names: Vec<&str> = names.map(String::as_str).collect();
        if !names.is_empty() {
            let hosts = count(names.len(), "host");
            let why = format!("{hosts} would have to join anew: {}", fold(names));
            let why = one_line(&why).to_string();
            plan::ask(&format!("{why}.\n"), &why, "Retire it?")?;
        }
    }
    let request = v1::CaRetireRequest {
        key: key.on_wire().into(),
        force,
    };
    let asked = client.call(|mut api| async move { api.ca_retire(request).await });
    let lost = asked.await?.lost;
    if admin.json {
        out::line(serde_json::json!({ "event": "ca_retired", "lost": lost }))?;
    } else if lost.is_empty() {
        out::line("Retired. All hosts have the new one.")?;
    } else {
        let names = fold(lost.iter().map(String::as_str));
        let hosts = count(lost.len(), "host");
        out::line(one_line(&format!(
            "Retired. {hosts} must join anew (`shanty hosts revoke`, `shanty hosts free`, delete the agent's data directory): {names}"
        )))?;
    }
    Ok(exit::OK)
}

async fn export(root: Option<&Path>, shred: bool, admin: &AdminArgs) -> Result<u8, Failure> {
    let client = Client::connect(admin).await?;
    let request = v1::CaExportRequest {
        key: root.is_some(),
        shred: Vec::new(),
    };
    let asked = client.call(|mut api| async move { api.ca_export(request).await });
    let reply = asked.await?;
    let Some(dir) = root else {
        match admin.json {
            true => out::line(serde_json::json!({ "event": "ca_root", "root": reply.root }))?,
            false => out::text(&reply.root)?,
        }
        return Ok(exit::OK);
    };
    let key = Zeroizing::new(reply.key);
    let written = write(dir, reply.root.as_bytes(), &key)?;
    if shred {
        // What was read back: it is elsewhere by now.
        let request = v1::CaExportRequest {
            key: false,
            shred: read(&written)?.to_vec(),
        };
        client
            .call(|mut api| async move { api.ca_export(request).await })
            .await?;
    }
    let path = written.display().to_string();
    if admin.json {
        out::line(serde_json::json!({ "event": "ca_exported", "key": path, "shredded": shred }))?;
    } else {
        let here = match shred {
            true => {
                "It is deleted on the controller: what needs it takes `--root-key FILE`. Backups that were made before hold it still."
            }
            false => "It is on the controller too: `--shred` deletes it there.",
        };
        out::line(one_line(&format!("The root's key is in {path}. {here}")))?;
    }
    Ok(exit::OK)
}

/// Writes certificate and key; what is there already and is the same stays.
fn write(dir: &Path, root: &[u8], key: &[u8]) -> Result<PathBuf, Failure> {
    let failed =
        |error: files::FileError| Failure::new("E_OUTPUT", exit::CREATE, chain(&error), "");
    files::private_directory(dir).map_err(failed)?;
    let place = dir.join("root.key");
    match files::read_secret(&place, KEY_BYTES_MAX) {
        Ok(there) if there.as_slice() == key => return Ok(place),
        Ok(_) => {
            let text = format!("{} holds another key", place.display());
            return Err(Failure::new(
                "E_OUTPUT",
                exit::CREATE,
                text,
                "Name another directory.",
            ));
        }
        Err(error) if error.is_missing() => {}
        Err(error) => return Err(failed(error)),
    }
    files::write_secret(&dir.join("root.crt"), root).map_err(failed)?;
    files::write_secret(&place, key).map_err(failed)?;
    Ok(place)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = files::read_secret(path, KEY_BYTES_MAX);
    read.map_err(|error| Failure::new("E_ROOT_KEY", exit::DATA, chain(&error), ""))
}
