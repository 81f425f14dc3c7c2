//! Reads an action from its table: keys, types and bounds. What may stand where is asked in [`super::place`].

mod body;

use std::collections::{BTreeMap, BTreeSet};

use super::follow::{FollowUp, LABEL_CHARS_MAX, THEN_MAX, When};
use super::name::{ActionName, Name};
use super::node::Node;
use super::parameter::{PARAMETERS_MAX, Parameter, parameter};
use super::place;
use super::problem::{Problem, Problems, below, instead, quoted};
use super::reader::Reader;
use super::template::Template;
use super::{Action, Body, Danger, ELEMENTS_MAX, Scripts, Slash, View};
use crate::limits::TIMEOUT_MS_MAX;
use crate::order::Variable;
use crate::run::Rollout;
use crate::text::parse_duration;

/// Characters of a title.
const TITLE_CHARS_MAX: usize = 80;

/// Bytes of a documentation.
const DOC_BYTES_MAX: usize = 4 * 1024;

/// Variables that an action sets.
const ENV_MAX: usize = 64;

pub(super) fn action(
    name: ActionName,
    table: &BTreeMap<String, Node>,
    scripts: Scripts<'_>,
) -> Result<Action, Vec<Problem>> {
    let problems = Problems::default();
    let path = vec![name.action.to_string()];
    let mut table = Reader::new(path, table, &problems);
    let title = table.line("title", TITLE_CHARS_MAX).map(str::to_owned);
    let doc = doc(&mut table);
    let danger = danger(&mut table);
    let slash = table.parsed("slash", slash);
    let on = super::parameter::selector(&mut table, "on");
    let on_max = table
        .number("on_max", 1..=100_000)
        .and_then(|most| u32::try_from(most).ok());
    let run_as = table.parsed("run_as", user);
    let timeout_ms = table.parsed("timeout", timeout);
    let plan = table.table("plan").and_then(plan);
    let (parameters, declared) = parameters(&mut table);
    let body = body::body(&mut table, scripts);
    let verify = templates(&mut table, "verify");
    let dry = templates(&mut table, "dry");
    let then = then(&mut table);
    let view = view(&mut table);
    let env = env(&mut table);
    let stdin = template(&mut table, "stdin");
    table.finish();
    let action = Action {
        name,
        title,
        doc,
        danger: danger.unwrap_or(Danger::Danger),
        slash,
        on,
        on_max,
        run_as,
        timeout_ms,
        plan,
        parameters,
        body: body.unwrap_or_else(|| Body::Argv(Vec::new())),
        verify,
        dry,
        then,
        view,
        env,
        stdin,
    };
    place::check(&action, &declared, &problems);
    match problems.len() {
        0 => Ok(action),
        _ => Err(problems.into_inner()),
    }
}

fn doc(table: &mut Reader<'_>) -> Option<String> {
    let doc = table.text("doc")?;
    if doc.len() > DOC_BYTES_MAX {
        table.wrong("doc", "`doc` is longer than 4 KiB");
    }
    Some(doc.to_owned())
}

fn danger(table: &mut Reader<'_>) -> Option<Danger> {
    if !table.has("danger") {
        let what = "`danger` is missing: \"read\" looks only, \"change\" can be changed back, \"danger\" may lose something";
        table.lacks(what);
    }
    let all = Danger::ALL;
    one_of(table, "danger", all.map(|danger| (danger.as_str(), danger)))
}

fn view(table: &mut Reader<'_>) -> View {
    let all = View::ALL.map(|view| (view.as_str(), view));
    one_of(table, "view", all).unwrap_or_default()
}

