//! The one reader of stored output for chat: the records of an execution, from the store, part by part.

use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use bytes::Bytes;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::spool::Record;
use shanty_core::thread::FilePart;
use thiserror::Error;

use crate::discord::requests::File;
use crate::discord::upload::Piece;
use crate::store::{Output, Records, StoreError, Stored, Unreadable};

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
        let mut records = output.records(self.run, self.agent, 0);
        let (mut at, mut missing) = (0, None);
        while at < len {
            match records.next().await {
                Ok(Some((Record::Out { bytes, .. } | Record::Err { bytes, .. }, _))) => {
                    for (part, file) in &mut files {
                        file.write_all(within(part, at, &bytes))?;
                    }
                    at += bytes.len() as u64;
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    missing = Some(why_missing(error)?);
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

/// Why the rest of an output cannot be read, now or later; the error when it is another.
pub(super) fn why_missing(error: StoreError) -> Result<String, StoreError> {
    let why = match error.unreadable() {
        Unreadable::Corrupt(corrupt) => format!("what is stored after it is damaged: {corrupt}"),
        Unreadable::Hole | Unreadable::Deleted(_) => error.to_string(),
        Unreadable::Unavailable => return Err(error),
    };
    Ok(why)
}

/// What of these bytes, which begin at this place of the output, belongs to a part.
fn within<'b>(part: &FilePart, at: u64, bytes: &'b Bytes) -> &'b [u8] {
    let place = |byte: u64| usize::try_from(byte.saturating_sub(at)).unwrap_or(usize::MAX);
    let start = place(part.bytes.start).min(bytes.len());
    let end = place(part.bytes.end).min(bytes.len());
    bytes.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use shanty_core::spool::{Header, encode};

    use super::*;
    use crate::store::{Deletion, Store};

    #[test]
    fn parts_are_cut_out_of_what_is_read_wherever_it_is_cut() {
        let all: Vec<u8> = (0..100).collect();
        let part = |bytes| FilePart {
            name: String::new(),
            bytes,
        };
        for range in [0..100_u64, 0..10, 7..23, 90..100, 30..30] {
            for size in [1, 3, 10, 100] {
                let (mut at, mut cut) = (0, Vec::new());
                for piece in all.chunks(size) {
                    let piece = Bytes::copy_from_slice(piece);
                    cut.extend_from_slice(within(&part(range.clone()), at, &piece));
                    at += piece.len() as u64;
                }
                let expected: Vec<u8> = (0..100_u8)
                    .filter(|byte| range.contains(&u64::from(*byte)))
                    .collect();
                assert_eq!(cut, expected, "{range:?} in pieces of {size}");
            }
        }
    }

    const KEY: (RunId, AgentId) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));

    /// Stores a spool of such lines without its end.
    async fn stored(lines: usize) -> (tempfile::TempDir, Output, Stored) {
        let header = Header {
            version: 1,
            run: KEY.0,
            agent: KEY.1,
            boot_id: [0; 16],
            wall_ms: 5,
        };
        let mut spool = Vec::new();
        encode(&Record::Header(header), &mut spool).unwrap();
        for _ in 0..lines {
            let bytes = Bytes::from(vec![b'x'; 1_000]);
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
