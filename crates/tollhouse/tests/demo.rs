//! The demo, as a stranger runs it.
#![expect(clippy::unwrap_used, reason = "tests panic to say what does not hold")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test opens the demo's pages from outside, as a person does"
)]

use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;
use tollhouse::demo::{self, Options};

/// What was written, for reading it afterwards.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headless_every_promise_is_kept() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let paper = Paper::default();
    let options = Options { headless: true, listen: "127.0.0.1:0".parse().unwrap() };
    let is_kept = demo::run_to(options, Box::new(paper.clone()), false).await.unwrap();
    let told = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(is_kept, "{told}");
    assert!(!told.contains('✗'), "{told}");
    let promises = told.matches('✓').count() - 1;
    assert!(promises >= 30, "the legend and {promises} promises:\n{told}");
    assert_eq!(told.lines().last(), Some(format!("{promises} promises kept, 0 broken").as_str()));
    assert!(!told.contains('\u{1b}'), "no colours where nobody asked for them");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e1_the_incident_is_played_first_and_ends_well() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let output =
        Command::new(env!("CARGO_BIN_EXE_tollhouse")).args(["demo", "--headless"]).output().await.unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let incident = told.split("\n1. ").nth(1).unwrap().split("\n2. ").next().unwrap();
    for words in [
        "payment 4479119533, 2.50 USD, finished",
        "PGP-6271402111|-1003016667267",
        "answers 200",
        "✓ From the notification to the invite",
        "✓ The membership lasts 30 days",
        "✓ The payer is let in at once",
        "✓ A stranger with the same link is declined",
    ] {
        assert!(incident.contains(words), "{words} is not in\n{incident}");
    }
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "nothing went wrong that the log would know of");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_program_it_ends_with_one_document_and_the_story_goes_beside_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let output = Command::new(env!("CARGO_BIN_EXE_tollhouse"))
        .args(["demo", "--headless", "--json"])
        .output()
        .await
        .unwrap();
    let story = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{story}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["as_promised"], &told["broken"]), (&true.into(), &0.into()));
    let scenes = told["scenes"].as_array().unwrap();
    assert!(scenes[0]["title"].as_str().unwrap().starts_with("The incident"), "{told}");
    let promises: Vec<&serde_json::Value> =
        scenes.iter().flat_map(|scene| scene["promises"].as_array().unwrap()).collect();
    assert_eq!(told["kept"], promises.len());
    for promise in promises {
        assert_eq!((&promise["kept"], &promise["seen"]), (&true.into(), &serde_json::Value::Null));
        assert!(story.contains(&format!("✓ {}", promise["promise"].as_str().unwrap())), "{promise}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn for_a_person_the_pages_are_there_until_it_is_told_to_end() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_tollhouse"))
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut told = Vec::new();
    let folder = loop {
        let line = lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ended: {told:?}"));
        told.push(line.clone());
        if let Some((_, file)) = line.split_once("sqlite://") {
            break std::path::PathBuf::from(file).parent().unwrap().to_owned();
        }
    };
    assert!(folder.join("tollhouse.db").is_file());
    let pages = told.iter().filter(|line| line.trim_start().starts_with("http://"));
    let addresses: Vec<&str> = pages.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(addresses.len() >= 8, "the story, three people, three links, the provider: {addresses:?}");
    assert!(addresses[0].ends_with("/demo"), "the story comes first: {addresses:?}");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for address in &addresses {
        let answer = http.get(*address).send().await.unwrap();
        assert!(answer.status().is_success(), "{address}: {}", answer.status());
    }
    let link = addresses.iter().find(|address| address.contains("/c/")).unwrap();
    let order = http.post(*link).send().await.unwrap();
    assert!(order.url().path().starts_with("/o/ord_"), "{}", order.url());
    assert!(order.text().await.unwrap().contains("How would you like to pay?"));

    let pid = demo.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let mut rest = String::new();
    lines.into_inner().read_to_string(&mut rest).await.unwrap();
    assert!(demo.wait().await.unwrap().success(), "{rest}");
    assert!(!folder.exists(), "the folder goes with the demo");
}
