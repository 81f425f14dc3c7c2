//! The shim: the small process that owns one execution on the host.
//!
//! It is synchronous and single-threaded, knows no network and no configuration, and outlives the agent that spawned it. It writes
//! the spool and decides when the execution is over. It does not check orders (the executor did) and does not delete anything.
//!
//! Invariant: nothing runs before the spool is locked, was empty, and has its header. So a shim that comes late, or twice, does
//! nothing.

pub(crate) mod command;
pub(crate) mod control;
pub(crate) mod descendants;

mod clients;
mod given;
mod keeper;
mod mark;
mod memory;
mod recorder;
mod resources;
mod ring;
mod system;
mod terminal;
pub(crate) mod upkeep;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::{Mode, umask};
use nix::unistd::setsid;
use prost::Message as _;
use shanty_core::limits;
use shanty_core::order::{Order, OrderError};
use shanty_core::output::mask::Masks;
use shanty_core::spool::{Header, VERSION};
use shanty_proto::convert::{ConvertError, order_from_wire};
use shanty_proto::v1;
use thiserror::Error;

use crate::cgroup::{Group, Kernel};
use crate::clock::wall_ms;
use crate::facts;
use crate::mask::{self, MASK_VARIABLE};
use crate::surroundings::{COMMAND_VARIABLE, Surroundings};

use self::clients::Clients;
use self::command::{Account, CannotStart, Running};
use self::given::{Given, Script};
use self::keeper::{Keeper, Limits};
use self::memory::Watch;
use self::recorder::Recorder;

pub(crate) use self::given::{INPUT, remove as remove_script};
pub(crate) use self::mark::Mark;

/// Names the user that commands run as, in the shim's own environment; absent means the shim's own user.
pub(crate) const RUN_AS_VARIABLE: &str = "SHANTY_RUN_AS";

/// Holds how much output is kept at most on this host, bytes, whatever the order says; absent means what the order says.
pub(crate) const OUTPUT_MAX_VARIABLE: &str = "SHANTY_OUTPUT_MAX";

