//! The routes: method, path template, who may call, rate limit and handler, in one table.

use std::sync::LazyLock;

use super::call::{Call, Reply};
use super::{body, callback, guilds, messages, registry, threads, users, webhooks};
use crate::error::{ApiError, Known, METHOD_NOT_ALLOWED, NOT_FOUND};
use crate::limits::Bucket;
use crate::world::World;

/// What a route does.
type Handler = fn(&mut World, &Call) -> Result<Reply, ApiError>;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `Authorization: Bot TOKEN`.
    Bot,
    /// Anyone, or whoever knows the token in the path.
    Open,
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

type Row = (&'static str, &'static str, (u64, u64), Handler);

const TABLE: &[Row] = &[
    ("GET", "/gateway", LOOSE, users::gateway),
    ("GET", "/gateway/bot", LOOSE, users::gateway_bot),
    ("GET", "/users/@me", LOOSE, users::me),
    ("GET", "/users/@me/guilds", LOOSE, guilds::mine),
    ("POST", "/users/@me/channels", WRITE, users::open_dm),
    ("GET", "/users/{user_id}", LOOSE, users::user),
    ("GET", "/applications/@me", LOOSE, users::application),
    ("GET", "/oauth2/applications/@me", LOOSE, users::application),
    (
        "GET",
        "/soundboard-default-sounds",
        LOOSE,
        users::empty_list,
    ),
    ("GET", "/voice/regions", LOOSE, users::empty_list),
    (
        "GET",
        "/applications/{application_id}/commands",
        LOOSE,
        registry::list,
    ),
    (
        "PUT",
        "/applications/{application_id}/commands",
        LOOSE,
        registry::replace,
    ),
    (
        "POST",
        "/applications/{application_id}/commands",
        LOOSE,
        registry::create,
    ),
    (
        "GET",
        "/applications/{application_id}/commands/{command_id}",
        LOOSE,
        registry::read,
    ),
    (
        "PATCH",
        "/applications/{application_id}/commands/{command_id}",
        LOOSE,
        registry::change,
    ),
    (
        "DELETE",
        "/applications/{application_id}/commands/{command_id}",
        LOOSE,
        registry::delete,
    ),
    (
        "GET",
        "/applications/{application_id}/guilds/{guild_id}/commands",
        LOOSE,
        registry::list,
    ),
    (
        "PUT",
        "/applications/{application_id}/guilds/{guild_id}/commands",
        LOOSE,
        registry::replace,
    ),
    (
        "POST",
        "/applications/{application_id}/guilds/{guild_id}/commands",
        LOOSE,
        registry::create,
    ),
    (
        "GET",
        "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}",
        LOOSE,
        registry::read,
    ),
    (
        "PATCH",
        "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}",
        LOOSE,
        registry::change,
    ),
    (
        "DELETE",
        "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}",
        LOOSE,
        registry::delete,
    ),
    (
        "POST",
        "/interactions/{interaction_id}/{interaction_token}/callback",
        WRITE,
        callback::answer,
    ),
    (
        "POST",
        "/webhooks/{webhook_id}/{webhook_token}",
        WRITE,
        webhooks::follow_up,
    ),
    (
        "GET",
        "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}",
        WRITE,
        webhooks::read,
    ),
    (
        "PATCH",
        "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}",
        WRITE,
        webhooks::edit,
    ),
    (
        "DELETE",
        "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}",
        WRITE,
        webhooks::delete,
    ),
    (
        "GET",
        "/channels/{channel_id}",
        LOOSE,
        threads::read_channel,
    ),
    (
        "PATCH",
        "/channels/{channel_id}",
        LOOSE,
        threads::change_channel,
    ),
    (
        "DELETE",
        "/channels/{channel_id}",
        LOOSE,
        threads::delete_channel,
    ),
    (
        "POST",
        "/channels/{channel_id}/typing",
        WRITE,
        threads::typing,
    ),
    (
        "GET",
        "/channels/{channel_id}/messages",
        LOOSE,
        messages::list,
    ),
    (
        "POST",
        "/channels/{channel_id}/messages",
        WRITE,
        messages::create,
    ),
    (
        "PUT",
        "/channels/{channel_id}/messages/pins/{message_id}",
        WRITE,
        messages::pin,
    ),
    (
        "DELETE",
        "/channels/{channel_id}/messages/pins/{message_id}",
        WRITE,
        messages::unpin,
    ),
    (
        "PUT",
        "/channels/{channel_id}/pins/{message_id}",
        WRITE,
        messages::pin,
    ),
    (
        "DELETE",
        "/channels/{channel_id}/pins/{message_id}",
        WRITE,
        messages::unpin,
    ),
    (
        "GET",
        "/channels/{channel_id}/messages/{message_id}",
        LOOSE,
        messages::read,
    ),
    (
        "PATCH",
        "/channels/{channel_id}/messages/{message_id}",
        WRITE,
        messages::edit,
    ),
    (
        "DELETE",
        "/channels/{channel_id}/messages/{message_id}",
        WRITE,
        messages::delete,
    ),
    (
        "PUT",
        "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me",
        WRITE,
        messages::react,
    ),
    (
        "DELETE",
        "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me",
        WRITE,
        messages::unreact,
    ),
    (
        "POST",
        "/channels/{channel_id}/messages/{message_id}/threads",
        LOOSE,
        threads::start_from_message,
    ),
    (
        "POST",
        "/channels/{channel_id}/threads",
        LOOSE,
        threads::start,
    ),
    (
        "GET",
        "/channels/{channel_id}/threads/archived/public",
        LOOSE,
        threads::archived,
    ),
    (
        "GET",
        "/channels/{channel_id}/thread-members",
        LOOSE,
        threads::members,
    ),
    (
        "PUT",
        "/channels/{channel_id}/thread-members/{user_id}",
        WRITE,
        threads::join,
    ),
    (
        "DELETE",
        "/channels/{channel_id}/thread-members/{user_id}",
        WRITE,
        threads::leave,
    ),
    ("GET", "/guilds/{guild_id}", LOOSE, guilds::read),
    (
        "GET",
        "/guilds/{guild_id}/channels",
        LOOSE,
        guilds::channels,
    ),
    ("GET", "/guilds/{guild_id}/roles", LOOSE, guilds::roles),
    ("GET", "/guilds/{guild_id}/members", LOOSE, guilds::members),
    (
        "GET",
        "/guilds/{guild_id}/members/{user_id}",
        LOOSE,
        guilds::member,
    ),
    (
        "GET",
        "/guilds/{guild_id}/threads/active",
        LOOSE,
        guilds::active_threads,
    ),
];

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| TABLE.iter().map(Route::build).collect());

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
            auth: if open { Auth::Open } else { Auth::Bot },
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
