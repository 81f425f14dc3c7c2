//! `manifest.json`: which agents there are to hand out. What it says goes into a script that root runs, so everything is checked to need no
//! quotes there.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use shanty_certs::files::read_trusted;
use shanty_core::causes::chain;

use super::InstallError;

/// Its name in the folder of the agents.
pub(super) const FILE: &str = "manifest.json";
/// The name of what stands beside it.
pub(super) const SIGNATURE: &str = "manifest.json.sig";
const BYTES_MAX: u64 = 64 * 1024;
const FILES_MAX: usize = 64;
const WORD_BYTES_MAX: usize = 128;
/// No agent is nearly as large.
const ARTIFACT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The agents of one release.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    /// Of the agent.
    pub(crate) version: String,
    /// One for each architecture and way to install.
    pub(crate) files: Vec<Artifact>,
    /// Until when it counts, Unix seconds.
    #[serde(default)]
    pub(crate) not_after: Option<u64>,
    /// The oldest version that may be updated to it.
    #[serde(default)]
    pub(crate) min_from: Option<String>,
    /// A newer version may go back to it.
    #[serde(default)]
    pub(crate) older_ok: bool,
}

/// One file that is handed out.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Artifact {
    /// Its name beside the manifest.
    pub(crate) name: String,
    /// As `uname -m` says it.
    pub(crate) arch: String,
    /// How it is installed.
    pub(crate) kind: ArtifactKind,
    /// The oldest C library that it runs on; nothing when it needs none.
    #[serde(default)]
    pub(crate) glibc: Option<String>,
    /// Bytes.
    pub(crate) size: u64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
}

/// How an artifact is installed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ArtifactKind {
    /// Unpacked.
    Tar,
    /// By `dpkg`.
    Deb,
    /// By `rpm`.
    Rpm,
}

impl fmt::Display for ArtifactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tar => "tar",
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        })
    }
}

/// Reads the manifest in a folder, where nobody else could have put another: root runs what it says on every host that is installed. Gives
/// its bytes too, which are what is signed. Blocks.
pub(super) fn read(folder: &Path) -> Result<(Manifest, Vec<u8>), InstallError> {
    let path = folder.join(FILE);
    let unusable = |what: String| InstallError::Unusable {
        path: path.clone(),
        what,
    };
    let bytes = match read_trusted(&path, BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.is_missing() => return Err(InstallError::Missing(path)),
        Err(error) => return Err(unusable(chain(&error))),
    };
    let text = str::from_utf8(&bytes).map_err(|error| unusable(error.to_string()))?;
    let manifest = Manifest::parse(text).map_err(unusable)?;
    Ok((manifest, bytes.to_vec()))
}

impl Manifest {
    /// The artifact with this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Artifact> {
        self.files.iter().find(|file| file.name == name)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut manifest: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        word("version", &manifest.version)?;
        if manifest.files.is_empty() || manifest.files.len() > FILES_MAX {
            return Err(format!("it must name 1 to {FILES_MAX} files"));
        }
        for file in &mut manifest.files {
            file.glibc = file.glibc.take().filter(|version| !version.is_empty());
            file.check()?;
        }
        Ok(manifest)
    }
}

