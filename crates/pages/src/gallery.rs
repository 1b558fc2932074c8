//! Every piece on one page, with ordinary and with hostile values. To look at it, name a folder in
//! `PROVLOG_GALLERY` and serve that folder: `python3 -m http.server`.

use std::fs;

use askama::Template;

use crate::charts::{
    Axis, Bar, BarRow, Bars, Bucket, Figure, Gap, Histogram, Point, Series, Spark, Steps, Strip,
    Time,
};
use crate::markup::{HOSTILE, check};
use crate::view::*;

#[derive(Template)]
#[template(path = "gallery.html")]
struct Gallery {
    shell: Shell,
    take: TakeAway,
    form: FormView,
    coverage: CoverageView,
    tabs: Tabs,
    tiles: Vec<Tile>,
    facts: Facts,
    figures: Vec<Figure>,
    spark: String,
    tables: Vec<TableView>,
    diff: DiffView,
    tree: TreeNode,
    act: FormView,
}

const DAY: i64 = 86_400;

fn start() -> Time {
    Time::read("2026-01-01T00:00:00Z").unwrap()
}

fn day(number: i64) -> Time {
    Time(start().0 + number * DAY)
}

fn shell(title: &str) -> Shell {
    let crumb =
        |label: &str, href: Option<&str>| Crumb { label: label.into(), href: href.map(Into::into) };
    Shell {
        title: title.into(),
        subtitle: "Members on 2026-03-31 17:00:00 UTC".into(),
        section: Section::Applications,
        leads_on: false,
        signed_in: Some(SignedIn {
            name: "Ana Rey".into(),
            role: "auditor".into(),
            csrf: "c".into(),
            is_admin: true,
        }),
        crumbs: vec![
            crumb("Applications", Some("/apps")),
            crumb("paperboat", Some("/apps/paperboat")),
            crumb(title, None),
        ],
        stamp: Some(Stamp {
            query: format!("/apps/paperboat/groups/displayName:{title}/members?at=2026-03-31"),
            instants: "As of 2026-03-31 23:59:59 UTC".into(),
            at_seq: Some(4_182_113),
            generated_at: "2026-04-02T09:14:07.120000Z".into(),
            coverage: "coverage partial: 2 gaps".into(),
            access_seq: Some(4_182_114),
        }),
        notice: Some(Notice {
            is_good: true,
            text: "The list was uploaded: 1,204 persons.".into(),
        }),
    }
}

fn field(name: &str, label: &str, kind: Kind, value: &str, help: &str) -> Field {
    Field {
        name: name.into(),
        label: label.into(),
        kind,
        value: value.into(),
        help: help.into(),
        required: false,
        error: None,
    }
}

fn form(text: &str) -> FormView {
    let choices = vec![Choice::new("", "any"), Choice::new("failure", "failure")];
    FormView {
        action: "/operations".into(),
        fields: vec![
            field("q", "Filter", Kind::Search, text, "Like status:failure app:paperboat user:ana*"),
            field("from", "From", Kind::Date, "-90d", ""),
            field("to", "To", Kind::Date, "", ""),
            field("status", "Status", Kind::Select(choices), "failure", ""),
            field("active", "Active accounts only", Kind::Checkbox, "true", ""),
        ],
        more: vec![
            field(
                "knownAt",
                "Known at",
                Kind::Date,
                "",
                "Repeats an older answer: only what was recorded by then.",
            ),
            field("list", "List", Kind::Suggest(vec![text.into(), "people-2026".into()]), "", ""),
        ],
        submit: "Show".into(),
        ..FormView::default()
    }
}

fn act(text: &str) -> FormView {
    FormView {
        id: "act".into(),
        caption: Some("Upload a list".into()),
        action: "/reference-lists".into(),
        method: Method::Post { csrf: "c".into(), is_upload: true },
        fields: vec![
            Field {
                error: Some("A list has this name already.".into()),
                required: true,
                ..field("name", "Name", Kind::Text, text, "")
            },
            field("file", "File", Kind::File, "", "CSV with the columns person and email."),
            field("remark", "Remark", Kind::Lines, text, ""),
            field("secret", "Token", Kind::Secret, "", ""),
        ],
        submit: "Upload".into(),
        ..FormView::default()
    }
}

