//! What became of an execution that nobody watched: alive, ended, never begun, or `lost`.
//!
//! The lock on the spool says whether a shim is there, the last record whether it got to the end. Nothing here starts anything.
//!
//! Nothing runs before the spool has its header, and what is written to a file is there for as long as its kernel runs. So without a
//! header in the boot that accepted the order it is certain that nothing began; in a later boot the header may just have been lost.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits::CHUNK_BYTES_MAX;
use shanty_core::spool::{Decoder, Exit, Header, Record, Restart, VERSION, Writer};

use super::folder::{accepted_in, accepted_ms, never_began, note_never_began};
use super::sweep::sweep;
use crate::clock::wall_ms;
use crate::facts;
use crate::shim::remove_script;

/// With less than this left on the disk a shim may find no room for its first bytes.
const FULL_BYTES: u64 = 64 * 1024;

/// How an execution was found; `len` counts bytes of whole records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A shim holds it.
    Alive { len: u64 },
    /// Its spool ends with an exit, perhaps since now.
    Ended { len: u64 },
    /// Its shim is gone, and what is left of the command does not die at once: it is to be looked at again, with more patience.
    Dying { len: u64 },
    /// Nothing of it ever ran, and nothing will: a shim that comes late finds the spool taken.
    NotBegun {
        /// There is no room on the disk for a shim to record that one begins.
        full: bool,
    },
}

/// What the kernel does not let die in this time stays.
const PATIENCE: Duration = Duration::from_secs(10);

/// Settles it with all the patience that there is: it is never [`Found::Dying`].
pub(super) fn settle(folder: &Path, run: RunId, agent: AgentId) -> io::Result<Found> {
    settle_by(folder, run, agent, None)
}

/// Looks at the spool in `folder`. Without a shim and without an exit it is lost, but where it is certain that it never began: the torn
/// tail is cut, what is left of the command is killed, and the exit says so. Who cannot wait for that says until when, and looks again. Blocks.
pub(super) fn settle_by(
    folder: &Path,
    run: RunId,
    agent: AgentId,
    by: Option<Instant>,
) -> io::Result<Found> {
    let mut file = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(folder.join("spool"))?;
    let lock = file.try_lock();
    // After the lock: had we looked before it, a shim could have ended in between.
    let scan = scan(&mut file)?;
    match lock {
        // A shim that has written its exit has nothing more to say, and lets go of the lock in a moment.
        Ok(()) | Err(TryLockError::WouldBlock) if scan.ended => {
            return Ok(Found::Ended { len: scan.len });
        }
        Err(TryLockError::WouldBlock) => return Ok(Found::Alive { len: scan.len }),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    let boot_id = facts::boot_id()?;
    let header = Header {
        version: VERSION,
        run,
        agent,
        boot_id,
        wall_ms: accepted_ms(folder).unwrap_or_else(wall_ms),
    };
    let began = scan.header.as_ref();
    let began_in = began.map(|began| began.boot_id);
    let began_in = began_in.or_else(|| accepted_in(folder));
    let in_this_boot = began_in == Some(boot_id) && is_torn_header(&file, &header)?;
    if began.is_none() && (in_this_boot || never_began(folder)) {
        return not_begun(&file, folder, run, agent);
    }
    let restarted = began_in.is_some_and(|began_in| began_in != boot_id);
    if !restarted {
        let until = by.unwrap_or_else(|| Instant::now() + PATIENCE);
        if !sweep(run, agent, until) && by.is_some() {
            return Ok(Found::Dying { len: scan.len });
        }
    }
    remove_script(run, agent);
    let len = append_lost(&mut file, &scan, &header, restarted)?;
    Ok(Found::Ended { len })
}

/// Makes sure that nothing will begin, and that the next agent knows it, also after a restart of the host. Takes no block, so that it works on a
/// disk that is full too.
fn not_begun(file: &File, folder: &Path, run: RunId, agent: AgentId) -> io::Result<Found> {
    file.set_len(1)?;
    remove_script(run, agent);
    if let Err(error) = note_never_began(folder) {
        // As long as the host is up this is known without it.
        tracing::warn!(run.id = %run, %error, "That an order never began cannot be noted.");
    }
    let full = has_no_room(folder);
    Ok(Found::NotBegun { full })
}

fn has_no_room(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|disk| {
        let left = disk.blocks_available().saturating_mul(disk.fragment_size());
        left < FULL_BYTES
    })
}

