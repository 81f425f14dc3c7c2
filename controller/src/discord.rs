//! The edge towards Discord: what is said to it and what is heard from it, and the tasks that carry words between it and the hub.
//!
//! [`gateway`] hears interactions, [`commands`] turns them into the closed set of things that people can ask, [`requests`] turns what
//! we want to say into calls, [`sender`] makes each call once, when the limits allow it. `interaction` answers people, `publish` shows runs.
//! Whether somebody may, and which message to write next, is decided in the core.
//!
//! **Before anything here is used, `main` (and each test) installs a TLS provider**:
//! `rustls::crypto::ring::default_provider().install_default()`. twilight builds TLS connectors when a gateway configuration or an HTTP
//! client is made, also for plain addresses, and panics when no provider was chosen. [`requests::Requests::new`] and [`gateway::run`]
//! must also be called inside a Tokio runtime.

mod anchors;
pub mod answers;
pub mod call;
pub mod cards;
pub mod commands;
pub mod error;
pub mod gateway;
mod interaction;
mod members;
mod news;
mod ops_guild;
pub mod permissions;
mod publish;
pub mod requests;
pub mod secret;
pub mod sender;
pub mod spoken;
pub mod survey;
mod unknown;
pub mod upload;
mod welcome;

#[cfg(test)]
mod fake;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use shanty_core::causes::chain;
use shanty_core::manners::Manners;
use shanty_core::news::Deed;
use shanty_core::thread::Style;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use twilight_model::application::interaction::Interaction;

use crate::audit::Audit;
use crate::config::api::Api;
use crate::health::ChatState;
use crate::history::History;
use crate::hub;
use crate::install::Installer;
use crate::store::{Inputs, Kept, Output};
use crate::supervise::{Spawner, Supervisor};
use gateway::{GatewayConfig, GatewayState, SavedSession};
use ops_guild::OpsGuild;
use requests::Requests;
use secret::Secret;
use sender::{SendError, Sender};

/// Interactions that wait to be answered: more in three seconds than this cannot be answered anyway.
const INTERACTIONS_MAX: usize = 256;
/// People who spoke to the bot and wait for an answer: more are not answered.
const SPOKEN_MAX: usize = 16;
/// Commands that could not be registered are registered again after this time.
const REGISTER_AGAIN: Duration = Duration::from_secs(5);
/// The same when Discord refused them.
const REGISTER_REFUSED: Duration = Duration::from_secs(30);
/// Where the gateway's session is kept.
const SESSION_KEY: &str = "gateway";

/// What the edge needs.
pub struct Parts {
    /// The hub.
    pub hub: hub::Handle,
    /// Where output is read.
    pub output: Output,
    /// What commands are given.
    pub inputs: Inputs,
    /// Where people look back.
    pub history: History,
    /// Where the gateway's session and the places of cards are kept.
    pub kept: Kept,
    /// The guilds that are served.
    pub guilds: Vec<u64>,
    /// Runs of the command line are shown here.
    pub ops_channel: Option<u64>,
    /// Where all that is done and refused is told, and the journal's anchors.
    pub audit_channel: Option<u64>,
    /// What is done, from before the hub ran.
    pub deeds: broadcast::Receiver<Deed>,
    /// The journal as a whole.
    pub audit: Audit,
    /// Discord itself, or the sandbox.
    pub api: Api,
    /// The bot's, and each that comes after it.
    pub tokens: watch::Receiver<Secret>,
    /// How runs are shown.
    pub style: Style,
    /// That a host is gone is told when it was away for so long, milliseconds; nothing when no news are told.
    pub gone_ms: Option<u64>,
    /// Where files are written that are attached; they have no names.
    pub spool_dir: PathBuf,
    /// What new hosts are installed with.
    pub installer: Installer,
}

/// What every task of the edge shares.
struct Edge {
    hub: hub::Handle,
    output: Output,
    inputs: Inputs,
    history: History,
    kept: Kept,
    sender: Sender,
    requests: Requests,
    spawner: Spawner,
    ops_channel: Option<u64>,
    ops_guild: OpsGuild,
    audit_channel: Option<u64>,
    style: Style,
    gone_ms: Option<u64>,
    /// Where files are written that are attached; they have no names.
    spool_dir: PathBuf,
    installer: Installer,
    previews: interaction::Previews,
    questions: interaction::Questions,
    reads: interaction::Reads,
    /// How often people may have others asked for something.
    asks: Mutex<Manners>,
    callbacks: publish::Callbacks,
    shutdown: CancellationToken,
}

