//! Reviews of answers: who signed off which memberships.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Cell, Column, Heading, count, first, or_nothing, second, yes_or_no};
use crate::words::in_application;
use crate::{AppFilter, Grid, Lead, Moment, Nothing, Part, Question, Shape, Time};

/// The reviews of memberships
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Reviews {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
    /// Only reviews of this question: its address below `/api/v1`, with its parameters. With `at`, only
    /// reviews of that instant; without it, of any
    #[schemars(extend(
        "x-words" = "of",
        "x-accepts" = "the address of a question, such as apps/paperboat/matrix?at=2026-03-31"
    ))]
    pub question: Option<String>,
}

/// One review, what has become of the memberships that were to end, and whether the answer is still the same
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct OneReview {
    /// The number of the event that recorded it
    #[schemars(extend("x-accepts" = "the number of the event that recorded the review"))]
    pub review: u64,
}

/// What a reviewer decided.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum Outcome {
    /// Everything is as it should be
    Approved,
    /// Everything but the memberships that are to end
    ApprovedWithRevocations,
    /// It is not as it should be
    Rejected,
}

/// A review of an answer.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// The event that recorded it, which is its id
    pub seq: u64,
    /// When it was added
    pub recorded_at: Moment,
    /// The application's name in addresses
    pub application: String,
    /// The question, pinned to its instant and to what was known: a path with parameters
    pub question: String,
    /// The instant that the question is about
    pub at: Moment,
    /// The last event that the answer could use
    pub known_at: u64,
    /// What the reviewer decided
    pub outcome: Outcome,
    /// What the reviewer had to say
    pub remark: Option<String>,
    /// How many memberships are to end
    pub revocations: u64,
    /// How many rows the answer had
    pub rows: u64,
    /// The SHA-256 of these rows, in hexadecimal
    pub sha256: String,
    /// The id of the token with which it was added
    pub actor_id: Option<String>,
    /// The role of that token
    pub role: Option<String>,
    /// The client's address
    pub source_ip: Option<String>,
}

/// A review with what has become of it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct WholeReview {
    /// What the list of reviews tells of it
    #[serde(flatten)]
    pub review: Review,
    /// The memberships that are to end
    pub revoke: Vec<Revocation>,
    /// How many of them have not ended
    pub lasting: u64,
    /// Whether the question still has the answer that was reviewed
    pub same_answer: bool,
    /// The SHA-256 of the rows that it has now, in hexadecimal
    pub sha256_now: String,
}

/// A membership that is to end, and whether it has.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// SCIM id of the member
    pub user_id: Option<String>,
    /// SCIM `userName` when it was reviewed; null for a group
    pub user_name: Option<String>,
    /// SCIM `displayName` at that time
    pub display_name: Option<String>,
    /// SCIM id of the group
    pub group_id: Option<String>,
    /// The group's display name at that time
    pub group_name: Option<String>,
    /// When the membership that was reviewed began
    pub member_since: Option<Moment>,
    /// The event that began it
    pub added_by_seq: Option<u64>,
    /// Whether it has ended
    pub ended: bool,
    /// When it ended
    pub ended_at: Option<Moment>,
    /// The event that ended it
    pub ended_seq: Option<u64>,
    /// Whether there is a membership now: the same, or one that began later
    pub member_now: bool,
}

