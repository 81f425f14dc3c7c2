//! Actions that everybody has, in the form of a catalogue: files that whoever reads catalogues reads.
//!
//! What asks for lists that a host's owner keeps (databases, projects) is not among them.

/// A file of the built-in catalogue: its name and its text.
pub const FILES: [(&str, &str); 5] = [
    ("service.toml", include_str!("builtin/service.toml")),
    ("docker.toml", include_str!("builtin/docker.toml")),
    ("sys.toml", include_str!("builtin/sys.toml")),
    ("pkg.toml", include_str!("builtin/pkg.toml")),
    ("http.toml", include_str!("builtin/http.toml")),
];

/// Scripts that these files name.
pub const SCRIPTS: [(&str, &str); 3] = [
    ("reboot-needed.sh", include_str!("builtin/reboot-needed.sh")),
    ("updates.sh", include_str!("builtin/updates.sh")),
    ("upgrade.sh", include_str!("builtin/upgrade.sh")),
];