/// Why a shim gave up. Its only witness is the exit code: the executor finds no `Exit` record and says `lost`.
#[derive(Debug, Error)]
enum ShimError {
    #[error("cannot set up")]
    Setup(#[source] io::Error),
    #[error("the order cannot be read")]
    Decode(#[source] prost::DecodeError),
    #[error("the order does not say whose it is")]
    Whose(#[source] ConvertError),
    #[error("the order says what none may")]
    Order(#[source] OrderError),
    #[error("the spool is taken")]
    Taken,
    #[error("cannot go on")]
    Keep(#[source] io::Error),
}

impl From<io::Error> for ShimError {
    fn from(source: io::Error) -> Self {
        Self::Setup(source)
    }
}

impl From<nix::Error> for ShimError {
    fn from(errno: nix::Error) -> Self {
        Self::Setup(errno.into())
    }
}

/// Carries out the order in the folder `dir`, to its end.
///
/// The exit code says only whether the spool is complete: 0, 65 for an order that cannot be read, 75 when another shim has or had
/// this execution, 73 when something could not be set up or written.
#[must_use]
pub fn main(dir: &OsStr) -> ExitCode {
    match carry_out(Path::new(dir)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ShimError::Decode(_) | ShimError::Whose(_) | ShimError::Order(_)) => ExitCode::from(65),
        Err(ShimError::Taken) => ExitCode::from(75),
        Err(ShimError::Setup(_) | ShimError::Keep(_)) => ExitCode::from(73),
    }
}

fn carry_out(dir: &Path) -> Result<(), ShimError> {
    system::close_on_exec_from(3);
    // Before there is anything to stop: who is told to stop must not die of it while its command begins.
    let signals = take_signals()?;
    own_process()?;
    let order = read_order(dir)?;
    let spool = claim_spool(dir)?;
    // Whatever can fail comes before the header: with one, the command was tried.
    let clients = listen(dir)?;
    let header = header(&order)?;
    let started_ms = header.wall_ms;
    let masks = masks();
    let known = masks.as_ref().cloned().unwrap_or_default();
    let recorder = Recorder::open(spool, &header, output_max(&order), &known)?;
    let limits = Limits::of(&order);
    let run_as = std::env::var(RUN_AS_VARIABLE).ok();
    // What could print secrets that cannot be masked must not run, nor what cannot be held as the host says.
    let around = masks.and_then(|_| Around::new(&order));
    let group = around
        .as_ref()
        .ok()
        .and_then(|around| around.group.as_ref());
    let own = group.and_then(Watch::of);
    let memory = own.or_else(|| Watch::begin(Path::new("/proc"), Path::new("/sys/fs/cgroup")));
    let mut keeper = Keeper::new(recorder, clients, limits, started_ms, memory);
    let started = around.and_then(|around| {
        let started = start(dir, &order, run_as.as_deref(), &around);
        keeper.group = around.group;
        started
    });
    let (command, script) = match started {
        Ok((running, script)) => (Ok(running), script),
        Err(why) => (Err(why), None),
    };
    let kept = keeper.keep(command, &signals).map_err(ShimError::Keep);
    drop(script); // Nothing runs it any more.
    kept
}

/// What a command is put into.
struct Around {
    surroundings: Surroundings,
    group: Option<Group>,
}

impl Around {
    fn new(order: &Order) -> Result<Self, CannotStart> {
        let surroundings = match order.what.upkeep() {
            // What a command may use is nothing to it.
            Some(_) => Surroundings::default(),
            None => surroundings()?,
        };
        let whose = (order.run, order.agent);
        let group = Kernel::here().make(whose, surroundings.allowance());
        Ok(Self {
            surroundings,
            group: group.map_err(|why| CannotStart::refused(&why))?,
        })
    }
}

/// Starts the command with what it is given. The script lies there until it is dropped.
fn start(
    dir: &Path,
    order: &Order,
    run_as: Option<&str>,
    around: &Around,
) -> Result<(Running, Option<Script>), CannotStart> {
    let account = Account::find(run_as).map_err(|error| CannotStart::refused(&error))?;
    let Given { stdin, script } = Given::of(dir, order, &account, &around.surroundings.path)?;
    let entrance = around.group.as_ref().map(Group::entrance).transpose();
    let entrance = entrance.map_err(|error| CannotStart::refused(&error))?;
    let within = (&around.surroundings, entrance);
    let running = command::spawn(order, &account, within, stdin, script.as_ref())?;
    Ok((running, script))
}

/// Leaves the agent's session, adopts orphans, and undoes what a parent may have left behind.
fn own_process() -> Result<(), ShimError> {
    setsid().ok(); // Fails for the leader of a group, as when started by hand: then we lead one already.
    prctl::set_child_subreaper(true)?;
    umask(Mode::from_bits_truncate(0o077));
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    system::default_signals();
    Ok(())
}

/// From now on these signals come through a descriptor, and no other is held back. The command takes them as usual.
fn take_signals() -> Result<SignalFd, ShimError> {
    let taken: SigSet = [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
    ]
    .into_iter()
    .collect();
    taken.thread_set_mask()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok(SignalFd::with_flags(&taken, flags)?)
}

/// The order, from the bytes that the executor took.
fn read_order(dir: &Path) -> Result<Order, ShimError> {
    let mut bytes = Vec::new();
    File::open(dir.join("order"))?
        .take(limits::ORDER_BYTES_MAX as u64)
        .read_to_end(&mut bytes)?;
    let order = v1::ExecutionOrder::decode(bytes.as_slice()).map_err(ShimError::Decode)?;
    let received = order_from_wire(order).map_err(ShimError::Whose)?;
    received.order.map_err(ShimError::Order)
}

/// The secrets of this host, read now.
fn masks() -> Result<Masks, CannotStart> {
    let Ok(text) = std::env::var(MASK_VARIABLE) else {
        return Ok(Masks::none());
    };
    let files =
        mask::decode(&text).ok_or_else(|| CannotStart::refused(&"what to mask cannot be read"))?;
    mask::load(&files).map_err(|why| CannotStart::refused(&why))
}

/// What the order says, and no more than the host's own policy lets it.
fn output_max(order: &Order) -> u64 {
    let most = std::env::var(OUTPUT_MAX_VARIABLE).ok();
    let most = most.and_then(|most| most.parse().ok());
    order.output_bytes_max.min(most.unwrap_or(u64::MAX))
}

/// What the command finds around itself, as the executor says it.
fn surroundings() -> Result<Surroundings, CannotStart> {
    let Ok(text) = std::env::var(COMMAND_VARIABLE) else {
        return Ok(Surroundings::default());
    };
    Surroundings::decode(&text)
        .ok_or_else(|| CannotStart::refused(&"[command] of agent.toml cannot be read"))
}

/// Opens and locks the spool. One that holds anything had its chance: whoever wrote it may have started the command.
fn claim_spool(dir: &Path) -> Result<File, ShimError> {
    let spool = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(dir.join("spool"))?;
    spool.try_lock().map_err(|_| ShimError::Taken)?;
    if spool.metadata()?.len() > 0 {
        return Err(ShimError::Taken);
    }
    Ok(spool)
}

fn header(order: &Order) -> Result<Header, ShimError> {
    Ok(Header {
        version: VERSION,
        run: order.run,
        agent: order.agent,
        boot_id: facts::boot_id()?,
        wall_ms: wall_ms(),
    })
}

/// Binds `ctl` and takes the socket that the executor gave as standard input, if it did.
fn listen(dir: &Path) -> Result<Clients, ShimError> {
    let folder = File::open(dir)?;
    fs::remove_file(dir.join("ctl")).ok(); // Usually not there; bind says what is wrong.
    Ok(Clients::bind(&ctl_path(&folder))?)
}

/// The address of `ctl`, short whatever the folder's path is: socket addresses end at 107 bytes. Valid while `folder` is open.
pub(crate) fn ctl_path(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/ctl", folder.as_raw_fd()))
}
