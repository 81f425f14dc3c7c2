//! What is kept of a run, what can be typed to find it, and what becomes of it in a table.

use std::collections::BTreeSet;

use super::*;
use crate::limits::CHOICES_MAX;
use crate::refusal::Code;
use crate::run::{CancelRequest, Outcome, Reason, Spec, Target};

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

fn run(ends: &[Option<How>]) -> Run {
    let target = |(n, _): (u8, &Option<How>)| Target {
        agent: agent(n),
        name: format!("web-{n:02}").parse().unwrap(),
        away: None,
    };
    let targets = (1..).zip(ends).map(target).collect();
    let mut run = Run::new(RunNumber(7), Spec::example(targets), 5);
    run.phase = Phase::Running;
    for (n, how) in (1..).zip(ends) {
        if let Some(how) = how {
            run.apply_finished(agent(n), Outcome::without_output(how.clone()));
        }
    }
    run
}

fn reason() -> Reason {
    Reason::new(Code::Offline, "it is away")
}

#[test]
fn where_a_run_stands_is_one_word() {
    let ok = Some(How::Exited(0));
    let stand = |ends: &[Option<How>]| Entry::of(&run(ends), String::new()).stand;
    assert_eq!(stand(&[ok.clone(), None]), Stand::Running);
    assert_eq!(stand(&[ok.clone(), ok.clone()]), Stand::Ok);
    assert_eq!(stand(&[ok.clone(), Some(How::Exited(1))]), Stand::Failed);
    assert_eq!(stand(&[Some(How::TimedOut(15))]), Stand::Failed);
    let lost = Some(How::Lost(reason()));
    assert_eq!(stand(&[ok.clone(), lost]), Stand::Unknown);
    let never = Some(How::NotStarted(reason()));
    assert_eq!(stand(&[never.clone(), never.clone()]), Stand::NotStarted);
    assert_eq!(stand(&[ok.clone(), never]), Stand::Failed);

    let mut stopped = run(&[ok, Some(How::Cancelled(15))]);
    stopped.cancel = Some(CancelRequest {
        by: Principal::Discord(1),
        force: false,
        at_ms: 9,
    });
    assert_eq!(Entry::of(&stopped, String::new()).stand, Stand::Stopped);
    let mut expired = run(&[None]);
    expired.phase = Phase::Expired("nobody saw it".to_owned());
    assert_eq!(Entry::of(&expired, String::new()).stand, Stand::NotStarted);
    for stand in Stand::ALL {
        assert_eq!(Stand::named(stand.as_str()), Some(stand));
    }
}

#[test]
fn what_is_kept_of_a_run_says_who_where_and_how() {
    let mut ended = run(&[Some(How::Exited(0)), Some(How::Exited(3))]);
    ended.phase = Phase::Closed { at_ms: 99 };
    let entry = Entry::of(&ended, "true".to_owned());
    assert_eq!((entry.ok, entry.counted), (1, 2));
    assert_eq!((entry.accepted_ms, entry.closed_ms), (5, 99));
    assert_eq!(entry.hosts, "web-[01-02]");
    assert_eq!(entry.by.to_string(), "local:root");
    assert_eq!(entry.agents, [agent(1), agent(2)]);
    assert!(entry.settled);
    assert!(
        entry.summary.starts_with("⚠ #7 · 2 hosts"),
        "{}",
        entry.summary
    );
}

#[test]
fn one_grant_must_cover_all_hosts() {
    let set = |hosts: &[u8]| -> BTreeSet<AgentId> { hosts.iter().map(|n| agent(*n)).collect() };
    let sight = Sight::Under(vec![set(&[1, 2]), set(&[3])]);
    assert!(sight.covers(&[agent(1), agent(2)]));
    assert!(!sight.covers(&[agent(2), agent(3)]), "never two together");
    assert!(!sight.covers(&[agent(9)]));
    assert!(Sight::Everything.covers(&[agent(9)]));
    assert!(!Sight::Under(Vec::new()).covers(&[]));
}

#[test]
fn times_are_ago_or_days() {
    let now = 1_000 * 86_400_000;
    let at = |text: &str| since_ms(text, now).map_err(|refusal| refusal.code);
    assert_eq!(at("7d"), Ok(993 * 86_400_000));
    assert_eq!(at(" 2h "), Ok(now - 7_200_000));
    assert_eq!(at("1970-01-01"), Ok(0));
    assert_eq!(at("1972-02-29"), Ok(789 * 86_400_000));
    assert_eq!(at("2026-11-30"), Ok(1_795_996_800_000));
    for bad in [
        "",
        "7",
        "yesterday",
        "1973-02-29",
        "2026-13-01",
        "2026-00-01",
        "2026-1-1",
        "2026-11-31",
        "+026-01-01",
        "2026-01-01-1",
    ] {
        assert_eq!(at(bad), Err(Code::Duration), "{bad}");
    }
}

