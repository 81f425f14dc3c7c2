//! Whose orders are taken: the controller's, by its signature. The keys that are known stand in a file of the executor's own folder, which
//! nobody but its owner writes.

use std::path::{Path, PathBuf};

use shanty_certs::orders::{KnownKeys, NotSigned, OrderKeyError, OrderPublicKey};
use shanty_core::causes::chain;
use shanty_core::refusal::Code;

use super::{Refusal, Signed};

/// The file of known keys, in the executor's folder.
pub const KEYS_FILE: &str = "orders.pub";

/// What the controller tells of its keys; nothing of it counts but on the word of a key that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysTold {
    /// One that takes the place of another, with what says so.
    pub next: Option<(OrderPublicKey, Vec<u8>)>,
    /// The id of one that is to be known no more, with what says so.
    pub gone: Option<(String, Vec<u8>)>,
}

/// The keys of the controller.
#[derive(Debug)]
pub(super) struct Keys {
    known: KnownKeys,
    file: PathBuf,
    learns: bool,
}

impl Keys {
    /// Reads what is known. Blocks.
    pub(super) fn open(data_dir: &Path, learns: bool) -> Result<Self, OrderKeyError> {
        let file = data_dir.join(KEYS_FILE);
        Ok(Self {
            known: KnownKeys::read(&file)?,
            file,
            learns,
        })
    }

    /// Takes the key of a controller that proved who it is, when none is known. Blocks, once in the life of a host.
    pub(super) fn learn(&mut self, key: OrderPublicKey) {
        if !self.learns || !self.known.is_empty() {
            return;
        }
        self.known = KnownKeys::of(key);
        let file = self.file.display();
        match self.known.write(&self.file) {
            Ok(()) => {
                tracing::info!(
                    key = key.id(),
                    "The controller's key for orders was learned over the link and is kept in {file}."
                );
            }
            Err(error) => {
                tracing::warn!(
                    key = key.id(),
                    "The controller's key for orders cannot be kept, and is learned again at the next start: {}.",
                    chain(&error)
                );
            }
        }
    }

    /// Takes what is told of keys, and gives the ids of those that are known then. Blocks when something changes.
    pub(super) fn told(&mut self, told: &KeysTold) -> Vec<String> {
        if let Some((key, sig)) = &told.next {
            let known = self.known.endorsed(*key, sig);
            self.keep(
                known,
                &format!("the key {} takes the place of another", key.id()),
            );
        }
        if let Some((id, sig)) = &told.gone {
            let known = self.known.without(id, sig);
            let id: String = id
                .chars()
                .filter(char::is_ascii_hexdigit)
                .take(16)
                .collect();
            self.keep(known, &format!("the key {id} is known no more"));
        }
        self.known.ids()
    }

    /// Keeps what is known from now on, which counts when it is written.
    fn keep(&mut self, known: Option<KnownKeys>, what: &str) {
        let Some(known) = known else {
            tracing::warn!(
                "The controller's keys for orders stay as they are: no key that this host knows says that {what}."
            );
            return;
        };
        if known == self.known {
            return;
        }
        match known.write(&self.file) {
            Ok(()) => {
                self.known = known;
                tracing::info!("Of the controller's keys for orders, {what}.");
            }
            Err(error) => tracing::warn!(
                "The controller's keys for orders stay as they are: {}.",
                chain(&error)
            ),
        }
    }

    /// Checks that the controller made this order.
    pub(super) fn check(&self, signed: &Signed) -> Result<(), Refusal> {
        let checked = self.known.check(&signed.order, &signed.sig, &signed.key_id);
        checked.map_err(|error| Refusal::new(Code::Denied, self.said(&error)))
    }

    /// Whether the controller said that this is its time, for this nonce.
    pub(super) fn said_time(
        &self,
        agent: &[u8; 16],
        nonce: &[u8],
        now_ms: u64,
        sig: &[u8],
    ) -> bool {
        self.known.said_time(agent, nonce, now_ms, sig)
    }

