//! Discord's error answers: the codes that clients rely on, and the nested `errors` tree of an invalid form.
//!
//! Statuses and codes follow Discord's "Opcodes and Status Codes" page; nothing here decides when an error applies.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// An error with fixed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    status: u16,
    code: u32,
    message: &'static str,
}

impl Known {
    /// What it says.
    pub(crate) const fn text(self) -> &'static str {
        self.message
    }

    const fn new(status: u16, code: u32, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
        }
    }
}

pub(crate) const UNAUTHORIZED: Known = Known::new(401, 0, "401: Unauthorized");
pub(crate) const NOT_FOUND: Known = Known::new(404, 0, "404: Not Found");
pub(crate) const METHOD_NOT_ALLOWED: Known = Known::new(405, 0, "405: Method Not Allowed");
pub(crate) const SERVER_ERROR: Known = Known::new(500, 0, "500: Internal Server Error");
/// The sandbox's own: its messages take all the memory that they may.
pub(crate) const FULL: Known = Known::new(507, 0, "507: Insufficient Storage");
pub(crate) const UNKNOWN_APPLICATION: Known = Known::new(404, 10002, "Unknown Application");
pub(crate) const UNKNOWN_CHANNEL: Known = Known::new(404, 10003, "Unknown Channel");
pub(crate) const UNKNOWN_GUILD: Known = Known::new(404, 10004, "Unknown Guild");
pub(crate) const UNKNOWN_MEMBER: Known = Known::new(404, 10007, "Unknown Member");
pub(crate) const UNKNOWN_MESSAGE: Known = Known::new(404, 10008, "Unknown Message");
pub(crate) const UNKNOWN_OVERWRITE: Known = Known::new(404, 10009, "Unknown Permission Overwrite");
pub(crate) const UNKNOWN_ROLE: Known = Known::new(404, 10011, "Unknown Role");
pub(crate) const UNKNOWN_USER: Known = Known::new(404, 10013, "Unknown User");
pub(crate) const UNKNOWN_EMOJI: Known = Known::new(400, 10014, "Unknown Emoji");
pub(crate) const UNKNOWN_WEBHOOK: Known = Known::new(404, 10015, "Unknown Webhook");
pub(crate) const UNKNOWN_BAN: Known = Known::new(404, 10026, "Unknown Ban");
pub(crate) const UNKNOWN_INTERACTION: Known = Known::new(404, 10062, "Unknown interaction");
pub(crate) const UNKNOWN_COMMAND: Known = Known::new(404, 10063, "Unknown application command");
pub(crate) const UNKNOWN_OVERRIDES: Known =
    Known::new(404, 10066, "Unknown application command permissions");
pub(crate) const NOT_FOR_BOTS: Known = Known::new(403, 20001, "Bots cannot use this endpoint");
pub(crate) const UNKNOWN_TAG: Known = Known::new(404, 10087, "Unknown tag");
pub(crate) const TOO_MANY_ROLES: Known =
    Known::new(400, 30005, "Maximum number of server roles reached (250)");
pub(crate) const TOO_MANY_CHANNELS: Known = Known::new(
    400,
    30013,
    "Maximum number of server channels reached (500)",
);
pub(crate) const TOO_MANY_COMMANDS: Known = Known::new(
    400,
    30032,
    "Maximum number of application commands reached (100)",
);
pub(crate) const TOO_MANY_PINS: Known =
    Known::new(400, 30003, "Maximum number of pins reached (250)");
pub(crate) const TOO_MANY_REACTIONS: Known =
    Known::new(400, 30010, "Maximum number of reactions reached (20)");
