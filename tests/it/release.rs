//! What signs a release: whoever has the root key alone can tell ours from anybody else's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A release and the keys that sign it.
struct Release {
    dir: TempDir,
}

fn run(dir: &Path, program: &str, args: &[&str]) -> Output {
    let mut call = Command::new(program);
    call.args(args).current_dir(dir).stdin(Stdio::null());
    let output = call.output();
    output.unwrap_or_else(|error| panic!("{program}: {error}"))
}

impl Release {
    /// A release, signed; nothing where OpenSSH is not installed, which is said.
    fn signed() -> Option<Self> {
        let there = Command::new("ssh-keygen").arg("-?").output();
        if let Err(error) = there {
            #[expect(clippy::print_stderr, reason = "a skipped test says so")]
            {
                eprintln!("SKIPPED, nothing is signed: ssh-keygen: {error}");
            }
            return None;
        }
        let release = Self {
            dir: TempDir::new().unwrap(),
        };
        std::fs::create_dir_all(release.path("out/agents")).unwrap();
        std::fs::write(release.path("out/agents/manifest.json"), "{}\n").unwrap();
        let sums = run(&release.path("out"), "sha256sum", &["agents/manifest.json"]);
        std::fs::write(release.path("out/SHA256SUMS"), sums.stdout).unwrap();
        for key in ["root", "release", "other"] {
            release.keygen(&["-q", "-t", "ed25519", "-N", "", "-C", key, "-f", key]);
        }
        release.keygen(&[
            "-q",
            "-s",
            "root",
            "-I",
            "release-1",
            "-n",
            "release",
            "-V",
            "-1d:+1d",
            "release.pub",
        ]);
        let root = std::fs::read_to_string(release.path("root.pub")).unwrap();
        let signers =
            format!("release cert-authority,namespaces=\"shanty-agents,shanty-release\" {root}");
        std::fs::write(release.path("signers"), signers).unwrap();
        let signed = release.sign("release");
        assert!(signed.status.success(), "{signed:?}");
        Some(release)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn keygen(&self, args: &[&str]) {
        let made = run(self.dir.path(), "ssh-keygen", args);
        assert!(made.status.success(), "{args:?}: {made:?}");
    }

    fn sign(&self, key: &str) -> Output {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/sign");
        run(self.dir.path(), script.to_str().unwrap(), &["out", key])
    }

    /// As docs/RELEASING.md says it.
    fn verifies(&self, namespace: &str, file: &str, at: &str) -> bool {
        let line = format!(
            "ssh-keygen -Y verify {at} -f signers -I release -n {namespace} -s out/{file}.sig <out/{file}"
        );
        run(self.dir.path(), "/bin/sh", &["-c", &line])
            .status
            .success()
    }
}

#[test]
fn the_root_key_alone_tells_a_release_from_any_other() {
    let Some(release) = Release::signed() else {
        return;
    };
    let manifest = "agents/manifest.json";
    assert!(release.verifies("shanty-agents", manifest, ""));
    assert!(release.verifies("shanty-release", "SHA256SUMS", ""));
    assert!(
        !release.verifies("shanty-release", manifest, ""),
        "of another kind"
    );
    let later = "-Overify-time=29991231";
    assert!(
        !release.verifies("shanty-agents", manifest, later),
        "expired"
    );

    // Certified by somebody else.
    release.keygen(&[
        "-q",
        "-s",
        "other",
        "-I",
        "release-1",
        "-n",
        "release",
        "-V",
        "-1d:+1d",
        "release.pub",
    ]);
    assert!(release.sign("release").status.success());
    assert!(
        !release.verifies("shanty-agents", manifest, ""),
        "of another root"
    );
}

#[test]
fn what_was_changed_is_not_signed_and_does_not_verify() {
    let Some(release) = Release::signed() else {
        return;
    };
    std::fs::write(release.path("out/agents/manifest.json"), "{ }\n").unwrap();
    assert!(!release.verifies("shanty-agents", "agents/manifest.json", ""));
    let signed = release.sign("release");
    let said = String::from_utf8_lossy(&signed.stderr).into_owned();
    assert!(
        !signed.status.success() && said.contains("out is not what was made there"),
        "{said}"
    );
    let signed = release.sign("other");
    let said = String::from_utf8_lossy(&signed.stderr).into_owned();
    assert!(
        !signed.status.success() && said.contains("other-cert.pub is not here"),
        "{said}"
    );
}
