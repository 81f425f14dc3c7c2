//! Variables of the environment that an order may set.

use super::{OrderError, bounded, without_nul};
use crate::limits;

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

/// A variable that an order may set: one that takes over no program, and that can be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    name: String,
    value: String,
}

impl Variable {
    /// A variable from its two halves.
    ///
    /// # Errors
    /// A name that is none or that no order may set, or a value that cannot be one.
    pub fn new(name: String, value: String) -> Result<Self, OrderError> {
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !first || !rest || name.len() > limits::VARIABLE_NAME_BYTES_MAX {
            return Err(OrderError::Name);
        }
        let prefixed = PREFIXES_REFUSED
            .iter()
            .any(|prefix| name.starts_with(prefix));
        if prefixed || NAMES_REFUSED.contains(&name.as_str()) {
            return Err(OrderError::Variable(name));
        }
        let bytes_max = limits::ORDER_WORD_BYTES_MAX;
        bounded("bytes in a variable", value.len(), bytes_max)?;
        without_nul("a variable of the environment", &value)?;
        Ok(Self { name, value })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> OrderError {
        Variable::new(name.to_owned(), value.to_owned()).unwrap_err()
    }

    #[test]
    fn variables_that_take_over_programs_are_refused() {
        for name in [
            "LD_PRELOAD",
            "LD_X",
            "BASH_ENV",
            "PATH",
            "SHANTY_RUN",
            "IFS",
            "HOME",
            "PYTHONPATH",
        ] {
            let error = refused(name, "x");
            assert_eq!(error, OrderError::Variable(name.to_owned()));
            let said = format!("the variable {name} may not be set by an order");
            assert_eq!(error.to_string(), said);
        }
    }

    #[test]
    fn names_and_values_that_are_none_are_refused() {
        let long = "A".repeat(limits::VARIABLE_NAME_BYTES_MAX + 1);
        for name in [
            "",
            "1X",
            "A-B",
            "X\0",
            "BASH_FUNC_x%%",
            "A B",
            "\u{e4}",
            &long,
        ] {
            assert_eq!(refused(name, "x"), OrderError::Name, "{name}");
        }
        let nul = OrderError::Nul("a variable of the environment");
        assert_eq!(refused("A", "x\0"), nul);
        let long = "x".repeat(limits::ORDER_WORD_BYTES_MAX + 1);
        assert!(matches!(refused("A", &long), OrderError::Over { .. }));
        let good = Variable::new("_A1".to_owned(), "B=C\n".to_owned()).unwrap();
        assert_eq!((good.name(), good.value()), ("_A1", "B=C\n"));
    }
}