impl Question for Reviews {
    type Row = Review;
    type Beside = Nothing;
    const COMMAND: &'static str = "reviews";
    const PATH: &'static str = "/api/v1/reviews";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "reviews" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("at", "the question has it"),
        ("knownAt", "the question has it"),
        ("sha256", "the review itself shows it"),
        ("role", "the review itself shows it"),
        ("sourceIp", "the review itself shows it"),
    ];

    fn title(&self, _: &Nothing) -> String {
        format!("Reviews{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Review>> {
        vec![
            Column::event("Review", &["seq"], |row: &Review| row.seq.to_string()).leads(itself),
            Column::time("Recorded", &["recordedAt"], |row| second(Some(&row.recorded_at))),
            Column::application(|row: &Review| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::status("Outcome", &["outcome"], |row| in_words(row.outcome).to_owned()),
            Column::number("To end", &["revocations"], |row| count(row.revocations)),
            Column::id("By", &["actorId"], |row| or_nothing(row.actor_id.as_ref())),
            Column::text("Remark", &["remark"], |row| or_nothing(row.remark.as_ref())),
            Column::number("Rows", &["rows"], |row| count(row.rows)),
            Column::extra("Question", &["question"], |row: &Review| row.question.clone())
                .leads(|row| Lead::question(&row.question)),
        ]
    }
}

fn itself(row: &Review) -> Option<Lead> {
    Lead::question(&format!("{}/{}", Reviews::PATH, row.seq))
}

impl Question for OneReview {
    type Row = WholeReview;
    type Beside = Nothing;
    const COMMAND: &'static str = "review show";
    const PATH: &'static str = "/api/v1/reviews/{review}";
    const TIME: Time = Time::Known;
    const SHAPE: Shape = Shape::One;
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("seq", "the title names it"),
        ("revoke", "it is a part of its own"),
        ("at", "the question has it"),
        ("knownAt", "the question has it"),
    ];

    fn title(&self, _: &Nothing) -> String {
        format!("Review {}", self.review)
    }

    fn columns(&self) -> Vec<Column<WholeReview>> {
        vec![
            Column::whole("Application", &["application"], |one: &WholeReview| {
                one.review.application.clone()
            })
            .leads(|one| Lead::application(Some(&one.review.application))),
            Column::text("Question", &["question"], |one: &WholeReview| {
                one.review.question.clone()
            })
            .leads(|one| Lead::question(&one.review.question)),
            Column::status("Outcome", &["outcome"], |one| in_words(one.review.outcome).to_owned()),
            Column::text("Remark", &["remark"], |one| or_nothing(one.review.remark.as_ref())),
            Column::whole("To end", &["revocations", "lasting"], |one| {
                match (one.review.revocations, one.lasting) {
                    (0, _) => "none".to_owned(),
                    (all, lasting) => {
                        format!("{}, {} of them not ended", count(all), count(lasting))
                    }
                }
            }),
            Column::time("Recorded", &["recordedAt"], |one| second(Some(&one.review.recorded_at))),
            Column::text("By", &["actorId", "role"], |one| {
                match (&one.review.actor_id, &one.review.role) {
                    (Some(id), Some(role)) => format!("token {id} ({role})"),
                    (Some(id), None) => format!("token {id}"),
                    (None, _) => String::new(),
                }
            }),
            Column::id("From", &["sourceIp"], |one| or_nothing(one.review.source_ip.as_ref())),
            Column::number("Rows", &["rows"], |one| count(one.review.rows)),
            Column::id("SHA-256", &["sha256"], |one| one.review.sha256.clone()),
            Column::status("Same answer", &["sameAnswer", "sha256Now"], |one| {
                match one.same_answer {
                    true => yes_or_no(true).to_owned(),
                    false => format!("no: its rows now have the SHA-256 {}", one.sha256_now),
                }
            }),
        ]
    }

    fn parts(&self, one: &WholeReview) -> Vec<Part> {
        if one.revoke.is_empty() {
            return vec![];
        }
        let headings = vec![
            Heading::text("Name"),
            Heading::text("Group"),
            Heading::time("Member since"),
            Heading::time("Ended"),
            Heading::event("Event"),
            Heading::whole("Member now"),
            Heading::id("Id"),
        ];
        let application = Some(&one.review.application);
        let rows = one.revoke.iter().map(|row| {
            let user = Lead::user(application, row.user_id.as_ref(), row.user_name.as_ref());
            let group = Lead::group(application, row.group_id.as_ref(), row.group_name.as_ref());
            let seq = row.ended_seq;
            vec![
                Cell::from(first(&[&row.user_name, &row.display_name])).leads(user.clone()),
                Cell::from(or_nothing(row.group_name.as_ref())).leads(group),
                second(row.member_since.as_ref()).into(),
                match row.ended {
                    true => second(row.ended_at.as_ref()).into(),
                    false => "lasts".into(),
                },
                Cell::from(seq.map(|seq| seq.to_string()).unwrap_or_default())
                    .leads(Lead::operation(seq)),
                yes_or_no(row.member_now).into(),
                Cell::from(or_nothing(row.user_id.as_ref())).leads(user),
            ]
        });
        let table = Grid { headings, rows: rows.collect() };
        vec![Part { title: "Memberships to end", table: Some(table), lines: vec![] }]
    }
}

fn in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approved => "approved",
        Outcome::ApprovedWithRevocations => "approved with revocations",
        Outcome::Rejected => "rejected",
    }
}
