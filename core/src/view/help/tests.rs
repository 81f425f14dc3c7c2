//! Every card as people read it, and what it may say to whom.

use super::*;

fn given(verb: Verb, grants: &[(&str, Option<u64>, &str, usize)]) -> VerbRights {
    let by = grants.iter().map(|(grant, role, selector, hosts)| GivenBy {
        grant: (*grant).to_owned(),
        role: *role,
        selector: (*selector).to_owned(),
        hosts: *hosts,
    });
    VerbRights {
        verb,
        by: by.collect(),
        hosts: grants.iter().map(|grant| grant.3).max().unwrap_or_default(),
        roles: vec![2001],
        people: vec![7, 8, 9, 10],
    }
}

/// May see and run, and nothing else.
fn some() -> Rights {
    let grants = [
        ("web", Some(2002), "env=prod role=web", 12),
        ("own", None, "web-01", 1),
    ];
    let none = |verb| VerbRights {
        people: Vec::new(),
        ..given(verb, &[])
    };
    let nobody = VerbRights {
        roles: Vec::new(),
        ..none(Verb::Hold)
    };
    Rights {
        channel: Some(3001),
        verbs: vec![
            given(Verb::View, &grants),
            given(Verb::Run, &grants[..1]),
            none(Verb::Cancel),
            nobody,
            given(Verb::Manage, &[]),
        ],
        elsewhere: vec![3002, 3003],
        example: Some(("web-01".to_owned(), Some("role=web".to_owned()))),
    }
}

/// May do nothing here.
fn nothing() -> Rights {
    Rights {
        channel: Some(3001),
        verbs: Verb::ALL.map(|verb| given(verb, &[])).into(),
        ..Rights::default()
    }
}

fn shown(card: &Card) -> String {
    let mut lines = card.texts.join("\n~\n");
    for button in &card.buttons {
        if let ButtonTarget::Press(press) = &button.target {
            lines.push_str(&format!("\n[{}] {press}", button.label));
        }
    }
    for (value, label) in card.menu.iter().flat_map(|menu| &menu.options) {
        lines.push_str(&format!("\n▾ {value}: {label}"));
    }
    lines
}

#[test]
fn the_help_is_by_what_somebody_may_do() {
    insta::assert_snapshot!("help_some", shown(&help_card(Topic::Start, &some())));
    insta::assert_snapshot!("help_nothing", shown(&help_card(Topic::Start, &nothing())));
    let all = shown(&help_card(Topic::Start, &Rights::default()));
    for told in [
        "look at hosts and runs, run commands, stop runs",
        "/run on:web-01",
    ] {
        assert!(all.contains(told), "{told}: {all}");
    }
}

#[test]
fn each_topic_is_short_and_leads_to_the_others() {
    for topic in Topic::ALL {
        let card = help_card(topic, &some());
        let options = card.menu.as_ref().map_or(0, |menu| menu.options.len());
        assert_eq!(options, Topic::ALL.len() - 1, "{topic:?}");
        assert_eq!(topic.as_str().parse(), Ok(topic));
        insta::assert_snapshot!(
            format!("topic_{}", topic.as_str()),
            card.texts.join("\n~\n")
        );
    }
    assert!("everything".parse::<Topic>().is_err());
}

#[test]
fn rights_say_which_grant_gives_them_and_who_has_the_others() {
    insta::assert_snapshot!("whoami_some", shown(&whoami_card(&some())));
    insta::assert_snapshot!("whoami_nothing", shown(&whoami_card(&nothing())));
    let local = shown(&whoami_card(&Rights::default()));
    assert!(local.contains("You may do everything"), "{local}");
}

#[test]
fn a_person_with_many_grants_is_told_as_many_as_fit() {
    let name = "g".repeat(200);
    let grants = vec![
        (
            name.as_str(),
            Some(2002),
            "web-[001-999] !web-500 env=prod",
            900
        );
        90
    ];
    let rights = Rights {
        verbs: Verb::ALL.map(|verb| given(verb, &grants)).into(),
        ..some()
    };
    let card = whoami_card(&rights);
    let text = card.texts.concat();
    assert!(text.contains("and 86 more grants"), "{text}");
    assert!(text.contains(Verb::Manage.deed()), "{text}");
    assert!(crate::text::units(&text) <= crate::limits::CARD_CHARS_MAX);
}

#[test]
fn what_everybody_reads_names_no_host_and_nobody() {
    insta::assert_snapshot!("welcome", shown(&welcome_card()));
    insta::assert_snapshot!("mention", shown(&mention_card()));
    insta::assert_snapshot!("direct", shown(&direct_card()));
    for card in [welcome_card(), mention_card(), direct_card()] {
        let text = shown(&card);
        assert!(!text.contains("<@") && !text.contains("<#"), "{text}");
    }
}
