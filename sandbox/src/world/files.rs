//! The bytes of attachments, kept in memory within a bound.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::model::message::Attachment;
use crate::model::message::draft::{Planned, Upload, safe_name};
use crate::snowflake::Snowflake;
use crate::token;
use crate::world::World;

/// Bytes of all attachments together; beyond it the oldest answer 404, as an expired link of Discord does.
const BYTES_MAX: usize = 512 * 1024 * 1024;

/// What a file costs beside its bytes, so that empty ones do not come for nothing.
const OVERHEAD: usize = 1024;

/// A stored file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) filename: String,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Bytes,
    /// What stands in its address, so that it opens to whoever was given that, as at Discord.
    pub(crate) sign: String,
}

/// All stored files.
#[derive(Debug, Default)]
pub(crate) struct Files {
    by_id: HashMap<Snowflake, File>,
    oldest_first: VecDeque<Snowflake>,
    bytes: usize,
}

impl Files {
    /// The file with this id, unless it had to make room.
    pub(crate) fn find(&self, id: Snowflake) -> Option<&File> {
        self.by_id.get(&id)
    }

    fn store(&mut self, id: Snowflake, file: File) {
        self.bytes = self.bytes.saturating_add(weight(&file));
        self.by_id.insert(id, file);
        self.oldest_first.push_back(id);
        while self.bytes > BYTES_MAX {
            let Some(old) = self
                .oldest_first
                .pop_front()
                .and_then(|id| self.by_id.remove(&id))
            else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(weight(&old));
        }
    }
}

const fn weight(file: &File) -> usize {
    file.bytes.len().saturating_add(OVERHEAD)
}

impl File {
    /// The type under which a browser may show it in place: a picture by its first bytes, never by its name, and never
    /// one that can hold script.
    pub(crate) fn picture(&self) -> Option<&'static str> {
        let bytes: &[u8] = &self.bytes;
        let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
            [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
            _ if webp => Some("image/webp"),
            _ => None,
        }
    }
}

impl World {
    /// Stores the new ones of a message's files and gives all of them as attachments.
    pub(crate) fn attach(&mut self, channel: Snowflake, files: Vec<Planned>) -> Vec<Attachment> {
        let attach = |file: Planned| match file {
            Planned::Keep(kept) => kept,
            Planned::New {
                upload,
                description,
            } => {
                let id = self.next_id();
                self.store_file(channel, id, upload, description)
            }
        };
        files.into_iter().map(attach).collect()
    }

    /// Stores a file under its id and gives it as an attachment.
    pub(crate) fn store_file(
        &mut self,
        channel: Snowflake,
        id: Snowflake,
        upload: Upload,
        description: Option<String>,
    ) -> Attachment {
        let filename = safe_name(&upload.filename);
        let content_type = content_type(&filename);
        let address = self.address;
        let size = upload.bytes.len();
        let sign = token::sign();
        self.files.store(
            id,
            File {
                filename: filename.clone(),
                content_type,
                bytes: upload.bytes,
                sign: sign.clone(),
            },
        );
        Attachment {
            id,
            url: format!("http://{address}/attachments/{channel}/{id}/{filename}?hm={sign}"),
            filename,
            description,
            content_type,
            size,
        }
    }
}

/// The type that Discord would tell for a file of this name.
fn content_type(filename: &str) -> &'static str {
    let extension = filename
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "txt" | "log" | "md" => "text/plain; charset=utf-8",
        "json" => "application/json; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "gz" => "application/gzip",
        "zip" => "application/zip",
        _ => "application/octet-stream",
    }
}
