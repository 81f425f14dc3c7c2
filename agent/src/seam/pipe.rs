//! Frames over a socket, in both directions at once: who does not read holds up nothing but itself. Knows nothing of what they hold.

use std::io;
use std::time::Duration;

use prost::Message;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use shanty_core::limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

/// Longest frame, bytes.
const FRAME_BYTES_MAX: usize = limits::FRAME_BYTES_MAX;

/// A frame that was begun is there after this time, and what is sent is read: both ends are on one machine.
const STALL: Duration = Duration::from_secs(20);

/// What waits to be read by the other end before no more is asked of us, bytes.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// Messages that are taken from what was read before others have their turn.
const AT_ONCE: usize = 64;

/// Room for what is read at once, bytes.
const READ_BYTES: usize = 16 * 1024;

/// Bytes of the length before a frame.
const HEAD: usize = 4;

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<M> {
    /// A message came.
    Came(M),
    /// Something was sent.
    Sent,
    /// The other end closed the socket.
    Closed,
}

enum Step {
    Read,
    Wrote,
    Closed,
}

/// One end.
pub(super) struct Pipe {
    socket: UnixStream,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// Messages that were taken since others had their turn.
    taken: usize,
    /// When the other end did last what it had to do.
    moved: Instant,
    stall: Duration,
}

impl Pipe {
    pub(super) fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            incoming: BytesMut::new(),
            outgoing: BytesMut::new(),
            taken: 0,
            moved: Instant::now(),
            stall: STALL,
        }
    }

    /// Sends a message, at the next [`Self::turn`].
    pub(super) fn push(&mut self, message: &impl Message) {
        let len = u32::try_from(message.encoded_len()).unwrap_or(u32::MAX);
        if self.outgoing.is_empty() {
            self.moved = Instant::now();
        }
        self.outgoing.put_u32(len);
        message
            .encode(&mut self.outgoing)
            .expect("invariant: a buffer that grows has room");
    }

    /// True while the other end does not read what it was sent: it should be asked for no more.
    pub(super) fn is_full(&self) -> bool {
        self.outgoing.len() >= WAITING_BYTES_MAX
    }

    /// True when the other end has everything.
    pub(super) fn is_flushed(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// The next message, or what else happened. Sends meanwhile what is to be sent; without `reads` it does nothing else. Cancel-safe.
    ///
    /// # Errors
    /// The socket broke, or the other end does not keep to the rules.
    pub(super) async fn turn<M: Message + Default>(&mut self, reads: bool) -> io::Result<Turn<M>> {
        loop {
            if self.taken >= AT_ONCE {
                self.taken = 0;
                yield_now().await;
            }
            if reads && let Some(frame) = take(&mut self.incoming)? {
                self.taken += 1;
                let message = M::decode(frame);
                return message
                    .map(Turn::Came)
                    .map_err(|_| invalid("it sends a frame that is no message"));
            }
            match self.step(reads).await? {
                Step::Read => {}
                Step::Wrote => return Ok(Turn::Sent),
                Step::Closed if self.incoming.is_empty() => return Ok(Turn::Closed),
                Step::Closed => return Err(invalid("it ended within a frame")),
            }
        }
    }

    async fn step(&mut self, reads: bool) -> io::Result<Step> {
        // What was read and is not taken yet is our own affair.
        let waits = !self.outgoing.is_empty() || (reads && !self.incoming.is_empty());
        let stalled = self.moved + self.stall;
        self.incoming.reserve(READ_BYTES);
        let (mut from, mut to) = self.socket.split();
        tokio::select! {
            biased;
            read = from.read_buf(&mut self.incoming), if reads => {
                self.moved = Instant::now();
                Ok(if read? > 0 { Step::Read } else { Step::Closed })
            }
            written = to.write(&self.outgoing), if !self.outgoing.is_empty() => {
                self.outgoing.advance(written?);
                self.moved = Instant::now();
                Ok(Step::Wrote)
            }
            () = sleep_until(stalled), if waits => Err(invalid("it neither sends on nor reads")),
            // Nothing to read and nothing to write.
            else => std::future::pending().await,
        }
    }
}

