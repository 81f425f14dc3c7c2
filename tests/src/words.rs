//! What people are shown, without what is another one in each world.

/// A text without the ids of Discord in it: they are drawn anew in each world.
#[must_use]
pub fn without_ids(text: &str) -> String {
    let runs = text.split(|c: char| !c.is_ascii_digit());
    let ids = runs.filter(|run| run.len() > 15);
    ids.fold(text.to_owned(), |shown, id| shown.replace(id, "…"))
}
