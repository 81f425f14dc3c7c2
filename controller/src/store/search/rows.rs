//! The rows of the index.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};
use shanty_core::history::{Entry, Stand};
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::principal::Principal;

use super::{Printed, Ran};
use crate::store::StoreError;

/// Commands that are offered to somebody are looked for among so many runs.
const COMMANDS_MAX: u32 = 500;

/// Runs that are forgotten in one transaction.
const FORGOTTEN_MAX: u32 = 500;

/// Bytes of text that are put in or forgotten in one transaction, or one text that has more: some tens of milliseconds, for which others wait.
pub(super) const SLICE_BYTES: usize = 512 * 1024;

/// The words of a run stand at its number times this, and behind it.
pub(super) const SLOTS: i64 = 1 << 16;

/// A number as SQLite has them.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number of SQLite that is never negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn put(connection: &Connection, entry: &Entry) -> Result<(), StoreError> {
    let number = signed(entry.number.0);
    let old = "SELECT hosts, command FROM run WHERE number = ?1";
    let mut old = connection.prepare_cached(old)?;
    let old: Option<(i64, String)> = old
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (hosts, old_command) = match old {
        Some((hosts, command)) => (hosts, Some(command)),
        None => (put_hosts(connection, &entry.agents)?, None),
    };
    let (guild, channel) = entry.place.unzip();
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO run (number, run, accepted_ms, closed_ms, by, guild, channel, selector,
                 command, run_as, timeout_ms, hosts, names, counted, ok, took_ms, stand, summary, settled, read)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, 0)",
        )?
        .execute(params![
            number,
            entry.id.as_bytes(),
            signed(entry.accepted_ms),
            signed(entry.closed_ms),
            entry.by.to_string(),
            guild.map(signed),
            channel.map(signed),
            entry.selector,
            entry.command,
            entry.run_as,
            signed(entry.timeout_ms),
            hosts,
            entry.hosts,
            signed(entry.counted),
            signed(entry.ok),
            entry.took_ms.map(signed),
            entry.stand.as_str(),
            entry.summary,
            entry.settled,
        ])?;
    if old_command.as_ref() != Some(&entry.command) {
        put_words(connection, number * SLOTS, &entry.command)?;
    }
    Ok(())
}

fn put_hosts(connection: &Connection, agents: &[AgentId]) -> Result<i64, StoreError> {
    let bytes: Vec<u8> = agents.iter().flat_map(|agent| *agent.as_bytes()).collect();
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let find = "SELECT id FROM hosts WHERE digest = ?1";
    let mut find = connection.prepare_cached(find)?;
    let known: Option<i64> = find.query_row([&digest[..]], |row| row.get(0)).optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    connection
        .prepare_cached("INSERT INTO hosts (digest, agents) VALUES (?1, ?2)")?
        .execute(params![&digest[..], bytes])?;
    Ok(connection.last_insert_rowid())
}

fn put_words(connection: &Connection, at: i64, text: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO word (rowid, text) VALUES (?1, ?2)")?
        .execute(params![at, text])?;
    Ok(())
}

/// What a run printed is read from now on: whether it changes until that was put in is known by this.
pub(super) fn reading(connection: &Connection, number: RunNumber) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE run SET read = 2 WHERE number = ?1")?
        .execute([signed(number.0)])?;
    Ok(())
}

/// All that a run printed is searched, as it was when its reading began.
pub(super) fn was_read(connection: &Connection, number: RunNumber) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE run SET read = 1 WHERE number = ?1 AND read = 2")?
        .execute([signed(number.0)])?;
    Ok(())
}

/// Takes some of what a run printed, the first of it in this slot.
pub(super) fn put_printed(
    connection: &Connection,
    number: RunNumber,
    first_slot: i64,
    printed: &[Printed],
) -> Result<(), StoreError> {
    let number = signed(number.0);
    for (slot, printed) in (first_slot..SLOTS).zip(printed) {
        put_words(connection, number * SLOTS + slot, &printed.text)?;
        let mut put = connection.prepare_cached(
            "INSERT OR REPLACE INTO printed (number, agent, slot) VALUES (?1, ?2, ?3)",
        )?;
        for agent in &printed.agents {
            put.execute(params![number, agent.as_bytes(), slot])?;
        }
    }
    Ok(())
}

