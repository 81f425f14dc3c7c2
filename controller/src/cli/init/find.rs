//! Servers, channels and people of Discord: those that flags name, or those that somebody chooses by their names.

use std::io::{BufRead, Write};

use shanty_core::causes::chain;
use shanty_core::view::terminal::one_line;

use super::super::client::Failure;
use super::super::exit;
use super::talk::{Talk, pick};
use crate::discord::error::SendError;
use crate::discord::permissions::{in_channel, missing};
use crate::discord::sender::Sender;
use crate::discord::survey::{self, Guild, Mine};
use crate::init::Named;

/// Finds what there is.
pub(super) struct Finder<'a> {
    sender: &'a Sender,
    bot: u64,
    invite: String,
    /// What will not work yet.
    pub(super) warnings: Vec<String>,
}

/// Discord gave no answer that helps.
pub(super) fn unanswered(error: &SendError) -> Failure {
    let text = format!("{}: nothing was written ({})", error.told(), chain(error));
    Failure::new(
        "E_DISCORD",
        exit::TRY_AGAIN,
        text,
        "This machine must reach Discord by https, port 443.",
    )
}

impl<'a> Finder<'a> {
    pub(super) const fn new(sender: &'a Sender, bot: u64, invite: String) -> Self {
        Self {
            sender,
            bot,
            invite,
            warnings: Vec::new(),
        }
    }

    /// The server that is named, the only one that the bot is in, or one that is chosen. At a terminal the bot may be invited meanwhile.
    pub(super) async fn guild<R: BufRead, W: Write>(
        &self,
        named: Option<&str>,
        talk: &mut Option<&mut Talk<R, W>>,
    ) -> Result<Guild, Failure> {
        loop {
            let mine = survey::mine(self.sender)
                .await
                .map_err(|error| unanswered(&error))?;
            let mine: Vec<(u64, String)> = mine
                .into_iter()
                .map(|Mine { id, name }| (id, name))
                .collect();
            let id = match (named, mine.as_slice()) {
                (Some(named), all) => pick(named, all).map(|(id, _)| *id),
                (None, []) => None,
                (None, [(id, _)]) => Some(*id),
                (None, all) => match talk {
                    Some(talk) => talk.choose("The server", all, false)?,
                    None => {
                        return Err(Failure::usage(format!(
                            "--guild says which server: {}",
                            listed(all)
                        )));
                    }
                },
            };
            if let Some(id) = id {
                let guild = survey::look(self.sender, id, self.bot).await;
                return guild.map_err(|error| unanswered(&error));
            }
            match talk {
                Some(talk) => drop(talk.ask(
                    "The bot is not in the server yet. Press Enter when it was invited",
                    None,
                )?),
                None => return Err(self.not_invited(named, &mine)),
            }
        }
    }

    fn not_invited(&self, named: Option<&str>, mine: &[(u64, String)]) -> Failure {
        let named = named.map_or_else(
            || "any server".to_owned(),
            |named| format!("server {named}"),
        );
        let others = match mine.is_empty() {
            true => String::new(),
            false => format!(", but in {}", listed(mine)),
        };
        let text = format!(
            "the bot is not in {}{others}: nothing was written",
            one_line(&named)
        );
        let next = format!(
            "Somebody who manages the server opens {} ; then run this again.",
            self.invite
        );
        Failure::new("E_NOT_INVITED", exit::TRY_AGAIN, text, next)
    }

    /// The channel for operators, and the one for the audit where it is another.
    pub(super) fn channels<R: BufRead, W: Write>(
        &mut self,
        guild: &Guild,
        (ops, audit): (Option<&str>, Option<&str>),
        talk: &mut Option<&mut Talk<R, W>>,
    ) -> Result<(Option<Named>, Option<Named>), Failure> {
        let writable = guild
            .channels
            .iter()
            .filter(|channel| channel.takes_messages());
        let all: Vec<(u64, String)> = writable
            .map(|channel| (channel.id, format!("#{}", channel.name)))
            .collect();
        let ops = match (ops, talk.as_mut()) {
            (Some(named), _) => Some(self.channel("--ops-channel", named, guild, &all)?),
            (None, Some(talk)) => talk.choose(
                "The operators' channel, for runs of the command line and news",
                &all,
                true,
            )?,
            (None, None) => None,
        };
        let audit = match (audit, talk.as_mut()) {
            (Some(named), _) => Some(self.channel("--audit-channel", named, guild, &all)?),
            (None, Some(talk)) if ops.is_some() => talk.choose(
                "Another channel for what is changed, who is refused and who joins, and anchors of the journal; nothing: the same",
                &all,
                true,
            )?,
            (None, _) => None,
        };
        let named = |id: u64| {
            let name = guild
                .channels
                .iter()
                .find(|channel| channel.id == id)?
                .name
                .clone();
            Some(Named { id, name })
        };
        let (ops, audit) = (ops.and_then(named), audit.and_then(named));
        for channel in [&ops, &audit].into_iter().flatten() {
            self.warn_of(guild, channel);
        }
        Ok((ops, audit))
    }

