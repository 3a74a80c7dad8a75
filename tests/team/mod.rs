//! Who belongs to the organisation, what each member may do, and who may change that.

mod authority;
mod roles;

use serde_json::{Value, json};

use crate::support::{Deployment, ids_of, on_both};

on_both!(an_administrator_hires_and_everybody_is_listed);
async fn an_administrator_hires_and_everybody_is_listed(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let body = deployment.admin.new_member("door_operator", &[&event]);
    let member = deployment.admin.client.post("/v1/team", &body).await.ok(201);
    for name in ["name", "username", "email"] {
        assert_eq!(member["user"][name], body[name]);
    }
    assert_eq!((&member["role"], &member["status"]), (&json!("door_operator"), &json!("active")));
    assert_eq!(ids_of(&member["events"]), [event.id]);
    assert!(!member.to_string().contains(body["password"].as_str().unwrap()));

    let everybody = deployment.b().with_token(deployment.admin.client.token()).get("/v1/team").await.ok(200);
    let mut names: Vec<_> = everybody["items"].as_array().unwrap().iter().map(|item| item["user"]["username"].clone()).collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, [json!(deployment.admin.who.username), body["username"].clone()]);
}

on_both!(the_team_is_searched_by_name_and_role);
async fn the_team_is_searched_by_name_and_role(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    deployment.admin.hire("viewer").await;
    for query in ["role=scanner".to_owned(), format!("q={}", scanner.username)] {
        let found = deployment.admin.client.get(&format!("/v1/team?{query}")).await.ok(200);
        let users: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| item["user"]["id"].clone()).collect();
        assert_eq!(users, [json!(scanner.id)], "{query}");
    }
}

on_both!(a_username_is_taken_once);
async fn a_username_is_taken_once(deployment: Deployment) {
    let body = deployment.admin.new_member("scanner", &[]);
    deployment.admin.client.post("/v1/team", &body).await.ok(201);
    let mut again = deployment.admin.new_member("viewer", &[]);
    again["username"] = body["username"].clone();
    deployment.admin.client.post("/v1/team", &again).await.problem(409, "name_taken");
}

on_both!(what_is_sent_for_a_member_is_checked);
async fn what_is_sent_for_a_member_is_checked(deployment: Deployment) {
    let refused = |name: &str, value: Value| {
        let mut body = deployment.admin.new_member("scanner", &[]);
        body[name] = value;
        let client = deployment.admin.client.clone();
        async move { client.post("/v1/team", &body).await }
    };
    refused("role", json!("emperor")).await.invalid_at("/role");
    refused("password", json!("short")).await.invalid_at("/password");
    refused("name", json!("")).await.invalid_at("/name");
    refused("rôle", json!("scanner")).await.problem(422, "invalid_body");
    let member = deployment.admin.hire("scanner").await;
    deployment.admin.try_change(&member, json!({"grant": ["pos:everything"]})).await.problem(422, "invalid_body");
    deployment.admin.try_change(&member, json!({"rolle": "viewer"})).await.problem(422, "invalid_body");
}

on_both!(only_who_manages_the_team_changes_it);
async fn only_who_manages_the_team_changes_it(deployment: Deployment) {
    let target = deployment.admin.hire("scanner").await;
    for role in ["event_manager", "finance_manager", "scanner", "viewer", "box_office", "door_operator", "none"] {
        let signed_in = deployment.admin.hire(role).await.signed_in(deployment.b()).await;
        let path = format!("/v1/team/{}", target.id);
        let refusals = [
            signed_in.client.post("/v1/team", &deployment.admin.new_member("scanner", &[])).await,
            signed_in.client.patch(&path, &json!({"role": "viewer"})).await,
            signed_in.client.put(&format!("{path}/events"), &json!({"events": []})).await,
            signed_in.client.delete(&path).await,
        ];
        for refusal in refusals {
            assert_eq!(refusal.problem(403, "permission_missing")["permission"], "team:manage", "{role}");
        }
        assert_eq!(signed_in.client.get("/v1/team").await.problem(403, "permission_missing")["permission"], "team:view");
    }
}

on_both!(who_is_removed_is_gone_from_this_house);
async fn who_is_removed_is_gone_from_this_house(deployment: Deployment) {
    let scanner = deployment.admin.hire("scanner").await;
    deployment.admin.remove(&scanner).await;
    let path = format!("/v1/team/{}", scanner.id);
    deployment.admin.client.delete(&path).await.problem(404, "not_found");
    deployment.admin.client.patch(&path, &json!({"role": "viewer"})).await.problem(404, "not_found");
    let left = deployment.admin.client.get("/v1/team").await.ok(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
}

on_both!(a_role_change_holds_at_once_on_every_gateway);
async fn a_role_change_holds_at_once_on_every_gateway(deployment: Deployment) {
    let event = deployment.admin.event("Gala").await;
    let member = deployment.admin.hire("none").await;
    let phone = deployment.admin.phone(&member).await.at(deployment.b());
    let refused = phone.try_scan(&event, "A-1").await;
    assert_eq!(refused.problem(403, "permission_missing")["permission"], "entry:scan");

    deployment.admin.change(&member, json!({"role": "scanner"})).await;
    phone.refuses(&event, "A-1", "unknown_ticket").await;
    deployment.admin.change(&member, json!({"role": "finance_manager"})).await;
    phone.try_scan(&event, "A-1").await.problem(403, "permission_missing");
}

on_both!(a_search_for_odd_characters_finds_nobody);
async fn a_search_for_odd_characters_finds_nobody(deployment: Deployment) {
    for odd in ["%00", "%25", "_%5C", "%F0%9F%8E%AB"] {
        let found = deployment.admin.client.get(&format!("/v1/team?q={odd}")).await.ok(200);
        let expected = if odd == "%00" { 1 } else { 0 };
        assert_eq!(found["items"].as_array().unwrap().len(), expected, "{odd}: {found}");
    }
}