/// A word of a few.
fn one_of<T: Copy, const N: usize>(
    table: &mut Reader<'_>,
    key: &'static str,
    all: [(&'static str, T); N],
) -> Option<T> {
    table.parsed(key, |text| {
        let found = all.iter().find(|(word, _)| *word == text);
        let words = all.iter().map(|(word, _)| *word);
        found
            .map(|(_, is)| *is)
            .ok_or_else(|| format!("{} is none here{}", quoted(text), instead(text, words)))
    })
}

/// One or two words that Discord takes for the name of a command.
fn slash(text: &str) -> Result<Slash, String> {
    let plain = |word: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        (1..=32).contains(&word.len()) && word.bytes().all(inner)
    };
    let mut words = text.split(' ');
    let command = words.next().unwrap_or_default();
    let sub = words.next();
    if words.next().is_some() || !plain(command) || !sub.is_none_or(plain) {
        return Err(format!(
            "{} is no command of Discord: one word of a-z, 0-9, `-` and `_`, or two for a subcommand",
            quoted(text)
        ));
    }
    Ok(Slash {
        command: command.to_owned(),
        sub: sub.map(str::to_owned),
    })
}

fn user(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let good = (1..=32).contains(&text.len())
        && !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.'))
        && text.bytes().all(plain);
    good.then(|| text.to_owned())
        .ok_or_else(|| format!("{} is not the name of a user", quoted(text)))
}

fn timeout(text: &str) -> Result<u64, String> {
    let ms = parse_duration(text).filter(|ms| (1..=TIMEOUT_MS_MAX).contains(ms));
    ms.ok_or_else(|| format!("{} is no time from 1s to 24h, such as \"5m\"", quoted(text)))
}

fn plan(mut table: Reader<'_>) -> Option<Rollout> {
    let batch = table.text("batch");
    let parallel = table.text("parallel");
    let max_fail = table.text("max_fail");
    let pause = table.text("pause");
    let parsed = Rollout::parse(batch, parallel, max_fail, pause);
    let plan = match parsed {
        Ok(Some(plan)) => Some(plan),
        Ok(None) => {
            table.lacks("a plan has `batch` or `parallel`: without them all hosts start at once");
            None
        }
        Err(bad) => {
            table.lacks(bad.to_string());
            None
        }
    };
    table.finish();
    plan
}

/// The parameters that could be read, and the names of all.
fn parameters(table: &mut Reader<'_>) -> (BTreeMap<String, Parameter>, BTreeSet<String>) {
    let Some(all) = table.table("params") else {
        return (BTreeMap::new(), BTreeSet::new());
    };
    let mut parameters = BTreeMap::new();
    for (key, node) in all.entries() {
        let path = all.at(key);
        let Node::Table(node) = node else {
            let what = format!(
                "a parameter is a table, such as {{ type = \"text\" }}, and this is {}",
                node.kind()
            );
            all.problems.push(&path, what);
            continue;
        };
        let reader = Reader::new(path, node, all.problems);
        if let Some(parameter) = parameter(key, reader) {
            parameters.insert(key.clone(), parameter);
        }
    }
    let count = all.entries().count();
    if count > PARAMETERS_MAX {
        all.lacks(format!(
            "an action has {PARAMETERS_MAX} parameters at most, this one {count}"
        ));
    }
    let declared = all.entries().map(|(key, _)| key.clone());
    (parameters, declared.collect())
}

/// A list of templates: an argument list, whose first element is literal.
pub(super) fn templates(table: &mut Reader<'_>, key: &'static str) -> Option<Vec<Template>> {
    let texts = table.texts(key)?;
    if texts.len() > ELEMENTS_MAX {
        let what = format!(
            "`{key}` has {ELEMENTS_MAX} elements at most, this one {}",
            texts.len()
        );
        table.wrong(key, what);
    }
    let mut templates = Vec::new();
    for (path, text) in texts {
        // What is no text is passed over: others keep their place.
        let place = path.last().and_then(|place| place.parse().ok());
        templates.resize(place.unwrap_or_default(), Template::plain("x"));
        if let Some((at, c)) = text.char_indices().find(|(_, c)| *c == '\0') {
            table
                .problems
                .push_at(&path, at, format!("holds U+{:04X}", u32::from(c)));
        }
        match Template::parse(text) {
            Ok(template) => templates.push(template),
            Err(error) => {
                table.problems.push_at(&path, error.at, error.what);
                // In its place: others keep theirs.
                templates.push(Template::plain("x"));
            }
        }
    }
    Some(templates)
}

pub(super) fn template(table: &mut Reader<'_>, key: &'static str) -> Option<Template> {
    let text = table.text(key)?;
    match Template::parse(text) {
        Ok(template) => Some(template),
        Err(error) => {
            let path = table.at(key);
            table.problems.push_at(&path, error.at, error.what);
            None
        }
    }
}

/// The templates of a table, by key.
fn named<'a>(table: &Reader<'a>) -> Vec<(Vec<String>, &'a str, Template)> {
    let mut named = Vec::new();
    for (key, node) in table.entries() {
        let path = table.at(key);
        match node.as_text().map(Template::parse) {
            Some(Ok(template)) => named.push((path, key.as_str(), template)),
            Some(Err(error)) => table.problems.push_at(&path, error.at, error.what),
            None => {
                let what = format!("takes a text in quotes, and this is {}", node.kind());
                table.problems.push(&path, what);
            }
        }
    }
    named
}

fn env(table: &mut Reader<'_>) -> BTreeMap<String, Template> {
    let Some(table) = table.table("env") else {
        return BTreeMap::new();
    };
    let mut env = BTreeMap::new();
    for (path, key, template) in named(&table) {
        if let Err(error) = Variable::new(key.to_owned(), String::new()) {
            table.problems.push_key(&path, error.to_string());
        }
        env.insert(key.to_owned(), template);
    }
    if env.len() > ENV_MAX {
        table.lacks(format!("an action sets {ENV_MAX} variables at most"));
    }
    env
}

fn then(table: &mut Reader<'_>) -> Vec<FollowUp> {
    let tables = table.tables("then");
    if tables.len() > THEN_MAX {
        let what = format!(
            "`then` has {THEN_MAX} entries at most, this one {}",
            tables.len()
        );
        table.wrong("then", what);
    }
    tables.into_iter().filter_map(follow_up).collect()
}

fn follow_up(mut table: Reader<'_>) -> Option<FollowUp> {
    for key in ["label", "do"] {
        if !table.has(key) {
            table.lacks(format!("`{key}` is missing"));
        }
    }
    let label = table.line("label", LABEL_CHARS_MAX).map(str::to_owned);
    let action = table.parsed("do", str::parse::<ActionName>);
    let whens = [("ok", When::Ok), ("failed", When::Failed)];
    let when = one_of(&mut table, "when", whens).unwrap_or_default();
    let mut with = BTreeMap::new();
    if let Some(given) = table.table("with") {
        for (path, key, template) in named(&given) {
            match key.parse::<Name>() {
                Ok(name) => drop(with.insert(name, template)),
                Err(error) => given
                    .problems
                    .push_key(&below(&path, ""), error.to_string()),
            }
        }
    }
    table.finish();
    Some(FollowUp {
        label: label?,
        action: action?,
        with,
        when,
    })
}
