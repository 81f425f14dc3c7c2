//! How frames go over the wire: as text, or compressed in the way that the client asked for when it connected.
//!
//! Knows nothing of opcodes and sessions. A compressed stream is one context over the whole connection, flushed at the
//! end of every message, and each message is one binary frame (Discord's "Transport Compression").

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use flate2::{Compress, Compression, FlushCompress};
use futures_util::SinkExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

use super::close;

/// How long a client may take to read what was sent to it.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a client may take to answer our goodbye.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
/// Payloads from this size on are compressed for a client that asked for that when it identified; Discord says only
/// that some are.
const PAYLOAD_MIN: usize = 1024;
/// The binary logarithm of zstd's window. 128 KiB repeat well enough, and it is most of what a connection costs.
const ZSTD_WINDOW_LOG: u32 = 17;
const ZSTD_LEVEL: i32 = 1;
/// Connections that are compressed as a whole at one time.
const CONTEXTS_MAX: usize = 256;
/// Bytes of output asked for at a time.
const CHUNK: usize = 4096;

/// What a client asks for in the address that it connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compressing {
    No,
    ZlibStream,
    ZstdStream,
}

impl Compressing {
    /// Reads the query of the upgrade; refuses with a close code what Discord does not speak.
    pub(crate) fn read(query: &[(String, String)]) -> Result<Self, u16> {
        let named = |name: &str| query.iter().find(|(key, _)| key == name);
        let value = |name: &str| named(name).map(|(_, value)| value.as_str());
        if !matches!(value("v"), None | Some("9" | "10")) {
            return Err(close::INVALID_VERSION);
        }
        if !matches!(value("encoding"), None | Some("json")) {
            return Err(close::DECODE_ERROR);
        }
        match value("compress") {
            None | Some("" | "none" | "false") => Ok(Self::No),
            Some("zlib-stream") => Ok(Self::ZlibStream),
            Some("zstd-stream") => Ok(Self::ZstdStream),
            Some(_) => Err(close::DECODE_ERROR),
        }
    }
}

/// The compressing contexts of all connections: each costs some hundred kilobytes, so there are not many.
///
/// Whoever has not identified gives its own up to the next one that comes, so that strangers cannot hold them all.
#[derive(Clone, Debug)]
pub(crate) struct Contexts {
    free: Arc<Semaphore>,
    /// Everyone who holds one, oldest first.
    holders: Arc<Mutex<Vec<Weak<Holder>>>>,
}

/// A connection with a context.
#[derive(Debug)]
struct Holder {
    /// Taken away when another one needs it more.
    place: Mutex<Option<OwnedSemaphorePermit>>,
    identified: AtomicBool,
    evicted: CancellationToken,
}

impl Holder {
    fn taken_back(&self) -> Option<OwnedSemaphorePermit> {
        if self.identified.load(Ordering::Relaxed) {
            return None;
        }
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place.take()?;
        self.evicted.cancel();
        Some(place)
    }
}

impl Default for Contexts {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(CONTEXTS_MAX)),
            holders: Arc::default(),
        }
    }
}

impl Contexts {
    /// A place for a connection, or none if too many that have identified are compressed already.
    pub(crate) fn seat(&self, compressing: Compressing) -> Option<Seat> {
        let held = match compressing {
            Compressing::No => None,
            Compressing::ZlibStream | Compressing::ZstdStream => Some(self.hold()?),
        };
        Some(Seat { compressing, held })
    }

    fn hold(&self) -> Option<Arc<Holder>> {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        holders.retain(|holder| holder.strong_count() > 0);
        let free = Arc::clone(&self.free).try_acquire_owned().ok();
        let place = free.or_else(|| {
            let mut standing = holders.iter().filter_map(Weak::upgrade);
            standing.find_map(|holder| holder.taken_back())
        })?;
        let holder = Arc::new(Holder {
            place: Mutex::new(Some(place)),
            identified: AtomicBool::new(false),
            evicted: CancellationToken::new(),
        });
        holders.push(Arc::downgrade(&holder));
        Some(holder)
    }
}

