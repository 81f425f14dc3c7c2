//! Several selectors among the same hosts.

use super::super::{Host, Resolution, Scope, Selector, SelectorError};
use super::set::Set;
use super::{Absence, Evaluation};

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

    /// How many hosts a selector stands for. A part that matches nothing is no error here.
    pub fn count(&mut self, selector: &Selector) -> usize {
        self.members(selector).len()
    }

    /// The hosts that a selector stands for. A part that matches nothing is no error here.
    pub fn hosts(&mut self, selector: &Selector) -> Vec<&'h Host<'h>> {
        let hosts = self.0.hosts;
        let found = self.members(selector);
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

    fn members(&mut self, selector: &Selector) -> Set {
        self.0.begin();
        self.0.counting = true;
        self.0.clauses(&selector.clauses, Absence::Allowed)
    }
}
