//! `shanty hosts update` and `shanty hosts doctor`: what agents do to themselves, as a run like any other.

use clap::{Args, ValueHint};
use shanty_core::ask::RunOption;
use shanty_proto::v1;

use crate::cli::client::{Client, Failure};
use crate::cli::complete::completer;
use crate::cli::run::{self, PATIENCE, Way};
use crate::cli::{AdminArgs, not_empty};

/// How it is asked for, shown and followed.
#[derive(Args, Debug)]
pub(super) struct FollowArgs {
    /// Do it without being asked
    #[arg(long, short)]
    yes: bool,
    /// Show on which hosts it would be done, and do nothing
    #[arg(long, conflicts_with_all = ["yes", "detach"])]
    dry_run: bool,
    /// Start it, print its number, and leave
    #[arg(long)]
    detach: bool,
    /// Print lines as they come, behind the name of their host; as without a terminal
    #[arg(long)]
    stream: bool,
    /// What becomes of hosts that are away: fail, skip, queue or queue:2h [default: fail, once you said yes]
    #[arg(long, value_name = "WHAT")]
    offline: Option<String>,
    /// Time before it is stopped, such as 90s or 10m [default: 15m for an update, 2m for a doctor]
    #[arg(long, value_name = "DURATION")]
    timeout: Option<String>,
    /// How long a controller that went away is waited for
    #[arg(long, value_name = "DURATION", default_value = PATIENCE)]
    reconnect: String,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

#[derive(Args, Debug)]
pub(super) struct UpdateArgs {
    /// Which hosts, for example: is:outdated
    #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
    selector: String,
    /// To this version [default: the one that the controller hands out]
    #[arg(long, value_name = "VERSION", value_parser = not_empty)]
    to: Option<String>,
    /// Also where that is an older one, if its release allows it
    #[arg(long)]
    older: bool,
    /// Start in waves: numbers of hosts or parts of all; the last repeats [default: 1,25%,100%]
    #[arg(long, value_name = "SIZES", value_parser = not_empty)]
    batch: Option<String>,
    /// So many hosts at once
    #[arg(long, value_name = "HOSTS", value_parser = not_empty)]
    parallel: Option<String>,
    /// Hosts that come back as they were and are borne, such as 3 or 2%; with one more no further host starts [default: 0]
    #[arg(long, value_name = "HOSTS", value_parser = not_empty)]
    max_fail: Option<String>,
    /// Wait after the first wave, or after every one, for `shanty runs continue`
    #[arg(long, value_name = "WHEN", value_parser = ["first", "every"])]
    pause: Option<String>,
    #[command(flatten)]
    pub(super) follow: FollowArgs,
}

#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// Which hosts, for example: web-01
    #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
    selector: String,
    #[command(flatten)]
    pub(super) follow: FollowArgs,
}

pub(super) async fn update(client: &Client, args: UpdateArgs) -> Result<u8, Failure> {
    let update = v1::Update {
        version: args.to.unwrap_or_default(),
        older: args.older,
    };
    let typed = [
        (RunOption::Batch, args.batch),
        (RunOption::Parallel, args.parallel),
        (RunOption::MaxFail, args.max_fail),
        (RunOption::Pause, args.pause),
    ];
    let kind = v1::upkeep::Kind::Update(update);
    carry_out(client, args.selector, kind, &typed, &args.follow).await
}

pub(super) async fn doctor(client: &Client, args: DoctorArgs) -> Result<u8, Failure> {
    let kind = v1::upkeep::Kind::Doctor(v1::Doctor {});
    carry_out(client, args.selector, kind, &[], &args.follow).await
}

async fn carry_out(
    client: &Client,
    selector: String,
    kind: v1::upkeep::Kind,
    typed: &[(RunOption, Option<String>)],
    follow: &FollowArgs,
) -> Result<u8, Failure> {
    let patience = run::patience(&follow.reconnect)?;
    let both = [
        (RunOption::Offline, follow.offline.clone()),
        (RunOption::Timeout, follow.timeout.clone()),
    ];
    let typed = typed.iter().cloned().chain(both);
    let request = v1::StartRunRequest {
        selector,
        options: typed
            .filter_map(|(option, text)| Some((option.name().to_owned(), text?)))
            .collect(),
        upkeep: Some(v1::Upkeep { kind: Some(kind) }),
        ..v1::StartRunRequest::default()
    };
    let way = Way {
        yes: follow.yes,
        dry_run: follow.dry_run,
        detach: follow.detach,
        stream: follow.stream,
        json: follow.admin.json,
        patience,
    };
    run::upkeep(client, request, &way).await
}
