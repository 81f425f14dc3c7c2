//! Steps of the authority.

use shanty_core::authority::{AuthorityChange, AuthorityKey};

use super::{ConvertError, digest, id};
use crate::v1;
use crate::v1::record::Kind as Wire;

pub(super) fn authority_to_wire(change: &AuthorityChange) -> Wire {
    match change {
        AuthorityChange::Rotated {
            key,
            former,
            to,
            over_ms,
        } => Wire::AuthorityRotated(v1::AuthorityRotated {
            key: key_to_wire(*key).into(),
            former: former.to_vec(),
            to: to.to_vec(),
            over_ms: *over_ms,
        }),
        AuthorityChange::Retired { key, former, lost } => {
            Wire::AuthorityRetired(v1::AuthorityRetired {
                key: key_to_wire(*key).into(),
                former: former.to_vec(),
                lost: lost.iter().map(ToString::to_string).collect(),
            })
        }
        AuthorityChange::RootExported { shredded } => Wire::RootExported(v1::RootExported {
            shredded: *shredded,
        }),
    }
}

pub(super) fn rotated(wire: &v1::AuthorityRotated) -> Result<AuthorityChange, ConvertError> {
    Ok(AuthorityChange::Rotated {
        key: key_from_wire(wire.key())?,
        former: digest(&wire.former, "former")?,
        to: digest(&wire.to, "to")?,
        over_ms: wire.over_ms,
    })
}

pub(super) fn retired(wire: &v1::AuthorityRetired) -> Result<AuthorityChange, ConvertError> {
    let lost = wire.lost.iter().map(|agent| id(agent, "lost"));
    Ok(AuthorityChange::Retired {
        key: key_from_wire(wire.key())?,
        former: digest(&wire.former, "former")?,
        lost: lost.collect::<Result<_, _>>()?,
    })
}

const fn key_to_wire(key: AuthorityKey) -> v1::AuthorityKey {
    match key {
        AuthorityKey::Issuing => v1::AuthorityKey::Issuing,
        AuthorityKey::Orders => v1::AuthorityKey::Orders,
    }
}

const fn key_from_wire(key: v1::AuthorityKey) -> Result<AuthorityKey, ConvertError> {
    match key {
        v1::AuthorityKey::Issuing => Ok(AuthorityKey::Issuing),
        v1::AuthorityKey::Orders => Ok(AuthorityKey::Orders),
        v1::AuthorityKey::Unspecified => Err(ConvertError::Missing("key")),
    }
}
