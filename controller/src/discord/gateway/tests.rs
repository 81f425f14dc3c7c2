//! Tests of the session keeper against a gateway that the test speaks for.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use twilight_gateway::Session;

use super::*;
use crate::discord::call::CALL_TIMEOUT;
use crate::discord::fake::{Connection, FakeGateway, Nobody, install_tls};
use crate::discord::tests::BACK_MS;
use crate::testing::within;

struct Bot {
    events: mpsc::Receiver<Interaction>,
    state: watch::Receiver<GatewayState>,
    session: watch::Receiver<Option<SavedSession>>,
    shutdown: CancellationToken,
    running: JoinSet<Result<(), GatewayError>>,
    spoken: mpsc::Receiver<Spoken>,
    presence: watch::Sender<Option<String>>,
}

impl Bot {
    fn start(discord: &FakeGateway, saved: Option<SavedSession>) -> Self {
        Self::with(
            discord,
            GatewayConfig {
                reconnect_ms: (1, 2),
                identify_gap_ms: 1,
                ..GatewayConfig::new(Secret::new("hush".to_owned()), saved)
            },
        )
    }

    fn with(discord: &FakeGateway, config: GatewayConfig) -> Self {
        let sender = Sender::new(discord.api.clone(), &config.tokens.borrow()).unwrap();
        let (events_tx, events) = mpsc::channel(2);
        let (state_tx, state) = watch::channel(GatewayState::Connecting);
        let (session_tx, session) = watch::channel(None);
        let shutdown = CancellationToken::new();
        let mut running = JoinSet::new();
        let (spoken_tx, spoken) = mpsc::channel(2);
        let (presence, presence_rx) = watch::channel(None);
        let wires = Wires {
            events: events_tx,
            spoken: spoken_tx,
            state: state_tx,
            session: session_tx,
            presence: presence_rx,
        };
        running.spawn(run(config, sender, wires, shutdown.clone()));
        Self {
            spoken,
            presence,
            events,
            state,
            session,
            shutdown,
            running,
        }
    }

    async fn reaches(
        &mut self,
        what: &str,
        wanted: impl FnMut(&GatewayState) -> bool,
    ) -> GatewayState {
        within(what, self.state.wait_for(wanted))
            .await
            .unwrap()
            .clone()
    }

    async fn ready(&mut self) -> GatewayState {
        self.reaches("ready", |state| matches!(state, GatewayState::Ready { .. }))
            .await
    }

    async fn session_at(&mut self, sequence: u64) -> SavedSession {
        let at = |saved: &Option<SavedSession>| {
            saved
                .as_ref()
                .is_some_and(|saved| saved.session.sequence() == sequence)
        };
        let saved = within("the session", self.session.wait_for(at))
            .await
            .unwrap()
            .clone();
        saved.unwrap()
    }

    async fn end(&mut self) -> Result<(), GatewayError> {
        within("the end", self.running.join_next())
            .await
            .unwrap()
            .unwrap()
    }
}

/// The longest that a gateway which is back goes unnoticed, milliseconds: something hung when it came back, then the bot waited.
fn unnoticed_ms(config: &GatewayConfig) -> u64 {
    let hung = HELLO_TIMEOUT.max(CALL_TIMEOUT);
    let (_, longest_ms) = config.reconnect_ms;
    u64::try_from(hung.as_millis()).unwrap() + longest_ms
}

#[test]
fn a_gateway_that_is_back_is_soon_heard() {
    let config = GatewayConfig::new(Secret::new("hush".to_owned()), None);
    let longest_ms = unnoticed_ms(&config);
    assert!(longest_ms <= BACK_MS, "{longest_ms}");
}

async fn log_in(discord: &mut FakeGateway) -> Connection {
    let mut connection = discord.accept().await;
    let identify = connection.greet().await;
    assert_eq!(identify["op"], 2, "{identify}");
    assert_eq!(identify["d"]["token"], "Bot hush");
    assert_eq!(identify["d"]["intents"], 1 + 512 + 4096);
    connection.dispatch(1, "READY", ready(discord)).await;
    connection
}

async fn resume(discord: &mut FakeGateway, sequence: u64) -> Connection {
    let mut connection = discord.accept().await;
    let resume = connection.greet().await;
    assert_eq!(
        resume,
        json!({"op": 6, "d": {"token": "Bot hush", "session_id": "s1", "seq": sequence}})
    );
    connection
}

