//! Reads TOML strictly: every unknown key, wrong type and bad value is found in one go, each with its line.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Everything that is wrong with a configuration file.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

/// Collects errors while sections are read.
pub(super) struct Errors<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<(usize, String)>,
    /// Every key that was looked for, as `key` or `section.key`.
    known: BTreeSet<String>,
}

impl<'t> Errors<'t> {
    pub(super) const fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            found: Vec::new(),
            known: BTreeSet::new(),
        }
    }

    /// Every key that there is in the sections that were read.
    #[cfg(test)]
    pub(super) const fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// Notes an error at a byte of the file.
    pub(super) fn at(&mut self, byte: usize, what: impl fmt::Display) {
        let line = self
            .text
            .get(..byte)
            .unwrap_or(self.text)
            .matches('\n')
            .count()
            + 1;
        self.found
            .push((line, format!("{}:{line}: {what}", self.file)));
    }

    /// All errors in the order of their lines.
    pub(super) fn finish(mut self) -> Result<(), ConfigErrors> {
        self.found.sort_by_key(|(line, _)| *line);
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(
                self.found.into_iter().map(|(_, text)| text).collect(),
            ))
        }
    }
}

/// Parses the file; its syntax errors are noted.
pub(super) fn parse<'t>(text: &'t str, errors: &mut Errors<'t>) -> Spanned<DeTable<'t>> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    for error in syntax {
        let byte = error.span().map_or(0, |span| span.start);
        errors.at(byte, error.message());
    }
    table
}

/// One table whose keys are taken one after the other; what is left at the end is unknown.
pub(super) struct Section<'a, 't> {
    name: String,
    start: usize,
    left: Vec<(&'a str, usize, &'a Spanned<DeValue<'t>>)>,
    known: Vec<&'static str>,
    /// Those of them that are there.
    had: Vec<&'static str>,
}

impl<'a, 't> Section<'a, 't> {
    pub(super) fn new(name: &str, start: usize, table: &'a DeTable<'t>) -> Self {
        let left = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), key.span().start, value))
            .collect();
        Self {
            name: name.to_owned(),
            start,
            left,
            known: Vec::new(),
            had: Vec::new(),
        }
    }

    /// Takes a key away, if it is there.
    fn take(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.known.push(key);
        let at = self.left.iter().position(|(name, _, _)| *name == key)?;
        self.had.push(key);
        Some(self.left.swap_remove(at).2)
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            format!("`{key}`")
        } else {
            format!("`{key}` in [{}]", self.name)
        }
    }

    /// A text that parses to `T`.
    pub(super) fn text<T>(&mut self, key: &'static str, errors: &mut Errors<'_>) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let value = self.take(key)?;
        let at = value.span().start;
        let Some(text) = value.get_ref().as_str() else {
            errors.at(at, format!("{} must be text in quotes", self.path(key)));
            return None;
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                errors.at(at, format!("{}: {why}", self.path(key)));
                None
            }
        }
    }

    /// The same, and an error when it is not there.
    pub(super) fn required<T>(&mut self, key: &'static str, errors: &mut Errors<'_>) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        if !self.left.iter().any(|(name, _, _)| *name == key) {
            self.known.push(key);
            errors.at(self.start, format!("{} is missing", self.path(key)));
            return None;
        }
        self.text(key, errors)
    }

    /// A whole number, zero or more.
    pub(super) fn number(&mut self, key: &'static str, errors: &mut Errors<'_>) -> Option<u64> {
        let value = self.take(key)?;
        let parsed = value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        if parsed.is_none() {
            errors.at(
                value.span().start,
                format!("{} must be a whole number", self.path(key)),
            );
        }
        parsed
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, errors: &mut Errors<'_>) -> Option<bool> {
        let value = self.take(key)?;
        let parsed = value.get_ref().as_bool();
        if parsed.is_none() {
            errors.at(
                value.span().start,
                format!("{} must be true or false", self.path(key)),
            );
        }
        parsed
    }

    /// A list of texts that each parse to `T`; nothing when the key is not there.
    pub(super) fn list<T>(&mut self, key: &'static str, errors: &mut Errors<'_>) -> Option<Vec<T>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let value = self.take(key)?;
        let Some(array) = value.get_ref().as_array() else {
            let what = format!(
                "{} must be a list of texts, like [\"1\", \"2\"]",
                self.path(key)
            );
            errors.at(value.span().start, what);
            return None;
        };
        let mut parsed = Vec::new();
        for item in array.iter() {
            let at = item.span().start;
            match item.get_ref().as_str().map(str::parse) {
                Some(Ok(item)) => parsed.push(item),
                Some(Err(why)) => errors.at(at, format!("{}: {why}", self.path(key))),
                None => errors.at(at, format!("{} must hold texts in quotes", self.path(key))),
            }
        }
        Some(parsed)
    }

    /// A table below this one.
    pub(super) fn section(&mut self, key: &'static str, errors: &mut Errors<'_>) -> Option<Self> {
        let value = self.take(key)?;
        let start = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            errors.at(
                start,
                format!("{} must be a table, like [{key}]", self.path(key)),
            );
            return None;
        };
        let name = if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        };
        Some(Section::new(&name, start, table))
    }

    /// Tables of the form `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str, errors: &mut Errors<'_>) -> Vec<Self> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let tables = value.get_ref().as_array().map(|array| {
            array
                .iter()
                .map(|item| (item.span().start, item.get_ref().as_table()))
                .collect()
        });
        let mut sections = Vec::new();
        for (start, table) in tables.unwrap_or_else(|| vec![(value.span().start, None)]) {
            match table {
                Some(table) => sections.push(Section::new(key, start, table)),
                None => errors.at(
                    start,
                    format!("{} must be written as [[{key}]]", self.path(key)),
                ),
            }
        }
        sections
    }

    /// Whether the file has a key that was taken.
    pub(super) fn had(&self, key: &str) -> bool {
        self.had.contains(&key)
    }

    /// Where the section starts.
    pub(super) const fn start(&self) -> usize {
        self.start
    }

    /// Every key that is left is unknown.
    pub(super) fn finish(self, errors: &mut Errors<'_>) {
        let mut known = self.known.clone();
        known.sort_unstable();
        known.dedup();
        let path = |key: &&str| match self.name.as_str() {
            "" => (*key).to_owned(),
            name => format!("{name}.{key}"),
        };
        errors.known.extend(known.iter().map(path));
        for (key, at, _) in &self.left {
            let shown: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
            let what = format!(
                "unknown key {}; known are {}",
                self.path(&shown),
                known.join(", ")
            );
            errors.at(*at, what);
        }
    }
}
