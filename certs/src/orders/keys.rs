//! The keys of a controller for orders: the one in use, and while it takes the place of another, that one too.
//!
//! Which of them signs what a host is told goes by what the host knows. As with the authority's other keys, a new one is a file that counts
//! for nothing until its record is written.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::{OrderKey, OrderKeyError, OrderPublicKey};
use crate::files;
use crate::pem;

/// The key in use.
const KEY: &str = "orders.pem";
/// The one that comes, until its record is written.
const NEXT: &str = "orders.next.pem";
/// The one before, while hosts know no other.
const FORMER: &str = "orders.former.pem";

/// What a controller signs with.
#[derive(Debug)]
pub struct OrderKeys {
    /// Nothing where they are kept nowhere.
    directory: Option<PathBuf>,
    pair: ArcSwap<Pair>,
    /// Changes are made one after another.
    changing: Mutex<()>,
}

#[derive(Debug)]
struct Pair {
    current: Arc<OrderKey>,
    former: Option<Arc<OrderKey>>,
}

impl OrderKeys {
    /// Reads the keys in the authority's directory, or makes one where there is none. The second value is true when it was made now.
    ///
    /// # Errors
    /// [`OrderKeyError`]: what is there is never overwritten.
    pub fn open_or_create(directory: &Path) -> Result<(Self, bool), OrderKeyError> {
        let (current, made) = OrderKey::open_or_create(directory)?;
        let keys = Self {
            directory: Some(directory.to_owned()),
            pair: ArcSwap::from_pointee(pair(directory, current)?),
            changing: Mutex::default(),
        };
        Ok((keys, made))
    }

    /// One that is kept nowhere.
    #[must_use]
    pub fn of(key: OrderKey) -> Self {
        let pair = Pair {
            current: Arc::new(key),
            former: None,
        };
        Self {
            directory: None,
            pair: ArcSwap::from_pointee(pair),
            changing: Mutex::default(),
        }
    }

    /// The one in use.
    #[must_use]
    pub fn current(&self) -> Arc<OrderKey> {
        Arc::clone(&self.pair.load().current)
    }

    /// The one before, until it is retired.
    #[must_use]
    pub fn former(&self) -> Option<Arc<OrderKey>> {
        self.pair.load().former.clone()
    }

    /// What signs for a host that knows the keys with these ids: the former while the host does not know the one in use.
    #[must_use]
    pub fn for_host(&self, known: &[String]) -> Arc<OrderKey> {
        let pair = self.pair.load();
        let knows = known.contains(&pair.current.public().id());
        match &pair.former {
            Some(former) if !knows => Arc::clone(former),
            Some(_) | None => Arc::clone(&pair.current),
        }
    }

    /// Draws another key. Nothing is signed with it before [`OrderKeys::activate`]. Gives the one in use and the new one.
    ///
    /// # Errors
    /// [`OrderKeyError`].
    pub fn prepare(&self) -> Result<(OrderPublicKey, OrderPublicKey), OrderKeyError> {
        let _one = self.changing();
        let (key, der) = OrderKey::drawn()?;
        if let Some(directory) = &self.directory {
            let text = pem::encode(Some(&der), &[]);
            files::write_secret(&directory.join(NEXT), text.as_bytes())?;
        }
        Ok((*self.pair.load().current.public(), *key.public()))
    }

    /// Takes the key that was prepared into use; the one before signs for hosts that do not know it, until [`OrderKeys::retire`].
    ///
    /// # Errors
    /// Those of files: what was done by then is finished by [`OrderKeys::settle`].
    pub fn activate(&self) -> Result<(), OrderKeyError> {
        let _one = self.changing();
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let (next, place) = (directory.join(NEXT), directory.join(KEY));
        OrderKey::read(&next)?;
        let text = files::read_secret(&place, pem::PEM_BYTES_MAX)?;
        files::write_secret(&directory.join(FORMER), &text)?;
        files::replace(&next, &place)?;
        self.reopen(directory)
    }

    /// Gives up what was prepared.
    ///
    /// # Errors
    /// Those of files.
    pub fn give_up(&self) -> Result<(), OrderKeyError> {
        let _one = self.changing();
        match &self.directory {
            Some(directory) => Ok(files::remove(&directory.join(NEXT))?),
            None => Ok(()),
        }
    }

