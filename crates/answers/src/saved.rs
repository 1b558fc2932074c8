//! Questions that were saved under a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Column, number, or_nothing, second};
use crate::{Lead, Moment, Nothing, Question, QuestionName, Shape, Time};

/// The questions that are saved
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct SavedQuestions {}

/// One saved question
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct OneSaved {
    /// Its name
    pub name: QuestionName,
}

/// A saved question.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SavedQuestion {
    /// Its name
    pub name: String,
    /// Its address with its parameters, as a path
    pub question: String,
    /// The application that it asks about; null if it is not about one application
    pub application: Option<String>,
    /// When it was saved
    pub saved_at: Moment,
    /// The event that recorded it
    pub saved_seq: u64,
    /// The id of the token with which it was saved
    pub actor_id: Option<String>,
}

impl Question for SavedQuestions {
    type Row = SavedQuestion;
    type Beside = Nothing;
    const COMMAND: &'static str = "saved list";
    const PATH: &'static str = "/api/v1/saved-questions";
    const TIME: Time = Time::Known;
    const SHAPE: Shape = Shape::List { file: "saved-questions" };

    fn title(&self, _: &Nothing) -> String {
        "Saved questions".to_owned()
    }

    fn columns(&self) -> Vec<Column<SavedQuestion>> {
        columns()
    }
}

impl Question for OneSaved {
    type Row = SavedQuestion;
    type Beside = Nothing;
    const COMMAND: &'static str = "saved show";
    const PATH: &'static str = "/api/v1/saved-questions/{name}";
    const TIME: Time = Time::Known;
    const SHAPE: Shape = Shape::One;

    fn title(&self, _: &Nothing) -> String {
        format!("Saved question {}", self.name.0)
    }

    fn columns(&self) -> Vec<Column<SavedQuestion>> {
        columns()
    }
}

fn columns() -> Vec<Column<SavedQuestion>> {
    vec![
        Column::whole("Name", &["name"], |row: &SavedQuestion| row.name.clone())
            .leads(|row| Some(Lead::Saved(row.name.clone()))),
        Column::text("Question", &["question"], |row: &SavedQuestion| row.question.clone())
            .leads(|row| Lead::question(&row.question)),
        Column::whole("Application", &["application"], |row: &SavedQuestion| {
            or_nothing(row.application.as_ref())
        })
        .leads(|row| Lead::application(row.application.as_ref())),
        Column::time("Saved", &["savedAt"], |row| second(Some(&row.saved_at))),
        Column::id("By", &["actorId"], |row| or_nothing(row.actor_id.as_ref())),
        Column::event("Event", &["savedSeq"], |row| number(Some(row.saved_seq))),
    ]
}
