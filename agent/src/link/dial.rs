//! One connection to a controller: TCP, through a proxy where there is one, TLS, then HTTP/2 over exactly that stream.
//!
//! The handshake is done here and not inside tonic, so that its errors stay what they are and nothing is sent before it is over.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, ClientConfig};
use shanty_certs::late::Binding;
use shanty_certs::tls::{self, ServerRefused};
use shanty_core::limits;
use shanty_core::text::utc;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::tunnel::{self, TunnelError};
use crate::config::{Address, Proxy};

/// HTTP/2 pings of ours, beside the pings of the link: they also cover a link on which the controller is stuck.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Headers that the controller may send, bytes.
const HEADERS_BYTES_MAX: u32 = 16 * 1024;

/// What is dialled, and through what.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) address: Address,
    pub(crate) proxy: Option<Proxy>,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proxy {
            None => fmt::Display::fmt(&self.address, f),
            Some(proxy) => write!(f, "{} through the proxy {proxy}", self.address),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(crate) enum DialError {
    /// No TCP connection: unknown name, refused, unreachable.
    #[error("cannot connect to {way}")]
    Connect {
        /// What was dialled.
        way: Way,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The proxy is no way there.
    #[error("cannot connect to {way}")]
    Tunnel {
        /// What was dialled.
        way: Way,
        /// What the proxy did.
        #[source]
        source: TunnelError,
    },
    /// Nobody answered in time.
    #[error("{0} does not answer")]
    Silent(Way),
    /// Our side refused the server.
    #[error("will not talk to {way}")]
    Refused {
        /// What was dialled.
        way: Way,
        /// Why.
        #[source]
        refused: Box<ServerRefused>,
    },
    /// A certificate does not count at the time that this host's clock shows.
    #[error("the certificate of {way} {said}")]
    Clock {
        /// What was dialled.
        way: Way,
        /// What does not fit, and what to do.
        said: String,
    },
    /// Only those are let in who have joined.
    #[error(
        "{0} is the link port, which lets in hosts that have joined: join at the join port, 7444 unless something else is configured"
    )]
    LinkPort(Way),
    /// Another program listens there.
    #[error("{0} answers, and does not speak TLS: another program listens there")]
    NoTls(Way),
    /// The handshake failed otherwise.
    #[error("the TLS handshake with {way} failed")]
    Tls {
        /// What was dialled.
        way: Way,
        /// What rustls said.
        #[source]
        source: io::Error,
    },
    /// No HTTP/2 on the connection.
    #[error("{way} does not speak HTTP/2")]
    Http {
        /// What was dialled.
        way: Way,
        /// What tonic said.
        #[source]
        source: tonic::transport::Error,
    },
}

/// A connection that is ready for calls.
pub(crate) struct Dialed {
    pub(crate) channel: Channel,
    /// What only the two ends of it know.
    pub(crate) binding: Option<Binding>,
    /// Tells later why the controller ended the connection, when that is for our certificate.
    pub(crate) verdict: Verdicts,
}

/// What is wrong with our certificate, in the controller's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Our identity is void.
    Revoked,
    /// It ran out.
    Expired,
    /// There should be one, and we showed none.
    Required,
}

/// Where a verdict comes, should there be one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdicts(Arc<AtomicU8>);

impl Verdicts {
    /// What the controller said by now.
    pub(crate) fn said(&self) -> Option<Verdict> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Verdict::Revoked),
            2 => Some(Verdict::Expired),
            _ => Some(Verdict::Required),
        }
    }

    fn hear(&self, error: &io::Error) {
        if tls::says_revoked(error) {
            self.0.store(1, Ordering::Release);
        } else if tls::says_expired(error) {
            self.0.store(2, Ordering::Release);
        } else if tls::says_certificate_required(error) {
            self.0.store(3, Ordering::Release);
        }
    }
}

/// Connects within [`limits::HANDSHAKE_MS_MAX`].
pub(crate) async fn dial(way: &Way, config: Arc<ClientConfig>) -> Result<Dialed, DialError> {
    let limit = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
    tokio::time::timeout(limit, connect(way, config))
        .await
        .unwrap_or_else(|_| Err(DialError::Silent(way.clone())))
}

