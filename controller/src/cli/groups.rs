//! `shanty groups`: selectors saved under a name.

use clap::{Args, Subcommand, ValueHint};
use shanty_core::text::count;
use shanty_proto::convert::principal_from_wire;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::complete::completer;
use super::{AdminArgs, exit};

#[derive(Args, Debug)]
pub(super) struct GroupsArgs {
    #[command(subcommand)]
    command: Option<GroupsCommand>,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Subcommand, Debug)]
enum GroupsCommand {
    /// Save a selector under a name, for use as @NAME
    Save {
        /// Its name
        name: String,
        /// What it stands for, for example: 'role=web env=prod'
        #[arg(add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove a saved group
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

impl GroupsArgs {
    pub(super) const fn admin(&self) -> &AdminArgs {
        match &self.command {
            None => &self.admin,
            Some(GroupsCommand::Save { admin, .. } | GroupsCommand::Remove { admin, .. }) => admin,
        }
    }
}

pub(super) async fn groups(args: GroupsArgs) -> Result<u8, Failure> {
    let client = Client::connect(args.admin()).await?;
    match args.command {
        None => list(&client, &args.admin).await,
        Some(GroupsCommand::Save {
            name,
            selector,
            admin,
        }) => {
            let request = v1::GroupSaveRequest { name, selector };
            let saved = client
                .call(|mut api| async move { api.group_save(request).await })
                .await?;
            if admin.json {
                println!("{}", json("group_saved", &saved));
            } else {
                let hosts = hosts(&saved);
                println!(
                    "@{} stands for {}: {hosts} now.",
                    saved.name, saved.selector
                );
            }
            Ok(exit::OK)
        }
        Some(GroupsCommand::Remove { name, admin }) => {
            let request = v1::GroupRemoveRequest { name: name.clone() };
            client
                .call(|mut api| async move { api.group_remove(request).await })
                .await?;
            if admin.json {
                println!(
                    "{}",
                    serde_json::json!({"event": "group_removed", "name": name})
                );
            } else {
                println!("@{} was removed.", name.trim_start_matches('@'));
            }
            Ok(exit::OK)
        }
    }
}

async fn list(client: &Client, admin: &AdminArgs) -> Result<u8, Failure> {
    let reply = client
        .call(|mut api| async move { api.groups(v1::Empty {}).await })
        .await?;
    if reply.groups.is_empty() && !admin.json {
        println!("No group was saved yet. `shanty groups save web 'role=web'` saves one.");
    }
    let width = reply
        .groups
        .iter()
        .map(|group| group.name.len())
        .max()
        .unwrap_or(0);
    for group in &reply.groups {
        if admin.json {
            println!("{}", json("group", group));
        } else {
            let hosts = hosts(group);
            println!("@{:width$}  {hosts:>10}  {}", group.name, group.selector);
        }
    }
    Ok(exit::OK)
}

fn hosts(group: &v1::GroupInfo) -> String {
    group
        .hosts
        .map_or("not counted".to_owned(), |n| count(n as usize, "host"))
}

fn json(event: &str, group: &v1::GroupInfo) -> serde_json::Value {
    let by = group
        .by
        .as_ref()
        .and_then(|by| principal_from_wire(by).ok());
    serde_json::json!({
        "event": event, "name": group.name, "selector": group.selector, "hosts": group.hosts,
        "by": by.map(|by| by.to_string()), "saved_ms": group.saved_ms,
    })
}
