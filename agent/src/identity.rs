//! The identity that a link is dialled with: the one in use, and the next one once there is one.
//!
//! In the data directory `identity.pem` is the one in use, `next.key` a key for which a certificate was asked, and `next.pem` what came of it.
//! Each step is one file that is written or renamed whole, so an agent that is killed between any two goes on where it stood: a key that is
//! kept is asked for again, a next identity is dialled with first, and is in use after its first link.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::ClientConfig;
use shanty_certs::agent::{AgentIdentity, AgentIdentityError, AgentKey, IDENTITY_BYTES_MAX};
use shanty_certs::files::{self, FileError};
use shanty_certs::late::{self, Binding};
use shanty_certs::tls::{self, TlsError};
use shanty_certs::token::RootPin;
use thiserror::Error;

use crate::config::DataDir;

/// Why an identity cannot be renewed.
#[derive(Debug, Error)]
pub(crate) enum RenewalError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What came is no identity of ours.
    #[error(transparent)]
    Identity(#[from] AgentIdentityError),
    /// It is somebody else's.
    #[error("the certificate that came is of another agent")]
    OtherAgent,
    /// Nothing could be signed.
    #[error("the proof of the key could not be signed")]
    Proof,
}

/// The identities of one agent, for all who need them.
#[derive(Clone, Debug)]
pub(crate) struct Identities(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    data_dir: DataDir,
    current: AgentIdentity,
    next: Option<AgentIdentity>,
}

/// Which of the identities a link was dialled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one in use.
    Current,
    /// The next one, for the first time.
    Next,
}

impl Identities {
    /// Those in a data directory, of which the one in use was read. A next one that cannot be used is as good as none.
    pub(crate) fn open(data_dir: DataDir, current: AgentIdentity) -> Self {
        let next = match read_next(&data_dir, &current) {
            Ok(next) => next,
            Err(error) => {
                let error = shanty_core::causes::chain(&error);
                tracing::warn!(
                    "The next identity cannot be used, and another is asked for: {error}."
                );
                None
            }
        };
        Self(Arc::new(Mutex::new(Inner {
            data_dir,
            current,
            next,
        })))
    }

    /// What to dial with.
    pub(crate) fn dialled(&self) -> Result<(Which, Arc<ClientConfig>), TlsError> {
        let inner = self.lock();
        let which = inner.which();
        Ok((which, tls::link_client(inner.of(which))?))
    }

    /// The root that it all hangs on.
    pub(crate) fn pin(&self) -> RootPin {
        self.lock().current.pin()
    }

    /// When the identity that is dialled with runs out.
    pub(crate) fn not_after(&self) -> SystemTime {
        let inner = self.lock();
        inner.of(inner.which()).peer().not_after
    }

