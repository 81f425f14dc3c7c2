//! What people read of a catalogue: an action in words, and all of them as Markdown for a wiki.

use shanty_core::action::parameter::{Bound, Glob, Kind, Live, Parameter};
use shanty_core::action::{Action, Body, Catalogue, Danger};
use shanty_core::text::{count, duration, typed_duration};

/// What an action does to a host, for people.
#[must_use]
pub const fn danger(danger: Danger) -> &'static str {
    match danger {
        Danger::Read => "read: looks only",
        Danger::Change => "change: what it does can be changed back",
        Danger::Danger => "danger: may lose something, or stop something for all",
    }
}

/// The first digits of a digest, as it is shown.
#[must_use]
pub fn short(digest: &[u8; 32]) -> String {
    digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// What a parameter takes, for people.
#[must_use]
pub fn takes(kind: &Kind) -> String {
    match kind {
        Kind::Bool { .. } => "true or false".to_owned(),
        Kind::Int { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Enum { of } => format!("one of {}", list(of.iter().map(String::as_str))),
        Kind::Text { pattern, max } => match pattern {
            Some(pattern) => format!(
                "text like {}, at most {}",
                pattern.as_str(),
                count(*max, "character")
            ),
            None => format!("text of at most {}", count(*max, "character")),
        },
        Kind::Duration { min, max } => format!("a time{}", within(min.as_ref(), max.as_ref())),
        Kind::Size { min, max } => format!("a size{}", within(min.as_ref(), max.as_ref())),
        Kind::Live { what, allow } => {
            let what = match what {
                Live::Service => "a unit of the host",
                Live::Container => "a container of the host",
                Live::Mount => "the path of a mounted file system",
            };
            match allow.is_empty() {
                true => what.to_owned(),
                false => format!("{what}, of {}", list(allow.iter().map(Glob::as_str))),
            }
        }
        Kind::List { of } => format!("a line of the host's list {of}"),
        Kind::Project => "a project of the host".to_owned(),
        Kind::Db => "a database of the host".to_owned(),
        Kind::Host { on: Some(on) } => format!("a host of {on}"),
        Kind::Host { on: None } => "a host".to_owned(),
        Kind::Label { key } => format!("a value of the label {key}"),
        Kind::Sql { max } => format!("SQL of at most {}", count(*max, "character")),
        Kind::Secret => "a secret".to_owned(),
        Kind::File { max, ext } => match ext.is_empty() {
            true => format!("a file of at most {}", max.typed),
            false => format!(
                "a file {} of at most {}",
                list(ext.iter().map(String::as_str)),
                max.typed
            ),
        },
    }
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 12;
    let words: Vec<&str> = words.collect();
    let shown = words
        .iter()
        .take(SHOWN_MAX)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match words.len().checked_sub(SHOWN_MAX) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        Some(_) | None => shown,
    }
}

fn within(min: Option<&Bound>, max: Option<&Bound>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!(" from {} to {}", min.typed, max.typed),
        (Some(min), None) => format!(" of at least {}", min.typed),
        (None, Some(max)) => format!(" of at most {}", max.typed),
        (None, None) => String::new(),
    }
}

/// When a parameter need not be said, for people; empty when it must be.
#[must_use]
pub fn left_out(parameter: &Parameter) -> String {
    match (&parameter.default, &parameter.kind) {
        (Some(default), _) => format!("{default} when nobody says it"),
        (None, Kind::Bool { .. }) => "false when nobody says it".to_owned(),
        (None, _) if parameter.optional => "may be left out".to_owned(),
        (None, _) => String::new(),
    }
}

/// A value that a parameter could be given, for examples.
fn example(parameter: &Parameter) -> String {
    if let Some(default) = &parameter.default {
        return default.clone();
    }
    match &parameter.kind {
        Kind::Bool { .. } => "true".to_owned(),
        Kind::Int { min, .. } => min.to_string(),
        Kind::Enum { of } => of.first().cloned().unwrap_or_default(),
        Kind::Duration { min, .. } => min.as_ref().map_or("5m", |min| &min.typed).to_owned(),
        Kind::Size { min, .. } => min.as_ref().map_or("16m", |min| &min.typed).to_owned(),
        Kind::Live { what, allow } => {
            let named = match what {
                Live::Service => "nginx.service",
                Live::Container => "web-1",
                Live::Mount => "/var",
            };
            let fits = allow.is_empty() || allow.iter().any(|glob| glob.matches(named));
            match (fits, allow.first()) {
                (false, Some(glob)) => glob.as_str().to_owned(),
                (true, _) | (false, None) => named.to_owned(),
            }
        }
        Kind::Host { .. } => "web-01".to_owned(),
        Kind::Text { .. }
        | Kind::List { .. }
        | Kind::Project
        | Kind::Db
        | Kind::Label { .. }
        | Kind::Sql { .. }
        | Kind::Secret
        | Kind::File { .. } => format!("<{}>", parameter.name),
    }
}

/// What somebody would type in chat: those parameters that must be said.
#[must_use]
pub fn typed(action: &Action) -> String {
    let must: Vec<&Parameter> = action
        .in_order()
        .into_iter()
        .filter(|parameter| !parameter.may_be_left_out())
        .collect();
    let on = action
        .on
        .as_ref()
        .map_or_else(|| "web-01".to_owned(), ToString::to_string);
    let pairs = |between: &str, joint: &str| {
        let pairs = must
            .iter()
            .map(|one| format!("{}{between}{}", one.name, example(one)));
        pairs.collect::<Vec<_>>().join(joint)
    };
    let line = match &action.slash {
        Some(slash) => format!("/{slash} {} on:{on}", pairs(":", " ")),
        None => {
            let args = match must.is_empty() {
                true => String::new(),
                false => format!(" args:{}", pairs("=", " ")),
            };
            format!("/do action:{} on:{on}{args}", action.name)
        }
    };
    line.replace("  ", " ")
}

