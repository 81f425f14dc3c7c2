//! The arguments of the agent in two processes.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{
    DataDirArg, PolicyArg, ShimArgs, TriedArg, absolute, announce, drive, proxies, start_log,
};
use crate::agent::{ExecutorOptions, LinkOptions, run_executor, run_link};
use crate::config::{self, DataDir, split};
use crate::failure::Failure;
use crate::link::OnStop;

#[derive(Debug, Args)]
pub(super) struct LinkArgs {
    #[command(flatten)]
    files: FilesArg,
    #[command(flatten)]
    data_dir: DataDirArg,
    /// Stop when standard input ends.
    #[arg(long)]
    exit_with_stdin: bool,
    /// Print errors as one JSON line too.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExecutorArgs {
    #[command(flatten)]
    files: FilesArg,
    /// Where executions and the controller's key are kept, closed to the link.
    #[arg(long, value_name = "DIR", default_value = split::EXECUTOR_DIR)]
    data_dir: PathBuf,
    /// Where the link keeps its identity, for what the executor looks at.
    #[arg(long, value_name = "DIR", default_value = config::DATA_DIR)]
    link_dir: PathBuf,
    #[command(flatten)]
    tried: TriedArg,
    #[command(flatten)]
    policy: PolicyArg,
    /// What becomes of executions when the executor stops.
    #[arg(long, default_value = "keep")]
    on_stop: OnStop,
    #[command(flatten)]
    shim: ShimArgs,
    /// Stop when standard input ends.
    #[arg(long)]
    exit_with_stdin: bool,
    /// Print errors as one JSON line too.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
struct FilesArg {
    /// Configuration of both, which nobody but root may write.
    #[arg(long, value_name = "FILE", default_value = split::CONFIG)]
    config: PathBuf,
    /// Where link and executor meet.
    #[arg(long, value_name = "PATH", default_value = split::SOCKET)]
    socket: PathBuf,
}

pub(super) fn link_main(args: LinkArgs) -> Result<(), Failure> {
    start_log();
    let options = LinkOptions {
        data_dir: DataDir::new(args.data_dir.data_dir).with_config(args.files.config),
        socket: args.files.socket,
        proxies: proxies(),
    };
    let stop = CancellationToken::new();
    let run = run_link(options, stop.clone(), announce);
    // There is nothing that it would read again.
    drive(run, (stop, Arc::default()), args.exit_with_stdin)
}

pub(super) fn executor_main(args: ExecutorArgs) -> Result<(), Failure> {
    start_log();
    let reload = Arc::default();
    let place = vec![
        "--config".into(),
        absolute(&args.files.config),
        "--executor-dir".into(),
        absolute(&args.data_dir),
        "--data-dir".into(),
        absolute(&args.link_dir),
    ];
    let options = ExecutorOptions {
        link_dir: args.link_dir,
        version: args.tried.version(place)?,
        config: args.files.config,
        data_dir: DataDir::new(args.data_dir),
        socket: args.files.socket,
        on_stop: args.on_stop,
        shim: args.shim.command()?,
        policy: args.policy.file(&reload),
    };
    let stop = CancellationToken::new();
    let run = run_executor(options, stop.clone(), announce);
    drive(run, (stop, reload), args.exit_with_stdin)
}
