//! The way to the controller, a step at a time: name, connection, who answers, and whether our identity is taken.

use std::error::Error;
use std::time::{Duration, Instant, SystemTime};

use shanty_certs::agent::AgentIdentity;
use shanty_certs::tls;
use shanty_core::causes::chain;
use shanty_core::limits;
use shanty_core::text::utc;
use shanty_proto::v1;
use shanty_proto::v1::agents_client::AgentsClient;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Code;
use tonic::metadata::MetadataMap;

use super::Point;
use crate::config::{Address, Config, ProxyVariables};
use crate::failure::{printable, words};
use crate::link::dial::{self, DialError, Verdict, Way};

/// A step that takes longer is given up.
const STEP: Duration = Duration::from_millis(limits::HANDSHAKE_MS_MAX);

/// Who is refused is cut off at once, and why may be lost on the way: so often it is asked.
const ASKED_MAX: usize = 3;

/// Whoever has something to say says it in this time.
const WORD: Duration = Duration::from_secs(2);

/// Clocks that differ by more than this are to be looked at: certificates count by them.
const SKEW_LOW: Duration = Duration::from_secs(60);

/// Steps that follow when one is broken are not looked at.
const STEPS: [&str; 4] = ["name", "connection", "controller", "link"];

pub(super) async fn look(
    identity: &AgentIdentity,
    config: &Config,
    proxies: &ProxyVariables,
) -> Vec<Point> {
    let proxy = match config.proxy.proxy_to(&config.link, proxies) {
        Ok(proxy) => proxy,
        Err(error) => return stopped(Vec::new(), Point::broken("name", error.to_string())),
    };
    let way = Way {
        address: config.link.clone(),
        proxy,
    };
    // The proxy looks up the name of what is behind it.
    let first = way
        .proxy
        .as_ref()
        .map_or(&way.address, |proxy| proxy.address());
    let mut points = Vec::new();
    match name(first).await {
        Ok(point) => points.push(point),
        Err(point) => return stopped(points, point),
    }
    match connection(&way).await {
        Ok(point) => points.push(point),
        Err(point) => return stopped(points, point),
    }
    let mut asked = 0;
    let found = loop {
        let dialed = match dialed(&way, identity).await {
            Ok(dialed) => dialed,
            Err(point) => return stopped(points, point),
        };
        asked += 1;
        match link(dialed, &way.address).await {
            Ok(found) => break found,
            Err(broken) if asked == ASKED_MAX => break vec![broken],
            Err(_) => {}
        }
    };
    points.push(Point::fine(
        "controller",
        format!("{} proved to be this installation's", way.address),
    ));
    points.extend(found);
    points
}

async fn dialed(way: &Way, identity: &AgentIdentity) -> Result<dial::Dialed, Point> {
    let config =
        tls::link_client(identity).map_err(|error| Point::broken("controller", chain(&error)))?;
    let error = match dial::dial(way, config).await {
        Ok(dialed) => return Ok(dialed),
        Err(error) => error,
    };
    let mut point = refused(&error);
    if let Some(answers) = what_answers(way).await {
        point.found = format!("{}. It is {answers}", point.found);
    }
    Err(point)
}

/// What listens where no controller does, as far as it says so itself: some begin, and others answer.
async fn what_answers(way: &Way) -> Option<String> {
    let tcp = tokio::time::timeout(STEP, dial::reach(way)).await;
    let mut tcp = tcp.ok()?.ok()?;
    let mut said = Vec::with_capacity(512);
    for ask in [&b""[..], b"GET / HTTP/1.0\r\n\r\n"] {
        tcp.write_all(ask).await.ok()?;
        let read = tokio::time::timeout(WORD, tcp.read_buf(&mut said));
        match read.await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(_)) => return program(&said),
            Err(_) => {}
        }
    }
    None
}

/// What a program is that begins, or answers, like this. A controller says nothing of the kind.
fn program(said: &[u8]) -> Option<String> {
    // An alert, or a handshake: whoever speaks TLS.
    if said.first().is_none_or(|byte| matches!(byte, 0x14..=0x17)) {
        return None;
    }
    let line = said.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.iter().take(80).copied().collect::<Vec<_>>();
    let line = printable(String::from_utf8_lossy(&line).trim());
    Some(match &line {
        line if line.starts_with("SSH-") => format!("an SSH server ({line})"),
        line if line.starts_with("HTTP/") => format!("a web server without TLS ({line})"),
        line => format!("a program that says `{line}`"),
    })
}

