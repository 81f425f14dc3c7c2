//! What an agent does to itself, as orders and records say it.

use shanty_core::run::{Update, Upkeep};
use shanty_core::version::VersionError;

use crate::v1;

pub(super) fn upkeep_to_wire(upkeep: &Upkeep) -> v1::Upkeep {
    use v1::upkeep::Kind as Wire;
    let kind = match upkeep {
        Upkeep::Update(update) => Wire::Update(v1::Update {
            version: update.version.to_string(),
            older: update.older,
        }),
        Upkeep::Doctor => Wire::Doctor(v1::Doctor {}),
    };
    v1::Upkeep { kind: Some(kind) }
}

/// Nothing for one of a kind that this version does not know.
///
/// # Errors
/// The version is none.
pub(super) fn upkeep_from_wire(wire: &v1::Upkeep) -> Result<Option<Upkeep>, VersionError> {
    use v1::upkeep::Kind as Wire;
    Ok(match &wire.kind {
        Some(Wire::Update(update)) => Some(Upkeep::Update(Update {
            version: update.version.parse()?,
            older: update.older,
        })),
        Some(Wire::Doctor(v1::Doctor {})) => Some(Upkeep::Doctor),
        None => None,
    })
}
