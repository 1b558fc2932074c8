//! The applications, and one of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, number, or_nothing, second};
use crate::{App, Lead, Moment, Nothing, Question, Shape, Time};

/// The applications
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Apps {}

/// The configuration of an application
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct OneApp {
    /// The application's name in addresses
    pub app: App,
}

/// An application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Its name in addresses
    pub application: String,
    /// Its profile
    pub profile: String,
    /// The tenant URL to give to its identity provider
    pub tenant_url: String,
    /// When it was added
    pub added_at: Moment,
    /// The event that added it
    pub added_seq: u64,
    /// The SCIM base address that its requests are sent on to; null if this server answers itself
    pub upstream: Option<String>,
}

/// An application with what only its own address tells.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct WholeApplication {
    /// What the list of applications tells of it
    #[serde(flatten)]
    pub application: Application,
    /// Its service principal at the provider; null if nobody set it
    pub service_principal: Option<String>,
}

impl Question for Apps {
    type Row = Application;
    type Beside = Nothing;
    const COMMAND: &'static str = "apps";
    const PATH: &'static str = "/api/v1/apps";
    const TIME: Time = Time::Now;
    const SHAPE: Shape = Shape::List { file: "apps" };

    fn title(&self, _: &Nothing) -> String {
        "Applications".to_owned()
    }

    fn columns(&self) -> Vec<Column<Application>> {
        vec![
            Column::whole("Application", &["application"], |row: &Application| {
                row.application.clone()
            })
            .leads(|row| Lead::application(Some(&row.application))),
            Column::whole("Profile", &["profile"], |row| row.profile.clone()),
            Column::time("Added", &["addedAt"], |row| second(Some(&row.added_at))),
            Column::event("Event", &["addedSeq"], |row| number(Some(row.added_seq))),
            Column::whole("Tenant URL", &["tenantUrl"], |row| row.tenant_url.clone()),
            Column::extra("Upstream", &["upstream"], |row| or_nothing(row.upstream.as_ref())),
        ]
    }
}

impl Question for OneApp {
    type Row = WholeApplication;
    type Beside = Nothing;
    const COMMAND: &'static str = "app show";
    const PATH: &'static str = "/api/v1/apps/{app}";
    const TIME: Time = Time::Now;
    const SHAPE: Shape = Shape::One;
    const NOT_SHOWN: &'static [(&'static str, &'static str)] =
        &[("application", "the title names it")];

    fn title(&self, _: &Nothing) -> String {
        format!("Application {}", self.app.0)
    }

    fn columns(&self) -> Vec<Column<WholeApplication>> {
        vec![
            Column::whole("Profile", &["profile"], |row| row.application.profile.clone()),
            Column::whole("Tenant URL", &["tenantUrl"], |row| row.application.tenant_url.clone()),
            Column::whole("Upstream", &["upstream"], |row| {
                or_nothing(row.application.upstream.as_ref())
            }),
            Column::whole("Service principal", &["servicePrincipal"], |row| {
                or_nothing(row.service_principal.as_ref())
            }),
            Column::time("Added", &["addedAt", "addedSeq"], |row| {
                let (at, seq) = (&row.application.added_at, row.application.added_seq);
                format!("{} (event {seq})", second(Some(at)))
            }),
        ]
    }
}
