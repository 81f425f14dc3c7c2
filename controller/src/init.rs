//! A controller's beginning: its configuration as text with comments, its token file, and its data directory. Nothing that is there is
//! overwritten. Who is asked, and what Discord says, is not known here.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::fcntl::OFlag;
use nix::unistd::{Gid, Uid, User, getegid, geteuid, setegid, seteuid};
use shanty_certs::files::{Access, write_with};
use shanty_core::text::{shown, utc};

use crate::config::Config;
use crate::config::api::Api;
use crate::discord::permissions::INVITED;
use crate::discord::secret::Secret;

/// Longest name that a comment repeats, characters.
const NAME_CHARS_MAX: usize = 60;

/// Something of Discord, by id and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: u64,
    /// Its name, for people.
    pub name: String,
}

/// What a configuration is to say.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Journal, output and keys.
    pub data_dir: PathBuf,
    /// The file with the token.
    pub token_file: PathBuf,
    /// The bot's application.
    pub application: Named,
    /// The server that is served.
    pub guild: Named,
    /// Where runs of the command line and news are shown.
    pub ops: Option<Named>,
    /// Where it is told what is changed and who is refused, and where anchors are posted, when not in the ops channel.
    pub audit: Option<Named>,
    /// Where Discord is.
    pub api: Api,
    /// The name by which servers reach this machine.
    pub public: Option<String>,
    /// Who may do everything, in the ops channel.
    pub admin: Option<Named>,
}

/// Something stands where something would be written.
#[derive(Debug, thiserror::Error)]
#[error("{} stands there since {since} UTC", path.display())]
pub struct Stands {
    /// What.
    pub path: PathBuf,
    /// When it was last changed.
    pub since: String,
}

/// Refuses a place where something is.
///
/// # Errors
/// [`Stands`], also of a link that leads nowhere.
pub fn free(path: &Path) -> Result<(), Stands> {
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let changed = meta.modified().ok();
    let changed = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let since = changed.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    Err(Stands {
        path: path.to_owned(),
        since: utc(since),
    })
}

/// The user that the controller will run as, where root begins for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its name.
    pub name: String,
    uid: Uid,
    gid: Gid,
}

impl Owner {
    /// The user of that name; nothing when there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let user = User::from_name(name).ok()??;
        Some(Self {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
        })
    }

    /// Whether a file is theirs.
    #[must_use]
    pub fn owns(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|meta| meta.uid() == self.uid.as_raw())
    }

    /// Does something as this user.
    fn does<T>(&self, work: impl FnOnce() -> T) -> nix::Result<T> {
        let (uid, gid) = (geteuid(), getegid());
        setegid(self.gid)?;
        let done = seteuid(self.uid).map(|()| work());
        let back = seteuid(uid).and_then(|()| setegid(gid));
        back.and(done)
    }
}

/// What is written, and where.
#[derive(Debug)]
pub struct Files<'a> {
    /// The configuration.
    pub config: &'a Path,
    /// What it says.
    pub text: &'a str,
    /// The token's file, where it is written too.
    pub token: Option<(&'a Path, &'a Secret)>,
    /// Whose the token and the data will be; ours where nobody is named. The configuration stays ours: who may change it may do everything.
    pub owner: Option<&'a Owner>,
}

/// Writes the token, makes the data directory with journal and authority, and writes the configuration last: where it stands, all stands.
///
/// # Errors
/// What cannot be made, for people. What was made until then stays, and can be used by another try.
pub fn write(files: &Files<'_>) -> anyhow::Result<()> {
    let name = files.config.display().to_string();
    let parsed = Config::parse(&name, files.text).context("write the configuration")?;
    let parents = [Some(files.config), files.token.map(|(path, _)| path)];
    for parent in parents.into_iter().flatten().filter_map(Path::parent) {
        make(parent, 0o755, None)?;
    }
    if let Some((path, token)) = files.token {
        let access = Access {
            uid: files.owner.map(|owner| owner.uid.as_raw()),
            gid: files.owner.map(|owner| owner.gid.as_raw()),
            mode: 0o600,
        };
        write_with(path, format!("{}\n", token.expose()).as_bytes(), access)?;
    }
    if !parsed.data_dir.exists() {
        make(&parsed.data_dir, 0o700, files.owner)?;
    }
    let begin = || crate::app::begin(&parsed).map_err(anyhow::Error::from);
    match files.owner {
        Some(owner) => owner
            .does(begin)
            .with_context(|| format!("become {}", owner.name))??,
        None => begin()?,
    }
    let access = Access {
        uid: None,
        gid: files.owner.map(|owner| owner.gid.as_raw()),
        mode: files.owner.map_or(0o600, |_| 0o640),
    };
    write_with(files.config, files.text.as_bytes(), access)?;
    Ok(())
}

