//! A TOML file as plain data, and where in its text each part of it stands.

use std::collections::BTreeMap;
use std::ops::Range;

use shanty_core::action::{Node, Problem};
use shanty_core::text::shown;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistake;

/// A file of a catalogue.
#[derive(Debug)]
pub(super) struct File<'t> {
    name: &'t str,
    text: &'t str,
    table: Spanned<DeTable<'t>>,
    syntax: Vec<Mistake>,
}

impl<'t> File<'t> {
    /// Parses a text; what is no TOML in it is kept.
    pub(super) fn parse(name: &'t str, text: &'t str) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut file = Self {
            name,
            text,
            table,
            syntax: Vec::new(),
        };
        let mistakes = errors.iter().map(|error| {
            let at = error.span().map_or(0, |span| span.start);
            file.at(at, shown(error.message(), 200).replace('\'', "`"))
        });
        file.syntax = mistakes.collect();
        file
    }

    /// What is no TOML.
    pub(super) fn syntax(&self) -> Vec<Mistake> {
        self.syntax.clone()
    }

    /// Each table, or what stands in the place of one.
    pub(super) fn actions(&self) -> impl Iterator<Item = (&str, Node)> {
        let table = self.table.get_ref().iter();
        table.map(|(key, value)| (key.get_ref().as_ref(), node(value.get_ref())))
    }

    /// Something that is wrong with the file as a whole.
    pub(super) fn at_start(&self, what: String) -> Mistake {
        self.at(0, what)
    }

    /// Where a problem stands.
    pub(super) fn mistake(&self, problem: &Problem) -> Mistake {
        let at = self.find(problem);
        self.at(at, problem.what.clone())
    }

    /// The byte of a problem: as far as its path leads.
    fn find(&self, problem: &Problem) -> usize {
        let mut table = Some(self.table.get_ref());
        let mut array = None;
        let mut key: Option<Range<usize>> = None;
        let mut found: Option<&Spanned<DeValue<'_>>> = None;
        let mut left = problem.path.len();
        for part in &problem.path {
            let next = match (table, array) {
                (Some(table), _) => entry(table, part).map(|(of, value)| (Some(of), value)),
                (None, Some(array)) => element(array, part).map(|value| (None, value)),
                (None, None) => None,
            };
            let Some((of, value)) = next else {
                break;
            };
            key = of;
            found = Some(value);
            table = value.get_ref().as_table();
            array = value.get_ref().as_array().map(|array| &**array);
            left -= 1;
        }
        let Some(value) = found else {
            return 0;
        };
        let of_key = problem.of_key && left == 0;
        if let (true, Some(key)) = (of_key || left > 0, &key) {
            return key.start;
        }
        let span = value.span();
        match value.get_ref().as_str() {
            Some(text) if left == 0 => span.start + self.inside(&span, text, problem.at),
            _ => span.start,
        }
    }

    /// How far into the source of a text one of its bytes stands; its beginning where quotes hold anything but the text itself.
    fn inside(&self, span: &Range<usize>, text: &str, at: usize) -> usize {
        let source = self.text.get(span.clone()).unwrap_or_default();
        let quotes = ["\"\"\"\n", "'''\n", "\"\"\"", "'''", "\"", "'"];
        let open = quotes.iter().find(|open| source.starts_with(**open));
        let open = open.map_or(0, |open| open.len());
        match source
            .get(open..)
            .is_some_and(|rest| rest.starts_with(text))
        {
            true => open + at,
            false => 0,
        }
    }

    fn at(&self, byte: usize, what: String) -> Mistake {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        let before = self.text.get(..byte).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Mistake {
            file: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(start..).unwrap_or_default().chars().count() + 1,
            what,
        }
    }
}

fn entry<'a, 't>(
    table: &'a DeTable<'t>,
    key: &str,
) -> Option<(Range<usize>, &'a Spanned<DeValue<'t>>)> {
    let mut entries = table.iter();
    let (of, value) = entries.find(|(of, _)| of.get_ref().as_ref() == key)?;
    Some((of.span(), value))
}

fn element<'a, 't>(
    array: &'a [Spanned<DeValue<'t>>],
    at: &str,
) -> Option<&'a Spanned<DeValue<'t>>> {
    array.get(at.parse::<usize>().ok()?)
}

/// Plain data of a value.
fn node(value: &DeValue<'_>) -> Node {
    match value {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or(Node::Other("a number that is too large"), Node::Number)
        }
        DeValue::Float(_) => Node::Other("a number with a point"),
        DeValue::Boolean(is) => Node::Bool(*is),
        DeValue::Datetime(_) => Node::Other("a date or time"),
        DeValue::Array(items) => {
            Node::List(items.iter().map(|item| node(item.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let pairs = table.iter();
            let pairs =
                pairs.map(|(key, value)| (key.get_ref().to_string(), node(value.get_ref())));
            Node::Table(pairs.collect::<BTreeMap<_, _>>())
        }
    }
}
