//! Programs that read code, and where they find it.

/// How a program is given code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// In any argument.
    All,
    /// In any argument, where it can hold any characters: `make 'X=$(shell id)'`.
    Free,
    /// Behind one of these words.
    Behind(&'static [&'static str]),
    /// Behind a flag; maybe also in the file that the first argument names.
    Flags {
        /// Whether it names a file with code.
        operand: bool,
    },
    /// In what stands right behind a flag.
    Next,
}

/// Programs that read code in the same way.
#[derive(Debug)]
pub(super) struct Reads {
    /// What they are called, without a version.
    pub(super) names: &'static [&'static str],
    /// Where they find code.
    pub(super) code: Code,
    /// Letters of flags that take code, alone or among others: `-euc`.
    letters: &'static str,
    /// Long flags that do.
    long: &'static [&'static str],
    /// Flags with a value of their own behind them.
    valued: &'static [&'static str],
}

impl Reads {
    const fn all(names: &'static [&'static str], code: Code) -> Self {
        Self {
            names,
            code,
            letters: "",
            long: &[],
            valued: &[],
        }
    }

    /// The flag, when a text is one that takes code.
    pub(super) fn flag(&self, text: &str) -> Option<String> {
        if let Some(long) = text.strip_prefix("--") {
            let name = long.split('=').next().unwrap_or(long);
            // Programs take the beginning of a long flag for the whole.
            let is = |known: &&str| !name.is_empty() && known.starts_with(name);
            return self
                .long
                .iter()
                .find(|known| is(known))
                .map(|known| format!("--{known}"));
        }
        let cluster = text.strip_prefix('-').or_else(|| text.strip_prefix('/'))?;
        if self.long.contains(&cluster.to_ascii_lowercase().as_str()) {
            return Some(format!("-{cluster}"));
        }
        let letters = text.strip_prefix('-')?;
        let found = letters.chars().find(|c| self.letters.contains(*c))?;
        Some(format!("-{found}"))
    }

    /// Whether the next argument belongs to this flag.
    pub(super) fn takes_value(&self, text: &str) -> bool {
        // Of several letters the last one has the value.
        let last = text.chars().next_back().map(|c| format!("-{c}"));
        let short = !text.starts_with("--")
            && last.is_some_and(|last| self.valued.contains(&last.as_str()));
        short
            || self.valued.contains(&text)
            || (text.starts_with('+') && self.valued.contains(&"-o"))
    }
}

