//! What one channel is told of what is done and refused: which messages there should be, and what stands in each.
//!
//! What is done comes together as it is looked at, and is told once. Who is refused, and hosts that join, stand in a message that is changed while it
//! is young: the same attempt again is one line with a number. Attempts that differ never stand for one another; of many the gravest have a line, then
//! one of each person, then the newest, and the others are counted.

use std::collections::BTreeSet;

use crate::ids::HostName;
use crate::journal::Denied;
use crate::principal::Actor;

use super::{Deed, Did, GATHER_MS, YOUNG_MS};

/// A message about refusals or joins is changed this seldom, milliseconds.
const EDIT_MS: u64 = 10_000;

/// Attempts that have a line in one message about refusals; others are counted.
const ATTEMPTS_MAX: usize = 6;

/// Kinds of attempts without a line that are told apart in one message.
pub const KINDS_MAX: usize = 1_000;

/// Deeds of one message; others are counted.
const DEEDS_MAX: usize = 100;

/// Hosts of one message about joins; others are counted.
const JOINED_MAX: usize = 1_000;

/// What a channel is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What is done on the controller's machine, where nobody in chat sees it.
    Machine,
    /// Everything, but what is answered in this channel for everybody.
    Audit {
        /// The channel.
        channel: u64,
        /// Hosts that join too: nobody else tells of them there.
        joins: bool,
    },
}

impl Scope {
    fn takes(self, deed: &Deed) -> bool {
        let refused = matches!(deed.did, Did::Refused(_));
        // Of these only who asked sees the answer.
        let unseen = refused || matches!(deed.did, Did::CreateToken { .. } | Did::RevokeToken(_));
        match (self, &deed.by) {
            // A run of the command line has its card there.
            (Self::Machine, Actor::Socket { .. }) => {
                !refused && !matches!(deed.did, Did::Update { .. })
            }
            // Nobody asked for it in chat, and everybody there meets what it changes.
            (Self::Machine, Actor::Controller) => matches!(deed.did, Did::ChangeVersion(_)),
            (Self::Machine, Actor::Chat { .. } | Actor::Host(_)) => false,
            (Self::Audit { channel, .. }, Actor::Chat { place, .. }) => {
                unseen || place.is_none_or(|place| place.channel != channel)
            }
            (Self::Audit { joins, .. }, Actor::Host(_)) => {
                joins || !matches!(deed.did, Did::Join { .. })
            }
            (Self::Audit { .. }, Actor::Socket { .. } | Actor::Controller) => true,
        }
    }
}

/// One message, as it should look from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Tells it from the others of this process; they grow.
    pub id: u64,
    /// What it is about.
    pub topic: Topic,
    /// When its first line came, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What it tells, oldest first.
    pub lines: Vec<Line>,
    /// What it has no line for.
    pub more: u64,
    /// Of how many kinds that is, where those are told apart.
    pub more_kinds: usize,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What was done.
    Done,
    /// Hosts that joined.
    Joined,
    /// Who was refused.
    Refused,
}

/// What a message tells of one deed, or of the same attempt of one person that was refused again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The newest of them.
    pub deed: Deed,
    /// How many.
    pub times: u64,
    /// When the first was, milliseconds since the Unix epoch.
    pub first_ms: u64,
}

impl Sheet {
    /// Hosts that joined, with the public half of the token of each.
    pub fn joined(&self) -> impl Iterator<Item = (&HostName, &str)> {
        self.lines.iter().filter_map(|line| {
            if let Did::Join { name, token } = &line.deed.did {
                Some((name, token.as_str()))
            } else {
                None
            }
        })
    }
}

/// The messages of one channel.
#[derive(Debug)]
pub struct Feed {
    scope: Scope,
    open: Vec<Open>,
    last_id: u64,
}

/// A message that may still change.
#[derive(Debug)]
struct Open {
    sheet: Sheet,
    /// The attempts that have no line.
    without_line: BTreeSet<Attempt>,
    shown_ms: Option<u64>,
    changed: bool,
}

impl Feed {
    /// Nothing is told yet.
    #[must_use]
    pub const fn new(scope: Scope) -> Self {
        Self {
            scope,
            open: Vec::new(),
            last_id: 0,
        }
    }