    fn said(&self, error: &NotSigned) -> String {
        let file = self.file.display();
        match error {
            NotSigned::Missing => {
                "The order is not signed. Start a controller of the agent's version: it signs its orders.".to_owned()
            }
            NotSigned::NoneKnown => format!(
                "This host knows no key of its controller: {file} is not there. Let the host join again."
            ),
            NotSigned::UnknownKey { asked, known } => {
                let next = if self.learns {
                    format!("delete {file} on the host and restart its agent")
                } else {
                    "let the host join again".to_owned()
                };
                format!(
                    "The order is signed with the key {asked}, and this host knows {known} only. If the controller's key was replaced on \
                     purpose, {next}; otherwise somebody else gives orders."
                )
            }
            NotSigned::Wrong(id) => format!(
                "The order is not what the controller signed with its key {id}: it was changed on its way."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use shanty_certs::orders::OrderKey;

    use super::*;

    fn signed(key: &OrderKey, order: &[u8]) -> Signed {
        Signed {
            order: order.to_vec(),
            sig: key.sign(order),
            key_id: key.public().id(),
        }
    }

    #[test]
    fn the_first_key_is_learned_and_no_other_takes_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let [first, second] = [(); 2].map(|()| OrderKey::generate().unwrap());
        let mut keys = Keys::open(dir.path(), true).unwrap();
        let said = keys.check(&signed(&first, b"x")).unwrap_err();
        assert!(said.text.contains("knows no key"), "{said}");
        keys.learn(*first.public());
        keys.learn(*second.public());
        for keys in [&keys, &Keys::open(dir.path(), true).unwrap()] {
            assert_eq!(keys.check(&signed(&first, b"x")), Ok(()));
            let said = keys.check(&signed(&second, b"x")).unwrap_err();
            assert!(
                said.text.contains("delete ") && said.text.contains(KEYS_FILE),
                "{said}"
            );
        }
    }

    #[test]
    fn another_key_is_taken_on_the_word_of_one_that_is_known_and_stays_over_a_start() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new, foreign] = [(); 3].map(|()| OrderKey::generate().unwrap());
        let mut keys = Keys::open(dir.path(), true).unwrap();
        keys.learn(*old.public());
        let next = |by: &OrderKey| KeysTold {
            next: Some((*new.public(), by.endorse(new.public()))),
            gone: None,
        };
        let (old_id, new_id) = (old.public().id(), new.public().id());
        assert_eq!(keys.told(&next(&foreign)), std::slice::from_ref(&old_id));
        assert_eq!(keys.told(&next(&new)), std::slice::from_ref(&old_id));
        assert_eq!(keys.told(&next(&old)), [old_id.clone(), new_id.clone()]);
        let mut keys = Keys::open(dir.path(), false).unwrap();
        for key in [&old, &new] {
            assert_eq!(keys.check(&signed(key, b"x")), Ok(()));
        }
        let gone = |by: &OrderKey| KeysTold {
            next: None,
            gone: Some((old_id.clone(), by.renounce(&old_id))),
        };
        assert_eq!(keys.told(&gone(&old)).len(), 2);
        assert_eq!(keys.told(&gone(&new)), [new_id]);
        let keys = Keys::open(dir.path(), false).unwrap();
        assert!(keys.check(&signed(&old, b"x")).is_err());
        assert_eq!(keys.check(&signed(&new, b"x")), Ok(()));
    }

    #[test]
    fn what_cannot_be_kept_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new] = [(); 2].map(|()| OrderKey::generate().unwrap());
        let place = dir.path().join("data");
        std::fs::create_dir(&place).unwrap();
        let mut keys = Keys::open(&place, true).unwrap();
        keys.learn(*old.public());
        std::fs::remove_dir_all(&place).unwrap();
        let next = Some((*new.public(), old.endorse(new.public())));
        let known = keys.told(&KeysTold { next, gone: None });
        assert_eq!(known, [old.public().id()]);
    }

    #[test]
    fn who_may_not_learn_learns_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let key = OrderKey::generate().unwrap();
        let mut keys = Keys::open(dir.path(), false).unwrap();
        keys.learn(*key.public());
        let said = keys.check(&signed(&key, b"x")).unwrap_err();
        assert!(said.text.contains("join again"), "{said}");
        assert!(!dir.path().join(KEYS_FILE).exists());
    }

    #[test]
    fn what_others_may_write_is_believed_by_nobody() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(KEYS_FILE);
        let key = OrderKey::generate().unwrap();
        KnownKeys::of(*key.public()).write(&file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        let error = Keys::open(dir.path(), true).unwrap_err();
        assert!(
            error.to_string().contains("can be changed by other users"),
            "{error}"
        );
    }
}
