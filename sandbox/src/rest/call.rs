//! One REST request as a handler sees it, and what a handler gives back.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::model::message::draft::Upload;
use crate::snowflake::Snowflake;

/// Whose token came with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Caller {
    /// None, or one that nobody has.
    #[default]
    Nobody,
    Bot,
    /// Somebody who allowed the application to act for them.
    Person(Snowflake),
}

/// A request: path and query parameters, body, files.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) params: Vec<(&'static str, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Value,
    pub(crate) uploads: Vec<Upload>,
    pub(crate) caller: Caller,
}

impl Call {
    /// A parameter of the path by its name in the template.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// A parameter of the path that is an id.
    pub(crate) fn id(&self, name: &str) -> Result<Snowflake, ApiError> {
        parse_id(name, self.text(name))
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of the query that bounds ids; clients send `after=0` for "from the first one".
    pub(crate) fn query_id(&self, name: &str) -> Result<Option<Snowflake>, ApiError> {
        self.query(name)
            .map(|text| match text {
                "0" => Ok(Snowflake::MIN),
                _ => parse_id(name, text),
            })
            .transpose()
    }

    /// A parameter of the query that switches something on.
    pub(crate) fn query_flag(&self, name: &str) -> bool {
        self.query(name)
            .is_some_and(|value| matches!(value, "true" | "True" | "1"))
    }

    /// `limit` of the query, between 1 and `most`.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.query("limit") else {
            return Ok(default);
        };
        let parsed = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        parsed.ok_or_else(|| {
            let message = format!("int value should be between 1 and {most}.");
            ApiError::form("limit", "NUMBER_TYPE_RANGE", message)
        })
    }

    /// The body, which must be an object; no body at all is an empty one.
    pub(crate) fn object(&self) -> Result<&Map<String, Value>, ApiError> {
        self.body.as_object().ok_or_else(|| {
            ApiError::form(
                "",
                "MODEL_TYPE_CONVERT",
                "Only dictionaries may be used in a ModelType",
            )
        })
    }

    /// The body, which must be a list.
    pub(crate) fn list(&self) -> Result<&Vec<Value>, ApiError> {
        self.body.as_array().ok_or_else(|| {
            ApiError::form(
                "",
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            )
        })
    }
}

/// Refuses a path in which what should be an id is none, before anything else is looked at.
///
/// `@me` and `@original` stand for an id; a handler that does not know them refuses them.
pub(crate) fn check_ids(params: &[(&'static str, String)]) -> Result<(), ApiError> {
    let ids = params
        .iter()
        .filter(|(name, value)| name.ends_with("_id") && !value.starts_with('@'));
    for (name, value) in ids {
        parse_id(name, value)?;
    }
    Ok(())
}

fn parse_id(name: &str, text: &str) -> Result<Snowflake, ApiError> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(50).collect();
        ApiError::form(
            name,
            "NUMBER_TYPE_COERCE",
            format!("Value \"{shown}\" is not snowflake."),
        )
    })
}

/// A handler's answer: status and JSON body, if any.
#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
}

impl Reply {
    /// 200 with a body.
    pub(crate) const fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
        }
    }

    /// 201 with a body.
    pub(crate) const fn created(body: Value) -> Self {
        Self {
            status: 201,
            body: Some(body),
        }
    }

    /// 204.
    pub(crate) const fn none() -> Self {
        Self {
            status: 204,
            body: None,
        }
    }
}
