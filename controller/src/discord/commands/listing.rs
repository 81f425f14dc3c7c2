//! Which page of which list a button leads to. All of it stands in the custom id, so that a press works after a restart; a selector that
//! is too long for one is kept in the store, and the id has its digest.

use sha2::{Digest as _, Sha256};
use shanty_core::limits::NAME_CHARS_MAX;

/// Pages that an id can name.
const PAGE_MAX: usize = 99_999;

/// A page of a list of hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The page, from 0.
    pub page: usize,
    /// Of which hosts.
    pub of: Of,
}

/// The hosts of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// Those of this selector; all without one.
    Selector(String),
    /// Those of a selector that is kept under this key.
    Kept(String),
}

impl Of {
    /// How ids name this selector: itself when every id of the list has room for it.
    #[must_use]
    pub fn new(selector: &str) -> Self {
        let longest = Listing {
            page: PAGE_MAX,
            of: Self::Selector(selector.to_owned()),
        };
        if longest.page_id().len() <= NAME_CHARS_MAX {
            return longest.of;
        }
        let digest = Sha256::digest(selector.as_bytes());
        Self::Kept(hex::encode(digest.get(..12).unwrap_or_default()))
    }
}

impl Listing {
    /// The custom id of a button that shows this page.
    #[must_use]
    pub fn page_id(&self) -> String {
        self.id("hosts")
    }

    /// The custom id of the menu that picks one host of this page.
    #[must_use]
    pub fn menu_id(&self) -> String {
        self.id("host")
    }

    fn id(&self, verb: &str) -> String {
        let page = self.page.min(PAGE_MAX);
        match &self.of {
            Of::Selector(selector) => format!("v1:{verb}:{page}:={selector}"),
            Of::Kept(key) => format!("v1:{verb}:{page}:~{key}"),
        }
    }

    /// Reads what follows the verb of an id.
    #[must_use]
    pub fn parse(rest: &str) -> Option<Self> {
        let (page, of) = rest.split_once(':')?;
        let page: usize = page.parse().ok().filter(|page| *page <= PAGE_MAX)?;
        let of = match (of.strip_prefix('='), of.strip_prefix('~')) {
            (Some(selector), _) => Of::Selector(selector.to_owned()),
            (None, Some(key)) if key.len() == 24 && key.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Of::Kept(key.to_owned())
            }
            (None, _) => return None,
        };
        Some(Self { page, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_were_written_and_fit() {
        for selector in [
            "",
            "env=prod|stage !web-03",
            "a:b",
            &"x".repeat(80),
            &"x".repeat(6_000),
        ] {
            for page in [0, 7, PAGE_MAX] {
                let listing = Listing {
                    page,
                    of: Of::new(selector),
                };
                for id in [listing.page_id(), listing.menu_id()] {
                    assert!(id.len() <= NAME_CHARS_MAX, "{id}");
                    let rest = id.splitn(3, ':').nth(2).unwrap();
                    assert_eq!(Listing::parse(rest), Some(listing.clone()), "{id}");
                }
            }
        }
        assert!(matches!(Of::new(&"x".repeat(80)), Of::Selector(_)));
        assert!(matches!(Of::new(&"x".repeat(90)), Of::Kept(_)));
    }

    #[test]
    fn forged_ids_are_nothing() {
        for bad in [
            "",
            "1",
            "1:",
            "1:x",
            "-1:=a",
            "x:=a",
            "100000:=a",
            "1:~",
            "1:~../../x",
            "1:~zz",
        ] {
            assert_eq!(Listing::parse(bad), None, "{bad}");
        }
    }
}
