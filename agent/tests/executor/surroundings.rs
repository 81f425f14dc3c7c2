//! What a command finds around itself: its user, folder, environment, descriptors, limits.

use std::os::unix::fs::PermissionsExt as _;

use nix::unistd::{Gid, Uid};
use shanty_agent::executor::Surroundings;
use shanty_core::spool::{Cause, How};
use shanty_proto::v1;

use crate::world::{World, argv, order};

#[tokio::test]
async fn the_environment_is_made_from_nothing() {
    let world = World::new().await;
    let mut order =
        order("env | cut -d= -f1 | sort; echo $GREETING; echo $LANG; echo $SHANTY_RUN; echo $PATH");
    order.env.push(v1::EnvVar {
        name: "GREETING".to_owned(),
        value: "a=b $(id) 'c'".to_owned(),
    });
    let ended = world.run(&order).await;
    // PWD is the shell's own, `_` is some shells'.
    let names =
        "GREETING HOME LANG LOGNAME PATH PWD PYTHONUNBUFFERED SHANTY_AGENT SHANTY_RUN SHELL USER";
    let lines: Vec<_> = ended.text().lines().map(str::to_owned).collect();
    let (seen, values) = lines.split_at(lines.len() - 4);
    let seen: Vec<_> = seen
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "_")
        .collect();
    assert_eq!(seen.join(" "), names);
    assert_eq!(
        values,
        [
            "a=b $(id) 'c'",
            "C.UTF-8",
            &order.run,
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        ]
    );
}

#[tokio::test]
async fn a_command_knows_its_run_by_the_words_of_people() {
    let world = World::new().await;
    let command = "echo $SHANTY_HOST $SHANTY_NUMBER $SHANTY_BY; env | grep -c ^SHANTY_";
    let mut order = order(command);
    assert_eq!(world.run(&order).await.text(), "\n2\n");
    order.run = crate::world::order("").run;
    order.host = "web-01".to_owned();
    order.number = 142;
    order.by = "local:ann".to_owned();
    let ended = world.run(&order).await;
    assert_eq!(ended.text(), "web-01 142 local:ann\n5\n");
    assert_eq!(ended.exit.shell, None);

    let mut order = crate::world::order("echo $SHANTY_BY $SHANTY_BY_ID");
    order.host = "web-01".to_owned();
    order.number = 143;
    order.by = "ann".to_owned();
    order.by_id = 3_001;
    assert_eq!(world.run(&order).await.text(), "ann 3001\n");
}

#[tokio::test]
async fn colours_are_asked_for_when_somebody_wants_them_and_left_to_who_says_otherwise() {
    let world = World::new().await;
    let command = "echo ${CLICOLOR_FORCE-none} ${FORCE_COLOR-none} ${TERM-none}";
    assert_eq!(world.run(&order(command)).await.text(), "none none none\n");
    let mut order = order(command);
    order.color = true;
    assert_eq!(world.run(&order).await.text(), "1 1 none\n");
    let mut order = crate::world::order(command);
    order.color = true;
    order.env.push(v1::EnvVar {
        name: "FORCE_COLOR".to_owned(),
        value: "3".to_owned(),
    });
    assert_eq!(world.run(&order).await.text(), "1 3 none\n");
}

#[tokio::test]
async fn a_terminal_is_one_as_programs_look_at_it() {
    let world = World::new().await;
    let mut order = order(
        "for fd in 0 1 2; do test -t $fd && echo terminal; done; stty size; echo $TERM; \
         tty >/dev/tty; test \"$(tty)\" -ef /proc/self/fd/1 || echo another; echo err >&2; exit 3",
    );
    order.terminal = true;
    let ended = world.run(&order).await;
    let text = ended.text();
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(
        lines[..5],
        [
            "terminal",
            "terminal",
            "terminal",
            "50 120",
            "xterm-256color"
        ]
    );
    assert!(lines[5].starts_with("/dev/"), "{text}");
    assert_eq!(lines[6..], ["err", ""]);
    assert_eq!(
        (ended.err_text().as_str(), ended.exit.how),
        ("", How::Code(3))
    );
}

