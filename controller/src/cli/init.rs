//! `shanty init`: from nothing to a configuration that works, with the steps that only a person can do in Discord.

mod find;
mod talk;

use std::io::{BufRead, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use nix::sys::stat::{Mode, umask};
use shanty_certs::files::read_secret;
use shanty_core::causes::chain;
use shanty_core::view::terminal::one_line;

use super::client::Failure;
use super::{AdminArgs, exit, not_empty, out};
use crate::bot_token;
use crate::config::api::Api;
use crate::discord::error::SendError;
use crate::discord::permissions::{INVITED, NEEDED, invite};
use crate::discord::secret::Secret;
use crate::discord::sender::Sender;
use crate::discord::survey;
use crate::init::{self, Files, Named, Owner, Wanted};
use find::Finder;
use talk::Talk;

/// Where the packaged controller keeps its data, and the user that it runs as.
const DATA_DIR: &str = "/var/lib/shanty";
const USER: &str = "shanty-controller";

/// Longest token that is read, bytes.
const TOKEN_BYTES_MAX: u64 = 4 * 1024;

#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// Where shanty.toml and bot-token are written
    #[arg(long, value_name = "DIR", default_value = "/etc/shanty")]
    dir: PathBuf,
    /// Write this file instead of DIR/shanty.toml
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Journal, output and keys
    #[arg(long, value_name = "DIR", default_value = DATA_DIR)]
    data_dir: PathBuf,
    /// The file that holds the bot's token, which stays where it is; - reads it from standard input into DIR/bot-token
    #[arg(long, value_name = "FILE|-")]
    token_file: Option<PathBuf>,
    /// The server to serve, by id or name
    #[arg(long, value_name = "SERVER")]
    guild: Option<String>,
    /// The channel where runs of the command line and news are shown, by id or name
    #[arg(long, value_name = "CHANNEL")]
    ops_channel: Option<String>,
    /// Another channel for what is changed, by whom, who is refused and who joins, and for anchors of the journal, by id or name
    #[arg(long, value_name = "CHANNEL")]
    audit_channel: Option<String>,
    /// The name or address by which servers reach this machine
    #[arg(long, value_name = "HOST", value_parser = public_host)]
    public: Option<String>,
    /// Who may do everything, in the ops channel: the id of a person
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    admin_user: Option<u64>,
    /// The user that the controller will run as, to whom root gives token and data [default: shanty-controller, where it exists and
    /// --data-dir is not said]
    #[arg(long, value_name = "USER", value_parser = not_empty)]
    user: Option<String>,
    /// Another address than Discord's: the sandbox
    #[arg(long, value_name = "URL", default_value = "https://discord.com")]
    api: Api,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

pub(super) const HELP: &str = "\
On a terminal it asks for what no flag says, with the names of servers and channels to choose from; elsewhere --token-file is needed.
Nothing that is there is overwritten. Run it as the user that the controller will run as, or as root, who names them with --user.";

/// What a person does in Discord before there is a token.
const PORTAL: &str = "\
A bot of your own, at https://discord.com/developers/applications:
  1. New Application: its name is what people see.
  2. Installation: Install Link, None. Then Bot: Public Bot off, so that nobody else takes it into their server.
     Requires OAuth2 Code Grant stays off, and so do all Privileged Gateway Intents: it needs none.
  3. Bot: Reset Token, and copy the token. It is shown once.";

fn public_host(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match !text.is_empty()
        && text.chars().all(plain)
        && (!text.contains(':') || text.starts_with('['))
    {
        true => Ok(text.to_owned()),
        false => Err("write a name or an address without a port, IPv6 in brackets".to_owned()),
    }
}

pub(super) async fn init(args: InitArgs) -> Result<u8, Failure> {
    // Our own files are ours alone; what others must get through to is opened to them.
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    };
    let dir = absolute(&args.dir)?;
    let config = match &args.config {
        Some(config) => absolute(config)?,
        None => dir.join("shanty.toml"),
    };
    stands_not(
        &config,
        "It may be in use: `shanty check` looks at it. Name another one with --config.",
    )?;
    let terminal =
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !args.admin.json;
    // Not locked: a token may be read from it as well.
    let mut talk = Talk::new(std::io::BufReader::new(std::io::stdin()), std::io::stderr());
    let talk = terminal.then_some(&mut talk);
    let made = make(&args, &dir, &config, talk).await?;
    match args.admin.json {
        true => out::line(made.json())?,
        false => out::text(&made.told())?,
    }
    Ok(exit::OK)
}

fn stands_not(path: &Path, next: &str) -> Result<(), Failure> {
    init::free(path).map_err(|stands| {
        Failure::new(
            "E_EXISTS",
            exit::CREATE,
            format!("{stands}: nothing was written"),
            next,
        )
    })
}

/// What was made.
struct Made {
    config: PathBuf,
    wanted: Wanted,
    owner: Option<String>,
    invite: String,
    warnings: Vec<String>,
}

