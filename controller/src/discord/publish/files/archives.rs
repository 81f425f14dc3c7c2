//! Zip archives that are written one after the other into files without names: what of them fits one message.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use shanty_core::limits::ATTACHMENT_BYTES_MAX;
use shanty_core::run::Run;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::reader::FilesError;
use super::tables;
use crate::discord::requests::File;
use crate::discord::upload::Piece;

/// Files of one message (Discord).
const FILES_MAX: usize = 10;
/// All files of one message, bytes (Discord: 25 MiB for a request).
const ALL_BYTES_MAX: u64 = 24 * 1024 * 1024;
/// What the directory of an archive and the names in it take at most, for each host, bytes.
const ENTRY_BYTES: u64 = 1024;

/// Archives that are written one after the other, none larger than a file may be.
pub(super) struct Archives<'d> {
    dir: &'d Path,
    number: String,
    current: ZipWriter<fs::File>,
    /// The file of the current one.
    file: fs::File,
    /// Those that are full.
    done: Vec<fs::File>,
    done_bytes: u64,
}

impl<'d> Archives<'d> {
    pub(super) fn new(run: &Run, dir: &'d Path) -> Result<Self, FilesError> {
        let file = tempfile::tempfile_in(dir)?;
        let mut archives = Self {
            dir,
            number: run.number.0.to_string(),
            current: ZipWriter::new(file.try_clone()?),
            file,
            done: Vec::new(),
            done_bytes: 0,
        };
        archives.begin("summary.csv")?;
        archives.write(tables::summary(run).as_bytes())?;
        archives.begin("run.ndjson")?;
        archives.write(tables::lines(run).as_bytes())?;
        Ok(archives)
    }

    /// True when a log of so many bytes fits, into this archive or the next, however badly it compresses.
    pub(super) fn has_room(&mut self, bytes: u64) -> Result<bool, FilesError> {
        let more = bytes + bytes / 1_000 + ENTRY_BYTES;
        let written = self.written()?;
        if self.done_bytes + written + more > ALL_BYTES_MAX {
            return Ok(false);
        }
        if written + more <= ATTACHMENT_BYTES_MAX as u64 {
            return Ok(true);
        }
        if self.done.len() + 1 >= FILES_MAX {
            return Ok(false);
        }
        self.next()?;
        Ok(true)
    }

    /// Ends the current archive, and begins another.
    fn next(&mut self) -> Result<(), FilesError> {
        self.file = tempfile::tempfile_in(self.dir)?;
        let next = ZipWriter::new(self.file.try_clone()?);
        let full = std::mem::replace(&mut self.current, next);
        let file = full.finish().map_err(io::Error::from)?;
        self.done_bytes += file.metadata()?.len();
        self.done.push(file);
        Ok(())
    }

    /// Bytes of the current archive so far, without its directory.
    fn written(&mut self) -> Result<u64, FilesError> {
        self.current.flush()?;
        Ok(self.file.metadata()?.len())
    }

    pub(super) fn begin(&mut self, name: &str) -> Result<(), FilesError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o644);
        self.current
            .start_file(name, options)
            .map_err(io::Error::from)?;
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FilesError> {
        self.current.write_all(bytes)?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<File>, FilesError> {
        self.next()?;
        let all = self.done.len();
        let name = |at: usize| match all {
            1 => format!("{}.zip", self.number),
            _ => format!("{}.{}of{all}.zip", self.number, at + 1),
        };
        let files = self.done.into_iter().enumerate().map(|(at, file)| {
            let content = Piece::spooled(file)?;
            let name = name(at);
            Ok(File { name, content })
        });
        Ok(files.collect::<io::Result<_>>()?)
    }
}
