//! The edge on a hub without processes and a Discord that answers by script: what people are told, and what becomes of their runs.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shanty_core::ids::RunId;
use shanty_core::journal::Kind;
use shanty_core::output::same_but::SameBut;
use shanty_core::run::{Phase, Run};

use super::fake::{FakeRest, Reply, Seen, install_tls};
use super::*;
use crate::clock::now_ms;
use crate::store::Commits;
use crate::testing::{ANN, GUILD, OPS, ROLE, Rig, agent, let_others_go_on, spool, within};

mod interactions;
mod news;
mod opens;
mod presses;
mod scripts;
mod shown;
mod starts;

/// When Discord is back, chat is in so long, milliseconds, whatever hung or failed meanwhile.
pub(super) const BACK_MS: u64 = 15_000;

/// The message of a card that answers an interaction.
const CARD: u64 = 77;

/// The edge, and what is around it.
struct Stage {
    rig: Rig,
    rest: FakeRest,
    edge: Arc<Edge>,
    supervisor: Supervisor,
}

impl Stage {
    /// Discord does all that it is asked for.
    async fn start() -> Self {
        Self::scripted(|_| None).await
    }

    /// Discord answers so, and does what it is asked for where this says nothing.
    async fn scripted(script: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let rest = FakeRest::start(move |_, seen| script(seen).unwrap_or_else(|| done(seen))).await;
        Self::on(Rig::start().await, rest, Some(OPS))
    }

    /// Publishers are at work, and runs of the command line are shown in this channel.
    fn on(rig: Rig, rest: FakeRest, ops_channel: Option<u64>) -> Self {
        install_tls();
        let mut supervisor = Supervisor::default();
        let token = Secret::new("hush".to_owned());
        let edge = Arc::new(Edge {
            hub: rig.hub.clone(),
            output: rig.output.clone(),
            inputs: rig.inputs.clone(),
            history: rig.history(),
            kept: rig.kept.clone(),
            sender: Sender::new(rest.api.clone(), &token).unwrap(),
            requests: Requests::new(),
            spawner: supervisor.spawner(),
            ops_channel,
            ops_guild: OpsGuild::default(),
            audit_channel: None,
            style: Style {
                same_but: SameBut {
                    host: true,
                    ..SameBut::default()
                },
                ..Style::default()
            },
            gone_ms: None,
            spool_dir: std::env::temp_dir(),
            installer: Installer::new(
                rig.data_dir().join("agents"),
                "ctl.example.net:7444".to_owned(),
                rig.ca.pin(),
                &[rig.ca.listener_pin()],
            ),
            previews: interaction::Previews::default(),
            questions: interaction::Questions::default(),
            reads: interaction::Reads::default(),
            asks: Mutex::default(),
            callbacks: publish::Callbacks::default(),
            shutdown: supervisor.shutdown(),
        });
        supervisor.start("publishers", publish::publishers(Arc::clone(&edge)));
        Self {
            rig,
            rest,
            edge,
            supervisor,
        }
    }

    /// The whole process is killed, and the next one has this Discord.
    async fn restart(self, rest: FakeRest) -> Self {
        let Self {
            rig, supervisor, ..
        } = self;
        supervisor.shutdown().cancel();
        within("the end of the edge", supervisor.wait(Duration::MAX))
            .await
            .unwrap();
        Self::on(rig.restart().await, rest, Some(OPS))
    }

    /// Somebody types or presses something; returns when it is answered.
    async fn interact(&self, interaction: Value) {
        let interaction = serde_json::from_value(interaction).unwrap();
        let answered = interaction::answer(Arc::clone(&self.edge), interaction);
        within("an answer", answered).await;
    }

    /// The calls so far: method and path from the version on, and the body.
    fn calls(&self) -> Vec<(String, Value)> {
        self.rest.seen().iter().map(call).collect()
    }

    /// The bodies of the calls to one place so far.
    fn bodies(&self, place: &str) -> Vec<Value> {
        let calls = self.calls().into_iter();
        let there = calls.filter(|(line, _)| line == place);
        there.map(|(_, body)| body).collect()
    }

    /// Where the first card that answered an interaction is edited while it is young.
    fn edit(&self) -> String {
        let calls = self.calls().into_iter();
        let answered = |(line, _): (String, Value)| {
            let path = line.strip_prefix("POST interactions/")?;
            let path = path.strip_suffix("/callback?with_response=true")?;
            let (_, token) = path.split_once('/')?;
            Some(format!("PATCH webhooks/100/{token}/messages/@original"))
        };
        calls.filter_map(answered).next().expect("a card")
    }