async fn connect(way: &Way, config: Arc<ClientConfig>) -> Result<Dialed, DialError> {
    let verdict = Verdicts::default();
    let io = ControllerIo {
        io: handshake(way, config).await?,
        verdict: verdict.clone(),
    };
    let binding = Binding::of(io.io.get_ref().1);
    let failed = |source| DialError::Http {
        way: way.clone(),
        source,
    };
    // The controller sees as authority what was dialled.
    let channel = Endpoint::from_shared(format!("http://{}", way.address))
        .and_then(|endpoint| {
            endpoint.user_agent(format!("shanty-agent/{}", crate::version::here()))
        })
        .map_err(failed)?
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(HEADERS_BYTES_MAX)
        .connect_with_connector(once(io))
        .await
        .map_err(|source| match verdict.said() {
            Some(Verdict::Required) => DialError::LinkPort(way.clone()),
            Some(Verdict::Revoked | Verdict::Expired) | None => failed(source),
        })?;
    Ok(Dialed {
        channel,
        binding,
        verdict,
    })
}

/// The stream under HTTP/2. With TLS 1.3 the controller's opinion of our certificate arrives with the first read, and h2 turns
/// the error into text, so it is caught here.
struct ControllerIo {
    io: TlsStream<TcpStream>,
    verdict: Verdicts,
}

impl AsyncRead for ControllerIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read {
            self.verdict.hear(error);
        }
        read
    }
}

impl AsyncWrite for ControllerIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

async fn handshake(
    way: &Way,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, DialError> {
    let tcp = reach(way).await?;
    let secured = TlsConnector::from(config).connect(tls::server_name(), tcp);
    secured.await.map_err(|source| {
        let way = way.clone();
        match tls::server_refused(&source).cloned() {
            Some(refused) => DialError::Refused {
                way,
                refused: Box::new(refused),
            },
            None => match clock(&source) {
                Some(said) => DialError::Clock { way, said },
                None if tls::is_no_tls(&source) => DialError::NoTls(way),
                None => DialError::Tls { way, source },
            },
        }
    })
}

/// A connection to whoever listens there, which is not known before the handshake.
pub(crate) async fn reach(way: &Way) -> Result<TcpStream, DialError> {
    let failed = |source| DialError::Connect {
        way: way.clone(),
        source,
    };
    let tcp = match &way.proxy {
        None => TcpStream::connect(way.address.to_string())
            .await
            .map_err(failed)?,
        Some(proxy) => {
            let tunnel = tunnel::connect(proxy, &way.address).await;
            tunnel.map_err(|source| DialError::Tunnel {
                way: way.clone(),
                source,
            })?
        }
    };
    tcp.set_nodelay(true).map_err(failed)?;
    Ok(tcp)
}

/// What is wrong with a clock, when that is all that is wrong with a certificate.
fn clock(error: &io::Error) -> Option<String> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    let rustls::Error::InvalidCertificate(why) = error else {
        return None;
    };
    let utc = |time: &UnixTime| utc(time.as_secs().saturating_mul(1_000));
    let (now, said) = match why {
        CertificateError::NotValidYetContext { time, not_before } => {
            (time, format!("is valid from {} UTC on", utc(not_before)))
        }
        CertificateError::ExpiredContext { time, not_after } => {
            (time, format!("was valid until {} UTC", utc(not_after)))
        }
        _ => return None,
    };
    let now = utc(now);
    Some(format!(
        "{said}, and this host's clock shows {now} UTC: set the clock that is wrong, here or on the controller's machine"
    ))
}

/// Hands out one stream, once: tonic must not dial again behind our back.
fn once(
    stream: ControllerIo,
) -> impl tower::Service<
    Uri,
    Response = TokioIo<ControllerIo>,
    Error = io::Error,
    Future = std::future::Ready<io::Result<TokioIo<ControllerIo>>>,
> + Send
+ 'static {
    let mut stream = Some(stream);
    tower::service_fn(move |_: Uri| {
        let stream = stream.take().map(TokioIo::new);
        std::future::ready(stream.ok_or_else(|| io::Error::other("the connection is over")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_is_told_as_people_read_clocks() {
        let at = |minutes: u64| UnixTime::since_unix_epoch(Duration::from_secs(minutes * 60));
        let said = |why| {
            let error = rustls::Error::InvalidCertificate(why);
            clock(&io::Error::new(io::ErrorKind::InvalidData, error))
        };
        let young = said(CertificateError::NotValidYetContext {
            time: at(1),
            not_before: at(29_933_894),
        });
        assert_eq!(
            young.unwrap(),
            "is valid from 2026-11-30 10:14 UTC on, and this host's clock shows 1970-01-01 00:01 UTC: \
             set the clock that is wrong, here or on the controller's machine"
        );
        let old = said(CertificateError::ExpiredContext {
            time: at(29_933_894),
            not_after: at(1),
        });
        let expected = "was valid until 1970-01-01 00:01 UTC, and this host's clock shows 2026-";
        assert!(old.unwrap().starts_with(expected));
        assert_eq!(said(CertificateError::Revoked), None);
        assert_eq!(clock(&io::ErrorKind::UnexpectedEof.into()), None);
    }
}
