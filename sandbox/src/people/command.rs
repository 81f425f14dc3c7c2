//! A typed command against its registration: types, bounds, choices, and the entities that options name.

use serde_json::{Map, Value, json};

use super::act::Place;
use super::ask::{Ask, Bad};
use super::{files, pick};
use crate::model::guild::{Member, with};
use crate::model::message::draft::Upload;
use crate::snowflake::Snowflake;
use crate::world::World;

const SUB_COMMAND: u64 = 1;
const SUB_COMMAND_GROUP: u64 = 2;
const STRING: u64 = 3;
const INTEGER: u64 = 4;
const BOOLEAN: u64 = 5;
const USER: u64 = 6;
const CHANNEL: u64 = 7;
const ROLE: u64 = 8;
const MENTIONABLE: u64 = 9;
const NUMBER: u64 = 10;
const ATTACHMENT: u64 = 11;

/// Characters of a string option.
const STRING_MAX: u64 = 6000;
/// The integers that survive JavaScript.
const INTEGER_MAX: i64 = 1 << 53;

/// Someone typing a command.
#[derive(Clone, Copy)]
pub(crate) struct Typing<'a> {
    pub(crate) world: &'a World,
    pub(crate) place: Place,
    /// For autocomplete: the command is not finished yet.
    pub(crate) completing: bool,
}

impl Typing<'_> {
    /// The options as the bot gets them; `definitions` are those of the command or sub-command.
    pub(crate) fn read(
        &self,
        definitions: &[Value],
        given: &[Value],
        path: &str,
        resolved: &mut Resolved,
    ) -> Result<Vec<Value>, Bad> {
        let mut options: Vec<Value> = Vec::with_capacity(given.len());
        for (index, value) in given.iter().enumerate() {
            let path = format!("{path}.{index}");
            let ask = Ask::within(value, &path)?;
            let name = ask.text("name")?;
            if options
                .iter()
                .any(|known| known.get("name").and_then(Value::as_str) == Some(name))
            {
                return Err(ask.bad("name", "the option is given twice"));
            }
            let definition = definitions
                .iter()
                .find(|d| d.get("name").and_then(Value::as_str) == Some(name));
            let definition = definition
                .ok_or_else(|| ask.bad("name", format!("the command has no option {name}")))?;
            options.push(self.option(definition, ask, &path, resolved)?);
        }
        if !self.completing {
            check_required(definitions, &options, path)?;
        }
        let subs = |d: &&Value| matches!(number(d, "type"), Some(SUB_COMMAND | SUB_COMMAND_GROUP));
        if definitions.iter().any(|d| subs(&d)) && options.len() != 1 {
            return Err(Bad::field(path, "exactly one sub-command must be given"));
        }
        Ok(options)
    }

    fn option(
        &self,
        definition: &Value,
        ask: Ask<'_>,
        path: &str,
        resolved: &mut Resolved,
    ) -> Result<Value, Bad> {
        let kind = number(definition, "type").unwrap_or(STRING);
        if ask.number("type")?.is_some_and(|given| given != kind) {
            return Err(ask.bad("type", format!("the option has type {kind}")));
        }
        let name = ask.text("name")?;
        if matches!(kind, SUB_COMMAND | SUB_COMMAND_GROUP) {
            let below = definition.get("options").and_then(Value::as_array);
            let below = below.map(Vec::as_slice).unwrap_or_default();
            let path = format!("{path}.options");
            let options = self.read(below, ask.list("options")?, &path, resolved)?;
            return Ok(json!({"name": name, "type": kind, "options": options}));
        }
        let value = ask
            .value("value")
            .ok_or_else(|| ask.bad("value", "it is required"))?;
        if ask.flag("focused")? {
            if !self.completing || definition.get("autocomplete") != Some(&Value::Bool(true)) {
                return Err(ask.bad("focused", "the option has no autocomplete"));
            }
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            return Ok(json!({"name": name, "type": kind, "value": text, "focused": true}));
        }
        let value = if self.completing {
            value.clone()
        } else if kind == ATTACHMENT {
            let upload = files::upload(value, &format!("{path}.value"), 0)?;
            json!(
                resolved
                    .file(upload)
                    .ok_or_else(|| ask.bad("value", "these are too many files"))?
            )
        } else {
            self.value(definition, kind, value, resolved)
                .map_err(|text| ask.bad("value", text))?
        };
        Ok(json!({"name": name, "type": kind, "value": value}))
    }

    fn value(
        &self,
        definition: &Value,
        kind: u64,
        value: &Value,
        resolved: &mut Resolved,
    ) -> Result<Value, String> {
        let read = match kind {
            STRING => read_string(definition, value)?,
            INTEGER => read_integer(definition, value)?,
            NUMBER => read_number(definition, value)?,
            BOOLEAN => json!(value.as_bool().ok_or("it must be true or false")?),
            USER | CHANNEL | ROLE | MENTIONABLE => {
                let id = crate::field::as_id(value).ok_or("it must be an id, as a string")?;
                match kind {
                    USER => resolved.user(self.world, self.place, id)?,
                    CHANNEL => {
                        if let Some(wanted) = definition.as_object() {
                            pick::check_channel(self.world, wanted, value)?;
                        }
                        resolved.channel(self.world, self.place, id)?;
                    }
                    ROLE => resolved.role(self.world, self.place, id)?,
                    _ => resolved
                        .role(self.world, self.place, id)
                        .or_else(|_| resolved.user(self.world, self.place, id))?,
                }
                json!(id)
            }
            _ => return Err("options of this type cannot be typed here".to_owned()),
        };
        let choices = definition
            .get("choices")
            .and_then(Value::as_array)
            .filter(|list| !list.is_empty());
        if choices.is_some_and(|list| !list.iter().any(|choice| choice.get("value") == Some(&read)))
        {
            return Err("it is not among the option's choices".to_owned());
        }
        Ok(read)
    }
}

