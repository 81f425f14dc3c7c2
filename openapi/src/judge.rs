//! The judge: finds the schema that an exchange or event must have, and validates.
//!
//! Schemas are compiled when they are first needed and kept, so that a test suite of ten thousands of exchanges stays fast.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::{Draft, PatternCache, Registry, Validator};
use serde_json::{Value, json};

use crate::exchange::Exchange;
use crate::routes::{self, Template};
use crate::violation::{Part, Violation, explain};
use crate::{corrections, events};

/// Violations told of one part; the rest would repeat them.
const VIOLATIONS_MAX: usize = 20;

/// What the copies of the document are called among themselves.
const ANSWERS: &str = "urn:discord:answers";
const REQUESTS: &str = "urn:discord:requests";

/// Why a document cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to prepare the schemas of the document")]
pub struct BadDocument(#[source] Box<jsonschema::ReferencingError>);

/// Knows Discord's file.
#[derive(Debug)]
pub struct Judge {
    document: Value,
    templates: Vec<Template>,
    registry: Registry<'static>,
    patterns: PatternCache,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Judge {
    /// The judge of this workspace; `None` where Discord's file is not beside it, which is said once on standard error.
    ///
    /// # Panics
    /// When the file is there and cannot be used.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        static SHARED: LazyLock<Option<Judge>> = LazyLock::new(|| {
            let file =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/discord/openapi.json");
            let Ok(text) = std::fs::read_to_string(&file) else {
                let told = writeln!(
                    std::io::stderr(),
                    "{} is missing: exchanges are not judged",
                    file.display()
                );
                told.ok(); // nobody reads it
                return None;
            };
            let document = serde_json::from_str(&text).expect("Discord's file is JSON");
            Some(Judge::new(document).expect("Discord's file has schemas"))
        });
        SHARED.as_ref()
    }

    /// A judge by this document.
    ///
    /// # Errors
    /// When its schemas refer to what does not exist.
    pub fn new(document: Value) -> Result<Self, BadDocument> {
        let (answers, requests) = corrections::corrected(&document);
        let build = || {
            let builder = Registry::new().draft(Draft::Draft202012);
            builder
                .add(ANSWERS, answers)?
                .add(REQUESTS, requests)?
                .prepare()
        };
        Ok(Self {
            templates: routes::templates(&document),
            registry: build().map_err(|error| BadDocument(Box::new(error)))?,
            document,
            patterns: PatternCache::new(),
            compiled: Mutex::default(),
        })
    }

    /// What is wrong with an exchange. The request is judged only when the answer says that it was good.
    #[must_use]
    pub fn check(&self, exchange: &Exchange<'_>) -> Vec<Violation> {
        let Exchange {
            method,
            path,
            status,
            ..
        } = *exchange;
        let case = Case {
            judge: self,
            what: format!("{method} {path} {status}"),
        };
        let template = routes::find(&self.templates, method, path);
        if status >= 400 {
            return case.error(status, exchange.answer);
        }
        let Some(template) = template else {
            let known = routes::is_known_to_miss(method, path);
            return case.when(!known, Part::Answer, "the route is not in the document");
        };
        let place = format!(
            "/paths/{}/{}",
            escape(&template.text),
            method.to_ascii_lowercase()
        );
        let mut found = case.success(&place, status, exchange.answer);
        if let Some(request) = exchange.request {
            found.extend(case.request(&place, request));
        }
        found
    }

    /// What is wrong with the `d` of a gateway event, in those parts that the document knows.
    #[must_use]
    pub fn check_event(&self, name: &str, d: &Value) -> Vec<Violation> {
        let case = Case {
            judge: self,
            what: name.to_owned(),
        };
        let parts = events::parts(name, d).into_iter();
        parts
            .flat_map(|(pointer, schema, value)| {
                let mut found = case.validate(
                    Part::Event,
                    ANSWERS,
                    &format!("/components/schemas/{schema}"),
                    value,
                );
                for violation in &mut found {
                    violation.pointer.insert_str(0, &pointer);
                }
                found
            })
            .collect()
    }

    /// What is wrong with a value that must have a schema of the document's components.
    #[must_use]
    pub fn check_schema(&self, schema: &str, value: &Value) -> Vec<Violation> {
        let case = Case {
            judge: self,
            what: schema.to_owned(),
        };
        case.validate(
            Part::Answer,
            ANSWERS,
            &format!("/components/schemas/{schema}"),
            value,
        )
    }

    /// The fields of the body that a route takes; `None` if it takes none.
    #[must_use]
    pub fn request_body(&self, method: &str, path: &str) -> Option<Vec<String>> {
        let template = routes::find(&self.templates, method, path)?;
        let place = format!(
            "/paths/{}/{}/requestBody/content/application~1json/schema",
            escape(&template.text),
            method.to_ascii_lowercase()
        );
        let mut fields = Vec::new();
        self.collect_fields(self.document.pointer(&place)?, &mut fields);
        fields.sort();
        fields.dedup();
        Some(fields)
    }

    fn collect_fields(&self, schema: &Value, fields: &mut Vec<String>) {
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(target) =
            reference.and_then(|uri| self.document.pointer(uri.strip_prefix('#')?))
        {
            self.collect_fields(target, fields);
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        fields.extend(properties.into_iter().flatten().map(|(key, _)| key.clone()));
        for several in ["oneOf", "anyOf", "allOf"] {
            let schemas = schema.get(several).and_then(Value::as_array);
            for schema in schemas.into_iter().flatten() {
                self.collect_fields(schema, fields);
            }
        }
    }

    fn has(&self, pointer: &str) -> bool {
        self.document.pointer(pointer).is_some()
    }

    fn validator(&self, copy: &str, pointer: &str) -> Arc<Validator> {
        let uri = format!("{copy}#{}", encode(pointer));
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = compiled.entry(uri).or_insert_with_key(|uri| {
            let options = jsonschema::options()
                .with_draft(Draft::Draft202012)
                .with_registry(&self.registry)
                .with_pattern_cache(self.patterns.clone())
                .should_validate_formats(true)
                .should_ignore_unknown_formats(true);
            let built = options.build(&json!({"$ref": uri}));
            Arc::new(
                built
                    .unwrap_or_else(|error| panic!("the schema {uri} cannot be compiled: {error}")),
            )
        });
        Arc::clone(entry)
    }
}

