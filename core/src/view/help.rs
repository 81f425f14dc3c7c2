//! What people are told who want to know how this works and what they may do: the help with its topics, their own rights, the welcome
//! of a channel, and the answer to somebody who speaks to the bot.

use super::text::code_block;
use super::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, Menu, Press, Texts, Try, inline_code,
};
use crate::ask::{GivenBy, Rights, Topic, VerbRights};
use crate::policy::Verb;
use crate::text::count;

/// Grants that are named for each verb; the others are counted.
const GRANTS_SHOWN_MAX: usize = 4;

/// Roles or people that are named as those who may.
const WHO_SHOWN_MAX: usize = 4;

/// Characters of a selector of a grant.
const SELECTOR_CHARS_MAX: usize = 60;

/// The help: short, by what somebody may do here, with what can be copied.
#[must_use]
pub fn help_card(topic: Topic, rights: &Rights) -> Card {
    let texts = match topic {
        Topic::Start => start(rights),
        Topic::Running => Texts::with(running(rights)),
        Topic::Naming => Texts::with(NAMING.to_owned()),
        Topic::History => Texts::with(HISTORY.to_owned()),
        Topic::Buttons => Texts::with(BUTTONS.to_owned()),
        Topic::Hosts => Texts::with(changing(rights)),
    };
    let topics = Topic::ALL.into_iter().filter(|other| *other != topic);
    let topics = topics.map(|topic| (topic.as_str().to_owned(), title(topic).to_owned()));
    Card {
        buttons: to_try(rights),
        menu: Some(Menu {
            press: Press::Topics,
            placeholder: "Read about…".to_owned(),
            options: topics.collect(),
        }),
        ..Card::new(Accent::Blue, texts.into_blocks())
    }
}

const fn title(topic: Topic) -> &'static str {
    match topic {
        Topic::Start => "In short",
        Topic::Running => "Running a command",
        Topic::Naming => "Naming hosts",
        Topic::History => "What was run before",
        Topic::Buttons => "What the buttons do",
        Topic::Hosts => "Draining, labelling and grouping hosts",
    }
}

/// What can be done here, with examples that work.
fn start(rights: &Rights) -> Texts {
    let (sees, runs) = (rights.may(Verb::View), rights.may(Verb::Run));
    let mut lines = vec!["### 👋 Commands on your servers, from here".to_owned()];
    lines.push(in_short(rights));
    let mut texts = Texts::with(lines.join("\n"));
    let mut examples: Vec<(String, &str)> = Vec::new();
    if runs {
        let (host, label) = example(rights);
        examples.push((format!("/run on:{host} command:uptime"), "on one host"));
        if let Some(label) = label {
            let typed = format!("/run on:{label} command:df -h /");
            examples.push((typed, "on all with this label"));
        }
    }
    if sees {
        examples.push(("/hosts".to_owned(), "all hosts, trouble first"));
        examples.push(("/runs".to_owned(), "what was run last"));
    }
    examples.push(("/whoami".to_owned(), "what you may do here, and why"));
    let examples = examples
        .iter()
        .map(|(typed, what)| format!("{} · {what}", inline_code(typed, 200)));
    texts.add(Some(examples.collect::<Vec<_>>().join("\n")));
    if runs {
        let more = "What is printed streams into a thread. Before anything runs on many hosts, you see on which.";
        texts.add(Some(more.to_owned()));
    }
    texts
}

/// What somebody may do, in a line; whom to ask, when that is nothing.
fn in_short(rights: &Rights) -> String {
    let may: Vec<&str> = Verb::ALL
        .into_iter()
        .filter(|verb| rights.may(*verb))
        .map(Verb::deed)
        .collect();
    if let Some((last, first)) = may.split_last() {
        let list = match first.is_empty() {
            true => (*last).to_owned(),
            false => format!("{}, and {last}", first.join(", ")),
        };
        return format!("Here you may {list}.");
    }
    let mut lines = vec!["You may do nothing in this channel yet.".to_owned()];
    let others = rights.of(Verb::Run).and_then(who_may);
    if let Some(others) = others.or_else(|| rights.of(Verb::View).and_then(who_may)) {
        lines.push(format!("Who may is {others}: ask them for it."));
    }
    lines.extend(elsewhere(rights));
    lines.join("\n")
}

fn example(rights: &Rights) -> (&str, Option<&str>) {
    match &rights.example {
        Some((host, label)) => (host, label.as_deref()),
        None => ("web-01", Some("role=web")),
    }
}

fn running(rights: &Rights) -> String {
    let (host, label) = example(rights);
    let label = label.unwrap_or(host);
    let typed = [
        format!("/run on:{host} command:uptime"),
        format!("/run on:{label} command:systemctl restart nginx timeout:2m"),
        format!("/run on:{host} command:id as:postgres"),
        "/run on:all command:uname -r offline:queue:1h".to_owned(),
        format!("/run on:{label} command:apt-get -qy upgrade batch:1,10%,100%"),
        format!("/script on:{host}"),
    ];
    format!(
        "### Running a command\n{}\n\
         The command is given to `/bin/sh -c` on each host. It is stopped after `timeout:`, which is five minutes unless you say more.\n\
         `as:` names another user, where the hosts allow it. `offline:` says what becomes of hosts that are away: you are asked when you leave it out.\n\
         `batch:` starts in waves, first on one host here, and stops at the first failure.\n\
         `/script` runs an attached file, or several lines that you write in a form.\n\
         On many hosts, or when some cannot take it, you see them first, and what you saw is what runs.",
        code_block(&typed.join("\n"), "")
    )
}