fn check_required(definitions: &[Value], options: &[Value], path: &str) -> Result<(), Bad> {
    for definition in definitions {
        let name = definition
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let required = definition.get("required") == Some(&Value::Bool(true));
        let given = options
            .iter()
            .any(|option| option.get("name").and_then(Value::as_str) == Some(name));
        if required && !given {
            return Err(Bad::field(
                format!("{path}.{name}"),
                format!("the option {name} is required"),
            ));
        }
    }
    Ok(())
}

fn number(definition: &Value, key: &str) -> Option<u64> {
    definition.get(key).and_then(Value::as_u64)
}

fn read_string(definition: &Value, value: &Value) -> Result<Value, String> {
    let text = value.as_str().ok_or("it must be a string")?;
    let chars = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    let least = number(definition, "min_length").unwrap_or(0);
    let most = number(definition, "max_length")
        .unwrap_or(STRING_MAX)
        .min(STRING_MAX);
    if (least..=most).contains(&chars) {
        Ok(json!(text))
    } else {
        Err(format!("it must have {least} to {most} characters"))
    }
}

fn read_integer(definition: &Value, value: &Value) -> Result<Value, String> {
    let read = value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok());
    let read = read.ok_or("it must be a whole number")?;
    let bound = |key: &str| definition.get(key).and_then(Value::as_i64);
    let least = bound("min_value").unwrap_or(-INTEGER_MAX);
    let most = bound("max_value").unwrap_or(INTEGER_MAX);
    if (least..=most).contains(&read) {
        Ok(json!(read))
    } else {
        Err(format!("it must be from {least} to {most}"))
    }
}

fn read_number(definition: &Value, value: &Value) -> Result<Value, String> {
    let read = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok());
    let read = read
        .filter(|read| read.is_finite())
        .ok_or("it must be a number")?;
    let bound = |key: &str| definition.get(key).and_then(Value::as_f64);
    let fits = bound("min_value").is_none_or(|least| read >= least)
        && bound("max_value").is_none_or(|most| read <= most);
    if fits {
        Ok(json!(read))
    } else {
        Err("it is out of bounds".to_owned())
    }
}

/// The entities that a command names, as the bot gets them beside the options.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    users: Map<String, Value>,
    members: Map<String, Value>,
    roles: Map<String, Value>,
    channels: Map<String, Value>,
    messages: Map<String, Value>,
    attachments: Map<String, Value>,
    /// Ids for files that are named, and the files that have theirs.
    ids: Vec<Snowflake>,
    files: Vec<(Snowflake, Upload)>,
}

impl Resolved {
    /// Nothing named yet; `ids` are for files.
    pub(crate) fn with_ids(ids: Vec<Snowflake>) -> Self {
        Self {
            ids,
            ..Self::default()
        }
    }

    /// Names a file; `None` when there are no ids left.
    pub(crate) fn file(&mut self, upload: Upload) -> Option<Snowflake> {
        let id = self.ids.pop()?;
        self.files.push((id, upload));
        Some(id)
    }

    /// Stores the files that were named, so that the bot can fetch them.
    pub(crate) fn store(&mut self, world: &mut World, channel: Snowflake) {
        for (id, upload) in std::mem::take(&mut self.files) {
            let stored = world.store_file(channel, id, upload, None);
            self.attachments.insert(id.to_string(), stored.json());
        }
    }

    /// The object, or nothing when no entity was named.
    pub(crate) fn json(self) -> Option<Value> {
        let lists = [
            ("users", self.users),
            ("members", self.members),
            ("roles", self.roles),
            ("channels", self.channels),
            ("messages", self.messages),
            ("attachments", self.attachments),
        ];
        let named: Map<_, _> = lists
            .into_iter()
            .filter(|(_, map)| !map.is_empty())
            .map(|(key, map)| (key.to_owned(), Value::Object(map)))
            .collect();
        (!named.is_empty()).then_some(Value::Object(named))
    }

