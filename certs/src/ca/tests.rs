//! The authority on disk, and what stands in the certificates that it issues.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::csr;
use crate::identity::PeerIdentity;

const DAY: Duration = Duration::from_secs(86_400);

fn request() -> Csr {
    let key = KeyPair::generate().unwrap();
    Csr::check(&csr::request(&key).unwrap()).unwrap()
}

struct Dir(tempfile::TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("ca")
    }

    fn open_at(&self, now: SystemTime) -> Result<Ca, CaError> {
        Ca::open_or_create(&self.path(), now)
    }

    fn open(&self) -> Result<Ca, CaError> {
        self.open_at(SystemTime::now())
    }

    fn refusal(&self) -> String {
        let text = self.open().unwrap_err().to_string();
        text.replace(&self.path().display().to_string(), "CA")
    }
}

#[test]
fn what_was_created_is_opened_again() {
    let dir = Dir::new();
    let one = dir.open().unwrap();
    let two = dir.open().unwrap();
    assert_eq!(one.pin(), two.pin());
    assert_eq!(one.root(), two.root());
    assert_eq!(one.controller_chain(), two.controller_chain());
    assert_ne!(one.pin(), Dir::new().open().unwrap().pin());
    for entry in fs::read_dir(dir.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn an_interrupted_creation_leaves_nothing_that_counts() {
    let dir = Dir::new();
    let staging = files_staging(&dir);
    fs::write(staging.join("root.key"), "torn").unwrap();
    fs::create_dir(dir.path()).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir.open().unwrap();
    assert!(!staging.exists());
}

fn files_staging(dir: &Dir) -> PathBuf {
    crate::files::staging_directory(&dir.path()).unwrap()
}

#[test]
fn an_agent_gets_its_identity_and_nothing_that_it_did_not_ask_for() {
    let ca = Dir::new().open().unwrap();
    let request = request();
    let now = SystemTime::now();
    let chain = ca.issue_agent(&request, [7; 16], now, DAY * 365).unwrap();
    let peer = PeerIdentity::of_agent(&chain[0], ca.trust_domain()).unwrap();
    assert_eq!(peer.agent, [7; 16]);
    assert_eq!(peer.serial.len(), 32);
    assert!(peer.not_after > now + DAY * 364 && peer.not_after <= now + DAY * 365);

    let leaf = identity::parse(&chain[0]).unwrap();
    assert_eq!(leaf.public_key().raw, request.spki());
    assert!(leaf.subject().iter().next().is_none());
    assert!(!leaf.is_ca());
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.critical && usage.value.digital_signature());
    assert_eq!(usage.value.flags, 1);
    let from = leaf.validity().not_before.timestamp();
    let now_s = i64::try_from(since_epoch(now).as_secs()).unwrap();
    assert_eq!(now_s - from, 300);
    assert_eq!(chain[2], *ca.root());
    assert_eq!(identity::pin_of(&chain[2]).unwrap(), ca.pin());

    let again = ca.issue_agent(&request, [7; 16], now, DAY * 365).unwrap();
    let other = PeerIdentity::of_agent(&again[0], ca.trust_domain()).unwrap();
    assert_ne!(peer.serial, other.serial);
}

#[test]
fn root_and_issuing_certificate_are_limited() {
    let ca = Dir::new().open().unwrap();
    let issuing = ca.issuing();
    let [root, issuing] = [ca.root(), &issuing[0]].map(|der| identity::parse(der).unwrap());
    let life = |c: &X509Certificate<'_>| {
        c.validity().not_after.timestamp() - c.validity().not_before.timestamp()
    };
    assert_eq!(life(&root) / 86_400, 3_653);
    assert_eq!(life(&issuing) / 86_400, 365);
    let limits = issuing.basic_constraints().unwrap().unwrap().value;
    assert!(limits.ca && limits.path_len_constraint == Some(0));
    let controller = &ca.controller_chain()[0];
    assert!(identity::controller_id(controller, ca.trust_domain()).is_ok());
}

#[test]
fn keys_of_the_authority_are_not_certified_for_agents() {
    let ca = Dir::new().open().unwrap();
    let active = ca.active.load();
    for key in [active.issuer.key(), &active.controller.key] {
        let csr = Csr::check(&csr::request(key).unwrap()).unwrap();
        let refused = ca.issue_agent(&csr, [1; 16], SystemTime::now(), DAY);
        assert!(matches!(refused, Err(CaError::OwnKey)));
    }
}

