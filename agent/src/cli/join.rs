//! Enrolling this host.

use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::{DataDirArg, out, proxies, runtime, start_log};
use crate::config::{self, Address, DataDir, Split};
use crate::failure::Failure;
use crate::join;

#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    /// Join listener of the controller, dialled through the proxy of HTTPS_PROXY or ALL_PROXY unless NO_PROXY names it.
    #[arg(long, value_name = "HOST:PORT")]
    server: Address,
    /// Name of this host in Shanty [default: the host name in lower case].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    data_dir: DataDirArg,
    /// File with the join token, or - for standard input. Without it SHANTY_TOKEN is used, else standard input.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Users that commands may run as; the first is the default. Required for root.
    #[arg(long, value_name = "USER,USER", value_delimiter = ',')]
    run_as: Vec<String>,
    /// Link listener to dial from now on, when the one that the controller names cannot be reached from here.
    #[arg(long, value_name = "HOST:PORT")]
    link: Option<Address>,
    /// Set up for two processes, `shanty-agent link` as this user and `shanty-agent executor` as the one who joins.
    #[arg(long, value_name = "USER")]
    link_user: Option<String>,
    /// Configuration of both.
    #[arg(long, value_name = "FILE", requires = "link_user", default_value = config::split::CONFIG)]
    config: PathBuf,
    /// What the executor keeps.
    #[arg(long, value_name = "DIR", requires = "link_user", default_value = config::split::EXECUTOR_DIR)]
    executor_dir: PathBuf,
    /// Print the outcome as one JSON line.
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn join_main(args: JoinArgs) -> Result<(), Failure> {
    start_log();
    let data_dir = DataDir::new(args.data_dir.data_dir);
    let split = args.link_user.as_deref();
    let split = split.map(|user| Split::new(user, args.config.clone(), args.executor_dir));
    let split = split.transpose().map_err(join::JoinError::from)?;
    let options = join::Options {
        server: args.server,
        link: args.link,
        name: args.name,
        data_dir: match &split {
            Some(_) => data_dir.with_config(args.config),
            None => data_dir,
        },
        split,
        token_file: args.token_file,
        token: std::env::var("SHANTY_TOKEN").ok().map(Zeroizing::new),
        run_as: args.run_as,
        proxies: proxies(),
    };
    let split = options.split.is_some();
    let joined = runtime()?.block_on(join::join(options))?;
    let (agent, name, link) = (joined.agent, joined.name, joined.link);
    let key = hex::encode(joined.key_sha256);
    // What was done is done: that it cannot be said is told.
    if args.json {
        out::line(&serde_json::json!({
            "event": "joined", "agent": agent.to_string(), "name": name.as_str(), "link": link.to_string(),
            "key_sha256": key,
        }))
    } else {
        out::line(&format_args!(
            "Joined as {name}. Start the agent with {}.\nKey: sha256:{key}",
            if split {
                "`shanty-agent executor` and `shanty-agent link`, or `systemctl restart shanty-executor shanty-agent`: one that \
                 went on would be the agent before"
            } else {
                "`shanty-agent run`"
            }
        ))
    }
}
