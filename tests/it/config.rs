//! Starting a controller: everything that is wrong with its configuration, its files, its ports and its data.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use shanty_tests::process::{self, Process, Ran};
use shanty_tests::write_trusted;
use tempfile::TempDir;

use crate::programs;

/// A controller without chat, in a directory of its own.
pub(crate) struct Setup {
    dir: TempDir,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let setup = Self { dir };
        setup.write(&setup.plain());
        setup
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A configuration that works.
    fn plain(&self) -> String {
        format!(
            "data_dir = {:?}\n[listen]\nagents = \"127.0.0.1:0\"\njoin = \"127.0.0.1:0\"\n\
             http = \"127.0.0.1:0\"\nadmin = {:?}\n",
            self.path("data"),
            self.path("admin.sock"),
        )
    }

    fn write(&self, config: &str) {
        write_trusted(&self.path("shanty.toml"), config);
    }

    /// A controller that gets ready.
    pub(crate) async fn serve(&self) -> Process {
        let config = self.path("shanty.toml").to_string_lossy().into_owned();
        let command = process::call(&programs().shanty, &["serve", "--config", &config]);
        let log = self.path("controller.log");
        Process::start("controller", command, log).await.0
    }

    /// The end of a controller that must not get ready.
    pub(crate) async fn refuses(&self) -> Ran {
        serve_in_vain(&self.path("shanty.toml")).await
    }

    pub(crate) async fn shanty(&self, args: &[&str]) -> Ran {
        let mut call = process::call(&programs().shanty, args);
        process::run(call.env("SHANTY_ADMIN", self.path("admin.sock"))).await
    }
}

async fn serve_in_vain(config: &Path) -> Ran {
    let config = config.to_string_lossy().into_owned();
    let mut call = process::call(&programs().shanty, &["serve", "--config", &config]);
    let ran = process::run(&mut call).await;
    assert_eq!(ran.out, "", "a controller that does not start is not ready");
    ran
}

#[tokio::test]
async fn every_mistake_in_the_configuration_is_told_at_once_with_its_line() {
    let setup = Setup::new();
    setup.write(
        "data_dir = \"var/lib\"\ncolour = \"blue\"\n[discord]\ntoken_file = 5\nguilds = [\"ops\"]\n\
         [listen]\nagents = \"somewhere\"\n[[grant]]\nid = \"a\"\nwhat = [\"fly\"]\nhosts = \"is:online\"\n\
         [limits]\ngrace_ms = \"long\"\n[retention]\noutput_max = \"20G\"\n",
    );
    let ran = setup.refuses().await;
    assert_eq!(ran.code, 78, "{ran:?}");
    let file = setup.path("shanty.toml").display().to_string();
    for (line, word) in [
        (1, "data_dir"),
        (2, "colour"),
        (4, "token_file"),
        (5, "ops"),
        (7, "agents"),
        (8, "who"),
        (8, "where"),
        (10, "fly"),
        (11, "hosts"),
        (13, "grace_ms"),
        (15, "output_max"),
    ] {
        let told =
            |text: &str| text.starts_with(&format!("{file}:{line}: ")) && text.contains(word);
        assert!(ran.err.lines().any(told), "{line} {word}: {}", ran.err);
    }
    assert!(!setup.path("data").exists());
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_named() {
    let setup = Setup::new();
    let missing = setup.path("missing.toml");
    let ran = serve_in_vain(&missing).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.err.contains(&missing.display().to_string()), "{ran:?}");
    // A directory cannot be read by anybody, root included.
    let ran = serve_in_vain(setup.dir.path()).await;
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.err.contains("is not a regular file"), "{ran:?}");
}

