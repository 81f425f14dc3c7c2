//! The bot's application commands: what was registered, globally and per guild.
//!
//! Checks of a registration are in `commands::check`; typing a command against its registration is in `people`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::guild::with;
use crate::snowflake::Snowflake;

pub(crate) mod check;

/// Commands of one kind and scope: 100 slash commands, 15 of each context menu.
pub(crate) const SLASH_MAX: usize = 100;
pub(crate) const MENU_MAX: usize = 15;

/// Command types of Discord.
pub(crate) const SLASH: u64 = 1;
pub(crate) const MESSAGE_MENU: u64 = 3;

/// A registered command.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) id: Snowflake,
    version: Snowflake,
    pub(crate) kind: u64,
    pub(crate) name: String,
    /// The guild that it belongs to; `None` is everywhere.
    pub(crate) scope: Option<Snowflake>,
    pub(crate) body: Map<String, Value>,
}

/// A registration that passed the checks.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) kind: u64,
    pub(crate) name: String,
    pub(crate) body: Map<String, Value>,
}

impl Command {
    /// Discord's command object.
    pub(crate) fn json(&self, application: Snowflake) -> Value {
        let mut json = json!({
            "id": self.id, "application_id": application, "version": self.version, "type": self.kind,
            "name": self.name, "description": "", "default_member_permissions": null, "dm_permission": true,
            "contexts": null, "integration_types": [0], "nsfw": false,
        });
        if let Some(map) = json.as_object_mut() {
            map.extend(
                self.body
                    .iter()
                    .map(|(key, value)| (key.clone(), value.clone())),
            );
        }
        match self.scope {
            Some(guild) => with(json, "guild_id", json!(guild)),
            None => json,
        }
    }

    /// Its options, or a sub-command's.
    pub(crate) fn options(&self) -> &[Value] {
        options_of(&self.body)
    }
}

/// The options of a command or option.
pub(crate) fn options_of(body: &Map<String, Value>) -> &[Value] {
    body.get("options")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// All registered commands.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    by_scope: HashMap<Option<Snowflake>, Vec<Command>>,
}

impl Commands {
    /// The commands of a scope, in the order of registration.
    pub(crate) fn list(&self, scope: Option<Snowflake>) -> &[Command] {
        self.by_scope
            .get(&scope)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// A command by id within a scope.
    pub(crate) fn find(&self, scope: Option<Snowflake>, id: Snowflake) -> Option<&Command> {
        self.list(scope).iter().find(|command| command.id == id)
    }

    /// The command that a person means in a guild (or in a direct message): the guild's own first, then global ones.
    ///
    /// Falls back to other guilds' commands. A real client would not offer those, but a forged request may name them, and
    /// the bot's refusal of that must be testable.
    pub(crate) fn meant(
        &self,
        guild: Option<Snowflake>,
        kind: u64,
        name: &str,
    ) -> Option<&Command> {
        let among =
            |list: &'_ [Command]| list.iter().position(|c| c.kind == kind && c.name == name);
        let scopes = [guild, None]
            .into_iter()
            .chain(self.by_scope.keys().copied());
        scopes.into_iter().find_map(|scope| {
            let list = self.list(scope);
            list.get(among(list)?)
        })
    }

    /// Replaces all commands of a scope. A command that stays keeps its id, and its version if nothing changed.
    pub(crate) fn replace(
        &mut self,
        scope: Option<Snowflake>,
        list: Vec<Registration>,
        mut next_id: impl FnMut() -> Snowflake,
    ) {
        let old = self.by_scope.remove(&scope).unwrap_or_default();
        let renewed = list.into_iter().map(|new| {
            let before = old
                .iter()
                .find(|c| c.kind == new.kind && c.name == new.name);
            renew(before, scope, new, &mut next_id)
        });
        let renewed = renewed.collect();
        self.by_scope.insert(scope, renewed);
    }

    /// Adds a command or replaces the one with its name; tells its id and whether it is new.
    pub(crate) fn upsert(
        &mut self,
        scope: Option<Snowflake>,
        new: Registration,
        mut next_id: impl FnMut() -> Snowflake,
    ) -> (Snowflake, bool) {
        let list = self.by_scope.entry(scope).or_default();
        let index = list
            .iter()
            .position(|c| c.kind == new.kind && c.name == new.name);
        let before = index.and_then(|index| list.get(index));
        let command = renew(before, scope, new, &mut next_id);
        let id = command.id;
        match index.and_then(|index| list.get_mut(index)) {
            Some(place) => *place = command,
            None => list.push(command),
        }
        (id, index.is_none())
    }

    /// Changes a command in place, under its id.
    pub(crate) fn change(
        &mut self,
        scope: Option<Snowflake>,
        id: Snowflake,
        new: Registration,
        version: Snowflake,
    ) {
        let list = self.by_scope.get_mut(&scope);
        if let Some(command) =
            list.and_then(|list| list.iter_mut().find(|command| command.id == id))
        {
            *command = Command {
                id,
                version,
                kind: new.kind,
                name: new.name,
                scope,
                body: new.body,
            };
        }
    }

    /// Removes a command; whether it was there.
    pub(crate) fn remove(&mut self, scope: Option<Snowflake>, id: Snowflake) -> bool {
        let Some(list) = self.by_scope.get_mut(&scope) else {
            return false;
        };
        let before = list.len();
        list.retain(|command| command.id != id);
        list.len() < before
    }

    /// Whether one more of a kind fits into a scope.
    pub(crate) fn has_room(&self, scope: Option<Snowflake>, kind: u64) -> bool {
        let most = if kind == SLASH { SLASH_MAX } else { MENU_MAX };
        self.list(scope)
            .iter()
            .filter(|command| command.kind == kind)
            .count()
            < most
    }
}

fn renew(
    before: Option<&Command>,
    scope: Option<Snowflake>,
    new: Registration,
    next_id: &mut impl FnMut() -> Snowflake,
) -> Command {
    let id = before.map_or_else(&mut *next_id, |old| old.id);
    let version = match before.filter(|old| old.body == new.body) {
        Some(old) => old.version,
        None => next_id(),
    };
    Command {
        id,
        version,
        kind: new.kind,
        name: new.name,
        scope,
        body: new.body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    fn registration(name: &str, description: &str) -> Registration {
        let body = json!({"name": name, "description": description});
        Registration {
            kind: SLASH,
            name: name.into(),
            body: body.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn ids_survive_an_overwrite_and_versions_tell_of_changes() {
        let mut world = World::for_tests();
        let mut commands = Commands::default();
        commands.replace(
            None,
            vec![registration("a", "x"), registration("b", "x")],
            || world.next_id(),
        );
        let before: Vec<_> = commands
            .list(None)
            .iter()
            .map(|c| (c.id, c.version))
            .collect();
        commands.replace(
            None,
            vec![registration("a", "x"), registration("b", "y")],
            || world.next_id(),
        );
        let after: Vec<_> = commands
            .list(None)
            .iter()
            .map(|c| (c.id, c.version))
            .collect();
        assert_eq!(before[0], after[0]);
        assert_eq!(before[1].0, after[1].0);
        assert_ne!(before[1].1, after[1].1);
        let (id, new) = commands.upsert(None, registration("a", "z"), || world.next_id());
        assert_eq!((id, new), (before[0].0, false));
    }
}
