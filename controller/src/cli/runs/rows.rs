//! A row for each run, of the newest as of those that are looked for.

use shanty_core::history::Stand;
use shanty_core::text::{cut, duration};
use shanty_core::view::terminal::{Align, Cell, Column, Table, Tone};
use shanty_proto::convert::principal_from_wire;
use shanty_proto::v1;

use super::one_line;
use crate::cli::words;

/// Characters of hosts and of a command: what there is no room for is in `runs show`.
const HOSTS_MAX: usize = 40;
const COMMAND_MAX: usize = 200;

/// What a row is made of.
pub(super) struct Row<'a> {
    pub(super) number: u64,
    pub(super) accepted_ms: u64,
    pub(super) result: String,
    /// As in `--state`.
    pub(super) stand: &'a str,
    pub(super) by: String,
    pub(super) hosts: &'a str,
    pub(super) command: &'a str,
}

impl<'a> Row<'a> {
    pub(super) fn of_run(run: &'a v1::RunInfo) -> Self {
        Self {
            number: run.number,
            accepted_ms: run.accepted_ms,
            result: result(run),
            stand: &run.stand,
            by: by(run.by.as_ref(), &run.by_name),
            hosts: &run.hosts,
            command: &run.command,
        }
    }

    pub(super) fn of_history(run: &'a v1::HistoryRun) -> Self {
        let result = match run.result.is_empty() {
            true => &run.state,
            false => &run.result,
        };
        Self {
            number: run.number,
            accepted_ms: run.accepted_ms,
            result: result.clone(),
            stand: &run.state,
            by: by(run.by.as_ref(), &run.name),
            hosts: &run.hosts,
            command: &run.command,
        }
    }
}

/// How a run stands or ended, as the controller says it.
pub(super) fn result(run: &v1::RunInfo) -> String {
    match run.result.is_empty() {
        true => words::run(run.state()).to_owned(),
        false => one_line(&run.result),
    }
}

/// Who asked, by what they are called.
pub(super) fn by(by: Option<&v1::Principal>, name: &str) -> String {
    let by = by.and_then(|by| principal_from_wire(by).ok());
    by.map_or_else(|| "unknown".to_owned(), |by| one_line(&by.called(name)))
}

pub(super) fn table<'a>(rows: impl Iterator<Item = Row<'a>>, now_ms: u64) -> Table {
    let mut table = Table::new(vec![
        Column::new("RUN", Align::Left, 4),
        Column::new("ASKED", Align::Right, 11),
        Column::new("RESULT", Align::Left, 14),
        Column::new("BY", Align::Left, 8),
        Column::new("HOSTS", Align::Left, 10),
        Column::new("COMMAND", Align::Left, 10),
    ]);
    for row in rows {
        let ago = duration(now_ms.saturating_sub(row.accepted_ms));
        table.push(vec![
            Cell::new(&format!("#{}", row.number)),
            Cell::new(&format!("{ago} ago")),
            Cell::toned(tone(row.stand), &row.result),
            Cell::new(&row.by),
            Cell::new(&cut(row.hosts, HOSTS_MAX)),
            Cell::new(&cut(row.command, COMMAND_MAX)),
        ]);
    }
    table
}

fn tone(stand: &str) -> Tone {
    match Stand::named(stand) {
        Some(Stand::Ok) => Tone::Good,
        Some(Stand::Failed) => Tone::Bad,
        Some(Stand::Unknown | Stand::NotStarted) => Tone::Warn,
        Some(Stand::Stopped) => Tone::Dim,
        Some(Stand::Running) | None => Tone::Plain,
    }
}

#[cfg(test)]
mod tests {
    use shanty_core::principal::Principal;
    use shanty_core::view::terminal::Look;
    use shanty_proto::convert::principal_to_wire;

    use super::*;

    fn run(number: u64, result: &str, stand: &str, by: &Principal) -> v1::RunInfo {
        v1::RunInfo {
            number,
            accepted_ms: 1_000,
            result: result.to_owned(),
            stand: stand.to_owned(),
            by: Some(principal_to_wire(by)),
            by_name: "ann\u{202e}".to_owned(),
            hosts: "web-[01-12]".to_owned(),
            command: "apt-get -y upgrade\nsystemctl restart nginx".to_owned(),
            ..v1::RunInfo::default()
        }
    }

    #[test]
    fn runs_are_told_apart_on_terminals_of_any_width() {
        let (ann, root) = (Principal::Discord(3001), Principal::Local("root".into()));
        let runs = [
            run(142, "running · 3/12", "running", &ann),
            run(141, "stopped by ann", "stopped", &root),
            run(9, "11 ok · 1 failed", "failed", &ann),
        ];
        let table = table(runs.iter().map(Row::of_run), 61_000);
        let shown = [
            (None, false),
            (Some(80), false),
            (Some(40), false),
            (Some(80), true),
        ];
        let shown = shown.map(|(width, colours)| {
            format!("{width:?}\n{}", table.render(Look { width, colours }))
        });
        insta::assert_snapshot!(shown.concat());
    }

    fn rows(row: Row<'_>) -> String {
        table(std::iter::once(row), 61_000).rows(Look::default())
    }

    #[test]
    fn a_run_is_told_alike_wherever_it_is_found() {
        let root = Principal::Local("root".into());
        let listed = run(7, "1 timed out", "failed", &root);
        let found = v1::HistoryRun {
            number: 7,
            accepted_ms: 1_000,
            by: listed.by.clone(),
            name: "root".to_owned(),
            state: listed.stand.clone(),
            result: listed.result.clone(),
            hosts: listed.hosts.clone(),
            command: listed.command.clone(),
            ..v1::HistoryRun::default()
        };
        let told = rows(Row::of_run(&listed));
        assert_eq!(told, rows(Row::of_history(&found)));
        assert!(told.contains("  1 timed out  local:root  "), "{told}");
        let untold = v1::HistoryRun {
            result: String::new(),
            ..found
        };
        assert!(rows(Row::of_history(&untold)).contains("  failed  "));
    }
}
