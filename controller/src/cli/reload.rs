//! `shanty reload`: has a running controller take the configuration that was changed.

use clap::Args;
use shanty_core::text::count;
use shanty_core::view::terminal::one_line;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::{AdminArgs, exit, out};

#[derive(Args, Debug)]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

pub(super) const HELP: &str = "\
The file that the controller was started with is read again, with the token and the files that it names. Grants, limits, masks and the
token count at once; what takes a restart is said. When anything is wrong nothing changes. SIGHUP does the same and says it in the log.
Exit codes: 0 taken, 78 something is wrong in the file.";

pub(super) async fn reload(args: ReloadArgs) -> Result<u8, Failure> {
    let client = Client::connect(&args.admin).await?;
    let asked = client.call(|mut admin| async move { admin.reload(v1::Empty {}).await });
    let reply = asked.await?;
    if !reply.wrong.is_empty() {
        let next = "Nothing was changed.";
        return Err(Failure::new(
            "E_CONFIG",
            exit::CONFIG,
            reply.wrong.join("\n"),
            next,
        ));
    }
    match args.admin.json {
        true => out::line(serde_json::json!({
            "event": "reloaded", "changes": reply.changes, "restart": reply.restart,
        }))?,
        false => out::text(&told(&reply))?,
    }
    Ok(exit::OK)
}

fn told(reply: &v1::ReloadReply) -> String {
    let mut lines = Vec::new();
    match reply.changes.len() {
        0 => lines.push("Nothing changed of what counts without a restart.".to_owned()),
        changes => {
            lines.push(format!("{} from now on:", count(changes, "change")));
            lines.extend(
                reply
                    .changes
                    .iter()
                    .map(|change| format!("  {}", one_line(change))),
            );
        }
    }
    if !reply.restart.is_empty() {
        let keys: Vec<String> = reply
            .restart
            .iter()
            .map(|key| one_line(key).to_string())
            .collect();
        lines.push(format!("After a restart: {}", keys.join(", ")));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_now_and_what_later_is_told_apart() {
        let reply = v1::ReloadReply {
            changes: vec!["grant ops: changed".to_owned()],
            restart: vec!["listen".to_owned(), "chat".to_owned()],
            wrong: Vec::new(),
        };
        assert_eq!(
            told(&reply),
            "1 change from now on:\n  grant ops: changed\nAfter a restart: listen, chat\n"
        );
        assert_eq!(
            told(&v1::ReloadReply::default()),
            "Nothing changed of what counts without a restart.\n"
        );
    }
}
