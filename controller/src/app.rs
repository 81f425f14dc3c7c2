//! The composition root: builds the parts, binds the listeners, says when it is ready, and stops everything in order.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use nix::fcntl::Flock;
use shanty_certs::ca::Ca;
use shanty_certs::files;
use shanty_certs::orders::OrderKeys;
use shanty_certs::revocation::Revoked;
use shanty_core::journal::VersionChange;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::audit::Audit;
use crate::authority::{self, Authority};
use crate::clock::now_ms;
use crate::config::{Config, Limits, Listen};
use crate::discord;
use crate::health::ChatState;
use crate::hub::{self, Shell};
use crate::install::{Installer, offered};
use crate::store::{self, Store, StoreError};
use crate::supervise::Supervisor;
use crate::upgrade::{self, Program, UpgradeError};
use crate::{
    admin, backup, bot_token, checkpoints, disk, history, http, link, reload, retention,
    service_manager,
};

/// How long tasks may take to stop.
const STOP_GRACE: Duration = Duration::from_secs(8);
/// How long the ready line waits for Discord before it says `degraded`.
const CHAT_GRACE: Duration = Duration::from_secs(20);
/// Room for the heads of records in a spool of little output, bytes.
const SPOOL_SLACK_BYTES: u64 = 16 * 1024 * 1024;

/// Why a controller did not start, or did not go on.
#[derive(Debug, Error)]
pub enum AppError {
    /// Something that it was told to use cannot be used.
    #[error("{0:#}")]
    Config(anyhow::Error),
    /// A listener cannot be bound.
    #[error("{0:#}")]
    Listen(anyhow::Error),
    /// There is no room on the disk.
    #[error("{0:#}")]
    Full(anyhow::Error),
    /// Stored data cannot be used.
    #[error("{0:#}")]
    Data(anyhow::Error),
    /// A part failed while it ran.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// What a controller says when it is ready.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The link listener.
    pub agents: SocketAddr,
    /// The join listener.
    pub join: SocketAddr,
    /// The health listener.
    pub http: SocketAddr,
    /// The admin socket.
    pub admin: PathBuf,
    /// `ready`, `degraded` or `off`.
    pub discord: &'static str,
}

impl Ready {
    /// One JSON line for programs that wait for it.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "event": "ready", "agents": self.agents.to_string(), "join": self.join.to_string(),
            "http": self.http.to_string(), "admin": self.admin, "discord": self.discord,
        })
    }
}

