//! The profiles by which requests are judged.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, yes_or_no};
use crate::{Nothing, Question, Shape, Time};

/// The profiles that an application can have
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Profiles {}

/// A profile.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Profile {
    /// Its name, as `app add --profile` takes it
    pub profile: String,
    /// The product that it is made for
    pub title: String,
    /// Its versions, the oldest first
    pub versions: Vec<ProfileVersion>,
}

/// A version of a profile.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ProfileVersion {
    /// The first day on which it applies, in UTC; null for one without a beginning
    pub from: Option<String>,
    /// Whether it has groups
    pub groups: bool,
}

impl Question for Profiles {
    type Row = Profile;
    type Beside = Nothing;
    const COMMAND: &'static str = "profiles";
    const PATH: &'static str = "/api/v1/profiles";
    const TIME: Time = Time::Now;
    const SHAPE: Shape = Shape::List { file: "profiles" };

    fn title(&self, _: &Nothing) -> String {
        "Profiles".to_owned()
    }

    fn columns(&self) -> Vec<Column<Profile>> {
        vec![
            Column::whole("Profile", &["profile"], |row| row.profile.clone()),
            Column::text("Application", &["title"], |row| row.title.clone()),
            // Of its last version.
            Column::whole("Groups", &["versions"], |row| {
                yes_or_no(row.versions.last().is_some_and(|version| version.groups)).to_owned()
            }),
            Column::text("Versions from", &["versions"], |row| {
                let dates: Vec<&str> =
                    row.versions.iter().filter_map(|version| version.from.as_deref()).collect();
                dates.join(", ")
            }),
        ]
    }
}
