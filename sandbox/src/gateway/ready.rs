//! The first events of a session: READY, and GUILD_CREATE for each guild.

use serde_json::{Value, json};

use crate::gateway::session::GUILDS;
use crate::guild::{Guild, User, with};
use crate::snowflake::{Snowflake, rfc3339};
use crate::world::World;

impl World {
    /// Sends READY, then the guilds if the session asked for them.
    pub(crate) fn welcome(&mut self, session: &str, intents: u64, shard: (u64, u64)) {
        let ready = json!({
            "v": 10, "user": self.bot_user().map(User::private_json), "session_id": session,
            "guilds": self.unavailable_guilds(shard.0, shard.1), "resume_gateway_url": self.gateway_url(),
            "application": {"id": self.application.id, "flags": 0}, "shard": [shard.0, shard.1],
            "private_channels": [], "relationships": [], "presences": [], "user_settings": {},
            "geo_ordered_rtc_regions": [], "guild_join_requests": [], "session_type": "normal", "_trace": [],
        });
        self.publish_to(session, "READY", &ready);
        if intents & GUILDS == 0 {
            return;
        }
        let bot = self.application.id;
        let ours = self
            .guilds
            .values()
            .filter(|guild| guild.id.shard(shard.1) == shard.0);
        let ours = ours.filter(|guild| guild.members.contains_key(&bot));
        let created: Vec<Value> = ours.map(|guild| self.guild_create(guild)).collect();
        for d in &created {
            self.publish_to(session, "GUILD_CREATE", d);
        }
    }

    /// A guild as GUILD_CREATE carries it.
    pub(crate) fn guild_create(&self, guild: &Guild) -> Value {
        let mut d = guild.json();
        let list = |ids: &mut dyn Iterator<Item = &Snowflake>| -> Value {
            ids.filter_map(|id| Some(self.channels.get(id)?.json()))
                .collect()
        };
        let members = guild.members.iter().filter_map(|(id, member)| {
            Some(with(member.json(), "user", self.users.get(id)?.json()))
        });
        if let Some(map) = d.as_object_mut() {
            map.extend([
                ("channels".into(), list(&mut guild.channels.iter())),
                ("threads".into(), list(&mut guild.active_threads.iter())),
                ("members".into(), members.collect()),
                ("member_count".into(), json!(guild.members.len())),
                ("joined_at".into(), json!(rfc3339(guild.created_ms))),
                ("large".into(), json!(false)),
                ("unavailable".into(), json!(false)),
            ]);
            for key in [
                "presences",
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