#[test]
fn what_is_due_is_renewed_with_the_same_issuing_key_and_id() {
    let dir = Dir::new();
    let long_ago = SystemTime::now() - DAY * 300;
    let old = dir.open_at(long_ago).unwrap();
    let new = dir.open().unwrap();
    assert_eq!(old.root(), new.root());
    assert_ne!(old.issuing(), new.issuing());
    let spki = |ca: &Ca| ca.active.load().issuer.key().subject_public_key_info();
    assert_eq!(spki(&old), spki(&new));
    let id =
        |ca: &Ca| identity::controller_id(&ca.controller_chain()[0], ca.trust_domain()).unwrap();
    assert_eq!(id(&old), id(&new));
    assert_ne!(old.controller_chain()[0], new.controller_chain()[0]);
    // Downloaders pin the listener's key: lines that were handed out stay good.
    assert_eq!(old.listener_pin(), new.listener_pin());
    assert_eq!(
        old.listener_pin(),
        identity::pin_of(&new.controller_chain()[0]).unwrap()
    );
    assert_eq!(
        new.controller_chain(),
        dir.open().unwrap().controller_chain()
    );
}

#[test]
fn the_roots_key_may_be_away_until_it_is_needed() {
    let dir = Dir::new();
    dir.open_at(SystemTime::now() - DAY * 30).unwrap();
    fs::remove_file(dir.path().join("root.key")).unwrap();
    dir.open().unwrap();
    // Due, and good still.
    dir.open_at(SystemTime::now() + DAY * 300).unwrap();
    let later = dir.open_at(SystemTime::now() + DAY * 340);
    assert!(
        matches!(later, Err(CaError::RootKeyAway { .. })),
        "{later:?}"
    );
}

#[test]
fn damaged_files_are_named_with_the_remedy() {
    let dir = Dir::new();
    dir.open().unwrap();
    let keep = |name: &str| fs::read(dir.path().join(name)).unwrap();
    let (root, issuing, controller) = (
        keep("root.crt"),
        keep("issuing.pem"),
        keep("controller.pem"),
    );
    let put = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();

    let foreign = Dir::new();
    foreign.open().unwrap();
    let of_foreign = |name: &str| fs::read(foreign.path().join(name)).unwrap();
    put("issuing.pem", &of_foreign("issuing.pem"));
    assert_eq!(
        dir.refusal(),
        "CA/issuing.pem is not signed by the authority in this directory; restore it from a backup"
    );
    put("issuing.pem", b"");
    assert_eq!(
        dir.refusal(),
        "CA/issuing.pem does not hold a certificate that can be read; restore it from a backup"
    );
    put("issuing.pem", &issuing);
    put("root.key", &of_foreign("root.key"));
    assert_eq!(
        dir.refusal(),
        "CA/root.key is not the key of root.crt; restore it from a backup"
    );
    fs::remove_file(dir.path().join("root.key")).unwrap();
    put("controller.pem", &issuing);
    assert_eq!(
        dir.refusal(),
        "CA/controller.pem is not signed by the authority in this directory; restore it from a backup, \
         or delete it: a new one is made at the next start"
    );
    put("controller.pem", &controller);
    put("root.crt", &issuing);
    assert_eq!(
        dir.refusal(),
        "CA/root.crt is not signed by the authority in this directory; restore it from a backup"
    );
    put("root.crt", &root);
    dir.open().unwrap();
    fs::remove_file(dir.path().join("issuing.pem")).unwrap();
    assert_eq!(dir.refusal(), "CA/issuing.pem does not exist");
}

