//! The numeric ids of components.

use std::collections::BTreeSet;

use serde_json::Value;

use super::visit;
use crate::error::Form;
use crate::field::Fields;

/// The numeric ids of components: those that a request gives, and the next ones for the others.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    reserved: BTreeSet<u64>,
    given: BTreeSet<u64>,
    next: u64,
}

impl Ids {
    /// Leaves the ids that the request gives to their components.
    pub(crate) fn reserve(list: &[Value]) -> Self {
        let mut reserved = BTreeSet::new();
        visit(list, &mut |component| {
            reserved.extend(component.get("id").and_then(Value::as_u64));
        });
        Self {
            reserved,
            ..Self::default()
        }
    }

    /// The id of a component.
    pub(crate) fn of(&mut self, fields: Fields<'_>, form: &mut Form) -> u64 {
        let most = u64::from(i32::MAX.unsigned_abs());
        // Zero asks for any.
        let given = fields.integer(form, "id", 0..=most).filter(|id| *id > 0);
        if let Some(id) = given {
            if !self.given.insert(id) {
                let message = "Component id cannot be duplicated";
                form.fault(&fields.path("id"), "COMPONENT_ID_DUPLICATED", message);
            }
            return id;
        }
        self.next = self.next.saturating_add(1);
        while self.reserved.contains(&self.next) {
            self.next = self.next.saturating_add(1);
        }
        self.next
    }
}
