//! The form of a message with files (`multipart/form-data`). twilight's own draws its boundary from a generator that can be predicted;
//! files hold what hosts printed, so a boundary that could be guessed would let a host write parts of its own.

use bytes::Bytes;

use super::File;
use crate::discord::call::Body;
use crate::discord::upload::Piece;

/// Encodes a message and its files. Names were checked by the caller.
pub(super) fn encode(json: &[u8], files: &[File]) -> Result<Body, getrandom::Error> {
    let mut random = [0; 24];
    getrandom::fill(&mut random)?;
    let boundary = hex::encode(random);
    let part = |head: &str| {
        let text = format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        Piece::Bytes(Bytes::from(text))
    };
    let end = || Piece::Bytes(Bytes::from_static(b"\r\n"));
    let head = "name=\"payload_json\"\r\nContent-Type: application/json";
    let mut pieces = vec![
        part(head),
        Piece::Bytes(Bytes::copy_from_slice(json)),
        end(),
    ];
    for (at, file) in files.iter().enumerate() {
        let name = &file.name;
        // Without a type: Discord goes by the name, and shows a preview of what ends in `.log` or `.txt`.
        pieces.push(part(&format!("name=\"files[{at}]\"; filename=\"{name}\"")));
        pieces.push(file.content.clone());
        pieces.push(end());
    }
    pieces.push(Piece::Bytes(Bytes::from(format!("--{boundary}--\r\n"))));
    Ok(Body::Form {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        pieces,
    })
}