pub(crate) const TOO_MANY_CREATES: Known = Known::new(
    400,
    30034,
    "Max number of daily application command creates has been reached (200)",
);
pub(crate) const TOO_MANY_THREAD_MEMBERS: Known = Known::new(
    400,
    30033,
    "Maximum number of thread participants has been reached (1000)",
);
pub(crate) const OLD_EDITS: Known = Known::new(
    429,
    30046,
    "Maximum number of edits to messages older than 1 hour reached. Try again later.",
);
pub(crate) const TOO_LARGE: Known = Known::new(413, 40005, "Request entity too large");
pub(crate) const NOT_IN_VOICE: Known =
    Known::new(400, 40032, "Target user is not connected to voice.");
pub(crate) const ALREADY_ACKNOWLEDGED: Known =
    Known::new(400, 40060, "Interaction has already been acknowledged.");
pub(crate) const TAG_NAMES_REPEAT: Known = Known::new(400, 40061, "Tag names must be unique");
pub(crate) const TAG_REQUIRED: Known = Known::new(
    400,
    40067,
    "A tag is required to create a forum post in this channel",
);
pub(crate) const MISSING_ACCESS: Known = Known::new(403, 50001, "Missing Access");
pub(crate) const DM_CHANNEL: Known =
    Known::new(403, 50003, "Cannot execute action on a DM channel");
pub(crate) const FOREIGN_MESSAGE: Known =
    Known::new(403, 50005, "Cannot edit a message authored by another user");
pub(crate) const EMPTY_MESSAGE: Known = Known::new(400, 50006, "Cannot send an empty message");
pub(crate) const NO_MESSAGES_TO_USER: Known =
    Known::new(403, 50007, "Cannot send messages to this user");
pub(crate) const NOT_A_TEXT_CHANNEL: Known =
    Known::new(400, 50008, "Cannot send messages in a non-text channel");
pub(crate) const MISSING_PERMISSIONS: Known = Known::new(403, 50013, "Missing Permissions");
pub(crate) const SYSTEM_MESSAGE: Known =
    Known::new(403, 50021, "Cannot execute action on a system message");
pub(crate) const WRONG_CHANNEL: Known =
    Known::new(400, 50024, "Cannot execute action on this channel type");
pub(crate) const INVALID_WEBHOOK_TOKEN: Known = Known::new(401, 50027, "Invalid Webhook Token");
pub(crate) const TOO_OLD_FOR_BULK: Known = Known::new(
    400,
    50034,
    "You can only bulk delete messages that are under 14 days old.",
);
pub(crate) const INVALID_ROLE: Known = Known::new(400, 50028, "Invalid Role");
pub(crate) const INVALID_RECIPIENT: Known = Known::new(400, 50033, "Invalid Recipient(s)");
pub(crate) const ARCHIVED_THREAD: Known = Known::new(400, 50083, "Thread is archived");
pub(crate) const INVALID_JSON: Known =
    Known::new(400, 50109, "The request body contains invalid JSON.");
pub(crate) const REPLY_WITHOUT_HISTORY: Known = Known::new(
    400,
    160_002,
    "Cannot reply without permission to read message history",
);
pub(crate) const THREAD_EXISTS: Known = Known::new(
    400,
    160_004,
    "A thread has already been created for this message",
);
pub(crate) const THREAD_LOCKED: Known = Known::new(400, 160_005, "Thread is locked");
pub(crate) const TOO_MANY_THREADS: Known =
    Known::new(400, 160_006, "Maximum number of active threads reached");

/// An answer that is an error: HTTP status and Discord's JSON body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: u32,
    message: Cow<'static, str>,
    errors: Option<Value>,
    /// How long a 429 asks to wait; set for rate limits only.
    pub(crate) retry_after_ms: Option<u64>,
}

impl From<Known> for ApiError {
    fn from(known: Known) -> Self {
        Self {
            status: known.status,
            code: known.code,
            message: Cow::Borrowed(known.message),
            errors: None,
            retry_after_ms: None,
        }
    }
}

impl ApiError {
    /// An error whose status, code and text somebody else chose, as injected faults do.
    pub(crate) const fn custom(status: u16, code: u32, message: String) -> Self {
        Self {
            status,
            code,
            message: Cow::Owned(message),
            errors: None,
            retry_after_ms: None,
        }
    }

