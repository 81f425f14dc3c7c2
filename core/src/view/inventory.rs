//! What is said when labels, groups and drains change.

use super::answer::Audience;
use super::fleet::whole_lines;
use super::{Accent, Card, inline_code, mention};
use crate::ask::{GroupRow, InventoryAnswer, SavedGroup};
use crate::ids::{HostName, Labels};
use crate::principal::Principal;
use crate::selector::fold::fold;
use crate::text::{count, cut};

/// Characters of a list of names.
const NAMES_CHARS_MAX: usize = 1_200;

/// What became of a change, and who sees it: what changed nothing is for who asked.
pub(super) fn inventory_card(answer: &InventoryAnswer, by: &Principal) -> (Card, Audience) {
    let (card, is_new) = match answer {
        InventoryAnswer::Labelled(changed) => (labelled_card(changed, by), true),
        InventoryAnswer::Drained { names, drain } => {
            (drained_card(names, *drain, by), !names.is_empty())
        }
        InventoryAnswer::Released(hosts) => (released_card(hosts, by), !hosts.is_empty()),
        InventoryAnswer::GroupSaved(saved) => (group_saved_card(saved, by), true),
        InventoryAnswer::GroupRemoved { name } => (group_removed_card(name, by), true),
    };
    match is_new {
        true => (card, Audience::Channel),
        false => (card, Audience::Asker),
    }
}

/// Hosts have other labels.
fn labelled_card(changed: &[(HostName, Labels)], by: &Principal) -> Card {
    let heading = format!("### 🏷 Labels of {} changed", count(changed.len(), "host"));
    let lines = changed.iter().map(|(name, labels)| {
        let labels = match labels.is_empty() {
            true => "no labels".to_owned(),
            false => inline_code(&labels.to_string(), 300),
        };
        format!("**{name}** · {labels}")
    });
    let list = whole_lines(lines, 1_600);
    Card::new(
        Accent::Green,
        vec![format!("{heading}\n{list}\n-# {}", mention(by))],
    )
}

/// What hosts held of runs that are not known here is given up.
fn released_card(hosts: &[(HostName, usize)], by: &Principal) -> Card {
    let all = hosts.iter().map(|(_, executions)| executions).sum();
    let lines = hosts
        .iter()
        .map(|(name, executions)| format!("**{name}** · {executions}"));
    let list = whole_lines(lines, NAMES_CHARS_MAX);
    let text = format!(
        "### {} given up\n{list}\n-# {}",
        count(all, "execution"),
        mention(by)
    );
    Card::new(Accent::Grey, vec![text])
}

/// Hosts hold executions of runs that are not known here: told to operators.
#[must_use]
pub fn unknown_runs_card(hosts: &[(String, usize)]) -> Card {
    let lines = hosts.iter().map(|(name, executions)| {
        let name = name.replace('_', "\\_");
        format!("**{name}** · {}", count(*executions, "execution"))
    });
    let list = whole_lines(lines, NAMES_CHARS_MAX);
    let heading = match hosts.len() {
        1 => "1 host holds".to_owned(),
        hosts => format!("{} hold", count(hosts, "host")),
    };
    let text = format!(
        "### ⚠ {heading} what is not known here\n{list}\nThe journal is older than these runs: a backup was put back, or the host joined \
         anew. Nothing of them runs again, and their output stays on the hosts. `shanty hosts release HOST` gives it up."
    );
    Card::new(Accent::Amber, vec![text])
}

/// Hosts take no new runs, or take them again.
fn drained_card(names: &[HostName], on: bool, by: &Principal) -> Card {
    let hosts = count(names.len(), "host");
    let folded = cut(&fold(names.iter().map(HostName::as_str)), NAMES_CHARS_MAX);
    let (accent, text) = match (names.is_empty(), on) {
        (true, true) => (
            Accent::Grey,
            "### Already so\nNo new runs go there. Nothing was changed.".to_owned(),
        ),
        (true, false) => (
            Accent::Grey,
            "### They take new runs already\nNothing was changed.".to_owned(),
        ),
        (false, true) => (
            Accent::Amber,
            format!(
                "### ⏸ {hosts} draining\n**{folded}**\nWhat runs there goes on; new runs do not go there. `/host undrain` ends it."
            ),
        ),
        (false, false) => (
            Accent::Green,
            format!(
                "### ▶ {hosts} no longer draining\n**{folded}**\nWhat waits for them may start."
            ),
        ),
    };
    Card::new(accent, vec![format!("{text}\n-# {}", mention(by))])
}

