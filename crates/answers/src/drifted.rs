//! Where upstreams differed from the record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operations::{NOT_SHOWN, Operation, columns};
use crate::table::Column;
use crate::words::in_application;
use crate::{AppFilter, Nothing, Question, Shape, Time};

/// Where an application behind the proxy differed from the record
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Drifted {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

impl Question for Drifted {
    type Row = Operation;
    type Beside = Nothing;
    const COMMAND: &'static str = "report drift";
    const PATH: &'static str = "/api/v1/reports/drift";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::Operations { file: "drift" };
    const ORDER: &'static str = "newest first";
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = NOT_SHOWN;

    fn title(&self, _: &Nothing) -> String {
        format!("Differences at the upstream{}", in_application(self.app.as_ref()))
    }

    fn columns(&self) -> Vec<Column<Operation>> {
        columns()
    }
}
