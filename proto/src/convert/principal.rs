//! Who did it, and where it was asked.

use shanty_core::principal::{Actor, Place, Principal};

use super::{ConvertError, id};
use crate::v1;

pub(super) fn actor_to_wire(actor: &Actor) -> v1::Actor {
    use v1::actor::Kind as Wire;
    let kind = match actor {
        Actor::Chat { user, place } => Wire::Chat(v1::Chat {
            user: *user,
            place: place.as_ref().map(place_to_wire),
        }),
        Actor::Socket { user } => Wire::Socket(user.clone()),
        Actor::Host(agent) => Wire::Host(agent.to_string()),
        Actor::Controller => Wire::Controller(true),
    };
    v1::Actor { kind: Some(kind) }
}

pub(super) fn actor_from_wire(wire: &v1::Actor) -> Result<Actor, ConvertError> {
    use v1::actor::Kind as Wire;
    Ok(match &wire.kind {
        Some(Wire::Chat(chat)) => Actor::Chat {
            user: chat.user,
            place: chat.place.as_ref().map(place_from_wire),
        },
        Some(Wire::Socket(user)) => Actor::Socket { user: user.clone() },
        Some(Wire::Host(agent)) => Actor::Host(id(agent, "actor.host")?),
        Some(Wire::Controller(_)) => Actor::Controller,
        None => return Err(ConvertError::Missing("actor.kind")),
    })
}

pub(super) const fn place_to_wire(place: &Place) -> v1::Place {
    v1::Place {
        guild: place.guild,
        channel: place.channel,
        parent: place.parent,
        interaction: place.interaction,
    }
}

pub(super) const fn place_from_wire(place: &v1::Place) -> Place {
    Place {
        guild: place.guild,
        channel: place.channel,
        parent: place.parent,
        interaction: place.interaction,
    }
}

/// A principal as the command line is told.
#[must_use]
pub fn principal_to_wire(principal: &Principal) -> v1::Principal {
    use v1::principal::Kind as Wire;
    let kind = match principal {
        Principal::Discord(user) => Wire::Discord(*user),
        Principal::Local(user) => Wire::Local(user.clone()),
    };
    v1::Principal { kind: Some(kind) }
}

/// A principal as the command line was told.
///
/// # Errors
/// Neither kind is set.
pub fn principal_from_wire(wire: &v1::Principal) -> Result<Principal, ConvertError> {
    use v1::principal::Kind as Wire;
    match &wire.kind {
        Some(Wire::Discord(user)) => Ok(Principal::Discord(*user)),
        Some(Wire::Local(user)) => Ok(Principal::Local(user.clone())),
        None => Err(ConvertError::Missing("principal.kind")),
    }
}
