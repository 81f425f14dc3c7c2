//! Somebody in the sandbox's guild: types commands, presses buttons, and sees what Discord would show them.

use serde_json::{Value, json};

use crate::http::Http;
use crate::wait::BOUND;

/// Discord's type of the message that a thread begins with: a reference to what it hangs on, and nothing that the bot wrote.
pub(crate) const THREAD_STARTER: u64 = 21;

/// A person in a guild.
#[derive(Clone)]
pub struct Person {
    pub(crate) http: Http,
    /// Their id.
    pub id: String,
    /// The guild that they type in.
    pub guild: String,
    /// The channel that they type in.
    pub channel: String,
    /// Whether their commands are sent even where no client of Discord's offers them.
    pub forges: bool,
}

/// A message as a person sees it.
#[derive(Clone, Debug)]
pub struct Message(pub Value);

impl Message {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0["id"].as_str().unwrap_or_default()
    }

    /// Everything that is written on it: content, and every text display of a card.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.0["content"].as_str().unwrap_or_default().to_owned();
        collect(&self.0["components"], &mut |component| {
            if let Some(content) = component["content"].as_str() {
                text.push_str(content);
                text.push('\n');
            }
        });
        text
    }

    /// The custom ids of its buttons.
    #[must_use]
    pub fn buttons(&self) -> Vec<String> {
        let mut ids = Vec::new();
        collect(&self.0["components"], &mut |component| {
            ids.extend(component["custom_id"].as_str().map(str::to_owned));
        });
        ids
    }

    /// The custom id of its button with this verb.
    #[must_use]
    pub fn button(&self, verb: &str) -> Option<String> {
        let prefix = format!("v1:{verb}:");
        self.buttons()
            .into_iter()
            .find(|id| id.starts_with(&prefix))
    }

    /// The value and the label of each option of its menu with this verb.
    #[must_use]
    pub fn options(&self, verb: &str) -> Vec<(String, String)> {
        let prefix = format!("v1:{verb}:");
        let mut options = Vec::new();
        collect(&self.0["components"], &mut |component| {
            let id = component["custom_id"].as_str().unwrap_or_default();
            let all = component["options"].as_array().into_iter().flatten();
            for option in all.filter(|_| id.starts_with(&prefix)) {
                let text = |field: &str| option[field].as_str().unwrap_or_default().to_owned();
                options.push((text("value"), text("label")));
            }
        });
        options
    }

    /// True when only one person sees it.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.0["flags"].as_u64().unwrap_or(0) & 64 != 0
    }

    /// Its thread, when it has one.
    #[must_use]
    pub fn thread(&self) -> Option<String> {
        self.0["thread"]["id"].as_str().map(str::to_owned)
    }

    /// True when it is the card of a run that is over: nothing is there to be stopped.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let text = self.text();
        let first = text.lines().next().unwrap_or_default();
        let ended = ["✅", "❌", "⚠", "⏹", "❔", "✖"]
            .iter()
            .any(|mark| first.contains(mark));
        let stops = |id: &String| id.starts_with("v1:cancel:") || id.starts_with("v1:kill:");
        ended && !first.contains("being stopped by") && !self.buttons().iter().any(stops)
    }

    /// True when it holds this line of a host, among those of other hosts: `web-01 │ line`.
    #[must_use]
    pub fn has_line(&self, host: &str, line: &str) -> bool {
        self.text().lines().any(|shown| {
            let shown = shown.split_once(" │ ");
            shown.is_some_and(|(name, text)| name.trim_end() == host && text == line)
        })
    }

    /// The text of its code block, with its line end; nothing when it has none.
    #[must_use]
    pub fn block(&self) -> String {
        let text = self.text();
        let inside = text.split("```").nth(1).unwrap_or_default();
        inside.strip_prefix('\n').unwrap_or(inside).to_owned()
    }

    /// True when it answers this interaction, or says that nobody did.
    #[must_use]
    pub fn answers(&self, interaction: &str) -> bool {
        self.0["interaction_metadata"]["id"] == interaction
            || self.0["interaction_id"] == interaction
    }

    /// The names and addresses of its files.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String)> {
        let files = self.0["attachments"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let pair = |file: &Value| {
            Some((
                file["filename"].as_str()?.to_owned(),
                file["url"].as_str()?.to_owned(),
            ))
        };
        files.iter().filter_map(pair).collect()
    }
}

