//! Which parts of a gateway event the document knows, although it describes REST only.
//!
//! Gateway objects are the REST objects with a few more fields, so what REST requires must be in them too.

use serde_json::Value;

/// For each event: where in `d` (`*` is every entry of a list or map), and the schema there. What is absent is not judged.
fn table(name: &str) -> &'static [(&'static str, &'static str)] {
    match name {
        "READY" => &[("/user", "UserPIIResponse")],
        "USER_UPDATE" => &[("", "UserPIIResponse")],
        "GUILD_CREATE" => &[
            ("", "GuildResponse"),
            ("/channels/*", "GatewayGuildChannel"),
            ("/threads/*", "ThreadResponse"),
            ("/members/*", "GuildMemberResponse"),
        ],
        "GUILD_UPDATE" => &[("", "GuildResponse")],
        "MESSAGE_CREATE" | "MESSAGE_UPDATE" => &[("", "MessageResponse")],
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "CHANNEL_DELETE" => &[("", "GuildChannelResponse")],
        "THREAD_CREATE" | "THREAD_UPDATE" => &[("", "ThreadResponse")],
        "THREAD_LIST_SYNC" => &[
            ("/threads/*", "ThreadResponse"),
            ("/members/*", "ThreadMemberResponse"),
        ],
        "THREAD_MEMBER_UPDATE" => &[("", "ThreadMemberResponse")],
        "THREAD_MEMBERS_UPDATE" => &[("/added_members/*", "ThreadMemberResponse")],
        "GUILD_MEMBER_ADD" | "GUILD_MEMBER_UPDATE" => &[("", "GuildMemberResponse")],
        "GUILD_MEMBERS_CHUNK" => &[("/members/*", "GuildMemberResponse")],
        "GUILD_MEMBER_REMOVE" => &[("/user", "UserResponse")],
        "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" => &[("/role", "GuildRoleResponse")],
        "MESSAGE_REACTION_ADD" | "TYPING_START" => &[("/member", "GuildMemberResponse")],
        "INTERACTION_CREATE" => &[
            ("/member", "GuildMemberResponse"),
            ("/user", "UserResponse"),
            ("/message", "MessageResponse"),
            ("/data/resolved/users/*", "UserResponse"),
            ("/data/resolved/members/*", "BasicGuildMemberResponse"),
            ("/data/resolved/roles/*", "GuildRoleResponse"),
            ("/data/resolved/messages/*", "MessageResponse"),
            ("/data/resolved/attachments/*", "MessageAttachmentResponse"),
        ],
        _ => &[],
    }
}

/// The parts of an event that can be judged: pointer, schema, value.
pub(crate) fn parts<'a>(name: &str, d: &'a Value) -> Vec<(String, &'static str, &'a Value)> {
    let mut parts = Vec::new();
    for (place, schema) in table(name) {
        match place.strip_suffix("/*") {
            Some(whole) => {
                for (key, value) in d.pointer(whole).map(entries).unwrap_or_default() {
                    parts.push((format!("{whole}/{key}"), *schema, value));
                }
            }
            None => parts.extend(
                d.pointer(place)
                    .map(|value| (place.to_string(), *schema, value)),
            ),
        }
    }
    // A direct-message channel is another object than a guild's.
    let is_private = d.get("type") == Some(&Value::from(1)) && d.get("guild_id").is_none();
    for (_, schema, _) in &mut parts {
        if *schema == "GuildChannelResponse" && is_private {
            *schema = "PrivateChannelResponse";
        }
    }
    parts
}

fn entries(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Array(list) => (0..)
            .zip(list)
            .map(|(index, value): (usize, _)| (index.to_string(), value))
            .collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_found_in_lists_and_maps() {
        let d = json!({"member": {}, "data": {"resolved": {"users": {"7": {"a": 1}}}}});
        let found = parts("INTERACTION_CREATE", &d);
        let places: Vec<&str> = found.iter().map(|(place, _, _)| place.as_str()).collect();
        assert_eq!(places, ["/member", "/data/resolved/users/7"]);
        let dm = json!({"type": 1});
        assert_eq!(parts("CHANNEL_CREATE", &dm)[0].1, "PrivateChannelResponse");
        assert!(parts("MESSAGE_DELETE", &dm).is_empty());
    }
}
