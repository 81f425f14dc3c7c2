//! This moment, and what is drawn at it: the machine has neither clock nor chance.

use shanty_core::admission::Fresh;
use shanty_core::time::{LinkTime, Now};

use crate::clock::{link_ms, now_ms};

/// This moment.
pub(in crate::hub) fn now() -> Now {
    Now {
        wall_ms: now_ms(),
        link: LinkTime::from_ms(link_ms()),
    }
}

/// Random bits: those of a new UUID.
pub(in crate::hub) fn fresh() -> Fresh {
    Fresh::new(*uuid::Uuid::now_v7().as_bytes())
}
