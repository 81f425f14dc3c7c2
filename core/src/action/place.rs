//! Which parameter may stand where, and that each stands somewhere. What this lets through, [`super::expand`] can carry out.

mod code;

use std::collections::BTreeSet;

use super::name::Name;
use super::parameter::{Kind, Parameter};
use super::problem::{Problems, below, instead};
use super::template::{Slot, Template};
use super::{Action, Body, Database, Query, Sql};
use crate::action::sql;

/// What is said of a first element that is no program.
const NO_PROGRAM: &str =
    "the first element is the program itself: a name such as `systemctl`, or a path from `/`";

/// Where a template stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Argument,
    Variable,
    Stdin,
    FollowUp,
}

struct Check<'a> {
    action: &'a Action,
    problems: &'a Problems,
    declared: &'a BTreeSet<String>,
    used: BTreeSet<&'a Name>,
}

/// Notes what stands where it may not. Parameters that are declared and could not be read are nobody's mistake twice, and what else could not
/// be read may use any.
pub(super) fn check(action: &Action, declared: &BTreeSet<String>, problems: &Problems) {
    let whole = problems.len() == 0;
    let mut check = Check {
        action,
        problems,
        declared,
        used: BTreeSet::new(),
    };
    let root = vec![action.name.action.to_string()];
    let at = |key: &str| below(&root, key);
    match &action.body {
        Body::Argv(argv) => check.arguments(&at("argv"), argv, true),
        Body::Script(script) => {
            if !script
                .with
                .first()
                .is_some_and(|program| is_program(program))
            {
                problems.push(&below(&below(&at("script"), "with"), 0), NO_PROGRAM);
            }
            let args = below(&at("script"), "args");
            check.arguments(&args, &script.args, false);
            // What stands before the arguments holds no placeholder.
            let before = script.with.len() + 1;
            let list = code::whole(&action.body);
            check.code(&list, "", |element| {
                below(&args, element.saturating_sub(before))
            });
            // It finds every value in its environment.
            let files = |parameter: &&Parameter| matches!(parameter.kind, Kind::File { .. });
            let all = action.parameters.values();
            check
                .used
                .extend(all.filter(|one| !files(one)).map(|one| &one.name));
        }
        Body::Query(query) => check.query(&at("query"), query),
    }
    for (key, list) in [("verify", &action.verify), ("dry", &action.dry)] {
        if let Some(list) = list {
            check.arguments(&at(key), list, true);
        }
    }
    for (name, template) in &action.env {
        if code::NAMES_PROGRAM.contains(&name.as_str())
            && let Some((slot, byte)) = template.slots().next()
        {
            let what =
                format!("`{name}` names a program that others run, and `{slot}` would choose it");
            problems.push_at(&below(&at("env"), name), byte, what);
        }
        check.template(&below(&at("env"), name), template, Room::Variable);
    }
    if let Some(stdin) = &action.stdin {
        check.stdin(&at("stdin"), stdin);
    }
    for (place, next) in action.then.iter().enumerate() {
        for (name, template) in &next.with {
            let path = below(&below(&below(&at("then"), place), "with"), name);
            check.template(&path, template, Room::FollowUp);
        }
    }
    for (key, parameter) in &action.parameters {
        if whole && !check.used.contains(&parameter.name) {
            let what = format!("`{key}` is used nowhere: write `{{{key}}}` where it belongs");
            problems.push_key(&below(&at("params"), key), what);
        }
    }
}

impl<'a> Check<'a> {
    /// An argument list; `whole` when its first element is the program.
    fn arguments(&mut self, path: &[String], list: &'a [Template], whole: bool) {
        for (place, template) in list.iter().enumerate() {
            self.template(&below(path, place), template, Room::Argument);
        }
        if !whole {
            return;
        }
        let Some(program) = list.first() else {
            return;
        };
        let literal = program.literal();
        if !literal.is_some_and(is_program) {
            self.problems.push(&below(path, 0), NO_PROGRAM);
        }
        self.code(list, "; use script, there it is \"$1\"", |element| {
            below(path, element)
        });
    }

