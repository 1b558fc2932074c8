//! By which values the operations of a list could be narrowed further.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::operation_filter::filtered;
use crate::table::{Column, count, or_nothing};
use crate::{Nothing, Question, Shape, Time};

filtered! {
    /// How many operations each value of a filter would select
    ///
    /// A filter on a value does not limit the counts of its own facet, so that they show what another value would give.
    OperationFacets {}
}

/// A value of a facet.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct FacetValue {
    /// The filter: `status`, `action`, `app`, `credential`, `resourceType`, `effect`, `httpStatus`, `source`, `log` or
    /// `errorCode`
    pub facet: String,
    /// The value that the filter takes
    pub value: String,
    /// The name of the token, for a `credential`; null if it has none, and for other facets
    pub label: Option<String>,
    /// How many operations have it, of those that all other filters select
    pub count: u64,
}

impl Question for OperationFacets {
    type Row = FacetValue;
    type Beside = Nothing;
    const COMMAND: &'static str = "log-facets";
    const PATH: &'static str = "/api/v1/operations/facets";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "log-facets" };
    const ORDER: &'static str = "by filter, the most frequent value first";

    fn title(&self, _: &Nothing) -> String {
        format!("Values of operations{}", self.filters().in_words())
    }

    fn columns(&self) -> Vec<Column<FacetValue>> {
        vec![
            Column::whole("Filter", &["facet"], |row| row.facet.clone()),
            Column::text("Value", &["value"], |row| row.value.clone()),
            Column::text("Name", &["label"], |row| or_nothing(row.label.as_ref())),
            Column::number("Operations", &["count"], |row| count(row.count)),
        ]
    }
}
