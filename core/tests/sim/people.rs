//! What people ask, in chat and on the command line.

use shanty_core::admission::Fresh;
use shanty_core::ask::{Ask, Confirm, InventoryAsk, RunOption, RunRequest, Typed, Which};
use shanty_core::hold::Hold;
use shanty_core::hub::{Event, Ticket};
use shanty_core::ids::RunId;
use shanty_core::journal::Recalled;
use shanty_core::principal::Asker;

use super::world::{HOSTS, World};

pub(crate) fn local() -> Asker {
    Asker::Local {
        user: "root".to_owned(),
    }
}

impl World {
    pub(crate) fn asker(&mut self) -> Asker {
        match self.random.percent(40) {
            true => local(),
            false => self.person(),
        }
    }

    /// Somebody in chat, by a new interaction.
    pub(crate) fn person(&mut self) -> Asker {
        self.tickets += 1;
        Asker::Discord {
            user: 30,
            bot: false,
            guild: Some(1),
            channel: 5,
            parent_channel: None,
            roles: vec![9],
            interaction: self.tickets,
        }
    }

    pub(crate) fn ask(&mut self, asker: &Asker, ask: Ask) {
        self.tell(|| format!("{} asks {ask:?}", asker.principal()));
        self.tickets += 1;
        self.fresh += 1;
        self.give(Event::Asked {
            ticket: Ticket(self.tickets),
            asker: asker.clone(),
            ask,
            recalled: Recalled::default(),
            fresh: Fresh::new(self.fresh.to_be_bytes()),
        });
    }

    pub(crate) fn asks_for_a_run(&mut self) {
        let on = ["all", "role=a", "h1", "h2,h3", "h4"];
        let on = self.random.pick(&on).unwrap_or("all").to_owned();
        let offline = [
            None,
            Some("fail"),
            Some("skip"),
            Some("queue"),
            Some("queue:5m"),
        ];
        let offline = self.random.pick(&offline).flatten().unwrap_or_default();
        let asker = self.asker();
        let request = RunRequest {
            on,
            command: "true".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "1m")
                .with(RunOption::Offline, offline),
            like: None,
        };
        self.ask(&asker, Ask::Run(request));
    }

    pub(crate) fn confirms(&mut self) {
        if let Some(run) = self.random.pick(&self.proposals.clone()) {
            let choices = [Confirm::AsAsked, Confirm::OnlineOnly, Confirm::Queue];
            let choice = self.random.pick(&choices).unwrap_or(Confirm::AsAsked);
            let ask = match self.random.percent(80) {
                true => Ask::Confirm { run, choice },
                false => Ask::TakeBack { run },
            };
            let asker = self.person();
            self.ask(&asker, ask);
        }
    }

    pub(crate) fn stops_something(&mut self) {
        let open = self.hub.known().state.runs.open();
        let open: Vec<RunId> = open.map(|run| run.spec.id).collect();
        let which = match self.random.pick(&open) {
            Some(run) if self.random.percent(80) => Which::Id(run),
            _ => Which::All,
        };
        let force = self.random.percent(30);
        self.ask(&local(), Ask::Cancel { which, force });
    }

    pub(crate) fn holds(&mut self) {
        let hold = match self.random.percent(40) {
            true => Hold::on("db move"),
            false => Hold::Off,
        };
        self.ask(&local(), Ask::Hold(hold));
    }

    pub(crate) fn drains(&mut self) {
        let drain = self.random.percent(40);
        let on = format!("h{}", 1 + self.random.below(u64::from(HOSTS)));
        self.ask(&local(), Ask::Inventory(InventoryAsk::Drain { on, drain }));
    }

    pub(crate) fn relabels(&mut self) {
        let on = format!("h{}", 1 + self.random.below(u64::from(HOSTS)));
        let changes = ["role=a", "role=b"];
        let changes = self.random.pick(&changes).unwrap_or("role=a").to_owned();
        self.ask(
            &local(),
            Ask::Inventory(InventoryAsk::Label { on, changes }),
        );
    }

    pub(crate) fn removes(&mut self) {
        let name = format!("h{}", 1 + self.random.below(u64::from(HOSTS)));
        self.ask(&local(), Ask::RemoveHost { name });
    }
}
