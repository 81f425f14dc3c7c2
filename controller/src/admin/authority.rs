//! The authority, asked for on the admin socket and nowhere else.

use std::time::UNIX_EPOCH;

use shanty_certs::ca::CaKey;
use shanty_core::authority::AuthorityKey;
use shanty_core::principal::Actor;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::text::duration;
use shanty_proto::v1;
use tonic::{Response, Status};
use zeroize::Zeroizing;

use super::{Admin, Answered};
use crate::authority::{Status as Stands, Takeup};
use crate::status::status;

/// Longest time within which hosts take up a key, milliseconds.
const OVER_MS_MAX: u64 = 7 * 86_400_000;

impl Admin {
    pub(super) async fn authority_stands(&self) -> Answered<v1::CaStatusReply> {
        let stands = self.authority.status().await;
        let stands = stands.map_err(|refusal| status(&refusal))?;
        Ok(Response::new(reply(&stands)))
    }

    pub(super) async fn rotated(
        &self,
        by: Actor,
        request: v1::CaRotateRequest,
    ) -> Answered<v1::CaStatusReply> {
        let (key, over_ms) = (key(request.key())?, request.over_ms);
        if over_ms > OVER_MS_MAX {
            let what = format!(
                "Hosts take up a key within {} at most.",
                duration(OVER_MS_MAX)
            );
            let next = "Give a shorter time with --over.";
            return Err(status(&Refusal::new(Code::Duration, what, next)));
        }
        let root_key = Some(Zeroizing::new(request.root_key)).filter(|key| !key.is_empty());
        let rotated = match key {
            AuthorityKey::Issuing => self.authority.rotate_issuing(by, root_key, over_ms).await,
            AuthorityKey::Orders => self.authority.rotate_orders(by).await,
        };
        rotated.map_err(|refusal| status(&refusal))?;
        self.authority_stands().await
    }

    pub(super) async fn retired(
        &self,
        by: Actor,
        request: v1::CaRetireRequest,
    ) -> Answered<v1::CaRetireReply> {
        let key = key(request.key())?;
        let retired = self.authority.retire(by, key, request.force).await;
        let lost = retired.map_err(|refusal| status(&refusal))?;
        let lost = lost.into_iter().map(|(_, name)| name.to_string());
        Ok(Response::new(v1::CaRetireReply {
            lost: lost.collect(),
        }))
    }

    pub(super) async fn root_exported(
        &self,
        by: Actor,
        request: v1::CaExportRequest,
    ) -> Answered<v1::CaExportReply> {
        let shown = Zeroizing::new(request.shred);
        let mut reply = v1::CaExportReply {
            root: self.authority.root_pem(),
            key: Vec::new(),
        };
        if !shown.is_empty() {
            let shredded = self.authority.shred_root_key(by, shown).await;
            shredded.map_err(|refusal| status(&refusal))?;
        } else if request.key {
            let key = self.authority.root_key(by).await;
            reply.key = key.map_err(|refusal| status(&refusal))?.to_vec();
        }
        Ok(Response::new(reply))
    }
}

fn key(key: v1::AuthorityKey) -> Result<AuthorityKey, Status> {
    match key {
        v1::AuthorityKey::Issuing => Ok(AuthorityKey::Issuing),
        v1::AuthorityKey::Orders => Ok(AuthorityKey::Orders),
        v1::AuthorityKey::Unspecified => Err(Status::invalid_argument("`key` is missing")),
    }
}

fn reply(stands: &Stands) -> v1::CaStatusReply {
    let ca = &stands.ca;
    let former = ca.former.as_ref().map(certified);
    let issuing = stands.issuing.iter();
    let issuing = issuing.map(|takeup| rotation(v1::AuthorityKey::Issuing, former.clone(), takeup));
    let orders = stands.order_keys.iter();
    let orders = orders.map(|takeup| {
        let former = stands.former_orders.as_deref().map(named);
        rotation(v1::AuthorityKey::Orders, former, takeup)
    });
    v1::CaStatusReply {
        root: Some(certified(&ca.root)),
        root_key: ca.root_key,
        issuing: Some(certified(&ca.issuing)),
        controller: Some(certified(&ca.controller)),
        orders: Some(named(&stands.orders)),
        rotations: issuing.chain(orders).collect(),
    }
}

fn rotation(key: v1::AuthorityKey, former: Option<v1::CaKey>, takeup: &Takeup) -> v1::CaRotation {
    let names = |hosts: &[(_, shanty_core::ids::HostName)]| {
        hosts.iter().map(|(_, name)| name.to_string()).collect()
    };
    v1::CaRotation {
        key: key.into(),
        former,
        since_ms: takeup.since_ms,
        taken: takeup.taken as u64,
        pending: names(&takeup.pending),
        away: names(&takeup.away),
    }
}

fn named(id: &str) -> v1::CaKey {
    v1::CaKey {
        pin: id.to_owned(),
        until_ms: 0,
    }
}

fn certified(key: &CaKey) -> v1::CaKey {
    let until = key.until.duration_since(UNIX_EPOCH).unwrap_or_default();
    v1::CaKey {
        pin: key.pin.to_string(),
        until_ms: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
    }
}