    /// Waits until calls look so.
    async fn called(&self, what: &str, mut is: impl FnMut(&[(String, Value)]) -> bool) {
        let looked = async {
            while !is(&self.calls()) {
                tokio::task::yield_now().await;
            }
        };
        within(what, looked).await;
    }

    /// Waits until a call to this place holds this text.
    async fn said(&self, place: &str, text: &str) {
        let is = |(line, body): &(String, Value)| line == place && body.to_string().contains(text);
        let what = format!("{text} at {place}");
        self.called(&what, |calls| calls.iter().any(is)).await;
    }

    /// The one run that was asked for, once it is over.
    async fn over(&self) -> Arc<Run> {
        self.rig.over(self.run()).await
    }

    /// The one run that was asked for.
    fn run(&self) -> RunId {
        let kinds = self.rig.kinds();
        let mut runs = kinds.iter().filter_map(|kind| match kind {
            Kind::Accepted(spec) => Some(spec.id),
            _ => None,
        });
        let run = runs.next().expect("a run was accepted");
        assert_eq!(runs.next(), None, "one run");
        run
    }

    /// Waits until nothing is kept of the place of any card: people have seen the end of each run.
    async fn forgotten(&self) {
        let forgotten = async {
            loop {
                let kept: Vec<(String, Value)> = self.rig.kept.below("card:").await.unwrap();
                if kept.is_empty() {
                    return;
                }
            }
        };
        within("the end of every card", forgotten).await;
    }
}

#[tokio::test]
async fn commands_are_registered_after_each_login_and_each_time_a_server_takes_the_bot() {
    let stage = Stage::scripted(|seen| {
        let refused = || refusal(403, 50_001, "Missing Access");
        seen.line.contains("/guilds/8/").then(refused)
    })
    .await;
    let ready = |logins, joins| GatewayState::Ready {
        application: 100,
        guilds: BTreeSet::from([8, GUILD]),
        logins,
        joins,
    };
    let (gateway_tx, gateway) = watch::channel(ready(1, 0));
    let (chat_tx, mut chat) = watch::channel(ChatState::Starting);
    let (edge, shutdown) = (Arc::clone(&stage.edge), stage.edge.shutdown.clone());
    // The first server refuses them: the second has them all the same.
    let registering = register(edge, vec![8, GUILD], gateway, chat_tx, shutdown);
    let put = format!("PUT applications/100/guilds/{GUILD}/commands");
    let told = async {
        for (times, (logins, joins)) in [(1, 0), (1, 1), (2, 1), (2, 2)].into_iter().enumerate() {
            gateway_tx.send_replace(ready(logins, joins));
            let what = "the commands to be registered";
            stage
                .called(what, |calls| {
                    calls.iter().filter(|(line, _)| *line == put).count() == times + 1
                })
                .await;
        }
        let refused = |state: &ChatState| matches!(state, ChatState::Degraded(_));
        within("that it is said", chat.wait_for(refused))
            .await
            .map(|_| ())
    };
    tokio::select! {
        ended = registering => panic!("{ended:?}"),
        told = told => told.unwrap(),
    }
    let sets = stage.bodies(&put);
    assert!(sets.iter().all(|set| *set == sets[0]), "the same each time");
}

/// A call as tests look at it.
fn call(seen: &Seen) -> (String, Value) {
    let line = seen.line.trim_end_matches(" HTTP/1.1");
    let line = line.replacen("/api/v10/", "", 1);
    let body = serde_json::from_slice(&seen.body).unwrap_or(Value::Null);
    (line, body)
}

