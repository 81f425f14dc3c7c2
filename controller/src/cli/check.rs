//! `shanty check`: says what is wrong with a configuration, this machine and Discord, and how to mend it.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use clap::Args;
use nix::unistd::{Gid, Uid, geteuid, setegid, seteuid, setgroups};
use shanty_core::causes::chain;
use shanty_core::text::count;
use shanty_core::view::terminal::{Tone, one_line};

use super::client::Failure;
use super::configured::{CONFIG_DEFAULT, load, printed};
use super::{AdminArgs, exit, out};
use crate::bot_token;
use crate::check::{self, Finding, Seen, State};
use crate::clock::now_ms;
use crate::config::{Config, LoadError};
use crate::discord::sender::Sender;
use crate::discord::survey::Survey;
use crate::install::lying;

/// What stands in front of how something is mended: as wide as sign and name.
const INDENT: &str = "                 ";

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = CONFIG_DEFAULT)]
    config: PathBuf,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

pub(super) const HELP: &str = "\
It changes nothing, and works while the controller runs and while it does not. As root it looks as the user to whom
configuration and data belong. Exit codes: 0 all can work (⚠ is told), 1 something will not, 78 the configuration cannot be used.";

pub(super) async fn check(args: CheckArgs) -> Result<u8, Failure> {
    look_as_the_owner(&args.config)?;
    let config = match load(&args.config) {
        Ok(config) => config,
        Err(wrong) => return unusable(&args, &wrong, ""),
    };
    if look_as_the_owner(&config.data_dir)?
        && let Err(wrong) = load(&args.config)
    {
        let whose = config.data_dir.display();
        let next = format!(
            "It was read as the user to whom {whose} belongs, as the controller will: `chgrp` it to them, mode 0640."
        );
        return unusable(&args, &wrong, &next);
    }
    let seen = see(config).await?;
    let looked = tokio::task::spawn_blocking(move || check::look(&seen)).await;
    let found =
        looked.map_err(|error| Failure::new("E_SYSTEM", exit::FAILED, error.to_string(), ""))?;
    for (name, finding) in &found {
        match args.admin.json {
            true => out::line(json(name, finding))?,
            false => out::line(text(name, finding))?,
        }
    }
    let of = |state: State| found.iter().filter(|(_, one)| one.state == state).count();
    let (warnings, bad) = (of(State::Warning), of(State::Bad));
    if args.admin.json {
        let good = of(State::Good);
        out::line(
            serde_json::json!({"event": "checked", "good": good, "warning": warnings, "bad": bad}),
        )?;
    } else {
        out::line(summary(warnings, bad))?;
    }
    Ok(if bad == 0 { exit::OK } else { exit::FAILED })
}

fn unusable(args: &CheckArgs, wrong: &LoadError, next: &str) -> Result<u8, Failure> {
    if args.admin.json {
        let event = serde_json::json!({"event": "error", "code": "E_CONFIG", "text": wrong.to_string(), "next": next});
        out::line(event)?;
    } else {
        out::note(printed(wrong));
        if !next.is_empty() {
            out::note(next);
        }
    }
    Ok(exit::CONFIG)
}

/// What belongs to the controller's user looks wrong to root, and what only root may read would look right. Whether we are that user from
/// now on.
fn look_as_the_owner(path: &Path) -> Result<bool, Failure> {
    let owner = std::fs::symlink_metadata(path)
        .ok()
        .map(|meta| (meta.uid(), meta.gid()));
    let Some((uid, gid)) = owner.filter(|(uid, _)| *uid != 0 && geteuid().is_root()) else {
        return Ok(false);
    };
    let changed = setgroups(&[Gid::from_raw(gid)])
        .and_then(|()| setegid(Gid::from_raw(gid)))
        .and_then(|()| seteuid(Uid::from_raw(uid)));
    changed.map(|()| true).map_err(|error| {
        let text = format!(
            "cannot look as user {uid}, to whom {} belongs: {error}",
            path.display()
        );
        Failure::new("E_SYSTEM", exit::FAILED, text, "Run it as that user.")
    })
}

