//! Hosts come and go in virtual time; what is told is what people would read.

use super::*;

const START_MS: u64 = 1_000_000_000;
/// After a start nobody is gone for so long.
const SETTLE_MS: u64 = 2 * AWAY_MS;
/// Between two looks.
const LOOK_MS: u64 = 2_000;

/// Hosts, and the machine that is told of them.
struct Rig {
    news: News,
    now_ms: u64,
    /// By number: whether it is there, and when it was last heard of.
    hosts: BTreeMap<u8, (bool, u64)>,
    /// Another machine tries to use the identity of these.
    duplicated: Vec<u8>,
    /// The newest state of every bulletin, and how often it was shown.
    shown: BTreeMap<u64, (Bulletin, usize)>,
}

impl Rig {
    fn new(hosts: u8) -> Self {
        let mut rig = Self {
            news: News::new(None, AWAY_MS, START_MS),
            now_ms: START_MS,
            hosts: (1..=hosts).map(|n| (n, (true, START_MS))).collect(),
            duplicated: Vec::new(),
            shown: BTreeMap::new(),
        };
        rig.pass(SETTLE_MS);
        rig
    }

    /// The controller starts again; all links are gone with it.
    fn restart(&mut self) {
        self.news = News::new(Some(self.news.noted()), AWAY_MS, self.now_ms);
        self.shown.clear();
    }

    fn set(&mut self, hosts: impl IntoIterator<Item = u8>, online: bool) {
        for n in hosts {
            self.hosts.insert(n, (online, self.now_ms));
        }
    }

    fn sightings(&self) -> Vec<(AgentId, String, bool, u64)> {
        let hosts = self.hosts.iter();
        hosts
            .map(|(n, (online, heard_ms))| {
                let id = AgentId::from_bytes([*n; 16]);
                (id, format!("web-{n:02}"), *online, *heard_ms)
            })
            .collect()
    }

    fn look(&mut self) -> Option<Attendance> {
        for (online, heard_ms) in self.hosts.values_mut() {
            if *online {
                *heard_ms = self.now_ms;
            }
        }
        let hosts = self.sightings();
        let hosts: Vec<Sighting<'_>> = hosts
            .iter()
            .map(|(agent, name, online, heard_ms)| Sighting {
                agent: *agent,
                name,
                online: *online,
                heard_ms: *heard_ms,
                duplicated: self.duplicated.contains(&agent.as_bytes()[0]),
            })
            .collect();
        for bulletin in self.news.look(&hosts, self.now_ms) {
            let times = self.shown.get(&bulletin.id).map_or(0, |shown| shown.1);
            self.shown.insert(bulletin.id, (bulletin, times + 1));
        }
        self.news.attendance(&hosts, self.now_ms)
    }

    fn pass(&mut self, ms: u64) {
        let until_ms = self.now_ms + ms;
        while self.now_ms < until_ms {
            self.look();
            self.now_ms += LOOK_MS;
        }
        self.look();
    }

    /// Every bulletin: what it is about, and how many hosts joined, are gone and are back.
    fn told(&self) -> Vec<(About, [usize; 3])> {
        let count = |(bulletin, _): &(Bulletin, usize)| {
            let mut counts = [0; 3];
            for told in bulletin.hosts.values() {
                let at = match told.what {
                    What::Joined => 0,
                    What::Gone { .. } => 1,
                    What::Back { .. } => 2,
                    What::Duplicated | What::Alone => continue,
                };
                counts[at] += 1;
            }
            (bulletin.about, counts)
        };
        self.shown.values().map(count).collect()
    }
}

#[test]
fn forty_hosts_that_go_at_once_are_one_bulletin_and_so_are_those_that_come_back() {
    let mut rig = Rig::new(40);
    assert_eq!(rig.told(), []);
    // Their links are not noticed to be gone at the same moment.
    for n in 1..=40 {
        rig.set([n], false);
        rig.pass(if n % 10 == 0 { LOOK_MS } else { 0 });
    }
    rig.pass(AWAY_MS - 3 * LOOK_MS - 10);
    assert_eq!(rig.told(), [], "not gone yet");
    rig.pass(20_000);
    assert_eq!(rig.told(), [(About::Gone, [0, 40, 0])]);
    let times = rig.shown.values().map(|shown| shown.1).sum::<usize>();
    assert!(times <= 4, "shown {times} times");
    rig.set(1..=40, true);
    rig.pass(10_000);
    assert_eq!(
        rig.told(),
        [(About::Gone, [0, 0, 40])],
        "it is young: it says so itself"
    );
}

