//! What a command gets here for which nobody asks for anything else, as the executor tells it.

use crate::shim::command::Account;

use super::Config;

/// As whom, and how much.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// The user that it runs as; empty when that is not known.
    pub run_as: String,
    /// What it may use as a whole, for people; empty when nothing limits it.
    pub limits: String,
}

impl Offers {
    pub(super) fn of(config: &Config) -> Self {
        let own = || Account::find(None).map(|account| account.name().to_owned());
        let first = config.run_as.first().cloned();
        Self {
            run_as: first.unwrap_or_else(|| own().unwrap_or_default()),
            limits: config.limits.clone(),
        }
    }
}
