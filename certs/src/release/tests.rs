//! What is taken for a release, and what is not: one signature of `ssh-keygen` kept here, ones that are made by hand with every part wrong
//! in turn, and ones that `ssh-keygen` makes now, where it is installed.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

/// Made by `ssh-keygen -Y sign -n shanty-agents`, with a certificate for 2026 and 2027, of the file `the file` with a line's end.
const KEPT: &str = "-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAcMAAAAgc3NoLWVkMjU1MTktY2VydC12MDFAb3BlbnNzaC5jb20AAA
AgkObecV+HnjkdK+fojLda5hUiy4Z35AIF/IQR1IXBSYkAAAAgFn+7hkBmuPOUs99iZzPL
i5WahYQmr3jT+fOQF4kcjZgAAAAAAAAAAAAAAAEAAAAMcmVsZWFzZS0yMDI3AAAACwAAAA
dyZWxlYXNlAAAAAGlVuQAAAAAAbRggAAAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2Fy
ZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3
J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJj
AAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIELhx3AUWAhg5V2D1yGOcZL64ivxez
lGYpTUxJXc+NlEAAAAUwAAAAtzc2gtZWQyNTUxOQAAAECE/KNm3ECF94DMjpiIr8MhdRTT
d5P8C9RvDc5TetPdaBmT5OaILQ0MIdTXYps57ZuSsOlJXLjFl0lmCpAkERIGAAAADXNoYW
50eS1hZ2VudHMAAAAAAAAABnNoYTUxMgAAAFMAAAALc3NoLWVkMjU1MTkAAABA+kLrAvbR
JxagOymIwoFNVoFKvMSXyIbHNawtFp/e+GPGZo+OnhLEaRdm14MPcf6L7GOZ4yYIvyOA6n
UMHJpNBg==
-----END SSH SIGNATURE-----
";

const KEPT_ROOT: &str = "release cert-authority,namespaces=\"shanty-agents\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIELhx3AUWAhg5V2D1yGOcZL64ivxezlGYpTUxJXc+NlE a root";

const IN_2027: u64 = 1_800_000_000;

fn put(blob: &mut Vec<u8>, part: impl AsRef<[u8]>) {
    let part = part.as_ref();
    blob.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
    blob.extend_from_slice(part);
}

fn key(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(pair: &Ed25519KeyPair) -> Vec<u8> {
    sshsig::public_key(pair.public_key().as_ref().try_into().unwrap())
}

fn signed_by(pair: &Ed25519KeyPair, bytes: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put(&mut blob, "ssh-ed25519");
    put(&mut blob, pair.sign(bytes).as_ref());
    blob
}

/// A signature with all of its parts, any of which a test may make wrong.
struct Made {
    root: Ed25519KeyPair,
    key: Ed25519KeyPair,
    kind: u32,
    id: String,
    principals: Vec<&'static str>,
    demands: Vec<&'static str>,
    valid: (u64, u64),
    namespace: &'static str,
    hash: &'static str,
    plain: bool,
    /// One bit of the certificate is another after the root signed it.
    forged: bool,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            root: key(1),
            key: key(2),
            kind: 1,
            id: "release-2027".to_owned(),
            principals: vec!["release"],
            demands: Vec::new(),
            valid: (1_000, 2_000),
            namespace: AGENTS,
            hash: "sha512",
            plain: false,
            forged: false,
        }
    }
}

impl Made {
    fn certificate(&self) -> Vec<u8> {
        if self.plain {
            return public(&self.key);
        }
        let mut blob = Vec::new();
        put(&mut blob, "ssh-ed25519-cert-v01@openssh.com");
        put(&mut blob, [9; 32]);
        put(&mut blob, self.key.public_key());
        blob.extend_from_slice(&7_u64.to_be_bytes());
        blob.extend_from_slice(&self.kind.to_be_bytes());
        put(&mut blob, &self.id);
        let mut principals = Vec::new();
        self.principals.iter().for_each(|p| put(&mut principals, p));
        put(&mut blob, principals);
        blob.extend_from_slice(&self.valid.0.to_be_bytes());
        blob.extend_from_slice(&self.valid.1.to_be_bytes());
        let mut demands = Vec::new();
        for name in &self.demands {
            put(&mut demands, name);
            put(&mut demands, "");
        }
        put(&mut blob, demands);
        put(&mut blob, "");
        put(&mut blob, "");
        put(&mut blob, public(&self.root));
        let signature = signed_by(&self.root, &blob);
        if self.forged {
            blob[90] ^= 1;
        }
        put(&mut blob, signature);
        blob
    }

