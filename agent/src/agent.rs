//! The agent, put together: executor, link and what watches over them, from start to an ordered stop.
//!
//! Reads no arguments, signals or environment.

mod experiment;
mod split;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use shanty_core::ids::{AgentId, HostName};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cgroup::Kernel;
use crate::config::{Address, Config, ConfigError, DataDir, ProxyVariables};
use crate::doctor;
use crate::executor::{self, Handle, State};
use crate::facts;
use crate::failure::{Failure, exit};
use crate::identity::Identities;
use crate::link::dial::Way;
use crate::link::{self, Context, OnStop, Over, Watcher};
use crate::policy::{Keeper, PolicyWatch};
use crate::supervise::Supervisor;

pub(crate) use split::{ExecutorOptions, LinkOptions, run_executor, run_link};

/// What the command line says.
pub(crate) struct Options {
    pub(crate) data_dir: DataDir,
    pub(crate) on_stop: OnStop,
    /// Program and leading arguments of shims.
    pub(crate) shim: Vec<OsString>,
    /// What the environment says of proxies.
    pub(crate) proxies: ProxyVariables,
    pub(crate) policy: HostPolicyFile,
    pub(crate) version: OwnVersion,
}

/// What an agent knows of itself as one of several versions.
pub(crate) struct OwnVersion {
    /// This program.
    pub(crate) program: PathBuf,
    /// Its arguments before a subcommand.
    pub(crate) leading: Vec<OsString>,
    /// It is only tried, and stays when it works.
    pub(crate) experiment: bool,
    /// Tells a program of ours where the files of this agent are.
    pub(crate) place: Vec<OsString>,
}

/// The host's own policy, as the command line names it.
pub(crate) struct HostPolicyFile {
    pub(crate) path: PathBuf,
    /// It was named: without it nothing should run.
    pub(crate) required: bool,
    /// It is read again.
    pub(crate) reload: Arc<Notify>,
}

/// Who is ready.
pub(crate) struct Ready {
    pub(crate) agent: AgentId,
    pub(crate) name: HostName,
}

/// What a link is made of.
struct Ends {
    identities: Identities,
    config: Config,
    executor: Handle,
    on_stop: OnStop,
    proxies: ProxyVariables,
}

/// Runs until `stop` is cancelled, the identity is revoked, or a part fails. `ready` is called when the first link is up.
pub(crate) async fn run(
    options: Options,
    stop: CancellationToken,
    ready: impl FnOnce(&Ready),
) -> Result<(), Failure> {
    enrolled(&options.data_dir)?;
    let _lock = options.data_dir.lock().map_err(|error| locked(&error))?;
    let (identity, config) = options.data_dir.load().map_err(|e| Failure::config(&e))?;
    let experiment = experiment::begin(&options.version, options.data_dir.path(), || {
        doctor::Options {
            data_dir: options.data_dir.clone(),
            executor_dir: None,
            shim: options.shim.clone(),
            proxies: options.proxies.clone(),
        }
    })
    .await?;
    let mut parts = Supervisor::default();
    let policy = host_policy(options.policy, &mut parts)?;
    let base = executor::Config {
        learns: true,
        policy,
        ..base(&options.data_dir, &config, options.shim, &options.version)?
    };
    let executor = open_executor(base, &config, &mut parts).await?;
    let ends = Ends {
        identities: Identities::open(options.data_dir, identity),
        config,
        executor,
        on_stop: options.on_stop,
        proxies: options.proxies,
    };
    let refused = OnceLock::new();
    let stays = |who: &Ready| {
        if let Some(experiment) = &experiment
            && let Err(why) = experiment.commit()
        {
            refused.set(why).ok(); // The first counts.
            return stop.cancel();
        }
        ready(who);
    };
    serve(ends, parts, stop.clone(), stays).await?;
    refused.into_inner().map_or(Ok(()), |why| {
        Err(Failure::new("E_UPDATE", exit::FAILED, why))
    })
}

/// Asked before anything is created: a wrong directory should stay as it is.
fn enrolled(data_dir: &DataDir) -> Result<(), Failure> {
    if data_dir.is_enrolled() {
        return Ok(());
    }
    let error = ConfigError::NotEnrolled(data_dir.path().to_owned());
    Err(Failure::new(
        "E_NOT_ENROLLED",
        exit::CONFIG,
        error.to_string(),
    ))
}

