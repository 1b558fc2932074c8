//! Where identity providers contradict the RFC or each other, an application chooses.

use serde::{Deserialize, Serialize};

/// Choices of one application. The default is the lenient profile `generic`, which every provider we
/// know can work with; [`Settings::strict`] follows the RFC where they differ.
///
/// As configuration: names and values in snake case, unknown names refused, absent ones as in
/// `generic`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `replace attr[filter].sub` when the filter matches nothing (RFC 7644 §3.5.2.3), and a path that
    /// names an attribute which no schema has.
    pub patch_miss: PatchMiss,
    /// Whether `"True"` and `"False"`, in any case, are booleans.
    pub lenient_booleans: bool,
    /// What answers a successful PATCH.
    pub patch_response: PatchResponse,
    /// What a PUT without `active` means.
    pub omitted_active: OmittedActive,
    /// Whether a POST for an inactive user of the same name reactivates that user.
    pub reactivate_on_post: bool,
    /// Whether two groups of one application may have the same display name is not for the RFC to
    /// say; true makes it a conflict.
    pub unique_group_names: bool,
    /// What `filter` on a discovery endpoint does (RFC 7644 §4).
    pub filter_on_discovery: FilterOnDiscovery,
    /// Whether the body of a write must say in `schemas` what it is (RFC 7643 §3, RFC 7644 §3.5.2).
    pub require_schemas: bool,
    /// Whether a member's id must be written as it was given (RFC 7643 §3.1, `id` is caseExact).
    pub member_ids: MemberIds,
    /// What an answer says of a group that has no members (RFC 7643 §2.5 leaves both).
    pub empty_members: EmptyMembers,
    /// Units of requests that clients of the application may spend in a second, on average; 0 is no
    /// limit.
    pub requests_per_second_max: u32,
}

impl Settings {
    /// The lenient profile; the default.
    pub fn generic() -> Settings {
        Settings {
            patch_miss: PatchMiss::Create,
            lenient_booleans: true,
            patch_response: PatchResponse::Auto,
            omitted_active: OmittedActive::Keep,
            reactivate_on_post: false,
            unique_group_names: false,
            filter_on_discovery: FilterOnDiscovery::Ignore,
            require_schemas: false,
            member_ids: MemberIds::AnyCase,
            empty_members: EmptyMembers::Show,
            requests_per_second_max: 0,
        }
    }

    /// The profile that follows the RFC to the letter.
    pub fn strict() -> Settings {
        Settings {
            patch_miss: PatchMiss::Error,
            lenient_booleans: false,
            require_schemas: true,
            member_ids: MemberIds::Exact,
            ..Settings::generic()
        }
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::generic()
    }
}

/// What a `replace` whose filter matches nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchMiss {
    /// Appends an element made of the filter's values and the new one; unknown attributes are passed
    /// over.
    Create,
    /// 400 `noTarget`.
    Error,
}

/// What answers a successful PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchResponse {
    /// Users with the resource, groups with nothing, either with the resource if `attributes` asks.
    Auto,
    /// 200 with the resource.
    Representation,
    /// 204.
    Empty,
}

/// What a PUT without `active` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmittedActive {
    /// As it was: an incomplete request must not re-enable an account.
    Keep,
    /// Active.
    True,
}

/// What `filter` on a discovery endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterOnDiscovery {
    /// Nothing.
    Ignore,
    /// 403.
    Refuse,
}

/// How a member's id is compared with those of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberIds {
    /// A UUID that differs in case alone from that of a resource is that one.
    AnyCase,
    /// Character by character.
    Exact,
}

/// What an answer says of a group that has no members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyMembers {
    /// `"members": []`.
    Show,
    /// Nothing.
    Omit,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn absent_is_generic_and_unknown_is_refused() {
        assert_eq!(from_value::<Settings>(json!({})).unwrap(), Settings::generic());
        assert_eq!(
            from_value::<Settings>(
                json!({"patch_miss": "error", "lenient_booleans": false, "require_schemas": true,
                    "member_ids": "exact"})
            )
            .unwrap(),
            Settings::strict()
        );
        assert!(from_value::<Settings>(json!({"patch_mis": "error"})).is_err());
        assert!(from_value::<Settings>(json!({"patch_miss": "Create"})).is_err());
        let limited = from_value::<Settings>(json!({"requests_per_second_max": 20})).unwrap();
        assert_eq!(limited, Settings { requests_per_second_max: 20, ..Settings::generic() });
        assert_eq!(Settings::strict().requests_per_second_max, 0);
        assert!(from_value::<Settings>(json!({"requests_per_second_max": -1})).is_err());
    }

    #[test]
    fn round_trip() {
        for settings in [Settings::generic(), Settings::strict()] {
            let value = to_value(&settings).unwrap();
            assert_eq!(from_value::<Settings>(value).unwrap(), settings);
        }
    }
}
