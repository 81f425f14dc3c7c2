//! Finds runs: goes through what may be looked for, from the newest, and takes what whoever asks may see.
//!
//! A look goes through a bounded number of rows, so that somebody who may see little, or a word that stands everywhere, does not keep the
//! index busy, and for a bounded time; the next page goes on where it ended.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use shanty_core::history::{Counted, Found, Hit, Page, Query, Short, Turn, around};
use shanty_core::ids::{AgentId, RunNumber};
use shanty_core::output::mask::Masks;
use tokio::time::Instant;

use super::lanes::{Reader, was_stopped};
use super::rows::{self, SLOTS, agents_of, signed, unsigned};
use crate::store::StoreError;

/// Rows that one look goes through.
const LOOKED_AT_MAX: usize = 20_000;

/// Runs that are counted.
const COUNTED_MAX: u64 = 1_000;

/// How far a look goes.
pub(super) struct Bounds<S> {
    /// Rows; those of one run are looked at together.
    pub(super) rows: usize,
    /// Says that it is to be stopped.
    pub(super) stop: S,
}

impl Bounds<()> {
    /// Until then.
    pub(super) fn until(until: Instant) -> Bounds<impl Stop> {
        Bounds {
            rows: LOOKED_AT_MAX,
            stop: move || Instant::now() >= until,
        }
    }
}

/// Says when a look is to be stopped.
pub(super) trait Stop: Fn() -> bool + Clone + Send + 'static {}

impl<S: Fn() -> bool + Clone + Send + 'static> Stop for S {}

/// One page.
pub(super) fn page(
    reader: &Reader,
    query: &Query,
    (turn, limit): (Turn, usize),
    bounds: &Bounds<impl Stop>,
    masks: &Masks,
) -> Result<Page, StoreError> {
    let mut taken: Vec<(i64, i64)> = Vec::new();
    let mut more = None;
    let walk = walk(reader, query, turn, bounds, |number, slot| {
        if taken.len() == limit {
            more = taken.last().map(|(number, _)| *number);
            return ControlFlow::Break(());
        }
        taken.push((number, slot));
        ControlFlow::Continue(())
    })?;
    // What was not looked at may hold more.
    let more = more.or(walk.goes_on_at());
    let more = more.map(|number| RunNumber(unsigned(number)));
    if matches!(turn, Turn::After(_)) {
        taken.reverse();
    }
    let first = taken.first().map(|(n, _)| RunNumber(unsigned(*n)));
    let last = taken.last().map(|(n, _)| RunNumber(unsigned(*n)));
    let (older, newer) = match turn {
        Turn::Newest => (more, None),
        Turn::Before(before) => (
            more,
            Some(first.unwrap_or(RunNumber(before.0.saturating_sub(1)))),
        ),
        Turn::After(after) => (
            Some(last.unwrap_or(RunNumber(after.0.saturating_add(1)))),
            more,
        ),
    };
    let connection = &reader.connection;
    let mut short = BTreeSet::new();
    if walk.end == End::Stopped {
        short.insert(Short::Stopped);
    }
    if query.words.is_some() && rows::is_unread(connection)? {
        short.insert(Short::Printed);
    }
    let mut hits = hits(reader, query, &taken, bounds, masks)?;
    let mut runs = Vec::with_capacity(taken.len());
    for (number, _) in taken {
        if let Some(entry) = rows::entry(connection, number)? {
            let hit = hits.remove(&number);
            runs.push(Found { entry, hit });
        }
    }
    Ok(Page {
        runs,
        total: None,
        older,
        newer,
        short,
    })
}

/// How many there are.
pub(super) fn count(
    reader: &Reader,
    query: &Query,
    bounds: &Bounds<impl Stop>,
) -> Result<(u64, Counted), StoreError> {
    let mut counted = 0;
    let walk = walk(reader, query, Turn::Newest, bounds, |_, _| {
        if counted == COUNTED_MAX {
            return ControlFlow::Break(());
        }
        counted += 1;
        ControlFlow::Continue(())
    })?;
    let end = match walk.end {
        End::Whole => Counted::All,
        End::Told | End::Rows | End::Stopped => Counted::More,
    };
    Ok((counted, end))
}

/// How far a look came.
#[derive(Default)]
struct Walk {
    end: End,
    /// The last run of which all was looked at, or which was taken.
    done: Option<i64>,
}

/// Why a look ended.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum End {
    /// There is nothing more.
    #[default]
    Whole,
    /// It was told to.
    Told,
    /// It had looked at enough.
    Rows,
    /// Its time was over.
    Stopped,
}