    fn parameter(&self, slot: &Slot) -> Option<&'a Parameter> {
        match slot {
            Slot::Parameter(name) => self.action.parameters.get(name.as_str()),
            Slot::Host | Slot::Label(_) | Slot::Run => None,
        }
    }

    fn is_free(&self, slot: &Slot) -> bool {
        self.parameter(slot)
            .is_some_and(|parameter| parameter.kind.is_free())
    }

    fn template(&mut self, path: &[String], template: &'a Template, room: Room) {
        let mut several = 0;
        for (slot, at) in template.slots() {
            let Slot::Parameter(name) = slot else {
                if room == Room::FollowUp {
                    let what = format!(
                        "`{slot}` is another one on each host, and a button is for all of them"
                    );
                    self.problems.push_at(path, at, what);
                }
                continue;
            };
            let Some(parameter) = self.known(path, at, name) else {
                continue;
            };
            several += usize::from(parameter.many.is_some());
            let alone = template.alone().is_some();
            if let Some(what) = misplaced(
                parameter,
                room,
                alone,
                template.lead().is_empty() && at == 0,
            ) {
                self.problems.push_at(path, at, what);
            }
        }
        if several > 1 {
            self.problems.push(
                path,
                "two parameters that take several values stand in one element",
            );
        }
    }

    /// The parameter of a name; one that there is not is noted.
    fn known(&mut self, path: &[String], at: usize, name: &Name) -> Option<&'a Parameter> {
        let action = self.action;
        let found = action.parameters.get(name.as_str());
        match found {
            Some(parameter) => {
                self.used.insert(&parameter.name);
            }
            None if self.declared.contains(name.as_str()) => {}
            None => {
                let all = self.declared.iter().map(String::as_str);
                let near = match instead(name.as_str(), all.clone()).strip_prefix("; nearest: `") {
                    Some(near) => format!("; nearest: `{{{}}}`", near.trim_end_matches('`')),
                    None => instead(name.as_str(), all),
                };
                let what = format!("`{{{name}}}` is not a parameter of {}{near}", action.name);
                self.problems.push_at(path, at, what);
            }
        }
        found
    }

    fn stdin(&mut self, path: &[String], stdin: &'a Template) {
        self.template(path, stdin, Room::Stdin);
        self.stdin_code(path, stdin);
    }

    fn query(&mut self, path: &[String], query: &'a Query) {
        if let Database::Parameter(name) = &query.db
            && let Some(parameter) = self.known(&below(path, "db"), 0, name)
            && (!matches!(parameter.kind, Kind::Db) || parameter.optional)
        {
            let what = format!("`{{{name}}}` is no parameter of type `db` that must be given");
            self.problems.push(&below(path, "db"), what);
        }
        let path = below(path, "sql");
        match &query.sql {
            Sql::Parameter(name) => {
                if let Some(parameter) = self.known(&path, 0, name)
                    && (!matches!(parameter.kind, Kind::Sql { .. }) || parameter.optional)
                {
                    let what =
                        format!("`{{{name}}}` is no parameter of type `sql` that must be given");
                    self.problems.push(&path, what);
                }
            }
            Sql::Named(text) => match sql::binds(text) {
                Err(error) => self.problems.push_at(&path, error.at, error.what),
                Ok(binds) => {
                    for bind in binds {
                        self.bind(&path, bind.name, bind.at);
                    }
                }
            },
        }
    }

    fn bind(&mut self, path: &[String], name: &str, at: usize) {
        let action = self.action;
        let Some(parameter) = action.parameters.get(name) else {
            if self.declared.contains(name) {
                return;
            }
            let near = instead(name, action.parameters.keys().map(String::as_str));
            let what = format!("`:{name}` is not a parameter of {}{near}", action.name);
            self.problems.push_at(path, at, what);
            return;
        };
        self.used.insert(&parameter.name);
        let of = parameter.kind.of();
        let single = parameter.many.is_none() && !parameter.may_be_nothing();
        let fits = match parameter.kind {
            Kind::Bool { .. } | Kind::Sql { .. } | Kind::Secret | Kind::File { .. } => false,
            Kind::Int { .. }
            | Kind::Enum { .. }
            | Kind::Text { .. }
            | Kind::Duration { .. }
            | Kind::Size { .. }
            | Kind::Live { .. }
            | Kind::List { .. }
            | Kind::Project
            | Kind::Db
            | Kind::Host { .. }
            | Kind::Label { .. } => true,
        };
        if !fits {
            let what = format!("`:{name}` is of type `{of}`, which is no value in SQL");
            self.problems.push_at(path, at, what);
        } else if !single {
            let what = format!("`:{name}` is one value in SQL, and must have one");
            self.problems.push_at(path, at, what);
        }
    }
}

