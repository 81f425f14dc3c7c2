//! Every rule of the policy, every mistake in its file, and what stays when it breaks.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use shanty_core::ids::{AgentId, RunId};
use shanty_core::run::{Options, What};
use shanty_core::time::LinkTime;

use super::*;

fn parse(text: &str) -> Result<HostPolicy, String> {
    HostPolicy::parse(Path::new("/etc/shanty/host.toml"), text.as_bytes())
        .map_err(|error| error.to_string())
}

fn order(timeout_ms: u64) -> Order {
    Order {
        run: RunId::from_bytes([1; 16]),
        agent: AgentId::from_bytes([2; 16]),
        not_after: LinkTime::from_ms(9),
        input: None,
        what: What::Shell("true".to_owned()),
        options: Options {
            timeout_ms,
            ..Options::default()
        },
        environment: Vec::new(),
        cwd: None,
        output_bytes_max: 1,
        grace_ms: 1,
        stdin: false,
        names: None,
    }
}

fn said(policy: &str, timeout_ms: u64, user: &str) -> Result<(), (Code, String)> {
    let policy = parse(policy).unwrap();
    let checked = policy.check(&order(timeout_ms), user);
    checked.map_err(|refusal| (refusal.code, refusal.text))
}

#[test]
fn what_is_not_said_takes_nothing_away() {
    for policy in [HostPolicy::default(), parse("").unwrap()] {
        for timeout_ms in [0, 1, u64::MAX] {
            assert_eq!(policy.check(&order(timeout_ms), "root"), Ok(()));
        }
        assert_eq!((policy.max_running, policy.output_max), (None, None));
        assert_eq!(policy.busy(256), None);
    }
    assert_eq!(HostPolicy::default().told(), Told::default());
    assert_eq!(parse("").unwrap().told().mode, "shell");
}

#[test]
fn a_mode_says_what_may_run_at_all() {
    assert_eq!(said("mode = \"shell\"", 1, "root"), Ok(()));
    for (mode, words) in [
        ("off", "nothing runs on this host"),
        ("actions", "no commands"),
    ] {
        let (code, text) = said(&format!("mode = \"{mode}\""), 1, "root").unwrap_err();
        assert_eq!(code, Code::Denied);
        assert!(
            text.contains("/etc/shanty/host.toml") && text.contains(words),
            "{text}"
        );
    }
}

#[test]
fn users_are_those_that_are_named_and_root_is_one_like_others() {
    let policy = "run_as = [\"deploy\", \"www\"]";
    assert_eq!(said(policy, 1, "www"), Ok(()));
    for other in ["root", "Deploy", "deploy ", ""] {
        let (code, text) = said(policy, 1, other).unwrap_err();
        assert_eq!(code, Code::RunAs);
        assert!(
            text.contains("host.toml") && text.contains("deploy, www"),
            "{text}"
        );
    }
    assert_eq!(said("run_as = [\"root\"]", 1, "root"), Ok(()));
}

#[test]
fn limits_are_bounds_and_no_end_is_past_every_bound() {
    let policy = "[limits]\nmax_timeout = \"10m\"\nmax_running = 2\noutput_max = \"16k\"\n";
    assert_eq!(said(policy, 600_000, "root"), Ok(()));
    for (timeout_ms, words) in [(600_001, "10m at most"), (0, "as long as it likes")] {
        let (code, text) = said(policy, timeout_ms, "root").unwrap_err();
        assert_eq!(code, Code::Duration);
        assert!(text.contains("host.toml") && text.contains(words), "{text}");
    }
    let policy = parse(policy).unwrap();
    assert_eq!(
        (policy.max_running, policy.output_max),
        (Some(2), Some(16 * 1024))
    );
    assert!(policy.busy(256).unwrap().contains("2 commands"));
    assert_eq!(policy.busy(2), None);
}

#[test]
fn whatever_is_not_understood_is_refused_with_its_line_or_its_name() {
    for (text, words) in [
        ("mode = \"all\"", "unknown variant `all`"),
        ("mood = \"off\"", "unknown field `mood`"),
        ("[[allow]]\naction = \"x\"", "unknown field `allow`"),
        ("[limits]\npids = 3", "unknown field `pids`"),
        ("mode = ", "line 1"),
        ("run_as = []", "run_as names nobody"),
        ("[limits]\nmax_timeout = \"soon\"", "max_timeout is a time"),
        ("[limits]\nmax_timeout = \"0s\"", "max_timeout is a time"),
        ("[limits]\noutput_max = \"16\"", "output_max is a size"),
        ("[limits]\nmax_running = 0", "max_running is at least 1"),
        ("[limits]\nmax_running = -1", "line 2"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            error.contains(words) && error.contains("host.toml"),
            "{text}: {error}"
        );
    }
    let both = parse("run_as = []\n[limits]\noutput_max = \"x\"").unwrap_err();
    assert!(both.contains("nobody") && both.contains("size"), "{both}");
    assert!(HostPolicy::parse(Path::new("x"), &[0xff]).is_err());
}

#[test]
fn one_that_breaks_or_goes_while_it_counts_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("host.toml");
    let write = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    };
    assert!(Keeper::open(path.clone(), true).is_err());
    let keeper = Keeper::open(path.clone(), false).unwrap();
    let seen = keeper.watch();
    let mode = || seen.told.borrow().mode.clone();
    assert_eq!(mode(), "");
    write("mode = \"off\"");
    keeper.reload();
    assert_eq!(
        (mode().as_str(), seen.rules.borrow().mode),
        ("off", Mode::Off)
    );
    write("mode = \"shall\"");
    keeper.reload();
    assert_eq!(
        (mode().as_str(), seen.rules.borrow().mode),
        ("off", Mode::Off)
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    keeper.reload();
    fs::remove_file(&path).unwrap();
    keeper.reload();
    assert_eq!(
        (mode().as_str(), seen.rules.borrow().mode),
        ("off", Mode::Off)
    );
    write("mode = \"shell\"");
    keeper.reload();
    assert_eq!(mode(), "shell");
}

#[test]
fn updates_are_the_owners_word() {
    use shanty_core::run::{Update, Upkeep};
    let update = Upkeep::Update(Update {
        version: "0.2.0".parse().unwrap(),
        older: false,
    });
    let said = |text: &str, upkeep: &Upkeep| {
        let policy = HostPolicy::parse(Path::new("/etc/shanty/host.toml"), text.as_bytes());
        policy
            .unwrap()
            .upkeep(upkeep)
            .map_err(|refusal| refusal.text)
    };
    for text in [
        "",
        "updates = true",
        "mode = \"actions\"",
        "run_as = [\"www\"]\n[limits]\nmax_timeout = \"1s\"",
    ] {
        assert_eq!(said(text, &update), Ok(()), "{text}");
        assert_eq!(said(text, &Upkeep::Doctor), Ok(()), "{text}");
    }
    let refused = said("updates = false", &update).unwrap_err();
    assert_eq!(
        refused,
        "/etc/shanty/host.toml says updates = false: the owner of this host updates its agent, and nobody else."
    );
    assert_eq!(said("updates = false", &Upkeep::Doctor), Ok(()));
    for upkeep in [&update, &Upkeep::Doctor] {
        let off = said("mode = \"off\"\nupdates = true", upkeep).unwrap_err();
        assert!(off.contains("mode = \"off\""), "{off}");
    }
}
