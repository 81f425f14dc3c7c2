//! Discord's Markdown to HTML that is safe to put into a page: text in, HTML out.
//!
//! Follows the rules of Discord's clients, which are those of the simple-markdown parser and not of CommonMark: fences open
//! in the middle of a line, line breaks and blank lines stay, entities and HTML are plain text, there is no lazy
//! continuation. A CommonMark parser (comrak, pulldown-cmark) decides the opposite in each of these before one can say
//! otherwise, so the blocks and spans are read here; escape sequences of terminals are read by `anstyle-parse`.
//!
//! Promises, for any input: only the tags and attributes written in `write`, all text escaped, links to `http` and `https`
//! only, time linear in the text, nesting and size bounded. It knows names through `Names` and nothing else of the world.

use crate::snowflake::Snowflake;

mod ansi;
mod block;
mod fence;
mod inline;
mod link;
mod marks;
mod tag;
mod when;
mod write;

use block::State;
use write::Page;

/// Bytes of a text that is interpreted; Discord's longest text has 4,096 characters. What is longer is shown as it is.
const SOURCE_MAX: usize = 32 * 1024;

/// Someone or something that a mention names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The name, without `@` or `#`.
    pub(crate) name: String,
    /// Whether it is the reader, or a role of theirs.
    pub(crate) me: bool,
}

/// What the text's mentions and links mean to the person who reads it.
pub(crate) trait Names {
    /// The person with this id.
    fn user(&self, id: Snowflake) -> Option<Named>;
    /// The role with this id.
    fn role(&self, id: Snowflake) -> Option<Named>;
    /// The name of a channel that the reader sees.
    fn channel(&self, id: Snowflake) -> Option<String>;
    /// Whether `@everyone` and `@here` call the reader.
    fn everyone(&self) -> bool;
    /// Whether `host:port` of a link means this server.
    fn is_home(&self, authority: &str) -> bool;
    /// `host:port` of this server, for links into it.
    fn home(&self) -> String;
}

/// A text with blocks: a message, a text display, the description of an embed.
pub(crate) fn html(text: &str, names: &dyn Names) -> String {
    let mut page = Page::new(names);
    if text.len() > SOURCE_MAX {
        page.text(text);
    } else {
        block::write(&mut page, text, State::default());
    }
    page.finish()
}

/// A text of one line, in which headings, lists and quotes mean nothing: the title of an embed.
pub(crate) fn html_line(text: &str, names: &dyn Names) -> String {
    let mut page = Page::new(names);
    if text.len() > SOURCE_MAX {
        page.text(text);
    } else {
        inline::write(&mut page, text);
    }
    page.finish()
}

#[cfg(test)]
mod tests;