/// A program by its name, or by its whole path: not one below the folder where somebody happens to stand.
fn is_program(text: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    let path = text.starts_with('/') || !text.contains('/');
    !text.is_empty() && !text.starts_with('-') && path && text.chars().all(plain)
}

/// Why a parameter cannot stand in a template.
fn misplaced(parameter: &Parameter, room: Room, alone: bool, first: bool) -> Option<String> {
    let name = &parameter.name;
    let of = parameter.kind.of();
    let argument = room == Room::Argument;
    match &parameter.kind {
        Kind::Bool { flag } if argument => {
            if flag.is_none() {
                return Some(format!("`{name}` has no `flag` that it could become"));
            }
            if !alone {
                return Some(format!(
                    "`{name}` becomes a flag: it stands alone in its element"
                ));
            }
        }
        Kind::Bool { .. } if room != Room::FollowUp => {
            return Some(format!(
                "`{name}` is a bool, and stands in argument lists only"
            ));
        }
        Kind::Secret if argument => {
            return Some(format!(
                "everybody on the host can read arguments: give `{name}` in `env` or `stdin`"
            ));
        }
        Kind::File { .. } if room != Room::Stdin || !alone => {
            return Some(format!(
                "`{name}` is a file, and is all of `stdin` or nothing"
            ));
        }
        Kind::Secret | Kind::File { .. } if room == Room::FollowUp => {
            return Some(format!(
                "`{name}` is of type `{of}`, and is not kept for a button"
            ));
        }
        Kind::Sql { .. } => {
            return Some(format!(
                "`{name}` is SQL, and is the `sql` of a query or nothing"
            ));
        }
        Kind::Enum { of } if argument && first => {
            if let Some(dash) = of.iter().find(|choice| choice.starts_with('-')) {
                return Some(format!(
                    "`{dash}` of `{name}` would be read as an option: write text before it"
                ));
            }
        }
        Kind::Bool { .. }
        | Kind::Secret
        | Kind::File { .. }
        | Kind::Enum { .. }
        | Kind::Int { .. }
        | Kind::Text { .. }
        | Kind::Duration { .. }
        | Kind::Size { .. }
        | Kind::Live { .. }
        | Kind::List { .. }
        | Kind::Project
        | Kind::Db
        | Kind::Host { .. }
        | Kind::Label { .. } => {}
    }
    uncertain(parameter, room, alone)
}

/// Why what may be several values, or none, cannot stand in a template.
fn uncertain(parameter: &Parameter, room: Room, alone: bool) -> Option<String> {
    let name = &parameter.name;
    if parameter.many.is_some() && room != Room::Argument {
        return Some(format!(
            "`{name}` takes several values, which only an argument list holds"
        ));
    }
    if parameter.may_be_nothing() && !alone {
        return Some(format!(
            "without `{name}` this would be text with a hole in it: give it a `default`, or let it stand alone"
        ));
    }
    None
}
