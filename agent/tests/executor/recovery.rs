//! Agents and shims that are killed, disks and hosts that fail: each order at most once, and the state told truly.

#![expect(
    clippy::print_stdout,
    reason = "what is skipped must be seen in the test output"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use prost::Message as _;
use shanty_agent::executor::{Started, State, Status};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::refusal::Code;
use shanty_core::run::why_lost;
use shanty_core::spool::{Cause, Decoder, How, Record, encode};

use crate::disk::SmallDisk;
use crate::world::{World, commands, order, wait};

/// Another agent on this machine.
const OTHER: AgentId = AgentId::from_bytes([0xb7; 16]);

const LOST: (How, Cause, u32) = (How::Unknown, Cause::Lost, 0);

#[tokio::test]
async fn a_killed_agent_finds_its_executions_again() {
    let mut world = World::new().await;
    let (gate, count) = (world.path("gate"), world.path("count"));
    let command = format!(
        "echo x >> {}; echo before; mkfifo {gate}; read x < {gate}; echo after; exit 6",
        count.display(),
        gate = gate.display(),
    );
    let order = order(&command);
    let run = world.start(&order).await;
    world.wrote(run, "before\n").await;
    world.stop().await;
    wait(|| (!gate.exists()).then(|| "there is no gate".to_owned()));
    world.open().await;
    assert_eq!(world.status(run).await.unwrap().state, State::Running);
    world.wrote(run, "before\n").await;
    let again = world.try_start(&order).await;
    assert!(matches!(again, Ok(Started::Duplicate(status)) if status.state == State::Running));
    fs::write(&gate, "go\n").unwrap();
    let ended = world.ended(run).await;
    assert_eq!(ended.text(), "before\nafter\n");
    assert_eq!(ended.end(), (How::Code(6), Cause::Command, 0));
    assert_eq!(fs::read(count).unwrap(), b"x\n");
}

#[tokio::test]
async fn what_ended_without_an_agent_is_complete() {
    let mut world = World::new().await;
    let run = world
        .start(&order("echo 0; sleep 0.1; seq 1 100000; exit 9"))
        .await;
    world.wrote(run, "0\n").await;
    world.stop().await;
    world.nothing_left();
    world.open().await;
    let ended = world.ended(run).await;
    assert_eq!(ended.end(), (How::Code(9), Cause::Command, 0));
    assert!(ended.text().ends_with("\n100000\n"));
}

#[tokio::test]
async fn an_execution_taken_up_again_is_cancelled_like_any_other() {
    let mut world = World::new().await;
    let run = world.start(&order("echo ready; sleep 1000")).await;
    world.wrote(run, "ready\n").await;
    world.reopen().await;
    world.handle.cancel(run, false).await;
    assert_eq!(
        world.ended(run).await.end(),
        (How::Signal(15), Cause::Cancelled, 0)
    );
}

#[tokio::test]
async fn a_shim_that_an_earlier_agent_paused_goes_on() {
    let mut world = World::new().await;
    let gate = world.path("gate");
    let command = format!(
        "mkfifo {gate}; read x < {gate}; echo after; sleep 1000",
        gate = gate.display()
    );
    let run = world.start(&order(&command)).await;
    wait(|| (!gate.exists()).then(|| "there is no gate".to_owned()));
    world.stop().await;
    let folder = fs::File::open(world.execution(run)).unwrap();
    let ctl = format!("/proc/self/fd/{}/ctl", folder.as_raw_fd());
    let mut earlier = UnixStream::connect(ctl).unwrap();
    // Pause, then watch: what the shim answers to the second shows that it has heard the first.
    earlier
        .write_all(&[2, 0, 0, 0, 4, 1, 1, 0, 0, 0, 3])
        .unwrap();
    earlier.read_exact(&mut [0]).unwrap();
    drop(earlier);
    fs::write(&gate, "go\n").unwrap();
    world.open().await;
    world.wrote(run, "after\n").await;
    world.handle.cancel(run, true).await;
    world.ended(run).await;
}

#[tokio::test]
async fn a_killed_shim_leaves_a_lost_execution_and_no_process() {
    let world = World::new().await;
    let command = "(setsid sh -c 'trap \"\" TERM; sleep 1000' &); echo ready; sleep 1000";
    let order = order(command);
    let run = world.start(&order).await;
    world.wrote(run, "ready\n").await;
    // Half a record, as a shim that is killed in the middle of a write would leave it.
    let spool = world.execution(run).join("spool");
    let mut file = fs::OpenOptions::new().append(true).open(&spool).unwrap();
    file.write_all(&[9, 0, 0, 0, 1, 2, 3]).unwrap();
    kill(world.shim(run), Signal::SIGKILL).unwrap();
    let ended = world.ended(run).await;
    assert_eq!((ended.end(), ended.text().as_str()), (LOST, "ready\n"));
    assert!(commands(&run.to_string()).is_empty());
    let again = world.try_start(&order).await;
    assert!(matches!(again, Ok(Started::Duplicate(status)) if status.state == State::Ended));
}

