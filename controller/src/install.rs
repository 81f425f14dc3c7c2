//! What new hosts are installed with: the agents that this controller hands out, and the script that fetches them, with this controller's
//! address, keys and digests filled in. Serves nothing itself.

mod manifest;
pub mod offered;
mod signed;

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use shanty_certs::token::{JoinToken, RootPin};
use shanty_core::install::Place;
use shanty_core::offer::Offer;
use shanty_core::refusal::{Code, Refusal};
use thiserror::Error;

use crate::clock::now_ms;

pub(crate) use manifest::{Artifact, Manifest};
pub(crate) use signed::Lying;

const TEMPLATE: &str = include_str!("../../packaging/install.sh");

/// Why nothing can be installed from here.
#[derive(Debug, Error)]
pub(crate) enum InstallError {
    /// There is no manifest.
    #[error("there are no agents to hand out: {} is not there", .0.display())]
    Missing(PathBuf),
    /// The manifest, or what it names, cannot be used.
    #[error("the agents to hand out cannot be used: {}: {what}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The manifest is not what somebody signed who may.
    #[error("the agents to hand out are of no release that is known here: {0}")]
    Unproven(String),
    /// Hosts cannot dial what we listen on.
    #[error("hosts cannot dial `{0}`")]
    Address(String),
}

impl InstallError {
    /// What to do about it: a sentence.
    pub(crate) const fn next(&self) -> &'static str {
        match self {
            Self::Missing(_) | Self::Unusable { .. } => {
                "Put the agents of a release there, or name their folder as `artifacts` in [install] of the controller's configuration."
            }
            Self::Unproven(_) => {
                "Put a release there whole, with its manifest.json.sig, or name who may sign one as `roots` in [install] of the controller's configuration."
            }
            Self::Address(_) => {
                "Set `join` in [public] of the controller's configuration to the name or address that hosts reach it by."
            }
        }
    }
}

impl From<InstallError> for Refusal {
    fn from(error: InstallError) -> Self {
        let next = error.next();
        let what =
            format!("Nothing can be installed from this controller: {error}. No token was made.");
        Self::new(Code::NotFound, what, next)
    }
}

/// The script as it is served.
#[derive(Debug)]
pub(crate) struct Script {
    /// All of it.
    pub(crate) text: String,
    /// SHA-256 of that, in hexadecimal digits.
    pub(crate) sha256: String,
}

/// What this controller installs from.
#[derive(Clone, Debug)]
pub struct Installer {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    artifacts: PathBuf,
    /// The file that says who may sign a release; without one nobody is asked.
    roots: Option<PathBuf>,
    address: String,
    /// What agents pin.
    root: RootPin,
    /// As downloaders take them.
    pins: String,
}

