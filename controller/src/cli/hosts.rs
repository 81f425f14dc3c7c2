//! `shanty hosts`: who is there.

use clap::{Args, Subcommand, ValueHint};
use shanty_core::ids::HostName;
use shanty_core::refusal::Code;
use shanty_core::text::{count, duration, size};
use shanty_core::view::terminal::{Align, Cell, Column, Table, Tone, one_line};
use shanty_proto::convert::{labels_from_wire, principal_from_wire};
use shanty_proto::v1;
use shanty_proto::v1::host_info::Trouble;

use super::client::{Client, Failure};
use super::complete::completer;
use super::{AdminArgs, exit, not_empty, out, plan, words};
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
    #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
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
        #[arg(value_name = "SELECTOR", value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Change the labels of hosts
    Label {
        /// Which hosts, for example: web-01
        #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
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
        #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Let hosts take new runs again
    Undrain {
        /// Which hosts, for example: is:draining
        #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Give up what hosts hold of runs that are not known here, after an older backup was put back
    Release {
        /// Which hosts, for example: web-01
        #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove a host for good: its identity is refused from now on
    Remove {
        /// Its name
        #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
        name: String,
        /// Remove it without being asked
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Let the name of a host that was removed be taken again
    Free {
        /// The name, as it was
        #[arg(value_parser = not_empty)]
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
                | HostsCommand::Release { admin, .. }
                | HostsCommand::Remove { admin, .. }
                | HostsCommand::Free { admin, .. },
            ) => admin,
        }
    }
}

pub(super) async fn hosts(args: HostsArgs) -> Result<u8, Failure> {
    if args.command.is_some() && (args.list.selector.is_some() || args.list.names) {
        return Err(Failure::usage(
            "a selector and --names are for the list; a subcommand of `shanty hosts` has its own after it",
        ));
    }
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
        Some(HostsCommand::Release { selector, admin }) => release(&client, selector, &admin).await,
        Some(HostsCommand::Remove { name, yes, admin }) => {
            if !yes {
                let shown = one_line(&name);
                if !is_there(&client, &name).await? {
                    let what = format!("There is no host named {shown}. Nothing was removed.");
                    let (code, next) = (Code::NotFound.as_str(), "`shanty hosts` shows all.");
                    return Err(Failure::new(code, exit::DATA, what, next));
                }
                let why = format!("removing {shown} cannot be taken back");
                let what =
                    format!("{shown} is refused from now on, and its agent is told to stop.\n");
                plan::ask(&what, &why, "Remove it for good?")?;
            }
            let request = v1::HostRemoveRequest { name: name.clone() };
            client
                .call(|mut api| async move { api.host_remove(request).await })
                .await?;
            said(
                &admin,
                "removed",
                &name,
                "was removed; its agent is told to stop",
            )?;
            Ok(exit::OK)
        }
        Some(HostsCommand::Free { name, admin }) => {
            let request = v1::HostFreeRequest { name: name.clone() };
            client
                .call(|mut api| async move { api.host_free(request).await })
                .await?;
            said(&admin, "freed", &name, "is free: a host may join under it")?;
            Ok(exit::OK)
        }
    }
}

/// Whether a host of this very name can be removed: nobody is asked about what is not there.
async fn is_there(client: &Client, name: &str) -> Result<bool, Failure> {
    if name.parse::<HostName>().is_err() {
        return Ok(false);
    }
    let request = v1::HostsRequest {
        selector: name.to_owned(),
    };
    let named = client
        .call(|mut api| async move { api.hosts(request).await })
        .await;
    match named {
        Ok(reply) => Ok(reply.hosts.iter().any(|host| host.name == name)),
        // No host has it.
        Err(failure) if failure.code == Code::Selector.as_str() => Ok(false),
        Err(failure) => Err(failure),
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
        let names = reply.hosts.iter().map(|host| one_line(&host.name) + "\n");
        out::text(&names.collect::<String>())?;
    } else if args.admin.json {
        let lines = reply.hosts.iter().map(|host| format!("{}\n", json(host)));
        out::text(&lines.collect::<String>())?;
    } else if reply.hosts.is_empty() {
        out::line("No host has joined yet. `shanty token create` makes a token for one.")?;
    } else {
        // Its header is there for programs too: it always was.
        let look = out::Terminal::of_stdout().look();
        out::text(&table(&reply.hosts, now_ms()).render(look))?;
        let online = reply.hosts.iter().filter(|host| host.online).count();
        let hosts = count(reply.hosts.len(), "host");
        out::note(format_args!("{hosts}, {online} online"));
        for host in reply.hosts.iter().filter(|host| host.unknown_runs > 0) {
            let name = one_line(&host.name);
            out::note(format_args!("{name} holds {}", held(host, &name)));
        }
    }
    Ok(exit::OK)
}

