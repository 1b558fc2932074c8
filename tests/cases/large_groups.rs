//! Changing one member costs the same in a group of 40,000 as in one of ten, counted in rows rather
//! than time.

use serde_json::{Value, json};

use crate::harness::server::{Server, group, user};

const LARGE: usize = 40_000;
const SMALL: usize = 10;
/// The most unknown members of one request. They use the same rows as others and are faster to create.
const AT_ONCE: usize = 1_000;
/// Enough that periodic work is due in both groups.
const CHANGES: usize = 300;

fn value(ids: &[String]) -> Value {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

/// Rows read and written so far.
fn rows(server: &Server) -> (u64, u64) {
    let metrics = server.admin().get("/metrics").text;
    let count = |name: &str| {
        let mut lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().unwrap_or_else(|| panic!("no {name}")).trim().parse().unwrap()
    };
    (count("provlog_rows_read_total"), count("provlog_rows_written_total"))
}

#[test]
fn one_member_more_or_less_costs_the_same_in_a_group_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let newcomer = scim.post("/Users", &user("mira")).id();
    let ids: Vec<String> = (0..LARGE).map(|index| format!("stranger-{index}")).collect();
    let make_group = |name: &str, ids: &[String]| {
        let path = format!("/Groups/{}", scim.post("/Groups", &group(name)).id());
        for some in ids.chunks(AT_ONCE) {
            let add = json!([{"op": "add", "path": "members", "value": value(some)}]);
            assert_eq!(scim.patch(&path, &add).status, 204);
        }
        path
    };
    let (large, small) = (make_group("Large", &ids), make_group("Small", &ids[..SMALL]));

    // Each dialect in turn adds and removes a member.
    let change = |path: &str, turn: usize| {
        let member = json!([{ "value": newcomer }]);
        let filtered = format!("members[value eq \"{newcomer}\"]");
        let operation = match turn % 4 {
            0 | 2 => json!({"op": "add", "path": "members", "value": member}),
            1 => json!({"op": "remove", "path": "members", "value": member}),
            _ => json!({"op": "remove", "path": filtered}),
        };
        assert_eq!(scim.patch(path, &json!([operation])).status, 204);
    };
    let cost = |path: &str| {
        let (read, written) = rows(&server);
        (0..CHANGES).for_each(|turn| change(path, turn));
        let (read_after, written_after) = rows(&server);
        (read_after - read, written_after - written)
    };
    let (in_large, in_small) = (cost(&large), cost(&small));
    let alike = |one: u64, other: u64| one * 5 <= other * 6 && other * 5 <= one * 6;
    assert!(
        alike(in_large.0, in_small.0) && alike(in_large.1, in_small.1),
        "{CHANGES} changes read and wrote {in_large:?} rows in the large group, {in_small:?} in the small one"
    );
    let each = in_large.0 + in_large.1;
    assert!(each < CHANGES as u64 * 32, "{each} rows for {CHANGES} changes");

    // Reading the group without its members does not load them either.
    let before = rows(&server).0;
    assert_eq!(scim.get(&format!("{large}?excludedAttributes=members")).status, 200);
    let read = rows(&server).0 - before;
    assert!(read < 50, "{read} rows read for a group without its members");
}
