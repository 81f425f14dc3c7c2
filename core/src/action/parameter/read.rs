//! Reads a parameter from its table.

use super::super::name::Name;
use super::super::problem::{instead, quoted};
use super::super::reader::{Reader, line_problem};
use super::super::value::Given;
use super::{
    ALLOW_MAX, Bound, CHOICES_MAX, ENDINGS_MAX, Glob, INT_MAX, Kind, Live, MANY_MAX, Parameter,
    Pattern, RESERVED, SQL_CHARS_MAX, TEXT_CHARS_MAX, Type,
};
use crate::ids::Labels;
use crate::limits::ATTACHMENT_BYTES_MAX;
use crate::output::sanitise::is_hidden;
use crate::selector::Selector;
use crate::text::{parse_duration, parse_size};

/// Characters of what people are told of a parameter: Discord takes 100.
const TITLE_CHARS_MAX: usize = 80;

/// Characters of a choice (Discord).
const CHOICE_CHARS_MAX: usize = 100;

/// Reads a parameter; what is wrong with it is noted.
pub(in super::super) fn parameter(key: &str, mut table: Reader<'_>) -> Option<Parameter> {
    let name = named(key, &table);
    let title = table.line("title", TITLE_CHARS_MAX).map(str::to_owned);
    let kind = kind(&mut table)?;
    let is_bool = matches!(kind, Kind::Bool { .. });
    let single = matches!(
        kind,
        Kind::Bool { .. } | Kind::Sql { .. } | Kind::Secret | Kind::File { .. }
    );
    let default = default(&mut table, &kind);
    let many = table
        .number("many", 2..=MANY_MAX)
        .and_then(|many| usize::try_from(many).ok());
    if many.is_some() && single {
        let of = kind.of();
        table.wrong("many", format!("a parameter of type {of} takes one value"));
    }
    let optional = table.boolean("optional").unwrap_or(false);
    if optional && is_bool {
        table.wrong(
            "optional",
            "a bool is false when nobody says it: leave `optional` out",
        );
    }
    if optional && default.is_some() {
        table.wrong(
            "optional",
            "what has a default is never left out: leave one of the two out",
        );
    }
    let parameter = Parameter {
        name: name?,
        title,
        kind,
        default,
        optional,
        many,
    };
    let problem = parameter.default.as_ref().and_then(|default| {
        let given = Given::Text(default.clone());
        parameter.check(&given).err()
    });
    if let Some(refused) = problem {
        table.wrong("default", refused.what.trim_end_matches('.').to_owned());
    }
    table.finish();
    Some(parameter)
}

fn named(key: &str, table: &Reader<'_>) -> Option<Name> {
    if RESERVED.contains(&key) {
        table.lacks(format!(
            "`{key}` means something else: call the parameter otherwise"
        ));
        return None;
    }
    key.parse()
        .map_err(|error: super::super::name::NameError| table.lacks(error.to_string()))
        .ok()
}

fn default(table: &mut Reader<'_>, kind: &Kind) -> Option<String> {
    match kind {
        Kind::Bool { .. } => table.boolean("default").map(|is| is.to_string()),
        Kind::Int { .. } => table
            .number("default", -INT_MAX..=INT_MAX)
            .map(|n| n.to_string()),
        Kind::Sql { .. } | Kind::Secret | Kind::File { .. } => {
            if table.any("default").is_some() {
                let of = kind.of();
                table.wrong(
                    "default",
                    format!("a parameter of type {of} has no default"),
                );
            }
            None
        }
        Kind::Enum { .. }
        | Kind::Text { .. }
        | Kind::Duration { .. }
        | Kind::Size { .. }
        | Kind::Live { .. }
        | Kind::List { .. }
        | Kind::Project
        | Kind::Db
        | Kind::Host { .. }
        | Kind::Label { .. } => table.text("default").map(str::to_owned),
    }
}