fn members(text: &str) -> TableView {
    let headings = [
        (Look::Text, "User"),
        (Look::Id, "User id"),
        (Look::Status, "Account"),
        (Look::Time, "Since"),
        (Look::Event, "By event"),
        (Look::Text, "Added by"),
        (Look::Number, "Groups"),
    ];
    // One word that cannot be broken at a space.
    let word: &str = &"W".repeat(if text.len() > 9_000 { 65_536 } else { 90 });
    let names =
        ["ana.rey@northwind.test", "bo.lind@northwind.test", "cem.acar@northwind.test", text, word];
    let words = [
        "active",
        "inactive",
        "unknown",
        "deleted",
        "failure (409)",
        "contradicted",
        "skipped",
        "direct",
    ];
    let row = |at: usize| {
        let time = format!("2026-03-{:02}T09:14:07.120000Z", at % 28 + 1);
        let time = if at.is_multiple_of(5) { format!("by {time}") } else { time };
        let user = names[at % names.len()];
        Row {
            cells: vec![
                Cell::text(user).linked(format!("/apps/paperboat/users/{at}")),
                Cell::id(format!("2819c223-7f76-453a-919d-4138619046{at:02}")),
                Cell { term: Some("active:true".into()), ..Cell::status(words[at % words.len()]) },
                Cell::time(time),
                Cell::event(4182 + at as u64 * 977),
                if at == 3 {
                    Cell::default()
                } else {
                    Cell::text("Entra provisioning").noted("token kid-3")
                },
                Cell::number(at as u64 * 1_733),
            ],
            expand: Some(format!("?open={at}")),
            detail: (at == 1).then(|| "<pre>{\n  \"seq\": 5159\n}</pre>".to_owned()),
            id: Some(format!("r{at}")),
            is_current: at == 6,
        }
    };
    let mut headings: Vec<Heading> =
        headings.into_iter().map(|(look, text)| Heading::new(look, text)).collect();
    headings[3].sort = Some(Sort { order: Some(false), href: Some("?sort=since".into()) });
    TableView {
        caption: format!("Members of {text}"),
        is_named_above: false,
        headings,
        rows: (0..12).map(row).collect(),
        shown_from: 101,
        row_count: Some(36_214),
        next: Some("?cursor=x".into()),
        first: Some("?".into()),
        empty: None,
    }
}

fn nobody() -> TableView {
    TableView {
        caption: "Members of Finance approvers".into(),
        empty: Some(Empty {
            what: "Nobody was in Finance approvers on 2025-12-31.".into(),
            hints: vec![
                Link::to("Ask about 2026-01-04, when the first member was added", "?at=2026-01-04"),
                Link::text("Before 2026-01-02 nothing was recorded."),
            ],
        }),
        row_count: Some(0),
        ..TableView::default()
    }
}

fn axis(text: &str) -> Axis {
    Axis::new(start(), day(90)).with_gaps(vec![
        Gap {
            from: Some(day(30)),
            to: Some(day(34)),
            reason: format!("the recorder was down {text}"),
        },
        Gap { from: Some(day(87)), to: None, reason: "no request for 40 h".into() },
    ])
}

