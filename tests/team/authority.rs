//! What no role may do: change one's own membership, give what one lacks, leave the organisation without an administrator.

use futures::future::join;
use serde_json::json;

use crate::support::{Admin, Deployment, on_both};

on_both!(nobody_changes_or_removes_themselves);
async fn nobody_changes_or_removes_themselves(deployment: Deployment) {
    // Another administrator, so that being the last one is not the reason.
    deployment.admin.hire("organisation_admin").await;
    let own = deployment.admin.who.clone();
    for change in [json!({"role": "viewer"}), json!({"grant": ["pos:cash"]}), json!({"revoke": ["pos:cash"]}), json!({"active": false})] {
        deployment.admin.try_change(&own, change).await.problem(409, "own_membership");
    }
    deployment.admin.client.delete(&format!("/v1/team/{}", own.id)).await.problem(409, "own_membership");
    deployment.admin.client.get("/v1/team").await.ok(200);
}

on_both!(the_last_administrator_stays);
async fn the_last_administrator_stays(deployment: Deployment) {
    let deputy = deputy(&deployment).await;
    let last = deployment.admin.who.clone();
    for change in [json!({"role": "viewer"}), json!({"active": false})] {
        deputy.try_change(&last, change).await.problem(409, "last_administrator");
    }
    deputy.client.delete(&format!("/v1/team/{}", last.id)).await.problem(409, "last_administrator");
}

on_both!(a_suspended_administrator_does_not_count);
async fn a_suspended_administrator_does_not_count(deployment: Deployment) {
    let deputy = deputy(&deployment).await;
    let second = deployment.admin.hire("organisation_admin").await;
    deployment.admin.change(&second, json!({"active": false})).await;
    let last = deployment.admin.who.clone();
    deputy.try_change(&last, json!({"role": "viewer"})).await.problem(409, "last_administrator");
    deployment.admin.change(&second, json!({"active": true})).await;
    deputy.change(&last, json!({"role": "viewer"})).await;
}

on_both!(two_administrators_who_demote_each_other_leave_one);
async fn two_administrators_who_demote_each_other_leave_one(deployment: Deployment) {
    let other = deployment.admin.hire("organisation_admin").await;
    let one = deployment.admin.clone();
    for round in 0..6 {
        let rival = Admin { client: other.signed_in(deployment.turn(round + 1)).await.client, who: other.clone() };
        let demote = json!({"role": "viewer"});
        let (first, second) = join(one.try_change(&rival.who, demote.clone()), rival.try_change(&one.who, demote)).await;
        assert_eq!([&first, &second].iter().filter(|answer| answer.status == 200).count(), 1, "{first} · {second}");

        let (left, demoted) = if first.status == 200 { (&one, &rival) } else { (&rival, &one) };
        let admins = left.client.get("/v1/team?role=organisation_admin").await.ok(200);
        assert_eq!(admins["items"].as_array().unwrap().len(), 1, "{admins}");
        left.change(&demoted.who, json!({"role": "organisation_admin"})).await;
    }
}

on_both!(nobody_grants_what_they_lack);
async fn nobody_grants_what_they_lack(deployment: Deployment) {
    let deputy = deputy(&deployment).await;
    let member = deployment.admin.hire("scanner").await;
    let refused = deputy.try_change(&member, json!({"grant": ["finance:view"]})).await;
    assert_eq!(refused.problem(403, "permission_missing")["permission"], "finance:view");
    deputy.change(&member, json!({"grant": ["pos:cash"]})).await;

    // The table gives `pos:door` to the door operator alone: an administrator lacks it too.
    let refused = deployment.admin.try_change(&member, json!({"grant": ["pos:door"]})).await;
    assert_eq!(refused.problem(403, "permission_missing")["permission"], "pos:door");
}

/// A member who manages the team and is no Organisation Admin.
async fn deputy(deployment: &Deployment) -> Admin {
    let who = deployment.admin.hire("box_office").await;
    deployment.admin.change(&who, json!({"grant": ["team:view", "team:manage"]})).await;
    Admin { client: who.signed_in(deployment.b()).await.client, who }
}