impl Walk {
    /// The run behind which the next look goes on; nothing when there is nothing more, or this one came nowhere.
    fn goes_on_at(&self) -> Option<i64> {
        match self.end {
            End::Rows | End::Stopped => self.done,
            End::Whole | End::Told => None,
        }
    }
}

/// Goes through the runs that are looked for, each once: its number, and where the words stand.
fn walk(
    reader: &Reader,
    query: &Query,
    turn: Turn,
    bounds: &Bounds<impl Stop>,
    take: impl FnMut(i64, i64) -> ControlFlow<()>,
) -> Result<Walk, StoreError> {
    let mut walk = Walk::default();
    if (bounds.stop)() {
        walk.end = End::Stopped;
        return Ok(walk);
    }
    let gone = reader.until(bounds.stop.clone(), |connection| {
        walk.go(connection, query, turn, bounds.rows, take)
    });
    match gone {
        Ok(()) => Ok(walk),
        Err(error) if was_stopped(&error) => {
            walk.end = End::Stopped;
            Ok(walk)
        }
        Err(error) => Err(error),
    }
}

impl Walk {
    fn go(
        &mut self,
        connection: &Connection,
        query: &Query,
        turn: Turn,
        rows_max: usize,
        mut take: impl FnMut(i64, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (sql, values) = statement(connection, query, turn)?;
        let mut find = connection.prepare_cached(&sql)?;
        let mut rows = find.query(params_from_iter(values))?;
        let mut judge = Judge {
            connection,
            query,
            sets: HashMap::new(),
            last: None,
        };
        let (mut current, mut looked) = (None, 0);
        while let Some(row) = rows.next()? {
            let at: i64 = row.get(0)?;
            let (number, slot) = match query.words {
                Some(_) => (at / SLOTS, at % SLOTS),
                None => (at, 0),
            };
            if current != Some(number) {
                self.done = current.or(self.done);
                // Between two runs: what follows of one that was begun would be looked at by nobody.
                if looked >= rows_max {
                    self.end = End::Rows;
                    break;
                }
                current = Some(number);
            }
            looked += 1;
            let is_taken = self.done == Some(number);
            if is_taken || !judge.takes(number, slot)? {
                continue;
            }
            self.done = Some(number);
            if take(number, slot).is_break() {
                self.end = End::Told;
                break;
            }
        }
        Ok(())
    }
}

/// What goes through the rows in which what is looked for may be, in their order.
fn statement(
    connection: &Connection,
    query: &Query,
    turn: Turn,
) -> Result<(String, Vec<Value>), StoreError> {
    let (above, below, order) = match turn {
        Turn::Newest => (0, i64::MAX / SLOTS, "DESC"),
        Turn::Before(number) => (0, signed(number.0), "DESC"),
        Turn::After(number) => (signed(number.0).saturating_add(1), i64::MAX / SLOTS, "ASC"),
    };
    let below = below.min(i64::MAX / SLOTS);
    let above = above
        .max(first_since(connection, query.since_ms)?)
        .min(below);
    if let Some(words) = &query.words {
        let sql = format!(
            "SELECT rowid FROM word WHERE word MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid {order}"
        );
        let values = vec![
            Value::Text(words.expression()),
            Value::Integer(above * SLOTS),
            Value::Integer(below * SLOTS),
        ];
        return Ok((sql, values));
    }
    let mut sql = "SELECT number FROM run WHERE number >= ? AND number < ?".to_owned();
    let mut values = vec![Value::Integer(above), Value::Integer(below)];
    if !query.who.is_empty() {
        let marks = vec!["?"; query.who.len()].join(", ");
        sql.push_str(&format!(" AND by IN ({marks})"));
        values.extend(query.who.iter().map(|by| Value::Text(by.to_string())));
    }
    if let Some(stand) = query.stand {
        sql.push_str(" AND stand = ?");
        values.push(Value::Text(stand.as_str().to_owned()));
    }
    sql.push_str(&format!(" ORDER BY number {order}"));
    Ok((sql, values))
}

/// The lowest number of those that were accepted since then: clocks have been wrong, so that it says no more than where to begin.
fn first_since(connection: &Connection, since_ms: u64) -> Result<i64, StoreError> {
    if since_ms == 0 {
        return Ok(0);
    }
    let find = "SELECT min(number) FROM run WHERE accepted_ms >= ?1";
    let mut find = connection.prepare_cached(find)?;
    let first: Option<i64> = find.query_row([signed(since_ms)], |row| row.get(0))?;
    // None at all: nothing is looked for.
    Ok(first.unwrap_or(i64::MAX / SLOTS))
}

/// Says of each run whether it is one of those that are looked for.
struct Judge<'a> {
    connection: &'a Connection,
    query: &'a Query,
    /// Sets of hosts, by whether they are.
    sets: HashMap<i64, bool>,
    /// The run that was judged last, and whether it is.
    last: Option<(i64, bool)>,
}

