//! The server: which path leads to which edge, and an orderly end.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRef, FromRequestParts, Path, Request, State};
use axum::http::header::{HeaderValue, LOCATION};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::gateway::Contexts;
use crate::key::{Given, Key};
use crate::options::Options;
use crate::sandbox::Sandbox;
use crate::{gateway, guard, live, people, rest, web};

mod connections;
mod wire;

use connections::Bounds;

/// How long open connections may take to end.
const GRACE: Duration = Duration::from_secs(3);

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener does not know its own address.
    #[error("failed to read the listener's address")]
    Address(#[source] std::io::Error),
    /// Accepting connections failed for good.
    #[error("failed to accept connections")]
    Accept(#[source] std::io::Error),
}

/// What a client needs to reach a sandbox that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The listener's address: REST and gateway, which ask for the bot's token.
    pub address: SocketAddr,
    /// The address of the web client, with a slash at its end; whoever knows it may do what people do, also by script.
    pub web: String,
    /// The token that the bot logs in with.
    pub bot_token: String,
    /// The id of the bot and of its application.
    pub application_id: String,
}

/// Serves a fresh sandbox on `listener` until `shutdown` is cancelled.
///
/// # Errors
/// When the listener is unusable; single connections never end it.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    serve_with(listener, options, shutdown, |_| ()).await
}

/// The same, and tells when it is ready how it is reached.
///
/// # Errors
/// When the listener is unusable; single connections never end it.
pub async fn serve_with(
    listener: TcpListener,
    options: Options,
    shutdown: CancellationToken,
    ready: impl FnOnce(Ready),
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Address)?;
    let bounds = Bounds {
        connections_max: options.connections_max,
        patience: options.patience,
    };
    let sandbox = Sandbox::new(address, options, shutdown.clone());
    let key = (!sandbox.options.open).then(Key::new);
    let path = key.as_ref().map_or("/".to_owned(), Key::path);
    let router = router(sandbox.clone(), key);
    ready({
        let world = sandbox.world();
        Ready {
            address,
            web: format!("http://{address}{path}"),
            bot_token: world.application.token.clone(),
            application_id: world.application.id.to_string(),
        }
    });
    let serving = connections::serve(listener, router, bounds, shutdown.clone());
    let grace = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        served = serving => served.map_err(ServeError::Accept),
        () = sandbox.keep_time() => Ok(()),
        () = grace => Ok(()),
    }
}

/// What the handlers of requests take.
#[derive(Clone)]
struct Shared {
    sandbox: Sandbox,
    contexts: Contexts,
}

impl FromRef<Shared> for Sandbox {
    fn from_ref(shared: &Shared) -> Self {
        shared.sandbox.clone()
    }
}

fn router(sandbox: Sandbox, key: Option<Key>) -> Router {
    let contexts = Contexts::default();
    let shared = Shared { sandbox, contexts };
    let inside = bot_routes()
        .route("/", any(front))
        .route("/sandbox/live", any(live_socket))
        .route("/sandbox/{action}", post(action).fallback(not_post))
        .route("/attachments/{channel}/{id}/{name}", any(attachment))
        .fallback(any(asset))
        .with_state(shared.clone());
    let Some(key) = key else {
        return inside;
    };
    let outside = bot_routes()
        .route("/", any(front_outside))
        .route("/attachments/{channel}/{id}/{name}", any(given_attachment))
        .fallback(any(no_key))
        .with_state(shared);
    let doors = Doors {
        key,
        inside,
        outside,
    };
    Router::new().fallback(any(enter)).with_state(doors)
}

/// What asks for the bot's token itself.
fn bot_routes() -> Router<Shared> {
    Router::new()
        .route("/gateway", any(gateway_only))
        .route("/gateway/", any(gateway_only))
        .route("/api/{*rest}", any(api))
}

/// What is there for who was given the address, and what for everybody on this machine.
#[derive(Clone)]
struct Doors {
    key: Key,
    inside: Router,
    outside: Router,
}

/// Takes the key off the path, so that nothing behind it sees or notes it.
async fn enter(State(doors): State<Doors>, mut request: Request) -> Response {
    let router = match doors.key.given(request.uri()) {
        Given::Right(asked) => {
            *request.uri_mut() = asked;
            doors.inside
        }
        Given::Bare => return moved(&doors.key.path()),
        Given::Not => doors.outside,
    };
    let answered = TowerToHyperService::new(router).call(request).await;
    answered.into_response()
}

fn moved(path: &str) -> Response {
    let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    response
}

async fn no_key() -> Response {
    let text = "this sandbox is open to whoever has the address that it printed when it was started: \
        http://HOST:PORT/k/KEY/, and sandbox/ACTION behind that";
    people::refusal(403, text, None)
}

/// `/` is the gateway for some clients, and nothing else without the key.
async fn front_outside(State(shared): State<Shared>, request: Request) -> Response {
    if request.headers().contains_key("sec-websocket-key") {
        return open_gateway(shared, request).await;
    }
    no_key().await
}

/// `/` is the web client, and for some clients the gateway.
async fn front(State(shared): State<Shared>, request: Request) -> Response {
    if request.headers().contains_key("sec-websocket-key") {
        return open_gateway(shared, request).await;
    }
    asset(State(shared.sandbox), request).await
}

async fn gateway_only(State(shared): State<Shared>, request: Request) -> Response {
    open_gateway(shared, request).await
}

async fn open_gateway(shared: Shared, request: Request) -> Response {
    let Shared { sandbox, contexts } = shared;
    let (mut parts, _) = request.into_parts();
    let query = parts.uri.query().map(rest::query_pairs).unwrap_or_default();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => gateway::sized(upgrade)
            .on_upgrade(move |socket| gateway::serve(sandbox, contexts, socket, query)),
        Err(rejection) => rejection.into_response(),
    }
}

async fn api(State(sandbox): State<Sandbox>, request: Request) -> Response {
    rest::handle(sandbox, request).await
}

async fn live_socket(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let address = sandbox.world().address;
    if let Err(turned) = guard::check(&parts.uri, &parts.headers, address) {
        return people::refusal(turned.status(), &turned.to_string(), None);
    }
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => {
            gateway::sized(upgrade).on_upgrade(move |socket| live::serve(sandbox, socket))
        }
        Err(rejection) => rejection.into_response(),
    }
}

async fn action(
    State(sandbox): State<Sandbox>,
    Path(action): Path<String>,
    request: Request,
) -> Response {
    people::handle(sandbox, action, request).await
}

async fn not_post() -> Response {
    people::refusal(405, "actions are requested with POST", None)
}

async fn attachment(State(sandbox): State<Sandbox>, request: Request) -> Response {
    web::attachment(&sandbox, &request)
}

/// The same for who was given the file's own address, as the bot is.
async fn given_attachment(State(sandbox): State<Sandbox>, request: Request) -> Response {
    web::given_attachment(&sandbox, &request)
}

async fn asset(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let address = sandbox.world().address;
    if let Err(turned) = guard::check(request.uri(), request.headers(), address) {
        return people::refusal(turned.status(), &turned.to_string(), None);
    }
    let reading = matches!(*request.method(), Method::GET | Method::HEAD);
    match web::asset(request.uri().path()).filter(|_| reading) {
        Some(response) => response,
        None => rest::not_found(),
    }
}
