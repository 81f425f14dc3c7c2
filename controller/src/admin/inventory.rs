//! What is known of hosts, changed on the admin socket.

use shanty_core::ask::{Answer, Ask, InventoryAnswer, InventoryAsk, Question};
use shanty_core::principal::Asker;
use shanty_proto::v1;
use tonic::Response;

use super::{Admin, Answered, convert, odd};

impl Admin {
    pub(super) async fn labelled(
        &self,
        asker: Asker,
        request: v1::HostLabelRequest,
    ) -> Answered<v1::HostLabelReply> {
        let ask = Ask::Inventory(InventoryAsk::Label {
            on: request.selector,
            changes: request.changes,
        });
        match self.ask(asker, ask).await? {
            Answer::Inventory(InventoryAnswer::Labelled(changed)) => {
                Ok(Response::new(v1::HostLabelReply {
                    hosts: changed.iter().map(convert::labelled).collect(),
                }))
            }
            other => Err(odd(&other)),
        }
    }

    pub(super) async fn drained(
        &self,
        asker: Asker,
        request: v1::HostDrainRequest,
    ) -> Answered<v1::HostDrainReply> {
        let ask = Ask::Inventory(InventoryAsk::Drain {
            on: request.selector,
            drain: request.on,
        });
        match self.ask(asker, ask).await? {
            Answer::Inventory(InventoryAnswer::Drained { names, .. }) => {
                Ok(Response::new(v1::HostDrainReply {
                    names: names.iter().map(ToString::to_string).collect(),
                }))
            }
            other => Err(odd(&other)),
        }
    }

    pub(super) async fn released(
        &self,
        asker: Asker,
        request: v1::HostReleaseRequest,
    ) -> Answered<v1::HostReleaseReply> {
        let on = request.selector;
        match self
            .ask(asker, Ask::Inventory(InventoryAsk::Release { on }))
            .await?
        {
            Answer::Inventory(InventoryAnswer::Released(hosts)) => {
                let hosts = hosts.iter().map(|(name, executions)| v1::ReleasedHost {
                    name: name.to_string(),
                    executions: *executions as u64,
                });
                Ok(Response::new(v1::HostReleaseReply {
                    hosts: hosts.collect(),
                }))
            }
            other => Err(odd(&other)),
        }
    }

    pub(super) async fn group_saved(
        &self,
        asker: Asker,
        request: v1::GroupSaveRequest,
    ) -> Answered<v1::GroupInfo> {
        let by = asker.principal();
        let ask = Ask::Inventory(InventoryAsk::SaveGroup {
            name: request.name,
            on: request.selector,
        });
        match self.ask(asker, ask).await? {
            Answer::Inventory(InventoryAnswer::GroupSaved(saved)) => {
                Ok(Response::new(convert::saved_group(&saved, &by)))
            }
            other => Err(odd(&other)),
        }
    }

    pub(super) async fn all_groups(&self, asker: Asker) -> Answered<v1::GroupsReply> {
        match self.ask(asker, Ask::Look(Question::Groups)).await? {
            Answer::Groups(groups) => Ok(Response::new(v1::GroupsReply {
                groups: groups.iter().map(convert::group).collect(),
            })),
            other => Err(odd(&other)),
        }
    }
}
