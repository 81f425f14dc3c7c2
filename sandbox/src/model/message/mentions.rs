//! Who a message pings: `allowed_mentions`, its defaults, and the search of texts for mentions.
//!
//! Mentions inside code are resolved too. Discord's clients draw those as text, but a bot that relies on that breaks
//! as soon as the code fence does, so the sandbox is the stricter judge.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::Form;
use crate::field::{Fields, as_id, join, not_among};
use crate::snowflake::Snowflake;

/// Ids that `users` and `roles` of `allowed_mentions` may hold each (Discord's documentation of the object).
const IDS_MAX: usize = 100;

/// Mentions looked at per message; a text of 4,000 characters cannot hold more than this.
const FOUND_MAX: usize = 1000;

/// Which kinds and ids of mentions a request lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    users: Which,
    roles: Which,
    everyone: bool,
    /// Whether a reply pings whom it replies to.
    pub(crate) replied_user: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Which {
    All,
    Listed(BTreeSet<Snowflake>),
}

impl Which {
    fn lets(&self, id: Snowflake) -> bool {
        match self {
            Self::All => true,
            Self::Listed(ids) => ids.contains(&id),
        }
    }
}

impl Allowed {
    /// What holds for a message sent without `allowed_mentions`: everything pings.
    pub(crate) const fn by_default() -> Self {
        Self {
            users: Which::All,
            roles: Which::All,
            everyone: true,
            replied_user: true,
        }
    }

    /// Lets nothing through, as for what Discord itself writes.
    pub(crate) const fn nobody() -> Self {
        Self {
            users: Which::Listed(BTreeSet::new()),
            roles: Which::Listed(BTreeSet::new()),
            everyone: false,
            replied_user: false,
        }
    }

    /// What holds for an interaction's answer without `allowed_mentions`: users only.
    pub(crate) const fn by_default_of_interactions() -> Self {
        Self {
            users: Which::All,
            roles: Which::Listed(BTreeSet::new()),
            everyone: false,
            replied_user: false,
        }
    }

    /// Reads `allowed_mentions` of a body; `None` when it was not sent.
    pub(crate) fn read(body: Fields<'_>, form: &mut Form) -> Option<Self> {
        let map = body.object(form, "allowed_mentions")?;
        let path = body.path("allowed_mentions");
        let fields = Fields::new(map, &path);
        let mut parse = BTreeSet::new();
        for (index, kind) in fields
            .list(form, "parse", 0..=3)
            .into_iter()
            .flatten()
            .enumerate()
        {
            match kind.as_str() {
                Some(kind @ ("users" | "roles" | "everyone")) => _ = parse.insert(kind),
                Some(_) | None => {
                    not_among(
                        form,
                        &join(&join(&path, "parse"), index),
                        "'everyone', 'roles', 'users'",
                    );
                }
            }
        }
        Some(Self {
            users: Self::which(map, fields, form, "users", parse.contains("users")),
            roles: Self::which(map, fields, form, "roles", parse.contains("roles")),
            everyone: parse.contains("everyone"),
            replied_user: fields.flag(form, "replied_user").unwrap_or(false),
        })
    }

    fn which(
        map: &Map<String, Value>,
        fields: Fields<'_>,
        form: &mut Form,
        key: &'static str,
        all: bool,
    ) -> Which {
        let listed = fields.list(form, key, 0..=IDS_MAX);
        if all && listed.is_some_and(|list| !list.is_empty()) {
            let message = format!("parse:[\"{key}\"] and {key}: [ids...] are mutually exclusive.");
            form.fault(
                &fields.path(key),
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                message,
            );
        }
        if all {
            return Which::All;
        }
        let ids = map.get(key).and_then(Value::as_array).into_iter().flatten();
        Which::Listed(ids.filter_map(as_id).collect())
    }
}

/// The people and roles that a message pinged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    pub(crate) users: Vec<Snowflake>,
    pub(crate) roles: Vec<Snowflake>,
    pub(crate) everyone: bool,
}

impl Mentions {
    /// No ping.
    pub(crate) const fn none() -> Self {
        Self {
            users: Vec::new(),
            roles: Vec::new(),
            everyone: false,
        }
    }

