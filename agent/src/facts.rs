//! What the host says of itself: seldom changing facts, and figures that change all the time. Told, never trusted for rights.

use std::collections::BTreeMap;
use std::io;

use shanty_proto::v1;
use sysinfo::{DiskRefreshKind, Disks, MemoryRefreshKind, RefreshKind, System};

/// Disks told, at most; the largest ones.
const DISKS_MAX: usize = 32;

/// Characters of one text, at most: the controller refuses absurd ones.
const TEXT_CHARS_MAX: usize = 200;

/// File systems that are no disk of anyone's.
const NOT_DISKS: [&str; 6] = [
    "overlay", "squashfs", "tmpfs", "devtmpfs", "ramfs", "iso9660",
];

/// What seldom changes of the host. What commands get here is the executor's to say, which may be another user's process.
#[must_use]
pub fn facts() -> v1::Facts {
    let ram = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let memory_bytes = System::new_with_specifics(ram).map_or(0, |system| system.total_memory());
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    v1::Facts {
        os: shown(&System::long_os_version().unwrap_or_default()),
        kernel: shown(&System::kernel_version().unwrap_or_default()),
        arch: shown(&System::cpu_arch()),
        hostname: shown(&System::host_name().unwrap_or_default()),
        cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        memory_bytes,
        containment: "subreaper".to_owned(),
        boot_time_ms: booted_ms(),
        ..v1::Facts::default()
    }
}

/// When the kernel began, by the host's clock, milliseconds since the Unix epoch; zero when it does not tell.
#[must_use]
pub fn booted_ms() -> u64 {
    System::boot_time()
        .unwrap_or_default()
        .saturating_mul(1_000)
}

/// The id that the kernel drew at boot.
///
/// # Errors
/// When `/proc` does not have it.
pub fn boot_id() -> io::Result<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let mut id = [0; 16];
    hex::decode_to_slice(text.trim().replace('-', ""), &mut id).map_err(io::Error::other)?;
    Ok(id)
}

/// Measures what changes. Holds what sysinfo needs between two looks; what it cannot measure here is told as zero or not at all.
pub struct Meter {
    system: Option<System>,
    disks: Option<Disks>,
}

impl Meter {
    /// A meter that has not looked yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            system: System::new().ok(),
            disks: Disks::new().ok(),
        }
    }

    /// Looks now. Reads a handful of files in `/proc` and asks each file system once: cheap, but blocking on a dead network mount.
    pub fn metrics(&mut self) -> v1::Metrics {
        let mut memory_used_bytes = 0;
        if let Some(system) = &mut self.system {
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
            memory_used_bytes = system.used_memory();
        }
        if let Some(disks) = &mut self.disks {
            disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
        }
        let disks = self.disks.iter().flat_map(|disks| disks.iter());
        v1::Metrics {
            load1: System::load_average().map_or(0.0, |load| load.one),
            memory_used_bytes,
            uptime_s: System::uptime().unwrap_or_default(),
            disks: distinct(disks.map(told)),
        }
    }
}

/// File system, device, and what is told.
fn told(disk: &sysinfo::Disk) -> (String, String, v1::Disk) {
    let told = v1::Disk {
        mount: shown(&disk.mount_point().to_string_lossy()),
        total_bytes: disk.total_space(),
        available_bytes: disk.available_space(),
    };
    let kind = disk.file_system().to_string_lossy().into_owned();
    (kind, disk.name().to_string_lossy().into_owned(), told)
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

/// Real disks, each once at its shortest mount point (containers and bind mounts show one many times), by mount point.
fn distinct(disks: impl Iterator<Item = (String, String, v1::Disk)>) -> Vec<v1::Disk> {
    let mut by_device: BTreeMap<String, v1::Disk> = BTreeMap::new();
    for (kind, device, disk) in disks {
        if disk.total_bytes == 0 || NOT_DISKS.contains(&kind.as_str()) {
            continue;
        }
        let shorter = by_device.get(&device).is_none_or(|known| {
            (disk.mount.len(), &disk.mount) < (known.mount.len(), &known.mount)
        });
        if shorter {
            by_device.insert(device, disk);
        }
    }
    let mut disks: Vec<_> = by_device.into_values().collect();
    disks.sort_by_key(|disk| std::cmp::Reverse(disk.total_bytes));
    disks.truncate(DISKS_MAX);
    disks.sort_by(|one, other| one.mount.cmp(&other.mount));
    disks
}

/// A text as it is told: bounded, and without what the controller would not take.
pub(crate) fn shown(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_facts_and_figures() {
        let facts = facts();
        assert!(!facts.os.is_empty() && !facts.kernel.is_empty() && !facts.hostname.is_empty());
        assert!(facts.cpus > 0 && facts.memory_bytes > 0 && facts.boot_time_ms > 0);
        let metrics = Meter::new().metrics();
        assert!(metrics.memory_used_bytes > 0 && metrics.uptime_s > 0);
        assert_ne!(boot_id().unwrap(), [0; 16]);
    }

    #[test]
    fn a_disk_is_told_once_and_pseudo_file_systems_never() {
        let disk = |kind: &str, device: &str, mount: &str, total_bytes| {
            let told = v1::Disk {
                mount: mount.to_owned(),
                total_bytes,
                available_bytes: 1,
            };
            (kind.to_owned(), device.to_owned(), told)
        };
        let seen = [
            disk("ext4", "/dev/vda", "/etc/hosts", 9),
            disk("ext4", "/dev/vda", "/", 9),
            disk("ext4", "/dev/vdb", "/srv", 8),
            disk("tmpfs", "tmpfs", "/run", 7),
            disk("ext4", "/dev/vdc", "/empty", 0),
        ];
        let told = distinct(seen.into_iter());
        let mounts: Vec<_> = told.iter().map(|disk| disk.mount.as_str()).collect();
        assert_eq!(mounts, ["/", "/srv"]);
        let many = (0..100).map(|n| disk("ext4", &format!("d{n}"), &format!("/{n}"), n));
        assert_eq!(distinct(many).len(), DISKS_MAX);
    }
}
