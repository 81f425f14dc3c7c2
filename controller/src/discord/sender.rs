//! Makes calls of Discord's REST interface: one attempt each, over one pool of connections, when the limiter allows it.
//!
//! It never repeats a call: whoever made it knows what an unknown outcome means (see [`SendError::outcome`]). It does not know what a
//! call says. A permit is taken first and the call given afterwards, so that what is written can be the newest state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, LengthLimitError, Limited as LimitedBody};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use shanty_core::outbox::Urgency;
use thiserror::Error;
use tokio::time::Instant;

use super::answers::Answer;
use super::call::{Body, Call, Route};
use super::error::ANSWER_BYTES_MAX;
use super::secret::Secret;
use super::upload::{Piece, Upload};
use crate::config::api::Api;
use limiter::{Grant, Stop, Use};
use queue::Ticket;
use turns::{Found, Turns};

pub use super::error::{Outcome, SendError};
pub use fetch::FetchError;

mod fetch;
pub mod limiter;
mod queue;
mod turns;

/// Longest text of Discord's that an error repeats, characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// Dialling takes no longer than this; the rest of a call's time is for the answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Discord's edge closes idle connections after some minutes; ours go first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Discord requires `DiscordBot (URL, VERSION)`; there is no address to give yet.
const AGENT: &str = concat!(
    "DiscordBot (https://shanty.invalid, ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// Why a sender cannot be made.
#[derive(Debug, Error)]
pub enum SenderError {
    /// The token holds a character that no token has, such as a line break.
    #[error("the bot's token holds characters that cannot be sent")]
    Token,
    /// TLS could not be set up.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
}

/// The one way to Discord's REST interface. Clones share connections and limits.
#[derive(Clone, Debug)]
pub struct Sender {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    api: Api,
    authorization: Mutex<HeaderValue>,
    client: Client<HttpsConnector<HttpConnector>, Upload>,
    turns: Mutex<Turns>,
    started: Instant,
}

/// The right to make one call on a route. Dropping it unused gives it back.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    route: Route,
    grant: Option<Grant>,
    used: Use,
}

impl Permit {
    /// Whether it is for calls on this route.
    #[must_use]
    pub fn is_for(&self, route: &Route) -> bool {
        self.route == *route
    }
}

impl Sender {
    /// A sender for one bot.
    ///
    /// # Errors
    /// When the token cannot be a header, or TLS cannot be set up.
    pub fn new(api: Api, token: &Secret) -> Result<Self, SenderError> {
        let authorization = Mutex::new(authorization(token)?);
        let client = client(&api)?;
        Ok(Self {
            shared: Arc::new(Shared {
                api,
                authorization,
                client,
                turns: Mutex::default(),
                started: Instant::now(),
            }),
        })
    }

    /// Goes on with another token: what was refused because of the old one is tried again.
    ///
    /// # Errors
    /// When the token cannot be a header.
    pub fn renew(&self, token: &Secret) -> Result<(), SenderError> {
        let new = authorization(token)?;
        let old = self.shared.authorization.lock();
        *old.unwrap_or_else(PoisonError::into_inner) = new;
        self.shared.lock().renewed();
        Ok(())
    }