impl Edge {
    /// Where operators are told what they did not ask for; nothing when they want none of it.
    fn news_channel(&self) -> Option<u64> {
        self.ops_channel.filter(|_| self.gone_ms.is_some())
    }
}

/// Starts the edge; what comes back says how chat is.
///
/// # Errors
/// The address of Discord cannot be used.
pub async fn start(
    supervisor: &mut Supervisor,
    parts: Parts,
) -> anyhow::Result<watch::Receiver<ChatState>> {
    let token = parts.tokens.borrow().clone();
    let sender = Sender::new(parts.api, &token).context("use `api` in [discord]")?;
    let (tokens_tx, tokens) = watch::channel(token.clone());
    let saved = saved_session(&parts.kept).await;
    let (interactions_tx, interactions) = mpsc::channel(INTERACTIONS_MAX);
    let (gateway_tx, gateway) = watch::channel(GatewayState::Connecting);
    let (session_tx, session) = watch::channel(saved.clone());
    let (chat_tx, chat) = watch::channel(ChatState::Starting);
    let (spoken_tx, spoken) = mpsc::channel(SPOKEN_MAX);
    let (attendance_tx, attendance) = watch::channel(None);
    let edge = Arc::new(Edge {
        hub: parts.hub,
        output: parts.output,
        inputs: parts.inputs,
        history: parts.history,
        kept: parts.kept.clone(),
        sender: sender.clone(),
        requests: Requests::new(),
        spawner: supervisor.spawner(),
        ops_channel: parts.ops_channel,
        ops_guild: OpsGuild::default(),
        audit_channel: parts.audit_channel,
        style: parts.style,
        gone_ms: parts.gone_ms,
        spool_dir: parts.spool_dir,
        installer: parts.installer,
        previews: interaction::Previews::default(),
        questions: interaction::Questions::default(),
        reads: interaction::Reads::default(),
        asks: Mutex::default(),
        callbacks: publish::Callbacks::default(),
        shutdown: supervisor.shutdown(),
    });

    let shutdown = supervisor.shutdown();
    let config = GatewayConfig {
        tokens,
        ..GatewayConfig::new(token, saved)
    };
    let stop = supervisor.shutdown();
    let renewed = renew(sender.clone(), parts.tokens, tokens_tx, stop);
    supervisor.start("token", renewed);
    supervisor.start("gateway", async move {
        let stop = shutdown.clone();
        let wires = gateway::Wires {
            events: interactions_tx,
            spoken: spoken_tx,
            state: gateway_tx,
            session: session_tx,
            presence: attendance,
        };
        let told = gateway::run(config, sender, wires, stop).await;
        if let Err(error) = told {
            // The gateway said so in its state already. Without chat the command line goes on.
            tracing::error!(
                error = format!("{:#}", anyhow::Error::from(error)),
                "chat is off until the next start"
            );
            shutdown.cancelled().await;
        }
        Ok(())
    });
    let shutdown = supervisor.shutdown();
    supervisor.start(
        "gateway session",
        keep_session(parts.kept, session, shutdown),
    );
    let shutdown = supervisor.shutdown();
    supervisor.start(
        "interactions",
        hear(Arc::clone(&edge), interactions, shutdown),
    );
    supervisor.start("publishers", publish::publishers(Arc::clone(&edge)));
    supervisor.start("members", members::hear(Arc::clone(&edge)));
    supervisor.start(
        "news",
        news::tell(Arc::clone(&edge), attendance_tx, parts.deeds),
    );
    supervisor.start(
        "spoken",
        spoken::answer(Arc::clone(&edge), parts.guilds.clone(), spoken),
    );
    supervisor.start("unknown runs", unknown::tell(Arc::clone(&edge)));
    supervisor.start(
        "anchors",
        anchors::post(Arc::clone(&edge), parts.audit, gateway.clone()),
    );
    supervisor.start("welcome", welcome::post(Arc::clone(&edge), gateway.clone()));
    let shutdown = supervisor.shutdown();
    supervisor.start(
        "commands",
        register(edge, parts.guilds, gateway, chat_tx, shutdown),
    );
    Ok(chat)
}