impl Artifact {
    fn check(&self) -> Result<(), String> {
        word("name", &self.name)?;
        word("arch", &self.arch)?;
        if self.name == FILE || self.name == SIGNATURE {
            return Err(format!("it hands out {} itself", self.name));
        }
        if let Some(glibc) = &self.glibc {
            let plain = glibc.split('.').all(|part| {
                (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
            });
            if !plain {
                return Err(format!("`glibc` of {} is no version", self.name));
            }
        }
        let sha256 = &self.sha256;
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sha256.len() != 64 || !sha256.bytes().all(hex) {
            return Err(format!(
                "`sha256` of {} is not 64 hexadecimal digits in lower case",
                self.name
            ));
        }
        if !(1..=ARTIFACT_BYTES_MAX).contains(&self.size) {
            return Err(format!("`size` of {} cannot be", self.name));
        }
        Ok(())
    }
}

/// Nothing that a shell or a path gives a meaning.
fn word(what: &str, text: &str) -> Result<(), String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._+~-".contains(&b);
    let begins = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    if begins && text.len() <= WORD_BYTES_MAX && text.bytes().all(plain) {
        return Ok(());
    }
    let shown = shanty_core::text::shown(text, 80);
    Err(format!(
        "`{what}` is {shown}: it takes letters, digits and `._+~-`"
    ))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn manifest(name: &str, version: &str, rest: &str) -> String {
        let sha256 = "a".repeat(64);
        format!(
            r#"{{"version":{version:?},"signed":"by nobody","files":[{{"name":{name:?},"arch":"x86_64","kind":"tar",
                "size":1,"sha256":"{sha256}"{rest}}}]}}"#
        )
    }

    #[test]
    fn a_manifest_is_read_also_with_fields_of_tomorrow() {
        let read =
            Manifest::parse(&manifest("a-1.tar.gz", "1.0.0-rc.1", ",\"glibc\":\"\"")).unwrap();
        assert_eq!(read.named("a-1.tar.gz").unwrap().glibc, None);
        assert!(read.named("manifest.json").is_none() && read.named("").is_none());
        let read = Manifest::parse(&manifest("a", "1", ",\"glibc\":\"2.17\"")).unwrap();
        assert_eq!(read.files[0].glibc.as_deref(), Some("2.17"));
    }

    #[test]
    fn it_is_read_only_where_nobody_else_could_have_written_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("agents");
        let mode = |path: &Path, mode| {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path, mode).unwrap();
        };
        let why = |folder: &Path| read(folder).err().map(|error| error.to_string());
        let missing = why(&folder).expect("nothing is there");
        assert!(missing.contains("is not there"), "{missing}");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join(FILE);
        std::fs::write(&path, manifest("a", "1", "")).unwrap();
        for (of, at, bits) in [(&folder, 0o755, 0o777), (&path, 0o644, 0o664)] {
            mode(of, bits);
            let told = why(&folder).expect("others may write it");
            let remedy = format!("run `chmod go-w {}`", of.display());
            assert!(told.contains(&remedy), "{told}");
            mode(of, at);
        }
        assert_eq!(why(&folder), None);
        // Nobody waits for what is no file.
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let told = why(&folder).expect("a pipe");
        assert!(told.contains("is not a regular file"), "{told}");
    }

    /// Each of these would be text of a script that root runs, or a path outside of the folder.
    #[test]
    fn nothing_in_it_has_a_meaning_to_a_shell_or_a_path() {
        for text in [
            manifest("../shadow", "1", ""),
            manifest("a/b", "1", ""),
            manifest(".hidden", "1", ""),
            manifest("-rf", "1", ""),
            manifest("", "1", ""),
            manifest("a'; reboot #", "1", ""),
            manifest("a b", "1", ""),
            manifest("a\nb", "1", ""),
            manifest("manifest.json", "1", ""),
            manifest("manifest.json.sig", "1", ""),
            manifest("a", "1'$(reboot)'", ""),
            manifest("a", "", ""),
            manifest("a", "1", ",\"glibc\":\"2.17 x\""),
            manifest("a", "1", ",\"glibc\":\"2..7\""),
            manifest("a", "1", "").replace("aaaa", "AAAA"),
            manifest("a", "1", "").replace("aaaa", "a'"),
            manifest("a", "1", "").replace("\"size\":1", "\"size\":0"),
            manifest("a", "1", "").replace("x86_64", "x86 64"),
            manifest("a", "1", "").replace("\"tar\"", "\"zip\""),
            "{\"version\":\"1\",\"files\":[]}".to_owned(),
            "not json".to_owned(),
        ] {
            assert!(Manifest::parse(&text).is_err(), "{text}");
        }
    }
}
