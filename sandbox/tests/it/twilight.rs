//! A whole day of a bot written with twilight, unchanged but for the address that it is given.

use serde_json::{Value, from_value, json};
use tokio::time::timeout;
use twilight_gateway::{ConfigBuilder, Event, EventTypeFlags, Intents, Shard, ShardId, StreamExt};
use twilight_http::Client;
use twilight_http::client::InteractionClient;
use twilight_model::application::command::Command;
use twilight_model::application::interaction::{Interaction, InteractionData, InteractionType};
use twilight_model::channel::message::Component;
use twilight_model::http::attachment::Attachment;
use twilight_model::http::interaction::{
    InteractionResponse, InteractionResponseData, InteractionResponseType,
};
use twilight_model::id::Id;
use twilight_model::id::marker::ApplicationMarker;

use crate::rig::{PATIENCE, Rig, text};

/// A bot that has logged in.
struct Bot {
    http: Client,
    shard: Shard,
    application: Id<ApplicationMarker>,
}

impl Bot {
    async fn log_in(rig: &Rig) -> Self {
        // Another test may have installed it already.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let http = Client::builder()
            .proxy(rig.address.to_string(), true)
            .token(rig.token.clone())
            .build();
        let info = http.gateway().authed().await.unwrap();
        let info = info.model().await.unwrap();
        assert_eq!(info.session_start_limit.remaining, 1000);
        let intents = Intents::GUILDS | Intents::GUILD_MESSAGES;
        let config = ConfigBuilder::new(rig.token.clone(), intents).proxy_url(info.url);
        let mut bot = Self {
            http,
            shard: Shard::with_config(ShardId::ONE, config.build()),
            application: rig.id("application_id").parse().unwrap(),
        };
        let ready = bot
            .until(|event| match event {
                Event::Ready(ready) => Some(ready),
                _ => None,
            })
            .await;
        assert_eq!(ready.application.id, bot.application);
        let guild = bot
            .until(|event| match event {
                Event::GuildCreate(guild) => Some(guild),
                _ => None,
            })
            .await;
        assert_eq!(guild.id().to_string(), rig.id("guild_id"));
        bot
    }

    /// The next event that is looked for. Every event on the way must be one that twilight can read.
    async fn until<T>(&mut self, mut look: impl FnMut(Event) -> Option<T>) -> T {
        let looking = async {
            loop {
                let event = self.shard.next_event(EventTypeFlags::all()).await;
                match event.expect("a shard that goes on") {
                    Ok(event) => {
                        if let Some(found) = look(event) {
                            return found;
                        }
                    }
                    Err(error) => assert!(
                        !format!("{error:?}").contains("Deserializing"),
                        "twilight cannot read an event: {error:?}"
                    ),
                }
            }
        };
        timeout(PATIENCE, looking)
            .await
            .expect("the event within the bound")
    }

    async fn interaction(&mut self) -> Interaction {
        self.until(|event| match event {
            Event::InteractionCreate(interaction) => Some(interaction.0),
            _ => None,
        })
        .await
    }

    fn interactions(&self) -> InteractionClient<'_> {
        self.http.interaction(self.application)
    }

    async fn answer(
        &self,
        to: &Interaction,
        kind: InteractionResponseType,
        data: Option<InteractionResponseData>,
    ) {
        let response = InteractionResponse { kind, data };
        self.interactions()
            .create_response(to.id, &to.token, &response)
            .await
            .unwrap();
    }

    async fn register(&self, rig: &Rig) {
        let option = json!({
            "type": 3, "name": "on", "description": "Hosts", "required": true, "autocomplete": true,
        });
        let commands: Vec<Command> = from_value(json!([{
            "name": "run", "description": "Run a command", "type": 1, "version": "1", "options": [option],
        }]))
        .unwrap();
        let guild = rig.id("guild_id").parse().unwrap();
        let interactions = self.interactions();
        let set = interactions.set_guild_commands(guild, &commands);
        let registered = set.await.unwrap().models().await.unwrap();
        assert_eq!(registered[0].name, "run");
        assert!(registered[0].id.is_some());
    }
}

fn controls() -> Vec<Component> {
    from_value(json!([
        {"type": 1, "components": [{"type": 2, "style": 1, "label": "Why?", "custom_id": "why"}]},
        {"type": 1, "components": [{"type": 3, "custom_id": "pick", "options": [
            {"label": "One", "value": "1"}, {"label": "Two", "value": "2"},
        ]}]},
    ]))
    .unwrap()
}

fn run(rig: &Rig) -> impl Future<Output = String> {
    rig.slash("run", json!([{"name": "on", "value": "web"}]))
}