/// All of them.
pub(super) const READS: &[Reads] = &[
    Reads::all(
        &[
            "awk", "gawk", "mawk", "nawk", "sed", "gsed", "ssed", "xargs", "eval", "ssh", "rsh",
            "mosh", "parallel", "expect", "watch", "at", "batch", "crontab", "sqlite", "sqlite3",
            "jq", "yq", "bc", "dc", "ed", "ex", "m4", "gdb", "lldb", "source", "trap", "cmd",
            "cmd.exe", "mshta", "wscript",
        ],
        Code::All,
    ),
    Reads::all(
        &[
            "make", "gmake", "bmake", "just", "task", "ninja", "cmake", "nmake", "ansible", "salt",
        ],
        Code::Free,
    ),
    Reads::all(
        &["find", "gfind"],
        Code::Behind(&["-exec", "-execdir", "-ok", "-okdir"]),
    ),
    Reads::all(
        &["fd", "fdfind"],
        Code::Behind(&["-x", "-X", "--exec", "--exec-batch"]),
    ),
    Reads {
        names: &[
            "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "pdksh", "yash", "posh", "fish",
            "csh", "tcsh", "rbash", "rc", "es", "elvish", "nu", "xonsh", "osh", "ysh", "bash.exe",
        ],
        code: Code::Flags { operand: true },
        letters: "c",
        long: &["command", "commands", "init-command", "rcfile", "init-file"],
        valued: &["-o", "-O"],
    },
    Reads {
        names: &["python", "pypy", "ipython", "micropython"],
        code: Code::Flags { operand: true },
        letters: "c",
        long: &[],
        valued: &["-W", "-X", "-Q"],
    },
    Reads {
        names: &["perl", "ruby", "jruby", "raku"],
        code: Code::Flags { operand: true },
        letters: "eE",
        long: &["eval"],
        valued: &["-I", "-r"],
    },
    Reads {
        names: &["php", "php-cli", "hhvm"],
        code: Code::Flags { operand: true },
        letters: "rBREec",
        long: &["run", "process-begin", "process-code", "process-end"],
        valued: &["-d", "-z", "-f"],
    },
    Reads {
        names: &["node", "nodejs", "bun", "deno", "iojs", "qjs"],
        code: Code::Flags { operand: true },
        letters: "ep",
        long: &["eval", "print"],
        valued: &["-r", "--require", "--import", "--loader"],
    },
    Reads {
        names: &[
            "lua",
            "luajit",
            "guile",
            "julia",
            "Rscript",
            "R",
            "groovy",
            "scala",
            "elixir",
            "erl",
            "ghc",
            "ocaml",
            "osascript",
            "tclsh",
            "wish",
            "sbcl",
            "clojure",
            "clj",
            "racket",
            "gosh",
            "emacs",
            "swipl",
            "octave",
        ],
        code: Code::Flags { operand: true },
        letters: "ec",
        long: &["eval", "exec", "expression", "print"],
        valued: &["-l"],
    },
    Reads {
        names: &["pwsh", "powershell", "powershell.exe", "pwsh.exe"],
        code: Code::Flags { operand: true },
        letters: "ceCE",
        long: &["command", "encodedcommand"],
        valued: &[],
    },
    Reads {
        names: &[
            "su",
            "runuser",
            "script",
            "flock",
            "sg",
            "newgrp",
            "lxc-attach",
            "machinectl",
            "setpriv",
        ],
        code: Code::Flags { operand: false },
        letters: "c",
        long: &["command", "session-command"],
        valued: &[],
    },
    Reads {
        names: &[
            "psql",
            "mysql",
            "mariadb",
            "mongo",
            "mongosh",
            "clickhouse-client",
            "duckdb",
            "cqlsh",
            "influx",
        ],
        code: Code::Next,
        letters: "ceq",
        long: &["command", "execute", "eval", "query", "init-command", "cmd"],
        valued: &[],
    },
    Reads {
        names: &["git"],
        code: Code::Next,
        letters: "c",
        long: &[
            "config-env",
            "exec-path",
            "upload-pack",
            "receive-pack",
            "exec",
        ],
        valued: &[],
    },
    Reads {
        names: &["tar", "gtar", "bsdtar"],
        code: Code::Next,
        letters: "IF",
        long: &[
            "to-command",
            "use-compress-program",
            "checkpoint-action",
            "rsh-command",
            "rmt-command",
            "info-script",
            "new-volume-script",
        ],
        valued: &[],
    },
    Reads {
        names: &["rsync"],
        code: Code::Next,
        letters: "e",
        long: &["rsh", "rsync-path"],
        valued: &[],
    },
    Reads {
        names: &["scp", "sftp"],
        code: Code::Next,
        letters: "SoF",
        long: &[],
        valued: &[],
    },
    Reads {
        names: &["vi", "vim", "nvim", "view"],
        code: Code::Next,
        letters: "cS",
        long: &["cmd"],
        valued: &[],
    },
    Reads {
        names: &["env"],
        code: Code::Flags { operand: false },
        letters: "S",
        long: &["split-string"],
        valued: &["-u", "-C"],
    },
];

/// Programs that are called as ordinary words are: among the arguments of another program they are words.
pub(super) const WORDS: [&str; 18] = [
    "at", "batch", "bc", "cmd", "dc", "ed", "es", "ex", "less", "man", "R", "rc", "script",
    "source", "trap", "view", "watch", "wish",
];

/// Programs that read a language from their standard input in which a dump is data.
pub(super) const CLIENTS: [&str; 8] = [
    "psql",
    "mysql",
    "mariadb",
    "sqlite3",
    "sqlite",
    "mongosh",
    "clickhouse-client",
    "duckdb",
];

/// Programs that read commands from their standard input.
pub(super) const STDIN: [&str; 12] = [
    "at", "batch", "bc", "crontab", "dc", "ed", "ex", "gdb", "xargs", "parallel", "ssh", "m4",
];
