//! Keeps one gateway session of the bot alive and hands on what it hears. It decides nothing about interactions.
//!
//! A shard of twilight lives for one connection only; each next one is built here. So our back-off applies and not twilight's, which
//! grows to four minutes, and every login (identify) is counted before it happens: Discord resets the token of a bot that logs in more
//! than 1,000 times a day, which a crash loop can do. Sessions are resumed, also those of an earlier process.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use twilight_gateway::{
    CloseFrame, ConfigBuilder, Event, EventTypeFlags, Intents, Shard, ShardId, ShardState,
    StreamExt as _,
};
use twilight_model::application::interaction::Interaction;
use twilight_model::gateway::CloseCode;
use twilight_model::gateway::payload::incoming::Ready;

use super::requests::read_gateway;
use super::secret::Secret;
use super::sender::{SendError, Sender};
use super::spoken::Spoken;
use backoff::Backoff;
use identify::{Decision, Gate, Identifies};
use presence::Presence;

use state::{Ended, Left, Place, fatal_reason, is_unreachable, replace};
pub use state::{GatewayConfig, GatewayError, GatewayState, SavedSession, Wires};

mod backoff;
mod identify;
mod presence;
mod renew;
mod state;

/// The events that are parsed; all others only move the sequence.
const WANTED: EventTypeFlags = EventTypeFlags::GATEWAY_HELLO
    .union(EventTypeFlags::READY)
    .union(EventTypeFlags::RESUMED)
    .union(EventTypeFlags::GATEWAY_INVALIDATE_SESSION)
    .union(EventTypeFlags::GATEWAY_RECONNECT)
    .union(EventTypeFlags::INTERACTION_CREATE)
    .union(EventTypeFlags::MESSAGE_CREATE)
    .union(EventTypeFlags::GUILD_CREATE)
    .union(EventTypeFlags::GUILD_DELETE);

/// What Discord tells: guilds, and messages that speak to the bot. It sends all others too, without their text; they are passed over. None of
/// these must be granted to the bot.
const INTENTS: Intents = Intents::GUILDS
    .union(Intents::GUILD_MESSAGES)
    .union(Intents::DIRECT_MESSAGES);

/// From dialling to the first word: name, connection and encryption on a slow network too, after which Discord speaks at once. twilight
/// itself waits without end for a server that says nothing.
pub(super) const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// From dialling to READY or RESUMED.
const READY_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that was ready for this long was a good one: the next is made at once.
const GOOD_AFTER: Duration = Duration::from_secs(30);

/// How long the closing handshake may take at shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// While no login is left, Discord is asked this often whether there are new ones.
const ASK_AGAIN: Duration = Duration::from_secs(600);

/// Keeps a session until `shutdown`, and then leaves it resumable.
///
/// Call it inside a Tokio runtime, after a TLS provider was installed.
///
/// # Errors
/// When trying again cannot help; `state` then is [`GatewayState::Fatal`].
pub async fn run(
    config: GatewayConfig,
    sender: Sender,
    wires: Wires,
    shutdown: CancellationToken,
) -> Result<(), GatewayError> {
    wires.state.send_replace(GatewayState::Connecting);
    let resumable = |saved: &SavedSession| saved.intents == INTENTS.bits();
    let keeper = Keeper {
        backoff: Backoff::new(config.reconnect_ms),
        identifies: Identifies::new(config.identifies_per_day, config.identify_gap_ms),
        // Another version may have asked to be told something else.
        saved: config.saved.filter(resumable),
        logins: 0,
        joins: 0,
        awaited: BTreeSet::new(),
        tokens: config.tokens,
        started: Instant::now(),
        place: None,
        sender,
        events: wires.events,
        spoken: wires.spoken,
        state: wires.state,
        session: wires.session,
        presence: Presence::new(
            wires.presence,
            Duration::from_millis(config.presence_gap_ms),
        ),
        shutdown,
    };
    match keeper.keep().await {
        Ok(()) | Err(Ended::Shutdown) => Ok(()),
        Err(Ended::Fatal(error)) => Err(error),
    }
}

