//! How the authority stands, in words and as JSON.

use shanty_core::selector::fold::fold;
use shanty_core::text::{count, utc};
use shanty_core::view::terminal::one_line;
use shanty_proto::v1;

pub(super) fn text(status: &v1::CaStatusReply) -> String {
    let row = |name: &str, key: Option<&v1::CaKey>, more: &str| {
        let key = key.cloned().unwrap_or_default();
        let until = match key.until_ms {
            0 => "-".to_owned(),
            until_ms => format!("until {} UTC", utc(until_ms)),
        };
        format!("{name:<12}{until:<28}{}{more}\n", one_line(&key.pin))
    };
    let here = match status.root_key {
        true => "  its key is on the controller",
        false => "  its key is kept elsewhere",
    };
    let mut all = row("root", status.root.as_ref(), here);
    all.push_str(&row("issuing", status.issuing.as_ref(), ""));
    all.push_str(&row("controller", status.controller.as_ref(), ""));
    all.push_str(&row("orders", status.orders.as_ref(), ""));
    for rotation in &status.rotations {
        all.push_str(&rotating(rotation));
    }
    if status.rotations.is_empty() {
        all.push_str("No rotation is under way.\n");
    }
    all
}

fn rotating(rotation: &v1::CaRotation) -> String {
    let since = match rotation.since_ms {
        0 => String::new(),
        since_ms => format!(" since {} UTC", utc(since_ms)),
    };
    let former = rotation.former.clone().unwrap_or_default().pin;
    let missing = rotation.pending.len() + rotation.away.len();
    let all = missing as u64 + rotation.taken;
    let mut text = format!(
        "A rotation of the {} is under way{since}: {} of {} {} the new one.\n  the former: {}\n",
        said(rotation.key()),
        rotation.taken,
        count(usize::try_from(all).unwrap_or(usize::MAX), "host"),
        if all == 1 { "has" } else { "have" },
        one_line(&former),
    );
    let names = |names: &[String]| fold(names.iter().map(String::as_str));
    if !rotation.pending.is_empty() {
        let pending = names(&rotation.pending);
        text.push_str(&format!("  about to take it up: {}\n", one_line(&pending)));
    }
    if !rotation.away.is_empty() {
        let away = names(&rotation.away);
        text.push_str(&format!(
            "  away, and take it up when they come back: {}\n",
            one_line(&away)
        ));
    }
    text.push_str(match missing {
        0 => "  The former is retired in a moment.\n",
        _ => "  The former is retired when all have it.\n",
    });
    text
}

const fn said(key: v1::AuthorityKey) -> &'static str {
    match key {
        v1::AuthorityKey::Issuing => "issuing certificate",
        v1::AuthorityKey::Orders => "key for orders",
        v1::AuthorityKey::Unspecified => "key",
    }
}

pub(super) fn json(status: &v1::CaStatusReply) -> serde_json::Value {
    let key = |key: Option<&v1::CaKey>| {
        let key = key.cloned().unwrap_or_default();
        serde_json::json!({
            "pin": key.pin, "until_ms": (key.until_ms > 0).then_some(key.until_ms),
        })
    };
    let rotation = |rotation: &v1::CaRotation| {
        let name = match rotation.key() {
            v1::AuthorityKey::Issuing => "issuing",
            v1::AuthorityKey::Orders => "orders",
            v1::AuthorityKey::Unspecified => "unknown",
        };
        serde_json::json!({
            "key": name, "former": key(rotation.former.as_ref()), "since_ms": rotation.since_ms,
            "taken": rotation.taken, "pending": rotation.pending, "away": rotation.away,
        })
    };
    let rotations: Vec<_> = status.rotations.iter().map(rotation).collect();
    serde_json::json!({
        "event": "ca", "root": key(status.root.as_ref()), "root_key_here": status.root_key,
        "issuing": key(status.issuing.as_ref()), "controller": key(status.controller.as_ref()),
        "orders": key(status.orders.as_ref()), "rotations": rotations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_stands_is_said_whole() {
        let key = |pin: &str, until_ms| {
            Some(v1::CaKey {
                pin: pin.to_owned(),
                until_ms,
            })
        };
        let mut status = v1::CaStatusReply {
            root: key("sha256:aa", 2_111_000_000_000),
            root_key: true,
            issuing: key("sha256:bb", 1_827_000_000_000),
            controller: key("sha256:cc", 1_827_000_000_000),
            orders: key("00ff", 0),
            rotations: Vec::new(),
        };
        let quiet = text(&status);
        status.root_key = false;
        status.rotations = vec![
            v1::CaRotation {
                key: v1::AuthorityKey::Issuing.into(),
                former: key("sha256:dd", 1_800_000_000_000),
                since_ms: 1_795_000_000_000,
                taken: 20,
                pending: vec!["web-01".to_owned(), "web-02".to_owned()],
                away: vec!["db-01".to_owned()],
            },
            v1::CaRotation {
                key: v1::AuthorityKey::Orders.into(),
                taken: 1,
                ..v1::CaRotation::default()
            },
        ];
        let json = serde_json::to_string_pretty(&json(&status)).unwrap();
        insta::assert_snapshot!(format!("{quiet}----\n{}----\n{json}", text(&status)));
    }
}
