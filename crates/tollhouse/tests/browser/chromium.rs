//! A real Chromium, as a buyer has it: started by its driver, seen and pressed through WebDriver.
#![expect(clippy::unwrap_used, reason = "a browser that does not do as it is told is a failed test")]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use url::Url;

/// The variable by which `cargo xtask test` says where the driver is.
const DRIVER_VARIABLE: &str = "TOLLHOUSE_TEST_CHROMEDRIVER";
/// How long a page may take to show what it is waited for, in seconds. A test that needs it has failed.
const PATIENCE_SECONDS: u64 = 60;
/// The accessibility checker; see the licence in its head.
const AXE: &str = include_str!("axe.min.js");

/// How a browser is set up.
#[derive(Debug, Clone)]
pub struct Looks {
    pub width: u32,
    pub height: u32,
    pub scale: f64,
    pub is_phone: bool,
    pub is_dark: bool,
    pub has_script: bool,
    /// Names that lead to this machine, as Chromium's `--host-resolver-rules` has them.
    pub names: &'static str,
    pub languages: &'static str,
}

impl Looks {
    pub const DESKTOP: Self = Self {
        width: 1100,
        height: 900,
        scale: 1.0,
        is_phone: false,
        is_dark: false,
        has_script: true,
        names: "",
        languages: "en",
    };
    pub const PHONE: Self = Self { width: 390, height: 844, is_phone: true, ..Self::DESKTOP };
}

/// A browser with one window.
pub struct Browser {
    driver: Child,
    pub client: Client,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A command of the driver that WebDriver itself does not have.
#[derive(Debug)]
struct Devtools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base_url: &Url, session_id: Option<&str>) -> Result<Url, url::ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _request_url: &Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.command, "params": self.parameters});
        (http::Method::POST, Some(body.to_string()))
    }
}

/// The first port that is tried for a driver: below those that the system gives to whoever asks for any.
const PORT_FIRST: u16 = 21_000;

/// A port for a driver. Left to choose by itself it takes one that is free in IPv6, and ends if a connection of another test has it in IPv4.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(PORT_FIRST);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

