//! Whose orders are taken: the controller's, by its signature. The keys that are known stand in a file of the executor's own folder, which
//! nobody but its owner writes.

use std::path::{Path, PathBuf};

use shanty_certs::orders::{KnownKeys, NotSigned, OrderKeyError, OrderPublicKey};
use shanty_core::causes::chain;
use shanty_core::refusal::Code;

use super::{Refusal, Signed};

/// The file of known keys, in the executor's folder.
pub const KEYS_FILE: &str = "orders.pub";

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