async fn make<R: BufRead, W: Write>(
    args: &InitArgs,
    dir: &Path,
    config: &Path,
    mut talk: Option<&mut Talk<R, W>>,
) -> Result<Made, Failure> {
    let token_file = match &args.token_file {
        Some(file) if file.as_os_str() != "-" => std::path::absolute(file).ok(),
        Some(_) | None => None,
    };
    let written = token_file.is_none();
    let token_file = token_file.unwrap_or_else(|| dir.join("bot-token"));
    if written {
        let next = format!(
            "Use the token in it: --token-file {}.",
            token_file.display()
        );
        stands_not(&token_file, &next)?;
    }
    let owner = owner(args)?;
    let token = token(args, &token_file, &mut talk)?;
    let sender =
        Sender::new(args.api.clone(), &token).map_err(|error| Failure::usage(chain(&error)))?;
    let (application, bot) = who(&sender, &token).await?;
    let link = invite(&args.api, application.id, None);
    if let Some(talk) = &mut talk {
        talk.say(&format!(
            "\nThe bot is {}. Somebody who manages your server opens\n  {link}",
            one_line(&application.name)
        ));
    }
    let mut finder = Finder::new(&sender, bot, link.clone());
    let guild = finder.guild(args.guild.as_deref(), &mut talk).await?;
    let (ops, audit) = finder.channels(
        &guild,
        (args.ops_channel.as_deref(), args.audit_channel.as_deref()),
        &mut talk,
    )?;
    let admin = finder
        .admin(&guild, (args.admin_user, ops.as_ref()), &mut talk)
        .await?;
    let public = public(args, &mut talk)?;
    let wanted = Wanted {
        data_dir: std::path::absolute(&args.data_dir).unwrap_or_else(|_| args.data_dir.clone()),
        token_file,
        application,
        guild: Named {
            id: guild.id,
            name: guild.name.clone(),
        },
        ops,
        audit,
        api: args.api.clone(),
        public,
        admin,
    };
    if let Some(owner) = owner
        .as_ref()
        .filter(|owner| !written && !owner.owns(&wanted.token_file))
    {
        let file = wanted.token_file.display();
        finder.warnings.push(format!(
            "{file} is not {0}'s, who must read it: `chown {0} {file}`",
            owner.name
        ));
    }
    let files = Files {
        config,
        text: &init::text(&wanted),
        token: written.then_some((wanted.token_file.as_path(), &token)),
        owner: owner.as_ref(),
    };
    init::write(&files).map_err(|error| {
        let next = "What was made until then stays, and is used by another try.";
        Failure::new("E_CREATE", exit::CREATE, format!("{error:#}"), next)
    })?;
    Ok(Made {
        config: config.to_owned(),
        wanted,
        owner: owner.map(|owner| owner.name),
        invite: link,
        warnings: finder.warnings,
    })
}

/// Whom root begins for.
fn owner(args: &InitArgs) -> Result<Option<Owner>, Failure> {
    let root = nix::unistd::geteuid().is_root();
    match &args.user {
        Some(name) if root => Owner::named(name)
            .map(Some)
            .ok_or_else(|| Failure::usage(format!("--user: there is no user {}", one_line(name)))),
        Some(_) => Err(Failure::usage(
            "--user is for root: run this as that user instead",
        )),
        None if root && args.data_dir == Path::new(DATA_DIR) => Ok(Owner::named(USER)),
        None => Ok(None),
    }
}

/// The token: from a file, from standard input, or typed unseen. Never from an argument, which every user of the machine sees.
fn token<R: BufRead, W: Write>(
    args: &InitArgs,
    file: &Path,
    talk: &mut Option<&mut Talk<R, W>>,
) -> Result<Secret, Failure> {
    let bytes = match (&args.token_file, talk) {
        (Some(named), _) if named.as_os_str() == "-" => {
            let mut bytes = zeroize::Zeroizing::new(Vec::new());
            let read = std::io::stdin()
                .take(TOKEN_BYTES_MAX)
                .read_to_end(&mut bytes);
            read.map_err(|error| {
                Failure::usage(format!("standard input cannot be read: {error}"))
            })?;
            bytes
        }
        (Some(_), _) => {
            let read = read_secret(file, TOKEN_BYTES_MAX);
            read.map_err(|error| Failure::new("E_TOKEN_FILE", exit::CONFIG, chain(&error), ""))?
        }
        (None, Some(talk)) => {
            talk.say(PORTAL);
            let typed = talk.ask_hidden("The token (it is not shown)")?;
            zeroize::Zeroizing::new(typed.as_bytes().to_vec())
        }
        (None, None) => {
            let text = "--token-file says where the bot's token is; - takes it from standard input";
            return Err(Failure::new("E_USAGE", exit::USAGE, text, PORTAL));
        }
    };
    bot_token::one_line(&bytes).ok_or_else(|| {
        Failure::new(
            "E_TOKEN_FILE",
            exit::CONFIG,
            "there is no token on one line: nothing was written",
            PORTAL,
        )
    })
}

