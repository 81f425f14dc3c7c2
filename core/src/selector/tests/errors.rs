//! What is wrong with a selector: where it stands, and what to write.

use super::*;

#[test]
fn every_error_names_its_column_and_what_to_write() {
    for (text, expected) in [
        (
            "",
            "column 1: no hosts are named (name hosts, or type `all`)",
        ),
        (
            "   ",
            "column 1: no hosts are named (name hosts, or type `all`)",
        ),
        (
            "env=prod &&",
            "column 10: `&` cannot be in a selector (a space narrows: `role=web env=prod`)",
        ),
        ("((role=web)", "column 1: `(` is never closed"),
        ("(", "column 1: `(` is never closed"),
        ("a)", "column 2: `)` closes nothing"),
        (")", "column 1: `)` closes nothing"),
        ("()", "column 2: something is missing between `(` and `)`"),
        (
            "role==web",
            "column 1: labels have no `==` (write `role=web`)",
        ),
        (
            "role=~web",
            "column 1: labels have no `=~` (write `role~web`)",
        ),
        (
            "role=",
            "column 1: `role=` is not a label (as in `role=web`, `env!=dev`, `role=web|db` or `os~debian`)",
        ),
        (
            "=web",
            "column 1: `=web` is not a label (as in `role=web`, `env!=dev`, `role=web|db` or `os~debian`)",
        ),
        (
            "role=web*",
            "column 1: `role=web*` is not a label (values are whole words: `role=web|db`; `role~web` looks inside)",
        ),
        (
            "role=web|env=prod",
            "column 1: `role=web|env=prod` is not a label (`|` lists values; a comma adds: `role=web,env=prod`)",
        ),
        (
            "env!dev",
            "column 1: `env!dev` is not a label (write `env!=dev`)",
        ),
        (
            "a,b,",
            "column 5: something is missing after `,` (write `a,b` without a space)",
        ),
        (
            "a, b",
            "column 3: something is missing after `,` (write `a,b` without a space)",
        ),
        ("a ,b", "column 3: something is missing before `,`"),
        ("a !", "column 4: something is missing after `!`"),
        ("a ! b", "column 4: something is missing after `!`"),
        (
            "a !!b",
            "column 4: `!` inside a list (`!` stands before a whole list: `!a,b`)",
        ),
        (
            "a,!b",
            "column 3: `!` inside a list (`!` stands before a whole list: `!a,b`)",
        ),
        (
            "!web03",
            "column 1: only hosts to leave out are named (say from what: `all !web03`, `env=prod !web03`)",
        ),
        (
            "a | !b",
            "column 5: only hosts to leave out are named (say from what: `all !web03`, `env=prod !web03`)",
        ),
        (
            "a|b",
            "column 1: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        (
            "a || b",
            "column 3: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        (
            "(a)|b",
            "column 4: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        (
            "a |b",
            "column 3: `|` needs one space on each side (`web* | db*` adds up whole selectors)",
        ),
        ("a |", "column 4: something is missing after `|`"),
        ("| a", "column 1: something is missing before `|`"),
        ("a | | b", "column 4: something is missing before `|`"),
        (
            "a(b)",
            "column 2: a space or a comma is missing before `(` (a space narrows, a comma adds)",
        ),
        (
            "(a)b",
            "column 4: a space or a comma is missing before `b` (a space narrows, a comma adds)",
        ),
        (
            "we?b",
            "column 3: `?` is not at the end (for one unknown digit write `web[0-9]`)",
        ),
        (
            "?",
            "column 1: something is missing before `?` (`web99?` may match nothing)",
        ),
        (
            "*",
            "column 1: `*` is every host (type `all` if you mean every host)",
        ),
        (
            "-web",
            "column 1: `-web` is not a host name (names have 1 to 63 characters, with a letter or digit at both ends)",
        ),
        (
            "Web01",
            "column 1: `W` cannot be in a selector (names and labels are lower case)",
        ),
        (
            "db-1 /web.*/",
            "column 6: `/` cannot be in a selector (there are no regular expressions: use a glob such as `web*`)",
        ),
        (
            "\u{440}rod",
            "column 1: `\u{440}` (U+0440) cannot be in a selector (names take a-z, 0-9, `.`, `_` and `-`)",
        ),
        (
            "caché web\u{202e}",
            "column 5: `é` (U+00E9) cannot be in a selector (names take a-z, 0-9, `.`, `_` and `-`)\n\
            column 10: U+202E cannot be in a selector (names take a-z, 0-9, `.`, `_` and `-`)",
        ),
        (
            "`web`",
            "column 1: a backtick cannot be in a selector (write it without quotes)",
        ),
        (
            "web\n",
            "column 4: U+000A cannot be in a selector (a comma adds, a space narrows)",
        ),
        (
            "web[1-1000000]",
            "column 1: ranges stand for too many names (at most 10000; a glob such as `web*` has no limit)",
        ),
        (
            "a[1-6000],b[1-6000]",
            "column 11: ranges stand for too many names (at most 10000; a glob such as `web*` has no limit)",
        ),
        (
            "web[5-1]",
            "column 1: `[5-1]` does not go up (from low to high, padded alike: `web[01-20]`)",
        ),
        (
            "web[1-3",
            "column 1: `[1-3` is not a range of numbers (as in `web[01-20,33]` or `db[1-9/2]`)",
        ),
        (
            "web[a-z]",
            "column 1: `[a-z]` is not a range of numbers (as in `web[01-20,33]` or `db[1-9/2]`)",
        ),
        (
            "is:away",
            "column 1: `is:away` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "host:web",
            "column 1: `host:web` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "@ env=prod",
            "column 1: `@` is not a host name (groups are named as hosts are: `@web`)",
        ),
        (
            "web* !os~*",
            "column 7: `os~*` is not a label (values are whole words: `role=web|db`; `role~web` looks inside)",
        ),
        (
            "role!~web",
            "column 1: labels have no `!~` (remove what matches: `!role~web`)",
        ),
        (
            "os~",
            "column 1: `os~` is not a label (as in `role=web`, `env!=dev`, `role=web|db` or `os~debian`)",
        ),
        ("mem>16", "column 1: `16` is not a size (as in `mem>16g`)"),
        (
            "web* ram>1g",
            "column 6: there is no fact `ram` (facts to compare: agent, cpus, disk, load, mem, mem.used, uptime)",
        ),
        (
            "pick:3",
            "column 1: `pick:3` has nothing to draw from (say from what: `role=web pick:3`, `all pick:10%`)",
        ),
        (
            "all !pick:3",
            "column 6: `pick:3` must stand alone in its clause, once (it draws from the rest: `role=web pick:3`)",
        ),
        (
            "all pick:3,web01",
            "column 5: `pick:3` must stand alone in its clause, once (it draws from the rest: `role=web pick:3`)",
        ),
        (
            "all pick:3 pick:2",
            "column 12: `pick:2` must stand alone in its clause, once (it draws from the rest: `role=web pick:3`)",
        ),
        (
            "all pick:0",
            "column 5: `pick:0` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "all pick:101%",
            "column 5: `pick:101%` is unknown (there are `is:online`, `is:offline`, `is:stale`, `is:draining`, `is:outdated`, `pick:3` and `pick:10%`)",
        ),
        (
            "#x",
            "column 1: `#x` is not a run or part of one (as in `#142` or `#142:failed`; parts: failed, ok, differs, timeout, offline, missed)",
        ),
        (
            "#142:bad",
            "column 1: `#142:bad` is not a run or part of one (as in `#142` or `#142:failed`; parts: failed, ok, differs, timeout, offline, missed)",
        ),
        (
            "#0",
            "column 1: `#0` is not a run or part of one (as in `#142` or `#142:failed`; parts: failed, ok, differs, timeout, offline, missed)",
        ),
        (
            "Web a, (b",
            "column 1: `W` cannot be in a selector (names and labels are lower case)\n\
            column 7: something is missing after `,` (write `a,b` without a space)\n\
            column 8: `(` is never closed",
        ),
    ] {
        let errors = Selector::parse(text).unwrap_err();
        assert_eq!(told(&errors), expected, "{text}");
        for error in &errors {
            assert!(text.get(error.start..error.end).is_some(), "{text}");
        }
    }
}