/// How one connection is compressed, and its place among those that are.
#[derive(Debug)]
pub(crate) struct Seat {
    compressing: Compressing,
    held: Option<Arc<Holder>>,
}

impl Seat {
    /// The place of a connection that is not compressed.
    pub(crate) const fn plain() -> Self {
        Self {
            compressing: Compressing::No,
            held: None,
        }
    }
}

/// The client is gone or does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

enum Packing {
    Text,
    /// Each large payload by itself.
    Payloads,
    ZlibStream(Box<Compress>),
    ZstdStream(Encoder<'static>),
}

/// A connection to a client.
pub(crate) struct Wire {
    socket: WebSocket,
    packing: Packing,
    /// Its place among the compressed ones, given back with the connection's end.
    held: Option<Arc<Holder>>,
}

impl Wire {
    /// A connection that sends as was asked for; as text if there is no memory for another context.
    pub(crate) fn new(socket: WebSocket, seat: Seat) -> Self {
        let packing = match seat.compressing {
            Compressing::No => Packing::Text,
            Compressing::ZlibStream => {
                Packing::ZlibStream(Box::new(Compress::new(Compression::fast(), true)))
            }
            Compressing::ZstdStream => zstd_encoder().map_or(Packing::Text, Packing::ZstdStream),
        };
        Self {
            socket,
            packing,
            held: seat.held,
        }
    }

    /// From now on compresses large payloads, unless the whole stream is compressed.
    pub(crate) fn compress_payloads(&mut self) {
        if matches!(self.packing, Packing::Text) {
            self.packing = Packing::Payloads;
        }
    }

    /// From now on nobody takes the context away.
    pub(crate) fn identified(&self) {
        if let Some(holder) = &self.held {
            holder.identified.store(true, Ordering::Relaxed);
        }
    }

    /// Is cancelled when the context was given to somebody else; never without one.
    pub(crate) fn evicted(&self) -> CancellationToken {
        let holder = self.held.as_ref();
        holder.map(|held| held.evicted.clone()).unwrap_or_default()
    }