    /// Names a user, with their membership when there is one.
    pub(crate) fn user(
        &mut self,
        world: &World,
        place: Place,
        id: Snowflake,
    ) -> Result<(), String> {
        let user = world.users.get(&id).ok_or("there is no such user")?;
        self.users.insert(id.to_string(), user.json());
        let guild = place.guild.and_then(|id| world.guilds.get(&id));
        if let Some(member) = guild
            .and_then(|guild| guild.members.get(&id))
            .map(Member::json)
        {
            let channel = world.channels.get(&place.channel);
            let bits = channel
                .map_or(0, |channel| world.permissions(id, channel))
                .to_string();
            self.members
                .insert(id.to_string(), with(member, "permissions", json!(bits)));
        }
        Ok(())
    }

    /// Names a message of the same channel.
    pub(crate) fn message(
        &mut self,
        world: &World,
        place: Place,
        id: Snowflake,
    ) -> Result<(), String> {
        let message = world
            .channels
            .get(&place.channel)
            .and_then(|channel| channel.messages.get(&id));
        let message = message
            .filter(|message| message.is_public())
            .ok_or("there is no such message")?;
        self.messages
            .insert(id.to_string(), world.message_json(message));
        Ok(())
    }

    pub(crate) fn role(
        &mut self,
        world: &World,
        place: Place,
        id: Snowflake,
    ) -> Result<(), String> {
        let guild = place.guild.and_then(|id| world.guilds.get(&id));
        let role = guild
            .and_then(|guild| guild.roles.get(&id))
            .ok_or("there is no such role")?;
        self.roles.insert(id.to_string(), role.json());
        Ok(())
    }

    pub(crate) fn channel(
        &mut self,
        world: &World,
        place: Place,
        id: Snowflake,
    ) -> Result<(), String> {
        let channel = world
            .channels
            .get(&id)
            .filter(|channel| channel.guild.is_some() && channel.guild == place.guild);
        let channel = channel.ok_or("there is no such channel")?;
        self.channels
            .insert(id.to_string(), world.channel_json(channel, place.user));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definitions() -> Value {
        json!([
            {"type": 3, "name": "on", "description": "d", "required": true, "autocomplete": true, "max_length": 5},
            {"type": 4, "name": "timeout", "description": "d", "min_value": 1},
            {"type": 6, "name": "who", "description": "d"},
            {"type": 3, "name": "how", "description": "d", "choices": [{"name": "A", "value": "a"}]},
        ])
    }

    fn check(given: &Value, completing: bool) -> Result<(Vec<Value>, Option<Value>), String> {
        let world = World::for_tests();
        let text = given
            .to_string()
            .replace("OPERATOR", &world.seeds.operator.to_string());
        let given: Value = serde_json::from_str(&text).unwrap();
        let place = Place {
            user: world.seeds.operator,
            channel: world.seeds.general,
            guild: Some(world.seeds.guild),
        };
        let typing = Typing {
            world: &world,
            place,
            completing,
        };
        let mut resolved = Resolved::default();
        let read = typing.read(
            definitions().as_array().unwrap(),
            given.as_array().unwrap(),
            "options",
            &mut resolved,
        );
        read.map(|options| (options, resolved.json()))
            .map_err(|bad| bad.field.unwrap_or_default())
    }

    #[test]
    fn options_get_their_registered_types() {
        let (options, resolved) = check(&json!([
            {"name": "on", "value": "all"}, {"name": "timeout", "value": "5"}, {"name": "who", "value": "OPERATOR"},
        ]), false).unwrap();
        assert_eq!(
            options[1],
            json!({"name": "timeout", "type": 4, "value": 5})
        );
        let resolved = resolved.unwrap();
        assert_eq!(
            (
                resolved["users"].as_object().unwrap().len(),
                resolved["members"].as_object().unwrap().len()
            ),
            (1, 1)
        );
    }

    #[test]
    fn faults_name_the_field() {
        for (given, field) in [
            (json!([]), "options.on"),
            (json!([{"name": "x", "value": "1"}]), "options.0.name"),
            (json!([{"name": "on", "value": 5}]), "options.0.value"),
            (
                json!([{"name": "on", "value": "toolong"}]),
                "options.0.value",
            ),
            (
                json!([{"name": "on", "value": "a"}, {"name": "on", "value": "b"}]),
                "options.1.name",
            ),
            (
                json!([{"name": "on", "value": "a", "type": 4}]),
                "options.0.type",
            ),
            (
                json!([{"name": "on", "value": "a"}, {"name": "timeout", "value": 0}]),
                "options.1.value",
            ),
            (
                json!([{"name": "on", "value": "a"}, {"name": "who", "value": "99"}]),
                "options.1.value",
            ),
            (
                json!([{"name": "on", "value": "a"}, {"name": "how", "value": "z"}]),
                "options.1.value",
            ),
            (json!([3]), "options.0"),
        ] {
            assert_eq!(check(&given, false).unwrap_err(), field, "{given}");
        }
    }

    #[test]
    fn an_unfinished_command_may_be_completed() {
        let (options, _) = check(
            &json!([{"name": "on", "value": "we", "focused": true}]),
            true,
        )
        .unwrap();
        assert_eq!(options[0]["focused"], true);
        let focused = json!([{"name": "timeout", "value": "5", "focused": true}]);
        assert_eq!(check(&focused, true).unwrap_err(), "options.0.focused");
    }
}
