//! Finds runs: goes through what may be looked for, from the newest, and takes what whoever asks may see.
//!
//! A look goes through a bounded number of rows, so that somebody who may see little, or a word that stands everywhere, does not keep the
//! index busy; the next page goes on where it ended.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};
use shanty_core::history::{Counted, Found, Hit, Page, Query, Turn};
use shanty_core::ids::{AgentId, RunNumber};

use super::rows::{self, SLOTS, agents_of, signed, unsigned};
use crate::store::StoreError;

/// Rows that one look goes through.
const LOOKED_AT_MAX: usize = 20_000;

/// Runs that are counted.
const COUNTED_MAX: u64 = 1_000;

/// Words around a hit.
const AROUND: u32 = 12;

/// One page.
pub(super) fn page(
    connection: &Connection,
    query: &Query,
    turn: Turn,
    limit: usize,
) -> Result<Page, StoreError> {
    let mut taken: Vec<(i64, i64)> = Vec::new();
    let mut more = None;
    let walk = walk(connection, query, turn, |number, slot| {
        if taken.len() == limit {
            more = taken.last().map(|(number, _)| *number);
            return ControlFlow::Break(());
        }
        taken.push((number, slot));
        ControlFlow::Continue(())
    })?;
    // What was not looked at may hold more.
    let more = more
        .or(walk.cut_at)
        .map(|number| RunNumber(unsigned(number)));
    let newest_first = !matches!(turn, Turn::After(_));
    if !newest_first {
        taken.reverse();
    }
    let first = taken
        .first()
        .map(|(number, _)| RunNumber(unsigned(*number)));
    let last = taken.last().map(|(number, _)| RunNumber(unsigned(*number)));
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
    let texts = texts(connection, query, &taken)?;
    let mut runs = Vec::with_capacity(taken.len());
    for (number, slot) in taken {
        let Some(entry) = rows::entry(connection, number)? else {
            continue;
        };
        let hit = match texts.get(&row_of(number, slot)) {
            Some(text) => hit(connection, query, number, slot, text)?,
            None => None,
        };
        runs.push(Found { entry, hit });
    }
    Ok(Page {
        runs,
        total: None,
        older,
        newer,
    })
}

/// How many there are.
pub(super) fn count(connection: &Connection, query: &Query) -> Result<(u64, Counted), StoreError> {
    let mut counted = 0;
    let walk = walk(connection, query, Turn::Newest, |_, _| {
        if counted == COUNTED_MAX {
            return ControlFlow::Break(());
        }
        counted += 1;
        ControlFlow::Continue(())
    })?;
    let end = if walk.broken || walk.cut_at.is_some() {
        Counted::More
    } else {
        Counted::All
    };
    Ok((counted, end))
}

/// How a look ended.
struct Walk {
    /// It was told to end.
    broken: bool,
    /// The run at which it ended because it had looked at enough.
    cut_at: Option<i64>,
}

/// Goes through the runs that are looked for, each once: its number, and where the words stand.
fn walk(
    connection: &Connection,
    query: &Query,
    turn: Turn,
    mut take: impl FnMut(i64, i64) -> ControlFlow<()>,
) -> Result<Walk, StoreError> {
    let (sql, values) = statement(connection, query, turn)?;
    let mut find = connection.prepare_cached(&sql)?;
    let mut rows = find.query(params_from_iter(values))?;
    let mut judge = Judge {
        connection,
        query,
        sets: HashMap::new(),
        last: None,
    };
    let mut walk = Walk {
        broken: false,
        cut_at: None,
    };
    let mut taken = None;
    let mut looked = 0;
    while let Some(row) = rows.next()? {
        let at: i64 = row.get(0)?;
        let (number, slot) = match query.words {
            Some(_) => (at / SLOTS, at % SLOTS),
            None => (at, 0),
        };
        looked += 1;
        if looked > LOOKED_AT_MAX {
            walk.cut_at = Some(judge.last.map_or(number, |(last, _)| last));
            break;
        }
        if taken == Some(number) || !judge.takes(number, slot)? {
            continue;
        }
        taken = Some(number);
        if take(number, slot).is_break() {
            walk.broken = true;
            break;
        }
    }
    Ok(walk)
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

/// The texts around the words, by the row in which they stand; none of commands. All of a page are looked up in one go: to find every word
/// that begins like those that are looked for is what takes time.
fn texts(
    connection: &Connection,
    query: &Query,
    taken: &[(i64, i64)],
) -> Result<HashMap<i64, String>, StoreError> {
    let printed = taken.iter().filter(|(_, slot)| *slot > 0);
    let rows: Vec<i64> = printed
        .map(|(number, slot)| row_of(*number, *slot))
        .collect();
    let (Some(words), Some(first), Some(last)) =
        (&query.words, rows.iter().min(), rows.iter().max())
    else {
        return Ok(HashMap::new());
    };
    let marks = vec!["?"; rows.len()].join(", ");
    // The sum keeps SQLite from asking anew for each of them.
    let sql = format!(
        "SELECT rowid, snippet(word, 0, '', '', '…', {AROUND}) FROM word \
         WHERE word MATCH ? AND rowid >= ? AND rowid <= ? AND rowid + 0 IN ({marks})"
    );
    let mut values = vec![
        Value::Text(words.expression()),
        Value::Integer(*first),
        Value::Integer(*last),
    ];
    values.extend(rows.iter().copied().map(Value::Integer));
    let mut find = connection.prepare_cached(&sql)?;
    let found = find.query_map(params_from_iter(values), |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

const fn row_of(number: i64, slot: i64) -> i64 {
    number * SLOTS + slot
}

/// A text around the words, and a host that printed it.
fn hit(
    connection: &Connection,
    query: &Query,
    number: i64,
    slot: i64,
    text: &str,
) -> Result<Option<Hit>, StoreError> {
    let on = |agent: &AgentId| query.on.as_ref().is_none_or(|on| on.contains(agent));
    let agent = printers(connection, number, slot)?.into_iter().find(on);
    Ok(agent.map(|agent| Hit {
        agent,
        host: String::new(),
        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
    }))
}
