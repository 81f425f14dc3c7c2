//! How the authority stands, and which hosts have taken up what was rotated.

use std::time::{Duration, SystemTime};

use shanty_certs::ca::{Ca, CaError, CaStatus};
use shanty_core::authority::Key;
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
    /// The rotation of the issuing key that is under way.
    pub issuing: Option<Takeup>,
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
        orders: String,
        known: &Known,
        now: SystemTime,
    ) -> Result<Self, CaError> {
        let status = ca.status()?;
        let issuing = status.former.map(|former| {
            let former = *former.pin.as_bytes();
            let rotation = known.state.authority.issuing.as_ref();
            let rotation = rotation.filter(|rotation| rotation.former == former);
            let late = Duration::from_millis(known.settings.identities.late_ms);
            let mut takeup = Takeup {
                former,
                since_ms: rotation.map_or(0, |rotation| rotation.since_ms),
                taken: 0,
                pending: Vec::new(),
                away: Vec::new(),
            };
            for (agent, host) in known.state.hosts.iter() {
                takeup.count(ca, known, (*agent, host), (now, late));
            }
            takeup.pending.sort_by(|a, b| a.1.cmp(&b.1));
            takeup.away.sort_by(|a, b| a.1.cmp(&b.1));
            takeup
        });
        Ok(Self {
            ca: status,
            orders,
            issuing,
        })
    }
}

impl Takeup {
    /// Who has not.
    pub fn missing(&self) -> impl Iterator<Item = &Host> {
        self.pending.iter().chain(&self.away)
    }

    fn count(
        &mut self,
        ca: &Ca,
        known: &Known,
        (agent, host): (AgentId, &HostEntry),
        (now, late): (SystemTime, Duration),
    ) {
        if host.revoked {
            return;
        }
        let current = &host.certificates.current().leaf;
        if !ca.is_by_former(current) {
            self.taken += 1;
            return;
        }
        // What ran out too long ago is renewed no more, whoever signed it.
        if Ca::runs_out(current).is_some_and(|end| end + late < now) {
            return;
        }
        let name = host.enrolment.name.clone();
        match known.fleet.is_online(agent) {
            true => self.pending.push((agent, name)),
            false => self.away.push((agent, name)),
        }
    }

    /// That it cannot be retired yet, and who is why.
    pub(super) fn not_yet(&self) -> Refusal {
        let missing = self.pending.len() + self.away.len();
        let names = self.missing().map(|(_, name)| name.as_str());
        let what = format!(
            "{} {} a certificate by the former issuing certificate still: {}.",
            count(missing, "host"),
            if missing == 1 { "has" } else { "have" },
            cut(&fold(names), NAMES_CHARS_MAX)
        );
        let next = "Those that are there renew by themselves, and those that are away when they come back. `--force` does not wait: these would \
                    have to join anew.";
        Refusal::new(Code::Offline, what, next)
    }
}
