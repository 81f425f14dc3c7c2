//! Prints an action as plain data, and takes its digest: the same for every definition that means the same.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::follow::FollowUp;
use super::node::{Form, Node};
use super::parameter::{Bound, Glob, INT_MAX, Kind, Parameter, Pattern};
use super::template::Template;
use super::{Action, Body, Database, Sql, View};
use crate::text::typed_duration;

/// Goes into every digest, so that another form of the same action is another one.
const FORM: i64 = 1;

impl Action {
    /// Its definition as plain data, which reads as an equal action.
    #[must_use]
    pub fn definition(&self) -> BTreeMap<String, Node> {
        let text = |text: &Option<String>| text.clone().map(Node::Text);
        let said = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Node::Text);
        let list = |list: &Option<Vec<Template>>| list.as_ref().map(Node::texts);
        let params = self.parameters.iter();
        let params = params.map(|(name, parameter)| (name.clone(), Some(parameter.definition())));
        let env = self.env.iter();
        let env = env.map(|(name, value)| (name.clone(), Some(Node::Text(value.to_string()))));
        let then: Vec<Node> = self.then.iter().map(FollowUp::definition).collect();
        let plan = self.plan.as_ref().map(|plan| {
            let typed = plan.typed();
            typed.map(|(option, text)| (option.name(), text.map(Node::Text)))
        });
        let mut table = Node::table([
            ("title", text(&self.title)),
            ("doc", text(&self.doc)),
            ("danger", said(Some(self.danger.as_str().to_owned()))),
            ("slash", said(self.slash.as_ref().map(ToString::to_string))),
            ("on", said(self.on.as_ref().map(ToString::to_string))),
            ("on_max", self.on_max.map(|most| Node::Number(most.into()))),
            ("run_as", text(&self.run_as)),
            ("timeout", said(self.timeout_ms.map(typed_duration))),
            ("plan", plan.map(|plan| Node::Table(Node::table(plan)))),
            ("params", filled(Node::table(params))),
            ("verify", list(&self.verify)),
            ("dry", list(&self.dry)),
            ("then", (!then.is_empty()).then_some(Node::List(then))),
            ("view", view(self.view)),
            ("env", filled(Node::table(env))),
            ("stdin", said(self.stdin.as_ref().map(Template::to_string))),
        ]);
        let (key, body) = self.body.definition();
        table.insert(key.to_owned(), body);
        table
    }

    /// Its definition as a table of a TOML file.
    #[must_use]
    pub fn toml(&self) -> String {
        let mut text = format!("[{}]\n", self.name.action);
        for (key, value) in self.definition() {
            text.push_str(&format!("{key} = {}\n", value.written(Form::Toml)));
        }
        text
    }

    /// What its digest is taken of: its name, its definition, and the digest of its script.
    #[must_use]
    pub fn canonical(&self) -> String {
        let script = match &self.body {
            Body::Script(script) => Some(Node::Text(hex::encode(Sha256::digest(&script.bytes)))),
            Body::Argv(_) | Body::Query(_) => None,
        };
        let table = Node::table([
            ("form", Some(Node::Number(FORM))),
            ("name", Some(Node::Text(self.name.to_string()))),
            ("definition", Some(Node::Table(self.definition()))),
            ("script_sha256", script),
        ]);
        Node::Table(table).written(Form::Json)
    }

    /// SHA-256 of [`Self::canonical`].
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.canonical().as_bytes()).into()
    }
}

fn filled(table: BTreeMap<String, Node>) -> Option<Node> {
    (!table.is_empty()).then_some(Node::Table(table))
}

fn view(view: View) -> Option<Node> {
    (view != View::default()).then(|| Node::Text(view.as_str().to_owned()))
}