    /// Takes in what was done.
    pub fn take(&mut self, deed: Deed, now_ms: u64) {
        if !self.scope.takes(&deed) {
            return;
        }
        let (topic, lines_max) = match &deed.did {
            Did::Refused(denied) => {
                let (attempt, times) = (Attempt::of(&deed, denied), denied.times);
                return self
                    .open(Topic::Refused, now_ms)
                    .refused(deed, attempt, times);
            }
            Did::Join { .. } => (Topic::Joined, JOINED_MAX),
            Did::Hold(_)
            | Did::EndHold
            | Did::Label(_)
            | Did::Drain(_)
            | Did::Undrain(_)
            | Did::Release(_)
            | Did::Remove(_)
            | Did::FreeName(_)
            | Did::SaveGroup { .. }
            | Did::RemoveGroup(_)
            | Did::CreateToken { .. }
            | Did::RevokeToken(_)
            | Did::Configure { .. }
            | Did::ChangeVersion(_)
            | Did::Update { .. }
            | Did::StopUpdate { .. }
            | Did::RotateKey(_)
            | Did::RetireKey { .. }
            | Did::ExportRoot { .. }
            | Did::LoadGrants(_) => (Topic::Done, DEEDS_MAX),
        };
        let sheet = &mut self.open(topic, now_ms).sheet;
        if sheet.lines.len() < lines_max {
            sheet.lines.push(Line::of(deed, 1));
        } else {
            sheet.more = sheet.more.saturating_add(1);
        }
    }

    /// So much was done that nobody knows here: the journal has it.
    pub fn missed(&mut self, deeds: u64, now_ms: u64) {
        let sheet = &mut self.open(Topic::Done, now_ms).sheet;
        sheet.more = sheet.more.saturating_add(deeds);
    }

    /// The messages that are to be posted or changed now. Whoever could not post one yet asks later: what comes meanwhile comes together.
    pub fn due(&mut self, now_ms: u64) -> Vec<Sheet> {
        let mut due = Vec::new();
        for open in &mut self.open {
            let from_ms = match (open.shown_ms, open.sheet.topic) {
                (Some(shown_ms), _) => shown_ms.saturating_add(EDIT_MS),
                (None, Topic::Joined) => open.sheet.at_ms.saturating_add(GATHER_MS),
                (None, Topic::Done | Topic::Refused) => 0,
            };
            if open.changed && now_ms >= from_ms {
                open.changed = false;
                open.shown_ms = Some(now_ms);
                due.push(open.sheet.clone());
            }
        }
        self.open.retain(|open| {
            let told = open.shown_ms.is_some() && open.sheet.topic == Topic::Done;
            open.changed || (!told && is_young(&open.sheet, now_ms))
        });
        due
    }

    /// The message that tells of this from now on.
    fn open(&mut self, topic: Topic, now_ms: u64) -> &mut Open {
        let takes = |open: &Open| {
            let sheet = &open.sheet;
            sheet.topic == topic && (open.shown_ms.is_none() || is_young(sheet, now_ms))
        };
        let at = self.open.iter().position(takes).unwrap_or_else(|| {
            self.last_id += 1;
            self.open.push(Open {
                sheet: Sheet {
                    id: self.last_id,
                    topic,
                    at_ms: now_ms,
                    lines: Vec::new(),
                    more: 0,
                    more_kinds: 0,
                },
                without_line: BTreeSet::new(),
                shown_ms: None,
                changed: false,
            });
            self.open.len() - 1
        });
        let open = &mut self.open[at];
        open.changed = true;
        open
    }
}

impl Line {
    fn of(deed: Deed, times: u64) -> Self {
        let first_ms = deed.at_ms;
        Self {
            deed,
            times,
            first_ms,
        }
    }
}

/// What makes two attempts the same: who, where, why not, and what they wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attempt {
    who: Option<String>,
    channel: Option<u64>,
    code: String,
    asked: String,
}

impl Attempt {
    fn of(deed: &Deed, denied: &Denied) -> Self {
        Self {
            who: deed.who().map(|who| who.to_string()),
            channel: deed.by.place().map(|place| place.channel),
            code: denied.code.clone(),
            asked: denied.asked.clone(),
        }
    }

