//! The demo's page in a real browser: what it shows, that it moves by itself, its levers by keyboard, both languages, a
//! narrow screen.

mod support;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use support::{Process, TestResult, lighterman};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

/// How long anything on the page may take.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_and_moves_and_obeys() -> TestResult {
    let folder = tempfile::tempdir()?;
    let demo = Process::start(lighterman(folder.path()).arg("demo"))?;
    let url = demo.first_line.split_whitespace().next().ok_or("no URL")?.to_owned();
    let mut page = Page::open(&url, folder.path()).await?;

    // The story plays without the page being loaded again.
    page.run("window.notReloaded = true").await?;
    page.until("all chains are shown", "document.querySelectorAll('#chains article').length === 3").await?;
    page.until("validators, client, assurance and delay are shown", "[/QBFT/, /3 of 4 must seal/, /Tendermint/, /SM2/, /Ed25519/, /more than two thirds of the voting power/, /active, at height/, /proven/, /none \\(development\\)/].every((words) => words.test(document.getElementById('chains').innerText))").await?;
    page.until("a receipt is shown where it is live", "/WR-0001/.test(document.getElementById('receipts').innerText)")
        .await?;
    page.until("a packet is shown", "document.querySelectorAll('#packets tbody tr').length >= 1").await?;
    page.until("a packet times out", "/timed out/.test(document.getElementById('packets').innerText)").await?;
    page.until("the story has been told", "!document.getElementById('issue-button').disabled").await?;
    page.until("the sum is right", "document.querySelector('#supply .good') !== null").await?;
    page.screenshot("page").await?;

    // By keyboard only: to the button, Enter, and a receipt is there, without a mouse.
    page.run("document.getElementById('issue-quantity').focus()").await?;
    for next in ["issue-chain", "issue-button"] {
        page.key("Tab").await?;
        assert_eq!(page.value("document.activeElement.id").await?, next, "Tab leads from field to field to the button");
    }
    page.key("Enter").await?;
    page.until("the receipt is issued", "/WR-0005/.test(document.getElementById('receipts').innerText)").await?;
    let row = "[...document.querySelectorAll('#receipts tbody tr')].find((row) => /WR-0005/.test(row.innerText))";
    page.until("it can be sent", &format!("{row}.querySelector('button') !== null")).await?;
    page.run(&format!("{row}.querySelector('button').focus()")).await?;
    page.key("Enter").await?;
    page.until("it is live on the other chain", &format!("{row}.querySelector('.place').innerText === 'ningbo'"))
        .await?;
    page.until("it can be returned", &format!("/Return/.test({row}.innerText)")).await?;
    page.run(&format!("{row}.querySelector('button').click()")).await?;
    page.until("it is home again", &format!("{row}.querySelector('.place').innerText === 'qingdao'")).await?;
    page.until("it can be redeemed", &format!("/Redeem/.test({row}.innerText)")).await?;
    page.run(&format!("[...{row}.querySelectorAll('button')].find((one) => one.innerText === 'Redeem').click()"))
        .await?;
    page.until("it is redeemed", &format!("/redeemed/.test({row}.querySelector('.place').innerText)")).await?;

    // A validator stops and starts; the chain goes on with three of four.
    let stopped = "document.querySelectorAll('#validators .dot.bad').length";
    page.run("document.querySelector('#validators li button').click()").await?;
    page.until("a validator is stopped", &format!("{stopped} === 1")).await?;
    let height = page.value("document.querySelector('#chains .height').innerText").await?;
    page.until("its chain goes on", &format!("document.querySelector('#chains .height').innerText !== {height}"))
        .await?;
    page.run("document.querySelector('#validators li button').click()").await?;
    page.until("it is back", &format!("{stopped} === 0")).await?;

    // The relayer stops, a receipt waits, the relayer starts and catches up.
    page.run("document.getElementById('relayer-button').click()").await?;
    page.until("the relayer is stopped", "/Relayer stopped/.test(document.getElementById('state-text').innerText)")
        .await?;
    page.run("document.getElementById('issue-button').click()").await?;
    let row = "[...document.querySelectorAll('#receipts tbody tr')].find((row) => /WR-0006/.test(row.innerText))";
    page.until("another receipt can be sent", &format!("{row}?.querySelector('button') != null")).await?;
    page.run(&format!("{row}.querySelector('button').click()")).await?;
    page.until("it is on the way", &format!("/on the way/.test({row}.innerText)")).await?;
    page.run("document.getElementById('relayer-button').click()").await?;
    page.until("the relayer has caught up", &format!("{row}.querySelector('.place').innerText === 'ningbo'")).await?;

    // The other language, and a phone.
    page.run("document.getElementById('language').click()").await?;
    page.until("it is Chinese", "document.documentElement.lang === 'zh-CN' && /仓单/.test(document.body.innerText) && /验证者/.test(document.body.innerText)").await?;
    let untranslated = page.value("[...document.querySelectorAll('[data-t]')].filter((one) => one.textContent === one.dataset.t).map((one) => one.dataset.t).join()").await?;
    assert_eq!(untranslated, "", "every text has a translation");
    page.call(
        "Emulation.setDeviceMetricsOverride",
        json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true }),
    )
    .await?;
    page.until("nothing is wider than the screen", "document.documentElement.scrollWidth <= 390").await?;
    page.screenshot("page-phone-zh").await?;

    assert_eq!(page.value("window.notReloaded").await?, true);
    assert_eq!(page.violations, Vec::<String>::new(), "the page's policy and its scripts agree");
    assert!(demo.end()?.success());
    Ok(())
}

