//! Catalogues as files: what is read, and where what is wrong stands.

use std::os::unix::fs::symlink;

use proptest::prelude::*;
use shanty_core::action::Body;

use super::*;

fn texts(files: &[(&str, &str)]) -> Result<Catalogue, Wrong> {
    let files: Vec<(String, String)> = files
        .iter()
        .map(|(name, text)| (format!("actions/{name}"), (*text).to_owned()))
        .collect();
    let scripts = |file: &str| match file {
        "it.sh" => Ok(Bytes::from_static(b"true\n")),
        other => Err(format!("`{other}` is not there")),
    };
    read(&files, &scripts, &builtin(), &["run"])
}

fn told(files: &[(&str, &str)]) -> String {
    texts(files).expect_err("it is refused").to_string()
}

const SERVICE: &str = r#"# A comment with é.
[restart]
danger = "change"
params.service = { type = "service", allow = ["*.service"] }
argv = ["systemctl", "restart", "--", "{service}"]
then = [{ label = "Logs", do = "service.logs", with = { service = "{service}" } }]
"#;

#[test]
fn a_file_is_a_group_of_actions() {
    let catalogue = texts(&[("service.toml", SERVICE)]).unwrap();
    let action = catalogue.find("service.restart").unwrap();
    assert!(matches!(&action.body, Body::Argv(argv) if argv.len() == 4));
}

#[test]
fn every_mistake_is_told_with_its_line_and_column() {
    let bad = r#"[restart]
title = 1
danger = "chnage"
params.service = { type = "service", alow = ["*.service"] }
params.n = { type = "int", min = 1.5, max = 2026-11-30 }
argv = ["systemctl", "rest\u0061rt {servce}", "é {servce}", '{servce}', """
{servce}"""]
then = [{ label = "Logs", do = "service.log" }]

[Stop]
danger = "read"

[sh]
danger = "read"
params.id = { type = "int" }
argv = ["sh", "-c", "echo {id}"]

["a b"]
"#;
    let other = "x = 1\n[slash]\ndanger = \"read\"\nslash = \"run\"\nargv = [\"true\"]\n";
    insta::assert_snapshot!(told(&[("b.toml", other), ("a.toml", bad), ("C.toml", "")]));
    // What is only seen of all together is told when each is whole.
    insta::assert_snapshot!(told(&[
        ("b.toml", &other.replace("x = 1\n", "")),
        (
            "service.toml",
            &SERVICE.replace("do = \"service.logs", "do = \"service.lgs")
        )
    ]));
}

#[test]
fn what_is_no_toml_is_told_where_and_says_nothing_about_others() {
    let told = told(&[
        ("service.toml", SERVICE),
        ("b.toml", "[a]\ndanger = read\nx\n"),
    ]);
    assert!(
        told.lines().all(|line| line.starts_with("actions/b.toml:")),
        "{told}"
    );
    assert!(told.starts_with("actions/b.toml:2:10: E_ACTION "), "{told}");
}

#[test]
fn one_bad_file_of_fifty_refuses_all() {
    let names: Vec<String> = (0..50).map(|n| format!("g{n}.toml")).collect();
    let good = "[it]\ndanger = \"read\"\nargv = [\"true\"]\n";
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), good)).collect();
    assert_eq!(texts(&files).unwrap().len(), 50);
    files[17].1 = "[it]\ndanger = \"read\"\nargv = [\"true\", \"{x}\"]\n";
    assert_eq!(
        told(&files),
        "actions/g17.toml:3:18: E_ACTION `{x}` is not a parameter of g17.it"
    );
}

#[test]
fn the_order_of_keys_and_the_way_to_write_them_mean_nothing() {
    let one = "[it]\ndanger = \"read\"\nargv = [\"a\", \"{x}\"]\n[it.params.x]\ntype = \"int\"\nmin = 1\n";
    let two = "it.argv = ['a', \"\"\"{x}\"\"\"]\nit.params = { x = { min = 0x1, type = \"int\" } }\nit.danger = 'read'\n";
    let digest = |text: &str| texts(&[("t.toml", text)]).unwrap().digest();
    assert_eq!(digest(one), digest(two));
    assert_ne!(digest(one), digest(&one.replace("min = 1", "min = 2")));
}

#[test]
fn what_is_built_in_is_whole_and_printed_as_the_same() {
    let all = builtin();
    let names: Vec<String> = all
        .iter()
        .map(|action| format!("{} {}", action.name, action.danger.as_str()))
        .collect();
    insta::assert_snapshot!(names.join("\n"));
    printed_again(&all);
}

/// What is printed of a catalogue is read as the same.
fn printed_again(catalogue: &Catalogue) {
    let mut groups: BTreeMap<String, String> = BTreeMap::new();
    let mut scripts: BTreeMap<String, Bytes> = BTreeMap::new();
    for action in catalogue.iter() {
        let file = format!("{}.toml", action.name.group);
        groups.entry(file).or_default().push_str(&action.toml());
        if let Body::Script(script) = &action.body {
            scripts.insert(script.file.clone(), script.bytes.clone());
        }
    }
    let files: Vec<(String, String)> = groups.into_iter().collect();
    let script = |file: &str| scripts.get(file).cloned().ok_or_else(String::new);
    let again = read(&files, &script, &builtin(), &[]).unwrap();
    assert_eq!(&again, catalogue);
    assert_eq!(again.digest(), catalogue.digest());
}

