//! The list of hosts, page by page.

mod about;
mod table;

use super::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, Listing, Menu, Press, Texts, inline_code,
};
use crate::facts::{Facts, Metrics};
use crate::hold::Held;
use crate::ids::{HostName, Labels};
use crate::journal::Draining;
use crate::limits::NAME_CHARS_MAX;
use crate::said::Said;
use crate::selector::fold::natural;
use crate::text::{cut, duration, units};

use about::abouts;
use table::table;

pub(super) use about::short_os;

/// Hosts on one page of a list.
pub const HOSTS_PAGE: usize = 15;

/// A disk or a memory this full is trouble, percent.
const FULL_PERCENT: u64 = 90;

/// A host as lists show it.
#[derive(Clone, Debug)]
pub struct HostRow {
    /// Its name.
    pub name: HostName,
    /// Its labels.
    pub labels: Labels,
    /// True while it has a link.
    pub online: bool,
    /// Its link has been silent for longer than it should be.
    pub stale: bool,
    /// It takes no new runs.
    pub draining: Option<Draining>,
    /// When a message of it was last seen, milliseconds since the Unix epoch; zero means never.
    pub seen_ms: u64,
    /// The agent's version.
    pub version: Said,
    /// The version that its agent should have, while that is a newer one.
    pub outdated: Option<String>,
    /// Another machine tries to use its identity.
    pub duplicated: bool,
    /// Told by the agent.
    pub facts: Option<Facts>,
    /// Told by the agent.
    pub metrics: Option<Metrics>,
    /// Executions that it holds of runs that are not known here.
    pub unknown: usize,
}

/// What is wrong with a host, the worst first. Lists are sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Two machines use its identity.
    Duplicated,
    /// No link.
    Offline,
    /// A link that is silent.
    Stale,
    /// It takes no new runs.
    Draining,
    /// A disk or the memory is nearly full.
    Full,
    /// Its agent is older than it should be.
    Outdated,
    /// Nothing.
    None,
}

impl HostRow {
    /// What is wrong with it, the worst first.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        if self.duplicated {
            Trouble::Duplicated
        } else if !self.online {
            Trouble::Offline
        } else if self.stale {
            Trouble::Stale
        } else if self.draining.is_some() {
            Trouble::Draining
        } else if self.disk_percent().max(self.memory_percent()) >= Some(FULL_PERCENT) {
            Trouble::Full
        } else if self.outdated.is_some() {
            Trouble::Outdated
        } else {
            Trouble::None
        }
    }

    /// Trouble first, then by name as a person counts.
    #[must_use]
    pub fn order(a: &Self, b: &Self) -> std::cmp::Ordering {
        let names = || natural(a.name.as_str(), b.name.as_str());
        a.trouble().cmp(&b.trouble()).then_with(names)
    }

    /// How full its fullest disk is.
    pub(super) fn disk_percent(&self) -> Option<u64> {
        let disks = self.metrics.iter().flat_map(|metrics| &metrics.disks);
        disks
            .filter(|disk| disk.total_bytes > 0)
            .map(|disk| disk.used_percent())
            .max()
    }

    pub(super) fn memory_percent(&self) -> Option<u64> {
        let (facts, metrics) = (self.facts.as_ref()?, self.metrics.as_ref()?);
        percent(metrics.memory_used_bytes, facts.memory_bytes)
    }

    /// A dot and a word.
    pub(super) fn state(&self, now_ms: u64) -> String {
        let ago = duration(now_ms.saturating_sub(self.seen_ms));
        match self.trouble() {
            Trouble::Duplicated => "🔴 two machines use this identity".to_owned(),
            Trouble::Offline if self.seen_ms == 0 => "⚪ offline, never seen".to_owned(),
            Trouble::Offline => format!("⚪ offline, last seen {ago} ago"),
            Trouble::Stale => format!("🟡 stale, silent for {ago}"),
            Trouble::Full => "🟡 online, nearly full".to_owned(),
            Trouble::Draining => "🟡 online, draining".to_owned(),
            Trouble::Outdated => "🟡 online, agent outdated".to_owned(),
            Trouble::None => "🟢 online".to_owned(),
        }
    }
}