/// Hands each new token to the sender first: the gateway asks by it where to connect.
async fn renew(
    sender: Sender,
    mut tokens: watch::Receiver<Secret>,
    gateway: watch::Sender<Secret>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = tokens.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                return Ok(());
            },
        }
        let token = tokens.borrow_and_update().clone();
        match sender.renew(&token) {
            Ok(()) => drop(gateway.send_replace(token)),
            Err(error) => tracing::error!("the new token is not used: {}", chain(&error)),
        }
    }
}

/// Answers each interaction in a task of its own: nobody waits behind somebody else.
async fn hear(
    edge: Arc<Edge>,
    mut interactions: mpsc::Receiver<Interaction>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        let interaction = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            interaction = interactions.recv() => interaction,
        };
        let Some(interaction) = interaction else {
            shutdown.cancelled().await;
            return Ok(());
        };
        edge.spawner
            .spawn(interaction::answer(Arc::clone(&edge), interaction));
    }
}

/// Registers the commands whenever they could have been lost, and says how chat is.
async fn register(
    edge: Arc<Edge>,
    guilds: Vec<u64>,
    mut gateway: watch::Receiver<GatewayState>,
    chat: watch::Sender<ChatState>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    // In which servers, and after how many logins and joins.
    let mut registered = BTreeSet::new();
    let mut since = (0, 0);
    loop {
        let state = gateway.borrow_and_update().clone();
        let mut again = None;
        let said = match state {
            GatewayState::Connecting => ChatState::Starting,
            GatewayState::Degraded(why) | GatewayState::Fatal(why) => ChatState::Degraded(why),
            GatewayState::Ready {
                application,
                guilds: joined,
                logins,
                joins,
            } => {
                // While the bot was away somebody may have taken its commands away, and a server that it left and came back to has none.
                if std::mem::replace(&mut since, (logins, joins)) != (logins, joins) {
                    registered.clear();
                }
                registered.retain(|guild| joined.contains(guild));
                match set_commands(&edge, application, &guilds, &mut registered).await {
                    Ok(()) => ChatState::Ready,
                    Err(why) => {
                        tracing::error!(
                            error = format!("{why:#}"),
                            "the commands could not be registered; tried again"
                        );
                        again = Some(register_again(&why));
                        ChatState::Degraded(format!("{why:#}"))
                    }
                }
            }
        };
        chat.send_if_modified(|old| std::mem::replace(old, said.clone()) != said);
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            changed = gateway.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                return Ok(());
            },
            () = tokio::time::sleep(again.unwrap_or_default()), if again.is_some() => {}
        }
    }
}

/// When the commands are registered again after a failure: seldom while somebody has to change something, soon when Discord was away.
fn register_again(why: &anyhow::Error) -> Duration {
    match why.downcast_ref().is_some_and(SendError::is_final) {
        true => REGISTER_REFUSED,
        false => REGISTER_AGAIN,
    }
}

/// Sets the commands in each of these servers where they are not known to be set.
async fn set_commands(
    edge: &Edge,
    application: u64,
    guilds: &[u64],
    registered: &mut BTreeSet<u64>,
) -> anyhow::Result<()> {
    let mut failed = Ok(());
    for guild in guilds {
        if registered.contains(guild) {
            continue;
        }
        let call = edge
            .requests
            .set_commands(application, *guild, &commands::all())?;
        let answer = edge.sender.call(&call).await.with_context(|| {
            format!("register the commands in server {guild}: is the bot a member?")
        });
        match answer {
            Ok(_) => {
                registered.insert(*guild);
            }
            // The others have theirs all the same.
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed
}

async fn saved_session(kept: &Kept) -> Option<SavedSession> {
    let session: Option<Option<SavedSession>> = kept.read(SESSION_KEY).await.ok()?;
    session.flatten()
}

/// Keeps the gateway's session, so that a restart resumes it instead of logging in again.
async fn keep_session(
    kept: Kept,
    mut session: watch::Receiver<Option<SavedSession>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut last = false;
    while !last {
        tokio::select! {
            () = shutdown.cancelled() => {
                // The gateway says its last sequence number when it has closed.
                while session.changed().await.is_ok() {}
                last = true;
            }
            changed = session.changed() => if changed.is_err() {
                shutdown.cancelled().await;
                last = true;
            },
        }
        let newest = session.borrow_and_update().clone();
        if let Err(error) = kept.keep(SESSION_KEY, &newest).await {
            tracing::warn!(
                error = chain(&error),
                "the gateway's session could not be kept"
            );
        }
        if !last {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(Duration::from_secs(2)) => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
