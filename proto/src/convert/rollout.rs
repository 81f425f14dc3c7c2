//! How a run goes through its hosts.

use shanty_core::run::{Amount, Pauses, Rollout};

use super::ConvertError;
use crate::v1;

pub(super) fn rollout_to_wire(rollout: &Rollout) -> v1::Rollout {
    v1::Rollout {
        batch: rollout.batch.iter().copied().map(amount_to_wire).collect(),
        parallel: rollout.parallel.unwrap_or(0),
        max_fail: rollout.max_fail.map(amount_to_wire),
        pauses: match rollout.pause {
            Pauses::Never => v1::Pauses::Never,
            Pauses::First => v1::Pauses::First,
            Pauses::Every => v1::Pauses::Every,
        }
        .into(),
    }
}

/// One that this version does not understand is damaged to it: it must not run on more hosts at once than was asked for.
pub(super) fn rollout_from_wire(wire: &v1::Rollout) -> Result<Rollout, ConvertError> {
    let pauses = v1::Pauses::try_from(wire.pauses);
    Ok(Rollout {
        batch: wire.batch.iter().map(amount).collect::<Result<_, _>>()?,
        parallel: Some(wire.parallel).filter(|parallel| *parallel > 0),
        max_fail: wire.max_fail.as_ref().map(amount).transpose()?,
        pause: match pauses.map_err(|_| ConvertError::Missing("pauses"))? {
            v1::Pauses::Never => Pauses::Never,
            v1::Pauses::First => Pauses::First,
            v1::Pauses::Every => Pauses::Every,
        },
    })
}

fn amount_to_wire(amount: Amount) -> v1::Amount {
    use v1::amount::Kind as Wire;
    let kind = match amount {
        Amount::Hosts(n) => Wire::Hosts(n),
        Amount::Percent(percent) => Wire::Percent(percent),
    };
    v1::Amount { kind: Some(kind) }
}

fn amount(wire: &v1::Amount) -> Result<Amount, ConvertError> {
    use v1::amount::Kind as Wire;
    match wire.kind {
        Some(Wire::Hosts(n)) => Ok(Amount::Hosts(n)),
        Some(Wire::Percent(percent)) => Ok(Amount::Percent(percent)),
        None => Err(ConvertError::Missing("amount")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_went_or_not_at_all() {
        for rollout in [
            Rollout::default(),
            Rollout {
                batch: vec![Amount::Hosts(1), Amount::Percent(10)],
                parallel: Some(20),
                max_fail: Some(Amount::Hosts(0)),
                pause: Pauses::First,
            },
            Rollout {
                max_fail: Some(Amount::Percent(2)),
                pause: Pauses::Every,
                ..Rollout::default()
            },
        ] {
            let again = rollout_from_wire(&rollout_to_wire(&rollout));
            assert_eq!(again.unwrap(), rollout);
        }
        let newer = v1::Rollout {
            batch: vec![v1::Amount { kind: None }],
            ..v1::Rollout::default()
        };
        let read = rollout_from_wire(&newer);
        assert!(matches!(read, Err(ConvertError::Missing("amount"))));
        let newer = v1::Rollout {
            pauses: 9,
            ..v1::Rollout::default()
        };
        let read = rollout_from_wire(&newer);
        assert!(matches!(read, Err(ConvertError::Missing("pauses"))));
    }
}