    /// Queues a frame; `flush` sees it off.
    pub(crate) async fn feed(&mut self, text: String) -> Result<(), Gone> {
        let message = self.packing.pack(text)?;
        match timeout(SEND_TIMEOUT, self.socket.feed(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Waits until everything fed is with the operating system.
    pub(crate) async fn flush(&mut self) -> Result<(), Gone> {
        match timeout(SEND_TIMEOUT, self.socket.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// Sends one frame.
    pub(crate) async fn send(&mut self, text: String) -> Result<(), Gone> {
        self.feed(text).await?;
        self.flush().await
    }

    /// What the client says next; dropping the wait loses nothing.
    pub(crate) async fn receive(&mut self) -> Option<Result<Message, axum::Error>> {
        self.socket.recv().await
    }

    /// Ends the connection, with a close code or without.
    pub(crate) async fn finish(self, code: Option<u16>) {
        let Self {
            mut socket,
            packing,
            held,
        } = self;
        // A goodbye is not compressed: its context is free for others already.
        drop((packing, held));
        let closing = async {
            if let Some(code) = code {
                let reason = close::reason(code).into();
                let frame = Message::Close(Some(CloseFrame { code, reason }));
                socket.send(frame).await.ok(); // client gone: nothing to tell
            }
            // Reading on sends our half of the goodbye, and lets the client see the code before the connection is gone.
            while let Some(Ok(_)) = socket.recv().await {}
        };
        timeout(GOODBYE_TIMEOUT, closing).await.ok(); // a silent client is dropped
    }
}

impl Packing {
    fn pack(&mut self, text: String) -> Result<Message, Gone> {
        let packed = match self {
            Self::Payloads if text.len() >= PAYLOAD_MIN => {
                let mut alone = Compress::new(Compression::fast(), true);
                deflate(&mut alone, text.as_bytes(), FlushCompress::Finish)
            }
            Self::Text | Self::Payloads => return Ok(Message::Text(text.into())),
            Self::ZlibStream(context) => deflate(context, text.as_bytes(), FlushCompress::Sync),
            Self::ZstdStream(context) => zstd_message(context, text.as_bytes()).ok(),
        };
        Ok(Message::Binary(packed.ok_or(Gone)?.into()))
    }
}

fn deflate(context: &mut Compress, input: &[u8], flush: FlushCompress) -> Option<Vec<u8>> {
    let mut packed = Vec::with_capacity(input.len() / 2 + CHUNK);
    let before = context.total_in();
    loop {
        let consumed = usize::try_from(context.total_in().checked_sub(before)?).ok()?;
        let rest = input.get(consumed..)?;
        context.compress_vec(rest, &mut packed, flush).ok()?;
        // Output space to spare means that all input went in and everything pending came out.
        if packed.len() < packed.capacity() {
            return Some(packed);
        }
        packed.reserve(CHUNK);
    }
}

fn zstd_encoder() -> Option<Encoder<'static>> {
    let mut encoder = Encoder::new(ZSTD_LEVEL).ok()?;
    let window = CParameter::WindowLog(ZSTD_WINDOW_LOG);
    encoder.set_parameter(window).ok()?;
    Some(encoder)
}

fn zstd_message(context: &mut Encoder<'static>, input: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = Vec::with_capacity(input.len() / 2 + CHUNK);
    let mut chunk = [0; CHUNK];
    let mut input_left = InBuffer::around(input);
    loop {
        let mut output = OutBuffer::around(chunk.as_mut_slice());
        let pending = if input_left.pos() < input.len() {
            context.run(&mut input_left, &mut output)?;
            true
        } else {
            context.flush(&mut output)? > 0
        };
        packed.extend_from_slice(output.as_slice());
        if !pending {
            return Ok(packed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_discord_speaks() {
        let read = |query: &[(&str, &str)]| {
            let owned: Vec<_> = query
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            Compressing::read(&owned)
        };
        assert_eq!(read(&[]), Ok(Compressing::No));
        assert_eq!(
            read(&[
                ("v", "9"),
                ("encoding", "json"),
                ("compress", "zlib-stream")
            ]),
            Ok(Compressing::ZlibStream)
        );
        assert_eq!(
            read(&[("compress", "zstd-stream")]),
            Ok(Compressing::ZstdStream)
        );
        assert_eq!(read(&[("v", "8")]), Err(close::INVALID_VERSION));
        assert_eq!(read(&[("encoding", "etf")]), Err(close::DECODE_ERROR));
        assert_eq!(read(&[("compress", "brotli")]), Err(close::DECODE_ERROR));
    }

    #[test]
    fn contexts_are_few_and_given_back() {
        let contexts = Contexts::default();
        let seats: Vec<_> = (0..CONTEXTS_MAX)
            .map(|_| contexts.seat(Compressing::ZlibStream).unwrap())
            .collect();
        for seat in &seats {
            let holder = seat.held.as_ref().unwrap();
            holder.identified.store(true, Ordering::Relaxed);
        }
        assert!(contexts.seat(Compressing::ZstdStream).is_none());
        assert!(contexts.seat(Compressing::No).is_some());
        drop(seats);
        assert!(contexts.seat(Compressing::ZstdStream).is_some());
    }

    #[test]
    fn strangers_give_their_contexts_up_oldest_first() {
        let contexts = Contexts::default();
        let seats: Vec<_> = (0..CONTEXTS_MAX)
            .map(|_| contexts.seat(Compressing::ZlibStream).unwrap())
            .collect();
        let evicted = || {
            let held = seats.iter().map(|seat| seat.held.as_ref().unwrap());
            held.map(|holder| holder.evicted.is_cancelled())
                .collect::<Vec<_>>()
        };
        let first = seats[0].held.as_ref().unwrap();
        first.identified.store(true, Ordering::Relaxed);
        let next = contexts.seat(Compressing::ZlibStream).unwrap();
        assert_eq!(evicted().iter().filter(|gone| **gone).count(), 1);
        assert!(evicted()[1], "the oldest that has not identified");
        drop(next);
        assert!(contexts.seat(Compressing::ZlibStream).is_some());
        assert_eq!(evicted().iter().filter(|gone| **gone).count(), 1);
    }
}
