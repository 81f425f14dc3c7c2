//! What is pressed, picked and filled in, as it is read.

use super::*;

#[test]
fn pages_and_picks_are_read_from_their_ids() {
    let list = |page, selector: &str| Listing::of(selector).at(page);
    assert_eq!(
        heard(pressed("v1:hosts:2:=env=prod !web:x")).asked,
        Asked::Page {
            listing: list(2, "env=prod !web:x"),
            turns: false
        }
    );
    let mut pick = pressed("v1:host:0:=");
    pick["data"] = json!({"custom_id": "v1:host:0:=", "component_type": 3, "values": ["web-01"]});
    assert_eq!(
        heard(pick.clone()).asked,
        Asked::Pick {
            listing: list(0, ""),
            host: "web-01".parse().unwrap()
        }
    );
    for bad in [
        json!([]),
        json!(["all"]),
        json!(["a b"]),
        json!(["x".repeat(64)]),
    ] {
        pick["data"]["values"] = bad.clone();
        assert_eq!(heard(pick.clone()).asked, Asked::Unknown, "{bad}");
    }
    for bad in ["v1:hosts:", "v1:hosts:x:=", "v1:hosts:0:all", "v1:host:0:="] {
        assert_eq!(heard(pressed(bad)).asked, Asked::Unknown, "{bad}");
    }
}

#[test]
fn every_press_asks_for_something() {
    let run: RunId = RUN.parse().unwrap();
    let cancel = |force| {
        let which = Which::Id(run);
        Ask::Cancel { which, force }
    };
    let confirm = |choice| Ask::Confirm { run, choice };
    for (press, ask) in [
        (Press::Cancel(run), cancel(false)),
        (Press::Kill(run), cancel(true)),
        (Press::Go(run), confirm(Confirm::AsAsked)),
        (Press::Online(run), confirm(Confirm::OnlineOnly)),
        (Press::Queue(run), confirm(Confirm::Queue)),
        (Press::Drop(run), Ask::TakeBack { run }),
    ] {
        let id = press.to_string();
        assert_eq!(heard(pressed(&id)).asked, Asked::Ask(ask), "{id}");
    }
}

#[test]
fn old_unknown_and_forged_custom_ids_are_unknown() {
    for bad in [
        String::new(),
        "v1:".to_owned(),
        "v1:cancel".to_owned(),
        "v1:cancel:".to_owned(),
        "v1:cancel:142".to_owned(),
        format!("v0:cancel:{RUN}"),
        format!("v1:explode:{RUN}"),
        format!("v1:cancel:{RUN}:x"),
        format!("v1:cancel:{}", RUN.to_uppercase()),
        format!(" v1:cancel:{RUN}"),
        "\u{0}\u{1f600}".repeat(50),
    ] {
        assert_eq!(heard(pressed(&bad)).asked, Asked::Unknown, "{bad}");
    }
}

fn run_id() -> RunId {
    RUN.parse().unwrap()
}

/// Choosing `Run again` in the menu of a message of this author with such a button.
fn chosen(author: &str, custom_id: &str) -> Value {
    let button = json!({"type": 2, "style": 2, "label": "x", "custom_id": custom_id});
    let mut message = pressed("x")["message"].clone();
    message["author"]["id"] = json!(author);
    message["components"] = json!([{"type": 17, "components": [
        {"type": 10, "content": "x"},
        {"type": 1, "components": [
            {"type": 2, "style": 5, "label": "Output", "url": "https://discord.com/x"}, button,
        ]},
    ]}]);
    let data = json!({"id": "9", "name": "Run again", "type": 3, "target_id": "77",
        "resolved": {"messages": {"77": message}}});
    interaction(2, data)
}

#[test]
fn the_menu_of_a_message_runs_again_what_its_card_shows() {
    let again = Asked::Ask(Ask::Again {
        run: run_id(),
        part: Part::All,
        seen: None,
    });
    for verb in ["cancel", "again", "retry", "copy"] {
        assert_eq!(
            heard(chosen("100", &format!("v1:{verb}:{RUN}"))).asked,
            again
        );
    }
    // Not ours, a preview, and no card at all.
    let forged = chosen("101", &format!("v1:again:{RUN}"));
    assert_eq!(heard(forged).asked, Asked::NoRun);
    assert_eq!(
        heard(chosen("100", &format!("v1:go:{RUN}"))).asked,
        Asked::NoRun
    );
    assert_eq!(heard(chosen("100", "v1:hosts:0:=")).asked, Asked::NoRun);
    let mut other = chosen("100", &format!("v1:again:{RUN}"));
    other["data"]["name"] = json!("Run");
    assert_eq!(heard(other).asked, Asked::Unknown);
    let mut gone = chosen("100", &format!("v1:again:{RUN}"));
    gone["data"]["target_id"] = json!("78");
    assert_eq!(heard(gone).asked, Asked::NoRun);
}

