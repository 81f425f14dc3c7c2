//! Hubs that are broken on purpose: each changes what a sound hub asks for, and must be found out.

use shanty_core::hub::Effect;

/// What is wrong with the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An order goes out again when the host was told to forget the execution.
    OrdersAgainAfterRelease,
    /// A host may forget an execution as soon as it says that it runs.
    ReleasesBeforeTheEndIsStored,
    /// A person is told before the record is written.
    AnswersBeforeTheRecord,
    /// Orders go out when a run is accepted.
    OrdersBeforeGo,
    /// A removed host is told to stop what it runs.
    SpeaksToTheRemoved,
    /// A hold is not looked at.
    StartsOnHold,
    /// A link that ends means that nothing has begun.
    SaysNotStartedOfWhatRan,
    /// That a run is over is not recorded.
    ForgetsToClose,
}

/// True for an effect that this fault keeps back.
pub(crate) fn keeps_back(fault: Option<Fault>, effect: &Effect) -> bool {
    use shanty_core::journal::Kind;
    match (fault, effect) {
        (Some(Fault::ForgetsToClose), Effect::Append { records, .. }) => {
            records.iter().any(|r| matches!(r.kind, Kind::Closed(_)))
        }
        _ => false,
    }
}
