//! Emoji of reactions: how a path names one, and how Discord shows it.
//!
//! A Unicode emoji stands for itself; a custom one is `name:id` and must belong to a guild that exists.

use serde_json::{Value, json};

use crate::snowflake::Snowflake;

/// Code points of one Unicode emoji; the longest sequences (families, flags of regions) stay well below it.
const CODE_POINTS_MAX: usize = 16;
/// Selects the colourful form of a character that has two; Discord does not tell such forms apart.
const VARIATION: char = '\u{fe0f}';
const JOINER: char = '\u{200d}';
const KEYCAP: char = '\u{20e3}';

/// A custom emoji of a guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CustomEmoji {
    pub(crate) id: Snowflake,
    pub(crate) name: String,
    pub(crate) animated: bool,
}

impl CustomEmoji {
    /// Discord's emoji object, as a guild lists it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "roles": [], "require_colons": true, "managed": false,
            "animated": self.animated, "available": true,
        })
    }
}

/// The emoji of a reaction.
#[derive(Clone, Debug)]
pub(crate) enum Emoji {
    Unicode(String),
    Custom(CustomEmoji),
}

impl PartialEq for Emoji {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unicode(one), Self::Unicode(two)) => plain(one).eq(plain(two)),
            (Self::Custom(one), Self::Custom(two)) => one.id == two.id,
            (Self::Unicode(_), Self::Custom(_)) | (Self::Custom(_), Self::Unicode(_)) => false,
        }
    }
}

impl Emoji {
    /// Reads a path segment that is decoded already; `None` is an emoji that Discord does not know. `custom` finds those
    /// of guilds.
    pub(crate) fn read<'a>(
        text: &str,
        custom: impl FnOnce(Snowflake) -> Option<&'a CustomEmoji>,
    ) -> Option<Self> {
        if let Some((_, id)) = text.rsplit_once(':') {
            return custom(id.parse().ok()?).cloned().map(Self::Custom);
        }
        is_emoji(text).then(|| Self::Unicode(text.to_owned()))
    }

    /// Discord's partial emoji object.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Unicode(text) => json!({"id": null, "name": text}),
            Self::Custom(custom) => {
                json!({"id": custom.id, "name": custom.name, "animated": custom.animated})
            }
        }
    }
}

fn plain(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| *c != VARIATION)
}

/// Whether the text is exactly one emoji: a flag, or pictures that joiners hold together.
pub(crate) fn is_emoji(text: &str) -> bool {
    let chars: Vec<char> = plain(text).collect();
    if chars.len() > CODE_POINTS_MAX {
        return false;
    }
    if let [first, second] = chars.as_slice()
        && is_regional(*first)
    {
        return is_regional(*second);
    }
    chars.split(|c| *c == JOINER).all(is_picture)
}

/// One picture: a base, then skin tone, keycap or the tags of a region's flag.
fn is_picture(chars: &[char]) -> bool {
    match chars {
        [digit, KEYCAP] => digit.is_ascii_digit() || matches!(digit, '#' | '*'),
        [base, rest @ ..] => {
            is_base(*base)
                && rest
                    .iter()
                    .all(|c| matches!(c, '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}'))
        }
        [] => false,
    }
}

const fn is_regional(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// The blocks of Unicode that hold emoji; it does not matter here that they hold a few other signs too.
const fn is_base(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2194}'..='\u{21aa}'
        | '\u{231a}'..='\u{23ff}' | '\u{24c2}' | '\u{25aa}'..='\u{25fe}' | '\u{2600}'..='\u{27bf}'
        | '\u{2934}' | '\u{2935}' | '\u{2b05}'..='\u{2b55}' | '\u{3030}' | '\u{303d}' | '\u{3297}'
        | '\u{3299}' | '\u{1f000}'..='\u{1f1e5}' | '\u{1f200}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_emoji_and_nothing_else() {
        for good in ["✅", "❤️", "❤", "👍🏽", "🏳️‍🌈", "🇩🇪", "1️⃣", "👨‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
        {
            assert!(is_emoji(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "✅✅",
            "✅a",
            "1",
            "🇩",
            "\u{200d}",
            "hello:1",
            &"👍".repeat(99),
        ] {
            assert!(!is_emoji(bad), "{bad}");
        }
    }

    #[test]
    fn forms_of_one_emoji_are_the_same() {
        let one = |text: &str| Emoji::Unicode(text.to_owned());
        assert_eq!(one("❤️"), one("❤"));
        assert_ne!(one("❤"), one("✅"));
    }

    #[test]
    fn a_custom_emoji_must_exist() {
        let id: Snowflake = "7".parse().unwrap();
        let party = CustomEmoji {
            id,
            name: "party".into(),
            animated: true,
        };
        let read = |text: &str| Emoji::read(text, |asked| (asked == id).then_some(&party));
        for text in ["party:7", "a:party:7"] {
            assert_eq!(read(text).unwrap().json()["name"], "party");
        }
        for text in ["party:8", "party:x", "party:"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
