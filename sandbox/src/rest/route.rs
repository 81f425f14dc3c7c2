//! Finds the route of a request: method, path template, who may call, rate limit and handler.
//!
//! The rows are in `table`.

use std::sync::LazyLock;

use super::body;
use super::call::{Call, Caller, Reply};
use crate::error::{ApiError, Known, METHOD_NOT_ALLOWED, NOT_FOUND};
use crate::limits::Bucket;
use crate::world::World;

mod table;

use table::TABLES;

/// What a route does.
type Handler = fn(&mut World, &Call) -> Result<Reply, ApiError>;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `Authorization: Bot TOKEN`.
    Bot,
    /// That, or `Authorization: Bearer TOKEN` of a person.
    BotOrPerson,
    /// Anyone, or whoever knows the token in the path.
    Open,
}

impl Auth {
    /// Whether this caller may go on.
    pub(crate) const fn lets(self, caller: Caller) -> bool {
        match self {
            Self::Bot => matches!(caller, Caller::Bot),
            Self::BotOrPerson => matches!(caller, Caller::Bot | Caller::Person(_)),
            Self::Open => true,
        }
    }
}

/// One route.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) auth: Auth,
    pub(crate) bucket: Bucket,
    pub(crate) handler: Handler,
    segments: Vec<Segment>,
}

#[derive(Debug)]
enum Segment {
    Fixed(&'static str),
    Param(&'static str),
}

/// Path parameters that give a bucket its own window.
const MAJOR: [&str; 5] = [
    "channel_id",
    "guild_id",
    "webhook_id",
    "webhook_token",
    "interaction_token",
];

/// Five per five seconds, for what writes into a channel.
const WRITE: (u64, u64) = (5, 5000);
/// For all that reads or changes rarely.
const LOOSE: (u64, u64) = (30, 5000);

/// No bucket at all: Discord sends no headers of one for answers to interactions, and hikari reports it if one does.
const FREE: (u64, u64) = (0, 0);

type Row = (&'static str, &'static str, (u64, u64), Handler);

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    TABLES
        .iter()
        .flat_map(|area| area.iter())
        .map(Route::build)
        .collect()
});

impl Route {
    fn build(&(method, template, (limit, window_ms), handler): &Row) -> Self {
        let by_token = template.starts_with("/webhooks/") || template.starts_with("/interactions/");
        let open = by_token || template == "/gateway";
        let segments = template.split('/').skip(1).map(|segment| {
            let inner = segment
                .strip_prefix('{')
                .and_then(|rest| rest.strip_suffix('}'));
            inner.map_or(Segment::Fixed(segment), Segment::Param)
        });
        Self {
            auth: if open {
                Auth::Open
            } else if template.ends_with("/permissions") {
                Auth::BotOrPerson
            } else {
                Auth::Bot
            },
            // Interaction endpoints are not bound to the global limit (Discord's page on rate limits).
            bucket: Bucket {
                method,
                route: template,
                limit,
                window_ms,
                global: !by_token,
            },
            handler,
            segments: segments.collect(),
        }
    }

    fn matches(&self, path: &[String]) -> Option<Vec<(&'static str, String)>> {
        if path.len() != self.segments.len() {
            return None;
        }
        let mut params = Vec::new();
        for (segment, given) in self.segments.iter().zip(path) {
            match segment {
                Segment::Fixed(text) if text == given => {}
                Segment::Param(name) if !given.is_empty() => params.push((*name, given.clone())),
                Segment::Fixed(_) | Segment::Param(_) => return None,
            }
        }
        Some(params)
    }
}

/// A request's route and path parameters.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) route: &'static Route,
    pub(crate) params: Vec<(&'static str, String)>,
}

impl Found {
    /// The major parameters together, which name the bucket's window.
    pub(crate) fn major(&self) -> String {
        let major = self.params.iter().filter(|(name, _)| MAJOR.contains(name));
        major
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
            .join("/")
    }
}

/// All routes.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter()
}

/// Finds the route of a path below `/api/v10`.
pub(crate) fn find(method: &str, path: &str) -> Result<Found, Known> {
    let segments: Vec<String> = path.split('/').skip(1).map(body::percent_decode).collect();
    let mut other_method = false;
    for route in ROUTES.iter() {
        let Some(params) = route.matches(&segments) else {
            continue;
        };
        if route.bucket.method == method {
            return Ok(Found { route, params });
        }
        other_method = true;
    }
    Err(if other_method {
        METHOD_NOT_ALLOWED
    } else {
        NOT_FOUND
    })
}

/// The part of a path below `/api/v10`, `/api/v9` or `/api`; `None` outside of them.
pub(crate) fn below_api(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/api")?;
    ["/v10", "/v9"]
        .iter()
        .find_map(|version| rest.strip_prefix(version))
        .or(Some(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_literal_route_wins() {
        let find = |method, path| find(method, path).map(|found| found.route.bucket.route);
        assert_eq!(find("GET", "/users/@me"), Ok("/users/@me"));
        assert_eq!(find("GET", "/users/1"), Ok("/users/{user_id}"));
        assert_eq!(
            find("PUT", "/channels/1/messages/pins/2"),
            Ok("/channels/{channel_id}/messages/pins/{message_id}")
        );
        assert_eq!(find("PUT", "/users/@me"), Err(METHOD_NOT_ALLOWED));
        assert_eq!(find("GET", "/nope"), Err(NOT_FOUND));
        assert_eq!(find("GET", "/users/"), Err(NOT_FOUND));
    }

    #[test]
    fn encoded_segments_are_decoded() {
        let found = find("GET", "/webhooks/1/t/messages/%40original").unwrap();
        assert_eq!(found.params[2], ("message_id", "@original".to_owned()));
        assert_eq!(found.major(), "1/t");
    }

    #[test]
    fn versions_are_cut_off() {
        assert_eq!(below_api("/api/v10/gateway"), Some("/gateway"));
        assert_eq!(below_api("/api/gateway"), Some("/gateway"));
        assert_eq!(below_api("/sandbox"), None);
    }
}