/// What is being judged.
struct Case<'a> {
    judge: &'a Judge,
    what: String,
}

impl Case<'_> {
    fn error(&self, status: u16, answer: Option<&Value>) -> Vec<Violation> {
        let schema = if status == 429 {
            "RatelimitedResponse"
        } else {
            "ErrorResponse"
        };
        match answer {
            Some(answer) => self.validate(
                Part::Answer,
                ANSWERS,
                &format!("/components/schemas/{schema}"),
                answer,
            ),
            None => self.when(true, Part::Answer, "an error has a JSON body"),
        }
    }

    fn success(&self, place: &str, status: u16, answer: Option<&Value>) -> Vec<Violation> {
        let response = format!("{place}/responses/{status}");
        if !self.judge.has(&response) {
            return self.when(
                true,
                Part::Answer,
                "the document has no such status for this route",
            );
        }
        let schema = format!("{response}/content/application~1json/schema");
        match answer {
            Some(answer) if self.judge.has(&schema) => {
                self.validate(Part::Answer, ANSWERS, &schema, answer)
            }
            Some(_) => self.when(true, Part::Answer, "the answer has no body"),
            None => self.when(
                self.judge.has(&schema),
                Part::Answer,
                "the answer has a JSON body",
            ),
        }
    }

    fn request(&self, place: &str, request: &Value) -> Vec<Violation> {
        let schema = format!("{place}/requestBody/content/application~1json/schema");
        if self.judge.has(&schema) {
            self.validate(Part::Request, REQUESTS, &schema, request)
        } else {
            Vec::new()
        }
    }

    fn validate(&self, part: Part, copy: &str, pointer: &str, value: &Value) -> Vec<Violation> {
        let validator = self.judge.validator(copy, pointer);
        if validator.is_valid(value) {
            return Vec::new();
        }
        let errors = validator.iter_errors(value).take(VIOLATIONS_MAX);
        errors
            .map(|error| {
                let (pointer, expected) = explain(&error);
                Violation {
                    what: self.what.clone(),
                    part,
                    pointer,
                    expected,
                }
            })
            .collect()
    }

    fn when(&self, wrong: bool, part: Part, expected: &str) -> Vec<Violation> {
        let violation = || Violation {
            what: self.what.clone(),
            part,
            pointer: String::new(),
            expected: expected.to_owned(),
        };
        wrong.then(violation).into_iter().collect()
    }
}