fn other_port(address: &Address) -> String {
    format!(
        "write the controller's link port, 7443 unless something else is configured, as `link` in agent.toml: now it is {address}"
    )
}

/// What was looked at, what is broken, and that the rest was not.
fn stopped(mut points: Vec<Point>, broken: Point) -> Vec<Point> {
    let because = format!("`{}` is broken", broken.name);
    let at = STEPS.iter().position(|step| *step == broken.name);
    points.push(broken);
    let rest = STEPS.iter().skip(at.map_or(0, |at| at.saturating_add(1)));
    points.extend(rest.map(|step| Point::skipped(step, &because)));
    points
}

async fn name(address: &Address) -> Result<Point, Point> {
    let looked_up = tokio::net::lookup_host(address.to_string());
    let found = match tokio::time::timeout(STEP, looked_up).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            let broken = Point::broken(
                "name",
                format!("{} cannot be looked up: {error}", address.host()),
            );
            return Err(broken.mend("see /etc/resolv.conf, or put the name into /etc/hosts"));
        }
        Err(_) => {
            let broken = Point::broken("name", format!("nobody says what {} is", address.host()));
            return Err(broken.mend("see /etc/resolv.conf: its servers do not answer"));
        }
    };
    let mut ips: Vec<String> = found.map(|found| found.ip().to_string()).collect();
    ips.sort();
    ips.dedup();
    Ok(Point::fine(
        "name",
        format!("{} is {}", address.host(), ips.join(", ")),
    ))
}

async fn connection(way: &Way) -> Result<Point, Point> {
    let begun = Instant::now();
    match tokio::time::timeout(STEP, dial::reach(way)).await {
        Ok(Ok(_)) => Ok(Point::fine(
            "connection",
            format!("{way} answers in {}", ms(begun)),
        )),
        Ok(Err(error)) => Err(Point::broken("connection", said(&error)).mend(cure(way))),
        Err(_) => {
            Err(Point::broken("connection", format!("{way} does not answer")).mend(cure(way)))
        }
    }
}

fn cure(way: &Way) -> String {
    match &way.proxy {
        None => format!(
            "see that the controller runs, that a firewall lets {} through, or name a proxy in agent.toml",
            way.address
        ),
        Some(proxy) => format!(
            "see that {proxy} allows CONNECT to {}, or change `proxy` in agent.toml",
            way.address
        ),
    }
}

fn refused(error: &DialError) -> Point {
    let point = Point::broken("controller", said(error));
    match error {
        DialError::Refused { .. } => point.mend("nothing was sent there; ask who runs the network, or join the installation that is meant"),
        DialError::Clock { .. } => point,
        DialError::NoTls(way) | DialError::LinkPort(way) => point.mend(other_port(&way.address)),
        DialError::Connect { .. }
        | DialError::Tunnel { .. }
        | DialError::Silent(_)
        | DialError::Tls { .. }
        | DialError::Http { .. } => point.mend("see the controller's log at this time"),
    }
}

/// Asks for what nobody has: an answer shows that our certificate is taken, and tells the controller's time.
///
/// # Errors
/// The connection broke off without a word.
async fn link(dialed: dial::Dialed, address: &Address) -> Result<Vec<Point>, Point> {
    let verdict = dialed.verdict.clone();
    let mut client = AgentsClient::new(dialed.channel);
    let (begun, before) = (Instant::now(), SystemTime::now());
    let asked = client.fetch_input(v1::FetchInputRequest::default());
    let Ok(answer) = tokio::time::timeout(STEP, asked).await else {
        let broken = Point::broken("link", "the controller does not answer");
        return Ok(vec![broken.mend("see its log at this time")]);
    };
    if verdict.said() == Some(Verdict::Revoked) {
        let broken = Point::broken("link", "the controller revoked this host's identity");
        return Ok(vec![broken.mend(
            "join again with a new token, after `shanty hosts free NAME` for the same name",
        )]);
    }
    let headers = match answer {
        Ok(response) => response.metadata().clone(),
        Err(status) if status.code() == Code::InvalidArgument => status.metadata().clone(),
        // Both ports are this controller's: the other one has no links.
        Err(status) if status.code() == Code::Unimplemented => {
            let found = format!("{address} is the controller's join port, and not its link port");
            return Ok(vec![Point::broken("link", found).mend(other_port(address))]);
        }
        Err(status) => {
            let broken = Point::broken("link", words(&status));
            return Err(broken.mend("see the controller's log at this time"));
        }
    };
    let taken = Point::fine(
        "link",
        format!("this identity is taken, answered in {}", ms(begun)),
    );
    let mut points = vec![taken];
    points.extend(clock(&headers, before));
    Ok(points)
}

