//! Between the wire's types and those of the core. What a peer sends is checked here: an id that is none, a missing field or a text that
//! is too long is an error that names the field, never a default.

mod authority;
mod input;
mod journal;
mod live;
mod order;
mod principal;
mod rollout;
mod run;
mod upkeep;

use shanty_core::ids::{IdError, Labels};
use thiserror::Error;

pub use input::{input_from_wire, input_to_wire};
pub use journal::{record_from_wire, record_to_wire};
pub use live::{facts_from_wire, metrics_from_wire, told_from_wire};
pub use order::{ReceivedOrder, order_from_wire, order_to_wire};
pub use principal::{principal_from_wire, principal_to_wire};
pub use run::{outcome_from_wire, outcome_to_wire};

/// A message that does not say what it must.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// A field that must be there is not.
    #[error("field `{0}` is missing")]
    Missing(&'static str),
    /// A field holds something that it cannot hold.
    #[error("field `{field}` is not valid")]
    Invalid {
        /// Its name.
        field: &'static str,
        /// Why, when an id or name was expected.
        #[source]
        source: Option<IdError>,
    },
}

fn id<T: std::str::FromStr<Err = IdError>>(
    text: &str,
    field: &'static str,
) -> Result<T, ConvertError> {
    text.parse().map_err(|source| ConvertError::Invalid {
        field,
        source: Some(source),
    })
}

fn digest(bytes: &[u8], field: &'static str) -> Result<[u8; 32], ConvertError> {
    bytes.try_into().map_err(|_| ConvertError::Invalid {
        field,
        source: None,
    })
}

/// Labels from a map, checked.
///
/// # Errors
/// Names the first label outside the grammar.
pub fn labels_from_wire(
    map: &std::collections::HashMap<String, String>,
) -> Result<Labels, ConvertError> {
    let mut labels = Labels::default();
    for (key, value) in map {
        labels
            .insert(key, value)
            .map_err(|source| ConvertError::Invalid {
                field: "labels",
                source: Some(source),
            })?;
    }
    Ok(labels)
}

/// Labels as a map.
#[must_use]
pub fn labels_to_wire(labels: &Labels) -> std::collections::HashMap<String, String> {
    labels
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
