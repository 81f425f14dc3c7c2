//! Reads fields of a JSON body by Discord's rules for types and lengths, noting each fault in a `Form`.
//!
//! Absent and `null` are both `None` here; a caller that tells them apart asks the map itself. Lengths count Unicode
//! code points.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::error::Form;
use crate::snowflake::Snowflake;

/// A JSON object and where it stands in the body, for the paths of faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) map: &'a Map<String, Value>,
    path: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(map: &'a Map<String, Value>, path: &'a str) -> Self {
        Self { map, path }
    }

    /// The dotted path of one of its fields.
    pub(crate) fn path(&self, key: &str) -> String {
        join(self.path, key)
    }

    /// The value unless it is absent or `null`.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A string with so many characters.
    pub(crate) fn text(
        &self,
        form: &mut Form,
        key: &str,
        chars: RangeInclusive<usize>,
    ) -> Option<&'a str> {
        let value = self.value(key)?;
        let Some(text) = value.as_str() else {
            form.fault(
                &self.path(key),
                "STRING_TYPE_CONVERT",
                format!("Could not interpret \"{}\" as string.", brief(value)),
            );
            return None;
        };
        check_length(form, &self.path(key), text.chars().count(), &chars).then_some(text)
    }

    /// A string that must be there.
    pub(crate) fn required_text(
        &self,
        form: &mut Form,
        key: &str,
        chars: RangeInclusive<usize>,
    ) -> Option<&'a str> {
        if self.value(key).is_none() {
            self.missing(form, key);
            return None;
        }
        self.text(form, key, chars)
    }

    /// A whole number in a range; digits in a string count, as they do for Discord.
    pub(crate) fn integer(
        &self,
        form: &mut Form,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        match number {
            Some(number) if range.contains(&number) => Some(number),
            Some(_) => {
                let message = format!(
                    "int value should be between {} and {}.",
                    range.start(),
                    range.end()
                );
                form.fault(&self.path(key), "NUMBER_TYPE_RANGE", message);
                None
            }
            None => {
                form.fault(
                    &self.path(key),
                    "NUMBER_TYPE_COERCE",
                    format!("Value \"{}\" is not int.", brief(value)),
                );
                None
            }
        }
    }

    /// A number out of a fixed set.
    pub(crate) fn choice(&self, form: &mut Form, key: &str, allowed: &[u64]) -> Option<u64> {
        let number = self.integer(form, key, 0..=u64::MAX)?;
        if allowed.contains(&number) {
            return Some(number);
        }
        let names: Vec<String> = allowed.iter().map(u64::to_string).collect();
        not_among(form, &self.path(key), &names.join(", "));
        None
    }

    /// A boolean.
    pub(crate) fn flag(&self, form: &mut Form, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let read = value.as_bool();
        if read.is_none() {
            form.fault(
                &self.path(key),
                "BOOLEAN_TYPE_CONVERT",
                "Must be either true or false.",
            );
        }
        read
    }

    /// An id, as a string or a number.
    pub(crate) fn id(&self, form: &mut Form, key: &str) -> Option<Snowflake> {
        let value = self.value(key)?;
        let read = as_id(value);
        if read.is_none() {
            form.fault(
                &self.path(key),
                "NUMBER_TYPE_COERCE",
                format!("Value \"{}\" is not snowflake.", brief(value)),
            );
        }
        read
    }

    /// A list with so many entries.
    pub(crate) fn list(
        &self,
        form: &mut Form,
        key: &str,
        entries: RangeInclusive<usize>,
    ) -> Option<&'a Vec<Value>> {
        let Some(list) = self.value(key)?.as_array() else {
            form.fault(
                &self.path(key),
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            );
            return None;
        };
        check_length(form, &self.path(key), list.len(), &entries).then_some(list)
    }

    /// An object.
    pub(crate) fn object(&self, form: &mut Form, key: &str) -> Option<&'a Map<String, Value>> {
        let map = self.value(key)?.as_object();
        if map.is_none() {
            not_object(form, &self.path(key));
        }
        map
    }

    /// Notes that a field is missing.
    pub(crate) fn missing(&self, form: &mut Form, key: &str) {
        form.fault(
            &self.path(key),
            "BASE_TYPE_REQUIRED",
            "This field is required",
        );
    }
}

/// Appends a segment to a dotted path.
pub(crate) fn join(path: &str, key: impl std::fmt::Display) -> String {
    if path.is_empty() {
        key.to_string()
    } else {
        format!("{path}.{key}")
    }
}

/// Notes that an object was expected.
pub(crate) fn not_object(form: &mut Form, path: &str) {
    form.fault(
        path,
        "MODEL_TYPE_CONVERT",
        "Only dictionaries may be used in a ModelType",
    );
}

/// Notes a value outside a fixed set.
pub(crate) fn not_among(form: &mut Form, path: &str, allowed: &str) {
    form.fault(
        path,
        "BASE_TYPE_CHOICES",
        format!("Value must be one of {{{allowed}}}."),
    );
}

/// Takes away what is null at any depth: clients write `"id": null` where Discord answers with nothing.
pub(crate) fn drop_nulls(map: &mut Map<String, Value>) {
    map.retain(|_, value| !value.is_null());
    for value in map.values_mut() {
        drop_nulls_within(value);
    }
}

fn drop_nulls_within(value: &mut Value) {
    match value {
        Value::Object(map) => drop_nulls(map),
        Value::Array(list) => list.iter_mut().for_each(drop_nulls_within),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An id written as a string or a number.
pub(crate) fn as_id(value: &Value) -> Option<Snowflake> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Permission bits, which Discord writes as a decimal string.
pub(crate) fn as_bits(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn check_length(
    form: &mut Form,
    path: &str,
    length: usize,
    allowed: &RangeInclusive<usize>,
) -> bool {
    if allowed.contains(&length) {
        return true;
    }
    let (least, most) = (allowed.start(), allowed.end());
    if *least > 0 {
        form.fault(
            path,
            "BASE_TYPE_BAD_LENGTH",
            format!("Must be between {least} and {most} in length."),
        );
    } else {
        form.fault(
            path,
            "BASE_TYPE_MAX_LENGTH",
            format!("Must be {most} or fewer in length."),
        );
    }
    false
}

/// The value as a fault quotes it: never long.
fn brief(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(50).collect()
}
