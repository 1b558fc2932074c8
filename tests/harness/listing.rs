//! An upstream whose users change by themselves; it is read-only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Users = Arc<Mutex<BTreeMap<String, Value>>>;

pub struct Upstream {
    /// Its SCIM base address.
    pub url: String,
    users: Users,
    task: JoinHandle<()>,
}

impl Upstream {
    pub async fn start() -> Upstream {
        let users = Users::default();
        let router = Router::new()
            .route("/Users", get(all))
            .route("/Users/{id}", get(one))
            .with_state(Arc::clone(&users));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Upstream { url, users, task }
    }

    /// Changes users by name, each in one of four ways.
    pub fn change(&self, changes: &[(u8, u8)]) {
        let mut users = self.users.lock().unwrap();
        for (name, how) in changes {
            let id = format!("punt-{name}");
            if *how == 0 {
                users.remove(&id);
                continue;
            }
            let user = users.entry(id.clone()).or_insert_with(|| {
                json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                    "id": id, "userName": format!("user-{name}"), "active": true})
            });
            match how {
                1 => user["active"] = json!(false),
                2 => user["active"] = json!(true),
                how => user["title"] = json!(format!("title-{how}")),
            }
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All on one page.
async fn all(State(users): State<Users>) -> Json<Value> {
    let users: Vec<Value> = users.lock().unwrap().values().cloned().collect();
    Json(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": users.len(), "startIndex": 1, "itemsPerPage": users.len(),
        "Resources": users,
    }))
}

async fn one(
    State(users): State<Users>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let user = users.lock().unwrap().get(&id).cloned();
    user.map(Json).ok_or(StatusCode::NOT_FOUND)
}
