//! May this order be carried out here? Every rule for orders is in this file; what follows it believes the order.
//!
//! The controller checks most of this too. An agent does not rely on it.

use std::path::Path;

use nix::unistd::Uid;
use prost::Message as _;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_core::refusal::Code;
use shanty_proto::v1;
use shanty_proto::v1::execution_order::What;

use super::{ClockOffset, Config, Refusal};
use crate::shim::command::{Account, AccountError};

/// Longest word, value or path, bytes: Linux refuses arguments from 128 KiB.
const WORD_BYTES_MAX: usize = 100 * 1024;

/// Most words of a command and most variables of an environment.
const WORDS_MAX: usize = 1_024;

/// Longest name of a variable, bytes.
const NAME_BYTES_MAX: usize = 128;

/// Variables that make a program load, find or interpret something else (the list of sudo's `env_delete`, widened), and those that
/// the shim itself sets.
const NAMES_REFUSED: [&str; 46] = [
    "AUTHSTATE",
    "BASHOPTS",
    "BASH_ENV",
    "CDPATH",
    "DLC_ACE",
    "ENV",
    "FPATH",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLOBIGNORE",
    "HOME",
    "HOSTALIASES",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "KRB5_KTNAME",
    "LIBPATH",
    "LOCALDOMAIN",
    "LOGNAME",
    "NLSPATH",
    "NODE_OPTIONS",
    "NULLCMD",
    "PATH",
    "PATH_LOCALE",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PERLIO_DEBUG",
    "PERLLIB",
    "PS4",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONUSERBASE",
    "READNULLCMD",
    "RES_OPTIONS",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SHLIB_PATH",
    "TERMCAP",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TERMPATH",
    "USER",
    "ZDOTDIR",
];

/// Beginnings of such names.
const PREFIXES_REFUSED: [&str; 7] = [
    "LD_",
    "_RLD",
    "DYLD_",
    "BASH_FUNC_",
    "KRB5_CONFIG",
    "SHANTY_",
    "TMPPREFIX",
];

/// An order that names a run of ours; the rest is still to be checked.
pub(super) struct Parsed {
    pub(super) run: RunId,
    pub(super) order: v1::ExecutionOrder,
}

/// Parses exactly the bytes that the controller sent.
pub(super) fn parse(bytes: &[u8], us: AgentId) -> Result<Parsed, Refusal> {
    let max = limits::ORDER_BYTES_MAX;
    if bytes.len() > max {
        let text = format!(
            "The order has {} bytes, over the limit of {max}.",
            bytes.len()
        );
        return Err(Refusal::new(Code::TooLong, text));
    }
    let order = v1::ExecutionOrder::decode(bytes)
        .map_err(|_| Refusal::new(Code::Unsupported, "The order cannot be parsed."))?;
    let id = |error| {
        Refusal::new(
            Code::Unsupported,
            format!("The order is malformed: {error}."),
        )
    };
    let run: RunId = order.run.parse().map_err(id)?;
    let agent: AgentId = order.agent.parse().map_err(id)?;
    if agent != us {
        let text = format!("The order is for agent {agent}, and this is {us}.");
        return Err(Refusal::new(Code::Denied, text));
    }
    Ok(Parsed { run, order })
}

/// Checks everything else, and finds the user: none when that is the agent's own. Blocks: it looks at users and folders.
pub(super) fn check(
    order: &v1::ExecutionOrder,
    config: &Config,
    clock: ClockOffset,
) -> Result<Option<String>, Refusal> {
    in_time(order.not_after_ms, clock.now_ms())?;
    what(order.what.as_ref())?;
    for variable in &order.env {
        environment(variable)?;
    }
    bounded("variables in the environment", order.env.len(), WORDS_MAX)?;
    times(order)?;
    working_directory(&order.cwd)?;
    user(&order.run_as, &config.run_as)
}

fn in_time(not_after_ms: u64, now_ms: u64) -> Result<(), Refusal> {
    if now_ms > not_after_ms {
        let late = now_ms - not_after_ms;
        let text = format!("The order reached the host {late} ms too late and was not run.");
        return Err(Refusal::new(Code::Expired, text));
    }
    // What may start later than we remember what was started could start twice.
    if not_after_ms - now_ms > limits::ORDER_MEMORY_MS {
        let text = "The order is valid for longer than the agent remembers orders.";
        return Err(Refusal::new(Code::Expired, text));
    }
    Ok(())
}