struct Keeper {
    sender: Sender,
    tokens: watch::Receiver<Secret>,
    events: mpsc::Sender<Interaction>,
    spoken: mpsc::Sender<Spoken>,
    presence: Presence,
    state: watch::Sender<GatewayState>,
    session: watch::Sender<Option<SavedSession>>,
    shutdown: CancellationToken,
    saved: Option<SavedSession>,
    /// How often this process has logged in anew.
    logins: u64,
    /// How often the bot was taken into a guild.
    joins: u64,
    /// Guilds that are told of next although the bot was in them all the time: after a login, or an outage of theirs.
    awaited: BTreeSet<u64>,
    place: Option<Place>,
    identifies: Identifies,
    backoff: Backoff,
    started: Instant,
}

impl Keeper {
    async fn keep(mut self) -> Result<(), Ended> {
        loop {
            match self.connect().await {
                Err(Ended::Fatal(GatewayError::Token)) => self.renewed().await?,
                ended => return ended,
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Ended> {
        loop {
            let place = self.find().await?;
            let gate = Gate::new(self.saved.is_none());
            let mut shard = self.shard(&place, gate.clone());
            let (left, ready_at) = self.listen(&mut shard).await;
            if left == Left::Shutdown {
                self.close(shard).await;
                return Ok(());
            }
            self.keep_session(&shard, &left);
            drop(shard);
            if let Some(at) = gate.used_at() {
                self.identifies.record(self.ms(at));
            }
            self.check_fatal(&left)?;
            tracing::info!(why = ?left, resumable = self.saved.is_some(), "The gateway connection ended.");
            self.rest(&left, ready_at).await?;
        }
    }

    /// Where to connect to, when a login is allowed or none is needed.
    async fn find(&mut self) -> Result<Place, Ended> {
        loop {
            let place = match self.place.take().filter(|_| self.saved.is_some()) {
                Some(place) => place,
                None => self.ask().await?,
            };
            self.place = Some(place.clone());
            if self.saved.is_some() {
                return Ok(place);
            }
            let now_ms = self.ms(Instant::now());
            match self.identifies.decide(&place.starts, now_ms) {
                Decision::In(wait_ms) => {
                    self.pause(Duration::from_millis(wait_ms)).await?;
                    return Ok(place);
                }
                Decision::Exhausted { used, retry_ms } => {
                    tracing::error!(used, "The bot has logged in too often today; waiting.");
                    self.degraded(&format!(
                        "the bot logged in {used} times today; Discord resets the token of a bot that does so too often"
                    ));
                    self.pause(ASK_AGAIN.min(Duration::from_millis(retry_ms)))
                        .await?;
                }
            }
        }
    }

    /// Asks Discord until it tells where the gateway is.
    async fn ask(&mut self) -> Result<Place, Ended> {
        let call = read_gateway();
        loop {
            let answer = tokio::select! {
                () = self.shutdown.cancelled() => return Err(Ended::Shutdown),
                answer = self.sender.call(&call) => answer,
            };
            match answer.and_then(|answer| answer.gateway()) {
                Ok(gateway) => match self.sender.api().gateway_base(&gateway.url) {
                    Some(base) => {
                        let starts = gateway.starts;
                        return Ok(Place { base, starts });
                    }
                    None => self.degraded("Discord named a gateway address that cannot be trusted"),
                },
                Err(SendError::Unauthorized) => {
                    self.fatal("Discord refused the bot's token");
                    return Err(Ended::Fatal(GatewayError::Token));
                }
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "Discord did not tell where its gateway is."
                    );
                    self.degraded("Discord does not answer");
                }
            }
            let wait = self.backoff.next();
            self.pause(wait).await?;
        }
    }

    fn shard(&mut self, place: &Place, gate: Gate) -> Shard<Gate> {
        let token = self.tokens.borrow_and_update().expose().to_owned();
        let mut config = ConfigBuilder::new(token, INTENTS)
            .queue(gate)
            .proxy_url(place.base.clone());
        if let Some(presence) = self.presence.at_login() {
            config = config.presence(presence);
        }
        if let Some(saved) = &self.saved {
            config = config.session(saved.session.clone());
            let resume = saved.resume_url.as_deref();
            if let Some(url) = resume.and_then(|url| self.sender.api().gateway_base(url)) {
                config = config.resume_url(url);
            }
        }
        Shard::with_config(ShardId::ONE, config.build())
    }

    /// Hears until the connection ends. Tells also since when it was ready.
    async fn listen(&mut self, shard: &mut Shard<Gate>) -> (Left, Option<Instant>) {
        let dialled = Instant::now();
        // A login that was made is not made again in a hurry: each counts.
        let mut speaks_by = dialled + HELLO_TIMEOUT;
        let mut ready_at = None;
        loop {
            // Three arms are level-triggered, and `next_event` and `due` are cancel-safe.
            let event = tokio::select! {
                () = self.shutdown.cancelled() => return (Left::Shutdown, ready_at),
                Ok(()) = self.tokens.changed() => return (Left::Renewed, ready_at),
                () = sleep_until(speaks_by), if ready_at.is_none() => return (Left::Silent, ready_at),
                update = self.presence.due(), if ready_at.is_some() => {
                    shard.command(&update);
                    continue;
                }
                event = shard.next_event(WANTED) => event,
            };
            let event = match event {
                Some(Ok(event)) => event,
                Some(Err(error)) if is_unreachable(&error) => return (Left::Unreachable, ready_at),
                Some(Err(_)) => {
                    // Neither the event nor the parser's words are logged: they hold tokens and what people typed.
                    tracing::warn!("An event of Discord's could not be read; it is skipped.");
                    continue;
                }
                None => return (Left::Closed(None), ready_at),
            };
            if matches!(event, Event::GatewayHello(_)) {
                speaks_by = dialled + READY_TIMEOUT;
            }
            if matches!(event, Event::Ready(_) | Event::Resumed) {
                ready_at = Some(Instant::now());
            }
            if let Some(left) = self.heard(event, shard) {
                return (left, ready_at);
            }
        }
    }

    /// Takes one event; tells when it ends the connection.
    fn heard(&mut self, event: Event, shard: &Shard<Gate>) -> Option<Left> {
        match event {
            Event::Ready(ready) => self.logged_in(&ready, shard),
            Event::Resumed => {
                self.presence.resumed();
                tracing::info!("The gateway session was resumed.");
            }
            Event::MessageCreate(message) => {
                let bot = self.saved.as_ref().map_or(0, |saved| saved.user);
                if let Some(spoken) = Spoken::hear(&message, bot) {
                    self.spoken.try_send(spoken).ok(); // more than are answered anyway
                }
            }
            Event::InteractionCreate(interaction) => self.hand_on(interaction.0),
            Event::GuildCreate(guild) => self.in_guild(guild.id().get()),
            // An outage of a guild is not its end.
            Event::GuildDelete(guild) if guild.unavailable == Some(true) => {
                self.awaited.insert(guild.id.get());
            }
            Event::GuildDelete(guild) => {
                self.awaited.remove(&guild.id.get());
                self.guilds(|guilds| guilds.remove(&guild.id.get()));
            }
            Event::GatewayClose(frame) => {
                return Some(Left::Closed(frame.map(|frame| frame.code)));
            }
            Event::GatewayReconnect => return Some(Left::Asked),
            Event::GatewayInvalidateSession(_) => return Some(Left::Invalidated),
            _ => {}
        }
        self.keep_sequence(shard);
        self.publish();
        if shard.state() == ShardState::Active {
            self.ready();
        }
        None
    }

    fn logged_in(&mut self, ready: &Ready, shard: &Shard<Gate>) {
        self.logins += 1;
        self.awaited = ready.guilds.iter().map(|guild| guild.id.get()).collect();
        let resume_url = self.sender.api().gateway_base(&ready.resume_gateway_url);
        if resume_url.is_none() {
            tracing::warn!("Discord named an address for resuming that cannot be trusted.");
        }
        self.saved = shard.session().map(|session| SavedSession {
            session: session.clone(),
            resume_url,
            application: ready.application.id.get(),
            user: ready.user.id.get(),
            intents: INTENTS.bits(),
            guilds: ready.guilds.iter().map(|guild| guild.id.get()).collect(),
        });
        tracing::info!(
            guilds = ready.guilds.len(),
            "The bot is logged in to the gateway."
        );
    }

    fn hand_on(&self, interaction: Interaction) {
        match self.events.try_send(interaction) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(lost)) => {
                tracing::warn!(interaction = %lost.id, "Too many interactions at once: one is dropped.");
            }
            Err(mpsc::error::TrySendError::Closed(lost)) => {
                tracing::warn!(interaction = %lost.id, "Nobody takes interactions any more: one is dropped.");
            }
        }
    }

    /// The bot is in a guild: taken into it just now, unless that was to be told anyway.
    fn in_guild(&mut self, guild: u64) {
        if !self.awaited.remove(&guild) {
            self.joins += 1;
        }
        self.guilds(|guilds| guilds.insert(guild));
    }

    fn guilds<T>(&mut self, change: impl FnOnce(&mut BTreeSet<u64>) -> T) {
        if let Some(saved) = &mut self.saved {
            change(&mut saved.guilds);
        }
    }

    fn keep_sequence(&mut self, shard: &Shard<Gate>) {
        if let (Some(saved), Some(session)) = (&mut self.saved, shard.session()) {
            saved.session = session.clone();
        }
    }

    /// What is left of the session after a connection.
    fn keep_session(&mut self, shard: &Shard<Gate>, left: &Left) {
        self.keep_sequence(shard);
        let unknown = matches!(
            left,
            Left::Closed(Some(code)) if *code == CloseCode::InvalidSequence as u16 || *code == CloseCode::SessionTimedOut as u16
        );
        if unknown || shard.session().is_none() {
            self.saved = None;
        }
        if *left == Left::Unreachable || *left == Left::Silent {
            // The place for resuming may be gone; the session is still good at the front door.
            if let Some(saved) = &mut self.saved {
                saved.resume_url = None;
            }
            self.place = None;
        }
        self.publish();
    }

    /// Leaves with a code that keeps the session resumable, and takes what is still on its way.
    async fn close(&mut self, mut shard: Shard<Gate>) {
        // Without a trusted address twilight must not get the chance to connect again.
        let resumable = self
            .saved
            .as_ref()
            .is_some_and(|saved| saved.resume_url.is_some());
        if !shard.state().is_identified() || !resumable {
            return;
        }
        shard.close(CloseFrame::RESUME);
        let drain = async {
            while let Some(Ok(event)) = shard.next_event(WANTED).await {
                match event {
                    Event::GatewayClose(_) => break,
                    Event::InteractionCreate(interaction) => self.hand_on(interaction.0),
                    _ => {}
                }
            }
        };
        if timeout(CLOSE_TIMEOUT, drain).await.is_err() {
            tracing::info!("Discord did not confirm the end of the gateway connection in time.");
        }
        self.keep_sequence(&shard);
        self.publish();
    }

    fn check_fatal(&self, left: &Left) -> Result<(), Ended> {
        let Left::Closed(Some(code)) = *left else {
            return Ok(());
        };
        let Some(reason) = fatal_reason(code) else {
            return Ok(());
        };
        self.fatal(reason);
        let error = if code == CloseCode::AuthenticationFailed as u16 {
            GatewayError::Token
        } else {
            GatewayError::Closed { code, reason }
        };
        Err(Ended::Fatal(error))
    }

    /// Waits as long as the last connection deserves.
    async fn rest(&mut self, left: &Left, ready_at: Option<Instant>) -> Result<(), Ended> {
        if ready_at.is_some_and(|at| at.elapsed() >= GOOD_AFTER) {
            self.backoff.reset();
            self.state.send_replace(GatewayState::Connecting);
            return Ok(());
        }
        match (left, ready_at) {
            (_, Some(_)) => {
                self.state.send_replace(GatewayState::Connecting);
            }
            (Left::Unreachable, None) => self.degraded("the gateway cannot be reached"),
            (Left::Silent, None) => self.degraded("the gateway says nothing"),
            (_, None) => self.degraded("the gateway ends each connection"),
        }
        let wait = self.backoff.next();
        self.pause(wait).await
    }

    async fn pause(&self, wait: Duration) -> Result<(), Ended> {
        tokio::select! {
            () = self.shutdown.cancelled() => Err(Ended::Shutdown),
            () = sleep(wait) => Ok(()),
        }
    }

    fn ready(&self) {
        if let Some(saved) = &self.saved {
            let ready = GatewayState::Ready {
                application: saved.application,
                guilds: saved.guilds.clone(),
                logins: self.logins,
                joins: self.joins,
            };
            replace(&self.state, ready);
        }
    }

    fn degraded(&self, reason: &str) {
        replace(&self.state, GatewayState::Degraded(reason.to_owned()));
    }

    fn fatal(&self, reason: &str) {
        tracing::error!(reason, "The gateway session ended for good.");
        replace(&self.state, GatewayState::Fatal(reason.to_owned()));
    }

    fn publish(&self) {
        replace(&self.session, self.saved.clone());
    }

    fn ms(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