#[tokio::test]
async fn agent_and_shim_killed_leave_a_lost_execution_and_no_process() {
    let mut world = World::new().await;
    let run = world.start(&order("echo ready; sleep 1000")).await;
    world.wrote(run, "ready\n").await;
    let shim = world.shim(run);
    world.stop().await;
    kill(shim, Signal::SIGKILL).unwrap();
    world.open().await;
    let ended = world.ended(run).await;
    assert_eq!((ended.end(), ended.text().as_str()), (LOST, "ready\n"));
    assert!(commands(&run.to_string()).is_empty());
}

/// A control group whose processes do not die while it is frozen, as those do that hang in a driver. Thawed and removed at the end.
struct Frozen(PathBuf);

impl Frozen {
    /// Freezes these; nothing where this is not to be had.
    fn new(pids: &[Pid]) -> Option<Self> {
        let group = Path::new("/sys/fs/cgroup/freezer").join(format!("shanty-{}", Pid::this()));
        if let Err(error) = fs::create_dir(&group) {
            println!("SKIPPED: no process can be frozen here: {error}");
            return None;
        }
        let frozen = Self(group);
        for pid in pids {
            fs::write(frozen.0.join("cgroup.procs"), pid.to_string()).unwrap();
        }
        fs::write(frozen.0.join("freezer.state"), "FROZEN").unwrap();
        wait(|| {
            let state = fs::read_to_string(frozen.0.join("freezer.state")).unwrap();
            (state.trim() != "FROZEN").then_some(state)
        });
        Some(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
        // Who lives on does not belong here.
        for pid in fs::read_to_string(self.0.join("cgroup.procs"))
            .unwrap()
            .lines()
        {
            fs::write("/sys/fs/cgroup/freezer/cgroup.procs", pid).ok(); // It has died.
        }
        wait(|| fs::remove_dir(&self.0).err().map(|error| error.to_string()));
    }
}

/// Commands that the kernel does not let die hold up neither the start of an agent nor one another.
#[tokio::test]
async fn what_does_not_die_does_not_hold_up_the_start() {
    let mut world = World::new().await;
    let mut runs = Vec::new();
    for _ in 0..2 {
        let run = world.start(&order("echo ready; exec sleep 1000")).await;
        world.wrote(run, "ready\n").await;
        runs.push(run);
    }
    let pids: Vec<Pid> = runs
        .iter()
        .flat_map(|run| commands(&run.to_string()))
        .collect();
    let Some(frozen) = Frozen::new(&pids) else {
        return;
    };
    let shims: Vec<Pid> = runs.iter().map(|run| world.shim(*run)).collect();
    world.stop().await;
    for shim in shims {
        kill(shim, Signal::SIGKILL).unwrap();
    }
    world.open().await;
    for run in &runs {
        let status = world.status(*run).await.unwrap();
        assert_eq!(status.state, State::Running, "it is not settled");
    }
    drop(frozen);
    for run in runs {
        let ended = world.ended(run).await;
        assert_eq!((ended.end(), ended.text().as_str()), (LOST, "ready\n"));
        assert!(commands(&run.to_string()).is_empty());
    }
}

#[tokio::test]
async fn an_order_whose_shim_never_began_is_lost_and_never_starts() {
    let mut world = World::new().await;
    let count = world.path("count");
    let order = order(&format!("echo x >> {}", count.display()));
    let run: RunId = order.run.parse().unwrap();
    world.stop().await;
    fs::create_dir(world.execution(run)).unwrap();
    fs::write(world.execution(run).join("order"), order.encode_to_vec()).unwrap();
    world.open().await;
    assert_eq!(world.ended(run).await.end(), LOST);
    let again = world.try_start(&order).await;
    assert!(matches!(again, Ok(Started::Duplicate(status)) if status.state == State::Ended));
    // A shim that comes late finds that the spool is not its own.
    let late = std::process::Command::new(&world.config.shim[0])
        .arg("shim")
        .arg(world.execution(run))
        .status()
        .unwrap();
    assert_eq!(late.code(), Some(75));
    assert!(!count.exists());
}

/// Holds: What was accepted and never began, because the agent was killed or its disk had no room, is `not started`, and never runs.
#[tokio::test]
async fn an_order_whose_shim_never_began_in_this_boot_is_known_not_to_have_run() {
    let mut world = World::new().await;
    let count = world.path("count");
    let order = order(&format!("echo x >> {}", count.display()));
    let run: RunId = order.run.parse().unwrap();
    world.stop().await;
    // What an agent leaves that is killed between the two.
    let folder = world.execution(run);
    fs::create_dir(&folder).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    symlink(boot.trim().replace('-', ""), folder.join("boot")).unwrap();
    fs::write(folder.join("order"), order.encode_to_vec()).unwrap();
    world.open().await;
    assert_eq!(refused_with(&world, run).await, Code::Stopping);
    let shim = &world.config.shim[0].clone();
    let late = || {
        let mut shim = std::process::Command::new(shim);
        shim.arg("shim").arg(&folder).status().unwrap().code()
    };
    assert_eq!(late(), Some(75));
    // Until somebody heard it the next agent tells the same.
    world.reopen().await;
    assert_eq!(refused_with(&world, run).await, Code::Stopping);
    let again = world.try_start(&order).await;
    assert!(
        matches!(again, Ok(Started::Duplicate(status)) if matches!(status.state, State::Refused(_)))
    );
    world.handle.release(run).await;
    assert!(world.handle.list().await.is_empty());
    wait(|| folder.exists().then(|| "it is there".to_owned()));
    assert_eq!(late(), Some(73));
    // It is remembered by the next agent too.
    world.reopen().await;
    assert!(world.try_start(&order).await.is_err());
    assert!(!count.exists());
}

/// Holds: What was accepted and never began, because the agent was killed or its disk had no room, is `not started`, and never runs.
#[tokio::test]
async fn on_a_disk_without_room_for_a_spool_it_is_known_that_nothing_ran() {
    let Some(disk) = SmallDisk::mounted(8) else {
        return;
    };
    let (data_dir, count) = (disk.0.path().join("data"), disk.0.path().join("count"));
    let mut world = World::with(|config| config.data_dir = data_dir).await;
    let mut fills = fs::File::create(disk.0.path().join("fills")).unwrap();
    std::io::copy(&mut std::io::repeat(7), &mut fills).unwrap_err();
    // Room for the order, and for nothing more.
    let full = fills.metadata().unwrap().len();
    fills.set_len(full - 4_096).unwrap();
    let order = order(&format!(": > {}", count.display()));
    let run = world.start(&order).await;
    assert_eq!(refused_with(&world, run).await, Code::Storage);
    world.reopen().await;
    assert_eq!(refused_with(&world, run).await, Code::Storage);
    assert!(!count.exists());
    fills.set_len(0).unwrap();
    assert_eq!(
        world.run(&crate::world::order("echo on")).await.text(),
        "on\n"
    );
}

async fn refused_with(world: &World, run: RunId) -> Code {
    let refused = |status: &Status| matches!(status.state, State::Refused(_));
    match world.until(run, refused).await.state {
        State::Refused(refusal) => refusal.code,
        State::Running | State::Ended => unreachable!("it was waited for"),
    }
}

/// The first line that a command wrote: a process id.
async fn first_pid(world: &World, run: RunId) -> Pid {
    let len = world.until(run, |status| status.spool_len > 67).await;
    let bytes = world.handle.read(run, 0, usize::MAX).await.unwrap();
    let mut decoder = Decoder::new();
    decoder.push(&bytes);
    while let Some((record, _)) = decoder.next_record().unwrap() {
        if let Record::Out { bytes, .. } = record {
            let text = String::from_utf8_lossy(&bytes);
            return Pid::from_raw(text.trim().parse().unwrap());
        }
    }
    panic!("nothing was written: {len:?}")
}

fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(") S ")
}