/// True for a spool that is shorter than its header would be; a longer one without any is damaged, and says nothing.
fn is_torn_header(file: &File, header: &Header) -> io::Result<bool> {
    let mut bytes = Vec::new();
    Writer::new().header(header, &mut bytes);
    Ok(file.metadata()?.len() < bytes.len() as u64)
}

/// What the whole records of a spool say.
struct Scan {
    header: Option<Header>,
    len: u64,
    ended: bool,
}

fn scan(file: &mut File) -> io::Result<Scan> {
    file.rewind()?;
    let mut decoder = Decoder::new();
    let mut header = None;
    let mut buffer = vec![0; CHUNK_BYTES_MAX];
    loop {
        let n = file.read(&mut buffer)?;
        decoder.push(buffer.get(..n).unwrap_or_default());
        loop {
            match decoder.next_record() {
                Ok(Some((Record::Header(found), _))) => header = Some(found),
                Ok(Some(_)) => {}
                Ok(None) if n > 0 => break,
                // The end of the file, or of what can be believed.
                Ok(None) | Err(_) => {
                    return Ok(Scan {
                        header,
                        len: decoder.offset(),
                        ended: decoder.ended(),
                    });
                }
            }
        }
    }
}

/// Cuts the torn tail and writes the exit; also the header when even that is missing. Returns the new length.
fn append_lost(file: &mut File, scan: &Scan, header: &Header, restarted: bool) -> io::Result<u64> {
    file.set_len(scan.len)?;
    file.rewind()?;
    let mut writer = Writer::new();
    let mut buffer = vec![0; CHUNK_BYTES_MAX];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        writer.resume(buffer.get(..n).unwrap_or_default());
    }
    let mut tail = Vec::new();
    if scan.header.is_none() {
        writer.header(header, &mut tail);
    }
    let began = scan.header.as_ref().unwrap_or(header);
    let exit = Exit {
        restart: restarted.then(restart),
        ..Exit::lost(began.wall_ms)
    };
    writer.exit(&exit, &mut tail);
    file.write_all(&tail)?;
    file.sync_data()?;
    Ok(writer.len())
}

