//! Pages against the API: the same rows, and one access event each.

use answers::{Described, Shape};
use axum::body::Body;
use axum::http::{Request, Response};
use event::Fact;
use serde_json::{Map, Value};

use super::roles::{Role, World};

/// What a browser takes.
const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
/// So many pages of a list are followed.
const PAGES_MAX: usize = 40;

/// Pages that show the rows of a list in another form than a table of its columns, with the reason.
const OWN_FORM: &[(&str, &str)] =
    &[("/api/v1/apps/{app}/matrix", "a grid with a column for each group, each cell a sign")];

async fn get(world: &World, path: &str, token: &str) -> Response<String> {
    let request = Request::get(path).header("accept", HTML);
    let request = request.header("authorization", format!("Bearer {token}"));
    world.server.request(request.body(Body::empty()).unwrap()).await
}

/// The path of a page for an address of the API.
fn page_of(address: &str) -> &str {
    address.strip_prefix("/api/v1").unwrap()
}

/// The text of a piece of HTML: without tags, without what is hidden from readers, a time as the server
/// wrote it.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    let (mut hidden_in, mut time) = (None::<String>, None::<String>);
    for piece in html.split('<').enumerate().filter_map(|(place, one)| match place {
        0 => Some((None, one)),
        _ => one.split_once('>').map(|(tag, rest)| (Some(tag), rest)),
    }) {
        let (tag, words) = piece;
        if let Some(tag) = tag {
            let name = tag.split([' ', '\n']).next().unwrap_or_default();
            if let Some(hidden) = &hidden_in {
                if name == format!("/{hidden}") {
                    hidden_in = None;
                    text.push_str(words);
                }
                continue;
            }
            let is_hidden = tag.contains("aria-hidden")
                || tag.contains("class=\"note\"")
                || name == "summary"
                || tag.contains("aria-label=\"empty\"");
            if is_hidden && !name.starts_with('/') {
                hidden_in = Some(name.to_owned());
                continue;
            }
            if name == "time" {
                time = tag
                    .split("datetime=\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next())
                    .map(str::to_owned);
                if let Some(time) = &time {
                    text.push_str(time);
                }
                continue;
            }
            if name == "/time" {
                time = None;
            }
        }
        if time.is_none() {
            text.push_str(words);
        }
    }
    let mut plain = text;
    for (escaped, char) in
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
    {
        plain = plain.replace(escaped, char);
    }
    plain
}

/// Whether a cell is none of the question's table: it opens the row, or the page has it besides.
fn is_beside(cell: &str) -> bool {
    let class = cell.strip_prefix(" class=\"").and_then(|rest| rest.split('"').next());
    class.is_some_and(|class| class == "open" || class.ends_with(" own"))
}

/// The cells of the rows of a page's first table with pages, as text.
fn rows_of(page: &str) -> Vec<Vec<String>> {
    let Some((_, rest)) = page.split_once("<table data-rows>") else { return vec![] };
    let body = rest.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0;
    let rows = body.split("<tr").skip(1).filter(|row| !row.starts_with(" class=\"detail\""));
    rows.map(|row| {
        let cells = row.split("<td").skip(1).filter(|cell| !is_beside(cell));
        cells
            .map(|cell| text_of(cell.split_once('>').unwrap().1.split("</td>").next().unwrap()))
            .collect()
    })
    .collect()
}

/// The address of the next page.
fn next_of(page: &str) -> Option<String> {
    let before = page.split("\" rel=\"next\"").next().filter(|before| before.len() < page.len())?;
    Some(before.rsplit("href=\"").next().unwrap().replace("&#38;", "&"))
}

/// Names and ids that the page of one thing has in whatever form.
fn told_of_one(resource: &Value) -> Vec<String> {
    let names = ["userName", "displayName", "application", "conclusion", "outcome", "eventId"];
    let names = names.iter().filter_map(|name| resource[*name].as_str());
    names.filter(|name| name.len() < 60).map(str::to_owned).collect()
}