    fn channel(
        &self,
        flag: &str,
        named: &str,
        guild: &Guild,
        all: &[(u64, String)],
    ) -> Result<u64, Failure> {
        pick(named, all).map(|(id, _)| *id).ok_or_else(|| {
            let text = format!(
                "{flag}: {} has no text channel {}, or two of that name: nothing was written",
                guild.name,
                one_line(named)
            );
            Failure::new(
                "E_NO_CHANNEL",
                exit::DATA,
                one_line(&text),
                format!("It has {}.", listed(all)),
            )
        })
    }

    fn warn_of(&mut self, guild: &Guild, named: &Named) {
        let channel = guild.channels.iter().find(|channel| channel.id == named.id);
        let lacks = channel.map_or_else(Vec::new, |channel| {
            missing(in_channel(guild, channel, self.bot))
        });
        if !lacks.is_empty() {
            self.warnings.push(format!(
                "the bot lacks {} in #{}: Edit Channel, Permissions, add the bot, allow these",
                lacks.join(", "),
                named.name
            ));
        }
    }

    /// Who may do everything in the operators' channel.
    pub(super) async fn admin<R: BufRead, W: Write>(
        &self,
        guild: &Guild,
        (named, ops): (Option<u64>, Option<&Named>),
        talk: &mut Option<&mut Talk<R, W>>,
    ) -> Result<Option<Named>, Failure> {
        if ops.is_none() {
            return match named {
                Some(_) => Err(Failure::usage(
                    "--admin-user needs --ops-channel: a grant holds in a channel",
                )),
                None => Ok(None),
            };
        }
        if let Some(id) = named {
            return self.person(guild, id).await.map(Some);
        }
        let Some(talk) = talk else {
            return Ok(None);
        };
        let owner = guild.owner.to_string();
        let question = "Who may do everything there: the id of a person (Copy User ID), or none. The server's owner is";
        loop {
            let said = talk.ask(question, Some(&owner))?;
            if said == "none" {
                return Ok(None);
            }
            match said.parse() {
                Ok(id) => match self.person(guild, id).await {
                    Ok(person) => return Ok(Some(person)),
                    Err(failure) if failure.exit == exit::DATA => talk.say(&failure.text),
                    Err(failure) => return Err(failure),
                },
                Err(_) => talk.say("An id has digits only: User Settings, Advanced, Developer Mode; then right-click the person."),
            }
        }
    }

    async fn person(&self, guild: &Guild, id: u64) -> Result<Named, Failure> {
        match survey::member(self.sender, guild.id, id).await {
            Ok(user) if user.bot => {
                let text = format!(
                    "{} is a bot, which types no commands",
                    one_line(&user.username)
                );
                Err(Failure::new("E_NO_MEMBER", exit::DATA, text, ""))
            }
            Ok(user) => Ok(Named {
                id: user.id,
                name: user.username,
            }),
            Err(SendError::Discord {
                status: 400 | 404, ..
            }) => {
                let text = format!("nobody with the id {id} is in {}", one_line(&guild.name));
                let next = "Copy User ID: User Settings, Advanced, Developer Mode; then right-click the person. Nothing was written.";
                Err(Failure::new("E_NO_MEMBER", exit::DATA, text, next))
            }
            Err(error) => Err(unanswered(&error)),
        }
    }
}

/// Names with their ids, for somebody who has to write one.
fn listed(all: &[(u64, String)]) -> String {
    let some = all
        .iter()
        .take(20)
        .map(|(id, name)| format!("{} ({id})", one_line(name)));
    let said = some.collect::<Vec<_>>().join(", ");
    match all.len() {
        0 => "none".to_owned(),
        21.. => format!("{said} and {} more", all.len() - 20),
        _ => said,
    }
}
