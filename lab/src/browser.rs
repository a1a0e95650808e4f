//! How does a test look at a page? Headless Chromium, driven through chromedriver by a few WebDriver calls.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ports::free_address;
use serde_json::{Value, json};

use crate::program::require;

/// A browser with one window. Dropping it ends it and removes its profile.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    addr: SocketAddr,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// When a program is missing or does not start.
    #[must_use]
    pub fn start() -> Self {
        require("chromedriver");
        require("chromium");
        let addr = free_address();
        let profile = std::env::temp_dir().join(format!("standfast-browser-{}-{}", std::process::id(), addr.port()));
        let driver = Command::new("chromedriver")
            .arg(format!("--port={}", addr.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is on the PATH");
        let mut browser = Self { driver, addr, session: String::new(), profile };
        browser.wait(|browser| browser.call("GET", "/status", &Value::Null).ok(), "chromedriver does not answer");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1100,1400",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", browser.profile.display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": { "args": arguments } } } });
        let session = browser.call("POST", "/session", &wanted).expect("Chromium starts");
        browser.session = session["sessionId"].as_str().expect("a session has an id").to_owned();
        browser
    }

    /// Opens a page.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub fn open(&self, url: &str) {
        self.in_session("POST", "/url", &json!({ "url": url })).expect("the browser opens the page");
    }

    /// Shows it as on a screen of this width, and as to somebody who prefers this scheme: `light`, `dark`.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub fn look_as(&self, width: u32, scheme: &str) {
        let screen = json!({ "width": width, "height": 1_000, "deviceScaleFactor": 1, "mobile": width < 600 });
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        for (what, how) in [("setDeviceMetricsOverride", screen), ("setEmulatedMedia", scheme)] {
            let order = json!({ "cmd": format!("Emulation.{what}"), "params": how });
            self.in_session("POST", "/goog/cdp/execute", &order).expect("the browser can");
        }
    }

    /// What a script returns; text for most.
    ///
    /// # Panics
    /// When the browser does not answer.
    #[must_use]
    pub fn ask(&self, script: &str) -> Value {
        self.in_session("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
            .expect("the browser runs the script")
    }

    /// The text of the element with this id; empty if there is none.
    #[must_use]
    pub fn text(&self, id: &str) -> String {
        let script = format!("const e = document.getElementById({id:?}); return e ? e.innerText : '';");
        self.ask(&script).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until `look` finds something.
    ///
    /// # Panics
    /// With `what` when it does not within a minute.
    pub fn wait<T>(&self, look: impl Fn(&Self) -> Option<T>, what: &str) -> T {
        for _ in 0..1_200 {
            if let Some(found) = look(self) {
                return found;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("{what}");
    }

    /// The page as a picture: the bytes of a PNG file.
    ///
    /// # Panics
    /// When the browser does not answer.
    #[must_use]
    pub fn screenshot(&self) -> Vec<u8> {
        let picture = self.in_session("GET", "/screenshot", &Value::Null).expect("the browser takes a picture");
        from_base64(picture.as_str().unwrap_or_default()).expect("WebDriver sends pictures in base64")
    }

    fn in_session(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        self.call(method, &format!("/session/{}{path}", self.session), body)
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let mut stream = TcpStream::connect_timeout(&self.addr, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.addr,
            body.len()
        )?;
        let answer = read_answer(&mut stream)?;
        let mut document: Value = serde_json::from_slice(&answer)?;
        let value = document["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(io::Error::other(format!("{error}: {}", value["message"]))),
            None => Ok(value),
        }
    }
}

/// The body of an HTTP answer with a length.
fn read_answer(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut chunk = [0; 64 << 10];
    loop {
        let head = answer.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            let length = length.ok_or_else(|| io::Error::other("an answer without a length"))?;
            if answer.len() >= head + length {
                return Ok(answer[head..head + length].to_vec());
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => answer.extend_from_slice(&chunk[..n]),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends Chromium; then the driver may go too.
        let _ = self.in_session("DELETE", "", &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// The bytes of a text in base64 (RFC 4648, section 4), with or without padding. `None` if it is something else.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').as_bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut waiting) = (0_u32, 0);
    for &letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        waiting += 6;
        if waiting >= 8 {
            waiting -= 8;
            bytes.push((bits >> waiting & 0xff) as u8);
        }
    }
    // A single letter holds less than a byte.
    (text.len() % 4 != 1).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_rfc_4648_section_10() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")] {
            assert_eq!(from_base64(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(from_base64("iVBORw0KGgo=").as_deref(), Some(b"\x89PNG\r\n\x1a\n".as_slice()));
        assert_eq!(from_base64("+/+/").as_deref(), Some([0xfb, 0xff, 0xbf].as_slice()));
        for text in ["Z", "Zg=a", "Zm9v\n", "Zm9vY"] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }
}