    fn blob(&self, bytes: &[u8]) -> Vec<u8> {
        let mut signed = b"SSHSIG".to_vec();
        for part in [self.namespace, "", self.hash] {
            put(&mut signed, part);
        }
        put(&mut signed, Sha512::digest(bytes));
        let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
        put(&mut blob, self.certificate());
        for part in [self.namespace, "", self.hash] {
            put(&mut blob, part);
        }
        put(&mut blob, signed_by(&self.key, &signed));
        blob
    }

    fn armoured(&self, bytes: &[u8]) -> Vec<u8> {
        armoured(&self.blob(bytes))
    }
}

fn armoured(blob: &[u8]) -> Vec<u8> {
    let body = STANDARD.encode(blob);
    format!("-----BEGIN SSH SIGNATURE-----\n{body}\n-----END SSH SIGNATURE-----\n").into_bytes()
}

fn line(options: &str, root: &Ed25519KeyPair) -> String {
    format!(
        "release {options} ssh-ed25519 {}\n",
        STANDARD.encode(public(root))
    )
}

fn roots(options: &str) -> Roots {
    let text = format!(
        "# a root\n\n{}{}",
        line("cert-authority", &key(77)),
        line(options, &key(1))
    );
    Roots::parse(text.as_bytes()).unwrap()
}

fn said(made: &Made, options: &str, at: u64) -> String {
    let verified = roots(options).verify(AGENTS, b"file", &made.armoured(b"file"), at);
    match verified {
        Ok(signer) => format!("by {} until {}", signer.key, signer.not_after),
        Err(error) => error.to_string(),
    }
}

const ROOT: &str = "cert-authority,namespaces=\"shanty-agents,shanty-release\"";

#[test]
fn a_signature_of_ssh_keygen_is_taken_and_nothing_like_it() {
    let roots = Roots::parse(KEPT_ROOT.as_bytes()).unwrap();
    let (bytes, kept) = (b"the file\n".as_slice(), KEPT.as_bytes());
    let signer = roots.verify(AGENTS, bytes, kept, IN_2027).unwrap();
    assert_eq!(
        (signer.key.as_str(), signer.not_after),
        ("release-2027", 1_830_297_600)
    );
    let early = roots
        .verify(AGENTS, bytes, kept, 1_700_000_000)
        .unwrap_err();
    assert!(
        early
            .to_string()
            .contains("counts from 2026-01-01 00:00 UTC"),
        "{early}"
    );
    let late = roots
        .verify(AGENTS, bytes, kept, 1_830_297_600)
        .unwrap_err();
    assert!(
        late.to_string()
            .contains("counted until 2028-01-01 00:00 UTC"),
        "{late}"
    );
    let other = roots.verify(AGENTS, b"the file", kept, IN_2027);
    assert_eq!(other, Err(NotReleased::Changed));
    // No byte of it may be another, and none may be missing.
    let blob = STANDARD.decode(
        KEPT.lines()
            .skip(1)
            .take_while(|l| !l.starts_with('-'))
            .collect::<String>(),
    );
    let blob = blob.unwrap();
    for at in 0..blob.len() {
        let mut other = blob.clone();
        other[at] ^= 1;
        assert!(
            roots
                .verify(AGENTS, bytes, &armoured(&other), IN_2027)
                .is_err(),
            "byte {at}"
        );
        assert!(
            roots
                .verify(AGENTS, bytes, &armoured(&blob[..at]), IN_2027)
                .is_err(),
            "{at} bytes"
        );
    }
    for len in 0..KEPT.trim_end().len() {
        assert!(
            roots.verify(AGENTS, bytes, &kept[..len], IN_2027).is_err(),
            "{len} characters"
        );
    }
}

