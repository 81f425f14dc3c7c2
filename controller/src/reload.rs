//! Takes a configuration that was changed: all of it that can be taken while the controller runs, or nothing of it. On SIGHUP, and when
//! somebody asks on the admin socket.

use std::path::Path;

use shanty_certs::files::read_foreign;
use shanty_core::admission::Settings;
use shanty_core::causes::chain;
use shanty_core::hub::Configured;
use shanty_core::output::mask::{FILE_BYTES_MAX, Masks};
use shanty_core::principal::Actor;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};

use crate::bot_token;
use crate::config::{Changes, Config};
use crate::discord::secret::Secret;
use crate::discord::sender::Sender;
use crate::discord::survey;
use crate::hub;
use crate::supervise::Supervisor;

/// Those who wait: people type each.
const ASKED_MAX: usize = 16;

/// What is changed.
pub struct Parts {
    /// The configuration that the controller was started with.
    pub started: Config,
    /// The hub, whose decisions rest on it.
    pub hub: hub::Handle,
    /// What everything that is shown passes; all copies change together.
    pub masks: Masks,
    /// Where a new token of the bot goes, and where the one that is used is; nothing without chat.
    pub tokens: Option<watch::Sender<Secret>>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// This changed, perhaps nothing.
    Taken(Changes),
    /// This is wrong, so nothing changed: for people, a line each.
    Wrong(Vec<String>),
}

/// How the admin socket asks for it.
#[derive(Clone, Debug)]
pub struct Reload {
    asked: mpsc::Sender<Asked>,
}

#[derive(Debug)]
struct Asked {
    by: Actor,
    reply: oneshot::Sender<Reloaded>,
}

impl Reload {
    /// Nobody takes it.
    #[cfg(test)]
    pub(crate) fn unheard() -> Self {
        Self {
            asked: mpsc::channel(1).0,
        }
    }

    /// Has the configuration taken. Nothing when the controller is stopping.
    pub async fn ask(&self, by: Actor) -> Option<Reloaded> {
        let (reply, told) = oneshot::channel();
        self.asked.send(Asked { by, reply }).await.ok()?;
        told.await.ok()
    }
}

/// Starts to listen for it.
///
/// # Errors
/// The signal cannot be listened for.
pub fn start(supervisor: &mut Supervisor, parts: Parts) -> std::io::Result<Reload> {
    let (asked, mut asking) = mpsc::channel(ASKED_MAX);
    // A configuration without a file, in tests, leaves the process's signals alone.
    let mut hangups = match &parts.started.source {
        Some(_) => Some(signal(SignalKind::hangup())?),
        None => None,
    };
    let shutdown = supervisor.shutdown();
    let mut reloader = Reloader {
        current: parts.started.clone(),
        parts,
    };
    supervisor.start("reload", async move {
        loop {
            let asked = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = hangup(&mut hangups) => None,
                asked = asking.recv() => asked,
            };
            let by = asked
                .as_ref()
                .map_or(Actor::Controller, |asked: &Asked| asked.by.clone());
            let told = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                told = reloader.reload(by) => told,
            };
            log(&told);
            if let Some(asked) = asked {
                asked.reply.send(told).ok(); // who asked has gone
            }
        }
    });
    Ok(Reload { asked })
}

async fn hangup(hangups: &mut Option<Signal>) {
    match hangups {
        Some(hangups) => drop(hangups.recv().await),
        None => std::future::pending().await,
    }
}

fn log(told: &Reloaded) {
    match told {
        Reloaded::Taken(changes) => {
            tracing::info!(changes = ?changes.taken, restart = ?changes.restart, "the configuration was taken");
        }
        Reloaded::Wrong(wrong) => {
            for line in wrong {
                tracing::error!("the configuration stays as it was: {line}");
            }
        }
    }
}

struct Reloader {
    /// What counts now of what can be taken.
    current: Config,
    parts: Parts,
}

impl Reloader {
    async fn reload(&mut self, by: Actor) -> Reloaded {
        match self.take(by).await {
            Ok(changes) => Reloaded::Taken(changes),
            Err(wrong) => Reloaded::Wrong(wrong),
        }
    }

