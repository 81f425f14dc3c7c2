//! What someone may do in a channel: Discord's rule over base roles and overwrites.
//!
//! Follows "Permissions" of Discord's documentation: owner, then administrator, then `@everyone`, roles together, member.

use super::channel::PRIVATE_THREAD;
use super::{Channel, Guild, Member, Overwrite, Whose};
use crate::snowflake::Snowflake;

pub(crate) const KICK_MEMBERS: u64 = 1 << 1;
pub(crate) const BAN_MEMBERS: u64 = 1 << 2;
pub(crate) const ADMINISTRATOR: u64 = 1 << 3;
pub(crate) const MANAGE_CHANNELS: u64 = 1 << 4;
pub(crate) const MANAGE_GUILD: u64 = 1 << 5;
pub(crate) const ADD_REACTIONS: u64 = 1 << 6;
pub(crate) const VIEW_CHANNEL: u64 = 1 << 10;
pub(crate) const SEND_MESSAGES: u64 = 1 << 11;
pub(crate) const SEND_TTS_MESSAGES: u64 = 1 << 12;
pub(crate) const MANAGE_MESSAGES: u64 = 1 << 13;
pub(crate) const EMBED_LINKS: u64 = 1 << 14;
pub(crate) const ATTACH_FILES: u64 = 1 << 15;
pub(crate) const READ_MESSAGE_HISTORY: u64 = 1 << 16;
pub(crate) const MENTION_EVERYONE: u64 = 1 << 17;
pub(crate) const CHANGE_NICKNAME: u64 = 1 << 26;
pub(crate) const MANAGE_NICKNAMES: u64 = 1 << 27;
pub(crate) const MANAGE_ROLES: u64 = 1 << 28;
pub(crate) const USE_APPLICATION_COMMANDS: u64 = 1 << 31;
pub(crate) const MANAGE_THREADS: u64 = 1 << 34;
pub(crate) const CREATE_PUBLIC_THREADS: u64 = 1 << 35;
pub(crate) const CREATE_PRIVATE_THREADS: u64 = 1 << 36;
pub(crate) const SEND_IN_THREADS: u64 = 1 << 38;
pub(crate) const MODERATE_MEMBERS: u64 = 1 << 40;
pub(crate) const PIN_MESSAGES: u64 = 1 << 51;
pub(crate) const BYPASS_SLOWMODE: u64 = 1 << 52;

/// What `@everyone` gets in a new guild, as far as it matters here; Discord's default lets everyone mention everyone.
pub(crate) const EVERYONE: u64 = ADD_REACTIONS
    | VIEW_CHANNEL
    | SEND_MESSAGES
    | EMBED_LINKS
    | ATTACH_FILES
    | READ_MESSAGE_HISTORY
    | MENTION_EVERYONE
    | CHANGE_NICKNAME
    | USE_APPLICATION_COMMANDS
    | CREATE_PUBLIC_THREADS
    | CREATE_PRIVATE_THREADS
    | SEND_IN_THREADS;

/// Everything: what owners and administrators hold.
pub(crate) const ALL: u64 = (1 << 53) - 1;

/// What somebody without the right to write cannot do either.
const NEEDS_SENDING: u64 = MENTION_EVERYONE | SEND_TTS_MESSAGES | ATTACH_FILES | EMBED_LINKS;
/// What is left to a member who is timed out.
const TIMED_OUT: u64 = VIEW_CHANNEL | READ_MESSAGE_HISTORY;

/// What a member may do in the guild as a whole, at a time of Discord's clock.
pub(crate) fn in_guild(guild: &Guild, who: Snowflake, now_ms: u64) -> u64 {
    if guild.owner == who {
        return ALL;
    }
    let Some(member) = guild.members.get(&who) else {
        return 0;
    };
    let base = by_roles(guild, member);
    if base & ADMINISTRATOR != 0 {
        ALL
    } else if member.is_timed_out(now_ms) {
        base & TIMED_OUT
    } else {
        base
    }
}

/// What a member may do in a channel or thread; `ruling` is the channel itself or the thread's parent.
pub(crate) fn in_channel(
    guild: &Guild,
    who: Snowflake,
    channel: &Channel,
    ruling: &Channel,
    now_ms: u64,
) -> u64 {
    let base = in_guild(guild, who, now_ms);
    if base == ALL {
        return ALL;
    }
    let Some(member) = guild.members.get(&who) else {
        return 0;
    };
    let mut bits = overwritten(base, guild, who, member, &ruling.overwrites);
    // Without sight of a channel nothing else can be done in it.
    if bits & VIEW_CHANNEL == 0 || is_hidden(channel, who, bits) {
        return 0;
    }
    let write = if channel.thread.is_some() {
        SEND_IN_THREADS
    } else {
        SEND_MESSAGES
    };
    if bits & write == 0 {
        bits &= !NEEDS_SENDING;
    }
    if member.is_timed_out(now_ms) {
        bits &= TIMED_OUT;
    }
    bits
}

