//! Who was in several groups at the same time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, first, number, or_nothing, second, since};
use crate::{App, Groups, Lead, Moment, Nothing, Question, Shape, Time};

/// Who was in several groups at the same time
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Overlap {
    /// 2 to 10 groups: SCIM ids, displayName:NAME or externalId:ID; on the command line any other texts
    /// are display names, in double quotes if they contain a comma
    pub groups: Groups,
    /// The application of the groups
    #[schemars(extend("x-accepts" = "the application that has the groups"))]
    pub app: App,
}

/// A time in which somebody was in all of the groups.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Together {
    /// The application's name in addresses
    pub application: String,
    /// SCIM id; null if no event created the user
    pub user_id: Option<String>,
    /// SCIM `userName` at the end of the time span, or the last one before; null for a group
    pub user_name: Option<String>,
    /// SCIM `externalId` at that time
    pub external_id: Option<String>,
    /// SCIM `displayName` at that time
    pub display_name: Option<String>,
    /// The type of the member, such as `User` or `Group`; null for one that no event created
    pub member_type: Option<String>,
    /// When the last of the memberships began
    pub start: Moment,
    /// The event in which it began
    pub start_seq: u64,
    /// When the first of them ended; null while all last
    pub end: Option<Moment>,
    /// The event in which it ended
    pub end_seq: Option<u64>,
    /// False if it was only seen at an upstream: it began then or earlier
    pub start_known: bool,
}

impl Question for Overlap {
    type Row = Together;
    type Beside = Nothing;
    const COMMAND: &'static str = "report overlap";
    const PATH: &'static str = "/api/v1/reports/overlap";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "overlap" };
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("application", "the title names it"),
        ("externalId", "the name and the id tell who it is"),
        ("memberType", "the name and the id tell who it is"),
    ];

    fn title(&self, _: &Nothing) -> String {
        format!("Members at once of {} in {}", self.groups.0, self.app.0)
    }

    fn columns(&self) -> Vec<Column<Together>> {
        vec![
            Column::text("Name", &["userName", "displayName"], |row: &Together| {
                first(&[&row.user_name, &row.display_name])
            })
            .leads(resource),
            Column::time("From", &["start", "startKnown"], |row| {
                since(Some(&row.start), row.start_known)
            }),
            Column::event("Event", &["startSeq"], |row: &Together| number(Some(row.start_seq)))
                .leads(|row| Lead::operation(Some(row.start_seq))),
            Column::time("To", &["end"], |row| match &row.end {
                Some(end) => second(Some(end)),
                None => "lasts".to_owned(),
            }),
            Column::event("Event", &["endSeq"], |row: &Together| number(row.end_seq))
                .leads(|row| Lead::operation(row.end_seq)),
            Column::id("Id", &["userId"], |row: &Together| or_nothing(row.user_id.as_ref()))
                .leads(resource),
        ]
    }
}

fn resource(row: &Together) -> Option<Lead> {
    let application = Some(&row.application);
    Lead::resource(application, row.member_type.as_ref(), row.user_id.as_ref())
}