    /// The 429 of edits to messages older than an hour.
    pub(crate) fn old_edits(retry_after_ms: u64) -> Self {
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..Self::from(OLD_EDITS)
        }
    }

    /// The 429 of a limit below a route's bucket.
    pub(crate) fn sub_limited(retry_after_ms: u64) -> Self {
        Self {
            retry_after_ms: Some(retry_after_ms),
            ..Self::custom(429, 0, "You are being rate limited.".to_owned())
        }
    }

    /// A 50035 with a single fault.
    pub(crate) fn form(path: &str, code: &'static str, message: impl Into<String>) -> Self {
        let mut form = Form::default();
        form.fault(path, code, message);
        form.into_error()
    }

    /// Discord's JSON body.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({"message": self.message, "code": self.code});
        if let (Some(map), Some(errors)) = (body.as_object_mut(), self.errors.as_ref()) {
            map.insert("errors".into(), errors.clone());
        }
        if let (Some(map), Some(wait_ms)) = (body.as_object_mut(), self.retry_after_ms) {
            map.insert("retry_after".into(), json!(seconds(wait_ms)));
            map.insert("global".into(), json!(false));
            if self.code == 0 {
                map.remove("code");
            }
        }
        body
    }
}

/// Milliseconds as the decimal seconds of Discord's bodies and headers.
pub(crate) fn seconds(ms: u64) -> f64 {
    // Waits are minutes at most, far below the 2^53 that a double holds exactly.
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// Collects the faults of a request body, so that one answer names them all.
#[derive(Debug, Default)]
pub(crate) struct Form {
    faults: Vec<(String, &'static str, String)>,
}

/// More faults than this add nothing a person would read.
const FAULTS_MAX: usize = 100;

impl Form {
    /// Notes a fault at a dotted path such as `embeds.0.title`; the empty path means the body itself.
    pub(crate) fn fault(&mut self, path: &str, code: &'static str, message: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push((path.to_owned(), code, message.into()));
        }
    }

    /// Whether nothing was found wrong so far.
    pub(crate) const fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// `Ok` when nothing was wrong, else the 50035.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.is_clean() {
            Ok(())
        } else {
            Err(self.into_error())
        }
    }

    fn into_error(self) -> ApiError {
        let mut root = Map::new();
        for (path, code, message) in self.faults {
            insert(&mut root, &path, json!({"code": code, "message": message}));
        }
        ApiError {
            status: 400,
            code: 50035,
            message: Cow::Borrowed("Invalid Form Body"),
            errors: Some(Value::Object(root)),
            retry_after_ms: None,
        }
    }
}

fn insert(root: &mut Map<String, Value>, path: &str, fault: Value) {
    let mut here = root;
    for segment in path.split('.').filter(|segment| !segment.is_empty()) {
        let next = here.entry(segment).or_insert_with(|| json!({}));
        match next.as_object_mut() {
            Some(map) => here = map,
            None => return,
        }
    }
    match here.entry("_errors").or_insert_with(|| json!([])) {
        Value::Array(list) => list.push(fault),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_nest_by_path() {
        let mut form = Form::default();
        form.fault(
            "embeds.0.title",
            "BASE_TYPE_MAX_LENGTH",
            "Must be 256 or fewer in length.",
        );
        form.fault(
            "content",
            "BASE_TYPE_MAX_LENGTH",
            "Must be 2000 or fewer in length.",
        );
        let body = form.finish().unwrap_err().body();
        assert_eq!(body["code"], 50035);
        assert_eq!(
            body["errors"]["embeds"]["0"]["title"]["_errors"][0]["code"],
            "BASE_TYPE_MAX_LENGTH"
        );
        assert_eq!(
            body["errors"]["content"]["_errors"][0]["message"],
            "Must be 2000 or fewer in length."
        );
    }

    #[test]
    fn a_clean_form_passes() {
        assert_eq!(Form::default().finish(), Ok(()));
    }
}
