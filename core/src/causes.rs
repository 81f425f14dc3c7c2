//! The causes of an error, as logs and people see them.

use std::error::Error;

/// An error and its causes as one line: `connect to web:1: connection refused`. A cause that repeats its effect is left out.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

/// The cause that has none itself; the error when nothing caused it.
#[must_use]
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (text, deeper) = texts.split_first().unwrap();
        let source = (!deeper.is_empty()).then(|| Box::new(layers(deeper)));
        Layer { text, source }
    }

    #[test]
    fn causes_follow_without_repetition() {
        let error = layers(&["connect to web:1", "TLS", "TLS", "connection refused"]);
        assert_eq!(chain(&error), "connect to web:1: TLS: connection refused");
        assert_eq!(innermost(&error).to_string(), "connection refused");
        assert_eq!(chain(&layers(&["deep"])), "deep");
        assert_eq!(innermost(&layers(&["deep"])).to_string(), "deep");
    }
}
