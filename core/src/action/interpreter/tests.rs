//! Ways in which a value would be read as code, as somebody would write them who does not think of it, and as somebody who does.

use super::*;

fn list(line: &str) -> Vec<Template> {
    // `|` between elements, since they may hold spaces.
    line.split('|')
        .map(|text| Template::parse(text).unwrap())
        .collect()
}

#[test]
fn what_would_be_read_as_code_is_found() {
    for line in [
        "sh|-c|echo {x}",
        "/bin/sh|-c|{x}",
        "bash|-euc|{x}",
        "bash|-lc|echo|{x}",
        "bash|-euo|pipefail|-c|{x}",
        "bash|-c{x}",
        "bash|--rcfile={x}|run.sh",
        "bash|-c|echo \"$1\"|--|{x}",
        "bash|{x}",
        "bash|-x|{x}",
        "bash|-o|pipefail|{x}",
        "zsh|-ic|{x}",
        "dash|-ec|{x}",
        "busybox|sh|-c|{x}",
        "env|sh|-c|{x}",
        "env|-i|A=b|/usr/bin/env|bash|-c|{x}",
        "env|-S|sh -c {x}",
        "env|-S{x}",
        "env|--split-string={x}",
        "env|--split={x}",
        "env|{x}",
        "env|LD_PRELOAD={x}|ls",
        "env|{x}=a|ls",
        "sudo|{x}",
        "sudo|-u|deploy|{x}",
        "sudo|-u|deploy|--|{x}",
        "sudo|-u|deploy|bash|-c|{x}",
        "sudo|-E|nice|-n|5|timeout|10|sh|-c|{x}",
        "nice|{x}",
        "nice|-n|5|{x}",
        "timeout|10|{x}",
        "timeout|-k|5|10|{x}",
        "timeout|{x}|{x}",
        "nohup|{x}",
        "setsid|sh|-c|{x}",
        "stdbuf|-oL|bash|-c|{x}",
        "chroot|/srv|{x}",
        "flock|/run/lock|-c|{x}",
        "flock|/run/lock|{x}",
        "runuser|-u|deploy|--|{x}",
        "runuser|-l|deploy|-c|{x}",
        "su|deploy|-c|{x}",
        "su|-|deploy|-c|echo {x}",
        "su|-c|{x}|deploy",
        "su|--command={x}",
        "systemd-run|--wait|{x}",
        "systemd-run|-p|Nice=5|sh|-c|{x}",
        "docker|exec|web|sh|-c|{x}",
        "docker|exec|-u|www|web|{x}",
        "docker|exec|{x}|{x}",
        "docker|compose|exec|web|bash|-lc|{x}",
        "docker|run|--rm|alpine|sh|-c|{x}",
        "podman|exec|web|php|-r|{x}",
        "kubectl|exec|web|--|sh|-c|{x}",
        "unknown-wrapper|--flag|bash|-c|{x}",
        "python3|-c|{x}",
        "python3.11|-c|{x}",
        "/usr/bin/python3|-uc|{x}",
        "python3|-m|{x}",
        "python3|{x}",
        "perl|-e|{x}",
        "perl|-lane|{x}",
        "perl|-i.bak|-pe|{x}|file",
        "ruby|-ne|{x}",
        "php|-r|{x}",
        "php8.2|-r|{x}",
        "node|-e|{x}",
        "node|--eval={x}",
        "node|--trace-warnings|app.js|--eval|{x}",
        "nodejs|-pe|{x}",
        "lua|-e|{x}",
        "pwsh|-Command|{x}",
        "pwsh|-EncodedCommand|{x}",
        "awk|{x}|file",
        "gawk|-f|{x}",
        "awk|{{print}|{x}",
        "sed|-i|s/a/{x}/|file",
        "xargs|-I@|rm|{x}",
        "ssh|host|ls|{x}",
        "/usr/bin/ssh|{x}|uptime",
        "eval|{x}",
        "find|/srv|-name|x|-exec|rm|{x}|;",
        "find|/srv|-execdir|sh|-c|{x}|;",
        "psql|-c|select {x}",
        "psql|--command={x}",
        "mysql|-e|{x}",
        "sqlite3|/srv/db|{x}",
        "git|-c|core.sshCommand={x}|fetch",
        "git|clone|--upload-pack={x}|url",
        "tar|-xf|a.tar|--to-command={x}",
        "tar|-I|{x}|-xf|a.tar",
        "rsync|-e|{x}|a|b",
        "rsync|--rsh={x}|a|b",
        "make|{x}",
        "make|REF={x}",
        "watch|{x}",
    ] {
        assert!(!read_as_code(&list(line)).is_empty(), "{line}");
    }
}