fn ready(discord: &FakeGateway) -> Value {
    json!({
        "v": 10, "session_id": "s1", "resume_gateway_url": format!("ws://{}/gateway/", discord.address),
        "user": {"id": "100", "username": "shanty", "discriminator": "0", "mfa_enabled": false, "bot": true},
        "application": {"id": "100", "flags": 0},
        "guilds": [{"id": "1", "unavailable": true}],
    })
}

fn interaction(id: u64) -> Value {
    json!({
        "id": id.to_string(), "application_id": "100", "type": 2, "token": "tok", "version": 1,
        "guild_id": "1", "channel": {"id": "5", "type": 0},
        "user": {"id": "42", "username": "ann", "discriminator": "0"},
        "entitlements": [], "attachment_size_limit": 10, "authorizing_integration_owners": {},
        "data": {"id": "9", "name": "runs", "type": 1},
    })
}

fn saved(discord: &FakeGateway, sequence: u64) -> SavedSession {
    SavedSession {
        session: Session::new(sequence, "s1".to_owned()),
        resume_url: Some(format!("ws://{}/gateway", discord.address)),
        application: 100,
        user: 100,
        intents: INTENTS.bits(),
        guilds: BTreeSet::from([1]),
    }
}

fn is_ready_in(logins: u64, guilds: &[u64]) -> GatewayState {
    is_ready_after(logins, 0, guilds)
}

fn is_ready_after(logins: u64, joins: u64, guilds: &[u64]) -> GatewayState {
    GatewayState::Ready {
        application: 100,
        guilds: guilds.iter().copied().collect(),
        logins,
        joins,
    }
}

#[tokio::test]
async fn logs_in_hears_and_leaves_resumable() {
    let mut discord = FakeGateway::start(1_000).await;
    let mut bot = Bot::start(&discord, None);
    let mut connection = log_in(&mut discord).await;
    assert_eq!(bot.ready().await, is_ready_in(1, &[1]));
    connection
        .dispatch(2, "INTERACTION_CREATE", interaction(7))
        .await;
    let heard = within("an interaction", bot.events.recv()).await.unwrap();
    assert_eq!(heard.id.get(), 7);
    assert_eq!(bot.session_at(2).await, saved(&discord, 2));
    bot.shutdown.cancel();
    assert_eq!(connection.next().await, Some(json!({"close": 4000})));
    // Reading on answers the close.
    let (ended, rest) = tokio::join!(bot.end(), connection.next());
    assert!(ended.is_ok() && rest.is_none());
    let last = bot.session.borrow().clone().unwrap();
    let text = serde_json::to_string(&last).unwrap();
    assert_eq!(serde_json::from_str::<SavedSession>(&text).unwrap(), last);
}

#[tokio::test]
async fn an_earlier_process_s_session_is_resumed() {
    let mut discord = FakeGateway::start(0).await;
    let mut bot = Bot::start(&discord, Some(saved(&discord, 41)));
    let mut connection = resume(&mut discord, 41).await;
    connection
        .dispatch(42, "INTERACTION_CREATE", interaction(7))
        .await;
    connection.dispatch(43, "RESUMED", json!({})).await;
    assert_eq!(bot.ready().await, is_ready_in(0, &[1]));
    assert_eq!(
        within("the replay", bot.events.recv())
            .await
            .unwrap()
            .id
            .get(),
        7
    );
    bot.session_at(43).await;
}

#[tokio::test]
async fn lost_connections_are_resumed_and_lost_sessions_made_anew() {
    let mut discord = FakeGateway::start(1_000).await;
    let mut bot = Bot::start(&discord, None);
    let connection = log_in(&mut discord).await;
    bot.session_at(1).await;
    drop(connection);
    let mut connection = resume(&mut discord, 1).await;
    connection.dispatch(2, "RESUMED", json!({})).await;
    bot.session_at(2).await;
    connection.close(4000).await;
    let mut connection = resume(&mut discord, 2).await;
    connection
        .send(json!({"op": 7, "d": null, "s": null, "t": null}))
        .await;
    let mut connection = resume(&mut discord, 2).await;
    connection
        .send(json!({"op": 9, "d": true, "s": null, "t": null}))
        .await;
    let mut connection = resume(&mut discord, 2).await;
    connection
        .send(json!({"op": 9, "d": false, "s": null, "t": null}))
        .await;
    let connection = log_in(&mut discord).await;
    assert_eq!(bot.ready().await, is_ready_in(2, &[1]));
    connection.close(4009).await;
    log_in(&mut discord).await;
}