    /// Deletes the former key: hosts that know no other take no orders any more.
    ///
    /// # Errors
    /// Those of files.
    pub fn retire(&self) -> Result<(), OrderKeyError> {
        let _one = self.changing();
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        match files::shred(&directory.join(FORMER)) {
            Err(error) if !error.is_missing() => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        self.reopen(directory)
    }

    /// Does at a start what was recorded and not done, as [`crate::ca::Ca::settle`] does it of the issuing key.
    ///
    /// # Errors
    /// Those of files.
    pub fn settle(
        &self,
        rotated: Option<&[u8; 32]>,
        retired: Option<&[u8; 32]>,
    ) -> Result<(), OrderKeyError> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let next = directory.join(NEXT);
        if next.exists() {
            let prepared = OrderKey::read(&next).ok();
            let recorded = prepared.is_some_and(|key| rotated == Some(key.public().as_bytes()));
            match recorded {
                true => self.activate()?,
                false => self.give_up()?,
            }
        }
        let former = self.former();
        if former.is_some_and(|former| retired == Some(former.public().as_bytes())) {
            self.retire()?;
        }
        Ok(())
    }

    fn reopen(&self, directory: &Path) -> Result<(), OrderKeyError> {
        let current = OrderKey::read(&directory.join(KEY))?;
        self.pair.store(Arc::new(pair(directory, current)?));
        Ok(())
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key in use with the one before. One that is the one in use was kept before that was replaced, and counts for nothing.
fn pair(directory: &Path, current: OrderKey) -> Result<Pair, OrderKeyError> {
    let former = match OrderKey::read(&directory.join(FORMER)) {
        Ok(former) => Some(former).filter(|former| former.public() != current.public()),
        Err(OrderKeyError::File(error)) if error.is_missing() => None,
        Err(error) => return Err(error),
    };
    Ok(Pair {
        current: Arc::new(current),
        former: former.map(Arc::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::KnownKeys;

    type Files = [Option<Vec<u8>>; 3];

    fn files_of(dir: &Path) -> Files {
        [KEY, FORMER, NEXT].map(|name| std::fs::read(dir.join(name)).ok())
    }

    fn put(dir: &Path, files: &Files) {
        for (name, bytes) in [KEY, FORMER, NEXT].into_iter().zip(files) {
            match bytes {
                Some(bytes) => files::write_secret(&dir.join(name), bytes).unwrap(),
                None => files::remove(&dir.join(name)).unwrap(),
            }
        }
    }

    fn opened(dir: &Path) -> OrderKeys {
        OrderKeys::open_or_create(dir).unwrap().0
    }

    #[test]
    fn a_rotation_that_was_recorded_is_finished_after_a_kill_at_any_file_and_another_is_undone() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path();
        let keys = opened(dir);
        let before = files_of(dir);
        let (old, new) = keys.prepare().unwrap();
        let prepared = files_of(dir);
        keys.activate().unwrap();
        let after = files_of(dir);
        let half = [before[0].clone(), after[1].clone(), prepared[2].clone()];
        for state in [&prepared, &half, &after] {
            put(dir, state);
            let keys = opened(dir);
            keys.settle(Some(new.as_bytes()), None).unwrap();
            for keys in [keys, opened(dir)] {
                assert_eq!(*keys.current().public(), new);
                assert_eq!(*keys.former().unwrap().public(), old);
            }
        }
        for state in [&prepared, &half] {
            put(dir, state);
            let keys = opened(dir);
            keys.settle(None, None).unwrap();
            assert_eq!(*keys.current().public(), old);
            assert!(keys.former().is_none() && !dir.join(NEXT).exists());
        }
        put(dir, &after);
        let keys = opened(dir);
        keys.settle(Some(new.as_bytes()), Some(old.as_bytes()))
            .unwrap();
        assert!(keys.former().is_none() && opened(dir).former().is_none());
        keys.retire().unwrap();
    }

    #[test]
    fn each_host_is_signed_for_with_what_it_knows() {
        let temporary = tempfile::tempdir().unwrap();
        let keys = opened(temporary.path());
        let old = KnownKeys::of(*keys.current().public());
        keys.prepare().unwrap();
        keys.activate().unwrap();
        let (current, former) = (keys.current(), keys.former().unwrap());
        let both = old
            .endorsed(*current.public(), &former.endorse(current.public()))
            .unwrap();
        let of = |known: &KnownKeys| keys.for_host(&known.ids()).public().id();
        assert_eq!(of(&old), former.public().id());
        assert_eq!(of(&both), current.public().id());
        // An older agent says none: it knows what it joined with.
        assert_eq!(of(&KnownKeys::default()), former.public().id());
        keys.retire().unwrap();
        assert_eq!(of(&old), current.public().id());
    }
}
