//! The keys that seal customers' secrets, as an operator changes them: made, put first, sealed with, and the old one taken out.

use std::fs;
use std::process::Output;

use crate::kit::bill::Delivery;
use crate::kit::server::Install;
use crate::kit::story::Story;
use crate::users::{connect_user, keys, reader};

/// What `secrets generate` prints: the key's id, and the whole entry.
fn generated(install: &Install) -> (String, String) {
    let made = install.run(&["secrets", "generate"]);
    assert!(made.status.success(), "{made:?}");
    let entry = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let id = entry.split_once(':').unwrap_or_else(|| panic!("no entry: {entry}")).0.to_owned();
    (id, entry)
}

/// What `serve` says where it does not even begin with this list of keys.
async fn refused(install: &Install, list: &str) -> String {
    let mut serve = tokio::process::Command::from(install.command(&["serve", "--listen", "127.0.0.1:0"]));
    serve.env("BILLCONNECT_SECRET_KEYS", list).kill_on_drop(true);
    // Only a server that begins after all reaches it.
    let ended = tokio::time::timeout(std::time::Duration::from_mins(1), serve.output()).await;
    let output = ended.unwrap_or_else(|_| panic!("it serves")).unwrap();
    assert!(!output.status.success());
    said(&output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn secrets_are_sealed_anew_and_the_new_key_alone_opens_them() {
    let mut story = Story::new().await;
    Delivery::good(story.payer()).put(&story.world).await;
    let user = reader(&story, story.payer()).await;
    assert_eq!(connect_user(&story, keys(&story, &user)).await.status, 201);
    story.completed(1).await;

    let file = story.server.install().data().join("secret.keys");
    let old = fs::read_to_string(&file).unwrap();
    let old = old.lines().find(|line| !line.starts_with('#')).unwrap().to_owned();
    let old_id = old.split_once(':').unwrap().0.to_owned();
    let (new_id, new) = generated(story.server.install());
    assert!(!fs::read_to_string(&file).unwrap().contains(&new_id), "it is kept nowhere");

    // Before the sealing anew, the new key alone opens nothing, and changes nothing.
    story.server.kill();
    let install = story.server.install();
    let error = refused(install, &new).await;
    assert!(error.contains(&format!("`{old_id}` is not configured")), "{error}");
    let rotated = install.command(&["secrets", "rotate"]).env("BILLCONNECT_SECRET_KEYS", &new).output().unwrap();
    assert!(!rotated.status.success() && said(&rotated).contains(&format!("`{old_id}`")), "{rotated:?}");

    fs::write(&file, format!("{new}\n{old}\n")).unwrap();
    story.server.restart();
    let rotated = story.server.install().run(&["secrets", "rotate"]);
    assert!(rotated.status.success(), "{rotated:?}");
    assert_eq!(String::from_utf8_lossy(&rotated.stdout), format!("2 secrets are sealed with the key `{new_id}`\n"));
    assert!(said(&rotated).contains(&format!("nothing is sealed with `{old_id}` any more")), "{rotated:?}");

    fs::write(&file, format!("{new}\n")).unwrap();
    story.server.kill();
    story.server.restart();
    Delivery::newer(story.payer()).put(&story.world).await;
    story.completed(2).await;
    assert_eq!(story.billed().await, "20.0000000181");

    story.server.kill();
    let install = story.server.install();
    let error = refused(install, &old).await;
    assert!(error.contains(&format!("`{new_id}` is not configured")), "{error}");
    // Another key that bears the right id.
    let wrong = old.replace(&old_id, &new_id);
    let error = refused(install, &wrong).await;
    assert!(error.contains(&format!("the secret key `{new_id}`")) && error.contains("another key"), "{error}");
    for key in [&old, &new] {
        assert!(!error.contains(key.split_once(':').unwrap().1), "no key is told");
    }
}