impl Body {
    fn definition(&self) -> (&'static str, Node) {
        match self {
            Self::Argv(argv) => ("argv", Node::texts(argv)),
            Self::Script(script) => {
                let args = (!script.args.is_empty()).then(|| Node::texts(&script.args));
                let table = Node::table([
                    ("with", Some(Node::texts(&script.with))),
                    ("file", Some(Node::Text(script.file.clone()))),
                    ("args", args),
                ]);
                ("script", Node::Table(table))
            }
            Self::Query(query) => {
                let db = match &query.db {
                    Database::Named(name) => name.to_string(),
                    Database::Parameter(name) => format!("{{{name}}}"),
                };
                let sql = match &query.sql {
                    Sql::Named(text) => text.clone(),
                    Sql::Parameter(name) => format!("{{{name}}}"),
                };
                let table = Node::table([
                    ("db", Some(Node::Text(db))),
                    ("sql", Some(Node::Text(sql))),
                    ("rows", Some(Node::Number(query.rows.into()))),
                ]);
                ("query", Node::Table(table))
            }
        }
    }
}

impl FollowUp {
    fn definition(&self) -> Node {
        let with = self.with.iter();
        let with =
            with.map(|(name, value)| (name.to_string(), Some(Node::Text(value.to_string()))));
        Node::Table(Node::table([
            ("label", Some(Node::Text(self.label.clone()))),
            ("do", Some(Node::Text(self.action.to_string()))),
            ("with", filled(Node::table(with))),
            (
                "when",
                self.when.as_str().map(|when| Node::Text(when.to_owned())),
            ),
        ]))
    }
}

impl Parameter {
    fn definition(&self) -> Node {
        let default = self.default.as_ref().map(|text| {
            if matches!(self.kind, Kind::Bool { .. }) {
                return Node::Bool(text == "true");
            }
            let number = text
                .parse()
                .ok()
                .filter(|_| matches!(self.kind, Kind::Int { .. }));
            number.map_or_else(|| Node::Text(text.clone()), Node::Number)
        });
        let many = self.many.and_then(|many| i64::try_from(many).ok());
        let mut table = Node::table([
            ("type", Some(Node::Text(self.kind.of().to_string()))),
            ("title", self.title.clone().map(Node::Text)),
            ("default", default),
            ("optional", self.optional.then_some(Node::Bool(true))),
            ("many", many.map(Node::Number)),
        ]);
        table.append(&mut self.kind.definition());
        Node::Table(table)
    }
}

impl Kind {
    /// The keys of its type.
    fn definition(&self) -> BTreeMap<String, Node> {
        let text = |text: &str| Some(Node::Text(text.to_owned()));
        let bound = |bound: &Option<Bound>| bound.as_ref().and_then(|bound| text(&bound.typed));
        let list = |list: &[String]| (!list.is_empty()).then(|| Node::texts(list));
        let most = |most: usize| i64::try_from(most).ok().map(Node::Number);
        let pairs: Vec<(&str, Option<Node>)> = match self {
            Self::Bool { flag } => vec![("flag", flag.as_deref().and_then(text))],
            Self::Int { min, max } => vec![
                ("min", (*min != 0).then_some(Node::Number(*min))),
                ("max", (*max != INT_MAX).then_some(Node::Number(*max))),
            ],
            Self::Enum { of } => vec![("of", list(of))],
            Self::Text { pattern, max } => vec![
                (
                    "pattern",
                    pattern.as_ref().map(Pattern::as_str).and_then(text),
                ),
                ("max", most(*max)),
            ],
            Self::Duration { min, max } | Self::Size { min, max } => {
                vec![("min", bound(min)), ("max", bound(max))]
            }
            Self::Live { allow, .. } => {
                let globs: Vec<String> = allow.iter().map(Glob::to_string).collect();
                vec![("allow", list(&globs))]
            }
            Self::List { of } => vec![("of", text(of.as_str()))],
            Self::Project | Self::Db | Self::Secret => Vec::new(),
            Self::Host { on } => vec![("on", on.as_ref().and_then(|on| text(&on.to_string())))],
            Self::Label { key } => vec![("key", text(key))],
            Self::Sql { max } => vec![("max", most(*max))],
            Self::File { max, ext } => vec![("max", text(&max.typed)), ("ext", list(ext))],
        };
        Node::table(pairs)
    }
}
