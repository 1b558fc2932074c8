//! Settings of an application, for points where identity providers contradict the RFC or each other.

use serde::{Deserialize, Serialize};

/// The settings of one application. The default is the lenient profile `generic`, which works with every
/// provider we know; [`Settings::strict`] follows the RFC where they differ.
///
/// In configuration, names and values are in snake case, unknown names are refused, and absent ones are
/// as in `generic`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What a `replace` does whose filter matches nothing (RFC 7644 §3.5.2.3), and an operation on an
    /// attribute that no schema has.
    pub patch_miss: PatchMiss,
    /// Whether the strings `"True"` and `"False"`, in any case, are accepted as booleans.
    pub lenient_booleans: bool,
    /// How a successful PATCH is answered.
    pub patch_response: PatchResponse,
    /// What a PUT without `active` means.
    pub omitted_active: OmittedActive,
    /// Whether a POST for an inactive user of the same name reactivates that user.
    pub reactivate_on_post: bool,
    /// Whether a second group with the same display name is refused. The RFC leaves this open.
    pub unique_group_names: bool,
    /// What `filter` on a discovery endpoint does (RFC 7644 §4).
    pub filter_on_discovery: FilterOnDiscovery,
    /// Whether the body of a write must have the right `schemas` (RFC 7643 §3, RFC 7644 §3.5.2).
    pub require_schemas: bool,
    /// Whether the letter case of a member's id must be exact (RFC 7643 §3.1, `id` is caseExact).
    pub member_ids: MemberIds,
    /// How an answer shows a group without members (RFC 7643 §2.5 allows both).
    pub empty_members: EmptyMembers,
    /// Request units that all clients of the application may use in a second, on average; 0: no limit.
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
    /// Appends an element made of the filter's values and the new value; unknown attributes are ignored.
    Create,
    /// 400 `noTarget`.
    Error,
}

/// How a successful PATCH is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchResponse {
    /// 200 with the resource for users and if the client sends `attributes`, else 204.
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
    /// Unchanged: an incomplete request must not enable an account.
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
