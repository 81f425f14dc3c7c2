//! Which intent lets a session have which event: one row per event of Discord's gateway that can occur here.
//!
//! Whoever publishes names the event and its place; everything else follows from this table.

pub(crate) const GUILDS: u64 = 1;
pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
const GUILD_MODERATION: u64 = 1 << 2;
const GUILD_EXPRESSIONS: u64 = 1 << 3;
const GUILD_INTEGRATIONS: u64 = 1 << 4;
const GUILD_WEBHOOKS: u64 = 1 << 5;
const GUILD_INVITES: u64 = 1 << 6;
const GUILD_VOICE_STATES: u64 = 1 << 7;
pub(crate) const GUILD_PRESENCES: u64 = 1 << 8;
pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
const GUILD_MESSAGE_TYPING: u64 = 1 << 11;
const DIRECT_MESSAGES: u64 = 1 << 12;
const DIRECT_MESSAGE_REACTIONS: u64 = 1 << 13;
const DIRECT_MESSAGE_TYPING: u64 = 1 << 14;
pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;
const GUILD_SCHEDULED_EVENTS: u64 = 1 << 16;
const AUTO_MODERATION_CONFIGURATION: u64 = 1 << 20;
const AUTO_MODERATION_EXECUTION: u64 = 1 << 21;
const GUILD_MESSAGE_POLLS: u64 = 1 << 24;
const DIRECT_MESSAGE_POLLS: u64 = 1 << 25;

/// Every bit that a client may send. Some in between mean nothing, and libraries set them all the same.
pub(crate) const ALL: u64 = (1 << 26) - 1;
/// The intents that an application must be granted.
pub(crate) const PRIVILEGED: u64 = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT;

/// The privileged intents by the names that scripts use, with the flag that an application then has.
pub(crate) const GRANTS: [(&str, u64, u64); 3] = [
    ("GUILD_PRESENCES", GUILD_PRESENCES, 1 << 13),
    ("GUILD_MEMBERS", GUILD_MEMBERS, 1 << 15),
    ("MESSAGE_CONTENT", MESSAGE_CONTENT, 1 << 19),
];

/// Who may have an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The intents of which a session needs one when it happens in a guild; 0 is for all sessions.
    pub(crate) guild: u64,
    /// The same when it happens in direct messages or nowhere.
    pub(crate) direct: u64,
    /// Whether the bot must see the channel. Channels themselves are known to it even when it cannot look into them.
    pub(crate) sight: bool,
}

const fn always(name: &'static str) -> Row {
    Row {
        name,
        guild: 0,
        direct: 0,
        sight: false,
    }
}

const fn guild(name: &'static str, intents: u64) -> Row {
    Row {
        name,
        guild: intents,
        direct: intents,
        sight: false,
    }
}

const fn within(name: &'static str, guild: u64, direct: u64) -> Row {
    Row {
        name,
        guild,
        direct,
        sight: true,
    }
}

