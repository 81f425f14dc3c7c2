//! What an action becomes on a host: the one function that whoever shows it and whoever runs it share.
//!
//! A value is never read by a shell here: it stays bytes in one element. What could be taken for something else is refused.

use bytes::Bytes;

use crate::ids::{HostName, Labels, RunNumber};
use crate::order::Variable;
use crate::output::sanitise::is_hidden;
use crate::refusal::{Code, Refusal};
use crate::text::{shown, thousands};

use super::parameter::Kind;
use super::sql;
use super::template::{Part, Slot, Template};
use super::value::{Value, Values, refusal};
use super::{Action, Body, Database, ELEMENTS_MAX, EXPANDED_BYTES_MAX, Query, Sql};

/// Where a script is read: it is bytes in memory, and no file of the host.
pub const SCRIPT_PATH: &str = "/dev/fd/3";

/// What placeholders may know of a host.
#[derive(Clone, Copy, Debug)]
pub struct HostFacts<'a> {
    /// Its name.
    pub host: &'a HostName,
    /// Its labels.
    pub labels: &'a Labels,
    /// The run.
    pub run: RunNumber,
}

/// What runs on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expanded {
    /// The program and its arguments; empty for a query, whose client the host knows.
    pub argv: Vec<String>,
    /// What says afterwards whether it is well.
    pub verify: Option<Vec<String>>,
    /// What shows beforehand what it would do.
    pub dry: Option<Vec<String>>,
    /// Variables of its environment.
    pub env: Vec<Variable>,
    /// Those of them that hold a secret.
    pub secret_env: Vec<String>,
    /// Its standard input.
    pub stdin: Option<Bytes>,
    /// Whether that holds a secret.
    pub secret_stdin: bool,
    /// What stands at [`SCRIPT_PATH`].
    pub script: Option<Bytes>,
    /// A question to a database of the host.
    pub query: Option<ExpandedQuery>,
}

/// A question to a database, whose values are not in its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandedQuery {
    /// The database, by its name on the host.
    pub db: String,
    /// What is asked.
    pub sql: String,
    /// Whether somebody typed that.
    pub is_typed: bool,
    /// What stands for `:name`, in the order of the names in the text.
    pub values: Vec<(String, String)>,
    /// Most rows.
    pub rows: u32,
}

/// Expands an action for a host.
///
/// # Errors
/// A value that would be taken for an option, a label that the host does not have, or more than fits.
pub fn expand(action: &Action, values: &Values, host: &HostFacts<'_>) -> Result<Expanded, Refusal> {
    let expansion = Expansion {
        action,
        values,
        host,
    };
    let mut script = None;
    let mut query = None;
    let argv = match &action.body {
        Body::Argv(argv) => expansion.arguments(argv)?,
        Body::Script(body) => {
            script = Some(body.bytes.clone());
            let mut argv = body.with.clone();
            argv.push(SCRIPT_PATH.to_owned());
            argv.extend(expansion.arguments(&body.args)?);
            argv
        }
        Body::Query(asked) => {
            query = Some(expansion.query(asked)?);
            Vec::new()
        }
    };
    let list = |list: &Option<Vec<Template>>| {
        let list = list.as_ref();
        list.map(|list| expansion.arguments(list)).transpose()
    };
    let (env, secret_env) = expansion.environment()?;
    let stdin = match &action.stdin {
        Some(stdin) => expansion.stdin(stdin)?,
        None => None,
    };
    let secret_stdin = action
        .stdin
        .iter()
        .any(|stdin| expansion.holds_secret(stdin));
    let expanded = Expanded {
        argv,
        verify: list(&action.verify)?,
        dry: list(&action.dry)?,
        env,
        secret_env,
        stdin,
        secret_stdin,
        script,
        query,
    };
    fits(action, &expanded)?;
    Ok(expanded)
}

