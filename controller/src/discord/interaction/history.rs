//! Looking back: pages of the history, a table of it, what changed between two runs, and commands that are offered or kept as favourites.
//!
//! What was looked for is kept where it does not fit an id; whose it may be shown to is decided anew at each press.

use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};
use shanty_core::history::{CSV_HEAD, Page, Turn, Wanted, csv_line};
use shanty_core::ids::{RunId, RunNumber};
use shanty_core::limits::ATTACHMENT_BYTES_MAX;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::text::thousands;
use shanty_core::view::{self, Audience, Card, HistoryPage, Looked, key_of};

use super::list::{kept_at, try_keep};
use super::open::{deliver, in_time, show as fill};
use super::promised::promise;
use super::{card, change, refuse, show, suggest};
use crate::discord::Edge;
use crate::discord::commands::Invocation;
use crate::discord::publish::Delivered;
use crate::discord::requests::File;
use crate::discord::upload::Piece;
use crate::history::{Extent, Star};
use crate::store::Shown;

/// Where it is kept what was looked for.
const KEPT: &str = "history/";

/// Bytes of a table that is attached: there is room for its last line.
const TABLE_BYTES_MAX: usize = ATTACHMENT_BYTES_MAX - 64 * 1024;

/// What was looked for, as it is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sought {
    who: Vec<String>,
    on: Option<String>,
    since: Option<String>,
    state: Option<String>,
    text: Option<String>,
}

impl Sought {
    fn of(wanted: &Wanted) -> Self {
        let Wanted {
            who,
            on,
            since,
            state,
            text,
        } = wanted.clone();
        let who = who.iter().map(ToString::to_string).collect();
        Self {
            who,
            on,
            since,
            state,
            text,
        }
    }

    fn wanted(self) -> Wanted {
        // Who can no longer be read is nobody, not everybody.
        let nobody = || shanty_core::principal::Principal::Local(String::new());
        let who = self.who.iter();
        Wanted {
            who: who
                .map(|who| who.parse().unwrap_or_else(|_| nobody()))
                .collect(),
            on: self.on,
            since: self.since,
            state: self.state,
            text: self.text,
        }
    }
}

