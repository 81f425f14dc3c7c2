//! Several selectors among the same hosts.

use super::super::{Host, Resolution, SCANS_MAX, Scope, Selector, SelectorError};
use super::set::Set;
use super::{Absence, Evaluation};

/// Globs and the like that are tried for all that is counted: a key waits for it.
const COUNTED_SCANS_MAX: usize = 4;

/// Evaluates several selectors among the same hosts: what finds hosts by name and label is built once.
pub struct Evaluator<'h, 's>(Evaluation<'h, 's>);

impl<'h, 's> Evaluator<'h, 's> {
    /// For these hosts.
    #[must_use]
    pub fn new(hosts: &'h [Host<'h>], scope: Scope<'s>) -> Self {
        Self(Evaluation::new(hosts, scope))
    }

    /// As [`Selector::resolve`].
    ///
    /// # Errors
    /// At least one and at most [`crate::selector::ERRORS_MAX`].
    pub fn resolve(&mut self, selector: &Selector) -> Result<Resolution, Vec<SelectorError>> {
        self.0.begin();
        self.0.resolve(&selector.clauses)
    }

    /// How many hosts a selector stands for. A part that matches nothing is no error here. All that is counted by one evaluator has one
    /// bound on what is tried on every host: nothing past it, so that a row of heavy groups holds up nobody.
    #[must_use]
    pub fn count(&mut self, selector: &Selector) -> Option<usize> {
        let begin = SCANS_MAX - COUNTED_SCANS_MAX;
        let found = self.members(selector, begin + self.0.counted);
        self.0.counted = self.0.scans - begin;
        (self.0.scans <= SCANS_MAX).then(|| found.len())
    }

    /// The hosts that a selector stands for. A part that matches nothing is no error here.
    pub fn hosts(&mut self, selector: &Selector) -> Vec<&'h Host<'h>> {
        let hosts = self.0.hosts;
        let found = self.members(selector, 0);
        let is_in = |(at, _): &(usize, &Host<'_>)| found.has(*at);
        hosts
            .iter()
            .enumerate()
            .filter(is_in)
            .map(|(_, host)| host)
            .collect()
    }

    /// Every label that a host has, by key and value, with how many have it.
    pub(in crate::selector) fn labels(&mut self) -> Vec<((&'h str, &'h str), usize)> {
        let labels = self.0.index.labels().iter();
        labels
            .flat_map(|(key, values)| {
                values
                    .iter()
                    .map(|(value, places)| ((*key, *value), places.len()))
            })
            .collect()
    }

    fn members(&mut self, selector: &Selector, scans: usize) -> Set {
        self.0.begin();
        self.0.scans = scans;
        self.0.counting = true;
        self.0.clauses(&selector.clauses, Absence::Allowed)
    }
}
