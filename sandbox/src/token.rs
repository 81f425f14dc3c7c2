//! Secrets that the sandbox hands out: the bot's token, interaction tokens, session ids.
//!
//! Fresh at every start and worth nothing outside of this process.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::snowflake::Snowflake;

/// A bot token in Discord's form; some clients read the application's id from its first part.
pub(crate) fn bot(application: Snowflake) -> String {
    let id = URL_SAFE_NO_PAD.encode(application.to_string());
    format!("{id}.{}.{}", random::<4>(), random::<28>())
}

/// A token of one interaction.
pub(crate) fn interaction() -> String {
    random::<64>()
}

/// A token by which a program acts as a person who allowed it to.
pub(crate) fn bearer() -> String {
    random::<24>()
}

/// An id of a gateway session.
pub(crate) fn session() -> String {
    hex()
}

/// What stands in the address of one start, as a part of a path.
pub(crate) fn key() -> String {
    hex()
}

/// What stands in the address of one file, as a value of a query.
pub(crate) fn sign() -> String {
    hex()
}

fn hex() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random<const N: usize>() -> String {
    let mut bytes = [0; N];
    fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("invariant: the operating system has randomness");
}