fn figures(text: &str) -> Vec<Figure> {
    let tones = [
        ("success", Tone::Good),
        ("failure", Tone::Bad),
        ("warning", Tone::Warn),
        ("skipped", Tone::Quiet),
        ("contradicted", Tone::Doubt),
    ];
    let bucket = |at: i64| {
        let busy = if at % 7 < 5 { 40 } else { 6 } + (at * 37 % 23) as u64;
        let counts = vec![
            busy,
            busy / 5 + (at % 11) as u64,
            (at % 13 / 9) as u64 * 8,
            busy / 8,
            (at % 29 / 27) as u64 * 14,
        ];
        let counts = if (30..34).contains(&at) { vec![0; 5] } else { counts };
        Bucket {
            from: day(at),
            to: day(at + 1),
            counts,
            href: Some(format!("?from={}", day(at).moment())),
        }
    };
    let series = tones.map(|(word, tone)| Series { word: word.into(), tone }).to_vec();
    let histogram = Histogram {
        caption: format!("Operations by status {text}"),
        axis: axis(text),
        series,
        buckets: (0..90).map(bucket).collect(),
        can_brush: true,
        is_small: false,
    };
    let points = (0..90)
        .map(|at| Point { at: day(at), value: 180 + (at as u64 * 7 % 31) * 3 - at as u64 / 2 })
        .collect();
    let steps = Steps {
        caption: "Members of Finance approvers".into(),
        unit: "members".into(),
        axis: axis(text),
        points,
        mark: Some(day(60)),
        link: Some("/apps/boat/groups/7?at=".into()),
        ..Steps::default()
    };
    let bar = |from, to: Option<i64>, is_start_known, tone| Bar {
        from: day(from),
        is_start_known,
        to: to.map(day),
        tone,
        note: if to.is_some() { "removed".into() } else { String::new() },
        href: Some("/operations/7".into()),
    };
    let row = |name: &str, bars| BarRow {
        name: Cell::text(name).linked("/apps/paperboat/users/7"),
        bars,
    };
    let bars = Bars {
        caption: "Stays in Finance approvers".into(),
        names: "Member".into(),
        axis: axis(text),
        rows: vec![
            row(
                "ana.rey@northwind.test",
                vec![bar(3, Some(20), true, Tone::Plain), bar(41, None, true, Tone::Plain)],
            ),
            row("bo.lind@northwind.test", vec![bar(-20, Some(55), false, Tone::Plain)]),
            row("cem.acar@northwind.test", vec![bar(12, None, false, Tone::Plain)]),
            row(
                "dora.weiss-hohenzollern-the-second@northwind.test",
                vec![bar(50, Some(50), true, Tone::Plain)],
            ),
            row(text, vec![]),
        ],
        mark: Some(day(60)),
    };
    let strip =
        Strip { caption: "Coverage of paperboat".into(), axis: axis(text), is_small: false };
    vec![histogram.figure(), steps.figure(), bars.figure(), strip.figure()]
}

fn tile(name: &str, status: &str) -> Tile {
    let mut small = Histogram {
        caption: "Operations".into(),
        axis: axis(""),
        series: vec![
            Series { word: "success".into(), tone: Tone::Good },
            Series { word: "failure".into(), tone: Tone::Bad },
        ],
        is_small: true,
        ..Histogram::default()
    };
    let counts = |at: i64| vec![(20 + at * 31 % 17) as u64, (at % 9 / 7 * 5) as u64];
    small.buckets = (0..90)
        .map(|at| Bucket { from: day(at), to: day(at + 1), counts: counts(at), href: None })
        .collect();
    let strip = Strip { caption: "Coverage".into(), axis: axis(""), is_small: true };
    Tile {
        title: name.into(),
        href: Some("/apps/paperboat".into()),
        status: Some(Cell::status(status)),
        text: "Last success 12 minutes ago".into(),
        facts: vec![
            Fact::new("Members", Cell::number(36_214)),
            Fact::new("Failing now", Cell::number(3).linked("/reports/failing?app=paperboat")),
            Fact::new("Last request", Cell::time("2026-03-31T16:48:02Z")),
            Fact::new("Token age", Cell::text("112 days")),
        ],
        charts: vec![small.figure().picture, strip.figure().picture],
    }
}

fn node(name: &str, mark: Mark, text: &str, children: Vec<TreeNode>) -> TreeNode {
    TreeNode {
        name: name.into(),
        mark,
        text: text.into(),
        links: vec![Link::to("event 4,182", "/operations/4182")],
        is_decisive: mark == Mark::No && children.is_empty(),
        children,
    }
}

