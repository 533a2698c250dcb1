//! The release binary with a store of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Ended with the bench, also when that stops at the unexpected.
pub struct Listener {
    process: Child,
    http: reqwest::Client,
    admin: String,
    _folder: TempDir,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Listener {
    /// Starts it and waits until it is ready.
    pub async fn start(graph: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [public, admin] = [(); 2]
            .map(|()| TcpListener::bind("127.0.0.1:0").unwrap())
            .map(|listener| listener.local_addr().unwrap());
        let config = format!(
            "public_url = \"http://{public}\"\n[listen]\nnotifications = \"{public}\"\nadmin = \"{admin}\"\n\
             [store]\nurl = \"sqlite:store.db\"\n[[tenant]]\nname = \"contoso\"\n\
             tenant_id = \"00000000-0000-0000-0000-000000000001\"\n\
             client_id = \"00000000-0000-0000-0000-000000000002\"\nclient_secret = \"bench\"\n\
             login_url = \"{graph}\"\ngraph_url = \"{graph}\"\n"
        );
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_o365-listener"))
            .arg("serve")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut listener = Self { process, http, admin: format!("http://{admin}"), _folder: folder };
        for _ in 0..1000 {
            let ended = listener.process.try_wait().unwrap();
            assert!(ended.is_none(), "the listener ended: {ended:?}");
            let ready = listener.http.get(format!("{}/readyz", listener.admin)).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return listener;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the listener did not become ready");
    }

    /// Follows a drive from the beginning; its round begins in the background.
    pub async fn follow(&self, drive: &str) {
        let wish = json!({
            "name": drive, "tenant": "contoso", "resource": format!("drive:{drive}"), "start": "beginning"
        });
        let answer =
            self.http.post(format!("{}/v1/subscriptions", self.admin)).json(&wish).send().await.unwrap();
        let status = answer.status().as_u16();
        // 202: it is being created; that is finished in the background.
        assert!([201, 202].contains(&status), "{}", answer.text().await.unwrap());
    }

    /// Waits until the first round has ended, and does something now and then meanwhile.
    pub async fn fetched(&self, drive: &str, mut meanwhile: impl FnMut()) {
        loop {
            let shown = self.subscription(drive).await;
            assert!(shown["error"].is_null(), "{shown}");
            if !shown["last_fetch_at"].is_null() {
                return;
            }
            meanwhile();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn events(&self, drive: &str) -> usize {
        self.subscription(drive).await["events"].as_u64().unwrap().try_into().unwrap()
    }

    async fn subscription(&self, drive: &str) -> Value {
        let url = format!("{}/v1/subscriptions/{drive}", self.admin);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// A line of `/proc/PID/status`, in MB (of a thousand kB each: what the goal means is not finer than that).
    pub fn memory(&self, line: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1.024 / 1000.0
    }

    /// Bytes that it has had written to the disk so far.
    pub fn written(&self) -> f64 {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.process.id())).unwrap();
        io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
    }

    /// Processor time so far.
    pub fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let after_name: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        // In hundredths of a second, as Linux tells it to everybody.
        let ticks: u64 = after_name[11].parse::<u64>().unwrap() + after_name[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }
}
