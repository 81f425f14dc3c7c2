//! Identities that are renewed: over the link and late, what is refused, and that nothing which runs notices.

use std::path::PathBuf;
use std::time::Duration;

use shanty_proto::v1::{self, RefusedCode};
use shanty_proto::v1::{down, up};
use tonic::Code;

use crate::controller::{Controller, Link, Renew};
use crate::link::{new_run, start};
use crate::program::Running;

/// The agent asks at once.
const NOW: v1::Renewal = v1::Renewal {
    in_ms: 0,
    over_ms: 0,
};

struct World {
    controller: Controller,
    dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let controller = Controller::start().await;
        let dir = controller.enroll().await;
        Self { controller, dir }
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("agent")
    }

    fn start(&self) -> Running {
        Running::start(&self.data_dir(), &[])
    }

    /// The next link, greeted; its serial.
    async fn linked(&mut self, renewal: Option<v1::Renewal>) -> (Link, String) {
        let mut link = self.controller.link().await;
        link.hello().await;
        link.welcome_to_renew(Vec::new(), renewal).await;
        let serial = link.peer.serial.clone();
        (link, serial)
    }
}

/// Hears an agent to the end of its link.
async fn to_the_end(link: &mut Link) {
    while link.try_hear().await.is_some() {}
}

#[tokio::test]
async fn a_link_is_made_anew_with_the_next_certificate_and_the_one_after_that() {
    let mut world = World::new().await;
    let _agent = world.start();
    let (mut link, first) = world.linked(Some(NOW)).await;
    to_the_end(&mut link).await;
    drop(link);
    let (mut link, second) = world.linked(None).await;
    assert_ne!(first, second);
    // Greeted, so it is the one in use.
    link.send(down::Kind::Ping(v1::Ping { id: 7 })).await;
    link.hear_until(|said| matches!(said, up::Kind::Pong(_)).then_some(()))
        .await;
    assert!(!world.data_dir().join("next.pem").exists());
    // Asked for while the link is up, such as when the authority was changed.
    link.send(down::Kind::Renewal(NOW)).await;
    to_the_end(&mut link).await;
    drop(link);
    let (_link, third) = world.linked(None).await;
    assert!(third != second && third != first);
}

#[tokio::test]
async fn an_order_that_crosses_the_agents_last_word_is_held_when_it_comes_back() {
    let mut world = World::new().await;
    let _agent = world.start();
    let mut link = world.controller.link().await;
    let hello = link.hello().await;
    link.welcome_to_renew(Vec::new(), Some(NOW)).await;
    // Its last word, after which it still hears.
    to_the_end(&mut link).await;
    let run = new_run();
    start(&link, &hello, &run, "echo here").await;
    drop(link);
    let mut link = world.controller.link().await;
    let hello = link.hello().await;
    let held: Vec<&str> = hello.executions.iter().map(|e| e.run.as_str()).collect();
    assert_eq!(held, [run.as_str()]);
}

#[tokio::test]
async fn what_is_refused_or_unanswered_is_asked_for_again_and_the_link_stays() {
    let mut world = World::new().await;
    *world.controller.renew.lock().unwrap() = Renew::Refuse(Code::Unavailable, "not now");
    let agent = world.start();
    let (mut link, first) = world.linked(Some(NOW)).await;
    // It goes on, and is killed while it asks.
    link.send(down::Kind::Ping(v1::Ping { id: 7 })).await;
    link.hear_until(|said| matches!(said, up::Kind::Pong(_)).then_some(()))
        .await;
    agent.signal(nix::sys::signal::Signal::SIGKILL);
    agent.exit().await;
    drop(link);
    *world.controller.renew.lock().unwrap() = Renew::Issue;
    let _agent = world.start();
    let (mut link, again) = world.linked(Some(NOW)).await;
    assert_eq!(first, again);
    to_the_end(&mut link).await;
    drop(link);
    let (_link, next) = world.linked(None).await;
    assert_ne!(next, first);
}

#[tokio::test]
async fn a_next_certificate_that_is_not_taken_is_given_up_for_the_one_in_use() {
    let mut world = World::new().await;
    let _agent = world.start();
    let (mut link, first) = world.linked(Some(NOW)).await;
    to_the_end(&mut link).await;
    drop(link);
    let mut link = world.controller.link().await;
    assert_ne!(link.peer.serial, first);
    link.hello().await;
    let refused = v1::Refused {
        code: RefusedCode::Superseded.into(),
        text: "replaced".to_owned(),
    };
    link.send(down::Kind::Refused(refused)).await;
    drop(link);
    let (_link, again) = world.linked(None).await;
    assert_eq!(again, first);
}

#[tokio::test]
async fn one_that_ran_out_is_renewed_at_the_join_port() {
    let controller = Controller::start().await;
    *controller.life.lock().unwrap() = Duration::from_secs(1);
    let dir = controller.enroll().await;
    let mut world = World { controller, dir };
    *world.controller.life.lock().unwrap() = Duration::from_secs(86_400);
    // By the controller's clock it is over when a handshake says so: the agent dials until then.
    let _agent = world.start();
    let renewed = loop {
        let (link, _) = world.linked(None).await;
        let left = link
            .peer
            .not_after
            .duration_since(std::time::SystemTime::now());
        if left.is_ok_and(|left| left > Duration::from_secs(3_600)) {
            break link;
        }
        drop(link);
    };
    renewed.send(down::Kind::Ping(v1::Ping { id: 1 })).await;
}

#[tokio::test]
async fn one_that_gets_no_other_stays_out_and_says_what_to_do() {
    let controller = Controller::start().await;
    *controller.life.lock().unwrap() = Duration::from_secs(1);
    let dir = controller.enroll().await;
    let mut world = World { controller, dir };
    let why = "Its certificate ran out 9d ago, and it may be renewed for 7d only.";
    *world.controller.renew.lock().unwrap() = Renew::Refuse(Code::FailedPrecondition, why);
    let agent = world.start();
    let exited = agent.exit();
    let mut exited = std::pin::pin!(exited);
    let status = loop {
        tokio::select! {
            status = &mut exited => break status,
            (link, _) = world.linked(None) => drop(link),
        }
    };
    assert_eq!(status.code(), Some(77));
}