    /// Where Discord is.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.shared.api
    }

    /// Waits until a call on this route may go, in turn. At once for callbacks, and when [`Sender::send`] would refuse it.
    ///
    /// Cancel-safe: whoever is dropped gives its place, or its turn, to the next.
    pub async fn permit(&self, route: &Route, urgency: Urgency) -> Permit {
        let joined = {
            let now_ms = self.shared.now_ms();
            self.shared.lock().join(*route, urgency, now_ms)
        };
        let (ticket, wake) = match joined {
            Ok(place) => place,
            Err(grant) => return self.shared.permit(*route, grant),
        };
        let place = InLine {
            shared: &self.shared,
            ticket,
        };
        loop {
            let found = {
                let now_ms = self.shared.now_ms();
                self.shared.lock().look(&place.ticket, now_ms)
            };
            let until_ms = match found {
                Found::Granted(grant) => return self.shared.permit(*route, grant),
                Found::Waits(until_ms) => until_ms,
            };
            let due = async {
                match until_ms {
                    Some(ms) => tokio::time::sleep_until(self.shared.at(ms)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                // What was said before anybody listened is kept.
                () = wake.notified() => {}
            }
        }
    }

    /// Makes a call, once.
    ///
    /// # Errors
    /// Everything but a status of 2xx; see [`SendError`].
    pub async fn send(&self, mut permit: Permit, call: &Call) -> Result<Answer, SendError> {
        debug_assert_eq!(&permit.route, call.route(), "a permit is for its route");
        match self
            .shared
            .lock()
            .stopped(&permit.route, self.shared.now_ms())
        {
            Some(Stop::Unauthorized) => return Err(SendError::Unauthorized),
            Some(Stop::TooManyRefused(retry_after_ms)) => {
                return Err(SendError::RateLimited {
                    retry_after_ms,
                    global: true,
                });
            }
            None => {}
        }
        let request = self.shared.request(call)?;
        permit.used = Use::Unanswered;
        let answer = tokio::time::timeout(call.timeout(), self.shared.exchange(request))
            .await
            .map_err(|_| SendError::Timeout(call.timeout()))??;
        permit.settle(&answer)?;
        Ok(answer)
    }

    /// Waits for a permit and makes the call, once. Somebody waits for it.
    ///
    /// # Errors
    /// As [`Sender::send`].
    pub async fn call(&self, call: &Call) -> Result<Answer, SendError> {
        let permit = self.permit(call.route(), Urgency::Now).await;
        self.send(permit, call).await
    }
}

impl Shared {
    fn permit(self: &Arc<Self>, route: Route, grant: Grant) -> Permit {
        Permit {
            shared: Arc::clone(self),
            route,
            grant: Some(grant),
            used: Use::Unused,
        }
    }

    fn request(&self, call: &Call) -> Result<Request<Upload>, SendError> {
        let mut request = Request::builder()
            .method(call.method())
            .uri(self.api.url(call.path()))
            .header(USER_AGENT, AGENT);
        if call.is_authorised_by_bot() {
            let authorization = self.authorization.lock();
            let authorization = authorization
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            request = request.header(AUTHORIZATION, authorization);
        }
        let (request, pieces) = match call.body() {
            Body::None => (request, Vec::new()),
            Body::Json(json) => (
                request.header(CONTENT_TYPE, "application/json"),
                vec![Piece::Bytes(json.clone())],
            ),
            Body::Form {
                content_type,
                pieces,
            } => (
                request.header(CONTENT_TYPE, content_type.as_str()),
                pieces.clone(),
            ),
        };
        let body = Upload::new(pieces);
        request.body(body).map_err(SendError::Malformed)
    }

    /// One request and its whole answer. A pooled connection that was closed before anything was written to it is replaced by
    /// hyper; the call is on the wire at most once.
    async fn exchange(&self, request: Request<Upload>) -> Result<Answer, SendError> {
        let response = self.client.request(request).await.map_err(|error| {
            if error.is_connect() {
                SendError::Unreached(error)
            } else {
                SendError::Connection(Box::new(error))
            }
        })?;
        let (head, body) = response.into_parts();
        let body = LimitedBody::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    SendError::TooLong
                } else {
                    SendError::Connection(error)
                }
            })?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Turns> {
        // Nothing that holds the lock can leave the turns half changed.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn at(&self, ms: u64) -> Instant {
        self.started + Duration::from_millis(ms)
    }
}

impl Permit {
    /// Tells the limiter about an answer and gives the permit back.
    fn settle(mut self, answer: &Answer) -> Result<(), SendError> {
        let limited = {
            let (now_ms, grant) = (self.shared.now_ms(), self.grant.take());
            let mut turns = self.shared.lock();
            turns.answered(&self.route, answer, grant, now_ms)
        };
        if answer.status.is_success() {
            return Ok(());
        }
        if let Some(limited) = limited {
            tracing::warn!(
                route = self.route.template(),
                retry_after_ms = limited.retry_after_ms,
                global = limited.global,
                "Discord limited a call."
            );
            return Err(SendError::RateLimited {
                retry_after_ms: limited.retry_after_ms,
                global: limited.global,
            });
        }
        if answer.status == StatusCode::UNAUTHORIZED
            && self.route.class() == super::call::Class::Bot
        {
            tracing::error!("Discord refused the bot's token; nothing more is sent with it.");
            return Err(SendError::Unauthorized);
        }
        Err(refusal(answer))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(grant) = self.grant.take() {
            let now_ms = self.shared.now_ms();
            self.shared.lock().release(grant, self.used, now_ms);
        }
    }
}

/// A place in line, which is given up when nobody waits there any more.
struct InLine<'s> {
    shared: &'s Shared,
    ticket: Ticket,
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let now_ms = self.shared.now_ms();
        self.shared.lock().leave(&self.ticket, now_ms);
    }
}

/// Discord's code and words of a refusal. Its `errors` tree is left out: it repeats what we sent.
fn refusal(answer: &Answer) -> SendError {
    #[derive(Default, Deserialize)]
    struct Refusal {
        #[serde(default)]
        code: u64,
        #[serde(default)]
        message: String,
    }
    let told: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    SendError::Discord {
        status: answer.status.as_u16(),
        code: told.code,
        message: told
            .message
            .chars()
            .take(MESSAGE_CHARS_MAX)
            .map(printable)
            .collect(),
    }
}

fn authorization(token: &Secret) -> Result<HeaderValue, SenderError> {
    let bare = token.expose().trim_start_matches("Bot ");
    let header = HeaderValue::from_str(&format!("Bot {bare}"));
    let mut header = header.map_err(|_| SenderError::Token)?;
    header.set_sensitive(true);
    Ok(header)
}

fn client(api: &Api) -> Result<Client<HttpsConnector<HttpConnector>, Upload>, SenderError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    // Given explicitly, so that this does not depend on which provider the process chose.
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .map_err(SenderError::Tls)?;
    let schemes = if api.is_encrypted() {
        tls.https_only()
    } else {
        tls.https_or_http()
    };
    let connector = schemes.enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build(connector))
}

#[cfg(test)]
mod tests;