fn changing(rights: &Rights) -> String {
    let (host, label) = example(rights);
    let label = label.unwrap_or(host);
    let typed = [
        format!("/host drain on:{host}"),
        format!("/host undrain on:{host}"),
        format!("/host label on:{host} set:env=prod old-"),
        format!("/group save name:front hosts:{label}"),
        "/hold on reason:db move".to_owned(),
        "/hold off".to_owned(),
    ];
    format!(
        "### Draining, labelling and grouping hosts\n{}\n\
         A host that is draining takes no new runs; what runs there goes on. A label is `key=value`, and `key-` removes it. \
         A saved group is named `@front` wherever hosts are named. A hold refuses every new run until it ends.\n\
         Everybody in the channel sees who changed what.",
        code_block(&typed.join("\n"), "")
    )
}

const NAMING: &str = "### Naming hosts\n\
    ```\n\
    web-01                one host\n\
    web*                  by the beginning\n\
    web-[01-20,33]        a range\n\
    role=web env=prod     both labels\n\
    web-01,db-01          either\n\
    role=web !web-03      but not this one\n\
    is:online mem>16g     by what is known\n\
    #142:failed           where run 142 failed\n\
    #142:differs          where it printed\n                      something else\n\
    pick:1 role=web       any one of them\n\
    all                   every host\n\
    ```\n\
    A space narrows, a comma adds, `!` removes. While you type, the first row says which hosts that is. \
    A name that matches nothing is refused: nothing runs on a guess.";

const HISTORY: &str = "### What was run before\n\
    `/runs` lists the latest runs that you may see. Each has a number, a card in its channel, and a thread with what was printed.\n\
    `/runs text:` finds words of commands and of what was printed; `who:`, `on:`, `since:7d` and `state:failed` narrow it.\n\
    `/run on:#142:failed command:…` runs on the hosts where run 142 failed; `#142` alone is all of its hosts.\n\
    In the menu of a card's message, under *Apps*, *Run again* runs the same once more.\n\
    Output is deleted after a time; who ran what, where and when is kept.";

const BUTTONS: &str = "### What the buttons do\n\
    **↻ Run again** the same command on the same hosts\n\
    **↻ Retry failed** only where it failed\n\
    **≠ Run on odd** only where something else was printed\n\
    **By host** how it ended on each host\n\
    **Edit…** changes it in a form before it runs\n\
    **Copy** the command, to paste it\n\
    **All output ⬇** everything as files, for you alone\n\
    **⏸ Pause**, **▶ Continue** a run in waves: no further host starts, until it goes on\n\
    **■ Cancel** stops it on every host; pressed again, it kills\n\
    Each is decided by what *you* may do when you press it, also on a card of last year.";

/// What somebody may do in a channel, and why: which grants say so, on which hosts, and who may do what they may not.
#[must_use]
pub fn whoami_card(rights: &Rights) -> Card {
    let Some(channel) = rights.channel else {
        let text = "### You may do everything\nYou are on the controller's machine.";
        return Card::new(Accent::Blue, vec![text.to_owned()]);
    };
    let none = rights.verbs.iter().all(|verb| verb.by.is_empty());
    let mut texts = Texts::with(match none {
        true => format!("### You may do nothing in <#{channel}>"),
        false => format!("### What you may do in <#{channel}>"),
    });
    // What the same grants give is one paragraph.
    let mut given: Vec<Vec<&VerbRights>> = Vec::new();
    for verb in rights.verbs.iter().filter(|verb| !verb.by.is_empty()) {
        match given
            .iter_mut()
            .find(|same| same.iter().all(|other| other.by == verb.by))
        {
            Some(same) => same.push(verb),
            None => given.push(vec![verb]),
        }
    }
    for same in given {
        texts.add(because(&same));
    }
    texts.add(Some(not_given(rights).join("\n")));
    texts.add(elsewhere(rights));
    let last = "-# Grants are in the controller's configuration; its operators change them.";
    texts.add(Some(last.to_owned()));
    Card {
        buttons: to_try(rights)
            .into_iter()
            .filter(|button| button.target != ButtonTarget::Press(Press::Try(Try::Rights)))
            .collect(),
        ..Card::new(
            if none { Accent::Grey } else { Accent::Blue },
            texts.into_blocks(),
        )
    }
}

/// What some grants give, and that they do.
fn because(verbs: &[&VerbRights]) -> Option<String> {
    let first = verbs.first()?;
    let what: Vec<&str> = verbs.iter().map(|verb| verb.verb.deed()).collect();
    let mut lines = vec![format!(
        "✅ **{}** · {}",
        what.join(", "),
        count(first.hosts, "host")
    )];
    lines.extend(first.by.iter().take(GRANTS_SHOWN_MAX).map(grant));
    let more = first.by.len().saturating_sub(GRANTS_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("-# and {}", count(more, "more grant")));
    }
    Some(lines.join("\n"))
}

