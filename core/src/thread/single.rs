//! The output of one host of a run, read from its beginning for one person: what of it is shown on a card, and as which files it is given.

use super::FilePart;
use super::files;
use super::host::Host;
use crate::ids::RunNumber;
use crate::run::{Run, Target};
use crate::spool::Record;
use crate::view::groups::Printed;

/// The output of one host, as far as it was read.
#[derive(Debug)]
pub struct Single(Host);

impl Single {
    /// One of a run, of which nothing was read yet.
    #[must_use]
    pub fn new(run: &Run, target: &Target) -> Self {
        Self(Host::new(target).with(run.spec.options.colours))
    }

    /// Takes the next record.
    pub fn feed(&mut self, record: &Record) {
        self.0.feed(record);
    }

    /// Takes that there are no more records.
    pub fn finish(&mut self) {
        self.0.finish();
    }

    /// Takes that the rest of the records cannot be read, and why, as a part of a sentence.
    pub fn break_off(&mut self, why: &str) {
        self.0.break_off(why);
    }

    /// What it printed.
    #[must_use]
    pub fn printed(&self, run: &Run) -> Printed {
        self.0.printed(run)
    }

    /// All of its text without colours, as it is compared with that of others: when it is text, little, and none of it is missing.
    #[must_use]
    pub fn whole(&self) -> Option<String> {
        self.0.whole()
    }

    /// Lines that were read.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.0.lines()
    }

    /// Bytes that were read.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// Why not all of its records are there.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        self.0.missing()
    }

    /// What people should know of its text, if anything.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        self.0.remark()
    }

    /// The files that hold all of it, or its beginning and its end when it is too long.
    #[must_use]
    pub fn files(&self, run: RunNumber) -> Vec<FilePart> {
        files::parts(&self.0, run)
    }

    /// What stands above those files.
    #[must_use]
    pub fn files_text(&self, run: RunNumber) -> String {
        files::text_of_one(&self.0, run)
    }
}