/// What Discord says to a call that it does.
fn done(seen: &Seen) -> Reply {
    let (line, _) = call(seen);
    let (method, path) = line.split_once(' ').unwrap();
    let parts: Vec<&str> = path.split(['/', '?']).collect();
    let message = |id: &str, channel: &str| json!({"id": id, "channel_id": channel});
    let body = match (method, &parts[..]) {
        ("POST", ["interactions", _, _, "callback", "with_response=true"]) => {
            json!({"resource": {"message": message(&CARD.to_string(), &OPS.to_string())}})
        }
        ("POST", ["interactions", _, _, "callback"]) => {
            return Reply::Answer(204, vec![], String::new());
        }
        ("GET" | "PATCH", ["webhooks", .., "@original"]) => {
            message(&CARD.to_string(), &OPS.to_string())
        }
        ("DELETE", ["webhooks", _, _, "messages", _]) => {
            return Reply::Answer(204, vec![], String::new());
        }
        ("POST", ["channels", channel, "messages"]) => message("88", channel),
        ("PATCH", ["channels", channel, "messages", id]) => message(id, channel),
        ("POST", ["channels", _, "messages", id, "threads"]) | ("PATCH", ["channels", id]) => {
            json!({"id": id})
        }
        ("GET", ["channels", _, "messages", ..]) => json!([]),
        ("GET", ["channels", id]) => json!({"id": id, "guild_id": GUILD.to_string()}),
        ("POST", ["webhooks", _, _, "with_components=true"]) => message("89", &OPS.to_string()),
        ("PUT", ["applications", _, "guilds", _, "commands"]) => json!([]),
        _ => panic!("no such call: {line}"),
    };
    Reply::Answer(200, vec![], body.to_string())
}

/// A refusal of Discord's.
fn refusal(status: u16, code: u64, message: &str) -> Reply {
    let body = json!({"code": code, "message": message}).to_string();
    Reply::Answer(status, vec![], body)
}

fn is_callback(seen: &Seen) -> bool {
    seen.line.contains("/callback")
}

/// Ann uses a slash command in the operators' channel, by a new interaction.
fn slash(name: &str, options: Value) -> Value {
    interaction(
        2,
        json!({"id": "9", "name": name, "type": 1, "options": options}),
    )
}

fn option(name: &str, value: &str) -> Value {
    json!({"name": name, "type": 3, "value": value})
}

/// What is typed after `/hold`, to begin one.
fn hold_on() -> Value {
    json!([{"name": "on", "type": 1, "options": [option("reason", "db move")]}])
}

/// `/run` of `uptime`.
fn run(on: &str) -> Value {
    slash(
        "run",
        json!([option("on", on), option("command", "uptime")]),
    )
}

/// Ann presses a button.
fn press(custom_id: &str) -> Value {
    let mut value = interaction(3, json!({"custom_id": custom_id, "component_type": 2}));
    value["message"] = json!({
        "id": CARD.to_string(), "channel_id": OPS.to_string(),
        "author": {"id": "100", "username": "b", "discriminator": "0"},
        "content": "", "timestamp": "2026-01-02T03:04:05.678000+00:00", "tts": false,
        "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [],
        "embeds": [], "pinned": false, "type": 20,
    });
    value
}

fn interaction(kind: u8, data: Value) -> Value {
    let id = next_interaction();
    json!({
        "id": id.to_string(), "application_id": "100", "type": kind, "token": format!("tok{id}"), "version": 1,
        "guild_id": GUILD.to_string(), "channel_id": OPS.to_string(),
        "channel": {"id": OPS.to_string(), "type": 0, "guild_id": GUILD.to_string()},
        "member": {
            "user": {"id": ANN.to_string(), "username": "ann", "discriminator": "0"},
            "roles": [ROLE.to_string()], "deaf": false, "mute": false, "flags": 0, "permissions": "0",
        },
        "app_permissions": "309237763072", "context": 0, "entitlements": [],
        "attachment_size_limit": 10, "authorizing_integration_owners": {"0": "1"},
        "data": data,
    })
}

/// An id of this moment that no other interaction has.
fn next_interaction() -> u64 {
    static LAST: Mutex<u64> = Mutex::new(0);
    const EPOCH_MS: u64 = 1_420_070_400_000;
    let mut last = LAST.lock().unwrap();
    *last = (*last + 1).max((now_ms() - EPOCH_MS) << 22);
    *last
}

/// Where an interaction is answered.
fn callback(interaction: &Value) -> String {
    let id = interaction["id"].as_str().unwrap();
    format!("POST interactions/{id}/tok{id}/callback")
}

fn callback_with_message(interaction: &Value) -> String {
    format!("{}?with_response=true", callback(interaction))
}

/// Where the message that answered an interaction is.
fn original(method: &str, interaction: &Value) -> String {
    let id = interaction["id"].as_str().unwrap();
    format!("{method} webhooks/100/tok{id}/messages/@original")
}

/// The reason of a run that was given up.
fn expired(run: &Run) -> &str {
    match &run.phase {
        Phase::Expired(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// True for an answer that only the asker sees.
fn is_private(body: &Value) -> bool {
    body["type"] == 4 && body["data"]["flags"].as_u64().is_some_and(|f| f & 64 != 0)
}
