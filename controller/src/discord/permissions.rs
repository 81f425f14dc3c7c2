//! Which permissions the bot needs, and which it has in a channel: Discord's rule over roles and overwrites, as its documentation has it
//! (owner, administrator, `@everyone`, roles together, member). Nothing is asked here.

use crate::config::api::Api;

use super::survey::{Channel, Guild, Overwrite};

/// A permission of Discord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Its bit.
    pub bit: u64,
    /// What Discord's settings call it.
    pub name: &'static str,
}

const ADMINISTRATOR: u64 = 1 << 3;
const VIEW_CHANNEL: u64 = 1 << 10;
const SEND_MESSAGES: u64 = 1 << 11;

/// What the bot needs wherever it works: nothing of it is done in another way when it is missing. The invite asks for exactly these.
pub const NEEDED: [Permission; 7] = [
    Permission {
        bit: VIEW_CHANNEL,
        name: "View Channels",
    },
    Permission {
        bit: SEND_MESSAGES,
        name: "Send Messages",
    },
    Permission {
        bit: 1 << 14,
        name: "Embed Links",
    },
    Permission {
        bit: 1 << 15,
        name: "Attach Files",
    },
    Permission {
        bit: 1 << 16,
        name: "Read Message History",
    },
    Permission {
        bit: 1 << 35,
        name: "Create Public Threads",
    },
    Permission {
        bit: 1 << 38,
        name: "Send Messages in Threads",
    },
];

/// What is nice to have in the operators' channel: the welcome is pinned with it.
pub const PIN_MESSAGES: Permission = Permission {
    bit: 1 << 51,
    name: "Pin Messages",
};

/// What somebody without the right to write cannot do either: embed links, attach files.
const NEEDS_SENDING: u64 = (1 << 14) | (1 << 15);

/// The permissions of the invite, as a number.
pub const INVITED: u64 = {
    let mut bits = 0;
    let mut at = 0;
    while at < NEEDED.len() {
        bits |= NEEDED[at].bit;
        at += 1;
    }
    bits
};

/// The address at which somebody who manages a server takes the bot into it, with what it needs and no more.
#[must_use]
pub fn invite(api: &Api, application: u64, guild: Option<u64>) -> String {
    let chosen = guild.map_or_else(String::new, |guild| format!("&guild_id={guild}"));
    format!(
        "{api}/oauth2/authorize?client_id={application}&scope=bot+applications.commands&permissions={INVITED}{chosen}"
    )
}

/// What the bot may do in the guild as a whole.
fn in_guild(guild: &Guild, bot: u64) -> u64 {
    if guild.owner == bot {
        return u64::MAX;
    }
    let held = guild
        .roles
        .iter()
        .filter(|role| role.id == guild.id || guild.bots_roles.contains(&role.id));
    let bits = held.fold(0, |bits, role| bits | role.permissions);
    match bits & ADMINISTRATOR {
        0 => bits,
        _ => u64::MAX,
    }
}

/// What the bot may do in a channel of the guild.
#[must_use]
pub fn in_channel(guild: &Guild, channel: &Channel, bot: u64) -> u64 {
    let base = in_guild(guild, bot);
    if base == u64::MAX {
        return base;
    }
    let apply = |bits: u64, overwrite: &Overwrite| (bits & !overwrite.deny) | overwrite.allow;
    let roles = || channel.overwrites.iter().filter(|o| !o.of_member);
    let everyone = roles().filter(|o| o.id == guild.id).fold(base, apply);
    let together = Overwrite {
        id: 0,
        of_member: false,
        allow: roles()
            .filter(|o| guild.bots_roles.contains(&o.id))
            .fold(0, |bits, o| bits | o.allow),
        deny: roles()
            .filter(|o| guild.bots_roles.contains(&o.id))
            .fold(0, |bits, o| bits | o.deny),
    };
    let by_roles = apply(everyone, &together);
    let own = channel
        .overwrites
        .iter()
        .filter(|o| o.of_member && o.id == bot);
    let bits = own.fold(by_roles, apply);
    match (bits & VIEW_CHANNEL, bits & SEND_MESSAGES) {
        (0, _) => 0,
        (_, 0) => bits & !NEEDS_SENDING,
        (_, _) => bits,
    }
}

