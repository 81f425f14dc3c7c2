//! Files that are read only when nobody else could have read or replaced them, with every way in which that is not so.

use std::os::unix::fs::symlink;

use super::*;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_written_secret_is_private_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    write_secret(&path, b"one").unwrap();
    write_secret(&path, b"two").unwrap();
    assert_eq!(*read_secret(&path, 3).unwrap(), b"two");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_is_written_for_another_is_theirs_and_what_stood_there_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("key"), dir.path().join("other"));
    write_secret(&other, b"untouched").unwrap();
    symlink(&other, &path).unwrap();
    let access = Access {
        // Only root may give files away.
        uid: geteuid().is_root().then_some(4242),
        gid: geteuid().is_root().then_some(4243),
        mode: 0o640,
    };
    write_with(&path, b"whole", access).unwrap();
    let meta = fs::symlink_metadata(&path).unwrap();
    assert!(meta.is_file());
    assert_eq!(meta.mode() & 0o777, 0o640);
    if let (Some(uid), Some(gid)) = (access.uid, access.gid) {
        assert_eq!((meta.uid(), meta.gid()), (uid, gid));
    }
    assert_eq!(*read_secret(&other, 9).unwrap(), b"untouched");
}

#[test]
fn a_left_over_of_an_interrupted_write_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(".key.new"), "torn").unwrap();
    let path = dir.path().join("key");
    write_secret(&path, b"whole").unwrap();
    assert_eq!(*read_secret(&path, 99).unwrap(), b"whole");
}

#[test]
fn every_refusal_names_the_file_and_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let said = |path: &Path| {
        let text = read_secret(path, 4).unwrap_err().to_string();
        text.replace(&dir.path().display().to_string(), "DIR")
    };
    assert_eq!(said(&path), "DIR/key does not exist");
    write_secret(&path, b"12345").unwrap();
    assert_eq!(said(&path), "DIR/key is larger than 4 bytes");
    chmod(&path, 0o644);
    assert_eq!(
        said(&path),
        "DIR/key is open to other users (mode 0644); run `chmod 0600 DIR/key`"
    );
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(
        said(&link),
        "DIR/link is a symbolic link; put the file itself there"
    );
    assert_eq!(said(dir.path()), "DIR is not a regular file");
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    assert_eq!(said(&pipe), "DIR/pipe is not a regular file");
}

/// What is wrong with a file, without the directory of the test.
fn refused(read: Result<Zeroizing<Vec<u8>>, FileError>, dir: &Path) -> String {
    let text = read.unwrap_err().to_string();
    text.replace(&dir.display().to_string(), "DIR")
}

