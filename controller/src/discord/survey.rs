//! Looks at Discord as the bot: who it is, how often it may still log in, and what it finds in the servers that it is to serve. Only
//! reads, over the one sender; what is wrong with any of it is judged elsewhere.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::answers::{Answer, Gateway, snowflake};
use super::call::Call;
use super::error::SendError;
use super::requests::read_channel;
use super::requests::read_gateway;
use super::requests::reads;
use super::sender::Sender;

/// Channels of other servers that are looked up by themselves: a configuration has few, and each costs a call.
const STRAYS_MAX: usize = 25;

/// All that was found.
#[derive(Debug)]
pub struct Survey {
    /// The time that Discord says, as its header has it, and ours at that moment, milliseconds since the Unix epoch.
    pub clock: Option<(String, u64)>,
    /// Whose token it is.
    pub me: Result<User, SendError>,
    /// All else, when Discord said whose token it is.
    pub found: Option<Found>,
}

/// What was found with a token that Discord takes.
#[derive(Debug)]
pub struct Found {
    /// The application of the bot.
    pub application: Result<Application, SendError>,
    /// How often the bot may still log in.
    pub gateway: Result<Gateway, SendError>,
    /// The servers that were asked for, in their order.
    pub guilds: Vec<Looked>,
    /// Channels that are in none of these.
    pub strays: Vec<(u64, Stray)>,
}

/// One server.
#[derive(Debug)]
pub struct Looked {
    /// Its id.
    pub id: u64,
    /// What is there.
    pub guild: Result<Guild, SendError>,
    /// Whether the bot may register commands there.
    pub commands: Result<(), SendError>,
}

/// Where a channel is that is in no server that was asked for.
#[derive(Debug)]
pub enum Stray {
    /// In another server.
    Elsewhere(u64),
    /// It is there, but the bot does not see it: so it is in another server, or is no channel of one.
    Hidden,
    /// There is no such channel.
    Unknown,
    /// That could not be asked.
    Unasked(SendError),
}

/// Somebody with an account.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// Their id.
    #[serde(deserialize_with = "snowflake")]
    pub id: u64,
    /// Their name.
    pub username: String,
    /// A bot, and not a person.
    #[serde(default)]
    pub bot: bool,
}

/// An application.
#[derive(Clone, Debug, Deserialize)]
pub struct Application {
    /// Its id.
    #[serde(deserialize_with = "snowflake")]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it was granted, among others.
    #[serde(default)]
    pub flags: u64,
    /// Anybody may invite it.
    #[serde(default)]
    pub bot_public: bool,
    /// An invite needs a server of its own that answers.
    #[serde(default)]
    pub bot_require_code_grant: bool,
}

/// A server, as a list of the bot's servers has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Mine {
    /// Its id.
    #[serde(deserialize_with = "snowflake")]
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// A server that the bot is in.
#[derive(Clone, Debug)]
pub struct Guild {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner: u64,
    /// Its roles; that of everyone has the server's own id.
    pub roles: Vec<Role>,
    /// The roles that the bot has.
    pub bots_roles: Vec<u64>,
    /// Its channels, without threads.
    pub channels: Vec<Channel>,
}

/// A role.
#[derive(Clone, Debug, Deserialize)]
pub struct Role {
    /// Its id.
    #[serde(deserialize_with = "snowflake")]
    pub id: u64,
    /// Its name.
    pub name: String,
    /// What it gives.
    #[serde(deserialize_with = "bits")]
    pub permissions: u64,
}

/// A channel of a server.
#[derive(Clone, Debug, Deserialize)]
pub struct Channel {
    /// Its id.
    #[serde(deserialize_with = "snowflake")]
    pub id: u64,
    /// What kind of channel, as Discord numbers it.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// What it gives and takes.
    #[serde(rename = "permission_overwrites", default)]
    pub overwrites: Vec<Overwrite>,
}

impl Channel {
    /// People write in it, and threads can be opened there.
    #[must_use]
    pub const fn takes_messages(&self) -> bool {
        // A text channel, and one for announcements.
        matches!(self.kind, 0 | 5)
    }
}

/// What a channel gives and takes of somebody.
#[derive(Clone, Debug, Deserialize)]
pub struct Overwrite {
    /// The role, or the member.
    #[serde(deserialize_with = "snowflake")]
    pub id: u64,
    /// Of one member, and not of a role.
    #[serde(rename = "type", deserialize_with = "is_member")]
    pub of_member: bool,
    /// What it gives.
    #[serde(deserialize_with = "bits")]
    pub allow: u64,
    /// What it takes.
    #[serde(deserialize_with = "bits")]
    pub deny: u64,
}