/// Runs a controller on its own runtime until SIGTERM, SIGINT, or the end of standard input when that is asked for.
///
/// # Errors
/// See [`AppError`].
pub fn main(
    config: Config,
    until_stdin_ends: bool,
    on_ready: impl FnOnce(&Ready) + Send + 'static,
) -> Result<(), AppError> {
    // twilight makes TLS connectors as soon as it is used; every other part brings its provider along.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok(); // chosen before: by a test
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")
        .map_err(AppError::Failed)?;
    let result = runtime.block_on(async {
        let shutdown = CancellationToken::new();
        let stop = crate::stop::watch(until_stdin_ends, shutdown.clone());
        tokio::select! {
            result = run(config, shutdown.clone(), on_ready) => result,
            error = stop => Err(AppError::Failed(error)),
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

/// Runs a controller until the token is cancelled.
///
/// # Errors
/// See [`AppError`].
pub async fn run(
    config: Config,
    shutdown: CancellationToken,
    on_ready: impl FnOnce(&Ready) + Send + 'static,
) -> Result<(), AppError> {
    let _lock = prepare(&config)?;
    let masks = reload::masks(&config).map_err(|errors| {
        AppError::Config(anyhow::anyhow!(
            "cannot mask what [mask] names: {}",
            errors.join("; ")
        ))
    })?;
    let token = match &config.discord {
        Some(discord) => {
            let token = bot_token::read(&discord.token, config.credentials());
            Some(token.map_err(|error| AppError::Config(error.into()))?)
        }
        None => None,
    };
    // Listeners before anything else is opened: a second controller on the same data finds the socket taken and leaves.
    let sockets = bind(&config.listen).await.map_err(AppError::Listen)?;
    let change = take_over(&config.data_dir).await?;
    let store = Store::open(&config.data_dir, spool_bytes_max(&config.limits))
        .map_err(|error| data(error, &config.data_dir))?;
    let ca = Arc::new(authority(&config)?);
    let orders = Arc::new(order_keys(&config)?);

    let mut supervisor = Supervisor::new(shutdown.clone());
    let guilds = config.discord.as_ref();
    let guilds = guilds.map_or_else(Vec::new, |discord| discord.guilds.clone());
    let started = config.clone();
    let revoked = Revoked::default();
    let parts = hub::Parts {
        journal: store.journal.clone(),
        output: store.output.clone(),
        kept: store.kept.clone(),
        inputs: store.inputs.clone(),
        ca: Arc::clone(&ca),
        revoked: revoked.clone(),
        settings: reload::settings(&config, &config),
        masks: masks.clone(),
    };
    let (mut hub, handle, messages) = Shell::open(parts)
        .await
        .map_err(|error| data(error, &config.data_dir))?;
    // Before the hub runs: what it records first is told too.
    let deeds = handle.deeds();
    if let Some(change) = change {
        hub.note_version(change);
    }
    // The hub stops last: it commits what the edges still tell it.
    let hub_stop = CancellationToken::new();
    let hub_task = Supervisor::new(hub_stop.clone());
    let hub_task = start_hub(hub_task, hub, messages, store.kept.clone());

    let authority = Authority::open(Arc::clone(&ca), Arc::clone(&orders), handle.clone()).await;
    let authority = authority.map_err(AppError::Config)?;
    let ready = sockets.ready(&config.listen);
    let join = config.public.join.unwrap_or_else(|| ready.join.to_string());
    let installer = Installer::new(
        config.artifacts,
        join.clone(),
        ca.pin(),
        &[ca.listener_pin()],
    )
    .trusting(config.roots);
    let links = link::Parts {
        ca,
        authority: authority.clone(),
        orders,
        revoked,
        hub: handle.clone(),
        output: store.output.clone(),
        inputs: store.inputs.clone(),
        public: config.public.agents,
        installer: installer.clone(),
        leaf_ms: config.identities.leaf_ms,
    };
    link::start(&mut supervisor, sockets.agents, sockets.join, links).map_err(AppError::Failed)?;
    let (tokens, tokens_rx) = token.map(tokio::sync::watch::channel).unzip();
    let parts = reload::Parts {
        started,
        hub: handle.clone(),
        masks: masks.clone(),
        tokens,
    };
    let reload = reload::start(&mut supervisor, parts).context("listen for SIGHUP");
    let reload = reload.map_err(AppError::Failed)?;
    let inputs_shown = store.inputs.clone().masked(masks.clone());
    let shown = store.output.clone().masked(masks.clone());
    let audit = Audit::of(&config.data_dir, masks.clone());
    let history = history::start(
        &mut supervisor,
        history::Parts {
            hub: handle.clone(),
            search: store.search.clone(),
            output: shown.clone(),
            kept: store.kept.clone(),
            masks,
            guilds,
            runs_ms: config.retention.runs_ms,
        },
    );
    admin::start(
        &mut supervisor,
        sockets.admin,
        handle.clone(),
        (shown.clone(), history.clone()),
        (inputs_shown.clone(), audit.clone()),
        admin::JoinAt {
            address: join,
            installer: installer.clone(),
        },
        (config.style.same_but, reload, authority.clone()),
    );
    authority::start(&mut supervisor, authority);
    offered::start(&mut supervisor, installer.clone(), handle.clone()).await;
    checkpoints::start(&mut supervisor, &store.journal);
    disk::start(
        &mut supervisor,
        store.room.clone(),
        store.output.clone(),
        handle.clone(),
    );
    retention::start(
        &mut supervisor,
        (store.output.clone(), store.search.clone()),
        store.inputs.clone(),
        handle.clone(),
        config.retention,
    );
    service_manager::start(&mut supervisor, handle.clone());
    let chat = match config.discord.zip(tokens_rx) {
        Some((discord, tokens)) => {
            let parts = discord::Parts {
                hub: handle,
                output: shown,
                inputs: inputs_shown,
                history,
                kept: store.kept.clone(),
                guilds: discord.guilds,
                ops_channel: discord.ops_channel,
                audit_channel: discord.audit_channel,
                deeds,
                audit,
                api: discord.api,
                tokens,
                style: config.style,
                gone_ms: config.gone_ms,
                spool_dir: config.data_dir.clone(),
                installer,
            };
            discord::start(&mut supervisor, parts)
                .await
                .map_err(AppError::Config)?
        }
        None => {
            // Nobody else holds the stores when they are closed.
            drop((handle, shown, inputs_shown, history));
            tokio::sync::watch::channel(ChatState::Off).1
        }
    };
    http::start(
        &mut supervisor,
        sockets.http,
        chat.clone(),
        store.room.watch(),
    );
    let waiting = supervisor.shutdown();
    supervisor.spawner().spawn(async move {
        tokio::select! {
            () = waiting.cancelled() => {}
            ready = announce(ready, chat) => on_ready(&ready),
        }
    });

    let stopped = supervisor.wait(STOP_GRACE).await;
    hub_stop.cancel();
    let hub_stopped = hub_task.wait(STOP_GRACE).await;
    close(store).await;
    std::fs::remove_file(&config.listen.admin).ok(); // replaced by whoever starts next
    stopped
        .and(hub_stopped)
        .map_err(|error| match error.into_store() {
            Ok(store) => data(store, &config.data_dir),
            Err(error) => AppError::Failed(error.into()),
        })
}

/// Makes the data that of this version, where another one wrote it. However long that takes, the service manager waits.
async fn take_over(data_dir: &Path) -> Result<Option<VersionChange>, AppError> {
    let dir = data_dir.to_owned();
    let work = move || upgrade::bring(&dir, Program::ours(), now_ms());
    let brought = service_manager::while_starting(tokio::task::spawn_blocking(work)).await;
    let brought = brought.context("take over the data");
    brought
        .map_err(AppError::Failed)?
        .map_err(|error| not_taken_over(error, data_dir))
}

fn not_taken_over(error: UpgradeError, data_dir: &Path) -> AppError {
    match error {
        UpgradeError::Store(error) => data(error, data_dir),
        full if full.is_full() => AppError::Full(full.into()),
        other => AppError::Data(other.into()),
    }
}

/// Stored data that cannot be used, with what to do.
fn data(error: StoreError, data_dir: &Path) -> AppError {
    if matches!(error, StoreError::Full) {
        let dir = data_dir.display();
        return AppError::Full(anyhow::anyhow!(
            "the disk of {dir} is full: make room on it"
        ));
    }
    let next = backup::next(&error, data_dir);
    let error = anyhow::Error::from(error);
    AppError::Data(match next {
        Some(next) => anyhow::anyhow!("{error:#}. {next}"),
        None => error,
    })
}

/// The longest spool that an honest agent makes of the output that it may keep: its records have heads, and the end is kept twice.
const fn spool_bytes_max(limits: &Limits) -> u64 {
    limits
        .output_max
        .saturating_mul(2)
        .saturating_add(SPOOL_SLACK_BYTES)
}

/// Waits until the writers have written everything: they end when nobody holds a handle any more.
async fn close(store: Store) {
    let joined = tokio::task::spawn_blocking(move || store.close());
    if !matches!(tokio::time::timeout(STOP_GRACE, joined).await, Ok(Ok(true))) {
        tracing::warn!("a writer of the store did not end in order");
    }
}

fn start_hub(
    mut supervisor: Supervisor,
    hub: Shell,
    messages: tokio::sync::mpsc::Receiver<hub::Message>,
    kept: store::Kept,
) -> Supervisor {
    let stop = supervisor.shutdown();
    supervisor.start("last seen", hub::last_seen::keep(kept, hub.last_seen()));
    supervisor.start("hub", async move {
        hub.run(messages, stop).await;
        Ok(())
    });
    supervisor
}

/// Waits until chat works or clearly does not.
async fn announce(mut ready: Ready, mut chat: tokio::sync::watch::Receiver<ChatState>) -> Ready {
    let decided = chat.wait_for(|state| *state != ChatState::Starting);
    ready.discord = match tokio::time::timeout(CHAT_GRACE, decided).await {
        Ok(Ok(state)) => match &*state {
            ChatState::Off => "off",
            ChatState::Ready => "ready",
            ChatState::Starting | ChatState::Degraded(_) => "degraded",
        },
        Ok(Err(_)) | Err(_) => "degraded",
    };
    ready
}

/// Makes the data directory with its journal and its authority, as the first start would; what is there stays.
///
/// # Errors
/// See [`AppError`].
pub fn begin(config: &Config) -> Result<(), AppError> {
    let _lock = lock(config)?;
    let brought = upgrade::bring(&config.data_dir, Program::ours(), now_ms());
    brought.map_err(|error| not_taken_over(error, &config.data_dir))?;
    let store = Store::open(&config.data_dir, spool_bytes_max(&config.limits))
        .map_err(|error| data(error, &config.data_dir))?;
    let ca = authority(config);
    store.close();
    ca.map(drop)
}

/// The authority, after the journal: where there is an authority, there was one.
fn authority(config: &Config) -> Result<Ca, AppError> {
    Ca::open_or_create(&config.data_dir.join("ca"), SystemTime::now())
        .context("open the certificate authority")
        .map_err(AppError::Config)
}

/// What orders are signed with.
fn order_keys(config: &Config) -> Result<OrderKeys, AppError> {
    let (orders, made) = OrderKeys::open_or_create(&config.data_dir.join("ca"))
        .context("open the key that orders are signed with")
        .map_err(AppError::Config)?;
    if made {
        let key = orders.current().public().id();
        tracing::info!(key, "a key for signing orders was made");
    }
    Ok(orders)
}

/// Makes what is needed on the disk, and locks the data directory for as long as what comes back is held.
fn prepare(config: &Config) -> Result<Flock<File>, AppError> {
    let locked = lock(config)?;
    if let Some(parent) = config.listen.admin.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("create {} for the admin socket", parent.display()))
            .map_err(AppError::Listen)?;
    }
    Ok(locked)
}

/// Makes the data directory, and locks it for as long as what comes back is held.
fn lock(config: &Config) -> Result<Flock<File>, AppError> {
    let created = files::private_directory(&config.data_dir)
        .with_context(|| format!("use the data directory {}", config.data_dir.display()));
    created.map_err(AppError::Config)?;
    store::lock(&config.data_dir).map_err(|error| match error {
        in_use @ StoreError::InUse { .. } => AppError::Listen(in_use.into()),
        other => AppError::Config(other.into()),
    })
}

struct Sockets {
    agents: TcpListener,
    join: TcpListener,
    http: TcpListener,
    admin: tokio::net::UnixListener,
    bound: [SocketAddr; 3],
}

impl Sockets {
    fn ready(&self, listen: &Listen) -> Ready {
        let [agents, join, http] = self.bound;
        Ready {
            agents,
            join,
            http,
            admin: listen.admin.clone(),
            discord: "off",
        }
    }
}

async fn bind(listen: &Listen) -> anyhow::Result<Sockets> {
    let admin = admin::bind(&listen.admin)?;
    let agents = bind_tcp("agents", listen.agents).await?;
    let join = bind_tcp("join", listen.join).await?;
    let http = bind_tcp("http", listen.http).await?;
    let bound = [agents.local_addr()?, join.local_addr()?, http.local_addr()?];
    Ok(Sockets {
        agents,
        join,
        http,
        admin,
        bound,
    })
}

async fn bind_tcp(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listen on {address} (`{key}` in [listen]): choose another address")
    })
}
