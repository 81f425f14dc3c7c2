//! Output on its way to the command line: all of it, then the end, and what is missing is said.

use shanty_core::run::Execution;

use super::*;
use crate::store::Deletion;

/// What a stream gave: output with its host, then why it ended.
async fn all<T>(stream: Events<T>) -> (Vec<T>, Option<Status>) {
    let (mut items, mut status) = (Vec::new(), None);
    let collected = stream.for_each(|item| {
        match item {
            Ok(item) => items.push(item),
            Err(error) => status = Some(error),
        }
        std::future::ready(())
    });
    within("the end of a stream", collected).await;
    (items, status)
}

async fn follow(service: &Service, number: u64) -> Events<v1::FollowEvent> {
    let request = asked(v1::FollowRequest {
        number,
        quiet: false,
    });
    let followed = within("an answer", service.admin.follow(request)).await;
    followed.unwrap().into_inner()
}

async fn output(service: &Service, host: &str) -> (Vec<String>, Option<Status>) {
    let request = v1::OutputRequest {
        number: 1,
        host: host.to_owned(),
    };
    let chunks = within("an answer", service.admin.output(asked(request))).await;
    let (chunks, status) = all(chunks.unwrap().into_inner()).await;
    (chunks.iter().map(text).collect(), status)
}

fn text(chunk: &v1::OutputChunk) -> String {
    format!("{}: {}", chunk.host, String::from_utf8_lossy(&chunk.bytes))
}

/// What a follower was given: texts, and the last state of the run.
fn followed(events: Vec<v1::FollowEvent>) -> (Vec<String>, v1::RunInfo) {
    let (mut texts, mut last) = (Vec::new(), None);
    for event in events {
        match event.kind.expect("an event says something") {
            follow_event::Kind::Output(chunk) => texts.push(text(&chunk)),
            follow_event::Kind::Run(run) => last = Some(run),
            follow_event::Kind::Change(_) => {}
        }
    }
    (texts, last.expect("the run is told"))
}

/// Writes zeros over what is stored from a place on.
fn damage(rig: &Rig, from: usize) {
    let file = Connection::open(rig.dir.path().join("output.db")).unwrap();
    let changed = file.execute(
        "UPDATE chunk SET bytes = CAST(substr(bytes, 1, ?1) || zeroblob(length(bytes) - ?1) AS BLOB)",
        [i64::try_from(from).unwrap()],
    );
    assert_eq!(changed.unwrap(), 1);
}

#[tokio::test]
async fn a_follower_gets_output_as_it_is_stored_and_then_the_end() {
    let service = Service::start().await;
    let mut web = service.rig.link(1).await;
    let run = service.rig.run("web-01").await;
    web.order().await;
    let mut events = follow(&service, 1).await;
    let (bytes, ends) = spool(run, 1, &["one\n", "two\n"]);
    service.rig.store((run, 1), &bytes[..ends[1]]).await;
    let first = within("the first line", async {
        loop {
            let event = events.next().await.expect("it goes on").unwrap();
            if let Some(follow_event::Kind::Output(chunk)) = event.kind {
                return text(&chunk);
            }
        }
    });
    assert_eq!(first.await, "web-01: one\n");
    service.rig.store((run, 1), &bytes).await;
    let (rest, status) = all(events).await;
    assert!(status.is_none(), "{status:?}");
    let (texts, last) = followed(rest);
    assert_eq!(texts, ["web-01: two\n"]);
    assert_eq!(last.state(), v1::run_info::State::Closed);
    assert!(last.closed_ms > 0);
}

#[tokio::test]
async fn a_run_that_is_over_is_followed_from_its_beginning_to_its_end() {
    let service = Service::start().await;
    service.ended(&["one\n", "two\n"]).await;
    let (events, status) = all(follow(&service, 1).await).await;
    assert!(status.is_none(), "{status:?}");
    let (texts, last) = followed(events);
    assert_eq!(texts, ["web-01: one\n", "web-01: two\n"]);
    assert_eq!(last.state(), v1::run_info::State::Closed);
}

#[tokio::test]
async fn a_run_that_did_not_begin_ends_its_followers() {
    let service = Service::start().await;
    let _web = service.rig.link(1).await;
    let run = service.rig.ask_run("web-01").await.unwrap();
    let events = follow(&service, 1).await;
    service.rig.hub.not_taken(run, "nobody saw it").await;
    let (events, status) = all(events).await;
    assert!(status.is_none(), "{status:?}");
    let (texts, last) = followed(events);
    assert!(texts.is_empty());
    assert_eq!(last.state(), v1::run_info::State::Expired);
    assert_eq!(last.expired, "nobody saw it");
}