#[tokio::test]
async fn a_token_file_that_is_missing_empty_or_open_to_others_is_refused() {
    let setup = Setup::new();
    let token = setup.path("bot-token");
    let discord = format!("[discord]\ntoken_file = {token:?}\nguilds = [\"1\"]\n");
    setup.write(&format!("{}{discord}", setup.plain()));
    let refused = async |what: &str| {
        let ran = setup.refuses().await;
        assert_eq!(ran.code, 78, "{what}: {ran:?}");
        assert!(ran.err.contains(&token.display().to_string()), "{ran:?}");
        assert!(ran.err.contains(what), "{what}: {ran:?}");
        assert!(!ran.err.contains("s3cret"), "{ran:?}");
    };
    refused("does not exist").await;
    std::fs::write(&token, "s3cret").unwrap();
    for mode in [0o604, 0o640, 0o666] {
        std::fs::set_permissions(&token, PermissionsExt::from_mode(mode)).unwrap();
        refused("open to other users").await;
    }
    std::fs::set_permissions(&token, PermissionsExt::from_mode(0o600)).unwrap();
    for (content, what) in [
        (String::new(), "does not hold a token"),
        ("s3cret\nand more".to_owned(), "does not hold a token"),
        ("s3cret".repeat(2_000), "larger than"),
    ] {
        std::fs::write(&token, content).unwrap();
        refused(what).await;
    }
    std::fs::rename(&token, setup.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(setup.path("elsewhere"), &token).unwrap();
    refused("symbolic link").await;
}

#[tokio::test]
async fn a_busy_port_is_named_by_its_key() {
    let setup = Setup::new();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = busy.local_addr().unwrap().to_string();
    for key in ["agents", "join", "http"] {
        let free = format!("{key} = \"127.0.0.1:0\"");
        let taken = format!("{key} = \"{address}\"");
        setup.write(&setup.plain().replace(&free, &taken));
        let ran = setup.refuses().await;
        assert_eq!(ran.code, 73, "{key}: {ran:?}");
        for part in [&address, &format!("`{key}`")] {
            assert!(ran.err.contains(part.as_str()), "{part}: {ran:?}");
        }
    }
}

#[tokio::test]
async fn a_second_controller_on_the_same_data_or_socket_leaves_the_first_alone() {
    let setup = Setup::new();
    let first = setup.serve().await;
    let data = format!("{:?}", setup.path("data"));
    let other = format!("{:?}", setup.path("other"));
    let same_data = setup.plain().replace("admin.sock", "other.sock");
    let same_socket = setup.plain().replace(&data, &other);
    for plain in [same_data, same_socket] {
        let config = setup.path("second.toml");
        std::fs::write(&config, plain).unwrap();
        let ran = serve_in_vain(&config).await;
        assert_eq!(ran.code, 73, "{ran:?}");
        assert!(ran.err.contains("another controller"), "{ran:?}");
        let ran = setup.shanty(&["token", "create"]).await;
        assert_eq!(ran.code, 0, "the first goes on: {ran:?}");
    }
    first.stop().await;
}

#[tokio::test]
async fn what_decides_is_read_only_where_nobody_else_could_have_written_it() {
    let setup = Setup::new();
    let path = setup.path("shanty.toml");
    let chmod = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o666, 0o620] {
        chmod(&path, mode);
        let ran = setup.refuses().await;
        assert_eq!(ran.code, 78, "{ran:?}");
        let remedy = format!("run `chmod go-w {}`", path.display());
        assert!(ran.err.contains(&remedy), "{ran:?}");
    }
    chmod(&path, 0o644);
    chmod(setup.dir.path(), 0o777);
    let ran = setup.refuses().await;
    assert_eq!(
        ran.code, 78,
        "whoever may write beside it puts another there: {ran:?}"
    );
    chmod(setup.dir.path(), 0o755);
    // Others may read it; what the controller makes itself they may not, under whatever umask it was started.
    setup.serve().await.stop().await;
    for entry in std::fs::read_dir(setup.path("data")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} {mode:o}", entry.file_name());
    }
}

#[tokio::test]
async fn a_controller_that_was_killed_leaves_nothing_in_the_way_of_the_next() {
    let setup = Setup::new();
    setup.serve().await.kill().await;
    assert!(setup.path("admin.sock").exists());
    setup.serve().await.stop().await;
    assert!(!setup.path("admin.sock").exists());
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_stays_as_it_is() {
    let setup = Setup::new();
    let first = setup.serve().await;
    for _ in 0..30 {
        let ran = setup.shanty(&["token", "create"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    first.stop().await;
    for name in ["shanty.db", "output.db", "kept.db"] {
        let path = setup.path("data").join(name);
        let good = std::fs::read(&path).unwrap();
        let mut torn = good.clone();
        torn[4096..].fill(0x5a);
        let garbage = b"this was a database before somebody's disk broke".repeat(500);
        for damaged in [torn, garbage] {
            std::fs::write(&path, &damaged).unwrap();
            let ran = setup.refuses().await;
            assert_eq!(ran.code, 65, "{name}: {ran:?}");
            assert!(ran.err.contains(&path.display().to_string()), "{ran:?}");
            assert!(
                std::fs::read(&path).unwrap() == damaged,
                "{name} was changed"
            );
        }
        std::fs::write(&path, &good).unwrap();
    }
    let again = setup.serve().await;
    let ran = setup.shanty(&["token", "list"]).await;
    assert_eq!(ran.out.lines().count(), 30, "{ran:?}");
    again.stop().await;
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_stays_as_it_is() {
    let setup = Setup::new();
    setup.serve().await.stop().await;
    for (version, next) in [
        (9_999, "use the newer program"),
        (1, "start with a new, empty data directory"),
    ] {
        for name in ["shanty.db", "output.db", "kept.db"] {
            let path = setup.path("data").join(name);
            let good = std::fs::read(&path).unwrap();
            let other = rusqlite::Connection::open(&path).unwrap();
            other.pragma_update(None, "user_version", version).unwrap();
            other.close().unwrap();
            let before = std::fs::read(&path).unwrap();
            let ran = setup.refuses().await;
            assert_eq!(ran.code, 65, "{ran:?}");
            let schema = format!("schema {version}");
            for part in [schema.as_str(), next, name] {
                assert!(ran.err.contains(part), "{part}: {ran:?}");
            }
            assert!(
                std::fs::read(&path).unwrap() == before,
                "{name} was changed"
            );
            std::fs::write(&path, &good).unwrap();
        }
    }
    setup.serve().await.stop().await;
}