/// The restart that took an execution with it, by the clock as it is now: whoever reads it judges whether its times can be.
fn restart() -> Restart {
    Restart {
        // Zero would be no restart at all.
        booted_ms: facts::booted_ms().max(1),
        back_ms: wall_ms(),
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};
    use shanty_core::spool::{Cause, How, Stream};

    use super::*;

    const RUN: RunId = RunId::from_bytes([1; 16]);
    const AGENT: AgentId = AgentId::from_bytes([2; 16]);

    fn begun() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new();
        let header = Header {
            version: VERSION,
            run: RUN,
            agent: AGENT,
            boot_id: [9; 16],
            wall_ms: 5,
        };
        writer.header(&header, &mut bytes);
        writer.output(Stream::Out, 1, b"some output", &mut bytes);
        bytes
    }

    fn settled(spool: Option<&[u8]>) -> (Found, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        if let Some(bytes) = spool {
            fs::write(&path, bytes).unwrap();
        }
        let found = settle(folder.path(), RUN, AGENT).unwrap();
        // A second look changes nothing.
        let before = fs::read(&path).unwrap();
        assert_eq!(settle(folder.path(), RUN, AGENT).unwrap(), found);
        assert_eq!(fs::read(&path).unwrap(), before);
        (found, before)
    }

    fn check_lost(spool: Option<&[u8]>, kept: usize) {
        let (found, bytes) = settled(spool);
        let len = bytes.len() as u64;
        assert_eq!(found, Found::Ended { len });
        assert_eq!(bytes[..kept], spool.unwrap_or_default()[..kept]);
        let mut decoder = Decoder::new();
        decoder.push(&bytes);
        let (mut start, mut last) = (0, None);
        while let Some((record, end)) = decoder.next_record().unwrap() {
            if decoder.ended() {
                last = Some(record);
                break;
            }
            start = usize::try_from(end).unwrap();
        }
        let Some(Record::Exit(exit)) = last else {
            panic!("no exit: {last:?}");
        };
        // These were begun in another boot, long ago.
        let restart = exit.restart.map(|restart| restart.booted_ms);
        assert_eq!(restart, (kept > 0).then(facts::booted_ms));
        assert_eq!((exit.how, exit.cause), (How::Unknown, Cause::Lost));
        assert_eq!(
            exit.sha256,
            <[u8; 32]>::from(Sha256::digest(&bytes[..start]))
        );
    }

    #[test]
    fn a_spool_without_exit_is_lost_and_its_torn_tail_is_cut() {
        let whole = begun();
        check_lost(Some(&whole), whole.len());
        check_lost(Some(&whole[..whole.len() - 1]), 67);
        check_lost(Some(&whole[..30]), 0);
        check_lost(Some(b"no spool at all, but forty bytes of text"), 0);
        check_lost(Some(b""), 0);
        check_lost(None, 0);
    }

    /// A folder whose order was accepted in this boot.
    fn accepted(boot_id: [u8; 16], spool: Option<&[u8]>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(hex::encode(boot_id), folder.path().join("boot")).unwrap();
        if let Some(bytes) = spool {
            fs::write(folder.path().join("spool"), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn without_a_header_in_the_boot_that_accepted_it_nothing_began() {
        let boot_id = facts::boot_id().unwrap();
        for spool in [None, Some(&b""[..]), Some(&begun()[..30])] {
            let folder = accepted(boot_id, spool);
            for _ in 0..2 {
                let found = settle(folder.path(), RUN, AGENT).unwrap();
                assert!(matches!(found, Found::NotBegun { .. }));
            }
            // What a shim that comes late looks at.
            let len = fs::metadata(folder.path().join("spool")).unwrap().len();
            assert!(len > 0);
        }
        // More than a header without one is damage, and then nobody knows.
        let folder = accepted(boot_id, Some(&[0xee; 100]));
        let found = settle(folder.path(), RUN, AGENT).unwrap();
        assert!(matches!(found, Found::Ended { .. }));
    }

    /// What never began is told as that, also when the host restarts before the controller heard it.
    #[test]
    fn what_never_began_is_known_after_a_restart_of_the_host() {
        let folder = accepted(facts::boot_id().unwrap(), None);
        settle(folder.path(), RUN, AGENT).unwrap();
        let boot = folder.path().join("boot");
        fs::remove_file(&boot).unwrap();
        std::os::unix::fs::symlink(hex::encode([9; 16]), boot).unwrap();
        // The file system may have lost what was not on the disk yet.
        fs::write(folder.path().join("spool"), b"").unwrap();
        let found = settle(folder.path(), RUN, AGENT).unwrap();
        assert_eq!(found, Found::NotBegun { full: false });
        // Whatever is noted, a header says that it was tried.
        fs::write(folder.path().join("spool"), begun()).unwrap();
        let found = settle(folder.path(), RUN, AGENT).unwrap();
        assert!(matches!(found, Found::Ended { .. }));
    }

    #[test]
    fn in_a_later_boot_it_may_have_begun_and_the_restart_is_told() {
        for spool in [None, Some(&begun()[..30])] {
            let folder = accepted([9; 16], spool);
            let found = settle(folder.path(), RUN, AGENT).unwrap();
            assert!(matches!(found, Found::Ended { .. }));
            let mut decoder = Decoder::new();
            decoder.push(&fs::read(folder.path().join("spool")).unwrap());
            let mut restart = None;
            while let Some((record, _)) = decoder.next_record().unwrap() {
                if let Record::Exit(exit) = record {
                    restart = exit.restart;
                }
            }
            assert_eq!(restart.unwrap().booted_ms, facts::booted_ms());
        }
    }

    #[test]
    fn a_spool_that_a_shim_holds_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let mut bytes = begun();
        let len = bytes.len() as u64;
        bytes.extend_from_slice(b"\x05\x00");
        fs::write(&path, &bytes).unwrap();
        let held = File::open(&path).unwrap();
        held.lock().unwrap();
        assert_eq!(
            settle(folder.path(), RUN, AGENT).unwrap(),
            Found::Alive { len }
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
