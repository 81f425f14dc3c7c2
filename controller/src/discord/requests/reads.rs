//! What is read of the bot itself and of the servers that it is in, at set-up and when somebody checks it.

use twilight_http::routing::Route as Path;

use super::read;
use crate::discord::call::{Call, Route};

/// Servers that one call lists (Discord).
const GUILDS_MAX: u16 = 200;

/// Whose token it is.
#[must_use]
pub fn me() -> Call {
    read(Route::ME, &Path::GetCurrentUser)
}

/// The application of the bot.
#[must_use]
pub fn application() -> Call {
    read(Route::APPLICATION, &Path::GetCurrentUserApplicationInfo)
}

/// The servers that the bot is in.
#[must_use]
pub fn guilds() -> Call {
    let path = Path::GetGuilds {
        after: None,
        before: None,
        limit: Some(GUILDS_MAX),
        shard: None,
    };
    read(Route::GUILDS, &path)
}

/// A server, with its roles.
#[must_use]
pub fn guild(guild: u64) -> Call {
    let path = Path::GetGuild {
        guild_id: guild,
        with_counts: false,
    };
    read(Route::read_guild(guild), &path)
}

/// The channels of a server.
#[must_use]
pub fn channels(guild: u64) -> Call {
    let path = Path::GetChannels { guild_id: guild };
    read(Route::list_channels(guild), &path)
}

/// A member of a server.
#[must_use]
pub fn member(guild: u64, user: u64) -> Call {
    let path = Path::GetMember {
        guild_id: guild,
        user_id: user,
    };
    read(Route::read_member(guild), &path)
}

/// The commands of the bot in a server, which only who may register them may read.
#[must_use]
pub fn commands(application: u64, guild: u64) -> Call {
    let path = Path::GetGuildCommands {
        application_id: application,
        guild_id: guild,
        with_localizations: None,
    };
    read(Route::list_commands(guild), &path)
}