/// Makes a directory and those above it, whatever the umask says: others must get through to what is theirs. It is
/// handed out as what was opened, whatever somebody puts in its place meanwhile.
fn make(directory: &Path, mode: u32, owner: Option<&Owner>) -> anyhow::Result<()> {
    let missing = directory.ancestors().take_while(|one| !one.exists());
    let missing: Vec<&Path> = missing.collect();
    for one in missing.into_iter().rev() {
        let (mode, owner) = match one == directory {
            true => (mode, owner),
            false => (0o755, None),
        };
        let made = std::fs::create_dir(one)
            .and_then(|()| opened(one))
            .and_then(|opened| {
                let (uid, gid) = (owner.map(|o| o.uid.as_raw()), owner.map(|o| o.gid.as_raw()));
                fchown(&opened, uid, gid)?;
                opened.set_permissions(Permissions::from_mode(mode))
            });
        made.with_context(|| format!("create {}", one.display()))?;
    }
    Ok(())
}

/// A directory itself, and not what a link leads to.
fn opened(directory: &Path) -> std::io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits());
    options.open(directory)
}

/// The configuration, with comments for whoever reads it next.
#[must_use]
pub fn text(wanted: &Wanted) -> String {
    let mut text = String::new();
    let mut line = |part: String| {
        text.push_str(&part);
        text.push('\n');
    };
    line("# Configuration of a Shanty controller, written by `shanty init`. Every key, its default and its reason: docs/CONFIG.md.".to_owned());
    line(
        "# After a change: `shanty check`, then `shanty reload`, which says what takes a restart."
            .to_owned(),
    );
    line(String::new());
    line("# Journal, output, and the keys of the authority that servers trust. Keep a copy of it: `shanty backup`.".to_owned());
    line(format!(
        "data_dir = {}",
        quoted(&wanted.data_dir.display().to_string())
    ));
    line(discord(wanted));
    line(listen(wanted));
    line(public(wanted));
    line(grant(wanted));
    text
}

fn discord(wanted: &Wanted) -> String {
    let mut part = format!(
        "\n# The bot is {}, with the permissions {INVITED}.\n[discord]\n",
        called(&wanted.application)
    );
    part += "# The bot's token on one line; nobody else may read the file.\n";
    writeln!(
        part,
        "token_file = {}",
        quoted(&wanted.token_file.display().to_string())
    )
    .ok(); // into memory
    writeln!(
        part,
        "guilds = [\"{}\"]             # {}",
        wanted.guild.id,
        name(&wanted.guild)
    )
    .ok(); // into memory
    part += &match &wanted.ops {
        Some(ops) => format!(
            "# Runs of the command line, news of hosts, and what is done on this machine are shown here.\nops_channel = \"{}\"         # #{}\n",
            ops.id,
            name(ops)
        ),
        None => {
            "# Runs of the command line and news of hosts are shown here.\n# ops_channel = \"ID\"\n"
                .to_owned()
        }
    };
    part += &match &wanted.audit {
        Some(audit) => format!(
            "# What is changed, by whom, who is refused and who joins is told here, and anchors of the journal are posted.\naudit_channel = \"{}\"       # #{}",
            audit.id,
            name(audit)
        ),
        None => "# What is changed, by whom, who is refused and who joins is told in the ops channel, with anchors of the journal, or in\n# audit_channel = \"ID\""
            .to_owned(),
    };
    if wanted.api != Api::discord() {
        write!(part, "\napi = {}", quoted(&wanted.api.to_string())).ok(); // into memory
    }
    part
}

