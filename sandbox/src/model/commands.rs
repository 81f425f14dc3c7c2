//! The bot's application commands: what was registered, globally and per guild.
//!
//! Checks of a registration are in `check`, who may use a command in `access`; typing a command against its registration is in `people`.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value, json};

use crate::model::guild::with;
use crate::snowflake::Snowflake;

pub(crate) mod access;
pub(crate) mod check;
pub(crate) mod locales;
pub(crate) mod options;

/// Commands of one kind and scope: 100 slash commands, 15 of each context menu.
pub(crate) const SLASH_MAX: usize = 100;
pub(crate) const MENU_MAX: usize = 15;

/// Command types of Discord.
pub(crate) const SLASH: u64 = 1;
pub(crate) const USER_MENU: u64 = 2;
pub(crate) const MESSAGE_MENU: u64 = 3;
/// Starts an Activity; registered here, but nobody can use it.
pub(crate) const ENTRY_POINT: u64 = 4;
/// Entry points of an application.
const ENTRY_POINTS_MAX: usize = 1;

/// New commands per day and scope.
const CREATES_MAX: usize = 200;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

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
    /// The command that it means to replace, also under another name.
    pub(crate) id: Option<Snowflake>,
    pub(crate) kind: u64,
    pub(crate) name: String,
    pub(crate) body: Map<String, Value>,
}

impl Command {
    /// Discord's command object.
    pub(crate) fn json(&self, application: Snowflake) -> Value {
        let mut json = json!({
            "id": self.id, "application_id": application, "version": self.version, "type": self.kind,
            "name": self.name, "description": "", "default_member_permissions": null,
            "dm_permission": self.contexts().is_none_or(|list| list.contains(&DIRECT)), "contexts": null,
            "integration_types": [0], "nsfw": false, "name_localizations": null,
            "description_localizations": null,
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

    /// The places that it can be used in; `None` is all.
    pub(crate) fn contexts(&self) -> Option<Vec<u64>> {
        let list = self.body.get("contexts").and_then(Value::as_array);
        if let Some(list) = list {
            return Some(list.iter().filter_map(Value::as_u64).collect());
        }
        // The older way to say so.
        let no_dms = self.body.get("dm_permission") == Some(&Value::Bool(false));
        no_dms.then(|| vec![IN_GUILD])
    }

    /// Its options, or a sub-command's.
    pub(crate) fn options(&self) -> &[Value] {
        options_of(&self.body)
    }
}

/// Contexts of Discord: in a guild, and in a direct message with the bot.
pub(crate) const IN_GUILD: u64 = 0;
pub(crate) const DIRECT: u64 = 1;

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
    /// When new commands were made, per scope, as far as it is less than a day ago.
    created: HashMap<Option<Snowflake>, VecDeque<u64>>,
    pub(crate) overrides: access::Overrides,
}

/// 200 new commands were made within a day.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{CREATES_MAX} commands were made within a day")]
pub(crate) struct DaySpent;

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
    pub(crate) fn meant(
        &self,
        guild: Option<Snowflake>,
        kind: u64,
        name: &str,
    ) -> Option<&Command> {
        let own = guild.into_iter().flat_map(|guild| self.list(Some(guild)));
        own.chain(self.list(None))
            .find(|command| command.kind == kind && command.name == name)
    }

    /// Any command with this name, of whatever guild: what only a forged request can mean.
    pub(crate) fn anywhere(&self, kind: u64, name: &str) -> Option<&Command> {
        self.by_scope
            .values()
            .flatten()
            .find(|command| command.kind == kind && command.name == name)
    }

    /// Counts new commands of a scope towards the limit of a day; a refusal counts nothing.
    pub(crate) fn count_creates(
        &mut self,
        scope: Option<Snowflake>,
        count: usize,
        now_ms: u64,
    ) -> Result<(), DaySpent> {
        let times = self.created.entry(scope).or_default();
        while times
            .front()
            .is_some_and(|at| at.saturating_add(DAY_MS) <= now_ms)
        {
            times.pop_front();
        }
        if times.len().saturating_add(count) > CREATES_MAX {
            return Err(DaySpent);
        }
        times.extend(std::iter::repeat_n(now_ms, count));
        Ok(())
    }

    /// The command that a registration replaces: the one it names by id, else the one of its kind and name.
    pub(crate) fn replaced(
        &self,
        scope: Option<Snowflake>,
        new: &Registration,
    ) -> Option<&Command> {
        replaced(self.list(scope), new)
    }

    /// Replaces all commands of a scope. A command that stays keeps its id, and its version if nothing changed.
    pub(crate) fn replace(
        &mut self,
        scope: Option<Snowflake>,
        list: Vec<Registration>,
        mut next_id: impl FnMut() -> Snowflake,
    ) {
        let old = self.by_scope.remove(&scope).unwrap_or_default();
        let renewed = list
            .into_iter()
            .map(|new| renew(replaced(&old, &new), scope, new, &mut next_id));
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

    /// Changes a command in place, under its id; its version stays when nothing is different.
    pub(crate) fn change(
        &mut self,
        scope: Option<Snowflake>,
        id: Snowflake,
        new: Registration,
        mut next_id: impl FnMut() -> Snowflake,
    ) {
        let list = self.by_scope.get_mut(&scope);
        if let Some(command) =
            list.and_then(|list| list.iter_mut().find(|command| command.id == id))
        {
            *command = renew(Some(command), scope, new, &mut next_id);
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
        let most = most_of(kind);
        self.list(scope)
            .iter()
            .filter(|command| command.kind == kind)
            .count()
            < most
    }
}

/// How many commands of a kind a scope may have.
pub(crate) const fn most_of(kind: u64) -> usize {
    match kind {
        SLASH => SLASH_MAX,
        ENTRY_POINT => ENTRY_POINTS_MAX,
        _ => MENU_MAX,
    }
}

fn replaced<'a>(list: &'a [Command], new: &Registration) -> Option<&'a Command> {
    let by_id = list
        .iter()
        .find(|old| Some(old.id) == new.id && old.kind == new.kind);
    by_id.or_else(|| {
        list.iter()
            .find(|old| old.kind == new.kind && old.name == new.name)
    })
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
    use crate::snowflake::Mint;

    fn registration(name: &str, description: &str) -> Registration {
        let body = json!({"name": name, "description": description});
        Registration {
            id: None,
            kind: SLASH,
            name: name.into(),
            body: body.as_object().unwrap().clone(),
        }
    }

    #[test]
    fn ids_survive_an_overwrite_and_versions_tell_of_changes() {
        let mut mint = Mint::default();
        let mut commands = Commands::default();
        commands.replace(
            None,
            vec![registration("a", "x"), registration("b", "x")],
            || mint.next(0),
        );
        let before: Vec<_> = commands
            .list(None)
            .iter()
            .map(|c| (c.id, c.version))
            .collect();
        commands.replace(
            None,
            vec![registration("a", "x"), registration("b", "y")],
            || mint.next(0),
        );
        let after: Vec<_> = commands
            .list(None)
            .iter()
            .map(|c| (c.id, c.version))
            .collect();
        assert_eq!(before[0], after[0]);
        assert_eq!(before[1].0, after[1].0);
        assert_ne!(before[1].1, after[1].1);
        let (id, new) = commands.upsert(None, registration("a", "z"), || mint.next(0));
        assert_eq!((id, new), (before[0].0, false));
    }
}
