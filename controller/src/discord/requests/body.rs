//! The one place that finishes bodies: it adds what twilight's builders lack, and says in every text that is sent who may be notified.

use bytes::Bytes;
use hyper::Method;
use serde_json::{Map, Value, json};
use twilight_http::request::Request;

use super::{File, Nonce, RequestError};
use crate::discord::call::{Body, Call, Repeat, Route};

/// Whom a text may notify. Discord's own default is everybody whom it names, also when a message is edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mentions {
    Nobody,
    Person(u64),
}

/// Where the fields of a message are in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top.
    Message(Mentions),
    /// In `data`, as in callbacks.
    Data(Mentions),
    /// The body is not a message's.
    Nowhere,
}

/// A call from a request of twilight's, with its body finished.
pub(super) fn call(
    route: Route,
    request: &Request,
    place: Place,
    repeat: Repeat,
) -> Result<Call, RequestError> {
    let body = match (request.body(), place) {
        (None, _) => Body::None,
        (Some(bytes), Place::Nowhere) => Body::Json(Bytes::copy_from_slice(bytes)),
        (Some(bytes), Place::Message(_) | Place::Data(_)) => {
            Body::Json(body(bytes, place, |_| ())?)
        }
    };
    let path = request.path().to_owned();
    Ok(Call::new(route, method(request), path, body, repeat))
}

/// The body of a new message: with a nonce that Discord enforces, and its files named.
pub(super) fn create(
    request: &Request,
    mentions: Mentions,
    nonce: &Nonce,
    files: &[File],
) -> Result<Bytes, RequestError> {
    let bytes = request.body().unwrap_or(b"{}");
    body(bytes, Place::Message(mentions), |message| {
        message.insert("nonce".to_owned(), json!(nonce.as_str()));
        message.insert("enforce_nonce".to_owned(), json!(true));
        attach(message, files);
    })
}

/// The body of an edit that brings files, with these named.
pub(super) fn edit(
    request: &Request,
    mentions: Mentions,
    files: &[File],
) -> Result<Bytes, RequestError> {
    let bytes = request.body().unwrap_or(b"{}");
    body(bytes, Place::Message(mentions), |message| {
        attach(message, files);
    })
}

fn attach(message: &mut Map<String, Value>, files: &[File]) {
    if !files.is_empty() {
        let named = |(id, file): (usize, &File)| json!({"id": id, "filename": file.name});
        let list = files.iter().enumerate().map(named).collect();
        message.insert("attachments".to_owned(), Value::Array(list));
    }
}

fn body(
    bytes: &[u8],
    place: Place,
    extra: impl FnOnce(&mut Map<String, Value>),
) -> Result<Bytes, RequestError> {
    let mut whole: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(RequestError::Json)?;
    match place {
        Place::Message(mentions) => {
            whole.insert("allowed_mentions".to_owned(), allowed(mentions));
            extra(&mut whole);
        }
        Place::Data(mentions) => {
            let data = whole.entry("data").or_insert_with(|| json!({}));
            if let Value::Object(data) = data {
                data.insert("allowed_mentions".to_owned(), allowed(mentions));
                extra(data);
            }
        }
        Place::Nowhere => {}
    }
    Ok(Bytes::from(
        serde_json::to_vec(&whole).map_err(RequestError::Json)?,
    ))
}

fn allowed(mentions: Mentions) -> Value {
    match mentions {
        Mentions::Nobody => json!({"parse": []}),
        Mentions::Person(id) => json!({"parse": [], "users": [id.to_string()]}),
    }
}

fn method(request: &Request) -> Method {
    Method::from_bytes(request.method().name().as_bytes())
        .expect("invariant: twilight names methods as HTTP does")
}
