//! anvil from npm, and the few calls that tests make to it.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

/// A chain of its own; it ends with this value.
pub struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Starts one, where npm has installed it.
    pub fn start(chain: u64) -> Option<Self> {
        Self::start_with(chain, &[])
    }

    /// The same with more arguments.
    pub fn start_with(chain: u64, more: &[&str]) -> Option<Self> {
        let bin = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../verifier-contracts/node_modules/.bin/anvil");
        if !bin.exists() {
            eprintln!("anvil is not installed (npm install in verifier-contracts): not asked");
            return None;
        }
        let mut child = Command::new(bin)
            .args(["--port", "0", "--hardfork", "cancun", "--chain-id", &chain.to_string()])
            .args(more)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.ok()?.strip_prefix("Listening on 127.0.0.1:")?.trim().parse().ok());
        // what it logs later must go somewhere
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, port: port.expect("anvil says where it listens") })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a call from the first account, and waits for its block.
    pub fn send(&self, to: &str, data: &[u8]) {
        let from = self.call("eth_accounts", json!([])).unwrap()[0].clone();
        self.send_from(from.as_str().unwrap(), to, data);
    }

    /// The same from an account that anvil may use.
    pub fn send_from(&self, from: &str, to: &str, data: &[u8]) {
        let data = format!("0x{}", hex(data));
        let tx = self.call("eth_sendTransaction", json!([{ "from": from, "to": to, "data": data }])).unwrap();
        assert_eq!(self.receipt(&tx)["status"], "0x1");
    }

    fn receipt(&self, tx: &Value) -> Value {
        // a block takes a moment
        (0..200)
            .find_map(|_| {
                let found = self.call("eth_getTransactionReceipt", json!([tx])).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(50));
                (!found.is_null()).then_some(found)
            })
            .expect("a receipt within ten seconds")
    }

    /// One call: its result, or the error's message.
    pub fn call(&self, method: &str, params: Value) -> Result<Value, String> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n";
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let answer: Value = serde_json::from_str(&body[body.find('{').unwrap()..=body.rfind('}').unwrap()]).unwrap();
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Deploys code from anvil's first account; returns the address.
    pub fn deploy(&self, code: &[u8]) -> String {
        let from = self.call("eth_accounts", json!([])).unwrap()[0].clone();
        let data = format!("0x{}", hex(code));
        let tx = self.call("eth_sendTransaction", json!([{ "from": from, "data": data, "gas": "0xe4e1c0" }])).unwrap();
        let receipt = self.receipt(&tx);
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt["contractAddress"].as_str().unwrap().to_string()
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // what npm put there is a script that starts the program: both are of one group
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.child.wait();
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
