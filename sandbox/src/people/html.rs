//! Markdown of what a person sees as HTML, beside the text: `content_html` next to `content`, and so on.
//!
//! What the words mean is decided in `markup`; here are only the places where Discord reads Markdown, and the names that
//! the person may see.

use serde_json::{Map, Value};

use super::act::{Place, title};
use crate::guard;
use crate::markup::{self, Named, Names};
use crate::model::guild::permissions::VIEW_CHANNEL;
use crate::model::message::components::TEXT_DISPLAY;
use crate::snowflake::Snowflake;
use crate::world::World;

/// Components within components: a container holds a section, which holds texts; the rest is for the modals' labels.
const DEPTH_MAX: usize = 8;

/// Adds the HTML of every Markdown text of a message.
pub(crate) fn annotate(world: &World, place: Place, message: &mut Value) {
    let Some(map) = message.as_object_mut() else {
        return;
    };
    let everyone = map.get("mention_everyone").and_then(Value::as_bool) == Some(true);
    let reader = Reader {
        world,
        place,
        everyone,
    };
    add(map, "content", &reader, markup::html);
    components(map.get_mut("components"), &reader, DEPTH_MAX);
    // The message that a thread began with is shown whole; Discord nests no deeper.
    if let Some(referenced) = map.get_mut("referenced_message") {
        annotate(world, place, referenced);
    }
    let embeds = map.get_mut("embeds").and_then(Value::as_array_mut);
    for embed in embeds
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        add(embed, "title", &reader, markup::html_line);
        add(embed, "description", &reader, markup::html);
        let fields = embed.get_mut("fields").and_then(Value::as_array_mut);
        for field in fields
            .into_iter()
            .flatten()
            .filter_map(Value::as_object_mut)
        {
            add(field, "name", &reader, markup::html_line);
            add(field, "value", &reader, markup::html);
        }
    }
}

/// Adds the HTML of the text displays of a modal.
pub(crate) fn annotate_modal(world: &World, place: Place, modal: &mut Value) {
    let reader = Reader {
        world,
        place,
        everyone: false,
    };
    components(modal.get_mut("components"), &reader, DEPTH_MAX);
}

fn components(list: Option<&mut Value>, reader: &Reader<'_>, depth: usize) {
    let list = list.and_then(Value::as_array_mut).into_iter().flatten();
    for component in list.filter_map(Value::as_object_mut) {
        if component.get("type").and_then(Value::as_u64) == Some(TEXT_DISPLAY) {
            add(component, "content", reader, markup::html);
        }
        if depth > 0 {
            components(component.get_mut("components"), reader, depth - 1);
        }
    }
}

fn add(
    map: &mut Map<String, Value>,
    key: &str,
    reader: &Reader<'_>,
    html: fn(&str, &dyn Names) -> String,
) {
    if let Some(text) = map.get(key).and_then(Value::as_str) {
        let html = html(text, reader);
        map.insert(format!("{key}_html"), Value::String(html));
    }
}

/// The names as one person reads them in one place.
struct Reader<'a> {
    world: &'a World,
    place: Place,
    /// Whether the message called everyone.
    everyone: bool,
}

impl Names for Reader<'_> {
    fn user(&self, id: Snowflake) -> Option<Named> {
        let user = self.world.users.get(&id)?;
        Some(Named {
            name: user.username.clone(),
            me: id == self.place.user,
        })
    }

    fn role(&self, id: Snowflake) -> Option<Named> {
        let guild = self.world.guilds.get(&self.place.guild?)?;
        let member = guild.members.get(&self.place.user);
        Some(Named {
            name: guild.roles.get(&id)?.name.clone(),
            me: member.is_some_and(|member| member.roles.contains(&id)),
        })
    }

    fn channel(&self, id: Snowflake) -> Option<String> {
        let channel = self.world.channels.get(&id)?;
        let sees = self.world.permissions(self.place.user, channel) & VIEW_CHANNEL != 0;
        sees.then(|| title(self.world, channel))
    }

    fn everyone(&self) -> bool {
        self.everyone
    }

    fn is_home(&self, authority: &str) -> bool {
        guard::is_ours(authority, self.world.address)
    }

    fn home(&self) -> String {
        self.world.address.to_string()
    }
}
