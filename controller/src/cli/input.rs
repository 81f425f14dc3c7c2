//! What `shanty run` gives to a command: its own standard input, or a script. It goes to the controller before anything is run.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use shanty_core::limits;
use shanty_core::run::InputKind;
use shanty_core::text::size;
use shanty_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::client::{Client, Failure};
use super::printer::{LinesArgs, Stored, Style};
use super::{exit, out};

/// Slices that wait for the controller: whoever fills the pipe waits too.
const SLICES_MAX: usize = 4;

/// After so long without a byte somebody is told what is waited for.
const SILENCE: Duration = Duration::from_secs(2);

/// What is given, sent to the controller; nothing when there is nothing.
pub(super) async fn give(
    client: &Client,
    script: Option<&Path>,
    no_stdin: bool,
) -> Result<Option<v1::Input>, Failure> {
    match script {
        Some(path) => {
            let (file, begin) = open_script(path)?;
            send(client, begin, file, || ()).await.map(Some)
        }
        None if no_stdin => Ok(None),
        None => match piped() {
            Some(file) => stdin(client, file).await,
            None => Ok(None),
        },
    }
}

/// Prints what a run was given: as it is into a file or a pipe, and on a terminal as text that is safe to read.
pub(super) async fn content(client: &Client, number: u64) -> Result<u8, Failure> {
    let request = v1::InputContentRequest { number };
    let mut slices = client
        .call(|mut api| async move { api.input_content(request).await })
        .await?;
    let mut stored = Stored::new(Style::default(), false, LinesArgs::default());
    while let Some(slice) = slices.message().await? {
        stored.output(&v1::OutputChunk {
            bytes: slice.bytes,
            ..v1::OutputChunk::default()
        })?;
    }
    stored.finish()?;
    Ok(exit::OK)
}

/// An input for scripts.
pub(super) fn json(input: &v1::Input) -> serde_json::Value {
    let kind = match input.kind() {
        v1::InputKind::Script => "script",
        v1::InputKind::Stdin | v1::InputKind::Unspecified => "stdin",
    };
    serde_json::json!({
        "kind": kind, "name": input.name, "bytes": input.bytes, "lines": input.lines,
        "sha256": hex::encode(&input.sha256), "head": input.head, "crlf": input.crlf,
    })
}

/// What is given to a script, as a shell reads it: each word stays one.
pub(super) fn quoted(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    let quoted = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Standard input when it is a pipe or a file: what a terminal or the null device has to say is nothing.
fn piped() -> Option<File> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return None;
    }
    let file = File::from(stdin.as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    let kind = metadata.file_type();
    let null = std::fs::metadata("/dev/null").ok()?.rdev();
    let device = kind.is_char_device() && metadata.rdev() != null;
    (device || kind.is_fifo() || kind.is_socket() || kind.is_file()).then_some(file)
}

async fn stdin(client: &Client, file: File) -> Result<Option<v1::Input>, Failure> {
    let begin = v1::InputBegin {
        kind: v1::InputKind::Stdin.into(),
        ..v1::InputBegin::default()
    };
    let waiting = || {
        out::note(
            "Reading standard input to its end; nothing runs before. Ctrl-C ends this, and --no-stdin leaves it out.",
        );
    };
    let input = send(client, begin, file, waiting).await?;
    // A pipe with nothing in it is as good as none.
    Ok((input.bytes > 0).then_some(input))
}

fn open_script(path: &Path) -> Result<(File, v1::InputBegin), Failure> {
    let shown = path.display();
    let cannot = |why: io::Error| Failure::usage(format!("cannot read the script {shown}: {why}"));
    let file = File::open(path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_dir() {
        return Err(Failure::usage(format!("{shown} is a folder and no script")));
    }
    let bytes = metadata.len();
    if bytes > InputKind::Script.bytes_max() {
        return Err(too_long(InputKind::Script));
    }
    let begin = v1::InputBegin {
        kind: v1::InputKind::Script.into(),
        name: path.to_string_lossy().into_owned(),
        bytes,
    };
    Ok((file, begin))
}

/// Sends all of it. Nothing is kept of what is cut off.
async fn send(
    client: &Client,
    begin: v1::InputBegin,
    file: File,
    waiting: impl FnOnce(),
) -> Result<v1::Input, Failure> {
    let kind = match begin.kind() {
        v1::InputKind::Script => InputKind::Script,
        v1::InputKind::Stdin | v1::InputKind::Unspecified => InputKind::Stdin,
    };
    let (messages, sent) = mpsc::channel(SLICES_MAX);
    let storing = client.call(|mut api| async move {
        let stream = ReceiverStream::new(sent);
        api.store_input(stream).await
    });
    let feeding = feed(kind, begin, read(file), messages, waiting);
    let mut storing = pin!(storing);
    tokio::select! {
        stored = &mut storing => stored,
        fed = feeding => {
            fed?;
            storing.await
        }
    }
}

async fn feed(
    kind: InputKind,
    begin: v1::InputBegin,
    mut slices: mpsc::Receiver<io::Result<Vec<u8>>>,
    messages: mpsc::Sender<v1::StoreInputRequest>,
    waiting: impl FnOnce(),
) -> Result<(), Failure> {
    use v1::store_input_request::Kind;
    let message = |kind| v1::StoreInputRequest { kind: Some(kind) };
    // Where nobody takes it any more, the answer says why.
    messages.send(message(Kind::Begin(begin))).await.ok();
    let mut waiting = Some(waiting);
    let mut bytes = 0_u64;
    loop {
        let Ok(slice) = tokio::time::timeout(SILENCE, slices.recv()).await else {
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            continue;
        };
        waiting = None;
        let Some(slice) = slice else { break };
        let slice = slice.map_err(|why| {
            let text = format!("cannot read the {}: {why}; nothing was run", kind.as_str());
            Failure::new("E_SYSTEM", exit::FAILED, text, "")
        })?;
        bytes = bytes.saturating_add(slice.len() as u64);
        if bytes > kind.bytes_max() {
            return Err(too_long(kind));
        }
        messages.send(message(Kind::Slice(slice))).await.ok();
    }
    messages.send(message(Kind::End(v1::Empty {}))).await.ok();
    Ok(())
}

fn too_long(kind: InputKind) -> Failure {
    let text = format!(
        "the {} is longer than {}, and that is the limit: nothing was run",
        kind.as_str(),
        size(kind.bytes_max())
    );
    let next = "Bring it to the hosts in another way, such as `curl`, and run a command that reads it there.";
    Failure::new("E_TOO_LONG", exit::USAGE, text, next)
}

/// Reads in a thread of its own, which nobody waits for: a read of a pipe cannot be given up.
fn read(mut file: File) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (slices, read) = mpsc::channel(SLICES_MAX);
    std::thread::spawn(move || {
        loop {
            let mut slice = vec![0; limits::CHUNK_BYTES_MAX];
            let next = match file.read(&mut slice) {
                Ok(0) => return,
                Ok(n) => {
                    slice.truncate(n);
                    Ok(slice)
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = next.is_err();
            if slices.blocking_send(next).is_err() || failed {
                return;
            }
        }
    });
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_script_stay_words() {
        let words = ["--fast", "a b", "", "it's", "$(id)", "x=1,2"].map(str::to_owned);
        assert_eq!(quoted(&words), r"--fast 'a b' '' 'it'\''s' '$(id)' x=1,2");
        assert_eq!(quoted(&[]), "");
    }
}