fn what(what: Option<&What>) -> Result<(), Refusal> {
    let empty = || Refusal::new(Code::EmptyCommand, "The order has no command.");
    match what {
        Some(What::Command(text)) => {
            if text.trim().is_empty() {
                return Err(empty());
            }
            bounded(
                "bytes in the command",
                text.len(),
                limits::COMMAND_BYTES_MAX,
            )?;
            without_nul("The command", text)
        }
        Some(What::Argv(argv)) => {
            let program = argv.words.first().ok_or_else(empty)?;
            if !program.starts_with('/') {
                let text = "The first word of the command must be an absolute path.";
                return Err(Refusal::new(Code::BadChar, text));
            }
            bounded("words in the command", argv.words.len(), WORDS_MAX)?;
            for word in &argv.words {
                bounded("bytes in a word", word.len(), WORD_BYTES_MAX)?;
                without_nul("A word of the command", word)?;
            }
            Ok(())
        }
        None => Err(empty()),
    }
}

fn environment(variable: &v1::EnvVar) -> Result<(), Refusal> {
    let name = variable.name.as_str();
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !first || !rest || name.len() > NAME_BYTES_MAX {
        let text = "A variable of the environment has a name that is none.";
        return Err(Refusal::new(Code::BadChar, text));
    }
    let prefixed = PREFIXES_REFUSED
        .iter()
        .any(|prefix| name.starts_with(prefix));
    if prefixed || NAMES_REFUSED.contains(&name) {
        let text = format!("The variable {name} may not be set by an order.");
        return Err(Refusal::new(Code::Denied, text));
    }
    bounded("bytes in a variable", variable.value.len(), WORD_BYTES_MAX)?;
    without_nul("A variable of the environment", &variable.value)
}

fn times(order: &v1::ExecutionOrder) -> Result<(), Refusal> {
    let max = limits::TIMEOUT_MS_MAX;
    if order.timeout_ms > max || order.grace_ms > max {
        let text = format!("Timeout and grace are at most {max} ms.");
        return Err(Refusal::new(Code::Duration, text));
    }
    Ok(())
}

fn working_directory(cwd: &str) -> Result<(), Refusal> {
    if cwd.is_empty() {
        return Ok(());
    }
    without_nul("The working directory", cwd)?;
    bounded("bytes in the working directory", cwd.len(), 4_096)?;
    let path = Path::new(cwd);
    if !path.is_absolute() {
        let text = "The working directory must be an absolute path.";
        return Err(Refusal::new(Code::BadChar, text));
    }
    if !path.is_dir() {
        let text = format!(
            "The working directory {} is not a folder on this host.",
            cwd.escape_debug()
        );
        return Err(Refusal::new(Code::NotFound, text));
    }
    Ok(())
}

/// The user to become, by name; none for the agent's own. An empty name asks for the first that is allowed.
fn user(asked: &str, allowed: &[String]) -> Result<Option<String>, Refusal> {
    let refused = |text: String| Refusal::new(Code::RunAs, text);
    let own = Account::find(None).map_err(|error| refused(sentence(&error)))?;
    let name = match (asked, allowed.first()) {
        ("", Some(first)) => first.as_str(),
        ("", None) if Uid::effective().is_root() => {
            let text = "This agent is root and no user is configured that commands may run as.";
            return Err(refused(text.to_owned()));
        }
        ("", None) => return Ok(None),
        (asked, _) => asked,
    };
    let permitted = if allowed.is_empty() {
        name == own.name() && !Uid::effective().is_root()
    } else {
        allowed.iter().any(|user| user == name)
    };
    if !permitted {
        let shown: String = name.escape_debug().take(40).collect();
        return Err(refused(format!("This agent runs nothing as `{shown}`.")));
    }
    let account = Account::find(Some(name)).map_err(|error| refused(sentence(&error)))?;
    if account.name() == own.name() {
        return Ok(None);
    }
    if !Uid::effective().is_root() {
        let text = format!(
            "This agent is not root and cannot become {}.",
            account.name()
        );
        return Err(refused(text));
    }
    Ok(Some(account.name().to_owned()))
}

fn sentence(error: &AccountError) -> String {
    format!("The user cannot be used: {error}.")
}

fn bounded(what: &str, len: usize, max: usize) -> Result<(), Refusal> {
    if len > max {
        let text = format!("There are {len} {what}, over the limit of {max}.");
        return Err(Refusal::new(Code::TooLong, text));
    }
    Ok(())
}

fn without_nul(what: &str, text: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(Refusal::new(Code::BadChar, format!("{what} holds a NUL.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
