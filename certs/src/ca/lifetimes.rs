//! How long the certificates of an authority are good for, by its files: only looked at, nothing is made or renewed.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{CaError, store};
use crate::files::{self, FileError};
use crate::identity;
use crate::pem;
use crate::token::RootPin;

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Its file.
    pub path: PathBuf,
    /// Its end.
    pub not_after: SystemTime,
    /// The pin of its key.
    pub pin: RootPin,
}

/// The lifetimes of root, issuing certificate and the controller's own, in this order; a file that is not there is left out. The root's pin is
/// what agents pin.
///
/// # Errors
/// [`CaError`] for a file that cannot be used.
pub fn lifetimes(directory: &Path) -> Result<Vec<Lifetime>, CaError> {
    let mut found = Vec::new();
    for name in [store::ROOT, store::ISSUING, store::CONTROLLER] {
        let path = directory.join(name);
        let text = match files::read_secret(&path, pem::PEM_BYTES_MAX) {
            Err(FileError::Missing { .. }) => continue,
            read => read?,
        };
        let certificate = store::only_certificate(&text, &path)?;
        let unreadable = |_| store::broken(path.clone(), store::UNREADABLE);
        let pin = identity::pin_of(&certificate).map_err(unreadable)?;
        let parsed = identity::parse(&certificate).map_err(unreadable)?;
        found.push(Lifetime {
            path: path.clone(),
            not_after: identity::not_after(&parsed),
            pin,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ca::Ca;

    #[test]
    fn what_is_there_is_told_and_nothing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca");
        assert_eq!(lifetimes(&ca).unwrap(), []);
        assert!(!ca.exists());
        let now = SystemTime::now();
        let made = Ca::open_or_create(&ca, now).unwrap();
        let found = lifetimes(&ca).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].pin, made.pin());
        assert!(
            found
                .iter()
                .all(|one| one.not_after > now + Duration::from_secs(86_400))
        );
        std::fs::write(ca.join("issuing.pem"), "nothing").unwrap();
        let told = lifetimes(&ca).unwrap_err().to_string();
        assert!(told.contains("issuing.pem"), "{told}");
    }
}
