//! What the bot says of itself beside its name, and when it says it anew. Discord takes five in twenty seconds and ends the connection of who
//! says more.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use twilight_model::gateway::payload::outgoing::UpdatePresence;
use twilight_model::gateway::payload::outgoing::update_presence::UpdatePresencePayload;
use twilight_model::gateway::presence::{Activity, ActivityType, MinimalActivity, Status};

/// Characters of what is said (Discord).
const TEXT_CHARS_MAX: usize = 128;

/// What is to be said, and what Discord was told.
pub(super) struct Presence {
    wanted: watch::Receiver<Option<String>>,
    /// Whoever says what is wanted is still there.
    open: bool,
    gap: Duration,
    /// What this session was told last; nothing when that is not known.
    told: Option<String>,
    told_at: Option<Instant>,
}

impl Presence {
    /// At most one in `gap`.
    pub(super) const fn new(wanted: watch::Receiver<Option<String>>, gap: Duration) -> Self {
        Self {
            wanted,
            open: true,
            gap,
            told: None,
            told_at: None,
        }
    }

    /// What a login says.
    pub(super) fn at_login(&mut self) -> Option<UpdatePresencePayload> {
        self.told = self.wanted.borrow_and_update().clone();
        let text = self.told.as_deref()?;
        self.told_at = Some(Instant::now());
        let activities: Vec<Activity> = vec![activity(text)];
        UpdatePresencePayload::new(activities, false, None, Status::Online).ok()
    }

    /// A session goes on: what was told it last may be of an earlier process.
    pub(super) fn resumed(&mut self) {
        self.told = None;
    }

    /// Waits until something is to be said that Discord does not know; never ends without. Cancel-safe: nothing is taken.
    pub(super) async fn due(&mut self) -> UpdatePresence {
        loop {
            let wanted = self.wanted.borrow_and_update().clone();
            if let Some(text) = wanted.filter(|text| self.told.as_ref() != Some(text)) {
                let at = self.told_at.map_or_else(Instant::now, |at| at + self.gap);
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    changed = self.wanted.changed(), if self.open => {
                        self.open = changed.is_ok();
                        continue;
                    }
                }
                let activities: Vec<Activity> = vec![activity(&text)];
                if let Ok(update) = UpdatePresence::new(activities, false, None, Status::Online) {
                    self.told = Some(text);
                    self.told_at = Some(Instant::now());
                    return update;
                }
            }
            if !self.open {
                return std::future::pending().await;
            }
            self.open = self.wanted.changed().await.is_ok();
        }
    }
}

/// A status of our own words.
fn activity(text: &str) -> Activity {
    let text: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let activity = MinimalActivity {
        kind: ActivityType::Custom,
        name: "Custom Status".to_owned(),
        url: None,
    };
    Activity {
        state: Some(text),
        ..activity.into()
    }
}
