//! Gets files of a release from the controller's join port, through the same proxy as everything else, and only from the controller whose
//! root this host knows.

use std::future::poll_fn;
use std::io::Write;
use std::pin::Pin;
use std::time::Duration;

use shanty_certs::tls;
use shanty_certs::token::RootPin;
use shanty_core::causes::chain;
use tonic::codegen::http::{Request, Response, StatusCode, header::RETRY_AFTER};
use tonic::codegen::{Body as _, Service as _};
use tonic::transport::Channel;

use crate::failure::printable;
use crate::link::dial::{self, Way};

/// A controller that is busy is asked again, so long together.
const BUSY: Duration = Duration::from_secs(10 * 60);

/// What a wait may be, whatever is asked for.
const WAIT: (u64, u64) = (1, 30);

/// Without a byte for this long it is given up.
const SILENT: Duration = Duration::from_secs(30);

/// Connections that are made before a controller that cannot be reached is given up.
const DIALS: u32 = 3;

/// The controller's join port.
pub(crate) struct Source {
    pub(crate) way: Way,
    pub(crate) pin: RootPin,
}

impl Source {
    /// Gets a file of so many bytes at most, piece by piece. `say` is told why it takes long. How many bytes came.
    ///
    /// # Errors
    /// A sentence for people.
    pub(crate) async fn get(
        &self,
        name: &str,
        bytes_max: u64,
        to: &mut (dyn Write + Send),
        say: &mut (dyn FnMut(&str) + Send),
    ) -> Result<u64, String> {
        let mut waited = Duration::ZERO;
        let mut channel = self.connect(say).await?;
        loop {
            let answer = self.ask(&mut channel, name).await?;
            match answer.status() {
                StatusCode::OK => return self.read(answer, name, bytes_max, to).await,
                StatusCode::SERVICE_UNAVAILABLE if waited < BUSY => {
                    let wait = retry_after(&answer);
                    if waited.is_zero() {
                        say(&format!(
                            "{} is busy with other downloads; waiting for a turn.",
                            self.way
                        ));
                    }
                    waited += wait;
                    tokio::time::sleep(wait).await;
                    channel = self.connect(say).await?;
                }
                StatusCode::SERVICE_UNAVAILABLE => {
                    return Err(format!(
                        "{} was busy for ten minutes; try again later",
                        self.way
                    ));
                }
                StatusCode::NOT_FOUND => {
                    return Err(format!(
                        "the controller offers no {name}; its log, and `shanty check` there, say what it hands out"
                    ));
                }
                other => {
                    return Err(format!(
                        "{} answered {} to {name}; its log says why",
                        self.way,
                        other.as_u16()
                    ));
                }
            }
        }
    }

    async fn connect(&self, say: &mut (dyn FnMut(&str) + Send)) -> Result<Channel, String> {
        let mut dials = 1;
        loop {
            let config = tls::join_client(self.pin).map_err(|error| chain(&error))?;
            match dial::dial(&self.way, config).await {
                Ok(dialed) => return Ok(dialed.channel),
                Err(error) => {
                    let why = printable(&chain(&error));
                    if dials == DIALS {
                        return Err(why);
                    }
                    say(&format!("{why}; trying again."));
                }
            }
            tokio::time::sleep(Duration::from_secs(u64::from(dials) * 2)).await;
            dials += 1;
        }
    }

    async fn ask(
        &self,
        channel: &mut Channel,
        name: &str,
    ) -> Result<Response<tonic::body::Body>, String> {
        let broken =
            |why: &dyn std::error::Error| format!("{}: {}", self.way, printable(&chain(why)));
        let request = Request::get(format!("/a/{name}")).body(tonic::body::Body::empty());
        let request = request.map_err(|error| broken(&error))?;
        let asked = async {
            poll_fn(|cx| channel.poll_ready(cx)).await?;
            channel.call(request).await
        };
        let answer = tokio::time::timeout(SILENT, asked).await;
        let answer = answer.map_err(|_| format!("{} does not answer", self.way))?;
        answer.map_err(|error| broken(&error))
    }

    async fn read(
        &self,
        answer: Response<tonic::body::Body>,
        name: &str,
        bytes_max: u64,
        to: &mut (dyn Write + Send),
    ) -> Result<u64, String> {
        let mut body = answer.into_body();
        let mut came = 0_u64;
        loop {
            let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx));
            let frame = tokio::time::timeout(SILENT, frame).await;
            let frame =
                frame.map_err(|_| format!("{} stopped in the middle of {name}", self.way))?;
            let Some(frame) = frame else {
                return Ok(came);
            };
            let frame = frame.map_err(|status| {
                format!(
                    "{} broke off in the middle of {name}: {}",
                    self.way,
                    printable(status.message())
                )
            })?;
            let Ok(part) = frame.into_data() else {
                continue;
            };
            came = came.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            if came > bytes_max {
                return Err(format!("{name} is longer than it may be"));
            }
            to.write_all(&part)
                .map_err(|error| format!("{name} cannot be kept here: {error}"))?;
        }
    }
}

fn retry_after(answer: &Response<tonic::body::Body>) -> Duration {
    let said = answer.headers().get(RETRY_AFTER);
    let seconds = said.and_then(|said| said.to_str().ok()?.parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or(3).clamp(WAIT.0, WAIT.1))
}