#[test]
fn open_permissions_are_refused() {
    let dir = Dir::new();
    dir.open().unwrap();
    let key = dir.path().join("issuing.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(
        dir.refusal(),
        "CA/issuing.pem is open to other users (mode 0640); run `chmod 0600 CA/issuing.pem`"
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(
        dir.refusal(),
        "CA is open to other users (mode 0755); run `chmod 0700 CA`"
    );
}

#[test]
fn a_clock_in_the_past_makes_no_certificates() {
    let dir = Dir::new();
    let refused = dir.open_at(SystemTime::UNIX_EPOCH + DAY);
    assert!(matches!(refused, Err(CaError::Clock)));
    assert!(!dir.path().exists());
}

/// The files that a rotation touches.
const ROTATING: [&str; 4] = [
    "issuing.pem",
    "controller.pem",
    "former.crt",
    "issuing.next.pem",
];

type Files = [Option<Vec<u8>>; 4];

impl Dir {
    fn rotating(&self) -> Files {
        ROTATING.map(|name| fs::read(self.path().join(name)).ok())
    }

    fn put(&self, files: [Option<&Vec<u8>>; 4]) {
        for (name, bytes) in ROTATING.into_iter().zip(files) {
            let path = self.path().join(name);
            match bytes {
                Some(bytes) => crate::files::write_secret(&path, bytes).unwrap(),
                None => crate::files::remove(&path).unwrap(),
            }
        }
    }
}

#[test]
fn a_rotation_that_was_recorded_is_finished_after_a_kill_at_any_file_and_another_is_undone() {
    let dir = Dir::new();
    let (ca, now) = (dir.open().unwrap(), SystemTime::now());
    let id = |ca: &Ca| {
        let chain = ca.controller_chain();
        identity::controller_id(&chain[0], ca.trust_domain()).unwrap()
    };
    let old_leaf = ca.issue_agent(&request(), [7; 16], now, DAY).unwrap();
    let (old_id, old) = (id(&ca), ca.status().unwrap().issuing.pin);
    let before = dir.rotating();
    let new = ca.prepare(None, now).unwrap();
    let prepared = dir.rotating();
    ca.activate(now).unwrap();
    assert!(matches!(ca.prepare(None, now), Err(CaError::NotRetired)));
    let after = dir.rotating();
    let next = prepared[3].as_ref();
    let (b, a) = (|n: usize| before[n].as_ref(), |n: usize| after[n].as_ref());
    for state in [
        [b(0), b(1), None, next],
        [b(0), b(1), a(2), next],
        [a(0), b(1), a(2), None],
        [a(0), a(1), a(2), None],
    ] {
        dir.put(state);
        let opened = dir.open().unwrap();
        opened.settle(Some(new.as_bytes()), None, now).unwrap();
        for opened in [opened, dir.open().unwrap()] {
            let status = opened.status().unwrap();
            assert_eq!(status.issuing.pin, new);
            assert_eq!(status.former.unwrap().pin, old);
            assert_eq!(id(&opened), old_id, "and its key: lines pin it");
            assert_eq!(opened.listener_pin(), ca.listener_pin());
            assert!(opened.is_by_former(&old_leaf[0]) && opened.is_ours(&old_leaf[0]));
            assert_eq!(opened.issuers_of(&old_leaf[0])[0], old_leaf[1]);
            let leaf = opened.issue_agent(&request(), [7; 16], now, DAY).unwrap();
            assert!(!opened.is_by_former(&leaf[0]) && opened.is_ours(&leaf[0]));
            assert_eq!(opened.issuers_of(&leaf[0])[0], leaf[1]);
        }
    }
    // Prepared, and never recorded.
    for state in [[b(0), b(1), None, next], [b(0), b(1), a(2), next]] {
        dir.put(state);
        let opened = dir.open().unwrap();
        opened.settle(None, None, now).unwrap();
        let status = opened.status().unwrap();
        assert_eq!((status.issuing.pin, status.former), (old, None));
        assert!(!dir.path().join("issuing.next.pem").exists());
    }
    // Recorded as retired, and killed before it was.
    dir.put([a(0), a(1), a(2), None]);
    let opened = dir.open().unwrap();
    opened
        .settle(Some(new.as_bytes()), Some(old.as_bytes()), now)
        .unwrap();
    assert!(!opened.has_former() && !opened.is_ours(&old_leaf[0]));
    assert!(!dir.open().unwrap().has_former());
}

#[test]
fn the_roots_key_is_brought_where_it_is_not_and_no_other_is_taken_for_it() {
    let (dir, now) = (Dir::new(), SystemTime::now());
    let ca = dir.open().unwrap();
    let key = ca.root_key().unwrap();
    assert!(ca.status().unwrap().root_key);
    ca.shred_root_key().unwrap();
    assert!(!ca.status().unwrap().root_key);
    for gone in [ca.shred_root_key().err(), ca.root_key().err()] {
        assert!(matches!(gone, Some(CaError::NoRootKey { .. })), "{gone:?}");
    }
    assert!(matches!(
        ca.prepare(None, now),
        Err(CaError::NoRootKey { .. })
    ));
    let other = Dir::new().open().unwrap().root_key().unwrap();
    for wrong in [&other[..], b"nothing", ca.root_pem().as_bytes()] {
        assert!(!ca.is_root_key(wrong));
        let refused = ca.prepare(Some(wrong), now);
        assert!(matches!(refused, Err(CaError::OtherRootKey)), "{refused:?}");
    }
    assert!(ca.is_root_key(&key));
    ca.prepare(Some(&key), now).unwrap();
    ca.activate(now).unwrap();
    assert!(dir.open().unwrap().has_former());
}
