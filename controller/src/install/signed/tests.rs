//! Manifests that somebody signed who may, and every way in which one is not what it should be. The signature was made by `ssh-keygen`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use shanty_core::refusal::Refusal;

use super::*;

const MANIFEST: &str = r#"{"version":"0.2.0","not_after":2000000000,"min_from":"0.1.0","older_ok":true,"files":[{"name":"shanty-agent-0.2.0-x86_64.tar.gz","arch":"x86_64","kind":"tar","size":1,"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}"#;

/// Of the namespace `shanty-agents`, by a key that the root certified from 2026 to 2099.
const SIG: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAcMAAAAgc3NoLWVkMjU1MTktY2VydC12MDFAb3BlbnNzaC5jb20AAA
AgqA2doWldWWfYPRj0q3D/SebCgln6dItFdjwIVsLnNZMAAAAgI/E9qivAkE9VRQEWoIVS
/VmwPVG/PWYSUk5xcl4HH38AAAAAAAAAAAAAAAEAAAAMcmVsZWFzZS0yMDI3AAAACwAAAA
dyZWxlYXNlAAAAAGlVuQAAAAAA8qUjgAAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2Fy
ZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3
J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJj
AAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIAeFUEGyoXybVQKUhVMDoKSaVkefNQ
XUpCcmOIrq/ecCAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEDa7NzedULI3rg38gEacPmwsJ/S
5O3QbqqziqyXHIrg2zshOi3x2yRSjyTAcT+lke5+BuM9pcWpmLFnh6lAh+QJAAAADXNoYW
50eS1hZ2VudHMAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABA51X7SFSd
ocemYlGfSyXMMK/blUKIflIsYEJQjmnSeNmxRHpcUimFz/bO04ZE0WqZXc8khWzQlfJlC+
1wIecCAQ==
-----END SSH SIGNATURE-----
";

const ROOT: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAeFUEGyoXybVQKUhVMDoKSaVkefNQXUpCcmOIrq/ecC";
const OTHER_ROOT: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGyHVpxJHreuVHcxgFE5C1BQMd5pLJ9KtZrXnltADlh8";

const IN_2027: u64 = 1_800_000_000;
const IN_2034: u64 = 2_020_000_000;
const IN_2025: u64 = 1_750_000_000;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new(manifest: &str, signature: Option<&str>, root: &str) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let agents = place.agents();
        std::fs::create_dir(&agents).unwrap();
        std::fs::write(agents.join(manifest::FILE), manifest).unwrap();
        if let Some(signature) = signature {
            std::fs::write(agents.join(SIGNATURE), signature).unwrap();
        }
        let line = format!("release cert-authority,namespaces=\"shanty-agents\" {root}\n");
        std::fs::write(place.roots(), line).unwrap();
        place
    }

    fn agents(&self) -> PathBuf {
        self.dir.path().join("agents")
    }

    fn roots(&self) -> PathBuf {
        self.dir.path().join("roots")
    }

    fn read(&self, now_s: u64) -> Result<Lying, InstallError> {
        read(&self.agents(), Some(&self.roots()), now_s)
    }

    /// Why nothing of it is handed out, and that what is offered says the same.
    fn why(&self, now_s: u64) -> String {
        let error = self.read(now_s).err().expect("it is not handed out");
        let told = error.to_string();
        let offer = offer(self.read(now_s));
        let release = offer.release.unwrap_err();
        assert_eq!((offer.version, &release.why), (None, &told));
        assert!(
            release.next.contains("`roots` in [install]"),
            "{}",
            release.next
        );
        let refusal = Refusal::from(error);
        assert!(refusal.what.contains(&told) && refusal.next == release.next);
        told.replace(&self.dir.path().display().to_string(), "DIR")
    }
}

#[test]
fn what_a_release_key_signed_is_offered_with_what_it_says_of_updates() {
    let place = Place::new(MANIFEST, Some(SIG), ROOT);
    let lying = place.read(IN_2027).unwrap();
    assert_eq!(lying.bytes, MANIFEST.as_bytes());
    assert_eq!(lying.signature.as_deref(), Some(SIG.as_bytes()));
    let offer = offer(Ok(lying));
    assert_eq!(offer.version, "0.2.0".parse().ok());
    let release = Release {
        not_after_ms: Some(2_000_000_000_000),
        min_from: "0.1.0".parse().ok(),
        older_ok: true,
        signer: "release-2027".to_owned(),
    };
    assert_eq!(offer.release, Ok(release));
}

#[test]
fn whatever_else_lies_there_is_not_handed_out_and_it_is_said_why() {
    let said = |manifest: &str, signature: Option<&str>, root: &str, now_s: u64| {
        Place::new(manifest, signature, root).why(now_s)
    };
    let changed = MANIFEST.replace("0.2.0", "0.2.1");
    let cut = SIG.get(..400).unwrap();
    let mut all = String::new();
    for (what, told) in [
        ("nobody signed", said(MANIFEST, None, ROOT, IN_2027)),
        (
            "another root",
            said(MANIFEST, Some(SIG), OTHER_ROOT, IN_2027),
        ),
        ("changed since", said(&changed, Some(SIG), ROOT, IN_2027)),
        ("cut off", said(MANIFEST, Some(cut), ROOT, IN_2027)),
        ("not yet", said(MANIFEST, Some(SIG), ROOT, IN_2025)),
        ("too old", said(MANIFEST, Some(SIG), ROOT, IN_2034)),
        (
            "no roots in the file",
            said(MANIFEST, Some(SIG), "ssh-rsa AAAA", IN_2027),
        ),
    ] {
        all.push_str(&format!("{what}: {told}\n"));
    }
    let place = Place::new(MANIFEST, Some(SIG), ROOT);
    std::fs::remove_file(place.roots()).unwrap();
    all.push_str(&format!("roots are gone: {}\n", place.why(IN_2027)));
    let place = Place::new(MANIFEST, Some(SIG), ROOT);
    for file in [place.agents().join(SIGNATURE), place.roots()] {
        let mode = |bits| {
            let mode = std::fs::Permissions::from_mode(bits);
            std::fs::set_permissions(&file, mode).unwrap();
        };
        mode(0o666);
        all.push_str(&format!("others may write it: {}\n", place.why(IN_2027)));
        mode(0o644);
    }
    assert!(place.read(IN_2027).is_ok());
    insta::assert_snapshot!(all);
}

#[test]
fn without_roots_hosts_are_installed_as_before_and_updated_from_nowhere() {
    for signature in [None, Some(SIG), Some("no signature")] {
        let place = Place::new(MANIFEST, signature, ROOT);
        let lying = read(&place.agents(), None, IN_2034).unwrap();
        assert_eq!(lying.signature.as_deref(), signature.map(str::as_bytes));
        let offer = offer(Ok(lying));
        assert_eq!(offer.version, "0.2.0".parse().ok());
        let release = offer.release.unwrap_err();
        assert!(release.why.contains("who may sign"), "{}", release.why);
        assert!(release.next.contains("`roots` in [install]"));
    }
    let place = Place::new(
        &MANIFEST.replace("0.2.0\",\"n", "nightly\",\"n"),
        None,
        ROOT,
    );
    let lying = read(&place.agents(), None, IN_2027);
    let release = offer(lying).release.unwrap_err();
    assert!(release.why.contains("`nightly`"), "{}", release.why);
}
