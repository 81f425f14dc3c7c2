//! `shanty hosts`: who is there.

use clap::{Args, Subcommand, ValueHint};
use shanty_core::text::{count, duration, size};
use shanty_proto::convert::{labels_from_wire, principal_from_wire};
use shanty_proto::v1;
use shanty_proto::v1::host_info::Trouble;

use super::client::{Client, Failure};
use super::complete::completer;
use super::{AdminArgs, exit, words};
use crate::clock::now_ms;

#[derive(Args, Debug)]
pub(super) struct HostsArgs {
    #[command(subcommand)]
    command: Option<HostsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Args, Debug)]
struct ListArgs {
    /// Which hosts, for example: 'env=prod !web-03'
    #[arg(add = completer(), value_hint = ValueHint::Other)]
    selector: Option<String>,
    /// Print names only, one a line
    #[arg(long)]
    names: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Subcommand, Debug)]
enum HostsCommand {
    /// Show all that is known of hosts
    Show {
        /// Which hosts, for example: web-01
        #[arg(value_name = "SELECTOR", add = completer(), value_hint = ValueHint::Other)]
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Change the labels of hosts
    Label {
        /// Which hosts, for example: web-01
        #[arg(add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        /// key=value sets a label, key- removes it
        #[arg(required = true, value_name = "KEY=VALUE|KEY-")]
        labels: Vec<String>,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Ask hosts to take no new runs; what runs there goes on
    Drain {
        /// Which hosts, for example: web-01
        #[arg(add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Let hosts take new runs again
    Undrain {
        /// Which hosts, for example: is:draining
        #[arg(add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove a host for good: its identity is refused from now on
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

impl HostsArgs {
    pub(super) const fn admin(&self) -> &AdminArgs {
        match &self.command {
            None => &self.list.admin,
            Some(
                HostsCommand::Show { admin, .. }
                | HostsCommand::Label { admin, .. }
                | HostsCommand::Drain { admin, .. }
                | HostsCommand::Undrain { admin, .. }
                | HostsCommand::Remove { admin, .. },
            ) => admin,
        }
    }
}

pub(super) async fn hosts(args: HostsArgs) -> Result<u8, Failure> {
    let client = Client::connect(args.admin()).await?;
    match args.command {
        None => list(&client, args.list).await,
        Some(HostsCommand::Show { name, admin }) => show(&client, name, &admin).await,
        Some(HostsCommand::Label {
            selector,
            labels,
            admin,
        }) => label(&client, selector, labels.join(" "), &admin).await,
        Some(HostsCommand::Drain { selector, admin }) => {
            drain(&client, selector, true, &admin).await
        }
        Some(HostsCommand::Undrain { selector, admin }) => {
            drain(&client, selector, false, &admin).await
        }
        Some(HostsCommand::Remove { name, admin }) => {
            let request = v1::HostRemoveRequest { name: name.clone() };
            client
                .call(|mut api| async move { api.host_remove(request).await })
                .await?;
            said(
                &admin,
                "removed",
                &name,
                "was removed; its agent is told to stop",
            );
            Ok(exit::OK)
        }
    }
}

async fn list(client: &Client, args: ListArgs) -> Result<u8, Failure> {
    let request = v1::HostsRequest {
        selector: args.selector.unwrap_or_default(),
    };
    let reply = client
        .call(|mut api| async move { api.hosts(request).await })
        .await?;
    if args.names {
        for host in &reply.hosts {
            println!("{}", host.name);
        }
    } else if args.admin.json {
        for host in &reply.hosts {
            println!("{}", json(host));
        }
    } else if reply.hosts.is_empty() {
        println!("No host has joined yet. `shanty token create` makes a token for one.");
    } else {
        for line in table(&reply.hosts) {
            println!("{line}");
        }
        let online = reply.hosts.iter().filter(|host| host.online).count();
        eprintln!("{}, {online} online", count(reply.hosts.len(), "host"));
    }
    Ok(exit::OK)
}

fn table(hosts: &[v1::HostInfo]) -> Vec<String> {
    let width = hosts
        .iter()
        .map(|host| host.name.len())
        .max()
        .unwrap_or(0)
        .max(4);
    let mut lines = vec![format!(
        "{:width$}  {:8}  {:>4}  {:>5}  {:>4}  {:>8}  {:24}  LABELS",
        "NAME", "STATE", "CPUS", "LOAD", "MEM", "UP", "SYSTEM"
    )];
    for host in hosts {
        let state = state(host);
        let (cpus, load, memory, up, system) = match (&host.facts, &host.metrics) {
            (Some(facts), Some(metrics)) => (
                facts.cpus.to_string(),
                format!("{:.2}", metrics.load1),
                percent(metrics.memory_used_bytes, facts.memory_bytes),
                duration(metrics.uptime_s.saturating_mul(1_000)),
                facts.os.chars().take(24).collect(),
            ),
            _ => (
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
            ),
        };
        lines.push(format!(
            "{:width$}  {state:8}  {cpus:>4}  {load:>5}  {memory:>4}  {up:>8}  {system:24}  {}",
            host.name,
            labels(host)
        ));
    }
    lines
}

/// In at most eight characters while something is known: what chat shows too, the worst that is wrong with it.
fn state(host: &v1::HostInfo) -> String {
    match host.trouble() {
        Trouble::Offline => away(host),
        trouble @ (Trouble::Unspecified
        | Trouble::None
        | Trouble::Stale
        | Trouble::Full
        | Trouble::Draining
        | Trouble::Outdated) => words::host(trouble).to_owned(),
    }
}

fn away(host: &v1::HostInfo) -> String {
    match host.seen_ms {
        0 => words::host(Trouble::Offline).to_owned(),
        seen => format!("off {}", duration(now_ms().saturating_sub(seen))),
    }
}

fn percent(part: u64, whole: u64) -> String {
    part.saturating_mul(100)
        .checked_div(whole)
        .map_or("-".to_owned(), |percent| format!("{percent}%"))
}

fn labels(host: &v1::HostInfo) -> String {
    labels_from_wire(&host.labels)
        .map(|labels| labels.to_string())
        .unwrap_or_default()
}

async fn show(client: &Client, name: String, admin: &AdminArgs) -> Result<u8, Failure> {
    let request = v1::HostsRequest { selector: name };
    let reply = client
        .call(|mut api| async move { api.hosts(request).await })
        .await?;
    for host in &reply.hosts {
        if admin.json {
            println!("{}", json(host));
            continue;
        }
        println!("{}  {}", host.name, state(host));
        if let Some(Ok(by)) = host.draining_by.as_ref().map(principal_from_wire) {
            let since = duration(now_ms().saturating_sub(host.draining_since_ms));
            println!("  draining     for {since}, asked by {by}");
        }
        println!("  labels       {}", labels(host));
        println!("  agent        {} {}", host.agent, host.version);
        if let Some(facts) = &host.facts {
            println!(
                "  system       {} · {} · {}",
                facts.os, facts.kernel, facts.arch
            );
            println!("  host name    {}", facts.hostname);
            println!("  CPUs         {}", facts.cpus);
            println!("  memory       {}", size(facts.memory_bytes));
            println!(
                "  runs as      {} (contained by {})",
                facts.run_as, facts.containment
            );
        }
        if let Some(metrics) = &host.metrics {
            println!("  load         {:.2}", metrics.load1);
            println!("  memory used  {}", size(metrics.memory_used_bytes));
            println!(
                "  up           {}",
                duration(metrics.uptime_s.saturating_mul(1_000))
            );
            for disk in &metrics.disks {
                let free = size(disk.available_bytes);
                println!(
                    "  disk         {} · {free} free of {}",
                    disk.mount,
                    size(disk.total_bytes)
                );
            }
        }
    }
    Ok(exit::OK)
}

async fn label(
    client: &Client,
    selector: String,
    changes: String,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let request = v1::HostLabelRequest { selector, changes };
    let reply = client
        .call(|mut api| async move { api.host_label(request).await })
        .await?;
    for host in &reply.hosts {
        let labels = labels_from_wire(&host.labels).unwrap_or_default();
        if admin.json {
            let event = serde_json::json!({
                "event": "labelled", "name": host.name, "labels": host.labels,
            });
            println!("{event}");
        } else {
            println!("{} has the labels: {labels}", host.name);
        }
    }
    Ok(exit::OK)
}

async fn drain(
    client: &Client,
    selector: String,
    on: bool,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let request = v1::HostDrainRequest { selector, on };
    let reply = client
        .call(|mut api| async move { api.host_drain(request).await })
        .await?;
    let (event, text) = match on {
        true => ("drained", "takes no new runs"),
        false => ("undrained", "takes new runs again"),
    };
    for name in &reply.names {
        said(admin, event, name, text);
    }
    if reply.names.is_empty() && !admin.json {
        println!("Nothing changes: they are so already.");
    }
    Ok(exit::OK)
}

fn said(admin: &AdminArgs, event: &str, name: &str, text: &str) {
    if admin.json {
        println!("{}", serde_json::json!({"event": event, "name": name}));
    } else {
        println!("{name} {text}.");
    }
}

fn json(host: &v1::HostInfo) -> serde_json::Value {
    let facts = host.facts.as_ref().map(|facts| {
        serde_json::json!({
            "os": facts.os, "kernel": facts.kernel, "arch": facts.arch, "hostname": facts.hostname,
            "cpus": facts.cpus, "memory_bytes": facts.memory_bytes, "containment": facts.containment,
            "run_as": facts.run_as, "boot_time_ms": facts.boot_time_ms,
        })
    });
    let metrics = host.metrics.as_ref().map(|metrics| {
        let disks = metrics.disks.iter().map(|disk| {
            serde_json::json!({
                "mount": disk.mount, "total_bytes": disk.total_bytes,
                "available_bytes": disk.available_bytes,
            })
        });
        serde_json::json!({
            "load1": metrics.load1, "memory_used_bytes": metrics.memory_used_bytes,
            "uptime_s": metrics.uptime_s, "disks": disks.collect::<Vec<_>>(),
        })
    });
    serde_json::json!({
        "agent": host.agent, "name": host.name, "labels": host.labels, "online": host.online,
        "seen_ms": host.seen_ms, "version": host.version, "enrolled_ms": host.enrolled_ms,
        "state": words::host(host.trouble()), "stale": host.stale, "outdated": host.outdated,
        "draining_since_ms": host.draining_since_ms,
        "spool_full": host.spool_full, "facts": facts, "metrics": metrics,
    })
}