#[test]
fn who_is_away_for_a_moment_is_no_news() {
    let mut rig = Rig::new(3);
    rig.set([2], false);
    rig.pass(AWAY_MS - LOOK_MS);
    rig.set([2], true);
    rig.pass(2 * AWAY_MS);
    assert_eq!(rig.told(), []);
}

#[test]
fn after_a_while_what_is_new_is_told_anew() {
    let mut rig = Rig::new(3);
    rig.set([1], false);
    let gone_ms = rig.now_ms;
    rig.pass(AWAY_MS + YOUNG_MS + GATHER_MS);
    rig.set([2], false);
    rig.pass(AWAY_MS + GATHER_MS);
    rig.set([1], true);
    rig.pass(GATHER_MS);
    let away_ms = rig.now_ms - GATHER_MS - gone_ms;
    assert_eq!(
        rig.told(),
        [
            (About::Gone, [0, 1, 0]),
            (About::Gone, [0, 1, 0]),
            (About::Back, [0, 0, 1])
        ]
    );
    let (last, _) = &rig.shown[&3];
    let what = last.hosts.values().next().map(|told| told.what);
    assert_eq!(what, Some(What::Back { away_ms }), "it says for how long");
}

#[test]
fn a_restart_says_nothing_of_who_is_still_there_or_was_gone_before() {
    let mut rig = Rig::new(40);
    rig.set([7], false);
    rig.pass(AWAY_MS + GATHER_MS);
    assert_eq!(rig.told(), [(About::Gone, [0, 1, 0])]);
    rig.set(1..=40, false);
    rig.restart();
    rig.pass(8_000);
    rig.set((1..=40).filter(|n| *n != 7), true);
    rig.pass(2 * SETTLE_MS);
    assert_eq!(rig.told(), []);
    rig.set([7], true);
    rig.pass(GATHER_MS);
    assert_eq!(rig.told(), [(About::Back, [0, 0, 1])]);
    // Who does not come back after a restart is gone.
    rig.set(1..=40, false);
    rig.restart();
    rig.set(1..=38, true);
    rig.pass(SETTLE_MS - LOOK_MS);
    assert_eq!(rig.told(), []);
    rig.pass(2 * GATHER_MS);
    assert_eq!(rig.told(), [(About::Gone, [0, 2, 0])]);
}

#[test]
fn at_the_first_start_of_all_nobody_joins_and_old_hosts_are_not_gone() {
    let mut rig = Rig::new(2);
    rig.hosts.insert(3, (false, START_MS - OLD_MS - 1));
    rig.hosts.insert(4, (false, 0));
    rig.news = News::new(None, AWAY_MS, START_MS);
    rig.now_ms = START_MS;
    rig.pass(3 * SETTLE_MS);
    assert_eq!(rig.told(), []);
    rig.set([3, 4], true);
    rig.set([5], true);
    rig.pass(2 * GATHER_MS);
    assert_eq!(
        rig.told(),
        [(About::Back, [0, 0, 1]), (About::Joined, [1, 0, 0])],
        "one that was never there is not back"
    );
}

#[test]
fn a_host_that_comes_and_goes_does_not_fill_the_channel() {
    let mut rig = Rig::new(3);
    // Within an hour.
    for _ in 0..13 {
        rig.set([1], false);
        rig.pass(2 * AWAY_MS);
        rig.set([1], true);
        rig.pass(2 * AWAY_MS);
    }
    let tells = |rig: &Rig| {
        rig.news
            .hosts
            .values()
            .map(|known| known.noted.told_ms.len())
            .sum::<usize>()
    };
    assert_eq!(tells(&rig), TOLD_MAX);
    assert!(rig.told().len() <= 2 * TOLD_MAX, "{:?}", rig.told());
    let quiet = rig
        .shown
        .values()
        .filter_map(|(bulletin, _)| bulletin.hosts.values().find_map(|told| told.quiet_until_ms));
    assert_eq!(quiet.count(), 1, "it says that it is not told again");
    // It is gone when the hour is over: then it is told after all.
    rig.set([1], false);
    rig.pass(HOUR_MS);
    let newest = rig.told().pop();
    assert_eq!(newest, Some((About::Gone, [0, 1, 0])));
    assert!(
        rig.news
            .hosts
            .values()
            .any(|known| known.noted.gone_ms.is_some())
    );
}

