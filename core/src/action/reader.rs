//! Takes the keys of a table one after the other; whatever is left, of another type or too long is a problem, and reading goes on.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::node::Node;
use super::problem::{Problems, below, instead, quoted};
use crate::output::sanitise::is_hidden;

/// One table of a definition.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    /// The keys that lead to it.
    pub(super) path: Vec<String>,
    pub(super) problems: &'a Problems,
    table: &'a BTreeMap<String, Node>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(
        path: Vec<String>,
        table: &'a BTreeMap<String, Node>,
        problems: &'a Problems,
    ) -> Self {
        Self {
            path,
            problems,
            table,
            known: Vec::new(),
        }
    }

    /// The path of a key.
    pub(super) fn at(&self, key: &str) -> Vec<String> {
        below(&self.path, key)
    }

    /// Notes what is wrong with the value of a key.
    pub(super) fn wrong(&self, key: &str, what: impl Into<String>) {
        self.problems.push(&self.at(key), what);
    }

    /// Notes what is wrong with the table itself.
    pub(super) fn lacks(&self, what: impl Into<String>) {
        self.problems.push_key(&self.path, what);
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.table.get(key)
    }

    fn other(&self, key: &str, node: &Node, wanted: &str) {
        let is = node.kind();
        self.wrong(key, format!("`{key}` takes {wanted}, and this is {is}"));
    }

    /// A text of at least one character.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let node = self.take(key)?;
        let text = node.as_text();
        match text {
            None => self.other(key, node, "a text in quotes"),
            Some("") => self.wrong(key, format!("`{key}` is empty: leave it out")),
            Some(_) => {}
        }
        text.filter(|text| !text.is_empty())
    }

    /// A text in one line of visible characters.
    pub(super) fn line(&mut self, key: &'static str, chars_max: usize) -> Option<&'a str> {
        let text = self.text(key)?;
        match line_problem(text, chars_max) {
            None => Some(text),
            Some((at, why)) => {
                let path = self.at(key);
                self.problems.push_at(&path, at, format!("`{key}` {why}"));
                None
            }
        }
    }

    /// A text that something else parses.
    pub(super) fn parsed<T, E: ToString>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(text).map_err(|why| self.wrong(key, why.to_string()));
        parsed.ok()
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let node = self.take(key)?;
        let Some(number) = node.as_number() else {
            self.other(key, node, "a whole number");
            return None;
        };
        if range.contains(&number) {
            return Some(number);
        }
        let (least, most) = range.into_inner();
        self.wrong(key, format!("`{key}` is from {least} to {most}"));
        None
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let node = self.take(key)?;
        let is = node.as_boolean();
        if is.is_none() {
            self.other(key, node, "true or false");
        }
        is
    }

    /// The value of a key, whatever it is.
    pub(super) fn any(&mut self, key: &'static str) -> Option<&'a Node> {
        self.take(key)
    }

    /// A list of texts, none of them empty, each with its path.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<(Vec<String>, &'a str)>> {
        let Node::List(items) = self.take(key)? else {
            let node = self.table.get(key)?;
            self.other(key, node, "a list of texts, such as [\"a\", \"b\"]");
            return None;
        };
        if items.is_empty() {
            self.wrong(key, format!("`{key}` is empty: leave it out"));
            return None;
        }
        let mut texts = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let path = below(&self.at(key), at);
            match item.as_text() {
                Some("") => {
                    let what = format!("`{key}` holds an empty text, which is nothing");
                    self.problems.push(&path, what);
                }
                Some(text) => texts.push((path, text)),
                None => {
                    let is = item.kind();
                    let what = format!("`{key}` holds texts in quotes, and this is {is}");
                    self.problems.push(&path, what);
                }
            }
        }
        Some(texts)
    }

    /// A table below this one.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let node = self.take(key)?;
        let table = node.as_table();
        if table.is_none() {
            self.other(key, node, "a table, such as { a = \"b\" }");
        }
        Some(Self::new(self.at(key), table?, self.problems))
    }

    /// A list of tables.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let Some(items) = node.as_list() else {
            self.other(key, node, "a list of tables, such as [{ a = \"b\" }]");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let path = below(&self.at(key), at);
            match item.as_table() {
                Some(table) => tables.push(Self::new(path, table, self.problems)),
                None => {
                    let what = format!("`{key}` holds tables, and this is {}", item.kind());
                    self.problems.push(&path, what);
                }
            }
        }
        tables
    }

    /// Every key and value, where the keys are the author's own.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Node)> + use<'a> {
        self.table.iter()
    }

    /// Every key that was not looked for is unknown.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            if !self.known.contains(&key.as_str()) {
                let instead = instead(key, self.known.iter().copied());
                let what = format!("unknown key {}{instead}", quoted(key));
                self.problems.push_key(&below(&self.path, key), what);
            }
        }
    }
}

/// Why a text is no line that people read, and the byte where.
pub(super) fn line_problem(text: &str, chars_max: usize) -> Option<(usize, String)> {
    let bad = |&(_, c): &(usize, char)| c.is_control() || is_hidden(c);
    if let Some((at, c)) = text.char_indices().find(bad) {
        let code = u32::from(c);
        return Some((at, format!("holds U+{code:04X}, which cannot be seen")));
    }
    let over = text.char_indices().nth(chars_max);
    over.map(|(at, _)| (at, format!("is longer than {chars_max} characters")))
}
