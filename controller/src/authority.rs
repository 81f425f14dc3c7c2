//! The authority while it is open: how it stands, another key in the place of one of its own, and the end of the former.
//!
//! Each step is prepared in files that count for nothing, recorded, and then done; whoever starts next does what was recorded and not done.
//! Whether a step may be taken is the hub's to decide.

mod standing;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use shanty_certs::ca::{Ca, CaError};
use shanty_certs::orders::{OrderKeyError, OrderKeys};
use shanty_core::authority::{AuthorityChange, AuthorityKey};
use shanty_core::causes::chain;
use shanty_core::hub::Known;
use shanty_core::principal::Actor;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::text::sentence;
use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use crate::hub::Handle;
use crate::supervise::Supervisor;

pub use standing::{Host, Status, Takeup};

/// Between two looks whether all hosts have taken up a new key.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// The authority, for edges.
#[derive(Clone)]
pub struct Authority {
    ca: Arc<Ca>,
    orders: Arc<OrderKeys>,
    hub: Handle,
    /// Steps are taken one after another.
    one: Arc<Mutex<()>>,
    /// Within how long hosts take up the issuing key that was rotated last, milliseconds.
    turned: Arc<watch::Sender<u64>>,
    /// Other keys for orders than before.
    key_turned: Arc<watch::Sender<()>>,
}

impl Authority {
    /// Does what was recorded before and not done.
    ///
    /// # Errors
    /// The hub has stopped, or files of the authority cannot be used.
    pub async fn open(ca: Arc<Ca>, orders: Arc<OrderKeys>, hub: Handle) -> anyhow::Result<Self> {
        let known = hub.known().await;
        let known = known.map_err(|refusal| anyhow::anyhow!(refusal.what))?;
        let over_ms = known.state.authority.issuing.as_ref();
        let over_ms = over_ms.map_or(0, |rotation| rotation.over_ms);
        let authority = Self {
            ca,
            orders,
            hub,
            one: Arc::default(),
            turned: Arc::new(watch::Sender::new(over_ms)),
            key_turned: Arc::default(),
        };
        authority.settle(&known).await?;
        authority.catch_up(&known).await;
        Ok(authority)
    }

    /// How it stands.
    ///
    /// # Errors
    /// The hub has stopped, or a file cannot be read.
    pub async fn status(&self) -> Result<Status, Refusal> {
        let known = self.hub.known().await?;
        let orders = Arc::clone(&self.orders);
        self.blocking(move |ca| Status::of(&ca, &orders, &known, SystemTime::now()))
            .await
    }

    /// Has certificates come from a new issuing key. Hosts that are there renew within the time that is given, milliseconds.
    ///
    /// # Errors
    /// A rotation is under way, the root's key is not to be had, or it could not be recorded.
    pub async fn rotate_issuing(
        &self,
        by: Actor,
        root_key: Option<Zeroizing<Vec<u8>>>,
        over_ms: u64,
    ) -> Result<(), Refusal> {
        let _one = self.one.lock().await;
        let prepared = self.blocking(move |ca| {
            let former = *ca.status()?.issuing.pin.as_bytes();
            let to = ca.prepare(root_key.as_deref().map(Vec::as_slice), SystemTime::now())?;
            Ok((former, *to.as_bytes()))
        });
        let (former, to) = prepared.await?;
        let change = AuthorityChange::Rotated {
            key: AuthorityKey::Issuing,
            former,
            to,
            over_ms,
        };
        if let Err(refusal) = self.hub.change_authority(by, change).await {
            // Whether it was recorded is not known where the process stops meanwhile: then the next one looks.
            if refusal.code != Code::Stopping {
                self.blocking(|ca| ca.give_up()).await?;
            }
            return Err(refusal);
        }
        self.blocking(|ca| ca.activate(SystemTime::now())).await?;
        self.turned.send_replace(over_ms);
        tracing::info!("certificates come from another issuing key now, and hosts renew theirs");
        Ok(())
    }

    /// Signs orders with a new key. Hosts that are there hear of it at once, and others when they come back.
    ///
    /// # Errors
    /// A rotation is under way, or it could not be recorded.
    pub async fn rotate_orders(&self, by: Actor) -> Result<(), Refusal> {
        let _one = self.one.lock().await;
        // Before anything is drawn: what comes is told to hosts that know the one in use.
        if self.orders.former().is_some() {
            let known = self.hub.known().await?;
            let change = rotated_orders([0; 32], [0; 32]);
            known.state.authority.may(&change)?;
            return Err(refused(&CaError::NotRetired));
        }
        let (former, to) = self.of_orders(OrderKeys::prepare).await?;
        let change = rotated_orders(*former.as_bytes(), *to.as_bytes());
        if let Err(refusal) = self.hub.change_authority(by, change).await {
            if refusal.code != Code::Stopping {
                self.of_orders(OrderKeys::give_up).await?;
            }
            return Err(refusal);
        }
        self.of_orders(OrderKeys::activate).await?;
        self.key_turned.send_replace(());
        tracing::info!(
            key = to.id(),
            "orders are signed with another key now, for hosts that know it"
        );
        Ok(())
    }