#[test]
fn words_are_words_whatever_they_hold() {
    let expression = |text: &str| Words::parse(text).map(|words| words.expression());
    assert_eq!(expression("disk full").unwrap(), "\"disk\"* AND \"full\"*");
    assert_eq!(
        expression("a\" OR \"b -- NOT x*").unwrap(),
        "\"a\"\"\" AND \"OR\" AND \"\"\"b\" AND \"NOT\"* AND \"x*\""
    );
    assert_eq!(
        expression("text:near(1) ^x {y}").unwrap(),
        "\"text:near(1)\"* AND \"^x\" AND \"{y}\""
    );
    let refused = |text: &str| Words::parse(text).unwrap_err().to_string();
    for empty in ["", "  ", "-- * \" ()", "\0"] {
        assert!(refused(empty).contains("no word to look for"), "{empty:?}");
    }
    assert!(refused(&"x".repeat(6_000)).contains("6,000 characters, and 200 is the limit"));
    let many = |n: u32| (0..n).map(|n| format!("w{n} ")).collect::<String>();
    assert!(refused(&many(17)).contains("17 words"));
    assert!(Words::parse(&many(16)).is_ok());
    // Each costs time, so that one which is typed again and again is looked for once.
    let again = expression(&"disk full ".repeat(20)).unwrap();
    assert_eq!(again, "\"disk\"* AND \"full\"*");
    assert!(Words::parse(&"é".repeat(200)).is_ok());
}

#[test]
fn a_table_holds_no_formulas() {
    let mut ended = run(&[Some(How::Exited(0))]);
    ended.phase = Phase::Closed { at_ms: 99 };
    let line = |command: &str| {
        let line = csv_line(&Entry::of(&ended, command.to_owned()), "ann");
        line.strip_prefix("7,5,99,local:root,ann,,,,60000,ok,1,1,0,all,web-01,")
            .unwrap()
            .to_owned()
    };
    assert_eq!(line("df -h"), "df -h\r\n");
    assert_eq!(line("=1+1"), "'=1+1\r\n");
    for first in ['+', '-', '@', '＝', '\t'] {
        assert_eq!(line(&format!("{first}x")), format!("'{first}x\r\n"));
    }
    assert_eq!(line("\rx"), "\"'\rx\"\r\n");
    assert_eq!(line("  =x"), "'  =x\r\n");
    assert_eq!(line("echo \"a\",b\nc"), "\"echo \"\"a\"\",b\nc\"\r\n");
    assert_eq!(CSV_HEAD.matches(',').count(), 15);
}

#[test]
fn hosts_on_which_the_same_changed_stand_together() {
    let side = |how: &str, printed: &str| Side {
        how: how.to_owned(),
        printed: Some(printed.to_owned()),
    };
    let mut between = Between::default();
    for host in ["web-01", "web-02"] {
        let from = side("exit 0", &format!("I am {host}\n6.1.0-33\n"));
        let to = side("exit 0", &format!("I am {host}\n6.1.0-37\n"));
        between.take(host, Some(&from), Some(&to));
    }
    let same = side("exit 0", "x\n");
    between.take("db-01", Some(&same), Some(&same));
    between.take("db-02", Some(&same), Some(&side("exit 1", "x\n")));
    between.take("new-01", None, Some(&same));
    let deleted = Side {
        printed: None,
        ..same.clone()
    };
    between.take("old-01", Some(&deleted), Some(&same));
    let all: Vec<(String, bool, Option<&str>)> = between
        .changes()
        .iter()
        .map(|(change, hosts)| (hosts.join(" "), change.is_none(), change.lines.as_deref()))
        .collect();
    assert_eq!(all.len(), 5, "{all:?}");
    let find = |host: &str| all.iter().find(|(hosts, ..)| hosts.contains(host)).unwrap();
    assert_eq!(find("web-01").0, "web-01 web-02");
    assert_eq!(
        find("web-01").2,
        Some(" I am {host}\n-6.1.0-33\n+6.1.0-37\n")
    );
    assert_eq!((find("db-02").1, find("db-02").2), (false, Some("")));
    assert_eq!(find("new-01").2, None);
    assert_eq!(find("old-01").2, None);
    assert_eq!(
        all.last().unwrap().0,
        "db-01",
        "what did not change comes last"
    );
}

#[test]
fn very_many_changes_are_counted() {
    let mut between = Between::default();
    for n in 0..250 {
        let side = |text: String| Side {
            how: "exit 0".to_owned(),
            printed: Some(text),
        };
        between.take(
            &format!("h{n}"),
            Some(&side(String::new())),
            Some(&side(format!("{n}\n"))),
        );
    }
    assert_eq!((between.changes().len(), between.more()), (200, 50));
}

#[test]
fn commands_are_offered_once_favourites_first_and_what_begins_so_before_what_holds_it() {
    let offer = |typed: &str, starred: &[&str], ran: &[&str]| -> Vec<String> {
        let choices = offered(typed, starred.iter().copied(), ran.iter().copied());
        choices.into_iter().map(|choice| choice.label).collect()
    };
    let ran = ["sudo df -h", "uptime", "df -h", "uptime", "DF -i", ""];
    assert_eq!(
        offer("", &["uptime"], &ran),
        ["★ uptime", "sudo df -h", "df -h", "DF -i"]
    );
    assert_eq!(
        offer("df", &["uptime"], &ran),
        ["df -h", "DF -i", "sudo df -h"]
    );
    assert_eq!(
        offer("df", &["sudo df -h"], &ran),
        ["★ sudo df -h", "df -h", "DF -i"]
    );
    assert_eq!(offer("nothing", &["uptime"], &ran), [""; 0]);
    let (long, fits) = ("x".repeat(99), "x".repeat(98));
    assert_eq!(offer("x", &[], &[&long, &fits, "x\ny"]), [fits.as_str()]);
    let many: Vec<String> = (0..40).map(|n| format!("echo {n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(offer("", &[], &many).len(), CHOICES_MAX);
    assert_eq!(offered("", ["a"], [])[0].value, "a");
}
