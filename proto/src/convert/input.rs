//! What a command is given.

use shanty_core::run::{About, Input, InputKind};

use super::{ConvertError, digest};
use crate::v1;

/// An input, for the journal, a host or the command line.
#[must_use]
pub fn input_to_wire(input: &Input) -> v1::Input {
    v1::Input {
        kind: match input.kind {
            InputKind::Stdin => v1::InputKind::Stdin.into(),
            InputKind::Script => v1::InputKind::Script.into(),
        },
        name: input.name.clone(),
        bytes: input.bytes,
        sha256: input.sha256.to_vec(),
        lines: input.about.lines,
        head: input.about.head.clone(),
        crlf: input.about.crlf,
    }
}

/// An input as it came.
///
/// # Errors
/// It is of no kind that is known here, or has no digest.
pub fn input_from_wire(wire: &v1::Input) -> Result<Input, ConvertError> {
    let kind = match wire.kind() {
        v1::InputKind::Stdin => InputKind::Stdin,
        v1::InputKind::Script => InputKind::Script,
        v1::InputKind::Unspecified => return Err(ConvertError::Missing("input.kind")),
    };
    Ok(Input {
        kind,
        name: wire.name.clone(),
        bytes: wire.bytes,
        sha256: digest(&wire.sha256, "input.sha256")?,
        about: About {
            lines: wire.lines,
            head: wire.head.clone(),
            crlf: wire.crlf,
        },
    })
}