    /// Finds the mentions in `texts` that are allowed; `pings` says which of them mean someone here, and may be made by the
    /// author.
    pub(crate) fn resolve<'a>(
        texts: impl Iterator<Item = &'a str>,
        allowed: &Allowed,
        pings: impl Fn(Mention) -> bool,
    ) -> Self {
        let mut found = Self::none();
        for mention in texts.flat_map(Scan::new).take(FOUND_MAX) {
            match mention {
                Mention::User(id) if allowed.users.lets(id) && pings(mention) => {
                    push_new(&mut found.users, id)
                }
                Mention::Role(id) if allowed.roles.lets(id) && pings(mention) => {
                    push_new(&mut found.roles, id);
                }
                Mention::Everyone => found.everyone |= allowed.everyone && pings(mention),
                Mention::User(_) | Mention::Role(_) => {}
            }
        }
        found
    }

    /// The record of it in a transcript.
    pub(crate) fn json(&self) -> Value {
        json!({"users": self.users, "roles": self.roles, "everyone": self.everyone})
    }
}

/// Adds an id that is not in the list yet.
pub(crate) fn push_new(list: &mut Vec<Snowflake>, id: Snowflake) {
    if !list.contains(&id) {
        list.push(id);
    }
}

/// What a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mention {
    User(Snowflake),
    Role(Snowflake),
    Everyone,
}

/// Walks a text from mention to mention.
struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }
}

impl Iterator for Scan<'_> {
    type Item = Mention;

    fn next(&mut self) -> Option<Mention> {
        while let Some(at) = self.rest.find('@') {
            let (before, after) = (self.rest.get(..at)?, self.rest.get(at + 1..)?);
            self.rest = after;
            if after.starts_with("everyone") || after.starts_with("here") {
                return Some(Mention::Everyone);
            }
            if !before.ends_with('<') {
                continue;
            }
            let Some((inside, _)) = after.split_once('>') else {
                continue;
            };
            if let Some(id) = inside.strip_prefix('&').and_then(|id| id.parse().ok()) {
                return Some(Mention::Role(id));
            }
            if let Ok(id) = inside.strip_prefix('!').unwrap_or(inside).parse() {
                return Some(Mention::User(id));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATOR: &str = "4001";
    const ROLE: &str = "5001";

    fn check(text: &str, allowed: &Value, mass: bool) -> Mentions {
        let body = json!({"allowed_mentions": allowed});
        let mut form = Form::default();
        let read = Allowed::read(Fields::new(body.as_object().unwrap(), ""), &mut form);
        assert!(form.is_clean());
        let text = text.replace("OPERATOR", OPERATOR).replace("ROLE", ROLE);
        let allowed = read.unwrap_or_else(Allowed::by_default);
        let is = |id: Snowflake, known: &str| id.to_string() == known;
        Mentions::resolve(
            std::iter::once(text.as_str()),
            &allowed,
            |mention| match mention {
                Mention::User(id) => is(id, OPERATOR),
                Mention::Role(id) => is(id, ROLE),
                Mention::Everyone => mass,
            },
        )
    }

    #[test]
    fn by_default_everything_pings() {
        let found = check(
            "a <@OPERATOR> b <@!OPERATOR> <@&ROLE> @everyone <@ROLE> <@&OPERATOR>",
            &Value::Null,
            true,
        );
        assert_eq!(
            (found.users.len(), found.roles.len(), found.everyone),
            (1, 1, true)
        );
    }

    #[test]
    fn an_empty_parse_pings_nobody() {
        let found = check("<@OPERATOR> <@&ROLE> @here", &json!({"parse": []}), true);
        assert_eq!(found, Mentions::none());
    }

    #[test]
    fn fences_do_not_hide_a_mention() {
        assert!(check("```\n@everyone\n```", &Value::Null, true).everyone);
    }

    #[test]
    fn everyone_needs_the_permission() {
        assert!(!check("@everyone", &Value::Null, false).everyone);
    }

    #[test]
    fn broken_mentions_are_text() {
        let found = check("<@> <@&> <@x> <@99 @ever <@12345678", &Value::Null, true);
        assert_eq!(found, Mentions::none());
    }

    #[test]
    fn parse_and_ids_exclude_each_other() {
        let body = json!({"allowed_mentions": {"parse": ["users"], "users": ["1"]}});
        let mut form = Form::default();
        Allowed::read(Fields::new(body.as_object().unwrap(), ""), &mut form);
        let errors = form.finish().unwrap_err().body();
        assert!(errors["errors"]["allowed_mentions"]["users"]["_errors"][0].is_object());
    }
}
