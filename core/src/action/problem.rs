//! What is wrong with a definition, and where: told all at once, by the keys that lead there, so that whoever read the file can say the line.

use std::cell::RefCell;

use crate::selector::nearest;
use crate::text::shown;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The keys and places in lists that lead there from the table of the file.
    pub path: Vec<String>,
    /// Whether the key itself is what is wrong, and not its value.
    pub of_key: bool,
    /// The byte of the text there.
    pub at: usize,
    /// What is wrong, and what to write instead: a sentence without its end.
    pub what: String,
}

/// Collects what is wrong while a definition is read.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes a value that is wrong.
    pub(super) fn push(&self, path: &[String], what: impl Into<String>) {
        self.push_at(path, 0, what);
    }

    /// Notes a place in a text.
    pub(super) fn push_at(&self, path: &[String], at: usize, what: impl Into<String>) {
        self.note(path, false, at, what.into());
    }

    /// Notes a key.
    pub(super) fn push_key(&self, path: &[String], what: impl Into<String>) {
        self.note(path, true, 0, what.into());
    }

    fn note(&self, path: &[String], of_key: bool, at: usize, what: String) {
        self.0.borrow_mut().push(Problem {
            path: path.to_owned(),
            of_key,
            at,
            what,
        });
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// All of them.
    pub(super) fn into_inner(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// The end of a sentence about a word that is none: the nearest one, or all when they are few.
pub(super) fn instead<'a>(wanted: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(wanted, words.clone()).first() {
        return format!("; nearest: `{near}`");
    }
    let all: Vec<&str> = words.collect();
    match all.len() {
        0 => String::new(),
        1..=24 => format!("; there are {}", all.join(", ")),
        _ => String::new(),
    }
}

/// A path with one more key.
pub(super) fn below(path: &[String], key: impl ToString) -> Vec<String> {
    let mut path = path.to_owned();
    path.push(key.to_string());
    path
}

/// A text of a file in a sentence.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", shown(text, 60))
}