fn fits(action: &Action, expanded: &Expanded) -> Result<(), Refusal> {
    let env = expanded
        .env
        .iter()
        .map(|v| v.name().len() + v.value().len() + 2);
    let env: usize = env.sum();
    let lists = [
        Some(&expanded.argv),
        expanded.verify.as_ref(),
        expanded.dry.as_ref(),
    ];
    for list in lists.into_iter().flatten() {
        if list.len() > ELEMENTS_MAX {
            let what = format!(
                "{} becomes {} arguments, over the limit of {ELEMENTS_MAX}",
                action.name,
                list.len()
            );
            return Err(refusal(&what));
        }
        let bytes = env + list.iter().map(|element| element.len() + 1).sum::<usize>();
        if bytes > EXPANDED_BYTES_MAX {
            let (is, most) = (
                thousands(bytes as u64),
                thousands(EXPANDED_BYTES_MAX as u64),
            );
            let what = format!(
                "{} becomes {is} bytes, over the limit of {most}",
                action.name
            );
            return Err(refusal(&what));
        }
    }
    Ok(())
}

struct Expansion<'a> {
    action: &'a Action,
    values: &'a Values,
    host: &'a HostFacts<'a>,
}

impl Expansion<'_> {
    fn arguments(&self, list: &[Template]) -> Result<Vec<String>, Refusal> {
        let mut arguments = Vec::new();
        for template in list {
            self.element(template, &mut arguments)?;
        }
        Ok(arguments)
    }

    /// One element: one argument, or none for a parameter that was left out, or one for each of several values.
    fn element(&self, template: &Template, out: &mut Vec<String>) -> Result<(), Refusal> {
        let several = template.slots().find_map(|(slot, _)| match slot {
            Slot::Parameter(name) => {
                let parameter = self.action.parameters.get(name.as_str())?;
                parameter.many.map(|_| name)
            }
            Slot::Host | Slot::Label(_) | Slot::Run => None,
        });
        if let Some(name) = template.alone() {
            match self.values.of(name) {
                [] => return Ok(()),
                [Value::Flag(is)] => {
                    let kind = self.action.parameters.get(name.as_str());
                    if let (true, Some(Kind::Bool { flag: Some(flag) })) =
                        (*is, kind.map(|parameter| &parameter.kind))
                    {
                        out.push(flag.clone());
                    }
                    return Ok(());
                }
                _ => {}
            }
        }
        let times = several.map_or(1, |name| self.values.of(name).len());
        for which in 0..times {
            let text = self.text(template, which)?;
            self.is_no_option(template, &text)?;
            out.push(text);
        }
        Ok(())
    }

    /// A value that begins an argument is no option.
    fn is_no_option(&self, template: &Template, text: &str) -> Result<(), Refusal> {
        let first = template.parts().first();
        match first {
            Some(Part::Slot(slot, _)) if text.starts_with('-') => {
                let what = format!(
                    "`{}` is `{}`, and {} would take that for an option: it begins with `-`",
                    slot.to_string().trim_matches(['{', '}']),
                    shown(text, 60),
                    self.action.name
                );
                Err(refusal(&what))
            }
            Some(Part::Slot(..) | Part::Text(_)) | None => Ok(()),
        }
    }

    /// The text of a template, with one of the values of a parameter that has several.
    fn text(&self, template: &Template, which: usize) -> Result<String, Refusal> {
        let mut text = String::new();
        for part in template.parts() {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Slot(slot, _) => self.slot(slot, which, &mut text)?,
            }
        }
        Ok(text)
    }

    fn slot(&self, slot: &Slot, which: usize, text: &mut String) -> Result<(), Refusal> {
        match slot {
            Slot::Host => text.push_str(self.host.host.as_str()),
            Slot::Run => text.push_str(&self.host.run.0.to_string()),
            Slot::Label(key) => match self.host.labels.value(key) {
                Some(value) => text.push_str(value),
                None => {
                    let what = format!(
                        "{} has no label `{key}`, which {} is made with",
                        self.host.host, self.action.name
                    );
                    return Err(refusal(&what));
                }
            },
            Slot::Parameter(name) => {
                let values = self.values.of(name);
                match values.get(which).or_else(|| values.first()) {
                    Some(Value::Text(value)) => {
                        // Checked where it was given; what comes another way is not believed.
                        if value.chars().any(|c| c.is_control() || is_hidden(c)) {
                            let what = format!("`{name}` holds what cannot be seen");
                            return Err(refusal(&what));
                        }
                        text.push_str(value);
                    }
                    Some(Value::Secret(secret)) => text.push_str(secret.reveal()),
                    Some(Value::Flag(_) | Value::File(_)) | None => {
                        let what = format!("`{name}` has no value that stands in a text");
                        return Err(refusal(&what));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a template stands for nothing: it is a parameter that was left out.
    fn is_nothing(&self, template: &Template) -> bool {
        template
            .alone()
            .is_some_and(|name| self.values.of(name).is_empty())
    }

    fn holds_secret(&self, template: &Template) -> bool {
        template.slots().any(|(slot, _)| match slot {
            Slot::Parameter(name) => {
                let values = self.values.of(name);
                values.iter().any(|value| matches!(value, Value::Secret(_)))
            }
            Slot::Host | Slot::Label(_) | Slot::Run => false,
        })
    }

    /// The variables that a definition names, and for a script every value as `P_NAME`.
    fn environment(&self) -> Result<(Vec<Variable>, Vec<String>), Refusal> {
        let mut env = Vec::new();
        let mut secret = Vec::new();
        let mut push = |name: String, value: String, is_secret: bool| {
            let variable = Variable::new(name.clone(), value);
            env.push(variable.map_err(|error| refusal(&error.to_string()))?);
            secret.extend(is_secret.then_some(name));
            Ok::<_, Refusal>(())
        };
        for (name, template) in &self.action.env {
            if !self.is_nothing(template) {
                let text = self.text(template, 0)?;
                push(name.clone(), text, self.holds_secret(template))?;
            }
        }
        if matches!(self.action.body, Body::Script(_)) {
            for (name, values) in self.values.iter() {
                let texts: Vec<&str> = values.iter().filter_map(as_text).collect();
                let hidden = values.iter().any(|value| matches!(value, Value::Secret(_)));
                if !texts.is_empty() && !self.action.env.contains_key(&name.variable()) {
                    push(name.variable(), texts.join("\n"), hidden)?;
                }
            }
        }
        Ok((env, secret))
    }

    fn stdin(&self, template: &Template) -> Result<Option<Bytes>, Refusal> {
        if self.is_nothing(template) {
            return Ok(None);
        }
        if let Some(name) = template.alone()
            && let [Value::File(bytes)] = self.values.of(name)
        {
            return Ok(Some(bytes.clone()));
        }
        self.text(template, 0).map(|text| Some(Bytes::from(text)))
    }

    fn query(&self, query: &Query) -> Result<ExpandedQuery, Refusal> {
        let one = |name: &super::name::Name| match self.values.of(name) {
            [Value::Text(text)] => Ok(text.clone()),
            _ => Err(refusal(&format!("`{name}` has no value"))),
        };
        let db = match &query.db {
            Database::Named(name) => name.to_string(),
            Database::Parameter(name) => one(name)?,
        };
        let (text, is_typed) = match &query.sql {
            Sql::Named(text) => (text.clone(), false),
            Sql::Parameter(name) => (one(name)?, true),
        };
        let mut values = Vec::new();
        if !is_typed {
            let wrong = |error: sql::SqlError| Refusal::new(Code::Action, error.what, "");
            for bind in sql::binds(&text).map_err(wrong)? {
                let parameter = self.action.parameters.get(bind.name);
                let name = parameter.map(|parameter| &parameter.name);
                let unknown = || refusal(&format!("`:{}` has no value", bind.name));
                values.push((bind.name.to_owned(), one(name.ok_or_else(unknown)?)?));
            }
        }
        Ok(ExpandedQuery {
            db,
            sql: text,
            is_typed,
            values,
            rows: query.rows,
        })
    }
}

/// A value as a script finds it in its environment; a file is not there.
fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Secret(secret) => Some(secret.reveal()),
        Value::Flag(true) => Some("true"),
        Value::Flag(false) => Some("false"),
        Value::File(_) => None,
    }
}

#[cfg(test)]
mod tests;
