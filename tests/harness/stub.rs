//! A stub application whose answers a test defines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// A received request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query below the base.
    pub target: String,
    /// The body, or null when it is no JSON.
    pub body: Value,
}

/// An answer: a status, headers and a body.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    is_cut: bool,
}

impl Reply {
    /// A status alone.
    pub fn empty(status: u16) -> Reply {
        Reply { status, headers: vec![], body: String::new(), is_cut: false }
    }

    /// SCIM's JSON.
    pub fn json(status: u16, body: &Value) -> Reply {
        Reply::text(status, "application/scim+json", &body.to_string())
    }

    /// Any other body.
    pub fn text(status: u16, media_type: &str, body: &str) -> Reply {
        Reply::empty(status).with("Content-Type", media_type).with_body(body)
    }

    /// An error in SCIM's form.
    pub fn error(status: u16) -> Reply {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
        let body = serde_json::json!({"schemas": schemas, "status": status.to_string()});
        Reply::json(status, &body)
    }

    /// Closes the connection without an answer.
    pub fn none() -> Reply {
        Reply { is_cut: true, ..Reply::empty(0) }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn with_body(mut self, body: &str) -> Reply {
        self.body = body.to_owned();
        self
    }
}

type Answers = dyn Fn(&Request) -> Reply + Send + Sync;

/// The application; it listens until the test's process ends.
pub struct Stub {
    /// Its SCIM base address.
    pub url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Mutex<Arc<Answers>>>,
}

impl Stub {
    /// Answers each request with the function's reply.
    pub fn start(answers: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/scim", listener.local_addr().unwrap());
        let answers: Arc<Answers> = Arc::new(answers);
        let stub = Stub { url, seen: Arc::default(), answers: Arc::new(Mutex::new(answers)) };
        let (seen, answers) = (Arc::clone(&stub.seen), Arc::clone(&stub.answers));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
                thread::spawn(move || serve(client, &seen, &answers));
            }
        });
        stub
    }

    /// Replaces the function.
    pub fn answer(&self, answers: impl Fn(&Request) -> Reply + Send + Sync + 'static) {
        *self.answers.lock().unwrap() = Arc::new(answers);
    }

    /// Every request so far, as method and target.
    pub fn seen(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }
}

fn serve(client: TcpStream, seen: &Mutex<Vec<Request>>, answers: &Mutex<Arc<Answers>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut writer = client;
    while let Some(request) = read(&mut reader) {
        seen.lock().unwrap().push(request.clone());
        // The function may wait for other requests, so release the lock first.
        let answer = Arc::clone(&answers.lock().unwrap());
        let reply = answer(&request);
        if reply.is_cut {
            return;
        }
        let mut text = format!("HTTP/1.1 {} Said\r\n", reply.status);
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if reply.status != 204 && reply.status != 304 {
            text.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
        }
        text.push_str("\r\n");
        text.push_str(&reply.body);
        if writer.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?);
    let target = path.strip_prefix("/scim").unwrap_or(path).to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}
