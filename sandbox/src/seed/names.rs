//! Discord's names of permissions, privileged intents and channel types, as seed files write them.

use crate::model::intents::GRANTS;

/// Permissions by name and bit (Discord's documentation, "Permissions").
const PERMISSIONS: [(&str, u32); 50] = [
    ("CREATE_INSTANT_INVITE", 0),
    ("KICK_MEMBERS", 1),
    ("BAN_MEMBERS", 2),
    ("ADMINISTRATOR", 3),
    ("MANAGE_CHANNELS", 4),
    ("MANAGE_GUILD", 5),
    ("ADD_REACTIONS", 6),
    ("VIEW_AUDIT_LOG", 7),
    ("PRIORITY_SPEAKER", 8),
    ("STREAM", 9),
    ("VIEW_CHANNEL", 10),
    ("SEND_MESSAGES", 11),
    ("SEND_TTS_MESSAGES", 12),
    ("MANAGE_MESSAGES", 13),
    ("EMBED_LINKS", 14),
    ("ATTACH_FILES", 15),
    ("READ_MESSAGE_HISTORY", 16),
    ("MENTION_EVERYONE", 17),
    ("USE_EXTERNAL_EMOJIS", 18),
    ("VIEW_GUILD_INSIGHTS", 19),
    ("CONNECT", 20),
    ("SPEAK", 21),
    ("MUTE_MEMBERS", 22),
    ("DEAFEN_MEMBERS", 23),
    ("MOVE_MEMBERS", 24),
    ("USE_VAD", 25),
    ("CHANGE_NICKNAME", 26),
    ("MANAGE_NICKNAMES", 27),
    ("MANAGE_ROLES", 28),
    ("MANAGE_WEBHOOKS", 29),
    ("MANAGE_GUILD_EXPRESSIONS", 30),
    ("USE_APPLICATION_COMMANDS", 31),
    ("REQUEST_TO_SPEAK", 32),
    ("MANAGE_EVENTS", 33),
    ("MANAGE_THREADS", 34),
    ("CREATE_PUBLIC_THREADS", 35),
    ("CREATE_PRIVATE_THREADS", 36),
    ("USE_EXTERNAL_STICKERS", 37),
    ("SEND_MESSAGES_IN_THREADS", 38),
    ("USE_EMBEDDED_ACTIVITIES", 39),
    ("MODERATE_MEMBERS", 40),
    ("VIEW_CREATOR_MONETIZATION_ANALYTICS", 41),
    ("USE_SOUNDBOARD", 42),
    ("CREATE_GUILD_EXPRESSIONS", 43),
    ("CREATE_EVENTS", 44),
    ("USE_EXTERNAL_SOUNDS", 45),
    ("SEND_VOICE_MESSAGES", 46),
    ("SEND_POLLS", 49),
    ("USE_EXTERNAL_APPS", 50),
    ("PIN_MESSAGES", 51),
];

/// Channel types that stand in a guild's list.
pub(super) const CHANNEL_TYPES: [(&str, u32); 5] = [
    ("text", 0),
    ("voice", 2),
    ("category", 4),
    ("announcement", 5),
    ("forum", 15),
];

/// The bit of a permission.
pub(super) fn permission(name: &str) -> Option<u64> {
    find(&PERMISSIONS, name).map(|bit| 1 << bit)
}

/// The bit of a privileged intent.
pub(super) fn intent(name: &str) -> Option<u64> {
    let found = GRANTS.iter().find(|(known, _, _)| *known == name);
    found.map(|(_, bit, _)| *bit)
}

/// The privileged intents, as a fault lists them.
pub(super) fn intents() -> String {
    GRANTS.map(|(name, _, _)| name).join(", ")
}

/// The number of a channel type.
pub(super) fn channel_type(name: &str) -> Option<u8> {
    find(&CHANNEL_TYPES, name).and_then(|number| u8::try_from(number).ok())
}

/// The names of a table, as a fault lists them.
pub(super) fn listed(table: &[(&str, u32)]) -> String {
    let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// The permission whose name is nearest to a misspelt one.
pub(super) fn nearest_permission(name: &str) -> &'static str {
    let upper: String = name.to_ascii_uppercase().replace([' ', '-'], "_");
    let upper: Vec<char> = upper.chars().take(50).collect();
    let nearest = PERMISSIONS
        .iter()
        .min_by_key(|(known, _)| distance(known, &upper));
    nearest.map_or("VIEW_CHANNEL", |(known, _)| known)
}

/// How many letters must be added, dropped or changed (Levenshtein).
fn distance(known: &str, other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in known.chars().enumerate() {
        let mut before = vec![index.saturating_add(1)];
        for (above, wanted) in row.windows(2).zip(other) {
            let (diagonal, up) = (above.first().copied(), above.last().copied());
            let changed = diagonal.unwrap_or(0) + usize::from(letter != *wanted);
            let left = before.last().copied().unwrap_or(0);
            before.push(changed.min(left + 1).min(up.unwrap_or(0) + 1));
        }
        row = before;
    }
    row.last().copied().unwrap_or(0)
}

fn find(table: &[(&str, u32)], name: &str) -> Option<u32> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_discords_own_and_near_ones_are_found() {
        assert_eq!(permission("PIN_MESSAGES"), Some(1 << 51));
        assert_eq!(permission("SEND_MESSAGES_IN_THREADS"), Some(1 << 38));
        assert_eq!(permission("send_messages"), None);
        assert_eq!(nearest_permission("send messages"), "SEND_MESSAGES");
        assert_eq!(nearest_permission("MANAGE_THREAD"), "MANAGE_THREADS");
        assert_eq!(intent("MESSAGE_CONTENT"), Some(1 << 15));
        assert_eq!(channel_type("forum"), Some(15));
    }
}
