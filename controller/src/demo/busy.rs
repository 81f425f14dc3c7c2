//! Who listens where the demo wants to: told from `/proc`, so far as this user may look.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The demo's address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Busy(String);

/// Why this address cannot be listened on, and what to do; nothing when it can be.
pub(super) fn why(address: SocketAddr) -> Option<Busy> {
    let error = std::net::TcpListener::bind(address).err()?;
    let other = "choose another address, such as --listen 127.0.0.1:0 for a free port";
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return Some(Busy(format!(
            "{address} cannot be listened on: {error}; {other}"
        )));
    }
    let by = match holder(address) {
        None => "another program".to_owned(),
        Some(Holder {
            pid, demo: true, ..
        }) => {
            return Some(Busy(format!(
                "port {port} is taken by another demo (process {pid}): open the address that it printed, with its key, or {other}",
                port = address.port(),
            )));
        }
        Some(Holder { pid, name, .. }) => format!("`{name}` (process {pid})"),
    };
    Some(Busy(format!(
        "port {} is taken by {by}: {other}",
        address.port()
    )))
}

/// A process that listens.
#[derive(Debug, PartialEq, Eq)]
struct Holder {
    pid: u32,
    name: String,
    /// It is the sandbox of a demo.
    demo: bool,
}

fn holder(address: SocketAddr) -> Option<Holder> {
    let table = |name| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default();
    let inode = listener(&table("tcp"), address).or_else(|| listener(&table("tcp6"), address))?;
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
        let mut files = files.into_iter().flatten().flatten();
        files.any(|file| {
            std::fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == link.as_str())
        })
    };
    let pid = pids.into_iter().find(holds)?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let second = words.split(|byte| *byte == 0).nth(1);
    Some(Holder {
        pid,
        name: name.trim().escape_debug().to_string(),
        demo: second == Some(b"__sandbox".as_slice()),
    })
}

/// The inode of the socket that listens here, in a table of `/proc/net`.
fn listener(table: &str, wanted: SocketAddr) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, state) = (fields.get(1)?, fields.get(3)?);
        let (ip, port) = address.split_once(':')?;
        let here = u16::from_str_radix(port, 16).ok()? == wanted.port();
        let ip = parse_ip(ip)?;
        let ours = ip == wanted.ip() || ip.is_unspecified() || wanted.ip().is_unspecified();
        // 0A is LISTEN.
        (here && ours && *state == "0A").then(|| fields.get(9)?.parse().ok())?
    })
}

/// An address as the kernel prints it: words of 32 bits in its own order of bytes.
fn parse_ip(text: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok();
    match text.len() {
        8 => Some(Ipv4Addr::from(word(0)?.to_ne_bytes()).into()),
        32 => {
            let mut bytes = [0; 16];
            for (index, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(index * 8)?.to_ne_bytes());
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = holder(address).unwrap();
        assert_eq!((found.pid, found.demo), (std::process::id(), false));
        let told = why(address).unwrap().to_string();
        let start = format!("port {} is taken by `", address.port());
        assert!(told.starts_with(&start), "{told}");
        assert!(told.contains(&format!("(process {})", found.pid)), "{told}");
        assert!(told.contains("--listen 127.0.0.1:0"), "{told}");
        drop(listener);
        assert!(holder(address).is_none());
    }

    #[test]
    fn only_listeners_on_this_address_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1D2E 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 11 1\n\
            \x20  1: 0200007F:1D2E 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 12 1\n\
            \x20  2: 0100007F:1D2E 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 13 1\n\
            garbage\n";
        let at = |text: &str| listener(table, text.parse().unwrap());
        if cfg!(target_endian = "little") {
            assert_eq!(at("127.0.0.1:7470"), Some(13));
            assert_eq!(at("127.0.0.2:7470"), Some(12));
            assert_eq!(at("127.0.0.1:7471"), None);
        }
    }
}
