//! Files that a person adds: in an action each is `{filename, content}` with text, or `{filename, base64}` with anything.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::ask::{Ask, Bad};
use crate::model::message::draft::{FILE_BYTES_MAX, Upload};

/// Files in one list.
const FILES_MAX: usize = 10;
/// Characters of a file's name, as in Discord's own client.
const NAME_MAX: usize = 260;

/// The files of a list; absent is none.
pub(crate) fn uploads(ask: Ask<'_>, key: &str) -> Result<Vec<Upload>, Bad> {
    let list = ask.list(key)?;
    if list.len() > FILES_MAX {
        return Err(ask.bad(key, format!("at most {FILES_MAX} files at once")));
    }
    let numbered = (0..).zip(list);
    numbered
        .map(|(slot, value)| upload(value, &format!("{key}.{slot}"), slot))
        .collect()
}

/// One file.
pub(crate) fn upload(value: &Value, path: &str, slot: u64) -> Result<Upload, Bad> {
    let file = Ask::within(value, path)?;
    let filename = file.text("filename")?;
    if filename.is_empty() || filename.chars().count() > NAME_MAX {
        return Err(file.bad(
            "filename",
            format!("it must have 1 to {NAME_MAX} characters"),
        ));
    }
    let bytes = match (
        file.optional_text("content")?,
        file.optional_text("base64")?,
    ) {
        (Some(text), None) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Some(text)) => STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|_| file.bad("base64", "it must be base64 with padding"))?,
        (Some(_), Some(_)) | (None, None) => {
            return Err(file.bad("content", "either content or base64 must be there"));
        }
    };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(file.bad("filename", "the file is larger than 10 MiB"));
    }
    Ok(Upload {
        slot,
        filename: filename.to_owned(),
        bytes,
    })
}