#[tokio::test]
async fn nobody_types_at_a_terminal_and_it_is_stopped_as_any_command() {
    let world = World::new().await;
    let mut asks = order("read -r answer; echo \"got <$answer> $?\"");
    asks.terminal = true;
    // The shell's own status of a read that met the end.
    assert_eq!(world.run(&asks).await.text(), "got <> 1\r\n");
    let mut stopped =
        order("trap 'echo bye; exit 5' TERM; echo begun; while :; do sleep 0.05; done");
    stopped.terminal = true;
    let run = world.start(&stopped).await;
    world.wrote(run, "begun\r\n").await;
    world.handle.cancel(run, false).await;
    let ended = world.ended(run).await;
    assert_eq!(ended.end(), (How::Code(5), Cause::Cancelled, 0));
    assert!(ended.text().ends_with("bye\r\n"), "{}", ended.text());
}

#[tokio::test]
async fn no_descriptor_of_ours_and_no_input_reach_the_command() {
    let world = World::new().await;
    // No pipeline here: the shell itself would hold its ends for a moment.
    let ended = world
        .run(&order("readlink /proc/self/fd/0; ls /proc/$$/fd"))
        .await;
    let text = ended.text();
    let (input, descriptors) = text.split_once('\n').unwrap();
    assert_eq!(input, "/dev/null");
    // Shells keep one of their own from 10 on.
    let inherited = descriptors.lines().filter(|number| number.len() == 1);
    assert_eq!(inherited.collect::<Vec<_>>(), ["0", "1", "2"]);
}

#[tokio::test]
async fn limits_signals_and_group_are_set() {
    let world = World::new().await;
    let command = "umask; ulimit -c; grep -E '^Sig(Blk|Ign)' /proc/self/status | cut -f2; \
        ps -o pgid= -p $$ | tr -d ' '; echo $$";
    let ended = world.run(&order(command)).await;
    let text = ended.text();
    let [umask, core, blocked, ignored, group, main] = text.lines().collect::<Vec<_>>()[..] else {
        panic!("six lines: {text}");
    };
    assert_eq!((umask, core), ("0022", "0"));
    assert_eq!(group, main, "the command leads its group");
    for mask in [blocked, ignored] {
        // Some versions of glibc leave its two internal ones, 32 and 33, ignored in what they spawn.
        let mask = u64::from_str_radix(mask, 16).unwrap() & !0x1_8000_0000;
        assert_eq!(mask, 0, "{text}");
    }
}

#[tokio::test]
async fn words_are_not_touched_by_a_shell() {
    let world = World::new().await;
    let ended = world
        .run(&argv(&["/bin/echo", "$HOME `id` *", "", "x\ny"]))
        .await;
    assert_eq!(ended.text(), "$HOME `id` *  x\ny\n");
    assert_eq!(ended.end(), (How::Code(0), Cause::Command, 0));
}

#[tokio::test]
async fn the_working_directory_is_as_ordered() {
    let world = World::new().await;
    let mut order = order("pwd");
    order.cwd = "/usr".to_owned();
    assert_eq!(world.run(&order).await.text(), "/usr\n");
}