#[test]
fn length_depth_and_number_are_bounded() {
    let told_of = |text: &str| told(&Selector::parse(text).unwrap_err());
    assert_eq!(
        told_of(&"a".repeat(6_001)),
        "column 1: what names the hosts has 6001 bytes (at most 6000)"
    );
    assert_eq!(
        told_of(&"(".repeat(1_000)),
        "column 33: parentheses are nested too deep (at most 32 deep)"
    );
    let deep = format!("{}a{}", "(".repeat(32), ")".repeat(32));
    assert!(Selector::parse(&deep).is_ok());
    assert!(
        told_of(&"*a,".repeat(33))
            .starts_with("column 49: this has too many globs, comparisons and runs")
    );
    assert_eq!(
        Selector::parse(&"A ".repeat(3_000)).unwrap_err().len(),
        ERRORS_MAX
    );
    assert!(told_of(&"a".repeat(64)).contains("is not a host name"));
}

#[test]
fn errors_are_marked_in_a_narrow_block() {
    let marked = |text: &str| mark(text, &Selector::parse(text).unwrap_err()[0]);
    assert_eq!(marked("env=prod && web"), "env=prod && web\n         ^");
    assert_eq!(marked("web role==db x"), "web role==db x\n    ^^^^^^^^");
    assert_eq!(marked("a,"), "a,\n  ^");
    assert_eq!(marked(""), "\n^");
    assert_eq!(marked("a\u{202e}`\u{5b57}"), "a\u{fffd}'\u{fffd}\n ^");
    let long = format!("{}&& {}", "web01 ".repeat(20), "db,".repeat(30));
    let shown = marked(&long);
    for line in shown.lines() {
        assert!(line.chars().count() <= 56, "{line}");
    }
    let caret = shown.lines().nth(1).unwrap().chars().count();
    assert_eq!(shown.chars().nth(caret - 1), Some('&'));
    let end = marked(&format!("{},", "x".repeat(60)));
    assert_eq!(end, format!("…{},\n{}^", "x".repeat(53), " ".repeat(55)));
}