/// Forgets some of what a run printed; true when nothing is left of it.
pub(super) fn forget_some_printed(
    connection: &Connection,
    number: RunNumber,
) -> Result<bool, StoreError> {
    let mut room = SLICE_BYTES;
    forget_all_printed(connection, signed(number.0), &mut room)
}

fn forget_all_printed(
    connection: &Connection,
    number: i64,
    room: &mut usize,
) -> Result<bool, StoreError> {
    let (from, to) = (number * SLOTS + 1, (number + 1) * SLOTS);
    if !forget_words(connection, (from, to), room)? {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM printed WHERE number = ?1")?
        .execute([number])?;
    Ok(true)
}

/// Forgets the words from one row on and before another, as far as there is room for their bytes; true when none is left. To forget them takes
/// as long as to put them in.
fn forget_words(
    connection: &Connection,
    (from, to): (i64, i64),
    room: &mut usize,
) -> Result<bool, StoreError> {
    let find =
        "SELECT rowid, octet_length(text) FROM word WHERE rowid >= ?1 AND rowid < ?2 LIMIT 1";
    let mut find = connection.prepare_cached(find)?;
    let mut forget = connection.prepare_cached("DELETE FROM word WHERE rowid = ?1")?;
    while *room > 0 {
        let next: Option<(i64, i64)> = find
            .query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((at, bytes)) = next else {
            return Ok(true);
        };
        forget.execute([at])?;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        *room = room.saturating_sub(bytes.max(1));
    }
    Ok(false)
}

pub(super) fn forget_printed(
    connection: &Connection,
    run: RunId,
    agent: AgentId,
) -> Result<(), StoreError> {
    let find =
        "SELECT run.number, printed.slot FROM run JOIN printed ON printed.number = run.number
         WHERE run.run = ?1 AND printed.agent = ?2";
    let mut find = connection.prepare_cached(find)?;
    let known: Option<(i64, i64)> = find
        .query_row(params![run.as_bytes(), agent.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((number, slot)) = known else {
        return Ok(());
    };
    connection
        .prepare_cached("DELETE FROM printed WHERE number = ?1 AND agent = ?2")?
        .execute(params![number, agent.as_bytes()])?;
    let left = "SELECT count(*) FROM printed WHERE number = ?1 AND slot = ?2";
    let mut left = connection.prepare_cached(left)?;
    // Others may have printed the same and still have it.
    let left: i64 = left.query_row([number, slot], |row| row.get(0))?;
    if left == 0 {
        connection
            .prepare_cached("DELETE FROM word WHERE rowid = ?1")?
            .execute([number * SLOTS + slot])?;
    }
    Ok(())
}

/// Forgets some runs, and gives their ids; true when there are no more.
pub(super) fn forget_before(
    connection: &Connection,
    accepted_ms: u64,
) -> Result<(Vec<RunId>, bool), StoreError> {
    let find = "SELECT number, run FROM run WHERE accepted_ms < ?1 ORDER BY accepted_ms LIMIT ?2";
    let mut find = connection.prepare_cached(find)?;
    let old: Vec<(i64, RunId)> = find
        .query_map(params![signed(accepted_ms), FORGOTTEN_MAX], |row| {
            Ok((row.get(0)?, RunId::from_bytes(row.get(1)?)))
        })?
        .collect::<Result<_, _>>()?;
    let mut room = SLICE_BYTES;
    let mut gone = Vec::new();
    for (number, run) in &old {
        let words = (*number * SLOTS, *number * SLOTS + 1);
        let all = forget_all_printed(connection, *number, &mut room)?
            && forget_words(connection, words, &mut room)?;
        if !all {
            break;
        }
        connection
            .prepare_cached("DELETE FROM run WHERE number = ?1")?
            .execute([number])?;
        gone.push(*run);
    }
    if old.is_empty() {
        return Ok((gone, true));
    }
    connection.execute(
        "DELETE FROM hosts WHERE NOT EXISTS (SELECT 1 FROM run WHERE run.hosts = hosts.id)",
        [],
    )?;
    Ok((gone, false))
}

pub(super) fn settled(connection: &Connection) -> Result<Vec<RunNumber>, StoreError> {
    numbers(
        connection,
        "SELECT number FROM run WHERE settled = 1 LIMIT ?1",
        u32::MAX,
    )
}

pub(super) fn unread(connection: &Connection, limit: u32) -> Result<Vec<RunNumber>, StoreError> {
    let find = "SELECT number FROM run WHERE read <> 1 AND stand <> 'running'
         ORDER BY number DESC LIMIT ?1";
    numbers(connection, find, limit)
}

/// Whether there are such runs.
pub(super) fn is_unread(connection: &Connection) -> Result<bool, StoreError> {
    Ok(!unread(connection, 1)?.is_empty())
}

fn numbers(connection: &Connection, sql: &str, limit: u32) -> Result<Vec<RunNumber>, StoreError> {
    let mut find = connection.prepare_cached(sql)?;
    let found = find.query_map([limit], |row| Ok(RunNumber(unsigned(row.get(0)?))))?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn commands_by(connection: &Connection, by: &Principal) -> Result<Vec<Ran>, StoreError> {
    let find = "SELECT number, command, agents FROM run JOIN hosts ON hosts.id = run.hosts
         WHERE by = ?1 ORDER BY number DESC LIMIT ?2";
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_map(params![by.to_string(), COMMANDS_MAX], ran)?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn commands_in(connection: &Connection, channel: u64) -> Result<Vec<Ran>, StoreError> {
    let find = "SELECT number, command, agents FROM run JOIN hosts ON hosts.id = run.hosts
         WHERE channel = ?1 ORDER BY number DESC LIMIT ?2";
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_map(params![signed(channel), COMMANDS_MAX], ran)?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn ran(row: &Row<'_>) -> rusqlite::Result<Ran> {
    Ok(Ran {
        number: RunNumber(unsigned(row.get(0)?)),
        command: row.get(1)?,
        agents: agents_of(row.get_ref(2)?.as_blob().unwrap_or_default()),
    })
}

/// The hosts of a set.
pub(super) fn agents_of(bytes: &[u8]) -> Vec<AgentId> {
    let (ids, _) = bytes.as_chunks::<16>();
    ids.iter().map(|id| AgentId::from_bytes(*id)).collect()
}

/// What the history knows of a run.
pub(super) fn entry(connection: &Connection, number: i64) -> Result<Option<Entry>, StoreError> {
    let find =
        "SELECT number, run, accepted_ms, closed_ms, by, guild, channel, selector, command, run_as,
             timeout_ms, names, counted, ok, took_ms, stand, summary, settled, agents
         FROM run JOIN hosts ON hosts.id = run.hosts WHERE number = ?1";
    let mut find = connection.prepare_cached(find)?;
    let found = find.query_row([number], |row| {
        let place: (Option<i64>, Option<i64>) = (row.get(5)?, row.get(6)?);
        let (by, stand): (String, String) = (row.get(4)?, row.get(15)?);
        Ok(Entry {
            number: RunNumber(unsigned(row.get(0)?)),
            id: RunId::from_bytes(row.get(1)?),
            accepted_ms: unsigned(row.get(2)?),
            closed_ms: unsigned(row.get(3)?),
            by: by.parse().unwrap_or(Principal::Local(by)),
            place: place.0.map(unsigned).zip(place.1.map(unsigned)),
            selector: row.get(7)?,
            command: row.get(8)?,
            run_as: row.get(9)?,
            timeout_ms: unsigned(row.get(10)?),
            hosts: row.get(11)?,
            counted: unsigned(row.get(12)?),
            ok: unsigned(row.get(13)?),
            took_ms: row.get::<_, Option<i64>>(14)?.map(unsigned),
            stand: Stand::named(&stand).unwrap_or(Stand::Unknown),
            summary: row.get(16)?,
            settled: row.get(17)?,
            agents: agents_of(row.get_ref(18)?.as_blob().unwrap_or_default()),
        })
    });
    Ok(found.optional()?)
}
