//! The form of a message with files (`multipart/form-data`). twilight's own draws its boundary from a generator that can be predicted;
//! files hold what hosts printed, so a boundary that could be guessed would let a host write parts of its own.

use bytes::Bytes;

use super::File;
use crate::discord::call::Body;

/// Encodes a message and its files. Names were checked by the caller.
pub(super) fn encode(json: &[u8], files: &[File]) -> Result<Body, getrandom::Error> {
    let mut random = [0; 24];
    getrandom::fill(&mut random)?;
    let boundary = hex::encode(random);
    let payload: usize = files.iter().map(|file| file.bytes.len() + 256).sum();
    let mut form = Vec::with_capacity(json.len() + payload + 256);
    let mut part = |head: &str, value: &[u8]| {
        form.extend_from_slice(b"--");
        form.extend_from_slice(boundary.as_bytes());
        form.extend_from_slice(b"\r\nContent-Disposition: form-data; ");
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(b"\r\n\r\n");
        form.extend_from_slice(value);
        form.extend_from_slice(b"\r\n");
    };
    part(
        "name=\"payload_json\"\r\nContent-Type: application/json",
        json,
    );
    for (at, file) in files.iter().enumerate() {
        let name = &file.name;
        // Without a type: Discord goes by the name, and shows a preview of what ends in `.log` or `.txt`.
        part(
            &format!("name=\"files[{at}]\"; filename=\"{name}\""),
            &file.bytes,
        );
    }
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(Body::Form {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        bytes: Bytes::from(form),
    })
}
