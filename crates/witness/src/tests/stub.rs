//! A server that answers with given bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Listens until the test's process ends.
pub(super) struct Stub {
    pub(super) url: String,
    /// The bodies that came.
    seen: Arc<Mutex<Vec<String>>>,
}

/// A whole answer, head and body. `None` keeps the connection open and says nothing.
type Reply = Option<Vec<u8>>;

impl Stub {
    /// Answers the request with this number, from 0, and body.
    pub(super) fn start(reply: impl Fn(usize, &str) -> Reply + Send + 'static) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keeps = Arc::clone(&seen);
        thread::spawn(move || {
            // The connections that say nothing.
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let body = receive(&stream);
                let number = {
                    let mut seen = keeps.lock().unwrap();
                    seen.push(body.clone());
                    seen.len() - 1
                };
                match reply(number, &body) {
                    // The client may have hung up.
                    Some(bytes) => drop(stream.write_all(&bytes)),
                    None => silent.push(stream),
                }
            }
        });
        Stub { url, seen }
    }

    /// The bodies that came so far.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn receive(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// An answer with a body, after which the connection ends.
pub(super) fn reply(status: u16, media_type: &str, body: &str) -> Reply {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Stub\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    Some([head.as_bytes(), body.as_bytes()].concat())
}