#[tokio::test]
async fn guilds_come_and_go() {
    let mut discord = FakeGateway::start(1_000).await;
    let mut bot = Bot::start(&discord, None);
    let mut connection = log_in(&mut discord).await;
    connection
        .dispatch(2, "GUILD_CREATE", json!({"id": "2", "unavailable": true}))
        .await;
    connection
        .dispatch(3, "GUILD_DELETE", json!({"id": "2", "unavailable": true}))
        .await;
    connection
        .dispatch(4, "GUILD_DELETE", json!({"id": "1"}))
        .await;
    bot.reaches("the new guilds", |state| {
        *state == is_ready_after(1, 1, &[2])
    })
    .await;
    assert_eq!(bot.session_at(4).await.guilds, BTreeSet::from([2]));
}

#[tokio::test]
async fn a_guild_that_takes_the_bot_again_is_told_apart_from_one_that_had_an_outage() {
    let mut discord = FakeGateway::start(1_000).await;
    let mut bot = Bot::start(&discord, None);
    let mut connection = log_in(&mut discord).await;
    let guild = json!({"id": "1", "unavailable": true});
    // After the login, and after an outage.
    for (number, kind) in ["GUILD_CREATE", "GUILD_DELETE", "GUILD_CREATE"]
        .iter()
        .enumerate()
    {
        let sequence = u64::try_from(number).unwrap() + 2;
        connection.dispatch(sequence, kind, guild.clone()).await;
    }
    assert_eq!(bot.session_at(4).await.guilds, BTreeSet::from([1]));
    bot.reaches("the guild", |state| *state == is_ready_in(1, &[1]))
        .await;
    connection
        .dispatch(5, "GUILD_DELETE", json!({"id": "1"}))
        .await;
    connection.dispatch(6, "GUILD_CREATE", guild.clone()).await;
    bot.reaches("the first return", |state| {
        *state == is_ready_after(1, 1, &[1])
    })
    .await;
    // Its removal was never told.
    connection.dispatch(7, "GUILD_CREATE", guild).await;
    bot.reaches("the second return", |state| {
        *state == is_ready_after(1, 2, &[1])
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_read_is_skipped_and_what_is_too_much_is_dropped() {
    let mut discord = FakeGateway::start(1_000).await;
    let mut bot = Bot::start(&discord, None);
    let mut connection = log_in(&mut discord).await;
    connection
        .dispatch(2, "INTERACTION_CREATE", json!({"id": "x"}))
        .await;
    connection.dispatch(3, "SOMETHING_NEW", json!([])).await;
    connection.send(json!([])).await;
    for sequence in 4..=8 {
        connection
            .dispatch(sequence, "INTERACTION_CREATE", interaction(sequence))
            .await;
    }
    bot.session_at(8).await;
    let heard = [bot.events.recv().await, bot.events.recv().await];
    assert_eq!(
        heard.map(|interaction| interaction.unwrap().id.get()),
        [4, 5]
    );
    assert!(bot.events.try_recv().is_err());
}

#[tokio::test]
async fn fatal_close_codes_end_it() {
    for (code, is_token) in [
        (4004, true),
        (4010, false),
        (4011, false),
        (4012, false),
        (4013, false),
        (4014, false),
    ] {
        let mut discord = FakeGateway::start(1_000).await;
        let mut bot = Bot::start(&discord, None);
        let mut connection = discord.accept().await;
        connection.greet().await;
        connection.close(code).await;
        match bot.end().await {
            Err(GatewayError::Token) => assert!(is_token, "{code}"),
            Err(GatewayError::Closed { code: told, .. }) => {
                assert_eq!((told, is_token), (code, false))
            }
            Ok(()) => panic!("{code} is fatal"),
        }
        assert!(
            matches!(*bot.state.borrow(), GatewayState::Fatal(_)),
            "{code}"
        );
    }
}

#[tokio::test]
async fn without_logins_left_it_waits_and_says_so() {
    let discord = FakeGateway::start(800).await;
    let mut bot = Bot::start(&discord, None);
    let state = bot
        .reaches("a reason", |state| {
            matches!(state, GatewayState::Degraded(_))
        })
        .await;
    let GatewayState::Degraded(reason) = state else {
        panic!("degraded");
    };
    assert!(
        reason.starts_with("the bot logged in 200 times today"),
        "{reason}"
    );
    bot.shutdown.cancel();
    assert!(bot.end().await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_ends_each_connection_uses_up_no_more_than_its_logins() {
    let mut discord = FakeGateway::start(1_000).await;
    let config = GatewayConfig {
        reconnect_ms: (1, 2),
        identify_gap_ms: 1,
        identifies_per_day: 3,
        ..GatewayConfig::new(Secret::new("hush".to_owned()), None)
    };
    let mut bot = Bot::with(&discord, config);
    for _ in 0..3 {
        let mut connection = discord.accept().await;
        assert_eq!(connection.greet().await["op"], 2);
        connection.close(4000).await;
    }
    bot.reaches("a reason", |state| {
        matches!(state, GatewayState::Degraded(reason) if reason.starts_with("the bot logged in 3 times"))
    })
    .await;
}

#[tokio::test]
async fn an_unreachable_discord_is_said_and_tried_again() {
    install_tls();
    let nobody = Nobody::there();
    let (events_tx, _events) = mpsc::channel(1);
    let (state_tx, mut state) = watch::channel(GatewayState::Connecting);
    let shutdown = CancellationToken::new();
    let config = GatewayConfig {
        reconnect_ms: (1, 2),
        ..GatewayConfig::new(Secret::new("hush".to_owned()), None)
    };
    let sender = Sender::new(nobody.api.clone(), &config.tokens.borrow()).unwrap();
    let mut running = JoinSet::new();
    let wires = Wires {
        events: events_tx,
        spoken: mpsc::channel(1).0,
        state: state_tx,
        session: watch::channel(None).0,
        presence: watch::channel(None).1,
    };
    running.spawn(run(config, sender, wires, shutdown.clone()));
    let degraded = GatewayState::Degraded("Discord does not answer".to_owned());
    within("a reason", state.wait_for(|state| *state == degraded))
        .await
        .unwrap();
    shutdown.cancel();
    assert!(
        within("the end", running.join_next())
            .await
            .unwrap()
            .unwrap()
            .is_ok()
    );
}

/// What the bot says of itself in an identify's `presence` or in op 3.
fn said(presence: &Value) -> &str {
    assert_eq!(presence["status"], "online", "{presence}");
    presence["activities"][0]["state"].as_str().unwrap()
}

#[tokio::test]
async fn it_says_how_many_hosts_are_there_also_after_it_resumed() {
    let mut discord = FakeGateway::start(1_000).await;
    let config = GatewayConfig {
        reconnect_ms: (1, 2),
        identify_gap_ms: 1,
        presence_gap_ms: 1,
        ..GatewayConfig::new(Secret::new("hush".to_owned()), None)
    };
    let mut bot = Bot::with(&discord, config);
    bot.presence.send_replace(Some("2 hosts online".to_owned()));
    let mut connection = discord.accept().await;
    let identify = connection.greet().await;
    if !identify["d"]["presence"].is_null() {
        assert_eq!(said(&identify["d"]["presence"]), "2 hosts online");
    }
    connection.dispatch(1, "READY", ready(&discord)).await;
    bot.ready().await;
    bot.presence
        .send_replace(Some("1 of 2 hosts online".to_owned()));
    loop {
        let update = connection.next().await.unwrap();
        assert_eq!(update["op"], 3, "{update}");
        if said(&update["d"]) == "1 of 2 hosts online" {
            break;
        }
    }
    connection.close(4000).await;
    let mut connection = resume(&mut discord, 1).await;
    connection.dispatch(2, "RESUMED", json!({})).await;
    let update = connection.next().await.unwrap();
    assert_eq!(
        (&update["op"], said(&update["d"])),
        (&json!(3), "1 of 2 hosts online")
    );
    // A login says it by itself.
    connection.close(4009).await;
    let mut connection = discord.accept().await;
    let identify = connection.greet().await;
    assert_eq!(identify["op"], 2, "{identify}");
    assert_eq!(said(&identify["d"]["presence"]), "1 of 2 hosts online");
    connection.dispatch(1, "READY", ready(&discord)).await;
    bot.presence.send_replace(Some("no hosts yet".to_owned()));
    let update = connection.next().await.unwrap();
    assert_eq!(
        said(&update["d"]),
        "no hosts yet",
        "what it knows is not said twice"
    );
}

/// A message that somebody wrote.
fn message(id: u64, content: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut value = json!({
        "id": id.to_string(), "channel_id": "5", "guild_id": "1", "content": content, "type": 0,
        "author": {"id": "30", "username": "ann", "discriminator": "0"},
        "timestamp": "2026-01-02T03:04:05.678000+00:00", "tts": false, "mention_everyone": false,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": false,
    });
    change(&mut value);
    value
}

#[tokio::test]
async fn people_who_speak_to_the_bot_are_heard_and_nobody_else() {
    let mut discord = FakeGateway::start(1_000).await;
    let mut bot = Bot::start(&discord, None);
    let mut connection = log_in(&mut discord).await;
    bot.ready().await;
    let none = |_: &mut Value| {};
    let reply = |v: &mut Value| {
        v["type"] = json!(19);
        v["mentions"] =
            json!([{"id": "100", "username": "shanty", "discriminator": "0", "bot": true}]);
    };
    let not_for_us = [
        message(10, "", none),
        message(11, "help", none),
        message(12, "<@101> help", none),
        message(13, "thanks", reply),
        message(14, "<@100>", |v| v["author"]["bot"] = json!(true)),
        message(15, "<@100>", |v| v["author"]["id"] = json!("100")),
        message(16, "<@100>", |v| v["webhook_id"] = json!("9")),
        message(17, "<@100>", |v| v["type"] = json!(6)),
    ];
    let mut sequence = 1;
    for mut one in not_for_us {
        // The bot's own messages are a bot's.
        if one["author"]["id"] == "100" {
            one["author"]["bot"] = json!(true);
        }
        sequence += 1;
        connection.dispatch(sequence, "MESSAGE_CREATE", one).await;
    }
    for (id, content, direct) in [(20, "hey <@100>", false), (21, "help", true)] {
        let one = message(id, content, |v| {
            if direct {
                v.as_object_mut().unwrap().remove("guild_id");
            }
        });
        sequence += 1;
        connection.dispatch(sequence, "MESSAGE_CREATE", one).await;
        let heard = within("somebody who speaks", bot.spoken.recv()).await;
        let expected = Spoken {
            guild: (!direct).then_some(1),
            channel: 5,
            message: id,
            user: 30,
        };
        assert_eq!(heard, Some(expected));
    }
}

#[tokio::test]
async fn a_session_that_was_told_something_else_is_not_resumed() {
    let mut discord = FakeGateway::start(1_000).await;
    let earlier = SavedSession {
        intents: 1,
        ..saved(&discord, 9)
    };
    let _bot = Bot::start(&discord, Some(earlier));
    log_in(&mut discord).await;
}

#[tokio::test]
async fn another_token_takes_the_session_on_and_mends_one_that_was_refused() {
    let mut discord = FakeGateway::start(1_000).await;
    let (tokens, renewed) = watch::channel(Secret::new("hush".to_owned()));
    let config = GatewayConfig {
        tokens: renewed,
        reconnect_ms: (1, 2),
        identify_gap_ms: 1,
        ..GatewayConfig::new(Secret::new("hush".to_owned()), None)
    };
    let mut bot = Bot::with(&discord, config);
    let _first = log_in(&mut discord).await;
    bot.ready().await;
    tokens.send_replace(Secret::new("second".to_owned()));
    let mut second = discord.accept().await;
    let resume = second.greet().await;
    assert_eq!(
        (&resume["op"], &resume["d"]["token"]),
        (&json!(6), &json!("Bot second"))
    );
    // Discord ends what was logged in with a token that it does not take any more.
    second.close(4004).await;
    bot.reaches("a refusal", |state| matches!(state, GatewayState::Fatal(_)))
        .await;
    tokens.send_replace(Secret::new("third".to_owned()));
    let mut third = discord.accept().await;
    let identify = third.greet().await;
    assert_eq!(
        (&identify["op"], &identify["d"]["token"]),
        (&json!(2), &json!("Bot third"))
    );
    third.dispatch(1, "READY", ready(&discord)).await;
    bot.ready().await;
    bot.shutdown.cancel();
    bot.end().await.unwrap();
}