#[test]
fn who_was_removed_is_not_gone() {
    let mut rig = Rig::new(3);
    rig.set([1], false);
    rig.pass(10_000);
    rig.hosts.remove(&1);
    rig.pass(3 * AWAY_MS);
    assert_eq!(rig.told(), []);
}

#[test]
fn nobody_is_counted_before_they_could_come_back() {
    let mut rig = Rig::new(4);
    rig.set(1..=4, false);
    rig.restart();
    assert_eq!(rig.look(), None);
    rig.set(1..=3, true);
    assert_eq!(rig.look(), None);
    rig.now_ms += COUNT_MS;
    assert_eq!(rig.look(), Some(Attendance { online: 3, all: 4 }));
    rig.restart();
    rig.set([4], true);
    assert_eq!(
        rig.look(),
        Some(Attendance { online: 4, all: 4 }),
        "all are there"
    );
}

#[test]
fn an_identity_on_two_machines_is_told_once_for_as_long_as_it_lasts() {
    let mut rig = Rig::new(3);
    rig.duplicated = vec![1];
    rig.pass(GATHER_MS);
    rig.duplicated = vec![1, 2];
    rig.pass(HOUR_MS);
    let told = |rig: &Rig| -> Vec<usize> {
        let shown = rig.shown.values().map(|(bulletin, _)| bulletin);
        let duplicated = shown.filter(|bulletin| bulletin.about == About::Duplicated);
        duplicated.map(|bulletin| bulletin.hosts.len()).collect()
    };
    assert_eq!(told(&rig), [2], "one bulletin, edited once");
    // It is taken back in the message that told it, however old that is.
    let last = |rig: &Rig| -> Vec<Vec<What>> {
        let shown = rig.shown.values().map(|(bulletin, _)| bulletin);
        let duplicated = shown.filter(|bulletin| bulletin.about == About::Duplicated);
        let what = |bulletin: &Bulletin| bulletin.hosts.values().map(|told| told.what).collect();
        duplicated.map(what).collect()
    };
    rig.duplicated = vec![2];
    rig.pass(GATHER_MS);
    assert_eq!(last(&rig), [vec![What::Alone, What::Duplicated]]);
    rig.duplicated.clear();
    rig.pass(GATHER_MS);
    assert_eq!(last(&rig), [vec![What::Alone, What::Alone]]);
    rig.duplicated = vec![2];
    rig.pass(GATHER_MS);
    assert_eq!(told(&rig), [2, 1], "again is told again");
    rig.pass(HOUR_MS);
    assert_eq!(rig.news.open().len(), 1);
    rig.duplicated.clear();
    rig.pass(HOUR_MS);
    assert!(
        rig.news.open().is_empty(),
        "nothing is kept of what is over"
    );
}

proptest::proptest! {
    #[test]
    fn whatever_hosts_do_the_channel_stays_readable(moves in proptest::collection::vec((1_u8..6, proptest::bool::ANY, 1_u64..60), 1..80)) {
        let mut rig = Rig::new(5);
        let began_ms = rig.now_ms;
        for (n, online, looks) in moves {
            if rig.hosts[&n].0 != online {
                rig.set([n], online);
            }
            rig.pass(looks * LOOK_MS);
        }
        let hours = (rig.now_ms - began_ms).div_ceil(HOUR_MS);
        // Each of five hosts is told to be gone three times an hour at most, and back as often.
        proptest::prop_assert!(rig.shown.len() as u64 <= 2 * 5 * TOLD_MAX as u64 * (hours + 1));
        let edits = rig.shown.values().map(|shown| shown.1).max().unwrap_or(0);
        proptest::prop_assert!(edits as u64 <= YOUNG_MS / GATHER_MS + 2, "{edits}");
        // In the end what was told of a host is so, unless it comes and goes too often.
        rig.pass(AWAY_MS + GATHER_MS);
        for (agent, known) in &rig.news.hosts {
            let n = agent.as_bytes()[0];
            let often = known.noted.told_ms.len() >= TOLD_MAX;
            proptest::prop_assert!(often || known.noted.gone_ms.is_some() != rig.hosts[&n].0);
        }
    }
}