    async fn take(&mut self, by: Actor) -> Result<Changes, Vec<String>> {
        let Some(source) = self.parts.started.source.clone() else {
            return Err(vec![
                "this controller was not started with a file".to_owned(),
            ]);
        };
        let read = tokio::task::spawn_blocking(move || load(&source)).await;
        let read = read.map_err(|error| vec![format!("it cannot be read: {error}")])?;
        let Read {
            config,
            masks,
            token,
        } = read?;
        let token = self.another(token);
        if let Some(token) = &token {
            accepted(&config, token).await.map_err(|why| vec![why])?;
        }
        let mut changes = self.current.changes(&self.parts.started, &config);
        if !masks.is_same(&self.parts.masks) && self.current.mask == config.mask {
            changes.taken.push("mask: other secrets".to_owned());
        }
        if token.is_some() {
            changes.taken.push("discord: another token".to_owned());
        }
        if changes.taken.is_empty() {
            return Ok(changes);
        }
        let to = Configured {
            actor: by,
            settings: settings(&self.parts.started, &config),
            changes: changes.taken.clone(),
        };
        let recorded = self.parts.hub.configure(to).await;
        recorded.map_err(|refusal| vec![refusal.what])?;
        self.parts.masks.replace(&masks);
        if let (Some(tokens), Some(token)) = (&self.parts.tokens, token) {
            tokens.send_replace(token);
        }
        self.current = config;
        Ok(changes)
    }

    /// The token when chat goes on with another one.
    fn another(&self, token: Option<Secret>) -> Option<Secret> {
        let used = self.parts.tokens.as_ref()?;
        token.filter(|token| *used.borrow() != *token)
    }
}

/// What was read.
struct Read {
    config: Config,
    masks: Masks,
    token: Option<Secret>,
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Reads the file and all that it names; tells everything that is wrong.
fn load(source: &crate::config::Source) -> Result<Read, Vec<String>> {
    let config = source.load();
    let config = config.map_err(|wrong| lines(&wrong.to_string()))?;
    let mut wrong = Vec::new();
    let masks = masks(&config).unwrap_or_else(|errors| {
        wrong.extend(errors);
        Masks::none()
    });
    let token = config
        .discord
        .as_ref()
        .map(|discord| bot_token::read(&discord.token, config.credentials()));
    let token = token.transpose().unwrap_or_else(|error| {
        wrong.push(chain(&error));
        None
    });
    match wrong.is_empty() {
        true => Ok(Read {
            config,
            masks,
            token,
        }),
        false => Err(wrong),
    }
}

/// What `[mask]` names.
///
/// # Errors
/// What cannot be masked, a line each.
pub fn masks(config: &Config) -> Result<Masks, Vec<String>> {
    let read = |path: &Path| read_foreign(path, FILE_BYTES_MAX).map_err(|error| chain(&error));
    config.mask.load(read)
}

/// What decisions rest on: what can be taken of a newer configuration, and the rest as it was at the start.
#[must_use]
pub fn settings(started: &Config, newer: &Config) -> Settings {
    let discord = started.discord.as_ref();
    Settings {
        policy: newer.policy.clone(),
        guilds: discord.map_or_else(Vec::new, |discord| discord.guilds.clone()),
        // Agents are released with the controller.
        agent_version: crate::version::current().to_owned(),
        confirm_hosts: newer.limits.confirm_hosts,
        output_max: started.limits.output_max,
        grace_ms: newer.limits.grace_ms,
        runs_ms: Some(started.retention.runs_ms),
        rates: newer.limits.rates,
        identities: started.identities,
    }
}

/// Asks Discord whether it takes a token: with one that it does not take chat would be over.
async fn accepted(config: &Config, token: &Secret) -> Result<(), String> {
    let Some(discord) = &config.discord else {
        return Ok(());
    };
    let told = |why: String| format!("the new token of the bot cannot be used: {why}");
    let sender = Sender::new(discord.api.clone(), token).map_err(|error| told(chain(&error)))?;
    let (me, _) = survey::who(&sender)
        .await
        .map_err(|error| told(error.told()))?;
    match me.bot {
        true => Ok(()),
        false => Err(told(format!("it is that of a person, {}", me.username))),
    }
}