#[tokio::test]
async fn a_host_says_what_its_commands_find() {
    let world = World::with(|config| {
        config.surroundings = Surroundings {
            path: format!("{}:/usr/bin:/bin", config.data_dir.join("tools").display()),
            env: [
                ("PROXY", "http://p"),
                ("LANG", "C"),
                ("PYTHONUNBUFFERED", ""),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            umask: 0o077,
            shell: "/bin/bash".to_owned(),
            nice: 7,
            ..Surroundings::default()
        };
    })
    .await;
    let tools = world.config.data_dir.join("tools");
    std::fs::create_dir(&tools).unwrap();
    let tool = tools.join("a-tool");
    std::fs::write(&tool, "#!/bin/sh\necho of this host\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut order = order(
        "a-tool; echo $PROXY $LANG ${PYTHONUNBUFFERED-none}; umask; nice; [[ a == a ]] && echo $0",
    );
    let ended = world.run(&order).await;
    let seen = ended.text();
    let expected = "of this host\nhttp://p C\n0077\n7\n/bin/bash\n";
    assert_eq!(seen, expected, "{}", ended.err_text());
    assert_eq!(ended.exit.shell.as_deref(), Some("/bin/bash"));
    // An order is closer to who asks.
    order.run = crate::world::order("").run;
    order.env.push(v1::EnvVar {
        name: "PROXY".to_owned(),
        value: "none".to_owned(),
    });
    assert!(world.run(&order).await.text().contains("\nnone C\n"));
}

/// Holds: A shell that went away since the agent started is told, with exit 127.
#[tokio::test]
async fn a_shell_that_went_away_is_told() {
    let world = World::with(|config| {
        config.surroundings.shell = "/no/such/shell".to_owned();
    })
    .await;
    let ended = world.run(&order("true")).await;
    assert_eq!(ended.end(), (How::Code(127), Cause::Command, 0));
    let said = ended.err_text();
    assert!(
        said.starts_with("shanty: cannot start: /no/such/shell: "),
        "{said}"
    );
}

/// Holds: With `as:` it has user, group and groups of that user and no others, and a folder that is closed to that user stays closed.
#[tokio::test]
async fn as_root_the_command_runs_as_its_user_and_no_more() {
    if !is_root() {
        return;
    }
    let world =
        World::with(|config| config.run_as = vec!["nobody".to_owned(), "root".to_owned()]).await;
    // As root has them after a login: none of them is the command's.
    nix::unistd::setgroups(&[Gid::from_raw(0), Gid::from_raw(4)]).unwrap();
    let who = "id -un; id -gn; id -Gn; echo $USER $LOGNAME; cat /etc/shadow 2>/dev/null | wc -l";
    let group = std::process::Command::new("id")
        .args(["-gn", "nobody"])
        .output()
        .unwrap();
    let group = String::from_utf8(group.stdout).unwrap().trim().to_owned();
    let ended = world.run(&order(who)).await;
    assert_eq!(
        ended.text(),
        format!("nobody\n{group}\n{group}\nnobody nobody\n0\n")
    );
    let mut as_root = order(who);
    as_root.run_as = "root".to_owned();
    assert!(world.run(&as_root).await.text().starts_with("root\n"));

    // A folder that is closed to the user does not open through us.
    let mut closed = order("pwd");
    closed.cwd = world.config.data_dir.display().to_string();
    let ended = world.run(&closed).await;
    assert_eq!(ended.end(), (How::Code(126), Cause::Command, 0));
    assert!(ended.err_text().starts_with("shanty: cannot start: "));

    // Left-overs of another user are ours to end all the same.
    let ended = world.run(&order("setsid sleep 1000 & exit 1")).await;
    assert_eq!(ended.end(), (How::Code(1), Cause::Command, 1));
}

/// True where a test can become another user.
fn is_root() -> bool {
    let root = Uid::effective().is_root();
    assert!(
        root || std::env::var_os("CI").is_none(),
        "CI runs this as root"
    );
    root
}

/// An agent that was given capabilities and limits, as by a unit or by whoever started it.
fn meddled_with(config: &mut shanty_agent::executor::Config) {
    let before = "setpriv --inh-caps +net_raw,+sys_ptrace --ambient-caps +net_raw nice -n 5 choom -n 300 -- \
        prlimit --nofile=200:4000 --fsize=99999999:unlimited --stack=1048576:unlimited --nproc=5000 --msgqueue=4096";
    let before = before.split_whitespace().map(Into::into);
    config.shim = before.chain(config.shim.clone()).collect();
    config.run_as = vec!["root".to_owned(), "nobody".to_owned()];
}

/// Asks for the capabilities that can be inherited and had, and whether there may be new ones.
const RIGHTS: &str = "sed -nE 's/^(CapInh|CapBnd|CapAmb|NoNewPrivs):.//p' /proc/self/status";

const NONE: &str = "0000000000000000";

/// Holds: Nothing that the agent was given is passed on, by a unit such as `LimitNOFILE=`, `Nice=`, `OOMScoreAdjust=` or `AmbientCapabilities=` or otherwise: a command begins with the limits of a host that was just started, as far as the hard ones of the agent allow.
#[tokio::test]
async fn what_the_agent_was_given_is_not_passed_on() {
    if !is_root() {
        return;
    }
    let world = World::with(meddled_with).await;
    let threads = std::fs::read_to_string("/proc/sys/kernel/threads-max").unwrap();
    let usual: u64 = threads.trim().parse::<u64>().unwrap() / 2;
    let command = format!(
        "{RIGHTS}; cat /proc/self/oom_score_adj; nice; \
         sed -nE 's/^Max (open files|file size|stack size|processes|msgqueue size) +([^ ]+) +([^ ]+) .*/\\1 \\2 \\3/p' \
         /proc/self/limits"
    );
    let before = std::fs::read_to_string("/proc/self/status").unwrap();
    let bounds = before
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:\t"));
    let rights = format!("{NONE}\n{}\n{NONE}\n0\n", bounds.unwrap());
    let limits = format!(
        "0\n0\nfile size unlimited unlimited\nstack size 8388608 unlimited\nprocesses {} {}\n\
         open files 1024 4000\nmsgqueue size 4096 4096\n",
        usual.min(5_000),
        usual.min(5_000)
    );
    let ended = world.run(&order(&command)).await;
    assert_eq!(ended.text(), rights + &limits, "{}", ended.err_text());

    let mut nobody = order(&command);
    nobody.run_as = "nobody".to_owned();
    let rights = format!("{NONE}\n{NONE}\n{NONE}\n1\n");
    assert_eq!(world.run(&nobody).await.text(), rights + &limits);
}

/// Holds: As another user than root no program gives it more than that user has: `sudo`, `su` and the like refuse to work. A host where they shall says `no_new_privs = false`.
#[tokio::test]
async fn programs_give_a_user_what_the_host_lets_them() {
    if !is_root() {
        return;
    }
    for (no_new_privs, expected) in [(true, "nobody\n"), (false, "root\n")] {
        let world = World::with(|config| {
            config.run_as = vec!["nobody".to_owned()];
            config.surroundings.no_new_privs = no_new_privs;
        })
        .await;
        // A program of root that makes whoever runs it root, in a folder that is open to all.
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let program = folder.path().join("id");
        std::fs::copy("/usr/bin/id", &program).unwrap();
        let mode = |mode| std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(folder.path(), mode(0o755)).unwrap();
        std::fs::set_permissions(&program, mode(0o4755)).unwrap();
        let ended = world
            .run(&order(&format!("{} -un", program.display())))
            .await;
        assert_eq!(ended.text(), expected, "{}", ended.err_text());
    }
}

/// Holds: `max_processes` counts all processes that the user of a command has on the host; who wants more is told so.
#[tokio::test]
async fn a_user_has_no_more_processes_than_the_host_lets_it() {
    if !is_root() {
        return;
    }
    let world = World::with(|config| {
        config.run_as = vec!["games".to_owned(), "root".to_owned()];
        config.surroundings.max_processes = Some(2);
    })
    .await;
    let more = "sleep 1000 & echo one; sleep 1000 & echo two";
    let ended = world.run(&order(more)).await;
    assert_eq!(ended.text(), "one\n");
    assert_ne!(ended.end().0, How::Code(0), "{}", ended.err_text());

    let runs = world.start(&order("sleep 1000 & echo begun; wait")).await;
    world.wrote(runs, "begun\n").await;
    let refused = world.run(&order("true")).await;
    assert_eq!(refused.end(), (How::Code(126), Cause::Command, 0));
    let said =
        "games has all of the 2 processes that max_processes of agent.toml allows on this host";
    assert!(refused.err_text().contains(said), "{}", refused.err_text());
    world.handle.cancel(runs, true).await;
    world.ended(runs).await;
}