/// One page of a list of hosts.
#[derive(Clone, Copy)]
pub struct HostsPage<'a> {
    /// Every host of the list.
    pub rows: &'a [HostRow],
    /// The selector in normal form; empty without one.
    pub selector: &'a str,
    /// A hold that stands.
    pub hold: Option<&'a Held>,
    /// Which page of which list; past the end is the last.
    pub list: &'a Listing,
}

/// The card of `/hosts`: trouble first.
#[must_use]
pub fn hosts_card(list: HostsPage<'_>, now_ms: u64) -> Card {
    let mut rows: Vec<&HostRow> = list.rows.iter().collect();
    rows.sort_by(|a, b| HostRow::order(a, b));
    let offline = rows.iter().filter(|row| !row.online).count();
    let troubled = |row: &&&HostRow| row.online && row.trouble() != Trouble::None;
    let troubled = rows.iter().filter(troubled).count();
    let filter = match list.selector {
        "" => String::new(),
        selector => format!(" · {}", inline_code(selector, 120)),
    };
    let online = rows.len() - offline;
    let kinds = TROUBLES.map(|(trouble, words)| {
        let such = rows.iter().filter(|row| row.trouble() == trouble);
        (such.count(), words)
    });
    let counts = [
        ("🟢", counted(&[(online, "online")])),
        ("🟡", counted(&kinds)),
        ("⚪", counted(&[(offline, "offline")])),
    ];
    // What is none is not said, and a mark does not end a line without its words.
    let counts = counts.into_iter().filter(|(_, words)| !words.is_empty());
    let counts = counts.map(|(mark, words)| format!(" · {mark}\u{a0}{words}"));
    let counts: String = counts.collect();
    let heading = format!("### Hosts{filter} · {}{counts}", rows.len());
    if rows.is_empty() {
        let text = format!(
            "{heading}\nThere is no host that you may see. `shanty token create` makes a token for a new one."
        );
        return Card::new(Accent::Amber, vec![text]);
    }
    let pages = rows.len().div_ceil(HOSTS_PAGE);
    let page = list.list.page.min(pages - 1);
    let shown: Vec<&HostRow> = rows
        .iter()
        .skip(page * HOSTS_PAGE)
        .take(HOSTS_PAGE)
        .copied()
        .collect();
    let mut texts = Texts::with(heading);
    texts.add(list.hold.map(|held| format!("⏸ {}", held.in_chat(now_ms))));
    texts.add(Some(table(&shown, now_ms)));
    let abouts = abouts(&shown);
    texts.add((!abouts.is_empty()).then(|| whole_lines(abouts.into_iter(), 1_900)));
    if pages > 1 {
        texts.add(Some(format!(
            "-# page {}/{pages} · trouble first",
            page + 1
        )));
    }
    let names = shown.iter().map(|row| {
        let name = row.name.to_string();
        let label = cut(&format!("{name} · {}", row.state(now_ms)), NAME_CHARS_MAX);
        (name, label)
    });
    Card {
        accent: if offline + troubled == 0 {
            Accent::Green
        } else {
            Accent::Amber
        },
        texts: texts.into_blocks(),
        buttons: turns(page, pages, list.list),
        menu: Some(Menu {
            press: Press::Pick(list.list.at(page)),
            placeholder: "Show all of one host …".to_owned(),
            options: names.collect(),
        }),
    }
}

/// What may be wrong with a host that is online, as the heading of a list counts it.
const TROUBLES: [(Trouble, &str); 5] = [
    (Trouble::Duplicated, "on two machines"),
    (Trouble::Stale, "stale"),
    (Trouble::Draining, "draining"),
    (Trouble::Full, "nearly full"),
    (Trouble::Outdated, "outdated"),
];

