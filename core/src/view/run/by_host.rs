//! How a run went on each host, a page at a time, and what was run as a text to copy: for one person.

use std::cmp::Ordering;

use super::buttons::{files, output};
use super::groups::mark;
use super::open::menu_of;
use crate::ids::AgentId;
use crate::limits::TEXT_DISPLAY_CHARS_MAX;
use crate::refusal::{Code, Refusal};
use crate::run::{Execution, Rank, Run};
use crate::selector::fold::natural;
use crate::text::{count, duration, thousands, units};
use crate::view::text::code_block;
use crate::view::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, Press, Texts, escape_markdown_cut,
};

/// Hosts of one page.
const ROWS: usize = 15;

/// Rows of one text block: whatever stands in them, they fit it.
const ROWS_OF_BLOCK: usize = 8;

/// Characters of how it ended.
const HOW_MAX: usize = 100;

/// The longest command that is shown as a text to copy.
const COPY_CHARS_MAX: usize = TEXT_DISPLAY_CHARS_MAX - 20;
/// Its fences and their language.
const FENCE_UNITS: usize = 10;

/// A page of the hosts of a run and how each ended, those first that somebody should look at; and the way to its thread, if there is one.
#[must_use]
pub fn by_host_card(run: &Run, page: usize, thread: Option<(u64, u64)>) -> Card {
    let mut rows: Vec<(AgentId, Option<Rank>, &Execution)> = run
        .executions()
        .map(|(agent, execution)| (agent, rank(run, execution), execution))
        .collect();
    rows.sort_by(|(_, a, one), (_, b, other)| {
        by_rank(*a, *b).then_with(|| natural(one.name.as_str(), other.name.as_str()))
    });
    let pages = rows.len().div_ceil(ROWS).max(1);
    let page = page.min(pages - 1);
    let on_page = || rows.iter().skip(page * ROWS).take(ROWS);
    let shown: Vec<String> = on_page()
        .map(|(_, rank, execution)| row(*rank, execution))
        .collect();
    let mut heading = format!(
        "### By host · {} · {}",
        run.number,
        count(run.spec.targets.len(), "host")
    );
    if pages > 1 {
        heading.push_str(&format!(" · page {} of {pages}", page + 1));
    }
    let mut texts = Texts::with(heading);
    for block in shown.chunks(ROWS_OF_BLOCK) {
        texts.add(Some(block.join("\n")));
    }
    Card {
        buttons: turns(run, page, pages)
            .into_iter()
            .chain(thread.map(output))
            .collect(),
        menu: menu_of(run, on_page().map(|(agent, ..)| *agent)),
        ..Card::new(Accent::Blue, texts.into_blocks())
    }
}

fn turns(run: &Run, page: usize, pages: usize) -> Vec<Button> {
    let id = run.spec.id;
    let button = |label: &str, press| Button {
        label: label.to_owned(),
        target: ButtonTarget::Press(press),
        style: ButtonStyle::Secondary,
    };
    let mut buttons = Vec::new();
    if page > 0 {
        buttons.push(button("◀", Press::ByHost(id, page - 1)));
    }
    if page + 1 < pages {
        buttons.push(button("▶", Press::ByHost(id, page + 1)));
    }
    if !run.differing().is_empty() {
        buttons.push(button("Diff", Press::Diff(id)));
    }
    let ran = |execution: &Execution| {
        let outcome = execution.outcome();
        outcome.is_some_and(|outcome| outcome.output_bytes > 0)
    };
    if run.all_ended() && run.executions().any(|(_, execution)| ran(execution)) {
        buttons.push(files(id));
    }
    buttons
}

/// What went well has one rank here: whether it printed what most did is shown elsewhere.
pub(super) fn rank(run: &Run, execution: &Execution) -> Option<Rank> {
    let outcome = execution.outcome()?;
    let rank = Rank::of(&outcome.how, run.is_skipped(execution));
    Some(if rank == Rank::Odd { Rank::Most } else { rank })
}

/// What has not ended stands after what went wrong.
fn by_rank(a: Option<Rank>, b: Option<Rank>) -> Ordering {
    let place = |rank: Option<Rank>| rank.unwrap_or(Rank::Stopped);
    place(a).cmp(&place(b)).then(a.is_none().cmp(&b.is_none()))
}

fn row(rank: Option<Rank>, execution: &Execution) -> String {
    let name = execution.name.as_str().replace('_', "\\_");
    let Some((rank, outcome)) = rank.zip(execution.outcome()) else {
        return format!("⏳ **{name}** · {}", execution.state());
    };
    let how = escape_markdown_cut(&outcome.how.plain(), HOW_MAX);
    let took = match outcome.how.exit_code() {
        Some(_) => format!(" · {}", duration(outcome.duration_ms)),
        None => String::new(),
    };
    let left = outcome.left_words().map_or_else(String::new, |left| {
        format!(" · {}", escape_markdown_cut(&left, HOW_MAX))
    });
    format!("{} **{name}** · {how}{took}{left}", mark(rank))
}

