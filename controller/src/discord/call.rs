//! One call of Discord's REST interface as data: what is sent, and what the limiter and the sender must know about it.
//! It does not send anything, and it does not know what a body means.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use hyper::Method;

use super::upload::Piece;

/// A callback must be taken within 3 s of the interaction; past this it is of no use to anybody.
const CALLBACK_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Any other call without files. One that hangs when Discord comes back delays what people see by so much.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(8);

/// A call with files: 10 MiB over a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// What Discord counts a call under: the template of its path, and the resource at the front of the path.
///
/// Tokens of interactions are part of some routes; only a digest of them is kept, so a route may be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    template: &'static str,
    major: Major,
    class: Class,
}

/// The resource that limits are counted for, beside the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Major {
    /// None: one count for the whole bot.
    None,
    /// A channel or thread.
    Channel(u64),
    /// A guild.
    Guild(u64),
    /// An interaction's token, as a digest.
    Token(u64),
}

/// Which of Discord's limits a call is under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Authorised by the bot's token: its bucket and the global limit.
    Bot,
    /// Authorised by an interaction's token: its bucket only.
    Token,
    /// The first answer to an interaction, which has 3 s: no limit that we could wait for.
    Callback,
}

impl Route {
    /// `GET gateway/bot`
    pub const GATEWAY: Self = Self::bot("GET gateway/bot", Major::None);

    /// `GET users/@me`
    pub const ME: Self = Self::bot("GET users/@me", Major::None);

    /// `GET users/@me/guilds`
    pub const GUILDS: Self = Self::bot("GET users/@me/guilds", Major::None);

    /// `GET applications/@me`
    pub const APPLICATION: Self = Self::bot("GET applications/@me", Major::None);

    /// The first answer to an interaction.
    #[must_use]
    pub fn callback(token: &str) -> Self {
        Self {
            template: "POST interactions/callback",
            major: Major::Token(digest(token)),
            class: Class::Callback,
        }
    }

    /// Reads the message that answered an interaction.
    #[must_use]
    pub fn read_original(token: &str) -> Self {
        Self::token("GET webhooks/messages/@original", token)
    }

    /// Edits the message that answered an interaction.
    #[must_use]
    pub fn edit_original(token: &str) -> Self {
        Self::token("PATCH webhooks/messages/@original", token)
    }

    /// Deletes the message that answered an interaction.
    #[must_use]
    pub fn delete_original(token: &str) -> Self {
        Self::token("DELETE webhooks/messages/@original", token)
    }

    /// Deletes a further message with an interaction's token.
    #[must_use]
    pub fn delete_follow_up(token: &str) -> Self {
        Self::token("DELETE webhooks/messages", token)
    }

    /// Posts a further message with an interaction's token.
    #[must_use]
    pub fn follow_up(token: &str) -> Self {
        Self::token("POST webhooks", token)
    }

    /// Reads a channel.
    #[must_use]
    pub const fn read_channel(channel: u64) -> Self {
        Self::bot("GET channels", Major::Channel(channel))
    }

    /// Posts a message in a channel or thread.
    #[must_use]
    pub const fn create_message(channel: u64) -> Self {
        Self::bot("POST channels/messages", Major::Channel(channel))
    }

    /// Reads messages of a channel or thread.
    #[must_use]
    pub const fn list_messages(channel: u64) -> Self {
        Self::bot("GET channels/messages", Major::Channel(channel))
    }

    /// Edits a message in a channel or thread.
    #[must_use]
    pub const fn edit_message(channel: u64) -> Self {
        Self::bot("PATCH channels/messages", Major::Channel(channel))
    }

    /// Pins a message.
    #[must_use]
    pub const fn pin(channel: u64) -> Self {
        Self::bot("PUT channels/messages/pins", Major::Channel(channel))
    }

    /// Opens a thread on a message.
    #[must_use]
    pub const fn create_thread(channel: u64) -> Self {
        Self::bot("POST channels/messages/threads", Major::Channel(channel))
    }

    /// Changes a thread.
    #[must_use]
    pub const fn edit_thread(thread: u64) -> Self {
        Self::bot("PATCH channels", Major::Channel(thread))
    }