#[test]
fn each_thing_that_is_wrong_is_said() {
    let good = Made::default();
    assert_eq!(said(&good, ROOT, 1_000), "by release-2027 until 2000");
    assert_eq!(
        said(&good, "cert-authority", 1_999),
        "by release-2027 until 2000"
    );
    let wrong = |made: Made| said(&made, ROOT, 1_500);
    for (made, expected) in [
        (
            Made {
                root: key(3),
                ..Made::default()
            },
            "which is no root here",
        ),
        (
            Made {
                forged: true,
                ..Made::default()
            },
            "not what its root signed",
        ),
        (
            Made {
                kind: 2,
                ..Made::default()
            },
            "one of a host",
        ),
        (
            Made {
                principals: vec!["root", "a`b"],
                ..Made::default()
            },
            "is for `root`, `a?b`, and not",
        ),
        (
            Made {
                principals: vec![],
                ..Made::default()
            },
            "is for anybody, and not",
        ),
        (
            Made {
                demands: vec!["source-address"],
                ..Made::default()
            },
            "demands `source-address`",
        ),
        (
            Made {
                namespace: "shanty-release",
                ..Made::default()
            },
            "made for `shanty-release`, and not for `shanty-agents`",
        ),
        (
            Made {
                namespace: "file\u{1b}[2J",
                ..Made::default()
            },
            "made for `file?[2J`",
        ),
        (
            Made {
                hash: "sha256",
                ..Made::default()
            },
            "made with `sha256`",
        ),
        (
            Made {
                plain: true,
                ..Made::default()
            },
            "a plain key",
        ),
        (
            Made {
                valid: (1_501, 2_000),
                ..Made::default()
            },
            "counts from 1970-01-01 00:25 UTC",
        ),
        (
            Made {
                valid: (1_000, 1_500),
                ..Made::default()
            },
            "counted until 1970-01-01 00:25 UTC: what is offered is too old",
        ),
        (
            Made {
                id: "a\nb@everyone\u{202e}".to_owned(),
                ..Made::default()
            },
            "by a?b@everyone? until",
        ),
    ] {
        let said = wrong(made);
        assert!(said.contains(expected), "{said}");
    }
    let changed = roots(ROOT).verify(AGENTS, b"files", &good.armoured(b"file"), 1_500);
    assert_eq!(changed, Err(NotReleased::Changed));
    assert_eq!(
        Roots::default().verify(AGENTS, b"", b"", 0),
        Err(NotReleased::NoRoots)
    );
}

#[test]
fn a_root_counts_for_what_it_may_and_while_it_may() {
    let good = Made::default();
    for (options, at, expected) in [
        (
            "cert-authority,namespaces=\"shanty-release\"",
            1_500,
            "may not do so for `shanty-agents`",
        ),
        (
            "valid-before=\"197001010020\",cert-authority",
            1_500,
            "counted until 1970-01-01 00:20 UTC",
        ),
        (
            "cert-authority,valid-after=\"197001010026\"",
            1_500,
            "counts from 1970-01-01 00:26 UTC",
        ),
        // A release key that somebody got hold of: what the root certified since counts on.
        (
            "cert-authority,valid-after=\"197001010020\"",
            1_500,
            "of its root only what it certified from 1970-01-01 00:20 UTC on counts",
        ),
        (
            "cert-authority,valid-after=\"197001010010Z\",valid-before=\"19700101003000\"",
            1_500,
            "by release-2027",
        ),
    ] {
        let said = said(&good, options, at);
        assert!(said.contains(expected), "{options}: {said}");
    }
}

#[test]
fn what_cannot_be_read_is_no_signature() {
    let good = Made::default();
    let text = String::from_utf8(good.armoured(b"file")).unwrap();
    let more = [good.blob(b"file"), vec![0]].concat();
    let long = vec![b'A'; SIGNATURE_BYTES_MAX + 1];
    for wrong in [
        b"".to_vec(),
        b"-----BEGIN SSH SIGNATURE-----".to_vec(),
        text.replace("SSH", "PGP").into_bytes(),
        text.replace("-----END", "----END").into_bytes(),
        text.replace("U1NI", "!!!!").into_bytes(),
        [text.as_bytes(), b"x"].concat(),
        armoured(&more),
        armoured(b"SSHSIG\0\0\0\x02"),
        armoured(b"SSHSIG\0\0\0\x01\xff\xff\xff\xff"),
        vec![0xff; 99],
        long,
    ] {
        let error = roots(ROOT)
            .verify(AGENTS, b"file", &wrong, 1_500)
            .unwrap_err();
        assert!(matches!(error, NotReleased::Unreadable(_)), "{error}");
    }
}