/// Keeps a link between the controller and an executor, to an ordered stop.
async fn serve(
    ends: Ends,
    mut parts: Supervisor,
    stop: CancellationToken,
    ready: impl FnOnce(&Ready),
) -> Result<(), Failure> {
    let Ends {
        identities,
        config,
        executor,
        on_stop,
        proxies,
    } = ends;
    let context = Context {
        agent: config.agent,
        way: way(&config, &config.link, &proxies)?,
        join: match &config.join {
            Some(join) => Some(way(&config, join, &proxies)?),
            None => None,
        },
        identities,
        boot_id: boot_id()?,
        instance: uuid::Uuid::now_v7().simple().to_string(),
        executor: executor.clone(),
        vitals: Watcher::start(config.times.metrics).map_err(|e| Failure::internal(&e))?,
        times: config.times,
        on_stop,
        stop,
    };
    let who = Ready {
        agent: config.agent,
        name: config.name,
    };
    let work = keep_until_over(&context, &executor, || ready(&who));
    let over = tokio::select! {
        over = work => over,
        failed = parts.failed() => return Err(Failure::internal(&failed)),
    };
    if let Over::Revoked(text) = &over {
        tracing::error!(
            reason = text,
            "The controller revoked this agent. Its executions are killed."
        );
        kill_all(&executor).await;
    }
    drop((context, executor));
    // With its last handle gone the executor ends; what it still writes is finished first.
    tokio::time::timeout(link::KILL, parts.ended()).await.ok();
    match over {
        Over::Stopped => Ok(()),
        Over::Out(text) => Err(Failure::new("E_EXPIRED", exit::REFUSED, text)),
        Over::Revoked(text) => {
            let text = format!("The controller revoked this agent: {text}");
            Err(Failure::new("E_REVOKED", exit::REFUSED, text))
        }
    }
}

/// Keeps the link; when the agent stops and takes its executions along, kills them while the link still tells how they ended.
async fn keep_until_over(context: &Context, executor: &Handle, ready: impl FnOnce()) -> Over {
    let ended = CancellationToken::new();
    let keep = async {
        let over = link::keep(context, ready).await;
        ended.cancel();
        over
    };
    let kill = async {
        tokio::select! {
            biased;
            () = context.stop.cancelled() => {
                if context.on_stop == OnStop::Kill {
                    kill_all(executor).await;
                }
            }
            () = ended.cancelled() => {}
        }
    };
    let (over, ()) = tokio::join!(keep, kill);
    over
}

/// Kills every execution, also those that are only just starting, and waits until none runs, for [`link::KILL`] at most.
async fn kill_all(executor: &Handle) {
    let mut held = executor.watch();
    let mut told = BTreeSet::new();
    let killing = async {
        // Nothing can come after what is seen from here on.
        executor.close().await;
        loop {
            let running: Vec<_> = held
                .borrow_and_update()
                .iter()
                .filter(|(_, status)| status.state == State::Running)
                .map(|(run, _)| *run)
                .collect();
            if running.is_empty() {
                return;
            }
            for run in running {
                if told.insert(run) {
                    executor.cancel(run, true).await;
                }
            }
            if held.changed().await.is_err() {
                return;
            }
        }
    };
    if tokio::time::timeout(link::KILL, killing).await.is_err() {
        tracing::error!("Some executions could not be killed; their shims go on.");
    }
}

/// What the executor is told by the configuration.
fn base(
    data_dir: &DataDir,
    config: &Config,
    shim: Vec<OsString>,
    version: &OwnVersion,
) -> Result<executor::Config, Failure> {
    // Shims run elsewhere, so a relative directory would be another one for them.
    let path = std::path::absolute(data_dir.path()).map_err(|e| Failure::internal(&e))?;
    Ok(executor::Config {
        mask: config.mask.clone(),
        surroundings: config.command.clone(),
        upkeep: version.upkeep(),
        ..executor::Config::new(path, config.agent, config.run_as.clone(), shim)
    })
}

/// Opens it, once it is known what each command may use as a whole.
async fn open_executor(
    base: executor::Config,
    config: &Config,
    parts: &mut Supervisor,
) -> Result<Handle, Failure> {
    config
        .command
        .check()
        .map_err(|text| Failure::new("E_CONFIG", exit::CONFIG, text))?;
    let base = executor::Config {
        limits: tried_limits(config),
        ..base
    };
    let (executor, work) = executor::open(base)
        .await
        .map_err(|e| Failure::config(&e))?;
    parts.start("executor", work);
    Ok(executor)
}

