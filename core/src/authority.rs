//! What changes of the authority of an installation, step by step, as it is recorded: keys that take the place of others, the end of the
//! former ones, and the root's key that goes elsewhere. Keys are hashes or public keys here; what stands in a file is not known.

use crate::ids::AgentId;
use crate::refusal::{Code, Refusal};

/// The hash of a public key, or a public key.
pub type Key = [u8; 32];

/// A key of the authority that another can take the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityKey {
    /// What certificates of hosts and of the controller come from; told by the hash of its public half.
    Issuing,
    /// What orders are signed with; told by its public half.
    Orders,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthorityChange {
    /// Another key is in use from now on. What the former signed is good still, and hosts take up the new one.
    Rotated {
        /// Which.
        key: AuthorityKey,
        /// The former.
        former: Key,
        /// The one in use.
        to: Key,
        /// Hosts that are there take it up within this time, milliseconds.
        over_ms: u64,
    },
    /// What the former key signed is good for nothing any more.
    Retired {
        /// Which.
        key: AuthorityKey,
        /// The former.
        former: Key,
        /// Hosts that had not taken up the new one: they have to join anew.
        lost: Vec<AgentId>,
    },
    /// The root's private key was copied.
    RootExported {
        /// And is deleted here.
        shredded: bool,
    },
}

/// How far the authority's changes have come, by the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// The last rotation of the issuing key.
    pub issuing: Option<Rotation>,
    /// The last rotation of the key that orders are signed with.
    pub orders: Option<Rotation>,
    /// When the root's private key was deleted here the last time, milliseconds since the Unix epoch.
    pub root_shredded_ms: Option<u64>,
}

/// A key that took the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The former.
    pub former: Key,
    /// The one in use.
    pub to: Key,
    /// Since when, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Hosts take it up within this time, milliseconds.
    pub over_ms: u64,
    /// The former counts for nothing any more.
    pub retired: bool,
}

impl AuthorityKey {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Issuing, Self::Orders];

    /// Its name in records and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuing => "issuing",
            Self::Orders => "orders",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn said(self) -> &'static str {
        match self {
            Self::Issuing => "issuing certificate",
            Self::Orders => "key for orders",
        }
    }
}

impl Authority {
    /// The last rotation of a key.
    #[must_use]
    pub const fn last(&self, key: AuthorityKey) -> Option<&Rotation> {
        match key {
            AuthorityKey::Issuing => self.issuing.as_ref(),
            AuthorityKey::Orders => self.orders.as_ref(),
        }
    }

    /// The rotation of a key that is under way.
    #[must_use]
    pub fn rotating(&self, key: AuthorityKey) -> Option<&Rotation> {
        self.last(key).filter(|rotation| !rotation.retired)
    }

    /// Whether a step may be taken now: each follows from how it stands, so of two at once the second is refused.
    ///
    /// # Errors
    /// What is under way, and what to do next.
    pub fn may(&self, change: &AuthorityChange) -> Result<(), Refusal> {
        match change {
            AuthorityChange::Rotated { key, .. } => match self.rotating(*key) {
                Some(_) => Err(under_way(*key)),
                None => Ok(()),
            },
            AuthorityChange::Retired { key, former, .. } => {
                let stands = |last: &Rotation| last.former == *former && !last.retired;
                // One that this journal does not know: it is an older one that was put back beside a newer authority.
                let unknown = |last: &Rotation| last.retired && last.former != *former;
                let last = self.last(*key);
                match last.is_none_or(|last| stands(last) || unknown(last)) {
                    true => Ok(()),
                    false => Err(not_under_way(*key)),
                }
            }
            AuthorityChange::RootExported { .. } => Ok(()),
        }
    }

    /// Takes what was recorded.
    pub(crate) fn apply(&mut self, change: &AuthorityChange, at_ms: u64) {
        match change {
            AuthorityChange::Rotated {
                key,
                former,
                to,
                over_ms,
            } => {
                *self.last_mut(*key) = Some(Rotation {
                    former: *former,
                    to: *to,
                    since_ms: at_ms,
                    over_ms: *over_ms,
                    retired: false,
                });
            }
            AuthorityChange::Retired { key, former, .. } => {
                let last = self.last_mut(*key).as_mut();
                if let Some(last) = last.filter(|last| last.former == *former) {
                    last.retired = true;
                }
            }
            AuthorityChange::RootExported { shredded } => {
                if *shredded {
                    self.root_shredded_ms = Some(at_ms);
                }
            }
        }
    }

    const fn last_mut(&mut self, key: AuthorityKey) -> &mut Option<Rotation> {
        match key {
            AuthorityKey::Issuing => &mut self.issuing,
            AuthorityKey::Orders => &mut self.orders,
        }
    }

