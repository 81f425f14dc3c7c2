//! Reads an action's body; every complaint names the field.

use serde_json::{Map, Value};

use crate::field::as_id;
use crate::snowflake::Snowflake;
use crate::world::keeping::Full;

/// An action that cannot be done, and which field is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) status: u16,
    pub(crate) field: Option<String>,
    pub(crate) text: String,
}

impl Bad {
    /// A fault of one field.
    pub(crate) fn field(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            status: 400,
            field: Some(field.into()),
            text: text.into(),
        }
    }

    /// The sandbox has no room for what is asked.
    pub(crate) fn full(full: Full) -> Self {
        Self {
            status: 507,
            ..Self::body(full.to_string())
        }
    }

    /// A fault of the body as a whole.
    pub(crate) fn body(text: impl Into<String>) -> Self {
        Self {
            status: 400,
            field: None,
            text: text.into(),
        }
    }
}

/// A JSON object and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) map: &'a Map<String, Value>,
    path: &'a str,
}

impl<'a> Ask<'a> {
    /// The body itself.
    pub(crate) const fn new(map: &'a Map<String, Value>) -> Self {
        Self { map, path: "" }
    }

    /// An object within the body.
    pub(crate) fn within(value: &'a Value, path: &'a str) -> Result<Self, Bad> {
        let map = value
            .as_object()
            .ok_or_else(|| Bad::field(path, "it must be an object"))?;
        Ok(Self { map, path })
    }

    /// A fault of one of its fields.
    pub(crate) fn bad(&self, key: &str, text: impl Into<String>) -> Bad {
        Bad::field(crate::field::join(self.path, key), text)
    }

    /// The value unless it is absent or `null`.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// An id that must be there.
    pub(crate) fn id(&self, key: &str) -> Result<Snowflake, Bad> {
        self.optional_id(key)?
            .ok_or_else(|| self.bad(key, "it is required"))
    }

    /// An id.
    pub(crate) fn optional_id(&self, key: &str) -> Result<Option<Snowflake>, Bad> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        as_id(value)
            .map(Some)
            .ok_or_else(|| self.bad(key, "it must be an id, as a string"))
    }

    /// A text that must be there.
    pub(crate) fn text(&self, key: &str) -> Result<&'a str, Bad> {
        self.optional_text(key)?
            .ok_or_else(|| self.bad(key, "it is required"))
    }

    /// A text.
    pub(crate) fn optional_text(&self, key: &str) -> Result<Option<&'a str>, Bad> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| self.bad(key, "it must be a string"))
    }

    /// A whole number.
    pub(crate) fn number(&self, key: &str) -> Result<Option<u64>, Bad> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        value
            .as_u64()
            .map(Some)
            .ok_or_else(|| self.bad(key, "it must be a whole number"))
    }

    /// A boolean; absent is false.
    pub(crate) fn flag(&self, key: &str) -> Result<bool, Bad> {
        let Some(value) = self.value(key) else {
            return Ok(false);
        };
        value
            .as_bool()
            .ok_or_else(|| self.bad(key, "it must be true or false"))
    }

    /// A list; absent is empty.
    pub(crate) fn list(&self, key: &str) -> Result<&'a [Value], Bad> {
        let Some(value) = self.value(key) else {
            return Ok(&[]);
        };
        value
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| self.bad(key, "it must be a list"))
    }

    /// Permission bits, as a decimal string or a number; absent is none.
    pub(crate) fn bits(&self, key: &str) -> Result<u64, Bad> {
        let Some(value) = self.value(key) else {
            return Ok(0);
        };
        crate::field::as_bits(value)
            .ok_or_else(|| self.bad(key, "it must be permission bits, as a string"))
    }
}
