//! Active accounts that belong to nobody on a list.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::leavers::ListSeen;
use crate::table::{Column, number, or_nothing, since};
use crate::words::{in_application, of_list};
use crate::{AppFilter, Lead, ListName, Look, Moment, Question, Shape, Time};

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
            Column::application(|row: &Orphan| row.application.clone())
                .leads(|row| Lead::application(Some(&row.application))),
            Column::text("User name", &["userName"], |row: &Orphan| {
                or_nothing(row.user_name.as_ref())
            })
            .leads(user),
            Column::extra("Display name", &["displayName"], |row| {
                or_nothing(row.display_name.as_ref())
            }),
            Column::text("External id", &["externalId"], |row: &Orphan| {
                or_nothing(row.external_id.as_ref())
            })
            .looks(Look::Id),
            Column::time("Created", &["createdAt", "startKnown"], |row| {
                since(Some(&row.created_at), row.start_known)
            }),
            Column::event("Event", &["createdSeq"], |row: &Orphan| number(Some(row.created_seq)))
                .leads(|row| Lead::operation(Some(row.created_seq))),
            Column::id("Id", &["userId"], |row: &Orphan| or_nothing(row.user_id.as_ref()))
                .leads(user),
        ]
    }
}

fn user(row: &Orphan) -> Option<Lead> {
    Lead::user(Some(&row.application), row.user_id.as_ref(), row.user_name.as_ref())
}