#[test]
fn a_form_is_read_with_its_fields() {
    let submitted = |id: &str, fields: &[(&str, &str)]| {
        let fields: Vec<Value> = fields
            .iter()
            .map(|(id, value)| {
                json!({"type": 18, "id": 1, "component":
                    {"type": 4, "id": 2, "custom_id": id, "value": value}})
            })
            .collect();
        heard(interaction(
            5,
            json!({"custom_id": id, "components": fields}),
        ))
        .asked
    };
    let id = format!("v1:edit:{RUN}");
    let fields = [
        ("command", "id"),
        ("on", "web-01"),
        ("timeout", ""),
        ("as", "www"),
    ];
    assert_eq!(
        submitted(&id, &fields),
        Asked::Ask(Ask::Run(RunRequest {
            on: "web-01".to_owned(),
            command: "id".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "")
                .with(RunOption::As, "www"),
            like: Some(run_id()),
            input: None,
            upkeep: None,
        }))
    );
    assert_eq!(submitted("v1:edit:x", &fields), Asked::Unknown);
    assert_eq!(submitted(&id, &[("other", "x")]), Asked::Unknown);
}

#[test]
fn presses_on_the_card_of_a_run_are_read() {
    let asked = |id: &str| heard(pressed(&format!("v1:{id}"))).asked;
    let run = run_id();
    for (id, part) in [
        (format!("again:{RUN}"), Part::All),
        (format!("retry:{RUN}"), Part::Failed),
        (format!("odd:{RUN}"), Part::Odd),
        (format!("missed:{RUN}"), Part::Missed),
        (
            format!("these:{RUN}:web[01-02]"),
            Part::These("web[01-02]".to_owned()),
        ),
    ] {
        assert_eq!(
            asked(&id),
            Asked::Ask(Ask::Again {
                run,
                part,
                seen: None
            })
        );
    }
    assert_eq!(asked(&format!("edit:{RUN}")), Asked::Edit(run));
    assert_eq!(asked(&format!("copy:{RUN}")), Asked::Copy(run));
    assert_eq!(asked(&format!("diff:{RUN}")), Asked::Diff(run));
    let page = |turns| Asked::ByHost {
        run,
        page: 2,
        turns,
        thread: None,
    };
    assert_eq!(asked(&format!("byhost:{RUN}:2")), page(false));
    let mut turned = pressed(&format!("v1:byhost:{RUN}:2"));
    turned["message"]["flags"] = json!(64);
    assert_eq!(heard(turned).asked, page(true));
}

#[test]
fn what_is_opened_of_a_run_is_read_and_leads_to_the_thread_of_its_message() {
    let run = run_id();
    let agent = AgentId::from_bytes([8; 16]);
    let picked = |value: &str| {
        let mut press = pressed(&format!("v1:open:{RUN}"));
        press["data"]["component_type"] = json!(3);
        press["data"]["values"] = json!([value]);
        press
    };
    let opened = |picked, thread| Asked::Open {
        run,
        picked,
        thread,
    };
    let group = picked(&format!("g:{agent}"));
    assert_eq!(heard(group).asked, opened(Picked::Group(agent), None));
    let mut host = picked(&format!("h:{agent}"));
    let link = |url: &str| json!({"type": 2, "style": 5, "label": "Output", "url": url});
    let row = json!({"type": 1, "components": [
        link("https://example.org/1/2"), link("https://discord.com/channels/1/99"),
    ]});
    host["message"]["components"] = json!([{"type": 17, "components": [row]}]);
    assert_eq!(
        heard(host).asked,
        opened(Picked::Host(agent), Some((1, 99)))
    );
    for bad in [
        "",
        "web-01",
        "h:web-01",
        "x:08080808080808080808080808080808",
    ] {
        assert_eq!(heard(picked(bad)).asked, Asked::Unknown, "{bad}");
    }
    // A button has no values.
    let press = heard(pressed(&format!("v1:open:{RUN}")));
    assert_eq!(press.asked, Asked::Unknown);
    let whole = pressed(&format!("v1:whole:{RUN}:{agent}"));
    assert_eq!(heard(whole).asked, Asked::Whole(run, agent));
    let files = pressed(&format!("v1:files:{RUN}"));
    assert_eq!(heard(files).asked, Asked::Files(run));
}