fn grant(by: &GivenBy) -> String {
    let whose = match by.role {
        Some(role) => format!("you have <@&{role}>"),
        None => "it names you".to_owned(),
    };
    format!(
        "-# grant {} on {}: {} · {whose}",
        inline_code(&by.grant, 40),
        inline_code(&by.selector, SELECTOR_CHARS_MAX),
        count(by.hosts, "host"),
    )
}

/// What they may not, and who may: what the same may is one line.
fn not_given(rights: &Rights) -> Vec<String> {
    let mut lines: Vec<(Option<String>, Vec<&str>)> = Vec::new();
    for verb in rights.verbs.iter().filter(|verb| verb.by.is_empty()) {
        let who = who_may(verb);
        match lines.iter_mut().find(|(known, _)| *known == who) {
            Some((_, verbs)) => verbs.push(verb.verb.deed()),
            None => lines.push((who, vec![verb.verb.deed()])),
        }
    }
    let line = |(who, verbs): (Option<String>, Vec<&str>)| {
        let who = who.map_or_else(
            || "nobody may, in this channel".to_owned(),
            |who| format!("ask {who}"),
        );
        format!("✖ {}: {who}", verbs.join(" · "))
    };
    lines.into_iter().map(line).collect()
}

/// Who has it here, when somebody has.
fn who_may(verb: &VerbRights) -> Option<String> {
    let roles = verb.roles.iter().map(|role| format!("<@&{role}>"));
    let people = verb.people.iter().map(|person| format!("<@{person}>"));
    let mut all: Vec<String> = roles.chain(people).collect();
    let more = all.len().saturating_sub(WHO_SHOWN_MAX);
    all.truncate(WHO_SHOWN_MAX);
    if more > 0 {
        all.push(format!("{more} more"));
    }
    (!all.is_empty()).then(|| all.join(", "))
}

fn elsewhere(rights: &Rights) -> Option<String> {
    let channels: Vec<String> = rights
        .elsewhere
        .iter()
        .map(|channel| format!("<#{channel}>"))
        .collect();
    (!channels.is_empty()).then(|| format!("You have grants in {} too.", channels.join(", ")))
}

/// What can be tried at once.
fn to_try(rights: &Rights) -> Vec<Button> {
    let rights_first = button("My rights", Press::Try(Try::Rights));
    if !rights.may(Verb::View) {
        return vec![rights_first];
    }
    vec![
        button("Hosts", Press::Try(Try::Hosts)),
        rights_first,
        button("Latest runs", Press::Try(Try::Runs)),
    ]
}

fn button(label: &str, press: Press) -> Button {
    Button {
        label: label.to_owned(),
        target: ButtonTarget::Press(press),
        style: ButtonStyle::Secondary,
    }
}

/// What everybody may press who reads what the bot says to all: each answer is for who presses, by what they may.
fn for_everybody() -> Vec<Button> {
    vec![
        Button {
            style: ButtonStyle::Primary,
            ..button("How it works", Press::Help(Topic::Start))
        },
        button("What may I do here?", Press::Try(Try::Rights)),
        button("Hosts", Press::Try(Try::Hosts)),
        button("Latest runs", Press::Try(Try::Runs)),
    ]
}

/// What a channel is told once, to be pinned.
#[must_use]
pub fn welcome_card() -> Card {
    let typed = "/run on:web-01 command:uptime\n/run on:role=web command:df -h /\n/hosts";
    let text = format!(
        "### 👋 Commands on your servers, from this channel\n\
         Name hosts and a command. It runs there, what is printed streams into a thread, and who ran what stays written down.\n{}\n\
         Nothing is allowed that nobody granted: press **What may I do here?**. All answers to the buttons are for you alone.",
        code_block(typed, "")
    );
    Card {
        buttons: for_everybody(),
        ..Card::new(Accent::Blue, vec![text])
    }
}

/// What somebody is answered with who mentions the bot in a channel: it says only what everybody may know.
#[must_use]
pub fn mention_card() -> Card {
    let text = "I run commands on servers. Type `/help`: the answer is for you alone.\n\
                -# The text of other messages does not reach me: commands, buttons and my name do.";
    Card {
        buttons: for_everybody().into_iter().take(2).collect(),
        ..Card::new(Accent::Blue, vec![text.to_owned()])
    }
}

/// What somebody is answered with who writes to the bot directly.
#[must_use]
pub fn direct_card() -> Card {
    let text = "### I take no commands here\n\
                What you may do depends on the channel: go to your server's channel for it, and type `/help` there. \
                The answer is for you alone.\n\
                ```\n/help      how it works\n/whoami    what you may do there, and why\n/run       runs a command on hosts\n/hosts     lists the hosts\n```\n\
                -# Nothing that you write here is run or kept.";
    Card::new(Accent::Blue, vec![text.to_owned()])
}

#[cfg(test)]
mod tests;
