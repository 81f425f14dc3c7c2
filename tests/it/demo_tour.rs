//! The tour of the demo, played step by step as it is printed: each step keeps what it promises.

use shanty_controller::demo::tour::{Act, STEPS, Station, Step, Who};
use shanty_tests::{Demo, Message, Person, wait};

use crate::programs;

/// Somebody on the tour.
struct Tourist {
    demo: Demo,
    operator: Person,
    guest: Person,
    /// The interaction that the newest card of a step answers, and what its acts printed.
    steps: Vec<(Station, String)>,
    printed: String,
}

impl Tourist {
    async fn arrive() -> Self {
        let demo = Demo::start(&programs(), 6).await;
        Self {
            operator: demo.operator().await,
            guest: demo.guest().await,
            demo,
            steps: Vec::new(),
            printed: String::new(),
        }
    }

    fn answer_of(&self, station: Station) -> &str {
        let found = self.steps.iter().rev().find(|(of, _)| *of == station);
        &found.expect("something was typed at that step").1
    }

    async fn play(&mut self, step: &Step) {
        for act in step.acts {
            match act {
                Act::Type { who, word, options } => {
                    let person = match who {
                        Who::Operator => &self.operator,
                        Who::Guest => &self.guest,
                    };
                    let asked = person.slash(word, options).await;
                    self.steps.push((step.station, asked));
                }
                Act::Press { label, verb, of } => self.press(step.station, label, verb, *of).await,
                Act::Line { words, .. } => self.line(words).await,
            }
        }
    }

    async fn press(&mut self, station: Station, label: &str, verb: &str, of: Station) {
        if station != of {
            // What was typed at this step is over before somebody goes back to an older card.
            let typed = self.answer_of(station);
            self.operator
                .card(typed, "to be over", Message::is_over)
                .await;
        }
        let has = |message: &Message| message.button(verb).is_some();
        let shown = self.operator.card(self.answer_of(of), verb, has).await;
        let button = shown.button(verb).unwrap();
        let label = label.trim_end_matches('…').trim_end();
        let labels = labels(&shown.0["components"], &button);
        assert!(
            labels.iter().all(|shown| shown.starts_with(label)),
            "{labels:?} for {label}"
        );
        let pressed = self.operator.click(&shown, &button).await;
        // The others act on the card that they stand on.
        if ["go", "queue", "retry"].contains(&verb) {
            self.steps.push((station, pressed));
        }
    }

    async fn line(&mut self, words: &[&str]) {
        let [program, args @ ..] = words else {
            panic!("nothing to type in {words:?}");
        };
        assert_eq!(*program, "shanty");
        let ran = self.demo.shanty(args).await;
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        self.printed = ran.out;
        if let ["demo", verb, host] = args {
            self.demo.is_online(host, *verb == "start").await;
        }
    }

    /// What the step promises is there.
    async fn sees(&self, station: Station) {
        let operator = &self.operator;
        match station {
            Station::Hosts => {
                let hosts = operator.answer(self.answer_of(station)).await.text();
                for host in ["web-01", "web-04", "db-02"] {
                    assert!(hosts.contains(host), "{hosts}");
                }
            }
            Station::Odd => {
                let card = self.end(station, "4 hosts").await;
                assert!(card.contains("≠ **web-03**"), "{card}");
                assert!(card.contains("-shop 2.4.1\n+shop 2.3.9\n"), "{card}");
                assert!(card.contains("**web-[01-02,04]** · 3 hosts"), "{card}");
            }
            Station::Live => {
                self.end(station, "web-03").await;
                let thread = operator.in_thread_of(self.answer_of(station)).await;
                let last = |page: &Message| page.block().ends_with("here is shop 2.4.1\n");
                thread.sees("the whole output", last).await;
                let asked = operator.run("web-[01-04]", "release").await;
                let card = operator.card_end(&asked, "4 hosts").await.text();
                assert!(card.contains(" · 4 ok · ") && !card.contains('≠'), "{card}");
            }
            Station::Ask => {
                let card = self.end(station, "6 hosts").await;
                let place =
                    |text: &str| card.find(text).unwrap_or_else(|| panic!("{text}: {card}"));
                assert!(place("❌ **db-01** · exit 2") < place("✅ **"), "{card}");
            }
            Station::Retry => {
                let card = self.end(station, "db-01").await;
                assert!(card.contains("exit 0") && !card.contains("db-02"), "{card}");
            }
            Station::Names => {
                let card = self.end(station, "2 hosts").await;
                assert!(card.contains("**db-01,web-02**"), "{card}");
            }
            Station::Cancel => {
                let card = self.end(station, "stopped").await;
                assert!(card.contains("begun"), "{card}");
            }
            Station::Waves => {
                let card = self.end(station, "4 hosts").await;
                assert!(card.contains("here is shop 2.4.2"), "{card}");
            }
            Station::Away => {
                let card = self.end(station, "4 hosts").await;
                assert!(card.contains(" · 4 ok · "), "{card}");
            }
            Station::History => {
                let runs = operator.answer(self.answer_of(station)).await.text();
                assert!(
                    runs.contains("release") && runs.contains("deploy 2.4.1"),
                    "{runs}"
                );
            }
            Station::Shell => {
                assert!(self.printed.contains("shop 2.4.2"), "{}", self.printed);
                let shown = |message: &Message| {
                    let asked = &message.0["interaction_metadata"];
                    asked.is_null() && message.is_over() && message.text().contains("`release`")
                };
                operator.sees("the run of the command line", shown).await;
            }
            Station::Rights => {
                let answer = self.guest.answer(self.answer_of(station)).await;
                assert!(answer.is_ephemeral(), "{answer:?}");
                assert!(answer.text().contains("You "), "{}", answer.text());
            }
        }
    }

    async fn end(&self, station: Station, text: &str) -> String {
        self.operator
            .card_end(self.answer_of(station), text)
            .await
            .text()
    }

    async fn runs(&self) -> usize {
        let ran = self.demo.shanty(&["runs", "list", "--json"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out.lines().count()
    }
}

/// What stands on the button of this id.
fn labels(components: &serde_json::Value, id: &str) -> Vec<String> {
    let mut found = Vec::new();
    for component in components.as_array().into_iter().flatten() {
        if component["custom_id"] == id {
            found.extend(component["label"].as_str().map(str::to_owned));
        }
        found.extend(labels(&component["components"], id));
    }
    found
}

#[tokio::test]
async fn every_step_of_the_tour_shows_what_it_promises() {
    let mut tourist = Tourist::arrive().await;
    let pinned = |message: &Message| {
        message.0["pinned"] == true && message.text().contains("A tour of five minutes")
    };
    tourist.operator.sees("the tour", pinned).await;
    // The newest is first.
    let said = tourist.operator.view().await;
    let place = |text: &str| {
        said.iter()
            .position(|message| message.text().contains(text))
    };
    let (tour, joined) = (place("A tour of five minutes"), place("hosts joined"));
    assert!(joined.is_some() && tour < joined, "{tour:?} {joined:?}");
    for step in &STEPS {
        let before = tourist.runs().await;
        tourist.play(step).await;
        tourist.sees(step.station).await;
        if step.station == Station::Rights {
            assert_eq!(tourist.runs().await, before, "a guest ran something");
        }
    }
    let mut demo = tourist.demo;
    demo.judge().await;
    demo.call.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(demo.call.end().await.code, 0);
    wait::until_true("an empty directory", || {
        std::fs::read_dir(demo.temporary.path())
            .unwrap()
            .next()
            .is_none()
    })
    .await;
}
