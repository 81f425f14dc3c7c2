//! What a controller offers, and whether this host may take it. Pure: what is known of the host and the time are arguments.
//!
//! Nothing of a manifest is believed before its signature was: [`offered`] is told of bytes that a release key signed.

use serde::Deserialize;
use shanty_core::text::utc;
use shanty_core::version::Version;
use thiserror::Error;

/// Largest manifest that is read, bytes.
pub(crate) const BYTES_MAX: usize = 64 * 1024;

/// Largest archive, bytes.
const ARCHIVE_BYTES_MAX: u64 = 512 * 1024 * 1024;

const NAME_BYTES_MAX: usize = 128;

/// What is asked for, and of which host.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) to: &'a Version,
    /// The version that this host has.
    pub(crate) from: &'a Version,
    /// It may be an older one.
    pub(crate) older: bool,
    /// As `uname -m` says it.
    pub(crate) arch: &'a str,
    /// Of the C library here, where that is known.
    pub(crate) glibc: Option<&'a str>,
    /// Unix seconds.
    pub(crate) now: u64,
}

/// The file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: [u8; 32],
}

/// Why nothing is taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum NotOffered {
    #[error("the manifest of the controller cannot be read: {0}")]
    Unreadable(String),
    #[error("the controller offers {0}, and no other version")]
    Version(Version),
    #[error(
        "what the controller offers counted until {0} UTC; a newer release has to be put there, or this one signed again"
    )]
    Expired(String),
    #[error(
        "{to} is older than {from}, which runs here, and its release does not let anybody go back to it"
    )]
    Older { to: Version, from: Version },
    #[error("{to} is older than {from}, which runs here; say `--older` when that is meant")]
    OlderUnsaid { to: Version, from: Version },
    #[error("{to} can be taken from {least} on, and {from} runs here; update to {least} first")]
    From {
        to: Version,
        least: Version,
        from: Version,
    },
    #[error("no archive of {0} is offered for {1}")]
    Arch(Version, String),
    #[error("{to} needs glibc {needs}, and this host has {has}")]
    Glibc {
        to: Version,
        needs: String,
        has: String,
    },
}

#[derive(Deserialize)]
struct Manifest {
    version: String,
    #[serde(default)]
    not_after: Option<u64>,
    #[serde(default)]
    min_from: Option<String>,
    #[serde(default)]
    older_ok: bool,
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    arch: String,
    kind: String,
    #[serde(default)]
    glibc: Option<String>,
    size: u64,
    sha256: String,
}

/// The archive of the version that is asked for.
///
/// # Errors
/// [`NotOffered`].
pub(crate) fn offered(bytes: &[u8], asked: &Asked<'_>) -> Result<Archive, NotOffered> {
    let unreadable = |what: &dyn std::fmt::Display| NotOffered::Unreadable(what.to_string());
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    let parsed = |text: &str| text.parse::<Version>().map_err(|error| unreadable(&error));
    let version = parsed(&manifest.version)?;
    if version != *asked.to {
        return Err(NotOffered::Version(version));
    }
    if let Some(until) = manifest.not_after.filter(|until| asked.now >= *until) {
        return Err(NotOffered::Expired(utc(until.saturating_mul(1_000))));
    }
    let (to, from) = (asked.to.clone(), asked.from.clone());
    if to.is_older_than(&from) {
        match (manifest.older_ok, asked.older) {
            (true, true) => {}
            (true, false) => return Err(NotOffered::OlderUnsaid { to, from }),
            (false, _) => return Err(NotOffered::Older { to, from }),
        }
    }
    if let Some(least) = &manifest.min_from {
        let least = parsed(least)?;
        if from.is_older_than(&least) {
            return Err(NotOffered::From { to, least, from });
        }
    }
    let mut fitting = manifest
        .files
        .iter()
        .filter(|file| file.kind == "tar" && file.arch == asked.arch);
    let file = fitting
        .next()
        .ok_or_else(|| NotOffered::Arch(to.clone(), asked.arch.to_owned()))?;
    let needs = file.glibc.as_deref().filter(|needs| !needs.is_empty());
    if let (Some(needs), Some(has)) = (needs, asked.glibc)
        && numbers(has) < numbers(needs)
    {
        let (needs, has) = (needs.chars().take(16).collect(), has.to_owned());
        return Err(NotOffered::Glibc { to, needs, has });
    }
    file.archive().map_err(|what| unreadable(&what))
}

impl File {
    fn archive(&self) -> Result<Archive, &'static str> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+~-".contains(&b);
        let begins = self
            .name
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if !begins || self.name.len() > NAME_BYTES_MAX || !self.name.bytes().all(plain) {
            return Err("the name of a file is none");
        }
        if !(1..=ARCHIVE_BYTES_MAX).contains(&self.size) {
            return Err("the size of a file cannot be");
        }
        let mut sha256 = [0; 32];
        hex::decode_to_slice(&self.sha256, &mut sha256)
            .map_err(|_| "the digest of a file is not 64 hexadecimal digits")?;
        Ok(Archive {
            name: self.name.clone(),
            size: self.size,
            sha256,
        })
    }
}