    fn of_line(line: &Line) -> Option<Self> {
        denied(line).map(|denied| Self::of(&line.deed, denied))
    }
}

fn denied(line: &Line) -> Option<&Denied> {
    if let Did::Refused(denied) = &line.deed.did {
        return Some(denied);
    }
    None
}

impl Open {
    /// Takes in an attempt: into the line of the same one, into one of its own, or into the number of those without one.
    fn refused(&mut self, deed: Deed, attempt: Attempt, times: u64) {
        let of = |line: &Line| Attempt::of_line(line).as_ref() == Some(&attempt);
        if let Some(line) = self.sheet.lines.iter_mut().find(|line| of(line)) {
            line.times = line.times.saturating_add(times);
            line.deed = deed;
            return;
        }
        self.sheet.lines.push(Line::of(deed, times));
        if self.sheet.lines.len() > ATTEMPTS_MAX {
            let left_out = self.sheet.lines.remove(least(&self.sheet.lines));
            self.sheet.more = self.sheet.more.saturating_add(left_out.times);
            if self.without_line.len() < KINDS_MAX {
                self.without_line.extend(Attempt::of_line(&left_out));
            }
        }
        // One that has a line again is not among those without; once they are not told apart any more nobody knows.
        if self.without_line.len() < KINDS_MAX {
            self.without_line.remove(&attempt);
        }
        self.sheet.more_kinds = self.without_line.len();
    }
}

/// The line that is missed least: of the least grave, and of those one of somebody who has another as grave. The first of each person stays
/// longest, and then the newest.
fn least(lines: &[Line]) -> usize {
    let gravity = |line: &Line| denied(line).map_or(u8::MAX, Denied::gravity);
    let is_first = |at: usize, line: &Line| {
        let mut before = lines.iter().take(at);
        !before.any(|other| other.deed.who() == line.deed.who() && gravity(other) >= gravity(line))
    };
    let ranked = lines.iter().enumerate();
    let least = ranked.min_by_key(|(at, line)| {
        let first = is_first(*at, line);
        // Of people who have one line each those who came before stay.
        (
            gravity(line),
            first,
            if first { lines.len() - at } else { *at },
        )
    });
    least.map_or(0, |(at, _)| at)
}