    /// Ends what a former key signed, and says whom that costs its identity: nobody unless it is forced.
    ///
    /// # Errors
    /// Nothing is under way, hosts have not taken up the new one, or it could not be recorded.
    pub async fn retire(
        &self,
        by: Actor,
        key: AuthorityKey,
        force: bool,
    ) -> Result<Vec<Host>, Refusal> {
        let _one = self.one.lock().await;
        let status = self.status().await?;
        let takeup = match key {
            AuthorityKey::Issuing => status.issuing,
            AuthorityKey::Orders => status.order_keys,
        };
        let Some(takeup) = takeup else {
            let what = format!(
                "No rotation is under way: there is no former {}.",
                key.said()
            );
            return Err(Refusal::new(
                Code::NotFound,
                what,
                "`shanty ca status` says how it stands.",
            ));
        };
        let lost: Vec<Host> = takeup.missing().cloned().collect();
        if !force && !lost.is_empty() {
            return Err(takeup.not_yet(key));
        }
        let change = AuthorityChange::Retired {
            key,
            former: takeup.former,
            lost: lost.iter().map(|(agent, _)| *agent).collect(),
        };
        self.hub.change_authority(by, change).await?;
        match key {
            AuthorityKey::Issuing => self.blocking(|ca| ca.retire(SystemTime::now())).await?,
            AuthorityKey::Orders => {
                self.of_orders(OrderKeys::retire).await?;
                self.key_turned.send_replace(());
            }
        }
        tracing::info!(lost = lost.len(), "the former {} is retired", key.said());
        Ok(lost)
    }