/// A selector has a name.
fn group_saved_card(saved: &SavedGroup, by: &Principal) -> Card {
    let name = &saved.name;
    let selector = inline_code(&saved.selector.to_string(), 600);
    let hosts = count(saved.hosts, "host");
    let text = format!(
        "### 💾 `@{name}` saved\nIt stands for {selector}: {hosts} now.\n-# {}",
        mention(by)
    );
    Card::new(Accent::Green, vec![text])
}

/// A saved group is gone.
fn group_removed_card(name: &str, by: &Principal) -> Card {
    let text = format!(
        "### 🗑 `@{name}` removed\nSelectors that name it are refused from now on.\n-# {}",
        mention(by)
    );
    Card::new(Accent::Grey, vec![text])
}

/// Saved groups.
pub(super) fn groups_card(groups: &[GroupRow]) -> Card {
    let heading = format!("### Saved groups · {}", groups.len());
    if groups.is_empty() {
        let text = "No group was saved yet. `/group save name:web hosts:role=web` saves one.";
        return Card::new(Accent::Blue, vec![format!("{heading}\n{text}")]);
    }
    let lines = groups.iter().map(|group| {
        let selector = group
            .selector
            .as_ref()
            .map_or_else(String::new, |selector| {
                format!(" · {}", inline_code(selector, 120))
            });
        let hosts = group
            .hosts
            .map_or("not counted".to_owned(), |n| count(n, "host"));
        let saved = group.saved_ms / 1_000;
        format!(
            "**@{}** · {hosts}{selector} · {} <t:{saved}:d>",
            group.name,
            mention(&group.by)
        )
    });
    let mut list = whole_lines(lines, 1_800);
    if list.contains("\n-# … and ") {
        list.push_str(
            ": `shanty groups` shows all, and `@` while you type a selector completes them",
        );
    }
    Card::new(Accent::Blue, vec![heading, list])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::Selector;

    #[test]
    fn changes_are_said_plainly() {
        let by = Principal::Discord(7);
        let names: Vec<HostName> = ["web-01", "web-02"]
            .map(|name| name.parse().unwrap())
            .into();
        let labelled: Vec<(HostName, Labels)> = vec![
            (
                names[0].clone(),
                Labels::parse("env=prod,role=web").unwrap(),
            ),
            (names[1].clone(), Labels::default()),
        ];
        let row = |selector: Option<&str>| GroupRow {
            name: "web".into(),
            selector: selector.map(str::to_owned),
            hosts: Some(2),
            by: by.clone(),
            saved_ms: 86_400_000,
        };
        let saved = SavedGroup {
            name: "web".into(),
            selector: Selector::parse("role=web").unwrap(),
            hosts: 2,
        };
        let cards = [
            labelled_card(&labelled, &by),
            drained_card(&names, true, &by),
            drained_card(&names[..1], false, &by),
            drained_card(&[], true, &by),
            drained_card(&[], false, &by),
            group_saved_card(&saved, &by),
            group_removed_card("web", &by),
            groups_card(&[]),
            groups_card(&[row(Some("role=web")), row(None)]),
        ];
        let shown: Vec<String> = cards.iter().map(|card| card.texts.join("\n--\n")).collect();
        insta::assert_snapshot!(shown.join("\n====\n"));
    }

    #[test]
    fn what_hosts_hold_that_is_not_known_is_told_with_what_to_do() {
        let one = unknown_runs_card(&[("web_01".to_owned(), 2)]);
        assert!(
            one.texts[0].starts_with(
                "### ⚠ 1 host holds what is not known here\n**web\\_01** · 2 executions\n"
            ),
            "{one:?}"
        );
        assert!(one.texts[0].contains("`shanty hosts release HOST` gives it up"));
        let many: Vec<(String, usize)> = (0..400).map(|n| (format!("web-{n:03}"), 1)).collect();
        let many = unknown_runs_card(&many);
        assert!(many.texts[0].starts_with("### ⚠ 400 hosts hold what is not known here\n"));
        assert!(many.texts[0].chars().count() < 2_000);
        let by = Principal::Local("ann".into());
        let released = [("web-01".parse().unwrap(), 2)];
        let card = released_card(&released, &by);
        assert!(
            card.texts[0].starts_with("### 2 executions given up\n**web-01** · 2\n"),
            "{card:?}"
        );
    }
}
