//! Who asked something, and where, as far as Discord vouches for it.

use shanty_core::principal::Asker;
use shanty_core::view::Audience;

use crate::discord::requests::ReplyTo;
use crate::discord::secret::Secret;

/// Who asked, and where. Roles are those that Discord attached to the interaction at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The guild; none in a direct message.
    pub guild: Option<u64>,
    /// The channel or thread.
    pub channel: u64,
    /// The channel of the thread, when it is one.
    pub parent_channel: Option<u64>,
    /// True in a thread, where no other thread can be opened.
    pub channel_is_thread: bool,
    /// The person.
    pub user: u64,
    /// What they are called, everywhere in Discord.
    pub name: String,
    /// True for other bots.
    pub bot: bool,
    /// The person's roles in the guild, without the one that everybody has.
    pub roles: Vec<u64>,
    /// The interaction.
    pub interaction: u64,
    /// What answers it.
    pub token: Secret,
    /// Our application.
    pub application: u64,
    /// Who sees the answer that Discord was promised, once it was.
    pub promised: Option<Audience>,
}

impl Invocation {
    /// The interaction, to be answered.
    #[must_use]
    pub fn reply_to(&self) -> ReplyTo<'_> {
        ReplyTo {
            interaction: self.interaction,
            application: self.application,
            token: &self.token,
        }
    }

    /// The person, as decisions look at them.
    #[must_use]
    pub fn asker(&self) -> Asker {
        Asker::Discord {
            user: self.user,
            name: self.name.clone(),
            bot: self.bot,
            guild: self.guild,
            channel: self.channel,
            parent_channel: self.parent_channel,
            roles: self.roles.clone(),
            interaction: self.interaction,
        }
    }
}
