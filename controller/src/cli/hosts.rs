//! `shanty hosts`: who is there.

use clap::{Args, Subcommand, ValueHint};
use shanty_core::ids::HostName;
use shanty_core::refusal::Code;
use shanty_core::text::count;
use shanty_core::view::terminal::one_line;
use shanty_proto::convert::labels_from_wire;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::complete::completer;
use super::{AdminArgs, exit, not_empty, out, plan};
use crate::clock::now_ms;

mod shown;
mod upkeep;

use shown::{detail, held, json, table};

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
    /// Replace agents by the version that the controller hands out; those that do not work with it come back as they were
    Update(Box<upkeep::UpdateArgs>),
    /// Let agents look what is wrong with them and their hosts
    Doctor(upkeep::DoctorArgs),
    /// Give up what hosts hold of runs that are not known here, after an older backup was put back
    Release {
        /// Which hosts, for example: web-01
        #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove a host for good: its link is cut, and its identity is refused from now on
    #[command(visible_alias = "revoke")]
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
            Some(HostsCommand::Update(args)) => &args.follow.admin,
            Some(HostsCommand::Doctor(args)) => &args.follow.admin,
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
        Some(HostsCommand::Update(args)) => upkeep::update(&client, *args).await,
        Some(HostsCommand::Doctor(args)) => upkeep::doctor(&client, args).await,
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