/// A key as a segment of a JSON pointer.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A JSON pointer as the fragment of a URI.
fn encode(pointer: &str) -> String {
    pointer.replace('{', "%7B").replace('}', "%7D")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Judge {
        let document = json!({
            "paths": {"/things/{id}": {"post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "204": {},
                },
            }}},
            "components": {"schemas": {
                "New": {"type": "object", "properties": {"count": {"type": "integer", "maximum": 5}}},
                "Thing": {"type": "object", "required": ["parts"], "properties": {
                    "parts": {"type": "array", "items": {"oneOf": [
                        {"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"},
                    ]}},
                }},
                "A": {"type": "object", "required": ["type", "label"], "properties": {"type": {"type": "integer", "enum": [1]}}},
                "B": {"type": "object", "required": ["type"], "properties": {
                    "type": {"type": "integer", "enum": [2]}, "parts": {"type": "array", "items": {"$ref": "#/components/schemas/B"}},
                }},
                "ErrorResponse": {
                    "type": "object", "required": ["code", "message"],
                    "properties": {"errors": {"$ref": "#/components/schemas/ErrorDetails"}},
                },
            }},
        });
        Judge::new(document).unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn told(status: u16, request: Option<Value>, answer: Option<Value>) -> Vec<String> {
        let exchange = Exchange {
            method: "POST",
            path: "/api/v10/things/7?wait=true",
            status,
            request: request.as_ref(),
            answer: answer.as_ref(),
        };
        let found = small().check(&exchange);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_fits_is_not_told() {
        let good =
            json!({"parts": [{"type": 1, "label": "x"}, {"type": 2, "parts": [{"type": 2}]}]});
        assert_eq!(told(200, Some(json!({"count": "3"})), Some(good)), [""; 0]);
        assert_eq!(told(204, None, None), [""; 0]);
        let limited = json!({"message": "m", "retry_after": 0.5, "global": false});
        assert_eq!(told(429, None, Some(limited)), [""; 0]);
        let refused = json!({"code": 50035, "message": "m", "errors": {"a": {"0": {"_errors": [{"code": "X", "message": "y"}]}}}});
        assert_eq!(told(400, None, Some(refused)), [""; 0]);
    }

    #[test]
    fn a_broken_answer_is_told_with_its_place() {
        let broken = json!({"parts": [{"type": 2, "parts": [{"type": 2}, {"type": 3}]}]});
        let lines = told(200, None, Some(broken));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(
            lines[0].starts_with("POST /api/v10/things/7?wait=true 200: answer at \"/parts/0/parts/1/type\": 3 is not"),
            "{lines:?}"
        );
        let unlabelled = told(200, None, Some(json!({"parts": [{"type": 1}]})));
        assert!(
            unlabelled[0].contains("\"/parts/0\": \"label\" is a required property"),
            "{unlabelled:?}"
        );
    }

    #[test]
    fn requests_are_judged_when_they_were_taken() {
        let bad = json!({"count": 6});
        let lines = told(204, Some(bad.clone()), None);
        assert!(lines[0].contains("request at \"/count\""), "{lines:?}");
        let refused = json!({"code": 50035, "message": "m"});
        assert_eq!(told(400, Some(bad), Some(refused)), [""; 0]);
    }

    #[test]
    fn bodies_and_statuses_must_be_the_documented_ones() {
        assert!(told(200, None, None)[0].contains("has a JSON body"));
        assert!(told(204, None, Some(json!({})))[0].contains("has no body"));
        assert!(told(201, None, Some(json!({})))[0].contains("no such status"));
        assert!(told(500, None, None)[0].contains("an error has a JSON body"));
        assert!(
            told(400, None, Some(json!({"message": "m"})))[0]
                .contains("\"code\" is a required property")
        );
        let exchange = Exchange {
            method: "GET",
            path: "/nope",
            status: 200,
            request: None,
            answer: None,
        };
        assert_eq!(small().check(&exchange).len(), 1);
    }

    /// Needs Discord's file.
    #[test]
    fn discords_own_file_can_be_used() {
        let Some(judge) = Judge::shared() else {
            return;
        };
        let url = json!({"url": "ws://127.0.0.1:1/gateway"});
        let exchange = |answer| Exchange {
            method: "GET",
            path: "/gateway",
            status: 200,
            request: None,
            answer: Some(answer),
        };
        assert_eq!(judge.check(&exchange(&url)), []);
        assert_eq!(judge.check(&exchange(&json!({}))).len(), 1);
        let event = judge.check_event("MESSAGE_CREATE", &json!({"id": 7}));
        assert!(
            event.iter().any(|found| found.pointer == "/id"),
            "{event:?}"
        );
    }
}