/// `shanty` looks for the socket in /run; a data directory elsewhere has its own.
fn listen(wanted: &Wanted) -> String {
    let mut part =
        "\n# Servers dial the first two from outside: let both through the firewall.\n[listen]\n"
            .to_owned();
    part += "agents = \"0.0.0.0:7443\"\njoin = \"0.0.0.0:7444\"\nhttp = \"127.0.0.1:7480\"        # /healthz, /readyz";
    if wanted.data_dir.starts_with("/var/lib") {
        part += "\nadmin = \"/run/shanty/admin.sock\"";
    }
    part
}

fn public(wanted: &Wanted) -> String {
    let why = "\n# What servers dial. Without it they keep the address that they joined by.";
    match &wanted.public {
        Some(host) => {
            let address = |port: u16| quoted(&format!("{host}:{port}"));
            format!(
                "{why}\n[public]\nagents = {}\njoin = {}",
                address(7443),
                address(7444)
            )
        }
        None => format!("{why}\n# [public]\n# agents = \"HOST:7443\"\n# join = \"HOST:7444\""),
    }
}

fn grant(wanted: &Wanted) -> String {
    let why = "\n# Who may do what, where, on which hosts. What no grant allows is refused.";
    match (&wanted.admin, &wanted.ops) {
        (Some(admin), Some(ops)) => format!(
            "{why}\n[[grant]]\nid = \"admin\"\nwho = {{ people = [\"{}\"] }}           # {}; or roles = [\"ID\"]\n\
             where = {{ channels = [\"{}\"] }}       # #{}, and its threads\n\
             what = [\"view\", \"run\", \"cancel\", \"hold\", \"manage\", \"leave\", \"update\"]\nhosts = \"all\"",
            admin.id,
            name(admin),
            ops.id,
            name(ops)
        ),
        (_, _) => format!(
            "{why}\n# [[grant]]\n# id = \"ops\"\n# who = {{ roles = [\"ID\"] }}\n# where = {{ channels = [\"ID\"] }}\n\
             # what = [\"view\", \"run\", \"cancel\"]\n# hosts = \"env=prod\""
        ),
    }
}

fn called(named: &Named) -> String {
    format!("{} ({})", name(named), named.id)
}

/// A name in a comment: whoever chose it writes no other line of the file.
fn name(named: &Named) -> String {
    let plain: String = named.name.chars().filter(|c| !c.is_control()).collect();
    shown(&plain, NAME_CHARS_MAX).replace(['\n', '\r'], " ")
}

