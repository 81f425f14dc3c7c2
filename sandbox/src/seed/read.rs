//! Reads a seed file: what each field may be, and whether names and ids fit together.

use std::collections::{HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::names;
use super::section::{Faults, Placed, Section, parse};
use super::{BotSeed, ChannelSeed, ForWhom, GuildSeed, OverwriteSeed, PersonSeed, RoleSeed, Seed};
use crate::model::guild::GUILD_TEXT;
use crate::model::guild::permissions::EVERYONE;
use crate::snowflake::Snowflake;

/// Discord's bounds of a guild, except for people: those of a small one are enough.
const GUILDS_MAX: usize = 100;
const ROLES_MAX: usize = 249;
const CHANNELS_MAX: usize = 500;
const PEOPLE_MAX: usize = 1000;
const OVERWRITES_MAX: usize = 100;
const SLOWMODE_MAX_S: u64 = 21_600;

/// Reads the file, or gives everything that is wrong with it by line.
pub(super) fn seed(text: &str) -> Result<Seed, Vec<(usize, String)>> {
    let mut faults = Faults::new(text);
    let table = parse(text, &mut faults);
    let mut file = Section::new("", 0, table.get_ref());
    let mut ids = Ids::default();
    let bot = match file.section("bot", &mut faults) {
        Some(section) => bot(section, &mut ids, &mut faults),
        None => BotSeed::default(),
    };
    let mut guilds = Vec::new();
    let mut people = HashMap::new();
    for section in file.sections("guilds", "guilds", GUILDS_MAX, &mut faults) {
        guilds.extend(guild(section, &mut ids, &mut people, &mut faults));
    }
    if guilds.is_empty() {
        faults.at(
            0,
            "there must be a guild: write [[guilds]] with a name and people",
        );
    }
    file.finish(&mut faults);
    let found = faults.finish();
    if found.is_empty() {
        Ok(Seed { bot, guilds })
    } else {
        Err(found)
    }
}

/// Ids that are taken: each stands for one thing only.
#[derive(Default)]
struct Ids {
    taken: HashSet<Snowflake>,
}

impl Ids {
    fn read(
        &mut self,
        section: &mut Section<'_, '_>,
        faults: &mut Faults<'_>,
    ) -> Option<Snowflake> {
        let placed = section.text("id", 1..=20, faults)?;
        let at = placed.at;
        let Ok(id) = placed.value.parse::<Snowflake>() else {
            faults.at(
                at,
                "`id` must be a snowflake: digits only, like \"1234567890123456789\"",
            );
            return None;
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        if u128::from(id.unix_ms()) > now.as_millis() {
            faults.at(
                at,
                "`id` says that it is from the future; take an older one",
            );
            return None;
        }
        if !self.taken.insert(id) {
            faults.at(
                at,
                format!("`id` {id} is used twice; each thing needs its own"),
            );
            return None;
        }
        Some(id)
    }
}

fn bot(mut section: Section<'_, '_>, ids: &mut Ids, faults: &mut Faults<'_>) -> BotSeed {
    let default = BotSeed::default();
    let given = ids.read(&mut section, faults);
    let token = section.text("token", 10..=200, faults);
    let id = match &token {
        Some(token) => token_id(token, given, faults),
        None => given,
    };
    let intents = section.list("privileged_intents", faults);
    let seed = BotSeed {
        id,
        name: section
            .text("name", 2..=32, faults)
            .map_or(default.name, |name| name.value),
        token: token.map(|token| token.value),
        intents: intents.map(|list| {
            list.iter()
                .fold(0, |bits, name| bits | intent(name, faults))
        }),
        permissions: permissions(&mut section, "permissions", faults)
            .unwrap_or(default.permissions),
        color: color(&mut section, faults).unwrap_or(default.color),
    };
    section.finish(faults);
    seed
}

/// The application's id, which some clients read from the first part of the token.
fn token_id(
    token: &Placed<String>,
    given: Option<Snowflake>,
    faults: &mut Faults<'_>,
) -> Option<Snowflake> {
    if token.value.bytes().any(|byte| !byte.is_ascii_graphic()) {
        faults.at(
            token.at,
            "`token` must be of printable ASCII characters without spaces",
        );
        return given;
    }
    let first = token.value.split('.').next().unwrap_or_default();
    let decoded = URL_SAFE_NO_PAD.decode(first.trim_end_matches('=')).ok();
    let told = decoded.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    match (given, told) {
        (Some(given), Some(told)) if given != told => {
            let what =
                format!("`token` says that its bot is {told}; leave `id` out or make it that");
            faults.at(token.at, what);
            Some(given)
        }
        (given, told) => given.or(told),
    }
}

fn guild(
    mut section: Section<'_, '_>,
    ids: &mut Ids,
    known: &mut HashMap<String, Option<Snowflake>>,
    faults: &mut Faults<'_>,
) -> Option<GuildSeed> {
    let start = section.start();
    let id = ids.read(&mut section, faults);
    let name = section.required("name", 2..=100, faults);
    let everyone = permissions(&mut section, "everyone", faults).unwrap_or(EVERYONE);
    let bot = section.flag("bot", faults).unwrap_or(true);
    let mut roles: Vec<RoleSeed> = Vec::new();
    for section in section.sections("roles", "guilds.roles", ROLES_MAX, faults) {
        let at = section.start();
        let Some(role) = role(section, ids, faults) else {
            continue;
        };
        if role.name == "@everyone" {
            faults.at(
                at,
                "@everyone is there already; its permissions are `everyone` of guilds",
            );
        } else if roles.iter().any(|known| known.name == role.name) {
            faults.at(
                at,
                format!(
                    "there are two roles {:?}; names tell them apart here",
                    role.name
                ),
            );
        }
        roles.push(role);
    }
    let mut people: Vec<PersonSeed> = Vec::new();
    for section in section.sections("people", "guilds.people", PEOPLE_MAX, faults) {
        let at = section.start();
        let Some(person) = person(section, ids, known, &roles, faults) else {
            continue;
        };
        if people.iter().any(|known| known.name == person.name) {
            faults.at(at, format!("{:?} is in this guild twice", person.name));
        }
        people.push(person);
    }
    if people.iter().filter(|person| person.owner).count() != 1 {
        faults.at(
            start,
            "a guild must have one owner: say `owner = true` at one of its people",
        );
    }
    let mut channels: Vec<ChannelSeed> = Vec::new();
    for section in section.sections("channels", "guilds.channels", CHANNELS_MAX, faults) {
        let around = Around {
            roles: &roles,
            people: &people,
        };
        let channel = channel(section, ids, &around, faults);
        channels.extend(channel);
    }
    if channels.iter().all(|channel| channel.kind != GUILD_TEXT) {
        faults.at(
            start,
            "a guild must have a text channel: write [[guilds.channels]] with a name",
        );
    }
    section.finish(faults);
    Some(GuildSeed {
        id,
        name: name?.value,
        everyone,
        bot,
        roles,
        people,
        channels,
    })
}

fn role(mut section: Section<'_, '_>, ids: &mut Ids, faults: &mut Faults<'_>) -> Option<RoleSeed> {
    let id = ids.read(&mut section, faults);
    let name = section.required("name", 1..=100, faults);
    let permissions = permissions(&mut section, "permissions", faults).unwrap_or(0);
    let color = color(&mut section, faults).unwrap_or(0);
    let mentionable = section.flag("mentionable", faults).unwrap_or(true);
    section.finish(faults);
    Some(RoleSeed {
        id,
        name: name?.value,
        permissions,
        color,
        mentionable,
    })
}

fn person(
    mut section: Section<'_, '_>,
    ids: &mut Ids,
    known: &mut HashMap<String, Option<Snowflake>>,
    roles: &[RoleSeed],
    faults: &mut Faults<'_>,
) -> Option<PersonSeed> {
    let id = ids.read(&mut section, faults);
    let name = section.required("name", 1..=32, faults);
    let owner = section.flag("owner", faults).unwrap_or(false);
    let held = section.list("roles", faults).unwrap_or_default();
    for role in &held {
        if roles.iter().all(|known| known.name != role.value) {
            faults.at(
                role.at,
                format!("the guild has no role {:?}", brief(&role.value)),
            );
        }
    }
    let start = section.start();
    section.finish(faults);
    let name = name?.value;
    if known.contains_key(&name) && id.is_some() {
        let what = format!("{name:?} was named before; give the id where they come first");
        faults.at(start, what);
    }
    known.entry(name.clone()).or_insert(id);
    Some(PersonSeed {
        id,
        name,
        owner,
        roles: held.into_iter().map(|role| role.value).collect(),
    })
}

/// What a channel may name.
struct Around<'a> {
    roles: &'a [RoleSeed],
    people: &'a [PersonSeed],
}

fn channel(
    mut section: Section<'_, '_>,
    ids: &mut Ids,
    around: &Around<'_>,
    faults: &mut Faults<'_>,
) -> Option<ChannelSeed> {
    let id = ids.read(&mut section, faults);
    let name = section.required("name", 1..=100, faults);
    let kind = section.text("type", 1..=100, faults).map(|name| {
        names::channel_type(&name.value).unwrap_or_else(|| {
            let known = names::listed(&names::CHANNEL_TYPES);
            faults.at(name.at, format!("`type` must be one of {known}"));
            GUILD_TEXT
        })
    });
    let topic = section.text("topic", 0..=1024, faults);
    let slowmode_s = section.number("slowmode", 0..=SLOWMODE_MAX_S, faults);
    let listed = section.sections(
        "overwrites",
        "guilds.channels.overwrites",
        OVERWRITES_MAX,
        faults,
    );
    let read = |section| overwrite(section, around, faults);
    let overwrites = listed.into_iter().filter_map(read).collect();
    section.finish(faults);
    Some(ChannelSeed {
        id,
        name: name?.value,
        kind: kind.unwrap_or(GUILD_TEXT),
        topic: topic.map(|topic| topic.value),
        slowmode_s: slowmode_s.unwrap_or(0),
        overwrites,
    })
}

fn overwrite(
    mut section: Section<'_, '_>,
    around: &Around<'_>,
    faults: &mut Faults<'_>,
) -> Option<OverwriteSeed> {
    let start = section.start();
    let role = section.text("role", 1..=100, faults);
    let person = section.text("person", 1..=32, faults);
    let allow = permissions(&mut section, "allow", faults).unwrap_or(0);
    let deny = permissions(&mut section, "deny", faults).unwrap_or(0);
    section.finish(faults);
    let whom = match (role, person) {
        (Some(role), None) if role.value == "@everyone" => ForWhom::Everyone,
        (Some(role), None) => {
            if around.roles.iter().all(|known| known.name != role.value) {
                faults.at(
                    role.at,
                    format!("the guild has no role {:?}", brief(&role.value)),
                );
            }
            ForWhom::Role(role.value)
        }
        (None, Some(person)) => {
            if around.people.iter().all(|known| known.name != person.value) {
                faults.at(
                    person.at,
                    format!("nobody is called {:?}", brief(&person.value)),
                );
            }
            ForWhom::Person(person.value)
        }
        (Some(_), Some(_)) | (None, None) => {
            faults.at(
                start,
                "an overwrite is for one `role` (\"@everyone\" too) or one `person`",
            );
            return None;
        }
    };
    Some(OverwriteSeed { whom, allow, deny })
}

fn permissions(
    section: &mut Section<'_, '_>,
    key: &'static str,
    faults: &mut Faults<'_>,
) -> Option<u64> {
    let list = section.list(key, faults)?;
    Some(list.iter().fold(0, |bits, name| {
        let bit = names::permission(&name.value);
        if bit.is_none() {
            let near = names::nearest_permission(&name.value);
            let shown = brief(&name.value);
            faults.at(
                name.at,
                format!("there is no permission {shown:?}; is it {near}?"),
            );
        }
        bits | bit.unwrap_or(0)
    }))
}

fn intent(name: &Placed<String>, faults: &mut Faults<'_>) -> u64 {
    let bit = names::intent(&name.value);
    if bit.is_none() {
        let known = names::intents();
        faults.at(
            name.at,
            format!("privileged intents are {known}; others need no grant"),
        );
    }
    bit.unwrap_or(0)
}

fn color(section: &mut Section<'_, '_>, faults: &mut Faults<'_>) -> Option<u32> {
    let placed = section.text("color", 1..=20, faults)?;
    let digits = placed.value.strip_prefix('#');
    let digits =
        digits.filter(|text| text.len() == 6 && text.bytes().all(|b| b.is_ascii_hexdigit()));
    let color = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    if color.is_none() {
        faults.at(placed.at, "`color` must be like \"#2ecc71\"");
    }
    color
}

fn brief(text: &str) -> String {
    text.chars().take(50).collect()
}
