//! `shanty token`: how hosts get in.

use clap::{Args, Subcommand, ValueEnum};
use shanty_core::ids::Labels;
use shanty_core::install::{Place, RunAs};
use shanty_core::text::{duration, parse_duration};
use shanty_core::view::terminal::{Align, Cell, Column, Table, Tone, one_line};
use shanty_proto::convert::{labels_from_wire, labels_to_wire};
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::{AdminArgs, exit, not_empty, out};
use crate::clock::now_ms;

#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand, Debug)]
enum TokenCommand {
    /// Make a token; it is printed once
    Create {
        /// Labels that every host gets which joins with it
        #[arg(long, value_name = "KEY=VALUE,..", default_value = "")]
        labels: String,
        /// Names that hosts may join under with it, such as web-[01-20] or web-*; any when it is left out
        #[arg(long, value_name = "NAMES", value_parser = not_empty)]
        name: Option<String>,
        /// How many hosts may join with it
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is good for
        #[arg(long, value_name = "DURATION", default_value = "30m")]
        ttl: String,
        /// Print what installs an agent with it and joins, instead of the token alone
        #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "curl")]
        install: Option<Form>,
        /// Users that commands may run as there; the first is the default
        #[arg(
            long,
            value_name = "USER,USER",
            requires = "install",
            default_value = "",
            hide_default_value = true
        )]
        run_as: RunAs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// List tokens, without their secrets
    List {
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Void a token; hosts that joined with it stay
    Revoke {
        /// Its id, as listed
        #[arg(allow_hyphen_values = true, value_parser = not_empty)]
        id: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// What an agent is installed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One line for a shell, with curl
    Curl,
    /// The same with GNU wget
    Wget,
    /// The same for downloaders that know no pins: the script's digest is compared
    Digest,
    /// User data for a machine that is made
    CloudInit,
    /// A task of a playbook
    Ansible,
    /// Each of them
    All,
}

impl TokenArgs {
    pub(super) const fn admin(&self) -> &AdminArgs {
        match &self.command {
            TokenCommand::Create { admin, .. }
            | TokenCommand::List { admin }
            | TokenCommand::Revoke { admin, .. } => admin,
        }
    }
}

pub(super) async fn token(args: TokenArgs) -> Result<u8, Failure> {
    match args.command {
        TokenCommand::Create {
            labels,
            name,
            uses,
            ttl,
            install,
            run_as,
            admin,
        } => {
            let names = name.unwrap_or_default();
            let wanted = install.map(|form| (form, run_as));
            create((&labels, names), (uses, &ttl), wanted, &admin).await
        }
        TokenCommand::List { admin } => list(&admin).await,
        TokenCommand::Revoke { id, admin } => {
            let client = Client::connect(&admin).await?;
            let request = v1::TokenRevokeRequest { id: id.clone() };
            client
                .call(|mut api| async move { api.token_revoke(request).await })
                .await?;
            if admin.json {
                out::line(serde_json::json!({"event": "revoked", "id": id}))?;
            } else {
                out::line(format_args!("{} is void.", one_line(&id)))?;
            }
            Ok(exit::OK)
        }
    }
}

async fn create(
    (labels, names): (&str, String),
    (uses, ttl): (u32, &str),
    install: Option<(Form, RunAs)>,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let labels = Labels::parse(labels).map_err(|error| Failure::usage(error.to_string()))?;
    let ttl_ms = parse_duration(ttl).ok_or_else(|| {
        Failure::usage(format!(
            "`{ttl}` is not a duration: write a whole number and s, m, h or d"
        ))
    })?;
    let client = Client::connect(admin).await?;
    let request = v1::TokenCreateRequest {
        labels: labels_to_wire(&labels),
        uses_max: Some(uses),
        ttl_ms: Some(ttl_ms),
        names: names.clone(),
        install: install.is_some(),
    };
    let reply = client
        .call(|mut api| async move { api.token_create(request).await })
        .await?;
    if admin.json {
        out::line(made_json(&reply, install.as_ref()))?;
        return Ok(exit::OK);
    }
    match (&install, &reply.install) {
        (Some((form, run_as)), Some(place)) => {
            let place = place_from_wire(place);
            print_install(&place, *form, &reply.token, run_as)?;
        }
        (Some(_), None) => {
            let what = "this controller is older and installs nothing: leave --install out";
            return Err(Failure::usage(what));
        }
        (None, _) => {
            out::line(reply.token)?;
            out::note("On the server, as the user that the agent is for:");
            out::note(format_args!(
                "  SHANTY_TOKEN=<the line above> shanty-agent join --server {}",
                reply.join
            ));
            out::note("  shanty-agent run");
        }
    }
    out::note(good_for(uses, &names, ttl));
    Ok(exit::OK)
}

fn made_json(reply: &v1::TokenCreateReply, install: Option<&(Form, RunAs)>) -> serde_json::Value {
    let mut event = serde_json::json!({
        "event": "token", "token": reply.token, "id": reply.id, "join": reply.join,
        "expires_ms": reply.expires_ms,
    });
    if let (Some((_, run_as)), Some(place)) = (install, &reply.install) {
        let place = place_from_wire(place);
        let of = |form| text_of(&place, form, &reply.token, run_as);
        event["install"] = serde_json::json!({
            "curl": of(Form::Curl), "wget": of(Form::Wget), "digest": of(Form::Digest),
            "cloud_init": of(Form::CloudInit), "ansible": of(Form::Ansible),
        });
    }
    event
}

fn place_from_wire(place: &v1::InstallPlace) -> Place {
    Place {
        address: place.address.clone(),
        pins: place.pins.clone(),
        script_sha256: place.script_sha256.clone(),
    }
}

fn print_install(place: &Place, form: Form, token: &str, run_as: &RunAs) -> Result<(), Failure> {
    if matches!(form, Form::Ansible | Form::All) {
        out::note(format_args!(
            "The token, for the variable `shanty_token` of the playbook: {token}"
        ));
    }
    out::line(text_of(place, form, token, run_as).trim_end())?;
    if form == Form::Curl {
        out::note(
            "Paste this line on the server. Others: --install=wget, digest, cloud-init or ansible.",
        );
    }
    Ok(())
}

fn text_of(place: &Place, form: Form, token: &str, run_as: &RunAs) -> String {
    match form {
        Form::Curl => place.with_curl(token, run_as),
        Form::Wget => place.with_wget(token, run_as),
        Form::Digest => place.with_digest(token, run_as),
        Form::CloudInit => place.cloud_init(token, run_as),
        Form::Ansible => place.ansible(run_as),
        Form::All => {
            let of = |form| text_of(place, form, token, run_as);
            format!(
                "# With curl\n{}\n\n# With GNU wget\n{}\n\n# With any wget: the script's digest is compared\n{}\n\n\
                 # User data for cloud-init\n{}\n# A task for Ansible\n{}",
                of(Form::Curl),
                of(Form::Wget),
                of(Form::Digest),
                of(Form::CloudInit),
                of(Form::Ansible)
            )
        }
    }
}

fn good_for(uses: u32, names: &str, ttl: &str) -> String {
    let uses = match uses {
        1 => "one host".to_owned(),
        uses => format!("{uses} hosts"),
    };
    match names.trim() {
        "" => format!("It is good for {uses}, for {ttl}."),
        names => format!(
            "It is good for {uses}, for {ttl}, under these names: {}.",
            one_line(names)
        ),
    }
}

async fn list(admin: &AdminArgs) -> Result<u8, Failure> {
    let client = Client::connect(admin).await?;
    let request = v1::Empty {};
    let reply = client
        .call(|mut api| async move { api.token_list(request).await })
        .await?;
    if admin.json {
        for token in &reply.tokens {
            out::line(serde_json::json!({
                "id": token.id, "labels": token.labels, "names": token.names, "uses": token.uses, "uses_max": token.uses_max,
                "expires_ms": token.expires_ms, "revoked": token.revoked,
            }))?;
        }
    } else if reply.tokens.is_empty() {
        out::line("There are no tokens.")?;
    } else {
        out::table(&table(&reply.tokens, now_ms()))?;
    }
    Ok(exit::OK)
}

fn table(tokens: &[v1::TokenInfo], now_ms: u64) -> Table {
    let mut table = Table::new(vec![
        Column::new("ID", Align::Left, 8),
        Column::new("USED", Align::Right, 4),
        Column::new("STATE", Align::Left, 8),
        Column::new("NAMES", Align::Left, 8),
        Column::new("LABELS", Align::Left, 8),
    ]);
    for token in tokens {
        let left = token.expires_ms.saturating_sub(now_ms);
        let state = match (token.revoked, left, token.uses >= token.uses_max) {
            (true, _, _) => Cell::toned(Tone::Dim, "revoked"),
            (false, _, true) => Cell::toned(Tone::Dim, "used up"),
            (false, 0, false) => Cell::toned(Tone::Dim, "expired"),
            (false, left, false) => {
                Cell::toned(Tone::Good, &format!("good for {}", duration(left)))
            }
        };
        let labels = labels_from_wire(&token.labels)
            .map(|l| l.to_string())
            .unwrap_or_default();
        table.push(vec![
            Cell::new(&token.id),
            Cell::new(&format!("{}/{} used", token.uses, token.uses_max)),
            state,
            Cell::new(names_of(token)),
            Cell::new(&labels),
        ]);
    }
    table
}

/// The names that hosts may join under.
fn names_of(token: &v1::TokenInfo) -> &str {
    match token.names.trim() {
        "" => "any",
        names => names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shanty_core::view::terminal::Look;

    #[test]
    fn tokens_are_told_by_what_they_are_good_for() {
        let token = |id: &str, uses, expires_ms, revoked, names: &str| v1::TokenInfo {
            id: id.to_owned(),
            labels: [("role".to_owned(), "web".to_owned())].into(),
            uses,
            uses_max: 10,
            expires_ms,
            revoked,
            names: names.to_owned(),
        };
        let tokens = [
            token("a1b2c3d4", 0, 1_801_000, false, "web-[01-20],db-*"),
            token("b2c3d4e5", 10, 1_801_000, false, ""),
            token("c3d4e5f6", 1, 500, false, "web-01"),
            token("d4e5f6a7", 1, 1_801_000, true, " "),
        ];
        insta::assert_snapshot!(table(&tokens, 1_000).render(Look::default()));
    }

    #[test]
    fn what_a_new_token_is_good_for_reads_well() {
        assert_eq!(good_for(1, "", "30m"), "It is good for one host, for 30m.");
        assert_eq!(
            good_for(3, " db-[1-3]\n", "2h"),
            "It is good for 3 hosts, for 2h, under these names: db-[1-3]."
        );
    }
}
