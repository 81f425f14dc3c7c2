//! The guild of the operators' channel, which only Discord knows. It is asked once; where it does not say, it is not asked for each run.

use std::time::Duration;

use shanty_core::causes::chain;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Edge, requests};

/// After Discord did not say it, it is asked again so much later.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// What Discord said.
#[derive(Default)]
pub(super) struct OpsGuild(Mutex<Said>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Nothing,
    Guild(u64),
    /// It did not say, at this moment.
    No(Instant),
}

impl Said {
    /// What is known; nothing when it is to be asked now.
    fn known(self, now: Instant) -> Option<Option<u64>> {
        match self {
            Self::Guild(guild) => Some(Some(guild)),
            Self::No(at) if now.duration_since(at) < AGAIN => Some(None),
            Self::Nothing | Self::No(_) => None,
        }
    }
}

impl Edge {
    /// The guild of the operators' channel; nothing when Discord does not say.
    pub(super) async fn ops_guild(&self) -> Option<u64> {
        let channel = self.ops_channel?;
        let mut said = self.ops_guild.0.lock().await;
        if let Some(known) = said.known(Instant::now()) {
            return known;
        }
        let answer = self.sender.call(&requests::read_channel(channel)).await;
        match answer.and_then(|answer| answer.guild_of_channel()) {
            Ok(guild) => {
                *said = Said::Guild(guild);
                Some(guild)
            }
            Err(error) => {
                tracing::warn!(
                    "the operators' channel could not be read: {}",
                    chain(&error)
                );
                *said = Said::No(Instant::now());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_discord_did_not_say_is_asked_again_after_a_while() {
        let at = Instant::now();
        assert_eq!(Said::Nothing.known(at), None);
        assert_eq!(Said::Guild(7).known(at + 99 * AGAIN), Some(Some(7)));
        assert_eq!(Said::No(at).known(at), Some(None));
        assert_eq!(Said::No(at).known(at + AGAIN), None);
    }
}
