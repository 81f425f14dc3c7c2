//! Texts with placeholders: `{service}` is a parameter, `{host}`, `{label.KEY}` and `{run}` are the host's, and `{{` is a brace.

use std::fmt;

use crate::ids::Labels;
use crate::text::shown;

use super::name::Name;

/// What a placeholder stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// What somebody gave for a parameter.
    Parameter(Name),
    /// The name of the host.
    Host,
    /// A label of the host.
    Label(String),
    /// The number of the run.
    Run,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Text(String),
    /// What stands for something else, and its byte in the template.
    Slot(Slot, usize),
}

/// A text with placeholders. Its [`Display`](fmt::Display) is how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// What is wrong with a template, and the byte where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TemplateError {
    pub(super) at: usize,
    pub(super) what: String,
}

impl Template {
    /// Reads a template.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, braced) = rest.split_at(open);
            plain.push_str(before);
            let at = text.len() - braced.len();
            if let Some(after) = braced.strip_prefix("{{") {
                plain.push('{');
                rest = after;
                continue;
            }
            let inside = braced.strip_prefix('{').unwrap_or(braced);
            let Some((word, after)) = inside.split_once('}') else {
                let what = "`{` is never closed; a brace itself is written `{{`".to_owned();
                return Err(TemplateError { at, what });
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Slot(slot(word, at)?, at));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// A text without any placeholder.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }

    /// Its parts in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Its placeholders, each with its byte.
    pub fn slots(&self) -> impl Iterator<Item = (&Slot, usize)> {
        self.0.iter().filter_map(|part| match part {
            Part::Slot(slot, at) => Some((slot, *at)),
            Part::Text(_) => None,
        })
    }

    /// The text, when there is no placeholder in it.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text before the first placeholder.
    #[must_use]
    pub fn lead(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            Some(Part::Slot(..)) | None => "",
        }
    }

    /// The parameter that it is, when it is nothing else.
    #[must_use]
    pub fn alone(&self) -> Option<&Name> {
        match self.0.as_slice() {
            [Part::Slot(Slot::Parameter(name), _)] => Some(name),
            _ => None,
        }
    }
}

fn slot(word: &str, at: usize) -> Result<Slot, TemplateError> {
    let no = |what: String| Err(TemplateError { at, what });
    if word == "host" {
        return Ok(Slot::Host);
    }
    if word == "run" {
        return Ok(Slot::Run);
    }
    if let Some(key) = word.strip_prefix("label.") {
        return match Labels::default().insert(key, "x") {
            Ok(()) => Ok(Slot::Label(key.to_owned())),
            Err(_) => no(format!("`{}` is not the key of a label", shown(key, 40))),
        };
    }
    word.parse().map(Slot::Parameter).or_else(|_| {
        no(format!(
            "`{{{}}}` is no placeholder; a brace itself is written `{{{{`",
            shown(word, 40)
        ))
    })
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{"))?,
                Part::Slot(slot, _) => write!(f, "{slot}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(f, "{{{name}}}"),
            Self::Host => f.write_str("{host}"),
            Self::Label(key) => write!(f, "{{label.{key}}}"),
            Self::Run => f.write_str("{run}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_printed_again() {
        for text in [
            "restart",
            "{service}",
            "--unit={service}",
            "{a}{b}",
            "{{}",
            "{{{{a}}",
            "x{host}y{label.env}z{run}",
            "}",
            "",
            "é{a}é",
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.to_string(), text);
            assert_eq!(Template::parse(&template.to_string()), Ok(template));
        }
        let template = Template::parse("é{{}{a}").unwrap();
        assert_eq!(template.lead(), "é{}");
        let at: Vec<usize> = template.slots().map(|(_, at)| at).collect();
        assert_eq!(at, [5]);
    }

    #[test]
    fn what_is_no_placeholder_is_told_where_it_stands() {
        for (text, at) in [
            ("{", 0),
            ("a{b", 1),
            ("{}", 0),
            ("ab{A}", 2),
            ("{a b}", 0),
            ("{label.}", 0),
            ("{label.A b}", 0),
            ("{a.b}", 0),
            ("{{{", 2),
            ("{$(id)}", 0),
        ] {
            assert_eq!(Template::parse(text).unwrap_err().at, at, "{text}");
        }
    }
}