fn collect(components: &Value, each: &mut impl FnMut(&Value)) {
    for component in components.as_array().into_iter().flatten() {
        each(component);
        collect(&component["components"], each);
    }
}

impl Person {
    /// The same person in another channel or thread.
    #[must_use]
    pub fn in_channel(&self, channel: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            ..self.clone()
        }
    }

    /// A script action of the sandbox with this body: status and answer.
    pub async fn act(&self, action: &str, body: &Value) -> (u16, Value) {
        self.http.post(&format!("sandbox/{action}"), body).await
    }

    /// Types a slash command; gives the interaction's id.
    ///
    /// # Panics
    /// When the sandbox does not take it.
    pub async fn slash(&self, name: &str, options: &[(&str, &str)]) -> String {
        let (status, answer) = self.act("slash", &self.command(name, options)).await;
        assert_eq!(status, 200, "/{name} {options:?}: {answer}");
        answer["interaction_id"]
            .as_str()
            .expect("an interaction has an id")
            .to_owned()
    }

    /// Types a command below a command, such as `label` below `agent` or `group save` below it; gives the interaction's id.
    ///
    /// # Panics
    /// When the sandbox does not take it.
    pub async fn below(&self, name: &str, path: &str, options: &[(&str, &str)]) -> String {
        self.slash(&format!("{name} {path}"), options).await
    }

    /// `/run` on hosts.
    pub async fn run(&self, on: &str, command: &str) -> String {
        self.slash("run", &[("on", on), ("command", command)]).await
    }

    /// `/run` that is shown first, and confirmed as it was asked for; gives the interaction of the press, which its card answers.
    pub async fn run_confirmed(&self, on: &str, command: &str) -> String {
        let asked = self.run(on, command).await;
        self.confirms(&asked, "go").await
    }

    /// Presses the button with this verb of the preview that answers an interaction; gives the interaction of the press.
    ///
    /// # Panics
    /// When the preview has no such button, or everybody sees it.
    pub async fn confirms(&self, asked: &str, verb: &str) -> String {
        let preview = self.answer(asked).await;
        assert!(preview.is_ephemeral(), "{preview:?}");
        let prefix = format!("v1:{verb}:");
        let buttons = preview.buttons();
        let button = buttons.iter().find(|id| id.starts_with(&prefix));
        let button =
            button.unwrap_or_else(|| panic!("no {verb} in {buttons:?}: {}", preview.text()));
        self.click(&preview, button).await
    }

    /// What is suggested while `on:` of a command is typed: names and values.
    ///
    /// # Panics
    /// When the sandbox does not take it.
    pub async fn complete(&self, name: &str, typed: &str) -> Vec<(String, String)> {
        let mut body = self.command(name, &[("on", typed)]);
        body["options"][0]["focused"] = Value::from(true);
        let (status, answer) = self.act("autocomplete", &body).await;
        assert_eq!(status, 200, "{answer}");
        let pair = |choice: &Value| {
            let text = |field: &str| choice[field].as_str().unwrap_or_default().to_owned();
            (text("name"), text("value"))
        };
        answer["choices"]
            .as_array()
            .into_iter()
            .flatten()
            .map(pair)
            .collect()
    }

    /// Presses a button; gives the interaction's id.
    ///
    /// # Panics
    /// When the sandbox does not take it.
    pub async fn click(&self, message: &Message, custom_id: &str) -> String {
        let (status, answer) = self
            .act("click", &self.press(message.id(), custom_id))
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["interaction_id"]
            .as_str()
            .expect("an interaction has an id")
            .to_owned()
    }

    /// Presses the button with this verb; gives the interaction's id.
    ///
    /// # Panics
    /// When the message has no such button.
    pub async fn presses(&self, message: &Message, verb: &str) -> String {
        let button = message.button(verb);
        let button = button.unwrap_or_else(|| panic!("no {verb} on {message:?}"));
        self.click(message, &button).await
    }

    /// Picks an option of the menu with this verb, by its value; gives the interaction's id.
    ///
    /// # Panics
    /// When the sandbox does not take it.
    pub async fn picks(&self, message: &Message, verb: &str, value: &str) -> String {
        let menu = message.button(verb);
        let menu = menu.unwrap_or_else(|| panic!("no {verb} on {message:?}"));
        let mut body = self.press(message.id(), &menu);
        body["values"] = json!([value]);
        let (status, answer) = self.act("select", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["interaction_id"]
            .as_str()
            .expect("an interaction has an id")
            .to_owned()
    }

    /// Presses the button with this verb, and is refused; gives what only they see.
    ///
    /// # Panics
    /// When everybody sees the answer.
    pub async fn refused_press(&self, message: &Message, verb: &str) -> String {
        let pressed = self.presses(message, verb).await;
        let answer = self.answer(&pressed).await;
        assert!(answer.is_ephemeral(), "{answer:?}");
        answer.text()
    }

    /// Chooses an entry of the menu of a message; gives the interaction's id.
    ///
    /// # Panics
    /// When the sandbox does not take it.
    pub async fn chooses(&self, message: &Message, entry: &str) -> String {
        let body = json!({
            "guild_id": self.guild, "channel_id": self.channel, "user_id": self.id,
            "name": entry, "type": 3, "target_id": message.id(), "forged": self.forges,
        });
        let (status, answer) = self.act("slash", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["interaction_id"]
            .as_str()
            .expect("an interaction has an id")
            .to_owned()
    }

    /// The form that they have before them, once there is one.
    ///
    /// # Panics
    /// After the bound.
    pub async fn form(&self) -> Value {
        let body = json!({"user_id": self.id});
        crate::wait::until("a form", || async {
            let (_, answer) = self.act("modal_open", &body).await;
            let there = answer["modal"].is_object();
            there.then(|| answer["modal"].clone()).ok_or(answer)
        })
        .await
    }

    /// Fills in the form that they have before them; gives the interaction's id.
    ///
    /// # Panics
    /// When the sandbox does not take it.
    pub async fn fills_in(&self, fields: &Value) -> String {
        let body = json!({"user_id": self.id, "fields": fields});
        let (status, answer) = self.act("modal_submit", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer["interaction_id"]
            .as_str()
            .expect("an interaction has an id")
            .to_owned()
    }

    /// The body of a press.
    #[must_use]
    pub fn press(&self, message: &str, custom_id: &str) -> Value {
        json!({
            "guild_id": self.guild, "channel_id": self.channel, "user_id": self.id,
            "message_id": message, "custom_id": custom_id,
        })
    }

    /// The body of a slash command.
    #[must_use]
    pub fn command(&self, name: &str, options: &[(&str, &str)]) -> Value {
        let (name, below) = name.split_once(' ').unwrap_or((name, ""));
        let options = options
            .iter()
            .map(|(name, value)| json!({"name": name, "type": 3, "value": value}));
        let below = below.split_whitespace().rev().enumerate();
        let options = below.fold(options.collect(), |inner: Value, (depth, word)| {
            json!([{"name": word, "type": depth + 1, "options": inner}])
        });
        json!({
            "guild_id": self.guild, "channel_id": self.channel, "user_id": self.id,
            "name": name, "options": options, "forged": self.forges,
        })
    }

    /// What they see, newest first.
    ///
    /// # Panics
    /// When the sandbox does not show it.
    pub async fn view(&self) -> Vec<Message> {
        self.look(None).await.1
    }

    /// Waits until one of the messages that they see is the one; newest first.
    ///
    /// # Panics
    /// After the bound, with all that was seen.
    pub async fn sees(&self, what: &str, is: impl Fn(&Message) -> bool) -> Message {
        self.waits(what, |messages| {
            messages.iter().find(|message| is(message)).cloned()
        })
        .await
    }

    /// Waits until what they see has something in it.
    ///
    /// # Panics
    /// After the bound, with all that was seen.
    pub async fn waits<T>(&self, what: &str, find: impl Fn(&[Message]) -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + BOUND;
        let mut version = None;
        loop {
            let (newer, messages) = self.look(version).await;
            version = Some(newer);
            if let Some(found) = find(&messages) {
                return found;
            }
            let texts: Vec<String> = messages.iter().map(Message::text).collect();
            assert!(
                tokio::time::Instant::now() < deadline,
                "waited for {what}; last seen:\n{}",
                texts.join("\n====\n")
            );
        }
    }

    /// Waits until the answer of a run that is over is on its card, and gives it. `text` is in the card's first line.
    pub async fn sees_end(&self, text: &str) -> Message {
        let over = |message: &Message| {
            let shown = message.text();
            message.is_over() && shown.lines().next().unwrap_or_default().contains(text)
        };
        self.sees(&format!("the end of {text}"), over).await
    }

    /// Waits for the answer to an interaction.
    pub async fn answer(&self, interaction: &str) -> Message {
        self.card(interaction, "to be there", |_| true).await
    }

    /// Waits until the answer to an interaction is as it should be.
    pub async fn card(
        &self,
        interaction: &str,
        what: &str,
        is: impl Fn(&Message) -> bool,
    ) -> Message {
        let what = format!("the answer to {interaction} {what}");
        self.sees(&what, |message| message.answers(interaction) && is(message))
            .await
    }

    /// Waits until the answer to an interaction is the card of a run that is over, with this text on it.
    pub async fn card_end(&self, interaction: &str, text: &str) -> Message {
        let what = format!("to say the end with {text:?}");
        self.card(interaction, &what, |card| {
            card.is_over() && card.text().contains(text)
        })
        .await
    }

    /// The same person in the thread of the card that answers an interaction, once there is one.
    pub async fn in_thread_of(&self, interaction: &str) -> Self {
        let card = self
            .card(interaction, "to have a thread", |card| {
                card.thread().is_some()
            })
            .await;
        self.in_channel(&card.thread().unwrap_or_default())
    }

    /// Types a slash command that is refused; gives what only they see.
    ///
    /// # Panics
    /// When everybody sees the answer.
    pub async fn refused(&self, name: &str, options: &[(&str, &str)]) -> String {
        let asked = self.slash(name, options).await;
        let answer = self.answer(&asked).await;
        assert!(answer.is_ephemeral(), "{answer:?}");
        answer.text()
    }

    /// Downloads a file of a message.
    pub async fn download(&self, url: &str) -> Vec<u8> {
        self.http.get(url).await
    }

    async fn look(&self, changed_since: Option<u64>) -> (u64, Vec<Message>) {
        let mut body = json!({"channel_id": self.channel, "user_id": self.id, "limit": 100});
        if let Some(version) = changed_since {
            body["changed_since"] = Value::from(version);
            body["wait_ms"] = Value::from(2_000);
        }
        let (status, answer) = self.act("view", &body).await;
        assert_eq!(status, 200, "{answer}");
        let mut messages = answer["messages"].as_array().cloned().unwrap_or_default();
        messages.retain(|message| message["type"] != THREAD_STARTER);
        (
            answer["version"].as_u64().unwrap_or(0),
            messages.into_iter().map(Message).collect(),
        )
    }
}