/// The application of the token, and the bot's user.
async fn who(sender: &Sender, token: &Secret) -> Result<(Named, u64), Failure> {
    let (me, application) = survey::who(sender).await.map_err(|error| match error {
        SendError::Unauthorized => {
            let looks = bot_token::looks_like(token.expose());
            let looks = looks.map_or_else(String::new, |what| format!("; it looks like {what}"));
            let text = format!("Discord does not take the token{looks}: nothing was written");
            let next = "Developer portal, your application, Bot, Reset Token: copy all of it.";
            Failure::new("E_TOKEN_REFUSED", exit::REFUSED, text, next)
        }
        other => find::unanswered(&other),
    })?;
    if !me.bot {
        let text = format!(
            "it is the token of a person, {}: nothing was written",
            one_line(&me.username)
        );
        let next = "Discord bans people whose accounts programs use. Take the bot's: developer portal, Bot, Reset Token.";
        return Err(Failure::new("E_TOKEN_REFUSED", exit::REFUSED, text, next));
    }
    Ok((
        Named {
            id: application.id,
            name: application.name,
        },
        me.id,
    ))
}

fn public<R: BufRead, W: Write>(
    args: &InitArgs,
    talk: &mut Option<&mut Talk<R, W>>,
) -> Result<Option<String>, Failure> {
    let (None, Some(talk)) = (&args.public, talk) else {
        return Ok(args.public.clone());
    };
    loop {
        let said = talk.ask(
            "The name by which servers reach this machine (nothing: as they dial it)",
            None,
        )?;
        match said.as_str() {
            "" => return Ok(None),
            said => match public_host(said) {
                Ok(host) => return Ok(Some(host)),
                Err(why) => talk.say(&why),
            },
        }
    }
}

impl Made {
    fn json(&self) -> serde_json::Value {
        let id = |named: &Option<Named>| named.as_ref().map(|named| named.id.to_string());
        let wanted = &self.wanted;
        serde_json::json!({
            "event": "initialised", "config": self.config, "token_file": wanted.token_file, "data_dir": wanted.data_dir,
            "application_id": wanted.application.id.to_string(), "guild": wanted.guild.id.to_string(),
            "ops_channel": id(&wanted.ops), "audit_channel": id(&wanted.audit), "admin_user": id(&wanted.admin),
            "invite": self.invite, "permissions": INVITED.to_string(), "warnings": self.warnings,
        })
    }

    /// What is there now, and what comes next.
    fn told(&self) -> String {
        let wanted = &self.wanted;
        let config = self.config.display();
        let mut lines = vec![
            format!("Written: {config}, {}", wanted.data_dir.display()),
            format!("Token:   {}", wanted.token_file.display()),
            format!("Server:  {} ({})", wanted.guild.name, wanted.guild.id),
        ];
        lines.push(match (&wanted.admin, &wanted.ops) {
            (Some(admin), Some(ops)) => {
                format!("Grant:   {} may do everything in #{}", admin.name, ops.name)
            }
            (_, _) => format!(
                "Grant:   none, so nobody may do anything in chat: write a [[grant]] into {config}"
            ),
        });
        if let Some(owner) = &self.owner {
            lines.push(format!("User:    {owner}, to whom token and data belong"));
        }
        lines.extend(self.warnings.iter().map(|warning| format!("⚠ {warning}")));
        let names: Vec<&str> = NEEDED.iter().map(|needed| needed.name).collect();
        lines.push(format!("Invite:  {}", self.invite));
        lines.push(format!("         asks for {}", names.join(", ")));
        lines.push(format!("Next:    shanty check --config {config}"));
        lines.push(match &self.owner {
            Some(_) if wanted.data_dir == Path::new(DATA_DIR) => {
                "         systemctl enable --now shanty".to_owned()
            }
            Some(owner) => format!("         as {owner}: shanty serve --config {config}"),
            None => format!("         shanty serve --config {config}"),
        });
        if !wanted.data_dir.starts_with("/var/lib") {
            let socket = wanted.data_dir.join("admin.sock");
            lines.push(format!("         export SHANTY_ADMIN={}", socket.display()));
        }
        lines.push(
            "         shanty token create --install    prints what to paste on a server; then /help in Discord".to_owned(),
        );
        let safe = lines.iter().map(|line| format!("{}\n", one_line(line)));
        safe.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_servers_dial_have_no_port() {
        for good in ["shanty.example.net", "192.0.2.7", "[2001:db8::1]"] {
            assert_eq!(public_host(good).unwrap(), good);
        }
        for bad in ["", "a:7443", "https://a", "a b", "2001:db8::1", "a\"\n"] {
            public_host(bad).unwrap_err();
        }
    }
}