#[test]
fn what_is_only_text_is_let_through() {
    for line in [
        "systemctl|restart|--|{x}",
        "bash|deploy.sh|{x}",
        "bash|-eu|/srv/deploy.sh|-c|{x}",
        "bash|-o|pipefail|deploy.sh|{x}",
        "/bin/sh|/srv/run|--only={x}",
        "python3|manage.py|migrate|{x}",
        "python3|-m|pip|install|{x}",
        "python3|-W|ignore|run.py|{x}",
        "php|-d|memory_limit=1G|artisan|{x}",
        "node|app.js|--port={x}",
        "node|--trace-warnings|app.js|{x}",
        "env|DEBUG={x}|bin/run",
        "env|RAILS_ENV=production|bundle|exec|rails|{x}",
        "sudo|-u|{x}|ls",
        "sudo|-u|deploy|git|checkout|{x}",
        "nice|-n|{x}|backup",
        "timeout|{x}|backup|--all",
        "timeout|--kill-after={x}|10|backup",
        "flock|/run/lock|backup|{x}",
        "runuser|-u|deploy|--|pg_ctl|-c|{x}",
        "docker|exec|{x}|php|artisan|migrate",
        "docker|restart|--|{x}",
        "docker|logs|--tail={x}|run",
        "kubectl|exec|-n|{x}|web|--|ls",
        "git|-C|/srv/app|checkout|{x}",
        "git|-c|advice.detachedHead=false|checkout|{x}",
        "tar|-czf|{x}|/srv",
        "find|{x}|-name|a",
        "rsync|-avze|ssh|{x}|b",
        "apt-get|install|less|{x}",
        "echo|watch|{x}",
        "psql|-d|{x}|-f|/srv/report.sql",
    ] {
        assert_eq!(read_as_code(&list(line)), [], "{line}");
    }
    assert!(
        read_as_code(&list("make|{x}"))
            .iter()
            .all(|found| found.free_only)
    );
}

#[test]
fn who_reads_it_is_named() {
    let reader = |line: &str| read_as_code(&list(line)).remove(0).reader;
    assert_eq!(reader("sudo|sh|-c|{x}"), "sh -c");
    assert_eq!(reader("bash|-euo|pipefail|-c|{x}"), "bash -c");
    assert_eq!(reader("env|-S|{x}"), "env -S");
    assert_eq!(reader("awk|{x}"), "awk");
    assert_eq!(reader("find|a|-exec|{x}"), "find -exec");
    assert!(read_as_code(&list("sudo|{x}"))[0].is_program);
}

#[test]
fn standard_input_may_be_code_too() {
    for (line, expected) in [
        ("bash", Stdin::Code),
        ("sh|-eu", Stdin::Code),
        ("bash|-o|pipefail", Stdin::Code),
        ("sudo|-u|deploy|bash|-s|{x}", Stdin::Code),
        ("python3", Stdin::Code),
        ("psql|shop", Stdin::Dump),
        ("mysql|shop", Stdin::Dump),
        ("ssh|host", Stdin::Code),
        ("bash|import.sh", Stdin::Data),
        ("bash|-c|cat", Stdin::Data),
        ("tee|/srv/x", Stdin::Data),
    ] {
        assert_eq!(stdin(&list(line)), expected, "{line}");
    }
}
