//! The history: runs that somebody looks for, a page at a time.

use super::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, HistoryPage, Menu, Press, Texts,
    escape_markdown_cut, inline_code, mention,
};
use crate::history::{Counted, Found, Page, Turn, Wanted};
use crate::limits::NAME_CHARS_MAX;
use crate::text::{count, cut, prefix, thousands, units};

/// UTF-16 units of how a run went, and of all that stands beside it: ten runs fit a card whatever stands in them.
const SUMMARY_MAX: usize = 120;
const LINE_MAX: usize = 340;

/// Characters of a command, of a name, and of a hit.
const COMMAND_MAX: usize = 40;
const NAME_MAX: usize = 24;
const HIT_MAX: usize = 90;

/// Characters of each thing that was looked for.
const WANTED_MAX: usize = 60;

/// A page of the history, with what stands beside each run.
#[derive(Clone, Copy, Debug)]
pub struct Looked<'a> {
    /// The runs.
    pub page: &'a Page,
    /// What those are called who asked for them, in their order.
    pub names: &'a [String],
    /// Where their threads are, or their cards, in their order.
    pub links: &'a [Option<String>],
    /// What was looked for.
    pub wanted: &'a Wanted,
    /// The key under which that is kept; nothing when it is everything.
    pub key: Option<&'a str>,
}

/// The card of `/runs`.
#[must_use]
pub fn history_card(looked: &Looked<'_>) -> Card {
    let page = looked.page;
    let mut texts = Texts::with(format!("### {}", heading(looked).join(" · ")));
    if page.runs.is_empty() {
        texts.add(Some(nothing(looked)));
    }
    for (at, found) in page.runs.iter().enumerate() {
        let name = looked.names.get(at).map(String::as_str);
        let link = looked.links.get(at).and_then(Option::as_deref);
        texts.add(Some(line(found, name, link)));
    }
    let short: Vec<&str> = page.short.iter().map(|short| short.text()).collect();
    texts.add((!short.is_empty()).then(|| format!("-# ⏳ {}", short.join(" "))));
    Card {
        buttons: buttons(looked),
        menu: menu(&page.runs),
        ..Card::new(Accent::Blue, texts.into_blocks())
    }
}

fn heading(looked: &Looked<'_>) -> Vec<String> {
    let wanted = looked.wanted;
    let code = |text: &String| inline_code(text, WANTED_MAX);
    let mut words = vec!["Runs".to_owned()];
    words.extend(wanted.who.iter().map(mention));
    words.extend(wanted.on.as_ref().map(code));
    words.extend(
        wanted
            .since
            .as_ref()
            .map(|since| format!("since {}", escape_markdown_cut(since, WANTED_MAX))),
    );
    words.extend(wanted.state.clone());
    words.extend(wanted.text.as_ref().map(code));
    words.extend(looked.page.total.map(|(total, counted)| {
        let more = if counted == Counted::More { "+" } else { "" };
        match (total, more) {
            (1, "") => "1 run".to_owned(),
            (total, more) => format!("{}{more} runs", thousands(total)),
        }
    }));
    words
}

fn nothing(looked: &Looked<'_>) -> String {
    match (looked.key, looked.page.older) {
        (_, Some(_)) => {
            "None among those that were looked through. [Older ▶] looks through older ones."
                .to_owned()
        }
        (_, None) if !looked.page.short.is_empty() => "Nothing was found so far.".to_owned(),
        (None, None) => "Nothing was run yet. Try `/run on:all command:uptime`.".to_owned(),
        (Some(_), None) => {
            "Nothing was found that you may see here. Look for less, or further back.".to_owned()
        }
    }
}