impl Installer {
    /// From this folder, for hosts that dial this address and find one of these keys there.
    #[must_use]
    pub fn new(artifacts: PathBuf, address: String, root: RootPin, pins: &[RootPin]) -> Self {
        let inner = Inner {
            artifacts,
            roots: None,
            address,
            root,
            pins: pins
                .iter()
                .map(for_downloaders)
                .collect::<Vec<_>>()
                .join(";"),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The same where a release must be signed by who is named in this file.
    #[must_use]
    pub fn trusting(self, roots: Option<PathBuf>) -> Self {
        let Inner {
            artifacts,
            address,
            root,
            pins,
            ..
        } = &*self.inner;
        let inner = Inner {
            artifacts: artifacts.clone(),
            roots,
            address: address.clone(),
            root: *root,
            pins: pins.clone(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// A new token for this controller.
    pub(crate) fn token(&self) -> Result<JoinToken, Refusal> {
        JoinToken::generate(self.inner.root).map_err(|_| {
            let what = "The system gave no random numbers. No token was made.";
            Refusal::new(Code::Token, what, "Try again.")
        })
    }

    /// What is handed out now. It is read anew each time, so that a new release needs no restart.
    pub(crate) async fn manifest(&self) -> Result<Manifest, InstallError> {
        Ok(self.lying().await?.manifest)
    }

    /// The same as it lies there, with its signature.
    pub(crate) async fn lying(&self) -> Result<Lying, InstallError> {
        lying(self.inner.artifacts.clone(), self.inner.roots.clone()).await
    }

    /// What hosts are installed with and updated to.
    pub async fn offer(&self) -> Offer {
        signed::offer(self.lying().await)
    }

    /// Where an artifact of the manifest lies.
    pub(crate) fn path_of(&self, artifact: &Artifact) -> PathBuf {
        self.inner.artifacts.join(&artifact.name)
    }

    /// The script with everything filled in.
    pub(crate) async fn script(&self) -> Result<Script, InstallError> {
        let inner = &*self.inner;
        if !is_plain(&inner.address) {
            return Err(InstallError::Address(inner.address.clone()));
        }
        let text = fill_in(&self.manifest().await?, &inner.address, &inner.pins);
        let sha256 = hex::encode(Sha256::digest(text.as_bytes()));
        Ok(Script { text, sha256 })
    }

    /// What the lines that people paste are made of.
    ///
    /// # Errors
    /// Nothing can be installed from here.
    pub(crate) async fn place(&self) -> Result<Place, InstallError> {
        let inner = &*self.inner;
        if is_unspecified(&inner.address) {
            return Err(InstallError::Address(inner.address.clone()));
        }
        let script = self.script().await?;
        Ok(Place {
            address: inner.address.clone(),
            pins: inner.pins.clone(),
            script_sha256: script.sha256,
        })
    }
}

/// What lies in a folder now, proven where roots are named.
pub(crate) async fn lying(
    artifacts: PathBuf,
    roots: Option<PathBuf>,
) -> Result<Lying, InstallError> {
    let path = artifacts.clone();
    let read = move || signed::read(&artifacts, roots.as_deref(), now_ms() / 1_000);
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| {
        let what = error.to_string();
        Err(InstallError::Unusable { path, what })
    })
}

/// As `--pinnedpubkey` of curl and wget takes it.
fn for_downloaders(pin: &RootPin) -> String {
    format!("sha256//{}", STANDARD.encode(pin.as_bytes()))
}

/// Nothing in it has a meaning to a shell.
fn is_plain(address: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".:_[]-".contains(&b);
    !address.starts_with('-') && address.bytes().all(plain)
}

/// True for an address that says that we listen everywhere.
fn is_unspecified(address: &str) -> bool {
    let address = address.parse::<std::net::SocketAddr>();
    address.is_ok_and(|address| address.ip().is_unspecified())
}

/// Everything that is filled in was checked to have no meaning to a shell.
fn fill_in(manifest: &Manifest, address: &str, pins: &str) -> String {
    let rows = manifest.files.iter().map(|file| {
        let Artifact {
            name,
            arch,
            kind,
            glibc,
            size,
            sha256,
        } = file;
        let glibc = glibc.as_deref().unwrap_or("none");
        format!("{kind} {arch} {glibc} {size} {sha256} {name}")
    });
    let rows: Vec<String> = rows.collect();
    TEMPLATE
        .replace("@SERVER@", address)
        .replace("@PINS@", pins)
        .replace("@VERSION@", &manifest.version)
        .replace("@ARTIFACTS@", &rows.join("\n"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const MANIFEST: &str = r#"{"version":"1.2.3","files":[
        {"name":"shanty-agent-1.2.3-x86_64.tar.gz","arch":"x86_64","kind":"tar","glibc":"2.17","size":12,
         "sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
        {"name":"shanty-agent_1.2.3_amd64.deb","arch":"x86_64","kind":"deb","size":13,
         "sha256":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}]}"#;

    fn installer(dir: &Path, address: &str) -> Installer {
        let pins = [RootPin::from_bytes([1; 32]), RootPin::from_bytes([2; 32])];
        Installer::new(dir.to_owned(), address.to_owned(), pins[0], &pins)
    }

    #[tokio::test]
    async fn the_script_knows_where_it_is_from_and_what_to_fetch() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("manifest.json"), MANIFEST).unwrap();
        let installer = installer(dir.path(), "ctl.example.net:7444");
        let script = installer.script().await.unwrap();
        for line in [
            "server='ctl.example.net:7444'",
            "version='1.2.3'",
            &format!(
                "artifacts='tar x86_64 2.17 12 {} shanty-agent-1.2.3-x86_64.tar.gz",
                "a".repeat(64)
            ),
            &format!(
                "deb x86_64 none 13 {} shanty-agent_1.2.3_amd64.deb'",
                "b".repeat(64)
            ),
            "pins='sha256//AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=;sha256//AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI='",
        ] {
            assert!(script.text.lines().any(|given| given == line), "{line}");
        }
        assert!(!script.text.contains('@') || !script.text.contains("@SERVER@"));
        assert_eq!(script.sha256, hex::encode(Sha256::digest(&script.text)));
        let place = installer.place().await.unwrap();
        assert_eq!(place.script_sha256, script.sha256);
    }

    #[tokio::test]
    async fn what_cannot_be_installed_from_says_what_to_set() {
        let dir = tempfile::tempdir().unwrap();
        let nothing = installer(dir.path(), "ctl:1").place().await.unwrap_err();
        let refusal = Refusal::from(nothing);
        assert!(
            refusal.what.contains("manifest.json is not there"),
            "{}",
            refusal.what
        );
        assert!(refusal.next.contains("`artifacts` in [install]"));
        std::fs::write(dir.path().join("manifest.json"), MANIFEST).unwrap();
        for address in ["0.0.0.0:7444", "[::]:7444", "a';reboot;':1"] {
            let anywhere = installer(dir.path(), address).place().await.unwrap_err();
            let refusal = Refusal::from(anywhere);
            assert!(refusal.what.contains(address), "{}", refusal.what);
            assert!(refusal.next.contains("`join` in [public]"));
        }
    }
}
