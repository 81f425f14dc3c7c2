//! How the authority stands, and which hosts have taken up what was rotated.

use std::time::{Duration, SystemTime};

use shanty_certs::ca::{Ca, CaError, CaStatus};
use shanty_certs::orders::OrderKeys;
use shanty_core::authority::{AuthorityKey, Key};
use shanty_core::hub::Known;
use shanty_core::ids::{AgentId, HostName};
use shanty_core::journal::HostEntry;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::selector::fold::fold;
use shanty_core::text::{count, cut};

/// Characters of names in a refusal.
const NAMES_CHARS_MAX: usize = 600;

/// How the authority stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its certificates.
    pub ca: CaStatus,
    /// The id of the key that orders are signed with.
    pub orders: String,
    /// Of the one before, until it is retired.
    pub former_orders: Option<String>,
    /// The rotation of the issuing key that is under way.
    pub issuing: Option<Takeup>,
    /// The rotation of the key for orders that is under way.
    pub order_keys: Option<Takeup>,
}

/// A host.
pub type Host = (AgentId, HostName);

/// Who has taken up a new key. Hosts that may not come back are not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takeup {
    /// The former.
    pub former: Key,
    /// Since when, milliseconds since the Unix epoch; zero where the journal does not know it.
    pub since_ms: u64,
    /// Hosts that have.
    pub taken: usize,
    /// Hosts that are there and have not.
    pub pending: Vec<Host>,
    /// Hosts that are away and have not.
    pub away: Vec<Host>,
}

impl Status {
    /// By the files, the records and the hosts that are there.
    pub(super) fn of(
        ca: &Ca,
        orders: &OrderKeys,
        known: &Known,
        now: SystemTime,
    ) -> Result<Self, CaError> {
        let status = ca.status()?;
        let late = Duration::from_millis(known.settings.identities.late_ms);
        let issuing = status.former.map(|former| {
            let has = |host: &HostEntry| {
                let leaf = &host.certificates.current().leaf;
                if !ca.is_by_former(leaf) {
                    return Some(true);
                }
                // What ran out too long ago is renewed no more, whoever signed it.
                let end = Ca::runs_out(leaf);
                end.is_none_or(|end| end + late >= now).then_some(false)
            };
            Takeup::of(AuthorityKey::Issuing, *former.pin.as_bytes(), known, has)
        });
        let current = *orders.current().public().as_bytes();
        let order_keys = orders.former().map(|former| {
            let has = |host: &HostEntry| Some(host.order_key == Some(current));
            Takeup::of(
                AuthorityKey::Orders,
                *former.public().as_bytes(),
                known,
                has,
            )
        });
        Ok(Self {
            ca: status,
            orders: orders.current().public().id(),
            former_orders: orders.former().map(|former| former.public().id()),
            issuing,
            order_keys,
        })
    }
}

impl Takeup {
    /// Who has not.
    pub fn missing(&self) -> impl Iterator<Item = &Host> {
        self.pending.iter().chain(&self.away)
    }

    /// Of all hosts that may come back: `has` says whether one has the new key, and nothing of one that is not waited for.
    fn of(
        key: AuthorityKey,
        former: Key,
        known: &Known,
        has: impl Fn(&HostEntry) -> Option<bool>,
    ) -> Self {
        let last = known.state.authority.last(key);
        let last = last.filter(|rotation| rotation.former == former);
        let mut takeup = Self {
            former,
            since_ms: last.map_or(0, |rotation| rotation.since_ms),
            taken: 0,
            pending: Vec::new(),
            away: Vec::new(),
        };
        let hosts = known.state.hosts.iter().filter(|(_, host)| !host.revoked);
        for (agent, host) in hosts {
            let name = host.enrolment.name.clone();
            match has(host) {
                Some(true) => takeup.taken += 1,
                Some(false) if known.fleet.is_online(*agent) => takeup.pending.push((*agent, name)),
                Some(false) => takeup.away.push((*agent, name)),
                None => {}
            }
        }
        takeup.pending.sort_by(|a, b| a.1.cmp(&b.1));
        takeup.away.sort_by(|a, b| a.1.cmp(&b.1));
        takeup
    }

    /// That it cannot be retired yet, and who is why.
    pub(super) fn not_yet(&self, key: AuthorityKey) -> Refusal {
        let missing = self.pending.len() + self.away.len();
        let names = self.missing().map(|(_, name)| name.as_str());
        let what = format!(
            "{} {} not taken up the new {} yet: {}.",
            count(missing, "host"),
            if missing == 1 { "has" } else { "have" },
            key.said(),
            cut(&fold(names), NAMES_CHARS_MAX)
        );
        let next = "Those that are there do it by themselves, and those that are away when they come back. `--force` does not wait: these would \
                    have to join anew.";
        Refusal::new(Code::Offline, what, next)
    }
}
