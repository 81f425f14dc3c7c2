//! The ports of `[listen]`: free, ours, or somebody else's.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use shanty_certs::ca::lifetimes;
use shanty_certs::tls;
use shanty_certs::token::RootPin;

use super::{Check, Finding, Seen};

pub(super) const CHECKS: &[Check] = &[Check {
    name: "ports",
    look,
}];

/// Whoever listens on this machine answers sooner, also when it is busy.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Who has a port.
#[derive(Debug)]
enum Port {
    Free,
    Ours,
    Taken,
    /// It cannot be had, and why.
    Refused(std::io::Error),
}

fn look(seen: &Seen) -> Vec<Finding> {
    let listen = &seen.config.listen;
    let known = lifetimes(&seen.config.data_dir.join("ca")).unwrap_or_default();
    let pin = known.first().map(|root| root.pin);
    let ours = |address| pin.is_some_and(|pin| speaks_for(address, pin));
    let mut found = Vec::new();
    for (key, address) in [("agents", listen.agents), ("join", listen.join)] {
        found.extend(judged(key, address, &port(address, ours), seen.running));
    }
    found.extend(judged(
        "http",
        listen.http,
        &port(listen.http, is_healthy),
        seen.running,
    ));
    found
}

fn port(address: SocketAddr, ours: impl FnOnce(SocketAddr) -> bool) -> Port {
    match TcpListener::bind(address) {
        Ok(_) => Port::Free,
        Err(error) if error.kind() == ErrorKind::AddrInUse => match ours(reachable(address)) {
            true => Port::Ours,
            false => Port::Taken,
        },
        Err(error) => Port::Refused(error),
    }
}

fn judged(key: &str, address: SocketAddr, port: &Port, running: bool) -> Option<Finding> {
    if address.port() == 0 {
        return Some(Finding::good(format!("`{key}`: any free port")));
    }
    let number = address.port();
    Some(match port {
        Port::Free if running => Finding::warning(
            format!("`{key}`: the controller that runs does not listen on {address}"),
            "It was started with another configuration: restart it.",
        ),
        Port::Free => Finding::good(format!("`{key}`: {address} is free")),
        Port::Ours => Finding::good(format!("`{key}`: this controller listens on {address}")),
        Port::Taken => Finding::bad(
            format!("`{key}`: another program listens on {address}"),
            format!(
                "`ss -ltnp sport = :{number}` as root says which; stop it, or choose another port in [listen]."
            ),
        ),
        Port::Refused(error) if error.kind() == ErrorKind::PermissionDenied => Finding::bad(
            format!("`{key}`: this user may not listen on {address}"),
            "Ports below 1024 need CAP_NET_BIND_SERVICE; take one above.",
        ),
        Port::Refused(error) => Finding::bad(
            format!("`{key}`: {address} cannot be listened on: {error}"),
            format!("Is it an address of this machine? Change `{key}` in [listen]."),
        ),
    })
}

/// An address by which this machine reaches whoever listens on another.
const fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn dial(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, ANSWER_WITHIN).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    stream.set_write_timeout(Some(ANSWER_WITHIN)).ok()?;
    Some(stream)
}

/// Whoever listens there proves that it is a controller under the root with this pin.
fn speaks_for(address: SocketAddr, pin: RootPin) -> bool {
    let handshake = || {
        let mut stream = dial(address)?;
        let config = tls::join_client(pin).ok()?;
        let mut client = rustls::ClientConnection::new(config, tls::server_name()).ok()?;
        while client.is_handshaking() {
            client.complete_io(&mut stream).ok()?;
        }
        Some(())
    };
    handshake().is_some()
}

/// Whoever listens there answers as the health endpoint does.
fn is_healthy(address: SocketAddr) -> bool {
    let ask = || {
        let mut stream = dial(address)?;
        let request =
            format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.take(4_096).read_to_string(&mut answer).ok()?;
        answer.ends_with("\r\n\r\nok\n").then_some(())
    };
    ask().is_some()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_port_is_free_ours_or_taken() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        assert!(matches!(port(address, |_| true), Port::Ours));
        assert!(matches!(port(address, |_| false), Port::Taken));
        drop(held);
        assert!(matches!(port(address, |_| true), Port::Free));
        // TEST-NET-1 is no machine's.
        let nowhere = "192.0.2.1:7443".parse().unwrap();
        assert!(matches!(port(nowhere, |_| true), Port::Refused(_)));
    }

    #[test]
    fn what_is_told_has_the_key_the_address_and_what_to_do() {
        let address: SocketAddr = "0.0.0.0:7443".parse().unwrap();
        let told = |port, running| judged("agents", address, &port, running).unwrap();
        let denied = || Port::Refused(ErrorKind::PermissionDenied.into());
        for (found, state, word) in [
            (told(Port::Free, false), State::Good, "is free"),
            (told(Port::Free, true), State::Warning, "does not listen"),
            (told(Port::Ours, true), State::Good, "this controller"),
            (told(Port::Taken, false), State::Bad, "another program"),
            (told(denied(), false), State::Bad, "may not listen"),
        ] {
            assert_eq!(found.state, state, "{found:?}");
            assert!(
                found.measured.contains(word) && found.measured.contains("0.0.0.0:7443"),
                "{found:?}"
            );
            assert_eq!(found.mend.is_empty(), state == State::Good, "{found:?}");
        }
    }

    #[test]
    fn a_silent_or_foreign_listener_is_not_ours() {
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        let answers = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = held.accept().unwrap();
                stream.write_all(b"220 mail.example ESMTP\r\n").ok();
            }
        });
        assert!(!is_healthy(address));
        assert!(!speaks_for(address, RootPin::from_bytes([7; 32])));
        answers.join().unwrap();
    }
}
