//! The servers that the bot is to serve: whether it is there, and what it may do in the channels that the configuration names.

use shanty_core::text::count;

use super::{Check, Finding, Seen, channels};
use crate::discord::error::SendError;
use crate::discord::permissions::{PIN_MESSAGES, in_channel, invite, missing};
use crate::discord::survey::{Channel, Found, Guild, Looked, Stray};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "servers",
        look: servers,
    },
    Check {
        name: "commands",
        look: commands,
    },
    Check {
        name: "channels",
        look: channels_of,
    },
    Check {
        name: "roles",
        look: roles,
    },
];

/// What was found, whose token it is, and where the bot is invited.
fn found(seen: &Seen) -> Option<(&Found, u64)> {
    let survey = seen.survey.as_ref()?;
    Some((survey.found.as_ref()?, survey.me.as_ref().ok()?.id))
}

/// How the bot gets into a server, or gets more rights there.
fn invitation(seen: &Seen, found: &Found, guild: u64) -> String {
    let application = found.application.as_ref().map(|application| application.id);
    match (application, &seen.config.discord) {
        (Ok(application), Some(discord)) => {
            format!(
                "Somebody who manages that server opens {}",
                invite(&discord.api, application, Some(guild))
            )
        }
        (_, _) => "Invite it: `shanty init` prints the link.".to_owned(),
    }
}

fn servers(seen: &Seen) -> Vec<Finding> {
    let Some((found, _)) = found(seen) else {
        return Vec::new();
    };
    let judged = |looked: &Looked| match &looked.guild {
        Ok(guild) => Finding::good(format!(
            "{} ({}), {}",
            guild.name,
            guild.id,
            count(guild.channels.len(), "channel")
        )),
        Err(SendError::Discord {
            status: 403 | 404, ..
        }) => {
            let mend = invitation(seen, found, looked.id);
            Finding::bad(format!("the bot is not in server {}", looked.id), mend)
        }
        Err(error) => Finding::warning(
            format!("server {}: {}", looked.id, error.told()),
            "Check again in a moment.",
        ),
    };
    found.guilds.iter().map(judged).collect()
}

fn commands(seen: &Seen) -> Vec<Finding> {
    let Some((found, _)) = found(seen) else {
        return Vec::new();
    };
    let there = found
        .guilds
        .iter()
        .filter_map(|looked| Some((looked, looked.guild.as_ref().ok()?)));
    let judged = |(looked, guild): (&Looked, &Guild)| match &looked.commands {
        Ok(()) => Finding::good(format!("they can be registered in {}", guild.name)),
        Err(SendError::Discord { status: 403, .. }) => {
            let mend = invitation(seen, found, looked.id);
            Finding::bad(
                format!(
                    "the bot may register none in {}: it came without the scope applications.commands",
                    guild.name
                ),
                mend,
            )
        }
        Err(error) => Finding::warning(
            format!("{}: {}", guild.name, error.told()),
            "Check again in a moment.",
        ),
    };
    there.map(judged).collect()
}

fn channels_of(seen: &Seen) -> Vec<Finding> {
    let Some((found, bot)) = found(seen) else {
        return Vec::new();
    };
    let everywhere = found.guilds.iter().all(|looked| looked.guild.is_ok());
    let judged = |(id, uses): (u64, Vec<String>)| {
        let known = found.channels().find(|(_, channel)| channel.id == id);
        if let Some((guild, channel)) = known {
            return Some(judged_channel(guild, channel, bot, &uses));
        }
        let (_, stray) = found.strays.iter().find(|(stray, _)| *stray == id)?;
        Some(judged_stray(id, stray, &uses, everywhere))
    };
    channels(&seen.config)
        .into_iter()
        .filter_map(judged)
        .collect()
}

fn judged_channel(guild: &Guild, channel: &Channel, bot: u64, uses: &[String]) -> Finding {
    let named = format!("#{} in {} ({})", channel.name, guild.name, uses.join(", "));
    let only_grants = uses.iter().all(|what| what.starts_with("grant "));
    // In a forum people run commands in posts, which are threads already.
    let is_post = only_grants && channel.kind == FORUM;
    if !(channel.takes_messages() || is_post) {
        let mend = "Name a text channel.";
        return Finding::bad(
            format!(
                "{named} is {}, where no thread can be opened",
                kind(channel.kind)
            ),
            mend,
        );
    }
    let bits = in_channel(guild, channel, bot);
    let lacks = missing(bits);
    if !lacks.is_empty() {
        let mend = format!(
            "In Discord: #{}, Edit Channel, Permissions, add the bot, allow these. Or take what denies them there away.",
            channel.name
        );
        return Finding::bad(format!("{named}: the bot lacks {}", lacks.join(", ")), mend);
    }
    let pins = bits & PIN_MESSAGES.bit != 0 || !uses.iter().any(|what| what == "ops_channel");
    Finding::good(match pins {
        true => named,
        false => format!(
            "{named}; without {} the welcome is not pinned",
            PIN_MESSAGES.name
        ),
    })
}

fn judged_stray(id: u64, stray: &Stray, uses: &[String], everywhere: bool) -> Finding {
    let named = format!("channel {id} ({})", uses.join(", "));
    let mend = "Copy Channel ID again, of a channel in a server of `guilds`.";
    match stray {
        Stray::Elsewhere(guild) => Finding::bad(
            format!("{named} is in server {guild}, which `guilds` does not name"),
            format!(
                "Add \"{guild}\" to `guilds` in [discord], or name a channel of a server that is there."
            ),
        ),
        Stray::Unknown => Finding::bad(format!("there is no {named}"), mend),
        Stray::Hidden if everywhere => Finding::bad(
            format!("{named} is in none of the servers, and the bot does not see it"),
            mend,
        ),
        Stray::Hidden => Finding::bad(
            format!("the bot does not see {named}"),
            "Take it into every server of `guilds` first.",
        ),
        Stray::Unasked(error) => Finding::warning(
            format!("{named}: {}", error.told()),
            "Check again in a moment.",
        ),
    }
}

/// The number of forums.
const FORUM: u8 = 15;

fn kind(kind: u8) -> &'static str {
    match kind {
        2 | 13 => "a voice channel",
        4 => "a category",
        10..=12 => "a thread",
        FORUM => "a forum",
        _ => "no text channel",
    }
}

/// Roles are only looked for where every server could be read.
fn roles(seen: &Seen) -> Vec<Finding> {
    let Some((found, _)) = found(seen) else {
        return Vec::new();
    };
    let guilds: Option<Vec<&Guild>> = found
        .guilds
        .iter()
        .map(|looked| looked.guild.as_ref().ok())
        .collect();
    let Some(guilds) = guilds else {
        return Vec::new();
    };
    let mut gone = Vec::new();
    let mut known = 0;
    for grant in &seen.config.policy.grants {
        for role in &grant.roles {
            match guilds
                .iter()
                .any(|guild| guild.roles.iter().any(|there| there.id == *role))
            {
                true => known += 1,
                false => gone.push(Finding::bad(
                    format!("grant {} is for role {role}, which no server has", grant.id),
                    "Copy Role ID again (Server Settings, Roles), or take it out of the grant.",
                )),
            }
        }
    }
    if gone.is_empty() && known > 0 {
        return vec![Finding::good(format!(
            "{} of the grants: each is in a server",
            count(known, "role")
        ))];
    }
    gone
}