    /// Few changes that come to it, with when.
    pub(crate) fn changes(&self) -> Vec<(u64, AuthorityChange)> {
        let mut out = Vec::new();
        for key in AuthorityKey::ALL {
            let Some(last) = self.last(key) else {
                continue;
            };
            let former = last.former;
            let rotated = AuthorityChange::Rotated {
                key,
                former,
                to: last.to,
                over_ms: last.over_ms,
            };
            out.push((last.since_ms, rotated));
            if last.retired {
                let lost = Vec::new();
                out.push((0, AuthorityChange::Retired { key, former, lost }));
            }
        }
        if let Some(at_ms) = self.root_shredded_ms {
            out.push((at_ms, AuthorityChange::RootExported { shredded: true }));
        }
        out
    }
}

fn under_way(key: AuthorityKey) -> Refusal {
    let said = key.said();
    let what = format!("The {said} was rotated, and the former is not retired yet.");
    let next = "`shanty ca status` says which hosts it waits for; it is retired when there are none. `shanty ca retire --force` does not wait.";
    Refusal::new(Code::Stale, what, next)
}

fn not_under_way(key: AuthorityKey) -> Refusal {
    let what = format!("That {} is retired already.", key.said());
    Refusal::new(Code::Stale, what, "`shanty ca status` says how it stands.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn rotated(former: u8, to: u8) -> AuthorityChange {
        AuthorityChange::Rotated {
            key: AuthorityKey::Issuing,
            former: [former; 32],
            to: [to; 32],
            over_ms: 600_000,
        }
    }

    const fn retired(former: u8) -> AuthorityChange {
        let former = [former; 32];
        let lost = Vec::new();
        AuthorityChange::Retired {
            key: AuthorityKey::Issuing,
            former,
            lost,
        }
    }

    /// Takes a step if it may be taken.
    fn step(authority: &mut Authority, change: &AuthorityChange) -> bool {
        let may = authority.may(change).is_ok();
        if may {
            authority.apply(change, 7);
        }
        may
    }

    #[test]
    fn of_two_rotations_at_once_the_second_is_refused_until_the_first_is_over() {
        let mut authority = Authority::default();
        assert!(step(&mut authority, &rotated(1, 2)));
        assert!(!step(&mut authority, &rotated(1, 3)));
        assert!(!step(&mut authority, &rotated(2, 3)));
        assert!(!step(&mut authority, &retired(2)), "that is the one in use");
        assert!(step(&mut authority, &retired(1)));
        assert!(!step(&mut authority, &retired(1)), "once");
        assert!(step(&mut authority, &rotated(2, 3)));
        assert_eq!(
            authority.rotating(AuthorityKey::Issuing).unwrap().former,
            [2; 32]
        );
    }

    #[test]
    fn each_key_has_rotations_of_its_own() {
        let mut authority = Authority::default();
        let orders = AuthorityChange::Rotated {
            key: AuthorityKey::Orders,
            former: [1; 32],
            to: [2; 32],
            over_ms: 0,
        };
        assert!(step(&mut authority, &orders) && step(&mut authority, &rotated(1, 2)));
        let said = authority.may(&orders).unwrap_err();
        assert!(said.what.contains("key for orders"), "{said:?}");
    }

    #[test]
    fn a_rotation_that_an_older_journal_does_not_know_can_be_ended() {
        let mut authority = Authority::default();
        assert!(step(&mut authority, &retired(5)));
        assert!(step(&mut authority, &rotated(1, 2)));
        assert!(step(&mut authority, &retired(1)));
        assert!(step(&mut authority, &retired(9)));
    }

    fn changes() -> impl Strategy<Value = Vec<AuthorityChange>> {
        let one = prop_oneof![
            (0..4_u8, 0..4_u8).prop_map(|(former, to)| rotated(former, to)),
            (0..4_u8).prop_map(retired),
            any::<bool>().prop_map(|shredded| AuthorityChange::RootExported { shredded }),
        ];
        prop::collection::vec(one, 0..12)
    }

    proptest! {
        #[test]
        fn whatever_is_tried_one_is_under_way_at_most_and_few_records_say_it(tried in changes()) {
            let mut authority = Authority::default();
            let mut open: Option<Key> = None;
            for change in &tried {
                let taken = step(&mut authority, change);
                match (change, taken) {
                    (AuthorityChange::Rotated { former, .. }, true) => {
                        prop_assert!(open.is_none());
                        open = Some(*former);
                    }
                    (AuthorityChange::Retired { former, .. }, true) if open.is_some() => {
                        prop_assert_eq!(open.take(), Some(*former));
                    }
                    (AuthorityChange::Rotated { .. }, false) => prop_assert!(open.is_some()),
                    (AuthorityChange::Retired { .. } | AuthorityChange::RootExported { .. }, _) => {}
                }
                prop_assert_eq!(authority.rotating(AuthorityKey::Issuing).map(|one| one.former), open);
            }
            let mut again = Authority::default();
            for (at_ms, change) in authority.changes() {
                again.apply(&change, at_ms);
            }
            prop_assert_eq!(again, authority);
        }
    }
}
