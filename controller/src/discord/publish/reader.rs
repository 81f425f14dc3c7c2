//! The one reader of stored output for chat: the records of an execution, from the store, part by part.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use shanty_core::ids::{AgentId, RunId};
use shanty_core::run::Outcome;
use shanty_core::spool::Record;
use shanty_core::thread::FilePart;
use thiserror::Error;

use super::outputs::{Next, Outputs, why_missing, within};
use crate::discord::requests::File;
use crate::discord::upload::Piece;
use crate::store::{Output, Records, StoreError, Stored};

/// Bytes of records that are read at a time, so that what people see stays fresh meanwhile.
const PART_BYTES: u64 = 256 * 1024;

/// Reads the records of one execution, as far as they are stored.
pub(super) struct Reader {
    pub(super) run: RunId,
    pub(super) agent: AgentId,
    stored: Stored,
    records: Records,
    /// The end of the last record that was read.
    offset: u64,
    /// So much was stored when there was no more record to read.
    seen: u64,
    finished: bool,
}

/// The next records of an execution.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) records: Vec<Record>,
    pub(super) then: Then,
}

/// What comes after a part.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// There is more, or may be later.
    More,
    /// That was the last record.
    End,
    /// The rest cannot be read: why, as a part of a sentence.
    Missing(String),
}

impl Reader {
    pub(super) fn new(output: &Output, run: RunId, agent: AgentId) -> Self {
        Self {
            run,
            agent,
            stored: Stored::default(),
            records: output.records(run, agent, 0),
            offset: 0,
            seen: 0,
            finished: false,
        }
    }

    /// So much is stored now.
    pub(super) const fn stored(&mut self, stored: Stored) {
        self.stored = stored;
    }

    /// It has ended, and this was recorded of it.
    pub(super) fn expect(&mut self, outcome: &Outcome) {
        self.records.expect(outcome);
    }

    /// True when there is more to read, or the end to be noticed.
    pub(super) const fn is_behind(&self) -> bool {
        !self.finished && (self.seen < self.stored.len || self.stored.ended)
    }

    /// Reads the next part.
    pub(super) async fn read(&mut self) -> Result<Part, StoreError> {
        let stored = self.stored;
        let until = self.offset.saturating_add(PART_BYTES);
        let mut records = Vec::new();
        let mut then = Then::More;
        while self.offset < until {
            match self.records.next().await {
                Ok(Some((record, end))) => {
                    records.push(record);
                    self.offset = end;
                }
                Ok(None) => {
                    self.seen = stored.len;
                    if stored.ended {
                        records.extend(self.records.rest().map(|(record, _)| record));
                        then = Then::End;
                    }
                    break;
                }
                Err(error) => {
                    then = Then::Missing(why_missing(error)?);
                    break;
                }
            }
        }
        self.finished = then != Then::More;
        Ok(Part { records, then })
    }

    /// Reads everything again for the files that these parts are, which are written to this folder; also gives why some of it is missing.
    pub(super) async fn files(
        &self,
        output: &Output,
        parts: Vec<FilePart>,
        dir: &Path,
    ) -> Result<(Vec<File>, Option<String>), FilesError> {
        let len = parts.iter().map(|part| part.bytes.end).max();
        let len = len.unwrap_or_default();
        let spool = |part: FilePart| Ok((part, BufWriter::new(tempfile::tempfile_in(dir)?)));
        let files: io::Result<Vec<_>> = parts.into_iter().map(spool).collect();
        let mut files = files?;
        // Of a host that goes on the parts end before what is held back.
        let mut outputs = Outputs::of(output, self.run, self.agent, true);
        let (mut at, mut missing) = (0, None);
        while at < len {
            match outputs.next().await? {
                Next::Bytes(bytes) => {
                    for (part, file) in &mut files {
                        file.write_all(within(&bytes, at, part.bytes.clone()))?;
                    }
                    at += bytes.len() as u64;
                }
                Next::Dropped(_) => {}
                Next::End => break,
                Next::Missing(why) => {
                    missing = Some(why);
                    break;
                }
            }
        }
        let mut written = Vec::new();
        for (part, file) in files {
            let content =
                Piece::spooled(file.into_inner().map_err(io::IntoInnerError::into_error)?)?;
            if missing.is_none() || !content.is_empty() {
                let name = part.name;
                written.push(File { name, content });
            }
        }
        Ok((written, missing))
    }
}