#[test]
fn the_examples_are_a_catalogue() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/actions");
    let catalogue = load(&folder, Trust::Checkout, &["run", "do"]).unwrap();
    assert!(catalogue.len() >= 10);
    printed_again(&catalogue);
    insta::assert_snapshot!(page::markdown(&catalogue));
    let typed: Vec<String> = catalogue.iter().map(page::typed).collect();
    insta::assert_snapshot!(typed.join("\n"));
}

#[test]
fn files_outside_of_the_folder_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("actions");
    std::fs::create_dir_all(folder.join("lib")).unwrap();
    std::fs::write(dir.path().join("secret.sh"), "id\n").unwrap();
    std::fs::write(folder.join("lib/good.sh"), "id\n").unwrap();
    std::fs::write(folder.join("README.md"), "not TOML [").unwrap();
    symlink(dir.path().join("secret.sh"), folder.join("out.sh")).unwrap();
    symlink("lib/good.sh", folder.join("in.sh")).unwrap();
    symlink(dir.path(), folder.join("up")).unwrap();
    std::fs::write(folder.join("large.sh"), vec![b'#'; 64 * 1024 + 1]).unwrap();
    nix::unistd::mkfifo(&folder.join("pipe.sh"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let with = |file: &str| {
        let text =
            format!("[it]\ndanger = \"read\"\nscript = {{ with = [\"sh\"], file = \"{file}\" }}\n");
        std::fs::write(folder.join("t.toml"), text).unwrap();
        load(&folder, Trust::Checkout, &[])
            .map(|catalogue| catalogue.len())
            .map_err(|wrong| wrong.to_string())
    };
    assert_eq!(with("lib/good.sh").unwrap(), 1);
    assert_eq!(with("in.sh").unwrap(), 1);
    for (file, why) in [
        ("out.sh", "leads out of the folder"),
        ("up/secret.sh", "leads out of the folder"),
        ("../secret.sh", "is no file below the folder"),
        ("large.sh", "is larger than 64 KiB"),
        ("pipe.sh", "is no regular file"),
        ("lib", "is no regular file"),
        ("none.sh", "is not there"),
    ] {
        let said = with(file).unwrap_err();
        assert!(
            said.contains(why) && said.contains("t.toml:3:"),
            "{file}: {said}"
        );
    }
    // A definition may lead out no more than a script.
    std::fs::remove_file(folder.join("t.toml")).unwrap();
    symlink("/dev/zero", folder.join("z.toml")).unwrap();
    let said = load(&folder, Trust::Checkout, &[]).unwrap_err().to_string();
    assert!(said.contains("leads out of the folder"), "{said}");
}

#[test]
fn a_server_takes_no_file_that_others_can_change() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.toml");
    std::fs::write(&file, "[it]\ndanger = \"read\"\nargv = [\"true\"]\n").unwrap();
    let mode =
        |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    assert!(load(dir.path(), Trust::Server, &[]).is_ok());
    mode(0o666);
    let said = load(dir.path(), Trust::Server, &[])
        .unwrap_err()
        .to_string();
    assert!(said.contains("can be changed by other users"), "{said}");
    assert!(
        load(dir.path(), Trust::Checkout, &[]).is_ok(),
        "a checkout is only looked at"
    );
}

#[test]
fn a_folder_without_actions_is_no_catalogue() {
    let dir = tempfile::tempdir().unwrap();
    let said = load(dir.path(), Trust::Checkout, &[])
        .unwrap_err()
        .to_string();
    assert!(said.contains("there is no file of actions here"), "{said}");
    assert!(load(&dir.path().join("none"), Trust::Checkout, &[]).is_err());
}

proptest! {
    /// Any text at all is a catalogue, or every mistake in it has a place.
    #[test]
    fn any_text_is_read_or_told_where_it_is_wrong(text in "(\\[[a-z.\"]{1,6}\\]|[a-z_.]{1,8} = |\"[^\"]{0,9}\"|[\\[\\]{}=,.'\"#\n é\u{0}]|\\PC){0,60}") {
        in_place(&text);
    }

    /// Keys of actions among whatever else.
    #[test]
    fn any_values_of_real_keys_are_read_or_told(
        lines in proptest::collection::vec(
            (proptest::sample::select(&["danger", "argv", "params.x", "script", "then", "env", "slash", "on", "plan", "stdin", "query"][..]),
             proptest::sample::select(&["1", "\"x\"", "\"read\"", "[\"sh\", \"-c\", \"{x}\"]", "[[]]", "{}", "{ type = \"text\" }", "[{ do = 1 }]", "{ file = \"it.sh\", with = [\"a\"] }", "true", "1.5", "'''\n{x'''"][..])),
            0..8),
    ) {
        let lines: Vec<String> = lines.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        in_place(&format!("[it]\n{}\n", lines.join("\n")));
    }
}

fn in_place(text: &str) {
    if let Err(wrong) = texts(&[("t.toml", text)]) {
        assert!(!wrong.0.is_empty());
        for mistake in wrong.0 {
            let line = text.split('\n').nth(mistake.line - 1);
            let line = line.unwrap_or_else(|| panic!("no such line: {mistake} in {text:?}"));
            assert!(
                (1..=line.chars().count() + 1).contains(&mistake.column),
                "{mistake} in {text:?}"
            );
        }
    }
}