/// What runs, as its author wrote it.
#[must_use]
pub fn body(action: &Action) -> String {
    match &action.body {
        Body::Argv(argv) => joined(argv),
        Body::Script(script) => {
            let args: Vec<String> = script.args.iter().map(ToString::to_string).collect();
            let bytes = count(script.bytes.len(), "byte");
            let run = [
                &script.with[..],
                std::slice::from_ref(&script.file),
                &args[..],
            ]
            .concat();
            format!("{} ({bytes})", run.join(" "))
        }
        Body::Query(query) => {
            let table = action.definition();
            let written = table
                .get("query")
                .map(|node| node.written(shanty_core::action::Form::Toml));
            format!(
                "query of at most {}: {}",
                count(query.rows as usize, "row"),
                written.unwrap_or_default()
            )
        }
    }
}

/// Elements beside one another: those that hold spaces in quotes.
pub fn joined(elements: &[impl ToString]) -> String {
    let quoted = elements.iter().map(|element| {
        let text = element.to_string();
        match text.is_empty()
            || text.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
        {
            true => format!("{text:?}"),
            false => text,
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// On which hosts an action may be used.
#[must_use]
pub fn hosts(action: &Action) -> String {
    let on = action.on.as_ref().map(ToString::to_string);
    format!(
        "{}{}",
        on.as_deref().unwrap_or("any hosts"),
        at_once(action)
    )
}

fn at_once(action: &Action) -> String {
    let most = action.on_max.map(|most| count(most as usize, "host"));
    most.map_or_else(String::new, |most| format!(", at most {most} at once"))
}

/// The same as Markdown.
fn hosts_marked(action: &Action) -> String {
    match &action.on {
        Some(on) => format!("{}{}", code(&on.to_string()), at_once(action)),
        None => hosts(action),
    }
}

/// How long it may take.
#[must_use]
pub fn time(action: &Action) -> Option<String> {
    action
        .timeout_ms
        .map(|ms| format!("at most {}", duration(ms)))
}

/// The order of hosts.
#[must_use]
pub fn plan(action: &Action) -> Option<String> {
    let plan = action.plan.as_ref()?;
    let typed = plan.typed();
    let said = typed.filter_map(|(option, text)| Some(format!("{} {}", option.name(), text?)));
    Some(said.collect::<Vec<_>>().join(", "))
}

/// A catalogue as a page of Markdown.
#[must_use]
pub fn markdown(catalogue: &Catalogue) -> String {
    let mut page = String::from(
        "# Actions\n\n| action | what it does | danger | hosts |\n|---|---|---|---|\n",
    );
    for action in catalogue.iter() {
        let name = action.name.to_string();
        let anchor = name.replace('.', "");
        page.push_str(&format!(
            "| [{name}](#{anchor}) | {} | {} | {} |\n",
            cell(&action.told()),
            action.danger.as_str(),
            hosts_marked(action),
        ));
    }
    for action in catalogue.iter() {
        page.push('\n');
        page.push_str(&section(action));
    }
    page
}

fn section(action: &Action) -> String {
    let mut text = format!(
        "## {}\n\n{}.\n\n",
        action.name,
        escaped(action.told().trim_end_matches('.'))
    );
    if let Some(doc) = &action.doc {
        // Its author writes Markdown; a heading of theirs is no heading of the page.
        for line in doc.trim().lines() {
            let under = if line.starts_with('#') { "##" } else { "" };
            text.push_str(&format!("{under}{line}\n"));
        }
        text.push('\n');
    }
    if !action.parameters.is_empty() {
        text.push_str(
            "| parameter | what it is | takes | when nobody says it |\n|---|---|---|---|\n",
        );
        for parameter in action.in_order() {
            let many = parameter
                .many
                .map_or_else(String::new, |many| format!(", up to {many} of them"));
            let left_out = match left_out(parameter).as_str() {
                "" => "must be said".to_owned(),
                said => said.trim_end_matches(" when nobody says it").to_owned(),
            };
            text.push_str(&format!(
                "| `{}` | {} | {}{many} | {} |\n",
                parameter.name,
                cell(parameter.title.as_deref().unwrap_or("")),
                cell(&takes(&parameter.kind)),
                cell(&left_out),
            ));
        }
        text.push('\n');
    }
    let mut facts = vec![danger(action.danger).to_owned()];
    facts.push(format!("hosts: {}", hosts_marked(action)));
    facts.extend(
        action
            .run_as
            .as_ref()
            .map(|user| format!("runs as `{user}`")),
    );
    facts.extend(
        action
            .timeout_ms
            .map(|ms| format!("time: {}", typed_duration(ms))),
    );
    facts.extend(plan(action).map(|plan| format!("order: {}", cell(&plan))));
    facts.push(format!("digest: `{}`", short(&action.digest())));
    for fact in facts {
        text.push_str(&format!("- {fact}\n"));
    }
    text.push_str(&format!("\nRuns: {}\n", code(&body(action))));
    text
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    escaped(&text.replace('\n', " ")).replace('|', "\\|")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// Text as code, with as many backticks as it needs; `|` in a table ends a cell also there.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    let text = text.replace('\n', "\\n").replace('|', "\\|");
    format!("{fence}{pad}{text}{pad}{fence}")
}