/// Whether a private thread is closed to somebody who has these rights in its parent.
fn is_hidden(channel: &Channel, who: Snowflake, bits: u64) -> bool {
    let outside = |thread: &super::Thread| !thread.members.contains_key(&who);
    channel.kind == PRIVATE_THREAD
        && bits & MANAGE_THREADS == 0
        && channel.thread.as_ref().is_some_and(outside)
}

fn by_roles(guild: &Guild, member: &Member) -> u64 {
    let everyone = guild
        .roles
        .get(&guild.id)
        .map_or(0, |role| role.permissions);
    let held = member.roles.iter().filter_map(|id| guild.roles.get(id));
    held.fold(everyone, |bits, role| bits | role.permissions)
}

fn overwritten(
    base: u64,
    guild: &Guild,
    who: Snowflake,
    member: &Member,
    list: &[Overwrite],
) -> u64 {
    let apply = |bits: u64, allow: u64, deny: u64| (bits & !deny) | allow;
    let roles = || list.iter().filter(|o| o.whose == Whose::Role);
    let mut bits = base;
    for one in roles().filter(|o| o.id == guild.id) {
        bits = apply(bits, one.allow, one.deny);
    }
    let (mut allow, mut deny) = (0, 0);
    for one in roles().filter(|o| member.roles.contains(&o.id)) {
        allow |= one.allow;
        deny |= one.deny;
    }
    bits = apply(bits, allow, deny);
    for one in list
        .iter()
        .filter(|o| o.whose == Whose::Member && o.id == who)
    {
        bits = apply(bits, one.allow, one.deny);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "1";
    const BOT: &str = "2";
    const GUEST: &str = "3";
    const NOW_MS: u64 = 1_700_000_000_000;

    fn id(text: &str) -> Snowflake {
        text.parse().unwrap()
    }

    /// A guild with three members, and its one channel.
    fn lab() -> (Guild, Channel) {
        let mut guild = Guild::new(id("10"), "lab".to_owned(), id(OWNER));
        let members = [OWNER, BOT, GUEST].map(|who| (id(who), Member::new(Vec::new(), 0)));
        guild.members.extend(members);
        let channel = Channel::text(id("11"), guild.id, "general".to_owned(), 0);
        (guild, channel)
    }

    fn bits(guild: &Guild, channel: &Channel, who: &str) -> u64 {
        in_channel(guild, id(who), channel, channel, NOW_MS)
    }

    #[test]
    fn overwrites_apply_in_discords_order() {
        let (guild, mut channel) = lab();
        assert_ne!(bits(&guild, &channel, BOT) & SEND_MESSAGES, 0);
        channel.overwrites.push(Overwrite {
            id: guild.id,
            whose: Whose::Role,
            allow: 0,
            deny: SEND_MESSAGES,
        });
        assert_eq!(bits(&guild, &channel, BOT) & SEND_MESSAGES, 0);
        let of_owner = bits(&guild, &channel, OWNER);
        assert_eq!(of_owner, ALL, "the owner is above overwrites");
        channel.overwrites.push(Overwrite {
            id: id(BOT),
            whose: Whose::Member,
            allow: SEND_MESSAGES,
            deny: 0,
        });
        assert_ne!(
            bits(&guild, &channel, BOT) & SEND_MESSAGES,
            0,
            "the member's own overwrite comes last"
        );
        channel.overwrites.push(Overwrite {
            id: id(BOT),
            whose: Whose::Member,
            allow: 0,
            deny: VIEW_CHANNEL,
        });
        let unseen = bits(&guild, &channel, BOT);
        assert_eq!(unseen, 0, "no sight, no rights");
    }

    #[test]
    fn silence_takes_more_than_words() {
        let (guild, mut channel) = lab();
        assert_ne!(bits(&guild, &channel, GUEST) & NEEDS_SENDING, 0);
        channel.overwrites.push(Overwrite {
            id: guild.id,
            whose: Whose::Role,
            allow: 0,
            deny: SEND_MESSAGES,
        });
        let bits = bits(&guild, &channel, GUEST);
        assert_eq!(bits & NEEDS_SENDING, 0);
        assert_ne!(bits & SEND_IN_THREADS, 0, "threads have their own right");
    }

    #[test]
    fn a_timeout_leaves_the_eyes() {
        let (mut guild, channel) = lab();
        let until = NOW_MS + 60_000;
        let member = guild.members.get_mut(&id(GUEST)).unwrap();
        member.timed_out_until_ms = Some(until);
        let bits = |now_ms| in_channel(&guild, id(GUEST), &channel, &channel, now_ms);
        assert_eq!(bits(until - 1), TIMED_OUT);
        assert_eq!(bits(until), EVERYONE, "over when its time is");
    }
}
