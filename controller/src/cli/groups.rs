//! `shanty groups`: selectors saved under a name.

use clap::{Args, Subcommand, ValueHint};
use shanty_core::text::count;
use shanty_core::view::terminal::{Align, Cell, Column, Table, one_line};
use shanty_proto::convert::principal_from_wire;
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::complete::{self, completer};
use super::{AdminArgs, exit, not_empty, out};

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
        #[arg(value_parser = not_empty)]
        name: String,
        /// What it stands for, for example: 'role=web env=prod'
        #[arg(value_parser = not_empty, add = completer(), value_hint = ValueHint::Other)]
        selector: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove a saved group
    Remove {
        /// Its name
        #[arg(value_parser = not_empty, add = complete::groups(), value_hint = ValueHint::Other)]
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
                out::line(json("group_saved", &saved))?;
            } else {
                let hosts = hosts(&saved);
                out::line(format_args!(
                    "@{} stands for {}: {hosts} now.",
                    one_line(&saved.name),
                    one_line(&saved.selector)
                ))?;
            }
            Ok(exit::OK)
        }
        Some(GroupsCommand::Remove { name, admin }) => {
            let request = v1::GroupRemoveRequest { name: name.clone() };
            client
                .call(|mut api| async move { api.group_remove(request).await })
                .await?;
            if admin.json {
                out::line(serde_json::json!({"event": "group_removed", "name": name}))?;
            } else {
                let name = one_line(name.trim_start_matches('@'));
                out::line(format_args!("@{name} was removed."))?;
            }
            Ok(exit::OK)
        }
    }
}

async fn list(client: &Client, admin: &AdminArgs) -> Result<u8, Failure> {
    let reply = client
        .call(|mut api| async move { api.groups(v1::Empty {}).await })
        .await?;
    if admin.json {
        for group in &reply.groups {
            out::line(json("group", group))?;
        }
    } else if reply.groups.is_empty() {
        out::line("No group was saved yet. `shanty groups save web 'role=web'` saves one.")?;
    } else {
        out::table(&table(&reply.groups))?;
    }
    Ok(exit::OK)
}

fn table(groups: &[v1::GroupInfo]) -> Table {
    let mut table = Table::new(vec![
        Column::new("GROUP", Align::Left, 8),
        Column::new("HOSTS", Align::Right, 7),
        Column::new("SELECTOR", Align::Left, 8),
    ]);
    for group in groups {
        table.push(vec![
            Cell::new(&format!("@{}", group.name)),
            Cell::new(&hosts(group)),
            Cell::new(&group.selector),
        ]);
    }
    table
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

#[cfg(test)]
mod tests {
    use super::*;
    use shanty_core::view::terminal::Look;

    #[test]
    fn groups_are_told_with_how_many_they_stand_for() {
        let group = |name: &str, selector: &str, hosts| v1::GroupInfo {
            name: name.to_owned(),
            selector: selector.to_owned(),
            hosts,
            ..v1::GroupInfo::default()
        };
        let groups = [
            group("web", "role=web", Some(1_200)),
            group("edge-europe", "role=edge region~^eu- !is:draining", Some(1)),
            group("deep", "@web & @edge-europe", None),
        ];
        let look = |width| Look {
            width,
            colours: false,
        };
        let table = table(&groups);
        let shown = format!(
            "{}\n{}",
            table.render(look(None)),
            table.render(look(Some(20)))
        );
        insta::assert_snapshot!(shown);
    }
}
