//! The table of routes by area: method, path template, rate limit, handler. One line per route.
//!
//! The first match wins, so a literal segment stands before a parameter in the same place.

use super::super::channels::overwrites;
use super::super::threads::{self, lists, members as thread_members};
use super::super::{
    applications, bans, callback, channels, guilds, members, messages, overrides, pins, reactions,
    registry, roles, typing, users, webhooks,
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
    ("PATCH", "/users/@me", LOOSE, users::change_me),
    ("GET", "/users/@me/guilds", LOOSE, guilds::mine),
    ("DELETE", "/users/@me/guilds/{guild_id}", LOOSE, guilds::leave),
    ("GET", "/users/@me/channels", LOOSE, users::direct),
    ("POST", "/users/@me/channels", WRITE, users::open_dm),
    ("GET", "/users/{user_id}", LOOSE, users::user),
    ("GET", "/applications/@me", LOOSE, applications::read),
    ("PATCH", "/applications/@me", LOOSE, applications::change),
    ("GET", "/oauth2/applications/@me", LOOSE, applications::read),
    ("GET", "/applications/{application_id}", LOOSE, applications::read),
    ("PATCH", "/applications/{application_id}", LOOSE, applications::change),
    ("GET", "/applications/{application_id}/emojis", LOOSE, applications::no_emojis),
    ("GET", "/applications/{application_id}/role-connections/metadata", LOOSE, applications::nothing),
    ("GET", "/applications/{application_id}/entitlements", LOOSE, applications::nothing),
    ("GET", "/applications/{application_id}/skus", LOOSE, applications::nothing),
    ("GET", "/sticker-packs", LOOSE, users::no_stickers),
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
    ("GET", "/channels/{channel_id}", LOOSE, channels::read),
    ("PATCH", "/channels/{channel_id}", LOOSE, channels::change),
    ("DELETE", "/channels/{channel_id}", LOOSE, channels::delete),
    ("PUT", "/channels/{channel_id}/permissions/{overwrite_id}", LOOSE, overwrites::set),
    ("DELETE", "/channels/{channel_id}/permissions/{overwrite_id}", LOOSE, overwrites::delete),
    ("GET", "/guilds/{guild_id}/channels", LOOSE, channels::list),
    ("POST", "/guilds/{guild_id}/channels", LOOSE, channels::create),
    ("PATCH", "/guilds/{guild_id}/channels", LOOSE, channels::place),
];

/// What stands in a channel.
#[rustfmt::skip]
const MESSAGES: &[Row] = &[
    ("POST", "/channels/{channel_id}/typing", WRITE, typing::typing),
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
    ("GET", "/channels/{channel_id}/threads/archived/public", LOOSE, lists::archived_public),
    ("GET", "/channels/{channel_id}/threads/archived/private", LOOSE, lists::archived_private),
    ("GET", "/channels/{channel_id}/users/@me/threads/archived/private", LOOSE, lists::archived_joined),
    ("GET", "/guilds/{guild_id}/threads/active", LOOSE, lists::active),
    ("GET", "/channels/{channel_id}/thread-members", LOOSE, thread_members::list),
    ("GET", "/channels/{channel_id}/thread-members/{user_id}", LOOSE, thread_members::read),
    ("PUT", "/channels/{channel_id}/thread-members/{user_id}", WRITE, thread_members::join),
    ("DELETE", "/channels/{channel_id}/thread-members/{user_id}", WRITE, thread_members::leave),
];

/// Guilds, their roles, members and bans.
#[rustfmt::skip]
const GUILDS: &[Row] = &[
    ("GET", "/guilds/{guild_id}", LOOSE, guilds::read),
    ("PATCH", "/guilds/{guild_id}", LOOSE, guilds::change),
    ("GET", "/guilds/{guild_id}/preview", LOOSE, guilds::preview),
    ("GET", "/guilds/{guild_id}/roles", LOOSE, roles::list),
    ("POST", "/guilds/{guild_id}/roles", LOOSE, roles::create),
    ("PATCH", "/guilds/{guild_id}/roles", LOOSE, roles::place),
    ("GET", "/guilds/{guild_id}/roles/member-counts", LOOSE, roles::counts),
    ("GET", "/guilds/{guild_id}/roles/{role_id}", LOOSE, roles::read),
    ("PATCH", "/guilds/{guild_id}/roles/{role_id}", LOOSE, roles::change),
    ("DELETE", "/guilds/{guild_id}/roles/{role_id}", LOOSE, roles::delete),
    ("GET", "/guilds/{guild_id}/members", LOOSE, members::list),
    ("GET", "/guilds/{guild_id}/members/search", LOOSE, members::search),
    ("PATCH", "/guilds/{guild_id}/members/@me", LOOSE, members::change_me),
    ("PATCH", "/guilds/{guild_id}/members/@me/nick", LOOSE, members::rename_me),
    ("GET", "/guilds/{guild_id}/members/{user_id}", LOOSE, members::read),
    ("PATCH", "/guilds/{guild_id}/members/{user_id}", LOOSE, members::change),
    ("DELETE", "/guilds/{guild_id}/members/{user_id}", LOOSE, members::kick),
    ("PUT", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}", LOOSE, members::give_role),
    ("DELETE", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}", LOOSE, members::take_role),
    ("GET", "/guilds/{guild_id}/bans", LOOSE, bans::list),
    ("GET", "/guilds/{guild_id}/bans/{user_id}", LOOSE, bans::read),
    ("PUT", "/guilds/{guild_id}/bans/{user_id}", LOOSE, bans::create),
    ("DELETE", "/guilds/{guild_id}/bans/{user_id}", LOOSE, bans::delete),
    ("GET", "/guilds/{guild_id}/emojis", LOOSE, guilds::emojis),
    ("GET", "/guilds/{guild_id}/stickers", LOOSE, guilds::nothing),
    ("GET", "/guilds/{guild_id}/invites", LOOSE, guilds::nothing),
    ("GET", "/guilds/{guild_id}/webhooks", LOOSE, guilds::nothing),
    ("GET", "/guilds/{guild_id}/integrations", LOOSE, guilds::nothing),
    ("GET", "/guilds/{guild_id}/regions", LOOSE, guilds::nothing),
    ("GET", "/guilds/{guild_id}/scheduled-events", LOOSE, guilds::nothing),
    ("GET", "/guilds/{guild_id}/soundboard-sounds", LOOSE, guilds::no_sounds),
];