/// Reads the token and asks Discord with it.
async fn see(config: Config) -> Result<Seen, Failure> {
    let mut seen = Seen {
        now_ms: now_ms(),
        no_token: None,
        mistaken: None,
        survey: None,
        running: UnixStream::connect(&config.listen.admin).is_ok(),
        agents: agents(&config).await,
        config,
    };
    let Some(discord) = &seen.config.discord else {
        return Ok(seen);
    };
    let token = match bot_token::read(&discord.token, seen.config.credentials()) {
        Ok(token) => token,
        Err(error) => {
            seen.no_token = Some(chain(&error));
            return Ok(seen);
        }
    };
    seen.mistaken = bot_token::looks_like(token.expose());
    let sender = Sender::new(discord.api.clone(), &token)
        .map_err(|error| Failure::new("E_CONFIG", exit::CONFIG, chain(&error), ""))?;
    let channels = check::channel_ids(&seen.config);
    seen.survey = Some(Survey::take(&sender, &discord.guilds, &channels, now_ms).await);
    Ok(seen)
}

/// The agents that new hosts are installed with.
async fn agents(config: &Config) -> Result<String, String> {
    let lying = lying(config.artifacts.clone(), config.roots.clone()).await;
    let lying = lying.map_err(|error| chain(&error))?;
    let manifest = lying.manifest;
    let arches: BTreeSet<&str> = manifest
        .files
        .iter()
        .map(|file| file.arch.as_str())
        .collect();
    let arches: Vec<&str> = arches.into_iter().collect();
    let signed = match lying.signer {
        Some(signer) => format!("signed by {}", one_line(&signer.key)),
        None => "not updated to, as [install] names no `roots`".to_owned(),
    };
    Ok(format!(
        "agents {} for {}, {signed},",
        manifest.version,
        arches.join(", ")
    ))
}

fn text(name: &str, found: &Finding) -> String {
    let terminal = out::Terminal::of_stdout();
    let sign = match found.state {
        State::Good => terminal.paint(Tone::Good, "✔"),
        State::Warning => terminal.paint(Tone::Warn, "⚠"),
        State::Bad => terminal.paint(Tone::Bad, "✘"),
    };
    let said = format!("{sign} {name:14} {}", one_line(&found.measured));
    match found.mend.is_empty() {
        true => said,
        false => format!("{said}\n{INDENT}{}", one_line(&found.mend)),
    }
}

fn json(name: &str, found: &Finding) -> serde_json::Value {
    serde_json::json!({
        "event": "check", "check": name, "state": found.state.as_str(), "measured": found.measured, "mend": found.mend,
    })
}

fn summary(warnings: usize, bad: usize) -> String {
    let look = count(warnings, "thing");
    match (warnings, bad) {
        (0, 0) => "All can work.".to_owned(),
        (_, 0) => format!("All can work; look at {look}."),
        (0, _) => format!("{} will not work.", count(bad, "thing")),
        (_, _) => format!(
            "{} will not work; look at {look} besides.",
            count(bad, "thing")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_said_on_a_line_that_does_nothing_to_a_terminal() {
        let found = Finding {
            state: State::Bad,
            measured: "#o\u{1b}[2Jps lacks\nmuch".to_owned(),
            mend: "Allow it.".to_owned(),
        };
        let said = text("channels", &found);
        assert_eq!(said.lines().count(), 2, "{said:?}");
        assert!(!said.contains('\u{1b}'), "{said:?}");
        assert!(said.starts_with("✘ channels       #o"), "{said:?}");
        assert_eq!(json("channels", &found)["state"], "bad");
    }

    #[test]
    fn the_end_is_counted() {
        assert_eq!(summary(0, 0), "All can work.");
        assert_eq!(summary(2, 0), "All can work; look at 2 things.");
        assert_eq!(summary(0, 1), "1 thing will not work.");
        assert_eq!(
            summary(1, 2),
            "2 things will not work; look at 1 thing besides."
        );
    }
}
