//! Only what the controller signed is run.

use std::path::Path;

use prost::Message as _;
use shanty_certs::orders::{KnownKeys, OrderKey};
use shanty_core::limits;
use shanty_proto::v1::{self, down, up};

use crate::controller::{Controller, Link};
use crate::program::{Running, soon};

fn new_run() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// An order that makes a file.
fn order(hello: &v1::Hello, run: &str, made: &Path) -> Vec<u8> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let command = format!("echo > {}", made.display());
    let order = v1::ExecutionOrder {
        run: run.to_owned(),
        agent: hello.agent.clone(),
        not_after_ms: u64::try_from(now.as_millis()).unwrap() + limits::ORDER_NOT_AFTER_MS,
        what: Some(v1::execution_order::What::Command(command)),
        timeout_ms: limits::TIMEOUT_MS_DEFAULT,
        output_max_bytes: limits::OUTPUT_BYTES_MAX,
        grace_ms: 1_000,
        ..v1::ExecutionOrder::default()
    };
    order.encode_to_vec()
}

/// The next state of a run that is refused or over.
async fn ended(link: &mut Link, run: &str) -> v1::State {
    let done = |state: &v1::State| state.run == run && state.state() != v1::ExecutionState::Running;
    link.hear_until(|kind| match kind {
        up::Kind::State(state) if done(&state) => Some(state),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn what_is_not_signed_by_the_controller_is_not_run() {
    let mut controller = Controller::start().await;
    let dir = controller.enroll().await;
    let made = dir.path().join("made");
    let _agent = Running::start(&dir.path().join("agent"), &[]);
    let (mut link, hello) = controller.greeted().await;
    let other = OrderKey::generate().unwrap();
    let (own_id, other_id) = (controller.orders.public().id(), other.public().id());
    let signed =
        |order: &[u8], sig: Vec<u8>, key_id: &str| (order.to_vec(), sig, key_id.to_owned());

    let run = new_run();
    let order = order(&hello, &run, &made);
    let mut changed = order.clone();
    // Its command, which is text, says something else.
    let at = changed.windows(4).position(|four| four == b"echo").unwrap();
    changed[at] = b'E';
    let forged = [
        (signed(&order, Vec::new(), ""), "is not signed"),
        (signed(&order, other.sign(&order), &other_id), "knows"),
        (signed(&order, other.sign(&order), &own_id), "was changed"),
        (
            signed(&changed, controller.orders.sign(&order), &own_id),
            "was changed",
        ),
        (signed(&order, vec![0; 64], &own_id), "was changed"),
    ];
    for ((order, sig, key_id), said) in forged {
        let start = v1::Start {
            run: run.clone(),
            order,
            sig,
            key_id,
        };
        link.send(down::Kind::Start(start)).await;
        let state = ended(&mut link, &run).await;
        assert_eq!(state.state(), v1::ExecutionState::Refused);
        assert!(state.text.contains(said), "{}", state.text);
        assert!(state.code == "E_DENIED" && !made.exists());
    }
    // Nothing of it is held against the order itself.
    link.start(&run, order).await;
    assert_eq!(
        ended(&mut link, &run).await.state(),
        v1::ExecutionState::Ended
    );
    assert!(made.exists());
}

#[tokio::test]
async fn an_agent_that_joined_before_learns_the_key_over_its_link() {
    let mut controller = Controller::start().await;
    let dir = controller.enroll().await;
    let (data, made) = (dir.path().join("agent"), dir.path().join("made"));
    let file = data.join("orders.pub");
    std::fs::remove_file(&file).unwrap();
    let _agent = Running::start(&data, &[]);
    let (mut link, hello) = controller.greeted().await;
    let run = new_run();
    link.start(&run, order(&hello, &run, &made)).await;
    assert_eq!(
        ended(&mut link, &run).await.state(),
        v1::ExecutionState::Ended
    );
    assert!(made.exists());
    let known = KnownKeys::of(*controller.orders.public());
    assert_eq!(KnownKeys::read(&file).unwrap(), known);
}

#[tokio::test]
async fn a_join_brings_the_key_and_a_file_that_others_may_write_stops_the_agent() {
    use std::os::unix::fs::PermissionsExt as _;
    let controller = Controller::start().await;
    let dir = controller.enroll().await;
    let data = dir.path().join("agent");
    let file = data.join("orders.pub");
    let known = KnownKeys::of(*controller.orders.public());
    assert_eq!(KnownKeys::read(&file).unwrap(), known);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut agent = crate::program::agent(&data);
    let output = soon("the agent's end", agent.arg("run").output())
        .await
        .unwrap();
    let said = crate::program::stderr(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(
        said.contains("orders.pub can be changed by other users"),
        "{said}"
    );
}