/// Takes the first frame if all of it is there.
fn take(incoming: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let Some(head) = incoming.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let len = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
    if len > FRAME_BYTES_MAX {
        return Err(invalid("it sends a frame over the limit"));
    }
    let end = HEAD + len;
    if incoming.len() < end {
        return Ok(None);
    }
    // Where the next one begins moves; the bytes do not.
    incoming.advance(HEAD);
    Ok(Some(incoming.split_to(len).freeze()))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use shanty_proto::v1;
    use tokio::task::JoinSet;

    use super::*;

    async fn next(pipe: &mut Pipe) -> io::Result<Option<v1::ToExecutor>> {
        loop {
            match pipe.turn(true).await? {
                Turn::Came(message) => return Ok(Some(message)),
                Turn::Sent => {}
                Turn::Closed => return Ok(None),
            }
        }
    }

    fn message(id: u64) -> v1::ToExecutor {
        v1::ToExecutor { id, kind: None }
    }

    #[tokio::test]
    async fn frames_come_whole_however_they_are_cut() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut bytes = Vec::new();
        for id in [1, 300] {
            let encoded = message(id).encode_to_vec();
            bytes.extend(u32::try_from(encoded.len()).unwrap().to_be_bytes());
            bytes.extend(encoded);
        }
        let write = async {
            for byte in bytes {
                other.write_all(&[byte]).await.unwrap();
                yield_now().await;
            }
            drop(other);
        };
        let read = async {
            let mut pipe = Pipe::new(one);
            for id in [1, 300] {
                assert_eq!(next(&mut pipe).await.unwrap(), Some(message(id)));
            }
            assert_eq!(next(&mut pipe).await.unwrap(), None);
        };
        tokio::join!(write, read);
    }

    #[tokio::test]
    async fn what_is_no_frame_is_an_error() {
        let huge = u32::try_from(FRAME_BYTES_MAX + 1).unwrap().to_be_bytes();
        let cases: [(&[u8], &str); 4] = [
            (&huge, "over the limit"),
            (&[0xff; 4], "over the limit"),
            (&[0, 0, 0, 1, 0xff], "no message"),
            (&[0, 0, 0, 9, 1], "ended within a frame"),
        ];
        for (bytes, said) in cases {
            let (one, mut other) = UnixStream::pair().unwrap();
            other.write_all(bytes).await.unwrap();
            drop(other);
            let error = next(&mut Pipe::new(one)).await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[tokio::test]
    async fn who_begins_a_frame_ends_it_and_who_is_sent_something_reads_it() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut pipe = Pipe::new(one);
        pipe.stall = Duration::from_millis(20);
        other.write_all(&[0, 0]).await.unwrap();
        let error = next(&mut pipe).await.unwrap_err();
        assert!(error.to_string().contains("neither"), "{error}");

        let (one, _other) = UnixStream::pair().unwrap();
        let mut pipe = Pipe::new(one);
        pipe.stall = Duration::from_millis(20);
        let part = v1::InputPart {
            bytes: vec![0; 900_000],
            ..v1::InputPart::default()
        };
        let message = v1::ToExecutor {
            id: 0,
            kind: Some(v1::to_executor::Kind::Part(part)),
        };
        pipe.push(&message);
        assert!(pipe.is_full() && !pipe.is_flushed());
        let error = next(&mut pipe).await.unwrap_err();
        assert!(error.to_string().contains("neither"), "{error}");
    }

    #[tokio::test]
    async fn many_frames_that_came_at_once_leave_others_their_turn_and_are_not_moved() {
        let (one, mut other) = UnixStream::pair().unwrap();
        let mut pipe = Pipe::new(one);
        other.write_all(&[0; 8_000]).await.unwrap();
        next(&mut pipe).await.unwrap().unwrap();
        let begins = pipe.incoming.as_ptr().addr();
        let mut others = JoinSet::new();
        others.spawn(async {});
        for taken in 1..200 {
            assert_eq!(pipe.incoming.as_ptr().addr(), begins + HEAD * (taken - 1));
            next(&mut pipe).await.unwrap().unwrap();
        }
        assert!(others.try_join_next().is_some());
    }

    #[tokio::test]
    async fn both_ends_send_much_at_once_and_neither_waits_for_the_other() {
        let (one, other) = UnixStream::pair().unwrap();
        let end = |socket| async {
            let mut pipe = Pipe::new(socket);
            let part = v1::InputPart {
                bytes: vec![7; 700_000],
                ..v1::InputPart::default()
            };
            for id in 0..4 {
                pipe.push(&v1::ToExecutor {
                    id,
                    kind: Some(v1::to_executor::Kind::Part(part.clone())),
                });
            }
            for id in 0..4 {
                let came = next(&mut pipe).await.unwrap().unwrap();
                assert_eq!(came.id, id);
            }
            while !pipe.is_flushed() {
                pipe.turn::<v1::ToExecutor>(false).await.unwrap();
            }
            pipe
        };
        tokio::join!(end(one), end(other));
    }
}
