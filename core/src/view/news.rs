//! News of hosts, as the operators' channel shows them: who joined, who is gone, who is back.

use super::{Accent, Button, ButtonStyle, ButtonTarget, Card, Listed, Listing, Press};
use crate::news::{About, Attendance, Bulletin, Told, What};
use crate::selector::fold::fold;
use crate::text::{count, cut, duration};

/// Characters of a list of names in a line.
const NAMES_CHARS_MAX: usize = 600;

/// A bulletin. It changes while it is young, and then says at last how things stand.
#[must_use]
pub fn news_card(bulletin: &Bulletin) -> Card {
    let of = |is: &dyn Fn(&What) -> bool| -> Vec<&Told> {
        bulletin
            .hosts
            .values()
            .filter(|told| is(&told.what))
            .collect()
    };
    let joined = of(&|what| matches!(what, What::Joined));
    let gone = of(&|what| matches!(what, What::Gone { .. }));
    let back = of(&|what| matches!(what, What::Back { .. }));
    let duplicated = of(&|what| matches!(what, What::Duplicated));
    if bulletin.about == About::Duplicated {
        let alone = of(&|what| matches!(what, What::Alone));
        return duplicated_card(bulletin, &duplicated, &alone);
    }
    let (accent, heading) = heading(bulletin.about, joined.len(), gone.len(), back.len());
    let mut lines = vec![format!("### {heading}")];
    if !joined.is_empty() {
        lines.push(names(&joined));
    }
    if !gone.is_empty() {
        lines.push(format!("{} · {}", names(&gone), last_heard(&gone)));
    }
    if !back.is_empty() {
        let mark = if gone.is_empty() { "" } else { "🟢 " };
        lines.push(format!("{mark}{} · {}", names(&back), was_away(&back)));
    }
    let quiet: Vec<&Told> = bulletin
        .hosts
        .values()
        .filter(|told| told.quiet_until_ms.is_some())
        .collect();
    if let Some(until_ms) = quiet.iter().filter_map(|told| told.quiet_until_ms).max() {
        lines.push(format!(
            "{} comes and goes: that is not told again before <t:{}:t>.",
            names(&quiet),
            until_ms / 1_000
        ));
    }
    lines.push(next(bulletin.about, gone.len()).to_owned());
    let mut buttons = vec![show(bulletin)];
    if bulletin.about == About::Joined {
        buttons.extend(hello(bulletin));
    }
    Card {
        buttons,
        ..Card::new(accent, vec![lines.join("\n")])
    }
}

/// Which hosts have an identity that two machines use, and what to do.
fn duplicated_card(bulletin: &Bulletin, hosts: &[&Told], alone: &[&Told]) -> Card {
    if hosts.is_empty() {
        return alone_card(bulletin, alone);
    }
    let mut text = format!(
        "### 🔴 Two machines use the identity of {}\n{}\nThe machine that was there first keeps its link and takes commands; the other gets none. \
         Was a machine cloned with the agent's data directory? Stop the agent on the clone, delete that directory there and let it join by itself. \
         If nobody cloned it, the identity may be stolen: `shanty hosts remove` ends it.",
        match hosts.len() {
            1 => "1 host".to_owned(),
            n => format!("{n} hosts"),
        },
        names(hosts)
    );
    if !alone.is_empty() {
        text.push_str(&format!("\n🟢 {} · one machine again", names(alone)));
    }
    let next = "-# `/hosts` shows more.";
    Card {
        buttons: vec![show(bulletin)],
        ..Card::new(Accent::Red, vec![format!("{text}\n{next}")])
    }
}

