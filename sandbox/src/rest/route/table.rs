//! The table of routes by area: method, path template, rate limit, handler. One line per route.
//!
//! The first match wins, so a literal segment stands before a parameter in the same place.

use super::super::{
    callback, guilds, messages, overrides, pins, reactions, registry, threads, users, webhooks,
};
use super::{FREE, LOOSE, Row, WRITE};

/// All routes.
pub(super) const TABLES: [&[Row]; 7] = [
    LOGIN,
    COMMANDS,
    INTERACTIONS,
    CHANNELS,
    MESSAGES,
    THREADS,
    GUILDS,
];

/// The gateway, the bot itself, and what clients ask for before they are ready.
#[rustfmt::skip]
const LOGIN: &[Row] = &[
    ("GET", "/gateway", LOOSE, users::gateway),
    ("GET", "/gateway/bot", LOOSE, users::gateway_bot),
    ("GET", "/users/@me", LOOSE, users::me),
    ("GET", "/users/@me/guilds", LOOSE, guilds::mine),
    ("POST", "/users/@me/channels", WRITE, users::open_dm),
    ("GET", "/users/{user_id}", LOOSE, users::user),
    ("GET", "/applications/@me", LOOSE, users::application),
    ("GET", "/oauth2/applications/@me", LOOSE, users::application),
    ("GET", "/soundboard-default-sounds", LOOSE, users::empty_list),
    ("GET", "/voice/regions", LOOSE, users::empty_list),
];

/// Registering commands.
#[rustfmt::skip]
const COMMANDS: &[Row] = &[
    ("GET", "/applications/{application_id}/commands", LOOSE, registry::list),
    ("PUT", "/applications/{application_id}/commands", LOOSE, registry::replace),
    ("POST", "/applications/{application_id}/commands", LOOSE, registry::create),
    ("GET", "/applications/{application_id}/commands/{command_id}", LOOSE, registry::read),
    ("PATCH", "/applications/{application_id}/commands/{command_id}", LOOSE, registry::change),
    ("DELETE", "/applications/{application_id}/commands/{command_id}", LOOSE, registry::delete),
    ("GET", "/applications/{application_id}/guilds/{guild_id}/commands", LOOSE, registry::list),
    ("PUT", "/applications/{application_id}/guilds/{guild_id}/commands", LOOSE, registry::replace),
    ("POST", "/applications/{application_id}/guilds/{guild_id}/commands", LOOSE, registry::create),
    ("GET", "/applications/{application_id}/guilds/{guild_id}/commands/permissions", LOOSE, overrides::list),
    ("GET", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}", LOOSE, registry::read),
    ("PATCH", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}", LOOSE, registry::change),
    ("DELETE", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}", LOOSE, registry::delete),
    ("GET", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}/permissions", LOOSE, overrides::read),
    ("PUT", "/applications/{application_id}/guilds/{guild_id}/commands/{command_id}/permissions", LOOSE, overrides::replace),
];

/// Answering interactions, by their token.
#[rustfmt::skip]
const INTERACTIONS: &[Row] = &[
    ("POST", "/interactions/{interaction_id}/{interaction_token}/callback", FREE, callback::answer),
    ("POST", "/webhooks/{webhook_id}/{webhook_token}", WRITE, webhooks::follow_up),
    ("GET", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", WRITE, webhooks::read),
    ("PATCH", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", WRITE, webhooks::edit),
    ("DELETE", "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", WRITE, webhooks::delete),
];

/// Channels themselves.
#[rustfmt::skip]
const CHANNELS: &[Row] = &[
    ("GET", "/channels/{channel_id}", LOOSE, threads::read_channel),
    ("PATCH", "/channels/{channel_id}", LOOSE, threads::change_channel),
    ("DELETE", "/channels/{channel_id}", LOOSE, threads::delete_channel),
];

/// What stands in a channel.
#[rustfmt::skip]
const MESSAGES: &[Row] = &[
    ("POST", "/channels/{channel_id}/typing", WRITE, threads::typing),
    ("GET", "/channels/{channel_id}/messages", LOOSE, messages::list),
    ("POST", "/channels/{channel_id}/messages", WRITE, messages::create),
    ("POST", "/channels/{channel_id}/messages/bulk-delete", WRITE, messages::delete_many),
    ("GET", "/channels/{channel_id}/messages/pins", LOOSE, pins::page),
    ("PUT", "/channels/{channel_id}/messages/pins/{message_id}", WRITE, pins::pin),
    ("DELETE", "/channels/{channel_id}/messages/pins/{message_id}", WRITE, pins::unpin),
    ("GET", "/channels/{channel_id}/pins", LOOSE, pins::list),
    ("PUT", "/channels/{channel_id}/pins/{message_id}", WRITE, pins::pin),
    ("DELETE", "/channels/{channel_id}/pins/{message_id}", WRITE, pins::unpin),
    ("GET", "/channels/{channel_id}/messages/{message_id}", LOOSE, messages::read),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}", WRITE, messages::edit),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}", WRITE, messages::delete),
    ("PUT", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me", WRITE, reactions::add),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me", WRITE, reactions::remove_own),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}", WRITE, reactions::remove_of),
    ("GET", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}", LOOSE, reactions::list),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions/{emoji}", WRITE, reactions::remove_emoji),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}/reactions", WRITE, reactions::remove_all),
];

/// Threads and their members.
#[rustfmt::skip]
const THREADS: &[Row] = &[
    ("POST", "/channels/{channel_id}/messages/{message_id}/threads", LOOSE, threads::start_from_message),
    ("POST", "/channels/{channel_id}/threads", LOOSE, threads::start),
    ("GET", "/channels/{channel_id}/threads/archived/public", LOOSE, threads::archived),
    ("GET", "/channels/{channel_id}/thread-members", LOOSE, threads::members),
    ("PUT", "/channels/{channel_id}/thread-members/{user_id}", WRITE, threads::join),
    ("DELETE", "/channels/{channel_id}/thread-members/{user_id}", WRITE, threads::leave),
    ("GET", "/guilds/{guild_id}/threads/active", LOOSE, guilds::active_threads),
];

/// Guilds, their channels, roles and members.
#[rustfmt::skip]
const GUILDS: &[Row] = &[
    ("GET", "/guilds/{guild_id}", LOOSE, guilds::read),
    ("GET", "/guilds/{guild_id}/channels", LOOSE, guilds::channels),
    ("GET", "/guilds/{guild_id}/roles", LOOSE, guilds::roles),
    ("GET", "/guilds/{guild_id}/members", LOOSE, guilds::members),
    ("GET", "/guilds/{guild_id}/members/{user_id}", LOOSE, guilds::member),
];
