//! An application with habits of its own: what it answers is a function of what it hears.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// A request as the application hears it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub method: String,
    /// Path below `/scim` and query, as they came.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Heard {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A number among the parameters.
    pub fn number(&self, name: &str) -> Option<u64> {
        let query = self.target.split_once('?')?.1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        value.map(|text| text.parse().unwrap())
    }
}

/// What the application says.
#[derive(Clone, Debug)]
pub struct Said {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Said {
    pub fn json(status: u16, body: &Value) -> Said {
        let headers = vec![("content-type".to_owned(), "application/scim+json".to_owned())];
        Said { status, headers, body: body.to_string().into_bytes() }
    }

    pub fn text(status: u16, media_type: &str, body: &str) -> Said {
        let headers = vec![("content-type".to_owned(), media_type.to_owned())];
        Said { status, headers, body: body.as_bytes().to_vec() }
    }

    pub fn empty(status: u16) -> Said {
        Said { status, headers: vec![], body: vec![] }
    }

    pub fn with(mut self, name: &str, value: &str) -> Said {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An error in SCIM's form (RFC 7644 §3.12).
    pub fn error(status: u16) -> Said {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": status.to_string()});
        Said::json(status, &body)
    }

    /// One page of resources.
    pub fn list(total: u64, resources: &[Value]) -> Said {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": total, "Resources": resources});
        Said::json(200, &body)
    }

    /// A list that keeps to RFC 7644 §3.4.2.4.
    pub fn page(heard: &Heard, resources: &[Value]) -> Said {
        let start = heard.number("startIndex").unwrap_or(1).max(1) as usize - 1;
        let count = heard.number("count").unwrap_or(100) as usize;
        let shown: Vec<Value> = resources.iter().skip(start).take(count).cloned().collect();
        Said::list(resources.len() as u64, &shown)
    }

    /// What an application that keeps to the RFCs says of these users, and of no groups.
    pub fn of_users(heard: &Heard, users: &[Value]) -> Said {
        match heard.path().strip_prefix("/Users") {
            Some("") => Said::page(heard, users),
            Some(id) => {
                let found =
                    users.iter().find(|user| Some(user["id"].as_str().unwrap()) == id.get(1..));
                found.map_or(Said::error(404), |user| Said::json(200, user))
            }
            None => Said::page(heard, &[]),
        }
    }
}

type Habit = dyn Fn(&Heard) -> Said + Send + Sync;

/// The application.
pub struct Upstream {
    /// Its SCIM base address.
    pub url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    habit: Arc<Mutex<Arc<Habit>>>,
}

impl Upstream {
    pub fn start(habit: impl Fn(&Heard) -> Said + Send + Sync + 'static) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let first: Arc<Habit> = Arc::new(habit);
        let upstream = Upstream {
            url: format!("http://{address}/scim"),
            heard: Arc::default(),
            habit: Arc::new(Mutex::new(first)),
        };
        let (heard, habit) = (Arc::clone(&upstream.heard), Arc::clone(&upstream.habit));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let (heard, habit) = (Arc::clone(&heard), Arc::clone(&habit));
                thread::spawn(move || {
                    let Some((request, client)) = hear(client) else { return };
                    heard.lock().unwrap().push(request.clone());
                    let habit = Arc::clone(&habit.lock().unwrap());
                    say(client, &habit(&request));
                });
            }
        });
        upstream
    }

    /// Takes another habit on.
    pub fn becomes(&self, habit: impl Fn(&Heard) -> Said + Send + Sync + 'static) {
        *self.habit.lock().unwrap() = Arc::new(habit);
    }

    /// What it heard until now.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

fn hear(mut client: TcpStream) -> Option<(Heard, TcpStream)> {
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
    Some((Heard { method, target, headers }, client))
}

fn say(mut client: TcpStream, said: &Said) {
    let mut head = format!("HTTP/1.1 {} Said\r\n", said.status);
    for (name, value) in &said.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if said.status != 204 && said.status != 304 {
        head.push_str(&format!("content-length: {}\r\n", said.body.len()));
    }
    head.push_str("connection: close\r\n\r\n");
    let _ = client.write_all(head.as_bytes());
    let _ = client.write_all(&said.body);
}
