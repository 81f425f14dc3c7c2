//! What Discord answered, reduced to the few fields that we use. Unknown fields are ignored; a missing one is an error of the answer.

use std::fmt;

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use super::error::SendError;

/// An answer as it came.
#[derive(Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most 1 MiB.
    pub body: Bytes,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct MessageRef {
    /// The channel or thread.
    #[serde(rename = "channel_id", deserialize_with = "snowflake")]
    pub channel: u64,
    /// The message.
    #[serde(rename = "id", deserialize_with = "snowflake")]
    pub message: u64,
}

/// A thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Thread {
    /// Its id.
    #[serde(deserialize_with = "snowflake")]
    pub id: u64,
}

/// Where the gateway is, and how often the bot may still log in today.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Gateway {
    /// Its address.
    pub url: String,
    /// The logins of a day.
    #[serde(rename = "session_start_limit")]
    pub starts: SessionStarts,
}

/// The logins (identifies) of a day, counted by Discord for all programs that use the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct SessionStarts {
    /// Allowed in all.
    pub total: u32,
    /// Still allowed.
    pub remaining: u32,
    /// Until the count starts anew, milliseconds.
    #[serde(rename = "reset_after")]
    pub reset_after_ms: u64,
}

impl fmt::Debug for Answer {
    /// Without the body, which holds what people wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl Answer {
    /// The message that a create, edit or read returned.
    ///
    /// # Errors
    /// [`SendError::Body`] when it holds no message.
    pub fn message(&self) -> Result<MessageRef, SendError> {
        self.json()
    }

    /// The message that a callback with `with_response` created or edited.
    ///
    /// # Errors
    /// [`SendError::Body`] when it holds no message.
    pub fn callback_message(&self) -> Result<MessageRef, SendError> {
        #[derive(Deserialize)]
        struct Callback {
            resource: Resource,
        }
        #[derive(Deserialize)]
        struct Resource {
            message: MessageRef,
        }
        Ok(self.json::<Callback>()?.resource.message)
    }

    /// The guild of a channel that was read.
    ///
    /// # Errors
    /// [`SendError::Body`] when it is in none.
    pub fn guild_of_channel(&self) -> Result<u64, SendError> {
        #[derive(Deserialize)]
        struct Channel {
            #[serde(deserialize_with = "snowflake")]
            guild_id: u64,
        }
        Ok(self.json::<Channel>()?.guild_id)
    }

    /// The message among those of a list that answers an interaction.
    ///
    /// # Errors
    /// [`SendError::Body`] when it holds no list of messages.
    pub fn message_that_answers(&self, interaction: u64) -> Result<Option<MessageRef>, SendError> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(flatten)]
            at: MessageRef,
            interaction_metadata: Option<Interaction>,
        }
        #[derive(Deserialize)]
        struct Interaction {
            #[serde(deserialize_with = "snowflake")]
            id: u64,
        }
        let answers = |listed: &Listed| {
            let answered = listed.interaction_metadata.as_ref();
            answered.is_some_and(|answered| answered.id == interaction)
        };
        let listed = self.json::<Vec<Listed>>()?;
        Ok(listed.into_iter().find(answers).map(|listed| listed.at))
    }

    /// The roles of a member of a guild.
    ///
    /// # Errors
    /// [`SendError::Body`] when it holds no member.
    pub fn roles(&self) -> Result<Vec<u64>, SendError> {
        #[derive(Deserialize)]
        struct Role(#[serde(deserialize_with = "snowflake")] u64);
        #[derive(Deserialize)]
        struct Member {
            roles: Vec<Role>,
        }
        let member = self.json::<Member>()?;
        Ok(member.roles.into_iter().map(|role| role.0).collect())
    }

    /// The thread that was opened.
    ///
    /// # Errors
    /// [`SendError::Body`] when it holds no channel.
    pub fn thread(&self) -> Result<Thread, SendError> {
        self.json()
    }

    /// Where the gateway is.
    ///
    /// # Errors
    /// [`SendError::Body`] when it does not say so.
    pub fn gateway(&self) -> Result<Gateway, SendError> {
        self.json()
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, SendError> {
        serde_json::from_slice(&self.body).map_err(SendError::Body)
    }
}

pub(super) fn snowflake<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match String::deserialize(deserializer)?.parse() {
        Ok(id) if id > 0 => Ok(id),
        Ok(_) | Err(_) => Err(D::Error::custom("not an id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &'static str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn the_fields_that_matter_are_read() {
        let at = MessageRef {
            channel: 5,
            message: 6,
        };
        assert_eq!(
            answer(r#"{"id":"6","channel_id":"5","content":""}"#)
                .message()
                .unwrap(),
            at
        );
        assert_eq!(
            answer(
                r#"{"interaction":{},"resource":{"type":4,"message":{"id":"6","channel_id":"5"}}}"#
            )
            .callback_message()
            .unwrap(),
            at
        );
        let list = answer(
            r#"[{"id":"8","channel_id":"5"},{"id":"6","channel_id":"5","interaction_metadata":{"id":"4","type":2}},
                {"id":"9","channel_id":"5","interaction_metadata":{"id":"3"}}]"#,
        );
        assert_eq!(list.message_that_answers(4).unwrap(), Some(at));
        assert_eq!(list.message_that_answers(5).unwrap(), None);
        assert_eq!(
            answer(r#"{"id":"6","type":11,"guild_id":"1","parent_id":"5"}"#)
                .thread()
                .unwrap(),
            Thread { id: 6 }
        );
        let member = answer(r#"{"user":{"id":"3"},"roles":["9","10"],"nick":null}"#);
        assert_eq!(member.roles().unwrap(), [9, 10]);
        assert!(answer(r#"{"roles":["x"]}"#).roles().is_err());
        let gateway = answer(
            r#"{"url":"wss://g","shards":1,"session_start_limit":{"total":1000,"remaining":999,"reset_after":5,"max_concurrency":1}}"#,
        );
        assert_eq!(gateway.gateway().unwrap().starts.remaining, 999);
    }

    #[test]
    fn anything_else_is_an_error_of_the_body() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"id":"0","channel_id":"5"}"#,
            r#"{"id":"-1","channel_id":"5"}"#,
            r#"{"id":6,"channel_id":5}"#,
        ] {
            assert!(
                matches!(answer(bad).message(), Err(SendError::Body(_))),
                "{bad}"
            );
        }
    }
}
