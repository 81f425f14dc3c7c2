//! What changed between two runs: for one person.

use super::groups::{fenced, names};
use super::target;
use crate::history::{Between, Change};
use crate::run::Run;
use crate::text::{count, prefix, units};
use crate::view::{Accent, Card, Texts, escape_markdown_cut, inline_code, mention};

/// Changes that are shown.
const CHANGES_MAX: usize = 6;

/// Lines and characters of all changes together.
const ROOM: (usize, usize) = (60, 2_400);

/// Characters of the names of hosts, and of how they ended.
const NAMES_MAX: usize = 120;
const HOW_MAX: usize = 80;

/// What changed from one run to another.
#[must_use]
pub fn between_card(from: &Run, to: &Run, between: &Between) -> Card {
    let changes = between.changes();
    let changed = changes.iter().any(|(change, _)| !change.is_none());
    let verdict = if changed {
        "What changed"
    } else {
        "Nothing changed"
    };
    let mut texts = Texts::with(format!("### {verdict} · {} → {}", from.number, to.number));
    let line = |mark: char, run: &Run| {
        let by = mention(&run.spec.origin.principal());
        let command = inline_code(&run.spec.what.text(), 120);
        format!(
            "`{mark}` {} · {} · {command} · {by} · <t:{}:R>",
            run.number,
            target(run),
            run.accepted_ms / 1_000
        )
    };
    texts.add(Some(format!("{}\n{}", line('-', from), line('+', to))));
    let shown = changes.len().clamp(1, CHANGES_MAX);
    let room = (ROOM.0 / shown, ROOM.1 / shown);
    for (change, hosts) in changes.iter().take(CHANGES_MAX) {
        texts.add(Some(block(change, hosts, room)));
    }
    let more = changes.iter().skip(CHANGES_MAX);
    let more = more.map(|(_, hosts)| hosts.len()).sum::<usize>() + between.more();
    if more > 0 {
        let (from, to) = (from.number.0, to.number.0);
        let more = count(more, "more host");
        texts.add(Some(format!(
            "-# {more}: `shanty runs diff {from} {to}` shows all."
        )));
    }
    let accent = if changed { Accent::Amber } else { Accent::Blue };
    Card::new(accent, texts.into_blocks())
}

fn block(change: &Change, hosts: &[String], room: (usize, usize)) -> String {
    let who = names(hosts.iter().map(String::as_str), NAMES_MAX);
    let how = |how: &str| escape_markdown_cut(how, HOW_MAX);
    let (from, to) = (change.how.0.as_deref(), change.how.1.as_deref());
    let how = match (from, to) {
        (Some(from), Some(to)) if from == to => how(from),
        (Some(from), Some(to)) => format!("{} → {}", how(from), how(to)),
        (Some(_), None) => return format!("**{who}** · only in the first"),
        (None, _) => return format!("**{who}** · only in the second"),
    };
    match change.lines.as_deref() {
        Some("") if from == to => format!("**{who}** · {how} · nothing changed"),
        Some("") => format!("**{who}** · {how} · the same output"),
        Some(lines) => format!(
            "**{who}** · {how}\n{}",
            fenced(&fitting(lines, room), "diff")
        ),
        None => format!("**{who}** · {how} · not compared: the output is not there any more"),
    }
}

/// The first lines that fit, and how many more there are.
fn fitting(lines: &str, (lines_max, units_max): (usize, usize)) -> String {
    let mut text = String::new();
    let mut left = lines.lines();
    for line in left.by_ref().take(lines_max) {
        let room = units_max.saturating_sub(units(&text));
        if units(line) >= room {
            text.push_str(prefix(line, room.saturating_sub(2)));
            text.push_str("…\n");
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    match left.count() {
        0 => text,
        more => format!("{text}… {}\n", count(more, "more line")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Side;
    use crate::ids::RunNumber;
    use crate::run::Spec;

    fn run(number: u64) -> Run {
        Run::new(RunNumber(number), Spec::example(Vec::new()), 5_000)
    }

    fn side(how: &str, printed: &str) -> Side {
        Side {
            how: how.to_owned(),
            printed: Some(printed.to_owned()),
        }
    }

    #[test]
    fn changes_stand_together_with_their_hosts() {
        let mut between = Between::default();
        for host in ["web-01", "web-02"] {
            let (from, to) = (side("exit 0", "6.1.0-33\n"), side("exit 0", "6.1.0-37\n"));
            between.take(host, Some(&from), Some(&to));
        }
        let (well, badly) = (side("exit 0", "x\n"), side("exit 1", "x\n"));
        between.take("db-01", Some(&well), Some(&badly));
        between.take("db-02", Some(&well), Some(&well));
        between.take("new-01", None, Some(&well));
        let card = between_card(&run(141), &run(142), &between);
        insta::assert_snapshot!(card.texts.join("\n--\n"));
        let mut same = Between::default();
        same.take("db-02", Some(&well), Some(&well));
        let card = between_card(&run(1), &run(2), &same);
        assert!(card.texts.concat().contains("Nothing changed · #1 → #2"));
    }

    #[test]
    fn many_long_changes_fit() {
        let mut between = Between::default();
        for n in 0..40 {
            let long = format!("{n}{}", "😀 x\n".repeat(9_000));
            between.take(
                &format!("h{n}"),
                Some(&side("exit 0", "")),
                Some(&side("exit 0", &long)),
            );
        }
        let card = between_card(&run(1), &run(2), &between);
        assert_eq!(card.texts.len(), 2 + CHANGES_MAX + 1);
        assert!(card.texts.concat().contains("34 more hosts"), "{card:?}");
    }
}
