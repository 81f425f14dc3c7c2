//! Starts the command of an order: its words, its user, its environment from nothing, its descriptors.

#![expect(
    unsafe_code,
    reason = "becoming another user and taking signals again has to happen between fork and exec; the block says why it is sound"
)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::prctl;
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Pid, Uid, User, chdir, getgrouplist, setgid, setgroups, setuid};
use shanty_core::order::Order;
use shanty_core::run::{Streams, Terminal, What};
use shanty_core::spool::plain;
use thiserror::Error;

use super::given::Script;
use super::mark::{AGENT_VARIABLE, Mark, RUN_VARIABLE};
use super::resources::{self, Limits};
use super::{system, terminal, upkeep};
use crate::cgroup::Entrance;
use crate::surroundings::{Surroundings, USUAL_SHELL};

/// What makes programs print at once though nobody sees a terminal, and changes nothing else.
const LIVE: (&str, &str) = ("PYTHONUNBUFFERED", "1");

/// What tells programs to use colours though nobody sees a terminal. There is none, so nothing says what it could do (`TERM`).
const COLOURED: [(&str, &str); 2] = [("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1")];

/// The user that a command runs as.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
    home: PathBuf,
    shell: PathBuf,
}

/// Why a user cannot be had.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum AccountError {
    #[error("user names do not begin with a digit, `-` or `#`, and `{0}` does")]
    Number(String),
    #[error("this host has no user `{0}`")]
    Unknown(String),
    #[error("`{0}` is another name of root")]
    Root(String),
    #[error("the users of this host cannot be read: {0}")]
    Lookup(Errno),
}

/// A command that runs, and our ends of its pipes, none of which blocks.
pub(super) struct Running {
    pub(super) pid: Pid,
    /// Both streams, or standard output alone.
    pub(super) out: File,
    /// Standard error, when it is kept apart.
    pub(super) err: Option<File>,
    /// Present when the order asks for standard input.
    pub(super) stdin: Option<File>,
    /// What reads the command, when that is no usual shell.
    pub(super) shell: Option<String>,
    /// The user that it runs as.
    pub(super) user: String,
}

/// Why a command does not run, and the exit code that a shell gives for that.
#[derive(Debug)]
pub(super) struct CannotStart {
    pub(super) text: String,
    pub(super) code: u8,
}

impl Account {
    /// The named user; no name is the user of this process.
    pub(crate) fn find(name: Option<&str>) -> Result<Self, AccountError> {
        let Some(name) = name else {
            return Self::own();
        };
        // Numbers and their like mean other users to setuid and to sudo (CVE-2019-14287): only names are looked up.
        if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return Err(AccountError::Number(name.to_owned()));
        }
        let user = User::from_name(name).map_err(AccountError::Lookup)?;
        let user = user.ok_or_else(|| AccountError::Unknown(name.to_owned()))?;
        if user.uid.is_root() && name != "root" {
            return Err(AccountError::Root(name.to_owned()));
        }
        Ok(user.into())
    }

    /// The user's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// True for the user of this process.
    pub(super) fn is_own(&self) -> bool {
        Uid::effective() == self.uid
    }

    /// The user's number.
    pub(super) const fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// The number of the user's group.
    pub(super) const fn gid(&self) -> u32 {
        self.gid.as_raw()
    }

    fn own() -> Result<Self, AccountError> {
        let uid = Uid::effective();
        let user = User::from_uid(uid).map_err(AccountError::Lookup)?;
        // Containers run as users that no file names.
        Ok(user.map_or_else(
            || Self {
                name: uid.to_string(),
                uid,
                gid: Gid::effective(),
                home: "/".into(),
                shell: "/bin/sh".into(),
            },
            Self::from,
        ))
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            home: user.dir,
            shell: user.shell,
        }
    }
}

