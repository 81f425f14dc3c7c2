//! Links between the controller and hosts: they come and go, and what is on its way arrives.

use super::*;

impl World {
    pub(super) fn links_come_and_go(&mut self) {
        let agent = self.any_host();
        match self.hosts[&agent].link {
            None => self.link(agent),
            Some(link) if self.random.percent(50) => {
                self.tell(|| format!("the link of {agent} breaks"));
                self.host(agent).cut();
                self.give(Event::LinkDown { agent, link });
                if self.fault == Some(Fault::SaysNotStartedOfWhatRan) {
                    self.lie(agent);
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn link(&mut self, agent: AgentId) {
        if self.hosts[&agent].link.is_some() || self.removed.contains(&agent) {
            return;
        }
        self.links += 1;
        let link = self.links;
        let executions = self.hosts[&agent].hello(|run| self.exits.contains_key(&(run, agent)));
        self.tell(|| format!("{agent} has a link and holds {executions:?}"));
        self.host(agent).link = Some(link);
        self.host(agent).say_again();
        self.give(Event::LinkUp(LinkUp {
            unknown: BTreeSet::new(),
            more: false,
            agent,
            certificate: Presented {
                key_sha256: [agent.as_bytes()[0]; 32],
                ..Presented::default()
            },
            link,
            instance: Instance::default(),
            version: "1.0.0".to_owned(),
            takes_input: true,
            takes_upkeep: true,
            executions,
        }));
    }

    pub(super) fn delivers(&mut self) {
        for _ in 0..=self.random.below(3) {
            self.delivers_one();
        }
    }

    /// One frame of one link arrives; false when there is none.
    pub(super) fn delivers_one(&mut self) -> bool {
        let link_now = self.now().link;
        let busy = |host: &Host| !host.down.is_empty() || !host.up.is_empty();
        let busy: Vec<AgentId> = self
            .hosts
            .iter()
            .filter(|(_, host)| busy(host))
            .map(|(agent, _)| *agent)
            .collect();
        let Some(agent) = self.random.pick(&busy) else {
            return false;
        };
        let downwards = self.random.percent(50);
        let host = self.host(agent);
        let down = match downwards || host.up.is_empty() {
            true => host.down.pop_front(),
            false => None,
        };
        if let Some(down) = down {
            host.take(down, link_now);
        } else if let Some(up) = host.up.pop_front() {
            self.tell(|| format!("{agent} says {up:?}"));
            self.hears(agent, up);
        }
        true
    }

    fn hears(&mut self, agent: AgentId, up: Up) {
        let told = |run, told| Event::Told {
            agent,
            run,
            told,
            spool_full: false,
        };
        let event = match up {
            Up::Runs(run) => {
                if self.fault == Some(Fault::ReleasesBeforeTheEndIsStored) {
                    self.carry_out(Effect::Release { agent, run });
                }
                told(run, Told::Running)
            }
            Up::Refused(run) => {
                let reason = Reason::new(Code::Expired, "too late");
                told(run, Told::Refused(reason))
            }
            Up::Ended(run, code) => {
                // Whoever was removed is not listened to; what is not ours is not stored.
                if self.exits.insert((run, agent), code).is_some() {
                    return;
                }
                let outcome = Outcome::without_output(How::Exited(code));
                Event::Exit {
                    run,
                    agent,
                    outcome,
                }
            }
        };
        self.give(event);
    }
}