#[tokio::test]
async fn followers_leave_when_the_process_stops() {
    let service = Service::start().await;
    let mut web = service.rig.link(1).await;
    service.rig.run("web-01").await;
    web.order().await;
    let events = follow(&service, 1).await;
    service.supervisor.shutdown().cancel();
    all(events).await;
}

#[tokio::test]
async fn followers_of_a_hub_that_stops_get_its_last_word() {
    let mut service = Service::start().await;
    let mut web = service.rig.link(1).await;
    service.rig.run("web-01").await;
    web.order().await;
    let events = follow(&service, 1).await;
    service.rig.shutdown.cancel();
    service.rig.stopped().await;
    let (_, last) = followed(all(events).await.0);
    assert_eq!(last.state(), v1::run_info::State::Running);
    assert_eq!(last.closed_ms, 0);
}

#[tokio::test]
async fn output_that_was_deleted_is_said_to_be() {
    let service = Service::start().await;
    service.ended(&["one\n"]).await;
    let (texts, status) = output(&service, "").await;
    assert_eq!((texts.len(), status.is_none()), (1, true));

    let old = service.rig.output.oldest(None, 1).await.unwrap();
    let late_ms = old[0].changed_ms + 3 * 86_400_000;
    let deleted = service.rig.output.delete(&old[0], Deletion::Age, late_ms);
    deleted.await.unwrap();
    let (texts, status) = output(&service, "web-01").await;
    assert!(texts.is_empty());
    let status = status.expect("it says why");
    assert_eq!(codes(&status), (Grpc::NotFound, "E_DELETED"));
    let said = "The output of run #1 on web-01 was deleted after 3 days.";
    assert_eq!(status.message(), said);

    let (events, status) = all(follow(&service, 1).await).await;
    let (texts, last) = followed(events);
    assert!(texts.is_empty());
    assert_eq!(last.state(), v1::run_info::State::Closed, "the end is told");
    assert_eq!(codes(&status.unwrap()), (Grpc::NotFound, "E_DELETED"));
}

#[tokio::test]
async fn output_that_is_damaged_is_given_up_to_there_and_no_further() {
    let service = Service::start().await;
    let run = service.ended(&["one\n", "two\n"]).await;
    let (_, ends) = spool(run, 1, &["one\n", "two\n"]);
    damage(&service.rig, ends[1] + 3);
    let (texts, status) = output(&service, "web-01").await;
    assert_eq!(texts, ["web-01: one\n"]);
    let status = status.expect("it says why");
    assert_eq!(codes(&status), (Grpc::DataLoss, "E_DAMAGED"));
    let said = "The stored output of run #1 on web-01 is damaged: ";
    assert!(status.message().starts_with(said), "{status}");

    let (events, status) = all(follow(&service, 1).await).await;
    let (texts, last) = followed(events);
    assert_eq!(texts, ["web-01: one\n"]);
    assert_eq!(last.state(), v1::run_info::State::Closed, "the end is told");
    assert_eq!(codes(&status.unwrap()), (Grpc::DataLoss, "E_DAMAGED"));
}

#[tokio::test]
async fn damage_of_one_host_takes_nothing_from_another() {
    let service = Service::start().await;
    let (mut one, mut two) = (service.rig.link(1).await, service.rig.link(2).await);
    let run = service.rig.run("role=web").await;
    one.order().await;
    two.order().await;
    let (bytes, ends) = spool(run, 1, &["one\n", "two\n"]);
    service.rig.store((run, 1), &bytes).await;
    damage(&service.rig, ends[1]);
    let mut events = follow(&service, 1).await;
    within("the first line", async {
        while !matches!(
            events.next().await.expect("it goes on").unwrap().kind,
            Some(follow_event::Kind::Output(_))
        ) {}
    })
    .await;
    let_others_go_on().await;
    let (bytes, _) = spool(run, 2, &["three\n"]);
    service.rig.store((run, 2), &bytes).await;
    let (events, status) = all(events).await;
    let (texts, last) = followed(events);
    assert_eq!(texts, ["web-02: three\n"]);
    assert_eq!(last.state(), v1::run_info::State::Closed);
    assert_eq!(codes(&status.unwrap()), (Grpc::DataLoss, "E_DAMAGED"));
}

#[tokio::test]
async fn output_of_a_host_that_the_run_was_not_for_is_not_found() {
    let service = Service::start().await;
    let run = service.ended(&["one\n"]).await;
    let request = v1::OutputRequest {
        number: 1,
        host: "web-02".to_owned(),
    };
    let refused = service.admin.output(asked(request)).await.err();
    assert_eq!(codes(&refused.unwrap()), (Grpc::NotFound, "E_NOT_FOUND"));
    let run = service.rig.over(run).await;
    let outcome = run.execution(agent(1)).and_then(Execution::outcome);
    assert!(outcome.unwrap().is_ok());
}
