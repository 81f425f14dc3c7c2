//! Whether the manifest is the one that a release key signed, and what follows from it for updates. Hosts look at the same once more: what
//! is said here is said so that people hear of it before anything is sent anywhere.

use std::path::Path;

use shanty_certs::files::read_trusted;
use shanty_certs::release::{AGENTS, Roots, SIGNATURE_BYTES_MAX, Signer};
use shanty_core::causes::chain;
use shanty_core::offer::{NoUpdates, Offer, Release};
use shanty_core::text::utc;
use shanty_core::version::Version;

use super::InstallError;
use super::manifest::{self, Manifest, SIGNATURE};

/// The manifest as it lies there.
pub(crate) struct Lying {
    /// What it says.
    pub(crate) manifest: Manifest,
    /// All of it, for whoever looks at the signature.
    pub(crate) bytes: Vec<u8>,
    /// The signature; nothing where there is none.
    pub(crate) signature: Option<Vec<u8>>,
    /// Who signed it; nothing where no root says who may.
    pub(crate) signer: Option<Signer>,
}

/// Reads what lies in a folder, and where roots are named, proves it. Blocks.
pub(super) fn read(folder: &Path, roots: Option<&Path>, now_s: u64) -> Result<Lying, InstallError> {
    let (manifest, bytes) = manifest::read(folder)?;
    let path = folder.join(SIGNATURE);
    let signature = match read_trusted(&path, SIGNATURE_BYTES_MAX as u64) {
        Ok(signature) => Some(signature.to_vec()),
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(InstallError::Unproven(chain(&error))),
    };
    let signer = match roots {
        None => None,
        Some(roots) => {
            let signature = signature.as_deref();
            Some(prove((&manifest, &bytes), &path, signature, roots, now_s)?)
        }
    };
    Ok(Lying {
        manifest,
        bytes,
        signature,
        signer,
    })
}

fn prove(
    (manifest, bytes): (&Manifest, &[u8]),
    path: &Path,
    signature: Option<&[u8]>,
    roots: &Path,
    now_s: u64,
) -> Result<Signer, InstallError> {
    let unproven = |what: String| InstallError::Unproven(format!("{}: {what}", path.display()));
    let roots = Roots::read(roots).map_err(|error| InstallError::Unproven(chain(&error)))?;
    let signature = signature
        .ok_or_else(|| unproven("it is not there: nobody signed the manifest".to_owned()))?;
    let signer = roots
        .verify(AGENTS, bytes, signature, now_s)
        .map_err(|error| unproven(format!("the signature does not hold: {error}")))?;
    match manifest.not_after {
        Some(until_s) if now_s > until_s => Err(unproven(format!(
            "the release {} counted until {}: what is offered is too old",
            manifest.version,
            utc(until_s.saturating_mul(1_000))
        ))),
        Some(_) | None => Ok(signer),
    }
}

/// What is offered, by what lies there.
pub(super) fn offer(lying: Result<Lying, InstallError>) -> Offer {
    let no = |version, why: String, next: &str| Offer {
        version,
        release: Err(NoUpdates {
            why,
            next: next.to_owned(),
        }),
    };
    let lying = match lying {
        Ok(lying) => lying,
        Err(error) => return no(None, error.to_string(), error.next()),
    };
    let manifest = lying.manifest;
    let Ok(version) = manifest.version.parse::<Version>() else {
        let why = format!("`{}`, which it hands out, is no version", manifest.version);
        let next = "Name the agents in the manifest by a number, such as `0.2.0`.";
        return no(None, why, next);
    };
    let Some(signer) = lying.signer else {
        let why = "nothing says who may sign the agents that it hands out, so that nobody could tell whose they are";
        let next = "Whoever runs the controller can name the file of release roots as `roots` in [install] of its configuration.";
        return no(Some(version), why.to_owned(), next);
    };
    let min_from = manifest.min_from.as_deref().map(str::parse::<Version>);
    let Ok(min_from) = min_from.transpose() else {
        let why = "`min_from` of the manifest is no version".to_owned();
        return no(Some(version), why, "Make the release anew.");
    };
    // The signature counts as long as the certificate does.
    let until_s = manifest.not_after.unwrap_or(u64::MAX).min(signer.not_after);
    Offer {
        version: Some(version),
        release: Ok(Release {
            not_after_ms: until_s.checked_mul(1_000),
            min_from,
            older_ok: manifest.older_ok,
            signer: signer.key,
        }),
    }
}

#[cfg(test)]
mod tests;
