//! The agent in two processes: the link, which speaks with the network and can do nothing else, and the executor, which does what the
//! controller signed and hears nobody but the link.

use std::ffi::OsString;
use std::path::PathBuf;

use nix::unistd::User;
use shanty_certs::orders::KnownKeys;
use tokio_util::sync::CancellationToken;

use super::{
    Ends, HostPolicyFile, Ready, base, enrolled, host_policy, kill_all, locked, open_executor,
    serve,
};
use crate::config::{Config, DataDir, ProxyVariables};
use crate::executor::{self, KEYS_FILE};
use crate::failure::{Failure, exit};
use crate::identity::Identities;
use crate::link::OnStop;
use crate::seam;
use crate::supervise::Supervisor;

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
    let mut parts = Supervisor::default();
    let policy = host_policy(options.policy, &mut parts)?;
    let base = executor::Config {
        policy,
        ..base(&options.data_dir, &config, options.shim)?
    };
    let executor = open_executor(base, &config, &mut parts).await?;
    let socket = seam::Listener::bind(&options.socket, user).map_err(|e| Failure::config(&e))?;
    parts.start("socket of the link", socket.serve(executor.clone()));
    ready(&Ready {
        agent: config.agent,
        name: config.name,
    });
    tokio::select! {
        () = stop.cancelled() => {}
        failed = parts.failed() => return Err(Failure::internal(&failed)),
    }
    if options.on_stop == OnStop::Kill {
        kill_all(&executor).await;
    }
    std::fs::remove_file(&options.socket).ok(); // Replaced by whoever starts next.
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