/// Shows the first page of what somebody looks for.
pub(super) async fn first(edge: &Edge, invocation: &Invocation, wanted: Wanted) {
    let key = key(&wanted);
    match looked(edge, invocation, &wanted, (Turn::Newest, key.as_deref())).await {
        Ok(card) => {
            if let Some(key) = &key {
                keep(edge, key, &wanted).await;
            }
            show(edge, invocation, &card, Audience::Asker).await;
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

/// Turns to another page.
pub(super) async fn turn(edge: &Edge, invocation: &Invocation, page: HistoryPage) {
    let key = page.key.as_deref();
    let card = match sought(edge, key).await {
        Ok(wanted) => looked(edge, invocation, &wanted, (page.turn, key)).await,
        Err(refusal) => Err(refusal),
    };
    match card {
        Ok(card) => change(edge, invocation, &card).await,
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

async fn looked(
    edge: &Edge,
    invocation: &Invocation,
    wanted: &Wanted,
    (turn, key): (Turn, Option<&str>),
) -> Result<Card, Refusal> {
    let page: Page = edge
        .history
        .page(invocation.asker(), wanted.clone(), turn, Extent::CHAT)
        .await?;
    let (mut names, mut links) = (Vec::new(), Vec::new());
    for found in &page.runs {
        names.push(edge.history.name(&found.entry.by).await);
        let shown = edge.history.shown(found.entry.id).await;
        links.push(shown.and_then(|shown| way(shown, found.entry.place)));
    }
    Ok(view::history_card(&Looked {
        page: &page,
        names: &names,
        links: &links,
        wanted,
        key,
    }))
}

/// The way to the thread of a run, or to its card where it has none. It was shown where it was asked for, when nothing else is known.
fn way(shown: Shown, asked: Option<(u64, u64)>) -> Option<String> {
    let guild = shown.guild.or(asked.map(|(guild, _)| guild))?;
    let place = match (shown.thread, shown.message) {
        (Some(thread), _) => thread.to_string(),
        (None, Some(message)) => format!("{}/{message}", shown.channel),
        (None, None) => return None,
    };
    Some(format!("https://discord.com/channels/{guild}/{place}"))
}

/// Shows a run of a page that was picked.
pub(super) async fn see(edge: &Edge, invocation: &Invocation, run: RunId) {
    let shown = edge.history.shown(run).await;
    let thread = shown.and_then(|shown| shown.guild.zip(shown.thread));
    card::by_host(edge, invocation, run, (0, false), thread).await;
}

/// Gives what was looked for as a table.
pub(super) async fn table(edge: &Edge, invocation: &Invocation, key: Option<String>) {
    let wanted = match sought(edge, key.as_deref()).await {
        Ok(wanted) => wanted,
        Err(refusal) => return refuse(edge, invocation, &refusal).await,
    };
    let Some(request) = edge.reads.one_request(invocation.user) else {
        let refusal = Refusal::new(
            Code::Rate,
            "Other files that you asked for are still under way.",
            "Ask again when you have them.",
        );
        return refuse(edge, invocation, &refusal).await;
    };
    if !promise(edge, invocation, Audience::Asker).await {
        return;
    }
    in_time(async {
        let _turn = request.turn().await;
        let delivered = written(edge, invocation, wanted).await;
        deliver(edge, invocation, delivered).await;
    })
    .await;
}

/// Writes a table step by step to a file without a name.
async fn written(
    edge: &Edge,
    invocation: &Invocation,
    wanted: Wanted,
) -> Result<Delivered, Refusal> {
    let mut table = edge.history.table(invocation.asker(), wanted).await?;
    let file = tempfile::tempfile_in(&edge.spool_dir).map_err(|error| no_room(&error))?;
    let sheet = Csv::begin(BufWriter::new(file), TABLE_BYTES_MAX);
    let mut sheet = sheet.map_err(|error| no_room(&error))?;
    loop {
        let step = table.next().await?;
        let is_last = step.is_empty();
        let lines = step.into_iter();
        let lines = lines.map(|(found, name)| csv_line(&found.entry, &name));
        sheet.take(lines).map_err(|error| no_room(&error))?;
        if is_last || !sheet.whole {
            break;
        }
    }
    let Csv {
        out, runs, whole, ..
    } = sheet;
    let file = out.into_inner().map_err(|error| no_room(error.error()))?;
    let content = Piece::spooled(file).map_err(|error| no_room(&error))?;
    let mut text = format!("**{} runs**, newest first", thousands(runs));
    if !whole {
        text.push_str("\nThis is a part: there are more, and no room for them. Look for less, or use `shanty runs export`.");
    }
    for short in table.short() {
        text.push_str(&format!("\n-# ⏳ {}", short.text()));
    }
    let name = if whole { "runs.csv" } else { "runs-part.csv" };
    Ok(Delivered {
        text,
        files: vec![File {
            name: name.to_owned(),
            content,
        }],
    })
}

/// A table as it is written, as far as there is room for its lines.
struct Csv<W> {
    out: W,
    room: usize,
    runs: u64,
    whole: bool,
}

impl<W: Write> Csv<W> {
    fn begin(mut out: W, room: usize) -> io::Result<Self> {
        out.write_all(CSV_HEAD.as_bytes())?;
        Ok(Self {
            out,
            room: room.saturating_sub(CSV_HEAD.len()),
            runs: 0,
            whole: true,
        })
    }

    /// Takes lines up to the one for which there is no room.
    fn take(&mut self, lines: impl Iterator<Item = String>) -> io::Result<()> {
        for line in lines {
            let Some(room) = self.room.checked_sub(line.len()) else {
                self.whole = false;
                break;
            };
            self.out.write_all(line.as_bytes())?;
            self.room = room;
            self.runs += 1;
        }
        Ok(())
    }
}

fn no_room(error: &io::Error) -> Refusal {
    tracing::error!(%error, "a table cannot be written to the disk");
    Refusal::new(
        Code::Storage,
        "The table could not be written.",
        "Look at the disk of the controller, then ask again.",
    )
}

/// Shows what changed between two runs.
pub(super) async fn between(edge: &Edge, invocation: &Invocation, typed: &str) {
    let (from, to) = match two(typed) {
        Ok(two) => two,
        Err(refusal) => return refuse(edge, invocation, &refusal).await,
    };
    if !promise(edge, invocation, Audience::Asker).await {
        return;
    }
    in_time(async {
        let card = {
            let _turn = edge.reads.card().await;
            match edge.history.differences(invocation.asker(), from, to).await {
                Ok(told) => view::between_card(&told.from, &told.to, &told.between),
                Err(refusal) => view::refusal_card(&refusal),
            }
        };
        fill(edge, invocation, &card).await;
    })
    .await;
}

/// Two numbers of runs, such as `141 142` or `#141..#142`.
fn two(typed: &str) -> Result<(RunNumber, RunNumber), Refusal> {
    let numbers: Vec<&str> = typed
        .split(|c: char| c.is_whitespace() || ",.".contains(c))
        .filter(|part| !part.is_empty())
        .collect();
    let parsed: Vec<RunNumber> = numbers
        .iter()
        .filter_map(|part| part.parse().ok())
        .collect();
    match (&parsed[..], numbers.len()) {
        ([from, to], 2) => Ok((*from, *to)),
        _ => Err(Refusal::new(
            Code::BadOption,
            "`diff:` takes the numbers of two runs. Nothing was compared.",
            "Write for example `diff:141 142`.",
        )),
    }
}

/// Offers commands while one is typed.
pub(super) async fn commands(edge: &Edge, invocation: &Invocation, typed: &str) {
    let choices = edge.history.commands(invocation.asker(), typed).await;
    suggest(edge, invocation, &choices).await;
}

/// Makes the command of a card a favourite, or no favourite any more.
pub(super) async fn star(edge: &Edge, invocation: &Invocation, run: RunId) {
    match edge.history.star(invocation.asker(), run).await {
        Ok(star) => {
            let card = match &star {
                Star::Set(command) => view::star_card(command, true),
                Star::Taken(command) => view::star_card(command, false),
            };
            show(edge, invocation, &card, Audience::Asker).await;
        }
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

/// The key of what is looked for; nothing for everything.
fn key(wanted: &Wanted) -> Option<String> {
    (!wanted.is_empty()).then(|| key_of(&format!("{wanted:?}")))
}

/// One that cannot be kept only means that its buttons say so.
async fn keep(edge: &Edge, key: &str, wanted: &Wanted) {
    if let Err(error) = try_keep(&edge.kept, KEPT, key, &Sought::of(wanted)).await {
        tracing::warn!(%error, "what was looked for could not be kept for its buttons");
    }
}

async fn sought(edge: &Edge, key: Option<&str>) -> Result<Wanted, Refusal> {
    let Some(key) = key else {
        return Ok(Wanted::default());
    };
    let kept: Option<Sought> = kept_at(&edge.kept, KEPT, key).await;
    let kept = kept.ok_or_else(|| {
        Refusal::new(
            Code::Stale,
            "This list is too old to be turned.",
            "Type /runs again.",
        )
    })?;
    Ok(kept.wanted())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_numbers_are_two_numbers() {
        let numbers = |typed: &str| two(typed).map(|(from, to)| (from.0, to.0)).ok();
        for typed in ["141 142", "#141 #142", "141,142", " 141..142 "] {
            assert_eq!(numbers(typed), Some((141, 142)), "{typed}");
        }
        for typed in ["", "141", "141 x", "1 2 3", "x 1 2", "-1 2"] {
            assert_eq!(numbers(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_table_ends_with_a_whole_line_where_its_room_ends() {
        // Behind the one for which there is no room there are shorter ones.
        let line = |n| match n {
            4 => "4,some longer run\r\n".to_owned(),
            n => format!("{n},some run\r\n"),
        };
        let lines = || (1..=9).map(line);
        let room = CSV_HEAD.len() + 3 * line(1).len();
        for (room, runs, whole) in [
            (room, 3, false),
            (room + 13, 3, false),
            (usize::MAX, 9, true),
        ] {
            let mut sheet = Csv::begin(Vec::new(), room).unwrap();
            sheet.take(lines()).unwrap();
            let text = String::from_utf8(sheet.out).unwrap();
            assert_eq!((sheet.runs, sheet.whole), (runs, whole), "{text}");
            assert_eq!(text.lines().count() as u64, 1 + runs);
            assert!(
                text.len() <= room && text.ends_with("some run\r\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_disk_that_is_full_in_the_middle_of_a_table_is_an_error() {
        let disk = &mut [0; 300][..];
        let mut sheet = Csv::begin(disk, usize::MAX).unwrap();
        let lines = (1..=99).map(|n| format!("{n},some run\r\n"));
        let full = sheet.take(lines).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WriteZero);
        assert!(sheet.runs > 0, "it was in the middle");
        let refusal = no_room(&full);
        assert!(refusal.what.contains("could not be written"), "{refusal:?}");
    }

    #[test]
    fn a_line_leads_to_the_thread_or_else_to_the_card() {
        let shown = Shown {
            guild: None,
            channel: 5,
            message: Some(6),
            thread: Some(7),
        };
        let at = |path: &str| Some(format!("https://discord.com/channels/{path}"));
        assert_eq!(way(shown, Some((1, 5))), at("1/7"));
        let guild = Some(2);
        // A run of the command line was asked for nowhere, and shown all the same.
        assert_eq!(way(Shown { guild, ..shown }, None), at("2/7"));
        let card = Shown {
            thread: None,
            guild,
            ..shown
        };
        assert_eq!(way(card, None), at("2/5/6"));
        assert_eq!(way(shown, None), None);
        let message = None;
        assert_eq!(way(Shown { message, ..card }, None), None);
    }

    #[test]
    fn what_is_kept_is_what_was_looked_for() {
        let wanted = Wanted {
            who: vec!["discord:7".parse().unwrap()],
            on: Some("role=web".to_owned()),
            since: Some("7d".to_owned()),
            state: None,
            text: Some("disk".to_owned()),
        };
        let kept = serde_json::to_string(&Sought::of(&wanted)).unwrap();
        let read: Sought = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.wanted(), wanted);
        assert_eq!(key(&Wanted::default()), None);
        assert!(key(&wanted).is_some_and(|key| key.len() == 24));
    }
}