/// Reads the host's own policy, and again whenever that is asked for, as long as somebody goes by it.
fn host_policy(file: HostPolicyFile, parts: &mut Supervisor) -> Result<PolicyWatch, Failure> {
    let keeper = Keeper::open(file.path, file.required).map_err(|e| Failure::config(&e))?;
    let watch = keeper.watch();
    parts.start("host policy", async move {
        loop {
            tokio::select! {
                () = file.reload.notified() => keeper.reload(),
                () = keeper.unwatched() => return,
            }
        }
    });
    Ok(watch)
}

fn way(config: &Config, address: &Address, proxies: &ProxyVariables) -> Result<Way, Failure> {
    let proxy = config.proxy.proxy_to(address, proxies);
    let proxy = proxy.map_err(|e| Failure::new("E_PROXY", exit::CONFIG, e.to_string()))?;
    Ok(Way {
        address: address.clone(),
        proxy,
    })
}

/// What of the limits on a whole command is to be had here, for people.
fn tried_limits(config: &Config) -> String {
    let (kernel, allowance) = (Kernel::here(), config.command.allowance());
    let limits = kernel.said(config.agent, allowance);
    if allowance.processes.is_some()
        && runs_as_root(&config.run_as)
        && !kernel.limits_processes(config.agent, allowance)
    {
        tracing::warn!(
            "max_processes of agent.toml does not hold commands that run as root: this host offers no control group for them."
        );
    }
    if allowance.memory.is_some() {
        tracing::info!("Each command: {limits}.");
    }
    limits
}

fn runs_as_root(run_as: &[String]) -> bool {
    let own = run_as.is_empty() && nix::unistd::geteuid().is_root();
    own || run_as.iter().any(|name| name == "root")
}

fn boot_id() -> Result<String, Failure> {
    let id = facts::boot_id().map_err(|e| Failure::internal(&e))?;
    Ok(uuid::Uuid::from_bytes(id).to_string())
}

/// Another agent in the directory may end soon; anything else has to be put right.
fn locked(error: &ConfigError) -> Failure {
    match error {
        ConfigError::InUse(_) => Failure::new("E_IN_USE", exit::TRY_AGAIN, error.to_string()),
        ConfigError::File(_) => Failure::new("E_PERM", exit::CONFIG, error.to_string()),
        _ => Failure::config(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use prost::Message as _;
    use shanty_certs::orders::{KnownKeys, OrderKey};
    use shanty_core::ids::RunId;
    use shanty_proto::v1;
    use tokio::runtime::Builder;
    use tokio::task::spawn_blocking;

    use super::*;
    use crate::executor::{ClockOffset, Signed};

    #[test]
    fn killing_all_waits_for_an_order_that_is_being_accepted() {
        // The one thread for blocking work is occupied until the test lets go of it, and the order waits there.
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(1).build();
        runtime.unwrap().block_on(async {
            let data = tempfile::tempdir().unwrap();
            let (agent, run) = (AgentId::from_bytes([1; 16]), RunId::from_bytes([2; 16]));
            let own = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap();
            // A shim that is gone at once: nothing of its execution began, and so it is over.
            let config = executor::Config::new(
                data.path().to_owned(),
                agent,
                vec![own.unwrap().name],
                vec!["/bin/true".into()],
            );
            let key = OrderKey::generate().unwrap();
            let known = KnownKeys::of(*key.public());
            known.write(&data.path().join(executor::KEYS_FILE)).unwrap();
            let mut parts = Supervisor::default();
            let (executor, work) = executor::open(config).await.unwrap();
            parts.start("executor", work);
            let (stuck, until_dropped) = mpsc::channel::<()>();
            spawn_blocking(move || until_dropped.recv());
            let order = v1::ExecutionOrder {
                run: run.to_string(),
                agent: agent.to_string(),
                not_after_ms: 1_000,
                what: Some(v1::execution_order::What::Command("true".to_owned())),
                ..v1::ExecutionOrder::default()
            };
            let killed = async {
                kill_all(&executor).await;
                let status = executor.watch().borrow().get(&run).cloned();
                assert!(matches!(status.unwrap().state, State::Refused(_)));
            };
            let later = async {
                let mut seen = executor.watch();
                seen.wait_for(|held| held.contains_key(&run)).await.unwrap();
                drop(stuck);
            };
            let order = order.encode_to_vec();
            let signed = Signed {
                sig: key.sign(&order),
                key_id: key.public().id(),
                order,
            };
            let start = executor.start(signed, ClockOffset::new(0));
            let (started, (), ()) = tokio::join!(start, killed, later);
            assert!(started.is_ok());
        });
    }
}
