//! Steps of the authority on a hub, with the process killed between any two of them.

use super::*;
use crate::store::Commits;
use crate::testing::{Rig, agent, within};
use shanty_core::journal::Kind;

fn root() -> Actor {
    Actor::Socket {
        user: "root".to_owned(),
    }
}

async fn opened(rig: &Rig) -> Authority {
    let orders = Arc::new(OrderKeys::of(
        shanty_certs::orders::OrderKey::generate().unwrap(),
    ));
    Authority::open(rig.ca.clone(), orders, rig.hub.clone())
        .await
        .unwrap()
}

fn steps(rig: &Rig) -> Vec<Kind> {
    let kinds = rig.kinds().into_iter();
    let steps = kinds.filter(|kind| matches!(kind, Kind::AuthorityChanged(_)));
    steps.collect()
}

#[tokio::test]
async fn a_rotation_is_recorded_before_anything_comes_from_the_new_key_and_of_two_at_once_one_is_refused()
 {
    let rig = Rig::start().await;
    let authority = opened(&rig).await;
    let mut turns = authority.turns();
    let before = authority.status().await.unwrap();
    rig.journal.commit(Commits::Never);
    let refused = authority
        .rotate_issuing(root(), None, 1_000)
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::Storage, "{refused:?}");
    let after = authority.status().await.unwrap();
    assert_eq!(after.ca, before.ca, "what is not recorded does not count");
    assert!(!turns.has_changed().unwrap());
    rig.journal.commit(Commits::AtOnce);
    let (one, two) = tokio::join!(
        authority.rotate_issuing(root(), None, 1_000),
        authority.rotate_issuing(root(), None, 1_000)
    );
    assert!(one.is_ok(), "{one:?}");
    let refused = two.unwrap_err();
    assert_eq!(refused.code, Code::Stale, "{refused:?}");
    within("a turn", turns.changed()).await.unwrap();
    let status = authority.status().await.unwrap();
    assert_ne!(status.ca.issuing, before.ca.issuing);
    assert_eq!(status.ca.former, Some(before.ca.issuing));
    assert_eq!(steps(&rig).len(), 1);
}

#[tokio::test]
async fn what_was_recorded_and_not_done_is_done_by_the_next_process() {
    let rig = Rig::start().await;
    let authority = opened(&rig).await;
    let former = authority.status().await.unwrap().ca.issuing;
    // Killed between the record and the files.
    let to = rig.ca.prepare(None, SystemTime::now()).unwrap();
    let rotated = AuthorityChange::Rotated {
        key: AuthorityKey::Issuing,
        former: *former.pin.as_bytes(),
        to: *to.as_bytes(),
        over_ms: 7,
    };
    rig.hub.change_authority(root(), rotated).await.unwrap();
    let status = opened(&rig).await.status().await.unwrap();
    assert_eq!(
        (status.ca.issuing.pin, status.ca.former),
        (to, Some(former))
    );
    assert_eq!(status.issuing.unwrap().former, *former.pin.as_bytes());
    let retired = AuthorityChange::Retired {
        key: AuthorityKey::Issuing,
        former: *former.pin.as_bytes(),
        lost: vec![agent(1)],
    };
    rig.hub.change_authority(root(), retired).await.unwrap();
    assert!(rig.ca.has_former());
    let status = opened(&rig).await.status().await.unwrap();
    assert_eq!((status.ca.former, status.issuing), (None, None));
    // Prepared and never recorded.
    rig.ca.prepare(None, SystemTime::now()).unwrap();
    let status = opened(&rig).await.status().await.unwrap();
    assert_eq!((status.ca.issuing.pin, status.ca.former), (to, None));
}

#[tokio::test]
async fn the_roots_key_is_deleted_for_whoever_shows_that_they_have_it() {
    let rig = Rig::start().await;
    let authority = opened(&rig).await;
    let key = authority.root_key(root()).await.unwrap();
    let shown = |bytes: &[u8]| Zeroizing::new(bytes.to_vec());
    let refused = authority.shred_root_key(root(), shown(b"no key")).await;
    assert_eq!(refused.unwrap_err().code, Code::BadOption);
    assert!(authority.status().await.unwrap().ca.root_key);
    authority.shred_root_key(root(), shown(&key)).await.unwrap();
    assert!(!authority.status().await.unwrap().ca.root_key);
    for refused in [
        authority.root_key(root()).await.err(),
        authority.rotate_issuing(root(), None, 1).await.err(),
    ] {
        assert_eq!(refused.unwrap().code, Code::NotFound);
    }
    let exported = |shredded| Kind::AuthorityChanged(AuthorityChange::RootExported { shredded });
    assert_eq!(steps(&rig), [exported(false), exported(true)]);
    let key = Some(shown(&key));
    authority.rotate_issuing(root(), key, 1).await.unwrap();
}

#[tokio::test]
async fn a_rotation_that_an_older_journal_does_not_know_is_recorded_at_the_start() {
    let rig = Rig::start().await;
    let (orders, _) = OrderKeys::open_or_create(&rig.data_dir().join("ca")).unwrap();
    let orders = Arc::new(orders);
    rig.ca.prepare(None, SystemTime::now()).unwrap();
    rig.ca.activate(SystemTime::now()).unwrap();
    orders.prepare().unwrap();
    orders.activate().unwrap();
    for _ in 0..2 {
        let opened = Authority::open(rig.ca.clone(), orders.clone(), rig.hub.clone());
        let status = opened.await.unwrap().status().await.unwrap();
        assert!(status.issuing.is_some() && status.order_keys.is_some());
        assert_eq!(steps(&rig).len(), 2, "once each");
    }
}

#[tokio::test]
async fn the_key_for_orders_is_deleted_when_all_hosts_know_the_new_one() {
    let rig = Rig::start().await;
    let (orders, _) = OrderKeys::open_or_create(&rig.data_dir().join("ca")).unwrap();
    let orders = Arc::new(orders);
    let opened = Authority::open(rig.ca.clone(), orders.clone(), rig.hub.clone());
    let authority = opened.await.unwrap();
    let mut turns = authority.key_turns();
    let old = *orders.current().public();
    authority.rotate_orders(root()).await.unwrap();
    within("other keys", turns.changed()).await.unwrap();
    let again = authority.rotate_orders(root()).await.unwrap_err();
    assert_eq!(again.code, Code::Stale, "{again:?}");
    assert_eq!(orders.former().map(|key| *key.public()), Some(old));
    let refused = authority
        .retire(root(), AuthorityKey::Orders, false)
        .await
        .unwrap_err();
    assert!(refused.what.contains("web-[01-02]"), "{refused:?}");
    authority.look().await.unwrap();
    assert!(orders.former().is_some(), "hosts do not know it yet");
    let known = rig.hub.known().await.unwrap();
    let key = *orders.current().public().as_bytes();
    for agent in known.state.hosts.keys() {
        rig.hub.order_key_taken(*agent, key).await;
    }
    // What hosts said is recorded a moment later.
    let retired = async {
        while orders.former().is_some() {
            authority.look().await.unwrap();
        }
    };
    within("the former to be retired", retired).await;
    assert!(!rig.data_dir().join("ca/orders.former.pem").exists());
    within("the end of the former", turns.changed())
        .await
        .unwrap();
}
