//! What is wrong with an exchange or event: where, and what is expected there.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// Characters of a description; a whole message inside of it helps nobody.
const TEXT_MAX: usize = 400;

/// Which part is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The body of the request.
    Request,
    /// The body of the answer, or its status.
    Answer,
    /// The `d` of a gateway event.
    Event,
}

/// One difference from Discord's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Method, path and status of the exchange, or the name of the event.
    pub what: String,
    /// The part that is wrong.
    pub part: Part,
    /// Where in it, as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// What is expected there.
    pub expected: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Request => "request",
            Part::Answer => "answer",
            Part::Event => "event",
        };
        let Self {
            what,
            pointer,
            expected,
            ..
        } = self;
        write!(f, "{what}: {part} at \"{pointer}\": {expected}")
    }
}

/// Fails the calling test when there is a violation.
///
/// # Panics
/// With all of them.
#[track_caller]
pub fn demand(violations: &[Violation]) {
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "not as Discord's OpenAPI file has it:\n{}",
        lines.join("\n")
    );
}

/// Pointer and description of the innermost error that explains this one.
pub(crate) fn explain(error: &ValidationError<'_>) -> (String, String) {
    if let ValidationErrorKind::AnyOf { context } = error.kind()
        && let Some(nearest) = context.iter().min_by_key(|branch| distance(error, branch))
        && let Some(first) = nearest.iter().max_by_key(|inner| depth(inner))
    {
        return explain(first);
    }
    let text: String = error.to_string().chars().take(TEXT_MAX).collect();
    (error.instance_path().to_string(), text)
}

/// How far a value is from an alternative: one whose own kind fits (`type` of a component) is nearer than any other.
fn distance(outer: &ValidationError<'_>, branch: &[ValidationError<'static>]) -> (bool, usize) {
    let own = depth(outer);
    let other_kind = branch.iter().any(|error| {
        let here = depth(error) == own || error.instance_path().to_string().ends_with("/type");
        let fixed = matches!(
            error.kind(),
            ValidationErrorKind::Enum { .. }
                | ValidationErrorKind::Constant { .. }
                | ValidationErrorKind::Type { .. }
        );
        here && fixed && depth(error) <= own + 1
    });
    (other_kind, branch.len())
}

fn depth(error: &ValidationError<'_>) -> usize {
    error.instance_path().to_string().matches('/').count()
}
