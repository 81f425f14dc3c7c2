//! Components as a bot sends them, and what Discord says of those that it does not take.

use std::collections::BTreeSet;

use super::*;

fn codes(list: &Value, v2: bool) -> Option<Value> {
    let mut form = Form::default();
    check(list.as_array().unwrap(), v2, "components", &mut form);
    form.finish()
        .err()
        .map(|error| error.body()["errors"]["components"].clone())
}

fn text(content: &str) -> Value {
    json!({"type": 10, "content": content})
}

fn button(id: &str) -> Value {
    json!({"type": 2, "style": 1, "label": "b", "custom_id": id})
}

#[test]
fn a_card_passes_and_every_component_gets_an_id() {
    let list = json!([{"type": 17, "accent_color": 255, "components": [
        text("### hello"), {"type": 14}, {"type": 1, "components": [button("a"), button("b")]},
        {"type": 9, "components": [text("x")], "accessory": button("c")},
    ]}]);
    let mut form = Form::default();
    let checked = check(list.as_array().unwrap(), true, "components", &mut form);
    assert!(form.is_clean());
    let mut ids = BTreeSet::new();
    let mut count = 0;
    visit(&checked.list, &mut |component| {
        count += 1;
        ids.insert(component["id"].as_u64().unwrap());
    });
    assert_eq!((count, ids.len()), (9, 9));
    assert_eq!(texts(&checked.list), ["### hello", "x"]);
    assert!(find(&checked.list, "c").is_some());
}

#[test]
fn forty_components_nested_ones_counted() {
    let row = || json!({"type": 17, "components": (0..19).map(|_| text("x")).collect::<Vec<_>>()});
    assert_eq!(codes(&json!([row(), row()]), true), None);
    let faults = codes(&json!([row(), row(), {"type": 14}]), true).unwrap();
    assert_eq!(
        faults["_errors"][0]["code"],
        "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"
    );
}

#[test]
fn text_is_limited_over_the_whole_message() {
    let faults = codes(
        &json!([text(&"a".repeat(2001)), text(&"a".repeat(2000))]),
        true,
    )
    .unwrap();
    assert_eq!(
        faults["_errors"][0]["code"],
        "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"
    );
    let wide = json!([text(&"▰".repeat(3400))]);
    let checked = check(wide.as_array().unwrap(), true, "", &mut Form::default());
    assert!(checked.breaks_discord, "10,212 bytes");
}

#[test]
fn the_old_kind_takes_rows_only() {
    let faults = codes(&json!([text("x")]), false).unwrap();
    assert_eq!(
        faults["0"]["type"]["_errors"][0]["code"],
        "UNION_TYPE_CHOICES"
    );
    assert_eq!(
        codes(&json!([{"type": 1, "components": [button("a")]}]), false),
        None
    );
    let six: Vec<_> = (0..6).map(|n| button(&n.to_string())).collect();
    assert!(codes(&json!([{"type": 1, "components": six}]), false).is_some());
}

#[test]
fn custom_ids_are_unique_and_short() {
    let twice = json!([{"type": 1, "components": [button("a"), button("a")]}]);
    assert!(codes(&twice, false).unwrap()["0"]["components"]["1"]["custom_id"].is_object());
    let long = json!([{"type": 1, "components": [button(&"a".repeat(101))]}]);
    assert!(codes(&long, false).is_some());
}

#[test]
fn ids_are_kept_and_unique() {
    let list = json!([{"type": 10, "content": "a"}, {"type": 10, "content": "b", "id": 1}]);
    let mut form = Form::default();
    let checked = check(list.as_array().unwrap(), true, "components", &mut form);
    assert!(form.is_clean());
    assert_eq!(
        (&checked.list[0]["id"], &checked.list[1]["id"]),
        (&json!(2), &json!(1))
    );
    let twice = json!([{"type": 14, "id": 7}, {"type": 14, "id": 7}]);
    assert!(codes(&twice, true).unwrap()["1"]["id"].is_object());
    assert!(codes(&json!([{"type": 14, "id": 1u64 << 31}]), true).is_some());
}

#[test]
fn what_buttons_and_selects_may_say() {
    let row = |part: Value| json!([{"type": 1, "components": [part]}]);
    let option = |value: &str| json!({"label": "l", "value": value});
    for good in [
        json!({"type": 2, "style": 5, "label": "b", "url": "https://example.com"}),
        json!({"type": 2, "style": 6, "sku_id": "5"}),
        json!({"type": 2, "style": 1, "emoji": {"name": "✅"}, "custom_id": "a"}),
        json!({"type": 3, "custom_id": "a", "min_values": 0, "max_values": 2,
            "options": [option("a"), option("b")]}),
        json!({"type": 7, "custom_id": "a", "default_values": [{"id": "5", "type": "role"}]}),
        json!({"type": 8, "custom_id": "a", "channel_types": [0, 11]}),
    ] {
        assert_eq!(codes(&row(good.clone()), false), None, "{good}");
    }
    for bad in [
        json!({"type": 2, "style": 5, "label": "b", "url": "https://x", "custom_id": "a"}),
        json!({"type": 2, "style": 1, "label": "b", "url": "https://x", "custom_id": "a"}),
        json!({"type": 2, "style": 5, "label": "b", "url": "javascript:1"}),
        json!({"type": 2, "style": 6}),
        json!({"type": 2, "style": 6, "sku_id": "5", "label": "b"}),
        json!({"type": 2, "style": 7, "label": "b", "custom_id": "a"}),
        json!({"type": 2, "style": 1, "custom_id": "a"}),
        json!({"type": 2, "style": 1, "emoji": {"name": "no"}, "custom_id": "a"}),
        json!({"type": 3, "custom_id": "a", "max_values": 2, "options": [option("a")]}),
        json!({"type": 3, "custom_id": "a", "min_values": 2, "options": [option("a")]}),
        json!({"type": 3, "custom_id": "a", "options": [option("a"), option("a")]}),
        json!({"type": 3, "custom_id": "a", "options": []}),
        json!({"type": 5, "custom_id": "a", "default_values": [{"id": "5", "type": "role"}]}),
        json!({"type": 5, "custom_id": "a", "default_values":
            [{"id": "5", "type": "user"}, {"id": "6", "type": "user"}]}),
        json!({"type": 5, "custom_id": "a", "channel_types": [0]}),
    ] {
        assert!(codes(&row(bad.clone()), false).is_some(), "{bad}");
    }
}

#[test]
fn hostile_shapes_are_faults_not_panics() {
    for list in [
        json!([1, null, "x"]),
        json!([{"type": "1"}]),
        json!([{"type": 17, "components": {}}]),
        json!([{"type": 9, "components": [], "accessory": 3}]),
        json!([{"type": 12, "items": [{}]}]),
        json!([{"type": 12, "items": [3]}]),
        json!([{"type": 12, "items": [{"media": {"url": "https://x"}, "description": ""}]}]),
        json!([{"type": 14, "spacing": 3}]),
        json!([{"type": 14, "divider": 1}]),
    ] {
        assert!(codes(&list, true).is_some(), "{list}");
    }
}
