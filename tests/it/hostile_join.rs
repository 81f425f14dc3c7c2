//! What strangers can do to the join port: nothing that keeps a host from joining, or from fetching its agent.

use std::path::Path;

use shanty_certs::token::{JoinToken, RootPin};
use shanty_tests::process;
use shanty_tests::site;
use shanty_tests::{Options, World, peer, wait};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::programs;

/// More than any buffer on the way takes.
const BYTES: u64 = 48 * 1024 * 1024;
const NAME: &str = "shanty-agent-large.tar.gz";

/// Hands out one file that is large.
fn hand_out_large(world: &World) {
    let agents = world.artifacts();
    std::fs::create_dir_all(&agents).unwrap();
    let file = std::fs::File::create(agents.join(NAME)).unwrap();
    file.set_len(BYTES).unwrap();
    // Whoever fetches it here looks at its length only.
    let sha256 = "0".repeat(64);
    let file = serde_json::json!({"name": NAME, "arch": "x86_64", "kind": "tar", "glibc": "2.17", "size": BYTES, "sha256": sha256});
    let manifest = serde_json::json!({"version": env!("CARGO_PKG_VERSION"), "files": [file]});
    std::fs::write(agents.join("manifest.json"), manifest.to_string()).unwrap();
}

async fn pin(world: &World) -> RootPin {
    let token: JoinToken = world.token(&[]).await.parse().unwrap();
    token.pin()
}

/// Fetches the file as an installer does; its exit code and what it says when that fails.
async fn fetch(world: &World, out: &Path) -> Result<(), String> {
    let url = format!("https://{}/a/{NAME}", world.join_address());
    let out = out.display().to_string();
    let args = ["-fsSk", "-o", &out, &url];
    let ran = process::run(&mut process::call(&site::found("curl").unwrap(), &args)).await;
    match ran.code {
        0 => Ok(()),
        _ => Err(ran.err),
    }
}

#[tokio::test]
async fn downloads_that_nobody_reads_keep_nobody_out() {
    if !site::can_be_tried() {
        return;
    }
    let world = World::start(&programs(), Options::default()).await;
    hand_out_large(&world);
    let get = format!("GET /a/{NAME} HTTP/1.1\r\nhost: x\r\n\r\n");
    let (address, pin) = (world.join_address(), pin(&world).await);
    let crowd = peer::crowd(&address, pin, &peer::STRANGERS, 16, &get).await;
    let mut crowd = crowd.unwrap();
    // All of them have a place, and none is left.
    for stream in &mut crowd {
        assert_eq!(stream.read_u8().await.unwrap(), b'H');
    }
    let out = world.dir.path().join("got");
    wait::until("a download", || fetch(&world, &out)).await;
    assert_eq!(std::fs::metadata(&out).unwrap().len(), BYTES);
    // One of them had to go for that, though it reads nothing that would tell it so.
    let gone = async |crowd: &mut Vec<TlsStream<TcpStream>>| {
        for stream in crowd {
            if stream.write_all(b"x").await.is_err() || stream.flush().await.is_err() {
                return true;
            }
        }
        false
    };
    let deadline = tokio::time::Instant::now() + wait::BOUND;
    while !gone(&mut crowd).await {
        assert!(tokio::time::Instant::now() < deadline, "all are there");
    }
    world.end().await;
}

#[tokio::test]
async fn connections_of_strangers_keep_no_host_from_joining() {
    let mut world = World::start(&programs(), Options::default()).await;
    let (address, pin) = (world.join_address(), pin(&world).await);
    let begun = "GET /i HTTP/1.1\r\n";
    let crowd = peer::crowd(&address, pin, &peer::STRANGERS, 64, begun).await;
    let crowd = crowd.unwrap();
    world.add_host("web-01", "role=web").await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo here"])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "here\n"), "{}", ran.err);
    drop(crowd);
    world.end().await;
}