/// A text as TOML has it, which has what JSON has.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use shanty_core::policy::Verb;

    use super::*;

    fn named(id: u64, name: &str) -> Named {
        Named {
            id,
            name: name.to_owned(),
        }
    }

    fn wanted(dir: &Path) -> Wanted {
        Wanted {
            data_dir: dir.join("data"),
            token_file: dir.join("etc/bot-token"),
            application: named(42, "Shanty"),
            guild: named(1, "Lab"),
            ops: Some(named(11, "ops")),
            audit: None,
            api: Api::discord(),
            public: Some("shanty.example.net".to_owned()),
            admin: Some(named(5, "ann")),
        }
    }

    #[test]
    fn what_is_written_reads_well() {
        insta::assert_snapshot!(text(&wanted(Path::new("/tmp/x"))));
        let bare = Wanted {
            data_dir: "/var/lib/shanty".into(),
            ops: None,
            audit: Some(named(12, "audit")),
            api: "http://127.0.0.1:7470".parse().unwrap(),
            public: None,
            ..wanted(Path::new("/etc/shanty"))
        };
        insta::assert_snapshot!(text(&bare));
        let config = Config::parse("x", &text(&bare)).unwrap();
        assert!(config.policy.grants.is_empty(), "a grant needs a channel");
        assert_eq!(config.listen.admin, Path::new("/run/shanty/admin.sock"));
    }

    #[test]
    fn the_person_who_is_named_may_do_everything_there_and_nobody_else_anything() {
        let config = Config::parse("x", &text(&wanted(Path::new("/tmp/x")))).unwrap();
        let grants = &config.policy.grants;
        assert_eq!(grants.len(), 1);
        assert_eq!(
            (grants[0].people.as_slice(), grants[0].roles.as_slice()),
            ([5].as_slice(), [].as_slice())
        );
        assert_eq!(grants[0].channels, [11]);
        assert_eq!(grants[0].what, Verb::ALL);
        assert_eq!(
            config.public.join.as_deref(),
            Some("shanty.example.net:7444")
        );
    }

    #[test]
    fn names_of_others_write_no_line_of_the_file() {
        let evil = "x\n[[grant]]\nid = \"evil\"\r\u{2028}\u{85}# ";
        let mut wanted = wanted(Path::new("/tmp/x"));
        for named in [&mut wanted.application, &mut wanted.guild] {
            named.name = evil.to_owned();
        }
        for named in [&mut wanted.ops, &mut wanted.admin] {
            named.as_mut().unwrap().name = evil.to_owned();
        }
        let config = Config::parse("x", &text(&wanted)).unwrap();
        assert_eq!(config.policy.grants.len(), 1);
        assert_eq!(config.policy.grants[0].id, "admin");
    }

    #[test]
    fn all_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = wanted(dir.path());
        let config = dir.path().join("etc/shanty.toml");
        let token = Secret::new("abc".to_owned());
        free(&config).unwrap();
        let written = text(&wanted);
        let files = Files {
            config: &config,
            text: &written,
            token: Some((&wanted.token_file, &token)),
            owner: None,
        };
        write(&files).unwrap();
        for place in ["etc/shanty.toml", "etc/bot-token"] {
            let path = dir.path().join(place);
            assert_eq!(mode(&path), 0o600, "{place}");
            let stands = free(&path).unwrap_err().to_string();
            assert!(
                stands.contains(place) && stands.contains("stands there since 2"),
                "{stands}"
            );
        }
        let pin = || std::fs::read(dir.path().join("data/ca/root.crt")).unwrap();
        let before = pin();
        // A second beginning in the same data keeps what is there.
        let other = dir.path().join("etc/other.toml");
        let again = Files {
            config: &other,
            token: None,
            ..files
        };
        write(&again).unwrap();
        assert_eq!(pin(), before);
    }

    #[test]
    fn a_link_in_the_place_of_a_directory_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        assert!(opened(dir.path()).is_ok());
        assert!(opened(&link).is_err());
        // One that leads nowhere is no place for data either.
        let nowhere = dir.path().join("nowhere");
        std::os::unix::fs::symlink(dir.path().join("absent"), &nowhere).unwrap();
        assert!(make(&nowhere, 0o700, None).is_err());
        assert!(!dir.path().join("absent").exists());
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_for_another_user_is_theirs_but_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            data_dir: dir.path().join("var/lib/data"),
            ..wanted(dir.path())
        };
        let config = dir.path().join("etc/shanty.toml");
        let token = Secret::new("abc".to_owned());
        // Whoever runs this may become themselves.
        let owner = Owner {
            name: "me".to_owned(),
            uid: geteuid(),
            gid: getegid(),
        };
        let files = Files {
            config: &config,
            text: &text(&wanted),
            token: Some((&wanted.token_file, &token)),
            owner: Some(&owner),
        };
        write(&files).unwrap();
        assert_eq!(
            mode(&config),
            0o640,
            "its group reads it, and nobody changes it"
        );
        assert_eq!(mode(&wanted.token_file), 0o600);
        assert_eq!(mode(&wanted.data_dir), 0o700);
        let above = wanted.data_dir.parent().unwrap();
        assert_eq!(mode(above), 0o755, "others get through to it");
        assert!(wanted.data_dir.join("ca/root.crt").exists());
        assert_eq!((geteuid(), getegid()), (owner.uid, owner.gid));
        assert!(owner.owns(&wanted.token_file) && !owner.owns(Path::new("/nonexistent")));
        assert_eq!(Owner::named("no such user"), None);
    }
}
