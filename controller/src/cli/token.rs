//! `shanty token`: how hosts get in.

use clap::{Args, Subcommand};
use shanty_core::ids::Labels;
use shanty_core::text::{duration, parse_duration};
use shanty_proto::convert::{labels_from_wire, labels_to_wire};
use shanty_proto::v1;

use super::client::{Client, Failure};
use super::{AdminArgs, exit};
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
        /// How many hosts may join with it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        uses: u32,
        /// How long it is good for
        #[arg(long, value_name = "DURATION", default_value = "30m")]
        ttl: String,
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
        #[arg(allow_hyphen_values = true)]
        id: String,
        #[command(flatten)]
        admin: AdminArgs,
    },
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
            uses,
            ttl,
            admin,
        } => create(&labels, uses, &ttl, &admin).await,
        TokenCommand::List { admin } => list(&admin).await,
        TokenCommand::Revoke { id, admin } => {
            let client = Client::connect(&admin).await?;
            let request = v1::TokenRevokeRequest { id: id.clone() };
            client
                .call(|mut api| async move { api.token_revoke(request).await })
                .await?;
            if admin.json {
                println!("{}", serde_json::json!({"event": "revoked", "id": id}));
            } else {
                println!("{id} is void.");
            }
            Ok(exit::OK)
        }
    }
}

async fn create(labels: &str, uses: u32, ttl: &str, admin: &AdminArgs) -> Result<u8, Failure> {
    let labels = Labels::parse(labels).map_err(|error| Failure::usage(error.to_string()))?;
    let ttl_ms = parse_duration(ttl).ok_or_else(|| {
        Failure::usage(format!(
            "`{ttl}` is not a duration: write a whole number and s, m, h or d"
        ))
    })?;
    let client = Client::connect(admin).await?;
    let request = v1::TokenCreateRequest {
        labels: labels_to_wire(&labels),
        uses_max: uses,
        ttl_ms,
    };
    let reply = client
        .call(|mut api| async move { api.token_create(request).await })
        .await?;
    if admin.json {
        let event = serde_json::json!({
            "event": "token", "token": reply.token, "id": reply.id, "join": reply.join,
            "expires_ms": reply.expires_ms,
        });
        println!("{event}");
        return Ok(exit::OK);
    }
    println!("{}", reply.token);
    eprintln!("On the server, as the user that the agent is for:");
    eprintln!(
        "  SHANTY_TOKEN=<the line above> shanty-agent join --server {}",
        reply.join
    );
    eprintln!("  shanty-agent run");
    let uses = if uses == 1 {
        "one host".to_owned()
    } else {
        format!("{uses} hosts")
    };
    eprintln!("It is good for {uses} and {ttl}.");
    Ok(exit::OK)
}

async fn list(admin: &AdminArgs) -> Result<u8, Failure> {
    let client = Client::connect(admin).await?;
    let request = v1::Empty {};
    let reply = client
        .call(|mut api| async move { api.token_list(request).await })
        .await?;
    if reply.tokens.is_empty() && !admin.json {
        println!("There are no tokens.");
    }
    for token in &reply.tokens {
        if admin.json {
            let event = serde_json::json!({
                "id": token.id, "labels": token.labels, "uses": token.uses, "uses_max": token.uses_max,
                "expires_ms": token.expires_ms, "revoked": token.revoked,
            });
            println!("{event}");
            continue;
        }
        let left = token.expires_ms.saturating_sub(now_ms());
        let state = match (token.revoked, left, token.uses >= token.uses_max) {
            (true, _, _) => "revoked".to_owned(),
            (false, _, true) => "used up".to_owned(),
            (false, 0, false) => "expired".to_owned(),
            (false, left, false) => format!("good for {}", duration(left)),
        };
        let labels = labels_from_wire(&token.labels)
            .map(|l| l.to_string())
            .unwrap_or_default();
        println!(
            "{}  {}/{} used  {state}  {labels}",
            token.id, token.uses, token.uses_max
        );
    }
    Ok(exit::OK)
}