#[tokio::test]
async fn a_command_is_deferred_filled_and_followed_up() {
    let rig = Rig::start().await;
    let mut bot = Bot::log_in(&rig).await;
    bot.register(&rig).await;
    run(&rig).await;
    let asked = bot.interaction().await;
    let Some(InteractionData::ApplicationCommand(command)) = &asked.data else {
        panic!("not a command: {asked:?}");
    };
    assert_eq!(command.name, "run");
    let deferred = InteractionResponseType::DeferredChannelMessageWithSource;
    bot.answer(&asked, deferred, None).await;
    let interactions = bot.interactions();
    let filled = interactions.update_response(&asked.token);
    let filled = filled.content(Some("done")).await.unwrap();
    let filled = filled.model().await.unwrap();
    assert_eq!(filled.content, "done");

    let files = [Attachment::from_bytes(
        "output.txt".into(),
        b"line 1\n".to_vec(),
        1,
    )];
    let follow_up = interactions.create_followup(&asked.token);
    let follow_up = follow_up.content("more").attachments(&files);
    let follow_up = follow_up.await.unwrap().model().await.unwrap();
    assert_ne!(follow_up.id, filled.id);
    let url = follow_up.attachments[0].url.clone();
    let path = url.split_once(&rig.address.to_string()).unwrap().1;
    let request = hyper::Request::get(path)
        .header("host", rig.address.to_string())
        .body(http_body_util::Full::default());
    let file = rig.send(request.unwrap()).await;
    assert_eq!((file.status, &file.body[..]), (200, &b"line 1\n"[..]));

    let thread = bot
        .http
        .create_thread_from_message(filled.channel_id, filled.id, "output");
    let thread = thread.await.unwrap().model().await.unwrap();
    assert_eq!(thread.id, filled.id.cast());
    let told = bot
        .until(|event| match event {
            Event::ThreadCreate(thread) => Some(thread),
            _ => None,
        })
        .await;
    assert_eq!(told.id, thread.id);
    let page = bot.http.create_message(thread.id).content("page");
    let page = page.await.unwrap().model().await.unwrap();
    let edit = bot.http.update_message(thread.id, page.id);
    let edited = edit.content(Some("page 1")).await.unwrap();
    assert_eq!(edited.model().await.unwrap().content, "page 1");
}

#[tokio::test]
async fn buttons_modals_and_selects() {
    let rig = Rig::start().await;
    let mut bot = Bot::log_in(&rig).await;
    bot.register(&rig).await;
    run(&rig).await;
    let asked = bot.interaction().await;
    let card = InteractionResponseData {
        content: Some("card".into()),
        components: Some(controls()),
        ..InteractionResponseData::default()
    };
    let message = InteractionResponseType::ChannelMessageWithSource;
    bot.answer(&asked, message, Some(card)).await;
    let interactions = bot.interactions();
    let card = interactions.response(&asked.token).await.unwrap();
    let card = card.model().await.unwrap();

    let mut body = rig.place();
    body["message_id"] = json!(card.id.to_string());
    body["custom_id"] = json!("why");
    rig.act("click", body.clone()).await;
    let pressed = bot.interaction().await;
    assert_eq!(pressed.kind, InteractionType::MessageComponent);
    assert_eq!(pressed.message.as_ref().unwrap().id, card.id);
    let modal: InteractionResponseData = from_value(json!({
        "custom_id": "reason", "title": "Why?", "components": [{"type": 18, "label": "Reason",
        "component": {"type": 4, "custom_id": "text", "style": 1}}],
    }))
    .unwrap();
    let kind = InteractionResponseType::Modal;
    bot.answer(&pressed, kind, Some(modal)).await;
    let filled = json!({"user_id": rig.id("user_id"), "fields": {"text": "because"}});
    rig.act("modal_submit", filled).await;
    let submitted = bot.interaction().await;
    let Some(InteractionData::ModalSubmit(form)) = &submitted.data else {
        panic!("not a modal: {submitted:?}");
    };
    assert_eq!(form.custom_id, "reason");
    let said = serde_json::to_value(&form.components).unwrap();
    assert_eq!(said[0]["component"]["value"], "because");
    let kind = InteractionResponseType::DeferredUpdateMessage;
    bot.answer(&submitted, kind, None).await;

    body["custom_id"] = json!("pick");
    body["values"] = json!(["2"]);
    rig.act("select", body).await;
    let picked = bot.interaction().await;
    let Some(InteractionData::MessageComponent(choice)) = &picked.data else {
        panic!("not a select: {picked:?}");
    };
    assert_eq!(choice.values, ["2"]);
    let changed = InteractionResponseData {
        content: Some("two".into()),
        ..InteractionResponseData::default()
    };
    let kind = InteractionResponseType::UpdateMessage;
    bot.answer(&picked, kind, Some(changed)).await;
    let updated = bot
        .until(|event| match event {
            Event::MessageUpdate(message) if message.content == "two" => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(updated.id, card.id);
    assert_eq!(updated.components.len(), 2, "the components stay");
}

#[tokio::test]
async fn autocomplete() {
    let rig = Rig::start().await;
    let mut bot = Bot::log_in(&rig).await;
    bot.register(&rig).await;
    let mut body = rig.place();
    body["name"] = json!("run");
    body["options"] = json!([{"name": "on", "value": "we", "focused": true}]);
    let answering = async {
        let asked = bot.interaction().await;
        let choices: InteractionResponseData =
            from_value(json!({"choices": [{"name": "web-01", "value": "web-01"}]})).unwrap();
        let kind = InteractionResponseType::ApplicationCommandAutocompleteResult;
        bot.answer(&asked, kind, Some(choices)).await;
    };
    let (shown, ()) = tokio::join!(rig.act("autocomplete", body), answering);
    assert_eq!(shown["choices"][0]["value"], "web-01");
}

#[tokio::test]
async fn a_lost_connection_comes_back_with_what_was_missed() {
    let rig = Rig::start().await;
    let mut bot = Bot::log_in(&rig).await;
    bot.register(&rig).await;
    let session = text(&json!(bot.shard.session().unwrap().id()));
    for how in [json!({"how": "tcp"}), json!({"how": "close", "code": 4000})] {
        rig.act("drop_gateway", how).await;
        let id = run(&rig).await;
        let asked = bot.interaction().await;
        assert_eq!(asked.id.to_string(), id);
        bot.until(|event| matches!(event, Event::Resumed).then_some(()))
            .await;
        assert_eq!(bot.shard.session().unwrap().id(), session);
    }
    rig.act("gateway_send", json!({"op": 7})).await;
    bot.until(|event| matches!(event, Event::Resumed).then_some(()))
        .await;
    let stats = rig.act("stats", json!({})).await;
    assert_eq!(
        (&stats["resumes"], &stats["identifies"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(stats["events"]["INTERACTION_CREATE"], Value::from(2));
}
