//! Active accounts that belong to nobody on a list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::leavers::ListSeen;
use crate::table::{Column, number, or_nothing, since};
use crate::words::{in_application, of_list};
use crate::{AppFilter, ListName, Moment, Question, Shape, Time};

/// Active accounts that belong to nobody on a list
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Orphans {
    /// The uploaded list of people to whom accounts may belong
    pub list: ListName,
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// An active account that belongs to nobody on the list.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// The application's name in addresses
    pub application: String,
    /// SCIM id
    pub user_id: Option<String>,
    /// SCIM `userName` at that instant
    pub user_name: Option<String>,
    /// SCIM `externalId` at that time
    pub external_id: Option<String>,
    /// SCIM `displayName` at that time
    pub display_name: Option<String>,
    /// When the account was created
    pub created_at: Moment,
    /// The event that created it
    pub created_seq: u64,
    /// False if it was only seen at an upstream: it was created then or earlier
    pub start_known: bool,
}

impl Question for Orphans {
    type Row = Orphan;
    type Beside = ListSeen;
    const COMMAND: &'static str = "report orphans";
    const PATH: &'static str = "/api/v1/reports/orphans";
    const TIME: Time = Time::Instant;
    const SHAPE: Shape = Shape::List { file: "orphans" };

    fn title(&self, list: &ListSeen) -> String {
        let list = of_list(&self.list, list.list_seq);
        format!("Active accounts of nobody on list {list}{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Orphan>> {
        vec![
            Column::application(|row| row.application.clone()),
            Column::text("User name", &["userName"], |row| or_nothing(row.user_name.as_ref())),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::text("External id", &["externalId"], |row| {
                or_nothing(row.external_id.as_ref())
            }),
            Column::whole("Created", &["createdAt", "startKnown"], |row| {
                since(Some(&row.created_at), row.start_known)
            }),
            Column::number("Event", &["createdSeq"], |row| number(Some(row.created_seq))),
            Column::whole("Id", &["userId"], |row| or_nothing(row.user_id.as_ref())),
        ]
    }
}