/// What was run, as a text to copy.
///
/// # Errors
/// When it is longer than a card can show.
pub fn copy_card(run: &Run) -> Result<Card, Refusal> {
    let command = run.spec.what.text();
    let block = code_block(&command, "sh");
    if units(&block) > COPY_CHARS_MAX + FENCE_UNITS {
        return Err(Refusal::new(
            Code::TooLong,
            format!(
                "The command has {} characters, and a text to copy has at most {}.",
                thousands(units(&command) as u64),
                thousands(COPY_CHARS_MAX as u64)
            ),
            format!(
                "The form behind Edit… holds twice as much, and `shanty runs show {}` prints all.",
                run.number.0
            ),
        ));
    }
    let mut texts = vec![format!("-# The command of {}", run.number), block];
    if texts
        .iter()
        .all(|text| !text.contains(command.trim_end_matches('\n')))
    {
        texts.push(
            "-# Not to be pasted as it is: of three backticks the last has an invisible character before it, and what cannot be seen is shown by \
             its code point. *Edit…* has it as it is."
                .to_owned(),
        );
    }
    Ok(Card::new(Accent::Blue, texts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::run::{How, Outcome, Reason, Spec, Target, What};

    fn run_of(hosts: u8, command: &str) -> Run {
        let target = |n: u8| Target {
            agent: AgentId::from_bytes([n; 16]),
            name: format!("web_{n}").parse().unwrap(),
            away: None,
        };
        let spec = Spec {
            what: What::Shell(command.to_owned()),
            ..Spec::example((1..=hosts).map(target).collect())
        };
        Run::new(RunNumber(142), spec, 0)
    }

    fn end(run: &mut Run, n: u8, how: How, content: u8) {
        let outcome = Outcome {
            duration_ms: u64::from(n) * 1_000,
            content_sha256: how.exit_code().map(|_| [content; 32]),
            ..Outcome::without_output(how)
        };
        run.apply_finished(AgentId::from_bytes([n; 16]), outcome);
    }

    fn labels(card: &Card) -> Vec<&str> {
        card.buttons.iter().map(|b| b.label.as_str()).collect()
    }

    #[test]
    fn what_went_wrong_comes_first_and_pages_are_turned() {
        let mut run = run_of(20, "true");
        for n in 1..=17 {
            end(&mut run, n, How::Exited(0), 1);
        }
        let reason = Reason::new(Code::Offline, "it was *away*");
        end(&mut run, 18, How::NotStarted(reason), 0);
        end(&mut run, 19, How::Exited(3), 2);
        let first = by_host_card(&run, 0, None);
        insta::assert_snapshot!(first.texts.join("\n--\n"));
        assert_eq!(labels(&first), ["▶", "Diff"]);
        let last = by_host_card(&run, 99, None);
        assert!(last.texts[0].ends_with("page 2 of 2"), "{:?}", last.texts);
        assert_eq!(labels(&last), ["◀", "Diff"]);
        let mut few = run_of(2, "true");
        end(&mut few, 1, How::Exited(0), 1);
        end(&mut few, 2, How::Exited(0), 1);
        assert_eq!(
            labels(&by_host_card(&few, 0, None)),
            [""; 0],
            "nothing differs"
        );
    }

    #[test]
    fn the_longest_rows_fit() {
        let mut run = run_of(30, "true");
        for n in 1..=30 {
            let reason = Reason::new(Code::Agent, "*".repeat(1_000));
            end(&mut run, n, How::Refused(reason), 0);
        }
        let card = by_host_card(&run, 0, None);
        let rows = card.texts.concat().matches("refused").count();
        assert_eq!(rows, ROWS);
        assert!(
            card.texts
                .iter()
                .all(|text| units(text) <= TEXT_DISPLAY_CHARS_MAX)
        );
    }

    #[test]
    fn a_command_is_copied_as_it_is_and_cannot_end_its_block() {
        let shown = |command: &str| copy_card(&run_of(1, command)).unwrap().texts;
        assert_eq!(shown("uptime\nid")[1], "```sh\nuptime\nid\n```");
        let fenced = shown("echo '```\n# loud'");
        assert_eq!(fenced[1].matches("```").count(), 2, "{fenced:?}");
        assert_eq!(fenced.len(), 3, "and it is said");
        assert!(copy_card(&run_of(1, &"x".repeat(COPY_CHARS_MAX))).is_ok());
        let refusal = copy_card(&run_of(1, &"x".repeat(COPY_CHARS_MAX + 1))).unwrap_err();
        insta::assert_snapshot!(refusal);
    }
}
