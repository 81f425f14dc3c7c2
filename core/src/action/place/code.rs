//! Placeholders that a program would read as code, of whichever list.

use super::super::expand::SCRIPT_PATH;
use super::super::interpreter::{Stdin, read_as_code, stdin};
use super::super::parameter::Kind;
use super::super::template::Template;
use super::{Body, Check};

/// Variables whose value other programs run.
pub(super) const NAMES_PROGRAM: [&str; 17] = [
    "BROWSER",
    "EDITOR",
    "GIT_ASKPASS",
    "GIT_EDITOR",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "LESSOPEN",
    "MAKEFLAGS",
    "MANPAGER",
    "PAGER",
    "PROMPT_COMMAND",
    "RSYNC_RSH",
    "SSH_ASKPASS",
    "VISUAL",
];

/// The whole argument list of what runs; empty for a query.
pub(super) fn whole(body: &Body) -> Vec<Template> {
    match body {
        Body::Argv(argv) => argv.clone(),
        Body::Script(script) => {
            let with = script.with.iter().map(String::as_str);
            let before = with.chain([SCRIPT_PATH]).map(Template::plain);
            before.chain(script.args.iter().cloned()).collect()
        }
        Body::Query(_) => Vec::new(),
    }
}

impl Check<'_> {
    /// Notes placeholders of a list; `path` says where one of its elements stands.
    pub(super) fn code(
        &self,
        list: &[Template],
        instead: &str,
        path: impl Fn(usize) -> Vec<String>,
    ) {
        for found in read_as_code(list) {
            let element = list.get(found.element);
            let Some((slot, at)) = element.and_then(|element| element.slots().next()) else {
                continue;
            };
            if found.element == 0 || (found.free_only && !self.is_free(slot)) {
                continue;
            }
            let reader = &found.reader;
            let what = match found.is_program {
                true => format!("`{reader}` would run what `{slot}` says: the program is literal"),
                false => format!("`{reader}` would read `{slot}` as code{instead}"),
            };
            self.problems.push_at(&path(found.element), at, what);
        }
    }

    /// Notes placeholders of a standard input.
    pub(super) fn stdin_code(&self, path: &[String], input: &Template) {
        let list = whole(&self.action.body);
        let reads = stdin(&list);
        for (slot, at) in input.slots() {
            let file = self.parameter(slot);
            let file = file.is_some_and(|parameter| matches!(parameter.kind, Kind::File { .. }));
            let bad = match reads {
                Stdin::Code => true,
                Stdin::Dump => !file,
                Stdin::Data => false,
            };
            if bad {
                let program = list.first().map(Template::to_string).unwrap_or_default();
                let what = format!("`{program}` would read `{slot}` as code on its standard input");
                self.problems.push_at(path, at, what);
            }
        }
    }
}