/// The cells that a page shows for the rows of an answer of the API.
fn expected(described: &'static Described, answer: &Map<String, Value>) -> Vec<Vec<String>> {
    let asked: Vec<(String, String)> = answer["query"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let asked: Vec<(&str, &str)> =
        asked.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let table = described.table(&asked).unwrap();
    let is_of_app = asked.iter().any(|(name, _)| *name == "app");
    let rows = answer["rows"].as_array().unwrap().iter();
    rows.map(|row| {
        let cells = table.cells(row.clone()).unwrap();
        let shown = table.headings.iter().zip(cells);
        let shown = shown.filter(|(heading, _)| !(heading.is_application && is_of_app));
        shown.map(|(_, cell)| cell.text).collect()
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_shows_the_rows_of_the_api_on_all_its_pages() {
    let world = World::new().await;
    let token = world.server.admin_token.clone();
    let samples = world.samples("boat");
    let mut compared = 0;
    for one in answers::all() {
        for address in samples.forms(one.path, &one.parameters) {
            let sign = if address.text.contains('?') { '&' } else { '?' };
            let first = match one.shape {
                Shape::One => address.text.clone(),
                _ => format!("{}{sign}limit=2", address.text),
            };
            // Every page of an answer is one of the same events, so pin them: reading adds to the log.
            let seq = world.server.server.committer().store().log_size().unwrap() - 1;
            let first = match one.parameter("knownAt").is_some() && !first.contains("knownAt=") {
                true => {
                    let sign = if first.contains('?') { '&' } else { '?' };
                    format!("{first}{sign}knownAt={seq}")
                }
                false => first,
            };
            let (mut api, mut page) = (Some(first.clone()), Some(page_of(&first).to_owned()));
            for place in 0..PAGES_MAX {
                let (Some(asked), Some(opened)) = (api.take(), page.take()) else { break };
                let answer = world.server.admin("GET", &asked, &Value::Null).await;
                assert_eq!(answer.status, 200, "{asked}");
                let before = world.server.server.committer().store().log_size().unwrap();
                let shown = get(&world, &opened, &token).await;
                assert_eq!(shown.status(), 200, "{opened}");
                let left = world.server.events_from(before);
                let [event] = left.as_slice() else { panic!("{opened}: {left:?}") };
                let Fact::Access(access) = &event.header.fact else { panic!("{opened}: {left:?}") };
                assert_eq!((access.route.as_str(), access.status), (one.path, 200), "{opened}");
                let answer = answer.body.as_object().unwrap();
                if one.shape == Shape::One {
                    let page = text_of(shown.body());
                    for text in told_of_one(&answer["resource"]) {
                        assert!(page.contains(&text), "{opened}: no {text}");
                    }
                } else {
                    let rows = answer["rows"].as_array().unwrap().len() as u64;
                    assert_eq!(access.rows, rows, "{opened}");
                    let expected = expected(one, answer);
                    match OWN_FORM.iter().any(|(path, _)| *path == one.path) {
                        true => {
                            let page = text_of(shown.body());
                            for row in expected {
                                assert!(page.contains(&row[0]), "{opened}, page {place}: {row:?}");
                            }
                        }
                        false => {
                            assert_eq!(rows_of(shown.body()), expected, "{opened}, page {place}");
                        }
                    }
                    compared += rows;
                    let next = answer.get("next").and_then(Value::as_str);
                    assert_eq!(next_of(shown.body()).is_some(), next.is_some(), "{opened}");
                    api = next.map(|next| {
                        format!(
                            "{first}{}cursor={next}",
                            if first.contains('?') { '&' } else { '?' }
                        )
                    });
                    page = next_of(shown.body());
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
    world.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_of_one_application_sees_no_other_on_any_page() {
    let world = World::new().await;
    let (_, token) =
        world.tokens.iter().find(|(role, _)| *role == Role::AppAuditor("kite")).unwrap();
    let of_boat = world.samples("boat");
    for one in answers::all().iter().filter(|one| one.who == answers::Who::Reader) {
        let address = of_boat.smallest(one.path, &one.parameters);
        if address.is_of_application {
            let page = get(&world, page_of(&address.text), token).await;
            assert_eq!(page.status(), 404, "{}", address.text);
            assert!(!page.body().contains("mira"), "{}", address.text);
        } else {
            let page = get(&world, page_of(&address.text), token).await;
            assert_eq!(page.status(), 200, "{}", address.text);
            // Whoever has an application sees its name alone.
            for word in [">boat<", "/apps/boat", "mira"] {
                let is_own_parameter =
                    address.text.contains("mira") || address.text.contains("Crew");
                assert!(
                    is_own_parameter || !page.body().contains(word),
                    "{}: {word}",
                    address.text
                );
            }
        }
    }
    // Pages that are not one question's.
    for path in ["/", "/integrity", "/reports", "/reviews", "/operations", "/overview"] {
        let page = get(&world, path, token).await;
        assert_eq!(page.status(), 200, "{path}");
        for word in ["boat", "mira"] {
            assert!(!page.body().contains(word), "{path}: {word}: {}", page.body());
        }
        let all = get(&world, path, &world.server.admin_token).await;
        // These two name no application here, whoever asks.
        let tells = !matches!(path, "/reports" | "/integrity");
        assert!(!tells || all.body().contains("boat"), "{path} tells an admin of boat");
    }
    world.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_keeps_everything_from_elsewhere_out() {
    let world = World::new().await;
    let token = world.server.admin_token.clone();
    for path in [
        "/apps",
        "/login",
        "/nonsense",
        "/apps/boat/users?odd=1",
        // What cannot be read.
        "/login/%FF",
        "/login?next=/&next=/",
        "/apps/%FF/users",
    ] {
        let page = get(&world, path, &token).await;
        let header = |name: &str| page.headers().get(name).map(|value| value.to_str().unwrap());
        let policy = header("content-security-policy").unwrap_or_default();
        for rule in [
            "default-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header("cache-control"), Some("no-store"), "{path}");
        assert!(header("content-type").unwrap().starts_with("text/html"), "{path}");
        for inline in ["<style", " style=", " onclick=", "javascript:"] {
            assert!(!page.body().contains(inline), "{path}: {inline}");
        }
        assert!(page.body().split("<script").skip(1).all(|one| one.starts_with(" src=\"/assets/")));
    }
    // A program is answered as before.
    let request = Request::get("/nonsense").body(Body::empty()).unwrap();
    let answer = world.server.request(request).await;
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    for path in ["/api/v1/apps", "/v1.0/auditLogs", "/metrics"] {
        let answer = get(&world, path, &token).await;
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    world.server.close().await;
}
