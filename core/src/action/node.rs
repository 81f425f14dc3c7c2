//! A definition as plain data, whatever form it came in: a table of a TOML file, or the canonical JSON that a digest is taken of.

use std::collections::BTreeMap;

/// A value of a definition. Keys of a table are sorted: their order in a file means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Bool(bool),
    /// A list.
    List(Vec<Self>),
    /// A table.
    Table(BTreeMap<String, Self>),
    /// What no key of a definition takes, such as a date; what it is.
    Other(&'static str),
}

/// A form that a definition is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON without any space.
    Json,
    /// The value of a key in a TOML file.
    Toml,
}

impl Node {
    /// A list of texts.
    pub fn texts(texts: impl IntoIterator<Item = impl ToString>) -> Self {
        let texts = texts.into_iter().map(|text| Self::Text(text.to_string()));
        Self::List(texts.collect())
    }

    /// A table of the pairs that there are.
    pub fn table(
        pairs: impl IntoIterator<Item = (impl Into<String>, Option<Self>)>,
    ) -> BTreeMap<String, Self> {
        let pairs = pairs.into_iter();
        pairs
            .filter_map(|(key, value)| Some((key.into(), value?)))
            .collect()
    }

    /// In a form, on one line.
    #[must_use]
    pub fn written(&self, form: Form) -> String {
        let mut text = String::new();
        self.write(form, &mut text);
        text
    }

    fn write(&self, form: Form, out: &mut String) {
        match self {
            Self::Text(text) => quote(text, out),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Bool(is) => out.push_str(if *is { "true" } else { "false" }),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    item.write(form, out);
                }
                out.push(']');
            }
            Self::Table(table) => {
                out.push('{');
                for (at, (key, value)) in table.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    quote(key, out);
                    out.push(match form {
                        Form::Json => ':',
                        Form::Toml => '=',
                    });
                    value.write(form, out);
                }
                out.push('}');
            }
            Self::Other(_) => out.push_str("null"),
        }
    }

    /// What it is, when it is a text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self {
            return Some(text);
        }
        None
    }

    /// What it is, when it is a number.
    #[must_use]
    pub fn as_number(&self) -> Option<i64> {
        if let Self::Number(number) = self {
            return Some(*number);
        }
        None
    }

    /// What it is, when it is true or false.
    #[must_use]
    pub fn as_boolean(&self) -> Option<bool> {
        if let Self::Bool(boolean) = self {
            return Some(*boolean);
        }
        None
    }

    /// What it is, when it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self {
            return Some(list);
        }
        None
    }

    /// What it is, when it is a table.
    #[must_use]
    pub fn as_table(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Table(table) = self {
            return Some(table);
        }
        None
    }

    /// What it is, as an error says it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(what) => what,
        }
    }
}

/// A text in quotes that mean the same in JSON and in TOML.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tree_has_two_forms() {
        let node = Node::Table(Node::table([
            ("b", Some(Node::texts(["x", "a \"q\" \\ \n\u{7f}é"]))),
            ("a", Some(Node::Number(-3))),
            ("c", None),
            ("d", Some(Node::Bool(true))),
        ]));
        assert_eq!(
            node.written(Form::Json),
            "{\"a\":-3,\"b\":[\"x\",\"a \\\"q\\\" \\\\ \\n\\u007fé\"],\"d\":true}"
        );
        assert_eq!(
            node.written(Form::Toml),
            "{\"a\"=-3,\"b\"=[\"x\",\"a \\\"q\\\" \\\\ \\n\\u007fé\"],\"d\"=true}"
        );
    }
}
