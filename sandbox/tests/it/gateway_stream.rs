//! Compressed gateway streams, read as client libraries read them: one decompressor over the whole connection.

use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::rig::{Bot, INTENTS, PATIENCE, Rig};

enum Unpack {
    Zlib(Decompress),
    Zstd(Decoder<'static>),
    /// A fresh zlib stream for each binary frame, and text as it is.
    Payloads,
}

/// A client of a compressed gateway.
struct Client {
    bot: Bot,
    unpack: Unpack,
    /// Binary frames seen.
    packed: usize,
}

impl Client {
    async fn open(rig: &Rig, compress: &str, unpack: Unpack) -> Self {
        let url = format!("ws://{}/gateway?v=10&encoding=json{compress}", rig.address);
        let bot = Bot::open(&url).await;
        let mut client = Self {
            bot,
            unpack,
            packed: 0,
        };
        assert_eq!(client.frame().await["op"], 10);
        client
    }

    /// Says something in a binary frame, as hikari does.
    async fn say(&mut self, op: u64, d: Value) {
        let frame = json!({"op": op, "d": d}).to_string();
        let frame = Message::binary(frame.into_bytes());
        self.bot.socket.send(frame).await.unwrap();
    }

    async fn frame(&mut self) -> Value {
        loop {
            let next = timeout(PATIENCE, self.bot.socket.next())
                .await
                .expect("a frame within the bound")
                .expect("an open connection")
                .unwrap();
            let text = match next {
                Message::Binary(bytes) => {
                    self.packed += 1;
                    self.unpack.message(&bytes)
                }
                Message::Text(text) => {
                    assert!(matches!(self.unpack, Unpack::Payloads), "text in a stream");
                    text.as_bytes().to_vec()
                }
                Message::Close(frame) => panic!("closed: {frame:?}"),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            return serde_json::from_slice(&text).expect("one whole message in each frame");
        }
    }

    async fn event(&mut self, name: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["t"] == name {
                return frame;
            }
        }
    }
}

impl Unpack {
    fn message(&mut self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Zlib(context) => {
                assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]), "a sync flush");
                inflate(context, bytes)
            }
            Self::Zstd(context) => unzstd(context, bytes),
            Self::Payloads => inflate(&mut Decompress::new(true), bytes),
        }
    }
}

fn inflate(context: &mut Decompress, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let start = context.total_in();
    loop {
        text.reserve(1024);
        let consumed = usize::try_from(context.total_in() - start).unwrap();
        let room = text.capacity() - text.len();
        let before = context.total_out();
        context
            .decompress_vec(&bytes[consumed..], &mut text, FlushDecompress::Sync)
            .unwrap();
        let made = usize::try_from(context.total_out() - before).unwrap();
        if made == 0 || (made < room && context.total_in() - start == bytes.len() as u64) {
            return text;
        }
    }
}

fn unzstd(context: &mut Decoder<'static>, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut input = InBuffer::around(bytes);
    let mut chunk = [0; 1000];
    loop {
        let mut output = OutBuffer::around(chunk.as_mut_slice());
        context.run(&mut input, &mut output).unwrap();
        let full = output.pos() == output.capacity();
        text.extend_from_slice(output.as_slice());
        if input.pos() == bytes.len() && !full {
            return text;
        }
    }
}

/// Logs in, then gets small and large messages, in order, and resumes into a new stream.
async fn whole_session(compress: &str, unpack: fn() -> Unpack) {
    let rig = Rig::start().await;
    let mut client = Client::open(&rig, compress, unpack()).await;
    let identify =
        json!({"token": rig.token, "intents": INTENTS, "properties": {}, "compress": true});
    client.say(2, identify).await;
    let session = client.event("READY").await["d"]["session_id"].clone();
    client.event("GUILD_CREATE").await;

    let channel = rig.id("channel_id");
    // Lengths around the buffers of both sides, and text that does not compress well.
    let mut lengths: Vec<usize> = (0..40).map(|index| 1 + index * 49).collect();
    lengths.extend([2000, 1, 2000]);
    let mut seq = 0;
    for (index, length) in lengths.into_iter().enumerate() {
        let text: String = noise(index, length);
        rig.post(&channel, &text).await;
        let created = client.event("MESSAGE_CREATE").await;
        assert_eq!(created["d"]["content"], text);
        seq = created["s"].as_u64().unwrap();
    }
    client.say(1, json!(seq)).await;
    assert_eq!(client.frame().await["op"], 11);
    assert!(client.packed > 0, "something was compressed");

    rig.act("drop_gateway", json!({"how": "tcp"})).await;
    rig.post(&channel, "missed").await;
    let mut back = Client::open(&rig, compress, unpack()).await;
    let resume = json!({"token": rig.token, "session_id": session, "seq": seq});
    back.say(6, resume).await;
    let missed = back.frame().await;
    assert_eq!(
        (&missed["d"]["content"], missed["s"].as_u64()),
        (&json!("missed"), Some(seq + 1))
    );
    assert_eq!(back.frame().await["t"], "RESUMED");
}

/// Letters without much pattern, the same at every start.
fn noise(seed: usize, length: usize) -> String {
    let mut state = u32::try_from(seed).unwrap().wrapping_mul(2_654_435_761) | 1;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b'!' + u8::try_from(state % 90).unwrap())
    };
    // Written as code, so that no part of it is taken for a mention or trimmed.
    let inner: String = (0..length.saturating_sub(2)).map(|_| letter()).collect();
    format!("a{}b", inner.replace(['<', '@'], "x"))
}

#[tokio::test]
async fn zlib_stream() {
    whole_session("&compress=zlib-stream", || {
        Unpack::Zlib(Decompress::new(true))
    })
    .await;
}

#[tokio::test]
async fn zstd_stream() {
    whole_session("&compress=zstd-stream", || {
        Unpack::Zstd(Decoder::new().unwrap())
    })
    .await;
}

#[tokio::test]
async fn large_payloads_one_by_one() {
    whole_session("", || Unpack::Payloads).await;
}

#[tokio::test]
async fn a_guild_of_many_members_comes_in_one_message() {
    let rig = Rig::start().await;
    let people: Vec<Value> = (0..900)
        .map(|number| json!({"name": format!("person-{number}")}))
        .collect();
    rig.act("guild", json!({"people": people})).await;
    for (compress, unpack) in [
        ("&compress=zlib-stream", Unpack::Zlib(Decompress::new(true))),
        (
            "&compress=zstd-stream",
            Unpack::Zstd(Decoder::new().unwrap()),
        ),
    ] {
        let mut client = Client::open(&rig, compress, unpack).await;
        let identify = json!({"token": rig.token, "intents": INTENTS | 1 << 1, "properties": {}});
        client.say(2, identify).await;
        let guild = client.event("GUILD_CREATE").await;
        assert_eq!(guild["d"]["member_count"], 905);
        let ask = json!({"guild_id": rig.id("guild_id"), "query": "", "limit": 0});
        client.say(8, ask).await;
        let chunk = client.event("GUILD_MEMBERS_CHUNK").await;
        assert_eq!(chunk["d"]["members"].as_array().unwrap().len(), 905);
    }
}

#[tokio::test]
async fn an_unknown_compression_is_refused() {
    let rig = Rig::start().await;
    for query in ["compress=brotli", "encoding=etf", "v=10&encoding=xml"] {
        let mut bot = Bot::open(&format!("ws://{}/?{query}", rig.address)).await;
        assert_eq!(bot.close_code().await, 4002, "{query}");
    }
}
