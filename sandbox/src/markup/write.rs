//! Writes the HTML: the only place where a tag or an attribute is made, and where text is escaped.
//!
//! Callers name elements from a closed set; nothing of the author's text is ever a tag, an attribute's name or a class.

use super::Names;

/// Elements without attributes of the author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Strong,
    Em,
    Underline,
    Strike,
    Spoiler,
    Quote,
    Item,
    Unordered,
    Ordered,
    Heading(u8),
    Small,
}

impl Element {
    const fn open(self) -> &'static str {
        match self {
            Self::Strong => "<strong>",
            Self::Em => "<em>",
            Self::Underline => "<u>",
            Self::Strike => "<s>",
            Self::Spoiler => "<span class=\"spoiler\">",
            Self::Quote => "<blockquote>",
            Self::Item => "<li>",
            Self::Unordered => "<ul>",
            Self::Ordered => "<ol>",
            Self::Heading(1) => "<h1>",
            Self::Heading(2) => "<h2>",
            Self::Heading(_) => "<h3>",
            Self::Small => "<small class=\"sub\">",
        }
    }

    const fn close(self) -> &'static str {
        match self {
            Self::Strong => "</strong>",
            Self::Em => "</em>",
            Self::Underline => "</u>",
            Self::Strike => "</s>",
            Self::Spoiler => "</span>",
            Self::Quote => "</blockquote>",
            Self::Item => "</li>",
            Self::Unordered => "</ul>",
            Self::Ordered => "</ol>",
            Self::Heading(1) => "</h1>",
            Self::Heading(2) => "</h2>",
            Self::Heading(_) => "</h3>",
            Self::Small => "</small>",
        }
    }
}

/// HTML in the making, and the names that it asks for.
pub(super) struct Page<'a> {
    out: String,
    pub(super) names: &'a dyn Names,
}

impl<'a> Page<'a> {
    pub(super) const fn new(names: &'a dyn Names) -> Self {
        Self {
            out: String::new(),
            names,
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    pub(super) fn open(&mut self, element: Element) {
        self.out.push_str(element.open());
    }

    pub(super) fn close(&mut self, element: Element) {
        self.out.push_str(element.close());
    }

    /// Opens an ordered list that counts from `start`.
    pub(super) fn open_ordered(&mut self, start: u64) {
        if start == 1 {
            return self.open(Element::Ordered);
        }
        self.tag("ol", &[("start", &start.to_string())]);
    }

    pub(super) fn line_break(&mut self) {
        self.out.push_str("<br>");
    }

    /// Text, escaped. Control characters other than line feed and tab have no meaning in HTML and are left out.
    pub(super) fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                '\n' | '\t' => self.out.push(c),
                c if is_unfit(c) => {}
                c => self.out.push(c),
            }
        }
    }

    /// Code within a line.
    pub(super) fn code(&mut self, code: &str) {
        self.out.push_str("<code>");
        self.text(code);
        self.out.push_str("</code>");
    }

    /// Opens a block of code in a language whose name has been made fit for a class.
    pub(super) fn open_fence(&mut self, language: &str) {
        self.out.push_str("<pre>");
        if language.is_empty() {
            self.out.push_str("<code>");
        } else {
            self.tag("code", &[("class", &format!("lang-{language}"))]);
        }
    }

    pub(super) fn close_fence(&mut self) {
        self.out.push_str("</code></pre>");
    }

    /// A `span` of text with attributes.
    pub(super) fn span(&mut self, attributes: &[(&str, &str)], text: &str) {
        self.tag("span", attributes);
        self.text(text);
        self.out.push_str("</span>");
    }

    /// A point in time.
    pub(super) fn time(&mut self, attributes: &[(&str, &str)], text: &str) {
        self.tag("time", attributes);
        self.text(text);
        self.out.push_str("</time>");
    }

    /// Opens a link that leads out of the page.
    pub(super) fn open_link(&mut self, href: &str, title: Option<&str>) {
        let mut attributes = vec![("href", href)];
        attributes.extend(title.map(|title| ("title", title)));
        attributes.push(("rel", "noopener noreferrer nofollow"));
        attributes.push(("target", "_blank"));
        self.tag("a", &attributes);
    }

    /// Opens a link into the page itself.
    pub(super) fn open_jump(&mut self, href: &str, channel: &str, message: Option<&str>) {
        let mut attributes = vec![
            ("class", "mention"),
            ("href", href),
            ("data-channel", channel),
        ];
        attributes.extend(message.map(|message| ("data-message", message)));
        self.tag("a", &attributes);
    }

    pub(super) fn close_link(&mut self) {
        self.out.push_str("</a>");
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            self.text(value);
            self.out.push('"');
        }
        self.out.push('>');
    }
}

/// Whether HTML has no place for the character: controls and non-characters.
fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fdd0}'..='\u{fdef}') || u32::from(c) & 0xfffe == 0xfffe
}