#[tokio::test]
async fn levers_obey_only_their_own_page() -> TestResult {
    let folder = tempfile::tempdir()?;
    let demo = Process::start(lighterman(folder.path()).arg("demo"))?;
    let url = demo.first_line.split_whitespace().next().ok_or("no URL")?.trim_end_matches('/').to_owned();
    let post = |origin: Option<String>, kind: &'static str, body: &'static str| {
        let mut request =
            reqwest::Client::new().post(format!("{url}/demo/relayer")).header("content-type", kind).body(body);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.send()
    };
    const JSON: &str = "application/json";
    const STOP: &str = "{\"running\":false}";
    assert_eq!(post(None, JSON, STOP).await?.status(), 403);
    assert_eq!(post(Some("http://evil.example".into()), JSON, STOP).await?.status(), 403);
    assert_eq!(post(Some("null".into()), JSON, STOP).await?.status(), 403);
    // What a form of another site could send is not even read.
    assert_eq!(post(Some(url.clone()), "text/plain", STOP).await?.status(), 415);
    assert_eq!(post(Some(url.clone()), JSON, "{\"running\":7}").await?.status(), 422);
    // Its own page: while the story is told the levers wait, afterwards they move.
    let own = post(Some(url.clone()), JSON, STOP).await?.status();
    assert!(own == 409 || own == 200, "{own}");
    let get = reqwest::Client::new().get(format!("{url}/demo/relayer")).header("origin", &url);
    assert_eq!(get.send().await?.status(), 405);
    Ok(())
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A page in a browser, over the DevTools protocol.
struct Page {
    browser: Child,
    socket: Socket,
    last_id: u64,
    /// What the browser complained of.
    violations: Vec<String>,
}

impl Page {
    async fn open(url: &str, folder: &Path) -> TestResult<Self> {
        let profile = folder.join("chromium");
        let mut browser = Command::new(chromium()?)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--no-first-run", "--disable-dev-shm-usage"])
            .args(["--remote-debugging-port=0", "--window-size=1280,1600", "--lang=en"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let port = match port(&profile.join("DevToolsActivePort")).await {
            Ok(port) => port,
            Err(error) => {
                let _ = browser.kill();
                return Err(error);
            }
        };
        let targets: Value = reqwest::get(format!("http://127.0.0.1:{port}/json/list")).await?.json().await?;
        let target = targets.as_array().and_then(|targets| targets.iter().find(|one| one["type"] == "page"));
        let socket = target.and_then(|target| target["webSocketDebuggerUrl"].as_str()).ok_or("no page")?;
        let (socket, _) = connect_async(socket).await?;
        let mut page = Self { browser, socket, last_id: 0, violations: Vec::new() };
        page.call("Runtime.enable", json!({})).await?;
        page.call("Log.enable", json!({})).await?;
        page.call("Page.enable", json!({})).await?;
        page.call("Page.navigate", json!({ "url": url })).await?;
        page.until("the page is loaded", "document.readyState === 'complete'").await?;
        page.run("if (document.documentElement.lang !== 'en') document.getElementById('language').click()").await?;
        Ok(page)
    }

    async fn call(&mut self, method: &str, params: Value) -> TestResult<Value> {
        self.last_id += 1;
        let id = self.last_id;
        let question = json!({ "id": id, "method": method, "params": params });
        self.socket.send(Message::text(question.to_string())).await?;
        let answer = async {
            while let Some(message) = self.socket.next().await {
                let Message::Text(text) = message? else { continue };
                let message: Value = serde_json::from_str(&text)?;
                match message["method"].as_str() {
                    Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                        self.violations.push(message["params"]["entry"]["text"].to_string());
                    }
                    Some("Runtime.exceptionThrown") => {
                        self.violations.push(message["params"]["exceptionDetails"].to_string());
                    }
                    _ => {}
                }
                if message["id"] == id {
                    return match &message["error"] {
                        Value::Null => Ok(message["result"].clone()),
                        error => Err(format!("{method}: {error}").into()),
                    };
                }
            }
            Err("the browser has gone".into())
        };
        tokio::time::timeout(PATIENCE, answer).await?
    }

    async fn value(&mut self, expression: &str) -> TestResult<Value> {
        let params = json!({ "expression": expression, "returnByValue": true });
        let result = self.call("Runtime.evaluate", params).await?;
        if result["exceptionDetails"].is_object() {
            return Err(format!("{expression}: {}", result["exceptionDetails"]["exception"]["description"]).into());
        }
        Ok(result["result"]["value"].clone())
    }

    async fn run(&mut self, script: &str) -> TestResult {
        self.value(&format!("{{ {script}; }}")).await.map(drop)
    }

    async fn until(&mut self, what: &str, expression: &str) -> TestResult {
        let start = Instant::now();
        loop {
            if self.value(&format!("Boolean({expression})")).await? == true {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                self.screenshot("page-failed").await?;
                let text = self.value("document.body.innerText").await?;
                return Err(format!("{what}: not so after {PATIENCE:?}; the page says {text}").into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn key(&mut self, key: &str) -> TestResult {
        let (code, text) = if key == "Enter" { (13, "\r") } else { (9, "") };
        let event = json!({ "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
        self.call("Input.dispatchKeyEvent", event).await?;
        let up = json!({ "type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up).await.map(drop)
    }

    /// Keeps a picture for people, where a folder for it was named.
    async fn screenshot(&mut self, name: &str) -> TestResult {
        let Some(folder) = env::var_os("LIGHTERMAN_SCREENSHOTS").map(PathBuf::from) else { return Ok(()) };
        let params = json!({ "format": "png", "captureBeyondViewport": true });
        let picture = self.call("Page.captureScreenshot", params).await?;
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            picture["data"].as_str().ok_or("no picture")?,
        )?;
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(format!("{name}.png")), bytes)?)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}

/// The port that the browser chose, once it has written it down.
async fn port(file: &Path) -> TestResult<u16> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let port = fs::read_to_string(file).ok().and_then(|text| text.lines().next()?.parse().ok());
        if let Some(port) = port {
            return Ok(port);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the browser did not start".into())
}

fn chromium() -> TestResult<PathBuf> {
    let named = env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
    let found = named.into_iter().chain(usual).find(|path| path.exists());
    found.ok_or_else(|| "chromium: expected it at /usr/bin/chromium or in the variable CHROMIUM, found none".into())
}