/// Starts the command of `order` as `account`, in a group of its own, with what it is given. It goes in by `entrance` before anything else.
pub(super) fn spawn(
    order: &Order,
    account: &Account,
    (surroundings, entrance): (&Surroundings, Option<Entrance>),
    given: Option<File>,
    script: Option<&Script>,
) -> Result<Running, CannotStart> {
    let own = upkeep::words(&order.what);
    let program = program(&order.what, surroundings, &own);
    let mut command = match script {
        Some(script) => interpret(order, script, &surroundings.shell),
        None => words(&order.what, program, &own),
    };
    environment(&mut command, order, account, surroundings);
    let pipes = match order.options.terminal {
        Terminal::None => {
            command.process_group(0);
            Pipes::make(&mut command, order.options.streams, order.stdin, given)
        }
        // Leading a session of its own, it leads a group.
        Terminal::Own => terminal::give(&mut command, account, given).and_then(Pipes::terminal),
    };
    let pipes = pipes.map_err(|error| CannotStart::refused(&error))?;
    let cwd = working_directory(order, account)?;
    let mark = Mark::of(order.run, order.agent);
    enter(&mut command, account, cwd, (surroundings, entrance), mark)
        .map_err(|error| CannotStart::refused(&error))?;
    let running = pipes
        .spawn(command)
        .map_err(|error| match surroundings.max_processes {
            Some(most) if error.raw_os_error() == Some(libc::EAGAIN) => {
                CannotStart::crowded(account, most)
            }
            Some(_) | None => CannotStart::failed(&error, program),
        })?;
    let unusual = matches!(order.what, What::Shell(_)) && program != USUAL_SHELL;
    Ok(Running {
        shell: unusual.then(|| plain(program)),
        user: account.name().to_owned(),
        ..running
    })
}

/// The script under its interpreter. What is given to it is read by a shell, as every command is.
fn interpret(order: &Order, script: &Script, shell: &str) -> Command {
    let input = order.input.as_ref();
    let command = order.what.text();
    let arguments = input.and_then(|input| input.arguments(&command));
    match (arguments.unwrap_or_default(), script.words.split_first()) {
        ("", Some((program, rest))) => {
            let mut command = Command::new(program);
            command.args(rest);
            command
        }
        (arguments, _) => {
            let mut command = Command::new(shell);
            let text = format!("exec \"$@\" {arguments}");
            command.arg("-c").arg(text).arg("sh").args(&script.words);
            command
        }
    }
}

fn words(what: &What, program: &str, own: &[String]) -> Command {
    let mut command = Command::new(program);
    match what {
        What::Shell(text) => command.arg("-c").arg(text),
        What::Argv(words) => command.args(words.iter().skip(1)),
        What::Upkeep(_) => command.args(own.iter().skip(1)),
    };
    command
}

fn program<'a>(what: &'a What, surroundings: &'a Surroundings, own: &'a [String]) -> &'a str {
    match what {
        What::Shell(_) => &surroundings.shell,
        // A checked order has one.
        What::Argv(words) => words.first().map_or("", String::as_str),
        What::Upkeep(_) => own.first().map_or("", String::as_str),
    }
}

/// The host's own words over ours, the order's over those, and over all what nobody may say otherwise.
fn environment(
    command: &mut Command,
    order: &Order,
    account: &Account,
    surroundings: &Surroundings,
) {
    command
        .env_clear()
        .env("LANG", "C.UTF-8")
        .env(LIVE.0, LIVE.1);
    command.envs(&surroundings.env);
    if order.options.colours.kept() {
        command.envs(COLOURED);
    }
    if order.options.terminal.is_own() {
        command.env("TERM", terminal::TERM);
    }
    for variable in &order.environment {
        command.env(variable.name(), variable.value());
    }
    command
        .env("PATH", &surroundings.path)
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("SHELL", &account.shell)
        .env(RUN_VARIABLE, order.run.to_string())
        .env(AGENT_VARIABLE, order.agent.to_string());
    if let Some(names) = &order.names {
        command
            .env("SHANTY_HOST", names.host().as_str())
            .env("SHANTY_NUMBER", names.number().0.to_string())
            .env("SHANTY_BY", names.by());
        if let Some(id) = names.by_id() {
            command.env("SHANTY_BY_ID", id.to_string());
        }
    }
}

/// What the order says, which must be there, or the user's home, which need not.
fn working_directory(order: &Order, account: &Account) -> Result<PathBuf, CannotStart> {
    let Some(cwd) = &order.cwd else {
        let home = account.home.is_dir() && account.home.is_absolute();
        return Ok(if home {
            account.home.clone()
        } else {
            "/".into()
        });
    };
    let path = Path::new(cwd);
    if path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let text = format!("the working directory {cwd} is not there");
    Err(CannotStart::refused(&text))
}

