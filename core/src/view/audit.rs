//! What is posted of the journal, so that somebody else keeps it.

use crate::journal::Anchor;
use crate::text::thousands;

/// Where the journal is, in one line that can be checked later.
#[must_use]
pub fn anchor_text(anchor: &Anchor) -> String {
    format!(
        "-# Journal at record {}. Whether it still says the same: `shanty audit verify --anchor {anchor}`",
        thousands(anchor.seq)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_posted_can_be_pasted() {
        let anchor = Anchor {
            seq: 1_234,
            digest: [0xab; 32],
        };
        let text = anchor_text(&anchor);
        let typed = text
            .split("--anchor ")
            .nth(1)
            .unwrap()
            .trim_end_matches('`');
        assert_eq!(typed.parse(), Ok(anchor));
        assert!(
            text.contains("record 1,234.") && !text.contains('\n'),
            "{text}"
        );
    }
}
