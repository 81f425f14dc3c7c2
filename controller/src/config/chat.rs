//! `[chat]`: how runs are shown in Discord.

use std::str::FromStr;

use shanty_core::news::{AWAY_MS, GATHER_MS};
use shanty_core::output::same_but::SameBut;
use shanty_core::text::parse_duration;
use shanty_core::thread::{NEW_CARD_MS, Style, Threads};

use super::read::{Errors, Section};

/// What is so without the section: a thread for every run, and hosts that print their own name print the same.
pub(super) fn standard() -> Style {
    Style {
        threads: Threads::Always,
        same_but: SameBut {
            host: true,
            ..SameBut::default()
        },
        ..Style::default()
    }
}

/// How runs are shown, and for how long a host is away until it is told that it is gone, milliseconds; nothing when no news are told.
pub(super) fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> (Style, Option<u64>) {
    let threads = section.text::<Thread>("thread", errors);
    let same_but = section.list::<But>("same_but_for", errors);
    let new_card = section.text::<Age>("new_card_after", errors);
    let news = section.text::<News>("news", errors);
    let gone = section.text::<Gone>("gone_after", errors);
    section.finish(errors);
    let standard = standard();
    let style = Style {
        threads: threads.map_or(standard.threads, |threads| threads.0),
        same_but: same_but.map_or(standard.same_but, |all| {
            all.into_iter()
                .fold(SameBut::default(), |so_far, one| so_far.or(one.0))
        }),
        new_card_ms: new_card.map_or(standard.new_card_ms, |age| age.0),
    };
    let gone_ms = gone.map_or(AWAY_MS, |gone| gone.0);
    (style, news.is_none_or(|news| news.0).then_some(gone_ms))
}

/// Whether the operators' channel is told of hosts.
#[derive(Debug)]
struct News(bool);

impl FromStr for News {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hosts" => Ok(Self(true)),
            "off" => Ok(Self(false)),
            _ => Err(format!("`{text}` is neither `hosts` nor `off`")),
        }
    }
}

/// How long a host is away until it is gone, milliseconds.
#[derive(Debug)]
struct Gone(u64);

impl FromStr for Gone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The shortest is as long as news are gathered; a link that breaks is up again within some seconds.
        parse_duration(text)
            .filter(|ms| (GATHER_MS..=86_400_000).contains(ms))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no time from 4s to 1d, such as 60s"))
    }
}

#[derive(Debug)]
struct Thread(Threads);

impl FromStr for Thread {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "always" => Ok(Self(Threads::Always)),
            "auto" => Ok(Self(Threads::Auto)),
            _ => Err(format!("`{text}` is neither `always` nor `auto`")),
        }
    }
}

/// The age of a card after which news come as a new one, milliseconds.
#[derive(Debug)]
struct Age(u64);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Discord takes few edits of what is older than an hour.
        parse_duration(text)
            .filter(|ms| *ms <= NEW_CARD_MS)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no time from 0s to 55m, such as 10m"))
    }
}

/// One thing that outputs may differ in.
#[derive(Debug)]
struct But(SameBut);

impl FromStr for But {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut but = SameBut::default();
        match text {
            "host" => but.host = true,
            "address" => but.address = true,
            "pid" => but.pid = true,
            "time" => but.time = true,
            _ => {
                return Err(format!(
                    "`{text}` is none of `host`, `address`, `pid` and `time`"
                ));
            }
        }
        Ok(Self(but))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn style(chat: &str) -> Result<Style, String> {
        let text = format!("data_dir = \"/d\"\n{chat}");
        Config::parse("shanty.toml", &text)
            .map(|config| config.style)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn news_of_hosts_come_when_they_are_wanted() {
        let gone = |chat: &str| {
            let text = format!("data_dir = \"/d\"\n{chat}");
            Config::parse("shanty.toml", &text).map(|config| config.gone_ms)
        };
        assert_eq!(gone("").unwrap(), Some(AWAY_MS));
        assert_eq!(gone("[chat]\nnews = \"hosts\"").unwrap(), Some(AWAY_MS));
        assert_eq!(gone("[chat]\ngone_after = \"5m\"").unwrap(), Some(300_000));
        assert_eq!(
            gone("[chat]\nnews = \"off\"\ngone_after = \"5m\"").unwrap(),
            None
        );
        for bad in [
            "news = \"all\"",
            "gone_after = \"3s\"",
            "gone_after = \"2d\"",
        ] {
            assert!(gone(&format!("[chat]\n{bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn how_runs_are_shown_can_be_said() {
        assert_eq!(style("").unwrap(), standard());
        assert_eq!(style("[chat]\n").unwrap(), standard());
        let said = style("[chat]\nthread = \"auto\"\nsame_but_for = [\"time\", \"pid\"]").unwrap();
        assert_eq!(said.threads, Threads::Auto);
        assert_eq!(said.same_but.to_string(), "process ids and times");
        assert_eq!(said.new_card_ms, 55 * 60_000);
        let age = |text: &str| style(&format!("[chat]\nnew_card_after = \"{text}\"")).unwrap();
        assert_eq!(age("10m").new_card_ms, 600_000);
        assert_eq!(
            age("0s").new_card_ms,
            0,
            "every end is a message of its own"
        );
        assert!(
            style("[chat]\nsame_but_for = []")
                .unwrap()
                .same_but
                .is_nothing()
        );
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_line() {
        for (bad, why) in [
            (
                "thread = \"never\"",
                "`never` is neither `always` nor `auto`",
            ),
            ("same_but_for = [\"host\", \"name\"]", "`name` is none of"),
            ("threads = \"auto\"", "threads"),
            ("thread = 1", "must be text"),
            ("new_card_after = \"1h\"", "from 0s to 55m"),
            ("new_card_after = \"5\"", "from 0s to 55m"),
        ] {
            let error = style(&format!("[chat]\n{bad}")).unwrap_err();
            assert!(error.contains(why) && error.contains(":3"), "{error}");
        }
    }
}