    /// The root's private key, as PEM, once it is recorded that somebody has it.
    ///
    /// # Errors
    /// It is not here, or that could not be recorded.
    pub async fn root_key(&self, by: Actor) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let _one = self.one.lock().await;
        let key = self.blocking(|ca| ca.root_key()).await?;
        let change = AuthorityChange::RootExported { shredded: false };
        self.hub.change_authority(by, change).await?;
        Ok(key)
    }

    /// Deletes the root's private key, for whoever shows that they have it.
    ///
    /// # Errors
    /// What is shown is another, it is not here, or it could not be recorded.
    pub async fn shred_root_key(
        &self,
        by: Actor,
        shown: Zeroizing<Vec<u8>>,
    ) -> Result<(), Refusal> {
        let _one = self.one.lock().await;
        let checked = self.blocking(move |ca| {
            ca.root_key()?;
            ca.is_root_key(&shown)
                .then_some(())
                .ok_or(CaError::OtherRootKey)
        });
        checked.await?;
        let change = AuthorityChange::RootExported { shredded: true };
        self.hub.change_authority(by, change).await?;
        self.blocking(|ca| ca.shred_root_key()).await
    }

    /// The root certificate, as PEM.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.ca.root_pem()
    }

    /// Changes when hosts have something to renew.
    #[must_use]
    pub fn turns(&self) -> watch::Receiver<u64> {
        self.turned.subscribe()
    }

    /// Changes when there are other keys for orders.
    #[must_use]
    pub fn key_turns(&self) -> watch::Receiver<()> {
        self.key_turned.subscribe()
    }

    /// Within how long a host with this leaf renews, milliseconds, where it is by an issuing key that was replaced.
    #[must_use]
    pub fn is_superseded(&self, leaf: &[u8]) -> Option<u64> {
        self.ca.is_by_former(leaf).then(|| *self.turned.borrow())
    }

    async fn settle(&self, known: &Known) -> anyhow::Result<()> {
        let recorded = |key| {
            let last = known.state.authority.last(key);
            let retired = last.filter(|rotation| rotation.retired);
            (last.map(|last| last.to), retired.map(|last| last.former))
        };
        let (to, retired) = recorded(AuthorityKey::Issuing);
        let issuing =
            self.blocking(move |ca| ca.settle(to.as_ref(), retired.as_ref(), SystemTime::now()));
        let (to, retired) = recorded(AuthorityKey::Orders);
        let orders = self.of_orders(move |keys| keys.settle(to.as_ref(), retired.as_ref()));
        let said = |refusal: Refusal| anyhow::anyhow!(refusal.what);
        issuing.await.map_err(said)?;
        orders.await.map_err(said)
    }

    /// Records a rotation that the files know and the journal does not: it is an older one, put back beside a newer authority.
    async fn catch_up(&self, known: &Known) {
        let Ok(status) = self.status().await else {
            return;
        };
        let issuing = status
            .issuing
            .map(|takeup| (takeup.former, status.ca.issuing.pin));
        let issuing = issuing.map(|(former, to)| (AuthorityKey::Issuing, former, *to.as_bytes()));
        let current = *self.orders.current().public().as_bytes();
        let orders = status.order_keys.map(|takeup| takeup.former);
        let orders = orders.map(|former| (AuthorityKey::Orders, former, current));
        for (key, former, to) in issuing.into_iter().chain(orders) {
            let last = known.state.authority.rotating(key);
            if last.is_some_and(|last| last.former == former && last.to == to) {
                continue;
            }
            let change = AuthorityChange::Rotated {
                key,
                former,
                to,
                over_ms: 0,
            };
            if let Err(refusal) = self.hub.change_authority(Actor::Controller, change).await {
                tracing::warn!(
                    "a rotation of the {} is not in the journal: {}",
                    key.said(),
                    refusal.what
                );
            }
        }
    }

    /// Retires what every host has taken up the successor of.
    async fn look(&self) -> Result<(), Refusal> {
        for key in AuthorityKey::ALL {
            let has_former = match key {
                AuthorityKey::Issuing => self.ca.has_former(),
                AuthorityKey::Orders => self.orders.former().is_some(),
            };
            if !has_former {
                continue;
            }
            // Not yet, or somebody was faster.
            let later = [Code::Offline, Code::Stale, Code::NotFound, Code::Stopping];
            match self.retire(Actor::Controller, key, false).await {
                Err(refusal) if !later.contains(&refusal.code) => return Err(refusal),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// The same of the keys for orders.
    async fn of_orders<T: Send + 'static>(
        &self,
        work: impl FnOnce(&OrderKeys) -> Result<T, OrderKeyError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let orders = Arc::clone(&self.orders);
        let done = spawn_blocking(move || work(&orders)).await;
        let failed = |what: String| {
            let next = "Look at the controller's log and at its directory `ca`.";
            Refusal::new(Code::Storage, sentence(&what), next)
        };
        let done = done.map_err(|error| failed(chain(&error)))?;
        done.map_err(|error| failed(chain(&error)))
    }

    /// Files are read and written beside the tasks of the runtime.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Ca>) -> Result<T, CaError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let ca = Arc::clone(&self.ca);
        let done = spawn_blocking(move || work(ca)).await;
        let done = done.map_err(|error| {
            Refusal::new(
                Code::Storage,
                sentence(&chain(&error)),
                "Look at the controller's log.",
            )
        })?;
        done.map_err(|error| refused(&error))
    }
}

/// Starts looking whether hosts have taken up what was rotated.
pub fn start(supervisor: &mut Supervisor, authority: Authority) {
    let shutdown = supervisor.shutdown();
    supervisor.start("authority", async move {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = looks.tick() => {}
            }
            if let Err(refusal) = authority.look().await {
                tracing::warn!("a former key is not retired yet: {}", refusal.what);
            }
        }
    });
}

const fn rotated_orders(former: [u8; 32], to: [u8; 32]) -> AuthorityChange {
    AuthorityChange::Rotated {
        key: AuthorityKey::Orders,
        former,
        to,
        over_ms: 0,
    }
}

/// What is wrong with the authority's files, or with what was brought, for people.
fn refused(error: &CaError) -> Refusal {
    let what = sentence(&chain(error));
    let (code, next) = match error {
        CaError::NoRootKey { .. } => (
            Code::NotFound,
            "It was taken off the controller: what needs it takes `--root-key FILE`.",
        ),
        CaError::OtherRootKey => (
            Code::BadOption,
            "`shanty ca status` says the pin of the root; give the file that `shanty ca export --root` wrote.",
        ),
        CaError::NotRetired => (
            Code::Stale,
            "`shanty ca status` says which hosts it waits for; it is retired when there are none. `shanty ca retire --force` does not wait.",
        ),
        CaError::File(_)
        | CaError::Content { .. }
        | CaError::RootKeyAway { .. }
        | CaError::Clock
        | CaError::OwnKey
        | CaError::Crypto(..) => (
            Code::Storage,
            "Look at the controller's log and at its directory `ca`.",
        ),
    };
    Refusal::new(code, what, next)
}

#[cfg(test)]
mod tests;
