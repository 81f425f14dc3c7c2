//! Every press is read as it was written, and what is none is told apart.

use super::*;

#[test]
fn ids_are_read_as_they_were_written_and_fit() {
    let run = RunId::from_bytes([7; 16]);
    let mut presses = vec![
        Press::Cancel(run),
        Press::Kill(run),
        Press::Pause(run),
        Press::Continue(run),
        Press::Go(run),
        Press::Online(run),
        Press::Queue(run),
        Press::Drop(run),
        Press::Again(run, Part::All),
        Press::Again(run, Part::Failed),
        Press::Again(run, Part::Odd),
        Press::Again(run, Part::Missed),
        Press::these(run, "web[01-03,07],db-2.eu".to_owned()).unwrap(),
        Press::Edit(run),
        Press::Copy(run),
        Press::ByHost(run, 0),
        Press::ByHost(run, PAGE_MAX),
        Press::Diff(run),
        Press::Open(run),
        Press::Whole(run, AgentId::from_bytes([8; 16])),
        Press::Files(run),
        Press::Meant(key_of("x")),
        Press::Change(key_of("x")),
        Press::Ask(key_of("x")),
        Press::Topics,
        Press::Table(None),
        Press::Table(Some(key_of("x"))),
        Press::See,
        Press::RevokeToken("k7Qm-_AAAAA".to_owned()),
        Press::hello("web[01-03,07],db-2.eu".to_owned()).unwrap(),
        Press::Doctor("web-01".to_owned()),
        Press::Update("web[01-03,07]".to_owned()),
    ];
    presses.extend(Try::ALL.map(Press::Try));
    presses.extend(Topic::ALL.map(Press::Help));
    for turn in [
        Turn::Newest,
        Turn::Before(RunNumber(0)),
        Turn::Before(RunNumber(u64::MAX)),
        Turn::After(RunNumber(16)),
    ] {
        for key in [None, Some(key_of("x"))] {
            presses.push(Press::History(HistoryPage { turn, key }));
        }
    }
    assert_eq!(Press::these(run, "x".repeat(70)), None, "it does not fit");
    assert_eq!(Press::these(run, "a | all".to_owned()), None, "no names");
    assert_eq!(Press::hello("x".repeat(95)), None, "it does not fit");
    for selector in [
        "",
        "env=prod|stage !web-03",
        "a:b",
        &"x".repeat(80),
        &"x".repeat(6_000),
    ] {
        for page in [0, 7, PAGE_MAX] {
            let listing = Listing::of(selector).at(page);
            presses.push(Press::Page(listing.clone()));
            presses.push(Press::Pick(listing));
        }
    }
    for press in presses {
        let id = press.to_string();
        assert!(id.len() <= NAME_CHARS_MAX, "{id}");
        assert_eq!(id.parse(), Ok(press), "{id}");
    }
    let short = Listing::of(&"x".repeat(80));
    assert!(matches!(short.hosts, Listed::Selector(_)));
    let long = Listing::of(&"x".repeat(90));
    assert!(matches!(long.hosts, Listed::Kept(_)));
}

#[test]
fn forged_ids_are_nothing() {
    for bad in [
        "",
        "v1",
        "v1:",
        "v1:cancel:",
        "v1:cancel:nonsense",
        "v2:cancel:07070707070707070707070707070707",
        "cancel:07070707070707070707070707070707",
        "v1:Cancel:07070707070707070707070707070707",
        "v1:these:07070707070707070707070707070707",
        "v1:these:07070707070707070707070707070707:",
        "v1:these:07070707070707070707070707070707:a | all",
        "v1:these:07070707070707070707070707070707:#1",
        "v1:byhost:07070707070707070707070707070707",
        "v1:byhost:07070707070707070707070707070707:-1",
        "v1:byhost:07070707070707070707070707070707:100000",
        "v1:open:",
        "v1:open:07070707070707070707070707070707:x",
        "v1:whole:07070707070707070707070707070707",
        "v1:whole:07070707070707070707070707070707:",
        "v1:whole:07070707070707070707070707070707:web-01",
        "v1:whole:07070707070707070707070707070707:07070707070707070707070707070707:",
        "v1:files:../..",
        "v1:meant:x",
        "v1:try:",
        "v1:try:everything",
        "v1:help:",
        "v1:help:me",
        "v1:topics:x",
        "v1:meant:../../../../../../../../",
        "v1:hosts:",
        "v1:hosts:1",
        "v1:hosts:1:",
        "v1:hosts:1:x",
        "v1:hosts:-1:=a",
        "v1:hosts:x:=a",
        "v1:hosts:100000:=a",
        "v1:hosts:1:~",
        "v1:hosts:1:~../../x",
        "v1:host:1:~zz",
        "v1:runs:",
        "v1:runs:n",
        "v1:runs:n:",
        "v1:runs:n:../..",
        "v1:runs:b:-",
        "v1:runs:b+1:-",
        "v1:runs:b99999999999999999999:-",
        "v1:runs:c1:-",
        "v1:csv:",
        "v1:csv:x",
        "v1:revoke:",
        "v1:revoke:a b",
        "v1:revoke:../../x",
        "v1:hello:",
        "v1:hello:a; reboot",
        "v1:hello:#1",
        "v1:hello:@front",
        "v1:see:",
        "v1:see:other",
    ] {
        assert_eq!(bad.parse::<Press>(), Err(NoPress), "{bad}");
    }
}
