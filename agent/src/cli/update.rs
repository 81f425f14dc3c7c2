//! The arguments of what replaces this program by another version of itself.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use shanty_core::version::Version;
use tokio_util::sync::CancellationToken;

use super::examine::HostArgs;
use super::{DataDirArg, PolicyArg, finish, out, proxies, runtime, start_log, stop_with_stdin};
use crate::doctor;
use crate::failure::{Failure, exit};
use crate::parent;
use crate::update::{self, home};

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// The version, which the controller has to offer.
    #[arg(long, value_name = "VERSION")]
    to: Version,
    /// It may be an older one than runs here, where its release allows that.
    #[arg(long)]
    older: bool,
    /// Try a version again that came back.
    #[arg(long)]
    again: bool,
    /// Look whether the version can be taken, and change nothing.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    host: HostArgs,
    /// Roots of releases that count on this host, above those that came with the program.
    #[arg(long, value_name = "FILE", default_value = update::OWNERS_ROOTS)]
    roots: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct SuperviseArgs {
    /// The folder above `versions` and `stable` [default: the one that this program lies in, else /opt/shanty].
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(flatten)]
    data_dir: DataDirArg,
    #[command(flatten)]
    policy: PolicyArg,
    /// How long a version that is tried has to connect, such as 60s: 10 minutes at most.
    #[arg(long, value_name = "TIME", value_parser = within, default_value = "60s")]
    within: Duration,
    /// Stop when standard input ends.
    #[arg(long)]
    exit_with_stdin: bool,
}

fn within(typed: &str) -> Result<Duration, String> {
    let ms = shanty_core::text::parse_duration(typed);
    let ms = ms.filter(|ms| (1_000..=600_000).contains(ms));
    ms.map(Duration::from_millis)
        .ok_or_else(|| "it is a time from 1s to 10m".to_owned())
}

pub(super) fn update_main(args: UpdateArgs) -> Result<(), Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::internal(&error))?;
    let place = args.host.place();
    let host = super::examine::examination(args.host)?;
    let options = update::Options {
        to: args.to,
        older: args.older,
        again: args.again,
        check: args.check,
        work_dir: host.work_dir().to_owned(),
        data_dir: host.data_dir,
        proxies: proxies(),
        owners_roots: args.roots,
        program,
        place,
    };
    let mut say = |line: &str| {
        out::text(line).ok(); // What is done is done, whoever reads it.
    };
    runtime()?.block_on(update::update(&options, &mut say))
}

/// Only the trial of the doctor: what another version is asked for before it takes over.
pub(super) fn trial_main(host: HostArgs) -> Result<(), Failure> {
    let options = super::examine::examination(host)?;
    let tried = runtime()?.block_on(doctor::trial_only(&options));
    tried.map_err(|text| Failure::new("E_TRIAL", exit::FAILED, text))
}

pub(super) fn supervise_main(args: SuperviseArgs) -> ExitCode {
    start_log();
    match supervised(args) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => finish(Err(failure), false),
    }
}

fn supervised(args: SuperviseArgs) -> Result<u8, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::internal(&error))?;
    let own = || home::Home::of_program(&program).map(|home| home.path().to_owned());
    let home = args.home.or_else(own).unwrap_or_else(|| home::USUAL.into());
    let data_dir = args.data_dir.data_dir;
    let mut run: Vec<OsString> = vec!["--data-dir".into(), data_dir.clone().into()];
    if let Some(policy) = args.policy.host_policy {
        run.extend(["--host-policy".into(), policy.into()]);
    }
    // What runs goes on through updates, and so through everything else.
    run.extend(["--on-stop".into(), "keep".into()]);
    let options = parent::Options {
        home,
        data_dir,
        run,
        within: args.within,
        stop: CancellationToken::new(),
    };
    if args.exit_with_stdin {
        stop_with_stdin(options.stop.clone())?;
    }
    runtime()?.block_on(parent::keep(options))
}