/// The names of those that are not among these.
#[must_use]
pub fn missing(bits: u64) -> Vec<&'static str> {
    let missing = NEEDED.iter().filter(|needed| bits & needed.bit == 0);
    missing.map(|needed| needed.name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::survey::Role;
    use super::*;

    const BOT: u64 = 9;
    const GUILD: u64 = 1;
    const BOTS: u64 = 2;

    fn guild(everyone: u64, of_bots: u64) -> Guild {
        let role = |id, permissions| Role {
            id,
            name: String::new(),
            permissions,
        };
        Guild {
            id: GUILD,
            name: "lab".to_owned(),
            owner: 5,
            roles: vec![
                role(GUILD, everyone),
                role(BOTS, of_bots),
                role(3, u64::MAX),
            ],
            bots_roles: vec![BOTS],
            channels: Vec::new(),
        }
    }

    fn channel(overwrites: &[(u64, bool, u64, u64)]) -> Channel {
        let overwrites = overwrites
            .iter()
            .map(|&(id, of_member, allow, deny)| Overwrite {
                id,
                of_member,
                allow,
                deny,
            });
        Channel {
            id: 7,
            kind: 0,
            name: "ops".to_owned(),
            overwrites: overwrites.collect(),
        }
    }

    #[test]
    fn the_readme_and_the_invite_name_what_is_needed() {
        assert_eq!(INVITED, 309_237_763_072);
        let readme = include_str!("../../../README.md");
        assert!(readme.contains(&INVITED.to_string()));
        let names: Vec<&str> = NEEDED.iter().map(|needed| needed.name).collect();
        assert!(readme.contains(&names.join(", ")), "{names:?}");
        assert_eq!(
            invite(&Api::discord(), 42, Some(1)),
            "https://discord.com/oauth2/authorize?client_id=42&scope=bot+applications.commands&permissions=309237763072&guild_id=1"
        );
    }

    #[test]
    fn roles_add_and_overwrites_take_away_in_their_order() {
        let plain = guild(VIEW_CHANNEL, SEND_MESSAGES);
        assert_eq!(
            in_channel(&plain, &channel(&[]), BOT),
            VIEW_CHANNEL | SEND_MESSAGES
        );
        // Another role's permissions are no business of the bot's.
        assert_eq!(
            in_channel(&plain, &channel(&[(3, false, u64::MAX, 0)]), BOT),
            VIEW_CHANNEL | SEND_MESSAGES
        );
        let closed = (GUILD, false, 0, VIEW_CHANNEL);
        assert_eq!(
            in_channel(&plain, &channel(&[closed]), BOT),
            0,
            "nothing without sight"
        );
        let opened = (BOTS, false, VIEW_CHANNEL, 0);
        let seen = VIEW_CHANNEL | SEND_MESSAGES;
        assert_eq!(
            in_channel(&plain, &channel(&[opened, closed]), BOT),
            seen,
            "a role beats everyone, wherever it stands"
        );
        let own = (BOT, true, 0, VIEW_CHANNEL);
        assert_eq!(
            in_channel(&plain, &channel(&[own, opened]), BOT),
            0,
            "the member beats the role"
        );
    }

    #[test]
    fn who_cannot_write_attaches_nothing_and_administrators_may_all() {
        let mute = guild(INVITED & !SEND_MESSAGES, 0);
        assert_eq!(
            missing(in_channel(&mute, &channel(&[]), BOT)),
            ["Send Messages", "Embed Links", "Attach Files"]
        );
        let closed = channel(&[(GUILD, false, 0, u64::MAX)]);
        assert_eq!(
            missing(in_channel(&guild(INVITED, 0), &closed, BOT)).len(),
            NEEDED.len()
        );
        assert!(missing(in_channel(&guild(0, ADMINISTRATOR), &closed, BOT)).is_empty());
        let own = Guild {
            owner: BOT,
            ..guild(0, 0)
        };
        assert!(missing(in_channel(&own, &closed, BOT)).is_empty());
    }
}