/// Why files could not be written.
#[derive(Debug, Error)]
pub(in crate::discord) enum FilesError {
    /// What is stored cannot be read now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files cannot be written.
    #[error("write files to attach")]
    Write(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shanty_core::output::mask::{Masks, Secret};
    use shanty_core::spool::{Header, encode};

    use super::*;
    use crate::store::{Deletion, Store};

    const KEY: (RunId, AgentId) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));

    /// Stores a spool of so many lines without its end.
    async fn stored(lines: usize) -> (tempfile::TempDir, Output, Stored) {
        stored_of(&vec![vec![b'x'; 1_000]; lines]).await
    }

    /// Stores a spool of these pieces without its end.
    async fn stored_of(pieces: &[Vec<u8>]) -> (tempfile::TempDir, Output, Stored) {
        let header = Header {
            version: 1,
            run: KEY.0,
            agent: KEY.1,
            boot_id: [0; 16],
            wall_ms: 5,
        };
        let mut spool = Vec::new();
        encode(&Record::Header(header), &mut spool).unwrap();
        for piece in pieces {
            let bytes = Bytes::copy_from_slice(piece);
            encode(&Record::Out { dt_us: 1, bytes }, &mut spool).unwrap();
        }
        let dir = tempfile::tempdir().unwrap();
        let output = Store::open(dir.path(), u64::MAX).unwrap().output;
        let mut appender = output.appender(KEY.1);
        let len = spool.len() as u64;
        let mut offset = 0;
        for slice in spool.chunks(32 * 1024) {
            let slice = Bytes::copy_from_slice(slice);
            appender.append(KEY.0, offset, slice).await.unwrap();
            offset += 32 * 1024;
        }
        while appender.take().acked.get(&KEY.0) != Some(&len) {
            appender.changed().await;
        }
        (dir, output, Stored { len, ended: false })
    }

    #[tokio::test]
    async fn what_was_held_back_of_a_host_that_was_lost_is_in_its_file() {
        let (dir, output, stored) = stored_of(&[b"say correct hor".to_vec()]).await;
        let secret = Secret::new(b"correct horse").unwrap();
        let output = output.masked(Masks::new(&[secret], false));
        let mut reader = Reader::new(&output, KEY.0, KEY.1);
        reader.stored(stored);
        let part = FilePart {
            name: "web-01.1.log".to_owned(),
            bytes: 0..100,
        };
        let files = reader.files(&output, vec![part], dir.path()).await;
        let (files, missing) = files.unwrap();
        let shown = "say [masked]".len() as u64;
        assert_eq!((files[0].content.len(), missing), (shown, None));

        // While the host goes on, more may come that makes it a secret.
        for (ended, expected) in [(true, "say [masked]"), (false, "say ")] {
            let mut outputs = Outputs::of(&output, KEY.0, KEY.1, ended);
            let mut given = Vec::new();
            while let Next::Bytes(bytes) = outputs.next().await.unwrap() {
                given.extend_from_slice(&bytes);
            }
            assert_eq!(String::from_utf8(given).unwrap(), expected);
        }
    }

    /// Reads to where it goes no further; gives how many bytes of output came.
    async fn read(reader: &mut Reader) -> (usize, Then) {
        let mut len = 0;
        loop {
            let part = reader.read().await.unwrap();
            for record in part.records {
                if let Record::Out { bytes, .. } = record {
                    len += bytes.len();
                }
            }
            if part.then != Then::More || !reader.is_behind() {
                return (len, part.then);
            }
        }
    }

    #[tokio::test]
    async fn all_is_read_part_by_part_and_then_nothing_is_behind() {
        let (_dir, output, stored) = stored(1_000).await;
        let mut reader = Reader::new(&output, KEY.0, KEY.1);
        assert!(!reader.is_behind());
        reader.stored(stored);
        assert!(reader.is_behind());
        let first = reader.read().await.unwrap();
        assert!((200..300).contains(&first.records.len()) && reader.is_behind());
        let rest = 1_000_000 - (first.records.len() - 1) * 1_000;
        assert_eq!(read(&mut reader).await, (rest, Then::More));
        reader.stored(Stored {
            ended: true,
            ..stored
        });
        assert!(reader.is_behind(), "the end is to be noticed");
        assert_eq!(read(&mut reader).await, (0, Then::End));
        assert!(!reader.is_behind());
    }

    #[tokio::test]
    async fn damage_and_a_deletion_are_no_end() {
        let (dir, output, stored) = stored(10).await;
        let part = FilePart {
            name: "web-01.1.log".to_owned(),
            bytes: 0..10_000,
        };
        let parts = || vec![part.clone()];
        let mut reader = Reader::new(&output, KEY.0, KEY.1);
        reader.stored(stored);
        let (files, missing) = reader.files(&output, parts(), dir.path()).await.unwrap();
        assert_eq!((files[0].content.len(), missing), (10_000, None));

        let file = rusqlite::Connection::open(dir.path().join("output.db")).unwrap();
        let changed = file.execute(
            "UPDATE chunk SET bytes = CAST(substr(bytes, 1, 5500) || zeroblob(length(bytes) - 5500) AS BLOB)",
            [],
        );
        assert_eq!(changed.unwrap(), 1);
        let (len, then) = read(&mut reader).await;
        assert_eq!(len, 5_000);
        let Then::Missing(why) = then else {
            panic!("{then:?}")
        };
        assert!(
            why.starts_with("what is stored after it is damaged: "),
            "{why}"
        );
        assert!(!reader.is_behind(), "nothing more can come");
        let (files, missing) = reader.files(&output, parts(), dir.path()).await.unwrap();
        assert_eq!((files[0].content.len(), missing), (5_000, Some(why)));

        let old = output.oldest(None, 1).await.unwrap();
        output.delete(&old[0], Deletion::Age, 9).await.unwrap();
        let mut reader = Reader::new(&output, KEY.0, KEY.1);
        reader.stored(stored);
        let deleted = "the output was deleted".to_owned();
        let (len, then) = read(&mut reader).await;
        assert_eq!((len, then), (0, Then::Missing(deleted.clone())));
        let (files, missing) = reader.files(&output, parts(), dir.path()).await.unwrap();
        assert_eq!((files.len(), missing), (0, Some(deleted)));
    }
}
