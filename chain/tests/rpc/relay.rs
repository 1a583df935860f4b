//! What stands between a client and anvil where a node is to behave as anvil does not: answers that come late, or never.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

use serde_json::{Value, json};

/// What becomes of a question.
pub enum Way {
    /// The node answers.
    Pass,
    /// The node is not asked, and this is the result.
    Say(Value),
    /// The node is asked, and this error is the answer all the same.
    PassAndRefuse(&'static str),
    /// Nobody answers.
    Silence,
}

type Rule = dyn Fn(&str, &Value) -> Way + Send + Sync;

/// Starts one before a node; returns its URL. It ends with the test.
pub fn relay(node: &str, rule: impl Fn(&str, &Value) -> Way + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (node, rule): (String, Arc<Rule>) = (node.strip_prefix("http://").unwrap().into(), Arc::new(rule));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (node, rule) = (node.clone(), rule.clone());
            std::thread::spawn(move || serve(stream, &node, rule.as_ref()));
        }
    });
    url
}

fn serve(mut stream: TcpStream, node: &str, rule: &Rule) {
    let question: Value = serde_json::from_slice(&body(&stream)).unwrap();
    let refused = |message: &str| json!({ "code": -32000, "message": message });
    let answer = match rule(question["method"].as_str().unwrap(), &question["params"]) {
        Way::Pass => ask(node, &question),
        Way::Say(result) => json!({ "jsonrpc": "2.0", "id": question["id"], "result": result }),
        Way::PassAndRefuse(message) => {
            ask(node, &question);
            json!({ "jsonrpc": "2.0", "id": question["id"], "error": refused(message) })
        }
        Way::Silence => {
            std::thread::sleep(std::time::Duration::from_secs(60));
            return;
        }
    };
    // a client that has ended hears no answer
    let _ = write(&mut stream, "HTTP/1.1 200 OK", &answer.to_string());
}

fn ask(node: &str, question: &Value) -> Value {
    let mut stream = TcpStream::connect(node).unwrap();
    write(&mut stream, "POST / HTTP/1.1\r\nhost: localhost", &question.to_string()).unwrap();
    serde_json::from_slice(&body(&stream)).unwrap()
}

fn write(stream: &mut TcpStream, head: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("{head}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n");
    stream.write_all(format!("{head}\r\n{body}").as_bytes())
}

fn body(stream: &TcpStream) -> Vec<u8> {
    let (mut reader, mut length) = (BufReader::new(stream), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim_end().is_empty() {
            break;
        }
        if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
            length = n.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    body
}
