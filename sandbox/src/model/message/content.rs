//! What MESSAGE_CONTENT hides: messages of others reach a session without that intent with their texts blank, and by
//! REST an application that was not granted it.
//!
//! Own messages, direct messages and messages that mention the bot are whole (Discord's "Message Content Intent").

use serde_json::{Value, json};

use crate::snowflake::Snowflake;

/// Fields that are emptied, beside `content`.
const LISTS: [&str; 3] = ["embeds", "attachments", "components"];

/// The event as a session without the intent gets it, or nothing if it may have the whole.
pub(crate) fn blanked(name: &str, d: &Value, bot: Snowflake) -> Option<Value> {
    if !matches!(name, "MESSAGE_CREATE" | "MESSAGE_UPDATE") || d.get("guild_id").is_none() {
        return None;
    }
    blank_hidden(d, bot)
}

/// A message as someone reads it who may not have the content of others, or nothing if nothing in it is hidden.
pub(crate) fn blank_hidden(d: &Value, bot: Snowflake) -> Option<Value> {
    let bot = bot.to_string();
    let quoted = d
        .get("referenced_message")
        .is_some_and(|quoted| is_hidden(quoted, &bot));
    let hidden = is_hidden(d, &bot);
    if !hidden && !quoted {
        return None;
    }
    let mut d = d.clone();
    if quoted && let Some(quoted) = d.get_mut("referenced_message") {
        blank(quoted);
    }
    if hidden {
        blank(&mut d);
    }
    Some(d)
}

fn is_hidden(message: &Value, bot: &str) -> bool {
    let is_bot = |user: &Value| user.get("id").and_then(Value::as_str) == Some(bot);
    let mentions = message.get("mentions").and_then(Value::as_array);
    let mentioned = mentions.is_some_and(|users| users.iter().any(is_bot));
    let author = message.get("author");
    author.is_some_and(|author| !is_bot(author)) && !mentioned
}

fn blank(message: &mut Value) {
    let Some(map) = message.as_object_mut() else {
        return;
    };
    map.insert("content".into(), json!(""));
    for key in LISTS {
        map.insert(key.into(), json!([]));
    }
    map.remove("poll");
    let snapshots = map
        .get_mut("message_snapshots")
        .and_then(Value::as_array_mut);
    for snapshot in snapshots.into_iter().flatten() {
        if let Some(message) = snapshot.get_mut("message") {
            blank(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(author: &str, mentioned: &str) -> Value {
        json!({
            "guild_id": "5", "author": {"id": author}, "mentions": [{"id": mentioned}], "content": "secret",
            "embeds": [1], "attachments": [1], "components": [1], "poll": {"question": {}},
        })
    }

    #[test]
    fn only_foreign_messages_are_blank() {
        let bot: Snowflake = "7".parse().unwrap();
        let see = |d: &Value| blanked("MESSAGE_CREATE", d, bot);
        let hidden = see(&message("8", "9")).unwrap();
        assert_eq!(
            hidden,
            json!({
                "guild_id": "5", "author": {"id": "8"}, "mentions": [{"id": "9"}], "content": "",
                "embeds": [], "attachments": [], "components": [],
            })
        );
        assert_eq!(see(&message("7", "9")), None, "own");
        assert_eq!(see(&message("8", "7")), None, "mentioned");
        let mut direct = message("8", "9");
        direct.as_object_mut().unwrap().remove("guild_id");
        assert_eq!(see(&direct), None, "direct");
        assert_eq!(blanked("MESSAGE_DELETE", &message("8", "9"), bot), None);
    }

    #[test]
    fn what_is_quoted_or_forwarded_is_blank_too() {
        let bot: Snowflake = "7".parse().unwrap();
        let mut reply = message("8", "7");
        reply["referenced_message"] = message("8", "9");
        let seen = blanked("MESSAGE_CREATE", &reply, bot).unwrap();
        assert_eq!(seen["content"], "secret");
        assert_eq!(seen["referenced_message"]["content"], "");
        let mut forward = message("8", "9");
        forward["message_snapshots"] = json!([{"message": {"content": "secret"}}]);
        let seen = blanked("MESSAGE_UPDATE", &forward, bot).unwrap();
        assert_eq!(seen["message_snapshots"][0]["message"]["content"], "");
    }
}