fn gallery(title: &str, text: &str) -> String {
    let gap = |from: &str, to: Option<&str>, reason: &str| GapView {
        application: "paperboat".into(),
        from: Some(from.into()),
        to: to.map(Into::into),
        reason: reason.into(),
    };
    let tab = |label: &str, count, is_current| Tab {
        label: label.into(),
        href: "?".into(),
        count,
        is_current,
    };
    let fact = |label: &str, cell| Fact::new(label, cell);
    let change = |path: &str, old: Option<&str>, new: Option<&str>| DiffRow {
        path: Cell::id(path),
        old: old.map(Cell::text),
        new: new.map(Cell::text),
        is_redacted: false,
    };
    Gallery {
        shell: shell(title),
        take: TakeAway {
            json: "/api/v1/apps/paperboat/groups/g/members".into(),
            csv: Some("/api/v1/apps/paperboat/groups/g/members?format=csv".into()),
            command: format!("provlog members --app paperboat '{text}' --at 2026-03-31"),
            curl: "curl -H 'Authorization: Bearer TOKEN' 'https://provlog.example/api/v1/apps/paperboat'".into(),
            save: Some("/admin/saved/new?question=x".into()),
        },
        form: form(text),
        coverage: CoverageView {
            is_partial: true,
            gaps: vec![
                gap("2026-01-31T00:00:00Z", Some("2026-02-04T00:00:00Z"), "the recorder was down"),
                gap("2026-03-29T01:00:00Z", None, text),
            ],
        },
        tabs: Tabs {
            label: "Parts of the group".into(),
            tabs: vec![tab("Members", Some(36_214), true), tab("Intervals", None, false), tab("Diff", Some(0), false)],
        },
        tiles: vec![tile("paperboat", "active"), tile("kiosk", "late: the next request is overdue"), tile(text, "failing")],
        facts: Facts {
            caption: Some("User".into()),
            facts: vec![
                fact("User name", Cell::text("ana.rey@northwind.test")),
                fact("Id", Cell::id("2819c223-7f76-453a-919d-413861904646")),
                fact("Account", Cell::status("active")),
                fact("Created", Cell::time("2026-01-04T08:00:00.5Z").noted("by event 17")),
                fact("Display name", Cell::text(text)),
                fact("Title", Cell::default()),
            ],
        },
        figures: figures(text),
        spark: Spark { words: "Operations a day, 12 today".into(), values: vec![3, 4, 9, 2, 7, 7, 8, 1, 0, 5, 12] }.picture(),
        tables: vec![members(text), nobody()],
        diff: DiffView {
            caption: "Changes".into(),
            rows: vec![
                change("title", Some("Clerk"), Some("Finance approver")),
                change("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", None, Some(text)),
                change("phoneNumbers[type eq \"work\"].value", Some("+49 30 0000000"), None),
            ],
            ..DiffView::default()
        },
        tree: node(
            "Has an account",
            Mark::No,
            "There is no account in paperboat.",
            vec![
                node("Known to the source", Mark::Yes, "Listed in people-2026.", vec![]),
                node(
                    "Created",
                    Mark::No,
                    "The last try failed.",
                    vec![node("Accepted by the application", Mark::No, text, vec![]), node("Asked for", Mark::Yes, "On 2026-03-02.", vec![])],
                ),
                node("In scope", Mark::Unknown, "Cannot be known from here.", vec![]),
                node("Effect", Mark::NotAsked, "", vec![]),
            ],
        ),
        act: act(text),
    }
    .to_string()
}

fn error(text: &str) -> String {
    ErrorPage {
        shell: Shell {
            title: "There is no such group".into(),
            stamp: None,
            notice: None,
            subtitle: String::new(),
            ..shell("")
        },
        status: 404,
        detail: format!("No event tells of a group {text} in paperboat."),
        hints: vec![
            Link::to("Look through the groups of paperboat", "/apps/paperboat/groups"),
            Link::text("Check the name: letter case does not matter."),
        ],
        request_id: text.into(),
    }
    .to_string()
}

fn login(text: &str) -> String {
    LoginPage {
        shell: Shell { title: "Sign in".into(), ..Shell::default() },
        error: Some(format!("This token is not known. {text}")),
        next: text.into(),
        provider: Some(Link::to("Sign in with Northwind", "/login/oidc")),
        is_link: false,
        action: "/login".into(),
    }
    .to_string()
}

#[test]
fn every_piece_keeps_markup_and_text_apart() {
    let long = "Ω long name ".repeat(5_500);
    let mut pages = vec![
        ("ordinary", gallery("Finance approvers", "Finance approvers")),
        ("long", gallery(&long, &long)),
        ("error", error("Finanze")),
        ("login", login("")),
    ];
    let hostile = HOSTILE.join(" | ");
    pages.push(("hostile", gallery(&hostile, &hostile)));
    for text in HOSTILE {
        for page in [gallery(text, text), error(text), login(text)] {
            check(&page);
        }
    }
    for (name, page) in &pages {
        check(page);
        assert!(!page.contains("<script>alert"), "{name}");
    }
    if let Some(folder) = std::env::var_os("PROVLOG_GALLERY") {
        let folder = std::path::PathBuf::from(folder);
        fs::create_dir_all(folder.join("assets")).unwrap();
        for (name, page) in &pages {
            fs::write(folder.join(format!("{name}.html")), page).unwrap();
        }
        for (address, content) in crate::assets::every() {
            fs::write(folder.join(address.trim_start_matches('/')), content).unwrap();
        }
    }
}
