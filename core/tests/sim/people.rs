//! What people ask, in chat and on the command line.

use shanty_core::admission::Fresh;
use shanty_core::ask::{
    Ask, Confirm, InventoryAsk, One, RunOption, RunRequest, Steer, Typed, Which, YES,
};
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
            name: "ann".to_owned(),
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
        let typed = Typed::default()
            .with(RunOption::Timeout, "1m")
            .with(RunOption::Offline, offline);
        let request = RunRequest {
            on,
            command: "true".to_owned(),
            typed: self.way(typed).with(RunOption::Seen, YES),
            like: None,
            input: None,
            upkeep: None,
        };
        self.ask(&asker, Ask::Run(request));
    }

    /// In waves or so many at once, or neither.
    fn way(&mut self, typed: Typed) -> Typed {
        if self.random.percent(50) {
            return typed;
        }
        let batch = self.random.pick(&["", "1", "1,50%", "2,1", "25%,100%"]);
        let batch = batch.unwrap_or_default();
        let parallel = self.random.pick(&["", "1", "2"]).unwrap_or_default();
        let pause = self.random.pick(&["", "", "first", "every"]);
        let pause = pause.filter(|_| !batch.is_empty()).unwrap_or_default();
        let max_fail = self.random.pick(&["", "0", "1", "50%"]);
        let stops = !batch.is_empty() || !parallel.is_empty();
        let max_fail = max_fail.filter(|_| stops).unwrap_or_default();
        typed
            .with(RunOption::Batch, batch)
            .with(RunOption::Parallel, parallel)
            .with(RunOption::Pause, pause)
            .with(RunOption::MaxFail, max_fail)
    }

    pub(crate) fn lets_everything_go_on(&mut self) {
        let open = self.hub.known().state.runs.open();
        let rests = open.filter(|run| run.rests()).map(|run| run.spec.id);
        for run in rests.collect::<Vec<RunId>>() {
            let (which, to) = (One::Id(run), Steer::Continue);
            self.ask(&local(), Ask::Steer { which, to });
        }
    }

    /// Somebody pauses a run, or lets it go on: one that does so, as far as anybody can see, or any.
    pub(crate) fn steers(&mut self) {
        let open = self.hub.known().state.runs.open();
        let open = open.filter(|run| run.waves().is_some());
        let open: Vec<(RunId, bool)> = open.map(|run| (run.spec.id, run.rests())).collect();
        if let Some((run, rests)) = self.random.pick(&open) {
            let to = match rests {
                true => Steer::Continue,
                false => Steer::Pause,
            };
            let which = One::Id(run);
            self.ask(&local(), Ask::Steer { which, to });
        }
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