const TABLE: &[Row] = &[
    always("READY"),
    always("RESUMED"),
    always("RATE_LIMITED"),
    always("INTERACTION_CREATE"),
    always("GUILD_MEMBERS_CHUNK"),
    always("USER_UPDATE"),
    always("APPLICATION_COMMAND_PERMISSIONS_UPDATE"),
    always("ENTITLEMENT_CREATE"),
    always("ENTITLEMENT_UPDATE"),
    always("ENTITLEMENT_DELETE"),
    always("VOICE_SERVER_UPDATE"),
    guild("GUILD_CREATE", GUILDS),
    guild("GUILD_UPDATE", GUILDS),
    guild("GUILD_DELETE", GUILDS),
    guild("GUILD_ROLE_CREATE", GUILDS),
    guild("GUILD_ROLE_UPDATE", GUILDS),
    guild("GUILD_ROLE_DELETE", GUILDS),
    guild("CHANNEL_CREATE", GUILDS),
    guild("CHANNEL_UPDATE", GUILDS),
    guild("CHANNEL_DELETE", GUILDS),
    within("CHANNEL_PINS_UPDATE", GUILDS, DIRECT_MESSAGES),
    within("THREAD_CREATE", GUILDS, GUILDS),
    within("THREAD_UPDATE", GUILDS, GUILDS),
    within("THREAD_DELETE", GUILDS, GUILDS),
    guild("THREAD_LIST_SYNC", GUILDS),
    within("THREAD_MEMBER_UPDATE", GUILDS, GUILDS),
    // Sessions with GUILDS alone learn only of their own coming and going (`world::publish`).
    within("THREAD_MEMBERS_UPDATE", GUILD_MEMBERS, GUILD_MEMBERS),
    guild("STAGE_INSTANCE_CREATE", GUILDS),
    guild("STAGE_INSTANCE_UPDATE", GUILDS),
    guild("STAGE_INSTANCE_DELETE", GUILDS),
    guild("GUILD_MEMBER_ADD", GUILD_MEMBERS),
    // The bot learns of its own changes without the intent (`world::publish`).
    guild("GUILD_MEMBER_UPDATE", GUILD_MEMBERS),
    guild("GUILD_MEMBER_REMOVE", GUILD_MEMBERS),
    guild("GUILD_AUDIT_LOG_ENTRY_CREATE", GUILD_MODERATION),
    guild("GUILD_BAN_ADD", GUILD_MODERATION),
    guild("GUILD_BAN_REMOVE", GUILD_MODERATION),
    guild("GUILD_EMOJIS_UPDATE", GUILD_EXPRESSIONS),
    guild("GUILD_STICKERS_UPDATE", GUILD_EXPRESSIONS),
    guild("GUILD_SOUNDBOARD_SOUND_CREATE", GUILD_EXPRESSIONS),
    guild("GUILD_SOUNDBOARD_SOUND_UPDATE", GUILD_EXPRESSIONS),
    guild("GUILD_SOUNDBOARD_SOUND_DELETE", GUILD_EXPRESSIONS),
    guild("GUILD_SOUNDBOARD_SOUNDS_UPDATE", GUILD_EXPRESSIONS),
    guild("GUILD_INTEGRATIONS_UPDATE", GUILD_INTEGRATIONS),
    guild("INTEGRATION_CREATE", GUILD_INTEGRATIONS),
    guild("INTEGRATION_UPDATE", GUILD_INTEGRATIONS),
    guild("INTEGRATION_DELETE", GUILD_INTEGRATIONS),
    guild("WEBHOOKS_UPDATE", GUILD_WEBHOOKS),
    guild("INVITE_CREATE", GUILD_INVITES),
    guild("INVITE_DELETE", GUILD_INVITES),
    guild("VOICE_STATE_UPDATE", GUILD_VOICE_STATES),
    guild("VOICE_CHANNEL_EFFECT_SEND", GUILD_VOICE_STATES),
    guild("PRESENCE_UPDATE", GUILD_PRESENCES),
    within("MESSAGE_CREATE", GUILD_MESSAGES, DIRECT_MESSAGES),
    within("MESSAGE_UPDATE", GUILD_MESSAGES, DIRECT_MESSAGES),
    within("MESSAGE_DELETE", GUILD_MESSAGES, DIRECT_MESSAGES),
    within("MESSAGE_DELETE_BULK", GUILD_MESSAGES, GUILD_MESSAGES),
    within(
        "MESSAGE_REACTION_ADD",
        GUILD_MESSAGE_REACTIONS,
        DIRECT_MESSAGE_REACTIONS,
    ),
    within(
        "MESSAGE_REACTION_REMOVE",
        GUILD_MESSAGE_REACTIONS,
        DIRECT_MESSAGE_REACTIONS,
    ),
    within(
        "MESSAGE_REACTION_REMOVE_ALL",
        GUILD_MESSAGE_REACTIONS,
        DIRECT_MESSAGE_REACTIONS,
    ),
    within(
        "MESSAGE_REACTION_REMOVE_EMOJI",
        GUILD_MESSAGE_REACTIONS,
        DIRECT_MESSAGE_REACTIONS,
    ),
    within("TYPING_START", GUILD_MESSAGE_TYPING, DIRECT_MESSAGE_TYPING),
    guild("GUILD_SCHEDULED_EVENT_CREATE", GUILD_SCHEDULED_EVENTS),
    guild("GUILD_SCHEDULED_EVENT_UPDATE", GUILD_SCHEDULED_EVENTS),
    guild("GUILD_SCHEDULED_EVENT_DELETE", GUILD_SCHEDULED_EVENTS),
    guild("GUILD_SCHEDULED_EVENT_USER_ADD", GUILD_SCHEDULED_EVENTS),
    guild("GUILD_SCHEDULED_EVENT_USER_REMOVE", GUILD_SCHEDULED_EVENTS),
    guild("AUTO_MODERATION_RULE_CREATE", AUTO_MODERATION_CONFIGURATION),
    guild("AUTO_MODERATION_RULE_UPDATE", AUTO_MODERATION_CONFIGURATION),
    guild("AUTO_MODERATION_RULE_DELETE", AUTO_MODERATION_CONFIGURATION),
    guild(
        "AUTO_MODERATION_ACTION_EXECUTION",
        AUTO_MODERATION_EXECUTION,
    ),
    within(
        "MESSAGE_POLL_VOTE_ADD",
        GUILD_MESSAGE_POLLS,
        DIRECT_MESSAGE_POLLS,
    ),
    within(
        "MESSAGE_POLL_VOTE_REMOVE",
        GUILD_MESSAGE_POLLS,
        DIRECT_MESSAGE_POLLS,
    ),
];

/// The row of an event, if Discord has such an event.
pub(crate) fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_one_row_of_known_intents() {
        for row in TABLE {
            let rows = TABLE.iter().filter(|other| other.name == row.name).count();
            assert_eq!(rows, 1, "{}", row.name);
            assert_eq!((row.guild | row.direct) & !ALL, 0, "{}", row.name);
        }
        assert!(row("MESSAGE_CREATED").is_none());
    }

    #[test]
    fn direct_messages_have_intents_of_their_own() {
        for name in [
            "MESSAGE_CREATE",
            "TYPING_START",
            "MESSAGE_REACTION_ADD",
            "CHANNEL_PINS_UPDATE",
        ] {
            let row = row(name).unwrap();
            assert_ne!(row.guild, row.direct, "{name}");
        }
    }
}
