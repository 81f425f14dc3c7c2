//! Reads request bodies: JSON, multipart with files, and forms with `payload_json`; also percent-encoding.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::error::{ApiError, INVALID_JSON, TOO_LARGE};
use crate::intake::{Intake, NotTaken, Taken};
use crate::model::message::draft::Upload;

/// Bytes of a whole request (Discord's documentation of uploads).
const REQUEST_MAX: usize = 25 * 1024 * 1024;
/// Bytes of a JSON document; far above any that passes the checks.
const JSON_MAX: usize = 2 * 1024 * 1024;

/// Parts of a multipart body: ten files and a document are all that a message takes.
const PARTS_MAX: usize = 100;

/// The body as it came.
pub(crate) async fn collect(intake: &Intake, body: Body) -> Result<Taken, ApiError> {
    let taken = intake.take(body, REQUEST_MAX).await;
    taken.map_err(|why| match why {
        NotTaken::TooLarge => TOO_LARGE.into(),
        NotTaken::TooSlow => ApiError::custom(408, 0, "408: Request Timeout".to_owned()),
        NotTaken::Broken => ApiError::custom(400, 0, "400: Bad Request".to_owned()),
        NotTaken::Busy => ApiError::custom(503, 0, "503: Service Unavailable".to_owned()),
    })
}

/// What a body says.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) json: Value,
    pub(crate) uploads: Vec<Upload>,
}

/// Reads a body by its content type; no body is an empty object.
pub(crate) async fn read(parts: &Parts, bytes: Bytes) -> Result<Read, ApiError> {
    let essence = essence(parts);
    if essence == "multipart/form-data" {
        return read_multipart(content_type(parts), bytes).await;
    }
    if bytes.is_empty() {
        return Ok(Read {
            json: Value::Object(Map::new()),
            uploads: Vec::new(),
        });
    }
    let json = match essence.as_str() {
        "application/json" => parse(&bytes)?,
        "application/x-www-form-urlencoded" => {
            let form = std::str::from_utf8(&bytes).map_err(|_| INVALID_JSON)?;
            let payload = pairs(form)
                .into_iter()
                .find(|(key, _)| key == "payload_json");
            parse(payload.ok_or(INVALID_JSON)?.1.as_bytes())?
        }
        _ => {
            let message = "Expected \"Content-Type\" header to be one of {'application/json'}.";
            return Err(ApiError::form("", "CONTENT_TYPE_INVALID", message));
        }
    };
    Ok(Read {
        json,
        uploads: Vec::new(),
    })
}

/// A body as the traffic record shows it, as JSON text: files by name and size only.
pub(crate) fn summary(parts: &Parts, read: &Read, bytes: &Bytes) -> Bytes {
    if essence(parts) == "application/json" && !bytes.is_empty() {
        return bytes.clone();
    }
    if read.uploads.is_empty() {
        return read.json.to_string().into();
    }
    let files = read.uploads.iter().map(|upload| {
        json!({"slot": upload.slot, "filename": upload.filename, "size": upload.bytes.len()})
    });
    let shown = json!({"payload_json": read.json, "files": files.collect::<Vec<_>>()});
    shown.to_string().into()
}

/// The content type without its parameters.
fn essence(parts: &Parts) -> String {
    let kind = content_type(parts).split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

fn content_type(parts: &Parts) -> &str {
    let value = parts.headers.get(CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

async fn read_multipart(content_type: &str, bytes: Bytes) -> Result<Read, ApiError> {
    let request = Request::builder()
        .header(CONTENT_TYPE, content_type)
        .body(Body::from(bytes));
    let mut request = request.map_err(|_| INVALID_JSON)?;
    // The whole body was bounded when it was collected.
    DefaultBodyLimit::disable().apply(&mut request);
    let bad = |_| ApiError::form("", "MULTIPART_INVALID", "The multipart body is malformed");
    let mut multipart = Multipart::from_request(request, &()).await.map_err(bad)?;
    let mut read = Read {
        json: Value::Object(Map::new()),
        uploads: Vec::new(),
    };
    for count in 0.. {
        let Some(field) = multipart.next_field().await.map_err(bad_part)? else {
            break;
        };
        if count == PARTS_MAX {
            let message = "The multipart body has too many parts";
            return Err(ApiError::form("", "MULTIPART_INVALID", message));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let filename = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(bad_part)?;
        let slot = name
            .strip_prefix("files[")
            .and_then(|rest| rest.strip_suffix(']')?.parse().ok());
        match (name.as_str(), slot, filename) {
            ("payload_json", _, _) => read.json = parse(&bytes)?,
            (_, Some(slot), Some(filename)) => read.uploads.push(Upload {
                slot,
                filename,
                bytes,
            }),
            // An old form of uploads, `file` and `file0`, that some clients still send.
            (_, None, Some(filename)) => {
                let slot = u64::try_from(read.uploads.len()).unwrap_or(0);
                read.uploads.push(Upload {
                    slot,
                    filename,
                    bytes,
                });
            }
            (_, _, None) => {}
        }
    }
    Ok(read)
}

fn bad_part(_: axum::extract::multipart::MultipartError) -> ApiError {
    ApiError::form("", "MULTIPART_INVALID", "The multipart body is malformed")
}

fn parse(bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.len() > JSON_MAX {
        return Err(TOO_LARGE.into());
    }
    serde_json::from_slice(bytes).map_err(|_| INVALID_JSON.into())
}

/// The pairs of a query or form.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(100);
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
        .collect()
}

/// Undoes percent-encoding; what is not valid stays as it is, bytes that are not UTF-8 become U+FFFD.
pub(crate) fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone() {
        for (text, want) in [
            ("%40original", "@original"),
            ("%E2%9C%85", "✅"),
            ("a%2", "a%2"),
            ("%zz%", "%zz%"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(percent_decode(text), want);
        }
        assert_eq!(
            pairs("a=1+2&b&c=%26"),
            [
                ("a".into(), "1 2".into()),
                ("b".into(), String::new()),
                ("c".into(), "&".into())
            ]
        );
    }
}