impl Judge<'_> {
    fn takes(&mut self, number: i64, slot: i64) -> Result<bool, StoreError> {
        let is = match self.last {
            Some((last, is)) if last == number => is,
            Some(_) | None => self.takes_run(number)?,
        };
        self.last = Some((number, is));
        Ok(is && (slot == 0 || self.printed_there(number, slot)?))
    }

    fn takes_run(&mut self, number: i64) -> Result<bool, StoreError> {
        let find = "SELECT hosts, accepted_ms, by, stand FROM run WHERE number = ?1";
        let mut find = self.connection.prepare_cached(find)?;
        let mut rows = find.query([number])?;
        let Some(row) = rows.next()? else {
            return Ok(false);
        };
        let query = self.query;
        if unsigned(row.get(1)?) < query.since_ms {
            return Ok(false);
        }
        // Where words are looked for, nothing else was asked of the row yet.
        if query.words.is_some() {
            let (by, stand): (String, String) = (row.get(2)?, row.get(3)?);
            let of = query.who.is_empty() || query.who.iter().any(|who| who.to_string() == by);
            if !of || query.stand.is_some_and(|wanted| wanted.as_str() != stand) {
                return Ok(false);
            }
        }
        self.takes_set(row.get(0)?)
    }

    fn takes_set(&mut self, set: i64) -> Result<bool, StoreError> {
        if let Some(known) = self.sets.get(&set) {
            return Ok(*known);
        }
        let find = "SELECT agents FROM hosts WHERE id = ?1";
        let mut find = self.connection.prepare_cached(find)?;
        let agents = find.query_row([set], |row| {
            Ok(agents_of(row.get_ref(0)?.as_blob().unwrap_or_default()))
        });
        let agents: Option<Vec<AgentId>> = agents.optional()?;
        let takes = agents.is_some_and(|agents| self.query.takes_hosts(&agents));
        self.sets.insert(set, takes);
        Ok(takes)
    }

    /// Whether one of the hosts that are looked for printed a text.
    fn printed_there(&self, number: i64, slot: i64) -> Result<bool, StoreError> {
        let Some(on) = &self.query.on else {
            return Ok(true);
        };
        let hosts = printers(self.connection, number, slot)?;
        Ok(hosts.iter().any(|agent| on.contains(agent)))
    }
}

fn printers(connection: &Connection, number: i64, slot: i64) -> Result<Vec<AgentId>, StoreError> {
    let find = "SELECT agent FROM printed WHERE number = ?1 AND slot = ?2 ORDER BY agent";
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_map(params![number, slot], |row| {
        Ok(AgentId::from_bytes(row.get(0)?))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Where the words stand in what was printed, by the number of the run, as far as there was time to look; none of commands.
fn hits(
    reader: &Reader,
    query: &Query,
    taken: &[(i64, i64)],
    bounds: &Bounds<impl Stop>,
    masks: &Masks,
) -> Result<HashMap<i64, Hit>, StoreError> {
    let mut hits = HashMap::new();
    let Some(words) = &query.words else {
        return Ok(hits);
    };
    let looked = reader.until(bounds.stop.clone(), |connection| {
        let mut find = connection.prepare_cached("SELECT text FROM word WHERE rowid = ?1")?;
        let printed = taken.iter().filter(|(_, slot)| *slot > 0);
        for (number, slot) in printed {
            if (bounds.stop)() {
                break;
            }
            let text = find.query_row([number * SLOTS + slot], |row| row.get::<_, String>(0));
            let Some(text) = text.optional()? else {
                continue;
            };
            let on = |agent: &AgentId| query.on.as_ref().is_none_or(|on| on.contains(agent));
            let agents = printers(connection, *number, *slot)?;
            if let Some(agent) = agents.into_iter().find(on) {
                let hit = Hit {
                    agent,
                    host: String::new(),
                    text: around(&masks.text(&text), words),
                };
                hits.insert(*number, hit);
            }
        }
        Ok(())
    });
    match looked {
        Err(error) if !was_stopped(&error) => Err(error),
        Ok(()) | Err(_) => Ok(hits),
    }
}