impl Survey {
    /// Looks at the bot, and at these servers and channels. `now_ms` reads the wall clock.
    pub async fn take(
        sender: &Sender,
        guilds: &[u64],
        channels: &BTreeSet<u64>,
        now_ms: fn() -> u64,
    ) -> Self {
        let answer = sender.call(&reads::me()).await;
        let clock = answer
            .as_ref()
            .ok()
            .and_then(|answer| date(answer, now_ms()));
        let me = answer.and_then(|answer| answer.json::<User>());
        let found = match &me {
            Ok(me) => Some(Found::take(sender, me.id, guilds, channels).await),
            Err(_) => None,
        };
        Self { clock, me, found }
    }
}

impl Found {
    async fn take(sender: &Sender, bot: u64, guilds: &[u64], channels: &BTreeSet<u64>) -> Self {
        let application: Result<Application, SendError> = read(sender, &reads::application()).await;
        let id = application
            .as_ref()
            .map_or(bot, |application| application.id);
        let mut found = Self {
            application,
            gateway: sender
                .call(&read_gateway())
                .await
                .and_then(|answer| answer.gateway()),
            guilds: Vec::new(),
            strays: Vec::new(),
        };
        for guild in guilds {
            let commands = reads::commands(id, *guild);
            found.guilds.push(Looked {
                id: *guild,
                guild: look(sender, *guild, bot).await,
                commands: sender.call(&commands).await.map(drop),
            });
        }
        let known: BTreeSet<u64> = found.channels().map(|(_, channel)| channel.id).collect();
        for channel in channels.difference(&known).take(STRAYS_MAX) {
            found.strays.push((*channel, stray(sender, *channel).await));
        }
        found
    }

    /// Every channel of the servers that were asked for.
    pub fn channels(&self) -> impl Iterator<Item = (&Guild, &Channel)> {
        let guilds = self
            .guilds
            .iter()
            .filter_map(|looked| looked.guild.as_ref().ok());
        guilds.flat_map(|guild| guild.channels.iter().map(move |channel| (guild, channel)))
    }
}

/// Whose token it is, and the application of it.
///
/// # Errors
/// [`SendError`].
pub async fn who(sender: &Sender) -> Result<(User, Application), SendError> {
    let me = read(sender, &reads::me()).await?;
    Ok((me, read(sender, &reads::application()).await?))
}

/// The servers that the bot is in.
///
/// # Errors
/// [`SendError`].
pub async fn mine(sender: &Sender) -> Result<Vec<Mine>, SendError> {
    read(sender, &reads::guilds()).await
}

/// A server that the bot is in, with all that is looked at there.
///
/// # Errors
/// [`SendError`]; 403 and 404 when the bot is not in it.
pub async fn look(sender: &Sender, guild: u64, bot: u64) -> Result<Guild, SendError> {
    #[derive(Deserialize)]
    struct Told {
        name: String,
        #[serde(rename = "owner_id", deserialize_with = "snowflake")]
        owner: u64,
        roles: Vec<Role>,
    }
    let told: Told = read(sender, &reads::guild(guild)).await?;
    let member = sender.call(&reads::member(guild, bot)).await?;
    Ok(Guild {
        id: guild,
        name: told.name,
        owner: told.owner,
        roles: told.roles,
        bots_roles: member.roles()?,
        channels: read(sender, &reads::channels(guild)).await?,
    })
}

/// What a member of a server is called there.
///
/// # Errors
/// [`SendError`]; 404 when they are not in it.
pub async fn member(sender: &Sender, guild: u64, user: u64) -> Result<User, SendError> {
    #[derive(Deserialize)]
    struct Member {
        user: User,
    }
    let member: Member = read(sender, &reads::member(guild, user)).await?;
    Ok(member.user)
}

async fn stray(sender: &Sender, channel: u64) -> Stray {
    let asked = sender.call(&read_channel(channel)).await;
    match asked.and_then(|answer| answer.guild_of_channel()) {
        Ok(guild) => Stray::Elsewhere(guild),
        Err(SendError::Discord { status: 404, .. }) => Stray::Unknown,
        Err(SendError::Discord { status: 403, .. } | SendError::Body(_)) => Stray::Hidden,
        Err(error) => Stray::Unasked(error),
    }
}

async fn read<T: DeserializeOwned>(sender: &Sender, call: &Call) -> Result<T, SendError> {
    sender.call(call).await?.json()
}

/// What Discord's clock says.
fn date(answer: &Answer, now_ms: u64) -> Option<(String, u64)> {
    let date = answer.headers.get(hyper::header::DATE)?.to_str().ok()?;
    Some((date.to_owned(), now_ms))
}

/// Permissions are numbers in texts: they have more bits than a number of JSON.
fn bits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse()
        .map_err(|_| serde::de::Error::custom("not permissions"))
}

fn is_member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(u8::deserialize(deserializer)? == 1)
}