fn kind(table: &mut Reader<'_>) -> Option<Kind> {
    if !table.has("type") {
        table.lacks("this parameter has no `type`");
        return None;
    }
    let typed = table.text("type")?;
    let Ok(of) = typed.parse::<Type>() else {
        let all = Type::ALL.iter().map(|of| of.as_str());
        table.wrong(
            "type",
            format!("{} is no type{}", quoted(typed), instead(typed, all)),
        );
        return None;
    };
    Some(match of {
        Type::Bool => Kind::Bool {
            flag: table.line("flag", CHOICE_CHARS_MAX).map(str::to_owned),
        },
        Type::Int => int(table),
        Type::Enum => Kind::Enum { of: choices(table) },
        Type::Text => Kind::Text {
            pattern: table.parsed("pattern", Pattern::parse),
            max: chars(table, TEXT_CHARS_MAX),
        },
        Type::Duration => {
            let (min, max) = bounds(table, "a time, such as \"5m\"", parse_duration);
            Kind::Duration { min, max }
        }
        Type::Size => {
            let (min, max) = bounds(table, "a size, such as \"16m\"", size);
            Kind::Size { min, max }
        }
        Type::Service => live(table, Live::Service),
        Type::Container => live(table, Live::Container),
        Type::Mount => live(table, Live::Mount),
        Type::List => {
            if !table.has("of") {
                table.lacks("a list has `of`, the name of the list");
            }
            let of = table.parsed("of", str::parse::<Name>)?;
            Kind::List { of }
        }
        Type::Project => Kind::Project,
        Type::Db => Kind::Db,
        Type::Host => Kind::Host {
            on: selector(table, "on"),
        },
        Type::Label => {
            if !table.has("key") {
                table.lacks("a label has `key`, such as \"env\"");
            }
            let key = table.parsed("key", |key| {
                let labelled = Labels::default().insert(key, "x");
                labelled.map_err(|_| format!("{} is not the key of a label", quoted(key)))?;
                Ok::<_, String>(key.to_owned())
            })?;
            Kind::Label { key }
        }
        Type::Sql => Kind::Sql {
            max: chars(table, SQL_CHARS_MAX),
        },
        Type::Secret => Kind::Secret,
        Type::File => file(table),
    })
}

fn int(table: &mut Reader<'_>) -> Kind {
    let min = table.number("min", -INT_MAX..=INT_MAX);
    let max = table.number("max", -INT_MAX..=INT_MAX);
    let (least, most) = (min.unwrap_or(0), max.unwrap_or(INT_MAX));
    if least > most {
        table.wrong("min", format!("no number is from {least} to {most}"));
    }
    Kind::Int {
        min: least,
        max: most,
    }
}

fn chars(table: &mut Reader<'_>, most: i64) -> usize {
    let max = table.number("max", 1..=most).unwrap_or(most);
    usize::try_from(max).unwrap_or_default()
}

fn choices(table: &mut Reader<'_>) -> Vec<String> {
    if !table.has("of") {
        table.lacks("an enum has `of`, the list of its choices");
    }
    let mut of: Vec<String> = Vec::new();
    for (path, choice) in table.texts("of").unwrap_or_default() {
        if let Some((at, why)) = line_problem(choice, CHOICE_CHARS_MAX) {
            let what = format!("this choice {why}");
            table.problems.push_at(&path, at, what);
        } else if of.iter().any(|other| other == choice) {
            let what = format!("{} stands here twice", quoted(choice));
            table.problems.push(&path, what);
        }
        of.push(choice.to_owned());
    }
    if of.len() > CHOICES_MAX {
        let what = format!(
            "an enum has {CHOICES_MAX} choices at most, this one {}",
            of.len()
        );
        table.wrong("of", what);
    }
    of
}

