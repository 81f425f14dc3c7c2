//! Reads TOML strictly: every unknown key, wrong type and bad value is found in one go, each with its line.

use std::fmt;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// More than these nobody would read.
const FAULTS_MAX: usize = 100;

/// Collects what is wrong while a file is read.
pub(super) struct Faults<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
}

impl<'t> Faults<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        let found = Vec::new();
        Self { text, found }
    }

    /// Notes what is wrong at a byte of the file, and what to do about it.
    pub(super) fn at(&mut self, byte: usize, what: impl fmt::Display) {
        if self.found.len() >= FAULTS_MAX {
            return;
        }
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.matches('\n').count().saturating_add(1);
        self.found.push((line, what.to_string()));
    }

    /// Everything that was found, in the order of lines.
    pub(super) fn finish(mut self) -> Vec<(usize, String)> {
        self.found.sort_by_key(|(line, _)| *line);
        self.found
    }
}

/// A value and the byte at which it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

/// Parses the file; its errors of syntax are noted.
pub(super) fn parse<'t>(text: &'t str, faults: &mut Faults<'t>) -> Spanned<DeTable<'t>> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    for error in syntax {
        let byte = error.span().map_or(0, |span| span.start);
        faults.at(byte, error.message());
    }
    table
}

/// One table whose keys are taken one after the other; what is left at the end is unknown.
pub(super) struct Section<'a, 't> {
    name: &'static str,
    start: usize,
    left: Vec<(&'a str, usize, &'a Spanned<DeValue<'t>>)>,
    known: Vec<&'static str>,
}

impl<'a, 't> Section<'a, 't> {
    pub(super) fn new(name: &'static str, start: usize, table: &'a DeTable<'t>) -> Self {
        let entries = table.iter();
        let left = entries.map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value));
        Self {
            name,
            start,
            left: left.collect(),
            known: Vec::new(),
        }
    }

    /// Where the section starts.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.known.push(key);
        let at = self.left.iter().position(|(name, _, _)| *name == key)?;
        Some(self.left.swap_remove(at).2)
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            format!("`{key}`")
        } else {
            format!("`{key}` of {}", self.name)
        }
    }

    /// A text of so many characters, without control characters.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        chars: RangeInclusive<usize>,
        faults: &mut Faults<'_>,
    ) -> Option<Placed<String>> {
        let value = self.take(key)?;
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            faults.at(at, format!("{} must be text in quotes", self.path(key)));
            return None;
        };
        let (least, most) = chars.clone().into_inner();
        if !chars.contains(&text.chars().count()) {
            let what = format!("{} must have {least} to {most} characters", self.path(key));
            faults.at(at, what);
            return None;
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            faults.at(
                at,
                format!("{} must not hold control characters", self.path(key)),
            );
            return None;
        }
        let value = text.to_owned();
        Some(Placed { at, value })
    }

    /// The same, and a fault when it is not there.
    pub(super) fn required(
        &mut self,
        key: &'static str,
        chars: RangeInclusive<usize>,
        faults: &mut Faults<'_>,
    ) -> Option<Placed<String>> {
        if self.left.iter().all(|(name, _, _)| *name != key) {
            faults.at(self.start, format!("{} is missing", self.path(key)));
        }
        self.text(key, chars, faults)
    }

    /// A whole number in a range.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
        faults: &mut Faults<'_>,
    ) -> Option<u64> {
        let value = self.take(key)?;
        let number = value.get_ref().as_integer();
        let number =
            number.and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        let fitting = number.filter(|number| range.contains(number));
        if fitting.is_none() {
            let (least, most) = range.into_inner();
            let what = format!("{} must be a number from {least} to {most}", self.path(key));
            faults.at(value.span().start, what);
        }
        fitting
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Option<bool> {
        let value = self.take(key)?;
        let read = value.get_ref().as_bool();
        if read.is_none() {
            let what = format!("{} must be true or false", self.path(key));
            faults.at(value.span().start, what);
        }
        read
    }

    /// A list of texts.
    pub(super) fn list(
        &mut self,
        key: &'static str,
        faults: &mut Faults<'_>,
    ) -> Option<Vec<Placed<String>>> {
        let value = self.take(key)?;
        let what = format!(
            "{} must be a list of texts, like [\"a\", \"b\"]",
            self.path(key)
        );
        let Some(array) = value.get_ref().as_array() else {
            faults.at(value.span().start, what);
            return None;
        };
        let mut list = Vec::new();
        for item in array.iter() {
            let at = item.span().start;
            match item.get_ref().as_str() {
                Some(text) => list.push(Placed {
                    at,
                    value: text.to_owned(),
                }),
                None => faults.at(at, &what),
            }
        }
        Some(list)
    }

    /// A table below this one.
    pub(super) fn section(&mut self, key: &'static str, faults: &mut Faults<'_>) -> Option<Self> {
        let value = self.take(key)?;
        let start = value.span().start;
        let table = value.get_ref().as_table();
        if table.is_none() {
            let what = format!("{} must be a table, like [{key}]", self.path(key));
            faults.at(start, what);
        }
        Some(Section::new(key, start, table?))
    }

    /// Tables of the form `[[key]]`, at most so many.
    pub(super) fn sections(
        &mut self,
        key: &'static str,
        name: &'static str,
        most: usize,
        faults: &mut Faults<'_>,
    ) -> Vec<Self> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let what = format!("{} must be written as [[{name}]]", self.path(key));
        let Some(array) = value.get_ref().as_array() else {
            faults.at(value.span().start, what);
            return Vec::new();
        };
        if array.len() > most {
            let what = format!("{} may have at most {most} entries", self.path(key));
            faults.at(value.span().start, what);
        }
        let mut sections = Vec::new();
        for item in array.iter().take(most) {
            let start = item.span().start;
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section::new(name, start, table)),
                None => faults.at(start, &what),
            }
        }
        sections
    }

    /// Every key that is left is unknown.
    pub(super) fn finish(self, faults: &mut Faults<'_>) {
        let mut known = self.known.clone();
        known.sort_unstable();
        for (key, at, _) in &self.left {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
            let what = format!(
                "{} is unknown; known are {}",
                self.path(&shown),
                known.join(", ")
            );
            faults.at(*at, what);
        }
    }
}