/// It is over: no other machine was seen for a while, or one has taken over.
fn alone_card(bulletin: &Bulletin, hosts: &[&Told]) -> Card {
    let text = format!(
        "### 🟢 One machine uses the identity of {} again\n{}\nTwo machines did, since <t:{}:t>. Look whether the right one has the link.\n\
         -# `/hosts` shows how they are.",
        match hosts.len() {
            1 => "1 host".to_owned(),
            n => format!("{n} hosts"),
        },
        names(hosts),
        bulletin.at_ms / 1_000
    );
    Card {
        buttons: vec![show(bulletin)],
        ..Card::new(Accent::Green, vec![text])
    }
}

fn heading(about: About, joined: usize, gone: usize, back: usize) -> (Accent, String) {
    match (about, gone) {
        (About::Joined, _) => (
            Accent::Green,
            format!("🟢 {} joined", count(joined, "host")),
        ),
        (About::Back, 0) | (About::Gone, 0) if back == 1 => {
            (Accent::Green, "🟢 1 host is back".to_owned())
        }
        (About::Back | About::Gone | About::Duplicated, 0) => (
            Accent::Green,
            format!("🟢 {} are back", count(back, "host")),
        ),
        (About::Back | About::Gone | About::Duplicated, gone) => {
            let is = if gone == 1 { "is" } else { "are" };
            let back = match back {
                0 => String::new(),
                back => format!(", {back} back"),
            };
            let text = format!("⚪ {} {is} gone{back}", count(gone, "host"));
            (Accent::Amber, text)
        }
    }
}

fn names(hosts: &[&Told]) -> String {
    let folded = fold(hosts.iter().map(|told| told.name.as_str()));
    format!("**{}**", cut(&folded.replace('_', "\\_"), NAMES_CHARS_MAX))
}

/// When the first of them was last heard of.
fn last_heard(gone: &[&Told]) -> String {
    let since = gone.iter().filter_map(|told| match told.what {
        What::Gone { since_ms } => Some(since_ms),
        What::Joined | What::Back { .. } | What::Duplicated | What::Alone => None,
    });
    let first_ms = since.min().unwrap_or_default();
    format!("last heard of <t:{}:R>", first_ms / 1_000)
}

/// How long they were away.
fn was_away(back: &[&Told]) -> String {
    let away = back.iter().filter_map(|told| match told.what {
        What::Back { away_ms } => Some(away_ms),
        What::Joined | What::Gone { .. } | What::Duplicated | What::Alone => None,
    });
    let (shortest, longest) = (away.clone().min(), away.max());
    let said = |ms: Option<u64>| duration(ms.unwrap_or_default() / 1_000 * 1_000);
    match said(shortest) == said(longest) {
        true => format!("was away {}", said(longest)),
        false => format!("was away {} to {}", said(shortest), said(longest)),
    }
}

const fn next(about: About, gone: usize) -> &'static str {
    match (about, gone) {
        (About::Joined, _) => "-# `/hosts` shows them; they take commands from now on.",
        (About::Gone | About::Back | About::Duplicated, 0) => "-# `/hosts` shows how they are.",
        (About::Gone | About::Back | About::Duplicated, _) => {
            "-# Is the machine up, is `shanty-agent` running there, does it reach this controller? `/hosts` or `shanty hosts` shows how all are."
        }
    }
}

/// Shows the hosts to who presses it.
fn show(bulletin: &Bulletin) -> Button {
    let names = fold(bulletin.hosts.values().map(|told| told.name.as_str()));
    let listing = match Listing::of(&names) {
        listing @ Listing {
            hosts: Listed::Selector(_),
            ..
        } => listing,
        Listing { .. } => Listing::of(""),
    };
    Button {
        label: "Show".to_owned(),
        target: ButtonTarget::Press(Press::Page(listing)),
        style: ButtonStyle::Secondary,
    }
}

/// Runs something harmless on hosts that joined; nothing when their names are too many for an id.
fn hello(bulletin: &Bulletin) -> Option<Button> {
    let names = fold(bulletin.hosts.values().map(|told| told.name.as_str()));
    Some(Button {
        label: "Say hello".to_owned(),
        target: ButtonTarget::Press(Press::hello(names)?),
        style: ButtonStyle::Primary,
    })
}

