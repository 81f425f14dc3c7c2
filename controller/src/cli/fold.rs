//! A run that is over, as a person reads it on a terminal: the hosts that did the same once, what failed first.

use shanty_core::output::diff::changes;
use shanty_core::run::Rank;
use shanty_core::text::{count, duration};
use shanty_core::view::terminal::{Tone, one_line};
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::out::{self, Terminal};
use super::printer::SafeText;

/// Lines and characters of a difference.
const DIFF_MAX: (usize, usize) = (200, 20_000);

/// Bytes of text that are compared.
const COMPARED_MAX: usize = 256 * 1024;

/// Prints the groups of a run, each with its output or with how that differs from what most printed.
pub(super) async fn print(client: &Client, run: &v1::RunInfo, diff: bool) -> Result<(), Failure> {
    let terminal = Terminal::of_stdout();
    let biggest = match diff {
        true => biggest(run),
        false => None,
    };
    let most = match biggest {
        Some(most) => text_of(client, run, most).await?,
        None => None,
    };
    for (at, group) in run.groups.iter().enumerate() {
        if at > 0 {
            out::line("")?;
        }
        out::line(heading(group, terminal))?;
        if group.exit_code.is_none() {
            continue;
        }
        let odd = group.rank == Rank::Odd.as_str();
        let own = match odd && most.is_some() {
            true => text_of(client, run, group).await?,
            false => None,
        };
        match (&most, own) {
            (Some(most), Some(own)) => {
                let (lines, units) = DIFF_MAX;
                let changes = changes(most, &own, lines, units);
                out::text(&coloured(&changes, terminal))?;
            }
            _ => print_output(client, run, group, terminal).await?,
        }
    }
    Ok(())
}

/// The group that odd ones are compared with.
fn biggest(run: &v1::RunInfo) -> Option<&v1::EndGroup> {
    let is = |group: &&v1::EndGroup, rank: Rank| group.rank == rank.as_str();
    run.groups.iter().find(|group| is(group, Rank::Most))
}

/// Who they are and how it ended: `✗ db-[01-02] · 2 hosts · exit 100 · 1.3 s`.
fn heading(group: &v1::EndGroup, terminal: Terminal) -> String {
    let (mark, tone) = mark(&group.rank);
    let mut words = vec![group.hosts.clone()];
    if group.count > 1 {
        words.push(count(group.count as usize, "host"));
    }
    words.push(match group.rank == Rank::LeftOut.as_str() {
        true => {
            let why = group.text.trim_start_matches("not started: ");
            format!(
                "left out: {}",
                one_line(why.trim_start_matches("skipped: "))
            )
        }
        false => one_line(&group.text),
    });
    if group.exit_code.is_some() {
        words.push(duration(group.duration_ms));
    }
    if group.rank == Rank::Odd.as_str() {
        words.push("another output than most".to_owned());
    }
    if group.outputs > 1 {
        words.push(format!("{} outputs alike, one shown", group.outputs));
    }
    terminal.paint(tone, &format!("{mark} {}", words.join(" · ")))
}

/// What stands before a group. A word of a newer controller is shown without.
fn mark(rank: &str) -> (&'static str, Tone) {
    let ranks = [
        (Rank::Failed, "✗", Tone::Bad),
        (Rank::TimedOut, "✗", Tone::Bad),
        (Rank::Lost, "?", Tone::Bad),
        (Rank::Refused, "✗", Tone::Bad),
        (Rank::NotStarted, "-", Tone::Warn),
        (Rank::Stopped, "■", Tone::Warn),
        (Rank::Odd, "≠", Tone::Warn),
        (Rank::Most, "✓", Tone::Good),
        (Rank::LeftOut, "-", Tone::Dim),
    ];
    let found = ranks.into_iter().find(|(one, _, _)| one.as_str() == rank);
    found.map_or(("·", Tone::Strong), |(_, mark, tone)| (mark, tone))
}

