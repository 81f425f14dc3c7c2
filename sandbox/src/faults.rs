//! Faults that a script orders for the next requests that match: rate limits, failures, late answers and none at all.

use crate::limits::{Limited, Scope};

/// Faults waiting at once.
const FAULTS_MAX: usize = 100;

/// What happens to a matching request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    RateLimit {
        retry_after_ms: u64,
        scope: Scope,
    },
    /// `after_commit`: the request is carried out, and its answer lost.
    Fail {
        status: u16,
        code: u32,
        message: String,
        after_commit: bool,
        delay_ms: u64,
    },
    /// The request is carried out, and its answer comes late.
    Delay {
        delay_ms: u64,
    },
    /// No answer comes. `after_commit`: the request is carried out all the same.
    Hang {
        after_commit: bool,
    },
}

impl Fault {
    /// The refusal, if it is a rate limit.
    pub(crate) fn limited(&self) -> Option<Limited> {
        match *self {
            Self::RateLimit {
                retry_after_ms,
                scope,
            } => Some(Limited {
                scope,
                retry_after_ms,
            }),
            Self::Fail { .. } | Self::Delay { .. } | Self::Hang { .. } => None,
        }
    }
}

/// Which requests a fault is for.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    /// The method in capitals; `None` is any.
    pub(crate) method: Option<String>,
    /// A path in which `*` stands for anything, with or without `/api/v10` in front.
    pub(crate) path_glob: String,
    /// How many requests it is for.
    pub(crate) count: u64,
}

/// The faults that wait.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<(Aim, Fault)>,
}

/// There are too many faults waiting already.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{FAULTS_MAX} faults are waiting already")]
pub(crate) struct TooMany;

impl Faults {
    /// Orders a fault, behind those ordered before.
    pub(crate) fn order(&mut self, aim: Aim, fault: Fault) -> Result<(), TooMany> {
        if self.waiting.len() >= FAULTS_MAX {
            return Err(TooMany);
        }
        if aim.count > 0 {
            self.waiting.push((aim, fault));
        }
        Ok(())
    }

    /// The fault for this request, used up by it. `path` is the whole one, `short` the one below `/api/v10`.
    pub(crate) fn take(&mut self, method: &str, path: &str, short: &str) -> Option<Fault> {
        let hit = |aim: &Aim| {
            aim.method.as_deref().is_none_or(|wanted| wanted == method)
                && (matches(&aim.path_glob, path) || matches(&aim.path_glob, short))
        };
        let index = self.waiting.iter().position(|(aim, _)| hit(aim))?;
        let (aim, fault) = self.waiting.get_mut(index)?;
        let fault = fault.clone();
        aim.count -= 1;
        if aim.count == 0 {
            self.waiting.remove(index);
        }
        Some(fault)
    }
}

/// Whether a glob matches: `*` is any run of characters, everything else itself.
fn matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    if !glob.contains('*') {
        return rest.is_empty();
    }
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, text, want) in [
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/b/c", true),
            ("/a/*", "/a/", true),
            ("*", "", true),
            ("/a", "/a/b", false),
            ("*messages", "/channels/1/messages", true),
            ("*messages", "/channels/1/messages/2", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*b*a", "xxaxxbxx", false),
        ] {
            assert_eq!(matches(glob, text), want, "{glob} {text}");
        }
    }

    #[test]
    fn a_fault_is_used_up() {
        let mut faults = Faults::default();
        let aim = Aim {
            method: Some("POST".into()),
            path_glob: "/channels/*".into(),
            count: 2,
        };
        let fault = Fault::RateLimit {
            retry_after_ms: 1,
            scope: Scope::User,
        };
        faults.order(aim, fault.clone()).unwrap();
        assert_eq!(
            faults.take("GET", "/api/v10/channels/1", "/channels/1"),
            None
        );
        for _ in 0..2 {
            assert_eq!(
                faults.take("POST", "/api/v10/channels/1", "/channels/1"),
                Some(fault.clone())
            );
        }
        assert_eq!(
            faults.take("POST", "/api/v10/channels/1", "/channels/1"),
            None
        );
    }
}