    /// The key to ask a certificate for: the one that was asked for before, or a new one, which is kept first.
    pub(crate) fn wanted(&self) -> Result<AgentKey, RenewalError> {
        let path = self.lock().next_key();
        match files::read_secret(&path, IDENTITY_BYTES_MAX) {
            Ok(text) => {
                if let Ok(key) = AgentKey::from_pem(&text) {
                    return Ok(key);
                }
            }
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
        let key = AgentKey::generate()?;
        files::write_secret(&path, key.to_pem().as_bytes())?;
        Ok(key)
    }

    /// The key that was asked for is not wanted: another is drawn.
    pub(crate) fn forget_wanted(&self) {
        fs::remove_file(self.lock().next_key()).ok(); // it is written over when it is there
    }

    /// Keeps what was answered: it is dialled with from now on.
    pub(crate) fn keep(&self, key: &AgentKey, chain: &[Vec<u8>]) -> Result<(), RenewalError> {
        let mut inner = self.lock();
        let next = AgentIdentity::new(key, chain, &inner.current.pin())?;
        if next.peer().agent != inner.current.peer().agent {
            return Err(RenewalError::OtherAgent);
        }
        files::write_secret(&inner.next_identity(), next.to_pem().as_bytes())?;
        fs::remove_file(inner.next_key()).ok(); // it stands in the identity; left over, it is refused as known
        inner.next = Some(next);
        Ok(())
    }

    /// A link was made with the next one: it is the one in use.
    pub(crate) fn used(&self) -> Result<(), RenewalError> {
        let mut inner = self.lock();
        if let Some(next) = inner.next.take() {
            inner.current = next;
            files::replace(&inner.next_identity(), &inner.identity())?;
        }
        Ok(())
    }

    /// The controller does not know the next one: the one in use is.
    pub(crate) fn forget_next(&self) {
        let mut inner = self.lock();
        inner.next = None;
        fs::remove_file(inner.next_identity()).ok(); // at the next start it is tried and forgotten again
    }

    /// Proves on a connection that the key of the one that is dialled with is ours, for this request; and gives its leaf.
    pub(crate) fn prove(
        &self,
        binding: &Binding,
        csr: &[u8],
    ) -> Result<(Vec<u8>, Vec<u8>), RenewalError> {
        let inner = self.lock();
        let identity = inner.of(inner.which());
        let key = identity.agent_key()?;
        let proof = late::prove(&key, identity.leaf(), binding, csr);
        Ok((identity.leaf().to_vec(), proof.ok_or(RenewalError::Proof)?))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    const fn which(&self) -> Which {
        match self.next {
            Some(_) => Which::Next,
            None => Which::Current,
        }
    }

    fn of(&self, which: Which) -> &AgentIdentity {
        match which {
            Which::Current => &self.current,
            Which::Next => self.next.as_ref().unwrap_or(&self.current),
        }
    }

    fn identity(&self) -> PathBuf {
        self.data_dir.path().join("identity.pem")
    }

    fn next_key(&self) -> PathBuf {
        self.data_dir.path().join("next.key")
    }

    fn next_identity(&self) -> PathBuf {
        next_identity(&self.data_dir)
    }
}

fn next_identity(data_dir: &DataDir) -> PathBuf {
    data_dir.path().join("next.pem")
}

fn read_next(
    data_dir: &DataDir,
    current: &AgentIdentity,
) -> Result<Option<AgentIdentity>, RenewalError> {
    let text = match files::read_secret(&next_identity(data_dir), IDENTITY_BYTES_MAX) {
        Err(error) if error.is_missing() => return Ok(None),
        read => read?,
    };
    let next = AgentIdentity::from_pem(&text)?;
    let same = next.peer().agent == current.peer().agent && next.pin() == current.pin();
    if same {
        Ok(Some(next))
    } else {
        Err(RenewalError::OtherAgent)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shanty_certs::ca::Ca;
    use shanty_certs::csr::Csr;
    use tempfile::TempDir;

    use super::*;

    struct World {
        ca: Ca,
        dir: TempDir,
    }

    impl World {
        /// An agent that has just joined.
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let ca = Ca::open_or_create(&dir.path().join("ca"), SystemTime::now()).unwrap();
            let world = Self { ca, dir };
            let key = AgentKey::generate().unwrap();
            let chain = world.issue(&key, 1);
            let joined = AgentIdentity::new(&key, &chain, &world.ca.pin()).unwrap();
            let data_dir = world.data_dir();
            files::private_directory(data_dir.path()).unwrap();
            let path = data_dir.path().join("identity.pem");
            files::write_secret(&path, joined.to_pem().as_bytes()).unwrap();
            world
        }

        fn data_dir(&self) -> DataDir {
            DataDir::new(self.dir.path().join("agent"))
        }

        fn issue(&self, key: &AgentKey, agent: u8) -> Vec<Vec<u8>> {
            let csr = Csr::check(&key.csr().unwrap()).unwrap();
            let (now, life) = (SystemTime::now(), Duration::from_secs(60));
            let chain = self.ca.issue_agent(&csr, [agent; 16], now, life).unwrap();
            chain.iter().map(|der| der.to_vec()).collect()
        }

        /// The agent starts again: nothing but its files is left.
        fn start(&self) -> Identities {
            let data_dir = self.data_dir();
            let text = files::read_secret(&data_dir.path().join("identity.pem"), 99_999).unwrap();
            let current = AgentIdentity::from_pem(&text).unwrap();
            Identities::open(data_dir, current)
        }

        fn has(&self, name: &str) -> bool {
            self.data_dir().path().join(name).exists()
        }
    }

    fn serials(identities: &Identities) -> (String, Option<String>) {
        let inner = identities.lock();
        let next = inner.next.as_ref().map(|next| next.peer().serial.clone());
        (inner.current.peer().serial.clone(), next)
    }

    fn csr(key: &AgentKey) -> Vec<u8> {
        Csr::check(&key.csr().unwrap()).unwrap().spki()
    }

    #[test]
    fn an_agent_that_is_killed_between_any_two_steps_goes_on_where_it_stood() {
        let world = World::new();
        let joined = serials(&world.start()).0;
        // Before the key was asked for, and after: the same one.
        let key = world.start().wanted().unwrap();
        assert_eq!(csr(&world.start().wanted().unwrap()), csr(&key));
        assert_eq!(world.start().dialled().unwrap().0, Which::Current);
        // Answered and kept.
        let chain = world.issue(&key, 1);
        world.start().keep(&key, &chain).unwrap();
        assert!(world.has("next.pem") && !world.has("next.key"));
        let started = world.start();
        assert_eq!(started.dialled().unwrap().0, Which::Next);
        let (current, next) = serials(&started);
        assert_eq!(current, joined);
        // Welcomed: it is the one in use, now and after a start.
        started.used().unwrap();
        assert_eq!(serials(&started), (next.clone().unwrap(), None));
        assert!(!world.has("next.pem"));
        let again = world.start();
        assert_eq!(serials(&again), (next.unwrap(), None));
        assert_eq!(again.dialled().unwrap().0, Which::Current);
        again.used().unwrap();
        assert_ne!(
            csr(&again.wanted().unwrap()),
            csr(&key),
            "a new key each time"
        );
    }

    #[test]
    fn what_is_no_identity_of_ours_is_not_kept() {
        let world = World::new();
        let identities = world.start();
        let (key, other) = (identities.wanted().unwrap(), AgentKey::generate().unwrap());
        let refused = |chain: Vec<Vec<u8>>| identities.keep(&key, &chain).unwrap_err().to_string();
        assert!(refused(world.issue(&key, 2)).contains("another agent"));
        assert!(refused(world.issue(&other, 1)).contains("another key"));
        assert!(refused(World::new().issue(&key, 1)).contains("not at the pinned"));
        assert!(refused(Vec::new()).contains("three certificates"));
        assert!(!world.has("next.pem"));
        // Torn, or of somebody else: as good as none.
        let path = world.data_dir().path().join("next.pem");
        for text in ["torn", ""] {
            files::write_secret(&path, text.as_bytes()).unwrap();
            assert_eq!(world.start().dialled().unwrap().0, Which::Current);
        }
        identities.keep(&key, &world.issue(&key, 1)).unwrap();
        identities.forget_next();
        assert!(!world.has("next.pem"));
        assert_eq!(world.start().dialled().unwrap().0, Which::Current);
    }
}
