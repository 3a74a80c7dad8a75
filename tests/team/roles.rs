//! The table of roles and permissions, whole, and what is granted and revoked on top of it.

use serde_json::json;

use crate::support::{Deployment, on_both, words};

/// Every permission of the contract.
const ALL: [&str; 15] = [
    "team:view",
    "team:manage",
    "settings:manage",
    "devices:manage",
    "events:manage",
    "guestlist:manage",
    "events:view",
    "entry:scan",
    "guestlist:checkin",
    "pos:boxoffice",
    "pos:door",
    "pos:cash",
    "sales:summary",
    "sales:view",
    "finance:view",
];

/// The permissions of each role, word for word from "Who may".
const TABLE: [(&str, &[&str]); 8] = [
    (
        "organisation_admin",
        &[
            "team:view",
            "team:manage",
            "settings:manage",
            "devices:manage",
            "events:manage",
            "guestlist:manage",
            "events:view",
            "entry:scan",
            "guestlist:checkin",
            "pos:boxoffice",
            "pos:cash",
            "sales:summary",
            "sales:view",
            "finance:view",
        ],
    ),
    (
        "event_manager",
        &["devices:manage", "events:manage", "guestlist:manage", "events:view", "entry:scan", "guestlist:checkin", "sales:summary"],
    ),
    ("finance_manager", &["events:view", "sales:summary", "sales:view", "finance:view"]),
    ("scanner", &["events:view", "entry:scan", "guestlist:checkin"]),
    ("viewer", &["events:view", "sales:summary"]),
    ("box_office", &["events:view", "entry:scan", "guestlist:checkin", "pos:boxoffice", "pos:cash"]),
    ("door_operator", &["events:view", "entry:scan", "guestlist:checkin", "pos:door", "pos:cash"]),
    ("none", &[]),
];

on_both!(every_role_has_exactly_its_permissions);
async fn every_role_has_exactly_its_permissions(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    for (role, wanted) in TABLE {
        let member = deployment.admin.hire_for(role, &[&event]).await;
        let held = member.signed_in(deployment.b()).await.permissions().await;
        for permission in ALL {
            let (should, does) = (wanted.contains(&permission), held.iter().any(|held| held == permission));
            assert_eq!(does, should, "{role} and {permission}");
        }
        assert_eq!(held.len(), wanted.len(), "{role} holds more than the contract knows: {held:?}");
    }
}

on_both!(a_scanner_session_carries_entry_permissions_only);
async fn a_scanner_session_carries_entry_permissions_only(deployment: Deployment) {
    for role in ["organisation_admin", "event_manager", "box_office"] {
        let member = deployment.admin.hire(role).await;
        let held = deployment.admin.phone(&member).await.permissions().await;
        assert!(held.contains(&"entry:scan".to_owned()), "{role}: {held:?}");
        let entry = ["entry:scan", "guestlist:checkin", "events:view"];
        assert!(held.iter().all(|held| entry.contains(&held.as_str())), "{role}: {held:?}");
    }
}

on_both!(a_single_permission_is_granted_and_revoked_in_force_at_once);
async fn a_single_permission_is_granted_and_revoked_in_force_at_once(deployment: Deployment) {
    let manager = deployment.admin.hire("event_manager").await;
    let signed_in = manager.signed_in(deployment.b()).await;
    let granted = deployment.admin.change(&manager, json!({"grant": ["finance:view"]})).await;
    assert!(words(&granted["permissions"]).contains(&"finance:view".to_owned()), "{granted}");
    assert!(signed_in.permissions().await.contains(&"finance:view".to_owned()));

    deployment.admin.change(&manager, json!({"revoke": ["finance:view", "entry:scan"]})).await;
    let held = signed_in.permissions().await;
    assert!(!held.contains(&"finance:view".to_owned()) && !held.contains(&"entry:scan".to_owned()), "{held:?}");

    deployment.admin.change(&manager, json!({"grant": ["entry:scan"]})).await;
    assert!(signed_in.permissions().await.contains(&"entry:scan".to_owned()));
}

on_both!(a_new_role_clears_the_grants_and_keeps_the_revokes);
async fn a_new_role_clears_the_grants_and_keeps_the_revokes(deployment: Deployment) {
    let member = deployment.admin.hire("box_office").await;
    deployment.admin.change(&member, json!({"grant": ["sales:view"], "revoke": ["pos:cash"]})).await;
    let moved = deployment.admin.change(&member, json!({"role": "door_operator"})).await;
    let held = words(&moved["permissions"]);
    assert!(!held.contains(&"sales:view".to_owned()), "the grant went with the role: {held:?}");
    assert!(!held.contains(&"pos:cash".to_owned()), "the revoke stays: {held:?}");
    assert!(held.contains(&"pos:door".to_owned()), "{held:?}");
    let signed_in = member.signed_in(deployment.b()).await;
    assert_eq!(signed_in.permissions().await.len(), held.len());
}
