//! How what few hosts printed differs from what most did: for one person, from the beginning of each output.

use std::collections::HashMap;

use super::groups::{fenced, mark, names};
use crate::ids::AgentId;
use crate::output::diff::changes;
use crate::run::{Group, Rank, Run};
use crate::view::{Accent, Card, Texts};

/// Groups that are compared.
const GROUPS_MAX: usize = 5;

/// Characters of the names of a group.
const NAMES_MAX: usize = 120;

/// Lines and characters of all differences together.
const ROOM: (usize, usize) = (60, 2_800);

/// The groups whose texts [`diff_card`] shows: what most did, and of what is odd as much as there is room for.
pub fn diff_shown(groups: &[Group]) -> impl Iterator<Item = &Group> {
    let most = groups.iter().find(|group| group.rank == Rank::Most);
    let odd = groups.iter().filter(|group| group.rank == Rank::Odd);
    most.into_iter().chain(odd.take(GROUPS_MAX))
}

/// The differences of a run whose hosts are in these groups and printed these texts: one text for the first host of each.
#[must_use]
pub fn diff_card(run: &Run, groups: &[Group], texts: &HashMap<AgentId, String>) -> Card {
    let most = groups.iter().find(|group| group.rank == Rank::Most);
    let odd: Vec<&Group> = groups
        .iter()
        .filter(|group| group.rank == Rank::Odd)
        .collect();
    let number = run.number;
    let (Some(most), false) = (most, odd.is_empty()) else {
        let text = format!(
            "### Nothing differs · {number}\nAll hosts that ended well printed the same, but for what is never compared."
        );
        return Card::new(Accent::Blue, vec![text]);
    };
    let mut all = Texts::with(format!(
        "### How outputs differ · {number}\n-# `-` is what most have ({}), `+` is what these have.",
        names(most.names(), NAMES_MAX)
    ));
    let shown = odd.len().min(GROUPS_MAX);
    let (lines, units) = (ROOM.0 / shown, ROOM.1 / shown);
    for group in odd.iter().take(shown) {
        let who = format!(
            "{} **{}**",
            mark(group.rank),
            names(group.names(), NAMES_MAX)
        );
        let printed = |group: &Group| texts.get(&group.first()).map(String::as_str);
        let told = match printed(most).zip(printed(group)) {
            Some((most, these)) => match changes(most, these, lines, units) {
                same if same.is_empty() => {
                    "(no difference that can be seen at the beginning of it)".to_owned()
                }
                changes => fenced(&changes, "diff"),
            },
            None => "(not compared: what was printed is not there any more)".to_owned(),
        };
        all.add(Some(format!("{who}\n{told}")));
    }
    if odd.len() > shown {
        let more = crate::text::count(odd.len() - shown, "more different output");
        all.add(Some(format!("-# {more}.")));
    }
    Card::new(Accent::Amber, all.into_blocks())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RunNumber;
    use crate::run::{How, Loosely, Outcome, Spec, Target};

    fn agent(n: u8) -> AgentId {
        AgentId::from_bytes([n; 16])
    }

    fn card(contents: &[u8], texts: &[(u8, &str)]) -> Card {
        let all = || (1..).zip(contents);
        let target = |(n, _): (u8, &u8)| Target {
            agent: agent(n),
            name: format!("web-{n:02}").parse().unwrap(),
            away: None,
        };
        let mut run = Run::new(RunNumber(7), Spec::example(all().map(target).collect()), 0);
        for (n, content) in all() {
            let outcome = Outcome {
                content_sha256: Some([*content; 32]),
                ..Outcome::without_output(How::Exited(0))
            };
            run.apply_finished(agent(n), outcome);
        }
        let texts = texts
            .iter()
            .map(|(n, text)| (agent(*n), (*text).to_owned()));
        diff_card(&run, &run.groups(&Loosely::new()), &texts.collect())
    }

    #[test]
    fn each_odd_group_is_compared_with_most() {
        let shown = card(
            &[1, 1, 2, 3, 4],
            &[(1, "a\nb\n"), (3, "a\nc\n"), (4, "a\nb\n")],
        );
        insta::assert_snapshot!(shown.texts.join("\n--\n"));
    }

    #[test]
    fn where_nothing_differs_that_is_said() {
        let shown = card(&[1, 1], &[(1, "a\n")]).texts.concat();
        assert!(shown.contains("Nothing differs"), "{shown}");
    }

    #[test]
    fn many_long_outputs_fit() {
        let contents: Vec<u8> = (1..=40).collect();
        let long = "x".repeat(60_000);
        let texts: Vec<(u8, &str)> = contents.iter().map(|n| (*n, long.as_str())).collect();
        let shown = card(&contents, &texts);
        assert_eq!(shown.texts.len(), 1 + GROUPS_MAX + 1, "{shown:?}");
        let texts: Vec<String> = (1..=6).map(|n| "😀".repeat(n * 9_000)).collect();
        let texts: Vec<(u8, &str)> = (1..).zip(texts.iter().map(String::as_str)).collect();
        let shown = card(&[1, 2, 3, 4, 5, 6], &texts);
        let blocks = shown.texts.iter().filter(|text| text.contains("```diff"));
        assert_eq!(blocks.count(), GROUPS_MAX);
    }
}