/// What the bot says of itself.
#[must_use]
pub fn attendance_text(attendance: Attendance) -> String {
    match attendance {
        Attendance { all: 0, .. } => "no hosts yet".to_owned(),
        Attendance { online, all } if online == all => format!("{} online", count(all, "host")),
        Attendance { online, all } => format!("{online} of {} online", count(all, "host")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AgentId;

    fn bulletin(about: About, hosts: &[(&str, What)]) -> Bulletin {
        let told = |(n, (name, what)): (usize, &(&str, What))| {
            let told = Told {
                name: (*name).to_owned(),
                what: *what,
                quiet_until_ms: None,
            };
            let id = u128::try_from(n).unwrap();
            (AgentId::from_bytes(id.to_be_bytes()), told)
        };
        Bulletin {
            id: 1,
            about,
            at_ms: 5,
            hosts: hosts.iter().enumerate().map(told).collect(),
        }
    }

    fn shown(bulletin: &Bulletin) -> String {
        let card = news_card(bulletin);
        let ButtonTarget::Press(press) = &card.buttons[0].target else {
            panic!("a link")
        };
        format!("{:?}\n{}\n{press}\n", card.accent, card.texts.join("\n"))
    }

    #[test]
    fn news_say_who_since_when_and_what_to_do_next() {
        let gone = |since_s: u64| What::Gone {
            since_ms: since_s * 1_000,
        };
        let back = |away_s: u64| What::Back {
            away_ms: away_s * 1_000 + 500,
        };
        let names: Vec<String> = (1..=40).map(|n| format!("web-{n:02}")).collect();
        let forty: Vec<(&str, What)> = names
            .iter()
            .map(|name| (name.as_str(), gone(1_700_000_000)))
            .collect();
        let scattered: Vec<String> = (1..=400).map(|n| format!("h{n}x{}", n * 7 % 31)).collect();
        let scattered: Vec<(&str, What)> = scattered
            .iter()
            .map(|name| (name.as_str(), gone(9)))
            .collect();
        let mut often = bulletin(About::Gone, &[("db_01", gone(9)), ("web-01", back(130))]);
        for told in often.hosts.values_mut().take(1) {
            told.quiet_until_ms = Some(1_700_003_600_000);
        }
        let all = [
            bulletin(About::Joined, &[("web-13", What::Joined)]),
            bulletin(About::Gone, &forty),
            bulletin(About::Gone, &[("web-01", back(95)), ("web-02", back(95))]),
            bulletin(
                About::Back,
                &[("web-01", back(95)), ("web-02", back(7_300))],
            ),
            bulletin(About::Back, &[("web-01", back(70))]),
            often,
            bulletin(
                About::Duplicated,
                &[("web-01", What::Duplicated), ("web-02", What::Duplicated)],
            ),
            bulletin(
                About::Duplicated,
                &[("web-01", What::Duplicated), ("web-02", What::Alone)],
            ),
            bulletin(About::Duplicated, &[("web-01", What::Alone)]),
        ];
        insta::assert_snapshot!(all.iter().map(shown).collect::<Vec<_>>().join("\n"));
        let long = shown(&bulletin(About::Gone, &scattered));
        assert!(
            long.contains("400 hosts are gone") && long.len() < 1_500,
            "{long}"
        );
        assert!(
            long.ends_with("v1:hosts:0:=\n"),
            "all, where the names do not fit: {long}"
        );
    }

    #[test]
    fn the_bot_says_how_many_are_there() {
        let said = |online, all| attendance_text(Attendance { online, all });
        assert_eq!(said(0, 0), "no hosts yet");
        assert_eq!(said(1, 1), "1 host online");
        assert_eq!(said(38, 40), "38 of 40 hosts online");
        assert_eq!(said(40, 40), "40 hosts online");
    }
}
