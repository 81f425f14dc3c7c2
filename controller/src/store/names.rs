//! What people are called: chat tells it with each interaction, and the command line and tables say it in the place of a number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use shanty_core::principal::Principal;
use shanty_core::text::cut;

use super::{Kept, StoreError};

const PREFIX: &str = "name:";
/// Characters of a name that are kept.
const NAME_MAX: usize = 64;

/// Names by the ids of people, for any number of users.
#[derive(Clone)]
pub struct Names {
    kept: Kept,
    /// Those that were kept or read by this process.
    known: Arc<Mutex<HashMap<u64, String>>>,
}

impl Names {
    /// Those that are kept.
    #[must_use]
    pub fn new(kept: Kept) -> Self {
        let known = Arc::default();
        Self { kept, known }
    }

    /// Somebody is called so now.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn learn(&self, user: u64, name: &str) -> Result<(), StoreError> {
        let name = cut(name, NAME_MAX);
        if name.is_empty() || self.at_hand(user).as_ref() == Some(&name) {
            return Ok(());
        }
        self.kept.keep(&format!("{PREFIX}{user}"), &name).await?;
        self.known().insert(user, name);
        Ok(())
    }

    /// What somebody is called: their name, or their number while that is not known. A local user is called as the machine has it.
    pub async fn of(&self, who: &Principal) -> String {
        let user = match who {
            Principal::Local(user) => return user.clone(),
            Principal::Discord(user) => *user,
        };
        if let Some(name) = self.at_hand(user) {
            return name;
        }
        let name: Option<String> = match self.kept.read(&format!("{PREFIX}{user}")).await {
            Ok(name) => name,
            Err(error) => {
                tracing::warn!(%error, "a name cannot be read");
                None
            }
        };
        let name = name.unwrap_or_else(|| user.to_string());
        self.known().insert(user, name.clone());
        name
    }

    /// Everybody who is called so, and the local user of that name. Who writes `discord:3001`, a mention or a number names one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn named(&self, text: &str) -> Result<Vec<Principal>, StoreError> {
        let text = text.trim();
        if let Ok(one) = text.parse() {
            return Ok(vec![one]);
        }
        let name = text.trim_start_matches('@');
        let mention = text
            .strip_prefix("<@")
            .and_then(|rest| rest.strip_suffix('>'));
        if let Ok(user) = mention.unwrap_or(name).parse() {
            return Ok(vec![Principal::Discord(user)]);
        }
        let all: Vec<(String, String)> = self.kept.below(PREFIX).await?;
        let same = all.into_iter().filter(|(_, known)| known == name);
        let users = same.filter_map(|(key, _)| key.strip_prefix(PREFIX)?.parse().ok());
        let mut people: Vec<Principal> = users.map(Principal::Discord).collect();
        people.push(Principal::Local(name.to_owned()));
        Ok(people)
    }

    fn at_hand(&self, user: u64) -> Option<String> {
        self.known().get(&user).cloned()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<u64, String>> {
        // A map of names is never half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn people_are_called_as_they_were_last_and_found_by_it() {
        let kept = Kept::in_memory().unwrap();
        let names = Names::new(kept.clone());
        let ann = Principal::Discord(3_001);
        assert_eq!(names.of(&ann).await, "3001");
        names.learn(3_001, "ann").await.unwrap();
        names.learn(3_002, "bob").await.unwrap();
        names.learn(3_002, "bert").await.unwrap();
        assert_eq!(names.of(&ann).await, "ann");
        let later = Names::new(kept);
        assert_eq!(later.of(&Principal::Discord(3_002)).await, "bert");
        let root = Principal::Local("root".to_owned());
        assert_eq!(later.of(&root).await, "root");
        for text in ["ann", "@ann", "3001", "<@3001>", "discord:3001"] {
            assert_eq!(later.named(text).await.unwrap()[0], ann, "{text}");
        }
        assert_eq!(
            later.named("bob").await.unwrap(),
            [Principal::Local("bob".to_owned())]
        );
        assert_eq!(later.named("local:root").await.unwrap(), [root]);
    }
}