/// How far the clocks are apart, by the second; nothing when the controller does not tell its time.
fn clock(answer: &MetadataMap, here: SystemTime) -> Option<Point> {
    let told = answer.get("date")?.to_str().ok()?;
    let there = httpdate::parse_http_date(told).ok()?;
    Some(skew(here, there))
}

fn skew(here: SystemTime, there: SystemTime) -> Point {
    let apart = match here.duration_since(there) {
        Ok(ahead) => ahead,
        Err(behind) => behind.duration(),
    };
    if apart < SKEW_LOW {
        return Point::fine("clock", "as the controller's");
    }
    let shown = |time: SystemTime| {
        let ms = time.duration_since(SystemTime::UNIX_EPOCH);
        utc(ms.map_or(0, |ms| u64::try_from(ms.as_millis()).unwrap_or(u64::MAX)))
    };
    let found = format!(
        "this host says {} UTC, the controller {} UTC",
        shown(here),
        shown(there)
    );
    Point::warning("clock", found)
        .mend("set the clock that is wrong, such as with timedatectl set-ntp true")
}

fn ms(begun: Instant) -> String {
    format!("{} ms", begun.elapsed().as_millis())
}

/// Errors may repeat what the other side said.
fn said(error: &dyn Error) -> String {
    printable(&chain(error))
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    #[test]
    fn what_follows_a_broken_step_is_not_looked_at() {
        let points = stopped(
            vec![Point::fine("name", "")],
            Point::broken("connection", "refused"),
        );
        let seen: Vec<_> = points
            .iter()
            .map(|point| (point.name, point.health))
            .collect();
        assert_eq!(
            seen,
            [
                ("name", Health::Fine),
                ("connection", Health::Broken),
                ("controller", Health::Skipped),
                ("link", Health::Skipped),
            ]
        );
        assert_eq!(
            points[3].found,
            "not looked at, since `connection` is broken"
        );
    }

    #[test]
    fn a_program_is_told_by_what_it_says() {
        for (said, told) in [
            (
                &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
                Some("an SSH server (SSH-2.0-OpenSSH_9.6)"),
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\nServer: x",
                Some("a web server without TLS (HTTP/1.1 400 Bad Request)"),
            ),
            (
                b"220 mail \x1b[2J ESMTP",
                Some("a program that says `220 mail  [2J ESMTP`"),
            ),
            (b"\x15\x03\x03\0\x02", None),
            (b"", None),
        ] {
            assert_eq!(program(said).as_deref(), told);
        }
    }

    #[test]
    fn clocks_that_differ_are_told_as_people_read_them() {
        let at = |secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs);
        assert_eq!(skew(at(100), at(141)).health, Health::Fine);
        let day = skew(at(1_796_033_640), at(1_796_120_040));
        assert_eq!(day.health, Health::Warning);
        assert_eq!(
            day.found,
            "this host says 2026-11-30 10:14 UTC, the controller 2026-12-01 10:14 UTC"
        );
        let mut answer = MetadataMap::new();
        assert_eq!(clock(&answer, at(0)), None);
        answer.insert("date", "Mon, 30 Nov 2026 10:14:00 GMT".parse().unwrap());
        assert_eq!(
            clock(&answer, at(1_796_033_640)).unwrap().health,
            Health::Fine
        );
        answer.insert("date", "yesterday".parse().unwrap());
        assert_eq!(clock(&answer, at(0)), None);
    }
}