/// `1 draining, 2 nearly full`: what there is none of is not said.
fn counted(counts: &[(usize, &str)]) -> String {
    let some = counts.iter().filter(|(n, _)| *n > 0);
    let some = some.map(|(n, words)| format!("{n} {words}"));
    some.collect::<Vec<_>>().join(", ")
}

fn turns(page: usize, pages: usize, list: &Listing) -> Vec<Button> {
    let turn = |label: &str, to: usize| Button {
        label: label.to_owned(),
        target: ButtonTarget::Press(Press::Page(list.at(to))),
        style: ButtonStyle::Secondary,
    };
    let back = page.checked_sub(1).map(|to| turn("◀", to));
    let on = (page + 1 < pages).then(|| turn("▶", page + 1));
    back.into_iter().chain(on).collect()
}

/// Lines up to a number of characters; how many were left out is said.
pub(super) fn whole_lines(lines: impl Iterator<Item = String>, chars_max: usize) -> String {
    let (mut text, mut left_out) = (String::new(), 0);
    for line in lines {
        if left_out > 0 || units(&text) + units(&line) >= chars_max {
            left_out += 1;
        } else {
            let between = if text.is_empty() { "" } else { "\n" };
            text.push_str(between);
            text.push_str(&line);
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\n-# … and {left_out} more"));
    }
    text
}

fn percent(part: u64, whole: u64) -> Option<u64> {
    part.saturating_mul(100).checked_div(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Disk;
    use crate::principal::Principal;

    fn healthy(name: &str) -> HostRow {
        HostRow {
            unknown: 0,
            name: name.parse().unwrap(),
            labels: Labels::parse("role=web,env=prod").unwrap(),
            online: true,
            stale: false,
            draining: None,
            seen_ms: 1_000,
            version: "0.1.0".into(),
            outdated: None,
            duplicated: false,
            facts: Some(Facts {
                os: "Debian GNU/Linux 12".into(),
                kernel: "6.1.0-37-amd64".into(),
                arch: "x86_64".into(),
                cpus: 2,
                memory_bytes: 16 << 30,
                run_as: "shanty".into(),
                ..Facts::default()
            }),
            metrics: Some(Metrics {
                load1: 0.42,
                memory_used_bytes: 6 << 30,
                uptime_s: 3_600_000,
                disks: vec![Disk {
                    mount: "/".into(),
                    total_bytes: 100,
                    available_bytes: 49,
                }],
            }),
        }
    }

    fn troubled() -> Vec<HostRow> {
        let mut rows = vec![healthy("web-10"), healthy("web-9")];
        let mut add = |name: &str, change: &dyn Fn(&mut HostRow)| {
            let mut row = healthy(name);
            change(&mut row);
            rows.push(row);
        };
        add("cache-1", &|row| row.outdated = Some("1.5.0".into()));
        add("lb-1", &|row| {
            // How full it is stands in the table; that it takes no runs does not.
            row.metrics.as_mut().unwrap().disks[0].available_bytes = 9;
            row.draining = Some(Draining {
                by: Principal::Discord(7),
                since_ms: 1,
            });
        });
        add("db-02", &|row| {
            row.metrics.as_mut().unwrap().disks[0].available_bytes = 9;
        });
        add("mail", &|row| row.stale = true);
        add("db-01", &|row| {
            row.online = false;
            (row.facts, row.metrics) = (None, None);
        });
        rows
    }

    fn card(rows: &[HostRow], selector: &str, page: usize) -> Card {
        let page = HostsPage {
            rows,
            selector,
            hold: None,
            list: &Listing::of("").at(page),
        };
        hosts_card(page, 241_000)
    }

    #[test]
    fn hosts_in_trouble_come_first() {
        let card = card(&troubled(), "env=prod", 0);
        insta::assert_snapshot!(card.texts.join("\n--\n"));
        assert_eq!(card.buttons, []);
        assert_eq!(
            card.menu.unwrap().options[0].1,
            "db-01 · ⚪ offline, last seen 4m ago"
        );
    }

    #[test]
    fn what_is_the_same_is_said_once_and_rows_fit_a_phone() {
        let mut rows: Vec<HostRow> = (1..=12).map(|n| healthy(&format!("web-{n:02}"))).collect();
        rows[6].facts.as_mut().unwrap().kernel = "6.1.0-33-amd64".into();
        rows[11].labels = Labels::parse("role=db,env=prod").unwrap();
        let texts = card(&rows, "", 0).texts;
        assert_eq!(
            texts[2].lines().collect::<Vec<_>>(),
            [
                "-# all · `env=prod` · Debian 12 · x86\\_64 · 2 CPU · as shanty",
                "-# **web-[01-06,08-11]** · `role=web` · 6.1.0\\-37\\-amd64",
                "-# **web-07** · `role=web` · 6.1.0\\-33\\-amd64",
                "-# **web-12** · `role=db` · 6.1.0\\-37\\-amd64",
            ]
        );
        let mut rows = troubled();
        rows.push(healthy(
            "a-host-with-a-long-name-of-which-the-end-matters-01",
        ));
        rows[0].metrics.as_mut().unwrap().load1 = 1234.5;
        let card = card(&rows, "", 0);
        for line in card.texts[1]
            .lines()
            .filter(|line| !line.starts_with("```"))
        {
            assert!(line.chars().count() <= 36, "{line}");
        }
        assert!(
            card.texts[1].contains(" a-host…ers-01 "),
            "{}",
            card.texts[1]
        );
        assert!(card.texts[2].contains("a-host-with-a-long-name-of-which-the-end-matters-01"));
    }

    #[test]
    fn pages_lead_to_one_another() {
        let rows: Vec<HostRow> = (1..=31).map(|n| healthy(&format!("web-{n}"))).collect();
        let told = |page: usize| {
            let card = card(&rows, "", page);
            let last = card.texts.last().cloned().unwrap_or_default();
            let buttons: Vec<String> = card
                .buttons
                .iter()
                .map(|button| match &button.target {
                    ButtonTarget::Press(press) => press.to_string(),
                    ButtonTarget::Link(url) => url.clone(),
                })
                .collect();
            format!("{last} {}", buttons.join(" "))
        };
        assert_eq!(told(0), "-# page 1/3 · trouble first v1:hosts:1:=");
        assert_eq!(
            told(1),
            "-# page 2/3 · trouble first v1:hosts:0:= v1:hosts:2:="
        );
        // Hosts have left since the button was drawn: the last page is shown.
        assert_eq!(told(9), "-# page 3/3 · trouble first v1:hosts:1:=");
    }

    #[test]
    fn a_page_of_the_widest_hosts_fits_a_card() {
        let wide = |n: usize| {
            let mut row = healthy(&format!("{n:0>63}"));
            for key in 0..64 {
                row.labels
                    .insert(&format!("{key:0>63}"), &format!("{n:v>63}"))
                    .unwrap();
            }
            let facts = row.facts.as_mut().unwrap();
            let hostile = "`*_~|>#[](<@&1>:)\u{202e}".repeat(20);
            facts.os = format!("{n}{hostile}").into();
            facts.run_as = hostile.clone().into();
            facts.kernel = hostile.into();
            row
        };
        let rows: Vec<HostRow> = (0..HOSTS_PAGE).map(wide).collect();
        let card = card(&rows, &"x".repeat(6_000), 0);
        let units = |text: &String| text.encode_utf16().count();
        assert!(card.texts.iter().all(|text| units(text) <= 2_000));
        assert!(card.texts.iter().map(units).sum::<usize>() <= 4_000);
        assert!(card.texts.len() >= 3, "{:?}", card.texts);
        assert!(card.texts[2].contains("more"), "{}", card.texts[2]);
    }
}
