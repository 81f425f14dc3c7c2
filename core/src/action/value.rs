//! Values of parameters: what somebody gave, checked against the type, or refused in words that name the parameter.
//!
//! Whether a host has such a service, list or label is not known here: what is checked is that the value can be one.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::ids::{HostName, Labels};
use crate::output::sanitise::is_hidden;
use crate::refusal::{Code, Refusal};
use crate::text::{parse_duration, parse_size, shown, size, thousands};

use super::Action;
use super::name::Name;
use super::parameter::{Bound, Kind, Parameter, SECRET_BYTES};
use super::problem::instead;

/// Longest value, bytes, but of a file.
pub const VALUE_BYTES_MAX: usize = 8 * 1024;

/// What somebody gave for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    /// What they typed.
    Text(String),
    /// What they attached.
    File {
        /// What it was called.
        name: String,
        /// What is in it.
        bytes: Bytes,
    },
}

/// A value that a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Whether a flag is there.
    Flag(bool),
    /// A text.
    Text(String),
    /// A secret.
    Secret(Hidden),
    /// What is in a file.
    File(Bytes),
}

/// A text that is printed by nobody by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The values of an action: each within its type, all of them there that must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(BTreeMap<Name, Vec<Value>>);

impl Values {
    /// Takes what was given for an action, with defaults for the rest.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(action: &Action, given: Vec<(String, Given)>) -> Result<Self, Vec<Refusal>> {
        let mut values: BTreeMap<Name, Vec<Value>> = BTreeMap::new();
        let mut refused = Vec::new();
        let mut tried: Vec<&Name> = Vec::new();
        let title = &action.name;
        for (name, given) in given {
            let Some(parameter) = action.parameters.get(name.as_str()) else {
                let known = action.parameters.keys().map(String::as_str);
                let what = format!(
                    "`{}` is no parameter of {title}{}",
                    shown(&name, 40),
                    instead(&name, known)
                );
                refused.push(refusal(&what));
                continue;
            };
            tried.push(&parameter.name);
            match parameter.check(&given) {
                Ok(value) => values
                    .entry(parameter.name.clone())
                    .or_default()
                    .push(value),
                Err(refusal) => refused.push(refusal),
            }
        }
        for parameter in action.parameters.values() {
            let name = &parameter.name;
            let most = parameter.many.unwrap_or(1);
            match values.get(name).map_or(0, Vec::len) {
                0 if tried.contains(&name) => {}
                0 => match (&parameter.default, &parameter.kind) {
                    (Some(default), _) => {
                        let default = parameter.check(&Given::Text(default.clone()));
                        match default {
                            Ok(default) => drop(values.insert(name.clone(), vec![default])),
                            Err(refusal) => refused.push(refusal),
                        }
                    }
                    (None, Kind::Bool { .. }) => {
                        values.insert(name.clone(), vec![Value::Flag(false)]);
                    }
                    (None, _) if parameter.optional => {}
                    (None, _) => refused.push(refusal(&format!("`{name}` is missing"))),
                },
                count if count > most && most == 1 => {
                    refused.push(refusal(&format!(
                        "`{name}` is given {count} times and takes one value"
                    )));
                }
                count if count > most => {
                    refused.push(refusal(&format!(
                        "`{name}` takes {most} values at most, not {count}"
                    )));
                }
                _ => {}
            }
        }
        if refused.is_empty() {
            Ok(Self(values))
        } else {
            Err(refused)
        }
    }

    /// The values of a parameter; none when it was left out.
    #[must_use]
    pub fn of(&self, name: &Name) -> &[Value] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Each parameter that has a value.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &[Value])> {
        self.0
            .iter()
            .map(|(name, values)| (name, values.as_slice()))
    }
}

impl Parameter {
    /// Takes one value.
    ///
    /// # Errors
    /// Why it is none, with the name of the parameter.
    pub fn check(&self, given: &Given) -> Result<Value, Refusal> {
        let name = &self.name;
        match (given, &self.kind) {
            (Given::File { name: file, bytes }, Kind::File { max, ext }) => {
                attached(file, bytes, max, ext)
                    .map_err(|why| refusal(&format!("`{name}`: `{}` {why}", shown(file, 60))))?;
                Ok(Value::File(bytes.clone()))
            }
            (Given::File { .. }, _) => Err(refusal(&format!("`{name}` takes no file"))),
            (Given::Text(_), Kind::File { .. }) => Err(refusal(&format!("`{name}` takes a file"))),
            (Given::Text(text), Kind::Secret) => {
                secret(text).map_err(|why| refusal(&format!("`{name}` {why}")))?;
                Ok(Value::Secret(Hidden(text.clone())))
            }
            (Given::Text(text), Kind::Bool { .. }) => match text.as_str() {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                other => Err(refusal(&format!(
                    "`{name}`: `{}` is neither true nor false",
                    shown(other, 60)
                ))),
            },
            (Given::Text(text), kind) => match text_problem(kind, text) {
                None => Ok(Value::Text(text.clone())),
                Some(_) if text.is_empty() => Err(refusal(&format!(
                    "`{name}`: an empty text is no value: leave the parameter out"
                ))),
                Some(why) => {
                    let text = shown(text, 60);
                    Err(refusal(&format!("`{name}`: `{text}` {why}")))
                }
            },
        }
    }
}

