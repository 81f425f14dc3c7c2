//! What commands are given: kept whole, found by its digest, and gone when it should be.

use shanty_core::output::mask::Secret;

use super::*;

async fn kept(inputs: &Inputs, kind: InputKind, slices: &[&[u8]]) -> Result<Input, InputError> {
    let mut coming = inputs.begin(kind, "dir/fix it.sh").await?;
    for slice in slices {
        coming.push(slice).await?;
    }
    coming.finish().await
}

async fn all(inputs: &Inputs, sha256: [u8; 32]) -> Option<Vec<u8>> {
    let mut reader = inputs.read(sha256).await.unwrap()?;
    let mut all = Vec::new();
    while let Some(slice) = reader.next().await.unwrap() {
        all.extend(slice);
    }
    Some(all)
}

fn names(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[tokio::test]
async fn a_script_is_kept_with_unix_ends_and_standard_input_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::open(dir.path()).unwrap();
    let slices: [&[u8]; 3] = [b"#!/bin/sh\r", b"\necho \r x\r\n", b"exit 3\r"];
    let script = kept(&inputs, InputKind::Script, &slices).await.unwrap();
    assert_eq!(script.name, "fix_it.sh");
    let about = About {
        lines: 3,
        head: "#!/bin/sh\necho \r x\nexit 3\r".to_owned(),
        crlf: true,
    };
    assert_eq!(script.about, about);
    let text = b"#!/bin/sh\necho \r x\nexit 3\r";
    assert_eq!(all(&inputs, script.sha256).await.unwrap(), text);
    assert_eq!(script.bytes, text.len() as u64);
    assert_eq!(script.sha256, <[u8; 32]>::from(Sha256::digest(text)));
    assert_eq!(
        input_of("fix it.sh", &slices.concat()),
        script,
        "unless it is kept"
    );
    let stdin = kept(&inputs, InputKind::Stdin, &slices).await.unwrap();
    assert_eq!(all(&inputs, stdin.sha256).await.unwrap(), slices.concat());
    assert!(!stdin.about.crlf);
    let found = inputs.find(InputKind::Stdin, "", stdin.sha256).await;
    assert_eq!(found.unwrap(), Some(stdin));
}

#[tokio::test]
async fn what_is_too_long_or_half_there_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::open(dir.path()).unwrap();
    let mebibyte = vec![b'x'; 1 << 20];
    let most = vec![&mebibyte[..]; 8];
    kept(&inputs, InputKind::Script, &most).await.unwrap();
    let more = [&most[..], &[b"x"]].concat();
    let long = kept(&inputs, InputKind::Script, &more).await.unwrap_err();
    assert!(matches!(long, InputError::TooLong(InputKind::Script)));
    drop(inputs.begin(InputKind::Stdin, "").await.unwrap());
    assert_eq!(names(dir.path()), 1);
    fs::write(dir.path().join("coming-7"), "half").unwrap();
    Inputs::open(dir.path()).unwrap();
    assert_eq!(names(dir.path()), 1);
}

#[tokio::test]
async fn what_is_damaged_or_deleted_is_not_there_and_secrets_are_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::open(dir.path()).unwrap();
    let text = b"login s3cret-value now";
    let stdin = kept(&inputs, InputKind::Stdin, &[text]).await.unwrap();
    let masks = Masks::new(&[Secret::new(b"s3cret-value").unwrap()], true);
    let shown = all(&inputs.clone().masked(masks), stdin.sha256).await;
    assert_eq!(shown.unwrap(), b"login [masked] now");
    assert_eq!(all(&inputs, stdin.sha256).await.unwrap(), text);
    assert_eq!(inputs.delete_unused(3_600_000).await.unwrap(), 0);
    fs::write(inputs.path(stdin.sha256), "other").unwrap();
    let found = inputs.find(InputKind::Stdin, "", stdin.sha256).await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(inputs.gone(stdin.sha256).await.unwrap(), None);
    assert_eq!(inputs.gone([0; 32]).await.unwrap(), Some(None));
    assert_eq!(inputs.delete_unused(0).await.unwrap(), 1);
    assert_eq!(all(&inputs, stdin.sha256).await, None);
    let Some(Some(deleted_ms)) = inputs.gone(stdin.sha256).await.unwrap() else {
        panic!("it was deleted, and when is known")
    };
    assert!(deleted_ms > 0);
    assert_eq!(inputs.delete_unused(0).await.unwrap(), 0, "it is no input");
    let again = kept(&inputs, InputKind::Stdin, &[text]).await.unwrap();
    assert_eq!(inputs.gone(again.sha256).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_old_is_deleted_though_there_is_no_room_to_mark_it() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = Inputs::open(dir.path()).unwrap();
    let kept = kept(&inputs, InputKind::Stdin, &[b"old"]).await.unwrap();
    // Where no file can be made.
    fs::create_dir(inputs.mark(&hex::encode(kept.sha256))).unwrap();
    assert_eq!(inputs.delete_unused(0).await.unwrap(), 1);
    assert!(all(&inputs, kept.sha256).await.is_none());
}
