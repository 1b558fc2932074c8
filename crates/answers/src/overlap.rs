//! Who was in several groups at the same moment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, first, number, or_nothing, second, since};
use crate::{App, Groups, Moment, Nothing, Question, Shape, Time};

/// Who was in several groups at the same moment
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Overlap {
    /// 2 to 10 groups: SCIM ids, displayName:NAME or externalId:ID; any other texts are display names,
    /// in double quotes where they have a comma
    pub groups: Groups,
    /// The application of the groups
    #[schemars(extend("x-accepts" = "the application that has the groups"))]
    pub app: App,
}

/// A stretch in which somebody was in all of the groups.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Together {
    /// The application, by its name in addresses
    pub application: String,
    /// SCIM id; null for somebody whom no event created and who has none
    pub user_id: Option<String>,
    /// SCIM `userName` at the end of the stretch that was asked about, or as it was last; null for a
    /// group
    pub user_name: Option<String>,
    /// SCIM `externalId`, then too
    pub external_id: Option<String>,
    /// SCIM `displayName`, then too
    pub display_name: Option<String>,
    /// The type of the member, such as `User` or `Group`; null for one that no event created
    pub member_type: Option<String>,
    /// When the last of the memberships began
    pub start: Moment,
    /// The event with which it began
    pub start_seq: u64,
    /// When the first of them ended; null while all last
    pub end: Option<Moment>,
    /// The event with which it ended
    pub end_seq: Option<u64>,
    /// False when an upstream was only seen to have it: then it began by that time
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
            Column::text("Name", &["userName", "displayName"], |row| {
                first(&[&row.user_name, &row.display_name])
            }),
            Column::whole("From", &["start", "startKnown"], |row| {
                since(Some(&row.start), row.start_known)
            }),
            Column::number("Event", &["startSeq"], |row| number(Some(row.start_seq))),
            Column::whole("To", &["end"], |row| match &row.end {
                Some(end) => second(Some(end)),
                None => "lasts".to_owned(),
            }),
            Column::number("Event", &["endSeq"], |row| number(row.end_seq)),
            Column::whole("Id", &["userId"], |row| or_nothing(row.user_id.as_ref())),
        ]
    }
}
