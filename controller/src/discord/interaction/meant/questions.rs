//! Refusals with buttons that were shown: which to delete once they are answered, and who may take what is kept for them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::discord::interaction::run::Shown;

/// Refusals that go once they are answered; past it the oldest stays, and its buttons say that it was answered.
const SHOWN_MAX: usize = 256;

/// Refusals with buttons: each is one question, and has one answer.
#[derive(Default)]
pub(in crate::discord) struct Questions {
    /// Who holds it takes or gives back all requests of a refusal.
    pub(super) taking: tokio::sync::Mutex<()>,
    /// What deletes each refusal, as long as Discord lets it.
    shown: Mutex<VecDeque<Shown>>,
}

impl Questions {
    pub(super) fn remember(&self, shown: Shown) {
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SHOWN_MAX {
            all.pop_front();
        }
        all.push_back(shown);
    }

    /// The refusal of this interaction, which is remembered no longer.
    pub(super) fn take(&self, interaction: u64) -> Option<Shown> {
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |shown: &Shown| shown.invocation.interaction == interaction;
        let at = all.iter().position(is_it)?;
        all.remove(at)
    }
}