pub(super) fn refusal(what: &str) -> Refusal {
    Refusal::new(Code::Param, format!("{what}."), "")
}

fn attached(name: &str, bytes: &Bytes, max: &Bound, ext: &[String]) -> Result<(), String> {
    if bytes.is_empty() {
        return Err("is empty".to_owned());
    }
    if bytes.len() as u64 > max.value {
        let (is, most) = (size(bytes.len() as u64), size(max.value));
        return Err(format!("has {is}, over the limit of {most}"));
    }
    let lower = name.to_lowercase();
    if !ext.is_empty() && !ext.iter().any(|ending| lower.ends_with(ending.as_str())) {
        return Err(format!("does not end in {}", ext.join(" or ")));
    }
    Ok(())
}

fn secret(text: &str) -> Result<(), String> {
    let (least, most) = SECRET_BYTES;
    if !(least..=most).contains(&text.len()) {
        let most = thousands(most as u64);
        return Err(format!("takes a secret of {least} to {most} bytes"));
    }
    if text.contains('\0') {
        return Err("holds a NUL".to_owned());
    }
    Ok(())
}

/// Why a text is no value of a type, behind the value.
fn text_problem(kind: &Kind, text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("is no value".to_owned());
    }
    if text.len() > VALUE_BYTES_MAX {
        return Some(format!(
            "is longer than {} bytes",
            thousands(VALUE_BYTES_MAX as u64)
        ));
    }
    let is_sql = matches!(kind, Kind::Sql { .. });
    let bad = |c: &char| match is_sql {
        true => *c == '\0',
        false => c.is_control() || is_hidden(*c),
    };
    if let Some(c) = text.chars().find(bad) {
        return Some(format!(
            "holds U+{:04X}, which no such value may",
            u32::from(c)
        ));
    }
    match kind {
        Kind::Int { min, max } => int(text, *min, *max),
        Kind::Enum { of } => (!of.iter().any(|choice| choice == text)).then(|| {
            let known = of.iter().map(String::as_str);
            format!("is none of its choices{}", instead(text, known))
        }),
        Kind::Text { pattern, max } => long(text, *max).or_else(|| {
            let pattern = pattern.as_ref().filter(|pattern| !pattern.matches(text))?;
            Some(format!("does not match `{}`", shown(pattern.as_str(), 80)))
        }),
        Kind::Duration { min, max } => match parse_duration(text) {
            Some(ms) => within(ms, min.as_ref(), max.as_ref()),
            None => Some("is no time, which is like `90s`, `5m`, `2h` or `1d`".to_owned()),
        },
        Kind::Size { min, max } => match parse_size(text) {
            Some(bytes) => within(bytes, min.as_ref(), max.as_ref()),
            None => Some("is no size, which is like `512k`, `16m` or `1.5g`".to_owned()),
        },
        Kind::Live { what, allow } => what.problem(text).map(str::to_owned).or_else(|| {
            let fits = allow.is_empty() || allow.iter().any(|glob| glob.matches(text));
            let globs: Vec<&str> = allow.iter().map(super::Glob::as_str).collect();
            (!fits).then(|| format!("is not allowed here: it takes {}", globs.join(", ")))
        }),
        Kind::List { .. } => long(text, 128),
        Kind::Project | Kind::Db => {
            let parsed = text.parse::<Name>();
            parsed
                .err()
                .map(|_| "is no name of a-z, 0-9 and `-`".to_owned())
        }
        Kind::Host { .. } => {
            let parsed = text.parse::<HostName>();
            parsed.err().map(|_| "is not the name of a host".to_owned())
        }
        Kind::Label { key } => {
            let labelled = Labels::default().insert(key, text);
            labelled
                .err()
                .map(|_| format!("is not a value of the label {key}"))
        }
        Kind::Sql { max } => long(text, *max),
        Kind::Bool { .. } | Kind::Secret | Kind::File { .. } => None,
    }
}

fn long(text: &str, chars_max: usize) -> Option<String> {
    let over = text.chars().nth(chars_max).is_some();
    over.then(|| format!("is longer than {} characters", thousands(chars_max as u64)))
}

/// Digits, behind a minus where that may be; no zeros in front, which some programs take for octal.
fn int(text: &str, min: i64, max: i64) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.is_empty();
    let short = digits == "0" || !digits.starts_with('0');
    match text.parse::<i64>() {
        Ok(number) if plain && short && text != "-0" => {
            let within = (min..=max).contains(&number);
            (!within).then(|| format!("is not from {min} to {max}"))
        }
        Ok(_) | Err(_) => Some(format!("is no whole number from {min} to {max}")),
    }
}

fn within(value: u64, min: Option<&Bound>, max: Option<&Bound>) -> Option<String> {
    if let Some(min) = min.filter(|min| value < min.value) {
        return Some(format!("is less than {}", min.typed));
    }
    let max = max.filter(|max| value > max.value)?;
    Some(format!("is more than {}", max.typed))
}

#[cfg(test)]
mod tests;
