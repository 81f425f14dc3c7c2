//! A command is started, its output and exit code are taken, and another one is stopped, by an executor in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prost::Message as _;
use shanty_certs::orders::{KnownKeys, OrderKey};
use shanty_core::causes::chain;
use shanty_core::ids::RunId;
use shanty_core::spool::{Decoder, Exit, How, Record};
use shanty_proto::v1;
use shanty_proto::v1::execution_order::What;

use super::{Options, Point};
use crate::config::Config;
use crate::executor::{self, ClockOffset, Handle, KEYS_FILE, Signed, State};
use crate::supervise::Supervisor;

/// A step that takes longer is given up.
const STEP: Duration = Duration::from_secs(15);

/// What the command prints, and how it ends.
const COMMAND: &str = "printf trial; exit 3";

pub(super) async fn look(config: &Config, options: &Options) -> Point {
    let begun = Instant::now();
    let folder = match Folder::make(options.work_dir()) {
        Ok(folder) => folder,
        Err(error) => {
            return Point::broken("trial", format!("no folder for it can be made: {error}"));
        }
    };
    let user = config.run_as.first().map_or("this user", String::as_str);
    match run(config, options, &folder.0).await {
        Ok(()) => {
            let took = begun.elapsed().as_millis();
            Point::fine(
                "trial",
                format!("a command ran as {user}, and another was stopped, {took} ms"),
            )
        }
        Err(text) => Point::broken("trial", format!("a command as {user}: {text}")),
    }
}

async fn run(config: &Config, options: &Options, folder: &Path) -> Result<(), String> {
    let executor = executor::Config {
        surroundings: config.command.clone(),
        ..executor::Config::new(
            folder.to_owned(),
            config.agent,
            config.run_as.clone(),
            options.shim.clone(),
        )
    };
    // Orders of a trial are signed by a key that nobody else has, and that goes with its folder.
    let key = OrderKey::generate().map_err(|error| chain(&error))?;
    let known = KnownKeys::of(*key.public()).write(&folder.join(KEYS_FILE));
    known.map_err(|error| chain(&error))?;
    let mut parts = Supervisor::default();
    let (executor, work) = executor::open(executor)
        .await
        .map_err(|error| chain(&error))?;
    parts.start("executor", work);

    let ran = start(&executor, config, &key, COMMAND).await?;
    let (printed, exit) = ended(&executor, ran).await?;
    if printed != b"trial" || exit.how != How::Code(3) {
        let printed = String::from_utf8_lossy(&printed)
            .chars()
            .take(80)
            .collect::<String>();
        return Err(format!(
            "it printed `{printed}` and ended as {:?}",
            exit.how
        ));
    }
    let stopped = start(&executor, config, &key, "exec sleep 600").await?;
    executor.cancel(stopped, true).await;
    ended(&executor, stopped).await?;
    drop(executor);
    tokio::time::timeout(STEP, parts.ended()).await.ok(); // What it still writes is in a folder that goes.
    Ok(())
}

async fn start(
    executor: &Handle,
    config: &Config,
    key: &OrderKey,
    command: &str,
) -> Result<RunId, String> {
    let run = RunId::from_bytes(*uuid::Uuid::now_v7().as_bytes());
    let order = v1::ExecutionOrder {
        run: run.to_string(),
        agent: config.agent.to_string(),
        not_after_ms: 60_000,
        what: Some(What::Command(command.to_owned())),
        ..v1::ExecutionOrder::default()
    };
    // The trial's own clock begins at zero.
    let order = order.encode_to_vec();
    let order = Signed {
        sig: key.sign(&order),
        key_id: key.public().id(),
        order,
    };
    let started = executor.start(order, ClockOffset::new(0)).await;
    started.map(|_| run).map_err(|refusal| refusal.text)
}

/// What it printed and how it ended.
async fn ended(executor: &Handle, run: RunId) -> Result<(Vec<u8>, Exit), String> {
    let mut held = executor.watch();
    let over = held.wait_for(|held| {
        held.get(&run)
            .is_some_and(|status| status.state != State::Running)
    });
    let status = match tokio::time::timeout(STEP, over).await {
        Ok(Ok(held)) => held.get(&run).cloned(),
        Ok(Err(_)) => return Err("the executor stopped".to_owned()),
        Err(_) => return Err("it does not end".to_owned()),
    };
    if let Some(State::Refused(refusal)) = status.map(|status| status.state) {
        return Err(refusal.text);
    }
    let spool = executor.read(run, 0, 64 * 1024).await;
    let spool = spool.map_err(|error| chain(&error))?;
    let mut decoder = Decoder::new();
    decoder.push(&spool);
    let mut printed = Vec::new();
    while let Some((record, _)) = decoder.next_record().map_err(|error| chain(&error))? {
        match record {
            Record::Out { bytes, .. } | Record::Err { bytes, .. } => printed.extend(bytes),
            Record::Exit(exit) => return Ok((printed, exit)),
            Record::Header(_) | Record::Truncated { .. } | Record::Unknown { .. } => {}
        }
    }
    Err("its record has no end".to_owned())
}

/// A folder that goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn make(data_dir: &Path) -> std::io::Result<Self> {
        // Shims run elsewhere, so a relative directory would be another one for them.
        let data_dir = std::path::absolute(data_dir)?;
        let folder = data_dir.join(format!("doctor-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok(); // Named after what it is for, should somebody find it.
    }
}
