//! Zip archives that are written one after the other into files without names: what of them fits one message.

use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use shanty_core::limits::ATTACHMENT_BYTES_MAX;
use shanty_core::run::Run;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::reader::FilesError;
use super::{Missing, NO_ROOM, tables};
use crate::discord::requests::File;
use crate::discord::upload::Piece;

/// Files of one message (Discord).
const FILES_MAX: usize = 10;
/// All files of one message, bytes (Discord: 25 MiB for a request).
const ALL_BYTES_MAX: u64 = 24 * 1024 * 1024;
/// What the directory of an archive and the names in it take at most, for each host, bytes.
const ENTRY_BYTES: u64 = 1024;

/// Room that is kept free beside what the tables are expected to take: for what they say of damage.
const DAMAGE_BYTES: u64 = 64 * 1024;

/// Archives that are written one after the other, none larger than a file may be. The first has the tables, which come last.
pub(super) struct Archives<'d> {
    dir: &'d Path,
    all: Vec<Archive>,
    /// What the tables will take, bytes.
    tables: u64,
}

impl<'d> Archives<'d> {
    pub(super) fn new(run: &Run, dir: &'d Path) -> Result<Self, FilesError> {
        // Nobody knows what compresses how far without doing it. Most is said where no log is attached.
        let nothing = run.executions().map(|(id, _)| (id, NO_ROOM.to_owned()));
        let mut tables = Archive::new(dir)?;
        tables.write_tables(run, &nothing.collect())?;
        Ok(Self {
            dir,
            all: vec![Archive::new(dir)?],
            tables: tables.finish()?.metadata()?.len() + DAMAGE_BYTES,
        })
    }

    /// True when a log of so many bytes fits, into this archive or the next, however badly it compresses.
    pub(super) fn has_room(&mut self, bytes: u64) -> Result<bool, FilesError> {
        let more = bytes + bytes / 1_000 + ENTRY_BYTES;
        let written: io::Result<Vec<u64>> = self.all.iter_mut().map(Archive::written).collect();
        let mut written = written?;
        if let Some(first) = written.first_mut() {
            *first += self.tables;
        }
        if written.iter().sum::<u64>() + more > ALL_BYTES_MAX {
            return Ok(false);
        }
        if written.last().copied().unwrap_or(0) + more <= ATTACHMENT_BYTES_MAX as u64 {
            return Ok(true);
        }
        if self.all.len() >= FILES_MAX {
            return Ok(false);
        }
        self.all.push(Archive::new(self.dir)?);
        Ok(true)
    }

    /// Begins a file in the current archive.
    pub(super) fn begin(&mut self, name: &str) -> Result<(), FilesError> {
        self.all
            .last_mut()
            .map_or(Ok(()), |last| last.begin(name))?;
        Ok(())
    }

    /// Adds to the file that was begun.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FilesError> {
        let last = self.all.last_mut();
        last.map_or(Ok(()), |last| last.zip.write_all(bytes))?;
        Ok(())
    }

    /// Adds the tables; gives the archives with their names.
    pub(super) fn finish(mut self, run: &Run, missing: &Missing) -> Result<Vec<File>, FilesError> {
        if let Some(first) = self.all.first_mut() {
            first.write_tables(run, missing)?;
        }
        let (number, all) = (run.number.0, self.all.len());
        let name = |at: usize| match all {
            1 => format!("{number}.zip"),
            _ => format!("{number}.{}of{all}.zip", at + 1),
        };
        let files = self.all.into_iter().enumerate().map(|(at, archive)| {
            let content = Piece::spooled(archive.finish()?)?;
            let name = name(at);
            Ok(File { name, content })
        });
        Ok(files.collect::<io::Result<_>>()?)
    }
}

/// One archive.
struct Archive {
    zip: ZipWriter<fs::File>,
    /// The file that it is written to.
    file: fs::File,
}

impl Archive {
    fn new(dir: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(dir)?;
        let zip = ZipWriter::new(file.try_clone()?);
        Ok(Self { zip, file })
    }

    fn begin(&mut self, name: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o644);
        Ok(self.zip.start_file(name, options)?)
    }

    fn write_tables(&mut self, run: &Run, missing: &Missing) -> io::Result<()> {
        self.begin("summary.csv")?;
        tables::summary(run, missing, &mut BufWriter::new(&mut self.zip))?;
        self.begin("run.ndjson")?;
        tables::lines(run, missing, &mut BufWriter::new(&mut self.zip))
    }

    /// Bytes so far, without its directory.
    fn written(&mut self) -> io::Result<u64> {
        self.zip.flush()?;
        Ok(self.file.metadata()?.len())
    }

    fn finish(self) -> io::Result<fs::File> {
        Ok(self.zip.finish()?)
    }
}
