//! Who is at the other end of the socket: the kernel says it, and nobody else.

use shanty_core::principal::Asker;
use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Status};

pub(super) fn asker<T>(request: &Request<T>) -> Result<Asker, Status> {
    Ok(Asker::Local {
        user: user(request)?,
    })
}

/// The user at the other end, by the kernel's word.
fn user<T>(request: &Request<T>) -> Result<String, Status> {
    let info = request.extensions().get::<UdsConnectInfo>();
    let peer = info.and_then(|info| info.peer_cred);
    let peer =
        peer.ok_or_else(|| Status::unauthenticated("the kernel does not say who you are"))?;
    let own = nix::unistd::geteuid().as_raw();
    if peer.uid() != 0 && peer.uid() != own {
        return Err(Status::permission_denied(
            "only root and the owner of the controller may use its admin socket",
        ));
    }
    let known = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(peer.uid()));
    Ok(known
        .ok()
        .flatten()
        .map_or_else(|| format!("uid-{}", peer.uid()), |user| user.name))
}