/// Makes the command carry its mark, take signals again, which the shim holds back, keep nothing of what the agent may and must not, change to the user
/// and then to the directory, which must be open to that user.
fn enter(
    command: &mut Command,
    account: &Account,
    cwd: PathBuf,
    (surroundings, entrance): (&Surroundings, Option<Entrance>),
    mark: Mark,
) -> io::Result<()> {
    let other = if Uid::effective() == account.uid {
        None
    } else {
        let groups = getgrouplist(&CString::new(account.name.as_str())?, account.gid)?;
        Some((groups, account.gid, account.uid))
    };
    let cwd = CString::new(cwd.as_os_str().as_bytes())?;
    let mode = Mode::from_bits_truncate(surroundings.umask);
    let nice = surroundings.nice;
    let limits = Limits::new(surroundings.max_processes);
    let no_new_privs = surroundings.no_new_privs && !account.uid.is_root();
    let enter = move || {
        SigSet::empty().thread_set_mask()?;
        umask(mode);
        mark.put().ok(); // Some sandboxes forbid it: the environment must do.
        if let Some(entrance) = &entrance {
            entrance.enter()?;
        }
        limits.put()?;
        resources::be_killed_like_others();
        system::be_nice(nice)?;
        if no_new_privs {
            system::bound_no_capability();
        }
        if let Some((groups, gid, uid)) = &other {
            setgroups(groups)?;
            setgid(*gid)?;
            setuid(*uid)?;
        }
        limits.put_as_user()?;
        system::pass_no_capability_on()?;
        if no_new_privs {
            prctl::set_no_new_privs()?;
        }
        chdir(cwd.as_c_str())?;
        Ok(())
    };
    // SAFETY: the closure runs in the child of this single-threaded process, between fork and exec. It makes a few system calls on
    // values that were allocated before, and allocates, locks and unwinds nothing.
    unsafe { command.pre_exec(enter) };
    Ok(())
}

/// Our ends of what the command's standard streams are.
struct Pipes {
    out: File,
    err: Option<File>,
    stdin: Option<File>,
}

impl Pipes {
    /// Together, both streams are one pipe: only then the kernel keeps the order in which they were written, whole writes each.
    fn make(
        command: &mut Command,
        streams: Streams,
        wants_stdin: bool,
        given: Option<File>,
    ) -> io::Result<Self> {
        let (out, out_theirs) = io::pipe()?;
        let err = match streams {
            Streams::One => {
                command.stderr(out_theirs.try_clone()?);
                None
            }
            Streams::Apart => {
                let (err, err_theirs) = io::pipe()?;
                command.stderr(err_theirs);
                Some(unblocked(err.into())?)
            }
        };
        command.stdout(out_theirs);
        let stdin = if wants_stdin {
            let (theirs, ours) = io::pipe()?;
            command.stdin(theirs);
            Some(unblocked(ours.into())?)
        } else {
            command.stdin(given.map_or_else(Stdio::null, Stdio::from));
            None
        };
        let out = unblocked(out.into())?;
        Ok(Self { out, err, stdin })
    }

    fn terminal(ours: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            out: unblocked(ours)?,
            err: None,
            stdin: None,
        })
    }

    /// Spawns the command, and with it lets go of its ends.
    fn spawn(self, mut command: Command) -> io::Result<Running> {
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
        let Self { out, err, stdin } = self;
        Ok(Running {
            pid: Pid::from_raw(pid),
            out,
            err,
            stdin,
            shell: None,
            user: String::new(),
        })
    }
}

fn unblocked(pipe: OwnedFd) -> io::Result<File> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(pipe.into())
}

impl CannotStart {
    pub(super) fn refused(why: &impl ToString) -> Self {
        Self {
            text: why.to_string(),
            code: 126,
        }
    }

    pub(super) fn missing(why: &impl ToString) -> Self {
        Self {
            text: why.to_string(),
            code: 127,
        }
    }

    fn crowded(account: &Account, most: u64) -> Self {
        let name = &account.name;
        Self::refused(&format!(
            "{name} has all of the {most} processes that max_processes of agent.toml allows on this host: end some, or allow more"
        ))
    }

    fn failed(error: &io::Error, program: &str) -> Self {
        let missing = error.kind() == io::ErrorKind::NotFound;
        Self {
            text: format!("{program}: {error}"),
            code: if missing { 127 } else { 126 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_only() {
        for number in ["", "0", "-1", "#0", "#-1", "4294967295", "+0", " root"] {
            let error = AccountError::Number(number.to_owned());
            assert_eq!(Account::find(Some(number)).unwrap_err(), error);
        }
        for unknown in ["ROOT", "root ", "nobody;", "no-such-user"] {
            let error = AccountError::Unknown(unknown.to_owned());
            assert_eq!(Account::find(Some(unknown)).unwrap_err(), error);
        }
        assert_eq!(Account::find(Some("root")).unwrap().name(), "root");
        assert_eq!(Account::find(None).unwrap().uid, Uid::effective());
    }
}
