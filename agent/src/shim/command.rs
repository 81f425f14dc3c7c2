//! Starts the command of an order: its words, its user, its environment from nothing, its descriptors.

#![expect(
    unsafe_code,
    reason = "becoming another user has to happen between fork and exec; the block says why it is sound"
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
use nix::unistd::{Gid, Pid, Uid, User, chdir, getgrouplist, setgid, setgroups, setuid};
use shanty_proto::v1;
use shanty_proto::v1::execution_order::What;
use thiserror::Error;

/// Where commands are looked for, the same on every host.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    pub(super) out: File,
    pub(super) err: File,
    /// Present when the order asks for standard input.
    pub(super) stdin: Option<File>,
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

/// Starts the command of `order` as `run_as`, in a group of its own.
pub(super) fn spawn(
    order: &v1::ExecutionOrder,
    run_as: Option<&str>,
) -> Result<Running, CannotStart> {
    let account = Account::find(run_as).map_err(|error| CannotStart::refused(&error))?;
    let mut command = words(order)?;
    environment(&mut command, order, &account);
    command.process_group(0);
    become_user(&mut command, &account, working_directory(order, &account)?)
        .map_err(|error| CannotStart::refused(&error))?;
    connect_and_spawn(command, order.stdin).map_err(|error| CannotStart::failed(&error, order))
}

fn words(order: &v1::ExecutionOrder) -> Result<Command, CannotStart> {
    match &order.what {
        Some(What::Command(text)) => {
            let mut command = Command::new("/bin/sh");
            command.arg("-c").arg(text);
            Ok(command)
        }
        Some(What::Argv(argv)) => {
            let empty = || CannotStart::refused(&"the order has no words");
            let (program, arguments) = argv.words.split_first().ok_or_else(empty)?;
            let mut command = Command::new(program);
            command.args(arguments);
            Ok(command)
        }
        None => Err(CannotStart::refused(&"the order has no command")),
    }
}

fn environment(command: &mut Command, order: &v1::ExecutionOrder, account: &Account) {
    command.env_clear();
    for variable in &order.env {
        command.env(&variable.name, &variable.value);
    }
    // After the order's, so that no order can say otherwise.
    command
        .env("PATH", PATH)
        .env("HOME", &account.home)
        .env("USER", &account.name)
        .env("LOGNAME", &account.name)
        .env("SHELL", &account.shell)
        .env("SHANTY_RUN", &order.run);
    if !order.env.iter().any(|variable| variable.name == "LANG") {
        command.env("LANG", "C.UTF-8");
    }
}

/// What the order says, which must be there, or the user's home, which need not.
fn working_directory(
    order: &v1::ExecutionOrder,
    account: &Account,
) -> Result<PathBuf, CannotStart> {
    if order.cwd.is_empty() {
        let home = account.home.is_dir() && account.home.is_absolute();
        return Ok(if home {
            account.home.clone()
        } else {
            "/".into()
        });
    }
    let cwd = Path::new(&order.cwd);
    if cwd.is_absolute() && cwd.is_dir() {
        return Ok(cwd.to_path_buf());
    }
    let text = format!("the working directory {} is not there", order.cwd);
    Err(CannotStart::refused(&text))
}

/// Makes the command change to the user and then to the directory, which must be open to that user.
fn become_user(command: &mut Command, account: &Account, cwd: PathBuf) -> io::Result<()> {
    if Uid::effective() == account.uid {
        // No code of ours between fork and exec, and so std can spawn without copying our memory map.
        command.current_dir(cwd);
        return Ok(());
    }
    let groups = getgrouplist(&CString::new(account.name.as_str())?, account.gid)?;
    let cwd = CString::new(cwd.as_os_str().as_bytes())?;
    let (uid, gid) = (account.uid, account.gid);
    let switch = move || {
        setgroups(&groups)?;
        setgid(gid)?;
        setuid(uid)?;
        chdir(cwd.as_c_str())?;
        Ok(())
    };
    // SAFETY: the closure runs in the child of this single-threaded process, between fork and exec. It makes four system calls on
    // values that were allocated before, and allocates, locks and unwinds nothing.
    unsafe { command.pre_exec(switch) };
    Ok(())
}

fn connect_and_spawn(mut command: Command, wants_stdin: bool) -> io::Result<Running> {
    let (out, out_theirs) = io::pipe()?;
    let (err, err_theirs) = io::pipe()?;
    command.stdout(out_theirs).stderr(err_theirs);
    let stdin = if wants_stdin {
        let (theirs, ours) = io::pipe()?;
        command.stdin(theirs);
        Some(unblocked(ours.into())?)
    } else {
        command.stdin(Stdio::null());
        None
    };
    let (out, err) = (unblocked(out.into())?, unblocked(err.into())?);
    let child = command.spawn()?;
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    Ok(Running {
        pid: Pid::from_raw(pid),
        out,
        err,
        stdin,
    })
}

fn unblocked(pipe: OwnedFd) -> io::Result<File> {
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(pipe.into())
}

impl CannotStart {
    fn refused(why: &impl ToString) -> Self {
        Self {
            text: why.to_string(),
            code: 126,
        }
    }

    fn failed(error: &io::Error, order: &v1::ExecutionOrder) -> Self {
        let program = match &order.what {
            Some(What::Argv(argv)) => argv.words.first().map_or("", String::as_str),
            Some(What::Command(_)) | None => "/bin/sh",
        };
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
