//! Commands that are offered while somebody types one, and the favourites of each person.

use shanty_core::ask::{Answer, Ask, Question};
use shanty_core::history::offered;
use shanty_core::ids::RunId;
use shanty_core::output::mask::MASKED;
use shanty_core::principal::{Asker, Principal};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::Upkeep;
use shanty_core::selector::complete::Choice;

use super::{CATCH_UP, History, unreadable};

/// Where the favourites of people are kept.
const KEPT: &str = "stars:";
/// Favourites of one person; the oldest makes room.
const STARS_MAX: usize = 50;

/// What became of a favourite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Star {
    /// The command is one now.
    Set(String),
    /// It is none any more.
    Taken(String),
}

impl History {
    /// Commands that go on what is typed: favourites, what this person ran, and what was run in this channel on hosts that they may see.
    /// None for whoever may run nothing here.
    pub async fn commands(&self, asker: Asker, typed: &str) -> Vec<Choice> {
        let Ok(query) = self.query(asker.clone(), Question::Commands).await else {
            return Vec::new();
        };
        self.catch_up(CATCH_UP).await;
        let by = asker.principal();
        let channel = asker.place().map(|place| place.channel);
        let ran = self.parts.search.commands(by.clone(), channel).await;
        let (own, mut here) = ran.unwrap_or_else(|error| {
            tracing::warn!(%error, "commands that were run before cannot be read");
            (Vec::new(), Vec::new())
        });
        here.retain(|ran| query.sight.covers(&ran.agents));
        // Their own words tell nobody anything new.
        let mut all = own;
        all.extend(here);
        all.retain(|ran| !Upkeep::is_called(&ran.command));
        all.sort_by_key(|ran| std::cmp::Reverse(ran.number));
        let stars = self.stars(&by).await;
        let stars = stars.iter().map(String::as_str);
        offered(
            typed,
            stars.filter(|command| self.is_plain(command)),
            all.iter().map(|ran| ran.command.as_str()),
        )
    }

    /// Makes the command of a run a favourite of somebody who may see it, or no favourite any more.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn star(&self, asker: Asker, id: RunId) -> Result<Star, Refusal> {
        let by = asker.principal();
        let asked = self.parts.hub.ask(asker, Ask::Look(Question::RunOf { id }));
        let Answer::Run(run) = asked.await? else {
            return Err(Refusal::new(
                Code::NotFound,
                "There is no such run.",
                "`/runs` shows the last ones.",
            ));
        };
        if run.spec.what.upkeep().is_some() {
            return Err(Refusal::new(
                Code::Unsupported,
                "This was no command. It was not kept.",
                "`/host` has what agents can be asked to do.",
            ));
        }
        let command = run.spec.what.text().into_owned();
        let mut stars = self.stars(&by).await;
        let known = stars.iter().position(|starred| *starred == command);
        let done = match known {
            Some(at) => Star::Taken(stars.remove(at)),
            None if self.is_plain(&command) => {
                stars.insert(0, command.clone());
                stars.truncate(STARS_MAX);
                Star::Set(command)
            }
            None => {
                return Err(Refusal::new(
                    Code::Masked,
                    "This command holds a secret that is not shown. It was not kept.",
                    "Keep one that reads the secret from a file or a variable on the host.",
                ));
            }
        };
        let kept = self.parts.kept.keep(&key(&by), &stars).await;
        kept.map_err(|error| unreadable(&error))?;
        Ok(done)
    }

    async fn stars(&self, by: &Principal) -> Vec<String> {
        let stars = self.parts.kept.read(&key(by)).await;
        let stars = stars.unwrap_or_else(|error| {
            tracing::warn!(%error, "favourites cannot be read");
            None
        });
        stars.unwrap_or_default()
    }

    /// True when nothing of it is masked.
    fn is_plain(&self, command: &str) -> bool {
        !command.contains(MASKED) && self.parts.masks.text(command) == command
    }
}

fn key(by: &Principal) -> String {
    format!("{KEPT}{by}")
}