const fn is_young(sheet: &Sheet, now_ms: u64) -> bool {
    now_ms < sheet.at_ms.saturating_add(YOUNG_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::VersionChange;
    use crate::principal::{Place, Principal};

    const OPS: u64 = 5;
    const AUDIT: u64 = 6;
    const ALL: Scope = Scope::Audit {
        channel: AUDIT,
        joins: true,
    };

    fn chat(user: u64, channel: u64) -> Actor {
        Actor::Chat {
            user,
            place: Some(Place {
                guild: 1,
                channel,
                parent: None,
                interaction: 7,
            }),
        }
    }

    fn socket() -> Actor {
        Actor::Socket {
            user: "root".to_owned(),
        }
    }

    fn deed(by: Actor, did: Did) -> Deed {
        Deed { by, at_ms: 9, did }
    }

    fn refused(user: u64, asked: &str, times: u64) -> Deed {
        tried(chat(user, OPS), "run", asked, times)
    }

    fn tried(by: Actor, verb: &str, asked: &str, times: u64) -> Deed {
        let denied = Denied {
            verb: verb.to_owned(),
            asked: asked.to_owned(),
            times,
            ..Denied::default()
        };
        deed(by, Did::Refused(denied))
    }

    /// What is told of each attempt: whose it is, what was asked for, and how often.
    fn attempts(sheet: &Sheet) -> Vec<(u64, &str, u64)> {
        let attempt = |line: &'_ Line| {
            let Some(Principal::Discord(user)) = line.deed.who() else {
                panic!("{line:?}")
            };
            (user, line.times)
        };
        let asked = sheet.lines.iter().filter_map(denied);
        let each = sheet.lines.iter().map(attempt).zip(asked);
        each.map(|((user, times), denied)| (user, denied.asked.as_str(), times))
            .collect()
    }

    fn join(n: usize) -> Deed {
        let by = Actor::Host(crate::ids::AgentId::from_bytes([1; 16]));
        let name = format!("h{n}").parse().unwrap();
        let token = "k7".to_owned();
        deed(by, Did::Join { name, token })
    }

    /// What each message tells: its number, its lines, and what it has no line for.
    fn due(feed: &mut Feed, now_ms: u64) -> Vec<(u64, Vec<u64>, u64)> {
        let told = |sheet: Sheet| {
            let times = sheet.lines.iter().map(|line| line.times);
            (sheet.id, times.collect(), sheet.more)
        };
        feed.due(now_ms).into_iter().map(told).collect()
    }

    #[test]
    fn what_only_the_asker_was_answered_is_told_in_that_channel_too() {
        let token = || Did::CreateToken {
            token: "k7".to_owned(),
            uses_max: 1,
            expires_ms: 10,
        };
        for did in [token(), Did::RevokeToken("k7".to_owned())] {
            let mut feed = Feed::new(ALL);
            feed.take(deed(chat(50, AUDIT), did), 0);
            assert_eq!(due(&mut feed, 0).len(), 1);
        }
        let mut feed = Feed::new(ALL);
        feed.take(deed(chat(50, AUDIT), Did::RemoveGroup("web".to_owned())), 0);
        assert!(due(&mut feed, 0).is_empty(), "its answer stands there");
    }

    #[test]
    fn a_flood_of_one_person_is_one_line_with_a_number_and_few_edits() {
        let mut feed = Feed::new(ALL);
        let mut shown = 0;
        for second in 0..240 {
            for _ in 0..20 {
                feed.take(refused(50, "run on web: id", 1), second * 1_000);
            }
            let sheets = due(&mut feed, second * 1_000);
            shown += sheets.len();
            assert!(
                sheets
                    .iter()
                    .all(|sheet| sheet.0 == 1 && sheet.1.len() == 1)
            );
        }
        assert_eq!(shown, 24, "posted, and changed every ten seconds");
        let last = feed.due(250_000).pop().unwrap();
        assert_eq!(attempts(&last), [(50, "run on web: id", 240 * 20)]);
        // Later it is another message.
        feed.take(refused(50, "run on db: id", 1), YOUNG_MS);
        assert_eq!(due(&mut feed, YOUNG_MS), [(2, vec![1], 0)]);
    }

    #[test]
    fn an_attempt_never_stands_for_another_one() {
        let mut feed = Feed::new(ALL);
        let code = |code: &str, mut deed: Deed| {
            if let Did::Refused(denied) = &mut deed.did {
                denied.code = code.to_owned();
            }
            deed
        };
        let grave = "run on db: rm -rf /";
        for deed in [
            refused(50, "run on web: id", 1),
            refused(50, grave, 1),
            refused(50, "run on web: id", 1),
            // Elsewhere, for another reason, by somebody else.
            tried(chat(50, OPS + 9), "run", grave, 1),
            code("E_HOLD", refused(50, grave, 1)),
            refused(51, grave, 3),
            refused(50, grave, 4),
        ] {
            feed.take(deed, 0);
        }
        let sheet = feed.due(0).pop().unwrap();
        let expected = [
            (50, "run on web: id", 2),
            (50, grave, 5),
            (50, grave, 1),
            (50, grave, 1),
            (51, grave, 3),
        ];
        assert_eq!(attempts(&sheet), expected);
        assert_eq!((sheet.more, sheet.more_kinds), (0, 0));
    }

    #[test]
    fn a_flood_of_different_ones_hides_neither_the_gravest_nor_other_people_nor_the_newest() {
        let mut feed = Feed::new(ALL);
        let flood: Vec<String> = (0..2_000).map(|n| format!("run on web: id {n}")).collect();
        for (n, asked) in flood.iter().enumerate() {
            feed.take(refused(50, asked, 1), 0);
            if n == 40 {
                feed.take(
                    tried(chat(50, OPS), "operate", "remove the host db-01", 1),
                    0,
                );
                feed.take(refused(51, "run on db: reboot", 1), 0);
            }
        }
        // One that had no line any more.
        feed.take(refused(50, &flood[3], 2), 0);
        let sheet = feed.due(0).pop().unwrap();
        let expected = [
            (50, flood[0].as_str(), 1),
            (50, "remove the host db-01", 1),
            (51, "run on db: reboot", 1),
            (50, flood[1_998].as_str(), 1),
            (50, flood[1_999].as_str(), 1),
            (50, flood[3].as_str(), 2),
        ];
        assert_eq!(attempts(&sheet), expected);
        assert_eq!(
            (sheet.more, sheet.more_kinds),
            (1_997, KINDS_MAX),
            "memory is bounded"
        );
    }

    #[test]
    fn of_many_people_a_few_are_named_and_all_are_counted() {
        let mut feed = Feed::new(ALL);
        for user in 1..=500 {
            feed.take(refused(user, "run on web: id", 2), 0);
        }
        let left = 2 * (500 - ATTEMPTS_MAX as u64);
        assert_eq!(due(&mut feed, 0), [(1, vec![2; ATTEMPTS_MAX], left)]);
        assert_eq!(due(&mut feed, EDIT_MS), [], "nothing new");
    }

    #[test]
    fn what_is_done_is_told_at_once_and_together_and_never_changed() {
        let mut feed = Feed::new(ALL);
        let group = || Did::RemoveGroup("web".to_owned());
        feed.take(deed(socket(), group()), 0);
        feed.take(deed(chat(7, OPS), group()), 0);
        assert_eq!(due(&mut feed, 0), [(1, vec![1, 1], 0)]);
        feed.take(deed(socket(), Did::EndHold), 10);
        assert_eq!(due(&mut feed, 10), [(2, vec![1], 0)]);
        // While nothing can be posted it stays one message, and its lines are bounded.
        for _ in 0..2 * DEEDS_MAX {
            feed.take(deed(socket(), group()), 20);
        }
        feed.missed(3, 99 * YOUNG_MS);
        let [(3, lines, more)] = &due(&mut feed, 99 * YOUNG_MS)[..] else {
            panic!("one message")
        };
        assert_eq!((lines.len(), *more), (DEEDS_MAX, DEEDS_MAX as u64 + 3));
    }

    #[test]
    fn hosts_that_join_together_are_one_message() {
        let mut feed = Feed::new(ALL);
        feed.take(join(1), 0);
        assert_eq!(due(&mut feed, 0), [], "others may come");
        feed.take(join(2), 2_000);
        assert_eq!(due(&mut feed, GATHER_MS), [(1, vec![1, 1], 0)]);
        feed.take(join(3), GATHER_MS);
        assert_eq!(due(&mut feed, GATHER_MS + EDIT_MS), [(1, vec![1; 3], 0)]);
        feed.take(join(4), YOUNG_MS);
        assert_eq!(due(&mut feed, YOUNG_MS + GATHER_MS), [(2, vec![1], 0)]);
    }

    #[test]
    fn nothing_is_told_where_it_is_seen_already() {
        let takes = |scope: Scope, deed: Deed| scope.takes(&deed);
        let one = Scope::Audit {
            channel: AUDIT,
            joins: false,
        };
        for (deed, machine, all, both_in_one) in [
            (deed(socket(), Did::EndHold), true, true, true),
            (deed(chat(7, OPS), Did::EndHold), false, true, true),
            // Its answer stands there.
            (deed(chat(7, AUDIT), Did::EndHold), false, false, false),
            (
                deed(Actor::Controller, Did::LoadGrants(Box::default())),
                false,
                true,
                true,
            ),
            (
                deed(
                    Actor::Controller,
                    Did::ChangeVersion(VersionChange::default()),
                ),
                true,
                true,
                true,
            ),
            (join(1), false, true, false),
            (refused(7, "", 1), false, true, true),
        ] {
            let told = [Scope::Machine, ALL, one].map(|scope| takes(scope, deed.clone()));
            assert_eq!(told, [machine, all, both_in_one], "{deed:?}");
        }
        let own = Deed {
            by: chat(7, AUDIT),
            ..refused(7, "", 1)
        };
        assert!(takes(one, own), "only who is refused sees it");
        let by_socket = Deed {
            by: socket(),
            ..refused(7, "", 1)
        };
        assert!(!takes(Scope::Machine, by_socket));
    }
}
