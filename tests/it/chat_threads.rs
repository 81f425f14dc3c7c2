//! Threads that people archive, lock or delete while a run is shown there: its end is shown all the same, or the card says what is missing.

use serde_json::{Value, json};
use shanty_tests::{Gate, Message, Options, Person, World};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "role=web");

/// A run that printed its first line into its thread, and waits.
struct Begun {
    world: World,
    operator: Person,
    gate: Gate,
    asked: String,
    thread: Person,
}

impl Begun {
    async fn start() -> Self {
        let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
        let operator = world.operator();
        Self::on(world, operator).await
    }

    /// Asked for by this person, in the channel where they are.
    async fn on(world: World, operator: Person) -> Self {
        let gate = Gate::new(world.dir.path(), "gate");
        let command = format!(
            "{}; echo first; read x <&3; seq 1 100",
            gate.open_in_shell()
        );
        let asked = operator.run("web-01", &command).await;
        let thread = match operator.channel == world.operator().channel {
            true => operator.in_thread_of(&asked).await,
            false => operator.clone(),
        };
        let first = |page: &Message| page.text().contains("\nfirst\n```\n-# 1 line");
        thread.sees("the first line", first).await;
        Self {
            world,
            operator,
            gate,
            asked,
            thread,
        }
    }

    /// A moderator does this to the thread.
    async fn moderate(&self, change: &[&str]) {
        let mut entry = json!({"id": self.thread.channel});
        for key in change {
            entry[*key] = Value::Bool(true);
        }
        self.world.act("guild", &json!({"threads": [entry]})).await;
    }

    /// The bot may do what everybody may, and not manage threads.
    async fn without_rights(&self) {
        let guild = self.world.act("guild", &json!({})).await;
        let roles = guild["roles"].as_object().into_iter().flatten();
        let roles = roles.filter(|(name, _)| *name != "@everyone");
        let without: Vec<Value> = roles
            .map(|(_, id)| json!({"role_id": id, "permissions": "0"}))
            .collect();
        let change = json!({"role_permissions": without});
        self.world.act("guild", &change).await;
    }

    /// The run goes on to its end, which the thread shows in the one page that it has.
    async fn ends_in_its_page(&mut self) {
        self.gate.say("on");
        self.operator.card_end(&self.asked, "exit 0").await;
        let end = |page: &Message| page.text().contains("\n100\n```\n-# exit 0");
        self.thread.sees("the end", end).await;
        let pages = self.thread.view().await;
        let shows = |page: &&Message| page.text().contains("\nfirst\n");
        assert_eq!(pages.iter().filter(shows).count(), 1, "one page");
    }

    /// How the calls that opened the thread were answered.
    async fn opened(&self) -> Vec<u64> {
        let path = format!("/channels/{}", self.thread.channel);
        let traffic = self.world.traffic().await;
        let opens = traffic.iter().filter(|call| {
            let at = call["path"].as_str().unwrap_or_default();
            call["method"] == "PATCH" && at.ends_with(&path)
        });
        opens.filter_map(|call| call["status"].as_u64()).collect()
    }

    /// The run goes on to its end, which only the card shows; all of its output is kept.
    async fn ends_without_thread(&mut self, why: &str) {
        self.gate.say("on");
        let said = format!("{why} · `shanty runs output 1`");
        let card = self.operator.card_end(&self.asked, &said).await.text();
        assert!(card.contains("exit 0"), "{card}");
        let lines: String = (1..=100).map(|line| format!("{line}\n")).collect();
        let output = self.world.output("1").await;
        assert_eq!(
            String::from_utf8(output).unwrap(),
            format!("first\n{lines}")
        );
        assert_eq!(
            self.operator.view().await.len(),
            1,
            "nothing besides the card"
        );
    }
}

#[tokio::test]
async fn a_thread_that_is_archived_during_a_run_is_opened_and_goes_on() {
    let mut begun = Begun::start().await;
    begun.moderate(&["archived"]).await;
    begun.ends_in_its_page().await;
    assert_eq!(begun.opened().await, [200]);
    begun.world.end().await;
}

#[tokio::test]
async fn a_thread_that_is_archived_before_a_restart_goes_on_after_it() {
    let mut begun = Begun::start().await;
    begun.world.take_controller().kill().await;
    begun.moderate(&["archived"]).await;
    begun.world.start_controller().await;
    begun.ends_in_its_page().await;
    assert!(begun.opened().await.iter().all(|status| *status == 200));
    begun.world.end().await;
}

#[tokio::test]
async fn a_card_in_a_thread_that_is_archived_reaches_its_end() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let thread = json!({"parent_id": operator.channel, "user_id": operator.id, "name": "incident"});
    let staged = world.act("guild", &json!({"threads": [thread]})).await;
    let thread = staged["threads"]["incident"].as_str().unwrap().to_owned();
    let mut begun = Begun::on(world, operator.in_channel(&thread)).await;
    begun.moderate(&["archived"]).await;
    begun.ends_in_its_page().await;
    assert_eq!(begun.opened().await.first(), Some(&200));
    begun.world.end().await;
}

#[tokio::test]
async fn a_thread_that_is_locked_is_left_alone_and_the_card_says_what_is_missing() {
    let mut begun = Begun::start().await;
    begun.without_rights().await;
    begun.moderate(&["archived", "locked"]).await;
    let why = "its thread is closed and the bot may not open it: the rest of its output is not shown there";
    begun.ends_without_thread(why).await;
    assert_eq!(begun.opened().await, [400], "tried once");
    begun.world.end().await;
}

#[tokio::test]
async fn a_thread_that_is_locked_before_a_restart_is_said_on_the_card_too() {
    let mut begun = Begun::start().await;
    begun.world.take_controller().kill().await;
    begun.without_rights().await;
    begun.moderate(&["archived", "locked"]).await;
    begun.world.start_controller().await;
    let why = "its thread is closed and the bot may not open it: the rest of its output is not shown there";
    begun.ends_without_thread(why).await;
    begun.world.end().await;
}

#[tokio::test]
async fn a_thread_that_is_deleted_is_said_on_the_card_which_leads_there_no_more() {
    let mut begun = Begun::start().await;
    let gone = json!({"delete_channels": [{"channel_id": begun.thread.channel}]});
    begun.world.act("guild", &gone).await;
    let why = "the thread with its output was deleted";
    begun.ends_without_thread(why).await;
    let card = begun.operator.card_end(&begun.asked, why).await;
    let shown = card.0.to_string();
    let link = format!("{}/{}", begun.operator.guild, begun.thread.channel);
    assert!(!shown.contains(&link), "{shown}");
    begun.world.end().await;
}
