//! `/agent`: labels, drains and groups. Everybody in the channel sees a change.

use shanty_core::principal;
use shanty_core::view;

use super::show;
use crate::discord::Edge;
use crate::discord::commands::Asker;
use crate::discord::requests::Audience;

pub(super) async fn label(
    edge: &Edge,
    asker: &Asker,
    who: principal::Asker,
    on: String,
    set: String,
) {
    let by = who.principal();
    let changed = edge.hub.label(who, on, set).await;
    let card = changed.map(|changed| view::labelled_card(&changed, &by));
    show(edge, asker, card, Audience::Channel).await;
}

pub(super) async fn drain(
    edge: &Edge,
    asker: &Asker,
    who: principal::Asker,
    on: String,
    drain: bool,
) {
    let by = who.principal();
    let names = edge.hub.drain(who, on, drain).await;
    let to_whom = match &names {
        Ok(names) if names.is_empty() => Audience::Asker,
        Ok(_) | Err(_) => Audience::Channel,
    };
    let card = names.map(|names| view::drained_card(&names, drain, &by));
    show(edge, asker, card, to_whom).await;
}

pub(super) async fn group_save(
    edge: &Edge,
    asker: &Asker,
    who: principal::Asker,
    name: String,
    hosts: String,
) {
    let by = who.principal();
    let saved = edge.hub.group_save(who, name, hosts).await;
    let card =
        saved.map(|saved| view::group_saved_card(&saved.name, &saved.selector, saved.hosts, &by));
    show(edge, asker, card, Audience::Channel).await;
}

pub(super) async fn group_remove(edge: &Edge, asker: &Asker, who: principal::Asker, name: String) {
    let by = who.principal();
    let bare = name.trim().trim_start_matches('@').to_owned();
    let removed = edge.hub.group_remove(who, name).await;
    let card = removed.map(|()| view::group_removed_card(&bare, &by));
    show(edge, asker, card, Audience::Channel).await;
}
