//! A stub application whose answer is a function of the request.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// A request as the application received it.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    /// Path below `/scim` and query, as received.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A numeric query parameter.
    pub fn number(&self, name: &str) -> Option<u64> {
        let query = self.target.split_once('?')?.1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        value.map(|text| text.parse().unwrap())
    }
}

/// The answer of the application.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(status: u16, body: &Value) -> Response {
        let headers = vec![("content-type".to_owned(), "application/scim+json".to_owned())];
        Response { status, headers, body: body.to_string().into_bytes() }
    }

    pub fn text(status: u16, media_type: &str, body: &str) -> Response {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Response { status, headers, body: body.as_bytes().to_vec() }
    }

    pub fn empty(status: u16) -> Response {
        Response { status, headers: vec![], body: vec![] }
    }

    pub fn with(mut self, name: &str, value: &str) -> Response {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An error in SCIM's form (RFC 7644 §3.12).
    pub fn error(status: u16) -> Response {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": status.to_string()});
        Response::json(status, &body)
    }

    /// One page of resources.
    pub fn list(total: u64, resources: &[Value]) -> Response {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total, "Resources": resources});
        Response::json(200, &body)
    }

    /// A list that conforms to RFC 7644 §3.4.2.4.
    pub fn page(received: &Received, resources: &[Value]) -> Response {
        let start = received.number("startIndex").unwrap_or(1).max(1) as usize - 1;
        let count = received.number("count").unwrap_or(100) as usize;
        let shown: Vec<Value> = resources.iter().skip(start).take(count).cloned().collect();
        Response::list(resources.len() as u64, &shown)
    }

    /// The answer of a conforming application with these users and no groups.
    pub fn of_users(received: &Received, users: &[Value]) -> Response {
        match received.path().strip_prefix("/Users") {
            Some("") => Response::page(received, users),
            Some(id) => {
                let found =
                    users.iter().find(|user| Some(user["id"].as_str().unwrap()) == id.get(1..));
                found.map_or(Response::error(404), |user| Response::json(200, user))
            }
            None => Response::page(received, &[]),
        }
    }
}

type Habit = dyn Fn(&Received) -> Response + Send + Sync;

/// The application.
pub struct Upstream {
    /// Its SCIM base address.
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
    habit: Arc<Mutex<Arc<Habit>>>,
}

impl Upstream {
    pub fn start(habit: impl Fn(&Received) -> Response + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let first: Arc<Habit> = Arc::new(habit);
        let upstream = Upstream {
            url: format!("http://{address}/scim"),
            received: Arc::default(),
            habit: Arc::new(Mutex::new(first)),
        };
        let (received, habit) = (Arc::clone(&upstream.received), Arc::clone(&upstream.habit));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let (received, habit) = (Arc::clone(&received), Arc::clone(&habit));
                thread::spawn(move || {
                    let Some((request, client)) = receive(client) else { return };
                    received.lock().unwrap().push(request.clone());
                    let habit = Arc::clone(&habit.lock().unwrap());
                    respond_to(client, &habit(&request));
                });
            }
        });
        upstream
    }

    /// Changes how it answers.
    pub fn respond(&self, habit: impl Fn(&Received) -> Response + Send + Sync + 'static) {
        *self.habit.lock().unwrap() = Arc::new(habit);
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn receive(mut client: TcpStream) -> Option<(Received, TcpStream)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    let end = loop {
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes[end + 4..].to_vec();
    while body.len() < length {
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        body.extend_from_slice(&buffer[..count]);
    }
    let target = target.strip_prefix("/scim").unwrap_or(target).to_owned();
    Some((Received { method, target, headers }, client))
}

fn respond_to(mut client: TcpStream, response: &Response) {
    let mut head = format!("HTTP/1.1 {} Response\r\n", response.status);
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if response.status != 204 && response.status != 304 {
        head.push_str(&format!("content-length: {}\r\n", response.body.len()));
    }
    head.push_str("connection: close\r\n\r\n");
    let _ = client.write_all(head.as_bytes());
    let _ = client.write_all(&response.body);
}