impl Browser {
    pub async fn open(looks: &Looks) -> Self {
        let path = std::env::var_os(DRIVER_VARIABLE)
            .unwrap_or_else(|| panic!("{DRIVER_VARIABLE} is not set: run the tests with `cargo xtask test`"));
        let mut driver = Command::new(path)
            .args([&format!("--port={}", free_port()), "--log-level=SEVERE"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = lines.next().expect("the driver says its port").unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').parse().unwrap();
            }
        };
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
                format!("--window-size={},{}", looks.width, looks.height),
                format!("--lang={}", looks.languages),
                format!("--host-resolver-rules={}", looks.names),
            ],
            "prefs": {
                "intl.accept_languages": looks.languages,
            },
        });
        if looks.is_phone {
            options["mobileEmulation"] = json!({
                "deviceMetrics": {"width": looks.width, "height": looks.height, "pixelRatio": looks.scale, "touch": true},
            });
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let timeouts =
            json!({"script": PATIENCE_SECONDS * 1000, "pageLoad": PATIENCE_SECONDS * 1000, "implicit": 0});
        capabilities.insert("timeouts".to_owned(), timeouts);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let browser = Self { driver, client };
        if !looks.has_script {
            browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        }
        if looks.is_dark {
            let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
            browser.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
        }
        browser
    }

    pub async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        self.client.issue_cmd(Devtools { command, parameters }).await.unwrap()
    }

    pub async fn go(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Presses what a selector names, opening what it is folded into. In one step: a page that changes by itself must not change between
    /// the look and the press.
    pub async fn press(&self, selector: &str) {
        let script = "const target = document.querySelector(arguments[0]);
             if (!target || target.disabled) return false;
             const folded = target.closest('details');
             if (folded) folded.open = true;
             target.click();
             return true;";
        let pressed = self.client.execute(script, vec![json!(selector)]).await.unwrap();
        assert_eq!(pressed, json!(true), "{selector} can be pressed");
    }

    pub async fn attribute(&self, selector: &str, name: &str) -> Option<String> {
        self.client.find(Locator::Css(selector)).await.unwrap().attr(name).await.unwrap()
    }

    pub async fn is_displayed(&self, selector: &str) -> bool {
        self.client.find(Locator::Css(selector)).await.unwrap().is_displayed().await.unwrap()
    }

    /// Takes the network away, or gives it back.
    pub async fn network(&self, is_there: bool) {
        let parameters =
            json!({"offline": !is_there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        self.devtools("Network.enable", json!({})).await;
        self.devtools("Network.emulateNetworkConditions", parameters).await;
    }

    /// Runs a script in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until an expression is true in the page: looks at it when something in the document changes. No reload: the page must get there
    /// by itself.
    pub async fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const holds = () => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }};
             if (holds()) return done(true);
             new MutationObserver((_, observer) => {{ if (holds()) {{ observer.disconnect(); done(true); }} }})
               .observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});"
        );
        let begun = Instant::now();
        while let Err(error) = self.client.execute_async(&script, Vec::new()).await {
            // A form that was just sent takes the document away, and the script with it: it is looked for on the page that comes.
            if begun.elapsed() > Duration::from_secs(PATIENCE_SECONDS) {
                let page = self.client.source().await.unwrap_or_default();
                panic!("not on the page: {expression}: {error}\n{page}");
            }
        }
    }

    /// Waits until the headline says this.
    pub async fn says(&self, words: &str) {
        self.until(&format!("document.body.innerText.includes({})", json!(words))).await;
    }

    /// The same where the page may reload itself, or has no script: looks again and again.
    pub async fn shows(&self, selector: &str) {
        let wait = self.client.wait().at_most(Duration::from_secs(PATIENCE_SECONDS));
        if let Err(error) = wait.for_element(Locator::Css(selector)).await {
            panic!("{selector}: {error}\n{}", self.client.source().await.unwrap_or_default());
        }
    }

    /// Everything that axe-core has against the page.
    pub async fn check_accessibility(&self, state: &str) {
        let script = format!(
            "{AXE}; const done = arguments[arguments.length - 1];
             axe.run(document, {{ resultTypes: ['violations'] }})
               .then((found) => done(found.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html + ' ' + n.failureSummary).join(' | '))))
               .catch((error) => done([String(error)]));"
        );
        let found = self.client.execute_async(&script, Vec::new()).await.unwrap();
        assert_eq!(found, json!([]), "accessibility of the page in state {state}");
    }

    /// What the page costs on the wire with everything that it loads, in bytes, where nothing of it is kept from before. 0 without a network.
    pub async fn weigh(&self) -> u64 {
        const SCRIPT: &str = "const done = arguments[arguments.length - 1];
             const weigh = async () => {
               if (!navigator.onLine) return 0;
               const parts = [...document.querySelectorAll('link[href], script[src]')].map((part) => part.href || part.src);
               performance.clearResourceTimings();
               for (const file of [location.href, ...parts]) await (await fetch(file, { cache: 'reload' })).arrayBuffer();
               const fetched = performance.getEntriesByType('resource').filter((entry) => entry.initiatorType === 'fetch');
               if (fetched.length <= parts.length) throw new Error('not everything was weighed');
               return fetched.reduce((sum, entry) => sum + entry.transferSize, 0);
             };
             weigh().then(done, (error) => done(String(error)));";
        let bytes = self.client.execute_async(SCRIPT, Vec::new()).await.unwrap();
        bytes.as_u64().unwrap_or_else(|| panic!("the page cannot be weighed: {bytes}"))
    }

    /// Waits until the fonts are there and what moves only once has come to its end.
    pub async fn has_settled(&self) {
        const SCRIPT: &str = "const done = arguments[arguments.length - 1];
             const once = document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity);
             Promise.all([document.fonts.ready, ...once.map((a) => a.finished)]).then(() => done(true), () => done(true));";
        self.client.execute_async(SCRIPT, Vec::new()).await.unwrap();
    }

    /// What a camera reads in the picture of an element.
    pub async fn scan(&self, selector: &str) -> String {
        let element = self.client.find(Locator::Css(selector)).await.unwrap();
        let png = element.screenshot().await.unwrap();
        let picture = image::load_from_memory_with_format(&png, image::ImageFormat::Png).unwrap().to_luma8();
        let (width, height) = picture.dimensions();
        let mut prepared =
            rqrr::PreparedImage::prepare_from_greyscale(width as usize, height as usize, |x, y| {
                picture.get_pixel(u32::try_from(x).unwrap(), u32::try_from(y).unwrap()).0[0]
            });
        let codes = prepared.detect_grids();
        let [code] = &codes[..] else { panic!("{} QR codes in {selector}", codes.len()) };
        code.decode().unwrap().1
    }

    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}