/// A run with as much beside it as there is room for. Its number leads to it: the name of its thread would say number and command again.
fn line(found: &Found, name: Option<&str>, link: Option<&str>) -> String {
    let entry = &found.entry;
    let summary = linked(
        prefix(&entry.summary, SUMMARY_MAX),
        &entry.number.to_string(),
        link,
    );
    let when = format!("<t:{}:R>", entry.accepted_ms / 1_000);
    let command = inline_code(&entry.command, COMMAND_MAX);
    let name = name.map(|name| escape_markdown_cut(name, NAME_MAX));
    let least = format!("{summary} · {when}");
    let words = [Some(summary), Some(command), name, Some(when)];
    let line = words.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    let hit = found.hit.as_ref().map(|hit| {
        let host = escape_markdown_cut(&hit.host, NAME_MAX);
        format!("{line}\n-# {host}: {}", inline_code(&hit.text, HIT_MAX))
    });
    let fits = |text: &String| units(text) <= LINE_MAX;
    let all = hit.into_iter().chain([line]).find(fits);
    all.unwrap_or(least)
}

/// How a run went, with its number as the way to it.
fn linked(summary: &str, number: &str, link: Option<&str>) -> String {
    match (link, summary.split_once(number)) {
        (Some(link), Some((before, after))) => format!("{before}[{number}]({link}){after}"),
        (Some(link), None) => format!("{summary} · [{number}]({link})"),
        (None, _) => summary.to_owned(),
    }
}

fn buttons(looked: &Looked<'_>) -> Vec<Button> {
    let page = looked.page;
    let key = || looked.key.map(str::to_owned);
    let button = |label: &str, press| Button {
        label: label.to_owned(),
        target: ButtonTarget::Press(press),
        style: ButtonStyle::Secondary,
    };
    let turn = |label: &str, turn| {
        let to = HistoryPage { turn, key: key() };
        button(label, Press::History(to))
    };
    let newer = page
        .newer
        .map(|number| turn("◀ Newer", Turn::After(number)));
    let older = page
        .older
        .map(|number| turn("Older ▶", Turn::Before(number)));
    let mut buttons: Vec<Button> = newer.into_iter().chain(older).collect();
    if !page.runs.is_empty() {
        buttons.push(button("Export CSV", Press::Table(key())));
    }
    buttons
}

fn menu(runs: &[Found]) -> Option<Menu> {
    let option = |found: &Found| {
        let entry = &found.entry;
        let hosts = usize::try_from(entry.counted).unwrap_or(usize::MAX);
        let command = entry.command.replace(char::is_control, " ");
        let label = format!(
            "{} {} · {}",
            entry.number,
            cut(&command, 60),
            count(hosts, "host")
        );
        (
            entry.id.to_string(),
            prefix(&label, NAME_CHARS_MAX).to_owned(),
        )
    };
    (!runs.is_empty()).then(|| Menu {
        press: Press::See,
        placeholder: "Show a run…".to_owned(),
        options: runs.iter().map(option).collect(),
    })
}

