//! Small values by key that no record tells: where cards are, the gateway's session, when hosts were last seen.
//!
//! A file and a connection of its own, so that keeping a value never makes a record of the journal wait. Losing it loses convenience
//! and no decision.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, sqlite};

const SCHEMA: &str = include_str!("kept.sql");

/// The values, as JSON, for any number of users.
#[derive(Clone)]
pub struct Kept {
    connection: Arc<Mutex<Connection>>,
}

impl Kept {
    /// Opens or creates the file.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = sqlite::open(&sqlite::File {
            path,
            schema: SCHEMA,
            check: "PRAGMA quick_check(1)",
            traces: None,
        })?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// Values that are gone with the process, for tests of what uses them.
    ///
    /// # Errors
    /// SQLite cannot make a database in memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// The value of a key; nothing also when it was kept in a form that is not known any more.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn read<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let of = key.to_owned();
        let value: Option<String> = self
            .with(move |connection| {
                let mut find =
                    connection.prepare_cached("SELECT value FROM kept WHERE key = ?1")?;
                find.query_row([of], |row| row.get(0)).optional()
            })
            .await?;
        Ok(value.and_then(|value| decode(key, &value)))
    }

    /// Every value whose key begins so, by its key.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn below<T: DeserializeOwned>(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let prefix = prefix.to_owned();
        let values: Vec<(String, String)> = self
            .with(move |connection| {
                let mut find = connection.prepare_cached(
                    "SELECT key, value FROM kept
                     WHERE key >= ?1 AND key < ?1 || char(0x10ffff) ORDER BY key",
                )?;
                find.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .await?;
        let decoded = values.into_iter().filter_map(|(key, value)| {
            let value = decode(&key, &value)?;
            Some((key, value))
        });
        Ok(decoded.collect())
    }

    /// Keeps a value until it is kept anew or forgotten.
    ///
    /// # Errors
    /// The file cannot be written, or the value is none that JSON can hold.
    pub async fn keep<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<(), StoreError> {
        let value = serde_json::to_string(value).map_err(StoreError::Value)?;
        let key = key.to_owned();
        self.with(move |connection| {
            let mut keep = connection.prepare_cached(
                "INSERT INTO kept (key, value) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?;
            keep.execute(params![key, value]).map(drop)
        })
        .await
    }

    /// Puts a value in the place of one that is there, and gives that one: of several who do so at once, one has it. Nothing where none is.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub async fn exchange<T: Serialize + DeserializeOwned + Sync>(
        &self,
        key: &str,
        value: &T,
    ) -> Result<Option<T>, StoreError> {
        let value = serde_json::to_string(value).map_err(StoreError::Value)?;
        let of = key.to_owned();
        let old: Option<String> = self
            .with(move |connection| {
                let mut find =
                    connection.prepare_cached("SELECT value FROM kept WHERE key = ?1")?;
                let old = find.query_row([&of], |row| row.get(0)).optional()?;
                let mut change =
                    connection.prepare_cached("UPDATE kept SET value = ?2 WHERE key = ?1")?;
                change.execute(params![of, value])?;
                Ok(old)
            })
            .await?;
        Ok(old.and_then(|old| decode(key, &old)))
    }

    /// Forgets a value.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn forget(&self, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.with(move |connection| {
            let mut forget = connection.prepare_cached("DELETE FROM kept WHERE key = ?1")?;
            forget.execute([key]).map(drop)
        })
        .await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection);
        let work = move || {
            let connection = connection.lock().map_err(|_| StoreError::Stopped)?;
            Ok(work(&connection)?)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| StoreError::Stopped)?
    }
}

fn decode<T: DeserializeOwned>(key: &str, value: &str) -> Option<T> {
    serde_json::from_str(value)
        .inspect_err(
            |error| tracing::warn!(key, %error, "a kept value cannot be read and is passed over"),
        )
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn values_are_kept_listed_and_forgotten_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.db");
        let kept = Kept::open(&path).unwrap();
        kept.keep("note", &"one").await.unwrap();
        kept.keep("note", &"two").await.unwrap();
        kept.keep("card:2", &(5, 6)).await.unwrap();
        kept.keep("card:1", &(7, 8)).await.unwrap();
        kept.keep("card%", &(9, 9)).await.unwrap();
        drop(kept);

        let kept = Kept::open(&path).unwrap();
        assert_eq!(kept.read("note").await.unwrap(), Some("two".to_owned()));
        assert_eq!(kept.read::<String>("nothing").await.unwrap(), None);
        let cards: Vec<(String, (u64, u64))> = kept.below("card:").await.unwrap();
        let expected = [("card:1".to_owned(), (7, 8)), ("card:2".to_owned(), (5, 6))];
        assert_eq!(cards, expected);
        kept.forget("card:1").await.unwrap();
        kept.forget("card:1").await.unwrap();
        let cards: Vec<(String, (u64, u64))> = kept.below("card:").await.unwrap();
        assert_eq!(cards, expected[1..]);
    }

    #[tokio::test]
    async fn a_value_of_another_form_is_passed_over() {
        let kept = Kept::in_memory().unwrap();
        kept.keep("card:1", &"text").await.unwrap();
        kept.keep("card:2", &3).await.unwrap();
        assert_eq!(kept.read::<u64>("card:1").await.unwrap(), None);
        let numbers: Vec<(String, u64)> = kept.below("card:").await.unwrap();
        assert_eq!(numbers, [("card:2".to_owned(), 3)]);
    }
}
