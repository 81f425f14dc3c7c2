//! The first events of a session: READY, and GUILD_CREATE for each guild.

use serde_json::{Value, json};

use crate::model::guild::{Channel, Guild, Member, User, thread_member_json, with};
use crate::model::intents::{GRANTS, GUILD_PRESENCES, GUILDS};
use crate::snowflake::{Snowflake, rfc3339};
use crate::world::World;
use crate::world::sessions::Terms;

impl World {
    /// Sends READY, then the guilds if the session asked for them.
    pub(crate) fn welcome(&mut self, session: &str, terms: &Terms) {
        let (shard, count) = terms.shard;
        let ready = json!({
            "v": 10, "user": self.bot_user().map(User::private_json), "session_id": session,
            "guilds": self.unavailable_guilds(shard, count), "resume_gateway_url": self.gateway_url(),
            "application": {"id": self.application.id, "flags": self.application_flags()},
            "shard": [shard, count], "private_channels": [], "relationships": [], "presences": [],
            "user_settings": {}, "geo_ordered_rtc_regions": [], "guild_join_requests": [], "auth": {},
            "session_type": "normal", "_trace": [],
        });
        self.publish_to(session, "READY", &ready);
        if terms.intents & GUILDS == 0 {
            return;
        }
        let bot = self.application.id;
        let guilds = self.guilds.values();
        let ours = guilds.filter(|guild| guild.id.shard(count) == shard);
        let ours = ours.filter(|guild| guild.members.contains_key(&bot));
        let created: Vec<Value> = ours.map(|guild| self.guild_create(guild, terms)).collect();
        for d in &created {
            self.publish_to(session, "GUILD_CREATE", d);
        }
    }

    /// Announces a guild that the bot has just come into.
    pub(crate) fn announce_guild(&mut self, id: Snowflake) {
        let Some(guild) = self.guilds.get(&id) else {
            return;
        };
        let (guild, mut created) = (guild.clone(), Vec::new());
        let session_terms = self.sessions.terms();
        for (session, terms) in session_terms {
            if terms.intents & GUILDS != 0 && id.shard(terms.shard.1) == terms.shard.0 {
                created.push((session, self.guild_create(&guild, &terms)));
            }
        }
        for (session, d) in created {
            self.publish_to(&session, "GUILD_CREATE", &d);
        }
    }

    /// Where the gateway is; no query, and no slash at the end.
    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}/gateway", self.address)
    }

    /// READY's guild list: what the bot is in, to be filled by GUILD_CREATE.
    pub(crate) fn unavailable_guilds(&self, shard: u64, count: u64) -> Vec<Value> {
        let bot = self.application.id;
        let ours = self
            .guilds
            .values()
            .filter(|guild| guild.members.contains_key(&bot));
        ours.filter(|guild| guild.id.shard(count) == shard)
            .map(|guild| with(json!({"id": guild.id}), "unavailable", json!(true)))
            .collect()
    }

    /// The application's flags: which privileged intents it was granted.
    pub(crate) fn application_flags(&self) -> u64 {
        let granted = self.application.privileged_intents;
        let held = GRANTS.iter().filter(|(_, intent, _)| granted & intent != 0);
        held.fold(0, |flags, (_, _, flag)| flags | flag)
    }

    /// A guild as GUILD_CREATE carries it to one session.
    fn guild_create(&self, guild: &Guild, terms: &Terms) -> Value {
        let bot = self.application.id;
        let channels = guild.channels.iter().filter_map(|id| self.channels.get(id));
        let threads = guild.active_threads.iter().filter(|id| self.bot_sees(**id));
        let threads = threads.filter_map(|id| self.channels.get(id));
        let count = u64::try_from(guild.members.len()).unwrap_or(u64::MAX);
        let large = count > terms.large_threshold;
        let sees_all = terms.intents & GUILD_PRESENCES != 0;
        let people = guild.members.iter();
        let people = people.filter_map(|(id, member)| Some((member, self.users.get(id)?)));
        // Without GUILD_PRESENCES only the bot itself is listed; of a large guild those who are offline are not.
        let listed =
            people.filter(|(_, user)| user.id == bot || (sees_all && !(large && user.bot)));
        let listed: Vec<(&Member, &User)> = listed.collect();
        let members = listed.iter().map(|(member, user)| member.json_with(user));
        let present = listed.iter().filter(|_| sees_all);
        let presences = present.map(|(_, user)| self.presence_of(user));
        let membership = guild.members.get(&bot);
        let joined_ms = membership.map_or(0, |member| member.joined_ms);
        let mut d = guild.json();
        if let Some(map) = d.as_object_mut() {
            map.extend([
                ("channels".into(), channels.map(Channel::json).collect()),
                (
                    "threads".into(),
                    threads.map(|thread| joined(thread, bot)).collect(),
                ),
                ("members".into(), members.collect()),
                ("presences".into(), presences.collect()),
                ("member_count".into(), json!(count)),
                ("joined_at".into(), json!(rfc3339(joined_ms))),
                ("large".into(), json!(large)),
                ("unavailable".into(), json!(false)),
            ]);
            for key in [
                "voice_states",
                "stage_instances",
                "guild_scheduled_events",
                "soundboard_sounds",
            ] {
                map.insert(key.into(), json!([]));
            }
        }
        d
    }
}

/// A thread with the bot's membership, if it has joined.
fn joined(thread: &Channel, bot: Snowflake) -> Value {
    let members = thread.thread.as_ref().map(|thread| &thread.members);
    match members.and_then(|members| members.get(&bot)) {
        Some(joined_ms) => with(
            thread.json(),
            "member",
            thread_member_json(thread.id, bot, *joined_ms),
        ),
        None => thread.json(),
    }
}
