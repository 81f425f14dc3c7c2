//! The demo's control socket: another shell stops and starts hosts of a demo that runs.
//!
//! One line of JSON there, one back. The socket lies in the demo's directory, which only its user may enter; without `--data-dir` that is
//! a directory of a known name where temporary files are.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// How the temporary directories of demos begin.
pub(super) const PREFIX: &str = "shanty-demo-";

const SOCKET: &str = "demo.sock";
/// Bytes of an order.
const ORDER_MAX: usize = 64 * 1024;
/// How long somebody may take to say what they want.
const SAY_WITHIN: Duration = Duration::from_secs(5);
/// How long a demo may take to do it: hosts are stopped and started one after the other.
const DONE_WITHIN: Duration = Duration::from_secs(600);

/// What is wanted of a demo.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// Which hosts are there?
    List,
    /// These go.
    Stop(Vec<String>),
    /// These come.
    Start(Vec<String>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Answer {
    /// What was done, a line each.
    pub(super) said: Vec<String>,
    /// What was not, and why.
    pub(super) error: Option<String>,
    /// The exit code for it.
    pub(super) exit: u8,
}

impl Answer {
    pub(super) const fn done(said: Vec<String>) -> Self {
        Self {
            said,
            error: None,
            exit: 0,
        }
    }

    pub(super) const fn failed(said: Vec<String>, error: String) -> Self {
        Self {
            said,
            error: Some(error),
            exit: 1,
        }
    }

    pub(super) const fn unknown(error: String) -> Self {
        Self {
            said: Vec::new(),
            error: Some(error),
            exit: super::exit::DATA,
        }
    }
}

/// The socket of the demo that runs here.
pub(super) struct Control {
    listener: UnixListener,
    /// Who has connected, and what they said so far: kept here, so that waiting can be broken off.
    asking: Option<(UnixStream, Vec<u8>, tokio::time::Instant)>,
}

/// An order, and who waits for the answer.
pub(super) struct Asked {
    pub(super) order: Order,
    stream: UnixStream,
}

impl Control {
    /// Listens in the directory of a demo.
    pub(super) fn open(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(SOCKET);
        let listener =
            UnixListener::bind(&path).with_context(|| format!("listen on {}", path.display()))?;
        Ok(Self {
            listener,
            asking: None,
        })
    }

    /// Waits for an order. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Asked {
        loop {
            if self.asking.is_none() {
                let Ok((stream, _)) = self.listener.accept().await else {
                    // Out of descriptors or the like: nothing that goes away by asking again at once.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let until = tokio::time::Instant::now() + SAY_WITHIN;
                self.asking = Some((stream, Vec::new(), until));
            }
            let Some((stream, said, until)) = &mut self.asking else {
                continue;
            };
            let read = tokio::time::timeout_at(*until, stream.read_buf(said)).await;
            let more = matches!(read, Ok(Ok(1..)));
            let line = said.split(|byte| *byte == b'\n').next();
            let whole = said.contains(&b'\n');
            if more && !whole && said.len() <= ORDER_MAX {
                continue;
            }
            let order = line.and_then(|line| serde_json::from_slice(line).ok());
            // Who says nothing that can be understood is hung up on.
            if let (Some((stream, _, _)), Some(order)) = (self.asking.take(), order) {
                return Asked { order, stream };
            }
        }
    }
}

impl Asked {
    /// Tells what came of it. Who has gone meanwhile is not told.
    pub(super) async fn answer(mut self, answer: &Answer) {
        let Ok(mut line) = serde_json::to_vec(answer) else {
            return;
        };
        line.push(b'\n');
        let write = self.stream.write_all(&line);
        tokio::time::timeout(SAY_WITHIN, write).await.ok(); // they do not listen
    }
}

/// Tells the demo that runs what is wanted. An error says why there is none to tell.
pub(super) fn tell(data_dir: Option<&Path>, order: &Order) -> Result<Answer, Answer> {
    let mut stream = match data_dir {
        Some(dir) => connect(dir).ok_or_else(|| {
            let dir = dir.display();
            nowhere(format!("No demo runs in {dir}."))
        })?,
        None => find()?,
    };
    ask(&mut stream, order).map_err(|error| nowhere(format!("The demo does not answer: {error}.")))
}

fn ask(stream: &mut Blocking, order: &Order) -> std::io::Result<Answer> {
    stream.set_read_timeout(Some(DONE_WITHIN))?;
    writeln!(stream, "{}", serde_json::to_string(order)?)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    if line.is_empty() {
        return Err(std::io::Error::other("it has ended"));
    }
    Ok(serde_json::from_str(&line)?)
}

/// The one demo of this user that runs; the one whose controller this shell uses, when there are several.
fn find() -> Result<Blocking, Answer> {
    let admin = std::env::var_os("SHANTY_ADMIN").map(PathBuf::from);
    if let Some(stream) = admin.as_deref().and_then(Path::parent).and_then(connect) {
        return Ok(stream);
    }
    let temporary = std::env::temp_dir();
    let mut found: Vec<(PathBuf, Blocking)> = std::fs::read_dir(&temporary)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX))
        .filter_map(|entry| Some((entry.path(), connect(&entry.path())?)))
        .collect();
    match found.len() {
        0 => Err(nowhere(
            "No demo runs. Start one with `shanty demo`; say --data-dir DIR for one that was started with it.".to_owned(),
        )),
        1 => Ok(found.remove(0).1),
        _ => {
            found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
            let dirs: Vec<String> = found
                .iter()
                .map(|(dir, _)| format!("  --data-dir {}", dir.display()))
                .collect();
            Err(Answer {
                said: Vec::new(),
                error: Some(format!("Several demos run. Say which:\n{}", dirs.join("\n"))),
                exit: super::exit::USAGE,
            })
        }
    }
}

/// The demo in this directory, when one runs there and is ours: others of this machine may make directories of any name.
fn connect(dir: &Path) -> Option<Blocking> {
    let path = dir.join(SOCKET);
    let ours = |path: &Path| {
        let found = std::fs::symlink_metadata(path);
        found.is_ok_and(|found| found.uid() == nix::unistd::geteuid().as_raw())
    };
    if !ours(&path) {
        return None;
    }
    Blocking::connect(path).ok()
}

const fn nowhere(error: String) -> Answer {
    Answer {
        said: Vec::new(),
        error: Some(error),
        exit: super::exit::TRY_AGAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_is_heard_and_answered_whoever_babbles_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut control = Control::open(dir.path()).unwrap();
        let order = Order::Stop(vec!["web-01".to_owned()]);
        let (path, said) = (dir.path().to_owned(), order.clone());
        let other = std::thread::spawn(move || {
            let mut babbler = connect(&path).unwrap();
            babbler.write_all(b"hello\n").unwrap();
            tell(Some(&path), &said)
        });
        let asked = control.next().await;
        assert_eq!(asked.order, order);
        let answer = Answer::done(vec!["web-01 is stopped.".to_owned()]);
        asked.answer(&answer).await;
        assert_eq!(other.join().unwrap(), Ok(answer));
    }

    #[test]
    fn no_demo_is_told_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let answer = tell(Some(dir.path()), &Order::List).unwrap_err();
        assert_eq!(answer.exit, 75);
        assert!(answer.error.unwrap().starts_with("No demo runs in "));
    }
}