fn table(hosts: &[v1::HostInfo], now_ms: u64) -> Table {
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left, 10),
        Column::new("STATE", Align::Left, 8),
        Column::new("CPUS", Align::Right, 4),
        Column::new("LOAD", Align::Right, 5),
        Column::new("MEM", Align::Right, 4),
        Column::new("UP", Align::Right, 8),
        Column::new("SYSTEM", Align::Left, 12),
        Column::new("LABELS", Align::Left, 12),
    ]);
    for host in hosts {
        let mut row = vec![
            Cell::new(&host.name),
            Cell::toned(tone(host.trouble()), &state(host, now_ms)),
        ];
        let known = host.facts.as_ref().zip(host.metrics.as_ref());
        row.extend(match known {
            Some((facts, metrics)) => [
                facts.cpus.to_string(),
                format!("{:.2}", metrics.load1),
                percent(metrics.memory_used_bytes, facts.memory_bytes),
                duration(metrics.uptime_s.saturating_mul(1_000)),
                system(&facts.os).to_owned(),
            ]
            .map(|text| Cell::new(&text)),
            None => ["-"; 5].map(|text| Cell::toned(Tone::Dim, text)),
        });
        row.push(Cell::new(&labels(host)));
        table.push(row);
    }
    table
}

/// What tells systems apart: that all are Linux does not.
fn system(os: &str) -> &str {
    os.strip_prefix("Linux (")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(os)
}

const fn tone(trouble: Trouble) -> Tone {
    match trouble {
        Trouble::None => Tone::Good,
        Trouble::Offline | Trouble::Duplicated => Tone::Bad,
        Trouble::Stale | Trouble::Full | Trouble::Draining | Trouble::Outdated => Tone::Warn,
        Trouble::Unspecified => Tone::Dim,
    }
}

/// In at most eight characters while something is known: what chat shows too, the worst that is wrong with it.
fn state(host: &v1::HostInfo, now_ms: u64) -> String {
    match host.trouble() {
        Trouble::Offline => away(host, now_ms),
        trouble @ (Trouble::Unspecified
        | Trouble::None
        | Trouble::Stale
        | Trouble::Full
        | Trouble::Draining
        | Trouble::Outdated
        | Trouble::Duplicated) => words::host(trouble).to_owned(),
    }
}

fn away(host: &v1::HostInfo, now_ms: u64) -> String {
    match host.seen_ms {
        0 => words::host(Trouble::Offline).to_owned(),
        seen => format!("off {}", duration(now_ms.saturating_sub(seen))),
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
            out::line(json(host))?;
        } else {
            out::text(&detail(host, now_ms()))?;
        }
    }
    Ok(exit::OK)
}

/// What it holds that is not known here, and what to do about it.
fn held(host: &v1::HostInfo, name: &str) -> String {
    let executions = usize::try_from(host.unknown_runs).unwrap_or(usize::MAX);
    let executions = count(executions, "execution");
    format!(
        "{executions} of runs that are not known here: `shanty hosts release {name}` gives them up"
    )
}