#[test]
fn a_line_that_is_no_root_is_named() {
    let good = line(ROOT, &key(1));
    let rsa = good.replace("ssh-ed25519", "ssh-rsa");
    for (text, number, expected) in [
        (String::new(), 1, "no root in it"),
        ("# nothing\n".to_owned(), 1, "no root in it"),
        (
            format!("\n{}", good.replace("release", "deploy")),
            2,
            "principal `release`",
        ),
        (format!("{good}{rsa}"), 2, "`ssh-ed25519` key"),
        (
            good.replace("cert-authority,", ""),
            1,
            "`cert-authority` is missing",
        ),
        (
            good.replace("namespaces", "principals"),
            1,
            "option is not known",
        ),
        (
            good.replace("cert-authority,", "cert-authority,namespaces=\"a\","),
            1,
            "stands twice",
        ),
        (
            good.replace("shanty-agents", "shanty-*"),
            1,
            "named in full",
        ),
        (
            good.replace("release\" ", "release "),
            1,
            "quote is not closed",
        ),
        (good.replace('"', ""), 1, "stands in quotes"),
        (
            good.replace("cert-authority", "cert-authority,valid-after=\"1d\""),
            1,
            "a time is written",
        ),
        (good.replace("AAAA", "AAAB"), 1, "this is no root"),
        ("release\n".to_owned(), 1, "this is no root"),
        (good.repeat(17), 1, "too many"),
    ] {
        let (line, what) = Roots::parse(text.as_bytes()).unwrap_err();
        assert!(
            line == number && what.contains(expected),
            "{text}: {line}: {what}"
        );
    }
    assert!(Roots::parse(&[0xff]).is_err());
    assert!(Roots::parse(good.replace(' ', " \t ").as_bytes()).is_ok());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("release-roots");
    std::fs::write(&path, "nonsense\n").unwrap();
    let error = Roots::read(&path).unwrap_err().to_string();
    assert!(error.contains("release-roots: line 1: "), "{error}");
    std::fs::write(&path, &good).unwrap();
    assert_eq!(
        Roots::read(&path).unwrap(),
        Roots::parse(good.as_bytes()).unwrap()
    );
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    assert!(matches!(Roots::read(&path), Err(RootsError::File(_))));
}

#[test]
fn what_ssh_keygen_makes_now_is_taken_as_it_takes_it() {
    let dir = tempfile::tempdir().unwrap();
    let keygen = |args: &[&str]| keygen(dir.path(), args);
    if !keygen(&["-q", "-t", "ed25519", "-N", "", "-f", "root"]) {
        return; // Not installed; the signature above was made by it.
    }
    assert!(keygen(&["-q", "-t", "ed25519", "-N", "", "-f", "key"]));
    let certify = [
        "-q", "-s", "root", "-I", "today", "-n", "release", "-V", "+52w", "key.pub",
    ];
    assert!(keygen(&certify));
    std::fs::write(dir.path().join("file"), "bytes").unwrap();
    assert!(keygen(&[
        "-q",
        "-Y",
        "sign",
        "-f",
        "key-cert.pub",
        "-n",
        AGENTS,
        "file"
    ]));
    let root = std::fs::read_to_string(dir.path().join("root.pub")).unwrap();
    let roots = Roots::parse(format!("release {ROOT} {root}").as_bytes()).unwrap();
    let signature = std::fs::read(dir.path().join("file.sig")).unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert_eq!(
        roots.verify(AGENTS, b"bytes", &signature, now).unwrap().key,
        "today"
    );
    assert_eq!(
        roots.verify(AGENTS, b"byte", &signature, now),
        Err(NotReleased::Changed)
    );
    // Signed with the key, whose certificate stands beside it, and not with the certificate.
    std::fs::remove_file(dir.path().join("file.sig")).unwrap();
    std::fs::remove_file(dir.path().join("key-cert.pub")).unwrap();
    assert!(keygen(&[
        "-q", "-Y", "sign", "-f", "key", "-n", AGENTS, "file"
    ]));
    let plain = std::fs::read(dir.path().join("file.sig")).unwrap();
    assert_eq!(
        roots.verify(AGENTS, b"bytes", &plain, now),
        Err(NotReleased::PlainKey)
    );
}

fn keygen(dir: &Path, args: &[&str]) -> bool {
    let mut command = Command::new("ssh-keygen");
    let command = command.args(args).current_dir(dir).stdin(Stdio::null());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
