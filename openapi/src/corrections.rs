//! Where Discord's file is known to differ from live Discord: every correction with its reason, in one table.
//!
//! The file's own README says to follow the documentation where the two differ.

use serde_json::{Map, Value, json};

/// Which copy of the document a correction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Both,
    Answers,
    Requests,
}

struct Correction {
    copy: For,
    /// Why; with the source, where it is not the documentation.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for people and for the test that wants one")
    )]
    reason: &'static str,
    apply: fn(&mut Value),
}

const TABLE: &[Correction] = &[
    Correction {
        copy: For::Both,
        reason: "the alternatives of a oneOf overlap: a button without a style of its own fits several",
        apply: |document| each(document, &one_of_is_any_of),
    },
    Correction {
        copy: For::Answers,
        reason: "the code of a fault inside `errors` is a name such as BASE_TYPE_REQUIRED, and one level may have faults \
                 of its own beside those of its fields (documentation of error messages)",
        apply: |document| {
            let fault = json!({
                "type": "object", "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            });
            let level = json!({
                "type": "object",
                "properties": {"_errors": {"type": "array", "minItems": 1, "items": fault}},
                "additionalProperties": {"$ref": "#/components/schemas/ErrorDetails"},
            });
            put_schema(document, "ErrorDetails", level);
        },
    },
    Correction {
        copy: For::Answers,
        reason: "the body of a 429 has a code for some limits only (documentation of rate limits: \"optional\")",
        apply: |document| {
            let body = json!({
                "type": "object", "required": ["message", "retry_after", "global"],
                "properties": {
                    "message": {"type": "string"}, "code": {"type": "integer"},
                    "retry_after": {"type": "number", "minimum": 0}, "global": {"type": "boolean"},
                },
            });
            put_schema(document, "RatelimitedResponse", body);
        },
    },
    Correction {
        copy: For::Requests,
        reason: "ids and integers may be sent as strings and ids as integers (documentation of snowflakes; \
                 `default_member_permissions` is a string in every library)",
        apply: |document| each(document, &loosen_numbers),
    },
    Correction {
        copy: For::Requests,
        reason: "an application's description is a string (documentation of \"Edit Current Application\")",
        apply: |document| {
            let description = "/components/schemas/ApplicationFormPartial/properties/description";
            if let Some(schema) = document.pointer_mut(description) {
                *schema = json!({"type": ["string", "null"], "maxLength": 400});
            }
        },
    },
    Correction {
        copy: For::Requests,
        reason: "every field of a change of the bot's own account is optional (documentation of Modify Current User)",
        apply: |document| {
            let name = "BotAccountPatchRequest";
            derive(document, name, name, &["username"]);
        },
    },
    Correction {
        copy: For::Answers,
        reason: "the channels of GUILD_CREATE carry no guild_id (documentation of gateway events)",
        apply: |document| {
            derive(
                document,
                "GuildChannelResponse",
                "GatewayGuildChannel",
                &["guild_id"],
            );
        },
    },
];

/// The two corrected copies of a document: for answers and events, and for requests.
pub(crate) fn corrected(document: &Value) -> (Value, Value) {
    let copy = |wanted: For| {
        let mut copy = document.clone();
        for correction in TABLE {
            if correction.copy == For::Both || correction.copy == wanted {
                (correction.apply)(&mut copy);
            }
        }
        copy
    };
    (copy(For::Answers), copy(For::Requests))
}

/// Calls `change` with every object of the document.
fn each(value: &mut Value, change: &dyn Fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            change(map);
            map.values_mut().for_each(|value| each(value, change));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| each(value, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn one_of_is_any_of(map: &mut Map<String, Value>) {
    // A property that happens to be called `oneOf` holds an object, not a list.
    if map.get("oneOf").is_some_and(Value::is_array)
        && let Some(list) = map.remove("oneOf")
    {
        map.insert("anyOf".into(), list);
    }
}

fn loosen_numbers(map: &mut Map<String, Value>) {
    let is = |name: &str| match map.get("type") {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => false,
    };
    let more = if is("integer") && !is("string") {
        map.insert("pattern".into(), json!("^-?[0-9]+$"));
        "string"
    } else if map.get("format") == Some(&json!("snowflake")) && is("string") {
        "integer"
    } else {
        return;
    };
    let mut types = match map.remove("type") {
        Some(Value::Array(several)) => several,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    types.push(json!(more));
    map.insert("type".into(), Value::Array(types));
}

fn schemas(document: &mut Value) -> Option<&mut Map<String, Value>> {
    document.pointer_mut("/components/schemas")?.as_object_mut()
}

fn put_schema(document: &mut Value, name: &str, schema: Value) {
    if let Some(schemas) = schemas(document) {
        schemas.insert(name.to_owned(), schema);
    }
}

/// Puts a copy of a schema beside it in which some fields are not required.
fn derive(document: &mut Value, from: &str, name: &str, optional: &[&str]) {
    let Some(mut schema) = schemas(document).and_then(|schemas| schemas.get(from).cloned()) else {
        return;
    };
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|field| {
            !optional
                .iter()
                .any(|optional| field.as_str() == Some(optional))
        });
    }
    put_schema(document, name, schema);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_correction_has_a_reason() {
        assert!(TABLE.iter().all(|correction| correction.reason.len() > 20));
    }

    #[test]
    fn integers_and_ids_are_loose_in_requests_only() {
        let document = json!({"components": {"schemas": {
            "A": {"type": ["integer", "null"], "minimum": 0},
            "B": {"type": "string", "format": "snowflake", "pattern": "^[0-9]+$"},
            "C": {"oneOf": [{"type": "boolean"}]},
        }}});
        let (answers, requests) = corrected(&document);
        let at = |document: &Value, name: &str| document["components"]["schemas"][name].clone();
        assert_eq!(at(&answers, "A"), at(&document, "A"));
        assert_eq!(
            at(&requests, "A")["type"],
            json!(["integer", "null", "string"])
        );
        assert_eq!(at(&requests, "B")["type"], json!(["string", "integer"]));
        assert_eq!(at(&answers, "C"), json!({"anyOf": [{"type": "boolean"}]}));
    }
}