#[test]
fn what_decides_may_be_read_by_others_and_changed_by_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let etc = dir.path().join("etc");
    fs::create_dir(&etc).unwrap();
    let path = etc.join("shanty.toml");
    fs::write(&path, b"grants").unwrap();
    for (mode, dir_mode) in [
        (0o644, 0o755),
        (0o600, 0o700),
        (0o444, 0o1777),
        (0o640, 0o755),
    ] {
        chmod(&path, mode);
        chmod(&etc, dir_mode);
        assert_eq!(
            *read_trusted(&path, 9).unwrap(),
            b"grants",
            "{mode:o} {dir_mode:o}"
        );
    }
    let said = || refused(read_trusted(&path, 9), dir.path());
    chmod(&path, 0o664);
    chmod(&etc, 0o755);
    assert_eq!(
        said(),
        "DIR/etc/shanty.toml can be changed by other users (mode 0664); run `chmod go-w DIR/etc/shanty.toml`"
    );
    chmod(&path, 0o646);
    assert!(said().contains("(mode 0646)"));
    // Whoever may write in a directory above it puts another file there.
    for above in [etc.as_path(), dir.path()] {
        chmod(&path, 0o600);
        chmod(above, 0o775);
        let (trusted, secret) = (said(), refused(read_secret(&path, 9), dir.path()));
        assert!(
            trusted.contains("can be changed by other users (mode 0775)"),
            "{trusted}"
        );
        assert_eq!(trusted, secret);
        chmod(above, 0o755);
    }
    assert!(
        read_trusted(&path, 5)
            .unwrap_err()
            .to_string()
            .contains("larger than 5")
    );
    // A link in the path does not hide where it leads, nor where it stands.
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::write(open.join("shanty.toml"), b"grants").unwrap();
    chmod(&open, 0o777);
    let link = dir.path().join("link");
    symlink(&open, &link).unwrap();
    let linked = refused(read_trusted(&link.join("shanty.toml"), 9), dir.path());
    assert!(linked.contains("(mode 0777)"), "{linked}");
    symlink(&etc, open.join("hop")).unwrap();
    let hop = refused(read_trusted(&open.join("hop/shanty.toml"), 9), dir.path());
    assert!(hop.contains("DIR/open can be changed"), "{hop}");
    // Nor who may put another directory where it leads.
    let inner = open.join("inner");
    fs::create_dir(&inner).unwrap();
    chmod(&inner, 0o755);
    fs::write(inner.join("shanty.toml"), b"grants").unwrap();
    symlink(&inner, dir.path().join("inner")).unwrap();
    let inner = refused(
        read_trusted(&dir.path().join("inner/shanty.toml"), 9),
        dir.path(),
    );
    assert!(inner.contains("DIR/open can be changed"), "{inner}");
    symlink(&path, dir.path().join("file")).unwrap();
    let file = refused(read_trusted(&dir.path().join("file"), 9), dir.path());
    assert_eq!(
        file,
        "DIR/file is a symbolic link; put the file itself there"
    );
}

#[test]
fn a_file_or_directory_of_somebody_else_decides_nothing() {
    if !geteuid().is_root() {
        // Only root can give a file away.
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let etc = dir.path().join("etc");
    fs::create_dir(&etc).unwrap();
    let path = etc.join("shanty.toml");
    write_secret(&path, b"grants").unwrap();
    for given in [&path, &etc] {
        let give = |to| nix::unistd::chown(given, Some(nix::unistd::Uid::from_raw(to)), None);
        give(1).unwrap();
        for read in [read_trusted(&path, 9), read_secret(&path, 9)] {
            let said = refused(read, dir.path());
            assert!(
                said.contains("belongs to user id 1; run `chown 0 DIR/etc"),
                "{said}"
            );
        }
        give(0).unwrap();
    }
    assert_eq!(*read_trusted(&path, 9).unwrap(), b"grants");
}

#[test]
fn a_foreign_owner_is_refused() {
    if !geteuid().is_root() {
        // Only root can give a file away.
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    write_secret(&path, b"x").unwrap();
    nix::unistd::chown(&path, Some(nix::unistd::Uid::from_raw(12_345)), None).unwrap();
    let error = read_secret(&path, 9).unwrap_err();
    assert!(
        matches!(
            error,
            FileError::Owner {
                owner: 12_345,
                us: 0,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn directories_are_created_private_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("a/b");
    private_directory(&place).unwrap();
    private_directory(&place).unwrap();
    assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o700);
    chmod(&place, 0o755);
    let error = private_directory(&place).unwrap_err().to_string();
    assert!(
        error.contains("mode 0755") && error.contains("chmod 0700"),
        "{error}"
    );
    let link = dir.path().join("link");
    symlink(dir.path(), &link).unwrap();
    assert!(matches!(
        private_directory(&link),
        Err(FileError::Symlink { .. })
    ));
    let file = dir.path().join("file");
    write_secret(&file, b"").unwrap();
    assert!(matches!(
        private_directory(&file),
        Err(FileError::Kind { .. })
    ));
}

#[test]
fn a_directory_is_published_whole_and_never_over_another() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("ca");
    let torn = staging_directory(&place).unwrap();
    write_secret(&torn.join("half"), b"x").unwrap();
    let staging = staging_directory(&place).unwrap();
    write_secret(&staging.join("whole"), b"x").unwrap();
    publish_directory(&staging, &place).unwrap();
    let names: Vec<_> = fs::read_dir(&place)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["whole"]);
    let second = staging_directory(&place).unwrap();
    assert!(publish_directory(&second, &place).is_err());
}
