//! Changes that nobody has said why they were right.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operations::{NOT_SHOWN, Operation, columns};
use crate::table::Column;
use crate::words::in_application;
use crate::{AppFilter, Nothing, Question, Shape, Time};

/// Changes that have no evidence
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Unapproved {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

impl Question for Unapproved {
    type Row = Operation;
    type Beside = Nothing;
    const COMMAND: &'static str = "report unapproved";
    const PATH: &'static str = "/api/v1/reports/unapproved";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::Operations { file: "unapproved" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = NOT_SHOWN;

    fn title(&self, _: &Nothing) -> String {
        format!("Changes without evidence{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Operation>> {
        columns()
    }
}