#[tokio::test]
async fn a_killed_shim_takes_all_of_its_execution_along_and_nothing_of_another_agents() {
    let (one, other) = (
        World::new().await,
        World::with(|config| config.agent = OTHER).await,
    );
    // Neither its environment nor its session says whose it is.
    let command = "env -i setsid sleep 1000 & echo $!; wait";
    let mut order = order(command);
    let run = one.start(&order).await;
    order.agent = OTHER.to_string();
    other.start(&order).await;
    let (hidden, others) = (first_pid(&one, run).await, first_pid(&other, run).await);
    wait(|| (!lives(hidden) || !lives(others)).then(|| "one has not begun".to_owned()));
    kill(one.shim(run), Signal::SIGKILL).unwrap();
    assert_eq!(one.ended(run).await.end(), LOST);
    assert!(!lives(hidden), "it lives on");
    // The same run on another agent of this machine is another execution.
    assert!(lives(others), "it is gone");
    assert_eq!(other.status(run).await.unwrap().state, State::Running);
    other.handle.cancel(run, true).await;
    let ended = other.ended(run).await;
    assert_eq!(ended.end(), (How::Signal(9), Cause::Cancelled, 0));
    assert!(!lives(others));
}

#[tokio::test]
async fn broken_folders_are_lost_and_do_not_stop_the_others() {
    let mut world = World::new().await;
    let good = world.start(&order("echo fine")).await;
    world.ended(good).await;
    world.stop().await;
    let unreadable = RunId::from_bytes([1; 16]);
    fs::create_dir(world.execution(unreadable)).unwrap();
    fs::write(world.execution(unreadable).join("order"), [0xff; 50]).unwrap();
    let garbage = RunId::from_bytes([2; 16]);
    fs::create_dir(world.execution(garbage)).unwrap();
    fs::write(world.execution(garbage).join("spool"), [0xee; 500]).unwrap();
    let empty = RunId::from_bytes([3; 16]);
    fs::create_dir(world.execution(empty)).unwrap();
    fs::write(world.execution(RunId::from_bytes([4; 16])), b"a file").unwrap();
    fs::create_dir(world.config.data_dir.join("executions/foreign")).unwrap();
    world.open().await;
    assert_eq!(world.ended(good).await.text(), "fine\n");
    assert_eq!(world.ended(unreadable).await.end(), LOST);
    assert_eq!(world.ended(garbage).await.end(), LOST);
    assert_eq!(world.handle.list().await.len(), 3);
    assert!(!world.execution(empty).exists(), "it was never accepted");
}

