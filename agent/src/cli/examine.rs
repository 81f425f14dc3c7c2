//! What looks at a host: the doctor, and what is gathered for somebody else.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::installed::split_or_not;
use super::{DataDirArg, ShimArgs, absolute, finish, out, proxies, runtime};
use crate::config::{DataDir, split};
use crate::failure::{Failure, exit};
use crate::{doctor, support};

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON line.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SupportArgs {
    #[command(flatten)]
    host: HostArgs,
    /// Where to write it, or - for standard output. A file that is there stays.
    #[arg(long, value_name = "FILE", default_value = "shanty-agent-support.txt")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct HostArgs {
    #[command(flatten)]
    data_dir: DataDirArg,
    /// Configuration of link and executor [default: /etc/shanty/agent.toml, where the data directory has none].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the executor keeps, where it is a process of its own.
    #[arg(long, value_name = "DIR", default_value = split::EXECUTOR_DIR)]
    executor_dir: PathBuf,
    #[command(flatten)]
    shim: ShimArgs,
}

impl HostArgs {
    /// The same arguments for another program of ours.
    pub(super) fn place(&self) -> Vec<OsString> {
        let mut place = vec![
            "--data-dir".into(),
            absolute(&self.data_dir.data_dir),
            "--executor-dir".into(),
            absolute(&self.executor_dir),
        ];
        if let Some(config) = &self.config {
            place.extend(["--config".into(), absolute(config)]);
        }
        place
    }
}

pub(super) fn doctor_main(args: DoctorArgs) -> ExitCode {
    let json = args.json;
    match examined(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(exit::FAILED),
        Err(failure) => finish(Err(failure), json),
    }
}

/// Looks at this host and prints what was found; true when it is healthy.
fn examined(args: DoctorArgs) -> Result<bool, Failure> {
    let options = examination(args.host)?;
    let findings = runtime()?.block_on(doctor::look(&options));
    let healthy = findings.is_healthy();
    if args.json {
        out::line(&serde_json::json!({
            "event": "doctor", "healthy": healthy, "points": findings.points,
        }))?;
    } else {
        out::text(&findings.text())?;
    }
    Ok(healthy)
}

pub(super) fn support_main(args: SupportArgs) -> Result<(), Failure> {
    let options = examination(args.host)?;
    let path = args.output;
    let bundle = || Ok::<_, Failure>(runtime()?.block_on(support::bundle(&options)));
    if path == Path::new("-") {
        return out::text(bundle()?.trim_end());
    }
    let failed = |error: std::io::Error| {
        let text = format!("{} cannot be written: {error}", path.display());
        Failure::new("E_OUTPUT", exit::CREATE, text)
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    let bundle = bundle()?;
    file.write_all(bundle.as_bytes()).map_err(failed)?;
    out::text(&format!(
        "Written to {}. Read it before you send it.",
        path.display()
    ))
}

pub(super) fn examination(host: HostArgs) -> Result<doctor::Options, Failure> {
    let data_dir = DataDir::new(host.data_dir.data_dir);
    let (data_dir, split) = split_or_not(data_dir, host.config);
    Ok(doctor::Options {
        executor_dir: split.then_some(host.executor_dir),
        data_dir,
        shim: host.shim.command()?,
        proxies: proxies(),
    })
}