/// All that is known of a host, each thing on a line.
fn detail(host: &v1::HostInfo, now_ms: u64) -> String {
    let mut text = format!("{}  {}\n", one_line(&host.name), state(host, now_ms));
    let mut line = |name: &str, what: &str| {
        text.push_str(&format!("  {name:<12} {}\n", one_line(what)));
    };
    if let Some(Ok(by)) = host.draining_by.as_ref().map(principal_from_wire) {
        let since = duration(now_ms.saturating_sub(host.draining_since_ms));
        line("draining", &format!("for {since}, asked by {by}"));
    }
    if host.duplicated {
        line(
            "identity",
            "two machines use it: the first keeps its link, the other gets none. Stop the agent on the copy and let it join by itself",
        );
    }
    if host.unknown_runs > 0 {
        line("holds", &held(host, &host.name));
    }
    line("labels", &labels(host));
    line("agent", &format!("{} {}", host.agent, host.version));
    if let Some(facts) = &host.facts {
        let v1::Facts {
            os, kernel, arch, ..
        } = facts;
        line("system", &format!("{os} · {kernel} · {arch}"));
        line("host name", &facts.hostname);
        line("CPUs", &facts.cpus.to_string());
        line("memory", &size(facts.memory_bytes));
        line(
            "runs as",
            &format!("{} (contained by {})", facts.run_as, facts.containment),
        );
    }
    if let Some(metrics) = &host.metrics {
        line("load", &format!("{:.2}", metrics.load1));
        line("memory used", &size(metrics.memory_used_bytes));
        line("up", &duration(metrics.uptime_s.saturating_mul(1_000)));
        for disk in &metrics.disks {
            let free = size(disk.available_bytes);
            let all = size(disk.total_bytes);
            line("disk", &format!("{} · {free} free of {all}", disk.mount));
        }
    }
    text
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
            out::line(event)?;
        } else {
            let (name, labels) = (one_line(&host.name), one_line(&labels.to_string()));
            out::line(format_args!("{name} has the labels: {labels}"))?;
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
        said(admin, event, name, text)?;
    }
    if reply.names.is_empty() && !admin.json {
        out::line("Nothing changes: they are so already.")?;
    }
    Ok(exit::OK)
}

async fn release(client: &Client, selector: String, admin: &AdminArgs) -> Result<u8, Failure> {
    let request = v1::HostReleaseRequest { selector };
    let reply = client
        .call(|mut api| async move { api.host_release(request).await })
        .await?;
    for host in &reply.hosts {
        if admin.json {
            out::line(serde_json::json!({
                "event": "released", "name": host.name, "executions": host.executions,
            }))?;
        } else {
            let executions = usize::try_from(host.executions).unwrap_or(usize::MAX);
            out::line(format_args!(
                "{} gives up {} of runs that are not known here; what still runs goes on.",
                one_line(&host.name),
                count(executions, "execution")
            ))?;
        }
    }
    if reply.hosts.is_empty() && !admin.json {
        out::line("None of them holds anything that is not known here.")?;
    }
    Ok(exit::OK)
}

fn said(admin: &AdminArgs, event: &str, name: &str, text: &str) -> Result<(), Failure> {
    if admin.json {
        out::line(serde_json::json!({"event": event, "name": name}))
    } else {
        out::line(format_args!("{} {text}.", one_line(name)))
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
        "state": words::host(host.trouble()), "stale": host.stale, "outdated": host.outdated, "duplicated": host.duplicated,
        "draining_since_ms": host.draining_since_ms, "unknown_runs": host.unknown_runs,
        "spool_full": host.spool_full, "facts": facts, "metrics": metrics,
    })
}

#[cfg(test)]
mod tests {
    use shanty_core::view::terminal::Look;

    use super::*;

    fn host(name: &str, trouble: Trouble, labels: &[(&str, &str)], os: &str) -> v1::HostInfo {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        v1::HostInfo {
            name: name.to_owned(),
            labels: labels.collect(),
            trouble: trouble.into(),
            online: trouble != Trouble::Offline,
            seen_ms: 1_000,
            facts: (!os.is_empty()).then(|| v1::Facts {
                os: os.to_owned(),
                cpus: 8,
                memory_bytes: 16 << 30,
                ..v1::Facts::default()
            }),
            metrics: (!os.is_empty()).then(|| v1::Metrics {
                load1: 0.25,
                memory_used_bytes: 4 << 30,
                uptime_s: 90_000,
                disks: vec![],
            }),
            ..v1::HostInfo::default()
        }
    }

    #[test]
    fn hosts_are_told_apart_on_terminals_of_any_width() {
        let web = [("role", "web"), ("env", "prod")];
        let hosts = [
            host("web-01", Trouble::None, &web, "Linux (Debian GNU/Linux 12)"),
            host("web-02", Trouble::Offline, &web, ""),
            host(
                "a-rather-long-name-01",
                Trouble::Draining,
                &[],
                "Linux (\u{1b}[2Jevil\n)",
            ),
        ];
        let table = table(&hosts, 61_000);
        let widths = [None, Some(100), Some(80), Some(40), Some(20)];
        let shown = widths.map(|width| {
            let colours = false;
            format!("{width:?}\n{}", table.render(Look { width, colours }))
        });
        insta::assert_snapshot!(shown.join("\n"));
        assert!(!shown.concat().contains('\u{1b}'));
        assert!(detail(&hosts[2], 0).contains("␛[2Jevil⏎"));
    }
}