/// What became of a favourite, for the person whose it is.
#[must_use]
pub fn star_card(command: &str, set: bool) -> Card {
    let command = inline_code(command, 300);
    let text = if set {
        format!(
            "### ★ A favourite of yours\n{command}\nIt comes first when you type `/run command:`. Choose the same again to take it back."
        )
    } else {
        format!("### ☆ No favourite any more\n{command}")
    };
    Card::new(Accent::Blue, vec![text])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Entry, Hit, Short, Stand};
    use crate::ids::{AgentId, RunId, RunNumber};
    use crate::principal::Principal;

    fn found(number: u64, command: &str, hit: Option<&str>) -> Found {
        let entry = Entry {
            number: RunNumber(number),
            id: RunId::from_bytes([7; 16]),
            accepted_ms: 1_795_341_060_000,
            closed_ms: 1_795_341_065_000,
            by: Principal::Discord(3_001),
            place: Some((1, 5)),
            selector: "all".to_owned(),
            command: command.to_owned(),
            run_as: None,
            timeout_ms: 0,
            agents: Vec::new(),
            hosts: "web-01".to_owned(),
            counted: 12,
            ok: 12,
            took_ms: Some(4_100),
            stand: Stand::Ok,
            summary: format!("✅ #{number} · 12 hosts · 12 ok · 4.1 s"),
            settled: true,
        };
        let hit = hit.map(|text| Hit {
            agent: AgentId::from_bytes([1; 16]),
            host: "web_01".to_owned(),
            text: text.to_owned(),
        });
        Found { entry, hit }
    }

    #[test]
    fn a_page_reads_well() {
        let page = Page {
            runs: vec![
                found(143, "uname -r", None),
                found(142, "df -h", Some("/dev/sda1 97% /")),
            ],
            total: Some((42, Counted::All)),
            older: Some(RunNumber(142)),
            newer: Some(RunNumber(143)),
            short: [Short::Stopped, Short::Printed].into(),
        };
        let wanted = Wanted {
            who: vec![Principal::Discord(3_001)],
            on: Some("role=web".to_owned()),
            since: Some("7d".to_owned()),
            state: Some("ok".to_owned()),
            text: Some("sda1".to_owned()),
        };
        let names = ["ann".to_owned(), "a*b".to_owned()];
        let links = [Some("https://discord.com/channels/1/77".to_owned()), None];
        let looked = Looked {
            page: &page,
            names: &names,
            links: &links,
            wanted: &wanted,
            key: Some("0123456789abcdef01234567"),
        };
        let card = history_card(&looked);
        let labels: Vec<&str> = card
            .buttons
            .iter()
            .map(|button| button.label.as_str())
            .collect();
        let menu = card.menu.as_ref().unwrap();
        insta::assert_snapshot!(format!(
            "{}\n{labels:?}\n{:?}",
            card.texts.join("\n"),
            menu.options
        ));

        let empty = Page::default();
        let everything = Wanted::default();
        let none = |key| {
            let looked = Looked {
                page: &empty,
                names: &[],
                links: &[],
                wanted: &everything,
                key,
            };
            history_card(&looked).texts.concat()
        };
        assert!(none(None).contains("Nothing was run yet"));
        assert!(none(Some("k")).contains("Nothing was found that you may see"));
        let unread = Page {
            short: [Short::Printed].into(),
            ..Page::default()
        };
        let looked = Looked {
            page: &unread,
            names: &[],
            links: &[],
            wanted: &everything,
            key: Some("k"),
        };
        let said = history_card(&looked).texts.concat();
        assert!(said.contains("Nothing was found so far."), "{said}");
        assert!(said.contains("still being indexed"), "{said}");
    }

    #[test]
    fn ten_runs_fit_whatever_stands_in_them() {
        let mut long = found(
            u64::MAX,
            &"\u{1f600}`".repeat(500),
            Some(&"😀 ".repeat(500)),
        );
        long.entry.summary = "😀".repeat(500);
        let page = Page {
            runs: vec![long; 10],
            total: Some((1_000, Counted::More)),
            short: [Short::Stopped, Short::Newest, Short::Printed, Short::Past].into(),
            ..Page::default()
        };
        let names = vec!["*".repeat(64); 10];
        let links = vec![Some("https://discord.com/channels/1300000000000000000/1300000000000000000/1300000000000000000".to_owned()); 10];
        let wanted = Wanted {
            who: vec![Principal::Discord(u64::MAX)],
            on: Some("*".repeat(6_000)),
            since: Some("*".repeat(60)),
            state: None,
            text: Some("`".repeat(200)),
        };
        let looked = Looked {
            page: &page,
            names: &names,
            links: &links,
            wanted: &wanted,
            key: None,
        };
        let card = history_card(&looked);
        assert_eq!(card.texts.len(), 12, "none is left out");
        let all: usize = card.texts.iter().map(|text| units(text)).sum();
        assert!(all <= crate::limits::CARD_CHARS_MAX, "{all}");
        for (_, label) in card.menu.unwrap().options {
            assert!(units(&label) <= NAME_CHARS_MAX);
        }
    }
}