/// A difference with its colours.
fn coloured(diff: &str, terminal: Terminal) -> String {
    let line = |line: &str| {
        let tone = match line.as_bytes().first() {
            Some(b'-') => Tone::Bad,
            Some(b'+') => Tone::Good,
            _ => Tone::Plain,
        };
        format!("{MARGIN}{}\n", terminal.paint(tone, line))
    };
    diff.lines().map(line).collect()
}

async fn chunks(
    client: &Client,
    run: &v1::RunInfo,
    group: &v1::EndGroup,
) -> Result<tonic::Streaming<v1::OutputChunk>, Failure> {
    let request = v1::OutputRequest {
        number: run.number,
        host: group.first.clone(),
    };
    client
        .call(|mut api| async move { api.output(request).await })
        .await
}

/// All that the first host of a group printed; nothing when that is too much to compare, or cannot be read.
async fn text_of(
    client: &Client,
    run: &v1::RunInfo,
    group: &v1::EndGroup,
) -> Result<Option<String>, Failure> {
    let mut chunks = chunks(client, run, group).await?;
    let mut shown = SafeText::new("", false);
    let mut text = String::new();
    loop {
        match chunks.message().await {
            Ok(Some(chunk)) if chunk.dropped == 0 && text.len() <= COMPARED_MAX => {
                text.push_str(&shown.take(&chunk));
            }
            Ok(None) => break,
            Ok(Some(_)) | Err(_) => return Ok(None),
        }
    }
    text.push_str(&shown.finish());
    Ok(Some(text))
}

async fn print_output(
    client: &Client,
    run: &v1::RunInfo,
    group: &v1::EndGroup,
    terminal: Terminal,
) -> Result<(), Failure> {
    let mut chunks = chunks(client, run, group).await?;
    // Only what this program says begins at the edge.
    let margin = if run.executions.len() > 1 { MARGIN } else { "" };
    let mut shown = SafeText::new(margin, run.color && terminal.look().colours);
    loop {
        match chunks.message().await {
            Ok(Some(chunk)) => out::text(&shown.take(&chunk))?,
            Ok(None) => break,
            // What was there is shown; the others are shown too.
            Err(status) => {
                out::text(&shown.finish())?;
                out::note(format_args!("shanty: {}", one_line(status.message())));
                return Ok(());
            }
        }
    }
    out::text(&shown.finish())?;
    if shown.is_empty() {
        let none = format!("{margin}(no output)");
        out::line(terminal.paint(Tone::Dim, &none))?;
    }
    Ok(())
}

/// Stands before each line of output where there are several hosts: no host prints what looks like the heading of another one.
const MARGIN: &str = "  ";

#[cfg(test)]
mod tests {
    use super::*;

    fn group(rank: &str, hosts: &str, count: u32, text: &str, code: Option<i32>) -> v1::EndGroup {
        v1::EndGroup {
            rank: rank.to_owned(),
            text: text.to_owned(),
            exit_code: code,
            hosts: hosts.to_owned(),
            count,
            duration_ms: 1_300,
            first: String::new(),
            outputs: 1,
        }
    }

    #[test]
    fn a_group_says_who_they_are_and_how_it_ended() {
        let plain = Terminal::default();
        let mut groups = [
            group("failed", "db-01", 1, "exit 100", Some(100)),
            group(
                "not_started",
                "web-12",
                1,
                "not started: it \u{1b}[2Jwas offline",
                None,
            ),
            group("odd", "web-07", 1, "exit 0", Some(0)),
            group("most", "web-[01-06]", 6, "exit 0", Some(0)),
            group(
                "left_out",
                "web-09",
                1,
                "not started: skipped: the host is draining",
                None,
            ),
            group("of the future", "web-10", 1, "beamed", None),
        ];
        groups[3].outputs = 2;
        let told: Vec<String> = groups.iter().map(|group| heading(group, plain)).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        ✗ db-01 · exit 100 · 1.3 s
        - web-12 · not started: it ␛[2Jwas offline
        ≠ web-07 · exit 0 · 1.3 s · another output than most
        ✓ web-[01-06] · 6 hosts · exit 0 · 1.3 s · 2 outputs alike, one shown
        - web-09 · left out: the host is draining
        · web-10 · beamed
        ");
    }
}
