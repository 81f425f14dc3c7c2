//! What goes and what stays, below a prefix.

use std::os::unix::fs::symlink;

use super::*;

fn installed(root: &Path) -> Places {
    for folder in [
        "opt/shanty/versions/1.4.0",
        "usr/bin",
        "var/lib/shanty-agent",
        "etc/shanty",
    ] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("opt/shanty/versions/1.4.0/shanty-agent"), "").unwrap();
    fs::write(root.join("opt/shanty/installed"), "").unwrap();
    symlink("versions/1.4.0", root.join("opt/shanty/stable")).unwrap();
    symlink(
        "/opt/shanty/stable/shanty-agent",
        root.join("usr/bin/shanty-agent"),
    )
    .unwrap();
    let config =
        "agent = \"0192f3a4b5c67d8e9fa0b1c2d3e4f506\"\nname = \"web-01\"\nlink = \"a.net:1\"\n";
    fs::write(root.join("etc/shanty/agent.toml"), config).unwrap();
    Places::below(root)
}

fn remove_all(places: &Places, extent: Extent) -> String {
    let found = look(places).unwrap().expect("something is here");
    remove(places, &found, extent).unwrap()
}

#[test]
fn the_program_goes_and_who_the_host_is_stays() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    let places = installed(&root);
    let found = look(&places).unwrap().unwrap();
    let question = found.question(&places, Extent::Program);
    assert!(question.starts_with("web-01: remove "), "{question}");
    let said = remove_all(&places, Extent::Program);
    assert!(
        said.contains("`shanty hosts remove web-01`") && said.contains("etc/shanty/agent.toml"),
        "{said}"
    );
    assert!(!root.join("opt").exists() && !root.join("usr").exists());
    assert!(
        root.join("var/lib/shanty-agent").exists() && root.join("etc/shanty/agent.toml").exists()
    );
}

#[test]
fn with_everything_nothing_is_left_but_what_is_anothers() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    remove_all(&installed(&root), Extent::Everything);
    assert!(!root.exists());

    let places = installed(&root);
    let [controllers, program] =
        ["etc/shanty/shanty.toml", "usr/bin/shanty-agent"].map(|name| root.join(name));
    fs::write(&controllers, "").unwrap();
    fs::write(root.join("etc/shanty/agent.toml.old.2"), "").unwrap();
    fs::remove_file(&program).unwrap();
    fs::write(&program, "somebody's own").unwrap();
    remove_all(&places, Extent::Everything);
    let left: Vec<_> = fs::read_dir(root.join("etc/shanty"))
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .collect();
    assert_eq!(left, [controllers]);
    assert!(program.exists(), "it is no link of ours");
    assert!(!root.join("var").exists() && !root.join("opt").exists());
}

#[test]
fn what_runs_or_is_being_installed_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let places = installed(dir.path());
    let found = look(&places).unwrap().unwrap();
    let working = dir.path().join("var/lib/shanty-agent");
    fs::set_permissions(
        &working,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    let lock = DataDir::new(working).lock().unwrap();
    let refused = remove(&places, &found, Extent::Everything).unwrap_err();
    assert_eq!((refused.code, refused.exit), ("E_IN_USE", exit::TRY_AGAIN));
    assert!(refused.text.contains("stop it first"), "{refused}");
    drop(lock);
    let installing =
        Flock::lock(File::open(places.opt()).unwrap(), FlockArg::LockExclusive).unwrap();
    let is_refused = || {
        let refused = remove(&places, &found, Extent::Program).unwrap_err();
        assert!(refused.text.contains("under way"), "{refused}");
        assert!(places.opt().join("installed").exists(), "nothing went");
    };
    is_refused();
    drop(installing);
    let updating = Home::new(places.opt().to_owned()).lock().unwrap().unwrap();
    is_refused();
    drop(updating);
    remove(&places, &found, Extent::Program).unwrap();
}

#[test]
fn nothing_of_it_is_nothing_to_remove() {
    let dir = tempfile::tempdir().unwrap();
    assert!(look(&Places::below(dir.path())).unwrap().is_none());
}

#[test]
fn runs_that_go_on_are_said_with_what_becomes_of_their_output() {
    let found = |runs| Found {
        name: None,
        runs,
        systemd: false,
    };
    assert_eq!(
        found(2).under_way(Extent::Everything),
        "2 runs are under way and go on to the end; their output is lost"
    );
    let one = found(1).under_way(Extent::Program);
    assert!(
        one.starts_with("1 run is under way and goes on to the end; "),
        "{one}"
    );
}

#[test]
fn the_prefix_is_read_off_the_program() {
    let prefix = |path: &str| prefix_of(Path::new(path));
    assert_eq!(
        prefix("/opt/shanty/versions/1.4.0/shanty-agent"),
        Some("/".into())
    );
    assert_eq!(
        prefix("/home/a/.shanty/opt/shanty/versions/1/shanty-agent"),
        Some("/home/a/.shanty".into())
    );
    for other in [
        "/usr/local/bin/shanty-agent",
        "/shanty-agent",
        "/opt/shanty/shanty-agent",
    ] {
        assert_eq!(prefix(other), None, "{other}");
    }
}

#[test]
fn a_package_that_is_only_remembered_owns_nothing() {
    for (status, owns) in [
        ("installed", true),
        ("half-installed", true),
        ("unpacked", true),
        ("config-files", false),
        ("not-installed", false),
        ("", false),
    ] {
        assert_eq!(is_in_dpkg(status), owns, "{status}");
    }
}
