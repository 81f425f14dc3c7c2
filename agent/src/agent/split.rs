//! The agent in two processes: the link, which speaks with the network and can do nothing else, and the executor, which does what the
//! controller signed and hears nobody but the link.

use std::ffi::OsString;
use std::path::PathBuf;

use nix::unistd::User;
use shanty_certs::orders::KnownKeys;
use tokio_util::sync::CancellationToken;

use super::{
    Ends, HostPolicyFile, OwnVersion, Ready, base, enrolled, experiment, host_policy, kill_all,
    locked, open_executor, serve,
};
use crate::config::{Config, DataDir, ProxyVariables};
use crate::doctor;
use crate::executor::{self, KEYS_FILE};
use crate::failure::{Failure, exit};
use crate::identity::Identities;
use crate::link::OnStop;
use crate::seam;
use crate::supervise::Supervisor;
use crate::update::{Own, units};

/// What the command line says of the link.
pub(crate) struct LinkOptions {
    /// With the configuration that both read.
    pub(crate) data_dir: DataDir,
    pub(crate) socket: PathBuf,
    pub(crate) proxies: ProxyVariables,
}

/// What the command line says of the executor.
pub(crate) struct ExecutorOptions {
    pub(crate) config: PathBuf,
    pub(crate) data_dir: DataDir,
    pub(crate) socket: PathBuf,
    pub(crate) on_stop: OnStop,
    pub(crate) shim: Vec<OsString>,
    pub(crate) policy: HostPolicyFile,
    /// Where the link keeps its identity.
    pub(crate) link_dir: PathBuf,
    pub(crate) version: OwnVersion,
}

/// Keeps the link, and hands what it hears to the executor behind the socket. `ready` is called when the first link is up.
pub(crate) async fn run_link(
    options: LinkOptions,
    stop: CancellationToken,
    ready: impl FnOnce(&Ready),
) -> Result<(), Failure> {
    enrolled(&options.data_dir)?;
    let _lock = options.data_dir.lock().map_err(|error| locked(&error))?;
    let (identity, config) = options.data_dir.load().map_err(|e| Failure::config(&e))?;
    let mut parts = Supervisor::default();
    let (executor, work) = seam::connect(options.socket);
    parts.start("connection to the executor", work);
    let ends = Ends {
        identities: Identities::open(options.data_dir, identity),
        config,
        executor,
        // They are the executor's.
        on_stop: OnStop::Keep,
        proxies: options.proxies,
    };
    serve(ends, parts, stop, ready).await
}

/// Carries out what the controller signed, for the link behind the socket. `ready` is called when the link may connect.
pub(crate) async fn run_executor(
    options: ExecutorOptions,
    stop: CancellationToken,
    ready: impl FnOnce(&Ready),
) -> Result<(), Failure> {
    let config = Config::read(&options.config).map_err(|e| Failure::config(&e))?;
    let _lock = options.data_dir.lock().map_err(|error| locked(&error))?;
    let keys = options.data_dir.path().join(KEYS_FILE);
    if KnownKeys::read(&keys)
        .map_err(|e| Failure::config(&e))?
        .is_empty()
    {
        let text = format!(
            "{} is not there, so that no order of the controller can be checked; let this host join again with --link-user",
            keys.display()
        );
        return Err(Failure::new("E_KEYS", exit::CONFIG, text));
    }
    let user = link_user(&config)?;
    let experiment = experiment::begin(&options.version, options.data_dir.path(), || {
        doctor::Options {
            data_dir: DataDir::new(options.link_dir).with_config(options.config),
            executor_dir: Some(options.data_dir.path().to_owned()),
            shim: options.shim.clone(),
            proxies: ProxyVariables::default(),
        }
    })
    .await?;
    let mut parts = Supervisor::default();
    let policy = host_policy(options.policy, &mut parts)?;
    let base = executor::Config {
        policy,
        ..base(&options.data_dir, &config, options.shim, &options.version)?
    };
    let executor = open_executor(base, &config, &mut parts).await?;
    let socket = seam::Listener::bind(&options.socket, user).map_err(|e| Failure::config(&e))?;
    let proven = CancellationToken::new();
    let serving = socket.serve(executor.clone(), proven.clone());
    parts.start("socket of the link", serving);
    ready(&Ready {
        agent: config.agent,
        name: config.name,
    });
    let stays = async {
        proven.cancelled().await;
        match &experiment {
            Some(experiment) => take_over(experiment).await,
            None => Ok(()),
        }
    };
    let mut stays = std::pin::pin!(stays);
    let mut decided = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            failed = parts.failed() => return Err(Failure::internal(&failed)),
            done = &mut stays, if !decided => {
                done?;
                decided = true;
            }
        }
    }
    if options.on_stop == OnStop::Kill {
        kill_all(&executor).await;
    }
    std::fs::remove_file(&options.socket).ok(); // Replaced by whoever starts next.
    Ok(())
}

/// The controller proved to this executor that it hears the link of this version: it stays, and the units that are enabled start it.
async fn take_over(experiment: &Own) -> Result<(), Failure> {
    let failed = |why: String| Failure::new("E_UPDATE", exit::FAILED, why);
    experiment.commit().map_err(failed)?;
    tracing::info!("The controller took the link: this version stays.");
    if units::is_systemd() {
        if let Err(why) = units::place(&experiment.folder(), &units::STABLE).await {
            tracing::warn!("The units stay as they were: {why}.");
        }
        units::ask_to_start(&units::STABLE).await.map_err(failed)?;
    }
    Ok(())
}

/// The user besides our own and root who may connect.
fn link_user(config: &Config) -> Result<Option<u32>, Failure> {
    let Some(name) = &config.link_user else {
        return Ok(None);
    };
    let user = User::from_name(name).ok().flatten();
    let user = user.ok_or_else(|| {
        let name = crate::failure::printable(name);
        let text = format!("there is no user `{name}`, whom `link_user` of agent.toml names");
        Failure::new("E_CONFIG", exit::CONFIG, text)
    })?;
    Ok(Some(user.uid.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_user_that_is_not_there_is_named() {
        let with = |line: &str| {
            let text = format!(
                "agent = \"0192f3a4b5c67d8e9fa0b1c2d3e4f506\"\nname = \"web-01\"\nlink = \"a.net:1\"\n{line}"
            );
            link_user(&Config::parse(std::path::Path::new("agent.toml"), &text).unwrap())
        };
        assert_eq!(with(""), Ok(None));
        assert_eq!(with("link_user = \"root\""), Ok(Some(0)));
        let none = with("link_user = \"no-such-user\"").unwrap_err();
        assert!(
            none.exit == 78 && none.text.contains("`no-such-user`"),
            "{none}"
        );
    }
}
