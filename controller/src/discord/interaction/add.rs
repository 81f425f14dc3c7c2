//! A line with which another host joins. The token in it is drawn here: the hub knows its hash only, and nobody but who asked sees it.

use shanty_core::ask::{Answer, Ask, TokenRequest};
use shanty_core::ids::Labels;
use shanty_core::install::RunAs;
use shanty_core::limits;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::text::parse_duration;
use shanty_core::view::{self, Audience, Card};

use super::{refuse, show};
use crate::discord::Edge;
use crate::discord::commands::{AddHost, Invocation};

/// Shows the line.
pub(super) async fn host(edge: &Edge, invocation: &Invocation, typed: &AddHost) {
    match line(edge, invocation, typed).await {
        Ok(card) => show(edge, invocation, &card, Audience::Asker).await,
        Err(refusal) => refuse(edge, invocation, &refusal).await,
    }
}

async fn line(edge: &Edge, invocation: &Invocation, typed: &AddHost) -> Result<Card, Refusal> {
    let (labels, uses_max, ttl_ms, run_as) = read(typed)?;
    let token = edge.installer.token()?;
    let request = TokenRequest {
        id: token.id(),
        secret_sha256: token.secret_sha256(),
        labels,
        names: typed.names.trim().to_owned(),
        uses_max,
        ttl_ms,
    };
    // Whoever may not learns nothing else.
    let ask = Ask::CreateToken(request.clone());
    edge.hub.would(&invocation.asker(), &ask).await?;
    let place = edge.installer.place().await?;
    match edge.hub.ask(invocation.asker(), ask).await? {
        Answer::TokenCreated { expires_ms } => {
            let token = token.reveal();
            let token = (token.as_str(), &request);
            Ok(view::add_host_card(&place, token, &run_as, expires_ms))
        }
        _ => Err(Refusal::new(
            Code::Stale,
            "The controller did not say that a token was made.",
            "Type /host add again.",
        )),
    }
}

/// What was typed as what it means; the usual where nothing was.
fn read(typed: &AddHost) -> Result<(Labels, u32, u64, RunAs), Refusal> {
    let refuse =
        |code, what: String, next| Refusal::new(code, format!("{what} No token was made."), next);
    let labels = Labels::parse(typed.labels.trim()).map_err(|error| {
        refuse(
            Code::Label,
            format!("{error}."),
            "Write for example `role=web,env=prod`.",
        )
    })?;
    let uses = match typed.uses.trim() {
        "" => Some(1),
        uses => uses.parse().ok(),
    };
    let uses = uses.ok_or_else(|| {
        refuse(
            Code::BadOption,
            "`uses` is not a number.".to_owned(),
            "Write for example `5`.",
        )
    })?;
    let ttl = match typed.ttl.trim() {
        "" => Some(limits::TOKEN_MS.0),
        ttl => parse_duration(ttl),
    };
    let ttl = ttl.ok_or_else(|| {
        refuse(
            Code::Duration,
            "`ttl` is no duration.".to_owned(),
            "Write for example `30m` or `2h`.",
        )
    })?;
    let run_as = typed.run_as.parse().map_err(|error| {
        refuse(
            Code::RunAs,
            format!("`as` cannot be read: {error}."),
            "Write for example `deploy,postgres`.",
        )
    })?;
    Ok((labels, uses, ttl, run_as))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(labels: &str, uses: &str, ttl: &str, run_as: &str) -> Result<String, String> {
        let typed = AddHost {
            labels: labels.to_owned(),
            names: String::new(),
            uses: uses.to_owned(),
            ttl: ttl.to_owned(),
            run_as: run_as.to_owned(),
        };
        read(&typed)
            .map(|(labels, uses, ttl_ms, run_as)| format!("{labels}|{uses}|{ttl_ms}|{run_as}"))
            .map_err(|refusal| refusal.code.as_str().to_owned())
    }

    #[test]
    fn what_is_left_out_is_the_usual_and_what_cannot_be_read_is_told() {
        assert_eq!(typed("", "", "", "").unwrap(), "|1|1800000|");
        let all = typed("role=web,env=prod", " 5", "2h", "deploy, root");
        assert_eq!(all.unwrap(), "env=prod role=web|5|7200000|deploy,root");
        for (labels, uses, ttl, run_as, code) in [
            ("role", "", "", "", "E_LABEL"),
            ("", "some", "", "", "E_OPTION"),
            ("", "-1", "", "", "E_OPTION"),
            ("", "", "soon", "", "E_DURATION"),
            ("", "", "", "$(reboot)", "E_RUN_AS"),
        ] {
            assert_eq!(typed(labels, uses, ttl, run_as), Err(code.to_owned()));
        }
    }
}