/// Holds: When the host restarts the outcome is unknown, and is told with when: `the host restarted on … at …, back since …`.
/// Holds: Where the clock of the host makes no sense of that, it is told without: `the host restarted while it ran`.
#[tokio::test]
async fn after_a_crash_of_the_host_executions_are_lost_and_the_restart_is_told() {
    // A kernel that began later, as it should be; one that is older than what it took along, as after a clock was set.
    for (began_ms, said) in [
        (Some(1_000), "the host restarted on "),
        (None, "the host restarted while it ran, back since "),
    ] {
        let why = lost_with_its_host(began_ms).await;
        assert!(
            why.starts_with(said) && why.contains(", back since "),
            "{why}"
        );
    }
}

/// What is told of a command that began then, or really when it did, and whose host has restarted since.
async fn lost_with_its_host(began_ms: Option<u64>) -> String {
    let mut world = World::new().await;
    let run = world.start(&order("echo ready; sleep 1000")).await;
    world.wrote(run, "ready\n").await;
    let shim = world.shim(run);
    world.stop().await;
    kill(shim, Signal::SIGKILL).unwrap();
    // The processes of another boot are not ours to kill: here they stand for those that got the same numbers.
    let spool = world.execution(run).join("spool");
    let mut decoder = Decoder::new();
    decoder.push(&fs::read(&spool).unwrap());
    let mut bytes = Vec::new();
    while let Some((mut record, _)) = decoder.next_record().unwrap() {
        if let Record::Header(header) = &mut record {
            header.boot_id = [0; 16];
            header.wall_ms = began_ms.unwrap_or(header.wall_ms);
        }
        encode(&record, &mut bytes).unwrap();
    }
    fs::write(&spool, bytes).unwrap();
    world.open().await;
    let ended = world.ended(run).await;
    assert_eq!((ended.end(), ended.text().as_str()), (LOST, "ready\n"));
    let others = commands(&run.to_string());
    assert_eq!(others.len(), 2);
    for pid in others {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    why_lost(&ended.exit)
}

#[tokio::test]
async fn a_deletion_that_a_crash_cut_short_is_finished() {
    let mut world = World::new().await;
    let order = order("true");
    let run = world.start(&order).await;
    world.ended(run).await;
    world.stop().await;
    let released = world.config.data_dir.join("released").join(run.to_string());
    fs::write(released, "99999999999999").unwrap();
    world.open().await;
    assert!(world.handle.list().await.is_empty());
    assert!(!world.execution(run).exists());
    assert!(world.try_start(&order).await.is_err());
}

#[tokio::test]
async fn a_full_disk_makes_the_command_wait_and_loses_nothing() {
    let Some(disk) = SmallDisk::mounted(8) else {
        return;
    };
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 6_000_000]).unwrap();
    let data_dir = disk.0.path().join("data");
    {
        let world = World::with(|config| config.data_dir = data_dir).await;
        let run = world
            .start(&order("head -c 7000000 /dev/zero; echo end >&2"))
            .await;
        let status = world.until(run, |status| status.spool_full).await;
        assert_eq!(status.state, State::Running);
        fs::remove_file(&ballast).unwrap();
        let ended = world.ended(run).await;
        assert_eq!(
            (ended.out.len(), ended.err_text().as_str()),
            (7_000_000, "end\n")
        );
        assert_eq!(ended.end(), (How::Code(0), Cause::Command, 0));
    }
}