fn bounds(
    table: &mut Reader<'_>,
    wanted: &str,
    parse: impl Fn(&str) -> Option<u64>,
) -> (Option<Bound>, Option<Bound>) {
    let mut bound = |key| {
        table.parsed(key, |typed| {
            let value = parse(typed).ok_or_else(|| format!("{} is not {wanted}", quoted(typed)))?;
            let typed = typed.to_owned();
            Ok::<_, String>(Bound { value, typed })
        })
    };
    let (min, max) = (bound("min"), bound("max"));
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        let what = format!("nothing is from {} to {}", min.typed, max.typed);
        table.wrong("min", what);
    }
    (min, max)
}

/// A size as it is typed, or as it is shown: `8m`, `8MiB`.
fn size(text: &str) -> Option<u64> {
    let short = ["KiB", "MiB", "GiB", "TiB"].iter().find_map(|unit| {
        let number = text.strip_suffix(unit)?;
        let letter = unit.chars().next()?.to_ascii_lowercase();
        Some(format!("{}{letter}", number.trim_end()))
    });
    parse_size(short.as_deref().unwrap_or(text))
}

fn live(table: &mut Reader<'_>, what: Live) -> Kind {
    let mut allow = Vec::new();
    for (path, glob) in table.texts("allow").unwrap_or_default() {
        let plain = glob.replace('*', "x");
        let named = match what {
            Live::Mount => format!("/{}", plain.trim_start_matches('/')),
            Live::Service | Live::Container => plain,
        };
        if let Some(why) = what.problem(&named) {
            table
                .problems
                .push(&path, format!("{} {why}", quoted(glob)));
        }
        allow.push(Glob::new(glob));
    }
    if allow.len() > ALLOW_MAX {
        table.wrong("allow", format!("`allow` holds {ALLOW_MAX} at most"));
    }
    Kind::Live { what, allow }
}

fn file(table: &mut Reader<'_>) -> Kind {
    let most = ATTACHMENT_BYTES_MAX as u64;
    let max = table.parsed("max", |typed| {
        let value = size(typed).filter(|bytes| (1..=most).contains(bytes));
        let typed = typed.to_owned();
        let bad = || {
            format!(
                "{} is no size from 1k to 10m, such as \"8m\"",
                quoted(&typed)
            )
        };
        let value = value.ok_or_else(bad)?;
        Ok::<_, String>(Bound { value, typed })
    });
    let mut ext = Vec::new();
    for (path, ending) in table.texts("ext").unwrap_or_default() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
        let good = ending.len() <= 20
            && ending.strip_prefix('.').is_some_and(|rest| {
                !rest.is_empty() && rest.chars().all(plain) && !rest.contains("..")
            });
        if !good {
            let what = format!("{} is no ending, such as \".sql\"", quoted(ending));
            table.problems.push(&path, what);
        }
        ext.push(ending.to_owned());
    }
    if ext.len() > ENDINGS_MAX {
        table.wrong(
            "ext",
            format!("`ext` holds {ENDINGS_MAX} at most (Discord)"),
        );
    }
    let standard = Bound {
        value: most,
        typed: "10m".to_owned(),
    };
    Kind::File {
        max: max.unwrap_or(standard),
        ext,
    }
}

/// The selector of a key, by names and labels as in grants.
pub(in super::super) fn selector(table: &mut Reader<'_>, key: &'static str) -> Option<Selector> {
    let text = table.text(key)?;
    match Selector::parse_for_grant(text) {
        Ok(selector) => Some(selector),
        Err(errors) => {
            for error in errors {
                let hint = match error.hint.as_str() {
                    "" => String::new(),
                    hint => format!(": {hint}"),
                };
                let shown = error
                    .kind
                    .to_string()
                    .replace("a grant", "`on` of an action");
                let shown: String = shown.chars().filter(|c| !is_hidden(*c)).collect();
                let path = table.at(key);
                table
                    .problems
                    .push_at(&path, error.start, format!("{shown}{hint}"));
            }
            None
        }
    }
}
