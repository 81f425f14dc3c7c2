//! A hold: new runs are refused until somebody allows them again. By whom, since when and why stands with it, and every refusal says so.

use crate::principal::Principal;
use crate::text::{duration, shown};
use crate::view::{escape_markdown_cut, mention};

/// Characters of a reason.
pub const REASON_CHARS_MAX: usize = 200;

/// A hold that is younger is said with its hour alone, milliseconds.
const TODAY_MS: u64 = 12 * 60 * 60 * 1_000;

/// Whether new runs are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// They are.
    On {
        /// Why; empty where an earlier version wrote it down.
        reason: String,
    },
    /// They are allowed.
    Off,
}

/// A hold that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who began it; nothing when nobody knows any more.
    pub by: Option<Principal>,
    /// Since when, milliseconds since the Unix epoch; zero when nobody knows any more.
    pub since_ms: u64,
    /// Why; empty where an earlier version wrote it down.
    pub reason: String,
}

/// What became of a hold, or how it is with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldAnswer {
    /// It stands from now on.
    Began(Held),
    /// It ended.
    Ended,
    /// Nothing changed: it stands, or there is none.
    Stands(Option<Held>),
}

impl Hold {
    /// A hold for this reason.
    pub fn on(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::On { reason }
    }
}

impl Held {
    /// As chat says it: `On hold by <@3001> since <t:1795341000:t>: "db move".`
    #[must_use]
    pub fn in_chat(&self, now_ms: u64) -> String {
        let by = self.by.as_ref().map(mention);
        let style = match now_ms.saturating_sub(self.since_ms) {
            ..TODAY_MS => 't',
            TODAY_MS.. => 'f',
        };
        let since = format!("since <t:{}:{style}>", self.since_ms / 1_000);
        let reason = escape_markdown_cut(&self.reason, REASON_CHARS_MAX);
        self.sentence(by, &since, &reason)
    }

    /// As a terminal says it: `On hold by local:ann for 5m: "db move".`
    #[must_use]
    pub fn in_terminal(&self, now_ms: u64) -> String {
        let by = self.by.as_ref().map(ToString::to_string);
        let since = format!("for {}", duration(now_ms.saturating_sub(self.since_ms)));
        let reason = shown(&self.reason, REASON_CHARS_MAX);
        self.sentence(by, &since, &reason)
    }

    /// What is not known is not said.
    fn sentence(&self, by: Option<String>, since: &str, reason: &str) -> String {
        let mut text = "On hold".to_owned();
        if let Some(by) = by {
            text.push_str(" by ");
            text.push_str(&by);
        }
        if self.since_ms > 0 {
            text.push(' ');
            text.push_str(since);
        }
        if !reason.is_empty() {
            text.push_str(&format!(": \"{reason}\""));
        }
        text.push('.');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(by: Option<Principal>, since_ms: u64, reason: &str) -> Held {
        let reason = reason.to_owned();
        Held {
            by,
            since_ms,
            reason,
        }
    }

    #[test]
    fn by_whom_since_when_and_why_is_said_as_far_as_it_is_known() {
        let at = 1_795_341_000_000;
        let ann = held(Some(Principal::Discord(3)), at, "db move");
        let root = held(
            Some(Principal::Local("root".into())),
            at,
            "# *all* <@5>\n`x`",
        );
        let old = held(None, 0, "");
        let told = |held: &Held, now_ms| (held.in_chat(now_ms), held.in_terminal(now_ms));
        let ten = at + 10 * 60_000;
        assert_eq!(
            told(&ann, ten),
            (
                "On hold by <@3> since <t:1795341000:t>: \"db move\".".to_owned(),
                "On hold by discord:3 for 10m: \"db move\".".to_owned()
            )
        );
        let late = at + TODAY_MS;
        assert!(ann.in_chat(late).contains("<t:1795341000:f>"));
        let (chat, terminal) = told(&root, ten);
        assert!(!chat.contains("<@5>") && !chat.contains('\n'), "{chat}");
        assert!(!chat.contains(" *all*"), "{chat}");
        assert!(!terminal.contains('\n'), "{terminal}");
        let plain = "On hold.".to_owned();
        assert_eq!(told(&old, ten), (plain.clone(), plain));
    }
}