/// `2.36` as numbers, which compare otherwise than text.
fn numbers(version: &str) -> Vec<u64> {
    version
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn manifest(more: &str) -> String {
        let file = |arch: &str, kind: &str| {
            format!(
                r#"{{"name":"a-0.2.0-{arch}.{kind}","arch":"{arch}","kind":"{kind}","glibc":"2.17","size":7,"sha256":"{}"}}"#,
                "ab".repeat(32)
            )
        };
        format!(
            r#"{{"version":"0.2.0","tomorrow":1{more},"files":[{},{},{}]}}"#,
            file("x86_64", "deb"),
            file("aarch64", "tar"),
            file("x86_64", "tar")
        )
    }

    fn asked(bytes: &str, change: impl FnOnce(&mut Asked<'_>)) -> String {
        of(bytes, "0.2.0", "0.1.0", change)
    }

    fn of(bytes: &str, to: &str, from: &str, change: impl FnOnce(&mut Asked<'_>)) -> String {
        let (to, from) = (version(to), version(from));
        let mut asked = Asked {
            to: &to,
            from: &from,
            older: false,
            arch: "x86_64",
            glibc: Some("2.36"),
            now: 1_000,
        };
        change(&mut asked);
        match offered(bytes.as_bytes(), &asked) {
            Ok(archive) => format!("{} {}", archive.name, archive.size),
            Err(error) => error.to_string(),
        }
    }

    const TAKEN: &str = "a-0.2.0-x86_64.tar 7";

    #[test]
    fn the_archive_for_this_host_is_taken() {
        assert_eq!(asked(&manifest(""), |_| {}), TAKEN);
        let until = manifest(",\"not_after\":1001,\"min_from\":\"0.1.0\"");
        assert_eq!(asked(&until, |_| {}), TAKEN);
        assert_eq!(asked(&manifest(""), |asked| asked.glibc = None), TAKEN);
        let glibc = asked(&manifest(""), |asked| asked.glibc = Some("2.9"));
        assert_eq!(glibc, "0.2.0 needs glibc 2.17, and this host has 2.9");
        let arch = asked(&manifest(""), |asked| asked.arch = "riscv64");
        assert_eq!(arch, "no archive of 0.2.0 is offered for riscv64");
    }

    #[test]
    fn what_is_offered_is_what_was_asked_for_and_still_counts() {
        let said = of(&manifest(""), "0.3.0", "0.1.0", |_| {});
        assert_eq!(said, "the controller offers 0.2.0, and no other version");
        let said = asked(&manifest(",\"not_after\":1000"), |_| {});
        assert!(
            said.contains("counted until 1970-01-01 00:16 UTC"),
            "{said}"
        );
        let said = asked(&manifest(",\"min_from\":\"0.1.5\""), |_| {});
        assert!(said.ends_with("update to 0.1.5 first"), "{said}");
    }

    #[test]
    fn an_older_one_is_taken_when_its_release_and_who_asks_say_so() {
        let say = |more: &str, older: bool| {
            of(&manifest(more), "0.2.0", "0.3.0", |asked| {
                asked.older = older
            })
        };
        let ok = ",\"older_ok\":true";
        assert_eq!(say(ok, true), TAKEN);
        assert!(say(ok, false).contains("say `--older`"));
        for older in [true, false] {
            assert!(say("", older).contains("does not let anybody go back"));
        }
        // What only differs in what follows its numbers is older too.
        let candidate = manifest("").replace("\"0.2.0\"", "\"0.2.0-rc.1\"");
        let said = of(&candidate, "0.2.0-rc.1", "0.2.0", |_| {});
        assert!(said.starts_with("0.2.0-rc.1 is older"), "{said}");
    }

    #[test]
    fn a_manifest_that_makes_no_sense_is_said_to_be_so() {
        let good = manifest("");
        for wrong in [
            String::new(),
            "{}".to_owned(),
            good.replace("a-0.2.0-x86_64.tar", "../a"),
            good.replace("a-0.2.0-x86_64.tar", ".a"),
            good.replace("\"size\":7", "\"size\":0"),
            good.replace("\"size\":7", "\"size\":536870913"),
            good.replace("abab", "abax"),
            good.replace("\"0.2.0\"", "\"v0.2.0\""),
            manifest(",\"min_from\":\"latest\""),
            manifest(",\"not_after\":\"never\""),
        ] {
            let said = asked(&wrong, |_| {});
            assert!(said.contains("cannot be read"), "{wrong}: {said}");
        }
    }
}