    /// Replaces the commands of a guild.
    #[must_use]
    pub const fn set_commands(guild: u64) -> Self {
        Self::bot("PUT applications/guilds/commands", Major::Guild(guild))
    }

    /// Reads the commands of a guild.
    #[must_use]
    pub const fn list_commands(guild: u64) -> Self {
        Self::bot("GET applications/guilds/commands", Major::Guild(guild))
    }

    /// Reads a guild.
    #[must_use]
    pub const fn read_guild(guild: u64) -> Self {
        Self::bot("GET guilds", Major::Guild(guild))
    }

    /// Reads the channels of a guild.
    #[must_use]
    pub const fn list_channels(guild: u64) -> Self {
        Self::bot("GET guilds/channels", Major::Guild(guild))
    }

    /// Reads a member of a guild.
    #[must_use]
    pub const fn read_member(guild: u64) -> Self {
        Self::bot("GET guilds/members", Major::Guild(guild))
    }

    /// Method and path, without ids.
    #[must_use]
    pub const fn template(&self) -> &'static str {
        self.template
    }

    /// The resource that limits are counted for.
    #[must_use]
    pub const fn major(&self) -> Major {
        self.major
    }

    /// Which of Discord's limits apply.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    const fn bot(template: &'static str, major: Major) -> Self {
        Self {
            template,
            major,
            class: Class::Bot,
        }
    }

    fn token(template: &'static str, token: &str) -> Self {
        Self {
            template,
            major: Major::Token(digest(token)),
            class: Class::Token,
        }
    }
}

/// What repeating a call after an unknown outcome would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// The same as doing it once.
    Safe,
    /// The same, for the few minutes in which Discord remembers the nonce.
    ByNonce,
    /// Something else: look first whether it was done.
    Never,
}

/// One call of the REST interface.
#[derive(Clone)]
pub struct Call {
    route: Route,
    method: Method,
    path: String,
    body: Body,
    repeat: Repeat,
}

/// What a call carries.
#[derive(Clone)]
pub enum Body {
    /// Nothing.
    None,
    /// A JSON text.
    Json(Bytes),
    /// A form with a JSON text and files.
    Form {
        /// The `Content-Type` with the form's boundary.
        content_type: String,
        /// The encoded form.
        pieces: Vec<Piece>,
    },
}

impl Call {
    /// A call from its parts; `path` has no leading slash and may end in a query.
    #[must_use]
    pub fn new(route: Route, method: Method, path: String, body: Body, repeat: Repeat) -> Self {
        Self {
            route,
            method,
            path,
            body,
            repeat,
        }
    }

    /// What the limiter counts it under.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Path and query without a leading slash. May hold an interaction's token: not for logs.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What it carries.
    #[must_use]
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// What repeating it would do.
    #[must_use]
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// True when the bot's token is sent along.
    #[must_use]
    pub fn is_authorised_by_bot(&self) -> bool {
        self.route.class == Class::Bot
    }

    /// The time after which its outcome counts as unknown, from dialling to the last byte of the answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match (self.route.class, &self.body) {
            (Class::Callback, _) => CALLBACK_TIMEOUT,
            (Class::Bot | Class::Token, Body::Form { .. }) => UPLOAD_TIMEOUT,
            (Class::Bot | Class::Token, Body::None | Body::Json(_)) => CALL_TIMEOUT,
        }
    }
}

impl fmt::Debug for Call {
    /// The route only: paths hold tokens, bodies hold what people wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({}, {:?})", self.route.template, self.route.major)
    }
}

fn digest(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_print_no_token() {
        let call = Call::new(
            Route::callback("hush"),
            Method::POST,
            "interactions/1/hush/callback".to_owned(),
            Body::Json(Bytes::from_static(b"{\"content\":\"hush\"}")),
            Repeat::Never,
        );
        assert!(!format!("{call:?} {:?}", call.route()).contains("hush"));
        assert_eq!(call.timeout(), CALLBACK_TIMEOUT);
        assert!(!call.is_authorised_by_bot());
    }
}
