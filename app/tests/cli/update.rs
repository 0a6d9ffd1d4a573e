//! Newer versions, from a feed that a web server on this computer has.

use std::io::{Cursor, Read as _, Write as _};
use std::net::TcpListener;

use minisign::KeyPair;
use phone_tests::process::Scratch;
use serde_json::Value;

use crate::{LIMIT, offhook};

/// Serves these two files, each as often as it is asked for, until the test ends.
fn serve(feed: String, signature: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let count = stream.read(&mut request).unwrap();
            let asked = String::from_utf8_lossy(&request[..count]).into_owned();
            let (status, body) = match asked.split_whitespace().nth(1) {
                Some("/feed.json") => ("200 OK", feed.as_str()),
                Some("/feed.json.minisig") => ("200 OK", signature.as_str()),
                _ => ("404 Not Found", ""),
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    origin
}

fn settings(scratch: &Scratch, origin: &str, key: &str) -> String {
    let file = scratch.path().join("offhook.toml");
    std::fs::write(&file, format!("[update]\nfeed = \"{origin}/feed.json\"\nkey = \"{key}\"\n")).unwrap();
    file.display().to_string()
}

const FEED: &str = r#"{"schema":1,"product":"offhook","expires":"9999-12-31","minimum_version":"99.0.0",
"releases":[{"version":"99.1.0","share":1,"notes":"https://example.org/99.1.0"}]}"#;

#[test]
fn a_newer_version_is_told_and_one_of_a_stranger_is_not_believed() {
    let (keys, stranger) =
        (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
    let signature = minisign::sign(None, &keys.sk, Cursor::new(FEED), None, None).unwrap().into_string();
    let origin = serve(FEED.to_owned(), signature);
    let scratch = Scratch::new("update");

    let file = settings(&scratch, &origin, &keys.pk.to_base64());
    let outcome = offhook().args(["update", "--json", "--config", &file]).finish(LIMIT);
    outcome.assert_code(0);
    let told = outcome.event("update");
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&told["newer"], &told["required"]), (&Value::from("99.1.0"), &Value::from(true)), "{told}");
    let outcome = offhook().args(["update", "--config", &file]).finish(LIMIT);
    let words = outcome.stdout.join("\n");
    assert!(words.contains("Offhook 99.1.0 is out") && words.contains("https://example.org/99.1.0"), "{outcome}");

    let file = settings(&scratch, &origin, &stranger.pk.to_base64());
    let outcome = offhook().args(["update", "--json", "--config", &file]).finish(LIMIT);
    outcome.assert_code(2);
    assert!(outcome.event("error")["text"].as_str().is_some_and(|text| text.contains("signature")), "{outcome}");
}

#[test]
fn without_a_feed_it_says_how_to_set_one() {
    let scratch = Scratch::new("no-feed");
    let file = scratch.path().join("offhook.toml");
    std::fs::write(&file, "").unwrap();
    let outcome = offhook().args(["update", "--json", "--config", &file.display().to_string()]).finish(LIMIT);
    outcome.assert_code(3);
    assert!(outcome.event("error")["remedy"].as_str().is_some_and(|text| text.contains("update.feed")), "{outcome}");
}
